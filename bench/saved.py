"""What loading a prepared function from a file costs, beside preparing it again.

Each in a process that has done it before, and as the first thing a new process does (after the
import; kernels are on disk).  Results are compared to the bit before anything is timed.

    python bench/saved.py [--repeat 5]
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time

import numpy as np
from tools.checkout import ROOT  # noqa: F401  (which is imported from)

import dualmc as dm


def hires(y):
    """Eight rate equations: Hairer and Wanner, Solving Ordinary Differential Equations II."""
    a, b = 280.0 * y[5] * y[7], 0.43 * y[3]
    return [
        -1.71 * y[0] + 0.43 * y[1] + 8.32 * y[2] + 0.0007, 1.71 * y[0] - 8.75 * y[1],
        -10.03 * y[2] + b + 0.035 * y[4], 8.32 * y[1] + 1.71 * y[2] - 1.12 * y[3],
        -1.745 * y[4] + 0.43 * y[5] + 0.43 * y[6], -a + 0.69 * y[3] + 1.71 * y[4] - 0.43 * y[5]
        + 0.69 * y[6], a - 1.81 * y[6], -a + 1.81 * y[6],
    ]  # fmt: skip


def brusselator(y):
    """In one dimension, by the method of lines: the same book."""
    n = y.size // 2
    u, v = y[:n], y[n:]
    step = 50.0 * ((u.size + 1) / 100.0) ** 2

    def spread(w, at_ends):
        w = np.concatenate([[at_ends], w, [at_ends]])
        return step * (w[2:] - 2.0 * w[1:-1] + w[:-2]) / 1e4

    reaction = u**2 * v
    return np.concatenate(
        [1.0 + reaction - 4.0 * u + spread(u, 1.0), 3.0 * u - reaction + spread(v, 3.0)]
    )


def long(x):
    """A loop of 2,000 operations, one number at a time."""
    s = x[0]
    for i in range(500):
        s = np.sin(s) * x[i % 7] + x[(i + 3) % 7] / (2.0 + s)
    return [s, s * s]


PROBLEMS = {
    "HIRES, 8 x 8": (hires, np.linspace(0.1, 1.0, 8), {}),
    "Brusselator 1-D, n = 1,000, sparse": (
        brusselator, np.linspace(1.0, 3.0, 1000), {"sparse": True},
    ),
    "2,000 operations": (long, np.linspace(0.2, 1.4, 7), {}),
}  # fmt: skip


def prepared(name):
    f, x, options = PROBLEMS[name]
    return dm.prepare(f, x, **options)


def first(what, name, path):
    """Seconds of the first one in a new process."""
    command = [sys.executable, __file__, "--first", what, "--problem", name, "--file", path]
    found = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    return float(found.stdout)


def seconds(call, repeat):
    """The least of several."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def check(name, path):
    x = PROBLEMS[name][1] * 1.01
    a, b = prepared(name)(x), dm.load(path)(x)
    assert type(a) is type(b)
    a, b = (J.toarray() if hasattr(J, "toarray") else J for J in (a, b))
    assert a.tobytes() == b.tobytes()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--first", choices=["prepare", "load"], help=argparse.SUPPRESS)
    parser.add_argument("--problem", help=argparse.SUPPRESS)
    parser.add_argument("--file", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.first:
        start = time.perf_counter()
        J = prepared(options.problem) if options.first == "prepare" else dm.load(options.file)
        J(PROBLEMS[options.problem][1])
        print(time.perf_counter() - start)
        return 0
    print(f"{'':36s}{'prepare':>10s}{'load':>10s}{'ratio':>7s}   in a new process{'':12s}    file")
    for name in PROBLEMS:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "J")
            prepared(name).save(path)
            check(name, path)
            again = seconds(lambda name=name: prepared(name), max(2, options.repeat // 2))
            loaded = seconds(lambda path=path: dm.load(path), options.repeat)
            firsts = [
                min(first(what, name, path) for _ in range(max(2, options.repeat // 2)))
                for what in ("prepare", "load")
            ]
            size = os.path.getsize(path)
        print(
            f"{name:36s}{again * 1e3:7.1f} ms{loaded * 1e3:7.1f} ms{again / loaded:7.1f}"
            f"{firsts[0] * 1e3:10.1f} ms{firsts[1] * 1e3:7.1f} ms{firsts[0] / firsts[1]:7.1f}"
            f"{size / 1e3:6.0f} kB"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
