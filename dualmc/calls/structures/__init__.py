"""Structures as x and as what f returns: dicts, lists, tuples, named tuples, dataclasses, nested.

In: what a verb was called with, once it met a structure where an array was expected.  Out: its
result with the structure ``J[out][in]``.  `trees.py` takes structures apart and makes them again;
`flat.py` is f on their leaves; `structured.py` has a function for every verb.  `points.py` takes
arguments apart that have an axis of points, structures of arrays among them, and stacks results.
"""
