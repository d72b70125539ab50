"""What a derivative costs of plain f that calls a compiled function, beside its Python on Duals.

For each problem of `problems/jitted`, f is ``sum(x) * helper(x)``; and a loop in
Python that calls a compiled function of two numbers.  Milliseconds of one call each, the ways
interleaved, the fastest of all rounds: a directional derivative, the Jacobian, reverse mode.

    python bench/compiled_helpers.py [--problems hires pollu] [--rounds 9]

Exits with 1 if a Jacobian differs.
"""

import argparse
import sys

from tools import checkout, threads  # noqa: F401  (before NumPy)

# isort: split
import numba
import numpy as np
from problems.jitted import PROBLEMS
from tools.timing import interleave

import dualmc as dm

EXACT = 1e-11
SLOW = 0.05
# Calls after which functions without loops are compiled.
WARM = 1000
VERBS = {
    "jvp": lambda f, x: dm.jvp(f, (x,), (x,))[1],
    "jacobian_fwd": dm.jacobian_fwd,
    "reverse": lambda f, x: dm.gradient(lambda x: np.sum(f(x)), x),
}
WAYS = ("compiled", "python")


@numba.njit
def relaxed(a, b):
    for _ in range(3):
        a = a - 0.1 * (a * a - b) / (1.0 + a * a)
    return a


def in_a_loop(helper):
    def f(x):
        s = x[0]
        for _ in range(100):
            s = helper(s, x[1])
        return s

    return f


def programs(names):
    """The helper, f made of one, and a point, by name."""
    found = {name: (PROBLEMS[name]().f, scaled, PROBLEMS[name]().x) for name in names}
    return found | {"numbers": (relaxed, in_a_loop, np.array([1.5, 2.0]))}


def scaled(helper):
    return lambda x: np.sum(x) * helper(x)


def measured(helper, make, x, rounds):
    """Seconds by verb and way, and the largest difference of the Jacobians."""
    ways = dict(zip(WAYS, (make(helper), make(helper.py_func)), strict=True))
    for _ in range(WARM):
        VERBS["jvp"](ways["compiled"], x)
    J, expected = (dm.jacobian_fwd(f, x) for f in ways.values())
    error = float(np.max(np.abs(J - expected)) / np.max(np.abs(expected)))
    calls = {
        (verb, way): (lambda f=f, call=call: call(f, x))
        for verb, call in VERBS.items()
        for way, f in ways.items()
    }
    taken = interleave(calls, rounds, slow=SLOW)
    return {key: float(np.min(t)) for key, t in taken.items()}, error


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", nargs="+", default=list(PROBLEMS), choices=list(PROBLEMS))
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    threads.pin()
    print(threads.conditions())
    print("milliseconds: compiled step, helper's Python on Duals, their ratio")
    print(f"{'':20s}{'n':>6s}" + "".join(f"{verb:>30s}" for verb in VERBS))
    worst = 0.0
    for name, (helper, make, x) in programs(options.problems).items():
        taken, error = measured(helper, make, x, options.rounds)
        worst = max(worst, error)
        parts = []
        for verb in VERBS:
            step, python = (taken[verb, way] * 1e3 for way in WAYS)
            parts.append(f"{step:10.3f}{python:10.2f}{python / step:10.0f}")
        print(f"{name:20s}{x.size:6d}" + "".join(parts))
    print(f"largest difference of Jacobians: {worst:.0e} of the largest entry")
    return int(worst > EXACT)


if __name__ == "__main__":
    sys.exit(main())
