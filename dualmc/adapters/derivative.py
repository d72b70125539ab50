"""A derivative asked for again and again: fresh calls, and machine code once that pays.

What fresh calls have cost is measured, and what it costs to make machine code too.  As with skis
that one may rent or buy, machine code is made when fresh calls have cost as much as it: whatever
comes, that is at most twice what was best.
"""

import threading
import time
from typing import ClassVar

from dualmc.forward import jacobian_of
from dualmc.replay.fresh_calls import FRESH
from dualmc.replay.prepared import Prepared
from dualmc.reverse import gradient_of

# Replays that are timed before it is said which is faster.
TRIALS = 16


def fresh(of, f, args, options):
    """(value, derivative) by a call of f; of second derivatives the value is None."""
    argnums = options["argnums"]
    if of == "jacobian":
        return jacobian_of("scipy_jac", f, args, argnums, options["sparse"], options["layout"])
    if of == "gradient":
        return gradient_of("scipy_jac", f, args, argnums, False)[:2]
    return None, FRESH[of](f, args, False, **options)[1]


class Derivative:
    """``derivative(args)`` is (value, derivative); the value is None where f has not run.

    Parameters
    ----------
    f, of, options
        As of `prepare`: a function, which derivative, and `argnums`, `sparse` and `layout`.
    wanted : bool or None
        Prepare at the first call, never, or when it pays.

    Attributes
    ----------
    reason : str or None
        Why it is not prepared, where that was tried.
    """

    # Seconds that machine code took to make, the last time; before that, what loading the compiler
    # takes as well.
    price: ClassVar[float] = 1.0

    def __init__(self, f, of, options, wanted):
        self._f, self._of, self._options = f, of, options
        self._wanted = wanted
        self._spent, self._least = 0.0, None
        self._due = 0.0 if wanted else None  # seconds spent at which to prepare; None: the price
        self._lock = threading.Lock()
        self._replays = []
        self.prepared = None
        self.reason = None

    @property
    def is_replayed(self):
        return self.prepared is not None

    def __call__(self, args):
        if self._wanted and self.prepared is None and self.reason is None:
            self._prepare(args)
        prepared = self.prepared
        if prepared is not None:
            start = time.perf_counter()
            found = prepared(*args)
            self._compare(prepared, time.perf_counter() - start)
            return None, found
        start = time.perf_counter()
        y, found = self.fresh(args)
        seconds = time.perf_counter() - start
        self._spent += seconds
        self._least = seconds if self._least is None else min(self._least, seconds)
        if self._wanted is None and self._is_due():
            self._prepare(args)
        return y, found

    def fresh(self, args):
        """(value, derivative) by a call of f."""
        return fresh(self._of, self._f, args, self._options)

    def _is_due(self):
        return self._spent >= (Derivative.price if self._due is None else self._due)

    def _prepare(self, args):
        """Make machine code, in at most the time that fresh calls have taken."""
        if not self._lock.acquire(blocking=False):
            return  # another thread is at it
        try:
            start = time.perf_counter()
            limit = None if self._wanted else self._spent
            prepared = Prepared(self._f, args, **self._options, max_seconds=limit, of=self._of)
            self.reason = prepared.reason
            if self.reason is None:
                Derivative.price = time.perf_counter() - start
                self.prepared = prepared
            else:  # a larger budget may do, later
                self._due = 2 * self._spent if "max_seconds" in self.reason else float("inf")
        finally:
            self._lock.release()

    def _compare(self, prepared, seconds):
        """Go back to fresh calls where those are faster: the least of each decides."""
        replays = self._replays
        if self._wanted or len(replays) == TRIALS:
            return
        replays.append(seconds)
        if len(replays) >= TRIALS and min(replays) > self._least:
            self.prepared, self._due = None, float("inf")
            self.reason = "a fresh call is faster"
