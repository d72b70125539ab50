"""Stand-ins for the functions of scipy.linalg.

Arrays of any level go in and come out, at the level of the innermost derivative.  `table.py`, how
they are registered and call each other; `systems.py`, `factorizations.py`, `spectra.py`,
`matrix_functions.py`, `structured.py`, `banded.py`, `subspaces.py` and `equations.py`;
`handlers.py`, which imports them all and lets the rest of scipy.linalg refuse.
They use the differentials in `functions/matrices/`.
"""
