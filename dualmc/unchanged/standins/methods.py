"""Stand-ins for methods of constant arrays: new arrays, which f may write to.

``J = J0.copy(); J[0, 0] = x[0]``: what the method of a plain array makes is an array of f's own, as
what ``np.zeros`` makes is, and may come to hold a derivative.  What shares memory with the array
stays plain: a derivative that is written to it would be lost to those who hold the array.
"""

import copy
import functools
import types

import numpy as np

from dualmc.unchanged.standins.table import PATCHED, STANDINS, blank

# Methods that make new arrays, always or at times.
NAMES = """
copy astype flatten ravel reshape repeat take compress choose round clip conj conjugate byteswap
cumsum cumprod sum prod mean std var min max dot trace __copy__ __deepcopy__
""".split()
_METHOD = types.BuiltinFunctionType


def own(y, *given):
    """`y`, writable for Duals where it is a new array that shares memory with none of `given`."""
    if type(y) is not np.ndarray or not y.flags.writeable:
        return y
    return y if any(np.may_share_memory(y, a) for a in given) else blank(y)


def _of(name):
    def method(array, /, *args, **options):
        y = getattr(array, name)(*args, **options)
        if type(array) is not np.ndarray or options.get("out") is not None:
            return y
        return own(y, array, *(a for a in args if type(a) is np.ndarray))

    method.__name__ = name
    method.__doc__ = f"``array.{name}(...)``, an array of f's own where it is a new one."
    return method


METHODS = {name: _of(name) for name in NAMES}


def of_bound(method):
    """What code finds in place of a bound `method`: of an array that f has not made, a stand-in."""
    if type(method) is _METHOD and type(method.__self__) is np.ndarray:
        standin = METHODS.get(method.__name__)
        if standin is not None:
            return functools.partial(standin, method.__self__)
    return method


# --- The module copy -----------------------------------------------------------------------------

PATCHED.add("copy")


def _copied(original):
    @functools.wraps(original)
    def standin(x, *args, **options):
        y = original(x, *args, **options)
        # Not so in copies of containers, where another may hold the same array.
        return own(y, x) if type(x) is np.ndarray else y

    return standin


for _function in (copy.copy, copy.deepcopy):
    STANDINS[_function] = _copied(_function)
