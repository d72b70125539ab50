"""Multiplications and additions, and which inputs the elements of an array depend on."""

import math
from typing import NamedTuple

import numpy as np


class Work(NamedTuple):
    """Multiplications and additions, and how many of the first are inside matrix products."""

    multiplications: int = 0
    additions: int = 0
    products: int = 0

    def __add__(self, other):
        return Work(*(a + b for a, b in zip(self, other, strict=True)))

    def __mul__(self, k):
        return Work(*(a * k for a in self))

    __rmul__ = __mul__


class Patterns:
    """Which inputs each element of each array on the tape depends on, as packed bits."""

    def __init__(self, inputs):
        self.n = sum(math.prod(var.shape) for var in inputs)
        self.bits = {}
        start = 0
        for var in inputs:
            size = math.prod(var.shape)
            rows = np.zeros((size, self.n), bool)
            rows[np.arange(size), start + np.arange(size)] = True
            self.bits[var.serial] = np.packbits(rows, axis=1)
            start += size

    def of(self, var):
        """The pattern of `var`, (*shape, bytes)."""
        bits = self.bits[var.serial]
        return bits.reshape(*var.shape, bits.shape[1])

    def flat(self, var):
        return self.bits[var.serial]

    def keep(self, var, bits):
        self.bits[var.serial] = bits.reshape(math.prod(var.shape), bits.shape[-1])


def nonzeros(bits):
    """How many entries a pattern has."""
    return int(np.bitwise_count(bits).sum())


def width(bits):
    """The entries of its fullest row."""
    return int(np.bitwise_count(bits).sum(axis=-1, dtype=np.int64).max(initial=0))


def size_of(var):
    """How many elements an array on the tape has."""
    return math.prod(var.shape)


def united(parts):
    """The pattern of what depends on all that `parts` do."""
    out = parts[0]
    for part in parts[1:]:
        out = out | part
    return out
