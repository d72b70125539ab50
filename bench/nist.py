"""Nonlinear fits with certified answers: are they better with exact Jacobians than differences?

The 27 nonlinear regression sets of NIST's Statistical Reference Datasets, each from both of NIST's
starting points, fitted by `scipy.optimize.least_squares` with the Jacobian from `jacobian_fwd`,
`jacobian_rev`, and by SciPy's '3-point' and '2-point' differences, all with the same options.  The
models and the data are in `problems/regression.py`.

Prints, for each method of least_squares, the correct digits of the parameters: the least over the
parameters of -log10 of the relative error, at most 11, which is what NIST certifies; 0 where the
fit went elsewhere.  A fit is solved with 6 digits or more (NIST asks for 4 to 5 of a good program).
Then the calls of the residual and of the Jacobian.

Goal: as many fits solved as with '3-point' or more, with as many digits or more.

    python bench/nist.py [--methods lm trf] [--sets Misra1a ...]

References: NIST/ITL StRD, https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml;
McCullough (1998), The American Statistician 52(4), 358-366 (the digits).
"""

import argparse
import sys
from functools import partial

import numpy as np
from problems.regression import MODELS, DataSet
from tools import checkout  # noqa: F401

import dualmc as dm

# The least that least_squares accepts without warning is the spacing of floats, 2.2e-16.
TOLERANCE = 1e-15
MAX_CALLS = 20_000
JACOBIANS = {
    "fwd": lambda f: partial(dm.jacobian_fwd, f),
    "rev": lambda f: partial(dm.jacobian_rev, f),
    "3-point": lambda f: "3-point",
    "2-point": lambda f: "2-point",
}


# --- Fitting -------------------------------------------------------------------------------------


class Counted:
    """A function that counts its calls."""

    def __init__(self, f):
        self.f = f
        self.calls = 0

    def __call__(self, *args):
        self.calls += 1
        return self.f(*args)


def fit(data, start, jacobian, method):
    """Parameters, calls of the residual and of the Jacobian, and what stopped the fit, if so."""
    from scipy.optimize import least_squares

    f = Counted(data.residual)
    jac = JACOBIANS[jacobian](data.residual)
    if callable(jac):
        jac = Counted(jac)
    tolerances = {"xtol": TOLERANCE, "ftol": TOLERANCE, "gtol": TOLERANCE}
    found, stopped = np.full(start.size, np.nan), None
    # Steps that lead far off overflow; least_squares takes them back.
    with np.errstate(all="ignore"):
        try:
            found = least_squares(
                f, start, jac=jac, method=method, x_scale="jac", max_nfev=MAX_CALLS, **tolerances
            ).x
        except (ValueError, np.linalg.LinAlgError) as error:  # of numbers that are not finite
            stopped = str(error).splitlines()[0]
    return found, f.calls, jac.calls if callable(jac) else 0, stopped


def report(method, names, solved_from):
    """Prints one method's table; whether the goal is met."""
    print(f"\nleast_squares(method={method!r}, x_scale='jac', xtol=ftol=gtol={TOLERANCE:g})")
    digits_of = "".join(f"{name:>9}" for name in JACOBIANS)
    calls_of = "".join(f"{name:>12}" for name in JACOBIANS)
    print(f"{'':<15}{'correct digits':<{len(digits_of)}}    calls of f (of J)")
    print(f"{'set':<10}{'start':>5}{digits_of}{calls_of}")
    digits = {name: [] for name in JACOBIANS}
    calls = dict.fromkeys(JACOBIANS, 0)
    notes = []
    for name in names:
        data = DataSet(name)
        for number, start in enumerate(data.starts, 1):
            counts = []
            for jacobian in JACOBIANS:
                found, f_calls, jac_calls, stopped = fit(data, start, jacobian, method)
                digits[jacobian].append(data.digits(found))
                calls[jacobian] += f_calls + jac_calls
                counts.append(f"{f_calls} ({jac_calls})" if jac_calls else f"{f_calls}")
                if stopped:
                    notes.append(f"{name}, start {number}, {jacobian}: {stopped}")
            row = "".join(f"{digits[jacobian][-1]:9.1f}" for jacobian in JACOBIANS)
            print(f"{name:<10}{number:>5}{row}" + "".join(f"{c:>12}" for c in counts))
    for note in notes:
        print(f"stopped: {note}")
    return summary(digits, calls, solved_from)


def summary(digits, calls, solved_from):
    found = {name: np.reshape(values, (-1, 2)) for name, values in digits.items()}
    everywhere = np.all([values >= solved_from for values in found.values()], axis=0)
    print(f"\n{'':<9}{'fits solved':>12}{'sets, both':>12}{'digits, mean':>14}{'least':>7}"
          f"{'all calls':>11}")  # fmt: skip
    figures = {}
    for name, values in found.items():
        solved = values >= solved_from
        shared = values[everywhere]
        mean = float(np.mean(shared)) if shared.size else 0.0
        least = float(np.min(shared)) if shared.size else 0.0
        figures[name] = int(solved.sum()), mean
        print(f"{name:<9}{f'{solved.sum()}/{solved.size}':>12}"
              f"{f'{solved.all(axis=1).sum()}/{len(solved)}':>12}{mean:14.2f}{least:7.1f}"
              f"{calls[name]:>11}")  # fmt: skip
    print(f"(digits of the {everywhere.sum()} fits that all four solve)")
    goal = figures["3-point"]
    return all(a >= b for mode in ("fwd", "rev") for a, b in zip(figures[mode], goal, strict=True))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", nargs="+", default=["lm", "trf"], choices=["lm", "trf"])
    parser.add_argument("--sets", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--digits", type=float, default=6.0, help="from which a fit is solved")
    options = parser.parse_args()
    met = [report(method, options.sets, options.digits) for method in options.methods]
    verdict = "met" if all(met) else "MISSED"
    print(f"\ngoal, as many fits solved and as many digits as with '3-point': {verdict}")
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
