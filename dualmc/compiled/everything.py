"""All that tells Numba of Duals: imported once, with the first compiled function."""

from dualmc.compiled import elementary, operators, powers, whole_numbers
from dualmc.compiled.arrays import elementwise, making, products

__all__ = [
    "elementary",
    "elementwise",
    "making",
    "operators",
    "powers",
    "products",
    "whole_numbers",
]
