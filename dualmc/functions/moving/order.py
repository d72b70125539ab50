"""Sorting, maximum and minimum.

The order is decided by the primal alone; each result is one input element, so the tangent is
gathered.  Ties in max and min share the derivative equally.
"""

import math

import numpy as np

from dualmc.duals import choices
from dualmc.duals.dual import Dual, make
from dualmc.duals.operands import as_operand
from dualmc.duals.views import positions
from dualmc.functions.axes import kept_shape, negative_axes, options_of, summed
from dualmc.functions.moving.by_position import gathered
from dualmc.functions.results import written
from dualmc.kernels.payload import values
from dualmc.rules.kink_table import equal_neighbours, generic
from dualmc.rules.registry import handles
from dualmc.tangents.combining import add

# --- Sorting -------------------------------------------------------------------------------------


@handles("selection", np.sort)
def sort(a, axis=-1, kind=None, order=None, *, stable=None):
    if axis is None:
        a, axis = np.ravel(a), -1
    y = np.sort(values(a), axis, kind=kind, stable=stable)
    return _permuted(a, y, axis)


@handles("selection", np.partition)
def partition(a, kth, axis=-1, kind="introselect", order=None):
    if axis is None:
        a, axis = np.ravel(a), -1
    return _permuted(a, np.partition(values(a), values(kth), axis, kind), axis)


@handles("selection", np.sort_complex)
def sort_complex(a):
    # As NumPy: single precision only for small integers, which are no Duals.
    return np.sort(a) if a.dtype.kind == "c" else np.sort(a).astype(np.complex128)


def _permuted(a, y, axis):
    """`a` in the order that made `y` of its values: both are ranked, and the ranks matched."""
    x = values(a)
    source = np.argsort(x, axis=axis, kind="stable")
    rank = np.argsort(np.argsort(y, axis=axis, kind="stable"), axis=axis, kind="stable")
    order = np.take_along_axis(source, rank, axis=axis)
    index = np.take_along_axis(positions(x.shape), order, axis=axis)
    if type(a.primal) is not Dual:
        return gathered(y, a, index)
    y = gathered(np.take_along_axis(a.primal, order, axis), a, index)
    ties = equal_neighbours(x, axis)
    return choices.settled_by(np.sort, y, ties, lambda: turned_ties(y, axis), lambda change: change)


def turned_ties(y, axis=-1):
    """What another order of the equal elements of sorted `y` changes.

    Each comes to the place of the one before; to second order something is added whose sum is 0.
    So symmetric functions do not see it.
    """
    y = np.moveaxis(y, axis, -1)
    x = values(y)
    place = np.arange(x.shape[-1])
    is_last = np.ones(x.shape, bool)
    is_last[..., :-1] = x[..., 1:] != x[..., :-1]
    is_first = np.roll(is_last, 1, -1)
    first = np.maximum.accumulate(np.where(is_first, place, 0), -1)
    last = np.where(is_last, place, place[-1])
    last = np.minimum.accumulate(last[..., ::-1], -1)[..., ::-1]
    after = np.where(is_last, first, np.minimum(place + 1, place[-1]))
    change = np.take_along_axis(y, after, -1) - y
    c = generic(place.shape)
    running = np.cumsum(c * change, -1)
    total = np.take_along_axis(running, last, -1) - np.take_along_axis(
        running - c * change, first, -1
    )
    change = change + (c - c[after]) * total * total
    return np.moveaxis(change, -1, axis)


# --- Maximum and minimum -------------------------------------------------------------------------

# Ties of up to this many elements are gathered one by one; more are summed with weights.
GATHERED_TIES = 8


def extremum(function, a, axis=None, out=None, keepdims=False, initial=np._NoValue, where=True):
    a = as_operand(a)
    where = values(where)
    if type(initial) is Dual:
        y = extremum(function, a, axis, None, keepdims, np._NoValue, where)
        return written(out, _PAIRWISE[function](y, initial))
    x = values(a)
    options = options_of(initial=initial)
    if where is not True:
        options["where"] = where
    y = np.asarray(function(x, axis, keepdims=keepdims, **options))
    axes = negative_axes(axis, x.ndim)
    wide = y.reshape(kept_shape(x.shape, axes, True))
    chosen = (x == wide) | (np.isnan(wide) & np.isnan(x))
    if where is not True:
        chosen = chosen & where
    if initial is not np._NoValue:
        # The constant wins a tie, as in max(0, z).
        chosen = chosen & (x != initial)
    if type(a.primal) is not Dual:
        return written(out, make(y, _shared(a, chosen, axes, y), a.level))
    primal = extremum(function, a.primal, axis, None, keepdims, initial, where)
    y = make(primal, _shared(a, chosen, axes, y), a.level)
    options = {"initial": initial, "where": where}
    return written(out, choices.settled(function, y, (a, axis, keepdims), options))


