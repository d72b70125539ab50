"""Adapted copies of functions, classes and modules of the user's, none of which is modified.

A `World` is asked for the copy of a value and remembers it; what was exchanged since, it follows.
In reading order: `as_is.py`, what is left alone; `uses.py`, what code does with names;
`exchanged.py`, what a copy was made of; `namespace.py`, the global names of copies; `functions.py`,
`classes.py` and `modules.py`, the copies; `world.py`, which joins them.  It uses `standins/`.
"""
