"""When `scipy_jac` makes machine code, and that no result shows it."""

import itertools
import threading
import types
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import dualmc as dm
from dualmc.adapters import derivative as derivative_module
from dualmc.adapters.derivative import TRIALS, Derivative

X = np.array([1.0, -2.0, 3.0])


@pytest.fixture
def cheap(monkeypatch):
    """All takes one second by this clock: one fresh call makes up for machine code."""
    seconds = itertools.count()
    clock = types.SimpleNamespace(perf_counter=lambda: float(next(seconds)))
    monkeypatch.setattr(derivative_module, "time", clock)
    monkeypatch.setattr(Derivative, "price", 1.0)


def counted(f):
    count = threading.local()
    count.n = 0

    def run(*args):
        count.n += 1
        return f(*args)

    return run, lambda: count.n


def curve(x, a=1.0):
    return np.sin(x) * x[0] * a


def only(J):
    """The one derivative that J has."""
    (found,) = J._derivatives.values()
    return found


def test_told_to_it_never_runs_f_for_a_jacobian():
    f, runs = counted(curve)
    J = dm.scipy_jac(f, "root", prepare=True)
    J.jac(X)
    before = runs()
    for k in range(20):
        x = X + 0.1 * k
        np.testing.assert_allclose(J.jac(x), dm.jacobian_fwd(curve, x), rtol=1e-14, atol=1e-16)
    assert runs() == before
    assert "jacobian prepared" in repr(J)
    y = J.fun(X)
    assert y.tobytes() == curve(X).tobytes()  # the value is f's own, to the bit
    assert runs() == before + 1


def test_values_stay_those_of_f_to_the_bit():
    """Those of machine code are so only to rounding."""
    f = lambda x: np.sum(np.exp(x) * x)  # noqa: E731
    J = dm.scipy_jac(f, "minimize", prepare=True)
    rng = np.random.default_rng(3)
    for x in rng.standard_normal((50, 5)):
        assert J.value_and_jac(x)[0].tobytes() == f(x).tobytes()
        assert J.fun(x).tobytes() == f(x).tobytes()


def test_when_it_pays(cheap):
    J = dm.scipy_jac(curve, "root")
    J.jac(X)
    assert only(J).is_replayed


def test_what_it_took_is_what_the_next_is_reckoned_with(monkeypatch):
    monkeypatch.setattr(Derivative, "price", 1e-9)
    J = dm.scipy_jac(curve, "root")
    J.jac(X)
    only(J)._spent = 100.0
    J.jac(X + 1)
    assert only(J).is_replayed
    assert Derivative.price > 1e-4


@pytest.mark.parametrize("price", [0.0, np.inf])
def test_not_before_it_pays_and_never_where_told(price, monkeypatch):
    monkeypatch.setattr(Derivative, "price", price)
    J = dm.scipy_jac(curve, "root", prepare=None if price else False)
    for k in range(30):
        J.jac(X + k)
    assert not only(J).is_replayed


def test_what_costs_more_than_was_spent_waits(monkeypatch):
    """The budget is what fresh calls have taken; twice that is the next try."""

    def long(x):
        for k in range(400):
            x = np.sin(x) + 0.01 * x[::-1] / (k + 1)
        return x

    monkeypatch.setattr(Derivative, "price", np.inf)
    J = dm.scipy_jac(long, "root")
    J.jac(X)
    derivative = only(J)
    derivative._spent, derivative._due = 1e-6, 0.0
    derivative._prepare((X,))
    assert not derivative.is_replayed
    assert "max_seconds" in derivative.reason
    assert derivative._due == 2e-6
    derivative._spent = 100.0
    np.testing.assert_allclose(J.jac(2 * X), dm.jacobian_fwd(long, 2 * X), rtol=1e-12)
    assert derivative.is_replayed


def test_what_cannot_be_replayed_runs_afresh_in_silence(cheap):
    state = {"n": 0}

    def f(x):
        state["n"] += 1
        return x * x

    for how in (None, True):
        J = dm.scipy_jac(f, "root", prepare=how)
        for k in range(4):
            np.testing.assert_array_equal(J.jac(X + k), np.diag(2 * (X + k)))
        assert not only(J).is_replayed
        assert "changes" in only(J).reason


