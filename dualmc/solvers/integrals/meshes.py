"""Points and weights for an integrand that is recorded, whose derivatives come with the sweep.

They are the integrand's own: intervals are halved where the rule of Gauss and Kronrod with 21
points is worst, until it is right to rounding if it can be, and then all of them until the two
rules agree on the derivatives too, which a sweep over the integral alone tells.
"""

import heapq
import math
import warnings

import numpy as np
import scipy.integrate

from dualmc.cotangents.sweep import Sweep
from dualmc.duals.dual import Dual
from dualmc.kernels.payload import values
from dualmc.tangents import tape

# Intervals that are tried for the value, and the relative error that ends it.
LIMIT = 200
GOAL = 1e-14
# Where Gauss and Kronrod agree on the derivatives to this, Kronrod's error is below 1e-9.
AGREED = 5e-9
# Intervals beyond which no more are halved.
MOST = 500
# Gauss and Kronrod's rule with 21 points (QUADPACK's dqk21), by its points >= 0, from the outside.
_POINTS = np.array([
    0.995657163025808080735527280689003, 0.973906528517171720077964012084452,
    0.930157491355708226001207180059508, 0.865063366688984510732096688423493,
    0.780817726586416897063717578345042, 0.679409568299024406234327365114874,
    0.562757134668604683339000099272694, 0.433395394129247190799265943165784,
    0.294392862701460198131126603103866, 0.148874338981631210884826001129720, 0.0,
])  # fmt: skip
_KRONROD = np.array([
    0.011694638867371874278064396062192, 0.032558162307964727478818972459390,
    0.054755896574351996031381300244580, 0.075039674810919952767043140916190,
    0.093125454583697605535065465083366, 0.109387158802297641899210590325805,
    0.123491976262065851077958109585166, 0.134709217311473325928054001771707,
    0.142775938577060080797094273138717, 0.147739104901338491374841515972068,
    0.149445554002916905664936468389821,
])  # fmt: skip
_GAUSS = np.array([
    0.066671344308688137593568809893332, 0.149451349150580593145863396957658,
    0.219086362515982043995534934228163, 0.269266719309996355091226921569469,
    0.295524224714752870173815619188769,
])  # fmt: skip
POINTS = np.concatenate([-_POINTS[:-1], _POINTS[::-1]])
KRONROD = np.concatenate([_KRONROD[:-1], _KRONROD[::-1]])
GAUSS = np.zeros(21)
GAUSS[1:10:2], GAUSS[19:10:-2] = _GAUSS, _GAUSS


class Mapped:
    """Points in s as points in x, of finite limits or by QUADPACK's map of infinite ones."""

    def __init__(self, a, b):
        self.sign = 1.0 if a <= b else -1.0
        self.low, self.high = min(a, b), max(a, b)

    def pieces(self, points=()):
        """Where s runs, and how it leads to x: (s0, s1, x(s), dx/ds)."""
        low, high = self.low, self.high
        if np.isinf(low) and np.isinf(high):
            return [_to_infinity(0.0, 1.0), _to_infinity(0.0, -1.0)]
        if np.isinf(high):
            return [_to_infinity(low, 1.0)]
        if np.isinf(low):
            return [_to_infinity(high, -1.0)]
        inside = sorted(p for p in points if low < p < high)
        ends = [low, *inside, high]
        plain = (lambda s: s, lambda s: 1.0)
        return [(s, t, *plain) for s, t in zip(ends, ends[1:], strict=False)]


def _to_infinity(start, sign):
    """``x = start + sign (1 - s) / s`` for s from 0 to 1."""
    return 0.0, 1.0, lambda s: start + sign * (1.0 - s) / s, lambda s: 1.0 / (s * s)


def _rule(s, t, to_x, slope):
    middle, half = 0.5 * (s + t), 0.5 * (t - s)
    nodes = middle + half * POINTS
    return [float(to_x(u)) for u in nodes], half * np.array([slope(u) for u in nodes])


def _measured(value_at, piece):
    """The rule's sum and its error, of plain values that may be arrays."""
    points, scale = _rule(*piece)
    found = np.stack([np.asarray(value_at(x)) for x in points])
    kronrod = np.tensordot(KRONROD * scale, found, 1)
    return kronrod, float(np.max(np.abs(kronrod - np.tensordot(GAUSS * scale, found, 1))))


