"""How the tangent of one operand of a matrix product is contracted with the other.

A product is contracted where its structure is cheapest: few dependencies per result are multiplied
and summed as sparse slots, a one-hot tangent against a constant matrix is a column scaling, and
only what is dense anyway goes through BLAS, basis axis first.
"""

import math

import numpy as np

from dualmc.duals.dual import make
from dualmc.kernels import block_kernels, buffers, short_kernels, slot_kernels
from dualmc.kernels.payload import FLOATS, align, flat, is_plain, is_zero, values
from dualmc.tangents import dense, dense_tangent
from dualmc.tangents.dense_tangent import DenseTangent, need_block, new_block
from dualmc.tangents.packed import PackedTangent
from dualmc.tangents.slots import SparseTangent, summed_slots

FLOAT64 = np.dtype(np.float64)
# Multiplications beyond which BLAS is faster.
PRODUCTS = 2**13
_NO_BLOCK, _NO_SCALE = np.empty((0, 0, 0)), np.empty((0, 0))


def contracted(t, other, is_constant):
    """The tangent of ``x @ other``, (*B, m, p) @ (*C, p, q), that comes from x."""
    if t.is_sparse:
        if 0 in t.shape or 0 in other.shape:
            pass
        elif _is_narrow(t, other):
            if _is_matrix(t, other) and math.prod(t.shape) * other.shape[1] <= PRODUCTS:
                parts = *t.shape, other.shape[1]
                return half_of_slots(t, other, parts, True, is_constant, parts[::2])
            return _contracted_slots(t, other, is_constant)
        elif (
            len(t.shape) == 2 and type(other) is np.ndarray and other.ndim == 2 and is_plain(t.coef)
        ):
            return _contracted_columns(t, other, is_constant)
    if type(t) is PackedTangent:
        t, other = t.contracted(other)
    t = t.to_dense()
    if _is_small(t, other):
        return _contracted_few(t, other, is_constant)
    if dense.fits(t.block, t.scale):
        factor = _alike(other, t.dtype)
        if factor is not None:
            return _contracted_rows(t, factor, is_constant)
    block = t.dense()
    k = block.shape[0]
    batch = dense.batch(t.shape[:-2], other.shape[:-2])
    shape = (*batch, t.shape[-2], other.shape[-1])
    dtype = np.result_type(block.dtype, other.dtype)
    need_block(t.level, (k, *shape), dtype)
    with np.errstate(all="ignore"):
        if other.ndim == 2:
            # One product for all directions and rows.
            rows = block.reshape((math.prod(block.shape[:-1]), block.shape[-1]))
            out = (rows @ other).reshape((k, *shape))
        else:
            extra = len(batch) - len(t.shape) + 2
            block = block.reshape((k,) + (1,) * extra + t.shape)
            out = np.matmul(block, other)
    if not np.isfinite(values(out)).all():
        out = _strong_zero_product(block, other, is_constant)
    return DenseTangent(t.level, out)


def _is_matrix(t, other):
    """Whether both are those of matrices of plain float64 numbers."""
    if type(other) is not np.ndarray or other.dtype is not FLOAT64:
        return False
    rows = t.coef if t.is_sparse else t.block
    is_plain = type(rows) is np.ndarray and rows.dtype is FLOAT64
    return is_plain and len(t.shape) == other.ndim == 2


def _is_small(t, other):
    """Whether a loop serves a block of few directions better than BLAS."""
    k, scale = t.block.shape[0], t.scale
    return (
        0 < k <= dense.FEW
        and _is_matrix(t, other)
        and 0 < k * math.prod(t.shape) * other.shape[1] <= PRODUCTS
        and type(scale) is np.ndarray
        and scale.dtype is FLOAT64
    )


def _contracted_few(t, other, is_constant):
    m, q, k = t.shape[0], other.shape[1], t.block.shape[0]
    need_block(t.level, (k, m, q), FLOAT64)
    out = np.empty((k, m, q))
    block, scale, other = (np.array(a, order="C") for a in (t.block, t.scale[0], other))
    short_kernels.product(_NO_SCALE, block, scale, other, _NO_BLOCK, _NO_SCALE, is_constant, out)
    return DenseTangent(t.level, out)


def _is_narrow(t, other):
    """Whether the elements of ``x @ other`` depend on so few inputs that they stay sparse."""
    if not t.is_sparse or 0 in t.shape or 0 in other.shape:
        return False
    return not dense_tangent.is_wide(t.coef.shape[0] * t.shape[-1], t.level.n)


