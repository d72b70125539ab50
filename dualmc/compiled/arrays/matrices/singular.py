"""Singular values and vectors of matrices of Duals, pseudo-inverses and least squares.

Signs are those of Numba's own result.  A repeated value has the mean of the derivatives of its
copies, its vectors have NaN.
"""

import numpy as np
from numba.extending import overload, register_jitable

from dualmc.compiled.arrays.levels import held, settled, unknown
from dualmc.compiled.arrays.lines import bare, flat
from dualmc.compiled.arrays.making import FIRST
from dualmc.compiled.arrays.matrices.factors import rate
from dualmc.compiled.arrays.matrices.solving import as_columns, is_dual_matrix, minus, residual
from dualmc.compiled.arrays.matrices.spectral import clusters, eps_of, is_repeated, share
from dualmc.compiled.arrays.methods import is_dual_array
from dualmc.compiled.arrays.products import product, promoted_arrays
from dualmc.compiled.scalars.dual_type import is_dual
from dualmc.compiled.scalars.intrinsics import as_dual, primal_of


def singular_values(a, u, s, v, is_signed):
    """``diag(U^T dA V)``: a value that is 0 has 0, as the modulus there, unless it `is_signed`."""
    raise NotImplementedError


@overload(singular_values)
def _singular_values(a, u, s, v, is_signed):
    T = a.dtype
    eps = eps_of(a)
    is_nested = is_dual(T.inner)

    def values(a, u, s, v, is_signed):
        m, n = a.shape
        k = s.size
        av = product(a, v)
        found = np.empty(k, T)
        for i in range(k):
            t = as_dual(T, 0.0)
            for j in range(m):
                t = t + u[j, i] * av[j, i]
            found[i] = t
        rounding = max(m, n) * eps * primal_of(s[0])
        labels = clusters(s, rounding)
        change = rate(a)
        share(found, labels, change)
        for i in range(k):
            if primal_of(s[i]) <= rounding:
                if not is_signed:
                    found[i] = as_dual(T, 0.0)
                if is_nested or is_signed and is_repeated(labels, i):
                    found[i] = found[i] + unknown(change)
        return found

    return values


def _vectors(a, u, s, v):
    """The differentials of the first min(m, n) vectors, by the gaps between squared values."""
    raise NotImplementedError


@overload(_vectors)
def _differentials(a, u, s, v):
    T = a.dtype
    eps = eps_of(a)

    def both(a, u, s, v):
        m, n = a.shape
        k = s.size
        rounding = max(m, n) * eps * primal_of(s[0])
        labels = clusters(s, rounding)
        av, au = product(a, v), product(a.T, u)
        e = product(u.T, av)
        left, right = np.zeros((k, k), T), np.zeros((k, k), T)
        for i in range(k):
            for j in range(k):
                if labels[i] != labels[j]:
                    f = 1.0 / ((s[j] - s[i]) * (s[i] + s[j]))
                    left[i, j] = f * (e[i, j] * s[j] + e[j, i] * s[i])
                    right[i, j] = f * (e[i, j] * s[i] + e[j, i] * s[j])
        du, dv = product(u, left), product(v, right)
        ue, ve = product(u, e), product(v, e.T)
        lost = unknown(rate(a))
        for j in range(k):
            is_zero = primal_of(s[j]) <= rounding
            if is_repeated(labels, j) or is_zero and m != n:
                for i in range(m):
                    du[i, j] = du[i, j] + lost
                for i in range(n):
                    dv[i, j] = dv[i, j] + lost
            elif not is_zero:
                for i in range(m if m > k else 0):
                    du[i, j] = du[i, j] + (av[i, j] - ue[i, j]) / s[j]
                for i in range(n if n > k else 0):
                    dv[i, j] = dv[i, j] + (au[i, j] - ve[i, j]) / s[j]
        return du, dv

    return both


def _completed(du, u, lost):
    """Vectors beyond the first ones, which stay orthogonal to those: known if it is one."""
    raise NotImplementedError


