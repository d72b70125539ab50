"""Products of a cotangent with a partial in few passes, for quick sweeps.

The partials of `rules/table.py` in the order of operations that NumPy is fastest at; they differ
from the rules by rounding alone, and where a result is not finite the rules themselves are asked.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from dualmc.kernels import stamped


class Quick(NamedTuple):
    """A cotangent times a partial in as few passes as NumPy can, for quick sweeps."""

    small: Callable  # (bar, x, y): the product, of small arrays and numbers
    meet: np.ufunc  # of large arrays: how the cotangent meets the factor
    factor: Callable  # (x, y, out): the factor, in `out` or in an array that is kept


def _by_cosh_twice(bar, x, y):
    c = np.cosh(x)  # whose square would overflow; 1 - y * y would cancel
    return bar / c / c


QUICK = {
    np.square: Quick(
        lambda bar, x, y: (bar + bar) * x, np.multiply, lambda x, y, out: np.add(x, x, out)
    ),
    np.sqrt: Quick(lambda bar, x, y: bar / (y + y), np.divide, lambda x, y, out: np.add(y, y, out)),
    np.exp: Quick(lambda bar, x, y: bar * y, np.multiply, lambda x, y, out: y),
    np.log: Quick(lambda bar, x, y: bar / x, np.divide, lambda x, y, out: x),
    np.log1p: Quick(
        lambda bar, x, y: bar / (1.0 + x), np.divide, lambda x, y, out: np.add(x, 1.0, out)
    ),
    np.sin: Quick(lambda bar, x, y: bar * np.cos(x), np.multiply, lambda x, y, out: np.cos(x, out)),
    np.cos: Quick(
        lambda bar, x, y: bar * -np.sin(x),
        np.multiply,
        lambda x, y, out: np.negative(np.sin(x, out), out),
    ),
    np.tanh: Quick(_by_cosh_twice, np.multiply, lambda x, y, out: _by_cosh_twice(1.0, x, y)),
}


# By function of two arguments, whose result is finite: the product, per argument.
QUICK_PAIRS = {
    np.divide: (lambda bar, a, b, y: bar / b, lambda bar, a, b, y: -(bar * (y / b))),
}
# Where no other argument is active; powers where the exponent is a whole number.
QUICK_ALONE = {
    **QUICK_PAIRS,
    np.maximum: (lambda bar, a, b, y: bar * (a > b), lambda bar, a, b, y: bar * (b > a)),
    np.minimum: (lambda bar, a, b, y: bar * (a < b), lambda bar, a, b, y: bar * (b < a)),
    np.power: (lambda bar, a, b, y: bar * (a ** (b - 1) * b),),  # b - 1 is exact
}
_EXACT = 2**53


def quick_pair(function, primals, argnums):
    """The products, per argument, of a function whose result is finite; None: not quickly."""
    if len(argnums) != 1:
        return QUICK_PAIRS.get(function)
    if function is np.power:
        b = primals[1]
        if argnums[0] or type(b) is not int and type(b) is not float or b % 1 or abs(b) > _EXACT:
            return None
    return QUICK_ALONE.get(function)


class Unary:
    """What the pullback of a function of one float64 array needs: its kernel, partial and name."""

    __slots__ = ("function", "kernel", "partial", "quick", "small")

    def __init__(self, function, partial):
        self.function = function
        self.kernel = stamped.push_one(function, partial)
        self.partial = partial
        self.quick = QUICK.get(function)
        self.small = None if self.quick is None else self.quick.small
