"""A replay counts only after it agreed with fresh calls: the value too, and at a generic point.

Oracles are closed forms and complex steps.
"""

import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from oracles import complex_step

import dualmc as dm
from dualmc.replay.machine import loops, schedule

SUMS = {
    "a-scan-and-a-sum": (
        lambda x: np.cumprod(x[::-1]).sum() + np.sin(x.sum()),
        [0.0, 0.0, 0.0],
        [1.0, 2.0, 2.5],
        lambda x: (
            np.array([x[1] * x[2], x[2] * (1 + x[0]), 1 + x[1] * (1 + x[0])]) + np.cos(x.sum())
        ),
    ),
    "tails": (
        lambda x: np.stack([np.cumprod(x[1:]).sum(), x.sum(), x[1:].sum()]),
        [1.0, 2.0, 3.0],
        [1.5, 2.0, 2.5],
        lambda x: np.array([[0, 1 + x[2], x[1]], [1, 1, 1], [0, 1, 1]]),
    ),
    "two-means": (
        lambda x: np.cumprod(x[::-1]).mean() * x.mean(),
        [0.0, 0.0, 0.0],
        [1.0, 2.0, 2.5],
        lambda x: (
            (
                np.array([x[1] * x[2], x[2] * (1 + x[0]), 1 + x[1] * (1 + x[0])]) * x.sum()
                + (x[2] + x[1] * x[2] + x.prod())
            )
            / 9
        ),
    ),
    "sorted-and-summed": (
        lambda x: np.sort(x[1:]) * x[1:].sum() + x[::2].sum(),
        [1.0, 2.0, 3.0],
        [5.0, 2.0, 4.0],
        lambda x: np.array([[1, x[1] * 2 + x[2], x[1] + 1], [1, x[2], x[1] + 2 * x[2] + 1]]),
    ),
    "extreme-of-what-a-call-takes": (
        lambda x: np.cumprod(x[:2]) + x[:2].max() + x[:2].sum(),
        [1.0, 2.0],
        [3.0, 5.0],
        lambda x: np.array([[2, 2], [1 + x[1], 2 + x[0]]]),
    ),
}


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("name", SUMS)
def test_sums_of_what_a_call_takes_too(name, sparse):
    f, at, then, jacobian = SUMS[name]
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "prepare: f is not replayed, since a fresh call is faster"
        )
        prepared = dm.prepare(f, np.array(at), sparse=sparse)
    then = np.array(then)
    for _ in range(2):
        y, J = prepared.value_and_jacobian(then)
        J = J.toarray().reshape(np.shape(y) + then.shape) if sparse else J
        np.testing.assert_allclose(y, f(then), rtol=1e-14)
        np.testing.assert_allclose(J, jacobian(then), rtol=1e-14)


def test_an_error_that_vanishes_at_the_recorded_point_is_found(monkeypatch):
    """A leaf that runs in two loops adds twice: at zeros that is nothing."""
    original = schedule.plan

    def doubled(sinks):
        out = original(sinks)
        for together in out.loops.values():
            for _, leaves in together:
                leaves.extend(leaf for leaf in list(leaves) if leaf.op == "copy")
        return out

    monkeypatch.setattr("dualmc.replay.path.plan", doubled)
    with pytest.warns(UserWarning, match="at a point near by its Jacobian differs"):
        prepared = dm.prepare(lambda x: np.sin(x.sum()), np.zeros(3))
    x = np.array([0.5, 1.0, 2.0])
    np.testing.assert_allclose(prepared(x), np.full(3, np.cos(3.5)))


def test_an_error_of_the_value_is_found(monkeypatch):
    """The program with the value is compared before its first result is given away."""
    prepared = dm.prepare(np.sinh, np.ones(2))
    original = loops.operation
    monkeypatch.setattr(
        loops,
        "operation",
        lambda builder, op, v: original(builder, "cosh" if op == "sinh" else op, v),
    )
    x = np.array([0.5, 2.0])
    y, J = prepared.value_and_jacobian(x)
    np.testing.assert_allclose(y, np.sinh(x))
    np.testing.assert_allclose(J, np.diag(np.cosh(x)))
    assert "its value differs" in prepared.reason
    np.testing.assert_allclose(prepared(x), np.diag(np.cosh(x)))


