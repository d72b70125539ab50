"""Dense tangents: a block with the basis axis first, and a lazy element-wise factor.

Kernels serve plain arrays, the same formulas in `np.*` Duals of an outer level.  When a tangent is
stored so and not in slots, and how large a block may be, `is_wide` and `need_block` say.
"""

import math

import numpy as np

from dualmc.kernels import buffers, stamped
from dualmc.kernels.payload import FLOATS, align, gather_rows, is_plain, is_zero, scale_rows, values
from dualmc.tangents import dense

FLOAT64 = np.dtype(np.float64)
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
        level.chunk = columns  # should f catch this all the same
        level.refusals = level.refusals or []


def new_block(level, k, shape, dtype):
    """Zeros of shape (k, *shape), if the memory budget allows them."""
    need_block(level, (k, *shape), dtype)
    return dense.zeros(k, shape, dtype)


def need_block(level, shape, dtype):
    """Raise `ChunkNeeded` if a block of `shape` (k first) would pass the memory budget."""
    need = math.prod(shape) * np.dtype(dtype).itemsize
    if need > MEMORY_BUDGET and shape[0] > 1 and level.serial > 0:
        raise ChunkNeeded(level, max(1, int(shape[0] * MEMORY_BUDGET / need)))


def is_wide(width, n):
    """Whether elements with `width` slots of `n` inputs are better off dense."""
    return width > max(8, n // 4)


class DenseTangent:
    """`block`, (k, *S), times a lazy element-wise factor `scale`, (1, *S).

    A plain block has one from the start, the shared 1 of `dense.unit`, so that whether a step finds
    one does not depend on what made the tangent.  None is the factor 1 of a block of Duals.
    """

    __slots__ = ("level", "block", "scale", "finite", "applied")  # the last is unset at first
    is_sparse = False
    is_recorded = False

    def __init__(self, level, block, scale=None, finite=None):
        if scale is None and type(block) is np.ndarray:
            scale = dense.unit(block.shape[1:], block.dtype)
        self.level = level
        self.block = block
        self.scale = scale
        self.finite = finite  # whether the block is, or None: not looked at yet

    def is_finite(self):
        """Whether the block is finite, so that a factor of 0 gives 0."""
        if self.finite is None:
            self.finite = dense.is_finite(values(self.block))
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
        """The full block, not to be written to.

        Where it is small, it is remembered beside block and factor, so that later steps round
        alike, whoever has asked for it; a large one takes their place, in memory too.
        """
        if not self.has_factor():
            return self.block
        found = getattr(self, "applied", None)
        if found is not None:
            return found
        need_block(self.level, self.block.shape, self.scale.dtype)
        block = _scaled_few(self.block, self.scale)
        if block is None:
            is_fit = dense.fits(self.block, self.scale)
            scale = self.scale if is_fit else self.scale.reshape(self.shape)
            block = (dense.scaled if is_fit else scale_rows)(self.block, scale)
        if type(block) is not np.ndarray:
            return block
        if block.nbytes < buffers.LARGE:
            self.applied = block
        else:
            self.block, self.scale = block, dense.unit(block.shape[1:], block.dtype)
            self.finite = None  # the factor may not have been
        return block

    def has_factor(self):
        """Whether there is a factor that is still to be applied."""
        return self.scale is not None and not dense.is_unit(self.scale)

    def to_dense(self):
        return self

    def stored(self):
        """What `dense.py` reads the block from, without the factor."""
        return self.block

    def coefficients(self):
        if self.scale is None:
            return np.ones((1, *self.block.shape[1:]), self.block.dtype)
        return self.scale

    def with_rows(self, rows):
        shape = (1, *self.block.shape[1:])
        rows = rows if rows.shape == shape else rows.reshape(shape)
        return DenseTangent(self.level, self.block, rows, self.finite)

    def like(self, rows):
        return DenseTangent(self.level, self.block, rows, self.finite)

    def map(self, function, key=None, shape=None):
        return self._moved(function(self.block), function)

    def copied(self, function, key):
        return self.map(lambda a: function(a).copy())

    def reshaped(self, shape):
        return self.map(lambda a: a.reshape((a.shape[0], *shape)))

    def broadcast(self, shape):
        if self.shape == shape:
            return self
        return self._moved(align(self.block, shape), lambda a: align(a, shape))

    def _moved(self, block, function):
        """The tangent whose block is `block`, the factor moved likewise by `function`."""
        scale = self.scale
        if scale is not None:
            is_unit = dense.is_unit(scale)
            scale = dense.unit(block.shape[1:], scale.dtype) if is_unit else function(scale)
        return DenseTangent(self.level, block, scale, self.finite or None)

    def times(self, factor, is_constant=False):
        if issubclass(type(factor), (float, int)):
            factor = np.asarray(factor, self.dtype)
        if is_constant and not self.is_finite() and not values(factor).all():
            factor = np.broadcast_to(factor, self.shape)
            return DenseTangent(self.level, scale_rows(self.dense(), factor, True))
        rows = scale_rows(self.coefficients(), factor, is_constant)
        return DenseTangent(self.level, self.block, rows, self.finite)

    def take(self, index):
        block = self.block
        need_block(self.level, (block.shape[0], *index.shape), block.dtype)
        if block.shape[0] <= dense.FEW and is_plain(block, self.scale) and math.prod(self.shape):
            return self._taken_few(index)
        is_fit = dense.fits(block) and math.prod(self.shape)
        taken = dense.taken(block, index) if is_fit else gather_rows(block, index)
        return self._moved(taken, lambda a: gather_rows(a, index))

    def _taken_few(self, index):
        """The same for plain blocks of few directions."""
        k = self.block.shape[0]
        block = self.block.reshape((k, math.prod(self.shape))).take(index, 1, mode="wrap")
        scale = self.scale
        if (index < 0).any():
            block[:, index < 0] = 0
        if dense.is_unit(scale):
            scale = dense.unit(index.shape, scale.dtype)
        else:
            scale = scale.reshape((1, -1)).take(index, 1, mode="wrap")
        return DenseTangent(self.level, block, scale, self.finite or None)

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
        stored, scale = self.stored(), self.scale
        if _is_summed_by_kernel(stored, scale):
            need_block(self.level, (stored.shape[0], *dense.kept(shape, axes)), stored.dtype)
            return DenseTangent(self.level, dense.reduced(stored, scale, axes))
        return DenseTangent(self.level, self.dense().sum(axis=axes))

    def part(self, function):
        return DenseTangent(self.level, np.copy(function(self.dense())))


def _is_summed_by_kernel(stored, scale):
    """Whether the kernels that sum serve a block, stored in whatever way, and its factor."""
    if type(stored) is not np.ndarray and type(stored) is not dense.Rows:
        return False
    if scale is not None and (type(scale) is not np.ndarray or scale.dtype != stored.dtype):
        return False
    return stored.dtype is FLOAT64 or stored.dtype in FLOATS and stored.shape[0] > dense.FEW


def _scaled_few(block, scale):
    """``scale * block`` of few directions and float64 numbers; None: not here."""
    if type(block) is not np.ndarray or type(scale) is not np.ndarray:
        return None
    if block.dtype is not FLOAT64 or scale.dtype is not FLOAT64 or block.shape[0] > dense.FEW:
        return None
    if not block.flags.carray:
        block = buffers.contiguous(block) if block.nbytes > buffers.LARGE else block.copy()
    out = buffers.empty_like(block)
    k = block.shape[0]
    size = scale.size
    stamped.multiply(block.reshape((k, size)), scale.reshape(size), out.reshape((k, size)))
    return out
