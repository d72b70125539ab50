"""Complex numbers: their parts, and the functions of ``np.emath``, which turn complex.

Real and imaginary part, modulus and conjugate are not holomorphic: their derivatives are taken with
respect to the real inputs.
"""

import numpy as np

from dualmc.duals import choices, halving, views
from dualmc.duals.dual import Dual, make
from dualmc.duals.operands import as_operand
from dualmc.functions.results import exact
from dualmc.kernels.payload import values
from dualmc.rules.registry import handles, register_one
from dualmc.rules.table import RULES
from dualmc.steps.elementwise import push


def _complex_absolute(x):
    """|z| with derivative Re(conj(z) z_dot)/|z|, and 0 at z = 0."""
    return np.hypot(np.real(x), np.imag(x))


@handles("composite", np.absolute)
def absolute(x):
    if x.dtype.kind != "c":
        y = push(RULES[np.absolute], np.absolute, (x,))
        return choices.settled(np.absolute, y, (x,)) if type(y._primal) is Dual else y
    return exact(np.absolute, _complex_absolute, x)


@handles("composite", np.conjugate)
def conjugate(x):
    if x.dtype.kind != "c":
        return push(RULES[np.conjugate], np.conjugate, (x,))
    t = x.own_tangent()
    return make(np.conjugate(x.primal), None if t is None else t.part(np.conj), x.level)


@handles("composite", np.sign)
def sign(x):
    """Flat for reals; z/|z| for complex numbers."""
    if choices.reporting:
        choices.passed(np.sign, (x,))
    if x.dtype.kind != "c":
        if x.level.open:
            halving.compared(x, 0.0, np.greater(values(x), 0))
        return make(
            np.sign(x.primal) if type(x.primal) is not Dual else sign(x.primal), None, x.level
        )
    return exact(np.sign, lambda z: z / np.absolute(z), x)


@handles("selection", np.real)
def real(val):
    return _part(np.real, val)


@handles("selection", np.imag)
def imag(val):
    if val.dtype.kind != "c":
        y = make(np.zeros(val.shape, val.dtype), None, val.level)
        return y if val.is_number else y.as_array()
    return _part(np.imag, val)


def _part(function, x):
    if x.dtype.kind != "c":
        return x
    if x.is_number:
        t = x.own_tangent()
        return make(function(x.primal), None if t is None else t.part(function), x.level)
    return make(function(x.primal), None, x.level, views.PartView(x, function))


@handles("composite", np.angle)
def angle(z, deg=False):
    y = np.arctan2(np.imag(z), np.real(z))
    y = np.degrees(y) if deg else y
    return exact(lambda z: np.angle(z, deg), lambda z: y, z)


@handles("selection", np.real_if_close)
def real_if_close(a, tol=100):
    return np.real(a) if np.isrealobj(np.real_if_close(values(a), tol)) else a


# --- Complex beyond the real domain --------------------------------------------------------------


def _complex_where(outside, x):
    """`x`, complex if an element is real and `outside` of the domain; the values decide."""
    x = as_operand(x)
    x = x if type(x) is Dual else np.asarray(x)
    number = values(x)
    if number.dtype.kind == "c" or not np.any(outside(number)):
        return x
    return np.multiply(x, np.ones((), np.complex64 if number.itemsize <= 4 else np.complex128))


def _is_negative(x):
    return x < 0


def _is_beyond_one(x):
    return np.absolute(x) > 1


def _register(name, outside):
    function, plain = getattr(np.emath, name), getattr(np, name)

    def handler(x):
        return plain(_complex_where(outside, x))

    register_one("composite", function, handler)


for _name in ("sqrt", "log", "log2", "log10"):
    _register(_name, _is_negative)


for _name in ("arccos", "arcsin", "arctanh"):
    _register(_name, _is_beyond_one)


@handles("composite", np.emath.logn)
def logn(n, x):
    return np.log(_complex_where(_is_negative, x)) / np.log(_complex_where(_is_negative, n))


@handles("composite", np.emath.power)
def power(x, p):
    p = as_operand(p)
    p = p if type(p) is Dual else np.asarray(p)
    if p.dtype.kind in "iu" and np.any(values(p) < 0):
        p = p * 1.0
    return np.power(_complex_where(_is_negative, x), p)
