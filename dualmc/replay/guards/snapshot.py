"""Deep snapshots: whether a value is, to its last bit, what another one was.

`Book.match(value)` is a function that says so of later values.  Numbers, texts, dates and the like
are compared as they are; arrays by dtype, shape, layout and bytes; containers by type, order and
content; objects by class and state; functions by code, defaults and closure; modules, classes and
what is compiled by identity.  Which objects are the same one twice, cycles among them, is part of
it.  What has a state that cannot be read (a generator, a file, an object of a C extension) is
`Unknown`.

Functions, classes and modules that were met are in the book's lists: what they look up elsewhere is
the business of `outside.py`.
"""

import array
import collections
import enum
import functools
import io
import operator
import sys
import types

import numpy as np

from dualmc.replay.guards.values import (
    BY_EQUALITY,
    BY_IDENTITY,
    PLAIN,
    RANDOM,
    array_match,
    buffer,
    contents,
    identical,
    is_pure,
    is_python_class,
    marshalled,
    of_array,
    plain,
    reader,
    scalar_match,
    state_of,
)
from dualmc.unchanged.copies.as_is import FOREIGN

# Values that a snapshot may consist of; beyond, comparing costs more than running f.
LARGEST = 20_000


class Unknown(Exception):
    """A value that nobody can tell from another; the message names it."""


def is_foreign(module, root=""):
    """Whether code of `module` is nobody's to change: libraries that are left as they are."""
    top = (module or "").partition(".")[0]
    if top == root and top:
        return False
    return top in FOREIGN or top in sys.stdlib_module_names and top != "__main__"


