"""What NumPy's functions, ufuncs and operators do with a `Masked`, and its borrowed methods."""

import operator

import numpy as np
from numpy import ma

from dualmc.duals import subclasses
from dualmc.errors import missing_rule
from dualmc.unchanged.masked.array import Masked, MaskedArray, check_class, nomask, result, settled
from dualmc.unchanged.standins.table import looked_at

# --- Ufuncs --------------------------------------------------------------------------------------

# A step of a domain that is decided on arrays of objects, element by element.
_QUOTIENTS = frozenset({np.divide, np.floor_divide, np.remainder, np.fmod})
_OPERATIONS = {
    np.add: ma.add,
    np.subtract: ma.subtract,
    np.multiply: ma.multiply,
    np.divide: ma.true_divide,
    np.floor_divide: ma.floor_divide,
    np.power: ma.power,
}


def ufunc_of(ufunc, method, inputs, options):
    """A ufunc of masked arrays: masked is what an operand is, or where it is not defined.

    What ``numpy.ma.MaskedArray.__array_wrap__`` does; but arithmetic with an ordinary array on the
    left of a `Masked` arrives here too, and has numpy.ma's function of its own.
    """
    if method != "__call__" or options or ufunc.nout != 1 or ufunc.signature:
        raise missing_rule(f"numpy.{ufunc.__name__} of masked arrays in this form")
    if type(inputs[0]) is np.ndarray and type(inputs[1]) is Masked and ufunc in _OPERATIONS:
        return settled(_OPERATIONS[ufunc](*inputs))
    for a in filter(subclasses.is_masked, inputs):
        check_class(type(a))
    operands = [ma.getdata(a) for a in inputs]
    y = ufunc(*operands)
    mask = nomask
    for a in inputs:
        mask = ma.mask_or(mask, ma.getmaskarray(a))
    domain = ma.core.ufunc_domain.get(ufunc)
    if domain is not None:
        outside = np.broadcast_to(_outside(ufunc, domain, operands), y.shape)
        if ufunc not in _QUOTIENTS:  # what is masked is compared, to masked, which is filled
            outside = outside | mask
        if outside.any():
            fill = ma.core.ufunc_fills[ufunc]
            y = np.where(outside, fill[-1] if issubclass(type(fill), tuple) else fill, y)
            mask = mask | outside
    return result(y, mask, max(filter(subclasses.is_masked, inputs), key=_priority))


def _priority(a):
    return a.__array_priority__ if type(a) is not Masked else MaskedArray.__array_priority__


def _outside(ufunc, domain, operands):
    """Where a domained function is not defined."""
    with np.errstate(all="ignore"):
        if ufunc in _QUOTIENTS:  # whose own domain converts to arrays
            a, b = (np.absolute(p) for p in operands)
            return looked_at(a * np.finfo(float).tiny >= b)
        return looked_at(domain(*operands))


def viewed(carrier, kind):
    """``carrier.view(kind)`` where numpy.ma takes its own view of a result; None: not here."""
    if kind is not Masked:
        if not (isinstance(kind, type) and issubclass(kind, MaskedArray)):
            return None
        check_class(kind)
    if carrier.dtype.kind == "b":  # of a Traced: what a comparison says
        return ma.array(looked_at(carrier))
    return Masked(carrier)


# --- Methods and operators -----------------------------------------------------------------------

# Methods of numpy.ma's class that are written against `_data`, `_mask` and `filled`.
_BORROWED = """
    filled sum prod product cumsum cumprod mean var max min ptp anom dot count round
""".split()
# Of the numbers alone.
_FLAT = "all any argmax argmin argsort nonzero tolist".split()
MOVES = frozenset(
    """
    reshape ravel transpose expand_dims squeeze swapaxes moveaxis flip repeat take diagonal
    atleast_1d atleast_2d broadcast_to
    """.split()
)
# By the name of NumPy's function; those of numpy.ma have two more.
BY_METHOD = {name: name for name in (*_BORROWED, *_FLAT, "std", "copy", "compressed")}
BY_METHOD |= {"amax": "max", "amin": "min", "around": "round"}
_OF_NUMPY = {key: BY_METHOD[key] for key in BY_METHOD if key not in ("filled", "ptp")}


