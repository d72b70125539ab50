"""Sums and running sums, and the tools that all reductions share."""

import math

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from dualmc.duals import choices
from dualmc.duals.dual import Dual, make
from dualmc.duals.operands import as_operand, level_of, primal_at
from dualmc.functions.moving.selection import written
from dualmc.kernels.payload import values
from dualmc.rules.registry import handles
from dualmc.steps.recording import record_running_sum, record_sum
from dualmc.steps.short import sums as short_sums
from dualmc.tangents.dense_tangent import DenseTangent


def negative_axes(axis, ndim):
    """`axis` (None: all) as a tuple counted from the end, where a leading axis changes nothing.

    A number has no axis, but NumPy's reductions take its axis 0 or -1 for none.
    """
    if axis is None:
        return tuple(range(-ndim, 0))
    if ndim == 0 and not isinstance(axis, tuple) and axis in (0, -1):
        return ()
    return tuple(a - ndim for a in normalize_axis_tuple(axis, ndim))


def kept_shape(shape, axes, keepdims):
    if keepdims:
        return tuple(1 if i - len(shape) in axes else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i - len(shape) not in axes)


def summed(t, axes, shape, dtype):
    """The tangent `t` summed over negative `axes`, as the tangent of a result of `shape`."""
    if t is None:
        return None
    t = t.sum(axes)
    if t is None or t.shape == shape and t.dtype == dtype:
        return t
    if t.shape != shape:
        t = t.reshaped(shape)
    return t if t.dtype == dtype else t.astype(dtype)


def options_of(**kwargs):
    """Keyword arguments that were given."""
    return {key: value for key, value in kwargs.items() if value is not np._NoValue}


def with_primal(y, dual):
    """`dual` with NumPy's own value `y`, where the formula rounds differently."""
    if type(dual) is not Dual:
        return y
    if type(y) is Dual and choices.state.varied:
        return dual  # whose own primal is of the same function
    y = y if type(y) is Dual else np.asarray(y)
    t = dual.own_tangent()
    out = make(y, t if t is None or t.dtype == y.dtype else t.astype(y.dtype), dual.level)
    if choices.rooted and type(y) is Dual:
        return choices.moved(out, dual, lambda square: square)
    return out


def exact(function, formula, *args, **options):
    """`formula(*args)`, with the primal that `function` itself gives."""
    args = [as_operand(a) for a in args]
    level = level_of(args)
    y = function(*(primal_at(a, level) for a in args), **options)
    return with_primal(y, formula(*args, **options))


def not_nan(a):
    return ~np.isnan(values(a))


def valued(y, dual):
    """`with_primal` for plain primals; under nesting the formula's own primal stands."""
    return with_primal(y, dual) if type(dual.primal) is np.ndarray else dual


# --- Sums ----------------------------------------------------------------------------------------


@handles("linear", np.sum)
def sum_(a, axis=None, dtype=None, out=None, keepdims=False, initial=np._NoValue, where=True):
    if (
        dtype is None
        and out is None
        and initial is np._NoValue
        and where is True
        and type(a) is Dual
    ):
        short = record_sum if a.level.records else short_sums.total
        y = short(a, axis, keepdims)
        if y is not None:
            return y
    a = as_operand(a)
    where = values(where)
    if where is True and initial is np._NoValue and type(a) is Dual:
        p = a.primal
        if type(p) is np.ndarray:  # what np.sum itself calls
            y = np.asarray(np.add.reduce(p, axis, dtype, None, keepdims))
            t = a.own_tangent()
            if t is not None:
                t = summed(t, negative_axes(axis, p.ndim), y.shape, y.dtype)
            return written(out, make(y, t, a.level))
    if type(a) is not Dual or type(initial) is Dual:
        total = np.sum(a, axis, dtype, keepdims=keepdims, where=where)
        return written(out, total if initial is np._NoValue else total + initial)
    y = np.sum(a.primal, axis, dtype, keepdims=keepdims, where=where, **options_of(initial=initial))
    y = y if type(y) is Dual else np.asarray(y)
    if where is not True:
        a = np.where(where, a, np.zeros((), a.dtype))
    t = summed(a.own_tangent(), negative_axes(axis, a.ndim), y.shape, y.dtype)
    return written(out, make(y, t, a.level))


