"""Second derivatives of plain f that calls compiled functions, compiled for Duals of Duals.

Oracle: the same f with the Python functions that they were made of, which runs on Duals of Duals.
"""

import math

import numba
import numpy as np
import pytest

import dualmc as dm
from dualmc.compiled.helpers import known, nested

pytestmark = pytest.mark.slow

X = np.array([0.3, 0.5, 0.7])


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(nested, "PATIENCE", -1.0)


@numba.njit
def field(y, p):
    out = np.empty(y.size)
    for i in range(y.size):
        out[i] = p * y[i] * y[(i + 1) % y.size] + y[i] ** 3
    return out


@numba.njit
def parts(a, y):
    s = a
    for v in y:
        s = s * math.sin(v) + a
    return s, y.size, 2.0


@numba.njit
def longest(y):
    s = y[0]
    for v in y:
        s = max(s, abs(v))
    return s


@numba.njit
def norm(y):
    s = 0.0
    for v in y:
        s += v * v
    return math.sqrt(s)


@numba.njit
def fill(y, d):
    for i in range(y.size):
        d[i] = y[i] ** 3


def filled(h):
    def f(x):
        d = np.zeros(3)
        h(x, d)
        return np.sum(d * x)

    return f


PROGRAMS = {
    "array": (lambda h: lambda x: np.sum(h(x, 2.0) ** 2), field),
    "two arguments": (lambda h: lambda x: np.sum(h(x * x[1], x[0]) * x), field),
    "numbers": (lambda h: lambda x: h(x[0], x)[0] * h(2.0, x)[0] + h(x[1], X)[0], parts),
    "writes": (filled, fill),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_right(name):
    make, helper = PROGRAMS[name]
    f, g = make(helper), make(helper.py_func)
    want = dm.hessian(g, X)
    for H in (
        dm.hessian(f, X),
        dm.jacobian_rev(lambda x: dm.gradient(f, x), X),
        dm.jacobian_fwd(lambda x: dm.jacobian_fwd(f, x), X),
        dm.jacobian_rev(lambda x: dm.jacobian_fwd(f, x), X),
    ):
        np.testing.assert_allclose(H, want, rtol=1e-12, atol=1e-14)
    ways = known.of(helper).ways.values()
    assert (helper is fill) != any(way.jacobians for way in ways)


@pytest.mark.parametrize("helper", [longest, norm])
@pytest.mark.parametrize("x", [[0.0, 0.0], [1.0, 1.0], [0.0, -2.0], [1.0, 2.0]])
def test_where_conventions_chose(helper, x):
    """What Python's rules say, NaN included."""
    for make in (lambda h: lambda x: h(x) + x[0], lambda h: lambda x: h(x * 1.0) ** 2):
        H, want = dm.hessian(make(helper), x), dm.hessian(make(helper.py_func), x)
        np.testing.assert_allclose(H, want, rtol=1e-13, atol=1e-15)


def test_a_derivative_within_f():
    """An inner derivative by one variable, the outer by another that the helper is given too."""

    def f(x):
        return dm.jacobian_fwd(lambda y: field(y, x[0]), x[1:] * 1.0)[0, 1] + x[0]

    np.testing.assert_allclose(dm.gradient(f, X), [X[1] + 1, X[0], 0], rtol=1e-14)


def test_patience(monkeypatch):
    @numba.njit
    def slow(y):
        s = y[0]
        for _ in range(100_000):
            s = s * 0.9999 + y[1] ** 2 * 1e-5
        return s

    monkeypatch.setattr(nested, "PATIENCE", 0.01)
    H = dm.hessian(lambda x: slow(x), X)
    assert known.of(slow).nested_seconds == 0
    want = np.zeros((3, 3))
    want[1, 1] = 2e-5 * (1 - 0.9999**100_000) / (1 - 0.9999)
    np.testing.assert_allclose(H, want, rtol=1e-9, atol=1e-15)
