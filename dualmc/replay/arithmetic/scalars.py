"""The arithmetic that loops are made of: for every operation its NumPy form, used to fold
constants, and the kinds of numbers it takes and gives; `machine/operations.py` has the machine's.

`UFUNCS` says what a ufunc is in these: the name of an operation, or a formula in `np.*`.
"""

from typing import NamedTuple

import numpy as np


class Scalar(NamedTuple):
    numpy: object
    takes: str  # one letter per operand: f a float64, b a truth value
    gives: str


SCALARS = {
    "copy": Scalar(lambda a: a, "f", "f"),
    "number": Scalar(lambda a: a.astype(float), "b", "f"),
    "truth": Scalar(lambda a: a != 0, "f", "b"),
    "select": Scalar(np.where, "bff", "f"),
    "square": Scalar(np.square, "f", "f"),
    "reciprocal": Scalar(lambda a: 1.0 / a, "f", "f"),
    "signbit": Scalar(np.signbit, "f", "b"),
    "not": Scalar(np.logical_not, "b", "b"),
    "and": Scalar(np.logical_and, "bb", "b"),
    "or": Scalar(np.logical_or, "bb", "b"),
    "xor": Scalar(np.logical_xor, "bb", "b"),
}
_FLOAT1 = (
    "negative absolute sqrt exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan "
    "sinh cosh tanh arcsinh arccosh arctanh cbrt floor ceil trunc rint sign"
).split()
_FLOAT2 = (
    "add subtract multiply divide power arctan2 hypot copysign fmod maximum minimum fmax fmin"
).split()
_TESTS1 = ("isnan", "isinf", "isfinite")
COMPARISONS = ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal")

UFUNCS: dict = {
    np.square: "square",
    np.reciprocal: "reciprocal",
    np.signbit: "signbit",
    np.fabs: "absolute",
    np.float_power: "power",
    np.positive: "copy",
    np.conjugate: "copy",
    np.logical_not: "not",
    np.invert: "not",
    np.logical_and: "and",
    np.bitwise_and: "and",
    np.logical_or: "or",
    np.bitwise_or: "or",
    np.logical_xor: "xor",
    np.bitwise_xor: "xor",
}


def _register():
    for names, takes, gives in (
        (_FLOAT1, "f", "f"), (_FLOAT2, "ff", "f"), (_TESTS1, "f", "b"), (COMPARISONS, "ff", "b"),
    ):  # fmt: skip
        for name in names:
            ufunc = getattr(np, name)
            SCALARS[name] = Scalar(ufunc, takes, gives)
            UFUNCS[ufunc] = name


_register()


# --- Ufuncs that are formulas --------------------------------------------------------------------

DEGREE = 0.017453292519943295
RADIAN = 57.29577951308232


def _remainder(a, b):
    r = np.fmod(a, b)
    is_other = (r != 0) & (np.less(r, 0.0) ^ np.less(b, 0.0))
    return np.where(r == 0, np.copysign(0.0, b), np.where(is_other, r + b, r))


def _logaddexp(a, b):
    big, small = np.maximum(a, b), np.minimum(a, b)
    return np.where(big == small, big + 0.6931471805599453, big + np.log1p(np.exp(small - big)))


def _logaddexp2(a, b):
    big, small = np.maximum(a, b), np.minimum(a, b)
    more = 1.4426950408889634 * np.log1p(np.exp2(small - big))
    return np.where(big == small, big + 1.0, big + more)


def is_whole_or_half(p):
    """Whether a power p is made of products and a root."""
    return abs(p) <= 16 and 2 * p == int(2 * p)


def whole_or_half(a, p):
    """``a**p`` of such a power."""
    if p < 0:
        return 1.0 / whole_or_half(a, -p)
    n = int(p)
    y = np.sqrt(a) if p != n else None
    square = a
    while n:
        if n & 1:
            y = square if y is None else y * square
        n >>= 1
        if n:
            square = square * square
    return y if y is not None else np.where(a == a, 1.0, 1.0)


UFUNCS.update(
    {
        np.remainder: _remainder,
        np.logaddexp: _logaddexp,
        np.logaddexp2: _logaddexp2,
        np.deg2rad: lambda a: a * DEGREE,
        np.radians: lambda a: a * DEGREE,
        np.rad2deg: lambda a: a * RADIAN,
        np.degrees: lambda a: a * RADIAN,
        np.heaviside: lambda a, b: np.where(
            a > 0, 1.0, np.where(a == 0, b, np.where(a < 0, 0.0, a))
        ),
    }
)
