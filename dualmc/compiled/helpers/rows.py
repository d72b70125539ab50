"""The rows of what a call of a compiled function gives: which sweep makes them, and from what."""

import functools
import math

import numpy as np

from dualmc.compiled import messages
from dualmc.compiled.helpers import known, tangents
from dualmc.compiled.helpers.arguments import Unfit, frozen
from dualmc.duals.dual import Dual
from dualmc.tangents.dense_tangent import MEMORY_BUDGET, need_block

# Elements of the inputs and of the Jacobian up to which a tape records it.
MOST_INPUTS, MOST_ENTRIES = 2048, 2**23


class Rows:
    """The rows of what a call gives.

    Attributes
    ----------
    active : list of tangents
    is_identity : bool
        Whether the rows are those of the Jacobian.
    """

    def __init__(self, way, dispatcher, args):
        self.way, self.dispatcher, self.args = way, dispatcher, args
        self.active = [t for t in args.tangents if t is not None]
        self.size = sum(math.prod(t.shape) for t in self.active)
        self.is_identity = args.level.records or args.level.n > self.size
        self.columns = self.size if self.is_identity else args.level.n
        self.roles = "".join(map(_role, args.given, args.values, args.tangents))

    def check(self, sizes):
        """Refuse what would take too much memory, or too long."""
        level = self.args.level
        entries = sum(map(math.prod, sizes))
        if level.records:
            if self.size > MOST_INPUTS or entries * self.size > MOST_ENTRIES:
                if self.way.known.code.has_loops:
                    name = self.dispatcher.py_func.__qualname__
                    messages.runs_as_python(
                        self.dispatcher,
                        f"The Jacobian of {name}, of {entries} by {self.size} entries, is not made "
                        f"for the reverse mode; forward mode takes chunks of its columns.",
                    )
                raise Unfit
        elif entries * level.n * 8 > MEMORY_BUDGET and any(t.is_sparse for t in self.active):
            raise Unfit
        else:
            for shape in sizes:
                need_block(level, (level.n, *shape), self.args.dtype)

    def of(self, sizes):
        """The rows of each output, of these `sizes`."""
        self.check(sizes)
        inputs = self.inputs()
        try:
            sweep = self.way.sweep(self.dispatcher, self.roles, self.columns, inputs)
        except known.Unmade:
            self.way.leave()
        try:
            found = sweep(*inputs)
        except Exception:  # the function itself did not raise
            raise Unfit from None
        for J in found:
            if not np.isfinite(J).all():
                raise Unfit
        return found

    def settle(self):
        """Compile a sweep, which reads the types of these alone."""
        rows = [np.zeros((1, 1), self.args.dtype) for _ in self.active]
        inputs = [self.columns, *self.values(), *rows]
        self.way.settle(self.dispatcher, self.roles, self.columns, inputs)

    def inputs(self):
        """What the sweep is called with: columns, arguments, rows."""
        return [self.columns, *self.values(), *self._pushed()]

    def values(self):
        """The arguments as sweeps take them."""
        values = []
        for i, a in enumerate(self.args.values):
            if type(a) is np.ndarray and i in self.args.duals:
                a = a if a.flags.carray else np.require(a, self.args.dtype, "CW")
            values.append(frozen(a) if issubclass(type(a), tuple) else a)
        return values

    def _pushed(self):
        """The rows of each argument with a tangent, contiguous."""
        k, dtype = self.columns, self.args.dtype
        if not self.is_identity:
            return [tangents.pushed_rows(t, math.prod(t.shape), k, dtype) for t in self.active]
        if k == len(self.active):
            return _identity(k, dtype)
        whole, found, start = np.eye(k, dtype=dtype), [], 0
        for t in self.active:
            found.append(whole[start : start + math.prod(t.shape)])
            start += math.prod(t.shape)
        return found

    def tangent(self, J, y):
        """The tangent of the array or number `y` with the rows `J`, or itself."""
        if type(J) is not np.ndarray:
            return J
        level = self.args.level
        if self.is_identity:
            return tangents.of_jacobian(level, J, self.active, y)
        return tangents.of_rows(level, J, y.dtype)

    def is_unchanged(self, i, J):
        """Whether the argument `i` still has the tangent that it came with, the rows being `J`."""
        t = self.args.tangents[i]
        if t is None:
            return not J.any()
        size = math.prod(t.shape)
        J = J.reshape((size, self.columns))
        if not self.is_identity:
            return np.array_equal(J, tangents.pushed_rows(t, size, self.columns, J.dtype))
        before = sum(math.prod(u.shape) for u in self.args.tangents[:i] if u is not None)
        return np.array_equal(J, np.eye(size, self.columns, before, J.dtype))


def _role(a, value, t):
    """What the argument `a` is to a sweep: see `pushing.Shape`; "b": a Dual without tangent."""
    is_array = type(value) is np.ndarray
    if t is not None:
        return "t" if is_array else "n"
    return "b" if is_array and type(a) is Dual else "p"


@functools.lru_cache(256)
def _identity(n, dtype):
    """The rows of n numbers, each by itself."""
    return list(np.eye(n, dtype=dtype).reshape((n, 1, n)))
