"""Masked arrays whose data carry their derivative, and numpy.ma's functions of them.

numpy.ma itself decides what is masked.  `array.py` has the class, `methods.py` what NumPy's own
functions and operators do with it, `functions.py` the stand-ins for numpy.ma; `foreign.py` imports
them when numpy.ma is imported.  They use `standins/table.py` and the rooms below.
"""
