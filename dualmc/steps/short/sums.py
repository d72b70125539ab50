"""The short way of reductions along one axis or all: sums, means, products, norms, maxima.

`plain.py` says which operands these are for; None: not here.
"""

import numpy as np
from numpy import asarray, empty, ndarray

from dualmc.duals.dual import make
from dualmc.kernels import buffers, short_kernels, stamped
from dualmc.kernels.payload import flat
from dualmc.steps.short import blocks
from dualmc.steps.short.plain import (
    FLOAT64,
    SMALL,
    around,
    flat_numbers,
    is_plain_sparse,
    new,
    room,
    rows_of,
    rows_of_slots,
    tangent_of,
)
from dualmc.tangents import dense, dense_tangent
from dualmc.tangents.dense_tangent import need_block
from dualmc.tangents.number_tangent import of_slots
from dualmc.tangents.slots import SparseTangent, summed_slots

_add = np.add.reduce

# --- Sums ----------------------------------------------------------------------------------------


def _operand(a, axis, keepdims):
    """The numbers and the tangent of what is reduced, and the sizes around `axis`; or Nones."""
    t = tangent_of(a)
    if t is not None and (keepdims is False or keepdims is True):
        p = a._primal
        parts = around(p.shape, axis)
        if parts is not None:
            return p, t, parts
    return None, None, None


def total(a, axis, keepdims, is_mean=False):
    """``np.sum(a, axis, keepdims=keepdims)``, or the mean."""
    p, t, parts = _operand(a, axis, keepdims)
    if t is None:
        return None
    y = _add(p, axis, None, None, keepdims)
    if is_mean:
        y = y / parts[1]
    if type(y) is not ndarray:
        y = asarray(y)
    t = _sum(t, parts, axis, y.shape, 1.0 / parts[1] if is_mean else 1.0)
    return None if t is None else make(y, t, a.level)


def _sum(t, parts, axis, shape, factor=1.0):
    """The tangent, of `shape`, of a sum over `axis` times a number."""
    find = _sum_of_slots if t.is_sparse else _sum_of_rows
    return find(t, parts, axis, shape, factor)


def _weighted_sum(t, factor, parts, axis, shape):
    """The tangent of a sum over `axis` of products with numbers of the shape `parts`."""
    rows = t.coef if t.is_sparse else rows_of(t)[1]
    if type(rows) is not ndarray or rows.dtype is not FLOAT64:
        return None
    table = flat(rows)
    out = room(table.shape)
    stamped.multiply(table, flat_numbers(factor).reshape(-1), out)
    return _sum(t.like(out.reshape(rows.shape)), parts, axis, shape)


def _sum_of_rows(t, parts, axis, shape, factor):
    if t.level.n > dense.FEW:
        return blocks.sum_of_rows(t, parts, shape, factor)
    block, scale = rows_of(t, True)
    if block is None:
        return None
    k = block.shape[0]
    before, length, after = parts
    out = empty((k, before, after)) if block.size < SMALL else room((k, before, after))
    short_kernels.sum_middle(
        block.reshape((k, before, length, after)), scale.reshape(parts), factor, out
    )
    return new(t.level, out.reshape((k, *shape)))


