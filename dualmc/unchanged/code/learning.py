"""Functions seen to run in a call of f that no name leads to, and the call begun again with them.

In the first call of a function every Python function that starts is noted (`sys.setprofile`, or
what an error passed, where a profiler is at work).  Those that would have run on stand-ins are
remembered, and f is called once more.  So it is after an error that a Dual may be the reason of;
there code is also made to look at whatever it loads (`rewriting.py`).
"""

import dis
import gc
import itertools
import os
import sys
import types

from dualmc.duals import levels
from dualmc.errors import OWN
from dualmc.kernels.compiling import Watcher
from dualmc.unchanged.as_is import LEFT, MARK, is_closed
from dualmc.unchanged.code import exchange, following, plans, rewriting
from dualmc.unchanged.standins.callers import is_internal

# Times that a function is called anew before its error is its own, and that one of the functions
# that run in it is learned: made anew in every call, it may be another every time.
TRIES, AGAIN = 60, 3
LAYERS = (
    15  # times that code on the way of an error looks deeper; text that is run is new each time
)


class Restart(BaseException):
    """What a call needs is known now: it is begun again."""


class Seen(Watcher):
    """The code that started to run in this thread, beside that on stand-ins."""

    def __init__(self):
        self.codes = {}  # by id: code and global names
        self.others = {}
        self.raised = set()  # what compiled code raised in code of the user's: function and place

    def __call__(self, frame, event, arg):
        if event == "c_exception":
            if arg is not hash and not is_closed(frame.f_globals.get("__name__"), ""):
                name = getattr(arg, "__qualname__", repr(arg))
                self.raised.add((name, frame.f_code.co_filename, frame.f_lineno))
        if event != "call":
            return
        code = frame.f_code
        key = id(code)
        if key not in self.codes and key not in self.others:
            if code.co_filename.startswith(OWN) or rewriting.is_rewritten(code):
                self.others[key] = code
            elif not is_internal(frame) and not _is_left_alone(frame):
                self.codes[key] = code, frame.f_globals

    def note_way(self, error):
        tb = error.__traceback__
        while tb is not None:
            self(tb.tb_frame, "call", None)
            tb = tb.tb_next


def _is_left_alone(frame):
    """Whether `frame` runs since something is imported, for a function left as it is, or by a rule
    of the user's, which computes with plain numbers.
    """
    while frame is not None:
        code = frame.f_code
        if code.co_filename.startswith("<frozen importlib") or id(code) in LEFT:
            return True
        if code.co_filename.startswith(OWN):
            return code.co_filename in _BY_RULES
        frame = frame.f_back
    return False


# What calls functions and rules that the user has declared.
_BY_RULES = frozenset(
    os.path.join(OWN, *path)
    for path in (("custom.py",), ("implicit.py",), ("functions", "user_rules.py"))
)


class watching:
    """A block in which what starts to run is noted in `seen`, unless a profiler is at work."""

    __slots__ = ("seen", "before", "is_watching")

    def __init__(self, seen):
        self.seen = seen

    def __enter__(self):
        if self.seen is None:
            return
        self.before = sys.getprofile()
        self.is_watching = self.before is None or type(self.before) is Seen
        if self.is_watching:
            sys.setprofile(self.seen)

    def __exit__(self, kind, error, traceback):
        if self.seen is None:
            return
        # A profiler that is at work stays: cProfile's, written in C, cannot be set from here.
        if self.is_watching and sys.getprofile() in (self.seen, None):
            sys.setprofile(self.before)
        if type(self.before) is Seen:  # of a call around this one
            self.before.codes.update(self.seen.codes)


def _stop_watching():
    """After an interrupt: what watches this thread goes when its calls have ended."""
    if not levels.stack.levels and type(sys.getprofile()) is Seen:
        sys.setprofile(None)


levels.after_closing.append(_stop_watching)


