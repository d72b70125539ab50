"""The array methods of a Traced: each is the NumPy function of the same name."""

from collections.abc import Callable
from typing import Any

import numpy as np

from dualmc.duals import beside, ended
from dualmc.duals.indexing import FlatIterator
from dualmc.errors import TangentLostError
from dualmc.graph.record import as_operand, plain
from dualmc.graph.returning import returning
from dualmc.graph.traced import ATTACHED, Traced
from dualmc.graph.views import rebind, write
from dualmc.rules.table import RULES


def _delegate(function: Callable) -> Callable:
    def method(self: Traced, *args: Any, **options: Any) -> Any:
        return function(self, *args, **options)

    method.__name__ = getattr(function, "__name__", "method")
    return method


def _reshape(self: Traced, *shape: Any, order: str = "C", copy: Any = None) -> Any:
    return np.reshape(self, shape[0] if len(shape) == 1 else shape, order=order, copy=copy)  # type: ignore


def _transpose(self: Traced, *axes: Any) -> Any:
    axes = axes[0] if len(axes) == 1 else axes
    return np.transpose(self, axes if axes else None)  # type: ignore


def _item(self: Traced, *args: Any) -> Any:
    """One element, as a 0-d Traced: a Python float would lose the derivative."""
    if not args and self.size != 1:
        raise ValueError("can only convert an array of size 1 to a Python scalar")
    index = args[0] if args else 0
    whole = len(args) > 1 or issubclass(type(index), tuple)
    return self[args if len(args) > 1 else index] if whole else np.ravel(self)[index]  # type: ignore


def _tolist(self: Traced) -> Any:
    return [row.tolist() if row.ndim else row for row in self] if self.ndim else _number(self)


def _number(self: Traced) -> Traced:
    """The number in an array of no dimensions, or itself."""
    return Traced(self._recorder, self.node)


def _copy(self: Traced, order: str = "C") -> Any:
    return _number(self) if self.is_number else np.copy(self, order)  # type: ignore


def _conj(self: Traced) -> Traced:
    """The array itself, unlike ``np.conj``, which copies."""
    return self


def _astype(self: Traced, dtype: Any, *args: Any, copy: bool = True, **options: Any) -> Any:
    if self.is_number:
        return np.astype(self.as_array(), dtype)[()]  # type: ignore
    return np.astype(self, dtype, copy=copy)  # type: ignore


def _view(self: Traced, *args: Any, **options: Any) -> Any:
    if len(args) == 1 and isinstance(args[0], type) and not options:
        y = beside.viewed(self, args[0])
        if y is not None:
            return y
    if (args or options) and self.is_flat:
        value = self.look().copy()
        value.flags.writeable = False  # a write would not reach what it is a view of
        return value.view(*args, **options)
    if args or options:
        raise TangentLostError(
            "traced.view(dtype) would reinterpret the value and lose the derivative. Use astype."
        )
    return self if self.is_number else self[...]


def _sort(self: Traced, axis: int = -1, **options: Any) -> None:
    rebind(self, np.sort(self, axis, **options))  # type: ignore


def _partition(self: Traced, kth: Any, axis: int = -1, **options: Any) -> None:
    rebind(self, np.partition(self, kth, axis, **options))  # type: ignore


class _Flat(FlatIterator):
    """``traced.flat``."""

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(plain(key), value)


def _set_flat(self: Traced, value: Any) -> None:
    value = np.ravel(as_operand(value))
    self[...] = np.reshape(np.resize(value, self.size), self.shape)


def _put(self: Traced, *args: Any, **options: Any) -> None:
    write(np.put, returning(np.put), (self, *args), options)


def _fill(self: Traced, value: Any) -> None:
    self[...] = value


def _compress(self: Traced, condition: Any, axis: Any = None) -> Any:
    return np.compress(condition, self, axis)  # type: ignore


def _flatten(self: Traced, order: Any = "C") -> Any:
    return np.copy(np.ravel(self, order))  # type: ignore


# Methods that are not the function of their name called on the array.
_OWN: dict[str, Any] = {
    "reshape": _reshape,
    "transpose": _transpose,
    "compress": _compress,
    "flatten": _flatten,
    "astype": _astype,
    "copy": _copy,
    "conj": _conj,
    "conjugate": _conj,
    "item": _item,
    "tolist": _tolist,
    "view": _view,
    "sort": _sort,
    "partition": _partition,
    "put": _put,
    "flat": property(_Flat, _set_flat),
    "fill": _fill,
}


def _unless_ended(name: str, function: Callable) -> Callable:
    def method(self: Traced, *args: Any, **options: Any) -> Any:
        if self.has_ended:
            return ended.method(self, name, args, options)
        return function(self, *args, **options)

    method.__name__ = name
    return method


def _attach() -> None:
    for name in ATTACHED["graph/methods.py"].split():
        method = _OWN[name] if name in _OWN else _delegate(getattr(np, name))
        setattr(Traced, name, _unless_ended(name, method) if callable(method) else method)
    # NumPy's loops over object arrays look for methods: np.sin of [x, y] calls x.sin().
    for function in RULES:
        if not hasattr(Traced, function.__name__):
            setattr(Traced, function.__name__, _delegate(function))


_attach()