@overload(_completed)
def _all_vectors(du, u, lost):
    T = du.dtype

    def completed(du, u, lost):
        m, k = du.shape
        out = np.empty(u.shape, T)
        for i in range(m):
            for j in range(k):
                out[i, j] = du[i, j]
        for j in range(k, u.shape[1]):
            for i in range(m):
                out[i, j] = as_dual(T, 0.0)
            for c in range(k):
                t = as_dual(T, 0.0)
                for i in range(m):
                    t = t + du[i, c] * u[i, j]
                for i in range(m):
                    out[i, j] = out[i, j] - t * u[i, c]
            if u.shape[1] - k > 1:
                for i in range(m):
                    out[i, j] = out[i, j] + lost
        return out

    return completed


@overload(np.linalg.svd, **FIRST)
def _svd(a, full_matrices=1):
    if not is_dual_matrix(a):
        return None
    T = a.dtype

    def decomposed(a, full_matrices=1):
        u, s, vt = np.linalg.svd(held(T, a), full_matrices)
        k = s.size
        v = vt.T
        thin_u, thin_v = u[:, :k], v[:, :k]
        du, dv = _vectors(a, thin_u, s, thin_v)
        lost = unknown(rate(a))
        u_dual, v_dual = _completed(du, u, lost), _completed(dv, v, lost)
        s_dual = singular_values(a, thin_u, s, thin_v, True)
        return settled(u_dual, u), settled(s_dual, s), settled(v_dual, v).T

    return decomposed


@register_jitable
def thin(p):
    u, s, vt = np.linalg.svd(p, False)
    return u, s, vt.T


@overload(np.linalg.matrix_rank, **FIRST)
def _matrix_rank(A, tol=None):
    if not is_dual_array(A):
        return None
    return lambda A, tol=None: np.linalg.matrix_rank(bare(A), tol)


# --- Pseudo-inverses, at constant rank -----------------------------------------------------------


def _pseudo(p, u, s, v, rank):
    """The pseudo-inverse that keeps `rank` singular values."""
    raise NotImplementedError


@overload(_pseudo)
def _pseudo_inverse(p, u, s, v, rank):
    K = p.dtype

    def inverse(p, u, s, v, rank):
        m, n = p.shape
        out = np.zeros((n, m), K)
        for i in range(n):
            for j in range(m):
                t = out[i, j]
                for k in range(rank):
                    t = t + v[i, k] * u[j, k] / s[k]
                out[i, j] = t
        return out

    return inverse


def _golub_pereyra(a, p, y):
    """``-Y dA Y + Y Y^T dA^T (I - P Y) + (I - Y P) dA^T Y^T Y``."""
    raise NotImplementedError


@overload(_golub_pereyra)
def _at_constant_rank(a, p, y):
    def differential(a, p, y):
        m, n = a.shape
        found = minus(product(product(y, a), y))
        ya = product(np.dot(y, y.T), a.T)
        yay = product(product(ya, p), y)
        ay = product(a.T, np.dot(y.T, y))
        yap = product(y, product(p, ay))
        for i in range(n):
            for j in range(m):
                found[i, j] = found[i, j] + (ya[i, j] - yay[i, j]) + (ay[i, j] - yap[i, j])
        return found

    return differential


@register_jitable
def _is_certain(s, rank, rounding):
    """Whether the singular values beyond `rank` are 0 but for rounding, and one is not."""
    return rank > 0 and (rank == s.size or primal_of(s[rank]) <= rounding * primal_of(s[0]))


