"""Functions that select, repeat or drop elements of one array: take, roll, split, diag, copy."""

import inspect

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from dualmc.duals.dual import Dual, make
from dualmc.duals.operands import as_operand, has_tangent
from dualmc.duals.views import plain_key, positions
from dualmc.functions.moving.by_position import by_position, gathered
from dualmc.functions.results import written
from dualmc.kernels.payload import values
from dualmc.rules.registry import handles, register_one


def _register_by_position(function):
    def handler(*args, **kwargs):
        if not args:
            first = next(iter(inspect.signature(function).parameters))
            args = (kwargs.pop(first),)
        if "out" in kwargs:
            return written(kwargs.pop("out"), handler(*args, **kwargs))
        return by_position(function, *args, **kwargs)

    register_one("selection", function, handler)


for _function in (
    np.rollaxis, np.unstack, np.tile, np.repeat, np.roll, np.flip, np.fliplr, np.flipud, np.rot90,
    np.take, np.diagonal,
    np.linalg.diagonal, np.linalg.matrix_transpose, np.take_along_axis, np.resize, np.delete,
    np.lib.stride_tricks.sliding_window_view, np.fft.fftshift, np.fft.ifftshift,
):  # fmt: skip
    _register_by_position(_function)


@handles("selection", np.compress)
def compress(condition, a, axis=None, out=None):
    return written(out, by_position(lambda p: np.compress(values(condition), p, axis), a))


@handles("selection", np.extract)
def extract(condition, arr):
    return by_position(lambda p: np.extract(values(condition), p), arr)


@handles("selection", np.trim_zeros)
def trim_zeros(filt, trim="fb", axis=None):
    """The trimmed region is decided by the values, then taken as a slice."""
    kept = np.ones(filt.shape, bool)
    shape = np.trim_zeros(values(filt), trim, axis).shape
    nonzero = np.argwhere(values(filt))
    starts = (
        nonzero.min(axis=0) if nonzero.size and "f" in trim.lower() else np.zeros(kept.ndim, int)
    )
    axes = range(kept.ndim) if axis is None else normalize_axis_tuple(axis, kept.ndim)
    key = tuple(
        slice(int(s), int(s) + n) if i in axes else slice(None)
        for i, (s, n) in enumerate(zip(starts, shape, strict=True))
    )
    return filt[key]


# --- Parts ---------------------------------------------------------------------------------------

_SPLITS: dict = {}


def _register_split(function, default_axis):
    def slices_of(ary, indices_or_sections, axis):
        """The slices that the parts are."""
        function(values(ary), indices_or_sections, *axis)  # NumPy's own errors
        (axis,) = axis or (default_axis(ary),)
        axis = normalize_axis_index(axis, ary.ndim)
        # Where the elements along the axis go; every part is a slice of them.
        places = np.array_split(np.arange(ary.shape[axis]), indices_or_sections)
        lead = (slice(None),) * axis
        slices = [slice(int(p[0]), int(p[-1]) + 1) if p.size else slice(0, 0) for p in places]
        return [(*lead, part) if axis else part for part in slices]

    def handler(ary, indices_or_sections, *axis, **kwargs):
        axis = axis or tuple(kwargs.values())
        if type(indices_or_sections) is int:
            key = (function, ary.shape, indices_or_sections, axis)
            keys = _SPLITS.get(key)
            if keys is None:
                if len(_SPLITS) > 64:
                    _SPLITS.clear()
                keys = _SPLITS[key] = slices_of(ary, indices_or_sections, axis)
        else:
            keys = slices_of(ary, plain_key(indices_or_sections), axis)
        return [ary[key] for key in keys]

    register_one("selection", function, handler)


_register_split(np.split, lambda a: 0)
_register_split(np.array_split, lambda a: 0)
_register_split(np.vsplit, lambda a: 0)
_register_split(np.hsplit, lambda a: min(a.ndim, 2) - 1)
_register_split(np.dsplit, lambda a: 2)


# --- Filling the rest with zeros -----------------------------------------------------------------


def with_constants(function, a, *args, **kwargs):
    """`function(a, ...)` where the rest of the result is zero: diag, diagflat, tril, triu."""
    y = function(a.primal, *args, **kwargs)
    # Position p is run through as p + 1, so that 0 marks what came from nowhere.
    index = function(positions(a.shape) + 1, *args, **kwargs) - 1
    return gathered(y, a, index)


@handles("selection", np.diag)
def diag(v, k=0):
    if v.ndim == 2:
        return by_position(np.diag, v, k)
    return with_constants(np.diag, v, k)


@handles("selection", np.diagflat)
def diagflat(v, k=0):
    return with_constants(np.diagflat, as_operand(v), k)


@handles("selection", np.tril)
def tril(m, k=0):
    return with_constants(np.tril, as_operand(m), k)


@handles("selection", np.triu)
def triu(m, k=0):
    return with_constants(np.triu, as_operand(m), k)


# --- Copies --------------------------------------------------------------------------------------


@handles("selection", np.copy)
def copy(a, order="K", subok=False):
    t = a.own_tangent()
    primal = a.primal.copy() if type(a.primal) is Dual else np.array(a.primal, order=order)
    return make(primal, t, a.level)


@handles("selection", np.astype)
def astype(x, dtype, /, *, copy=True, device=None):
    dtype = np.dtype(dtype)
    if dtype == x.dtype and not copy:
        return x
    if dtype.kind in "biu":
        # Rounding to integers is locally constant.
        return values(x).astype(dtype)
    if dtype.kind not in "fc" and not has_tangent(x):
        return values(x).astype(dtype)
    if dtype.kind not in "fc":
        raise TypeError(f"A Dual of dtype {x.dtype} cannot be cast to dtype {dtype}.")
    t = x.own_tangent()
    if x.dtype.kind == "c" and dtype.kind == "f":
        return np.real(x).astype(dtype)
    y = make(x.primal.astype(dtype), None if t is None else t.astype(dtype), x.level)
    return y if x.is_number else y.as_array()
