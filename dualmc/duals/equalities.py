"""Whether f found its input equal to numbers that it keeps: it may return what it remembers of it.

``if np.array_equal(x, self.x): return self.y`` is true on Duals after a plain call at the same
point, and the derivative is lost without a trace.  What is met here is only noted, for the call as
a whole to look into (`dualmc.calls.remembered`): few values are equal by chance.
"""

import threading

import numpy as np

from dualmc.duals.dual import Dual

FUNCTIONS = frozenset(
    {np.equal, np.not_equal, np.array_equal, np.array_equiv, np.isclose, np.allclose}
)


class _Thread(threading.local):
    met = False
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
    # A norm of 0 depends on nothing, by convention.
    if _is_live(dual) or type(other) in (int, float) and other == 0:
        _meet()


def ordered(own, other, outcome):
    """A Dual of the values `own`, the first 0, was compared: with a bound on a distance?"""
    if type(other) is not Dual and np.all(outcome) and not own.any() and np.all(other):
        _meet()


def _is_live(a):
    return type(a) is Dual and a.level.open and (a._tangent is not None or a._view is not None)


def _meet():
    if not thread.is_busy:
        thread.met = True
