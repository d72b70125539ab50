"""Levels: which derivative call a Dual belongs to.

Each differentiation opens a level; an inner call opens a later one.  A Dual of an outer level is a
constant to the inner call (``d/dx x * d/dy (x + y) = 1``), and a Dual of a finished call is an
error, not a wrong number.
"""

import functools
import itertools
import threading
import weakref
from contextlib import contextmanager

from dualmc.duals import holders
from dualmc.errors import TangentLostError
from dualmc.kernels import buffers
from dualmc.tangents import structure

_serials = itertools.count(1)


class Level:
    """One differentiation with respect to `n` seeded inputs (or the columns of one chunk).

    As a block it is the innermost level, closed on the way out whatever happens inside.
    """

    __slots__ = ("serial", "n", "open", "lost", "records", "constants", "loans",
                 "structures", "kinked", "chosen", "starts_sparse", "refusals",
                 "chunk", "texts", "floats", "sites", "is_suspect")  # fmt: skip

    def __init__(self, n, records=False, serial=None):
        self.serial = next(_serials) if serial is None else serial
        self.n = n
        self.open = True
        self.lost = False  # whether a conversion to float was refused
        self.refusals = None  # what was refused while f ran: `refusals.py`
        self.floats = False  # whether some of its numbers are floats of Python's
        self.texts = None  # numbers that were made text: `texts.py`
        self.sites = None  # where numbers were compared: `halving.py`
        self.is_suspect = False  # whether a recorded comparison looked like one of a bisection
        self.chunk = 0  # columns that fit the memory budget, if more were tried
        self.records = records  # reverse mode: tangents are recorded, not computed
        self.constants = {} if records else None  # copies of large plain operands
        self.starts_sparse = False  # whether the inputs' tangents are sparse
        # Whether a call inside of this one met a kink, and whether this one did inside of another:
        # see `choices.py`.
        self.kinked = self.chosen = False
        self.loans = None  # arrays without tangent that other libraries may hold
        # What steps make of columns; hand-made Duals (serial 0) live on, and keep nothing.
        self.structures = structure.NOTHING if records or serial == 0 else structure.of(n)

    def __enter__(self):
        stack.levels.append(self)
        return self

    def __exit__(self, kind, error, traceback):
        self.open = False
        self.structures.latest = None
        stack.levels.remove(self)

    def __repr__(self):
        return f"<Level {self.serial}, n={self.n}>"

    def lend(self, root, loan):
        """Note that another library was given the memory of `root`, a Dual without tangent."""
        if self.loans is None:
            self.loans = {}
        self.loans.setdefault(id(root), []).append((weakref.ref(root), weakref.ref(loan)))

    def check_not_lent(self, root):
        """Before the first tangent is written to `root`: nobody else may hold its plain numbers."""
        if self.loans is None:
            return
        for owner, loan in self.loans.get(id(root), ()):
            if owner() is root and loan() is not None:
                raise TangentLostError(
                    "An array that a library holds as plain numbers is written a Dual: what the "
                    "library holds would lose the derivative. Give the library a copy, e.g. "
                    "numpy.array(a), or write to a copy."
                )


open_level = Level  # as the head of a block


@contextmanager
def running(recorder):
    """`recorder` stands where a level stands: new arrays are its own while f runs."""
    levels = stack.levels
    levels.append(recorder)
    try:
        yield recorder
    finally:
        levels.remove(recorder)


class _Stack(threading.local):
    """The levels and recorders of the calls that run in this thread, outermost first."""

    def __init__(self):
        # A thread that meets dualmc first while a call runs in another may be working for that.
        self.may_serve = any(map(len, list(_running.values())))
        self.levels = _running[threading.current_thread()] = []
        self.watchers = []
        self.is_quiet = False  # whether what runs computes with plain numbers


# The lists of levels of all threads that live.
_running: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()
stack = _Stack()


def current():
    """The level (or recorder) of the innermost call that runs in this thread, or None."""
    running = stack.levels
    return running[-1] if running else None


def mark():
    """Where the calls that run in this thread stand: what `close_beyond` takes."""
    return len(stack.levels)


# What else is to be cleared up after an error that may have interrupted clearing up.
after_closing: list = []


def close_beyond(mark):
    """After an error: close what was opened since `mark` and, interrupted itself, is still open."""
    levels = stack.levels
    for level in levels[mark:]:
        level.open = False
    del levels[mark:]
    stack.is_quiet = stack.is_quiet and bool(levels)
    for clear in after_closing:
        clear()


