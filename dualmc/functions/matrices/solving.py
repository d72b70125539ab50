"""Linear systems, inverses, determinants and products of matrices.

A singular matrix raises the LinAlgError of NumPy where NumPy raises.  The determinant is a
polynomial: its derivative, the cofactors, is exact for singular matrices too.
"""

import math
import operator

import numpy as np

from dualmc.duals.dual import Dual, make
from dualmc.duals.operands import as_operand, level_of
from dualmc.functions.matrices.differentials import (
    from_triangle,
    held,
    inverse_where,
    is_active,
    quiet,
    rate,
    real,
    solved,
    spoiled,
    turned,
)
from dualmc.functions.matrices.recorded_matrices import record_slogdet, record_solve
from dualmc.functions.moving.selection import written
from dualmc.functions.summing.linear import with_primal
from dualmc.kernels.payload import values
from dualmc.rules.registry import handles

# Condition numbers up to which det(A) inv(A)^T gives the cofactors to about 12 digits.
WELL_CONDITIONED = 1e3


@handles("composite", np.linalg.solve)
def solve(a, b):
    """``dx = inv(A) (db - dA x)``."""
    a, b = as_operand(a), as_operand(b)
    y = record_solve(a, b)
    if y is not None:
        return y
    level = level_of(a, b)
    p, q = held(a, level), held(b, level)
    x = np.linalg.solve(p, q)
    if np.ndim(b) == 1:
        found = solved(p, residual(a, b[:, None], held(x, level)[..., None], level))[..., 0]
    else:
        found = solved(p, residual(a, b, held(x, level), level))
    return with_primal(x, found)


@quiet
def residual(a, b, x, level):
    """``b - a @ x`` as far as it varies, in the shape of x."""
    r = b if is_active(b, level) else None
    if is_active(a, level):
        ax = np.matmul(a, x)
        r = -ax if r is None else r - ax
    return np.broadcast_to(r, x.shape) if r.shape != x.shape else r


@handles("composite", np.linalg.inv)
def inv(a):
    """``dY = -Y dA Y``."""
    p = held(a, a.level)
    y = np.linalg.inv(p)
    return with_primal(y, inverse_differential(a, held(y, a.level)))


@quiet
def inverse_differential(a, y):
    return -np.matmul(np.matmul(y, a), y)


@handles("composite", np.linalg.tensorsolve)
def tensorsolve(a, b, axes=None):
    a, b = as_operand(a), as_operand(b)
    ndim = a.ndim
    if axes is not None:
        order = list(range(ndim))
        for k in axes:
            order.remove(k)
            order.insert(ndim, k)
        a = np.transpose(a, order)
    shape = a.shape[-(ndim - np.ndim(b)) :]
    size = math.prod(shape)
    if a.size != size**2:
        raise np.linalg.LinAlgError(
            "Input arrays must satisfy the requirement "
            "prod(a.shape[b.ndim:]) == prod(a.shape[:b.ndim])"
        )
    return np.reshape(np.linalg.solve(np.reshape(a, (size, size)), np.ravel(b)), shape)


@handles("composite", np.linalg.tensorinv)
def tensorinv(a, ind=2):
    if ind <= 0:
        raise ValueError("Invalid ind argument.")
    size = math.prod(a.shape[ind:])
    inverse = np.linalg.inv(np.reshape(a, (size, -1)))
    return np.reshape(inverse, a.shape[ind:] + a.shape[:ind])


# --- Determinants --------------------------------------------------------------------------------


@handles("composite", np.linalg.det)
def det(a):
    """``d det(A) = sum(cofactors * dA)``, Jacobi's formula."""
    p = held(a, a.level)
    y = np.linalg.det(p)
    return with_primal(y, determinant_differential(a, p))


@quiet
def determinant_differential(a, p):
    return np.sum(_cofactors(p) * a, axis=(-2, -1))


def _cofactors(a):
    """The cofactors of every matrix, which differ from det(A) inv(A)^T in being always defined."""
    if type(a) is not Dual:
        determinant = np.linalg.det(a)
        if (determinant != 0).all():
            inverse = np.linalg.inv(a)
            if (_size(a) * _size(inverse) < WELL_CONDITIONED).all():
                return determinant[..., None, None] * np.swapaxes(inverse, -1, -2)
        u, s, vh = np.linalg.svd(a)
        return _rotated(_products_without(s)[..., None] * np.eye(a.shape[-1], dtype=s.dtype), u, vh)
    p = a.primal
    if type(p) is Dual:
        return _minors(a)
    u, s, vh = np.linalg.svd(p)
    # In the singular bases dA is E, and the cofactors of diag(s) + E are, to first order,
    # c_ii = sum_j E_jj prod(s without i, j) and c_ij = -E_ji prod(s without i, j).
    e = np.matmul(np.matmul(turned(u), a), turned(vh))
    pairs = _products_without_two(s)
    across = np.matmul(pairs, np.diagonal(e, 0, -2, -1)[..., None])
    c = across * np.eye(s.shape[-1], dtype=s.dtype) - pairs * np.swapaxes(e, -1, -2)
    return with_primal(_cofactors(p), _rotated(c, u, vh))


def _size(a):
    """The largest absolute sum of a row: a bound on the norm of each matrix."""
    return np.max(np.sum(np.abs(a), axis=-1), axis=-1, initial=0.0)


def _rotated(c, u, vh):
    """The cofactors of ``u @ B @ vh``, where `c` are those of B."""
    factor = np.sign(np.linalg.det(u)) * np.sign(np.linalg.det(vh))
    return np.matmul(np.matmul(factor[..., None, None] * np.conj(u), c), np.conj(vh))


