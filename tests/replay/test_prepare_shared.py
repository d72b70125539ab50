"""Pieces of machine code that share a function give the bits of those that do not.

Oracles: the same program with no piece shared, closed forms, complex steps.  As a script, random
programs in both ways: ``python tests/replay/test_prepare_shared.py FIRST LAST``, with tests/oracles
on the path.
"""

import sys
import warnings

import numpy as np
import pytest
from oracles import assert_close, complex_step
from random_programs import judged

import dualmc as dm
from dualmc.replay.machine import native

ALL, NONE = (1, 0), (10**9, 0)
A = np.random.default_rng(3).normal(size=(12, 12)) / 12


def integrated(x):
    """Classic Runge-Kutta steps of a system with a matrix product."""

    def rate(y):
        return y * (1.0 + A @ y)

    for _ in range(5):
        k1 = rate(x)
        k2 = rate(x + 0.05 * k1)
        k3 = rate(x + 0.05 * k2)
        x = x + 0.1 / 6 * (k1 + 2 * k2 + 2 * k3 + rate(x + 0.1 * k3))
    return x


def diffused(x):
    for _ in range(6):
        x = x + 0.1 * (np.roll(x, 1) - 2 * x + np.roll(x, -1)) + 0.01 * x * (1 - x)
    return x


def clipped(x):
    for k in range(6):
        x = np.where(x > 0.2 * k, x * x[::-1], np.maximum(x, 0.1 * k)) - 0.1 * x[::-1]
    return x


def written(x):
    y = np.zeros((6, x.size))
    y[0] = x
    for k in range(1, 6):
        y[k, 1:] = np.sin(y[k - 1, :-1]) * x[1:]
        y[k, 0] = y[k - 1].sum()
    return y


def summed(x):
    y = np.outer(x, np.cos(x))
    for _ in range(5):
        y = y / (1.0 + (y**2).sum(axis=0)) + y.max(axis=1)[:, None]
    return y.sum(axis=1)


FUNCTIONS = {f.__name__: f for f in (integrated, diffused, clipped, written, summed)}


def prepared_so(monkeypatch, alike, turns, f, x, **options):
    monkeypatch.setattr(native, "ALIKE", alike)
    monkeypatch.setattr(native, "TURNS", turns)
    prepared = dm.prepare(f, x, **options)
    assert prepared.reason is None
    prepared.value_and_jacobian(x)  # code of its own
    return prepared


@pytest.mark.parametrize(
    ("name", "of"),
    [*((name, "jacobian") for name in FUNCTIONS), ("summed", "jvp"), ("diffused", "hessian")],
)
def test_shared_code_has_the_same_bits(always_replayed, monkeypatch, name, of):
    f = FUNCTIONS[name]
    if of == "hessian":
        f = lambda x: np.sum(FUNCTIONS[name](x) ** 2)  # noqa: E731
    x = np.linspace(0.3, 1.1, 12)
    points = [x, *(x + 0.01 * np.random.default_rng(5).normal(size=(3, 12)))]
    v = (np.cos(np.arange(12.0)),) if of == "jvp" else ()
    found = []
    for alike, turns in (ALL, NONE):
        monkeypatch.setattr(native, "ALIKE", alike)
        monkeypatch.setattr(native, "TURNS", turns)
        prepared = dm.prepare(f, x, *v, of=of)
        assert prepared.reason is None
        found.append([prepared.value_and_jacobian(at, *v) for at in points])
        found[-1] += [(0.0, prepared(at, *v)) for at in points]
        if of == "jacobian":
            found[-1].append(prepared.value_and_jacobian(np.array(points), batch=True))
    for (y, J), (other_y, other_J) in zip(*found, strict=True):
        np.testing.assert_array_equal(y, other_y)
        np.testing.assert_array_equal(J, other_J)
    if of == "jacobian":
        assert_close(complex_step(f, points[1]) if name == "integrated" else J[1], J[1], 1e-9)


def test_code_for_other_callers_is_shared_too(always_replayed, monkeypatch):
    x = np.linspace(0.3, 1.1, 12)
    for ways in (ALL, NONE):
        prepared = prepared_so(monkeypatch, *ways, integrated, x)
        assert_close(complex_step(integrated, x), prepared(x), 1e-12)
        np.testing.assert_array_equal(prepared.njit()(x), prepared(x))


def test_what_repeats_itself_is_compiled_once(always_replayed, monkeypatch):
    known = []
    made = native.Shared.__init__
    monkeypatch.setattr(
        native.Shared, "__init__", lambda self, *args: known.append(self) or made(self, *args)
    )
    counts = {}
    for steps in (10, 40):

        def f(x, steps=steps):
            for _ in range(steps):
                x = x + 0.01 * x * (1.0 + A @ x)
            return x

        known.clear()
        x = np.linspace(0.3, 1.1, 12)
        prepared = dm.prepare(f, x)
        assert prepared.reason is None
        counts[steps] = sum(len(shared._known) for shared in known)
        assert_close(complex_step(f, x), prepared(x), 1e-12)
    assert 0 < counts[40] <= counts[10] < 10


def test_the_terms_of_a_product_are_added_in_order(always_replayed):
    """Any number of terms, the last ones too: to the bit those of one after the other."""
    rng = np.random.default_rng(9)
    for p in (1, 3, 4, 5, 11, 12, 13, 16, 19):
        B, x = rng.normal(size=(20, p)), rng.normal(size=p)
        y, _ = dm.prepare(lambda x, B=B: B @ x, x).value_and_jacobian(x)
        expected = np.zeros(20)
        for j in range(p):
            expected = expected + B[:, j] * x[j]
        np.testing.assert_array_equal(y, expected)


def same_in_both_ways(seed):
    """Whether a random program has the same bits shared and not; None: there is no such program."""
    judge = judged(seed)
    if judge is None:
        return None
    found = []
    for native.ALIKE, native.TURNS in (ALL, NONE):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            prepared = dm.prepare(judge.f, judge.points[0])
        results = [prepared.value_and_jacobian(x) for x in (*judge.points, judge.points[0])]
        found.append([(np.asarray(y).tobytes(), np.asarray(J).tobytes()) for y, J in results])
    return found[0] == found[1]


@pytest.mark.parametrize("seed", range(3))
def test_random_programs(seed, monkeypatch):
    for name in ("ALIKE", "TURNS"):
        monkeypatch.setattr(native, name, getattr(native, name))  # put back afterwards
    assert same_in_both_ways(seed) in (True, None)


if __name__ == "__main__":
    outcomes = {number: same_in_both_ways(number) for number in range(*map(int, sys.argv[1:3]))}
    print(f"{sum(v is True for v in outcomes.values())} programs with the same bits; others:")
    print([number for number, v in outcomes.items() if v is False])
