"""Views of modules: NumPy, math and SciPy with stand-ins for functions; others looked into."""

import math
import sys
import types

import numpy as np

from dualmc.unchanged import foreign
from dualmc.unchanged.code import values
from dualmc.unchanged.code.uses import is_used
from dualmc.unchanged.standins import listed
from dualmc.unchanged.standins.table import PATCHED, STANDINS

_views: dict = {}  # by name, and whether code only calls what it finds


def view_of(module):
    """A module with stand-ins in place of what has one; most modules are found as they are."""
    if isinstance(module, (Replica, ModuleView)):
        return module
    if module is np or module is math:
        return _kept(module, False, _replica)
    if module.__name__ in PATCHED:
        return _kept(module, False, ModuleView)
    return module


def called(module):
    """The same where code only calls what it finds there."""
    if listed.is_module_of_numpy(module) or module is math:
        return _kept(module, True, _replica)
    return _kept(module, True, ModuleView)


def looked_into(value):
    """A module of the user's whose attributes are found as adapted code holds them."""
    return ModuleView(value, False) if type(value) is types.ModuleType else values.held(value)


def _kept(module, is_called, make):
    found = _views.get((module.__name__, is_called))
    if found is None or found.__dualmc_original__ is not module:
        found = _views[module.__name__, is_called] = make(module, is_called)
    return found


class ModuleView(types.ModuleType):
    """A module as adapted code sees it; what it assigns there, it assigns to the module."""

    def __init__(self, module, is_called):
        super().__init__(module.__name__, module.__doc__)
        object.__setattr__(self, "__dualmc_original__", module)
        object.__setattr__(self, "__dualmc_find__", values.called if is_called else values.adapted)
        for name in ("__name__", "__doc__", "__spec__", "__loader__", "__package__"):
            self.__dict__.pop(name, None)

    def __getattribute__(self, name):
        if name.startswith("__dualmc_") or name in ("__class__", "__dict__"):
            return object.__getattribute__(self, name)
        found = getattr(object.__getattribute__(self, "__dualmc_original__"), name)
        if name.startswith("__"):
            return found
        return object.__getattribute__(self, "__dualmc_find__")(found)

    def __setattr__(self, name, value):
        setattr(object.__getattribute__(self, "__dualmc_original__"), name, value)

    def __delattr__(self, name):
        delattr(object.__getattribute__(self, "__dualmc_original__"), name)


class Replica(types.ModuleType):
    """numpy or math with stand-ins in place: a plain dictionary, so that lookups cost nothing.

    The class `numpy.ndarray` is itself where code compares with it (``type(v) is np.ndarray``), and
    its stand-in where code calls it, asks it for a method or matches it.
    """

    def __getattr__(self, name):
        value = getattr(self.__dualmc_original__, name)
        if name in ("ma", "testing") and self.__dualmc_original__ is np:  # imported here, by NumPy
            foreign.register()
            return view_of(value)
        if value is np.ndarray and is_used(sys._getframe(1)):
            return STANDINS[value]
        return value


def _replica(module, is_called):
    """`module` with stand-ins; where code only calls what it finds, functions look into lists."""
    made = Replica(module.__name__, module.__doc__)
    names = dict(vars(module))
    for name, value in names.items():
        if type(value) is types.ModuleType:
            if value.__name__ in PATCHED:
                names[name] = view_of(value)
            elif is_called and module is np and name in listed.modules():
                names[name] = called(value)
            continue
        try:
            found = STANDINS.get(value)
        except TypeError:  # not hashable
            continue
        if found is not None:
            names[name] = found
        elif is_called and not name.startswith("__"):
            names[name] = values.called(value)
    for name in ("ma", "testing", "ndarray", "__getattr__"):  # see `Replica.__getattr__`
        names.pop(name, None)
    names["__dualmc_original__"] = module
    if is_called and module is np:
        names["ndarray"] = STANDINS[np.ndarray]
    made.__dict__.update(names)
    return made
