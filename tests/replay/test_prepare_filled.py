"""`nan_to_num` in a replay: NumPy's own value, derivative 0 where something was filled in."""

import numpy as np
import pytest

import dualmc as dm

# As errors, warnings would decide what f does next, and NaN is not replayed.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

POINT = np.array([0.5, -1.0, 3.0, 0.0, 2.0, -4.0])


def spoiled(x, **options):
    """log, NaN below 0 and -inf at 0, and what is infinite beyond 2.5, filled; times x."""
    with np.errstate(all="ignore"):
        y = np.where(x > 2.5, np.inf, np.log(x))
    return np.nan_to_num(y, **options) * x


def derivative(x, **options):
    filled = np.nan_to_num(np.where(x > 2.5, np.inf, np.where(x < 0, np.nan, -np.inf)), **options)
    kept = (x > 0) & (x <= 2.5)
    return np.where(kept, np.log(np.where(kept, x, 1.0)) + 1.0, filled)


OPTIONS = {
    "as it is": {},
    "numbers": {"nan": -3.0, "posinf": 7.0, "neginf": -9},
    "some": {"nan": 2, "neginf": None},
    "infinite": {"posinf": 1e308, "nan": -0.0},
    "an array": {"nan": np.arange(6.0)},
    "a copy": {"copy": True},
    "in place": {"copy": False, "posinf": 1.0},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_what_is_filled_in_has_no_derivative(name):
    options = OPTIONS[name]
    prepared = dm.prepare(spoiled_by(options), POINT)
    assert prepared.reason is None
    for x in (POINT, POINT[::-1].copy(), -POINT, np.full(6, 0.7)):
        y, J = prepared.value_and_jacobian(x)
        expected = derivative(x, **{k: v for k, v in options.items() if k != "copy"})
        np.testing.assert_allclose(np.diag(J), expected, rtol=1e-15)
        np.testing.assert_allclose(y, spoiled(x, **options), rtol=1e-15)
        np.testing.assert_array_equal(J, dm.jacobian_fwd(spoiled_by(options), x))
    assert (prepared.paths, prepared.fresh_calls) == (1, 0)


def spoiled_by(options):
    return lambda x: spoiled(x, **options)


def test_an_infinite_derivative_of_what_was_filled_in_is_looked_at_afresh():
    """The root at 0 has an infinite derivative; what stands in its place has none."""

    def f(x):
        with np.errstate(all="ignore"):
            return np.nan_to_num(1 / np.sqrt(x))

    prepared = dm.prepare(f, [1.0, 4.0])
    np.testing.assert_array_equal(prepared([0.0, 4.0]), [[0, 0], [0, -1 / 16]])
    np.testing.assert_array_equal(prepared([4.0, 1.0]), [[-1 / 16, 0], [0, -1 / 2]])
    assert prepared.replays >= 1


def test_a_filling_that_varies_has_its_derivative():
    def f(x):
        with np.errstate(all="ignore"):
            return np.nan_to_num(np.log(x), nan=x[0] * 2)

    prepared = dm.prepare(f, [1.5, -1.0, 3.0])
    for x in ([1.5, -1.0, 3.0], [2.5, 1.0, -3.0]):
        J = prepared(x)
        np.testing.assert_array_equal(J, dm.jacobian_fwd(f, x))
        assert J[1 if x[1] < 0 else 2, 0] == 2.0


def test_second_derivatives_go_through():
    def f(x):
        return np.sum(spoiled(x) ** 2)

    x = np.array([0.5, 2.0, -1.0])
    prepared = dm.prepare(f, x, of="hessian")
    kept = np.array([0.5, 2.0, 1.0])
    second = 2 * (np.log(kept) + 1) ** 2 + 2 * np.log(kept)
    np.testing.assert_allclose(np.diag(prepared(x)), np.where(x > 0, second, 0.0), rtol=1e-14)
    np.testing.assert_allclose(prepared(x), dm.hessian(f, x), rtol=1e-14)


def test_truth_values_stay_what_they_are():
    f = lambda x: np.nan_to_num(x > 1.0) * x  # noqa: E731
    prepared = dm.prepare(f, [0.5, 2.0])
    np.testing.assert_array_equal(prepared([3.0, 0.1]), [[1, 0], [0, 0]])
