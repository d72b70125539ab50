"""The state of a problem at any time, with its derivatives.

One `Stage` per level, the innermost first.  It turns a problem with Duals of its level into one for
the state and its derivatives along the level's directions, z = (y, S), which has Duals of the outer
levels alone; behind the last stage all is plain numbers.  So derivatives of higher order are those
of the enlarged system.
"""

import numpy as np

from dualmc.duals.dual import Dual
from dualmc.duals.operands import primal_at
from dualmc.errors import TangentLostError, forget
from dualmc.forward import jacobian_fwd
from dualmc.kernels.payload import values
from dualmc.solvers.odes.plain import plain

# Points of the plain solution at which the scales of derivatives are looked at.
SAMPLES = 5


class Stage:
    """A problem at one level as one of the levels outside of it."""

    def __init__(self, F, directions, n):
        self.F = F
        self.directions = directions
        self.n = n
        self.machine = None  # of F at this level, if there is one

    def value(self, t, y):
        """F at plain numbers."""
        found = None if self.machine is None else self.machine.evaluated(t, y)
        return np.asarray(plain(self.F(t, y.copy()))) if found is None else found[0]

    def linear(self, t, y, slopes):
        """The Jacobian of F by y, ``slopes(t, y)``, and its derivatives at a fixed state."""
        found = None if self.machine is None else self.machine.linear(t, y)
        if found is not None:
            return found
        none = np.zeros((self.directions.size, self.n))
        return slopes(t, y), self.directions.pushed(self.F, t, y.copy(), none)[1]

    @property
    def size(self):
        return (1 + self.directions.size) * self.n

    def parts(self, z):
        """The state and its derivatives, (k, n) of (n,), or (k, n, times) of (n, times)."""
        shape = (self.directions.size, self.n, *z.shape[1:])
        return z[: self.n], np.reshape(z[self.n :], shape)

    def rhs(self, t, z):
        """The enlarged system."""
        if self.machine is not None:
            found = self.machine.enlarged(t, z)
            if found is not None:
                return found
        y, S = self.parts(z)
        f, f_dot = self.directions.pushed(self.F, t, y.copy(), S)
        return np.concatenate([f, np.ravel(f_dot)])

    def start(self, t0, y0):
        """The enlarged system's initial value: that of y moves with t0 as well."""
        y0 = self.moved(y0, t0, -1.0)
        rows = self.directions.rows(y0)
        self.first_rows = values(rows)
        return np.concatenate([primal_at(y0, self.directions.level), np.ravel(rows)])

    def share(self, samples, terms):
        """Per direction, the largest part that it has in the `terms` of F at the `samples`."""
        k, found = self.directions.size, np.zeros(self.directions.size)
        for (t, y), size in zip(samples, terms, strict=True):
            z = np.concatenate([y, np.zeros(self.n - y.size)])
            f = values(self.rhs(t, np.concatenate([z, np.zeros(k * self.n)])))
            size = size + np.abs(f[: y.size])
            rows = np.reshape(f[self.n :], (k, self.n))[:, : y.size]
            with np.errstate(all="ignore"):
                ratio = np.abs(rows) / np.where(size > 0, size, np.inf)
            found = np.fmax(found, ratio.max(axis=1, initial=0.0))
        return found

    def moved(self, y, t, sign):
        """`y`, the state at the number `t`, with the derivative by `t` at this level."""
        level = self.directions.level
        if type(t) is not Dual or t.level is not level or t.own_tangent() is None:
            return y
        f = primal_at(self.F(t.primal, primal_at(y, level)), level)
        return y + sign * f * (t - t.primal)

    def at(self, z, ts):
        """The states (n, times) at this level, of `z` at the times `ts` outside of it."""
        level = self.directions.level
        y, S = self.parts(z)
        y = self.directions.attached(y, S)
        if type(ts) is not Dual or ts.level is not level or ts.own_tangent() is None:
            return y
        return np.stack([self.moved(y[:, i], ts[i], 1.0) for i in range(len(ts))], axis=1)


class Flow:
    """The solution of a problem: ``at(times)``.

    Parameters
    ----------
    F : callable
    t0, y0 : number and vector, plain or Dual
    directions : list
        Of each level, the innermost first.
    """

    def __init__(self, F, t0, y0, directions):
        self.stages = []
        n = self.n = np.shape(y0)[0]
        for found in directions:
            stage = Stage(F, found, n)
            y0 = stage.start(t0, y0)
            t0 = primal_at(t0, found.level)
            F, n = stage.rhs, stage.size
            self.stages.append(stage)
        self.rhs = F
        self.z0 = y0
        self.is_apart = True  # whether F can be differentiated by a call of its own
        self.base = None  # plain times to plain z, (size, times)

    def at(self, ts):
        """The states (n, times) at the times `ts`, plain or Dual."""
        inner = [ts]
        for stage in self.stages:
            inner.append(primal_at(inner[-1], stage.directions.level))
        z = self.base(values(inner.pop()))
        for stage, given in zip(reversed(self.stages), reversed(inner), strict=True):
            z = stage.at(z, given)
        return z

    def slopes(self, t, z):
        """The plain Jacobian F_y, (n, n), at plain numbers."""
        y = np.array(z[: self.n])
        machine = self.stages[0].machine
        found = None if machine is None else machine.evaluated(t, y)
        if found is not None:
            return found[1][:, : self.n]
        if self.is_apart:
            try:
                return values(jacobian_fwd(lambda y: self.stages[0].F(t, y), y))
            except TangentLostError as error:  # F writes to an array of its own level
                forget(error)
                self.is_apart = False
        return values(self.stages[0].directions.slopes(self.stages[0].F, t, y))

    def staggered(self):
        """What the state and its derivatives are found by in turn; None where there are more."""
        if len(self.stages) != 1:
            return None
        (stage,) = self.stages
        return {
            "value": stage.value,
            "linear": lambda t, y: stage.linear(t, y, self.slopes),
            "n": self.n,
        }

    def scales(self, ts, ys, weights):
        """Per block of z how large its numbers are beside those of the state, (blocks,).

        A column x of S is measured by 1 / x, which its share in the terms of F tells: a term k y
        of F gives y / |k y|.  `weights` are numbers of the state too small to matter.
        """
        chosen = np.unique(np.linspace(0, len(ts) - 1, SAMPLES).astype(int))
        samples = [(ts[i], np.array(ys[:, i])) for i in chosen]
        terms = [np.abs(self.slopes(t, y)) @ np.abs(y) for t, y in samples]
        largest = np.abs(ys).max(axis=1) + weights
        whole = np.ones(1)
        for stage in self.stages:
            found = stage.share(samples, terms)
            start = np.abs(stage.first_rows[:, : self.n]) / largest
            found = np.maximum(found, start.max(axis=1, initial=0.0))
            found[~(found > 0)] = found.max(initial=0.0) or 1.0
            whole = np.kron(np.concatenate([[1.0], found]), whole)
        return whole
