"""Cumulative distributions and their inverses, by every argument: gamma, beta, t, F, binomial.

All are incomplete gamma or beta functions of their arguments, whose derivatives by the shapes are
in `moments.py` and `beta_moments.py`; those of an inverse follow from F(y, ...) = p.
"""

import numpy as np
import scipy.special as sc

from dualmc.rules.special.beta_moments import beta_moment
from dualmc.rules.special.moments import gamma_density, gamma_moment
from dualmc.rules.special.partials import refused
from dualmc.rules.table import select


def _by_shape(a, x):
    """Of P(a, x) by a."""
    return gamma_moment(1)(a, x, None)


def _inverse_by_shape(a, y):
    """Of the x = y where P(a, x) stays."""
    return -_by_shape(a, y) / gamma_density(a, y)


def _zero(*args):
    return 0.0


GAMMAS = {
    "gammainc": (gamma_moment(1), lambda a, x, y: gamma_density(a, x)),
    "gammaincc": (lambda a, x, y: -_by_shape(a, x), lambda a, x, y: -gamma_density(a, x)),
    "gammaincinv": (
        lambda a, p, y: _inverse_by_shape(a, y),
        lambda a, p, y: 1.0 / gamma_density(a, y),
    ),
    "gammainccinv": (
        lambda a, p, y: _inverse_by_shape(a, y),
        lambda a, p, y: -1.0 / gamma_density(a, y),
    ),
    "chdtr": (
        lambda v, x, y: 0.5 * _by_shape(0.5 * v, 0.5 * x),
        lambda v, x, y: 0.5 * gamma_density(0.5 * v, 0.5 * x),
    ),
    "chdtrc": (
        lambda v, x, y: -0.5 * _by_shape(0.5 * v, 0.5 * x),
        lambda v, x, y: -0.5 * gamma_density(0.5 * v, 0.5 * x),
    ),
    "chdtri": (
        lambda v, p, y: _inverse_by_shape(0.5 * v, 0.5 * y),
        lambda v, p, y: -2.0 / gamma_density(0.5 * v, 0.5 * y),
    ),
    "chdtriv": (
        lambda p, x, v: 2.0 / _by_shape(0.5 * v, 0.5 * x),
        lambda p, x, v: 1.0 / _inverse_by_shape(0.5 * v, 0.5 * x),
    ),
    "gdtr": (
        lambda a, b, x, y: x * gamma_density(b, a * x),
        lambda a, b, x, y: _by_shape(b, a * x),
        lambda a, b, x, y: a * gamma_density(b, a * x),
    ),
    "gdtrc": (
        lambda a, b, x, y: -x * gamma_density(b, a * x),
        lambda a, b, x, y: -_by_shape(b, a * x),
        lambda a, b, x, y: -a * gamma_density(b, a * x),
    ),
    "gdtrix": (
        lambda a, b, p, x: -x / a,
        lambda a, b, p, x: _inverse_by_shape(b, a * x) / a,
        lambda a, b, p, x: 1.0 / (a * gamma_density(b, a * x)),
    ),
    "gdtria": (
        lambda p, b, x, a: 1.0 / (x * gamma_density(b, a * x)),
        lambda p, b, x, a: _inverse_by_shape(b, a * x) / x,
        lambda p, b, x, a: -a / x,
    ),
    "gdtrib": (
        lambda a, p, x, b: x / _inverse_by_shape(b, a * x),
        lambda a, p, x, b: 1.0 / _by_shape(b, a * x),
        lambda a, p, x, b: a / _inverse_by_shape(b, a * x),
    ),
    # Of a count SciPy takes the whole part.
    "pdtr": (_zero, lambda k, m, y: -gamma_density(np.floor(k) + 1.0, m)),
    "pdtrc": (_zero, lambda k, m, y: gamma_density(np.floor(k) + 1.0, m)),
    "pdtri": (_zero, lambda k, p, m: -1.0 / gamma_density(np.floor(k) + 1.0, m)),
    "pdtrik": (
        lambda p, m, k: -1.0 / _by_shape(k + 1.0, m),
        lambda p, m, k: 1.0 / _inverse_by_shape(k + 1.0, m),
    ),
}


