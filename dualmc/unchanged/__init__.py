"""Plain NumPy and SciPy code as it is: f runs as a copy whose names lead to what serves Duals.

In comes the user's function, out goes the callable to run in its place; the room uses the graph,
the functions and the rooms below them.  In reading order: `adapt.py`, what a call asks for;
`copies/`, how functions, classes and modules are copied; `standins/`, what they find in place of
NumPy's functions, Python's builtins and math; `foreign.py`, which enters the stand-ins for
libraries once those are imported; `scipy/` and `masked/`, these stand-ins; `registered.py`, which
enters the user's; `attributes.py`, what else an ndarray has, for Duals.
"""
