"""The spec table of the element-wise rules: for each function a domain, its derivative, its edges.

One `Case` per row of `RULES`.  Derivatives are closed forms evaluated by mpmath at the exact
values of the floating-point arguments; edge rows are written by hand from the conventions of the
library.  Nothing here is read from the rule table, so a wrong rule cannot agree with itself.

Domains end where the function itself overflows: there a derivative may be inf or 0 too early.
"""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from mpmath import mp
from sampling import (
    ANGLES,
    CLOSE_PAIR,
    HUGE,
    MODERATE_PAIR,
    POSITIVE,
    RATIO_PAIR,
    TINY,
    WIDE,
    WIDE_PAIR,
    exponent,
    linked,
    multiples,
    near,
    one,
    pair,
    scaled,
    shifted,
    signed,
    spread,
    uniform,
    whole,
)

INF = math.inf
NAN = math.nan


class Case(NamedTuple):
    """What the derivatives of one function have to be."""

    function: Callable
    # Regions the arguments are drawn from; each is ``(rng, count) -> (array, ...)``.
    domain: list
    # One mpmath function of the arguments per argument; None where there is no derivative.
    derivatives: list
    # ``(x, ...) -> (dx, ...)`` with all arguments active.
    edges: list = []
    # The same when each argument is the only active one; needed where ties tell them apart.
    edges_alone: list | None = None
    # Allowed error.  More than 4, or another `size`, needs the reason.
    ulps: float = 4
    reason: str = ""
    # Size against which the error is counted, where the derivative has zeros between the floats.
    size: Callable | None = None
    # Derivatives for complex arguments; None where the function is not holomorphic.
    complex_derivatives: list | None = None
    # Allowed error there, in units of 2.2e-16 relative to the modulus.
    complex_ulps: float = 8

    @property
    def name(self):
        return self.function.__name__

    @property
    def argument_names(self):
        return ("x",) if len(self.derivatives) == 1 else ("a", "b")


# --- Derivatives that are not a line of mpmath ----------------------------------------------------


def _quotient(a, b):
    return Fraction(*_ratio(a)) / Fraction(*_ratio(b))


def _ratio(x):
    """An mpf as an exact quotient of integers."""
    sign, mantissa, power, _ = x._mpf_
    mantissa = -mantissa if sign else mantissa
    return (mantissa << power, 1) if power >= 0 else (mantissa, 1 << -power)


def _d_power_base(a, b):
    # Only real results: a negative base needs a whole exponent.
    size = b * mp.power(abs(a), b - 1)
    return size if a > 0 or mp.fmod(b, 2) != 0 else -size


def _d_power_exponent(a, b):
    return mp.power(a, b) * mp.log(a) if a > 0 else mp.nan


def _d_sinc(x):
    # The two terms agree to 2*log10(1/x) digits near 0, which the working precision makes up for.
    with mp.extradps(2 * max(0, -int(mp.log10(abs(x))))):
        return (mp.cospi(x) - mp.sincpi(x)) / x


def _size_sinc(x):
    if abs(x) < 1:
        return _d_sinc(x)
    return (abs(mp.cospi(x)) + abs(mp.sincpi(x))) / x


def _less(a, b):
    # Close pairs may meet in a tie, which is shared.
    return mp.mpf(0.5 if a == b else a < b)


def _greater(a, b):
    return _less(b, a)


def _minus_square(x):
    return (1 - x) * (1 + x)


# --- The table -----------------------------------------------------------------------------------
# Edge rows: arguments -> derivatives.  NaN stands for NaN; 0 stands for either zero.

NOWHERE = (NAN, NAN)

