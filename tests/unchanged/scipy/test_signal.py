"""Rules of scipy.signal: by signals and coefficients, in every mode, against differences."""

import numpy as np
import pytest
import scipy.signal as sg
from kernel_judge import judge

import dualmc as dm

X = np.sin(np.arange(24.0) ** 1.3)
B, A = np.array([0.3, 0.2, -0.1]), np.array([1.2, -0.5, 0.2, 0.1])
SOS = sg.butter(4, 0.3, output="sos")
ALL = np.concatenate([B, A, X])


def sections(q):
    """Two sections of 10 numbers; a0 is 1."""
    return np.concatenate([q[:3], [1.0], q[3:8], [1.0], q[8:10]]).reshape(2, 6)


FREE = np.delete(SOS.ravel(), [3, 9])
CASES = {
    "lfilter": (lambda q: sg.lfilter(q[:3], q[3:7], q[7:]), ALL),
    "lfilter along the first axis": (lambda x: sg.lfilter(B, A, x.reshape(12, 2), axis=0), X),
    "lfilter without feedback": (lambda q: sg.lfilter(q[:3], [2.0], q[3:]), [*B, *X]),
    "lfilter from a state": (
        lambda q: np.concatenate(sg.lfilter(q[:3], q[3:7], q[7:-3], zi=q[-3:])), ALL,
    ),
    "lfilter of two values from a state": (
        lambda q: np.concatenate(sg.lfilter(q[:3], q[3:7], q[7:9], zi=q[9:])), ALL[:12],
    ),
    "lfilter_zi": (lambda q: sg.lfilter_zi(q[:3], q[3:]), [*B, *A]),
    "sosfilt": (lambda q: sg.sosfilt(sections(q), q[10:]), [*FREE, *X]),
    "sosfilt by the signal": (lambda x: sg.sosfilt(SOS, x.reshape(2, 12)), X),
    "filtfilt": (lambda q: sg.filtfilt(q[:3], q[3:7], q[7:]), ALL),
    "filtfilt, even": (lambda x: sg.filtfilt(B, A, x, padtype="even", padlen=5), X),
    "sosfiltfilt": (lambda x: sg.sosfiltfilt(SOS, x), X),
    "convolve": (lambda q: sg.convolve(q[:12], q[12:17], "same"), X[:17]),
    "convolve, kernel first": (lambda q: sg.convolve(q[12:17], q[:12], "valid"), X[:17]),
    "convolve, two axes": (lambda x: sg.convolve(x.reshape(4, 6), np.ones((2, 2))), X),
    "fftconvolve": (lambda q: sg.fftconvolve(q[:12], q[12:]), X[:17]),
    "correlate": (lambda q: sg.correlate(q[:12], q[12:17], "full"), X[:17]),
    **{
        f"convolve2d {edge}": (
            lambda q, edge=edge: sg.convolve2d(
                q[:12].reshape(3, 4), q[12:16].reshape(2, 2), "same", edge
            ),
            X[:16],
        )
        for edge in ("fill", "wrap", "symm")
    },
    "correlate2d": (
        lambda q: sg.correlate2d(q[:12].reshape(3, 4), q[12:16].reshape(2, 2), "same"), X[:16],
    ),
    "upfirdn": (lambda q: sg.upfirdn(q[12:], q[:12], 3, 2), X[:17]),
    **{
        f"resample to {n}": (lambda x, n=n: sg.resample(x, n), X) for n in (11, 12, 24, 32, 35)
    },
    "resample_poly": (lambda x: sg.resample_poly(x.reshape(12, 2), 3, 2), X),
    "decimate": (lambda x: sg.decimate(np.tile(x, 3), 2), X),
    "decimate by FIR": (lambda x: sg.decimate(x, 3, ftype="fir"), X),
    "hilbert": (lambda x: np.abs(sg.hilbert(x)), X),
    "freqz": (lambda q: np.abs(sg.freqz(q[:3], q[3:], worN=5)[1]), [*B, *A]),
    "welch": (lambda x: sg.welch(x, fs=10.0, nperseg=8)[1], X),
    "periodogram": (lambda x: sg.periodogram(x.reshape(2, 12), scaling="spectrum")[1], X),
    "csd": (lambda x: np.abs(sg.csd(x[:12], x[12:], nperseg=6)[1]), X),
    "savgol": (lambda x: sg.savgol_filter(x, 5, 2, deriv=1, delta=0.1), X),
    "savgol mirrored": (
        lambda x: sg.savgol_filter(x.reshape(12, 2), 5, 2, axis=0, mode="mirror"), X,
    ),
    "detrend": (lambda x: sg.detrend(x, bp=[7, 12]), X),
}  # fmt: skip
SECOND = frozenset("lfilter filtfilt convolve upfirdn freqz welch".split())


@pytest.mark.parametrize("name", CASES)
def test_signal(name):
    f, x = CASES[name]
    judge(f, x, rtol=1e-7, second=name in SECOND)


def test_long_filter_is_exact():
    """The impulse response of a one-pole filter is a power of the pole: J is a Toeplitz matrix."""
    n, pole = 40, 0.9
    J = dm.jacobian_rev(lambda x: sg.lfilter([1.0], [1.0, -pole], x), np.ones(n))
    lag = np.arange(n)[:, None] - np.arange(n)
    np.testing.assert_allclose(J, np.where(lag >= 0, pole ** np.maximum(lag, 0), 0), rtol=1e-13)


def test_float32_is_kept():
    x = np.ones(5, np.float32)
    J = dm.jacobian_fwd(lambda x: sg.lfilter(np.float32([1, 2]), np.float32([1.0]), x), x)
    assert J.dtype == np.float32


@pytest.mark.parametrize(
    "f",
    [
        lambda x: sg.filtfilt(B, A, x, method="gust"),
        lambda x: sg.resample(x, 10, window="hann"),
        lambda x: sg.lfiltic(B, A, x),
    ],
)
def test_refused(f):
    with pytest.raises(dm.MissingRuleError, match="differentiates scipy.signal"):
        dm.jacobian_fwd(f, X)
