"""Powers of Duals.

``x**k`` for a small whole number k has the partial ``k x**(k - 1)`` by multiplication, or from its
own value where k < 0; other exponents have the partials of `rules/table.py`, and in nested Duals
the textbook's, which can be derived again.
"""

import math
import operator

import numpy as np
from numba.core import types
from numba.extending import overload

from dualmc.compiled.scalars.dual_type import is_dual, promoted
from dualmc.compiled.scalars.elementary import compiled_partial, unless
from dualmc.compiled.scalars.intrinsics import as_dual, chained, chained_both, factor_of, value_of
from dualmc.rules.table import RULES, select

_BASE, _EXPONENT = RULES[np.power].partials
# Repeated multiplication costs about half an ulp per power.
_FEW = 16


def _textbook_base(a, b, y):
    # Not 0 for b = 0: its derivative by b is 1/a there.
    return select((a == 0) & (b == 0), 0.0, b * a ** (b - 1.0))


def _textbook_base_alone(a, b, y):
    return select(b == 0, 0.0, b * a ** (b - 1.0))


def _textbook_exponent(a, b, y):
    # 0**b is 0 for b > 0, and its derivatives by b are; but by a they need b > 1 and more.
    return select((a == 0) & (y == 0), select(b > 4, 0.0, np.nan), y * np.log(a))


def _partials(kind, are_both):
    texts = _BASE, _EXPONENT
    if is_dual(kind.inner):
        texts = _textbook_base if are_both else _textbook_base_alone, _textbook_exponent
    return [compiled_partial(text, kind.inner) for text in texts]


def _whole(function, k, kind):
    """``x**k`` for a constant whole number k, written by `function`."""
    before = k - 1
    exponent = float(before)
    if k == 0:
        return lambda a, b: as_dual(kind, function(value_of(a), k))
    if k < 0:

        def root(a, b):
            v = value_of(a)
            y = function(v, k)
            d = k * (y / v) if v != 0 else k * np.power(v, exponent)
            return chained(kind, y, d, a)

        return root
    if before > _FEW and not is_dual(kind.inner):

        def high(a, b):
            v = value_of(a)
            return chained(kind, function(v, k), k * np.power(v, exponent), a)

        return high

    def power(a, b):
        v = value_of(a)
        return chained(kind, function(v, k), k * v**before, a)

    return power


def _to_integer(function, kind):
    """``x**n`` for a whole number n that is known when the code runs."""
    inner, is_nested = kind.inner, is_dual(kind.inner)

    def power(a, b):
        v = value_of(a)
        y = function(v, b)
        if b == 0:
            d = as_dual(inner, 0.0)
        elif b < 0:
            d = as_dual(inner, b * (y / v) if v != 0 else b * np.power(v, b - 1.0))
        elif is_nested or b <= _FEW:
            d = as_dual(inner, b * v ** (b - 1))
        else:
            d = as_dual(inner, b * np.power(v, b - 1.0))
        return chained(kind, y, d, a)

    return power


def _power(function):
    @overload(function, prefer_literal=True)
    def chosen(a, b):
        kind = promoted(a, b)
        if kind is None:
            return None
        if is_dual(a) and isinstance(b, types.IntegerLiteral) and function is not math.pow:
            if abs(b.literal_value) <= 64:
                return _whole(function, b.literal_value, kind)
        if is_dual(a) and isinstance(b, types.Integer):
            return _to_integer(function, kind)
        active = [is_dual(t) and t.depth == kind.depth for t in (a, b)]
        p, q = _partials(kind, all(active))
        inner = kind.inner
        if all(active):

            def both(a, b):
                u, v = value_of(as_dual(kind, a)), value_of(as_dual(kind, b))
                y = function(u, v)
                d = unless(factor_of(a) == 0 and factor_of(b) == 0, as_dual(inner, p(u, v, y)))
                return chained_both(kind, y, d, a, q(u, v, y), b)

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
