"""Products of vectors and matrices, of Duals and of numbers: ``@``, ``np.dot``, ``np.vdot``.

The value is that of Numba's own product of the values, which is BLAS's; the partials are summed in
a loop over Duals.
"""

import operator

import numpy as np
from numba.core import types
from numba.extending import overload

from dualmc.compiled.arrays.levels import held_factors, settled
from dualmc.compiled.arrays.making import FIRST, common
from dualmc.compiled.arrays.methods import method
from dualmc.compiled.intrinsics import as_dual


def promoted_arrays(*kinds):
    """The Dual type of a combination of arrays, or None if it is none of ours."""
    if not all(isinstance(kind, types.Array) for kind in kinds):
        return None
    return common([kind.dtype for kind in kinds])


def product(a, b):
    """The product of vectors or matrices of which the values do not matter."""
    raise NotImplementedError


@overload(product)
def _product(a, b):
    T = promoted_arrays(a, b)
    if T is None or a.ndim > 2 or b.ndim > 2:
        return None
    return _BY_DIMENSIONS.get((a.ndim, b.ndim), lambda T: None)(T)


def _inner(T):
    def inner(a, b):
        s = as_dual(T, 0.0)
        for i in range(a.size):
            s = s + a[i] * b[i]
        return s

    return inner


def _on_vector(T):
    def on_vector(a, b):
        m, n = a.shape
        out = np.empty(m, T)
        for i in range(m):
            s = as_dual(T, 0.0)
            for j in range(n):
                s = s + a[i, j] * b[j]
            out[i] = s
        return out

    return on_vector


def _from_left(T):
    def from_left(a, b):
        n, m = b.shape
        out = np.empty(m, T)
        for j in range(m):
            s = as_dual(T, 0.0)
            for i in range(n):
                s = s + a[i] * b[i, j]
            out[j] = s
        return out

    return from_left


def _of_matrices(T):
    def of_matrices(a, b):
        m, k = a.shape
        n = b.shape[1]
        out = np.empty((m, n), T)
        for i in range(m):
            for j in range(n):
                s = as_dual(T, 0.0)
                for p in range(k):
                    s = s + a[i, p] * b[p, j]
                out[i, j] = s
        return out

    return of_matrices


_BY_DIMENSIONS = {(1, 1): _inner, (2, 1): _on_vector, (1, 2): _from_left, (2, 2): _of_matrices}


def _product_by(function):
    def chosen(a, b):
        T = promoted_arrays(a, b)
        if T is None or a.ndim > 2 or b.ndim > 2 or not a.ndim or not b.ndim:
            return None

        def multiplied(a, b):
            y = function(
                held_factors(T, a), held_factors(T, b)
            )  # raises if the shapes do not agree
            return settled(product(a, b), y)

        return multiplied

    return chosen


for _function in (np.dot, operator.matmul):
    overload(_function, **FIRST)(_product_by(_function))
method("dot")(_product_by(np.dot))


@overload(np.vdot, **FIRST)
def _vdot(a, b):
    T = promoted_arrays(a, b)
    if T is None or a.ndim != 1 or b.ndim != 1:
        return None
    return lambda a, b: settled(product(a, b), np.vdot(held_factors(T, a), held_factors(T, b)))
