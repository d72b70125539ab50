"""`check_jacobian` finds what is wrong, where, and why."""

import math

import numpy as np
import pytest

import dualmc as dm


@pytest.mark.parametrize(
    ("f", "x", "method"),
    [
        (np.sin, [1.0, 2.0], "complex step"),
        (lambda x: x[0] * np.exp(x) / (1 + x**2), [0.3, 1.0, -2.0], "complex step"),
        (lambda x: math.sin(x[0]) * x, [1.0, 2.0], "differences"),
        (lambda x: np.abs(x) ** 3, [1.0, -2.0], "differences"),
        (lambda x: np.sum(x**2), 3.0, "complex step"),
        (lambda x: x.reshape(2, 2).T, np.arange(4.0), "complex step"),
        # Defined, or smooth, near x alone.
        (lambda x: np.log(x), [2e-6, 3.0], "complex step"),
        (lambda x: math.log(x[0]) * x, [2e-6, 3.0], "differences"),
        (lambda x: np.sqrt(1e-4 - (x - 3) ** 2), [3.005], "complex step"),
        (lambda x: np.sin(x[0] * 1e6) * x, [2e-6, 1e5], "complex step"),
    ],
)
def test_a_right_jacobian(f, x, method):
    found = dm.check_jacobian(f, x)
    assert found and found.ok and "" == found.cause and method == found.method
    assert "the Jacobian is right" in str(found)


@dm.custom_jvp
def wrong_rule(x):
    return x**3


@wrong_rule.def_jvp
def wrong_rule_jvp(primals, tangents):
    return wrong_rule(*primals), 2 * primals[0] ** 2 * tangents[0]


def lossy(x):
    return np.array([x[0], int(1e6 * x[1]) / 1e6 * x[0]])


@pytest.mark.parametrize(
    ("f", "x", "output", "index", "cause"),
    [
        (np.abs, [1.0, 0.0], (1,), (1,), "a kink: the derivative is -1 from the left and 1"),
        (lambda x: np.maximum(x, 0.0), [1.0, 0.0, 2.0], (1,), (1,), "a kink"),
        (lambda x: np.floor(x) * x, [1.5, 2.0], (1,), (1,), "a jump: f goes from 2 to 4"),
        (lossy, [2.0, 0.3333333], (1,), (1,), "the derivative is lost"),
        (wrong_rule, [1.0, 2.0], (0,), (0,), "a rule that was added"),
        (lambda x: wrong_rule(np.log(x)), [1.0, 2e-6], (1,), (1,), "a rule that was added"),
        (lambda x: np.abs(x - 2e-6) * np.log(x), [2e-6], (0,), (0,), "a kink"),
        (lambda x: np.floor(x * 1e6) * np.log(x), [2e-6], (0,), (0,), "a jump"),
        (lambda x: np.sqrt(x), [4.0, 0.0], (1,), (1,), ""),
    ],
)
def test_a_wrong_jacobian(f, x, output, index, cause):
    found = dm.check_jacobian(f, x)
    assert not found
    assert (output, index) == (found.output, found.input)
    assert cause in found.cause and found.cause
    assert "the Jacobian is wrong" in str(found) and found.cause in str(found)


def test_a_function_that_is_none():
    rng = np.random.default_rng(1)
    assert "f is not repeatable" in dm.check_jacobian(lambda x: x * rng.normal(), [1.0]).cause


def test_the_argument_is_named():
    found = dm.check_jacobian(lambda a, b: a * np.abs(b), 2.0, [1.0, 0.0], argnums=(0, 1))
    assert (1, (1,)) == (found.argnum, found.input)
    assert "d y[1] / d x1[1]" in str(found)


def test_errors():
    with pytest.raises(TypeError, match="check_jacobian needs a function"):
        dm.check_jacobian(3.0, [1.0])
    with pytest.raises(TypeError, match="check_jacobian needs the point of evaluation"):
        dm.check_jacobian(np.sin)
    with pytest.raises(TypeError, match="check_jacobian needs plain numbers"):
        dm.jacobian_fwd(lambda x: dm.check_jacobian(np.sin, x) and x, [1.0])
