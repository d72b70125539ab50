"""Functions of any number n of inputs and m of outputs: `(n, m, rng)` gives f and a point.

What n and m mean for them:

- neuron: the mean of ``(y - max(0, w.x + b))**2`` over each of m batches, by n - 1 weights and the
  bias (folded in); 64 samples in all, or one per batch where there are more batches;
- mlp: two layers from n inputs to m outputs, with sqrt(n m) hidden units (at most 512);
- stencil: Burgers' equation on a ring of n points, observed at m of them (again and again: m > n);
- bundle: bundle adjustment, n parameters of cameras (11) and points (3), m / 2 observations; the
  nearest sizes that exist;
- sparse map: m outputs of 4 random inputs each.
"""

import math

import numpy as np


def neuron(n, m, rng):
    batch = max(1, 64 // m)
    X = rng.standard_normal((batch * m, n)) / math.sqrt(n)
    X[:, -1] = 1
    y = rng.standard_normal(batch * m)

    def losses(w):
        return np.mean(((y - np.maximum(0, X @ w)) ** 2).reshape(m, batch), axis=1)

    return losses, rng.standard_normal(n) + 0.5


def mlp(n, m, rng):
    hidden = min(512, max(2, round(math.sqrt(n * m))))
    W = rng.standard_normal((hidden, n)) / math.sqrt(n)
    V = rng.standard_normal((m, hidden)) / math.sqrt(hidden)
    b = rng.standard_normal(hidden)
    return lambda x: V @ np.tanh(W @ x + b), rng.standard_normal(n)


def stencil(n, m, rng):
    points = np.arange(m) * max(1, n // m) % n

    def burgers(u):
        left, right = np.roll(u, 1), np.roll(u, -1)
        y = 0.01 * (left - 2 * u + right) - u * (right - left) / 2
        return y[points]

    return burgers, rng.standard_normal(n)


def bundle(n, m, rng):
    cameras = max(1, n // 44)
    points = max(1, (n - 11 * cameras) // 3)
    observations = max(1, m // 2)
    camera, point = np.arange(observations) % cameras, np.arange(observations) % points
    seen = rng.standard_normal((observations, 2))

    def residuals(x):
        C = x[: 11 * cameras].reshape(cameras, 11)[camera]
        X = x[11 * cameras :].reshape(points, 3)[point] - C[:, 3:6]
        angle = np.sqrt(np.sum(C[:, :3] ** 2, axis=1, keepdims=True))
        axis = C[:, :3] / angle
        along = axis * np.sum(axis * X, axis=1, keepdims=True)
        cos, sin = np.cos(angle), np.sin(angle)
        X = X * cos + np.cross(axis, X) * sin + along * (1 - cos)
        image = X[:, :2] / X[:, 2:]
        r2 = np.sum(image**2, axis=1, keepdims=True)
        image = image * (1 + C[:, 9:10] * r2 + C[:, 10:] * r2**2)
        return np.reshape(image * C[:, 6:7] + C[:, 7:9] - seen, -1)

    C = 0.1 * rng.standard_normal((cameras, 11)) + [1, 0.2, 0.3, 0, 0, 0, 1, 0, 0, 0.01, 0.001]
    X = rng.uniform(-1, 1, (points, 3)) + [0, 0, 6]
    return residuals, np.concatenate([C.ravel(), X.ravel()])


def sparse_map(n, m, rng):
    index = rng.integers(0, n, (m, 4))
    weights = rng.standard_normal((m, 4))
    return lambda x: np.sum(weights * np.sin(x[index]), axis=1), rng.standard_normal(n)


FUNCTIONS = {
    "neuron": neuron,
    "mlp": mlp,
    "stencil": stencil,
    "bundle": bundle,
    "sparse map": sparse_map,
}
