"""The functions of the module math in code left as it is."""

import math

import numpy as np
import pytest
from adapted_judge import X, assert_right

import dualmc as dm

ONE = {
    "sqrt": 0.7, "exp": 0.3, "expm1": 0.1, "log": 1.7, "log1p": 0.4, "log2": 3.0, "log10": 2.0,
    "sin": 0.9, "cos": 0.9, "tan": 0.4, "asin": 0.3, "acos": 0.3, "atan": 2.0, "sinh": 0.5,
    "cosh": 0.5, "tanh": 0.5, "asinh": 0.5, "acosh": 1.5, "atanh": 0.5, "fabs": -2.0,
    "degrees": 1.0, "radians": 90.0, "erf": 0.4, "erfc": 0.4,
}  # fmt: skip


@pytest.mark.parametrize("name", ONE)
def test_a_function_of_math(name):
    function, x = getattr(math, name), ONE[name]
    h = 1e-3
    points = [function(x + k * h) for k in (-2, -1, 1, 2)]
    slope = (points[0] - 8 * points[1] + 8 * points[2] - points[3]) / (12 * h)
    y, J = dm.value_and_jacobian_fwd(lambda x: function(x), x)
    assert function(x) == y
    np.testing.assert_allclose(J, slope, rtol=1e-8)
    np.testing.assert_allclose(dm.jacobian_rev(lambda x: function(x), x), slope, rtol=1e-8)
    np.testing.assert_allclose(dm.jacobian_fwd(function, x), slope, rtol=1e-8)


MORE_MATH = {
    "atan2": lambda x: math.atan2(x[0], x[1]),
    "hypot": lambda x: math.hypot(*x),
    "pow": lambda x: math.pow(x[0], x[1]),
    "log base": lambda x: math.log(x[1], x[2]),
    "fmod": lambda x: math.fmod(x[2], x[0] + 0.2),
    "remainder": lambda x: math.remainder(x[2], x[0] + 0.2),
    "copysign": lambda x: math.copysign(x[0], -1.0),
    "fsum": lambda x: math.fsum(x * x),
    "prod": lambda x: math.prod(x),
    "dist": lambda x: math.dist(x, [1.0, 1.0, 1.0]),
    "floor": lambda x: math.floor(x[1]) * x[0],
    "isfinite": lambda x: x[0] * x[1] if math.isfinite(x[0]) else 0.0,
    "sqrt of a number": lambda x: math.sqrt(4.0) * x[0],
}


@pytest.mark.parametrize("f", MORE_MATH.values(), ids=MORE_MATH)
def test_math_of_several_numbers(f):
    assert_right(f)


def test_math_has_pythons_errors():
    for f, error in [
        (lambda x: math.sqrt(-x[0]), ValueError),
        (lambda x: math.log(x[0] - x[0]), ValueError),
        (lambda x: math.exp(1e4 * x[0]), OverflowError),
        (lambda x: math.sin(x), TypeError),
    ]:
        with pytest.raises(error):
            f(X)
        with pytest.raises(error):
            dm.jacobian_fwd(f, X)
