"""Functions that write into an array, as functions that return the array after it, for nodes."""

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from dualmc.duals.dual import Dual
from dualmc.graph import events
from dualmc.graph.nodes import UfuncMethod, name_of_function


def _buffer(a: Any, *others: Any) -> Any:
    """A copy of `a` that the function may write into: a Dual if any argument is one."""
    for other in (a, *others):
        if type(other) is Dual:
            if type(a) is Dual:
                return a.copy()  # type: ignore[attr-defined]
            out = np.zeros(np.shape(a), np.result_type(a, other.dtype), like=other)  # type: ignore[call-overload]
            out[...] = a
            return out
    return np.array(a)


def written(a: Any, key: Any, value: Any) -> Any:
    """`a` after ``a[key] = value``."""
    out = _buffer(a, value)
    out[key] = value
    return out


written.is_write = True  # type: ignore[attr-defined]


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
