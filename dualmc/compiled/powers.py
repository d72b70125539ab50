"""Powers of Duals.

``x**k`` for a whole number k is repeated multiplication, and its partial ``k x**(k - 1)`` exact;
other exponents have the partials of `rules/table.py`, and in nested Duals the textbook's, which can
be derived again.
"""

import math
import operator

import numpy as np
from numba.core import types
from numba.extending import overload

from dualmc.compiled.dual_type import is_dual, promoted
from dualmc.compiled.elementary import compiled_partial
from dualmc.compiled.intrinsics import as_dual, chained, chained_both, value_of
from dualmc.rules.table import RULES, select

_BASE, _EXPONENT = RULES[np.power].partials


def _textbook_base(a, b, y):
    return select(b == 0, 0.0, b * a ** (b - 1.0))


def _textbook_exponent(a, b, y):
    return select((a == 0) & (y == 0), 0.0, y * np.log(a))


def _partials(kind):
    texts = (_textbook_base, _textbook_exponent) if is_dual(kind.inner) else (_BASE, _EXPONENT)
    return [compiled_partial(text, kind.inner) for text in texts]


def _whole(function, k):
    """``x**k`` for a constant whole number k, written by `function`."""
    if k == 0:
        return lambda a, b: as_dual(a, function(value_of(a), k))
    before = k - 1
    if function in (np.power, np.float_power):  # not multiplied, to the bit

        def ufunc(a, b):
            v = value_of(a)
            return chained(a, function(v, k), k * v**before, a)

        return ufunc

    def power(a, b):
        v = value_of(a)
        return chained(a, v**k, k * v**before, a)

    return power


def _power(function):
    @overload(function, prefer_literal=True)
    def chosen(a, b):
        kind = promoted(a, b)
        if kind is None:
            return None
        if is_dual(a) and isinstance(b, types.IntegerLiteral) and function is not math.pow:
            if abs(b.literal_value) <= 64:
                return _whole(function, b.literal_value)
        if is_dual(a) and isinstance(b, types.Integer):

            def to_integer(a, b):
                v = value_of(a)
                d = 0.0 * v if b == 0 else b * v ** (b - 1)
                return chained(kind, function(v, b), d, a)

            return to_integer
        p, q = _partials(kind)
        active = [is_dual(t) and t.depth == kind.depth for t in (a, b)]
        if all(active):

            def both(a, b):
                u, v = value_of(as_dual(kind, a)), value_of(as_dual(kind, b))
                y = function(u, v)
                return chained_both(kind, y, p(u, v, y), a, q(u, v, y), b)

            return both
        if active[0]:

            def of_base(a, b):
                u = value_of(as_dual(kind, a))
                y = function(u, b)
                return chained(kind, y, p(u, b, y), a)

            return of_base

        def of_exponent(a, b):
            v = value_of(as_dual(kind, b))
            y = function(a, v)
            return chained(kind, y, q(a, v, y), b)

        return of_exponent


for _function in (operator.pow, operator.ipow, pow, math.pow, np.power, np.float_power):
    _power(_function)
