"""For derivatives of derivatives: Rosenbrock's function, arrays that meet values of outer calls."""

import numpy as np


def outer_into_inner_buffer(x, t):
    y = np.zeros_like(t)
    y[0] = x[0] * t[0]
    y[1:] = x[1:]
    return y


def outer_into_inner_view(x, t):
    y = np.zeros_like(t)
    v = y[1:]
    v[0] = x[0] * t[0]
    v[1] = x[1] ** 2
    return y * v[0]


def outer_into_inner_argument(x, t):
    t[0] = x[0]
    t[1] *= x[1]
    t += x
    return t * x


def outer_read_through_an_older_view(x, t):
    v = t[::-1]
    t[0] = x[0] * t[1]
    v *= 2.0
    return v * t


def outer_and_inner_at_once(x, t):
    y = np.empty_like(t)
    y[...] = 1.0
    y[[0, 2]] = x[:2] * t[:2]
    y[y > 5] = 0.0
    return np.cumsum(y)


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rosenbrock_gradient(x):
    g = np.zeros(x.size)
    r = x[1:] - x[:-1] ** 2
    g[:-1] = -400 * x[:-1] * r - 2 * (1 - x[:-1])
    g[1:] += 200 * r
    return g


def rosenbrock_hessian(x):
    H = np.zeros((x.size, x.size))
    i = np.arange(x.size - 1)
    H[i, i] = 1200 * x[:-1] ** 2 - 400 * x[1:] + 2
    H[i + 1, i + 1] += 200
    H[i, i + 1] = H[i + 1, i] = -400 * x[:-1]
    return H
