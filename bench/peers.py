"""dualmc beside its peers: how long does a Jacobian of plain NumPy code take, and what must change?

Times every way of `tools/adapters.py` on the problems of `problems/`, interleaved in one process,
each Jacobian checked before it is timed against derivatives that share nothing with either side.
Prints a line per problem and size, in multiples of the time of f itself; what every first call
(tracing, compiling, graphs) took goes to the CSV.  Ends with the goals of `tools/goals.py`.

dualmc differentiates f as it is written.  The page that is written says for every peer whether it
could run f with only the import of `np` swapped, or needed a twin without assignment, or neither.

    python bench/peers.py [--quick] [--problems lorenz96 ...] [--sizes 100 ...] [--peers asdex ...]

A full run writes peers.csv, peers.md and peers.png to docs/, any other to bench/results, unless
--output says otherwise.  Exits with 1 if a Jacobian of dualmc's is wrong.
"""

import argparse
import pathlib
import sys
import time
import warnings
from dataclasses import dataclass, field, replace

from tools import checkout, threads  # noqa: F401  (before NumPy)

# isort: split
import numpy as np
from problems import PROBLEMS
from tools import goals, pages
from tools.adapters import DUALMC, PEERS, WAYS, Unsuited
from tools.reference import Judge
from tools.timing import Ratio, interleave, time_text

# Problems and sizes of a quick run: every kind, and the ends of every goal.
QUICK_PROBLEMS = (
    "sin_square", "rosenbrock", "rosenbrock_residual", "lorenz96", "brusselator", "bratu",
    "bundle_adjustment", "robertson", "hires", "nist_misra1a", "mlp_square", "attention",
    "gaussian_mixture", "softmax", "neuron_loss",
)  # fmt: skip
QUICK_PEERS = ("jax.jit jacfwd", "asdex", "casadi nonzeros", "autograd", "autograd grad",
               "num-dual", "hyperjet", "fastdual")  # fmt: skip
# Seconds: a way whose call is expected to take longer is left out; what JAX compiles never is.
PATIENCE = 1.0
# Seconds: calls that take longer are timed in five rounds, whatever --rounds says.
SLOW = 0.2


@dataclass
class Row:
    """One problem at one size: what each way took, and why others did not run."""

    name: str
    kind: str
    is_scalar: bool
    n: int
    m: int
    samples: dict = field(default_factory=dict)
    first: dict = field(default_factory=dict)
    notes: dict = field(default_factory=dict)
    forms: dict = field(default_factory=dict)
    wrong: list = field(default_factory=list)

    @property
    def label(self):
        return f"{self.name}:{self.n}"

    def over_f(self, way):
        return Ratio.of(self.samples[way], self.samples["f"])


class Run:
    """Problems, ways and rounds of one run, and how slow each way has been so far."""

    def __init__(self, ways, rounds, budget, clock):
        self.ways, self.rounds, self.budget, self.clock = ways, rounds, budget, clock
        self.last = {}
        self.forms = {}

    def row(self, problem, n):
        """Checks and times every way on one problem of size n."""
        case = problem.build(n)
        m = np.size(case.f(case.x))
        row = Row(problem.name, problem.kind, problem.is_scalar, n, m)
        judge = Judge(case)
        calls = {"f": lambda: case.f(case.x)}
        for name in self.ways:
            self._add(row, problem, case, judge, name, calls)
        self._time(row, calls)
        return row

    def _add(self, row, problem, case, judge, name, calls):
        """Sets up one way, checks its Jacobian, and says what it needed."""
        way = WAYS[name]
        try:
            way.suits(problem, case, row.m)
            self._expect(row, name)
        except Unsuited as why:
            row.notes[name] = str(why)
            return
        row.forms[name] = self._form(problem, case, judge, way)
        used = replace(case, f=case.twin) if way.swaps and case.twin else case
        call, first, error = attempt(way, used, judge)
        if error:
            row.notes[name] = error
            if name in DUALMC:
                row.wrong.append(name)
            return
        row.first[name] = first
        calls[name] = call

    def _expect(self, row, name):
        """Raises Unsuited if the last size says that this one takes too long."""
        size, seconds = self.last.get((row.name, name), (row.n, 0.0))
        expected = seconds * (row.n / size) ** 2
        if name not in DUALMC and name != "jax.jit jacfwd" and expected > PATIENCE:
            raise Unsuited(f"too slow: {time_text(seconds)} at n = {size}")

    def _form(self, problem, case, judge, way):
        """Whether the way runs the problem's own source: decided once, at the first size."""
        key = problem.name, way.name
        if key not in self.forms:
            own = attempt(way, case, judge)[2] if case.twin or not way.swaps else None
            self.forms[key] = "unchanged" if own is None else own
        return self.forms[key]

    def _time(self, row, calls):
        timed = interleave(calls, self.rounds, self.budget, SLOW, self.clock)
        row.samples.update(timed)
        for name, taken in timed.items():
            self.last[row.name, name] = row.n, float(np.median(taken))


