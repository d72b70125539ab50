"""Functions whose one number comes in an array, and further arguments, as SciPy hands them over."""

import functools

import numpy as np
import pytest

import dualmc as dm

X = np.array([2.0, 3.0])
# Of the sum of cubes; of a product of row and column, the sum of squares.
CUBES = {
    "(1,)": lambda x: np.array([np.sum(x**3)]),
    "a list": lambda x: [np.sum(x**3)],
    "kept": lambda x: np.sum(x**3, keepdims=True),
    "(1, 1)": lambda x: x[None] @ (x**2)[:, None],
    "(1, 1, 1)": lambda x: np.sum(x**3).reshape(1, 1, 1),
}


@pytest.mark.parametrize("name", CUBES)
def test_an_array_of_one_number_has_a_gradient_and_a_hessian(name):
    f = CUBES[name]
    np.testing.assert_array_equal([12.0, 27.0], dm.gradient(f, X))
    y, g = dm.value_and_gradient(f, X)
    np.testing.assert_array_equal(np.asarray(f(X)), y)
    np.testing.assert_array_equal([12.0, 27.0], g)
    for chunk_size in (None, 1):
        H = dm.hessian(f, X, chunk_size=chunk_size)
        np.testing.assert_array_equal(np.diag([12.0, 18.0]), H)
    np.testing.assert_array_equal(np.diag([12.0, 18.0]), dm.hessian(f, X, sparse=True).toarray())
    np.testing.assert_array_equal([24.0, -18.0], dm.hvp(f, X, np.array([2.0, -1.0])))
    ((H,),) = dm.hessian(f, X, argnums=(0,))
    np.testing.assert_array_equal(np.diag([12.0, 18.0]), H)
    again = dm.jacobian_rev(lambda x: dm.gradient(f, x), X)
    np.testing.assert_array_equal(np.diag([12.0, 18.0]), again)


def test_a_gradient_has_the_shape_of_x():
    assert dm.gradient(lambda x: x[:1] ** 2, np.array([3.0])).shape == (1,)
    assert dm.gradient(lambda x: np.sum(x * x, keepdims=True), np.ones((2, 3))).shape == (2, 3)
    assert dm.gradient(lambda x: np.array([x * x]), 3.0).shape == ()
    assert dm.gradient(lambda x: x * x, np.float32([3.0])).dtype == np.float32


@pytest.mark.parametrize("f", [lambda x: np.ones((1, 0)), lambda x: x, lambda x: [[x[0]], [1.0]]])
def test_more_or_less_than_one_number_is_refused(f):
    with pytest.raises(ValueError, match="gradient needs f to return a real scalar"):
        dm.gradient(f, X)


# --- Further arguments of f ----------------------------------------------------------------------

A = np.array([[2.0, 1.0], [1.0, 3.0]])


def quadratic(x, A, b):
    return 0.5 * x @ A @ x - b @ x


def test_hvp_hands_further_arguments_to_f():
    v = np.array([1.0, -1.0])
    np.testing.assert_allclose(dm.hvp(quadratic, X, v, A, np.ones(2)), A @ v, rtol=1e-15)
    found = dm.hvp(lambda x, y, a: a * x * y**2, (2.0, 3.0), (1.0, 0.0), 5.0)
    np.testing.assert_allclose(found, (0.0, 30.0), rtol=1e-15)  # of a x y^2, along x
    matrix = dm.hvp(lambda x, words: x @ x * len(words), X, v, ["two", "words"])
    np.testing.assert_allclose(matrix, 4 * v, rtol=1e-15)


def test_minimize_takes_hvp_as_it_is():
    optimize = pytest.importorskip("scipy.optimize")

    def f(x, a):
        return a * np.sum((x - 1) ** 2) + np.sum((x - 1) ** 4)

    for method in ("Newton-CG", "trust-ncg", "trust-krylov"):
        found = optimize.minimize(
            f, np.array([3.0, -2.0]), args=(100.0,), method=method,
            jac=functools.partial(dm.gradient, f), hessp=functools.partial(dm.hvp, f),
        )  # fmt: skip
        np.testing.assert_allclose(found.x, 1.0, atol=1e-5)
