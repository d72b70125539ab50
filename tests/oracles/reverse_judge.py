"""Reverse mode against the complex step of the plain program, and against forward mode."""

import numpy as np
from oracles import complex_step

import dualmc as dm


def assert_close(expected, actual, rtol=1e-10, atol=1e-13):
    """Absolute differences relative to the largest entry."""
    assert np.shape(expected) == np.shape(actual)
    scale = max(1.0, np.max(np.abs(expected), initial=0.0))
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol * scale)


def judge(f, x):
    """Against the complex step of the plain program: rows together, one by one, and forward."""
    expected = complex_step(f, x)
    value = np.asarray(f(x.copy()))
    y, J = dm.value_and_jacobian_rev(f, x)
    assert np.array_equal(value, y)
    assert_close(expected, J)
    y, J = dm.value_and_jacobian_rev(f, x, chunk_size=1)
    assert np.array_equal(value, y)
    assert_close(expected, J)
    assert_close(expected, dm.jacobian_fwd(f, x))
    weights = np.cos(np.arange(value.size)).reshape(value.shape)
    total = np.tensordot(weights, expected, axes=value.ndim)
    assert_close(total, dm.gradient(lambda x: np.sum(weights * f(x)), x))
