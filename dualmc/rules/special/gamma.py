"""Gamma and beta functions."""

import numpy as np
import scipy.special as sc

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
    "beta": (
        lambda a, b, y: y * (sc.psi(a) - sc.psi(a + b)),
        lambda a, b, y: y * (sc.psi(b) - sc.psi(a + b)),
    ),
    "betaln": (
        lambda a, b, y: sc.psi(a) - sc.psi(a + b),
        lambda a, b, y: sc.psi(b) - sc.psi(a + b),
    ),
    "binom": (
        lambda n, k, y: y * (sc.psi(n + 1.0) - sc.psi(n - k + 1.0)),
        lambda n, k, y: y * (sc.psi(n - k + 1.0) - sc.psi(k + 1.0)),
    ),
}
