"""The user's functions of a problem: on plain numbers for the solver, and on Duals."""

import functools
import sys
from contextlib import contextmanager

import numpy as np

from dualmc.duals import levels
from dualmc.duals.dual import Dual
from dualmc.duals.levels import Level
from dualmc.duals.operands import as_operand, has_dual
from dualmc.functions.results import with_primal
from dualmc.kernels.payload import values
from dualmc.unchanged.code.learning import Seen
from dualmc.unchanged.standins.table import operand


def plain(a):
    """`a` with plain numbers for the Duals in it."""
    if type(a) is Dual:
        a = values(a)
        return a[()] if a.ndim == 0 else a
    if issubclass(type(a), np.ndarray) and a.dtype == object and has_dual(a):
        return plain(as_operand(a))
    if issubclass(type(a), (list, tuple)) and has_dual(a):
        items = [plain(item) for item in a]
        return type(a)(*items) if hasattr(a, "_fields") else type(a)(items)
    return a


def with_value(y, dual):
    """`dual` with the plain numbers `y` at the bottom of its levels."""
    if type(dual) is not Dual:
        return y
    return with_primal(with_value(y, dual.primal), dual)


def levels_in(a, found):
    """Add to `found` the levels at which `a`, or what is in it, has a tangent."""
    if issubclass(type(a), (list, tuple)):
        for item in a:
            levels_in(item, found)
    elif issubclass(type(a), np.ndarray) and a.dtype == object:
        levels_in(list(a.flat), found)
    while type(a) is Dual:
        if a.own_tangent() is not None:
            found.add(a.level)
        a = a.primal


def running_levels():
    """The levels of the calls that run in this thread, without recorders."""
    return {level for level in levels.stack.levels if type(level) is Level}


@contextmanager
def outside():
    """SciPy's own code inside, on plain numbers, runs as outside of derivative calls."""
    hook = sys.getprofile()
    is_ours = type(hook) is Seen
    if is_ours:
        sys.setprofile(None)
    try:
        with levels.none_running():
            yield
    finally:
        if is_ours:
            sys.setprofile(hook)


def inside(function):
    """`function`, called from `outside`, as inside of the derivative calls that run now."""
    hook, found = sys.getprofile(), levels.running_as_now(function)
    if type(hook) is not Seen:
        return found

    @functools.wraps(function)
    def run(*args, **kwargs):
        before = sys.getprofile()
        sys.setprofile(hook)
        try:
            return found(*args, **kwargs)
        finally:
            sys.setprofile(before)

    return run


class Watched:
    """The functions of a problem, as the solver calls them: their results are plain numbers.

    Attributes
    ----------
    levels : set
        At which a result had a tangent.
    """

    def __init__(self):
        self.levels = set()

    def __call__(self, function, is_plain=False):
        """`function` with plain results; inside of the derivative calls, if it is not `is_plain`.

        The solver around it runs outside of them, as SciPy wrote it.
        """
        run = function if is_plain else inside(function)

        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            y = run(*args, **kwargs)
            levels_in(y, self.levels)
            return plain(y)

        for name in ("terminal", "direction"):  # of events, which may be methods
            if hasattr(function, name):
                setattr(wrapped, name, getattr(function, name))
        return wrapped


def right_hand_side(fun, args, is_vectorized=False, takes_y_first=False):
    """The problem's F(t, y) as a function of plain or Dual vectors to such."""

    def F(t, y):
        given = np.reshape(y, (-1, 1)) if is_vectorized else y
        found = fun(given, t, *args) if takes_y_first else fun(t, given, *args)
        found = operand(found)
        found = found if hasattr(found, "shape") else np.asarray(found)
        if found.shape == y.shape:
            return found
        if found.size == y.size:
            return np.reshape(found, y.shape)
        return np.broadcast_to(found, y.shape)

    return F
