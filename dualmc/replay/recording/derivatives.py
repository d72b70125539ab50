"""Derivatives that f takes itself, while f is recorded: each becomes one step of its program.

The step calls the derivative function anew at every replay, on Duals: nothing of the inner function
is assumed, whatever way it goes.  What the inner function takes from f's own variables cannot be
seen from outside, so a recording that meets such a use is refused.
"""

import functools
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from dualmc import forward, products, reverse, second
from dualmc.duals.dual import Dual
from dualmc.graph.record import has_traced, record
from dualmc.graph.traced import Traced
from dualmc.unchanged.standins import table
from dualmc.unchanged.standins.table import PATCHED, STANDINS

DERIVATIVES = (
    forward.jacobian_fwd, forward.value_and_jacobian_fwd, products.jvp, forward.derivative,
    reverse.jacobian_rev, reverse.value_and_jacobian_rev, reverse.gradient,
    reverse.value_and_gradient, second.hessian, second.hvp,
)  # fmt: skip
_FLOAT64 = np.dtype(np.float64)
_NEVER_TRACED = frozenset({Dual, types.FunctionType, float, int})


class Derivative:
    """``dm.gradient(f, ...)`` and the like as a function of arrays alone."""

    def __init__(self, function: Callable, f: Callable) -> None:
        self.function = function
        self.f = _as_now(f)
        self.__name__ = function.__name__

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self.function(self.f, *args, **options)


def _as_now(f: Callable) -> Callable:
    """`f` with the variables of its closure as they are: a loop around it may change them."""
    if not isinstance(f, types.FunctionType) or not f.__closure__:
        return f
    try:
        cells = tuple(types.CellType(cell.cell_contents) for cell in f.__closure__)
    except ValueError:  # a variable that has no value yet
        return f
    now = types.FunctionType(f.__code__, f.__globals__, f.__name__, f.__defaults__, cells)
    now.__kwdefaults__ = f.__kwdefaults__
    return functools.wraps(f)(now)


def _recorder(args: Any) -> Any:
    """The recorder of a Traced among `args`, which may be lists and tuples."""
    for a in args:
        found = _recorder(a) if issubclass(type(a), (list, tuple)) else None
        if found is not None or type(a) is Traced:
            return found or a._recorder  # type: ignore[attr-defined]
    return None


def _stepped(name: str, derivative: Callable, args: tuple, options: dict) -> Any:
    """The call as one step of the program that is being recorded."""
    recorder = _recorder((*args, *options.values()))
    if not recorder.whole:
        raise TypeError(f"explain and trace cannot look into {name}, which f calls.")
    if options.get("sparse") or options.get("has_aux"):
        recorder.refuse(f"f calls {name} with options whose results are no arrays")
    try:
        return record(derivative, args, options)
    except Exception as error:
        recorder.refuse(
            f"the function that f hands to {name} raised {type(error).__name__} there, perhaps "
            f"since it uses variables of f ({error})"
        )
        raise


def _recorded(original: Callable) -> Callable:
    @functools.wraps(original)
    def standin(*args: Any, **options: Any) -> Any:
        for a in args:
            kind = type(a)
            if kind not in _NEVER_TRACED and (kind is not np.ndarray or a.dtype is not _FLOAT64):
                break
        else:
            if not options:
                return original(*args)
        if not has_traced(args) and not has_traced(tuple(options.values())):
            return original(*args, **options)
        f, *rest = args
        return _stepped(original.__name__, Derivative(original, f), tuple(rest), options)

    return standin


@functools.wraps(products.vjp)
def _vjp(f: Callable, *args: Any, **options: Any) -> Any:
    if not has_traced(args):
        return products.vjp(f, *args, **options)

    def value(f: Callable, *args: Any, **options: Any) -> Any:
        return products.vjp(f, *args, **options)[0]

    def pulled(f: Callable, y_bar: Any, *args: Any, **options: Any) -> Any:
        return products.vjp(f, *args, **options)[1](y_bar)

    def pullback(y_bar: Any) -> Any:
        return _stepped("pullback", Derivative(pulled, f), (y_bar, *args), options)

    return _stepped("vjp", Derivative(value, f), args, options), pullback


for _original in DERIVATIVES:
    STANDINS[_original] = _recorded(_original)
STANDINS[products.vjp] = _vjp
PATCHED.add("dualmc")
table.changed()


def reached(f: Callable) -> Callable:
    """`f`, which may itself be a partial of one of these functions, as one that is recorded."""
    if not isinstance(f, functools.partial) or not isinstance(f.func, types.FunctionType):
        return f
    return functools.partial(STANDINS.get(f.func, f.func), *f.args, **f.keywords)
