"""Functions whose code is exchanged for the time of a call, and given back whatever happens.

A function object keeps its identity, its class and its module; `function.__code__` is the adapted
code while a derivative call that needs it runs, in any thread, and the user's again when the last
one has ended.  Stand-ins are the originals outside of derivative calls, so that other threads may
run the same functions meanwhile.
"""

import threading

from dualmc.duals import levels
from dualmc.unchanged.code.bytecode import ORIGINALS, REWRITTEN
from dualmc.unchanged.code.rewriting import original

_lock = threading.RLock()  # an interrupt during `leave` may leave again
_under_way: dict = {}  # what calls that run have exchanged: functions and their code, by token


class Token:
    """One call of f, on Duals of its `level`."""

    __slots__ = ("level",)

    def __init__(self, level):
        self.level = level


def enter(token, exchanges):
    """Give functions the code of `exchanges`: (function, the user's code, code) each."""
    with _lock:
        _under_way[token] = exchanges
        for f, code, new in exchanges:
            now = f.__code__
            if now is code or now is not new and id(now) in REWRITTEN:
                ORIGINALS.setdefault(f, now)
                f.__code__ = new


def leave(token):
    """What `enter` began ends."""
    with _lock:
        _under_way.pop(token, None)
        if not ORIGINALS:
            return
        needed = frozenset()
        if _under_way:
            needed = {f for exchanges in _under_way.values() for f, _, _ in exchanges}
        for f, code in list(ORIGINALS.items()):
            if f in needed:
                continue
            if id(f.__code__) in REWRITTEN:  # or the user has exchanged it meanwhile
                f.__code__ = code
            ORIGINALS.pop(f, None)


def leave_what_has_ended():
    """End the calls whose levels are closed, and free the lock, where an interrupt in this thread
    has kept them from doing so.
    """
    while _lock._is_owned():
        _lock.release()
    for token in list(_under_way):
        level = token.level
        if level is not None and not level.open:
            leave(token)


levels.after_closing.append(leave_what_has_ended)


def code_of(f):
    """The user's own code of `f`."""
    return original(ORIGINALS.get(f) or f.__code__)
