"""Plans of sums, differences, products and quotients of Duals of different columns or blocks.

Slots unite as `unions.py` has found once; what has blocks beside it goes into a new block, in one
launch that applies the lazy factors on the way and finds the elements of what is broadcast.
"""

import math

import numpy as np
from numpy import asarray, ascontiguousarray

from dualmc.duals.dual import make
from dualmc.duals.signatures import FLOAT64, SLOTS, dense_signature, made, slots_signature
from dualmc.kernels import block_kernels, buffers, short_kernels, slot_kernels, stamped
from dualmc.kernels.compiling import entry
from dualmc.kernels.payload import flat, line
from dualmc.steps.plans.forms import places, rows_of_slots
from dualmc.steps.plans.results import room_for
from dualmc.tangents import dense, dense_tangent
from dualmc.tangents.dense_tangent import DenseTangent, is_wide, need_block
from dualmc.tangents.slots import SparseTangent
from dualmc.tangents.unions import merged, merged_products, union_of

CODES = {np.add: 0, np.subtract: 1, np.multiply: 2, np.divide: 3}
_EVERY = np.empty(0, np.int64)
_INT32, _INT64 = np.dtype(np.int32), np.dtype(np.int64)


def of_two(ufunc, first, second, level):
    """The plan, or None; both operands are C-contiguous where their shapes differ."""
    code = CODES.get(ufunc)
    if code is None:
        return None
    if first.kind is SLOTS and second.kind is SLOTS:
        return _of_slots(ufunc, first, second, level) if first.shape == second.shape else None
    shape = broadcast(first.shape, second.shape)
    if shape is None or first.shape != second.shape and not (first.is_c and second.is_c):
        return None
    at_p = _EVERY if first.shape == shape else places(first.shape, shape)
    at_q = _EVERY if second.shape == shape else places(second.shape, shape)
    if at_p is None or at_q is None:
        return None
    way = _of_rows if level.n > dense.FEW else _of_few
    return way(ufunc, code, first, at_p, second, at_q, shape, level.n)


def broadcast(a, b):
    """The shape that `a` and `b` broadcast to, or None."""
    if a == b:
        return a
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        return None


# --- Slots ---------------------------------------------------------------------------------------


def _of_slots(ufunc, first, second, level):
    """Of one shape, of different columns."""
    structures = level.structures
    a, b = first.column(), second.column()
    union = union_of(level, a, b)
    col = union.col
    is_kept = (id(a), id(b)) in structures.found
    if union.is_same or not is_kept or is_wide(col.shape[0], level.n):
        return _of_passing(ufunc)
    is_c = first.is_c and second.is_c
    result = slots_signature(structures, col)
    signature = result if is_c else None
    ndim, is_number = len(result.shape), not result.shape
    room, shape = room_for(col.shape), col.shape
    slots, few, each = union.slots, union.few, union.each
    sign = {np.add: 1, np.subtract: -1}.get(ufunc)
    is_quotient = ufunc is np.divide
    arrays = (2, _INT32), (1, _INT64), (3, each.dtype)
    if sign is not None:
        kernel = entry(slot_kernels.unite, ndim + 1, ndim + 1, *arrays, _INT64, ndim + 1)
    else:
        factors = ndim + 1, ndim, ndim + 1, ndim
        kernel = entry(slot_kernels.unite_products, *factors, *arrays, ndim + 1)
        factors_of = entry(stamped.quotient_factors, ndim, ndim, ndim, ndim)

    def plan(a, b):
        level = a.level
        if not level.open or b.level is not level:
            return None
        p, q = a._primal, b._primal
        y = ufunc(p, q)
        if is_number:
            y = asarray(y)
        out = room(shape)
        if sign is not None:
            kernel(a._tangent.coef, b._tangent.coef, slots, few, each, sign, out)
        else:
            if not is_c:
                p, q = ascontiguousarray(p), ascontiguousarray(q)
            if is_quotient:
                divisor, q, p = q, np.empty(p.shape), np.empty(p.shape)
                factors_of(divisor, y if is_c else ascontiguousarray(y), q, p)
            kernel(a._tangent.coef, q, b._tangent.coef, p, slots, few, each, out)
        return made(y, SparseTangent(level, out, col), level, signature)

    return plan