def _sum_of_slots(t, parts, axis, shape, factor):
    if not is_plain_sparse(t):
        return None
    coef, col = t.coef, t.col
    before, length, after = parts
    level, w = t.level, coef.shape[0]
    if not dense_tangent.is_wide(w * length, level.n):
        t = _sum_of_few_slots(t, parts, axis, factor)
        return t if t.shape == shape else t.reshaped(shape)
    need_block(level, (level.n, *shape), FLOAT64)
    block = dense.zeros(level.n, shape, FLOAT64)
    parts = (w, *parts)
    short_kernels.scatter_middle(
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
    out = room((col.shape[0], parts[0], parts[2]))
    coef = flat(t.coef).reshape((t.coef.shape[0], *parts))
    short_kernels.compact_middle(coef, compacted.order, compacted.target, factor, out)
    total = SparseTangent(level, out.reshape(col.shape), col)
    return total.to_dense() if dense_tangent.is_wide(col.shape[0], level.n) else total


def product_along(a, axis, keepdims):
    """``np.prod(a, axis, keepdims=keepdims)``."""
    p, t, parts = _operand(a, axis, keepdims)
    if t is None:
        return None
    others = empty(parts)
    short_kernels.others(flat_numbers(p).reshape(parts), others)
    y = asarray(np.multiply.reduce(p, axis, None, None, keepdims))
    t = _weighted_sum(t, others, parts, axis, y.shape)
    return None if t is None else make(y, t, a.level)


def variance(a, axis, ddof, keepdims):
    """``np.var(a, axis, ddof=ddof, keepdims=keepdims)``.

    The mean's own tangent drops out: the deviations from it sum to zero.
    """
    p, t, parts = _operand(a, axis, keepdims)
    if t is None or type(ddof) is not int or parts[1] <= ddof:
        return None
    y = asarray(np.var(p, axis, ddof=ddof, keepdims=keepdims))
    centre = _add(p, axis, None, None, True) / parts[1]
    factor = (p - centre) * (2.0 / (parts[1] - ddof))
    t = _weighted_sum(t, factor, parts, axis, y.shape)
    return None if t is None else make(y, t, a.level)


def norm(x, axis, keepdims):
    """The 2-norm along one axis, or of all elements, where none is 0."""
    p, t, parts = _operand(x, axis, keepdims)
    if t is None:
        return None
    y = asarray(np.linalg.norm(p, None, axis, keepdims))
    if not y.all():
        return None
    factor = p.reshape(parts) / y.reshape((parts[0], 1, parts[2]))
    t = _weighted_sum(t, factor, parts, axis, y.shape)
    return None if t is None else make(y, t, x.level)


# --- Maximum and minimum -------------------------------------------------------------------------


def extremum(function, a, axis, keepdims):
    """`np.max` or `np.min`; also None: equal elements, unless of a dense tangent."""
    p, t, parts = _operand(a, axis, keepdims)
    if t is None:
        return None
    y = _EXTREMA[function](p, axis, None, None, keepdims)
    if type(y) is not ndarray:
        y = asarray(y)
    before, length, after = parts
    x = flat_numbers(p).reshape(parts)
    top = flat_numbers(y).reshape((before, after))
    block, scale = (None, None) if t.is_sparse else rows_of(t)
    if block is None:
        index = empty(before * after, np.int64)
        if t.dtype is not FLOAT64 or not short_kernels.chosen_index(x, top, index):
            return None
        if not y.ndim and t.is_sparse:
            i = index.item()
            u = of_slots(t.level, flat(t.coef)[:, i], flat(t.col)[:, i])
            if u is not None:
                return make(y, u, a.level)
        return make(y, t.take(index.reshape(y.shape)), a.level)
    k = block.shape[0]
    out = empty((k, before, after))
    short_kernels.chosen_mean(x, top, block.reshape((k, *parts)), scale.reshape(parts), out)
    return make(y, new(t.level, out.reshape((k, *y.shape))), a.level)


_EXTREMA = {np.max: np.maximum.reduce, np.min: np.minimum.reduce}


# --- Running sums --------------------------------------------------------------------------------


def running_sum(a, axis):
    """``np.cumsum(a, axis)``; of sparse tangents only those of vectors."""
    p, t, parts = _operand(a, axis, False)
    if t is None or axis is None and p.ndim != 1:
        return None
    level = a.level
    if t.is_sparse:
        if p.ndim != 1 or not is_plain_sparse(t):
            return None
        if level.n > dense.FEW:
            need_block(level, (level.n, p.size), FLOAT64)
            rows = buffers.empty((p.size, level.n), FLOAT64)
            short_kernels.running_slots(flat(t.col), flat(t.coef), rows)
            return make(np.add.accumulate(p), new(level, dense.first(rows)), level)
        t = rows_of_slots(t)
    block, scale = rows_of(t)
    if block is None:
        return None
    out = empty((block.shape[0], *parts))
    short_kernels.running_sum(block.reshape(out.shape), scale.reshape(parts), out)
    return make(np.add.accumulate(p, axis or 0), new(level, out.reshape(block.shape)), level)
