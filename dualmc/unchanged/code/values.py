"""What adapted code finds in place of a value: stand-ins for what could not serve Duals.

Functions, classes and objects of the user's are found as they are: their own code is adapted, in
place (`exchange.py`).
"""

import functools
import types

import numpy as np

from dualmc.unchanged import foreign
from dualmc.unchanged.as_is import DATA, DISPATCHER, MARK
from dualmc.unchanged.code import modules
from dualmc.unchanged.code.bytecode import ORIGINALS, REWRITTEN
from dualmc.unchanged.standins import compiled_functions, compiled_ufuncs, listed, methods
from dualmc.unchanged.standins.by_element import vectorize
from dualmc.unchanged.standins.kinds import unbound
from dualmc.unchanged.standins.table import CALLED, HELD, STANDINS


def adapted(value):
    """What `value` is replaced by in adapted code; mostly `value` itself."""
    kind = type(value)
    if kind in DATA or value is np.ndarray:  # see `modules.Replica`
        return value
    if kind is types.FunctionType:
        found = STANDINS.get(value)
        return value if found is None or MARK in value.__dict__ else found
    if kind is types.BuiltinFunctionType or kind is DISPATCHER:
        return STANDINS.get(value, value)
    if kind is types.ModuleType:
        return modules.view_of(value)
    if kind is np.ufunc:
        return value
    if issubclass(type(value), type):
        return STANDINS.get(value, value) if type(value).__hash__ is not None else value
    handle = _HANDLERS.get(kind)
    return _of_object(value, kind) if handle is None else handle(value)


def called(value):
    """What `value` is replaced by where code only calls it, or what it finds in it."""
    kind = type(value)
    if kind is types.ModuleType:
        return modules.called(value)
    found = adapted(value)
    if found is not value or kind in DATA:
        return found
    if kind in _LISTED:
        if kind is types.BuiltinFunctionType and value in CALLED:
            return CALLED[value]
        return listed.substitute(value) if listed.has_substitute(value) else value
    return CALLED.get(value, value) if kind is type else value


def held(value):
    """What `value` is replaced by where code hands it on, or keeps it."""
    found = adapted(value)
    if found is value and type(value) is types.BuiltinFunctionType:
        return CALLED.get(value, value)
    return HELD.get(value, value) if found is value and type(value) is type else found


def _method(value):
    function = adapted(value.__func__)
    return value if function is value.__func__ else types.MethodType(function, value.__self__)


def _partial(value):
    func, args = adapted(value.func), tuple(map(adapted, value.args))
    keywords = {k: adapted(v) for k, v in value.keywords.items()}
    if func is value.func and all(a is b for a, b in zip(args, value.args, strict=True)):
        if all(a is b for a, b in zip(keywords.values(), value.keywords.values(), strict=True)):
            return value
    return functools.partial(func, *args, **keywords)


def _vectorized(value):
    options = value.otypes, None, value.excluded, value.cache, value.signature
    return vectorize(value.pyfunc, *options)


def python_of(function):
    """A function of the same code as the Python `function` that Numba compiles.

    Numba may compile that while a call runs, and must find the user's code in it.
    """
    found = _python.get(id(function))
    if found is None:
        if len(_python) >= KEPT:
            _python.clear()
        copy = types.FunctionType(
            function.__code__, function.__globals__, function.__name__, function.__defaults__,
            function.__closure__,
        )  # fmt: skip
        copy.__kwdefaults__ = function.__kwdefaults__
        copy.__qualname__, copy.__module__ = function.__qualname__, function.__module__
        found = _python[id(function)] = function, copy
    return found[1]


_python: dict = {}  # by id of the function, which it keeps
KEPT = 1024


def _of_object(value, kind):
    home = getattr(kind, "__module__", "") or ""
    if type(home) is not str:  # of functions of some Cythons it is a descriptor
        home = "_cython"
    if home == "functools" and hasattr(value, "__wrapped__"):  # lru_cache: Duals have no hash
        return adapted(value.__wrapped__)
    if kind.__name__ == "SuperLU" or home.startswith("scipy.sparse.") and hasattr(value, "tocsr"):
        from dualmc.unchanged.scipy import sparse_products

        return sparse_products.view_of(value)
    if home.startswith(("numpy.ma", "_cython")) and callable(value):  # its ufuncs are objects
        return STANDINS.get(value, value)
    if home.startswith("numba."):
        if hasattr(value, "py_func"):
            function = python_of(value.py_func)
            if id(value.py_func.__code__) in REWRITTEN and value.py_func not in ORIGINALS:
                return function  # it was made inside of f
            return compiled_functions.of(value, function)
        if compiled_ufuncs.is_ufunc(value):
            return compiled_ufuncs.of(value, python_of(value._dispatcher.py_func))
    return value


# Kinds of functions that may have to look for Duals in lists.
_LISTED = frozenset({types.FunctionType, types.BuiltinFunctionType, DISPATCHER, np.ufunc})
_HANDLERS = {
    types.MethodType: _method,
    functools.partial: _partial,
    types.MethodDescriptorType: lambda v: unbound(v) if v.__objclass__ is np.ndarray else v,
    np.vectorize: _vectorized,
}


class Loaded:
    """``Loaded()[value]`` is what adapted code finds in place of a `value` that it has loaded."""

    __slots__ = ("replace",)

    def __init__(self, replace):
        self.replace = replace

    def __getitem__(self, value):
        return value if type(value) in DATA else self.replace(value)


class Names(dict):
    """``Names(replace, value)[v]`` is what stands in place of v; that of `value` costs no call.

    The global name that led to `value` may be assigned to while f runs.
    """

    __slots__ = ("replace",)

    def __init__(self, replace, value):
        self.replace = replace
        self[value] = replace(value)

    def __missing__(self, value):
        return value if type(value) in DATA else self.replace(value)

    # It is a constant of code, which may be hashed and compared.
    __hash__ = object.__hash__

    def __eq__(self, other):
        return self is other


def named(replace, value):
    """What instructions look up that load a name which led to `value`."""
    try:
        return Names(replace, value)
    except TypeError:  # not hashable
        return Loaded(replace)


def loaded(value):
    """What `value` is replaced by where code that looks at everything has loaded it."""
    found = adapted(value) if issubclass(type(value), type) else held(value)
    return methods.of_bound(value) if found is value else found


def _to_call(value):
    """The same where what is loaded is called next: ``dtype(x)``."""
    return called(value) if issubclass(type(value), type) else loaded(value)


def _imported(module):
    foreign.register()
    return adapted(module)


ANY, TO_CALL, IMPORTED = Loaded(loaded), Loaded(_to_call), Loaded(_imported)