def _of_passing(ufunc):
    """The same for columns whose union is not kept, or is better off dense."""
    sign = {np.add: 1, np.subtract: -1}.get(ufunc)

    def plan(a, b):
        level = a.level
        if not level.open or b.level is not level:
            return None
        p, q, t, u = a._primal, b._primal, a._tangent, b._tangent
        y = asarray(ufunc(p, q))
        if sign is not None:
            return make(y, merged(t, u, sign), level)
        p, q = line(p), line(q)
        if ufunc is np.divide:
            divisor, q, p = q, np.empty(y.size), np.empty(y.size)
            stamped.quotient_factors(divisor, line(y), q, p)
        return make(y, merged_products(t, q, u, p), level)

    return plan


# --- Blocks --------------------------------------------------------------------------------------


def _of_few(ufunc, code, first, at_p, second, at_q, shape, k):
    """At least one has a block, of few directions."""
    signature = dense_signature(shape, k, True)
    if not (first.is_c and second.is_c):
        signature = None
    ndim_p, ndim_q, ndim = len(first.shape), len(second.shape), len(shape)
    kernel = entry(
        short_kernels.pair,
        _INT64, ndim_p, (1, _INT64), ndim_p + 1, ndim_p + 1,
        ndim_q, (1, _INT64), ndim_q + 1, ndim_q + 1, ndim, ndim + 1,
    )  # fmt: skip
    is_number, rows_shape = not shape, (k, *shape)
    room, need = room_for(rows_shape), 8 * math.prod(rows_shape)

    def plan(a, b):
        level = a.level
        if not level.open or b.level is not level:
            return None
        if need > dense_tangent.MEMORY_BUDGET:
            need_block(level, rows_shape, FLOAT64)
        block, scale = _few(a._tangent)
        other, factor = _few(b._tangent)
        p, q = a._primal, b._primal
        y = ufunc(p, q)
        if is_number:
            y = asarray(y)
        out = room(rows_shape)
        if signature is None:
            p, q, line = ascontiguousarray(p), ascontiguousarray(q), ascontiguousarray(y)
            kernel(code, p, at_p, block, scale, q, at_q, other, factor, line, out)
        else:
            kernel(code, p, at_p, block, scale, q, at_q, other, factor, y, out)
        return made(y, DenseTangent(level, out), level, signature)

    return plan


def _few(t):
    """The block of a tangent of few directions and its factor, both contiguous."""
    if t.is_sparse:
        t = rows_of_slots(t)
    block = t.block
    return block if block.flags.c_contiguous else block.copy(), t.scale


def _of_rows(ufunc, code, first, at_p, second, at_q, shape, k):
    """At least one has a block, of more than a few directions."""
    is_c = first.is_c and second.is_c
    signature = dense_signature(shape, k, False) if is_c else None
    kinds = 2, (1, _INT64), (2, _INT32), 2
    vector = 1, (1, _INT64)
    kernel = entry(block_kernels.pair_rows, _INT64, *vector, *kinds, *vector, *kinds, 1, 2)
    is_number, rows_shape, size = not shape, (*shape, k), math.prod(shape)
    need = 8 * size * k

    def plan(a, b):
        level = a.level
        if not level.open or b.level is not level:
            return None
        if need > dense_tangent.MEMORY_BUDGET:
            need_block(level, (k, *shape), FLOAT64)
        t, u = _stored(a._tangent), _stored(b._tangent)
        p, q = a._primal, b._primal
        y = ufunc(p, q)
        if is_number:
            y = asarray(y)
        out = buffers.empty(rows_shape, FLOAT64)
        rows = out.reshape((size, k))
        kernel(code, line(p), at_p, *t, line(q), at_q, *u, line(y), rows)
        return made(y, DenseTangent(level, dense.first(out)), level, signature)

    return plan


_NO_ROWS = np.empty((0, 0))
_NO_SLOTS = np.empty((0, 0), np.int32)
_ONE = np.ones((1, 1))


def _stored(t):
    """Rows (r, k), the row of every element, columns (w, size) and coefficients (w, size).

    Of a dense tangent the coefficients are its factor, (1, size), or one for all elements.
    """
    if t.is_sparse:
        return _NO_ROWS, _EVERY, flat(t.col), flat(t.coef)
    stored, scale = t.stored(), t.scale
    scale = _ONE if dense.is_unit(scale) else flat(scale)
    if type(stored) is np.ndarray and stored.ndim == 2 and stored.flags.f_contiguous:
        return stored.T, _EVERY, _NO_SLOTS, scale
    return (*dense.rows(stored), _NO_SLOTS, scale)
