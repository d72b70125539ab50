"""The global names of adapted functions: looked up, kept current, handed back."""

import operator
import types

import numpy as np

from dualmc.unchanged.copies import uses
from dualmc.unchanged.copies.as_is import DATA, DISPATCHER
from dualmc.unchanged.copies.exchanged import FunctionTable

# Kinds of values whose adapted forms are never exchanged.
_STEADY = frozenset({types.BuiltinFunctionType, types.ModuleType, np.ufunc, DISPATCHER})
_is = operator.is_


class Namespace(dict):
    """The global names of an adapted function: those of its module, adapted as they are looked up.

    Functions, classes and modules are remembered, together with what they were made of; data is
    looked up in the module every time.
    """

    __slots__ = ("real", "world", "sources", "found", "called", "builtins", "functions",
                 "careful")  # fmt: skip

    def __init__(self, real, world):
        self.real = real
        self.world = world
        self.sources = {}  # what names lead to in the module
        self.found = {"__builtins__": world.builtins}  # what they lead to here, builtins too
        self.called = {}  # names that code only calls, with those they were and their values
        self.builtins = []  # names that lead to builtins
        self.functions = None  # the table of `sources` whose code or defaults may be exchanged
        self.careful = ()  # names whose adapted values are looked at before every call
        self.update(self.found)

    def __missing__(self, name):
        if uses.MARK in name:
            return self._called(name)
        try:
            value = self.real[name]
        except KeyError:
            if name not in self.world.builtins:
                raise
            value = self[name] = self.found[name] = self.world.builtins[name]
            self.builtins.append(name)
            return value
        if type(value) in DATA:
            return value
        found = self.world.adapt(value)
        if found is not value or isinstance(value, (types.FunctionType, np.ufunc)):
            self.sources[name] = value
            self[name] = self.found[name] = found
            self.functions = None
        return found

    def _called(self, name):
        """What code finds under a name that it only calls: see `uses.py`."""
        place, held = uses.split(name)
        value = self.real[place]
        self.called[name] = place, value
        found = self[name] = self.found[name] = self.world.called(value, held)
        return found

    def refresh(self):
        """Forget what no longer is what the module holds, and follow what was exchanged in it."""
        real, sources = self.real, self.sources
        if self.called:
            for name, (place, value) in list(self.called.items()):
                if real.get(place) is not value:
                    self.forget(name)
        if sources and not all(map(_is, map(real.get, sources), sources.values())):
            for name in [n for n, value in sources.items() if real.get(n) is not value]:
                self.forget(name)
        if self.builtins and not real.keys().isdisjoint(self.builtins):
            for name in [n for n in self.builtins if n in real]:
                self.builtins.remove(name)
                self.forget(name)
        if self.functions is None:
            self._tabulate()
        functions = self.functions
        if functions.functions and functions.changed():
            self._follow()
        for name in self.careful:
            found = self.found.get(name)
            if found is not None and self.world.renewed(sources[name], found) is not found:
                self.forget(name)

    def _tabulate(self):
        functions, careful = [], []
        for name, value in self.sources.items():
            found = self.found.get(name)
            if found is value or type(value) in _STEADY:
                continue
            if type(value) is types.FunctionType and not self.world.functions.is_intricate(value):
                functions.append(value)
            else:
                careful.append(name)
        self.functions, self.careful = FunctionTable(functions), careful
        self._follow()

    def _follow(self):
        for f in self.functions.functions:
            self.world.functions.copy_of(f)
        self.functions.remember()

    def forget(self, name):
        if self.get(name) is self.found.get(name):  # or adapted code that runs has assigned to it
            self.pop(name, None)
        self.found.pop(name, None)
        self.sources.pop(name, None)
        self.called.pop(name, None)
        self.functions = None

    def hand_back(self):
        found = self.found
        for name in [n for n, value in self.items() if found.get(n, found) is not value]:
            value = self.pop(name)
            self.forget(name)
            self.real[name] = self.world.original(value)
