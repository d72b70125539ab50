"""Extrema, sorting, quantiles and interpolation in compiled code."""

import numba
import numpy as np
import pytest
from compiled_judge import agrees, close, second

import dualmc as dm

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)


@numba.njit
def extreme(x):
    a = x.reshape(3, 4)
    return np.array(
        [np.max(x), x.max(), np.amin(a.T), a.min(), np.ptp(x), np.nanmax(x), np.nanmin(x)]
    )


@numba.njit
def in_order(x):
    a = x.reshape(3, 4)
    y = x.copy()
    y.sort()
    parts = np.partition(x, 3)
    return np.concatenate(
        (np.sort(x), np.sort(a).ravel(), y, np.unique(x), parts[3:4], np.array([parts[:3].sum()]))
    )


@numba.njit
def quantiles(x):
    numbers = [np.median(x), np.median(x[1:]), np.nanmedian(x), np.quantile(x, 0.3)]
    points = np.array([0.0, 25.0, 50.0, 77.0, 100.0])
    return np.concatenate((np.array(numbers), np.percentile(x, points)))


@numba.njit
def places(x):
    a = x.reshape(3, 4)
    y = np.sort(x)
    found = np.argmax(x) + x.argmin() + np.argmax(a, 1)[0] + np.argsort(x)[0] + a.nonzero()[0].size
    found += np.searchsorted(y, x[0]) + np.searchsorted(y, x, "right")[1] + np.digitize(x, y)[0]
    found += np.argsort(x, kind="mergesort")[2] + np.count_nonzero(x) + 1 * np.any(x) + 1 * x.all()
    found += 1 * np.allclose(x, y) + 1 * np.array_equal(x, x)
    return x[found % 12] * found


@numba.njit
def interpolated(x, p):
    xp, fp, z = x[:4], x[4:8], x[8:]
    k = np.arange(5.0)
    numbers = np.array([np.interp(x[8], k, p), np.interp(0.7, xp, fp)])
    at_duals = (np.interp(z, xp, fp), np.interp(z, k, p))
    return np.concatenate((*at_duals, np.interp(p, xp, fp), np.interp(p, k, x[:5]), numbers))


X = RNG.standard_normal(12)
TIED = X.copy()
TIED[3] = TIED[7] = TIED[2]
TIED[1] = TIED[5] = X.max()
TIED[0] = TIED[4] = X.min()


@pytest.mark.parametrize("f", [extreme, in_order, quantiles, places], ids=lambda f: f.__name__)
def test_equal_elements_share_or_keep_their_order_as_in_the_python_path(f):
    agrees(f, X)
    agrees(f, TIED)


def test_nan_is_the_extremum_or_is_left_out():
    x = TIED.copy()
    x[6] = np.nan
    agrees(extreme, x)


def test_quantiles_of_a_sample_with_nan_are_unknown():
    x = X.copy()
    x[6] = np.nan
    jac = dm.jit_jacobian(quantiles, chunk_size=4)(x)
    assert np.isnan(jac[[0, 3, 4, 6, 8]]).all()
    close(jac[2], dm.jacobian_fwd(np.nanmedian, x))


def test_extrema_of_nothing_raise_as_numba_does():
    @numba.njit
    def largest(x):
        return np.max(x)

    with pytest.raises(ValueError, match="zero-size array"):
        dm.jit_jacobian(largest, chunk_size=4)(np.ones(0))


def test_interpolation_in_points_knots_and_values_also_at_and_beyond_knots():
    x = RNG.standard_normal(14)
    x[:4] = np.arange(4) + 0.1 * x[:4]
    agrees(interpolated, x, RNG.standard_normal(5))
    x[8:12] = x[0], x[3], -1.0, 2.0
    agrees(interpolated, x, RNG.standard_normal(5))


def test_second_derivatives_are_unknown_where_the_order_was_chosen():
    @numba.njit
    def f(x):
        y = np.sort(x)
        return np.array([y[1] ** 2, np.max(x) ** 2, np.median(x) ** 2])

    h = second(f, np.array([3.0, 1.0, 2.0]))
    assert h[0].tolist() == h[2].tolist() == np.diag([0.0, 0.0, 2.0]).tolist()
    assert h[1].tolist() == np.diag([2.0, 0.0, 0.0]).tolist()
    h = second(f, np.array([2.0, 2.0, 1.0]))
    assert np.isnan(h[:2, :2, :2]).all()
