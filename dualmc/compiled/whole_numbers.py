"""Functions of Duals whose value is constant between jumps, or says something of the primal.

Their results are plain numbers, which have no derivative; remainders and roundings to digits are
Duals.
"""

import math
import operator

import numpy as np
from numba.core import types
from numba.extending import overload

from dualmc.compiled.dual_type import is_dual, promoted
from dualmc.compiled.elementary import of_two
from dualmc.compiled.intrinsics import as_dual, chained, primal_of, value_of
from dualmc.rules.table import RULES

JUMPS = (np.sign, np.floor, np.ceil, np.trunc, np.rint, np.fix)
TESTS = (np.isnan, np.isinf, np.isfinite, np.signbit)
OF_MATH = (math.floor, math.ceil, math.trunc, math.isnan, math.isinf, math.isfinite)


def _of_primal(function):
    @overload(function)
    def chosen(x):
        return (lambda x: function(primal_of(x))) if is_dual(x) else None


for _function in (*JUMPS, *TESTS, *OF_MATH):
    _of_primal(_function)


def _floored(function):
    @overload(function)
    def chosen(a, b):
        if promoted(a, b) is None:
            return None
        return lambda a, b: function(primal_of(a), primal_of(b))


for _function in (operator.floordiv, operator.ifloordiv, np.floor_divide):
    _floored(_function)


for _function in (operator.mod, operator.imod):
    overload(_function)(of_two(_function, np.remainder, RULES[np.remainder]))


@overload(round)
def _round(x, ndigits=None):
    if not is_dual(x):
        return None
    if ndigits is None or isinstance(ndigits, (types.NoneType, types.Omitted)):
        return lambda x, ndigits=None: round(primal_of(x))
    return lambda x, ndigits=None: as_dual(x, round(primal_of(x), ndigits))


@overload(np.heaviside)
def _heaviside(a, b):
    if promoted(a, b) is None:
        return None

    def step(a, b):
        u = primal_of(a)
        return 0.0 * b if u < 0 else (1.0 + 0.0 * b if u > 0 else 1.0 * b)

    return step


def _ldexp(function):
    @overload(function)
    def chosen(x, i):
        if not is_dual(x) or not isinstance(i, types.Integer):
            return None
        return lambda x, i: chained(x, function(value_of(x), i), function(1.0, i), x)


_ldexp(np.ldexp)
_ldexp(math.ldexp)
