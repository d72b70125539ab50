"""Smooth functions that partial derivatives of scipy.special need near the points of cancellation.

Each takes a series where the closed form would subtract nearly equal numbers.  Written in `np.*`,
so that they are differentiated again under nesting: every branch is the function itself around the
points where it is taken.
"""

import math
from functools import cache

import numpy as np
import scipy.special as sc

from dualmc.rules.derived import Derived
from dualmc.rules.special.partials import ROOT_HALF, TWO_OVER_ROOT_PI
from dualmc.rules.table import select

ROOT_TWO_OVER_PI = 0.7978845608028654


def polynomial(coefficients, x):
    """Horner's rule, the lowest coefficient first."""
    total = coefficients[-1]
    for c in coefficients[-2::-1]:
        total = total * x + c
    return total


# --- Error functions -----------------------------------------------------------------------------

# Beyond this x the asymptotic series of Dawson's integral has 16 digits.
FAR = 6.5


def _double_factorials():
    """``(2n + 1)!! / 2**n``."""
    terms, value = [], 1.0
    for n in range(36):
        terms.append(value)
        value *= (2 * n + 3) / 2.0
    return terms


_EQUAL = _double_factorials()
# The repeated integrals w_n of the complementary error function, times exp(x**2): the derivatives
# of erfcx are (-2)^n n! w_n (DLMF 7.18), and of w_n = 2 x w_(n+1) + 2 (n + 2) w_(n+2) the ratios
# w_n / w_(n-1) are stable downwards.  For x below this the recurrence upwards loses little.
RATIOS_FROM = 1.5


def _ratios(x, count):
    """``w_n / w_(n-1)`` for n = 1 .. count, where x >= `RATIOS_FROM`."""
    last = 90
    ratio = 1.0 / (x + np.sqrt(x * x + 2.0 * last))
    found = []
    for n in range(last - 1, 0, -1):
        ratio = 0.5 / (x + (n + 1) * ratio)
        found.append(ratio)
    return found[::-1][:count]


@cache
def erfcx_derivative(k):
    """The k-th derivative of `erfcx`, as a `Derived` function of (x, erfcx(x))."""
    return Derived(
        lambda x, y: _erfcx_derivative(k, x), lambda x, y, d: erfcx_derivative(k + 1)(x, y)
    )


def _erfcx_derivative(k, x):
    is_far = x > RATIOS_FROM
    near, away = select(is_far, 0.0, x), select(is_far, x, RATIOS_FROM)
    before, upwards = sc.erfcx(near), 2.0 * near * sc.erfcx(near) - TWO_OVER_ROOT_PI
    for n in range(1, k):
        before, upwards = upwards, 2.0 * near * upwards + 2.0 * n * before
    far = sc.erfcx(away)
    for n, ratio in enumerate(_ratios(away, k), 1):
        far = -2.0 * n * ratio * far
    return select(is_far, far, upwards)


def mills(x, y=None):
    return ROOT_TWO_OVER_PI / sc.erfcx(-ROOT_HALF * x)


def _mills_parts(x):
    is_far = x < -RATIOS_FROM / ROOT_HALF
    return is_far, select(is_far, 0.0, x), -ROOT_HALF * select(is_far, x, -4.0)


def _d_mills(x, y=None):
    is_far, near, u = _mills_parts(x)
    m = mills(near)
    (r,) = _ratios(u, 1)
    return select(is_far, -mills(x) * r / ROOT_HALF, -m * (m + near))


def _dd_mills(x, y=None):
    is_far, near, u = _mills_parts(x)
    m = mills(near)
    slope = -m * (m + near)
    r, s, t = _ratios(u, 3)
    far = 4.0 * mills(x) * (r * r) * s * (6.0 * t - 4.0 * s)
    return select(is_far, far, -(slope * (m + near) + m * (slope + 1.0)))


D_MILLS = Derived(_d_mills, lambda x, y, d: _dd_mills(x))
MILLS = Derived(mills, lambda x, y, d: D_MILLS(x, y))


