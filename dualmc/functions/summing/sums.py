"""Sums, means and running sums."""

import math

import numpy as np

from dualmc.duals.dual import Dual, make
from dualmc.duals.operands import as_operand
from dualmc.functions.axes import negative_axes, options_of, summed
from dualmc.functions.results import applied, written
from dualmc.kernels.payload import values
from dualmc.rules.registry import handles


@handles("linear", np.sum)
def sum_(a, axis=None, dtype=None, out=None, keepdims=False, initial=np._NoValue, where=True):
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


# --- Running sums --------------------------------------------------------------------------------


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
