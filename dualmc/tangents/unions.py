"""Unions of the slots of two sparse tangents, element by element.

How two column arrays unite is found once and remembered (`structure.py`): which slot of either side
goes where.  Uniting two tangents then adds coefficients alone.
"""

import math

import numpy as np

from dualmc.kernels import buffers, slot_kernels, stamped
from dualmc.kernels.payload import flat, take_slots
from dualmc.tangents import dense_tangent
from dualmc.tangents.slots import SparseTangent

# Elements that may differ from all others before each is looked at by itself.
EXCEPTIONS = 32
# What one step hands to the kernel where no element is an exception, and where all are.
_NONE = np.empty(0, np.int64)
_NO_SLOTS = np.empty((2, 0), np.int32)


class Union:
    """Slots ``[r, i]`` of the union of two column arrays of one shape, and where they come from.

    Row r of `col` takes slot ``slots[0, r]`` of the first and ``slots[1, r]`` of the second (-1:
    none), save for the elements `few`, element j of which takes ``each[:, r, j]``.  Without `slots`
    each element has its own.  `is_same`: both sides are the same, slot by slot.
    """

    __slots__ = ("col", "slots", "few", "each", "is_same")

    def __init__(self, col, slots, few, each, is_same=False):
        self.col = col
        self.slots = slots
        self.few = few
        self.each = each
        self.is_same = is_same

    def positions(self, side, size):
        """The slot of `side` for every slot of the union, (w, size)."""
        if self.slots.shape[1] == 0:
            return self.each[side]
        found = np.repeat(self.slots[side][:, None], size, axis=1)
        found[:, self.few] = self.each[side]
        return found


def union_of(level, a, b):
    """The `Union` of two column arrays, (w, *S), of one level."""
    structures = level.structures
    key = (id(a), id(b))
    found = structures.found.get(key)
    if found is not None:
        return found[0]
    latest = structures.latest
    if latest is not None and latest[0] is a and latest[1] is b:
        return latest[2]
    union = _united(a, b)
    structures.latest = (a, b, union)
    made = () if union.col is a or union.col is b else (union.col,)
    return structures.keep(key, union, (a, b), *made, union.each)


def _united(a, b):
    p, q = flat(a), flat(b)
    if a.shape == b.shape and slot_kernels.is_same_structure(p, q):
        # Columns that elements share take less memory.
        a = b if a.flags.c_contiguous and not b.flags.c_contiguous else a
        return Union(a, _NO_SLOTS, _NONE, np.empty((2, 0, 0), np.int8), True)
    union = _alike(p, q) or _each(p, q)
    # Where one side has all the slots, its columns stay the same object.
    for col, rows in ((a, p), (b, q)):
        if rows.shape == union.col.shape and slot_kernels.is_same_structure(rows, union.col):
            union.col = col
            return union
    union.col = union.col.reshape((union.col.shape[0], *a.shape[1:]))
    return union


def _each(a, b):
    """The union that looks at every element by itself."""
    col = buffers.empty((int(slot_kernels.merged_width(a, b)), a.shape[1]), a.dtype)
    each = buffers.empty((2, *col.shape), np.int8 if a.shape[0] + b.shape[0] < 128 else np.int32)
    slot_kernels.merge_positions(a, b, col, each[0], each[1])
    return Union(col, _NO_SLOTS, _NONE, each)


def _alike(a, b):
    """The union if slots interleave alike in all elements but a few; else None.

    Stencils, shifted slices and chains do, their ends apart: the way of the middle element is
    tried on all, and the exceptions are united one by one.
    """
    if a.shape[1] < 64 or a.shape[0] + b.shape[0] > 64:
        return None
    middle = a.shape[1] // 2
    p = [c for c in a[:, middle].tolist() if c >= 0]
    q = [c for c in b[:, middle].tolist() if c >= 0]
    columns = sorted({*p, *q})
    if not columns:
        return None
    # A slot beyond those of the middle element would be lost.
    if any((c[len(used) :] >= 0).any() for c, used in ((a, p), (b, q))):
        return None
    slots = np.array([[s.index(c) if c in s else -1 for c in columns] for s in (p, q)], np.int32)
    exceptions = np.empty(EXCEPTIONS, np.int64)
    count = int(slot_kernels.pattern_exceptions(a, b, slots[0], slots[1], exceptions))
    if count > exceptions.size:
        return None
    few = exceptions[:count]
    part = _each(*(np.ascontiguousarray(x[:, few]) for x in (a, b)))
    used, width = len(columns), max(len(columns), part.col.shape[0])
    slots = np.concatenate([slots, np.full((2, width - used), -1, np.int32)], axis=1)
    each = np.full((2, width, count), -1, np.int8)
    each[:, : part.col.shape[0]] = part.each
    col = buffers.empty((width, a.shape[1]), a.dtype)
    for r, (i, j) in enumerate(slots.T.tolist()):
        col[r] = a[i] if i >= 0 else b[j] if j >= 0 else -1
    col[: part.col.shape[0], few] = part.col
    col[part.col.shape[0] :, few] = -1
    return Union(col, slots, few, each)


# --- Tangents ------------------------------------------------------------------------------------


def merged(t, u, sign=1):
    """The sum ``t + sign * u`` of two sparse tangents of one shape."""
    found = t.level.structures.found.get((id(t.col), id(u.col)))
    union = union_of(t.level, t.col, u.col) if found is None else found[0]
    a, b = t.coef, u.coef
    if type(a) is not np.ndarray or type(b) is not np.ndarray:
        return _finished(t.level, union, _merged_duals(t, u, sign, union))
    a, b = flat(a), flat(b)
    if a.dtype is not b.dtype:
        dtype = np.result_type(a, b)
        a, b = a.astype(dtype, copy=False), b.astype(dtype, copy=False)
    out = _rows(union.col.shape[0], a)
    if union.is_same:
        (np.add if sign > 0 else np.subtract)(a, b, out=out)
    else:
        slot_kernels.unite(a, b, union.slots, union.few, union.each, sign, out)
    return _finished(t.level, union, out)


def merged_products(t, factor, u, other):
    """``factor * t + other * u``, factors of shape (size,), all of one dtype."""
    found = t.level.structures.found.get((id(t.col), id(u.col)))
    union = union_of(t.level, t.col, u.col) if found is None else found[0]
    a, b = flat(t.coef), flat(u.coef)
    out = _rows(union.col.shape[0], a)
    if union.is_same:
        stamped.scaled_sum(a, factor, b, other, out)
    else:
        slot_kernels.unite_products(a, factor, b, other, union.slots, union.few, union.each, out)
    return _finished(t.level, union, out)


def _rows(width, a):
    """An array of `width` rows as long as those of `a`, of the same dtype."""
    shape = width, a.shape[1]
    is_small = width * a.nbytes < buffers.LARGE * a.shape[0]
    return np.empty(shape, a.dtype) if is_small else buffers.empty(shape, a.dtype)


def _finished(level, union, coef):
    col = union.col
    if col.ndim != 2:
        coef = coef.reshape(col.shape)
    out = SparseTangent(level, coef, col)
    return out.to_dense() if dense_tangent.is_wide(col.shape[0], level.n) else out


def _merged_duals(t, u, sign, union):
    if union.is_same:
        return t.coef + u.coef if sign > 0 else t.coef - u.coef
    size = math.prod(t.shape)
    a = take_slots(t.coef, union.positions(0, size))
    b = take_slots(u.coef, union.positions(1, size))
    return a + b if sign > 0 else a - b
