"""Stand-ins for what finds roots and fixed points in scipy.optimize."""

import functools
import inspect

import numpy as np
import scipy.optimize

from dualmc.duals.operands import as_operand
from dualmc.solvers.optimize import newton
from dualmc.solvers.optimize.observing import Observation, is_under_way
from dualmc.solvers.optimize.results import in_result, in_tuple

HANDLERS: dict = {}


def root_finder(name, is_elementwise, place, takes_lists=False):
    """The stand-in for scipy.optimize's `name`, which hands out roots by `place`."""
    original = getattr(scipy.optimize, name, None)
    if original is None:
        return
    signature = inspect.signature(original)
    named = f"scipy.optimize.{name}"

    @functools.wraps(original)
    def standin(*args, **kwargs):
        if not is_under_way():
            return original(*args, **kwargs)
        seen = Observation(named)
        out = seen.call(original, args, kwargs)
        if not seen.carries:
            return out
        given = dict(signature.bind(*args, **kwargs).arguments)
        given.update(given.pop("kwargs", {}))
        residual = _residual(given, takes_lists, minus_y=name == "fixed_point")
        return place(out, lambda y: root_of(residual, y, is_elementwise, named), residual)

    HANDLERS[named] = standin


def root_of(residual, y, is_elementwise, name):
    """The root `y` of `residual`, plain numbers, with its derivatives; and the same, settled."""
    shape = np.shape(y)
    is_elementwise = is_elementwise or not shape

    def shaped(y):
        r = as_operand(residual(y))
        return r if np.shape(r) == shape else np.reshape(r, shape)

    step = (newton.Elementwise if is_elementwise else newton.Coupled)(shaped)
    try:
        settled, here = newton.settled(step, np.asarray(y)[()])
    except newton.Unsettled as error:
        raise error.refusal(name) from None
    found = newton.differentiated(step, settled, here)
    return newton.of_value(np.asarray(y), found), found


def _residual(given, takes_lists, minus_y):
    function = given[next(iter(given))]
    args = given.get("args", ())
    args = args if issubclass(type(args), tuple) or takes_lists else (args,)
    has_jacobian = given.get("jac") is True or given.get("fprime") is True

    def residual(y):
        r = function(y, *args)
        if has_jacobian and issubclass(type(r), tuple):
            r = r[0]
        return as_operand(r) - y if minus_y else r

    return residual


def _in_tuple(out, differentiate, residual):
    if not issubclass(type(out), tuple):
        return differentiate(out)[0]
    found, _ = differentiate(out[0])
    if isinstance(out[-1], scipy.optimize.RootResults):
        out[-1].root = found
        return (found, out[-1])
    return in_tuple(out, {0: found})


def _in_root(out, differentiate, residual):
    out.root = differentiate(out.root)[0]
    return out


def _in_x(out, differentiate, residual):
    x, at = differentiate(out.x)
    return in_result(out, x=x, fun=newton.of_value(out.fun, as_operand(residual(at))))


for _name in ("brentq", "brenth", "bisect", "ridder", "toms748"):
    root_finder(_name, True, _in_tuple)
root_finder("newton", True, _in_tuple, takes_lists=True)
root_finder("fixed_point", False, _in_tuple, takes_lists=True)
root_finder("root_scalar", True, _in_root)
root_finder("root", False, _in_x)
for _name in ("fsolve", "broyden1", "broyden2", "anderson", "newton_krylov", "linearmixing",
              "excitingmixing", "diagbroyden"):  # fmt: skip
    root_finder(_name, False, _in_tuple)
