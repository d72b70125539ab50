"""What users declare of their functions, and conversions of numbers: the same of Duals.

`conversions` (numbers as another type), `declared` (signatures given to `njit`, types of local
variables, options).
"""
