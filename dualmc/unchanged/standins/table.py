"""The table of stand-ins, and what each of them asks of its arguments.

``np.zeros(n)`` makes a plain array that could not hold a derivative, ``np.array([a, b])`` and
``math.sin(a)`` convert to floats.  While f is differentiated, `adapt.py` lets it find the functions
of this table in their place.  They do what the originals do; but a float array they make is a Dual
without tangent, which behaves as a plain array until a Dual is stored in it.

Outside of a derivative call they are the originals.
"""

import os
import sys
import types

import numpy as np

from dualmc.duals import levels, subclasses
from dualmc.duals.dual import Dual, make_array
from dualmc.duals.operands import as_operand, has_dual
from dualmc.errors import TangentLostError
from dualmc.functions.results import exact as exact_of_duals
from dualmc.graph.nodes import Recorder
from dualmc.graph.record import as_operand as as_traced
from dualmc.graph.record import constant as traced_constant
from dualmc.graph.record import has_traced, of_numbers
from dualmc.graph.traced import Traced
from dualmc.kernels.payload import values
from dualmc.unchanged.standins import callers

_HERE = os.path.dirname(__file__) + os.sep
STANDINS: dict = {}  # by the original
# Builtins: where code calls them by their names, and where it hands classes of them on.
CALLED: dict = {}
HELD: dict = {}
CHANGES = [0]  # how often stand-ins were added or taken away
# Modules of other packages of which some functions have stand-ins.
PATCHED: set = set()


def stands_for(*originals):
    """Decorator: the function below is found in place of `originals`."""

    def register(standin):
        for original in originals:
            STANDINS[original] = standin
        return standin

    return register


def changed():
    """Note that stand-ins were added or taken away."""
    CHANGES[0] += 1


def version():
    """A number that grows whenever stand-ins change."""
    return CHANGES[0]


def blank(y):
    """A new float array as one that may be written to; anything else as it is."""
    level = levels.current()
    if level is None or type(y) is not np.ndarray or y.dtype.kind not in "fc":
        return y
    frame = sys._getframe(1)
    while frame.f_code.co_filename.startswith(_HERE):
        frame = frame.f_back
    if levels.stack.is_quiet or callers.is_internal(frame):
        return y
    if type(level) is Recorder:
        return traced_constant(level, y)
    return make_array(y, None, level)


def is_carrier(a):
    """Whether `a` is an array that carries its derivative or its history."""
    return type(a) is Dual or type(a) is Traced


def looked_at(a):
    """The plain value of `a`, which decides what f does next."""
    if type(a) is Traced:
        return a.look()
    while hasattr(a, "own_tangent"):
        a = a.primal
    return a


def value_of(a):
    """The plain value of `a`, for what does not depend on its numbers."""
    return a.value if type(a) is Traced else values(a)


def plain(a, what):
    """The plain array that `a` is, if it holds no derivative; `what` tells who asked."""
    if type(a) is Traced:
        if a.has_ended or a.is_flat:
            return a.look()
    elif hasattr(a, "__array__"):
        return a.__array__()
    raise TangentLostError(
        f"{what} would hand out plain numbers: the derivative would be lost. Return it from f as "
        f"aux, or write the step in NumPy functions."
    )


def has_carrier(a):
    return has_dual(a) or has_traced(a) or bool(subclasses.MASKED) and subclasses.has_masked(a)


def operand(a):
    """Lists and object arrays of carriers as one of them; everything else as it is.

    Of an array that means more, the numbers alone: this is what `numpy.array` reads.
    """
    if type(a) in subclasses.MASKED:
        return a.data
    if subclasses.is_foreign(a):
        a = a.view(np.ndarray)
    return as_traced(a) if has_traced(a) else as_operand(a)


def by_own_method(x, name):
    """What the method `name`, Python code, of the object `x` gives; None: it has none."""
    method = getattr(type(x), name, None)
    if type(method) is types.FunctionType and levels.current() is not None:
        return method(x)
    return None


def exact(function, formula, *args):
    """`formula(*args)`, with the primal that `function` itself gives."""
    if has_traced(args):
        return of_numbers(function, formula, args)
    return exact_of_duals(function, formula, *args)
