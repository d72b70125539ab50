"""Plans of reductions along one axis or all: sums, means, products, norms, maxima, running sums.

Each computes the primal as the handler does and sums the rows of the tangent, perhaps times one
factor per element, in one launch: which slots of the terms go where is known from the signature.
"""

import numpy as np
from numpy import asarray, empty

from dualmc.duals.dual import Dual, make
from dualmc.duals.move_plans import looked_at
from dualmc.duals.signatures import (
    DENSE,
    FLOAT64,
    NUMBER,
    SLOTS,
    dense_signature,
    made,
    slots_signature,
)
from dualmc.kernels import buffers, short_kernels, stamped
from dualmc.kernels.compiling import entry
from dualmc.kernels.payload import flat, line
from dualmc.rules.registry import plans
from dualmc.steps.recording import reduction_plan
from dualmc.tangents import dense, dense_tangent
from dualmc.tangents.dense_tangent import DenseTangent
from dualmc.tangents.number_tangent import of_slots
from dualmc.tangents.slots import SparseTangent, summed_slots

_add = np.add.reduce


@plans(np.sum, np.mean, np.prod, np.var, np.max, np.min, np.cumsum, np.linalg.norm)
def reduction(function, args, kwargs):
    axis, keepdims, ddof = None, False, 0
    if len(args) != 1 or kwargs:
        if len(args) == 2 and function is not np.linalg.norm:
            axis = args[1]
        elif len(args) != 1:
            return None
        for name, value in kwargs.items():
            if name == "axis" and len(args) == 1:
                axis = value
            elif name == "keepdims" and function is not np.cumsum:
                keepdims = value
            elif name == "ddof" and function is np.var and type(value) is int:
                ddof = value
            else:
                return None
        if axis is not None and type(axis) is not int or type(keepdims) is not bool:
            return None
    x = args[0]
    if type(x) is not Dual:
        return None
    s = x._signature
    if s is None or s.is_view:
        s = looked_at(x)
    name = function, axis, keepdims, ddof
    plan = s.plans.get(name)
    if plan is None:
        if s.kind is NUMBER or not s.shape or name in s.plans:
            return None
        if s.kind is None:
            plan = reduction_plan(function, s, axis, keepdims)
        else:
            plan = _plan(function, x, s, axis, keepdims, ddof)
        s.keep(name, plan)
        if plan is None:
            return None
    return plan(x)


def _plan(function, x, s, axis, keepdims, ddof):
    ndim = len(s.shape)
    if not s.size or not x.level.open or axis is not None and not -ndim <= axis < ndim:
        return None
    lanes = Lanes(s, axis, keepdims, ddof)
    if lanes.parts[1] <= ddof or 8 * x.level.n * s.size > dense_tangent.MEMORY_BUDGET:
        return None
    if function in _CHOSEN:
        return _extremum(lanes, s, _CHOSEN[function])
    if function is np.cumsum:
        return _running_sum(lanes, s, x.level.n)
    found = (_summed_slots if s.kind is SLOTS else _summed_block)(lanes, x, s)
    return None if found is None else _FUNCTIONS[function](lanes, s, *found)


class Lanes:
    """What a reduction runs along: ``parts`` are the elements before, along and after it."""

    __slots__ = ("axis", "keepdims", "ddof", "axes", "parts", "shape")

    def __init__(self, s, axis, keepdims, ddof):
        self.axis, self.keepdims, self.ddof = axis, keepdims, ddof
        ndim = len(s.shape)
        self.axes = tuple(range(-ndim, 0)) if axis is None else (axis - ndim * (axis >= 0),)
        self.parts = dense.middle(s.shape, self.axes)
        kept = dense.kept(s.shape, self.axes)
        wide = tuple(1 if i - ndim in self.axes else n for i, n in enumerate(s.shape))
        self.shape = wide if keepdims else kept


# --- What sums rows, and the signature of the sum ------------------------------------------------