def learned(plan, seen):
    """Whether functions were seen that belong to `plan` and were not known to."""
    root = (plan.names.get("__name__") or "").partition(".")[0]
    tried = plans.tried(plan)
    codes = [
        (code, names)
        for code, names in seen.codes.values()
        if tried.get(_key(code), (0,))[0] < AGAIN and not is_closed(names.get("__name__"), root)
    ]
    for code, _ in codes:
        tried[_key(code)] = tried.get(_key(code), (0,))[0] + 1, code
    found = [
        f
        for f in _functions(codes)
        if MARK not in f.__dict__ and following.new_code(f) is not exchange.code_of(f)
    ]
    if found:
        plans.learn(plan, found)
    return bool(found)


def _key(code):
    """What tells `code` from other code: its place, where text is made code anew in every call."""
    if code.co_filename.startswith("<"):
        return code.co_filename, code.co_firstlineno, code.co_qualname
    return id(code)


def _functions(codes):
    """The function objects that have one of `codes`."""
    found, missing = [], []
    for code, names in codes:
        if code.co_name == "<module>":  # of no function: run by exec, anew each time
            continue
        f = _by_name(code, names)
        if f is None:
            missing.append(code)
        else:
            found.append(f)
    if missing:
        wanted = set(map(id, missing))
        found += [
            f
            for f in gc.get_referrers(*missing)
            if type(f) is types.FunctionType and id(f.__code__) in wanted
        ]
    return found


def _by_name(code, names):
    """The function of `code` where its qualified name leads to it."""
    value = names
    for part in code.co_qualname.split("."):
        value = (
            value.get(part)
            if type(value) is dict
            else vars(value).get(part)
            if (issubclass(type(value), type))
            else None
        )
    value = getattr(value, "__func__", value)
    while type(value) is types.FunctionType and value.__code__ is not code:
        value = value.__dict__.get("__wrapped__")
    return value if type(value) is types.FunctionType else None


# --- Errors --------------------------------------------------------------------------------------

_hopeless: set = set()  # places where looking at everything did not help
_tried: dict = {}  # by place: the code that was made to look, time by time


def is_worth_a_try(needed, error, swallowed):
    """Make the code on the way of `error` look at whatever it loads; whether that is new.

    Without an `error` it is the code that ran where f swallowed a refusal.
    """
    place = _place(error) if error is not None else (swallowed.file, swallowed.line)
    if place is None or place in _hopeless:
        return False
    way = [code for code, _ in _way(error)] if error is not None else []
    fresh = [c for c in map(rewriting.original, way) if id(c) not in following.careful]
    if not fresh:
        plan_codes = [(plan.code, *plan.codes) for plan in (needed.plan, *needed.others)]
        ran = [code for codes in plan_codes for code in codes]
        fresh = [c for c in ran if id(c) not in following.careful]
    if len(_hopeless) + len(_tried) + len(following.careful) > plans.KEPT:
        for known in (_hopeless, _tried, following.careful):
            known.clear()
    made = _tried.setdefault(place, [])
    for plan in (needed.plan, *needed.others):
        plans.forget(plan)
    for code in fresh:
        following.careful[id(code)] = code
    made.append(fresh)
    if fresh and len(made) <= LAYERS:
        return True
    _hopeless.add(place)
    for code in itertools.chain(*_tried.pop(place)):
        following.careful.pop(id(code), None)
    return False


def _way(error):
    """Code of the user's, or of libraries that are looked into, that `error` passed."""
    tb, found = error.__traceback__, []
    while tb is not None:
        code, names = tb.tb_frame.f_code, tb.tb_frame.f_globals
        if not code.co_filename.startswith(OWN) and not is_closed(names.get("__name__"), ""):
            found.append((code, tb.tb_lasti))
        tb = tb.tb_next
    return found


def _place(error):
    """Where `error` was raised by something called; None where the user's code raised it."""
    way = _way(error)
    if not way:
        return None
    code, at = way[-1]
    tb = error.__traceback__
    while tb.tb_next is not None:
        tb = tb.tb_next
    if tb.tb_frame.f_code is code and dis.opname[code.co_code[at]] == "RAISE_VARARGS":
        return None
    code = rewriting.original(code)
    return code.co_filename, tb.tb_lineno
