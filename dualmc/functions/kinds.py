"""Which functions of NumPy return arrays of no dimensions, where most return numbers.

The two differ where they are written to: ``total += v`` writes into an array, which others may hold
too, and gives the name of a number to a new one.  Ufuncs, reductions and most other functions
return a number; the functions here return an array.
"""

import functools

import numpy as np

from dualmc.duals.dual import Dual

# Whose handlers these are.
from dualmc.functions import complex_numbers, composite, creation  # noqa: F401
from dualmc.functions.moving import joining, selection  # noqa: F401
from dualmc.functions.products import bilinear  # noqa: F401
from dualmc.functions.summing import statistics  # noqa: F401
from dualmc.rules.registry import FUNCTIONS, Entry

ARRAYS = (
    np.copy, np.where, np.select, np.block, np.cov, np.roll, np.tile, np.resize, np.real_if_close,
    np.zeros_like, np.ones_like, np.empty_like, np.full_like, np.tensordot, np.linalg.tensordot,
)  # fmt: skip

# Numbers, although they are made of arrays here.
NUMBERS = (np.nan_to_num, np.std, np.var)


def _register(functions, convert):
    for function in functions:
        entry = FUNCTIONS[function]
        FUNCTIONS[function] = Entry(entry.kind, _converted(entry.handler, convert))


def _converted(handler, convert):
    @functools.wraps(handler)
    def run(*args, **kwargs):
        y = handler(*args, **kwargs)
        return convert(y) if type(y) is Dual and not y.shape else y

    return run


_register(ARRAYS, Dual.as_array)
_register(NUMBERS, Dual.as_number)
