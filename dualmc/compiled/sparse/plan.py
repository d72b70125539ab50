"""A pattern laid out for passes: which colours a pass seeds, and which partial goes where.

`table`, int32, is all that a sweep reads of it: the sizes m, n, the number of passes and of
nonzeros; where the starts, lanes and places begin; then the colours of columns, and those three:
entries in the order of the passes, row by row, with the lane that holds each (four in an integer)
and, for more passes than one, its place among the nonzeros.
"""

import numpy as np

from dualmc.compiled.sparse import codes
from dualmc.compiled.sparse.colouring import coloured
from dualmc.kernels.compiling import on_first_call

HEADER = 8
MARKS = 4
# More partials per Dual are registers that spill.
_LANES = 8


class Plan:
    """The pattern of an m by n Jacobian in rows compressed, and its colours.

    Attributes
    ----------
    indptr, indices : array of int32
        Columns ascend within a row.
    colours : int
        How many there are.
    lanes : int
        Partials per Dual.
    """

    def __init__(self, indptr, indices, m, n, lanes=None):
        self.m, self.n = m, n
        self.indptr, self.indices = indptr, indices
        self._colour, self.colours = coloured(indptr, indices, n)
        self.lanes = lanes_for(self.colours) if lanes is None else lanes
        self._checked = None
        self.table = self._laid_out(-(-self.colours // self.lanes))

    def _laid_out(self, passes):
        m, n, count = self.m, self.n, self.indices.size
        starts = HEADER + n
        lanes = starts + passes * (m + 1)
        places = lanes + -(-count // 4)
        table = np.zeros(places + (count if passes > 1 else 0), np.int32)
        table[:HEADER] = m, n, passes, count, starts, lanes, places, 0
        table[HEADER:starts] = self._colour
        in_order = np.empty(count, np.int32)
        fill(
            self.indptr, self._colour[self.indices], self.lanes,
            table[starts:lanes].reshape(passes, m + 1),
            table[lanes:places].view(np.uint8), in_order,
        )  # fmt: skip
        if passes > 1:
            table[places:] = in_order
        return table

    def checked(self, words):
        """The table and the codes for passes that see entries outside of the pattern.

        Behind the MARKS words of codes others may follow, which are not looked at.
        """
        if self._checked is None:
            passes = int(self.table[2])
            widest = int(np.diff(self.indptr).max(initial=0))
            found = codes.codes(self.n, widest, passes * MARKS * 64)
            seeds = codes.words(found, MARKS, passes)
            table = self.table if len(seeds) == passes else self._laid_out(len(seeds))
            allowed = np.zeros((len(seeds), self.m, MARKS), np.uint64)
            for seed, row in zip(seeds, allowed, strict=True):
                unite(self.indptr, self.indices, seed, row)
            # Bits that no column has are those of rows of which nothing is known: all are set.
            allowed |= ~np.bitwise_or.reduce(seeds, axis=1, initial=np.uint64(0))[:, None]
            seeds = _widened(seeds, words, 0)
            allowed = _widened(allowed, words, -1)
            self._checked = table, np.concatenate([seeds.ravel(), allowed.ravel()])
        return self._checked

    def union(self, other, lanes=None):
        """The plan of both patterns together."""
        return Plan(*_union(self, other), self.m, self.n, lanes)


def _widened(codes, words, fill):
    """Codes, (passes, rows, MARKS), with as many words for each row."""
    more = np.full((*codes.shape[:2], words - MARKS), fill, np.int64).view(np.uint64)
    return np.concatenate([codes, more], axis=2)


def lanes_for(colours):
    """Partials per Dual: those of vector registers, as few as make one pass or even passes."""
    if colours <= 2:
        return max(colours, 1)
    return 4 if colours <= 4 else _LANES


def pattern(rows, columns, m):
    """Row pointers and column indices of entries whose columns ascend within each row."""
    counts = np.bincount(rows, minlength=m)
    indptr = np.zeros(m + 1, np.int32)
    np.cumsum(counts, out=indptr[1:])
    order = np.argsort(rows, kind="stable")
    return indptr, columns[order].astype(np.int32)


def _union(a, b):
    rows = [np.repeat(np.arange(p.m), np.diff(p.indptr)) for p in (a, b)]
    keys = [r * max(a.n, 1) + p.indices for r, p in zip(rows, (a, b), strict=True)]
    both = np.union1d(*keys)
    return pattern(both // max(a.n, 1), both % max(a.n, 1), a.m)


@on_first_call
def fill(indptr, colours, width, starts, lanes, places):
    """Lay out the entries pass by pass: entry k has ``colours[k]``, of which a pass has `width`."""
    at = 0
    for c in range(starts.shape[0]):
        low, high = c * width, (c + 1) * width
        for i in range(starts.shape[1] - 1):
            starts[c, i] = at
            for k in range(indptr[i], indptr[i + 1]):
                if low <= colours[k] < high:
                    lanes[at] = colours[k] - low
                    places[at] = k
                    at += 1
        starts[c, starts.shape[1] - 1] = at


@on_first_call
def unite(indptr, indices, seeds, allowed):
    """The marks of each row: those of all its columns."""
    for i in range(allowed.shape[0]):
        for k in range(indptr[i], indptr[i + 1]):
            for w in range(allowed.shape[1]):
                allowed[i, w] |= seeds[indices[k], w]


@on_first_call
def entries_of(marks, first, rows, columns, at):
    """Write the row and column of every bit set, from `at` on, as far as there is room; the end."""
    for i in range(marks.shape[0]):
        for w in range(marks.shape[1]):
            word = marks[i, w]
            bit = first + 64 * w
            while word:
                if word & np.uint64(1):
                    if at < rows.size:
                        rows[at] = i
                        columns[at] = bit
                    at += 1
                word >>= np.uint64(1)
                bit += 1
    return at
