"""Second and third derivatives of element-wise functions, in every nesting, against mpmath.

The oracle takes central differences of a closed form at hundreds of digits.  The allowance is a
relative error, and what the inputs' own rounding (half a unit in their last places) makes of the
derivative: `Exact.moved`, computed, not guessed.
"""

import itertools
import math
from typing import NamedTuple

import numpy as np
from mpmath import mp

import dualmc as dm

EPS = 2.0**-52
INF = math.inf


class Exact(NamedTuple):
    """A derivative, and how far it moves where the arguments move by EPS relative to themselves."""

    value: object
    moved: object


# --- Nested calls ---------------------------------------------------------------------------------


def by_forward(f, x):
    return dm.jvp(f, x, np.ones_like(dm_values(x)))[1]


def by_reverse(f, x):
    return dm.vjp(f, x)[1](np.ones_like(dm_values(x)))


def dm_values(x):
    while hasattr(x, "primal"):
        x = x.primal
    return np.asarray(x)


MODES = {"f": by_forward, "r": by_reverse}


def nested(function, columns, sequence, modes):
    """The mixed derivative by the arguments of `sequence`, innermost first, of each element."""
    if not sequence:
        return function(*columns)
    *rest, i = sequence
    *inner, mode = modes

    def f(t):
        return nested(function, (*columns[:i], t, *columns[i + 1 :]), rest, inner)

    return MODES[mode](f, columns[i])


def all_modes(order):
    return ["".join(m) for m in itertools.product("fr", repeat=order)]


def sequences(argnums, order):
    return list(itertools.product(argnums, repeat=order))


# --- Exact ----------------------------------------------------------------------------------------


def _difference(f, xs, orders, steps):
    """Central differences of `f`, one order per argument."""
    total = mp.mpf(0)
    ranges = [range(k + 1) for k in orders]
    for picks in itertools.product(*ranges):
        at, weight = [], 1
        for x, k, j, h in zip(xs, orders, picks, steps, strict=True):
            at.append(x + (mp.mpf(k) / 2 - j) * h if k else x)
            weight *= (-1) ** j * math.comb(k, j)
        total += weight * f(*at)
    for k, h in zip(orders, steps, strict=True):
        total /= h**k
    return total


def exact(f, xs, orders, scale=None):
    """The derivative of `f` at the floats `xs`; `orders` further times by each argument.

    The digits are doubled until two results agree: how many a difference takes away is not known.
    """
    spans = [min(1.0, abs(x)) if x else 1.0 for x in xs] if scale is None else scale
    before, digits = None, 120
    while True:
        with mp.workdps(digits):
            found = _derivative(f, xs, orders, spans)
            if before is not None and digits > 400:
                near = abs(found.value - before.value) <= abs(found.value) * mp.mpf(10) ** -18
                if near and (found.value != 0 or digits > 3000) or digits > 8000:
                    return found
        before, digits = found, 2 * digits


def _derivative(f, xs, orders, spans):
    steps = [mp.mpf(s) * mp.mpf(10) ** -20 for s in spans]
    at = [mp.mpf(x) for x in xs]
    value = _difference(f, at, orders, steps)
    moved = mp.mpf(0)
    for i, x in enumerate(at):
        shifted = [*at[:i], x * (1 + mp.mpf(EPS)), *at[i + 1 :]]
        try:
            moved += abs(_difference(f, shifted, orders, steps) - value)
        except (ZeroDivisionError, ValueError):
            moved = mp.inf
    return Exact(value, moved)


def error(got, known, size=0.0):
    """The relative error of `got` beyond what the inputs' rounding explains.

    `size` is an absolute magnitude that may stand for the derivative's own.
    """
    value = known.value
    limits = np.finfo(float)
    if not math.isfinite(got):
        too_large = abs(value) > limits.max * (1 - 1e-12)
        return 0.0 if too_large and not math.isnan(got) and got * value > 0 else INF
    with mp.workdps(40):
        off = abs(mp.mpf(got) - value) - 2 * known.moved
        if off <= 0:
            return 0.0
        reference = max(abs(value), mp.mpf(size))
        if reference < limits.tiny:
            return 0.0 if abs(got) <= limits.tiny else INF
        return float(off / reference)
