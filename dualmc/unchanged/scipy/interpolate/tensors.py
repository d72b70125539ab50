"""Tensor products of splines (`NdBSpline`), by their coefficients, knots and points.

By the points alone the derivatives are SciPy's own, of the next orders; in general a value is a sum
over neighbours of products of one weight per dimension.
"""

import functools
import itertools

import numpy as np
from scipy.interpolate import NdBSpline

from dualmc.functions.matrices.differentials import held, quiet
from dualmc.functions.results import with_primal
from dualmc.kernels.payload import values
from dualmc.unchanged.scipy.entering import floats, functional, has_carrier, look, method, plain
from dualmc.unchanged.scipy.interpolate.bsplines import interval
from dualmc.unchanged.scipy.interpolate.piecewise import given, trailing
from dualmc.unchanged.scipy.interpolate.spline_fits import basis
from dualmc.unchanged.scipy.linear_maps import agreed, size


def tensor(data, starts, weights):
    """Sums of products: ``sum_j data[starts + j] prod_d weights[d][j_d]`` over neighbours j."""
    indices = [[s + j for j in range(len(w))] for s, w in zip(starts, weights, strict=True)]
    return tensor_at(data, indices, weights)


@quiet
def tensor_at(data, indices, weights):
    """The same with an index for each neighbour along each axis."""
    extra = data.ndim - len(indices)
    total = 0.0
    for place in itertools.product(*(range(len(w)) for w in weights)):
        weight = functools.reduce(np.multiply, (w[j] for w, j in zip(weights, place, strict=True)))
        at = tuple(i[j] for i, j in zip(indices, place, strict=True))
        total = total + trailing(weight, extra) * data[at]
    return total


def _formula(t, c, k, points, nu, extrapolate):
    t, c, p = [floats(a) for a in t], floats(c), floats(points)
    if not has_carrier((*t, c)):
        return _by_points(t, c, k, p, nu, extrapolate)
    own = nd_value([values(a) for a in t], values(c), k, values(p), nu, extrapolate)
    starts, weights = [], []
    for d, knots in enumerate(t):
        i = interval(values(knots), k[d], values(p[..., d]))
        starts.append(i - k[d])
        weights.append(basis(knots, k[d], p[..., d], i))
    y = np.where(np.isnan(own), np.nan, tensor(c, starts, weights))
    return agreed(own, y, "scipy.interpolate.NdBSpline", size(c))


def _by_points(t, c, k, p, nu, extrapolate):
    at = held(p, p.level)
    total = 0.0
    for d in range(len(t)):
        more = tuple(n + (i == d) for i, n in enumerate(nu))
        slope = nd_value(t, c, k, at, more, extrapolate)
        part = trailing(p[..., d], c.ndim - len(t))
        total = total + quiet(np.multiply)(slope, part)
    return with_primal(nd_value(t, c, k, p.primal, nu, extrapolate), total)


@functional(_formula)
def nd_value(t, c, k, points, nu, extrapolate):
    """The derivative of orders nu of a tensor product of splines at points (..., ndim)."""
    if any(n > degree for n, degree in zip(nu, k, strict=True)):
        return np.zeros(np.shape(points)[:-1] + c.shape[len(t) :])
    return NdBSpline(tuple(t), c, k, extrapolate=extrapolate)(points, nu=nu)


@method(NdBSpline, "__init__")
def _init(original, self, t, c, k, *, extrapolate=None):
    original(self, tuple(plain(given(a)) for a in t), plain(given(c)), k, extrapolate=extrapolate)
    self._varying = [given(a) * 1.0 for a in t], given(c) * 1.0
    self._asarray = lambda a: a
    look(self)


@method(NdBSpline, "__call__")
def _call(original, self, xi, *, nu=None, extrapolate=None):
    t, c = getattr(self, "_varying", (list(self.t), self.c))
    nu = (0,) * len(t) if nu is None else tuple(int(n) for n in nu)
    extrapolate = self.extrapolate if extrapolate is None else bool(extrapolate)
    return nd_value(t, c, self.k, given(xi) * 1.0, nu, extrapolate)
