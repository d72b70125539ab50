"""Points where functions are differentiated, away from their kinks, and constants beside them."""

import numpy as np


def spread(*shape, low=-1.93, high=2.26, seed=0):
    """Distinct values in shuffled order, none near 0 and no two near in absolute value."""
    size = int(np.prod(shape))
    values = np.linspace(low, high, size) + 0.013 * np.sin(np.arange(size) ** 2.0)
    return np.random.default_rng(seed).permutation(values).reshape(shape)


def normal(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape)


V = np.array([0.7, -1.3, 2.1, 0.4, -0.6])  # any sign
P = np.array([0.7, 1.3, 2.2, 0.42, 1.6])  # positive, no quotient near an integer
U = np.array([0.3, -0.5, 0.8, -0.2, 0.6])  # inside (-1, 1)
G = np.array([1.3, 2.7, 1.1, 3.2, 1.6])  # above 1
M = spread(3, 4)
Q = spread(3, 3, seed=2)
T = spread(2, 3, 4, seed=3)
PM = spread(3, 4, low=0.31, high=2.4, seed=4)
S0 = np.array(0.7)  # 0-d
N = np.array([0.7, np.nan, 2.1, 0.4, -0.6, np.nan])
NM = np.where(spread(3, 4, seed=5) > 1.5, np.nan, spread(3, 4, seed=6))
A34 = normal(3, 4)
A43 = normal(4, 3, seed=2)
A33 = normal(3, 3, seed=3)
A5 = normal(5, seed=4)
A55 = normal(5, 5, seed=5)
MASK5 = np.array([True, False, True, True, False])
MASK34 = np.array([[1, 0, 1, 1], [0, 0, 1, 0], [1, 1, 0, 1]], bool)


def complex_of(x):
    return x * (1.0 + 0.5j) + x**2 * (0.3 - 0.2j)
