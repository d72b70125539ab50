"""The functions that a survey is given: by name, or all those of a module."""

import inspect
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dualmc.cli.expressions.source import ExpressionError
from dualmc.cli.expressions.target import attribute_of, imported


@dataclass(frozen=True)
class Subject:
    """A function to be tried, and where it is found.

    Attributes
    ----------
    module : str
        Its name, by which it is imported.
    path : str
        Of the function in it, with dots.
    """

    module: str
    path: str

    @property
    def name(self) -> str:
        return f"{self.module}.{self.path}"

    def load(self) -> Callable[..., Any]:
        """The function itself."""
        found = imported(self.module, self.name)
        for part in self.path.split("."):
            found = attribute_of(found, part, self.name)
        return found


def subjects(text: str) -> list[Subject]:
    """The functions that `text` names.

    Parameters
    ----------
    text : str
        ``package.module:function``, ``package.module.function``, or ``package.module``: all its
        public functions, those of its ``__all__`` where it has one, else those it defines.

    Raises
    ------
    ExpressionError
        If there is no such module or function, or the module has no functions.
    """
    text = text.strip()
    what = f"survey '{text}'"
    path, sign, name = text.partition(":")
    if not all(part.isidentifier() for part in [*path.split("."), *(name.split(".") * bool(sign))]):
        raise ExpressionError(
            f"{what}: write package.module:function, or package.module for all of its functions."
        )
    if sign:
        return [_checked(Subject(path, name), what)]
    module, rest = _longest_module(path, what)
    if rest:
        return [_checked(Subject(module.__name__, rest), what)]
    found = [Subject(module.__name__, name) for name in _functions(module)]
    if not found:
        raise ExpressionError(f"{what}: it defines no public functions.")
    return found


def _checked(subject: Subject, what: str) -> Subject:
    found = subject.load()
    if not callable(found):
        raise ExpressionError(f"{what}: it is of type {type(found).__name__}, not a function.")
    return subject


def _longest_module(path: str, what: str) -> tuple[types.ModuleType, str]:
    """The module that `path` begins with, and the rest of it."""
    try:
        return imported(path, what), ""
    except ExpressionError:
        outer, _, last = path.rpartition(".")
        if not outer:
            raise
        module, rest = _longest_module(outer, what)
        attribute_of(module, (f"{rest}.{last}" if rest else last).split(".")[0], what)
        return module, f"{rest}.{last}" if rest else last


def _functions(module: types.ModuleType) -> list[str]:
    names = getattr(module, "__all__", None)
    chosen = names if names is not None else [n for n in vars(module) if not n.startswith("_")]
    return [name for name in chosen if _is_function_of(module, name, names is not None)]


def _is_function_of(module: types.ModuleType, name: str, is_listed: bool) -> bool:
    """Whether `name` is a plain function in `module`, its own or one that it offers."""
    found = getattr(module, name, None)
    if not (inspect.isroutine(found) or isinstance(found, np.ufunc) or hasattr(found, "py_func")):
        return False
    home = getattr(found, "__module__", None) or module.__name__
    top = module.__name__.partition(".")[0]
    return home == module.__name__ or is_listed and home.partition(".")[0].strip("_") == top
