"""What is done to a Traced becomes a node, if it depends on the inputs; and what operands are."""

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dualmc.duals import elements, levels, subclasses
from dualmc.duals.dual import Dual
from dualmc.duals.operands import OPERANDS
from dualmc.graph import events
from dualmc.graph.nodes import Node, Output, Recorder, Slot, fill, name_of_function
from dualmc.graph.returning import stacked
from dualmc.graph.traced import Traced

# --- Recording -----------------------------------------------------------------------------------


class _Call:
    """A call with Traced among its arguments: what becomes of its operands and its results."""

    def __init__(self, function: Callable, args: tuple, options: dict) -> None:
        found: list[Traced] = []
        self.args = tuple(template(a, found) for a in args)
        self.options = {key: template(a, found) for key, a in options.items()}
        self.found = found
        self.recorder = found[0]._recorder
        self.nodes = [t.node for t in found]
        if any(t._recorder is not self.recorder for t in found):
            raise TypeError(
                "explain cannot be called inside a function that is itself being explained: their "
                "arrays met in one operation."
            )
        # NumPy's own scalars for numbers, so that NumPy tells what is a number of the result.
        self.values = [t.node.value[()] if t.is_number else t.node.value for t in found]
        # Constants go into the template as they are; slots remain for what depends on the inputs.
        self.active = [i for i, t in enumerate(found) if not t.is_constant]
        self.is_flat = self.recorder.whole and all(t.is_flat for t in found)

    def node(self, y: Any, function: Callable) -> Node | None:
        """The node of this call, or of one of its results; None where it depends on nothing."""
        if not self.active:
            return None
        recorder = self.recorder
        slots = {i: Slot(k) for k, i in enumerate(self.active)}
        rest = [slots.get(i, node.value) for i, node in enumerate(self.nodes)]
        # Traced operands that are constants stay themselves; other constants are copied.
        args = tuple(fill(_kept(a, recorder), rest) for a in self.args)
        options = {key: fill(_kept(a, recorder), rest) for key, a in self.options.items()}
        operands = tuple(self.nodes[i] for i in self.active)
        node = recorder.node(function, args, options, operands, y)
        if self.is_flat:
            recorder.flat.add(node.serial)
        return node

    def result(self, y: Any, node: Node | None, function: Callable) -> Any:
        """What the user gets of the result `y`, a view of an operand where NumPy gave one."""
        if node is not None:
            node.value = np.asarray(y)
        place = owner = None
        if issubclass(type(y), np.ndarray) and not isinstance(function, np.ufunc):
            for i, t in enumerate(self.found):
                if np.may_share_memory(y, self.values[i]):
                    place, owner = self.place(i, function), t
                    if function is operator.getitem:
                        place = KeyPlace(self.args[1])
                    break
        return wrap(self.recorder, node, y, place, owner)

    def place(self, i: int, function: Callable) -> Callable:
        """Takes the same view of another array in the place of operand `i`."""
        found = self.found

        def place(owner: Any) -> Any:
            others = found if type(owner) is Traced else [t.value for t in found]
            given = [
                owner if t is found[i] else other for t, other in zip(found, others, strict=True)
            ]
            filled = {key: fill(a, given) for key, a in self.options.items()}
            return function(*(fill(a, given) for a in self.args), **filled)

        return place


def record(function: Callable, args: tuple, options: dict) -> Any:
    """Call `function` on the values; what depends on the inputs becomes a node."""
    call = _Call(function, args, options)
    recorder, values = call.recorder, call.values
    try:
        y = recorder.call(
            function,
            tuple(fill(a, values) for a in call.args),
            {key: fill(a, values) for key, a in call.options.items()},
        )
    except Exception as error:
        if recorder.whole:
            events.note_error(recorder, call.node(None, function), error)
        raise
    y = _floating(y)
    whole = call.node(y, function)
    if whole is not None and recorder.whole:
        events.note_result(recorder, whole, y)
    if issubclass(type(y), (tuple, list)):
        parts = []
        for i, part in enumerate(y):
            part, output = _floating(part), Output(function, i)
            parts.append(call.result(part, call.node(part, output), output))
        return parts if issubclass(type(y), list) else _as_tuple(y, parts)
    return call.result(y, whole, function)


def _floating(y: Any) -> Any:
    """Python's floats and object arrays of them (np.frompyfunc) as NumPy's."""
    if issubclass(type(y), np.generic):
        return y
    if issubclass(type(y), (float, complex)):
        return np.asarray(y)[()]
    return y.astype(float) if issubclass(type(y), np.ndarray) and y.dtype == object else y


def _as_tuple(y: tuple, parts: list) -> tuple:
    return type(y)(*parts) if hasattr(y, "_fields") else tuple(parts)


