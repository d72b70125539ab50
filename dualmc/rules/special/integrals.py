"""Integrals, hypergeometric and elliptic functions, orthogonal polynomials."""

import numpy as np
import scipy.special as sc

from dualmc.rules.derived import Derived
from dualmc.rules.special.partials import refused
from dualmc.rules.special.series import log_ratio
from dualmc.rules.table import select

# --- Exponential, hypergeometric -----------------------------------------------------------------


def _d_expn(n, x, y):
    n = np.asarray(n)
    first = -np.exp(-x) * (1.0 + 1.0 / x) / x
    return select(n == 0, first, -sc.expn(np.maximum(n - 1, 0), x))


# --- Elliptic ------------------------------------------------------------------------------------


def _d_ellipk(m):
    near = abs(m) < 0.5
    away = select(near, 0.7, m)
    series = np.pi / 8 * sc.hyp2f1(1.5, 1.5, 2.0, select(near, m, 0.0))
    return select(near, series, (sc.ellipe(away) / (1.0 - away) - sc.ellipk(away)) / (2.0 * away))


# E(1 - p), whose derivative needs K(1 - p) at tiny p.
_ELLIPEM1 = Derived(
    lambda p, y: sc.ellipe(1.0 - p), lambda p, y, d: (sc.ellipkm1(p) - d) / (2.0 * (1.0 - p))
)


def _d_ellipkm1(p):
    near = abs(1.0 - p) < 0.5
    away = select(near, 0.3, p)
    series = np.pi / 8 * sc.hyp2f1(1.5, 1.5, 2.0, select(near, 1.0 - p, 0.0))
    closed = (_ELLIPEM1(away, None) / away - sc.ellipkm1(away)) / (2.0 * (1.0 - away))
    return -select(near, series, closed)


def _d_ellipe(m):
    near = abs(m) < 0.5
    away = select(near, 0.7, m)
    series = -np.pi / 8 * sc.hyp2f1(0.5, 1.5, 2.0, select(near, m, 0.0))
    return select(near, series, (sc.ellipe(away) - sc.ellipk(away)) / (2.0 * away))


def _delta(phi, m):
    return np.sqrt(1.0 - m * np.sin(phi) ** 2)


def _d_ellipkinc_m(phi, m, y):
    whole = sc.ellipeinc(phi, m) / (2.0 * m * (1.0 - m)) - y / (2.0 * m)
    return whole - np.sin(2.0 * phi) / (4.0 * (1.0 - m) * _delta(phi, m))


# --- Polynomials ---------------------------------------------------------------------------------


def _below(n):
    return np.maximum(n - 1, 0)


def _whole(n):
    """A degree for functions that take whole numbers alone: a constant may have become a float."""
    return np.asarray(n).astype(np.int64)


def _degree(name):
    return refused(name, "the degree")


def _polynomial(factor, lower):
    """``factor * lower`` for a degree of at least 1, else 0."""

    def partial(*args):
        n = np.asarray(args[0])
        return select(n == 0, 0.0, factor(*args) * lower(_below(n), *args[1:]))

    return partial


# --- The rows ------------------------------------------------------------------------------------

