"""Plans of scalar code: sums, products and functions of numbers with a `NumberTangent`.

Python's arithmetic on floats is NumPy's on float64, bit for bit.  Whatever is not finite is left to
the general handlers, which have NumPy's warnings and the strong zeros.
"""

from math import isfinite

import numpy as np
from numpy import asarray, float64

from dualmc.duals.signatures import NUMBERS, made
from dualmc.kernels import stamped
from dualmc.rules.table import RULES
from dualmc.tangents.number_tangent import FEW, NumberTangent, of_slots
from dualmc.tangents.slots import SparseTangent

# Whole numbers that a float holds exactly.
EXACT = 2**53


def of_one(ufunc):
    """The plan of a function of a number, or None."""
    if ufunc is np.negative:
        return lambda x: _scaled(-x._primal.item(), x._tangent, -1.0)
    if ufunc is np.square:
        return _square
    rule = RULES.get(ufunc)
    if rule is None or not rule.kernel or len(rule.partials) != 1 or rule.check is not None:
        return None
    if not callable(rule.partials[0]):
        return None
    partial = stamped.partial_of_one(ufunc, rule.partials[0])

    def plan(x):
        t = x._tangent
        if not t.level.open:
            return None
        y = ufunc(x._primal)
        if type(y) is not float64:
            return None
        return _scaled(y, t, partial(x._primal.item(), y.item()))

    return plan


def _square(x):
    p = x._primal.item()
    y = p * p
    return _scaled(y, x._tangent, 2.0 * p) if isfinite(y) else None


def power(x, c):
    """``x ** c`` for a plain number `c`, rounded as by NumPy's scalars; None: not here.

    So is the derivative, of which the power is a part, whatever holds the few columns of x.
    """
    if type(c) is int and not -EXACT <= c <= EXACT:
        return None
    t = x._tangent
    if type(t) is not NumberTangent:
        if type(t) is not SparseTangent or x._view is not None or not x.level.open:
            return None
        t = of_slots(t.level, t.coef, t.col)
        if t is None:
            return None
    p = x._primal.item()
    if type(p) is not float:
        return None
    try:
        y = p**c
    except (ZeroDivisionError, OverflowError):
        return None
    if type(y) is not float or not isfinite(y):  # a complex root
        return None
    return _scaled(y, t, 2.0 * p if c == 2 else _partials(np.power)[0](p, float(c), y))


def of_two(ufunc):
    """The plan of a function of two numbers, or None."""
    found = _found(ufunc)
    if found is None:
        return None

    def plan(a, b):
        t, u = a._tangent, b._tangent
        level = t.level
        if not level.open or u.level is not level:
            return None
        try:
            y, s, r = found(a._primal.item(), b._primal.item())
        except ZeroDivisionError:
            return None
        if not (isfinite(y) and isfinite(s) and isfinite(r)):
            return None
        cols = t.cols
        if cols == u.cols:  # + 0.0: no -0
            values = tuple([v * s + w * r + 0.0 for v, w in zip(t.values, u.values, strict=True)])
        elif len(cols) == 1 == len(u.cols):
            cols, values = cols + u.cols, (t.values[0] * s + 0.0, u.values[0] * r + 0.0)
            if cols[0] > cols[1]:
                cols, values = cols[::-1], values[::-1]
        else:
            sums = {c: v * s for c, v in zip(cols, t.values, strict=True)}
            for c, w in zip(u.cols, u.values, strict=True):
                sums[c] = sums.get(c, 0.0) + w * r
            if len(sums) > FEW:
                return None
            cols = tuple(sorted(sums))
            values = tuple([sums[c] + 0.0 for c in cols])
        return made(asarray(y), NumberTangent(level, cols, values), level, NUMBERS)

    return plan


def _quotient(p, q):
    y = p / q
    return y, 1.0 / q, -(y / q)


# By function: the value and both partials.
_FACTORS = {
    np.add: lambda p, q: (p + q, 1.0, 1.0),
    np.subtract: lambda p, q: (p - q, 1.0, -1.0),
    np.multiply: lambda p, q: (p * q, q, p),
    np.divide: _quotient,
}


def _found(ufunc):
    """What gives these of two numbers, or None."""
    found = _FACTORS.get(ufunc)
    if found is not None:
        return found
    partials = _partials(ufunc)
    if partials is None:
        return None
    first, second = partials

    def by_rule(p, q):
        y = ufunc(p, q).item()
        return y, first(p, q, y), second(p, q, y)

    return by_rule


def beside_constant(ufunc, argnum, signature, kind):
    """The plan for a number, argument `argnum`, and a plain one of type `kind`; or None."""
    found, partials = _FACTORS.get(ufunc), None
    if found is None:
        partials = _partials(ufunc)
        if partials is None:
            return None
        partial = partials[argnum]
    is_product, is_int = ufunc is np.multiply, kind is int

    def plan(a, b):
        x, c = (b, a) if argnum else (a, b)
        if is_int and not -EXACT <= c <= EXACT or is_product and c == 0:
            return None  # the product does not depend on the inputs, even at infinity
        p, q = (float(c), x._primal.item()) if argnum else (x._primal.item(), float(c))
        if partials is None:
            try:
                y, *slopes = found(p, q)
            except ZeroDivisionError:
                return None
            s = slopes[argnum]
        else:
            y = ufunc(p, q).item()
            s = partial(p, q, y)
        return _scaled(y, x._tangent, s) if isfinite(y) else None

    return plan


def _scaled(y, t, s):
    """The number `y` with the tangent ``s * t``, for a finite `s`; None: not here."""
    level = t.level
    if not level.open:
        return None
    if s != 1.0:
        if not isfinite(s):
            return None
        values = t.values
        if len(values) == 1:
            values = (values[0] * s + 0.0,)  # no -0
        else:
            values = tuple([v * s + 0.0 for v in values])
        t = NumberTangent(level, t.cols, values)
    return made(asarray(y), t, level, NUMBERS)


def _partials(ufunc):
    """The two partials as functions of numbers, or None."""
    rule = RULES.get(ufunc)
    if rule is None or not rule.kernel or len(rule.partials) != 2 or rule.check is not None:
        return None
    if rule.alone is not None or rule.chooses or not all(map(callable, rule.partials)):
        return None
    return [stamped.partial_of_two(ufunc, i, partial) for i, partial in enumerate(rule.partials)]
