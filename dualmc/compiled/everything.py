"""All that tells Numba of Duals: imported once, with the first compiled function."""

from dualmc.compiled import elementary, operators, powers, whole_numbers
from dualmc.compiled.arrays import (
    choosing,
    elementwise,
    making,
    parts,
    products,
    shaping,
    statistics,
    sums,
    writing,
)

__all__ = [
    "choosing", "elementary", "elementwise", "making", "operators", "parts", "powers", "writing",
    "products", "shaping", "statistics", "sums",
    "whole_numbers",
]  # fmt: skip
