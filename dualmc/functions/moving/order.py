"""Order statistics: sort, partition, max, min, median, quantiles.

The order is decided by the primal alone; each result is one input element, or a fixed combination
of two, so the tangent is gathered.  Ties in max and min share the derivative equally.
"""

import math

import numpy as np

from dualmc.duals import choices
from dualmc.duals.dual import Dual, make
from dualmc.duals.operands import as_operand
from dualmc.duals.views import positions
from dualmc.errors import missing_case
from dualmc.functions.moving.selection import gathered, written
from dualmc.functions.summing.linear import kept_shape, negative_axes, options_of, summed, valued
from dualmc.kernels.payload import values
from dualmc.rules.kink_table import equal_neighbours, generic
from dualmc.rules.registry import handles
from dualmc.steps.recording import record_extremum
from dualmc.steps.short import sums as short_sums
from dualmc.tangents.combining import add

# Ties of up to this many elements are gathered one by one; more are summed with weights.
GATHERED_TIES = 8


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
    return choices.settled_by(np.sort, y, ties, lambda: _turned(y, axis), lambda change: change)


def _turned(y, axis=-1):
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
        if where is True and out is None and initial is np._NoValue and type(a) is Dual:
            y = None
            if function is np.max or function is np.min:
                if a.level.records:
                    y = record_extremum(_PAIRWISE[function], a, axis, keepdims)
                else:
                    y = short_sums.extremum(function, a, axis, keepdims)
            if y is not None:
                return y
        return extremum(function, a, axis, out, keepdims, initial, where)


_register_extremum(np.max, np.max, np.amax)
_register_extremum(np.min, np.min, np.amin)
_register_extremum(np.nanmax, np.nanmax)
_register_extremum(np.nanmin, np.nanmin)


@handles("selection", (np.maximum, "reduce"))
def maximum_reduce(
    array, axis=0, dtype=None, out=None, keepdims=False, initial=np._NoValue, where=True
):
    return extremum(np.max, array, axis, out, keepdims, initial, where)


@handles("selection", (np.minimum, "reduce"))
def minimum_reduce(
    array, axis=0, dtype=None, out=None, keepdims=False, initial=np._NoValue, where=True
):
    return extremum(np.min, array, axis, out, keepdims, initial, where)


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


@handles("selection", (np.maximum, "accumulate"))
def maximum_accumulate(array, axis=0, dtype=None, out=None):
    return _running(np.maximum, array, axis, out)


@handles("selection", (np.minimum, "accumulate"))
def minimum_accumulate(array, axis=0, dtype=None, out=None):
    return _running(np.minimum, array, axis, out)


@handles("composite", np.ptp)
def ptp(a, axis=None, out=None, keepdims=False):
    return written(out, np.max(a, axis, keepdims=keepdims) - np.min(a, axis, keepdims=keepdims))


# --- Quantiles -----------------------------------------------------------------------------------


def _quantile(function, a, q, axis, keepdims, skip_nan, **options):
    """A quantile is a fixed combination of two order statistics.

    Which two, and with which weights, is what the quantile of 0, 1, ..., N-1 says: NumPy's own
    method, whatever it is.
    """
    a = as_operand(a)
    if options.get("weights") is not None:
        raise missing_case(f"numpy.{function.__name__}", "with weights")
    options.pop("weights", None)
    if type(q) is Dual:
        if skip_nan:
            raise missing_case(f"numpy.{function.__name__}", "with respect to q")
        return _quantile_in_q(function, a, q, axis, keepdims, **options)
    x = values(a)
    y = np.asarray(function(x, q, axis, keepdims=keepdims, **options))
    t = a.own_tangent()
    if t is None:
        return make(y, None, a.level)
    axes = negative_axes(axis, x.ndim)
    order = tuple(range(-len(axes), 0))
    kept = kept_shape(x.shape, axes, False)
    length = math.prod(x.shape[i] for i in axes)
    rows = np.moveaxis(x, axes, order).reshape((math.prod(kept), length))
    index = np.moveaxis(positions(x.shape), axes, order).reshape(rows.shape)
    index = np.take_along_axis(index, np.argsort(rows, axis=1, kind="stable"), axis=1)
    length = np.full(rows.shape[0], rows.shape[1])
    if skip_nan:
        length = rows.shape[1] - np.isnan(rows).sum(axis=1)
    place = np.empty((np.size(q), rows.shape[0]))
    for n in np.unique(length):
        if n:
            place[:, length == n] = np.reshape(function(np.arange(float(n)), q, **options), (-1, 1))
        else:
            place[:, length == n] = 0
    low = np.floor(place).astype(np.intp)
    high = np.minimum(low + 1, np.maximum(length - 1, 0))
    weight = place - low
    lanes = np.arange(rows.shape[0])
    shape = np.shape(q) + kept
    below = t.take(index[lanes, low].reshape(shape))
    above = t.take(index[lanes, high].reshape(shape))
    lost = np.isnan(y).reshape(shape)
    weight = np.where(lost, np.nan, weight.reshape(shape)).astype(y.dtype)
    t = add(below.times(1 - weight), above.times(weight))
    if not weight.any():
        t = below
    if t.shape != y.shape:
        t = t.map(lambda p: p.reshape((p.shape[0], *y.shape)))
    t = t if t.dtype == y.dtype else t.astype(y.dtype)
    if type(a.primal) is not Dual:
        return make(y, t, a.level)
    y = make(_quantile(function, a.primal, q, axis, keepdims, skip_nan, **options), t, a.level)
    ties = equal_neighbours(rows)
    at = (ties[lanes, low] | ties[lanes, high]).reshape(y.shape)

    def change():
        d = _turned(np.ravel(a)[index])
        low_d, high_d = d[lanes, low].reshape(shape), d[lanes, high].reshape(shape)
        return np.reshape(low_d * (1 - weight) + high_d * weight, y.shape)

    function = getattr(function, "original", function)
    return choices.settled_by(function, y, at, change, lambda change: change)


