"""Stand-ins for the functions of the module math, which convert what they are given to floats."""

import math
import operator

import numpy as np

from dualmc.duals import weak
from dualmc.duals.elements import opened
from dualmc.graph.traced import Traced
from dualmc.kernels.payload import values
from dualmc.rules.table import Rule
from dualmc.steps import floats
from dualmc.steps.elementwise import push
from dualmc.unchanged.standins.table import (
    STANDINS,
    by_own_method,
    exact,
    has_carrier,
    is_carrier,
    looked_at,
    operand,
    stands_for,
)  # fmt: skip

# --- Functions of numbers ------------------------------------------------------------------------


def _special(name):
    try:
        import scipy.special
    except ImportError:
        raise ImportError(
            f"The derivative of math.{name.replace('gammaln', 'lgamma')} needs SciPy. Install it "
            f"with: pip install dualmc[sparse]"
        ) from None
    return getattr(scipy.special, name)


TWO_OVER_ROOT_PI = 1.1283791670955126
ERF = Rule((lambda x, y: TWO_OVER_ROOT_PI * np.exp(-x * x),), kernel=False)
ERFC = Rule((lambda x, y: -TWO_OVER_ROOT_PI * np.exp(-x * x),), kernel=False)
_OF_THE_SAME_NAME = """
    sqrt exp expm1 exp2 log1p log2 log10 sin cos tan sinh cosh tanh fabs copysign cbrt degrees
    radians fmod
""".split()
_FORMULAS = {name: getattr(np, name) for name in _OF_THE_SAME_NAME} | {
    "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "atan2": np.arctan2,
    "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh, "pow": np.power,
    "log": lambda x, base=None: np.log(x) if base is None else np.log(x) / np.log(base),
    "hypot": lambda *xs: np.linalg.norm(np.stack([operand(x) for x in xs])),
    "remainder": lambda x, y: x - y * np.rint(values(x) / values(y)),
    "ldexp": lambda x, i: np.ldexp(x, operator.index(i)),
    "erf": lambda x: push(ERF, np.frompyfunc(math.erf, 1, 1), (x,)),
    "erfc": lambda x: push(ERFC, np.frompyfunc(math.erfc, 1, 1), (x,)),
    "gamma": lambda x: _special("gamma")(x),
    "lgamma": lambda x: _special("gammaln")(x),
    "fma": lambda x, y, z: x * y + z,
}  # fmt: skip


def _exact_float(function, formula, *args):
    """`exact`, for functions that read Python floats and return one."""
    if any(map(weak.is_narrow, args)):
        return weak.marked(exact(function, formula, *map(weak.widened, args)))
    y = floats.noted(exact(function, formula, *args))
    if type(y) is Traced:
        y._recorder.floats.add(y.node.serial)
    return y


def _own_float(a):
    """What an object's own ``__float__`` gives, where that is Python code; else as it is."""
    y = None if type(a) in (float, int) else by_own_method(a, "__float__")
    return a if y is None else y


def _of_numbers(name, original, formula):
    def standin(*args):
        args = [opened(a) for a in args]
        if not any(map(is_carrier, args)):
            args = [_own_float(a) for a in args]
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
    return standin


for _name, _formula in _FORMULAS.items():
    if hasattr(math, _name):  # some are a later Python's
        _original = getattr(math, _name)
        STANDINS[_original] = _of_numbers(_name, _original, _formula)


# --- What is asked of values, and parts of a number ----------------------------------------------


def _of_values(original):
    def standin(*args, **kwargs):
        args = [looked_at(a) for a in args]
        return original(*args, **kwargs)

    return standin


def _test(original, ufunc):
    def standin(x):
        return bool(ufunc(x)) if type(x) is Traced and not x.ndim else original(looked_at(x))

    return standin


STANDINS |= {original: _of_values(original) for original in (math.isclose, math.ulp)}
for _ufunc in (np.isnan, np.isinf, np.isfinite):
    _original = getattr(math, _ufunc.__name__)
    STANDINS[_original] = _test(_original, _ufunc)


@stands_for(math.modf)
def modf(x):
    return np.modf(x) if is_carrier(x) else math.modf(x)


@stands_for(math.frexp)
def frexp(x):
    """x / 2**e, and the whole number e."""
    if not is_carrier(x):
        return math.frexp(x)
    _, e = math.frexp(looked_at(x))
    return np.ldexp(x, -e), e


@stands_for(math.nextafter)
def nextafter(x, y, **kwargs):
    """It moves with x."""
    if not is_carrier(x):
        return math.nextafter(x, looked_at(y), **kwargs)
    return exact(lambda a, b: nextafter(a, b, **kwargs), lambda a, b: a * 1.0, x, y)


# --- Functions of sequences ----------------------------------------------------------------------


@stands_for(math.fsum)
def fsum(iterable):
    items = list(iterable)
    if not has_carrier(items):
        return math.fsum(items)
    return _exact_float(lambda *xs: fsum(xs), lambda *xs: sum(xs), *items)


@stands_for(math.prod)
def prod(iterable, *, start=1):
    for item in iterable:
        start = start * item
    return start


def _of_two(original, formula):
    """A function of two sequences, by a formula of their pairs."""

    def standin(p, q, /):
        p, q = list(p), list(q)
        if not has_carrier([p, q]):
            return original(p, q)
        if len(p) != len(q):
            return original(p, q)  # raises
        n = len(p)
        return _exact_float(
            lambda *both: standin(both[:n], both[n:]),
            lambda *both: formula(zip(both[:n], both[n:], strict=True)),
            *p, *q,
        )  # fmt: skip

    return standin


STANDINS[math.dist] = _of_two(
    math.dist, lambda pairs: np.linalg.norm(np.stack([operand(a - b) for a, b in pairs]))
)
if hasattr(math, "sumprod"):  # a later Python's
    STANDINS[math.sumprod] = _of_two(math.sumprod, lambda pairs: sum(a * b for a, b in pairs))
