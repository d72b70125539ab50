"""One recorded way through a closed function: its replays, and whether they are what f gives."""

import contextlib
import math
import threading
import warnings

import numpy as np

from dualmc.automatic import allowed, cost, exceptions
from dualmc.automatic.closed import Closed, NotClosed
from dualmc.automatic.guard import guard
from dualmc.calls.inputs import FLOAT64
from dualmc.calls.outputs import as_output, scalar
from dualmc.calls.request import Request
from dualmc.calls.structures.trees import Structure
from dualmc.graph.events import error_state, loud_errors, warning_action
from dualmc.replay.fresh_calls import FRESH
from dualmc.replay.guards.arguments import arguments_of, inputs_of
from dualmc.replay.guards.snapshot import Book
from dualmc.replay.paths import Paths
from dualmc.replay.recording.program import NotReplayable
from dualmc.unchanged import registered
from dualmc.unchanged.standins import table

# Difference of an entry from a fresh one, relative to the largest of its row.
TOLERANCE = 1e-12
_ACTIVE = frozenset({np.ndarray, float, int, np.float64, list, tuple})


class Refused(Exception):
    """The call cannot be recorded; the message says why."""


class Asked:
    """A verb's call but for f and its arguments: which derivative, by which arguments."""

    def __init__(self, caller, argnums, sparse):
        self.caller = caller
        known = [of for of in ("gradient", "hessian") if of in caller]
        self.of = known[0] if known else "jacobian"
        self.has_value = caller.startswith("value_and")
        self.argnums, self.sparse = argnums, sparse
        self.is_tuple = type(argnums) is tuple
        self.options = {"argnums": argnums, "sparse": sparse, "layout": "numerator"}


def weighed(f, args, asked):
    """`cost.weighed`, if f is closed.

    Raises
    ------
    NotClosed, Refused
    """
    closed, request = _looked_at(f, args, asked)
    is_reverse = asked.of == "gradient" or asked.caller.endswith("_rev")
    with _unwritten(closed, args):
        try:
            return cost.weighed(f, args, request.numbers, is_reverse)
        except Structure:
            raise Refused("it returns a structure") from None
        except NotReplayable as problem:
            raise Refused(str(problem)) from None


def recorded(f, args, asked, worth):
    """The `Way` of f at `args`; None if it could not be compared with fresh calls there.

    Raises
    ------
    NotClosed, Refused
    """
    closed, request = _looked_at(f, args, asked)
    with _unwritten(closed, args):
        return _recorded(f, args, asked, worth, request, guard(closed, f))


def _looked_at(f, args, asked):
    """f as `Closed`, and the `Request` for what is asked."""
    try:
        closed = Closed(f)
    except RecursionError:
        raise NotClosed("its functions are nested too deeply") from None
    try:
        request = Request("prepare", f, args, asked.argnums, None, asked.sparse, "numerator", False)
    except Structure:
        raise Refused("it takes a structure") from None
    for i, a in enumerate(args):
        is_known = type(a) in _ACTIVE if i in request.numbers else (
            allowed.is_constant(a) or allowed.is_array(a)
        )  # fmt: skip
        if not is_known:
            raise NotClosed(f"argument {i} is a {type(a).__name__}")
    if asked.sparse and (len(request.xs) > 1 or request.is_tuple):
        raise Refused("it has several sparse Jacobians")
    if asked.of == "hessian" and request.is_tuple:
        raise Refused("its Hessian has several parts")
    return closed, request


def _recorded(f, args, asked, worth, request, check):
    fresh = _fresh(asked.of, f)
    is_direct = len(request.xs) == 1 and not request.is_tuple
    paths = Paths(request, asked.of, fresh, asked.options, worth, is_direct)
    try:
        paths.add(args, paths.kept)
    except Structure:
        raise Refused("it returns a structure") from None
    if not paths.kept:
        raise Refused(paths.reason)
    ((key, path),) = paths.kept
    if not path.is_verified:
        return None
    if path._asked is not None or len(path.code.parts) > 1:  # its marks of exceptions are lost
        raise Refused("steps of it are run by NumPy")
    return Way(f, args, asked, key, path, check)


@contextlib.contextmanager
def _unwritten(closed, args):
    """A block in which f is run that was not asked to: arrays of others then hold what they held.

    Where other threads run, what has changed may be theirs, and stays.

    Raises
    ------
    Refused
        Where f wrote to one.
    """
    arrays = [a for a in (*closed.arrays(), *args) if allowed.is_array(a)]
    before = [a.copy() for a in arrays]
    written = []
    try:
        yield
    finally:
        for a, b in zip(arrays, before, strict=True):
            if a.tobytes() != b.tobytes():
                written.append(a)
                if threading.active_count() == 1:
                    a[...] = b
    if written:
        raise Refused("it writes to an array of others")


def _fresh(of, f):
    def fresh(args, with_value, **options):
        return FRESH[of](f, args, with_value, **options)

    return fresh


def is_calm():
    """Whether neither an error of arithmetic nor a warning is an exception."""
    return _is_quiet() and warning_action() != "error"


