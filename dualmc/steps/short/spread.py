"""The short way of two operands that differ in shape, or in how their tangents are stored.

Operands of plain float64 numbers are spread to the shape of the result, and sparse tangents of few
directions beside dense ones made dense; then `vectors.py` serves them.  None: not here.
"""

import math

import numpy as np
from numpy import ndarray

from dualmc.duals.dual import Dual, make
from dualmc.kernels import short_kernels, stamped
from dualmc.kernels.payload import align, flat, line
from dualmc.rules.table import RULES
from dualmc.steps.short.blocks import CODES, push_pair
from dualmc.steps.short.plain import (
    FLOAT64,
    SMALL,
    is_plain_tangent,
    new,
    places,
    room,
    rows_of,
    rows_of_slots,
    tangent_of,
)
from dualmc.steps.short.vectors import push_binary
from dualmc.tangents import dense
from dualmc.tangents.dense_tangent import DenseTangent, need_block
from dualmc.tangents.slots import SparseTangent
from dualmc.tangents.unions import merged_products

# Ufuncs that round once, whose results do not depend on how their operands lie in memory.
_EXACT = frozenset({np.add, np.subtract, np.multiply, np.divide})
_NUMBERS = frozenset({float, int, np.float64})


def push_spread(ufunc, a, b):
    """`ufunc` of a Dual and another operand, both as arrays of one shape and storage."""
    if ufunc is np.maximum or ufunc is np.minimum:
        return _push_chosen(ufunc, a, b)
    if ufunc not in _EXACT:
        return None
    if type(a) is Dual:
        level = a.level
        if type(b) is Dual and b.level is not level:
            return None
    else:
        level = b.level
    if level.records:
        return None
    p, t = _parts(a)
    q, u = _parts(b)
    if p is None or q is None:
        return None
    is_quotient = ufunc is np.divide and t is not None is not u and t.is_sparse and u.is_sparse
    is_mixed = t is not None and u is not None and t.is_sparse is not u.is_sparse
    if p.shape == q.shape:
        shape = p.shape
        if is_quotient:
            return _push_quotient(p, t, q, u, level)
        if not is_mixed and p.flags.c_contiguous and q.flags.c_contiguous:
            return None
    else:
        try:
            shape = np.broadcast(p, q).shape
        except ValueError:
            return None  # NumPy's own error
    if t is not None and u is not None and level.n > dense.FEW:
        if not (t.is_sparse and u.is_sparse):
            return push_pair(ufunc, p, t, q, u, shape, level)
    if is_mixed:
        if not (is_plain_tangent(t) and is_plain_tangent(u)):
            return None
        if t.is_sparse:
            t = rows_of_slots(t)
        else:
            u = rows_of_slots(u)
    if t is not None and u is not None and not t.is_sparse:
        return _push_rows(ufunc, p, t, q, u, shape, level)
    if is_quotient:
        p, t, q, u = *_wide(p, t, shape), *_wide(q, u, shape)
        return None if t is None or u is None else _push_quotient(p, t, q, u, level)
    a = _spread(p, t, shape, level)
    b = None if a is None else _spread(q, u, shape, level)
    return None if b is None else push_binary(ufunc, a, b)


def _parts(a):
    """The numbers of an operand and its tangent, None for a constant; None, None: not here."""
    if type(a) is Dual:
        t = tangent_of(a)
        return (None, None) if t is None else (a._primal, t)
    if type(a) is ndarray and a.dtype is FLOAT64:
        return a, None
    return None, None


