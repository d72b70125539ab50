"""Dense tangents of which most elements are zero: only the rows of the others are stored.

A pass over a few columns finds many: where the elements of f's arrays read a few inputs each, most
read none of the pass.  Products make such tangents; what they are not made for they do unpacked.
"""

import math

import numpy as np

from dualmc.kernels import buffers
from dualmc.kernels.payload import align, gather_rows, scale_rows, values
from dualmc.tangents import dense
from dualmc.tangents.dense_tangent import DenseTangent

# Rows that are looked at first, and the part of all that may be other than zero.
SAMPLE = 64
FEW = 1 / 4


def packed(t):
    """The tangent `t`, new from a product, packed if that is worth it."""
    if t.is_sparse or not dense.fits(t.block, t.scale) or t.block.nbytes < buffers.LARGE:
        return t
    rows = dense.last(t.block)
    if not rows.flags.c_contiguous:
        return t
    rows = rows.reshape(-1, rows.shape[-1])
    # An odd step does not stay in a few columns of a matrix whose side is a power of two.
    sample = rows[:: len(rows) // SAMPLE | 1].any(axis=1)
    if np.count_nonzero(sample) > FEW * sample.size:
        return t
    where = np.flatnonzero(rows.any(axis=1))
    if where.size > FEW * len(rows):
        return t
    stored = np.zeros((where.size + 1, rows.shape[1]), rows.dtype)
    stored[:-1] = rows[where]
    index = np.full(len(rows), where.size)
    index[where] = np.arange(where.size)
    return PackedTangent(t.level, stored, index.reshape((1, *t.shape)), t.scale, t.finite)


class PackedTangent(DenseTangent):
    """Rows `rows`, (r, k), the last of them zero; element i has row ``index[0, i]``."""

    __slots__ = ("rows", "index", "whole")

    def __init__(self, level, rows, index, scale, finite=None):
        self.level = level
        self.rows = rows
        self.index = index
        self.scale = scale
        self.finite = finite
        self.whole = None

    @property
    def block(self):
        if self.whole is None:
            self.whole = dense.unpacked(self.stored())
        return self.whole

    def stored(self):
        return dense.Rows(self.rows, self.index)

    def is_empty(self):
        """Whether all elements are zero."""
        return bool((self.index == len(self.rows) - 1).all())

    def contracted(self, other):
        """What is left of this, (..., m, p), and `other`, (..., p, q), without zero columns."""
        used = (self.index != len(self.rows) - 1).any(axis=tuple(range(self.index.ndim - 1)))
        if 2 * np.count_nonzero(used) > used.size:
            return self, other
        used[0] |= not used.any()
        where = np.flatnonzero(used)
        return self.map(lambda a: a[..., where]), other[..., where, :]

    @property
    def shape(self):
        return self.index.shape[1:]

    @property
    def dtype(self):
        return self.scale.dtype

    def is_finite(self):
        if self.finite is None:
            self.finite = dense.is_finite(self.rows)
        return self.finite

    def dense(self):
        return self.to_dense().dense()

    def to_dense(self):
        block = dense.unpacked(self.stored()) if self.whole is None else self.whole
        return DenseTangent(self.level, block, self.scale, self.finite)

    def coefficients(self):
        return self.scale

    def with_rows(self, rows):
        return self.like(rows if rows.shape == self.index.shape else rows.reshape(self.index.shape))

    def like(self, rows):
        out = PackedTangent(self.level, self.rows, self.index, rows, self.finite)
        out.whole = self.whole
        return out

    def map(self, function, key=None, shape=None):
        index, scale = function(self.index), self.scale
        is_unit = dense.is_unit(scale)
        scale = dense.unit(index.shape[1:], scale.dtype) if is_unit else function(scale)
        return PackedTangent(self.level, self.rows, index, scale, self.finite)

    def broadcast(self, shape):
        return self if self.shape == shape else self.map(lambda a: align(a, shape))

    def times(self, factor, is_constant=False):
        if issubclass(type(factor), (float, int)):
            factor = np.asarray(factor, self.dtype)
        if is_constant and not self.is_finite() and not values(factor).all():
            return self.to_dense().times(factor, is_constant)
        return self.like(scale_rows(self.scale, factor, is_constant))

    def take(self, index):
        if math.prod(self.shape) == 0:
            return self.to_dense().take(index)
        rows = self.index.reshape(-1)[index.reshape(-1)].reshape((1, *index.shape))
        rows[0, index < 0] = len(self.rows) - 1
        scale = gather_rows(self.scale, index)
        return PackedTangent(self.level, self.rows, rows, scale, self.finite)

    def sum(self, axes):
        return self.to_dense().sum(axes)
