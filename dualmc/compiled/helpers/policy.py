"""Which compiled functions a derivative runs as the Python that they were made of, and how often.

A sweep takes a good part of a second to compile.  Where the code of a function runs straight on,
without loops and without calls of other compiled functions that have some, Python's way through it
is short, and is taken for so many calls as come to `PATIENCE` instructions.  Everything else is
compiled when it is first called.

Functions that draw random numbers, or run Python's objects, are left to Python: the value and the
rows come from different calls, which would not draw the same, and `prepare` sees draws in Python.
"""

import dis
import types

from numba.core.dispatcher import Dispatcher

# Instructions that functions without loops run in Python before they are compiled.
PATIENCE = 100_000
# What gives writable memory of arrays that may not be written to.
HIDDEN = frozenset("flat fill_diagonal nditer nan_to_num ascontiguousarray asfortranarray".split())
# What copies or not, by how an array lies in memory, or tells it.
LAYOUT = frozenset("ravel ascontiguousarray asfortranarray require flags strides".split())


class Code:
    """What is to be known of the code of `function` and of the compiled functions that it leads to.

    Attributes
    ----------
    has_loops : bool
        Or calls itself.
    is_random : bool
    weight : int
        Instructions, all counted once.
    hides_writes : bool
        Whether it writes perhaps where Numba's types do not tell.
    asks_layout : bool
        Whether it does perhaps something else with arrays that lie otherwise in memory.
    """

    def __init__(self, function):
        self.has_loops = self.is_random = False
        self.weight = 0
        self._seen: set = set()
        self._path: list = []
        self._names: set = set()
        self._follow(function)
        self.hides_writes = not self._names.isdisjoint(HIDDEN)
        self.asks_layout = not self._names.isdisjoint(LAYOUT)

    def _follow(self, function):
        code = function.__code__
        if code in self._path:
            self.has_loops = True
            return
        if code in self._seen:
            return
        self._seen.add(code)
        self._path.append(code)
        names = self._look(code)
        self._names |= names
        values = [function.__globals__.get(name) for name in names]
        for cell in function.__closure__ or ():
            try:
                values.append(cell.cell_contents)
            except ValueError:  # not assigned yet
                continue
        for value in values:
            self._meet(value, names)
        self._path.pop()

    def _meet(self, value, names):
        if isinstance(value, Dispatcher):
            self._follow(value.py_func)
        elif isinstance(value, types.ModuleType) and value.__name__ == "random":
            self.is_random = True
        elif isinstance(value, types.ModuleType) and not value.__name__.startswith(_LIBRARIES):
            for name in names:
                found = getattr(value, name, None)
                if isinstance(found, Dispatcher):
                    self._follow(found.py_func)
        elif "random" in (getattr(value, "__module__", None) or ""):
            self.is_random = True

    def _look(self, code):
        names = set(code.co_names)
        self.is_random = self.is_random or not names.isdisjoint(("random", "objmode"))
        for instruction in dis.get_instructions(code):
            self.weight += 1
            if "BACKWARD" in instruction.opname or instruction.opname == "FOR_ITER":
                self.has_loops = True
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                names |= self._look(constant)
        return names


_LIBRARIES = ("numpy", "numba", "math", "operator", "scipy", "dualmc")
