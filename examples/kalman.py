"""An extended Kalman filter: laser and radar follow a bicycle.

The radar measures distance, bearing and speed of approach, which are not linear in the position and
velocity that the filter estimates.  The Jacobian of `radar` is what courses have their students
derive and code by hand; here it is one call, and prepared, as a filter on a robot would have it.

Data: data/laser_radar.csv (Udacity).  Published: an error of at most 0.11, 0.11, 0.52, 0.52 (root
mean square) passes the course; filters with the hand-written Jacobian reach 0.0973, 0.0855, 0.4513,
0.4399.
"""

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np
from measured import Counted, seconds, table
from scipy.optimize import approx_fprime

import dualmc as dm

LASER = np.eye(2, 4)  # the laser measures the position
NOISE = {"L": np.diag([0.0225, 0.0225]), "R": np.diag([0.09, 0.0009, 0.09])}
ACCELERATION = 9.0  # variance


def radar(state):
    """Distance, bearing and speed of approach."""
    x, y, vx, vy = state
    distance = np.hypot(x, y)
    return np.array([distance, np.arctan2(y, x), (x * vx + y * vy) / distance])


def motion(dt):
    """Transition at constant velocity, and the covariance of what an acceleration adds."""
    F = np.eye(4) + dt * np.eye(4, k=2)
    G = np.concatenate([np.eye(2) * dt**2 / 2, np.eye(2) * dt])
    return F, ACCELERATION * G @ G.T


def load():
    path = Path(__file__).parent / "data/laser_radar.csv"
    with path.open() as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    z = [np.array([float(row[k]) for k in ("z1", "z2", "z3") if row[k]]) for row in rows]
    truth = [[float(row[k]) for k in row if k.startswith("true")] for row in rows]
    return [row["sensor"] for row in rows], [float(row["t"]) for row in rows], z, np.array(truth)


def follow(sensors, times, measurements, jacobian):
    """The states estimated after each measurement."""
    state = np.array([*measurements[0], 0.0, 0.0])  # the first one is the laser's
    P = np.diag([1.0, 1.0, 1000.0, 1000.0])
    states = [state]
    for sensor, dt, z in zip(sensors[1:], np.diff(times), measurements[1:], strict=True):
        F, Q = motion(dt)
        state, P = F @ state, F @ P @ F.T + Q

        H = jacobian(state) if sensor == "R" else LASER
        miss = z - (radar(state) if sensor == "R" else LASER @ state)
        if sensor == "R":
            miss[1] = (miss[1] + np.pi) % (2 * np.pi) - np.pi
        K = P @ H.T @ np.linalg.inv(H @ P @ H.T + NOISE[sensor])
        state, P = state + K @ miss, P - K @ H @ P
        states.append(state)
    return np.array(states)


class Figures(NamedTuple):
    errors: np.ndarray  # root mean square of x, y, vx, vy
    off: dict  # how far the states lie from those with the hand-written Jacobian
    reason: str | None  # why the prepared Jacobian is not replayed: None


def by_hand(state):
    x, y, vx, vy = state
    d = np.hypot(x, y)
    turn = (vx * y - vy * x) / d**3
    return np.array(
        [[x / d, y / d, 0, 0], [-y / d**2, x / d**2, 0, 0], [y * turn, -x * turn, x / d, y / d]]
    )


def main():
    *data, truth = load()
    f = Counted(radar)
    prepared, H = seconds(lambda: dm.prepare(radar, truth[0]), repeat=1)
    methods = {
        "by hand": by_hand,
        "differences": lambda state: approx_fprime(state, f),
        "dualmc, prepared": H,
    }
    rows, states = [], {}
    for name, jacobian in methods.items():
        time, states[name] = seconds(lambda j=jacobian: follow(*data, j))
        rows.append((name, np.max(np.abs(states[name] - states["by hand"])), time))
    errors = np.sqrt(np.mean((states["dualmc, prepared"] - truth) ** 2, axis=0))
    print("root mean square errors {:.4f} {:.4f} {:.4f} {:.4f}".format(*errors), end="")
    print("   (published: 0.0973 0.0855 0.4513 0.4399)\n")
    table(("Jacobian of the radar", "states off by", "seconds"), *rows)
    print(
        f"\nDifferences called radar {f.calls // 3} times; preparing took {prepared:.1f} seconds."
    )
    return Figures(errors, {name: off for name, off, _ in rows}, H.reason)


if __name__ == "__main__":
    main()
