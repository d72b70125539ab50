"""Statistics: variance, deviation, weighted means, covariance, and the forms that skip NaN.

Each is its definition, with NumPy's own value in the primal.
"""

import math

import numpy as np

from dualmc.duals import choices
from dualmc.duals.dual import Dual, make
from dualmc.duals.operands import as_operand
from dualmc.errors import missing_case
from dualmc.functions.axes import negative_axes, not_nan, summed
from dualmc.functions.results import exact, valued, written
from dualmc.kernels.payload import values
from dualmc.rules.kink_table import std_gap
from dualmc.rules.registry import handles


def _central(a, axis, ddof, keepdims, where):
    """Sum of squared deviations per lane, with its count minus ddof.

    The mean's own tangent drops out: the deviations from it sum to zero.
    """
    axes = negative_axes(axis, a.ndim)
    centre = np.mean(a.primal, axis, keepdims=True, where=where)
    with np.errstate(invalid="ignore"):
        deviation = a.primal - centre
    if where is True:
        count = math.prod(a.shape[i] for i in axes) - ddof
    else:
        where = np.broadcast_to(where, a.shape)
        count = np.sum(where, axis, keepdims=True) - ddof
        deviation = np.where(where, deviation, np.zeros((), a.dtype))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.conj(deviation) * (2.0 / np.asarray(count, deviation.real.dtype)), axes


def _var_tangent(a, axis, ddof, keepdims, where, y):
    factor, axes = _central(a, axis, ddof, keepdims, where)
    t = a.own_tangent()
    if t is None:
        return None
    t = t.times(factor)
    if a.dtype.kind == "c":
        t = t.part(np.real)
    return summed(t, axes, y.shape, y.dtype)


@handles("composite", np.var)
def var(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, *, where=True,
        mean=np._NoValue, correction=np._NoValue):  # fmt: skip
    ddof = ddof if correction is np._NoValue else correction
    where = values(where)
    a = as_operand(a)
    a = a if dtype is None else a.astype(dtype)
    if mean is not np._NoValue:
        return written(out, _var_about(a, axis, ddof, keepdims, where, as_operand(mean)))
    y = np.var(a.primal, axis, ddof=ddof, keepdims=keepdims, where=where)
    y = y if type(y) is Dual else np.asarray(y)
    return written(out, make(y, _var_tangent(a, axis, ddof, keepdims, where, y), a.level))


def _var_about(a, axis, ddof, keepdims, where, centre):
    """The variance about a given mean, which may depend on the inputs in its own way."""

    def formula(a, centre):
        square = np.absolute(a - centre) ** 2
        square = square if where is True else np.where(where, square, np.zeros((), square.dtype))
        count = np.sum(np.broadcast_to(where, np.shape(a)), axis, keepdims=keepdims)
        return np.sum(square, axis, keepdims=keepdims) / np.maximum(count - ddof, 0)

    def primal(a, centre):
        return np.var(a, axis, ddof=ddof, keepdims=keepdims, where=where, mean=centre)

    return exact(primal, formula, a, centre)


@handles("composite", np.std)
def std(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, *, where=True,
        mean=np._NoValue, correction=np._NoValue):  # fmt: skip
    is_plain = dtype is None and where is True and mean is np._NoValue
    if is_plain and correction is np._NoValue and type(a) is Dual:
        v = np.var(a, axis, ddof=ddof, keepdims=keepdims)
    else:
        v = var(a, axis, dtype, None, ddof, keepdims, where=where, mean=mean, correction=correction)
    # NumPy's own std is the square root of its own var.
    return written(out, _root(v, a, axis, keepdims, values(where)))


def _root(v, a, axis, keepdims, where):
    """Square root of the variance `v` of `a`: derivative 0 at 0, where it has its minimum."""
    if values(v).all():
        return np.sqrt(v)
    zero = values(v) == 0
    safe = np.where(zero, np.ones((), v.dtype), v)
    y = np.where(zero, np.zeros((), v.dtype), np.sqrt(safe))
    if choices.is_nested(y):
        y = choices.settled_by(np.std, y, zero, lambda: std_gap(a, axis, keepdims, where))
        choices.remember(y, v)
    return y


@handles("composite", np.nansum)
def nansum(a, axis=None, dtype=None, out=None, keepdims=False, initial=0, where=True):
    a = np.where(not_nan(a), a, np.zeros((), a.dtype))
    return np.sum(a, axis, dtype, out, keepdims, initial, values(where))


@handles("composite", np.nanmean)
def nanmean(a, axis=None, dtype=None, out=None, keepdims=False, *, where=True):
    axis = axis if a.ndim else negative_axes(axis, 0)
    mask = not_nan(a) & np.broadcast_to(values(where), a.shape)
    total = np.mean(a, axis, dtype, None, keepdims, where=mask)
    y = np.nanmean(values(a), axis, dtype, keepdims=keepdims, where=values(where))
    return written(out, valued(y, total))


