"""Norms: closed forms, differences, and the conventions at 0."""

import numpy as np
import pytest
from oracles import differences
from points import spread

import dualmc as dm

norm = np.linalg.norm
MATRIX = spread(3, 4, seed=7)
STACK = spread(2, 3, 4, seed=8)

NORMS = {
    "vector": (norm, STACK[0, 0]),
    "flattened": (norm, STACK),
    "axis": (lambda x: norm(x, axis=1), STACK),
    "vector-1": (lambda x: norm(x, 1, axis=0), STACK),
    "vector-3-keepdims": (lambda x: norm(x, 3, axis=-1, keepdims=True), STACK),
    "vector-half": (lambda x: norm(x, 0.5), STACK[0, 0]),
    "vector-0": (lambda x: norm(x, 0), STACK[0, 0]),
    "vector-inf": (lambda x: norm(x, np.inf), STACK[0, 0]),
    "vector-minus-inf": (lambda x: norm(x, -np.inf, axis=2), STACK),
    "matrix-fro": (lambda x: norm(x, "fro"), MATRIX),
    "matrix-1": (lambda x: norm(x, 1), MATRIX),
    "matrix-minus-1": (lambda x: norm(x, -1, axis=(2, 0)), STACK),
    "matrix-inf": (lambda x: norm(x, np.inf, axis=(0, 2), keepdims=True), STACK),
    "matrix-minus-inf": (lambda x: norm(x, -np.inf), MATRIX),
    "matrix-2": (lambda x: norm(x, 2), MATRIX),
    "matrix-minus-2": (lambda x: norm(x, -2), MATRIX),
    "matrix-nuc": (lambda x: norm(x, "nuc", axis=(2, 0), keepdims=True), STACK),
    "vector_norm": (np.linalg.vector_norm, STACK),
    "vector_norm-axes": (lambda x: np.linalg.vector_norm(x, axis=(0, 2), keepdims=True), STACK),
    "matrix_norm": (np.linalg.matrix_norm, STACK),
    "complex": (lambda x: norm(x * (1 + 2j) + x**2), MATRIX),
}


@pytest.mark.parametrize("f, x", NORMS.values(), ids=NORMS)
def test_norms(f, x):
    y, J = dm.value_and_jacobian_fwd(f, x)
    assert np.array_equal(f(x), y)
    np.testing.assert_allclose(J, differences(f, x), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("n", [2, 40])
def test_norm_at_zero_has_derivative_zero(n):
    assert np.array_equal(np.zeros(n), dm.jacobian_fwd(norm, np.zeros(n)))
    assert np.array_equal(np.zeros(n), dm.jacobian_fwd(lambda x: norm(x, 3), np.zeros(n)))


def test_distance_between_coinciding_points_does_not_poison_the_others():
    points = np.array([[0.0, 0.0], [0.0, 0.0], [3.0, 4.0]])
    J = dm.jacobian_fwd(lambda p: norm(p - p[0], axis=1).sum(), points)
    assert np.array_equal([[-0.6, -0.8], [0.0, 0.0], [0.6, 0.8]], J)


def test_second_derivative_of_the_length():
    """The Hessian of |x| is (I - u u^T)/|x| with u = x/|x|."""
    x = np.array([3.0, 4.0, 12.0])
    u = x / 13.0
    H = dm.jacobian_fwd(lambda x: dm.jacobian_fwd(norm, x), x)
    np.testing.assert_allclose(H, (np.eye(3) - np.outer(u, u)) / 13.0, rtol=1e-14, atol=1e-17)
