"""Signals at other rates: `upfirdn`, `resample`, `resample_poly`, `decimate`."""

import math
import operator

import numpy as np
import scipy.signal

from dualmc.errors import missing_case
from dualmc.kernels.payload import values
from dualmc.unchanged.scipy.entering import entries, floats, plain
from dualmc.unchanged.scipy.linear_maps import agreed, size
from dualmc.unchanged.scipy.signal import filtering

HANDLERS: dict = {}
handles = entries("scipy.signal", HANDLERS)


@handles("upfirdn")
def upfirdn(h, x, up=1, down=1, axis=-1, mode="constant", cval=0):
    """Zeros between the values, an FIR filter, every `down`-th value."""
    own = scipy.signal.upfirdn(plain(h), plain(x), up, down, axis, mode, cval)
    if mode != "constant" or cval:
        raise missing_case("scipy.signal.upfirdn", "with a mode of its own or cval")
    h, x = floats(h), floats(x)
    y = _up_and_down(h, np.moveaxis(x, axis, -1), up, down, own.shape[axis])
    return agreed(own, np.moveaxis(y, -1, axis), "scipy.signal.upfirdn", size(x) * size(h))


def _up_and_down(h, x, up, down, n):
    shape = (*x.shape, up)
    spread = np.concatenate([x[..., None], np.zeros((*x.shape, up - 1))], axis=-1)
    spread = np.reshape(spread, (*shape[:-2], shape[-2] * up))
    length = (n - 1) * down + 1
    more = length - spread.shape[-1]
    if more > 0:
        spread = np.concatenate([spread, np.zeros((*x.shape[:-1], more))], axis=-1)
    return filtering.convolved(h, spread)[..., :length:down]


@handles("resample_poly")
def resample_poly(x, up, down, axis=0, window=("kaiser", 5.0), padtype="constant", cval=None):
    own = scipy.signal.resample_poly(plain(x), up, down, axis, plain(window), padtype, cval)
    name = "scipy.signal.resample_poly"
    if padtype != "constant" or cval:
        raise missing_case(name, "with such padtype or cval")
    x = floats(x)
    common = math.gcd(up, down)
    up, down = up // common, down // common
    if up == down == 1:
        return x
    if issubclass(type(window), (list, np.ndarray)) or not isinstance(window, (str, tuple)):
        h = floats(window)
        half = (h.shape[0] - 1) // 2
    else:
        most = max(up, down)
        half = 10 * most
        h = scipy.signal.firwin(2 * half + 1, 1 / most, window=window).astype(x.dtype)
    lead = down - half % down
    h = np.concatenate([np.zeros(lead), h * up])
    n_out = own.shape[axis]
    first = (half + lead) // down
    y = _up_and_down(h, np.moveaxis(x, axis, -1), up, down, n_out + first)
    return agreed(own, np.moveaxis(y[..., first:], -1, axis), name, size(x))


@handles("resample")
def resample(x, num, t=None, axis=0, window=None, domain="time"):
    """By the discrete Fourier transform: its lower frequencies, scaled (as SciPy does)."""
    own = scipy.signal.resample(plain(x), num, t, axis, plain(window), domain)
    name = "scipy.signal.resample"
    if domain != "time" or window is not None:
        raise missing_case(name, "with a window or in the domain of frequencies")
    x = np.moveaxis(floats(x), axis, -1)
    n, num = x.shape[-1], operator.index(num)
    kept = min(n, num)
    half = kept // 2 + 1
    if x.dtype.kind == "c":
        raise missing_case(name, "of complex signals")
    spectrum = np.fft.rfft(x)[..., :half]
    if kept % 2 == 0 and n != num:  # the frequency that stands for two, or for one of two
        spectrum = spectrum * np.where(np.arange(half) == kept // 2, 2.0 if num < n else 0.5, 1.0)
    y = np.fft.irfft(spectrum, num) * (num / n)
    y = agreed(own[0] if t is not None else own, np.moveaxis(y, -1, axis), name, size(x))
    return y if t is None else (y, own[1])


@handles("decimate")
def decimate(x, q, n=None, ftype="iir", axis=-1, zero_phase=True):
    own = scipy.signal.decimate(plain(x), q, n, ftype, axis, zero_phase)
    x, q = floats(x), operator.index(q)
    if not isinstance(ftype, str):
        raise missing_case("scipy.signal.decimate", "with a filter object")
    if ftype == "iir":
        sos = scipy.signal.cheby1(8 if n is None else n, 0.05, 0.8 / q, output="sos")
        run = "sosfiltfilt" if zero_phase else "sosfilt"
        y = filtering.HANDLERS[f"scipy.signal.{run}"](sos.astype(values(x).dtype), x, axis=axis)
        y = np.moveaxis(np.moveaxis(y, axis, -1)[..., ::q], -1, axis)
    else:
        h = scipy.signal.firwin((20 * q if n is None else n) + 1, 1.0 / q, window="hamming")
        if zero_phase:
            y = HANDLERS["scipy.signal.resample_poly"](x, 1, q, axis=axis, window=h)
        else:
            count = x.shape[axis] // q + bool(x.shape[axis] % q)
            y = HANDLERS["scipy.signal.upfirdn"](h, x, 1, q, axis)
            y = np.moveaxis(np.moveaxis(y, axis, -1)[..., :count], -1, axis)
    return agreed(own, y, "scipy.signal.decimate", size(x))
