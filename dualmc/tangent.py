"""Dense tangents: a block with the basis axis first, and a lazy element-wise factor.

A tangent is the Jacobian of an array with respect to the seeded inputs, stored as it is: dense as
here, or sparse with the few inputs that each element depends on (`slots.py`).  Functions on
tangents return new ones and never write into an argument.

The arrays inside are ndarrays, or Duals of an outer level when derivatives are nested; the kernels
serve the first, the same formulas in `np.*` the second.  The policy that switches between the two
forms is in `is_wide` and `new_block`.
"""

import math

import numpy as np

from dualmc.payload import align, gather_rows, is_plain, is_zero, scale_rows, values

# Bytes that one dense block may take before the driver works in chunks of columns instead.
MEMORY_BUDGET = 2**28
# Inputs up to this many start dense: a (16, *S) block costs less than bookkeeping.
DENSE_INPUTS = 16


class ChunkNeeded(BaseException):
    """A dense block of `level` would pass the budget; run again with `columns` at a time.

    Not an `Exception`, so that a user's ``except Exception`` inside f does not swallow it.
    """

    def __init__(self, level, columns):
        super().__init__(f"{columns} columns at a time")
        self.level = level
        self.columns = columns


def new_block(level, k, shape, dtype):
    """Zeros of shape (k, *shape), if the memory budget allows them."""
    need = k * math.prod(shape) * np.dtype(dtype).itemsize
    if need > MEMORY_BUDGET and k > 1 and level.serial > 0:
        raise ChunkNeeded(level, max(1, int(k * MEMORY_BUDGET / need)))
    return np.zeros((k, *shape), dtype)


def need_block(level, shape, dtype):
    """Raise `ChunkNeeded` if a block of `shape` (k first) would pass the memory budget."""
    need = math.prod(shape) * np.dtype(dtype).itemsize
    if need > MEMORY_BUDGET and shape[0] > 1 and level.serial > 0:
        raise ChunkNeeded(level, max(1, int(shape[0] * MEMORY_BUDGET / need)))


def is_wide(width, n):
    """Whether elements with `width` slots of `n` inputs are better off dense."""
    return width > max(8, n // 4)


class DenseTangent:
    """`block`, (k, *S), times a lazy element-wise factor `scale`, (1, *S) (None: 1)."""

    __slots__ = ("level", "block", "scale", "finite")
    is_sparse = False
    is_recorded = False

    def __init__(self, level, block, scale=None, finite=None):
        self.level = level
        self.block = block
        self.scale = scale
        self.finite = finite  # whether the block is, or None: not looked at yet

    def is_finite(self):
        """Whether the block is finite, so that a factor of 0 gives 0."""
        if self.finite is None:
            self.finite = bool(np.isfinite(values(self.block)).all())
        return self.finite

    @property
    def shape(self):
        return self.block.shape[1:]

    @property
    def dtype(self):
        return self.block.dtype if self.scale is None else self.scale.dtype

    def is_zero(self):
        return is_zero(self.dense()).all(axis=0)

    def dense(self):
        """The full block, the factor applied once and remembered."""
        if self.scale is not None:
            need_block(self.level, self.block.shape, self.scale.dtype)
            self.block, self.scale = scale_rows(self.block, self.scale[0]), None
            self.finite = None
        return self.block

    def to_dense(self):
        return self

    def coefficients(self):
        """What an element-wise function changes: the lazy factor, (1, *S)."""
        if self.scale is None:
            return np.ones((1, *self.block.shape[1:]), self.block.dtype)
        return self.scale

    def coefficient_rows(self):
        return self.block.shape[0]

    def with_rows(self, rows):
        shape = (1, *self.block.shape[1:])
        rows = rows if rows.shape == shape else rows.reshape(shape)
        return DenseTangent(self.level, self.block, rows, self.finite)

    def like(self, rows):
        return DenseTangent(self.level, self.block, rows, self.finite)

    def map(self, function, shape=None):
        scale = None if self.scale is None else function(self.scale)
        return DenseTangent(self.level, function(self.block), scale)

    def copied(self, function, key):
        """A copy of `map`, for arrays that may be written."""
        return self.map(lambda a: function(a).copy())

    def reshaped(self, shape):
        return self.map(lambda a: a.reshape((a.shape[0], *shape)))

    def broadcast(self, shape):
        if self.shape == shape:
            return self
        scale = None if self.scale is None else align(self.scale, shape)
        return DenseTangent(self.level, align(self.block, shape), scale)

    def times(self, factor, is_constant=False):
        if isinstance(factor, (float, int)):
            factor = np.asarray(factor, self.dtype)
        if is_constant and not self.is_finite() and not values(factor).all():
            factor = np.broadcast_to(factor, self.shape)
            return DenseTangent(self.level, scale_rows(self.dense(), factor, True))
        rows = scale_rows(self.coefficients(), factor, is_constant)
        return DenseTangent(self.level, self.block, rows, self.finite)

    def take(self, index):
        block = self.block
        need_block(self.level, (block.shape[0], *index.shape), block.dtype)
        scale = None if self.scale is None else gather_rows(self.scale, index)
        return DenseTangent(self.level, gather_rows(block, index), scale)

    def take_by(self, key, find):
        return self.take(find())

    def astype(self, dtype):
        if self.dtype == dtype:
            return self
        return DenseTangent(self.level, self.dense().astype(dtype))

    def sum(self, axes):
        shape = self.shape
        if math.prod(shape) == 0:
            return None
        if self.scale is not None and len(axes) == len(shape) and is_plain(self.block, self.scale):
            k = self.block.shape[0]
            with np.errstate(all="ignore"):
                total = self.block.reshape(k, -1) @ self.scale.reshape(-1)
            if np.isfinite(total).all():
                return DenseTangent(self.level, total)
        return DenseTangent(self.level, self.dense().sum(axis=axes))


def part(t, function):
    """The real or imaginary part, or the conjugate, of a complex tangent."""
    if t.is_recorded:
        return t.part(function)
    if t.is_sparse:
        return t.with_coef(np.copy(function(t.coef)))
    return DenseTangent(t.level, np.copy(function(t.dense())))
