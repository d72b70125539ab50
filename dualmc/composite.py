"""Functions written in terms of others: statistics, products, differences, interpolation, ...

Each is its mathematical definition in public NumPy functions, so that Duals (and Duals of Duals)
flow through it; `exact` then puts NumPy's own value in the primal.
"""

import math

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from dualmc import indexing
from dualmc.dual import Dual, as_operand, level_of, make, primal_at, tangent_at
from dualmc.elementwise import apply, push
from dualmc.errors import TangentLostError, missing_rule
from dualmc.linear import exact, kept_shape, negative_axes, options_of, summed, with_primal
from dualmc.registry import handles, name_of, register_one
from dualmc.rules import RULES
from dualmc.selection import written
from dualmc.tangent import DenseTangent, values

# --- Statistics ----------------------------------------------------------------------------------


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
    if a.dtype.kind == "c":
        t = DenseTangent(a.level, np.real(t.times(factor).to_dense().dense()))
    else:
        t = t.times(factor)
    return summed(t, axes, y.shape, y.dtype)


@handles("composite", np.var)
def var(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, *, where=True,
        mean=np._NoValue, correction=np._NoValue):  # fmt: skip
    ddof = ddof if correction is np._NoValue else correction
    where = values(where)
    a = a if dtype is None else a.astype(dtype)
    y = np.var(a.primal, axis, ddof=ddof, keepdims=keepdims, where=where)
    y = y if type(y) is Dual else np.asarray(y)
    return written(out, make(y, _var_tangent(a, axis, ddof, keepdims, where, y), a.level))


@handles("composite", np.std)
def std(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, *, where=True,
        mean=np._NoValue, correction=np._NoValue):  # fmt: skip
    v = var(a, axis, dtype, None, ddof, keepdims, where=where, correction=correction)
    y = np.std(a.primal if dtype is None else a.primal.astype(dtype), axis, ddof=values(ddof)
               if correction is np._NoValue else correction, keepdims=keepdims,
               where=values(where))  # fmt: skip
    return written(out, with_primal(y, _root(v)))


def _root(v):
    """Square root with derivative 0 at 0, where the standard deviation has its minimum."""
    zero = values(v) == 0
    safe = np.where(zero, np.ones((), v.dtype), v)
    return np.where(zero, np.zeros((), v.dtype), np.sqrt(safe))


def _not_nan(a):
    return ~np.isnan(values(a))


@handles("composite", np.nansum)
def nansum(a, axis=None, dtype=None, out=None, keepdims=False, initial=0, where=True):
    a = np.where(_not_nan(a), a, np.zeros((), a.dtype))
    return np.sum(a, axis, dtype, out, keepdims, initial, values(where))


@handles("composite", np.nanmean)
def nanmean(a, axis=None, dtype=None, out=None, keepdims=False, *, where=True):
    mask = _not_nan(a) & np.broadcast_to(values(where), a.shape)
    total = np.mean(a, axis, dtype, None, keepdims, where=mask)
    y = np.nanmean(values(a), axis, dtype, keepdims=keepdims, where=values(where))
    return written(out, _valued(y, total))


def _valued(y, dual):
    """`with_primal` for plain primals; under nesting the formula's own primal stands."""
    return with_primal(y, dual) if type(dual.primal) is np.ndarray else dual


@handles("composite", np.nanvar)
def nanvar(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, *, where=True,
           mean=np._NoValue, correction=np._NoValue):  # fmt: skip
    mask = _not_nan(a) & np.broadcast_to(values(where), a.shape)
    v = var(a, axis, dtype, None, ddof, keepdims, where=mask, correction=correction)
    ddof = ddof if correction is np._NoValue else correction
    y = np.nanvar(values(a), axis, dtype, ddof=ddof, keepdims=keepdims, where=values(where))
    return written(out, _valued(y, v))


