"""The short way of reductions and products: plain float64 arrays, in one launch each.

The general way of `linear.py`, `order.py` and `bilinear.py` inspects everything that an operand may
be, and applies the lazy factor of a dense block before it reduces that: on small arrays both cost
more than the arithmetic.  Here an operand is a Dual of plain float64 numbers whose tangent is sparse,
or dense with few directions (the basis axis first in memory); whatever is not gets None and goes the
general way.  The derivatives are the same.
"""

import numpy as np
from numpy import asarray, empty, float64, ndarray

from dualmc import dense, few_kernels, kernels, tangent
from dualmc.dual import Dual, make
from dualmc.payload import align, flat
from dualmc.slots import SparseTangent, summed_slots
from dualmc.tangent import DenseTangent, need_block
from dualmc.union import add

FLOAT64 = np.dtype(np.float64)
# Entries of a block beyond which the general way is as fast or faster, and products.
SMALL = 2**15
PRODUCTS = 2**13
_ONE = (1,)
_NO_BLOCK = np.empty((0, 0, 0))
_NO_SCALE = np.empty((0, 0))
_add = np.add.reduce


def tangent_of(x):
    """The tangent of a Dual of plain float64 numbers, in an open level; else None."""
    p = x._primal if x._view is None else x.primal
    if type(p) is not ndarray or p.dtype is not FLOAT64 or x.level.records:
        return None
    return x.own_tangent()


def rows_of(t, is_large=False):
    """The block of a dense tangent of few directions and its factor; or None, None.

    Both are contiguous, save for a block of more than `SMALL` entries where `is_large` allows it.
    """
    block, scale = t.block, t.scale
    if type(block) is not ndarray or block.dtype is not FLOAT64 or block.shape[0] > dense.FEW:
        return None, None
    if scale is None:
        scale = dense.unit(block.shape[1:], FLOAT64)
    elif type(scale) is not ndarray or scale.dtype is not FLOAT64:
        return None, None
    if block.size > SMALL:
        return (block, scale) if is_large and scale.flags.c_contiguous else (None, None)
    if not block.flags.carray:  # Numba takes a slower way into a kernel with what is read-only
        block = block.copy()
    return block, scale if scale.flags.carray else scale.copy()


def new(level, block):
    """The tangent of a block, (k, *S), that nothing else holds."""
    return DenseTangent(level, block, dense.unit(block.shape[1:], FLOAT64))


def around(shape, axis):
    """The numbers of elements before, along and after `axis` (None: all of them); or None."""
    before = after = 1
    if axis is None:
        for n in shape:
            before *= n
        return (1, before, 1) if before else None
    if type(axis) is not int:
        return None
    ndim = len(shape)
    if axis < 0:
        axis += ndim
    if not 0 <= axis < ndim:
        return None
    for n in shape[:axis]:
        before *= n
    for n in shape[axis + 1 :]:
        after *= n
    length = shape[axis]
    return (before, length, after) if before and length and after else None


# --- Sums ----------------------------------------------------------------------------------------


def total(a, axis, keepdims, is_mean=False):
    """``np.sum(a, axis, keepdims=keepdims)``, or the mean; None: not here."""
    t = tangent_of(a)
    if t is None:
        return None
    p = a._primal
    parts = around(p.shape, axis)
    if parts is None or keepdims is not False and keepdims is not True:
        return None
    y = _add(p, axis, None, None, keepdims)
    if is_mean:
        y = y / parts[1]
    if type(y) is not ndarray:
        y = asarray(y)
    t = reduced(t, parts, axis, y.shape, 1.0 / parts[1] if is_mean else 1.0)
    return None if t is None else make(y, t, a.level)


def reduced(t, parts, axis, shape, factor=1.0):
    """The tangent of ``factor`` times a sum over `axis`, of `shape`; None: not here."""
    find = _sum_of_slots if t.is_sparse else _sum_of_rows
    return find(t, parts, axis, shape, factor)


def weighted(t, factor):
    """The tangent `t` of an array times that of plain numbers of its shape; None: not here."""
    rows = t.coef if t.is_sparse else rows_of(t)[1]
    if type(rows) is not ndarray or rows.dtype is not FLOAT64:
        return None
    table = flat(rows)
    out = np.empty_like(table)
    kernels.multiply(table, flat_numbers(factor).reshape(-1), out)
    return t.like(out.reshape(rows.shape))


