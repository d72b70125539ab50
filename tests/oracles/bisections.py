"""Functions that find roots by halving, which have no derivative of the root, and others that do.

The residual is known by its implicit derivative.
"""

import numpy as np

POINT = np.array([2.0, 0.3])


def residual(y, p):
    return y**3 + p[1] * y - p[0]


def slopes(y, p):
    """The derivative of the root `y` of `residual` with respect to p."""
    return np.array([1.0, -y]) / (3 * y**2 + p[1])


def ends_that_move(p, tol=1e-6):
    low, high = 0.0 * p[0], p[0] + p[1]
    while high - low > tol:
        middle = (low + high) / 2
        if residual(middle, p) > 0:
            high = middle
        else:
            low = middle
    return (low + high) / 2


def constant_ends(p, tol=1e-6):
    low, high = 0.0, 9.0
    while high - low > tol:
        middle = (low + high) / 2
        low, high = (low, middle) if residual(middle, p) > 0 else (middle, high)
    return low * p[1]


def signs_multiplied(p):
    low, high = 0.0, 9.0
    for _ in range(40):
        middle = (low + high) / 2
        if residual(low, p) * residual(middle, p) < 0:
            high = middle
        else:
            low = middle
    return low * p[1]


def signs_compared(p):
    low, high = 0.0, 9.0
    for _ in range(40):
        middle = (low + high) / 2
        if np.sign(residual(low, p)) == np.sign(residual(middle, p)):
            low = middle
        else:
            high = middle
    return low * p[1]


def against_numbers(p):
    low, high = 0.0, 9.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if p[0] < middle**2 else (middle, high)
    return low * p[1]


def by_ufunc(p):
    low, high = 0.0, 9.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if np.greater(residual(middle, p), 0) else (middle, high)
    return low * p[1]


def many_at_once(p):
    low, high = np.zeros(3), np.full(3, 9.0)
    for _ in range(40):
        middle = (low + high) / 2
        above = middle**3 + middle > np.stack([p[0], p[1], p[0] * p[1]])
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return low * p[0]


HALVING = [
    ends_that_move, constant_ends, signs_multiplied, signs_compared, against_numbers, by_ufunc,
    many_at_once,
]  # fmt: skip


# --- What converges with its derivative


def newton(p):
    y = 3.0
    for _ in range(30):
        step = residual(y, p) / (3 * y**2 + p[1])
        y = y - step if step > 0 else y - step * 1.0
    return y


def illinois(p):
    a, b = 0.1, 9.0
    at_a, at_b = residual(a, p), residual(b, p)
    for _ in range(40):
        if abs(at_b) < 1e-12:
            break
        c = b - at_b * (b - a) / (at_b - at_a)
        at_c = residual(c, p)
        if at_c * at_b < 0:
            a, at_a = b, at_b
        else:
            at_a = at_a / 2
        b, at_b = c, at_c
    return b
