"""NumPy's functions that make arrays, as a function compiled for Duals finds them.

An array of floats that such a function makes may be given Duals later: it is one of Duals from the
start, its partials 0.  Arrays of another dtype stay what they are.
"""

import numpy as np
from numba.core import types
from numba.extending import overload, register_jitable
from numba.np.numpy_support import from_dtype

from dualmc.compiled import arena
from dualmc.compiled.scalars.dual_type import base_of, is_dual
from dualmc.compiled.scalars.intrinsics import as_dual, in_precision, instance

OPTIONS = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def is_nothing(kind):
    return kind is None or isinstance(kind, (types.NoneType, types.Omitted))


def is_float_dtype(dtype):
    """Whether the dtype that the code names means its working precision."""
    if is_nothing(dtype):
        return True
    if isinstance(dtype, types.StringLiteral):
        return np.dtype(dtype.literal_value).kind == "f"
    if isinstance(dtype, types.Function):
        return dtype.typing_key is float
    return isinstance(getattr(dtype, "dtype", None), types.Float)


def of_precision(T, dtype):
    """The Dual of floats as wide as `dtype` says."""
    base = getattr(dtype, "dtype", None)
    if isinstance(dtype, types.StringLiteral):
        base = from_dtype(np.dtype(dtype.literal_value))
    return instance(T).with_base(base if isinstance(base, types.Float) else types.float64)


def dual_empty(T, shape, dtype=None, near=None):
    raise NotImplementedError


def dual_zeros(T, shape, dtype=None, near=None):
    raise NotImplementedError


def dual_ones(T, shape, dtype=None):
    raise NotImplementedError


def dual_full(T, shape, fill_value, dtype=None):
    raise NotImplementedError


def dual_array(T, object, dtype=None, near=None):
    raise NotImplementedError


def dual_empty_like(T, a, dtype=None):
    raise NotImplementedError


def dual_zeros_like(T, a, dtype=None):
    raise NotImplementedError


def dual_ones_like(T, a, dtype=None):
    raise NotImplementedError


def dual_full_like(T, a, fill_value, dtype=None):
    raise NotImplementedError


def in_duals(T, a):
    raise NotImplementedError


def as_float64(x):
    raise NotImplementedError


def as_float32(x):
    raise NotImplementedError


def _made_by(placeholder, function, in_room=None):
    @overload(placeholder, prefer_literal=True)
    def chosen(T, shape, dtype=None, near=None):
        if not is_float_dtype(dtype):
            return lambda T, shape, dtype=None, near=None: function(shape, dtype)
        kind = of_precision(T, dtype)
        if arena.has_room(near):
            return lambda T, shape, dtype=None, near=None: in_room(kind, shape, near)
        return lambda T, shape, dtype=None, near=None: function(shape, kind)


_made_by(dual_empty, np.empty, arena.empty_near)
_made_by(dual_zeros, np.zeros, arena.zeros_near)


@overload(dual_ones, prefer_literal=True)
def _ones(T, shape, dtype=None):
    if is_float_dtype(dtype):
        kind = of_precision(T, dtype)
        return lambda T, shape, dtype=None: np.ones(shape, kind)
    return lambda T, shape, dtype=None: np.ones(shape, dtype)


@overload(dual_full, prefer_literal=True)
def _full(T, shape, fill_value, dtype=None):
    whole = (types.Integer, types.Boolean, types.Complex)
    if is_float_dtype(dtype) and not (is_nothing(dtype) and isinstance(fill_value, whole)):
        kind = of_precision(T, dtype)
        if is_nothing(dtype) and (is_dual(fill_value) or isinstance(fill_value, types.Float)):
            kind = kind.with_base(base_of(fill_value))
        return lambda T, shape, fill_value, dtype=None: np.full(shape, fill_value, kind)
    if is_nothing(dtype):
        return lambda T, shape, fill_value, dtype=None: np.full(shape, fill_value)
    return lambda T, shape, fill_value, dtype=None: np.full(shape, fill_value, dtype)


def _is_of_floats(a):
    return isinstance(a, types.Array) and isinstance(a.dtype, types.Float)


def _made_like(placeholder, function, like):
    @overload(placeholder, prefer_literal=True)
    def chosen(T, a, dtype=None):
        if is_nothing(dtype) and not _is_of_floats(a):
            return lambda T, a, dtype=None: like(a)
        if not isinstance(a, types.Array) or not is_float_dtype(dtype):
            return lambda T, a, dtype=None: like(a, dtype)
        base = a.dtype if is_nothing(dtype) else None
        kind = of_precision(T, dtype) if base is None else instance(T).with_base(base)
        return lambda T, a, dtype=None: function(a.shape, kind)


