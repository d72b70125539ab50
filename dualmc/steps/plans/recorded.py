"""Plans of element-wise functions and products of matrices on a tape.

Operands are float64 arrays and numbers of one level, or plain ones beside such.  A plan computes
the primal, marks what the pullback will need as kept, and records one step: which pullback that is,
with which constants, and the shape of the result are decided when it is made.
"""

import functools
import math

import numpy as np
from numpy import ndarray

from dualmc.cotangents.elementwise import (
    pull_elementwise,
    pull_multiplied,
    pull_scaled,
    pull_times,
    pull_unary,
)
from dualmc.cotangents.quick_partials import Unary
from dualmc.cotangents.sums import pull_matmul
from dualmc.duals.recorded import kept, recorded
from dualmc.duals.signatures import FLOAT64, made, tape_signature
from dualmc.kernels import buffers
from dualmc.steps.plans.elementwise import rule_of
from dualmc.tangents.tape import keep

# Bytes of a result from which fresh pages cost more than looking for a kept buffer.
LARGE = 2**19
PRODUCTS = frozenset({np.matmul, np.dot})


def _in_buffer(ufunc, *primals):
    """``ufunc(*primals)``, a large result, which the tape will hold, in a kept buffer.

    Only where that has the layout that NumPy would choose, on which the rounding of sums depends.
    """
    shape = None
    for p in primals:
        if type(p) is ndarray and p.ndim:
            if p.nbytes < LARGE or not p.flags.c_contiguous or p.shape != (shape or p.shape):
                return ufunc(*primals)
            shape = p.shape
    return ufunc(*primals, out=buffers.empty(shape, FLOAT64))


def _computing(ufunc, signature):
    is_large = 8 * signature.size >= LARGE and ufunc not in PRODUCTS
    return functools.partial(_in_buffer, ufunc) if is_large else ufunc


# --- One Dual ------------------------------------------------------------------------------------


def _unary(ufunc):
    """What the pullback of a function of one argument needs; its constant partials; or None."""
    rule = rule_of(ufunc, 1)
    if rule is None:
        return None
    (partial,) = rule.partials
    return Unary(ufunc, partial) if callable(partial) else partial != 0 and rule.partials or None


def of_one(ufunc, signature, exponent=None):
    """The plan of `ufunc`; numbers are raised to the `exponent` that it stands for, if given."""
    row = _unary(ufunc)
    if row is None:
        return None
    compute, shape, own = _computing(ufunc, signature), signature.shape, signature.own
    if exponent is not None and not shape:
        compute = lambda p: p[()] ** exponent  # noqa: E731  as NumPy's scalars are
    is_root = bool(shape) and not signature.is_view
    is_linear = type(row) is tuple

    def plan(x):
        level = x.level
        if not level.open:
            return None
        p = x._primal
        y = compute(p)
        if is_linear:
            return recorded(y, level, pull_scaled, (x._tangent,), row, shape, False, own)
        if is_root:
            x._kept = True
        else:
            p = kept(x, p)
        return recorded(y, level, pull_unary, (x._tangent,), (row, p, y), shape, True, own)

    return plan


# --- Two Duals -----------------------------------------------------------------------------------


def of_two(ufunc, first, second):
    """The plan of `ufunc` of two Duals of one level."""
    is_product = ufunc in PRODUCTS
    rule = None if is_product else rule_of(ufunc, 2)
    if not is_product and rule is None:
        return None
    shape = own = None
    if not is_product:
        try:
            shape = np.broadcast_shapes(first.shape, second.shape)
        except ValueError:  # NumPy's own error
            return None
        own = tape_signature(shape)
    compute = _computing(ufunc, first)
    is_root = bool(first.shape and second.shape) and not (first.is_view or second.is_view)
    scales = None
    if not is_product and not all(map(callable, rule.partials)):
        if any(map(callable, rule.partials)):
            return None
        scales = rule.partials
    is_times, is_same = ufunc is np.multiply, first.shape == second.shape
    partials = None if is_product else rule.partials

    def plan(a, b):
        level = a.level
        if b.level is not level or not level.open:
            return None
        p, q = a._primal, b._primal
        y = compute(p, q)
        parents = a._tangent, b._tangent
        if scales is not None:
            return recorded(y, level, pull_scaled, parents, scales, shape, False, own)
        if is_root:
            a._kept = b._kept = True
        else:
            p, q = kept(a, p), kept(b, q)
        if is_times:
            if is_same:
                return recorded(y, level, pull_multiplied, parents, (q, p), shape, False, own)
            return recorded(y, level, pull_times, parents, ((q, p), False), shape, False, own)
        if is_product:
            data = p, q, first.shape, second.shape, False
            return recorded(y, level, pull_matmul, parents, data, shape, False, own)
        data = ufunc, partials, "", (p, q), y, (0, 1)
        return recorded(y, level, pull_elementwise, parents, data, shape, True, own)

    return plan


