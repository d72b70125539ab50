"""Stand-ins for what minimizes functions in scipy.optimize: the user's own function decides.

Gradients and Hessians that the user gives serve the search alone; the derivatives of the optimum
come from the function that is minimized.
"""

import functools
import inspect
import types

import numpy as np
import scipy.optimize

from dualmc.errors import MissingRuleError
from dualmc.reverse import gradient
from dualmc.solvers.optimize.observing import Observation, is_under_way
from dualmc.solvers.optimize.optima import Optimum, Problem
from dualmc.solvers.optimize.results import in_result, in_tuple

HANDLERS: dict = {}
# Methods of `minimize` that leave bounds or constraints aside.
BOUNDLESS = frozenset("cg bfgs newton-cg dogleg trust-ncg trust-exact trust-krylov".split())
CONSTRAINED = frozenset(("cobyla", "cobyqa", "slsqp", "trust-constr"))


def stand_in(name, solved):
    """The stand-in for scipy.optimize's `name`: ``solved(name, given, out)`` of its own result.

    `given` are its arguments by name.
    """
    original = getattr(scipy.optimize, name, None)
    if original is None:
        return
    is_compiled = isinstance(original, types.BuiltinFunctionType)
    signature = None if is_compiled else inspect.signature(original)
    named = f"scipy.optimize.{name}"

    @functools.wraps(original)
    def standin(*args, **kwargs):
        if not is_under_way():
            return original(*args, **kwargs)
        seen = Observation(named)
        out = seen.call(original, args, kwargs)
        if not seen.carries:
            return out
        if signature is None:
            return solved(named, {}, out)
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return solved(named, bound.arguments, out)

    HANDLERS[named] = standin


# --- Arguments -----------------------------------------------------------------------------------


def tuple_of(args):
    return args if issubclass(type(args), tuple) else () if args is None else (args,)


def cost_of(function, args, returns_slope=False):
    """``cost(y)``, where the function may return its gradient beside its value."""

    def cost(y):
        value = function(y, *args)
        return value[0] if returns_slope else value

    return cost


def bounds_of(bounds):
    """Lower and upper bounds, from pairs or a `Bounds`."""
    if bounds is None:
        return None, None
    if issubclass(type(bounds), scipy.optimize.Bounds):
        return bounds.lb, bounds.ub
    pairs = [tuple(pair) for pair in bounds]
    if not pairs:
        return None, None
    lower = [-np.inf if low is None else low for low, _ in pairs]
    upper = [np.inf if high is None else high for _, high in pairs]
    return lower, upper


def constraints_of(constraints):
    """(function, lower, upper) each, from any of SciPy's forms."""
    if constraints is None:
        return []
    if issubclass(type(constraints), (tuple, list)):
        return [each for c in constraints for each in constraints_of(c)]
    if issubclass(type(constraints), scipy.optimize.LinearConstraint):
        A = constraints.A
        A = A.toarray() if hasattr(A, "toarray") else A
        return [(lambda y: A @ y, constraints.lb, constraints.ub)]
    if issubclass(type(constraints), scipy.optimize.NonlinearConstraint):
        return [(constraints.fun, constraints.lb, constraints.ub)]
    args = tuple_of(constraints.get("args", ()))
    upper = 0.0 if constraints["type"].lower() == "eq" else np.inf
    return [(lambda y: constraints["fun"](y, *args), 0.0, upper)]


# --- minimize, and what ends with it ------------------------------------------------------------


def _minimize(name, given, out):
    method = given["method"]
    method = method.lower() if issubclass(type(method), str) else method
    lower, upper = bounds_of(None if method in BOUNDLESS else given["bounds"])
    is_constrained = method in CONSTRAINED or not issubclass(type(method), str)
    constraints = constraints_of(given["constraints"]) if is_constrained else []
    cost = cost_of(given["fun"], tuple_of(given["args"]), given["jac"] is True)
    return _minimum(Problem(name, cost, lower, upper, constraints), out)


def _minimum(problem, out):
    """SciPy's result `out` with the derivatives of the optimum."""
    best = Optimum(problem, out.x)
    found = {"x": best.y, "fun": best.value(problem.cost, out.fun)}
    slope = out.get("jac")
    if slope is not None and np.shape(slope) == np.shape(out.x):
        found["jac"] = best.value(lambda y: gradient(problem.cost, y), slope)
    return in_result(out, **found)


def _basinhopping(name, given, out):
    options = given["minimizer_kwargs"] or {}
    inner = {"method": None, "args": (), "bounds": None, "constraints": (), "jac": None, **options}
    return _minimize(name, {**inner, "fun": given["func"]}, out)