# How far the place among N sorted elements moves with q, of the methods that interpolate.
_RATES = {
    "linear": lambda n: n - 1, "weibull": lambda n: n + 1, "hazen": lambda n: n,
    "interpolated_inverted_cdf": lambda n: n, "median_unbiased": lambda n: n + 1 / 3,
    "normal_unbiased": lambda n: n + 1 / 4,
}  # fmt: skip


def _quantile_in_q(function, a, q, axis, keepdims, method="linear"):
    """The quantile as a broken line in q, between sorted elements; flat beyond the outermost."""
    axes = negative_axes(axis, np.ndim(a))
    order = tuple(range(-len(axes), 0))
    kept = kept_shape(np.shape(a), axes, False)
    n = math.prod(np.shape(a)[i] for i in axes)
    rows = np.sort(np.reshape(np.moveaxis(a, axes, order), (*kept, n)), axis=-1)
    place = np.asarray(function(np.arange(float(n)), values(q), method=method))
    low = np.minimum(np.floor(place).astype(np.intp), max(n - 2, 0))
    rate = _RATES.get(method, lambda n: 0.0)(n) * (0.01 if function is np.percentile else 1.0)
    rate = np.where((place > 0) & (place < n - 1), rate, 0.0)
    weight = (place - low) + rate * (q - values(q))
    lead = np.shape(place)
    weight = np.reshape(weight, lead + (1,) * len(kept))
    below, above = (
        np.reshape(np.moveaxis(rows[..., np.ravel(i)], -1, 0), lead + kept)
        for i in (low, np.minimum(low + 1, n - 1))
    )
    y = below + (above - below) * weight
    plain = values(a) if type(a) is Dual else a
    found = np.asarray(function(plain, values(q), axis, keepdims=keepdims, method=method))
    return valued(found, np.reshape(y, found.shape))


def _register_quantile(function, skip_nan):
    @handles("selection", function)
    def handler(
        a, q, axis=None, out=None, overwrite_input=False, method="linear", keepdims=False, *,
        weights=None, interpolation=None,
    ):  # fmt: skip
        return written(
            out,
            _quantile(function, a, q, axis, keepdims, skip_nan, method=method, weights=weights),
        )


_register_quantile(np.quantile, False)
_register_quantile(np.percentile, False)
_register_quantile(np.nanquantile, True)
_register_quantile(np.nanpercentile, True)


def _median_as_quantile(function):
    def quantile(x, q, axis=None, keepdims=False):
        return function(x, axis, keepdims=keepdims)

    quantile.__name__ = function.__name__
    quantile.original = function
    return quantile


_median = _median_as_quantile(np.median)
_nanmedian = _median_as_quantile(np.nanmedian)


@handles("selection", np.median)
def median(a, axis=None, out=None, overwrite_input=False, keepdims=False):
    return written(out, _quantile(_median, a, 0.5, axis, keepdims, False))


@handles("selection", np.nanmedian)
def nanmedian(a, axis=None, out=None, overwrite_input=False, keepdims=False):
    return written(out, _quantile(_nanmedian, a, 0.5, axis, keepdims, True))
