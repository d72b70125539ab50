"""``np.emath``, whose functions turn complex beyond their real domains, and ``np.i0``."""

import numpy as np

from dualmc.duals.dual import Dual
from dualmc.duals.operands import as_operand
from dualmc.functions.summing.linear import exact
from dualmc.kernels.payload import values
from dualmc.rules.registry import handles, register_one


def _complex_where(outside, x):
    """`x`, complex if an element is real and `outside` of the domain; the values decide."""
    x = as_operand(x)
    x = x if type(x) is Dual else np.asarray(x)
    number = values(x) if type(x) is Dual else x
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


@handles("composite", np.i0)
def i0(x):
    """NumPy's own value, and the derivatives of SciPy's: I0' = I1."""
    try:
        from scipy import special
    except ImportError:
        raise ImportError(
            "The derivative of numpy.i0 needs SciPy. Install it with: pip install dualmc[sparse]"
        ) from None
    return exact(np.i0, special.i0, x)
