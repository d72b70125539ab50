"""Linear filters: sparse matrices along each axis, or of the whole image; also by their weights."""

import numpy as np
import scipy.ndimage as nd

from dualmc.unchanged.scipy.entering import entries, floats, has_carrier, plain
from dualmc.unchanged.scipy.linear_maps import agreed, at_bottom, size, sparse_along
from dualmc.unchanged.scipy.ndimage import windows
from dualmc.unchanged.scipy.ndimage.windows import check_plain, matrix_along, per_axis

HANDLERS: dict = {}
handles = entries("scipy.ndimage", HANDLERS)


def _axes(axes, ndim):
    axes = range(ndim) if axes is None else np.atleast_1d(axes).tolist()
    return [axis % ndim for axis in axes]


# --- Along one axis ------------------------------------------------------------------------------


def _one_dimensional(name, is_turned):
    original = getattr(nd, name)

    def along_first(unit, weights, mode, origin):
        return original(unit, weights, 0, None, mode, 0.0, origin)

    def handler(input, weights, axis=-1, output=None, mode="reflect", cval=0.0, origin=0):
        check_plain(name, output)
        own = original(plain(input), plain(weights), axis, None, mode, cval, origin)
        x, weights = floats(input), floats(weights)
        if not has_carrier(weights):
            matrix = matrix_along(along_first, x.shape[axis], weights, mode, origin)
            return at_bottom(own, sparse_along(matrix, x, axis))
        n = weights.shape[0]
        if is_turned:
            weights, origin = np.flip(weights), -origin - (n % 2 == 0)
        x = np.moveaxis(x, axis, -1)
        index = windows.seen((x.shape[-1],), np.ones(n, bool), [origin], [mode])
        edge = np.full((*x.shape[:-1], 1), cval, x.dtype)
        y = np.matmul(np.concatenate([x, edge], axis=-1)[..., index], weights)
        return agreed(own, np.moveaxis(y, -1, axis), f"scipy.ndimage.{name}", size(x))

    handles(name)(handler)


_one_dimensional("correlate1d", False)
_one_dimensional("convolve1d", True)


def _gaussian_along(unit, sigma, order, mode, truncate, radius):
    return nd.gaussian_filter1d(unit, sigma, 0, order, None, mode, 0.0, truncate, radius=radius)


def _gaussian_weights(sigma, order, radius):
    """Samples of the Gaussian, of sum 1, times the polynomial of its derivative of this order."""
    x = np.arange(-radius, radius + 1.0)
    weights = np.exp(-0.5 * (x / sigma) ** 2)
    weights = weights / np.sum(weights)
    lower, factor = 0.0 * x, 1.0 + 0.0 * x  # Hermite's recursion
    for k in range(order):
        lower, factor = factor, -(x * factor + k * lower) / sigma**2
    return weights * factor


@handles("gaussian_filter1d")
def gaussian_filter1d(input, sigma, axis=-1, order=0, output=None, mode="reflect", cval=0.0,
                      truncate=4.0, *, radius=None):  # fmt: skip
    check_plain("gaussian_filter1d", output)
    own = nd.gaussian_filter1d(plain(input), plain(sigma), axis, order, None, mode, cval, truncate,
                               radius=radius)  # fmt: skip
    x = floats(input)
    if has_carrier(sigma):
        width = int(truncate * float(plain(sigma)) + 0.5) if radius is None else radius
        weights = np.flip(_gaussian_weights(floats(sigma), order, width))
        y = HANDLERS["scipy.ndimage.correlate1d"](x, weights, axis, None, mode, cval)
        return agreed(own, y, "scipy.ndimage.gaussian_filter1d", size(x))
    matrix = matrix_along(_gaussian_along, x.shape[axis], float(sigma), order, mode, truncate,
                          radius)  # fmt: skip
    return at_bottom(own, sparse_along(matrix, x, axis))


@handles("gaussian_filter")
def gaussian_filter(input, sigma, order=0, output=None, mode="reflect", cval=0.0, truncate=4.0, *,
                    radius=None, axes=None):  # fmt: skip
    check_plain("gaussian_filter", output)
    own = nd.gaussian_filter(plain(input), plain(sigma), order, None, mode, cval, truncate,
                             radius=radius, axes=axes)  # fmt: skip
    x = floats(input)
    axes = _axes(axes, x.ndim)
    sigma = list(sigma) if np.ndim(plain(sigma)) else [sigma] * len(axes)
    options = (per_axis(o, len(axes)) for o in (order, mode, radius))
    for axis, s, o, m, r in zip(axes, sigma, *options, strict=True):
        if plain(s) > 1e-15:
            x = HANDLERS["scipy.ndimage.gaussian_filter1d"](x, s, axis, o, None, m, cval, truncate,
                                                            radius=r)  # fmt: skip
    return agreed(own, x, "scipy.ndimage.gaussian_filter", size(input))


def _uniform_along(unit, length, mode, origin):
    return nd.uniform_filter1d(unit, length, 0, None, mode, 0.0, origin)


