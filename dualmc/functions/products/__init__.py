"""Products of arrays, differentiated by the product rule, one operand at a time.

In come two operands or more, of which any may be Duals; out goes their product.  May use `moving/`
and what is below.  In reading order: `bilinear.py` (the functions), `contraction.py` (how a tangent
is contracted with the other operand), `planned.py`, `einsum.py`, `recorded_einsum.py` (its one step
on a tape).
"""
