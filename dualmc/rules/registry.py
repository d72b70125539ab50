"""Which NumPy function is differentiated by what: the tables the Dual's protocols look into.

`FUNCTIONS` and `UFUNCS` map a NumPy function or ufunc to a handler called with the user's arguments
and the kind of derivative it has; `REDUCTIONS` does so for pairs (``np.add``, ``"reduce"``) and
`METHODS` for what holds of every ufunc (``"outer"``).  The modules that hold the mathematics fill
them, by `handles`.  Element-wise rules stand in `table.RULES`.
"""

import functools
import inspect
import sys
from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Entry(NamedTuple):
    """How one function is differentiated: a kind, for the coverage table, and the handler."""

    kind: str
    handler: Callable


FUNCTIONS: dict = {}
UFUNCS: dict = {}
REDUCTIONS: dict = {}
METHODS: dict = {}
# What finds the plan of a function: called with its arguments and options, as a tuple and a dict,
# it gives the result, or None where the handler is to do it.
PLANNERS: dict = {}
# Called with a ufunc that is in no table: whether tables that were not needed so far have it.
LATE: list = []
# What makes a handler for a function that looks at values alone: `flat.py` sets it.
flat_handler: Callable
# Functions that make arrays and reach a Dual only through their argument like=.
CREATION = frozenset(
    {
        np.array, np.asarray, np.asanyarray, np.ascontiguousarray, np.asfortranarray, np.require,
        np.zeros, np.ones, np.empty, np.full, np.eye, np.identity, np.tri, np.arange,
    }
)  # fmt: skip

KINDS = ("element-wise", "selection", "linear", "bilinear", "composite", "flat", "in-place")


def handles(kind, *functions):
    """Decorator: the function below handles these NumPy functions, ufuncs or (ufunc, method)."""

    def register(handler):
        for function in functions:
            register_one(kind, function, handler)
        return handler

    return register


def plans(*functions):
    """Decorator: what is below, given one of these functions first, is its planner."""

    def register(planner):
        for function in functions:
            PLANNERS[function] = functools.partial(planner, function)
        return planner

    return register


def register_one(kind, function, handler):
    if isinstance(function, tuple):
        table = REDUCTIONS
    elif isinstance(function, str):
        table = METHODS
    else:
        table = UFUNCS if isinstance(function, np.ufunc) else FUNCTIONS
    table[function] = Entry(kind, handler)


def learn(ufunc):
    """Whether a ufunc that no table has is in one now, after the tables of SciPy have been read."""
    found = False
    for late in LATE:
        found = late(ufunc) or found
    return found


@functools.cache
def position_of_out(function):
    """Where `function` takes its argument out by position, or None."""
    try:
        names = list(inspect.signature(function).parameters)
    except ValueError:  # a signature that is not known
        return None
    return names.index("out") if "out" in names else None


def name_of(function):
    """The dotted name a user would write for a function or ufunc of NumPy, or a ufunc of SciPy."""
    name = getattr(function, "__name__", str(function))
    if getattr(np, name, None) is function:
        return f"numpy.{name}"
    if getattr(sys.modules.get("scipy.special"), name, None) is function:
        return f"scipy.special.{name}"
    if type(function).__module__.startswith("numba."):
        return f"{name}, a ufunc made by numba.vectorize"
    owner = getattr(function, "__self__", None)
    if isinstance(owner, np.ufunc):
        return f"{name_of(owner)}.{name}"
    module = getattr(function, "__module__", None) or ""
    return f"{module}.{name}" if module.startswith("numpy") else name
