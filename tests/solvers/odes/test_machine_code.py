"""Right-hand sides as machine code that is kept: never for another function than it was made of."""

import math
import threading

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import dualmc as dm
from dualmc.solvers.odes import compiled
from tests.oracles.expecting import raises

OPTIONS = {"method": "BDF", "rtol": 1e-8, "atol": 1e-10}  # above 100 evaluations
RATE = 2.0
both_modes = pytest.mark.parametrize("mode", [dm.jacobian_fwd, dm.jacobian_rev])


def solved(rhs, **options):
    return solve_ivp(rhs, (0, 1), [1.0], **{**OPTIONS, **options}).y[0, -1]


@both_modes
def test_constants_of_a_closure_change_from_one_solution_to_the_next(mode):
    for constant in (1.0, 3.0, np.array([2.0]), 3.0):

        def f(p, constant=constant):
            return solved(lambda t, y: -p[0] * constant * y)

        c = float(np.sum(constant))
        np.testing.assert_allclose(mode(f, [0.5]), [-c * math.exp(-0.5 * c)], rtol=1e-6)


def test_a_global_name_changes_from_one_solution_to_the_next(monkeypatch):
    def f(p):
        return solved(lambda t, y: -p[0] * RATE * y)

    for rate in (2.0, 1.0, 2.0):
        monkeypatch.setitem(globals(), "RATE", rate)
        np.testing.assert_allclose(
            dm.jacobian_fwd(f, [0.5]), [-rate * math.exp(-0.5 * rate)], rtol=1e-6
        )


def test_machine_code_is_kept_and_lets_go_of_what_it_was_bound_to():
    def f(p):
        return solved(lambda t, y: -p[0] * y)

    dm.jacobian_fwd(f, [0.5])
    known = len(compiled._kept)
    np.testing.assert_allclose(dm.jacobian_fwd(f, [0.7]), [-math.exp(-0.7)], rtol=1e-6)
    assert len(compiled._kept) == known > 0
    for kept in compiled._kept:
        assert not kept.free.locked()
        for cell, _ in kept.lifted._filled:
            assert cell.cell_contents is None


def test_chunks_on_which_only_some_parameters_vary():
    def f(p):
        start, rate, gain, _ = p

        def rhs(t, y):
            return gain - rate * y

        options = {"method": "RK45", "rtol": 1e-9, "max_step": 0.02}  # above 100 evaluations
        return solve_ivp(rhs, (0, 1), [start], **options).y[0, -1]

    end = np.exp(-0.5)
    by_rate = -2 * end - 3 * (1 - 1.5 * end) / 0.25
    expected = [end, by_rate, (1 - end) / 0.5, 0.0]
    for chunk_size in (1, 2, 3, 4):
        J = dm.jacobian_fwd(f, [2.0, 0.5, 3.0, 1.0], chunk_size=chunk_size)
        np.testing.assert_allclose(J, expected, rtol=1e-6)


@both_modes
def test_branches_that_depend_on_the_state(mode):
    """y' = -p above 1/2, and -p y below: another way through the function on the way."""

    def f(p):
        def rhs(t, y):
            return [-p[0]] if y[0] > 0.5 else [-2 * p[0] * y[0]]

        return solved(rhs)

    # 1/2 is reached at s = 1 / (2 p); then y = exp(-2 p (t - s)) / 2 = exp(1 - 2 p t) / 2.
    np.testing.assert_allclose(mode(f, [1.5]), [-math.exp(1 - 3.0)], rtol=1e-4)


@both_modes
def test_a_right_hand_side_that_counts(mode):
    def f(p):
        count = 0

        def rhs(t, y):
            nonlocal count
            count += 1
            return -p[0] * y

        y = solved(rhs)
        assert count > 10
        return y

    np.testing.assert_allclose(mode(f, [0.5]), [-math.exp(-0.5)], rtol=1e-6)


@both_modes
def test_functions_within_functions_and_parameters_twice(mode):
    def f(p):
        k, (a, b) = p[0], (p[1], 2.0)

        def rate(y):
            return k * a / b * y

        return solved(lambda t, y, c, d=1.0: -rate(y) * c / d, args=(k,))

    k, a = 0.5, 3.0
    r = k * k * a / 2
    expected = [-k * a * math.exp(-r), -k * k / 2 * math.exp(-r)]
    np.testing.assert_allclose(mode(f, [k, a]), expected, rtol=1e-6)


class Model:
    def __init__(self, k):
        self.k = k
        self.calls = 0

    def rhs(self, t, y):
        self.calls += 1
        return -self.k * y


@both_modes
def test_parameters_of_an_object_that_changes(mode):
    def f(p):
        model = Model(p[0])
        y = solved(model.rhs)
        assert model.calls > 10
        return y

    np.testing.assert_allclose(mode(f, [0.5]), [-math.exp(-0.5)], rtol=1e-6)


def test_a_variable_that_an_event_changes_is_refused():
    def f(p):
        is_on = True

        def event(t, y):
            nonlocal is_on
            is_on = t < 0.5
            return 1.0

        return solved(lambda t, y: -p[0] * y if is_on else 0 * y, events=event)

    with raises(dm.TangentLostError, "is assigned to while the equation is solved"):
        dm.jacobian_fwd(f, [1.0])


def test_a_right_hand_side_that_solves_an_equation_itself():
    def f(p):
        def inner(x):
            return solve_ivp(lambda t, y: -p[0] * y, (0, 1), [x], rtol=1e-7, atol=1e-9).y[0, -1]

        return solve_ivp(lambda t, y: [-inner(y[0])], (0, 1), [1.0], rtol=1e-5, atol=1e-7).y[0, -1]

    rate = math.exp(-0.5)
    np.testing.assert_allclose(f([0.5]), math.exp(-rate), rtol=1e-4)
    np.testing.assert_allclose(dm.jacobian_fwd(f, [0.5]), [rate * math.exp(-rate)], rtol=1e-4)


def test_threads():
    found = {}

    def differentiate(k):
        found[k] = dm.jacobian_fwd(lambda p: solved(lambda t, y: -p[0] * y), [k])[0]

    threads = [threading.Thread(target=differentiate, args=(k,)) for k in (0.2, 0.5, 0.9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k, J in found.items():
        np.testing.assert_allclose(J, -math.exp(-k), rtol=1e-6)
    assert len(found) == 3