def d_dawson(x):
    """``1 - 2 x F(x)``; for large x by the asymptotic series of F, termwise."""
    is_far = abs(x) > FAR
    near = select(is_far, 0.0, x)
    inverse = 1.0 / select(is_far, x, FAR) ** 2
    far = -0.5 * inverse * polynomial(_EQUAL, inverse)
    return select(is_far, far, 1.0 - 2.0 * near * sc.dawsn(near))


# --- Exponentials and logarithms -----------------------------------------------------------------


@cache
def exprel_derivative(k):
    """The k-th derivative of `exprel`, as a `Derived` function of (x, exprel(x))."""
    return Derived(
        lambda x, y: _exprel_derivative(k, x), lambda x, y, d: exprel_derivative(k + 1)(x, y)
    )


def d_exprel(x):
    return exprel_derivative(1)(x, None)


def _exprel_derivative(k, x):
    is_near = abs(x) < k + 0.5
    near, away = select(is_near, x, 0.0), select(is_near, k + 2.0, x)
    series = polynomial(
        [1.0 / (math.factorial(n) * (n + k + 1.0)) for n in range(24 + 5 * k)], near
    )
    closed = sc.exprel(away)
    for n in range(1, k + 1):  # the exponential alone may overflow where the whole does
        closed = (np.exp(away) - n * closed) / away
    return select(is_near, series, closed)


_INVERSE_BOX = [(-1.0) ** (k + 1) * (1.0 - 1.0 / k) for k in range(2, 24)]


def d_inverse_box(u):
    """``(u / (1 + u) - log1p(u)) / u**2``."""
    is_near = abs(u) < 0.15
    near, away = select(is_near, u, 0.0), select(is_near, 1.0, u)
    closed = (away / (1.0 + away) - np.log1p(away)) / (away * away)
    return select(is_near, polynomial(_INVERSE_BOX, near), closed)


_LOG1P = [(-1.0) ** k / (k + 1.0) for k in range(22)]


def log_ratio(x):
    """``log(x) / (x - 1)``."""
    is_near = abs(x - 1.0) < 0.15
    near, away = select(is_near, x - 1.0, 0.0), select(is_near, 2.0, x)
    return select(is_near, polynomial(_LOG1P, near), np.log(away) / (away - 1.0))


@cache
def sinhc_derivative(k):
    """The k-th derivative of ``sinh(x) / x``, as a `Derived` function of (x, the value)."""
    return Derived(
        lambda x, y: _sinhc_derivative(k, x), lambda x, y, d: sinhc_derivative(k + 1)(x, y)
    )


def _sinhc_derivative(k, x):
    if k == 0:
        return 0.5 * (sc.exprel(x) + sc.exprel(-x))
    is_near = abs(x) < k + 0.5
    near, away = select(is_near, x, 0.0), select(is_near, k + 2.0, x)
    first = (k + 1) // 2
    terms = [
        1.0 / (math.factorial(2 * n - k) * (2 * n + 1)) for n in range(first, first + 14 + 2 * k)
    ]
    series = polynomial(terms, near * near) * (near if k % 2 else 1.0)
    up, down = _exprel_derivative(k, away), _exprel_derivative(k, -away)
    return select(is_near, series, 0.5 * (up + (-1.0) ** k * down))


# --- Bessel functions ----------------------------------------------------------------------------

# The scaled modified Bessel functions are x^(-1/2) sum c_n x^(-n) for large x, whose derivative
# does not cancel as that of exp(-x) I(x) does; c_n = a_n(v) for K and (-1)^n a_n(v) for I (10.40).
SCALED_FROM = 18.0


def scaled_slope(v, x, sign, factor):
    """The derivative of the asymptotic series, termwise; x >= `SCALED_FROM` and x >> v^2."""
    v = np.asarray(v, float)
    inverse = 1.0 / x
    term = factor * np.sqrt(inverse) * inverse
    total = -0.5 * term
    for n in range(1, 34):
        ratio = sign * (4.0 * v * v - (2 * n - 1.0) ** 2) / (8.0 * n)
        term = term * ratio * inverse
        total = total - (n + 0.5) * term
    return total


def is_scaled_far(v, x):
    """Where the series above has all digits."""
    return abs(x) > np.maximum(SCALED_FROM, 4.0 * np.asarray(v, float) ** 2)
