"""Functions that remember: what such a one returns on Duals may be what it kept of plain numbers.

A solver calls f for the value and then asks for the derivative at the same point; where f finds the
point in a memory of its own, it returns numbers, and the derivative is lost without a trace.  So
the derivative of an f that has a state which could be a memory is compared with that one rounding
beside the point, where no memory holds.
"""

import collections

import numpy as np

from dualmc.errors import TangentLostError

# Points at which an f that keeps the points themselves has to pass before it is trusted.
ENOUGH = 3
# Difference within a row, relative to its largest entry, that no rounding of x makes.
LARGE = 1e-3


class Memories:
    """What is known of the memory of one function."""

    def __init__(self):
        self._passed = 0  # tests of an f that changes its state
        self._passed_keeping = 0  # and of those those where it kept the very point

    def check(self, is_changing, kept, args, number, found, derived):
        """Raise where ``derived(args)``, `found` at `args`, is another beside the point.

        `kept`: the objects that f's state consists of; `number`: the argument that is varied.
        """
        x = np.asarray(args[number])
        is_kept = any(_is_same(a, x) for a in kept)
        if is_kept and self._passed_keeping >= ENOUGH or not is_kept and self._passed:
            return
        if not (is_kept or is_changing or any(map(_holds_something, kept))):
            return
        beside = [*args]
        beside[number] = np.where(x == 0, np.finfo(x.dtype).tiny, np.nextafter(x, 0))
        try:
            expected = derived(tuple(beside))
        except Exception:  # f has no value there: nothing to compare with
            return
        if _differs(found, expected):
            raise TangentLostError(
                "scipy_jac: f is no function of its arguments alone: beside this point, by one "
                "rounding, its derivative is another. It seems to return what it remembers of a "
                "call on plain numbers, or what depends on how often it was called. Take its "
                "memory out (scipy_jac has one), or give the function behind it."
            )
        self._passed += 1
        self._passed_keeping += is_kept


def _is_same(a, x):
    if type(a) is list and len(a) == x.size and x.ndim == 1:
        return a == x.tolist()
    return type(a) is np.ndarray and a.shape == x.shape and a.tobytes() == x.tobytes()


def _holds_something(a):
    return issubclass(type(a), (list, dict, set, collections.deque)) and len(a) > 0


def _differs(a, b):
    if type(a) is tuple:
        return any(map(_differs, a, b))
    if hasattr(a, "tocsr"):
        a, b = a.tocsr(), b.tocsr()
        return abs(a - b).max() > LARGE * abs(b).max() if a.nnz or b.nnz else False
    a, b = np.atleast_1d(getattr(a, "ab", a)), np.atleast_1d(getattr(b, "ab", b))
    if a.shape != b.shape:
        return True
    with np.errstate(invalid="ignore"):
        size = np.abs(b).max(axis=-1, keepdims=True, initial=0.0)
        return bool((np.abs(a - b) > LARGE * size).any())
