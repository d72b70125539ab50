"""Differences, integrals and interpolation on grids.

Each is its definition in public NumPy functions, with NumPy's own value in the primal.
"""

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from dualmc.duals import choices
from dualmc.duals.dual import Dual
from dualmc.duals.operands import as_operand, level_of, primal_at
from dualmc.functions.results import exact, with_primal
from dualmc.kernels.payload import values
from dualmc.rules.registry import handles


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
    parts = [] if to_begin is None else [np.ravel(as_operand(to_begin)).astype(ary.dtype)]
    parts.append(ary[1:] - ary[:-1])
    if to_end is not None:
        parts.append(np.ravel(as_operand(to_end)).astype(ary.dtype))
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
    axes = (axes,) if issubclass(type(axes), (int, np.integer)) else tuple(axes)
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
        primals = np.gradient(f.primal, *varargs, axis=axis, edge_order=edge_order)
        primals = primals if issubclass(type(primals), (list, tuple)) else [primals]
        found = [with_primal(p, y) for p, y in zip(primals, found, strict=True)]
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
        order = np.argsort(values(xp))
        xp, fp = xp[order], fp[order]
        xp = np.concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
        left = right = None
    knots, points = np.asarray(values(xp)), np.asarray(values(x))
    left = fp[0] if left is None else left
    right = fp[-1] if right is None else right
    if knots.size == 1:
        inside = np.broadcast_to(fp[0], points.shape)
    else:
        i = np.clip(np.searchsorted(knots, points, side="right") - 1, 0, knots.size - 2)
        slope = (fp[i + 1] - fp[i]) / (xp[i + 1] - xp[i])
        inside = fp[i] + slope * (x - xp[i])
    z = np.where(points < knots[0], left, np.where(points > knots[-1], right, inside))
    z = with_primal(y, z)
    at = np.isin(points, knots)
    if choices.is_nested(z) and at.any():
        z = choices.settled_by(np.interp, z, at, lambda: _bend(x, xp, fp, knots, points))
    return z


def _bend(x, xp, fp, knots, points):
    """At a knot, the slope to its right less that to its left, times the distance from it."""
    j = np.clip(np.searchsorted(knots, points), 0, knots.size - 1)
    if knots.size == 1:
        return x - xp[j]
    slopes = (fp[1:] - fp[:-1]) / (xp[1:] - xp[:-1])
    ahead = np.where(j < knots.size - 1, slopes[np.minimum(j, knots.size - 2)], 0.0)
    behind = np.where(j > 0, slopes[np.maximum(j - 1, 0)], 0.0)
    return (ahead - behind) * (x - xp[j])
