"""Sums, products, means and the like in compiled code."""

import numba
import numpy as np
import pytest
from compiled_judge import agrees, close, in_single, second, second_expected

import dualmc as dm

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)


@numba.njit
def summed(x):
    a = x.reshape(2, 3, 4)
    b = x.reshape(4, 6)
    numbers = np.array(
        [x.sum(), np.sum(a), np.sum(b.T), np.sum(b[:, ::2]), np.prod(x), b.T.prod(), x[3:5].sum(0)]
    )
    of_axes = (np.sum(b, 0), b.sum(axis=-1), np.sum(a, 0).ravel(), a.sum(axis=-2).ravel())
    running = (np.cumsum(b.T), x.cumsum(), np.cumsum(b, 0).ravel(), np.cumsum(a.T, -1).ravel())
    bins = np.bincount(np.array([0, 2, 2, 0]), x[:4], 4)
    return np.concatenate((numbers, *of_axes, *running, np.cumprod(b.T), bins))


@numba.njit
def described(x, w):
    a = x.reshape(3, 4)
    b = w[:12].reshape(3, 4)
    numbers = np.array(
        [
            np.mean(a.T), x.mean(), np.var(a), a.std(), np.average(x), np.average(x, weights=w),
            np.average(b, weights=a), np.trapezoid(x), np.trapezoid(x, dx=0.5),
            np.trapezoid(x, w), np.trapezoid(w, x),
        ]
    )  # fmt: skip
    return np.concatenate(
        (numbers, np.cov(a, b).ravel(), np.cov(a, rowvar=False).ravel(), np.cov(x).ravel())
        + (np.corrcoef(a).ravel(),)
    )


@numba.njit
def of_numbers(x):
    numbers = [np.nansum(x), np.nanprod(x), np.nanmean(x), np.nanvar(x, ddof=1), np.nanstd(x)]
    return np.concatenate((np.array(numbers), np.nancumsum(x), np.nancumprod(x)))


def test_sums_and_products_round_as_the_functions_own():
    agrees(summed, RNG.standard_normal(24))


def test_means_variances_covariances_and_integrals():
    agrees(described, RNG.standard_normal(12), RNG.standard_normal(12))


def test_what_leaves_nan_out():
    x = RNG.standard_normal(5)
    agrees(of_numbers, x)
    x[2] = np.nan
    agrees(of_numbers, x)


def test_products_are_exact_where_factors_are_zero():
    @numba.njit
    def f(x):
        return np.prod(x)

    jac = dm.jit_jacobian(f, chunk_size=4)
    assert jac(np.array([2.0, 0.0, 3.0, 5.0])).tolist() == [0.0, 30.0, 0.0, 0.0]
    assert jac(np.array([2.0, 0.0, 3.0, 0.0])).tolist() == [0.0, 0.0, 0.0, 0.0]
    assert jac(np.ones(0)).shape == (0,)


@numba.njit
def spread(x):
    return np.array([np.sum(x), np.mean(x), np.var(x), np.std(x)])


def test_a_sample_of_equal_numbers_is_at_the_minimum_of_its_deviation():
    jac = dm.jit_jacobian(spread, chunk_size=4)(np.full(2, 3.0))
    assert jac[1:].tolist() == [[0.5, 0.5], [0.0, 0.0], [0.0, 0.0]]


def test_single_precision_adds_as_numba_does():
    x = RNG.standard_normal(7).astype(np.float32)
    y, jac = in_single(spread, x)
    np.testing.assert_array_equal(y, spread(x))
    close(jac, dm.jacobian_fwd(spread.py_func, x.astype(float)), 1e-6)


def test_second_derivatives_of_a_deviation():
    @numba.njit
    def f(x):
        return np.std(x) + np.sum(np.cumprod(x))

    x = np.array([0.5, -1.2, 2.0])
    close(second(f, x), second_expected(f, x))


def test_an_axis_that_the_array_lacks():
    @numba.njit
    def f(x, axis):
        return np.sum(x.reshape(2, 2), axis)

    jac = dm.jit_jacobian(f, chunk_size=4)
    assert jac(np.ones(4), -1).shape == (2, 4)
    with pytest.raises(ValueError, match="axis"):
        jac(np.ones(4), 2)


def test_other_precisions_and_shapes_are_refused_when_compiled():
    @numba.njit
    def f(x):
        return np.sum(x, dtype=np.float32)

    with pytest.raises(Exception, match="sum of Duals of float64 takes no other dtype"):
        dm.jit_jacobian(f, chunk_size=2)(np.ones(2))
