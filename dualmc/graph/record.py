"""What is done to a Traced becomes a node: recording, views and writes.

Only what depends on the inputs is recorded.  A write is recorded as a function that returns the
array after it; a view that is written to writes to the array that it is a part of.
"""

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dualmc.duals import elements, subclasses
from dualmc.duals.dual import Dual
from dualmc.duals.operands import OPERANDS
from dualmc.graph import events
from dualmc.graph.nodes import Node, Output, Recorder, Slot, UfuncMethod, fill, name_of_function
from dualmc.graph.traced import Traced

# --- Functions that write, as functions that return ----------------------------------------------


def _buffer(a: Any, *others: Any) -> Any:
    """A copy of `a` that the function may write into: a Dual if any argument is one."""
    for other in (a, *others):
        if type(other) is Dual:
            if type(a) is Dual:
                return a.copy()  # type: ignore[attr-defined]
            out = np.zeros(np.shape(a), np.result_type(a, other.dtype), like=other)
            out[...] = a
            return out
    return np.array(a)


def written(a: Any, key: Any, value: Any) -> Any:
    """`a` after ``a[key] = value``."""
    out = _buffer(a, value)
    out[key] = value
    return out


@functools.cache
def returning(function: Callable) -> Callable:
    """A function that writes into its first argument, as one that returns the result."""

    def result(a: Any, *args: Any, **options: Any) -> Any:
        out = _buffer(a, *args, *options.values())
        function(out, *args, **options)
        return out

    result.__name__ = name_of_function(function)
    result.writes = function  # type: ignore[attr-defined]
    return result


@functools.cache
def ufunc_at(ufunc: np.ufunc) -> Callable:
    return returning(UfuncMethod(ufunc, "at"))


def stacked(*items: Any) -> Any:
    """A list that a function returns: the array of its entries."""
    return np.stack(items)


def same(a: Any) -> Any:
    """The identity, for a function that returns its argument."""
    return np.copy(a)


events.CERTAIN.update({operator.getitem: (0,), written: (0, 2), stacked: None, same: None})


# --- Recording -----------------------------------------------------------------------------------


def record(function: Callable, args: tuple, options: dict) -> Any:
    """Call `function` on the values; what depends on the inputs becomes a node."""
    found: list[Traced] = []
    full = tuple(_template(a, found) for a in args)
    full_options = {key: _template(a, found) for key, a in options.items()}
    recorder = found[0]._recorder
    nodes = [t.node for t in found]
    if any(t._recorder is not recorder for t in found):
        raise TypeError(
            "explain cannot be called inside a function that is itself being explained: their "
            "arrays met in one operation."
        )
    # NumPy's own scalars for numbers, so that NumPy tells what is a number of the result.
    values = [t.node.value[()] if t.is_number else t.node.value for t in found]
    # Constants go into the template as they are; slots remain for what depends on the inputs.
    active = [i for i, t in enumerate(found) if not t.is_constant]
    operands = tuple(nodes[i] for i in active)
    is_flat = recorder.whole and all(t.is_flat for t in found)

    def made(y: Any, function: Callable = function) -> Node | None:
        """The node of this call, or of one of its results; None where it depends on nothing."""
        if not active:
            return None
        slots = {i: Slot(k) for k, i in enumerate(active)}
        rest = [slots.get(i, node.value) for i, node in enumerate(nodes)]
        # Traced operands that are constants stay themselves; other constants are copied.
        call = tuple(fill(_kept(a, recorder), rest) for a in full)
        call_options = {key: fill(_kept(a, recorder), rest) for key, a in full_options.items()}
        node = recorder.node(function, call, call_options, operands, y)
        if is_flat:
            recorder.flat.add(node.serial)
        return node

    try:
        y = recorder.call(
            function,
            tuple(fill(a, values) for a in full),
            {key: fill(a, values) for key, a in full_options.items()},
        )
    except Exception as error:
        if recorder.whole:
            events.note_error(recorder, made(None), error)
        raise

    def wrapped(y: Any, node: Node | None, function: Callable = function) -> Any:
        if node is not None:
            node.value = np.asarray(y)
        place = owner = None
        if isinstance(y, np.ndarray) and not isinstance(function, np.ufunc):
            for i, t in enumerate(found):
                if np.may_share_memory(y, values[i]):
                    place, owner = _general_place(function, full, full_options, found, i), t
                    if function is operator.getitem:
                        place = _view_place(full[1])
                    break
        return wrap(recorder, node, y, place, owner)

    y = _floating(y)
    whole = made(y)
    if whole is not None and recorder.whole:
        events.note_result(recorder, whole, y)
    if isinstance(y, (tuple, list)):
        parts = []
        for i, part in enumerate(y):
            part, output = _floating(part), Output(function, i)
            parts.append(wrapped(part, made(part, output), output))
        return parts if isinstance(y, list) else _as_tuple(y, parts)
    return wrapped(y, whole)


