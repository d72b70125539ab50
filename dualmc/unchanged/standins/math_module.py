"""Stand-ins for the functions of the module math, which convert what they are given to floats."""

import math
import operator

import numpy as np

from dualmc.duals import weak
from dualmc.duals.elements import opened
from dualmc.graph.traced import Traced
from dualmc.kernels.payload import values
from dualmc.rules.table import Rule
from dualmc.steps.elementwise import push
from dualmc.unchanged.standins.table import (
    STANDINS,
    exact,
    has_carrier,
    is_carrier,
    looked_at,
    operand,
)


def _exact_float(function, formula, *args):
    """`exact`, for functions that read Python floats and return one."""
    if any(map(weak.is_narrow, args)):
        return weak.marked(exact(function, formula, *map(weak.widened, args)))
    return exact(function, formula, *args)


def _register_math(name, formula):
    original = getattr(math, name, None)
    if original is None:  # a later Python's
        return

    def standin(*args):
        args = [opened(a) for a in args]
        if not any(map(is_carrier, args)):
            return original(*args)
        for a in args:
            if np.ndim(a):
                raise TypeError(
                    f"math.{name} needs numbers; got an array of shape {np.shape(a)}. Use the "
                    f"NumPy function, which works element by element."
                )
        return _exact_float(standin, formula, *args)

    standin.__name__ = name
    standin.__doc__ = original.__doc__
    STANDINS[original] = standin


def _register_math_functions():
    for name in """
        sqrt exp expm1 exp2 log1p log2 log10 sin cos tan sinh cosh tanh fabs copysign cbrt degrees
        radians fmod
    """.split():
        _register_math(name, getattr(np, name))
    for name, ufunc in {
        "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "atan2": np.arctan2,
        "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh, "pow": np.power,
    }.items():  # fmt: skip
        _register_math(name, ufunc)
    _register_math(
        "log", lambda x, base=None: np.log(x) if base is None else np.log(x) / np.log(base)
    )
    _register_math("hypot", lambda *xs: _norm(xs))
    _register_math("remainder", lambda x, y: x - y * np.rint(values(x) / values(y)))
    _register_math("ldexp", lambda x, i: np.ldexp(x, operator.index(i)))
    _register_math("erf", lambda x: push(ERF, np.frompyfunc(math.erf, 1, 1), (x,)))
    _register_math("erfc", lambda x: push(ERFC, np.frompyfunc(math.erfc, 1, 1), (x,)))
    _register_math("gamma", lambda x: _special("gamma")(x))
    _register_math("lgamma", lambda x: _special("gammaln")(x))
    _register_math("fma", lambda x, y, z: x * y + z)
    for name in ("isnan", "isinf", "isfinite"):
        _register_test(name, getattr(np, name))
    for name in ("isclose", "ulp"):
        _register_values(name)


def _norm(xs):
    return np.linalg.norm(np.stack([operand(x) for x in xs]))


TWO_OVER_ROOT_PI = 1.1283791670955126
ERF = Rule((lambda x, y: TWO_OVER_ROOT_PI * np.exp(-x * x),), kernel=False)
ERFC = Rule((lambda x, y: -TWO_OVER_ROOT_PI * np.exp(-x * x),), kernel=False)


def _special(name):
    try:
        import scipy.special
    except ImportError:
        raise ImportError(
            f"The derivative of math.{name.replace('gammaln', 'lgamma')} needs SciPy. Install it "
            f"with: pip install dualmc[sparse]"
        ) from None
    return getattr(scipy.special, name)


def _register_values(name):
    original = getattr(math, name)

    def standin(*args, **kwargs):
        args = [looked_at(a) for a in args]
        return original(*args, **kwargs)

    STANDINS[original] = standin


def _register_parts():
    """Functions of one number that give two, or its neighbour."""

    def modf(x):
        return np.modf(x) if is_carrier(x) else math.modf(x)

    def frexp(x):  # x / 2**e, and the whole number e
        if not is_carrier(x):
            return math.frexp(x)
        _, e = math.frexp(looked_at(x))
        return np.ldexp(x, -e), e

    def nextafter(x, y, **kwargs):  # moves with x
        if not is_carrier(x):
            return math.nextafter(x, looked_at(y), **kwargs)
        return exact(lambda a, b: nextafter(a, b, **kwargs), lambda a, b: a * 1.0, x, y)

    for standin in (modf, frexp, nextafter):
        STANDINS[getattr(math, standin.__name__)] = standin


def _register_test(name, ufunc):
    original = getattr(math, name)

    def standin(x):
        return bool(ufunc(x)) if type(x) is Traced and not x.ndim else original(looked_at(x))

    STANDINS[original] = standin


def _register_sequences():
    def total(iterable):
        items = list(iterable)
        if not has_carrier(items):
            return math.fsum(items)
        return _exact_float(lambda *xs: total(xs), lambda *xs: sum(xs), *items)

    def product(iterable, *, start=1):
        for item in iterable:
            start = start * item
        return start

    def distance(p, q):
        p, q = list(p), list(q)
        if not has_carrier([p, q]):
            return math.dist(p, q)
        if len(p) != len(q):
            raise ValueError("both points must have the same number of dimensions")
        n = len(p)
        return _exact_float(
            lambda *both: distance(both[:n], both[n:]),
            lambda *both: _norm([a - b for a, b in zip(both[:n], both[n:], strict=True)]),
            *p, *q,
        )  # fmt: skip

    def sum_of_products(p, q, /):
        p, q = list(p), list(q)
        if not has_carrier([p, q]):
            return math.sumprod(p, q)
        n = len(p)
        return _exact_float(
            lambda *both: sum_of_products(both[:n], both[n:]),
            lambda *both: sum(a * b for a, b in zip(both[:n], both[n:], strict=True)),
            *p, *q,
        )  # fmt: skip

    for name, standin in (
        ("fsum", total), ("prod", product), ("dist", distance), ("sumprod", sum_of_products),
    ):  # fmt: skip
        if hasattr(math, name):  # some are a later Python's
            STANDINS[getattr(math, name)] = standin


_register_math_functions()
_register_parts()
_register_sequences()
