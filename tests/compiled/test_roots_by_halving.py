"""Compiled functions that find roots by halving are refused, as Python's are; others are not.

Expected derivatives are those of the equations, by the implicit function theorem.
"""

import warnings

import bisections
import numba
import numpy as np
import pytest
from bisections import HALVING, POINT, illinois, newton, slopes

import dualmc as dm

pytestmark = pytest.mark.slow

REFUSED = "decides ever closer to where it would switch"
CALLS = {
    "forward": dm.jacobian_fwd,
    "sparse": lambda f, x: dm.jacobian_fwd(f, x, sparse=True).toarray()[0],
    "inside": lambda f, x: dm.jit_jacobian(f)(x),
    "along": lambda f, x: np.array([dm.jvp(f, x, v)[1] for v in np.eye(x.size)]),
    "helper": lambda f, x: dm.jacobian_fwd(lambda z: f(z) * 1.0, x),
    "helper in reverse": lambda f, x: dm.gradient(lambda z: f(z) * 1.0, x),
    "prepared": lambda f, x: dm.prepare(f, x)(x),
}


@pytest.fixture(autouse=True)
def residual(monkeypatch):
    """The functions call a compiled residual."""
    monkeypatch.setattr(bisections, "residual", numba.njit(bisections.residual))


@pytest.mark.parametrize("f", HALVING, ids=lambda f: f.__name__)
@pytest.mark.filterwarnings("ignore::dualmc.CompiledFallbackWarning")
def test_halving_is_refused(f):
    with pytest.raises(dm.TangentLostError, match=REFUSED) as met:
        dm.jacobian_fwd(numba.njit(f), POINT)
    assert f.__name__ in str(met.value)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.filterwarnings("ignore:prepare")
def test_by_every_call(call):
    with pytest.raises(dm.TangentLostError, match=REFUSED):
        CALLS[call](numba.njit(bisections.constant_ends), POINT)


def test_in_a_hessian():
    with pytest.raises(dm.TangentLostError, match=REFUSED):
        dm.hessian(numba.njit(bisections.constant_ends), POINT)


def test_in_a_ufunc():
    @numba.vectorize
    def root(a):
        low, high = 0.0, 9.0
        while high - low > 1e-6:
            middle = (low + high) / 2
            if middle**3 + a * middle > a:
                high = middle
            else:
                low = middle
        return (low + high) / 2

    for f in (lambda x: root(x), lambda x: root(x[0]), lambda x: np.sum(root(x)) * x[0]):
        with pytest.raises(dm.TangentLostError, match=REFUSED):
            dm.jacobian_fwd(f, [2.0, 3.0])


def test_in_single_precision():
    with pytest.raises(dm.TangentLostError, match=REFUSED):
        dm.jacobian_fwd(numba.njit(bisections.ends_that_move), POINT.astype(np.float32))


def test_at_many_points():
    f, rng = numba.njit(bisections.ends_that_move), np.random.default_rng(0)
    for _ in range(200):
        with pytest.raises(dm.TangentLostError, match=REFUSED):
            dm.jacobian_fwd(f, np.array([rng.uniform(0.5, 30), rng.uniform(0.1, 3)]))


@numba.njit
def halved(p):
    low, high = 0.0, 9.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        if middle * middle > p[0]:
            high = middle
        else:
            low = middle
    return low * p[1]


def catches_here(p):
    try:
        low, high = 0.0, 9.0
        while high - low > 1e-12:
            middle = (low + high) / 2
            if middle * middle > p[0]:
                high = middle
            else:
                low = middle
    except Exception:
        return p[0]
    return low * p[1]


def catches_of_another(p):
    try:
        return halved(p)
    except Exception:
        return p[0]


@pytest.mark.parametrize("f", [catches_here, catches_of_another], ids=lambda f: f.__name__)
def test_a_refusal_is_not_caught(f):
    """It runs as Python, where what f catches of it ends the call nevertheless."""
    with pytest.warns(dm.CompiledFallbackWarning, match="try statement"):
        with pytest.raises(dm.TangentLostError, match=REFUSED):
            dm.jacobian_fwd(numba.njit(f), POINT)


# --- What is right as it is ----------------------------------------------------------------------


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("f", [newton, illinois], ids=lambda f: f.__name__)
def test_iterations_that_converge(f, call):
    """At native speed: without the warning that f runs as Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = CALLS[call](numba.njit(f), POINT)
    assert np.allclose(slopes(f(POINT), POINT), found, rtol=1e-6, atol=0)


def test_iterations_that_converge_at_many_points():
    rng = np.random.default_rng(0)
    for f in map(numba.njit, (newton, illinois)):
        for _ in range(200):
            p = np.array([rng.uniform(0.2, 0.99), rng.uniform(0.01, 0.3)])
            found = dm.jacobian_fwd(f, p)
            assert np.allclose(slopes(f(p), p), found, rtol=1e-5, atol=0), p


def test_searches_in_tables():
    table = np.sort(np.random.default_rng(0).random(100_000))

    @numba.njit
    def f(p):
        low, high = 0, len(table) - 1
        while high - low > 1:
            middle = (low + high) // 2
            if table[middle] > p[0]:
                high = middle
            else:
                low = middle
        return (p[0] - table[low]) * p[1]

    p = np.array([0.03, 2.0])
    low = np.searchsorted(table, p[0]) - 1
    expected = [p[1], p[0] - table[low]]
    assert np.allclose(expected, dm.jacobian_fwd(f, p), rtol=1e-12, atol=0)


def test_branches_by_elements_that_shrink():
    x = (-0.5) ** np.arange(40)

    @numba.njit
    def f(x):
        total = 0.0
        for i in range(len(x)):
            if x[i] > 0:
                total += x[i] ** 2
        return total + np.sort(x)[0]

    expected = np.where(x > 0, 2 * x, 0.0)
    expected[np.argmin(x)] += 1
    assert np.allclose(expected, dm.jacobian_fwd(f, x), rtol=1e-12, atol=0)


def test_what_was_compared_is_forgotten_with_the_call():
    """A helper that compares once a call, ever closer, steers nothing itself."""

    @numba.njit
    def clipped(a):
        for _ in range(1):
            if a > 0:
                return a * a
        return -a

    @numba.njit
    def f(x):
        total, step = 0.0, 1.0
        for _ in range(30):
            total += clipped(step * x[0])
            step *= -0.5
        return total

    x = np.array([0.7])
    steps = (-0.5) ** np.arange(30)
    expected = sum(2 * s * s * x[0] if s > 0 else -s for s in steps)
    assert np.allclose(expected, dm.jacobian_fwd(f, x)[0], rtol=1e-12, atol=0)