INTEGRALS = {
    "expi": (lambda x, y: np.exp(x) / x,),
    "exp1": (lambda x, y: -np.exp(-x) / x,),
    "expn": (refused("expn", "n"), _d_expn),
    "spence": (lambda x, y: -log_ratio(x),),
    "wrightomega": (
        Derived(lambda x, y: y / (1.0 + y), lambda x, y, d: d / ((1.0 + y) * (1.0 + y))),
    ),
    "hyp0f1": (refused("hyp0f1", "v"), lambda v, x, y: sc.hyp0f1(v + 1.0, x) / v),
    "hyp1f1": (
        refused("hyp1f1", "a"),
        refused("hyp1f1", "b"),
        lambda a, b, x, y: a / b * sc.hyp1f1(a + 1.0, b + 1.0, x),
    ),
    "hyp2f1": (
        refused("hyp2f1", "a"),
        refused("hyp2f1", "b"),
        refused("hyp2f1", "c"),
        lambda a, b, c, x, y: a * b / c * sc.hyp2f1(a + 1.0, b + 1.0, c + 1.0, x),
    ),
    "hyperu": (
        refused("hyperu", "a"),
        refused("hyperu", "b"),
        lambda a, b, x, y: -a * sc.hyperu(a + 1.0, b + 1.0, x),
    ),
    "ellipk": (lambda m, y: _d_ellipk(m),),
    "ellipkm1": (lambda p, y: _d_ellipkm1(p),),
    "ellipe": (lambda m, y: _d_ellipe(m),),
    "ellipkinc": (lambda phi, m, y: 1.0 / _delta(phi, m), _d_ellipkinc_m),
    "ellipeinc": (
        lambda phi, m, y: _delta(phi, m),
        lambda phi, m, y: (y - sc.ellipkinc(phi, m)) / (2.0 * m),
    ),
    "elliprf": (
        lambda x, y, z, v: -sc.elliprd(y, z, x) / 6.0,
        lambda x, y, z, v: -sc.elliprd(x, z, y) / 6.0,
        lambda x, y, z, v: -sc.elliprd(x, y, z) / 6.0,
    ),
    "elliprc": (
        lambda x, y, v: -sc.elliprd(y, y, x) / 6.0,
        lambda x, y, v: -sc.elliprd(x, y, y) / 3.0,
    ),
    "eval_sh_legendre": (
        _degree("eval_sh_legendre"),
        _polynomial(
            lambda n, x, y: n + 1.0, lambda n, x, y: sc.eval_jacobi(n, 1.0, 1.0, 2.0 * x - 1.0)
        ),
    ),
    "eval_sh_chebyt": (
        _degree("eval_sh_chebyt"),
        _polynomial(lambda n, x, y: 2.0 * n, lambda n, x, y: sc.eval_chebyu(n, 2.0 * x - 1.0)),
    ),
    "eval_sh_chebyu": (
        _degree("eval_sh_chebyu"),
        _polynomial(lambda n, x, y: 4.0, lambda n, x, y: sc.eval_gegenbauer(n, 2.0, 2.0 * x - 1.0)),
    ),
    "eval_chebyc": (
        _degree("eval_chebyc"),
        _polynomial(lambda n, x, y: n, lambda n, x, y: sc.eval_chebyu(n, 0.5 * x)),
    ),
    "eval_chebys": (
        _degree("eval_chebys"),
        _polynomial(lambda n, x, y: 1.0, lambda n, x, y: sc.eval_gegenbauer(n, 2.0, 0.5 * x)),
    ),
    "eval_legendre": (
        _degree("eval_legendre"),
        _polynomial(
            lambda n, x, y: 0.5 * (n + 1),
            lambda n, x, y: sc.eval_jacobi(n, 1.0, 1.0, x),
        ),
    ),
    "eval_jacobi": (
        _degree("eval_jacobi"),
        refused("eval_jacobi", "alpha"),
        refused("eval_jacobi", "beta"),
        _polynomial(
            lambda n, a, b, x, y: 0.5 * (n + a + b + 1),
            lambda n, a, b, x, y: sc.eval_jacobi(n, a + 1.0, b + 1.0, x),
        ),
    ),
    "eval_chebyt": (
        _degree("eval_chebyt"),
        _polynomial(lambda n, x, y: n, lambda n, x, y: sc.eval_chebyu(n, x)),
    ),
    "eval_chebyu": (
        _degree("eval_chebyu"),
        _polynomial(lambda n, x, y: 2.0, lambda n, x, y: sc.eval_gegenbauer(n, 2.0, x)),
    ),
    "eval_gegenbauer": (
        _degree("eval_gegenbauer"),
        refused("eval_gegenbauer", "alpha"),
        _polynomial(
            lambda n, a, x, y: 2.0 * a,
            lambda n, a, x, y: sc.eval_gegenbauer(n, a + 1.0, x),
        ),
    ),
    "eval_hermite": (
        _degree("eval_hermite"),
        _polynomial(lambda n, x, y: 2.0 * n, lambda n, x, y: sc.eval_hermite(_whole(n), x)),
    ),
    "eval_hermitenorm": (
        _degree("eval_hermitenorm"),
        _polynomial(lambda n, x, y: n, lambda n, x, y: sc.eval_hermitenorm(_whole(n), x)),
    ),
    "eval_laguerre": (
        _degree("eval_laguerre"),
        _polynomial(lambda n, x, y: -1.0, lambda n, x, y: sc.eval_genlaguerre(n, 1.0, x)),
    ),
    "eval_genlaguerre": (
        _degree("eval_genlaguerre"),
        refused("eval_genlaguerre", "alpha"),
        _polynomial(
            lambda n, a, x, y: -1.0,
            lambda n, a, x, y: sc.eval_genlaguerre(n, a + 1.0, x),
        ),
    ),
}
