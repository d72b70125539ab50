"""`RegularGridInterpolator` and `interpn`, `RectBivariateSpline`: by values, grid and points.

A value is a sum over neighbours of products of one weight per dimension: of straight lines, or of
the B-splines through the data along each axis.
"""

import functools
import inspect

import numpy as np
import scipy.interpolate
from scipy.interpolate import RectBivariateSpline, RegularGridInterpolator

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
    value_of,
)
from dualmc.unchanged.scipy.interpolate.bsplines import interval
from dualmc.unchanged.scipy.interpolate.piecewise import given, trailing
from dualmc.unchanged.scipy.interpolate.spline_fits import basis, interpolating, not_a_knot
from dualmc.unchanged.scipy.interpolate.tensors import nd_value, tensor
from dualmc.unchanged.scipy.linear_maps import agreed, size
from dualmc.unchanged.standins.table import STANDINS

NAME = "scipy.interpolate.RegularGridInterpolator"
_DEGREES = {"slinear": 1, "cubic": 3, "quintic": 5}
HANDLERS: dict = {}


def _formula(grid, data, points, how, fill):
    grid, data, p = [floats(g) for g in grid], floats(data), floats(points)
    own = grid_value([values(g) for g in grid], values(data), values(p), how, plain(fill))
    at = [values(p[..., d]) for d in range(len(grid))]
    if how in _DEGREES:
        y = _splines(grid, data, p, at, _DEGREES[how])
    elif how in ("linear", "nearest"):
        y = _lines(grid, data, p, at, how)
    else:
        raise missing_case(NAME, f"with method={how!r}")
    y = y if fill is None else _outside(y, p, grid, fill)
    # SciPy's splines come out of an iteration that stops at 1e-6.
    return agreed(own, y, NAME, size(data), 1e-4 if how in ("cubic", "quintic") else None)


def _outside(y, p, grid, fill):
    """`y` with the fill outside of the grid."""
    outside = np.zeros(np.shape(p)[:-1], bool)
    for d, x in enumerate(map(values, grid)):
        at = values(p[..., d])
        outside |= (at < x[0]) | (at > x[-1])
    return np.where(trailing(outside, np.ndim(y) - np.ndim(p) + 1), fill, y)


filled = functional(_outside)(_outside)


def _lines(grid, data, p, at, how):
    starts, weights = [], []
    for d, x in enumerate(grid):
        i = np.clip(np.searchsorted(values(x), at[d], side="right") - 1, 0, x.shape[0] - 2)
        share = (p[..., d] - x[i]) / (x[i + 1] - x[i])
        if how == "nearest":
            is_next = values(share) > 0.5
            share = np.where(is_next, 1.0, 0.0) + 0.0 * share
        starts.append(i)
        weights.append([1.0 - share, share])
    return tensor(data, starts, weights)


def _splines(grid, data, p, at, k):
    starts, weights = [], []
    for d, x in enumerate(grid):
        t = not_a_knot(x, k) if k > 1 else np.concatenate([x[:1], x, x[-1:]])
        if k > 1:
            data = np.moveaxis(data, d, 0)
            data = np.moveaxis(interpolating(x, data, t, k, [], []), 0, d)
        i = interval(values(t), k, at[d])
        starts.append(i - k)
        weights.append(basis(t, k, p[..., d], i))
    return tensor(data, starts, weights)


@functional(_formula)
def grid_value(grid, data, points, how, fill):
    """The value of data on a grid at points (..., ndim), extrapolated where `fill` is None."""
    made = RegularGridInterpolator(tuple(grid), data, how, bounds_error=False, fill_value=fill)
    return np.reshape(made(points), np.shape(points)[:-1] + data.shape[len(grid) :])


# --- RegularGridInterpolator ---------------------------------------------------------------------


@method(RegularGridInterpolator, "__init__")
def _init(original, self, points, values, method="linear", bounds_error=True, fill_value=np.nan,
          **options):  # fmt: skip
    points = [given(g) for g in points]
    data = given(values)  # shared with the caller, as SciPy does
    data = data if data.dtype.kind in "fc" else data * 1.0
    original(self, tuple(map(value_of, points)), value_of(data), method, bounds_error,
             None if fill_value is None else plain(given(fill_value)), **options)  # fmt: skip
    down = tuple(d for d, g in enumerate(points) if g[0] > g[-1])
    self._values = np.flip(data, down) if down else data
    self._grid = tuple(np.flip(g) * 1.0 if d in down else g * 1.0 for d, g in enumerate(points))
    if has_carrier(fill_value):
        self.fill_value = given(fill_value)
    look(self)


