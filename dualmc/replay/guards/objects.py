"""Objects in a snapshot: of Python classes by their state, functions by code, defaults and closure,
and what is only itself; what has a state that cannot be read is `Unknown`.

Functions, classes and modules that are met are noted in the book's lists.
"""

import collections
import io
import operator
import pickle
import random
import types

import numpy as np

from dualmc.replay.guards.prints import Unknown
from dualmc.replay.guards.values import identical, of_array
from dualmc.unchanged.as_is import is_foreign
from dualmc.unchanged.code.exchange import code_of

# --- Functions and modules -----------------------------------------------------------------------


def contents(f):
    """What the variables of f's closure hold."""
    found = []
    for cell in f.__closure__ or ():
        try:
            found.append(cell.cell_contents)
        except ValueError:
            found.append(_ABSENT)
    return tuple(found)


def function(book, f):
    """Of Python: the same code and state, if it is the user's."""
    if is_foreign(f.__globals__.get("__name__"), book.root):
        return book.identical(f)
    number = book.numbers.get(id(f))
    if number is not None:  # met before, where its state is compared
        book.note("number", number)
        return lambda v, seen: v is f or seen.get(id(v)) == number

    def make():
        book.functions.append(f)
        code, names = code_of(f), f.__globals__  # another thread may differentiate it now
        book.note_name(code)
        rest = book.items([f.__defaults__, f.__kwdefaults__, f.__dict__, contents(f)])

        def check(v, seen):
            return (
                type(v) is types.FunctionType
                and (v.__code__ is code or code_of(v) == code)
                and v.__globals__ is names
                and rest([v.__defaults__, v.__kwdefaults__, v.__dict__, contents(v)], seen)
            )

        return check

    return book.numbered(f, make)


def builtin(book, value):
    """A function of C; a method of an object is what the object is."""
    owner = value.__self__
    if owner is None or isinstance(owner, (types.ModuleType, type)):
        return book.identical(value)
    book.note(value.__name__)
    name, inner = value.__name__, book.match(owner)
    return lambda v, seen: (
        type(v) is types.BuiltinFunctionType and v.__name__ == name and inner(v.__self__, seen)
    )


def module(book, value):
    book.modules.append(value)
    return book.identical(value)


def attributes(book, value, *names):
    """Of an object that is what these attributes of it are."""
    kind, get = type(value), operator.attrgetter(*names)
    book.note_name(kind)

    def make():
        inner = book.match(get(value))
        return lambda v, seen: type(v) is kind and inner(get(v), seen)

    return book.numbered(value, make)


def by(*names):
    """The maker of matches of what is these attributes of it."""
    return lambda book, value: attributes(book, value, *names)


# --- Objects of classes --------------------------------------------------------------------------

_BASES = (list, tuple, dict, set, frozenset, str, bytes, int, float, complex, bytearray,
          collections.deque, BaseException)  # fmt: skip


def is_python_class(kind):
    """Whether objects of `kind` are what `state_of` says: no C code keeps a state of its own."""
    for base in kind.__mro__:
        if base is object or base in _BASES:
            continue
        if not base.__flags__ & 1 << 9:  # made by C code
            return base.__basicsize__ == object.__basicsize__ or issubclass(base, BaseException)
        parent = base.__base__
        if parent is not None and base.__basicsize__ - parent.__basicsize__ > 8 * (
            len(_slots(base)) + 2
        ):
            return False
    return True


def _slots(kind):
    slots = kind.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


_ABSENT = "<absent>"


def state_of(value):
    """All that makes an object of a Python class what it is."""
    found = [getattr(value, "__dict__", None)]
    for kind in type(value).__mro__:
        for name in _slots(kind):
            if name not in ("__dict__", "__weakref__"):
                if name.startswith("__") and not name.endswith("__"):
                    name = f"_{kind.__name__.lstrip('_')}{name}"
                found.append(getattr(value, name, _ABSENT))
    for base in _BASES:
        if issubclass(type(value), base):
            found.append(_content(base, value))
            break
    return tuple(found)


def _content(base, value):
    if base is dict:
        return tuple((k, dict.__getitem__(value, k)) for k in dict.__iter__(value))
    if base is BaseException:
        return value.args
    if base in (str, bytes, int, float, complex):
        return base(value)
    return tuple(base.__iter__(value))


RANDOM = (random.Random, np.random.Generator, np.random.RandomState, np.random.BitGenerator)


def reader(value):
    """A function that gives the state of a random generator."""
    if isinstance(value, random.Random):
        return value.getstate
    generator = getattr(value, "bit_generator", None) or getattr(value, "_bit_generator", value)
    return lambda: pickle.dumps(generator.state)


def other(book, value):
    """An object that is nothing more special."""
    kind = type(value)
    if hasattr(kind, "py_func") or kind.__module__.startswith("numba."):
        return _dispatcher(book, value)
    if issubclass(type(value), RANDOM):
        return _random(book, value)
    if isinstance(value, collections.abc.Iterator) or isinstance(value, io.IOBase):
        raise Unknown(f"a {kind.__name__}, which changes by being read")
    wrapped = getattr(value, "__wrapped__", None)
    if kind.__module__ == "functools" and wrapped is not None:  # lru_cache
        return attributes(book, value, "__wrapped__")
    if not is_python_class(kind):
        return _unknown(book, value)
    book.classes.append(kind)
    book.note_name(kind)

    def make():
        inner = book.match(state_of(value))
        return lambda v, seen: type(v) is kind and inner(state_of(v), seen)

    return book.numbered(value, make)


def subclass(book, value):
    """An array of a class of its own: the array, and the state of the object."""
    kind, bare = type(value), value.view(np.ndarray)
    book.note_name(kind)

    def make():
        inner, state = of_array(book, bare), book.match(state_of(value))
        return lambda v, seen: (
            type(v) is kind and inner(v.view(np.ndarray), seen) and state(state_of(v), seen)
        )

    return book.numbered(value, make)


def member(book, value):
    """Of an enumeration: itself, with what it holds."""
    book.classes.append(type(value))
    book.note_name(type(value))
    book.note(value.name)

    def make():
        inner = book.match(value.__dict__)
        return lambda v, seen: v is value and inner(v.__dict__, seen)

    return book.numbered(value, make)


def _dispatcher(book, value):
    """A compiled function: itself, and the Python function that it was made of."""
    if not isinstance(getattr(value, "py_func", None), types.FunctionType):
        return book.identical(value)
    if book.digest is not None:
        book.note(repr(sorted(value.targetoptions.items(), key=str)))
    inner = book.match(value.py_func)
    return lambda v, seen: v is value and inner(v.py_func, seen)


def _random(book, value):
    if not book.lenient:
        raise Unknown(f"a {type(value).__name__}, which draws random numbers")
    book.states.append((reader(value), reader(value)()))
    return identical(value)


def _unknown(book, value):
    if not book.lenient:
        raise Unknown(f"a {type(value).__name__}, which cannot be compared")
    return book.identical(value)
