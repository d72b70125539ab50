"""Jacobians that others have written by hand or generated, beside the one call that replaces them.

Each case takes a function and the Jacobian of it from a checkout, as they are, evaluates the latter
at a random point, and compares it with `jacobian_fwd` of the former.  Where they differ, a judge
that knows no rules (`check_jacobian`: complex steps or differences of the function) says who is
right.  Prints a row per case: lines of the Jacobian's text, entries, entries that differ by more
than 1e-9 of the largest, the largest difference, and whether the judge is for the call.

    git clone https://github.com/AtsushiSakai/PythonRobotics
    git clone https://github.com/exoclime/VULCAN
    python bench/real_codes.py PythonRobotics VULCAN

What it found is in docs/real_codes.md.  Needs matplotlib, which the programs import.
"""

import argparse
import importlib
import inspect
import os
import pathlib
import sys
from types import SimpleNamespace
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from tools import checkout  # noqa: F401

import dualmc as dm

matplotlib.use("agg")
RNG = np.random.default_rng(0)
LEVELS = 20  # of VULCAN's atmosphere


class Case(NamedTuple):
    """A function, its point, and the Jacobian that its authors have for it."""

    name: str
    f: Any
    x: np.ndarray
    hand: np.ndarray
    text: Any  # the function that computes it


def localization(module):
    """The motion model of an extended Kalman filter; the state is a column."""
    ekf = importlib.import_module(f"Localization.extended_kalman_filter.{module}")
    x = RNG.uniform(0.5, 1.5, 4 + (module != "extended_kalman_filter"))
    u = np.array([[1.2], [0.1]])

    def moved(x):
        return ekf.motion_model(x[:, None], u)[:, 0]

    name = f"{module}.jacob_f"
    return Case(name, moved, x, ekf.jacob_f(x[:, None], u), ekf.jacob_f)


def landmark():
    """Distance and bearing of the second of three landmarks, in EKF SLAM."""
    slam = importlib.import_module("SLAM.EKFSLAM.ekf_slam")
    x = RNG.uniform(0.5, 1.5, 9) + 3.0 * (np.arange(9) > 2)

    def seen(x):
        column = x[:, None]
        y, _, _ = slam.calc_innovation(column[5:7], column, np.eye(9), np.zeros(2), 1)
        return -y[:, 0]  # the innovation is z minus the prediction

    delta = (x[5:7] - x[:2])[:, None]
    hand = slam.jacob_h((delta.T @ delta)[0, 0], delta, x[:, None], 2)
    return Case("ekf_slam.jacob_h", seen, x, hand, slam.jacob_h)


def particle():
    """The same by the pose of a particle, in FastSLAM."""
    slam = importlib.import_module("SLAM.FastSLAM1.fast_slam1")
    mark, cov = np.array([[4.0], [3.0]]), np.eye(2)

    def seen(x):
        at = SimpleNamespace(x=x[0], y=x[1], yaw=x[2])
        return slam.compute_jacobians(at, mark, cov, cov)[0][:, 0]

    x = np.array([0.7, 1.1, 0.3])
    at = SimpleNamespace(x=x[0], y=x[1], yaw=x[2])
    hand = slam.compute_jacobians(at, mark, cov, cov)[1]
    return Case("fast_slam1.compute_jacobians", seen, x, hand, slam.compute_jacobians)


def edge():
    """The error of an edge between two poses, in graph-based SLAM."""
    slam = importlib.import_module("SLAM.GraphBasedSLAM.graph_based_slam")

    def between(p):
        return slam.calc_edge(*p, 2.0, 0.3, 1.5, -0.2, 0, 1)

    x = RNG.uniform(0.1, 0.9, 6)
    hand = np.hstack(slam.calc_jacobian(between(x)))
    name = "graph_based_slam.calc_jacobian"
    return Case(name, lambda p: between(p).e[:, 0], x, hand, slam.calc_jacobian)


def spatial_arm():
    """Where an arm of six joints ends, by its angles."""
    arm = importlib.import_module("ArmNavigation.n_joint_arm_3d.NLinkArm3d")
    shape = RNG.uniform(0.2, 1.0, (6, 3))

    def made(angles):
        return arm.NLinkArm([[angle, *rest] for angle, rest in zip(angles, shape, strict=True)])

    def end(angles):
        return made(angles).transformation_matrix()[:3, 3]

    x = RNG.uniform(0.1, 0.9, 6)
    name = "NLinkArm3d.basic_jacobian"
    return Case(name, end, x, made(x).basic_jacobian()[:3], arm.NLinkArm.basic_jacobian)


def planar_arm():
    """The same in the plane, of ten joints; the program has the pseudo-inverse of the Jacobian."""
    at = "ArmNavigation.n_joint_arm_to_point_control"
    arm = importlib.import_module(f"{at}.n_joint_arm_to_point_control")
    lengths, x = np.ones(arm.N_LINKS), RNG.uniform(0.1, 0.9, arm.N_LINKS)
    hand = np.linalg.pinv(arm.jacobian_inverse(lengths, x))
    name = "n_joint_arm.jacobian_inverse"
    f = lambda angles: arm.forward_kinematics(lengths, angles)  # noqa: E731
    return Case(name, f, x, hand, arm.jacobian_inverse)


def kinetics():
    """814 reactions of 65 species on the levels of an atmosphere."""
    importlib.import_module("vulcan_cfg").nz = LEVELS
    net = importlib.import_module("chem_funs")
    k = {i: RNG.uniform(0.1, 1.0, LEVELS) for i in range(1, net.nr + 1)}
    M, y = RNG.uniform(0.5, 1.5, LEVELS), RNG.uniform(0.5, 1.5, (LEVELS, net.ni))
    f = lambda y: net.chemdf(y.reshape(LEVELS, net.ni), M, k).ravel()  # noqa: E731
    return Case("VULCAN chem_funs.symjac", f, y.ravel(), net.symjac(y, M, k), net.symjac)


ROBOTICS = (
    lambda: localization("extended_kalman_filter"),
    lambda: localization("ekf_with_velocity_correction"),
    landmark,
    particle,
    edge,
    spatial_arm,
    planar_arm,
)


def report(case):
    """A row of the table."""
    exact = dm.jacobian_fwd(case.f, case.x, sparse=True).toarray()
    scale = np.abs(exact).max()
    off = np.abs(case.hand - exact) / scale
    count = int(np.sum(off > 1e-9))
    is_large = exact.size > 10_000  # for a judge that calls f for every input
    judged = "-" if is_large else "yes" if dm.check_jacobian(case.f, case.x).ok else "NO"
    lines = len(inspect.getsource(case.text).splitlines())
    print(f"{case.name:37}{lines:6}{exact.size:9}{count:8}{off.max():10.0e}   {judged}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkouts", nargs="+", type=pathlib.Path)
    print(f"{'Jacobian':37}{'lines':>6}{'entries':>9}{'differ':>8}{'by':>10}   judge for dualmc")
    for folder in parser.parse_args().checkouts:
        folder = folder.resolve()
        sys.path.insert(0, str(folder))
        is_kinetics = (folder / "chem_funs.py").exists()
        before = os.getcwd()
        os.chdir(folder)  # VULCAN reads its tables from there
        for case in (kinetics,) if is_kinetics else ROBOTICS:
            report(case())
        os.chdir(before)


if __name__ == "__main__":
    main()
