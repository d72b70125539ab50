"""`Masked`: a masked array whose data carry their derivative.

numpy.ma is Python code written against two attributes, `_data` and `_mask`, and against ``view``.
Duals and Traceds have `_data` (themselves) and give a `Masked` where that code takes a view as a
masked array; a `Masked` has all three, and borrows the methods of NumPy's own class.  So numpy.ma
itself decides what is masked, and no rule of it is written twice.

The mask is a plain array: what a comparison says of a Traced is looked at, as an `if` would.
Imported when numpy.ma was imported by somebody.
"""

import numpy as np
from numpy import ma

from dualmc.duals import subclasses
from dualmc.duals.elements import CARRIERS
from dualmc.errors import missing_rule
from dualmc.unchanged.standins.table import looked_at

nomask, MaskedArray = ma.nomask, ma.MaskedArray


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
        mask = looked_at(mask)
        if mask is nomask or mask is None or mask is False:
            self._held = nomask
            return
        mask = np.asarray(looked_at(mask), bool)
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
        return ma.array(looked_at(self._data), mask=self._mask, fill_value=self._fill_value)

    # --- Parts and views -------------------------------------------------------------------------

    def __getitem__(self, key):
        key = looked_at(key) if hasattr(key, "dtype") else key
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


def check_class(kind):
    """Refuse a class of masked arrays with behaviour of its own, which a `Masked` has not."""
    if kind not in _KNOWN and subclasses.overridden(kind, MaskedArray) is not None:
        raise subclasses.refused(kind)


_KNOWN = (MaskedArray, type(ma.masked), Masked)
