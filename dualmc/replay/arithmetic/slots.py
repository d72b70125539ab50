"""Tangents of a program's arrays: which inputs each element depends on is known beforehand.

`Slots` holds, per slot, the column of every element (-1: none) and its coefficients; a column may
stand in two slots of an element, which then add up in the end.  `Block` holds all of a few columns
for every element.  Coefficients are `Array`s, so that what is constant is folded and what is only
moved costs nothing.
"""

import numpy as np

from dualmc.replay.arithmetic.arrays import (
    Array,
    constant,
    each,
    product,
    reduced,
    routed,
    strong,
    taken,
)

# Slots of an element beyond which a block of columns is better, if that is not much larger.
FULL = 8
# Slots of a single number, each a variable of its own.
SCALAR_SLOTS = 256


class Slots:
    """Pairs (col, coef): int32 columns and coefficients, both of the array's size."""

    __slots__ = ("slots",)

    def __init__(self, slots):
        self.slots = slots


class Block:
    """`coef`, (size * k,), of the k columns `cols`: element i by column ``cols[r]`` at i*k + r."""

    __slots__ = ("cols", "coef")

    def __init__(self, cols, coef):
        self.cols = cols
        self.coef = coef


def seeded(size, first):
    """The tangent of an input whose columns start at `first`."""
    col = np.arange(first, first + size, dtype=np.int32)
    return Slots([(col, constant(np.ones(size)))])


def columns_of(t):
    if type(t) is Block:
        return t.cols
    return _distinct([col for col, _ in t.slots], max(int(c.max(initial=-1)) for c, _ in t.slots))


def _distinct(arrays, largest):
    """The numbers from 0 to `largest` that `arrays` hold, in order; what is negative counts not."""
    if largest > 4 * sum(a.size for a in arrays):
        found = np.unique(np.concatenate(arrays))
        return found[found >= 0]
    is_there = np.zeros(largest + 2, bool)
    for a in arrays:
        is_there[a] = True  # -1 is the last
    return np.flatnonzero(is_there[:-1]).astype(arrays[0].dtype)


def size_of(t):
    return t.slots[0][0].size if type(t) is Slots else t.coef.size // t.cols.size


# --- From one form to the other ------------------------------------------------------------------


def as_block(t, cols):
    """`t` as a block of the sorted columns `cols`, which include its own."""
    k = cols.size
    if type(t) is Block:
        if t.cols.size == k and (t.cols == cols).all():
            return t
        size = size_of(t)
        place = np.full(k, -1)
        place[np.searchsorted(cols, t.cols)] = np.arange(t.cols.size)
        source = np.where(place >= 0, np.arange(size)[:, None] * t.cols.size + place, -1)
        return Block(cols, taken(t.coef, source.reshape(-1)))
    size = size_of(t)
    parts = []
    for col, coef in t.slots:
        at = np.arange(size) * k + np.searchsorted(cols, np.maximum(col, cols[0]))
        parts.append((coef, np.where(col >= 0, at, -1)))
    return Block(cols, reduced("add", parts, size * k))


def settled(t):
    """`t` in the form that suits it; None where nothing depends on the inputs."""
    if t is None or type(t) is Block:
        return t
    kept = [
        (col, coef)
        for col, coef in t.slots
        if (col >= 0).any() and not (coef.const is not None and not coef.const.any())
    ]
    if not kept:
        return None
    t = Slots(kept)
    size = kept[0][0].size
    if len(kept) > (FULL if size > 1 else SCALAR_SLOTS):
        cols = columns_of(t)
        if cols.size <= 2 * len(kept):
            return as_block(t, cols)
        return _compact(t)
    return t


