"""The short way of products of vectors and matrices.

`plain.py` says which operands these are for; None: not here.
"""

import numpy as np
from numpy import asarray, empty, ndarray

from dualmc.duals.dual import Dual, make
from dualmc.kernels import block_kernels, buffers, short_kernels
from dualmc.kernels.payload import align, flat
from dualmc.steps.short.plain import (
    FLOAT64,
    flat_numbers,
    is_plain_sparse,
    new,
    rows_of,
    rows_of_slots,
    tangent_of,
)
from dualmc.tangents import dense, dense_tangent
from dualmc.tangents.combining import add
from dualmc.tangents.dense_tangent import need_block, rows_tangent
from dualmc.tangents.packed import packed
from dualmc.tangents.slots import SparseTangent, summed_slots

# Multiplications beyond which BLAS is faster.
PRODUCTS = 2**13
_NO_BLOCK = np.empty((0, 0, 0))
_NO_SCALE = np.empty((0, 0))


def product(a, b, function=np.matmul):
    """`np.matmul`, or a `function` that does the same, of Duals and arrays of one or two axes."""
    p, t = _factor(a)
    q, u = _factor(b)
    if p is None or q is None or t is u is None:
        return None
    if t is None or u is None:
        level = (a if u is None else b).level
    else:
        level = a.level
        if b.level is not level:
            return None
    rows, length = (1, p.shape[0]) if p.ndim == 1 else p.shape
    columns = 1 if q.ndim == 1 else q.shape[1]
    k = level.n
    if not 0 < rows * length * columns <= PRODUCTS or q.shape[0] != length:
        return None
    parts = rows, length, columns
    if _stays_sparse(t, length, k) and _stays_sparse(u, length, k):
        y = asarray(function(p, q))
        return make(y, _sum_of_slots(p, t, q, u, parts, y.shape), level)
    if k > dense.FEW:
        if not all(x is None or is_plain_sparse(x) for x in (t, u)):
            return None
        if p.ndim == q.ndim == 1:
            return _dot_of_slots(p, t, q, u, function, level)
        need_block(level, (k, rows, columns), FLOAT64)
        y = asarray(function(p, q))
        return make(y, packed(_sum_of_slots(p, t, q, u, parts, y.shape)), level)
    if k * rows * length * columns > PRODUCTS:
        return None
    need_block(level, (k, rows, columns), FLOAT64)
    block = _product_of_rows(p, t, q, u, parts)
    if block is None:
        return None
    y = asarray(function(p, q))
    return make(y, new(level, block.reshape((k, *y.shape))), level)


def _product_of_rows(p, t, q, u, parts):
    """The block, (k, rows, columns), of a product with dense tangents of few directions."""
    rows, length, columns = parts
    block, scale = _rows_or_nothing(t, (rows, length))
    block_q, scale_q = _rows_or_nothing(u, (length, columns))
    if block is None or block_q is None:
        return None
    p, q = flat_numbers(p).reshape(rows, length), flat_numbers(q).reshape(length, columns)
    out = empty((max(block.shape[0], block_q.shape[0]), rows, columns))
    short_kernels.product(p, block, scale, q, block_q, scale_q, out)
    return out


def _factor(a):
    """The numbers of a factor and its tangent, None for a constant; None, None: not here."""
    if type(a) is Dual:
        t = tangent_of(a)
        if t is None:
            return None, None
        p = a._primal
    else:
        if type(a) is not ndarray or a.dtype is not FLOAT64:
            return None, None
        p, t = a, None
    return (p, t) if 0 < p.ndim < 3 else (None, None)


def _stays_sparse(t, length, n):
    """Whether sums of so many elements keep their few slots, or there is no tangent."""
    if t is None:
        return True
    return is_plain_sparse(t) and not dense_tangent.is_wide(t.coef.shape[0] * length, n)


def _dot_of_slots(p, t, q, u, function, level):
    """The product of two vectors whose sparse tangents sum up to a dense one."""
    block = np.zeros(level.n)
    for x, other in ((t, q), (u, p)):
        if x is not None:
            is_constant = t is None or u is None
            short_kernels.scatter_dot(
                flat(x.col), flat(x.coef), flat_numbers(other), is_constant, block
            )
    return make(asarray(function(p, q)), new(level, block), level)


def _sum_of_slots(p, t, q, u, parts, shape):
    """The tangent, of `shape`, of a product ``p @ q`` of factors with sparse ones."""
    rows, length, columns = parts
    found = None
    if t is not None:
        other = flat_numbers(q).reshape(length, columns)
        found = _half(t, other, parts, True, u is None, shape)
    if u is not None:
        other = flat_numbers(p).reshape(rows, length)
        half = _half(u, other, parts, False, t is None, shape)
        found = half if found is None else add(found, half)
    return found


def _half(t, other, parts, is_left, is_constant, shape):
    """What the sparse tangent `t` of the left or the right factor contributes, of `shape`."""
    half = _half_of_slots if _stays_sparse(t, parts[1], t.level.n) else _half_of_columns
    return half(t, other, parts, is_left, is_constant, shape)


def _half_of_columns(t, other, parts, is_left, is_constant, shape):
    """The same as a dense block: rows or columns of the other factor, scaled."""
    rows, length, columns = parts
    level, w = t.level, t.coef.shape[0]
    if is_left:
        wide = (w, rows, length)
        col, coef, matrix = flat(t.col).reshape(wide), flat(t.coef).reshape(wide), other.T
    else:
        wide = (w, length, columns)
        coef = np.ascontiguousarray(flat(t.coef).reshape(wide).swapaxes(1, 2))
        col = level.structures.moved(
            t.col, lambda a: a.reshape(wide).swapaxes(1, 2), ("columns", wide)
        )
        matrix = other
    out = buffers.empty((wide[1] if is_left else columns, matrix.shape[0], level.n), FLOAT64)
    block_kernels.scatter_product(np.ascontiguousarray(col), coef, matrix, out, is_constant)
    out = out if is_left else out.swapaxes(0, 1)
    return rows_tangent(level, dense.first(out.reshape((*shape, level.n))))


def _half_of_slots(t, other, parts, is_left, is_constant, shape):
    """The same with few slots."""
    level, coef = t.level, t.coef
    moved = level.structures.moved
    rows, length, columns = parts
    # The columns of the terms of every sum, found by the same steps as those of `contraction.py`.
    shape_of_t = (rows, length, 1) if is_left else (1, length, columns)
    col = moved(t.col, lambda a: a.reshape((a.shape[0], *shape_of_t)), ("reshape", shape_of_t))
    col = moved(col, lambda a: align(a, parts), ("broadcast", parts))
    compacted = summed_slots(level, col, (-2,))
    out = empty((compacted.col.shape[0], rows, columns))
    short_kernels.compact_product(
        flat(coef).reshape((coef.shape[0], *shape_of_t)), other, compacted.order, compacted.target,
        is_left, is_constant, out,
    )  # fmt: skip
    t = SparseTangent(level, out, compacted.col)
    if t.shape != shape:
        t = t.reshaped(shape)
    return t.to_dense() if dense_tangent.is_wide(out.shape[0], level.n) else t


def _rows_or_nothing(t, shape):
    """The block and factor of a tangent as those of a matrix of `shape`, empty for a constant."""
    if t is None:
        return _NO_BLOCK, _NO_SCALE
    if t.is_sparse:
        if not is_plain_sparse(t):
            return None, None
        t = rows_of_slots(t)
    block, scale = rows_of(t)
    if block is None:
        return None, None
    return block.reshape((block.shape[0], *shape)), scale.reshape(shape)
