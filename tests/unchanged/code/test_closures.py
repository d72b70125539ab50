"""Closures of the same code over other functions: each call runs the function that it holds."""

import math

import numpy as np
import pytest

import dualmc as dm

linalg = pytest.importorskip("scipy.linalg")

A = np.array([[3.0, 1.0], [0.5, 2.0]])


def calling(function):
    return lambda x: function(x)


def test_closures_over_functions_that_have_stand_ins():
    for function, twin in (
        (linalg.inv, np.linalg.inv),
        (linalg.det, np.linalg.det),
        (lambda a: linalg.norm(a), np.linalg.norm),
        (linalg.inv, np.linalg.inv),
        (lambda a: 2 * a, lambda a: 2 * a),
    ):
        J = dm.jacobian_fwd(calling(function), A)
        np.testing.assert_allclose(J, dm.jacobian_fwd(calling(twin), A), rtol=1e-12, atol=1e-14)


def test_closures_over_functions_of_numpy():
    x = np.array([1.0, 2.0])
    for function, slope in ((np.sin, np.cos), (np.exp, np.exp), (np.sqrt, lambda x: 0.5 / x**0.5)):
        J = dm.jacobian_fwd(calling(function), x)
        np.testing.assert_allclose(J, np.diag(slope(x)), rtol=1e-15)
    for function, slope in ((np.sum, [1.0, 1.0]), (np.prod, [2.0, 1.0]), (np.sum, [1.0, 1.0])):
        np.testing.assert_array_equal(dm.gradient(calling(function), x), slope)


def test_closures_over_functions_of_the_module_math():
    for function, slope in ((math.sin, math.cos), (math.exp, math.exp), (abs, lambda x: 1.0)):
        assert math.isclose(dm.derivative(calling(function), 0.7), slope(0.7), rel_tol=1e-14)