def _sum_of_rows(t, parts, axis, shape, factor):
    block, scale = rows_of(t, True)
    if block is None:
        return None
    k = block.shape[0]
    before, length, after = parts
    need_block(t.level, (k, *shape), FLOAT64)
    out = empty((k, before, after))
    few_kernels.sum_middle(
        block.reshape((k, before, length, after)), scale.reshape(parts), factor, out
    )
    return new(t.level, out.reshape((k, *shape)))


def _sum_of_slots(t, parts, axis, shape, factor):
    coef, col = t.coef, t.col
    if type(coef) is not ndarray or coef.dtype is not FLOAT64:
        return None
    before, length, after = parts
    level, w = t.level, coef.shape[0]
    if not tangent.is_wide(w * length, level.n):
        t = _sum_of_few_slots(t, parts, axis, factor)
        return t if t is None or t.shape == shape else t.reshaped(shape)
    need_block(level, (level.n, *shape), FLOAT64)
    block = dense.zeros(level.n, shape, FLOAT64)
    parts = (w, *parts)
    few_kernels.scatter_middle(
        flat(col).reshape(parts), flat(coef).reshape(parts), factor,
        block.reshape((level.n, before, after)),
    )  # fmt: skip
    return new(level, block)


def _sum_of_few_slots(t, parts, axis, factor):
    """The same where the results keep their structure, once that is known."""
    ndim = len(t.shape)
    axes = tuple(range(-ndim, 0)) if axis is None else (axis if axis < 0 else axis - ndim,)
    level = t.level
    compacted = summed_slots(level, t.col, axes)
    col = compacted.col
    out = empty((col.shape[0], parts[0], parts[2]))
    coef = flat(t.coef).reshape((t.coef.shape[0], *parts))
    few_kernels.compact_middle(coef, compacted.order, compacted.target, factor, out)
    total = SparseTangent(level, out.reshape(col.shape), col)
    return total.to_dense() if tangent.is_wide(col.shape[0], level.n) else total


def product_along(a, axis, keepdims):
    """``np.prod(a, axis, keepdims=keepdims)``; None: not here."""
    t = tangent_of(a)
    if t is None:
        return None
    p = a._primal
    parts = around(p.shape, axis)
    if parts is None or keepdims is not False and keepdims is not True:
        return None
    others = empty(parts)
    few_kernels.others(flat_numbers(p).reshape(parts), others)
    t = weighted(t, others)
    y = asarray(np.multiply.reduce(p, axis, None, None, keepdims))
    t = t and reduced(t, parts, axis, y.shape)
    return None if t is None else make(y, t, a.level)


def norm(x, axis, keepdims):
    """The 2-norm along one axis, or of all elements, where none is 0; None: not here."""
    t = tangent_of(x)
    if t is None:
        return None
    p = x._primal
    parts = around(p.shape, axis)
    if parts is None or keepdims is not False and keepdims is not True:
        return None
    y = asarray(np.linalg.norm(p, None, axis, keepdims))
    if not y.all():
        return None
    t = weighted(t, p.reshape(parts) / y.reshape((parts[0], 1, parts[2])))
    t = t and reduced(t, parts, axis, y.shape)
    return None if t is None else make(y, t, x.level)


# --- Maximum and minimum -------------------------------------------------------------------------


def extremum(function, a, axis, keepdims):
    """`np.max` or `np.min` of a Dual; None: not here, or ties of elements with many slots."""
    t = tangent_of(a)
    if t is None:
        return None
    p = a._primal
    parts = around(p.shape, axis)
    if parts is None or keepdims is not False and keepdims is not True:
        return None
    y = _EXTREMA[function](p, axis, None, None, keepdims)
    if type(y) is not ndarray:
        y = asarray(y)
    before, length, after = parts
    x = flat_numbers(p).reshape(parts)
    top = y.reshape((before, after))
    block, scale = (None, None) if t.is_sparse else rows_of(t)
    if block is None:
        index = empty(before * after, np.int64)
        if t.dtype is not FLOAT64 or not few_kernels.chosen_index(x, top, index):
            return None
        return make(y, t.take(index.reshape(y.shape)), a.level)
    k = block.shape[0]
    out = empty((k, before, after))
    few_kernels.chosen_mean(x, top, block.reshape((k, *parts)), scale.reshape(parts), out)
    return make(y, new(t.level, out.reshape((k, *y.shape))), a.level)


_EXTREMA = {np.max: np.maximum.reduce, np.min: np.minimum.reduce}


