"""Solvers that f calls: they run on plain numbers, and their results are differentiated afterwards.

In come SciPy's solvers with the user's functions, out go results with derivatives; the room uses
the verbs, `prepare` among them, which is why it lies above them.  `optimize/`: scipy.optimize;
`odes/`: initial value problems of scipy.integrate; `integrals/`: quad and its kin.
"""
