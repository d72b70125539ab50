"""The derivative of Hurwitz' zeta function by its exponent, by Euler and Maclaurin's sum.

    zeta(s, q) = sum_{k<N} (k+q)^-s + (N+q)^(1-s) / (s-1) + (N+q)^-s / 2
                 + sum_j B_2j / (2j)! (s)_(2j-1) (N+q)^(1-s-2j)

(DLMF 25.11.7, differentiated term by term).  Written in `np.*`, and differentiated again.
"""

import math

import numpy as np
import scipy.special as sc

from dualmc.rules.special.partials import values
from dualmc.rules.table import select

# How many terms are summed, and how many corrected; the next correction is below 1e-17 for s < 60.
TERMS = 24
_BERNOULLI = [b / math.factorial(2 * j) for j, b in enumerate(sc.bernoulli(30)[::2])][1:]


def zeta_by_exponent(s, q):
    """``d zeta(s, q) / ds`` for s > 0 and q > 0."""
    with np.errstate(all="ignore"):
        total = 0.0
        for k in range(TERMS):
            total = total - np.log(q + k) * np.power(q + k, -s)
        x = q + TERMS
        log, power = np.log(x), np.power(x, -s)
        total = total - power * (x / (s - 1.0) * (log + 1.0 / (s - 1.0)) + 0.5 * log)
        rising, slope = s, 1.0  # (s)_(2j-1) and its derivative
        scale = power / x
        for j, b in enumerate(_BERNOULLI, 1):
            total = total + b * scale * (slope - rising * log)
            for i in (2 * j - 1, 2 * j):
                rising, slope = rising * (s + i), slope * (s + i) + rising
            scale = scale / (x * x)
        return total


def riemann_by_exponent(s):
    """``zeta'(s)``; for s < 0 by the reflection of zeta (DLMF 25.4.1)."""
    is_left = values(s) < 0.0
    right = select(is_left, 2.0, s)
    direct = zeta_by_exponent(right, 1.0)
    if not np.any(is_left):
        return direct
    left = select(is_left, s, -1.0)
    one = 1.0 - left
    z, angle = sc.zeta(one), 0.5 * np.pi * left
    factor = np.exp(left * np.log(2.0 * np.pi) + sc.gammaln(one)) / np.pi
    bracket = (np.log(2.0 * np.pi) - sc.psi(one)) * z - zeta_by_exponent(one, 1.0)
    turned = factor * (0.5 * np.pi * np.cos(angle) * z + np.sin(angle) * bracket)
    return select(is_left, turned, direct)


ZETAS = {
    "zetac": (lambda s, y: riemann_by_exponent(s),),
    "_riemann_zeta": (lambda s, y: riemann_by_exponent(s),),
    "_zeta": (
        lambda s, q, y: zeta_by_exponent(s, q),
        lambda s, q, y: -s * sc._ufuncs._zeta(s + 1.0, q),
    ),
}
