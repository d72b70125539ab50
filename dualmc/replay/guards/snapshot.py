"""Deep snapshots: whether a value is, to its last bit, what another one was.

`Book.match(value)` is a function that says so of later values.  Numbers, texts, dates and the like
are compared as they are; arrays by dtype, shape, layout and bytes; containers by type, order and
content; objects by class and state; functions by code, defaults and closure; modules, classes and
what is compiled by identity.  Which objects are the same one twice, cycles among them, is part of
it.  What has a state that cannot be read (a generator, a file, an object of a C extension) is
`Unknown`.

Functions, classes and modules that were met are in the book's lists: what they look up elsewhere is
the business of `places.py`.
"""

import array
import collections
import contextlib
import enum
import functools
import hashlib
import operator
import types

import numpy as np

from dualmc.replay.guards import objects, prints
from dualmc.replay.guards.values import (
    BY_EQUALITY,
    BY_IDENTITY,
    PLAIN,
    array_match,
    buffer,
    identical,
    is_pure,
    marshalled,
    plain,
    scalar_match,
)

# Values that a snapshot may consist of; beyond, comparing costs more than running f.
LARGEST = 20_000


class Book:
    """Snapshots that belong together.

    With `lenient`, what is unknown is compared by identity, but for what changes by being read.
    With `is_printed`, `prints` are pairs of a label and a digest of what is compared there, in
    words that another process says too: see `prints.py`.
    """

    def __init__(self, root="", is_printed=False):
        self.root = root
        self.lenient = False
        self.numbers = {}  # of mutable objects, by id
        self.kept = []  # which keeps them alive, and their ids apart
        self.functions = []
        self.classes = []
        self.modules = []
        self.states = []  # of random generators: a function that reads it, and what it gave
        self.count = 0
        self.prints = []
        self.digest = hashlib.sha1() if is_printed else None

    @contextlib.contextmanager
    def print_of(self, label):
        """What is noted meanwhile is the print of `label`."""
        before = self.digest
        if before is None:
            yield
            return
        self.digest = hashlib.sha1()
        yield
        self.prints.append((label, self.digest.hexdigest()))
        self.digest = before

    def note(self, *words):
        """Add texts, numbers and bytes to the digest."""
        if self.digest is not None:
            self.digest.update(repr(words).encode())

    def identical(self, value):
        """The match of what is only itself."""
        self.note_name(value)
        return identical(value)

    def note_name(self, value):
        if self.digest is not None:
            self.note(*prints.name_of(value))

    def match(self, value):
        """A function of another value, and of a dict for its use, that says if it is the same."""
        self.count += 1
        if self.count > LARGEST:
            raise prints.Unknown(f"more than {LARGEST} values")
        kind = type(value)
        self.note(kind.__qualname__)
        if kind in PLAIN:
            self.note(repr(value))
            return plain(kind, value)
        made = _MAKERS.get(kind)
        if kind in (list, tuple, dict) and is_pure(value):
            make = functools.partial(marshalled, self, value)
            return make() if kind is tuple else self.numbered(value, make)
        if made is not None:
            return made(self, value)
        if issubclass(type(value), BY_EQUALITY):
            text = repr(value)
            self.note(text)
            return lambda v, seen: type(v) is kind and v == value and repr(v) == text
        if isinstance(value, enum.Enum):
            return objects.member(self, value)
        if isinstance(value, type):
            self.classes.append(value)
            return self.identical(value)
        if issubclass(type(value), BY_IDENTITY) or kind.__module__ == "weakref":
            return self.identical(value)
        if issubclass(type(value), np.ndarray):
            return objects.subclass(self, value)
        return objects.other(self, value)

    def numbered(self, value, make):
        """The match of a mutable object: which one it is, among all, and what `make()` says."""
        number = self.numbers.get(id(value))
        if number is not None:
            self.note("number", number)
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

    def items(self, values):
        """The match of a sequence of as many values."""
        values = list(values)
        self.note(len(values))
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


def _sequence(book, value):
    kind = type(value)

    def make():
        inner = book.items(value)
        return lambda v, seen: type(v) is kind and inner(v, seen)

    return make() if kind is tuple else book.numbered(value, make)


def _unordered(book, value):
    """A set, in the order in which it is run through."""
    kind = type(value)

    def make():
        inner = book.items(value)
        return lambda v, seen: type(v) is kind and inner(list(v), seen)

    return book.numbered(value, make)


def _mapping(book, value):
    kind = type(value)

    def make():
        keys, values = book.items(value), book.items(value.values())
        return lambda v, seen: (
            type(v) is kind and keys(list(v), seen) and values(list(v.values()), seen)
        )

    return book.numbered(value, make)


def _reduced(book, value):
    """A container of the standard library, by what it would be pickled as."""
    kind = type(value)

    def parts(v):
        found = v.__reduce_ex__(4)
        return [*found[1:3], *(None if a is None else tuple(a) for a in found[3:])]

    def make():
        inner = book.items(parts(value))
        return lambda v, seen: type(v) is kind and inner(parts(v), seen)

    return book.numbered(value, make)


_MAKERS = {
    list: _sequence,
    tuple: _sequence,
    set: _unordered,
    frozenset: _unordered,
    dict: _mapping,
    types.MappingProxyType: _mapping,
    types.SimpleNamespace: objects.by("__dict__"),
    collections.deque: _reduced,
    collections.OrderedDict: _reduced,
    collections.defaultdict: _reduced,
    collections.Counter: _mapping,
    operator.itemgetter: _reduced,
    operator.attrgetter: _reduced,
    operator.methodcaller: _reduced,
    bytearray: buffer,
    array.array: buffer,
    memoryview: buffer,
    slice: objects.by("start", "stop", "step"),
    np.ndarray: array_match,
    types.FunctionType: objects.function,
    types.MethodType: objects.by("__func__", "__self__"),
    types.BuiltinFunctionType: objects.builtin,
    functools.partial: objects.by("func", "args", "keywords", "__dict__"),
    staticmethod: objects.by("__func__"),
    classmethod: objects.by("__func__"),
    property: objects.by("fget", "fset", "fdel"),
    functools.cached_property: objects.by("func"),
    types.ModuleType: objects.module,
}
for _kind in {np.dtype(c).type for c in np.typecodes["All"]}:
    _MAKERS[_kind] = scalar_match
del _MAKERS[np.object_]
