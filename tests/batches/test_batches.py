"""One f at many points against the loop over fresh calls that it stands for."""

import math

import numpy as np
import pytest

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
