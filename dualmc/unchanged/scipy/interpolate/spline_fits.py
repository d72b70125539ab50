"""Splines fitted to data: through all points (`make_interp_spline`), or by least squares.

The coefficients solve linear equations, which `refined` differentiates: residuals on Duals, the
inverse of the plain matrix.  Knots that follow from the points x vary with them.
"""

import functools
import inspect

import numpy as np
import scipy.interpolate
from scipy import sparse
from scipy.interpolate import BSpline
from scipy.sparse.linalg import splu

from dualmc.duals import levels
from dualmc.errors import missing_case
from dualmc.functions.matrices.differentials import quiet
from dualmc.kernels.payload import values
from dualmc.unchanged.scipy.entering import (
    floats,
    functional,
    has_carrier,
    look,
    plain,
    value_of,
)
from dualmc.unchanged.scipy.interpolate.bsplines import bspline_value, interval
from dualmc.unchanged.scipy.interpolate.piecewise import given, trailing
from dualmc.unchanged.scipy.interpolate.stored import store, stored
from dualmc.unchanged.scipy.linear_maps import dense_along, refined, solving, sparse_along
from dualmc.unchanged.standins.table import STANDINS

NAME = "scipy.interpolate.make_interp_spline"
HANDLERS: dict = {}
_ALIASES = {"clamped": [(1, 0.0)], "natural": [(2, 0.0)], "not-a-knot": None,
            "periodic": None, None: None}  # fmt: skip


def not_a_knot(x, k):
    """The knots of the interpolating spline without further conditions."""
    inner = x if k % 2 else (x[1:] + x[:-1]) / 2
    half = (k + 1) // 2 if k % 2 else k // 2
    return with_ends(x, inner[half : inner.shape[0] - half], k + 1)


def with_ends(x, inner, times):
    return np.concatenate([x[:1]] * times + [inner] + [x[-1:]] * times)


def agreeing(t, own, name=NAME):
    """The varying knots t, if they are SciPy's own."""
    if np.shape(t) != own.shape or not np.allclose(value_of(t), own, rtol=1e-12, atol=0):
        raise missing_case(name, "by the points x with such knots")
    return t


# --- Through all points --------------------------------------------------------------------------


def make_interp_spline(x, y, k=3, t=None, bc_type=None, axis=0, check_finite=True):
    original = scipy.interpolate.make_interp_spline
    x, y = given(x) * 1.0, given(y) * 1.0
    t = None if t is None else given(t) * 1.0
    spline = original(value_of(x), value_of(y), k, None if t is None else value_of(t),
                      plain(bc_type), axis, check_finite)  # fmt: skip
    axis, own = spline.axis, stored(spline, "t")
    y = np.moveaxis(y, axis, 0)
    left, right = _conditions(bc_type)
    if k <= 1 and t is None:
        t = np.concatenate([x[:1]] * k + [x, x[-1:]])
        return store(spline, t=agreeing(t, own), c=y)
    if t is None and has_carrier(x):
        if bc_type == "periodic":
            raise missing_case(NAME, "by the points x of a periodic spline")
        t = with_ends(x, x, k) if left or right else not_a_knot(x, k)
    t = own if t is None else agreeing(t, own)
    if bc_type == "periodic":
        return store(spline, t=t, c=_periodic(x, y, k))
    return store(spline, t=t, c=interpolating(x, y, t, k, left, right))


def _conditions(bc_type):
    """At both ends, lists of orders of derivatives and their values."""
    if isinstance(bc_type, str) or bc_type is None:
        bc_type = (bc_type, bc_type)
    ends = []
    for end in bc_type:
        end = _ALIASES.get(end, end) if isinstance(end, str) or end is None else end
        ends.append([(order, given(value) * 1.0) for order, value in end or ()])
    return ends


def _periodic(x, y, k):
    """The coefficients are linear in all data but the last, which is the first again."""
    n = x.shape[0]
    unit = np.eye(n, n - 1)
    unit[-1, 0] = 1.0
    matrix = scipy.interpolate.make_interp_spline(x, unit, k, bc_type="periodic").c
    return dense_along(matrix, y[:-1], 0)


def _interpolating_formula(x, y, t, k, left, right):
    x, y, t = floats(x), floats(y), floats(t)
    start = interpolating(values(x), values(y), values(t), k, plain(left), plain(right))

    def residual(c):
        rows = [_difference(t, c, k, x[0], *end, y) for end in left]
        rows.append(y - bspline_value(t, c, k, x, 0, True))
        rows += [_difference(t, c, k, x[-1], *end, y) for end in right]
        return np.concatenate(rows)

    matrix = _collocation(values(x), values(t), k, left, right)
    return refined(start, residual, solving(splu(matrix), y.ndim), NAME)


