"""Cubic interpolants in Hermite form: the slopes at the knots, which data and knots determine.

`CubicSpline` finds them by a linear system: that of the jumps of the second derivative, and of the
conditions at both ends, which `refined` differentiates.  Those of `PchipInterpolator` and
`Akima1DInterpolator` are formulas.
"""

import numpy as np
from scipy import sparse
from scipy.interpolate import (
    Akima1DInterpolator,
    CubicHermiteSpline,
    CubicSpline,
    PchipInterpolator,
)
from scipy.sparse.linalg import splu

from dualmc.functions.matrices.differentials import quiet
from dualmc.kernels.payload import values
from dualmc.unchanged.scipy.entering import floats, functional, has_carrier, method, plain
from dualmc.unchanged.scipy.interpolate.piecewise import given, trailing
from dualmc.unchanged.scipy.interpolate.stored import store, stored
from dualmc.unchanged.scipy.linear_maps import agreed, refined, size, solving


def hermite(x, y, slopes):
    """The coefficients, (4, n - 1, ...), of the cubics with these values and slopes at x."""
    h = trailing(x[1:] - x[:-1], y.ndim - 1)
    mean = (y[1:] - y[:-1]) / h
    bend = (slopes[:-1] + slopes[1:] - 2 * mean) / h
    return np.stack([bend / h, (mean - slopes[:-1]) / h - bend, slopes[:-1], y[:-1]])


def _made(self, x, y, slopes, axis):
    """Let an interpolant, made of plain numbers, hold the carriers."""
    knots = {"x": x} if has_carrier(x) else {}
    store(self, c=hermite(x, y, slopes), **knots)
    self.axis = axis % y.ndim


def _data(x, y, axis):
    """Knots and data as floats, the axis of the knots first."""
    return given(x) * 1.0, np.moveaxis(given(y), axis, 0) * 1.0


@method(CubicHermiteSpline, "__init__")
def _hermite_init(original, self, x, y, dydx, axis=0, extrapolate=None):
    original(self, plain(x), plain(y), plain(dydx), axis, extrapolate)
    knots, data = _data(x, y, axis)
    _made(self, knots, data, np.moveaxis(given(dydx), axis, 0) * 1.0, axis)


# --- CubicSpline ---------------------------------------------------------------------------------


@method(CubicSpline, "__init__")
def _spline_init(original, self, x, y, axis=0, bc_type="not-a-knot", extrapolate=None):
    original(self, plain(x), plain(y), axis, plain(bc_type), extrapolate)
    x, y = _data(x, y, axis)
    _made(self, x, y, spline_slopes(x, y, bc_type), axis)


def _slopes_by_equations(x, y, bc_type):
    x, y = floats(x), floats(y)
    start = spline_slopes(values(x), values(y), plain(bc_type))
    ends = _ends(bc_type, x.size, (y[1] - y[0]) / (x[1] - x[0]))

    def residual(slopes):
        return _conditions(x, hermite(x, y, slopes), slopes, ends)

    return refined(start, residual, _inverse(values(x), ends, start.shape), "CubicSpline")


@functional(_slopes_by_equations)
def spline_slopes(x, y, bc_type):
    """The slopes of a cubic spline at its knots; y is (n, ...)."""
    spline = CubicSpline(x, y, 0, bc_type)
    return np.concatenate([stored(spline, "c")[2], spline(x[-1:], 1, False)])


def _ends(bc_type, n, mean):
    """The conditions at both ends: a name, or the order of a derivative and its value."""
    if isinstance(bc_type, str):
        bc_type = (bc_type, bc_type)
    names = {"clamped": (1, 0.0), "natural": (2, 0.0)}
    ends = [names.get(e, e) if isinstance(e, str) else (e[0], floats(e[1])) for e in bc_type]
    if n == 2:
        ends = [(1, mean) if isinstance(e, str) else e for e in ends]
    if n == 3 and ends == ["not-a-knot", "not-a-knot"]:
        ends = ["parabola", "parabola"]
    return ends


def _conditions(x, c, slopes, ends):
    """What must vanish: jumps of the second derivative, at n - 2 knots, and what holds at the ends.

    Negative, as residuals are.
    """
    h = trailing(x[1:] - x[:-1], slopes.ndim - 1)
    left, right = 2 * c[1], 6 * c[0] * h + 2 * c[1]  # second derivatives at the ends of intervals
    rows = [right[:-1] - left[1:]]
    for is_last, end in enumerate(ends):
        i = -1 if is_last else 0
        bend = right[-1] if is_last else left[0]
        if end == "periodic":
            row = slopes[-1] - slopes[0] if is_last else right[-1] - left[0]
        elif end == "parabola":
            row = c[0, i]
        elif end == "not-a-knot":
            row = c[0, -2] - c[0, -1] if is_last else c[0, 1] - c[0, 0]
        else:
            row = (slopes[i] if end[0] == 1 else bend) - end[1]
        rows.append(row[None])
    return -np.concatenate(rows)


