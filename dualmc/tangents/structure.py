"""What steps make of the columns of sparse tangents, remembered by identity.

What a step does to `col` follows from the column arrays that it meets and from what the step is,
not from values.  The same ones meet again and again, within a pass and in the next one of as many
inputs, so that every result is kept with the arrays it was made from.  A second pass over the same
code computes coefficients alone.

Arrays kept here are shared and never written.  A pass that needs more than the budget will not be
served by what it leaves: it forgets what it has kept, and keeps little from there on.  Only where
the same is asked for again and again, as solvers do, passes get a larger budget; what is larger
still keeps what it meets first, and finds the rest anew.
"""

import math

import numpy as np

# Bytes of structure kept for one number of inputs; for one whose passes, so many in a row, needed
# more; and for all of them together.
BUDGET = 2**24
AGAIN = 2
LARGE = 2**26
# Passes in a row that needed more, after which what the large one holds is let go, as stale.
STALE = 50
TOTAL = 2**26 + 2**25
# The part of the budget that is left to a pass which has been found to need more than all of it.
REST = 1 / 8
# Bytes of a mask, and of an array of positions, that are looked up by their contents: masks are
# made of values, and more often others at the next call.
CONTENT = 2**16
POSITIONS = 2**20
# Bytes of an array below which it is remembered only by way of others that are: one made in passing
# would not be met again.
PASSING = 2**12
# What an entry costs beside its arrays.
ENTRY = 400


class Structures:
    """Results by key, with the arrays whose identity the key names."""

    __slots__ = ("found", "held", "named", "budget", "room", "is_full", "spent", "latest",
                 "signatures")  # fmt: skip

    def __init__(self, budget, spent=0):
        self.found = {}
        self.held = set()  # ids of the arrays kept, which must not be written
        self.named = set()  # ids of others that keys name, and keep alive
        self.budget = self.room = budget
        self.is_full = False
        self.spent = spent  # how many budgets in a row were not enough
        self.latest = None  # the union met last and its operands, kept or not
        self.signatures = {}  # of Duals with these columns: `duals/signatures.py`

    def keep(self, key, value, owners, *arrays):
        """Remember `value`, made of new `arrays`, for as long as `owners` may be met."""
        # What is made anew in every pass is not met again.
        is_closed = self.spent > AGAIN or self.spent == AGAIN and self.is_full
        least = math.inf if is_closed else PASSING
        if not all(a is None or id(a) in self.held or a.nbytes > least for a in owners):
            return value
        need = ENTRY + sum(_own(a, owners) for a in arrays) + _contents(key)
        named = {
            id(a): a.nbytes
            for a in owners
            if a is not None and id(a) not in self.held and id(a) not in self.named
        }
        need += sum(named.values())
        if need > self.room:
            self._forget()
            return value
        self.room -= need
        self.named.update(named)
        self.held.update(map(id, arrays))
        self.found[key] = (value, owners, arrays)
        return value

    def _forget(self):
        """Let go of all results, but of none of a large budget.

        The arrays, which others may share, are still not written.
        """
        self.is_full = True
        if self.spent >= AGAIN:
            return
        self.found.clear()
        self.named.clear()
        self.let_go()
        self.room = int(REST * self.budget)

    def let_go(self):
        """Let go of what plans have kept of the results."""
        for signature in list(self.signatures.values()):
            signature.plans.clear()
        self.signatures.clear()

    def moved(self, col, function, key):
        """``function(col)``, where `key` tells what the function does."""
        key = (id(col), key)
        found = self.found.get(key)
        if found is not None:
            return found[0]
        new = function(col)
        is_view = new.flags.c_contiguous and not _own(new, (col,))
        if not is_view and new.nbytes + ENTRY > self.room:
            return new
        if 0 not in new.strides or new.nbytes <= REST * self.budget:
            new = np.ascontiguousarray(new)  # else its elements go on sharing their columns
        return self.keep(key, new, (col,), new)

    def seeded(self, offset, shape, n):
        """Columns of seeds numbered from `offset`; -1 outside the `n` of this pass."""
        key = ("seed", offset, shape)
        found = self.found.get(key)
        if found is not None:
            return found[0]
        size = 1
        for length in shape:
            size *= length
        col = np.arange(offset, offset + size, dtype=np.int32)
        if offset < 0 or offset + size > n:
            col[(col < 0) | (col >= n)] = -1
        col = col.reshape((1, *shape))
        return self.keep(key, col, (), col)


