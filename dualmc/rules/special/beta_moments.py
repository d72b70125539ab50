"""Derivatives of the incomplete beta function by its shapes: see `moments.py`."""

from functools import cache

import numpy as np
import scipy.special as sc

from dualmc.errors import missing_case
from dualmc.rules.derived import Derived
from dualmc.rules.special.moments import LEGENDRE, blocked, half_line, trigamma
from dualmc.rules.special.partials import values


def log_beta_density(a, b, x, rest):
    """``log(x^(a-1) (1-x)^(b-1) / B(a, b))`` for rest = 1 - x."""
    return (a - 1.0) * np.log(x) + (b - 1.0) * np.log(rest) - sc.betaln(a, b)


@blocked
def _one_side(m, n, a, b, x, rest):
    """The integral of ``A^m B^n f`` from 0 to x, by ``t = x exp(-s)``; rest = 1 - x."""
    mean = sc.psi(a + b)
    first, second = sc.psi(a) - mean, sc.psi(b) - mean
    rate = a - (b - 1.0) * x / rest
    bend = np.sqrt(abs(b - 1.0) * x) / rest
    scale = 1.0 / (np.maximum(rate, 0.0) + 0.5 * np.minimum(bend, a + 1.0) + 0.5)
    log_x, log_rest = np.log(x), np.log(rest)

    def integrand(s):
        left = rest - x * np.expm1(-s)  # 1 - t
        log_left = np.where(s < 1e-8 * rest, log_rest, np.log(left))
        logs = (log_x - s - first) ** m * (log_left - second) ** n
        return logs * np.exp(-a * s + (b - 1.0) * (log_left - log_rest))

    total = half_line(integrand, scale)
    return total * np.exp(log_beta_density(a, b, x, rest)) * x


@blocked
def _plateau(m, n, a, b, rest, end):
    """The integral of ``A^m B^n f`` where 1 - t runs from `rest` to `end`, by its logarithm."""
    mean = sc.psi(a + b)
    first, second = sc.psi(a) - mean, sc.psi(b) - mean
    log_rest, length = np.log(rest), np.maximum(np.log(end / rest), 0.0)
    middle = np.maximum(length - 6.0, 0.0)

    def integrand(v):
        log_t = np.log1p(-np.exp(log_rest + v))
        logs = (log_t - first) ** m * (log_rest + v - second) ** n
        return logs * np.exp((a - 1.0) * log_t + b * (log_rest + v))

    total = 0.0
    for start, stop in ((0.0 * middle, middle), (middle, length)):
        half = 0.5 * (stop - start)
        points = start + half * (1.0 + LEGENDRE[0][:, None])
        total = total + half * np.sum(LEGENDRE[1][:, None] * integrand(points), axis=0)
    return total * np.exp(-sc.betaln(a, b))


def _from_zero(m, n, a, b, x, rest):
    """The integral from 0 to x; near 1 a small b has a scale of its own."""
    end = np.minimum(0.5, 1.0 / np.maximum(a, 2.0))
    is_near = (rest < end) & (b < 4.0)
    from_x = _one_side(m, n, a, b, np.where(is_near, 1.0 - end, x), np.where(is_near, end, rest))
    return from_x + np.where(is_near, _plateau(m, n, a, b, np.where(is_near, rest, end), end), 0.0)


@cache
def _whole(m, n):
    """The moment of the whole distribution: a central one of log t and log(1 - t)."""
    if m + n == 1:
        return lambda a, b: 0.0 * a
    if m + n > 3:
        raise missing_case("scipy.special.betainc", "more than three times by its shapes")
    k = m + n - 1
    if n == 0:
        return lambda a, b: sc.polygamma(k, a) - sc.polygamma(k, a + b)
    if m == 0:
        return lambda a, b: sc.polygamma(k, b) - sc.polygamma(k, a + b)
    return lambda a, b: -sc.polygamma(k, a + b)


def _value(m, n, a, b, x):
    a, b, x = np.broadcast_arrays(*(np.asarray(values(v), np.float64) for v in (a, b, x)))
    inside = (a > 0) & (b > 0) & (x > 0) & (x < 1)
    a, b, p = (np.where(inside, v, 1.0) for v in (a, b, x))
    p = np.where(inside, x, 0.5)
    mean = sc.psi(a + b)
    # Where the integrand has one sign.
    is_low = np.log(p) < sc.psi(a) - mean if m >= n else np.log1p(-p) > sc.psi(b) - mean
    low, high = np.where(is_low, p, 0.5), np.where(is_low, 0.5, p)
    below = _from_zero(m, n, a, b, low, 1.0 - low)
    above = _from_zero(n, m, b, a, 1.0 - high, high)
    found = np.where(is_low, below, _whole(m, n)(a, b) - above)
    return np.where(inside, found, np.where((x == 0) | (x == 1), 0.0, np.nan))[()]


def beta_density(a, b, x):
    return np.exp(sc.xlogy(a - 1.0, x) + sc.xlog1py(b - 1.0, -x) - sc.betaln(a, b))


@cache
def beta_moment(m, n):
    """The moment as a function of (a, b, x, y), differentiated by the moments beside it."""
    if m == n == 0:
        return Derived(
            lambda a, b, x, y=None: sc.betainc(a, b, x),
            lambda a, b, x, y, v: beta_moment(1, 0)(a, b, x, y),
            lambda a, b, x, y, v: beta_moment(0, 1)(a, b, x, y),
            lambda a, b, x, y, v: beta_density(a, b, x),
        )

    def beside(a, b, x, y, first, second):
        """``-m first M_(m-1,n) - n second M_(m,n-1)``."""
        total = 0.0
        if m:
            total = total - m * first * beta_moment(m - 1, n)(a, b, x, y)
        if n:
            total = total - n * second * beta_moment(m, n - 1)(a, b, x, y)
        return total

    def by_a(a, b, x, y, v):
        both = trigamma(a + b)
        others = beside(a, b, x, y, trigamma(a) - both, -both)
        return beta_moment(m + 1, n)(a, b, x, y) + others

    def by_b(a, b, x, y, v):
        both = trigamma(a + b)
        others = beside(a, b, x, y, -both, trigamma(b) - both)
        return beta_moment(m, n + 1)(a, b, x, y) + others

    def by_x(a, b, x, y, v):
        mean = sc.psi(a + b)
        logs = (np.log(x) - sc.psi(a) + mean) ** m * (np.log1p(-x) - sc.psi(b) + mean) ** n
        return beta_density(a, b, x) * logs

    return Derived(lambda a, b, x, y=None: _value(m, n, a, b, x), by_a, by_b, by_x)
