"""Smooth functions that partial derivatives of scipy.special need near the points of cancellation.

Each takes a series where the closed form would subtract nearly equal numbers.  Written in `np.*`,
so that they are differentiated again under nesting: every branch is the function itself around the
points where it is taken.
"""

import math

import numpy as np
import scipy.special as sc

from dualmc.rules import select

TWO_OVER_ROOT_PI = 1.1283791670955126
ONE_OVER_ROOT_PI = 0.5641895835477563
# Beyond this x the asymptotic series of erfcx and of Dawson's integral have 16 digits.
FAR = 8.0


def polynomial(coefficients, x):
    """Horner's rule, the lowest coefficient first."""
    total = coefficients[-1]
    for c in coefficients[-2::-1]:
        total = total * x + c
    return total


def _double_factorials(sign):
    """``(2n + 1)!! / 2**n`` with alternating or equal signs."""
    terms, value = [], 1.0
    for n in range(20):
        terms.append(value * sign**n)
        value *= (2 * n + 3) / 2.0
    return terms


_ALTERNATING, _EQUAL = _double_factorials(-1.0), _double_factorials(1.0)


def d_erfcx(x):
    """``2 x erfcx(x) - 2 / sqrt(pi)``; for large x minus the series of DLMF 7.12.1, termwise."""
    is_far = x > FAR
    near = select(is_far, 0.0, x)
    inverse = 1.0 / select(is_far, x, FAR) ** 2
    far = -ONE_OVER_ROOT_PI * inverse * polynomial(_ALTERNATING, inverse)
    return select(is_far, far, 2.0 * near * sc.erfcx(near) - TWO_OVER_ROOT_PI)


def d_dawson(x):
    """``1 - 2 x F(x)``; for large x by the asymptotic series of F, termwise."""
    is_far = abs(x) > FAR
    near = select(is_far, 0.0, x)
    inverse = 1.0 / select(is_far, x, FAR) ** 2
    far = -0.5 * inverse * polynomial(_EQUAL, inverse)
    return select(is_far, far, 1.0 - 2.0 * near * sc.dawsn(near))


_EXPREL = [(n + 1.0) / math.factorial(n + 2) for n in range(24)]


def d_exprel(x):
    """The derivative of ``(exp(x) - 1) / x``, ``sum (n + 1) x^n / (n + 2)!``."""
    is_near = abs(x) < 1.5
    near, away = select(is_near, x, 0.0), select(is_near, 2.0, x)
    # Of exp(x) (x - 1) + 1 the exponential alone may overflow; it does so where the whole does.
    closed = (np.exp(away) - sc.exprel(away)) / away
    return select(is_near, polynomial(_EXPREL, near), closed)


_INVERSE_BOX = [(-1.0) ** (k + 1) * (1.0 - 1.0 / k) for k in range(2, 24)]


def d_inverse_box(u):
    """``(u / (1 + u) - log1p(u)) / u**2``."""
    is_near = abs(u) < 0.15
    near, away = select(is_near, u, 0.0), select(is_near, 1.0, u)
    closed = (away / (1.0 + away) - np.log1p(away)) / (away * away)
    return select(is_near, polynomial(_INVERSE_BOX, near), closed)


_LOG1P = [(-1.0) ** k / (k + 1.0) for k in range(22)]


def log1p_ratio(u):
    """``log1p(u) / u``."""
    is_near = abs(u) < 0.15
    near, away = select(is_near, u, 0.0), select(is_near, 1.0, u)
    return select(is_near, polynomial(_LOG1P, near), np.log1p(away) / away)


def sinhc(x):
    """``sinh(x) / x``."""
    return 0.5 * (sc.exprel(x) + sc.exprel(-x))
