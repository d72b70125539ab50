"""Roots that f finds by halving: comparisons that steer an iteration to where they switch.

Bisection keeps the half of a bracket in which a residual g changes its sign, and ends with a mix of
the ends that it began with: whose derivative is that mix of theirs, not that of the root.  It shows
in the comparison: g goes to 0 there, to either side of it, and its derivative does not.  In other
words the distance of the inputs to where the comparison would switch, ``|g| / |dg/dx|``, is halved
again and again, while dg/dx keeps its direction.  Iterations whose iterates have the derivative of
the root (Newton's, the secant's) make dg go to 0 with g.

The same comparison of one place of code is looked at, and values alone at first.
"""

import math
import sys

import numpy as np

from dualmc.duals.dual import Dual
from dualmc.errors import OWN, TangentLostError
from dualmc.kernels.halving import (
    CONFIRMED,
    LEAST,
    LEAST_IN_TABLE,
    PARALLEL,
    POWER,
    RATE,
    SHRINKS,
    STEADY,
)
from dualmc.kernels.payload import values


class Site:
    """What was compared at one place of a frame, since the last difference that was as large."""

    __slots__ = ("frame", "count", "top", "last", "outcomes", "operand", "is_table", "found")

    def __init__(self, frame):
        self.frame = id(frame)
        self.operand = None
        self.begin(0.0, False)

    def begin(self, size, outcome):
        self.count = 0
        self.top = size
        self.last = [size] * 4
        self.outcomes = outcome, outcome
        self.is_table = True
        self.found = []  # of the latest: the difference, its derivative's norm and direction

    def add(self, size, outcome, operand):
        """Whether the differences go to 0 like those of a bisection."""
        if size >= 0.5 * self.top:
            self.begin(size, outcome)
            self.operand = operand
            return False
        self.count += 1
        self.last[self.count % 4] = size
        low, high = self.outcomes
        self.outcomes = low and outcome, high or outcome
        self.is_table = self.is_table and operand is not None and operand == self.operand
        if self.count < (LEAST_IN_TABLE if self.is_table else LEAST):
            return False
        if max(self.last) <= self.top * 2.0 ** (-RATE * (self.count - 3)):
            return True
        self.found.clear()
        return False


def compared(dual, other, outcome):
    """The comparison of `dual` with `other` has decided `outcome`; of arrays two elements tell.

    It is looked at from the second time on that a call of a function makes it.
    """
    frame = sys._getframe(1)
    while frame.f_code.co_filename.startswith(OWN) and frame.f_back is not None:
        frame = frame.f_back
    level = dual.level
    sites = level.sites
    if sites is None:
        sites = level.sites = {}
    key = id(frame.f_code), frame.f_lasti
    if sites.get(key) != id(frame):
        sites[key] = id(frame)
        return
    own, shape = dual._primal.shape, np.shape(other)
    whole = own or shape
    if not whole:
        _compared(dual, other, outcome, key, frame)
        return
    size = math.prod(whole)
    if not size or own and shape and shape != own:
        return
    for i in {0, size // 2}:
        at = np.unravel_index(i, whole)
        element = dual[at] if own else dual
        _compared(element, other[at] if shape else other, outcome[at], (*key, i), frame)


def _compared(a, b, outcome, place, frame):
    if type(a) is not Dual:  # an element that depends on nothing
        if type(b) is not Dual:
            return
        a, b = b, a
    value = _number(a)
    size = abs(value - _number(b))
    if not size < math.inf:  # or NaN
        return
    level = a.level
    key = "site", place
    site = level.sites.get(key) if level.sites is not None else None
    if site is None or site.frame != id(frame):
        if level.sites is None:
            level.sites = {}
        site = level.sites[key] = Site(frame)
    # In a search of a table the Dual is the same, and what it is compared with is a plain number.
    if site.add(size, bool(outcome), None if type(b) is Dual else value):
        _look(site, a - b, level, frame)


def _number(a):
    return float(np.real(values(a) if type(a) is Dual else a))


def _look(site, gap, level, frame):
    """Note the derivative of `gap`; raise if it does not go to 0 as `gap` does."""
    found = site.found
    low, high = site.outcomes
    if level.records:  # where the tape has no derivative yet: a forward pass looks
        found.append(None)
        level.is_suspect = level.is_suspect or len(found) >= CONFIRMED and low != high
        return
    t = gap.own_tangent() if type(gap) is Dual else None
    if t is None:
        return
    slope = np.asarray(values(t.to_dense().dense())).reshape(-1)
    norm = float(np.linalg.norm(slope))
    if not 0 < norm < math.inf:
        found.clear()
        return
    found.append((abs(_number(gap)), norm, slope / norm))
    del found[:-CONFIRMED]
    if len(found) == CONFIRMED and low != high and _is_halving(found):
        raise TangentLostError(told(frame.f_code.co_name, frame.f_lineno), level=level)


def told(name, line):
    """The sentence about a comparison in the function `name`."""
    return (
        f"A comparison (in {name}, line {line}) decides ever closer to where it would switch, as "
        f"in bisection: what that finds has not the derivative of the root. Give it with "
        f"dualmc.custom_root(residual, solver), or have a step of Newton's method follow."
    )


def _is_halving(found):
    """Whether the difference goes to 0 and its derivative, which keeps its direction, does not."""
    half = CONFIRMED // 2
    g, h = (max(size for size, _, _ in part) for part in (found[:half], found[half:]))
    p, q = (max(norm for _, norm, _ in part) for part in (found[:half], found[half:]))
    last = min(norm for _, norm, _ in found[half:])
    if last < STEADY[0] * q or q > STEADY[1] * p:
        return False
    shrinks = h / g if g else 1.0
    if not SHRINKS[0] <= shrinks <= SHRINKS[1] or q < p * shrinks**POWER:
        return False
    pairs = zip(found, found[1:], strict=False)
    return all(abs(a[2] @ b[2].conj()) >= PARALLEL for a, b in pairs)
