"""scipy.optimize called by f: solved on plain numbers, differentiated at what was found.

In come SciPy's solvers with the user's functions, out go roots and optima with the derivatives of
the implicit function theorem, or a refusal where it does not hold.  In reading order: `observing`
(what a solver sees), `newton` (a root and its derivatives), `optima` (the conditions of an optimum
as such a root), `active` (which bounds and constraints hold there), `results`; then SciPy's
functions: `roots`, `minimizers`, `fitting`, `linear`, `elementwise`; `handlers` lists them.
"""
