"""A function recorded as a graph: its arrays are Traced, every operation on them becomes a node.

In come arguments and a function; out goes the graph that `explain` and `prepare` work on.  This
room uses what lies below, `functions/` through the registry.  To be read in this order: `nodes.py`,
`traced.py` (the class, and the list of all that is done to it), `record.py`; `protocols.py`,
`operators.py`, `methods.py`, `views.py`, `returning.py`; `events.py` (what a replay must check).
"""
