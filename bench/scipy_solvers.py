"""What does `scipy_jac` gain a user of SciPy's solvers over their default differences?

Each solver on a problem whose answer is published or closed, once as SciPy does it by default and
once with `scipy_jac`: calls of f, seconds, and correct digits of the answer.

    python bench/scipy_solvers.py [--only NAME ...] [--repeat N]

Seconds are the least of N runs, both sides in turn; a new `scipy_jac` each time, so that what it
learns and prepares is part of it.  Calls of f are counted in a run of their own: plain calls and
those on dual numbers.  Digits are -log10 of the relative error, at most 15.

Goal: on every problem fewer calls, and as many digits, but for half a one that tolerances leave.

Problems: Thurber and MGH17 of NIST StRD (certified), and 1,000 resamples of Thurber; the
Lennard-Jones cluster of 13 atoms (energy -44.326801, Cambridge Cluster Database); Chandrasekhar's
H-equation, n = 100 (its residual; Kelley 1995); HIRES (Hairer and Wanner 1996, IV.10; reference
solution of the Test Set for IVP Solvers); the heat equation on 200 cells (exact solution of the
discrete system); Bratu's boundary value problem (closed form); problem 71 of Hock and Schittkowski
(optimum 17.0140173).
"""

import argparse
import sys
import time
import warnings

import numpy as np
from problems.regression import MODELS, DataSet
from scipy.integrate import solve_bvp, solve_ivp
from scipy.optimize import NonlinearConstraint, brentq, curve_fit, least_squares, minimize, root
from tools import checkout  # noqa: F401

import dualmc as dm


class Plain:
    """f with SciPy's own differences: what `scipy_jac` has for a derivative is not there."""

    value_and_jac = None

    def __init__(self, f, default):
        self.fun, self.jac = f, default


def sides(f, default, *solver, **options):
    """The two ways to be compared: differences, and `scipy_jac`."""
    return {
        "differences": lambda g: Plain(g, default),
        "scipy_jac": lambda g: dm.scipy_jac(g, *solver, **options),
    }


# --- Problems: f, the two sides, a run with one of them, and the digits of what it finds ----------


def digits(found, expected):
    found, expected = np.atleast_1d(found), np.atleast_1d(expected)
    error = np.max(np.abs(found - expected) / np.abs(expected))
    return float(np.clip(-np.log10(max(error, 1e-99)), 0.0, 15.0))


def fit(name):
    data = DataSet(name)

    def f(b):
        return data.residual(b)

    def run(J):
        tight = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15, "x_scale": "jac", "max_nfev": 2000}
        return digits(least_squares(J.fun, data.starts[1], jac=J.jac, **tight).x, data.certified)

    return f, sides(f, "2-point"), run


def curve(name):
    data, model = DataSet(name), MODELS[name]

    def f(x, *b):
        return model(b, x)

    def run(J):
        tight = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15, "maxfev": 20000}
        found, _ = curve_fit(J.fun, data.x, data.y, data.starts[1], jac=J.jac, **tight)
        return digits(found, data.certified)

    return f, sides(f, None, "curve_fit"), run


def bootstrap(name, count=1000):
    """The same fit to resampled residuals, many times: where machine code pays."""
    data, model = DataSet(name), MODELS[name]
    rng = np.random.default_rng(0)
    fitted = model(data.certified, data.x)
    samples = [fitted + rng.choice(data.y - fitted, data.y.size) for _ in range(count)]

    def f(x, *b):
        return model(b, x)

    def fits(J, **options):
        start = data.certified
        return np.array([curve_fit(J.fun, data.x, y, start, jac=J.jac, **options)[0]
                         for y in samples])  # fmt: skip

    tight = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15, "maxfev": 20000}
    expected = fits(dm.scipy_jac(f, "curve_fit"), **tight)
    return f, sides(f, None, "curve_fit"), lambda J: digits(fits(J), expected)


