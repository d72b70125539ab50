"""Images between their elements: by B-splines on the grid, as functions of image and places.

`map_coordinates` is differentiated by both; `shift`, `zoom`, `affine_transform` and `rotate` ask
for places that are affine functions of those of the result.
"""

import numpy as np
import scipy.ndimage as nd

from dualmc.errors import missing_case
from dualmc.functions.matrices.differentials import quiet
from dualmc.kernels.payload import values
from dualmc.unchanged.scipy.entering import entries, floats, plain
from dualmc.unchanged.scipy.interpolate.tensors import tensor_at
from dualmc.unchanged.scipy.linear_maps import agreed, at_bottom, dense_along, identity, size
from dualmc.unchanged.scipy.ndimage.windows import check_plain

HANDLERS: dict = {}
handles = entries("scipy.ndimage", HANDLERS)


# --- Coefficients --------------------------------------------------------------------------------


def spline_coefficients(x, order, mode, axes=None):
    """The coefficients of the B-splines through an image."""
    if order < 2:
        return x
    for axis in range(x.ndim) if axes is None else axes:
        if x.shape[axis] > 1:
            matrix = nd.spline_filter1d(identity(x.shape[axis]), order, 0, float, mode)
            x = dense_along(matrix, x, axis)
    return x


@handles("spline_filter1d")
def spline_filter1d(input, order=3, axis=-1, output=np.float64, mode="mirror"):
    own = nd.spline_filter1d(plain(input), order, axis, output, mode)
    return at_bottom(own, spline_coefficients(floats(input), order, mode, [axis]))


@handles("spline_filter")
def spline_filter(input, order=3, output=np.float64, mode="mirror"):
    own = nd.spline_filter(plain(input), order, output, mode)
    return at_bottom(own, spline_coefficients(floats(input), order, mode))


# --- Values between elements ---------------------------------------------------------------------


def _inside(at, n, mode):
    """Places mapped into the image, and the sign by which they move there; NaN: the constant."""
    sign = np.ones(at.shape)
    last = n - 1
    outside = (at < 0) | (at > last)
    if mode == "constant":
        return np.where(outside, np.nan, at), sign
    if mode == "nearest":
        return np.clip(at, 0, last), np.where(outside, 0.0, 1.0)
    if n == 1:
        return np.zeros(at.shape), np.zeros(at.shape)
    if mode == "wrap":
        return np.where(outside, at - last * np.floor(at / last), at), sign
    if mode == "grid-wrap":
        return np.where((at < 0) | (at > last), at - n * np.floor(at / n), at), sign
    if mode == "mirror":
        period, turn = 2.0 * last, at
    else:
        period, turn = 2.0 * n, at + 0.5
    turn = turn - period * np.floor(turn / period)
    is_back = turn > period / 2
    turn = np.where(is_back, period - turn, turn)
    return turn - (0 if mode == "mirror" else 0.5), np.where(is_back, -1.0, 1.0)


_TAPS = {"constant": "mirror", "wrap": "mirror", "nearest": "mirror", "grid-mirror": "reflect"}


def _tap_index(index, n, mode):
    """Indices of coefficients beyond the edges mapped into the image."""
    mode = _TAPS.get(mode, mode)
    if n == 1:
        return np.zeros_like(index)
    if mode == "grid-wrap":
        return index % n
    if mode == "reflect":
        index = index % (2 * n)
        return np.where(index >= n, 2 * n - 1 - index, index)
    index = index % (2 * n - 2)
    return np.where(index >= n, 2 * n - 2 - index, index)


def _weights(f, order):
    """The B-splines that are not zero at the fraction f of an interval between integer knots."""
    found = [np.ones(np.shape(f))]
    for degree in range(1, order + 1):
        saved, raised = 0.0, []
        for j in range(degree):
            share = found[j] / degree
            raised.append(saved + (j + 1 - f) * share)
            saved = (f - (j + 1 - degree)) * share
        found = [*raised, saved]
    return found


