"""Calls of one function that are made again and again, and when they are recorded.

As with skis that one may rent or buy, machine code is made when fresh calls have cost as much as it
is expected to: whatever comes, that is about twice what was best.  What calls cost is not measured
but counted, see `cost.py`: every run of a program makes the same calls fresh.  Functions are known
by their code.
"""

import contextlib
import math
import threading
import types
import warnings
import weakref
from typing import NamedTuple

import numpy as np

from dualmc import reverse, second
from dualmc.automatic import cost, exceptions, way
from dualmc.automatic.closed import NotClosed
from dualmc.calls import repeats, watch
from dualmc.duals import levels
from dualmc.duals.choices import meetings
from dualmc.passes.jacobian import jacobian, usual
from dualmc.unchanged.code.exchange import code_of

# Codes whose calls are counted, and so many calls of one that are only counted.
MOST_COUNTED, FIRST_CALLS = 4096, 2
# Functions that have machine code, and ways of each.
MOST_FUNCTIONS, MOST_WAYS = 64, 4
# Fresh calls after which f is asked whether it is closed, and how many steps it takes.
ASKED_AFTER = 8
# Replays that are compared with fresh calls, each way, before they count.
COMPARED = 3
# Calls that no way answers, beyond those that one did, after which f is given up.
MISSES = 32
# What the verbs call otherwise: without options, and with all of them.
_FORWARD = (usual, jacobian)
_REVERSE = (reverse._jacobian, reverse._jacobian)
_GRADIENT = (reverse.gradient_of, reverse.gradient_of)
_HESSIAN = (second.hessian_of, second.hessian_of)
FRESH = {
    "jacobian_fwd": _FORWARD,
    "value_and_jacobian_fwd": _FORWARD,
    "derivative": _FORWARD,
    "jacobian_rev": _REVERSE,
    "value_and_jacobian_rev": _REVERSE,
    "gradient": _GRADIENT,
    "value_and_gradient": _GRADIENT,
    "hessian": _HESSIAN,
}


class Call(NamedTuple):
    """What `last_call` returns.

    Attributes
    ----------
    is_replay : bool
        Whether machine code answered.
    reason : str
        Why it did not, or how often it has.
    """

    is_replay: bool
    reason: str

    def __str__(self) -> str:
        return f"a replay, {self.reason}" if self.is_replay else f"a fresh call: {self.reason}"


class _Thread(threading.local):
    last = None  # what told how the latest call was answered: see `last_call`


FIRST = "it is called for the first times"
_thread = _Thread()
# By id of a code, while it lives: calls so far; a `Repeats`; or why it is never replayed.
_known: dict = {}
_alive: dict = {}  # weak references to the codes, by id
_order: list = []  # the ids of those that have `Repeats`, the oldest first
_lock = threading.Lock()
_stack = levels.stack


def answer(f, prepare=True):
    """What takes the place of the verb's own function in a call of f; None: nothing."""
    if _stack.levels or _stack.watchers:  # inside of another call
        return None
    if not prepare:
        _thread.last = "it was asked for by prepare=False"
        return None
    if type(f) is not types.FunctionType:
        _thread.last = "f is no function of Python's"
        return None
    code = f.__code__
    found = _known.get(id(code), 0)
    if type(found) is int:
        _thread.last = FIRST
        if found < FIRST_CALLS:
            if not found:
                _note(code)
            _known[id(code)] = found + 1
            return None
        found = _repeats(f, code)
    elif type(found) is str:
        _thread.last = found
        return None
    return found.call if found is not None and found.code is code else None


def last_call():
    """The latest call of a verb in this thread that was not inside of another; or None."""
    last = _thread.last
    if type(last) is tuple:
        return Call(last[1], last[0].told(last[1]))
    return None if last is None else Call(False, last)


def forget():
    """Drop all that is known of functions, and their machine code."""
    with _lock:
        _known.clear()
        _alive.clear()
        _order.clear()