class outside:
    """A block in this thread that runs as if no derivative was taken: others' code on numbers."""

    __slots__ = ("levels",)

    def __enter__(self):
        self.levels, stack.levels = stack.levels, []

    def __exit__(self, kind, error, traceback):
        stack.levels = self.levels


def aside(function):
    """Decorator: the function, which meets no Dual, runs `outside`."""

    @functools.wraps(function)
    def wrapped(*args, **kwargs):
        with outside():
            return function(*args, **kwargs)

    return wrapped


def resumed(function):
    """`function` as it runs in the derivative calls of now, though it be called `outside`."""
    running = stack.levels

    @functools.wraps(function)
    def wrapped(*args, **kwargs):
        hidden, stack.levels = stack.levels, running
        try:
            return function(*args, **kwargs)
        finally:
            stack.levels = hidden

    return wrapped


@contextmanager
def none_running():
    """Code inside, which meets no Dual, runs as outside of derivative calls."""
    levels, stack.levels = stack.levels, []
    try:
        yield
    finally:
        stack.levels = levels


def running_as_now(function):
    """`function`, at whatever time it is called, inside of the calls that run now."""
    levels = stack.levels

    @functools.wraps(function)
    def run(*args, **kwargs):
        inner, stack.levels = stack.levels, levels
        try:
            return function(*args, **kwargs)
        finally:
            stack.levels = inner

    return run


@contextmanager
def suspended(level):
    """`level`, or the recorder that stands in its place, is not under way inside."""
    levels = stack.levels
    place = levels.index(level) if level in levels else None
    if place is not None:
        del levels[place]
    try:
        yield
    finally:
        if place is not None:
            levels.insert(place, level)


@contextmanager
def guarded():
    """Whatever interrupts the calls inside, they are closed on the way out."""
    outside, watchers = mark(), len(stack.watchers)
    try:
        yield
    except BaseException:
        close_beyond(outside)
        del stack.watchers[watchers:]
        raise


class quiet:
    """A block in which code of the user's is called on plain numbers, and makes plain arrays."""

    def __init__(self, is_quiet=True):
        self.is_quiet = is_quiet

    def __enter__(self):
        self.before, stack.is_quiet = stack.is_quiet, self.is_quiet

    def __exit__(self, *error):
        stack.is_quiet = self.before


def running_here():
    """The levels and recorders of the calls that run in this thread, outermost first."""
    return stack.levels + stack.watchers


def is_inside():
    """Whether a derivative call is under way for which this thread works."""
    here = stack
    return bool(here.levels or here.watchers) or (
        here.may_serve and any(map(len, list(_running.values())))
    )


@contextmanager
def watching(recorder):
    """`recorder` notes what is refused while f runs; new arrays are not its own."""
    watchers = stack.watchers
    watchers.append(recorder)
    try:
        yield recorder
    finally:
        watchers.remove(recorder)


# Duals built by hand, `Dual(primal, tangent)`, live on one permanent outermost level per number of
# tangents; its serial 0 makes them constants to every derivative call.
_manual: dict = {}


def manual_level(k):
    """The permanent level of hand-made Duals with `k` tangents."""
    return _manual.setdefault(k, Level(k, serial=0))


def innermost(levels, met=()):
    """The latest of `levels`, those of the Duals in `met`, checked to be open."""
    top = None
    for level in levels:
        if top is None or level.serial > top.serial:
            top = level
        elif level is not top and level.serial == top.serial:
            raise ValueError(
                f"Duals with different numbers of tangents met: {top.n} and {level.n}. "
                f"Give all hand-made Duals tangents with the same leading axis."
            )
    if not top.open:
        raise finished(next((a for a in met if getattr(a, "level", None) is top), None))
    return top


def finished(carrier=None):
    """The error for a `carrier` of a call that has ended; see `ended.py` where none runs."""
    kind = "Dual" if carrier is None else type(carrier).__name__
    message = (
        f"f used a {kind} from a derivative call that has already finished. "
        "Return values from f; do not store Duals outside it."
    )
    if carrier is not None and is_inside() and not any(r.refusals for r in running_here()):
        message += holders.told(carrier)
    return TangentLostError(message)


def trimming(function):
    """Decorator: `buffers.trim` once `function` has ended, and what it held is free.

    An interrupt may come while a level closes: it is closed here then.
    """

    running = stack

    @functools.wraps(function)
    def run(*args):
        outside = len(running.levels)
        try:
            return function(*args)
        except BaseException:
            close_beyond(outside)
            raise
        finally:
            buffers.trim()

    return run