@handles("composite", np.nanvar)
def nanvar(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, *, where=True,
           mean=np._NoValue, correction=np._NoValue):  # fmt: skip
    if mean is not np._NoValue:
        raise missing_case("numpy.nanvar", "about a given mean")
    axis = axis if a.ndim else negative_axes(axis, 0)
    mask = not_nan(a) & np.broadcast_to(values(where), a.shape)
    v = var(a, axis, dtype, None, ddof, keepdims, where=mask, correction=correction)
    ddof = ddof if correction is np._NoValue else correction
    y = np.nanvar(values(a), axis, dtype, ddof=ddof, keepdims=keepdims, where=values(where))
    return written(out, valued(y, v))


@handles("composite", np.nanstd)
def nanstd(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, *, where=True,
           mean=np._NoValue, correction=np._NoValue):  # fmt: skip
    v = nanvar(a, axis, dtype, None, ddof, keepdims, where=where, mean=mean, correction=correction)
    ddof = ddof if correction is np._NoValue else correction
    y = np.nanstd(values(a), axis, dtype, ddof=ddof, keepdims=keepdims, where=values(where))
    mask = not_nan(a) & np.broadcast_to(values(where), a.shape)
    return written(out, valued(y, _root(v, a, axis, keepdims, mask)))


@handles("composite", np.average)
def average(a, axis=None, weights=None, returned=False, *, keepdims=False):
    a = as_operand(a)
    if weights is None:
        mean = np.mean(a, axis, keepdims=keepdims)
        count = np.full(mean.shape, a.size / max(mean.size, 1))
        return (mean, count) if returned else mean
    weights = as_operand(weights)
    if np.shape(weights) != np.shape(a):
        if axis is None:
            raise TypeError("Axis must be specified when shapes of a and weights differ.")
        axes = negative_axes(axis, np.ndim(a))
        shape = [np.shape(a)[i] if i - np.ndim(a) in axes else 1 for i in range(np.ndim(a))]
        order = np.argsort(np.argsort(axes))
        weights = np.reshape(np.transpose(weights, order), shape)
    weights = np.broadcast_to(weights, np.shape(a))
    total = np.sum(weights, axis, keepdims=keepdims)
    if np.any(np.equal(total, 0)):
        raise ZeroDivisionError("Weights sum to zero, can't be normalized")
    mean = np.sum(a * weights, axis, keepdims=keepdims) / total
    return (mean, total) if returned else mean


@handles("composite", np.cov)
def cov(m, y=None, rowvar=True, bias=False, ddof=None, fweights=None, aweights=None, *, dtype=None):
    beside = {"y": y, "fweights": fweights, "aweights": aweights}
    beside = {key: a for key, a in beside.items() if a is not None}

    def formula(m, *arrays):
        given = dict(zip(beside, arrays, strict=True))
        x = np.atleast_2d(m)
        x = x if rowvar or x.shape[0] == 1 else x.T
        if y is not None:
            z = np.atleast_2d(given["y"])
            x = np.concatenate([x, z if rowvar or z.shape[0] == 1 else z.T])
        degrees = (0 if bias else 1) if ddof is None else ddof
        weights, w = given.get("aweights"), given.get("fweights")
        if weights is not None:
            w = weights if w is None else w * weights
        if w is None:
            norm = x.shape[1] - degrees
            deviation = x - np.mean(x, axis=1, keepdims=True)
            weighted = deviation
        else:
            w = as_operand(w)
            total = np.sum(w)
            norm = total - degrees * (np.sum(w * weights) / total if weights is not None else 1)
            deviation = x - np.sum(x * w, axis=1, keepdims=True) / total
            weighted = deviation * w
        return np.squeeze(np.matmul(weighted, np.conj(deviation).T) / norm)

    def primal(m, *arrays):
        given = dict(zip(beside, arrays, strict=True))
        return np.cov(m, rowvar=rowvar, bias=bias, ddof=ddof, **given)

    c = exact(primal, formula, m, *beside.values())
    return c if dtype is None else c.astype(dtype)


@handles("composite", np.corrcoef)
def corrcoef(x, y=None, rowvar=True, *, dtype=None):
    def formula(*arrays):
        c = np.cov(*arrays, rowvar=rowvar)
        if c.ndim == 0:
            return c / c
        d = np.sqrt(np.real(np.diag(c)))
        return c / d[:, None] / d[None, :]

    arrays = (x,) if y is None else (x, y)
    c = exact(lambda *plain: np.corrcoef(*plain, rowvar=rowvar), formula, *arrays)
    return c if dtype is None else c.astype(dtype)