# --- Beta ----------------------------------------------------------------------------------------


def density(a, b, x, rest):
    """Of the beta distribution at x = 1 - rest."""
    return np.exp(sc.xlogy(a - 1.0, x) + sc.xlogy(b - 1.0, rest) - sc.betaln(a, b))


def _by_shapes(a, b, x, rest):
    """Of I_x(a, b) by a and by b, from the end that is near."""
    is_low = x <= 0.5
    low, high = select(is_low, x, 0.25), select(is_low, 0.25, rest)
    return tuple(
        select(is_low, beta_moment(*k)(a, b, low, None), -beta_moment(*k[::-1])(b, a, high, None))
        for k in ((1, 0), (0, 1))
    )


def _is_none(slope):
    return type(slope) is int  # 0, not 0.0


class _Beta:
    """A function made of ``I_x(a, b)``, x and both shapes functions of its own arguments.

    ``at(*args)`` gives a, b, x, 1 - x; ``slopes[i](*args)`` gives the derivatives of a, b and x by
    argument i, of which 0 stands for none; `sign` is that of the function.
    """

    def __init__(self, at, *slopes, sign=1.0):
        self.at, self.slopes, self.sign = at, slopes, sign

    def partial(self, i, args):
        a, b, x, rest = self.at(*args)
        by_a, by_b, by_x = self.slopes[i](*args)
        total = 0.0
        if not (_is_none(by_a) and _is_none(by_b)):
            first, second = _by_shapes(a, b, x, rest)
            total = by_a * first + by_b * second
        if not _is_none(by_x):
            total = total + by_x * density(a, b, x, rest)
        return self.sign * total

    def row(self):
        def of(i):
            return lambda *args: self.partial(i, args[:-1])

        return tuple(of(i) for i in range(len(self.slopes)))

    def inverse(self, order):
        """The row of the inverse by one argument: `order` names its own, None where p stands."""
        out = next(i for i in range(len(self.slopes)) if i not in order)

        def of(i):
            def partial(*args):
                given = list(args[:-1])
                full = [None] * len(self.slopes)
                for place, value in zip(order, given, strict=True):
                    if place is not None:
                        full[place] = value
                full[out] = args[-1]
                slope = self.partial(out, full)
                return 1.0 / slope if order[i] is None else -self.partial(order[i], full) / slope

            return partial

        return tuple(of(i) for i in range(len(order)))


def _own(a, b, x):
    return a, b, x, 1.0 - x


def _of_f(m, n, x):
    total = n + m * x
    return 0.5 * m, 0.5 * n, m * x / total, n / total


_F_SLOPES = (
    lambda m, n, x: (0.5, 0, n * x / (n + m * x) ** 2),
    lambda m, n, x: (0, 0.5, -m * x / (n + m * x) ** 2),
    lambda m, n, x: (0, 0, m * n / (n + m * x) ** 2),
)
_UNIT = (lambda *_: (1.0, 0, 0), lambda *_: (0, 1.0, 0), lambda *_: (0, 0, 1.0))
_PLAIN, _REST = _Beta(_own, *_UNIT), _Beta(_own, *_UNIT, sign=-1.0)
_F, _F_REST = _Beta(_of_f, *_F_SLOPES), _Beta(_of_f, *_F_SLOPES, sign=-1.0)
# Of counts k of n: I_p(k + 1, n - k) is the chance of more than k, I_p(n, k + 1) that n come first.
_MORE = (lambda *_: (1.0, -1.0, 0), lambda *_: (0, 1.0, 0), lambda *_: (0, 0, 1.0))
_BINOMIAL = _Beta(lambda k, n, p: (k + 1.0, n - k, p, 1.0 - p), *_MORE, sign=-1.0)
_WAITING = _Beta(
    lambda k, n, p: (n, k + 1.0, p, 1.0 - p),
    lambda *_: (0, 1.0, 0),
    lambda *_: (1.0, 0, 0),
    lambda *_: (0, 0, 1.0),
)


