"""Loops that fill buffers, and algorithms written out by hand."""

import numpy as np
from points import A5, M, Q, V

from function_cases.case import DIFF, STEP, Case


def loop_zeros_like(x):
    y = np.zeros_like(x)
    for i in range(len(x)):
        y[i] = np.sin(x[i]) * x[i - 1]
    return y


def loop_empty_like(x):
    y = np.empty_like(x)
    y[0] = x[0]
    for i in range(1, x.size):
        y[i] = y[i - 1] * 0.5 + x[i] ** 2
    return y


def loop_ones_full_like(x):
    y, z = np.ones_like(x), np.full_like(x, 2.5)
    for i in range(x.size):
        y[i] += x[i] * z[i]
        z[i] -= x[0]
    return y * z


def loop_full_like_active(x):
    return np.full_like(x, x[0] * 2) * np.full_like(A5, 3.0)


def loop_buffer_unused(x):
    y = np.zeros_like(x)
    return y + 1.0


def loop_2d(x):
    y = np.zeros_like(x)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            y[i, j] = x[i, j] * x[i, j - 1] + (y[i - 1, j] if i else 0.0)
    return y


def loop_shape_argument(x):
    y = np.zeros_like(x, shape=(3, 2))
    y[0] = x[:2]
    y[1:, 1] = x[3]
    z = np.empty_like(x, shape=4)
    z[:] = x[:4] ** 2
    return y.sum(axis=1) * z[:3]


def thomas(x):
    c, d = np.zeros_like(x), np.zeros_like(x)
    c[0], d[0] = 1.0 / (3.0 + x[0]), x[0] / (3.0 + x[0])
    for i in range(1, len(x)):
        m = 3.0 + x[i] - c[i - 1]
        c[i] = 1.0 / m
        d[i] = (x[i] - d[i - 1]) / m
    for i in range(len(x) - 2, -1, -1):
        d[i] -= c[i] * d[i + 1]
    return d


def cholesky_by_hand(x):
    a = x @ x.T + 3.0 * np.eye(3)
    c = np.zeros_like(a)
    for i in range(3):
        for j in range(i + 1):
            s = a[i, j] - c[i, :j] @ c[j, :j]
            c[i, j] = np.sqrt(s) if i == j else s / c[j, j]
    return c


def gauss_solve(x):
    a = x + 4.0 * np.eye(3)
    b = x[0] * 1.0
    for k in range(3):
        for i in range(k + 1, 3):
            m = a[i, k] / a[k, k]
            a[i, k:] -= m * a[k, k:]
            b[i] -= m * b[k]
    for k in (2, 1, 0):
        b[k] = (b[k] - a[k, k + 1 :] @ b[k + 1 :]) / a[k, k]
    return b


def runge_kutta(x):
    def rate(u):
        return np.stack([u[1], -x[2] * np.sin(u[0])])

    u, h = x[:2], 0.1
    for _ in range(3):
        k1 = rate(u)
        k2 = rate(u + 0.5 * h * k1)
        u = u + h * k2
    return u


def bubble_sort(x):
    for i in range(len(x)):
        for j in range(len(x) - 1 - i):
            if x[j] > x[j + 1]:
                x[j], x[j + 1] = x[j + 1].copy(), x[j].copy()
    return x


def growing_buffer(x):
    y = np.zeros_like(x)
    for i in range(5):
        y[i] = x[: i + 1].sum()
        y[0] = y[0] + y[i] * 0.1
    return y


def zero_then_add(x):
    y = np.zeros_like(x, shape=())
    for v in x:
        y = y + v**2
    return y


LOOPS = [
    Case(f.__name__.replace("_", "-"), f, x, oracle)
    for f, x, oracle in [
        (loop_zeros_like, V, STEP),
        (loop_empty_like, V, STEP),
        (loop_ones_full_like, V, STEP),
        (loop_full_like_active, V, STEP),
        (loop_buffer_unused, V, STEP),
        (loop_2d, M, STEP),
        (loop_shape_argument, V, STEP),
        (thomas, V, STEP),
        (cholesky_by_hand, M, STEP),
        (gauss_solve, Q, STEP),
        (runge_kutta, V[:3], STEP),
        (bubble_sort, V, DIFF),
        (growing_buffer, V, STEP),
        (zero_then_add, V, STEP),
    ]
]
