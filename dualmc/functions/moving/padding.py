"""`np.pad`: borders that move elements, and borders that are computed."""

import numpy as np

from dualmc.duals.dual import Dual
from dualmc.duals.operands import as_operand, has_dual
from dualmc.duals.views import positions
from dualmc.functions.moving.by_position import by_position, gathered
from dualmc.functions.results import with_primal
from dualmc.rules.registry import handles


@handles("selection", np.pad)
def pad(array, pad_width, mode="constant", **kwargs):
    if type(array) is not Dual:
        array = as_operand(array)
    if mode == "constant":
        return _pad_constant(array, pad_width, kwargs.get("constant_values", 0))
    if mode in ("edge", "wrap", "symmetric", "reflect") and kwargs.get("reflect_type") != "odd":
        return by_position(np.pad, array, pad_width, mode, **kwargs)
    if mode == "empty":
        return _pad_constant(array, pad_width, 0)
    return _pad_by_axis(array, pad_width, mode, kwargs)


def _widths(pad_width, ndim):
    if isinstance(pad_width, dict):
        found = [(0, 0)] * ndim
        for axis, width in pad_width.items():
            found[axis] = width if issubclass(type(width), tuple) else (width, width)
        return found
    return np.broadcast_to(np.asarray(pad_width), (ndim, 2)).tolist()


def _pad_constant(array, pad_width, constant_values):
    """Zero elsewhere by position; a constant (or active) border is joined axis by axis."""
    ndim = array.ndim
    if not issubclass(type(constant_values), (int, float)) or type(array) is not Dual:
        borders = (
            np.asarray(as_operand(constant_values), array.dtype)
            if not has_dual(constant_values)
            else as_operand(constant_values)
        )
        y = array
        for axis, (before, after) in enumerate(_widths(pad_width, ndim)):
            left, right = np.broadcast_to(borders, (ndim, 2))[axis]
            first, last = list(y.shape), list(y.shape)
            first[axis], last[axis] = before, after
            y = np.concatenate(
                [np.broadcast_to(left, first), y, np.broadcast_to(right, last)], axis=axis
            )
        return y
    y = np.pad(array.primal, pad_width, constant_values=constant_values)
    return gathered(y, array, np.pad(positions(array.shape), pad_width, constant_values=-1))


def _pad_by_axis(array, pad_width, mode, kwargs):
    """The modes that compute their border: mean, median, maximum, minimum, linear_ramp, odd."""
    y = array
    for axis, (before, after) in enumerate(_widths(pad_width, array.ndim)):
        x = np.moveaxis(y, axis, 0)
        left = _border(x, before, mode, kwargs, axis, 0, array.ndim)
        right = _border(x[::-1], after, mode, kwargs, axis, 1, array.ndim)
        y = np.moveaxis(np.concatenate([left[::-1], x, right]), 0, axis)
    primal = np.pad(array.primal, pad_width, mode, **kwargs)
    return with_primal(primal, y)


def _odd_border(x, width, skip):
    """Twice the edge minus the reflection; `skip` leaves the edge itself out of it."""
    rows = []
    while len(rows) < width:  # reflect again where the pad is longer than the axis
        source = [x[i] for i in range(x.shape[0])]
        source = rows[::-1] + source
        count = min(width - len(rows), x.shape[0] - skip if not rows else len(source) - skip)
        if count <= 0:
            rows.extend([source[0]] * (width - len(rows)))
            break
        rows.extend([2 * source[0] - source[i + skip] for i in range(count)])
    return np.stack(rows) if rows else x[:0]


def _border(x, width, mode, kwargs, axis, side, ndim):
    """`width` rows outward from ``x[0]``."""
    if mode in ("reflect", "symmetric"):
        return _odd_border(x, width, 1 if mode == "reflect" else 0)
    steps = np.arange(1, width + 1).reshape((-1,) + (1,) * (x.ndim - 1))
    if mode == "linear_ramp":
        end = np.broadcast_to(as_operand(kwargs.get("end_values", 0)), (ndim, 2))[axis, side]
        edge = x[0]
        return edge + (end - edge) * (steps / max(width, 1)).astype(edge.dtype)
    length = kwargs.get("stat_length")
    if length is not None:
        length = int(np.broadcast_to(np.asarray(length), (ndim, 2))[axis, side])
    statistic = {"mean": np.mean, "median": np.median, "maximum": np.max, "minimum": np.min}
    if mode not in statistic:
        raise ValueError(f"mode '{mode}' is not supported")
    value = statistic[mode](x[:length], axis=0)
    return np.broadcast_to(value, (width, *value.shape))
