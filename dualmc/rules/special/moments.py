"""Derivatives of the incomplete gamma and beta functions by their shapes, as moments.

With f the density of the gamma distribution and L = log t - psi(a), the moments

    M_n(a, x) = integral of L^n f from 0 to x

begin with M_0 = P(a, x), and go on by their derivatives,

    dM_n/da = M_(n+1) - n psi'(a) M_(n-1),    dM_n/dx = f(x) L(x)^n,

so that every order of derivative of P is one of them; likewise for the beta distribution with
A = log t - psi(a) + psi(a+b) and B = log(1-t) - psi(b) + psi(a+b).  From the end where the
integrand has one sign they are integrals over a half-line, by the double exponential formula for
integrands that decay exponentially, ``s = exp(u - exp(-u))`` (Takahasi and Mori, 1974).
"""

from functools import cache

import numpy as np
import scipy.special as sc

from dualmc.rules.derived import Derived
from dualmc.rules.special.partials import values

_STEP = 0.09
_U = np.arange(-3.7, 11.5, _STEP)
NODES = np.exp(_U - np.exp(-_U))
WEIGHTS = _STEP * NODES * (1.0 + np.exp(-_U))
LEGENDRE = np.polynomial.legendre.leggauss(44)
# x below which the lower end of the upper integral is a scale of its own.
SMALL = 0.5
# Elements that are integrated at once.
BLOCK = 2048


def blocked(function):
    """`function` of arrays of plain numbers, broadcast, by blocks of flat vectors."""

    def applied(*args):
        args = np.broadcast_arrays(*(np.asarray(values(a), np.float64) for a in args))
        shape = args[0].shape
        flat = [np.ravel(a) for a in args]
        out = np.empty(flat[0].size)
        with np.errstate(all="ignore"):
            for i in range(0, out.size, BLOCK):
                out[i : i + BLOCK] = function(*(a[i : i + BLOCK] for a in flat))
        return out.reshape(shape)[()]

    return applied


def half_line(integrand, scale):
    """The integrals of ``integrand(s)`` over s > 0, which decays in `scale`, one per element."""
    s = NODES[:, None] * scale
    return np.sum(WEIGHTS[:, None] * integrand(s), axis=0) * scale


@cache
def polygamma(n):
    """The n-th derivative of psi, as a `Derived` function of (x, anything)."""
    return Derived(lambda x, y=None: sc.polygamma(n, x), lambda x, y, d: polygamma(n + 1)(x, y))


def trigamma(x):
    return polygamma(1)(x, None)


# --- Gamma ---------------------------------------------------------------------------------------


def log_density(a, x):
    """``log(x^a exp(-x) / gamma(a))``, to all digits where a is large and x near it."""
    far = a * np.log(x) - x - sc.gammaln(a)
    d = (x - a) / a
    near = (a > 20.0) & (abs(d) < 0.4)
    big = np.where(near, a, 30.0)
    d = np.where(near, d, 0.0)
    # Stirling's series, DLMF 5.11.1.
    i = 1.0 / (big * big)
    tail = (1 / 12 - i * (1 / 360 - i * (1 / 1260 - i * (1 / 1680 - i / 1188)))) / big
    whole = big * log1pmx(d) + 0.5 * np.log(big / (2.0 * np.pi)) - tail
    return np.where(near, whole, far)


def log1pmx(d):
    """``log(1 + d) - d`` for |d| < 0.5, by the series in ``d / (2 + d)``."""
    r = d / (2.0 + d)
    square = r * r
    total = 0.0
    for k in range(18, 0, -1):
        total = (total + 1.0 / (2 * k + 1)) * square
    return r * (2.0 * total - d)


@blocked
def _gamma_lower(n, a, x):
    """From 0, by ``t = x exp(-s)``."""
    mean, rate = sc.psi(a), a - x
    scale = 1.0 / (np.maximum(rate, 0.0) + np.sqrt(np.minimum(x, a)) * 0.5 + 0.5 * np.minimum(a, 1))
    level = np.log(x) - mean

    def integrand(s):
        return (level - s) ** n * np.exp(-a * s - x * np.expm1(-s))

    return half_line(integrand, scale) * np.exp(log_density(a, x))


@blocked
def _gamma_upper(n, a, x):
    """To infinity, by ``t = x + s``."""
    mean = sc.psi(a)
    rate = np.clip(1.0 - (a - 1.0) / x, 0.0, 1.0)
    scale = 1.0 / (rate + 0.5 * np.sqrt(np.maximum(a - 1.0, 0.0)) / x)

    def integrand(s):
        r = np.log1p(s / x)
        return (np.log(x) + r - mean) ** n * np.exp((a - 1.0) * r - s)

    return half_line(integrand, np.minimum(scale, 1e3)) * np.exp(log_density(a, x)) / x


@blocked
def _gamma_tiny(n, a, x):
    """To infinity where x is small, by ``t = x exp(s)``: a plateau of s, and its end."""
    mean, end = sc.psi(a), -np.log(x)
    first = np.maximum(end - 6.0, 0.0)

    def integrand(s):
        return (s - end - mean) ** n * np.exp(a * (s - end) - np.exp(s - end))

    total = 0.0
    for start, stop in ((0.0 * first, first), (first, end + 3.8)):
        half = 0.5 * (stop - start)
        total = total + half * np.sum(
            LEGENDRE[1][:, None] * integrand(start + half * (1.0 + LEGENDRE[0][:, None])), axis=0
        )
    return total * sc.rgamma(a)


@cache
def _gamma_whole(n):
    """The moments of the whole distribution, central ones of log t."""
    if n == 1:
        return lambda a: 0.0 * a
    if n in (2, 3):
        return lambda a: sc.polygamma(n - 1, a)
    return lambda a: sc.polygamma(3, a) + 3.0 * sc.polygamma(1, a) ** 2


def _gamma_value(n, a, x):
    a, x = np.broadcast_arrays(values(a), values(x))
    with np.errstate(all="ignore"):
        is_low = np.log(x) < sc.psi(a)
    inside = (a > 0) & (x > 0) & np.isfinite(x)
    low = np.where(inside & is_low, x, 0.5 * np.where(a > 0, a, 1.0))
    high = np.where(inside & ~is_low, x, np.where(a > 0, a, 1.0) + 1.0)
    shape = np.where(inside, a, 1.0)
    below, above = _gamma_lower(n, shape, low), _gamma_upper(n, shape, np.maximum(high, SMALL))
    above = np.where(high < SMALL, _gamma_tiny(n, shape, np.minimum(high, SMALL)), above)
    found = np.where(is_low, below, _gamma_whole(n)(shape) - above)
    return np.where(inside, found, np.where((x == 0) | (x == np.inf) & (n == 1), 0.0, np.nan))[()]


@cache
def gamma_moment(n):
    """M_n as a function of (a, x, y), differentiated by the moments beside it."""
    if n == 0:
        return Derived(
            lambda a, x, y=None: sc.gammainc(a, x),
            lambda a, x, y, m: gamma_moment(1)(a, x, y),
            lambda a, x, y, m: gamma_density(a, x),
        )

    def by_shape(a, x, y, m):
        return gamma_moment(n + 1)(a, x, y) - n * trigamma(a) * gamma_moment(n - 1)(a, x, y)

    return Derived(
        lambda a, x, y=None: _gamma_value(n, a, x),
        by_shape,
        lambda a, x, y, m: gamma_density(a, x) * (np.log(x) - sc.psi(a)) ** n,
    )


def gamma_density(a, x):
    return np.exp(sc.xlogy(a - 1.0, x) - x - sc.gammaln(a))
