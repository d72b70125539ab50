"""A root that a solver has found, settled by Newton's steps and differentiated by further ones.

A solver stops when its tolerance is met, and the implicit function theorem holds at the root: so
the steps go on, on plain numbers, until they are rounding errors.  A point they lead away from, or
to which they converge but linearly (a root of higher multiplicity), has no derivative to give.
Then one step on Duals, ``y - F(y) / F'(y)``, gives the derivative; each further one doubles the
order that is exact.  The value handed out stays the solver's own, bit for bit.
"""

import numpy as np

from dualmc.duals.dual import Dual
from dualmc.duals.operands import as_operand
from dualmc.errors import MissingRuleError
from dualmc.forward import jacobian_fwd
from dualmc.functions.results import with_primal
from dualmc.kernels.payload import values
from dualmc.products import jvp

STEPS = 12
# How far the settled root may lie from the solver's, of the size of the root, or of 1.
NEAR = 2e-3
# Steps that are rounding errors: of a well-conditioned equation, and of any that is solved.
EXACT, SMALLEST = 1e-14, 1e-6


class Elementwise:
    """Newton's step for a `residual` of which every element has its own unknown."""

    def __init__(self, residual):
        self.residual = residual

    def __call__(self, y):
        with np.errstate(all="ignore"):
            return self.residual(y) / self.slope(y)

    def slope(self, y):
        return jvp(self.residual, y, np.ones(np.shape(y)))[1]

    def changes(self, y, there, move):
        """How much the slope changes from `y` to `there`, as it tells on a step of size `move`."""
        slope = values(self.slope(y))
        return move * (values(self.slope(there)) - slope) / slope


class Coupled:
    """Newton's step for a `residual` of all unknowns together."""

    def __init__(self, residual):
        self.residual = residual

    def __call__(self, y):
        r = self.residual(y)
        return np.reshape(np.linalg.solve(self.slope(y), np.ravel(r)), np.shape(y))

    def slope(self, y):
        J = jacobian_fwd(lambda y: np.ravel(self.residual(y)), y)
        return np.reshape(J, (np.size(y), np.size(y)))

    def changes(self, y, there, move):
        slope = values(self.slope(y))
        change = (values(self.slope(there)) - slope) @ np.ravel(move)
        return np.reshape(np.linalg.solve(slope, change), np.shape(y))


def settled(step, y, count=None):
    """`y` after Newton's steps on plain numbers, and the step from there, with its derivatives.

    Of a vector, the first `count` elements say whether it is near.
    """
    first = slice(None) if count is None else slice(count)
    start, before, is_slow = y, np.inf, False
    for _ in range(STEPS):
        try:
            here = step(y)
        except np.linalg.LinAlgError:
            raise Unsettled(SINGULAR) from None
        plain = values(here)
        size = _relative(*(np.atleast_1d(a)[first] for a in (plain, y)))
        if not np.isfinite(size):
            raise Unsettled(SINGULAR)
        is_slow = size > 0.3 * before
        if size <= EXACT or is_slow and size <= SMALLEST:
            _check_simple(step, y, plain, first)
            if is_slow or before == np.inf:
                _check_alone(step, y, first)
            return y, here
        y, before = y - plain, size
        away = np.atleast_1d(y - start)[first]
        if is_slow or _size(away) > NEAR * max(1.0, _size(start)):
            break
    raise Unsettled(SINGULAR) if is_slow else Unsettled(FAR, is_solution=False)


def _check_simple(step, y, plain, first):
    """That the slope stays what it is near the root: at one of higher multiplicity it vanishes.

    At a pole, where `brentq` ends too, it changes as fast.
    """
    move = 1e-8 * np.abs(y) + 4 * np.abs(plain)
    move = np.where(move, move, 1e-10)
    try:
        with np.errstate(all="ignore"):
            change = step.changes(y, y + move, move)
    except np.linalg.LinAlgError:
        raise Unsettled(SINGULAR) from None
    is_same = np.abs(change) <= 0.2 * (move + 1e-3 * _size(move))
    if not np.all(np.atleast_1d(is_same)[first]):
        raise Unsettled(SINGULAR)


def _check_alone(step, y, first):
    """That the slope is not much larger on either side: roots that almost coincide are one.

    A triple root that is known to the third part of the digits may have a slope by rounding.
    """
    move = 1e-4 * np.abs(y)
    grows = []
    for there in (y + move, y - move):
        with np.errstate(all="ignore"):
            here = np.atleast_1d(move + step.changes(y, there, move))[first]
        grows.append(_size(here) > 3 * _size(np.atleast_1d(move)[first]))
    if all(grows):
        raise Unsettled(SINGULAR)


def _size(a):
    return np.max(np.abs(a), initial=0.0)


def _relative(step, y):
    """The largest element of `step`, each in units of the size of its own unknown."""
    return _size(step / (np.abs(y) + 1e-3 * _size(y) + 1e-6))


def differentiated(step, y, here):
    """The settled root `y` with its derivatives; `here` is the step from there."""
    found = y - here
    for _ in range(depth(here).bit_length() - 1):
        found = found - step(found)
    return found


def of_value(y, found):
    """`found` with the solver's own number `y` at the bottom of its levels."""
    if type(found) is not Dual:
        return y
    return with_primal(of_value(y, found.primal), found)


def depth(*found):
    """How many derivative calls the Duals `found` depend on."""
    held = set()
    for a in found:
        while type(a) is Dual:
            if a.own_tangent() is not None:
                held.add(a.level)
            a = a.primal
    return len(held)


def number(y):
    """A function's result as a number: solvers take arrays of one element too."""
    y = as_operand(y)
    return np.reshape(y, ()) if np.ndim(y) else y


class Unsettled(Exception):
    """The point is no solution, or one that is no differentiable function of its data."""

    def __init__(self, reason, is_solution=True):
        super().__init__(reason)
        self.is_solution = is_solution

    def refusal(self, name):
        if self.is_solution:
            return MissingRuleError(
                f"{name} found a solution that is no differentiable function of its data: {self}. "
                f"If you know its derivative, give it with @dualmc.custom_jvp."
            )
        return MissingRuleError(
            f"{name} has not converged: {self}, so that its result has no derivative to give. "
            f"Tighten its tolerances, raise its number of iterations, or start it nearer to the "
            f"solution."
        )


SINGULAR = "the derivative of its equations is singular there"
FAR = "the equations that it solves do not hold where it ended"
