"""Functions of Duals whose value is constant between jumps, or says something of the primal.

Their results are plain numbers, which have no derivative; remainders, parts of numbers and
roundings to digits are Duals.
"""

import math
import operator

import numpy as np
from numba.core import types
from numba.extending import overload

from dualmc.compiled.scalars.dual_type import is_dual, promoted
from dualmc.compiled.scalars.elementary import of_two
from dualmc.compiled.scalars.intrinsics import as_dual, chained, flat, primal_of, value_of
from dualmc.rules.table import RULES

FIRST = {"target": "cpu"}  # asked before what Numba answers for all types

JUMPS = (np.sign, np.floor, np.ceil, np.trunc, np.rint, np.fix)
TESTS = (np.isnan, np.isinf, np.isfinite, np.signbit)
OF_MATH = (math.floor, math.ceil, math.trunc, math.isnan, math.isinf, math.isfinite)
OF_NUMBERS = (np.spacing, np.angle, np.isreal, np.iscomplex, np.logical_not)
OF_TWO = (
    np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal,
    np.logical_and, np.logical_or, np.logical_xor, np.floor_divide, operator.floordiv,
    operator.ifloordiv,
)  # fmt: skip


def _of_primal(function):
    @overload(function)
    def chosen(x):
        return (lambda x: function(primal_of(x))) if is_dual(x) else None


for _function in (*JUMPS, *TESTS, *OF_MATH, *OF_NUMBERS):
    _of_primal(_function)


def _of_primals(function):
    @overload(function)
    def chosen(a, b):
        if promoted(a, b) is None:
            return None
        return lambda a, b: function(primal_of(a), primal_of(b))


for _function in OF_TWO:
    _of_primals(_function)


@overload(np.isscalar, **FIRST)
def _isscalar(element):
    return (lambda element: True) if is_dual(element) else None


@overload(np.isclose)
def _isclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
    if promoted(a, b) is None:
        return None

    def close(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
        return np.isclose(primal_of(a), primal_of(b), rtol, atol, equal_nan)

    return close


@overload(np.allclose)
def _allclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
    if promoted(a, b) is None:
        return None

    def close(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
        return np.allclose(primal_of(a), primal_of(b), rtol, atol, equal_nan)

    return close


# --- Remainders, roundings, parts -----------------------------------------------------------------

for _function in (operator.mod, operator.imod):
    overload(_function)(of_two(_function, np.remainder, RULES[np.remainder]))


def _with_remainder(function):
    @overload(function)
    def chosen(a, b):
        if promoted(a, b) is None:
            return None
        return lambda a, b: (function(primal_of(a), primal_of(b))[0], a % b)


for _function in (divmod, np.divmod):
    _with_remainder(_function)


@overload(round)
def _round(x, ndigits=None):
    if not is_dual(x):
        return None
    if ndigits is None or isinstance(ndigits, (types.NoneType, types.Omitted)):
        return lambda x, ndigits=None: round(primal_of(x))
    return lambda x, ndigits=None: flat(x, round(primal_of(x), ndigits))


def _scaled_by_power_of_two(function):
    @overload(function)
    def chosen(x, i):
        if not (is_dual(x) and isinstance(i, types.Integer)):
            return None
        return lambda x, i: chained(x, function(value_of(x), i), math.ldexp(1.0, i), x)


for _function in (math.ldexp, np.ldexp):
    _scaled_by_power_of_two(_function)


@overload(math.frexp)
def _frexp(x):
    if not is_dual(x):
        return None

    def parts(x):
        _, e = math.frexp(primal_of(x))
        return math.ldexp(x, -e), e

    return parts


def _neighbour(function):
    @overload(function)
    def chosen(x, y):
        kind = promoted(x, y)
        if kind is None:
            return None
        if is_dual(x) and kind == x:
            return lambda x, y: chained(x, function(primal_of(x), primal_of(y)), 1.0, x)
        return lambda x, y: as_dual(kind, function(primal_of(x), primal_of(y)))


_neighbour(math.nextafter)


@overload(np.heaviside)
def _heaviside(a, b):
    if promoted(a, b) is None:
        return None

    def step(a, b):
        u = primal_of(a)
        return 0.0 * b if u < 0 else (1.0 + 0.0 * b if u > 0 else 1.0 * b)

    return step


# --- Reductions of one number ---------------------------------------------------------------------


def _itself(function):
    @overload(function)
    def chosen(a):
        return (lambda a: a) if is_dual(a) else None


for _function in (np.sum, np.prod, np.max, np.min, np.mean, np.conjugate):
    _itself(_function)


@overload(np.size)
def _size(a):
    return (lambda a: 1) if is_dual(a) else None