# --- A Dual beside a constant --------------------------------------------------------------------


def beside_constant(ufunc, argnum, signature, kind, is_number):
    """The Dual is argument `argnum`; `kind` is the type of a number, or the shape of an array."""
    if not is_number and type(kind) is not tuple:
        return None
    if ufunc in PRODUCTS:
        return None if is_number else _product_beside_array(ufunc, argnum, signature)
    rule = rule_of(ufunc, 2)
    if rule is None:
        return None
    constants = [not callable(partial) for partial in rule.partials]
    if any(constants) != all(constants):
        return None
    compute = _computing(ufunc, signature)
    if is_number:
        return _beside_number(ufunc, argnum, signature, compute, rule)
    return _beside_array(ufunc, argnum, signature, compute, rule)


def _beside_number(ufunc, argnum, signature, compute, rule):
    shape, own = signature.shape, signature.own
    is_root = bool(shape) and not signature.is_view
    scale = None if callable(rule.partials[argnum]) else rule.partials[argnum]
    is_times, divides = ufunc is np.multiply, ufunc is np.divide and argnum == 0
    partials, variant = (rule.partials, "") if rule.alone is None else (rule.alone, "alone")

    def plan(x, c):
        if argnum:
            x, c = c, x
        level = x.level
        if not level.open:
            return None
        p = x._primal
        y = compute(c, p) if argnum else compute(p, c)
        if scale == 1.0:
            return made(y if type(y) is ndarray else np.asarray(y), x._tangent, level, own)
        factor = scale
        if is_times:
            factor = float(c)
        elif divides:
            factor = 1.0 / c if c else math.inf
            if not factor or not math.isfinite(factor):
                factor = None
        if factor is not None:
            return recorded(y, level, pull_scaled, (x._tangent,), (factor,), shape, False, own)
        if is_root:
            x._kept = True
        else:
            p = kept(x, p)
        operands = (c, p) if argnum else (p, c)
        data = ufunc, partials, variant, operands, y, (argnum,)
        return recorded(y, level, pull_elementwise, (x._tangent,), data, shape, True, own)

    return plan


def _beside_array(ufunc, argnum, signature, compute, rule):
    scale = None if callable(rule.partials[argnum]) else rule.partials[argnum]
    is_times, own = ufunc is np.multiply, signature.own
    partials, variant = (rule.partials, "") if rule.alone is None else (rule.alone, "alone")

    def plan(x, c):
        if argnum:
            x, c = c, x
        level = x.level
        if not level.open or c.dtype is not FLOAT64:
            return None
        p, t = x._primal, x._tangent
        y = compute(c, p) if argnum else compute(p, c)
        if scale is not None:
            if scale == 1.0 and t.shape == y.shape:
                return made(y if type(y) is ndarray else np.asarray(y), t, level, own)
            return recorded(y, level, pull_scaled, (t,), (scale,))
        if is_times:
            return recorded(y, level, pull_times, (t,), ((keep(c, level),), True))
        p, c = kept(x, p), keep(c, level)
        data = ufunc, partials, variant, (c, p) if argnum else (p, c), y, (argnum,)
        return recorded(y, level, pull_elementwise, (t,), data, is_kept=True)

    return plan


def _product_beside_array(ufunc, argnum, signature):
    def plan(x, c):
        if argnum:
            x, c = c, x
        level = x.level
        if not level.open or c.dtype is not FLOAT64:
            return None
        p, t = x._primal, x._tangent
        y = ufunc(c, p) if argnum else ufunc(p, c)
        c = keep(c, level)
        if argnum:
            data, parents = (c, None, c.shape, p.shape, True), (None, t)
        else:
            data, parents = (None, c, p.shape, c.shape, True), (t, None)
        return recorded(y, level, pull_matmul, parents, data)

    return plan
