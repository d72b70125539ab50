"""Functions that choose among elements, replace or round them, and users' own ufuncs."""

import numba
import numpy as np
import pytest
from compiled_judge import agrees, close, in_single, second, second_expected

import dualmc as dm

pytestmark = pytest.mark.slow

X = np.array([0.7, -1.3, 2.1, 0.4])
W = np.arange(1.0, 5.0)


@numba.njit
def where(x):
    out = np.empty((8, 4))
    out[0] = np.where(x > 0.5, x, x * 2.0)
    out[1] = np.where(x > 0.5, x, 0.0)
    out[2] = np.where(x > 0.5, 1, x[0])
    out[3] = np.where(W > 2, x, W)
    out[4] = np.where(x[0] > 0, x, W) * np.where(x, 1.0, 2.0)
    out[5] = np.where(x.reshape(2, 2) > 0, x[:2], x.reshape(2, 2).T).ravel()
    out[6] = np.where(x[:1] > 0, x[1], x)
    out[7] = x[np.where(x > -5.0)[0]] + x[np.nonzero(x)[0]]
    return out


@numba.njit
def clip(x):
    out = np.empty((7, 4))
    out[0] = np.clip(x, -0.5, 0.6)
    out[1] = np.clip(x, x[3], None)
    out[2] = np.clip(x, None, x[0] * 1.5)
    out[3] = np.clip(x, W - 3.0, W - 1.0)
    out[4] = x.clip(-1.0, x[0])
    out[5] = np.clip(W, x[0], x[2])
    np.clip(x * 2.0, 0.0, 1.0, out[6])
    return out


@numba.njit
def replaced(x):
    out = np.empty((6, 4))
    out[0] = np.nan_to_num(x * x)
    out[1] = np.nan_to_num(np.array([np.nan, np.inf, 1.0, 2.0]) * x, nan=1.5, posinf=7.0)
    out[2] = np.round(x, 1) * x + np.around(x) + np.round(x[0], 1) * x
    out[3] = x.real + np.real(x) * np.conj(x) + np.imag(x) + x.imag + x[0].real
    out[4] = x.astype(np.float64) * x.astype("float64") + x.astype(x.dtype)
    out[5] = x.astype(np.int64) * x + x.astype(np.bool_) + np.isclose(x, x[0]) * x
    return out


def test_where_with_three_arguments_and_with_one():
    agrees(where, X)


def test_clip_by_numbers_arrays_and_duals():
    agrees(clip, X)


def test_at_a_bound_the_derivative_is_that_of_the_constant_bound():
    f = numba.njit(lambda x: np.clip(x, 0.7, 2.1))
    jac = agrees(f, X)
    np.testing.assert_array_equal(jac, np.zeros((4, 4)))


def test_bounds_that_are_nan_choose_as_numba_does():
    @numba.njit
    def f(x, low, high):
        return np.clip(x, low, high)

    for low, high in ((np.nan, 1.0), (-1.0, np.nan)):
        y, jac = dm.jit_jacobian(f, value=True, chunk_size=4)(X, low, high)
        np.testing.assert_array_equal(y, f(X, low, high))
        np.testing.assert_array_equal(jac, np.diag(1.0 * (y == X)))


def test_elements_that_are_nan_have_no_derivative():
    f = numba.njit(lambda x: np.clip(x, -0.5, 0.5))
    jac = agrees(f, np.array([0.2, np.nan, 0.7]))
    np.testing.assert_array_equal(np.diag(jac), [1.0, np.nan, 0.0])


def test_results_are_as_precise_as_those_of_f():
    @numba.njit
    def f(x):
        return np.clip(x, -0.5, 0.5) + np.round(x, 1) * x + np.sinc(x) + np.full(4, x[0])

    x = X.astype(np.float32)
    y, jac = in_single(f, x)
    assert f(x).dtype == y.dtype == jac.dtype == np.float32
    np.testing.assert_array_equal(y, f(x))
    close(jac, dm.jacobian_fwd(f.py_func, x.astype(float)), 2e-6)


def test_nan_and_infinity_are_replaced_and_numbers_rounded():
    agrees(replaced, X)


def test_astype_narrows():
    @numba.njit
    def f(x):
        return x.astype(np.float32) * x[0]

    y, jac = dm.jit_jacobian(f, value=True, chunk_size=4)(X)
    np.testing.assert_array_equal(y, f(X))
    narrow = X.astype(np.float32).astype(float)
    close(jac, X[0] * np.eye(4) + np.outer(narrow, np.eye(4)[0]), 2e-7)


@numba.vectorize
def softened(a):
    return np.log1p(np.exp(a)) if a < 1.0 else a * a


@numba.vectorize(["float64(float64, float64)"])
def mixed(a, b):
    return a * np.sin(b)


@numba.njit
def with_ufuncs(x):
    out = np.empty((4, 4))
    out[0] = softened(x) * softened(x[0])
    out[1] = mixed(x, x[::-1]) + mixed(2.0, x)
    out[2] = mixed(x[:2].reshape(2, 1), x[2:]).ravel()
    out[3] = mixed(W, 0.5) * x
    return out


def test_ufuncs_of_the_user():
    agrees(with_ufuncs, X)


def test_single_precision_and_second_derivatives():
    @numba.njit
    def f(x):
        return np.where(x > 0.0, x * x, 1.0) + np.clip(x * x[0], 0.0, 1.0) * softened(x)

    x = X.astype(np.float32)
    y, jac = in_single(f, x)
    np.testing.assert_allclose(y, f(x), rtol=3e-7)
    close(jac, dm.jacobian_fwd(f.py_func, X), 2e-6)
    close(second(f, X), second_expected(f, X))
