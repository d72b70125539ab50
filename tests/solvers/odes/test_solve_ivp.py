"""`solve_ivp` inside a differentiated f, against closed forms of the solutions."""

import functools
import math

import numpy as np
import pytest
from scipy.integrate import BDF, DOP853, solve_ivp

import dualmc as dm
from tests.oracles.expecting import raises

METHODS = ("RK23", "RK45", "DOP853", "Radau", "BDF", "LSODA")
STRICT = {"rtol": 1e-9, "atol": 1e-11}
both_modes = pytest.mark.parametrize("mode", [dm.jacobian_fwd, dm.jacobian_rev])


def oscillator(w, a, t):
    """y'' = -w^2 y from (a, 0) at 0."""
    return np.stack([a * np.cos(w * t), -a * w * np.sin(w * t)])


def decay(k, y0, t):
    return y0 * np.exp(-k * t)


@both_modes
@pytest.mark.parametrize("method", METHODS)
def test_state_parameters_and_times(method, mode):
    """By the frequency (args), the start (y0), and both ends of the interval."""

    def f(p):
        def rhs(t, y, w):
            return [y[1], -(w**2) * y[0]]

        tight = {"rtol": 1e-8, "atol": 1e-9} if method == "RK23" else STRICT
        return solve_ivp(rhs, (p[2], p[3]), [p[1], 0.0], method, args=(p[0],), **tight).y[:, -1]

    p = np.array([1.3, 0.7, 0.2, 1.9])
    w, a, start, end = p
    s = end - start
    c, q = math.cos(w * s), math.sin(w * s)
    by_time = np.array([-a * w * q, -a * w * w * c])
    expected = np.array(
        [
            [-a * s * q, c, -by_time[0], by_time[0]],
            [-a * q - a * w * s * c, -w * q, -by_time[1], by_time[1]],
        ]
    )
    np.testing.assert_allclose(mode(f, p), expected, atol=2e-6)


class Decay:
    def __init__(self, k):
        self.k = k

    def rhs(self, t, y):
        return -self.k * y

    def __call__(self, t, y):
        return -self.k * y

    def half(self, t, y):
        return y[0] - 0.5


RIGHT_HAND_SIDES = {
    "closure": lambda k: lambda t, y: -k * y,
    "list": lambda k: lambda t, y: [-k * y[0]],
    "method": lambda k: Decay(k).rhs,
    "object": Decay,
    "partial": lambda k: functools.partial(lambda c, t, y: -c * y, k),
    "late": lambda k: lambda t, y: -k * y if t > 0.4 else -2.0 * y,
}


@pytest.mark.table(3)
@both_modes
@pytest.mark.parametrize("method", ["RK45", "BDF", "LSODA"])
@pytest.mark.parametrize("name", RIGHT_HAND_SIDES)
def test_right_hand_sides(name, method, mode):
    """However it is written; the parameter may matter late only."""

    def f(p):
        rhs = RIGHT_HAND_SIDES[name](p[0])
        return solve_ivp(rhs, (0, 1), [1.0], method, max_step=0.2, rtol=1e-8, atol=1e-10).y[0, -1]

    expected = -0.6 * math.exp(-2.0) if name == "late" else -math.exp(-2.0)
    tolerance = 1e-4 if name == "late" else 1e-6  # the jump is met by error control alone
    np.testing.assert_allclose(mode(f, [2.0]), [expected], rtol=tolerance)


@both_modes
@pytest.mark.parametrize("method", ["RK45", "BDF", "LSODA"])
@pytest.mark.parametrize("is_copied", [False, True])
def test_a_work_array_of_the_right_hand_side(is_copied, method, mode):
    def f(p):
        out = np.zeros(1)

        def rhs(t, y):
            out[0] = -p[0] * y[0]
            return out.copy() if is_copied else out

        return solve_ivp(rhs, (0, 1), [1.0], method, rtol=1e-8, atol=1e-10).y[0, -1]

    np.testing.assert_allclose(mode(f, [2.0]), [-math.exp(-2)], rtol=1e-6)


@both_modes
def test_times_asked_for_move(mode):
    def f(p):
        out = solve_ivp(lambda t, y: -p[0] * y, (0, 3), [1.0], t_eval=p[1:], **STRICT)
        return np.concatenate([out.y[0], out.t])

    k, s, t = p = np.array([2.0, 0.5, 1.0])
    a, b = math.exp(-k * s), math.exp(-k * t)
    expected = [[-s * a, -k * a, 0], [-t * b, 0, -k * b], [0, 1, 0], [0, 0, 1]]
    np.testing.assert_allclose(mode(f, p), expected, atol=1e-8)


