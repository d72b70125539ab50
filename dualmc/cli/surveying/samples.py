"""Sample arguments for a function that nobody has described: from what it says, else by trial.

Named values come first, then an example of the docstring; parameters that neither gives are numbers
or arrays, by their annotation or the docstring, and where those say nothing, one after the other.
"""

import ast
import doctest
import inspect
import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

# Numbers that lie in the domains of most functions, no two alike.
NUMBERS = (0.7, 1.3, 0.9, 1.6, 1.1, 0.6, 1.9, 0.8)
# Lengths of arrays: points, then pairs, quaternions, and what filters and fits need.
LENGTHS = (3, 2, 4, 6, 24)
# What parameters of unknown kind are taken for, in this order; the last goes on to the end.
PATTERNS = (
    ("number",), ("array", "number"), ("array",), ("array", "count"), ("number", "count"),
    ("matrix",), ("matrix", "array"), ("matrix", "number"), ("count", "number"), ("count", "array"),
)  # fmt: skip
# By words of an annotation or of a docstring; the first that is found.
_WORDS = (
    ("other", r"\b(str|string|bool|boolean|callable|function|dict|path|file|dataframe|series)\b"),
    ("matrix", r"\bmatrix\b|\b2-?d\b|\([MNmnk], ?[MNmnk]\)"),
    ("array", r"array|vector|ndarray|sequence|list|iterable|tuple|\([NMnmk],?\)"),
    ("number", r"\b(float|scalar|real|number|double|complex)\b"),
    ("count", r"\b(int|integer)\b"),
)


class NoNumbers(Exception):
    """The function takes, or returns, no numbers; the message is a reason in a few words."""


