"""Functions on which the costs of a machine are measured: few inputs and many, thin and wide steps.

Each is made of steps of few kinds, so that together they tell what a call, a step and a number of
each kind cost; and of sizes at which one of these dominates.
"""

import itertools

import numpy as np


def chain(length, n, m):
    """Element-wise functions of one operand, then m of the n elements."""

    def f(x):
        for _ in range(length):
            x = np.sin(x)
        return x[:m]

    return f, np.linspace(0.1, 1.0, n)


def meeting(length, n, m):
    """Element-wise functions of two operands, then m of the n elements."""

    def f(x):
        y = np.cos(x)
        for _ in range(length):
            y = (y * x - x) / (y + 2.0)
        return y[:m]

    return f, np.linspace(0.1, 1.0, n)


def neighbours(length, n, m):
    """Differences of slices, joined again; then m of the n elements."""

    def f(x):
        for _ in range(length):
            x = np.concatenate([x[1:] * x[:-1] - x[:-1], x[:1]])
        return x[:m]

    return f, np.linspace(0.1, 1.0, n)


def moved(length, n, m):
    """Rows turned round and put into another shape; then m of the n elements."""
    shape = (2, n // 2)

    def f(x):
        for _ in range(length):
            x = np.reshape(x.reshape(shape)[::-1], -1) * 2.0
        return x[:m]

    return f, np.linspace(0.1, 1.0, n)


def layers(*sizes):
    """Products of matrices and vectors, from the first of the sizes to the last."""
    matrices = [
        np.cos(np.arange(float(a * b))).reshape(b, a) / a for a, b in itertools.pairwise(sizes)
    ]

    def f(x):
        for W in matrices:
            x = np.tanh(W @ x)
        return x

    return f, np.linspace(0.1, 1.0, sizes[0])


def sums(terms, n, m):
    """Each of m outputs a sum of functions of some inputs, picked by an index."""
    index = (np.arange(m)[:, None] * 7 + np.arange(terms) * 3) % n
    weights = np.cos(np.arange(float(m * terms))).reshape(m, terms)
    return lambda x: np.sum(weights * np.exp(x[index]), axis=1), np.linspace(0.1, 1.0, n)


def probes():
    """All of them, at sizes that a millisecond or less is enough for in either mode: (f, x)."""
    found = {
        chain: ((1, 4, 4), (12, 4, 1), (12, 4, 4), (12, 200, 1), (6, 200, 50), (3, 10_000, 1),
                (2, 300, 300)),
        meeting: ((1, 4, 4), (6, 4, 1), (6, 4, 4), (6, 200, 1), (3, 200, 50), (2, 6000, 1),
                  (1, 300, 300)),
        neighbours: ((1, 4, 4), (4, 6, 1), (4, 6, 4), (4, 200, 1), (4, 200, 20), (2, 3000, 1),
                     (1, 300, 300)),
        moved: ((1, 4, 4), (8, 4, 1), (8, 4, 4), (8, 200, 1), (8, 200, 50), (3, 10_000, 1)),
        layers: ((4, 4), (4, 8, 8, 1), (4, 8, 8, 4), (100, 30, 1), (100, 100, 60), (1000, 100, 1),
                 (600, 60, 30), (20, 100, 300), (1500, 4)),
        sums: ((2, 4, 1), (2, 4, 4), (8, 200, 1), (8, 200, 50), (4, 10, 200), (20, 2000, 60),
               (200, 2000, 2)),
    }  # fmt: skip
    return [make(*sizes) for make, every in found.items() for sizes in every]
