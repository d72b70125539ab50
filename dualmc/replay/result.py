"""Where the entries of a Jacobian stand in the vector that machine code fills, which of them are
constant, and the matrix that a caller gets of that vector.
"""

import numpy as np

from dualmc.calls import options
from dualmc.replay.arithmetic import slots
from dualmc.replay.machine.schedule import add_constants

# Up to this many numbers, a result begins as a copy of its constant entries.
COPIED = 2**14
# Entries of a Jacobian, and per row of it, beyond which its blocks no longer stay in the cache.
MANY_ENTRIES = 2**14
WIDE = 16
# Numbers of a dense Jacobian, for each that is not 0, beyond which it is compared without these.
HOLLOW = 16


class Result:
    """A Jacobian of `rows` by `columns`, with the entries of a tangent.

    Attributes
    ----------
    count : int
        Numbers that are stored: all, or those of a sparse matrix in the order of its rows.
    is_hollow : bool
        Whether it is dense, and large, and nearly all of it is 0.
    is_wide : bool
        Whether it has so many entries that its blocks do not stay in the cache.
    begin : callable
        ``begin()`` is a vector of `count` numbers with the constant ones in their places.
    """

    def __init__(self, tangent, rows, columns, is_sparse):
        self.rows, self.columns = rows, columns
        self.is_sparse = is_sparse
        row, col, self._parts = _entries(tangent, rows)
        self.is_wide = row.size > max(MANY_ENTRIES, WIDE * rows)
        self.count = rows * columns
        self.is_hollow = not is_sparse and self.count > max(COPIED, HOLLOW * row.size)
        if is_sparse or self.is_hollow:
            self._keys = np.unique(self._key(row, col))
        if is_sparse:
            self.count = self._keys.size
            self._make_pattern()
            self._make_template()

    def _key(self, row, col):
        """The place in a dense matrix."""
        return row.astype(np.int64) * self.columns + col

    def __getstate__(self):
        """All but what is made of the rest, and what only `sinks` needs."""
        left_out = ("_parts", "_keys", "_template", "begin")
        return {name: v for name, v in self.__dict__.items() if name not in left_out}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._make_begin()
        if self.is_sparse:
            self._make_template()

    def _make_pattern(self):
        keys, n = self._keys, self.columns
        kind = np.int32 if max(keys.size, n) < 2**31 else np.int64
        self._indices = (keys % n).astype(kind) if n else np.zeros(0, kind)
        counts = np.bincount(keys // n if n else keys, minlength=self.rows)
        self._indptr = np.concatenate([[0], np.cumsum(counts)]).astype(kind)

    def _make_template(self):
        self._template = options.import_sparse("prepare").csr_array(
            (np.zeros(self.count), self._indices, self._indptr), shape=(self.rows, self.columns)
        )
        self._template.has_canonical_format = True

    def sinks(self, out):
        """What the code puts into the memory `out`: see `schedule.plan`; the rest is constant."""
        placed = []
        keys = self._keys if self.is_sparse or self.is_hollow else None
        size = self.count if keys is None else keys.size
        counts = np.zeros(size, np.int64)
        start = np.zeros(size)
        for array, row, col in self._parts:
            used = row >= 0
            place = self._key(row[used], col[used])
            target = np.full(array.size, -1)
            target[used] = place if keys is None else np.searchsorted(keys, place)
            np.add.at(counts, target[used], 1)
            add_constants(array, target, "add", start)
            placed.append((array, target))
        self._set_begin(start, None if self.is_sparse else keys)
        sinks = []
        for array, target in placed:
            alone = counts[np.maximum(target, 0)] == 1
            place = target if self.is_sparse or keys is None else keys[np.maximum(target, 0)]
            for op, is_here in (("set", alone), ("add", ~alone)):
                goal = np.where(is_here & (target >= 0), place, -1)
                if (goal >= 0).any():
                    sinks.append((array, out, goal, op))
        return sinks

    def _set_begin(self, start, keys):
        """`start`: the constant entries; of a dense matrix those at `keys`, if not None."""
        self._start = start
        if not self.is_sparse and self.count > COPIED:
            fixed = np.flatnonzero(start)
            self._start = fixed if keys is None else keys[fixed], start[fixed]
        self._make_begin()

    def _make_begin(self):
        if type(self._start) is np.ndarray:
            self.begin = self._start.copy
            return
        count, (fixed, values) = self.count, self._start

        def begin():
            out = np.zeros(count)
            out[fixed] = values
            return out

        self.begin = begin

    def matrix(self, entries):
        """The Jacobian of these entries: (rows, columns), or a `scipy.sparse.csr_array`."""
        if not self.is_sparse:
            return entries.reshape(self.rows, self.columns)
        out = object.__new__(type(self._template))
        out.__dict__.update(self._template.__dict__)
        out.data, out.indices, out.indptr = entries, self._indices.copy(), self._indptr.copy()
        return out


def _entries(t, rows):
    """Rows and columns of all entries, and the arrays that hold them with the place of each."""
    if t is None:
        empty = np.zeros(0, np.int64)
        return empty, empty, []
    if type(t) is slots.Block:
        row = np.repeat(np.arange(rows), t.cols.size)
        parts = [(t.coef, row, np.tile(t.cols, rows))]
    else:
        parts = [(coef, np.where(col >= 0, np.arange(rows), -1), col) for col, coef in t.slots]
    for array, row, _ in parts:
        at, values = array.constants()
        row[at[values == 0]] = -1  # what is always 0 is no entry
    used = [(row[row >= 0], col[row >= 0]) for _, row, col in parts]
    return *(np.concatenate(part) for part in zip(*used, strict=True)), parts