@handles("composite", np.nanstd)
def nanstd(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, *, where=True,
           mean=np._NoValue, correction=np._NoValue):  # fmt: skip
    v = nanvar(a, axis, dtype, None, ddof, keepdims, where=where, correction=correction)
    ddof = ddof if correction is np._NoValue else correction
    y = np.nanstd(values(a), axis, dtype, ddof=ddof, keepdims=keepdims, where=values(where))
    return written(out, _valued(y, _root(v)))


@handles("composite", np.average)
def average(a, axis=None, weights=None, returned=False, *, keepdims=False):
    a = as_operand(a)
    if weights is None:
        mean = np.mean(a, axis, keepdims=keepdims)
        count = np.full(mean.shape, a.size / max(mean.size, 1))
        return (mean, count) if returned else mean
    weights = as_operand(weights)
    if np.shape(weights) != np.shape(a):
        axes = negative_axes(axis, np.ndim(a))
        shape = [np.shape(a)[i] if i - np.ndim(a) in axes else 1 for i in range(np.ndim(a))]
        order = np.argsort(np.argsort(axes))
        weights = np.reshape(np.transpose(weights, order), shape)
    weights = np.broadcast_to(weights, np.shape(a))
    total = np.sum(weights, axis, keepdims=keepdims)
    mean = np.sum(a * weights, axis, keepdims=keepdims) / total
    return (mean, total) if returned else mean


@handles("composite", np.cov)
def cov(m, y=None, rowvar=True, bias=False, ddof=None, fweights=None, aweights=None, *, dtype=None):
    def formula(*arrays):
        x = np.atleast_2d(arrays[0])
        x = x if rowvar or x.shape[0] == 1 else x.T
        if len(arrays) > 1:
            z = np.atleast_2d(arrays[1])
            x = np.concatenate([x, z if rowvar or z.shape[0] == 1 else z.T])
        degrees = (0 if bias else 1) if ddof is None else ddof
        w = None
        if fweights is not None:
            w = np.asarray(fweights, float)
        if aweights is not None:
            w = np.asarray(aweights, float) if w is None else w * aweights
        if w is None:
            total, norm = x.shape[1], x.shape[1] - degrees
            deviation = x - np.mean(x, axis=1, keepdims=True)
            weighted = deviation
        else:
            total = w.sum()
            norm = total - degrees * ((w * aweights).sum() / total if aweights is not None else 1)
            deviation = x - np.sum(x * w, axis=1, keepdims=True) / total
            weighted = deviation * w
        return np.squeeze(np.matmul(weighted, np.conj(deviation).T) / norm)

    arrays = (m,) if y is None else (m, y)
    options = {"bias": bias, "ddof": ddof, "fweights": fweights, "aweights": aweights}

    def primal(*plain):
        return np.cov(*plain, rowvar=rowvar, **options)

    return exact(primal, formula, *arrays)


@handles("composite", np.corrcoef)
def corrcoef(x, y=None, rowvar=True, *, dtype=None):
    def formula(*arrays):
        c = np.cov(*arrays, rowvar=rowvar)
        if c.ndim == 0:
            return c / c
        d = np.sqrt(np.real(np.diag(c)))
        return c / d[:, None] / d[None, :]

    arrays = (x,) if y is None else (x, y)
    return exact(lambda *plain: np.corrcoef(*plain, rowvar=rowvar), formula, *arrays)


# --- Products ------------------------------------------------------------------------------------


def _others(x):
    """Along the last axis, the product of all other elements: exact with zeros, no division."""
    one = np.ones((*x.shape[:-1], 1), x.dtype)
    before = np.concatenate([one, np.cumprod(x[..., :-1], axis=-1)], axis=-1)
    after = np.concatenate([one, np.cumprod(x[..., :0:-1], axis=-1)], axis=-1)[..., ::-1]
    return before * after


