"""How each solver calls f and its derivatives, and in which order and shape it wants them.

An `Asked` is a call in the terms of the verbs: a function, its arguments, and which of these the
solver varies.
"""

import difflib
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from dualmc.adapters import nodes, parameters
from dualmc.calls.inputs import as_input
from dualmc.calls.outputs import as_output
from dualmc.unchanged import adapt


class Asked(NamedTuple):
    """``partial(make, f, *parts)`` is the function; without `make` it is f.

    `is_lasting`: make and parts stay the same from call to call, and can be told by.
    """

    make: Callable | None
    parts: tuple
    args: tuple
    argnums: int | tuple[int, ...]
    is_lasting: bool = True


class Convention(NamedTuple):
    """What a solver does with f.

    Attributes
    ----------
    asked : callable
        ``asked(f, args, kwargs, number)`` is the `Asked` of the Jacobian.
    number : int or None
        Which argument is varied; None: `argnums` may say, 0 by default.
    is_scalar : bool or None
        Whether f returns one number, which makes the Jacobian a gradient; None: as it comes.
    has_sparse, has_hessian, has_layout : bool
        Whether the solver takes sparse matrices, second derivatives, transposed Jacobians.
    shaped : callable or None
        ``shaped(J, args, layout)``: the Jacobian as the solver wants it, for arguments of the
        `Asked`.
    key : callable
        The arguments as the memo compares them.
    """

    asked: Callable
    number: int | None = None
    is_scalar: bool | None = None
    has_sparse: bool = False
    has_hessian: bool = False
    has_layout: bool = True
    shaped: Callable | None = None
    key: Callable = lambda args: args


# --- The ways in which f is called ----------------------------------------------------------------


def _as_is(f, args, kwargs, number):
    """f(x, *args, **kwargs), by one argument."""
    if not kwargs:
        return Asked(None, (), args, number)
    names = tuple(kwargs)
    return Asked(_by_keyword, (names,), (*args, *kwargs.values()), number)


def _by_keyword(f, names, *args):
    count = len(args) - len(names)
    return adapt.adapted(f)(*args[:count], **dict(zip(names, args[count:], strict=True)))


def _model(f, args, kwargs, number):
    """f(t, a, b, ...), by all numbers after the first argument."""
    _refuse_keywords("curve_fit", kwargs)
    t, *params = args
    return Asked(_of_model, (), (_vector("curve_fit", params, "f(t, a, b, ...)"), t), 0)


def _of_model(f, p, t):
    return adapt.adapted(f)(t, *p)


def _numbers(f, args, kwargs, number):
    """f(a, b, ...) or f(x), as iminuit calls it."""
    _refuse_keywords("iminuit", kwargs)
    if len(args) == 1 and np.ndim(args[0]):
        return Asked(None, (), args, 0)
    return Asked(_of_numbers, (), (_vector("iminuit", args, "f(a, b, ...) or f(x)"),), 0)


def _of_numbers(f, p):
    return adapt.adapted(f)(*p)


def _mesh(f, args, kwargs, number):
    """fun(x, y[, p]) or bc(ya, yb[, p]) of `solve_bvp`: y has an axis of nodes, yb has none."""
    _refuse_keywords("solve_bvp", kwargs)
    if len(args) not in (2, 3):
        raise TypeError(
            f"scipy_jac: solve_bvp calls fun(x, y), bc(ya, yb), or either with p as well; got "
            f"{len(args)} arguments."
        )
    if np.ndim(args[1]) == 1:
        return Asked(None, (), args, tuple(range(len(args))))
    return Asked(nodes.at_nodes, (), nodes.arguments(args), (0, 4)[: len(args) - 1])


def _on_mesh(J, args, layout):
    if len(args) < 4:  # of the boundary conditions, in the order of their arguments
        return J
    return nodes.jacobians(J, args)


def _lmfit(f, args, kwargs, number):
    """f(params, *args, **kws), by the parameters that vary."""
    params, *rest = args
    names = parameters.names_of(params)
    parts = names, params, tuple(rest), dict(kwargs)
    return Asked(parameters.of_vector, parts, (parameters.vector_of(params),), 0, False)