def moved(function, args, options):
    """A function that moves elements, of the data and of the mask alike."""
    a, *rest = args
    mask = function(a.full_mask(), *rest, **options)
    return result(function(a._data, *rest, **options), mask, a)


def _borrowed(name):
    original = getattr(MaskedArray, name)

    def method(self, *args, **options):
        return settled(original(Masked(self._data, self.full_mask(), self), *args, **options))

    return method


def _of_numbers(name):
    def method(self, *args, **options):
        return getattr(self._numbers(), name)(*args, **options)

    return method


def _moving(name):
    def method(self, *args, **options):
        y = getattr(self._data, name)(*args, **options)
        return result(y, getattr(self.full_mask(), name)(*args, **options), self)

    return method


def _of_ufunc(self, ufunc, method, *inputs, **options):
    return ufunc_of(ufunc, method, inputs, options)


def _of_function(self, function, types, args, options):
    name = function.__name__
    if args and args[0] is self:
        if name in MOVES:
            return moved(function, args, options)
        if name in _OF_NUMPY and getattr(np, name, None) is function:
            return getattr(self, _OF_NUMPY[name])(*args[1:], **options)
    if function is np.copyto and args[0] is self:
        rest = [a._data if type(a) is Masked else a for a in args[1:]]
        return np.copyto(self._data, *rest, **options)
    if function in (np.shape, np.ndim, np.size, np.iscomplexobj, np.isrealobj):
        return function(*(a._data if type(a) is Masked else a for a in args), **options)
    raise missing_rule(f"numpy.{name} of masked arrays")


def _attach():
    Masked.__array_ufunc__, Masked.__array_function__ = _of_ufunc, _of_function
    for name in _BORROWED:
        setattr(Masked, name, _borrowed(name))
    for name in _FLAT:
        setattr(Masked, name, _of_numbers(name))
    for name in "reshape ravel flatten transpose squeeze swapaxes repeat take diagonal".split():
        setattr(Masked, name, _moving(name))
    Masked.T = property(lambda self: self.transpose())
    for name, function in {
        "add": ma.add, "sub": ma.subtract, "mul": ma.multiply, "truediv": ma.true_divide,
        "floordiv": ma.floor_divide, "pow": ma.power, "mod": np.remainder,
    }.items():  # fmt: skip
        setattr(Masked, f"__{name}__", lambda a, b, f=function: settled(f(a, b)))
        setattr(Masked, f"__r{name}__", lambda a, b, f=function: settled(f(b, a)))
        if name in ("add", "sub", "mul", "truediv"):
            setattr(Masked, f"__i{name}__", _in_place(getattr(operator, f"i{name}")))
    for name in ("lt", "le", "gt", "ge", "eq", "ne"):
        setattr(Masked, f"__{name}__", _comparison(getattr(operator, name)))
    Masked.__neg__ = lambda self: np.negative(self)
    Masked.__pos__ = lambda self: np.positive(self)
    Masked.__abs__ = lambda self: np.absolute(self)


def _in_place(write):
    """``a += b``: masked elements keep their data."""
    unit = 0.0 if write in (operator.iadd, operator.isub) else 1.0

    def method(self, other):
        data, mask = ma.getdata(other), ma.getmaskarray(other)
        if write is operator.itruediv:
            mask = mask | _outside(np.divide, None, (self._data, data))
        mask = self.full_mask() | mask
        write(self._data, np.where(mask, unit, data))
        self._mask = mask
        return self

    return method


def _comparison(compare):
    def method(self, other):
        other = other._numbers() if type(other) is Masked else looked_at(other)
        if hasattr(self._data, "look"):  # a Traced: what is compared decides, not the numbers
            check = looked_at(compare(self._data, ma.getdata(other)))
            mask = ma.mask_or(self.full_mask(), ma.getmaskarray(other))
            return ma.array(check, mask=mask)
        return compare(self._numbers(), other)

    return method


_attach()
