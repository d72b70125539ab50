"""Steps that have no form as loops are called, and what cannot be replayed says so.

Oracles are complex steps, differences and closed forms.
"""

import warnings

import numpy as np
import pytest
from oracles import assert_close, differences

import dualmc as dm
from dualmc.replay import path as replay_path
from dualmc.replay.arithmetic import least, scalars

A = np.random.default_rng(7).normal(size=(4, 4))


CALLED = {
    "solve": lambda x: np.linalg.solve(A + np.diag(x), x) * x,
    "inverse": lambda x: np.linalg.inv(A + np.diag(x))[0],
    "determinant": lambda x: np.linalg.slogdet(np.eye(4) * 9 + np.outer(x, x))[1],
    "sort": lambda x: np.sort(x) ** 2 + np.median(x),
    "product": lambda x: np.prod(x) * np.sin(x),
    "pad": lambda x: np.pad(x**2, 1, "edge"),
    "mask-of-values": lambda x: x[x > 0.5] ** 2,
    "largest": lambda x: x[np.argmax(x)] * x,
    "order": lambda x: x[np.argsort(x)] * np.arange(4.0),
    "interpolation": lambda x: np.interp(x, [-9.0, 0.2, 9.0], [0.0, 1.0, 5.0]) * x,
    "written-where": lambda x: _written_where(x),
    "two-calls": lambda x: np.sort(np.linalg.solve(A + np.eye(4) * 9, np.sort(x) * x)),
}


def _written_where(x):
    y = x**2
    y[x > 0.5] = x[x > 0.5] * 3.0
    return y


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("name", CALLED)
def test_steps_without_loops_are_called(name, sparse, always_replayed):
    f = CALLED[name]
    points = np.random.default_rng(5).permuted(np.tile([0.1, 0.4, 0.7, 1.3], (4, 1)), axis=1)
    prepared = dm.prepare(f, points[0], sparse=sparse)
    for x in points:
        expected = differences(f, x, 1e-3)
        J = prepared(x)
        assert_close(expected, J.toarray().reshape(expected.shape) if sparse else J, 1e-8)
    assert (prepared.replays, prepared.paths, prepared.reason) == (4, 1, None)


def test_a_called_step_that_makes_another_shape_is_another_way(always_replayed):
    prepared = dm.prepare(lambda x: np.sin(x[x > 0.5]), [0.1, 0.7, 0.9])
    for x in ([0.1, 0.7, 0.9], [0.6, 0.7, 0.9], [0.6, 0.1, 0.9], [0.9, 0.9, 0.9]):
        kept = np.array(x) > 0.5
        np.testing.assert_allclose(prepared(x), (np.eye(3) * np.cos(x))[kept], rtol=1e-15)
    assert prepared.paths == 2


def test_a_called_step_that_raises_does_so_in_a_fresh_call(always_replayed):
    prepared = dm.prepare(lambda x: np.linalg.inv(np.diag(x)), [1.0, 2.0])
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        prepared([0.0, 1.0])
    assert prepared([1.0, 4.0])[1, 1, 1] == -1 / 16


def test_what_is_faster_afresh_is_run_afresh(monkeypatch):
    monkeypatch.setattr("dualmc.replay.paths._is_faster", lambda *_: False)
    with pytest.warns(UserWarning, match="since a fresh call is faster"):
        prepared = dm.prepare(np.sort, np.ones(3))
    assert prepared.reason == "a fresh call is faster"
    for f, n in ((np.sin, 3), (np.sin, 400), (lambda x: np.exp(x) / np.sum(np.exp(x)), 30)):
        assert dm.prepare(f, np.ones(n)).reason is None  # all loops: not even asked
    with pytest.warns(UserWarning, match="since a fresh call is faster"):
        dm.prepare(lambda x: np.exp(x) / np.sum(np.exp(x)), np.ones(150))


