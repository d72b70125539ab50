"""An optimum as the root of its conditions, those of Karush, Kuhn and Tucker.

Where it is known which bounds and constraints hold with equality, the optimum is a stationary point
of the Lagrangian ``cost(y) - multipliers @ conditions(y)`` in the components of y that are at no
bound and in the multipliers: a root, whose Jacobian is the Lagrangian's Hessian.  The theorem holds
where multipliers and slacks are strictly positive, the gradients of the conditions independent, and
the Hessian positive definite along them (Nocedal and Wright 2006, Numerical Optimization, theorem
12.6; Fiacco 1976, Mathematical Programming 10, 287).
"""

import numpy as np

from dualmc.duals.operands import as_operand
from dualmc.kernels.payload import values
from dualmc.reverse import gradient
from dualmc.solvers.optimize import active, newton


class Problem:
    """What is minimized.

    cost : ``cost(y)`` a number; y a vector.
    lower, upper : bounds of y, vectors, numbers, or None
    constraints : (function, lower, upper) each, of ``lower <= function(y) <= upper``
    """

    def __init__(self, name, cost, lower=None, upper=None, constraints=()):
        self.name = name
        self.cost = lambda y: newton.number(cost(y))
        self.lower = -np.inf if lower is None else as_operand(lower)
        self.upper = np.inf if upper is None else as_operand(upper)
        self.constraints = [(f, as_operand(lo), as_operand(hi)) for f, lo, hi in constraints]

    def sized(self, n):
        """The bounds, each a vector of `n`."""
        return np.broadcast_to(self.lower, (n,)), np.broadcast_to(self.upper, (n,))

    def conditions(self, y):
        """What is 0 or, unless an equality, positive at feasible points; and which is which."""
        parts, equal = [np.zeros(0)], [np.zeros(0, bool)]
        for function, lower, upper in self.constraints:
            c = np.ravel(as_operand(function(y)))
            lo, hi = np.broadcast_to(lower, c.shape), np.broadcast_to(upper, c.shape)
            least, most = values(lo), values(hi)
            same = least == most
            below, above = np.isfinite(least) & ~same, np.isfinite(most) & ~same
            parts += [c[same] - lo[same], c[below] - lo[below], hi[above] - c[above]]
            equal += [np.ones(same.sum(), bool), np.zeros(below.sum() + above.sum(), bool)]
        return np.concatenate(parts), np.concatenate(equal)


class Stationary(newton.Coupled):
    """The stationary point of `problem` where the bounds and conditions of `held` are equalities.

    Unknowns are the free components of y and then the multipliers.
    """

    def __init__(self, problem, held, n):
        self.problem, self.held, self.n = problem, held, n
        lower, upper = problem.sized(n)
        self.free = np.flatnonzero(~held.fixed)
        self.fixed = np.flatnonzero(held.fixed)
        self.order = np.argsort(np.concatenate([self.free, self.fixed]), kind="stable")
        self.at = np.where(held.at_lower[self.fixed], lower[self.fixed], upper[self.fixed])

    def full(self, z):
        """All components of y."""
        free = z[: self.free.size]
        return np.concatenate([free, self.at])[self.order] if self.fixed.size else free

    def lagrangian(self, y, multipliers):
        cost = self.problem.cost(y)
        if not self.held.conditions.any():
            return cost
        return cost - np.sum(multipliers * self.problem.conditions(y)[0][self.held.conditions])

    def residual(self, z):
        return gradient(lambda z: self.lagrangian(self.full(z), z[self.free.size :]), z)


class Optimum:
    """The optimum of `problem` near `y`, what a solver found, with its derivatives.

    y : the solver's numbers, of their shape, with derivatives
    at : the settled optimum, a vector, with the same derivatives
    """

    def __init__(self, problem, y):
        y = np.asarray(y, dtype=float)
        flat = y.ravel()
        point, z, here = _located(problem, flat)
        found = newton.differentiated(point, z, here) if z.size else z
        self.at = point.full(found)
        self._point, self._found = point, found
        self.y = newton.of_value(y, np.reshape(self.at, y.shape))

    @property
    def multipliers(self):
        """Those of all conditions, in their order: 0 where one does not hold with equality."""
        held, k = self._point.held.conditions, self._point.free.size
        place = np.where(held, np.cumsum(held), 0)
        return np.concatenate([np.zeros(1), self._found[k:]])[place]

    @property
    def held_at_bounds(self):
        """Which components are at their lower, and which at their upper bounds."""
        held = self._point.held
        return held.at_lower & held.fixed, ~held.at_lower & held.fixed

    def value(self, function, value):
        """``function`` of the optimum, with the solver's own number `value`."""
        return newton.of_value(np.asarray(value), newton.as_operand(function(self.at)))


def _located(problem, y):
    """The strict minimum near `y`: the point, its unknowns, and Newton's step from there."""
    last = None
    for held in active.guesses(problem, y):
        point = Stationary(problem, held, y.size)
        z = np.concatenate([y[point.free], held.multipliers])
        try:
            here = z
            if z.size:
                z, here = newton.settled(point, z, point.free.size)
            active.check(point, z)
            return point, z, here
        except newton.Unsettled as error:
            last = error
    raise last.refusal(problem.name)
