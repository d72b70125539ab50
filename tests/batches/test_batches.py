"""One f at many points against the loop over fresh calls that it stands for."""

import math

import numpy as np
import pytest
from expecting import raises_literally as raises

import dualmc as dm
from dualmc.batches import verbs

RNG = np.random.default_rng(17)


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch):
    """Machine code for a handful of points, so that tests are quick."""
    monkeypatch.setattr(verbs, "MANY", 4)


def neuron(x):
    return np.maximum(0.0, np.array([0.5, -2.0, 1.0]) @ x + 0.1)


def rates(y):
    slow, back, fast = 0.04 * y[0], 1e4 * y[1] * y[2], 3e7 * y[1] ** 2
    return [back - slow, slow - back - fast, fast]


def branches(x):
    a, b, c = x
    r = math.sin(a) * c if a > b else math.exp(b) - c
    for _ in range(int(4 * c)):
        r = r * a + b
    return r


def turned(x):
    angle = np.sqrt(x @ x)
    return np.cross(x, [1.0, 2.0, 3.0]) * np.sin(angle) / angle + x * (1 - np.cos(angle))


def matrix(x):
    return np.outer(x, x)[1:]


def energy(x):
    return np.sum(x**3) * x[0]


def number(x):
    return x**2 * math.cos(x)


VECTORS = [neuron, rates, branches, turned, matrix, energy]
every = pytest.mark.parametrize("f", VECTORS, ids=lambda f: f.__name__)


def looped(verb, f, X, *rest, **options):
    return [verb(f, x, *rest, **options) for x in X]


def points(count=9):
    return RNG.uniform(0.1, 1.5, (count, 3))


@every
def test_jacobians_are_those_of_the_points(f):
    X = points()
    expected = np.array(looped(dm.jacobian_fwd, f, X))
    found = dm.jacobian_fwd(f, X, batch=True)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, 1e-12, 1e-12)
    y, J = dm.value_and_jacobian_fwd(f, X, batch=True)
    np.testing.assert_array_equal(J, found)
    np.testing.assert_allclose(y, [f(x) for x in X], 1e-12)
    turned = dm.jacobian_fwd(f, X, batch=True, layout="denominator")
    of_points = np.array(looped(dm.jacobian_fwd, f, X, layout="denominator"))
    np.testing.assert_allclose(turned, of_points, 1e-12, 1e-12)


@pytest.mark.parametrize("f", [neuron, branches, energy], ids=lambda f: f.__name__)
def test_gradients_and_hessians(f):
    X = points()
    g = dm.gradient(f, X, batch=True)
    np.testing.assert_allclose(g, looped(dm.gradient, f, X), 1e-12, 1e-12)
    y, g_too = dm.value_and_gradient(f, X, batch=True)
    np.testing.assert_array_equal(g_too, g)
    np.testing.assert_allclose(y, [f(x) for x in X], 1e-12)
    H = dm.hessian(f, X, batch=True)
    np.testing.assert_allclose(H, looped(dm.hessian, f, X), 1e-11, 1e-12)


@every
def test_a_prepared_function_gives_its_own_bits(f):
    J = dm.prepare(f, np.array([0.3, 0.2, 0.1]))
    X = points(30)
    found = J(X, batch=True)
    expected = np.array([J(x) for x in X])
    np.testing.assert_array_equal(found, expected)
    y, again = J.value_and_jacobian(X, batch=True)
    np.testing.assert_array_equal(again, expected)
    np.testing.assert_array_equal(y, [J.value_and_jacobian(x)[0] for x in X])


def test_the_loop_answers_all_points_but_those_of_other_ways():
    J = dm.prepare(neuron, np.ones(3))
    J(points(50), batch=True)
    assert (J.replays, J.fresh_calls) == (50, 0)


# --- Which arguments have the axis ----------------------------------------------------------------


def test_gradients_by_shared_weights_at_many_samples():
    w, X = np.array([0.3, -0.2, 0.5]), points()
    g = dm.gradient(lambda w, x: np.tanh(w @ x), w, X, batch=(1,))
    np.testing.assert_allclose(g, X / np.cosh(X @ w)[:, None] ** 2, 1e-13)


def test_rates_at_many_times_and_states():
    T, Y = np.linspace(0.0, 1.0, 9), points()
    J = dm.jacobian_fwd(lambda t, y: t * y**2, T, Y, argnums=1, batch=(0, 1))
    np.testing.assert_allclose(J, 2 * T[:, None, None] * Y[:, None] * np.eye(3), 1e-15)


