"""The Brusselator in two dimensions by the method of lines: 20,000 equations, stiff, sparse.

Two species react and diffuse on a square whose sides meet; from t = 1.1 on more of the first is
fed in on a disk.  The equation of a cell reads itself, its four neighbours and the other species.
Equations, start and disk: Hairer, Wanner, "Solving Ordinary Differential Equations II" (2nd ed.
1996), IV.10, problem BRUSS-2D, there with 128 cells a side.
"""

import time
from functools import partial
from typing import NamedTuple

import numpy as np
from measured import Counted, seconds, table
from scipy.integrate import BDF, solve_ivp

import dualmc as dm


def start(cells):
    """Both species at t = 0, and the mask of the disk."""
    x, y = np.meshgrid(*2 * [np.arange(cells) / cells], indexing="ij")
    u, v = 22 * y * (1 - y) ** 1.5, 27 * x * (1 - x) ** 1.5
    disk = (x - 0.3) ** 2 + (y - 0.6) ** 2 <= 0.1**2
    return np.concatenate([u.ravel(), v.ravel()]), disk


def laplacian(u):
    around = np.roll(u, 1, 0) + np.roll(u, -1, 0) + np.roll(u, 1, 1) + np.roll(u, -1, 1)
    return (around - 4 * u) * u.shape[0] ** 2


def brusselator(t, y, disk):
    u, v = y.reshape(2, *disk.shape)
    uuv = u**2 * v
    du = 1 + uuv - 4.4 * u + 0.1 * laplacian(u)
    dv = 3.4 * u - uuv + 0.1 * laplacian(v)
    if t >= 1.1:
        du[disk] += 5
    return np.concatenate([du.ravel(), dv.ravel()])


class Figures(NamedTuple):
    solutions: dict  # by way: the solution at the end
    calls: dict  # by way: of the right-hand side
    seconds: dict  # by way: of all and of one Jacobian
    jacobians: int  # that the solver asks for
    dense: int  # calls that differences without a pattern would make


def main(cells=100, end=11.5, rtol=1e-4):
    y, disk = start(cells)

    def f(t, y):
        return brusselator(t, y, disk)

    # For a dozen Jacobians; where a solver asks for hundreds, dm.prepare is faster still.
    J = partial(dm.jacobian_fwd, f, argnums=1, sparse="csc")
    pattern = J(0.0, y)
    pattern.data[:] = 1  # also where an entry, as u^2, happens to be 0 at the start
    ways = {"dualmc": {"jac": J}, "differences, pattern given": {"jac_sparsity": pattern}}
    solutions, calls, times = {}, {}, {}
    for name, options in ways.items():
        one, _ = seconds(partial(BDF(f, 0.0, y, end, **options).jac, 0.0, y))
        counted = Counted(f)
        began = time.perf_counter()
        solution = solve_ivp(
            counted, (0, end), y, "BDF", t_eval=[end], rtol=rtol, atol=rtol, **options
        )
        times[name] = time.perf_counter() - began, one
        solutions[name], calls[name] = solution.y[:, -1], counted.calls
        if name == "dualmc":
            jacobians, factorizations = solution.njev, solution.nlu
    dense = calls["dualmc"] + jacobians * y.size
    print(
        f"{y.size} equations, {jacobians} Jacobians of {pattern.nnz} nonzeros, {factorizations} "
        f"factorizations (SuperLU), which take most of the time"
    )
    table(
        ("", "calls of f", "seconds", "of a Jacobian"),
        *((name, f"{calls[name]}", *times[name]) for name in ways),
        ("differences", f"{dense}", "", f"{8e-9 * y.size**2:.1f} GB"),
    )
    return Figures(solutions, calls, times, jacobians, dense)


if __name__ == "__main__":
    main()
