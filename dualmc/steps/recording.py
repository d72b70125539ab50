"""The short way of recording reductions and joins of float64 arrays: as little Python as possible.

The general path of `elementwise.py` inspects everything an operand may be, which costs more than
the arithmetic on small arrays.  Here the operands are float64 arrays of one level, or plain ones
beside such; whatever is not gets None and goes the general way.  The steps recorded are the same.
Element-wise functions and products of matrices have plans: `plans/recorded.py`.
"""

import numpy as np

from dualmc.cotangents.elementwise import pull_scaled, pull_times
from dualmc.cotangents.moves import pull_parts
from dualmc.cotangents.sums import pull_running_sum, pull_sum
from dualmc.duals.dual import Dual, make
from dualmc.duals.recorded import is_float64, parts, recorded
from dualmc.duals.signatures import tape_signature
from dualmc.steps.plans import finding
from dualmc.tangents.tape import step


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
        own = tape_signature(y.shape)
        return recorded(y, x.level, pull_sum, (t,), axes, y.shape, False, own)
    total = step(pull_sum, (t,), axes, y.shape)
    y = y / (p.size // y.size)  # as NumPy divides
    return recorded(y, x.level, pull_scaled, (total,), (y.size / p.size,))


def record_dot(a, b):
    """``np.dot`` of vectors and matrices, where it is a matrix product; None: not here."""
    if not (a if type(a) is Dual else b).level.records:
        return None
    return finding.of_two(np.dot, a, b)(a, b) if 1 <= a.ndim <= 2 and 1 <= b.ndim <= 2 else None


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
