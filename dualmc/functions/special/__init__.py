"""Functions of scipy.special that are no rows: these stand in `rules/special/`.

Loaded when SciPy has been imported by somebody and a Dual is there.  May use the families below,
and `steps/`, to push a rule that depends on an argument.  In reading order: `handlers.py` (two
outputs, Python functions, and those that refuse by name), `spherical.py`.
"""
