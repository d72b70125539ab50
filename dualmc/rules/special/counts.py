"""What scipy.stats alone calls: binomial and negative binomial counts, the cosine distribution.

Counts are whole numbers: SciPy takes their whole part, and nothing depends on them smoothly.
"""

import numpy as np
import scipy.special as sc

from dualmc.rules.special.cumulative import density
from dualmc.rules.special.partials import refused
from dualmc.rules.table import select


def _count(name):
    return refused(name, "a count")


def _binomial(name, sign):
    """``sign`` times the chance of at most k: ``I_(1-p)(n - k, k + 1)``."""

    def by_chance(k, n, p, y):
        k = np.floor(k)
        return -sign * density(k + 1.0, n - k, p, 1.0 - p)

    return _count(name), _count(name), by_chance


def _scaled_exp1_slope(x, y):
    """Of ``x exp(x) E1(x)``; far out its asymptotic series, DLMF 6.12.1, term by term."""
    is_far = x > 40.0
    near, far = select(is_far, 1.0, x), select(is_far, x, 100.0)
    series, term = 0.0 * far, 1.0 / far
    for k in range(1, 30):
        term = term * (-k / far)
        series = series - k * term
    return select(is_far, series, select(is_far, 1.0, y) * (1.0 + 1.0 / near) - 1.0)


COUNTS = {
    "_binom_pmf": (
        _count("_binom_pmf"),
        _count("_binom_pmf"),
        lambda k, n, p, y: y * (k / p - (n - k) / (1.0 - p)),
    ),
    "_binom_cdf": _binomial("_binom_cdf", 1.0),
    "_binom_sf": _binomial("_binom_sf", -1.0),
    "_nbinom_pmf": (
        _count("_nbinom_pmf"),
        lambda k, n, p, y: y * (sc.psi(k + n) - sc.psi(n) + np.log(p)),
        lambda k, n, p, y: y * (n / p - k / (1.0 - p)),
    ),
    "_nbinom_cdf": (
        _count("_nbinom_cdf"),
        refused("_nbinom_cdf", "n"),
        lambda k, n, p, y: density(n, np.floor(k) + 1.0, p, 1.0 - p),
    ),
    "_nbinom_sf": (
        _count("_nbinom_sf"),
        refused("_nbinom_sf", "n"),
        lambda k, n, p, y: -density(n, np.floor(k) + 1.0, p, 1.0 - p),
    ),
    "_nbinom_mean": (lambda n, p, y: (1.0 - p) / p, lambda n, p, y: -n / (p * p)),
    "_nbinom_variance": (
        lambda n, p, y: (1.0 - p) / (p * p),
        lambda n, p, y: n * (p - 2.0) / (p * p * p),
    ),
    "_nbinom_skewness": (
        lambda n, p, y: -0.5 * y / n,
        lambda n, p, y: 0.5 * y / (1.0 - p) - 1.0 / np.sqrt(n * (1.0 - p)),
    ),
    "_nbinom_kurtosis_excess": (
        lambda n, p, y: -y / n,
        lambda n, p, y: p * (2.0 - p) / (n * (1.0 - p) ** 2),
    ),
    "_cosine_cdf": (lambda x, y: select(np.abs(x) < np.pi, (1.0 + np.cos(x)) / (2 * np.pi), 0.0),),
    "_cosine_invcdf": (lambda p, x: 2.0 * np.pi / (1.0 + np.cos(x)),),
    "_scaled_exp1": (_scaled_exp1_slope,),
}
