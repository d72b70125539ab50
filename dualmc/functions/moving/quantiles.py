"""Quantiles and medians: a fixed combination of two order statistics.

Which two, and with which weights, is what the quantile of 0, 1, ..., N-1 says: NumPy's own method,
whatever it is.
"""

import math

import numpy as np

from dualmc.duals import choices
from dualmc.duals.dual import Dual, make
from dualmc.duals.operands import as_operand
from dualmc.duals.views import positions
from dualmc.errors import missing_case
from dualmc.functions.axes import kept_shape, negative_axes
from dualmc.functions.moving.order import turned_ties
from dualmc.functions.results import valued, written
from dualmc.kernels.payload import values
from dualmc.rules.kink_table import equal_neighbours
from dualmc.rules.registry import handles
from dualmc.tangents.combining import add


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
    place = _places(function, q, length, options)
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
        d = turned_ties(np.ravel(a)[index])
        low_d, high_d = d[lanes, low].reshape(shape), d[lanes, high].reshape(shape)
        return np.reshape(low_d * (1 - weight) + high_d * weight, y.shape)

    function = getattr(function, "original", function)
    return choices.settled_by(function, y, at, change, lambda change: change)


def _places(function, q, length, options):
    """Where each quantile lies among the 0, 1, ..., N-1 of every row, which has `length` N."""
    place = np.zeros((np.size(q), length.size))
    for n in np.unique(length[length > 0]):
        place[:, length == n] = np.reshape(function(np.arange(float(n)), q, **options), (-1, 1))
    return place


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
    found = np.asarray(function(values(a), values(q), axis, keepdims=keepdims, method=method))
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
