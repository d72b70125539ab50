"""Stand-ins for the functions of scipy.linalg: how they are registered, and call each other.

SciPy converts its arguments before a Dual could speak up, so adapted code finds these in place of
its functions.  Each computes SciPy's own value; its differential is that of the matching NumPy
function (`functions/matrices/`) or a formula written in this room.  A function that has none
refuses Duals by name.
"""

import functools

import scipy.linalg

from dualmc.duals import levels
from dualmc.duals.dual import Dual
from dualmc.duals.operands import as_operand, has_dual, has_tangent, level_of
from dualmc.errors import missing_case
from dualmc.functions.matrices.differentials import held
from dualmc.functions.results import with_primal
from dualmc.graph.record import has_traced, record
from dualmc.kernels.payload import values

HANDLERS: dict = {}


def handles(name):
    """Decorator: the function below differentiates this function of scipy.linalg."""

    def register(handler):
        original = getattr(scipy.linalg, name, None)
        if original is not None:
            HANDLERS[f"scipy.linalg.{name}"] = _standin(original, handler)
        return handler

    return register


def by_formula(name):
    """Decorator: the function below is SciPy's function in functions that have derivatives.

    It takes arrays for lists; the value is SciPy's own.
    """

    def register(formula):
        @functools.wraps(formula)
        def handler(*args, **kwargs):
            args = [as_operand(a) for a in args]
            kwargs = {key: as_operand(a) for key, a in kwargs.items()}
            level = level_of(*args, *kwargs.values())
            plain = {key: held(a, level) for key, a in kwargs.items()}
            y = call(name, *(held(a, level) for a in args), **plain)
            found = formula(*args, **kwargs)
            if isinstance(y, tuple):
                return tuple(map(with_primal, y, found))
            return with_primal(y, found)

        handles(name)(handler)
        return formula

    return register


def on_values(name):
    """Let a function that asks about values, and returns no derivative, see plain numbers."""
    original = getattr(scipy.linalg, name, None)

    def handler(*args, **kwargs):
        values_of = [_plain(a) for a in args]
        return original(*values_of, **{key: _plain(a) for key, a in kwargs.items()})

    handles(name)(handler)


def _standin(original, handler):
    @functools.wraps(original)
    def standin(*args, **kwargs):
        if has_traced((args, tuple(kwargs.values()))):  # one step of a graph
            return record(standin, args, kwargs)
        if not has_dual(args) and not has_dual(tuple(kwargs.values())):
            return original(*args, **kwargs)
        if not has_tangent((*args, *kwargs.values())):
            plain = [_plain(a) for a in args]
            return original(*plain, **{key: _plain(a) for key, a in kwargs.items()})
        return handler(*args, **kwargs)

    return standin


def _plain(a):
    """`a` with arrays for the Duals in it, none of which has a tangent."""
    if issubclass(type(a), (list, tuple)):
        return type(a)(_plain(item) for item in a)
    return values(a) if type(a) is Dual else a


def call(name, *args, **kwargs):
    """SciPy's function on values at one level, which may be Duals of an outer one."""
    standin = HANDLERS[f"scipy.linalg.{name}"]
    if has_dual(args) or has_dual(tuple(kwargs.values())):
        return standin(*args, **kwargs)
    with levels.outside():
        return standin(*args, **kwargs)


def one_matrix(a, name):
    if a.ndim != 2:
        raise missing_case(f"scipy.linalg.{name}", "of stacks of matrices")
    return a
