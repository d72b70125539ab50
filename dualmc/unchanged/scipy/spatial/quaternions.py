"""Rotations as unit quaternions, arrays (..., 4) with the real part last: formulas on Duals.

Angles enter by their squares near 0, so that derivatives are right at the identity.
"""

import numpy as np

from dualmc.functions.matrices.differentials import quiet
from dualmc.kernels.payload import values
from dualmc.unchanged.scipy.entering import functional


def rule(formula):
    """A function of carriers, which a graph records as one step."""
    return functional(quiet(formula))(quiet(formula))


@rule
def normalized(q):
    return q / np.sqrt(np.sum(q * q, axis=-1, keepdims=True))


@rule
def of_rotvec(v):
    """``(v sin(t / 2) / t, cos(t / 2))`` for the angle t = |v|; by series in t**2 near 0."""
    square = np.sum(v * v, axis=-1, keepdims=True)
    is_small = values(square) < 1e-4
    s = np.where(is_small, square, 0.0)
    angle = np.sqrt(np.where(is_small, 1.0, square))
    scale = 0.5 - s / 48 + s * s / 3840 - s * s * s / 645120
    scale = np.where(is_small, scale, np.sin(angle / 2) / angle)
    real = 1 - s / 8 + s * s / 384 - s * s * s / 46080
    return np.concatenate([v * scale, np.where(is_small, real, np.cos(angle / 2))], axis=-1)


@rule
def canonical(q):
    """Of q and -q the one that SciPy calls canonical: the first of w, x, y, z not 0 is positive."""
    at = values(q)[..., [3, 0, 1, 2]]
    first = np.argmax(at != 0, axis=-1)
    is_turned = np.take_along_axis(at, first[..., None], -1) < 0
    return np.where(is_turned, -1.0, 1.0) * q


@rule
def to_rotvec(q):
    """``v t / |v|`` with t = 2 atan2(|v|, w); by the series of atan near the identity."""
    q = canonical(q)
    v, w = q[..., :3], q[..., 3:]
    square = np.sum(v * v, axis=-1, keepdims=True)
    is_small = values(square) < 1e-4
    r = np.where(is_small, square, 0.0) / np.where(is_small, w * w, 1.0)
    near = 2 * (1 - r / 3 + r * r / 5 - r * r * r / 7 + r**4 / 9) / np.where(is_small, w, 1.0)
    norm = np.sqrt(np.where(is_small, 1.0, square))
    return v * np.where(is_small, near, 2 * np.arctan2(norm, w) / norm)


@rule
def composed(p, q):
    x, y, z, w = (p[..., i] for i in range(4))
    a, b, c, d = (q[..., i] for i in range(4))
    return np.stack(
        [
            w * a + d * x + y * c - z * b,
            w * b + d * y + z * a - x * c,
            w * c + d * z + x * b - y * a,
            w * d - x * a - y * b - z * c,
        ],
        axis=-1,
    )


@rule
def inverse(q):
    return q * np.array([-1.0, -1.0, -1.0, 1.0])


@rule
def to_matrix(q):
    x, y, z, w = (q[..., i] for i in range(4))
    rows = [
        [x * x - y * y - z * z + w * w, 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), -x * x + y * y - z * z + w * w, 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), -x * x - y * y + z * z + w * w],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


@rule
def of_matrix(m, assume_valid):
    """By the largest of four squares; a matrix that is not orthogonal by its polar factor.

    Newton's iteration ``m (3 - m^T m) / 2`` doubles the order of derivatives that are exact.
    """
    if not assume_valid:
        at = values(m)
        gram = np.matmul(np.swapaxes(at, -1, -2), at)
        if not np.allclose(gram, np.eye(3), rtol=0, atol=1e-12):
            u, _, vt = np.linalg.svd(m)
            m = np.matmul(u, vt)
        for _ in range(2):
            m = np.matmul(m, 1.5 * np.eye(3) - 0.5 * np.matmul(np.swapaxes(m, -1, -2), m))
    d = [m[..., i, i] for i in range(3)]
    trace = d[0] + d[1] + d[2]
    choice = np.argmax(np.stack([values(a) for a in (*d, trace)], axis=-1), axis=-1)

    def pair(i, j, sign):
        return m[..., i, j] + sign * m[..., j, i]

    found = [
        [1 - trace + 2 * d[0], pair(1, 0, 1), pair(2, 0, 1), pair(2, 1, -1)],
        [pair(1, 0, 1), 1 - trace + 2 * d[1], pair(2, 1, 1), pair(0, 2, -1)],
        [pair(2, 0, 1), pair(2, 1, 1), 1 - trace + 2 * d[2], pair(1, 0, -1)],
        [pair(2, 1, -1), pair(0, 2, -1), pair(1, 0, -1), 1 + trace],
    ]
    q = np.stack(found[3], axis=-1)
    for i in range(3):
        q = np.where((choice == i)[..., None], np.stack(found[i], axis=-1), q)
    return normalized(q)


@rule
def of_euler(seq, angles):
    """A product of turns about the axes of `seq`; capitals turn with the body."""
    q = None
    for i, axis in enumerate(seq.lower()):
        half = angles[..., i] / 2
        parts = [np.zeros(np.shape(half))] * 3
        parts["xyz".index(axis)] = np.sin(half)
        turn = np.stack([*parts, np.cos(half)], axis=-1)
        if q is None:
            q = turn
        else:
            q = composed(q, turn) if seq.isupper() else composed(turn, q)
    return q


@rule
def to_euler(q, seq):
    """Bernardes and Viollet (2022); where the second angle is degenerate the third is 0."""
    is_extrinsic = seq.islower()
    i, j, k = ("xyz".index(c) for c in (seq if is_extrinsic else seq[::-1]).lower())
    symmetric = i == k
    k = 3 - i - j if symmetric else k
    sign = (i - j) * (j - k) * (k - i) // 2
    a, b, c, d = q[..., 3], q[..., i], q[..., j], q[..., k] * sign
    if not symmetric:
        a, b, c, d = a - c, b + d, c + a, d - b
    half_sum, half_diff = np.arctan2(b, a), np.arctan2(d, c)
    second = 2 * np.arctan2(np.hypot(c, d), np.hypot(a, b))
    at = np.abs(values(second))
    is_zero, is_flat = at <= 1e-7, np.abs(at - np.pi) <= 1e-7
    first = np.where(is_zero, 2 * half_sum, 2 * half_diff * (-1 if is_extrinsic else 1))
    is_regular = ~(is_zero | is_flat)
    one = np.where(is_regular, half_sum - half_diff, first if is_extrinsic else 0.0)
    other = np.where(is_regular, half_sum + half_diff, 0.0 if is_extrinsic else first)
    if not symmetric:
        other, second = other * sign, second - np.pi / 2
    found = np.stack([one, second, other] if is_extrinsic else [other, second, one], axis=-1)
    return found - 2 * np.pi * np.floor((values(found) + np.pi) / (2 * np.pi))


@rule
def to_angle(q):
    return 2 * np.arctan2(np.linalg.norm(q[..., :3], axis=-1), np.abs(q[..., 3]))


@rule
def to_mrp(q):
    sign = np.where(values(q)[..., 3:] < 0, -1.0, 1.0)
    return sign * q[..., :3] / (1.0 + sign * q[..., 3:])


@rule
def of_mrp(v):
    square = np.sum(v * v, axis=-1, keepdims=True)
    return np.concatenate([2 * v, 1 - square], axis=-1) / (1 + square)
