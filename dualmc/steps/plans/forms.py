"""Operands in the form in which plans meet them: numbers as arrays, all in the shape of the result.

None: not here, but in the general handler.
"""

import math

import numpy as np
from numpy import ndarray

from dualmc.duals.dual import Dual, make
from dualmc.duals.signatures import FLOAT64, made, slots_signature
from dualmc.kernels import slot_kernels
from dualmc.kernels.payload import align, flat
from dualmc.steps.plans.results import room_for
from dualmc.tangents import dense
from dualmc.tangents.dense_tangent import DenseTangent
from dualmc.tangents.number_tangent import NumberTangent
from dualmc.tangents.slots import SparseTangent

# Entries of a block beyond which the general way is as fast or faster.
SMALL = 2**15
# Elements of a result up to which it is remembered where they come from.
KEPT = 2**14


def as_number(a):
    """An array of no dimensions as the number in it."""
    if type(a) is not ndarray:
        return a
    return a.item() if a.dtype is FLOAT64 else None


def as_array(x):
    """A Dual with a `NumberTangent` as one with slots."""
    if type(x) is not Dual or type(x._tangent) is not NumberTangent:
        return x
    t, level = x._tangent, x.level
    if not level.open:
        return None
    signature = slots_signature(level.structures, t.col)
    return made(x._primal, SparseTangent(level, t.coef, t.col), level, signature)


def is_line(signature):
    """Whether the elements are those of one axis, and not side by side: a column, say.

    Such an array has no order of axes that NumPy would give the result.
    """
    return not signature.is_c and sum(n > 1 for n in signature.shape) < 2


def in_order(x):
    """A Dual whose elements are not side by side as one where they are."""
    if type(x) is not Dual or x._primal.flags.c_contiguous:
        return x
    return make(np.ascontiguousarray(x._primal), x.own_tangent(), x.level)


def spread(x, shape):
    """An operand as a contiguous array of `shape`."""
    is_dual = type(x) is Dual
    p = x._primal if is_dual else x
    if p.shape == shape:
        return x
    if p.dtype is not FLOAT64 or not p.flags.c_contiguous or is_dual and not x.level.open:
        return None
    wide = room_for(shape)(shape)
    wide[...] = p
    return make(wide, spread_tangent(x._tangent, shape), x.level) if is_dual else wide


def spreader(signature, level, shape):
    """What makes of a Dual with slots one of `shape`, and its signature; None: nothing is kept."""
    if signature.shape == shape:
        return (lambda x: x), signature
    structures, w = level.structures, signature.width
    col = structures.moved(signature.column(), lambda a: align(a, shape), ("broadcast", shape))
    if id(col) not in structures.held:
        return None
    wide = (w, *(1,) * (len(shape) - len(signature.shape)), *signature.shape)
    room, rows = room_for((w, *shape)), (w, *shape)
    result = slots_signature(structures, col)

    def spread(x):
        p, coef = room(shape), room(rows)
        p[...] = x._primal
        coef[...] = x._tangent.coef.reshape(wide)
        return made(p, SparseTangent(x.level, coef, col), x.level, result)

    return spread, result


def spread_tangent(t, shape):
    """The tangent, of plain float64 numbers, of an array that is broadcast to `shape`."""
    if t.is_sparse:
        key = ("broadcast", shape)
        col = t.level.structures.moved(t.col, lambda a: align(a, shape), key)
        return SparseTangent(t.level, _filled(t.coef, shape), col)
    block, scale = rows_of(t)
    if block is None:
        return t.broadcast(shape)
    scale = dense.unit(shape, FLOAT64) if dense.is_unit(scale) else _filled(scale, shape)
    is_small = block.shape[0] * math.prod(shape) <= SMALL
    block = _filled(block, shape) if is_small else align(block, shape)
    return DenseTangent(t.level, block, scale, t.finite or None)


def _filled(a, shape):
    """(w, *S) spread to (w, *shape), in memory of its own."""
    out = room_for((a.shape[0], *shape))((a.shape[0], *shape))
    out[...] = align(a, shape)
    return out


# --- Tangents ------------------------------------------------------------------------------------


def is_plain_tangent(t):
    """Whether a tangent is of plain float64 numbers."""
    rows = t.coef if t.is_sparse else t.block
    return type(rows) is ndarray and rows.dtype is FLOAT64


def rows_of(t):
    """The block of a dense tangent of few directions and its factor, contiguous; or None, None."""
    if t.level.n > dense.FEW:  # before the block is read, which may have to be unpacked
        return None, None
    block, scale = t.block, t.scale
    if type(block) is not ndarray or block.dtype is not FLOAT64:
        return None, None
    if type(scale) is not ndarray or scale.dtype is not FLOAT64:
        return None, None
    if block.size > SMALL:
        return None, None
    if not block.flags.carray:  # Numba takes a slower way into a kernel with what is read-only
        block = block.copy()
    return block, scale if scale.flags.carray else scale.copy()


def rows_of_slots(t):
    """A sparse tangent of few directions as a dense one."""
    k, shape = t.level.n, t.coef.shape[1:]
    coef = flat(t.coef)
    block = np.zeros((k, coef.shape[1]))
    slot_kernels.scatter_dense(flat(t.col), coef, block)
    return DenseTangent(t.level, block.reshape((k, *shape)))


_PLACES: dict = {}


def places(shape, wide):
    """Where every element of an array of shape `wide` comes from in one of `shape`, flat.

    None where that is not kept: the elements are too many.
    """
    found = _PLACES.get((shape, wide))
    if found is None:
        if math.prod(wide) > KEPT:
            return None
        if len(_PLACES) > 64:
            _PLACES.clear()
        place = np.arange(math.prod(shape)).reshape(shape)
        found = _PLACES[shape, wide] = np.array(np.broadcast_to(place, wide)).reshape(-1)
    return found
