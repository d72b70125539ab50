"""`vjp`: pullbacks of real and complex functions."""

import numpy as np
import pytest
from expecting import raises
from oracles import assert_close, differences
from points import spread

import dualmc as dm

X3 = np.array([0.5, 1.5, 2.5])


# --- vjp -----------------------------------------------------------------------------------------


def product(a, b):
    return np.outer(a, b) + a[:, None] ** 2


def test_pullback_of_several_primals():
    """One, a tuple of them, or one after the other: the results follow the form."""
    a, b = np.array([0.5, 2.0]), np.array([1.0, -1.0, 3.0])
    y_bar = spread(2, 3)
    by_a = y_bar @ b + 2 * a * y_bar.sum(axis=1)
    by_b = a @ y_bar
    for y, pullback in (dm.vjp(product, (a, b)), dm.vjp(product, a, b)):
        assert np.array_equal(product(a, b), y)
        found = pullback(y_bar)
        assert tuple is type(found)
        np.testing.assert_allclose(found[0], by_a, rtol=1e-14)
        np.testing.assert_allclose(found[1], by_b, rtol=1e-14)
    _, pullback = dm.vjp(lambda a: product(a, b), (a,))
    (found,) = pullback(y_bar)
    np.testing.assert_allclose(found, by_a, rtol=1e-14)
    _, pullback = dm.vjp(lambda a: product(a, b), a)
    np.testing.assert_allclose(pullback(y_bar), by_a, rtol=1e-14)


def test_a_pullback_may_be_called_any_number_of_times():
    x, y_bar = X3.copy(), np.array([1.0, 2.0, 3.0])
    y, pullback = dm.vjp(lambda x: np.exp(np.sin(x) * x), x)
    expected = y_bar * np.exp(np.sin(X3) * X3) * (np.cos(X3) * X3 + np.sin(X3))
    for k in range(1, 6):
        np.testing.assert_allclose(pullback(k * y_bar), k * expected, rtol=1e-14)
    assert np.array_equal(np.zeros(3), pullback(np.zeros(3)))


def test_a_pullback_does_not_see_later_changes():
    """Of the primal, of the value, of the cotangent, of its results, of captured arrays."""
    x, w, y_bar = X3.copy(), np.array([2.0, 3.0, 4.0]), np.array([1.0, 2.0, 3.0])
    y, pullback = dm.vjp(lambda x: np.exp(x) * x * w, x)
    expected = y_bar * np.exp(X3) * (1 + X3) * w
    for changed in (x, w, y, pullback(y_bar)):
        changed[...] = np.nan
        np.testing.assert_allclose(pullback(y_bar), expected, rtol=1e-14)
    y_bar *= 2
    np.testing.assert_allclose(pullback(y_bar), 2 * expected, rtol=1e-14)


def test_a_pullback_does_not_see_changes_of_the_auxiliary_output():
    x = X3.copy()
    _, pullback, aux = dm.vjp(lambda x: (x * x, {"x": x, "sine": [np.sin(x)]}), x, has_aux=True)
    aux["x"][...] = np.nan
    aux["sine"][0][...] = np.nan
    assert np.array_equal(2 * X3, pullback(np.ones(3)))


def test_a_pullback_outlives_other_calls():
    """Buffers that other derivative calls reuse are none that a pullback still needs."""
    n = 3000
    x = np.linspace(0.5, 1.5, n)
    _, first = dm.vjp(lambda x: np.exp(np.sin(x)) * x, x)
    _, second = dm.vjp(lambda x: np.cos(x) / x, x)
    for _ in range(3):
        dm.gradient(lambda x: np.sum(np.exp(x) * np.tanh(x)), x)
        dm.jacobian_fwd(lambda x: np.exp(x[:40]) * np.tanh(x[1:41]), x)
        dm.jacobian_rev(lambda x: np.exp(x[:4]) * np.tanh(x[1:5]), x)
        expected = np.exp(np.sin(x)) * (1 + x * np.cos(x))
        np.testing.assert_allclose(first(np.ones(n)), expected, rtol=1e-13)
        expected = -np.sin(x) / x - np.cos(x) / x**2
        np.testing.assert_allclose(second(np.ones(n)), expected, rtol=1e-13)


@pytest.mark.parametrize("y_bar", [[1, 2, 3], (1.0, 2.0, 3.0), np.array([1, 2, 3], np.float32)])
def test_cotangents_of_other_kinds(y_bar):
    _, pullback = dm.vjp(np.sin, X3)
    x_bar = pullback(y_bar)
    assert np.float64 == x_bar.dtype
    np.testing.assert_allclose(x_bar, np.cos(X3) * [1, 2, 3], rtol=1e-15)


