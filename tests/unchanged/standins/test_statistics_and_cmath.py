"""The modules statistics and cmath: their own values, and derivatives by closed forms."""

import cmath
import math
import statistics

import numpy as np
import pytest

import dualmc as dm

X = np.array([1.5, 2.5, 0.7, 4.0])
Y = np.array([1.0, 3.0, 2.0, 5.0])
N = X.size
MEAN = X.mean()
DX, DY = X - MEAN, Y - Y.mean()
SXX, SXY, SYY = DX @ DX, DX @ DY, DY @ DY
W = np.array([1.0, 2.0, 3.0, 4.0])
UNIT = np.eye(N)
SLOPE = SXY / SXX
D_SLOPE = (DY - 2 * SLOPE * DX) / SXX
MODES = [dm.jacobian_fwd, dm.jacobian_rev, lambda f, x: dm.jacobian_fwd(f, x, chunk_size=1),
         lambda f, x: dm.prepare(f, x * 1.1)(x)]  # fmt: skip

# By name: f and its gradient at X.
STATISTICS = {
    "mean": (statistics.mean, np.full(N, 1 / N)),
    "mean of a list": (lambda x: statistics.mean([v * v for v in x] + [1.0]), 2 * X / (N + 1)),
    "mean of a generator": (lambda x: statistics.mean(v * v for v in x), 2 * X / N),
    "fmean": (statistics.fmean, np.full(N, 1 / N)),
    "fmean weighted": (lambda x: statistics.fmean(x, weights=[1, 2, 3, 4]), W / 10),
    "fmean by weights": (
        lambda x: statistics.fmean([1.0, 2.0, 3.0, 4.0], weights=x),
        (W - W @ X / X.sum()) / X.sum()),
    "geometric_mean": (statistics.geometric_mean, np.exp(np.log(X).mean()) / (N * X)),
    "harmonic_mean": (
        statistics.harmonic_mean, (N / (1 / X).sum()) ** 2 / (N * X**2)),
    "harmonic_mean weighted": (
        lambda x: statistics.harmonic_mean(list(x), [1, 2, 3, 4]),
        (10 / (W / X).sum()) ** 2 * W / (10 * X**2)),
    "variance": (statistics.variance, 2 * DX / (N - 1)),
    "pvariance": (statistics.pvariance, 2 * DX / N),
    "variance about": (lambda x: statistics.variance(x, 2.0), 2 * (X - 2) / (N - 1)),
    "about x": (lambda x: statistics.pvariance([1.0, 2.0], mu=x[0]), 2 * UNIT[0] * (X[0] - 1.5)),
    "stdev": (statistics.stdev, DX / math.sqrt(SXX * (N - 1))),
    "pstdev": (lambda x: statistics.pstdev(list(x)), DX / math.sqrt(SXX * N)),
    "median": (statistics.median, (UNIT[0] + UNIT[1]) / 2),
    "median of three": (lambda x: statistics.median(x[:3]), UNIT[0]),
    "median_low": (statistics.median_low, UNIT[0]),
    "median_high": (lambda x: statistics.median_high(tuple(x)), UNIT[1]),
    "mode": (lambda x: statistics.mode([x[1], x[0] * 0 + 2, x[2] * 0 + 2, x[0]]), 0 * X),
    "mode is the first": (lambda x: statistics.mode(x), UNIT[0]),
    "multimode": (lambda x: statistics.multimode(x)[2], UNIT[2]),
    "quantiles": (lambda x: statistics.quantiles(x)[0], 0.75 * UNIT[2] + 0.25 * UNIT[0]),
    "quantiles inclusive": (
        lambda x: statistics.quantiles(x, n=2, method="inclusive")[0], (UNIT[0] + UNIT[1]) / 2),
    "covariance": (lambda x: statistics.covariance(x, Y), DY / (N - 1)),
    "covariance of lists": (
        lambda x: statistics.covariance(list(Y), list(x * x)), 2 * X * DY / (N - 1)),
    "correlation": (
        lambda x: statistics.correlation(x, list(Y)),
        (DY - SXY / SXX * DX) / math.sqrt(SXX * SYY)),
    "slope": (lambda x: statistics.linear_regression(x, Y).slope, D_SLOPE),
    "intercept": (
        lambda x: statistics.linear_regression(x, Y)[1], -SLOPE / N - MEAN * D_SLOPE),
    "proportional": (
        lambda x: statistics.linear_regression(Y, x, proportional=True).slope, Y / (Y @ Y)),
}  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", STATISTICS)
@pytest.mark.filterwarnings("ignore:prepare. f is not replayed:UserWarning")
def test_statistics(name, mode):
    f, gradient = STATISTICS[name]
    np.testing.assert_allclose(mode(f, X), gradient, rtol=3e-14, atol=1e-15)


@pytest.mark.parametrize("name", STATISTICS)
def test_the_values_of_statistics(name):
    f, _ = STATISTICS[name]
    assert dm.value_and_jacobian_fwd(f, X)[0] == f(X)


def test_second_derivatives_of_statistics():
    want = 2 / (N - 1) * (np.eye(N) - 1 / N)  # the variance is a quadratic form
    np.testing.assert_allclose(dm.hessian(statistics.variance, X), want, atol=1e-15)
    s = statistics.stdev(X)
    outer = np.outer(DX, DX) / (N - 1) ** 2 / s**3
    np.testing.assert_allclose(dm.hessian(statistics.stdev, X), want / (2 * s) - outer, atol=1e-15)


