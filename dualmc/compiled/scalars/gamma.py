"""The gamma function, its logarithm, and the error functions, of Duals.

Their derivatives need the polygamma functions, which Numba does not have: here they are, with all
digits on the positive axis.  On the negative one digamma has a zero between any two poles; beside
those its error is that of rounding the argument.  Derivatives of derivatives go up to order 5.
"""

import math

import numba
import numpy as np
from numba.core import errors, types
from numba.extending import overload

from dualmc.compiled.scalars.dual_type import is_dual
from dualmc.compiled.scalars.elementary import PLAIN
from dualmc.compiled.scalars.intrinsics import chained, value_of

# psi(x) / (x - r) on [1, 2] with r its zero, by powers of 2 x - 3: interpolated at the nodes of
# Chebyshev, with 60 digits.
_ROOT, _ROOT_REST = 1.4616321449683622, 9.549995429965697e-17
_SLOPES = (
    0.9510558760318328, -0.21181371064073024, 0.06013562106019684, -0.018550615381739702,
    0.005936795278301875, -0.0019350666647392832, 0.0006368880303847901, -0.00021074841284590126,
    6.99501882655044e-05, -2.325823275895313e-05, 7.741234441368395e-06, -2.578133701610713e-06,
    8.589062683365892e-07, -2.8621216825577647e-07, 9.543261570760428e-08, -3.1807298477301726e-08,
    1.0528133851878114e-08, -3.509235492410718e-09, 1.2466690231864029e-09, -4.1555064115551965e-10,
    8.748420037436287e-11, -2.9161179626023815e-11, 2.916093601085364e-11, -9.720300404202244e-12,
)  # fmt: skip
# Bernoulli's numbers B_2, B_4, ...
_BERNOULLI = (
    1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798,
    -174611 / 330, 854513 / 138, -236364091 / 2730,
)  # fmt: skip
_FAR = 8.0
_TWO_OVER_ROOT_PI = 1.1283791670955126


@numba.njit(**PLAIN)
def _cotangent(x):
    """``cot(pi x)``, its period removed exactly."""
    r = x - np.rint(x)
    if abs(r) <= 0.25:
        return 1.0 / np.tan(np.pi * r)
    return np.copysign(np.tan(np.pi * (0.5 - abs(r))), r)


@numba.njit(**PLAIN)
def _digamma_positive(x):
    if x >= _FAR:
        if x > 1e18:
            return np.log(x)
        z, s = 1.0 / (x * x), 0.0
        for k in range(10, 0, -1):
            s = z * (s + _BERNOULLI[k - 1] / (2 * k))
        return np.log(x) - 0.5 / x - s
    above = 0.0
    below = x
    while below > 2.0:
        below -= 1.0
        above += 1.0 / below
    if below < 1.0:
        above = -1.0 / below
        below += 1.0
    t, s = 2.0 * below - 3.0, 0.0
    for c in _SLOPES[::-1]:
        s = s * t + c
    return above + ((below - _ROOT) - _ROOT_REST) * s


@numba.njit(**PLAIN)
def _digamma(x):
    if x > 0:
        return _digamma_positive(x)
    if x == 0:
        return -1.0 / x
    if not x > -np.inf or x == np.floor(x):
        return np.nan
    return _digamma_positive(1.0 - x) - np.pi * _cotangent(x)


@numba.njit(**PLAIN)
def _rising(n, x):
    """``(-1)**(n + 1) psi_n(x) / n!`` for x > 0: all its terms are positive."""
    s = 0.0
    while x < 16.0:
        s += np.power(x, -(n + 1.0))
        x += 1.0
    term, z = np.power(x, -float(n)) / n, 1.0 / (x * x)
    s += term + 0.5 * np.power(x, -(n + 1.0))
    # Term k is B_2k (2k + n - 1)! / ((2k)! n!) x**-(2k + n).
    factor = 0.5 * np.power(x, -float(n)) * z * (n + 1)
    for k in range(1, 13):
        s += _BERNOULLI[k - 1] * factor
        factor *= z * (2 * k + n) * (2 * k + n + 1) / ((2 * k + 1) * (2 * k + 2))
    return s


