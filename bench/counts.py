"""What a derivative call does, in counts that do not depend on the machine.

Prints, per problem and for a sparse Jacobian, a dense one and a gradient of the sum of squares:
calls of f, launches of kernels, calls of Python functions in all and per operation of f, and the
peak memory in bytes per nonzero.  Every call is repeated first, so that kernels are compiled and
structure that is remembered is counted as such.  `tests/bench/test_work.py` holds the counts, taken
in a process of their own: what a call looks at depends on what was differentiated before.

    python bench/counts.py [--sizes 1000 ...] [--json]
"""

import argparse
import gc
import json
import sys
import tracemalloc

import numpy as np
from tools import checkout  # noqa: F401

import dualmc as dm
from dualmc.kernels import buffers, compiling


def element_wise(x):
    return np.sin(x**2)


def rosenbrock_residual(x):
    return np.concatenate([10.0 * (x[1:] - x[:-1] ** 2), 1.0 - x[:-1]])


def rosenbrock_gradient(x):
    g = np.zeros_like(x)
    r = x[1:] - x[:-1] ** 2
    g[:-1] = -400 * x[:-1] * r - 2 * (1 - x[:-1])
    g[1:] += 200 * r
    return g


def lorenz96(x):
    return (np.roll(x, -1) - np.roll(x, 2)) * np.roll(x, 1) - x + 8.0


def burgers(u):
    up, um = np.roll(u, -1), np.roll(u, 1)
    return 0.01 * (up - 2 * u + um) - np.where(u > 1.0, u * (u - um), u * (up - u))


def bratu(x):
    side = int(x.size**0.5)
    u = x[: side * side].reshape(side, side)
    f = 4 * u - 0.1 * np.exp(u)
    f[1:, :] -= u[:-1, :]
    f[:-1, :] -= u[1:, :]
    f[:, 1:] -= u[:, :-1]
    f[:, :-1] -= u[:, 1:]
    return f.ravel()


def local_sums(x):
    y = x.reshape(-1, 4)
    return np.sum(np.sin(y) * y**2, axis=1)


def reactions(y):
    """Robertson's, number by number."""
    slow, middle, fast = 0.04 * y[0], 1e4 * y[1] * y[2], 3e7 * y[1] ** 2
    return np.array([middle - slow, slow - middle - fast, fast])


def rosenbrock_loop(x):
    total = 0.0
    for i in range(x.size - 1):
        total += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return total


def perceptron(x):
    """Two inputs, three hidden units."""
    hidden = np.tanh(x[:6].reshape(3, 2) @ np.array([0.5, -1.0]) + x[6:9])
    return np.sum(hidden * x[9:12]) + x[12]


# The operations on arrays in each: ufuncs, indices, writes, reshapings, joins, reductions.
PROBLEMS = {
    element_wise: 2,
    rosenbrock_residual: 8,
    rosenbrock_gradient: 16,
    lorenz96: 7,
    burgers: 14,
    bratu: 21,
    local_sums: 5,
}
# The same for code on few inputs, and how many those are.
SMALL = {reactions: (13, 3), rosenbrock_loop: (9 * 11, 10), perceptron: (11, 13)}


def operator_of(mode, f):
    """The derivative call of `mode` on f, as a function of x."""
    if mode == "gradient":
        return lambda x: dm.gradient(lambda x: np.sum(f(x) ** 2), x)
    return lambda x: dm.jacobian_fwd(f, x, sparse=mode == "sparse")


SMALL_SIZES = {f.__name__: n for f, (_, n) in SMALL.items()}
MODES = ("sparse", "dense", "gradient")


def python_calls(function, *args):
    """Calls of Python functions that ``function(*args)`` makes."""
    count = 0

    def profile(frame, event, arg):
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        function(*args)
    finally:
        sys.setprofile(before)
    return count


def peak_bytes(function, *args):
    """The most memory in use at once beyond what was: kept buffers are let go before."""
    buffers.trim(0)
    gc.collect()
    tracemalloc.start()
    try:
        function(*args)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def counts(f, mode, n):
    """Calls of f, kernel launches, Python calls per operation, peak bytes per nonzero.

    `n` inputs, or as many as a small problem has.
    """
    operations, n = SMALL[f] if f in SMALL else (PROBLEMS[f], n)
    x = np.linspace(0.5, 1.5, n)
    calls = 0

    def counted(x):
        nonlocal calls
        calls += 1
        return f(x)

    run = operator_of(mode, f)
    for _ in range(2):
        J = run(x)
    operator_of(mode, counted)(x)
    with compiling.counted() as launches:
        run(x)
    run(x)
    nonzeros = J.nnz if mode == "sparse" else np.count_nonzero(J)
    return (
        calls,
        launches.total(),
        python_calls(run, x) / operations,
        peak_bytes(run, x) / nonzeros,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000])
    parser.add_argument("--json", action="store_true", help="one list of lists for programs")
    options = parser.parse_args()
    found = [
        (f.__name__, mode, n, *map(float, counts(f, mode, n)))
        for n in options.sizes
        for f in (*PROBLEMS, *SMALL)
        for mode in MODES
    ]
    if options.json:
        json.dump(found, sys.stdout)
        return
    print(
        f"{'problem':22s}{'mode':10s}{'size':>6s}{'calls of f':>11s}{'launches':>10s}"
        f"{'Python/op':>11s}{'bytes/nonzero':>15s}"
    )
    for name, mode, n, calls, launches, python, peak in found:
        n = SMALL_SIZES.get(name, n)
        print(f"{name:22s}{mode:10s}{n:6d}{calls:11.0f}{launches:10.0f}{python:11.1f}{peak:15.0f}")


if __name__ == "__main__":
    main()
