"""Operators of Python's floats with derivatives: they give floats, or raise what floats raise.

A number that came into f as a float of Python's, or that ``float`` or `math` made, is one until it
meets an array or a number of NumPy's.  What ``float`` made raises at a division by zero.
"""

import operator

import numpy as np

from dualmc.duals.dual import Dual
from dualmc.kernels.payload import values

_PLAIN = frozenset({float, int, bool})
# Operators that raise where the second number is 0.
RAISING = frozenset({operator.truediv, operator.floordiv, operator.mod, divmod})


def is_float(a):
    """Whether `a` is a float of Python's, or a whole number."""
    return type(a) in _PLAIN or type(a) is Dual and hasattr(a, "pythons")


def noted(y, *operands):
    """`y`, if it is a new Dual, as a float of Python's, which raises where its `operands` do."""
    if type(y) is Dual and not y._primal.ndim:
        y.level.floats = True
        y.pythons = _raises(operands)
        y._signature = None
    return y


def _raises(operands):
    """Whether all Duals among `operands` were made by `float`, or of such.

    What came in as a float of Python's is infinite by 0 all the same: 0.0 is how x is written.
    """
    return bool(operands) and all(a.pythons for a in operands if type(a) is Dual)


def check(function, a, b):
    """Raise what ``function(a, b)`` raises of two floats of Python's."""
    if not (b._primal if type(b) is Dual else b) and _raises((a, b)):
        function(_value(a), _value(b))


def _value(a):
    return values(a).item() if type(a) is Dual else a


def power(a, b):
    """``a ** b`` of two floats; of a negative one the complex root, as of Python's."""
    raises = _raises((a, b))
    value = operator.pow(_value(a), _value(b)) if raises else None
    given = a, b
    a, b = _numpys(a), _numpys(b)
    if type(value) is not complex:
        return noted(a**b, *given)
    y = np.power(np.astype(a, np.complex128) if type(a) is Dual else complex(a), b)
    if type(y.primal) is np.ndarray:
        y.replace_primal(np.asarray(value))
    return y


def _numpys(a):
    """The number `a` as one of NumPy's."""
    return a.as_number() if type(a) is Dual else a
