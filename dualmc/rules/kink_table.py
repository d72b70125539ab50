"""THE table of kinks: where functions have them, and which derivative is taken there.

A kink is a point where a convention decides the derivative: equal operands of a maximum, abs at 0,
a norm of 0, a jump.  One row per function:

- `at`, called as the function is, on plain numbers: the elements of the result that stand at one.
- `gap`, called as the function is, on Duals: what is 0 at a kink and tells its sides apart.  Where
  it does not move, there is none: ``maximum(x, x)`` is x.  It weighs several operands generically.
- `taken`, in words: the convention.
- `square`, likewise on Duals, where the function is the root of what is smooth: ``norm(x)**2``.

`choices.py` asks it for derivatives of derivatives, `kinks.py` for what is reported.  At a jump
the value itself says which side is meant, so that nothing is left to choose.  Rows without `gap`
have an infinite derivative.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Kink(NamedTuple):
    """What is known of the kinks of one function."""

    at: Callable
    taken: str
    gap: Callable | None = None
    square: Callable | None = None
    # Of the change of the value with a change of the gap: minima fall where maxima rise, so that
    # their sum does not see the choice.
    sign: float = 1.0
    is_jump: bool = False


def generic(shape):
    """Weights between 0.5 and 1.5 that no sum of derivatives is likely to cancel with."""
    n = math.prod(shape)
    return (0.5 + np.modf((1.0 + np.arange(n)) * 0.6180339887498949)[0]).reshape(shape)


def negative_axes(axis, ndim):
    axes = range(ndim) if axis is None else (axis,) if np.ndim(axis) == 0 else axis
    return tuple(int(a) - ndim if a >= 0 else int(a) for a in axes)


def weighted(x, axis, keepdims=False, where=True):
    """A generic combination of the elements along `axis`, of their parts if they are complex."""
    x = x if where is True else np.where(where, x, np.zeros((), x.dtype))
    c = generic(np.shape(x))
    if x.dtype.kind == "c":
        return np.sum(c * np.real(x) + c[..., ::-1] * np.imag(x) * 0.7, axis, keepdims=keepdims)
    return np.sum(c.astype(x.dtype) * x, axis, keepdims=keepdims)


def size_squared(x):
    return np.real(x) ** 2 + np.imag(x) ** 2 if x.dtype.kind == "c" else x * x


# --- One or two operands ------------------------------------------------------------------------


def _is_zero(x, *_):
    return np.equal(x, 0)


def _are_equal(a, b):
    return np.equal(a, b) & np.isfinite(a)


def _are_both_zero(a, b):
    return np.equal(a, 0) & np.equal(b, 0)


def _is_whole(x, *_, **__):
    return np.equal(np.rint(x), x)


def _is_half(x, decimals=0, *_, **__):
    scaled = np.multiply(x, 10.0**decimals)
    return np.equal(np.abs(scaled - np.trunc(scaled)), 0.5)


def _is_multiple(a, b):
    with np.errstate(all="ignore"):
        return np.equal(np.remainder(a, b), 0)


def _to_multiple(a, b):
    with np.errstate(all="ignore"):
        quotient = np.rint(plain(a) / plain(b))
    return a - b * np.where(np.isfinite(quotient), quotient, 0.0)


def _first(a, *_, **__):
    return a


def _is_root_of_zero(a, b):
    return np.equal(a, 0) & np.greater(b, 0) & np.less(b, 1)


def _power_square(a, b):
    return a if np.ndim(b) == 0 and np.all(plain(b) == 0.5) else None


def _is_lost(x, *_, **__):
    return ~np.isfinite(x)


_ABS = Kink(_is_zero, "derivative 0 at 0", _first, lambda x: x * x)
_TIE = "a constant wins a tie, values that vary share the derivative equally"
_PAIR = Kink(_are_equal, _TIE, lambda a, b: a - b)  # a constant is one of both
_JUMP = Kink(_is_whole, "locally constant: derivative 0 at a jump", _first, is_jump=True)
_MULTIPLE = Kink(
    _is_multiple, "a - b * q with the q of the value, at a jump", _to_multiple, is_jump=True
)
_EQUALS = Kink(
    _are_equal,
    "a comparison of equals decides: the branch that it takes is differentiated as it stands",
    lambda a, b: a - b,
    is_jump=True,
)

# --- Norms and spread -----------------------------------------------------------------------------


def _norm_is_zero(x, ord=None, axis=None, keepdims=False):
    if ord is not None and ord != "fro" and 1 < ord < 2:  # each element has a kink of its own
        return np.any(np.equal(x, 0), axis, keepdims=keepdims)
    return np.equal(np.linalg.norm(x, ord, axis, keepdims), 0)


def _norm_gap(x, ord=None, axis=None, keepdims=False):
    return weighted(x, negative_axes(axis, x.ndim), keepdims, np.equal(plain(x), 0))


def _norm_square(x, ord=None, axis=None, keepdims=False):
    if ord is None or ord == "fro" or ord == 2 and len(negative_axes(axis, x.ndim)) == 1:
        return np.sum(size_squared(x), axis, keepdims=keepdims)
    return None


def _singular_at_zero(a, *_, **__):
    s = np.linalg.svd(a, compute_uv=False)
    return s <= max(np.shape(a)[-2:]) * np.finfo(s.dtype).eps * s[..., :1]


def _std_is_zero(a, axis=None, keepdims=False, where=True):
    return np.equal(np.var(a, axis, keepdims=keepdims, where=where), 0)


def std_gap(a, axis=None, keepdims=False, where=True):
    centre = np.mean(a, axis, keepdims=True, where=where)
    return weighted(a - centre, axis, keepdims, where)


# --- Maxima and order -----------------------------------------------------------------------------


def tied(a, axis=None, keepdims=False, top=None):
    """The elements that are the extremum `top` of their lane, where there are several."""
    is_top = np.equal(a, top) & np.isfinite(a)
    return is_top & (np.sum(is_top, axis, keepdims=True) > 1)


# Which say nothing of lanes of NaN.
_REDUCE = {
    np.max: np.maximum.reduce,
    np.min: np.minimum.reduce,
    np.nanmax: np.fmax.reduce,
    np.nanmin: np.fmin.reduce,
}


def _extremum_at(function):
    function = _REDUCE[function]

    def at(a, axis=None, keepdims=False, initial=np._NoValue, where=True):
        options = {} if initial is np._NoValue else {"initial": initial}
        kept = a if where is True else np.where(where, a, np.nan)
        if where is not True:
            options["where"] = where
        y = function(a, axis, keepdims=True, **options)
        found = np.any(tied(kept, axis, True, y), axis, keepdims=keepdims)
        if initial is not np._NoValue:  # which one element may tie with
            found = found | np.any(
                np.equal(kept, initial) & np.equal(y, initial), axis, keepdims=keepdims
            )
        return found

    return at


def _extremum_gap(function):
    function = _REDUCE[function]

    def gap(a, axis=None, keepdims=False, initial=np._NoValue, where=True):
        x = plain(a)
        options = {} if initial is np._NoValue else {"initial": initial}
        if where is not True:
            options["where"] = where
        top = function(x, axis, keepdims=True, **options)
        is_top = np.equal(x, top) & np.isfinite(x)
        if where is not True:
            is_top = is_top & where
        # What the tied elements have beyond their mean, or beyond a constant that ties with them.
        count = np.maximum(np.sum(is_top, axis, keepdims=True), 1)
        mean = np.sum(np.where(is_top, a, np.zeros((), a.dtype)), axis, keepdims=True) / count
        if initial is not np._NoValue:
            mean = np.where(top == initial, top, mean)
        beyond = np.where(is_top, a - mean, np.zeros((), a.dtype))
        return weighted(beyond, axis, keepdims)

    return gap


def plain(a):
    """The numbers under any depth of Duals."""
    while hasattr(a, "own_tangent"):
        a = a.primal
    return np.asarray(a)


def _extremum(function, sign):
    taken = "equal elements share the derivative"
    return Kink(_extremum_at(function), taken, _extremum_gap(function), sign=sign)


def equal_neighbours(a, axis=-1, *_, **__):
    """The places of the sorted elements that equal the one before or after them."""
    a = np.ravel(a) if axis is None else a
    axis = -1 if axis is None else axis
    ordered = np.moveaxis(np.sort(a, axis), axis, -1)
    same = np.equal(ordered[..., 1:], ordered[..., :-1]) & np.isfinite(ordered[..., 1:])
    edge = np.zeros((*ordered.shape[:-1], 1), bool)
    found = np.concatenate([edge, same], -1) | np.concatenate([same, edge], -1)
    return np.moveaxis(found, -1, axis)


_ORDER = Kink(equal_neighbours, "equal elements keep their order")


def again_at_top(function, a, axis):
    """The places where elements of `a` after the first reach the running extremum that holds."""
    running = function.accumulate(a, axis)
    running, x = np.moveaxis(running, axis, -1), np.moveaxis(a, axis, -1)
    place = np.arange(x.shape[-1])
    is_new = np.ones(x.shape, bool)
    is_new[..., 1:] = running[..., 1:] != running[..., :-1]
    first = np.maximum.accumulate(np.where(is_new, place, 0), -1)
    last = np.maximum.accumulate(np.where(np.equal(x, running), place, 0), -1)
    return np.moveaxis(last != first, -1, axis)


def _running(function):
    taken = "the first of equal elements"
    return Kink(lambda a, axis=0: again_at_top(function, a, axis), taken)


# --- Grids ----------------------------------------------------------------------------------------


def _is_knot(x, xp, *_, **__):
    return np.isin(x, xp)


KINKS = {
    np.absolute: _ABS,
    np.fabs: _ABS,
    np.copysign: _ABS._replace(square=lambda a, b: a * a),
    np.hypot: Kink(
        _are_both_zero,
        "derivative 0 at 0",
        lambda a, b: 0.83 * a + 1.21 * b,
        lambda a, b: a * a + b * b,
    ),
    np.linalg.norm: Kink(_norm_is_zero, "derivative 0 at 0", _norm_gap, _norm_square),
    np.linalg.svd: Kink(_singular_at_zero, "derivative 0 of singular values that are 0"),
    np.std: Kink(_std_is_zero, "derivative 0 where all are equal", std_gap),
    np.maximum: _PAIR,
    np.minimum: _PAIR._replace(sign=-1.0),
    np.fmax: _PAIR,
    np.fmin: _PAIR._replace(sign=-1.0),
    np.max: _extremum(np.max, 1.0),
    np.min: _extremum(np.min, -1.0),
    np.nanmax: _extremum(np.nanmax, 1.0),
    np.nanmin: _extremum(np.nanmin, -1.0),
    np.interp: Kink(_is_knot, "the slope to the right of a knot, at the last that to the left"),
    np.sqrt: Kink(_is_zero, "infinite at 0", None, lambda x: x),
    np.cbrt: Kink(_is_zero, "infinite at 0"),
    np.power: Kink(_is_root_of_zero, "infinite at 0", None, _power_square),
    np.float_power: Kink(_is_root_of_zero, "infinite at 0", None, _power_square),
    np.arctan2: Kink(
        _are_both_zero,
        "NaN: no limit from any side",
        lambda a, b: 0.83 * a + 1.21 * b,
        is_jump=True,
    ),
    np.sign: _JUMP._replace(at=_is_zero),
    np.heaviside: Kink(
        _is_zero, "derivative 0 at the jump, that of the second there", _first, is_jump=True
    ),
    np.nan_to_num: Kink(
        _is_lost, "derivative 0 where NaN or infinity is replaced", _first, is_jump=True
    ),
    np.remainder: _MULTIPLE,
    np.fmod: _MULTIPLE,
    np.floor_divide: _MULTIPLE._replace(taken=_JUMP.taken),
    **dict.fromkeys((np.floor, np.ceil, np.trunc, np.fix), _JUMP),
    **dict.fromkeys((np.rint, np.round, np.around), _JUMP._replace(at=_is_half)),
    **dict.fromkeys(
        (np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal), _EQUALS
    ),
    **dict.fromkeys(
        (
            np.sort,
            np.median,
            np.nanmedian,
            np.quantile,
            np.percentile,
            np.nanquantile,
            np.nanpercentile,
        ),
        _ORDER,
    ),
    np.maximum.accumulate: _running(np.maximum),
    np.minimum.accumulate: _running(np.minimum),
}
