"""Convolutions and correlations of arrays: linear in each of two, the other being held.

All are parts of the full convolution c[n] = sum_m a[m] h[n - m], whose transpose in a is the valid
part of the convolution with h turned around.
"""

import inspect

import numpy as np
import scipy.signal

from dualmc.duals.dual import Dual
from dualmc.duals.operands import level_of
from dualmc.errors import missing_case
from dualmc.functions.matrices.differentials import held
from dualmc.functions.results import applied
from dualmc.unchanged.scipy.entering import entries, floats, plain
from dualmc.unchanged.scipy.linear_maps import agreed, size

HANDLERS: dict = {}
handles = entries("scipy.signal", HANDLERS)


def full(a, h, method):
    """The full convolution of arrays of the same number of axes, which may be Duals."""
    if type(a) is not Dual and type(h) is not Dual:
        return _plain_full(a, h, method)
    level = level_of(a, h)
    p, q = held(a, level), held(h, level)
    y = full(p, q, method)
    total = None
    for x, other in ((a, q), (h, p)):
        if type(x) is Dual and x.level is level:
            part = _by_one(x, other, y, method)
            total = part if total is None else total + (part - y)
    return total


def _by_one(x, h, y, method):
    """The Dual for ``y = full(x, h)`` by x alone; h may be a Dual of an outer level."""

    def behind(lead, h):
        return np.reshape(h, (1,) * lead + h.shape)

    def forward(t):
        return full(t, behind(t.ndim - x.ndim, h), method)

    def backward(bar):
        lead = bar.ndim - x.ndim
        return _valid(full(bar, behind(lead, np.flip(h)), method), h.shape, bar.shape[lead:])

    return applied(forward, backward, x, y)


def _plain_full(a, h, method):
    shape = tuple(n + m - 1 for n, m in zip(a.shape, h.shape, strict=True))
    if 0 in a.shape or 0 in h.shape:
        return np.zeros([max(n, 0) for n in shape], np.result_type(a, h))
    return scipy.signal.convolve(a, h, "full", method)


def _valid(c, h, bar):
    """Of a full convolution with h the part where h lies within an array of shape `bar`."""
    key = tuple(slice(m - 1, m - 1 + n - m + 1) for n, m in zip(bar, h, strict=True))
    return c[(..., *key)]


def part_of(c, first, second, mode, is_turned=False):
    """The part of a full convolution that `mode` asks for."""
    if mode == "full":
        return c
    if mode == "same":
        starts, sizes = [(m - 1 + is_turned) // 2 for m in second], first
    else:
        starts = [min(n, m) - 1 for n, m in zip(first, second, strict=True)]
        sizes = [abs(n - m) + 1 for n, m in zip(first, second, strict=True)]
    return c[tuple(slice(s, s + n) for s, n in zip(starts, sizes, strict=True))]


def _convolution(name, method):
    original = inspect.unwrap(getattr(scipy.signal, name))
    takes_axes = "axes" in inspect.signature(original).parameters

    def handler(in1, in2, mode="full", *rest, **options):
        own = original(plain(in1), plain(in2), mode, *rest, **options)
        how = options.get("method", rest[0] if rest and not takes_axes else method)
        axes = options.get("axes", rest[0] if rest and takes_axes else None)
        a, h = floats(in1), floats(in2)
        if axes is not None and len(np.atleast_1d(axes)) != a.ndim:
            raise missing_case(f"scipy.signal.{name}", "with axes")
        if a.ndim == 0:
            return a * h
        y = part_of(full(a, h, how), a.shape, h.shape, mode)
        return agreed(own, y, f"scipy.signal.{name}", size(a) * size(h))

    handles(name)(handler)


_convolution("convolve", "auto")
_convolution("fftconvolve", "fft")
_convolution("oaconvolve", "fft")


@handles("correlate")
def correlate(in1, in2, mode="full", method="auto"):
    own = scipy.signal.correlate(plain(in1), plain(in2), mode, method)
    a, h = floats(in1), floats(in2)
    h = np.conj(h) if h.dtype.kind == "c" else h
    if a.ndim == 0:
        return a * h
    y = part_of(full(a, np.flip(h), method), a.shape, h.shape, mode)
    return agreed(own, y, "scipy.signal.correlate", size(a) * size(h))


_PADS = {"fill": "constant", "wrap": "wrap", "symm": "symmetric"}


def _in_the_plane(name, turn):
    def handler(in1, in2, mode="full", boundary="fill", fillvalue=0):
        original = getattr(scipy.signal, name)
        own = original(plain(in1), plain(in2), mode, boundary, fillvalue)
        a, h = floats(in1), turn(floats(in2))
        first, second = a.shape, h.shape
        y = None
        if boundary != "fill" or fillvalue:
            if any(n < m for n, m in zip(first, second, strict=True)):
                raise missing_case(f"scipy.signal.{name}", "of a kernel larger than the array")
            width = [(n - 1, n - 1) for n in second]
            options = {"constant_values": fillvalue} if boundary == "fill" else {}
            a = np.pad(a, width, _PADS[boundary], **options)
            c = full(a, h, "direct")
            y = c[tuple(slice(m - 1, m - 1 + n + m - 1)
                        for n, m in zip(first, second, strict=True))]  # fmt: skip
        y = part_of(full(a, h, "direct") if y is None else y, first, second, mode,
                    name == "correlate2d")  # fmt: skip
        return agreed(own, y, f"scipy.signal.{name}", size(a) * size(h))

    handles(name)(handler)


_in_the_plane("convolve2d", lambda h: h)
_in_the_plane("correlate2d", lambda h: np.flip(np.conj(h) if h.dtype.kind == "c" else h))


@handles("sepfir2d")
def sepfir2d(input, hrow, hcol):
    raise missing_case("scipy.signal.sepfir2d", "yet: use scipy.ndimage.convolve1d")
