"""What does the Jacobian of a small function cost at many points, beside a loop over calls?

Microseconds per point, the fastest of some rounds, in which all ways take turns: a loop in Python
over `jacobian_fwd`; `jacobian_fwd(..., batch=True)`, which records f, makes machine code and runs
it, all in the time that is measured; a function prepared before; `batch="broadcast"`, of f written
so; and the `vmap` of JAX's `jacfwd`, compiled before, of the same function in jax.numpy.  In
parentheses: how many times as fast as the loop.

    python bench/batches.py [--points 10000] [--rounds 5] [--problems neuron camera]

Exits with 1 if Jacobians differ, or if `batch=True` is less than 10 times as fast as the loop.
"""

import argparse
import math
import sys

from tools import checkout, threads  # noqa: F401  (before NumPy)

# isort: split
import numba
import numpy as np
from tools.timing import interleave

import dualmc as dm

EXACT = 1e-9
GOAL = 10
# Points of the loop in Python, which is timed by these alone.
LOOPED = 500


def branches(x):
    """Two numbers, a branch, a call of the math module."""
    a, b = x
    return math.exp(-a) * b if a > b else math.sin(a) + b**2


def branches_jax(np):
    def f(x):
        a, b = x[..., 0], x[..., 1]
        return np.where(a > b, np.exp(-a) * b, np.sin(a) + b**2)

    return f


def rates(y):
    """Robertson's reactions, as lists."""
    slow, back, fast = 0.04 * y[0], 1e4 * y[1] * y[2], 3e7 * y[1] ** 2
    return [back - slow, slow - back - fast, fast]


def rates_jax(np):
    def f(y):
        slow, back, fast = 0.04 * y[..., 0], 1e4 * y[..., 1] * y[..., 2], 3e7 * y[..., 1] ** 2
        return np.stack([back - slow, slow - back - fast, fast], axis=-1)

    return f


WEIGHTS = np.linspace(-1.0, 1.0, 8)


def neuron(x):
    return np.maximum(0.0, WEIGHTS @ x + 0.1)


def neuron_jax(np):
    return lambda x: np.maximum(0.0, x @ np.asarray(WEIGHTS) + 0.1)


def vector(x):
    return x[1:] * np.sin(x[:-1])


def vector_jax(np):
    return lambda x: x[..., 1:] * np.sin(x[..., :-1])


def camera(p):
    """A point of the world in the picture of a camera: turned, moved, projected, distorted."""
    turn, shift, point = p[:3], p[3:6], p[6:]
    angle = np.sqrt(turn @ turn)
    axis = turn / angle
    turned = (
        point * np.cos(angle)
        + np.cross(axis, point) * np.sin(angle)
        + axis * (axis @ point) * (1 - np.cos(angle))
        + shift
    )
    flat = -turned[:2] / turned[2]
    r2 = flat @ flat
    return 500.0 * flat * (1 + 0.1 * r2 + 0.01 * r2 * r2)


def camera_jax(np):
    def f(p):
        turn, shift, point = p[..., :3], p[..., 3:6], p[..., 6:]
        angle = np.sqrt(np.sum(turn * turn, axis=-1, keepdims=True))
        axis = turn / angle
        along = np.sum(axis * point, axis=-1, keepdims=True)
        turned = (
            point * np.cos(angle)
            + np.cross(axis, point) * np.sin(angle)
            + axis * along * (1 - np.cos(angle))
            + shift
        )
        flat = -turned[..., :2] / turned[..., 2:]
        r2 = np.sum(flat * flat, axis=-1, keepdims=True)
        return 500.0 * flat * (1 + 0.1 * r2 + 0.01 * r2 * r2)

    return f


# By name: f of one point, the same for any array module and any leading axes, and inputs.
PROBLEMS = {
    "branches": (branches, branches_jax, 2),
    "rates": (rates, rates_jax, 3),
    "neuron": (neuron, neuron_jax, 8),
    "vector": (vector, vector_jax, 6),
    "camera": (camera, camera_jax, 9),
}


