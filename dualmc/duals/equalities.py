"""Whether f found its input equal to numbers that it keeps: it may return what it remembers of it.

``if np.array_equal(x, self.x): return self.y`` is true on Duals after a plain call at the same
point, and the derivative is lost without a trace.  What is met here is only noted, for the call as
a whole to look into (`dualmc.calls.remembered`): few values are equal by chance.
"""

import sys
import threading

import numpy as np

from dualmc.duals.dual import Dual
from dualmc.errors import OWN
from dualmc.kernels.payload import values

# What may have been met: numbers written in the code, or no distance; numbers from elsewhere, to a
# tolerance; or exactly.
WRITTEN, CLOSE, EXACT = 1, 2, 3
_CLOSENESS = frozenset({np.isclose, np.allclose})
FUNCTIONS = _CLOSENESS | {np.equal, np.not_equal, np.array_equal, np.array_equiv}


class _Thread(threading.local):
    met = 0
    is_busy = False  # whether it is being looked into


thread = _Thread()


def equal(a, b, outcome, function=np.equal):
    """`a` and `b`, one of them a Dual, were compared by `function` with this outcome."""
    if function is np.not_equal:
        if np.any(outcome):
            return
    elif not np.all(outcome):
        return
    dual, other = (a, b) if _is_live(a) else (b, a)
    if type(dual) is not Dual or not dual.level.open or _is_live(other) or not np.size(outcome):
        return
    plain = values(other._primal) if type(other) is Dual else other
    if np.ndim(plain) == 0 and _is_written(plain):
        _meet(WRITTEN)
    elif _is_live(dual):
        _meet(CLOSE if function in _CLOSENESS else EXACT)


def ordered(own, other, outcome):
    """A Dual of the values `own`, the first 0, was compared: with a bound on a distance?"""
    if type(other) is not Dual and np.all(outcome) and not own.any() and np.all(other):
        _meet(CLOSE)


def _is_live(a):
    return type(a) is Dual and a.level.open and (a._tangent is not None or a._view is not None)


def _meet(what):
    if not thread.is_busy:
        thread.met = max(thread.met, what)


def _is_written(number):
    """Whether the code that compares has this number in its text."""
    frame = sys._getframe(2)
    while frame.f_code.co_filename.startswith(OWN) and frame.f_back is not None:
        frame = frame.f_back
    if number in (0, 1, -1):
        return True
    return any(type(c) in (int, float) and c == number for c in frame.f_code.co_consts)
