"""Views of modules: the user's, adapted as they are looked up; NumPy and math with stand-ins."""

import importlib
import math
import sys
import types

import numpy as np

from dualmc.unchanged import foreign
from dualmc.unchanged.copies import uses
from dualmc.unchanged.copies.as_is import is_foreign
from dualmc.unchanged.copies.namespace import Namespace
from dualmc.unchanged.standins import listed
from dualmc.unchanged.standins.table import PATCHED, STANDINS


class Modules:
    """The views of modules of one `World`."""

    def __init__(self, world):
        self.world = world
        self.views = {}  # by name, and what its user holds

    def view_of(self, module):
        """A module whose functions are adapted as they are looked up."""
        found = self.views.get(module.__name__)
        if found is not None and found.__dualmc_original__ is module:
            return found
        if module is np or module is math:
            made = _replica(module, self.world)
        elif is_foreign(module.__name__, self.world.root) and module.__name__ not in PATCHED:
            return module
        else:
            made = ModuleView(module, self.world)
        self.views[module.__name__] = made
        return made

    def called(self, module, held):
        """A module of which code only calls what it finds, but for the attributes `held`."""
        key = uses.MARK.join((module.__name__, *sorted(held), ""))
        if listed.is_module_of_numpy(module):
            found = self.views.get(key)
            if found is None:
                found = self.views[key] = _replica(module, self.world, True, held)
            return found
        found = self.world.adapt(module)
        if type(found) is not ModuleView:
            return found
        made = self.views.get(key)
        if made is None or made.__dualmc_original__ is not module:
            made = self.views[key] = CalledView(module, self.world, held)
        return made

    def import_module(self, name, globals=None, locals=None, fromlist=(), level=0):
        """``import`` inside adapted code."""
        if isinstance(globals, Namespace):
            globals = globals.real
        module = importlib.__import__(name, globals, locals, fromlist, level)
        foreign.register()
        return self.world.adapt(module)


class ModuleView(types.ModuleType):
    """A module of the user's as adapted code sees it."""

    def __init__(self, module, world):
        super().__init__(module.__name__, module.__doc__)
        object.__setattr__(self, "__dualmc_original__", module)
        object.__setattr__(self, "__dualmc_world__", world)
        for name in ("__name__", "__doc__", "__spec__", "__loader__", "__package__"):
            self.__dict__.pop(name, None)

    def __getattribute__(self, name):
        if name.startswith("__dualmc_") or name in ("__class__", "__dict__"):
            return object.__getattribute__(self, name)
        module = object.__getattribute__(self, "__dualmc_original__")
        world = object.__getattribute__(self, "__dualmc_world__")
        namespace = world.namespaces.get(id(module.__dict__))
        if namespace is not None and name in namespace and name not in namespace.sources:
            return namespace[name]  # assigned by adapted code in this call
        return world.adapt(getattr(module, name))

    def __setattr__(self, name, value):
        module = object.__getattribute__(self, "__dualmc_original__")
        setattr(module, name, value)

    def __delattr__(self, name):
        delattr(object.__getattribute__(self, "__dualmc_original__"), name)


class CalledView(ModuleView):
    """A module of which code only calls functions, but for those `held`: see `uses.py`."""

    def __init__(self, module, world, held):
        super().__init__(module, world)
        object.__setattr__(self, "__dualmc_held__", held)

    def __getattribute__(self, name):
        found = super().__getattribute__(name)
        if name.startswith("__"):
            return found
        held = object.__getattribute__(self, "__dualmc_held__")
        if name in held:
            return found
        world = object.__getattribute__(self, "__dualmc_world__")
        found = world.original(found) if isinstance(found, ModuleView) else found
        return world.called(found, _inside(name, held))


class Replica(types.ModuleType):
    """numpy or math with stand-ins in place: a plain dictionary, so that lookups cost nothing.

    The class `numpy.ndarray` is itself where code compares with it (``type(v) is np.ndarray``), and
    its stand-in where code calls it, asks it for a method or matches it.
    """

    def __getattr__(self, name):
        value = getattr(self.__dualmc_original__, name)
        if name in ("ma", "testing") and self.__dualmc_original__ is np:  # imported here, by NumPy
            foreign.register()
            return self.__dualmc_world__.modules.view_of(value)
        if value is np.ndarray and uses.is_used(sys._getframe(1)):
            return STANDINS[value]
        return value


def _inside(name, held):
    """Those of the dotted attributes `held` that are below `name`."""
    return frozenset(h[len(name) + 1 :] for h in held if h.startswith(name + "."))


def _replica(module, world, is_called=False, held=frozenset()):
    """`module` with stand-ins; where code only calls what it finds, functions look into lists."""
    made = Replica(module.__name__, module.__doc__)
    names = dict(vars(module))
    for name, value in names.items():
        try:
            found = STANDINS.get(value)
        except TypeError:  # not hashable
            continue
        if type(value) is types.ModuleType and value.__name__ in PATCHED:
            found = world.modules.view_of(value)
        if found is not None:
            names[name] = found
        elif is_called and name not in held and listed.has_substitute(value):
            names[name] = listed.substitute(value)
        elif is_called and module is np and name in listed.modules():
            names[name] = world.called(value, _inside(name, held))
    for name in ("ma", "testing", "ndarray", "__getattr__"):  # see `Replica.__getattr__`
        names.pop(name, None)
    names["__dualmc_original__"] = module
    names["__dualmc_world__"] = world
    made.__dict__.update(names)
    return made
