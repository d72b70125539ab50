"""The short way of recording: float64 arrays, with as little Python as possible.

The general path of `elementwise.py` inspects everything an operand may be, which costs more than
the arithmetic on small arrays.  Here the operands are float64 arrays of one level, plain float64
arrays, or numbers; whatever is not gets None and goes the general way.  The steps recorded are the
same.
"""

import math

import numpy as np

from dualmc.cotangents.elementwise import (
    pull_elementwise,
    pull_multiplied,
    pull_scaled,
    pull_times,
    pull_unary,
)
from dualmc.cotangents.moves import pull_parts
from dualmc.cotangents.quick_partials import Unary
from dualmc.cotangents.sums import pull_matmul, pull_running_sum, pull_sum
from dualmc.duals.dual import Dual, make
from dualmc.duals.recorded import is_float64, kept, parts, recorded
from dualmc.kernels import buffers
from dualmc.rules.table import RULES
from dualmc.tangents.tape import keep, step

FLOAT64 = np.dtype(np.float64)

# Bytes of a result from which fresh pages cost more than looking for a kept buffer.
LARGE = 2**19
ndarray = np.ndarray

# By ufunc: constant partials, or a `Unary`; False: not here.
_unary: dict = {}
# By ufunc of two arguments: constant partials, or the `Rule`; False: not here.
_binary: dict = {}
_NUMBERS = frozenset({float, int, np.float64})


def computed(ufunc, *primals):
    """``ufunc(*primals)``; a large result, which the tape will hold, in a kept buffer.

    Only where that has the layout that NumPy would choose, on which the rounding of sums depends.
    """
    shape = None
    for p in primals:
        if type(p) is ndarray and p.ndim:
            if p.nbytes < LARGE or not p.flags.c_contiguous or p.shape != (shape or p.shape):
                return ufunc(*primals)
            shape = p.shape
    return ufunc(*primals) if shape is None else ufunc(*primals, out=buffers.empty(shape, FLOAT64))


def record_unary(ufunc, x, exponent=None):
    """`ufunc` of a Dual with one partial that has a kernel, recorded; None: not here.

    Given the `exponent` that `ufunc` stands for, numbers are raised to it as NumPy's scalars are.
    """
    row = _unary.get(ufunc)
    if row is None:
        row = _unary[ufunc] = _unary_row(ufunc)
    level = x.level
    if not row or not level.open:
        return None
    if x._view is None:
        p, t = x._primal, x._tangent
    else:
        p, t = parts(x)
    if t is None or t.dtype is not FLOAT64 or type(p) is not ndarray:
        return None
    if p.nbytes >= LARGE:
        y = computed(ufunc, p)
    else:
        y = ufunc(p) if exponent is None or p.ndim else p[()] ** exponent
    if type(row) is tuple:
        return recorded(y, level, pull_scaled, (t,), row, t.shape)
    if x._view is None and p.ndim:
        x._kept = True
    else:
        p = kept(x, p)
    return recorded(y, level, pull_unary, (t,), (row, p, y), t.shape, True)


def _unary_row(ufunc):
    rule = RULES.get(ufunc)
    if rule is None:  # none yet
        return None
    if not rule.kernel or len(rule.partials) != 1 or rule.check is not None:
        return False
    if "d->d" not in ufunc.types:
        return False
    (partial,) = rule.partials
    return Unary(ufunc, partial) if callable(partial) else partial != 0 and rule.partials