@numba.njit
def compiled_rates(y):
    slow, back, fast = 0.04 * y[0], 1e4 * y[1] * y[2], 3e7 * y[1] ** 2
    return np.array([back - slow, slow - back - fast, fast])


def of_jax(make):
    try:
        import jax
        import jax.numpy
    except ImportError:
        return None
    jax.config.update("jax_enable_x64", True)
    J = jax.jit(jax.vmap(jax.jacfwd(make(jax.numpy))))
    return lambda X: np.asarray(J(X))


def ways(f, make, X):
    """What is timed, by name: functions of the points."""
    prepared = dm.prepare(f, X[0])
    found = {
        "loop": lambda X: np.array([dm.jacobian_fwd(f, x) for x in X]),
        "batch=True": lambda X: dm.jacobian_fwd(f, X, batch=True),
        "prepared": lambda X: prepared(X, batch=True),
        "broadcast": lambda X: dm.jacobian_fwd(make(np), X, batch="broadcast"),
        "jax": of_jax(make),
    }
    return {name: way for name, way in found.items() if way is not None}


def compiled_ways(X):
    return {
        "loop": lambda X: np.array([dm.jacobian_fwd(compiled_rates, x) for x in X]),
        "prepared": lambda X: dm.jacobian_fwd(compiled_rates, X, batch=True),
    }


NAMES = ("loop", "batch=True", "prepared", "broadcast", "jax")


def measured(found, X, rounds):
    """Seconds per point by way, and the largest relative difference of the Jacobians."""
    results = {name: way(X[:LOOPED] if name == "loop" else X) for name, way in found.items()}
    expected = results["loop"]
    size = np.abs(expected).max(axis=tuple(range(1, expected.ndim)), keepdims=True) + 1e-300
    error = max(
        float(np.max(np.abs(J[: len(expected)] - expected) / size)) for J in results.values()
    )
    calls = {
        name: (lambda way=way, at=X[:LOOPED] if name == "loop" else X: way(at))
        for name, way in found.items()
    }
    taken = interleave(calls, rounds, slow=0.0)
    return {
        name: float(np.min(t)) / (min(LOOPED, len(X)) if name == "loop" else len(X))
        for name, t in taken.items()
    }, error


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", nargs="+", default=list(PROBLEMS), choices=list(PROBLEMS))
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    threads.pin()
    print(threads.conditions())
    print(f"microseconds per point, of {options.points} points (times as fast as the loop)")
    print(f"{'':16s}{'inputs':>7s}{'loop':>10s}" + "".join(f"{n:>20s}" for n in NAMES[1:]))
    generator = np.random.default_rng(0)
    is_bad = False
    rows = {name: (*PROBLEMS[name], ways) for name in options.problems}
    for name, (f, make, n, make_ways) in rows.items():
        X = generator.uniform(0.1, 1.5, (options.points, n))
        is_bad |= report(name, n, *measured(make_ways(f, make, X), X, options.rounds))
    X = generator.uniform(0.1, 1.5, (options.points, 3))
    report("rates, @njit", 3, *measured(compiled_ways(X), X, options.rounds))
    return int(is_bad)


def report(name, n, taken, error):
    """Print a row; whether it misses the goal."""
    loop = taken["loop"]
    parts = []
    for way in NAMES[1:]:
        seconds = taken.get(way)
        text = "" if seconds is None else f"{seconds * 1e6:.3f} ({loop / seconds:.0f})"
        parts.append(f"{text:>20s}")
    print(f"{name:16s}{n:7d}{loop * 1e6:10.1f}" + "".join(parts))
    if error > EXACT:
        print(f"  differs by {error:.0e} of the largest entry")
    return error > EXACT or loop < GOAL * taken.get("batch=True", 0.0)


if __name__ == "__main__":
    sys.exit(main())
