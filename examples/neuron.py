"""The document's neuron, max(0, w.x + b), on the stack loss data: trained by SciPy's solvers.

The loss is the document's mean squared error (section 6); its gradient by w and b is what the
document derives by hand.  The neuron is active for every sample at the optimum, so that the optimum
is the linear regression's, whose coefficients are published: -39.9197, 0.7156, 1.2953, -0.1521.

Data: Brownlee (1965), shipped with dualmc.  Published: e.g. R's help page `stackloss`.
Also: `python -m dualmc train`, which trains it by gradient descent.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
from measured import Counted, seconds, table
from scipy.optimize import minimize

import dualmc as dm
from dualmc.document.neuron import load_table

TABLE = load_table()
SHIFT, SCALE = TABLE.X.mean(axis=0), TABLE.X.std(axis=0)
X, Y = (TABLE.X - SHIFT) / SCALE, TABLE.y
START = np.array([1.0, 1.0, 1.0, 1.0])


def loss(p):
    w, b = p[:-1], p[-1]
    return np.mean((Y - np.maximum(0, X @ w + b)) ** 2)


class Figures(NamedTuple):
    coefficients: np.ndarray  # in the data's own units: of the constant, then of the columns
    slopes: dict  # the largest entry of the gradient where the solver stopped
    calls: dict  # of the loss


def main():
    f, g = Counted(loss), Counted(loss)
    solvers = {
        "BFGS, differences": lambda: minimize(f, START, method="BFGS"),
        "BFGS, dualmc": lambda: minimize(
            partial(dm.value_and_gradient, g), START, jac=True, method="BFGS"
        ),
    }
    rows, slopes, calls = [], {}, {}
    for (name, solve), counted in zip(solvers.items(), (f, g), strict=True):
        time, found = seconds(solve)
        slopes[name] = np.max(np.abs(dm.gradient(loss, found.x)))
        calls[name] = counted.calls // 3  # `seconds` solves three times
        rows.append((name, calls[name], slopes[name], found.fun, time))
    table(("minimize", "calls of f", "gradient there", "loss", "seconds"), *rows)

    w = found.x[:-1] / SCALE
    coefficients = np.array([found.x[-1] - w @ SHIFT, *w])
    print("\nb and w: {:.4f} {:.4f} {:.4f} {:.4f}".format(*coefficients), end="")
    print("   (published: -39.9197 0.7156 1.2953 -0.1521)")
    return Figures(coefficients, slopes, calls)


if __name__ == "__main__":
    main()
