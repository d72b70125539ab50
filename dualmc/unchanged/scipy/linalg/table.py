"""Stand-ins for the functions of scipy.linalg: how they are registered, and call each other.

SciPy converts its arguments before a Dual could speak up, so adapted code finds these in place of
its functions.  Each computes SciPy's own value; its differential is that of the matching NumPy
function (`functions/matrices/`) or a formula written in this room.  A function that has none
refuses Duals by name.
"""

import functools

import scipy.linalg

from dualmc.duals.dual import Dual
from dualmc.duals.operands import has_dual, has_tangent
from dualmc.errors import missing_case
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


def _standin(original, handler):
    @functools.wraps(original)
    def standin(*args, **kwargs):
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
    return HANDLERS[f"scipy.linalg.{name}"](*args, **kwargs)


def one_matrix(a, name):
    if a.ndim != 2:
        raise missing_case(f"scipy.linalg.{name}", "of stacks of matrices")
    return a
