"""The limits of the machine beside dualmc: bandwidth, BLAS, Jacobians by hand, cost per nonzero.

Four questions, each with what dualmc takes in multiples of the limit, interleaved in one process
and checked before it is timed:

- bandwidth: element-wise code of cheap arithmetic moves bytes; how many per second, beside a copy
  and a triad (a = b + s c) of arrays that no cache holds?
- blas: three dense layers, 512 wide: how much beyond the products of matrices themselves?
- byhand: the structured problems, beside a Numba loop that an expert would write for each, its
  pattern known beforehand (problems/handwritten.py)
- nonzeros: is the cost per nonzero of a sparse Jacobian the same for 10^4 and 10^6 inputs?

    python bench/limits.py [--questions blas ...] [--rounds 9]

Exits with 1 if a Jacobian is wrong; goals that are missed are only said.
"""

import argparse
import sys
from functools import partial

from tools import checkout, threads  # noqa: F401  (before NumPy)

# isort: split
import numba
import numpy as np
from problems import PROBLEMS, handwritten
from tools.reference import Judge
from tools.timing import Ratio, geometric_mean, interleave, time_text

import dualmc as dm

BLAS_GOAL = 1.3
FLAT_GOAL = 1.5
HAND_SIZES = (1000, 1024, 5000, 4900)
FLAT_SIZES = (10_000, 100_000, 1_000_000)
FLAT_PROBLEMS = ("sin_square", "rosenbrock_residual", "lorenz96", "burgers", "brusselator")
# Numbers in each array of the bandwidth's question: 64 MB.
STREAM = 8_000_000


class Wrong(Exception):
    """A Jacobian of dualmc's is not the derivative."""


def check(case, J, label):
    judge = Judge(case)
    if not judge.is_right(J):
        raise Wrong(f"{label}: relative error {judge.error(J):.1e}")


def verdict(met):
    return "met" if met else "missed"


# --- Bandwidth -----------------------------------------------------------------------------------


@numba.njit
def _triad(b, c, out):
    for i in range(b.size):
        out[i] = b[i] + 3.0 * c[i]


def polynomial(x):
    """Three steps that read and write arrays and hardly compute."""
    return x * x + 3.0 * x


def bandwidth(rounds):
    """Bytes per second of a copy, a triad, f and its sparse Jacobian."""
    x = np.linspace(-1.0, 1.0, STREAM)
    b, out = x[::-1].copy(), np.empty(STREAM)
    J = dm.jacobian_fwd(polynomial, x, sparse=True)
    if not np.allclose(J.data, 2.0 * x + 3.0, rtol=1e-15, atol=1e-15):
        raise Wrong("bandwidth")
    del J
    calls = {
        "copy": lambda: np.copyto(out, x),
        "triad": lambda: _triad(b, x, out),
        "f": lambda: polynomial(x),
        "sparse": lambda: dm.jacobian_fwd(polynomial, x, sparse=True),
    }
    if hasattr(dm, "prepare"):
        calls["prepared"] = partial(dm.prepare(polynomial, 1.001 * x, sparse=True), x)
    samples = interleave(calls, rounds, budget=20)
    # What must move: x in, and of the CSR matrix 8 bytes of value, 4 of column, 4 of row start.
    jacobian = 8 + 8 + 4 + 4
    bytes_of = {"copy": 16, "triad": 24, "f": 16 + 16 + 24}
    print(f"{'':10s}{'bytes/element':>14s}{'GB/s':>8s}{'of triad':>10s}")
    fastest = STREAM * 24 / samples["triad"]
    for name, taken in samples.items():
        moved = bytes_of.get(name, jacobian)
        share = Ratio.of(STREAM * moved / taken, fastest)
        speed = np.median(STREAM * moved / taken) / 1e9
        print(f"{name:10s}{moved:14d}{speed:8.2f}   {share}")
    print("(sparse: the bytes of the input and of the result alone; fresh memory is in its time)")


# --- BLAS ----------------------------------------------------------------------------------------


