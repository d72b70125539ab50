"""A function as a program: every step from its inputs to its output, recorded once.

Unlike the graph that `explain` shows, a program has all that is computed from the inputs, also what
has no derivative, so that it can be run again at other inputs.  What f read from a value to decide
its way (a branch, a count, a position) is kept as a guard: the program is the function as long as
the guards have the values that they had.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dualmc import operators  # noqa: F401  (gives Traced its protocols)
from dualmc.calls import call_f
from dualmc.graph import Node, Recorder
from dualmc.levels import running
from dualmc.record import as_operand
from dualmc.traced import Traced


class NotReplayable(Exception):
    """f cannot be replayed; the message says why, as in "f is not replayed, since ..."."""


class Program:
    """The steps of one run of f.

    Attributes
    ----------
    inputs : list of Node
        One per argument that is traced.
    nodes : list of Node
        The steps that the output and the guards need, in order.
    output : Node
    guards : list of Node
        Steps whose values decided what f did.
    """

    def __init__(self, inputs: list[Node], output: Node, guards: list[Node], flat: set[int]):
        self.inputs = inputs
        self.output = output
        self.guards = guards
        self.flat = flat
        self.nodes = _needed([output, *guards])


def trace_program(f: Callable, args: Sequence[Any], traced: Sequence[int], active: Sequence[int]):
    """Run ``f(*args)`` once; the arguments numbered `traced` are inputs, those `active` vary.

    Raises
    ------
    NotReplayable
        If f does something that cannot be recorded.
    """
    recorder = Recorder(whole=True)
    inputs = []
    call = list(args)
    for i in traced:
        node = recorder.input(np.array(args[i], np.float64))
        node.name = f"x{i}"
        if i not in active:
            recorder.flat.add(node.serial)
        inputs.append(node)
        call[i] = Traced(recorder, node, isinstance(args[i], np.ndarray))
    try:
        with running(recorder):
            output = _output(call_f(f, call, recorder), recorder)
    finally:
        recorder.open = False
    return Program(inputs, output, recorder.guards, recorder.flat)


def _output(y: Any, recorder: Recorder) -> Node:
    y = as_operand(y)
    if isinstance(y, Traced):
        if y.value.dtype.kind not in "fbiu":
            raise NotReplayable(f"it returns numbers of dtype {y.value.dtype}")
        return y.node
    y = np.asarray(y)
    if y.dtype.kind not in "fbiu":
        raise NotReplayable(f"it returns numbers of dtype {y.dtype}")
    return recorder.input(y)


def _needed(ends: list[Node]) -> list[Node]:
    seen = set(ends)
    stack = list(ends)
    while stack:
        for operand in stack.pop().operands:
            if operand not in seen:
                seen.add(operand)
                stack.append(operand)
    return sorted((n for n in seen if n.function is not None), key=lambda n: n.serial)
