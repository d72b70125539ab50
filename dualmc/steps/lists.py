"""Lists of numbers, Duals of no dimensions among them, as vectors: what ``np.array(items)`` is."""

import numpy as np
from numpy import ndarray

from dualmc.duals.dual import Dual, make
from dualmc.duals.operands import SHORT_JOINS
from dualmc.tangents import dense
from dualmc.tangents.dense_tangent import DenseTangent
from dualmc.tangents.number_tangent import NumberTangent
from dualmc.tangents.slots import SparseTangent

FLOAT64 = np.dtype(np.float64)
UNIT = dense.unit((), FLOAT64)


def _row(t):
    """The block (k,) and the factor of a number's dense tangent, as plain numbers; or None."""
    block, scale = t.block, t.scale
    if type(block) is not ndarray or block.dtype is not FLOAT64:
        return None
    if scale is UNIT:
        return block, 1.0
    if type(scale) is not ndarray:
        return None
    return block, scale.item()


def joined(items):
    """The vector of a list of numbers, Duals of one level with dense tangents among them; or None.

    What ``np.array(items)`` is for plain numbers.
    """
    level = None
    k, is_few = 0, True
    for a in items:
        if type(a) is Dual:
            t = a._tangent
            p = a._primal
            if (
                a._view is not None
                or type(p) is not ndarray
                or p.ndim != 0
                or p.dtype is not FLOAT64
                or level is not None
                and a.level is not level
            ):
                return None
            level = a.level
            if type(t) is NumberTangent:
                k = level.n
            elif t is not None:
                if t.is_recorded or t.is_sparse or _row(t) is None:
                    return None
                k, is_few = t.block.shape[0], False
        elif type(a) is not float and type(a) is not np.float64:
            return None
    if level is None or not level.open or k == 0:
        return None
    if is_few and level.starts_sparse:
        return _joined_slots(items, level)
    if k > dense.FEW:
        return None
    count = len(items)
    primal, block = np.empty(count), np.zeros((k, count))
    for i, a in enumerate(items):
        if type(a) is Dual:
            primal[i] = a._primal
            t = a._tangent
            if type(t) is NumberTangent:
                for c, v in zip(t.cols, t.values, strict=True):
                    block[c, i] = v
            elif t is not None:
                block[:, i] = t.dense()
        else:
            primal[i] = a
    return make(primal, DenseTangent(level, block, dense.unit((count,), FLOAT64)), level)


def _joined_slots(items, level):
    """The same for numbers with a `NumberTangent` or none."""
    tangents = [a._tangent if type(a) is Dual else None for a in items]
    count, cols = len(items), tuple([() if t is None else t.cols for t in tangents])
    width = max(1, *map(len, cols))
    primal, coef = np.empty(count), np.zeros((width, count))
    for i, (a, t) in enumerate(zip(items, tangents, strict=True)):
        primal[i] = a._primal if type(a) is Dual else a
        if t is not None and t.cols:
            coef[: len(t.cols), i] = t.values
    key = ("numbers", cols)
    found = level.structures.found.get(key)
    if found is not None:
        return make(primal, SparseTangent(level, coef, found[0]), level)
    col = np.full((width, count), -1, np.int32)
    for i, used in enumerate(cols):
        col[: len(used), i] = used
    level.structures.keep(key, col, (), col)
    return make(primal, SparseTangent(level, coef, col), level)


SHORT_JOINS.append(joined)
