"""Scalar functions whose gradients `gradients.py` measures, each with a point of evaluation.

A problem is made for a NumPy-like module, so that the same code runs under autograd.  Functions are
those of textbooks, of "The Matrix Calculus You Need For Deep Learning" (section 6: the neuron) and
of ADBench (the mixture of Gaussians, the recurrence), in plain whole-array NumPy, two as loops.
"""

import math

import numpy as np


def rosenbrock(numpy, n):
    def f(x):
        return numpy.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)

    return f, np.linspace(0.5, 1.5, n)


def rosenbrock_loop(numpy, n):
    def f(x):
        total = 0.0
        for i in range(n - 1):
            total = total + 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
        return total

    return f, np.linspace(0.5, 1.5, n)


def ackley(numpy, n):
    def f(x):
        spread = numpy.exp(-0.2 * numpy.sqrt(numpy.sum(x**2) / n))
        ripple = numpy.exp(numpy.sum(numpy.cos(2 * math.pi * x)) / n)
        return -20.0 * spread - ripple + 20.0 + math.e

    return f, np.linspace(-1.0, 2.0, n)


def neuron(numpy, n):
    rng = np.random.default_rng(9)
    X, y = rng.standard_normal((50, n)), rng.standard_normal(50)

    def f(p):
        w, b = p[:-1], p[-1]
        return numpy.mean((y - numpy.maximum(0, X @ w + b)) ** 2)

    return f, np.append(rng.standard_normal(n) / math.sqrt(n), 0.05)


def logistic(numpy, n):
    rng = np.random.default_rng(15)
    X = rng.standard_normal((200, n))
    t = (rng.random(200) < 0.5).astype(float)

    def f(w):
        z = X @ w
        return numpy.sum(numpy.log1p(numpy.exp(z)) - t * z) + 0.1 * (w @ w)

    return f, 0.3 * rng.standard_normal(n)


def network(numpy, n):
    """Sum of squares of a two-layer network, by its weights; n inputs, 30 samples."""
    rng = np.random.default_rng(12)
    hidden, X, y = 16, rng.standard_normal((30, n)), rng.standard_normal((30, 2))
    a, b, c = n * hidden, n * hidden + hidden, n * hidden + hidden + hidden * 2

    def f(p):
        W1, b1 = numpy.reshape(p[:a], (n, hidden)), p[a:b]
        W2, b2 = numpy.reshape(p[b:c], (hidden, 2)), p[c:]
        return numpy.sum((numpy.tanh(X @ W1 + b1) @ W2 + b2 - y) ** 2)

    return f, 0.3 * rng.standard_normal(c + 2)


def mixture(numpy, d, k, samples):
    """Log-likelihood of a mixture of Gaussians by all its parameters, flat (ADBench's GMM)."""
    rng = np.random.default_rng(7)
    x, zero = rng.standard_normal((samples, d)), np.zeros((k, 1))
    below = d * (d - 1) // 2
    where = np.full((d, d), below)
    columns, rows = np.triu_indices(d, 1)
    where[rows, columns] = np.arange(below)

    def log_sum_exp(a):
        largest = numpy.max(a, axis=-1, keepdims=True)
        return numpy.log(numpy.sum(numpy.exp(a - largest), axis=-1)) + largest[..., 0]

    def f(p):
        alphas = p[:k]
        means = numpy.reshape(p[k : k + k * d], (k, d))
        icf = numpy.reshape(p[k + k * d :], (k, d + below))
        log_q, low = icf[:, :d], icf[:, d:]
        q = numpy.exp(log_q)
        L = numpy.concatenate([low, zero], axis=1)[:, where]
        centred = x[:, None, :] - means
        scaled = q * centred + numpy.einsum("kij,nkj->nki", L, centred)
        inner = alphas + numpy.sum(log_q, axis=1) - 0.5 * numpy.sum(scaled**2, axis=2)
        prior = 0.5 * (numpy.sum(q**2) + numpy.sum(low**2))
        return numpy.sum(log_sum_exp(inner)) - samples * log_sum_exp(alphas) + prior

    return f, 0.3 * rng.standard_normal(k + k * d + k * (d + below))


def _process(numpy, n):
    """Data and covariance of a Gaussian process with n - 2 length scales."""
    rng = np.random.default_rng(18)
    X = rng.standard_normal((40, n - 2))
    y = np.sin(X[:, 0]) + 0.1 * rng.standard_normal(40)
    squares, eye = (X[:, None, :] - X[None, :, :]) ** 2, np.eye(40)

    def covariance(p):
        decay = numpy.exp(-0.5 * numpy.sum(squares / numpy.exp(2 * p[:-2]), axis=-1))
        return numpy.exp(2 * p[-2]) * decay + (numpy.exp(2 * p[-1]) + 1e-8) * eye

    return y, covariance, np.append(np.full(n - 2, 0.5 * math.log(n)), [0.1, -0.7])