def _compact(t):
    """As few slots as the fullest element has columns."""
    size = t.slots[0][0].size
    all_cols = np.stack([col for col, _ in t.slots])
    order = np.argsort(np.where(all_cols < 0, np.iinfo(np.int32).max, all_cols), 0, kind="stable")
    ranked = np.take_along_axis(all_cols, order, 0)
    first = np.ones(ranked.shape, bool)
    first[1:] = ranked[1:] != ranked[:-1]
    rank = np.where(ranked >= 0, np.cumsum(first, 0) - 1, -1)
    width = int(rank.max()) + 1
    if width == len(t.slots):
        return t
    target = np.empty_like(rank)
    np.put_along_axis(target, order, rank, 0)
    col = np.full((width, size), -1, np.int32)
    s, i = np.nonzero(target >= 0)
    col[target[s, i], i] = all_cols[s, i]
    parts = [
        (coef, np.where(target[s] >= 0, target[s] * size + np.arange(size), -1))
        for s, (_, coef) in enumerate(t.slots)
    ]
    total = reduced("add", parts, width * size)
    return Slots(
        [(col[r], taken(total, np.arange(r * size, (r + 1) * size))) for r in range(width)]
    )


# --- Linear steps --------------------------------------------------------------------------------


def scaled(t, factor):
    """Times the array `factor` of the same size."""
    if t is None:
        return None
    if type(t) is Block:
        k = t.cols.size
        spread = taken(factor, np.repeat(np.arange(factor.size), k))
        return Block(t.cols, strong("multiply", t.coef, spread))
    flat = factor.reshape((factor.size,))
    return settled(Slots([(col, strong("multiply", coef, flat)) for col, coef in t.slots]))


def chosen(condition, t, u):
    """Those of `t` where `condition` holds, those of `u` elsewhere; either may be None."""
    flat = condition.reshape((condition.size,))
    if type(t) is Block or type(u) is Block:
        cols = np.unique(np.concatenate([columns_of(x) for x in (t, u) if x is not None]))
        spread = taken(flat, np.repeat(np.arange(flat.size), cols.size))
        a, b = (0.0 if x is None else as_block(x, cols).coef for x in (t, u))
        return Block(cols, each("select", spread, a, b))
    found: dict = {}
    for side, x in enumerate((t, u)):
        for col, coef in () if x is None else x.slots:
            pair = found.setdefault(col.tobytes(), [col, 0.0, 0.0])
            if type(pair[side + 1]) is Array:
                coef = strong("add", pair[side + 1], coef)
            pair[side + 1] = coef
    return settled(Slots([(col, each("select", flat, a, b)) for col, a, b in found.values()]))


def added(t, u):
    """The sum of two tangents; either may be None."""
    if t is None or u is None:
        return u if t is None else t
    if type(t) is Block or type(u) is Block:
        cols = np.unique(np.concatenate([columns_of(t), columns_of(u)]))
        return Block(cols, strong("add", as_block(t, cols).coef, as_block(u, cols).coef))
    found = {}
    for col, coef in (*t.slots, *u.slots):
        key = col.tobytes()
        found[key] = (col, strong("add", found[key][1], coef) if key in found else coef)
    return settled(Slots(list(found.values())))


def moved(tangents, sizes, source):
    """The tangent of an array routed from arrays of these tangents (None: constant) and sizes."""
    if all(t is None for t in tangents):
        return None
    if any(type(t) is Block for t in tangents):
        present = [t for t in tangents if t is not None]
        cols = np.unique(np.concatenate([columns_of(t) for t in present]))
        k = cols.size
        parts = [
            constant(np.zeros(n * k)) if t is None else as_block(t, cols).coef
            for t, n in zip(tangents, sizes, strict=True)
        ]
        at = np.where(source[:, None] >= 0, source[:, None] * k + np.arange(k), -1).reshape(-1)
        return Block(cols, routed(parts, at, (at.size,)))
    if len(tangents) == 1:
        t = tangents[0]
        return settled(Slots([(_cols_at(col, source), taken(c, source)) for col, c in t.slots]))
    return settled(_aligned(tangents, sizes, source))


