"""Jacobians of functions as they are: the 53 least-squares problems of BenDFO.

The benchmark set of More' and Wild, `dfovec` in NumPy with loops, branches and arrays filled entry
by entry, differentiated unchanged at the starting points by `jacobian_fwd` and `jacobian_rev`.
Judged by the set's own `jacobian.py`, which a tool derived from the same code; where that raises or
returns numbers that are not finite, by central differences of order 8: complex steps would be lost
in the float array that the code fills.

Prints one row per problem: the judge, and how far each mode is from it, relative to the largest
entry of the row of the Jacobian.  Goal: 1e-12 (1e-9 against differences).

    git clone https://github.com/POptUS/BenDFO
    python bench/bendfo.py BenDFO

References: More', Wild (2009), SIAM J. Optim. 20(1), 172-191.
"""

import argparse
import pathlib
import sys

import numpy as np
from tools import checkout  # noqa: F401

import dualmc as dm

# Weights of a central difference of order 8.
WEIGHTS = ((1, 4 / 5), (2, -1 / 5), (3, 4 / 105), (4, -1 / 280))
GOALS = {"own": 1e-12, "difference": 1e-9}


def differences(f, x):
    """The Jacobian by central differences of order 8."""
    columns = []
    for j in range(x.size):
        step = 1e-3 * max(1.0, abs(x[j]))
        e = np.zeros(x.size)
        e[j] = step
        columns.append(sum(w * (f(x + k * e) - f(x - k * e)) for k, w in WEIGHTS) / step)
    return np.stack(columns, axis=-1)


def judged(own, f, x):
    """The name of the judge, its Jacobian, and why the set's own was not taken."""
    why = ""
    try:
        J = np.asarray(own(), dtype=float)
        if np.all(np.isfinite(J)):
            return "own", J, why
        why = "not finite"
    except Exception as error:  # whatever a derived program may raise
        why = f"{type(error).__name__}: {error}"
    return "difference", differences(f, x), why


def distance(found, expected):
    """The largest difference, each relative to the largest entry of its row."""
    scale = np.max(np.abs(expected), axis=1, keepdims=True)
    return float(np.max(np.abs(found - expected) / np.where(scale > 0, scale, 1.0)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=pathlib.Path, help="of github.com/POptUS/BenDFO")
    options = parser.parse_args()
    sys.path.insert(0, str(options.checkout / "py"))
    from dfovec import dfovec
    from dfoxs import dfoxs
    from jacobian import jacobian

    rows = np.loadtxt(options.checkout / "data" / "dfo.dat", dtype=int)
    print(
        f"{'row':>3}{'problem':>9}{'n':>4}{'m':>4}{'start':>7}  {'judge':<12}{'fwd':>9}{'rev':>9}"
    )
    missed, notes = 0, []
    for row, (problem, n, m, power) in enumerate(rows.tolist(), 1):
        x = np.asarray(dfoxs(n, problem, 10.0**power), dtype=float)

        def f(x, m=m, n=n, problem=problem):
            return dfovec(m, n, x, problem)

        judge, expected, why = judged(lambda: jacobian(m, n, x, problem)[0], f, x)  # noqa: B023
        if why:
            notes.append(f"row {row}: BenDFO's own Jacobian, {why}")
        found = [distance(mode(f, x), expected) for mode in (dm.jacobian_fwd, dm.jacobian_rev)]
        right = max(found) <= GOALS[judge]
        missed += not right
        print(f"{row:>3}{problem:>9}{n:>4}{m:>4}{f'1e{power}':>7}  {judge:<12}"
              f"{found[0]:9.1e}{found[1]:9.1e}{'' if right else '   WRONG'}")  # fmt: skip
    for note in notes:
        print(note)
    print(f"{len(rows) - missed} of {len(rows)} problems right in both modes")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