@both_modes
def test_times_chosen_by_the_solver_are_constants(mode):
    def f(p):
        out = solve_ivp(lambda t, y: -p[0] * y, (p[1], p[2]), [1.0])
        return np.stack([out.t, out.y[0]])

    p = np.array([2.0, 0.5, 1.0])
    J = mode(f, p)
    assert J.shape == (*f(p).shape, 3)
    expected = np.zeros_like(J[0])
    expected[0, 1] = expected[-1, 2] = 1
    np.testing.assert_allclose(J[0], expected, atol=1e-12)
    np.testing.assert_allclose(J[1, 0], np.zeros(3), atol=1e-12)  # y0, wherever it starts


def test_values_are_the_solvers_own():
    def f(p):
        return solve_ivp(lambda t, y: -p * y, (0, 2), np.ones(3), "BDF").y

    p = np.array([0.5, 1.0, 3.0])
    y, J = dm.value_and_jacobian_fwd(f, p)
    np.testing.assert_array_equal(f(p), y)
    assert J.shape == (*y.shape, 3)


def test_columns_in_chunks_and_sparse_agree():
    def f(p):
        return solve_ivp(lambda t, y: -p * y, (0, 2), np.ones(20), **STRICT).y[:, -1]

    p = np.linspace(0.1, 2, 20)
    expected = np.diag(-2 * np.exp(-2 * p))
    for J in (
        dm.jacobian_fwd(f, p),
        dm.jacobian_fwd(f, p, chunk_size=3),
        dm.jacobian_fwd(f, p, sparse=True).toarray(),
        dm.jacobian_rev(f, p),
    ):
        np.testing.assert_allclose(J, expected, atol=1e-7)


def test_many_small_problems_are_as_large_as_what_they_depend_on():
    sizes = []

    def f(p):
        def rhs(t, y, k):
            sizes.append(y.shape)
            return -k * y

        return np.stack([solve_ivp(rhs, (0, 1), [1.0], args=(k,)).y[0, -1] for k in p])

    J = dm.jacobian_fwd(f, np.linspace(0.1, 2, 40), sparse=True)
    assert J.nnz == 40
    assert set(sizes) == {(1,)}


@both_modes
def test_derivatives_have_the_error_control_too(mode):
    """From an equilibrium the state alone would be integrated in a few huge steps."""

    def f(y0):
        return solve_ivp(lambda t, y: -3 * (y - 1), (0, 10), y0, t_eval=[0.5, 10.0]).y[0]

    np.testing.assert_allclose(mode(f, [1.0])[:, 0], [math.exp(-1.5), 0], atol=1e-3)


def test_error_control_does_not_depend_on_the_units_of_a_parameter():
    """A rate of 1e9 has derivatives of 1e-9, far below atol, which keep their digits."""

    def f(p):
        return solve_ivp(lambda t, y: -p[0] * y, (0, 2e-9), [1.0], rtol=1e-8, atol=1e-8).y[0, -1]

    np.testing.assert_allclose(
        dm.jacobian_fwd(f, [1e9])[0], -2e-9 * math.exp(-2), rtol=1e-6, atol=0
    )


def falling(events, p, **options):
    """A ball that falls from the height p[1] under the gravity p[0]."""
    return solve_ivp(
        lambda t, y: [y[1], -p[0]], (0, 100), [p[1], 0.0], events=events, **STRICT, **options
    )


def hits(t, y):
    return y[0]


hits.terminal = True


@both_modes
def test_a_terminal_event_and_the_state_there(mode):
    def f(p):
        out = falling(hits, p)
        return np.concatenate([out.t_events[0], out.y_events[0][0], out.t[-1:], out.y[:, -1]])

    g, h = p = np.array([9.81, 3.0])
    t, v = math.sqrt(2 * h / g), -math.sqrt(2 * g * h)
    by_time, by_speed = [-0.5 * t / g, 0.5 * t / h], [0.5 * v / g, 0.5 * v / h]
    expected = [by_time, [0, 0], by_speed, by_time, [0, 0], by_speed]
    np.testing.assert_allclose(mode(f, p), expected, atol=1e-9)


