"""The short way of recording: float64 arrays, with as little Python as possible.

The general path of `elementwise.py` inspects everything an operand may be, which costs more than
the arithmetic on small arrays.  Here the operands are float64 arrays of one level, or numbers;
whatever is not gets None and goes the general way.  The steps recorded are the same.
"""

import numpy as np

from dualmc.dual import Dual, make
from dualmc.pullbacks import Unary, pull_multiplied, pull_scaled, pull_times, pull_unary
from dualmc.rules import RULES
from dualmc.tape import Var

FLOAT64 = np.dtype(np.float64)

_unary_kernels: dict = {}
_UNIT = {np.add: (1.0, 1.0), np.subtract: (1.0, -1.0)}


def record_unary(ufunc, x):
    """`ufunc` of a Dual with a kernel for its only partial, recorded; None: not here."""
    row = _unary_kernels.get(ufunc)
    if row is None:
        rule = RULES.get(ufunc)
        if rule is None or not rule.kernel or len(rule.partials) != 1:
            return None
        if not callable(rule.partials[0]):
            return None
        row = _unary_kernels[ufunc] = Unary(ufunc, rule.partials[0])
    t = x._tangent if x._view is None else x.own_tangent()
    p = _kept(x)
    if t is None or p is None or not x.level.open:
        return None
    y = ufunc(p)
    if type(y) is not np.ndarray:
        y = np.asarray(y)
    if y.dtype is not FLOAT64:
        return None
    out = make(y, Var(pull_unary, (t,), (row, p, y), y.shape, FLOAT64), x.level)
    out._kept = True
    return out


def record_binary(ufunc, a, b):
    """Sums, differences and products of Duals and numbers, recorded; None: not here."""
    unit = _UNIT.get(ufunc)
    if unit is None and ufunc is not np.multiply:
        return None
    if type(a) is not Dual:
        return _with_number(ufunc, unit, b, a, 1)
    if type(b) is not Dual:
        return _with_number(ufunc, unit, a, b, 0)
    level = a.level
    if b.level is not level or not level.open:
        return None
    p = a._primal if a._view is None else a.primal
    q = b._primal if b._view is None else b.primal
    if not _is_float64(p) or not _is_float64(q):
        return None
    t = a._tangent if a._view is None else a.own_tangent()
    u = b._tangent if b._view is None else b.own_tangent()
    if t is None or u is None:
        return None
    y = ufunc(p, q)
    if type(y) is not np.ndarray:
        y = np.asarray(y)
    if unit is not None:
        return make(y, Var(pull_scaled, (t, u), unit, y.shape, FLOAT64), level)
    data = (_kept(b), _kept(a))
    if p.shape == q.shape:
        return make(y, Var(pull_multiplied, (t, u), data, y.shape, FLOAT64), level)
    return make(y, Var(pull_times, (t, u), (data, False), y.shape, FLOAT64), level)


def _with_number(ufunc, unit, x, c, argnum):
    """A Dual and a number; argument `argnum` is the Dual."""
    if type(c) is not float and type(c) is not int:
        return None
    p = x._primal if x._view is None else x.primal
    if not x.level.open or not _is_float64(p):
        return None
    t = x._tangent if x._view is None else x.own_tangent()
    if t is None:
        return None
    y = ufunc(p, c) if argnum == 0 else ufunc(c, p)
    if type(y) is not np.ndarray:
        y = np.asarray(y)
    factor = (float(c) if unit is None else unit[argnum],)
    if factor[0] == 1.0:
        return make(y, t, x.level)
    return make(y, Var(pull_scaled, (t,), factor, y.shape, FLOAT64), x.level)


def _is_float64(p):
    return type(p) is np.ndarray and p.dtype is FLOAT64


def _kept(dual):
    """The float64 primal of `dual`, which is copied before the next write to it; or None.

    A small part of a larger array is copied here, so that writes to the rest copy nothing.
    """
    view = dual._view
    if view is None:
        p = dual._primal
        if type(p) is not np.ndarray or p.dtype is not FLOAT64:
            return None
        dual._kept = True
        return p
    p = dual.primal
    if type(p) is not np.ndarray or p.dtype is not FLOAT64:
        return None
    if 2 * p.size < view.root.size:
        return p.copy()
    view.root._kept = True
    return p
