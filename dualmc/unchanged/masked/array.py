"""`Masked`: a masked array whose data carry their derivative.

numpy.ma is Python code written against two attributes, `_data` and `_mask`, and against ``view``.
Duals and Traceds have `_data` (themselves) and give a `Masked` where that code takes a view as a
masked array; a `Masked` has all three, and borrows the methods of NumPy's own class.  So numpy.ma
itself decides what is masked, and no rule of it is written twice.

The mask is a plain array: what a comparison says of a Traced is looked at, as an `if` would.
Imported when numpy.ma was imported by somebody.
"""

import operator

import numpy as np
from numpy import ma

from dualmc.duals import subclasses
from dualmc.duals.elements import CARRIERS
from dualmc.errors import missing_rule

nomask, MaskedArray = ma.nomask, ma.MaskedArray
# A step of a domain that is decided on arrays of objects, element by element.
_QUOTIENTS = frozenset({np.divide, np.floor_divide, np.remainder, np.fmod})


def looked(a):
    """The plain numbers of `a`, which decide what f does next."""
    if hasattr(a, "look"):  # a Traced
        return a.look()
    while hasattr(a, "own_tangent"):
        a = a.primal
    return a


class Masked:
    """A masked array whose data is a Dual or a Traced."""

    __slots__ = ("_data", "_held", "_fill_value", "_sharedmask")
    __array_priority__ = 3000.0
    __hash__ = None

    def __init__(self, data, mask=nomask, source=None):
        self._data = data
        self._mask = mask
        self._fill_value = getattr(source, "_fill_value", None)

    @property
    def _mask(self):
        return self._held

    @_mask.setter
    def _mask(self, mask):
        mask = looked(mask)
        if mask is nomask or mask is None or mask is False:
            self._held = nomask
            return
        mask = np.asarray(looked(mask), bool)
        if mask.shape != self._data.shape:
            mask = np.broadcast_to(mask, self._data.shape).copy()
        self._held = mask

    def __setmask__(self, mask, copy=False):
        self._mask = mask

    mask = property(lambda self: self._mask, lambda self, mask: self.__setmask__(mask))
    data = property(lambda self: self._data)
    shape = property(lambda self: self._data.shape)
    ndim = property(lambda self: self._data.ndim)
    size = property(lambda self: self._data.size)
    dtype = property(lambda self: self._data.dtype)
    baseclass = property(lambda self: np.ndarray)

    @property
    def fill_value(self):
        value = self._fill_value
        return self.dtype.type(ma.default_fill_value(self.dtype) if value is None else value)

    @fill_value.setter
    def fill_value(self, value):
        self._fill_value = value

    def _update_from(self, other):
        self._fill_value = getattr(other, "_fill_value", None)

    def full_mask(self):
        return np.zeros(self.shape, bool) if self._mask is nomask else self._mask

    def __repr__(self):
        return f"Masked({self._data!r}, mask={self._mask!r})"

    def __len__(self):
        return len(self._data)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __bool__(self):
        return bool(self._numbers())

    def __float__(self):
        return float(self._numbers() if self.full_mask().any() else self._data)

    def _numbers(self):
        """The same without derivative."""
        return ma.array(looked(self._data), mask=self._mask, fill_value=self._fill_value)

    # --- Parts and views -------------------------------------------------------------------------

    def __getitem__(self, key):
        key = looked(key) if hasattr(key, "dtype") else key
        return result(self._data[key], self.full_mask()[key], self)

    def __setitem__(self, key, value):
        if self._mask is nomask:
            self._mask = self.full_mask()
        if value is ma.masked:
            self._mask[key] = True
            return
        self._data[key] = ma.getdata(value)
        self._mask[key] = ma.getmaskarray(value)

    def view(self, *args, **options):
        kind = args[0] if args else type(self)
        if kind is np.ndarray:
            return self._data
        if kind is Masked or isinstance(kind, type) and issubclass(kind, MaskedArray):
            return Masked(self._data, self._mask, self)
        raise missing_rule("numpy.ma.MaskedArray.view of another type")

    def compressed(self):
        return self._data[~self.full_mask()]

    def std(self, axis=None, dtype=None, out=None, ddof=0, keepdims=False):
        """By `numpy.std`, whose derivative where all elements are equal is a convention."""
        spread = self.var(axis, dtype, out, ddof, keepdims=keepdims)
        if spread is ma.masked or dtype is not None or out is not None:
            return ma.sqrt(spread)
        mask = self.full_mask()
        present = ~mask | mask.all(axis, keepdims=True)
        y = np.std(self._data, axis, ddof=ddof, keepdims=keepdims, where=present)
        return result(y, ma.getmaskarray(spread), self)

    def copy(self, order="C"):
        return Masked(self._data.copy(order), self.full_mask().copy(), self)

    def astype(self, dtype, *args, **options):
        return result(self._data.astype(dtype), self._mask, self)

    # --- Protocols -------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        return ufunc_of(ufunc, method, inputs, options)

    def __array_function__(self, function, types, args, options):
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

    @property
    def __array_interface__(self):
        raise subclasses.refused(type(self))


subclasses.MASKED.add(Masked)


def result(data, mask, source=None):
    """A masked array, or where there are no axes the number, or numpy.ma.masked.

    What numpy.ma keeps beside data and mask is that of `source`.
    """
    if np.ndim(data) == 0:
        return ma.masked if mask is not nomask and np.all(mask) else data
    if type(data) in CARRIERS:
        return Masked(data, mask, source)
    return ma.array(data, mask=mask, fill_value=getattr(source, "_fill_value", None))


def settled(y):
    """What a function of numpy.ma returned; a number without axes as `result` has it."""
    if type(y) is Masked and not y.ndim:
        return result(y._data, y._mask)
    return y


def viewed(carrier, kind):
    """``carrier.view(kind)`` where numpy.ma takes its own view of a result; None: not here."""
    if kind is not Masked:
        if not (isinstance(kind, type) and issubclass(kind, MaskedArray)):
            return None
        check_class(kind)
    if carrier.dtype.kind == "b":  # of a Traced: what a comparison says
        return ma.array(looked(carrier))
    return Masked(carrier)


def check_class(kind):
    """Refuse a class of masked arrays with behaviour of its own, which a `Masked` has not."""
    if kind not in _KNOWN and subclasses.overridden(kind, MaskedArray) is not None:
        raise subclasses.refused(kind)


_KNOWN = (MaskedArray, type(ma.masked), Masked)

# --- Ufuncs --------------------------------------------------------------------------------------

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
            y = np.where(outside, fill[-1] if isinstance(fill, tuple) else fill, y)
            mask = mask | outside
    return result(y, mask, max(filter(subclasses.is_masked, inputs), key=_priority))


def _priority(a):
    return a.__array_priority__ if type(a) is not Masked else MaskedArray.__array_priority__


def _outside(ufunc, domain, operands):
    """Where a domained function is not defined."""
    with np.errstate(all="ignore"):
        if ufunc in _QUOTIENTS:  # whose own domain converts to arrays
            a, b = (np.absolute(p) for p in operands)
            return looked(a * np.finfo(float).tiny >= b)
        return looked(domain(*operands))


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


def _attach():
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
        other = other._numbers() if type(other) is Masked else looked(other)
        if hasattr(self._data, "look"):  # a Traced: what is compared decides, not the numbers
            check = looked(compare(self._data, ma.getdata(other)))
            mask = ma.mask_or(self.full_mask(), ma.getmaskarray(other))
            return ma.array(check, mask=mask)
        return compare(self._numbers(), other)

    return method


_attach()
