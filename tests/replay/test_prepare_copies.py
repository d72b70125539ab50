"""What `prepare` returns can be pickled and copied, and works as before on the other side."""

import copy
import functools
import multiprocessing
import pickle

import numpy as np
import pytest

import dualmc as dm
from dualmc.chunks import sending

X = np.array([1.0, 2.0, 3.0])
EXPECTED = np.array([[2 * np.cos(1.0), np.sin(1.0), 0.0], [0.0, 3 * np.cos(2.0), np.sin(2.0)]])


def shifted(x):
    return x[1:] * np.sin(x[:-1])


def scaled(x, t, power):
    return x * t**power


class Model:
    def __init__(self, factor):
        self.factor = np.array(factor)

    def __call__(self, x):
        return self.factor * x**2

    def method(self, x):
        return self.factor * x**3


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol(protocol):
    prepared = pickle.loads(pickle.dumps(dm.prepare(shifted, np.ones(3)), protocol))
    np.testing.assert_allclose(prepared(X), EXPECTED, rtol=1e-14)
    assert (prepared.replays, prepared.reason) == (1, None)


WAYS = {
    "pickle": lambda prepared: pickle.loads(pickle.dumps(prepared)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "partial": lambda prepared: pickle.loads(pickle.dumps(functools.partial(prepared))),
    "in-a-list": lambda prepared: copy.deepcopy([prepared])[0],
}


@pytest.mark.parametrize("way", WAYS)
def test_options_survive(way):
    prepared = dm.prepare(
        scaled, np.ones(3), np.full(3, 2.0), 2, argnums=(0, 1), sparse=True, layout="denominator"
    )
    other = WAYS[way](prepared)
    A, B = other(X, X, 2)
    np.testing.assert_allclose(A.toarray(), np.diag(X**2))
    np.testing.assert_allclose(B.toarray(), np.diag(2 * X**2))
    assert type(A) is type(prepared(X, X, 2)[0])


@pytest.mark.parametrize("way", WAYS)
def test_callable_objects_and_methods(way):
    for f, power in ((Model([1.0, 2.0, 3.0]), 2), (Model([1.0, 2.0, 3.0]).method, 3)):
        other = WAYS[way](dm.prepare(f, np.ones(3)))
        expected = np.diag(power * np.array([1.0, 2.0, 3.0]) * X ** (power - 1))
        np.testing.assert_allclose(other(X), expected)


def test_copies_are_independent():
    prepared = dm.prepare(lambda x: x**2 if x[0] > 0 else np.sin(x), np.ones(2))
    other = copy.copy(prepared)
    other(np.array([-1.0, 1.0]))
    assert (other.paths, prepared.paths) == (2, 1)
    assert (prepared.replays, prepared.fresh_calls) == (0, 0)
    np.testing.assert_allclose(prepared(X[:2]), np.diag(2 * X[:2]))


def test_a_deep_copy_has_its_own_object():
    model = Model([1.0, 2.0, 3.0])
    prepared = dm.prepare(model, np.ones(3))
    other = copy.deepcopy(prepared)
    model.factor = np.array([5.0, 5.0, 5.0])
    np.testing.assert_allclose(other(X), np.diag([2.0, 8.0, 18.0]))


def test_the_point_is_that_of_the_first_recording():
    x = np.ones(3)
    prepared = dm.prepare(shifted, x)
    x[:] = np.nan
    assert pickle.loads(pickle.dumps(prepared)).reason is None


def test_what_is_not_replayed_is_pickled_too():
    with pytest.warns(UserWarning, match="not replayed"):
        prepared = dm.prepare(_not_replayed, np.ones(2))
    other = pickle.loads(pickle.dumps(prepared))
    assert other.reason == prepared.reason
    np.testing.assert_allclose(other(X[:2]), np.diag([1.0, 1.0]))


def _not_replayed(x):
    return np.real(x * (1 + 2j))


def test_lambdas_need_cloudpickle(monkeypatch):
    prepared = dm.prepare(lambda x: x**2 * X[:2], np.ones(2))
    monkeypatch.setattr(sending, "BY_VALUE", ())
    with pytest.raises(pickle.PicklingError, match="top level of a module, or install cloudpickle"):
        pickle.dumps(prepared)
    np.testing.assert_allclose(copy.copy(prepared)(X[:2]), np.diag([2.0, 8.0]))


def test_lambdas_with_cloudpickle():
    cloudpickle = pytest.importorskip("cloudpickle")
    factor = 3.0
    prepared = dm.prepare(lambda x: x**2 * factor, np.ones(2))
    for dumps in (pickle.dumps, cloudpickle.dumps):
        other = pickle.loads(dumps(prepared))
        np.testing.assert_allclose(other(X[:2]), np.diag([6.0, 12.0]))


def test_other_processes():
    prepared = dm.prepare(shifted, np.ones(3))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        (found,) = pool.map(prepared, [X])
    np.testing.assert_allclose(found, EXPECTED, rtol=1e-14)


def test_a_copy_counts_its_own_calls():
    prepared = dm.prepare(np.sin, np.ones(2))
    prepared(np.ones(2))
    assert (copy.deepcopy(prepared).replays, prepared.replays) == (0, 1)
