"""Ufuncs that Numba made, called by plain f: compiled slopes element by element.

Oracles: closed forms in NumPy functions, which dualmc differentiates by its own rules.
"""

import math

import numba
import numpy as np
import pytest

import dualmc as dm

pytestmark = pytest.mark.slow

X = np.linspace(0.1, 0.9, 700)


@numba.vectorize
def wave(a, k):
    return math.sin(a * k) if a > 0.4 else a**2 * k


@numba.vectorize
def series(a):
    s = 0.0
    for i in range(4):
        s += a**i
    return s


@numba.vectorize
def root(a):
    s = 0.0
    for _ in range(2):
        s += math.sqrt(a)
    return s


def _wave(a, k):
    return np.where(a > 0.4, np.sin(a * k), a**2 * k)


def _series(a):
    return 1 + a + a**2 + a**3


def _root(a):
    return 2 * np.sqrt(a)


PAIRS = {
    "constant": (lambda g: lambda x: g(x, 2.0) * x[::-1], wave, _wave),
    "number": (lambda g: lambda x: g(x, x[0]), wave, _wave),
    "broadcast": (
        lambda g: lambda x: g(x[:, None], np.array([1, 2, 3]) * x[:3]).sum(1),
        wave,
        _wave,
    ),
    "integers": (lambda g: lambda x: g(x, np.arange(x.size)), wave, _wave),
    "of a number": (lambda g: lambda x: g(x[1]) * x, series, _series),
    "of numbers": (lambda g: lambda x: np.stack([g(v) for v in x[:4]]), series, _series),
    "strided": (lambda g: lambda x: g(x[::-2]), series, _series),
    "matrix": (lambda g: lambda x: g(x.reshape(7, 100).T)[3], series, _series),
    "empty": (lambda g: lambda x: np.concatenate([g(x[:0]), x]), series, _series),
    "constants": (lambda g: lambda x: g(np.ones(3)) * x[:3], series, _series),
    "kink": (lambda g: lambda x: g((x - 0.1) * np.arange(x.size)), root, _root),
}


@pytest.mark.parametrize("name", PAIRS)
def test_right(name):
    make, ufunc, formula = PAIRS[name]
    f, g = make(ufunc), make(formula)
    y, J = dm.value_and_jacobian_fwd(f, X, sparse=True)
    np.testing.assert_array_equal(y, f(X))
    want = dm.jacobian_fwd(g, X, sparse=True).toarray()
    np.testing.assert_allclose(J.toarray(), want, rtol=1e-13, atol=1e-15)
    total = dm.gradient(lambda x: np.sum(f(x) ** 2), X)
    np.testing.assert_allclose(total, dm.gradient(lambda x: np.sum(g(x) ** 2), X), 1e-12, 1e-15)
    y_dot = dm.jvp(f, (X,), (np.cos(X),))[1]
    np.testing.assert_allclose(y_dot, dm.jvp(g, (X,), (np.cos(X),))[1], 1e-12, 1e-15)


def test_second_derivatives():
    H = dm.hessian(lambda x: np.sum(wave(x, x[0])), X[:5] + 0.3)
    want = dm.hessian(lambda x: np.sum(_wave(x, x[0])), X[:5] + 0.3)
    np.testing.assert_allclose(H, want, rtol=1e-13, atol=1e-14)


def test_float32():
    x = X[:5].astype(np.float32)
    J = dm.jacobian_fwd(lambda x: series(x), x)
    np.testing.assert_allclose(J, np.diag(1 + 2 * x + 3 * x**2), rtol=1e-6)


def test_ufuncs_of_short_code_run_as_python_for_a_while():
    @numba.vectorize
    def square(a):
        return a * a

    for n in (3, 3000, 3):
        np.testing.assert_allclose(dm.gradient(lambda x: np.sum(square(x)), X[:3]), 2 * X[:3])
        x = np.linspace(0, 1, n)
        np.testing.assert_allclose(dm.gradient(lambda x: np.sum(square(x)), x), 2 * x)
