"""Ufuncs with several outputs (divmod, modf, frexp), and the parts of complex numbers.

Real and imaginary part, modulus and conjugate are not holomorphic: their derivatives are taken with
respect to the real inputs.
"""

import numpy as np

from dualmc.duals import choices, views
from dualmc.duals.dual import Dual, make
from dualmc.functions.summing.linear import exact
from dualmc.kernels.payload import values
from dualmc.rules.registry import handles
from dualmc.rules.table import RULES
from dualmc.steps.elementwise import push


@handles("composite", np.divmod)
def divmod_(a, b):
    return np.floor_divide(a, b), np.remainder(a, b)


@handles("composite", np.modf)
def modf(x):
    fraction, whole = np.modf(values(x))
    return _same_tangent(fraction, x, np.modf), make(whole, None, x.level)


def _same_tangent(y, x, function):
    if type(x.primal) is Dual:
        y = function(x.primal)[0]
    return make(y, x.own_tangent(), x.level)


@handles("composite", np.frexp)
def frexp(x):
    _, exponent = np.frexp(values(x))
    return np.ldexp(x, -exponent), exponent


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
