"""Which elements of an image a filter sees around each, beyond its edges as `mode` says."""

import functools

import numpy as np
from scipy import sparse

from dualmc.errors import missing_case
from dualmc.unchanged.scipy.linear_maps import probed

PADS = {
    "reflect": "symmetric", "grid-mirror": "symmetric", "mirror": "reflect", "nearest": "edge",
    "wrap": "wrap", "grid-wrap": "wrap", "constant": "constant", "grid-constant": "constant",
}  # fmt: skip


def per_axis(value, ndim):
    """An option for each axis, as SciPy reads it: a number or a name for all, or a sequence."""
    if isinstance(value, str) or value is None or np.ndim(value) == 0:
        return [value] * ndim
    return list(value)


@functools.lru_cache(maxsize=64)
def _along(n, length, origin, mode):
    """The n x length indices that a filter of `length` sees along an axis; -1 is the constant."""
    before = length // 2 + origin
    index = np.pad(np.arange(1, n + 1), (max(before, 0), max(length - 1 - before, 0)), PADS[mode])
    start = max(-before, 0)
    return index[start + np.arange(n)[:, None] + np.arange(length)] - 1


def seen(shape, footprint, origins, modes):
    """Flat indices (size, k) of what is seen through the k true elements of `footprint`."""
    total = np.zeros((1,) * (2 * len(shape)), dtype=int)
    outside = np.zeros(total.shape, bool)
    stride = 1
    for axis in range(len(shape) - 1, -1, -1):
        index = _along(shape[axis], footprint.shape[axis], origins[axis], modes[axis])
        form = [1] * (2 * len(shape))
        form[axis], form[len(shape) + axis] = index.shape
        index = index.reshape(form)
        outside = outside | (index < 0)
        total = total + index * stride
        stride *= shape[axis]
    found = np.where(outside, -1, total).reshape(int(np.prod(shape)), footprint.size)
    return found[:, footprint.ravel()]


def with_constant(x, cval):
    """The elements of an image, flat, and `cval` as the last."""
    return np.concatenate([np.reshape(x, -1), np.full(1, cval, x.dtype)])


def matrix_of(index, weights, size):
    """The matrix that sums the elements at `index`, (n, k), by weights; constants left out."""
    inside = index >= 0
    rows = np.broadcast_to(np.arange(index.shape[0])[:, None], index.shape)[inside]
    entries = np.broadcast_to(weights, index.shape)[inside]
    return sparse.csr_array((entries, (rows, index[inside])), shape=(index.shape[0], size))


_matrices: dict = {}


def matrix_along(function, n, *options):
    """The matrix of a filter of scipy.ndimage along an axis of length n; remembered."""
    key = (function, n, *(o.tobytes() if issubclass(type(o), np.ndarray) else o for o in options))
    found = _matrices.get(key)
    if found is None:
        if len(_matrices) >= 32:
            _matrices.clear()
        found = _matrices[key] = probed(lambda unit: function(unit, *options), n)
    return found


def check_plain(name, output, axes=None):
    """Refuse the options that no rule here has."""
    if output is not None:
        raise missing_case(f"scipy.ndimage.{name}", "with output: use what it returns")
    if axes is not None:
        raise missing_case(f"scipy.ndimage.{name}", "with axes")