@handles("composite", np.prod)
def prod(a, axis=None, dtype=None, out=None, keepdims=False, initial=np._NoValue, where=True):
    where = values(where)
    y = np.prod(
        a.primal, axis, dtype, keepdims=keepdims, where=where, **options_of(initial=initial)
    )
    y = y if type(y) is Dual else np.asarray(y)
    if where is not True:
        a = np.where(where, a, np.ones((), a.dtype))
    axes = negative_axes(axis, a.ndim)
    order = tuple(range(-len(axes), 0))
    kept = kept_shape(a.shape, axes, False)
    rows = np.reshape(np.moveaxis(a, axes, order), (*kept, math.prod(a.shape[i] for i in axes)))
    t = rows.own_tangent()
    if t is not None and rows.size:
        factor = _others(rows.primal)
        factor = factor if initial is np._NoValue else factor * initial
        t = summed(t.times(factor), (-1,), y.shape, y.dtype)
    return written(out, make(y, t if rows.size else None, a.level))


@handles("composite", (np.multiply, "reduce"))
def multiply_reduce(
    array, axis=0, dtype=None, out=None, keepdims=False, initial=np._NoValue, where=True
):
    return prod(array, axis, dtype, out, keepdims, initial, where)


@handles("composite", np.cumprod)
def cumprod(a, axis=None, dtype=None, out=None):
    y = np.cumprod(a.primal, axis, dtype)
    if axis is None:
        a, axis = np.ravel(a), 0
    x = np.moveaxis(a if dtype is None else a.astype(dtype), axis, 0)
    running, parts = None, []
    for i in range(x.shape[0]):
        running = x[i] if running is None else running * x[i]
        parts.append(running)
    if not parts:
        return written(out, make(y, None, a.level))
    return written(out, with_primal(y, np.moveaxis(np.stack(parts), 0, axis)))


@handles("composite", (np.multiply, "accumulate"))
def multiply_accumulate(array, axis=0, dtype=None, out=None):
    return cumprod(array, axis, dtype, out)


@handles("composite", np.cumulative_prod)
def cumulative_prod(x, /, *, axis=None, dtype=None, out=None, include_initial=False):
    if axis is None:
        if x.ndim > 1:
            raise ValueError(
                "For arrays which have more than one dimension ``axis`` argument is required."
            )
        axis = 0
    y = np.cumprod(x, axis, dtype)
    if include_initial:
        first = list(y.shape)
        first[axis] = 1
        y = np.concatenate([np.ones(first, y.dtype), y], axis=axis)
    return written(out, y)


@handles("composite", np.nanprod)
def nanprod(a, axis=None, dtype=None, out=None, keepdims=False, initial=1, where=True):
    a = np.where(_not_nan(a), a, np.ones((), a.dtype))
    return np.prod(a, axis, dtype, out, keepdims, initial, values(where))


@handles("composite", np.nancumsum)
def nancumsum(a, axis=None, dtype=None, out=None):
    return np.cumsum(np.where(_not_nan(a), a, np.zeros((), a.dtype)), axis, dtype, out)


@handles("composite", np.nancumprod)
def nancumprod(a, axis=None, dtype=None, out=None):
    return np.cumprod(np.where(_not_nan(a), a, np.ones((), a.dtype)), axis, dtype, out)


# --- Any ufunc's methods -------------------------------------------------------------------------


@handles("composite", "reduce")
def reduce(ufunc, array, axis=0, dtype=None, out=None, keepdims=False, initial=np._NoValue,
           where=True):  # fmt: skip
    """``ufunc.reduce`` from left to right, for ufuncs without a rule of their own for it."""
    if where is not True or dtype is not None:
        raise missing_rule(f"{name_of(ufunc)}.reduce with where or dtype")
    axes = negative_axes(axis, array.ndim)
    x = np.moveaxis(array, axes, range(len(axes)))
    x = np.reshape(x, (math.prod(x.shape[: len(axes)]), *x.shape[len(axes) :]))
    total = None if initial is np._NoValue else initial
    for i in range(x.shape[0]):
        total = x[i] if total is None else apply(ufunc, total, x[i])
    primal = ufunc.reduce(array.primal, axis, keepdims=keepdims, **options_of(initial=initial))
    if type(total) is not Dual:  # no elements: the identity of the ufunc, or initial
        return written(out, primal)
    y = np.reshape(total, np.shape(primal))
    return written(out, with_primal(primal, y))


