"""Operands whose class is not ndarray: what is an array and no more, and what means more.

dualmc computes with the numbers of an array.  A subclass of ndarray that does something otherwise
than ndarray (masked arrays, matrices, quantities with units, a user's own operators or hooks) means
more than its numbers: beside a Dual its own code runs, on the Dual's elements as an ordinary array
of objects, or the operand is refused by name.  `extra` decides which classes these are, here and
nowhere else; arrays of other subclasses (`np.memmap`) are read as what they are, arrays.
"""

import sys
import weakref

import numpy as np

from dualmc.duals.elements import CARRIERS, is_labelled, opened
from dualmc.errors import TangentLostError

ndarray = np.ndarray

# Classes that are numbers, arrays or lists of them.
OPERANDS = frozenset({ndarray, float, int, bool, complex, list, tuple, *np.sctypeDict.values()})
# What a class may define for its own sake: how its arrays are made, shown and pickled.
_HARMLESS = frozenset(
    """
    __module__ __doc__ __dict__ __weakref__ __slots__ __qualname__ __annotations__ __annotate__
    __annotate_func__ __static_attributes__ __firstlineno__ __new__ __init__ __init_subclass__
    __class_getitem__ __repr__ __str__ __reduce__ __reduce_ex__ __getstate__ __setstate__ __del__
    """.split()
)
# NumPy's own whose arithmetic is ndarray's: memory in a file, and fields with names.
_ARRAYS = (np.memmap, np.recarray)
_extras: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def extra(kind):
    """What the class `kind` does otherwise than ndarray, a name; None: an array and no more.

    Of a class that does not derive from ndarray: the protocol by which it does its own arithmetic.
    """
    found = _extras.get(kind, False)
    if found is False:
        found = _extras[kind] = _extra(kind)
    return found


def _extra(kind):
    if not issubclass(kind, ndarray):
        names = ("__array_ufunc__", "__array_function__")
        is_own = kind.__module__.partition(".")[0] not in ("dualmc", "numpy")
        return next((n for n in names if is_own and getattr(kind, n, None) is not None), None)
    return overridden(kind, ndarray)


def overridden(kind, base):
    """What the class `kind` does otherwise than its base class `base`: a name, or None."""
    for owner in kind.__mro__[: kind.__mro__.index(base)]:
        if owner in _ARRAYS:
            continue
        for name in vars(owner):
            if name not in _HARMLESS and hasattr(base, name):
                return name
    return None


def is_foreign(a):
    """Whether `a` is an array of a subclass of ndarray that means more than an array."""
    return issubclass(type(a), ndarray) and type(a) is not ndarray and extra(type(a)) is not None


def is_masked(a):
    """Whether `a` is a masked array, of NumPy's or of dualmc's."""
    ma = sys.modules.get("numpy.ma")
    # While another thread imports it, it may have no classes yet, and nobody masked arrays.
    known = getattr(ma, "MaskedArray", ())
    return isinstance(a, known) or type(a) in MASKED


# The class of masked arrays with derivatives; `unchanged/masked/array.py` adds it.
MASKED: set = set()


def has_masked(a):
    """Whether a nest of lists holds a masked array of dualmc's."""
    if issubclass(type(a), (list, tuple)):
        return any(map(has_masked, a))
    return type(a) in MASKED


def plain(a):
    """`a` as an ndarray if its class is an array and no more; else the error that says so."""
    if type(a) is ndarray:
        return a
    if extra(type(a)) is not None:
        raise refused(type(a))
    return a.view(ndarray)


def array_of(a):
    """`a`; an array of a subclass as an ndarray, refused where it means more."""
    if is_labelled(a):
        return a.to_numpy()
    return plain(a) if issubclass(type(a), ndarray) else opened(a)


def check(a):
    """Raise where `a`, or an entry of a nest of lists, means more than an array."""
    if issubclass(type(a), (list, tuple)):
        for item in a:
            check(item)
    elif issubclass(type(a), ndarray):
        plain(a)
    elif type(a) in MASKED or extra(type(a)) is not None and not is_labelled(a):
        raise refused(type(a))


def more_than_array(a):
    """What in `a`, an array or a nest of lists, means more than an array, or None."""
    if issubclass(type(a), (list, tuple)):
        return next((found for item in a if (found := more_than_array(item)) is not None), None)
    if type(a) in OPERANDS or type(a) in CARRIERS or extra(type(a)) is None:
        return a if type(a) in MASKED else None
    return a


def normalised(a):
    """`a` with ndarrays for arrays of subclasses, one level of lists deep."""
    if type(a) is list or type(a) is tuple:
        return type(a)(array_of(item) for item in a)
    return array_of(a)


def refused(kind):
    """The error for an operand of class `kind` that would be read without what that means."""
    what = "mask" if kind.__name__.startswith("Mask") else extra(kind)
    return TangentLostError(
        f"dualmc cannot compute with a {kind.__name__} here: its class means more than an array "
        f"(it defines {what}), and that would be lost beside a Dual. Convert it first, e.g. with "
        f"{numbers_by(kind, 'a')}{_ADVICE.get(what, '')}."
    )


def numbers_by(kind, name):
    """How the numbers of an array of class `kind` are had, as its users write it."""
    return f"{name}.to_numpy()" if hasattr(kind, "to_numpy") else f"numpy.asarray({name})"


_ADVICE = {"mask": ", a.filled(0) or a.compressed()"}
