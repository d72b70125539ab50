"""The patterns of a function: found once, kept, and found anew where one does not hold.

A pattern belongs to arguments by their types and shapes.  Where f decided nothing by values, it is
that of all values, for the integers that were given; plain Duals fill it.  Else marked Duals do,
which see what it lacks: then the pattern of that point is added, or takes its place where both
together need many more colours.
"""

import weakref

import numpy as np
from numba.core import errors

from dualmc.compiled.source import Source
from dualmc.compiled.sparse import plan as plans
from dualmc.compiled.sparse.compression import (
    COLUMNS,
    FINE,
    OTHER_SIZE,
    Compressed,
    Detection,
    words_for,
)  # fmt: skip
from dualmc.compiled.sparse.decisions import catches_errors, watching

_kept: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()
# Patterns kept per function and arguments, and integers for which one of them is certain.
_MOST = 16
_NO_CODES = np.zeros(1, np.uint64)


def patterns_of(f, positions, out=None):
    """Those of `f` as a function of the arguments at `positions`, ascending; `out` is the position
    of the one that it writes its result to, if any.
    """
    found = _kept.setdefault(f, {})
    if (positions, out) not in found:
        found[positions, out] = Patterns(f, positions, out)
    return found[positions, out]


class Fingerprint:
    """What of the arguments a pattern depends on, besides the values of floats.

    Attributes
    ----------
    key : tuple
        Types and shapes, and what has no other.
    integers : tuple
        The values of whole numbers.
    watched : tuple of int
        Positions of floats that are not differentiated.
    is_open : bool
        Whether there are values of which it is not seen whether they decide anything.
    is_alone : bool
        Whether all that matters is the size of one vector, or nothing.
    """

    def __init__(self, args, positions, out=None):
        self.watched, self.is_open, self.has_text = (), False, False
        key, integers = [], []
        for i, a in enumerate(args):
            key.append(self._of(a, i, positions, integers))
        self.key, self.integers = tuple(key), tuple(integers)
        self.watched = tuple(i for i in self.watched if i != out)
        others = [a for i, a in enumerate(args) if i != out or np.ndim(a) != 1]
        shapes = [np.shape(a) for a in others if issubclass(type(a), (np.ndarray, np.generic))]
        vectors = [shape for shape in shapes if shape]
        self.is_alone = not (self.is_open or self.has_text or integers)
        self.is_alone = self.is_alone and sum(map(len, vectors)) <= 1

    def _of(self, a, i, positions, integers):
        kind = type(a)
        if issubclass(kind, (np.ndarray, np.generic)):
            if a.dtype.kind == "f":
                self._floats(i, positions)
            elif a.dtype.kind in "biu":
                integers.append(a.tobytes())
            else:
                self.is_open = True
            return kind, a.dtype, a.shape
        if kind is float:
            self._floats(i, positions)
        elif kind in (int, bool):
            integers.append(a)
        elif a is None or kind is str:
            self.has_text |= kind is str
            return a
        elif issubclass(kind, tuple):
            return kind, tuple(self._of(part, None, positions, integers) for part in a)
        else:
            self.is_open = True
        return kind

    def _floats(self, i, positions):
        if i is None:
            self.is_open = True
        elif i not in positions:
            self.watched += (i,)


