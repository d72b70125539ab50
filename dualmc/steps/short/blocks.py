"""The short way of sums and products of plain float64 numbers with many directions.

Each function is one launch of a kernel of `block_kernels.py`, which applies the lazy factors on the
way.  None: not here.
"""

import numpy as np
from numpy import ndarray

from dualmc.duals.dual import make
from dualmc.kernels import block_kernels, buffers
from dualmc.kernels.payload import flat
from dualmc.steps.short.plain import FLOAT64, is_plain_sparse
from dualmc.tangents import dense
from dualmc.tangents.dense_tangent import need_block, rows_tangent

_EVERY = np.empty(0, np.int64)
_NO_ROWS = np.empty((0, 0))
_NO_SLOTS = np.empty((0, 0), np.int32)
_ONE = np.ones((1, 1))


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


def sum_of_rows(t, parts, shape, factor):
    """The tangent, of `shape`, of a sum over the middle axis of `parts` times a number."""
    found = _stored(t)
    if found is None:
        return None
    rows, index, _, scale = found
    before, length, after = parts
    k = t.level.n
    need_block(t.level, (k, *shape), FLOAT64)
    out = buffers.empty((*shape, k), FLOAT64)
    block_kernels.sum_middle_rows(
        rows, index, scale[0], length, after, factor, out.reshape((before * after, k))
    )
    return rows_tangent(t.level, dense.first(out))


def image_of_slots(matrix, x, t):
    """``matrix @ x`` of a constant matrix and a vector whose tangent `t` is sparse."""
    coef = t.coef
    if not is_plain_sparse(t) or matrix.dtype is not FLOAT64:
        return None
    flags = matrix.flags
    m, p = matrix.shape
    k = t.level.n
    if not (flags.c_contiguous or flags.f_contiguous) or not m * p or coef.shape[1] != p:
        return None
    need_block(t.level, (k, m), FLOAT64)
    y = np.matmul(matrix, x._primal)
    out = buffers.empty((1, m, k), FLOAT64)
    wide = (coef.shape[0], 1, p)
    col, coef = flat(t.col).reshape(wide), flat(coef).reshape(wide)
    block_kernels.scatter_product(col, coef, matrix, out, True)
    return make(y, rows_tangent(t.level, out[0].T), x.level)
