"""The table of awkward points: where a derivative is a matter of choice, and what is chosen.

Each row is a function as users write it, a point, and the Jacobian there, written by hand from the
conventions of the library and from calculus; nothing is computed by the library.  The function is
kept as text, so that `docs/conventions.md` shows what was run, and so that other libraries run the
same text with `np` bound to theirs.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

INF = np.inf
NAN = np.nan
EYE2 = [[1.0, 0.0], [0.0, 1.0]]
ZERO2 = [[0.0, 0.0], [0.0, 0.0]]
NAN2 = [[NAN, NAN], [NAN, NAN]]
SINGULAR = [[1.0, 2.0], [2.0, 4.0]]
RANK_ONE = [[1.0, 0.0], [0.0, 0.0]]


class Row(NamedTuple):
    """One awkward point."""

    # An expression in `np` and `x`, or statements that end in ``return``.
    code: str
    x: object
    # Shape ``y.shape + x.shape``; None where an error is expected.
    J: object
    reason: str
    # Shape ``y.shape + x.shape + x.shape``; None where no second derivative is promised.
    second: object = None
    # Where reverse mode gives another one: the other order of products meets 0 * inf elsewhere.
    reverse: object = None
    # The name of the error expected.
    raises: str | None = None
    note: str = ""

    @property
    def name(self):
        return f"{self.code} at {point(self.x)}"


def point(x):
    """The point as the page shows it."""
    x = np.asarray(x)
    return "empty" if x.size == 0 else str(x.tolist())


@cache
def compiled(code, module=np):
    """`code` as a function of x, with `np` bound to `module`."""
    body = code if "return " in code else f"return {code}"
    scope = {"np": module}
    exec(f"def f(x):\n    {body}\n", scope)
    return scope["f"]


def zeros(*shape):
    return np.zeros(shape)


def entries(shape, **values):
    """Zeros but for the entries named by their indices, as in ``_01=2.0``."""
    a = np.zeros(shape)
    for key, value in values.items():
        a[tuple(int(digit) for digit in key[1:])] = value
    return a


# The Jacobian of a Cholesky factor L of [[4, 2], [2, 5]], L = [[2, 0], [1, 2]], from
# l11 = sqrt(a11), l21 = a21 / l11, l22 = sqrt(a22 - l21**2).
CHOLESKY = entries(
    (2, 2, 2, 2), _0000=1 / 4, _1000=-1 / 8, _1010=1 / 2, _1100=1 / 16, _1110=-1 / 4, _1111=1 / 4
)
# Of A = e1 e1^T at constant rank: d pinv(A) = -P dA P + P P^T dA^T (1 - A P) + ..., P = e1 e1^T.
PINV = entries((2, 2, 2, 2), _0000=-1.0, _0110=1.0, _1001=1.0)
# det is bilinear: the second derivatives of a d - b c.
DET_SECOND = entries((2, 2, 2, 2), _0011=1.0, _1100=1.0, _0110=-1.0, _1001=-1.0)
# Neither vectors nor their derivatives exist; the upper triangle is not read.
VECTORS = np.broadcast_to([[NAN, 0.0], [NAN, NAN]], (2, 2, 2, 2))
MEAN_OF_TWO = [[[0.5, 0.0], [0.0, 0.5]]] * 2

CONSTANT_WINS = "the constant wins a tie"
SHARED = "shared equally by all that reach it"
BY_VALUE = "the branch is chosen by the value, and differentiated as it stands"
PRODUCT_RULE = "exact, without a division"
FLAT = "locally constant"
NOT_TAKEN = "of what is not taken, not even an infinite derivative counts"
TRUE_ZERO = "a derivative that is exactly 0 stays 0 beside an infinity"
TWO_ORDERS = "0 times inf is unknown; each mode sees the zeros of its own order of products"
MASKED = "a masked element has no part"
FROM_INSIDE = "the derivative from inside the domain"

TABLE = {
    "Maximum, minimum, clip": [
        Row("np.maximum(0, x)", 0.0, 0.0, CONSTANT_WINS, NAN),
        Row("np.maximum(x, 0)", 0.0, 0.0, CONSTANT_WINS, NAN),
        Row("np.where(x > 0, x, 0)", 0.0, 0.0, BY_VALUE, 0.0),
        Row("np.where(x >= 0, x, 0)", 0.0, 1.0, BY_VALUE, 0.0),
        Row("(x > 0) * x", 0.0, 0.0, "a comparison is 0 or 1, and constant", 0.0),
        Row("x * (x > 0)", 0.0, 0.0, "a comparison is 0 or 1, and constant", 0.0),
        Row("x[x < 0] = 0; return x", [-1.0, 0.0, 1.0], np.diag([0.0, 1.0, 1.0]), BY_VALUE),
        Row("max(0.0, x)", 0.0, 0.0, "Python's max returns the first of equals", 0.0),
        Row("max(x, 0.0)", 0.0, 1.0, "Python's max returns the first of equals", 0.0),
        Row("(x + np.abs(x)) / 2", 0.0, 0.5, "half of x, and abs has slope 0 at 0"),
        Row("np.minimum(x, 1.0)", 1.0, 0.0, CONSTANT_WINS, NAN),
        Row("np.fmax(x, 0.0)", 0.0, 0.0, CONSTANT_WINS, NAN),
        Row("np.clip(x, -1, 1)", [-1.0, 0.0, 1.0], np.diag([0.0, 1.0, 0.0]), CONSTANT_WINS),
        Row(
            "np.clip(x, np.array([-1.0, -1.0, 0.0]), np.array([1.0, 1.0, 1.0]))",
            [-1.0, 0.0, 1.0], np.diag([0.0, 1.0, 0.0]), CONSTANT_WINS,
        ),
        Row("np.clip(x, 0, None)", 0.0, 0.0, CONSTANT_WINS, NAN),
        Row("np.clip(x[0], x[1], 1.0)", [0.0, 0.0], [0.5, 0.5], SHARED, NAN2),
        Row("np.clip(x[0], x[1], x[2])", [1.0, 1.0, 1.0], [0.25, 0.25, 0.5],
            "the minimum of a maximum, each shared equally"),
        Row("np.maximum(x[0], x[1])", [1.0, 1.0], [0.5, 0.5], SHARED, NAN2),
        Row("np.minimum(x[0], x[1])", [1.0, 1.0], [0.5, 0.5], SHARED, NAN2),
        Row("np.fmax(x[0], x[1])", [1.0, 1.0], [0.5, 0.5], SHARED, NAN2),
        Row("np.fmin(x[0], x[1])", [1.0, 1.0], [0.5, 0.5], SHARED, NAN2),
        Row("np.maximum(x, x)", 1.0, 1.0, "two halves", 0.0),
        Row("np.maximum(x[0], x[1])", [NAN, 1.0], [NAN, NAN], "the result is NaN"),
        Row("np.fmax(x[0], x[1])", [NAN, 1.0], [0.0, 1.0], "NaN is ignored", ZERO2),
        Row("np.fmin(x[0], x[1])", [NAN, 1.0], [0.0, 1.0], "NaN is ignored", ZERO2),
        Row("np.maximum(x, np.nan)", 1.0, NAN, "the result is NaN"),
        Row("np.fmax(x, np.nan)", 1.0, 1.0, "NaN is ignored", 0.0),
        Row("np.max(x)", [1.0, 3.0, 3.0], [0.0, 0.5, 0.5], SHARED,
            [[0.0, 0.0, 0.0], [0.0, NAN, NAN], [0.0, NAN, NAN]]),
        Row("np.min(x)", [1.0, 1.0, 3.0], [0.5, 0.5, 0.0], SHARED,
            [[NAN, NAN, 0.0], [NAN, NAN, 0.0], [0.0, 0.0, 0.0]]),
        Row("np.max(x, axis=1)", [[1.0, 1.0], [0.0, 2.0]],
            [[[0.5, 0.5], [0.0, 0.0]], [[0.0, 0.0], [0.0, 1.0]]], SHARED),
        Row("np.max(x, initial=1.0)", [1.0, 1.0], [0.0, 0.0], CONSTANT_WINS),
        Row("np.nanmax(x)", [NAN, 2.0, 2.0], [0.0, 0.5, 0.5], SHARED + "; NaN is ignored"),
        Row("np.max(x)", [NAN, 1.0], [1.0, 0.0], "the result is the element that is NaN"),
        Row("np.ptp(x)", [1.0, 1.0], [0.0, 0.0], "equal shares cancel"),
        Row("np.maximum.accumulate(x)", [1.0, 1.0, 0.0], [[1.0, 0.0, 0.0]] * 3,
            "the first element that reached the value so far"),
        Row("max(x)", [1.0, 1.0], [1.0, 0.0], "Python's max returns the first of equals"),
    ],
    "Order": [
        Row("np.sort(x)", [2.0, 1.0, 1.0], [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]],
            "equal elements keep their order"),
        Row("np.argsort(x)", [2.0, 1.0, 1.0], zeros(3, 3), FLAT),
        Row("np.argmax(x)", [1.0, 1.0], [0.0, 0.0], FLAT),
        Row("np.median(x)", [1.0, 1.0, 2.0], [0.0, 1.0, 0.0],
            "the middle element, equals in their order"),
        Row("np.median(x)", [1.0, 1.0], [0.5, 0.5], "the mean of the middle two"),
        Row("np.percentile(x, 50)", [3.0, 1.0, 1.0, 2.0], [0.0, 0.0, 0.5, 0.5],
            "equal elements keep their order"),
        Row("np.quantile(x, 0.25)", [1.0, 1.0, 2.0, 3.0, 3.0], [0.0, 1.0, 0.0, 0.0, 0.0],
            "equal elements keep their order"),
        Row("np.unique(x)", [2.0, 1.0, 1.0], [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]],
            "the first of equals"),
    ],
    "Absolute value and sign": [
        Row("np.abs(x)", 0.0, 0.0, "the middle of the slopes -1 and 1", NAN),
        Row("abs(x)", 0.0, 0.0, "the middle of the slopes -1 and 1", NAN),
        Row("np.fabs(x)", 0.0, 0.0, "the middle of the slopes -1 and 1", NAN),
        Row("np.sqrt(x**2)", 0.0, 0.0, TWO_ORDERS, reverse=NAN, note="write `np.abs(x)`"),
        Row("np.sqrt(x * x)", 0.0, 0.0, TWO_ORDERS, reverse=NAN, note="write `np.abs(x)`"),
        Row("np.sign(x)", 0.0, 0.0, FLAT, 0.0),
        Row("np.copysign(x, 1.0)", 0.0, 0.0, "as abs", NAN),
        Row("np.copysign(x, -1.0)", 0.0, 0.0, "as abs", NAN),
        Row("np.copysign(1.0, x)", 0.0, 0.0, FLAT, 0.0),
        Row("np.heaviside(x, 0.5)", 0.0, 0.0, FLAT, 0.0),
        Row("np.heaviside(x[0], x[1])", [0.0, 0.5], [0.0, 1.0], "at 0 the second is the value",
            ZERO2),
        Row("np.abs(x[0] + 1j * x[1])", [0.0, 0.0], [0.0, 0.0], "the least norm, as at a minimum"),
        Row("np.angle(x[0] + 1j * x[1])", [0.0, 0.0], [NAN, NAN], "no limit from any side"),
        Row("np.arctan2(x[0], x[1])", [0.0, 0.0], [NAN, NAN], "no limit from any side"),
        Row("np.arctan2(x, x)", 0.0, NAN, "no limit from any side"),
    ],
    "Roots and powers": [
        Row("np.sqrt(x)", 0.0, INF, FROM_INSIDE, -INF),
        Row("np.cbrt(x)", 0.0, INF, "the tangent is vertical"),
        Row("x**0", 0.0, 0.0, "constantly 1", 0.0),
        Row("x**0.5", 0.0, INF, FROM_INSIDE, -INF),
        Row("x**1", 0.0, 1.0, "x", 0.0),
        Row("x**1.5", 0.0, 0.0, "1.5 * 0**0.5", INF),
        Row("x**2", 0.0, 0.0, "2 * x", 2.0),
        Row("x**2.0", 0.0, 0.0, "2 * x", 2.0),
        Row("x**3", 0.0, 0.0, "3 * x**2", 0.0),
        Row("x**-1", 0.0, -INF, "-1 / x**2", INF),
        Row("x ** np.array([0.0, 0.5, 1.0, 1.5, 2.0, -1.0])", 0.0,
            [0.0, INF, 1.0, 0.0, 0.0, -INF], "as the powers one by one",
            [0.0, -INF, 0.0, INF, 2.0, INF]),
        Row("x**3.0", -2.0, 12.0, "an integral exponent, whatever its type", -12.0),
        Row("0.0**x", 2.0, 0.0, "constantly 0", 0.0),
        Row("0.0**x", 0.0, -INF, "from 1 down to 0 at once: log(0)"),
        Row("x[0] ** x[1]", [0.0, 0.0], [0.0, -INF],
            "x**0 is constantly 1; 0**y drops from 1 to 0"),
        Row("x[0] ** x[1]", [0.0, 2.0], [0.0, 0.0], "2 * x; 0**y is constantly 0",
            [[2.0, 0.0], [0.0, 0.0]]),
        Row("x[0] ** x[1]", [0.0, 1.0], [1.0, 0.0], "x; 0**y is constantly 0"),
        Row("x[0] ** x[1]", [-1.0, 2.0], [-2.0, NAN],
            "2 * x; beside an integral exponent there is no real power"),
        Row("x**x", 0.0, -INF, "log(x) + 1"),
        Row("np.hypot(x[0], x[1])", [0.0, 0.0], [0.0, 0.0], "as the norm at its minimum"),
    ],
    "Logarithms and quotients": [
        Row("np.log(x)", 0.0, INF, FROM_INSIDE, -INF),
        Row("np.log1p(x)", -1.0, INF, FROM_INSIDE, -INF),
        Row("np.log(x)", -1.0, -1.0, "the value is NaN, the formula 1 / x is not",
            -1.0, note="only a NaN value tells"),
        Row("np.sqrt(x)", -1.0, NAN, "the value is NaN, and so is 0.5 / value", NAN),
        Row("np.arcsin(x)", 1.0, INF, FROM_INSIDE),
        Row("np.arccos(x)", 1.0, -INF, FROM_INSIDE),
        Row("np.arccosh(x)", 1.0, INF, FROM_INSIDE),
        Row("np.arctanh(x)", 1.0, INF, FROM_INSIDE),
        Row("1 / x", 0.0, -INF, "-1 / x**2", INF),
        Row("x / x", 0.0, NAN, "the value is 0 / 0", NAN),
        Row("np.sin(x) / x", 0.0, NAN, "the value is 0 / 0", NAN,
            note="write `np.sinc(x / np.pi)`"),
        Row("np.sinc(x)", 0.0, 0.0, "an even function", -np.pi**2 / 3),
        Row("x * np.log(x)", 0.0, NAN, TWO_ORDERS, reverse=-INF),
    ],
    "Branches": [
        Row("np.where(x > 0, np.sqrt(x), 0)", 0.0, 0.0, TRUE_ZERO, 0.0),
        Row("np.where(x > 0, x * np.log(x), 0)", 0.0, 0.0, TRUE_ZERO, 0.0),
        Row("np.where(x > 0, 1 / x, 0)", 0.0, 0.0, TRUE_ZERO, 0.0),
        Row("np.where(x == 0, 1, np.sin(x) / x)", 0.0, 0.0, TRUE_ZERO, 0.0),
        Row("np.sqrt(np.where(x > 0, x, 0))", 0.0, 0.0, TRUE_ZERO, 0.0),
        Row("np.select([x > 0], [np.sqrt(x)], 0.0)", [0.0, 1.0], [[0.0, 0.0], [0.0, 0.5]],
            TRUE_ZERO),
        Row("np.piecewise(x, [x < 0, x >= 0], [lambda z: -z, lambda z: z**2])", [-1.0, 0.0],
            [[-1.0, 0.0], [0.0, 0.0]], BY_VALUE),
        Row("x[0] ** 2 if x[0] > 0 else -x[0]", [0.0], [-1.0], BY_VALUE, [[0.0]]),
        Row("np.sin(x) / x if x != 0 else 1.0", 0.0, 0.0, "the branch taken is constant", 0.0),
        Row("x**2 if x == 0 else np.sin(x)", 0.0, 0.0, BY_VALUE, 2.0),
    ],
    "Zero factors and infinite derivatives": [
        Row("np.maximum(np.sqrt(x), 1)", 0.0, 0.0, NOT_TAKEN, 0.0),
        Row("np.maximum(np.sqrt(x), x + 1)", 0.0, 1.0, NOT_TAKEN, 0.0),
        Row("np.minimum(1, 1 / x)", [0.0, 2.0], np.diag([0.0, -0.25]), NOT_TAKEN),
        Row("np.fmax(np.log(x), -5)", 0.0, 0.0, NOT_TAKEN, 0.0),
        Row("np.clip(np.log(x), -5, 5)", 0.0, 0.0, NOT_TAKEN, 0.0),
        Row("np.sqrt(np.maximum(x, 0))", [-1.0, 0.0, 1.0], np.diag([0.0, 0.0, 0.5]), NOT_TAKEN),
        Row("np.sqrt(np.clip(x, 0, 1))", -1.0, 0.0, NOT_TAKEN, 0.0),
        Row("np.heaviside(x, 1 / (x - 1))", 1.0, 0.0, NOT_TAKEN, 0.0),
        Row("np.sqrt(np.abs(x))", 0.0, 0.0, TWO_ORDERS, reverse=NAN),
        Row("np.abs(np.sqrt(x))", 0.0, NAN, TWO_ORDERS, reverse=0.0),
        Row("np.sqrt(x) ** 0", 0.0, NAN, TWO_ORDERS, reverse=0.0, note="the value is constant"),
        Row("0.0 * np.sqrt(x)", 0.0, 0.0, "a constant factor that is exactly 0 gives 0", 0.0),
        Row("np.sqrt(x) * 0", 0.0, 0.0, "a constant factor that is exactly 0 gives 0", 0.0),
        Row("np.dot(np.array([0.0, 1.0]), np.sqrt(x))", [0.0, 1.0], [0.0, 0.5],
            "a constant factor that is exactly 0 gives 0"),
        Row("np.array([[0.0, 1.0]]) @ np.sqrt(x)", [0.0, 1.0], [[0.0, 0.5]],
            "a constant factor that is exactly 0 gives 0"),
        Row("np.sum(np.array([0.0, 1.0]) * np.sqrt(x))", [0.0, 1.0], [0.0, 0.5],
            "a constant factor that is exactly 0 gives 0"),
        Row("np.cumsum(np.sqrt(x))", [0.0, 1.0], [[INF, 0.0], [INF, 0.5]],
            "an infinity stays in its own column"),
        Row("np.sqrt(x) ** 2", 0.0, NAN, TWO_ORDERS, reverse=0.0),
        Row("np.sqrt(x) * np.sin(x)", 0.0, NAN, TWO_ORDERS, reverse=0.0),
        Row("np.sqrt(x) - np.sqrt(x)", 0.0, NAN, "inf - inf"),
        Row("x * np.inf", 0.0, INF, "a constant factor"),
        Row("np.array([x[0], 1.0]) * np.inf", [1.0], [[INF], [0.0]], TRUE_ZERO),
        Row("x * np.array([1.0, np.inf])", [1.0, 1.0], [[1.0, 0.0], [0.0, INF]], TRUE_ZERO),
        Row("np.array([[1.0, np.inf], [0.0, 1.0]]) @ x", [1.0, 1.0], [[1.0, INF], [0.0, 1.0]],
            TRUE_ZERO),
        Row("1 / (1 + np.exp(-x))", -1000.0, NAN, TWO_ORDERS, reverse=0.0,
            note="write `0.5 * (1 + np.tanh(x / 2))`"),
        Row("0.5 * (1 + np.tanh(x / 2))", -1000.0, 0.0, "the limit", 0.0),
        Row("np.log1p(np.exp(x))", 1000.0, NAN, TWO_ORDERS, reverse=0.0,
            note="the value is inf as well; write `np.logaddexp(0, x)`"),
    ],
    "Infinite and missing values": [
        Row("np.exp(x)", -INF, 0.0, "the limit", 0.0),
        Row("np.exp(x)", INF, INF, "the limit", INF),
        Row("np.tanh(x)", INF, 0.0, "the limit", 0.0),
        Row("np.arctan(x)", INF, 0.0, "the limit", 0.0),
        Row("np.log(x)", INF, 0.0, "the limit", 0.0),
        Row("np.sqrt(x)", INF, 0.0, "the limit", 0.0),
        Row("1 / x", INF, 0.0, "the limit", 0.0),
        Row("x - x", INF, 0.0, "constantly 0 by its derivative, though the value is NaN"),
        Row("np.exp(x)", [NAN, 0.0], [[NAN, 0.0], [0.0, 1.0]], "NaN stays with its element"),
        Row("np.sum(x**2)", [NAN, 1.0], [NAN, 2.0], "NaN stays with its element"),
        Row("np.sum(x)", [NAN, 1.0], [1.0, 1.0], "the derivative does not look at the value"),
        Row("x[0] * x[1]", [NAN, 1.0], [1.0, NAN], "each the other factor"),
        Row("np.nansum(x**2)", [NAN, 1.0], [0.0, 2.0], "NaN is left out"),
        Row("np.nanmean(x)", [NAN, 1.0], [0.0, 1.0], "NaN is left out"),
        Row("np.nan_to_num(x)", [NAN, INF, 1.0], np.diag([0.0, 0.0, 1.0]),
            "what is replaced is constant"),
    ],
    "Sums of exponentials": [
        Row("np.logaddexp(x[0], x[1])", [1.0, 1.0], [0.5, 0.5], "shares of the sum",
            [[0.25, -0.25], [-0.25, 0.25]]),
        Row("np.logaddexp(x[0], x[1])", [-INF, -INF], [0.5, 0.5], "equal terms share equally"),
        Row("np.logaddexp(x[0], x[1])", [-INF, 0.0], [0.0, 1.0], "shares of the sum"),
        Row("np.logaddexp(0, x)", 1000.0, 1.0, "the limit", 0.0),
        Row("m = np.max(x); return m + np.log(np.sum(np.exp(x - m)))", [1.0, 1.0], [0.5, 0.5],
            "the shift cancels, however a tie is shared", [[0.25, -0.25], [-0.25, 0.25]]),
        Row("m = np.max(x); return m + np.log(np.sum(np.exp(x - m)))", [1000.0, -INF], [1.0, 0.0],
            "the shift cancels", ZERO2),
        Row("m = np.max(x); return m + np.log(np.sum(np.exp(x - m)))", [-INF, -INF], [NAN, NAN],
            "the value is NaN: inf - inf"),
        Row("e = np.exp(x - np.max(x)); return e / np.sum(e)", [0.0, 0.0, -INF],
            [[0.25, -0.25, 0.0], [-0.25, 0.25, 0.0], [0.0, 0.0, 0.0]], MASKED),
        Row("z = np.where(np.array([True, True, False]), x, -np.inf); e = np.exp(z - np.max(z)); "
            "return e / np.sum(e)", [0.0, 0.0, 5.0],
            [[0.25, -0.25, 0.0], [-0.25, 0.25, 0.0], [0.0, 0.0, 0.0]], MASKED),
    ],
    "Norms and spread": [
        Row("np.linalg.norm(x)", [0.0, 0.0], [0.0, 0.0], "the least subgradient, as at a minimum"),
        Row("np.linalg.norm(x, 1)", [0.0, 0.0], [0.0, 0.0], "as abs"),
        Row("np.linalg.norm(x, np.inf)", [0.0, 0.0], [0.0, 0.0], "as abs"),
        Row("np.linalg.norm(x, np.inf)", [1.0, -1.0], [0.5, -0.5], SHARED),
        Row("np.linalg.norm(x, 3)", [0.0, 0.0], [0.0, 0.0], "the least subgradient"),
        Row("np.linalg.norm(x, axis=1)", [[0.0, 0.0], [3.0, 4.0]],
            [ZERO2, [[0.0, 0.0], [0.6, 0.8]]], "the least subgradient"),
        Row("np.linalg.norm(x)", ZERO2, ZERO2, "the least subgradient"),
        Row("np.linalg.norm(x, 2)", ZERO2, ZERO2, "the least subgradient"),
        Row("np.linalg.norm(x, 'nuc')", ZERO2, ZERO2, "the least subgradient"),
        Row("np.linalg.norm(x, 'nuc')", RANK_ONE, RANK_ONE, "the least subgradient"),
        Row("np.linalg.norm(x, 2)", EYE2, [[0.5, 0.0], [0.0, 0.5]],
            "shared by equal singular values"),
        Row("np.sqrt(np.sum(x**2))", [0.0, 0.0], [0.0, 0.0], TWO_ORDERS, reverse=[NAN, NAN],
            note="write `np.linalg.norm(x)`"),
        Row("np.std(x)", [1.0, 1.0], [0.0, 0.0], "as the norm of the deviations"),
        Row("np.std(x)", [1.0], [0.0], "constantly 0"),
        Row("np.nanstd(x)", [1.0, 1.0], [0.0, 0.0], "as the norm of the deviations"),
        Row("np.var(x)", [1.0, 1.0], [0.0, 0.0], "a square", [[0.5, -0.5], [-0.5, 0.5]]),
        Row("np.cov(x)", [1.0, 1.0], [0.0, 0.0], "a square", [[1.0, -1.0], [-1.0, 1.0]]),
    ],
    "Products": [
        Row("np.prod(x)", [2.0, 3.0], [3.0, 2.0], PRODUCT_RULE, [[0.0, 1.0], [1.0, 0.0]]),
        Row("np.prod(x)", [0.0, 2.0, 3.0], [6.0, 0.0, 0.0], PRODUCT_RULE,
            [[0.0, 3.0, 2.0], [3.0, 0.0, 0.0], [2.0, 0.0, 0.0]]),
        Row("np.prod(x)", [0.0, 0.0, 3.0], [0.0, 0.0, 0.0], PRODUCT_RULE,
            [[0.0, 3.0, 0.0], [3.0, 0.0, 0.0], [0.0, 0.0, 0.0]]),
        Row("np.prod(x)", [0.0, 0.0, 0.0], [0.0, 0.0, 0.0], PRODUCT_RULE, zeros(3, 3)),
        Row("np.cumprod(x)", [0.0, 2.0, 3.0],
            [[1.0, 0.0, 0.0], [2.0, 0.0, 0.0], [6.0, 0.0, 0.0]], PRODUCT_RULE),
        Row("np.cumprod(x)", [2.0, 0.0, 0.0],
            [[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 0.0]], PRODUCT_RULE),
        Row("np.linalg.det(x)", SINGULAR, [[4.0, -2.0], [-2.0, 1.0]], "the cofactors", DET_SECOND),
        Row("np.linalg.det(x)", ZERO2, ZERO2, "the cofactors", DET_SECOND),
    ],
    "Rounding and remainders": [
        Row("np.floor(x)", 1.0, 0.0, FLAT, 0.0),
        Row("np.ceil(x)", 1.0, 0.0, FLAT, 0.0),
        Row("np.trunc(x)", 1.0, 0.0, FLAT, 0.0),
        Row("np.rint(x)", 0.5, 0.0, FLAT, 0.0),
        Row("np.round(x)", 0.5, 0.0, FLAT, 0.0),
        Row("round(x)", 1.5, 0.0, FLAT, 0.0),
        Row("x // 1", 1.0, 0.0, FLAT, 0.0),
        Row("x % 1.0", 2.0, 1.0, "x less a multiple that is locally constant", 0.0),
        Row("x[0] % x[1]", [6.0, 3.0], [1.0, -2.0], "a - b * q with the q of the value", ZERO2),
        Row("np.remainder(x[0], x[1])", [-6.0, 3.0], [1.0, 2.0],
            "a - b * q with the q of the value", ZERO2),
        Row("np.fmod(x[0], x[1])", [-6.0, 3.0], [1.0, 2.0], "a - b * q with the q of the value",
            ZERO2),
        Row("divmod(x, 2.0)", 6.0, [0.0, 1.0], "the quotient is locally constant", [0.0, 0.0]),
        Row("np.divmod(x, 2.0)", 6.0, [0.0, 1.0], "the quotient is locally constant", [0.0, 0.0]),
        Row("np.modf(x)", 2.0, [1.0, 0.0], "the integral part is locally constant", [0.0, 0.0]),
    ],
    "Comparisons and conversions": [
        Row("x > 0", 0.0, 0.0, FLAT),
        Row("(x == 1) * 2.0", 1.0, 0.0, FLAT),
        Row("np.isclose(x, 1.0) * x", [1.0, 2.0], [[1.0, 0.0], [0.0, 0.0]],
            "a comparison is 0 or 1, and constant"),
        Row("int(x) * x", 2.5, 2.0, "int is locally constant", 0.0),
        Row("x.astype(int) * 1.0", 1.5, 0.0, FLAT),
        Row("float(x) * 2", 1.0, 2.0, "the float has the derivative of x"),
        Row("complex(x) * 2", 1.0, 2.0, "so has the complex number"),
        Row("np.real_if_close(x + 0j)", 1.0, 1.0, "the value decides whether it is real"),
        Row("np.searchsorted(np.array([0.0, 1.0]), x)", 1.0, 0.0, FLAT),
        Row("np.digitize(x, np.array([0.0, 1.0]))", [1.0], [[0.0]], FLAT),
    ],
    "Grids": [
        Row("np.interp(x, np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 0.0]))", 1.0, -1.0,
            "the slope on the right of a knot", NAN),
        Row("np.interp(x, np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 0.0]))",
            [-1.0, 0.0, 2.0, 3.0], np.diag([0.0, 1.0, -1.0, 0.0]),
            "at the ends the slope inside; 0 beyond"),
        Row("np.interp(1.0, np.array([0.0, 1.0, 2.0]), x)", [0.0, 1.0, 0.0], [0.0, 1.0, 0.0],
            "exact in the values"),
        Row("np.unwrap(x)", [0.0, 7.0], EYE2, "adds a locally constant multiple of the period"),
        Row("np.unwrap(x)", [0.0, np.pi], EYE2, "adds a locally constant multiple of the period"),
        Row("np.gradient(x)", [1.0, 1.0, 1.0],
            [[-1.0, 1.0, 0.0], [-0.5, 0.0, 0.5], [0.0, -1.0, 1.0]], "linear"),
        Row("np.trapezoid(np.array([1.0, 2.0, 3.0]), x)", [0.0, 0.0, 1.0], [-1.5, -1.0, 2.5],
            "an interval of length 0 counts too"),
    ],
    "Linear algebra": [
        Row("np.linalg.eigvalsh(x)", EYE2, MEAN_OF_TWO,
            "equal eigenvalues share the mean of their derivatives"),
        Row("np.linalg.eigh(x)[1]", EYE2, VECTORS, "vectors of equal eigenvalues jump"),
        Row("np.linalg.eigvals(x)", EYE2, np.full((2, 2, 2), NAN),
            "equal eigenvalues split without a derivative"),
        Row("np.linalg.svd(x, compute_uv=False)", EYE2, MEAN_OF_TWO,
            "equal singular values share the mean of their derivatives"),
        Row("np.linalg.svd(x, compute_uv=False)", ZERO2, zeros(2, 2, 2), "the least subgradient"),
        Row("np.linalg.slogdet(x)[1]", SINGULAR, np.full((2, 2), NAN), "the value is -inf"),
        Row("np.linalg.inv(x)", SINGULAR, None, "as NumPy", raises="LinAlgError"),
        Row("np.linalg.solve(x, np.array([1.0, 1.0]))", SINGULAR, None, "as NumPy",
            raises="LinAlgError"),
        Row("np.linalg.matrix_rank(x)", SINGULAR, ZERO2, FLAT),
        Row("np.linalg.cond(x)", EYE2, ZERO2, "largest and smallest share the same derivative"),
        Row("np.linalg.pinv(x)", RANK_ONE, PINV, "among the matrices of the same rank"),
        Row("np.linalg.cholesky(x)", [[4.0, 9.0], [2.0, 5.0]], CHOLESKY,
            "only the lower triangle is read"),
        Row("np.linalg.eigvalsh(x)", [[1.0, 9.0], [0.0, 2.0]], [RANK_ONE, [[0.0, 0.0], [0.0, 1.0]]],
            "only the lower triangle is read"),
        Row("np.linalg.matrix_power(x, 0)", SINGULAR, zeros(2, 2, 2, 2), "constantly the identity"),
    ],
    "Shapes and inputs": [
        Row("x**2", np.empty(0), np.empty((0, 0)), "nothing by nothing"),
        Row("np.sum(x)", np.empty(0), np.empty(0), "nothing to depend on"),
        Row("x[:0]", [1.0, 2.0], np.empty((0, 2)), "no rows"),
        Row("x**2", 3.0, 6.0, "a number gives an array of shape ()", 2.0),
        Row("2 * x[0]", [1.0, 2.0, 3.0], [2.0, 0.0, 0.0], "unused inputs have zeros"),
        Row("np.array([1.0, 2.0])", [1.0, 2.0, 3.0], zeros(2, 3), "a constant has zeros"),
        Row("3.0", [1.0, 2.0], [0.0, 0.0], "a constant has zeros"),
        Row("x", [1.0, 2.0], EYE2, "the identity"),
        Row("x**2", [1, 2], [[2.0, 0.0], [0.0, 4.0]], "integers become float64"),
        Row("y = x.copy(); y[0] *= 3; return y", [1.0, 2.0], [[3.0, 0.0], [0.0, 1.0]],
            "writing in place carries derivatives"),
        Row("y = np.zeros(2); y[0] = x[1]; return y", [1.0, 2.0], [[0.0, 1.0], [0.0, 0.0]],
            "an array made by the function holds derivatives"),
        Row("x[0] = 5.0; return x", [1.0, 2.0], [[0.0, 0.0], [0.0, 1.0]],
            "what is overwritten is forgotten; the caller's x stays"),
        Row("x *= 0; return x", [1.0, 2.0], ZERO2, "the caller's x stays"),
        Row("y = x[1:]; y *= 2; return x", [1.0, 2.0], [[1.0, 0.0], [0.0, 2.0]],
            "a slice is a view, as in NumPy"),
    ],
}  # fmt: skip

ROWS = [row for rows in TABLE.values() for row in rows]

ROOT_OF_SQUARES = "the square of a root of squares is known"
EVEN = "an even function of a root of squares is known"
CANCELS = "the choice cancels"
NO_SLOPE = "the slope jumps"
NOT_KNOWN = "exists, but no rule knows it"

# Whose second derivatives are the matter; the first are those of the rows above.
SECOND = [
    Row("np.linalg.norm(x) ** 2", [0.0, 0.0], [0.0, 0.0], ROOT_OF_SQUARES,
        [[2.0, 0.0], [0.0, 2.0]]),
    Row("np.abs(x) ** 2", 0.0, 0.0, ROOT_OF_SQUARES, 2.0),
    Row("np.hypot(x[0], x[1]) ** 2", [0.0, 0.0], [0.0, 0.0], ROOT_OF_SQUARES,
        [[2.0, 0.0], [0.0, 2.0]]),
    Row("np.std(x) ** 2", [1.0, 1.0], [0.0, 0.0], ROOT_OF_SQUARES, [[0.5, -0.5], [-0.5, 0.5]]),
    Row("np.exp(-np.linalg.norm(x) ** 2)", [0.0, 0.0], [0.0, 0.0], ROOT_OF_SQUARES,
        [[-2.0, 0.0], [0.0, -2.0]]),
    Row("np.cos(np.linalg.norm(x))", [0.0, 0.0], [0.0, 0.0], EVEN, [[-1.0, 0.0], [0.0, -1.0]]),
    Row("np.max(x) + np.log(np.sum(np.exp(x - np.max(x))))", [0.0, 0.0], [0.5, 0.5], CANCELS,
        [[0.25, -0.25], [-0.25, 0.25]]),
    Row("np.sum(np.sort(x) ** 2)", [1.0, 1.0], [2.0, 2.0], CANCELS, [[2.0, 0.0], [0.0, 2.0]]),
    Row("np.median(x) ** 2", [1.0, 1.0], [1.0, 1.0], CANCELS, [[0.5, 0.5], [0.5, 0.5]]),
    Row("np.abs(x) ** 3", 0.0, 0.0, CANCELS, 0.0),
    Row("np.where(x > 0, np.abs(x), x**2)", 0.0, 0.0, "not taken", 2.0),
    Row("np.abs(x) * x", 0.0, 0.0, NO_SLOPE, NAN),
    Row("np.maximum(x, 0) ** 2", [0.0, 1.0], np.diag([0.0, 2.0]), NO_SLOPE,
        [[[NAN, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 2.0]]]),
    Row("np.clip(x, -1, 1) ** 2", 1.0, 0.0, NO_SLOPE, NAN),
    Row("np.linalg.norm(x)", [0.0, 0.0], [0.0, 0.0], NO_SLOPE, NAN2),
    Row("np.median(x)", [1.0, 1.0, 2.0], [0.0, 1.0, 0.0], NO_SLOPE,
        [[NAN, NAN, 0.0], [NAN, NAN, 0.0], [0.0, 0.0, 0.0]]),
    Row("np.abs(x**2)", 0.0, 0.0, NOT_KNOWN, NAN, note="write `x**2`"),
    Row("abs(x) * abs(x)", 0.0, 0.0, NOT_KNOWN, NAN, note="write `abs(x) ** 2`"),
    Row("np.maximum(x, 0) ** 2 + np.minimum(x, 0) ** 2", 0.0, 0.0, NOT_KNOWN, NAN,
        note="write `x**2`"),
    Row("np.ptp(x) ** 2", [1.0, 1.0], [0.0, 0.0], NOT_KNOWN, NAN2),
    Row("np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))", 0.0, 0.0, NOT_KNOWN, NAN,
        note="write `np.logaddexp(x, 0)`"),
]  # fmt: skip
