"""Derivatives of solutions of differential equations: how fast, and how exact?

f solves with SciPy, and its Jacobian by the parameters is compared with forward differences, n + 1
solutions.  HIRES (Hairer and Wanner 1996, IV.10, ten rates), Robertson's reaction and Lotka and
Volterra's, at rtol = 1e-8.  Judged by the same Jacobian at 1e-12 by another method, which itself is
compared with the differences first; of the differences the best of five steps counts.

    python bench/odes.py [--only NAME]

Times are CPU times of the best of three calls after a first one, in which machine code is made.
Goals: HIRES by BDF at least 4 times faster than differences; all at least 5 times more exact.
"""

import argparse
import time

import numpy as np
from scipy.integrate import solve_ivp
from tools import checkout  # noqa: F401

import dualmc as dm

RATES = np.array([1.71, 0.43, 8.32, 0.69, 0.035, 8.32, 280.0, 0.69, 0.69, 0.0007])
STEPS = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7)


def hires(k, method, tol):
    def rhs(t, y):
        k1, k2, k3, k4, k5, k6, k_plus, k_minus, k_star, source = k
        bound = k_plus * y[5] * y[7]
        return np.array(
            [
                -k1 * y[0] + k2 * y[1] + k6 * y[2] + source,
                k1 * y[0] - (k2 + k3) * y[1],
                -(k1 + k6) * y[2] + k2 * y[3] + k5 * y[4],
                k3 * y[1] + k1 * y[2] - (k2 + k4) * y[3],
                -(k1 + k5) * y[4] + k2 * (y[5] + y[6]),
                -bound + k4 * y[3] + k1 * y[4] - k2 * y[5] + k_minus * y[6],
                bound - (k2 + k_minus + k_star) * y[6],
                -bound + (k2 + k_minus + k_star) * y[6],
            ]
        )

    y0 = np.array([1, 0, 0, 0, 0, 0, 0, 0.0057])
    return solve_ivp(rhs, (0, 321.8122), y0, method, rtol=tol, atol=tol).y[:, -1]


def robertson(k, method, tol):
    def rhs(t, y):
        a, b, c = k[0] * y[0], k[1] * y[1] * y[2], k[2] * y[1] ** 2
        return [-a + b, a - b - c, c]

    times = [0.4, 4, 40, 400, 4000, 1e5]
    atol = tol * np.array([1, 1e-4, 1])
    return solve_ivp(rhs, (0, 1e5), [1.0, 0, 0], method, times, rtol=tol, atol=atol).y.ravel()


def prey(p, method, tol):
    def rhs(t, y, a, b, c, d):
        return np.array([a * y[0] - b * y[0] * y[1], -c * y[1] + d * y[0] * y[1]])

    times, args = np.linspace(0, 15, 30), tuple(p)
    y = solve_ivp(rhs, (0, 15), [10.0, 5.0], method, times, args=args, rtol=tol, atol=tol).y
    return y.ravel()


REACTION = np.array([0.04, 1e4, 3e7])
CYCLE = np.array([1.5, 1.0, 3.0, 1.0])
PROBLEMS = {  # f, parameters, method, the judge's method
    "hires-bdf": (hires, RATES, "BDF", "Radau"),
    "hires-radau": (hires, RATES, "Radau", "BDF"),
    "robertson-bdf": (robertson, REACTION, "BDF", "Radau"),
    "robertson-radau": (robertson, REACTION, "Radau", "BDF"),
    "robertson-lsoda": (robertson, REACTION, "LSODA", "Radau"),
    "prey-rk45": (prey, CYCLE, "RK45", "DOP853"),
    "prey-dop853": (prey, CYCLE, "DOP853", "RK45"),
}


def differences(f, p, step):
    """Forward differences, the steps relative; per relative change of a parameter."""
    y = f(p)
    return np.stack([(f(p * (1 + step * e)) - y) / step for e in np.eye(p.size)], axis=1)


def seconds(function, repeat=3):
    found = []
    for _ in range(repeat):
        start = time.process_time()
        function()
        found.append(time.process_time() - start)
    return min(found)


def measured(name):
    """How many times faster and more exact than differences."""
    f, p, method, other = PROBLEMS[name]
    judge = dm.jacobian_fwd(lambda q: f(q, other, 1e-12), p) * p
    size = np.abs(judge).max()

    def solve(q):
        return f(q, method, 1e-8)

    error = np.abs(dm.jacobian_fwd(solve, p) * p - judge).max() / size
    theirs = min(np.abs(differences(solve, p, s) - judge).max() for s in STEPS) / size
    if theirs > 1e-2:
        raise SystemExit(f"{name}: differences do not confirm the judge, {theirs:.0e}")
    one, ours = seconds(lambda: solve(p)), seconds(lambda: dm.jacobian_fwd(solve, p))
    faster = one * (p.size + 1) / ours
    print(
        f"{name:16s} {1e3 * one:8.1f} {1e3 * one * (p.size + 1):9.1f} {1e3 * ours:9.1f} "
        f"{faster:7.1f} {theirs:9.0e} {error:9.0e} {theirs / error:8.0f}"
    )
    return faster, theirs / error


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="NAME", help=", ".join(PROBLEMS))
    only = parser.parse_args().only
    print(f"{'problem':16s} solve ms diffs ms  Jacobian  faster  errors: differences, ours, ratio")
    results = {name: measured(name) for name in PROBLEMS if only in (None, name)}
    missed = [name for name, (_, exact) in results.items() if exact < 5]
    if "hires-bdf" in results and results["hires-bdf"][0] < 4:
        missed.append("hires-bdf")
    print("goals met" if not missed else f"goals missed: {', '.join(missed)}")


if __name__ == "__main__":
    main()
