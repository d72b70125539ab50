"""Central differences in machine code: what users of Numba write where they have no Jacobian.

The step balances the truncation, of order h^2, with rounding, of order eps / h.
"""

import numpy as np
from numba import njit

STEP = np.finfo(float).eps ** (1 / 3)


def gradient(f):
    """Of an f that returns a number."""

    @njit
    def differences(x):
        z = x.copy()
        g = np.empty(x.size)
        for j in range(x.size):
            h = STEP * max(1.0, abs(x[j]))
            z[j] = x[j] + h
            above = f(z)
            z[j] = x[j] - h
            g[j] = (above - f(z)) / (2.0 * h)
            z[j] = x[j]
        return g

    return differences


def jacobian(f):
    """Of an f that returns as many numbers as it takes."""

    @njit
    def differences(x):
        n = x.size
        z = x.copy()
        J = np.empty((n, n))
        for j in range(n):
            h = STEP * max(1.0, abs(x[j]))
            z[j] = x[j] + h
            above = f(z)
            z[j] = x[j] - h
            below = f(z)
            z[j] = x[j]
            for i in range(n):
                J[i, j] = (above[i] - below[i]) / (2.0 * h)
        return J

    return differences


def nonzeros(f, pattern):
    """The nonzeros of a sparse Jacobian, row by row: all columns of a colour at once."""
    indptr, indices, colours = pattern.indptr, pattern.indices, pattern.colours
    count = int(colours.max()) + 1

    @njit
    def differences(x):
        n = x.size
        steps = np.empty(n)
        for j in range(n):
            steps[j] = STEP * max(1.0, abs(x[j]))
        z = x.copy()
        values = np.empty(indices.size)
        for colour in range(count):
            for j in range(n):
                z[j] = x[j] + steps[j] if colours[j] == colour else x[j]
            above = f(z)
            for j in range(n):
                z[j] = x[j] - steps[j] if colours[j] == colour else x[j]
            below = f(z)
            for i in range(n):
                for place in range(indptr[i], indptr[i + 1]):
                    j = indices[place]
                    if colours[j] == colour:
                        values[place] = (above[i] - below[i]) / (2.0 * steps[j])
        return values

    return differences


def of(problem):
    """What `problem.jacobian` gives, by differences."""
    if problem.pattern is not None:
        return nonzeros(problem.f, problem.pattern)
    return gradient(problem.f) if problem.is_scalar else jacobian(problem.f)
