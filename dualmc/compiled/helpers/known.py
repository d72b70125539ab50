"""What is known of a compiled function: of each kind of arguments what it returns, whether it
writes into them, and its sweeps.
"""

import weakref

import numba
import numpy as np

from dualmc.compiled import everything, messages  # noqa: F401
from dualmc.compiled.helpers import policy, pushing
from dualmc.compiled.helpers.arguments import FLOATS, Unfit, frozen
from dualmc.duals import levels

_known: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def of(dispatcher):
    found = _known.get(dispatcher)
    if found is None:
        found = _known[dispatcher] = Known(dispatcher)
    return found


class Known:
    """What is known of one function.

    Attributes
    ----------
    code : policy.Code
    is_patient : bool
        Whether it still runs as Python, whatever it is called with.
    ways : dict of Way, by `Arguments.key`
    is_refused : bool
        Whether its own derivative could not be compiled, which was said.
    quick : dict of the functions that `quick` calls
    """

    def __init__(self, dispatcher):
        self.code = policy.Code(dispatcher.py_func)
        self.is_patient = not self.code.has_loops
        self.ways = {}
        self.quick = {}
        self.is_told = False
        self.is_refused = False
        self.nested_seconds, self.is_slow = 0.0, None  # see `nested`
        self._left = policy.PATIENCE

    def run_as_python(self):
        """Note one call that does."""
        self._left -= self.code.weight
        self.is_patient = self._left > 0

    def way(self, key, dtype):
        found = self.ways.get(key)
        if found is None:
            found = self.ways[key] = Way(self, dtype)
        return found


class Way:
    """Calls with one kind of arguments.

    Attributes
    ----------
    writes : bool or None
        Whether the function may write into its arguments; None: not known yet.
    is_pythons : bool
        Whether such calls run as Python.
    """

    def __init__(self, known, dtype):
        self.known, self.dtype = known, dtype
        self.writes = None
        self.is_pythons = False
        self.parts = None
        self.is_wanted = False
        self._sweeps = {}
        self.has_no_pattern = False  # see `patterns`
        self.short = {}  # see `traced`
        self.jacobians = {}  # see `nested`

    def leave(self):
        """From now on such calls run as Python."""
        self.is_pythons = True
        raise Unfit

    def look(self, y):
        """See in the first result `y` what is to be differentiated."""
        self.is_wanted = _is_wanted(y)
        if issubclass(type(y), tuple):
            self.parts = tuple(i for i, part in enumerate(y) if _is_wanted(part))
            self.is_wanted = False
            y = list(y)
        else:
            y = [y]
        for part in y:
            if not (_is_wanted(part) or type(part) in _FLAT or _is_flat_array(part)):
                self.leave()

    def shapes_of(self, y):
        """The shapes of the parts of `y` whose rows are wanted."""
        if self.parts is not None:
            return [np.shape(y[i]) for i in self.parts]
        return [np.shape(y)] if self.is_wanted else []

    def settle(self, dispatcher, roles, count, inputs):
        """Find out whether the function writes into its arguments, by compiling it."""
        problem = None
        for writes in (True,) if self.known.code.hides_writes else (False, True):
            self.writes = writes
            try:
                self.sweep(dispatcher, roles, count, inputs)
                return
            except Unmade as error:
                problem = error.__cause__
        self._tell(dispatcher, problem)
        self.leave()

    def sweep(self, dispatcher, roles, count, inputs):
        """The sweep for `count` columns of arguments like these `inputs`."""
        roles = roles.replace("b", "z" if self.writes else "p")
        least = pushing.lanes_for(count)
        for lanes in (least, *(n for n in (pushing.FEW, pushing.LANES) if n > least)):
            found = self._sweeps.get((roles, lanes))
            if found is not None:
                return found
        shape = pushing.Shape(roles, self.parts, self.is_wanted, self.writes, least)
        sweep = made(dispatcher, shape, self.dtype, inputs)
        self._sweeps[roles, least] = sweep
        return sweep

    def _tell(self, dispatcher, problem):
        known = self.known
        if known.is_told:
            return
        known.is_told = True
        text = messages.sentence(problem, dispatcher, [dispatcher.py_func.__code__.co_filename])
        messages.runs_as_python(dispatcher, text)


class Unmade(Exception):
    """Numba cannot compile a sweep; the cause says why."""


def made(dispatcher, shape, dtype, args):
    base = pushing.FLOATS[dtype.name]
    try:
        with levels.outside():
            sweep = pushing.compiled(dispatcher, shape, base)
            sweep.compile(tuple(map(numba.typeof, map(frozen_tuple, args))))
    except Exception as error:
        raise Unmade from error
    return sweep


def frozen_tuple(a):
    return frozen(a) if issubclass(type(a), tuple) else a


# What results may hold beside floats.
_FLAT = frozenset({int, bool, str, type(None)})


def _is_wanted(part):
    return type(part) is float or type(part) is np.ndarray and part.dtype in FLOATS


def _is_flat_array(part):
    return type(part) is np.ndarray and part.dtype.kind in "biu"
