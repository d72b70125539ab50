"""One differentiation's passes through f: comes in a checked request (`calls`), go out the value of
f and the columns or rows of its Jacobian, or the tape.

`forward_pass.py` pushes seeds through f, in chunks where memory asks for it; `reverse_pass.py`
records f once and sweeps it back.  The verbs' files above say what becomes of the results.  The
room may use `calls` and all below.
"""
