"""What an expression may name: functions, methods, constants and options, and what a call means."""

import ast
import functools
import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import numpy as np

from dualmc.cli.expressions.arithmetic import stacked
from dualmc.cli.expressions.source import REFERENCE_HINT, Source, guess
from dualmc.rules import registry
from dualmc.rules.table import RULES

# Functions of functions, and those that return no numbers, what lies in memory, or take for ever.
_EXCLUDED = """
apply_along_axis apply_over_axes piecewise array2string array_repr array_str einsum_path astype
format_float_positional format_float_scientific can_cast common_type min_scalar_type result_type
may_share_memory shares_memory empty_like
""".split()
_CREATION = "arange zeros ones full eye identity tri indices".split()
_METHODS = """
sum mean std var prod cumsum cumprod max min ptp clip round take diagonal trace dot repeat argmax
argmin argsort searchsorted nonzero all any squeeze swapaxes conj conjugate copy
""".split()
# Arguments that write into an array, or make one of anything but numbers.
_REFUSED_ARGUMENTS = ("out", "overwrite_input", "copy", "dtype", "like", "subok", "casting")
# How many arguments these take before the first refused one: older NumPy does not tell.
_POSITIONAL = {np.dot: 2, np.concatenate: 2, np.zeros: 1, np.arange: 3}
# The only strings, as arguments; np.einsum has its subscripts.
_WORDS = frozenset(
    """
    C F A K ij xy fro nuc full same valid constant edge linear_ramp maximum mean median minimum
    reflect symmetric wrap even odd raise clip left right f b fb linear lower higher midpoint
    nearest inverted_cdf averaged_inverted_cdf closest_observation interpolated_inverted_cdf hazen
    weibull median_unbiased normal_unbiased stable quicksort mergesort heapsort
    """.split()
)


def _functions() -> dict[str, Callable[..., Any]]:
    """Every allowed function by its name after ``np.``; by its last name too if that is free."""
    known = set(RULES)
    for table in (registry.FUNCTIONS, registry.UFUNCS):
        known.update(f for f, entry in table.items() if entry.kind != "in-place")
    known.difference_update(getattr(np, name) for name in _EXCLUDED)
    known.update(getattr(np, name) for name in _CREATION)
    found: dict[str, Callable[..., Any]] = {}
    for prefix, module in (("", np), ("linalg.", np.linalg), ("fft.", np.fft)):
        for name, function in vars(module).items():
            if callable(function) and not isinstance(function, type) and function in known:
                found[prefix + name] = function
                found.setdefault(name, function)
    return found | {"array": _array, "asarray": _array}


def _array(a: Any) -> Any:
    return stacked(a) if isinstance(a, (list, tuple)) else np.copy(a)


def _either(pairwise: Callable[..., Any], whole: Callable[..., Any]) -> Callable[..., Any]:
    """``max(x)`` of an array; ``max(0, z)`` element by element."""

    def either(*args: Any, **options: Any) -> Any:
        if len(args) == 1:
            return whole(args[0], **options)
        if options or not args:
            raise TypeError(f"{whole.__name__}(a, b) takes numbers or arrays only.")
        return functools.reduce(pairwise, args)

    return either


def _reshape(x: Any, *shape: Any, **options: Any) -> Any:
    return np.reshape(x, shape[0] if len(shape) == 1 else shape, **options)


def _transpose(x: Any, *axes: Any) -> Any:
    return np.transpose(x, (axes[0] if len(axes) == 1 else axes) if axes else None)


def _flatten(x: Any) -> Any:
    return np.copy(np.ravel(x))


FUNCTIONS = _functions()
# What a mathematician or a Python programmer writes without np.
SPOKEN: dict[str, Callable[..., Any]] = {
    "ln": np.log,
    "max": _either(np.maximum, np.max),
    "min": _either(np.minimum, np.min),
    "len": len,
}
METHODS = {name: FUNCTIONS[name] for name in _METHODS} | {
    "reshape": _reshape,
    "transpose": _transpose,
    "flatten": _flatten,
    "ravel": np.ravel,
}
PROPERTIES = {"T": np.transpose, "mT": np.matrix_transpose} | {
    name: getattr(np, name) for name in "shape size ndim real imag".split()
}
CONSTANTS = {"pi": np.pi, "e": np.e, "inf": np.inf, "nan": np.nan, "newaxis": None}
# Their arguments are lists of arrays, not one array.
SEQUENCES = {
    FUNCTIONS[name]
    for name in "stack concatenate hstack vstack dstack column_stack block select choose".split()
}