def blas(rounds):
    """The Jacobian of three dense layers beside its two products of matrices."""
    case = PROBLEMS["mlp_square"].build(512)
    check(case, dm.jacobian_fwd(case.f, case.x), "mlp_square:512")
    rng = np.random.default_rng(3)
    W, V, U = (rng.standard_normal((512, 512)) for _ in range(3))
    first, second = np.empty_like(W), np.empty_like(W)

    def products():
        # The first layer's Jacobian is a scaled W: of three layers, two products are left.
        np.matmul(V, W, out=first)
        np.matmul(U, first, out=second)

    calls = {
        "products": products,
        "fresh": lambda: dm.jacobian_fwd(case.f, case.x),
        "reverse": lambda: dm.jacobian_rev(case.f, case.x),
    }
    if hasattr(dm, "prepare"):
        calls["prepared"] = partial(dm.prepare(case.f, 1.001 * case.x), case.x)
        check(case, calls["prepared"](), "mlp_square:512 prepared")
    samples = interleave(calls, rounds, budget=10)
    flops = 2 * 2 * 512**3 / np.median(samples["products"]) / 1e9
    print(f"two products of 512 x 512: {flops:.0f} GFLOP/s")
    for name in calls:
        if name != "products":
            ratio = Ratio.of(samples[name], samples["products"])
            print(f"{name:9s} / products: {ratio}")
            if name == "fresh":
                print(f"  {verdict(ratio.median <= BLAS_GOAL)} (goal <= {BLAS_GOAL})")


# --- By hand -------------------------------------------------------------------------------------


def byhand(rounds):
    """Every structured problem: dualmc's sparse Jacobian over the hand-written loop."""
    print(f"{'problem':26s}{'nonzeros':>9s}{'by hand':>10s}   fresh / by hand")
    fresh, prepared = [], []
    for name, build in handwritten.JACOBIANS.items():
        for n in (size for size in PROBLEMS[name].sizes if size in HAND_SIZES):
            case, hand = PROBLEMS[name].build(n), build(n)
            check(case, hand.matrix(case.x), f"{name}:{n} by hand")
            check(case, dm.jacobian_fwd(case.f, case.x, sparse=True), f"{name}:{n}")
            values = np.empty(hand.rows.size)
            calls = {
                "hand": partial(hand.fill, case.x, values),
                "fresh": partial(dm.jacobian_fwd, case.f, case.x, sparse=True),
            }
            if hasattr(dm, "prepare"):
                p = dm.prepare(case.f, 1.001 * case.x, sparse=True)
                calls["prepared"] = partial(p, case.x)
                check(case, p(case.x), f"{name}:{n} prepared")
            samples = interleave(calls, rounds, budget=1.5)
            ratio = Ratio.of(samples["fresh"], samples["hand"])
            fresh.append(ratio.median)
            text = f"{name + ':' + str(n):26s}{values.size:9d}"
            text += f"{time_text(np.median(samples['hand'])):>10s}   {ratio}"
            if "prepared" in samples:
                ratio = Ratio.of(samples["prepared"], samples["hand"])
                prepared.append(ratio.median)
                text += f"   prepared {ratio}"
            print(text, flush=True)
    print(f"geometric means: fresh {geometric_mean(fresh):.3g} x by hand", end="")
    print(f", prepared {geometric_mean(prepared):.3g} x" if prepared else "")


# --- Cost per nonzero ----------------------------------------------------------------------------


def nonzeros(rounds):
    """Nanoseconds per nonzero as n grows; flat if the most is less than 1.5 times the least."""
    print(f"{'ns per nonzero, n =':22s}" + "".join(f"{n:>10,}" for n in FLAT_SIZES))
    flat = {}
    for name in FLAT_PROBLEMS:
        calls, counts = {}, {}
        for n in FLAT_SIZES:
            case = PROBLEMS[name].build(n)
            J = dm.jacobian_fwd(case.f, case.x, sparse=True)
            check(case, J, f"{name}:{n}")
            counts[n] = J.nnz
            calls[n] = partial(dm.jacobian_fwd, case.f, case.x, sparse=True)
        del J
        samples = interleave(calls, rounds, budget=6)
        cost = {n: float(np.median(samples[n])) / counts[n] * 1e9 for n in FLAT_SIZES}
        flat[name] = max(cost.values()) / min(cost.values())
        figures = "".join(f"{cost[n]:10.1f}" for n in FLAT_SIZES)
        print(f"{name:22s}{figures}   most / least {flat[name]:.2f}: "
              f"{verdict(flat[name] <= FLAT_GOAL)}", flush=True)  # fmt: skip
    print(f"goal: most / least <= {FLAT_GOAL} for each")


QUESTIONS = {"bandwidth": bandwidth, "blas": blas, "byhand": byhand, "nonzeros": nonzeros}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--questions", nargs="+", choices=QUESTIONS, default=list(QUESTIONS))
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    threads.pin()
    print(threads.conditions())
    failed = False
    for name in options.questions:
        print(f"\n{name}: {QUESTIONS[name].__doc__.splitlines()[0]}")
        try:
            QUESTIONS[name](options.rounds)
        except Wrong as wrong:
            failed = True
            print(f"WRONG: {wrong}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
