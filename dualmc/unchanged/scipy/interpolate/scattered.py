"""`LinearNDInterpolator`, `NearestNDInterpolator`, `griddata`: by values and by points asked for.

The triangulation of the data is a decision of their places, which are constants here.
"""

import functools
import inspect

import numpy as np
import scipy.interpolate
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator

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
from dualmc.unchanged.scipy.interpolate.grids import points_of
from dualmc.unchanged.scipy.interpolate.piecewise import given, trailing
from dualmc.unchanged.scipy.linear_maps import agreed, size
from dualmc.unchanged.standins.table import STANDINS

HANDLERS: dict = {}


def _formula(tri, data, points, fill):
    data, p, fill = floats(data), floats(points), floats(fill)
    own = simplex_value(tri, values(data), values(p), values(fill))
    flat = np.reshape(p, (-1, p.shape[-1]))
    simplex = tri.find_simplex(values(flat))
    transform = tri.transform[simplex]
    share = np.sum(transform[:, :-1] * (flat - transform[:, -1])[:, None, :], axis=-1)
    share = np.concatenate([share, 1.0 - np.sum(share, axis=-1, keepdims=True)], axis=-1)
    corners = data[tri.simplices[simplex]]
    extra = data.ndim - 1
    y = np.sum(trailing(share, extra) * corners, axis=1)
    y = np.where(trailing(simplex < 0, extra), fill, y)
    y = np.reshape(y, p.shape[:-1] + data.shape[1:])
    return agreed(own, y, "scipy.interpolate.LinearNDInterpolator", size(data))


@functional(_formula)
def simplex_value(tri, data, points, fill):
    """The value of the linear interpolant of data, (n, ...), at points (..., ndim)."""
    return LinearNDInterpolator(tri, data, float(fill))(points)


def _constant_places(points, name):
    if has_carrier(points):
        raise missing_case(name, "by the places of the data, which their triangulation decides")
    return points


@method(LinearNDInterpolator, "__init__")
def _init(original, self, points, values, fill_value=np.nan, rescale=False):
    name = "scipy.interpolate.LinearNDInterpolator"
    data = given(values) * 1.0
    points = _constant_places(points, name)
    original(self, points, value_of(data), plain(fill_value), rescale)
    if rescale:
        raise missing_case(name, "by its values with rescale=True")
    self._varying = data, given(fill_value)
    look(self)


@method(next(k for k in LinearNDInterpolator.__mro__ if "__call__" in k.__dict__), "__call__")
def _call(original, self, *args):
    if not isinstance(self, LinearNDInterpolator):
        raise missing_case("scipy.interpolate.CloughTocher2DInterpolator", "by these arguments")
    held = getattr(self, "_varying", None)
    data = held[0] if held else np.reshape(self.values, (-1, *self.values_shape))
    fill = held[1] if held else np.asarray(self.fill_value)
    if getattr(self, "scale", None) is not None:
        raise missing_case("scipy.interpolate.LinearNDInterpolator", "with rescale=True")
    p = points_of(args if len(args) > 1 else args[0], self.tri.ndim)
    return simplex_value(self.tri, data, p, fill)


def _nearest(tree, scale, data, p):
    at = values(p) if scale is None else values(p) / scale
    y = data[tree.query(at)[1]]
    return y + 0.0 * trailing(np.sum(p, axis=-1), np.ndim(y) - np.ndim(p) + 1)


nearest_value = functional(_nearest)(_nearest)


@method(NearestNDInterpolator, "__init__")
def _nearest_init(original, self, x, y, rescale=False, tree_options=None):
    x = _constant_places(x, "scipy.interpolate.NearestNDInterpolator")
    original(self, x, value_of(given(y)), rescale, tree_options)
    self._varying = given(y) * 1.0
    look(self)


@method(NearestNDInterpolator, "__call__")
def _nearest_call(original, self, *args, **options):
    if options:
        raise missing_case("scipy.interpolate.NearestNDInterpolator", "with options of its search")
    data = getattr(self, "_varying", None)
    data = self.values if data is None else data
    p = points_of(args if len(args) > 1 else args[0], self.points.shape[1])
    return nearest_value(self.tree, getattr(self, "scale", None), data, p)


@functools.wraps(scipy.interpolate.griddata)
def griddata(points, values, xi, method="linear", fill_value=np.nan, rescale=False):
    if not has_carrier((points, values, xi, fill_value)):
        return scipy.interpolate.griddata(points, values, xi, method, fill_value, rescale)
    places = _constant_places(points, "scipy.interpolate.griddata")
    is_flat = np.ndim(places) == 1 or np.ndim(places) == 2 and np.shape(places)[1] == 1
    if method not in ("linear", "nearest") or is_flat and not isinstance(places, tuple):
        raise missing_case("scipy.interpolate.griddata", "in one dimension, or by cubics")
    if method == "nearest":
        return looking(NearestNDInterpolator)(places, values, rescale)(xi)
    return looking(LinearNDInterpolator)(places, values, fill_value, rescale)(xi)


HANDLERS["scipy.interpolate.griddata"] = griddata
STANDINS[inspect.unwrap(scipy.interpolate.griddata)] = griddata
