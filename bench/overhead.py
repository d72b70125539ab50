"""What a Dual costs per operation on small arrays, where Python and not arithmetic is the price.

Times single operations and NumPy functions, on Duals as adapted code meets them against plain
NumPy, interleaved, and prints microseconds and the median of paired ratios: on 16 inputs, whose
tangents are dense, and on 100, whose tangents are sparse.  Then the same for a chain of 20
element-wise operations.

    python bench/overhead.py [--only NAME ...] [--repeat 15]
"""

import argparse
import statistics
import sys
import time
import types

from tools import checkout, threads  # noqa: F401  (before NumPy)

# isort: split
import numpy as np

import dualmc as dm
from dualmc.unchanged.adapt import adapted

C = np.linspace(0.5, 1.5, 10_000)

# By name: of a vector x, the same in the shape of a square matrix X, a vector c and a square matrix
# A of constants.
OPERATIONS = {
    "x + 1.5": lambda x, X, c, A: x + 1.5,
    "x * c": lambda x, X, c, A: x * c,
    "x * x": lambda x, X, c, A: x * x,
    "x / x[::-1]": lambda x, X, c, A: x / x[::-1],
    "np.exp": lambda x, X, c, A: np.exp(x),
    "np.exp 2-d": lambda x, X, c, A: np.exp(X),
    "x**3": lambda x, X, c, A: x**3,
    "np.maximum(0, x)": lambda x, X, c, A: np.maximum(0.0, x),
    "np.minimum(x, c)": lambda x, X, c, A: np.minimum(x, c),
    "np.clip": lambda x, X, c, A: np.clip(x, 0.3, 0.6),
    "x[1:]": lambda x, X, c, A: x[1:],
    "x[1:] - x[:-1]": lambda x, X, c, A: x[1:] - x[:-1],
    "x[1:] + 1.5": lambda x, X, c, A: x[1:] + 1.5,
    "x[1]": lambda x, X, c, A: x[1],
    "x - row": lambda x, X, c, A: x[None, :] - x[:, None],
    "X * x": lambda x, X, c, A: X * X[0],
    "X * x[:, None]": lambda x, X, c, A: X * X[:, :1],
    "X * c": lambda x, X, c, A: X * A[0],
    "X - number": lambda x, X, c, A: X - X[0, 0],
    "np.sum": lambda x, X, c, A: np.sum(x),
    "x.sum()": lambda x, X, c, A: x.sum(),
    "np.sum 2-d": lambda x, X, c, A: np.sum(X),
    "np.sum axis 0": lambda x, X, c, A: np.sum(X, axis=0),
    "np.sum axis 1": lambda x, X, c, A: np.sum(X, axis=1),
    "np.sum keepdims": lambda x, X, c, A: np.sum(X, axis=-1, keepdims=True),
    "np.sum of exp": lambda x, X, c, A: np.sum(np.exp(x)),
    "np.sum of exp axis 1": lambda x, X, c, A: np.sum(np.exp(X), axis=1),
    "np.mean": lambda x, X, c, A: np.mean(x),
    "np.mean axis 0": lambda x, X, c, A: np.mean(X, axis=0),
    "np.max": lambda x, X, c, A: np.max(x),
    "np.max axis 1 keepdims": lambda x, X, c, A: np.max(X, axis=1, keepdims=True),
    "np.min": lambda x, X, c, A: np.min(x),
    "np.prod": lambda x, X, c, A: np.prod(x),
    "np.var": lambda x, X, c, A: np.var(x),
    "np.std": lambda x, X, c, A: np.std(x),
    "A @ x": lambda x, X, c, A: A @ X[0],
    "A @ X": lambda x, X, c, A: A @ X,
    "X @ A": lambda x, X, c, A: X @ A,
    "X @ X": lambda x, X, c, A: X @ X,
    "X @ X.T": lambda x, X, c, A: X @ X.T,
    "x @ x": lambda x, X, c, A: x @ x,
    "c @ x": lambda x, X, c, A: c @ x,
    "X @ row": lambda x, X, c, A: X @ X[0],
    "np.dot(x, x)": lambda x, X, c, A: np.dot(x, x),
    "np.dot(x, c)": lambda x, X, c, A: np.dot(x, c),
    "np.dot(A, x)": lambda x, X, c, A: np.dot(A, X[0]),
    "np.outer(x, x)": lambda x, X, c, A: np.outer(X[0], X[0]),
    "np.outer(x, c)": lambda x, X, c, A: np.outer(X[0], A[0]),
    "einsum i,i->": lambda x, X, c, A: np.einsum("i,i->", x, x),
    "einsum ij,j->i": lambda x, X, c, A: np.einsum("ij,j->i", A, X[0]),
    "einsum ij,jk->ik": lambda x, X, c, A: np.einsum("ij,jk->ik", X, X),
    "np.linalg.norm": lambda x, X, c, A: np.linalg.norm(x),
    "np.linalg.norm axis": lambda x, X, c, A: np.linalg.norm(X, axis=1),
    "np.concatenate": lambda x, X, c, A: np.concatenate([x, x]),
    "np.concatenate const": lambda x, X, c, A: np.concatenate([c[:1], x, c[:1]]),
    "np.stack": lambda x, X, c, A: np.stack([x, x]),
    "np.stack axis 1": lambda x, X, c, A: np.stack([x, x], axis=1),
    "np.hstack": lambda x, X, c, A: np.hstack([x, x]),
    "np.vstack": lambda x, X, c, A: np.vstack([x, x]),
    "np.array of numbers": lambda x, X, c, A: np.array([x[0], x[1], x[2]]),
    "np.roll": lambda x, X, c, A: np.roll(x, 1),
    "np.where": lambda x, X, c, A: np.where(c > 1.0, x, x + 1.0),
    "np.where const": lambda x, X, c, A: np.where(c > 1.0, x, 0.0),
    "x.reshape": lambda x, X, c, A: x.reshape(A.shape),
    "np.reshape": lambda x, X, c, A: np.reshape(x, A.shape),
    "X.ravel()": lambda x, X, c, A: X.ravel(),
    "X.T": lambda x, X, c, A: X.T,
    "X.T + 1.5": lambda x, X, c, A: X.T + 1.5,
    "np.split": lambda x, X, c, A: np.split(x, 2),
    "np.cumsum": lambda x, X, c, A: np.cumsum(x),
    "np.diff": lambda x, X, c, A: np.diff(x),
    "np.cross": lambda x, X, c, A: np.cross(X[:, :3], X[:, 1:4]),
    "np.diag": lambda x, X, c, A: np.diag(X),
    "np.abs": lambda x, X, c, A: np.abs(x),
    "np.copy": lambda x, X, c, A: np.copy(x),
    "x[index]": lambda x, X, c, A: x[INDEX],
    "X[:, :2]": lambda x, X, c, A: X[:, :2] + 1.5,
    "np.zeros_like": lambda x, X, c, A: np.zeros_like(x),
    "plain np.sum": lambda x, X, c, A: np.sum(c),
    "plain np.exp": lambda x, X, c, A: np.exp(c),
}  # fmt: skip
INDEX = np.array([1, 3, 2, 2, 0])
STEPS = 20


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