def _within_bounds(name, given, out):
    """differential_evolution, dual_annealing, shgo, direct."""
    if given.get("integrality") is not None and np.any(given["integrality"]):
        raise MissingRuleError(
            f"dualmc does not differentiate through {name} with integrality: an optimum among "
            f"integers jumps. Minimize over the other components alone, the integers given."
        )
    options = given.get("minimizer_kwargs") or {}
    cost = cost_of(given["func"], tuple_of(given["args"]), options.get("jac") is True)
    if given.get("vectorized"):
        cost = _of_columns(cost)
    lower, upper = bounds_of(given["bounds"])
    return _minimum(
        Problem(name, cost, lower, upper, constraints_of(given.get("constraints"))), out
    )


def _of_columns(cost):
    return lambda y: np.ravel(cost(y[:, None]))[0]


def _brute(name, given, out):
    cost = cost_of(given["func"], tuple_of(given["args"]))
    return _in_tuple(Problem(name, cost), out, bool(given["full_output"]))


# --- The older functions, which return tuples --------------------------------------------------


def _in_tuple(problem, out, is_full, cost_at=1):
    """`out`, the place of the minimum or a tuple that begins with it, with its derivatives."""
    if not is_full:
        return Optimum(problem, out).y
    best = Optimum(problem, out[0])
    found = {0: best.y}
    if cost_at is not None:
        found[cost_at] = best.value(problem.cost, out[cost_at])
    return in_tuple(out, found)


def _classic(name, given, out):
    """fmin and its like: without bounds."""
    cost = cost_of(given[next(iter(given))], tuple_of(given["args"]))
    return _in_tuple(Problem(name, cost), out, issubclass(type(out), tuple))


def _bounded_classic(name, given, out):
    """fmin_l_bfgs_b and fmin_tnc, whose function may return its gradient."""
    returns_slope = given["fprime"] is None and not given["approx_grad"]
    cost = cost_of(given["func"], tuple_of(given["args"]), returns_slope)
    problem = Problem(name, cost, *bounds_of(given["bounds"]))
    return _in_tuple(problem, out, True, 1 if name.endswith("_b") else None)


def _cobyla(name, given, out):
    args = tuple_of(given["args"])
    inner = args if given["consargs"] is None else tuple_of(given["consargs"])
    functions = given["cons"] if isinstance(given["cons"], (list, tuple)) else [given["cons"]]
    constraints = [(cost_of(c, inner), 0.0, np.inf) for c in functions]
    return _in_tuple(
        Problem(name, cost_of(given["func"], args), None, None, constraints), out, False
    )


def _slsqp(name, given, out):
    args = tuple_of(given["args"])
    constraints = [(cost_of(c, args), 0.0, 0.0) for c in given["eqcons"]]
    constraints += [(cost_of(c, args), 0.0, np.inf) for c in given["ieqcons"]]
    for key, upper in ("f_eqcons", 0.0), ("f_ieqcons", np.inf):
        if given[key] is not None:
            constraints.append((cost_of(given[key], args), 0.0, upper))
    problem = Problem(
        name, cost_of(given["func"], args), *bounds_of(given["bounds"] or None), constraints
    )
    return _in_tuple(problem, out, bool(given["full_output"]))


# --- Of one number --------------------------------------------------------------------------------


def _minimize_scalar(name, given, out):
    method = given["method"]
    is_bounded = given["bounds"] is not None or str(method).lower() == "bounded"
    lower, upper = given["bounds"] if is_bounded else (None, None)
    problem = Problem(name, _of_number(given["fun"], given["args"]), lower, upper)
    return _minimum(problem, out)


def _of_number(function, args):
    args = tuple_of(args)
    return lambda y: function(y[0], *args)


def _line(name, given, out):
    """golden, brent, fminbound."""
    problem = Problem(
        name, _of_number(given["func"], given["args"]), given.get("x1"), given.get("x2")
    )
    return _in_tuple(problem, out, bool(given["full_output"]))


def _refused(name, given, out):
    raise MissingRuleError(
        f"dualmc does not differentiate through {name}: its result is no differentiable function "
        f"of its data. If you know a derivative of it, give it with @dualmc.custom_jvp."
    )


stand_in("minimize", _minimize)
stand_in("minimize_scalar", _minimize_scalar)
stand_in("basinhopping", _basinhopping)
stand_in("brute", _brute)
for _name in ("differential_evolution", "dual_annealing", "shgo", "direct"):
    stand_in(_name, _within_bounds)
for _name in ("fmin", "fmin_powell", "fmin_cg", "fmin_bfgs", "fmin_ncg"):
    stand_in(_name, _classic)
for _name in ("fmin_l_bfgs_b", "fmin_tnc"):
    stand_in(_name, _bounded_classic)
stand_in("fmin_cobyla", _cobyla)
stand_in("fmin_slsqp", _slsqp)
for _name in ("golden", "brent", "fminbound"):
    stand_in(_name, _line)
for _name in ("milp", "line_search"):
    stand_in(_name, _refused)
