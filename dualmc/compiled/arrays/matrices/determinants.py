"""Determinants of matrices of Duals, exact for singular matrices too."""

import numpy as np
from numba.extending import overload, register_jitable

from dualmc.compiled.arrays.levels import held, settled, unknown
from dualmc.compiled.arrays.making import FIRST
from dualmc.compiled.arrays.matrices.solving import is_dual_matrix
from dualmc.compiled.scalars.dual_type import is_dual
from dualmc.compiled.scalars.intrinsics import as_dual, primal_of


def constant(like, value):
    """`value` as an element of the array `like`, a number or a Dual."""
    raise NotImplementedError


@overload(constant)
def _constant(like, value):
    K = like.dtype
    if is_dual(K):
        return lambda like, value: as_dual(K, value)
    return lambda like, value: K(value)


def adjugate(a):
    """The transposed cofactors of a square matrix.

    With complete pivoting P A Q = L U, only the last pivot of U may vanish where cofactors do not:
    adj(A) = +-Q adj(U) inv(L) P, and adj(U) needs no division by the last pivot.
    """
    raise NotImplementedError


@register_jitable
def _largest(u, k):
    """Where the largest entry of the trailing block is; (-1, -1) if that is 0."""
    best, row, column = 0.0, -1, -1
    for i in range(k, u.shape[0]):
        for j in range(k, u.shape[0]):
            size = abs(primal_of(u[i, j]))
            if size > best:
                best, row, column = size, i, j
    return row, column


@register_jitable
def _swap_rows(a, i, k):
    for j in range(a.shape[1]):
        a[i, j], a[k, j] = a[k, j], a[i, j]


@register_jitable
def _eliminate(u, m, k):
    n = u.shape[0]
    for i in range(k + 1, n):
        f = u[i, k] / u[k, k]
        for j in range(k + 1, n):
            u[i, j] = u[i, j] - f * u[k, j]
        for j in range(n):
            m[i, j] = m[i, j] - f * m[k, j]


@overload(adjugate)
def _adjugate(a):
    K = a.dtype
    is_nested = is_dual(K)

    def by_pivots(a):
        n = a.shape[0]
        u, m = np.empty((n, n), K), np.zeros((n, n), K)
        for i in range(n):
            m[i, i] = constant(a, 1.0)
            for j in range(n):
                u[i, j] = a[i, j]
        order = np.arange(n)
        product = constant(a, 1.0)  # of the pivots but the last, and the sign
        for k in range(n - 1):
            row, column = _largest(u, k)
            if row < 0:
                # A rank below n - 1 has cofactors 0, but these have derivatives.
                return np.full((n, n), constant(a, np.nan if is_nested else 0.0), K)
            if row != k:
                _swap_rows(u, row, k)
                _swap_rows(m, row, k)
                product = -product
            if column != k:
                _swap_rows(u.T, column, k)
                order[column], order[k] = order[k], order[column]
                product = -product
            _eliminate(u, m, k)
            product = product * u[k, k]
        out = np.empty((n, n), K)
        for j in range(n):
            last = product * m[n - 1, j]
            out[order[n - 1], j] = last
            for i in range(n - 2, -1, -1):
                s = u[n - 1, n - 1] * product * m[i, j] - u[i, n - 1] * last
                for k in range(i + 1, n - 1):
                    s = s - u[i, k] * out[order[k], j]
                out[order[i], j] = s / u[i, i]
        return out

    return by_pivots


@overload(np.linalg.det, **FIRST)
def _det(a):
    if not is_dual_matrix(a):
        return None
    T = a.dtype

    def determinant(a):
        """Jacobi's formula: ``d det(A) = tr(adj(A) dA)``."""
        p = held(T, a)
        y = np.linalg.det(p)
        adjoint = adjugate(p)
        s = as_dual(T, 0.0)
        for i in range(p.shape[0]):
            for j in range(p.shape[0]):
                s = s + adjoint[j, i] * a[i, j]
        return settled(s, y)

    return determinant


@overload(np.linalg.slogdet, **FIRST)
def _slogdet(a):
    if not is_dual_matrix(a):
        return None
    T = a.dtype

    def logarithm(a):
        """``d log|det A| = tr(inv(A) dA)``: NaN for a singular matrix."""
        p = held(T, a)
        sign, y = np.linalg.slogdet(p)
        s = as_dual(T, 0.0)
        n = p.shape[0]
        if sign == 0.0:
            for i in range(n):
                for j in range(n):
                    s = s + unknown(a[i, j])
        else:
            inverse = np.linalg.inv(p)
            for i in range(n):
                for j in range(n):
                    s = s + inverse[j, i] * a[i, j]
        return sign, settled(s, y)

    return logarithm
