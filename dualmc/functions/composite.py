"""Functions written in terms of others: divmod, clip, piecewise, functions applied along axes.

Each is its definition in public NumPy functions, so that Duals (and Duals of Duals) flow through.
"""

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from dualmc.duals import choices
from dualmc.duals.dual import Dual, make
from dualmc.duals.operands import as_operand
from dualmc.functions.results import exact, written
from dualmc.kernels.payload import values
from dualmc.rules.registry import handles

# --- Several outputs -----------------------------------------------------------------------------


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
    return written(out, y if y is not a else a.copy())


@handles("composite", np._core.umath.clip)
def ufunc_clip(a, low, high):
    return np.minimum(np.maximum(a, low), high)


@handles("composite", np.nan_to_num)
def nan_to_num(x, copy=True, nan=0.0, posinf=None, neginf=None):
    x = as_operand(x)
    if choices.reporting:
        choices.passed(np.nan_to_num, (x,))
    number = values(x)
    fills = {"nan": nan, "posinf": posinf, "neginf": neginf}
    plain = {key: None if type(v) is Dual else v for key, v in fills.items()}
    plain["nan"] = 0.0 if plain["nan"] is None else plain["nan"]
    kept = np.where(np.isfinite(number), x, np.nan_to_num(number, **plain))
    where = {"nan": np.isnan, "posinf": np.isposinf, "neginf": np.isneginf}
    for key, fill in fills.items():
        if type(fill) is Dual:
            kept = np.where(where[key](number), fill, kept)
    if not copy:
        x[...] = kept
        return x
    return kept


@handles("composite", np.piecewise)
def piecewise(x, condlist, funclist, *args, **kw):
    x = as_operand(x)
    if (
        not issubclass(type(condlist), (list, tuple, np.ndarray))
        or np.ndim(condlist[0]) == 0
        and x.ndim
    ):
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


@handles("composite", np.i0)
def i0(x):
    """NumPy's own value, and the derivatives of SciPy's: I0' = I1."""
    try:
        from scipy import special
    except ImportError:
        raise ImportError(
            "The derivative of numpy.i0 needs SciPy. Install it with: pip install dualmc[sparse]"
        ) from None
    return exact(np.i0, special.i0, x)


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