@handles("composite", "accumulate")
def accumulate(ufunc, array, axis=0, dtype=None, out=None):
    x = np.moveaxis(array, axis, 0)
    parts = [x[0]]
    for i in range(1, x.shape[0]):
        parts.append(apply(ufunc, parts[-1], x[i]))
    y = np.moveaxis(np.stack(parts), 0, axis)
    return written(out, with_primal(ufunc.accumulate(array.primal, axis, dtype), y))


@handles("composite", "reduceat")
def reduceat(ufunc, array, indices, axis=0, dtype=None, out=None):
    x = np.moveaxis(array, axis, 0)
    indices = [int(i) for i in values(indices)]
    parts = []
    for i, start in enumerate(indices):
        stop = indices[i + 1] if i + 1 < len(indices) else x.shape[0]
        parts.append(ufunc.reduce(x[start:stop], axis=0) if stop > start else x[start])
    y = np.moveaxis(np.stack(parts), 0, axis)
    return written(out, with_primal(ufunc.reduceat(array.primal, values(indices), axis, dtype), y))


@handles("composite", "outer")
def ufunc_outer(ufunc, a, b, /, out=None):
    a, b = as_operand(a), as_operand(b)
    a = np.reshape(a, (*np.shape(a), *(1,) * np.ndim(b)))
    if type(a) is not Dual and type(b) is not Dual:
        return ufunc(a, b)
    return written(out, apply(ufunc, a, b))


@handles("in-place", "at")
def ufunc_at(ufunc, a, indices, b=None, /):
    """``ufunc.at``: unbuffered, so repeated indices apply the ufunc repeatedly."""
    if type(a) is not Dual:
        if any(type(x) is Dual and x.own_tangent() is not None for x in (b,)):
            raise TangentLostError(
                f"{name_of(ufunc)}.at cannot write a Dual into a plain array: the derivative would "
                f"be lost. Allocate it with numpy.zeros_like(dual)."
            )
        ufunc.at(a, values(indices), values(b))
        return
    indices = indexing.plain_key(indices)
    where = np.arange(a.size).reshape(a.shape)[indices]
    flat_view = np.ravel(a)
    if b is None:
        for i in np.ravel(where):
            flat_view[int(i)] = apply(ufunc, flat_view[int(i)])
    else:
        b = np.ravel(np.broadcast_to(as_operand(b), np.shape(where)))
        for i, value in zip(np.ravel(where), b, strict=True):
            flat_view[int(i)] = apply(ufunc, flat_view[int(i)], value)
    if flat_view._view is None:
        a[...] = np.reshape(flat_view, a.shape)


# --- Ufuncs with several outputs, or not holomorphic ---------------------------------------------


@handles("composite", np.divmod)
def divmod_(a, b):
    return np.floor_divide(a, b), np.remainder(a, b)


@handles("composite", np.modf)
def modf(x):
    fraction, whole = np.modf(values(x))
    return _same_tangent(fraction, x, np.modf), make(whole, None, x.level)


def _same_tangent(y, x, function):
    if type(x.primal) is Dual:
        y = function(x.primal)[0]
    return make(y, x.own_tangent(), x.level)


@handles("composite", np.frexp)
def frexp(x):
    _, exponent = np.frexp(values(x))
    return np.ldexp(x, -exponent), exponent


def _complex_absolute(x):
    """|z| with derivative Re(conj(z) z_dot)/|z|, and 0 at z = 0."""
    return np.hypot(np.real(x), np.imag(x))


@handles("composite", np.absolute)
def absolute(x):
    if x.dtype.kind != "c":
        return push(RULES[np.absolute], np.absolute, (x,))
    return exact(np.absolute, _complex_absolute, x)


@handles("composite", np.conjugate)
def conjugate(x):
    if x.dtype.kind != "c":
        return push(RULES[np.conjugate], np.conjugate, (x,))
    t = x.own_tangent()
    if t is not None:
        t = (
            t.with_coef(np.conj(t.coef))
            if t.is_sparse
            else DenseTangent(x.level, np.conj(t.dense()))
        )
    return make(np.conjugate(x.primal), t, x.level)