@functional(_interpolating_formula)
def interpolating(x, y, t, k, left, right):
    """The coefficients of the spline through y, (n, ...), with derivatives given at both ends."""
    ends = [[(o, np.broadcast_to(v, y.shape[1:])) for o, v in e] or None for e in (left, right)]
    return scipy.interpolate.make_interp_spline(x, y, k, t, tuple(ends)).c


def _difference(t, c, k, x, order, value, y):
    return np.broadcast_to(floats(value) - bspline_value(t, c, k, x, order, True), y.shape[1:])[
        None
    ]


def _collocation(x, t, k, left, right):
    n = t.size - k - 1
    rows = [_end_rows(t, k, x[0], left, np.arange(k + 1), n)]
    rows.append(BSpline.design_matrix(x, t, k, True))
    rows.append(_end_rows(t, k, x[-1], right, np.arange(n - k - 1, n), n))
    return sparse.vstack([r for r in rows if r.shape[0]], format="csc")


def _end_rows(t, k, x, ends, columns, n):
    """Derivatives at an end of the basis functions that are not zero there."""
    unit = np.zeros((n, k + 1))
    unit[columns, np.arange(k + 1)] = 1.0
    entries = [BSpline.construct_fast(t, unit, k)(x, order) for order, _ in ends]
    found = np.zeros((len(ends), n))
    found[:, columns] = np.reshape(entries, (len(ends), k + 1))
    return sparse.csr_array(found)


# --- Least squares -------------------------------------------------------------------------------


@quiet
def basis(t, k, p, i):
    """The k + 1 B-splines that are not zero in the intervals i, at the points p (de Boor)."""
    found = [np.ones(np.shape(p))]
    for degree in range(1, k + 1):
        saved, raised = 0.0, []
        for j in range(degree):
            right, left = t[i + j + 1], t[i + j + 1 - degree]
            share = found[j] / (right - left)
            raised.append(saved + (right - p) * share)
            saved = (p - left) * share
        found = [*raised, saved]
    return found


def make_lsq_spline(x, y, t, k=3, w=None, axis=0, check_finite=True, **options):
    original = scipy.interpolate.make_lsq_spline
    x, y, t = given(x) * 1.0, given(y) * 1.0, given(t) * 1.0
    w = None if w is None else given(w) * 1.0
    spline = original(value_of(x), value_of(y), value_of(t), k, plain(w), axis, check_finite,
                      **options)  # fmt: skip
    y = np.moveaxis(y, spline.axis, 0)
    weights = np.ones(x.shape) if w is None else w
    return store(spline, t=t, c=least_squares(x, y, t, k, weights))


def _least_squares_formula(x, y, t, k, w):
    x, y, t, w = floats(x), floats(y), floats(t), floats(w)
    start = least_squares(*map(values, (x, y, t)), k, values(w))
    i = interval(values(t), k, values(x))
    rows = np.stack(basis(t, k, x, i), axis=-1)
    place = i[:, None] - k + np.arange(k + 1)
    gather = sparse.csr_array(
        (np.ones(place.size), (place.ravel(), np.arange(place.size))), (start.shape[0], place.size)
    )
    weight = trailing(w * w, y.ndim - 1)

    def residual(c):
        rest = (y - bspline_value(t, c, k, x, 0, True)) * weight
        parts = trailing(rows, y.ndim - 1) * rest[:, None]
        return sparse_along(gather, np.reshape(parts, (place.size, *y.shape[1:])), 0)

    design = BSpline.design_matrix(values(x), values(t), k, True)
    normal = design.T @ sparse.diags_array(values(w) ** 2) @ design
    inverse = solving(splu(normal.tocsc()), y.ndim)
    return refined(start, residual, inverse, "scipy.interpolate.make_lsq_spline")


@functional(_least_squares_formula)
def least_squares(x, y, t, k, w):
    """The coefficients that minimize the sum of squares of w (y - spline(x)); y is (n, ...)."""
    return scipy.interpolate.make_lsq_spline(x, y, t, k, w).c


def whole(original, formula):
    """A stand-in of which the formula serves graphs too, being made of functions that do."""

    @functools.wraps(original)
    def standin(*args, **kwargs):
        if has_carrier((*args, *kwargs.values())):
            return formula(*args, **kwargs)
        made = original(*args, **kwargs)
        return look(made) if levels.current() is not None else made

    STANDINS[inspect.unwrap(original)] = standin
    return standin


for _function in (make_interp_spline, make_lsq_spline):
    _original = getattr(scipy.interpolate, _function.__name__)
    HANDLERS[f"scipy.interpolate.{_function.__name__}"] = whole(_original, _function)