for _placeholder, _function, _like in (
    (dual_empty_like, np.empty, np.empty_like), (dual_zeros_like, np.zeros, np.zeros_like),
    (dual_ones_like, np.ones, np.ones_like),
):  # fmt: skip
    _made_like(_placeholder, _function, _like)


@overload(dual_full_like, prefer_literal=True)
def _full_like(T, a, fill_value, dtype=None):
    def filled(T, a, fill_value, dtype=None):
        out = dual_empty_like(T, a, dtype)
        out[...] = fill_value
        return out

    return filled


@overload(in_duals)
def _in_duals(T, a):
    if _is_of_floats(a):
        kind = instance(T).with_base(a.dtype)

        def copied(T, a):
            out = np.empty(a.shape, kind)
            for index in np.ndindex(a.shape):
                out[index] = a[index]
            return out

        return copied
    if isinstance(a, types.Float):
        number = instance(T).with_base(a)
        return lambda T, a: as_dual(number, a)
    return lambda T, a: a


# Functions of their own: Numba rewrites ``np.array([...])`` and builds a dtype by its name.
@register_jitable
def _array(object):
    return np.array(object)


@register_jitable
def _array_of(object, dtype):
    return np.array(object, dtype)


@overload(dual_array)
def _dual_array(T, object, dtype=None, near=None):
    if not is_nothing(dtype):
        return lambda T, object, dtype=None, near=None: _array_of(object, dtype)
    if arena.has_room(near) and isinstance(object, types.BaseTuple):
        from dualmc.compiled.arrays.making import common

        kind = common(object.types)
        if kind is not None:
            return _of_numbers(kind, object.count)
    return lambda T, object, dtype=None, near=None: _array(object)


def _of_numbers(kind, n):
    from dualmc.compiled.arrays.making import tuple_of

    def in_room(T, object, dtype=None, near=None):
        duals = tuple_of(object, kind)
        out = arena.empty_near(kind, n, near)
        for i in range(n):
            out[i] = duals[i]
        return out

    return in_room


def _called(placeholder, function, base):
    @overload(placeholder)
    def chosen(x):
        if is_dual(x):
            return (lambda x: x) if x.base == base else (lambda x: in_precision(x, function))
        return lambda x: function(x)


_called(as_float64, np.float64, types.float64)
_called(as_float32, np.float32, types.float32)


def creators(T, promotes_all):
    """NumPy's functions and what stands for each, for Duals of type `T`.

    With `promotes_all` also those whose floats are seldom written to.
    """

    def empty(shape, dtype=None, near=None):
        return dual_empty(T, shape, dtype, near)

    def zeros(shape, dtype=None, near=None):
        return dual_zeros(T, shape, dtype, near)

    def ones(shape, dtype=None):
        return dual_ones(T, shape, dtype)

    def full(shape, fill_value, dtype=None):
        return dual_full(T, shape, fill_value, dtype)

    def array(object, dtype=None, near=None):
        return dual_array(T, object, dtype, near)

    # `near` is given by `list_pass`, where the function has an array of Duals: see `arena`.
    found = {np.empty: empty, np.zeros: zeros, np.ones: ones, np.full: full, np.array: array}
    found |= _of_others(T)
    if promotes_all:
        found |= _of_constants(T)
    return found


def _of_others(T):
    def empty_like(a, dtype=None):
        return dual_empty_like(T, a, dtype)

    def zeros_like(a, dtype=None):
        return dual_zeros_like(T, a, dtype)

    def ones_like(a, dtype=None):
        return dual_ones_like(T, a, dtype)

    def full_like(a, fill_value, dtype=None):
        return dual_full_like(T, a, fill_value, dtype)

    return {
        np.empty_like: empty_like, np.zeros_like: zeros_like, np.ones_like: ones_like,
        np.full_like: full_like,
    }  # fmt: skip


def _of_constants(T):
    def array(object, dtype=None, near=None):
        return in_duals(T, dual_array(T, object, dtype, near))

    def eye(N, M=None, k=0):
        return in_duals(T, np.eye(N, M, k))

    def identity(n):
        return in_duals(T, np.identity(n))

    def linspace(start, stop, num=50):
        return in_duals(T, np.linspace(start, stop, num))

    def arange(start, stop=None, step=None, dtype=None):
        return in_duals(T, np.arange(start, stop, step, dtype))

    return {
        np.array: array, np.eye: eye, np.identity: identity, np.linspace: linspace,
        np.arange: arange,
    }  # fmt: skip
