"""Linear systems, inverses and powers of matrices of Duals."""

import numpy as np
from numba.core import types
from numba.extending import overload

from dualmc.compiled.arrays.levels import columns_of, from_columns, held_factors, settled
from dualmc.compiled.arrays.lines import bare, flat
from dualmc.compiled.arrays.making import FIRST
from dualmc.compiled.arrays.methods import is_dual_array
from dualmc.compiled.arrays.products import product, promoted_arrays
from dualmc.compiled.scalars.dual_type import depth_of
from dualmc.compiled.scalars.intrinsics import as_dual


def is_dual_matrix(kind):
    return is_dual_array(kind) and kind.ndim == 2


def as_columns(b):
    """A vector as a matrix of one column; a matrix as it is."""
    raise NotImplementedError


@overload(as_columns)
def _as_columns(b):
    if b.ndim == 2:
        return lambda b: b
    return lambda b: flat(np.ascontiguousarray(b)).reshape((b.size, 1))


def residual(a, b, x):
    """``b - a @ x`` for a constant x, as far as it varies."""
    raise NotImplementedError


@overload(residual)
def _residual(a, b, x):
    T = promoted_arrays(a, b)
    is_active = depth_of(a.dtype) == T.depth

    def left(a, b, x):
        m, n = a.shape
        width = b.shape[1]
        out = np.empty((m, width), T)
        for i in range(m):
            for j in range(width):
                s = as_dual(T, b[i, j])
                if is_active:
                    for k in range(n):
                        s = s - a[i, k] * x[k, j]
                out[i, j] = s
        return out

    return left


def solved(p, r):
    """Duals with the partials of ``inv(p) @ r``: one factorization serves all lanes."""
    raise NotImplementedError


@overload(solved)
def _solved(p, r):
    T = r.dtype

    def by_columns(p, r):
        z = columns_of(r)
        # LAPACK's callers refuse what is not finite: such lanes are NaN.
        n, width = z.shape
        plain = bare(z)
        is_lost = np.zeros(width, np.bool_)
        for j in range(width):
            for i in range(n):
                if not np.isfinite(plain[i, j]):
                    is_lost[j] = True
            if is_lost[j]:
                for i in range(n):
                    z[i, j] = 0.0
        y = np.linalg.solve(p, z)
        for j in range(width):
            if is_lost[j]:
                for i in range(n):
                    y[i, j] = np.nan
        return from_columns(T, y, r)

    return by_columns


@overload(np.linalg.solve, **FIRST)
def _solve(a, b):
    T = promoted_arrays(a, b)
    if T is None or a.ndim != 2 or b.ndim not in (1, 2):
        return None
    is_vector = b.ndim == 1

    def solution(a, b):
        """``dx = inv(A) (db - dA x)``"""
        p = held_factors(T, a)
        x = np.linalg.solve(p, held_factors(T, b))
        found = solved(p, residual(a, as_columns(b), as_columns(x)))
        return settled(flat(found) if is_vector else found, x)

    return solution


def minus(a):
    """A matrix of Duals times -1, in its own place."""
    raise NotImplementedError


@overload(minus)
def _minus(a):
    def negated(a):
        for i in range(a.shape[0]):
            for j in range(a.shape[1]):
                a[i, j] = -a[i, j]
        return a

    return negated


@overload(np.linalg.inv, **FIRST)
def _inv(a):
    if not is_dual_matrix(a):
        return None
    T = a.dtype

    def inverse(a):
        """``dY = -Y dA Y``"""
        y = np.linalg.inv(held_factors(T, a))
        return settled(minus(product(product(y, a), y)), y)

    return inverse


@overload(np.linalg.matrix_power, **FIRST)
def _matrix_power(a, n):
    if not is_dual_matrix(a) or not isinstance(n, types.Integer):
        return None
    T = a.dtype

    def power(a, n):
        """In the order of Numba's own products."""
        if a.shape[0] != a.shape[1]:
            raise ValueError("input must be a square array")
        size = a.shape[0]
        if n == 0:
            out = np.zeros((size, size), T)
            for i in range(size):
                out[i, i] = as_dual(T, 1.0)
            return out
        base = np.ascontiguousarray(np.linalg.inv(a) if n < 0 else a).copy()
        n = abs(n)
        if n == 1 or size == 0:
            return base
        if n == 3:
            return np.dot(np.dot(base, base), base)
        found = base
        is_first = True
        while n != 0:
            if n & 1:
                found = base if is_first else np.dot(found, base)
                is_first = False
            n = n >> 1
            if n:
                base = np.dot(base, base)
        return found

    return power
