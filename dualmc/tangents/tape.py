"""The tape: tangents that are recorded instead of computed, to be swept in reverse.

A `Var` stands where a tangent stands in a Dual of a level that records.  It takes the same few
linear steps (scale, add, take, sum, ...) that every rule and every handler is written in, and
notes each with its pullback (`cotangents/`): reverse mode is forward mode transposed, so that one
table of rules and one handler per function serve both.

There is no list of steps: each Var knows its parents, and what no output was made of is freed at
once.  A Var exists only for what depends on an input, so the part of the tape that reaches both the
inputs and the outputs is what an output's Var leads to.

What a pullback will need of an operand is kept by reference.  A later write to that memory copies
it first (`Dual.release`); plain arrays, whose writes nothing announces, are copied when recorded.
"""

import itertools
import math

import numpy as np

from dualmc.cotangents import elementwise, moves, sums
from dualmc.kernels import buffers

next_serial = itertools.count().__next__
_PLACEHOLDER = np.zeros((), np.bool_)


class Var:
    """A tangent on the tape: how it was made of other tangents, and of which shape it is."""

    __slots__ = ("pull", "parents", "data", "shape", "dtype", "serial", "place")
    is_sparse = False
    is_recorded = True

    def is_zero(self):
        """Nowhere: what depends on an input is not a structural zero."""
        return np.zeros(self.shape, bool)

    def to_dense(self):
        return self

    def map(self, function, key=None, shape=None):
        if type(function) is Reshape:
            return step(moves.pull_reshaped, (self,), None, function.shape, self.dtype)
        if type(function) is Transpose:
            shape = tuple(self.shape[i] for i in function.axes)
            return step(moves.pull_transposed, (self,), function.back, shape, self.dtype)
        if shape is None:
            shape = function(np.broadcast_to(_PLACEHOLDER, (1, *self.shape))).shape[1:]
        return step(moves.pull_view, (self,), function, shape, self.dtype)

    def copied(self, function, key):
        return self.map(function)

    def reshaped(self, shape):
        return self.map(lambda a: a.reshape((a.shape[0], *shape)), None, shape)

    def slice(self, key, shape):
        """A part by basic indices."""
        if Ellipsis not in key:
            key = (*key, Ellipsis)
        return step(moves.pull_slice, (self,), key, shape, self.dtype)

    def broadcast(self, shape):
        if self.shape == shape:
            return self
        return step(moves.pull_broadcast, (self,), None, shape, self.dtype)

    def times(self, factor, is_constant=False):
        if issubclass(type(factor), (float, int)):
            return step(elementwise.pull_scaled, (self,), (factor,), self.shape, self.dtype)
        shape = np.broadcast_shapes(self.shape, factor.shape)
        dtype = np.result_type(self.dtype, factor.dtype)
        return step(elementwise.pull_times, (self,), ((factor,), is_constant), shape, dtype)

    def plus(self, other):
        dtype = np.result_type(self.dtype, other.dtype)
        return step(elementwise.pull_scaled, (self, other), (1.0, 1.0), self.shape, dtype)

    def take_by(self, key, find):
        return self.take(find())

    def take(self, index):
        return step(moves.pull_gather, (self,), index, index.shape, self.dtype)

    def astype(self, dtype):
        dtype = np.dtype(dtype)
        if self.dtype == dtype:
            return self
        return step(elementwise.pull_cast, (self,), None, self.shape, dtype)

    def sum(self, axes):
        shape = self.shape
        if math.prod(shape) == 0:
            return None
        kept = tuple(n for i, n in enumerate(shape) if i - len(shape) not in axes)
        return step(sums.pull_sum, (self,), axes, kept, self.dtype)

    def running_sum(self, axis):
        return step(sums.pull_running_sum, (self,), axis, self.shape, self.dtype)

    def linear(self, transposed, y):
        """The tangent of `y`, a linear function of the whole array, by its transpose."""
        return step(sums.pull_linear, (self,), transposed, y.shape, y.dtype)

    def part(self, function):
        dtype = self.dtype if function is np.conj else np.empty(0, self.dtype).real.dtype
        return step(elementwise.pull_part, (self,), function, self.shape, dtype)


FLOAT64 = np.dtype(np.float64)
# Bytes from which a constant is compared with the copy at hand: a copy for every step that uses it
# would cost more, in page faults above all.
SHARED = 2**16


