"""Stand-ins for linear programs, assignments and monotone regression in scipy.optimize."""

import numpy as np

from dualmc.duals.operands import as_operand
from dualmc.errors import MissingRuleError
from dualmc.kernels.payload import values
from dualmc.solvers.optimize import newton
from dualmc.solvers.optimize.fitting import array_of
from dualmc.solvers.optimize.minimizers import stand_in
from dualmc.solvers.optimize.optima import Optimum, Problem
from dualmc.solvers.optimize.results import in_result


def _linprog(name, given, out):
    """At the optimal vertex: the equalities that meet there, as many as there are unknowns."""
    if given["integrality"] is not None and np.any(given["integrality"]):
        raise MissingRuleError(
            f"dualmc does not differentiate through {name} with integrality: an optimum among "
            f"integers jumps. Solve for the other components alone, the integers given."
        )
    if out.x is None:
        raise newton.Unsettled(newton.FAR, is_solution=False).refusal(name)
    c = np.ravel(array_of(given["c"]))
    A_eq, b_eq = _side(given["A_eq"], given["b_eq"], c.size)
    A_ub, b_ub = _side(given["A_ub"], given["b_ub"], c.size)
    lower, upper = _bounds(given["bounds"])
    constraints = [(lambda y: A_eq @ y, b_eq, b_eq), (lambda y: b_ub - A_ub @ y, 0.0, np.inf)]
    problem = Problem(name, lambda y: c @ y, lower, upper, constraints)
    best = Optimum(problem, out.x)
    at_equal, at_most = best.multipliers[: len(b_eq)], best.multipliers[len(b_eq) :]
    out.eqlin.residual = best.value(lambda y: b_eq - A_eq @ y, out.eqlin.residual)
    out.ineqlin.residual = best.value(lambda y: b_ub - A_ub @ y, out.ineqlin.residual)
    out.eqlin.marginals = newton.of_value(out.eqlin.marginals, at_equal)
    out.ineqlin.marginals = newton.of_value(out.ineqlin.marginals, -at_most)
    prices = c - at_equal @ A_eq + at_most @ A_ub
    for side, is_held, sign, bound in zip(
        (out.lower, out.upper), best.held_at_bounds, (1, -1), problem.sized(c.size), strict=True
    ):
        side.residual = best.value(lambda y, s=sign, b=bound: s * (y - b), side.residual)
        side.marginals = newton.of_value(side.marginals, np.where(is_held, prices, 0.0))
    sides = {key: out[key] for key in ("eqlin", "ineqlin", "lower", "upper")}
    return in_result(out, x=best.y, fun=best.value(problem.cost, out.fun), **sides)


def _side(A, b, n):
    if A is None:
        return np.zeros((0, n)), np.zeros(0)
    A = array_of(A)
    return A if np.ndim(A) == 2 else np.reshape(A, (-1, n)), np.ravel(array_of(b))


def _bounds(bounds):
    if bounds is None:
        return 0.0, np.inf
    pairs = list(bounds)
    if len(pairs) == 2 and not any(issubclass(type(p), (list, tuple)) or np.ndim(p) for p in pairs):
        pairs = [pairs]
    pairs = [tuple(pair) for pair in pairs]
    lower = [-np.inf if low is None else low for low, _ in pairs]
    upper = [np.inf if high is None else high for _, high in pairs]
    return (lower[0], upper[0]) if len(pairs) == 1 else (lower, upper)


def _assignment(name, given, out):
    """Places: they jump, and are constant in between."""
    return out


def _isotonic_regression(name, given, out):
    """Weighted means of blocks, which are constant where each holds together strictly."""
    y = np.ravel(array_of(given["y"]))
    w = np.ones(y.size) if given["weights"] is None else np.ravel(array_of(given["weights"]))
    blocks = np.asarray(out.blocks)
    # Up to any place inside of a block, its elements lie above its mean (below, if decreasing).
    rest = np.cumsum((values(w) * (values(y) - out.x)) * (1 if given["increasing"] else -1))
    inside = np.ones(y.size, bool)
    inside[blocks[1:] - 1] = False
    scale = np.max(np.abs(values(w) * values(y)), initial=0.0)
    if np.any(rest[inside] <= 1e-12 * scale) or np.any(np.diff(out.x[blocks[:-1]]) == 0):
        reason = "elements are tied, and it has a kink there"
        raise newton.Unsettled(reason).refusal(name)
    parts = [slice(i, j) for i, j in zip(blocks[:-1], blocks[1:], strict=True)]
    weights = np.stack([as_operand(np.sum(w[part])) for part in parts])
    means = np.stack([as_operand(np.sum((w * y)[part])) for part in parts]) / weights
    x = np.repeat(means, np.diff(blocks))
    return in_result(
        out, x=newton.of_value(out.x, x), weights=newton.of_value(out.weights, weights)
    )


stand_in("linprog", _linprog)
stand_in("linear_sum_assignment", _assignment)
stand_in("isotonic_regression", _isotonic_regression)
