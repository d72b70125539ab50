"""What code asks for the kind of a value: a Dual is what it stands for, an array or a number.

The classes ``np.ndarray`` and ``np.matrix`` as code names them, and the builtins that compare a
value with a class or ask it for an attribute.
"""

import functools
import types

import numpy as np

from dualmc.duals.dual import Dual
from dualmc.duals.operands import has_tangent
from dualmc.errors import MissingRuleError
from dualmc.graph.traced import Traced
from dualmc.unchanged.standins.memory import of_plain
from dualmc.unchanged.standins.table import CALLED, blank, is_carrier, stands_for

# --- Arrays and matrices -------------------------------------------------------------------------


@stands_for(np.isscalar)
def isscalar(element):
    return element.is_number if is_carrier(element) else np.isscalar(element)


@stands_for(np.iscomplexobj)
def iscomplexobj(x):
    return x.dtype.kind == "c" if is_carrier(x) else np.iscomplexobj(x)


def unbound(method):
    """A method of ``np.ndarray`` as a function, which serves Duals by their own."""
    if type(method) is not types.MethodDescriptorType:
        return method

    @functools.wraps(method, updated=())
    def function(self, *args, **kwargs):
        if is_carrier(self):
            return getattr(self, method.__name__)(*args, **kwargs)
        return method(self, *args, **kwargs)

    return function


class _ArrayType(type):
    """So that ``isinstance(x, np.ndarray)`` is as true of a Dual as of what it stands for."""

    def __instancecheck__(cls, instance):
        return isinstance(instance, np.ndarray)

    def __subclasscheck__(cls, subclass):
        return subclass is Dual or issubclass(subclass, np.ndarray)

    def __call__(cls, *args, **kwargs):
        return blank(np.ndarray(*args, **kwargs))

    def __getattr__(cls, name):
        return unbound(getattr(np.ndarray, name))

    def __eq__(cls, other):
        return other is cls or other is np.ndarray

    def __hash__(cls):
        return hash(np.ndarray)


@stands_for(np.ndarray)
class ndarray(metaclass=_ArrayType):
    """``np.ndarray`` as user code names it: Duals are instances too."""


def _refuse_matrix(data):
    if has_tangent(data):
        raise MissingRuleError(
            "dualmc does not differentiate numpy.matrix, which NumPy itself advises against. Use a "
            "two-dimensional array, numpy.atleast_2d(x), and @ for products."
        )


class _MatrixType(type):
    def __instancecheck__(cls, instance):
        return isinstance(instance, np.matrix)

    def __call__(cls, data, dtype=None, copy=True):
        _refuse_matrix(data)
        return np.matrix(data, dtype, copy)


@stands_for(np.matrix)
class matrix(metaclass=_MatrixType):
    """``np.matrix``, which refuses Duals."""


@stands_for(np.asmatrix)
def asmatrix(data, dtype=None):
    _refuse_matrix(data)
    return np.asmatrix(data, dtype)


# --- Builtins ------------------------------------------------------------------------------------


def is_instance(instance, classes):
    """``isinstance``, for which a Dual is what it stands for: an array, or 0-d a number."""
    if not is_carrier(instance):
        return isinstance(instance, classes)
    if classes is type(instance) or isinstance(classes, tuple) and type(instance) in classes:
        return True
    kind = instance.stands_for if type(instance) is Traced else instance.__class__
    return issubclass(kind, classes)


# What is asked of Duals as such, which nothing else has.
_OF_DUALS = frozenset("primal tangent level".split())
# What an array has and a number has not.
_OF_ARRAYS = frozenset("__len__ __iter__ __contains__ __setitem__ __delitem__".split())


def _lacks(a, name):
    """The class that the carrier `a` stands for, where that has no attribute `name`, or None.

    A number has no length, and a float no shape.
    """
    if not is_carrier(a) or not a.is_number or name in _OF_DUALS:
        return None
    kind = a.__class__
    return kind if (name in _OF_ARRAYS or kind is float) and not hasattr(kind, name) else None


def has_attribute(a, name):
    """``hasattr``, for which a 0-d Dual is a number."""
    return _lacks(a, name) is None and hasattr(a, name)


def get_attribute(a, name, *default):
    """``getattr``, likewise."""
    kind = _lacks(a, name)
    return getattr(a if kind is None else kind(0), name, *default)


class _TypeOf(type):
    def __call__(cls, *args, **kwargs):
        if len(args) == 1 and is_carrier(args[0]):
            return args[0].__class__
        return type(*args, **kwargs)

    def __getattr__(cls, name):
        return getattr(type, name)

    def __getitem__(cls, item):
        return type[item]

    def __instancecheck__(cls, instance):
        return isinstance(instance, type)

    def __subclasscheck__(cls, subclass):
        return issubclass(subclass, type)

    def __eq__(cls, other):
        return other is type or other is cls

    def __hash__(cls):
        return hash(type)


class type_of(metaclass=_TypeOf):
    """``type``, by which a Dual is what it stands for: an array, or 0-d a number of NumPy."""


def is_subclass(subclass, classes):
    """``issubclass``, for the classes of Duals too."""
    return issubclass(np.ndarray if subclass in (Dual, Traced) else subclass, classes)


# Builtins that adapted code finds in place of Python's.
CALLED |= {
    isinstance: is_instance, issubclass: is_subclass, type: type_of,
    hasattr: has_attribute, getattr: get_attribute,
    memoryview: of_plain(memoryview), bytearray: of_plain(bytearray),
}  # fmt: skip