def _push_chosen(ufunc, a, b):
    """The larger or smaller of a Dual and plain numbers."""
    argnum = 0 if type(a) is Dual else 1
    x, c = (a, b) if argnum == 0 else (b, a)
    t = None if type(c) is Dual else tangent_of(x)
    if t is None:
        return None
    p = x._primal
    step = 1
    if type(c) in _NUMBERS:
        c, step = np.array([c], FLOAT64), 0
    elif type(c) is not ndarray or c.dtype is not FLOAT64 or c.shape != p.shape:
        return None
    rows = t.coef if t.is_sparse else t.scale
    if type(rows) is not ndarray or rows.dtype is not FLOAT64:
        return None
    if not t.is_sparse and not t.is_finite():
        return None  # a partial of 0 must hide the infinities of the block itself
    y = np.asarray(ufunc(a, p) if argnum else ufunc(p, b))
    table = flat(rows)
    out = np.empty_like(table)
    kernel = stamped.push_two(ufunc, argnum, RULES[ufunc].alone[argnum], "alone")
    p, c = line(p), line(c)
    operands = (c, step, p, 1) if argnum else (p, 1, c, step)
    kernel(*operands, line(y), table, out)
    return make(y, t.like(out.reshape(rows.shape)), x.level)


def _push_rows(ufunc, p, t, q, u, shape, level):
    """The same for two dense tangents of few directions, in one launch."""
    code = CODES.get(ufunc)
    at_p, at_q = places(p.shape, shape), places(q.shape, shape)
    if code is None or at_p is None or at_q is None:
        return None
    block, scale = rows_of(t)
    block_q, scale_q = rows_of(u)
    if block is None or block_q is None:
        return None
    k = block.shape[0]
    need_block(level, (k, *shape), FLOAT64)
    y = ufunc(p, q)
    out = room((k, at_p.size))
    short_kernels.pair(
        code, line(p), at_p, block.reshape((k, p.size)), scale.reshape(-1),
        line(q), at_q, block_q.reshape((k, q.size)), scale_q.reshape(-1), line(y), out,
    )  # fmt: skip
    return make(y, new(level, out.reshape((k, *shape))), level)


def _push_quotient(p, t, q, u, level):
    """``p / q`` for sparse tangents of different columns."""
    if t.col is u.col or not (is_plain_tangent(t) and is_plain_tangent(u)):
        return None
    y = p / q
    with np.errstate(all="ignore"):
        inverse = 1.0 / q
        factor = -(y / q)
    t = merged_products(t, line(inverse), u, line(factor))
    return make(y, t, level)


def _spread(p, t, shape, level):
    """An operand as a contiguous array of `shape`, a Dual if it has a tangent; None: not here."""
    wide, u = _wide(p, t, shape)
    if t is None:
        return wide
    return None if u is None else make(wide, u, level)


def _wide(p, t, shape):
    """The numbers and the tangent (or None) of an operand in `shape`; None: not here."""
    if p.shape == shape:
        return (p if p.flags.c_contiguous else p.copy()), t
    if t is not None:
        t = spread(t, shape)
        if t is None:
            return None, None
    wide = room(shape)
    wide[...] = p
    return wide, t


def spread(t, shape):
    """The tangent of an array that is broadcast to `shape`; None: not here."""
    if t.is_sparse:
        coef = t.coef
        if type(coef) is not ndarray or coef.dtype is not FLOAT64:
            return None
        key = ("broadcast", shape)
        col = t.level.structures.moved(t.col, lambda a: align(a, shape), key)
        return SparseTangent(t.level, _filled(coef, shape), col)
    block, scale = rows_of(t)
    if block is None:
        return None
    scale = dense.unit(shape, FLOAT64) if dense.is_unit(scale) else _filled(scale, shape)
    is_small = block.shape[0] * math.prod(shape) <= SMALL
    block = _filled(block, shape) if is_small else align(block, shape)
    return DenseTangent(t.level, block, scale, t.finite or None)


def _filled(a, shape):
    """(w, *S) spread to (w, *shape), in memory of its own."""
    w = a.shape[0]
    out = room((w, *shape))
    extra = len(shape) + 1 - a.ndim
    out[...] = a.reshape((w,) + (1,) * extra + a.shape[1:]) if extra else a
    return out
