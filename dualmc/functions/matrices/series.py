"""Power series in a formal infinitesimal e, which is a sum of variables at levels of their own.

Duals of these levels carry the derivatives of a number by e, exact but for rounding; a quotient of
two series that both start with e is lowered by one order.
"""

import numpy as np

from dualmc.duals.dual import Dual, make
from dualmc.functions.results import applied
from dualmc.tangents.dense_tangent import DenseTangent

# What rounding leaves of a coefficient that is 0, relative to the others.
VANISHING = 1e-8


class Series:
    """The levels that carry series up to their number, and what is done with such series."""

    def __init__(self, opened, rng):
        self.levels = opened
        self.rng = rng
        self.largest = 0.0  # of all coefficients seen
        self.step = sum(_variable(level) for level in opened)  # e itself

    def lowered(self, a):
        """A series that starts with e, divided by e.

        Its last coefficient is not known, and a number at random: nothing may depend on it.
        """
        if type(a) is Dual and a.level not in self.levels:
            return applied(self.lowered, self.lowered, a, self.lowered(a.primal))
        return self._lowered(a, self.rng.standard_normal())

    def lowered_gap(self, gap):
        """The same for differences of `entries`, which end with e itself."""
        if type(gap) is Dual and gap.level not in self.levels:
            return applied(self.lowered, self.lowered, gap, self.lowered_gap(gap.primal))
        return self._lowered(gap, 0.0)

    def _lowered(self, a, last):
        found = self._coefficients(a, len(self.levels))
        size = max(np.max(np.abs(c), initial=0.0, where=c == c) for c in found[1:])
        self.largest = max(self.largest, size)
        grows = np.abs(found[0]) > VANISHING * max(size, 1e-4 * self.largest)
        found[1] = np.where(grows, np.nan, found[1]).astype(found[1].dtype)
        rest = [c / (k + 1) for k, c in enumerate(found[1:])]
        rest.append(np.full_like(found[0], last * (1.0 + size)))
        return self._series(rest, len(self.levels))

    def _coefficients(self, a, count):
        """The derivatives by e, of orders 0 to `count`."""
        if count == 0:
            return [np.asarray(a)]
        level = self.levels[count - 1]
        if type(a) is not Dual or a.level is not level:
            lower = self._coefficients(a, count - 1)
            return [*lower, np.zeros_like(lower[0])]
        t = a.own_tangent()
        first = self._coefficients(a.primal, count - 1)
        last = np.zeros_like(first[0])
        if t is not None:
            last = self._coefficients(t.to_dense().dense()[0], count - 1)[-1]
        return [*first, last]

    def _series(self, derivatives, count):
        if count == 0:
            return derivatives[0]
        level = self.levels[count - 1]
        slope = self._series(derivatives[1:], count - 1)
        block = np.reshape(slope, (1, *slope.shape))
        return make(self._series(derivatives[:-1], count - 1), DenseTangent(level, block), level)


def _variable(level):
    return make(np.zeros(()), DenseTangent(level, np.ones((1,))), level)
