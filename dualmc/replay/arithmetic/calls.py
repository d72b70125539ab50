"""Steps of a program that NumPy runs: linear solves, sorts, whatever has no form as loops.

The step is called on Duals that stand for its operands, so that it is differentiated by the very
rules of a fresh call; everything around it stays machine code.
"""

import math

import numpy as np

from dualmc.duals.dual import Dual, make
from dualmc.duals.levels import guarded, open_level
from dualmc.errors import forget
from dualmc.graph import events
from dualmc.graph.nodes import name_of_function
from dualmc.replay.arithmetic import slots
from dualmc.replay.arithmetic.arrays import Array, Leaf, each, taken
from dualmc.replay.arithmetic.pairs import LARGEST_STEP, Pair
from dualmc.replay.recording.program import NotReplayable
from dualmc.tangents import dense
from dualmc.tangents.dense_tangent import ChunkNeeded, DenseTangent

# Whole numbers that a float64 holds exactly.
EXACT = 2**53


def given(nodes, operands):
    """The flat `operands` as the arrays that the nodes had: shape, dtype and layout in memory."""
    args = []
    for node, a in zip(nodes, operands, strict=False):
        a = a.reshape(node.shape).astype(node.value.dtype)
        if not node.value.flags.c_contiguous:
            like = np.empty_like(node.value)
            like[...] = a
            a = like
        args.append(a)
    return args


class Check:
    """A call that is made to see whether it does what it did when it was recorded: an event."""

    size = 1

    def __init__(self, event):
        self.event = event
        self.name = name_of_function(event.node.function)

    def run(self, operands, out):
        """Whether it does; `out` gets a number, which nobody reads."""
        out[:] = 0.0
        return events.holds(self.event, given(self.event.node.operands, operands))


class Call:
    """A recorded step: its values, and for `k` columns the tangents, from those of its operands.

    Operands are first the values of all, then the tangents of those whose numbers are in `active`,
    each (size, k).  The result is the values and, if some are active, their tangents (size, k), one
    after the other.
    """

    def __init__(self, node, active, k):
        self.node = node
        self.name = name_of_function(node.function)
        self.active = active
        self.k = k
        self.shapes = [operand.shape for operand in node.operands]
        self.shape = node.shape
        self.rows = math.prod(node.shape)
        self.size = max(1, self.rows * (1 + (k if active else 0)))

    def run(self, operands, out):
        """Write the result for the flat `operands` to `out`; whether the step fits the program."""
        count = len(self.shapes)
        with guarded(), open_level(self.k) as level, np.errstate(all="ignore"):
            args = given(self.node.operands, operands)
            for i, rows in zip(self.active, operands[count:], strict=True):
                block = dense.first(rows.reshape(*self.shapes[i], self.k))
                if not dense.is_inner(self.k):
                    block = np.ascontiguousarray(block)
                args[i] = make(args[i], DenseTangent(level, block.copy()), level)
            try:
                y = self.node.call(*args)
                t = None
                if type(y) is Dual:
                    t, y = y.own_tangent(), y.primal
                tangent = None if t is None else t.dense()
            except (Exception, ChunkNeeded) as error:  # a fresh call says the same
                forget(error)
                return False
        if level.kinked:  # where a call of f's own met a kink a fresh call looks twice
            return False
        y = np.asarray(y)
        if y.shape != self.shape or y.dtype != self.node.value.dtype:
            return False
        if y.dtype.kind in "iu" and (np.abs(y) > EXACT).any():
            return False
        out[: self.rows] = y.reshape(-1)
        if self.active:
            rows = out[self.rows : self.rows * (1 + self.k)].reshape(*self.shape, self.k)
            rows[...] = 0.0 if tangent is None else np.moveaxis(tangent, 0, -1)
        return True


def check_of(event, operands):
    """The array whose making asks `event`; nobody reads it."""
    check = Check(event)
    return Array((1,), (Leaf("call", check.size, check, tuple(pair.array for pair in operands)),))


def as_call(node, operands, is_flat):
    """The step run by NumPy, on Duals: the `Pair` of its result."""
    active = [i for i, pair in enumerate(operands) if pair.tangent is not None and not is_flat]
    cols = np.zeros(0, np.int32)
    if active:
        cols = np.unique(np.concatenate([slots.columns_of(operands[i].tangent) for i in active]))
    largest = max([node.size, *(operands[i].array.size for i in active)])
    if largest * cols.size > LARGEST_STEP:
        raise NotReplayable(f"the tangents of {name_of_function(node.function)} are too large")
    arrays = [pair.array for pair in operands]
    arrays += [slots.as_block(operands[i].tangent, cols).coef for i in active]
    call = Call(node, active, cols.size)
    whole = Array((call.size,), (Leaf("call", call.size, call, tuple(arrays)),))
    y = taken(whole, np.arange(call.rows), node.shape)
    y = each("truth", y) if node.value.dtype.kind == "b" else y
    if not active:
        return Pair(y, None, whole)
    block = slots.Block(cols, taken(whole, np.arange(call.rows, call.rows * (1 + cols.size))))
    return Pair(y, block, whole)
