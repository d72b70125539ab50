"""Builtins where code calls them: ``float(x)`` keeps the derivative, as a float of Python's.

A class is replaced where it is called, ``float(x)``, or handed to a function that calls it,
``map(float, xs)``; everywhere else (``dtype=float``, ``type(v) is float``, ``float.fromhex``) code
finds the class itself, so nothing is in `HELD`.  ``int(x)``, ``bool(x)``, ``round(x)`` and
``round(x, n)`` need no stand-ins: they are locally constant, as `np.rint` and `np.round` are, and
give plain numbers.  Nor do ``abs``, ``divmod``, ``pow``, ``sum``: they call the operators.
"""

import array
import functools
import itertools

import numpy as np

from dualmc.duals import texts, weak
from dualmc.duals.elements import opened
from dualmc.duals.operands import has_tangent
from dualmc.graph.traced import Traced
from dualmc.unchanged.standins.table import (
    CALLED,
    STANDINS,
    by_own_method,
    exact,
    has_carrier,
    is_carrier,
    looked_at,
    operand,
    value_of,
)

_TEXT = frozenset({str, bytes, bytearray, np.str_, np.bytes_})


class ToCall:
    """A class of Python's or NumPy's where code calls it; it has all that the class has."""

    def __init__(self, original, function):
        self.__dict__ |= {"original": original, "function": function, "__doc__": original.__doc__}
        if issubclass(original, (float, complex, int, np.generic)):
            self.__dict__["dtype"] = np.dtype(original)  # so that np.dtype(self) is that

    def __call__(self, *args, **kwargs):
        return self.function(*args, **kwargs)

    def __getattr__(self, name):
        return getattr(self.original, name)

    def __instancecheck__(self, instance):
        return isinstance(instance, self.original)

    def __subclasscheck__(self, subclass):
        return issubclass(subclass, self.original)

    def __mro_entries__(self, bases):
        return (self.original,)

    def __or__(self, other):
        return self.original | other

    def __ror__(self, other):
        return other | self.original

    def __getitem__(self, item):
        return self.original[item]

    def __eq__(self, other):
        return other is self or other == self.original

    def __hash__(self):
        return hash(self.original)

    def __repr__(self):
        return repr(self.original)

    def __reduce__(self):
        return _same, (self.original,)


def _same(original):
    return original


def called(original):
    """Decorator: the function below is found where code calls `original`."""

    def register(function):
        CALLED[original] = ToCall(original, function) if type(original) is type else function
        return function

    return register


# --- Python's numbers ----------------------------------------------------------------------------


def number(x):
    """What `x` is to a conversion: a carrier without axes, or as it is."""
    if type(x) in _TEXT:
        texts.check(x)
        return x
    x = opened(x)
    if not is_carrier(x) and has_carrier(x) and not issubclass(type(x), (list, tuple)):
        x = operand(x)  # an array of objects, or a masked one
    return x


@called(float)
def to_float(x=0.0, /):
    """``float``, which keeps the derivative."""
    x = number(x)
    if not is_carrier(x):
        y = by_own_method(x, "__float__")
        return y if is_carrier(y) else float(x)
    if x.ndim or x.dtype.kind == "c":
        float(value_of(x))  # raises, or warns, as it does of plain arrays and complex numbers
        x = np.real(x).reshape(())
    if type(x) is Traced:
        return _traced_float(x)
    return weak.as_pythons(x) if has_tangent(x) else float(x)


def _traced_float(x):
    recorder = x._recorder
    if x.is_constant:
        return float(x)
    y = np.positive(np.astype(x, np.float64)[()])  # a step of its own, of another class
    if type(y) is not Traced:
        return float(y)
    recorder.numbers.add(y.node.serial)
    return y


@called(complex)
def to_complex(real=0, imag=None):
    """``complex``, which keeps the derivatives of its parts."""
    parts = [number(a) for a in ((real,) if imag is None else (real, imag))]
    if imag is None and not is_carrier(real):
        parts = [y if is_carrier(y := by_own_method(real, "__complex__")) else parts[0]]
    if not any(map(is_carrier, parts)):
        return complex(*parts)
    complex(*(value_of(a)[()] if is_carrier(a) else a for a in parts))  # raises
    parts = [a.reshape(())[()] if is_carrier(a) else a for a in parts]
    if len(parts) == 1:
        return np.astype(parts[0], np.complex128)
    return exact(to_complex, lambda a, b: np.astype(np.add(a, b * 1j), np.complex128), *parts)


