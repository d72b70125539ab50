"""Solvers that f calls: they run on plain numbers, and their results are differentiated afterwards.

In come SciPy's solvers with the user's residuals, out go results with derivatives; the room uses
the verbs of forward mode, which is why it lies above them.  `optimize.py`: scipy.optimize;
`integrals/`: quad and its kin of scipy.integrate.
"""