@handles("linear", (np.add, "reduce"))
def add_reduce(
    array, axis=0, dtype=None, out=None, keepdims=False, initial=np._NoValue, where=True
):
    return sum_(array, axis, dtype, out, keepdims, initial, where)


@handles("linear", np.mean)
def mean(a, axis=None, dtype=None, out=None, keepdims=False, *, where=True):
    if dtype is None and out is None and where is True:
        short = record_sum if a.level.records else short_sums.total
        y = short(a, axis, keepdims, True)
        if y is not None:
            return y
    where = values(where)
    y = np.mean(a.primal, axis, dtype, keepdims=keepdims, where=where)
    y = y if type(y) is Dual else np.asarray(y)
    axes = negative_axes(axis, a.ndim)
    if where is True:
        count = math.prod(a.shape[i] for i in axes)
    else:
        count = np.sum(np.broadcast_to(where, a.shape), axis, keepdims=keepdims)
        a = np.where(where, a, np.zeros((), a.dtype))
    t = summed(a.own_tangent(), axes, y.shape, y.dtype)
    if t is not None:
        with np.errstate(divide="ignore"):
            t = t.times(np.asarray(1.0 / np.asarray(count), _real(y.dtype)))
    return written(out, make(y, t, a.level))


def _real(dtype):
    return np.empty(0, dtype).real.dtype


def applied(function, transposed, a, y):
    """The Dual for ``y = function(a)``, linear in the whole of `a`.

    `function` takes arrays like `a` with further axes before them; `transposed` does so with
    arrays like `y`, and pairs with it: sum(y_bar * function(x)) = sum(transposed(y_bar) * x).
    """
    t = a.own_tangent()
    if t is not None and t.is_recorded:
        t = t.linear(transposed, y)
    elif t is not None:
        t = DenseTangent(a.level, function(t.to_dense().dense())).astype(y.dtype)
    return make(y, t, a.level)


def _running_sum(a, axis, y):
    """The Dual of a running sum along one axis (None: flattened)."""
    if axis is None or a.ndim == 0:
        a, axis = np.ravel(a), 0
    axis = negative_axes(axis, a.ndim)[0]
    t = a.own_tangent()
    if t is not None and t.is_recorded:
        return make(y, t.running_sum(axis).astype(y.dtype), a.level)
    return applied(lambda p: np.cumsum(p, axis=axis), None, a, y)


@handles("linear", np.cumsum)
def cumsum(a, axis=None, dtype=None, out=None):
    if dtype is None and out is None:
        short = record_running_sum if a.level.records else short_sums.running_sum
        y = short(a, axis)
        if y is not None:
            return y
    y = np.cumsum(a.primal, axis, dtype)
    return written(out, _running_sum(a, axis, y))


def need_axis(ufunc, array):
    """`ufunc.accumulate`, unlike ``np.cumsum``, takes no numbers: NumPy's own error."""
    if np.ndim(array) == 0:
        ufunc.accumulate(values(array))


@handles("linear", (np.add, "accumulate"))
def add_accumulate(array, axis=0, dtype=None, out=None):
    need_axis(np.add, array)
    return cumsum(array, axis, dtype, out)


def cumulative(running, first, x, axis, dtype, out, include_initial):
    """`running` (cumsum or cumprod) as the array standard has it: `first` may lead the result."""
    if axis is None:
        if x.ndim > 1:
            raise ValueError(
                "For arrays which have more than one dimension ``axis`` argument is required."
            )
        axis = 0
    y = running(x, axis, dtype)
    if include_initial:
        shape = list(y.shape)
        shape[axis] = 1
        y = np.concatenate([np.full(shape, first, y.dtype), y], axis=axis)
    return written(out, y)


@handles("linear", np.cumulative_sum)
def cumulative_sum(x, /, *, axis=None, dtype=None, out=None, include_initial=False):
    return cumulative(np.cumsum, 0, x, axis, dtype, out, include_initial)
