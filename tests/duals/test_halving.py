"""Roots that f finds by halving are refused; what converges, searches or sorts is not.

Expected derivatives are those of the equations, by the implicit function theorem.
"""

import bisect

import numpy as np
import pytest
from bisections import (
    HALVING,
    POINT,
    constant_ends,
    ends_that_move,
    illinois,
    newton,
    residual,
    slopes,
)

import dualmc as dm

MODES = {
    "forward": dm.jacobian_fwd,
    "one at a time": lambda f, x: dm.jacobian_fwd(f, x, chunk_size=1),
    "reverse": dm.jacobian_rev,
    "prepared": lambda f, x: dm.prepare(f, x)(x),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("f", HALVING, ids=lambda f: f.__name__)
@pytest.mark.filterwarnings("ignore:prepare")
def test_halving_is_refused(f, mode):
    with pytest.raises(dm.TangentLostError, match="decides ever closer to where it would switch"):
        MODES[mode](f, POINT)


@pytest.mark.parametrize("derivative", [dm.hessian, lambda f, x: dm.hvp(f, x, x)])
def test_so_it_is_in_second_derivatives(derivative):
    with pytest.raises(dm.TangentLostError, match="decides ever closer"):
        derivative(constant_ends, POINT)


def test_at_many_points():
    rng = np.random.default_rng(0)
    for _ in range(30):
        with pytest.raises(dm.TangentLostError, match="decides ever closer"):
            dm.jacobian_fwd(ends_that_move, [rng.uniform(0.5, 30), rng.uniform(0.1, 3)])


def test_a_step_of_newton_from_numbers_is_what_it_advises():
    def f(p):
        y = dm.custom_root(lambda y, p: residual(y, p), lambda p: ends_that_move(p, 1e-14))(p)
        return y

    y = ends_that_move(POINT, 1e-14)
    for derivative in (dm.gradient, dm.jacobian_rev, dm.jacobian_fwd):
        assert np.allclose(slopes(y, POINT), derivative(f, POINT), rtol=1e-12, atol=0)


# --- What is right as it is ----------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("f", [newton, illinois], ids=lambda f: f.__name__)
def test_iterations_that_converge(f, mode):
    expected = slopes(f(POINT), POINT)
    assert np.allclose(expected, MODES[mode](f, POINT), rtol=1e-6, atol=0)


def test_iterations_that_converge_at_many_points():
    rng = np.random.default_rng(0)
    for _ in range(40):
        p = np.array([rng.uniform(0.2, 0.99), rng.uniform(0.01, 0.3)])
        for f in (newton, illinois):
            found = dm.gradient(f, p)
            assert np.allclose(slopes(f(p), p), found, rtol=1e-5, atol=0), f


@pytest.mark.parametrize("mode", MODES)
def test_searches_in_tables(mode):
    table = np.sort(np.random.default_rng(0).random(100_000))

    def f(p):
        low, high = 0, len(table) - 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if table[middle] > p[0] else (middle, high)
        return (p[0] - table[low]) * p[1] + bisect.bisect(list(table[:4096]), p[0]) * p[0]

    p = np.array([0.03, 2.0])
    low = np.searchsorted(table, p[0]) - 1
    count = np.searchsorted(table[:4096], p[0], side="right")
    expected = np.array([p[1] + count, p[0] - table[low]])
    assert np.allclose(expected, MODES[mode](f, p), rtol=1e-12, atol=0)


@pytest.mark.parametrize("mode", MODES)
def test_branches_by_elements_that_shrink(mode):
    x = (-0.5) ** np.arange(40)

    def f(x):
        total = 0.0
        for i in range(len(x)):
            if x[i] > 0:
                total = total + x[i] ** 2
        return total + sum(sorted(x)[:3])

    expected = np.where(x > 0, 2 * x, 0.0)
    expected[np.argsort(x)[:3]] += 1
    assert np.allclose(expected, MODES[mode](f, x), rtol=1e-12, atol=0)