class Book:
    """Snapshots that belong together.

    With `lenient`, what is unknown is compared by identity, but for what changes by being read.
    """

    def __init__(self, root=""):
        self.root = root
        self.lenient = False
        self.numbers = {}  # of mutable objects, by id
        self.kept = []  # which keeps them alive, and their ids apart
        self.functions = []
        self.classes = []
        self.modules = []
        self.states = []  # of random generators: a function that reads it, and what it gave
        self.count = 0

    def match(self, value):
        """A function of another value, and of a dict for its use, that says if it is the same."""
        self.count += 1
        if self.count > LARGEST:
            raise Unknown(f"more than {LARGEST} values")
        kind = type(value)
        if kind in PLAIN:
            return plain(kind, value)
        made = _MAKERS.get(kind)
        if kind in (list, tuple, dict) and is_pure(value):
            return (
                marshalled(value)
                if kind is tuple
                else self.numbered(value, lambda: marshalled(value))
            )
        if made is not None:
            return made(self, value)
        if isinstance(value, BY_EQUALITY):
            text = repr(value)
            return lambda v, seen: type(v) is kind and v == value and repr(v) == text
        if isinstance(value, enum.Enum):
            return self._member(value)
        if isinstance(value, type):
            self.classes.append(value)
            return identical(value)
        if isinstance(value, BY_IDENTITY) or kind.__module__ == "weakref":
            return identical(value)
        if isinstance(value, np.ndarray):
            return self._subclass(value)
        return self._object(value)

    def numbered(self, value, make):
        """The match of a mutable object: which one it is, among all, and what `make()` says."""
        number = self.numbers.get(id(value))
        if number is not None:
            return lambda v, seen: seen.get(id(v)) == number
        number = self.numbers[id(value)] = len(self.kept)
        self.kept.append(value)
        inner = make()

        def check(v, seen):
            if id(v) in seen:
                return False
            seen[id(v)] = number
            return inner(v, seen)

        return check

    # --- Containers ------------------------------------------------------------------------------

    def items(self, values):
        """The match of a sequence of as many values."""
        values = list(values)
        matches = [self.match(v) for v in values]
        count = len(matches)

        def check(vs, seen):
            if len(vs) != count:
                return False
            for m, v in zip(matches, vs, strict=True):
                if not m(v, seen):
                    return False
            return True

        return check

    def sequence(self, value):
        kind = type(value)

        def make():
            inner = self.items(value)
            return lambda v, seen: type(v) is kind and inner(v, seen)

        return make() if kind is tuple else self.numbered(value, make)

    def unordered(self, value):
        """A set, in the order in which it is run through."""
        kind = type(value)

        def make():
            inner = self.items(value)
            return lambda v, seen: type(v) is kind and inner(list(v), seen)

        return self.numbered(value, make)

    def mapping(self, value):
        kind = type(value)

        def make():
            keys, values = self.items(value), self.items(value.values())
            return lambda v, seen: (
                type(v) is kind and keys(list(v), seen) and values(list(v.values()), seen)
            )

        return self.numbered(value, make)

    def reduced(self, value):
        """A container of the standard library, by what it would be pickled as."""
        kind = type(value)

        def parts(v):
            found = v.__reduce_ex__(4)
            return [*found[1:3], *(None if a is None else tuple(a) for a in found[3:])]

        def make():
            inner = self.items(parts(value))
            return lambda v, seen: type(v) is kind and inner(parts(v), seen)

        return self.numbered(value, make)

    # --- Functions -------------------------------------------------------------------------------

    def function(self, f):
        if is_foreign(f.__globals__.get("__name__"), self.root):
            return identical(f)
        number = self.numbers.get(id(f))
        if number is not None:  # met before, where its state is compared
            return lambda v, seen: v is f or seen.get(id(v)) == number

        def make():
            self.functions.append(f)
            code, names = f.__code__, f.__globals__
            rest = self.items([f.__defaults__, f.__kwdefaults__, f.__dict__, contents(f)])

            def check(v, seen):
                return (
                    type(v) is types.FunctionType
                    and (v.__code__ is code or v.__code__ == code)
                    and v.__globals__ is names
                    and rest([v.__defaults__, v.__kwdefaults__, v.__dict__, contents(v)], seen)
                )

            return check

        return self.numbered(f, make)

    def attributes(self, value, *names):
        """Of an object that is what these attributes of it are."""
        kind, get = type(value), operator.attrgetter(*names)
        single = len(names) == 1

        def make():
            inner = self.items([get(value)] if single else get(value))
            return lambda v, seen: type(v) is kind and inner([get(v)] if single else get(v), seen)

        return self.numbered(value, make)

    def builtin(self, value):
        """A function of C; a method of an object is what the object is."""
        owner = value.__self__
        if owner is None or isinstance(owner, (types.ModuleType, type)):
            return identical(value)
        name, inner = value.__name__, self.match(owner)
        return lambda v, seen: (
            type(v) is types.BuiltinFunctionType and v.__name__ == name and inner(v.__self__, seen)
        )

    def module(self, value):
        self.modules.append(value)
        return identical(value)

    # --- Objects ---------------------------------------------------------------------------------

    def _subclass(self, value):
        kind, bare = type(value), value.view(np.ndarray)

        def make():
            inner, state = of_array(self, bare), self.items([state_of(value)])
            return lambda v, seen: (
                type(v) is kind and inner(v.view(np.ndarray), seen) and state([state_of(v)], seen)
            )

        return self.numbered(value, make)

    def _object(self, value):
        kind = type(value)
        if hasattr(kind, "py_func") or kind.__module__.startswith("numba."):
            return self._dispatcher(value)
        if isinstance(value, RANDOM):
            return self._random(value)
        if isinstance(value, collections.abc.Iterator) or isinstance(value, io.IOBase):
            raise Unknown(f"a {kind.__name__}, which changes by being read")
        wrapped = getattr(value, "__wrapped__", None)
        if kind.__module__ == "functools" and wrapped is not None:  # lru_cache
            return self.attributes(value, "__wrapped__")
        if not is_python_class(kind):
            return self._unknown(value)
        self.classes.append(kind)

        def make():
            inner = self.items([state_of(value)])
            return lambda v, seen: type(v) is kind and inner([state_of(v)], seen)

        return self.numbered(value, make)

    def _member(self, value):
        """Of an enumeration: itself, with what it holds."""
        self.classes.append(type(value))

        def make():
            inner = self.items([value.__dict__])
            return lambda v, seen: v is value and inner([v.__dict__], seen)

        return self.numbered(value, make)

    def _dispatcher(self, value):
        """A compiled function: itself, and the Python function that it was made of."""
        if not isinstance(getattr(value, "py_func", None), types.FunctionType):
            return identical(value)
        inner = self.match(value.py_func)
        return lambda v, seen: v is value and inner(v.py_func, seen)

    def _random(self, value):
        if not self.lenient:
            raise Unknown(f"a {type(value).__name__}, which draws random numbers")
        self.states.append((reader(value), reader(value)()))
        return identical(value)

    def _unknown(self, value):
        if not self.lenient:
            raise Unknown(f"a {type(value).__name__}, which cannot be compared")
        return identical(value)


def _by(*names):
    return lambda book, value: book.attributes(value, *names)


_MAKERS = {
    list: Book.sequence,
    tuple: Book.sequence,
    set: Book.unordered,
    frozenset: Book.unordered,
    dict: Book.mapping,
    types.MappingProxyType: Book.mapping,
    types.SimpleNamespace: _by("__dict__"),
    collections.deque: Book.reduced,
    collections.OrderedDict: Book.reduced,
    collections.defaultdict: Book.reduced,
    collections.Counter: Book.mapping,
    operator.itemgetter: Book.reduced,
    operator.attrgetter: Book.reduced,
    operator.methodcaller: Book.reduced,
    bytearray: buffer,
    array.array: buffer,
    memoryview: buffer,
    slice: _by("start", "stop", "step"),
    np.ndarray: array_match,
    types.FunctionType: Book.function,
    types.MethodType: _by("__func__", "__self__"),
    types.BuiltinFunctionType: Book.builtin,
    functools.partial: _by("func", "args", "keywords", "__dict__"),
    staticmethod: _by("__func__"),
    classmethod: _by("__func__"),
    property: _by("fget", "fset", "fdel"),
    functools.cached_property: _by("func"),
    types.ModuleType: Book.module,
}
for _kind in {np.dtype(c).type for c in np.typecodes["All"]}:
    _MAKERS[_kind] = scalar_match
del _MAKERS[np.object_]
