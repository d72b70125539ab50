"""Second and third derivatives of element-wise functions, in every nesting, against mpmath.

The oracle takes central differences of a closed form at hundreds of digits.  The allowance is a
relative error, and what the inputs' own rounding (half a unit in their last places) makes of the
derivative: `Exact.moved`, computed, not guessed.
"""

import itertools
import math
from typing import NamedTuple

import numpy as np
from mpmath import mp, mpc
from ulps import arguments

import dualmc as dm

EPS = 2.0**-52
# Piecewise linear in their first argument and rounding in between: second derivatives are 0.
STEPPED = {np.fmod, np.remainder}
# Where the gap is large the oracle needs hundreds of digits.
LOG_SUMS = {np.logaddexp, np.logaddexp2}
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


# --- Cases ----------------------------------------------------------------------------------------


def usable(case, count, seed):
    """Arguments of a case at which all its higher derivatives are numbers."""
    columns = arguments(case.function, count, seed)
    keep = np.ones(len(columns[0]), bool)
    if case.function in (np.power, np.float_power):  # the log of a negative base is no number
        keep &= columns[0] > 0
    if case.function in LOG_SUMS:
        keep &= np.abs(columns[0] - columns[1]) < 60
    return tuple(column[keep] for column in columns)


def exact_rows(case, columns, sequence):
    """The exact derivative of every row; None at poles, met by rounding, and off the real line."""
    i = sequence[0]
    orders = [sequence.count(j) - (i == j) for j in range(len(case.derivatives))]
    rows = []
    for row in zip(*columns, strict=True):
        try:
            if case.function in STEPPED:
                known = Exact(mp.mpf(0), mp.mpf(0))
            else:
                known = exact(case.derivatives[i], [float(x) for x in row], orders)
        except (ZeroDivisionError, ValueError):
            known = None
        is_number = known is not None and not isinstance(known.value, mpc)
        rows.append(known if is_number and abs(known.value) < mp.mpf(10) ** 307 else None)
    return rows


def errors(case, columns, sequence, mode, known):
    """The error of every row by one nesting of calls, with the arguments."""
    with np.errstate(all="ignore"):
        got = nested(case.function, columns, sequence, mode)
    got = np.broadcast_to(got, columns[0].shape)
    for k, row in enumerate(known):
        if row is not None:
            yield error(float(got[k]), row), tuple(float(column[k]) for column in columns)


def worst(case, sequence, mode, count, seed):
    """The largest error over a domain, and where it is."""
    columns = usable(case, count, seed)
    known = exact_rows(case, columns, list(sequence))
    found = max(errors(case, columns, sequence, mode, known), default=(0.0, ()))
    return found[0], ", ".join(f"{x:.17g}" for x in found[1]) if found[0] else ""
