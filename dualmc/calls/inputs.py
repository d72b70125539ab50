"""The user's arguments as floating arrays, or refused by a sentence that says what would do."""

import sys

import numpy as np

from dualmc.calls.structures import trees
from dualmc.duals import ended, subclasses
from dualmc.duals.dual import Dual
from dualmc.duals.elements import CARRIERS
from dualmc.duals.operands import from_objects, from_sequence, has_dual
from dualmc.graph.record import has_traced

FLOAT64 = np.dtype(np.float64)
NUMBERS = frozenset({float, int, np.ndarray, np.float64, np.float32})


def as_read(args):
    """`args`, of those that earlier calls have left in objects of the user's their values."""
    for a in args:
        if type(a) in CARRIERS and a.has_ended:
            return ended.plain_of(args)
    return args


def as_input(x, caller, name, is_complex=False):
    """`x` as a floating array, or as the Dual of an outer derivative call that it is.

    Complex numbers only where `is_complex` allows them.
    """
    if type(x) is np.ndarray and x.dtype is FLOAT64:
        return x
    if type(x) is float:
        return np.array(x)
    if type(x) in CARRIERS and x.has_ended:
        x = x.ended_value()
    if type(x) is Dual:
        if x.dtype.kind != "f" and not (is_complex and x.dtype.kind == "c"):
            raise TypeError(_complex_input(caller, name, x.dtype))
        return x
    if type(x) not in NUMBERS and trees.holds_named(x):
        raise trees.Structure(_no_array(caller, name, x))
    if issubclass(type(x), (list, tuple)) and has_dual(x):
        if trees.shape_of(x) is None:
            raise trees.Structure(f"{caller}: {name} is not a regular array.")
        return from_sequence(x)
    found = subclasses.more_than_array(x)
    if found is not None:
        raise TypeError(
            f"{caller} needs {name} to be a float, a list or a plain array of floats; got "
            f"{'a list that holds a ' * (found is not x)}{type(found).__name__}. Convert it first, "
            f"e.g. with {subclasses.numbers_by(type(found), name)}."
        )
    if x is None or issubclass(type(x), (set, str, bytes)) or is_sparse_matrix(x):
        raise TypeError(_no_array(caller, name, x))
    try:
        a = np.asarray(x)
    except ValueError as error:
        kind = trees.Structure if issubclass(type(x), (list, tuple)) else ValueError
        raise kind(f"{caller}: {name} is not a regular array: {error}") from None
    if a.dtype == object and has_dual(a):
        return from_objects(a)
    if a.dtype.kind in "iu":
        return a.astype(np.float64)
    if a.dtype == object and has_traced(x):
        raise TypeError(
            f"{caller} met arrays that prepare, explain or trace record, where they cannot find "
            f"it (kept in a table or an object, say). Call it by its name in f."
        )
    if a.dtype.kind == "c" and is_complex:
        return a
    if a.dtype.kind == "c":
        raise TypeError(_complex_input(caller, name, a.dtype))
    if a.dtype.kind != "f" and not issubclass(type(x), (np.ndarray, np.generic, list, tuple, bool)):
        raise TypeError(_no_array(caller, name, x))
    if a.dtype.kind != "f":
        raise TypeError(
            f"{caller} needs {name} to be an array of floats; got dtype {a.dtype}. "
            f"Convert it with {name}.astype(float) if its entries are numbers."
        )
    return a


def is_sparse_matrix(a):
    """Whether `a` is a sparse matrix or array of SciPy, which need not be imported."""
    sparse = sys.modules.get("scipy.sparse")
    is_one = getattr(sparse, "issparse", None)  # not there yet while another thread imports it
    return is_one is not None and is_one(a)


def _no_array(caller, name, x):
    return (
        f"{caller} needs {name} to be a float, a list or an array of floats; got "
        f"{type(x).__name__}."
    )


def _complex_input(caller, name, dtype):
    return (
        f"{caller} needs a real {name}; got dtype {dtype}. Differentiate with respect to the real "
        f"and imaginary parts, e.g. f(z[0] + 1j * z[1]) with real z."
    )