def _counts(name, of, sign=1.0):
    """By the probability alone: the counts are whole numbers."""
    return (
        refused(name, "a count"),
        refused(name, "a count"),
        lambda k, n, p, y: sign * of.partial(2, (np.floor(k), n, p)),
    )


def _counts_inverse(name, of):
    return (
        refused(name, "a count"),
        refused(name, "a count"),
        lambda k, n, y, p: 1.0 / of.partial(2, (np.floor(k), n, p)),
    )


# --- Student's t ---------------------------------------------------------------------------------


def density_t(df, t):
    log_scale = sc.gammaln(0.5 * df + 0.5) - sc.gammaln(0.5 * df) - 0.5 * np.log(np.pi * df)
    return np.exp(log_scale - (0.5 * df + 0.5) * np.log1p(t * t / df))


def _t_by_df(df, t):
    """With z = t^2 / (df + t^2), of ``1/2 + sign(t) I_z(1/2, df/2) / 2``."""
    square = select(t == 0, 1.0, t * t)
    total = df + square
    z, rest = square / total, df / total
    _, by_b = _by_shapes(0.5 + 0.0 * df, 0.5 * df, z, rest)
    slope = 0.5 * by_b - density(0.5, 0.5 * df, z, rest) * square / (total * total)
    return select(t == 0, 0.0, 0.5 * np.sign(t) * slope)


BETAS = {
    "betainc": _PLAIN.row(),
    "betaincc": _REST.row(),
    "betaincinv": _PLAIN.inverse((0, 1, None)),
    "betainccinv": _REST.inverse((0, 1, None)),
    "btdtria": _PLAIN.inverse((None, 1, 2)),
    "btdtrib": _PLAIN.inverse((0, None, 2)),
    "fdtr": _F.row(),
    "fdtrc": _F_REST.row(),
    "fdtri": _F.inverse((0, 1, None)),
    "fdtridfd": _F.inverse((0, None, 2)),
    "bdtr": _counts("bdtr", _BINOMIAL),
    "bdtrc": _counts("bdtrc", _BINOMIAL, -1.0),
    "bdtri": _counts_inverse("bdtri", _BINOMIAL),
    "bdtrik": _BINOMIAL.inverse((None, 1, 2)),
    "bdtrin": _BINOMIAL.inverse((0, None, 2)),
    "nbdtr": _counts("nbdtr", _WAITING),
    "nbdtrc": _counts("nbdtrc", _WAITING, -1.0),
    "nbdtri": _counts_inverse("nbdtri", _WAITING),
    "nbdtrik": _WAITING.inverse((None, 1, 2)),
    "nbdtrin": _WAITING.inverse((0, None, 2)),
    "stdtr": (lambda df, t, y: _t_by_df(df, t), lambda df, t, y: density_t(df, t)),
    "stdtrit": (
        lambda df, p, t: -_t_by_df(df, t) / density_t(df, t),
        lambda df, p, t: 1.0 / density_t(df, t),
    ),
    "stdtridf": (
        lambda p, t, df: 1.0 / _t_by_df(df, t),
        lambda p, t, df: -density_t(df, t) / _t_by_df(df, t),
    ),
    "_beta_pdf": (
        lambda x, a, b, y: y * ((a - 1.0) / x - (b - 1.0) / (1.0 - x)),
        lambda x, a, b, y: y * (np.log(x) - sc.psi(a) + sc.psi(a + b)),
        lambda x, a, b, y: y * (np.log1p(-x) - sc.psi(b) + sc.psi(a + b)),
    ),
    "_beta_ppf": _PLAIN.inverse((None, 0, 1)),
}
