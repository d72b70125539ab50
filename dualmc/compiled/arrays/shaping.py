"""Arrays of Duals joined with numbers, between two numbers, of powers and of differences."""

import numpy as np
from numba.core import types
from numba.extending import overload, register_jitable

from dualmc.compiled.arrays.applying import each
from dualmc.compiled.arrays.looping import bare, element, is_dual_array
from dualmc.compiled.arrays.making import FIRST, common
from dualmc.compiled.copying.creators import is_nothing
from dualmc.compiled.scalars.dual_type import is_dual
from dualmc.compiled.scalars.intrinsics import primal_of


def _pieces(*kinds):
    """What holds the elements of numbers and arrays; None: they are others, or no Duals."""
    kinds = [bare(kind) for kind in kinds]
    return common([element(kind) for kind in kinds])


def put(out, first, values):
    raise NotImplementedError


@overload(put)
def _put(out, first, values):
    """Write a number, or the elements of an array in C order; returns the next position."""
    if isinstance(values, types.Array):

        def of_array(out, first, values):
            for value in values.flat:
                out[first] = value
                first += 1
            return first

        return of_array

    if is_nothing(values):
        return lambda out, first, values: first

    def of_number(out, first, values):
        out[first] = values
        return first + 1

    return of_number


def count(values):
    raise NotImplementedError


@overload(count)
def _count(values):
    if isinstance(values, types.Array):
        return lambda values: values.size
    return (lambda values: 0) if is_nothing(values) else (lambda values: 1)


@overload(np.append, **FIRST)
def _append(arr, values, axis=None):
    T = _pieces(arr, values)
    if T is None or not is_nothing(axis):
        return None

    def appended(arr, values, axis=None):
        out = np.empty(count(arr) + count(values), T)
        put(out, put(out, 0, arr), values)
        return out

    return appended


@overload(np.ediff1d, **FIRST)
def _ediff1d(ary, to_end=None, to_begin=None):
    ends = [kind for kind in (to_end, to_begin) if not is_nothing(kind)]
    T = _pieces(ary, *ends)
    if T is None or not isinstance(ary, types.Array):
        return None

    def differences(ary, to_end=None, to_begin=None):
        flat = np.ravel(ary)
        n = max(flat.size - 1, 0)
        out = np.empty(count(to_begin) + n + count(to_end), T)
        first = put(out, 0, to_begin)
        for i in range(n):
            out[first + i] = flat[i + 1] - flat[i]
        put(out, first + n, to_end)
        return out

    return differences


@overload(np.linspace, **FIRST)
def _linspace(start, stop, num=50):
    T = common([bare(start), bare(stop)])
    if T is None:
        return None
    kind = T.with_base(types.float64)

    def spaced(start, stop, num=50):
        out = np.empty(num, kind)
        first, last = start * 1.0, stop * 1.0
        if num == 0:
            return out
        out[0] = first
        if num > 1:
            step = np.divide(last - first, num - 1)
            for i in range(num):
                out[i] = first + i * step
            out[num - 1] = last
        return out

    return spaced


@overload(np.vander, **FIRST)
def _vander(x, N=None, increasing=False):
    if not is_dual_array(x) or x.ndim != 1:
        return None
    T = x.dtype
    columns = _length if is_nothing(N) else _given

    def powers(x, N=None, increasing=False):
        n = columns(x, N)
        out = np.empty((x.size, n), T)
        for i in range(x.size):
            power = out[i]
            for j in range(n):
                k = j if increasing else n - 1 - j
                if j == 0:
                    power[k] = 1.0
                else:
                    power[k] = x[i] * power[k - 1 if increasing else k + 1]
        return out

    return powers


@register_jitable
def _length(x, N):
    return x.size


@register_jitable
def _given(x, N):
    return N


@overload(np.trim_zeros, **FIRST)
def _trim_zeros(filt, trim="fb"):
    if not is_dual_array(filt) or filt.ndim != 1:
        return None

    def trimmed(filt, trim="fb"):
        first, last = 0, filt.size
        if "f" in trim or "F" in trim:
            while first < last and filt[first] == 0:
                first += 1
        if "b" in trim or "B" in trim:
            while last > first and filt[last - 1] == 0:
                last -= 1
        return filt[first:last]

    return trimmed


# --- Questions whose answers are no Duals --------------------------------------------------------


def _asks(function):
    @overload(function, **FIRST)
    def chosen(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
        if _pieces(a, b) is None:
            return None

        def of_primals(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
            return function(each(primal_of, a), each(primal_of, b), rtol, atol, equal_nan)

        return of_primals


_asks(np.isclose)
_asks(np.allclose)


@overload(np.array_equal, **FIRST)
def _array_equal(a1, a2):
    if _pieces(a1, a2) is None:
        return None
    return lambda a1, a2: np.array_equal(each(primal_of, a1), each(primal_of, a2))


def _is_complex(function, answer):
    @overload(function, **FIRST)
    def chosen(x):
        kind = bare(x)
        if is_dual(kind):
            return lambda x: answer
        if is_dual_array(kind):
            return lambda x: np.full(x.shape, answer)
        return None


_is_complex(np.isreal, True)
_is_complex(np.iscomplex, False)
