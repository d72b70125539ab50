"""Norms and condition numbers.

Where a 2-norm or p-norm is 0 its derivative is 0: the subgradient of least length, and what the
distance between two coinciding points should contribute.
"""

import math

import numpy as np

from dualmc.duals import choices
from dualmc.duals.choices import meetings
from dualmc.duals.dual import Dual, make
from dualmc.duals.operands import as_operand
from dualmc.functions.axes import kept_shape, negative_axes, summed
from dualmc.functions.matrices.differentials import held, inverse_where, quiet, rate, spoiled
from dualmc.functions.results import with_primal
from dualmc.kernels.payload import values
from dualmc.rules.registry import handles, register_one
from dualmc.steps.flat import flat_handler


@handles("composite", np.linalg.norm)
def norm(x, ord=None, axis=None, keepdims=False):
    x = as_operand(x)
    if axis is None and ord is None:
        axes = negative_axes(None, x.ndim)
    else:
        axes = negative_axes(axis, x.ndim)
    y = np.linalg.norm(x.primal, ord, axis, keepdims)
    if len(axes) == 2 and ord not in (None, "fro"):
        z = _matrix_norm(x, ord, axes, keepdims)
        return with_primal(y, z) if meetings.split is None else z
    if ord in (np.inf, -np.inf, 0, 1):
        return with_primal(y, _simple_norm(np.absolute(x), ord, axes, keepdims))
    y = y if type(y) is Dual else np.asarray(y)
    p = 2.0 if ord in (None, "fro", 2) else ord
    is_nested = type(y) is Dual
    y = make(y, _power_norm_tangent(x, p, axes, y), x.level)
    return choices.settled(np.linalg.norm, y, (x, ord, axis, keepdims)) if is_nested else y


def _power_norm_tangent(x, p, axes, y):
    """d (sum |x|^p)^(1/p) = sum conj(x)/|x| (|x|/y)^(p-1) dx, real part; 0 where y is 0."""
    t = x.own_tangent()
    if t is None:
        return None
    x = x.primal
    wide = np.reshape(y, kept_shape(x.shape, axes, True))
    is_zero = values(wide) == 0
    safe = np.where(is_zero, np.ones((), wide.dtype), wide)
    if p == 2:
        factor = units(x, safe, axes)
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = np.conj(np.sign(x)) * (np.absolute(x) / safe) ** (p - 1.0)
    factor = np.where(is_zero, np.zeros((), factor.dtype), factor)
    t = t.times(np.broadcast_to(factor, x.shape))
    if t.dtype.kind == "c":
        t = t.part(np.real)
    return summed(t, axes, y.shape, y.dtype)


def _simple_norm(size, ord, axes, keepdims):
    """The norms that are a maximum, a minimum, a count or a sum of absolute values."""
    if ord == np.inf:
        return np.max(size, axes, keepdims=keepdims)
    if ord == -np.inf:
        return np.min(size, axes, keepdims=keepdims)
    if ord == 0:
        return np.sum((size != 0).astype(size.dtype), axes, keepdims=keepdims)
    return np.sum(size, axes, keepdims=keepdims)


@quiet
def _matrix_norm(x, ord, axes, keepdims):
    """By singular values (2, -2, nuc), or by absolute sums of columns (1, -1), rows (inf, -inf)."""
    row, column = axes
    if ord in (2, -2, "nuc"):
        s = np.linalg.svd(np.moveaxis(x, (row, column), (-2, -1)), compute_uv=False)
        if ord == "nuc" or s.shape[-1] == 0:
            y = np.sum(s, axis=-1)
        else:
            y = s[..., 0 if ord == 2 else -1]
        return np.reshape(y, kept_shape(x.shape, axes, keepdims))
    added, compared = (row, column) if abs(ord) == 1 else (column, row)
    sums = np.sum(np.absolute(x), added, keepdims=True)
    y = (np.max if ord > 0 else np.min)(sums, compared, keepdims=True)
    return y if keepdims else np.squeeze(y, axes)


@handles("composite", np.linalg.vector_norm)
def vector_norm(x, /, *, axis=None, keepdims=False, ord=2):
    axes = negative_axes(axis, x.ndim)
    moved = np.moveaxis(x, axes, range(-len(axes), 0))
    lead = moved.shape[: x.ndim - len(axes)]
    y = norm(np.reshape(moved, (*lead, math.prod(moved.shape[len(lead) :]))), ord, -1)
    y = np.reshape(y, kept_shape(x.shape, axes, keepdims))
    return with_primal(np.linalg.vector_norm(x.primal, axis=axis, keepdims=keepdims, ord=ord), y)


@handles("composite", np.linalg.matrix_norm)
def matrix_norm(x, /, *, keepdims=False, ord="fro"):
    return norm(x, ord, (-2, -1), keepdims)


@handles("composite", np.linalg.cond)
def cond(x, p=None):
    """NumPy's definition; NaN where the matrix is singular but for rounding."""
    y = np.linalg.cond(x.primal, p)
    return with_primal(y, _condition(x, p, values(y)))


@quiet
def _condition(x, p, y):
    if p is None or p in (2, -2):
        s = np.linalg.svd(x, compute_uv=False)
        largest, smallest = s[..., 0], s[..., -1]
        ratio = smallest / largest if p == -2 else largest / smallest
        size = 1 / y if p == -2 else y
    else:
        is_regular = np.linalg.slogdet(values(x)).sign != 0
        inverse = inverse_where(x, is_regular)
        ratio = np.linalg.norm(x, p, (-2, -1)) * np.linalg.norm(inverse, p, (-2, -1))
        size = y
    is_singular = ~(np.asarray(size) * max(x.shape[-2:]) * np.finfo(x.dtype).eps < 1)
    return spoiled(ratio, is_singular, rate(x)) if is_singular.any() else ratio


register_one("flat", np.linalg.matrix_rank, flat_handler(np.linalg.matrix_rank))


# --- Unit vectors --------------------------------------------------------------------------------


def units(x, y, axes):
    """``conj(x) / y`` for y the norm of x along `axes` (kept as axes of length 1), not 0."""
    if type(x) is not Dual or x.dtype.kind == "c":
        return np.conj(x) / y
    u = values(x) / values(y)
    if not (u * u > 0.5).any():
        return x / y
    return _divided(x, y, axes)


@quiet
def _divided(x, y, axes):
    p, h = held(x, x.level), held(y, x.level)
    u = units(p, h, axes)
    across = _others(u * u, axes) * x - u * _others(u * x, axes)
    return with_primal(u, across / h)


def _others(z, axes):
    """For each element the sum of all others along `axes`, by additions alone."""
    last = tuple(range(-len(axes), 0))
    moved = np.moveaxis(z, axes, last)
    line = np.reshape(moved, (*moved.shape[: z.ndim - len(axes)], -1))
    none = np.zeros_like(values(line)[..., :1])
    before = np.concatenate([none, np.cumsum(line, axis=-1)[..., :-1]], axis=-1)
    back = np.cumsum(line[..., ::-1], axis=-1)[..., ::-1]
    after = np.concatenate([back[..., 1:], none], axis=-1)
    return np.moveaxis(np.reshape(before + after, moved.shape), last, axes)
