"""Recording with the rounding of the machine code.

NumPy's own exp, tanh, ... may differ from those of the C library in the last bit.  A loop that ends
when two numbers are equal then takes other turns in a replay than in its recording, at the very
point recorded; recorded with the numbers that the machine code will compute, it does not.
"""

import math

import numpy as np

from dualmc.graph.nodes import UfuncMethod, called
from dualmc.replay.arithmetic.scalars import SCALARS, UFUNCS, is_whole_or_half, whole_or_half

# By their names in `scalars`; those of NumPy that round correctly, or not at all, need no other.
_LIBRARY = {
    "exp": math.exp, "exp2": math.exp2, "expm1": math.expm1, "log": math.log, "log2": math.log2,
    "log10": math.log10, "log1p": math.log1p, "sin": math.sin, "cos": math.cos, "tan": math.tan,
    "arcsin": math.asin, "arccos": math.acos, "arctan": math.atan, "sinh": math.sinh,
    "cosh": math.cosh, "tanh": math.tanh, "arcsinh": math.asinh, "arccosh": math.acosh,
    "arctanh": math.atanh, "cbrt": math.cbrt, "power": math.pow, "arctan2": math.atan2,
}  # fmt: skip
_SUMS = frozenset({np.sum, UfuncMethod(np.add, "reduce")})


def machine(function, args, options):
    """What the machine code makes of plain values, as far as that is known; else NumPy."""
    if isinstance(function, np.ufunc) and not options:
        form = UFUNCS.get(function)
        if form is not None and all(map(_is_number, args)):
            return _made(form, args).values[()]
    elif function in _SUMS and not options and len(args) == 1 and _is_number(args[0]):
        return np.add.accumulate(np.ravel(args[0]))[-1] if np.size(args[0]) else 0.0
    return called(function, args, options)


def _is_number(a):
    return issubclass(type(a), (float, int)) or getattr(a, "dtype", None) in (np.float64, bool)


def _made(form, args):
    numbers = [Numbers(np.asarray(a)) for a in args]
    if form == "power" and not issubclass(type(args[1]), np.ndarray):  # arrays may vary
        p = float(args[1])
        if is_whole_or_half(p):
            return whole_or_half(numbers[0], p)
    return form(*numbers) if callable(form) else _applied(form, *numbers)


class Numbers(np.lib.mixins.NDArrayOperatorsMixin):
    """An array on which ufuncs, and the formulas made of them, round as the machine code."""

    __slots__ = ("values",)

    def __init__(self, values):
        self.values = values

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        form = UFUNCS.get(ufunc)
        if method != "__call__" or options or form is None:
            return NotImplemented
        return form(*inputs) if callable(form) else _applied(form, *inputs)

    def __array_function__(self, function, types, args, options):
        if function is not np.where:
            return NotImplemented
        return Numbers(np.where(*map(_values, args)))


def _values(a):
    return a.values if type(a) is Numbers else np.asarray(a)


def _applied(name, *operands):
    values = [_values(a) for a in operands]
    with np.errstate(all="ignore"):
        y = np.asarray(SCALARS[name].numpy(*values))
    function = _LIBRARY.get(name)
    if function is None:
        return Numbers(y)
    out = np.array(y, float)
    for i, numbers in enumerate(np.broadcast(*values)):
        try:
            out.flat[i] = function(*map(float, numbers))
        except (ValueError, OverflowError):  # an infinity or NaN, where there is no rounding
            continue
    return Numbers(out)
