"""The memory and the time of `prepare` grow with the nonzeros and the steps, or it gives up.

Oracles are closed forms; memory is counted in bytes.
"""

import math
import tracemalloc
import warnings

import numpy as np
import pytest
from sparse_functions import brusselator

import dualmc as dm
from dualmc.replay.machine import schedule
from dualmc.replay.recording import budget


def burgers(u):
    left, right = np.roll(u, 1), np.roll(u, -1)
    return 0.01 * (left - 2 * u + right) - u * (right - left) / 2


def burgers_diagonal(u):
    return -0.02 - (np.roll(u, -1) - np.roll(u, 1)) / 2


def brusselator_diagonal(y):
    u, v = np.split(y, 2)
    return np.concatenate([2 * u * v - 18, -(u**2) - 14])


PROBLEMS = {
    "burgers": (burgers, burgers_diagonal, 3),
    "brusselator": (brusselator, brusselator_diagonal, 4),
    "elementwise": (lambda x: np.sin(x) * x, lambda x: np.cos(x) * x + np.sin(x), 1),
}
# Of each nonzero: what `prepare` may need for it at its peak, f included.
BYTES = 400


@pytest.mark.parametrize("name", PROBLEMS)
def test_peak_memory_is_that_of_the_nonzeros(name):
    f, diagonal, width = PROBLEMS[name]
    n = 100_000
    dm.prepare(f, np.linspace(0.1, 1, 64), sparse=True)  # the compiler's own
    x = np.linspace(0.1, 1, n)
    tracemalloc.start()
    try:
        prepared = dm.prepare(f, x, sparse=True)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert prepared.reason is None
    x = np.linspace(0.2, 2, n)
    J = prepared(x)
    assert J.nnz <= width * n
    steps = 12 * 8 * n if width == 1 else 0  # what f itself keeps weighs more where rows are short
    assert peak <= BYTES * width * n + steps
    np.testing.assert_allclose(J.diagonal(), diagonal(x), rtol=1e-10)


def test_a_new_branch_is_recorded_sparsely():
    def f(x):
        return np.roll(x, 1) * (x if x[0] > 0 else x**2)

    n = 20_000
    prepared = dm.prepare(f, np.linspace(0.5, 1, n), sparse=True)
    x = np.linspace(-1, 2, n)
    for _ in range(2):
        J = prepared(x)
        np.testing.assert_allclose(J.diagonal(), 2 * np.roll(x, 1) * x)
    assert prepared.paths == 2


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("argnums", [1, (1, 0)])
def test_sparse_checks_of_several_arguments(sparse, argnums):
    prepared = dm.prepare(
        lambda a, b: a[1:] * b[:-1] ** 2, np.ones(9), np.ones(9), argnums=argnums, sparse=sparse
    )
    assert prepared.reason is None
    a, b = np.arange(9.0), np.arange(1.0, 10.0)
    found = prepared(a, b)
    by_b = found[0] if type(found) is tuple else found
    expected = np.zeros((8, 9))
    expected[np.arange(8), np.arange(8)] = 2 * a[1:] * b[:-1]
    np.testing.assert_allclose(by_b.toarray() if sparse else by_b, expected)


# --- Loops of scalars ----------------------------------------------------------------------------


def recurrence(n):
    def f(x):
        v, out = x[0], []
        for _ in range(n):
            v = v * x[1] + x[0]
            out.append(v)
        return np.array(out)

    return f


def recurrence_jacobian(n, x):
    """v_k = x0 (1 + r + ... + r^k) with r = x1."""
    k = np.arange(1, n + 1)
    powers = x[1] ** np.arange(n + 1)
    by_first = np.cumsum(powers)[k]
    slopes = np.arange(n + 1) * np.concatenate([[0.0], powers[:-1]])
    return np.stack([by_first, x[0] * np.cumsum(slopes)[k]], 1)


def test_a_long_loop_is_split_and_right():
    n = 700
    prepared = dm.prepare(recurrence(n), np.array([0.5, 0.2]))
    assert prepared.reason is None
    path = prepared._paths.kept[0][1]
    plan = schedule.plan([*path.arithmetic.entries, *path.arithmetic.asking])
    lengths = [len(leaves) for loops in plan.loops.values() for _, leaves in loops]
    assert max(lengths) <= schedule.LONGEST and sum(lengths) > 3 * schedule.LONGEST
    x = np.array([0.7, -0.9])
    y, J = prepared.value_and_jacobian(x)
    np.testing.assert_allclose(J, recurrence_jacobian(n, x), rtol=1e-12)
    np.testing.assert_allclose(y, recurrence(n)(x), rtol=1e-13)