@numba.njit(**PLAIN)
def _polygamma(n, x):
    """Derivative `n` >= 1 of digamma."""
    sign = 1.0 if n % 2 else -1.0
    factorial = 1.0
    for k in range(2, n + 1):
        factorial *= k
    if x == np.inf:
        return 0.0
    if x > 0:
        return sign * factorial * _rising(n, x)
    if not x > -np.inf or x == np.floor(x):
        return np.inf if n == 1 and x == 0 else np.nan
    # psi_n(x) = (-1)**n psi_n(1 - x) - pi d^n cot(pi x)/dx^n.
    c = _cotangent(x)
    q = 1.0 + c * c
    turns = np.pi ** (n + 1)
    if n == 1:
        turned = turns * q
    elif n == 2:
        turned = -2.0 * turns * c * q
    elif n == 3:
        turned = turns * q * (2.0 + 6.0 * c * c)
    else:
        turned = -turns * c * q * (16.0 + 24.0 * c * c)
    return turned - factorial * _rising(n, 1.0 - x)


@numba.njit(**PLAIN)
def _bell(x):
    """``2 / sqrt(pi) exp(-x**2)``; the square, rounded, would cost x**2 ulp."""
    if abs(x) > 28.0:
        return 0.0
    h = np.rint(x * 256.0) / 256.0
    return _TWO_OVER_ROOT_PI * np.exp(-h * h) * np.exp(-(x - h) * (x + h))


# --- Of floats and of Duals ---------------------------------------------------------------------


def _placeholder(name):
    def function(x):
        raise NotImplementedError

    function.__name__ = name
    return function


_ORDERS = 5
POLYGAMMA = [_placeholder(f"polygamma_{n}") for n in range(_ORDERS)]
BELL = _placeholder("bell")


def _with_derivative(n):
    function = POLYGAMMA[n]

    @overload(function)
    def chosen(x):
        if isinstance(x, types.Float):
            return (lambda x: _digamma(float(x))) if n == 0 else (lambda x: _polygamma(n, float(x)))
        if not is_dual(x):
            return None
        if n + 1 == _ORDERS:
            raise errors.TypingError(
                f"dualmc: math.gamma and math.lgamma have derivatives up to order {_ORDERS} here"
            )
        following = POLYGAMMA[n + 1]

        def chain(x):
            v = value_of(x)
            return chained(x, function(v), following(v), x)

        return chain


for _n in range(_ORDERS):
    _with_derivative(_n)
digamma = POLYGAMMA[0]


@overload(BELL)
def _bell_of(x):
    if isinstance(x, types.Float):
        return lambda x: _bell(float(x))
    if not is_dual(x):
        return None

    def chain(x):
        v = value_of(x)
        y = BELL(v)
        return chained(x, y, -2.0 * v * y, x)

    return chain


def _derived(function, partial):
    """`function` of a Dual, whose partial is written in the functions above."""

    @overload(function)
    def chosen(x):
        if not is_dual(x):
            return None
        p = numba.njit(lambda v, y: partial(v, y), **PLAIN)

        def chain(x):
            v = value_of(x)
            y = function(v)
            return chained(x, y, p(v, y), x)

        return chain


def _partial_texts():
    return {
        math.gamma: numba.extending.register_jitable(lambda v, y: y * digamma(v)),
        math.lgamma: numba.extending.register_jitable(lambda v, y: digamma(v)),
        math.erf: numba.extending.register_jitable(lambda v, y: BELL(v)),
        math.erfc: numba.extending.register_jitable(lambda v, y: -BELL(v)),
    }


for _function, _partial in _partial_texts().items():
    _derived(_function, _partial)