def cluster():
    golden = (1 + np.sqrt(5)) / 2
    shell = [(0, a, b * golden) for a in (1, -1) for b in (1, -1)]
    shell = np.array([np.roll(p, k) for p in shell for k in range(3)])
    start = np.concatenate([np.zeros((1, 3)), 0.6 * shell])
    start += 0.02 * np.random.default_rng(0).standard_normal(start.shape)
    i, j = np.triu_indices(13, 1)

    def f(x):
        p = x.reshape(13, 3)
        inverse = 1 / np.sum((p[i] - p[j]) ** 2, axis=1) ** 3
        return 4 * np.sum(inverse**2 - inverse)

    def run(J):
        found = minimize(J.fun, start.ravel(), jac=J.jac, method="BFGS", options={"gtol": 1e-7})
        return min(digits(found.fun, -44.326801), 8.0)  # as many are published

    return f, sides(f, None, "minimize"), run


def transport():
    n, c = 100, 0.99
    mu = (np.arange(n) + 0.5) / n
    weights = c / (2 * n) * mu[:, None] / (mu[:, None] + mu)

    def f(h):
        return h - 1 / (1 - weights @ h)

    def run(J):
        found = root(J.fun, np.ones(n), jac=J.jac, tol=1e-14)
        return min(15.0, -np.log10(max(np.abs(f(found.x)).max(), 1e-99)))

    return f, sides(f, None), run


HIRES = np.array(
    [0.7371312573325668e-3, 0.1442485726316185e-3, 0.5888729740967575e-4, 0.1175651343283149e-2,
     0.2386356198831331e-2, 0.6238968252742796e-2, 0.2849998395185769e-2, 0.2850001604814231e-2]
)  # fmt: skip


def hires(method):
    def f(t, y):
        bound = 280.0 * y[5] * y[7]
        return np.array(
            [
                -1.71 * y[0] + 0.43 * y[1] + 8.32 * y[2] + 0.0007,
                1.71 * y[0] - 8.75 * y[1],
                -10.03 * y[2] + 0.43 * y[3] + 0.035 * y[4],
                8.32 * y[1] + 1.71 * y[2] - 1.12 * y[3],
                -1.745 * y[4] + 0.43 * (y[5] + y[6]),
                -bound + 0.69 * y[3] + 1.71 * y[4] - 0.43 * y[5] + 0.69 * y[6],
                bound - 1.81 * y[6],
                -bound + 1.81 * y[6],
            ]
        )

    def run(J):
        y0 = [1, 0, 0, 0, 0, 0, 0, 0.0057]
        f = J.fun if type(J) is Plain else J._f  # stiff solvers share few points with the Jacobian
        found = solve_ivp(f, (0, 321.8122), y0, method, jac=J.jac, rtol=1e-9, atol=1e-12)
        return digits(found.y[:, -1], HIRES)

    return f, sides(f, None, "solve_ivp"), run


def heat(method):
    n = 200
    modes = np.sin(np.pi * np.arange(1, n + 1) / (n + 1))
    rate = 4 * (n + 1) ** 2 * np.sin(np.pi / (2 * (n + 1))) ** 2
    bands = {"lband": 1, "uband": 1} if method == "LSODA" else {}

    def f(t, u):
        wall = np.zeros(1)
        left, right = np.concatenate([wall, u[:-1]]), np.concatenate([u[1:], wall])
        return (n + 1) ** 2 * (left - 2 * u + right)

    def run(J):
        f = J.fun if type(J) is Plain else J._f
        found = solve_ivp(f, (0, 0.2), modes, method, jac=J.jac, rtol=1e-8, atol=1e-11, **bands)
        return digits(found.y[:, -1], modes * np.exp(-0.2 * rate))

    return f, sides(f, None, "solve_ivp", sparse=("banded", 1, 1) if bands else True), run