@method(RegularGridInterpolator, "__call__")
def _call(original, self, xi, method=None, *, nu=None):
    if nu is not None:
        raise missing_case(NAME, "of derivatives, with nu")
    grid = self._grid
    how = self.method if method is None else method
    p = points_of(xi, len(grid))
    for d, x in enumerate(grid if self.bounds_error else ()):
        if not np.all((x[0] <= p[..., d]) & (p[..., d] <= x[-1])):
            raise ValueError(f"One of the requested xi is out of bounds in dimension {d}")
    fill = None if self.bounds_error else self.fill_value
    if self._spline is not None and how == self.method and not has_carrier((*grid, self._values)):
        t, c, k = self._spline.t, self._spline.c, self._spline.k
        y = nd_value(list(t), c, k, p, (0,) * len(grid), True)
        return y if fill is None else filled(y, p, list(grid), fill)
    return grid_value(list(grid), self._values, p, how, fill)


def points_of(xi, ndim):
    """Points as SciPy reads them: (..., ndim), or a tuple of coordinates."""
    if isinstance(xi, tuple) and len(xi) == 1 and np.ndim(xi[0]) > 1:
        xi = xi[0]
    if isinstance(xi, tuple):
        return np.stack(np.broadcast_arrays(*map(given, xi)), axis=-1)
    p = given(xi)
    if np.ndim(p) == 0:
        p = np.reshape(p, (1, 1))
    if np.ndim(p) == 1:
        p = np.reshape(p, (-1, 1)) if ndim == 1 else p[None]
    return p


def _interpn(points, values, xi, method="linear", bounds_error=True, fill_value=np.nan):
    if method == "splinef2d":
        raise missing_case("scipy.interpolate.interpn", 'with method="splinef2d"')
    made = looking(RegularGridInterpolator)(points, values, method, bounds_error, fill_value)
    return _call(None, made, xi)


@functools.wraps(scipy.interpolate.interpn)
def interpn(*args, **kwargs):
    each = (*args, *kwargs.values())
    some = has_carrier(each)
    return (_interpn if some else scipy.interpolate.interpn)(*args, **kwargs)


HANDLERS["scipy.interpolate.interpn"] = interpn
STANDINS[inspect.unwrap(scipy.interpolate.interpn)] = interpn


# --- RectBivariateSpline -------------------------------------------------------------------------

_SURFACE = next(k for k in RectBivariateSpline.__mro__ if "__call__" in k.__dict__)


def _surface_formula(tx, ty, c, kx, ky, x, y):
    tx, ty, c, x, y = map(floats, (tx, ty, c, x, y))
    own = surface_value(*map(values, (tx, ty, c)), kx, ky, values(x), values(y))
    starts, weights = [], []
    for t, k, p in ((tx, kx, x), (ty, ky, y)):
        p = np.clip(p, t[k], t[t.shape[0] - k - 1])
        i = interval(values(t), k, values(p))
        starts.append(i - k)
        weights.append(basis(t, k, p, i))
    return agreed(own, tensor(c, starts, weights), "scipy.interpolate.RectBivariateSpline", size(c))


@functional(_surface_formula)
def surface_value(tx, ty, c, kx, ky, x, y):
    """The value of a surface with coefficients c, (nx, ny), at points x, y of one shape."""
    made = object.__new__(RectBivariateSpline)
    made.tck, made.degrees = (tx, ty, np.ravel(c)), (kx, ky)
    return made(x, y, grid=False)


@method(RectBivariateSpline, "__init__")
def _surface_init(original, self, x, y, z, bbox=(None,) * 4, kx=3, ky=3, s=0, **options):
    name = "scipy.interpolate.RectBivariateSpline"
    x, y, z = given(x) * 1.0, given(y) * 1.0, given(z) * 1.0
    original(self, *map(value_of, (x, y, z)), list(bbox), kx, ky, s, **options)
    if s or any(b is not None for b in bbox):
        raise missing_case(name, "by the data, unless s=0 and without bbox")
    tx, ty = not_a_knot(x, kx), not_a_knot(y, ky)
    c = interpolating(x, z, tx, kx, [], [])
    c = np.moveaxis(interpolating(y, np.moveaxis(c, 1, 0), ty, ky, [], []), 0, 1)
    self.tck = tx, ty, np.reshape(c, -1)
    look(self)


@method(_SURFACE, "__call__")
def _surface_call(original, self, x, y, dx=0, dy=0, grid=True):
    if dx or dy:
        raise missing_case("scipy.interpolate.RectBivariateSpline", "of derivatives, with dx or dy")
    x, y = given(x), given(y)
    if grid:
        x, y = np.broadcast_arrays(x[:, None], y[None])
    else:
        x, y = np.broadcast_arrays(x, y)
    tx, ty, c = self.tck
    kx, ky = self.degrees
    c = np.reshape(c, (tx.shape[0] - kx - 1, ty.shape[0] - ky - 1))
    return surface_value(tx, ty, c, kx, ky, x, y)


if "ev" in vars(next(k for k in RectBivariateSpline.__mro__ if "ev" in k.__dict__)):

    @method(next(k for k in RectBivariateSpline.__mro__ if "ev" in k.__dict__), "ev")
    def _surface_ev(original, self, xi, yi, dx=0, dy=0):
        return _surface_call(None, self, xi, yi, dx, dy, grid=False)
