"""Roots that f finds by halving are refused; what converges, searches or sorts is not.

Expected derivatives are those of the equations, by the implicit function theorem.
"""

import bisect

import numpy as np
import pytest

import dualmc as dm

MODES = {
    "forward": dm.jacobian_fwd,
    "one at a time": lambda f, x: dm.jacobian_fwd(f, x, chunk_size=1),
    "reverse": dm.jacobian_rev,
    "prepared": lambda f, x: dm.prepare(f, x)(x),
}
POINT = np.array([2.0, 0.3])


def residual(y, p):
    return y**3 + p[1] * y - p[0]


def slopes(y, p):
    """The derivative of the root `y` of `residual` with respect to p."""
    return np.array([1.0, -y]) / (3 * y**2 + p[1])


def ends_that_move(p, tol=1e-6):
    low, high = 0.0 * p[0], p[0] + p[1]
    while high - low > tol:
        middle = (low + high) / 2
        if residual(middle, p) > 0:
            high = middle
        else:
            low = middle
    return (low + high) / 2


def constant_ends(p, tol=1e-6):
    low, high = 0.0, 9.0
    while high - low > tol:
        middle = (low + high) / 2
        low, high = (low, middle) if residual(middle, p) > 0 else (middle, high)
    return low * p[1]


def signs_multiplied(p):
    low, high = 0.0, 9.0
    for _ in range(40):
        middle = (low + high) / 2
        if residual(low, p) * residual(middle, p) < 0:
            high = middle
        else:
            low = middle
    return low * p[1]


def signs_compared(p):
    low, high = 0.0, 9.0
    for _ in range(40):
        middle = (low + high) / 2
        if np.sign(residual(low, p)) == np.sign(residual(middle, p)):
            low = middle
        else:
            high = middle
    return low * p[1]


def against_numbers(p):
    low, high = 0.0, 9.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if p[0] < middle**2 else (middle, high)
    return low * p[1]


def by_ufunc(p):
    low, high = 0.0, 9.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if np.greater(residual(middle, p), 0) else (middle, high)
    return low * p[1]


def many_at_once(p):
    low, high = np.zeros(3), np.full(3, 9.0)
    for _ in range(40):
        middle = (low + high) / 2
        above = middle**3 + middle > np.stack([p[0], p[1], p[0] * p[1]])
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return low * p[0]


HALVING = [
    ends_that_move, constant_ends, signs_multiplied, signs_compared, against_numbers, by_ufunc,
    many_at_once,
]  # fmt: skip


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


def newton(p):
    y = 3.0
    for _ in range(30):
        step = residual(y, p) / (3 * y**2 + p[1])
        y = y - step if step > 0 else y - step * 1.0
    return y


def illinois(p):
    a, b = 0.1, 9.0
    at_a, at_b = residual(a, p), residual(b, p)
    for _ in range(40):
        if abs(at_b) < 1e-12:
            break
        c = b - at_b * (b - a) / (at_b - at_a)
        at_c = residual(c, p)
        if at_c * at_b < 0:
            a, at_a = b, at_b
        else:
            at_a = at_a / 2
        b, at_b = c, at_c
    return b


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