def _products_without(s):
    """For every i the product of the others, in a range where it neither over- nor underflows."""
    wide = np.where(np.eye(s.shape[-1], dtype=bool), 1.0, s.astype(np.longdouble)[..., None, :])
    return np.prod(wide, axis=-1).astype(s.dtype)


def _products_without_two(s):
    """For every i != j the product of the other elements of `s`; 0 on the diagonal."""
    n = s.shape[-1]
    wide = s.astype(np.longdouble)
    one = np.ones((*s.shape[:-1], 1), np.longdouble)
    before = np.cumprod(np.concatenate([one, wide[..., :-1]], axis=-1), axis=-1)[..., :n]
    after = np.cumprod(np.concatenate([one, wide[..., :0:-1]], axis=-1), axis=-1)
    after = after[..., ::-1][..., :n]
    upper = np.triu(np.ones((n, n), bool), 1)
    # between[i, j] is the product from i + 1 to j - 1.
    between = np.cumprod(np.where(upper, wide[..., None, :], 1.0), axis=-1)
    between = np.concatenate([np.ones((*s.shape[:-1], n, 1)), between[..., :-1]], axis=-1)
    product = np.where(upper, before[..., :, None] * between * after[..., None, :], 0.0)
    return (product + np.swapaxes(product, -1, -2)).astype(s.dtype)


def _minors(a):
    """The cofactors as determinants of n^2 minors: what the third derivative is made of."""
    n = a.shape[-1]
    others = np.array([[j for j in range(n) if j != i] for i in range(n)], int).reshape(n, -1)
    minors = a[..., others[:, None, :, None], others[None, :, None, :]]
    checker = (-1.0) ** np.add.outer(np.arange(n), np.arange(n))
    return np.linalg.det(minors) * checker.astype(real(values(a)).dtype)


@handles("composite", np.linalg.slogdet)
def slogdet(a):
    """``d log|det A| = Re tr(inv(A) dA)``: NaN for a singular matrix."""
    found = record_slogdet(a)
    if found is not None:
        return found
    p = held(a, a.level)
    y = np.linalg.slogdet(p)
    ratio = _relative(a, p, values(y.sign) == 0)
    if a.dtype.kind != "c":
        return type(y)(make(y.sign, None, a.level), with_primal(y.logabsdet, ratio))
    turn = held(y.sign, a.level) * (1j * np.imag(ratio))
    return type(y)(with_primal(y.sign, turn), with_primal(y.logabsdet, np.real(ratio)))


@quiet
def _relative(a, p, is_singular):
    inverse = inverse_where(p, ~is_singular)
    ratio = np.sum(np.swapaxes(inverse, -1, -2) * a, axis=(-2, -1))
    return spoiled(ratio, is_singular, rate(a)) if np.any(is_singular) else ratio


# --- Pseudo-inverses -----------------------------------------------------------------------------


@handles("composite", np.linalg.pinv)
def pinv(a, rcond=None, hermitian=False, *, rtol=np._NoValue):
    """The derivative at constant rank: NumPy drops the singular values below its cutoff.

    Golub and Pereyra (1973), where those it drops are rounding errors.  Where `rcond` cuts off more
    than these, by divided differences of the singular values.  A zero matrix has NaN.
    """
    a = as_operand(a)
    rcond, rtol = (values(r) if type(r) is Dual else r for r in (rcond, rtol))
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


# --- Products of matrices ------------------------------------------------------------------------


@handles("composite", np.linalg.matrix_power)
def matrix_power(a, n):
    """NumPy's own scheme of products, differentiated product by product."""
    identity = np.linalg.matrix_power(values(a), 0)  # of a square matrix, or NumPy's error
    try:
        n = operator.index(n)
    except TypeError as error:
        raise TypeError("exponent must be an integer") from error
    if n == 0:
        return make(identity, None, a.level)
    if n < 0:
        a, n = np.linalg.inv(a), -n
    if n == 3:
        return np.matmul(np.matmul(a, a), a)
    z = result = None
    while n > 0:
        z = a if z is None else np.matmul(z, z)
        n, bit = divmod(n, 2)
        if bit:
            result = z if result is None else np.matmul(result, z)
    return result


@handles("bilinear", np.linalg.multi_dot)
def multi_dot(arrays, *, out=None):
    arrays = [as_operand(a) for a in arrays]
    level = level_of(arrays)
    y = np.linalg.multi_dot([held(a, level) for a in arrays])
    if len(arrays) == 2:
        return written(out, np.dot(*arrays))
    if arrays[0].ndim == 1:
        arrays[0] = arrays[0][None, :]
    if arrays[-1].ndim == 1:
        arrays[-1] = arrays[-1][:, None]
    product = np.reshape(_chain(arrays), np.shape(y))
    return written(out, with_primal(y, product))


@quiet
def _chain(arrays):
    """The product of matrices in the cheapest order, by dynamic programming."""
    sizes = [a.shape[0] for a in arrays] + [arrays[-1].shape[1]]
    best = {(i, i): (0, i) for i in range(len(arrays))}
    for length in range(1, len(arrays)):
        for i in range(len(arrays) - length):
            j = i + length
            best[i, j] = min(
                (best[i, k][0] + best[k + 1, j][0] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            )

    def product(i, j):
        if i == j:
            return arrays[i]
        k = best[i, j][1]
        return np.matmul(product(i, k), product(k + 1, j))

    return product(0, len(arrays) - 1)
