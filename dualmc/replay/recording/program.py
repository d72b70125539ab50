"""A function as a program: every step from its inputs to its output, recorded once.

Unlike the graph that `explain` shows, a program has all that is computed from the inputs, also what
has no derivative, so that it can be run again at other inputs.  What f learnt from values (a
branch, a count, a shape, an exception) is kept, as `events` says: the program is the function as
long as f would learn the same.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dualmc.calls import refusals
from dualmc.calls.calling import call_f
from dualmc.calls.structures import trees
from dualmc.duals.levels import guarded, running
from dualmc.graph import methods, operators, protocols  # noqa: F401  (what a Traced can do)
from dualmc.graph.events import Handling, loud_errors, loud_special, note_finite
from dualmc.graph.nodes import Node, Recorder
from dualmc.graph.record import as_operand
from dualmc.graph.traced import Traced


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
    events : list of events.Event
        What else f learnt from values.
    flat : set of int
        Serials of the nodes without derivative.
    """

    def __init__(self, inputs: list[Node], output: Node, recorder: Recorder):
        self.inputs = inputs
        self.output = output
        self.guards = list(recorder.guards)
        self.events = recorder.events
        self.flat = recorder.flat
        ends = [output, *self.guards]
        for event in self.events:
            ends.extend([event.node] if event.is_step else event.node.operands)
        self.nodes = needed(ends)


def trace_program(
    f: Callable,
    args: Sequence[Any],
    traced: Sequence[int],
    active: Sequence[int],
    recorder: Recorder,
    catches: bool = True,
) -> Program:
    """Run ``f(*args)`` once; the arguments numbered `traced` are inputs, those `active` vary.

    `catches`: whether f may catch an exception, also one that a warning was made into.

    Raises
    ------
    NotReplayable
        If f does something that cannot be recorded.
    """
    recorder.handling = Handling()
    recorder.careful = catches and recorder.handling.action == "error"
    loud = loud_errors() or (loud_special() if catches else None)
    if loud is not None:
        raise NotReplayable(f"it is prepared under {loud}, where values decide whether it raises")
    inputs, call = _inputs(args, traced, active, recorder)
    nodes = [call[i]._node for i in traced]
    try:
        with guarded(), running(recorder):
            y = call_f(f, call, recorder)
            _check_nothing_caught(recorder)
            output = _output(y, recorder)
    except Exception as error:
        if recorder.refusal is not None:
            raise NotReplayable(recorder.refusal) from error
        raise
    finally:
        recorder.open = False
    for i, node in zip(traced, nodes, strict=True):
        if i not in active and call[i]._node is not node:
            recorder.refuse(f"it writes into its argument {i}")
    if recorder.refusal is not None:
        raise NotReplayable(recorder.refusal)
    return Program(inputs, output, recorder)


def _inputs(args, traced, active, recorder):
    """The nodes of the arguments `traced`, and the arguments with a `Traced` in place of each."""
    inputs = []
    call = list(args)
    arrays = [i for i in traced if i not in active and type(args[i]) is np.ndarray]
    for i in traced:
        node = recorder.input(np.array(args[i], np.float64))
        node.name = f"x{i}"
        recorder.takes_numbers |= not node.shape
        if type(args[i]) is float:
            (recorder.floats if i in active else recorder.numbers).add(node.serial)
        if i not in active:
            recorder.flat.add(node.serial)
        if recorder.careful:
            note_finite(recorder, node, node.value)
        inputs.append(node)
        # Arguments that are one array stay one.
        first = next((j for j in arrays if args[j] is args[i]), i) if i in arrays else i
        is_array = issubclass(type(args[i]), np.ndarray)
        call[i] = Traced(recorder, node, is_array) if first == i else call[first]
    return inputs, call


def _check_nothing_caught(recorder: Recorder) -> None:
    if recorder.asked_type:
        raise NotReplayable("f asks for the type of an argument that is a number")
    noted = refusals.first(recorder)
    if noted is not None:
        noted.told = True
        raise NotReplayable(
            f"f caught a {noted.kind.__name__} of dualmc's ({noted.file}, line {noted.line}): "
            f"{noted.text}"
        )


def _output(y: Any, recorder: Recorder) -> Node:
    if trees.is_container(y) and trees.shape_of(y) is None:
        raise trees.Structure("prepare needs f to return arrays; f returned a structure.")
    y = as_operand(y)
    if type(y) is Traced:
        if y.value.dtype.kind not in "fbiu":
            raise NotReplayable(f"it returns numbers of dtype {y.value.dtype}")
        return y.node
    y = np.asarray(y)
    if y.dtype.kind not in "fbiu":
        raise NotReplayable(f"it returns numbers of dtype {y.dtype}")
    return recorder.input(y)


def needed(ends: list[Node]) -> list[Node]:
    """The steps that `ends` are made of, in order."""
    seen = set(ends)
    stack = list(ends)
    while stack:
        for operand in stack.pop().operands:
            if operand not in seen:
                seen.add(operand)
                stack.append(operand)
    return sorted((n for n in seen if n.function is not None), key=lambda n: n.serial)
