"""Sparse tangents: per element the few inputs it depends on, and the derivatives by them.

`coef` and `col` have shape (w, *S): element i depends on the inputs ``col[:, i]``, with derivatives
``coef[:, i]``.  Element-wise functions change `coef` alone and keep `col` as the same object.
"""

import math

import numpy as np

from dualmc import buffers, kernels
from dualmc.payload import (
    KERNEL_DTYPES,
    align,
    flat,
    gather,
    gather_rows,
    is_plain,
    is_zero,
    scale_rows,
)
from dualmc.tangent import DenseTangent, is_wide, new_block

# Slots beyond which merging by insertion costs more than sorting once.
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
        """The full block, (n, *S)."""
        k = self.level.n
        if is_plain(self.coef):
            block = new_block(self.level, k, self.shape, self.dtype)
            kernels.scatter_dense(flat(self.col), flat(self.coef), block.reshape(k, -1))
            return block
        new_block(self.level, k, self.shape, self.dtype)
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

    def like(self, rows):
        """The tangent with coefficients `rows` of the same shape."""
        return SparseTangent(self.level, rows, self.col)

    def map(self, function, shape=None):
        """`function`, which must treat the leading axis as a batch, on `coef` and `col` alike."""
        return SparseTangent(self.level, function(self.coef), function(self.col))

    def broadcast(self, shape):
        if self.shape == shape:
            return self
        return SparseTangent(self.level, align(self.coef, shape), align(self.col, shape))

    def with_coef(self, coef):
        return SparseTangent(self.level, coef, self.col)

    def coefficients(self):
        """What an element-wise function changes, (w, *S)."""
        return self.coef

    def coefficient_rows(self):
        return self.coef.shape[0]

    def with_rows(self, rows):
        """The tangent with its coefficients replaced by `rows`, (w, size)."""
        coef = rows if rows.shape == self.coef.shape else rows.reshape(self.coef.shape)
        return SparseTangent(self.level, coef, self.col)

    def times(self, factor, is_constant=False):
        """Times a factor of shape S, () or a number."""
        if isinstance(factor, (float, int)):
            return self.with_coef(scale_rows(self.coef, np.asarray(factor, self.dtype)))
        return self.with_coef(scale_rows(self.coef, factor, is_constant))

    def take(self, index):
        """Elements at flat positions `index` (any shape); -1 gives one without derivative."""
        if is_plain(self.coef):
            col, coef = flat(self.col), flat(self.coef)
            i = np.ascontiguousarray(index.reshape(-1), np.int64)
            col_out = buffers.empty((col.shape[0], i.size), col.dtype)
            coef_out = buffers.empty((col.shape[0], i.size), coef.dtype)
            kernels.take_columns(col, coef, i, col_out, coef_out)
            shape = (col.shape[0], *index.shape)
            return SparseTangent(self.level, coef_out.reshape(shape), col_out.reshape(shape))
        shape = (self.col.shape[0], *index.shape)
        size = math.prod(self.shape)
        col = flat(self.col)[:, np.maximum(index, 0)] if size else np.full(shape, -1, np.int32)
        col = np.where(index < 0, np.int32(-1), col)
        return SparseTangent(self.level, gather_rows(self.coef, index), col)

    def astype(self, dtype):
        if self.dtype == dtype:
            return self
        if dtype not in KERNEL_DTYPES:
            return self.to_dense().astype(dtype)
        return self.with_coef(self.coef.astype(dtype))

    def sum(self, axes):
        """Sum over `axes` (negative, of S).  Few slots per result stay sparse."""
        shape = self.shape
        kept = tuple(n for i, n in enumerate(shape) if i - len(shape) not in axes)
        length = math.prod(shape[a] for a in axes)
        w = self.coef.shape[0]
        if length == 0 or math.prod(kept) == 0:
            return None
        if is_wide(w * length, self.level.n):
            return self._sum_dense(axes, kept)
        order = tuple(range(-len(axes), 0))
        coef = np.moveaxis(self.coef, axes, order).reshape((w, *kept, length))
        col = np.moveaxis(self.col, axes, order).reshape((w, *kept, length))
        coef = np.moveaxis(coef, -1, 1).reshape((w * length, *kept))
        col = np.moveaxis(col, -1, 1).reshape((w * length, *kept))
        return compacted(self.level, coef, col)

    def _sum_dense(self, axes, kept):
        if not is_plain(self.coef):
            return self.to_dense().sum(axes)
        segment = np.arange(math.prod(kept), dtype=np.int64).reshape(
            tuple(1 if i - len(self.shape) in axes else n for i, n in enumerate(self.shape))
        )
        segment = np.ascontiguousarray(np.broadcast_to(segment, self.shape)).reshape(-1)
        block = new_block(self.level, self.level.n, kept, self.dtype)
        kernels.scatter_sum(
            flat(self.col), flat(self.coef), segment, block.reshape(self.level.n, -1)
        )
        return DenseTangent(self.level, block)


# --- Sums of two, and of slots that repeat a column ----------------------------------------------


def merged(t, u):
    """The union of the slots of two sparse tangents, element by element."""
    shape = t.shape
    a, b = flat(t.col), flat(u.col)
    if is_plain(t.coef, u.coef):
        dtype = np.result_type(t.dtype, u.dtype)
        coef_a = flat(t.coef).astype(dtype, copy=False)
        coef_b = flat(u.coef).astype(dtype, copy=False)
        col, coef = _merged_alike(a, coef_a, b, coef_b) or _merged_each(a, coef_a, b, coef_b)
    else:
        col = np.empty((int(kernels.merged_width(a, b)), a.shape[1]), a.dtype)
        from_a, from_b = np.empty_like(col), np.empty_like(col)
        kernels.merge_positions(a, b, col, from_a, from_b)
        coef = take_slots(t.coef, from_a) + take_slots(u.coef, from_b)
    width = col.shape[0]
    # Where one side has all the slots, its columns stay the same object.
    col = t.col if col is a else u.col if col is b else col.reshape((width, *shape))
    out = SparseTangent(t.level, coef.reshape((width, *shape)), col)
    return out.to_dense() if is_wide(width, t.level.n) else out


