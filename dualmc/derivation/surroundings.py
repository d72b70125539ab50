"""The names by which f's code calls the arrays that it finds around it.

Looked for are the variables of the functions around f, of its module, and of the functions that it
calls; its default values; and the attributes and items of the objects among these.
"""

import functools
import inspect
import itertools
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from dualmc.calls.structures.flat import Flat
from dualmc.errors import forget

# Objects that are looked at, and how deep: from f to what it calls, to the attributes of that; and
# items of one of them.
MOST = 2000
DEEPEST = 6
ITEMS = 100


def named_arrays(f: Callable, taken: Iterable[str] = ()) -> list[tuple[Any, str]]:
    """The arrays around `f`, each with one name; no two have the same, and none is in `taken`."""
    names, found, seen = set(taken), [], set()
    for name, a in _arrays(f, 0, set()):
        if id(a) in seen:
            continue
        seen.add(id(a))
        free, number = name, 0
        while free in names:
            number += 1
            free = f"{name}_{number}"
        names.add(free)
        found.append((a, free))
    return found


def _arrays(f: Any, depth: int, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """The arrays of what stands around a callable."""
    for name, a in _around(f):
        try:
            yield from list(_within(name, a, depth + 1, seen))
        except Exception as error:  # objects that answer with one to what is asked of all
            forget(error)


def _around(f: Any) -> Iterator[tuple[str, Any]]:
    """What the code of a callable finds by a name."""
    if type(f) is Flat:
        yield from _around(f.f)
    elif type(f) is functools.partial:
        yield from f.keywords.items()
        yield from zip(_parameters(f.func), f.args, strict=False)
        yield from _around(f.func)
    elif isinstance(f, types.MethodType):
        yield "self", f.__self__
        yield from _around(f.__func__)
    elif isinstance(f, types.FunctionType):
        yield from _of_function(f)
    else:  # an object that can be called
        call = inspect.getattr_static(type(f), "__call__", None)
        if isinstance(call, types.FunctionType):
            yield "self", f
            yield from _of_function(call)


def _of_function(f: types.FunctionType) -> Iterator[tuple[str, Any]]:
    for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not set yet
            continue
    used = list(_names_in(f.__code__))
    for name in used:
        if name in f.__globals__:
            a = f.__globals__[name]
            if isinstance(a, types.ModuleType):
                yield from ((n, vars(a)[n]) for n in used if _is_own(a) and n in vars(a))
            else:
                yield name, a
    parameters = f.__code__.co_varnames[: f.__code__.co_argcount]
    defaults = f.__defaults__ or ()
    yield from zip(parameters[len(parameters) - len(defaults) :], defaults, strict=True)
    yield from (f.__kwdefaults__ or {}).items()


def _names_in(code: types.CodeType) -> Iterator[str]:
    """The names that a code, and the functions that it defines, look up."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names_in(constant)


def _parameters(f: Any) -> list[str]:
    try:
        kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        return [p.name for p in inspect.signature(f).parameters.values() if p.kind in kinds]
    except (TypeError, ValueError):
        return []


def _within(name: str, a: Any, depth: int, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """The arrays in an object that is called by a name."""
    if type(a) is np.ndarray:
        if a.ndim:
            yield name, a
        return
    if id(a) in seen or depth > DEEPEST or len(seen) > MOST or not _is_own(a):
        return
    seen.add(id(a))
    if isinstance(a, dict):
        items = itertools.islice(a.items(), ITEMS)
        parts = [(key, part) for key, part in items if str(key).isidentifier()]
    elif isinstance(a, (list, tuple)):
        parts = [(f"{name}_{i}", part) for i, part in enumerate(a[:ITEMS])]
    elif isinstance(a, (types.FunctionType, types.MethodType, functools.partial)):
        yield from _arrays(a, depth, seen)
        return
    else:
        parts = list(itertools.islice(getattr(a, "__dict__", {}).items(), ITEMS))
        slots = getattr(type(a), "__slots__", ())
        parts += [(s, getattr(a, s)) for s in slots if isinstance(s, str) and hasattr(a, s)]
    for key, part in parts:
        yield from _within(str(key), part, depth + 1, seen)


def _is_own(a: Any) -> bool:
    """Whether `a` is no type, and neither of dualmc nor of a library of arrays."""
    if isinstance(a, (type, str, bytes, int, float, complex, type(None))):
        return False
    owner = a.__name__ if isinstance(a, types.ModuleType) else getattr(a, "__module__", None)
    if not isinstance(owner, str):
        owner = type(a).__module__
    return owner.partition(".")[0] not in ("numpy", "scipy", "dualmc", "numba", "pandas")
