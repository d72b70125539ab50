"""Functions that place the elements of several arrays: concatenate, stack, where, insert, ...

The same rule as for one array: the function runs once more on positions, those of the active arrays
numbered one after the other, -1 for every element of a constant.
"""

import numpy as np

from dualmc.duals.dual import Dual, make
from dualmc.duals.operands import as_operand, level_of, primal_at, tangent_at
from dualmc.duals.views import plain_key, positions
from dualmc.functions.results import written
from dualmc.kernels.payload import values
from dualmc.rules.registry import handles, register_one
from dualmc.tangents import tape
from dualmc.tangents.combining import are_sparse, chosen, placed, pool


class Leaves:
    """The arrays of a call, active ones numbered one after the other by flat position."""

    def __init__(self, level):
        self.level = level
        self.parts = []
        self.offset = 0

    def index(self, a):
        """Positions in the pool for an active array, -1 for every element of a constant."""
        if type(a) is Dual and a.level is self.level:
            t = a.own_tangent()
            if t is not None:
                self.parts.append((t, a.size))
                self.offset += a.size
                return positions(a.shape) + (self.offset - a.size)
        return np.full(np.shape(a), -1)

    def tree(self, a):
        if issubclass(type(a), (list, tuple)):
            return [self.tree(item) for item in a]
        return self.index(a)

    def take(self, y, index):
        """The Dual for `y`, its elements found in the pool at `index`."""
        if not issubclass(type(y), (np.ndarray, Dual)):
            y = np.asarray(y)
        if not self.parts:
            return make(y, None, self.level)
        parts = [(t.astype(y.dtype), size) for t, size in self.parts]
        t, index = pool(self.level, parts, y.dtype), np.asarray(index)
        if not self.level.records and np.array_equal(index.ravel(), positions((self.offset,))):
            # The parts one after the other, as the pool holds them.
            shape = index.shape
            return make(y, t.map(lambda a: a.reshape((a.shape[0], *shape))), self.level)
        return make(y, t.take(index), self.level)


def joined(function, arrays, *args, **kwargs):
    """`function(arrays, ...)` for a function that places the elements of several arrays."""
    arrays = [as_operand(a) for a in arrays]
    level = level_of(arrays)
    y = function([primal_at(a, level) for a in arrays], *args, **kwargs)
    y = y if type(y) is Dual else np.asarray(y)
    way = way_of(function, arrays, args[0] if args else kwargs.get("axis", 0))
    if way is not None:
        tangents, keys = _parts(*way, arrays, y, level)
        if not tangents:
            return make(y, None, level)
        if level.records:
            return make(y, tape.joined(tangents, keys, y), level)
        if are_sparse(tangents):
            return make(y, placed(level, tangents, keys, y.shape, y.dtype), level)
    leaves = Leaves(level)
    kwargs.pop("dtype", None)
    kwargs.pop("casting", None)
    index = function([leaves.index(a) for a in arrays], *args, **kwargs)
    return leaves.take(y, index)


def way_of(function, arrays, axis):
    """Whether a join is one of `np.stack` or of `np.concatenate`, and its axis; None if neither."""
    if function is np.concatenate or function is np.stack:
        return None if axis is None else (function is np.stack, axis)
    ndims = {np.ndim(a) for a in arrays}
    if ndims == {1}:
        return _ONE_DIMENSIONAL.get(function)
    if min(ndims) < 2 or function is np.dstack:
        return None
    return False, 0 if function is np.vstack else 1


_ONE_DIMENSIONAL = {np.hstack: (False, 0), np.vstack: (True, 0), np.column_stack: (True, 1)}


def _parts(is_stack, axis, arrays, y, level):
    """The tangents of the active arrays, and which parts of the result they are."""
    tangents, keys = [], []
    for a, key in zip(arrays, keys_of_parts(is_stack, axis, arrays, y.ndim), strict=True):
        t = tangent_at(a, level)
        if t is not None:
            tangents.append(t)
            keys.append(key)
    return tangents, keys