def record_binary(ufunc, a, b):
    """`ufunc` of Duals, plain arrays and numbers, recorded; None: not here."""
    row = _binary.get(ufunc)
    if row is None:
        row = _binary[ufunc] = _binary_row(ufunc)
    if not row:
        return None
    if type(a) is not Dual:
        return _with_constant(ufunc, row, b, a, 1)
    if type(b) is not Dual:
        return _with_constant(ufunc, row, a, b, 0)
    level = a.level
    if b.level is not level or not level.open:
        return None
    if a._view is None:
        p, t = a._primal, a._tangent
    else:
        p, t = parts(a)
    if b._view is None:
        q, u = b._primal, b._tangent
    else:
        q, u = parts(b)
    if t is None or u is None or t.dtype is not FLOAT64 or u.dtype is not FLOAT64:
        return None
    if type(p) is not ndarray or type(q) is not ndarray:
        return None
    y = ufunc(p, q) if p.nbytes < LARGE or row is np.matmul else computed(ufunc, p, q)
    shape = t.shape if t.shape == u.shape else None
    if type(row) is tuple:
        return recorded(y, level, pull_scaled, (t, u), row, shape)
    if a._view is None is b._view and shape:
        a._kept = b._kept = True
    else:
        p, q = kept(a, p), kept(b, q)
    if ufunc is np.multiply:
        if shape is not None:
            return recorded(y, level, pull_multiplied, (t, u), (q, p), shape)
        return recorded(y, level, pull_times, (t, u), ((q, p), False))
    if row is np.matmul:
        return _matmul(y, t, u, p, q, level)
    data = (ufunc, row.partials, "", (p, q), y, (0, 1))
    return recorded(y, level, pull_elementwise, (t, u), data, shape, True)


def _binary_row(ufunc):
    if ufunc is np.matmul or ufunc is np.dot:
        return np.matmul
    rule = RULES.get(ufunc)
    if rule is None:  # none yet
        return None
    if not rule.kernel or len(rule.partials) != 2:
        return False
    if rule.check is not None or rule.integer or "dd->d" not in ufunc.types:
        return False
    if any(map(callable, rule.partials)):
        return rule if all(map(callable, rule.partials)) else False
    return rule.partials


def _with_constant(ufunc, row, x, c, argnum):
    """A Dual and what is none; argument `argnum` is the Dual."""
    level = x.level
    if x._view is None:
        p, t = x._primal, x._tangent
    else:
        p, t = parts(x)
    if t is None or t.dtype is not FLOAT64 or type(p) is not ndarray or not level.open:
        return None
    is_number = type(c) in _NUMBERS
    if not is_number and not is_float64(c):
        return None
    if p.nbytes >= LARGE and row is not np.matmul:
        y = computed(ufunc, *((p, c) if argnum == 0 else (c, p)))
    else:
        y = ufunc(p, c) if argnum == 0 else ufunc(c, p)
    if type(row) is tuple:
        scale = row[argnum]
        if scale == 1.0 and (is_number or t.shape == y.shape):
            return make(y, t, level)
        return recorded(y, level, pull_scaled, (t,), (scale,), t.shape if is_number else None)
    if ufunc is np.multiply:
        if is_number:
            return recorded(y, level, pull_scaled, (t,), (float(c),), t.shape)
        return recorded(y, level, pull_times, (t,), ((keep(c, level),), True))
    if ufunc is np.divide and is_number and argnum == 0:
        scale = 1.0 / c if c else math.inf
        if scale and math.isfinite(scale):
            return recorded(y, level, pull_scaled, (t,), (scale,), t.shape)
    if row is np.matmul:
        c = keep(c, level)
        if argnum == 0:
            return _matmul(y, t, None, p, c, level)
        return _matmul(y, None, t, c, p, level)
    partials, variant = (row.partials, "") if row.alone is None else (row.alone, "alone")
    operands = (kept(x, p), c if is_number else keep(c, level))
    data = (ufunc, partials, variant, operands if argnum == 0 else operands[::-1], y, (argnum,))
    return recorded(y, level, pull_elementwise, (t,), data, None, True)


def _matmul(y, t, u, p, q, level):
    """The Dual of ``y = p @ q``; each operand is kept for the sake of the other's tangent."""
    data = (
        None if u is None else p,
        None if t is None else q,
        p.shape,
        q.shape,
        t is None or u is None,
    )
    return recorded(y, level, pull_matmul, (t, u), data)


