"""ADBench's hand tracking: how far a hand of 22 bones in a pose is from measured points.

The mathematics of microsoft/ADBench (Šrajer, Kukelova, Fitzgibbon 2018,
doi:10.1080/10556788.2018.1435651), "simple", the small model: 26 parameters of the pose, 544
vertices that follow up to four bones each; 100 points.  Bones, vertices and points are random with
a fixed seed.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from problems.jitted.lstm import Long

BONES = 22  # the wrist, five fingers of four, the forearm
VERTICES = 544


class Hand(NamedTuple):
    parents: np.ndarray  # (bones,), -1 for the wrist
    relatives: np.ndarray  # (bones, 4, 4): each in the frame of its parent, at rest
    inverses: np.ndarray  # (bones, 4, 4): of the absolute frames at rest
    vertices: np.ndarray  # (vertices, 4), homogeneous
    weights: np.ndarray  # (vertices, bones): how much a vertex follows a bone


@njit
def turn(angles):
    """Rotation by angles about x, z and y, in this order of the three."""
    cx, sx = np.cos(angles[0]), np.sin(angles[0])
    cz, sz = np.cos(angles[1]), np.sin(angles[1])
    cy, sy = np.cos(angles[2]), np.sin(angles[2])
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, cx, -sx], [0.0, sx, cx]])
    about_y = np.array([[cy, 0.0, sy], [0.0, 1.0, 0.0], [-sy, 0.0, cy]])
    about_z = np.array([[cz, -sz, 0.0], [sz, cz, 0.0], [0.0, 0.0, 1.0]])
    return about_z @ about_y @ about_x


@njit
def about_axis(v):
    """Rotation about the axis v by its length, Rodrigues' formula."""
    angle = np.sqrt(v[0] ** 2 + v[1] ** 2 + v[2] ** 2)
    if angle < 1e-4:
        return np.eye(3)
    x, y, z = v[0] / angle, v[1] / angle, v[2] / angle
    s, c = np.sin(angle), np.cos(angle)
    R = np.empty((3, 3))
    R[0, 0] = x * x + (1.0 - x * x) * c
    R[0, 1] = x * y * (1.0 - c) - z * s
    R[0, 2] = x * z * (1.0 - c) + y * s
    R[1, 0] = x * y * (1.0 - c) + z * s
    R[1, 1] = y * y + (1.0 - y * y) * c
    R[1, 2] = y * z * (1.0 - c) - x * s
    R[2, 0] = x * z * (1.0 - c) - y * s
    R[2, 1] = z * y * (1.0 - c) + x * s
    R[2, 2] = z * z + (1.0 - z * z) * c
    return R


@njit
def bend(pose, count):
    """Angles of the bones: each finger bends at three joints and spreads at the first."""
    angles = np.zeros((count, 3))
    k = 6
    for finger in range(5):
        for joint in range(3):
            bone = 2 + 4 * finger + joint
            angles[bone, 0] = pose[k]
            k += 1
            if joint == 0:
                angles[bone, 1] = pose[k]
                k += 1
    return angles


@njit
def skinned(pose, hand):
    """Where the vertices are, before the hand is moved as a whole."""
    count = len(hand.parents)
    angles = bend(pose, count)
    absolutes = np.empty((count, 4, 4))
    frames = np.empty((count, 4, 4))
    for bone in range(count):
        local = np.eye(4)
        local[:3, :3] = turn(angles[bone])
        relative = hand.relatives[bone] @ local
        if hand.parents[bone] < 0:
            absolutes[bone] = relative
        else:
            absolutes[bone] = absolutes[hand.parents[bone]] @ relative
        frames[bone] = absolutes[bone] @ hand.inverses[bone]
    positions = np.zeros((len(hand.vertices), 3))
    for v in range(len(hand.vertices)):
        for bone in range(count):
            w = hand.weights[v, bone]
            if w != 0.0:
                for i in range(3):
                    for j in range(4):
                        positions[v, i] += w * frames[bone, i, j] * hand.vertices[v, j]
    return positions


