"""The smallest, the largest, the median, ... of what is seen around each element."""

import numpy as np
import scipy.ndimage as nd

from dualmc.errors import missing_case
from dualmc.unchanged.scipy.entering import entries, floats, plain
from dualmc.unchanged.scipy.linear_maps import agreed
from dualmc.unchanged.scipy.ndimage import windows
from dualmc.unchanged.scipy.ndimage.windows import check_plain, per_axis

HANDLERS: dict = {}
handles = entries("scipy.ndimage", HANDLERS)


def _seen(x, size, footprint, mode, cval, origin):
    """The elements seen around each of x: (*x.shape, k)."""
    if footprint is None:
        footprint = np.ones([int(n) for n in per_axis(size, x.ndim)], bool)
    footprint = np.asarray(footprint, bool)
    index = windows.seen(x.shape, footprint, per_axis(origin, x.ndim), per_axis(mode, x.ndim))
    found = windows.with_constant(x, cval)[index]
    return np.reshape(found, (*x.shape, index.shape[1]))


def _extreme(name, reduce):
    def handler(input, size=None, footprint=None, output=None, mode="reflect", cval=0.0, origin=0,
                *, axes=None):  # fmt: skip
        check_plain(name, output, axes)
        own = getattr(nd, name)(plain(input), size, footprint, None, mode, cval, origin)
        x = floats(input)
        y = reduce(_seen(x, size, footprint, mode, cval, origin), axis=-1)
        return agreed(own, y, f"scipy.ndimage.{name}")

    handles(name)(handler)


def _extreme_along(name, reduce):
    def handler(input, size, axis=-1, output=None, mode="reflect", cval=0.0, origin=0):
        check_plain(name, output)
        own = getattr(nd, name)(plain(input), size, axis, None, mode, cval, origin)
        x = floats(input)
        sizes, origins = [1] * x.ndim, [0] * x.ndim
        sizes[axis], origins[axis] = size, origin
        y = reduce(_seen(x, sizes, None, mode, cval, origins), axis=-1)
        return agreed(own, y, f"scipy.ndimage.{name}")

    handles(name)(handler)


for _kind, _reduce in (("minimum", np.min), ("maximum", np.max)):
    _extreme(f"{_kind}_filter", _reduce)
    _extreme_along(f"{_kind}_filter1d", _reduce)


def _ranked(x, rank, *options):
    return np.sort(_seen(x, *options), axis=-1)[..., rank]


@handles("rank_filter")
def rank_filter(input, rank, size=None, footprint=None, output=None, mode="reflect", cval=0.0,
                origin=0, *, axes=None):  # fmt: skip
    check_plain("rank_filter", output, axes)
    own = nd.rank_filter(plain(input), rank, size, footprint, None, mode, cval, origin)
    y = _ranked(floats(input), rank, size, footprint, mode, cval, origin)
    return agreed(own, y, "scipy.ndimage.rank_filter")


@handles("median_filter")
def median_filter(input, size=None, footprint=None, output=None, mode="reflect", cval=0.0,
                  origin=0, *, axes=None):  # fmt: skip
    check_plain("median_filter", output, axes)
    own = nd.median_filter(plain(input), size, footprint, None, mode, cval, origin)
    x = floats(input)
    found = np.sort(_seen(x, size, footprint, mode, cval, origin), axis=-1)
    return agreed(own, found[..., found.shape[-1] // 2], "scipy.ndimage.median_filter")


@handles("percentile_filter")
def percentile_filter(input, percentile, size=None, footprint=None, output=None, mode="reflect",
                      cval=0.0, origin=0, *, axes=None):  # fmt: skip
    check_plain("percentile_filter", output, axes)
    own = nd.percentile_filter(plain(input), percentile, size, footprint, None, mode, cval, origin)
    found = np.sort(_seen(floats(input), size, footprint, mode, cval, origin), axis=-1)
    count = found.shape[-1]
    share = percentile + 100.0 if percentile < 0 else percentile
    rank = count - 1 if share == 100.0 else int(float(count) * share / 100.0)
    return agreed(own, found[..., rank], "scipy.ndimage.percentile_filter")


def _refuse(name):
    def handler(*args, **kwargs):
        raise missing_case(f"scipy.ndimage.{name}", "yet")

    handles(name)(handler)


for _name in """
    generic_filter generic_filter1d generic_laplace generic_gradient_magnitude vectorized_filter
    grey_erosion grey_dilation grey_opening grey_closing morphological_gradient
    morphological_laplace white_tophat black_tophat geometric_transform
    fourier_gaussian fourier_uniform fourier_ellipsoid fourier_shift
""".split():
    _refuse(_name)
