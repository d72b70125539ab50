"""`Prepared.njit`: what was prepared, called from nopython code; oracles are closed forms."""

import math
import sys

import numba
import numpy as np
import pytest
from numba.core.errors import TypingError
from oracles import assert_close
from two_ways import OTHER, X, branching, jacobian_of_branching, value_of_branching

import dualmc as dm

pytestmark = pytest.mark.slow

RATE = 2.0


def of_several(t, u, k, name, m):
    """t: a float, u: differentiated, k: an array, name: fixed, m: a matrix."""
    scale = {"one": 1.0, "two": 2.0}[name]
    return scale * t * k * np.sin(u) + m @ u


def rated(x):
    return RATE * x**2


@pytest.fixture(scope="module")
def prepared():
    return dm.prepare(branching, X)


@pytest.fixture(scope="module")
def both(prepared):
    return prepared.njit("both")


# --- Used as one uses it -------------------------------------------------------------------------


def test_newton_runs_in_nopython_code(both):
    @numba.njit(nogil=True)
    def newton(x):
        for _ in range(8):
            y, J = both(x)
            x = x - np.linalg.solve(J, y)
        return x

    assert_close(np.full(2, math.sqrt(0.5)), newton(X), 1e-15)


def test_results_are_closed_forms_and_arrays_of_their_own(prepared, both):
    y, J = both(X)
    kept = y.copy(), J.copy()
    both(X / 2)
    np.testing.assert_array_equal(y, kept[0])
    np.testing.assert_array_equal(J, kept[1])
    assert_close(value_of_branching(X), y, 1e-15)
    assert_close(jacobian_of_branching(X), J, 1e-15)
    assert_close(jacobian_of_branching(X), prepared.njit()(X), 1e-15)
    assert_close(value_of_branching(X), prepared.njit("value")(X), 1e-15)


def test_out_is_written_and_returned(prepared, both):
    jacobian = prepared.njit()
    out = np.full((2, 2), np.nan)
    assert jacobian(X, out) is out
    assert_close(jacobian_of_branching(X), out, 1e-15)
    y = np.full(2, np.nan)
    both(X, (y, out))
    assert_close(value_of_branching(X), y, 1e-15)
    y2, J2 = both(X / 2, (None, out))
    assert_close(jacobian_of_branching(X / 2), J2, 1e-15)
    assert J2 is out and y2 is not y


def test_the_value_may_be_written_over_its_argument(prepared):
    x = X.copy()
    prepared.njit("value")(x, x)
    assert_close(value_of_branching(X), x, 1e-15)


@pytest.mark.parametrize("shift", [0, 1, -3])
def test_a_derivative_on_its_argument_is_refused(prepared, shift):
    memory = np.arange(16.0) / 20
    out = memory[6:10].reshape(2, 2)
    x = memory[6 + shift : 8 + shift]
    before = memory.copy()
    apart = shift == -3
    if apart:
        assert_close(jacobian_of_branching(x), prepared.njit()(x, out), 1e-15)
        return
    with pytest.raises(ValueError, match="shares memory"):
        prepared.njit()(x, out)
    np.testing.assert_array_equal(memory, before)


# --- Where f would do otherwise ------------------------------------------------------------------


def test_another_branch_raises_and_leaves_no_number(prepared):
    jacobian = prepared.njit()
    out = np.zeros((2, 2))
    with pytest.raises(ValueError, match="derivative of branching: f goes another way"):
        jacobian(OTHER, out)
    assert np.isnan(out).all()

    @numba.njit
    def caught(x):
        try:
            return jacobian(x)[0, 0]
        except Exception:
            return -1.0

    assert (caught(X), caught(OTHER)) == (1.0, -1.0)
    assert caught(np.array([np.nan, 0.25])) == -1.0


def test_all_ways_that_are_known_are_served():
    prepared = dm.prepare(branching, X)
    both = prepared.njit("both", points=[(OTHER,)])
    assert prepared.paths == 2
    for x in (X, OTHER, X / 3, OTHER * 2):
        y, J = both(x)
        assert_close(value_of_branching(x), y, 1e-15)
        assert_close(jacobian_of_branching(x), J, 1e-15)
    assert prepared.njit("both", points=[(OTHER,)]) is both  # nothing is compiled again
    assert prepared.njit("both") is both
    with pytest.raises(ValueError, match="points must have the shapes"):
        dm.prepare(np.sin, X).njit(points=[(np.ones(3),)])
    with pytest.raises(TypeError, match="points must be tuples"):
        prepared.njit(points=[OTHER])


