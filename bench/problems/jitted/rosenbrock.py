"""Rosenbrock's function of n variables: its gradient, and its Hessian by hand."""

import numpy as np
from numba import njit

from problems.jitted.problem import Jitted, problem


@njit
def rosenbrock_f(x):
    s = 0.0
    for i in range(len(x) - 1):
        s += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return s


@njit
def rosenbrock_gradient(x):
    n = x.size
    g = np.empty(n)
    before = 0.0
    for i in range(n - 1):
        r = x[i + 1] - x[i] * x[i]
        g[i] = before - 400.0 * x[i] * r - 2.0 * (1.0 - x[i])
        before = 200.0 * r
    g[n - 1] = before
    return g


@njit
def rosenbrock_hessian(x):
    n = x.size
    H = np.zeros((n, n))
    for i in range(n - 1):
        H[i, i] += 1200.0 * x[i] * x[i] - 400.0 * x[i + 1] + 2.0
        H[i + 1, i + 1] = 200.0
        H[i, i + 1] = H[i + 1, i] = -400.0 * x[i]
    return H


def rosenbrock_in_jax(jnp):
    def f(x):
        return jnp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)

    return f


@problem(10)
def rosenbrock(n):
    x = np.random.default_rng(n).uniform(0.5, 1.5, n)
    return Jitted(rosenbrock_f, x, rosenbrock_gradient, rosenbrock_in_jax)
