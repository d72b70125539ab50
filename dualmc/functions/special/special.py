"""Derivatives of scipy.special: rows for `rules.RULES`, loaded when a Dual meets such a function.

A partial keeps its digits in the tails: scaled functions (erfcx, ive) stand for quotients that
over- or underflow, and differences of nearly equal outputs are avoided.  Formulas are those of the
Digital Library of Mathematical Functions (DLMF), https://dlmf.nist.gov, where no other is named.
"""

import numpy as np
import scipy.special as sc

from dualmc.duals.dual import Dual
from dualmc.duals.operands import as_operand, has_dual, level_of
from dualmc.errors import missing_case, missing_rule
from dualmc.functions.axes import kept_shape, negative_axes
from dualmc.functions.matrices.differentials import held, quiet
from dualmc.functions.results import with_primal
from dualmc.functions.special import special_rare, spherical
from dualmc.functions.special.special_series import (
    MILLS,
    d_dawson,
    d_exprel,
    d_inverse_box,
    erfcx_derivative,
    exprel_derivative,
    is_scaled_far,
    log_ratio,
    scaled_slope,
    sinhc_derivative,
)
from dualmc.kernels.payload import values
from dualmc.rules.derived import Derived
from dualmc.rules.higher import first_power_partial
from dualmc.rules.registry import UFUNCS, Entry
from dualmc.rules.table import LN2, Rule, select
from dualmc.steps.elementwise import push

TWO_OVER_ROOT_PI = 1.1283791670955126
HALF_ROOT_PI = 0.886226925452758
ROOT_TWO_PI = 2.5066282746310002
ROOT_HALF_PI = 1.2533141373155003
LN10 = 2.302585092994046
DEGREE = 0.017453292519943295


class refused:
    """In place of a partial that does not exist here: the argument must be a constant."""

    def __init__(self, name, what):
        self.error = f"scipy.special.{name}", f"with respect to {what}"

    def __call__(self, *args):
        raise missing_case(*self.error)


def rule_of(partials):
    """The rule of `partials`, which refuses at once where one that is needed is `refused`."""

    def check(function, active, y):
        for i in active:
            if type(partials[i]) is refused:
                partials[i]()

    has_refusal = any(type(p) is refused for p in partials)
    return Rule(partials, kernel=False, check=check if has_refusal else None)


def zero(*args):
    return 0.0


# --- Gamma and beta ------------------------------------------------------------------------------


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
    "psi": (lambda x, y: polygamma(1, x),),
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

# --- Error functions and the normal distribution -------------------------------------------------


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

# --- Logistic, entropies, power transforms -------------------------------------------------------


def _quotient(x, y):
    """``x / y``, and 0 for 0/0."""
    return select(x == 0, 0.0, x / select(x == 0, 1.0, y))


# x/y as a function of both: at x = 0 it has the derivative 1/y by x, although it is set to 0 there.
_D_XLOGY_Y = Derived(
    lambda x, y, z: _quotient(x, y),
    lambda x, y, z, d: 1.0 / y,
    lambda x, y, z, d: -_quotient(d, y),
)
_D_XLOG1PY_Y = Derived(
    lambda x, y, z: _quotient(x, 1.0 + y),
    lambda x, y, z, d: 1.0 / (1.0 + y),
    lambda x, y, z, d: -_quotient(d, 1.0 + y),
)


def _log_ratio(x, y):
    """``log(x / y)``, to all digits where the two are close."""
    near = abs(x - y) < 0.5 * y
    close = np.log1p((x - y) / select(near, y, 1.0) * select(near, 1.0, 0.0))
    return select(near, close, np.log(select(near, 1.0, x) / select(near, 1.0, y)))


_LOG_RATIO = Derived(
    lambda x, y, z: _log_ratio(x, y),
    lambda x, y, z, d: 1.0 / x,
    lambda x, y, z, d: -1.0 / y,
)


def _d_boxcox_lambda(x, lam, y):
    log = np.log(x)
    return log * log * d_exprel(lam * log)


def _d_boxcox1p_lambda(x, lam, y):
    log = np.log1p(x)
    return log * log * d_exprel(lam * log)


# s (1 - s), whose derivative is s (1 - s) (1 - 2 s), and 1 - 2 s = -tanh(x/2).
_D_EXPIT = Derived(lambda x, y: sc.expit(x) * sc.expit(-x), lambda x, y, d: -d * np.tanh(0.5 * x))

