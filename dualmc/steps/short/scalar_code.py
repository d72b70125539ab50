"""Scalar code: sums, products and functions of numbers with a `NumberTangent`, in Python floats.

Python's arithmetic on floats is NumPy's on float64, bit for bit.  Whatever is not finite gets None
and goes the general way, which has NumPy's warnings and the strong zeros.
"""

from math import isfinite

import numpy as np
from numpy import asarray, float64

from dualmc.duals.dual import Dual, make
from dualmc.kernels import stamped
from dualmc.rules.table import RULES
from dualmc.tangents.number_tangent import FEW, NumberTangent

_add, _subtract, _multiply, _divide = np.add, np.subtract, np.multiply, np.divide
_square, _negative = np.square, np.negative
# Whole numbers that a float holds exactly.
EXACT = 2**53

_unary_partials: dict = {}
_binary_partials: dict = {}


def push_unary(ufunc, x, t):
    """A function of a number; None: not here."""
    if not t.level.open:
        return None
    p = x._primal.item()
    if type(p) is not float:  # a Dual of an outer call
        return None
    if ufunc is _square:
        y, s = p * p, 2.0 * p
        if not isfinite(y):
            return None
    elif ufunc is _negative:
        y, s = -p, -1.0
    else:
        partial = _unary_partials.get(ufunc)
        if partial is None:
            partial = _unary_partials[ufunc] = _partial_of_one(ufunc)
        if partial is False:
            return None
        y = ufunc(x._primal)
        if type(y) is not float64:
            return None
        s = partial(p, y.item())
    return _scaled(y, t, s)


def _partial_of_one(ufunc):
    rule = RULES.get(ufunc)
    if rule is None or not rule.kernel or len(rule.partials) != 1:
        return False
    return stamped.partial_of_one(ufunc, rule.partials[0]) if callable(rule.partials[0]) else False


def push_power(x, t, c):
    """``x ** c`` for a plain number `c`, rounded as by NumPy's scalars; None: not here."""
    if not t.level.open or type(c) is int and not -EXACT <= c <= EXACT:
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
    if c == 2:
        s = 2.0 * p
    else:
        partials = _partials(np.power)
        s = partials[0](p, float(c), y)
    return _scaled(y, t, s)


def push_binary(ufunc, a, b):
    """A function of number `a` and `b`; None: not here."""
    t = a._tangent
    level = t.level
    if not level.open:
        return None
    if type(b) is Dual:
        u = b._tangent
        if type(u) is not NumberTangent or u.level is not level:
            return None
        return _push_two(ufunc, a, t, b, u)
    b = _number(b)
    return None if b is None else _push_constant(ufunc, 0, a, t, b)


def push_reflected(ufunc, a, b):
    """The same for a plain `a` and number `b`."""
    u = b._tangent
    a = _number(a) if u.level.open else None
    return None if a is None else _push_constant(ufunc, 1, b, u, a)


def _number(c):
    """A plain number as a float, or None."""
    kind = type(c)
    if kind is float:
        return c
    if kind is float64 or kind is int and -EXACT <= c <= EXACT:
        return float(c)
    return None


def _push_two(ufunc, a, t, b, u):
    p, q = a._primal.item(), b._primal.item()
    if type(p) is not float or type(q) is not float:
        return None
    if ufunc is _multiply:
        y, s, r = p * q, q, p
    elif ufunc is _add:
        y, s, r = p + q, 1.0, 1.0
    elif ufunc is _subtract:
        y, s, r = p - q, 1.0, -1.0
    elif ufunc is _divide:
        if q == 0.0:
            return None
        y, s = p / q, 1.0 / q
        r = -(y / q)
    else:
        partials = _partials(ufunc)
        if partials is False:
            return None
        y = ufunc(a._primal, b._primal)
        s, r = partials[0](p, q, y.item()), partials[1](p, q, y.item())
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
        found = {c: v * s for c, v in zip(cols, t.values, strict=True)}
        for c, w in zip(u.cols, u.values, strict=True):
            found[c] = found.get(c, 0.0) + w * r
        if len(found) > FEW:
            return None
        cols = tuple(sorted(found))
        values = tuple([found[c] + 0.0 for c in cols])
    return make(asarray(y), NumberTangent(t.level, cols, values), t.level)


def _push_constant(ufunc, argnum, x, t, c):
    p = x._primal.item()
    if type(p) is not float:
        return None
    if ufunc is _multiply:
        if c == 0.0:
            return None  # the product does not depend on the inputs, even at infinity
        y, s = p * c, c
    elif ufunc is _add:
        y, s = p + c, 1.0
    elif ufunc is _subtract:
        y, s = (p - c, 1.0) if argnum == 0 else (c - p, -1.0)
    elif ufunc is _divide:
        divisor = c if argnum == 0 else p
        if divisor == 0.0:
            return None
        if argnum == 0:
            y, s = p / c, 1.0 / c
        else:
            y = c / p
            s = -(y / p)
    else:
        partials = _partials(ufunc)
        if partials is False:
            return None
        primals = (x._primal, c) if argnum == 0 else (c, x._primal)
        y = ufunc(*primals)
        s = partials[argnum](*((p, c) if argnum == 0 else (c, p)), y.item())
    return _scaled(y, t, s) if isfinite(y) else None


def _scaled(y, t, s):
    """The number `y` with the tangent ``s * t``, for a finite `s`."""
    if s != 1.0:
        if not isfinite(s):
            return None
        values = t.values
        if len(values) == 1:
            values = (values[0] * s + 0.0,)  # no -0
        else:
            values = tuple([v * s + 0.0 for v in values])
        t = NumberTangent(t.level, t.cols, values)
    return make(asarray(y), t, t.level)


def _partials(ufunc):
    """The two partials as functions of numbers, or False."""
    found = _binary_partials.get(ufunc)
    if found is None:
        rule = RULES.get(ufunc)
        found = False
        if (
            rule is not None
            and rule.kernel
            and len(rule.partials) == 2
            and rule.alone is None
            and not rule.chooses
            and all(map(callable, rule.partials))
        ):
            found = tuple(stamped.partial_of_two(ufunc, i, rule.partials[i]) for i in (0, 1))
        _binary_partials[ufunc] = found
    return found
