"""A code base in Numba: an orbit propagator, and the transfer orbit that meets a target.

Five `@njit` functions that call each other integrate a satellite around an oblate Earth.  Lambert's
problem, the velocity that reaches a given place at a given time, is solved by Newton's method, all
of it compiled: `jit_jacobian` makes the derivative of the whole propagation a compiled function.

Published: D. A. Vallado, Fundamentals of Astrodynamics and Applications, examples 2-4 (Kepler's
problem) and 7-5 (Lambert's), both for a spherical Earth.
"""

from typing import NamedTuple

import numpy as np
from measured import seconds, table
from numba import njit
from scipy.optimize import approx_fprime

import dualmc as dm

MU, RADIUS, J2 = 398600.4418, 6378.137, 1.0826267e-3  # km^3/s^2, km


@njit
def oblateness(r, x, y, z, j2):
    """Acceleration by the flattening of the Earth."""
    k = -1.5 * j2 * MU * RADIUS**2 / r**5
    s = 5 * z * z / (r * r)
    return k * x * (1 - s), k * y * (1 - s), k * z * (3 - s)


@njit
def acceleration(x, y, z, j2):
    r = np.sqrt(x * x + y * y + z * z)
    ax, ay, az = oblateness(r, x, y, z, j2)
    k = MU / r**3
    return ax - k * x, ay - k * y, az - k * z


@njit
def rates(state, j2):
    out = np.empty(6)
    out[:3] = state[3:]
    out[3], out[4], out[5] = acceleration(state[0], state[1], state[2], j2)
    return out


@njit
def runge_kutta_step(state, h, j2):
    k1 = rates(state, j2)
    k2 = rates(state + h / 2 * k1, j2)
    k3 = rates(state + h / 2 * k2, j2)
    k4 = rates(state + h * k3, j2)
    return state + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


@njit
def propagate(state, time, steps, j2):
    for _ in range(steps):
        state = runge_kutta_step(state, time / steps, j2)
    return state


propagate_and_jacobian = dm.jit_jacobian(propagate, value=True)


@njit
def transfer(v, r, target, time, steps, j2):
    """Velocity at r that reaches the target, from the guess v; and how many iterations it took."""
    iterations = 0
    while iterations < 50:
        end, J = propagate_and_jacobian(np.concatenate((r, v)), time, steps, j2)
        if np.max(np.abs(end[:3] - target)) < 1e-8:  # a hundredth of a millimetre
            break
        iterations += 1
        v = v - np.linalg.solve(J[:3, 3:], end[:3] - target)
    return v, iterations


class Figures(NamedTuple):
    kepler: np.ndarray  # the state after 40 minutes
    velocity: np.ndarray  # that solves Lambert's problem
    oblate: np.ndarray  # the same around the oblate Earth
    iterations: int
    miss: float  # how far differences are from the exact Jacobian, relatively
    symplectic: float  # how far the Jacobian of the flow is from keeping areas, as it must


def main(steps=2000):
    start = np.array([1131.340, -2282.343, 6672.423, -5.64305, 4.30333, 2.42879])
    kepler = propagate(start, 2400.0, steps, 0.0)
    print("Kepler, r", kepler[:3].round(3), " (Vallado: -4219.7527 4363.0292 -3958.7666)")

    r, target = np.array([15945.34, 0.0, 0.0]), np.array([12214.83899, 10249.46731, 0.0])
    guess, time = np.array([2.0, 3.0, 0.1]), 76 * 60.0
    velocity, iterations = transfer(guess, r, target, time, steps, 0.0)
    print("Lambert, v", velocity.round(6), " (Vallado: 2.058913 2.915965 0)")
    oblate, _ = transfer(guess, r, target, time, steps, J2)
    print(f"{iterations} iterations; around the oblate Earth {oblate.round(6)}\n")

    flow = lambda state: propagate(state, 2400.0, steps, J2)  # noqa: E731
    time_f, _ = seconds(lambda: flow(start))
    time_d, differences = seconds(lambda: approx_fprime(start, flow))
    time_J, (_, J) = seconds(lambda: propagate_and_jacobian(start, 2400.0, steps, J2))
    S = np.eye(6, k=3) - np.eye(6, k=-3)
    area = lambda J: np.max(np.abs(J.T @ S @ J - S))  # noqa: E731
    table(
        ("Jacobian of 40 minutes' flow", "J^T S J - S", "seconds", "times propagate"),
        ("differences", area(differences), time_d, time_d / time_f),
        ("dualmc", area(J), time_J, time_J / time_f),
    )
    miss = np.max(np.abs(differences - J)) / np.max(np.abs(J))
    return Figures(kepler, velocity, oblate, iterations, miss, area(J))


if __name__ == "__main__":
    main()
