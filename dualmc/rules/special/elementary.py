"""Logistic functions, entropies, power transforms, and functions close to elementary ones."""

import numpy as np
import scipy.special as sc

from dualmc.rules.derived import Derived
from dualmc.rules.higher import first_power_partial
from dualmc.rules.special.gamma import zero
from dualmc.rules.special.series import d_exprel, d_inverse_box, exprel_derivative
from dualmc.rules.table import LN2, select

LN10 = 2.302585092994046
DEGREE = 0.017453292519943295


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


def _d_pseudo_huber(d, r):
    u = (r / d) ** 2
    s = np.sqrt(1.0 + u)
    return d * u * u / (s * (1.0 + s) ** 2)


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
