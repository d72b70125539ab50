"""Stiff reactions with published solutions: HIRES, POLLU, Robertson, by three of SciPy's solvers.

Equations, starts and solutions at the end: "Test Set for Initial Value Problem Solvers" (Mazzia,
Magherini, University of Bari, release 2.4, 2008).  Digits are its mixed error significant ones,
``-log10 max |y - y*| / (atol / rtol + |y*|)``; times are without the fraction of a second that
`prepare` takes once.
"""

from typing import NamedTuple

import numpy as np
from measured import Counted, seconds, table
from scipy.integrate import solve_ivp

import dualmc as dm


def hires(t, y):
    """Eight species by which a plant responds to light (Schaefer 1975)."""
    bound = 280 * y[5] * y[7]
    return np.array(
        [
            -1.71 * y[0] + 0.43 * y[1] + 8.32 * y[2] + 0.0007,
            1.71 * y[0] - 8.75 * y[1],
            -10.03 * y[2] + 0.43 * y[3] + 0.035 * y[4],
            8.32 * y[1] + 1.71 * y[2] - 1.12 * y[3],
            -1.745 * y[4] + 0.43 * (y[5] + y[6]),
            -bound + 0.69 * y[3] + 1.71 * y[4] - 0.43 * y[5] + 0.69 * y[6],
            bound - 1.81 * y[6],
            -bound + 1.81 * y[6],
        ]
    )


def robertson(t, y):
    """Three species and rates from 0.04 to 3e7 (Robertson 1966)."""
    slow, back, fast = 0.04 * y[0], 1e4 * y[1] * y[2], 3e7 * y[1] ** 2
    return [back - slow, slow - back - fast, fast]


# fmt: off
RATES = np.array([
    0.35, 26.6, 1.23e4, 8.6e-4, 8.2e-4, 1.5e4, 1.3e-4, 2.4e4, 1.65e4, 9e3, 0.022, 1.2e4, 1.88,
    1.63e4, 4.8e6, 3.5e-4, 0.0175, 1e8, 4.44e11, 1.24e3, 2.1, 5.78, 0.0474, 1.78e3, 3.12,
])
# fmt: on


def pollu(t, y):
    """20 species of polluted air in 25 reactions (Verwer 1994)."""
    nitric, oxygen, hydroxyl = y[1], y[3], y[5]
    pairs = [
        y[0], nitric * oxygen, y[4] * nitric, y[6], y[6], y[6] * hydroxyl, y[8], y[8] * hydroxyl,
        y[10] * nitric, y[10] * y[0], y[12], y[9] * nitric, y[13], y[0] * hydroxyl, y[2], oxygen,
        oxygen, y[15], y[15], y[16] * hydroxyl, y[18], y[18], y[0] * oxygen, y[18] * y[0], y[19],
    ]  # fmt: skip
    r = RATES * np.array(pairs)
    return np.array([
        -r[0] - r[9] - r[13] - r[22] - r[23] + r[1] + r[2] + r[8] + r[10] + r[11] + r[21] + r[24],
        -r[1] - r[2] - r[8] - r[11] + r[0] + r[20], -r[14] + r[0] + r[16] + r[18] + r[21],
        -r[1] - r[15] - r[16] - r[22] + r[14], -r[2] + 2 * r[3] + r[5] + r[6] + r[12] + r[19],
        -r[5] - r[7] - r[13] - r[19] + r[2] + 2 * r[17], -r[3] - r[4] - r[5] + r[12],
        r[3] + r[4] + r[5] + r[6], -r[6] - r[7], -r[11] + r[6] + r[8],
        -r[8] - r[9] + r[7] + r[10], r[8], -r[10] + r[9], -r[12] + r[11], r[13],
        -r[17] - r[18] + r[15], -r[19], r[19], -r[20] - r[21] - r[23] + r[22] + r[24],
        -r[24] + r[23],
    ])  # fmt: skip


class Problem(NamedTuple):
    f: object
    y: dict  # what is there at the start, by species
    end: float
    solution: list
    small: float  # atol / rtol: what is small among the species


PROBLEMS = {
    "HIRES": Problem(hires, {0: 1.0, 7: 0.0057}, 321.8122, [
        0.7371312573325668e-3, 0.1442485726316185e-3, 0.5888729740967575e-4,
        0.1175651343283149e-2, 0.2386356198831331e-2, 0.6238968252742796e-2,
        0.2849998395185769e-2, 0.2850001604814231e-2,
    ], 1e-3),
    "POLLU": Problem(pollu, {1: 0.2, 3: 0.04, 6: 0.1, 7: 0.3, 8: 0.01, 16: 0.007}, 60.0, [
        0.5646255480022769e-1, 0.1342484130422339, 0.4139734331099427e-8, 0.5523140207484359e-2,
        0.2018977262302196e-6, 0.1464541863493966e-6, 0.7784249118997964e-1, 0.3245075353396018,
        0.7494013383880406e-2, 0.1622293157301561e-7, 0.1135863833257075e-7, 0.2230505975721359e-2,
        0.2087162882798630e-3, 0.1396921016840158e-4, 0.8964884856898295e-2, 0.4352846369330103e-17,
        0.6899219696263405e-2, 0.1007803037365946e-3, 0.1772146513969984e-5, 0.5682943292316392e-4,
    ], 1e-6),
    "Robertson": Problem(robertson, {0: 1.0}, 1e11, [
        0.2083340149701255e-7, 0.8333360770334713e-13, 0.9999999791665050,
    ], 1e-8),
}  # fmt: skip


class Solution(NamedTuple):
    digits: float
    calls: int  # of f
    jacobians: int
    seconds: float


def solved(problem, method, rtol, exact):
    y = np.zeros(len(problem.solution))
    y[list(problem.y)] = list(problem.y.values())
    f = Counted(problem.f)
    jac = Counted(dm.prepare(problem.f, 0.0, y, argnums=1)) if exact else None

    def solve():
        return solve_ivp(
            f, (0.0, problem.end), y, method, t_eval=[problem.end], rtol=rtol,
            atol=rtol * problem.small, jac=jac,
        )  # fmt: skip

    end = solve().y[:, -1]
    calls = f.calls, jac.calls if exact else 0
    off = np.abs(end - problem.solution) / (problem.small + np.abs(problem.solution))
    return Solution(-np.log10(off.max()), *calls, seconds(solve)[0])


def main(problems=tuple(PROBLEMS), rtol=1e-6):
    found, rows = {}, []
    for name in problems:
        for method in ("Radau", "BDF", "LSODA"):
            before, after = (solved(PROBLEMS[name], method, rtol, exact) for exact in (False, True))
            found[name, method] = before, after
            rows.append((f"{name}, {method}", *cells(before), *cells(after)))
    table(
        ("", "differences: digits", "calls of f", "ms", "dualmc: digits", "calls of f + J", "ms"),
        *rows,
    )
    return found


def cells(solution):
    digits, calls, jacobians, time = solution
    both = f"{calls} + {jacobians}" if jacobians else f"{calls}"
    return f"{digits:.1f}", both, f"{1e3 * time:.0f}"


if __name__ == "__main__":
    main()
