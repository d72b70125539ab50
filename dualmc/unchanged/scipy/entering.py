"""How stand-ins for functions and classes of SciPy enter the table.

A stand-in is the original where no argument carries a derivative; in a graph it is one node, which
a replay calls on whatever arrives; else it is a formula on Duals.  It stands for the public
function and for what SciPy's own modules call under the same name.
"""

import functools
import inspect
import sys
import types

import numpy as np

from dualmc.duals import levels
from dualmc.duals.operands import has_tangent
from dualmc.graph.record import has_traced, record
from dualmc.unchanged.standins.table import (
    STANDINS,
    blank,
    has_carrier,
    is_carrier,
    operand,
    value_of,
)


def standin_for(original, formula):
    """The function to call in place of `original`: `formula` where an argument is a Dual."""

    @functools.wraps(original)
    def standin(*args, **kwargs):
        given = (*args, *kwargs.values())
        if not has_carrier(given):
            return original(*args, **kwargs)
        if has_traced(given):
            return record(standin, args, kwargs)
        if not has_tangent(given):
            return blank(original(*map(plain, args), **{k: plain(a) for k, a in kwargs.items()}))
        return formula(*args, **kwargs)

    standin.formula = formula
    return standin


def plain(a):
    """`a` with plain arrays for the carriers in it."""
    if type(a) in (list, tuple):
        return type(a)(plain(item) for item in a)
    if issubclass(type(a), np.ndarray) and a.dtype == object or type(a) is not np.ndarray:
        a = operand(a) if has_carrier(a) else a
    found = value_of(a) if has_carrier(a) else a
    return found[()] if found is not a and np.ndim(found) == 0 else found


def entries(module, handlers):
    """A decorator ``handles(*names)``: the formula below is that of these functions of `module`."""

    def handles(*names):
        def register(formula):
            for name in names:
                original = getattr(sys.modules[module], name, None)
                if original is not None:
                    standin = standin_for(original, formula)
                    handlers[f"{module}.{name}"] = standin
                    if type(original) is types.FunctionType:  # not what asks for a backend
                        STANDINS[inspect.unwrap(original)] = standin
            return formula

        return register

    return handles


def functional(formula):
    """Decorator for a function of SciPy's values by which objects compute: ``f.plain`` is those."""

    def register(original):
        return standin_for(original, formula)

    return register


# --- Classes -------------------------------------------------------------------------------------

# The attribute of the object that does the work of another one, in some classes of SciPy >= 1.18.
INNER = "_delegate_to"
_METHODS: dict = {}  # by class: its methods that look for carriers


def method(kind, name):
    """Decorator: the function below stands for the method `name` that the class `kind` defines.

    It is handed the original beside its arguments.  Where neither they nor what the object holds
    (see `holding`) carry a derivative, the original alone runs.
    """

    def register(formula):
        found = kind.__dict__[name]
        bound = type(found) if isinstance(found, (classmethod, staticmethod)) else None
        original = found if bound is None else found.__func__

        @functools.wraps(original)
        def standin(*args, **kwargs):
            if any(has_carrier(a) or holds_carrier(a) for a in (*args, *kwargs.values())):
                return formula(original, *args, **kwargs)
            made = original(*args, **kwargs)
            return look(made) if type(made) in _METHODS and levels.current() else made

        STANDINS[original] = standin
        _METHODS.setdefault(kind, {})[name] = standin if bound is None else bound(standin)
        return formula

    return register


def holds_carrier(owner):
    """Whether an object of SciPy, or one in a list, holds an array that carries a derivative."""
    if type(owner) in (list, tuple):
        return any(map(holds_carrier, owner))
    kind = type(owner)
    if isinstance(owner, type) or not (kind.__module__ or "").startswith("scipy."):
        return False
    return any(has_carrier(a) for a in _state(owner))


def _state(owner):
    for kind in type(owner).__mro__:
        for name in kind.__dict__.get("__slots__", ()):
            if hasattr(owner, name):
                yield getattr(owner, name)
    for name, value in getattr(owner, "__dict__", {}).items():
        yield from _state(value) if name == INNER else (value,)


@functools.cache
def _metaclass(base):
    class Like(base):
        """The metaclass of classes of which all instances of their base are instances."""

        def __instancecheck__(cls, instance):
            return cls.__bases__[0] in type(instance).__mro__

        def __subclasscheck__(cls, other):
            return cls.__bases__[0] in other.__mro__

    return Like


@functools.cache
def looking(kind):
    """The subclass of `kind` of which the methods look for carriers."""
    found = {}
    for base in reversed(kind.__mro__):
        for name, standin in _METHODS.get(base, {}).items():
            defined = next(k for k in kind.__mro__ if name in k.__dict__)
            if defined is base:
                found[name] = standin
    found |= {"__module__": kind.__module__, "__doc__": kind.__doc__, "__slots__": ()}
    found["_looks_for_carriers"] = True
    return _metaclass(type(kind))(kind.__name__, (kind,), found)


def look(owner):
    """Let an object of SciPy, which is to hold carriers, look for them in its methods."""
    kind = type(owner)
    if not hasattr(kind, "_looks_for_carriers"):
        owner.__class__ = looking(kind)
    return owner


def floats(a):
    """An argument of a formula as a carrier or a plain array of floats."""
    a = operand(a) if has_carrier(a) else a
    a = a if is_carrier(a) else np.asarray(a)
    return a if a.dtype.kind in "fc" else a.astype(float)
