"""Matrices of Duals in compiled code: ``numpy.linalg``, by differentials of the results.

The value is what Numba's own function gives of the values, with its errors; an expression that is
linear in the Duals, everything else held constant, carries the partials, as in
`dualmc/functions/matrices/`, where the conventions are.  Reading order: `solving` (systems,
inverses, and what the others use), `determinants`, `factors`, `spectral`, `singular`, `norms`.
"""
