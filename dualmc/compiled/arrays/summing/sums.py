"""Sums and products of the elements of arrays of Duals, also running ones, also without NaN."""

import operator

import numpy as np
from numba.core import types
from numba.core.errors import TypingError
from numba.extending import overload

from dualmc.compiled.arrays.lines import counted, flat, is_whole, lines, vector, without
from dualmc.compiled.arrays.making import FIRST
from dualmc.compiled.arrays.methods import is_dual_array, method
from dualmc.compiled.copying.creators import is_nothing
from dualmc.compiled.scalars.dual_type import is_dual
from dualmc.compiled.scalars.intrinsics import as_dual, primal_of


def check_dtype(name, dtype, T):
    """Refuse to sum in another precision."""
    if not is_nothing(dtype) and getattr(dtype, "dtype", None) != T.base:
        raise TypingError(
            f"dualmc: {name} of Duals of {T.base} takes no other dtype, got {dtype}. Convert the "
            f"array before, by astype"
        )


def _check_axis(name, a, axis):
    if not is_whole(a, axis) and not isinstance(axis, types.Integer):
        raise TypingError(
            f"dualmc: {name} of Duals takes one axis, got axis of type {axis}. Sum along one axis "
            f"after the other"
        )
    if not is_whole(a, axis) and a.ndim > 4:
        raise TypingError(f"dualmc: {name} of Duals along an axis takes up to 4 dimensions")


@overload(np.sum, **FIRST)
@method("sum")
def _sum(a, axis=None, dtype=None):
    if is_dual(a):
        return lambda a, axis=None, dtype=None: a
    if not is_dual_array(a):
        return None
    T = a.dtype
    check_dtype("sum", dtype, T)
    _check_axis("sum", a, axis)
    if is_nothing(axis):
        return lambda a, axis=None, dtype=None: total(vector(a))
    if a.ndim == 1:

        def of_line(a, axis=None, dtype=None):
            counted(a, axis)
            return total(a)

        return of_line

    def along(a, axis=None, dtype=None):
        stack = lines(a, axis)
        before, n, after = stack.shape
        out = np.empty(before * after, T)
        for i in range(before):
            for j in range(after):
                s = as_dual(T, 0.0)
                for k in range(n):
                    s = s + stack[i, k, j]
                out[i * after + j] = s
        return out.reshape(without(a, axis))

    return along


def total(a):
    """The sum of a vector."""
    raise NotImplementedError


@overload(total)
def _total(a):
    T = a.dtype

    def in_order(a):
        s = as_dual(T, 0.0)
        for i in range(a.size):
            s = s + a[i]
        return s

    return in_order


@overload(np.prod, **FIRST)
@method("prod")
def _prod(a):
    if is_dual(a):
        return lambda a: a
    if not is_dual_array(a):
        return None
    T = a.dtype

    def in_order(a):
        a = vector(a)
        p = as_dual(T, 1.0)
        for i in range(a.size):
            p = p * a[i]
        return p

    return in_order


@overload(np.cumsum, **FIRST)
@method("cumsum")
def _cumsum(a, axis=None, dtype=None):
    if not is_dual_array(a):
        return None
    T = a.dtype
    check_dtype("cumsum", dtype, T)
    _check_axis("cumsum", a, axis)
    if is_whole(a, axis):
        has_axis = not is_nothing(axis)

        def of_line(a, axis=None, dtype=None):
            if has_axis:
                counted(a, axis)
            a = flat(a)
            out = np.empty(a.size, T)
            s = as_dual(T, 0.0)
            for i in range(a.size):
                s = s + a[i]
                out[i] = s
            return out

        return of_line

    def along(a, axis=None, dtype=None):
        stack = lines(a, axis)
        before, n, after = stack.shape
        out = np.empty((before, n, after), T)
        for i in range(before):
            for j in range(after):
                s = as_dual(T, 0.0)
                for k in range(n):
                    s = s + stack[i, k, j]
                    out[i, k, j] = s
        return out.reshape(a.shape)

    return along


@overload(np.cumprod, **FIRST)
@method("cumprod")
def _cumprod(a):
    if not is_dual_array(a):
        return None
    T = a.dtype

    def running(a):
        a = flat(a)
        out = np.empty(a.size, T)
        p = as_dual(T, 1.0)
        for i in range(a.size):
            p = p * a[i]
            out[i] = p
        return out

    return running


@overload(np.bincount, **FIRST)
def _bincount(a, weights=None, minlength=0):
    if not is_dual_array(weights) or not isinstance(a, types.Array):
        return None
    T = weights.dtype.with_base(types.float64)  # as Numba and NumPy

    def summed(a, weights=None, minlength=0):
        if a.size != weights.size:
            raise ValueError("bincount(): weights and list don't have the same length")
        out = np.zeros(np.bincount(a, None, minlength).size, T)
        for i in range(a.size):
            out[a[i]] = out[a[i]] + weights[i]
        return out

    return summed


# --- Without NaN ---------------------------------------------------------------------------------


def _without_nan(function, start, combine, is_running):
    def total(a):
        if not is_dual_array(a):
            return None
        T = a.dtype

        def combined(a):
            a = vector(a)
            s = as_dual(T, start)
            for i in range(a.size):
                if not np.isnan(primal_of(a[i])):
                    s = combine(s, a[i])
            return s

        return combined

    def running(a):
        if not is_dual_array(a):
            return None
        T = a.dtype

        def combined(a):
            a = flat(a)
            out = np.empty(a.size, T)
            s = as_dual(T, start)
            for i in range(a.size):
                if not np.isnan(primal_of(a[i])):
                    s = combine(s, a[i])
                out[i] = s
            return out

        return combined

    overload(function, **FIRST)(running if is_running else total)


_without_nan(np.nansum, 0.0, operator.add, False)
_without_nan(np.nanprod, 1.0, operator.mul, False)
_without_nan(np.nancumsum, 0.0, operator.add, True)
_without_nan(np.nancumprod, 1.0, operator.mul, True)
