"""The array that carries a tangent: what a Dual is, how parts of it are read and written, and what
may stand beside it.

In come arrays of users and the tangents of `tangents/`; out go Duals, which the rooms above compute
with.  This room uses `tangents/` and what lies below.  To be read in this order: `dual.py` (the
class, and the list of all that is done to it), `conversions.py`, `levels.py`, `ended.py` (what is
left when a call has ended; `holders.py` finds where), `operands.py`; `views.py`, `indexing.py`,
`writing.py`; `signatures.py`, and by these `move_plans.py` (plans of views and gathers);
`recorded.py`; `subclasses.py`, `elements.py`, `beside.py` (arrays that mean more than an array);
`weak.py`, `choices.py`, `halving.py`, `equalities.py` (what comparisons tell).
"""
