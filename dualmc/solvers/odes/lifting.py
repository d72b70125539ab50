"""The user's right-hand side as a function of the Duals that it takes from elsewhere.

A closure over parameters with derivatives computes on Duals at every call.  Here it is built anew,
the same code with cells of its own: bound to plain numbers it is what SciPy should be given, bound
to the arguments of another function what `prepare` makes machine code of.  What cannot be looked
into (globals, objects, what writes to its own variables) stays as it is.
"""

import dis
import functools
import types

import numpy as np

from dualmc.duals.dual import Dual
from dualmc.duals.operands import has_dual
from dualmc.kernels.payload import values
from dualmc.unchanged.code.rewriting import original


class NotLiftable(Exception):
    """The function does more than read what it takes from elsewhere."""


class Lifted:
    """``bind(values)`` is (function, args) with `values` in the places of the `leaves`.

    Attributes
    ----------
    leaves : list of Dual
    signature : tuple
        Equal for functions that are the same but for their leaves; compared by `is_same`.
    """

    def __init__(self, function, args):
        self.leaves = []
        self.signature = []
        self._numbers = {}  # of the leaves, by id
        self._cells = {}  # ours, by id of the user's
        self._filled = []  # (cell of ours, what makes its content)
        self._seen = []  # (cell of the user's, its content)
        self._made = []  # functions of ours
        self._function = self._lift(function)
        self._args = self._lift(tuple(args))

    def bind(self, given):
        for cell, make in self._filled:
            cell.cell_contents = make(given)
        return self._function(given), self._args(given)

    def release(self):
        """The cells hold nothing, at any time but while they are bound."""
        for cell, _ in self._filled:
            cell.cell_contents = None
        for function in self._made:
            function.__defaults__ = None

    def is_as_it_was(self):
        """Whether all variables that were looked into hold what they held."""
        try:
            return all(cell.cell_contents is content for cell, content in self._seen)
        except ValueError:
            return False

    def plain(self):
        """The values of the leaves, which nobody may write to."""
        found = []
        for leaf in self.leaves:
            a = np.array(values(leaf.primal))
            a.flags.writeable = False
            found.append(float(a) if leaf.is_number and a.dtype == np.float64 else a)
        return found

    def _lift(self, a):
        """What makes `a` of the values of the leaves."""
        if type(a) is Dual:
            return self._leaf(a)
        if type(a) is tuple:
            self.signature.append((tuple, len(a)))
            parts = [self._lift(item) for item in a]
            return lambda given: tuple(part(given) for part in parts)
        if type(a) is functools.partial:
            self.signature.append((functools.partial, tuple(a.keywords)))
            func, args = self._lift(a.func), self._lift(a.args)
            words = {name: self._lift(value) for name, value in a.keywords.items()}
            return lambda given: functools.partial(
                func(given), *args(given), **{name: make(given) for name, make in words.items()}
            )
        if type(a) is types.FunctionType:
            code = original(a.__code__)
            if a.__closure__ or has_dual(a.__defaults__) or code is not a.__code__:
                return self._rebuilt(a, code)
        if has_dual(a):
            raise NotLiftable
        self.signature.append(a)
        return lambda given: a

    def _leaf(self, a):
        number = self._numbers.get(id(a))
        if number is None:
            number = self._numbers[id(a)] = len(self.leaves)
            self.leaves.append(a)
        self.signature.append((Dual, number, a.shape, a.is_number))
        return lambda given: given[number]

    def _rebuilt(self, f, code):
        """What makes the function `f`, of the user's own `code`, with cells of ours."""
        names = code.co_freevars
        self.signature.append((types.FunctionType, code))
        if _writes(code, set(names)):
            raise NotLiftable
        cells = tuple(self._cell(cell) for cell in f.__closure__ or ())
        defaults = self._lift(f.__defaults__)
        made = types.FunctionType(code, f.__globals__, f.__name__, None, cells)
        made.__kwdefaults__, made.__module__ = f.__kwdefaults__, f.__module__
        made.__dict__.update(f.__dict__)
        self._made.append(made)

        def make(given):
            made.__defaults__ = defaults(given)
            return made

        return make

    def _cell(self, cell):
        ours = self._cells.get(id(cell))
        if ours is None:
            ours = self._cells[id(cell)] = types.CellType(None)
            try:
                content = cell.cell_contents
            except ValueError:
                raise NotLiftable from None
            self._seen.append((cell, content))
            self._filled.append((ours, self._lift(content)))
        return ours

    def is_same(self, other):
        """Whether `other` differs in its leaves' values alone."""
        return len(self.signature) == len(other.signature) and all(
            map(_is_same, self.signature, other.signature)
        )


_EQUAL = (int, float, str, bytes, bool, type(None), np.float64)


def _is_same(a, b):
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if type(a) is tuple:
        return len(a) == len(b) and all(map(_is_same, a, b))
    return type(a) in (*_EQUAL, types.CodeType) and a == b


def _writes(code, names):
    """Whether `code`, or code inside it, assigns to a variable of `names`."""
    for step in dis.get_instructions(code):
        if step.opname in ("STORE_DEREF", "DELETE_DEREF") and step.argval in names:
            return True
    return any(_writes(c, names) for c in code.co_consts if type(c) is types.CodeType)