def _is_quiet():
    return loud_errors() is None and np.geterr()["under"] == "ignore"


class Way:
    """A path through f, and what has to hold for it.

    ``way(f, args)`` is (value or None, derivative, None), or None where a fresh call has to answer.
    """

    def __init__(self, f, args, asked, key, path, check):
        self.asked, self.key, self.path, self.check = asked, key, path, check
        self.code = path.code
        self.types = tuple(map(type, args))
        self.fixed = [(i, Book().match(args[i])) for i, wanted in enumerate(key) if wanted is None]
        self.is_one = len(args) == 1 and type(args[0]) in (float, np.ndarray)
        self.compared = 0  # how often a replay was right
        self.version, self.standins = table.version(), dict(registered.REGISTERED_STANDINS)
        self.state = error_state()
        self.filters = self.first = None
        self.is_array = True  # whether a derivative of no axes is an array still, as told
        path.check = path.outside = None  # which hold on to f and what it reads
        path.fixed = {}
        del path.witnesses[:]

    def __call__(self, f, args):
        x = args[0]
        kind = type(x)
        if self.is_one and len(args) == 1 and kind is self.types[0]:  # in few steps
            if kind is float:
                inputs = (np.array((x,)),)
            elif x.dtype is FLOAT64 and x.shape == self.path.vector_shape and x.flags.carray:
                inputs = args
            else:
                inputs = inputs_of(self.key, args)
        else:
            inputs = inputs_of(self.key, args) if tuple(map(type, args)) == self.types else None
        if inputs is None or not self.check(f, {}) or not self._is_calm():
            return None
        for i, match in self.fixed:
            if not match(args[i], {}):
                return None
        path, code = self.path, self.code
        entries = path.run(code, inputs)
        if exceptions.noted(exceptions.MARKS):  # now, or before
            exceptions.clear(exceptions.MARKS)
            entries = path.run(code, inputs)
            if exceptions.noted(exceptions.MARKS):
                return None
        if (
            entries is None or self.asked.sparse and not entries.all()
        ):  # a fresh one may be left out
            return None
        J = self._shaped(entries)
        if not self.asked.has_value:
            return None, J, None
        y = self.value(f, args, inputs)
        return None if y is None else (y, J, None)

    def _is_calm(self):
        """Whether no error of arithmetic and no warning is an exception, and rules are the same."""
        if table.CHANGES[0] != self.version:
            if registered.REGISTERED_STANDINS != self.standins:
                return False
            self.version = table.CHANGES[0]  # the stand-ins of a library that was imported
        if error_state() is not self.state:
            if not _is_quiet():
                return False
            self.state = error_state()
        filters = warnings.filters
        first = filters[0] if filters else None
        if filters is not self.filters or first is not self.first:
            if warning_action() == "error":
                return False
            self.filters, self.first = filters, first
        return True

    def _shaped(self, entries):
        path, asked = self.path, self.asked
        if asked.is_tuple:
            return tuple(self._parts(path.matrix(entries)))
        if path.is_sparse:
            return path.matrix(entries)
        J = entries.reshape(path.result_shape)
        return J if self.is_array else scalar(J)

    def _parts(self, J):
        path, start = self.path, 0
        for shape in path.input_shapes:
            stop = start + math.prod(shape)
            part = J[:, start:stop].reshape((*path.shape, *shape)).copy()
            yield part if self.is_array else scalar(part)
            start = stop

    def value(self, f, args, inputs):
        """What f itself gives, on floats in place of Duals; None where that is not known."""
        try:
            if inputs is args:
                given = [args[0].copy()]
            else:
                given = arguments_of(self.key, args, [x.copy() for x in inputs])
            for i, kind in enumerate(self.types):
                if kind is float or kind is np.float64:
                    given[i] = args[i]
            y = f(*given)
            return y if type(y) is np.float64 else scalar(np.array(as_output(y, "prepare")))
        except Exception:  # which a fresh call raises, if it is f's
            return None

    def agrees(self, found, fresh):
        """Whether a replay is what a fresh call gave, but for rounding."""
        y, J = fresh[:2]
        if found is None:
            return False
        if self.asked.has_value and not _are_same(y, found[0]):
            return False
        wanted = J if self.asked.is_tuple else (J,)
        made = found[1] if self.asked.is_tuple else (found[1],)
        return len(wanted) == len(made) and all(map(self._is_near, made, wanted))

    def _is_near(self, a, b):
        if type(a) is not type(b) or a.dtype != b.dtype or a.shape != b.shape:
            return False
        if self.path.is_sparse:
            if not np.array_equal(a.indptr, b.indptr) or not np.array_equal(a.indices, b.indices):
                return False
            a, b = a.toarray(), b.toarray()
        if not a.size:
            return True
        a, b = (np.reshape(m, (self.path.rows, -1)) for m in (a, b))
        size = np.abs(b).max(axis=1, keepdims=True, initial=0.0)
        return bool((np.abs(a - b) <= TOLERANCE * size).all())


def _are_same(a, b):
    """Whether two values have the same type and bits."""
    if type(a) is not type(b):
        return False
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
