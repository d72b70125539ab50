"""What a Dual costs per operation on small arrays, where Python and not arithmetic is the price.

Times a chain of 20 element-wise operations on n numbers, dual against plain, interleaved, and
prints microseconds per operation (median and least of the repeats).

    python bench/overhead.py [--n 10] [--repeat 40]
"""

import argparse
import statistics
import sys
import time

import numpy as np

import dualmc as dm

OPERATIONS = 20


def chain(x):
    """20 element-wise operations: unary and binary, with constants and with both sides active."""
    y = x
    for _ in range(5):
        y = np.sin(y)
        y = y * x
        y = np.exp(y)
        y = y + 1.5
    return y


def chain_derivative(x):
    """The derivative of `chain`, by the chain rule written out."""
    y, d = x, np.ones_like(x)
    for _ in range(5):
        y, d = np.sin(y), np.cos(y) * d
        y, d = y * x, d * x + y
        y, d = np.exp(y), np.exp(y) * d
        y = y + 1.5
    return d


def loops(f, x, count):
    start = time.perf_counter()
    for _ in range(count):
        f(x)
    return (time.perf_counter() - start) / count


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=10)
    parser.add_argument("--repeat", type=int, default=40)
    options = parser.parse_args()
    x = np.linspace(0.1, 0.9, options.n)
    error = np.max(np.abs(np.diag(dm.jacobian_fwd(chain, x)) / chain_derivative(x) - 1))
    if not error < 1e-13:
        print(f"wrong Jacobian: relative error {error:.1e}")
        return 1
    kept = []

    def inside(dual):
        """Times the chain on the Dual that the driver seeds, so that nothing else is counted."""
        for _ in range(options.repeat):
            kept.append((loops(chain, dual, 100), loops(chain, x, 100)))
        return chain(dual)

    dm.jacobian_fwd(inside, x)
    per_operation = [[t / OPERATIONS * 1e6 for t in column] for column in zip(*kept, strict=True)]
    for name, times in zip(("dual", "plain NumPy"), per_operation, strict=True):
        print(f"{name:12s} us per operation: median {statistics.median(times):5.2f}, "
              f"least {min(times):5.2f}")  # fmt: skip
    ratio = statistics.median(d / p for d, p in zip(*per_operation, strict=True))
    print(f"dual / plain: {ratio:.1f}")
    whole = [loops(lambda x: dm.jacobian_fwd(chain, x), x, 50) for _ in range(10)]
    print(f"jacobian_fwd of the chain: {statistics.median(whole) * 1e6:.0f} us")
    return 0


if __name__ == "__main__":
    sys.exit(main())