# --- Calls ---------------------------------------------------------------------------------------


def callee(source: Source, node: ast.Call) -> tuple[Callable[..., Any], list[ast.expr]]:
    """The function called and its arguments, of which a method's array is the first."""
    called = node.func
    if isinstance(called, ast.Name):
        source.check_public(called, called.id)
        if called.id in SPOKEN:
            return SPOKEN[called.id], node.args
        if called.id in FUNCTIONS:
            return FUNCTIONS[called.id], node.args
        _refuse_function(source, called, called.id, [*FUNCTIONS, *SPOKEN])
    if not isinstance(called, ast.Attribute):
        source.refuse(called, " is no function: write * for a product.")
    source.check_public(called, called.attr)
    path = numpy_path(called)
    if path in FUNCTIONS:
        return FUNCTIONS[path], node.args
    if path is not None:
        _refuse_function(source, called, path, FUNCTIONS)
    if called.attr not in METHODS:
        hint = guess(called.attr, METHODS) or REFERENCE_HINT
        source.refuse(called, f" is not allowed: .{called.attr}() is no method here.{hint}")
    return METHODS[called.attr], [called.value, *node.args]


def _refuse_function(source: Source, node: ast.expr, name: str, known: Iterable[str]) -> NoReturn:
    allowed = ". Allowed are those of NumPy that dualmc differentiates; a product is written *."
    source.refuse(node, guess(name, known, ".") or allowed, "unknown function ")


def numpy_path(node: ast.Attribute) -> str | None:
    """What follows ``np.``; None for an attribute of a value."""
    parts: list[str] = []
    inner: ast.expr = node
    while isinstance(inner, ast.Attribute):
        parts.insert(0, inner.attr)
        inner = inner.value
    if not isinstance(inner, ast.Name):
        return None
    if inner.id in ("np", "numpy"):
        return ".".join(parts)
    path = ".".join([inner.id, *parts])
    return path if path in FUNCTIONS else None


def property_named(source: Source, node: ast.Attribute, path: str | None) -> Callable[..., Any]:
    """The function that an attribute of a value stands for; `path` is its `numpy_path`."""
    if path in FUNCTIONS:
        source.refuse(node, f" is a function: call it, as in {path}(x).")
    if path is not None:
        known = ", ".join(f"np.{name}" for name in CONSTANTS)
        source.refuse(node, guess(path, CONSTANTS, ".") or f". Known are {known}.", "unknown name ")
    if node.attr not in PROPERTIES:
        known = ", ".join(f".{name}" for name in PROPERTIES)
        call = f" Call it: .{node.attr}()." if node.attr in METHODS else REFERENCE_HINT
        source.refuse(node, f" is not allowed: .{node.attr} is none of {known}.{call}")
    return PROPERTIES[node.attr]


def check_arguments(
    source: Source, node: ast.Call, function: Callable[..., Any], count: int
) -> None:
    """Refuse arguments that write or make objects, by name or by position; `count` have no name."""
    limit = _positional(function)
    if limit is not None and count > limit:
        limit -= count - len(node.args)
        source.refuse(node, f": too many arguments; at most {limit} without a name.")
    for option in node.keywords:
        name = option.arg or ""
        source.check_public(option, name)
        masked = name == "where" and isinstance(function, np.ufunc)
        if not name or name in _REFUSED_ARGUMENTS or masked:
            source.refuse(option, " is an argument that is not allowed here.")


def check_word(source: Source, node: ast.expr, word: str, function: Callable[..., Any]) -> None:
    """Refuse a string that is no option of a NumPy function."""
    subscripts = function is np.einsum and re.fullmatch(r"[A-Za-z,.> -]+", word)
    if not subscripts and word not in _WORDS:
        source.refuse(node, " is not allowed: it is no option of a NumPy function known here.")


@functools.cache
def _positional(function: Callable[..., Any]) -> int | None:
    """How many arguments may have no name: those before the first that is refused."""
    if isinstance(function, np.ufunc):
        return function.nin
    if function in _POSITIONAL:
        return _POSITIONAL[function]
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        return None
    by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [p.name for p in parameters if p.kind in by_position]
    return min((names.index(name) for name in _REFUSED_ARGUMENTS if name in names), default=None)
