"""Functions that make arrays: like another, filled, along a range."""

import math

import numpy as np

from dualmc.duals.dual import Dual, make
from dualmc.duals.operands import as_operand, level_of, primal_at
from dualmc.functions.results import with_primal
from dualmc.kernels.payload import values
from dualmc.rules.registry import handles, register_one


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
