"""The Brusselator on a line: two species that react and diffuse, interleaved, n unknowns.

As in Hairer, Wanner, "Solving Ordinary Differential Equations II", IV.1, with the ends held.  An
equation reads four unknowns, so the Jacobian is dense for small n alone.
"""

import numpy as np
from numba import njit

from problems.jitted.problem import Jitted, Pattern, problem


@njit
def brusselator_f(y):
    n = len(y) // 2
    out = np.empty(2 * n)
    c = 0.02 * (n + 1) ** 2
    for i in range(n):
        u, v = y[2 * i], y[2 * i + 1]
        u_left = y[2 * i - 2] if i > 0 else 1.0
        v_left = y[2 * i - 1] if i > 0 else 3.0
        u_right = y[2 * i + 2] if i < n - 1 else 1.0
        v_right = y[2 * i + 3] if i < n - 1 else 3.0
        out[2 * i] = 1.0 + u**2 * v - 4.0 * u + c * (u_left - 2.0 * u + u_right)
        out[2 * i + 1] = 3.0 * u - u**2 * v + c * (v_left - 2.0 * v + v_right)
    return out


@njit
def brusselator_jacobian(y):
    n = y.size // 2
    J = np.zeros((2 * n, 2 * n))
    c = 0.02 * (n + 1) ** 2
    for i in range(n):
        a, b = 2 * i, 2 * i + 1
        uv, uu = 2.0 * y[a] * y[b], y[a] * y[a]
        J[a, a] = uv - 4.0 - 2.0 * c
        J[a, b] = uu
        J[b, a] = 3.0 - uv
        J[b, b] = -uu - 2.0 * c
        if i > 0:
            J[a, a - 2] = c
            J[b, b - 2] = c
        if i < n - 1:
            J[a, a + 2] = c
            J[b, b + 2] = c
    return J


@njit
def brusselator_nonzeros(y):
    """Row by row: left, u, v, right; the first and the last two rows lack one."""
    n = y.size // 2
    values = np.empty(16 * (n // 2) + 8 * (n % 2) - 4)
    c = 0.02 * (n + 1) ** 2
    k = 0
    for i in range(n):
        uv, uu = 2.0 * y[2 * i] * y[2 * i + 1], y[2 * i] * y[2 * i]
        if i > 0:
            values[k] = c
            k += 1
        values[k] = uv - 4.0 - 2.0 * c
        values[k + 1] = uu
        k += 2
        if i < n - 1:
            values[k] = c
            k += 1
        if i > 0:
            values[k] = c
            k += 1
        values[k] = 3.0 - uv
        values[k + 1] = -uu - 2.0 * c
        k += 2
        if i < n - 1:
            values[k] = c
            k += 1
    return values


def brusselator_pattern(n):
    """Columns three cells apart share no row: two species, three colours each."""
    rows = []
    for row in range(n):
        first = row - row % 2
        columns = [row - 2, first, first + 1, row + 2]
        rows.append([j for j in columns if 0 <= j < n])
    indptr = np.concatenate([[0], np.cumsum([len(columns) for columns in rows])])
    j = np.arange(n)
    colours = j // 2 % 3 * 2 + j % 2
    return Pattern(indptr.astype(np.int32), np.concatenate(rows).astype(np.int32), colours)


def brusselator_in_jax(jnp):
    def f(y):
        c = 0.02 * (y.size // 2 + 1) ** 2
        u, v = y[::2], y[1::2]
        u_all = jnp.concatenate([jnp.ones(1), u, jnp.ones(1)])
        v_all = jnp.concatenate([3.0 * jnp.ones(1), v, 3.0 * jnp.ones(1)])
        du = 1.0 + u**2 * v - 4.0 * u + c * (u_all[:-2] - 2.0 * u + u_all[2:])
        dv = 3.0 * u - u**2 * v + c * (v_all[:-2] - 2.0 * v + v_all[2:])
        return jnp.stack([du, dv], 1).ravel()

    return f


def start(n):
    return np.random.default_rng(n).uniform(1.0, 2.0, n)


@problem(64)
def brusselator_dense(n):
    return Jitted(brusselator_f, start(n), brusselator_jacobian, brusselator_in_jax)


@problem(64, 256, 1024, 4096)
def brusselator(n):
    pattern = brusselator_pattern(n)
    return Jitted(brusselator_f, start(n), brusselator_nonzeros, brusselator_in_jax, pattern)
