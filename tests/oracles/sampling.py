"""Regions of floating-point arguments, each ``(rng, count) -> (array, ...)``, for `cases.py`."""

import math

import numpy as np

# Normal numbers whose reciprocal is normal too.
TINY = 1e-300
HUGE = 1e300


def spread(low, high):
    """Positive, uniform in the logarithm."""
    return lambda rng, n: np.exp(rng.uniform(math.log(low), math.log(high), n)).clip(low, high)


def signed(low, high):
    """Both signs, uniform in the logarithm."""
    return lambda rng, n: spread(low, high)(rng, n) * rng.choice([-1.0, 1.0], n)


def uniform(low, high):
    return lambda rng, n: rng.uniform(low, high, n)


def near(point, low, high, sides=(-1.0, 1.0)):
    """`point` plus or minus offsets from `low` to `high`, uniform in their logarithm."""
    return lambda rng, n: point + spread(low, high)(rng, n) * rng.choice(sides, n)


def multiples(step, low, high):
    """Whole multiples of `step`, as close as floats come, from `low` to `high` of them."""
    return lambda rng, n: step * np.rint(signed(low, high)(rng, n))


def one(sampler):
    """A region of one argument."""
    return lambda rng, n: (sampler(rng, n),)


def pair(a, b):
    """A region of two independent arguments."""
    return lambda rng, n: (a(rng, n), b(rng, n))


def linked(a, relation):
    """A region whose second argument is ``relation(rng, first)``."""

    def region(rng, n):
        first = a(rng, n)
        return first, np.asarray(relation(rng, first), float)

    return region


def shifted(shift):
    """b = a + a number drawn from `shift`."""
    return lambda rng, a: a + shift(rng, a.size)


def scaled(ratio):
    """b = a * a number drawn from `ratio`, kept inside the normal range."""

    def relation(rng, a):
        with np.errstate(over="ignore"):
            b = a * ratio(rng, a.size)
        return np.sign(b) * np.abs(b).clip(TINY, HUGE)

    return relation


def exponent(logarithm):
    """b such that log(|a|**b) is drawn from `logarithm`."""

    def relation(rng, a):
        with np.errstate(all="ignore"):
            b = logarithm(rng, a.size) / np.log(np.abs(a))
        return np.where(np.isfinite(b), b, 3.0)

    return relation


def whole(relation):
    """The same relation, b rounded to an integer."""
    return lambda rng, a: np.rint(relation(rng, a))


WIDE = one(signed(TINY, HUGE))
POSITIVE = one(spread(TINY, HUGE))
WIDE_PAIR = pair(signed(TINY, HUGE), signed(TINY, HUGE))
MODERATE_PAIR = pair(signed(1e-3, 1e3), signed(1e-3, 1e3))
CLOSE_PAIR = linked(signed(TINY, HUGE), scaled(near(1.0, 1e-15, 0.5)))
RATIO_PAIR = linked(signed(1e-150, 1e150), scaled(signed(1e-20, 1e20)))
ANGLES = [
    WIDE,
    one(uniform(-10, 10)),
    one(multiples(math.pi / 2, 1, 1e6)),
    one(multiples(math.pi / 2, 1e6, 1e18)),
]
