"""What judges a derivative, in plain NumPy only: the complex step and extrapolated differences.

References: Squire and Trapp (1998) for the complex step, Richardson (1911).
"""

from itertools import pairwise

import numpy as np


def stacked_last(columns, x):
    """Derivatives with respect to the entries of x, in order, as one array y.shape + x.shape."""
    return np.moveaxis(np.array(columns), 0, -1).reshape(np.shape(columns[0]) + x.shape)


def complex_step(f, x, step=1e-30):
    """Jacobian of an analytic `f`, to the last digits: no difference is taken."""
    columns = []
    for i in np.ndindex(x.shape):
        z = x.astype(complex)
        z[i] += 1j * step
        columns.append(np.imag(np.array(f(z))) / step)
    return stacked_last(columns, x)


def extrapolated(coarse_to_fine):
    """Richardson's limit of values whose step halves each time and whose error is even in it."""
    values, factor = list(coarse_to_fine), 1
    while len(values) > 1:
        factor *= 4
        values = [(factor * b - a) / (factor - 1) for a, b in pairwise(values)]
    return values[0]


def differences(f, x, step=1e-2):
    """Jacobian of `f` by central differences, extrapolated to order 8."""
    columns = []
    for i in np.ndindex(x.shape):

        def quotient(h, i=i):
            up, down = x.copy(order="K"), x.copy(order="K")
            up[i] += h
            down[i] -= h
            return (np.array(f(up)) - np.array(f(down))) / (2 * h)

        columns.append(extrapolated(quotient(step / 2**k) for k in range(4)))
    return stacked_last(columns, x)


def second_difference(f, x, v, step=1e-2):
    """Second derivative of ``t -> f(x + t*v)`` at 0, by differences extrapolated to order 8."""
    middle = np.array(f(x.copy()))

    def quotient(h):
        return (np.array(f(x + h * v)) - 2 * middle + np.array(f(x - h * v))) / h**2

    return extrapolated(quotient(step / 2**k) for k in range(4))


def among_dummies(f, x, dummies):
    """`f` as a function of a vector with `dummies` inputs that it does not look at."""
    z = np.concatenate([x.ravel(), np.linspace(-1.0, 1.0, dummies)])
    return lambda z: f(z[: x.size].reshape(x.shape)), z


def flattened(parts):
    """The arrays of a result one after the other, complex ones by their parts."""
    return np.concatenate([np.ravel(g(p)) for p in parts for g in by_parts(p)])


def by_parts(a):
    return (np.real, np.imag) if a.dtype.kind == "c" else (np.positive,)


def assert_close(expected, actual, rtol):
    """Relative to the largest entry, so that entries which cancel to 0 are compared with it."""
    scale = max(1.0, np.max(np.abs(expected), initial=0.0))
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=rtol * scale)
