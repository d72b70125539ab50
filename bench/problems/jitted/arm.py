"""A planar arm of two links under torques: angular accelerations from angles and velocities.

M(q) q'' + h(q, q') = t, as in Spong, Hutchinson, Vidyasagar, "Robot Modeling and Control", 7.4.
"""

import numpy as np
from numba import njit

from problems.jitted.problem import Jitted, problem


@njit
def arm_f(s):
    m1, m2, l1, r1, r2, i1, i2, g = 1.0, 0.8, 0.5, 0.25, 0.2, 0.02, 0.012, 9.81
    q1, q2, w1, w2 = s[0], s[1], s[2], s[3]
    a = i1 + i2 + m1 * r1**2 + m2 * (l1**2 + r2**2)
    b = m2 * l1 * r2
    m22 = i2 + m2 * r2**2
    m11 = a + 2.0 * b * np.cos(q2)
    m12 = m22 + b * np.cos(q2)
    h1 = -b * np.sin(q2) * (2.0 * w1 * w2 + w2**2)
    h1 += (m1 * r1 + m2 * l1) * g * np.cos(q1) + m2 * r2 * g * np.cos(q1 + q2)
    h2 = b * np.sin(q2) * w1**2 + m2 * r2 * g * np.cos(q1 + q2)
    t1 = 1.0 - 0.1 * w1 - h1
    t2 = 0.5 - 0.1 * w2 - h2
    det = m11 * m22 - m12**2
    return np.array([w1, w2, (m22 * t1 - m12 * t2) / det, (m11 * t2 - m12 * t1) / det])


@njit
def arm_jacobian(s):
    m1, m2, l1, r1, r2, i1, i2, g = 1.0, 0.8, 0.5, 0.25, 0.2, 0.02, 0.012, 9.81
    q1, q2, w1, w2 = s[0], s[1], s[2], s[3]
    c2, s2 = np.cos(q2), np.sin(q2)
    s1, c1 = np.sin(q1), np.cos(q1)
    s12, c12 = np.sin(q1 + q2), np.cos(q1 + q2)
    b = m2 * l1 * r2
    m22 = i2 + m2 * r2 * r2
    m11 = i1 + i2 + m1 * r1 * r1 + m2 * (l1 * l1 + r2 * r2) + 2.0 * b * c2
    m12 = m22 + b * c2
    g1, g2 = (m1 * r1 + m2 * l1) * g, m2 * r2 * g
    t1 = 1.0 - 0.1 * w1 + b * s2 * (2.0 * w1 + w2) * w2 - g1 * c1 - g2 * c12
    t2 = 0.5 - 0.1 * w2 - b * s2 * w1 * w1 - g2 * c12
    inverse = 1.0 / (m11 * m22 - m12 * m12)
    a1 = (m22 * t1 - m12 * t2) * inverse
    a2 = (m11 * t2 - m12 * t1) * inverse
    J = np.empty((4, 4))
    J[0, 0] = J[0, 1] = J[0, 3] = J[1, 0] = J[1, 1] = J[1, 2] = 0.0
    J[0, 2] = J[1, 3] = 1.0
    # M a = t: what a changes by is inverse(M) (dt - dM a), column by column.
    d1, d2 = g1 * s1 + g2 * s12, g2 * s12
    J[2, 0] = (m22 * d1 - m12 * d2) * inverse
    J[3, 0] = (m11 * d2 - m12 * d1) * inverse
    d1 = b * c2 * (2.0 * w1 + w2) * w2 + g2 * s12 + b * s2 * (2.0 * a1 + a2)
    d2 = -b * c2 * w1 * w1 + g2 * s12 + b * s2 * a1
    J[2, 1] = (m22 * d1 - m12 * d2) * inverse
    J[3, 1] = (m11 * d2 - m12 * d1) * inverse
    d1, d2 = -0.1 + 2.0 * b * s2 * w2, -2.0 * b * s2 * w1
    J[2, 2] = (m22 * d1 - m12 * d2) * inverse
    J[3, 2] = (m11 * d2 - m12 * d1) * inverse
    d1 = 2.0 * b * s2 * (w1 + w2)
    J[2, 3] = (m22 * d1 + m12 * 0.1) * inverse
    J[3, 3] = (-m11 * 0.1 - m12 * d1) * inverse
    return J


def arm_in_jax(jnp):
    from tools import namespaces

    return namespaces.under(arm_f.py_func, namespaces.Namespace(jnp, jnp.asarray))


@problem()
def arm():
    return Jitted(arm_f, np.array([0.3, 0.7, -0.2, 0.5]), arm_jacobian, arm_in_jax)
