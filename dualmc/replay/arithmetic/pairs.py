"""An array with its tangent: what moves the one moves the other."""

import math

import numpy as np

from dualmc.graph.nodes import fill
from dualmc.replay.arithmetic import slots
from dualmc.replay.arithmetic.arrays import as_array, broadcast, each, taken

# Elements that the arrays of one step may have.
LARGEST_STEP = 2**21


class Pair:
    """An array and its tangent (None: without derivative); `call`, if there is one, is the Array of
    a step that may fail, and that the code makes whether or not its result is needed."""

    __slots__ = ("array", "tangent", "call")

    def __init__(self, array, tangent=None, call=None):
        self.array = array
        self.tangent = tangent
        self.call = call

    @property
    def shape(self):
        return self.array.shape

    def reshape(self, shape):
        return Pair(self.array.reshape(shape), self.tangent, self.call)

    def taken(self, index):
        """The elements at flat positions `index`."""
        t = self.tangent
        moved = None if t is None else slots.moved([t], [self.array.size], index)
        return Pair(taken(self.array, index), moved)

    def spread(self, shape):
        """The tangent, broadcast to `shape`."""
        size = self.array.size
        if self.tangent is None or math.prod(shape) == size:
            return self.tangent
        source = np.broadcast_to(np.arange(size).reshape(self.shape), shape)
        return slots.moved([self.tangent], [size], np.ascontiguousarray(source).reshape(-1))

    def broadcast(self, shape):
        return Pair(broadcast(self.array, shape), self.spread(shape))

    def numbers(self):
        """Truth values as numbers."""
        return Pair(each("number", self.array)) if self.array.is_bool else self


def filled(template, operands):
    """An argument of a step, a template with slots for operands, as a `Pair`."""
    found = fill(template, operands)
    return found if type(found) is Pair else Pair(as_array(np.asarray(found)))
