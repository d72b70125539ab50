"""From a program to arrays and tangents: what each recorded step becomes.

A step that computes element by element follows the rule table; one that only moves elements is run
once on positions; sums, products and what is linear become sums over positions; functions made of
these are their formulas.  What has no such form is called; what cannot be is not replayable, and
says so.
"""

from collections import Counter

import numpy as np

from dualmc.graph.nodes import name_of_function
from dualmc.replay.arithmetic import elementwise, linear, matrices, products, slots, sums
from dualmc.replay.arithmetic.arrays import given, taken
from dualmc.replay.arithmetic.calls import as_call, check_of
from dualmc.replay.arithmetic.least import Least
from dualmc.replay.arithmetic.pairs import LARGEST_STEP, Pair, filled
from dualmc.replay.arithmetic.writes import Written, operand_of, written_or_read
from dualmc.replay.recording.program import NotReplayable, needed

# By the function that was recorded: (node, operands as `Pair`s) -> `Pair`.
STEPS = {**elementwise.STEPS, **sums.STEPS, **products.STEPS, **linear.STEPS}


def lower(program, active, budget, seed=slots.seeded):
    """The `Pair`s of a program's output and of its guards, and the arrays of its events.

    `active` inputs are differentiated, within the time of a `Budget`.  Guards and events that have
    no replayed form get None; the caller looks after them.  ``seed(size, first)`` is the tangent of
    an input whose columns start at `first`.
    """
    pairs = {node: Pair(given(i, node.shape)) for i, node in enumerate(program.inputs)}
    first = 0
    for node in (program.inputs[i] for i in active):  # the columns are in their order
        pairs[node].tangent = seed(node.size, first)
        first += node.size
    left = _uses(program)
    least = Least(budget.slowest)
    for node in program.nodes:
        budget.check()
        if any(operand in pairs and pairs[operand] is None for operand in node.operands):
            pairs[node] = None
            continue
        try:
            pairs[node] = written_or_read(node, pairs, left)
            if pairs[node] is None:
                operands = [operand_of(operand, pairs) for operand in node.operands]
                pairs[node] = _lowered(node, operands, node.serial in program.flat)
        except NotReplayable:
            if node in needed([program.output]):
                raise
            pairs[node] = None  # only guards need it, which can be looked at by NumPy
        if type(pairs[node]) is Pair:
            least.add(pairs[node])
        for operand in node.operands:
            left[operand] -= 1
            if not left[operand]:  # what nobody else needs may be large
                pairs.pop(operand, None)
    found = operand_of(program.output, pairs)
    guards = {n: None if pairs[n] is None else operand_of(n, pairs) for n in program.guards}
    return found, guards, [(event, _asked(event, pairs)) for event in program.events]


def _asked(event, pairs):
    """What has to be computed so that `event` is asked; None: there is no such array."""
    if event.is_step:
        pair = pairs[event.node]
        if type(pair) is Written:
            pair = pair.read()
        if event.kind == "finite":
            return None if pair is None else pair.array
        if pair is not None and pair.call is not None:
            return taken(pair.call, np.zeros(1, np.int64))
    operands = event.node.operands
    if any(operand in pairs and pairs[operand] is None for operand in operands):
        return None
    return check_of(event, [operand_of(operand, pairs) for operand in operands])


def _uses(program):
    """How many times each node is still needed: by others, and as a result."""
    found = Counter(operand for node in program.nodes for operand in node.operands)
    found.update([program.output, *program.guards])
    for event in program.events:
        found.update([event.node, *event.node.operands])
    return found


def _lowered(node, operands, is_flat):
    y = node.value
    if y.dtype.kind not in "fbiu" or y.dtype.kind == "f" and y.dtype != np.float64:
        raise NotReplayable(f"{name_of_function(node.function)} makes numbers of dtype {y.dtype}")
    if y.size > LARGEST_STEP:
        raise NotReplayable(f"{name_of_function(node.function)} makes {y.size} numbers")
    try:
        return _as_loops(node, operands, is_flat)
    except NotReplayable:
        return as_call(node, operands, is_flat)


def _as_loops(node, operands, is_flat):
    """The step as arithmetic on elements, sums and movements."""
    function = node.function
    y = node.value
    if y.dtype.kind not in "fb":
        raise NotReplayable("whole numbers")
    if isinstance(function, np.ufunc) and function not in (np.matmul, np.vecdot, np.matvec):
        if node.options:
            raise NotReplayable(f"{function.__name__} has options")
        args = [filled(a, operands) for a in node.args]
        return elementwise.elementwise(function, args, is_flat)
    handler = STEPS.get(function) or matrices.handler_of(function)
    if handler is None and linear.is_movement(node):
        return linear.moved(node, operands)
    out = (handler or linear.by_matrix)(node, operands)
    if out.shape != y.shape:
        out = out.reshape(y.shape)
    return Pair(out.array, None, out.call) if is_flat else out