def attempt(way, case, judge):
    """Sets a way up and checks what it gives: its call, the seconds until it gave it, the error."""
    start = time.perf_counter()
    try:
        call = way.setup(case)
        call()
        first = time.perf_counter() - start
        J = call.matrix() if hasattr(call, "matrix") else call()
        error = judge.error(J)
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as problem:  # panics of compiled peers are no Exceptions
        return None, None, f"{type(problem).__name__}: {str(problem).splitlines()[0][:80]}"
    if not error < (way.tolerance or judge.tolerance):
        return None, None, f"wrong, relative error {error:.0e}"
    return call, first, None


def line(row):
    """One row for people: multiples of f."""
    f = time_text(float(np.median(row.samples["f"])))
    ways = [name for name in row.samples if name != "f"]
    return f"{row.label} {row.m}x{row.n} f={f}, x f: " + "  ".join(
        f"{name} {row.over_f(name).median:.3g}" for name in ways
    )


def chosen(options):
    """(problem, size) pairs of a run, in order."""
    names = options.problems or (QUICK_PROBLEMS if options.quick else list(PROBLEMS))
    for name in names:
        sizes = PROBLEMS[name].sizes
        if options.quick:
            sizes = [n for n in sizes if n <= 20][-1:] + [n for n in sizes if 500 < n < 1100]
        for n in sizes:
            if not options.sizes or n in options.sizes:
                yield PROBLEMS[name], n


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer problems, peers and rounds")
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, metavar="NAME")
    parser.add_argument("--sizes", nargs="+", type=int)
    parser.add_argument("--peers", nargs="+", choices=PEERS, metavar="NAME", help=", ".join(PEERS))
    parser.add_argument("--rounds", type=int, help="samples of each way (default 9, quick 5)")
    parser.add_argument("--budget", type=float, help="seconds of timing per problem and size")
    parser.add_argument("--cpu", action="store_true", help="processor time, on a busy machine")
    parser.add_argument("--output", type=pathlib.Path, help="folder of the tables and the figure")
    return parser.parse_args()


def main():
    options = arguments()
    threads.pin()
    warnings.simplefilter("ignore")  # of peers, about the derivatives that they lose
    asked = [*DUALMC, *(options.peers or (QUICK_PEERS if options.quick else PEERS))]
    missing = [name for name in asked if not WAYS[name].is_present]
    print(threads.conditions())
    for name in missing:
        print(f"skipped: {name} (needs {WAYS[name].module})")
    rounds = options.rounds or (5 if options.quick else 9)
    budget = options.budget or (1.0 if options.quick else 5.0)
    clock = time.process_time if options.cpu else time.perf_counter
    run = Run([name for name in asked if name not in missing], rounds, budget, clock)
    start, rows = time.perf_counter(), []
    for problem, n in chosen(options):
        rows.append(run.row(problem, n))
        print(line(rows[-1]), flush=True)
    goals.report(rows)
    print(f"{len(rows)} problems and sizes in {time.perf_counter() - start:.0f} s")
    is_full = not (options.quick or options.problems or options.sizes or options.peers)
    root = pathlib.Path(__file__).parent
    output = options.output or (root.parent / "docs" if is_full else root / "results")
    pages.write(rows, run, missing, output)
    wrong = [f"{row.label} {name}: {row.notes[name]}" for row in rows for name in row.wrong]
    for text in wrong:
        print(f"WRONG: {text}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