def pieces_of(value_at, a, b, points=()):
    """The intervals for the integral from a to b of a function with plain values, and its sign."""
    mapped = Mapped(a, b)
    queue, total, order = [], 0.0, 0

    def put(piece):
        nonlocal total, order
        found, error = _measured(value_at, piece)
        total = total + found
        order += 1
        heapq.heappush(queue, (-error, order, found, piece))

    for piece in mapped.pieces(points):
        put(piece)
    while len(queue) < LIMIT:
        error = -sum(item[0] for item in queue)
        if not error > GOAL * np.max(np.abs(total)):
            break
        _, _, found, piece = heapq.heappop(queue)
        total = total - found
        for half in _halves(piece):
            put(half)
    return halved([item[3] for item in queue]), mapped.sign


def halved(found):
    return [half for piece in found for half in _halves(piece)]


def _halves(piece):
    s, t, to_x, slope = piece
    middle = 0.5 * (s + t)
    return (s, middle, to_x, slope), (middle, t, to_x, slope)


def weighted(f, found, sign):
    """The sums of f, which may be recorded, over intervals, by Kronrod's weights and by Gauss'."""
    rules = [_rule(*piece) for piece in found]
    nodes = [x for points, _ in rules for x in points]
    scale = sign * np.concatenate([scale for _, scale in rules])
    at_nodes = np.stack([f(x) for x in nodes])
    return [
        np.tensordot(scale * np.tile(weights, len(rules)), at_nodes, 1)
        for weights in (KRONROD, GAUSS)
    ]


# --- The derivatives of what is recorded ---------------------------------------------------------


def integral(f, value_at, a, b, points=()):
    """The integral of a recorded f, on intervals halved until its derivatives agree too."""
    since = tape.next_serial()
    f = _once(f)
    found, sign = pieces_of(value_at, a, b, points)
    while True:
        y, by_gauss = weighted(f, found, sign)
        slopes = _slopes(y, since)
        error = np.max(np.abs(slopes - _slopes(by_gauss, since)), initial=0.0)
        if error <= AGREED * np.max(np.abs(slopes), initial=0.0):
            return y
        if len(found) > MOST:
            warnings.warn(
                "The derivative of an integral may be inaccurate in reverse mode. Call "
                "dualmc.jacobian_fwd, where QUADPACK integrates it.",
                scipy.integrate.IntegrationWarning,
                stacklevel=2,
            )
            return y
        found = halved(found)


def _once(f):
    known = {}

    def remembered(x):
        if x not in known:
            known[x] = f(x)
        return known[x]

    return remembered


def _slopes(y, since):
    """The derivatives of all that is recorded in `y` by what was recorded before, a vector."""
    found = [np.zeros(0)]
    for part in _recorded_in(y):
        found += _swept(part.own_tangent(), since)
    return np.concatenate(found)


def _recorded_in(y):
    """The Duals in `y`, of every level, that are on a tape."""
    if type(y) is not Dual:
        return []
    t = y.own_tangent()
    inner = _recorded_in(y.primal)
    if t is None:
        return inner
    return [y, *inner] if t.is_recorded else [*_recorded_in(t.to_dense().dense()), *inner]


def _swept(output, since):
    """A sweep from `output` down to the steps before the serial `since`."""
    seen, stack = {None, output}, [output]
    while stack:
        node = stack.pop()
        for parent in node.parents if node.serial >= since else ():
            if parent not in seen:
                seen.add(parent)
                stack.append(parent)
    order = sorted(seen - {None}, key=lambda node: node.serial, reverse=True)
    for place, node in enumerate(order):
        node.place = place
    swept = Sweep(order, (), True)
    swept.add(output, np.linspace(1.0, 2.0, math.prod(output.shape)).reshape(output.shape), False)
    found = []
    for node in order:
        bar, owned = swept.take(node)
        if node.serial < since or node.pull is None:
            bar = np.zeros(node.shape) if bar is None else values(bar)
            found.append(np.abs(np.ravel(bar)) if bar.dtype.kind == "c" else np.ravel(bar))
        elif bar is not None:
            node.pull(node, bar, owned, swept)
    return found
