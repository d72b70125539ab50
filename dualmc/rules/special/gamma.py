"""Gamma and beta functions."""

import numpy as np
import scipy.special as sc

from dualmc.rules.special.partials import refused
from dualmc.rules.table import select


def zero(*args):
    return 0.0


def _d_rgamma(x, y):
    # 1/gamma(x) = gamma(1 - x) sin(pi x) / pi, which is smooth at the poles of gamma.
    left = select(x < 0.5, x, 0.0)
    right = select(x < 0.5, 1.0, x)
    turn, g = np.pi * left, sc.gamma(1.0 - left)
    reflected = g * (np.cos(turn) - np.sin(turn) * sc.psi(1.0 - left) / np.pi)
    return select(x < 0.5, reflected, -sc.psi(right) * sc.rgamma(right))


def _density_gamma(a, x):
    return np.exp(sc.xlogy(a - 1.0, x) - x - sc.gammaln(a))


def _density_beta(a, b, x):
    return np.exp(sc.xlogy(a - 1.0, x) + sc.xlog1py(b - 1.0, -x) - sc.betaln(a, b))


GAMMA = {
    "gamma": (lambda x, y: y * sc.psi(x),),
    "gammaln": (lambda x, y: sc.psi(x),),
    "loggamma": (lambda x, y: sc.psi(x),),
    "rgamma": (_d_rgamma,),
    "gammasgn": (zero,),
    "poch": (
        lambda z, m, y: y * (sc.psi(z + m) - sc.psi(z)),
        lambda z, m, y: y * sc.psi(z + m),
    ),
    "gammainc": (refused("gammainc", "a"), lambda a, x, y: _density_gamma(a, x)),
    "gammaincc": (refused("gammaincc", "a"), lambda a, x, y: -_density_gamma(a, x)),
    "gammaincinv": (refused("gammaincinv", "a"), lambda a, p, y: 1.0 / _density_gamma(a, y)),
    "gammainccinv": (refused("gammainccinv", "a"), lambda a, p, y: -1.0 / _density_gamma(a, y)),
    "beta": (
        lambda a, b, y: y * (sc.psi(a) - sc.psi(a + b)),
        lambda a, b, y: y * (sc.psi(b) - sc.psi(a + b)),
    ),
    "betaln": (
        lambda a, b, y: sc.psi(a) - sc.psi(a + b),
        lambda a, b, y: sc.psi(b) - sc.psi(a + b),
    ),
    "betainc": (
        refused("betainc", "a"),
        refused("betainc", "b"),
        lambda a, b, x, y: _density_beta(a, b, x),
    ),
    "betaincc": (
        refused("betaincc", "a"),
        refused("betaincc", "b"),
        lambda a, b, x, y: -_density_beta(a, b, x),
    ),
    "betaincinv": (
        refused("betaincinv", "a"),
        refused("betaincinv", "b"),
        lambda a, b, p, y: 1.0 / _density_beta(a, b, y),
    ),
    "binom": (
        lambda n, k, y: y * (sc.psi(n + 1.0) - sc.psi(n - k + 1.0)),
        lambda n, k, y: y * (sc.psi(n - k + 1.0) - sc.psi(k + 1.0)),
    ),
}
