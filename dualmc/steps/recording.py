"""Plans of reductions, joins and choices of float64 arrays on a tape: as little Python as possible.

The general handlers inspect everything an operand may be, which costs more than the arithmetic on
small arrays.  A plan knows what the signature says: shape, axes, and the result's; it computes the
primal as NumPy does and records what leads to the cotangents of the handler, bit for bit.  Where
None is returned, the handler is to do it.
Element-wise functions and products of matrices have plans in `plans/recorded.py`.
"""

import numpy as np

from dualmc.cotangents.elementwise import pull_scaled, pull_times
from dualmc.cotangents.moves import pull_chosen, pull_parts
from dualmc.cotangents.sums import pull_running_sum, pull_sum
from dualmc.duals.recorded import recorded
from dualmc.duals.signatures import FLOAT64, tape_signature
from dualmc.tangents.tape import keep, step

_add = np.add.reduce


def reduction_plan(function, s, axis, keepdims):
    """The plan of `np.sum`, `np.mean`, `np.max`, `np.min` or `np.cumsum` along one axis or all."""
    ndim, make = len(s.shape), _REDUCTIONS.get(function)
    if make is None or not s.size or axis is not None and not -ndim <= axis < ndim:
        return None
    axes = tuple(range(-ndim, 0)) if axis is None else (axis - ndim * (axis >= 0),)
    shape = tuple(
        1 if i - ndim in axes else n
        for i, n in enumerate(s.shape)
        if keepdims or i - ndim not in axes
    )
    return make(s, axis, axes, keepdims, shape)


def _sum(s, axis, axes, keepdims, shape):
    own = tape_signature(shape)

    def plan(x):
        level = x.level
        if not level.open:
            return None
        y = _add(x._primal, axis, None, None, keepdims)
        return recorded(y, level, pull_sum, (x._tangent,), axes, shape, False, own)

    return plan


def _mean(s, axis, axes, keepdims, shape):
    own = tape_signature(shape)
    count, share = s.size // own.size, (own.size / s.size,)

    def plan(x):
        level = x.level
        if not level.open:
            return None
        y = _add(x._primal, axis, None, None, keepdims) / count  # as NumPy divides
        total = step(pull_sum, (x._tangent,), axes, shape)
        return recorded(y, level, pull_scaled, (total,), share, shape, False, own)

    return plan


def _running_sum(s, axis, axes, keepdims, shape):
    if len(axes) != 1:
        return None
    (axis,) = axes

    def plan(x):
        level = x.level
        if not level.open:
            return None
        y = np.add.accumulate(x._primal, axis)
        return recorded(y, level, pull_running_sum, (x._tangent,), axis, s.shape, False, s.own)

    return plan


def _extremum(function):
    """The mean of the elements that are the largest or the smallest."""

    def make(s, axis, axes, keepdims, shape):
        def plan(x):
            level, p = x.level, x._primal
            if not level.open:
                return None
            wide = function.reduce(p, axis, None, None, True)
            weights = p == wide
            count = np.count_nonzero(weights)
            if count < wide.size:  # a NaN is equal to nothing
                return None
            if count > wide.size:
                weights = weights / _add(weights, axis, None, None, True)
            y = wide if keepdims else wide.reshape(shape)
            chosen = step(pull_times, (x._tangent,), ((weights,), True), s.shape)
            return recorded(y, level, pull_sum, (chosen,), axes)

        return plan

    return make


_REDUCTIONS = {np.sum: _sum, np.mean: _mean, np.cumsum: _running_sum,
               np.max: _extremum(np.maximum), np.min: _extremum(np.minimum)}  # fmt: skip


def choice_plan(is_first, is_second):
    """The plan of `np.where`; which of the arrays that it chooses from are on a tape."""

    def plan(condition, x, y, level):
        if not level.open:
            return None
        value = np.where(condition, x._primal if is_first else x, y._primal if is_second else y)
        if value.dtype is not FLOAT64:
            return None
        parents = x._tangent if is_first else None, y._tangent if is_second else None
        return recorded(value, level, pull_chosen, parents, keep(condition, level))

    return plan


def join_plan(is_stack, axis, keys, is_active, shape):
    """The plan of a join of arrays, those that `is_active` says on a tape, at `keys` of `shape`."""
    keys = tuple(key for key, active in zip(keys, is_active, strict=True) if active)
    own = tape_signature(shape)

    def plan(arrays, level):
        if not level.open:
            return None
        primals, parents = [], []
        for a, active in zip(arrays, is_active):  # noqa: B905
            if active:
                primals.append(a._primal)
                parents.append(a._tangent)
            else:
                primals.append(a)
        y = np.stack(primals, axis) if is_stack else np.concatenate(primals, axis)
        return recorded(y, level, pull_parts, tuple(parents), keys, shape, False, own)

    return plan
