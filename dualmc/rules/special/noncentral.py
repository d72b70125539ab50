"""Noncentral, skewed and other distributions: what scipy.special and scipy.stats call of them."""

import numpy as np
import scipy.special as sc

from dualmc.rules.special.partials import ROOT_TWO_PI, refused
from dualmc.rules.table import select


def _density_ncx2(x, df, nc):
    """Of the noncentral chi-square distribution, by the scaled Bessel function."""
    v = 0.5 * df - 1.0
    is_central = nc == 0
    c = select(is_central, 1.0, nc)
    root = np.sqrt(x) - np.sqrt(c)
    far = 0.5 * np.exp(-0.5 * root * root + 0.5 * v * np.log(x / c)) * sc.ive(v, np.sqrt(c * x))
    log_central = sc.xlogy(v, x) - 0.5 * x - sc.gammaln(0.5 * df) - 0.5 * df * np.log(2.0)
    return select(is_central, np.exp(log_central), far)


def _ncx2_by_nc(x, df, nc):
    return -_density_ncx2(x, df + 2.0, nc)


def _private(name):
    return getattr(sc._ufuncs, name)


# --- Skewed normal -------------------------------------------------------------------------------


def _skew_slope(z, a):
    """The density, and the derivative of the distribution by the shape."""
    density = 2.0 * np.exp(-0.5 * z * z) / ROOT_TWO_PI * sc.ndtr(a * z)
    by_shape = -np.exp(-0.5 * z * z * (1.0 + a * a)) / (np.pi * (1.0 + a * a))
    return density, by_shape


def _skew_inverse(sign):
    def by_shape(p, loc, scale, a, x):
        density, slope = _skew_slope((x - loc) / scale, a)
        return -scale * slope / density

    return (
        lambda p, loc, scale, a, x: sign * scale / _skew_slope((x - loc) / scale, a)[0],
        lambda p, loc, scale, a, x: 1.0,
        lambda p, loc, scale, a, x: (x - loc) / scale,
        by_shape,
    )


# --- Inverse Gaussian ----------------------------------------------------------------------------


def _invgauss(x, mu, lam):
    """The density, and the derivatives of the distribution by mu and lambda."""
    root = np.sqrt(lam / x)
    z1, z2 = root * (x / mu - 1.0), -root * (x / mu + 1.0)
    phi = np.exp(-0.5 * z1 * z1) / ROOT_TWO_PI
    tail = np.exp(2.0 * lam / mu + sc.log_ndtr(z2))
    by_mu = -2.0 * lam / (mu * mu) * tail
    return phi * root / x, by_mu, phi * (z1 + z2) / (2.0 * lam) + 2.0 / mu * tail


def _invgauss_inverse(sign):
    return (
        lambda p, mu, lam, x: sign / _invgauss(x, mu, lam)[0],
        lambda p, mu, lam, x: -_invgauss(x, mu, lam)[1] / _invgauss(x, mu, lam)[0],
        lambda p, mu, lam, x: -_invgauss(x, mu, lam)[2] / _invgauss(x, mu, lam)[0],
    )


def _cauchy(sign):
    def u(y, loc, scale):
        return (y - loc) / scale

    return (
        lambda p, loc, scale, y: sign * np.pi * scale * (1.0 + u(y, loc, scale) ** 2),
        lambda p, loc, scale, y: 1.0,
        lambda p, loc, scale, y: u(y, loc, scale),
    )


def _gauss_slope(q):
    """Of ``ndtri`` at ndtr(q)."""
    return ROOT_TWO_PI * np.exp(0.5 * q * q)