@pytest.mark.parametrize("layout", ["numerator", "denominator"])
def test_several_arguments_in_the_order_asked(layout):
    def f(a, b, scale):
        return scale * np.outer(a[:2], b)

    A, B = points(), points()
    found = dm.jacobian_fwd(f, A, B, 2.0, argnums=(1, 0), batch=True, layout=layout)
    each = [
        dm.jacobian_fwd(f, a, b, 2.0, argnums=(1, 0), layout=layout)
        for a, b in zip(A, B, strict=True)
    ]
    for k, J in enumerate(found):
        np.testing.assert_allclose(J, np.array([J_p[k] for J_p in each]), 1e-15)


def test_arguments_that_decide_at_every_point():
    """Whole numbers, texts and objects are part of the way that f goes there."""
    X = points(6)
    J = dm.jacobian_fwd(lambda x, k: x**k, X, np.arange(6), batch=(0, 1))
    np.testing.assert_allclose(J, [np.diag(k * x ** max(k - 1, 0)) for k, x in enumerate(X)])
    kinds = np.array(["a", "b"] * 3)
    J = dm.jacobian_fwd(lambda x, kind: x * (2 if kind == "a" else 3), X, kinds, batch=(0, 1))
    np.testing.assert_array_equal(J[:, 0, 0], [2, 3] * 3)
    given = [{"k": float(k)} for k in range(6)]
    J = dm.jacobian_fwd(lambda x, d: x * d["k"], X, given, batch=(0, 1))
    np.testing.assert_array_equal(J[:, 0, 0], range(6))
    data = [np.ones(k) for k in range(6)]
    J = dm.jacobian_fwd(lambda x, a: x * a.sum(), X, data, batch=(0, 1))
    np.testing.assert_array_equal(J[:, 0, 0], range(6))


# --- Kinds of x and of what f returns -------------------------------------------------------------


def test_numbers_and_matrices():
    x = RNG.uniform(0.1, 2.0, 9)
    expected = 2 * x * np.cos(x) - x**2 * np.sin(x)
    np.testing.assert_allclose(dm.jacobian_fwd(number, x, batch=True), expected, 1e-13)
    A = RNG.random((6, 2, 2))
    J = dm.jacobian_fwd(lambda a: a @ a, A, batch=True)
    assert J.shape == (6, 2, 2, 2, 2)
    np.testing.assert_allclose(J, looped(dm.jacobian_fwd, lambda a: a @ a, A), 1e-15)


@pytest.mark.parametrize(
    "X",
    [
        RNG.random((18, 6))[::2, ::2],
        np.asfortranarray(RNG.random((9, 3))),
        RNG.random((9, 3))[::-1],
        RNG.random((9, 3)).astype(np.float32),
        np.arange(27).reshape(9, 3),
        RNG.random((9, 3)).astype(">f8"),
        RNG.random((9, 3)).tolist(),
    ],
    ids=["strided", "fortran", "backwards", "float32", "whole", "big-endian", "list"],
)
def test_how_points_lie_in_memory(X):
    J = dm.jacobian_fwd(lambda x: x * x[0], X, batch=True)
    expected = np.array([dm.jacobian_fwd(lambda x: x * x[0], x) for x in X])
    np.testing.assert_array_equal(J, expected)
    assert J.dtype == expected.dtype


def test_points_are_neither_written_to_nor_need_be_writable():
    def writes(x):
        x[0] = 2 * x[1]
        return x * x

    X = points()
    before = X.copy()
    X.flags.writeable = False
    J = dm.jacobian_fwd(writes, X, batch=True)
    np.testing.assert_array_equal(X, before)
    np.testing.assert_allclose(J, looped(dm.jacobian_fwd, writes, X), 1e-15)


def same_structure(found, each):
    """Whether `found` is, leaf by leaf, the list `each` stacked."""
    if isinstance(found, dict):
        return all(same_structure(found[key], [r[key] for r in each]) for key in found)
    if isinstance(found, tuple):
        return all(same_structure(found[k], [r[k] for r in each]) for k in range(len(found)))
    return np.shape(found) == np.shape(each) and np.allclose(found, each, 1e-14, 0)


@pytest.mark.parametrize("layout", ["numerator", "denominator"])
def test_structures(layout):
    def f(d):
        return {"s": d["a"] * d["b"], "t": (d["a"].sum(), d["b"] ** 2)}

    X = {"a": RNG.random((6, 2)), "b": RNG.random(6)}
    at = [{"a": a, "b": b} for a, b in zip(X["a"], X["b"], strict=True)]
    J = dm.jacobian_fwd(f, X, batch=True, layout=layout)
    assert same_structure(J, [dm.jacobian_fwd(f, x, layout=layout) for x in at])
    y, _ = dm.value_and_jacobian_fwd(f, X, batch=True)
    assert same_structure(y, [f(x) for x in at])

    def g(d):
        return d["a"] @ d["a"] * d["b"]

    assert same_structure(dm.gradient(g, X, batch=True), [dm.gradient(g, x) for x in at])
    assert same_structure(dm.hessian(g, X, batch=True), [dm.hessian(g, x) for x in at])


