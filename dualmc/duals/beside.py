"""Operators, ufuncs and functions that meet an operand whose class `subclasses.py` sorts out.

What is an array and no more goes on as an ndarray.  Of a class that means more, the own code runs:
by NumPy's protocols where it takes part in them, else on the carrier's elements as an ordinary
array of objects.  What neither serves is refused by name.
"""

import numbers
import operator
import sys

import numpy as np

from dualmc.duals.elements import CARRIERS, Number, is_labelled, objects_of, opened_array
from dualmc.duals.subclasses import (
    MASKED,
    OPERANDS,
    array_of,
    extra,
    is_foreign,
    is_masked,
    normalised,
    refused,
)
from dualmc.errors import TangentLostError
from dualmc.kernels.payload import values

ndarray = np.ndarray
# The module that computes with masked arrays, imported when one is met: `foreign.py` sets it.
masked_code = None


def defers(other):
    """Whether an operator leaves it to `other` what it does (a str, a sparse matrix, ...)."""
    return not issubclass(type(other), (float, int, complex, ndarray, np.generic, list, tuple))


def operator_beside(function, carrier, other, restore):
    """An operator ``function(carrier, other)``: the operand to go on with; or None, and the result.

    NotImplemented lets the other's reflected operator run.
    """
    if type(other) is Number:
        return other.carrier, None
    if isinstance(other, numbers.Rational) and carrier.is_number:
        return float(other), None  # a fraction, beside a float
    if is_labelled(other):  # whose own operator takes the elements as objects
        return None, function(_objects_for(carrier, other), other)
    if defers(other):
        return None, NotImplemented
    if is_masked(other) and not (carrier.is_number and function in _UFUNCS):
        return None, NotImplemented
    if is_foreign(other):
        if function in _UFUNCS and _is_for_ufunc(function, carrier, type(other)):
            return None, _UFUNCS[function](carrier, other)
        return None, beside(function, (carrier, other), {}, restore)
    return array_of(other), None


def _objects_for(carrier, labelled):
    """The elements of a carrier, a number as often as it is needed beside `labelled`.

    pandas leaves out what is missing, but sees no NaN in an object.
    """
    if labelled.isna().to_numpy().any() or np.isnan(values(carrier)).any():
        raise TangentLostError(
            f"dualmc cannot compute with a {type(labelled).__name__} that has missing values (NaN) "
            f"here: pandas would not leave them out beside a Dual. Take the numbers first, "
            f"series.to_numpy(), or series.dropna()."
        )
    found = objects_of(carrier)
    return np.full(labelled.shape, found, object) if type(found) is Number else found


_UFUNCS = {
    operator.add: np.add,
    operator.sub: np.subtract,
    operator.mul: np.multiply,
    operator.truediv: np.divide,
    operator.floordiv: np.floor_divide,
    operator.mod: np.remainder,
    operator.pow: np.power,
    operator.matmul: np.matmul,
    divmod: np.divmod,
}


def _is_for_ufunc(function, carrier, kind):
    """Whether ``carrier + a``, a of class `kind`, is the ufunc, as of an ordinary array or number.

    NumPy's numbers do not leave an operator to what takes part in ufuncs.
    """
    name = f"__r{function.__name__}__"
    if getattr(kind, name) is getattr(ndarray, name):
        return True
    return carrier.is_number and kind.__array_ufunc__ is not None


def reflected_beside(function, other, carrier, restore):
    """The same where the other's own operator has left it to the carrier's."""
    if other is None or is_masked(other):
        return None, NotImplemented
    if is_foreign(other):
        return None, beside(function, (other, carrier), {}, restore)
    if defers(other) and extra(type(other)) is not None:
        return None, NotImplemented
    return array_of(other), None


def ufunc_beside(ufunc, method, inputs, options, restore):
    """A ufunc that came by NumPy's protocol: the inputs to go on with; or None, and the result."""
    out = options.get("out", ())
    for a in (*inputs, *(out if issubclass(type(out), tuple) else (out,))):
        kind = type(a)
        if kind in OPERANDS or kind in CARRIERS:
            continue
        if is_masked(a):
            return None, masked_code().ufunc_of(ufunc, method, inputs, options)
        if is_foreign(a):
            is_own = any(type(b).__array_ufunc__ is not _INHERITED for b in inputs if is_foreign(b))
            if options or method != "__call__" and not (method == "outer" and is_own):
                raise refused(kind)
            if is_own:
                return None, beside(getattr(ufunc, method), inputs, options, restore)
            return None, _wrapped(ufunc, inputs)
        if is_labelled(a) and method == "__call__" and not options:
            return None, ufunc(*(_objects_for(b, a) if type(b) in CARRIERS else b for b in inputs))
        if extra(kind) is not None:
            return None, NotImplemented
    return tuple([a if type(a) in OPERANDS else array_of(a) for a in inputs]), None