def flat_numbers(p):
    """Plain numbers in C order, writable for the kernels."""
    return p if p.flags.carray else p.copy()


# --- Products ------------------------------------------------------------------------------------


def product(a, b, function=np.matmul):
    """`np.matmul` or `np.dot` of Duals and arrays with one or two axes; None: not here."""
    p, t = factor(a)
    q, u = factor(b)
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
    if _stays_sparse(t, length, k) and _stays_sparse(u, length, k):
        y = asarray(function(p, q))
        parts = rows, length, columns
        p, q = flat_numbers(p).reshape(rows, length), flat_numbers(q).reshape(length, columns)
        t = t and _product_of_slots(t, q, parts, True, u is None, y.shape)
        u = u and _product_of_slots(u, p, parts, False, t is None, y.shape)
        return make(y, t if u is None else u if t is None else add(t, u), level)
    if k > dense.FEW:
        is_dot = p.ndim == q.ndim == 1
        return _dot_of_slots(p, t, q, u, function, level) if is_dot else None
    if k * rows * length * columns > PRODUCTS:
        return None
    y = function(p, q)
    shape = (rows, length)
    block, scale = _rows_or_nothing(t, shape)
    block_q, scale_q = _rows_or_nothing(u, (length, columns))
    if block is None or block_q is None:
        return None
    if type(y) is not ndarray:
        y = asarray(y)
    out = empty((k, rows, columns))
    few_kernels.product(
        flat_numbers(p).reshape(shape), block, scale,
        flat_numbers(q).reshape((length, columns)), block_q, scale_q, out,
    )  # fmt: skip
    return make(y, new(level, out.reshape((k, *y.shape))), level)


def factor(a):
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
    return _is_plain_sparse(t) and not tangent.is_wide(t.coef.shape[0] * length, n)


def _is_plain_sparse(t):
    return t.is_sparse and type(t.coef) is ndarray and t.coef.dtype is FLOAT64


def _dot_of_slots(p, t, q, u, function, level):
    """The product of two vectors whose sparse tangents sum up to a dense one; None: not here."""
    if not all(x is None or _is_plain_sparse(x) for x in (t, u)):
        return None
    block = np.zeros(level.n)
    for x, other in ((t, q), (u, p)):
        if x is not None:
            is_constant = t is None or u is None
            few_kernels.scatter_dot(
                flat(x.col), flat(x.coef), flat_numbers(other), is_constant, block
            )
    return make(asarray(function(p, q)), new(level, block), level)


def _product_of_slots(t, other, parts, is_left, is_constant, shape):
    """What the sparse tangent `t` of the left or the right factor contributes, of `shape`."""
    level, coef = t.level, t.coef
    moved = level.structures.moved
    rows, length, columns = parts
    # The columns of the terms of every sum, found by the same steps as those of `bilinear.py`.
    shape_of_t = (rows, length, 1) if is_left else (1, length, columns)
    col = moved(t.col, lambda a: a.reshape((a.shape[0], *shape_of_t)), ("reshape", shape_of_t))
    col = moved(col, lambda a: align(a, parts), ("broadcast", parts))
    compacted = summed_slots(level, col, (-2,))
    out = empty((compacted.col.shape[0], rows, columns))
    few_kernels.compact_product(
        flat(coef).reshape((coef.shape[0], *shape_of_t)), other, compacted.order, compacted.target,
        is_left, is_constant, out,
    )  # fmt: skip
    t = SparseTangent(level, out, compacted.col)
    if t.shape != shape:
        t = t.reshaped(shape)
    return t.to_dense() if tangent.is_wide(out.shape[0], level.n) else t


def _rows_or_nothing(t, shape):
    """The block and factor of a tangent as those of a matrix of `shape`, empty for a constant."""
    if t is None:
        return _NO_BLOCK, _NO_SCALE
    if t.is_sparse:
        if type(t.coef) is not ndarray or t.coef.dtype is not FLOAT64:
            return None, None
        t = rows_of_slots(t)
    block, scale = rows_of(t)
    if block is None:
        return None, None
    return block.reshape((block.shape[0], *shape)), scale.reshape(shape)


def rows_of_slots(t):
    """A sparse tangent of few directions as a dense one."""
    k, shape = t.level.n, t.coef.shape[1:]
    coef = flat(t.coef)
    block = np.zeros((k, coef.shape[1]))
    kernels.scatter_dense(flat(t.col), coef, block)
    return new(t.level, block.reshape((k, *shape)))
