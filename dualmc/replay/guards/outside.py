"""What f reads from elsewhere than its arguments: global names, closures, attributes, defaults.

The value of every place that f looks up must be what it was; by name, so that what f never mentions
does not matter.  A function that is exchanged, or its code, is another one.  Names that code makes
up as it runs (``globals()[a + b]``) and the state of C code cannot be seen.
"""

import functools
import pickle
import random

import numpy as np

from dualmc.graph.events import warning_action
from dualmc.replay.guards.check import compiled_check
from dualmc.replay.guards.places import ABSENT, Places, named
from dualmc.replay.guards.prints import Unknown
from dualmc.replay.guards.snapshot import Book
from dualmc.replay.recording.program import NotReplayable
from dualmc.unchanged.as_is import is_foreign


class Outside:
    """What a path takes to be constant besides values: ``check(args)`` says if it still is.

    Parameters
    ----------
    f : callable
    fixed : dict
        Arguments that are no inputs of the program, by number.
    is_printed : bool
        Whether to make the `prints`.
    action : str, optional
        What Python did with warnings when f was recorded; by default, what it does now.

    Attributes
    ----------
    prints : list of (str, str)
        What is read where, and a digest that is the same in every process where it is the same.
    imported : list of str
        Modules that f imports as it runs.

    Raises
    ------
    Unknown
        If something cannot be compared; the message says what and where.
    """

    def __init__(self, f, fixed, is_printed=False, action=None):
        book = Book(_root(f), is_printed)
        self._f = f
        self._fixed = {i: named(book, f"its argument {i}", a) for i, a in fixed.items()}
        book.lenient = True
        self._match_f = named(book, "what it is made of", f)
        places = Places(book)
        self._places, self.catches = places.found, places.catches
        self.imported, self.prints = places.imported, book.prints
        self._states = [(_shared_state, _shared_state()), *book.states]
        self.action = warning_action() if action is None else action
        self.check = compiled_check(f, self._match_f, self._fixed, places, self.action)

    def difference(self, args):
        """What f itself has changed since this was made, in words; None: nothing."""
        seen = {}
        for i, match in self._fixed.items():
            if not match(args[i], seen):
                return f"it changes its argument {i}"
        if not self._match_f(self._f, seen):
            return "it changes its own state"
        for label, namespace, name, match, _ in self._places:
            value = namespace.get(name, ABSENT)
            if not (value is ABSENT if match is None else match(value, seen)):
                return f"it changes {label}"
        if any(read() != state for read, state in self._states):
            return "it draws random numbers"
        return None


def made_within(f, args, key, make):
    """``make(catches)``, and the `Outside` that it is good for, of which f may change nothing.

    The first time f may have filled a cache, or imported a module: then once more.

    Raises
    ------
    NotReplayable
        If f changes what it reads, or reads what cannot be compared.
    """
    fixed = {i: args[i] for i, wanted in enumerate(key) if wanted is None}
    try:
        for _ in range(2):
            before = Outside(f, fixed)
            made = make(before.catches)
            problem = before.difference(args)
            if problem is None:
                return made, Outside(f, fixed)
    except Unknown as unknown:
        raise NotReplayable(str(unknown)) from None
    raise NotReplayable(problem)


def _root(f):
    """The library that f is of, whose code then is not left out."""
    while isinstance(f, functools.partial):
        f = f.func
    f = getattr(f, "__func__", f)
    module = getattr(f, "__module__", None) or getattr(type(f), "__module__", None) or ""
    top = module.partition(".")[0]
    return top if is_foreign(top, "") and top != "dualmc" else ""


def _shared_state():
    """Of the random generators that everybody shares."""
    return random.getstate(), pickle.dumps(np.random.get_state(legacy=False))  # noqa: NPY002
