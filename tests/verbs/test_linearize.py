"""`linearize`: products with a Jacobian that is not formed, against it by closed form."""

import numpy as np
import pytest
from expecting import raises_literally as raises

import dualmc as dm

linalg = pytest.importorskip("scipy.sparse.linalg")
optimize = pytest.importorskip("scipy.optimize")

X = np.linspace(0.5, 2.0, 30)


class Counted:
    def __init__(self):
        self.calls = 0

    def __call__(self, x):
        self.calls += 1
        return x[1:] * np.sin(x[:-1]) + x[1:] ** 2


def jacobian(x):
    """That of `Counted`, by hand."""
    J = np.zeros((x.size - 1, x.size))
    i = np.arange(x.size - 1)
    J[i, i] = x[1:] * np.cos(x[:-1])
    J[i, i + 1] = np.sin(x[:-1]) + 2 * x[1:]
    return J


def test_products(rng):
    f = Counted()
    y, J = dm.linearize(f, X)
    assert 1 == f.calls
    np.testing.assert_array_equal(X[1:] * np.sin(X[:-1]) + X[1:] ** 2, y)
    D = jacobian(X)
    v, w = rng.standard_normal(30), rng.standard_normal(29)
    V, W = rng.standard_normal((30, 25)), rng.standard_normal((29, 4))
    assert (29, 30) == J.shape and J.dtype == np.float64
    np.testing.assert_allclose(J.T @ w, D.T @ w, rtol=1e-13)
    np.testing.assert_allclose(J.H @ W, D.T @ W, rtol=1e-13)
    assert 1 == f.calls  # the tape is swept
    np.testing.assert_allclose(J @ v, D @ v, rtol=1e-13)
    assert 2 == f.calls
    np.testing.assert_allclose(J @ V, D @ V, rtol=1e-13)
    assert 3 == f.calls  # all columns at once
    assert (29, 0) == (J @ V[:, :0]).shape and (30, 0) == (J.T @ W[:, :0]).shape


def test_solvers_of_scipy(rng):
    f = Counted()
    _, J = dm.linearize(f, X)
    D = jacobian(X)
    b = rng.standard_normal(29)
    found = linalg.lsmr(J, b, atol=1e-14, btol=1e-14)[0]
    np.testing.assert_allclose(found, np.linalg.lstsq(D, b)[0], rtol=1e-9)
    large = np.sort(linalg.svds(J, 3, return_singular_vectors=False))[::-1]
    np.testing.assert_allclose(large, np.linalg.svd(D, compute_uv=False)[:3], rtol=1e-9)
    _, S = dm.linearize(lambda x: 3 * x + 0.1 * np.sin(np.roll(x, 1)), X)
    step, failed = linalg.gmres(S, X, rtol=1e-12)
    dense = 3 * np.eye(30) + 0.1 * np.diag(np.cos(X))[np.roll(np.arange(30), 1)]
    assert failed == 0
    np.testing.assert_allclose(dense @ step, X, rtol=1e-9)


def test_least_squares_without_a_matrix():
    t = np.linspace(0.0, 3.0, 20)
    data = 5.0 * np.exp(-0.7 * t)

    def residuals(p):
        return p[0] * np.exp(-p[1] * t) - data

    fit = optimize.least_squares(
        residuals, [1.0, 1.0], jac=lambda p: dm.linearize(residuals, p)[1], tr_solver="lsmr"
    )
    np.testing.assert_allclose(fit.x, [5.0, 0.7], rtol=1e-6)


def test_shapes_arguments_and_complex_values(rng):
    def f(a, x, k):
        return np.exp(1j * a * x) * k

    x = rng.standard_normal((2, 3))
    y, J = dm.linearize(f, 2.0, x, 3.0, argnums=1)
    D = np.diag((2j * np.exp(2j * x) * 3.0).ravel())
    assert y.shape == (2, 3) and J.shape == (6, 6) and J.dtype == np.complex128
    z = rng.standard_normal(6) + 1j * rng.standard_normal(6)
    np.testing.assert_allclose(J @ z, D @ z, rtol=1e-13)
    np.testing.assert_allclose(J.H @ z, D.conj().T @ z, rtol=1e-13)
    np.testing.assert_allclose(J.T @ z, D.T @ z, rtol=1e-13)
    np.testing.assert_allclose(J @ D, D @ D, rtol=1e-13)
    y, J = dm.linearize(lambda x: x**2, 3.0)
    assert (1, 1) == J.shape and [6.0] == J @ [1.0] == J.T @ [1.0]
    _, J = dm.linearize(lambda x: x**2, np.ones(2, np.float32))
    assert J.dtype == np.float32 and (J @ np.ones(2)).dtype == np.float32


def test_the_point_is_kept():
    x, k = X.copy(), np.array([2.0])
    _, J = dm.linearize(lambda x, k: k * x**2, x, k)
    x[:], k[:] = 0.0, 0.0
    np.testing.assert_array_equal(4 * X, J @ np.ones(30))
    np.testing.assert_array_equal(4 * X, J.T @ np.ones(30))


def test_infinite_entries_stay_in_their_columns():
    V = np.eye(30)[:, :3]
    V[0, 1] = np.inf
    _, J = dm.linearize(lambda x: 2 * x, X)
    np.testing.assert_array_equal(2 * V, J @ V)


def test_values_that_meet(rng):
    """A smooth function of a matrix whose eigenvalues meet has derivatives all the same."""

    def f(A):
        w, v = np.linalg.eigh((A + A.T) / 2)
        return (v * np.exp(w)) @ v.T

    _, J = dm.linearize(f, np.eye(3))
    v = rng.standard_normal((3, 3))
    expected = np.e * (v + v.T).ravel() / 2  # exp(I + e S) = e (I + e S)
    np.testing.assert_allclose(J @ v.ravel(), expected, rtol=1e-8)
    np.testing.assert_allclose(J @ np.stack([v.ravel()] * 2, 1), np.stack([expected] * 2, 1), 1e-8)


def test_what_it_does_not_take():
    with raises(TypeError, "linearize takes arrays; use jvp and vjp, which take structures."):
        dm.linearize(lambda x: x["a"], {"a": X})
    with raises(TypeError, "linearize takes arrays; use jvp and vjp, which take structures."):
        dm.linearize(lambda x: {"a": x}, X)
    with raises(TypeError, "linearize differentiates by one argument: argnums must be an int."):
        dm.linearize(lambda x, y: x, X, X, argnums=(0, 1))
    with raises(TypeError, "inside of another derivative call its products are Duals. Use jvp"):
        dm.jacobian_fwd(lambda x: dm.linearize(np.sin, x)[0], X)
    with raises(TypeError, "linearize() got an unexpected keyword argument 'argnum'. Did you mean"):
        dm.linearize(np.sin, X, argnum=0)