@overload(np.linalg.pinv, **FIRST)
def _pinv(a, rcond=1.0e-15):
    if not is_dual_matrix(a):
        return None
    T = a.dtype
    is_nested = is_dual(T.inner)
    eps = eps_of(a)

    def inverse(a, rcond=1.0e-15):
        p = held(T, a)
        y = np.linalg.pinv(p, rcond)
        s = np.linalg.svd(bare(a), False)[1]
        rank = 0
        while rank < s.size and s[rank] > rcond * s[0]:
            rank += 1
        found = _golub_pereyra(a, p, np.ascontiguousarray(y))
        if not _is_certain(s, rank, 4 * max(a.shape) * eps) or is_nested and rank < s.size:
            lost = unknown(rate(a))
            for i in range(a.shape[1]):
                for j in range(a.shape[0]):
                    found[i, j] = found[i, j] + lost
        return settled(found, y)

    return inverse


# --- Least squares -------------------------------------------------------------------------------


@overload(np.linalg.lstsq, **FIRST)
def _lstsq(a, b, rcond=-1.0):
    T = promoted_arrays(a, b)
    if T is None or a.ndim != 2 or b.ndim not in (1, 2):
        return None
    is_vector = b.ndim == 1

    def fitted(a, b, rcond=-1.0):
        """With P = pinv(A): ``dx = P (db - dA x)`` and what turns the spaces of A."""
        p, q = held(T, a), held(T, b)
        x, squares, rank, s = np.linalg.lstsq(p, q, rcond)
        u, sigma, v = thin(p)
        inverse = _pseudo(p, u, sigma, v, rank)
        columns = as_columns(x)
        misfit = residual(a, as_columns(b), columns)
        r = _remainder(p, as_columns(q), columns)
        found = product(inverse, misfit)
        _turned(found, a, p, inverse, r, columns, sigma, rank)
        total = np.empty(squares.size, T)
        for j in range(squares.size):
            t = as_dual(T, 0.0)
            for i in range(r.shape[0]):
                t = t + 2.0 * r[i, j] * misfit[i, j]
            total[j] = t
        y = settled(flat(found) if is_vector else found, x)
        return y, settled(total, squares), rank, _values(misfit, a, u, sigma, v, s)

    return fitted


def _turned(found, a, p, inverse, r, x, s, rank):
    """Add ``P P^T dA^T r + (I - P A) dA^T P^T x`` to `found`, at constant rank."""
    raise NotImplementedError


@overload(_turned)
def _by_matrix(found, a, p, inverse, r, x, s, rank):
    T = found.dtype
    if a.dtype != T:
        return lambda found, a, p, inverse, r, x, s, rank: None
    is_nested = is_dual(T.inner)
    eps = eps_of(a)

    def turned(found, a, p, inverse, r, x, s, rank):
        n, width = found.shape
        is_full = rank == s.size
        pushed = product(np.dot(inverse, inverse.T), product(a.T, r))
        for i in range(n):
            for j in range(width):
                found[i, j] = found[i, j] + pushed[i, j]
        if rank < n:
            free = product(a.T, np.dot(inverse.T, np.ascontiguousarray(x)))
            kept = product(inverse, product(p, free))
            for i in range(n):
                for j in range(width):
                    found[i, j] = found[i, j] + (free[i, j] - kept[i, j])
        if not _is_certain(s, rank, 4 * max(a.shape) * eps) or is_nested and not is_full:
            lost = unknown(rate(a))
            for i in range(n):
                for j in range(width):
                    found[i, j] = found[i, j] + lost

    return turned


def _values(like, a, u, sigma, v, s):
    """The singular values `s`, which vary if the matrix does."""
    raise NotImplementedError


@overload(_values)
def _values_of(like, a, u, sigma, v, s):
    if a.dtype != like.dtype:
        return lambda like, a, u, sigma, v, s: s
    return lambda like, a, u, sigma, v, s: settled(singular_values(a, u, sigma, v, False), s)


def _remainder(p, q, x):
    """``q - p @ x``, of values."""
    raise NotImplementedError


@overload(_remainder)
def _left(p, q, x):
    def remainder(p, q, x):
        y = np.dot(p, np.ascontiguousarray(x))
        for i in range(y.shape[0]):
            for j in range(y.shape[1]):
                y[i, j] = q[i, j] - y[i, j]
        return y

    return remainder
