"""All that tells Numba of Duals: imported once, with the first compiled function."""

from dualmc.compiled import elementary, gamma, operators, powers, whole_numbers
from dualmc.compiled.arrays import (
    choosing,
    elementwise,
    making,
    parts,
    products,
    statistics,
    sums,
    writing,
)

__all__ = [
    "choosing", "elementary", "elementwise", "gamma", "making", "operators", "parts", "powers",
    "products", "statistics", "sums", "whole_numbers", "writing",
]  # fmt: skip
