"""All that tells Numba of Duals: imported once, with the first compiled function."""

from dualmc.compiled import elementary, operators, powers, whole_numbers
from dualmc.compiled.arrays import making, products, statistics, sums
from dualmc.compiled.arrays.matrices import (
    determinants,
    factors,
    norms,
    singular,
    solving,
    spectral,
)  # fmt: skip
from dualmc.compiled.arrays.ordering import extrema, searching, sorting

__all__ = [
    "determinants", "elementary", "extrema", "factors", "making", "norms", "operators", "powers",
    "products", "searching", "singular", "solving", "sorting", "spectral", "statistics", "sums",
    "whole_numbers",
]  # fmt: skip
