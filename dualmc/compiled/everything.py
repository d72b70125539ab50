"""All that tells Numba of Duals: imported once, with the first compiled function."""

from dualmc.compiled import elementary, gamma, operators, powers, whole_numbers
from dualmc.compiled.arrays import making, products

__all__ = ["elementary", "gamma", "making", "operators", "powers", "products", "whole_numbers"]
