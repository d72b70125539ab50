"""The same Jacobian again and again, as a solver asks for it: what do all calls together cost?

Small closed functions at points that change from call to call.  After `auto_prepare()` the first
calls are fresh, one of them records and compiles f, and the rest are replays: the seconds of 1,000
calls have all of that in them, those of 100,000 add as many of the last as are missing.  Beside it
fresh calls, and libraries whose scalars carry derivatives, which need no preparation.

    python bench/repeated.py [--problems robertson ...] [--calls 1000] [--rounds 3]

Prints seconds and, for each way, its part of the time of plain calls; every Jacobian is checked.
"""

import argparse
import sys
import time
from dataclasses import replace

from tools import checkout, threads  # noqa: F401  (before NumPy)

# isort: split
import numpy as np
from problems import PROBLEMS
from tools.adapters import WAYS
from tools.reference import Judge

import dualmc as dm
from dualmc.automatic import repeated

SMALL = ("rosenbrock", "rosenbrock_loop", "robertson", "hires", "lorenz96")
PEERS = ("num-dual", "hyperjet", "fastdual")
MANY = 100_000
# So many calls are made, of which the last tell what one costs from then on.
MADE, LAST = 4000, 200


def points(x, count):
    rng = np.random.default_rng(0)
    return [x * (1 + 1e-3 * rng.uniform(-1, 1, x.shape)) for _ in range(count)]


class Solver:
    """Calls of one way at points in turn."""

    def __init__(self, case, name):
        self.case = replace(case, x=case.x.copy())
        self.name = name
        way = "dense" if name == "auto" else name
        self.call = WAYS[way].setup(self.case)

    def run(self, xs, count):
        """Seconds of the first `count` calls, and of one of the last; what auto_prepare says."""
        x, call = self.case.x, self.call
        is_auto = self.name == "auto"
        before = dm.auto_prepare(is_auto)
        marks = []
        for at in xs:
            marks.append(time.perf_counter())
            x[:] = at
            call()
        marks.append(time.perf_counter())
        said = dm.last_call() if is_auto else None
        before.__exit__(None, None, None)
        return marks[count] - marks[0], float(np.median(np.diff(marks[-LAST:]))), said


def measured(problem, names, count, rounds):
    case = problem.build(problem.sizes[0])
    solvers, notes = [], []
    for name in names:
        try:
            solver = Solver(case, name)
            error = Judge(solver.case).error(solver.call())
        except Exception as why:
            notes.append(f"{name}: {type(why).__name__}")
            continue
        if not error < 1e-9:
            sys.exit(f"{problem.name}: {name} is wrong, relative error {error:.0e}")
        solvers.append(solver)
    xs = points(case.x, max(MADE, count))
    found = {solver.name: [] for solver in solvers}
    for _ in range(rounds):
        for solver in solvers:
            found[solver.name].append(solver.run(xs, count))
    return {name: min(runs, key=lambda run: run[0]) for name, runs in found.items()}, notes


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--problems", nargs="+", default=SMALL)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    names = ("dense", "auto", *(name for name in PEERS if WAYS[name].is_present))
    chosen = [PROBLEMS[name] for name in asked.problems]
    dm.prepare(lambda x: x * x, np.ones(2))  # loads the compiler
    repeated.Repeated.is_loaded = True
    for problem in chosen:
        found, notes = measured(problem, names, asked.calls, asked.rounds)
        print(f"{problem.name}:{problem.sizes[0]}  auto: {found['auto'][2]}", *notes, sep="  ")
        for count in (asked.calls, max(MANY, asked.calls)):
            total = {name: run[0] + (count - asked.calls) * run[1] for name, run in found.items()}
            ratios = ", ".join(
                f"{name} {seconds:.3g} s ({seconds / total['dense']:.2f})"
                for name, seconds in total.items()
            )
            print(f"  {count} calls: {ratios}", flush=True)


if __name__ == "__main__":
    main()
