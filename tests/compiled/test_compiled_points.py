"""Compiled functions at many points: the compiled loop against calls at each."""

import numba
import numpy as np
import pytest

import dualmc as dm
from dualmc.compiled import points

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(6)
X = RNG.uniform(0.1, 1.0, (30, 3))


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch):
    monkeypatch.setattr(points, "MANY", 4)


@numba.njit
def rates(t, y, k):
    if y[0] > 0.5:
        return np.array([t * y[1] * k, y[0] * y[2]])
    return np.array([y[0], t * np.sin(y[1])])


@numba.njit
def energy(x):
    return np.sum(x**3) * x[0]


@numba.njit
def constant_part(x):
    return 3.0, 2 * x[1]


@numba.njit
def fails(x):
    if x[0] > 1.5:
        raise ValueError("too hot")
    return x * 2


@numba.njit
def positive(x):
    return x[x > 0]


@numba.njit
def turned(x):
    if x[0] > 0:
        return np.outer(x, x[:2])
    return np.outer(x[:2], x)


def test_the_loop_has_the_bits_of_single_calls():
    T = RNG.random(30)
    found = dm.value_and_jacobian_fwd(rates, T, X, 2.0, argnums=(1, 0), batch=True)
    assert points._loops[rates]
    each = [
        dm.value_and_jacobian_fwd(rates, t, x, 2.0, argnums=(1, 0))
        for t, x in zip(T, X, strict=True)
    ]
    np.testing.assert_array_equal(found[0], [y for y, _ in each])
    for k in range(2):
        np.testing.assert_array_equal(found[1][k], np.array([J[k] for _, J in each]))
    turned = dm.jacobian_fwd(rates, T, X, 2.0, argnums=(1, 0), batch=True, layout="denominator")
    np.testing.assert_array_equal(turned[0], np.swapaxes(found[1][0], 1, 2))


@pytest.mark.parametrize("verb", [dm.gradient, dm.hessian], ids=lambda verb: verb.__name__)
def test_gradients_and_hessians(verb):
    found = verb(energy, X, batch=True)
    np.testing.assert_allclose(found, [verb(energy, x) for x in X], 1e-13, 1e-15)
    assert points._loops[energy]


def test_float32_and_strided_points():
    Z = RNG.random((60, 6)).astype(np.float32)[::2, ::2]
    J = dm.jacobian_fwd(energy, Z, batch=True)
    assert J.dtype == np.float32
    np.testing.assert_array_equal(J, np.array([dm.jacobian_fwd(energy, x) for x in Z]))


def test_an_error_says_at_which_point():
    Z = X.copy()
    Z[7, 0] = 2.0
    with pytest.raises(ValueError, match="too hot") as caught:
        dm.jacobian_fwd(fails, Z, batch=True)
    assert caught.value.__notes__ == ["jacobian_fwd: this is at point 7 of 30."]


def test_shapes_of_one_size():
    Z = X.copy()
    Z[3, 0] = -1.0
    with pytest.raises(
        ValueError, match=r"at point 3 .* shape \(2, 3, 3\), at point 0 \(3, 2, 3\)"
    ):
        dm.jacobian_fwd(turned, Z, batch=True)


def test_constant_parts():
    J = dm.jacobian_fwd(constant_part, X, batch=True)
    assert points._loops[constant_part]
    np.testing.assert_array_equal(J, [[[0, 0, 0], [0, 2, 0]]] * 30)


def test_shapes_that_depend_on_values():
    Z = X.copy()
    Z[5, :2] = -1.0  # one number, which would fit everywhere
    with pytest.raises(ValueError, match=r"at point 5 .* has shape \(1, 3\), at point 0 \(3, 3\)"):
        dm.jacobian_fwd(positive, Z, batch=True)
