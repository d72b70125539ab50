"""How an operation on Duals is carried out: NumPy's protocols and operators, by rules' partials.

In come the operands of one ufunc or operator, at least one of them a Dual; out goes the Dual of the
result.  This room uses `duals/`, `tangents/`, `kernels/` and `rules/`.  To be read in this order:
`protocols.py`, `operators.py`, `elementwise.py` (the general way, which defines what is right),
`flat.py`, `accumulating.py`; then what is decided once for common operands, with the same results:
on a tape `recording.py`, else `plans/`, and `lists.py` (lists of numbers).
"""
