"""Error functions and distributions: normal, Voigt's, Owen's T, Kolmogorov's."""

import numpy as np
import scipy.special as sc

from dualmc.rules.special.partials import ROOT_HALF, ROOT_TWO_PI, TWO_OVER_ROOT_PI, values
from dualmc.rules.special.series import MILLS, d_dawson, erfcx_derivative
from dualmc.rules.table import select

HALF_ROOT_PI = 0.886226925452758


def _gauss(x):
    return TWO_OVER_ROOT_PI * np.exp(-x * x)


ERROR = {
    "erf": (lambda x, y: _gauss(x),),
    "erfc": (lambda x, y: -_gauss(x),),
    "erfcx": (erfcx_derivative(1),),
    "erfi": (lambda x, y: TWO_OVER_ROOT_PI * np.exp(x * x),),
    "erfinv": (lambda x, y: HALF_ROOT_PI * np.exp(y * y),),
    "erfcinv": (lambda x, y: -HALF_ROOT_PI * np.exp(y * y),),
    "dawsn": (lambda x, y: d_dawson(x),),
    "ndtr": (lambda x, y: np.exp(-0.5 * x * x) / ROOT_TWO_PI,),
    "log_ndtr": (MILLS,),
    "ndtri": (lambda p, y: ROOT_TWO_PI * np.exp(0.5 * y * y),),
    "ndtri_exp": (lambda p, y: 1.0 / MILLS(y, None),),
}


# --- The Faddeeva function -----------------------------------------------------------------------

# Beyond it the asymptotic series of w holds to rounding.
FAR = 7.0


def _far_sum(z, weight):
    """``sum_k weight(k) (2k - 1)!! / (2 z**2)**k``, DLMF 7.12.1 and its derivatives."""
    step = 0.5 / (z * z)
    total, term = weight(0) + 0.0 * z, 1.0
    for k in range(1, 21):
        term = term * ((2 * k - 1) * step)
        total = total + weight(k) * term
    return total


def _is_far(z):
    z = values(z)
    return (np.absolute(z) > FAR) & (np.imag(z) >= 0)


def d_faddeeva(z):
    """w'(z) = -2 z w + 2i/sqrt(pi), DLMF 7.10.2, without its cancellation far out."""
    far = _is_far(z)
    out = select(far, z, FAR * 1j)
    near = select(far, 1j, z)
    return select(
        far,
        -0.5j * TWO_OVER_ROOT_PI / (out * out) * _far_sum(out, lambda k: 2 * k + 1),
        -2.0 * near * sc.wofz(near) + 1j * TWO_OVER_ROOT_PI,
    )


def d2_faddeeva(z):
    """w'' = -2 w - 2 z w', likewise."""
    far = _is_far(z)
    out = select(far, z, FAR * 1j)
    near = select(far, 1j, z)
    series = _far_sum(out, lambda k: (2 * k + 1) * (2 * k + 2))
    return select(
        far,
        0.5j * TWO_OVER_ROOT_PI / (out * out * out) * series,
        -2.0 * sc.wofz(near) - 2.0 * near * d_faddeeva(near),
    )


def _voigt_point(x, sigma, gamma):
    return (x + 1j * gamma) * (ROOT_HALF / sigma)


def _d_voigt_x(x, sigma, gamma, y):
    slope = np.real(d_faddeeva(_voigt_point(x, sigma, gamma)))
    return ROOT_HALF / ROOT_TWO_PI * slope / (sigma * sigma)


def _d_voigt_sigma(x, sigma, gamma, y):
    # The profile solves the heat equation: dV/dsigma = sigma d2V/dx2.
    curve = np.real(d2_faddeeva(_voigt_point(x, sigma, gamma)))
    return 0.5 / ROOT_TWO_PI * curve / (sigma * sigma)


def _d_voigt_gamma(x, sigma, gamma, y):
    slope = np.imag(d_faddeeva(_voigt_point(x, sigma, gamma)))
    return -ROOT_HALF / ROOT_TWO_PI * slope / (sigma * sigma)


# --- Other distributions -------------------------------------------------------------------------


def _d_owens_h(h, a, y):
    return -0.5 / ROOT_TWO_PI * np.exp(-0.5 * h * h) * sc.erf(ROOT_HALF * a * h)


def _d_owens_a(h, a, y):
    return np.exp(-0.5 * h * h * (1.0 + a * a)) / (2.0 * np.pi * (1.0 + a * a))


def _d_kolmogorov(x):
    """Of 2 sum (-1)^(j-1) exp(-2 j^2 x^2), and near 0 of the same sum by Jacobi's transform."""
    is_small = getattr(x, "primal", x) < 0.9
    small, large = select(is_small, x, 0.9), select(is_small, 0.9, x)
    theta, direct = 0.0 * small, 0.0 * large
    for k in range(1, 8):
        c = (2 * k - 1) ** 2 * np.pi**2 / 8.0
        square = small * small
        theta = theta + np.exp(-c / square) * (2.0 * c / square - 1.0) / square
        sign = 1.0 if k % 2 == 0 else -1.0
        direct = direct + sign * k * k * np.exp(-2.0 * k * k * large * large)
    return select(is_small, -ROOT_TWO_PI * theta, 8.0 * large * direct)


DISTRIBUTIONS = {
    "wofz": (lambda z, y: d_faddeeva(z + 0j),),
    "voigt_profile": (_d_voigt_x, _d_voigt_sigma, _d_voigt_gamma),
    "owens_t": (_d_owens_h, _d_owens_a),
    "kolmogorov": (lambda x, y: _d_kolmogorov(x),),
    "kolmogi": (lambda p, y: 1.0 / _d_kolmogorov(y),),
}
