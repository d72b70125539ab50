"""Polynomials through all points, `KroghInterpolator` and `BarycentricInterpolator`.

By the argument alone the derivative is SciPy's own; in general the polynomial is evaluated in
Newton's form on Duals, of which the divided differences take repeated nodes for derivatives.
"""

import functools
import inspect
import math

import numpy as np
import scipy.interpolate
from scipy.interpolate import BarycentricInterpolator, KroghInterpolator, interp1d

from dualmc.errors import missing_case
from dualmc.kernels.payload import values
from dualmc.unchanged.scipy.entering import (
    floats,
    functional,
    has_carrier,
    look,
    looking,
    method,
    plain,
)
from dualmc.unchanged.scipy.interpolate.linear import called
from dualmc.unchanged.scipy.interpolate.piecewise import by_argument, given, moved_axes, trailing
from dualmc.unchanged.scipy.linear_maps import agreed, size
from dualmc.unchanged.standins.table import STANDINS

HANDLERS: dict = {}


def _formula(kind, xi, yi, points, der):
    xi, yi, p = floats(xi), floats(yi), floats(points)
    if not has_carrier((xi, yi)):
        return by_argument(lambda p, nu: polynomial_value(kind, xi, yi, p, nu), p, der, yi.ndim - 1)
    own = polynomial_value(kind, values(xi), values(yi), values(p), der)
    y = _newton(xi, _divided_differences(xi, yi), p, der)
    return agreed(own, y, f"scipy.interpolate.{kind}", size(yi))


@functional(_formula)
def polynomial_value(kind, xi, yi, points, der):
    """The derivative of order `der` of the polynomial through yi, (n, ...)."""
    made = getattr(scipy.interpolate, kind)(xi, yi)
    return made.derivative(points, der) if der else made(points)


def _divided_differences(xi, yi):
    at = values(xi)
    found, previous = [yi[0]], []
    for k in range(1, at.size):
        s = 0  # how often the node came before
        while s < k and at[k - s - 1] == at[k]:
            s += 1
        column = [yi[k] / math.factorial(s)]
        for i in range(k - s):
            before = previous[i + 1] if s else found[i]
            column.append((before - column[i]) / (xi[i] - xi[k]))
        previous = column
        found.append(column[k - s])
    return found


def _newton(xi, c, p, der):
    extra = np.ndim(c[0])
    jet = [0.0] * (der + 1)
    for k in range(len(c) - 1, -1, -1):
        d = trailing(p - xi[k], extra)
        for order in range(der, 0, -1):
            jet[order] = jet[order] * d + order * jet[order - 1]
        jet[0] = jet[0] * d + c[k]
    return jet[der] + 0.0 * trailing(p, extra)


# --- Objects -------------------------------------------------------------------------------------


def _data(self):
    return np.reshape(self.yi, (self.yi.shape[0], *self._y_extra_shape))


def _derivative(self, x, der):
    p = given(x)
    y = polynomial_value(_name(self), self.xi, _data(self), p, der)
    return moved_axes(y, np.ndim(p), self._y_axis)


def _name(self):
    is_krogh = isinstance(self, KroghInterpolator)
    return "KroghInterpolator" if is_krogh else "BarycentricInterpolator"


@method(KroghInterpolator, "__init__")
def _krogh(original, self, xi, yi, axis=0):
    original(self, plain(given(xi)), plain(given(yi)), axis)
    _hold(self, xi, yi)


@method(BarycentricInterpolator, "__init__")
def _barycentric(original, self, xi, yi=None, axis=0, *, wi=None, rng=None):
    original(self, plain(given(xi)), plain(given(yi)), axis, wi=plain(wi), rng=rng)
    if wi is not None:
        raise missing_case("scipy.interpolate.BarycentricInterpolator", "with given weights wi")
    _hold(self, xi, yi)


def _hold(self, xi, yi):
    yi = np.moveaxis(given(yi) * 1.0, self._y_axis, 0)
    self.xi, self.yi = given(xi) * 1.0, np.reshape(yi, (yi.shape[0], -1))
    look(self)


_BASE = KroghInterpolator.__mro__[1]  # where both find `derivative` and `derivatives`
_ROOT = KroghInterpolator.__mro__[2]


def _of_polynomials(kind, name):
    """`method` for what only the two classes of this file are to be served by."""

    def register(formula):
        def served(original, self, *args, **kwargs):
            if not isinstance(self, (KroghInterpolator, BarycentricInterpolator)):
                return original(self, *args, **kwargs)
            return formula(self, *args, **kwargs)

        method(kind, name)(served)
        return formula

    return register


@method(_ROOT, "__call__")
def _call(original, self, x):
    if isinstance(self, interp1d):
        return called(self, x)
    if isinstance(self, (KroghInterpolator, BarycentricInterpolator)):
        return _derivative(self, x, 0)
    return original(self, x)


@_of_polynomials(_BASE, "derivatives")
def derivatives(self, x, der=None):
    return np.stack([_derivative(self, x, i) for i in range(self.n if der is None else der)])


@_of_polynomials(_BASE, "derivative")
def _one(self, x, der=1):
    return _derivative(self, x, der)


if "derivative" in BarycentricInterpolator.__dict__:
    _of_polynomials(BarycentricInterpolator, "derivative")(_one)
if "__call__" in BarycentricInterpolator.__dict__:
    _of_polynomials(BarycentricInterpolator, "__call__")(lambda self, x: _derivative(self, x, 0))


def _enter(name, kind):
    original = getattr(scipy.interpolate, name)

    @functools.wraps(original)
    def standin(xi, yi, x, der=0, axis=0, **options):
        if not has_carrier((xi, yi, x)):
            return original(xi, yi, x, der=der, axis=axis, **options)
        order = np.max(der)
        made = looking(kind)(xi, yi, axis=axis)
        if np.ndim(der):
            return np.stack([made.derivative(x, d) if d else made(x) for d in der])
        if kind is scipy.interpolate.PchipInterpolator:
            return made(x, der)
        return made.derivative(x, order) if order else made(x)

    HANDLERS[f"scipy.interpolate.{name}"] = standin
    STANDINS[inspect.unwrap(original)] = standin


_enter("krogh_interpolate", KroghInterpolator)
_enter("barycentric_interpolate", BarycentricInterpolator)
_enter("pchip_interpolate", scipy.interpolate.PchipInterpolator)
