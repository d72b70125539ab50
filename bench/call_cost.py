"""What a call of a verb costs beside f: of a function that does nothing, at 8 numbers or one.

Microseconds, and the ratio to ``np.sin(x)`` of 8 numbers timed in between: warm, that is again and
again, and cold, where other code has run since and the caches hold that.

    python bench/call_cost.py [--repeat 400]
"""

import argparse
import json
import statistics
import sys
import time

from tools import checkout, threads  # noqa: F401  (before NumPy)

# isort: split
import numba
import numpy as np

import dualmc as dm

X, ONE = np.linspace(0.5, 1.5, 8), np.ones(1)
LARGE = np.ones(1_000_000)
DOCUMENT = [{"a": i, "b": [str(i)] * 5} for i in range(300)]


def identity(x):
    return x


@numba.njit
def squared(x):
    return x * x


CALLS = {
    "np.sin": lambda: np.sin(X),
    "jacobian_fwd": lambda: dm.jacobian_fwd(identity, X),
    "value_and_jacobian_fwd": lambda: dm.value_and_jacobian_fwd(identity, X),
    "jacobian_fwd, an option": lambda: dm.jacobian_fwd(identity, X, argnums=0),
    "derivative": lambda: dm.derivative(identity, 1.5),
    "gradient": lambda: dm.gradient(identity, ONE),
    "value_and_gradient": lambda: dm.value_and_gradient(identity, ONE),
    "jacobian_fwd of x * x, compiled": lambda: dm.jacobian_fwd(squared, X),
    "x * x, compiled, itself": lambda: squared(X),
}


def other():
    """Code that fills the caches."""
    LARGE.sum()
    json.loads(json.dumps(DOCUMENT))


def seconds(call, count):
    start = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - start) / count


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=400)
    options = parser.parse_args()
    threads.pin()
    assert np.array_equal(dm.jacobian_fwd(identity, X), np.eye(8))
    for call in CALLS.values():
        seconds(call, 20)
    warm = {name: [] for name in CALLS}
    cold = {name: [] for name in CALLS}
    for _ in range(options.repeat):
        for name, call in CALLS.items():
            warm[name].append(seconds(call, 20))
            other()
            cold[name].append(seconds(call, 1))
    print(f"{'us, and of np.sin':34}{'warm':>9}{'ratio':>8}{'cold':>9}{'ratio':>8}")
    for name in CALLS:
        row = ""
        for times, pick in ((warm, min), (cold, lambda t: statistics.quantiles(t, n=10)[0])):
            own, base = pick(times[name]), pick(times["np.sin"])
            row += f"{own * 1e6:9.2f}{own / base:8.1f}"
        print(f"{name:34}{row}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
