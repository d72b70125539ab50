"""Stand-ins for what makes an array: new ones (``np.zeros``), and of something (``np.array``).

Whether a conversion gives the argument itself or a copy decides what a later write reaches, so it
is what NumPy makes of the plain numbers: of an array with the dtype and the memory order that are
asked for it is the array itself; of a number it is a new array.
"""

import math

import numpy as np

from dualmc.duals import subclasses
from dualmc.kernels.payload import values
from dualmc.unchanged.standins import methods  # noqa: F401 (enters the table)
from dualmc.unchanged.standins.table import (
    STANDINS,
    blank,
    has_carrier,
    is_carrier,
    operand,
    stands_for,
    value_of,
)

# --- New arrays ----------------------------------------------------------------------------------


def _register_makers():
    def maker(function):
        def standin(*args, **kwargs):
            return blank(function(*args, **kwargs))

        standin.__name__ = function.__name__
        standin.__doc__ = function.__doc__
        return standin

    for function in (
        np.zeros, np.ones, np.empty, np.eye, np.identity, np.tri, np.linspace, np.logspace,
        np.geomspace, np.zeros_like, np.ones_like, np.empty_like, np.copy,
        np.loadtxt, np.genfromtxt,
    ):  # fmt: skip
        STANDINS[function] = maker(function)


_register_makers()


@stands_for(np.full)
def full(shape, fill_value, dtype=None, order="C", **kwargs):
    if not has_carrier(fill_value):
        return blank(np.full(shape, fill_value, dtype, order, **kwargs))
    fill_value = operand(fill_value)
    y = np.empty(shape, fill_value.dtype if dtype is None else dtype, order, **kwargs)
    return np.full_like(fill_value, fill_value, dtype=y.dtype, shape=y.shape)


@stands_for(np.full_like)
def full_like(a, fill_value, dtype=None, order="K", subok=True, shape=None, **kwargs):
    if not has_carrier(fill_value) or is_carrier(a):
        options = {"order": order, "subok": subok, "shape": shape, **kwargs}
        return blank(np.full_like(a, fill_value, dtype=dtype, **options))
    y = np.empty_like(a, dtype, order, subok, shape, **kwargs)
    if y.dtype.kind not in "fc":
        return np.full_like(y, operand(fill_value))  # which refuses, if a derivative would be lost
    y = blank(y)
    y[...] = operand(fill_value)
    return y


@stands_for(np.arange)
def arange(*args, **kwargs):
    if not has_carrier(args) and not has_carrier(tuple(kwargs.values())):
        return blank(np.arange(*args, **kwargs))
    names = ("start", "stop", "step", "dtype")
    names = names if len(args) > 1 or "stop" in kwargs else names[1:]
    given = dict(zip(names, args, strict=False)) | kwargs
    start, step = given.get("start", 0), given.get("step", 1)
    if "stop" not in given:
        start, given["stop"] = 0, start
    start, stop, step = (np.ravel(operand(given_))[0] for given_ in (start, given["stop"], step))
    count = max(0, math.ceil((float(values(stop)) - float(values(start))) / float(values(step))))
    y = start + step * np.arange(count)
    return y if given.get("dtype") is None else y.astype(given["dtype"])


@stands_for(np.fromiter)
def fromiter(iter, dtype, count=-1, **kwargs):
    items = [item for _, item in zip(range(count), iter)] if count >= 0 else list(iter)  # noqa: B905
    if has_carrier(items):
        return operand(items).astype(dtype)
    return blank(np.fromiter(items, dtype, count, **kwargs))


@stands_for(np.fromfunction)
def fromfunction(function, shape, *, dtype=float, **kwargs):
    return function(*np.indices(shape, dtype=dtype), **kwargs)


# --- Arrays of something -------------------------------------------------------------------------


def _array_of(a):
    """Carriers, or lists of them, as one array: the same object if it is an array already."""
    return operand(a).as_array()


def _typed(y, dtype):
    return y if dtype is None or dtype is object or y.dtype == np.dtype(dtype) else y.astype(dtype)


def _shaped(y, ndmin):
    return np.reshape(y, (1,) * (ndmin - np.ndim(y)) + np.shape(y)) if np.ndim(y) < ndmin else y


def _ordered(y, convert, order):
    """`y`, or a copy in `order` where ``convert(values)`` is one."""
    plain = value_of(y)
    return y if np.may_share_memory(convert(plain), plain) or not plain.size else np.copy(y, order)


@stands_for(np.array)
def array(object, dtype=None, *, copy=True, order="K", subok=False, ndmin=0, like=None):
    if not has_carrier(object):
        options = {} if like is None else {"like": like}
        return blank(
            np.array(object, dtype, copy=copy, order=order, subok=subok, ndmin=ndmin, **options)
        )
    if isinstance(copy, np._CopyMode):
        copy = {np._CopyMode.ALWAYS: True, np._CopyMode.NEVER: False}.get(copy)
    y = _array_of(object)
    if copy and (y is object or type(object) in subclasses.MASKED):
        y = np.copy(y, order)
    elif not copy:
        y = _ordered(y, lambda a: np.asarray(a, order=order), order)
        if copy is False and y is not object:
            raise ValueError(
                "numpy.array(copy=False) needs an array that has the memory order asked for; use "
                "numpy.asarray, which copies where it must."
            )
    return _shaped(_typed(y, dtype), ndmin)


@stands_for(np.asanyarray)
def asanyarray(a, dtype=None, order=None, **kwargs):
    if dtype is None and (type(a) in subclasses.MASKED or issubclass(type(a), np.ndarray)):
        return a
    return asarray(a, dtype, order, **kwargs)


@stands_for(np.asarray)
def asarray(a, dtype=None, order=None, **kwargs):
    if has_carrier(a):
        y = _typed(_array_of(a), dtype)
        if order in (None, "K"):
            return y
        return _ordered(y, lambda a: np.asarray(a, order=order), order)
    y = np.asarray(a, dtype, order, **kwargs)
    return y if issubclass(type(a), np.ndarray) else blank(y)


@stands_for(np.ascontiguousarray)
def ascontiguousarray(a, dtype=None, **kwargs):
    if has_carrier(a):
        y = _shaped(_typed(_array_of(a), dtype), 1)
        return _ordered(y, np.ascontiguousarray, "C")
    return np.ascontiguousarray(a, dtype, **kwargs)


@stands_for(np.asfortranarray)
def asfortranarray(a, dtype=None, **kwargs):
    if has_carrier(a):
        return _ordered(_typed(_array_of(a), dtype), np.asfortranarray, "F")
    return np.asfortranarray(a, dtype, **kwargs)


@stands_for(np.require)
def require(a, dtype=None, requirements=None, **kwargs):
    if has_carrier(a):
        y = _typed(_array_of(a), dtype)
        wanted = [requirements] if isinstance(requirements, str) else requirements or ()
        order = "F" if {"F", "F_CONTIGUOUS", "FORTRAN"} & {w.upper() for w in wanted} else "C"
        return _ordered(y, lambda a: np.require(a, None, requirements), order)
    return np.require(a, dtype, requirements, **kwargs)


@stands_for(np.asarray_chkfinite)
def asarray_chkfinite(a, dtype=None, order=None):
    if has_carrier(a):
        y = asarray(a, dtype, order)
        if not np.all(np.isfinite(y)):
            np.asarray_chkfinite(value_of(y))  # raises
        return y
    return blank(np.asarray_chkfinite(a, dtype, order))
