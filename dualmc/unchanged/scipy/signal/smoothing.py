"""`savgol_filter` and `detrend`: linear along an axis, by the matrix or by what it projects on."""

import functools

import numpy as np
import scipy.signal

from dualmc.unchanged.scipy.entering import entries, floats, plain
from dualmc.unchanged.scipy.linear_maps import Linear, at_bottom, probed, sparse_along

HANDLERS: dict = {}
handles = entries("scipy.signal", HANDLERS)


def without_trend(x, kind, axis):
    """`x` less its mean or its line along a negative axis."""
    return detrend(x, axis, kind)


@handles("detrend")
def detrend(data, axis=-1, type="linear", bp=0, overwrite_data=False):
    """An orthogonal projection, which is its own transpose."""
    x = floats(data)
    axis = axis % x.ndim - x.ndim

    def project(x):
        return scipy.signal.detrend(x, axis, type, bp)

    return at_bottom(project(plain(x)), Linear(project, project)(x))


@handles("savgol_filter")
def savgol_filter(x, window_length, polyorder, deriv=0, delta=1.0, axis=-1, mode="interp",
                  cval=0.0):  # fmt: skip
    own = scipy.signal.savgol_filter(plain(x), window_length, polyorder, deriv, delta, axis, mode,
                                     cval)  # fmt: skip
    x = floats(x)
    matrix = _savgol_matrix(x.shape[axis], window_length, polyorder, deriv, float(delta), mode)
    return at_bottom(own, sparse_along(matrix, x, axis))


@functools.lru_cache(maxsize=16)
def _savgol_matrix(n, window_length, polyorder, deriv, delta, mode):
    def smooth(unit):
        found = scipy.signal.savgol_filter(unit, window_length, polyorder, deriv, delta, 0, mode)
        return np.where(np.abs(found) < 1e-14 * np.abs(found).max(), 0.0, found)

    return probed(smooth, n)
