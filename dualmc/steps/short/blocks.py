"""The short way of sums and products of plain float64 numbers with many directions.

Each function is one launch of a kernel of `block_kernels.py`, which applies the lazy factors on the
way.  None: not here.
"""

import numpy as np

from dualmc.duals.dual import make
from dualmc.kernels import block_kernels, buffers
from dualmc.kernels.payload import flat
from dualmc.steps.short.plain import FLOAT64, is_plain_sparse
from dualmc.tangents.dense_tangent import need_block, rows_tangent


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