def _summed_slots(lanes, x, s):
    level, w, shape, parts = x.level, s.width, lanes.shape, lanes.parts
    n, structures, col = level.n, level.structures, s.column()
    before, length, after = parts
    table = (w, *parts)
    if dense_tangent.is_wide(w * length, n):
        unit, kept, column = dense.unit(shape, FLOAT64), dense.kept(s.shape, lanes.axes), s.column

        def scattered(level, t, coef):
            block = dense.zeros(n, kept, FLOAT64)
            short_kernels.scatter_middle(
                column().reshape(table), coef.reshape(table), block.reshape((n, before, after))
            )
            return DenseTangent(level, block.reshape((n, *shape)), unit)

        return (scattered, dense_signature(shape, n, n <= dense.FEW)) if col.flags.carray else None
    compacted = summed_slots(level, col, lanes.axes)
    order, target, col = compacted.order, compacted.target, compacted.col
    width = col.shape[0]
    if dense_tangent.is_wide(width, n):
        return None
    if col.shape[1:] != shape:
        col = structures.moved(col, lambda a: a.reshape((width, *shape)), ("reshape", shape))
    if id(col) not in structures.held or id(compacted.col) not in structures.held:
        return None
    signature = slots_signature(structures, col)

    def summed(level, t, coef):
        out = empty((width, before, after))
        short_kernels.compact_middle(coef.reshape(table), order, target, out)
        return SparseTangent(level, out.reshape((width, *shape)), col)

    return summed, signature


def _summed_block(lanes, x, s):
    k, shape, parts = s.width, lanes.shape, lanes.parts
    before, length, after = parts
    unit, axes = dense.unit(shape, FLOAT64), lanes.axes
    if k > dense.FEW:

        def of_rows(level, t, scale):
            t = t.like(scale).sum(axes)
            return t if t.shape == shape else t.reshaped(shape)

        return of_rows, None
    kernel, wide = entry(short_kernels.sum_middle, 4, 3, 3), (k, *parts)

    def summed(level, t, scale):
        block = t.block
        if not block.flags.c_contiguous:
            block = buffers.copied(block)
        out = empty((k, before, after))
        kernel(block.reshape(wide), scale.reshape(parts), out)
        return DenseTangent(level, out.reshape((k, *shape)), unit)

    return summed, dense_signature(shape, k, True)


# --- Functions -----------------------------------------------------------------------------------


def _total(lanes, s, summed, signature):
    axis, keepdims = lanes.axis, lanes.keepdims
    is_slots = s.kind is SLOTS

    def plan(x):
        level, t = x.level, x._tangent
        if not level.open:
            return None
        y = asarray(_add(x._primal, axis, None, None, keepdims))
        return made(y, summed(level, t, t.coef if is_slots else t.scale), level, signature)

    return plan


def _mean(lanes, s, summed, signature):
    axis, keepdims, length = lanes.axis, lanes.keepdims, lanes.parts[1]
    is_slots, factor = s.kind is SLOTS, 1.0 / lanes.parts[1]
    scale = np.full((1, *lanes.shape), factor)

    def plan(x):
        level, t = x.level, x._tangent
        if not level.open:
            return None
        y = asarray(_add(x._primal, axis, None, None, keepdims) / length)
        t = summed(level, t, t.coef if is_slots else t.scale)
        if t.is_sparse:
            t.coef *= factor
        else:
            t.scale = scale
        return made(y, t, level, signature)

    return plan


def _weighted(lanes, s, summed, signature, weigh):
    """The plan whose primal and factor per element are those of ``weigh(p)``; None: not served."""
    rows_shape = (s.width if s.kind is SLOTS else 1, s.size)
    kernel = entry(stamped.multiply, 2, 1, 2)
    is_slots = s.kind is SLOTS

    def plan(x):
        level, t = x.level, x._tangent
        found = weigh(x._primal) if level.open else None
        if found is None:
            return None
        y, factor = found
        rows = t.coef if is_slots else t.scale
        out = buffers.empty(rows_shape, FLOAT64)
        kernel(rows.reshape(rows_shape), line(factor), out)
        return made(asarray(y), summed(level, t, out.reshape(rows.shape)), level, signature)

    return plan


def _product(lanes, s, summed, signature):
    axis, keepdims, parts = lanes.axis, lanes.keepdims, lanes.parts

    def weigh(p):
        others = empty(parts)
        short_kernels.others(line(p).reshape(parts), others)
        return np.multiply.reduce(p, axis, None, None, keepdims), others

    return _weighted(lanes, s, summed, signature, weigh)


