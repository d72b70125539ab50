"""Bessel functions."""

import numpy as np
import scipy.special as sc

from dualmc.rules.special.partials import ROOT_TWO_PI, refused, values
from dualmc.rules.special.series import is_scaled_far, scaled_slope
from dualmc.rules.table import select

ROOT_HALF_PI = 1.2533141373155003


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


def _struve_term(v, x):
    """``(x/2)^v / (sqrt(pi) gamma(v + 3/2))``, DLMF 11.4.28."""
    return np.power(0.5 * x, v) * (0.5641895835477563 * sc.rgamma(np.asarray(v, float) + 1.5))


def _hankel(name, sign=0):
    """Of a Hankel function, scaled by ``exp(sign i x)``."""
    function = getattr(sc, name)

    def slope(v, x, y):
        half = 0.5 * (function(v - 1.0, x) - function(v + 1.0, x))
        return half + sign * 1j * y if sign else half

    return refused(name, "the order"), slope


BESSEL = {  # jn is jv
    "struve": (
        _order("struve"),
        lambda v, x, y: 0.5 * (sc.struve(v - 1.0, x) - sc.struve(v + 1.0, x) + _struve_term(v, x)),
    ),
    "modstruve": (
        _order("modstruve"),
        lambda v, x, y: (
            0.5 * (sc.modstruve(v - 1.0, x) + sc.modstruve(v + 1.0, x) + _struve_term(v, x))
        ),
    ),
    "hankel1": _hankel("hankel1"),
    "hankel2": _hankel("hankel2"),
    "hankel1e": _hankel("hankel1e", -1),
    "hankel2e": _hankel("hankel2e", 1),
    "ber": (lambda x, y: sc.berp(x),),
    "bei": (lambda x, y: sc.beip(x),),
    "ker": (lambda x, y: sc.kerp(x),),
    "kei": (lambda x, y: sc.keip(x),),
    # x^2 w'' + x w' - i x^2 w = 0 for w = ber + i bei and w = ker + i kei (DLMF 10.61.3).
    "berp": (lambda x, y: -sc.bei(x) - y / x,),
    "beip": (lambda x, y: sc.ber(x) - y / x,),
    "kerp": (lambda x, y: -sc.kei(x) - y / x,),
    "keip": (lambda x, y: sc.ker(x) - y / x,),
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
