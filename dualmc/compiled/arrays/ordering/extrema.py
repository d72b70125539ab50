"""The largest and the smallest element, where it is, and what compares or counts elements.

All elements that reach the extremum share its derivative equally.
"""

import numpy as np
from numba.core import types
from numba.extending import overload

from dualmc.compiled.arrays.levels import settled, unknown
from dualmc.compiled.arrays.lines import bare, vector
from dualmc.compiled.arrays.making import FIRST
from dualmc.compiled.arrays.methods import is_dual_array, method
from dualmc.compiled.scalars.dual_type import is_dual
from dualmc.compiled.scalars.intrinsics import as_dual, primal_of, value_of


def shared(a, y):
    """The mean of the elements of the vector `a` that equal `y`; of all NaN where y is NaN."""
    raise NotImplementedError


@overload(shared)
def _shared(a, y):
    T = a.dtype
    is_nested = is_dual(T.inner)

    def mean(a, y):
        s, rate = as_dual(T, 0.0), as_dual(T, 0.0)
        found = a[0]
        count = 0
        for i in range(a.size):
            v = primal_of(a[i])
            if v == y or np.isnan(v) and np.isnan(y):
                if count == 0:
                    found = a[i]
                if is_nested:  # generic weights: what all of them depend on does not cancel
                    rate = rate + a[i] * (1.0 + np.sqrt(count + 1.0) / 7.0)
                s = s + a[i]
                count += 1
        if count <= 1:
            return found
        s = settled(s * (1.0 / count), value_of(found))
        return s + unknown(rate) if is_nested else s

    return mean


def _extremum(name, *functions):
    @method(name)
    def chosen(a):
        if is_dual(a):
            return lambda a: a
        if not is_dual_array(a):
            return None

        def found(a):
            a = vector(a)
            y = extremum(bare(a))  # raises if there is none
            return shared(a, y)

        return found

    extremum = functions[0]
    for function in functions:
        overload(function, **FIRST)(chosen)


_extremum("max", np.max, np.amax)
_extremum("min", np.min, np.amin)


def _without_nan(function):
    @overload(function, **FIRST)
    def chosen(a):
        if not is_dual_array(a):
            return None

        def found(a):
            a = vector(a)
            return shared(a, function(bare(a)))

        return found


_without_nan(np.nanmax)
_without_nan(np.nanmin)


@overload(np.ptp, **FIRST)
def _ptp(a):
    return (lambda a: np.max(a) - np.min(a)) if is_dual_array(a) else None


# --- What looks at values alone ------------------------------------------------------------------


def _of_values(function, name=None):
    def chosen(a):
        return (lambda a: function(bare(a))) if is_dual_array(a) else None

    overload(function, **FIRST)(chosen)
    if name:
        method(name)(chosen)


for _name in ("any", "all"):
    _of_values(getattr(np, _name), _name)
for _function in (np.nonzero, np.flatnonzero, np.argwhere):
    _of_values(_function)
method("nonzero")(lambda a: (lambda a: np.nonzero(bare(a))) if is_dual_array(a) else None)


def _along(function, name=None):
    def chosen(a, axis=None):
        if not is_dual_array(a):
            return None
        return lambda a, axis=None: function(bare(a), axis)

    overload(function, **FIRST)(chosen)
    if name:
        method(name)(chosen)


_along(np.argmax, "argmax")
_along(np.argmin, "argmin")
for _name in ("nanargmax", "nanargmin", "count_nonzero"):
    _along(getattr(np, _name))


def _is_comparison(a, b):
    return any(is_dual_array(kind) or is_dual(kind) for kind in (a, b))


@overload(np.allclose, **FIRST)
def _allclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
    if not _is_comparison(a, b):
        return None

    def compared(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
        return np.allclose(bare(a), bare(b), rtol, atol, equal_nan)

    return compared


@overload(np.isclose, **FIRST)
def _isclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
    if not _is_comparison(a, b):
        return None

    def compared(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
        return np.isclose(bare(a), bare(b), rtol, atol, equal_nan)

    return compared


@overload(np.array_equal, **FIRST)
def _array_equal(a1, a2):
    if not _is_comparison(a1, a2) or not all(isinstance(k, types.Array) for k in (a1, a2)):
        return None
    return lambda a1, a2: np.array_equal(bare(a1), bare(a2))
