"""What a problem of jitted code is, and the registry of them all."""

import types
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Pattern:
    """Where the nonzeros of a sparse Jacobian are, as rows compressed, and a colour per column."""

    indptr: np.ndarray
    indices: np.ndarray
    colours: np.ndarray

    def matrix(self, values):
        from scipy.sparse import csr_array

        n = self.indptr.size - 1
        return csr_array((values, self.indices, self.indptr), (n, self.colours.size))


@dataclass(frozen=True)
class Jitted:
    """A function for `@njit` at one point, with its Jacobian by hand.

    `jacobian(x)` is the whole Jacobian, shape (m, n), or (n,) where f is a number; where there is a
    `pattern`, its nonzeros, row by row.  `in_jax(jnp)` makes f for JAX.
    """

    f: Callable
    x: np.ndarray
    jacobian: Callable
    in_jax: Callable
    pattern: Pattern | None = None

    @property
    def is_scalar(self):
        return np.ndim(self.f(self.x)) == 0


def listed(f):
    """f for JAX, of an f that assigns numbers into what `np.empty` makes: lists instead."""

    class Lists:
        empty = staticmethod(lambda n: [None] * n)

    python = f.py_func

    def in_jax(jnp):
        names = python.__globals__ | {"np": Lists}
        names |= {name: a.tolist() for name, a in names.items() if isinstance(a, np.ndarray)}
        g = types.FunctionType(python.__code__, names)
        return lambda x: jnp.stack(g(x))

    return in_jax


PROBLEMS: dict[str, Callable[[], Jitted]] = {}


def problem(*sizes):
    """Registers a function that makes a `Jitted`; with sizes, once for each of them."""

    def register(build):
        if not sizes:
            PROBLEMS[build.__name__] = build
        for n in sizes:
            PROBLEMS[f"{build.__name__}-{n}"] = lambda n=n: build(n)
        return build

    return register