def test_what_could_not_be_compared_at_first_is_compared_later(monkeypatch):
    """At 0 and around it a partial is infinite: the first replay elsewhere is compared."""
    f = lambda x: np.sqrt(x * (x > 1)) * x  # noqa: E731
    prepared = dm.prepare(f, np.zeros(2))
    x = np.array([4.0, 9.0])
    np.testing.assert_allclose(prepared(x), np.diag([3.0, 4.5]))
    np.testing.assert_allclose(prepared(x), np.diag([3.0, 4.5]))


def test_derivatives_that_are_rounding_alone_are_replayed():
    def f(x):
        p = np.exp(x) / np.exp(x).sum()
        return np.stack([p.sum(), p[0]])

    prepared = dm.prepare(f, np.array([0.1, 0.7, -0.3]))
    assert prepared.reason is None
    x = np.array([0.3, 0.2, 0.9])
    np.testing.assert_allclose(prepared(x), complex_step(f, x), atol=1e-15)


READ_ONLY = {
    "flag": lambda x: _frozen(x),
    "broadcast": lambda x: np.broadcast_to(x[0], x.shape),
    "frombuffer": lambda x: np.frombuffer(x.tobytes()),
    "strided": lambda x: _frozen(np.repeat(x, 2))[::2],
    "reversed": lambda x: x[::-1].copy()[::-1],
    "unaligned": lambda x: np.frombuffer(b"0" + x.tobytes(), offset=1),
}


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("name", READ_ONLY)
def test_arrays_that_may_not_be_written(name, place):
    prepared = dm.prepare(lambda x, t: x**2 * t, np.ones(3), np.ones(3))
    args = [np.array([1.0, 2.0, 3.0]), np.array([0.5, 2.0, 4.0])]
    args[place] = READ_ONLY[name](args[place])
    before = args[place].copy()
    x, t = (np.array(a) for a in args)
    y, J = prepared.value_and_jacobian(*args)
    np.testing.assert_array_equal(y, x**2 * t)
    np.testing.assert_array_equal(J, np.diag(2 * x * t))
    np.testing.assert_array_equal(prepared(*args), np.diag(2 * x * t))
    np.testing.assert_array_equal(args[place], before)
    assert (prepared.replays, prepared.fresh_calls) == (2, 0)


def test_memory_mapped_and_two_dimensional(tmp_path):
    prepared = dm.prepare(lambda x: x**2, np.ones((2, 3)))
    np.arange(6.0).tofile(tmp_path / "numbers")
    x = np.memmap(tmp_path / "numbers", float, "r", shape=(2, 3))
    expected = np.diag(2 * np.arange(6.0)).reshape(2, 3, 2, 3)
    for given in (x, x.T.copy().T, _frozen(np.array(x))):
        np.testing.assert_array_equal(prepared(given), expected)


def _frozen(x):
    x.setflags(write=False)
    return x


CALLS = {
    "jacobian": lambda prepared, x: np.diag(prepared(x)),
    "value": lambda prepared, x: prepared.value_and_jacobian(x)[0] * (3 / x + 1 / np.tan(x)),
}


@pytest.mark.parametrize("name", CALLS)
def test_first_calls_from_several_threads(name):
    x = np.array([0.5, 1.0, 2.0])
    for _ in range(5):
        prepared = dm.prepare(lambda x: x**3 * np.sin(x), np.ones(3))
        gate = threading.Barrier(6)

        def call(_, prepared=prepared, gate=gate):
            gate.wait()
            return CALLS[name](prepared, x)

        with ThreadPoolExecutor(6) as pool:
            for found in pool.map(call, range(6)):
                expected = 3 * x**2 * np.sin(x) + x**3 * np.cos(x)
                np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_a_new_way_met_by_several_threads_is_recorded_once():
    prepared = dm.prepare(lambda x: x**3 if x[0] > 0 else np.sin(x), np.ones(2))
    gate = threading.Barrier(6)
    x = np.array([-0.5, 1.0])

    def call(_):
        gate.wait()
        return prepared(x)

    with ThreadPoolExecutor(6) as pool:
        for found in pool.map(call, range(6)):
            np.testing.assert_allclose(found, np.diag(np.cos(x)), rtol=1e-14)
    assert prepared.paths == 2
