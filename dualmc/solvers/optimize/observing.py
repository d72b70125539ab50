"""What a solver of SciPy's sees: plain numbers, whatever the user's functions return.

While it runs, no derivative call is under way: SciPy's own arrays are plain ones.  The calls are
under way again inside of the user's functions that it calls.
"""

import functools
import threading

import numpy as np

from dualmc.duals import levels
from dualmc.duals.dual import Dual
from dualmc.duals.elements import Number
from dualmc.duals.operands import as_operand, has_dual, has_tangent
from dualmc.errors import TangentLostError
from dualmc.graph.record import first, has_traced
from dualmc.graph.record import plain as plain_of_traced
from dualmc.kernels.payload import values


def is_function(a):
    """Whether `a` is called by solvers: a function, or an object of the user's that can be."""
    if not callable(a) or issubclass(type(a), type) or hasattr(a, "stepsize"):
        return False
    return type(a).__module__.partition(".")[0] != "scipy"


class Observation:
    """One call of the solver `name`: its arguments as plain numbers, its functions' results too."""

    def __init__(self, name):
        self.name = name
        self.carries = False  # whether a derivative was among what it was given
        self.running = levels.stack.levels
        self.thread = threading.get_ident()

    def call(self, original, args, kwargs):
        """``original(*args, **kwargs)`` of plain numbers."""
        args = [self.plain(a) for a in args]
        kwargs = {key: self.plain(a) for key, a in kwargs.items()}
        levels.stack.levels = []
        try:
            return original(*args, **kwargs)
        finally:
            levels.stack.levels = self.running

    def plain(self, a):
        """`a` with plain numbers for the Duals in it, and observed functions for functions."""
        if has_traced(a):
            self._check_recorded(a)
            a = plain_of_traced(a)
        if is_function(a):
            return self.function(a)
        if type(a) is Dual or type(a) is Number:
            self.carries = self.carries or has_tangent(as_operand(a))
            return plain(a)
        if issubclass(type(a), (list, tuple)):
            items = [self.plain(item) for item in a]
            return type(a)(*items) if hasattr(a, "_fields") else type(a)(items)
        if type(a) is dict:
            return {key: self.plain(item) for key, item in a.items()}
        if type(a).__module__ == "scipy.optimize._constraints":
            copy = object.__new__(type(a))
            copy.__dict__.update({key: self.plain(item) for key, item in vars(a).items()})
            return copy
        if issubclass(type(a), np.ndarray) and a.dtype == object and has_dual(a):
            return self.plain(as_operand(a))
        return a

    def function(self, function):
        """`function`, called within the derivative calls that are under way, with plain results."""

        @functools.wraps(function)
        def observed(*args, **kwargs):
            if threading.get_ident() != self.thread:
                return self.plain(function(*args, **kwargs))
            outside = levels.stack.levels
            levels.stack.levels = self.running
            try:
                return self.plain(function(*args, **kwargs))
            finally:
                levels.stack.levels = outside

        return observed

    def _check_recorded(self, a):
        if all(t.is_constant for t in _all_traced(a)):
            return
        raise TangentLostError(
            f"{self.name} is not recorded: how often it iterates depends on its values. Without "
            f"recording, dualmc.jacobian_fwd and the like, it is differentiated where it ends."
        )


def _all_traced(a):
    if issubclass(type(a), (list, tuple)):
        return [t for item in a for t in _all_traced(item)]
    if issubclass(type(a), np.ndarray):
        return [t for item in a.flat for t in _all_traced(item)] if a.dtype == object else []
    found = first(a)
    return [] if found is None else [found]


def plain(a):
    """The Dual `a` as plain numbers, memory of their own; anything else as it is."""
    a = as_operand(a)
    if type(a) is not Dual:
        return a
    a = values(a)
    return a[()] if a.ndim == 0 else a.copy()


def is_under_way():
    """Whether f is being differentiated or recorded in this thread."""
    return levels.current() is not None
