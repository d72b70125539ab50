"""All that tells Numba of Duals: imported once, with the first compiled function."""

from dualmc.compiled.arrays import (
    bilinear,
    choosing,
    elementwise,
    making,
    parts,
    products,
    shaping,
    writing,
)
from dualmc.compiled.arrays.matrices import (
    determinants,
    factors,
    norms,
    singular,
    solving,
    spectral,
)
from dualmc.compiled.arrays.ordering import extrema, searching, sorting
from dualmc.compiled.arrays.summing import statistics, sums
from dualmc.compiled.scalars import elementary, gamma, operators, powers, whole_numbers

__all__ = [
    "bilinear", "choosing", "determinants", "elementary", "elementwise", "extrema", "factors",
    "gamma", "making", "norms", "operators", "parts", "powers", "products", "searching",
    "shaping", "singular", "solving", "sorting", "spectral", "statistics", "sums",
    "whole_numbers", "writing",
]  # fmt: skip
