"""What adapted copies were made of, and copies that follow when it is exchanged.

A function keeps its identity while its code or its defaults are exchanged (``autoreload`` of
IPython does so to every function of an edited module), a class while its methods are.  Copies made
before are brought up to date in place, so that whatever holds them follows too; the test whether
that is needed compares objects by identity.
"""

import operator
import types
from itertools import chain

_STATE = operator.attrgetter("__code__", "__defaults__", "__kwdefaults__")
_VALUES = operator.methodcaller("values")


def are_same(found, remembered):
    """Whether two sequences of equal length hold the same objects."""
    return all(map(operator.is_, found, remembered))


class FunctionCopy:
    """An adapted copy of a function, and what of the function it was made of."""

    __slots__ = ("function", "code", "defaults", "kwdefaults", "has_adapted_defaults")

    def __init__(self, f, function):
        self.function = function
        self.code = f.__code__
        self.defaults = self.kwdefaults = None
        self.has_adapted_defaults = False

    def take_defaults(self, f, world):
        self.defaults, self.kwdefaults = f.__defaults__, f.__kwdefaults__
        defaults, kwdefaults = self.defaults, self.kwdefaults
        if defaults:
            new = tuple(world.adapt(v) for v in defaults)
            defaults = defaults if are_same(new, defaults) else new
        if kwdefaults:
            new = {k: world.adapt(v) for k, v in kwdefaults.items()}
            kwdefaults = kwdefaults if are_same(new.values(), kwdefaults.values()) else new
        self.function.__defaults__ = defaults
        self.function.__kwdefaults__ = kwdefaults
        self.has_adapted_defaults = not (
            defaults is self.defaults and kwdefaults is self.kwdefaults
        )

    def renewed(self, f, world):
        """The copy, of `f` as it is now."""
        code = f.__code__
        if code is not self.code:
            self.function.__code__, self.code = world.functions.code_of(f), code
        if (
            self.has_adapted_defaults
            or f.__defaults__ is not self.defaults
            or f.__kwdefaults__ is not self.kwdefaults
        ):
            self.take_defaults(f, world)
        return self.function


class FunctionTable:
    """Functions of which `changed` tells, before every call, whether one is another now."""

    __slots__ = ("functions", "states")

    def __init__(self, functions):
        self.functions = functions
        self.remember()

    def remember(self):
        self.states = list(chain.from_iterable(map(_STATE, self.functions)))

    def changed(self):
        now = chain.from_iterable(map(_STATE, self.functions))
        return not all(map(operator.is_, now, self.states))


class ClassView:
    """The adapted subclass of a user's class (or the class itself), and what it was made of."""

    __slots__ = ("kind", "view", "mro", "spaces", "values", "functions", "names")

    def __init__(self, kind):
        self.kind = kind
        self.view = kind
        self.names = frozenset()
        self.mro = None

    def remember(self, names):
        self.names = frozenset(names)
        self.mro = self.kind.__mro__
        self.spaces = [base.__dict__ for base in self.mro[:-1]]
        self.values = list(chain.from_iterable(map(_VALUES, self.spaces)))
        self.functions = FunctionTable([f for v in self.values for f in _functions_of(v)])

    def is_current(self):
        return (
            self.mro is self.kind.__mro__
            and sum(map(len, self.spaces)) == len(self.values)
            and are_same(chain.from_iterable(map(_VALUES, self.spaces)), self.values)
            and not self.functions.changed()
        )

    def follow(self, attributes):
        """Give the view the adapted `attributes` of its class as it is now."""
        for name in self.names - frozenset(attributes):
            delattr(self.view, name)
        for name, value in attributes.items():
            if self.view.__dict__.get(name) is not value:
                setattr(self.view, name, value)


def _functions_of(attribute):
    """The Python functions of a method, a static or class method, or a property."""
    kind = type(attribute)
    if kind is types.FunctionType:
        return (attribute,)
    if kind is property:
        parts = (attribute.fget, attribute.fset, attribute.fdel)
    else:
        parts = (getattr(attribute, "__func__", None), getattr(attribute, "func", None))
    return tuple(p for p in parts if type(p) is types.FunctionType)
