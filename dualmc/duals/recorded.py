"""Duals of float64 arrays on a tape: made by a step, read, and kept for the pullback."""

import numpy as np

from dualmc.duals.dual import Dual
from dualmc.duals.signatures import TAPE
from dualmc.tangents.tape import Var, next_serial

FLOAT64 = np.dtype(np.float64)
ndarray = np.ndarray
_new = Dual.__new__
_asarray = np.asarray


def recorded(y, level, pull, parents, data, shape=None, is_kept=False, signature=None):
    """The Dual of a float64 `y` that a step of the tape makes; `is_kept` if the step keeps it.

    ``make(y, step(pull, parents, data, y.shape), level)``, written out: every operation comes here.
    What makes it may know its `shape` and its signature.
    """
    if type(y) is not ndarray:
        y = _asarray(y)
    var = Var()
    var.pull = pull
    var.parents = parents
    var.data = data
    var.shape = y.shape if shape is None else shape
    var.dtype = FLOAT64
    var.serial = next_serial()
    out = _new(Dual)
    out._primal = y
    out.level = level
    out._tangent = var
    out._view = None
    out._writes = 0
    out._owned = False
    out._kept = is_kept
    out._signature = TAPE.get((var.shape, False)) if signature is None else signature
    return out


def parts(x):
    """The primal and the tangent of a Dual, as they are now; of what has ended, no tangent."""
    view = x._view
    if view is not None:
        root = view.root
        if view.memory is not root._primal or view.seen != root._writes:
            return x.primal, x.own_tangent() if x.level.open else None
    return x._primal, x._tangent


def parts_at(a, level):
    """The primal and the tangent of an operand at `level`; a Dual of another one is no array."""
    if type(a) is not Dual:
        return a, None
    return parts(a) if a.level is level else (None, None)


def is_float64(p):
    return type(p) is ndarray and p.dtype is FLOAT64


def kept(dual, p):
    """The float64 primal `p` of `dual`, which is copied before the next write to it.

    A small part of a larger array is copied here, so that writes to the rest copy nothing.
    """
    view = dual._view
    if view is None:
        dual._kept = True
        return p if p.ndim else p[()]
    if not p.ndim:
        return p[()]
    if 2 * p.size < view.root.size:
        return p.copy()
    view.root._kept = True
    return p
