"""Least squares, with respect to the data and to the matrix, and pseudo-inverses."""

import numpy as np

from dualmc.duals.dual import Dual, make
from dualmc.duals.operands import as_operand, level_of
from dualmc.functions.matrices.differentials import (
    from_triangle,
    held,
    is_active,
    quiet,
    rate,
    real,
    spoiled,
    turned,
)
from dualmc.functions.results import with_primal
from dualmc.kernels.payload import values
from dualmc.rules.registry import handles


@handles("composite", np.linalg.lstsq)
def lstsq(a, b, rcond=None):
    """``(x, residuals, rank, s)``: x at constant rank, as `pinv`; the rank is a count."""
    a, b = as_operand(a), as_operand(b)
    level = level_of(a, b)
    rcond = values(rcond)
    p, q = held(a, level), held(b, level)
    x, residuals, rank, s = np.linalg.lstsq(p, q, rcond)
    if rcond is None:
        rcond = np.finfo(s.dtype).eps * max(a.shape)
    columns = (slice(None), None) if np.ndim(b) == 1 else ...
    found, total = _solution(
        a, b[columns], p, q[columns], held(x, level)[columns], int(rank), np.asarray(rcond), level
    )
    x = with_primal(x, found[..., 0] if np.ndim(b) == 1 else found)
    if np.size(residuals):
        residuals = with_primal(residuals, total)
    if is_active(a, level):
        s = with_primal(s, np.linalg.svd(a, compute_uv=False))
    return x, residuals, rank, s


@quiet
def _solution(a, b, p, q, x, rank, rcond, level):
    """Expressions for x and for the sums of squared residuals.

    With r = b - A x and P the pseudo-inverse: dx = P (db - dA x) + P P^H dA^H r at full column
    rank.  The residuals change as if x stood still, since A^H r = 0.
    """
    misfit = b - np.matmul(a, x) if is_active(a, level) else b
    r = q - np.matmul(p, x)
    total = np.sum(real(np.conj(r) * misfit), axis=0) * 2.0
    inverse = np.linalg.pinv(p, rcond)
    if not is_active(a, level):
        return np.matmul(inverse, misfit), total
    m, n = a.shape
    if rank == n <= m:
        push = np.matmul(np.matmul(inverse, turned(inverse)), np.matmul(turned(a), r))
        return np.matmul(inverse, misfit) + push, total
    found = np.matmul(pseudo_inverse(a, p, inverse, rcond), q)
    return (found + np.matmul(inverse, b) if is_active(b, level) else found), total


# --- Pseudo-inverses -----------------------------------------------------------------------------


@handles("composite", np.linalg.pinv)
def pinv(a, rcond=None, hermitian=False, *, rtol=np._NoValue):
    """The derivative at constant rank: NumPy drops the singular values below its cutoff.

    Golub and Pereyra (1973), where those it drops are rounding errors.  Where `rcond` cuts off more
    than these, by divided differences of the singular values.  A zero matrix has NaN.
    """
    a = as_operand(a)
    rcond, rtol = values(rcond), values(rtol)
    p = held(a, a.level)
    y = np.linalg.pinv(p, rcond, hermitian, rtol=rtol)
    if 0 in a.shape:
        return make(y, None, a.level)
    if rcond is None:
        rcond = {np._NoValue: 1e-15, None: max(a.shape[-2:]) * np.finfo(a.dtype).eps}.get(
            rtol if rtol is None or rtol is np._NoValue else 0, rtol
        )
    if hermitian:
        a, p = from_triangle(a, "L"), from_triangle(p, "L")
    return with_primal(y, pseudo_inverse(a, p, held(y, a.level), np.asarray(rcond)))


@quiet
def pseudo_inverse(a, p, y, rcond):
    """An expression with the tangent of the pseudo-inverse `y` of `a`, whose value is `p`."""
    s = np.linalg.svd(values(p), compute_uv=False)
    largest = s.max(axis=-1, keepdims=True)
    is_kept = s > rcond[..., None] * largest
    if np.any(largest == 0):  # the limit along any line away from 0 is infinite
        nowhere = (largest == 0)[..., None]
        return spoiled(np.swapaxes(a, -1, -2) * 0.0, nowhere, rate(a))
    rounding = 4 * max(p.shape[-2:]) * np.finfo(s.dtype).eps * largest
    if np.any(~is_kept & (s > rounding)):
        return _cut_inverse(a, p, is_kept)
    m, n = p.shape[-2:]
    back = turned(a)
    total = -np.matmul(np.matmul(y, a), y)
    if not is_kept.all():
        total = total + _of_dropped(a, p, y)
    if m > n or not is_kept.all():
        outside = np.eye(m, dtype=s.dtype) - np.matmul(p, y)
        total = total + np.matmul(np.matmul(np.matmul(y, turned(y)), back), outside)
    if n > m or not is_kept.all():
        outside = np.eye(n, dtype=s.dtype) - np.matmul(y, p)
        total = total + np.matmul(np.matmul(outside, back), np.matmul(turned(y), y))
    return total


def _of_dropped(a, p, y):
    """What the dropped part D of the matrix adds, to first order in D, which is 0 but varies.

    Second derivatives need it; the third would need the second order, and is NaN.
    """
    if type(p) is Dual and type(p.primal) is Dual:
        return spoiled(np.swapaxes(a, -1, -2) * 0.0, True, rate(a))
    dropped = turned(p - np.matmul(np.matmul(p, y), p))
    cube = np.matmul(np.matmul(y, turned(y)), y)
    return np.matmul(np.matmul(dropped, a), cube) + np.matmul(np.matmul(cube, a), dropped)


def _cut_inverse(a, p, is_kept):
    """The same where singular values beyond rounding are dropped.

    X = pinv(A)^H is U f(S) V^H with f(s) = 1/s or 0, an odd function of A.  By the divided
    differences of f at (s_i, s_j) and (s_i, -s_j), Daleckii and Krein (1965), dX has, in the
    singular bases, the Hermitian and the skew part of dA times one factor each.
    """
    u, s, vh = np.linalg.svd(p, full_matrices=False)
    v = turned(vh)
    f = np.where(is_kept, 1.0 / np.where(is_kept, s, np.ones((), s.dtype)), np.zeros((), s.dtype))
    si, sj, fi, fj = s[..., :, None], s[..., None, :], f[..., :, None], f[..., None, :]
    both = is_kept[..., :, None] & is_kept[..., None, :]
    one = is_kept[..., :, None] ^ is_kept[..., None, :]
    zero, unit = np.zeros((), s.dtype), np.ones((), s.dtype)
    across = np.where(one, (fi - fj) / np.where(one, si - sj, unit), zero)
    skew = np.where(one, (fi + fj) / np.where(one, si + sj, unit), zero)
    across = np.where(both, -(fi * fj), across)
    skew = np.where(both, fi * fj, skew)
    av = np.matmul(a, v)
    e = np.matmul(turned(u), av)
    inner = (across + skew) * 0.5 * e + (across - skew) * 0.5 * turned(e)
    square = (f * f)[..., None, :]
    left = np.matmul(u, inner) + (av - np.matmul(u, e)) * square
    right = (np.matmul(turned(a), u) - np.matmul(v, turned(e))) * square
    return turned(np.matmul(left, vh) + np.matmul(u, turned(right)))
