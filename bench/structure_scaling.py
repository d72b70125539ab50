"""How the cost of a sparse Jacobian grows with n, where every output reads a few inputs.

Prints, for Rosenbrock's gradient and the right-hand side of Burgers' equation: the time of
`jacobian_fwd(..., sparse=True)` against f itself, its growth from n to 10 n, the nanoseconds per
nonzero, and the peak memory in arrays of n floats.  Every Jacobian is checked before it is timed.

    python bench/structure_scaling.py [--sizes 100000 1000000] [--repeat 5]
"""

import argparse
import gc
import sys
import time
import tracemalloc

import numpy as np
from tools import checkout  # noqa: F401

import dualmc as dm
from dualmc.kernels import buffers


def rosenbrock_gradient(x):
    """Gradient of sum(100 (x[i+1] - x[i]**2)**2 + (1 - x[i])**2)."""
    g = np.zeros_like(x)
    r = x[1:] - x[:-1] ** 2
    g[:-1] = -400 * x[:-1] * r - 2 * (1 - x[:-1])
    g[1:] += 200 * r
    return g


def rosenbrock_hessian(x, v):
    """The Hessian of Rosenbrock's function, written out, times v."""
    h = np.zeros_like(x)
    h[:-1] = 1200 * x[:-1] ** 2 - 400 * x[1:] + 2
    h[1:] += 200
    off = -400 * x[:-1]
    out = h * v
    out[:-1] += off * v[1:]
    out[1:] += off * v[:-1]
    return out


def burgers(u):
    """u_t = -u u_x + nu u_xx on (0, 1), central differences, u = 0 at both ends."""
    nu = 0.01
    h = 1.0 / (u.size + 1)
    w = np.concatenate([[0.0], u, [0.0]])
    advection = w[1:-1] * (w[2:] - w[:-2]) / (2 * h)
    diffusion = nu * (w[2:] - 2 * w[1:-1] + w[:-2]) / h**2
    return diffusion - advection


def burgers_jacobian(u, v):
    """The Jacobian of `burgers`, written out, times v."""
    nu = 0.01
    h = 1.0 / (u.size + 1)
    w = np.concatenate([[0.0], u, [0.0]])
    z = np.concatenate([[0.0], v, [0.0]])
    diagonal = -2 * nu / h**2 - (w[2:] - w[:-2]) / (2 * h)
    right = nu / h**2 - u / (2 * h)
    left = nu / h**2 + u / (2 * h)
    return diagonal * v + right * z[2:] + left * z[:-2]


PROBLEMS = {
    "Rosenbrock gradient": (rosenbrock_gradient, rosenbrock_hessian),
    "Burgers": (burgers, burgers_jacobian),
}


def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def peak_bytes(function):
    """The most memory in use at once, counted from nothing: kept buffers are let go before."""
    buffers.trim(0)
    gc.collect()
    tracemalloc.start()
    function()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def measured(f, product, n, repeat, rng):
    """Relative error, seconds of f and of its Jacobian, nonzeros, peak in arrays of n floats."""
    x = rng.uniform(0.5, 1.5, n)
    v = rng.standard_normal(n)
    J = dm.jacobian_fwd(f, x, sparse=True)
    expected = product(x, v)
    error = np.max(np.abs(J @ v - expected)) / np.max(np.abs(expected))
    # Interleaved, so that both meet the same machine; the least of either is the cost itself.
    gc.collect()
    times_f, times_j = [], []
    for _ in range(repeat):
        times_j.append(seconds(lambda: dm.jacobian_fwd(f, x, sparse=True)))
        times_f += [seconds(lambda: f(x)) for _ in range(3)]
    time_f, time_j = min(times_f), min(times_j)
    peak = peak_bytes(lambda: dm.jacobian_fwd(f, x, sparse=True)) / x.nbytes
    return error, time_f, time_j, J.nnz, peak


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--repeat", type=int, default=15)
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    failed = False
    print(
        f"{'problem':22s}{'n':>9s}{'J/f':>8s}{'growth':>9s}{'ns/nonzero':>12s}{'peak arrays':>13s}"
    )
    for name, (f, product) in PROBLEMS.items():
        before = None
        for n in options.sizes:
            error, time_f, time_j, nnz, peak = measured(f, product, n, options.repeat, rng)
            growth = "" if before is None else f"{time_j / before:.1f}"
            before = time_j
            print(
                f"{name:22s}{n:9d}{time_j / time_f:8.1f}{growth:>9s}{time_j / nnz * 1e9:12.1f}"
                f"{peak:13.1f}"
            )
            if not error < 1e-13:
                failed = True
                print(f"  wrong Jacobian: relative error {error:.1e}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
