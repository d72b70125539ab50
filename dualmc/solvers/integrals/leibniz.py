"""Limits and breakpoints that vary, by Leibniz' rule to every order.

A limit b that is a Dual of value b0 moves the integral by that of f from b0 to b, an interval of
length 0 with tangents.  There Gauss' rule of few points is exact: each gives two more orders of b's
derivative, and where b is of one level, the value of f at b0 is all.  A breakpoint moves it by the
jump of f there.
"""

import numpy as np

from dualmc.duals.dual import Dual
from dualmc.duals.operands import as_operand
from dualmc.errors import missing_case
from dualmc.kernels.payload import values
from dualmc.solvers.integrals.parts import levels_of


def depth_of(*a):
    """How many derivative calls the numbers depend on."""
    return len(levels_of(*(as_operand(b) for b in a)))


def varies(a):
    return type(a) is Dual and bool(levels_of(a))


def strip(f, end):
    """The integral of f from the value of `end` to `end`: 0, with its derivatives."""
    start = values(end).item()
    if np.isinf(start):
        raise missing_case("an integral", "by a limit that is infinite")
    width = end - start
    if depth_of(end) == 1:
        return width * f(start)
    points, weights = np.polynomial.legendre.leggauss(depth_of(end) // 2 + 1)
    total = 0.0
    for point, weight in zip(points, weights, strict=True):
        total = total + 0.5 * weight * f(start + width * (0.5 + 0.5 * point))
    return width * total


def jump(f, point):
    """What the integral gains when the breakpoint moves: f before it instead of f after it."""
    start = values(point).item()
    before, after = np.nextafter(start, -np.inf), np.nextafter(start, np.inf)
    if depth_of(point) > 1:
        raise missing_case("an integral", "twice by a breakpoint, points=")
    return (point - start) * (f(float(before)) - f(float(after)))


def boundary(f, a, b, points=()):
    """The part of the integral from a to b that comes of the limits and breakpoints, or None."""
    total = None
    for end, sign in ((b, 1), (a, -1)):
        if varies(end):
            part = sign * strip(f, end)
            total = part if total is None else total + part
    for point in points:
        if varies(point):
            sign = 1 if _value(a) <= _value(b) else -1
            part = sign * jump(f, point)
            total = part if total is None else total + part
    return total


def _value(a):
    return values(a).item() if type(a) is Dual else float(a)