CASES = [
    Case(np.positive, [WIDE], [lambda x: mp.mpf(1)], [(0.0, 1), (-0.0, 1), (INF, 1)]),
    Case(np.negative, [WIDE], [lambda x: mp.mpf(-1)], [(0.0, -1), (-0.0, -1), (INF, -1)]),
    Case(
        np.absolute,
        [WIDE],
        [mp.sign],
        [(0.0, 0), (-0.0, 0), (INF, 1), (-INF, -1), NOWHERE],
    ),
    Case(np.fabs, [WIDE], [mp.sign], [(0.0, 0), (-0.0, 0), (INF, 1), (-INF, -1), NOWHERE]),
    Case(np.conjugate, [WIDE], [lambda x: mp.mpf(1)], [(0.0, 1), (-0.0, 1), (INF, 1)]),
    Case(
        np.exp,
        [one(signed(TINY, 745)), one(uniform(-750, 711))],
        [mp.exp],
        [(0.0, 1), (-0.0, 1), (INF, INF), (-INF, 0), (1e300, INF), (-1e300, 0), NOWHERE],
        complex_derivatives=[mp.exp],
    ),
    Case(
        np.exp2,
        [one(signed(TINY, 1024)), one(uniform(-1080, 1024))],
        [lambda x: mp.power(2, x) * mp.ln2],
        [(0.0, math.log(2)), (INF, INF), (-INF, 0), NOWHERE],
        complex_derivatives=[lambda x: mp.power(2, x) * mp.ln2],
    ),
    Case(
        np.expm1,
        [one(signed(TINY, 745)), one(uniform(-750, 711))],
        [mp.exp],
        [(0.0, 1), (-0.0, 1), (INF, INF), (-INF, 0), (-1e300, 0), NOWHERE],
        complex_derivatives=[mp.exp],
    ),
    Case(
        np.log,
        [POSITIVE, one(near(1.0, 1e-15, 0.9))],
        [lambda x: 1 / x],
        [(0.0, INF), (-0.0, INF), (1.0, 1), (INF, 0), NOWHERE],
        complex_derivatives=[lambda x: 1 / x],
    ),
    Case(
        np.log2,
        [POSITIVE, one(near(1.0, 1e-15, 0.9))],
        [lambda x: 1 / (x * mp.ln2)],
        [(0.0, INF), (-0.0, INF), (INF, 0), NOWHERE],
        complex_derivatives=[lambda x: 1 / (x * mp.ln2)],
    ),
    Case(
        np.log10,
        [POSITIVE, one(near(1.0, 1e-15, 0.9))],
        [lambda x: 1 / (x * mp.ln10)],
        [(0.0, INF), (-0.0, INF), (INF, 0), NOWHERE],
        complex_derivatives=[lambda x: 1 / (x * mp.ln10)],
    ),
    Case(
        np.log1p,
        [POSITIVE, one(signed(TINY, 0.99)), one(near(-1.0, 1e-15, 0.9, sides=(1.0,)))],
        [lambda x: 1 / (1 + x)],
        [(0.0, 1), (-0.0, 1), (-1.0, INF), (INF, 0), NOWHERE],
        complex_derivatives=[lambda x: 1 / (1 + x)],
    ),
    Case(
        np.sqrt,
        [POSITIVE],
        [lambda x: 1 / (2 * mp.sqrt(x))],
        [(0.0, INF), (-0.0, INF), (1.0, 0.5), (INF, 0), NOWHERE],
        complex_derivatives=[lambda x: 1 / (2 * mp.sqrt(x))],
    ),
    Case(
        np.cbrt,
        [WIDE],
        [lambda x: 1 / (3 * mp.cbrt(abs(x)) ** 2)],
        [(0.0, INF), (-0.0, INF), (INF, 0), (-INF, 0), NOWHERE],
    ),
    Case(
        np.square,
        [WIDE],
        [lambda x: 2 * x],
        [(0.0, 0), (-0.0, 0), (INF, INF), (-INF, -INF), (1e308, INF), NOWHERE],
        complex_derivatives=[lambda x: 2 * x],
    ),
    Case(
        np.reciprocal,
        [WIDE, one(signed(1e-150, 1e150))],
        [lambda x: -1 / x**2],
        [(0.0, -INF), (-0.0, -INF), (INF, 0), (-INF, 0), NOWHERE],
        complex_derivatives=[lambda x: -1 / x**2],
    ),
    Case(
        np.sin,
        ANGLES,
        [mp.cos],
        [(0.0, 1), (-0.0, 1), (INF, NAN), (-INF, NAN), NOWHERE],
        complex_derivatives=[mp.cos],
    ),
    Case(
        np.cos,
        ANGLES,
        [lambda x: -mp.sin(x)],
        [(0.0, 0), (-0.0, 0), (INF, NAN), (-INF, NAN), NOWHERE],
        complex_derivatives=[lambda x: -mp.sin(x)],
    ),
    Case(
        np.tan,
        ANGLES,
        [lambda x: mp.sec(x) ** 2],
        [(0.0, 1), (-0.0, 1), (INF, NAN), (-INF, NAN), NOWHERE],
        complex_derivatives=[lambda x: mp.sec(x) ** 2],
    ),
    Case(
        np.arcsin,
        [one(signed(TINY, 1.0)), one(uniform(-1, 1)), one(near(1.0, 1e-16, 0.5, (-1.0,)))],
        [lambda x: 1 / mp.sqrt(_minus_square(x))],
        [(0.0, 1), (-0.0, 1), (1.0, INF), (-1.0, INF), (1.5, NAN), (INF, NAN), NOWHERE],
        complex_derivatives=[lambda x: 1 / (mp.sqrt(1 - x) * mp.sqrt(1 + x))],
    ),
    Case(
        np.arccos,
        [one(signed(TINY, 1.0)), one(uniform(-1, 1)), one(near(-1.0, 1e-16, 0.5, (1.0,)))],
        [lambda x: -1 / mp.sqrt(_minus_square(x))],
        [(0.0, -1), (-0.0, -1), (1.0, -INF), (-1.0, -INF), (-1.5, NAN), (INF, NAN), NOWHERE],
        complex_derivatives=[lambda x: -1 / (mp.sqrt(1 - x) * mp.sqrt(1 + x))],
    ),
    Case(
        np.arctan,
        [WIDE, one(signed(1e-3, 1e3)), one(near(1e8, 1.0, 9e7))],
        [lambda x: 1 / (1 + x * x)],
        [(0.0, 1), (-0.0, 1), (INF, 0), (-INF, 0), (1e200, 0), NOWHERE],
        complex_derivatives=[lambda x: 1 / ((1 + 1j * x) * (1 - 1j * x))],
    ),
    Case(
        np.sinh,
        [one(signed(TINY, 711)), one(uniform(-712, 712))],
        [mp.cosh],
        [(0.0, 1), (-0.0, 1), (INF, INF), (-INF, INF), NOWHERE],
        complex_derivatives=[mp.cosh],
    ),
    Case(
        np.cosh,
        [one(signed(TINY, 711)), one(uniform(-712, 712))],
        [mp.sinh],
        [(0.0, 0), (-0.0, 0), (INF, INF), (-INF, -INF), NOWHERE],
        complex_derivatives=[mp.sinh],
    ),
    Case(
        np.tanh,
        [one(signed(TINY, 800)), one(uniform(-20, 20)), one(uniform(-380, 380))],
        [lambda x: mp.sech(x) ** 2],
        [(0.0, 1), (-0.0, 1), (INF, 0), (-INF, 0), (1e300, 0), NOWHERE],
        complex_derivatives=[lambda x: mp.sech(x) ** 2],
    ),
    Case(
        np.arcsinh,
        [WIDE, one(signed(1e-3, 1e3))],
        [lambda x: 1 / mp.sqrt(1 + x * x)],
        [(0.0, 1), (-0.0, 1), (INF, 0), (-INF, 0), NOWHERE],
        complex_derivatives=[lambda x: 1 / (mp.sqrt(1 + 1j * x) * mp.sqrt(1 - 1j * x))],
    ),
    Case(
        np.arccosh,
        [one(spread(1.0000001, HUGE)), one(near(1.0, 3e-16, 10.0, sides=(1.0,)))],
        [lambda x: 1 / mp.sqrt((x - 1) * (x + 1))],
        [(1.0, INF), (INF, 0), (0.5, NAN), (-2.0, NAN), NOWHERE],
        complex_derivatives=[lambda x: 1 / (mp.sqrt(x - 1) * mp.sqrt(x + 1))],
    ),
    Case(
        np.arctanh,
        [one(signed(TINY, 0.999)), one(uniform(-1, 1)), one(near(-1.0, 1e-16, 0.5, (1.0,)))],
        [lambda x: 1 / _minus_square(x)],
        [(0.0, 1), (-0.0, 1), (1.0, INF), (-1.0, INF), NOWHERE],
        complex_derivatives=[lambda x: 1 / _minus_square(x)],
    ),
    Case(np.deg2rad, [WIDE], [lambda x: mp.pi / 180], [(0.0, math.pi / 180), (INF, math.pi / 180)]),
    Case(np.radians, [WIDE], [lambda x: mp.pi / 180], [(0.0, math.pi / 180), (INF, math.pi / 180)]),
    Case(np.rad2deg, [WIDE], [lambda x: 180 / mp.pi], [(0.0, 180 / math.pi), (INF, 180 / math.pi)]),
    Case(np.degrees, [WIDE], [lambda x: 180 / mp.pi], [(0.0, 180 / math.pi), (INF, 180 / math.pi)]),
    Case(
        np.sinc,
        [
            one(signed(TINY, 0.6)),
            one(uniform(-3, 3)),
            one(uniform(-100, 100)),
            one(signed(1, HUGE)),
            one(multiples(0.5, 1, 1e15)),
            one(near(0.5, 1e-10, 0.1)),
        ],
        [_d_sinc],
        [(0.0, 0), (-0.0, 0), (1.0, -1), (2.0, 0.5), (INF, NAN), NOWHERE],
        size=_size_sinc,
        reason="the zeros tan(pi x) = pi x lie between floats: counted in the sum of its two terms",
        complex_derivatives=[_d_sinc],
        # cos(pi x) for x up to 7, with pi x rounded.
        complex_ulps=32,
    ),
    Case(
        np.add,
        [WIDE_PAIR],
        [lambda a, b: mp.mpf(1), lambda a, b: mp.mpf(1)],
        [((0.0, -0.0), (1, 1)), ((INF, 1.0), (1, 1)), ((INF, -INF), (1, 1))],
    ),
    Case(
        np.subtract,
        [WIDE_PAIR],
        [lambda a, b: mp.mpf(1), lambda a, b: mp.mpf(-1)],
        [((0.0, -0.0), (1, -1)), ((INF, INF), (1, -1))],
    ),
    Case(
        np.multiply,
        [WIDE_PAIR],
        [lambda a, b: b, lambda a, b: a],
        [((0.0, 2.0), (2, 0)), ((INF, 0.0), (0, INF)), ((NAN, 2.0), (2, NAN))],
        complex_derivatives=[lambda a, b: b, lambda a, b: a],
    ),
    Case(
        np.divide,
        [WIDE_PAIR, RATIO_PAIR, MODERATE_PAIR],
        [lambda a, b: 1 / b, lambda a, b: -a / b**2],
        [
            ((0.0, 2.0), (0.5, 0)),
            ((1.0, 0.0), (INF, -INF)),
            ((1.0, -0.0), (-INF, -INF)),
            ((-1.0, 0.0), (INF, INF)),
            ((1.0, INF), (0, 0)),
            ((INF, 2.0), (0.5, -INF)),
            ((NAN, 2.0), (0.5, NAN)),
            ((1.0, NAN), (NAN, NAN)),
        ],
        complex_derivatives=[lambda a, b: 1 / b, lambda a, b: -a / b**2],
    ),
    *(
        Case(
            function,
            [
                pair(spread(1e-3, 1e3), uniform(-10, 10)),
                pair(spread(TINY, HUGE), signed(TINY, 1e-5)),
                linked(spread(TINY, HUGE), exponent(signed(1e-10, 720))),
                linked(spread(TINY, HUGE), exponent(uniform(-760, 760))),
                linked(near(1.0, 1e-15, 0.5), exponent(signed(1e-3, 720))),
                linked(near(1.0, 1e-15, 0.5), exponent(uniform(-760, 760))),
                linked(spread(1e-3, 1e3), exponent(near(-708.0, 1e-3, 60.0))),
                linked(spread(1e-3, 1e3), exponent(near(709.0, 1e-3, 60.0))),
                linked(signed(1e-3, 1e3), whole(lambda rng, a: rng.uniform(-20, 20, a.size))),
                linked(signed(TINY, HUGE), whole(exponent(uniform(-760, 760)))),
                linked(near(-1.0, 1e-12, 0.5), whole(exponent(uniform(-760, 760)))),
            ],
            [_d_power_base, _d_power_exponent],
            [
                ((0.0, 0.0), (0, -INF)),
                ((2.0, 0.0), (0, math.log(2))),
                ((0.0, 2.0), (0, 0)),
                ((-0.0, 3.0), (0, 0)),
                ((0.0, 1.0), (1, 0)),
                ((0.0, 0.5), (INF, 0)),
                ((-0.0, 0.5), (INF, 0)),
                ((0.0, 1.5), (0, 0)),
                ((0.0, -1.0), (-INF, -INF)),
                ((1.0, 5.0), (5, 0)),
                ((1.0, INF), (INF, 0)),
                ((-1.0, 2.0), (-2, NAN)),
                ((-2.0, 3.0), (12, NAN)),
                ((-2.0, 0.5), (NAN, NAN)),
                ((INF, 2.0), (INF, INF)),
                ((INF, 1.0), (1, INF)),
                ((INF, 0.5), (0, INF)),
                ((INF, -1.0), (0, NAN)),
                ((0.5, INF), (NAN, 0)),
                ((NAN, 2.0), (NAN, NAN)),
                ((NAN, 0.0), (NAN, NAN)),
                ((2.0, NAN), (NAN, NAN)),
            ],
            complex_derivatives=[
                lambda a, b: b * mp.power(a, b - 1),
                lambda a, b: mp.power(a, b) * mp.log(a),
            ],
            # NumPy's complex power is exp(b log a), off by |b log a| of these units itself.
            complex_ulps=64,
        )
        for function in (np.power, np.float_power)
    ),
    Case(
        np.arctan2,
        [WIDE_PAIR, CLOSE_PAIR, RATIO_PAIR, MODERATE_PAIR],
        [lambda a, b: b / (a * a + b * b), lambda a, b: -a / (a * a + b * b)],
        [
            ((0.0, 2.0), (0.5, 0)),
            ((-0.0, -2.0), (-0.5, 0)),
            ((2.0, 0.0), (0, -0.5)),
            ((0.0, 0.0), (NAN, NAN)),
            ((1.0, INF), (0, 0)),
            ((1.0, -INF), (0, 0)),
            ((INF, 1.0), (0, 0)),
            ((INF, INF), (0, 0)),
            ((NAN, 1.0), (NAN, NAN)),
            ((INF, NAN), (NAN, NAN)),
        ],
    ),
    Case(
        np.hypot,
        [WIDE_PAIR, CLOSE_PAIR, RATIO_PAIR, MODERATE_PAIR],
        [lambda a, b: a / mp.hypot(a, b), lambda a, b: b / mp.hypot(a, b)],
        [
            ((0.0, 0.0), (0, 0)),
            ((-0.0, 0.0), (0, 0)),
            ((0.0, -2.0), (0, -1)),
            ((3.0, 4.0), (0.6, 0.8)),
            ((1.0, INF), (0, NAN)),
            ((NAN, 1.0), (NAN, NAN)),
        ],
    ),
    Case(
        np.logaddexp,
        [
            pair(uniform(-700, 700), uniform(-700, 700)),
            linked(uniform(-1000, 1000), shifted(uniform(-745, 745))),
            linked(uniform(-100, 100), shifted(signed(1e-15, 1.0))),
            linked(signed(1e-5, HUGE), shifted(uniform(-30, 30))),
            pair(uniform(-1, 1), signed(TINY, 1.0)),
            WIDE_PAIR,
        ],
        [lambda a, b: 1 / (1 + mp.exp(b - a)), lambda a, b: 1 / (1 + mp.exp(a - b))],
        [
            ((0.0, 0.0), (0.5, 0.5)),
            ((0.0, -0.0), (0.5, 0.5)),
            ((INF, 1.0), (1, 0)),
            ((-INF, 1.0), (0, 1)),
            ((INF, INF), (0.5, 0.5)),
            ((-INF, -INF), (0.5, 0.5)),
            ((-INF, INF), (0, 1)),
            ((NAN, 1.0), (NAN, NAN)),
        ],
    ),
    Case(
        np.logaddexp2,
        [
            pair(uniform(-1000, 1000), uniform(-1000, 1000)),
            linked(uniform(-1000, 1000), shifted(uniform(-1074, 1074))),
            linked(uniform(-100, 100), shifted(signed(1e-15, 1.0))),
            linked(signed(1e-5, HUGE), shifted(uniform(-30, 30))),
            pair(uniform(-1, 1), signed(TINY, 1.0)),
            WIDE_PAIR,
        ],
        [lambda a, b: 1 / (1 + mp.power(2, b - a)), lambda a, b: 1 / (1 + mp.power(2, a - b))],
        [
            ((0.0, 0.0), (0.5, 0.5)),
            ((INF, 1.0), (1, 0)),
            ((-INF, 1.0), (0, 1)),
            ((INF, INF), (0.5, 0.5)),
            ((-INF, -INF), (0.5, 0.5)),
            ((NAN, 1.0), (NAN, NAN)),
        ],
    ),
    Case(
        np.maximum,
        [WIDE_PAIR, CLOSE_PAIR],
        [_greater, _less],
        [
            ((2.0, 1.0), (1, 0)),
            ((1.0, 1.0), (0.5, 0.5)),
            ((0.0, -0.0), (0.5, 0.5)),
            ((INF, INF), (0.5, 0.5)),
            ((INF, 1.0), (1, 0)),
            ((-INF, 1.0), (0, 1)),
            ((NAN, 1.0), (NAN, NAN)),
            ((1.0, NAN), (NAN, NAN)),
        ],
        edges_alone=[
            ((2.0, 1.0), (1, 0)),
            ((1.0, 1.0), (0, 0)),
            ((0.0, -0.0), (0, 0)),
            ((NAN, 1.0), (NAN, NAN)),
        ],
    ),
    Case(
        np.minimum,
        [WIDE_PAIR, CLOSE_PAIR],
        [_less, _greater],
        [
            ((2.0, 1.0), (0, 1)),
            ((1.0, 1.0), (0.5, 0.5)),
            ((0.0, -0.0), (0.5, 0.5)),
            ((-INF, -INF), (0.5, 0.5)),
            ((INF, 1.0), (0, 1)),
            ((-INF, 1.0), (1, 0)),
            ((NAN, 1.0), (NAN, NAN)),
            ((1.0, NAN), (NAN, NAN)),
        ],
        edges_alone=[
            ((2.0, 1.0), (0, 1)),
            ((1.0, 1.0), (0, 0)),
            ((-0.0, 0.0), (0, 0)),
            ((1.0, NAN), (NAN, NAN)),
        ],
    ),
    Case(
        np.fmax,
        [WIDE_PAIR, CLOSE_PAIR],
        [_greater, _less],
        [
            ((2.0, 1.0), (1, 0)),
            ((1.0, 1.0), (0.5, 0.5)),
            ((NAN, 1.0), (0, 1)),
            ((1.0, NAN), (1, 0)),
            ((-INF, NAN), (1, 0)),
            ((NAN, NAN), (NAN, NAN)),
        ],
        edges_alone=[
            ((1.0, 1.0), (0, 0)),
            ((NAN, 1.0), (0, 1)),
            ((1.0, NAN), (1, 0)),
            ((NAN, NAN), (NAN, NAN)),
        ],
    ),
    Case(
        np.fmin,
        [WIDE_PAIR, CLOSE_PAIR],
        [_less, _greater],
        [
            ((2.0, 1.0), (0, 1)),
            ((1.0, 1.0), (0.5, 0.5)),
            ((NAN, 1.0), (0, 1)),
            ((1.0, NAN), (1, 0)),
            ((INF, NAN), (1, 0)),
            ((NAN, NAN), (NAN, NAN)),
        ],
        edges_alone=[
            ((1.0, 1.0), (0, 0)),
            ((NAN, 1.0), (0, 1)),
            ((1.0, NAN), (1, 0)),
            ((NAN, NAN), (NAN, NAN)),
        ],
    ),
    Case(
        np.fmod,
        [
            MODERATE_PAIR,
            WIDE_PAIR,
            linked(signed(1e-100, 1e100), scaled(signed(1e-20, 10.0))),
            linked(multiples(1.0, 1, 1e6), scaled(spread(0.9, 1.1))),
            pair(multiples(3.0, 1, 1e6), uniform(2.5, 3.5)),
            pair(signed(1e308, 1.7e308), signed(1e307, 1.7e308)),
        ],
        [lambda a, b: mp.mpf(1), lambda a, b: mp.mpf(-math.trunc(_quotient(a, b)))],
        [
            ((0.0, 2.0), (1, 0)),
            ((6.0, 3.0), (1, -2)),
            ((-7.0, 2.0), (1, 3)),
            ((5.0, INF), (1, 0)),
            ((5.0, 0.0), (1, NAN)),
            ((INF, 2.0), (1, NAN)),
            ((NAN, 2.0), (1, NAN)),
        ],
    ),
    Case(
        np.remainder,
        [
            MODERATE_PAIR,
            WIDE_PAIR,
            linked(signed(1e-100, 1e100), scaled(signed(1e-20, 10.0))),
            linked(multiples(1.0, 1, 1e6), scaled(spread(0.9, 1.1))),
            pair(multiples(3.0, 1, 1e6), uniform(2.5, 3.5)),
            pair(signed(1e308, 1.7e308), signed(1e307, 1.7e308)),
        ],
        [lambda a, b: mp.mpf(1), lambda a, b: mp.mpf(-math.floor(_quotient(a, b)))],
        [
            ((0.0, 2.0), (1, 0)),
            ((6.0, 3.0), (1, -2)),
            ((-7.0, 2.0), (1, 4)),
            ((-1e-300, 1.0), (1, 1)),
            ((5.0, INF), (1, 0)),
            ((5.0, 0.0), (1, NAN)),
            ((NAN, 2.0), (1, NAN)),
        ],
    ),
    Case(
        np.copysign,
        [WIDE_PAIR],
        [lambda a, b: mp.sign(a) * mp.sign(b), lambda a, b: mp.mpf(0)],
        [
            ((2.0, -0.0), (-1, 0)),
            ((-2.0, 0.0), (-1, 0)),
            ((0.0, -1.0), (0, 0)),
            ((-0.0, -1.0), (0, 0)),
            ((INF, -1.0), (-1, 0)),
            ((NAN, 1.0), (NAN, 0)),
        ],
    ),
    Case(
        np.heaviside,
        [WIDE_PAIR],
        [lambda a, b: mp.mpf(0), lambda a, b: mp.mpf(0)],
        [
            ((0.0, 0.5), (0, 1)),
            ((-0.0, 0.5), (0, 1)),
            ((2.0, 0.5), (0, 0)),
            ((INF, 0.5), (0, 0)),
            ((NAN, 0.5), (0, NAN)),
        ],
    ),
    Case(
        np.ldexp,
        [pair(signed(TINY, HUGE), lambda rng, n: rng.integers(-1022, 1023, n))],
        [lambda a, b: mp.ldexp(1, int(b)), None],
        [((0.0, 3), (8, None)), ((3.0, -2), (0.25, None)), ((1.0, 2000), (INF, None))],
    ),
]

CASE_OF = {case.function: case for case in CASES}
