"""The rows of a sweep as tangents, by the chain rule where they are a Jacobian."""

import math

import numpy as np

from dualmc.tangents import dense, tape
from dualmc.tangents.dense_tangent import DenseTangent
from dualmc.tangents.number_tangent import FEW, NumberTangent
from dualmc.tangents.slots import Compacted

# Slots per element up to which sparse tangents stay sparse.
SLOTS = 64


def of_rows(level, rows, dtype):
    """The tangent of an array by its rows, (*S, k)."""
    block = dense.first(rows)
    if not dense.is_inner(block.shape[0]):
        block = np.ascontiguousarray(block)
    return DenseTangent(level, block.astype(dtype, copy=False))


def of_jacobian(level, J, tangents, y):
    """The tangent of `y`, by its Jacobian (*S, n) by the elements of inputs with `tangents`."""
    sizes = [math.prod(t.shape) for t in tangents]
    ends = np.cumsum([0, *sizes]).tolist()
    J = J.reshape((math.prod(J.shape[:-1]), J.shape[-1])).astype(y.dtype, copy=False)
    if level.records:
        blocks = [J[:, i:j].T for i, j in zip(ends, ends[1:], strict=False)]
        return tape.local(tangents, blocks, y)
    if not y.ndim:
        found = of_numbers(level, J[0].tolist(), tangents)
        if found is not None:
            return found
    if all(t.is_sparse for t in tangents):
        width = sum(t.coef.shape[0] * n for t, n in zip(tangents, sizes, strict=True))
        if 0 < width <= SLOTS:
            return _sparse(level, J, tangents, ends, y.shape)
    total = 0.0
    for t, i, j in zip(tangents, ends, ends[1:], strict=False):
        block = t.to_dense().dense()
        if dense.is_inner(block.shape[0]):
            total = total + J[:, i:j] @ dense.flat(block)
        else:
            total = total + block.reshape((block.shape[0], j - i)) @ J[:, i:j].T
    k = level.n
    if dense.is_inner(k):
        return DenseTangent(level, dense.first(total.reshape((*y.shape, k))))
    return DenseTangent(level, total.reshape((k, *y.shape)))


def of_numbers(level, slopes, tangents):
    """The tangent of a number that depends on numbers; None: they are no such, or of too many."""
    total: dict = {}
    for d, t in zip(slopes, tangents, strict=True):
        if type(t) is not NumberTangent:
            return None
        for c, v in zip(t.cols, t.values, strict=True):
            total[c] = total.get(c, 0.0) + d * v
    if len(total) > FEW:
        return None
    cols = tuple(sorted(total))
    return NumberTangent(level, cols, tuple([total[c] for c in cols]))


def _sparse(level, J, tangents, ends, shape):
    """The same for sparse tangents: a slot for each of the inputs' that an element depends on."""
    coefs, cols = [], []
    for t, i, j in zip(tangents, ends, ends[1:], strict=False):
        slopes = J[:, i:j].T
        width = t.coef.shape[0]
        coef = t.coef.reshape((width, j - i, 1)) * slopes
        col = np.where(slopes == 0, np.int32(-1), t.col.reshape((width, j - i, 1)))
        coefs.append(coef.reshape((-1, J.shape[0])))
        cols.append(col.reshape((-1, J.shape[0])))
    col, coef = np.concatenate(cols), np.concatenate(coefs)
    coef[col < 0] = 0
    compacted = Compacted(np.ascontiguousarray(col.reshape((-1, *shape)), np.int32))
    return compacted.apply(level, coef.reshape((-1, *shape)))


def pushed_rows(t, size, k, dtype):
    """The rows (size, k) of a tangent, contiguous; None: zeros."""
    if t is None or not size * k:
        return np.zeros((size, k), dtype)
    rows = dense.flat(t.to_dense().dense())
    rows = np.ascontiguousarray(rows, dtype).reshape((size, k))
    return rows if rows.flags.writeable else rows.copy()
