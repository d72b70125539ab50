"""Sorting, medians and quantiles: the order is that of the values, equals in their order.

Every result is an element, or a fixed combination of two, so that its partials are those.
"""

import numpy as np
from numba.core import types
from numba.core.errors import TypingError
from numba.extending import overload

from dualmc.compiled.arrays.levels import held, settled, unknown
from dualmc.compiled.arrays.lines import bare, flat
from dualmc.compiled.arrays.making import FIRST
from dualmc.compiled.arrays.methods import is_dual_array, method
from dualmc.compiled.scalars.dual_type import is_dual
from dualmc.compiled.scalars.intrinsics import as_dual, primal_of


def ordered(a):
    """The elements of a vector in ascending order, NaN at the end."""
    raise NotImplementedError


@overload(ordered)
def _ordered(a):
    T = a.dtype
    is_nested = is_dual(T.inner)

    def gathered(a):
        order = np.argsort(bare(a), kind="mergesort")
        out = np.empty(a.size, T)
        for i in range(a.size):
            out[i] = a[order[i]]
        if is_nested:
            _spoil_equals(out)
        return out

    return gathered


def _spoil_equals(a):
    """Make the derivatives of equal neighbours, whose order was chosen, unknown."""
    raise NotImplementedError


@overload(_spoil_equals)
def _spoiled_equals(a):
    T = a.dtype

    def spoiled(a):
        first = 0
        while first < a.size:
            last = first + 1
            while last < a.size and primal_of(a[last]) == primal_of(a[first]):
                last += 1
            if last - first > 1:
                rate = as_dual(T, 0.0)
                for i in range(first, last):
                    rate = rate + a[i] * (1.0 + np.sqrt(i + 1.0) / 7.0)
                for i in range(first, last):
                    a[i] = a[i] + unknown(rate)
            first = last

    return spoiled