@njit
def misfit(pose, hand, points, nearest):
    """Differences between the points and their nearest vertices, point by point."""
    positions = skinned(pose, hand)
    R = about_axis(pose[:3])
    out = np.empty(3 * len(points))
    for k in range(len(points)):
        p = positions[nearest[k]]
        for i in range(3):
            moved = R[i, 0] * p[0] + R[i, 1] * p[1] + R[i, 2] * p[2] + pose[3 + i]
            out[3 * k + i] = points[k, i] - moved
    return out


# --- The data ------------------------------------------------------------------------------------


def random_hand(rng):
    parents = np.array([-1] + [0 if k % 4 == 0 else k for k in range(20)] + [0])
    relatives = np.tile(np.eye(4), (BONES, 1, 1))
    for bone in range(BONES):
        relatives[bone, :3, :3] = turn(rng.normal(0.0, 0.5, 3))
        relatives[bone, :3, 3] = rng.normal(0.0, 0.05, 3)
    absolutes = []
    for bone in range(BONES):
        above = np.eye(4) if parents[bone] < 0 else absolutes[parents[bone]]
        absolutes.append(above @ relatives[bone])
    vertices = np.column_stack([rng.normal(0.0, 0.1, (VERTICES, 3)), np.ones(VERTICES)])
    weights = np.zeros((VERTICES, BONES))
    for v in range(VERTICES):
        followed = rng.choice(BONES, rng.integers(1, 5), replace=False)
        weights[v, followed] = rng.dirichlet(np.ones(followed.size))
    return Hand(parents, relatives, np.linalg.inv(np.array(absolutes)), vertices, weights)


def hand(count=100):
    rng = np.random.default_rng(0)
    model = random_hand(rng)
    pose = rng.normal(0.0, 0.5, 26)
    nearest = rng.integers(0, VERTICES, count)
    points = rng.normal(0.0, 1.0, (count, 3))

    def in_jax(jnp):
        return _in_jax(jnp, model, points, nearest)

    return Long(misfit, pose, (model, points, nearest), in_jax)


def _in_jax(jnp, model, points, nearest):
    vertices, weights = jnp.asarray(model.vertices), jnp.asarray(model.weights)

    def turned(angles):
        (cx, cz, cy), (sx, sz, sy) = jnp.cos(angles), jnp.sin(angles)
        about_x = jnp.array([[1.0, 0.0, 0.0], [0.0, cx, -sx], [0.0, sx, cx]])
        about_y = jnp.array([[cy, 0.0, sy], [0.0, 1.0, 0.0], [-sy, 0.0, cy]])
        about_z = jnp.array([[cz, -sz, 0.0], [sz, cz, 0.0], [0.0, 0.0, 1.0]])
        return about_z @ about_y @ about_x

    def f(pose):
        angles = jnp.zeros((BONES, 3))
        joints = np.array([2 + 4 * finger + joint for finger in range(5) for joint in range(3)])
        bends = np.array([6 + 4 * finger + k for finger in range(5) for k in (0, 2, 3)])
        angles = angles.at[joints, 0].set(pose[bends])
        angles = angles.at[joints[::3], 1].set(pose[bends[::3] + 1])
        absolutes, frames = [], []
        for bone in range(BONES):
            relative = model.relatives[bone] @ jnp.eye(4).at[:3, :3].set(turned(angles[bone]))
            parent = model.parents[bone]
            absolutes.append(relative if parent < 0 else absolutes[parent] @ relative)
            frames.append(absolutes[bone] @ model.inverses[bone])
        positions = jnp.einsum("vb,bij,vj->vi", weights, jnp.stack(frames)[:, :3], vertices)
        angle = jnp.sqrt(jnp.sum(pose[:3] ** 2))
        x, y, z = pose[:3] / angle
        K = jnp.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
        R = jnp.eye(3) + jnp.sin(angle) * K + (1.0 - jnp.cos(angle)) * K @ K
        return jnp.ravel(points - (positions[nearest] @ R.T + pose[3:6]))

    return f
