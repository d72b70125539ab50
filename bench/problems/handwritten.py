"""Jacobians of the structured problems as an expert writes them: one Numba loop over the nonzeros.

Each entry of `JACOBIANS` is a function n -> `ByHand`: where the nonzeros are, known beforehand, and
a call that fills in their values and nothing else.  This is what dualmc's sparse Jacobians are
measured against; the benchmarks check both.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numba import njit

from problems.local import bundle_shape


@dataclass(frozen=True)
class ByHand:
    """A Jacobian with its pattern: `fill(x, values)` computes the value at every place."""

    shape: tuple[int, int]
    rows: np.ndarray
    cols: np.ndarray
    fill: Callable

    def matrix(self, x):
        from scipy.sparse import coo_array

        values = np.empty(self.rows.size)
        self.fill(x, values)
        return coo_array((values, (self.rows, self.cols)), self.shape).tocsr()


JACOBIANS: dict[str, Callable] = {}


def by_hand(build):
    JACOBIANS[build.__name__] = build
    return build


def banded(n, offsets, fill, shape=None, ring=False):
    """Of n rows with nonzeros at i + offset, row by row."""
    rows = np.repeat(np.arange(n), len(offsets))
    cols = rows + np.tile(offsets, n)
    return ByHand(shape or (n, n), rows, cols % n if ring else cols, fill)


# --- Element by element, and sums ----------------------------------------------------------------


@njit
def _sin_square(x, values):
    for i in range(x.size):
        values[i] = 2.0 * x[i] * math.cos(x[i] * x[i])


@by_hand
def sin_square(n):
    return banded(n, [0], _sin_square)


@njit
def _rosenbrock(x, values):
    values[0] = 0.0
    for i in range(x.size - 1):
        r = x[i + 1] - x[i] * x[i]
        values[i] += -400.0 * x[i] * r - 2.0 * (1.0 - x[i])
        values[i + 1] = 200.0 * r


@by_hand
def rosenbrock(n):
    return ByHand((1, n), np.zeros(n, int), np.arange(n), _rosenbrock)


@njit
def _rosenbrock_residual(x, values):
    n = x.size
    for i in range(n - 1):
        values[2 * i] = -20.0 * x[i]
        values[2 * i + 1] = 10.0
        values[2 * (n - 1) + i] = -1.0


@by_hand
def rosenbrock_residual(n):
    i = np.arange(n - 1)
    rows = np.concatenate([np.repeat(i, 2), n - 1 + i])
    cols = np.concatenate([np.stack([i, i + 1], axis=1).ravel(), i])
    return ByHand((2 * (n - 1), n), rows, cols, _rosenbrock_residual)


@njit
def _ackley(x, values):
    n = x.size
    squares, waves = 0.0, 0.0
    for i in range(n):
        squares += x[i] * x[i]
        waves += math.cos(2.0 * math.pi * x[i])
    distance = math.sqrt(squares / n)
    near = 4.0 * math.exp(-0.2 * distance) / (n * distance)
    wave = 2.0 * math.pi * math.exp(waves / n) / n
    for i in range(n):
        values[i] = near * x[i] + wave * math.sin(2.0 * math.pi * x[i])


@by_hand
def ackley(n):
    return ByHand((1, n), np.zeros(n, int), np.arange(n), _ackley)


# --- Stencils ------------------------------------------------------------------------------------


@njit
def _lorenz96(x, values):
    n = x.size
    for i in range(n):
        right, left, far = x[(i + 1) % n], x[i - 1], x[i - 2]
        values[4 * i] = -left
        values[4 * i + 1] = right - far
        values[4 * i + 2] = -1.0
        values[4 * i + 3] = left


@by_hand
def lorenz96(n):
    return banded(n, [-2, -1, 0, 1], _lorenz96, ring=True)


@by_hand
def burgers(n):
    h, viscosity = 1.0 / n, 0.01

    @njit
    def fill(u, values):
        around = viscosity / h**2
        for i in range(n):
            left, right = u[i - 1], u[(i + 1) % n]
            if u[i] > 0:
                upwind_left, upwind_right, slope = u[i] / h, 0.0, (2.0 * u[i] - left) / h
            else:
                upwind_left, upwind_right, slope = 0.0, -u[i] / h, (right - 2.0 * u[i]) / h
            values[3 * i] = around + upwind_left
            values[3 * i + 1] = -2.0 * around - slope
            values[3 * i + 2] = around + upwind_right

    return banded(n, [-1, 0, 1], fill, ring=True)


@by_hand
def brusselator(n):
    points = n // 2
    diffusion = 0.02 * (points + 1) ** 2
    i = np.arange(n)
    inner = i % points
    # Left, centre, right, and the other species; the edges have no left or no right neighbour.
    cols = np.stack([i - 1, i, i + 1, (i + points) % n], axis=1)
    kept = np.stack([inner > 0, i >= 0, inner < points - 1, i >= 0], axis=1)
    rows = np.repeat(i, 4).reshape(n, 4)[kept]

    @njit
    def fill(y, values):
        at = 0
        for i in range(n):
            k = i % points
            u, v = y[k], y[k + points]
            own = 2.0 * u * v - 4.0 if i < points else -u * u
            other = u * u if i < points else 3.0 - 2.0 * u * v
            if k > 0:
                values[at] = diffusion
                at += 1
            values[at] = own - 2.0 * diffusion
            at += 1
            if k < points - 1:
                values[at] = diffusion
                at += 1
            values[at] = other
            at += 1

    return ByHand((n, n), rows, cols[kept], fill)


@by_hand
def bratu(n):
    side = math.isqrt(n)
    scale = 6.0 / (side + 1) ** 2
    i, j = np.divmod(np.arange(n), side)
    at = np.arange(n)
    kept = np.stack([i > 0, j > 0, i >= 0, j < side - 1, i < side - 1], axis=1)
    cols = np.stack([at - side, at - 1, at, at + 1, at + side], axis=1)[kept]
    rows = np.repeat(at, 5).reshape(n, 5)[kept]
    diagonal = np.flatnonzero(rows == cols)

    @njit
    def fill(x, values):
        values[:] = -1.0
        for i in range(n):
            values[diagonal[i]] = 4.0 - scale * math.exp(x[i])

    return ByHand((n, n), rows, cols, fill)


@by_hand
def heat(n):
    side = math.isqrt(n)
    conduction = (side - 1.0) ** 2
    at = np.arange(n).reshape(side, side)
    inside = at[1:-1, 1:-1].ravel()
    offsets = np.array([-side, -1, 0, 1, side])
    rows = np.concatenate([np.repeat(at[0], 2), np.repeat(inside, 5), at[-1]])
    first = np.stack([at[0], at[1]], axis=1).ravel()
    cols = np.concatenate([first, (inside[:, None] + offsets).ravel(), at[-1]])

    @njit
    def fill(x, values):
        k = 0
        for _ in range(side):
            values[k] = -0.5
            values[k + 1] = 0.5
            k += 2
        for _ in range((side - 2) ** 2):
            for neighbour in range(5):
                values[k + neighbour] = conduction
            values[k + 2] = -4.0 * conduction
            k += 5
        for j in range(side):
            values[k + j] = -0.4 * x[n - side + j] ** 3

    return ByHand((n, n), rows, cols, fill)


# --- Bundle adjustment ---------------------------------------------------------------------------


@njit
def _cross(a, b, out):
    out[0] = a[1] * b[2] - a[2] * b[1]
    out[1] = a[2] * b[0] - a[0] * b[2]
    out[2] = a[0] * b[1] - a[1] * b[0]


@njit
def _rotated(r, X, P, turned, D):
    """P = R(r) X; turned[:, j] = dP / dr_j; D = dP / dX = R."""
    angle = math.sqrt(r[0] ** 2 + r[1] ** 2 + r[2] ** 2)
    sin, cos = math.sin(angle), math.cos(angle)
    a, da, across, turn = np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    for i in range(3):
        a[i] = r[i] / angle
    _cross(a, X, across)
    along = a[0] * X[0] + a[1] * X[1] + a[2] * X[2]
    for i in range(3):
        P[i] = X[i] * cos + across[i] * sin + a[i] * along * (1.0 - cos)
    for j in range(3):
        # d a / d r_j = (e_j - a a_j) / angle and d angle / d r_j = a_j
        for i in range(3):
            da[i] = ((i == j) - a[i] * a[j]) / angle
        _cross(da, X, turn)
        d_along = da[0] * X[0] + da[1] * X[1] + da[2] * X[2]
        for i in range(3):
            turned[i, j] = (
                a[j] * (across[i] * cos - X[i] * sin + a[i] * along * sin)
                + turn[i] * sin
                + (da[i] * along + a[i] * d_along) * (1.0 - cos)
            )
            D[i, j] = a[i] * a[j] * (1.0 - cos)
        D[j, j] += cos
    D[0, 1] -= a[2] * sin
    D[0, 2] += a[1] * sin
    D[1, 0] += a[2] * sin
    D[1, 2] -= a[0] * sin
    D[2, 0] -= a[1] * sin
    D[2, 1] += a[0] * sin


@njit
def _bundle(x, values, camera, point, cameras):
    turned, D = np.empty((3, 3)), np.empty((3, 3))
    X, P, G = np.empty(3), np.empty(3), np.empty((2, 3))
    for k in range(camera.size):
        C = x[11 * camera[k] : 11 * camera[k] + 11]
        start = 11 * cameras + 3 * point[k]
        for i in range(3):
            X[i] = x[start + i] - C[3 + i]
        _rotated(C[:3], X, P, turned, D)
        u = P[0] / P[2], P[1] / P[2]
        r2 = u[0] ** 2 + u[1] ** 2
        bend = 1.0 + C[9] * r2 + C[10] * r2**2
        d_bend = 2.0 * (C[9] + 2.0 * C[10] * r2)
        for o in range(2):
            # d (f u_o bend) / d u, then by u = P[:2] / P[2]
            by_0 = C[6] * u[o] * d_bend * u[0]
            by_1 = C[6] * u[o] * d_bend * u[1]
            if o == 0:
                by_0 += C[6] * bend
            else:
                by_1 += C[6] * bend
            G[o, 0], G[o, 1] = by_0 / P[2], by_1 / P[2]
            G[o, 2] = -(by_0 * u[0] + by_1 * u[1]) / P[2]
            at = 13 * (2 * k + o)
            for j in range(3):
                by_rotation, by_place = 0.0, 0.0
                for i in range(3):
                    by_rotation += G[o, i] * turned[i, j]
                    by_place += G[o, i] * D[i, j]
                values[at + j] = by_rotation
                values[at + 3 + j] = -by_place
                values[at + 10 + j] = by_place
            values[at + 6] = u[o] * bend
            values[at + 7] = 1.0
            values[at + 8] = C[6] * u[o] * r2
            values[at + 9] = C[6] * u[o] * r2**2


@by_hand
def bundle_adjustment(n):
    cameras, points, camera, point = bundle_shape(n)
    of_camera = np.array([0, 1, 2, 3, 4, 5, 6, 7, 9, 10])
    cols = np.empty((camera.size, 2, 13), int)
    cols[:, :, :10] = (11 * camera[:, None] + of_camera)[:, None, :]
    cols[:, 1, 7] += 1  # the image's centre: one of its coordinates each
    cols[:, :, 10:] = (11 * cameras + 3 * point[:, None] + np.arange(3))[:, None, :]
    rows = np.repeat(np.arange(2 * camera.size), 13)

    def fill(x, values):
        _bundle(x, values, camera, point, cameras)

    return ByHand((2 * camera.size, n), rows, cols.ravel(), fill)
