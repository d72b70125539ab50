"""Helpers with large sparse Jacobians in plain f: in slots, and on a tape by their nonzeros.

Oracles: Jacobians in closed form, and the same f with the helper's Python function.
"""

import numba
import numpy as np
import pytest
import scipy.sparse

import dualmc as dm
from dualmc.compiled.helpers import known, patterns

pytestmark = pytest.mark.slow

N = 300
X = np.linspace(-1, 1, N)


@numba.njit
def diffusion(y, k):
    out = np.empty(y.size)
    for i in range(y.size):
        left = y[i - 1] if i > 0 else 0.0
        right = y[i + 1] if i < y.size - 1 else 0.0
        out[i] = k * (left - 2 * y[i] + right) + y[i] ** 3
    return out


def slopes(y, k):
    return scipy.sparse.diags_array([k, 3 * y**2 - 2 * k, k], offsets=[-1, 0, 1], shape=(N, N))


@numba.njit
def upwind(y, z):
    out = np.empty(y.size)
    for i in range(y.size):
        j = i - 1 if z[i] > 0 else (i + 1) % y.size
        out[i] = z[i] * (y[i] - y[j])
    return out


@pytest.fixture
def counted(monkeypatch):
    """How many calls went by patterns."""
    found = []
    of = patterns.tangent_of

    def tangent_of(rows, y):
        t = of(rows, y)
        found.append(t is not None)
        return t

    monkeypatch.setattr(patterns, "tangent_of", tangent_of)
    return found


def test_in_slots(counted):
    f = lambda x: diffusion(x**2, 2.0) * x  # noqa: E731
    J = dm.jacobian_fwd(f, X, sparse=True)
    want = X[:, None] * slopes(X**2, 2.0).toarray() * 2 * X
    want += np.diag(diffusion(X**2, 2.0))
    np.testing.assert_allclose(J.toarray(), want, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(dm.jacobian_fwd(f, X), want, rtol=1e-13, atol=1e-15)
    J = dm.jacobian_fwd(f, X, sparse=True, chunk_size=N // 2)
    np.testing.assert_allclose(J.toarray(), want, rtol=1e-13, atol=1e-15)
    assert all(counted)


def test_on_a_tape(counted):
    f = lambda x: diffusion(x, 2.0)  # noqa: E731
    want = slopes(X, 2.0).toarray()
    np.testing.assert_allclose(dm.jacobian_rev(f, X), want, rtol=1e-13, atol=1e-15)
    bar = np.cos(X)
    np.testing.assert_allclose(dm.vjp(f, X)[1](bar), bar @ want, rtol=1e-12)
    total = dm.gradient(lambda x: np.sum(f(f(x)) ** 2), X)
    y = f(X)
    inner = slopes(y, 2.0) @ slopes(X, 2.0)
    np.testing.assert_allclose(total, 2 * f(y) @ inner, rtol=1e-12, atol=1e-14)
    assert all(counted)


def test_several_arguments_and_other_branches(counted):
    def make(h):
        return lambda x: h(x * 2.0, np.sin(x)) + h(x, x[::-1])

    for shift in (0.0, 0.3, -0.7, 5.0):
        x = X + shift
        want = dm.jacobian_fwd(make(upwind.py_func), x, sparse=True).toarray()
        J = dm.jacobian_fwd(make(upwind), x, sparse=True)
        np.testing.assert_allclose(J.toarray(), want, rtol=1e-13, atol=1e-15)
        J = dm.jacobian_rev(make(upwind), x)
        np.testing.assert_allclose(J, want, rtol=1e-13, atol=1e-15)
    assert any(counted)


def test_dense_rows_go_another_way(counted):
    @numba.njit
    def running(y):
        out = np.empty(y.size)
        s = 0.0
        for i in range(y.size):
            s += y[i] ** 2
            out[i] = s
        return out

    J = dm.jacobian_fwd(lambda x: running(x), X, sparse=True).toarray()
    np.testing.assert_allclose(J, np.tril(np.broadcast_to(2 * X, (N, N))), rtol=1e-14)
    assert not any(counted)
    J = dm.jacobian_rev(lambda x: running(x), X)
    np.testing.assert_allclose(J, np.tril(np.broadcast_to(2 * X, (N, N))), rtol=1e-14)


def test_very_large():
    n = 30_000
    x = np.linspace(0, 1, n)
    f = lambda x: diffusion(x, 1.0)  # noqa: E731
    J = dm.jacobian_fwd(f, x, sparse=True)
    np.testing.assert_allclose(J.diagonal(), 3 * x**2 - 2, rtol=1e-14)
    g = dm.gradient(lambda x: np.sum(f(x)), x)
    np.testing.assert_allclose(g[1:-1], 3 * x[1:-1] ** 2, rtol=1e-12, atol=1e-15)
    assert not any(way.is_pythons for way in known.of(diffusion).ways.values())