@quiet
def interpolated(x, places, order, mode, cval, prefilter):
    """The image x at `places`, one array per axis."""
    pads = 0
    if prefilter and order > 1 and mode in ("nearest", "grid-constant"):
        pads = 12
        options = {"constant_values": cval} if mode == "grid-constant" else {}
        x = np.pad(x, pads, "constant" if options else "edge", **options)
    c = spline_coefficients(x, order, mode) if prefilter else x
    indices, weights, is_constant = [], [], False
    for axis, p in enumerate(places):
        n = c.shape[axis]
        p = p + pads
        at = values(p)
        if mode == "grid-constant":
            inside, sign = at, np.ones(at.shape)
        else:
            inside, sign = _inside(at, n, mode)
        outside = np.isnan(inside)
        is_constant = is_constant | outside
        inside = np.where(outside, 0.0, inside)
        p = sign * p + (inside - sign * at)
        base = np.floor(inside if order % 2 else inside + 0.5)
        f = p - base if order % 2 else p + 0.5 - base
        taps = [(base - order // 2 + j).astype(int) for j in range(order + 1)]
        w = _weights(f, order)
        if mode == "grid-constant":
            w = [np.where((t < 0) | (t >= n), 0.0, a) for t, a in zip(taps, w, strict=True)]
            taps = [np.clip(t, 0, n - 1) for t in taps]
        indices.append([_tap_index(t, n, mode) for t in taps])
        weights.append(w)
    y = tensor_at(c - cval if mode == "grid-constant" else c, indices, weights)
    y = y + cval if mode == "grid-constant" else y
    return np.where(is_constant, cval, y) if np.any(is_constant) else y


def _checked(name, own, x, y):
    if x.dtype.kind == "c":
        raise missing_case(f"scipy.ndimage.{name}", "of complex images")
    return agreed(own, y, f"scipy.ndimage.{name}", size(x))


@handles("map_coordinates")
def map_coordinates(input, coordinates, output=None, order=3, mode="constant", cval=0.0,
                    prefilter=True):  # fmt: skip
    check_plain("map_coordinates", output)
    own = nd.map_coordinates(plain(input), plain(coordinates), None, order, mode, cval, prefilter)
    x, places = floats(input), floats(coordinates)
    y = interpolated(x, list(places), order, mode, cval, prefilter)
    return _checked("map_coordinates", own, x, y)


# --- Affine places -------------------------------------------------------------------------------


def _grid(shape):
    return np.meshgrid(*(np.arange(n, dtype=float) for n in shape), indexing="ij")


@handles("shift")
def shift(input, shift, output=None, order=3, mode="constant", cval=0.0, prefilter=True):
    check_plain("shift", output)
    own = nd.shift(plain(input), plain(shift), None, order, mode, cval, prefilter)
    x, by = floats(input), floats(shift)
    by = [by] * x.ndim if by.ndim == 0 else list(by)
    places = [g - s for g, s in zip(_grid(x.shape), by, strict=True)]
    return _checked("shift", own, x, interpolated(x, places, order, mode, cval, prefilter))


@handles("zoom")
def zoom(input, zoom, output=None, order=3, mode="constant", cval=0.0, prefilter=True, *,
         grid_mode=False):  # fmt: skip
    check_plain("zoom", output)
    if grid_mode:
        raise missing_case("scipy.ndimage.zoom", "with grid_mode=True")
    own = nd.zoom(plain(input), plain(zoom), None, order, mode, cval, prefilter)
    x = floats(input)
    places = []
    for g, n, m in zip(_grid(own.shape), x.shape, own.shape, strict=True):
        places.append(np.minimum(g * ((n - 1) / (m - 1) if m > 1 else 1.0), n - 1))
    return _checked("zoom", own, x, interpolated(x, places, order, mode, cval, prefilter))


@handles("affine_transform")
def affine_transform(input, matrix, offset=0.0, output_shape=None, output=None, order=3,
                     mode="constant", cval=0.0, prefilter=True):  # fmt: skip
    check_plain("affine_transform", output)
    own = nd.affine_transform(plain(input), plain(matrix), plain(offset), output_shape, None,
                              order, mode, cval, prefilter)  # fmt: skip
    x, matrix, offset = floats(input), floats(matrix), floats(offset)
    if matrix.ndim == 2 and matrix.shape[1] == x.ndim + 1:
        offset, matrix = matrix[: x.ndim, x.ndim], matrix[: x.ndim, : x.ndim]
    places = _affine(matrix, offset, own.shape, x.ndim)
    y = interpolated(x, places, order, mode, cval, prefilter)
    return _checked("affine_transform", own, x, y)


def _affine(matrix, offset, shape, ndim):
    grid = _grid(shape)
    offset = [offset] * ndim if offset.ndim == 0 else list(offset)
    if matrix.ndim == 1:
        return [m * g + o for m, g, o in zip(matrix, grid, offset, strict=True)]
    return [
        sum(m * g for m, g in zip(row, grid, strict=True)) + o
        for row, o in zip(matrix, offset, strict=True)
    ]


@handles("rotate")
def rotate(input, angle, axes=(1, 0), reshape=True, output=None, order=3, mode="constant",
           cval=0.0, prefilter=True):  # fmt: skip
    check_plain("rotate", output)
    own = nd.rotate(plain(input), plain(angle), axes, reshape, None, order, mode, cval, prefilter)
    x = floats(input)
    first, second = sorted(a % x.ndim for a in axes)
    turn = np.deg2rad(floats(angle))
    c, s = np.cos(turn), np.sin(turn)
    places = list(_grid(own.shape))
    centre_in = [(x.shape[a] - 1) / 2 for a in (first, second)]
    p, q = (places[a] - (own.shape[a] - 1) / 2 for a in (first, second))
    places[first] = c * p + s * q + centre_in[0]
    places[second] = c * q - s * p + centre_in[1]
    return _checked("rotate", own, x, interpolated(x, places, order, mode, cval, prefilter))