def _merged_each(a, coef_a, b, coef_b):
    """The merge that looks at every element by itself."""
    col = buffers.empty((int(kernels.merged_width(a, b)), a.shape[1]), a.dtype)
    coef = buffers.empty(col.shape, coef_a.dtype)
    kernels.merge(a, coef_a, b, coef_b, col, coef)
    return col, coef


def _merged_alike(a, coef_a, b, coef_b):
    """The merge, row by row, if slots interleave alike in all elements but a few; else None.

    Stencils, shifted slices and chains do, their ends apart: the way of the middle element is
    tried on all, and the exceptions are merged one by one.
    """
    if a.shape[1] < 64 or a.shape[0] + b.shape[0] > 64:
        return None
    middle = a.shape[1] // 2
    p = [c for c in a[:, middle].tolist() if c >= 0]
    q = [c for c in b[:, middle].tolist() if c >= 0]
    columns = sorted({*p, *q})
    if not columns:
        return None
    from_a = np.array([p.index(c) if c in p else -1 for c in columns], np.int32)
    from_b = np.array([q.index(c) if c in q else -1 for c in columns], np.int32)
    exceptions = np.empty(32, np.int64)
    # A slot beyond those of the middle element would be lost: such elements are exceptions too.
    if (len(p) < a.shape[0] and (a[len(p) :] >= 0).any()) or (
        len(q) < b.shape[0] and (b[len(q) :] >= 0).any()
    ):
        return None
    count = int(kernels.pattern_exceptions(a, b, from_a, from_b, exceptions))
    if count > exceptions.size:
        return None
    width = used = len(columns)
    if count:
        few = exceptions[:count]
        few_col, few_coef = _merged_each(
            *(np.ascontiguousarray(x[:, few]) for x in (a, coef_a, b, coef_b))
        )
        width = max(width, few_col.shape[0])
    coef = buffers.empty((width, a.shape[1]), coef_a.dtype)
    kept = None
    if count == 0:
        # All slots of one side and no others: nothing to write but the sums.
        kept = next(
            (c for c in (a, b) if c.shape[0] == width and (c[:, middle] == columns).all()), None
        )
    col = buffers.empty(coef.shape, a.dtype) if kept is None else kept
    for r, (i, j) in enumerate(zip(from_a.tolist(), from_b.tolist(), strict=True)):
        if kept is None:
            col[r] = a[i] if i >= 0 else b[j]
        if i >= 0 and j >= 0:
            np.add(coef_a[i], coef_b[j], out=coef[r])
        else:
            coef[r] = coef_a[i] if i >= 0 else coef_b[j]
    if kept is not None:
        return kept, coef
    col[used:] = -1
    coef[used:] = 0
    if count:
        rows = few_col.shape[0]
        col[:rows, few], coef[:rows, few] = few_col, few_coef
        col[rows:, few], coef[rows:, few] = -1, 0
    return col, coef


def take_slots(coef, slots):
    """(w, *S) rearranged to (w', size): entry [r, i] is slot ``slots[r, i]`` of i, or 0."""
    size = slots.shape[1]
    index = np.where(slots < 0, -1, slots.astype(np.int64) * size + np.arange(size))
    return gather(coef.reshape((1, coef.shape[0] * size)), index)


def compacted(level, coef, col):
    """A `SparseTangent` from unsorted slots that may repeat a column."""
    slots, shape = col.shape[0], col.shape[1:]
    columns = flat(col)
    size = columns.shape[1]
    if slots <= INSERTION_SLOTS:
        order = np.empty(columns.shape, np.int32)
        target = np.empty(columns.shape, np.int32)
        width = int(kernels.slot_order(columns, order, target))
    else:
        order, target, width = _sorted_slots(columns)
    if is_plain(coef):
        col_out = np.empty((width, size), columns.dtype)
        coef_out = np.empty((width, size), coef.dtype)
        kernels.compact(columns, flat(coef), order, target, col_out, coef_out)
    else:
        col_out = np.full((width, size), -1, columns.dtype)
        rows = coef.reshape((slots, size))
        coef_out = None
        for r in range(slots):
            place = np.where(np.arange(width)[:, None] == target[r], order[r], -1)
            part = take_slots(rows, place)
            coef_out = part if coef_out is None else coef_out + part
            here = np.flatnonzero(target[r] >= 0)
            col_out[target[r, here], here] = columns[order[r, here], here]
    if coef_out is None or width == 0:
        coef_out = np.zeros((width, size), coef.dtype)
    out = SparseTangent(level, coef_out.reshape((width, *shape)), col_out.reshape((width, *shape)))
    return out.to_dense() if is_wide(width, level.n) else out


def _sorted_slots(columns):
    """`kernels.slot_order` by one sort per element, for many slots."""
    key = np.where(columns < 0, np.iinfo(np.int32).max, columns)
    order = np.argsort(key, axis=0, kind="stable").astype(np.int32)
    ranked = np.take_along_axis(columns, order, axis=0)
    first = np.ones(ranked.shape, bool)
    first[1:] = ranked[1:] != ranked[:-1]
    target = np.where(ranked >= 0, np.cumsum(first, axis=0) - 1, -1).astype(np.int32)
    return order, target, int(target.max(initial=-1)) + 1
