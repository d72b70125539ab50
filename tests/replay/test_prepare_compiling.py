"""What `prepare` does before and while it compiles grows with what a replay will compute.

Work is counted: steps taken, sends of a leaf, passes of a fresh call.  Oracles are closed forms.
"""

import numpy as np
import pytest
from oracles import assert_close

import dualmc as dm
from dualmc.replay import verify
from dualmc.replay.arithmetic import least, steps
from dualmc.replay.machine import schedule
from dualmc.replay.recording.program import NotReplayable


def test_a_large_dense_problem_is_refused_before_all_of_it_is_looked_at(monkeypatch):
    lowered = []
    as_loops = steps._as_loops
    monkeypatch.setattr(
        steps, "_as_loops", lambda *args: lowered.append(args[0]) or as_loops(*args)
    )
    monkeypatch.setattr("dualmc.replay.paths._least", lambda fresh: 1e-3)

    def f(x):
        y = x
        for _ in range(20):
            y = np.tanh(y) / y.sum()
        return y

    with pytest.warns(UserWarning, match="a fresh call is faster"):
        prepared = dm.prepare(f, np.linspace(1.0, 2.0, 300))
    assert len(lowered) < 20  # of 60
    x = np.linspace(0.5, 1.5, 300)
    assert_close(dm.jacobian_fwd(f, x), prepared(x), 0.0)


def test_the_least_of_a_replay_counts_each_leaf_once():
    class Asked(Exception):
        pass

    def slowest():
        raise Asked

    found = least.Least(slowest)
    pair = steps.Pair(steps.given(0, (10**6,)))
    for _ in range(100):  # nothing new
        found.add(pair)
    for _ in range(3):
        pair = steps.Pair(np.sin(pair.array))
        found.add(pair)
        found.add(pair)
    with pytest.raises(Asked):
        for _ in range(3):
            pair = steps.Pair(np.sin(pair.array))
            found.add(pair)


def test_an_element_that_goes_to_many_places_is_spread_by_a_loop(monkeypatch):
    plans = []
    plan = schedule.plan
    monkeypatch.setattr(
        "dualmc.replay.path.plan", lambda sinks: plans.append(plan(sinks)) or plans[-1]
    )

    def f(x):
        # One number, and others, side by side as operands of the next step.
        whole = np.concatenate([np.full(200, 1.0) * np.exp(x[0]), np.cos(x[1:])])
        return np.sin(whole[::-1]) * whole

    x = np.linspace(0.3, 1.2, 50)
    prepared = dm.prepare(f, x)
    assert prepared.reason is None
    sends = [len(found) for made in plans for found in made.sends.values()]
    assert max(sends) <= 3 * schedule.MOST_PLACES
    x = np.linspace(0.1, 2.0, 50)
    assert_close(dm.jacobian_fwd(f, x), prepared(x), 1e-15)
    value, J = prepared.value_and_jacobian(x)
    assert_close(f(x), value, 1e-15)
    assert_close(dm.jacobian_fwd(f, x), J, 1e-15)


@pytest.mark.parametrize(
    ("source", "goal"),
    [([0, 1, 2], [5, 4, 3]), ([1, 0, 1, 1, 0], [0, 1, 2, 3, 4]), ([], []), ([3], [0])],
)
def test_turns_take_each_position_once_and_goals_in_order(source, goal):
    turns = list(schedule._in_turns(np.array(source, int), np.array(goal, int)))
    assert all(np.unique(s).size == s.size for s, _ in turns)
    found = [(int(s), int(g)) for turn in turns for s, g in zip(*turn, strict=True)]
    assert sorted(found) == sorted(zip(source, goal, strict=True))
    for position in set(source):  # as they came
        assert [g for s, g in found if s == position] == [
            g for s, g in zip(source, goal, strict=True) if s == position
        ]


@pytest.mark.parametrize("argnums", [0, (0, 1)])
def test_a_jacobian_that_is_nearly_all_zeros_is_compared_by_its_entries(monkeypatch, argnums):
    pytest.importorskip("scipy")
    compared = []
    difference = verify._difference
    monkeypatch.setattr(
        verify, "_difference", lambda *args: compared.append(args) or difference(*args)
    )
    n = 400
    f = lambda x, y: np.roll(x, 1) * np.sin(x) + y[::-1]  # noqa: E731
    x, y = np.linspace(0.0, 1.0, n), np.ones(n)
    prepared = dm.prepare(f, x, y, argnums=argnums)
    assert prepared.reason is None
    assert compared
    assert not any(isinstance(J, np.ndarray) for _, J in compared)
    x = np.linspace(1.0, 2.0, n)
    expected = np.diag(np.roll(x, 1) * np.cos(x)) + np.roll(np.diag(np.sin(x)), -1, axis=1)
    J = prepared(x, y)
    if argnums != 0:
        J, by_y = J
        np.testing.assert_array_equal(by_y, np.eye(n)[::-1])
    assert_close(expected, J, 1e-15)


@pytest.mark.parametrize(("row", "col"), [(0, 0), (7, 8), (3, 2)])
@pytest.mark.parametrize("wrong", [1e-3, np.nan])
def test_a_wrong_entry_is_seen_wherever_it_is(row, col, wrong):
    sparse = pytest.importorskip("scipy.sparse")
    J = sparse.csr_array(np.diag(np.arange(1.0, 10.0)))
    found = J.toarray()
    assert not verify._row_maxima(verify._difference(found, J)).any()
    found[row, col] += wrong
    error = verify._row_maxima(verify._difference(found, J))
    assert np.flatnonzero(~(error == 0)).tolist() == [row]


def test_an_entry_of_a_replay_that_f_does_not_have_is_refused(monkeypatch):
    pytest.importorskip("scipy")
    from dualmc.replay.path import Path

    call = Path.__call__

    def wrong(path, inputs):
        found = call(path, inputs)
        found[1] = 1e-3  # row 0, column 1
        return found

    monkeypatch.setattr(Path, "__call__", wrong)
    with pytest.warns(UserWarning, match="differs from that of a fresh call"):
        dm.prepare(np.sin, np.ones(400))


def test_refusals_of_the_least_are_those_of_prepare():
    with pytest.raises(NotReplayable, match="a fresh call is faster"):
        least.Least(lambda: 0.0).compare(1.0)
    least.Least(lambda: 0.0).compare(least.ENOUGH)  # not asked