@both_modes
@pytest.mark.parametrize("method", METHODS)
def test_events_of_several_functions(method, mode):
    """The level crossed is a parameter; one event stops at its third time."""

    def f(p):
        def stop(t, y, *args):
            return y[0]

        stop.terminal = 3
        events = [lambda t, y, level: y[1] - level, stop]
        out = solve_ivp(
            lambda t, y, level: [y[1], -(p[0] ** 2) * y[0]], (0, 100), [0.0, 1.0], method,
            events=events, args=(p[1],), t_eval=[1.0], rtol=1e-8, atol=1e-10,
        )  # fmt: skip
        return np.concatenate([out.t_events[0], out.t_events[1][1:], out.y_events[0].ravel()])

    w, c = p = np.array([2.0, 0.6])
    t, slope = math.acos(c) / w, -1 / (w * math.sqrt(1 - c * c))
    period, s = 2 * math.pi / w, math.sqrt(1 - c * c)
    np.testing.assert_allclose(f(p)[:2], [t, period - t], rtol=1e-4)
    expected = [
        [-t / w, slope],
        [-(period - t) / w, -slope],
        [-period / 2 / w, 0],
        [-period / w, 0],
        [-s / w**2, -c / s / w],
        [0, 1],
        [s / w**2, c / s / w],
        [0, 1],
    ]
    np.testing.assert_allclose(mode(f, p), expected, atol=2e-5)


def test_second_derivatives_of_an_event():
    expected = dm.hessian(lambda p: np.sqrt(2 * p[1] / p[0]), [9.81, 3.0])
    found = dm.hessian(lambda p: falling(hits, p).t_events[0][0], [9.81, 3.0])
    np.testing.assert_allclose(found, expected, rtol=1e-8)


@pytest.mark.parametrize("step", [np.sign, lambda v: 1.0 if v > 0 else -1.0])
def test_an_event_that_jumps_is_refused(step):
    """Its time depends on the parameter, which the event's own derivative does not tell."""

    def f(p):
        out = solve_ivp(lambda t, y: [1.0], (0, 2), [0.0], events=lambda t, y: step(y[0] - p[0]))
        return out.t_events[0]

    np.testing.assert_allclose(f([0.5]), [0.5])
    # SciPy's search for the event is noticed as halving, before its time is asked for.
    with raises(dm.TangentLostError, "decides ever closer to where it would switch"):
        dm.jacobian_fwd(f, [0.5])


@both_modes
def test_dense_output(mode):
    def f(p):
        sol = solve_ivp(lambda t, y: -p[0] * y, (0, 2), [p[1]], dense_output=True, **STRICT).sol
        assert (sol.t_min, sol.t_max) == (0, 2)
        return np.concatenate([sol(p[2]), sol(np.array([0.1, 0.5]))[0], sol(p[2:] * [1, 2])[0]])

    k, a, t = p = np.array([1.3, 0.7, 0.8])
    expected = [
        [-s * decay(k, a, s), decay(k, 1.0, s), rate * -k * decay(k, a, s)]
        for s, rate in ((t, 1), (0.1, 0), (0.5, 0), (t, 1), (2 * t, 2))
    ]
    np.testing.assert_allclose(mode(f, p), expected, atol=1e-8)


def logistic(p, method="RK45", rtol=1e-9):
    """y' = -a y^2 from b: b / (1 + a b t)."""
    out = solve_ivp(lambda t, y: -p[0] * y * y, (0, 2), [p[1]], method, rtol=rtol, atol=1e-9)
    return out.y[0, -1]


@pytest.mark.parametrize("method", METHODS[1:])
def test_second_derivatives(method):
    p = np.array([1.3, 0.7])

    def f(p):
        return logistic(p, method, 1e-5 if method in ("Radau", "BDF") else 1e-9)

    expected = dm.hessian(lambda p: p[1] / (1 + 2 * p[0] * p[1]), p)
    for found in (
        dm.hessian(f, p),
        dm.jacobian_rev(lambda p: dm.gradient(f, p), p),
        dm.jacobian_fwd(lambda p: dm.jacobian_fwd(f, p), p),
        np.stack([dm.hvp(f, p, v) for v in np.eye(2)]),
    ):
        tolerance = 1e-4 if method in ("Radau", "BDF") else 1e-8
        np.testing.assert_allclose(found, expected, atol=tolerance)


def test_third_derivatives():
    p = np.array([1.3, 0.7])
    expected = dm.jacobian_fwd(lambda p: dm.hessian(lambda q: q[1] / (1 + 2 * q[0] * q[1]), p), p)
    found = dm.jacobian_fwd(lambda p: dm.hessian(lambda q: logistic(q, "DOP853", 1e-7), p), p)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_inner_and_outer_inputs_are_kept_apart():
    """d/da of (a dy/db) where y = b exp(-a t)."""

    def outer(a):
        def inner(b):
            return solve_ivp(lambda t, y: -a * y, (0, 1), np.stack([b]), **STRICT).y[0, -1]

        return a * dm.derivative(inner, 2.0)

    np.testing.assert_allclose(dm.derivative(outer, 1.5), (1 - 1.5) * math.exp(-1.5), atol=1e-8)


@pytest.mark.parametrize("method", [DOP853, type("Mine", (BDF,), {})])
def test_methods_given_as_classes(method):
    def f(p):
        return solve_ivp(lambda t, y: -p[0] * y, (0, 1), [1.0], method, **STRICT).y[0, -1]

    np.testing.assert_allclose(dm.jacobian_fwd(f, [2.0]), [-math.exp(-2)], atol=1e-7)