def test_a_cotangent_that_is_not_contiguous():
    x = spread(3, 4)
    y_bar = np.repeat(spread(4, 3, seed=9), 2, axis=1)[:, ::2].T
    _, pullback = dm.vjp(lambda x: np.sin(x) * x[0], x)
    expected = y_bar * np.cos(x) * x[0]
    expected[0] += np.sum(y_bar * np.sin(x), axis=0)
    np.testing.assert_allclose(pullback(y_bar), expected, rtol=1e-13)


@pytest.mark.parametrize(
    ("y_bar", "shape"),
    [([1.0, 2.0], "(2,)"), (1.0, "()"), (np.eye(3), "(3, 3)"), (np.ones((1, 3)), "(1, 3)")],
)
def test_a_cotangent_of_the_wrong_shape(y_bar, shape):
    for f in (np.sin, lambda x: np.ones(3)):
        _, pullback = dm.vjp(f, X3)
        with raises(
            ValueError, f"pullback needs a cotangent of shape (3,) like f(x), got {shape}."
        ):
            pullback(y_bar)
        assert (3,) == pullback(np.ones(3)).shape


@pytest.mark.parametrize(
    ("y_bar", "sentence"),
    [
        (None, "pullback needs y_bar to be a float, a list or an array of floats; got NoneType."),
        ("abc", "pullback needs y_bar to be a float, a list or an array of floats; got str."),
        ([True] * 3, "pullback needs y_bar to be an array of floats; got dtype bool."),
        ([1j] * 3, "pullback needs a real y_bar; got dtype complex128."),
        ([[1.0], [1.0, 2.0]], "pullback: y_bar is not a regular array"),
    ],
)
def test_a_cotangent_of_the_wrong_kind(y_bar, sentence):
    _, pullback = dm.vjp(np.sin, X3)
    with raises((TypeError, ValueError), sentence):
        pullback(y_bar)


COMPLEX = {
    "exp(ix) x": lambda x: np.exp(1j * x) * x,
    "quotient": lambda x: (x + 1j) ** 2 / (x - 2j),
    "conj and abs": lambda x: np.conj(x * 1j) * np.abs(x + 1j),
    "parts": lambda x: np.real(x * 1j + x) * 1j + np.imag(x * (1 + 2j)),
    "angle": lambda x: np.angle(x + 1j) * np.exp(1j * x),
    "matmul": lambda x: np.outer(x + 1j, x) @ (x * 2j),
    "stack": lambda x: np.stack([x * 1j, x, x * x * (1 - 1j)]),
    "buffer": lambda x: filled(x),
    "mean and prod": lambda x: np.mean(x + 1j * x**2) * np.prod(x - 1j),
}


def filled(x):
    y = np.zeros_like(x, dtype=complex)
    y.real = x**2
    y.imag[1:] = x[:-1] * x[1:]
    y[0] *= y[2]
    y.real *= y.imag
    return y


@pytest.mark.parametrize("f", COMPLEX.values(), ids=COMPLEX)
def test_complex_outputs(f):
    """J from differences of the plain function; the pairing is Re(sum(y_bar * y_dot))."""
    expected = differences(f, X3)
    for chunk_size in (None, 1, 2):
        y, J = dm.value_and_jacobian_rev(f, X3, chunk_size=chunk_size)
        assert np.array_equal(f(X3), y)
        assert np.complex128 == J.dtype
        assert_close(expected, J, 1e-9)
    y, pullback = dm.vjp(f, X3)
    rng = np.random.default_rng(5)
    for y_bar in (
        rng.normal(size=y.shape) + 1j * rng.normal(size=y.shape),
        rng.normal(size=y.shape),
        1j * np.ones(y.shape),
    ):
        x_bar = pullback(y_bar)
        assert np.float64 == x_bar.dtype
        x_dot = rng.normal(size=3)
        paired = np.real(np.sum(y_bar * (expected @ x_dot)))
        np.testing.assert_allclose(x_bar @ x_dot, paired, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("f", COMPLEX.values(), ids=COMPLEX)
def test_complex_intermediates(f):
    def g(x):
        y = f(x)
        return np.sum(np.abs(y) ** 2 + np.real(y) * np.imag(y))

    assert_close(differences(g, X3), dm.gradient(g, X3), 1e-8)