def record_sum(x, axis, keepdims, is_mean=False):
    """The sum of a Dual, or its mean, over one axis or all; None: not here."""
    p, t = parts(x)
    if t is None or not x.level.open or not is_float64(p) or not p.size:
        return None
    axes = _negative_axes(axis, p.ndim)
    if axes is None:
        return None
    y = np.add.reduce(p, axis, None, None, keepdims)
    if not is_mean:
        return recorded(y, x.level, pull_sum, (t,), axes)
    total = step(pull_sum, (t,), axes, y.shape)
    y = y / (p.size // y.size)  # as NumPy divides
    return recorded(y, x.level, pull_scaled, (total,), (y.size / p.size,))


def record_dot(a, b):
    """``np.dot`` of vectors and matrices, where it is a matrix product; None: not here."""
    if not (a if type(a) is Dual else b).level.records:
        return None
    return record_binary(np.dot, a, b) if 1 <= a.ndim <= 2 and 1 <= b.ndim <= 2 else None


def record_extremum(function, x, axis, keepdims):
    """`np.max` or `np.min` of a Dual: the mean of the elements that are it; None: not here."""
    p, t = parts(x)
    if t is None or not x.level.open or not is_float64(p) or not p.size:
        return None
    axes = _negative_axes(axis, p.ndim)
    if axes is None:
        return None
    wide = function.reduce(p, axis, None, None, True)
    weights = p == wide
    count = np.count_nonzero(weights)
    if count < wide.size:  # a NaN is equal to nothing
        return None
    if count > wide.size:
        weights = weights / np.add.reduce(weights, axis, None, None, True)
    y = wide if keepdims else wide.reshape([p.shape[i] for i in range(-p.ndim, 0) if i not in axes])
    chosen = step(pull_times, (t,), ((weights,), True), p.shape)
    return recorded(y, x.level, pull_sum, (chosen,), axes)


def record_running_sum(x, axis):
    """`np.cumsum` of a Dual along one axis; None: not here."""
    p, t = parts(x)
    if t is None or not x.level.open or not is_float64(p):
        return None
    axes = _negative_axes(axis, p.ndim)
    if axes is None or len(axes) != 1:
        return None
    y = np.add.accumulate(p, axes[0])
    return recorded(y, x.level, pull_running_sum, (t,), axes[0])


def record_joined(arrays, axis, is_stack):
    """`np.concatenate` or `np.stack` of Duals and plain arrays; None: not here."""
    level = None
    plain, tangents = [], []
    for a in arrays:
        t = None
        if type(a) is Dual:
            if level is None:
                level = a.level
                if not level.records or not level.open:
                    return None
            elif level is not a.level:
                return None
            a, t = parts(a)
        if not is_float64(a):
            return None
        plain.append(a)
        tangents.append(t)
    if level is None or type(axis) is not int:
        return None
    y = np.stack(plain, axis) if is_stack else np.concatenate(plain, axis)
    axis %= y.ndim
    lead = (slice(None),) * axis
    parents, keys = [], []
    stop = 0
    for p, t in zip(plain, tangents, strict=True):
        start = stop
        stop += 1 if is_stack else p.shape[axis]
        if t is not None:
            parents.append(t)
            keys.append((*lead, start if is_stack else slice(start, stop), Ellipsis))
    if not parents:
        return make(y, None, level)
    return recorded(y, level, pull_parts, tuple(parents), tuple(keys))


_ALL_AXES = [tuple(range(-ndim, 0)) for ndim in range(65)]


def _negative_axes(axis, ndim):
    """`axis` (None: all) counted from the end; None where it is neither None nor an axis."""
    if axis is None:
        return _ALL_AXES[ndim]
    if type(axis) is int and -ndim <= axis < ndim:
        return (axis if axis < 0 else axis - ndim,)
    return None
