"""What a problem of the benchmarks is, and the registry of them all."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

KINDS = ("local", "dense", "small")


@dataclass(frozen=True)
class Case:
    """One problem at one size."""

    f: Callable
    x: np.ndarray
    # The same function without assignment into arrays and without a list as its result.
    twin: Callable | None = None
    # Whether complex arguments differentiate f: not where it factorizes symmetric matrices.
    is_analytic: bool = True


@dataclass(frozen=True)
class Problem:
    """A function of the size n that makes a `Case`, and the sizes to run it at."""

    name: str
    kind: str
    sizes: tuple[int, ...]
    build: Callable[[int], Case]
    is_scalar: bool = False

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {KINDS}, got {self.kind!r}")


PROBLEMS: dict[str, Problem] = {}


def problem(kind, sizes, is_scalar=False):
    """Registers a function n -> Case as a problem of its own name."""

    def register(build):
        PROBLEMS[build.__name__] = Problem(build.__name__, kind, sizes, build, is_scalar)
        return build

    return register
