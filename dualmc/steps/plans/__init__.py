"""Plans: how an operation on operands of known signatures is carried out, decided once.

A plan is a closure made by a family's maker for one function and the signatures of its operands
(`duals/signatures.py`).  It computes the primal by NumPy, launches one kernel and makes one Dual;
what a signature does not tell (an ended call, other levels, an exact zero beside an infinity) it
checks, and returns None where the general handler is to do it.  To be read in this order:
`results.py`, `elementwise.py`, `finding.py`.
"""
