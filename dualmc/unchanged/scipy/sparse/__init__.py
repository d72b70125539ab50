"""SciPy's sparse matrices whose numbers are Duals: the structure is constant, the numbers vary.

What a matrix of SciPy moves is found by SciPy itself, on a matrix of the same structure that holds
the places of its numbers, 1 to n; sums and products are those of the entries.  `places.py`, how
such a matrix is kept, and moved; `algebra.py`, sums and products; `methods.py`, its methods;
`making.py`, constructors and functions of scipy.sparse; `writing.py`, entries that are set;
`systems.py`, every solve by one rule; `solving.py`, `iterative.py` and `least_squares.py`, the
solvers; `spectra.py`, eigenvalues and exponentials.
"""
