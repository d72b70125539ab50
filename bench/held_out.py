"""Prepared calls beside `jax.jit`, on functions that nothing was fitted to: prices, likelihoods,
filters, Gaussian processes, stencils, attention.

Each function is written once, for NumPy and SciPy or for JAX's copies of them.  Both derivatives
are compared, then called in turn at points that change, many short rounds, of which the least
counts.  Seconds until the first derivative are those of one new function.

    python bench/held_out.py [NAME ...] [--hessian] [--rounds 40]

Prints microseconds of a call of each, their ratio, the seconds before, and why f is not replayed
where it is not; ends with the geometric mean of the ratios.
"""

import argparse
import sys
import time
import warnings

from tools import checkout, threads  # noqa: F401  (before NumPy)

# isort: split
import numpy as np
import scipy.special

import dualmc as dm

RNG = np.random.default_rng(0)
STRIKES = np.linspace(80.0, 120.0, 200)
COUNTS = RNG.poisson(3.0, 40).astype(float)
TRAITS, CHOSEN = RNG.normal(size=(50, 4)), (RNG.random(50) < 0.5) * 1.0
SIGNAL = RNG.normal(size=20)
TIMES = np.linspace(0.0, 1.0, 20)
SAMPLES = np.sin(6 * TIMES) + 0.1 * RNG.normal(size=20)
MIX = RNG.normal(size=(16, 16)) / 4
WEIGHTS, BIASES = RNG.normal(size=(300, 300)) / 17, RNG.normal(size=300)
POINTS = 3  # of each round


def black_scholes(np, special, strikes=95.0):
    def price(p):
        spot, rate, sigma, years = p[0], p[1], p[2], p[3]
        width = sigma * np.sqrt(years)
        d = (np.log(spot / strikes) + (rate + sigma**2 / 2) * years) / width
        discount = np.exp(-rate * years)
        return spot * special.ndtr(d) - strikes * discount * special.ndtr(d - width)

    return price


def many_strikes(np, special):
    return black_scholes(np, special, STRIKES)


def negative_binomial(np, special):
    def loss(p):
        mean, size = np.exp(p[0]), np.exp(p[1])
        terms = special.gammaln(COUNTS + size) - special.gammaln(size)
        odds = np.log(size + mean)
        return np.sum(terms + size * (p[1] - odds) + COUNTS * (p[0] - odds))

    return loss


def logistic(np, special):
    def loss(w):
        q = special.expit(TRAITS @ w)
        return np.sum(special.xlogy(CHOSEN, q) + special.xlogy(1 - CHOSEN, 1 - q))

    return loss


def log_sums(np, special):
    return lambda x: special.logsumexp(2.0 * x.reshape(5, 4), axis=1)


def stencil(np, special):
    def f(x):
        u = np.pad(x, 1, mode="edge")
        return u[2:] - 2 * u[1:-1] + u[:-2]

    return f


def kalman(np, special):
    A, H = np.asarray([[1.0, 0.1], [0.0, 1.0]]), np.asarray([[1.0, 0.0]])

    def loss(p):
        q, r = np.exp(p[0]), np.exp(p[1])
        m, P, total = np.zeros(2), np.eye(2), 0.0
        for z in SIGNAL:
            m, P = A @ m, A @ P @ A.T + q * np.eye(2)
            S, v = H @ P @ H.T + r * np.eye(1), z - H @ m
            K = np.linalg.solve(S, H @ P).T
            total = total + v @ np.linalg.solve(S, v) + np.linalg.slogdet(S)[1]
            m, P = m + K @ v, P - K @ S @ K.T
        return total / 2

    return loss


def gaussian_process(np, special):
    squares = (TIMES[:, None] - TIMES[None, :]) ** 2

    def loss(p):
        K = np.exp(p[0] - squares * np.exp(p[1])) + np.exp(p[2]) * np.eye(20)
        L = np.linalg.cholesky(K)
        return SAMPLES @ np.linalg.solve(K, SAMPLES) / 2 + np.sum(np.log(np.diag(L)))

    return loss