def template(a: Any, found: list[Traced]) -> Any:
    """`a` with a `Slot` for every Traced in it, which are added to `found`."""
    if type(a) is Traced:
        found.append(a)
        return Slot(len(found) - 1)
    if type(a) is Dual:
        if a.has_ended:
            raise levels.finished(a)
        raise TypeError(
            "A Dual and a Traced met in one operation: explain cannot be called inside a function "
            "that is being differentiated, nor the other way round."
        )
    if issubclass(type(a), np.ndarray) and a.dtype == object:
        a = as_operand(a)
        return template(a, found) if type(a) is Traced else a
    if type(a) in (list, tuple):
        return type(a)(template(item, found) for item in a)
    return a


def _kept(a: Any, recorder: Recorder) -> Any:
    if type(a) in (list, tuple):
        return type(a)(_kept(item, recorder) for item in a)
    return recorder.constant(a)


def wrap(recorder: Recorder, node: Node | None, y: Any, place: Any, owner: Any) -> Any:
    """What the user gets: a Traced, or a plain result where there is no derivative."""
    kind = getattr(getattr(y, "dtype", None), "kind", None)
    if node is not None and recorder.whole and (kind or type(y) in (bool, int)):
        kind = "f"
    if kind == "c" and node is not None:
        raise TypeError(
            f"explain needs real intermediates; {name_of_function(node.function)} made a complex "
            f"one. Work with real and imaginary parts."
        )
    if kind != "f":
        return y
    is_array = issubclass(type(y), np.ndarray)
    node = recorder.input(np.asarray(y)) if node is None else node
    out = Traced(recorder, node, is_array)
    if owner is not None:
        out._owner, out._place, out._seen = owner, place, owner._node
    return out


def constant(recorder: Recorder, y: Any, is_array: bool = True) -> Traced:
    """An array that depends on nothing, but may be written to."""
    return Traced(recorder, recorder.input(np.asarray(y)), is_array)


class KeyPlace:
    """Takes ``owner[key]``."""

    def __init__(self, key: Any) -> None:
        self.key = key

    def __call__(self, owner: Any) -> Any:
        return owner[self.key]


def of_numbers(function: Callable, formula: Callable, args: tuple) -> Any:
    """``formula(*args)`` of the Traced in `args`, for a `function` of Python's numbers.

    That raises where the formula's result is not finite; an event, used or not.
    """
    found = first(args)
    if found is None or not found._recorder.whole:
        return formula(*args)
    recorder = found._recorder
    known = len(recorder.events)
    value = record(function, args, {})
    y = formula(*args)
    if type(y) is Traced and np.isfinite(y.value).all() and np.isfinite(value.value).all():
        recorder.events[known:] = [events.Event("finite", y.node)]
    return y


# --- Operands ------------------------------------------------------------------------------------


def has_traced(a: Any) -> bool:
    """Whether a nest of lists and tuples, or an object array, holds a Traced."""
    if type(a) is Traced:
        return True
    if issubclass(type(a), (list, tuple)):
        return any(has_traced(item) for item in a)
    if issubclass(type(a), np.ndarray) and a.dtype == object:
        return any(type(elements.opened(item)) is Traced for item in np.asarray(a).flat)
    return type(a) is elements.Number and type(a.carrier) is Traced


def as_operand(a: Any) -> Any:
    """Lists and object arrays that hold a Traced, as one Traced; everything else as it is."""
    if type(a) is elements.Number:
        return a.carrier
    if issubclass(type(a), np.ndarray) and type(a) is not np.ndarray:
        a = subclasses.plain(a)
    if issubclass(type(a), np.ndarray) and a.dtype == object and has_traced(a):
        a = elements.opened_array(a)
        return np.reshape(joined(list(a.flat)), a.shape)
    if issubclass(type(a), (list, tuple)) and has_traced(a):
        return joined(a)
    if type(a) not in OPERANDS and type(a) is not Traced:
        subclasses.check(a)
    return a


def joined(items: Sequence) -> Any:
    parts = [as_operand(item) for item in items]
    shapes = {np.shape(part) for part in parts}
    if len(shapes) > 1:
        raise ValueError(
            f"A list of arrays of shapes {sorted(shapes, key=str)} has no common shape; "
            f"use numpy.concatenate to join them."
        )
    return record(stacked, tuple(parts), {})


def plain(a: Any) -> Any:
    """`a` with every Traced in it replaced by its value."""
    if type(a) is Traced:
        return a.look()[()] if a.is_number else a.look()
    if issubclass(type(a), (list, tuple)):
        return type(a)(plain(item) for item in a)
    if issubclass(type(a), np.ndarray) and a.dtype == object and has_traced(a):
        return np.array([plain(item) for item in a.flat], dtype=float).reshape(a.shape)
    return a


def first(a: Any) -> Traced | None:
    if type(a) is Traced:
        return a
    if issubclass(type(a), (list, tuple)):
        return next((t for item in a if (t := first(item)) is not None), None)
    if issubclass(type(a), np.ndarray) and a.dtype == object:
        return next((item for item in a.flat if type(item) is Traced), None)
    return None
