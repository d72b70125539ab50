"""All that tells Numba of Duals: imported once, with the first compiled function."""

from dualmc.compiled import elementary, operators, powers, whole_numbers
from dualmc.compiled.arrays import making, products, statistics, sums

__all__ = [
    "elementary", "making", "operators", "powers", "products", "statistics", "sums",
    "whole_numbers",
]  # fmt: skip