def test_errors_of_statistics_are_their_own():
    for f, problem in (
        (lambda x: statistics.stdev(x[:1]), "at least two data points"),
        (lambda x: statistics.mean(x[:0]), "at least one data point"),
        (lambda x: statistics.harmonic_mean(-x), "does not support negative"),
        (lambda x: statistics.correlation(x * 0 + 1, Y), "inputs is constant"),
        (lambda x: statistics.covariance(x, Y[:2]), "same number of data points"),
    ):
        with pytest.raises(statistics.StatisticsError, match=problem):
            dm.jacobian_fwd(f, X)
    with pytest.raises(dm.TangentLostError):
        dm.jacobian_fwd(lambda x: statistics.NormalDist.from_samples(x).mean * x, X)


def test_they_are_the_originals_of_plain_numbers():
    def f(x):
        assert statistics.mean([1, 2]) == 1.5 and statistics.median("abc") == "b"
        assert statistics.mode(["a", "b", "b"]) == "b" and cmath.sqrt(-1) == 1j
        assert statistics.linear_regression([1, 2], [3, 5]).slope == 2.0
        return x * cmath.phase(-1)

    np.testing.assert_array_equal(dm.jacobian_fwd(f, X), math.pi * np.eye(N))


# --- cmath ---------------------------------------------------------------------------------------

Z, STEP = 0.8 + 0.3j, 0.4 - 0.7j  # z = Z + t STEP
SLOPES = {
    "sqrt": lambda z: 0.5 / cmath.sqrt(z), "exp": cmath.exp, "log": lambda z: 1 / z,
    "log10": lambda z: 1 / (z * math.log(10)),
    "sin": cmath.cos, "cos": lambda z: -cmath.sin(z), "tan": lambda z: 1 / cmath.cos(z) ** 2,
    "sinh": cmath.cosh, "cosh": cmath.sinh, "tanh": lambda z: 1 / cmath.cosh(z) ** 2,
    "asin": lambda z: 1 / cmath.sqrt(1 - z * z), "acos": lambda z: -1 / cmath.sqrt(1 - z * z),
    "atan": lambda z: 1 / (1 + z * z), "asinh": lambda z: 1 / cmath.sqrt(1 + z * z),
    "acosh": lambda z: 1 / (cmath.sqrt(z - 1) * cmath.sqrt(z + 1)),
    "atanh": lambda z: 1 / (1 - z * z),
}  # fmt: skip


@pytest.mark.parametrize("name", SLOPES)
def test_functions_of_complex_numbers(name):
    function = getattr(cmath, name)

    def f(t):
        w = function(Z + t * STEP)
        return np.stack([w.real, w.imag])

    for go in (dm.jacobian_fwd, dm.jacobian_rev):
        slope = go(f, 0.0)
        assert abs(slope[0] + 1j * slope[1] - SLOPES[name](Z) * STEP) < 2e-15 * abs(SLOPES[name](Z))
    value = dm.value_and_jacobian_fwd(f, 0.0)[0]
    assert complex(*value) == function(Z)
    curve = dm.jacobian_fwd(lambda t: dm.jacobian_fwd(f, t), 0.0)
    h = 1e-5
    near = [SLOPES[name](Z + s * h * STEP) for s in (1, -1)]
    assert abs(curve[0] + 1j * curve[1] - (near[0] - near[1]) / (2 * h) * STEP) < 1e-8


def test_polar_coordinates():
    def f(x):
        r, phi = cmath.polar(x[0] + 1j * x[1])
        w = cmath.rect(r, 2 * phi)
        return np.stack([r, phi, w.real, w.imag, cmath.phase(1j * x[0])])

    x, y = 0.8, 0.3
    r = math.hypot(x, y)
    d_r, d_phi = np.array([x / r, y / r]), np.array([-y, x]) / r**2
    c, s = (x * x - y * y) / r**2, 2 * x * y / r**2
    want = [d_r, d_phi, c * d_r - 2 * r * s * d_phi, s * d_r + 2 * r * c * d_phi, [0.0, 0.0]]
    for go in (dm.jacobian_fwd, dm.jacobian_rev):
        np.testing.assert_allclose(go(f, [x, y]), want, rtol=1e-14, atol=1e-16)
    value, _ = dm.value_and_jacobian_fwd(f, [x, y])
    assert tuple(value[:2]) == cmath.polar(complex(x, y))
    h = dm.hessian(lambda v: cmath.rect(v[0], v[1]).imag, np.array([2.0, 0.5]))
    np.testing.assert_allclose(
        h, [[0.0, math.cos(0.5)], [math.cos(0.5), -2 * math.sin(0.5)]], atol=1e-16
    )


def test_what_is_asked_of_complex_numbers():
    f = lambda x: x[0] if cmath.isnan(x[1]) or cmath.isclose(x[0], x[1]) else x[2]  # noqa: E731
    np.testing.assert_array_equal(dm.jacobian_fwd(f, X), UNIT[2])
    slope = dm.derivative(lambda t: cmath.log(t, 3.0).real, 2.0)
    assert abs(float(slope) - 1 / (2 * math.log(3))) < 1e-16
