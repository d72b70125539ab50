"""Tangents: the Jacobian of an array with respect to the seeded inputs, stored as it is.

`SparseTangent` keeps, per element, the few inputs it depends on; `DenseTangent` keeps a block with
the basis axis first, laid out as `dense.py` says, and a lazy element-wise factor.  Every function
here returns new tangents and never writes into an argument; `put` alone may, when told that it owns
the tangent.

The arrays inside (`coef`, `block`, `scale`) are ndarrays, or Duals of an outer level when
derivatives are nested; the kernels serve the first, the same formulas in `np.*` the second.
The policy that switches between the two forms is in `is_wide` and `new_block`.
"""

import math

import numpy as np

from dualmc import buffers, dense, kernels, tape
from dualmc.payload import (
    KERNEL_DTYPES,
    align,
    fits_kernel,
    flat,
    gather,
    gather_rows,
    is_plain,
    is_zero,
    scale_rows,
    values,
)

# Bytes that one dense block may take before the driver works in chunks of columns instead.
MEMORY_BUDGET = 2**28
# Inputs up to this many start dense: a (16, *S) block costs less than bookkeeping.
DENSE_INPUTS = 16
# Slots beyond which merging by insertion costs more than sorting once.
INSERTION_SLOTS = 48


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
    need_block(level, (k, *shape), dtype)
    return dense.zeros(k, shape, dtype)


