"""B-splines (`BSpline`), by their coefficients, knots and argument.

By the argument alone the derivative is SciPy's own, of the next order; in general it is de Boor's
scheme on Duals, in the interval that the values choose.
"""

import numpy as np
from scipy.interpolate import BSpline

from dualmc.duals.dual import Dual
from dualmc.functions.matrices.differentials import quiet
from dualmc.kernels.payload import values
from dualmc.unchanged.scipy.entering import floats, functional, method, plain, value_of
from dualmc.unchanged.scipy.interpolate.piecewise import (
    by_argument,
    evaluated,
    given,
    trailing,
    wrapped_into,
)
from dualmc.unchanged.scipy.interpolate.stored import store, stored
from dualmc.unchanged.scipy.linear_maps import at_bottom


def _formula(t, c, k, points, nu, extrapolate):
    t, c, p = floats(t), floats(c), floats(points)
    if type(t) is not Dual and type(c) is not Dual:

        def value(p, nu):
            return bspline_value(t, c, k, p, nu, extrapolate)

        return by_argument(value, p, nu, c.ndim - 1)
    own = bspline_value(values(t), values(c), k, values(p), nu, extrapolate)
    return at_bottom(own, _de_boor(t, c, k, p, nu, extrapolate))


@functional(_formula)
def bspline_value(t, c, k, points, nu, extrapolate):
    """The value of a spline, c of shape (n, ...), at points of any shape."""
    if nu > k:
        y = BSpline.construct_fast(t, c, k, extrapolate)(points, 0)
        return np.where(np.isnan(y), y, 0 * y)
    arrays = np.ascontiguousarray(t), np.ascontiguousarray(c)
    return BSpline.construct_fast(*arrays, k, extrapolate)(points, nu)


def interval(t, k, points):
    """The index i of the interval, t[i] <= p < t[i + 1], that a spline uses at each point."""
    last = np.searchsorted(t, t[t.size - k - 1], side="left") - 1
    return np.clip(np.searchsorted(t, points, side="right") - 1, k, max(last, k))


@quiet
def _de_boor(t, c, k, p, nu, extrapolate):
    n = t.size - k - 1
    start, end = values(t)[k], values(t)[n]
    if extrapolate == "periodic":
        p, extrapolate = wrapped_into(p, t[k], t[n]), False
    at = values(p)
    i = interval(values(t), k, at)
    extra = c.ndim - 1
    d = [c[i - k + j] for j in range(k + 1)]
    for degree in range(k, k - nu, -1):  # coefficients of the derivative
        for j in range(k, k - degree, -1):
            width = t[i - k + j + degree] - t[i - k + j]
            d[j] = (d[j] - d[j - 1]) * trailing(degree / width, extra)
    for r in range(1, k - nu + 1):
        for j in range(k, r + nu - 1, -1):
            low, high = t[i - k + j], t[i + j + 1 - r - nu]
            share = trailing((p - low) / (high - low), extra)
            d[j] = d[j - 1] + share * (d[j] - d[j - 1])
    y = d[k]
    if not extrapolate:
        outside = (at < start) | (at > end)
        y = np.where(trailing(outside, extra), np.nan, y)
    return y


# --- Objects -------------------------------------------------------------------------------------


def tck_of(spline):
    """The knots, coefficients and degree, carriers as they are."""
    return *stored(spline, "t", "c"), spline.k


def spline_of(kind, t, c, k, extrapolate, axis):
    """A BSpline of class `kind` of arrays that may be carriers."""
    made = BSpline.construct_fast.__func__(kind, value_of(t), value_of(c), k, extrapolate, axis)
    return store(made, t=t, c=c)


@method(BSpline, "__init__")
def _init(original, self, t, c, k, extrapolate=True, axis=0):
    t, c = given(t) * 1.0, given(c) * 1.0
    original(self, plain(t), plain(c), k, extrapolate, axis)
    store(self, t=t, c=np.moveaxis(c, self.axis, 0))


@method(BSpline, "construct_fast")
def _construct_fast(original, kind, t, c, k, extrapolate=True, axis=0):
    return spline_of(kind, given(t), given(c), k, extrapolate, axis)


@method(BSpline, "__call__")
def _call(original, self, x, nu=0, extrapolate=None):
    return evaluated(self, bspline_value, tck_of(self), x, nu, extrapolate)


def differentiated(t, c, k):
    """The knots, coefficients and degree of the derivative."""
    n = t.size - k - 1
    width = trailing(t[k + 1 : k + n] - t[1:n], c.ndim - 1)
    has_width = values(width) != 0
    d = np.where(has_width, c[1:n] - c[: n - 1], 0.0) * k / np.where(has_width, width, 1.0)
    return t[1:-1], d, k - 1


def integrated(t, c, k):
    """The knots, coefficients and degree of the antiderivative that is 0 at the first knot."""
    n = t.size - k - 1
    area = c[:n] * trailing((t[k + 1 :] - t[:n]) / (k + 1), c.ndim - 1)
    zero = np.zeros((1, *c.shape[1:]), c.dtype)
    ends = np.concatenate([t[:1], t, t[-1:]])
    return ends, np.concatenate([zero, np.cumsum(area, axis=0)]), k + 1


@method(BSpline, "derivative")
def _derivative(original, self, nu=1):
    tck = tck_of(self)
    if nu > self.k:
        return original(self, nu)  # SciPy's error
    for _ in range(nu):
        tck = differentiated(*tck)
    return spline_of(type(self), *tck, self.extrapolate, self.axis)


@method(BSpline, "antiderivative")
def _antiderivative(original, self, nu=1):
    tck = tck_of(self)
    for _ in range(nu):
        tck = integrated(*tck)
    extrapolate = False if self.extrapolate == "periodic" else self.extrapolate
    return spline_of(type(self), *tck, extrapolate, self.axis)


@method(BSpline, "integrate")
def _integrate(original, self, a, b, extrapolate=None):
    extrapolate = self.extrapolate if extrapolate is None else extrapolate
    return integral(*tck_of(self), given(a), given(b), extrapolate)


def integral(t, c, k, a, b, extrapolate):
    """The integral from a to b; without extrapolation the spline is 0 beyond its knots."""
    whole = integrated(t, c, k)
    start, end = t[k], t[t.size - k - 1]

    def upto(p):
        if extrapolate == "periodic":
            turns = np.floor((p - start) / (end - start))
            period = bspline_value(*whole, end, 0, True) - bspline_value(*whole, start, 0, True)
            inner = bspline_value(*whole, p - turns * (end - start), 0, True)
            return turns * period + inner
        if not extrapolate:
            p = np.minimum(np.maximum(p, start), end)
        return bspline_value(*whole, p, 0, True)

    return upto(b) - upto(a)