def _each_line(function):
    """What overloads `function` of vectors, for the lines of an array along its last axis."""

    def chosen(a):
        if a.ndim == 1:
            return lambda a: function(a)

        def of_lines(a):
            source = np.ascontiguousarray(a)
            n = a.shape[-1]
            out = np.empty(a.shape, a.dtype)
            to, rows = out.reshape(out.size), source.reshape(source.size)
            for i in range(a.size // max(n, 1)):
                line = function(rows[i * n : (i + 1) * n])
                for k in range(n):
                    to[i * n + k] = line[k]
            return out

        return of_lines

    return chosen


@overload(np.sort, **FIRST)
def _sort(a):
    if not is_dual_array(a) or a.ndim == 0:
        return None
    return _each_line(ordered)(a)


@method("sort")
def _sort_in_place(a):
    if a.ndim != 1:
        raise TypingError("dualmc: x.sort() of Duals takes a vector; write np.sort(x)")

    def in_place(a):
        out = ordered(a)
        for i in range(a.size):
            a[i] = out[i]

    return in_place


@overload(np.argsort, prefer_literal=True, **FIRST)
@method("argsort")
def _argsort(a, kind="quicksort"):
    if not is_dual_array(a):
        return None
    if getattr(kind, "literal_value", kind) in ("mergesort", "stable"):
        return lambda a, kind="quicksort": np.argsort(bare(a), kind="mergesort")
    return lambda a, kind="quicksort": np.argsort(bare(a))


@overload(np.partition, **FIRST)
def _partition(a, kth):
    if not is_dual_array(a) or a.ndim == 0:
        return None
    T = a.dtype
    is_nested = is_dual(T.inner)

    def parted(a, kth):
        y = np.partition(bare(a), kth)
        rows, places = flat(a), flat(y)
        n = a.shape[-1]
        out = np.empty(a.size, T)
        for first in range(0, a.size, max(n, 1)):
            order = np.argsort(bare(rows[first : first + n]), kind="mergesort")
            rank = np.argsort(places[first : first + n], kind="mergesort")
            line = np.empty(n, T)
            for k in range(n):
                line[k] = rows[first + order[k]]
            if is_nested:
                _spoil_equals(line)
            for k in range(n):
                out[first + rank[k]] = line[k]
        return out.reshape(a.shape)

    return parted


@overload(np.argpartition, **FIRST)
def _argpartition(a, kth):
    return (lambda a, kth: np.argpartition(bare(a), kth)) if is_dual_array(a) else None


@overload(np.unique, **FIRST)
def _unique(ar):
    if not is_dual_array(ar):
        return None
    T = ar.dtype

    def first_of_equals(ar):
        line = ordered(flat(ar))
        out = np.empty(line.size, T)
        count = 0
        for i in range(line.size):
            v = primal_of(line[i])
            if i:
                u = primal_of(line[i - 1])
                if u == v or np.isnan(u) and np.isnan(v):
                    continue
            out[count] = line[i]
            count += 1
        return out[:count].copy()

    return first_of_equals


# --- Medians and quantiles -----------------------------------------------------------------------


def _numbers_of(a):
    """The elements of a vector that are not NaN."""
    raise NotImplementedError


@overload(_numbers_of)
def _are_numbers(a):
    T = a.dtype

    def numbers(a):
        out = np.empty(a.size, T)
        count = 0
        for i in range(a.size):
            if not np.isnan(primal_of(a[i])):
                out[count] = a[i]
                count += 1
        return out[:count].copy()

    return numbers


def _lost(a):
    """0 with partials NaN wherever an element of the vector has one."""
    raise NotImplementedError


@overload(_lost)
def _lost_by(a):
    T = a.dtype

    def lost(a):
        rate = as_dual(T, 0.0)
        for i in range(a.size):
            rate = rate + unknown(a[i])
        return rate

    return lost


def _median_by(function, skips_nan):
    @overload(function, **FIRST)
    def chosen(a):
        if not is_dual_array(a):
            return None
        T = a.dtype.with_base(types.float64)  # as Numba where it takes the mean of two

        def middle(a):
            given = flat(a)
            y = function(held(T, given))
            line = ordered(_numbers_of(given))
            n = line.size
            found = as_dual(T, 0.0)
            if n:
                found = found + (line[n // 2] if n % 2 else (line[n // 2 - 1] + line[n // 2]) * 0.5)
            if n == 0 or not skips_nan and n < given.size:
                found = found + _lost(given)
            return settled(found, y)

        return middle


_median_by(np.median, False)
_median_by(np.nanmedian, True)


def _at_rank(line, percentile):
    """The combination of two elements of an ascending vector, as Numba rounds it."""
    raise NotImplementedError


@overload(_at_rank)
def _linear(line, percentile):
    def between(line, percentile):
        rank = 1 + (line.size - 1) * np.true_divide(percentile, 100.0)
        below = np.floor(rank)
        weight = rank - below
        low = int(below) - 1
        if weight == 0:
            return line[low]
        return line[low] * (1 - weight) + line[low + 1] * weight

    return between


def _quantile_by(function, scale, skips_nan):
    """Values are Numba's own; the elements that they are between give the partials."""

    @overload(function, **FIRST)
    def chosen(a, q):
        if is_dual(q) or is_dual_array(q):
            raise TypingError(
                f"dualmc: np.{function.__name__} has no derivative with respect to q in compiled "
                f"code"
            )
        if not is_dual_array(a):
            return None
        T = a.dtype.with_base(types.float64)  # as Numba
        is_one = not isinstance(q, (types.Array, types.Sequence, types.BaseTuple))

        def several(a, q):
            given = flat(a)
            points = np.asarray(q).astype(np.float64).ravel()
            y = function(held(T, given), points)
            line = ordered(_numbers_of(given))
            is_lost = line.size == 0 or not skips_nan and line.size < given.size
            out = np.empty(points.size, T)
            for i in range(points.size):
                found = as_dual(T, 0.0)
                if line.size:
                    found = found + _at_rank(line, points[i] * scale)
                if is_lost or not np.isfinite(primal_of(y[i])):
                    found = found + _lost(given)
                out[i] = settled(found, y[i])
            return out

        if is_one:
            return lambda a, q: several_of(a, np.array([q]))[0]
        return several

    def several_of(a, q):
        raise NotImplementedError

    overload(several_of)(lambda a, q: chosen(a, q))


_quantile_by(np.percentile, 1.0, False)
_quantile_by(np.nanpercentile, 1.0, True)
_quantile_by(np.quantile, 100.0, False)
_quantile_by(np.nanquantile, 100.0, True)
