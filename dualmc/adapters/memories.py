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
# A row of less than this part of the largest entry is 0 but for rounding.
SMALL = 1e-12
REMEMBERED = (
    "scipy_jac: f is no function of its arguments alone: beside this point, by one rounding, its "
    "derivative is another. It seems to return what it remembers of a call on plain numbers. Take "
    "its memory out (scipy_jac has one), or give the function behind it."
)


class Memories:
    """What is known of the memory of one function."""

    def __init__(self):
        self._passed = 0  # tests of an f that changes its state
        self._passed_keeping = 0  # of those, the ones where it kept the very point

    def check(self, has_state, kept, args, number, found, derived):
        """Raise where ``derived(args)``, `found` at `args`, is another beside the point.

        `has_state`: whether f's state is known to change, or not known at all; `kept`: the objects
        that it consists of; `number`: the argument that is varied.
        """
        x = np.asarray(args[number])
        if x.dtype.kind not in "fiu":
            return
        is_kept = any(_is_same(a, x) for a in kept)
        if is_kept and self._passed_keeping >= ENOUGH or not is_kept and self._passed:
            return
        if not (is_kept or has_state or any(map(_holds_something, kept))):
            return
        x = x if x.dtype.kind == "f" else x.astype(float)
        tiny, away = np.finfo(x.dtype).tiny, np.copysign(np.inf, x)
        sides = []
        for towards, at_zero in ((0.0, tiny), (away, -tiny)):
            beside = _beside(x, towards, at_zero)
            try:
                side = derived((*args[:number], beside, *args[number + 1 :]))
            except TangentLostError as error:  # it met what it remembers of the other calls here
                raise TangentLostError(REMEMBERED) from error
            except Exception:  # f has no value there
                continue
            if not _differs(found, side):
                self._passed += 1
                self._passed_keeping += is_kept
                return
            sides.append(side)
        if sides and not _differs(sides[0], sides[-1]):  # or it has a kink at the point
            raise TangentLostError(REMEMBERED)


def _beside(x, towards, at_zero):
    """The point one rounding from `x`."""
    return np.where(x == 0, x.dtype.type(at_zero), np.nextafter(x, towards, dtype=x.dtype))


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
        size = np.maximum(size, SMALL * size.max(initial=0.0))
        return bool((np.abs(a - b) > LARGE * size).any())
