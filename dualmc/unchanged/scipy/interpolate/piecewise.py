"""Piecewise polynomials (`PPoly`), by their coefficients, breakpoints and argument.

By the argument alone, the usual case, the derivative is SciPy's own, of the next order.  In general
it is Horner's scheme on Duals, in the interval that the values choose.
"""

import numpy as np
from scipy.interpolate import PPoly

from dualmc.duals.dual import Dual
from dualmc.errors import missing_case, missing_rule
from dualmc.functions.matrices.differentials import held, quiet
from dualmc.functions.results import with_primal
from dualmc.graph.record import has_traced
from dualmc.kernels.payload import values
from dualmc.unchanged.scipy.entering import (
    floats,
    functional,
    has_carrier,
    method,
    plain,
    value_of,
)
from dualmc.unchanged.scipy.interpolate.stored import store, stored
from dualmc.unchanged.scipy.linear_maps import at_bottom, depth_of

# Where SciPy defines the methods that PPoly may share with BPoly.
_BASE = next(kind for kind in PPoly.__mro__ if "construct_fast" in kind.__dict__)


def trailing(s, ndim):
    """`s` with `ndim` axes of length 1 behind its own."""
    return np.reshape(s, np.shape(s) + (1,) * ndim) if ndim else s


def by_argument(value, p, nu, ndim):
    """``value(p, nu)`` for a Dual p alone, by the derivative that ``value(p, nu + 1)`` is."""
    slope = value(held(p, p.level), nu + 1)
    y = value(p.primal, nu)
    return with_primal(y, quiet(np.multiply)(slope, trailing(p, ndim)))


def wrapped_into(p, start, end):
    """`p` in the period from `start` to `end`."""
    return start + (p - start) % (end - start)


def _formula(c, x, points, nu, extrapolate):
    c, x, p = floats(c), floats(x), floats(points)
    if type(c) is not Dual and type(x) is not Dual:

        def value(p, nu):
            return ppoly_value(c, x, p, nu, extrapolate)

        return by_argument(value, p, nu, c.ndim - 2)
    own = ppoly_value(*map(values, (c, x, p)), nu, extrapolate)
    return at_bottom(own, _horner(c, x, p, nu, extrapolate))


@quiet
def _horner(c, x, p, nu, extrapolate):
    if extrapolate == "periodic":
        p = wrapped_into(p, x[0], x[-1])
    at, knots = values(p), values(x)
    if knots[-1] < knots[0]:
        i = np.searchsorted(-knots, -at, side="right") - 1
    else:
        i = np.searchsorted(knots, at, side="right") - 1
    i = np.clip(i, 0, knots.size - 2)
    s = trailing(p - x[i], c.ndim - 2)
    local = c[:, i]
    y = np.zeros(at.shape + c.shape[2:], c.dtype)
    for j in range(c.shape[0] - nu):
        degree = c.shape[0] - 1 - j
        y = y * s + local[j] * float(np.prod(degree - np.arange(nu)))
    if not extrapolate:
        outside = (at < min(knots[0], knots[-1])) | (at > max(knots[0], knots[-1]))
        y = np.where(trailing(outside, c.ndim - 2), np.nan, y)
    return y


@functional(_formula)
def ppoly_value(c, x, points, nu, extrapolate):
    """The value of a piecewise polynomial, (k, m, ...), at points of any shape."""
    arrays = np.ascontiguousarray(c), np.ascontiguousarray(x)
    return PPoly.construct_fast(*arrays, extrapolate)(points, nu)


# --- Objects -------------------------------------------------------------------------------------


def given(a):
    """The carrier that `a` is or is a list of, for an object to hold."""
    return a if type(a) is np.ndarray else floats(a) if has_carrier(a) else np.asarray(a)


def polynomial(kind, c, x, extrapolate, axis):
    """A PPoly of class `kind` of arrays that may be carriers."""
    made = PPoly.construct_fast.__func__(kind, value_of(c), value_of(x), extrapolate, axis)
    return store(made, c=c, x=x)


def _check_basis(kind):
    """Refuse what has the methods of a PPoly and other polynomials: Bernstein's, in a BPoly."""
    if PPoly not in kind.__mro__:
        raise missing_rule(f"scipy.interpolate.{kind.__name__}")


@method(_BASE, "__init__")
def _init(original, self, c, x, extrapolate=None, axis=0):
    _check_basis(type(self))
    c, x = given(c), given(x)
    original(self, plain(c), plain(x), extrapolate, axis)
    if axis:
        c = np.moveaxis(np.moveaxis(c, axis + 1, 0), axis + 1, 0)
    store(self, c=c if c.dtype.kind in "fc" else c.astype(float), x=x)


