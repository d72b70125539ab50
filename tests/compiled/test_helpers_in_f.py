"""Plain f that calls compiled functions: each call with derivatives is one step.

Oracles: the complex step through the Python body of the helper, closed forms, and the same f with
``helper.py_func`` in the helper's place.
"""

from typing import NamedTuple

import numba
import numpy as np
import pytest

import dualmc as dm
from dualmc.compiled.helpers import known

X = np.array([0.3, 0.5, 0.7])


@numba.njit
def field(y, p=2.0):
    out = np.empty(y.size)
    for i in range(y.size):
        out[i] = p * y[i] * y[(i + 1) % y.size] + y[i] ** 3
    return out


@numba.njit
def series(a, b):
    total = 0.0
    for i in range(4):
        total += a * b**i
    return total


@numba.njit
def fill(y, d):
    for i in range(y.size):
        d[i] = y[i] ** 2 * y[0]


@numba.njit
def halve(y):
    for i in range(y.size):
        y[i] = y[i] / 2 + y[i] ** 2


@numba.njit
def outer(y):
    total = 0.0
    for v in field(y):
        total += v * v
    return total


@numba.njit
def several(y, z):
    s = 0.0
    table = np.zeros((y.size, 2))
    is_large = np.zeros(y.size, np.bool_)
    for i in range(y.size):
        s += y[i] * z
        table[i, 0] = y[i] ** 2
        table[i, 1] = y[i] * z
        is_large[i] = y[i] > 0.4
    return s, table, y.size, is_large


class Pair(NamedTuple):
    low: float
    high: float


@numba.njit
def ends(y):
    low = high = y[0]
    for v in y:
        low = min(low, v)
        high = max(high, v)
    return Pair(low, high)


@numba.njit
def kept(y):
    count = 0
    for v in y:
        if v > 0.4:
            count += 1
    out = np.empty(count)
    j = 0
    for v in y:
        if v > 0.4:
            out[j] = v**2
            j += 1
    return out


@numba.njit
def by_mode(y, mode, shift):
    out = np.empty_like(y)
    for i in range(y.size):
        out[i] = y[i] ** 2 if mode == "square" else y[i] ** 3
        if shift is not None:
            out[i] += shift
    return out


def written(fill_in):
    def f(x):
        d = np.zeros(3)
        fill_in(x, d)
        return d * x[1]

    return f


def mutated(change):
    def f(x):
        y = x * 1.0
        change(y)
        return y * x

    return f


def in_parts(helper):
    def f(x):
        s, table, count, is_large = helper(x, x[1])
        assert type(count) is int and is_large.dtype == bool
        return s * table[:, 0] + count * table[:, 1] * is_large

    return f


def of_ends(helper):
    def f(x):
        pair = helper(x)
        return np.array([pair.low * x[1], pair.high**2])

    return f


CASES = {
    "array": lambda h: lambda x: h(x) * x[0],
    "expression": lambda h: lambda x: np.sum(h(x * 2.0, 3.0) ** 2) * x,
    "keyword": lambda h: lambda x: h(p=x[0], y=x),
    "default": lambda h: lambda x: h(x[:2]) + h(x[1:], x[0]),
    "strided": lambda h: lambda x: h(np.stack([x, 2 * x], 1)[:, 0]),
    "within": lambda h: lambda x: np.concatenate([h(h(x)), x]),
}
PROGRAMS = {
    **{name: (make, field) for name, make in CASES.items()},
    "numbers": (lambda h: lambda x: np.array([h(x[0], x[1]), h(x[2], 3.0), h(0.5, x[0])]), series),
    "helper of helpers": (lambda h: lambda x: h(x) * x, outer),
    "out-argument": (written, fill),
    "in place": (mutated, halve),
    "tuple": (in_parts, several),
    "named tuple": (of_ends, ends),
    "shape by values": (lambda h: lambda x: np.sum(h(x)) * x, kept),
    "string, None": (lambda h: lambda x: h(x, "square", None) + h(x, "cube", x[0]), by_mode),
}


def complex_jacobian(f, x):
    """The Jacobian by the complex step, of the Python code."""
    columns = []
    for j in range(x.size):
        z = x.astype(complex)
        z[j] += 1e-30j
        columns.append(np.imag(f(z)) / 1e-30)
    return np.stack(columns, axis=-1)


def complexified(helper):
    """The Python function on complex numbers: arrays that it makes are complex, it compares real
    parts."""
    return ORACLES.get(helper, helper.py_func)


def _field(y, p=2.0):
    return p * y * np.roll(y, -1) + y**3


def _fill(y, d):
    d.dtype = complex
    d[:] = y**2 * y[0]


ORACLES = {
    field: _field,
    outer: lambda y: np.sum(_field(y) ** 2),
    kept: lambda y: y[y.real > 0.4] ** 2,
    ends: lambda y: Pair(y[np.argmin(y.real)], y[np.argmax(y.real)]),
    several: lambda y, z: (np.sum(y * z), np.stack([y**2, y * z], 1), y.size, y.real > 0.4),
    by_mode: lambda y, mode, s: (y**2 if mode == "square" else y**3) + (0 if s is None else s),
}


def _written(fill_in):
    return lambda x: x**2 * x[0] * x[1]


@pytest.mark.parametrize("name", PROGRAMS)
def test_right(name):
    make, helper = PROGRAMS[name]
    f = make(helper)
    want = complex_jacobian((_written if helper is fill else make)(complexified(helper)), X)
    np.testing.assert_allclose(dm.jacobian_fwd(f, X), want, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(dm.jacobian_rev(f, X), want, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(dm.jacobian_fwd(f, X, chunk_size=2), want, rtol=1e-13, atol=1e-15)
    J = dm.jacobian_fwd(f, X, sparse=True).toarray()
    np.testing.assert_allclose(J, want, rtol=1e-13, atol=1e-15)
    y, y_dot = dm.jvp(f, (X,), (X,))
    np.testing.assert_array_equal(y, f(X))
    np.testing.assert_allclose(y_dot, want @ X, rtol=1e-13, atol=1e-15)
    y, pullback = dm.vjp(f, X)
    np.testing.assert_array_equal(y, f(X))
    np.testing.assert_allclose(pullback(y), y @ want, rtol=1e-13, atol=1e-15)
    assert any(not way.is_pythons and way._sweeps for way in known.of(helper).ways.values())


@pytest.mark.parametrize("name", ["array", "numbers", "out-argument", "tuple"])
def test_second_derivatives(name):
    make, helper = PROGRAMS[name]

    def scalar(h):
        f = make(h)
        return lambda x: np.sum(f(x) ** 2)

    H = dm.hessian(scalar(helper), X)
    np.testing.assert_allclose(H, dm.hessian(scalar(helper.py_func), X), rtol=1e-13)
