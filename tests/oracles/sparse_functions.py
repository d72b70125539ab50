"""Functions with sparse Jacobians, and a count of the columns that a function sees."""

import numpy as np

import dualmc as dm


class Counter:
    """`f`, counting its calls and the columns that each saw."""

    def __init__(self, f):
        self.f = f
        self.columns = []

    def __call__(self, x, *rest):
        first = next(a for a in (x, *rest) if isinstance(a, dm.Dual))
        self.columns.append(first.level.n)
        return self.f(x, *rest)

    @property
    def calls(self):
        return len(self.columns)


def burgers(u):
    left, right = np.roll(u, 1), np.roll(u, -1)
    return 0.5 * (left - 2 * u + right) - u * (right - left) / 2


def burgers_by_hand(u):
    """The same Jacobian in closed form."""
    n = u.size
    left, right = np.roll(u, 1), np.roll(u, -1)
    J = np.diag(-1.0 - (right - left) / 2)
    for i in range(n):
        J[i, i - 1] += 0.5 + u[i] / 2
        J[i, (i + 1) % n] += 0.5 - u[i] / 2
    return J


def brusselator(y):
    n = y.size // 2
    u, v = y[:n], y[n:]
    dy = np.empty_like(y)
    du, dv = dy[:n], dy[n:]
    uuv = u**2 * v
    du[:] = 1 + uuv - 4 * u
    dv[:] = 3 * u - uuv
    for d, w, ends in ((du, u, 1.0), (dv, v, 3.0)):
        d[1:-1] += 7.0 * (w[:-2] - 2 * w[1:-1] + w[2:])
        d[0] += 7.0 * (ends - 2 * w[0] + w[1])
        d[-1] += 7.0 * (w[-2] - 2 * w[-1] + ends)
    return dy
