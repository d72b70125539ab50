"""Reading and writing parts of a Traced; who is a view of whom.

A write is recorded as a function that returns the array after it; a view that is written to writes
to the array that it is a part of.
"""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from dualmc.duals import ended
from dualmc.errors import TangentLostError
from dualmc.graph.record import KeyPlace, as_operand, constant, record, wrap
from dualmc.graph.returning import written
from dualmc.graph.traced import Traced
from dualmc.rules import registry


def rebind(self: Traced, new: Traced) -> None:
    """Take the node of `new`: a write.  The array that this is a view of is written too."""
    if self.has_ended:
        self.ended_value()[...] = new
        return
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
    if self.has_ended:
        return self.ended_value()[ended.plain_of(key)]
    is_simple = _is_simple(key)
    mark = (self.node, self.is_number, repr(key)) if is_simple else None
    found = self._recorder.indexed.get(mark) if mark else None
    if found is None:
        y = record(operator.getitem, (self, key), {})
        if mark and type(y) is Traced:
            self._recorder.indexed[mark] = y._node
        return y
    if not np.may_share_memory(found.value, self.value):
        return Traced(self._recorder, found, "Ellipsis" in repr(key))
    return wrap(self._recorder, found, found.value, KeyPlace(key), self)


def put(self: Traced, key: Any, value: Any) -> None:
    """``self[key] = value``."""
    if self.has_ended:
        self.ended_value()[ended.plain_of(key)] = ended.plain_of(value)
        return
    value = as_operand(value)
    if type(value) is Traced and value._owner is self and value.node is value._node:
        # ``y[i] += v`` has already been written by the view y[i].
        if value._seen is self._node and _is_place(value._place, key):
            return
    check_writable(self)
    new = record(written, (self, key, value), {})
    rebind(self, new if type(new) is Traced else constant(self._recorder, new))


def write(function: Callable, returned: Callable, args: tuple, options: dict) -> None:
    """A function that writes into its first argument."""
    target, *rest = args
    if type(target) is not Traced:
        raise TangentLostError(
            f"{registry.name_of(function)} cannot store a Traced in a plain array: the derivative "
            f"would be lost. Allocate the array with numpy.zeros_like(x)."
        )
    check_writable(target)
    rest = [as_operand(a) for a in rest]
    rebind(target, record(returned, (target, *rest), options))


def check_writable(self: Traced) -> None:
    if self._owner is not None and not self.value.flags.writeable:
        raise ValueError("assignment destination is read-only")


def _is_simple(key: Any) -> bool:
    if issubclass(type(key), tuple):
        return all(_is_simple(k) for k in key)
    return key is None or key is Ellipsis or type(key) in (int, slice)


def _is_place(place: Any, key: Any) -> bool:
    return isinstance(place, KeyPlace) and _is_simple(key) and repr(place.key) == repr(key)


def _index_of(place: Callable, owner: Traced) -> Any:
    """The index of a view in its owner."""
    if isinstance(place, KeyPlace):
        return place.key
    if owner.ndim == 0:
        return ...
    # In the memory order of the owner, which some functions look at; some convert to floats.
    positions = np.empty_like(owner.value, dtype=np.int64)
    positions[...] = np.arange(owner.size).reshape(owner.shape)
    return np.unravel_index(np.asarray(place(positions)).astype(np.int64), owner.shape)


Traced.__getitem__ = get
Traced.__setitem__ = put  # type: ignore[index]
