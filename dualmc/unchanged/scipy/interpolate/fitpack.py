"""The older interface of splines: `splrep`, `splev` and their kin, and `UnivariateSpline`.

Splines through all points and least squares with given knots are differentiated by the data.  A
smoothing spline depends on its data through a search that stops within a tolerance: refused.
"""

import functools
import inspect

import numpy as np
import scipy.interpolate
from scipy.interpolate import (
    BSpline,
    InterpolatedUnivariateSpline,
    LSQUnivariateSpline,
    UnivariateSpline,
)

from dualmc.errors import missing_case
from dualmc.kernels.payload import values
from dualmc.unchanged.scipy.entering import (
    floats,
    functional,
    has_carrier,
    holds_carrier,
    method,
    plain,
    value_of,
)
from dualmc.unchanged.scipy.interpolate import bsplines
from dualmc.unchanged.scipy.interpolate.piecewise import by_argument, given
from dualmc.unchanged.scipy.interpolate.spline_fits import (
    agreeing,
    interpolating,
    least_squares,
    not_a_knot,
    with_ends,
)
from dualmc.unchanged.scipy.linear_maps import at_bottom
from dualmc.unchanged.standins.table import STANDINS

HANDLERS: dict = {}


def _value_formula(t, c, k, points, der, ext):
    t, c, p = floats(t), floats(c), floats(points)
    if not has_carrier((t, c)):
        return by_argument(lambda p, der: fitpack_value(t, c, k, p, der, ext), p, der, 0)
    own = fitpack_value(values(t), values(c), k, values(p), der, ext)
    at = values(p)
    start, end = values(t)[k], values(t)[t.shape[0] - k - 1]
    if ext == 3:
        p = np.clip(p, t[k], t[t.shape[0] - k - 1])
    y = bsplines.bspline_value(t, c, k, p, der, True)
    if ext == 1 or ext == 3 and der:
        y = np.where((at < start) | (at > end), 0.0, y)
    return at_bottom(own, y)


@functional(_value_formula)
def fitpack_value(t, c, k, points, der, ext):
    """FITPACK's value of a spline at points of any shape."""
    points = np.asarray(points, float)
    if der <= k:
        flat = scipy.interpolate.splev(points, (t, c, k), der, ext)
        if ext == 3 and der:  # where the value is constant, though FITPACK says else
            flat = np.where((points < t[k]) | (points > t[len(t) - k - 1]), 0.0, flat)
        return flat
    return np.zeros(points.shape)


def _enters(name):
    """Decorator: the function below stands for this function of splines and its arguments."""
    original = getattr(scipy.interpolate, name)

    def register(formula):
        @functools.wraps(original)
        def standin(*args, **kwargs):
            each = (*args, *kwargs.values())
            if has_carrier(each) or any(type(a).__name__ == "BSpline" and holds_carrier(a)
                                        for a in each):  # fmt: skip
                return formula(*args, **kwargs)
            return original(*args, **kwargs)

        HANDLERS[f"scipy.interpolate.{name}"] = standin
        STANDINS[inspect.unwrap(original)] = standin
        return standin

    return register


def _parts(tck):
    """Knots, coefficients and degree, of a tuple or a BSpline."""
    if isinstance(tck, BSpline):
        return bsplines.tck_of(tck)
    t, c, k = tck
    return given(t), given(c), k


@_enters("splev")
def splev(x, tck, der=0, ext=0):
    if isinstance(tck, BSpline):
        original = bsplines.bspline_value
        return original(*_parts(tck), given(x), der, True)
    if not issubclass(type(tck[1]), (np.ndarray, list, tuple)) or np.ndim(tck[1][0]) == 0:
        t, c, k = _parts(tck)
        return fitpack_value(t, c, k, given(x), der, ext)
    return [splev(x, (tck[0], c, tck[2]), der, ext) for c in tck[1]]


@_enters("splint")
def splint(a, b, tck, full_output=0):
    if full_output:
        raise missing_case("scipy.interpolate.splint", "with full_output=1")
    return bsplines.integral(*_parts(tck), given(a), given(b), False)


@_enters("splder")
def splder(tck, n=1):
    if isinstance(tck, BSpline):
        return tck.derivative(n)
    t, c, k = _parts(tck)
    for _ in range(n):
        t, c, k = bsplines.differentiated(t, c, k)
    return t, _padded(c, t, k), k


@_enters("splantider")
def splantider(tck, n=1):
    if isinstance(tck, BSpline):
        return tck.antiderivative(n)
    t, c, k = _parts(tck)
    for _ in range(n):
        t, c, k = bsplines.integrated(t, c, k)
    return t, _padded(c, t, k), k


def _padded(c, t, k):
    """Coefficients as FITPACK keeps them: as many as there are knots."""
    return np.concatenate([c, np.zeros(t.shape[0] - c.shape[0])])


@_enters("spalde")
def spalde(x, tck):
    t, c, k = _parts(tck)
    x = given(x)
    found = [bsplines.bspline_value(t, c, k, x, nu, True) for nu in range(k + 1)]
    y = np.stack(found, axis=-1)
    return y if np.ndim(x) == 0 else list(y)


@_enters("sproot")
def sproot(tck, mest=10):
    raise missing_case("scipy.interpolate.sproot", "of varying splines: use PPoly.roots")


