"""More of scipy.special: Faddeeva and Voigt functions, Student's t, Owen's T, Kolmogorov, ...

Rows as in `special.py`, which takes them into its own.  Formulas are those of the DLMF where no
other source is named.
"""

import numpy as np
import scipy.special as sc

from dualmc.rules.table import select

TWO_OVER_ROOT_PI = 1.1283791670955126
ROOT_HALF = 0.7071067811865476
ROOT_TWO_PI = 2.5066282746310002
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
    z = getattr(z, "primal", z)
    while hasattr(z, "primal"):
        z = z.primal
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


def _density_t(df, t):
    log_scale = sc.gammaln(0.5 * df + 0.5) - sc.gammaln(0.5 * df) - 0.5 * np.log(np.pi * df)
    return np.exp(log_scale - (0.5 * df + 0.5) * np.log1p(t * t / df))


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


def table(refused):
    """Partials by name; `refused` makes the stand-in for those that have no closed form."""
    return {
        "wofz": (lambda z, y: d_faddeeva(z + 0j),),
        "voigt_profile": (_d_voigt_x, _d_voigt_sigma, _d_voigt_gamma),
        "stdtr": (refused("stdtr", "df"), lambda df, t, y: _density_t(df, t)),
        "stdtrit": (refused("stdtrit", "df"), lambda df, p, y: 1.0 / _density_t(df, y)),
        "owens_t": (_d_owens_h, _d_owens_a),
        "hyperu": (
            refused("hyperu", "a"),
            refused("hyperu", "b"),
            lambda a, b, x, y: -a * sc.hyperu(a + 1.0, b + 1.0, x),
        ),
        "kolmogorov": (lambda x, y: _d_kolmogorov(x),),
        "kolmogi": (lambda p, y: 1.0 / _d_kolmogorov(y),),
        "elliprf": (
            lambda x, y, z, v: -sc.elliprd(y, z, x) / 6.0,
            lambda x, y, z, v: -sc.elliprd(x, z, y) / 6.0,
            lambda x, y, z, v: -sc.elliprd(x, y, z) / 6.0,
        ),
        "elliprc": (
            lambda x, y, v: -sc.elliprd(y, y, x) / 6.0,
            lambda x, y, v: -sc.elliprd(x, y, y) / 3.0,
        ),
    }


# --- Python functions of SciPy, by their definitions ---------------------------------------------


def multigammaln(a, d):
    d = int(d)
    total = d * (d - 1) * 0.25 * np.log(np.pi)
    for j in range(d):
        total = total + sc.gammaln(a - 0.5 * j)
    return total


def comb(N, k, *, exact=False, repetition=False):
    if exact:
        raise TypeError("scipy.special.comb(exact=True) needs whole numbers; N or k is a Dual.")
    if repetition:
        return comb(N + k - 1, k)
    is_inside = (k <= N) & (N >= 0) & (k >= 0)
    return np.where(is_inside, sc.binom(N, k), 0.0)


def perm(N, k, exact=False):
    if exact:
        raise TypeError("scipy.special.perm(exact=True) needs whole numbers; N or k is a Dual.")
    is_inside = (k <= N) & (N >= 0) & (k >= 0)
    return np.where(is_inside, sc.poch(N - k + 1, k), 0.0)