def _contracted_slots(t, other, is_constant):
    """Multiply and sum: every result keeps the few slots of the elements it is made of."""
    batch = dense.batch(t.shape[:-2], other.shape[:-2])
    m, p, q = *t.shape[-2:], other.shape[-1]
    t = t.reshaped((*t.shape, 1)).broadcast((*batch, m, p, q))
    factor = np.broadcast_to(other.reshape((*other.shape[:-2], 1, p, q)), t.shape)
    return t.times(factor, is_constant).sum((-2,))


def halves_of_slots(p, t, q, u, parts, shape):
    """What the tangents of both factors of ``p @ q`` contribute (None: nothing), in `shape`."""
    rows, length, columns = parts
    half = other = None
    if t is not None:
        half = half_of_slots(t, q.reshape(length, columns), parts, True, u is None, shape)
    if u is not None:
        other = half_of_slots(u, p.reshape(rows, length), parts, False, t is None, shape)
    return half, other


def half_of_slots(t, other, parts, is_left, is_constant, shape):
    """What the slots `t` of the left or the right factor contribute, where they stay few."""
    level, coef = t.level, t.coef
    moved = level.structures.moved
    rows, length, columns = parts
    # The columns of the terms of every sum, found by the same steps as those of the general way.
    own = (rows, length, 1) if is_left else (1, length, columns)
    col = moved(t.col, lambda a: a.reshape((a.shape[0], *own)), ("reshape", own))
    col = moved(col, lambda a: align(a, parts), ("broadcast", parts))
    compacted = summed_slots(level, col, (-2,))
    out = np.empty((compacted.col.shape[0], rows, columns))
    if not other.flags.carray:
        other = other.copy()
    short_kernels.compact_product(
        flat(coef).reshape((coef.shape[0], *own)), other, compacted.order, compacted.target,
        is_left, is_constant, out,
    )  # fmt: skip
    t = SparseTangent(level, out, compacted.col)
    if t.shape != shape:
        t = t.reshaped(shape)
    return t.to_dense() if dense_tangent.is_wide(out.shape[0], level.n) else t


def dot_of_slots(p, t, q, u):
    """The tangent of the product of two vectors, one or both with slots that become many."""
    level = (u if t is None else t).level
    block = np.zeros(level.n)
    for x, other in ((t, q), (u, p)):
        if x is not None:
            other = other if other.flags.carray else other.copy()
            is_constant = t is None or u is None
            short_kernels.scatter_dot(flat(x.col), flat(x.coef), other, is_constant, block)
    return DenseTangent(level, block, dense.unit((), FLOAT64))


def is_dot_of_slots(p, t, q, u):
    """Whether `dot_of_slots` serves."""
    tangents = [x for x in (t, u) if x is not None]
    return (
        is_plain(p, q)
        and p.ndim == q.ndim == 1
        and p.dtype is q.dtype is FLOAT64
        and p.shape == q.shape
        and all(x.is_sparse and is_plain(x.coef) and x.dtype is FLOAT64 for x in tangents)
        and any(dense_tangent.is_wide(x.coef.shape[0] * p.size, x.level.n) for x in tangents)
    )


def _contracted_columns(t, other, is_constant):
    """A tangent with few slots against a constant matrix: rows of the matrix, scaled."""
    dtype = np.result_type(t.dtype, other.dtype)
    n = t.level.n
    if dense.is_inner(n) and dtype in FLOATS:
        need_block(t.level, (n, t.shape[0], other.shape[1]), dtype)
        matrix = other.astype(dtype, copy=False).T
        if not (matrix.flags.c_contiguous or matrix.flags.f_contiguous):
            matrix = np.ascontiguousarray(matrix)
        out = buffers.empty((t.shape[0], other.shape[1], n), dtype)
        coef = np.ascontiguousarray(t.coef, dtype)
        block_kernels.scatter_product(np.ascontiguousarray(t.col), coef, matrix, out, is_constant)
        return DenseTangent(t.level, dense.first(out))
    block = new_block(t.level, n, (t.shape[0], other.shape[1]), dtype)
    slot_kernels.scatter_product(
        t.col,
        t.coef.astype(dtype, copy=False),
        np.ascontiguousarray(other, dtype),
        block,
        is_constant,
    )
    return DenseTangent(t.level, block)


def _contracted_rows(t, other, is_constant):
    """The same for the rows of a dense block."""
    batch = dense.batch(t.shape[:-2], other.shape[:-2])
    need_block(t.level, (t.level.n, *batch, t.shape[-2], other.shape[-1]), t.dtype)
    block = dense.product(t.dense(), other)
    if dense.is_finite(block):
        return DenseTangent(t.level, block, finite=True)
    return DenseTangent(t.level, _strong_zero_product(t.dense(), other, is_constant))


