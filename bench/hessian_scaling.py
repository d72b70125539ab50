"""How the cost of a sparse Hessian grows with n: Rosenbrock's function, tridiagonal.

Prints for each n: milliseconds of ``hessian(f, x, sparse=True)``, its growth per growth of n (1 is
linear), nanoseconds and peak bytes per nonzero (the memory by tracemalloc, in a run of its own),
and the time of `gradient` in units of f's.  Every Hessian is checked before it is timed: the
closed form of its 3 n - 2 entries.  Target: time linear in n.

    python bench/hessian_scaling.py [--sizes 1000 10000 100000 1000000] [--repeat 7]
"""

import argparse
import gc
import statistics
import sys
import time
import tracemalloc

import numpy as np
from scipy import sparse
from tools import checkout  # noqa: F401

import dualmc as dm
from dualmc.kernels import buffers


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def hessian_by_hand(x):
    diagonal = np.zeros_like(x)
    diagonal[:-1] = 1200 * x[:-1] ** 2 - 400 * x[1:] + 2
    diagonal[1:] += 200
    beside = -400 * x[:-1]
    return sparse.diags_array([beside, diagonal, beside], offsets=[-1, 0, 1], format="csr")


def seconds(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def peak_bytes(call):
    """The most memory in use at once, counted from nothing: kept buffers are let go before."""
    buffers.trim(0)
    gc.collect()
    tracemalloc.start()
    call()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def measured(n, repeat):
    """Error and nonzeros of the Hessian, its seconds and peak bytes, and gradient / f."""
    x = np.random.default_rng(5).uniform(0.5, 1.5, n)

    def hessian():
        return dm.hessian(rosenbrock, x, sparse=True)

    H = hessian()
    expected = hessian_by_hand(x)
    error = abs(H - expected).max() / abs(expected).max()
    nonzeros = H.nnz
    del H, expected
    gc.collect()
    times_h, ratios = [], []
    for _ in range(repeat):
        times_h.append(seconds(hessian))
        time_f = min(seconds(lambda: rosenbrock(x)) for _ in range(5))
        time_g = min(seconds(lambda: dm.gradient(rosenbrock, x)) for _ in range(5))
        ratios.append(time_g / time_f)
    return error, nonzeros, min(times_h), peak_bytes(hessian), statistics.median(ratios)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10**k for k in range(3, 7)])
    parser.add_argument("--repeat", type=int, default=7)
    options = parser.parse_args()
    dm.hessian(rosenbrock, np.ones(100), sparse=True)  # the first call compiles
    print(
        f"{'n':>9s}{'nonzeros':>11s}{'Hessian, ms':>13s}{'time/n growth':>15s}"
        f"{'ns/nonzero':>12s}{'peak MB':>9s}{'bytes/nonzero':>15s}{'gradient/f':>12s}"
    )
    failed = False
    rows = []
    for n in options.sizes:
        error, nonzeros, taken, peak, ratio = measured(n, options.repeat)
        growth = ""
        if rows:
            before_n, before = rows[-1]
            growth = f"{taken / before / (n / before_n):.2f}"
        rows.append((n, taken))
        print(
            f"{n:9d}{nonzeros:11d}{taken * 1e3:13.2f}{growth:>15s}{taken / nonzeros * 1e9:12.1f}"
            f"{peak / 2**20:9.1f}{peak / nonzeros:15.0f}{ratio:12.1f}"
        )
        if not (error < 1e-14 and nonzeros == 3 * n - 2):
            failed = True
            print(f"  WRONG Hessian: relative error {error:.1e}, {nonzeros} nonzeros")
    if len(rows) > 2:  # the smallest is there for its fixed cost
        ns, times = np.log(np.array(rows[1:], float)).T
        power = np.polyfit(ns, times, 1)[0]
        print(f"from n = {rows[1][0]} on time grows as n to the power {power:.2f}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