def _variance(lanes, s, summed, signature):
    """The mean's own tangent drops out: the deviations from it sum to zero."""
    axis, keepdims, ddof, length = lanes.axis, lanes.keepdims, lanes.ddof, lanes.parts[1]

    def weigh(p):
        factor = (p - _add(p, axis, None, None, True) / length) * (2.0 / (length - ddof))
        return np.var(p, axis, ddof=ddof, keepdims=keepdims), factor

    return _weighted(lanes, s, summed, signature, weigh)


def _norm(lanes, s, summed, signature):
    axis, keepdims, (before, length, after) = lanes.axis, lanes.keepdims, lanes.parts

    def weigh(p):
        y = asarray(np.linalg.norm(p, None, axis, keepdims))
        if not y.all():
            return None
        return y, p.reshape((before, length, after)) / y.reshape((before, 1, after))

    return _weighted(lanes, s, summed, signature, weigh)


_FUNCTIONS = {np.sum: _total, np.mean: _mean, np.prod: _product, np.var: _variance,
              np.linalg.norm: _norm}  # fmt: skip


# --- Maxima, minima and running sums -------------------------------------------------------------

_CHOSEN = {np.max: np.maximum.reduce, np.min: np.minimum.reduce}


def _extremum(lanes, s, reduce):
    axis, keepdims, parts, shape = lanes.axis, lanes.keepdims, lanes.parts, lanes.shape
    around, count = (parts[0], parts[2]), parts[0] * parts[2]
    is_slots, is_few = s.kind is SLOTS, s.kind is DENSE and s.width <= dense.FEW
    kernel = entry(short_kernels.chosen_index, 3, 2, (1, np.dtype(np.int64)))
    k, size = s.width, s.size
    signature = dense_signature(shape, k, True) if is_few else None
    one, other_one = dense.unit(s.shape, FLOAT64), dense.unit(shape, FLOAT64)

    def plan(x):
        level, t, p = x.level, x._tangent, x._primal
        if not level.open:
            return None
        y = asarray(reduce(p, axis, None, None, keepdims))
        index = empty(count, np.int64)
        if not kernel(line(p).reshape(parts), line(y).reshape(around), index):
            return None  # equal elements
        if is_few:
            block, scale = t.block.reshape((k, size)).take(index, 1), other_one
            if t.scale is not one:
                scale = t.scale.reshape((1, size)).take(index, 1).reshape((1, *shape))
            t = DenseTangent(level, block.reshape((k, *shape)), scale, t.finite or None)
            return made(y, t, level, signature)
        if is_slots and not shape:
            u = of_slots(level, *(flat(a)[:, index.item()] for a in (t.coef, t.col)))
            if u is not None:
                return make(y, u, level)
        return make(y, t.take(index.reshape(shape)), level)

    return plan


def _running_sum(lanes, s, n):
    axis, parts, shape = lanes.axis, lanes.parts, s.shape
    is_few = n <= dense.FEW
    if axis is None and len(shape) != 1 or s.kind is DENSE and n > dense.FEW:
        return None
    if s.kind is SLOTS and (len(shape) != 1 or is_few):
        return None
    signature, unit = dense_signature(shape, n, is_few), dense.unit(shape, FLOAT64)
    kernel = entry(short_kernels.running_sum, 4, 3, 4)

    def plan(x):
        level, t = x.level, x._tangent
        if not level.open:
            return None
        y = np.add.accumulate(x._primal, axis or 0)
        if is_few:
            out = empty((n, *parts))
            block = t.block if t.block.flags.c_contiguous else buffers.copied(t.block)
            kernel(block.reshape(out.shape), t.scale.reshape(parts), out)
            block = out.reshape((n, *shape))
        else:
            rows = buffers.empty((s.size, n), FLOAT64)
            short_kernels.running_slots(line(t.col).reshape(t.col.shape), t.coef, rows)
            block = dense.first(rows)
        return made(y, DenseTangent(level, block, unit), level, signature)

    return plan
