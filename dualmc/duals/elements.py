"""Carriers as elements: what arrays of objects hold where another class's own code computes.

A carrier is what stands for an array with derivatives, a `Dual` or a `Traced`.
"""

import numbers
import operator

import numpy as np

ndarray = np.ndarray

# The classes of carriers: `dual.py` and `traced.py` add theirs.
CARRIERS: set = set()


def objects_of(a):
    """A carrier as an array of its elements; without axes, a `Number`."""
    if not a.shape:
        return Number(a)
    flat = a.reshape(-1)
    out = np.empty(flat.shape, object)
    for i in range(out.size):
        out[i] = flat[i]
    return out.reshape(a.shape)


def opened_array(a):
    """An array of objects with the carriers of the Numbers in it."""
    if not any(type(item) is Number for item in a.flat):
        return a
    out = np.empty(a.shape, object)
    for i in np.ndindex(a.shape):
        out[i] = opened(a[i])
    return out


def with_entries(a, function):
    """An array of objects of its own class, every entry replaced by what `function` makes of it."""
    out = a.copy()
    entries = out.view(ndarray)
    for i in np.ndindex(a.shape):
        entries[i] = function(entries[i])
    return out.astype(float)


class Number(numbers.Number):
    """A carrier without axes as a number that takes no part in NumPy's protocols.

    What is computed of it is a Number again, until it meets a carrier or leaves f.
    """

    __slots__ = ("carrier",)
    __hash__ = None

    def __init__(self, carrier):
        self.carrier = carrier

    def __getattr__(self, name):  # exp, sin, ...: NumPy's loops over objects look for methods
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(self.carrier, name)
        if not callable(found):
            return found
        return lambda *args: _closed(found(*map(opened, args)))

    def __getitem__(self, key):  # ``number[()]``, as of NumPy's
        return _closed(self.carrier[key])

    def __float__(self):
        return float(self.carrier)

    def __bool__(self):
        return bool(self.carrier)

    def __repr__(self):
        return repr(self.carrier)


def is_labelled(a):
    """Whether `a` is a Series or a DataFrame of pandas: numbers with labels."""
    kind = type(a)  # of module pandas.core.series, since pandas 3 of module pandas
    return kind.__module__.partition(".")[0] == "pandas" and hasattr(kind, "to_numpy")


def _is_other(a):
    """An array of a subclass, or of pandas', whose own operator is to be asked."""
    return issubclass(type(a), ndarray) and type(a) is not ndarray or is_labelled(a)


def _closed(a):
    return Number(a) if type(a) in CARRIERS and not a.shape else a


def opened(a):
    return a.carrier if type(a) is Number else a


def _number_operators():
    def attach(name, reflected):
        function = getattr(operator, name)

        def method(self, other):
            if _is_other(other):
                return NotImplemented
            return _closed(function(self.carrier, opened(other)))

        def back(self, other):
            return NotImplemented if _is_other(other) else _closed(function(other, self.carrier))

        setattr(Number, f"__{name}__", method)
        if reflected:
            setattr(Number, f"__r{name}__", back)

    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
        attach(name, True)
    for name in ("lt", "le", "gt", "ge", "eq", "ne"):
        attach(name, False)
    for name in ("neg", "pos", "abs"):
        function = getattr(operator, name)
        setattr(Number, f"__{name}__", lambda self, f=function: _closed(f(self.carrier)))


_number_operators()
