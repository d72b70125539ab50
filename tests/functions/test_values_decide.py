"""Where the values alone decide a shape, an error or an assertion: as on plain numbers."""

import numpy as np
import pytest

import dualmc as dm

X = np.array([1.0, 2.0, -3.0])


def test_polymul_drops_leading_zeros():
    f = lambda x: x * np.polymul(x * [0, 1, 1], [1.0, 1.0]).size  # noqa: E731
    np.testing.assert_allclose(dm.jacobian_fwd(f, [5.0, 2.0, 3.0]), 3 * np.eye(3))
    f = lambda x: np.polymul([0.0, 0.0], x)  # noqa: E731
    y, J = dm.value_and_jacobian_fwd(f, [2.0, 3.0])
    np.testing.assert_array_equal(y, np.polymul([0.0, 0.0], [2.0, 3.0]))
    assert J.shape == (*y.shape, 2) and not J.any()


@pytest.mark.parametrize("derive", [dm.jacobian_fwd, dm.jacobian_rev])
def test_polymul_says_so_where_a_coefficient_that_it_drops_varies(derive):
    f = lambda x: np.polymul(x, [1.0, 1.0])  # noqa: E731
    with pytest.warns(dm.KinkWarning, match="numpy.convolve is the same product"):
        J = derive(f, [0.0, 2.0, 3.0])
    np.testing.assert_allclose(J, [[0, 1, 0], [0, 1, 1], [0, 0, 1]])


def test_prepared_polymul_follows_the_size():
    f = lambda x: np.sum(np.polymul(x * [0, 1, 1], [1.0, 1.0])) * np.polymul(x[1:], [1.0]).size  # noqa: E731
    np.testing.assert_allclose(dm.prepare(f, X)(X + 1), [0, 4, 4])


WEIGHTS = {"of x": lambda x: np.average(x, weights=np.round(x)),
           "constant": lambda x: np.average(x, weights=[1.0, 2.0, -3.0]),
           "rows": lambda x: np.average(np.outer(x, x), 1, [1.0, -1.0, 0.0])}  # fmt: skip


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_that_sum_to_zero_are_an_error(name):
    f = WEIGHTS[name]
    for call in (f, lambda x: dm.jacobian_fwd(f, x), lambda x: dm.jacobian_rev(f, x)):
        with pytest.raises(ZeroDivisionError, match="sum to zero"):
            call(X)


def test_an_error_of_average_that_f_catches_takes_its_branch():
    def f(x):
        try:
            return np.average(x, weights=np.round(x))
        except ZeroDivisionError:
            return 2 * np.sum(x)

    np.testing.assert_allclose(dm.gradient(f, X), [2, 2, 2])
    prepared = dm.prepare(f, np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(prepared(X), [2, 2, 2])


def test_weights_of_another_shape_need_an_axis():
    with pytest.raises(TypeError, match="Axis must be specified"):
        dm.gradient(lambda x: np.average(np.outer(x, x), weights=np.ones(9)), X)


def _asserting(x):
    np.testing.assert_allclose(x[0], 1.0)
    np.testing.assert_allclose(x, [1.0, 2.0, -3.0], rtol=1e-12)
    np.testing.assert_equal({"a": [x[1], 2.0]}, {"a": [2.0, x[1]]})
    np.testing.assert_array_less(x, actual := x + 1)
    np.testing.assert_almost_equal(actual[2], -2.0)
    np.testing.assert_array_equal(x[1:], actual[1:] - 1)
    return x**2


def test_assertions_look_at_the_values():
    for J in (dm.jacobian_fwd(_asserting, X), dm.jacobian_rev(_asserting, X)):
        np.testing.assert_allclose(J, np.diag(2 * X))
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        dm.jacobian_fwd(_asserting, X + 1)


@pytest.mark.parametrize("x", [np.inf, -np.inf, 1e200, 3e8, -1e8, 0.5, 0.0])
def test_second_derivative_of_arctan(x):
    right = 0.0 if np.isinf(x) else -2.0 * (x / (1 + x * x)) / (1 + x * x) if abs(x) < 1e100 else 0
    for inner, outer in [(dm.jacobian_fwd, dm.jacobian_fwd), (dm.jacobian_rev, dm.jacobian_fwd),
                         (dm.jacobian_rev, dm.jacobian_rev)]:  # fmt: skip
        got = outer(lambda z, inner=inner: inner(np.arctan, z), x)
        assert got == pytest.approx(right, rel=1e-12, abs=0.0)


def test_methods_of_numbers():
    f = lambda x: x * (1 + x[0].is_integer())  # noqa: E731
    for x0, factor in ((1.5, 1), (2.0, 2)):
        np.testing.assert_allclose(dm.jacobian_fwd(f, [x0, 3.0]), factor * np.eye(2))
        np.testing.assert_allclose(dm.prepare(f, [1.5, 3.0])([x0, 3.0]), factor * np.eye(2))
    for name in ("hex", "as_integer_ratio"):
        with pytest.raises(dm.TangentLostError, match=rf"number\.{name}\(\) would hand out"):
            dm.gradient(lambda x, name=name: x[0] * len(getattr(x[0], name)()), X)
        assert not dm.jacobian_fwd(lambda x, name=name: x * hasattr(x, name), X).any()
        has = dm.jacobian_fwd(lambda x, name=name: x * hasattr(x[0], name), X)
        np.testing.assert_array_equal(has, np.eye(3))
    np.testing.assert_allclose(
        dm.gradient(lambda x: x[0] * len(np.ones(2)[0].hex()), X), [20, 0, 0]
    )


def test_a_digit_of_a_number_that_f_takes_in_vain_is_not_lost():
    def f(x):
        try:
            return np.array([float.fromhex(v.hex()) for v in x])
        except TypeError:
            return 7 * x

    with pytest.raises(dm.TangentLostError, match="f caught a "):
        dm.jacobian_fwd(f, X)
