"""Recorded steps in a pickle: the calls, without the values that they had.

The function of a step is pickled by its name; what has none (a function in a function) by
cloudpickle or dill, where they are installed.
"""

import functools
import importlib
import io
import pickle
import types

import numpy as np

from dualmc.chunks import sending
from dualmc.graph.nodes import Node
from dualmc.graph.returning import returning
from dualmc.replay.decisions import AskedByNumPy
from dualmc.replay.saved.sentences import Unsaved


def _kept(a):
    """How an array lay, of which the numbers do not matter: what makes another one like it."""
    if not issubclass(type(a), np.ndarray):
        return a
    order = sorted(range(a.ndim), key=lambda axis: -abs(a.strides[axis]))
    return Like((a.shape, a.dtype, tuple(order)))


class Like(tuple):
    """(shape, dtype, axes from the outermost in memory) of an array."""

    def made(self):
        shape, dtype, order = self
        a = np.zeros([shape[axis] for axis in order], dtype)
        return a.transpose(np.argsort(order)) if order else a


def _node(function, args, options, operands, value, name, serial):
    operands = tuple(Node(None, (), {}, (), _value(a), -1) for a in operands)
    node = Node(function, args, options, operands, _value(value), serial)
    node.name = name
    return node


def _value(a):
    return a.made() if type(a) is Like else a


def reduced(value):
    """What pickle makes of `value`; NotImplemented: what it makes of it anyway."""
    if type(value) is Node:  # alone: its operands are what it is given
        operands = [_kept(operand.value) for operand in value.operands]
        return _node, (
            value.function, value.args, value.options, operands, _kept(value.value), value.name,
            value.serial,
        )  # fmt: skip
    if isinstance(value, np.dtype) and value.isbuiltin == 1:
        return np.dtype, (value.str,)  # the one that NumPy has, by which short ways know arrays
    if type(value) is AskedByNumPy:
        return _asked, _flat(value)
    if type(value) is types.FunctionType:
        writes = getattr(value, "writes", None)
        if writes is not None and returning(writes) is value:
            return returning, (writes,)
    return NotImplemented


def _flat(asked):
    """The steps of an `AskedByNumPy`, one after the other."""
    ends = [event.node for event in asked._events]
    nodes: list = []
    numbers: dict = {}

    def add(node):
        if node not in numbers:
            numbers[node] = len(nodes)
            nodes.append(node)

    for node in asked._inputs:
        add(node)
    for node in [*asked._steps, *asked._guards, *ends]:
        for operand in node.operands:
            add(operand)
        add(node)
    is_seen = {*asked._guards, *(n for n in nodes if n.function is None)} - {*asked._inputs}
    rows = [
        (
            node.function, node.args, node.options, [numbers[o] for o in node.operands],
            node.value if node in is_seen else _kept(node.value), node.name,
        )
        for node in nodes
    ]  # fmt: skip
    events = [event._replace(node=numbers[event.node]) for event in asked._events]
    inputs, guards, steps = (
        [numbers[n] for n in which] for which in (asked._inputs, asked._guards, asked._steps)
    )
    return rows, inputs, guards, steps, events, asked.names


def _asked(rows, inputs, guards, steps, events, names):
    nodes: list = []
    for serial, (function, args, options, operands, value, name) in enumerate(rows):
        made = tuple(nodes[k] for k in operands)
        nodes.append(Node(function, args, options, made, _value(value), serial))
        nodes[-1].name = name
    asked = object.__new__(AskedByNumPy)
    asked._inputs, asked._guards, asked._steps = (
        [nodes[k] for k in which] for which in (inputs, guards, steps)
    )
    asked._events = [event._replace(node=nodes[event.node]) for event in events]
    asked.names = names
    return asked


def _with(base):
    """The pickler `base` that knows what `reduced` does."""

    class StepPickler(base):  # type: ignore[misc,valid-type]
        def reducer_override(self, value):
            found = reduced(value)
            if found is not NotImplemented or not hasattr(super(), "reducer_override"):
                return found
            return super().reducer_override(value)

    return StepPickler


@functools.cache
def _pickler(module):
    return _with(importlib.import_module(module).Pickler)


def dumps(value):
    """`value` pickled, of which steps and functions may be part.

    Raises
    ------
    Unsaved
    """
    problem = None
    for module in ("pickle", *sending.BY_VALUE):
        file = io.BytesIO()
        try:
            _pickler(module)(file, protocol=5).dump(value)
        except Exception as error:
            problem = problem or error
        else:
            return file.getvalue()
    raise Unsaved(
        f"a step of it cannot be pickled ({type(problem).__name__}: {problem}); define what it "
        f"uses at the top level of a module"
    )


def loads(packed):
    return pickle.loads(packed)
