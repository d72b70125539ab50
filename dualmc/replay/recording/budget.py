"""How much of a function is recorded and compiled: so many steps and, if asked, seconds."""

import functools
import math
import time

from dualmc.replay.recording.program import NotReplayable

# Steps that are recorded, and operations that they may come to: what the compiler takes some ten
# seconds for.
LARGEST = 40_000
# Bytes of the values that the steps of a recording keep.
MOST_BYTES = 2**31
# Seconds per operation that the compiler takes, before it has been seen at work here.
PACE = 3e-4
# Operations from which on a compilation tells the pace.
TELLING = 200


class Stopped(BaseException):
    """Ends f in the middle of a recording; not an Exception, so that f does not catch it."""


def _no_bound():
    return math.inf


class Budget:
    """What is left for one recording; `seconds` may be None.

    ``slowest()``: the seconds that a replay may take.
    """

    pace = PACE

    def __init__(self, seconds, slowest=_no_bound):
        self.seconds = seconds
        self.slowest = functools.cache(slowest)
        self.steps = 0
        self.bytes = 0
        self.reason = None
        self.begin()

    def release(self):
        """Let go of `slowest`, which holds f and its arguments, once the program is chosen."""
        self.slowest = _no_bound

    def begin(self):
        """The time starts now."""
        self.start = time.perf_counter()

    def counted(self, call):
        """`call`, a recorder's, that stops f where the budget ends."""

        def spending(function, args, options):
            self.steps += 1
            if self.steps > LARGEST:
                self._stop(f"it takes more than {LARGEST} steps")
            if self._is_late(0.0):
                self._stop(f"recording it takes more than max_seconds={self.seconds:g}")
            y = call(function, args, options)
            self.bytes += getattr(y, "nbytes", 0)
            if self.bytes > MOST_BYTES:
                self._stop(f"recording it keeps more than {MOST_BYTES >> 20} MB")
            return y

        return spending

    def _stop(self, reason):
        self.reason = reason
        raise Stopped

    def _is_late(self, more):
        return self.seconds is not None and time.perf_counter() - self.start + more > self.seconds

    def check(self):
        """Refuse what has taken too long, or was stopped."""
        if self.reason is None and self._is_late(0.0):
            self.reason = f"preparing it takes more than max_seconds={self.seconds:g}"
        if self.reason is not None:
            raise NotReplayable(self.reason)

    def check_compilation(self, count):
        """Refuse to compile `count` operations if that would take too long."""
        if count > LARGEST:
            raise NotReplayable(f"it takes {count} steps, more than {LARGEST}")
        if self._is_late(count * self.pace):
            raise NotReplayable(
                f"machine code of its {count} operations would take about "
                f"{count * self.pace:.1g} seconds to make, which max_seconds={self.seconds:g} "
                f"does not leave"
            )

    def learn(self, count, seconds):
        """The compiler took so long for so many operations."""
        if count >= TELLING:
            Budget.pace = 0.5 * (Budget.pace + seconds / count)