@handles("composite", np.sign)
def sign(x):
    """Flat for reals; z/|z| for complex numbers."""
    if x.dtype.kind != "c":
        return make(
            np.sign(x.primal) if type(x.primal) is not Dual else sign(x.primal), None, x.level
        )
    return exact(np.sign, lambda z: z / np.absolute(z), x)


@handles("selection", np.real)
def real(val):
    return _part(np.real, val)


@handles("selection", np.imag)
def imag(val):
    if val.dtype.kind != "c":
        return make(np.zeros(val.shape, val.dtype), None, val.level)
    return _part(np.imag, val)


def _part(function, x):
    if x.dtype.kind != "c":
        return x
    return make(function(x.primal), None, x.level, indexing.PartView(x, function))


@handles("composite", np.angle)
def angle(z, deg=False):
    y = np.arctan2(np.imag(z), np.real(z))
    y = np.degrees(y) if deg else y
    return exact(lambda z: np.angle(z, deg), lambda z: y, z)


@handles("selection", np.real_if_close)
def real_if_close(a, tol=100):
    return np.real(a) if np.isrealobj(np.real_if_close(values(a), tol)) else a


# --- Differences and integrals -------------------------------------------------------------------


@handles("linear", np.diff)
def diff(a, n=1, axis=-1, prepend=np._NoValue, append=np._NoValue):
    a = as_operand(a)
    axis = normalize_axis_index(axis, a.ndim)
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n!r}")
    parts = []
    for piece, given in ((prepend, True), (a, False), (append, True)):
        if piece is np._NoValue:
            continue
        piece = as_operand(piece)
        if given and np.ndim(piece) == 0:
            piece = np.broadcast_to(piece, [1 if i == axis else m for i, m in enumerate(a.shape)])
        parts.append(piece)
    a = np.concatenate(parts, axis=axis) if len(parts) > 1 else a
    lead = (slice(None),) * axis
    for _ in range(n):
        a = a[(*lead, slice(1, None))] - a[(*lead, slice(None, -1))]
    return a


@handles("linear", np.ediff1d)
def ediff1d(ary, to_end=None, to_begin=None):
    ary = np.ravel(as_operand(ary))
    parts = [] if to_begin is None else [np.ravel(as_operand(to_begin))]
    parts.append(ary[1:] - ary[:-1])
    if to_end is not None:
        parts.append(np.ravel(as_operand(to_end)))
    return np.concatenate(parts) if len(parts) > 1 else parts[0]


@handles("composite", np.trapezoid)
def trapezoid(y, x=None, dx=1.0, axis=-1):
    def formula(y, *rest):
        y = np.moveaxis(y, axis, -1)
        if rest:
            x = rest[0]
            d = np.diff(x) if np.ndim(x) == 1 else np.diff(np.moveaxis(x, axis, -1))
        else:
            d = dx
        return np.sum(d * (y[..., 1:] + y[..., :-1]) / 2.0, axis=-1)

    def primal(y, *rest):
        return np.trapezoid(y, *rest, dx=values(dx), axis=axis)

    arrays = (y,) if x is None else (y, x)
    if type(dx) is Dual:
        return formula(*map(as_operand, arrays))
    return exact(primal, formula, *arrays)


