"""What adapted code finds in place of functions that Numba compiled: `@njit`.

A call without derivatives is the compiled function's own.  A call with Duals is one step, with the
derivative compiled too, where the room `dualmc/compiled/` above can make it one; else the Python
function runs that the compiled one was made of.
"""

import functools
import importlib
import inspect

import numpy as np

from dualmc.duals.dual import Dual
from dualmc.kernels.compiling import unwatched
from dualmc.unchanged.standins.table import blank, has_carrier

_made: dict = {}  # by id of the compiled function, which it keeps
KEPT = 1024


def of(dispatcher, function):
    """The stand-in for a compiled function, made of the Python `function`."""
    found = _made.get(id(dispatcher))
    if found is None or found.function is not function:
        if len(_made) >= KEPT:
            _made.clear()
        found = _made[id(dispatcher)] = CompiledFunction(dispatcher, function)
    return found


class CompiledFunction:
    """A compiled function, for arguments with and without derivatives."""

    def __init__(self, dispatcher, function):
        self.dispatcher = dispatcher
        self.function = self.py_func = function
        self.known = self.step = None  # what the room above knows of it, and makes of it
        self.__name__ = function.__name__
        self.__qualname__, self.__module__ = function.__qualname__, function.__module__
        self.__doc__ = function.__doc__

    def __call__(self, *args, **kwargs):
        for a in args:
            if type(a) is Dual:
                return _steps().call(self, args, kwargs)
        if has_carrier(args) or kwargs and has_carrier(list(kwargs.values())):
            return _steps().call(self, args, kwargs)
        return self.plain(args, kwargs)

    def plain(self, args, kwargs):
        """The call without derivatives."""
        if not _steps().runs_natively(self, (*args, *kwargs.values())):
            return self.function(*args, **kwargs)
        args = [native(a) for a in args]
        kwargs = {key: native(a) for key, a in kwargs.items()}
        return fresh(_called(self.dispatcher, args, kwargs), (*args, *kwargs.values()))

    def __getattr__(self, name):
        return getattr(self.dispatcher, name)

    @property
    def __signature__(self):
        return inspect.signature(self.function)


def native(a):
    """`a` as compiled code is given it."""
    return a.dispatcher if type(a) is CompiledFunction else a


def fresh(y, args):
    """The result `y` of a call with `args`: new arrays of it may be written Duals later."""
    if issubclass(type(y), tuple):
        parts = [fresh(part, args) for part in y]
        return type(y)(*parts) if hasattr(y, "_fields") else tuple(parts)
    if type(y) is not np.ndarray or not y.flags.writeable:
        return y
    if any(type(a) is np.ndarray and np.may_share_memory(a, y) for a in args):
        return y
    return blank(y)


@unwatched  # Numba's compiler may be at work
def _called(dispatcher, args, kwargs):
    return dispatcher(*args, **kwargs)


@unwatched
def _room(name):
    """A file of the room above, which is imported when it is needed first."""
    return importlib.import_module(f"dualmc.compiled.helpers.{name}")


@functools.cache
def _steps():
    return _room("step")


@functools.cache
def ufuncs():
    """What differentiates ufuncs of Numba's."""
    return _room("ufuncs")