def _inverse(x, ends, shape):
    """The inverse of the linear part of `_conditions` in the slopes, by probing it with units."""
    n = x.size
    zero = [(e[0], 0.0) if isinstance(e, tuple) else e for e in ends]
    # The rows at knots have three neighbours, so that every third column can be probed at once.
    rows, columns, entries = [], [], []
    for k in range(3):
        unit = np.zeros((n, 1))
        unit[k::3] = 1.0
        jumps = -_conditions(x, hermite(x, 0 * unit, unit), unit, zero)[: n - 2, 0]
        at = np.arange(n - 2)
        rows.append(at)
        columns.append(at + (k - at) % 3)
        entries.append(jumps)
    near = sorted({*range(min(n, 4)), *range(max(n - 4, 0), n)})
    unit = np.zeros((n, len(near)))
    unit[near, np.arange(len(near))] = 1.0
    last = -_conditions(x, hermite(x, 0 * unit, unit), unit, zero)[n - 2 :]
    for row in range(2):
        rows.append(np.full(len(near), n - 2 + row))
        columns.append(np.array(near))
        entries.append(last[row])
    place = np.concatenate(rows), np.concatenate(columns)
    lu = splu(sparse.csc_matrix((np.concatenate(entries), place), shape=(n, n)))
    return solving(lu, len(shape))


# --- Slopes by formulas --------------------------------------------------------------------------


@method(PchipInterpolator, "__init__")
def _pchip_init(original, self, x, y, axis=0, extrapolate=None):
    original(self, plain(x), plain(y), axis, extrapolate)
    x, y = _data(x, y, axis)
    _made(self, x, y, pchip_slopes(x, y), axis)


def _pchip_formula(x, y):
    own = pchip_slopes(values(x), values(y))
    found = _harmonic_means(floats(x), floats(y))
    return agreed(own, found, "PchipInterpolator", _steepest(x, y))


@functional(_pchip_formula)
def pchip_slopes(x, y):
    return _last_slopes(PchipInterpolator(x, y, 0), x)


def _steepest(x, y):
    return size(y) / np.min(np.diff(values(x)))


def _last_slopes(poly, x):
    c, h = stored(poly, "c"), x[-1] - x[-2]
    return np.concatenate([c[2], (3 * c[0, -1:] * h + 2 * c[1, -1:]) * h + c[2, -1:]])


@quiet
def _harmonic_means(x, y):
    """Fritsch and Butland (1984): weighted harmonic means of the slopes on both sides."""
    h = trailing(x[1:] - x[:-1], y.ndim - 1)
    m = (y[1:] - y[:-1]) / h
    if y.shape[0] == 2:
        return np.concatenate([m, m])
    is_flat = np.sign(values(m[1:])) * np.sign(values(m[:-1])) <= 0
    one = np.where(is_flat, 1.0, m[:-1]), np.where(is_flat, 1.0, m[1:])
    w = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
    inner = np.where(is_flat, 0.0, (w[0] + w[1]) / (w[0] / one[0] + w[1] / one[1]))
    first = _end_slope(h[0], h[1], m[0], m[1])
    last = _end_slope(h[-1], h[-2], m[-1], m[-2])
    return np.concatenate([first[None], inner, last[None]])


def _end_slope(h, after, m, m_after):
    """By three points, limited so that the shape is kept."""
    d = ((2 * h + after) * m - h * m_after) / (h + after)
    turns = np.sign(values(d)) != np.sign(values(m))
    steep = np.sign(values(m)) != np.sign(values(m_after))
    steep = steep & (np.abs(values(d)) > 3 * np.abs(values(m)))
    return np.where(turns, 0.0, np.where(steep, 3.0 * m, d))


@method(Akima1DInterpolator, "__init__")
def _akima_init(original, self, x, y, axis=0, *, method="akima", extrapolate=None):
    original(self, plain(x), plain(y), axis, method=method, extrapolate=extrapolate)
    x, y = _data(x, y, axis)
    _made(self, x, y, akima_slopes(x, y, method), axis)


def _akima_formula(x, y, method):
    own = akima_slopes(values(x), values(y), method)
    found = _akima_means(floats(x), floats(y), method)
    return agreed(own, found, "Akima1DInterpolator", _steepest(x, y))


@functional(_akima_formula)
def akima_slopes(x, y, method):
    return _last_slopes(Akima1DInterpolator(x, y, 0, method=method), x)


@quiet
def _akima_means(x, y, method):
    """Means of the slopes on both sides, weighted by how much those change beyond (Akima 1970)."""
    m = (y[1:] - y[:-1]) / trailing(x[1:] - x[:-1], y.ndim - 1)
    if y.shape[0] == 2:
        return np.concatenate([m, m])
    before, after = 2 * m[0] - m[1], 2 * m[-1] - m[-2]
    ends = [2 * before - m[0], before], [after, 2 * after - m[-1]]
    m = np.concatenate([np.stack(ends[0]), m, np.stack(ends[1])])
    change = np.abs(m[1:] - m[:-1])
    right, left = change[2:], change[:-2]
    if method == "makima":
        size = np.abs(m[1:] + m[:-1])
        right, left = right + 0.5 * size[2:], left + 0.5 * size[:-2]
    total = right + left
    has_weight = values(total) > 1e-9 * np.max(values(total), initial=-np.inf)
    share = np.where(has_weight, left, 0.0) / np.where(has_weight, total, 1.0)
    weighted = m[1:-2] + share * (m[2:-1] - m[1:-2])
    return np.where(has_weight, weighted, 0.5 * (m[3:] + m[:-3]))