def bratu():
    theta = brentq(lambda q: q - np.sqrt(2.0) * np.cosh(q / 4), 0.5, 3.0, xtol=1e-15)

    def f(x, y):
        return np.stack([y[1], -np.exp(y[0])])

    def ends(ya, yb):
        return np.array([ya[0], yb[0]])

    def run(J):
        x = np.linspace(0, 1, 11)
        jac = {} if J.jac is None else {"fun_jac": J.jac}
        found = solve_bvp(J.fun, ends, x, np.zeros((2, 11)), tol=1e-9, max_nodes=20000, **jac)
        inner = np.linspace(0.1, 0.9, 9)
        exact = -2 * np.log(np.cosh((inner - 0.5) * theta / 2) / np.cosh(theta / 4))
        return digits(found.sol(inner)[0], exact)

    return f, sides(f, None, "solve_bvp"), run


def hock_schittkowski():
    def f(x):
        return [x[0] * x[1] * x[2] * x[3] - 25, 40 - np.sum(x * x)]

    cost = dm.scipy_jac(lambda x: x[0] * x[3] * (x[0] + x[1] + x[2]) + x[2], "minimize")

    def run(J):
        inside = NonlinearConstraint(J.fun, [0, 0], [np.inf, 0], jac=J.jac)
        found = minimize(
            cost.fun, [1.0, 5.0, 5.0, 1.0], jac=cost.jac, method="SLSQP", bounds=[(1, 5)] * 4,
            constraints=[inside], options={"ftol": 1e-12},
        )  # fmt: skip
        return min(digits(found.fun, 17.0140173), 9.0)  # as many are published

    return f, sides(f, "2-point", "NonlinearConstraint"), run


PROBLEMS = {
    "least_squares Thurber": lambda: fit("Thurber"),
    "least_squares MGH17": lambda: fit("MGH17"),
    "curve_fit Thurber": lambda: curve("Thurber"),
    "curve_fit bootstrap": lambda: bootstrap("Thurber"),
    "minimize BFGS LJ13": cluster,
    "root H-equation": transport,
    "solve_ivp Radau HIRES": lambda: hires("Radau"),
    "solve_ivp BDF HIRES": lambda: hires("BDF"),
    "solve_ivp LSODA HIRES": lambda: hires("LSODA"),
    "solve_ivp BDF heat": lambda: heat("BDF"),
    "solve_ivp LSODA heat": lambda: heat("LSODA"),
    "solve_bvp Bratu": bratu,
    "constraint HS71": hock_schittkowski,
}


# --- Measuring ------------------------------------------------------------------------------------


def measured(name, repeat):
    """Per side: calls of f, seconds and digits."""
    f, ways, run = PROBLEMS[name]()
    found = {}
    for side, make in ways.items():
        calls = []

        def counted(*args, calls=calls):
            calls.append(None)
            return f(*args)

        run(make(counted))
        found[side] = [len(calls), np.inf, run(make(f))]
    for _ in range(repeat):
        for side, make in ways.items():
            J = make(f)
            start = time.perf_counter()
            run(J)
            found[side][1] = min(found[side][1], time.perf_counter() - start)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", default=list(PROBLEMS), choices=PROBLEMS)
    parser.add_argument("--repeat", type=int, default=3)
    args = parser.parse_args()
    warnings.filterwarnings("ignore", "Equality and inequality constraints are specified in")
    print(f"{'':<24}{'calls of f':>20}{'':>8}{'milliseconds':>20}{'':>8}{'digits':>14}")
    print(f"{'':<24}{'differences':>12}{'ours':>8}{'ratio':>8}"
          f"{'differences':>12}{'ours':>8}{'ratio':>8}{'diff.':>8}{'ours':>6}")  # fmt: skip
    missed = []
    for name in args.only:
        with np.errstate(all="ignore"):
            found = measured(name, args.repeat)
        (n, s, d), (m, q, e) = found["differences"], found["scipy_jac"]
        times = f"{1e3 * s:>12.1f}{1e3 * q:>8.1f}{s / q:>8.2f}"
        print(f"{name:<24}{n:>12}{m:>8}{n / m:>8.1f}{times}{d:>8.1f}{e:>6.1f}", flush=True)
        if m >= n or e < d - 0.5:
            missed.append(name)
    print("goal met" if not missed else f"goal missed: {', '.join(missed)}")
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
