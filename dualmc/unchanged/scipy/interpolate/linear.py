"""`interp1d`: straight lines between the data, the nearest datum, or splines."""

import numpy as np
from scipy.interpolate import interp1d

from dualmc.functions.matrices.differentials import quiet
from dualmc.kernels.payload import values
from dualmc.unchanged.scipy.entering import floats, functional, look, method, plain, value_of
from dualmc.unchanged.scipy.interpolate import spline_fits
from dualmc.unchanged.scipy.interpolate.bsplines import bspline_value, tck_of
from dualmc.unchanged.scipy.interpolate.piecewise import given, moved_axes, trailing
from dualmc.unchanged.scipy.linear_maps import at_bottom
from dualmc.unchanged.standins.table import looked_at


def _formula(x, y, points, kind, fill):
    x, y, p = floats(x), floats(y), floats(points)
    own = line_value(values(x), values(y), values(p), kind, plain(fill))
    at, knots = values(p), values(x)
    if kind != "linear":
        chosen = interp1d(knots, np.arange(knots.size), kind, assume_sorted=True,
                          bounds_error=False, fill_value="extrapolate")(at)  # fmt: skip
        y = y[np.where(np.isnan(chosen), 0, chosen).astype(int)]
        y = np.where(trailing(np.isnan(chosen), np.ndim(y) - at.ndim), np.nan, y)
        y = y + 0.0 * trailing(p, np.ndim(y) - at.ndim)
    elif y.ndim == 1 and fill != "extrapolate":
        y = np.interp(p, x, y)
    else:
        i = np.clip(np.searchsorted(knots, at, side="right") - 1, 0, knots.size - 2)
        share = trailing((p - x[i]) / (x[i + 1] - x[i]), y.ndim - 1)
        y = y[i] + share * (y[i + 1] - y[i])
    return at_bottom(own, _outside(y, p, x, fill))


@functional(_formula)
def line_value(x, y, points, kind, fill):
    """The value of an interp1d of data (n, ...) at points of any shape."""
    line = interp1d(x, y, kind, 0, bounds_error=False, fill_value=fill, assume_sorted=True)
    return line(points)


@quiet
def _outside(y, p, x, fill):
    """`y` with the values below and above the knots, if the fill is a pair of those."""
    if isinstance(fill, str):
        return y
    below, above = fill
    at, knots = values(p), values(x)
    extra = np.ndim(y) - np.ndim(at)
    y = np.where(trailing(at < knots[0], extra), below, y)
    return np.where(trailing(at > knots[-1], extra), above, y)


filled = functional(_outside)(_outside)


@method(interp1d, "__init__")
def _init(original, self, x, y, kind="linear", axis=-1, copy=True, bounds_error=None,
          fill_value=np.nan, assume_sorted=False):  # fmt: skip
    fill_value = tuple(map(given, fill_value)) if type(fill_value) is tuple else fill_value
    x, y = given(x) * 1.0, given(y) * 1.0
    original(self, value_of(x), value_of(y), kind, axis, copy, bounds_error, plain(fill_value),
             assume_sorted)  # fmt: skip
    y = np.moveaxis(y, self.axis, 0)
    if not assume_sorted and not np.all(x[1:] >= x[:-1]):
        order = np.argsort(looked_at(x), kind="mergesort")
        x, y = x[order], y[order]
    self.x, self._y = x, y
    self._carries_shape = True  # the data are (n, ...), not (n, r)
    if self._kind == "spline":
        k = self._spline.k
        self._spline = spline_fits.make_interp_spline(x, y, k, check_finite=False)
    if not self._extrapolate:
        pair = fill_value if type(fill_value) is tuple else (fill_value, fill_value)
        self._fill_value_below, self._fill_value_above = pair
    look(self)


def called(self, x_new):
    """An interp1d at points of any shape."""
    p = given(x_new)
    x, y = self.x, self._y
    if not hasattr(self, "_carries_shape"):
        y = np.reshape(y, (y.shape[0], *self._y_extra_shape))
    fill = "extrapolate" if self._extrapolate else (self._fill_value_below, self._fill_value_above)
    if not self._extrapolate:
        fill = tuple(_shaped(f, y) for f in fill)
        if self.bounds_error and not np.all((p >= x[0]) & (p <= x[-1])):
            type(self)._check_bounds(_Bounds(self, plain(x)), np.atleast_1d(value_of(p)))
    if self._kind == "spline":
        t, c, k = tck_of(self._spline)
        c = np.reshape(c, (c.shape[0], *y.shape[1:]))
        y = bspline_value(t, c, k, p, 0, True)
        y = filled(y, p, x, fill)
    else:
        y = line_value(x, y, p, self._kind, fill)
    return moved_axes(y, np.ndim(p), self._y_axis)


class _Bounds:
    """What `_check_bounds` reads of an object."""

    def __init__(self, owner, x):
        self.x, self.bounds_error = x, owner.bounds_error


def _shaped(fill, y):
    fill = given(fill)
    return np.broadcast_to(np.reshape(fill, np.shape(fill)[-max(y.ndim - 1, 0) :] or ()
                                      if np.size(fill) > 1 else ()), y.shape[1:])  # fmt: skip