def loops(f, args, count):
    start = time.perf_counter()
    for _ in range(count):
        f(*args)
    return (time.perf_counter() - start) / count


def measured(f, dual, plain, repeat):
    """Microseconds of `f` on Duals and on arrays, and the median of their paired ratios.

    On Duals f is adapted, once for all of its calls as in a function that calls it so often; on
    arrays it is what it was.
    """
    as_it_is = dm.as_is(types.FunctionType(f.__code__, f.__globals__))
    inside = adapted(loops)
    inside(f, dual, 2)
    count = max(2, int(1e-3 / inside(f, dual, 20)))
    pairs = [(inside(f, dual, count), loops(as_it_is, plain, count)) for _ in range(repeat)]
    times = (statistics.median(column) * 1e6 for column in zip(*pairs, strict=True))
    return (*times, statistics.median(d / p for d, p in pairs))


def table(x, sparse, names, repeat):
    """Rows of `measured` by name, on the Duals that the driver seeds."""
    side = round(x.size**0.5)
    constants = C[: x.size], C[: side * side].reshape(side, side)
    plain = x, x[: side * side].reshape(side, side), *constants
    rows = {}

    @dm.as_is
    def inside(dual):
        args = dual, dual[: side * side].reshape(side, side), *constants
        for name in names:
            rows[name] = measured(OPERATIONS[name], args, plain, repeat)
        return dual

    dm.jacobian_fwd(inside, x, sparse=sparse)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", help="operations whose names contain one of these")
    parser.add_argument("--repeat", type=int, default=15)
    options = parser.parse_args()
    threads.pin()
    x = np.linspace(0.1, 0.9, 10)
    error = np.max(np.abs(np.diag(dm.jacobian_fwd(chain, x)) / chain_derivative(x) - 1))
    if not error < 1e-13:
        print(f"wrong Jacobian: relative error {error:.1e}")
        return 1
    names = [n for n in OPERATIONS if not options.only or any(o in n for o in options.only)]
    few = table(np.linspace(0.1, 0.9, 16), False, names, options.repeat)
    many = table(np.linspace(0.1, 0.9, 100), True, names, options.repeat)
    print(f"{'':24}{'16 inputs, dense':>27}{'100 inputs, sparse':>27}")
    print(f"{'us':24}" + f"{'dual':>10}{'plain':>9}{'ratio':>8}" * 2)
    for name in names:
        print(f"{name:24}" + "".join(f"{d:10.2f}{p:9.2f}{r:8.1f}" for d, p, r in
                                     (few[name], many[name])))  # fmt: skip
    whole = [loops(dm.jacobian_fwd, (chain, x), 50) for _ in range(10)]
    print(f"jacobian_fwd of {STEPS} element-wise steps: {statistics.median(whole) * 1e6:.0f} us")
    return 0


if __name__ == "__main__":
    sys.exit(main())
