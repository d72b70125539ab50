"""Sparse tangents: per element the few inputs it depends on, and the derivatives by them.

`coef` and `col` have shape (w, *S): element i depends on the inputs ``col[:, i]``, with derivatives
``coef[:, i]``.  Element-wise functions change `coef` alone and keep `col` as the same object.
"""

import math

import numpy as np

from dualmc.kernels import buffers, short_kernels, slot_kernels
from dualmc.kernels.payload import (
    KERNEL_DTYPES,
    align,
    flat,
    gather,
    gather_rows,
    is_plain,
    is_zero,
    scale_rows,
    take_slots,
)
from dualmc.tangents import dense, dense_tangent
from dualmc.tangents.dense_tangent import DenseTangent, need_block, new_block

# Elements that int32 can number.
INT32 = np.iinfo(np.int32).max
# Slots, few enough for int8, beyond which merging by insertion costs more than sorting once.
INSERTION_SLOTS = 48


class SparseTangent:
    """Per element at most w inputs: `coef` and `col`, both (w, *S); unused slots hold col -1.

    Slots are sorted by column, unused ones last with coefficient 0.
    """

    __slots__ = ("level", "coef", "col")
    is_sparse = True
    is_recorded = False

    def __init__(self, level, coef, col):
        self.level = level
        self.coef = coef
        self.col = col

    @property
    def shape(self):
        return self.coef.shape[1:]

    @property
    def dtype(self):
        return self.coef.dtype

    def is_zero(self):
        return is_zero(self.coef).all(axis=0)

    def dense(self):
        k = self.level.n
        if is_plain(self.coef):
            block = new_block(self.level, k, self.shape, self.dtype)
            rows = block.reshape(k, math.prod(self.shape))  # a view, in whatever layout
            slot_kernels.scatter_dense(flat(self.col), flat(self.coef), rows)
            return block
        need_block(self.level, (k, *self.shape), self.dtype)
        # Slot s of element i lands in row col[s, i]; unused slots in a row that is cut off.
        size = math.prod(self.shape)
        coef, col = self.coef.reshape(self.coef.shape[0], size), flat(self.col)
        index = np.full((k, size), -1)
        total = None
        for s in range(col.shape[0]):
            used = np.flatnonzero(col[s] >= 0)
            index[:] = -1
            index[col[s, used], used] = used
            part = gather(coef[s : s + 1], index).reshape((k, size))
            total = part if total is None else total + part
        if total is None:
            return np.zeros((k, *self.shape), self.dtype)
        return total.reshape((k, *self.shape))

    def to_dense(self):
        return DenseTangent(self.level, self.dense())

    def map(self, function, key=None, shape=None):
        if key is None:
            return SparseTangent(self.level, function(self.coef), function(self.col))
        col = self.level.structures.moved(self.col, function, key)
        return SparseTangent(self.level, function(self.coef), col)

    def copied(self, function, key):
        coef = function(self.coef).copy()
        if key is None or id(self.col) not in self.level.structures.held:
            return SparseTangent(self.level, coef, function(self.col).copy())
        return SparseTangent(self.level, coef, self.level.structures.moved(self.col, function, key))

    def reshaped(self, shape):
        return self.map(lambda a: a.reshape((a.shape[0], *shape)), ("reshape", shape))

    def broadcast(self, shape):
        if self.shape == shape:
            return self
        return self.map(lambda a: align(a, shape), ("broadcast", shape))

    def coefficients(self):
        return self.coef

    def like(self, rows):
        return SparseTangent(self.level, rows, self.col)

    def with_rows(self, rows):
        coef = rows if rows.shape == self.coef.shape else rows.reshape(self.coef.shape)
        return SparseTangent(self.level, coef, self.col)

    def times(self, factor, is_constant=False):
        if issubclass(type(factor), (float, int)):
            factor = np.asarray(factor, self.dtype)
        return self.like(scale_rows(self.coef, factor, is_constant))

    def take(self, index):
        if is_plain(self.coef):
            i = _positions(index, math.prod(self.shape))
            return self._taken(i, index.shape, _rows_at(self.col, i, -1, index.shape))
        shape = (self.col.shape[0], *index.shape)
        size = math.prod(self.shape)
        col = flat(self.col)[:, np.maximum(index, 0)] if size else np.full(shape, -1, np.int32)
        col = np.where(index < 0, np.int32(-1), col)
        return SparseTangent(self.level, gather_rows(self.coef, index), col)

    def _taken(self, i, shape, col):
        return SparseTangent(self.level, _rows_at(self.coef, i, 0, shape), col)

    def take_by(self, key, find):
        if key is None or not is_plain(self.coef):
            return self.take(find())
        structures = self.level.structures
        found = structures.found.get((id(self.col), key))
        if found is None:
            index = np.asarray(find())
            i = _positions(index, math.prod(self.shape))
            col = _rows_at(self.col, i, -1, index.shape)
            found = (i, index.shape, col)
            structures.keep((id(self.col), key), found, (self.col,), i, col)
        else:
            found = found[0]
        return self._taken(*found)

    def astype(self, dtype):
        if self.dtype == dtype:
            return self
        if dtype not in KERNEL_DTYPES:
            return self.to_dense().astype(dtype)
        return self.like(self.coef.astype(dtype))

    def sum(self, axes):
        # Few slots per result stay sparse.
        shape, coef, level = self.shape, self.coef, self.level
        if math.prod(shape) == 0:
            return None
        kept = dense.kept(shape, axes)
        length = math.prod(shape) // math.prod(kept)
        if not dense_tangent.is_wide(coef.shape[0] * length, level.n):
            return summed_slots(level, self.col, axes).summed(level, coef, axes)
        if not is_plain(coef):
            return self.to_dense().sum(axes)
        block = new_block(level, level.n, kept, self.dtype)
        coef = dense.in_the_middle(coef, axes)
        out = block.reshape((level.n, coef.shape[1], coef.shape[3]))
        short_kernels.scatter_middle(dense.in_the_middle(self.col, axes), coef, out)
        return DenseTangent(level, block)

    def part(self, function):
        return self.like(np.copy(function(self.coef)))


