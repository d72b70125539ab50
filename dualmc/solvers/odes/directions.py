"""The directions along which a problem is differentiated at one level, and F pushed along them.

Of a level that computes, these are those of its columns on which the problem depends; of one that
records, the elements of all that was on the tape before the problem and that it depends on: its
result is then a linear map of these.  Rows of S are the derivatives along the directions.
"""

import math

import numpy as np

from dualmc.cotangents import sweep
from dualmc.duals.dual import make
from dualmc.duals.operands import primal_at, tangent_at
from dualmc.errors import TangentLostError
from dualmc.kernels.payload import is_zero
from dualmc.tangents import tape
from dualmc.tangents.dense_tangent import DENSE_INPUTS, DenseTangent, is_wide
from dualmc.tangents.slots import SparseTangent


class Grown(Exception):
    """The problem depends on more than was known: it is integrated anew along all of it."""


def directions_of(level):
    return Recorded(level) if level.records else Columns(level)


class Columns:
    """The columns of a level that computes."""

    def __init__(self, level):
        self.level = level
        self.columns = np.zeros(0, np.intp)

    @property
    def size(self):
        return self.columns.size

    def rows(self, a):
        """The derivatives of `a`, (size, *a.shape); `Grown` if it has some along others."""
        t = tangent_at(a, self.level)
        if t is None:
            return np.zeros((self.size, *np.shape(a)))
        block = t.to_dense().dense()
        used = ~np.reshape(is_zero(block), (block.shape[0], -1)).all(axis=1)
        used[self.columns] = False
        if used.any():
            self.columns = np.union1d(self.columns, np.flatnonzero(used))
            raise Grown
        return block[self.columns]

    def attached(self, y, S):
        """The Dual of the array `y` with the derivatives `S`, (size, *y.shape)."""
        level, k = self.level, self.level.n
        if not self.size:
            return y
        if k > DENSE_INPUTS and not is_wide(self.size, k):
            shape = (self.size, *(1,) * len(y.shape))
            col = np.broadcast_to(self.columns.reshape(shape).astype(np.int32), S.shape)
            return make(y, SparseTangent(level, S, np.ascontiguousarray(col)), level)
        if self.size < k:
            block = np.zeros((k, *y.shape))
            if type(S) is np.ndarray:
                block[self.columns] = S
            else:
                where = np.full(k, self.size)
                where[self.columns] = np.arange(self.size)
                block = np.concatenate([S, np.zeros((1, *y.shape))])[where]
            S = block
        return make(y, DenseTangent(level, S), level)

    def pushed(self, F, t, y, S):
        """F at (t, y) and its derivatives, along the state's own `S`."""
        f = F(t, self.attached(y, S))
        return primal_at(f, self.level), self.rows(f)

    def slopes(self, F, t, y):
        """The Jacobian of F by y, as many columns at a time as the level has."""
        k, n = self.level.n, y.size
        every = Columns(self.level)
        every.columns = np.arange(k)
        rest = every.pushed(F, t, y.copy(), np.zeros((k, n)))[1]
        columns = []
        for first in range(0, n, k):
            found = every.pushed(F, t, y.copy(), np.eye(k, n, first))[1] - rest
            columns.append(found[: n - first])
        return np.swapaxes(np.concatenate(columns), 0, 1)


class Recorded:
    """All that a level that records had on its tape, as far as the problem depends on it."""

    def __init__(self, level):
        self.level = level
        self.variables = []
        self.base = tape.next_serial()  # what is older was there before the problem

    @property
    def size(self):
        return sum(math.prod(var.shape) for var in self.variables)

    def rows(self, a):
        """The derivatives of `a`, (size, *a.shape)."""
        found, _ = self._swept(tangent_at(a, self.level), self.base, None)
        return self._whole(found, np.shape(a))

    def attached(self, y, S):
        """The Dual of the array `y`, a linear map of the variables."""
        if not self.variables:
            return y
        ends = np.cumsum([0, *(math.prod(var.shape) for var in self.variables)]).tolist()
        S = np.reshape(S, (self.size, -1))
        blocks = [S[i:j] for i, j in zip(ends, ends[1:], strict=False)]
        return make(y, tape.local(self.variables, blocks, y), self.level)

    def pushed(self, F, t, y, S):
        """F at (t, y) and its derivatives, along the state's own `S`."""
        f, rows, slopes = self._differentiated(F, t, y)
        if slopes is not None:
            rows = rows + np.matmul(S, np.swapaxes(slopes, 0, 1))
        return f, rows

    def slopes(self, F, t, y):
        """The Jacobian of F by y."""
        slopes = self._differentiated(F, t, y)[2]
        return np.zeros((y.size, y.size)) if slopes is None else slopes

    def _differentiated(self, F, t, y):
        """F at (t, y), its derivatives by the variables, (size, n), and by y, (n, n)."""
        leaf = tape.leaf(y)
        f = F(t, make(y, leaf, self.level))
        rows, slopes = self._swept(tangent_at(f, self.level), leaf.serial, leaf)
        return primal_at(f, self.level), self._whole(rows, y.shape), slopes

    def _whole(self, rows, shape):
        """`rows` of an array of `shape`; None: they are 0."""
        shape = (self.size, *shape)
        return np.zeros(shape) if rows is None else np.reshape(rows, shape)

    def _swept(self, tangent, start, leaf):
        """The derivatives of an array of n elements by the variables, (size, n), and by `leaf`.

        What is older than `start` was there before.
        """
        if tangent is None:
            return None, None
        n = math.prod(tangent.shape)
        order = sweep.reachable(tangent, start)
        met = [var for var in order if var.serial < start or var is leaf]
        bar = np.reshape(np.eye(n, dtype=tangent.dtype), (n, *tangent.shape))
        bars = sweep.pulled(order, bar, (n,), met, base=start)
        found = {var: bar for var, (bar, _) in zip(met, bars, strict=True) if bar is not None}
        slopes = found.pop(leaf, None)
        self._note([var for var in found if var not in self.variables], found)
        blocks = [np.zeros((n, 0))]
        for var in self.variables:
            bar, size = found.get(var), math.prod(var.shape)
            blocks.append(np.zeros((n, size)) if bar is None else np.reshape(bar, (n, size)))
        return np.swapaxes(np.concatenate(blocks, axis=1), 0, 1), slopes

    def _note(self, new, found):
        """`Grown` if any of the variables `new` matters."""
        new = [var for var in new if not is_zero(found[var]).all()]
        for var in new:
            if var.dtype.kind == "c":
                raise complex_refused()
            if any(v.pull is None and v.serial > self.base for v in sweep.reachable(var)):
                raise TangentLostError(
                    "The right-hand side of an ODE keeps what it was given at another time: in "
                    "reverse mode the derivative would be lost. Use forward mode."
                )
        if new:
            self.variables = self.variables + new
            raise Grown


def complex_refused():
    return TangentLostError(
        "dualmc differentiates ODEs of real numbers. Write the equations for the real and the "
        "imaginary parts."
    )
