"""Plans of element-wise functions: one Dual, beside a constant, or beside one of the same columns.

The makers give a plan, or None where the general handler does better.  All coefficients of a
tangent change alike, whether they are slots' or the factor of a block.
"""

import numpy as np
from numpy import asarray, ascontiguousarray

from dualmc.duals.signatures import FLOAT64, SLOTS, made
from dualmc.kernels import stamped
from dualmc.kernels.compiling import entry
from dualmc.rules.table import RULES
from dualmc.steps.plans.results import FINISH, room_for

_NO_NUMBER = ()


def rule_of(ufunc, count):
    """The rule of a ufunc of `count` float64 numbers that kernels are made for, or None."""
    rule = RULES.get(ufunc)
    if rule is None or not rule.kernel or rule.check is not None or rule.integer:
        return None
    if len(rule.partials) != count or f"{'d' * count}->d" not in ufunc.types:
        return None
    return rule


class Way:
    """What all plans for one signature have in common."""

    __slots__ = ("is_slots", "is_c", "is_number", "own", "shape", "room", "finish", "ndim")

    def __init__(self, signature):
        own = signature.own
        self.is_slots = own.kind is SLOTS
        self.is_c = signature.is_c
        self.is_number = not own.shape
        self.own = own if self.is_c else None
        self.ndim = len(own.shape)
        self.shape = (own.width if self.is_slots else 1, *own.shape)
        self.room = room_for(self.shape)
        self.finish = FINISH[own.kind]


# --- One Dual ------------------------------------------------------------------------------------


def of_one(ufunc, signature):
    rule = rule_of(ufunc, 1)
    if rule is None:
        return None
    (partial,) = rule.partials
    way = Way(signature)
    if not callable(partial):
        return _linear(ufunc, way, partial)
    is_slots, is_c, is_number, own = way.is_slots, way.is_c, way.is_number, way.own
    shape, room, finish, ndim = way.shape, way.room, way.finish, way.ndim
    kernel = entry(stamped.push_one(ufunc, partial), ndim, ndim, ndim + 1, ndim + 1)

    def plan(x):
        level = x.level
        if not level.open:
            return None
        p, t = x._primal, x._tangent
        y = ufunc(p)
        if is_number:
            y = asarray(y)
        out = room(shape)
        rows = t.coef if is_slots else t.scale
        if is_c:
            kernel(p, y, rows, out)
        else:
            kernel(ascontiguousarray(p), ascontiguousarray(y), rows, out)
        return finish(y, t, out, level, own)

    return plan


def _linear(ufunc, way, factor, argnum=0, kind=_NO_NUMBER):
    """A function with the constant partial `factor`, perhaps beside a number of type `kind`."""
    if factor == 0:
        return None
    is_slots, is_number, own = way.is_slots, way.is_number, way.own
    shape, room, finish, ndim = way.shape, way.room, way.finish, way.ndim
    is_same, is_int = factor == 1, kind is int
    kernel = None if is_same else entry(stamped.times_number, ndim + 1, FLOAT64, ndim + 1)

    def plan(x, c=_NO_NUMBER):
        if argnum:
            x, c = c, x
        level = x.level
        if not level.open:
            return None
        p, t = x._primal, x._tangent
        if c is _NO_NUMBER:
            y = ufunc(p)
        else:
            y = ufunc(c, p) if argnum else ufunc(p, c)
        if is_number:
            y = asarray(y)
        if is_int and y.dtype is not FLOAT64:
            return None
        if is_same:
            return made(y, t, level, own)
        out = room(shape)
        kernel(t.coef if is_slots else t.scale, factor, out)
        return finish(y, t, out, level, own)

    return plan


# --- A Dual and a constant -----------------------------------------------------------------------


def beside_constant(ufunc, argnum, signature, kind):
    """The Dual is argument `argnum`, beside a number of type `kind`."""
    rule = rule_of(ufunc, 2)
    if rule is None:
        return None
    partial = (rule.partials if rule.alone is None else rule.alone)[argnum]
    if not callable(partial):
        return _linear(ufunc, Way(signature), float(partial), argnum, kind)
    return _beside_number(ufunc, argnum, Way(signature), kind, rule, partial)


def _beside_number(ufunc, argnum, way, kind, rule, partial):
    is_slots, is_c, is_number, own = way.is_slots, way.is_c, way.is_number, way.own
    shape, room, finish, ndim = way.shape, way.room, way.finish, way.ndim
    is_int = kind is int
    # Where a partial of 0 is to hide an infinity, it must meet the block itself.
    may_hide = not is_slots and (rule.chooses or ufunc is np.multiply)
    scales = ufunc is np.multiply or ufunc is np.divide and argnum == 0
    if scales:
        kernel = stamped.multiply_number if ufunc is np.multiply else stamped.divide_by_number
        kernel = entry(kernel, ndim + 1, FLOAT64, ndim + 1)
    else:
        variant = "" if rule.alone is None else "alone"
        kernel = stamped.push_beside_number(ufunc, argnum, partial, variant)
        kinds = (FLOAT64, ndim) if argnum else (ndim, FLOAT64)
        kernel = entry(kernel, *kinds, ndim, ndim + 1, ndim + 1)

    def plan(x, c):
        if argnum:
            x, c = c, x
        level = x.level
        if not level.open:
            return None
        p, t = x._primal, x._tangent
        if may_hide and (not scales or c == 0) and not t.is_finite():
            return None
        y = ufunc(c, p) if argnum else ufunc(p, c)
        if is_number:
            y = asarray(y)
        if is_int:
            if y.dtype is not FLOAT64:
                return None
            c = float(c)
        out = room(shape)
        rows = t.coef if is_slots else t.scale
        if scales:
            kernel(rows, c, out)
        elif is_c:
            kernel(*((c, p) if argnum else (p, c)), y, rows, out)
        else:
            p = ascontiguousarray(p)
            kernel(*((c, p) if argnum else (p, c)), ascontiguousarray(y), rows, out)
        return finish(y, t, out, level, own)

    return plan


