"""What names a sweep on disk: a digest of all that its machine code depends on.

Numba knows a kept function by its file, name and code.  It does not see an edit of a function or of
a constant in another file, nor of dualmc itself; so these are in the name.
"""

import hashlib
import pathlib
import types
from functools import cache

import numpy as np
from numba.core.dispatcher import Dispatcher

from dualmc.rules import table

_ROOMS = pathlib.Path(__file__).parent, pathlib.Path(table.__file__).parent


@cache
def of_dualmc():
    """Of the text of this room and of the rules."""
    digest = hashlib.sha1()
    for room in _ROOMS:
        for file in sorted(room.rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:10]


def name_of(function, identity, is_kept):
    """A short name for what is made of `function`; `identity` tells it from all else that is.

    If it is kept on disk, the name tells it from what was made of any other text, too.
    """
    digest = hashlib.sha1(identity.encode())
    if is_kept:
        digest.update(of_function(function).encode())
    plain = "".join(c for c in function.__name__ if c.isalnum() or c == "_")
    return f"dualmc_{plain[:40]}_{digest.hexdigest()[:16]}"


def of_function(function):
    """Of the code of a Python function, of those that it reaches, and of what their names hold."""
    digest = hashlib.sha1(of_dualmc().encode())
    seen, left = set(), [function]
    while left:
        found = left.pop()
        if id(found) not in seen:
            seen.add(id(found))
            left += _function(digest, found)
    return digest.hexdigest()[:16]


def _function(digest, function):
    """Add one function; what it reaches."""
    names = _code(digest, function.__code__)
    digest.update(repr((function.__defaults__, function.__kwdefaults__)).encode())
    values = [(name, function.__globals__.get(name)) for name in sorted(names)]
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            values.append((name, cell.cell_contents))
        except ValueError:  # not filled yet
            continue
    reached = []
    for name, value in values:
        digest.update(name.encode())
        if isinstance(value, types.ModuleType):
            values += [
                (f"{name}.{attr}", getattr(value, attr, None))
                for attr in sorted(names)
                if _is_users(value)
            ]
            continue
        _value(digest, value, reached)
    return reached


def _is_users(module):
    home = module.__name__.split(".")[0]
    return home not in ("numpy", "math", "numba", "scipy", "builtins", "dualmc")


def _code(digest, code):
    """Add a code object; the names that it and those within it load."""
    digest.update(code.co_code)
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _code(digest, constant)
        else:
            _value(digest, constant, [])
    return names


def _value(digest, value, reached):
    """Add what a name holds, as far as it is a constant; functions are `reached`."""
    if isinstance(value, Dispatcher):
        reached.append(value.py_func)
        digest.update(repr(sorted(value.targetoptions.items(), key=str)).encode())
    elif isinstance(value, types.FunctionType):
        reached.append(value)
    elif isinstance(value, (np.ndarray, np.generic)):
        digest.update(f"{value.dtype}{value.shape}".encode() + value.tobytes())
    elif isinstance(value, (tuple, list, frozenset)):
        is_sorted = isinstance(value, frozenset)
        for part in sorted(value, key=repr) if is_sorted else value:
            _value(digest, part, reached)
    elif value is None or isinstance(value, (int, float, complex, str, bytes)):
        digest.update(repr(value).encode())
