"""The function that a command names: one of a module, which is imported, or an expression."""

import importlib
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dualmc.cli.expressions.reader import parse
from dualmc.cli.expressions.source import ExpressionError, guess


@dataclass(frozen=True)
class Target:
    """A function named on the command line.

    Attributes
    ----------
    text : str
        As it was given.
    function : callable
    names : tuple of str
        Its arguments.
    defaults : dict
        The default values of those that have one.
    """

    text: str
    function: Callable[..., Any]
    names: tuple[str, ...]
    defaults: dict[str, Any]


def load(text: str, variables: Iterable[str] = ()) -> Target:
    """The function that `text` names, as ``package.module:function``, or states.

    Parameters
    ----------
    text : str
        Modules are looked for in the current directory too; importing one runs it.
    variables : iterable of str, optional
        What `parse` takes; also the names of arguments that a function accepts without naming
        them (``*args``).

    Returns
    -------
    target : Target

    Raises
    ------
    ExpressionError
        If there is no such module or function, or the module cannot be imported.

    Examples
    --------
    >>> from dualmc.cli.expressions.target import load
    >>> load("dualmc.document.neuron:activation").names
    ('w', 'b', 'x')
    >>> load("sin(x**2)").function(0.0).item()
    0.0
    """
    text, variables = text.strip(), tuple(variables)
    # Outside brackets no expression has a colon.
    if not re.fullmatch(r"[^\s()\[\]{}'\"]*:[^\s()\[\]{}'\"]*", text):
        expression = parse(text, variables)
        return Target(expression.text, expression, expression.names, {})
    what = f"function '{text}'"
    module, _, path = text.partition(":")
    if not all(part.isidentifier() for part in [*module.split("."), *path.split(".")]):
        raise ExpressionError(f"{what}: write package.module:function, such as numpy:sin.")
    function = imported(module, what)
    for name in path.split("."):
        function = attribute_of(function, name, what)
    if not callable(function):
        raise ExpressionError(f"{what}: it is of type {type(function).__name__}, not a function.")
    return Target(text, function, *_parameters(function, variables, what))


def imported(module: str, what: str) -> Any:
    """The module of that name, looked for in the current directory too; `what` begins messages."""
    directory = os.getcwd()
    if directory not in sys.path and "" not in sys.path:
        sys.path.insert(0, directory)
    try:
        return importlib.import_module(module)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and f"{module}.".startswith(f"{error.name}."):
            hint = " Leave out .py." if module.endswith(".py") else ""
            raise ExpressionError(
                f"{what}: there is no module '{error.name}' in {directory} or among those "
                f"installed.{hint}"
            ) from None
        raise ExpressionError(
            f"{what}: importing {module} failed: {type(error).__name__}: {error}"
        ) from error


def attribute_of(owner: Any, name: str, what: str) -> Any:
    """``owner.name``; `what` begins the message if there is none."""
    try:
        return getattr(owner, name)
    except AttributeError:
        where = getattr(owner, "__name__", type(owner).__name__)
        raise ExpressionError(
            f"{what}: there is no '{name}' in {where}.{guess(name, dir(owner))}"
        ) from None


def _parameters(
    function: Callable[..., Any], variables: tuple[str, ...], what: str
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The names of the arguments, and the defaults of those that have one."""
    if isinstance(function, np.ufunc):
        n = function.nin
        return ("x",) if n == 1 else tuple(f"x{i}" for i in range(1, n + 1)), {}
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return variables, {}
    named = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    for p in parameters:
        if p.kind is p.KEYWORD_ONLY and p.default is p.empty:
            raise ExpressionError(
                f"{what}: its argument {p.name} is passed by keyword only and has no default. "
                "Write a function without it, and name that one."
            )
    names = [p.name for p in named]
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        names += [name for name in variables if name not in names]
    return tuple(names), {p.name: p.default for p in named if p.default is not p.empty}