@_enters("splrep")
def splrep(x, y, w=None, xb=None, xe=None, k=3, task=0, s=None, t=None, full_output=0, per=0,
           quiet=1):  # fmt: skip
    name = "scipy.interpolate.splrep"
    if per or task == 1 or full_output:
        raise missing_case(name, "with per, full_output or task=1")
    x, y = given(x) * 1.0, given(y) * 1.0
    own = scipy.interpolate.splrep(*map(plain, (x, y, w, xb, xe)), k, task, plain(s), plain(t))
    smooth = s if s is not None else 0 if w is None else 1
    if t is None and value_of(smooth) != 0:
        raise missing_case(name, "of smoothing splines, with s > 0")
    knots, c = _fitted(x, y, w, xb, xe, k, t, own[0], name)
    return knots, _padded(c, knots, k), k


def _fitted(x, y, w, xb, xe, k, t, own, name):
    """The knots and coefficients of a fit of which FITPACK's knots are `own`."""
    if t is None and xb is None and xe is None:
        knots = agreeing(not_a_knot(x, k), own, name) if has_carrier(x) else own
        return knots, interpolating(x, y, knots, k, [], [])
    start = x[:1] if xb is None else given(xb)[None] * 1.0
    end = x[-1:] if xe is None else given(xe)[None] * 1.0
    inner = own[k + 1 : own.size - k - 1] if t is None else given(t)
    knots = own
    if has_carrier((x, start, end, inner)):
        if t is None:
            raise missing_case(name, "by the points x within given bounds")
        ends = np.concatenate([start, end])
        knots = agreeing(with_ends(ends, inner, k + 1), own, name)
    if t is None:
        return knots, interpolating(x, y, knots, k, [], [])
    return knots, least_squares(x, y, knots, k, np.ones(x.shape) if w is None else given(w) * 1.0)


# --- UnivariateSpline ----------------------------------------------------------------------------


def _hold(self, t, c, k):
    """Let a spline, made of plain numbers, hold carriers."""
    self._eval_args = t, c, k
    data = list(self._data)
    data[8], data[9] = t, c
    if any(has_carrier(a) for a in (t, c)):
        data[10] = None
    self._data = tuple(data)


@method(UnivariateSpline, "__init__")
def _init(original, self, x, y, w=None, bbox=(None, None), k=3, s=None, ext=0,
          check_finite=False):  # fmt: skip
    kind = type(self)
    original(self, plain(x), plain(y), plain(w), plain(list(bbox)), k, plain(s), ext, check_finite)
    ier = self._data[-1]
    self.__class__ = kind
    name = "scipy.interpolate.UnivariateSpline"
    if ier not in (-1, -2):
        raise missing_case(name, "of smoothing splines by their data, unless s=0")
    t = None if ier == -1 else self._eval_args[0][:0]
    x, y = given(x) * 1.0, given(y) * 1.0
    t, c = _fitted(x, y, w, *bbox, k, t, self._eval_args[0], name)
    _hold(self, t, c, k)


@method(InterpolatedUnivariateSpline, "__init__")
def _interpolated(original, self, x, y, w=None, bbox=(None, None), k=3, ext=0,
                  check_finite=False):  # fmt: skip
    original(self, plain(x), plain(y), plain(w), plain(list(bbox)), k, ext, check_finite)
    x, y = given(x) * 1.0, given(y) * 1.0
    name = "scipy.interpolate.InterpolatedUnivariateSpline"
    t, c = _fitted(x, y, w, *bbox, k, None, self._eval_args[0], name)
    _hold(self, t, c, k)


@method(LSQUnivariateSpline, "__init__")
def _lsq(original, self, x, y, t, w=None, bbox=(None, None), k=3, ext=0, check_finite=False):
    given_t = given(t) * 1.0
    original(self, plain(x), plain(y), plain(given_t), plain(w), plain(list(bbox)), k, ext,
             check_finite)  # fmt: skip
    x, y = given(x) * 1.0, given(y) * 1.0
    name = "scipy.interpolate.LSQUnivariateSpline"
    t, c = _fitted(x, y, w, *bbox, k, given_t, self._eval_args[0], name)
    _hold(self, t, c, k)


@method(UnivariateSpline, "__call__")
def _call(original, self, x, nu=0, ext=None):
    modes = {"extrapolate": 0, "zeros": 1, "raise": 2, "const": 3}
    ext = self.ext if ext is None else modes.get(ext, ext)
    return fitpack_value(*self._eval_args, given(x), nu, ext)


@method(UnivariateSpline, "integral")
def _integral(original, self, a, b):
    return bsplines.integral(*self._eval_args, given(a), given(b), False)


@method(UnivariateSpline, "derivatives")
def _derivatives(original, self, x):
    return spalde(given(x), self._eval_args)


@method(UnivariateSpline, "derivative")
def _derivative(original, self, n=1):
    return self._from_tck(splder(self._eval_args, n), 1 if self.ext == 3 else self.ext)


@method(UnivariateSpline, "antiderivative")
def _antiderivative(original, self, n=1):
    return self._from_tck(splantider(self._eval_args, n), self.ext)


@method(UnivariateSpline, "get_coeffs")
def _coefficients(original, self):
    t, c, k = self._eval_args
    return c[: t.shape[0] - k - 1]


@method(UnivariateSpline, "get_residual")
def _residual(original, self):
    raise missing_case("scipy.interpolate.UnivariateSpline", "its residual")


@method(UnivariateSpline, "roots")
def _roots(original, self):
    raise missing_case("scipy.interpolate.UnivariateSpline", "its roots: use PPoly.roots")
