"""The dtype and the bits of plain NumPy's result, where Python floats meet float32."""

import math

import numpy as np
import pytest

import dualmc as dm

X = np.array([0.5, 2.0], np.float32)
CONSTANT = np.float32([3.0, 0.5])


def running(x):
    total = 0.0
    for v in x:
        total = total + math.sqrt(v) * 2.0
    return total * x


CASES = {
    "times an array": lambda x: math.sin(x[0]) * x,
    "added": lambda x: x + math.exp(x[0]),
    "alone": lambda x: math.sin(x[0]),
    "of Python floats": lambda x: (2.0 * math.sin(x[0]) + 1.0) * x,
    "of each other": lambda x: math.sin(x[0]) * math.cos(x[1]) * x,
    "of each other alone": lambda x: math.sin(x[0]) * math.cos(x[1]) - math.tanh(x[0]),
    "negated": lambda x: -math.sin(x[0]) * x,
    "powers": lambda x: math.sqrt(x[1]) ** 2 * x,
    "divided": lambda x: x / math.hypot(x[0], x[1]),
    "of math": lambda x: math.exp(math.sin(x[0])) * x,
    "times a number": lambda x: math.log(x[1]) * x[0],
    "times a float64 array": lambda x: math.log(x[1]) * np.ones(2),
    "times a constant": lambda x: math.log(x[1]) * CONSTANT.astype(x.dtype),
    "ufunc": lambda x: np.sin(math.sin(x[0])) * x,
    "maximum": lambda x: np.maximum(math.sin(x[0]), x),
    "in a list": lambda x: np.array([math.sin(x[0]), math.cos(x[1])]) * x,
    "a list": lambda x: [math.sin(x[0]), x[1]],
    "in place": lambda x: _added(2 * x, math.sin(x[0])),
    "stored": lambda x: _stored(2 * x, math.sin(x[0])),
    "loop": running,
    "sum": lambda x: sum(x) * 2.0,
    "sum with floats": lambda x: sum([x[0], 1.0, x[1]]) * x,
    "fsum": lambda x: math.fsum(x) * x,
    "scaled": lambda x: x * 2.0 + 1,
    "numpy float64": lambda x: x * np.float64(2.0),
    "numpy float32": lambda x: x * np.float32(2.0),
    "power": lambda x: x**2 + x**0.5 + 2.0**x,
    "branch": lambda x: (math.sin(x[0]) if math.sin(x[0]) > 0.1 else 1.0) * x,
}


def _added(y, v):
    y += v
    return y


def _stored(y, v):
    y[0] = v
    return y


def right(f):
    """The Jacobian by central differences of f in float64."""
    h, x = 1e-6, X.astype(float)
    return np.stack(
        [
            (np.asarray(f(x + h * e), float) - np.asarray(f(x - h * e), float)) / (2 * h)
            for e in np.eye(2)
        ],
        axis=-1,
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize(
    "mode", [dm.value_and_jacobian_fwd, dm.value_and_jacobian_rev], ids=["forward", "reverse"]
)
@pytest.mark.parametrize("name", CASES)
def test_values_and_dtypes(name, mode, dtype):
    f = CASES[name]
    plain = np.asarray(f(X.astype(dtype)))
    y, J = mode(f, X.astype(dtype))
    assert np.asarray(y).dtype == plain.dtype
    assert np.asarray(y).dtype.metadata is None
    np.testing.assert_array_equal(plain, y)
    assert J.dtype == plain.dtype
    assert J.dtype.metadata is None
    tolerance = 1e-6 if dtype == np.float32 else 1e-2
    np.testing.assert_allclose(J, right(f), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", ["times an array", "of each other", "loop", "divided"])
def test_second_derivatives(name):
    f = CASES[name]
    H = dm.hessian(lambda x: np.sum(f(x)), X)
    assert H.dtype == np.float32
    exact = dm.hessian(lambda x: np.sum(f(x)), X.astype(float))
    np.testing.assert_allclose(H, exact, rtol=2e-5, atol=2e-5)


def test_among_many_inputs():
    """Where tangents start sparse."""
    f = lambda x: math.sin(x[0]) * x[:2] + 2.0 * math.exp(x[1])  # noqa: E731
    x = np.concatenate([X, np.ones(40, np.float32)])
    for sparse in (False, True):
        y, J = dm.value_and_jacobian_fwd(f, x, sparse=sparse)
        assert y.dtype == J.dtype == np.float32
        J = J.toarray() if sparse else J
        np.testing.assert_array_equal(f(x), y)
        np.testing.assert_allclose(J[:, :2], right(f), rtol=1e-5)
        assert not J[:, 2:].any()
