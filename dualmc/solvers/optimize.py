"""Stand-ins for the solvers of scipy.optimize that f calls.

A solver compares and iterates on values: run on Duals it would stop when the value has converged,
before the derivative has, or lose it.  So it runs on plain numbers, and the root y of F(y) = 0 is
then differentiated by Newton's own step on Duals, ``y - F(y) / F'(y)``: one step gives the
derivative of the implicit function theorem, and each further step doubles the order that is exact.
What the residual depends on may come from anywhere, its closure included.

Minimizers refuse: of a minimum the gradient is the residual, see `custom_root`.
"""

import functools
import inspect

import numpy as np
import scipy.optimize

from dualmc.duals.dual import Dual
from dualmc.duals.operands import as_operand, has_dual, has_tangent
from dualmc.errors import MissingRuleError
from dualmc.forward import jacobian_fwd, jvp
from dualmc.functions.results import with_primal
from dualmc.kernels.payload import values

HANDLERS: dict = {}


def _plain(a):
    """`a` with plain numbers for the Duals in it."""
    if type(a) is Dual:
        a = values(a)
        return a[()] if a.ndim == 0 else a
    if issubclass(type(a), np.ndarray) and a.dtype == object and has_dual(a):
        return _plain(as_operand(a))
    if issubclass(type(a), (list, tuple)) and has_dual(a):
        items = [_plain(item) for item in a]
        return type(a)(*items) if hasattr(a, "_fields") else type(a)(items)
    return a


def _on_values(function):
    """`function` with plain results."""

    @functools.wraps(function)
    def wrapped(*args, **kwargs):
        return _plain(function(*args, **kwargs))

    return wrapped


def _depth(y):
    """How many derivative calls the residual depends on."""
    depth = 0
    while type(y) is Dual:
        depth += y.own_tangent() is not None
        y = y.primal
    return depth


def differentiated(residual, y, is_elementwise):
    """The root `y` of `residual`, plain numbers, with its derivatives."""
    shape = np.shape(y)
    first = _residual(residual, y, shape)
    depth = _depth(first)
    found = y
    for _ in range(depth.bit_length()):
        r = first if found is y else _residual(residual, found, shape)
        if is_elementwise:
            step = r / jvp(residual, found, np.ones(shape))[1]
        else:
            J = jacobian_fwd(lambda y: np.ravel(_residual(residual, y, shape)), found)
            step = np.reshape(np.linalg.solve(np.reshape(J, (np.size(y), -1)), np.ravel(r)), shape)
        found = found - step
    return _of_value(y, found) if depth else y


def _residual(residual, y, shape):
    r = as_operand(residual(y))
    return r if np.shape(r) == shape else np.reshape(r, shape)


def _of_value(y, found):
    """`found` with the solver's own number at the bottom of its levels."""
    if type(found) is not Dual:
        return np.asarray(y)
    return with_primal(_of_value(y, found.primal), found)


def _root_finder(name, is_elementwise, locate):
    original = getattr(scipy.optimize, name, None)
    if original is None:
        return
    signature = inspect.signature(original)

    @functools.wraps(original)
    def standin(*args, **kwargs):
        bound = signature.bind(*args, **kwargs)
        given = dict(bound.arguments)
        given.update(given.pop("kwargs", {}))
        first = next(iter(given))
        function = given[first]
        extra = given.get("args", ())
        extra = extra if issubclass(type(extra), tuple) else (extra,)
        for key, value in given.items():
            if key != "args":
                given[key] = _on_values(value) if callable(value) else _plain(value)
        out = original(**given)

        def residual(y):
            return _first(function(y, *extra), given)

        return locate(out, lambda y: differentiated(residual, y, is_elementwise))

    HANDLERS[f"scipy.optimize.{name}"] = standin


def _first(r, given):
    """The residual alone, where the function also returns its Jacobian."""
    has_jacobian = given.get("jac") is True or given.get("fprime") is True
    return r[0] if has_jacobian and issubclass(type(r), tuple) else r


def _in_tuple(out, differentiate):
    if issubclass(type(out), tuple):
        return (differentiate(out[0]), *out[1:])
    return differentiate(out)


def _in_root(out, differentiate):
    out.root = differentiate(out.root)
    return out


def _in_x(out, differentiate):
    out.x = differentiate(out.x)
    return out


for _name in ("brentq", "brenth", "bisect", "ridder", "toms748", "newton"):
    _root_finder(_name, True, _in_tuple)
_root_finder("root_scalar", True, _in_root)
_root_finder("root", False, _in_x)
for _name in ("fsolve", "broyden1", "broyden2", "anderson", "newton_krylov"):
    _root_finder(_name, False, _in_tuple)


def _refuse(name):
    original = getattr(scipy.optimize, name, None)
    if original is None:
        return

    def refused():
        return MissingRuleError(
            f"dualmc does not differentiate through scipy.optimize.{name}. Of a minimum the "
            f"derivative follows from its condition: call it in the solver of "
            f"dualmc.custom_root(residual, solver), where the residual is the gradient of what is "
            f"minimized, e.g. dualmc.gradient, or wrap the step in @dualmc.custom_jvp."
        )

    def checked(function):
        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            y = function(*args, **kwargs)
            if has_tangent(y):
                raise refused()
            return _plain(y)

        return wrapped

    @functools.wraps(original)
    def standin(*args, **kwargs):
        if has_tangent((*args, *kwargs.values())):
            raise refused()
        return original(
            *(checked(a) if callable(a) else _plain(a) for a in args),
            **{key: checked(a) if callable(a) else _plain(a) for key, a in kwargs.items()},
        )

    HANDLERS[f"scipy.optimize.{name}"] = standin


for _name in """
    minimize minimize_scalar golden brent fminbound fmin fmin_powell fmin_cg fmin_bfgs fmin_ncg
    fmin_l_bfgs_b fmin_tnc fmin_cobyla fmin_slsqp basinhopping brute differential_evolution
    dual_annealing shgo direct least_squares leastsq curve_fit lsq_linear nnls linprog milp
    fixed_point linear_sum_assignment isotonic_regression line_search
""".split():
    _refuse(_name)
