"""What plans make: a Dual that goes on with an operand's tangent, with other coefficients."""

import math

import numpy as np

from dualmc.duals.dual import Dual
from dualmc.duals.signatures import DENSE, FLOAT64, SLOTS
from dualmc.kernels import buffers
from dualmc.tangents.dense_tangent import DenseTangent
from dualmc.tangents.slots import SparseTangent

_new, _new_slots, _new_dense = Dual.__new__, SparseTangent.__new__, DenseTangent.__new__


def with_slots(y, t, coef, level, signature):
    """The Dual of `y` with the slots of `t` and the coefficients `coef`."""
    u = _new_slots(SparseTangent)
    u.level = level
    u.coef = coef
    u.col = t.col
    out = _new(Dual)
    out._primal = y
    out.level = level
    out._tangent = u
    out._view = None
    out._writes = 0
    out._owned = out._kept = False
    out._signature = signature
    return out


def with_factor(y, t, scale, level, signature):
    """The Dual of `y` with the block of `t` and the factor `scale`."""
    u = _new_dense(DenseTangent)
    u.level = level
    u.block = t.block
    u.scale = scale
    u.finite = t.finite
    out = _new(Dual)
    out._primal = y
    out.level = level
    out._tangent = u
    out._view = None
    out._writes = 0
    out._owned = out._kept = False
    out._signature = signature
    return out


FINISH = {SLOTS: with_slots, DENSE: with_factor}


def room_for(shape):
    """What makes arrays of `shape`, not yet written to: from kept buffers where they are large."""
    if 8 * math.prod(shape) < buffers.LARGE:
        return np.empty
    return _from_buffers


def _from_buffers(shape):
    return buffers.empty(shape, FLOAT64)
