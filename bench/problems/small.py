"""Systems of fixed size, written number by number, and fits: structure does not matter here.

Sources: Robertson's reaction, HIRES, POLLU (Verwer 1994) and Pleiades, as the "Test Set for IVP
Solvers" (Mazzia, Magherini 2008) states them; models and data of NIST's Statistical Reference
Datasets.
"""

import numpy as np

from problems import regression
from problems.problem import Case, problem


def listed(f):
    """A twin of an f that returns a list of numbers."""
    return lambda x: np.stack(f(x))


@problem("small", (3,))
def robertson(n):
    def f(y):
        slow = 0.04 * y[0]
        middle = 1e4 * y[1] * y[2]
        fast = 3e7 * y[1] ** 2
        return [middle - slow, slow - middle - fast, fast]

    return Case(f, np.array([0.8, 3e-5, 0.2]), listed(f))


@problem("small", (8,))
def hires(n):
    """Eight species that respond to light."""

    def rates(y):
        bound = 280.0 * y[5] * y[7]
        return [
            -1.71 * y[0] + 0.43 * y[1] + 8.32 * y[2] + 0.0007,
            1.71 * y[0] - 8.75 * y[1],
            -10.03 * y[2] + 0.43 * y[3] + 0.035 * y[4],
            8.32 * y[1] + 1.71 * y[2] - 1.12 * y[3],
            -1.745 * y[4] + 0.43 * y[5] + 0.43 * y[6],
            -bound + 0.69 * y[3] + 1.71 * y[4] - 0.43 * y[5] + 0.69 * y[6],
            bound - 1.81 * y[6],
            -bound + 1.81 * y[6],
        ]

    start = np.array([0.7, 0.14, 0.06, 0.9, 0.2, 0.8, 0.005, 0.0007])
    return Case(lambda y: np.array(rates(y)), start, listed(rates))


# POLLU, reaction by reaction: rate constant, the species that react, the species that they make.
POLLU = (
    (0.35, (0,), (1, 2)),
    (26.6, (1, 3), (0,)),
    (1.23e4, (4, 1), (0, 5)),
    (8.6e-4, (6,), (4, 4, 7)),
    (8.2e-4, (6,), (7,)),
    (1.5e4, (6, 5), (4, 7)),
    (1.3e-4, (8,), (4, 7, 9)),
    (2.4e4, (8, 5), (10,)),
    (1.65e4, (10, 1), (0, 9, 11)),
    (9e3, (10, 0), (12,)),
    (0.022, (12,), (0, 10)),
    (1.2e4, (9, 1), (0, 13)),
    (1.88, (13,), (4, 6)),
    (1.63e4, (0, 5), (14,)),
    (4.8e6, (2,), (3,)),
    (3.5e-4, (3,), (15,)),
    (0.0175, (3,), (2,)),
    (1e8, (15,), (5, 5)),
    (4.44e11, (15,), (2,)),
    (1.24e3, (16, 5), (4, 17)),
    (2.1, (18,), (1,)),
    (5.78, (18,), (0, 2)),
    (0.0474, (0, 3), (18,)),
    (1.78e3, (18, 0), (19,)),
    (3.12, (19,), (0, 18)),
)


@problem("small", (20,))
def pollu(n):
    """Twenty species of polluted air."""
    change = np.zeros((n, len(POLLU)))
    for j, (_, taken, made) in enumerate(POLLU):
        np.add.at(change[:, j], list(taken), -1.0)
        np.add.at(change[:, j], list(made), 1.0)

    def rates(y):
        found = []
        for constant, taken, _ in POLLU:
            rate = constant
            for species in taken:
                rate = rate * y[species]
            found.append(rate)
        return found

    def f(y):
        return change @ np.array(rates(y))

    def twin(y):
        return change @ np.stack(rates(y))

    return Case(f, 0.01 + 0.1 * np.sin(np.arange(n)) ** 2, twin)


@problem("small", (28,))
def pleiades(n):
    """Seven stars in the plane that attract each other."""
    mass = np.arange(1.0, 8.0)
    itself = np.eye(7)

    def f(w):
        x, y, u, v = w[:7], w[7:14], w[14:21], w[21:]
        dx, dy = x[None, :] - x[:, None], y[None, :] - y[:, None]
        cubed = (dx**2 + dy**2 + itself) ** 1.5
        return np.concatenate([u, v, np.sum(mass * dx / cubed, 1), np.sum(mass * dy / cubed, 1)])

    x = [3.0, 3.0, -1.0, -3.0, 2.0, -2.0, 2.0]
    y = [3.0, -3.0, 2.0, 0.0, 0.0, -4.0, 4.0]
    u = [0.0, 0.0, 0.0, 0.0, 0.0, 1.75, -1.5]
    v = [0.0, 0.0, 0.0, -1.25, 1.0, 0.0, 0.0]
    return Case(f, np.array(x + y + u + v))


def nist_case(name):
    """The residuals of one of NIST's fits at the first starting point."""
    data = regression.DataSet(name)
    model, t, y = data.model, data.x, data.y
    return Case(lambda b: model(b, t) - y, data.starts[0].copy())


@problem("small", (2,))
def nist_misra1a(n):
    return nist_case("Misra1a")


@problem("small", (7,))
def nist_thurber(n):
    return nist_case("Thurber")