def keys_of_parts(is_stack, axis, arrays, ndim):
    """Which parts of the result, of `ndim` axes, the arrays of a join are."""
    lead = (slice(None),) * (axis % ndim)
    keys, stop = [], 0
    for a in arrays:
        start = stop
        stop += 1 if is_stack else np.shape(a)[axis]
        keys.append((*lead, start if is_stack else slice(start, stop), Ellipsis))
    return keys


def _register_joined(function):
    name = "arrays" if function is np.concatenate or function is np.stack else "tup"

    def handler(*args, out=None, **kwargs):
        arrays, *args = args or [kwargs.pop(name)]
        if type(arrays) is Dual:
            arrays = list(arrays)
        return written(out, joined(function, arrays, *args, **kwargs))

    register_one("selection", function, handler)


for _function in (np.concatenate, np.stack, np.vstack, np.hstack, np.dstack, np.column_stack):
    _register_joined(_function)


@handles("selection", np.block)
def block(arrays):
    level = level_of(arrays)
    leaves = Leaves(level)
    y = np.block(_plain_tree(arrays, level))
    return leaves.take(y, np.block(leaves.tree(arrays)))


def _plain_tree(a, level):
    if issubclass(type(a), (list, tuple)):
        return [_plain_tree(item, level) for item in a]
    return primal_at(a, level)


@handles("selection", np.append)
def append(arr, values, axis=None):
    if axis is None:
        return np.concatenate([np.ravel(as_operand(arr)), np.ravel(as_operand(values))])
    return np.concatenate([arr, values], axis=axis)


@handles("selection", np.insert)
def insert(arr, obj, values, axis=None):
    arr, new = as_operand(arr), as_operand(values)
    level = level_of(arr, new)
    obj = plain_key(obj)
    leaves = Leaves(level)
    y = np.insert(primal_at(arr, level), obj, primal_at(new, level), axis)
    return leaves.take(y, np.insert(leaves.index(arr), obj, leaves.index(new), axis))


@handles("selection", np.where)
def where(condition, x=None, y=None, /):
    condition = values(condition)
    if x is None and y is None:
        return np.where(condition)
    x, y = as_operand(x), as_operand(y)
    if type(x) is not Dual and type(y) is not Dual:
        return np.where(condition, x, y)
    level = level_of(x, y)
    value = np.where(condition, primal_at(x, level), primal_at(y, level))
    tangents = [tangent_at(a, level) for a in (x, y)]
    if level.records and (tangents[0] is not None or tangents[1] is not None):
        condition = tape.keep(np.asarray(condition, bool), level)
        return make(value, tape.chosen(condition, *tangents, value), level)
    if not level.records and are_sparse([t for t in tangents if t is not None]):
        return make(value, chosen(level, condition, *tangents, value.shape, value.dtype), level)
    leaves = Leaves(level)
    return leaves.take(value, np.where(condition, leaves.index(x), leaves.index(y)))


@handles("selection", np.choose)
def choose(a, choices, out=None, mode="raise"):
    a = values(a)
    choices = list(choices) if type(choices) is Dual else [as_operand(c) for c in choices]
    if not any(type(c) is Dual for c in choices):
        return np.choose(a, choices, mode=mode)
    level = level_of(choices)
    leaves = Leaves(level)
    index = np.choose(a, [leaves.index(c) for c in choices], mode=mode)
    # Through this handler again where the primals are Duals of an outer level.
    y = choose(a, primal_at(choices, level), mode=mode)
    return written(out, leaves.take(y, index))


@handles("selection", np.select)
def select(condlist, choicelist, default=0):
    condlist = [values(c) for c in condlist]
    choices = [as_operand(c) for c in choicelist]
    default = as_operand(default)
    if not any(type(c) is Dual for c in (*choices, default)):
        return np.select(condlist, choices, default)
    level = level_of(choices, default)
    leaves = Leaves(level)
    y = np.select(condlist, [primal_at(c, level) for c in choices], primal_at(default, level))
    index = np.select(condlist, [leaves.index(c) for c in choices], leaves.index(default))
    return leaves.take(y, index)
