"""Plain NumPy code, unchanged: f runs with stand-ins for what a Dual cannot reach.

`adapted(f)` is a copy of f, same code, whose global names lead to stand-ins (`standins/`) where
they lead to the originals in f's own module, and to adapted copies of the Python functions that f
calls.  Nothing of the user's is modified: the copy has a namespace of its own, a view of the
module's that is as current as the module itself, and what f assigns to ``global`` names is handed
back to the module when the call ends.

What the copies reach: names of f's module, however imported, and of modules of the user's that they
name; imports inside functions; closures, default arguments, partials, methods (through an object
that shares the state of the one at hand), callables, compiled functions (`numba.njit`, by the
Python function they were made of).  What they cannot reach (functions kept in a list or a
dictionary, C extensions, functions of other packages) runs as it is: it refuses a Dual loudly, or
handles it rightly.
"""

import functools
import operator
import types

import numpy as np

from dualmc.unchanged import foreign
from dualmc.unchanged.copies import uses
from dualmc.unchanged.copies.as_is import DISPATCHER, FOREIGN
from dualmc.unchanged.copies.world import World
from dualmc.unchanged.scipy import sparse_products
from dualmc.unchanged.standins import (  # noqa: F401 (their stand-ins enter the table)
    arrays,
    builtins,
    kinds,
    math_module,
    memory,
)
from dualmc.unchanged.standins.kinds import ON_HEAP

_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, DISPATCHER)
_worlds: dict = {}
_is = operator.is_


def adapted(f):
    """The callable to run in place of `f`; `f` itself where there is nothing to adapt."""
    root = _module_of(f).partition(".")[0]
    if root == "dualmc":
        return f
    return _world(root if root in FOREIGN else "").adapt(f, is_root=True)


def arguments(f, args):
    """The arguments of f, adapted, as its adapted copy takes them.

    Constant sparse matrices look for Duals.  Classes, and functions that f knows by a name of its
    own, are those which the name leads to there, so that ``c is function`` is as true as ever.
    """
    return tuple(_argument(f, a) for a in args)


def _argument(f, a):
    if isinstance(a, type):
        return adapted(a) if a.__flags__ & ON_HEAP else a
    if isinstance(a, _FUNCTIONS):
        return _world("").adapt(a) if uses.is_named(f, a) else a
    return sparse_products.view_of(a)


def numpy_of_call():
    """NumPy as adapted code sees it."""
    return _world("").modules.view_of(np)


def drop_under_way():
    """After an error: what it interrupted is begun anew."""
    for world in list(_worlds.values()):
        world.drop_under_way()


def hand_back():
    """Write what adapted code assigned to its global names into the modules they belong to."""
    for world in tuple(_worlds.values()):
        for space in world.spaces:
            found = space.found
            # What adapted code did not assign to a global name stands in one order.
            if len(space) != len(found) or not all(map(_is, space.values(), found.values())):
                space.hand_back()


def _module_of(value):
    if type(value) is types.FunctionType:
        return value.__globals__.get("__name__") or ""
    while isinstance(value, functools.partial):
        value = value.func
    if isinstance(value, types.MethodType):
        value = value.__func__
    if isinstance(value, types.FunctionType):
        return value.__globals__.get("__name__") or ""
    return getattr(type(value), "__module__", "") or ""


def _world(root):
    found = _worlds.get(root)
    if found is None:
        found = _worlds[root] = World(root)
    foreign.register()
    for space in found.spaces:  # copies are of what the modules hold now
        space.refresh()
    return found
