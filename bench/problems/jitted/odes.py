"""Right-hand sides of small systems: Lorenz, Van der Pol's oscillator, HIRES.

HIRES as the "Test Set for IVP Solvers" (Mazzia, Magherini 2008, release 2.4) states it.
"""

import numpy as np
from numba import njit

from problems.jitted.problem import Jitted, listed, problem

# --- Lorenz (1963) -------------------------------------------------------------------------------


@njit
def lorenz_f(u):
    out = np.empty(3)
    out[0] = 10.0 * (u[1] - u[0])
    out[1] = u[0] * (28.0 - u[2]) - u[1]
    out[2] = u[0] * u[1] - 8.0 / 3.0 * u[2]
    return out


@njit
def lorenz_jacobian(u):
    J = np.empty((3, 3))
    J[0, 0] = -10.0
    J[0, 1] = 10.0
    J[0, 2] = 0.0
    J[1, 0] = 28.0 - u[2]
    J[1, 1] = -1.0
    J[1, 2] = -u[0]
    J[2, 0] = u[1]
    J[2, 1] = u[0]
    J[2, 2] = -8.0 / 3.0
    return J


@problem()
def lorenz():
    return Jitted(lorenz_f, np.array([1.0, 2.0, 3.0]), lorenz_jacobian, listed(lorenz_f))


# --- Van der Pol, stiff --------------------------------------------------------------------------


@njit
def van_der_pol_f(u):
    return np.array([u[1], 1000.0 * (1.0 - u[0] ** 2) * u[1] - u[0]])


@njit
def van_der_pol_jacobian(u):
    J = np.empty((2, 2))
    J[0, 0] = 0.0
    J[0, 1] = 1.0
    J[1, 0] = -2000.0 * u[0] * u[1] - 1.0
    J[1, 1] = 1000.0 * (1.0 - u[0] * u[0])
    return J


def van_der_pol_in_jax(jnp):
    return lambda u: jnp.array([u[1], 1000.0 * (1.0 - u[0] ** 2) * u[1] - u[0]])


@problem()
def van_der_pol():
    x = np.array([1.5, 0.3])
    return Jitted(van_der_pol_f, x, van_der_pol_jacobian, van_der_pol_in_jax)


# --- HIRES: eight species that respond to light --------------------------------------------------


@njit
def hires_f(y):
    d = np.empty(8)
    d[0] = -1.71 * y[0] + 0.43 * y[1] + 8.32 * y[2] + 0.0007
    d[1] = 1.71 * y[0] - 8.75 * y[1]
    d[2] = -10.03 * y[2] + 0.43 * y[3] + 0.035 * y[4]
    d[3] = 8.32 * y[1] + 1.71 * y[2] - 1.12 * y[3]
    d[4] = -1.745 * y[4] + 0.43 * y[5] + 0.43 * y[6]
    d[5] = -280.0 * y[5] * y[7] + 0.69 * y[3] + 1.71 * y[4] - 0.43 * y[5] + 0.69 * y[6]
    d[6] = 280.0 * y[5] * y[7] - 1.81 * y[6]
    d[7] = -280.0 * y[5] * y[7] + 1.81 * y[6]
    return d


@njit
def hires_jacobian(y):
    J = np.zeros((8, 8))
    J[0, 0] = -1.71
    J[0, 1] = 0.43
    J[0, 2] = 8.32
    J[1, 0] = 1.71
    J[1, 1] = -8.75
    J[2, 2] = -10.03
    J[2, 3] = 0.43
    J[2, 4] = 0.035
    J[3, 1] = 8.32
    J[3, 2] = 1.71
    J[3, 3] = -1.12
    J[4, 4] = -1.745
    J[4, 5] = 0.43
    J[4, 6] = 0.43
    with_5 = 280.0 * y[7]
    with_7 = 280.0 * y[5]
    J[5, 3] = 0.69
    J[5, 4] = 1.71
    J[5, 5] = -with_5 - 0.43
    J[5, 6] = 0.69
    J[5, 7] = -with_7
    J[6, 5] = with_5
    J[6, 6] = -1.81
    J[6, 7] = with_7
    J[7, 5] = -with_5
    J[7, 6] = 1.81
    J[7, 7] = -with_7
    return J


@problem()
def hires():
    x = np.array([1.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.0057])
    return Jitted(hires_f, x, hires_jacobian, listed(hires_f))
