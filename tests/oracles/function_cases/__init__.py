"""Idioms of plain NumPy user code, one row each: a name, a function and a point away from kinks.

`test_functions.py` compares every row with an oracle, `test_modes_agree.py` and `test_nesting.py`
run every row through every mode.  The oracle of a row is "complex step" where the function is
analytic and NumPy takes complex arrays throughout it, else "differences"; both (`oracles.py`) call
plain NumPy only.  The tables lie beside this file, by family of functions.
"""

from function_cases.aliases import ALIASES
from function_cases.case import DIFF as DIFF
from function_cases.case import STEP as STEP
from function_cases.case import Case as Case
from function_cases.case import expected_jacobian as expected_jacobian
from function_cases.elementwise import CLEANING, COMPLEX, ELEMENTWISE, OPTIONS
from function_cases.linear import LINEAR
from function_cases.loops import LOOPS
from function_cases.matrices import MATRICES
from function_cases.methods import METHODS, READING
from function_cases.operators import OPERATORS, RESULTS
from function_cases.rare import RARE, RARER
from function_cases.reductions import REDUCTIONS, UFUNC_METHODS
from function_cases.selection import SELECTION
from function_cases.writing import WRITING

CASES = [
    *RARER,
    *ELEMENTWISE,
    *OPTIONS,
    *OPERATORS,
    *RESULTS,
    *SELECTION,
    *REDUCTIONS,
    *LINEAR,
    *CLEANING,
    *COMPLEX,
    *UFUNC_METHODS,
    *METHODS,
    *READING,
    *WRITING,
    *LOOPS,
    *ALIASES,
    *RARE,
    *MATRICES,
]