def _note(code):
    """Forget what is known of `code` when it dies: another one may get its id."""
    number = id(code)

    def dead(_):
        _known.pop(number, None)
        _alive.pop(number, None)

    _alive[number] = weakref.ref(code, dead)


def _repeats(f, code):
    """A new `Repeats`; None if the code of f is exchanged just now."""
    if code_of(f) is not code:
        return None
    with _lock:
        if len(_known) > MOST_COUNTED:
            for other, found in tuple(_known.items()):  # at once: others count meanwhile
                if type(found) is not Repeats:
                    _known.pop(other, None)
        while len(_order) >= MOST_FUNCTIONS:
            _known.pop(_order.pop(0), None)
        found = _known[id(code)] = Repeats(code)
        _order.append(id(code))
    return found


class Repeats:
    """The ways to ask for derivatives of a function, which is known by its code."""

    __slots__ = ("code", "kinds")

    def __init__(self, code):
        self.code = code
        self.kinds = {}

    def call(self, caller, f, args, *options):
        """What the verb's own function gives, which is called with the same."""
        if watch.watched or meetings.split or not args or options and not _are_usual(*options):
            _thread.last = "it is asked for in a way that is not replayed"
            return FRESH[caller][bool(options)](caller, f, args, *options)
        key = caller
        if options and (options[0] != 0 or len(options) > 2 and options[2]):
            key = (caller, *options[:1], *options[2:3])
        kind = self.kinds.get(key)
        if kind is None:
            sparse = len(options) > 2 and options[2]
            asked = way.Asked(caller, options[0] if options else 0, sparse)
            kind = self.kinds.setdefault(key, Repeated(self, asked))
        return kind.call(f, args, options)


def _are_usual(argnums, *options):
    """Whether a call has no options but `argnums` and whether it is sparse."""
    if type(argnums) is not int:
        if type(argnums) is not tuple or any(type(i) is not int for i in argnums):
            return False
    if len(options) == 1:  # of a gradient: has_aux
        return options[0] is False
    chunk_size, sparse, *others = options
    if chunk_size is not None or not (sparse is False or sparse is True):
        return False
    if not others:  # a Hessian
        return True
    layout, has_aux, *spread = others
    return (
        has_aux is False and type(layout) is str and layout == "numerator"
        and (not spread or spread[0] is None)
    )  # fmt: skip