def test_slower_machine_code_is_given_up(cheap):
    J = dm.scipy_jac(curve, "root")
    J.jac(X)
    only(J)._least = 0.0  # nothing is as fast
    for k in range(TRIALS + 1):
        J.jac(X + k)
    assert not only(J).is_replayed
    assert only(J).reason == "a fresh call is faster"


def test_closures_and_branches_that_change(cheap):
    weights = np.ones(3)
    f = lambda x: weights * x if x[0] > 0 else weights * x**2  # noqa: E731
    J = dm.scipy_jac(f)
    J.fun(X), J.jac(X)
    assert only(J).is_replayed
    for k in (2.0, 3.0):
        weights[1] = k
        np.testing.assert_array_equal(J.jac(X), np.diag(weights))
        np.testing.assert_array_equal(J.fun(X), weights * X)
        np.testing.assert_array_equal(J.jac(-X), np.diag(weights * -2 * X))
        np.testing.assert_array_equal(J.jac(X[[0, 1, 2]]), np.diag(weights))


@pytest.mark.parametrize("sparse", [False, "csr", "csc", "banded"])
def test_formats_and_layouts(cheap, sparse):
    f = lambda t, u: np.concatenate([u[1:] ** 2, u[:1]]) * 0.0 + u * np.sin(t) + u**2  # noqa: E731
    J = dm.scipy_jac(f, "solve_ivp", sparse=sparse)
    expected = dm.jacobian_fwd(f, 1.0, X, argnums=1, sparse=sparse)
    expected = expected.ab if sparse == "banded" else expected
    for _ in range(3):
        found = J(1.0, X)
        assert type(found) is type(expected)
        dense = [a.toarray() if hasattr(a, "toarray") else a for a in (found, expected)]
        np.testing.assert_allclose(*dense, rtol=1e-14, atol=1e-16)
    assert only(J).is_replayed


def test_second_derivatives(cheap):
    f = lambda x, a: a * np.sum(x[1:] * x[:-1] ** 2)  # noqa: E731
    J = dm.scipy_jac(f, "minimize")
    for k in (1.0, 2.0, 3.0):
        x = X + k
        np.testing.assert_allclose(J.hess(x, k), dm.hessian(f, x, k), rtol=1e-14)
        np.testing.assert_allclose(J.hessp(x, X, k), dm.hvp(f, x, X, k), rtol=1e-14)
    assert all(found.is_replayed for found in J._derivatives.values())
    assert len(J._derivatives) == 2
    assert repr(J).count("prepared") == 2


@pytest.mark.parametrize("solver", ["curve_fit", "solve_bvp", "iminuit"])
def test_other_signatures(cheap, solver):
    t = np.linspace(0.0, 1.0, 5)
    f, args = {
        "curve_fit": (lambda t, a, b: a * np.exp(-b * t), (t, 2.0, 3.0)),
        "solve_bvp": (lambda x, y: np.stack([y[1], -np.exp(y[0])]), (t, np.stack([t, t**2]))),
        "iminuit": (lambda a, b: a**2 * np.cos(b), (2.0, 3.0)),
    }[solver]
    J = dm.scipy_jac(f, solver)
    first = J.jac(*args)
    assert only(J).is_replayed
    np.testing.assert_allclose(J.jac(*args), first, rtol=1e-14)


def test_keyword_arguments(cheap):
    f = lambda x, a, *, b: a * b * x**2  # noqa: E731
    J = dm.scipy_jac(f)
    for b in (1.0, 2.0, 3.0):
        np.testing.assert_allclose(J.jac(X, 2.0, b=b), np.diag(4.0 * b * X), rtol=1e-15)
    assert only(J).is_replayed


def test_threads(cheap):
    J = dm.scipy_jac(curve, "root")
    points = [X + 0.01 * k for k in range(60)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(J.jac, points))
    for x, slope in zip(points, found, strict=True):
        np.testing.assert_allclose(slope, dm.jacobian_fwd(curve, x), rtol=1e-13, atol=1e-15)


def test_errors_of_f_while_it_is_prepared():
    f = lambda x: x / 0 if x[0] > 5 else [1 / float(x[0] - 1.0) * x[1], x[1]]  # noqa: E731
    J = dm.scipy_jac(f, "root", prepare=True)
    with pytest.raises(ZeroDivisionError):
        J.jac(np.ones(2))
    x = np.array([2.0, 1.0])
    np.testing.assert_allclose(J.jac(x), dm.jacobian_fwd(f, x), rtol=1e-15)