_PAIRWISE = {np.max: np.maximum, np.min: np.minimum, np.nanmax: np.fmax, np.nanmin: np.fmin}


def _shared(a, chosen, axes, y):
    """The tangent of a reduction to the mean of the `chosen` elements."""
    t = a.own_tangent()
    if t is None:
        return None
    order = tuple(range(-len(axes), 0))
    length = math.prod(chosen.shape[i] for i in axes)
    rows = np.moveaxis(chosen, axes, order).reshape((y.size, length))
    index = np.moveaxis(positions(chosen.shape), axes, order).reshape((y.size, length))
    count = rows.sum(axis=1)
    most = int(count.max(initial=0))
    if most == 0:
        return None
    if most > GATHERED_TIES:
        counts = count.reshape(kept_shape(chosen.shape, axes, True))
        weights = chosen / np.maximum(counts, 1)
        return summed(t.times(weights.astype(y.dtype), True), axes, y.shape, y.dtype)
    # The k-th chosen element of each row, for k = 0, 1, ...
    rank = np.cumsum(rows, axis=1)
    total = None
    for k in range(1, most + 1):
        at = np.argmax(rows & (rank == k), axis=1)
        position = np.where(count >= k, index[np.arange(y.size), at], -1)
        part = t.take(position.reshape(y.shape))
        total = part if total is None else add(total, part)
    if most > 1:
        total = total.times((1.0 / np.maximum(count, 1)).astype(y.dtype).reshape(y.shape))
    return total if total.dtype == y.dtype else total.astype(y.dtype)


def _register_extremum(function, *names):
    @handles("selection", *names)
    def handler(a, axis=None, out=None, keepdims=False, initial=np._NoValue, where=True):
        return extremum(function, a, axis, out, keepdims, initial, where)


_register_extremum(np.max, np.max, np.amax)
_register_extremum(np.min, np.min, np.amin)
_register_extremum(np.nanmax, np.nanmax)
_register_extremum(np.nanmin, np.nanmin)


def _running(function, array, axis, out):
    """maximum.accumulate: the first element that reached the running extremum."""
    x = values(array)
    y = function.accumulate(x, axis)
    axis = axis % x.ndim
    steps = np.arange(x.shape[axis]).reshape([-1 if i == axis else 1 for i in range(x.ndim)])
    before = np.take(y, np.maximum(np.arange(x.shape[axis]) - 1, 0), axis)
    is_new = (y != before) | (steps == 0)
    latest = np.maximum.accumulate(np.where(is_new, steps, 0), axis)
    index = np.take_along_axis(positions(x.shape), latest, axis)
    if type(array.primal) is not Dual:
        return written(out, gathered(y, array, index))
    # The first element that reached the extremum is taken; the last that did may differ.
    last = np.maximum.accumulate(np.where(x == y, steps, 0), axis)
    y = gathered(function.accumulate(array.primal, axis), array, index)
    y = choices.settled_by(
        function.accumulate, y, last != latest, lambda: np.take_along_axis(array, last, axis) - y
    )
    return written(out, y)


def _register_methods(ufunc, function):
    @handles("selection", (ufunc, "reduce"))
    def reduce(
        array, axis=0, dtype=None, out=None, keepdims=False, initial=np._NoValue, where=True
    ):
        return extremum(function, array, axis, out, keepdims, initial, where)

    @handles("selection", (ufunc, "accumulate"))
    def accumulate(array, axis=0, dtype=None, out=None):
        return _running(ufunc, array, axis, out)


_register_methods(np.maximum, np.max)
_register_methods(np.minimum, np.min)


@handles("composite", np.ptp)
def ptp(a, axis=None, out=None, keepdims=False):
    return written(out, np.max(a, axis, keepdims=keepdims) - np.min(a, axis, keepdims=keepdims))
