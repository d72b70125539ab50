"""The short ways: operands of plain float64 numbers, with as little Python as possible.

Each function takes what a general handler takes and gives the Dual with the same numbers, or None
where an operand is not what it serves.  To be read in this order: `plain.py` (which operands these
are), `scalar_code.py` and `numbers.py` (numbers), `vectors.py` (arrays of one shape), `blocks.py`,
`spread.py`.
"""
