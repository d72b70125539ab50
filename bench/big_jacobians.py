"""Jacobians that are bigger than memory, or than a core: into a file, and by two processes.

`file`: the dense Jacobian of a convolution of n numbers, n x n, is written into a memory map; the
peak of the resident set of the process that does so is compared with the size of the file, and
columns are checked against directional differences of a closed form.

`workers`: the dense Jacobian of a chain of matrix products by one thread here, by two threads, and
by pools of one and of two processes; all find the same bits.  What two processes gain that compute
plain products is printed beside it: on a busy machine that is less than two.  BLAS has one thread,
so that the workers do not share theirs.  Times are the least of several rounds, in turns.

    python bench/big_jacobians.py [--only file workers] [--n 20000] [--rounds 3]

Exits with 1 if a Jacobian is wrong.
"""

import argparse
import multiprocessing
import os
import pathlib
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

from tools import checkout, threads  # noqa: F401  (before NumPy)

# isort: split
import numpy as np

import dualmc as dm

CHAIN = 40  # products in the chain


def smooth(x):
    """A convolution on a ring of what does not depend on it linearly; every output by every x."""
    kernel = 1.0 / (1.0 + np.arange(x.size))
    return np.fft.irfft(np.fft.rfft(np.sin(x)) * np.fft.rfft(kernel), x.size)


def smooth_column(x, j):
    return np.roll(1.0 / (1.0 + np.arange(x.size)), j) * np.cos(x[j])


def chain(x):
    rng = np.random.default_rng(0)
    A = rng.standard_normal((x.size, x.size)) / np.sqrt(x.size)
    for _ in range(CHAIN):
        x = np.tanh(A @ x)
    return x


def products(x):
    """Of plain numbers, and as much work as a chunk: what two processes gain on this machine."""
    A = np.outer(np.sin(x), np.cos(x))
    for _ in range(CHAIN // 8):
        A = np.tanh(A @ A)
    return float(A[0, 0])


def seconds_of(executor, count, x):
    start = time.perf_counter()
    list(executor.map(products, [x] * count))
    return time.perf_counter() - start


def into_file(n, folder, found):
    """In a process of its own: its Jacobian in a file, and the memory that it needed at most."""
    x = np.linspace(0.0, 1.0, n)
    dm.jacobian_fwd(smooth, x[:64])  # libraries and kernels are loaded
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    path = pathlib.Path(folder) / "J.npy"
    out = np.lib.format.open_memmap(path, "w+", np.float64, (n, n))
    start = time.perf_counter()
    J = dm.jacobian_fwd(smooth, x, out=out)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    worst = max(np.max(np.abs(J[:, j] - smooth_column(x, j))) for j in (0, 1, n // 2, n - 2, n - 1))
    found.put((seconds, before * 1024, after * 1024, float(worst)))


def show_file(n):
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(dir=".") as folder:
        found = context.Queue()
        child = context.Process(target=into_file, args=(n, folder, found))
        child.start()
        seconds, before, after, worst = found.get()
        child.join()
    print(
        f"file     {n} x {n}: {8 * n * n / 1e9:.2f} GB in {seconds:.0f} s; resident at most "
        f"{after / 2**20:.0f} MiB, {before / 2**20:.0f} MiB of it before; error {worst:.1e}"
    )
    return worst < 1e-12


def show_workers(n, rounds):
    x = np.linspace(-1.0, 1.0, n)
    context = multiprocessing.get_context("spawn")
    width = -(-n // 8)
    with (
        ProcessPoolExecutor(1, mp_context=context) as one,
        ProcessPoolExecutor(2, mp_context=context) as two,
        ThreadPoolExecutor(2) as pair,
    ):
        executors = {"here": None, "2 threads": pair, "1 process": one, "2 processes": two}
        best, right = dict.fromkeys(executors, np.inf), True
        plain = [np.inf, np.inf]
        expected = dm.jacobian_fwd(chain, x, chunk_size=width)
        for _ in range(rounds + 1):  # the first of which starts the processes
            for name, executor in executors.items():
                start = time.perf_counter()
                J = dm.jacobian_fwd(chain, x, chunk_size=width, executor=executor)
                best[name] = min(best[name], time.perf_counter() - start)
                right &= np.array_equal(J, expected)
            plain[0] = min(plain[0], seconds_of(one, 2, x))
            plain[1] = min(plain[1], seconds_of(two, 2, x))
    for name, seconds in best.items():
        print(
            f"workers  {name:12} {seconds:6.2f} s, {best['1 process'] / seconds:.2f} times as fast "
            f"as one process"
        )
    print(f"         two processes with plain products: {plain[0] / plain[1]:.2f} times one")
    print(f"         load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    return right


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=("file", "workers"))
    parser.add_argument("--n", type=int, default=20_000, help="inputs of the one for the file")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    asked = options.only or ("file", "workers")
    right = True
    if "file" in asked:
        right &= show_file(options.n)
    if "workers" in asked:
        right &= show_workers(1600, options.rounds)
    raise SystemExit(not right)


if __name__ == "__main__":
    main()