def small_system(np, special):
    return lambda x: np.linalg.solve(x[:9].reshape(3, 3) + 4 * np.eye(3), x[9:])


def attention(np, special):
    def f(x):
        X = x.reshape(8, 16)
        s = (X @ MIX) @ (X @ MIX.T).T / 4
        s = np.exp(s - np.max(s, axis=1, keepdims=True))
        return (s / np.sum(s, axis=1, keepdims=True)) @ X

    return f


def dense_layers(np, special):
    return lambda x: np.tanh(WEIGHTS @ np.tanh(WEIGHTS @ x + BIASES) + BIASES)


FUNCTIONS = {
    "black-scholes": (black_scholes, np.array([100.0, 0.02, 0.3, 1.5])),
    "many-strikes": (many_strikes, np.array([100.0, 0.02, 0.3, 1.5])),
    "negative-binomial": (negative_binomial, np.array([1.0, 0.5])),
    "logistic": (logistic, np.array([0.1, 0.2, -0.3, 0.4])),
    "log-sums": (log_sums, RNG.normal(size=20)),
    "stencil:16": (stencil, RNG.normal(size=16)),
    "stencil:1000": (stencil, RNG.normal(size=1000)),
    "kalman": (kalman, np.array([-1.0, -0.5])),
    "gaussian-process": (gaussian_process, np.array([0.0, 2.0, -2.0])),
    "small-system": (small_system, RNG.normal(size=12)),
    "attention": (attention, RNG.normal(size=128)),
    "dense-layers": (dense_layers, RNG.normal(size=300)),
}


def sides(make, x, is_hessian):
    """The two derivatives as functions of x, the seconds until each, and why not replayed."""
    import jax

    start = time.perf_counter()
    prepared = dm.prepare(
        make(np, scipy.special), 1.001 * x, of="hessian" if is_hessian else "jacobian"
    )
    prepared(x)
    middle = time.perf_counter()
    f = make(jax.numpy, jax.scipy.special)
    jitted = jax.jit((jax.hessian if is_hessian else jax.jacfwd)(f))
    np.asarray(jitted(x))
    seconds = middle - start, time.perf_counter() - middle
    return (prepared, lambda x: np.asarray(jitted(x))), seconds, prepared.reason


def least(calls, x, rounds):
    """Seconds of each of the `calls` at points near x, taken in turn."""
    found = [float("inf")] * len(calls)
    points = [x * (1 + 1e-3 * k) for k in range(POINTS)]
    for _ in range(rounds):
        for k, call in enumerate(calls):
            start = time.perf_counter()
            for at in points:
                call(at)
            found[k] = min(found[k], (time.perf_counter() - start) / POINTS)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(FUNCTIONS))
    parser.add_argument("--hessian", action="store_true")
    parser.add_argument("--rounds", type=int, default=40)
    asked = parser.parse_args()
    import jax

    jax.config.update("jax_enable_x64", True)
    threads.pin()
    warnings.simplefilter("ignore")
    print(threads.conditions())
    ratios = []
    for name in asked.names or FUNCTIONS:
        make, x = FUNCTIONS[name]
        if asked.hessian and np.ndim(make(np, scipy.special)(x)):
            continue
        calls, before, reason = sides(make, x, asked.hessian)
        ours, theirs = (call(x) for call in calls)
        error = np.abs(ours - theirs).max() / np.abs(theirs).max()
        if not error < 1e-9:
            sys.exit(f"{name}: the two differ by {error:.0e}")
        ours, theirs = least(calls, x, asked.rounds)
        ratios.append(ours / theirs)
        print(
            f"{name:18s} prepared {1e6 * ours:8.1f} us  jax.jit {1e6 * theirs:8.1f} us  ratio "
            f"{ours / theirs:5.2f}   made in {before[0]:.2f} and {before[1]:.2f} s  {reason or ''}",
            flush=True,
        )
    print(f"{len(ratios)} functions, geometric mean {np.exp(np.mean(np.log(ratios))):.2f}")


if __name__ == "__main__":
    main()