@handles("composite", np.gradient)
def gradient(f, *varargs, axis=None, edge_order=1):
    """Second-order differences, uniform or not, as NumPy computes them."""
    f = as_operand(f)
    axes = range(f.ndim) if axis is None else axis
    axes = (axes,) if isinstance(axes, (int, np.integer)) else tuple(axes)
    spacing = [as_operand(v) for v in varargs] or [1.0]
    spacing = spacing * len(axes) if len(spacing) == 1 else spacing
    if len(spacing) != len(axes):
        raise TypeError("invalid number of arguments")
    found = []
    for i, h in zip(axes, spacing, strict=True):
        x = np.moveaxis(f, i, 0)
        y = _gradient_first_axis(x, h, edge_order)
        found.append(np.moveaxis(y, 0, i))
    if not any(type(v) is Dual for v in varargs):
        level = f.level
        primals = np.gradient(f.primal, *varargs, axis=axis, edge_order=edge_order)
        primals = primals if isinstance(primals, (list, tuple)) else [primals]
        found = [make(p, tangent_at(y, level), level) for p, y in zip(primals, found, strict=True)]
    return found[0] if len(found) == 1 else tuple(found)


def _gradient_first_axis(x, h, edge_order):
    def column(d):
        return np.reshape(d, (-1,) + (1,) * (x.ndim - 1))

    if np.ndim(h) == 0:
        left = right = h
        first, second, last, before = h, h, h, h
        inner = (x[2:] - x[:-2]) / (2.0 * h)
    else:
        d = np.diff(h)
        left, right = column(d[:-1]), column(d[1:])
        first, last = d[0], d[-1]
        second, before = (d[1], d[-2]) if edge_order == 2 else (None, None)
        inner = (
            x[:-2] * (-right / (left * (left + right)))
            + x[1:-1] * ((right - left) / (left * right))
            + x[2:] * (left / (right * (left + right)))
        )
    if edge_order == 1:
        start = (x[1] - x[0]) / first
        end = (x[-1] - x[-2]) / last
    else:
        start = (
            x[0] * (-(2.0 * first + second) / (first * (first + second)))
            + x[1] * ((first + second) / (first * second))
            + x[2] * (-first / (second * (first + second)))
        )
        end = (
            x[-3] * (last / (before * (before + last)))
            + x[-2] * (-(last + before) / (before * last))
            + x[-1] * ((2.0 * last + before) / (last * (before + last)))
        )
    return np.concatenate([start[None], inner, end[None]])


@handles("composite", np.interp)
def interp(x, xp, fp, left=None, right=None, period=None):
    x, xp, fp = as_operand(x), as_operand(xp), as_operand(fp)
    given = [a for a in (x, xp, fp, left, right) if type(a) is Dual]
    level = level_of(given)
    y = np.interp(*(primal_at(a, level) for a in (x, xp, fp, left, right)), period)
    if period is not None:
        # As NumPy does: wrap everything into one period, sort, and continue it on both sides.
        x, xp = x % period, xp % period
        order = np.argsort(values(xp) if type(xp) is Dual else xp)
        xp, fp = xp[order], fp[order]
        xp = np.concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
        left = right = None
    knots, points = (values(a) if type(a) is Dual else np.asarray(a) for a in (xp, x))
    left = fp[0] if left is None else left
    right = fp[-1] if right is None else right
    if knots.size == 1:
        inside = np.broadcast_to(fp[0], points.shape)
    else:
        i = np.clip(np.searchsorted(knots, points, side="right") - 1, 0, knots.size - 2)
        slope = (fp[i + 1] - fp[i]) / (xp[i + 1] - xp[i])
        inside = fp[i] + slope * (x - xp[i])
    z = np.where(points < knots[0], left, np.where(points > knots[-1], right, inside))
    return with_primal(y, z)


# --- Bounds, NaN, branches -----------------------------------------------------------------------


@handles("composite", np.clip)
def clip(a, a_min=np._NoValue, a_max=np._NoValue, out=None, *, min=np._NoValue, max=np._NoValue,
         **kwargs):  # fmt: skip
    low = a_min if min is np._NoValue else min
    high = a_max if max is np._NoValue else max
    y = as_operand(a)
    if low is not None and low is not np._NoValue:
        y = np.maximum(y, as_operand(low))
    if high is not None and high is not np._NoValue:
        y = np.minimum(y, as_operand(high))
    return written(out, y if y is not a else np.copy(a))


@handles("composite", np._core.umath.clip)
def ufunc_clip(a, low, high):
    return np.minimum(np.maximum(a, low), high)