def parameters(function: Callable[..., Any]) -> list[inspect.Parameter] | None:
    """The parameters that need a value; None where Python does not know them."""
    if isinstance(function, np.ufunc):
        kind = inspect.Parameter.POSITIONAL_ONLY
        names = ["x"] if function.nin == 1 else [f"x{i + 1}" for i in range(function.nin)]
        return [inspect.Parameter(name, kind) for name in names]
    try:
        found = inspect.signature(getattr(function, "py_func", function)).parameters.values()
    except (TypeError, ValueError):
        return None
    needed = [p for p in found if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
    for p in needed:
        if p.kind is p.KEYWORD_ONLY:
            raise NoNumbers(f"its argument {p.name} is passed by keyword only")
    if not needed:
        return [p for p in found if type(p.default) is float]
    return needed


def kinds(function: Callable[..., Any], names: list[str]) -> dict[str, str]:
    """What annotations and the docstring say that the parameters `names` are."""
    found: dict[str, str] = {}
    annotations = getattr(function, "__annotations__", {})
    document = inspect.getdoc(function) or ""
    for name in names:
        said = [str(annotations[name])] if name in annotations else []
        said += re.findall(rf"(?m)^\s*(?:\w+ ?, ?)*\*?{name}(?: ?, ?\w+)* ?: ?(.+)$", document)
        said += re.findall(rf"(?m)^\s*:type {name}: ?(.+)$|^\s*{name} \((.+?)\)", document)
        for text in itertools.chain.from_iterable((s,) if isinstance(s, str) else s for s in said):
            kind = next((k for k, words in _WORDS if re.search(words, text.lower())), None)
            if kind is not None:
                found.setdefault(name, kind)
    return found


def samples(function: Callable[..., Any], given: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Arguments to try in turn, all of them for the parameters from the first on.

    Raises
    ------
    NoNumbers
        If no arguments that are numbers can be right.
    """
    needed = parameters(function)
    if needed is None:
        for count in (1, 2, 3):
            yield from _filled([f"x{i}" for i in range(count)], {}, {})
        return
    names = [p.name for p in needed if p.kind is not p.VAR_POSITIONAL]
    if len(names) < len(needed):
        names += [f"{needed[-1].name}{i}" for i in range(2)]
    if not names:
        raise NoNumbers("it takes no arguments")
    names, known = _with_given(function, names, given)
    hints = kinds(function, names)
    for name in names:
        if hints.get(name) == "other" and name not in known:
            raise NoNumbers(
                f"its argument {name} is no number; give it by --at, or name a function"
            )
    if not known:
        yield from _examples(function)
    yield from _filled(names, hints, known)


def _with_given(
    function: Callable[..., Any], names: list[str], given: Mapping[str, Any]
) -> tuple[list[str], dict[str, Any]]:
    """The positional parameters up to the last that has a value, and the values that are known."""
    try:
        found = inspect.signature(getattr(function, "py_func", function)).parameters.values()
    except (TypeError, ValueError):
        return names, {name: given[name] for name in names if name in given}
    every = [p for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    last = max((i for i, p in enumerate(every) if p.name in given), default=-1)
    if last < len(names):
        return names, {name: given[name] for name in names if name in given}
    known = {p.name: p.default for p in every[: last + 1] if p.default is not p.empty}
    return [p.name for p in every[: last + 1]], known | dict(given)


def _filled(
    names: list[str], hints: Mapping[str, str], known: Mapping[str, Any]
) -> Iterator[tuple[Any, ...]]:
    """Values of all parameters, by every pattern and length that makes a difference."""
    seen = set()
    for length in LENGTHS:
        for pattern in PATTERNS:
            free = iter(itertools.chain(pattern, itertools.repeat(pattern[-1])))
            chosen = [_kind(hints.get(name), next(free)) for name in names]
            key = (*chosen, length if {"array", "matrix"} & set(chosen) else 0)
            if key in seen:
                continue
            seen.add(key)
            yield tuple(
                known[name] if name in known else _value(kind, i, length)
                for i, (name, kind) in enumerate(zip(names, chosen, strict=True))
            )


def _kind(hint: str | None, kind: str) -> str:
    """The `kind` that a pattern has for a parameter, where what is said of it allows that."""
    if hint is None or hint == "array" and kind == "matrix":
        return kind
    return hint


def _value(kind: str, i: int, length: int) -> Any:
    number = NUMBERS[i % len(NUMBERS)]
    if kind == "number":
        return number
    if kind == "count":
        return 2
    ramp = np.linspace(0.5, 2.0, length) + 0.1 * np.sin(3.0 * np.arange(length) + number)
    if kind == "matrix":  # symmetric, with a dominant diagonal
        return np.diag(ramp + 2.0) + 0.1 * np.cos(np.add.outer(ramp, ramp))
    return ramp


def _examples(function: Callable[..., Any]) -> Iterator[tuple[Any, ...]]:
    """The arguments of calls in the docstring that are numbers, or arrays of numbers, alone."""
    name = getattr(function, "__name__", "")
    try:
        examples = doctest.DocTestParser().get_examples(inspect.getdoc(function) or "")
    except ValueError:
        return
    for example in examples:
        try:
            tree = ast.parse(example.source)
        except SyntaxError:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and not node.keywords and _last_name(node.func) == name:
                values = [_literal(a) for a in node.args]
                if values and all(v is not None for v in values):
                    yield tuple(_nudged(v, i) for i, v in enumerate(values))
                    yield tuple(values)


def _nudged(value: Any, i: int) -> Any:
    """Numbers near `value`, away from the round ones at which functions have kinks."""
    if isinstance(value, np.ndarray):
        return value + 0.05 * np.sin(1.0 + i + np.arange(value.size)).reshape(value.shape)
    return value + 0.05 * NUMBERS[i % len(NUMBERS)]


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _literal(node: ast.expr) -> Any:
    """The number, or the array of numbers, that `node` is; None for whatever else."""
    if isinstance(node, ast.Call) and _last_name(node.func) == "array" and len(node.args) == 1:
        node = node.args[0]
    try:
        value = ast.literal_eval(node)
        array = np.asarray(value)
    except Exception:
        return None
    if array.dtype.kind not in "iuf":
        return None
    return value if array.ndim == 0 else array.astype(float)
