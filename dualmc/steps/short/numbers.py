"""The shortest way: float64 numbers (0-d Duals) whose tangent is a dense row, as in scalar code.

On one number the rule table's kernels cost more to launch than to run, so sums, products and
quotients are Python's arithmetic on the lazy factor and NumPy's on the row.  Whatever is not finite
goes the general way, which has the strong zeros.
"""

from math import isfinite

import numpy as np
from numpy import asarray, ndarray

from dualmc.duals.dual import Dual, make
from dualmc.duals.operands import SHORT_JOINS
from dualmc.tangents import dense
from dualmc.tangents.dense_tangent import DenseTangent
from dualmc.tangents.number_tangent import NumberTangent
from dualmc.tangents.slots import SparseTangent

FLOAT64 = np.dtype(np.float64)
UNIT = dense.unit((), FLOAT64)
_add, _subtract, _multiply, _divide = np.add, np.subtract, np.multiply, np.divide


def _row(t):
    """The block (k,) and the factor of a number's dense tangent, as plain numbers; or None."""
    block, scale = t.block, t.scale
    if type(block) is not ndarray or block.dtype is not FLOAT64:
        return None
    if scale is None or scale is UNIT:
        return block, 1.0
    if type(scale) is not ndarray:
        return None
    return block, scale.item()


def push_two(ufunc, a, t, b, u):
    """A sum, difference, product or quotient of two numbers with dense tangents; None: not here."""
    row, other = _row(t), _row(u)
    if row is None or other is None:
        return None
    (block, s), (block_other, r) = row, other
    p, q = a._primal, b._primal
    y = ufunc(p, q)
    if ufunc is _multiply:
        s, r = s * q.item(), r * p.item()
    elif ufunc is _subtract:
        r = -r
    elif ufunc is _divide:
        divisor = q.item()
        if divisor == 0.0:
            return None
        s, r = s * (1.0 / divisor), r * -(y.item() / divisor)
    elif ufunc is not _add:
        return None
    if not (isfinite(s) and isfinite(r)):
        return None
    if block is block_other:
        return make(asarray(y), _scaled(t, block, s + r), a.level)
    total = block if s == 1.0 else block * s
    total = total + (block_other if r == 1.0 else block_other * r)
    if s < 0.0 and r < 0.0:
        total += 0.0  # no -0
    return make(asarray(y), DenseTangent(a.level, total, dense.unit((), FLOAT64)), a.level)


def _scaled(t, block, s):
    scale = np.empty(1)
    scale[0] = s
    return DenseTangent(t.level, block, scale, t.finite)


def push_constant(ufunc, argnum, x, t, c):
    """The same for a number and a plain number `c`, argument `argnum` the Dual."""
    row = _row(t)
    if row is None:
        return None
    block, s = row
    p = x._primal
    y = ufunc(p, c) if argnum == 0 else ufunc(c, p)
    if ufunc is _multiply:
        if c == 0:
            return None
        s *= c
    elif ufunc is _add or ufunc is _subtract and argnum == 0:
        return make(asarray(y), t, x.level)
    elif ufunc is _subtract:
        s = -s
    elif ufunc is _divide:
        if argnum == 0:
            if c == 0:
                return None
            s *= 1.0 / c
        else:
            divisor = p.item()
            if divisor == 0.0:
                return None
            s *= -(y.item() / divisor)
    else:
        return None
    if not isfinite(s):
        return None
    return make(asarray(y), _scaled(t, block, s), x.level)


def spread(x, t, shape):
    """A number as an array of `shape` whose elements share its row, and that array's tangent.

    None, None for what this does not serve.
    """
    row = _row(t)
    if row is None or not 0 < row[0].shape[0] <= dense.FEW:
        return None, None
    block, s = row
    if not block.flags.c_contiguous:
        block = block.copy()
    primal = np.empty(shape)
    primal.fill(x._primal)
    if s == 1.0:
        scale = dense.unit(shape, FLOAT64)
    else:
        scale = np.empty((1, *shape))
        scale.fill(s)
    strides = (block.strides[0],) + (0,) * len(shape)
    shared = ndarray((block.shape[0], *shape), FLOAT64, block, 0, strides)
    tangent = DenseTangent(t.level, shared, scale, t.finite)
    return make(primal, tangent, x.level), tangent


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
