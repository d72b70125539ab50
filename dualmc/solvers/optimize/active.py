"""Which bounds and constraints hold with equality at an optimum, and whether strictly.

Solvers stop near a bound, some at a small distance inside.  So sets of equalities are guessed by
growing distances, and of each guess the conditions of an optimum are checked once it is settled:
the guess is right where they hold strictly.
"""

import numpy as np

from dualmc.forward import jacobian_fwd
from dualmc.kernels.payload import values
from dualmc.reverse import gradient
from dualmc.solvers.optimize.newton import Unsettled

DISTANCES = 1e-12, 1e-8, 1e-6, 1e-5, 1e-4, 1e-3
# Slacks that are none, in units of 1 plus the size of the bound; and multipliers that are none.
SLACK, ROUNDING = 1e-10, 1e-12
TINY = 1e-13  # an eigenvalue that is 0, of a matrix with ones on its diagonal


class Held:
    """A guess: components of y `fixed` at a bound, and `conditions` that hold with equality."""

    def __init__(self, fixed, at_lower, conditions, multipliers):
        self.fixed, self.at_lower = fixed, at_lower
        self.conditions, self.multipliers = conditions, multipliers


def guesses(problem, y):
    """The sets of equalities that may hold at the optimum near `y`, the likeliest first."""
    lower, upper = (values(b) for b in problem.sized(y.size))
    slope = values(gradient(problem.cost, y))
    c, is_equality = problem.conditions(y)
    c = values(c)
    slopes = np.zeros((0, y.size))
    if c.size:
        slopes = values(jacobian_fwd(lambda y: problem.conditions(y)[0], y))
    norms = np.linalg.norm(slopes, axis=1)
    known = set()
    for distance in DISTANCES:
        with np.errstate(invalid="ignore"):
            below = (y - lower <= distance * (1 + np.abs(lower))) & np.isfinite(lower)
            above = (upper - y <= distance * (1 + np.abs(upper))) & np.isfinite(upper)
        above &= ~(below & (y - lower <= upper - y))
        near = is_equality | (c <= distance * (1 + np.max(np.abs(y), initial=0.0)) * norms)
        held = _signed(slope, slopes, lower == upper, is_equality, below & ~above, above, near)
        key = held.fixed.tobytes() + held.at_lower.tobytes() + held.conditions.tobytes()
        if key not in known:
            known.add(key)
            yield held


def _signed(slope, slopes, is_constant, is_equality, below, above, near):
    """Without what has a multiplier of the wrong sign: the cost falls away from it."""
    while True:
        free = ~(below | above)
        multipliers = np.linalg.lstsq(slopes[near][:, free].T, slope[free], rcond=None)[0]
        rest = slope - multipliers @ slopes[near]
        worst = np.where(below, rest, -rest)
        worst[free | is_constant] = np.inf
        wrong = np.where(is_equality[near], np.inf, multipliers)
        lowest = min(worst.min(initial=np.inf), wrong.min(initial=np.inf))
        if lowest >= 0:
            return Held(~free, below, near, multipliers)
        if worst.min(initial=np.inf) == lowest:
            i = np.argmin(worst)
            below[i] = above[i] = False
        else:
            near[np.flatnonzero(near)[np.argmin(wrong)]] = False


def check(point, z):
    """That the stationary `point`, settled at `z`, is a strict minimum; else `Unsettled`."""
    held, problem, k = point.held, point.problem, point.free.size
    y, multipliers = values(point.full(z)), z[k:]
    lower, upper = (values(b) for b in problem.sized(y.size))
    c, is_equality = problem.conditions(y)
    scale = 1 + np.max(np.abs(y), initial=0.0)
    with np.errstate(invalid="ignore"):
        near = (y - lower <= SLACK * (1 + np.abs(lower))) & np.isfinite(lower)
        near |= (upper - y <= SLACK * (1 + np.abs(upper))) & np.isfinite(upper)
    if np.any(near & ~held.fixed):
        raise Unsettled("a component is at its bound, with the multiplier 0")
    if np.any(values(c)[~held.conditions] <= SLACK * scale):
        raise Unsettled("a constraint holds with equality there, with the multiplier 0")
    curvature, slopes = np.zeros((0, 0)), np.zeros((0, 0))
    if z.size:
        J = values(point.slope(z))
        curvature, slopes = J[:k, :k], -J[k:, :k]
    norms = np.linalg.norm(slopes, axis=1)
    weak = SLACK * scale * np.max(np.abs(curvature), initial=0.0) / np.where(norms, norms, 1.0)
    weak += ROUNDING * np.max(np.abs(multipliers), initial=0.0)
    if np.any((multipliers <= weak) & ~is_equality[held.conditions]):
        raise Unsettled("a constraint that holds with equality has the multiplier 0")
    if np.any(_rise(point, y, multipliers)[held.fixed & (lower != upper)] <= 0):
        raise Unsettled("a component at its bound has the multiplier 0")
    _check_curved(curvature, slopes / np.where(norms, norms, 1.0)[:, None])


def _rise(point, y, multipliers):
    """How the cost rises from the bounds at which components are held, less what is rounding."""

    def slope(y):
        return gradient(lambda y: point.lagrangian(y, multipliers), y)

    if not point.fixed.size:
        return np.ones(y.size)
    rise = values(slope(y))
    curvature = np.max(np.abs(values(jacobian_fwd(slope, y))), axis=1)
    weak = SLACK * curvature * (1 + np.abs(y)) + ROUNDING * np.max(np.abs(rise))
    return np.where(point.held.at_lower, rise, -rise) - weak


def _check_curved(curvature, slopes):
    """That the cost rises along all directions that keep the conditions' equalities."""
    k = len(curvature)
    along = np.eye(k)
    if len(slopes):
        _, size, rows = np.linalg.svd(slopes)
        if len(slopes) > k or size[-1] <= 1e-10 * size[0]:
            raise Unsettled("the constraints that hold with equality there depend on each other")
        along = rows[len(slopes) :].T
    reduced = along.T @ curvature @ along
    d = np.diag(reduced)
    if np.any(d <= 0) or d.size and np.linalg.eigvalsh(reduced / np.sqrt(d[:, None] * d))[0] < TINY:
        raise Unsettled("it is no strict minimum, as the Hessian is not positive definite there")
