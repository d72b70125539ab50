"""Methods, objects and other callables whose functions are adapted copies; ``super()``."""

import functools
import sys
import types

from dualmc.unchanged.copies.as_is import is_foreign
from dualmc.unchanged.standins.by_element import vectorize


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


def partial(world, value):
    func = world.adapt(value.func)
    args = tuple(world.adapt(a) for a in value.args)
    keywords = {k: world.adapt(v) for k, v in value.keywords.items()}
    return functools.partial(func, *args, **keywords)


def dispatcher(world, value):
    """``functools.singledispatch``, by the type that a Dual stands for."""
    type_of = world.builtins["type"]

    @functools.wraps(value)
    def dispatching(*args, **kwargs):
        return world.adapt(value.dispatch(type_of(args[0])))(*args, **kwargs)

    return dispatching


def vectorized(world, value):
    return vectorize(
        world.adapt(value.pyfunc), value.otypes, None, value.excluded, value.cache, value.signature
    )


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