_INHERITED = ndarray.__array_ufunc__


def _wrapped(ufunc, inputs):
    """A ufunc of the numbers, its result handed to the operands' class as NumPy hands it over."""
    owner = max(filter(is_foreign, inputs), key=lambda a: a.__array_priority__)
    y = ufunc(*(a.view(ndarray) if issubclass(type(a), ndarray) else a for a in inputs))

    def wrap(y, i):
        y = _shown(y, y.dtype) if type(y) in CARRIERS else y
        y = np.array(y, object) if type(y) is Number else np.asarray(y)
        return owner.__array_wrap__(y, (ufunc, inputs, i), not y.shape)

    return tuple(wrap(part, i) for i, part in enumerate(y)) if type(y) is tuple else wrap(y, 0)


def function_beside(function, types, args, options, restore):
    """A function of NumPy beside other classes: its arguments, all plain; or None, and the result.

    By NumPy's protocol it has `types`, called as a method none.  Refused by name is an operand the
    class of which has no functions of its own: NumPy's would read the numbers alone.
    """
    if function is np.dot and any(type(a) in CARRIERS and a.is_number for a in args):
        if any(map(is_foreign, args)):  # as a matrix is multiplied by a number
            return None, beside(function, args, options, restore)
    for kind in types or map(type, args):
        if kind in OPERANDS or kind in CARRIERS:
            continue
        if kind in MASKED or extra(kind) is not None:
            own = getattr(kind, "__array_function__", None)
            if types and kind not in MASKED and own is not ndarray.__array_function__:
                return None, NotImplemented
            raise refused(kind)
    args = tuple(map(normalised, args))
    return args, {name: normalised(a) for name, a in options.items()}


def viewed(carrier, kind):
    """``carrier.view(kind)``; None: not here."""
    if kind is ndarray:
        return carrier[...]
    if "numpy.ma" in sys.modules:
        y = masked_code().viewed(carrier, kind)
        if y is not None:
            return y
    if not issubclass(kind, ndarray) or extra(kind) is None:
        return None
    shown = np.asarray(_shown(carrier.as_array(), carrier.dtype))
    if shown.dtype != object:
        return None
    shown.flags.writeable = False  # the carrier would not hear of a write
    return shown.view(kind)


# --- The other class's own code ------------------------------------------------------------------


def beside(function, args, options, restore):
    """`function` of carriers beside arrays that mean more, by the code of those arrays' class.

    Carriers are shown to it as ordinary arrays of objects, their elements.  `restore` makes one
    carrier of an array of carriers again; an array of another class keeps its elements.
    """
    dtype = np.result_type(*(a.dtype for a in args if hasattr(a, "dtype") and a.dtype != object))
    shown = [_shown(a, dtype) for a in args]
    try:
        y = function(*shown, **options)
    except (TypeError, AttributeError) as error:
        if type(error).__module__.partition(".")[0] in ("builtins", "numpy", "dualmc"):
            raise refused(type(next(filter(is_foreign, args)))) from error
        raise
    if type(y) is tuple:
        return tuple(_settled(part, restore) for part in y)
    return _settled(y, restore)


def _shown(a, dtype):
    if type(a) not in CARRIERS:
        return a
    if hasattr(a, "own_tangent") and a.own_tangent() is None and type(a.primal) is ndarray:
        return a.primal.astype(dtype)[()]
    if dtype.kind == "c":
        raise TangentLostError(
            "The class of an operand computes with the elements of a complex Dual by its own code, "
            "which would lose their parts. Convert the operand first, e.g. with numpy.asarray(a)."
        )
    a = a if a.dtype == dtype or dtype.kind != "f" else a.astype(dtype)
    return objects_of(a)


def _settled(y, restore):
    if type(y) is Number:
        return y.carrier
    if type(y) is not ndarray or y.dtype != object:
        return y
    if any(type(item) in CARRIERS or type(item) is Number for item in y.flat):
        return restore(opened_array(y))
    try:
        return y.astype(np.result_type(*y.flat)) if y.size else y.astype(float)
    except TypeError:
        return y
