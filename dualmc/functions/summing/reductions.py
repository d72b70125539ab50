"""Products along axes, and the methods that every ufunc has: reduce, accumulate, outer, at.

A product is differentiated without division, so that zeros among its factors are exact.
"""

import math

import numpy as np

from dualmc.duals import views
from dualmc.duals.dual import Dual, make
from dualmc.duals.operands import as_operand, has_tangent
from dualmc.errors import TangentLostError
from dualmc.functions.axes import kept_shape, negative_axes, not_nan, options_of, summed
from dualmc.functions.results import valued, with_primal, written
from dualmc.functions.summing.sums import cumulative, need_axis
from dualmc.kernels.payload import values
from dualmc.rules.registry import REDUCTIONS, handles, name_of
from dualmc.steps.elementwise import apply

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
    if type(initial) is Dual:
        return written(out, prod(a, axis, dtype, None, keepdims, where=where) * initial)
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
    if axis is None or a.ndim == 0:
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
    need_axis(np.multiply, array)
    return cumprod(array, axis, dtype, out)


@handles("composite", np.cumulative_prod)
def cumulative_prod(x, /, *, axis=None, dtype=None, out=None, include_initial=False):
    return cumulative(np.cumprod, 1, x, axis, dtype, out, include_initial)


@handles("composite", np.nanprod)
def nanprod(a, axis=None, dtype=None, out=None, keepdims=False, initial=1, where=True):
    a = np.where(not_nan(a), a, np.ones((), a.dtype))
    return np.prod(a, axis, dtype, out, keepdims, initial, values(where))


@handles("composite", np.nancumsum)
def nancumsum(a, axis=None, dtype=None, out=None):
    return np.cumsum(np.where(not_nan(a), a, np.zeros((), a.dtype)), axis, dtype, out)


@handles("composite", np.nancumprod)
def nancumprod(a, axis=None, dtype=None, out=None):
    return np.cumprod(np.where(not_nan(a), a, np.ones((), a.dtype)), axis, dtype, out)


# --- Any ufunc's methods -------------------------------------------------------------------------


def _apply(ufunc, a, b):
    return apply(ufunc, a, b) if type(a) is Dual or type(b) is Dual else ufunc(a, b)


@handles("composite", "reduce")
def reduce(ufunc, array, axis=0, dtype=None, out=None, keepdims=False, initial=np._NoValue,
           where=True):  # fmt: skip
    """``ufunc.reduce`` from left to right, for ufuncs without a rule of their own for it.

    NumPy starts from the ufunc's identity where it has one: hypot.reduce([-1]) is hypot(0, -1).
    """
    array = as_operand(array)
    array = array if dtype is None else array.astype(dtype)
    options = options_of(initial=initial) | ({} if where is True else {"where": values(where)})
    plain = {key: values(v) for key, v in options.items()}
    primal = np.asarray(ufunc.reduce(values(array), axis, keepdims=keepdims, **plain))
    total = ufunc.identity if initial is np._NoValue else as_operand(initial)
    for x, chosen in zip(
        _lanes(array, axis), _lanes(np.broadcast_to(values(where), array.shape), axis), strict=True
    ):
        if total is None:
            total = x.copy()
        elif where is True:
            total = _apply(ufunc, total, x)
        else:
            total = np.where(chosen, _apply(ufunc, total, x), total)
    if type(total) is not Dual:  # no elements: the identity of the ufunc, or initial
        return written(out, primal)
    # The chain's own value: NumPy's reduce of ufuncs that do not associate is not always it.
    total = total if total.shape == primal.shape else np.reshape(total, primal.shape)
    return written(out, total if total.dtype == primal.dtype else total.astype(primal.dtype))


def _lanes(array, axis):
    """The slices of `array` that a reduction along `axis` runs through."""
    axes = negative_axes(axis, array.ndim)
    x = np.moveaxis(array, axes, range(len(axes)))
    return list(np.reshape(x, (math.prod(x.shape[: len(axes)]), *x.shape[len(axes) :])))


def _chained(ufunc, x):
    """``ufunc`` from left to right over the slices of `x`, each step kept."""
    parts = [x[0]]
    for i in range(1, x.shape[0]):
        parts.append(_apply(ufunc, parts[-1], x[i]))
    return parts


@handles("composite", "accumulate")
def accumulate(ufunc, array, axis=0, dtype=None, out=None):
    array = as_operand(array)
    array = array if dtype is None else array.astype(dtype)
    primal = ufunc.accumulate(values(array), axis)
    if not primal.size:
        return written(out, make(primal, None, array.level))
    y = np.moveaxis(np.stack(_chained(ufunc, np.moveaxis(array, axis, 0))), 0, axis)
    return written(out, y)


@handles("composite", "reduceat")
def reduceat(ufunc, array, indices, axis=0, dtype=None, out=None):
    array = as_operand(array)
    array = array if dtype is None else array.astype(dtype)
    x = np.moveaxis(array, axis, 0)
    primal = ufunc.reduceat(values(array), values(indices), axis)
    indices = [int(i) for i in values(indices)]
    is_sum = (ufunc, "reduce") in REDUCTIONS  # associative, and NumPy orders it its own way
    parts = []
    for i, start in enumerate(indices):
        stop = indices[i + 1] if i + 1 < len(indices) else x.shape[0]
        part = x[start : max(stop, start + 1)]
        parts.append(ufunc.reduce(part, axis=0) if is_sum else _chained(ufunc, part)[-1])
    if not parts:
        return written(out, make(primal, None, array.level))
    y = np.moveaxis(np.stack(parts), 0, axis)
    return written(out, valued(primal, y) if is_sum else y)


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
        ufunc.at(a, values(indices), *(() if b is None else (values(b),)))
        return
    b = None if b is None else as_operand(b)
    if not has_tangent([a, b]):
        a.release()
        ufunc.at(values(a), values(indices), *(() if b is None else (values(b),)))
        return
    indices = views.plain_key(indices)
    where = np.arange(a.size).reshape(a.shape)[indices]
    flat_view = np.ravel(a)
    if b is None:
        for i in np.ravel(where):
            flat_view[int(i)] = apply(ufunc, flat_view[int(i)])
    else:
        # A copy, as NumPy makes one where b overlaps a.
        b = np.copy(np.ravel(np.broadcast_to(b, np.shape(where))))
        for i, value in zip(np.ravel(where), b, strict=True):
            flat_view[int(i)] = apply(ufunc, flat_view[int(i)], value)
    if flat_view._view is None:
        a[...] = np.reshape(flat_view, a.shape)
