"""THE table: the partial derivatives of every element-wise function.

One row per ufunc, one partial per argument: a number, or a function of (inputs..., output) written
in `np.*`.  The same text runs on arrays, on scalars inside a Numba kernel, and on Duals (nesting).
Partials are separate functions, because ``x**2`` at x = -1 must not evaluate ``log(x)``.

A partial keeps its digits over the whole domain: it is never derived from the output where that
cancels (``1 - tanh(x)**2`` is 4 % wrong at x = 18).  `select` stands for `np.where`; inside a
kernel it is a plain conditional.  Nothing here knows about tangents, modes or arrays' layouts.

Partials are differentiated again when derivatives are nested.  Where their text would lose digits
then, a `Derived` carries their own partials beside it.  In every other text each branch of a
`select` must be the function itself around the points where it is taken: no `abs` in a smooth even
function, and no constant that merely equals the partial at a point.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from dualmc.rules.derived import Derived
from dualmc.rules.higher import angle_family, first_power_partial, sinc_family

# Rounded once from the exact numbers; a quotient of two rounded ones would be a bit worse.
LN2 = 0.6931471805599453
LOG2_E = 1.4426950408889634
LOG10_E = 0.4342944819032518
DEGREE = 0.017453292519943295
RADIAN = 57.29577951308232
PI_SQUARED = 9.869604401089358
# Between these an output has not over- or underflowed, in float32 either.
SMALL = 1e-30
LARGE = 1e30


def select(condition, a, b):
    """``a`` where `condition` holds, else ``b``; Numba kernels compile it to a conditional."""
    return np.where(condition, a, b)


class Rule(NamedTuple):
    """Partials of one element-wise function, one per argument."""

    partials: tuple
    # Where the value of a tie depends on who is active: partials when no other argument is.
    alone: tuple | None = None
    # Partials for complex primals, where the real form is not holomorphic.
    complex_partials: tuple | None = None
    # False where the arguments are not all floating point (ldexp), so that no kernel fits.
    kernel: bool = True
    # Arguments (0-based) that carry no derivative at all because they must be integers.
    integer: tuple = ()
    # Called with (function, positions of the active arguments, output); raises where the partials
    # do not hold.
    check: Callable | None = None
    # True where the function returns one of its arguments: a partial that is 0 then says that the
    # argument was not taken, so that not even an infinite derivative of it counts.
    chooses: bool = False


def _d_power_base(a, b, y):
    # b*y/a avoids the rounding of b - 1, which costs |log a| ulp.  Where y may have over- or
    # underflowed, the square of r = |a|**(b/2) stands in for it; at a = 0 and inf, and where y is
    # NaN, the textbook form b*a**(b-1) does, made 0 for 0**0.  Elsewhere r is 1**0, a cheap power.
    usable = (abs(y) > SMALL) & (abs(y) < LARGE) & (a != 0)
    textbook = (a == 0) | (abs(a) == np.inf) | (y != y)
    base = select(usable, 1.0, a)
    power = select(usable, 0.0, select(textbook, b - 1.0, 0.5 * b))
    r = np.power(select(textbook, base, abs(base)), power)
    plain = select(b == 0, 0.0, b * r)
    return select(usable, b * y / a, select(textbook, plain, b * r / base * np.copysign(r, y)))


def _d_power_exponent(a, b, y):
    # 0**b is constantly 0 for b > 0, so its derivative there is 0 and not 0 * log(0).
    usable = (abs(y) > SMALL) & (abs(y) < LARGE)
    constant = (a == 0) & (y == 0)
    is_one = usable | constant
    r = np.power(select(is_one, 1.0, a), select(is_one, 0.0, 0.5 * b))
    log = np.log(select(constant, 1.0, a))
    return select(usable, y * log, r * log * r)


def _d_power_base_complex(a, b, y):
    usable = (a != 0) & (y != 0)
    textbook = b * np.power(select(usable, 1.0, a), b - 1.0)
    return select(b == 0, 0.0, select(usable, b * y / select(usable, a, 1.0), textbook))


def _d_power_exponent_complex(a, b, y):
    return y * np.log(select((a == 0) & (y == 0), 1.0, a))


def _share(p, q):
    """exp(p) / (exp(p) + exp(q)), with the rounding error of q - p put back (Knuth's TwoDiff).

    Equal infinities, whose difference s is NaN, share equally.
    """
    s = q - p
    back = s - q
    error = (q - (s - back)) - (p + back)
    odds = np.exp(s) * (1.0 + select(np.isfinite(error), error, 0.0))
    return select((p == q) & (s != s), 0.5, 1.0 / (1.0 + odds))


def _share2(p, q):
    """The same for powers of two."""
    s = q - p
    back = s - q
    error = (q - (s - back)) - (p + back)
    odds = np.exp2(s) * (1.0 + LN2 * select(np.isfinite(error), error, 0.0))
    return select((p == q) & (s != s), 0.5, 1.0 / (1.0 + odds))


def _d_cbrt(x, y):
    # Cube roots are up to 4 ulp off.  1/(3*y*y) has twice that error and y/(3*x) has it once, of
    # the other sign: their mean with weights 1 and 2 has none.
    plain = (x != 0) & (abs(x) < np.inf)
    square = 1.0 / (y * y)
    return select(plain, (square + 2.0 * (y / select(plain, x, 1.0))) / 9.0, square)


def _sinc_series(x):
    # (cos(pi x) - sinc(x)) / x by its series to (pi x)**20, full precision for |x| <= 0.5.
    z = PI_SQUARED * x * x
    s = 1.0 / 22230464256000.0 + z * (-1.0 / 6758061133824000.0 + z / 2554547108585472000.0)
    s = -1.0 / 3991680.0 + z * (1.0 / 518918400.0 + z * (-1.0 / 93405312000.0 + z * s))
    s = -1.0 / 3.0 + z * (1.0 / 30.0 + z * (-1.0 / 840.0 + z * (1.0 / 45360.0 + z * s)))
    return PI_SQUARED * x * s


def _d_sinc(x, y):
    # (cos(pi x) - sin(pi x)/(pi x)) / x.  The period is removed exactly, r = x modulo 2, and the
    # cosine taken as a sine, which is exactly 0 where it should be; near 0 the terms cancel.
    near = abs(x) < 0.5
    r = x - 2.0 * np.rint(0.5 * x)
    far = select(near, 1.0, x)
    terms = np.sin(np.pi * (0.5 - select(r < 0, -r, r))) - np.sin(np.pi * r) / (np.pi * far)
    return select(near, _sinc_series(select(near, x, 0.0)), terms / far)


def _d_sinc_complex(x, y):
    near = abs(x) < 0.5
    far = select(near, 1.0, x)
    return select(near, _sinc_series(select(near, x, 0.0)), (np.cos(np.pi * far) - y) / far)


def _d_arctan(x, y):
    # 1 + x*x overflows past 1e154, where the derivative is still a normal number.
    big = abs(x) > 1e8
    z = select(big, x, 1.0)
    w = select(big, 1.0, x)
    return select(big, (1.0 / z) / z, 1.0 / (1.0 + w * w))


def _d_hypot(x, y):
    return select(y == 0, 0.0, x / select(y == 0, 1.0, y))


def _d_arctan2(p, q, y):
    """p / (p*p + q*q) without overflow; 0 at infinity, NaN where y is."""
    h = np.hypot(p, q)
    return select(h == np.inf, 0.0 * y, (p / h) / h)


def _greater(p, q, y):
    # A NaN operand makes the result NaN, and so its derivative.
    return select(y != y, np.nan, select(p > q, 1.0, 0.0))


def _greater_or_shared(p, q, y):
    return select(y != y, np.nan, select(p == q, 0.5, select(p > q, 1.0, 0.0)))


def _unless_nan(q, y, share):
    # fmax and fmin ignore a NaN operand q: the other argument then has the whole derivative.
    return select((q != q) & (y == y), 1.0, share)


def _d_tanh(x, y):
    # 1/cosh(x)**2 through one exponential that cannot overflow; the sum is (1 + e)**2.
    e = np.exp(2.0 * select(x < 0, x, -x))
    return 4.0 * e / (1.0 + e * (2.0 + e))


def _d_tanh_complex(x, y):
    c = np.cosh(x)
    return (1.0 / c) / c


def _d_tan_complex(x, y):
    # 1 + y*y cancels near the limits y = i and -i.
    c = np.cos(x)
    return (1.0 / c) / c


def _sign(x, y):
    return np.sign(x)


# --- Partials that know their own derivatives; d is the value of the partial itself ---------------

_BY_BASE = first_power_partial(_d_power_base, 1)
_BY_EXPONENT = first_power_partial(_d_power_exponent, 0)
_BY_BASE_COMPLEX = first_power_partial(_d_power_base_complex, 1)
_BY_EXPONENT_COMPLEX = first_power_partial(_d_power_exponent_complex, 0)


def _curve_arcsine(x, y, d):
    return x * d * d * d


def _curve_arcsinh(x, y, d):
    return -x * d * d * d


def _curve_arctan(x, y, d):
    # x d is x / (1 + x**2): 1 / x to rounding where x is big, and no 0 times infinity.
    big = abs(x) > 1e8
    return -2.0 * select(big, 1.0 / select(big, x, 1.0), select(big, 0.0, x) * d) * d


def _curve_tanh(x, y, d):
    return -2.0 * y * d


# a/h and b/h of h = hypot(a, b): each has the derivatives (b/h)**2 / h and -(a/h) (b/h) / h.
_HYPOT_A = Derived(
    lambda a, b, y: _d_hypot(a, y),
    lambda a, b, y, d: _HYPOT_B(a, b, y) * (_HYPOT_B(a, b, y) / y),
    lambda a, b, y, d: -d * (_HYPOT_B(a, b, y) / y),
)
_HYPOT_B = Derived(
    lambda a, b, y: _d_hypot(b, y),
    lambda a, b, y, d: -d * (_HYPOT_A(a, b, y) / y),
    lambda a, b, y, d: _HYPOT_A(a, b, y) * (_HYPOT_A(a, b, y) / y),
)


def _curve_share(a, b, y):
    """``s (1 - s)``, unknown where the shares of equal infinities are a convention."""
    return select((a == b) & (a - b != 0), np.nan, _share(a, b) * _share(b, a))


def _curve_share2(a, b, y):
    return LN2 * select((a == b) & (a - b != 0), np.nan, _share2(a, b) * _share2(b, a))


# Its derivative by a is s (1 - s) (1 - 2 s), and 1 - 2 s = tanh((b - a)/2).
_CURVE = Derived(
    _curve_share,
    lambda a, b, y, d: d * np.tanh(0.5 * (b - a)),
    lambda a, b, y, d: d * np.tanh(0.5 * (a - b)),
)
_CURVE2 = Derived(
    _curve_share2,
    lambda a, b, y, d: LN2 * d * np.tanh(0.5 * LN2 * (b - a)),
    lambda a, b, y, d: LN2 * d * np.tanh(0.5 * LN2 * (a - b)),
)


def _shares(share, curve):
    """The two partials of a function with the partials ``share(a, b)`` and ``share(b, a)``."""

    def rises(a, b, y, d):
        return curve(a, b, y)

    def falls(a, b, y, d):
        return -curve(a, b, y)

    return (
        Derived(lambda a, b, y: share(a, b), rises, falls),
        Derived(lambda a, b, y: share(b, a), falls, rises),
    )


RULES = {
    np.positive: Rule((1.0,)),
    np.negative: Rule((-1.0,)),
    np.absolute: Rule((_sign,)),
    np.fabs: Rule((_sign,)),
    np.conjugate: Rule((1.0,)),
    np.exp: Rule((lambda x, y: y,)),
    np.exp2: Rule((lambda x, y: y * LN2,)),
    np.expm1: Rule((lambda x, y: np.exp(x),)),
    # + 0.0 turns -0.0 into 0.0: the derivative at either zero is the one from the right, +inf.
    np.log: Rule((lambda x, y: 1.0 / (x + 0.0),)),
    np.log2: Rule((lambda x, y: LOG2_E / (x + 0.0),)),
    np.log10: Rule((lambda x, y: LOG10_E / (x + 0.0),)),
    np.log1p: Rule((lambda x, y: 1.0 / (1.0 + x),)),
    np.sqrt: Rule((lambda x, y: 0.5 / (y + 0.0),)),
    np.cbrt: Rule((Derived(_d_cbrt, lambda x, y, d: -2.0 / 3.0 * (d / x)),)),
    np.square: Rule((lambda x, y: 2.0 * x,)),
    np.reciprocal: Rule((lambda x, y: -(y * y),)),
    np.sin: Rule((lambda x, y: np.cos(x),)),
    np.cos: Rule((lambda x, y: -np.sin(x),)),
    np.tan: Rule((lambda x, y: 1.0 + y * y,), complex_partials=(_d_tan_complex,)),
    np.arcsin: Rule(
        (Derived(lambda x, y: 1.0 / np.sqrt((1.0 - x) * (1.0 + x)), _curve_arcsine),),
        complex_partials=(
            Derived(lambda x, y: 1.0 / (np.sqrt(-(x - 1.0)) * np.sqrt(1.0 + x)), _curve_arcsine),
        ),
    ),
    np.arccos: Rule(
        (Derived(lambda x, y: -1.0 / np.sqrt((1.0 - x) * (1.0 + x)), _curve_arcsine),),
        complex_partials=(
            Derived(lambda x, y: -1.0 / (np.sqrt(-(x - 1.0)) * np.sqrt(1.0 + x)), _curve_arcsine),
        ),
    ),
    np.arctan: Rule(
        (Derived(_d_arctan, _curve_arctan),),
        complex_partials=(
            Derived(lambda x, y: 1.0 / ((1.0 + 1j * x) * (1.0 - 1j * x)), _curve_arctan),
        ),
    ),
    np.sinh: Rule((lambda x, y: np.cosh(x),)),
    np.cosh: Rule((lambda x, y: np.sinh(x),)),
    np.tanh: Rule(
        (Derived(_d_tanh, _curve_tanh),), complex_partials=(Derived(_d_tanh_complex, _curve_tanh),)
    ),
    np.arcsinh: Rule(
        (Derived(lambda x, y: 1.0 / np.hypot(1.0, x), _curve_arcsinh),),
        complex_partials=(
            Derived(
                lambda x, y: 1.0 / (np.sqrt(1.0 + 1j * x) * np.sqrt(1.0 - 1j * x)), _curve_arcsinh
            ),
        ),
    ),
    np.arccosh: Rule((lambda x, y: 1.0 / (np.sqrt(x - 1.0) * np.sqrt(x + 1.0)),)),
    np.arctanh: Rule(
        (Derived(lambda x, y: 1.0 / ((1.0 - x) * (1.0 + x)), lambda x, y, d: 2.0 * (x * d) * d),)
    ),
    np.deg2rad: Rule((DEGREE,)),
    np.radians: Rule((DEGREE,)),
    np.rad2deg: Rule((RADIAN,)),
    np.degrees: Rule((RADIAN,)),
    np.sinc: Rule((sinc_family(_d_sinc, 1),), complex_partials=(sinc_family(_d_sinc_complex, 1),)),
    np.add: Rule((1.0, 1.0)),
    np.subtract: Rule((1.0, -1.0)),
    np.multiply: Rule((lambda a, b, y: b, lambda a, b, y: a)),
    np.divide: Rule((lambda a, b, y: 1.0 / b, lambda a, b, y: -(y / b))),
    np.power: Rule(
        (_BY_BASE, _BY_EXPONENT), complex_partials=(_BY_BASE_COMPLEX, _BY_EXPONENT_COMPLEX)
    ),
    np.float_power: Rule(
        (_BY_BASE, _BY_EXPONENT), complex_partials=(_BY_BASE_COMPLEX, _BY_EXPONENT_COMPLEX)
    ),
    np.arctan2: Rule(
        (
            angle_family(lambda a, b, y: _d_arctan2(b, a, y), 1, 0),
            angle_family(lambda a, b, y: -_d_arctan2(a, b, y), 0, 1),
        )
    ),
    np.hypot: Rule((_HYPOT_A, _HYPOT_B)),
    np.logaddexp: Rule(_shares(_share, _CURVE)),
    np.logaddexp2: Rule(_shares(_share2, _CURVE2)),
    # max(0, z) is 0 at z = 0: alone, an argument must exceed the constant (document, section 5).
    np.maximum: Rule(
        (
            lambda a, b, y: _greater_or_shared(a, b, y),
            lambda a, b, y: _greater_or_shared(b, a, y),
        ),
        alone=(lambda a, b, y: _greater(a, b, y), lambda a, b, y: _greater(b, a, y)),
        chooses=True,
    ),
    np.minimum: Rule(
        (
            lambda a, b, y: _greater_or_shared(b, a, y),
            lambda a, b, y: _greater_or_shared(a, b, y),
        ),
        alone=(lambda a, b, y: _greater(b, a, y), lambda a, b, y: _greater(a, b, y)),
        chooses=True,
    ),
    np.fmax: Rule(
        (
            lambda a, b, y: _unless_nan(b, y, _greater_or_shared(a, b, y)),
            lambda a, b, y: _unless_nan(a, y, _greater_or_shared(b, a, y)),
        ),
        alone=(
            lambda a, b, y: _unless_nan(b, y, _greater(a, b, y)),
            lambda a, b, y: _unless_nan(a, y, _greater(b, a, y)),
        ),
        chooses=True,
    ),
    np.fmin: Rule(
        (
            lambda a, b, y: _unless_nan(b, y, _greater_or_shared(b, a, y)),
            lambda a, b, y: _unless_nan(a, y, _greater_or_shared(a, b, y)),
        ),
        alone=(
            lambda a, b, y: _unless_nan(b, y, _greater(b, a, y)),
            lambda a, b, y: _unless_nan(a, y, _greater(a, b, y)),
        ),
        chooses=True,
    ),
    # a - b*trunc(a/b) and a - b*floor(a/b): the quotient is the integer nearest (a - y)/b, and
    # a - y may overflow.
    np.fmod: Rule((1.0, lambda a, b, y: -np.rint(a / b - y / b))),
    np.remainder: Rule((1.0, lambda a, b, y: -np.rint(a / b - y / b))),
    np.copysign: Rule((lambda a, b, y: np.sign(a) * np.copysign(1.0, b), 0.0)),
    np.heaviside: Rule(
        (0.0, lambda a, b, y: select(a != a, np.nan, select(a == 0, 1.0, 0.0))), chooses=True
    ),
    np.ldexp: Rule((lambda a, b, y: np.ldexp(1.0, b), 0.0), kernel=False, integer=(1,)),
}


def chooses(function):
    """Whether `function` returns one of its arguments."""
    rule = RULES.get(function)
    return rule is not None and rule.chooses


def integers(function):
    """The places of its arguments that must be integers."""
    rule = RULES.get(function)
    return () if rule is None else rule.integer