def _cols_at(col, source):
    out = col[np.maximum(source, 0)] if col.size else np.full(source.shape, -1, np.int32)
    out[source < 0] = -1
    return out


def _aligned(tangents, sizes, source):
    """Several tangents side by side: slots that reach equally far are joined.

    A stencil's boundary and its interior then share their slots, and later sums meet equal columns.
    """
    starts = np.cumsum([0, *sizes])
    rows: list = []  # [columns, (Array, positions) parts, positions taken, offset]
    place = np.arange(source.size)
    for t, first, size in zip(tangents, starts, sizes, strict=False):
        if t is None:
            continue
        here = (source >= first) & (source < first + size)
        local = np.where(here, source - first, -1)
        for col, coef in t.slots:
            at = _cols_at(col, local)
            used = at >= 0
            if not used.any():
                continue
            reach = int(np.median((at - place)[used]))
            row = next((r for r in rows if r[3] == reach and not (r[2] & here).any()), None)
            if row is None:
                row = [np.full(source.size, -1, np.int32), [], np.zeros(source.size, bool), reach]
                rows.append(row)
            row[0] = np.where(used, at, row[0])
            row[1].append((coef, np.where(used, local, -1)))
            row[2] = row[2] | here
    return Slots([(row[0], _joined(row[1], source.size)) for row in _packed(rows)])


def _packed(rows):
    """Rows that take different places put together, so that there are as few as can be."""
    packed: list = []
    for row in rows:
        into = next((p for p in packed if not (p[2] & row[2]).any()), None)
        if into is None:
            packed.append(row)
        else:
            into[0] = np.where(row[0] >= 0, row[0], into[0])
            into[1].extend(row[1])
            into[2] = into[2] | row[2]
    return packed


def _joined(parts, size):
    source = np.full(size, -1)
    offset = 0
    for coef, local in parts:
        source = np.where(local >= 0, local + offset, source)
        offset += coef.size
    return routed([coef for coef, _ in parts], source, (size,))


def summed(t, target, count):
    """The tangent of a vector of `count`: element e is added to ``target[e]``."""
    if t is None:
        return None
    if type(t) is Block:
        k = t.cols.size
        at = np.where(target[:, None] >= 0, target[:, None] * k + np.arange(k), -1).reshape(-1)
        return Block(t.cols, reduced("add", [(t.coef, at)], count * k))
    n = int(max(col.max(initial=-1) for col, _ in t.slots)) + 1
    keys = [np.where((c >= 0) & (target >= 0), target * n + c, -1) for c, _ in t.slots]
    pairs = _distinct(keys, n * count - 1)
    if not pairs.size:
        return None
    row, col = pairs // n, pairs % n
    per_row = np.bincount(row, minlength=count)
    width = int(per_row.max())
    cols = _distinct([col], n - 1)

    def total(place, size):
        parts = []
        for (_, coef), key in zip(t.slots, keys, strict=True):
            at = place[np.minimum(np.searchsorted(pairs, key), pairs.size - 1)]
            parts.append((coef, np.where(key >= 0, at, -1)))
        return reduced("add", parts, size)

    if width > FULL and cols.size * count <= 2 * pairs.size or (count == 1 and width > FULL):
        k = cols.size
        return Block(cols, total(np.searchsorted(cols, col) + row * k, count * k))
    rank = np.arange(pairs.size) - np.concatenate([[0], np.cumsum(per_row)])[row]
    whole = total(rank * count + row, width * count)
    out = np.full((width, count), -1, np.int32)
    out[rank, row] = col
    return Slots(
        [(out[r], taken(whole, np.arange(r * count, (r + 1) * count))) for r in range(width)]
    )


def multiplied(t, other, m, p, q):
    """The tangent of ``a @ b``, (m, p) @ (p, q), that comes from b with tangent `t`: a @ b_dot."""
    if t is None:
        return None
    cols = columns_of(t)
    k = cols.size
    block = as_block(t, cols)
    return Block(cols, product(other, block.coef, m, p, q * k))
