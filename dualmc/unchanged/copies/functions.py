"""Copies of Python functions: the same code, in an adapted namespace."""

import threading
import types
import weakref

from dualmc.unchanged.copies import uses
from dualmc.unchanged.copies.as_is import DATA
from dualmc.unchanged.copies.exchanged import FunctionCopy
from dualmc.unchanged.copies.namespace import Namespace

# Copies that are kept at most: a function that its own copy leads back to is not freed before they
# are forgotten.
KEPT = 4096


class _UnderWay(threading.local):
    """Functions whose closures are being adapted, each with a copy for the time, and new cells."""

    def __init__(self):
        self.copies = {}
        self.cells = []


class Functions:
    """The copies of the functions of one `World`."""

    def __init__(self, world):
        self.world = world
        self.made = weakref.WeakKeyDictionary()  # `FunctionCopy` by function
        self.under_way = _UnderWay()

    def copy_of(self, f):
        """A copy of the Python function `f` that lives in an adapted namespace."""
        if isinstance(f.__globals__, Namespace):
            return f
        if not f.__closure__:
            found = self.made.data.get(weakref.ref(f))  # `get`, without a call
            if found is None:
                return self._copied(f)
            is_current = (
                found.code is f.__code__
                and found.defaults is f.__defaults__
                and found.kwdefaults is f.__kwdefaults__
                and not found.has_adapted_defaults
            )
            return found.function if is_current else found.renewed(f, self.world)
        closing = self.under_way.copies
        if f in closing:  # one of several functions that call each other
            return closing[f]
        if not closing:
            found = self.made.get(f)
            if found is not None and self._is_current(f, found.renewed(f, self.world), [f]):
                return found.function
        try:
            return self._closed(f)
        finally:
            if not closing:
                self.under_way.cells.clear()

    def code_of(self, f):
        """The code of `f`, with the names marked that it only calls."""
        return uses.renamed(f.__code__, f.__globals__)

    def _copied(self, f):
        """A new copy of `f`, its defaults adapted, its closure not."""
        namespace = self.world.namespace(f.__globals__)
        copy = types.FunctionType(self.code_of(f), namespace, f.__name__, None, f.__closure__)
        self._remember(f, copy)
        copy.__module__ = f.__module__
        copy.__doc__ = f.__doc__
        copy.__annotations__ = f.__annotations__
        return copy

    def _remember(self, f, copy):
        """Note that `copy` is made of `f`, whose attributes it shares."""
        if len(self.made.data) >= KEPT:
            self.made.clear()
        copy.__dict__ = f.__dict__
        copy.__qualname__ = f.__qualname__
        # What its defaults hold may lead back to f, which is known from here on.
        made = self.made[f] = FunctionCopy(f, copy)
        made.take_defaults(f, self.world)

    def _closed(self, f):
        """A copy of `f` with adapted functions in its closure; variables stay the cells they are.

        Functions that call each other through their closures meet the copy without a closure of
        its own, which gives way to the finished one.
        """
        closing, made = self.under_way.copies, self.under_way.cells
        copy = closing[f] = self._copied(f)
        try:
            cells = [
                self._cell(f, name, cell)
                for name, cell in zip(f.__code__.co_freevars, f.__closure__, strict=True)
            ]
        finally:
            del closing[f]
        if all(a is b for a, b in zip(cells, f.__closure__, strict=True)):
            return copy
        closed = types.FunctionType(copy.__code__, copy.__globals__, f.__name__, None, tuple(cells))
        for cell in made:
            if cell.cell_contents is copy:
                cell.cell_contents = closed
        self._remember(f, closed)
        return closed

    def _cell(self, f, name, cell):
        """`cell` itself, or a new one with what its contents are replaced by."""
        try:
            value = cell.cell_contents
        except ValueError:  # not assigned yet
            return cell
        new = value if name == "__class__" else self._closed_over(f, name, value)
        if new is value:
            return cell
        made = types.CellType(new)
        self.under_way.cells.append(made)
        return made

    def _closed_over(self, f, name, value):
        """What `value` is replaced by in the closure of `f`."""
        if uses.is_only_called(f.__code__, name, value):
            return self.world.called(value)
        return self.world.adapt(value)

    def _is_current(self, f, copy, seen):
        """Whether the copy of `f` made before has what a new one would have in its closure."""
        for name, cell, own in zip(
            f.__code__.co_freevars, f.__closure__, copy.__closure__, strict=True
        ):
            try:
                value = cell.cell_contents
            except ValueError:
                if cell is not own:
                    return False
                continue
            if type(value) in DATA or name == "__class__":
                if cell is not own:
                    return False
                continue
            inner = own.cell_contents
            if type(value) is types.FunctionType and value.__closure__ and inner is not value:
                found = self.made.get(value)
                if found is None or found.renewed(value, self.world) is not inner:
                    return False
                if value not in seen:
                    seen.append(value)
                    if not self._is_current(value, inner, seen):
                        return False
            elif self._closed_over(f, name, value) is not inner:
                return False
        return True

    def is_intricate(self, f):
        """Whether more than the code and the defaults of `f` can be exchanged."""
        copy = self.made.get(f)
        return bool(f.__closure__) or copy is None or copy.has_adapted_defaults

    def original(self, copy):
        """What the function `copy` was made of; itself if it is none."""
        made = list(self.made.items())
        return next((f for f, kept in made if kept.function is copy), copy)
