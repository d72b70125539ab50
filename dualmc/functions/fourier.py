"""Fourier transforms: linear, so that the tangent is the transform of the tangent.

A transform of many directions at once is one call.  Where every result depends on few inputs (many
short transforms side by side) the tangent stays sparse in a product with the matrix of the
transform instead.
"""

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from dualmc.duals.operands import as_operand
from dualmc.functions.matrices.differentials import real
from dualmc.functions.results import applied, with_primal, written
from dualmc.rules.registry import handles
from dualmc.tangents import dense_tangent


def _fitted(a, length, axis):
    """`a` cropped or continued with zeros along a negative `axis`."""
    have = a.shape[axis]
    if have > length:
        return a[(..., slice(length), *(slice(None),) * (-axis - 1))]
    if have == length:
        return a
    shape = [length - have if i - a.ndim == axis else n for i, n in enumerate(a.shape)]
    return np.concatenate([a, np.zeros(shape, a.dtype)], axis=axis)


def _transformed(transform, transposed, a, axis, y, is_complex_linear):
    """The Dual for ``y = transform(a)`` along one negative axis; see `results.applied`."""
    t = a.own_tangent()
    length = a.shape[axis]
    if (
        is_complex_linear
        and t is not None
        and t.is_sparse
        and not dense_tangent.is_wide(t.coef.shape[0] * length, t.level.n)
    ):
        matrix = transform(np.eye(length, dtype=a.dtype), -1)
        found = np.moveaxis(np.matmul(np.moveaxis(a, axis, -1), matrix), -1, axis)
        return with_primal(y, found)
    return applied(lambda x: transform(x, axis), lambda bar: transposed(bar, axis), a, y)


def _complex_transform(transform):
    """`numpy.fft.fft` or `ifft`: the matrix is symmetric, so that the transpose is the same."""

    def handler(a, n=None, axis=-1, norm=None, out=None):
        a = as_operand(a)
        y = transform(a.primal, n, axis, norm)
        axis = normalize_axis_index(axis, a.ndim) - a.ndim
        size, length = y.shape[axis], a.shape[axis]

        def forward(x, axis):
            return transform(x, size, axis, norm)

        def transposed(bar, axis):
            return _fitted(transform(bar, size, axis, norm), length, axis)

        return written(out, _transformed(forward, transposed, a, axis, y, True))

    return handler


fft = handles("linear", np.fft.fft)(_complex_transform(np.fft.fft))
ifft = handles("linear", np.fft.ifft)(_complex_transform(np.fft.ifft))


@handles("linear", np.fft.rfft)
def rfft(a, n=None, axis=-1, norm=None, out=None):
    """The first half of the transform of a real array."""
    a = as_operand(a)
    y = np.fft.rfft(a.primal, n, axis, norm)
    size = a.shape[axis] if n is None else n
    axis = normalize_axis_index(axis, a.ndim) - a.ndim
    length = a.shape[axis]

    def forward(x, axis):
        return np.fft.rfft(x, size, axis, norm)

    def transposed(bar, axis):
        return _fitted(real(np.fft.fft(_fitted(bar, size, axis), size, axis, norm)), length, axis)

    return written(out, _transformed(forward, transposed, a, axis, y, True))


@handles("linear", np.fft.irfft)
def irfft(a, n=None, axis=-1, norm=None, out=None):
    """A real array from the first half of its transform, the other half being its conjugate."""
    a = as_operand(a)
    y = np.fft.irfft(a.primal, n, axis, norm)
    axis = normalize_axis_index(axis, a.ndim) - a.ndim
    size, length = y.shape[axis], a.shape[axis]
    weight = np.full(size // 2 + 1, 2.0)  # the halves that count for two; their conjugates
    weight[0] = 1.0
    if size % 2 == 0:
        weight[-1] = 1.0
    weight = weight.astype(y.dtype).reshape((-1,) + (1,) * (-axis - 1))

    def forward(x, axis):
        return np.fft.irfft(x, size, axis, norm)

    def transposed(bar, axis):
        half = _fitted(np.fft.ifft(real(bar), size, axis, norm), size // 2 + 1, axis)
        return _fitted(half * weight, length, axis)

    return written(out, _transformed(forward, transposed, a, axis, y, False))


_SWAPPED = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


@handles("linear", np.fft.hfft)
def hfft(a, n=None, axis=-1, norm=None, out=None):
    np.fft.hfft(np.zeros(2), norm=norm)  # NumPy's error for a norm that does not exist
    return written(out, np.fft.irfft(np.conj(as_operand(a)), n, axis, _SWAPPED[norm]))


@handles("linear", np.fft.ihfft)
def ihfft(a, n=None, axis=-1, norm=None, out=None):
    np.fft.ihfft(np.zeros(2), norm=norm)
    return written(out, np.conj(np.fft.rfft(as_operand(a), n, axis, _SWAPPED[norm])))


# --- Several axes: one after the other, as NumPy does ---------------------------------------------


def _sizes(a, s, axes, is_inverse_real=False):
    """One length and one axis per transform."""
    if axes is None:
        axes = range(-a.ndim if s is None else -len(s), 0)
    axes = list(axes)
    if s is None:
        sizes = [a.shape[axis] for axis in axes]
        if is_inverse_real:
            sizes[-1] = 2 * (a.shape[axes[-1]] - 1)
    else:
        sizes = [a.shape[axis] if n == -1 else n for n, axis in zip(s, axes, strict=True)]
    return sizes, axes


def _several(function, transform, first, order, default):
    """`function` as `first` along its last axis and `transform` along the others."""

    def handler(a, s=None, axes=default, norm=None, out=None):
        a = as_operand(a)
        _check(function, a, s, axes, norm)
        sizes, axes = _sizes(a, s, axes, first is np.fft.irfft)
        steps = [(transform, n, axis) for n, axis in zip(sizes, axes, strict=True)]
        if steps:
            steps[-1] = (first, *steps[-1][1:])
        for step, n, axis in steps[::order]:
            a = step(a, n, axis, norm)
        return written(out, a)

    return handler


def _check(function, a, s, axes, norm):
    """NumPy's own errors and warnings for what `s`, `axes` and `norm` cannot be."""
    if s is not None or norm not in (None, "ortho", "backward", "forward"):
        shape = [1] * a.ndim
        function(np.zeros(shape, a.dtype), s and [min(n, 2) for n in s], axes, norm)


for _function, _transform, _first, _order, _default in (
    (np.fft.fftn, np.fft.fft, np.fft.fft, -1, None),
    (np.fft.ifftn, np.fft.ifft, np.fft.ifft, -1, None),
    (np.fft.rfftn, np.fft.fft, np.fft.rfft, -1, None),
    (np.fft.irfftn, np.fft.ifft, np.fft.irfft, 1, None),
    (np.fft.fft2, np.fft.fft, np.fft.fft, -1, (-2, -1)),
    (np.fft.ifft2, np.fft.ifft, np.fft.ifft, -1, (-2, -1)),
    (np.fft.rfft2, np.fft.fft, np.fft.rfft, -1, (-2, -1)),
    (np.fft.irfft2, np.fft.ifft, np.fft.irfft, 1, (-2, -1)),
):
    handles("linear", _function)(_several(_function, _transform, _first, _order, _default))