@pytest.mark.parametrize("method", ["BDF", "Radau"])
@pytest.mark.parametrize("is_sparse", [False, True])
def test_implicit_methods_factorise_matrices_of_the_state_alone(method, is_sparse, monkeypatch):
    """Diffusion: n = 8 states and 8 inputs, of which the enlarged system has 72 numbers."""
    import scipy.integrate._ivp
    from scipy.linalg import lapack

    n, sizes = 8, []
    module = getattr(scipy.integrate._ivp, method.lower())
    for place, name in ((lapack, "dgetrf"), (lapack, "zgetrf"), (module, "splu")):
        original = getattr(place, name)

        def spy(A, *args, original=original, **options):
            sizes.append(A.shape)
            return original(A, *args, **options)

        monkeypatch.setattr(place, name, spy)
    second = (np.eye(n, k=1) + np.eye(n, k=-1) - 2 * np.eye(n)) * (n + 1) ** 2

    def f(u):
        sparsity = {"jac_sparsity": second != 0} if is_sparse else {}
        return solve_ivp(
            lambda t, u: second @ u, (0, 0.05), u, method, rtol=1e-8, atol=1e-10, **sparsity
        ).y[:, -1]

    values, vectors = np.linalg.eigh(second)
    expected = vectors * np.exp(0.05 * values) @ vectors.T
    np.testing.assert_allclose(dm.jacobian_fwd(f, np.ones(n)), expected, atol=1e-7)
    assert len(sizes) > 10
    assert set(sizes) == {(n, n)}


def test_vectorized_and_a_jacobian_of_the_users():
    def f(p):
        out = solve_ivp(
            lambda t, y: -p[0] * y, (0, 1), [1.0, 2.0], "Radau", vectorized=True,
            jac=lambda t, y: -p[0] * np.eye(2), **STRICT,
        )  # fmt: skip
        return out.y[:, -1]

    expected = [[-math.exp(-2)], [-2 * math.exp(-2)]]
    np.testing.assert_allclose(dm.jacobian_fwd(f, [2.0]), expected, atol=1e-8)


@both_modes
def test_backwards_and_over_no_time(mode):
    def f(p):
        return np.concatenate(
            [
                solve_ivp(lambda t, y: -p[0] * y, span, p[1:], **STRICT).y[:, -1]
                for span in ((1, 0), (0, 0))
            ]
        )

    e = math.exp(2.0)
    np.testing.assert_allclose(mode(f, [2.0, 0.5]), [[0.5 * e, e], [0, 1]], rtol=1e-8)


def test_a_problem_without_dependence_is_the_solvers_own():
    def f(p):
        out = solve_ivp(lambda t, y: -2 * y, (0, 1), [1.0])
        assert type(out.y) is np.ndarray
        return p * out.y[0, -1]

    np.testing.assert_allclose(dm.jacobian_fwd(f, 3.0), math.exp(-2), rtol=2e-3)


def test_prepare_says_why_it_does_not_replay():
    with pytest.warns(UserWarning, match="solve_ivp, whose steps depend on values"):
        prepared = dm.prepare(logistic, [1.3, 0.7])
    expected = dm.jacobian_fwd(lambda p: p[1] / (1 + 2 * p[0] * p[1]), [1.0, 2.0])
    np.testing.assert_allclose(prepared([1.0, 2.0]), expected, atol=1e-7)


def test_a_state_kept_from_another_time_is_refused_in_reverse_mode():
    def f(p):
        kept = []

        def rhs(t, y):
            kept.append(y)
            return -p[0] * kept[len(kept) // 2]

        return solve_ivp(rhs, (0, 1), [1.0]).y[0, -1]

    with pytest.raises(dm.TangentLostError, match="at another time|do not store Duals outside"):
        dm.jacobian_rev(f, [1.0])


def test_complex_states_are_refused():
    def f(p):
        return solve_ivp(lambda t, y: 1j * p[0] * y, (0, 1), [1.0 + 0j]).y[0].real

    with raises(dm.TangentLostError, "Write the equations for the real and the imaginary parts"):
        dm.jacobian_fwd(f, [1.0])


def test_outside_of_derivative_calls_nothing_changes():
    out = solve_ivp(Decay(2.0).rhs, (0, 1), [1.0], events=Decay(2.0).half)
    again = solve_ivp(Decay(2.0).rhs, (0, 1), [1.0], events=Decay(2.0).half)
    assert type(out.t) is np.ndarray
    np.testing.assert_array_equal(out.t_events[0], again.t_events[0])
