"""Partial derivatives of element-wise functions as the textbooks write them.

The partials of the rule table are written for rounding.  Where that is also how one reads them
(``cos(x)``, ``1/b``), the table itself is called on symbols; so it is for users' own rules.  The
others stand here in textbook form, and a test compares every one with the table.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from dualmc.derivation.notation.symbols import PI, ZERO, Expr, apply, call, expr, power
from dualmc.errors import forget
from dualmc.rules.table import RULES

# A formula longer than this is not read by anyone.
LONGEST = 300


def where(condition: Expr, a: Any, b: Any) -> Expr:
    return Expr("where", condition, expr(a), expr(b))


def _sigmoid(p: Expr, q: Expr) -> Expr:
    return 1 / (1 + np.exp(q - p))


def _larger(p: Expr, q: Expr) -> Expr:
    return where(Expr("gt", p, q), 1, 0)


def _smaller(p: Expr, q: Expr) -> Expr:
    return where(Expr("lt", p, q), 1, 0)


def _ln(x: Any) -> Expr:
    return call("log", x)


TEXTBOOK: dict[Any, tuple[Callable[..., Any], ...]] = {
    np.exp: (lambda x: np.exp(x),),
    np.exp2: (lambda x: power(2, x) * _ln(2),),
    np.log2: (lambda x: 1 / (x * _ln(2)),),
    np.log10: (lambda x: 1 / (x * _ln(10)),),
    np.sqrt: (lambda x: 1 / (2 * np.sqrt(x)),),
    np.cbrt: (lambda x: 1 / (3 * call("cbrt", x) ** 2),),
    np.reciprocal: (lambda x: -1 / x**2,),
    np.tan: (lambda x: 1 / np.cos(x) ** 2,),
    np.arcsin: (lambda x: 1 / np.sqrt(1 - x**2),),
    np.arccos: (lambda x: -1 / np.sqrt(1 - x**2),),
    np.arctan: (lambda x: 1 / (1 + x**2),),
    np.tanh: (lambda x: 1 / np.cosh(x) ** 2,),
    np.arcsinh: (lambda x: 1 / np.sqrt(1 + x**2),),
    np.arccosh: (lambda x: 1 / np.sqrt(x**2 - 1),),
    np.arctanh: (lambda x: 1 / (1 - x**2),),
    np.deg2rad: (lambda x: PI / 180,),
    np.radians: (lambda x: PI / 180,),
    np.rad2deg: (lambda x: 180 / PI,),
    np.degrees: (lambda x: 180 / PI,),
    np.sinc: (lambda x: (np.cos(PI * x) - call("sinc", x)) / x,),
    np.divide: (lambda a, b: 1 / b, lambda a, b: -a / b**2),
    np.power: (lambda a, b: b * a ** (b - 1), lambda a, b: a**b * _ln(a)),
    np.float_power: (lambda a, b: b * a ** (b - 1), lambda a, b: a**b * _ln(a)),
    np.arctan2: (lambda a, b: b / (a**2 + b**2), lambda a, b: -a / (a**2 + b**2)),
    np.hypot: (lambda a, b: a / call("hypot", a, b), lambda a, b: b / call("hypot", a, b)),
    np.logaddexp: (lambda a, b: _sigmoid(a, b), lambda a, b: _sigmoid(b, a)),
    np.logaddexp2: (
        lambda a, b: 1 / (1 + power(2, b - a)),
        lambda a, b: 1 / (1 + power(2, a - b)),
    ),
    np.maximum: (lambda a, b: _larger(a, b), lambda a, b: _larger(b, a)),
    np.minimum: (lambda a, b: _smaller(a, b), lambda a, b: _smaller(b, a)),
    np.fmax: (lambda a, b: _larger(a, b), lambda a, b: _larger(b, a)),
    np.fmin: (lambda a, b: _smaller(a, b), lambda a, b: _smaller(b, a)),
    np.fmod: (lambda a, b: 1, lambda a, b: -call("trunc", a / b)),
    np.remainder: (lambda a, b: 1, lambda a, b: -call("floor", a / b)),
    np.heaviside: (lambda a, b: 0, lambda a, b: where(Expr("eq", a, ZERO), 1, 0)),
    np.ldexp: (lambda a, b: power(2, b), lambda a, b: 0),
}


def elementwise_formula(function: Any, slot: int, args: tuple[Expr, ...]) -> Expr | None:
    """The partial of an element-wise function by argument `slot`; None if it has no formula."""
    if function in TEXTBOOK:
        return expr(TEXTBOOK[function][slot](*args))
    partial = RULES[function].partials[slot]
    if not callable(partial):
        return expr(partial)
    try:
        e = expr(partial(*args, apply(function, *args)))
    except Exception as error:  # a user's rule may do what formulas cannot
        forget(error)
        return None
    return e if e.size <= LONGEST else None