@handles("uniform_filter1d")
def uniform_filter1d(input, size, axis=-1, output=None, mode="reflect", cval=0.0, origin=0):
    check_plain("uniform_filter1d", output)
    own = nd.uniform_filter1d(plain(input), size, axis, None, mode, cval, origin)
    x = floats(input)
    matrix = matrix_along(_uniform_along, x.shape[axis], size, mode, origin)
    return at_bottom(own, sparse_along(matrix, x, axis))


@handles("uniform_filter")
def uniform_filter(input, size=3, output=None, mode="reflect", cval=0.0, origin=0, *, axes=None):
    check_plain("uniform_filter", output)
    own = nd.uniform_filter(plain(input), size, None, mode, cval, origin, axes=axes)
    x = floats(input)
    axes = _axes(axes, x.ndim)
    options = (per_axis(o, len(axes)) for o in (size, mode, origin))
    for axis, n, m, o in zip(axes, *options, strict=True):
        if n > 1:
            matrix = matrix_along(_uniform_along, x.shape[axis], n, m, o)
            x = sparse_along(matrix, x, axis)
    return at_bottom(own, x)


# --- Differences ---------------------------------------------------------------------------------


def _correlated(x, weights, axis, mode, cval):
    return HANDLERS["scipy.ndimage.correlate1d"](x, np.asarray(weights, float), axis, None, mode,
                                                 cval)  # fmt: skip


def _edge_detector(name, smooth):
    original = getattr(nd, name)

    def handler(input, axis=-1, output=None, mode="reflect", cval=0.0):
        check_plain(name, output)
        own = original(plain(input), axis, None, mode, cval)
        x = floats(input)
        axis = axis % x.ndim
        modes = per_axis(mode, x.ndim)
        y = _correlated(x, [-1, 0, 1], axis, modes[axis], cval)
        for other in range(x.ndim):
            if other != axis:
                y = _correlated(y, smooth, other, modes[other], cval)
        return agreed(own, y, f"scipy.ndimage.{name}", size(x))

    handles(name)(handler)


_edge_detector("sobel", [1, 2, 1])
_edge_detector("prewitt", [1, 1, 1])


@handles("laplace")
def laplace(input, output=None, mode="reflect", cval=0.0, *, axes=None):
    check_plain("laplace", output)
    own = nd.laplace(plain(input), None, mode, cval, axes=axes)
    x = floats(input)
    axes = _axes(axes, x.ndim)
    modes = per_axis(mode, len(axes))
    y = sum(_correlated(x, [1, -2, 1], a, m, cval) for a, m in zip(axes, modes, strict=True))
    return agreed(own, y, "scipy.ndimage.laplace", size(x))


def _gaussian_derivatives(x, sigma, order, mode, cval, axes, options):
    """The Gaussian derivatives of this order, by each axis."""
    axes = _axes(axes, x.ndim)
    for i in range(len(axes)):
        orders = [order * (i == j) for j in range(len(axes))]
        yield HANDLERS["scipy.ndimage.gaussian_filter"](x, sigma, orders, None, mode, cval,
                                                        axes=tuple(axes), **options)  # fmt: skip


@handles("gaussian_laplace")
def gaussian_laplace(input, sigma, output=None, mode="reflect", cval=0.0, *, axes=None, **options):
    check_plain("gaussian_laplace", output)
    own = nd.gaussian_laplace(plain(input), plain(sigma), None, mode, cval, axes=axes, **options)
    x = floats(input)
    y = sum(_gaussian_derivatives(x, sigma, 2, mode, cval, axes, options))
    return agreed(own, y, "scipy.ndimage.gaussian_laplace", size(x))


@handles("gaussian_gradient_magnitude")
def gaussian_gradient_magnitude(input, sigma, output=None, mode="reflect", cval=0.0, *, axes=None,
                                **options):  # fmt: skip
    name = "gaussian_gradient_magnitude"
    check_plain(name, output)
    own = getattr(nd, name)(plain(input), plain(sigma), None, mode, cval, axes=axes, **options)
    x = floats(input)
    parts = list(_gaussian_derivatives(x, sigma, 1, mode, cval, axes, options))
    return agreed(own, np.linalg.norm(np.stack(parts), axis=0), f"scipy.ndimage.{name}", size(x))


# --- Of the whole image --------------------------------------------------------------------------


def _of_image(name, is_turned):
    original = getattr(nd, name)

    def handler(input, weights, output=None, mode="reflect", cval=0.0, origin=0, *, axes=None):
        check_plain(name, output, axes)
        own = original(plain(input), plain(weights), None, mode, cval, origin)
        x, w = floats(input), floats(weights)
        origins = per_axis(origin, x.ndim)
        if is_turned:
            origins = [-o - (n % 2 == 0) for o, n in zip(origins, w.shape, strict=True)]
            w = np.flip(w)
        index = windows.seen(x.shape, np.ones(w.shape, bool), origins, [mode] * x.ndim)
        if has_carrier(w):
            y = np.matmul(windows.with_constant(x, cval)[index], np.reshape(w, -1))
        else:
            matrix = windows.matrix_of(index, w.ravel(), x.size)
            y = sparse_along(matrix, np.reshape(x, -1), 0)
            y = y + own.ravel() - plain(y)
        return agreed(own, np.reshape(y, own.shape), f"scipy.ndimage.{name}", size(x))

    handles(name)(handler)


_of_image("correlate", False)
_of_image("convolve", True)
