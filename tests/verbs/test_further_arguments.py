"""`jvp` and `hvp` with further arguments of f, as SciPy's ``hessp(x, p, *args)`` passes them."""

import math

import numba
import numpy as np
import pytest

import dualmc as dm

X, V = np.array([0.5, -1.0, 2.0]), np.array([1.0, 2.0, -3.0])


def weighted(x, a, b):
    return a * x**2 + math.sin(b) * x


def test_jvp_passes_them_on():
    y, y_dot = dm.jvp(weighted, X, V, 3.0, 0.25)
    np.testing.assert_array_equal(y, weighted(X, 3.0, 0.25))
    np.testing.assert_allclose(y_dot, (6.0 * X + math.sin(0.25)) * V, rtol=1e-15)


def test_jvp_of_several_primals():
    y, y_dot = dm.jvp(lambda u, v, c: u * v * c, (X, V), (V, X), 2.0)
    np.testing.assert_array_equal(y, X * V * 2.0)
    np.testing.assert_array_equal(y_dot, 2.0 * (V * V + X * X))


def test_jvp_is_that_of_the_bound_function():
    given = dm.jvp(weighted, X, V, 3.0, 0.25)
    bound = dm.jvp(lambda x: weighted(x, 3.0, 0.25), X, V)
    np.testing.assert_array_equal(given, bound)
    compiled = numba.njit(lambda x, a: a * x * x)
    np.testing.assert_array_equal(dm.jvp(compiled, X, V, 3.0)[1], 6.0 * X * V)
    _, y_dot = dm.jvp(lambda d, a: {"y": a * d["x"]}, {"x": X}, {"x": V}, 3.0)
    np.testing.assert_array_equal(y_dot["y"], 3.0 * V)


def test_second_derivatives_by_what_stands_beside():
    """An outer derivative goes by the further argument."""
    slope = dm.derivative(lambda a: dm.jvp(weighted, X, V, a, 0.0)[1], 3.0)
    np.testing.assert_array_equal(slope, 2.0 * X * V)


def test_what_is_no_function_or_fits_no_argument():
    with pytest.raises(TypeError, match="jvp needs a function as its first argument, got int"):
        dm.jvp(3, X, V, 1.0)
    with pytest.raises(ValueError, match=r"tangents\[0\] has shape \(2,\), but primals"):
        dm.jvp(weighted, X, V[:2], 1.0, 2.0)
    with pytest.raises(TypeError, match="Further arguments of f follow"):
        dm.jvp(weighted, X, V, args=(1.0, 2.0))


def test_hvp_passes_them_on_too():
    f = lambda x, a: a * np.sum(x**3)  # noqa: E731
    np.testing.assert_allclose(dm.hvp(f, X, V, 2.0), 12.0 * X * V, rtol=1e-15)
