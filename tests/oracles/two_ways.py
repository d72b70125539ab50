"""Functions of two numbers that go one of two ways, with their derivatives in closed form."""

import numpy as np

X = np.array([0.5, 0.25])
OTHER = np.array([1.5, 0.25])


def branching(x):
    """Two ways, which x[0] decides."""
    return [x[0] ** 2 + x[1] ** 2 - 1.0, x[0] - x[1] if x[0] < 1 else -2.0 * x[0] ** 3]


def jacobian_of_branching(x):
    return [[2 * x[0], 2 * x[1]], [1.0, -1.0] if x[0] < 1 else [-6 * x[0] ** 2, 0.0]]


def value_of_branching(x):
    return [x[0] ** 2 + x[1] ** 2 - 1.0, x[0] - x[1] if x[0] < 1 else -2.0 * x[0] ** 3]
