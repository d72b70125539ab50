"""What the short ways of functions share: plain float64 numbers, and tangents as kernels take them.

The general way of `functions/` (`sums.py`, `order.py`, `bilinear.py`, ...) inspects everything that
an operand may be, and applies the lazy factor of a dense block before it goes on: on small arrays
both cost more than the arithmetic.  In `sums.py`, `products.py`, `spread.py` and `moves.py` an
operand is a Dual of plain float64 numbers whose tangent is sparse, or dense with few directions
(the basis axis first in memory), and most functions are one launch of a kernel. Whatever is not
gets None and goes the general way; the derivatives are the same.
"""

import math

import numpy as np
from numpy import ndarray

from dualmc.kernels import slot_kernels
from dualmc.kernels.payload import flat
from dualmc.tangents import dense
from dualmc.tangents.dense_tangent import DenseTangent

FLOAT64 = np.dtype(np.float64)
# Entries of a block beyond which the general way is as fast or faster.
SMALL = 2**15
# Elements of a result up to which it is remembered where they come from.
KEPT = 2**14


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
    if t.level.n > dense.FEW:  # before the block is read, which may have to be unpacked
        return None, None
    block, scale = t.block, t.scale
    if type(block) is not ndarray or block.dtype is not FLOAT64:
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


def flat_numbers(p):
    """Plain numbers in C order, writable for the kernels."""
    return p if p.flags.carray else p.copy()


def is_plain_tangent(t):
    """Whether a tangent is of plain float64 numbers."""
    rows = t.coef if t.is_sparse else t.block
    return type(rows) is ndarray and rows.dtype is FLOAT64


def is_plain_sparse(t):
    """Whether a tangent is sparse, of plain float64 numbers."""
    return t.is_sparse and type(t.coef) is ndarray and t.coef.dtype is FLOAT64


def rows_of_slots(t):
    """A sparse tangent of few directions as a dense one."""
    k, shape = t.level.n, t.coef.shape[1:]
    coef = flat(t.coef)
    block = np.zeros((k, coef.shape[1]))
    slot_kernels.scatter_dense(flat(t.col), coef, block)
    return new(t.level, block.reshape((k, *shape)))


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
