"""Prepared products of derivatives with vectors: those of closed forms, whatever the vector."""

import copy
import pickle

import numpy as np
import pytest

import dualmc as dm

pytestmark = pytest.mark.usefixtures("always_replayed")

A = np.random.default_rng(3).normal(size=(4, 5))
X = np.array([0.3, 0.9, 0.7, 1.2, 0.4])
V = np.array([1.0, -2.0, 0.5, 3.0, -1.5])
W = np.array([2.0, -1.0, 0.5, 1.5])


def stencil(x):
    return x[1:] * np.sin(x[:-1])


def stencil_jacobian(x):
    J = np.zeros((x.size - 1, x.size))
    for i in range(x.size - 1):
        J[i, i] = x[i + 1] * np.cos(x[i])
        J[i, i + 1] = np.sin(x[i])
    return J


def filled(x):
    out = np.zeros(4)
    for i in range(4):
        out[i] = x[i] ** 2 if x[i] > 0.5 else x[i + 1]
    return out


def filled_jacobian(x):
    J = np.zeros((4, 5))
    for i in range(4):
        J[i, i if x[i] > 0.5 else i + 1] = 2 * x[i] if x[i] > 0.5 else 1.0
    return J


FUNCTIONS = {
    "stencil": (stencil, stencil_jacobian),
    "matrix": (lambda x: np.exp(A @ x), lambda x: np.exp(A @ x)[:, None] * A),
    "filled": (filled, filled_jacobian),
    "sorted": (lambda x: np.sort(x)[1:] ** 2, lambda x: 2 * np.sort(x)[1:, None]
               * np.eye(5)[np.argsort(x)[1:]]),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_jacobian_times_vector_and_row_times_jacobian(name):
    f, jacobian = FUNCTIONS[name]
    forward = dm.prepare(f, X[::-1] + 0.05, np.ones(5), of="jvp")
    backward = dm.prepare(f, X[::-1] + 0.05, np.ones(4), of="vjp")
    assert forward.reason is None and backward.reason is None
    for x, v, w in ((X, V, W), (X + 0.31, 0 * V, 2 * W), (X, -V, 0 * W)):
        for prepared, vector, expected in (
            (forward, v, jacobian(x) @ v),
            (backward, w, w @ jacobian(x)),
        ):
            y, product = prepared.value_and_jacobian(x, vector)
            np.testing.assert_allclose(y, f(x), rtol=1e-13)
            np.testing.assert_allclose(product, expected, rtol=1e-12, atol=1e-13)
            np.testing.assert_array_equal(prepared(x, vector), product)


def test_code_that_fills_arrays_with_further_arguments():
    def f(t, x):
        out = np.zeros(4)
        for i in range(4):
            out[i] = t * x[i] * x[i + 1]
        return out

    prepared = dm.prepare(f, 2.0, X, V, argnums=1, of="jvp")
    assert prepared.reason is None
    expected = 3.0 * (V[:-1] * X[1:] + X[:-1] * V[1:])
    np.testing.assert_allclose(prepared(3.0, X, V), expected, rtol=1e-14)
    again = prepared(3.0, X.astype(np.float32), V.astype(np.float32))
    np.testing.assert_allclose(again, expected, rtol=1e-5)


def test_hessian_times_vector():
    def f(x):
        return np.sum(x[1:] ** 2 * np.sin(x[:-1]))

    prepared = dm.prepare(f, X + 0.1, np.ones(5), of="hvp")
    assert prepared.reason is None
    H = dm.hessian(f, X)
    g, product = prepared.value_and_jacobian(X, V)
    np.testing.assert_allclose(g, dm.gradient(f, X), rtol=1e-13)
    np.testing.assert_allclose(product, H @ V, rtol=1e-12)
    np.testing.assert_array_equal(prepared(X, V), product)
    assert prepared.fresh_calls == 0


def test_numbers_matrices_and_further_arguments():
    number = dm.prepare(lambda t: t**3, 2.0, 1.0, of="jvp")
    assert float(number(3.0, 2.0)) == 54.0
    a, v = X[:4].reshape(2, 2), V[:4].reshape(2, 2)
    matrix = dm.prepare(lambda a, t: a @ a * t, a + 1, 3.0, v, of="jvp")
    np.testing.assert_allclose(matrix(a, 2.0, v), 2.0 * (a @ v + v @ a), rtol=1e-13)
    row = dm.prepare(lambda t, a: t * a**2, 3.0, a, v, argnums=1, of="vjp")
    np.testing.assert_allclose(row(2.0, a, v), 4.0 * a * v, rtol=1e-14)
    hessian = dm.prepare(lambda a: np.sum(a**3), a, v, of="hvp")
    np.testing.assert_allclose(hessian(a, v), 6 * a * v, rtol=1e-14)


def test_what_does_not_fit_is_a_fresh_call():
    prepared = dm.prepare(stencil, X, V, of="jvp")
    with pytest.raises(ValueError, match="shape"):
        prepared(X, V[:3])
    np.testing.assert_allclose(prepared(X[:3], V[:3]), stencil_jacobian(X[:3]) @ V[:3])
    with pytest.warns(UserWarning, match="the vector is no array of floats"):
        listed = dm.prepare(stencil, X, [1, 0, 0, 0, 0], of="jvp")
    np.testing.assert_allclose(listed(X, [1, 0, 0, 0, 0]), stencil_jacobian(X)[:, 0])


@pytest.mark.parametrize("of", ["jvp", "hvp", "vjp"])
def test_copies_and_errors(of):
    f = np.sin if of != "hvp" else _cubes
    prepared = dm.prepare(f, X, V, of=of)
    for other in (copy.copy(prepared), pickle.loads(pickle.dumps(prepared))):
        np.testing.assert_array_equal(other(X, V), prepared(X, V))
    with pytest.raises(TypeError, match="needs a vector"):
        dm.prepare(f, X, of=of)
    with pytest.raises(ValueError, match="sparse has no meaning"):
        dm.prepare(f, X, V, of=of, sparse=True)
    with pytest.raises(ValueError, match="by one argument of f"):
        dm.prepare(f, X, V, of=of, argnums=1)


def _cubes(x):
    return np.sum(x**3)
