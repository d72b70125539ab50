"""Hessians of compiled functions, by Duals of Duals: against closed forms and mpmath."""

import mpmath
import numba
import numpy as np
import pytest
from scipy.optimize import rosen_der, rosen_hess

import dualmc as dm

pytestmark = pytest.mark.slow


@numba.njit
def rosenbrock(x):
    total = 0.0
    for i in range(x.size - 1):
        total += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return total


@pytest.mark.parametrize("n", [2, 3, 9, 33])
def test_rosenbrock(n):
    x = np.linspace(-1.2, 1.4, n)
    H = dm.hessian(rosenbrock, x)
    np.testing.assert_allclose(H, rosen_hess(x), rtol=1e-13, atol=1e-12)
    np.testing.assert_array_equal(H, H.T)
    np.testing.assert_allclose(dm.hessian(rosenbrock, x, chunk_size=2), H, rtol=1e-14, atol=1e-12)
    np.testing.assert_allclose(dm.jacobian_fwd(rosenbrock, x), rosen_der(x), rtol=1e-13, atol=1e-12)


@numba.njit
def many(x):
    a, b, c = x[0], x[1], x[2]
    return (
        np.sin(a) * np.exp(b) + np.log(c) ** 2 + np.sqrt(b * c) / (1.0 + a**2) + a**2.5 * c**b
        + np.arctan2(a, b) + np.hypot(b, c) + np.tanh(a * c) + abs(a - 5.0) * max(b, -1.0)
    )  # fmt: skip


def exact_many(a, b, c):
    m = mpmath
    return (
        m.sin(a) * m.exp(b) + m.log(c) ** 2 + m.sqrt(b * c) / (1 + a**2) + a ** m.mpf("2.5") * c**b
        + m.atan2(a, b) + m.hypot(b, c) + m.tanh(a * c) + (5 - a) * b
    )  # fmt: skip


def test_elementary_functions():
    x = np.array([0.7, 1.3, 2.1])
    H = dm.hessian(many, x)
    with mpmath.workdps(40):
        for i in range(3):
            for j in range(3):
                orders = [0, 0, 0]
                orders[i] += 1
                orders[j] += 1
                exact = mpmath.diff(exact_many, tuple(map(mpmath.mpf, x)), tuple(orders))
                assert abs(H[i, j] - float(exact)) <= 1e-13 * max(1, abs(float(exact)))


def test_several_arguments():
    @numba.njit
    def f(a, b):
        return a[0] * a[1] * b + b**3 + a[0] ** 2

    H = dm.hessian(f, np.array([2.0, 3.0]), 1.5, argnums=(0, 1))
    np.testing.assert_allclose(H[0][0], [[2.0, 1.5], [1.5, 0.0]])
    np.testing.assert_allclose(H[0][1], [3.0, 2.0])
    np.testing.assert_allclose(H[1][0], [3.0, 2.0])
    np.testing.assert_allclose(H[1][1], 9.0)
    assert np.shape(dm.hessian(f, np.array([2.0, 3.0]), 1.5, argnums=1)) == ()


def test_at_kinks_the_general_path_answers():
    @numba.njit
    def f(x):
        return abs(x[0]) * x[1] + max(x[1], 0.0) ** 2

    for x in (np.array([0.0, 3.0]), np.array([0.0, 0.0]), np.array([1.0, 2.0])):
        np.testing.assert_array_equal(dm.hessian(f, x), dm.hessian(f.py_func, x))

    @numba.njit
    def square(x):
        return abs(x[0]) ** 2

    assert dm.hessian(square, np.zeros(1)) == dm.hessian(square.py_func, np.zeros(1))


def test_third_derivatives():
    """Of exp(a b): the tensor of a Hessian's Jacobian."""

    @numba.njit
    def f(x):
        return np.exp(x[0] * x[1])

    a, b = x = np.array([0.3, 0.8])
    T = dm.jit_jacobian(dm.jit_jacobian(dm.jit_jacobian(f, chunk_size=2), chunk_size=2))(x)
    e = np.exp(a * b)
    aab, abb = e * (2 * b + a * b * b), e * (2 * a + a * a * b)
    expected = [[[b**3 * e, aab], [aab, abb]], [[aab, abb], [abb, a**3 * e]]]
    np.testing.assert_allclose(T, expected, rtol=1e-14)


