"""The least time that a replay can take, added up while a program is made.

A large dense problem gains nothing where a fresh call hands it to BLAS, or goes through memory
fewer times.  To say so after it was compiled would take seconds; the leaves tell it before.
"""

import math

from dualmc.replay.arithmetic import slots
from dualmc.replay.arithmetic.arrays import needed_leaves
from dualmc.replay.recording.program import NotReplayable

TOO_SLOW = "a fresh call is faster"
# Seconds of a replay below which nothing is asked: that would take as long.
ENOUGH = 5e-4
# The least seconds that an element takes that is computed; one that is looked up, or added to
# where a table says, in the cache and beyond; a term of a matrix product.
PER_ELEMENT = 1e-10
PER_LOOKUP, MANY_LOOKUPS, PER_FAR_LOOKUP = 1e-9, 2**22, 2e-9
PER_TERM = 2e-10


def seconds_of(leaf):
    """The least that a replay takes for `leaf`."""
    if leaf.kind == "product":
        return PER_TERM * math.prod(leaf.op)
    if leaf.kind not in ("each", "reduce"):
        return 0.0
    looked_up = sum(map(_count, leaf.arrays))
    if leaf.kind == "reduce":
        looked_up = sum(a.size for a in leaf.arrays)
    per = PER_LOOKUP if looked_up < MANY_LOOKUPS else PER_FAR_LOOKUP
    return leaf.size * PER_ELEMENT + looked_up * per


def _count(a):
    """The elements of `a` that are looked up."""
    return a.size if a.const is None and not (a.which is None and a.index is None) else 0


class Least:
    """The seconds of the leaves seen so far; ``slowest()``: those that a replay may take.

    Attributes
    ----------
    is_near : bool
        Whether it was so long that only a measurement tells whether a replay is worth its while.
    """

    def __init__(self, slowest):
        self.is_near = False
        self._slowest = slowest
        self._seconds = 0.0
        self._newest = -1  # serial of a leaf

    def add(self, pair):
        """Take in what is new in `pair`, the latest of a program.

        Raises
        ------
        NotReplayable
            Where a fresh call is faster.
        """
        t = pair.tangent
        coefs = (
            () if t is None else (t.coef,) if type(t) is slots.Block else (c for _, c in t.slots)
        )
        newest, seen = self._newest, set()
        stack = [leaf for a in (pair.array, *coefs) for leaf in a.leaves]
        while stack:
            leaf = stack.pop()
            if leaf.serial > newest and leaf.serial not in seen:
                seen.add(leaf.serial)
                self._seconds += seconds_of(leaf)
                stack.extend(inner for a in leaf.arrays for inner in a.leaves)
        self._newest = max(seen, default=newest)
        self.compare(self._seconds)

    def compare(self, seconds):
        if seconds > ENOUGH:
            slowest = self._slowest()
            if seconds > slowest:
                raise NotReplayable(TOO_SLOW)
            self.is_near = 10 * seconds > slowest

    def check(self, arrays):
        """Once more for all that `arrays` need in the end."""
        self.compare(sum(map(seconds_of, needed_leaves(arrays))))