def step(pull, parents, data, shape, dtype=FLOAT64):
    """A Var that `pull` takes back to its `parents`; without a constructor, which would cost."""
    var = Var()
    var.pull = pull  # None for an input
    var.parents = parents
    var.data = data
    var.shape = shape
    var.dtype = dtype
    var.serial = next_serial()
    return var


class Reshape:
    """Arrays with a leading axis in another shape behind it."""

    __slots__ = ("shape",)

    def __init__(self, shape):
        self.shape = shape

    def __call__(self, a):
        return a.reshape((a.shape[0], *self.shape))


class Transpose:
    """Arrays with their axes behind a leading one in the order `axes`."""

    __slots__ = ("axes", "back")

    def __init__(self, axes):
        self.axes = axes
        self.back = sorted(range(len(axes)), key=axes.__getitem__)

    def __call__(self, a):
        return a.transpose((0, *(i + 1 for i in self.axes)))


def leaf(x):
    """The Var of an input."""
    var = step(None, (), None, x.shape, x.dtype)
    var.place = None  # in the order of the sweep, if that reaches it
    return var


class Pool:
    """The elements of several tangents, numbered one after the other; see `combining.pool`."""

    def __init__(self, parts, dtype):
        self.parts = parts
        self.dtype = dtype

    def take(self, index):
        total = sum(size for _, size in self.parts)
        parents = tuple(t for t, _ in self.parts)
        return step(moves.pull_joined, parents, (index, total), index.shape, self.dtype)


def joined(parents, keys, y):
    """The tangent of `y`, of which `parents` are the parts at `keys`."""
    return step(moves.pull_parts, tuple(parents), tuple(keys), y.shape, y.dtype)


def chosen(condition, t, u, y):
    """The tangent of ``y = np.where(condition, ...)`` of tangents `t` and `u`, None for zero."""
    return step(moves.pull_chosen, (t, u), condition, y.shape, y.dtype)


def written(t, shape, place, u, dtype):
    """`t` with the elements at `place` replaced by those of `u`; see `combining.put`."""
    return step(moves.pull_written, (t, u), place, shape, dtype)


def matmul(t, u, a, b, y):
    """The tangent of ``y = a @ b``; `a` and `b` are the values kept of the operands."""
    p = None if u is None else a
    q = None if t is None else b
    data = (p, q, np.shape(a), np.shape(b), t is None or u is None)
    return step(sums.pull_matmul, (t, u), data, y.shape, y.dtype)


def local(tangents, blocks, y):
    """The tangent of `y` by its Jacobian, one block (x.size, y.size) per tangent."""
    return step(sums.pull_local, tuple(tangents), tuple(blocks), y.shape, y.dtype)


# --- What is kept of operands --------------------------------------------------------------------


def keep(a, level):
    """The value of operand `a` at `level` as it is now, whatever is written to it later."""
    kind = type(a)
    if kind is float or kind is int:
        return a
    if kind is np.ndarray:
        return _constant(a, level)
    if hasattr(a, "own_tangent"):
        return _primal(a) if a.level is level else snapshot(a)
    return a


def _primal(dual):
    """The primal of `dual`, which is copied before the next write to it."""
    p = dual.primal
    if type(p) is not np.ndarray:
        return snapshot(p)
    view = dual._view
    if view is None:
        dual._kept = True
    elif 2 * p.size < view.root.size:
        return p.copy()
    else:
        view.root._kept = True
    return p


def snapshot(dual):
    """A Dual of an outer level as it is now."""
    if type(dual) is np.ndarray:
        return dual
    out = dual.make(_primal(dual), dual.own_tangent(), dual.level)
    out._kept = True
    return out


def _constant(a, level):
    """A copy of a plain array.  One that is large and used again unchanged is copied once."""
    if a.nbytes < SHARED or not a.flags.c_contiguous:
        return a.copy(order="K")
    key = (a.ctypes.data, a.shape, a.dtype)
    found = level.constants.get(key)
    if found is None or not (_bits(found) == _bits(a)).all():
        found = level.constants[key] = buffers.copied(a)
    return found


def _bits(a):
    """The memory of `a` as integers, so that NaN equals itself."""
    return a.reshape(-1).view(np.int64 if a.itemsize % 8 == 0 else np.uint8)