def test_perturbations_are_not_confused():
    """``d/dx [x d/dy (x y)]`` is 2 x."""

    @numba.njit
    def inner(y, x):
        return x[0] * y[0]

    slope = dm.jit_jacobian(inner, chunk_size=1)

    @numba.njit
    def outer(x):
        return x[0] * slope(np.ones(1), x)[0]

    np.testing.assert_allclose(dm.jacobian_fwd(outer, np.array([1.5])), [3.0])


def test_errors():
    with pytest.raises(ValueError, match="scalar"):
        dm.hessian(numba.njit(lambda x: (x[0], x[1])), np.ones(2))


# --- Structure -----------------------------------------------------------------------------------


@numba.njit
def branched(x):
    """Couples other neighbours where x[0] is large."""
    total = 0.0
    gap = 3 if x[0] > 2.0 else 1
    for i in range(x.size - gap):
        total += x[i] ** 2 * x[i + gap] + np.cos(x[i])
    return total


@numba.njit
def weighted(x, c):
    """Couples neighbours only where c is not 0."""
    total = 0.0
    for i in range(x.size - 1):
        total += c * x[i] * x[i + 1] + x[i] ** 3
    return total


@numba.njit
def with_kinks(x):
    total = 0.0
    for i in range(x.size - 1):
        total += abs(x[i]) + x[i] * x[i + 1]
    return total


def exact_branched(x):
    n, gap = x.size, 3 if x[0] > 2.0 else 1
    H = np.zeros((n, n))
    for i in range(n - gap):
        H[i, i] += 2 * x[i + gap] - np.cos(x[i])
        H[i, i + gap] += 2 * x[i]
        H[i + gap, i] += 2 * x[i]
    return H


def test_structure_of_rosenbrock():
    x = np.linspace(-1.2, 1.4, 50)
    S = dm.hessian(rosenbrock, x, sparse=True)
    assert S.nnz == 3 * 50 - 2
    np.testing.assert_allclose(S.toarray(), rosen_hess(x), rtol=1e-13, atol=1e-12)
    np.testing.assert_allclose(dm.hessian(rosenbrock, x), rosen_hess(x), rtol=1e-13, atol=1e-12)
    assert dm.hessian(rosenbrock, x, sparse="csc").format == "csc"


def test_structure_that_depends_on_values():
    x = np.linspace(0.5, 1.5, 40)
    z = x.copy()
    z[0] = 5.0
    for point in (x, z, x, z):
        np.testing.assert_allclose(
            dm.hessian(branched, point), exact_branched(point), rtol=1e-14, atol=1e-14
        )


def test_structure_is_not_that_of_a_constant_that_was_zero():
    x = np.linspace(0.5, 1.5, 40)
    for c in (0.0, 2.5, 0.0, -1.0):
        off = np.full(39, c)
        exact = np.diag(np.append(6 * x[:-1], 0.0)) + np.diag(off, 1) + np.diag(off, -1)
        np.testing.assert_allclose(dm.hessian(weighted, x, c), exact, rtol=1e-14, atol=1e-14)
        S = dm.hessian(weighted, x, c, sparse=True)
        np.testing.assert_allclose(S.toarray(), exact, rtol=1e-14, atol=1e-14)


def test_kinks_met_after_the_structure_was_found():
    x = np.linspace(0.5, 1.5, 40)
    exact = np.diag(np.ones(39), 1) + np.diag(np.ones(39), -1)
    np.testing.assert_array_equal(dm.hessian(with_kinks, x), exact)
    x[3] = 0.0
    np.testing.assert_array_equal(dm.hessian(with_kinks, x), dm.hessian(with_kinks.py_func, x))
    x[3] = 1.0
    np.testing.assert_array_equal(dm.hessian(with_kinks, x), exact)


def test_dense_structure():
    @numba.njit
    def f(x):
        return np.sum(x) ** 3

    x = np.linspace(0.0, 1.0, 40)
    np.testing.assert_allclose(dm.hessian(f, x), np.full((40, 40), 6 * x.sum()), rtol=1e-14)