LOGISTIC = {
    "expit": (_D_EXPIT,),
    "logit": (lambda x, y: 1.0 / (x * (1.0 - x)),),
    "log_expit": (Derived(lambda x, y: sc.expit(-x), lambda x, y, d: -_D_EXPIT(x, y)),),
    "softplus": (Derived(lambda x, y: sc.expit(x), lambda x, y, d: _D_EXPIT(x, y)),),
    "xlogy": (lambda x, y, z: np.log(y), _D_XLOGY_Y),
    "xlog1py": (lambda x, y, z: np.log1p(y), _D_XLOG1PY_Y),
    "entr": (lambda x, y: -np.log(x) - 1.0,),
    "rel_entr": (lambda x, y, z: _LOG_RATIO(x, y, z) + 1.0, lambda x, y, z: -x / y),
    "kl_div": (
        _LOG_RATIO,
        Derived(
            lambda x, y, z: (y - x) / y,
            lambda x, y, z, d: -1.0 / y,
            lambda x, y, z, d: (x / y) / y,
        ),
    ),
    "huber": (
        lambda d, r, y: select(abs(r) <= d, 0.0, abs(r) - d),
        lambda d, r, y: select(abs(r) <= d, r, d * np.sign(r)),
    ),
    "pseudo_huber": (
        lambda d, r, y: _d_pseudo_huber(d, r),
        lambda d, r, y: r / np.sqrt(1.0 + (r / d) ** 2),
    ),
    "boxcox": (lambda x, lam, y: np.power(x, lam - 1.0), _d_boxcox_lambda),
    "boxcox1p": (lambda x, lam, y: np.power(1.0 + x, lam - 1.0), _d_boxcox1p_lambda),
    "inv_boxcox": (
        lambda y, lam, x: x / (1.0 + lam * y),
        lambda y, lam, x: x * y * y * d_inverse_box(lam * y),
    ),
    "inv_boxcox1p": (
        lambda y, lam, x: (x + 1.0) / (1.0 + lam * y),
        lambda y, lam, x: (x + 1.0) * y * y * d_inverse_box(lam * y),
    ),
}


def _d_pseudo_huber(d, r):
    u = (r / d) ** 2
    s = np.sqrt(1.0 + u)
    return d * u * u / (s * (1.0 + s) ** 2)


ELEMENTARY = {
    "expm1": (lambda x, y: np.exp(x),),
    "log1p": (lambda x, y: 1.0 / (1.0 + x),),
    "cosm1": (lambda x, y: -np.sin(x),),
    "cbrt": (Derived(lambda x, y: 1.0 / (3.0 * y * y), lambda x, y, d: -2.0 / 3.0 * (d / x)),),
    "exp2": (lambda x, y: LN2 * y,),
    "exp10": (lambda x, y: LN10 * y,),
    "exprel": (exprel_derivative(1),),
    "powm1": (
        first_power_partial(lambda x, p, y: p * np.power(x, p - 1.0), 1),
        first_power_partial(lambda x, p, y: np.log(x) * (y + 1.0), 0),
    ),
    "sindg": (lambda x, y: DEGREE * sc.cosdg(x),),
    "cosdg": (lambda x, y: -DEGREE * sc.sindg(x),),
    "tandg": (lambda x, y: DEGREE * (1.0 + y * y),),
    "cotdg": (lambda x, y: -DEGREE * (1.0 + y * y),),
    "radian": (DEGREE, DEGREE / 60.0, DEGREE / 3600.0),
    "round": (zero,),
}

# --- Bessel functions ----------------------------------------------------------------------------


def _order(name):
    return refused(name, "the order")


def _kve(v, x, y):
    far = is_scaled_far(v, x) & (x > 0)
    series = scaled_slope(v, select(far, x, 1e3), 1.0, ROOT_HALF_PI)
    near = select(far, 1.0, x)
    y = select(far, 0.0, y)
    return select(far, series, y - 0.5 * (sc.kve(v - 1.0, near) + sc.kve(v + 1.0, near)))


def _ive(v, x, y):
    far = is_scaled_far(v, x)
    sign = np.sign(values(x))
    # Even or odd, as the order is: so is the slope of x to that of |x|.
    turn = select(sign < 0, -np.cos(np.pi * np.asarray(v, float)), 1.0)
    series = turn * scaled_slope(v, sign * select(far, x, 1e3 * sign), -1.0, 1.0 / ROOT_TWO_PI)
    near = select(far, 1.0, x)
    y = select(far, 0.0, y)
    plain = 0.5 * (sc.ive(v - 1.0, near) + sc.ive(v + 1.0, near)) - sign * y
    return select(far, series, plain)