def _lmfit_key(args):
    if not hasattr(args[0], "valuesdict"):
        raise TypeError(
            f"scipy_jac: lmfit calls f(params, *args) with lmfit.Parameters; got "
            f"{type(args[0]).__name__}. For other solvers leave solver out, or name it."
        )
    return (parameters.key_of(args[0]), *args[1:])


def _vector(solver, params, how):
    if not params or any(np.ndim(p) for p in params):
        raise TypeError(
            f"scipy_jac: {solver} calls {how} with numbers; got shapes "
            f"{', '.join(str(np.shape(p)) for p in params) or 'none'}. Say which solver calls it: "
            f'scipy_jac(f, "least_squares"), for example.'
        )
    return as_input(np.array(params), "scipy_jac", "the parameters")


def _refuse_keywords(solver, kwargs):
    if kwargs:
        raise TypeError(
            f"scipy_jac: {solver} gives f no keyword arguments; got {next(iter(kwargs))}. Bind "
            f"them first: functools.partial(f, {next(iter(kwargs))}=...)."
        )


def _of_equations(J, args, layout):
    """As a matrix, also of one equation that returns a number."""
    if type(J) is not np.ndarray or J.ndim > 1:
        return J
    return J.reshape(1, -1) if layout == "numerator" else J.reshape(-1, 1)


# --- Second derivatives ---------------------------------------------------------------------------


def weighted(asked):
    """``v @ f(x)``, whose Hessian `NonlinearConstraint` asks for as ``hess(x, v)``."""
    if len(asked.args) != 2:
        raise TypeError(
            f"scipy_jac: NonlinearConstraint calls hess(x, v); got {len(asked.args)} arguments."
        )
    return Asked(_weighted, (), asked.args, 0)


def _weighted(f, x, v):
    return np.sum(as_output(adapt.adapted(f)(x), "scipy_jac") * v)


# --- The table ------------------------------------------------------------------------------------

_equations = Convention(_as_is, is_scalar=False, has_sparse=True, shaped=_of_equations)
CONVENTIONS = {
    None: Convention(_as_is, has_sparse=True, has_hessian=True),
    "least_squares": _equations,
    "leastsq": _equations,
    "root": _equations,
    "fsolve": _equations,
    "odeint": _equations,
    "minimize": Convention(
        _as_is, is_scalar=True, has_sparse=True, has_hessian=True, has_layout=False
    ),
    "NonlinearConstraint": Convention(
        _as_is, 0, is_scalar=False, has_sparse=True, has_hessian=True, has_layout=False
    ),
    "curve_fit": Convention(_model, 1, is_scalar=False),
    "solve_ivp": Convention(_as_is, 1, is_scalar=False, has_sparse=True),
    "solve_bvp": Convention(_mesh, 1, is_scalar=False, has_layout=False, shaped=_on_mesh),
    "lmfit": Convention(_lmfit, 0, is_scalar=False, key=_lmfit_key),
    "iminuit": Convention(_numbers, 0, is_scalar=True, has_layout=False),
}


def of(solver: Any) -> Convention:
    """The convention of the solver of this name."""
    if solver is None or isinstance(solver, str) and solver in CONVENTIONS:
        return CONVENTIONS[solver]
    names = [name for name in CONVENTIONS if name is not None]
    close = difflib.get_close_matches(str(solver), names, n=1, cutoff=0.6)
    kind = ValueError if isinstance(solver, str) else TypeError
    raise kind(
        f"scipy_jac: solver must be one of {', '.join(map(repr, names))}, or left out where f(x, "
        f"*args) is differentiated by x; got solver={solver!r}."
        + (f" Did you mean {close[0]!r}?" if close else "")
    )


def check_hessian(solver: Any, name: str) -> None:
    """Refuse `name`, "hess" or "hessp", of a solver that asks for none."""
    if CONVENTIONS[solver].has_hessian and (solver != "NonlinearConstraint" or name == "hess"):
        return
    raise TypeError(
        f"scipy_jac: {solver} asks for no {name}; minimize does, and NonlinearConstraint for "
        f"hess(x, v)."
    )


def function_of(f: Callable, asked: Asked) -> Callable:
    return f if asked.make is None else functools.partial(asked.make, f, *asked.parts)