@handles("composite", np.nan_to_num)
def nan_to_num(x, copy=True, nan=0.0, posinf=None, neginf=None):
    y = np.nan_to_num(values(x), nan=values(nan), posinf=posinf, neginf=neginf)
    kept = np.where(np.isfinite(values(x)), x, y)
    if not copy:
        x[...] = kept
        return x
    return kept


@handles("composite", np.piecewise)
def piecewise(x, condlist, funclist, *args, **kw):
    x = as_operand(x)
    if not isinstance(condlist, (list, tuple, np.ndarray)) or np.ndim(condlist[0]) == 0 and x.ndim:
        condlist = [condlist]
    conditions = [np.broadcast_to(np.asarray(values(c), bool), x.shape) for c in condlist]
    if len(funclist) == len(conditions) + 1:
        conditions.append(~np.any(conditions, axis=0))
    elif len(funclist) != len(conditions):
        raise ValueError(
            f"with {len(conditions)} condition(s), either {len(conditions)} or "
            f"{len(conditions) + 1} functions are expected"
        )
    y = np.zeros_like(x)
    for condition, function in zip(conditions, funclist, strict=True):
        if not callable(function):
            y[condition] = function
        elif condition.any():
            y[condition] = function(x[condition], *args, **kw)
    return y


@handles("composite", np.unwrap)
def unwrap(p, discont=None, axis=-1, *, period=2 * np.pi):
    """Adds multiples of the period, decided by the values."""
    y = np.unwrap(values(p), discont, axis, period=period)
    primal = y if type(p.primal) is not Dual else p.primal + (y - values(p))
    return make(primal, p.own_tangent(), p.level)


# --- Making arrays -------------------------------------------------------------------------------


def _filled_like(function):
    def handler(a, dtype=None, order="K", subok=True, shape=None, *, device=None):
        dtype = a.dtype if dtype is None else np.dtype(dtype)
        y = function(values(a), dtype, shape=a.shape if shape is None else shape)
        return make(y, None, a.level) if dtype.kind in "fc" else y

    return handler


def _register_filled_like():
    register_one("flat", np.zeros_like, _filled_like(np.zeros_like))
    register_one("flat", np.ones_like, _filled_like(np.ones_like))
    register_one("flat", np.empty_like, _filled_like(np.empty_like))


_register_filled_like()


@handles("selection", np.full_like)
def full_like(a, fill_value, dtype=None, order="K", subok=True, shape=None, *, device=None):
    fill_value = as_operand(fill_value)
    level = level_of(a, fill_value)
    shape = np.shape(a) if shape is None else shape
    dtype = (a.dtype if hasattr(a, "dtype") else np.asarray(a).dtype) if dtype is None else dtype
    y = make(np.zeros(shape, dtype), None, level)
    if np.dtype(dtype).kind not in "fc":
        return np.full(shape, values(fill_value), dtype)
    y[...] = fill_value
    return y


@handles("linear", np.linspace)
def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0, *, device=None):
    start, stop = as_operand(start), as_operand(stop)
    level = level_of(start, stop)
    num = int(values(num)) if type(num) is Dual else num
    p, q = primal_at(start, level), primal_at(stop, level)
    parts = num - 1 if endpoint else num
    fraction = np.arange(num) / parts if parts else np.zeros(num)
    shape = np.broadcast_shapes(np.shape(start), np.shape(stop))
    fraction = np.reshape(fraction, (-1,) + (1,) * len(shape))
    y = start * (1.0 - fraction) + stop * fraction
    if endpoint and num > 1:
        # The last point is `stop` itself.
        y[-1] = stop
    y = with_primal(np.linspace(p, q, num, endpoint), y)
    y = y if axis == 0 else np.moveaxis(y, 0, axis)
    y = y if dtype is None else y.astype(dtype)
    return (y, (stop - start) / (parts or math.nan)) if retstep else y