def _floating(y: Any) -> Any:
    """Python's floats and object arrays of them (np.frompyfunc) as NumPy's."""
    if isinstance(y, np.generic):
        return y
    if isinstance(y, (float, complex)):
        return np.asarray(y)[()]
    return y.astype(float) if isinstance(y, np.ndarray) and y.dtype == object else y


def _as_tuple(y: tuple, parts: list) -> tuple:
    return type(y)(*parts) if hasattr(y, "_fields") else tuple(parts)


def _template(a: Any, found: list[Traced]) -> Any:
    """`a` with a `Slot` for every Traced in it, which are added to `found`."""
    if isinstance(a, Traced):
        found.append(a)
        return Slot(len(found) - 1)
    if type(a) is Dual:
        raise TypeError(
            "A Dual and a Traced met in one operation: explain cannot be called inside a function "
            "that is being differentiated, nor the other way round."
        )
    if isinstance(a, np.ndarray) and a.dtype == object:
        a = as_operand(a)
        return _template(a, found) if isinstance(a, Traced) else a
    if type(a) in (list, tuple):
        return type(a)(_template(item, found) for item in a)
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
    is_array = isinstance(y, np.ndarray)
    node = recorder.input(np.asarray(y)) if node is None else node
    out = Traced(recorder, node, is_array)
    if owner is not None:
        out._owner, out._place, out._seen = owner, place, owner._node
    return out


def constant(recorder: Recorder, y: Any, is_array: bool = True) -> Traced:
    """An array that depends on nothing, but may be written to."""
    return Traced(recorder, recorder.input(np.asarray(y)), is_array)


class _view_place:
    """Takes ``owner[key]``."""

    def __init__(self, key: Any) -> None:
        self.key = key

    def __call__(self, owner: Any) -> Any:
        return owner[self.key]


def _is_place(place: Any, key: Any) -> bool:
    return isinstance(place, _view_place) and _is_simple(key) and repr(place.key) == repr(key)


def _general_place(function: Callable, args: tuple, options: dict, found: list, i: int) -> Callable:
    """Takes the same view of another array in the place of operand `i`."""

    def place(owner: Any) -> Any:
        others = found if isinstance(owner, Traced) else [t.value for t in found]
        given = [owner if t is found[i] else other for t, other in zip(found, others, strict=True)]
        filled = {key: fill(a, given) for key, a in options.items()}
        return function(*(fill(a, given) for a in args), **filled)

    return place


def _index_of(place: Callable, owner: Traced) -> Any:
    """The index of a view in its owner."""
    if isinstance(place, _view_place):
        return place.key
    if owner.ndim == 0:
        return ...
    # In the memory order of the owner, which some functions look at; some convert to floats.
    positions = np.empty_like(owner.value, dtype=np.int64)
    positions[...] = np.arange(owner.size).reshape(owner.shape)
    return np.unravel_index(np.asarray(place(positions)).astype(np.int64), owner.shape)


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
    if isinstance(y, Traced) and np.isfinite(y.value).all() and np.isfinite(value.value).all():
        recorder.events[known:] = [events.Event("finite", y.node)]
    return y