BESSEL = {  # jn is jv
    "jv": (_order("jv"), lambda v, x, y: 0.5 * (sc.jv(v - 1.0, x) - sc.jv(v + 1.0, x))),
    "jve": (_order("jve"), lambda v, x, y: 0.5 * (sc.jve(v - 1.0, x) - sc.jve(v + 1.0, x))),
    "yv": (_order("yv"), lambda v, x, y: 0.5 * (sc.yv(v - 1.0, x) - sc.yv(v + 1.0, x))),
    "yn": (_order("yn"), lambda v, x, y: 0.5 * (sc.yv(v - 1.0, x) - sc.yv(v + 1.0, x))),
    "yve": (_order("yve"), lambda v, x, y: 0.5 * (sc.yve(v - 1.0, x) - sc.yve(v + 1.0, x))),
    "iv": (_order("iv"), lambda v, x, y: 0.5 * (sc.iv(v - 1.0, x) + sc.iv(v + 1.0, x))),
    "ive": (_order("ive"), _ive),
    "kv": (_order("kv"), lambda v, x, y: -0.5 * (sc.kv(v - 1.0, x) + sc.kv(v + 1.0, x))),
    "kn": (_order("kn"), lambda v, x, y: -0.5 * (sc.kv(v - 1.0, x) + sc.kv(v + 1.0, x))),
    "kve": (_order("kve"), _kve),
    "j0": (lambda x, y: -sc.j1(x),),
    "j1": (lambda x, y: 0.5 * (sc.j0(x) - sc.jv(2, x)),),
    "y0": (lambda x, y: -sc.y1(x),),
    "y1": (lambda x, y: 0.5 * (sc.y0(x) - sc.yv(2, x)),),
    "i0": (lambda x, y: sc.i1(x),),
    "i0e": (lambda x, y: _ive(0.0, x, y),),
    "i1": (lambda x, y: 0.5 * (sc.i0(x) + sc.iv(2, x)),),
    "i1e": (lambda x, y: _ive(1.0, x, y),),
    "k0": (lambda x, y: -sc.k1(x),),
    "k0e": (lambda x, y: _kve(0.0, x, y),),
    "k1": (lambda x, y: -0.5 * (sc.k0(x) + sc.kv(2, x)),),
    "k1e": (lambda x, y: _kve(1.0, x, y),),
}

# --- Integrals, hypergeometric and elliptic functions, polynomials -------------------------------


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


def _below(n):
    return np.maximum(n - 1, 0)


def _degree(name):
    return refused(name, "the degree")


def _polynomial(factor, lower):
    """``factor * lower`` for a degree of at least 1, else 0."""

    def partial(*args):
        n = np.asarray(args[0])
        return select(n == 0, 0.0, factor(*args) * lower(_below(n), *args[1:]))

    return partial


def _d_expn(n, x, y):
    n = np.asarray(n)
    first = -np.exp(-x) * (1.0 + 1.0 / x) / x
    return select(n == 0, first, -sc.expn(np.maximum(n - 1, 0), x))


