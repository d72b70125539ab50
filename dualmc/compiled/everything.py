"""All that tells Numba of Duals: imported once, with the first compiled function."""

from dualmc.compiled import elementary, operators, powers, whole_numbers
from dualmc.compiled.arrays import choosing, elementwise, making, parts, products, writing

__all__ = [
    "choosing",
    "elementary",
    "elementwise",
    "making",
    "operators",
    "parts",
    "powers",
    "products",
    "whole_numbers",
    "writing",
]
