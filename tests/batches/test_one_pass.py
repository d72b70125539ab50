"""`batch="broadcast"`: f called once, on all points, and the checks that they are apart."""

import numpy as np
import pytest

import dualmc as dm

RNG = np.random.default_rng(5)
X = RNG.uniform(0.2, 1.0, (20, 3))


def rates(y):
    a, b, c = np.moveaxis(y, -1, 0)
    return np.stack([b * c - a, a - b * c - b**2, b**2], axis=-1)


def energy(x):
    return np.sum(x**3, axis=-1) * x[..., 0]


def columns_only(x):
    return x[:, 0] * x[:, 1]


CALLS = []


def counted(x):
    CALLS.append(np.shape(x))
    return rates(x)


@pytest.mark.parametrize("chunk_size", [None, 1, 7, 20, 100])
@pytest.mark.parametrize("layout", ["numerator", "denominator"])
def test_it_is_the_loop(chunk_size, layout):
    y, J = dm.value_and_jacobian_fwd(
        rates, X, batch="broadcast", chunk_size=chunk_size, layout=layout
    )
    np.testing.assert_array_equal(y, rates(X))
    expected = [dm.jacobian_fwd(rates, x, layout=layout) for x in X]
    np.testing.assert_allclose(J, expected, 1e-14, 1e-15)


def test_gradients_and_hessians():
    for verb in (dm.gradient, dm.hessian, dm.jacobian_rev):
        found = verb(energy, X, batch="broadcast")
        np.testing.assert_allclose(found, [verb(energy, x) for x in X], 1e-13, 1e-15)
    y, g = dm.value_and_gradient(energy, X, batch="broadcast", argnums=(0,))
    np.testing.assert_allclose(y, energy(X))
    np.testing.assert_allclose(g[0], [dm.gradient(energy, x) for x in X], 1e-13)


def test_other_arguments_go_along():
    """With an axis of points if they are as long as this; in chunks they are cut with it."""
    T = RNG.random(20)

    def f(t, y, k):
        return k * t[..., None] * y**2

    for chunk_size in (None, 6):
        J = dm.jacobian_fwd(
            f, T, X, np.arange(3.0), argnums=1, batch="broadcast", chunk_size=chunk_size
        )
        expected = [np.diag(2 * t * np.arange(3.0) * x) for t, x in zip(T, X, strict=True)]
        np.testing.assert_allclose(J, expected, 1e-14)


def test_f_may_need_the_axis():
    J = dm.jacobian_fwd(columns_only, X, batch="broadcast")
    np.testing.assert_array_equal(J, np.stack([X[:, 1], X[:, 0], 0 * X[:, 0]], axis=-1))


def test_f_runs_a_few_times_whatever_the_number_of_points():
    CALLS.clear()
    dm.jacobian_fwd(counted, X, batch="broadcast")
    few = len(CALLS)
    CALLS.clear()
    dm.jacobian_fwd(counted, np.tile(X, (100, 1)), batch="broadcast")
    assert len(CALLS) == few < 8


def test_signs_of_zeros_and_types_are_kept():
    Z = np.zeros((4, 2))
    Z[::2] = -0.0
    seen = dm.jacobian_fwd(lambda x: np.copysign(1.0, x) * x, Z, batch="broadcast")
    np.testing.assert_array_equal(seen[:, 0, 0], [-1, 1, -1, 1])
    assert dm.jacobian_fwd(rates, X.astype(np.float32), batch="broadcast").dtype == np.float32


MIXED = {
    "sum": lambda x: x / x.sum(),
    "largest": lambda x: x - x.max(),
    "backwards": lambda x: x[::-1],
    "running": lambda x: np.cumsum(x, axis=0),
    "first": lambda x: x * x[0],
    "matrix": lambda x: np.full((len(x), len(x)), 0.1) @ x,
    "faint": lambda x: x + 1e-5 * np.roll(x, 1, axis=0),
}


@pytest.mark.parametrize("name", MIXED)
def test_points_that_depend_on_one_another(name):
    with pytest.raises(ValueError, match="its results at one point depend on the values at others"):
        dm.jacobian_fwd(MIXED[name], X, batch="broadcast")


def test_points_that_are_mixed_in_gradients_and_hessians():
    def f(x):
        return x[..., 0] * np.sum(x)

    for verb in (dm.gradient, dm.hessian):
        with pytest.raises(ValueError, match="depend on the values at others"):
            verb(f, X, batch="broadcast")


@pytest.mark.parametrize(
    "f",
    [lambda x: x / len(x), lambda x: x * float(np.max(np.asarray(x) > 0.99)) + len(x) * x],
    ids=["length", "reads"],
)
def test_results_that_are_not_those_of_f_alone(f):
    with pytest.raises(ValueError, match="is not that of f called there alone"):
        dm.jacobian_fwd(f, X, batch="broadcast")


@pytest.mark.parametrize(
    ("f", "shape"),
    [
        (np.max, "()"),
        (lambda x: x[0] * x[1], "(3,)"),
        (lambda x: np.stack([x[..., 0], x[..., 1]]), "(2, 20)"),
        (lambda x: [x[..., 0], x[..., 1]], "(2, 20)"),
    ],
)
def test_an_axis_that_got_lost(f, shape):
    with pytest.raises(ValueError) as caught:
        dm.jacobian_fwd(f, X, batch="broadcast")
    assert f"axis of the 20 points in front; it returned shape {shape}" in str(caught.value)
    with pytest.raises(ValueError, match="one number for each point, of shape"):
        dm.gradient(f, X, batch="broadcast")


def test_structures_are_refused():
    with pytest.raises(TypeError, match="takes arrays, and an argument is a structure"):
        dm.jacobian_fwd(lambda d: d["a"], {"a": X}, batch="broadcast")
    with pytest.raises(ValueError, match="f returned a structure"):
        dm.jacobian_fwd(lambda x: {"a": x}, X, batch="broadcast")
