"""A small neural network that reads handwritten digits, trained by SciPy's `minimize`.

Plain NumPy: 64 pixels, 16 hidden units, 10 classes, 1210 weights in one vector.  Reverse mode gives
the gradient for a few times the cost of the loss; differences would call the loss 1211 times.
Newton-CG takes the Hessian times a vector, `hvp`, as well.

Data: data/digits.csv.gz, 1797 digits of 8 x 8 pixels, the test half of E. Alpaydin, C. Kaynak,
Optical Recognition of Handwritten Digits (1998), UCI Machine Learning Repository (CC BY 4.0), as
bundled with scikit-learn.  Published: k nearest neighbours read 98 % of these.
"""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from measured import seconds, table
from scipy.optimize import approx_fprime, minimize

import dualmc as dm

INPUTS, HIDDEN, CLASSES = 64, 16, 10
SIZES = INPUTS * HIDDEN, HIDDEN, HIDDEN * CLASSES, CLASSES


def scores(p, X):
    """The network: its weights, unpacked from p, and one score per class."""
    W1, b1, W2, b2 = np.split(p, np.cumsum(SIZES)[:-1])
    hidden = np.tanh(X @ W1.reshape(INPUTS, HIDDEN) + b1)
    return hidden @ W2.reshape(HIDDEN, CLASSES) + b2


def loss(p, X, labels):
    """Mean cross entropy, and a little weight decay."""
    s = scores(p, X)
    s = s - np.max(s, axis=1, keepdims=True)
    log_probability = s[np.arange(len(labels)), labels] - np.log(np.sum(np.exp(s), axis=1))
    return -np.mean(log_probability) + 1e-4 * np.sum(p**2)


def load():
    """Pixels from 0 to 1 and labels: of 1300 digits to learn from, and of 497 others."""
    data = np.loadtxt(Path(__file__).parent / "data/digits.csv.gz", delimiter=",")
    X, labels = data[:, :-1] / 16, data[:, -1].astype(int)
    return (X[:1300], labels[:1300]), (X[1300:], labels[1300:])


class Figures(NamedTuple):
    right: dict  # share of the other digits that are read right
    losses: dict
    gradient_error: float  # of differences, relative to the largest entry


def main(iterations=80, samples=1300):
    (X, labels), (others, expected) = load()
    args = X[:samples], labels[:samples]
    p = np.random.default_rng(0).normal(size=sum(SIZES)) * 0.1

    time_f, _ = seconds(lambda: loss(p, *args))
    time_g, gradient = seconds(lambda: dm.gradient(loss, p, *args))
    time_d, differences = seconds(lambda: approx_fprime(p, loss, 1.5e-8, *args), repeat=1)
    error = np.max(np.abs(differences - gradient)) / np.max(np.abs(gradient))
    table(
        ("gradient by", "seconds", "times the loss", "error"),
        ("differences", time_d, time_d / time_f, error),
        ("dualmc, reverse mode", time_g, time_g / time_f, ""),
    )

    value_and_gradient = partial(dm.value_and_gradient, loss)
    solvers = {
        "L-BFGS-B": {"method": "L-BFGS-B", "options": {"maxiter": iterations}},
        "Newton-CG": {
            "method": "Newton-CG",
            "options": {"maxiter": iterations // 8},
            "hessp": partial(dm.hvp, loss),
        },
    }
    rows, right, losses = [], {}, {}
    for name, options in solvers.items():
        solve = partial(minimize, value_and_gradient, p, args, jac=True, **options)
        time, found = seconds(solve, repeat=1)
        right[name] = np.mean(np.argmax(scores(found.x, others), axis=1) == expected)
        losses[name] = found.fun
        rows.append((name, found.nit, found.nfev, found.fun, f"{right[name]:.1%}", time))
    print()
    table(("minimize", "steps", "calls", "loss", "others read", "seconds"), *rows)
    return Figures(right, losses, error)


if __name__ == "__main__":
    main()
