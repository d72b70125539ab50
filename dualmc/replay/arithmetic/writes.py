"""Arrays that are written into again and again: who wrote each element, until somebody asks.

A loop that fills an array, element by element, makes as many versions of it as it has turns; each
made into an `Array` of its own would cost as much as the array is long.  A `Written` is the latest
version: one number per element, which says where that came from.
"""

import bisect
import operator

import numpy as np

from dualmc.graph.events import has_slot
from dualmc.graph.nodes import Slot
from dualmc.graph.returning import written
from dualmc.replay.arithmetic import slots
from dualmc.replay.arithmetic.arrays import constant, routed
from dualmc.replay.arithmetic.pairs import Pair


class Written:
    """`source`, in the shape of the array: element k of all `pairs`, one after the other."""

    __slots__ = ("pairs", "starts", "source", "end")

    def __init__(self, pairs, starts, source, end):
        self.pairs = pairs
        self.starts = starts
        self.source = source
        self.end = end

    def copy(self):
        return Written(self.pairs.copy(), self.starts.copy(), self.source.copy(), self.end)

    def write(self, key, pair):
        a = pair.array
        self.source[key] = np.arange(self.end, self.end + a.size).reshape(a.shape)
        self.pairs.append(pair)
        self.starts.append(self.end)
        self.end += a.size

    def read(self, key=...):
        """The `Pair` of what `key` selects."""
        source = self.source[key]
        flat = np.asarray(source).reshape(-1)
        if flat.size <= 4:
            which = np.array([bisect.bisect_right(self.starts, k) - 1 for k in flat.tolist()], int)
        else:
            which = np.searchsorted(self.starts, flat, side="right") - 1
        used, rank = np.unique(which, return_inverse=True)
        pairs = [self.pairs[k] for k in used.tolist()]
        sizes = [pair.array.size for pair in pairs]
        starts = np.array([self.starts[k] for k in used.tolist()], np.int64)
        local = flat
        if flat.size:
            local = flat - starts[rank] + np.cumsum([0, *sizes[:-1]])[rank]
        y = routed([pair.array for pair in pairs], local, np.shape(source))
        return Pair(y, slots.moved([pair.tangent for pair in pairs], sizes, local))


def is_write(node):
    """Whether `node` writes numbers at places that do not depend on the inputs."""
    return (
        node.function is written
        and not node.options
        and len(node.args) == 3
        and not has_slot(node.args[1])
        and all(type(a) is Slot or not has_slot(a) for a in node.args[::2])
        and node.value.dtype == np.float64
        and node.value.size > 0
    )


def is_read(node):
    """Whether `node` takes elements of one array, at places that do not depend on the inputs."""
    return (
        node.function is operator.getitem
        and type(node.args[0]) is Slot
        and not has_slot(node.args[1])
    )


def begun(pair):
    """A `Written` that nobody has written into yet."""
    size = pair.array.size
    return Written([pair.numbers()], [0], np.arange(size).reshape(pair.shape), size)


def operand_of(node, pairs):
    """The `Pair` of a node, by those of the nodes before it; without one it is constant."""
    found = pairs.get(node)
    if type(found) is Written:
        found = found.read()
    return Pair(constant(node.value)) if found is None else found


def written_or_read(node, pairs, left):
    """A write, kept as a `Written`, or what is read of one; None: `node` is neither."""
    if is_read(node):
        whole = pairs.get(node.operands[0])
        return whole.read(node.args[1]) if type(whole) is Written else None
    if not is_write(node):
        return None
    base, key, value = node.args
    if type(base) is Slot:
        before = node.operands[base]
        whole = pairs.get(before)
        if type(whole) is not Written:
            whole = begun(operand_of(before, pairs))
        elif left[before] > 1:  # somebody else reads this version later
            whole = whole.copy()
    else:
        whole = begun(Pair(constant(np.asarray(base, float))))
    if type(value) is Slot:
        whole.write(key, operand_of(node.operands[value], pairs).numbers())
    else:
        whole.write(key, Pair(constant(np.asarray(value, float))))
    return whole