def _strong_zero_product(block, other, is_constant):
    """``block @ other`` term by term, so that exact zeros stay zero beside infinities."""
    extra = max(0, other.ndim - block.ndim + 1)
    block = block.reshape((block.shape[0],) + (1,) * extra + block.shape[1:])
    out = 0.0
    for j in range(block.shape[-1]):
        column, row = block[..., :, j, None], other[..., j, None, :]
        with np.errstate(all="ignore"):
            term = column * row
        zero = is_zero(column) | is_zero(row) if is_constant else is_zero(column)
        zero = np.broadcast_to(zero, term.shape)
        out = out + np.where(zero, np.zeros((), term.dtype), term)
    return out


# --- Ways around the general one -----------------------------------------------------------------


def image(matrix, x):
    """``matrix @ x`` of a constant matrix and a vector, where all of it is dense; else None."""
    t = x.own_tangent()
    if t is None or t.is_recorded or matrix.ndim != 2 or type(x.primal) is not np.ndarray:
        return None
    if t.is_sparse:
        is_few = t.level.n <= dense.FEW or not dense_tangent.is_wide(
            t.coef.shape[0] * x.size, t.level.n
        )
        return None if is_few else image_of_slots(matrix, x, t)
    if type(t.block) is not np.ndarray or t.dtype not in FLOATS:
        return None
    factor = _alike(matrix, t.dtype)
    if factor is None:
        return None
    y = np.matmul(matrix, x.primal)
    need_block(t.level, (t.level.n, matrix.shape[0]), t.dtype)
    if dense.fits(t.block, t.scale):
        if t.has_factor() and factor.size < t.block.size:  # cheaper to scale than the block
            with np.errstate(all="ignore"):
                scaled = factor * t.scale[0]
            block = dense.image(scaled, t.block)
        else:
            block = dense.image(factor, t.dense())
    else:
        with np.errstate(all="ignore"):
            block = np.dot(t.dense(), factor.T)
    if dense.is_finite(block):
        return make(y, DenseTangent(t.level, block, finite=True), x.level)
    block = _strong_zero_product(t.dense()[:, None], factor.T, True)[:, 0]
    return make(y, DenseTangent(t.level, block), x.level)


def image_of_slots(matrix, x, t):
    """The same of a vector whose tangent `t` has slots; None: not here."""
    coef = t.coef
    if type(coef) is not np.ndarray or coef.dtype is not FLOAT64 or matrix.dtype is not FLOAT64:
        return None
    flags = matrix.flags
    m, p = matrix.shape
    k = t.level.n
    if not (flags.c_contiguous or flags.f_contiguous) or not m * p or coef.shape[1] != p:
        return None
    need_block(t.level, (k, m), FLOAT64)
    y = np.matmul(matrix, x._primal)
    out = buffers.empty((1, m, k), FLOAT64)
    wide = (coef.shape[0], 1, p)
    col, coef = flat(t.col).reshape(wide), flat(coef).reshape(wide)
    block_kernels.scatter_product(col, coef, matrix, out, True)
    return make(y, DenseTangent(t.level, out[0].T), x.level)


def _alike(a, dtype):
    """A plain array in `dtype`, if a product with it is of that dtype; else None."""
    if type(a) is not np.ndarray or a.dtype == object:
        return None
    if a.dtype == dtype:
        return a
    return a.astype(dtype) if np.result_type(a.dtype, dtype) == dtype else None


# The second half of a product is added to the first in this many parts, of at least so many bytes.
PARTS, PART, SMALL_PART = 16, 2**19, 2**17


def added_by_rows(total, t, other):
    """Add the tangent of ``(x @ other).T`` to the dense `total`, which is new; whether it was done.

    A large one comes a few rows of x at a time, so that no second block is needed.
    """
    block, rows = None if total.is_sparse else total.block, t.shape[-2]
    if (
        not is_plain(block, other, t.coefficients())
        or block.nbytes < buffers.LARGE
        or total.has_factor()
        or not block.dtype == t.dtype == other.dtype
        or block.shape[1:] != (*dense.batch(t.shape[:-2], other.shape[:-2]), other.shape[-1], rows)
        or _is_narrow(t, other)
    ):
        return False
    is_packed = type(t) is PackedTangent
    if is_packed:
        t, other = t.contracted(other)
    count = max(1, min(PARTS, rows, block.nbytes // (SMALL_PART if is_packed else PART)))
    for i in range(count):
        part = slice(i * rows // count, (i + 1) * rows // count)
        half = t.map(lambda a, part=part: a[..., part, :])
        if is_packed and half.is_empty():
            continue
        half = contracted(half, other, False)
        here, half = dense.last(swapped(block[..., part])), dense.last(half.dense())
        with np.errstate(all="ignore"):
            np.add(here, half, out=here)
    total.finite = None
    return True


def swapped(a):
    return np.swapaxes(a, -1, -2)
