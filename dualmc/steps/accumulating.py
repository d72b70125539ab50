"""In-place sums and differences of views: ``r[1:] -= u[:-1]``, as stencils are written.

The derivatives of the term are added to those of the array that the view is part of, where the view
selects.  The general way (`writing.py`) adds them to a part and writes that back.
"""

import numpy as np

from dualmc.duals.dual import Dual
from dualmc.duals.views import PartView
from dualmc.duals.writing import Place
from dualmc.steps.plans.forms import FLOAT64, is_plain_tangent
from dualmc.tangents import dense
from dualmc.tangents.dense_tangent import DenseTangent, need_block
from dualmc.tangents.slots import SparseTangent
from dualmc.tangents.unions import merged

# How many times smaller than the array a view may be; a smaller one is written to by itself.
SMALL = 64


def accumulated(dual, other, sign):
    """Do ``dual += other``, or ``-=`` with a `sign` of -1, for a view; whether it was done.

    Of plain float64 arrays of one shape with derivatives of one kind.
    """
    view, level = dual._view, dual.level
    root, p = view.root, dual._primal
    if type(view) is PartView or level.records or not level.open or view.memory is not root._primal:
        return False
    if type(other) is not Dual or other.level is not level or p.dtype is not FLOAT64:
        return False
    u, q, t = other.own_tangent(), other.primal, root._tangent
    if u is None or t is None or type(p) is not np.ndarray or type(q) is not np.ndarray:
        return False
    if q.shape != p.shape or q.dtype is not FLOAT64 or SMALL * p.size < root._primal.size:
        return False
    if t.is_sparse is not u.is_sparse or not (is_plain_tangent(t) and is_plain_tangent(u)):
        return False
    term = None
    if t.is_sparse:
        keys = view.keys()
        key = None if keys is None else view.structure_key()
        if key is None:
            return False
        t = merged(t, _spread(u, Place(root._primal.shape, keys, None), key), sign)
    else:
        if not view.is_batched:
            return False
        need_block(level, (level.n, *root._primal.shape), FLOAT64)
        block, term = t.dense(), u.dense()
        if not root._owned or block is not t.block:
            block = dense.copied(block, FLOAT64)
        t = DenseTangent(level, block)
    step = np.add if sign > 0 else np.subtract
    dual.release()
    p = dual.primal  # another array, if a tape has kept this one
    step(p, q, p)  # raises what NumPy raises, before a derivative has changed
    if term is not None:
        part = view.batched(block)
        step(part, term, part)
    root._tangent = t
    root._owned = term is not None
    root._writes += 1
    root._signature = None
    return True


def _spread(u, place, name):
    """The sparse tangent of zeros but at `place`, where it is `u`.

    `name` tells the place to `structure.py`.
    """
    coef = np.zeros((u.coef.shape[0], *place.shape))
    place.write(coef, u.coef)
    structures = u.level.structures
    name = ("spread", place.shape, name, id(u.col))
    found = structures.found.get(name)
    if found is not None:
        return SparseTangent(u.level, coef, found[0])
    col = np.full(coef.shape, -1, np.int32)
    place.write(col, u.col)
    structures.keep(name, col, (u.col,), col)
    return SparseTangent(u.level, coef, col)
