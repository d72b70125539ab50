"""The most memory a Jacobian needs at once: the result, three blocks of a chunk, the nonzeros.

What `jacobian_fwd` promises, in bytes on top of what f itself needs when it runs on plain arrays:

    result + 3 blocks + 24 per nonzero of the result

A block is the tangent of f's largest array: a chunk of columns by its size, dense, or its nonzeros
and their columns, 12 bytes each, where the tangents stay sparse.  The last term (value and column
twice more) counts where the tangents stay sparse alone.  From the third call on, which solvers
make, up to 64 MB of what steps make of columns may be kept on top of that, until other sizes need
the room (`dualmc/tangents/structure.py`).

Measured twice: what NumPy allocates (tracemalloc, kept buffers let go before), and the peak of the
resident set of a child process that makes one small call first, so that libraries and compiled
kernels are loaded.  The second is for the eye, since allocators keep what they get; the first is
held against the promise.

    python bench/memory.py [--cases dense ...]

Exits with 1 if a Jacobian is wrong; a missed promise is only said.
"""

import argparse
import gc
import pathlib
import subprocess
import sys
import tracemalloc
from dataclasses import dataclass

from tools import checkout, threads  # noqa: F401  (before NumPy)

# isort: split
import numpy as np
from problems import PROBLEMS
from tools.reference import Judge

import dualmc as dm
from dualmc.kernels import buffers

BLOCKS = 3
PER_NONZERO = 24
SMALL = {"local": 100, "dense": 16}


@dataclass(frozen=True)
class Memory:
    """One Jacobian: of which problem, in which form, and what a block of its chunks takes.

    `largest` is the number of elements of the array of f whose tangent is largest; `entries` how
    many inputs each of them reads, for tangents that stay sparse.
    """

    problem: str
    n: int
    largest: int
    entries: int | None = None
    chunk_size: int | None = None
    sparse: bool = False

    def call(self, case):
        return dm.jacobian_fwd(case.f, case.x, chunk_size=self.chunk_size, sparse=self.sparse)

    @property
    def block(self):
        if self.entries is not None:
            return 12 * self.entries * self.largest
        return 8 * self.largest * min(self.chunk_size or self.n, self.n)


CASES = {
    "dense": Memory("mlp_square", 512, largest=512),
    "dense, 64 columns": Memory("mlp_square", 512, largest=512, chunk_size=64),
    "attention": Memory("attention", 1024, largest=1024),
    "attention, 64 columns": Memory("attention", 1024, largest=1024, chunk_size=64),
    "softmax": Memory("softmax", 1000, largest=1000),
    "stencil, dense": Memory("lorenz96", 2000, largest=2000, entries=4),
    "element-wise": Memory("sin_square", 1_000_000, largest=1_000_000, entries=1, sparse=True),
    "stencil": Memory("lorenz96", 200_000, largest=200_000, entries=4, sparse=True),
    "assigned stencil": Memory("brusselator", 200_000, largest=200_000, entries=4, sparse=True),
    "bundle": Memory("bundle_adjustment", 50_000, largest=52_000, entries=13, sparse=True),
    "gradient": Memory("rosenbrock", 100_000, largest=100_000, entries=2, sparse=True),
}


def peak_of(call):
    """The most bytes that NumPy had allocated at once during a call, from nothing kept."""
    buffers.trim(0)
    gc.collect()
    tracemalloc.start()
    result = call()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return result, peak


def size_of(J):
    return sum(a.nbytes for a in (J.data, J.indices, J.indptr)) if hasattr(J, "tocsr") else J.nbytes


def nonzeros_of(J, memory):
    """Nonzeros that the last term of the promise counts."""
    if memory.sparse:
        return J.nnz
    return np.count_nonzero(J) if memory.entries else 0


# --- The resident set, in a child process --------------------------------------------------------


def _status(key):
    """A field of /proc/self/status, in bytes."""
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(key))


def resident(name):
    """Prints how far one call raises the peak of this process's resident set."""
    memory = CASES[name]
    problem = PROBLEMS[memory.problem]
    memory.call(problem.build(SMALL[problem.kind]))
    case = problem.build(memory.n)
    case.f(case.x)
    buffers.trim(0)
    gc.collect()
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak starts from here
    before = _status("VmRSS")
    memory.call(case)
    print(_status("VmHWM") - before)


def resident_of_child(name):
    """The same, from a child; None where there is no /proc to ask."""
    if not pathlib.Path("/proc/self/clear_refs").exists():
        return None
    found = subprocess.run(
        [sys.executable, __file__, "--resident", name], capture_output=True, text=True
    )
    return int(found.stdout) if found.returncode == 0 else None


# --- The table -----------------------------------------------------------------------------------


def measured(name):
    """Prints one case; whether its Jacobian is right."""
    memory = CASES[name]
    case = PROBLEMS[memory.problem].build(memory.n)
    memory.call(PROBLEMS[memory.problem].build(memory.n))  # compiles what it needs
    _, own = peak_of(lambda: case.f(case.x))
    J, peak = peak_of(lambda: memory.call(case))
    result, nonzeros = size_of(J), nonzeros_of(J, memory)
    promise = own + result + BLOCKS * memory.block + PER_NONZERO * nonzeros
    rss = resident_of_child(name)
    pieces = own, result, memory.block, PER_NONZERO * nonzeros, promise, peak
    figures = "".join(f"{value / 1e6:10.2f}" for value in pieces)
    text = f"{rss / 1e6:10.2f}" if rss is not None else f"{'-':>10s}"
    word = "met" if peak <= promise else "missed"
    print(f"{name:24s}{figures}{text}   {word}: {peak / promise:.2f} of the promise", flush=True)
    judge = Judge(case)
    if not judge.is_right(J):
        print(f"WRONG: {name}: relative error {judge.error(J):.1e}")
    return judge.is_right(J)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES), metavar="NAME")
    parser.add_argument("--resident", choices=CASES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.resident:
        return resident(options.resident)
    print(threads.conditions())
    heads = ("f itself", "result", "block", "nonzeros", "promise", "peak", "peak RSS")
    print(f"{'MB':24s}" + "".join(f"{head:>10s}" for head in heads))
    wrong = 0
    for name in options.cases:
        wrong += not measured(name)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
