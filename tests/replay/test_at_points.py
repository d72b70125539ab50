"""A prepared function at many points: which points the loop answers, and as what."""

import threading

import numpy as np
import pytest

import dualmc as dm
from dualmc.replay.machine import many

RNG = np.random.default_rng(4)
X = RNG.uniform(0.1, 1.0, (40, 3))


def ways(x):
    if x[0] > x[1]:
        return x * x[2]
    return np.sin(x)


def test_a_way_that_is_met_is_recorded_and_looped_too():
    J = dm.prepare(ways, np.array([2.0, 1.0, 0.5]))
    found = J(X, batch=True)
    other = np.count_nonzero(X[:, 0] <= X[:, 1])
    assert 0 < other < 40
    assert (J.paths, J.fresh_calls, J.replays) == (2, 1, 39)
    expected = [
        x[2] * np.eye(3) + np.outer(x, [0, 0, 1]) if x[0] > x[1] else np.diag(np.cos(x)) for x in X
    ]
    np.testing.assert_allclose(found, expected, 1e-14)


def test_points_are_handed_to_the_machine_in_stretches(monkeypatch):
    """However short these are, the result is the same."""
    J = dm.prepare(ways, X[0])
    y, expected = J.value_and_jacobian(X, batch=True)
    for numbers in (1, 50, 100):
        monkeypatch.setattr(many, "NUMBERS", numbers)
        again, found = J.value_and_jacobian(X, batch=True)
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(again, y)


def test_an_interrupt_leaves_the_function_usable(monkeypatch):
    J = dm.prepare(ways, X[0])
    expected = J(X, batch=True)
    run, calls = many.Program.run, []

    def interrupted(self, *args):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return run(self, *args)

    monkeypatch.setattr(many, "NUMBERS", 100)
    monkeypatch.setattr(many.Program, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        J(X, batch=True)
    np.testing.assert_array_equal(J(X, batch=True), expected)


def test_threads_share_machine_code_and_no_memory():
    J = dm.prepare(ways, X[0])
    many_points = RNG.uniform(0.1, 1.0, (20_000, 3))
    expected = J(many_points, batch=True)
    found = {}

    def work(number):
        found[number] = J(many_points, batch=True)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    for J_too in found.values():
        np.testing.assert_array_equal(J_too, expected)


@pytest.mark.parametrize("of", ["jvp", "vjp", "hvp"])
def test_products_take_a_vector_at_each_point_or_one_for_all(of):
    def f(x):
        return np.sum(x**3) if of == "hvp" else x * x[0]

    def at(x, v):
        if of == "hvp":
            return 6 * x * v
        J = x[0] * np.eye(3) + np.outer(x, [1, 0, 0])
        return J @ v if of == "jvp" else v @ J

    V = RNG.random((40, 3))
    product = dm.prepare(f, X[0], V[0], of=of)
    found = product(X, V, batch=True)
    np.testing.assert_allclose(found, [at(x, v) for x, v in zip(X, V, strict=True)], 1e-14)
    one = product(X, V[0], batch=(0,))
    np.testing.assert_allclose(one, [at(x, V[0]) for x in X], 1e-14)
    assert product.fresh_calls == 0


def test_what_f_reads_elsewhere_is_looked_at_in_every_batch():
    factor = [2.0]
    J = dm.prepare(lambda x: factor[0] * x, X[0])
    np.testing.assert_array_equal(J(X, batch=True)[7], 2 * np.eye(3))
    factor[0] = 3.0
    np.testing.assert_array_equal(J(X, batch=True)[7], 3 * np.eye(3))


def test_other_shapes_and_types_are_answered_too():
    J = dm.prepare(lambda x: x * x[0], X[0])
    found = J(X[:, :2], batch=True)
    np.testing.assert_array_equal(found[3], dm.jacobian_fwd(lambda x: x * x[0], X[3, :2]))
    assert J(X.astype(np.float32), batch=True).dtype == np.float32


@pytest.mark.filterwarnings("ignore:prepare. f is not replayed:UserWarning")
def test_a_function_that_is_not_replayed_is_called_at_every_point():
    J = dm.prepare(lambda x: np.real(np.exp(1j * x)), X[0])
    assert J.reason is not None
    np.testing.assert_allclose(J(X, batch=True), [np.diag(-np.sin(x)) for x in X], 1e-14)


def test_refused():
    J = dm.prepare(lambda x: x * x[0], X[0], sparse=True)
    with pytest.raises(ValueError, match="Prepare it without sparse="):
        J(X, batch=True)
    J = dm.prepare(lambda x: x * x[0], X[0])
    with pytest.raises(ValueError, match="what was prepared takes batch=True"):
        J(X, batch="broadcast")