def is_wide(width, n):
    """Whether elements with `width` slots of `n` inputs are better off dense."""
    return width > max(8, n // 4)


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
        """The full block, the factor applied once and remembered."""
        if self.has_factor():
            need_block(self.level, self.block.shape, self.scale.dtype)
            if dense.fits(self.block, self.scale):
                self.block = dense.scaled(self.block, self.scale)
                self.scale = dense.unit(self.shape, self.block.dtype)
            else:
                self.block, self.scale = scale_rows(self.block, self.scale[0]), None
            self.finite = None
        return self.block

    def has_factor(self):
        """Whether there is a factor that is still to be applied."""
        return self.scale is not None and not dense.is_unit(self.scale)

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
        return self._moved(function(self.block), function)

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
        is_fit = dense.fits(block) and math.prod(self.shape)
        taken = dense.taken(block, index) if is_fit else gather_rows(block, index)
        return self._moved(taken, lambda a: gather_rows(a, index))

    def astype(self, dtype):
        if self.dtype == dtype:
            return self
        return DenseTangent(self.level, self.dense().astype(dtype))

    def sum(self, axes):
        shape = self.shape
        if math.prod(shape) == 0:
            return None
        if not self.has_factor():
            return DenseTangent(self.level, self.block.sum(axis=axes))
        if len(axes) == len(shape) and is_plain(self.block, self.scale):
            k = self.block.shape[0]
            with np.errstate(all="ignore"):
                total = self.block.reshape(k, -1) @ self.scale.reshape(-1)
            if np.isfinite(total).all():
                return DenseTangent(self.level, total)
        if dense.fits(self.block, self.scale):
            return DenseTangent(self.level, dense.reduced(self.block, self.scale, axes))
        return DenseTangent(self.level, self.dense().sum(axis=axes))


def rows_tangent(level, block, finite=None):
    """A dense tangent with its factor from the start, so that element-wise steps find it there."""
    return DenseTangent(level, block, dense.unit(block.shape[1:], block.dtype), finite)


def part(t, function):
    """The real or imaginary part, or the conjugate, of a complex tangent."""
    if t.is_recorded:
        return t.part(function)
    if t.is_sparse:
        return t.with_coef(np.copy(function(t.coef)))
    return DenseTangent(t.level, np.copy(function(t.dense())))


def need_block(level, shape, dtype):
    """Raise `ChunkNeeded` if a block of `shape` (k first) would pass the memory budget."""
    need = math.prod(shape) * np.dtype(dtype).itemsize
    if need > MEMORY_BUDGET and shape[0] > 1 and level.serial > 0:
        raise ChunkNeeded(level, max(1, int(shape[0] * MEMORY_BUDGET / need)))


# --- Sums of two tangents ------------------------------------------------------------------------


def summed_arrays(a, b):
    if not is_plain(a, b) or a.dtype != b.dtype or a.nbytes < buffers.LARGE:
        return a + b
    return np.add(a, b, out=buffers.empty(a.shape, a.dtype))


def is_same_slots(t, u):
    """Whether two sparse tangents of one shape have the same columns slot by slot."""
    a, b = t.col, u.col
    if a is b:
        return True
    if a.shape != b.shape:
        return False
    if a.strides == b.strides and a.ctypes.data == b.ctypes.data:
        return True
    return bool(kernels.is_same_structure(flat(a), flat(b)))


def add(t, u):
    """The sum of two tangents of one level and one shape."""
    if t.is_recorded:
        return t.plus(u)
    if t.is_sparse and u.is_sparse:
        if is_same_slots(t, u):
            return t.with_coef(summed_arrays(t.coef, u.coef))
        return merged(t, u)
    if t.is_sparse or u.is_sparse:
        t, u = (u, t) if t.is_sparse else (t, u)
        if is_plain(u.coef) and u.dtype == t.dtype and dense.fits(t.block, t.scale):
            need_block(t.level, t.block.shape, t.dtype)
            slots = flat(u.col), flat(u.coef)
            return rows_tangent(t.level, dense.total_with_slots(t.block, t.scale, *slots))
    t, u = t.to_dense(), u.to_dense()
    if t.block is u.block and t.scale is not None and u.scale is not None:
        return DenseTangent(t.level, t.block, t.scale + u.scale)
    if t.dtype == u.dtype and dense.fits(t.block, t.scale) and dense.fits(u.block, u.scale):
        need_block(t.level, t.block.shape, t.dtype)
        return rows_tangent(t.level, dense.total(t.block, t.scale, u.block, u.scale))
    if (
        t.scale is not None
        and u.scale is not None
        and fits_kernel(t.block, u.block, t.scale, u.scale)
    ):
        a = flat(t.block)
        need_block(t.level, t.block.shape, t.dtype)
        out = np.empty_like(a)
        kernels.scaled_sum(
            a,
            flat(t.scale)[0],
            flat(u.block),
            flat(u.scale)[0],
            out,
        )
        return DenseTangent(t.level, out.reshape(t.block.shape))
    need_block(t.level, t.block.shape, t.dtype)
    return DenseTangent(t.level, t.dense() + u.dense())


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


# --- Several tangents into one -------------------------------------------------------------------


def padded(a, width, fill):
    """(w, M) with rows of `fill` appended up to `width`."""
    if a.shape[0] == width:
        return a
    rest = np.full((width - a.shape[0], a.shape[1]), fill, a.dtype)
    return np.concatenate([a, rest])


def pool(level, parts, dtype):
    """One tangent of shape (total size,) from flattened parts, each (tangent or None, size)."""
    if level.records:
        return tape.Pool(parts, dtype)
    if len(parts) == 1:
        t, size = parts[0]
        return t.map(lambda a: a.reshape((a.shape[0], size)))
    active = [t for t, _ in parts if t is not None]
    if all(t.is_sparse for t in active):
        width = max(t.coef.shape[0] for t in active)
        coefs, cols = [], []
        for t, size in parts:
            if t is None:
                coefs.append(np.zeros((width, size), dtype))
                cols.append(np.full((width, size), -1, np.int32))
            else:
                coefs.append(padded(t.coef.reshape((t.coef.shape[0], size)), width, 0))
                cols.append(padded(flat(t.col), width, -1))
        return SparseTangent(level, np.concatenate(coefs, axis=1), np.concatenate(cols, axis=1))
    k = next(t.block.shape[0] for t in active if not t.is_sparse)
    need_block(level, (k, sum(size for _, size in parts)), dtype)
    if dense.is_inner(k) and all(_fits_rows(t, dtype) for t in active):
        return DenseTangent(level, _pooled_rows(k, parts, dtype))
    blocks = [
        np.zeros((k, size), dtype) if t is None else t.to_dense().dense().reshape((k, size))
        for t, size in parts
    ]
    return DenseTangent(level, np.concatenate(blocks, axis=1))


def _fits_rows(t, dtype):
    if t.is_sparse:
        return is_plain(t.coef) and t.dtype == dtype
    return t.dtype == dtype and dense.fits(t.block, t.scale)


def _pooled_rows(k, parts, dtype):
    """The block of all parts, each written where it belongs."""
    block = dense.empty(k, (sum(size for _, size in parts),), dtype)
    out = dense.flat(block)
    start = 0
    for t, size in parts:
        rows = out[start : start + size]
        if t is None or t.is_sparse:
            rows.fill(0)
        if t is not None and t.is_sparse:
            kernels.scatter_dense(flat(t.col), flat(t.coef), rows.T)
        elif t is not None:
            dense.write(t.block, t.scale, rows)
        start += size
    return block


def put(t, shape, place, u, level, dtype, owned):
    """`t` with the elements at `place` replaced by those of `u` (None: without derivative).

    `u` has the shape that `place` selects.  With `owned`, arrays of `t` that fit are written in
    place, so that filling an array element by element costs what it writes.
    """
    if t is None and u is None:
        return None
    if level.records:
        return tape.written(t, shape, place, u, dtype)
    if not all(is_plain(*arrays_of(x)) for x in (t, u) if x is not None):
        return _put_by_position(t, shape, place, u, level, dtype)
    is_sparse = all(x.is_sparse for x in (t, u) if x is not None)
    if not is_sparse:
        t, u = (x if x is None else x.to_dense() for x in (t, u))
    new = () if u is None else arrays_of(u)
    width = max(x.coefficient_rows() for x in (t, u) if x is not None)
    arrays = None if t is None else arrays_of(t)
    fits = owned and t is not None and width == arrays[0].shape[0] and arrays[0].dtype == dtype
    if not fits:
        arrays = _writable(level, arrays, width, shape, dtype, is_sparse)
    for number, a in enumerate(arrays):
        unused = -1 if number == 1 else 0
        if u is None:
            place.write(a, unused)
        else:
            rows = new[number].shape[0]
            place.write(a[:rows], new[number])
            if rows < width:
                place.write(a[rows:], unused)
    return SparseTangent(level, *arrays) if is_sparse else DenseTangent(level, *arrays)


def arrays_of(t):
    """The arrays a tangent is made of, the lazy factor applied."""
    return (t.coef, t.col) if t.is_sparse else (t.dense(),)


def _writable(level, arrays, width, shape, dtype, is_sparse):
    """Copies of `arrays` (None: nothing yet) with room for `width` rows."""
    if not is_sparse:
        return (
            (new_block(level, width, shape, dtype),)
            if arrays is None
            else (dense.copied(arrays[0], dtype),)
        )
    coef = buffers.empty((width, *shape), dtype)
    col = buffers.empty((width, *shape), np.int32)
    rows = 0
    if arrays is not None:
        rows = arrays[0].shape[0]
        coef[:rows], col[:rows] = arrays
    coef[rows:], col[rows:] = 0, -1
    return coef, col


def _put_by_position(t, shape, place, u, level, dtype):
    """The same for Duals of an outer level, which are joined and gathered."""
    size = math.prod(shape)
    where = place.positions().reshape(-1)
    index = np.arange(size)
    index[where] = size + np.arange(where.size) if u is not None else -1
    both = pool(level, [(t, size), (u, where.size)], dtype)
    return both.take(index.reshape(shape))