def test_structures_out_of_arrays():
    X = points()
    J = dm.jacobian_fwd(lambda x: {"p": x * x[0], "q": x.sum()}, X, batch=True)
    assert same_structure(J, looped(dm.jacobian_fwd, lambda x: {"p": x * x[0], "q": x.sum()}, X))


def test_values_keep_their_type():
    y, J = dm.value_and_jacobian_fwd(lambda x: np.array([1, 2]), points(), batch=True)
    assert y.dtype == int and J.shape == (9, 2, 3) and not J.any()


# --- Where a loop has to be as careful as single calls --------------------------------------------


def test_conventions_at_kinks():
    X = points()
    X[3], X[5, 1] = 0.5, 0.5

    def f(x):
        return np.maximum(0.0, x - 0.5) * np.abs(x[1] - 0.5) + np.maximum(x, 0.5)

    found, expected = dm.jacobian_fwd(f, X, batch=True), looped(dm.jacobian_fwd, f, X)
    np.testing.assert_allclose(found, expected, 1e-15)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_what_is_not_finite_at_one_point_stays_there():
    X = points()
    X[2], X[4, 0], X[7] = 0.0, np.nan, np.inf

    def f(x):
        return np.where(x > 0, np.sqrt(x), 0) * np.sin(x[0])

    expected = np.array(looped(dm.jacobian_fwd, f, X))
    found = dm.jacobian_fwd(f, X, batch=True)
    np.testing.assert_allclose(found, expected, 1e-12, equal_nan=True)
    assert np.isfinite(found[[0, 1, 2, 3, 5, 6, 8]]).all() and not np.isfinite(found[4]).all()


def test_an_infinite_derivative_is_that_of_a_single_call():
    X = points()
    X[2] = 0.0
    J = dm.jacobian_fwd(np.sqrt, X, batch=True)
    np.testing.assert_array_equal(J[2], np.where(np.eye(3) == 1, np.inf, 0.0))


def test_what_f_raises_says_at_which_point():
    X = points()

    def f(x):
        if x[0] == X[6, 0]:
            raise RuntimeError("the sensor is broken")
        return 2 * x

    with pytest.raises(RuntimeError, match="the sensor is broken") as caught:
        dm.jacobian_fwd(f, X, batch=True)
    assert caught.value.__notes__ == ["jacobian_fwd: this is at point 6 of 9."]
    np.testing.assert_array_equal(dm.jacobian_fwd(f, X[:6], batch=True)[5], 2 * np.eye(3))


def test_shapes_that_depend_on_values_are_refused():
    X = np.ones((9, 3))
    X[5, 1] = -1.0
    with raises(
        ValueError,
        "jacobian_fwd: at point 5 the derivative has shape (2, 3), at point 0 (3, 3). Under batch= "
        "all points need one shape: call it once for each group of points that agree.",
    ):
        dm.jacobian_fwd(lambda x: x[x > 0], X, batch=True)
    with pytest.raises(ValueError, match="at point 5 f returned another structure than at point 0"):
        dm.jacobian_fwd(lambda x: {"a": x} if x[1] > 0 else {"b": x}, X, batch=True)


def test_inside_of_another_derivative():
    X = points()

    def total(s):
        return dm.jacobian_fwd(lambda x: x * x[0] * s, X * s, batch=True).sum()

    by_hand = 2 * 1.3 * sum(3 * x[0] + x.sum() for x in X)
    assert dm.derivative(total, 1.3) == pytest.approx(by_hand, 1e-13)
    assert dm.gradient(total, 1.3) == pytest.approx(by_hand, 1e-13)


def test_kinks_are_reported_at_each_point():
    X = points()
    X[3], X[5] = 0.5, 0.5
    with pytest.warns(dm.KinkWarning), dm.kinks("warn"):
        dm.jacobian_fwd(lambda x: np.maximum(0, x - 0.5), X, batch=True)


def test_functions_that_keep_state_run_at_every_point():
    seen = []

    def f(x):
        seen.append(1)
        return x * len(seen)

    J = dm.jacobian_fwd(f, points(), batch=True)
    assert len(set(J[:, 0, 0])) == 9


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.linalg.solve(np.diag(x) + 1, x),
        lambda x: np.sort(x) * x,
        lambda x: np.exp(1j * x),
        lambda x: sum((x * k for k in range(int(9 * x[0]))), 0 * x),
    ],
    ids=["solve", "sort", "complex", "count"],
)
def test_functions_that_the_loop_does_not_serve(f):
    X = points(12)
    found = dm.jacobian_fwd(f, X, batch=True)
    np.testing.assert_allclose(found, looped(dm.jacobian_fwd, f, X), 1e-12, 1e-14)