def process_cholesky(numpy, n):
    y, covariance, p = _process(numpy, n)

    def f(p):
        L = numpy.linalg.cholesky(covariance(p))
        a = numpy.linalg.solve(L.T, numpy.linalg.solve(L, y))
        return 0.5 * numpy.dot(y, a) + numpy.sum(numpy.log(numpy.diag(L)))

    return f, p


def process_slogdet(numpy, n):
    y, covariance, p = _process(numpy, n)

    def f(p):
        K = covariance(p)
        _, log_det = numpy.linalg.slogdet(K)
        return 0.5 * numpy.dot(y, numpy.linalg.solve(K, y)) + 0.5 * log_det

    return f, p


def recurrence(numpy, steps):
    """Two stacked diagonal LSTM layers reading a sequence (ADBench's LSTM), by their weights."""
    rng = np.random.default_rng(3)
    layers, width = 2, 14
    sequence = rng.random((steps + 1, width))

    def sigmoid(t):
        return 1.0 / (1.0 + numpy.exp(-t))

    def f(p):
        weights = numpy.reshape(p[: layers * 8 * width], (2 * layers, 4 * width))
        ends = numpy.reshape(p[layers * 8 * width :], (3, width))
        hidden, cells = [np.zeros(width)] * layers, [np.ones(width)] * layers
        total = 0.0
        for t in range(steps):
            x = sequence[t] * ends[0]
            for i in range(layers):
                joined = numpy.concatenate([x, hidden[i], x, hidden[i]])
                gates = joined * weights[2 * i] + weights[2 * i + 1]
                forget, ingoing = sigmoid(gates[:width]), sigmoid(gates[width : 2 * width])
                outgoing = sigmoid(gates[2 * width : 3 * width])
                cells[i] = cells[i] * forget + ingoing * numpy.tanh(gates[3 * width :])
                hidden[i] = x = outgoing * numpy.tanh(cells[i])
            predicted = x * ends[1] + ends[2]
            predicted = predicted - numpy.log(2.0 + numpy.sum(numpy.exp(predicted)))
            total = total + numpy.sum(sequence[t + 1] * predicted)
        return -total / (steps * width)

    return f, 0.5 * rng.standard_normal(layers * 8 * width + 3 * width)


def arm(numpy, n):
    """Squared distance of the end point of a planar arm with n links from a target."""
    lengths = np.linspace(1.0, 0.5, n)

    def f(angles):
        phi = numpy.cumsum(angles)
        x, y = numpy.sum(lengths * numpy.cos(phi)), numpy.sum(lengths * numpy.sin(phi))
        return (x - 1.0) ** 2 + (y - 2.0) ** 2

    return f, np.linspace(-0.6, 0.6, n)


def flow(numpy, n):
    """Norm of the state after 20 Runge-Kutta steps of a Lotka-Volterra system of n species."""
    rng = np.random.default_rng(8)
    A = rng.uniform(-0.5, 0.5, (n, n)) / n - np.eye(n)
    b, h = rng.uniform(0.5, 1.5, n), 0.05

    def rate(x):
        return x * (b + A @ x)

    def f(x):
        for _ in range(20):
            k1 = rate(x)
            k2 = rate(x + h / 2 * k1)
            k3 = rate(x + h / 2 * k2)
            k4 = rate(x + h * k3)
            x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return numpy.sqrt(numpy.sum(x**2))

    return f, rng.uniform(0.3, 1.2, n)


# Name, maker, and the sizes it is made for.
PROBLEMS = [
    ("rosenbrock", rosenbrock, [(3,), (10,), (100,), (1000,), (5000,), (100_000,)]),
    ("rosenbrock_loop", rosenbrock_loop, [(10,), (100,)]),
    ("ackley", ackley, [(3,), (10,), (100,), (1000,)]),
    ("neuron", neuron, [(3,), (10,), (100,), (1000,)]),
    ("logistic", logistic, [(10,), (100,)]),
    ("network", network, [(4,), (64,)]),
    ("mixture", mixture, [(2, 5, 50), (2, 5, 1000), (10, 25, 1000)]),
    ("process_cholesky", process_cholesky, [(5,)]),
    ("process_slogdet", process_slogdet, [(5,), (12,), (102,)]),
    ("recurrence", recurrence, [(3,), (20,)]),
    ("arm", arm, [(3,), (10,), (100,), (1000,)]),
    ("flow", flow, [(4,), (10,), (100,)]),
]