def beside_array(ufunc, argnum, signature):
    """The same beside an array of the same shape."""
    rule = rule_of(ufunc, 2)
    if rule is None:
        return None
    partial = (rule.partials if rule.alone is None else rule.alone)[argnum]
    way = Way(signature)
    is_slots, own = way.is_slots, way.own
    shape, room, finish, ndim = way.shape, way.room, way.finish, way.ndim
    is_product = ufunc is np.multiply
    may_hide = not is_slots and rule.chooses
    factor = None if callable(partial) else float(partial)
    if factor == 0:
        return None
    if factor is not None:
        kernel = entry(stamped.times_number, ndim + 1, FLOAT64, ndim + 1)
    elif is_product:
        kernel = entry(stamped.multiply_constant, ndim + 1, ndim, ndim + 1)
    else:
        variant = "" if rule.alone is None else "alone"
        kernel = stamped.push_two(ufunc, argnum, partial, variant)
        kernel = entry(kernel, ndim, np.int64, ndim, np.int64, ndim, ndim + 1, ndim + 1)

    def plan(x, c):
        if argnum:
            x, c = c, x
        level = x.level
        if not level.open or c.dtype is not FLOAT64:
            return None
        p, t = x._primal, x._tangent
        if may_hide and not t.is_finite():
            return None
        rows = t.coef if is_slots else t.scale
        is_c = own is not None and c.flags.carray
        if is_product:
            out = room(shape)
            has_zero = kernel(rows, c if is_c else ascontiguousarray(c), out)
            if has_zero and not is_slots and not t.is_finite():
                return None  # a factor that is exactly 0 must meet the block itself
        y = ufunc(c, p) if argnum else ufunc(p, c)
        signature = own if is_c else None
        if is_product:
            return finish(y, t, out, level, signature)
        if factor == 1:
            return made(y, t, level, signature)
        out = room(shape)
        if factor is not None:
            kernel(rows, factor, out)
        else:
            a, b = (c, p) if argnum else (p, c)
            if is_c:
                kernel(a, 1, b, 1, y, rows, out)
            else:
                a, b = ascontiguousarray(a), ascontiguousarray(b)
                kernel(a, 1, b, 1, ascontiguousarray(y), rows, out)
        return finish(y, t, out, level, signature)

    return plan


# --- Two Duals of the same columns ---------------------------------------------------------------


def of_two(ufunc, first, second, other):
    """Of equal signatures; `other` is the plan for different blocks, or None."""
    rule = rule_of(ufunc, 2)
    if rule is None:
        return other
    way = Way(first)
    is_slots, is_number, ndim = way.is_slots, way.is_number, way.ndim
    shape, room, finish = way.shape, way.room, way.finish
    is_c = first.is_c and second.is_c
    own = first.own if is_c else None
    may_hide = not is_slots and rule.chooses
    sign, is_product = {np.add: 1.0, np.subtract: -1.0}.get(ufunc), ufunc is np.multiply
    if sign is not None:
        kernel = entry(stamped.total, ndim + 1, ndim + 1, FLOAT64, ndim + 1)
    elif ufunc is np.multiply:
        kernel = entry(stamped.scaled_sum, ndim + 1, ndim, ndim + 1, ndim, ndim + 1)
    elif any(map(callable, rule.partials)):
        kernel = stamped.push_both(ufunc, rule.partials)
        kinds = (ndim, np.int64, ndim, np.int64, ndim, ndim + 1, ndim + 1, ndim + 1)
        kernel = entry(kernel, *kinds)
    else:
        return other

    def plan(a, b):
        level = a.level
        if not level.open or b.level is not level:
            return None
        t, u = a._tangent, b._tangent
        if is_slots:
            rows, beside = t.coef, u.coef
        elif t.block is u.block:
            rows, beside = t.scale, u.scale
        else:
            return None if other is None else other(a, b)
        if may_hide and not t.is_finite():
            return None
        p, q = a._primal, b._primal
        y = ufunc(p, q)
        if is_number:
            y = asarray(y)
        out = room(shape)
        if sign is not None:
            kernel(rows, beside, sign, out)
        elif is_product:
            if not is_c:
                p, q = ascontiguousarray(p), ascontiguousarray(q)
            kernel(rows, q, beside, p, out)
        elif is_c:
            kernel(p, 1, q, 1, y, rows, beside, out)
        else:
            p, q, line = ascontiguousarray(p), ascontiguousarray(q), ascontiguousarray(y)
            kernel(p, 1, q, 1, line, rows, beside, out)
        return finish(y, t, out, level, own)

    return plan
