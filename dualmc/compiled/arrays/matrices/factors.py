"""Factorizations of matrices of Duals: Cholesky, QR.

Where there is no smooth branch of the factors (a matrix that lacks rank) the derivative is NaN.
"""

import numpy as np
from numba.extending import overload, register_jitable

from dualmc.compiled.arrays.levels import held, settled, unknown
from dualmc.compiled.arrays.making import FIRST
from dualmc.compiled.arrays.matrices.solving import is_dual_matrix
from dualmc.compiled.arrays.products import product
from dualmc.compiled.scalars.intrinsics import as_dual, primal_of


def rate(a):
    """One number that changes whenever an entry of the array does."""
    raise NotImplementedError


@overload(rate)
def _rate(a):
    T = a.dtype

    def weighted(a):
        s = as_dual(T, 0.0)
        count = 0
        for index in np.ndindex(a.shape):
            count += 1
            s = s + a[index] * (1.0 + np.sqrt(1.0 * count) / 7.0)
        return s

    return weighted


@register_jitable
def _forward(low, x):
    """``inv(low) @ x`` in the place of x, `low` lower triangular."""
    n, width = x.shape
    for j in range(width):
        for i in range(n):
            s = x[i, j]
            for k in range(i):
                s = s - low[i, k] * x[k, j]
            x[i, j] = s / low[i, i]


@overload(np.linalg.cholesky, **FIRST)
def _cholesky(a):
    if not is_dual_matrix(a):
        return None
    T = a.dtype

    def lower(a):
        """``dL = L phi(inv(L) dA inv(L)^T)``, phi the lower triangle with half of its diagonal.

        One triangle of A is read and taken for the other's mirror image.
        """
        low = np.linalg.cholesky(held(T, a))
        n = low.shape[0]
        x = np.empty((n, n), T)
        for i in range(n):
            for j in range(n):
                x[i, j] = a[max(i, j), min(i, j)]
        _forward(low, x)
        _forward(low, x.T)
        for i in range(n):
            x[i, i] = x[i, i] * 0.5
            for j in range(i + 1, n):
                x[i, j] = as_dual(T, 0.0)
        found = product(low, x)
        for i in range(n):
            for j in range(i + 1, n):
                found[i, j] = as_dual(T, 0.0)
        return settled(found, low)

    return lower


# --- QR ------------------------------------------------------------------------------------------


@register_jitable
def _is_regular(r, count, size):
    """Whether the first `count` columns of a matrix with factor `r` are independent."""
    largest = 0.0
    for i in range(r.shape[0]):
        for j in range(r.shape[1]):
            largest = max(largest, abs(primal_of(r[i, j])))
    for i in range(count):
        if not abs(primal_of(r[i, i])) > size * largest:
            return False
    return True


@register_jitable
def _tall(a, q, r, w):
    """``dR = (M - W) R`` with M = Q^T dA inv(R) and its part W, antisymmetric, that turns Q.

    `w` is A and becomes A inv(R).
    """
    m, n = w.shape
    for i in range(m):
        for j in range(n):
            s = w[i, j]
            for k in range(j):
                s = s - w[i, k] * r[k, j]
            w[i, j] = s / r[j, j]
    inner = product(q.T, w)
    turn, above = np.zeros_like(inner), np.empty_like(inner)
    for i in range(n):
        for j in range(n):
            if i > j:
                turn[i, j] = inner[i, j]
            elif i < j:
                turn[i, j] = -inner[j, i]
            above[i, j] = inner[i, j] - turn[i, j]
    q_dual, projected = product(q, turn), product(q, inner)
    if m > n:
        for i in range(m):
            for j in range(n):
                q_dual[i, j] = q_dual[i, j] + (w[i, j] - projected[i, j])
    return q_dual, product(above, r)


@overload(np.linalg.qr, **FIRST)
def _qr(a):
    if not is_dual_matrix(a):
        return None
    T = a.dtype
    eps = np.finfo(str(T.base)).eps

    def factors(a):
        p = held(T, a)
        q, r = np.linalg.qr(p)
        m, n = p.shape
        k = min(m, n)
        q_dual, r_dual = np.zeros((m, k), T), np.zeros((k, n), T)
        if _is_regular(r, k, max(m, n) * eps):
            w = np.ascontiguousarray(a[:, :k]).copy()
            left, top = _tall(a, q, np.ascontiguousarray(r[:, :k]), w)
            for i in range(k):
                for j in range(i, k):
                    r_dual[i, j] = top[i, j]
                for j in range(k, n):
                    s = as_dual(T, 0.0)
                    for t in range(m):
                        s = s + q[t, i] * a[t, j] + left[t, i] * p[t, j]
                    r_dual[i, j] = s
            for i in range(m):
                for j in range(k):
                    q_dual[i, j] = left[i, j]
        else:
            lost = unknown(rate(a[:, :k]))
            for j in range(n):
                for i in range(min(j + 1, k)):
                    r_dual[i, j] = lost
                    for t in range(m if j >= k else 0):
                        r_dual[i, j] = r_dual[i, j] + q[t, i] * a[t, j]
            for i in range(m):
                for j in range(k):
                    q_dual[i, j] = lost
        return settled(q_dual, q), settled(r_dual, r)

    return factors
