"""How fast are gradients: `gradient` against the function itself and against autograd.

For each scalar function of `problems/scalar.py`, after checking the gradient against autograd's,
prints the time of `gradient` in units of f's, and that of ``autograd.grad`` (the same code, with
``autograd.numpy`` for ``numpy``) in units of `gradient`'s: median and quartiles of the paired
ratios of interleaved rounds.  At the end the geometric mean of the latter, whose goal is 5.

    python bench/gradients.py [NAME ...] [--rounds 11]
"""

import argparse
import math
import statistics
import sys
import time

from tools import checkout, threads  # noqa: F401  (before NumPy)

# isort: split
import autograd
import autograd.numpy
import numpy as np
from problems.scalar import PROBLEMS

import dualmc as dm

GOAL = 5.0
# Seconds that one sample takes at least.
SAMPLE = 2e-3


def seconds(call, count):
    """Seconds of one call, as the work of this thread: what else the machine does is left out."""
    start = time.thread_time()
    for _ in range(count):
        call()
    return (time.thread_time() - start) / count


def calls_per_sample(call):
    call()
    return max(1, math.ceil(SAMPLE / min(seconds(call, 1) for _ in range(3))))


def interleaved(calls, rounds):
    """Seconds of each of `calls`, one list each, taken in turns."""
    counts = [calls_per_sample(call) for call in calls]
    found = [
        [seconds(call, n) for call, n in zip(calls, counts, strict=True)] for _ in range(rounds)
    ]
    return list(zip(*found, strict=True))


def quartiles(a, b):
    """Lower quartile, median and upper quartile of the paired ratios a/b."""
    return statistics.quantiles((x / y for x, y in zip(a, b, strict=True)), n=4)


def measure(name, make, size, rounds):
    """Prints the line of one problem; how often faster than autograd, and whether it is right."""
    f, x = make(np, *size)
    peer = autograd.grad(make(autograd.numpy, *size)[0])
    found, expected = dm.gradient(f, x), peer(x)
    error = np.max(np.abs(found - expected)) / np.max(np.abs(expected))
    times = interleaved([lambda: f(x), lambda: dm.gradient(f, x), lambda: peer(x)], rounds)
    low, middle, high = quartiles(times[1], times[0])
    label = f"{name} {'x'.join(map(str, size))}"
    line = f"{label:26} {min(times[0]) * 1e6:9.1f} {middle:7.2f} ({low:6.2f} .. {high:6.2f})"
    low, middle, high = quartiles(times[2], times[1])
    print(f"{line} {middle:7.2f} ({low:5.2f} .. {high:5.2f}) {error:9.0e}", flush=True)
    return middle, error < 1e-8


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="only these problems")
    parser.add_argument("--rounds", type=int, default=11)
    options = parser.parse_args()
    print(f"{'function':26} {'f, us':>9} {'gradient / f':>26} {'autograd / gradient':>24} "
          f"{'difference':>9}")  # fmt: skip
    found = [
        measure(name, make, size, options.rounds)
        for name, make, sizes in PROBLEMS
        for size in sizes
        if not options.names or name in options.names
    ]
    mean = statistics.geometric_mean(ratio for ratio, _ in found)
    print(f"geometric mean of autograd / gradient over {len(found)}: {mean:.2f} (goal: {GOAL:g})")
    if not all(is_right for _, is_right in found):
        print("a gradient is WRONG")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