# --- Operands ------------------------------------------------------------------------------------


def has_traced(a: Any) -> bool:
    """Whether a nest of lists and tuples, or an object array, holds a Traced."""
    if isinstance(a, Traced):
        return True
    if isinstance(a, (list, tuple)):
        return any(has_traced(item) for item in a)
    if isinstance(a, np.ndarray) and a.dtype == object:
        return any(isinstance(elements.opened(item), Traced) for item in np.asarray(a).flat)
    return type(a) is elements.Number and isinstance(a.carrier, Traced)


def as_operand(a: Any) -> Any:
    """Lists and object arrays that hold a Traced, as one Traced; everything else as it is."""
    if type(a) is elements.Number:
        return a.carrier
    if isinstance(a, np.ndarray) and type(a) is not np.ndarray:
        a = subclasses.plain(a)
    if isinstance(a, np.ndarray) and a.dtype == object and has_traced(a):
        a = elements.opened_array(a)
        return np.reshape(joined(list(a.flat)), a.shape)
    if isinstance(a, (list, tuple)) and has_traced(a):
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
    if isinstance(a, Traced):
        return a.look()[()] if a.is_number else a.look()
    if isinstance(a, (list, tuple)):
        return type(a)(plain(item) for item in a)
    if isinstance(a, np.ndarray) and a.dtype == object and has_traced(a):
        return np.array([plain(item) for item in a.flat], dtype=float).reshape(a.shape)
    return a


def first(a: Any) -> Traced | None:
    if isinstance(a, Traced):
        return a
    if isinstance(a, (list, tuple)):
        return next((t for item in a if (t := first(item)) is not None), None)
    if isinstance(a, np.ndarray) and a.dtype == object:
        return next((item for item in a.flat if isinstance(item, Traced)), None)
    return None


# --- Views and writes ----------------------------------------------------------------------------


def rebind(self: Traced, new: Traced) -> None:
    """Take the node of `new`: a write.  The array that this is a view of is written too."""
    node, view = new.node, self
    if node.shape != self.node.shape:
        raise ValueError(
            f"cannot write an array of shape {node.shape} into one of shape {self.shape}"
        )
    self._node = node
    while view._owner is not None:
        owner = view._owner
        assert view._place is not None
        whole = record(
            written, (owner, _index_of(view._place, owner), Traced(view._recorder, view._node)), {}
        )
        owner._node = view._seen = whole.node
        view = owner


def get(self: Traced, key: Any) -> Any:
    """``self[key]``; the same node for the same simple key."""
    is_simple = _is_simple(key)
    mark = (self.node, self.is_number, repr(key)) if is_simple else None
    found = self._recorder.indexed.get(mark) if mark else None
    if found is None:
        y = record(operator.getitem, (self, key), {})
        if mark and isinstance(y, Traced):
            self._recorder.indexed[mark] = y._node
        return y
    if not np.may_share_memory(found.value, self.value):
        return Traced(self._recorder, found, "Ellipsis" in repr(key))
    return wrap(self._recorder, found, found.value, _view_place(key), self)


def put(self: Traced, key: Any, value: Any) -> None:
    """``self[key] = value``."""
    value = as_operand(value)
    if isinstance(value, Traced) and value._owner is self and value.node is value._node:
        # ``y[i] += v`` has already been written by the view y[i].
        if value._seen is self._node and _is_place(value._place, key):
            return
    check_writable(self)
    new = record(written, (self, key, value), {})
    rebind(self, new if isinstance(new, Traced) else constant(self._recorder, new))


def check_writable(self: Traced) -> None:
    if self._owner is not None and not self.value.flags.writeable:
        raise ValueError("assignment destination is read-only")


def _is_simple(key: Any) -> bool:
    if isinstance(key, tuple):
        return all(_is_simple(k) for k in key)
    return key is None or key is Ellipsis or type(key) in (int, slice)