# Those of recent passes, by number of inputs, the latest last.
_recent: dict = {}


def of(n):
    """The structures of passes with `n` inputs."""
    found = _recent.get(n)
    if found is not None and not found.is_full:
        return found
    spent = 0 if found is None else found.spent + 1
    if AGAIN < spent < STALE:
        found.spent, found.is_full = spent, False
        return found
    _recent.pop(n, None)
    if found is not None:
        found.let_go()
    spent = 0 if spent == STALE else spent
    budget = LARGE if spent == AGAIN else BUDGET
    _make_room(budget)
    found = _recent[n] = Structures(budget, spent)
    return found


def _make_room(budget):
    """Let go of what is remembered, the oldest first, so that `budget` more fits in."""
    kept = list(_recent.items())
    while kept and sum(_need(s) for _, s in kept) + budget > TOTAL:
        n, oldest = kept.pop(0)
        oldest.let_go()
        _recent.pop(n, None)


def _own(a, owners):
    """Bytes that keeping an array takes beside its `owners`: none if it is a view of one."""
    root = _root(a)
    return 0 if any(o is not None and _root(o) is root for o in owners) else a.nbytes


def _root(a):
    while type(a.base) is np.ndarray:
        a = a.base
    return a


def _need(structures):
    """Bytes that may come to be kept: all of a budget, but no more of a large one than it took."""
    return max(BUDGET, structures.budget - structures.room)


def forget():
    """Let go of all that is remembered."""
    for structures in _recent.values():
        structures.let_go()
    _recent.clear()


# What remembers nothing: for tangents that belong to no derivative call.
NOTHING = Structures(0)


def key_of(index):
    """A hashable key that says what a basic index selects, or None if it is not a plain one."""
    parts = []
    for k in index if type(index) is tuple else (index,):
        if type(k) is slice:
            start, stop, step = part = k.start, k.stop, k.step
            if start is not None and type(start) is not int:
                return None
            if stop is not None and type(stop) is not int:
                return None
            if step is not None and type(step) is not int:
                return None
            parts.append(part)
        elif type(k) is int or k is None or k is Ellipsis:
            parts.append(k)
        elif issubclass(type(k), np.integer):
            parts.append(int(k))
        else:
            return None
    return tuple(parts)


def content_of(index):
    """A hashable key that says what an index with arrays selects, or None if it is too large."""
    parts = []
    for k in index if type(index) is tuple else (index,):
        if type(k) is np.ndarray and k.dtype != object and k.nbytes <= _most(k):
            parts.append((k.shape, k.dtype.str, k.tobytes()))
        else:
            part = key_of(k)
            if part is None or type(k) is tuple:
                return None
            parts.append(part)
    return tuple(parts)


def _most(index):
    return POSITIONS if index.dtype.kind in "iu" else CONTENT


def _contents(key):
    """Bytes of the contents in a key."""
    if type(key) is tuple:
        return sum(map(_contents, key))
    return len(key) if type(key) is bytes else 0


def key_of_call(function, args, kwargs):
    """A hashable key for a call whose options are plain, or None if they are not."""
    if function.__name__ == "<lambda>" or not all(map(_is_plain, (*args, *kwargs.values()))):
        return None
    return (function, args, *kwargs.items())


def _is_plain(option):
    """Whether an option is one that equals only what means the same."""
    kind = type(option)
    return (
        kind is int
        or kind is str
        or option is None
        or kind is tuple
        and all(type(part) is int for part in option)
    )
