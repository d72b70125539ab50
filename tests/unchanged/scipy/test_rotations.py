"""Rules of scipy.spatial.transform.Rotation, in every mode, against differences and geometry."""

import numpy as np
import pytest
from kernel_judge import judge
from scipy.spatial.transform import Rotation

import dualmc as dm

V = np.array([0.3, -0.5, 0.7])
POINTS = np.array([[1.0, 2, 3], [0.2, 0.1, -0.4]])
CASES = {
    "rotvec": (lambda q: Rotation.from_rotvec(q).apply(POINTS), V),
    "rotvec at the identity": (lambda q: Rotation.from_rotvec(q).as_matrix(), 0 * V),
    "rotvec and back": (lambda q: Rotation.from_rotvec(q).as_rotvec(degrees=True), V),
    "quaternion": (lambda q: Rotation.from_quat(q).as_matrix(), [0.1, 0.2, 0.3, 0.9]),
    "quaternion, real part first": (
        lambda q: Rotation.from_quat(q, scalar_first=True).as_quat(scalar_first=True),
        [0.1, 0.2, 0.3, 0.9],
    ),
    "matrix": (
        lambda q: Rotation.from_matrix(q.reshape(3, 3)).as_rotvec(),
        Rotation.from_rotvec(V).as_matrix().ravel(),
    ),
    "matrix to be made orthogonal": (
        lambda q: Rotation.from_matrix(q.reshape(3, 3)).as_rotvec(),
        Rotation.from_rotvec(V).as_matrix().ravel() + 0.01 * np.arange(9),
    ),
    "angles about fixed axes": (lambda q: Rotation.from_euler("xyz", q).as_matrix(), V),
    "angles about axes of the body": (
        lambda q: Rotation.from_euler("ZYX", q, degrees=True).as_euler("xzx"), 50 * V,
    ),
    "one angle": (lambda q: Rotation.from_euler("z", q[0]).apply(V), [0.4]),
    "product and inverse": (
        lambda q: (Rotation.from_rotvec(q[:3]) * Rotation.from_euler("xy", q[3:])).inv().apply(V),
        [*V, 0.1, 0.2],
    ),
    "power": (lambda q: (Rotation.from_rotvec(q[:3]) ** q[3]).as_matrix(), [*V, 0.7]),
    "magnitude": (lambda q: Rotation.from_rotvec(q).magnitude(), V),
    "modified parameters": (lambda q: Rotation.from_mrp(q).as_mrp(), V),
    "constant rotation": (lambda q: Rotation.from_rotvec(V).apply(q, inverse=True), V),
    "constant factor": (
        lambda q: (Rotation.from_rotvec(V) * Rotation.from_rotvec(q)).as_rotvec(), V,
    ),
    "one of a stack": (
        lambda q: Rotation.from_rotvec(q.reshape(2, 3))[1].apply(POINTS), [*V, *(V + 0.1)],
    ),
    "stack": (lambda q: Rotation.from_rotvec(q.reshape(2, 3)).apply(POINTS), [*V, *(V + 0.1)]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_rotation(name):
    f, x = CASES[name]
    judge(f, x, rtol=1e-7)


def test_generators():
    """At the identity the derivative of R(v) p is the cross product with p."""
    J = dm.jacobian_rev(lambda v: Rotation.from_rotvec(v).apply(POINTS[0]), np.zeros(3))
    np.testing.assert_allclose(J.T, np.cross(np.eye(3), POINTS[0]), atol=1e-15)


def test_object_is_of_the_class():
    def f(v):
        rotation = Rotation.from_rotvec(v)
        assert isinstance(rotation, Rotation)
        assert rotation.single
        return rotation.as_quat()

    assert dm.jacobian_fwd(f, V).shape == (4, 3)


def test_refused():
    with pytest.raises(dm.MissingRuleError, match="align_vectors"):
        dm.jacobian_fwd(lambda q: Rotation.align_vectors(q.reshape(1, 3), [V])[1], V)