class Patterns:
    """See `patterns_of`."""

    def __init__(self, f, positions, out):
        self.source, self.positions, self.out = Source(f), positions, out
        self.last = 1 + max(positions[-1], -1 if out is None else out)
        self.catches = catches_errors(f)
        self.words = words_for(self.source)
        self.plans = {}
        self.sweeps = {}

    def print_of(self, args):
        return Fingerprint(args, self.positions, self.out)

    def plan_at(self, args, print_=None):
        """The plan that is tried first at `args`, found there if there is none yet."""
        print_ = self.print_of(args) if print_ is None else print_
        plan = self.plans.get(print_.key)
        return self._added(args, print_) if plan is None else plan

    def filled(self, args, print_=None):
        """The value, the nonzeros at `args`, and the plan by which they are laid out."""
        print_ = self.print_of(args) if print_ is None else print_
        plan = self.plan_at(args, print_)
        written = () if print_.integers in plan.certain else _copies(args)
        flag, y, data = self._run(plan, args, print_)
        if flag != FINE:
            for a, before in written:  # f may have written into it
                a[...] = before
            plan = self._added(args, print_, None if flag == OTHER_SIZE else plan)
            flag, y, data = self._run(plan, args, print_)
            if flag != FINE:
                raise ValueError(
                    "f depends on other inputs each time that it is called with the same "
                    "arguments. f must be a function of its arguments alone."
                )
        return y, data, plan

    def _run(self, plan, args, print_):
        sweep, table, codes = self.at_hand(plan, print_)
        return sweep(*args[: self.last], table, codes, *args[self.last :])

    def at_hand(self, plan, print_):
        """The sweep, the table and the codes that fill a plan for arguments like these."""
        is_checked = print_.integers not in plan.certain
        table, codes = plan.checked(self.words) if is_checked else (plan.table, _NO_CODES)
        return self.sweep(Compressed, plan.lanes, is_checked), table, codes

    def sweep(self, kind, *options):
        found = self.sweeps.get((kind, options))
        if found is None:
            found = kind(self.source.get(), self.positions, self.out, *options).compiled()
            self.sweeps[kind, options] = found
        return found

    def _added(self, args, print_, old=None):
        """The plan for a point, which is kept; together with an `old` one that did not hold."""
        found, is_certain = self._found(args, print_)
        found.certain = {print_.integers} if is_certain else set()
        if old is not None:
            both = old.union(found)
            if both.colours <= 2 * found.colours + 2:
                certain = list(old.certain | found.certain)
                both.certain = set(certain[-_MOST:])
                found = both
        self.plans.pop(print_.key, None)
        self.plans[print_.key] = found
        for key in list(self.plans)[:-_MOST]:
            del self.plans[key]
        return found

    def _found(self, args, print_):
        """The plan of the pattern at a point, and whether it is that of all values."""
        if not print_.is_open and print_.watched:
            try:
                return self._detected(args, print_.watched, True)
            except errors.NumbaError:  # where a float is needed a Dual will not do
                pass
        return self._detected(args, (), not (print_.is_open or print_.watched))

    def _detected(self, args, watched, is_closed):
        n = sum(np.size(args[i]) for i in self.positions)
        sweep = self.sweep(Detection, watched)
        last = max(self.last, max(watched, default=0) + 1)
        rows, columns = [], []
        with watching() as was_decided:
            for first in range(0, max(n, 1), COLUMNS):
                marks = sweep(*args[:last], first, *args[last:])
                found = _entries(np.ascontiguousarray(marks[:, : plans.MARKS]), first, n)
                rows.append(found[0])
                columns.append(found[1])
            is_certain = is_closed and not (self.catches or was_decided())
        m = marks.shape[0]
        pattern = plans.pattern(np.concatenate(rows), np.concatenate(columns), m)
        return plans.Plan(*pattern, m, n), is_certain


def _copies(args):
    """The arrays among the arguments that can be written to, each with a copy."""
    found = []
    for a in args:
        if type(a) is np.ndarray and a.flags.writeable:
            found.append((a, a.copy()))
        elif issubclass(type(a), tuple):
            found += _copies(a)
    return found


def _entries(marks, first, n):
    """Rows and columns, of n, of the bits that are set."""
    nothing = np.empty(0, np.int32)
    count = plans.entries_of(marks, first, nothing, nothing, 0)
    rows, columns = np.empty(count, np.int32), np.empty(count, np.int32)
    plans.entries_of(marks, first, rows, columns, 0)
    is_there = columns < n  # where nothing is known, all bits are set
    return (rows, columns) if is_there.all() else (rows[is_there], columns[is_there])