@handles("composite", np.logspace)
def logspace(start, stop, num=50, endpoint=True, base=10.0, dtype=None, axis=0):
    powers = np.linspace(start, stop, num, endpoint, axis=axis)
    y = np.power(base, powers)
    return y if dtype is None else y.astype(dtype)


@handles("composite", np.geomspace)
def geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    start, stop = as_operand(start), as_operand(stop)
    level = level_of(start, stop)
    y = np.geomspace(primal_at(start, level), primal_at(stop, level), num, endpoint, axis=axis)
    sign = np.sign(values(start))
    logs = np.linspace(np.log(np.absolute(start)), np.log(np.absolute(stop)), num, endpoint)
    z = sign * np.exp(logs)
    return with_primal(y, z if axis == 0 else np.moveaxis(z, 0, axis))


@handles("composite", np.vander)
def vander(x, N=None, increasing=False):
    n = len(x) if N is None else N
    columns = [np.ones_like(x)]
    for _ in range(1, n):
        columns.append(columns[-1] * x)
    y = np.stack(columns[:n], axis=-1)
    y = y if increasing else y[:, ::-1]
    return with_primal(np.vander(x.primal, N, increasing), y)


@handles("composite", np.polyval)
def polyval(p, x):
    p, x = as_operand(p), as_operand(x)
    y = np.zeros(np.shape(x))
    for i in range(len(p)):
        y = y * x + p[i]
    return y


def _polynomial(function, formula):
    @handles("composite", function)
    def handler(*args, **kwargs):
        return formula(*(np.atleast_1d(as_operand(a)) for a in args), **kwargs)


def _polyadd(a1, a2):
    n = max(a1.shape[0], a2.shape[0])
    pad = [np.concatenate([np.zeros(n - a.shape[0]), a]) for a in (a1, a2)]
    return pad[0] + pad[1]


_polynomial(np.polyadd, _polyadd)
_polynomial(np.polysub, lambda a1, a2: _polyadd(a1, -a2))
_polynomial(np.polymul, lambda a1, a2: np.convolve(a1, a2))


@handles("linear", np.polyder)
def polyder(p, m=1):
    for _ in range(m):
        n = p.shape[0] - 1
        p = p[:-1] * np.arange(n, 0, -1)
    return p


@handles("linear", np.polyint)
def polyint(p, m=1, k=None):
    k = np.zeros(m) if k is None else np.broadcast_to(k, (m,))
    for i in range(m):
        p = np.concatenate([p / np.arange(p.shape[0], 0, -1), k[i : i + 1]])
    return p


@handles("linear", np.bincount)
def bincount(x, /, weights=None, minlength=0):
    """Counts are flat; weights are summed per bin."""
    x = values(x)
    if type(weights) is not Dual:
        return np.bincount(x, weights, minlength)
    y = np.bincount(x, values(weights), minlength)
    total = np.zeros_like(weights, shape=y.shape)
    ufunc_at(np.add, total, np.asarray(x), weights)
    return _valued(y, total)


# --- Functions of functions ----------------------------------------------------------------------


@handles("composite", np.apply_along_axis)
def apply_along_axis(func1d, axis, arr, *args, **kwargs):
    arr = as_operand(arr)
    x = np.moveaxis(arr, axis, -1)
    lead = x.shape[:-1]
    rows = [as_operand(func1d(x[i], *args, **kwargs)) for i in np.ndindex(*lead)]
    shape = np.shape(rows[0])
    y = np.reshape(np.stack(rows), (*lead, *shape))
    axis = normalize_axis_index(axis, arr.ndim)
    first = list(range(axis))
    tail = list(range(axis, len(lead)))
    inner = list(range(len(lead), len(lead) + len(shape)))
    return np.transpose(y, first + inner + tail)


@handles("composite", np.apply_over_axes)
def apply_over_axes(func, a, axes):
    axes = (axes,) if np.ndim(axes) == 0 else axes
    y = as_operand(a)
    for axis in axes:
        axis = int(axis)
        z = func(y, axis)
        y = z if np.ndim(z) == np.ndim(y) else np.expand_dims(z, axis)
    return y