# --- Slots that repeat a column ------------------------------------------------------------------


def summed_slots(level, col, axes):
    """The `Compacted` slots of a sum over `axes` (negative) of elements with columns `col`."""
    key = (id(col), ("sum", axes))
    found = level.structures.found.get(key)
    if found is not None:
        return found[0]
    compacted = Compacted(_terms(col, axes))
    return level.structures.keep(key, compacted, (col,), *compacted.arrays())


def _terms(a, axes):
    """(w, *S) as the slots of a sum over `axes`, (w * length, *kept): slot s of term j at
    ``s * length + j``."""
    shape = a.shape[1:]
    kept = tuple(n for i, n in enumerate(shape) if i - len(shape) not in axes)
    length = math.prod(shape[i] for i in axes)
    a = np.moveaxis(a, axes, tuple(range(-len(axes), 0))).reshape((a.shape[0], *kept, length))
    return np.moveaxis(a, -1, 1).reshape((a.shape[0] * length, *kept))


class Compacted:
    """What makes sorted slots of unsorted ones, (w, *S), that may repeat a column."""

    __slots__ = ("col", "order", "target")

    def __init__(self, col):
        columns = flat(col)
        if col.shape[0] <= INSERTION_SLOTS:
            self.order = np.empty(columns.shape, np.int8)
            self.target = np.empty(columns.shape, np.int8)
            width = int(slot_kernels.slot_order(columns, self.order, self.target))
        else:
            self.order, self.target, width = _sorted_slots(columns)
        out = buffers.empty((width, columns.shape[1]), columns.dtype)
        slot_kernels.compact_columns(columns, self.order, self.target, out)
        self.col = out.reshape((width, *col.shape[1:]))

    def arrays(self):
        return self.col, self.order, self.target

    def apply(self, level, coef):
        """The tangent with the coefficients `coef` of the unsorted slots."""
        width, (slots, size) = self.col.shape[0], self.order.shape
        if is_plain(coef):
            out = buffers.empty((width, size), coef.dtype)
            slot_kernels.compact(flat(coef), self.order, self.target, out)
        else:
            out = self._of_duals(coef.reshape((slots, size)), width)
        found = SparseTangent(level, out.reshape(self.col.shape), self.col)
        return found.to_dense() if dense_tangent.is_wide(width, level.n) else found

    def summed(self, level, coef, axes):
        """The tangent of the sum over `axes`, whose terms the slots are, of `coef`, (w, *S)."""
        if not is_plain(coef):
            return self.apply(level, _terms(coef, axes))
        coef = dense.in_the_middle(coef, axes)
        out = buffers.empty((self.col.shape[0], coef.shape[1], coef.shape[3]), coef.dtype)
        short_kernels.compact_middle(coef, self.order, self.target, out)
        found = SparseTangent(level, out.reshape(self.col.shape), self.col)
        return found.to_dense() if dense_tangent.is_wide(out.shape[0], level.n) else found

    def _of_duals(self, rows, width):
        out = np.zeros((width, rows.shape[1]), rows.dtype)
        if width:
            for r in range(rows.shape[0]):
                place = np.where(np.arange(width)[:, None] == self.target[r], self.order[r], -1)
                out = out + take_slots(rows, place)
        return out


def _sorted_slots(columns):
    """`slot_kernels.slot_order` by one sort per element, for many slots."""
    key = np.where(columns < 0, np.iinfo(np.int32).max, columns)
    order = np.argsort(key, axis=0, kind="stable").astype(np.int32)
    ranked = np.take_along_axis(columns, order, axis=0)
    first = np.ones(ranked.shape, bool)
    first[1:] = ranked[1:] != ranked[:-1]
    target = np.where(ranked >= 0, np.cumsum(first, axis=0) - 1, -1).astype(np.int32)
    return order, target, int(target.max(initial=-1)) + 1


def _positions(index, size):
    """Flat positions in an array of `size` elements as a vector, half as long as NumPy's."""
    return np.ascontiguousarray(index.reshape(-1), np.int32 if size <= INT32 else np.int64)


def _rows_at(a, i, fill, shape):
    """(w, *S) at flat positions `i`, `fill` where those are -1, as (w, *shape)."""
    rows = flat(a)
    out = buffers.empty((rows.shape[0], i.size), rows.dtype)
    if rows.shape[1]:
        slot_kernels.take_rows(rows, i, fill, out)
    else:  # nothing there to take from: the kernel would read other memory
        out.fill(fill)
    return out.reshape((rows.shape[0], *shape))
