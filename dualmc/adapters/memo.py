"""The latest point at which f was evaluated: known again by its bits, and by what f reads.

Compared are the arguments as they were when f was called (dtype, shape, layout, bytes; objects by
what they hold), and all that f reads from outside: global names, closures, attributes, code.
"""

import copy
import time

import numpy as np

from dualmc.replay.guards.objects import Unknown
from dualmc.replay.guards.outside import Outside
from dualmc.replay.guards.snapshot import Book

# Seconds that snapshots of what f reads may take, beyond what evaluations of f take.
FREE = 0.1


class Point:
    """Arguments as they are now; raises `Unknown` where they cannot be compared."""

    def __init__(self, args, kwargs, near=None):
        given = (*args, *kwargs.values())
        known = (
            near.matches if near is not None and near.count == len(given) else [None] * len(given)
        )
        self.count, self.names = len(given), tuple(kwargs)
        self.matches = [
            match if match is not None and match(a, {}) else Book().match(a)
            for a, match in zip(given, known, strict=True)
        ]

    def holds(self, args, kwargs):
        given = (*args, *kwargs.values())
        if len(given) != self.count or tuple(kwargs) != self.names:
            return False
        return all(match(a, {}) for a, match in zip(given, self.matches, strict=True))


class Entry:
    """What is known at a point: a value, a derivative, or both; what is not is None."""

    __slots__ = ("point", "outside", "y", "J", "is_value_asked", "is_pair_asked")

    def __init__(self, point, outside, y, J):
        self.point, self.outside = point, outside
        self.y, self.J = y, J
        self.is_value_asked = self.is_pair_asked = False


class Memo:
    """The latest `Entry` of one function.

    Entries are replaced and never changed but for their marks, so that threads need no lock.

    Attributes
    ----------
    reason : str or None
        Why nothing is remembered.
    spent : float
        Seconds that evaluations of f have taken: snapshots may take as many.
    """

    def __init__(self, f):
        self._f = f
        self._outside = None
        self._latest = None
        self._guarding = -FREE
        self.reason = None
        self.spent = 0.0

    def at(self, args, kwargs):
        """The entry of this point, or None."""
        entry = self._latest
        if entry is None or not entry.point.holds(args, kwargs) or not _stands(entry.outside):
            return None
        return entry

    def point(self, args, kwargs):
        """The `Point` before f is called there; None where nothing can be remembered."""
        if self.reason is not None:
            return None
        if self._outside is None:
            self.look()
        latest = self._latest
        try:
            return Point(args, kwargs, None if latest is None else latest.point)
        except Unknown as unknown:
            self.reason = f"its arguments cannot be compared: {unknown}"
            return None

    def keep(self, point, args, kwargs, y, J):
        """Remember what was computed at `point`, made of `args` before the call; the entry.

        After a `look` at what f reads.
        """
        if point is None or not (_is_plain(y) and _is_plain(J)):
            return None
        if not point.holds(args, kwargs):
            self.reason = "f changes its arguments"
            self._latest = None
            return None
        outside = self._outside
        entry = None if outside is None else Entry(point, outside, copied(y), copied(J))
        self._latest = entry
        return entry

    def look(self):
        """See what f reads, before or after it is called."""
        outside = self._outside
        if self.reason is not None or outside is not None and _stands(outside):
            return
        if outside is not None:
            self._outside = None
            if self._guarding > self.spent:  # it is another each time, and that takes its time
                return
        start = time.perf_counter()
        try:
            self._outside = Outside(self._f, {})
        except Unknown as unknown:
            self.reason = f"what f reads cannot be compared: {unknown}"
        except RuntimeError:  # another thread writes to what is looked at: not this time
            pass
        self._guarding += time.perf_counter() - start


def _stands(outside):
    """Whether what f reads is what it was."""
    try:
        return outside.check()
    except RuntimeError:  # another thread writes to it just now
        return False


def copied(a):
    """A copy that nobody else has, of arrays, matrices and tuples of these."""
    if type(a) is tuple:
        return tuple(map(copied, a))
    if type(a) is list:
        return np.array(a)
    if hasattr(a, "tocsr"):
        return a.copy()
    return copy.copy(a)


def _is_plain(a):
    """Whether `a` is numbers and nothing that belongs to an outer derivative call."""
    kind = type(a)
    if kind is tuple or kind is list:
        return all(map(_is_plain, a))
    if kind is np.ndarray:
        return not a.dtype.hasobject
    return a is None or kind in (float, int) or issubclass(kind, np.number) or hasattr(a, "tocsr")
