"""Spectra of signals and the responses of filters to frequencies."""

import inspect

import numpy as np
import scipy.signal

from dualmc.errors import missing_case
from dualmc.functions.matrices.differentials import quiet
from dualmc.kernels.payload import values
from dualmc.unchanged.scipy.entering import entries, floats, has_carrier, plain
from dualmc.unchanged.scipy.linear_maps import agreed, size
from dualmc.unchanged.scipy.signal.smoothing import without_trend

HANDLERS: dict = {}
handles = entries("scipy.signal", HANDLERS)


@handles("hilbert")
def hilbert(x, N=None, axis=-1):
    own = scipy.signal.hilbert(plain(x), N, axis)
    x = np.moveaxis(floats(x), axis, -1)
    n = x.shape[-1] if N is None else N
    weight = np.zeros(n)
    weight[0] = 1.0
    weight[1 : (n + 1) // 2] = 2.0
    if n % 2 == 0:
        weight[n // 2] = 1.0
    y = np.moveaxis(np.fft.ifft(np.fft.fft(x, n) * weight), -1, axis)
    return agreed(own, y, "scipy.signal.hilbert", size(x))


# --- Responses -----------------------------------------------------------------------------------


def _powers(c, z):
    """``sum_k c_k z**k``."""
    total = 0.0
    for k in range(c.shape[0] - 1, -1, -1):
        total = total * z + c[k]
    return total


def _response(name, formula):
    """A function of coefficients and frequencies that returns both the latter and the response."""

    def handler(*args, **kwargs):
        original = getattr(scipy.signal, name)
        w, own = original(*map(plain, args), **{key: plain(a) for key, a in kwargs.items()})
        if any(has_carrier(kwargs.get(key)) for key in ("worN", "fs")):
            raise missing_case(f"scipy.signal.{name}", "by the frequencies")
        scale = 2 * np.pi / plain(kwargs.get("fs", 2 * np.pi))
        y = formula(*args, w=w * scale)
        return w, agreed(own, y, f"scipy.signal.{name}")

    handles(name)(handler)


def _of_coefficients(b, a=1, *rest, w):
    if any(has_carrier(r) for r in rest):
        raise missing_case("scipy.signal.freqz", "by the frequencies")
    z = np.exp(-1j * w)
    b, a = np.atleast_1d(floats(b)), np.atleast_1d(floats(a))
    if b.ndim > 1 or a.ndim > 1:
        raise missing_case("scipy.signal.freqz", "of several filters at once")
    return _powers(b, z) / _powers(a, z)


def _of_sections(sos, *rest, w):
    total = 1.0
    for section in floats(sos):
        total = total * _of_coefficients(section[:3], section[3:], *rest, w=w)
    return total


def _of_differential(b, a, *rest, w):
    if any(has_carrier(r) for r in rest):
        raise missing_case("scipy.signal.freqs", "by the frequencies")
    b, a = np.atleast_1d(floats(b)), np.atleast_1d(floats(a))
    return _powers(b[::-1], 1j * w) / _powers(a[::-1], 1j * w)


_response("freqz", _of_coefficients)
_response("sosfreqz", _of_sections)
_response("freqz_sos", _of_sections)
_response("freqs", _of_differential)


# --- Powers by averaged periodograms -------------------------------------------------------------


def _spectral(x, y, fs, window, nperseg, noverlap, nfft, detrend, onesided, scaling, average, name):
    """The averaged products ``conj(X) Y`` of the spectra of windowed segments (Welch)."""
    if average != "mean":
        raise missing_case(name, f"with average={average!r}")
    n = nperseg
    if isinstance(window, (str, tuple)):
        weight = scipy.signal.get_window(window, n)
    else:
        weight = np.asarray(window)
        n = weight.size
    overlap = n // 2 if noverlap is None else noverlap
    nfft = n if nfft is None else nfft
    step = n - overlap
    starts = np.arange(0, x.shape[-1] - n + 1, step)
    index = starts[:, None] + np.arange(n)
    scale = {"density": 1.0 / (fs * np.sum(weight**2)), "spectrum": 1.0 / np.sum(weight) ** 2}
    one = onesided and not any(values(a).dtype.kind == "c" for a in (x, y))

    def spectrum(a):
        parts = a[..., index]
        if detrend:
            parts = without_trend(parts, detrend, -1)
        return (np.fft.rfft if one else np.fft.fft)(parts * weight, nfft)

    first = spectrum(x)
    second = first if y is x else spectrum(y)
    if y is x:
        power = np.real(first) ** 2 + np.imag(first) ** 2
    else:
        power = np.conj(first) * second
    power = power * scale[scaling]
    if one:
        double = np.full(power.shape[-1], 2.0)
        double[0] = 1.0
        if nfft % 2 == 0:
            double[-1] = 1.0
        power = power * double
    return np.mean(power, axis=-2)


def _defaults(name):
    parameters = inspect.signature(inspect.unwrap(getattr(scipy.signal, name))).parameters
    return {key: parameter.default for key, parameter in parameters.items()}


def _estimator(name, of_two):
    original = getattr(scipy.signal, name)
    defaults = _defaults(name)
    order = list(defaults)

    @quiet
    def handler(*args, **kwargs):
        options = {**defaults, **dict(zip(order, args, strict=False)), **kwargs}
        own = original(*map(plain, args), **{key: plain(a) for key, a in kwargs.items()})
        axis = options["axis"]
        x = np.moveaxis(floats(options["x"]), axis, -1)
        y = np.moveaxis(floats(options["y"]), axis, -1) if of_two else x
        dotted = f"scipy.signal.{name}"
        if x.shape != y.shape or has_carrier(options["fs"]):
            raise missing_case(dotted, "by fs, or of signals of different shapes")
        n = x.shape[-1]
        whole = name == "periodogram"
        length = n if whole else min(options["nperseg"] or 256, n)
        window = options["window"]
        found = _spectral(
            x, y, options["fs"], "boxcar" if window is None else window, length,
            0 if whole else options["noverlap"], options["nfft"], options["detrend"],
            options["return_onesided"], options["scaling"], options.get("average", "mean"), dotted,
        )  # fmt: skip
        return own[0], agreed(own[1], np.moveaxis(found, -1, axis), dotted, size(own[1]))

    handles(name)(handler)


_estimator("welch", False)
_estimator("periodogram", False)
_estimator("csd", True)


@handles("coherence")
def coherence(x, y, fs=1.0, window="hann_periodic", nperseg=None, noverlap=None, nfft=None,
              detrend="constant", axis=-1):  # fmt: skip
    f, own = scipy.signal.coherence(plain(x), plain(y), fs, window, nperseg, noverlap, nfft,
                                    detrend, axis)  # fmt: skip
    options = {"fs": fs, "window": window, "nperseg": nperseg, "noverlap": noverlap, "nfft": nfft,
               "detrend": detrend, "axis": axis}  # fmt: skip
    xx, yy = (floats(HANDLERS["scipy.signal.welch"](a, **options)[1]) for a in (x, y))
    xy = HANDLERS["scipy.signal.csd"](x, y, **options)[1]
    found = (np.real(xy) ** 2 + np.imag(xy) ** 2) / xx / yy
    return f, agreed(own, found, "scipy.signal.coherence")
