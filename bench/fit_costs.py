"""What the units of `dualmc.predict` cost on this machine, and how far that carries over.

Measures the cells of forward_vs_reverse.py, fits the constants to the times of all modes (least
squares of the logarithms, near the present constants where the cells do not tell), and prints them
beside the present ones.  Then leaves one function out at a time: constants fitted to the others
predict which mode wins for the one that they have not seen.

    python bench/fit_costs.py [--quick]
"""

import argparse
import sys
from functools import partial

import forward_vs_reverse as bench
import numpy as np
from scipy.optimize import least_squares
from tools import checkout  # noqa: F401

import dualmc as dm
from dualmc.counting import predict

NAMES = list(predict.SECONDS)
# Times of the dense mode count less: which of the other two wins is the question.
WEIGHTS = {"structured": 1.0, "dense": 0.3, "reverse": 1.0}
# How strongly a constant is held to what it was, in units of one cell's error.
HOLD = 0.3


def fitted(cells):
    """The constants, as an array in the order of `NAMES`."""
    rows, times, weights = [], [], []
    for cell in cells:
        for mode, weight in WEIGHTS.items():
            rows.append([cell.units[mode][name] for name in NAMES])
            times.append(getattr(cell, mode))
            weights.append(weight)
    A, times, weights = np.array(rows, float), np.array(times), np.array(weights)
    present = np.log([predict.SECONDS[name] for name in NAMES])

    def residuals(log_seconds):
        error = weights * np.log(A @ np.exp(log_seconds) / times)
        return np.concatenate([error, HOLD * (log_seconds - present)])

    jac = partial(dm.jacobian_fwd, residuals)
    return np.exp(least_squares(residuals, present, jac=jac, loss="soft_l1").x)


def score(cells, constants):
    """How many cells are decided, and for how many of them the winner is predicted."""
    seconds = dict(zip(NAMES, constants, strict=True))

    def cost(units):
        return sum(seconds[name] * count for name, count in units.items())

    decided = [cell for cell in cells if cell.is_decided]
    right = [
        (cost(cell.units["reverse"]) > cost(cell.units["structured"])) == (cell.ratio > 1)
        for cell in decided
    ]
    return len(decided), sum(right)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer sizes, shorter measurements")
    options = parser.parse_args()
    sizes = bench.QUICK_SIZES if options.quick else bench.SIZES
    cells = bench.sweep(list(bench.FUNCTIONS), sizes, *bench.effort(options.quick))
    constants = fitted(cells)
    print(f"\n{'unit':20s}{'present':>10s}{'fitted':>10s}")
    for name, value in zip(NAMES, constants, strict=True):
        print(f"{name:20s}{predict.SECONDS[name]:10.1e}{value:10.1e}")
    decided, right = score(cells, list(predict.SECONDS.values()))
    print(f"\npresent constants: winner right in {right} of {decided} cells")
    decided, right = score(cells, constants)
    print(f"fitted constants:  winner right in {right} of {decided} cells")
    for name in bench.FUNCTIONS:
        others = [cell for cell in cells if cell.function != name]
        decided, right = score([c for c in cells if c.function == name], fitted(others))
        print(f"  fitted without {name:11s}right in {right} of its {decided} cells")


if __name__ == "__main__":
    sys.exit(main())
