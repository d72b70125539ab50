"""Products of vectors and matrices in compiled code."""

import numba
import numpy as np
import pytest
from compiled_judge import agrees, close, in_single, second, second_expected

import dualmc as dm

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)


@numba.njit
def of_duals(x):
    a = x[:9].reshape(3, 3)
    v = x[9:]
    numbers = np.array([v @ v, np.dot(v, v), np.vdot(v, v), v.dot(v)])
    return np.concatenate(
        ((a @ a).ravel(), np.dot(a.T, a).ravel(), a @ v, v @ a, a.dot(v), numbers)
    )


@numba.njit
def with_numbers(x, b, c, d):
    a = x.reshape(2, 3)
    products = ((a @ b).ravel(), (c @ a).ravel(), np.dot(b, a).ravel(), a @ d, c[1] @ a)
    return np.concatenate((*products, np.array([a[0] @ d, np.vdot(d, a[1])])))


def test_products_of_duals_are_those_of_the_body_and_their_values_blas_own():
    agrees(of_duals, RNG.standard_normal(12))


def test_products_with_plain_arrays_of_either_order():
    x = RNG.standard_normal(6)
    b, c = RNG.standard_normal((3, 2)), RNG.standard_normal((4, 2))
    agrees(with_numbers, x, b, c, b[:, 0].copy())
    agrees(with_numbers, x, np.asfortranarray(b), c, b[:, 1].copy())


def test_products_of_many_columns_also_of_infinities():
    @numba.njit
    def f(x):
        a = x.reshape(2, 5)
        out = np.empty((5, 5))
        np.dot(a.T, a, out)
        return out.ravel()

    x = RNG.standard_normal(10)
    agrees(f, x)
    x[3] = np.inf
    agrees(f, x)


def test_products_of_single_precision_stay_in_it():
    x = RNG.standard_normal(12).astype(np.float32)
    y, jac = in_single(of_duals, x)
    assert y.dtype == jac.dtype == np.float32
    np.testing.assert_array_equal(y, of_duals(x))
    close(jac, dm.jacobian_fwd(of_duals.py_func, x.astype(float)), 2e-6)


def test_second_derivatives_of_products():
    @numba.njit
    def f(x):
        a = x.reshape(2, 2)
        return (a @ a) @ a[0]

    x = RNG.standard_normal(4)
    close(second(f, x), second_expected(f, x))


def test_products_of_nothing_and_of_shapes_that_do_not_agree():
    @numba.njit
    def f(x):
        nothing = x[:0]
        return nothing @ nothing + (nothing.reshape(1, 0) @ nothing.reshape(0, 1))[0, 0] + x[0]

    agrees(f, np.array([3.0]))

    @numba.njit
    def g(x):
        return x @ x[1:]

    jac = dm.jit_jacobian(g, chunk_size=2)
    with pytest.raises(ValueError, match="incompatible array sizes"):
        jac(np.ones(3))


@numba.njit
def bilinear(x, c):
    a, b, r = x.reshape(3, 4), c.reshape(3, 2), x[:6].reshape(2, 3)
    v = x[:3]
    outer = (np.outer(v, c).ravel(), np.outer(c, a).ravel())
    kron = (np.kron(r, b).ravel(), np.kron(v, c), np.kron(b, r).ravel())
    traces = np.array([np.trace(a), np.trace(a, 1), np.trace(a, -1)])
    cross = (np.cross(v, x[4:7]), np.cross(x[3:5], v), np.cross(r, c[:3]).ravel())
    return np.concatenate((*outer, *kron, traces, *cross))


@numba.njit
def convolved(x, c):
    v, w = x[:3], x[3:5]
    found = (np.convolve(v, c), np.convolve(c, v, "same"), np.convolve(w, c[:3], "same"))
    more = (np.convolve(v, c, "valid"), np.correlate(c, v), np.correlate(v, c, "same"))
    last = (np.correlate(w, c, "full"), np.correlate(w, c, "same"), np.correlate(c, w, "same"))
    short = (np.correlate(v[:1], c, "same"), np.correlate(w, c[:3], "same"))
    return np.concatenate(found + more + last + short)


@pytest.mark.parametrize("f", [bilinear, convolved], ids=lambda f: f.__name__)
def test_outer_cross_and_kronecker_products_traces_and_convolutions(f):
    agrees(f, RNG.standard_normal(12), RNG.standard_normal(6))


def test_cross_products_in_the_plane():
    cross2d = pytest.importorskip("numba.np.extensions").cross2d

    @numba.njit
    def f(x):
        return cross2d(x[:2], x[2:])

    y, jac = dm.jit_jacobian(f, value=True, chunk_size=4)(np.array([1.0, 2.0, 3.0, 5.0]))
    assert y == -1.0
    assert jac.tolist() == [5.0, -3.0, -2.0, 1.0]
