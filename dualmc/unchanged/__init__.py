"""Plain NumPy and SciPy code as it is: its names lead to what serves Duals while a call runs.

In comes the user's function, which is called; the room uses the graph, the functions and the rooms
below them.  In reading order: `adapt.py`, what a call asks for; `as_is.py`, what is left alone;
`code/`, how code is exchanged in place; `standins/`, what they find in place of
NumPy's functions, Python's builtins and math; `foreign.py`, which enters the stand-ins for
libraries once those are imported; `scipy/` and `masked/`, these stand-ins; `registered.py`, which
enters the user's; `attributes.py`, what else an ndarray has, for Duals.
"""
