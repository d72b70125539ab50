"""Stand-ins for SciPy, by subpackage; `foreign.py` imports each when SciPy's own is imported.

SciPy converts its arguments before a Dual could speak up; a stand-in computes SciPy's own value and
its derivative.  `linalg/`; `sparse_products.py`, constant sparse matrices times Duals, and
`sparse/`, those that hold Duals, and every solve; by `entering.py`
and `linear_maps.py`, what they share: `interpolate/`, `signal/`, `fft.py`, `ndimage/`, `spatial/`.
Special functions are ufuncs,
with rows of the table in `functions/special/`; solvers, which differentiate, are in the room
`solvers/`.
"""
