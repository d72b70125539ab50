"""Single values of a snapshot: numbers, dates, arrays and buffers.

A match is a function of another value, and of a dict for its use, that says if it is the same.
"""

import array
import ctypes
import datetime
import decimal
import fractions
import inspect
import logging
import marshal
import pathlib
import re
import sys
import threading
import types
import uuid

import numpy as np

ndarray = np.ndarray
# Bytes up to which an array is compared through a copy.
SMALL = 2**16

# --- Numbers and the like -----------------------------------------------------------------------

PLAIN = frozenset(
    {int, bool, str, bytes, float, complex, type(None), type(Ellipsis), type(NotImplemented), range}
)
MARSHALLED = frozenset({int, bool, str, float, type(None)})
BY_EQUALITY = (
    datetime.date, datetime.time, datetime.timedelta, datetime.tzinfo, decimal.Decimal,
    fractions.Fraction, uuid.UUID, pathlib.PurePath, re.Pattern, np.dtype,
)  # fmt: skip
BY_IDENTITY = (
    np.ufunc, logging.Logger, type(threading.Lock()), type(threading.RLock()),
    threading.local, types.MemberDescriptorType, types.GetSetDescriptorType,
    types.WrapperDescriptorType, types.MethodDescriptorType, types.MethodWrapperType,
    types.ClassMethodDescriptorType, types.CodeType, type(np.concatenate), inspect.Signature,
)  # fmt: skip


def identical(value):
    return lambda v, seen: v is value


def plain(kind, value):
    if kind is float and (value == 0 or value != value) or kind is complex:
        text = repr(value)
        return lambda v, seen: type(v) is kind and repr(v) == text
    return lambda v, seen: type(v) is kind and v == value


def is_pure(value):
    """Whether `value` is plain values in one list or dict, or in tuples: no object twice."""
    if type(value) is dict:
        return all(map(_is_settled, value)) and all(map(_is_settled, value.values()))
    return all(map(_is_settled, value))


def _is_settled(value):
    kind = type(value)
    return kind in MARSHALLED or kind is tuple and all(map(_is_settled, value))


def marshalled(book, value):
    """The match of a pure value, as bytes: to the bit and in order (version 2: no references)."""
    kind, packed = type(value), marshal.dumps(value, 2)
    book.note(packed)

    def check(v, seen):
        try:
            return type(v) is kind and marshal.dumps(v, 2) == packed
        except ValueError:  # it holds something else
            return False

    return check


def scalar_match(book, value):
    """A number of NumPy's."""
    kind, dtype, packed = type(value), value.dtype, value.tobytes()
    book.note(dtype.str, packed)
    return lambda v, seen: type(v) is kind and v.dtype == dtype and v.tobytes() == packed


def layout_of(a):
    """How a copy of `a` lies in memory: None in C order."""
    return None if a.flags.c_contiguous or a.ndim < 2 else _strides(np.empty_like(a))


def _strides(a):
    return None if a.flags.c_contiguous else a.strides


def array_match(book, value):
    """An exact array, and which one it is."""
    return book.numbered(value, lambda: of_array(book, value))


def of_array(book, value):
    dtype, shape, layout = value.dtype, value.shape, layout_of(value)
    if dtype.hasobject:
        return _of_objects(book, value)
    is_small = value.nbytes <= SMALL
    strides, copy = value.strides, value.tobytes() if is_small else np.array(value, order="C")
    if book.digest is not None:
        book.note(repr(dtype), shape, layout)
        book.digest.update(copy)

    def check(v, seen):
        if type(v) is not ndarray or v.shape != shape:
            return False
        if v.dtype is not dtype and v.dtype != dtype:
            return False
        if v.strides != strides and layout_of(v) != layout:
            return False
        return v.tobytes() == copy if is_small else _same_bytes(v, copy)

    return check


def _of_objects(book, value):
    book.note(value.shape)
    shape, inner = value.shape, book.items(value.reshape(-1))
    return lambda v, seen: (
        type(v) is np.ndarray
        and v.dtype == object
        and v.shape == shape
        and inner(list(v.reshape(-1)), seen)
    )


_memcmp = None


def _same_bytes(a, copy):
    """Whether two large arrays of one dtype and shape hold the same bits; `copy` is in C order."""
    global _memcmp
    if _memcmp is None:
        library = ctypes.cdll.msvcrt if sys.platform == "win32" else ctypes.CDLL(None)
        _memcmp = library.memcmp
        _memcmp.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
    if not a.flags.c_contiguous:
        a = np.array(a, order="C")
    return _memcmp(a.ctypes.data, copy.ctypes.data, copy.nbytes) == 0


def buffer(book, value):
    kind = type(value)
    if kind is array.array:
        code, packed = value.typecode, value.tobytes()
        book.note(code, packed)
        return lambda v, seen: type(v) is kind and v.typecode == code and v.tobytes() == packed
    if kind is memoryview:
        form, shape, packed = value.format, value.shape, value.tobytes()
        book.note(form, shape, packed)
        return lambda v, seen: (
            type(v) is kind and (v.format, v.shape) == (form, shape) and v.tobytes() == packed
        )
    packed = bytes(value)
    book.note(packed)
    return lambda v, seen: type(v) is kind and v == packed
