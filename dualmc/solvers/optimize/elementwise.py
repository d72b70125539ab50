"""Stand-ins for scipy.optimize.elementwise: one equation, or one minimum, per element."""

import functools
import inspect

import numpy as np
import scipy.optimize.elementwise

from dualmc.duals.operands import as_operand, has_tangent
from dualmc.errors import MissingRuleError
from dualmc.kernels.payload import values
from dualmc.products import jvp
from dualmc.solvers.optimize import newton
from dualmc.solvers.optimize.observing import Observation, is_under_way
from dualmc.solvers.optimize.results import in_result
from dualmc.solvers.optimize.roots import root_of

HANDLERS: dict = {}


def _stand_in(name, solved):
    original = getattr(scipy.optimize.elementwise, name, None)
    if original is None:
        return
    signature = inspect.signature(original)
    named = f"scipy.optimize.elementwise.{name}"

    @functools.wraps(original)
    def standin(*args, **kwargs):
        if not is_under_way():
            return original(*args, **kwargs)
        seen = Observation(named)
        out = seen.call(original, args, kwargs)
        if not seen.carries:
            return out
        given = signature.bind(*args, **kwargs).arguments
        inner = given.get("args", ())
        inner = inner if issubclass(type(inner), tuple) else (inner,)
        return solved(named, lambda y: as_operand(given["f"](y, *inner)), given, out)

    HANDLERS[named] = standin


def _root(name, function, given, out):
    x, at = root_of(function, out.x, True, name)
    return in_result(out, x=x, f_x=newton.of_value(out.f_x, function(at)))


def _minimum(name, function, given, out):
    def slope(y):
        return jvp(function, y, np.ones(np.shape(y)))[1]

    x, at = root_of(slope, out.x, True, name)
    settled = values(at)
    if np.any(jvp(slope, settled, np.ones(np.shape(settled)))[1] <= 0):
        raise newton.Unsettled("it is no strict minimum").refusal(name)
    return in_result(out, x=x, f_x=newton.of_value(out.f_x, function(at)))


def _bracket(name, function, given, out):
    """Ends of brackets are found among multiples of the first ones."""
    if any(has_tangent(a) for key, a in given.items() if key not in ("f", "args")):
        raise MissingRuleError(
            f"dualmc does not differentiate through {name} by where its search begins. Begin at "
            f"numbers that do not depend on the inputs: the root or minimum in the bracket does "
            f"not depend on it."
        )
    return in_result(out, bracket=out.bracket)


_stand_in("find_root", _root)
_stand_in("find_minimum", _minimum)
_stand_in("bracket_root", _bracket)
_stand_in("bracket_minimum", _bracket)
