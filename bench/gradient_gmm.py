"""What a gradient costs: the log-likelihood of a Gaussian mixture, ADBench's first objective.

The objective (with its Wishart prior) in two codings: of whole arrays, and of loops over samples
and components with small vectors inside, as ADBench's own code for autograd has it; the latter with
fewer samples, for autograd's sake.  Prints, after checking the gradient against autograd's and
against a central difference:

- the time of `gradient` in units of f's, and of ``autograd.grad`` in units of `gradient`'s (the
  same code, with ``autograd.numpy`` for ``numpy``), medians of interleaved rounds;
- microseconds per recorded operation, of the loops and of a chain on vectors of 12 numbers.

Targets: at most 4 times f (whole arrays), at least 5 times faster than autograd, at most 6 us an
operation.

    python bench/gradient_gmm.py [--samples 1000] [--loop-samples 10] [--rounds 7]

References: Srajer, Kukelova, Fitzgibbon (2018), arXiv:1807.10129 (the objective, section 4.1).
"""

import argparse
import statistics
import sys
import time

from tools import checkout, threads  # noqa: F401  (before NumPy)

# isort: split
import numpy as np
from problems.mixture import COMPONENTS, DIMENSION, arrays, loops, parameters

import dualmc as dm
from dualmc.calls.request import Request
from dualmc.passes.reverse_pass import Tape

ARGNUMS = (0, 1, 2)


def mixed(x):
    """A chain of small operations of every kind: functions, products, slices, sums, writes."""
    y = x
    for _ in range(20):
        y = np.sin(y) * x + 0.5
        y = y - 0.1 * np.sum(y)
        z = y[1:] * y[:-1]
        y = np.concatenate([z, y[:1]]) / (1.0 + y**2) + x
    return np.sum(y)


# --- Measuring -----------------------------------------------------------------------------------


def seconds(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def interleaved(calls, rounds):
    """Seconds of each of `calls` in each round, taken in turns: the fastest of a few, if short."""
    for call in calls:
        call()
    found = []
    for _ in range(rounds):
        found.append([min(seconds(call) for _ in range(_count(call))) for call in calls])
    return list(zip(*found, strict=True))


def _count(call):
    return 3 if seconds(call) < 0.1 else 1


def ratio(a, b):
    return statistics.median(x / y for x, y in zip(a, b, strict=True))


def difference(found, expected):
    """Largest difference of the parts, each relative to its largest entry."""
    pairs = zip(found, expected, strict=True)
    return max(float(np.max(np.abs(a - b)) / np.max(np.abs(b))) for a, b in pairs)


def slope_error(f, args, gradient, rng):
    """The gradient along a random direction against a central difference, relative."""
    directions = [rng.standard_normal(np.shape(args[i])) for i in ARGNUMS]
    h = 1e-6

    def moved(step):
        return f(*(a + step * v for a, v in zip(args, directions, strict=False)), *args[3:])

    expected = (moved(h) - moved(-h)) / (2 * h)
    found = sum(float(np.sum(g * v)) for g, v in zip(gradient, directions, strict=True))
    return abs(found - expected) / abs(expected)


def operations(f, *args, argnums):
    """How many operations a gradient records and sweeps."""
    tape = Tape(Request("bench", f, args, argnums, None, False, "numerator", False))
    return sum(node.pull is not None for node in tape.order)


def report(name, coding, samples, rounds, autograd):
    """Prints one coding's figures; whether its gradient is right."""
    rng = np.random.default_rng(7)
    args = parameters(samples, rng)
    f = coding(np)

    def gradient():
        return dm.gradient(f, *args, argnums=ARGNUMS)

    found = gradient()
    slope = slope_error(f, args, found, rng)
    calls = [lambda: f(*args), gradient]
    against = 0.0
    if autograd is not None:
        peer = autograd.grad(coding(autograd.numpy), ARGNUMS)
        calls.append(lambda: peer(*args))
        against = difference(found, peer(*args))
    times = interleaved(calls, rounds)
    count = operations(f, *args, argnums=ARGNUMS)
    least = min(times[1])
    print(f"\n{name}, {samples} samples: f {min(times[0]) * 1e3:.2f} ms, "
          f"gradient {least * 1e3:.2f} ms, {count} operations")  # fmt: skip
    target = "   (target: at most 4)" if coding is arrays else ""
    print(f"  gradient / f             {ratio(times[1], times[0]):8.2f}{target}")
    if autograd is not None:
        print(f"  autograd / gradient      {ratio(times[2], times[1]):8.2f}   (target: at least 5)")
        print(f"  difference from autograd {against:8.1e}")
    print(f"  off central difference   {slope:8.1e}")
    if count > 500:
        print(f"  us per operation         {least / count * 1e6:8.2f}   (target: at most 6)")
    return against < 1e-10 and slope < 1e-6


def report_chain(rounds):
    """Prints what an operation costs on vectors of 12 numbers; whether the gradient is right."""
    x = np.linspace(0.1, 0.9, 12)
    count = operations(mixed, x, argnums=0)
    step = 1e-6 * np.cos(np.arange(12.0))
    slope = (mixed(x + step) - mixed(x - step)) / 2e-6
    error = abs(np.sum(dm.gradient(mixed, x) * step * 1e6) - slope) / abs(slope)
    plain, taken = interleaved([lambda: mixed(x), lambda: dm.gradient(mixed, x)], 5 * rounds)
    print(f"\nchain on 12 numbers: {count} operations, off central difference {error:.1e}")
    print(f"  us per operation: least {min(taken) / count * 1e6:.2f}, "
          f"median {statistics.median(taken) / count * 1e6:.2f}   (target: at most 6); "
          f"f itself {min(plain) / count * 1e6:.2f}")  # fmt: skip
    return error < 1e-6


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=1000, help="for the coding of arrays")
    parser.add_argument("--loop-samples", type=int, default=10, help="for the coding of loops")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    try:
        import autograd
        import autograd.numpy
    except ImportError:
        autograd = None
        print("not compared: autograd is missing (pip install dualmc[bench])", file=sys.stderr)
    print(f"mixture of {COMPONENTS} Gaussians in {DIMENSION} dimensions")
    right = [
        report("whole arrays", arrays, options.samples, options.rounds, autograd),
        report("loops", loops, options.loop_samples, min(options.rounds, 3), autograd),
        report_chain(options.rounds),
    ]
    if not all(right):
        print("a gradient is WRONG")
    return 0 if all(right) else 1


if __name__ == "__main__":
    sys.exit(main())