@pytest.mark.parametrize(("seconds", "is_compiled"), [(1e-9, False), (1.0, True)])
def test_what_cannot_be_as_fast_is_not_compiled(monkeypatch, seconds, is_compiled):
    made = []
    coded = replay_path.coded
    monkeypatch.setattr(replay_path, "coded", lambda *args: made.append(args) or coded(*args))
    monkeypatch.setattr(least, "ENOUGH", 0.0)
    monkeypatch.setattr("dualmc.replay.paths._is_faster", lambda *_: True)
    monkeypatch.setattr("dualmc.replay.paths._least", lambda fresh: seconds)
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        prepared = dm.prepare(lambda x: np.sin(x) * x[0], np.ones(100))
    assert bool(made) == is_compiled
    assert prepared.reason == (None if is_compiled else "a fresh call is faster")
    x = np.linspace(0.0, 1.0, 100)
    assert_close(
        np.diag(np.cos(x) * x[0]) + np.outer(np.sin(x), np.eye(100)[0]), prepared(x), 1e-15
    )
    assert_close(prepared(x), prepared.njit()(x), 1e-15)  # who asks for machine code gets it


def test_what_cannot_be_replayed_says_so():
    def f(x):
        return np.abs(np.exp(1j * x) + x)

    with pytest.warns(UserWarning, match="prepare: f is not replayed, since .*complex128"):
        prepared = dm.prepare(f, np.ones(4))
    assert "complex128" in prepared.reason
    assert "not replayed" in repr(prepared)
    assert_close(differences(f, np.full(4, 0.3)), prepared(np.full(4, 0.3)), 1e-8)
    assert (prepared.replays, prepared.fresh_calls) == (0, 1)


def test_a_wrong_replay_is_noticed(monkeypatch):
    wrong = scalars.UFUNCS | {np.cosh: "sinh"}
    monkeypatch.setattr("dualmc.replay.arithmetic.arrays.UFUNCS", wrong)
    with pytest.warns(UserWarning, match="its Jacobian differs from that of a fresh call"):
        prepared = dm.prepare(np.sinh, np.ones(2))
    assert_close(np.cosh(2.0) * np.eye(2), prepared(np.full(2, 2.0)), 1e-12)


def test_errors():
    with pytest.raises(TypeError, match="prepare needs a function"):
        dm.prepare(3.0, 1.0)
    with pytest.raises(TypeError, match="prepare needs the point of evaluation"):
        dm.prepare(np.sin)
    with pytest.raises(ValueError, match="prepare: argnums=1 is out of range"):
        dm.prepare(np.sin, 1.0, argnums=1)
    with pytest.raises(ValueError, match="layout"):
        dm.prepare(np.sin, 1.0, layout="row")
    with pytest.raises(TypeError, match="prepare needs x"):
        dm.prepare(np.sin, "one")
    prepared = dm.prepare(lambda x, y: x * y, 1.0, 2.0)
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        prepared(1.0)


def test_errors_of_f_are_those_of_a_fresh_call():
    def f(x):
        if x[0] > 1:
            raise ArithmeticError("beyond 1")
        return x

    prepared = dm.prepare(f, [0.5])
    with pytest.raises(ArithmeticError, match="beyond 1"):
        prepared([2.0])
    np.testing.assert_array_equal(prepared([0.7]), [[1.0]])
    with pytest.raises(dm.TangentLostError, match="float"):
        with pytest.warns(UserWarning, match="TangentLostError"):
            dm.prepare(dm.as_is(lambda x: float(x) ** 2), 1.0)(2.0)


def test_a_failed_recording_leaves_nothing_open():
    with pytest.warns(UserWarning, match="not replayed"):
        dm.prepare(lambda x: np.abs(1j * x), [2.0, 1.0])
    assert type(np.zeros(3)) is np.ndarray
    np.testing.assert_array_equal(dm.jacobian_fwd(np.sort, [2.0, 1.0]), [[0, 1], [1, 0]])
