"""Which functions f knows by a name: in its code, and in that of the functions that it calls."""

import types

import numpy as np


def is_named(f, function):
    """Whether f, or a function that it names in turn, has a name for `function`."""
    codes, seen = _codes_of(f), set()
    while codes:
        code, space, closed = codes.pop()
        if code in seen:
            continue
        seen.add(code)
        for inner in code.co_consts:
            if type(inner) is types.CodeType:
                codes.append((inner, space, closed))
        for name in (*code.co_names, *code.co_freevars):
            value = closed.get(name, space.get(name))
            if value is function:
                return True
            if type(value) is types.FunctionType:
                codes += _codes_of(value)
        if function.__name__ in code.co_names and _is_of_library(function):
            return True
    return False


def _codes_of(f):
    """The code of `f`, with its global names and what its closure holds."""
    while not isinstance(f, types.FunctionType):
        inner = getattr(f, "func", getattr(f, "__func__", None))
        if inner is None:
            inner = type(f).__dict__.get("__call__")
            if not isinstance(inner, types.FunctionType):
                return []
        f = inner
    closed = dict(zip(f.__code__.co_freevars, _contents(f), strict=True))
    return [(f.__code__, f.__globals__, closed)]


def _contents(f):
    for cell in f.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not assigned yet
            yield None


def _is_of_library(function):
    """Whether it is an attribute of a module of NumPy's or Python's, as ``np.zeros``."""
    return not isinstance(function, types.FunctionType) or hasattr(np, function.__name__)
