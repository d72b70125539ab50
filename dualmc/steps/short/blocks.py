"""The short way of operands with dense blocks of plain float64 numbers, mostly of many directions.

Each function is one launch of a kernel of `block_kernels.py`, which applies the lazy factors on the
way; that of two operands also reads a sparse one slot by slot, and finds the elements of one that
is broadcast.  None: not here.
"""

import numpy as np
from numpy import asarray, ndarray

from dualmc.duals.dual import make
from dualmc.kernels import block_kernels, buffers, stamped
from dualmc.kernels.payload import flat, line
from dualmc.steps.short.plain import FLOAT64, places
from dualmc.tangents import dense
from dualmc.tangents.dense_tangent import DenseTangent, need_block, rows_tangent

CODES = {np.add: 0, np.subtract: 1, np.multiply: 2, np.divide: 3}

_EVERY = np.empty(0, np.int64)
_NO_ROWS = np.empty((0, 0))
_NO_SLOTS = np.empty((0, 0), np.int32)
_ONE = np.ones((1, 1))


def push_pair(ufunc, p, t, q, u, shape, level):
    """`ufunc` of the arrays `p` and `q`, whose tangents are `t` and `u`; None: not here.

    At least one of these is dense, and `level` has more than `dense.FEW` directions.
    """
    code = CODES.get(ufunc)
    if code is None:
        return None
    at_p = _EVERY if p.shape == shape else places(p.shape, shape)
    at_q = _EVERY if q.shape == shape else places(q.shape, shape)
    a = None if at_p is None or at_q is None else _stored(t)
    b = None if a is None else _stored(u)
    if b is None:
        return None
    k = level.n
    need_block(level, (k, *shape), FLOAT64)
    y = ufunc(p, q)
    if type(y) is not ndarray:
        y = asarray(y)
    out = buffers.empty((*shape, k), FLOAT64)
    block_kernels.pair_rows(
        code, line(p), at_p, *a, line(q), at_q, *b, line(y), out.reshape((y.size, k))
    )
    return make(y, rows_tangent(level, dense.first(out)), level)


def _stored(t):
    """Rows (r, k), the row of every element, columns (w, size) and coefficients (w, size).

    Of a dense tangent the coefficients are its factor, (1, size), or one for all elements; None
    where they are not plain float64 numbers.
    """
    if t.is_sparse:
        coef = t.coef
        if type(coef) is not ndarray or coef.dtype is not FLOAT64:
            return None
        return _NO_ROWS, _EVERY, flat(t.col), flat(coef)
    stored, scale = t.stored(), t.scale
    if (
        stored.dtype is not FLOAT64
        or type(stored) is not ndarray
        and type(stored) is not dense.Rows
    ):
        return None
    if scale is None or dense.is_unit(scale):
        scale = _ONE
    elif type(scale) is not ndarray or scale.dtype is not FLOAT64:
        return None
    else:
        scale = flat(scale)
    if type(stored) is ndarray and stored.ndim == 2 and stored.flags.f_contiguous:
        return stored.T, _EVERY, _NO_SLOTS, scale
    rows, index = dense.rows(stored)
    return rows, index, _NO_SLOTS, scale


def push_two(ufunc, a, t, rows, b, u, other):
    """A sum, product or quotient of arrays with a block each of few directions.

    Their lazy factors are `rows` and `other`, the basis axis is first in memory.
    """
    block, block_other = t.block, u.block
    if type(block) is not ndarray or block.dtype is not FLOAT64:
        return None
    if type(block_other) is not ndarray or block_other.dtype is not FLOAT64:
        return None
    p, q = a._primal, b._primal
    y = ufunc(p, q)
    if type(y) is not ndarray:
        y = asarray(y)
    level, shape = a.level, block.shape
    need_block(level, shape, FLOAT64)
    out = np.empty(shape)
    block, block_other = flat(block), flat(block_other)
    if len(shape) == 2:
        table, rows, other = out, rows[0], other[0]
    else:
        table, rows, other = out.reshape(shape[0], p.size), rows.reshape(-1), other.reshape(-1)
    if ufunc is np.multiply:
        stamped.scaled_products(block, rows, line(q), block_other, other, line(p), table)
    elif ufunc is np.divide:
        stamped.scaled_quotients(block, rows, line(q), block_other, other, line(y), table)
    else:
        if ufunc is np.subtract:
            other = np.negative(other)
        stamped.scaled_sum(block, rows, block_other, other, table)
    return make(y, DenseTangent(level, out, dense.unit(shape[1:], FLOAT64)), level)