# --- NumPy's numbers -----------------------------------------------------------------------------


def _number_of_numpys(kind):
    @functools.wraps(kind, updated=())
    def standin(*args, **kwargs):
        if len(args) != 1 or kwargs:
            return kind(*args, **kwargs)
        x = number(args[0])
        if not has_carrier(x):
            y = by_own_method(x, "__float__") if issubclass(kind, np.floating) else None
            return kind(x) if not is_carrier(y) else standin(y)
        y = np.astype(operand(x), kind)
        return y if y.ndim else y[()]

    return standin


for _kind in {*np.sctypeDict.values()}:
    if issubclass(_kind, np.inexact):
        called(_kind)(_number_of_numpys(_kind))


def _wholenumber(kind):
    @functools.wraps(kind, updated=())
    def standin(*args, **kwargs):
        return kind(*map(looked_at, args), **kwargs)

    return standin


for _kind in {*np.sctypeDict.values()}:
    if issubclass(_kind, (np.integer, np.bool_)):
        called(_kind)(_wholenumber(_kind))


# --- Functions that are handed a class to call ---------------------------------------------------


def to_call(function):
    """What is called in place of `function`."""
    try:
        found = CALLED.get(function)
        return STANDINS.get(function, function) if found is None else found
    except TypeError:  # not hashable
        return function


def _of_function_first(original):
    @functools.wraps(original, updated=())
    def standin(function, *args, **kwargs):
        return original(to_call(function), *args, **kwargs)

    return standin


def _of_named(original, name, place=None):
    """Of a function named by keyword, or at a `place`."""

    @functools.wraps(original, updated=())
    def standin(*args, **kwargs):
        if name in kwargs:
            kwargs[name] = to_call(kwargs[name])
        elif place is not None and len(args) > place:
            args = (*args[:place], to_call(args[place]), *args[place + 1 :])
        return original(*args, **kwargs)

    return standin


for _function in (map, filter, functools.partial, functools.reduce, itertools.starmap,
                  itertools.takewhile, itertools.dropwhile, itertools.filterfalse):  # fmt: skip
    called(_function)(_of_function_first(_function))
for _function in (sorted, min, max):
    called(_function)(_of_named(_function, "key"))
called(itertools.groupby)(_of_named(itertools.groupby, "key", 1))
called(itertools.accumulate)(_of_named(itertools.accumulate, "func", 1))


# --- Arrays of the module array ------------------------------------------------------------------


class FloatArray(list):
    """``array.array("d", items)`` where some of the items carry derivatives."""

    __hash__ = None
    __class__ = property(lambda self: array.array)

    def __init__(self, typecode, items):
        self.typecode = typecode
        self.itemsize = array.array(typecode).itemsize
        super().__init__(map(self._float, items))

    def _float(self, x):
        return to_float(x if self.typecode == "d" else CALLED[np.float32](x))

    def __setitem__(self, key, value):
        many = isinstance(key, slice)
        super().__setitem__(key, list(map(self._float, value)) if many else self._float(value))

    def __getitem__(self, key):
        found = super().__getitem__(key)
        return FloatArray(self.typecode, found) if isinstance(key, slice) else found

    def append(self, x):
        super().append(self._float(x))

    def insert(self, i, x):
        super().insert(i, self._float(x))

    def extend(self, items):
        super().extend(map(self._float, items))

    fromlist = extend

    def tolist(self):
        return list(self)

    def tobytes(self):
        return array.array(self.typecode, self).tobytes()  # refuses derivatives


@called(array.array)
def to_array(typecode, *initializer):
    """``array.array``, of which those of floats hold derivatives that they are made of."""
    if typecode not in ("d", "f") or not initializer:
        return array.array(typecode, *initializer)
    (items,) = initializer
    if type(items) in _TEXT or type(items) is array.array:
        return array.array(typecode, items)
    items = list(items)
    return FloatArray(typecode, items) if has_carrier(items) else array.array(typecode, items)
