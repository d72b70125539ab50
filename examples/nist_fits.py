"""Fits with certified answers: NIST's reference data for nonlinear regression, by `curve_fit`.

Eight of the 27 sets, lower to higher difficulty, from NIST's two starting points, by `curve_fit` as
one would call it: all its options are the defaults, and `jac` is the one thing added.
Digits are those of the worst parameter against NIST's certified ones (11 digits), 0 where the fit
went elsewhere or gave up.  All 27 sets, in all of least_squares' methods: bench/nist.py.

Data: NIST/ITL StRD, https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml, in bench/data/nist.
"""

import itertools
import re
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from measured import Counted, table
from scipy.optimize import curve_fit

import dualmc as dm

FOLDER = Path(__file__).parents[1] / "bench/data/nist"


def exponential(x, b1, b2):
    return b1 * (1 - np.exp(-b2 * x))


def cubic_ratio(x, b1, b2, b3, b4, b5, b6, b7):
    return (b1 + b2 * x + b3 * x**2 + b4 * x**3) / (1 + b5 * x + b6 * x**2 + b7 * x**3)


def two_exponentials(x, b1, b2, b3, b4, b5):
    return b1 + b2 * np.exp(-x * b4) + b3 * np.exp(-x * b5)


def enzyme(x, b1, b2, b3, b4):
    return b1 * (x**2 + x * b2) / (x**2 + x * b3 + b4)


def thermistor(x, b1, b2, b3):
    return b1 * np.exp(b2 / (x + b3))


def growth(x, b1, b2, b3, b4):
    return b1 / (1 + np.exp(b2 - b3 * x)) ** (1 / b4)


def magnetisation(x, b1, b2, b3):
    return b1 * (b2 + x) ** (-1 / b3)


MODELS = {
    "Misra1a": exponential, "Hahn1": cubic_ratio, "MGH17": two_exponentials, "MGH09": enzyme,
    "Thurber": cubic_ratio, "MGH10": thermistor, "Rat43": growth, "Bennett5": magnetisation,
}  # fmt: skip


def load(name):
    """Observations x and y, the far and the near start, the certified parameters."""
    text = (FOLDER / f"{name}.dat").read_text()
    rows = re.findall(r"^ *b\d+ = *(\S+) +(\S+) +(\S+)", text, re.MULTILINE)
    far, near, certified = np.array(rows, dtype=float).T
    data = re.split(r"^Data:.*$", text, flags=re.MULTILINE)[-1]
    y, x = np.array(data.split(), dtype=float).reshape(-1, 2).T
    return x, y, {"far": far, "near": near}, certified


def fit(name, start, exact):
    """Correct digits, and the calls of the model and of its Jacobian."""
    x, y, starts, certified = load(name)
    model = Counted(MODELS[name])
    jac = Counted(dm.scipy_jac(MODELS[name], solver="curve_fit")) if exact else None
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # far steps overflow, and curve_fit takes them back
            found, _ = curve_fit(model, x, y, starts[start], jac=jac)
    except RuntimeError:  # curve_fit gave up
        return 0.0, model.calls, jac.calls if exact else 0
    off = np.max(np.abs(found / certified - 1))
    return max(0.0, -np.log10(max(off, 1e-11))), model.calls, jac.calls if exact else 0


class Figures(NamedTuple):
    digits: dict  # by set and start: with differences, with dualmc
    calls: tuple  # of all models and Jacobians: with differences, with dualmc


def main(sets=tuple(MODELS)):
    rows, digits, calls = [], {}, np.zeros(2, dtype=int)
    for name, start in itertools.product(sets, ("far", "near")):
        (before, *m), (after, *n) = (fit(name, start, exact) for exact in (False, True))
        digits[name, start] = before, after
        calls += sum(m), sum(n)
        row = f"{name}, {start}", f"{before:.1f}", f"{m[0]}", f"{after:.1f}", f"{n[0]} + {n[1]}"
        rows.append(row)
    table(("", "differences: digits", "calls", "dualmc: digits", "calls of f + J"), *rows)
    print("calls of all: {} with differences, {} with dualmc".format(*calls))
    return Figures(digits, tuple(calls.tolist()))


if __name__ == "__main__":
    main()
