"""Functions of matrices: numpy.linalg, by differentials that serve every mode.

A handler takes NumPy's own result and writes the differential as an expression linear in the Duals.
May use `moving/` and what is below, not `summing/` or `products/`: those through NumPy only.  In
reading order: `differentials.py` (what all share), `solving.py`, `determinants.py`,
`least_squares.py`, `factors.py`, `singular_values.py`, `spectral.py`, `norms.py`;
`recorded_matrices.py` (one step each on a tape); `series.py` and `splitting.py` (values that meet).
"""