@pytest.mark.parametrize("longest", [1, 2, 7, 50])
@pytest.mark.parametrize("sparse", [False, True])
def test_splitting_changes_nothing(longest, sparse, monkeypatch):
    """Loops over vectors, sums and truth values too, read from one part to the next."""

    def f(x):
        y = np.where(x > 0.5, x**2, np.sin(x)) * np.maximum(x, 0.7)
        s = np.sum(y) + np.cumsum(y)
        return np.concatenate([y[1:] * s[:-1], [y.sum() * math.pi, s[0] if y[0] > 0 else y[0]]])

    x, then = np.array([0.3, 0.9, 0.6, 0.2]), np.array([0.4, 0.55, 0.8, 0.1])
    expected = dm.prepare(f, x)(then)
    for module in (schedule, __import__("dualmc.replay.machine.native", fromlist=["native"])):
        monkeypatch.setattr(module, "LONGEST", longest)
    prepared = dm.prepare(f, x, sparse=sparse)
    assert prepared.reason is None
    found = prepared(then)
    np.testing.assert_array_equal(found.toarray() if sparse else found, expected)


def endless(x):
    """Steps beyond any budget, were it not stopped."""
    for _ in range(10**9):
        x = x * 1.0000001
    return x


def test_recording_stops_at_the_budget(monkeypatch):
    monkeypatch.setattr(budget, "LARGEST", 500)
    counted = []

    def f(x):
        try:
            for i in range(2000):
                counted.append(i)
                x = x * 1.001
        except Exception:  # which does not see the end of the recording
            counted.append("caught")
        return x

    with pytest.warns(UserWarning, match="it takes more than 500 steps"):
        prepared = dm.prepare(f, np.ones(2))
    assert len(counted) <= 502 and "caught" not in counted
    np.testing.assert_allclose(prepared(np.ones(2)), 1.001**2000 * np.eye(2), rtol=1e-12)


def test_f_that_catches_everything_is_stopped_too(monkeypatch):
    monkeypatch.setattr(budget, "LARGEST", 50)

    def f(x):
        for _ in range(100):
            try:
                x = x + 1.0
            except BaseException:
                pass
        return x

    with pytest.warns(UserWarning, match="it takes more than 50 steps"):
        prepared = dm.prepare(f, np.ones(2))
    np.testing.assert_array_equal(prepared(np.ones(2)), np.eye(2))


def test_seconds_are_a_limit_for_recording():
    calls = []

    def f(x):
        calls.append(x)
        return endless(x) if len(calls) == 1 else x

    with pytest.warns(UserWarning, match="recording it takes more than max_seconds=0.05"):
        prepared = dm.prepare(f, 1.0, max_seconds=0.05)
    assert prepared(3.0) == 1.0


@pytest.mark.parametrize("limit", ["a", -1.0, float("nan"), [1.0]])
def test_seconds_are_a_number(limit):
    with pytest.raises(ValueError, match="prepare: max_seconds must be a number of seconds"):
        dm.prepare(np.sin, 1.0, max_seconds=limit)


def test_seconds_are_a_limit_for_the_compiler(monkeypatch):
    monkeypatch.setattr(budget.Budget, "pace", 10.0)
    with pytest.warns(UserWarning, match=r"\d+ operations would take about \d+e?\+?\d* seconds"):
        prepared = dm.prepare(np.sinh, np.ones(3), max_seconds=5.0)
    np.testing.assert_allclose(prepared(np.ones(3)), np.cosh(1.0) * np.eye(3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert dm.prepare(np.sinh, np.ones(3)).reason is None  # no limit, no prediction


def test_the_time_of_a_later_value_begins_with_it():
    prepared = dm.prepare(np.sinh, np.ones(3), max_seconds=100.0)
    prepared._paths.kept[0][1]._budget.start -= 1000.0
    y, _ = prepared.value_and_jacobian(np.ones(3))
    np.testing.assert_allclose(y, np.sinh(1.0))
    assert prepared.reason is None