@method(_BASE, "construct_fast")
def _construct_fast(original, kind, c, x, extrapolate=None, axis=0):
    _check_basis(kind)
    return polynomial(kind, given(c), given(x), extrapolate, axis)


@method(_BASE, "__call__")
def _call(original, self, x, nu=0, extrapolate=None):
    _check_basis(type(self))
    return evaluated(self, ppoly_value, stored(self, "c", "x"), x, nu, extrapolate)


def evaluated(self, value, state, x, nu, extrapolate):
    """An object's value at x, its interpolation axis replaced by those of x."""
    extrapolate = self.extrapolate if extrapolate is None else extrapolate
    x = given(x)
    y = value(*state, x, nu, extrapolate)
    return moved_axes(y, np.ndim(x), self.axis)


def moved_axes(y, lead, axis):
    """The first `lead` axes of y in the place of `axis` of the data."""
    if not axis:
        return y
    order = list(range(np.ndim(y)))
    order = order[lead : lead + axis] + order[:lead] + order[lead + axis :]
    return np.transpose(y, order)


@method(PPoly, "derivative")
def _derivative(original, self, nu=1):
    if nu < 0:
        return self.antiderivative(-nu)
    c, x = stored(self, "c", "x")
    k = c.shape[0]
    powers = np.arange(k - 1, -1, -1)
    factor = np.prod([powers - i for i in range(nu)], axis=0) * np.ones(k)
    kept = max(k - nu, 1)
    c = c[:kept] * np.reshape(factor[:kept], (-1,) + (1,) * (c.ndim - 1))
    return polynomial(type(self), c, x, self.extrapolate, self.axis)


def primitive(c, x):
    """The coefficients of the continuous antiderivative that is 0 at the first breakpoint."""
    k = c.shape[0]
    c = c / np.reshape(np.arange(k, 0, -1.0), (-1,) + (1,) * (c.ndim - 1))
    h = trailing(x[1:] - x[:-1], c.ndim - 2)
    area = c[0] * h
    for j in range(1, k):
        area = (area + c[j]) * h
    start = np.concatenate([np.zeros((1, *area.shape[1:]), c.dtype), np.cumsum(area[:-1], axis=0)])
    return np.concatenate([c, start[None]])


@method(PPoly, "antiderivative")
def _antiderivative(original, self, nu=1):
    if nu <= 0:
        return self.derivative(-nu)
    c, x = stored(self, "c", "x")
    for _ in range(nu):
        c = primitive(c, x)
    extrapolate = False if self.extrapolate == "periodic" else self.extrapolate
    return polynomial(type(self), c, x, extrapolate, self.axis)


@method(PPoly, "integrate")
def _integrate(original, self, a, b, extrapolate=None):
    extrapolate = self.extrapolate if extrapolate is None else extrapolate
    c, x = stored(self, "c", "x")
    c, a, b = primitive(c, x), given(a), given(b)
    if extrapolate != "periodic":
        return ppoly_value(c, x, b, 0, extrapolate) - ppoly_value(c, x, a, 0, extrapolate)

    def from_start(t):
        turns = np.floor((t - x[0]) / (x[-1] - x[0]))
        whole = ppoly_value(c, x, x[-1], 0, True)
        return turns * whole + ppoly_value(c, x, t - turns * (x[-1] - x[0]), 0, True)

    return from_start(b) - from_start(a)


@method(PPoly, "solve")
def _solve(original, self, y=0.0, discontinuity=True, extrapolate=None):
    """The roots by the theorem of implicit functions: Newton's step on Duals at SciPy's roots."""
    extrapolate = self.extrapolate if extrapolate is None else extrapolate
    (c, x), y = stored(self, "c", "x"), given(y)
    if has_traced((c, x, y)):
        raise missing_case("the roots of a PPoly", "in a graph, as prepare and explain record it")
    poly = PPoly(value_of(c), value_of(x), extrapolate, 0)
    start = poly.solve(float(value_of(y)), discontinuity, extrapolate)
    if start.dtype == object:
        return start if not has_carrier((c, x, y)) else _columns(start, c, x, y, extrapolate)
    return _root(start, c, x, y, extrapolate)


def _columns(starts, c, x, y, extrapolate):
    found = np.empty(starts.shape, object)
    for i in np.ndindex(starts.shape):
        found[i] = _root(starts[i], c[(slice(None), slice(None), *i)], x, y, extrapolate)
    return found


def _root(start, c, x, y, extrapolate):
    def residual(r):
        return ppoly_value(c, x, r, 0, extrapolate) - y

    slope = ppoly_value(plain(c), plain(x), start, 1, extrapolate)
    found, r = start, residual(start)
    for _ in range(depth_of(r)):
        found = found - r / slope
        r = residual(found)
    return at_bottom(start, found) if type(found) is Dual else found
