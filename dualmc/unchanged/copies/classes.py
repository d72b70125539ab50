"""The user's objects and classes: subclasses of them whose methods are adapted copies."""

import abc
import enum
import functools
import sys
import threading
import types

import numpy as np

from dualmc.unchanged.copies.as_is import MARK, is_foreign
from dualmc.unchanged.copies.exchanged import ClassView
from dualmc.unchanged.standins.kinds import ON_HEAP, is_subclass

# Views that are kept at most: a class that its own view leads back to is not freed before they are
# forgotten.
KEPT = 256


# --- Objects -------------------------------------------------------------------------------------


def method(world, value):
    owner = value.__self__
    if isinstance(owner, type):  # a class method
        owner = world.adapt(owner)
    else:
        owner = instance(world, owner)
    function = value.__func__
    if type(function) is types.FunctionType and not is_foreign(
        function.__globals__.get("__name__"), world.root
    ):
        return types.MethodType(world.functions.copy_of(function), owner)
    return value


def instance(world, value):
    """An object of the same state with adapted methods; the object itself if it has none."""
    kind = type(value)
    made = world.classes.view_of(kind)
    if made is kind or not hasattr(value, "__dict__"):
        return value
    try:
        copy = object.__new__(made)
        copy.__dict__ = value.__dict__
    except (TypeError, AttributeError):  # made by other means than object.__new__
        return value
    return copy


class Super:
    """``super()`` in adapted code: what it finds is adapted too."""

    def __init__(self, world, *args):
        if not args:  # the class and the object of the method that called, as Python finds them
            frame = sys._getframe(1)
            names = frame.f_code.co_varnames[:1] or frame.f_code.co_cellvars[:1]
            args = frame.f_locals["__class__"], frame.f_locals[names[0]]
        object.__setattr__(self, "_found", (world, super(*args)))

    def __getattribute__(self, name):
        world, found = object.__getattribute__(self, "_found")
        value = getattr(found, name)
        if type(value) is types.MethodType and type(value.__func__) is types.FunctionType:
            if is_foreign(value.__func__.__globals__.get("__name__"), world.root):
                return value
            return types.MethodType(world.functions.copy_of(value.__func__), value.__self__)
        return world.adapt(value)

    def __setattr__(self, name, value):
        setattr(object.__getattribute__(self, "_found")[1], name, value)


# --- Classes -------------------------------------------------------------------------------------


class _UnderWay(threading.local):
    """Classes that are being adapted, which what their methods hold may lead back to."""

    def __init__(self):
        self.kinds = set()


class Classes:
    """The views of the user's classes in one `World`."""

    def __init__(self, world):
        self.world = world
        self.made = {}  # `ClassView` by id of the class, which it keeps alive
        self.under_way = _UnderWay()

    def _is_users_class(self, kind):
        return (
            isinstance(kind, type)
            and not is_foreign(getattr(kind, "__module__", ""), self.world.root)
            and not kind.__dict__.get(MARK, False)
            and not issubclass(kind, (BaseException, type, np.ndarray, np.generic))
            and kind.__module__ != "builtins"
            and not any("__slots__" in base.__dict__ for base in kind.__mro__[:-1])
        )

    def view_of(self, kind):
        """A subclass of the user's class `kind` with its methods adapted."""
        made = self.made.get(id(kind))
        if made is None or made.kind is not kind:
            if not self._is_users_class(kind) or "__dualmc_original__" in kind.__dict__:
                return kind
            if len(self.made) >= KEPT:
                self.made.clear()
            made = self.made[id(kind)] = ClassView(kind)
        elif kind in self.under_way.kinds or made.is_current():
            return made.view
        self.under_way.kinds.add(kind)
        try:
            attributes = self._adapted_attributes(kind)
            if made.view is not kind:
                made.follow(attributes)
            elif attributes:
                made.view = _derived(kind, attributes)
            made.remember(attributes)
        finally:
            self.under_way.kinds.discard(kind)
        return made.view

    def _adapted_attributes(self, kind):
        """The attributes of `kind` whose adapted forms differ from them."""
        adapted = {}
        for base in reversed(kind.__mro__[:-1]):
            if is_foreign(base.__module__, self.world.root):
                continue
            for name, value in list(base.__dict__.items()):
                new = self._adapted_attribute(value)
                if new is not value:
                    adapted[name] = new
                else:
                    adapted.pop(name, None)
        return adapted

    def is_subclass(self, kind, classes):
        """``issubclass`` of the classes that adapted ones were made of."""
        if isinstance(classes, tuple):
            return any(self.is_subclass(kind, c) for c in classes)
        return is_subclass(self.world.original(kind), self.world.original(classes))

    def _adapted_attribute(self, value):
        kind = type(value)
        if kind is types.FunctionType:
            return value if MARK in value.__dict__ else self.world.functions.copy_of(value)
        if kind is staticmethod or kind is classmethod:
            inner = self.world.adapt(value.__func__)
            return value if inner is value.__func__ else kind(inner)
        if kind is property:
            parts = [value.fget, value.fset, value.fdel]
            new = [self.world.adapt(p) if type(p) is types.FunctionType else p for p in parts]
            return property(*new, value.__doc__) if value.fget is not None else value
        if kind is functools.cached_property:
            made = functools.cached_property(self.world.adapt(value.func))
            made.__set_name__(None, value.attrname)
            return made
        return value


def _derived(kind, attributes):
    """A subclass of `kind` with `attributes`, of which neither `kind` nor its metaclass is told.

    Made below another class of the same layout and then moved below `kind`, it meets neither
    ``__init_subclass__`` nor what the metaclass does to new classes.
    """
    if issubclass(kind, enum.Enum):
        return kind
    meta = type(kind)
    is_abstract = issubclass(meta, abc.ABCMeta)
    solid = next(base for base in kind.__mro__ if not base.__flags__ & ON_HEAP)
    space = {"__dualmc_original__": kind, "__module__": kind.__module__,
             "__qualname__": kind.__qualname__, **attributes}  # fmt: skip
    try:
        checking = type.__new__(
            type(meta), meta.__name__, (meta,),
            {
                "__instancecheck__": lambda cls, x: isinstance(x, kind),
                "__eq__": _is_same_class, "__hash__": _hash_of_class,
                # ABCMeta asks the subclasses of `kind` in turn, which must not ask `kind` again.
                "__subclasscheck__": lambda cls, x: (
                    type.__subclasscheck__(kind, x) if is_abstract else issubclass(x, kind)
                ),
            },
        )  # fmt: skip
        view = type.__new__(checking, kind.__name__, (type("Base", (solid,), {}),), space)
        view.__bases__ = (kind,)
        if is_abstract:
            view.__abstractmethods__ = kind.__abstractmethods__
    except Exception:  # a class that cannot be derived from
        return kind
    return view


def _stood_for(view):
    """The class that `view` itself, not what it derives from, was made of."""
    return view.__dict__.get("__dualmc_original__", view)


def _is_same_class(view, other):
    """In tables by class a view is the class that it stands for."""
    return other is view or other is _stood_for(view) or NotImplemented


def _hash_of_class(view):
    return type.__hash__(_stood_for(view))
