"""The axes and options that all reductions share."""

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from dualmc.kernels.payload import values


def negative_axes(axis, ndim):
    """`axis` (None: all) as a tuple counted from the end, where a leading axis changes nothing.

    A number has no axis, but NumPy's reductions take its axis 0 or -1 for none.
    """
    if axis is None:
        return tuple(range(-ndim, 0))
    if ndim == 0 and not issubclass(type(axis), tuple) and axis in (0, -1):
        return ()
    return tuple(a - ndim for a in normalize_axis_tuple(axis, ndim))


def kept_shape(shape, axes, keepdims):
    if keepdims:
        return tuple(1 if i - len(shape) in axes else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i - len(shape) not in axes)


def summed(t, axes, shape, dtype):
    """The tangent `t` summed over negative `axes`, as the tangent of a result of `shape`."""
    if t is None:
        return None
    t = t.sum(axes)
    if t is None or t.shape == shape and t.dtype == dtype:
        return t
    if t.shape != shape:
        t = t.reshaped(shape)
    return t if t.dtype == dtype else t.astype(dtype)


def options_of(**kwargs):
    """Keyword arguments that were given."""
    return {key: value for key, value in kwargs.items() if value is not np._NoValue}


def not_nan(a):
    return ~np.isnan(values(a))