_DF = "the degrees of freedom"
_NC = "the noncentrality"
NONCENTRAL = {
    "chndtr": (
        lambda x, df, nc, y: _density_ncx2(x, df, nc),
        refused("chndtr", _DF),
        lambda x, df, nc, y: _ncx2_by_nc(x, df, nc),
    ),
    "chndtrix": (
        lambda p, df, nc, x: 1.0 / _density_ncx2(x, df, nc),
        refused("chndtrix", _DF),
        lambda p, df, nc, x: -_ncx2_by_nc(x, df, nc) / _density_ncx2(x, df, nc),
    ),
    "chndtrinc": (
        lambda x, df, p, nc: -_density_ncx2(x, df, nc) / _ncx2_by_nc(x, df, nc),
        refused("chndtrinc", _DF),
        lambda x, df, p, nc: 1.0 / _ncx2_by_nc(x, df, nc),
    ),
    "_ncx2_pdf": (
        lambda x, df, nc, y: 0.5 * (_density_ncx2(x, df - 2.0, nc) - y),
        refused("_ncx2_pdf", _DF),
        lambda x, df, nc, y: 0.5 * (_density_ncx2(x, df + 2.0, nc) - y),
    ),
    "_ncx2_sf": (
        lambda x, df, nc, y: -_density_ncx2(x, df, nc),
        refused("_ncx2_sf", _DF),
        lambda x, df, nc, y: -_ncx2_by_nc(x, df, nc),
    ),
    "_ncx2_isf": (
        lambda p, df, nc, x: -1.0 / _density_ncx2(x, df, nc),
        refused("_ncx2_isf", _DF),
        lambda p, df, nc, x: -_ncx2_by_nc(x, df, nc) / _density_ncx2(x, df, nc),
    ),
    "nctdtr": (
        refused("nctdtr", _DF),
        refused("nctdtr", _NC),
        lambda df, nc, t, y: _private("_nct_pdf")(t, df, nc),
    ),
    "nctdtrit": (
        refused("nctdtrit", _DF),
        refused("nctdtrit", _NC),
        lambda df, nc, p, t: 1.0 / _private("_nct_pdf")(t, df, nc),
    ),
    "_nct_sf": (
        lambda t, df, nc, y: -_private("_nct_pdf")(t, df, nc),
        refused("_nct_sf", _DF),
        refused("_nct_sf", _NC),
    ),
    "ncfdtr": (
        refused("ncfdtr", _DF),
        refused("ncfdtr", _DF),
        refused("ncfdtr", _NC),
        lambda m, n, nc, x, y: _private("_ncf_pdf")(x, m, n, nc),
    ),
    "ncfdtri": (
        refused("ncfdtri", _DF),
        refused("ncfdtri", _DF),
        refused("ncfdtri", _NC),
        lambda m, n, nc, p, x: 1.0 / _private("_ncf_pdf")(x, m, n, nc),
    ),
    "_ncf_sf": (
        lambda x, m, n, nc, y: -_private("_ncf_pdf")(x, m, n, nc),
        refused("_ncf_sf", _DF),
        refused("_ncf_sf", _DF),
        refused("_ncf_sf", _NC),
    ),
    "_skewnorm_cdf": (
        lambda x, loc, scale, a, y: _skew_slope((x - loc) / scale, a)[0] / scale,
        lambda x, loc, scale, a, y: -_skew_slope((x - loc) / scale, a)[0] / scale,
        lambda x, loc, scale, a, y: (
            -_skew_slope((x - loc) / scale, a)[0] * (x - loc) / (scale * scale)
        ),
        lambda x, loc, scale, a, y: _skew_slope((x - loc) / scale, a)[1],
    ),
    "_skewnorm_ppf": _skew_inverse(1.0),
    "_skewnorm_isf": _skew_inverse(-1.0),
    "_invgauss_ppf": _invgauss_inverse(1.0),
    "_invgauss_isf": _invgauss_inverse(-1.0),
    "_cauchy_ppf": _cauchy(1.0),
    "_cauchy_isf": _cauchy(-1.0),
    "_log1mexp": (lambda x, y: -1.0 / np.expm1(-x),),
    "nrdtrimn": (
        lambda p, std, x, y: -std * _gauss_slope((x - y) / std),
        lambda p, std, x, y: -(x - y) / std,
        lambda p, std, x, y: 1.0,
    ),
    "nrdtrisd": (
        lambda mn, p, x, y: -y / (x - mn),
        lambda mn, p, x, y: -y * y / (x - mn) * _gauss_slope((x - mn) / y),
        lambda mn, p, x, y: y / (x - mn),
    ),
    "smirnov": (refused("smirnov", "n"), lambda n, d, y: _private("_smirnovp")(n, d)),
    "smirnovi": (refused("smirnovi", "n"), lambda n, p, y: 1.0 / _private("_smirnovp")(n, y)),
    "_smirnovc": (refused("smirnov", "n"), lambda n, d, y: -_private("_smirnovp")(n, d)),
    "tklmbda": (
        lambda x, lam, p: 1.0 / (np.power(p, lam - 1.0) + np.power(1.0 - p, lam - 1.0)),
        refused("tklmbda", "lmbda"),
    ),
}