class Repeated:
    """A function, and one way to ask for its derivative.

    `reason` says why nothing is replayed, for good.
    """

    # Whether the compiler has been loaded for one of them.
    is_loaded = False

    __slots__ = ("function", "asked", "ways", "reason", "calls", "due", "seconds", "making",
                 "replays", "misses", "lock")  # fmt: skip

    def __init__(self, function, asked):
        self.function, self.asked = function, asked
        self.ways = ()  # the latest first
        self.reason = None if exceptions.IS_KNOWN else "of this machine it is not known how"
        # Fresh calls; at how many of them something is done; the seconds of one, and of machine
        # code, by the model.
        self.calls, self.due, self.seconds, self.making = 0, ASKED_AFTER, None, None
        self.replays = self.misses = 0
        self.lock = threading.Lock()

    def told(self, is_replay):
        if is_replay:
            return f"one of {self.replays}"
        if self.reason is not None:
            return self.reason
        if self.ways and self.ways[0].compared < COMPARED:
            return "replays are compared with it"
        if self.ways:
            return "f goes another way, or what it reads has changed"
        when = "what it costs is asked" if self.seconds is None else "it is recorded"
        return f"it is number {self.calls}, and {when} at number {self.due}"

    def call(self, f, args, options):
        """The answer to a call: by a way, or by a fresh call that is counted."""
        if self.reason is not None:
            _thread.last = self, False
            return self._fresh(f, args, options)
        for one in self.ways:
            found = one(f, args)
            if found is None:
                continue
            if one.compared < COMPARED:
                return self._compared(one, found, f, args, options)
            self.replays += 1
            _thread.last = self, True
            return found
        _thread.last = self, False
        if self.ways:
            self.misses += 1
            if self.misses > MISSES + self.replays:
                self._give_up(f"none of its ways answered {self.misses} calls")
        found = self._fresh(f, args, options)
        self.calls += 1
        if self.calls >= self.due:
            self._look(f, args, found)
        return found

    def _fresh(self, f, args, options):
        caller = self.asked.caller
        return FRESH[caller][bool(options)](caller, f, args, *options)

    def _give_up(self, reason):
        self.ways, self.reason = (), reason

    def _compared(self, one, found, f, args, options):
        """A fresh call, with which the replay `found` by the way `one` is compared."""
        _thread.last = self, False
        fresh = self._fresh(f, args, options)
        one.compared += 1
        if not one.agrees(found, fresh):
            self._give_up("a replay differs from a fresh call by more than rounding")
        return fresh

    def _look(self, f, args, found):
        """See whether f is closed, and what it costs; when that is enough, record it."""
        if not way.is_calm():
            self.due = 2 * self.calls
            return
        if not self.lock.acquire(blocking=False):
            return  # another thread is at it
        try:
            if self.reason is None and self.seconds is None:
                self._weigh(f, args)
            if self.calls >= self.due and len(self.ways) < MOST_WAYS:
                self._record(f, args, found)
        except NotClosed as problem:
            self._give_up(f"f is not closed: {problem}")
            _known[id(self.function.code)] = self.reason
        except way.Refused as problem:
            if "max_seconds" in str(problem):  # more may do, later
                self.due = 2 * self.calls
            elif not self.ways:
                self._give_up(str(problem))
            else:
                self.due = math.inf
        except Exception as problem:  # the fresh call went well
            self._give_up(f"recording it raised {type(problem).__name__}: {problem}")
        finally:
            self.lock.release()

    def _weigh(self, f, args):
        """Note what a fresh call costs, and at which call it has cost as much as machine code."""
        self.due = 2 * self.calls  # also where an interrupt comes
        with _silence(), np.errstate(all="ignore"):
            self.seconds, self.making = way.weighed(f, args, self.asked)
        price = self.making + cost.LOADING * (not Repeated.is_loaded)
        self.due = max(self.calls, math.ceil(price / self.seconds))

    def _record(self, f, args, found):
        seconds = self.calls * self.seconds
        self.due = 2 * self.calls  # also where an interrupt comes
        with _silence() as told, np.errstate(all="ignore"):
            one = way.recorded(f, args, self.asked, cost.Worth(seconds, self.seconds))
        if told:
            raise way.Refused(f"it warns: {told[0].message}")
        Repeated.is_loaded = True
        if one is None:
            return
        self.due = self.calls + math.ceil((1 + len(self.ways)) * self.making / self.seconds)
        one.is_array = type(found[1][0] if self.asked.is_tuple else found[1]) is np.ndarray
        replay = one(f, args)
        if replay is None:  # not at these very numbers
            self.due = 2 * self.calls
            return
        if not one.agrees(replay, found):
            raise way.Refused("a replay differs from a fresh call by more than rounding")
        self.ways = (one, *self.ways)


@contextlib.contextmanager
def _silence():
    """A list of the warnings of f while it is recorded, which nobody else hears.

    Python's filters belong to all threads: where others run, they are left alone, and the list has
    what they let through.
    """
    if threading.active_count() == 1:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            yield told
        return
    told, own, show = [], threading.get_ident(), warnings.showwarning

    def heard(*warning, **where):
        if threading.get_ident() == own:
            told.append(warnings.WarningMessage(*warning, **where))
        else:
            show(*warning, **where)

    warnings.showwarning = heard
    try:
        yield told
    finally:
        own = None  # should another thread put `heard` back later
        warnings.showwarning = show


def switch(is_on):
    """Answer calls from now on, or no longer."""
    repeats.answer = answer if is_on else None
    if not is_on:
        forget()