def test_without_raising_what_fails_is_nan(prepared):
    both = prepared.njit("both", raises=False)
    slopes = dm.prepare(lambda t: t**2 if t < 1 else t, 0.5).njit(raises=False)

    @numba.njit(parallel=True)
    def filled(x, outs):
        for i in numba.prange(len(x)):
            both(x[i], (None, outs[i]))
        return slopes(x[1, 0])

    outs = np.zeros((3, 2, 2))
    assert math.isnan(filled(np.array([X, OTHER, X / 2]), outs))
    assert_close(jacobian_of_branching(X), outs[0], 1e-15)
    assert np.isnan(outs[1]).all()
    assert_close(jacobian_of_branching(X / 2), outs[2], 1e-15)
    memory = np.zeros(5)
    both(memory[3:], (None, memory[:4].reshape(2, 2)))
    assert np.isnan(memory[:4]).all()
    with pytest.raises(ValueError, match="must have the shape"):
        both(memory)


def test_counts_that_values_decide_are_never_another_ones():
    def f(x):
        n, y = 0, x[0]
        while y > 1:
            n, y = n + 1, y / 2
        return n * x

    jacobian = dm.prepare(f, X).njit(points=[(X * 3,), (X * 12,)])
    served = []
    for x0 in [*np.linspace(0.1, 20.0, 100), 1.0, 2.0, 4.0, np.nextafter(4.0, 5.0)]:
        n = max(0, math.ceil(math.log2(x0)))
        try:
            J = jacobian(np.array([x0, 0.5]))
        except ValueError:
            served.append((n, False))
        else:
            served.append((n, True))
            np.testing.assert_array_equal(J, n * np.eye(2))
    assert set(served) == {(0, True), (1, True), (2, False), (3, True), (4, False), (5, False)}


def test_infinite_derivatives_raise():
    root = dm.prepare(np.sqrt, X).njit("both")
    with pytest.raises(FloatingPointError, match="infinite or NaN"):
        root(np.array([0.0, 1.0]))
    assert_close(np.diag([0.5, 0.25]), root(np.array([1.0, 4.0]))[1], 1e-15)


def test_infinite_values_are_as_f_gives_them():
    value = dm.prepare(lambda x: 1.0 / x, X).njit("value")
    np.testing.assert_array_equal(value(np.array([0.0, -4.0])), [np.inf, -0.25])


def test_what_f_reads_elsewhere_is_frozen(monkeypatch):
    prepared = dm.prepare(rated, X)
    jacobian = prepared.njit()
    monkeypatch.setattr(sys.modules[__name__], "RATE", 5.0)
    assert_close(np.diag(4.0 * X), jacobian(X), 1e-15)  # as documented: as it was
    assert_close(np.diag(10.0 * X), prepared.njit()(X), 1e-15)  # asked anew, recorded anew
    assert_close(np.diag(4.0 * X), jacobian(X), 1e-15)


# --- Arguments -----------------------------------------------------------------------------------


def test_several_arguments_and_their_layouts():
    rng = np.random.default_rng(1)
    u, k, m = rng.normal(size=3), rng.normal(size=3), rng.normal(size=(3, 3))
    prepared = dm.prepare(of_several, 0.5, u, k, "two", m, argnums=1)
    jacobian = prepared.njit()  # name is frozen, and no argument

    def expected(t, u, k, m):
        return np.diag(2.0 * t * k * np.cos(u)) + m

    wide = rng.normal(size=6)
    for args in (
        (0.5, u, k, m),
        (2, u, k, m),
        (0.5, wide[::2], k[::-1], m.T),
        (0.5, np.array([1, 2, 3]), k, m),
    ):
        assert_close(expected(*args), jacobian(*args), 1e-14)
    frozen = k.copy()
    frozen.flags.writeable = False
    assert_close(expected(0.5, u, k, m), jacobian(0.5, u, frozen, m=m), 1e-14)
    with pytest.raises(ValueError, match=r"u must have the shape \(3,\)"):
        jacobian(0.5, wide, k, m)
    with pytest.raises(ValueError, match=r"m must have the shape \(3, 3\)"):
        jacobian(0.5, u, k, m[:2])


@pytest.mark.parametrize("arguments, words", [
    ((X.astype(np.float32),), r"x must be an array of float64 .* x.astype\(np.float64\)"),
    ((X > 0,), "x must be an array of float64"),
    ((X + 0j,), "x must be an array of float64"),
    ((0.5,), "x must be an array of float64 of 1 dim"),
    ((X[:, None],), "x must be an array of float64 of 1 dim"),
    ((X, np.zeros((2, 2), np.float32)), "out must be a C-ordered array of float64"),
    ((X, np.zeros((2, 2)).T), "out must be a C-ordered array of float64"),
    ((X, np.zeros(4)), "out must be a C-ordered array of float64 of 2 dim"),
])  # fmt: skip
def test_other_types_are_refused_where_they_are_compiled(prepared, arguments, words):
    with pytest.raises(TypingError, match=words):
        prepared.njit()(*arguments)


def test_out_of_another_shape_or_read_only(prepared):
    with pytest.raises(ValueError, match=r"out must have the shape \(2, 2\)"):
        prepared.njit()(X, np.zeros((3, 2)))
    out = np.zeros((2, 2))
    out.flags.writeable = False
    with pytest.raises(TypingError, match="may be written"):
        prepared.njit()(X, out)