FUNCTIONS = {
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
    "ellipk": (lambda m, y: _d_ellipk(m),),
    "ellipkm1": (lambda p, y: _d_ellipkm1(p),),
    "ellipe": (lambda m, y: _d_ellipe(m),),
    "ellipkinc": (lambda phi, m, y: 1.0 / _delta(phi, m), _d_ellipkinc_m),
    "ellipeinc": (
        lambda phi, m, y: _delta(phi, m),
        lambda phi, m, y: (y - sc.ellipkinc(phi, m)) / (2.0 * m),
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
        _polynomial(lambda n, x, y: 2.0 * n, lambda n, x, y: sc.eval_hermite(n, x)),
    ),
    "eval_hermitenorm": (
        _degree("eval_hermitenorm"),
        _polynomial(lambda n, x, y: n, lambda n, x, y: sc.eval_hermitenorm(n, x)),
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
TABLE = {**GAMMA, **ERROR, **LOGISTIC, **ELEMENTARY, **BESSEL, **FUNCTIONS}
ROWS = {
    getattr(sc, name): rule_of(partials)
    for name, partials in (TABLE | special_rare.table(refused)).items()
    if isinstance(getattr(sc, name, None), np.ufunc)
}


# --- Ufuncs with two outputs ---------------------------------------------------------------------


def _pair(name, first, second):
    ufunc = getattr(sc, name)

    def part(i):
        return lambda x: ufunc(x)[i]

    def handler(x):
        return (
            push(Rule((first,), kernel=False), part(0), (x,)),
            push(Rule((second,), kernel=False), part(1), (x,)),
        )

    UFUNCS[ufunc] = Entry("element-wise", handler)


_pair("sici", lambda x, y: np.sinc(x / np.pi), lambda x, y: np.cos(x) / x)
_pair("shichi", sinhc_derivative(0), lambda x, y: np.cosh(x) / x)
_pair(
    "fresnel",
    lambda x, y: np.sin(0.5 * np.pi * x * x),
    lambda x, y: np.cos(0.5 * np.pi * x * x),
)

# --- Python functions ----------------------------------------------------------------------------

HANDLERS: dict = {}


def handles(name):
    """Decorator: the function below stands for this function of scipy.special on Duals."""
    original = getattr(sc, name)

    def register(formula):
        def standin(*args, **kwargs):
            if not has_dual(args) and not has_dual(tuple(kwargs.values())):
                return original(*args, **kwargs)
            return formula(*args, **kwargs)

        standin.__name__ = name
        HANDLERS[f"scipy.special.{name}"] = standin
        return standin

    return register


for _name in ("multigammaln", "comb", "perm"):
    handles(_name)(getattr(special_rare, _name))


@handles("polygamma")
def polygamma(n, x):
    rule = rule_of((refused("polygamma", "n"), lambda n, x, y: polygamma(n + 1, x)))
    return push(rule, polygamma, (n, x))


@handles("zeta")
def zeta(x, q=None, out=None):
    if q is None:
        raise missing_case("scipy.special.zeta", "with respect to x")
    rule = rule_of((refused("zeta", "x"), lambda x, q, y: -x * zeta(x + 1.0, q)))
    return push(rule, zeta, (x, q))


@handles("lambertw")
def lambertw(z, k=0, tol=1e-8):
    """``w' = exp(-w) / (1 + w)``; complex, as SciPy's result is, with a zero imaginary part."""
    rule = Rule(
        (lambda z, y: np.exp(-y) / (1.0 + y),),
        complex_partials=(lambda z, y: np.exp(-y) / (1.0 + y),),
        kernel=False,
    )
    return push(rule, lambda z: lambertw(z, k, tol), (as_operand(z).astype(complex),))


def _handle_spherical(name):
    function = spherical.FUNCTIONS[name]

    @handles(name)
    def standin(n, z, derivative=False):
        """By DLMF 10.51, the derivative and its derivatives too."""
        if has_dual((n,)):
            raise missing_case(f"scipy.special.{name}", "with respect to n")
        y = (function.slope if derivative else function)(n, z)
        own = function.original(n, values(z), bool(derivative))  # what SciPy itself returns
        return with_primal(own, y) if type(y.primal) is not Dual else y


for _name in spherical.FUNCTIONS:
    _handle_spherical(_name)


@handles("logsumexp")
def logsumexp(a, axis=None, b=None, keepdims=False, return_sign=False):
    """``dy = sum(w da + exp(a - y) db)`` with w = b exp(a - y), 0 at masked entries (-inf)."""
    a = as_operand(a)
    b = None if b is None else as_operand(b)
    level = level_of(a, b)
    p, q = held(a, level), None if b is None else held(b, level)
    found = logsumexp(p, axis, q, True, return_sign)
    y, sign = found if return_sign else (found, None)
    total = _shares(a, b, p, q, y, sign, level, axis)
    shape = kept_shape(np.broadcast_shapes(np.shape(p), np.shape(q)) if b is not None else p.shape,
                       negative_axes(axis, np.ndim(y)), keepdims)  # fmt: skip
    y_dual = np.reshape(with_primal(y, total), shape)
    return (y_dual, np.reshape(sign, shape)[()]) if return_sign else y_dual


@quiet
def _shares(a, b, p, q, y, sign, level, axis):
    share = np.exp(p - y)
    share = share if sign is None else share * sign
    total = None
    if type(a) is Dual and a.level is level:
        total = np.sum((share if q is None else share * q) * a, axis=axis, keepdims=True)
    if type(b) is Dual and b.level is level:
        part = np.sum(share * b, axis=axis, keepdims=True)
        total = part if total is None else total + part
    return total


@handles("softmax")
def softmax(x, axis=None):
    """``ds = s (dx - sum(s dx))``."""
    x = as_operand(x)
    s = held(softmax(held(x, x.level), axis), x.level)
    return with_primal(s, _centred(x, s, axis) * s)


@handles("log_softmax")
def log_softmax(x, axis=None):
    x = as_operand(x)
    y = log_softmax(held(x, x.level), axis)
    return with_primal(y, _centred(x, np.exp(held(y, x.level)), axis))


@quiet
def _centred(x, s, axis):
    return x - np.sum(s * x, axis=axis, keepdims=True)


def _refuse_the_rest():
    """Public Python functions that have no rule refuse Duals by name."""
    for name in sc.__all__:
        original = getattr(sc, name, None)
        if f"scipy.special.{name}" in HANDLERS or isinstance(original, (np.ufunc, type)):
            continue
        if not callable(original) or original is np.sinc:
            continue

        def formula(*args, name=name, **kwargs):
            raise missing_rule(f"scipy.special.{name}")

        handles(name)(formula)


_refuse_the_rest()
