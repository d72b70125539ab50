"""Idioms of plain NumPy user code, one row each: a name, a function and a point away from kinks.

`test_functions.py` compares every row with an oracle, `test_modes_agree.py` and `test_nesting.py`
run every row through every mode.  The oracle of a row is "complex step" where the function is
analytic and NumPy takes complex arrays throughout it, else "differences"; both call plain NumPy
only.  References: Squire and Trapp (1998) for the complex step, Richardson (1911).
"""

import math
import warnings
from collections.abc import Callable
from functools import reduce
from itertools import pairwise
from typing import NamedTuple

import numpy as np

STEP = "complex step"
DIFF = "differences"


class Case(NamedTuple):
    """One idiom: ``f(x)`` is plain NumPy code; `f` may write into its argument."""

    name: str
    f: Callable
    x: np.ndarray
    oracle: str = STEP


# --- Oracles -------------------------------------------------------------------------------------


def stacked_last(columns, x):
    """Derivatives with respect to the entries of x, in order, as one array y.shape + x.shape."""
    return np.moveaxis(np.array(columns), 0, -1).reshape(np.shape(columns[0]) + x.shape)


def complex_step(f, x, step=1e-30):
    """Jacobian of an analytic `f`, to the last digits: no difference is taken."""
    columns = []
    for i in np.ndindex(x.shape):
        z = x.astype(complex)
        z[i] += 1j * step
        columns.append(np.imag(np.array(f(z))) / step)
    return stacked_last(columns, x)


def extrapolated(coarse_to_fine):
    """Richardson's limit of values whose step halves each time and whose error is even in it."""
    values, factor = list(coarse_to_fine), 1
    while len(values) > 1:
        factor *= 4
        values = [(factor * b - a) / (factor - 1) for a, b in pairwise(values)]
    return values[0]


def differences(f, x, step=1e-2):
    """Jacobian of `f` by central differences, extrapolated to order 8."""
    columns = []
    for i in np.ndindex(x.shape):

        def quotient(h, i=i):
            up, down = x.copy(order="K"), x.copy(order="K")
            up[i] += h
            down[i] -= h
            return (np.array(f(up)) - np.array(f(down))) / (2 * h)

        columns.append(extrapolated(quotient(step / 2**k) for k in range(4)))
    return stacked_last(columns, x)


def second_difference(f, x, v, step=1e-2):
    """Second derivative of ``t -> f(x + t*v)`` at 0, by differences extrapolated to order 8."""
    middle = np.array(f(x.copy()))

    def quotient(h):
        return (np.array(f(x + h * v)) - 2 * middle + np.array(f(x - h * v))) / h**2

    return extrapolated(quotient(step / 2**k) for k in range(4))


def among_dummies(f, x, dummies):
    """`f` as a function of a vector with `dummies` inputs that it does not look at."""
    z = np.concatenate([x.ravel(), np.linspace(-1.0, 1.0, dummies)])
    return lambda z: f(z[: x.size].reshape(x.shape)), z


def expected_jacobian(case):
    return complex_step(case.f, case.x) if case.oracle == STEP else differences(case.f, case.x)


# --- Points and constants ------------------------------------------------------------------------


def spread(*shape, low=-1.93, high=2.26, seed=0):
    """Distinct values in shuffled order, none near 0 and no two near in absolute value."""
    size = int(np.prod(shape))
    values = np.linspace(low, high, size) + 0.013 * np.sin(np.arange(size) ** 2.0)
    return np.random.default_rng(seed).permutation(values).reshape(shape)


def normal(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape)


V = np.array([0.7, -1.3, 2.1, 0.4, -0.6])  # any sign
P = np.array([0.7, 1.3, 2.2, 0.42, 1.6])  # positive, no quotient near an integer
U = np.array([0.3, -0.5, 0.8, -0.2, 0.6])  # inside (-1, 1)
G = np.array([1.3, 2.7, 1.1, 3.2, 1.6])  # above 1
M = spread(3, 4)
Q = spread(3, 3, seed=2)
T = spread(2, 3, 4, seed=3)
PM = spread(3, 4, low=0.31, high=2.4, seed=4)
S0 = np.array(0.7)  # 0-d
N = np.array([0.7, np.nan, 2.1, 0.4, -0.6, np.nan])
NM = np.where(spread(3, 4, seed=5) > 1.5, np.nan, spread(3, 4, seed=6))
A34 = normal(3, 4)
A43 = normal(4, 3, seed=2)
A33 = normal(3, 3, seed=3)
A5 = normal(5, seed=4)
A55 = normal(5, 5, seed=5)
MASK5 = np.array([True, False, True, True, False])
MASK34 = np.array([[1, 0, 1, 1], [0, 0, 1, 0], [1, 1, 0, 1]], bool)


# --- Element-wise functions ----------------------------------------------------------------------

ELEMENTWISE = [
    Case(f"{ufunc.__name__}", lambda x, u=ufunc: u(x), point, oracle)
    for oracle, point, ufuncs in [
        (STEP, V, [np.positive, np.negative, np.exp, np.exp2, np.expm1, np.square, np.sin, np.cos]),
        (STEP, V, [np.reciprocal, np.tan, np.arctan, np.sinh, np.cosh, np.tanh, np.arcsinh]),
        (STEP, V, [np.sinc]),
        (STEP, P, [np.log, np.log2, np.log10, np.log1p, np.sqrt]),
        (STEP, U, [np.arcsin, np.arccos, np.arctanh]),
        (STEP, G, [np.arccosh]),
        (DIFF, V, [np.absolute, np.fabs, np.conjugate, np.cbrt, np.deg2rad, np.radians]),
        (DIFF, V, [np.rad2deg, np.degrees]),
    ]
    for ufunc in ufuncs
]
ELEMENTWISE += [
    Case(f"{ufunc.__name__}-{kind}", f, x, oracle)
    for oracle, x, ufuncs in [
        (STEP, P, [np.add, np.subtract, np.multiply, np.divide, np.power, np.float_power]),
        (DIFF, P, [np.arctan2, np.hypot, np.logaddexp, np.logaddexp2, np.maximum, np.minimum]),
        (DIFF, P, [np.fmax, np.fmin, np.fmod, np.remainder, np.copysign, np.heaviside]),
        (DIFF, P, [np.floor_divide]),
    ]
    for ufunc in ufuncs
    for kind, f in [
        ("both", lambda x, u=ufunc: u(x[1:], x[:-1])),
        ("first", lambda x, u=ufunc: u(x, 0.91)),
        ("second", lambda x, u=ufunc: u(0.93, x)),
        ("with-array", lambda x, u=ufunc: u(x, np.array([0.9, 2.2, 0.5, 1.1, 0.3]))),
        ("outer-broadcast", lambda x, u=ufunc: u(x[:2, None], x[2:])),
        ("same", lambda x, u=ufunc: u(1.5 * x, x)),
    ]
]


def buffers(x):
    y = np.empty_like(x)
    np.sin(x, out=y)
    np.multiply(y, x, out=y)
    np.add(y, 1.0, y)
    return y


def accumulate_into_argument(x):
    np.exp(x, out=x)
    x *= x[::-1].copy()
    return x


def masked_log(x):
    return np.log(x, out=np.zeros_like(x), where=x.real > 0)


def masked_add_into(x):
    y = 3.0 * x
    np.add(x, x[::-1], out=y, where=MASK5)
    return y


def out_view(x):
    y = np.zeros_like(x)
    np.square(x[1:3], out=y[2:4])
    return y + x


def out_plain_result_of_flat(x):
    n = np.empty(x.shape)
    np.floor(x, out=n)
    return x * n


OPTIONS = [
    Case("ufunc-out", buffers, V),
    Case("ufunc-out-is-input", accumulate_into_argument, V),
    Case("ufunc-out-where", masked_log, V),
    Case("ufunc-out-where-active", masked_add_into, V),
    Case("ufunc-out-view", out_view, V),
    Case("ufunc-out-tuple", lambda x: np.cos(x, out=(np.zeros_like(x),)), V),
    Case("ufunc-out-flat", out_plain_result_of_flat, V, DIFF),
    Case("ufunc-dtype", lambda x: np.multiply(x, 2, dtype=np.float64), V, DIFF),
    Case("ufunc-casting", lambda x: np.add(x, 1, casting="same_kind"), V),
    Case("modf", lambda x: np.modf(x)[0] * x + np.modf(x)[1], V, DIFF),
    Case("frexp", lambda x: np.frexp(x)[0] + np.frexp(x)[1] * x, V, DIFF),
    Case("ldexp", lambda x: np.ldexp(x, [1, 2, -1, 0, 3]), V, DIFF),
    Case("divmod-ufunc", lambda x: np.divmod(x, 0.37)[1] * np.divmod(x, 0.37)[0], V, DIFF),
    Case("divmod-ufunc-both", lambda x: np.stack(np.divmod(x[0], x[1:])), P, DIFF),
    Case("sinc-at-0", np.sinc, np.array([0.0, 0.5, -1.5]), DIFF),
    Case("heaviside-times-x", lambda x: x * np.heaviside(x, 0.5), V, DIFF),
    Case("sign-times-x", lambda x: x * np.sign(x), V, DIFF),
    Case("nested-elementwise", lambda x: np.exp(-np.square(x)) * np.tanh(np.sin(x) + x**3), V),
    Case("elementwise-constant", lambda x: x * 0.0 + 1.0, V),
    Case("elementwise-2d", lambda x: np.sin(x) * x + np.cos(x), M),
    Case("elementwise-3d", lambda x: np.exp(0.3 * x) / (2.0 + np.cos(x)), T),
    Case("broadcast-row", lambda x: x * A34[0], M),
    Case("broadcast-column-active", lambda x: x[:, :1] * x + x[0], M),
    Case("broadcast-up", lambda x: x + np.ones((2, 3, 5)), V),
    Case("broadcast-scalar-element", lambda x: x[0] * A34 + x[1], V),
    Case("softmax", lambda x: np.exp(x) / np.sum(np.exp(x)), V),
    Case("relu", lambda x: np.maximum(x, 0), V, DIFF),
    Case("leaky-relu", lambda x: np.where(x > 0, x, 0.01 * x), V, DIFF),
    Case("logistic", lambda x: 1 / (1 + np.exp(-x)), V),
    Case("gelu", lambda x: 0.5 * x * (1 + np.tanh(0.79788456 * (x + 0.044715 * x**3))), V),
    Case("aliases", lambda x: np.pow(x, 2) + np.acos(0.3 * x) * np.atan(x) + np.asinh(x), V),
]

# --- Operators and builtins ----------------------------------------------------------------------


def fixed(x):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # NumPy 2.5 prefers trunc
        return np.fix(x)


def list_on_the_left(x):
    return [1.0, 2.0, 3.0, 4.0, 5.0] * x + [0.5] * 5 @ x


def swap(x):
    x[0], x[1] = x[1] * 1.0, x[0] * 1.0
    return x * np.arange(5.0)


def swap_elements(x):
    x[0], x[1] = x[1], x[0]
    return x * np.arange(1.0, 6.0)


def swap_rows(x):
    x[[0, 2]] = x[[2, 0]]
    return x * A34


def horner(x, coefficients=(1.0, -2.0, 0.5, 3.0)):
    if len(coefficients) == 1:
        return coefficients[0]
    return coefficients[0] + x * horner(x, coefficients[1:])


def newton(x):
    y = 1.0 + 0 * x[0]
    while abs(y * y - x[0]) > 1e-12:
        y = 0.5 * (y + x[0] / y)
    return y


def collatz(x):
    total, k = x[0], 0
    while total < 40.0:
        total = total * 3.0 + x[k % 5] if k % 2 else total / 1.5 + x[(k + 1) % 5] ** 2
        k += 1
    return total


def branches(x):
    out = []
    for v in x:
        if v > 1:
            out.append(v**2)
        elif v > 0 and not v > 0.5:
            out.append(np.exp(v))
        else:
            out.append(-v)
    return out


def augmented_scalars(x):
    s, p = 0, 1
    for v in x:
        s += v
        p *= v + 3
        p -= 0.5 * v
        p /= 1.5
    return s**2 + p


def augmented_powers(x):
    y = x * 1.0
    y **= 2
    y //= 0.31
    z = x * 1.0
    z %= 0.9
    z /= 1.7
    return y + z


def augmented_matmul(x):
    y = 1.0 * x
    y @= A33
    return y


def first_of_rest(x):
    first, *rest, last = x
    return first * last + sum(r**2 for r in rest)


def enumerate_zip(x):
    return [i * v * w for i, (v, w) in enumerate(zip(x, reversed(x), strict=True))]


def count_positive(x):
    n = sum(1 for v in x if v > 0)
    return x * n


def membership(x):
    return x[0] * (2.0 if 1.0 in 0 * x + 1 else 3.0) * (5.0 if 9.0 in x else 7.0)


def truth(x):
    return x[1] if x[0] and not 0 * x[1] else x[2]


def walk(x, lo=0, hi=None):
    hi = len(x) if hi is None else hi
    if hi - lo == 1:
        return x[lo]
    mid = (lo + hi) // 2
    return np.sin(walk(x, lo, mid)) * walk(x, mid, hi)


def as_position(x):
    return x[int(x[2])] * x[round(x[0])]


def rounded_by_math(x):
    return x * math.floor(x[0]) + math.ceil(x[1]) * x[0] + math.trunc(x[2]) * x[1]


def compares(x):
    mask = (x > 0) & (x <= 2) | ~(x >= -1) ^ (x < 5)
    return np.where(mask, x**2, 3 * x) + (x == x) * x + (x != 0.5) * x


def closure(x):
    table = {"a": x[0], "b": x[1:3]}

    def g(scale=1.0):
        return table["a"] * table["b"] * scale

    return np.sum(g(2.0) + g())


class Model:
    """A user's class: parameters in attributes, a method as the function."""

    def __init__(self, weights):
        self.weights = weights

    def __call__(self, x):
        self.last = x @ self.weights
        return np.tanh(self.last).sum()


OPERATORS = [
    Case("add", lambda x: x + 1 + x + 2.5 + np.ones(5), V),
    Case("subtract-reflected", lambda x: 1 - x - (2.5 - (np.ones(5) - x)), V),
    Case("multiply-divide", lambda x: 2 * x / 3 * (1 / x) * x / np.arange(1, 6), V),
    Case("divide-reflected", lambda x: 1 / x + np.arange(5.0) / x + [1, 2, 3, 4, 5] / x, V),
    Case("negative-positive-abs", lambda x: -x * +x * abs(x), V, DIFF),
    Case("abs-of-element", lambda x: abs(x[1]) * abs(x[0]), V, DIFF),
    *[
        Case(f"power-{p!r}", lambda x, p=p: x**p, V)
        for p in (0, 1, 2, 3, -1, -2, 7, 2.0, 3.0, -3.0, 1.0, 0.0)
    ],
    *[Case(f"power-{p!r}", lambda x, p=p: x**p, P) for p in (0.5, -0.5, 2.5, 1 / 3, -1.7)],
    Case("power-numpy-int", lambda x: x ** np.int64(3), V),
    Case("power-numpy-float", lambda x: x ** np.float64(2.5), P),
    Case("power-array", lambda x: x ** np.array([1, 2, 3, 0, -1]), V),
    Case("power-float-array", lambda x: x ** np.array([1.0, 2.5, 0.5, 0.0, -1.5]), P),
    Case("power-0d-array", lambda x: x ** np.array(2), V),
    Case("power-list", lambda x: x ** [1, 2, 3, 0, -1], V),
    Case("power-active", lambda x: x ** x[::-1], P),
    Case("power-reflected", lambda x: 2**x + 2.5**x + np.arange(1, 6) ** x, V),
    Case("power-of-element", lambda x: x[0] ** 2 + x[0] ** 3 + x[0] ** 0.5 + x[0] ** x[3], V),
    Case("power-builtin", lambda x: pow(x, 3) + pow(x[0], 2), V),
    Case("floordiv-mod", lambda x: x // 0.37 + x % 0.37 + 3.1 // x + 3.1 % x, V, DIFF),
    Case("mod-active", lambda x: x[0] % x[1] * (x[2] // x[3]), P, DIFF),
    Case("divmod-builtin", lambda x: divmod(x, 0.37)[0] * divmod(x, 0.37)[1], V, DIFF),
    Case("divmod-builtin-reflected", lambda x: divmod(3.1, x)[0] + divmod(3.1, x)[1], P, DIFF),
    Case("matmul-operator-array-left", lambda x: A55 @ x, V),
    Case("matmul-operator-array-right", lambda x: x @ A55, V),
    Case("matmul-operator-list", lambda x: [1.0, 2.0, 3.0, 4.0, 5.0] @ x, V),
    Case("matmul-in-place", augmented_matmul, Q),
    Case("numpy-scalar-left", lambda x: np.float64(2.0) * x[0] - np.float64(1.5) / x, V),
    Case("numpy-float32-left", lambda x: np.float32(0.5) * x + np.int32(3) - x, V),
    Case("numpy-scalar-compare", lambda x: np.where(np.float64(0.5) < x, x, x * x), V, DIFF),
    Case("array-left", lambda x: A5 - x * A5 / (A5**2 + x**2), V),
    Case("array-0d-left", lambda x: np.array(2.0) * x - np.array(1.0) / x[0], V),
    Case("array-left-broadcast", lambda x: A55 * x + A55[:, :1] - x, V),
    Case("list-left", list_on_the_left, V),
    Case("list-right", lambda x: x * [1.0, 2.0, 3.0, 4.0, 5.0] - [1, 1, 1, 1, 1], V),
    Case("tuple-right", lambda x: x / (1.0, 2.0, 3.0, 4.0, 5.0), V),
    Case("list-of-elements", lambda x: x * [x[0], x[1], 1.0, 2.0, x[4]], V),
    Case("complex-scalar-left", lambda x: (2j * x + x * 1j).imag, V, DIFF),
    Case("bool-times", lambda x: True * x + (x > 0) * x, V, DIFF),
    Case("augmented-scalars", augmented_scalars, V),
    Case("augmented-powers", augmented_powers, V, DIFF),
    Case("builtin-sum", lambda x: sum(x) + sum(v * v for v in x) + sum(x, 2.0), V),
    Case("builtin-sum-rows", lambda x: sum(x) * 2.0, M),
    Case("builtin-max-min", lambda x: max(x) * min(x) + max(x[0], 0.1) + min(x[1], 3), V, DIFF),
    Case("builtin-max-key", lambda x: max(x, key=lambda v: -v) ** 2 + min(x, key=abs), V, DIFF),
    Case("builtin-sorted", lambda x: sorted(x), V, DIFF),
    Case("builtin-sorted-reverse", lambda x: np.array(sorted(x, reverse=True)) * A5, V, DIFF),
    Case("builtin-abs-map", lambda x: list(map(abs, x)), V, DIFF),
    Case("builtin-reversed", lambda x: [3 * v for v in reversed(x)], V),
    Case("builtin-enumerate-zip", enumerate_zip, V),
    Case("builtin-any-all", lambda x: x[0] * any(x > 2) + x[1] * all(x > -2), V, DIFF),
    Case("builtin-round", lambda x: x * round(x[0]) + round(x[1], 1) * x[2], V, DIFF),
    Case("builtin-int", lambda x: x * int(x[2]), V, DIFF),
    Case("math-floor-ceil-trunc", rounded_by_math, V, DIFF),
    Case("functools-reduce", lambda x: reduce(lambda a, b: a * np.sin(b), x), V),
    Case("list-tuple-of-x", lambda x: list(x)[0] * tuple(x)[1], V),
    Case("unpacking", first_of_rest, V),
    Case("unpacking-two", lambda x: (lambda a, b: a * b)(*x), V[:2]),
    Case("rows-iteration", lambda x: [row @ row for row in x], M),
    Case("pairwise", lambda x: [b - a**2 for a, b in pairwise(x)], V),
    Case("len-range", lambda x: [x[i] * len(x) for i in range(len(x))], V),
    Case("count-positive", count_positive, V, DIFF),
    Case("membership", membership, V, DIFF),
    Case("truth-value", truth, V, DIFF),
    Case("truth-value-not", lambda x: x[1] if not x[0] > 0 else x[2], V, DIFF),
    Case("as-position", as_position, V, DIFF),
    Case("compare-chain", lambda x: x[0] if 0 < x[0] < 1 else x[1], V, DIFF),
    Case("compare-arrays", compares, V, DIFF),
    Case("recursion-horner", horner, V),
    Case("recursion-halves", walk, V),
    Case("while-newton", newton, P),
    Case("while-collatz", collatz, V, DIFF),
    Case("branches", branches, V, DIFF),
    Case("closure", closure, V),
    Case("callable-object", Model(A55), V),
    Case("method", Model(A55).__call__, V),
    Case("swap-copies", swap, V),
    Case("swap-elements", swap_elements, V),
    Case("swap-rows", swap_rows, M),
    Case("format-and-print-free", lambda x: x * float(len(f"{x[0]:.3f} {x}") > 0), V, DIFF),
    Case("shape-size-ndim", lambda x: x / x.size * x.shape[0] * x.ndim * np.size(x), M),
    Case("np-shape-ndim", lambda x: x * np.shape(x)[1] * np.ndim(x) + len(x), M),
    Case("dtype-of-x", lambda x: x * np.ones(4, x.dtype) * x.itemsize, M, DIFF),
]

# --- Results of every kind -----------------------------------------------------------------------


def object_array_arithmetic(x):
    y = np.array([x[0], x[1] * x[2]])
    return np.sum(y * 2.0 + 1.0) * y


def object_array_2d(x):
    r = np.array([[np.cos(x[0]), -np.sin(x[0])], [np.sin(x[0]), np.cos(x[0])]])
    return r @ np.array([1.0, 2.0]) + r.T @ x[1:3]


def object_array_mixed(x):
    return np.array([x[0], 1.0, x[1], 2.0]) * np.array([1.0, x[2], 3.0, 4.0])


def asarray_of_x(x):
    return np.sin(np.asarray(x)) + np.array(x) * np.asarray(x)[0]


RESULTS = [
    Case("return-scalar", lambda x: x[0] * x[1], V),
    Case("return-list", lambda x: [x[0] * x[1], np.sin(x[2])], V),
    Case("return-tuple", lambda x: (x[0] * x[1], np.sin(x[2]), 1.0), V),
    Case("return-nested-list", lambda x: [[x[0], x[1]], [0.0, x[2] ** 2]], V),
    Case("return-list-of-arrays", lambda x: [x * 2, np.sin(x)], V),
    Case("return-tuple-of-arrays", lambda x: (x[:2], x[2:4] * x[0], np.ones(2)), V),
    Case("return-list-of-tuples", lambda x: [(v, v * v) for v in x], V),
    Case("return-list-of-constants", lambda x: [1.0, 2.0], V),
    Case("return-object-array", lambda x: np.array([x[0], x[1] * x[0]]), V),
    Case("return-object-matrix", lambda x: np.array([[x[0], 0.0], [x[1], 1.0]]), V),
    Case("return-x", lambda x: x, V),
    Case("return-x-matrix", lambda x: x, M),
    Case("return-empty-slice", lambda x: x[:0], V),
    Case("return-1-element-array", lambda x: x[:1] * 2, V),
    Case("return-3d", lambda x: x[:, None, None] * np.ones((2, 3)), V),
    Case("return-constant-array", lambda x: A34, V),
    Case("return-constant-float", lambda x: 3.5, V),
    Case("return-0d-of-0d", np.sin, S0),
    Case("return-array-of-0d", lambda x: x * A34, S0),
    Case("0d-power-loop", lambda x: [x**k for k in range(4)], S0),
    Case("0d-index-ellipsis", lambda x: x[...] * x[()] * 2, S0),
    Case("0d-newaxis", lambda x: x[None] * A5 + x[None, None], S0),
    Case("0d-reshape", lambda x: np.reshape(x, (1, 1)) * x.reshape(1), S0),
    Case("0d-sum-max", lambda x: np.sum(x) * np.max(x) * x.sum() * x.mean(), S0, DIFF),
    Case("0d-ravel", lambda x: np.ravel(x) * x.ravel() * x.flatten(), S0),
    Case("object-array-arithmetic", object_array_arithmetic, V),
    Case("object-array-2d", object_array_2d, V),
    Case("object-array-mixed", object_array_mixed, V),
    Case("object-array-ufunc", lambda x: np.sin(np.array([x[0], x[1]])), V),
    Case("object-array-ufunc-chain", lambda x: np.exp(np.sqrt(np.array([x[0], x[2]]) * 2.0)), V),
    Case("object-array-sum", lambda x: np.array([x[0], x[1] * x[2]]).sum(), V),
    Case("object-array-np-sum", lambda x: np.sum(np.array([x[0], x[1] * x[2]]) ** 2), V),
    Case("object-array-dot", lambda x: np.dot(np.array([x[0], x[1]]), np.array([x[2], 2.0])), V),
    Case("object-array-matmul", lambda x: A34[:2, :2] @ np.array([x[0], x[1] * x[2]]), V),
    Case("object-array-matmul-dual", lambda x: np.array([x[0], x[1], 1.0, x[2], 0.5]) @ x, V),
    Case("object-array-right", lambda x: x[:2] * np.array([x[1], x[3]]), V),
    Case("object-array-concatenate", lambda x: np.concatenate([np.array([x[0], x[1]]), x]), V),
    Case("object-array-of-rows", lambda x: np.array([x, x**2]) * 3.0, V),
    Case("object-array-list-comprehension", lambda x: np.array([v * v for v in x]).sum(), V),
    Case("object-array-index", lambda x: np.array([x[0], x[1]])[::-1] * np.array([1.0, 2.0]), V),
    Case("object-array-max", lambda x: np.max(np.array([x[0], x[1], x[2]])), V, DIFF),
    Case("object-array-mean", lambda x: np.sum(np.array([x[0], x[1] ** 2])) / 2, V),
    Case("norm", lambda x: np.linalg.norm(x, axis=1), M, DIFF),
    Case("vector-norm", lambda x: np.linalg.vector_norm(x, axis=0, ord=3), M, DIFF),
    Case("matrix-norm", lambda x: np.linalg.matrix_norm(x), M, DIFF),
    Case("object-array-slice", lambda x: np.array(list(x))[1:] * 2.0, V),
    Case("asarray-of-x", asarray_of_x, V),
    Case("asarray-of-matrix", lambda x: np.asarray(x) * np.ones(4), M),
]

# --- Selections: functions that only move elements -----------------------------------------------


def split_everything(x):
    a, b = np.split(x, 2, axis=1)
    c, d, e = np.vsplit(x, 3)
    f, g = np.hsplit(x, [3])
    return np.concatenate([(a * b).ravel(), (c * d * e).ravel(), f.ravel(), 2 * g.ravel()])


def diagonal_and_back(x):
    d = np.diag(x)
    return np.diag(d * d) + np.diag(x[0, :2], k=1) + np.diagflat(x[:1], 0)[:3, :3]


SELECTION = [
    Case("reshape", lambda x: np.reshape(x, (4, 3)) * A43, M),
    Case("reshape-minus-one", lambda x: x.reshape(2, -1) * x.reshape((2, -1))[0], M),
    Case("reshape-fortran", lambda x: np.reshape(x, (4, 3), order="F") * A43, M),
    Case("reshape-method-fortran", lambda x: x.reshape((2, 6), order="F"), M),
    Case("reshape-3d", lambda x: x.reshape(3, 2, 2) ** 2, M),
    Case("reshape-keyword", lambda x: np.reshape(x, shape=(6, 2)), M),
    Case("ravel", lambda x: np.ravel(x) * np.arange(12.0), M),
    Case("ravel-fortran", lambda x: np.ravel(x, order="F") * x.ravel("F"), M),
    Case("transpose", lambda x: np.transpose(x) * A43 + x.T, M),
    Case("transpose-axes", lambda x: np.transpose(x, (2, 0, 1)) * 2.0, T),
    Case("transpose-method", lambda x: x.transpose(1, 0, 2) + x.transpose((1, 0, 2)), T),
    Case("transpose-method-plain", lambda x: x.transpose() * 3.0, T),
    Case("permute-dims", lambda x: np.permute_dims(x, (1, 2, 0)), T),
    Case("matrix-transpose", lambda x: np.matrix_transpose(x) + x.mT, T),
    Case("transpose-1d", lambda x: x.T * np.transpose(x), V),
    Case("swapaxes", lambda x: np.swapaxes(x, 0, 2) + x.swapaxes(-1, 0), T),
    Case("moveaxis", lambda x: np.moveaxis(x, 0, -1) * np.moveaxis(x, [0, 1], [2, 0])[0, 0, 0], T),
    Case("rollaxis", lambda x: np.rollaxis(x, 2), T),
    Case("squeeze", lambda x: np.squeeze(x[None, :, None]) * x[:, None].squeeze(1), V),
    Case("squeeze-axis", lambda x: np.squeeze(x[:1], axis=0) * x[1:2].squeeze(), M),
    Case("expand-dims", lambda x: np.expand_dims(x, 0) * np.expand_dims(x, (1, 2)), V),
    Case("broadcast-to", lambda x: np.broadcast_to(x, (3, 5)) * np.arange(3.0)[:, None], V),
    Case("broadcast-to-scalar", lambda x: np.broadcast_to(x[0], (2, 2)) * 2, V),
    Case("broadcast-arrays", lambda x: np.prod(np.broadcast_arrays(x[:2, None], x), axis=0), V),
    Case("broadcast-arrays-constant", lambda x: sum(np.broadcast_arrays(x, A55)), V),
    Case(
        "atleast", lambda x: np.atleast_3d(x)[0] * np.atleast_1d(x)[0] + np.atleast_2d(x)[0, 1], V
    ),
    Case("atleast-of-element", lambda x: np.atleast_1d(x[0]) * np.atleast_2d(x[1]), V),
    Case("atleast-several", lambda x: np.concatenate(np.atleast_1d(x[0], x[1:3], 2.0)), V),
    Case("concatenate", lambda x: np.concatenate([x, 2 * x, np.ones(2), x[:0]]), V),
    Case("concatenate-axis", lambda x: np.concatenate((x, A34, x**2), axis=1), M),
    Case("concatenate-axis-none", lambda x: np.concatenate((x, x.T), axis=None), M),
    Case("concat", lambda x: np.concat([x[1:], x[:1]]), V),
    Case("stack", lambda x: np.stack([x, np.sin(x), A5]), V),
    Case("stack-axis", lambda x: np.stack((x, x * x), axis=-1), M),
    Case("stack-of-elements", lambda x: np.stack([x[0], x[1] * x[2], 3.0]), V),
    Case("stack-generator-list", lambda x: np.stack([np.sin(k * x) for k in range(4)], axis=1), V),
    Case("vstack", lambda x: np.vstack([x, A5, x * x]), V),
    Case("vstack-matrices", lambda x: np.vstack((x, x[0])), M),
    Case("hstack", lambda x: np.hstack([x, x[0], 1.0]), V),
    Case("hstack-matrices", lambda x: np.hstack([x, x[:, :1] ** 2]), M),
    Case("dstack", lambda x: np.dstack([x, x**2]), M),
    Case("column-stack", lambda x: np.column_stack([x, x**2, np.ones(5)]), V),
    Case("column-stack-matrix", lambda x: np.column_stack([x, x[:, 0]]), M),
    Case("split", split_everything, M),
    Case("split-positions", lambda x: [p.sum() for p in np.split(x, [1, 3])], V),
    Case("array-split", lambda x: [np.prod(p) for p in np.array_split(x, 3)], V),
    Case("dsplit", lambda x: np.dsplit(x, 2)[1] * np.dsplit(x, [1])[0], T),
    Case("unstack", lambda x: np.unstack(x)[0] * np.unstack(x, axis=0)[2], M),
    Case("unstack-axis", lambda x: np.unstack(x, axis=1)[3] ** 2, M),
    Case("block", lambda x: np.block([[x, A33], [np.zeros((3, 3)), x.T]]), Q),
    Case("block-vectors", lambda x: np.block([x, 1.0, x[:2]]), V),
    Case("tile", lambda x: np.tile(x, 3), V),
    Case("tile-2d", lambda x: np.tile(x, (2, 2)) * 1.5, V),
    Case("tile-of-matrix", lambda x: np.tile(x, 2), M),
    Case("repeat", lambda x: np.repeat(x, 2) * x.repeat(2), V),
    Case("repeat-counts", lambda x: np.repeat(x, [0, 1, 2, 3, 1]), V),
    Case("repeat-axis", lambda x: np.repeat(x, 2, axis=0), M),
    Case("repeat-flat", lambda x: np.repeat(x, 2), M),
    Case("repeat-of-element", lambda x: np.repeat(x[0], 3) * A5[:3], V),
    Case("roll", lambda x: np.roll(x, 1) - 2 * x + np.roll(x, -1), V),
    Case("roll-axis", lambda x: np.roll(x, 2, axis=1) * x, M),
    Case("roll-flat", lambda x: np.roll(x, 5), M),
    Case("roll-several", lambda x: np.roll(x, (1, 2), axis=(0, 1)), M),
    Case("flip", lambda x: np.flip(x) * x, M),
    Case("flip-axis", lambda x: np.flip(x, 1) * np.flip(x, axis=(0, 1)), M),
    Case("fliplr-flipud", lambda x: np.fliplr(x) * np.flipud(x), M),
    Case("rot90", lambda x: np.rot90(x) * np.rot90(x, -1), M),
    Case("rot90-axes", lambda x: np.rot90(x, 1, axes=(1, 2)), T),
    Case("take", lambda x: np.take(x, [0, 2, 2, -1]) * 2, V),
    Case("take-flat", lambda x: np.take(x, [[0, 5], [11, 3]]), M),
    Case("take-axis", lambda x: np.take(x, [2, 0], axis=0) * x.take([0, 1], 0), M),
    Case("take-scalar", lambda x: np.take(x, 1) * x.take(2), V),
    Case("take-mode", lambda x: np.take(x, [7, -1, 3], mode="wrap") + x.take([9], mode="clip"), V),
    Case("take-along-axis", lambda x: np.take_along_axis(x, np.argsort(A34, 1), axis=1), M),
    Case("take-along-axis-sort", lambda x: np.take_along_axis(x, np.argsort(x, 0), 0), M, DIFF),
    Case("take-along-axis-flat", lambda x: np.take_along_axis(x, np.array([3, 1]), None), M),
    Case("compress", lambda x: np.compress([True, False, True], x) * x.compress([1, 0, 1]), V),
    Case("compress-axis", lambda x: np.compress([0, 1, 1], x, axis=0), M),
    Case("choose", lambda x: np.choose([0, 1, 2, 1, 0], [x, x**2, A5]), V),
    Case("choose-broadcast", lambda x: np.choose([[0], [1]], (x, 3.0)), V),
    Case("choose-mode", lambda x: np.choose([3, -1, 0], [x[:3], x[2:]], mode="clip"), V),
    Case("select", lambda x: np.select([x > 1, x > 0], [x**2, 3 * x], default=-x), V, DIFF),
    Case("select-default", lambda x: np.select([A5 > 0], [x]), V),
    Case("select-active-default", lambda x: np.select([A5 > 0, A5 < -9], [x, 1.0], x[0]), V),
    Case("where", lambda x: np.where(x > 0, np.exp(x), x**2), V, DIFF),
    Case("where-constant", lambda x: np.where(MASK5, x, 0.0) + np.where(MASK5, 1, x), V),
    Case("where-broadcast", lambda x: np.where(MASK5[:, None], x, x[0]), V),
    Case("where-scalar", lambda x: np.where(x[0] > 0, x[1], x[2]), V, DIFF),
    Case("where-positions", lambda x: x[np.where(x > 0)] * 2, V, DIFF),
    Case("extract", lambda x: np.extract(MASK5, x) * np.extract(x > -9, x)[:3], V, DIFF),
    Case("extract-2d", lambda x: np.extract(MASK34, x), M),
    Case("diag-of-vector", lambda x: np.diag(x) @ A55, V),
    Case("diag-offsets", lambda x: np.diag(x, 1)[:5, 1:] * 2.0 + np.diag(x, k=-1)[1:, :5], V),
    Case("diag-of-matrix", lambda x: np.diag(x) * np.diag(x, 1), Q[:, [0, 1, 2, 0]]),
    Case("diag-both", diagonal_and_back, Q),
    Case("diagonal", lambda x: np.diagonal(x) * x.diagonal(), Q),
    Case("diagonal-offset-axes", lambda x: np.diagonal(x, 1, 0, 2) + x.diagonal(1, 0, 2), T),
    Case("diagflat", lambda x: np.diagflat(x), M[:2, :2]),
    Case("tril-triu", lambda x: np.tril(x) @ np.triu(x), Q),
    Case("tril-triu-offset", lambda x: np.tril(x, -1) + 2 * np.triu(x, k=1), M),
    Case("tril-stack", lambda x: np.tril(x), T),
    Case("tril-indices", lambda x: x[np.tril_indices(3)] * 2, Q),
    Case("triu-indices-from", lambda x: x[np.triu_indices_from(x, 1)], Q),
    Case("insert", lambda x: np.insert(x, 1, 9.0), V),
    Case("insert-active", lambda x: np.insert(x, [0, 2], [x[3] * 2, x[4]]), V),
    Case("insert-into-constant", lambda x: np.insert(A5, 2, x[0]), V, DIFF),
    Case("insert-axis", lambda x: np.insert(x, 1, x[:, 0] ** 2, axis=1), M),
    Case("delete", lambda x: np.delete(x, 1) * 2, V),
    Case("delete-several", lambda x: np.delete(x, [0, 3]), V),
    Case("delete-axis", lambda x: np.delete(x, slice(0, 4, 2), axis=1), M),
    Case("delete-mask", lambda x: np.delete(x, MASK5), V),
    Case("append", lambda x: np.append(x, x[0] * 2), V),
    Case("append-constant", lambda x: np.append([1.0, 2.0], x), V),
    Case("append-axis", lambda x: np.append(x, A34, axis=0), M),
    Case("append-flat", lambda x: np.append(x, x), M),
    Case("resize", lambda x: np.resize(x, (3, 4)), V),
    Case("resize-smaller", lambda x: np.resize(x, 3), V),
    Case("sort", lambda x: np.sort(x) * A5, V, DIFF),
    Case("sort-axis", lambda x: np.sort(x, axis=0) * A34 + np.sort(x), M, DIFF),
    Case("sort-axis-none", lambda x: np.sort(x, axis=None), M, DIFF),
    Case("sort-kind", lambda x: np.sort(x, kind="stable")[::-1], V, DIFF),
    Case("partition", lambda x: np.partition(x, 2)[2] * np.sort(np.partition(x, 1)[:2]), V, DIFF),
    Case("partition-axis", lambda x: np.partition(x, 1, axis=0)[1], M, DIFF),
    Case("argsort-index", lambda x: x[np.argsort(x)] * x[np.argsort(-x)], V, DIFF),
    Case("astype", lambda x: np.astype(x, np.float64) * x.astype(float), V, DIFF),
    Case("copy", lambda x: np.copy(x) * x.copy(), V),
    Case("ascontiguousarray", lambda x: np.ascontiguousarray(x.T) * np.asfortranarray(x).T, M),
    Case("ix-of-values", lambda x: np.multiply(*np.ix_(x[:2], x[2:])), V),
    Case("meshgrid", lambda x: np.multiply(*np.meshgrid(x[:2], x[2:])), V),
    Case("meshgrid-ij", lambda x: sum(np.meshgrid(x, A5, x[:2], indexing="ij")), V),
    Case("meshgrid-sparse", lambda x: np.hypot(*np.meshgrid(x, x, sparse=True)), V, DIFF),
    Case("trim-zeros-free-roll", lambda x: np.roll(np.tile(x, 2), 3)[2:7], V),
]
SELECTION += [
    Case(f"pad-{name}", lambda x, o=options: np.pad(x, (2, 3), **o), V, oracle)
    for name, oracle, options in [
        ("constant", STEP, {}),
        ("constant-values", STEP, {"constant_values": (1.5, -2.0)}),
        ("edge", STEP, {"mode": "edge"}),
        ("reflect", STEP, {"mode": "reflect"}),
        ("reflect-odd", STEP, {"mode": "reflect", "reflect_type": "odd"}),
        ("symmetric", STEP, {"mode": "symmetric"}),
        ("symmetric-odd", STEP, {"mode": "symmetric", "reflect_type": "odd"}),
        ("wrap", STEP, {"mode": "wrap"}),
        ("linear-ramp", DIFF, {"mode": "linear_ramp"}),
        ("linear-ramp-ends", DIFF, {"mode": "linear_ramp", "end_values": (3.0, -1.0)}),
        ("maximum", DIFF, {"mode": "maximum"}),
        ("minimum", DIFF, {"mode": "minimum"}),
        ("mean", DIFF, {"mode": "mean"}),
        ("mean-stat-length", DIFF, {"mode": "mean", "stat_length": 2}),
        ("median", DIFF, {"mode": "median"}),
        ("maximum-stat-length", DIFF, {"mode": "maximum", "stat_length": (1, 2)}),
    ]
]
SELECTION += [
    Case("pad-2d", lambda x: np.pad(x, ((1, 0), (0, 2))), M),
    Case("pad-2d-edge", lambda x: np.pad(x, 1, mode="edge"), M),
    Case("pad-2d-mean", lambda x: np.pad(x, 1, mode="mean"), M, DIFF),
    Case("pad-2d-wrap-reflect", lambda x: np.pad(x, 1, "wrap") * np.pad(x, 1, "reflect"), M),
    Case("pad-2d-linear-ramp", lambda x: np.pad(x, 2, "linear_ramp"), M, DIFF),
    Case("pad-active-constant", lambda x: np.pad(x, 1, constant_values=x[0] * 1.0), V),
]

# --- Reductions and cumulative functions ---------------------------------------------------------

REDUCTIONS = [
    Case("sum", lambda x: np.sum(x * x), V),
    Case("sum-axis", lambda x: np.sum(x, axis=0) * np.sum(x, 1)[0] + x.sum(axis=-2), M),
    Case("sum-axes-keepdims", lambda x: np.sum(x, axis=(0, 2), keepdims=True) * x, T),
    Case("sum-where-initial", lambda x: np.sum(x**2, axis=1, where=MASK34, initial=2.0), M),
    Case("sum-out", lambda x: np.sum(x * x, axis=0, out=np.zeros_like(x[0])), M),
    Case("sum-of-list", lambda x: np.sum([x[0], x[1] * 2, 3.0]), V),
    Case("sum-of-broadcast", lambda x: np.sum(np.outer(x, x) + x, axis=1), V),
    Case("sum-empty-axis", lambda x: np.sum(x[:0]) + x[0], V),
    Case("sum-dtype", lambda x: np.sum(x, dtype=np.float64), V, DIFF),
    Case("nansum", lambda x: np.nansum(x * x), N),
    Case("nansum-axis", lambda x: np.nansum(x * x, axis=0), NM),
    Case("mean", lambda x: np.mean(x**2) * x, V),
    Case("mean-axis", lambda x: x - np.mean(x, axis=1, keepdims=True), M),
    Case("mean-where", lambda x: np.mean(x * x, axis=1, where=MASK34), M),
    Case("nanmean", lambda x: np.nanmean(x * x), N),
    Case("nanmean-axis", lambda x: np.nanmean(x**2, axis=0, keepdims=True), NM),
    Case("average", lambda x: np.average(x * x), V),
    Case("average-weights", lambda x: np.average(x, weights=np.arange(1.0, 6.0)), V),
    Case("average-weights-active", lambda x: np.average(A5, weights=x), P),
    Case("average-both-active", lambda x: np.average(x**2, weights=x), P),
    Case("average-axis", lambda x: np.average(x, axis=1, weights=[1.0, 2.0, 3.0, 4.0]), M),
    Case("average-returned", lambda x: np.multiply(*np.average(x, weights=P, returned=True)), P),
    Case("var", lambda x: np.var(x), V, DIFF),
    Case("var-ddof-axis", lambda x: np.var(x, axis=0, ddof=1) * x.var(1, ddof=1)[0], M, DIFF),
    Case("var-correction", lambda x: np.var(x, correction=1), V, DIFF),
    Case("var-keepdims", lambda x: x / np.var(x, axis=1, keepdims=True), M, DIFF),
    Case("var-mean-given", lambda x: np.var(x, mean=np.mean(x)), V, DIFF),
    Case("std", lambda x: np.std(x) * x, V, DIFF),
    Case("std-ddof-axis", lambda x: (x - x.mean(0)) / np.std(x, axis=0, ddof=1), M, DIFF),
    Case("std-keepdims", lambda x: x / np.std(x, axis=(0, 2), keepdims=True), T, DIFF),
    Case("std-where", lambda x: np.std(x, axis=0, where=MASK5[:, None]), spread(5, 2), DIFF),
    Case("nanvar", lambda x: np.nanvar(x, ddof=1), N, DIFF),
    Case("nanvar-axis", lambda x: np.nanvar(x, axis=1), NM, DIFF),
    Case("nanstd", lambda x: np.nanstd(x), N, DIFF),
    Case("nanstd-axis", lambda x: np.nanstd(x, axis=1, keepdims=True), NM, DIFF),
    Case("prod", lambda x: np.prod(x), V),
    Case("prod-one-zero", np.prod, np.array([0.7, 0.0, 2.1, 0.4])),
    Case("prod-two-zeros", np.prod, np.array([0.7, 0.0, 2.1, 0.0])),
    Case("prod-axis", lambda x: np.prod(x, axis=0) * np.prod(x, axis=1, keepdims=True), M),
    Case("prod-axes", lambda x: np.prod(x, axis=(0, 2)), T),
    Case("prod-initial-where", lambda x: np.prod(x, axis=1, initial=2.0, where=MASK34), M),
    Case("nanprod", lambda x: np.nanprod(x), N),
    Case("nanprod-axis", lambda x: np.nanprod(x, axis=1), NM),
    Case("cumsum", lambda x: np.cumsum(x) * x.cumsum(), V),
    Case("cumsum-axis", lambda x: np.cumsum(x, axis=0) * np.cumsum(x, axis=1), M),
    Case("cumsum-flat", lambda x: np.cumsum(x), M),
    Case("cumprod", lambda x: np.cumprod(x) + x.cumprod(), V),
    Case("cumprod-zeros", np.cumprod, np.array([0.7, 0.0, 2.1, 0.0, 0.4])),
    Case("cumprod-axis", lambda x: np.cumprod(x, axis=1), M),
    Case("cumprod-flat", lambda x: np.cumprod(x), M),
    Case("nancumsum", lambda x: np.nancumsum(x * x), N),
    Case("nancumprod", lambda x: np.nancumprod(x), N),
    Case("nancumsum-axis", lambda x: np.nancumsum(x, axis=1) + np.nancumprod(x, axis=1), NM),
    Case("cumulative-sum", lambda x: np.cumulative_sum(x, include_initial=True), V),
    Case("cumulative-sum-axis", lambda x: np.cumulative_sum(x, axis=1), M),
    Case("cumulative-prod", lambda x: np.cumulative_prod(x, include_initial=True), V),
    Case("cumulative-prod-axis", lambda x: np.cumulative_prod(x, axis=0), M),
    Case("max", lambda x: np.max(x) ** 2, V, DIFF),
    Case("max-axis", lambda x: np.max(x, axis=0) * np.max(x, axis=1, keepdims=True), M, DIFF),
    Case("max-axes", lambda x: np.max(x, axis=(0, 2)), T, DIFF),
    Case("max-initial-where", lambda x: np.max(x, 1, initial=0.5, where=MASK34), M, DIFF),
    Case("amax-amin", lambda x: np.amax(x, axis=1) - np.amin(x, axis=1), M, DIFF),
    Case("min", lambda x: np.min(x) * x, V, DIFF),
    Case("min-axis", lambda x: x - np.min(x, axis=0), M, DIFF),
    Case("nanmax-nanmin", lambda x: np.nanmax(x) * np.nanmin(x), N, DIFF),
    Case("nanmax-axis", lambda x: np.nanmax(x, axis=1) * np.nanmin(x, axis=0)[0], NM, DIFF),
    Case("ptp", lambda x: np.ptp(x), V, DIFF),
    Case("ptp-axis", lambda x: np.ptp(x, axis=1, keepdims=True) * x, M, DIFF),
    Case("median-odd", lambda x: np.median(x), V, DIFF),
    Case("median-even", lambda x: np.median(x**3), V[:4], DIFF),
    Case("median-axis", lambda x: np.median(x, axis=0) * np.median(x, axis=1)[0], M, DIFF),
    Case("median-axes-keepdims", lambda x: x - np.median(x, axis=(0, 1), keepdims=True), M, DIFF),
    Case("nanmedian", lambda x: np.nanmedian(x), N, DIFF),
    Case("nanmedian-axis", lambda x: np.nanmedian(x, axis=1), NM, DIFF),
    Case("quantile", lambda x: np.quantile(x, 0.3), V, DIFF),
    Case("quantile-several", lambda x: np.quantile(x, [0.1, 0.5, 0.85]), V, DIFF),
    Case("quantile-axis", lambda x: np.quantile(x, 0.4, axis=0, keepdims=True) * x, M, DIFF),
    Case("quantile-axis-several", lambda x: np.quantile(x, [[0.2], [0.6]], axis=1), M, DIFF),
    *[
        Case(f"quantile-{m}", lambda x, m=m: np.quantile(x, [0.13, 0.62], method=m), V, DIFF)
        for m in (
            "lower",
            "higher",
            "midpoint",
            "nearest",
            "hazen",
            "weibull",
            "median_unbiased",
            "normal_unbiased",
            "inverted_cdf",
            "averaged_inverted_cdf",
            "closest_observation",
            "interpolated_inverted_cdf",
        )
    ],
    Case("percentile", lambda x: np.percentile(x, 30), V, DIFF),
    Case("percentile-axis", lambda x: np.percentile(x, [25, 75], axis=0), M, DIFF),
    Case("nanquantile", lambda x: np.nanquantile(x, 0.3), N, DIFF),
    Case("nanquantile-axis", lambda x: np.nanquantile(x, [0.3, 0.6], axis=1), NM, DIFF),
    Case("nanpercentile", lambda x: np.nanpercentile(x, [30.0, 70.0]), N, DIFF),
    Case("logsumexp", lambda x: np.log(np.sum(np.exp(x - np.max(x)))) + np.max(x), V, DIFF),
    Case("norm-by-hand", lambda x: np.sqrt(np.sum(x * x)), V),
    Case("zscore", lambda x: (x - np.mean(x)) / np.std(x), V, DIFF),
    Case("trace", lambda x: np.trace(x) * x.trace(), Q),
    Case("trace-offset-axes", lambda x: np.trace(x, offset=1, axis1=0, axis2=2), T),
    Case("count-nonzero-any-all", lambda x: x * np.count_nonzero(x > 0) * np.any(x > 2), V, DIFF),
    Case("apply-along-axis", lambda x: np.apply_along_axis(lambda r: r @ r, 1, x), M),
    Case("apply-along-axis-array", lambda x: np.apply_along_axis(np.cumsum, 0, x), M),
    Case("apply-over-axes", lambda x: np.apply_over_axes(np.sum, x * x, [0, 2]), T),
]

# --- Linear functions and products ---------------------------------------------------------------

X3 = np.linspace(0.0, 3.0, 5)


def gradient_pair(x):
    gy, gx = np.gradient(x)
    return gy * gx


LINEAR = [
    Case("diff", lambda x: np.diff(x) * x[1:], V),
    Case("diff-n", lambda x: np.diff(x, n=2), V),
    Case("diff-axis", lambda x: np.diff(x, axis=0), M),
    Case("diff-prepend", lambda x: np.diff(x, prepend=0.5), V),
    Case("diff-prepend-append-active", lambda x: np.diff(x, prepend=x[-1:], append=x[:1] ** 2), V),
    Case("ediff1d", lambda x: np.ediff1d(x * x), V),
    Case("ediff1d-ends", lambda x: np.ediff1d(x, to_begin=[1.0], to_end=[2.0, 3.0]), V),
    Case("ediff1d-matrix", lambda x: np.ediff1d(x), M),
    Case("gradient", lambda x: np.gradient(x), V),
    Case("gradient-spacing", lambda x: np.gradient(x**2, 0.3), V),
    Case("gradient-coordinates", lambda x: np.gradient(x, np.array([0.0, 0.5, 0.7, 2.0, 2.1])), V),
    Case("gradient-edge-order", lambda x: np.gradient(x, 0.5, edge_order=2), V),
    Case("gradient-axis", lambda x: np.gradient(x, axis=1), M),
    Case("gradient-2d", gradient_pair, M),
    Case("gradient-spacing-active", lambda x: np.gradient(x[1:], x[0]), V),
    Case("gradient-coordinates-active", lambda x: np.gradient(A5, np.cumsum(x)), P, DIFF),
    Case("trapezoid", lambda x: np.trapezoid(x**2), V),
    Case("trapezoid-dx", lambda x: np.trapezoid(x, dx=0.1), V),
    Case("trapezoid-x", lambda x: np.trapezoid(x, x=X3), V),
    Case("trapezoid-x-active", lambda x: np.trapezoid(x**2, np.cumsum(x)), P),
    Case("trapezoid-axis", lambda x: np.trapezoid(x, axis=0), M),
    Case("cross", lambda x: np.cross(x[:3], x[2:]), V),
    Case("cross-constant", lambda x: np.cross(x, A33) + np.cross(A33[0], x), Q),
    Case("cross-axis", lambda x: np.cross(x, x[::-1] * 2.0 + A33, axis=0), Q),
    Case("dot-vectors", lambda x: np.dot(x, x) * x.dot(A5), V),
    Case("dot-matrix-vector", lambda x: np.dot(A55, x) + x.dot(A55), V),
    Case("dot-matrices", lambda x: np.dot(x, x.T) @ np.dot(x, A43), M),
    Case("dot-scalar", lambda x: np.dot(x, 2.0) + np.dot(3.0, x) + np.dot(x[0], x), V),
    Case("dot-nd", lambda x: np.dot(x, A43), T),
    Case("dot-nd-nd", lambda x: np.dot(A34, x.transpose(0, 2, 1)), T),
    Case("vdot", lambda x: np.vdot(x, A34) + np.vdot(x, x), M, DIFF),
    Case("inner", lambda x: np.inner(x, x) * np.inner(x, A5), V),
    Case("inner-matrices", lambda x: np.inner(x, A34) + np.inner(A34, x), M),
    Case("outer", lambda x: np.outer(x, x) + np.outer(A5, x), V),
    Case("outer-matrix", lambda x: np.outer(x, [1.0, 2.0]), M),
    Case("matmul-1-1", lambda x: np.matmul(x, x) + x @ A5, V),
    Case("matmul-2-1-constant-left", lambda x: np.matmul(A55, x), V),
    Case("matmul-2-1-constant-right", lambda x: x @ A5[:4], M),
    Case("matmul-1-2-constant-left", lambda x: A5[:3] @ x, M),
    Case("matmul-1-2-constant-right", lambda x: x @ A55, V),
    Case("matmul-2-1-both", lambda x: (x[:4].reshape(2, 2)) @ x[3:], V),
    Case("matmul-1-2-both", lambda x: x[3:] @ (x[:4].reshape(2, 2)), V),
    Case("matmul-2-2-constant-left", lambda x: A43 @ x, M),
    Case("matmul-2-2-constant-right", lambda x: x @ A43, M),
    Case("matmul-2-2-both", lambda x: x @ x.T, M),
    Case("matmul-3-2-constant", lambda x: x @ A43, T),
    Case("matmul-3-2-active-right", lambda x: normal(2, 5, 3) @ x, M),
    Case("matmul-3-1", lambda x: x @ A5[:4] + x @ x[0, 0], T),
    Case("matmul-1-3", lambda x: A5[:3] @ x, T),
    Case("matmul-3-3-both", lambda x: x @ np.swapaxes(x, 1, 2), T),
    Case("matmul-3-3-broadcast", lambda x: x[:1] @ normal(2, 4, 2), T),
    Case("matmul-2-3-broadcast-active", lambda x: x[0] @ x.transpose(0, 2, 1), T),
    Case("matmul-chain", lambda x: A43 @ np.tanh(A34 @ (A43 @ x)), V[:3]),
    Case("matmul-power", lambda x: x @ x @ x, Q),
    Case("matmul-element-scaled", lambda x: (x[0] * A55) @ x, V),
    Case("matmul-transposed-view", lambda x: x.T @ A34, M),
    Case("matmul-out", lambda x: np.matmul(x, A43, out=np.zeros_like(x[:, :3])), M),
    Case("quadratic-form", lambda x: x @ A55 @ x, V),
    Case("vecdot", lambda x: np.vecdot(x, x) + np.vecdot(x, A34), M, DIFF),
    Case("vecdot-axis", lambda x: np.vecdot(x, A34, axis=0), M, DIFF),
    Case("matvec", lambda x: np.matvec(x, x[0]) + np.matvec(x, A5[:4]), M),
    Case("matvec-stack", lambda x: np.matvec(A34, x), T),
    Case("vecmat", lambda x: np.vecmat(x[:, 0], x), M, DIFF),
    Case("einsum-implicit", lambda x: np.einsum("ij,jk", x, A43), M),
    Case("einsum-explicit", lambda x: np.einsum("ij,kj->ki", x, A34), M),
    Case("einsum-both", lambda x: np.einsum("ij,kj->ik", x, np.sin(x)), M),
    Case("einsum-trace", lambda x: np.einsum("ii", x), Q),
    Case("einsum-diagonal", lambda x: np.einsum("ii->i", x), Q),
    Case("einsum-sum-transpose", lambda x: np.einsum("ij->j", x) + np.einsum("ij->ji", x)[:, 0], M),
    Case("einsum-ellipsis", lambda x: np.einsum("...ij,jk->...ik", x, A43), T),
    Case("einsum-ellipsis-both", lambda x: np.einsum("...i,...i->...", x, x**2), T),
    Case("einsum-outer", lambda x: np.einsum("i,j->ij", x, x), V),
    Case("einsum-three", lambda x: np.einsum("i,ij,j->", x, A55, x), V),
    Case("einsum-three-active", lambda x: np.einsum("ij,jk,kl->il", x, x, x), Q),
    Case("einsum-batch", lambda x: np.einsum("bij,bj->bi", x, x[:, 0]), T),
    Case("einsum-repeated-operand", lambda x: np.einsum("ij,ij->", x, x), M),
    Case("einsum-interleaved", lambda x: np.einsum(x, [0, 1], A43, [1, 2], [0, 2]), M),
    Case("einsum-interleaved-implicit", lambda x: np.einsum(x, [0, 1], x, [0, 1]), M),
    Case("einsum-optimize", lambda x: np.einsum("ij,jk,kl->il", x, A43, x, optimize=True), M),
    Case("einsum-scalar-operand", lambda x: np.einsum(",ij->ij", x[0, 0], x), M),
    Case("einsum-diagonal-product", lambda x: np.einsum("ii,ij->j", x, x), Q),
    Case("tensordot", lambda x: np.tensordot(x, A34), M),
    Case("tensordot-axes", lambda x: np.tensordot(x, A43, axes=([1], [0])), M),
    Case("tensordot-0", lambda x: np.tensordot(x, x, axes=0), V),
    Case("tensordot-both", lambda x: np.tensordot(x, x, axes=[[1, 2], [1, 2]]), T),
    Case("kron", lambda x: np.kron(x, A34[:2, :2]), M[:2, :2]),
    Case("kron-both", lambda x: np.kron(x[:2], x[2:]) + np.kron(A5[:2], x[:3]), V),
    Case("kron-mixed-ranks", lambda x: np.kron(x, x[0]), M[:2, :2]),
    *[
        Case(f"convolve-{m}", lambda x, m=m: np.convolve(x, [1.0, -2.0, 0.5], mode=m), V)
        for m in ("full", "same", "valid")
    ],
    Case("convolve-both", lambda x: np.convolve(x, x[:3]), V),
    Case("convolve-kernel-active", lambda x: np.convolve(A5, x[:2], "valid"), V),
    Case("convolve-kernel-longer", lambda x: np.convolve(x[:2], A5, "same"), V),
    *[
        Case(f"correlate-{m}", lambda x, m=m: np.correlate(x, [1.0, -2.0, 0.5], mode=m), V, DIFF)
        for m in ("full", "same", "valid")
    ],
    Case("correlate-both", lambda x: np.correlate(x, x[:3], "full"), V, DIFF),
    Case("correlate-kernel-active", lambda x: np.correlate(A5, x[:2], "same"), V, DIFF),
    Case("interp-x", lambda x: np.interp(x, [-2.0, 0.0, 1.0, 3.0], [1.0, 0.5, 2.0, -1.0]), V, DIFF),
    Case("interp-fp", lambda x: np.interp([-0.5, 0.2, 1.7, 9.0], [0.0, 0.5, 1.0, 2.0, 3.0], x), V),
    Case("interp-xp", lambda x: np.interp([0.9, 2.5, 4.1], np.cumsum(x), A5), P, DIFF),
    Case("interp-all", lambda x: np.interp(x[1:3], np.cumsum(x), x**2), P, DIFF),
    Case("interp-outside", lambda x: np.interp(x, [0.0, 1.0], [3.0, 5.0]), V, DIFF),
    Case("interp-left-right", lambda x: np.interp(x, [0, 1], [3, 5], left=7, right=9), V, DIFF),
    Case(
        "interp-period", lambda x: np.interp(x, [0.2, 0.9, 1.6], [1.0, 2.0, 0.5], period=2), V, DIFF
    ),
    Case("interp-scalar", lambda x: np.interp(x[0], [0.0, 1.0], [3.0, 5.0]), V, DIFF),
    Case("polyval", lambda x: np.polyval([1.0, -2.0, 0.5], x), V),
    Case("polyval-coefficients", lambda x: np.polyval(x, 0.7), V),
    Case("polyval-both", lambda x: np.polyval(x, x[:2]), V),
    Case("vander", lambda x: np.vander(x, 4), V),
    Case("vander-increasing", lambda x: np.vander(x, increasing=True), V),
    Case("linspace-ends", lambda x: np.linspace(x[0], x[1], 5), V),
    Case("linspace-one-end", lambda x: np.linspace(0.0, x[1], 4, endpoint=False) * x[0], V),
    Case("linspace-retstep", lambda x: np.multiply(*np.linspace(x[0], 1.0, 3, retstep=True)), V),
    Case("linspace-arrays", lambda x: np.linspace(x[:2], x[2:4], 3, axis=1), V, DIFF),
    Case("logspace-ends", lambda x: np.logspace(x[0], x[1], 4), V, DIFF),
    Case("logspace-base", lambda x: np.logspace(x[0], 1.0, 3, base=2.0), V, DIFF),
    Case("geomspace-ends", lambda x: np.geomspace(x[0], x[1], 4), P, DIFF),
    Case("arange-of-length", lambda x: x * np.arange(len(x)), V),
    Case("cov", lambda x: np.cov(x), M, DIFF),
    Case("cov-two", lambda x: np.cov(x[0], x[1], ddof=0), M, DIFF),
    Case("cov-rowvar", lambda x: np.cov(x, rowvar=False, bias=True), M, DIFF),
    Case("corrcoef", lambda x: np.corrcoef(x), M, DIFF),
    Case("corrcoef-two", lambda x: np.corrcoef(x, A5)[0, 1], V, DIFF),
    Case("mlp", lambda x: A34 @ np.tanh(A43 @ x + 0.1), V[:3]),
    Case("heat-stencil", lambda x: x + 0.1 * (np.roll(x, 1) - 2 * x + np.roll(x, -1)), V),
]

# --- Clipping, rounding, cleaning ----------------------------------------------------------------

CLEANING = [
    Case("clip-scalars", lambda x: np.clip(x, -0.5, 0.5) + x.clip(-1.0, 1.0), V, DIFF),
    Case("clip-arrays", lambda x: np.clip(x, A5 - 0.5, A5 + 0.5), V, DIFF),
    Case("clip-none", lambda x: np.clip(x, None, 0.5) * np.clip(x, -0.5, None), V, DIFF),
    Case("clip-active-bounds", lambda x: np.clip(A5, x[1], x[2]) + np.clip(x, x[4], 9.0), V, DIFF),
    Case("clip-keywords", lambda x: np.clip(x, min=-0.5, max=0.5), V, DIFF),
    Case("clip-method-min", lambda x: x.clip(min=0.0) + x.clip(max=0.5), V, DIFF),
    Case("clip-out", lambda x: np.clip(x, 0.0, 1.0, out=x) * 2.0, V, DIFF),
    Case("nan-to-num", lambda x: np.nan_to_num(x * x), N, DIFF),
    Case("nan-to-num-values", lambda x: np.nan_to_num(x, nan=3.0, posinf=1.0), N, DIFF),
    Case("nan-to-num-in-place", lambda x: np.nan_to_num(x, copy=False) * 2, N, DIFF),
    Case("where-isnan", lambda x: np.where(np.isnan(x), 0.0, x**2), N, DIFF),
    Case("isfinite-index", lambda x: x[np.isfinite(x)] ** 2, N, DIFF),
    Case("round-flat", lambda x: x * np.round(x) + np.around(x, 1), V + 0.02, DIFF),
    Case("round-method", lambda x: x * x.round() + x.round(1), V + 0.02, DIFF),
    Case("floor-ceil-trunc", lambda x: x * np.floor(x) + np.ceil(x) * np.trunc(x), V, DIFF),
    Case("rint-fix-sign", lambda x: x * np.rint(x) + fixed(x) * np.sign(x), V, DIFF),
    Case("unwrap", lambda x: np.unwrap(4.0 * x), V, DIFF),
    Case("unwrap-axis-period", lambda x: np.unwrap(x, axis=0, period=1.1), M, DIFF),
    Case("real-imag-conj-of-real", lambda x: np.real(x) + np.imag(x) + np.conj(x), V, DIFF),
    Case("real-imag-methods", lambda x: x.real * x.conj() + x.imag + x.conjugate(), V, DIFF),
    Case("angle-of-real", lambda x: np.angle(x) * x, V, DIFF),
    Case(
        "isclose-allclose", lambda x: x * np.isclose(x, 0.45, atol=0.2) * np.allclose(x, x), V, DIFF
    ),
    Case("array-equal", lambda x: x * np.array_equal(x, x), V, DIFF),
    Case("signbit", lambda x: np.where(np.signbit(x), x, x**2), V, DIFF),
    Case("logical", lambda x: x * np.logical_and(x > 0, x < 1) + np.logical_not(x), V, DIFF),
    Case("piecewise", lambda x: np.piecewise(x, [x < 0, x >= 0], [lambda v: -v, np.exp]), V, DIFF),
    Case("piecewise-constants", lambda x: np.piecewise(x, [x > 1], [5.0, np.sin]), V, DIFF),
    Case("vectorize", lambda x: np.vectorize(lambda v: v * v if v > 0 else -v)(x), V, DIFF),
    Case("vectorize-two", lambda x: np.vectorize(lambda a, b: a * np.sin(b))(x, x[::-1]), V),
    Case("vectorize-matrix", lambda x: np.vectorize(lambda v: 3 * v**2)(x), M),
    Case("argmax-index", lambda x: x[np.argmax(x)] * x[x.argmin()], V, DIFF),
    Case("argmax-axis", lambda x: x[np.arange(3), np.argmax(x, axis=1)], M, DIFF),
    Case("searchsorted", lambda x: x * np.searchsorted([-1.0, 0.0, 1.0], x), V, DIFF),
    Case("searchsorted-active", lambda x: x[0] * np.searchsorted(np.sort(x), 0.5), V, DIFF),
    Case("digitize", lambda x: x * np.digitize(x, [-1.0, 0.0, 1.0]), V, DIFF),
    Case("nonzero", lambda x: x[np.nonzero(x > 0)] + x[x.nonzero()][:3], V, DIFF),
    Case("flatnonzero-argwhere", lambda x: x[np.flatnonzero(x < 0)] * len(np.argwhere(x)), V, DIFF),
    Case("lexsort", lambda x: x[np.lexsort((x,))] * A5, V, DIFF),
    Case("result-type", lambda x: x * np.ones(5, np.result_type(x, np.float64)), V, DIFF),
]

# --- Complex intermediates -----------------------------------------------------------------------


def fourier_by_hand(x):
    k = np.arange(5)
    return np.exp(-2j * np.pi * np.outer(k, k) / 5) @ x


def complex_buffer(x):
    z = np.zeros_like(x, dtype=complex)
    z[0] = x[0] + 1j * x[1]
    z[1:] = x[1:] * 1j
    return (z * z).real + z.imag


def complex_parts_assigned(x):
    z = np.zeros_like(x, dtype=complex)
    z.real[:] = x
    z.imag[1:] = x[:-1] ** 2
    return z * z


def mandelbrot(x):
    z = 0j
    c = x[0] + 1j * x[1]
    for _ in range(5):
        z = z * z + 0.3 * c
    return abs(z)


def Z(x):
    return x + 1j * x[::-1] ** 2


COMPLEX = [
    Case("complex-out", Z, V, DIFF),
    Case("complex-scalar-out", lambda x: x[0] + 1j * x[1], V, DIFF),
    Case("complex-absolute", lambda x: np.abs(Z(x)), V, DIFF),
    Case("complex-absolute-scalar", lambda x: abs(x[0] + 1j * x[1] * x[2]), V, DIFF),
    Case("complex-angle", lambda x: np.angle(Z(x)), V, DIFF),
    Case("complex-angle-degrees", lambda x: np.angle(Z(x), deg=True), V, DIFF),
    Case("complex-real-imag", lambda x: np.real(Z(x)) * np.imag(Z(x)) + Z(x).real, V, DIFF),
    Case("complex-conj", lambda x: np.conj(Z(x)) * Z(x), V, DIFF),
    Case("complex-conj-method", lambda x: (Z(x).conj() * Z(x).conjugate()).imag, V, DIFF),
    Case("complex-exp", lambda x: np.exp(1j * x), V, DIFF),
    Case("complex-functions", lambda x: np.sin(Z(x)) * np.log(Z(x)) / np.sqrt(Z(x)), V, DIFF),
    Case("complex-inverse-functions", lambda x: np.arcsin(Z(x)) + np.arctan(Z(x)), V, DIFF),
    Case("complex-hyperbolic", lambda x: np.tanh(Z(x)) * np.arcsinh(Z(x)) - np.cosh(Z(x)), V, DIFF),
    Case("complex-power", lambda x: Z(x) ** 2 + Z(x) ** 3 + Z(x) ** 0.5 + Z(x) ** 1j, P, DIFF),
    Case("complex-power-active", lambda x: Z(x) ** x, P, DIFF),
    Case("complex-sqrt-of-negative", lambda x: np.sqrt(x + 0j), V, DIFF),
    Case("complex-reciprocal", lambda x: 1 / Z(x) + np.reciprocal(Z(x)), V, DIFF),
    Case("complex-sum-mean-prod", lambda x: np.sum(Z(x)) * np.mean(Z(x)) + np.prod(Z(x)), V, DIFF),
    Case("complex-cumulative", lambda x: np.cumsum(Z(x)) * np.cumprod(Z(x)), V, DIFF),
    Case("complex-var-std", lambda x: np.var(Z(x)) + np.std(Z(x)), V, DIFF),
    Case("complex-matmul", lambda x: (A55 + 1j * A55.T) @ x, V, DIFF),
    Case("complex-matmul-both", lambda x: np.outer(Z(x), x) @ Z(x), V, DIFF),
    Case("complex-vdot", lambda x: np.vdot(Z(x), Z(x)[::-1]) + np.vecdot(Z(x), A5 * 1j), V, DIFF),
    Case("complex-einsum", lambda x: np.einsum("i,ij,j", Z(x).conj(), A55, Z(x)), V, DIFF),
    Case("complex-fourier-power", lambda x: np.abs(fourier_by_hand(x)) ** 2, V, DIFF),
    Case("complex-where", lambda x: np.where(x > 0, Z(x), 1j), V, DIFF),
    Case("complex-concatenate", lambda x: np.concatenate([Z(x), x]), V, DIFF),
    Case("complex-index", lambda x: Z(x)[[0, 2]] * Z(x)[1:3], V, DIFF),
    Case("complex-buffer", complex_buffer, V, DIFF),
    Case("complex-parts-assigned", complex_parts_assigned, V, DIFF),
    Case("complex-astype", lambda x: x.astype(complex) * 1j, V, DIFF),
    Case("complex-nan-to-num", lambda x: np.nan_to_num(Z(x)), V, DIFF),
    Case("complex-mandelbrot", mandelbrot, V, DIFF),
    Case("complex-correlate-convolve", lambda x: np.correlate(Z(x), Z(x)[:3], "full"), V, DIFF),
    Case("complex-list", lambda x: [x[0], 1j * x[1]], V, DIFF),
    Case("complex-real-if-real", lambda x: (Z(x) * Z(x).conj()).real, V, DIFF),
]

# --- Methods of ufuncs ---------------------------------------------------------------------------


def at_methods(x):
    y = 2.0 * x
    np.add.at(y, [0, 0, 2], x[:3])
    np.subtract.at(y, [1, 1], x[3])
    np.multiply.at(y, [4, 4, 0], x[2])
    return y


def unary_at(x):
    y = 1.0 * x
    np.negative.at(y, [0, 3])
    np.exp.at(y, [1])
    np.square.at(y, [2, 2])
    return y


def maximum_at(x):
    y = 1.0 * x
    np.maximum.at(y, [1, 4], [0.2, -3.0])
    np.minimum.at(y, [2, 2], x[[0, 3]])
    return y


def histogram_add(x):
    y = np.zeros_like(x[:3])
    np.add.at(y, np.array([0, 2, 2, 1, 0]), x**2)
    return y


UFUNC_METHODS = [
    Case("add-reduce", lambda x: np.add.reduce(x) * np.add.reduce(x, axis=1)[0], M),
    Case("add-reduce-axes", lambda x: np.add.reduce(x, axis=(0, 2), keepdims=True) * x, T),
    Case("add-reduce-none", lambda x: np.add.reduce(x, axis=None), M),
    Case("add-reduce-initial-where", lambda x: np.add.reduce(x, 1, initial=3, where=MASK34), M),
    Case("multiply-reduce", lambda x: np.multiply.reduce(x, axis=1), M),
    Case("subtract-reduce", lambda x: np.subtract.reduce(x), V),
    Case("divide-reduce", lambda x: np.divide.reduce(x), V),
    Case("maximum-reduce", lambda x: np.maximum.reduce(x) * np.minimum.reduce(x), M, DIFF),
    Case("fmax-reduce", lambda x: np.fmax.reduce(x) + np.fmin.reduce(x), V, DIFF),
    Case("logaddexp-reduce", lambda x: np.logaddexp.reduce(x), V, DIFF),
    Case("hypot-reduce", lambda x: np.hypot.reduce(x), V, DIFF),
    Case("logical-reduce", lambda x: x * np.logical_and.reduce(x > -9), V, DIFF),
    Case("maximum-reduce-list", lambda x: np.maximum.reduce([x, x[::-1], A5]), V, DIFF),
    Case("add-accumulate", lambda x: np.add.accumulate(x, axis=1), M),
    Case("multiply-accumulate", lambda x: np.multiply.accumulate(x), V),
    Case("subtract-accumulate", lambda x: np.subtract.accumulate(x), V),
    Case("maximum-accumulate", lambda x: np.maximum.accumulate(x), V, DIFF),
    Case("minimum-accumulate", lambda x: np.minimum.accumulate(x, axis=1), M, DIFF),
    Case("logaddexp-accumulate", lambda x: np.logaddexp.accumulate(x), V, DIFF),
    Case("add-outer", lambda x: np.add.outer(x, x[:2]), V),
    Case("subtract-outer", lambda x: np.subtract.outer(x, A5), V),
    Case("multiply-outer", lambda x: np.multiply.outer(A34[0], x), V),
    Case("multiply-outer-matrix", lambda x: np.multiply.outer(x, x[0]), M[:2, :2]),
    Case("divide-outer", lambda x: np.divide.outer(x, x), P),
    Case("power-outer", lambda x: np.power.outer(x, [1.0, 2.0, 3.0]), P),
    Case("maximum-outer", lambda x: np.maximum.outer(x, A5), V, DIFF),
    Case("arctan2-outer", lambda x: np.arctan2.outer(x, x[:2] + 0.1), V, DIFF),
    Case("greater-outer", lambda x: np.greater.outer(x, x) @ x, V, DIFF),
    Case("binary-at", at_methods, V),
    Case("unary-at", unary_at, V),
    Case("maximum-at", maximum_at, V, DIFF),
    Case("add-at-histogram", histogram_add, V),
    Case("add-reduceat", lambda x: np.add.reduceat(x, [0, 2, 4]), V),
    Case("add-reduceat-axis", lambda x: np.add.reduceat(x * x, [0, 3], axis=1), M),
    Case("add-reduceat-overlap", lambda x: np.add.reduceat(x, [3, 1, 2]), V),
    Case("multiply-reduceat", lambda x: np.multiply.reduceat(x, [0, 3]), V),
    Case("maximum-reduceat", lambda x: np.maximum.reduceat(x, [0, 3]), V, DIFF),
]

# --- Methods of the array ------------------------------------------------------------------------


def sort_in_place(x):
    y = x * 2.0
    y.sort()
    return y * A5


def sort_rows_in_place(x):
    x.sort(axis=0)
    x[1].sort()
    return x * A34


def partition_in_place(x):
    x.partition(2)
    return x[2] * 2


def fill_and_put(x):
    y = 1.0 * x
    y.put([0, 3], [x[1], 2.0])
    z = np.empty_like(x)
    z.fill(x[2])
    w = np.empty_like(x)
    w.fill(1.5)
    return y * z + w


METHODS = [
    Case("method-sum", lambda x: x.sum() * x.sum(axis=0) + x.sum(1, keepdims=True), M),
    Case("method-mean", lambda x: x.mean() * x.mean(axis=0) + x.mean(1, keepdims=True), M),
    Case("method-std-var", lambda x: x.std() * x.var(axis=0) + x.std(0, ddof=1), M, DIFF),
    Case("method-max-min", lambda x: x.max() - x.min(axis=1, keepdims=True) * x.max(0), M, DIFF),
    Case("method-prod", lambda x: x.prod() * x.prod(axis=0), M),
    Case("method-cumsum-cumprod", lambda x: x.cumsum() * x.cumprod() + x.cumsum(axis=0)[0], V),
    Case("method-dot", lambda x: x.dot(x) * x.dot(A5), V),
    Case("method-reshape", lambda x: x.reshape(4, 3) @ x.reshape((3, 4)), M),
    Case("method-reshape-int", lambda x: x.reshape(-1) * 2, M),
    Case("method-ravel-flatten", lambda x: x.ravel() * x.flatten() + x.flatten("F"), M),
    Case("method-transpose-T-mT", lambda x: x.T @ x.transpose().mT, M),
    Case("method-swapaxes", lambda x: x.swapaxes(0, 1) * A43, M),
    Case("method-squeeze", lambda x: x[:, None].squeeze(), V),
    Case("method-repeat", lambda x: x.repeat(2) * x.repeat([2] * 5), V),
    Case("method-repeat-axis", lambda x: x.repeat(2, axis=1), M),
    Case("method-take", lambda x: x.take([1, 1, 0]) * x.take([0, 1, 2]), V),
    Case("method-compress", lambda x: x.compress(MASK5) * 2, V),
    Case("method-choose", lambda x: np.array([1, 0, 1]).choose([x[:3], x[2:]]), V),
    Case("method-diagonal-trace", lambda x: x.diagonal() * x.trace(), Q),
    Case("method-clip-round", lambda x: x.clip(-0.5, 0.5) * x.round(1), V + 0.02, DIFF),
    Case("method-sort", sort_in_place, V, DIFF),
    Case("method-sort-rows", sort_rows_in_place, M, DIFF),
    Case("method-partition", partition_in_place, V, DIFF),
    Case("method-argsort", lambda x: x[x.argsort()] * A5, V, DIFF),
    Case("method-argmax-argmin", lambda x: x[x.argmax()] * x[x.argmin()], V, DIFF),
    Case("method-argpartition", lambda x: x[x.argpartition(2)[2]], V, DIFF),
    Case("method-nonzero", lambda x: x[(x > 0).nonzero()] * x[x.nonzero()][:3], V, DIFF),
    Case("method-searchsorted", lambda x: x * np.sort(x).searchsorted(0.5), V, DIFF),
    Case("method-copy", lambda x: x.copy() * x, V),
    Case("method-astype", lambda x: x.astype(float) * x.astype(np.float64, copy=False), V, DIFF),
    Case("method-astype-int", lambda x: x * x.astype(int), V, DIFF),
    Case("method-fill-put", fill_and_put, V),
    Case("method-item", lambda x: x[0].item() * x.item(2) + x[:1].item(), V),
    Case("method-item-2d", lambda x: x.item(1, 2) * x.item((0, 0)) * x.item(5), M),
    Case("method-tolist", lambda x: [v * x.tolist()[0] for v in x.tolist()], V),
    Case("method-tolist-2d", lambda x: [row[0] * row[1] for row in x.tolist()], M),
    Case("method-all-any", lambda x: x * (x > 0).any() * x.all() + x.any() * x, V, DIFF),
    Case("method-flat", lambda x: x.flat[3] * x.flat[1:4] + x.flat[[0, 5, 2]], M),
    Case("method-flat-iteration", lambda x: sum(v * v for v in x.flat), M),
    Case("methods-of-element", lambda x: x[0].sum() * x[1].max() + x[2].mean() + x[3].T, V, DIFF),
    Case("methods-chained", lambda x: (x**2).sum(axis=0).cumsum().reshape(2, 2).T.ravel(), M),
]

# --- Reading by index ----------------------------------------------------------------------------

READING = [
    Case("index-int", lambda x: x[0] * x[-1] * x[np.int64(2)], V),
    Case("index-int-2d", lambda x: x[0, 1] * x[-1, -2] + x[1][2], M),
    Case("index-row", lambda x: x[1] * x[-1], M),
    Case("index-column", lambda x: x[:, 1] * x[:, -1], M),
    Case("index-slice", lambda x: x[1:4] * x[:3] + x[-3:], V),
    Case("index-slice-step", lambda x: x[::2] * x[4::-2] + x[::-2], V),
    Case("index-slice-2d", lambda x: x[1:, ::2] * x[:2, 1::2] + x[::-1, ::-2][:2], M),
    Case("index-slice-of-slice", lambda x: x[1:][::2][:2] * x[::-1][1:3], V),
    Case("index-newaxis", lambda x: x[:, None] * x[None, :] + x[np.newaxis], V),
    Case("index-ellipsis", lambda x: x[..., 0] * x[0, ..., 1] + x[...][0, 0, 0], T[:, :2]),
    Case("index-ellipsis-newaxis", lambda x: x[..., None, 1:2], T),
    Case("index-empty-tuple", lambda x: x[()] * 2, M),
    Case("index-empty-list", lambda x: x[[]] * 2, V),
    Case("index-empty-mask", lambda x: x[np.zeros(5, bool)], V),
    Case("index-empty-slice", lambda x: np.concatenate([x[3:2], x[9:], x]), V),
    Case("index-mask", lambda x: x[MASK5] * 2, V),
    Case("index-mask-list", lambda x: x[[True, False, True, False, True]], V),
    Case("index-mask-computed", lambda x: x[x > 0] ** 2, V, DIFF),
    Case("index-mask-2d", lambda x: x[MASK34] ** 2, M),
    Case(
        "index-mask-row",
        lambda x: x[[True, False, True]] * x[:, [True, False, True, True]][:2, :1],
        M,
    ),
    Case("index-mask-and-int", lambda x: x[MASK34[:, 0], 1], M),
    Case("index-mask-slice", lambda x: x[1:, MASK34[0]], M),
    Case("index-int-list", lambda x: x[[0, 2, 2, -1]] * 2, V),
    Case("index-int-array-2d", lambda x: x[np.array([[0, 1], [4, 2]])], V),
    Case("index-int-array-rows", lambda x: x[[2, 0, 0]] * x[np.array([0, 1, 2])], M),
    Case("index-0d-array", lambda x: x[np.array(2)] * x[np.array([1])], V),
    Case("index-several-arrays", lambda x: x[[0, 1, 2], [3, 0, 0]], M),
    Case("index-broadcast-arrays", lambda x: x[np.array([[0], [2]]), [1, 3]], M),
    Case("index-array-and-slice", lambda x: x[[0, 2], 1:3] * x[:2, [0, 3]], M),
    Case("index-separated-arrays", lambda x: x[[0, 1], :, [1, 2]], T),
    Case("index-separated-int-array", lambda x: x[0, :, [1, 2]] + x[[0, 1], :, 3], T),
    Case("index-adjacent-arrays", lambda x: x[:, [0, 2], [1, 2]], T),
    Case("index-array-newaxis", lambda x: x[[0, 1], None, 1], M),
    Case("index-ix", lambda x: x[np.ix_([0, 2], [1, 3, 0])], M),
    Case("index-ix-mask", lambda x: x[np.ix_([True, False, True], [0, 1])], M),
    Case("index-computed-int", lambda x: x[np.argsort(x)[1]] * x[int(x[2])], V, DIFF),
    Case("index-unravel", lambda x: x[np.unravel_index(np.argmax(x), x.shape)], M, DIFF),
    Case("index-constant-by-flat", lambda x: A5[np.floor(np.abs(x)).astype(int)] * x, V, DIFF),
    Case("index-diag-indices", lambda x: x[np.diag_indices(3)], Q),
    Case("index-take-of-result", lambda x: np.cumsum(x)[[1, 3]] * np.sin(x)[2], V),
    Case("rosenbrock", lambda x: np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2), V),
    Case("central-differences", lambda x: x[1:-1] * (x[2:] - x[:-2]) / 2.0, V),
    Case("laplacian-2d", lambda x: x[:-2, 1:-1] + x[2:, 1:-1] - 4 * x[1:-1, 1:-1], spread(4, 4)),
    Case("pairwise-distances", lambda x: np.sum((x[:, None] - x[None]) ** 2, axis=-1), M),
]

# --- Writing by index, views, aliases ------------------------------------------------------------


def write_elements(x):
    x[0] = x[1] * x[2]
    x[-1] = 5.0
    x[2] += x[0]
    return x


def write_slices(x):
    x[1:3] = x[3:] * 2
    x[::2] *= x[0]
    x[:2] -= 1
    return x


def write_broadcast(x):
    x[:, 1] = x[0, 0] * 2
    x[1] = x[2]
    x[:2, 2:] = x[0, :2] * x[0, 1]
    x[..., 0] = 7.0
    return x


def write_through_view(x):
    y = x[1:4]
    y += 10 * x[0]
    y[0] = x[4] ** 2
    return x * y[2]


def write_through_view_of_view(x):
    y = x[1:]
    z = y[::2]
    z *= 3.0
    z[1] = x[0] * y[1]
    return np.concatenate([x, y, z])


def write_root_read_view(x):
    y = x[1:4]
    z = y[::-1]
    x[2] = x[0] * x[1]
    return y * z


def write_through_transpose(x):
    t = x.T
    t[0] = x[1, 2] * t[1]
    t[2, 1] = 4.0
    return x


def write_through_reshape(x):
    r = x.reshape(-1)
    r[3:7] *= r[0]
    x[2, 2] = r[1] ** 2
    return x + r.reshape(3, 4)


def write_through_ravel(x):
    x.ravel()[5] = x[0, 0] * 3
    np.ravel(x)[0] = 2.0
    return x


def write_to_flatten(x):
    x.flatten()[0] = 9.0
    r = x.T.reshape(-1)
    r[1] = 9.0
    return x * r[1]


def write_through_diagonal(x):
    y = x.copy()
    np.einsum("ii->i", A33 * 1.0)[:] = 1.0
    i = np.arange(3)
    y[i, i] += x[:, 0] ** 2
    return y


def write_through_newaxis(x):
    c = x[:, None]
    c[1:3, 0] = x[0]
    return x * c.sum()


def write_through_swapaxes(x):
    np.swapaxes(x, 0, 2)[1] = x[0, 0, 0] * 2
    np.moveaxis(x, 0, -1)[0, 0] *= 3
    return x


def write_through_squeeze(x):
    np.squeeze(x[None])[1] = x[0] ** 2
    np.expand_dims(x, 1)[2, 0] = x[3] * 2
    return x


def write_through_split(x):
    a, b = np.split(x, [2])
    a *= b[0]
    b[1] = a[0]
    return x


def write_through_flip(x):
    np.flip(x)[0] = x[0] * x[1]
    x[::-1][1] = x[2] ** 2
    return x


def write_through_rows(x):
    for row in x:
        row *= row[0]
    return x


def write_through_unpacked_rows(x):
    a, b, c = x
    a += b * c
    return x


def write_mask(x):
    x[x < 0] = 0.0
    x[MASK5] *= 2
    x[x > 1] = x[0] * 3
    return x


def write_mask_array(x):
    x[MASK34] = x[MASK34] ** 2
    x[x > 1.5] = np.sqrt(x[x > 1.5])
    return x


def write_mask_rows(x):
    x[[True, False, True]] = x[1] * 2
    x[:, [True, False, False, True]] -= x[:, 1:3]
    return x


def write_fancy(x):
    x[[0, 3]] = x[[1, 2]] * 2
    x[np.array([4, 2])] = 1.0
    return x


def write_fancy_duplicates(x):
    x[[1, 1, 3]] = x[[0, 2, 4]] * 2
    return x


def write_fancy_duplicates_add(x):
    x[[0, 0, 1]] += x[4]
    return x


def write_fancy_2d(x):
    x[[0, 1], [1, 2]] = x[2, :2] ** 2
    x[np.ix_([0, 2], [3])] *= x[1, 1]
    x[:, [0, 2]] = x[:, [2, 0]]
    return x


def write_fancy_separated(x):
    x[[0, 1], :, [1, 2]] = x[0, :, 0] * 2
    return x


def write_overlap(x):
    x[1:] = x[:-1]
    x[:3] += x[2:]
    return x


def write_reversed(x):
    x[:] = x[::-1]
    return x * A5


def write_self_product(x):
    x *= x
    x += x[0]
    return x


def write_ellipsis(x):
    y = np.empty_like(x)
    y[...] = x * 2
    y[...] *= y
    return y


def write_0d(x):
    y = np.empty_like(x)
    y[...] = x**2
    y[()] = y * x
    return y


def write_constants(x):
    y = x * 2
    y[:] = 1.0
    y[0] = x[0]
    return y


def write_list(x):
    y = np.zeros_like(x)
    y[:2] = [x[0] * x[1], 3.0]
    y[2:] = (x[0], x[1], x[2])
    return y


def write_object_array(x):
    y = np.zeros_like(x)
    y[1:3] = np.array([x[0], x[1] ** 2])
    return y


def write_nothing(x):
    x[3:2] = 5.0
    x[[]] = 1.0
    x[x > 99] = x[0]
    return x


def loop_zeros_like(x):
    y = np.zeros_like(x)
    for i in range(len(x)):
        y[i] = np.sin(x[i]) * x[i - 1]
    return y


def loop_empty_like(x):
    y = np.empty_like(x)
    y[0] = x[0]
    for i in range(1, x.size):
        y[i] = y[i - 1] * 0.5 + x[i] ** 2
    return y


def loop_ones_full_like(x):
    y, z = np.ones_like(x), np.full_like(x, 2.5)
    for i in range(x.size):
        y[i] += x[i] * z[i]
        z[i] -= x[0]
    return y * z


def loop_full_like_active(x):
    return np.full_like(x, x[0] * 2) * np.full_like(A5, 3.0)


def loop_buffer_unused(x):
    y = np.zeros_like(x)
    return y + 1.0


def loop_2d(x):
    y = np.zeros_like(x)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            y[i, j] = x[i, j] * x[i, j - 1] + (y[i - 1, j] if i else 0.0)
    return y


def loop_shape_argument(x):
    y = np.zeros_like(x, shape=(3, 2))
    y[0] = x[:2]
    y[1:, 1] = x[3]
    z = np.empty_like(x, shape=4)
    z[:] = x[:4] ** 2
    return y.sum(axis=1) * z[:3]


def thomas(x):
    c, d = np.zeros_like(x), np.zeros_like(x)
    c[0], d[0] = 1.0 / (3.0 + x[0]), x[0] / (3.0 + x[0])
    for i in range(1, len(x)):
        m = 3.0 + x[i] - c[i - 1]
        c[i] = 1.0 / m
        d[i] = (x[i] - d[i - 1]) / m
    for i in range(len(x) - 2, -1, -1):
        d[i] -= c[i] * d[i + 1]
    return d


def cholesky_by_hand(x):
    a = x @ x.T + 3.0 * np.eye(3)
    c = np.zeros_like(a)
    for i in range(3):
        for j in range(i + 1):
            s = a[i, j] - c[i, :j] @ c[j, :j]
            c[i, j] = np.sqrt(s) if i == j else s / c[j, j]
    return c


def gauss_solve(x):
    a = x + 4.0 * np.eye(3)
    b = x[0] * 1.0
    for k in range(3):
        for i in range(k + 1, 3):
            m = a[i, k] / a[k, k]
            a[i, k:] -= m * a[k, k:]
            b[i] -= m * b[k]
    for k in (2, 1, 0):
        b[k] = (b[k] - a[k, k + 1 :] @ b[k + 1 :]) / a[k, k]
    return b


def runge_kutta(x):
    def rate(u):
        return np.stack([u[1], -x[2] * np.sin(u[0])])

    u, h = x[:2], 0.1
    for _ in range(3):
        k1 = rate(u)
        k2 = rate(u + 0.5 * h * k1)
        u = u + h * k2
    return u


def bubble_sort(x):
    for i in range(len(x)):
        for j in range(len(x) - 1 - i):
            if x[j] > x[j + 1]:
                x[j], x[j + 1] = x[j + 1].copy(), x[j].copy()
    return x


def copyto_and_friends(x):
    y = np.zeros_like(x)
    np.copyto(y, x**2)
    np.copyto(y, x[0], where=MASK5)
    z = 2.0 * x
    np.put(z, [0, 2], [x[1], 5.0])
    np.putmask(z, ~MASK5, x * 3)
    w = 1.0 * x
    np.place(w, MASK5, x[:2] ** 2)
    return np.stack([y, z, w])


def put_along(x):
    y = 1.0 * x
    np.put_along_axis(y, np.array([[0], [2], [3]]), x[:, :1] ** 2, axis=1)
    np.put_along_axis(y, np.array([[1, 1, 2, 0]]), 9.0, axis=0)
    return y


def fill_diagonals(x):
    y = 1.0 * x
    np.fill_diagonal(y, x[0, 0] ** 2)
    z = np.zeros_like(x)
    np.fill_diagonal(z, x[1])
    w = x * 2
    np.fill_diagonal(w, 0.0)
    return y @ z + w


def put_modes(x):
    y = 1.0 * x
    np.put(y, [7, -1], x[0], mode="wrap")
    y.put([9], [x[1] * x[2]], mode="clip")
    return y


def flat_writes(x):
    y = 1.0 * x
    y.flat[1:3] = x[1, :2] ** 2
    y.flat[5] = 3.0
    y.flat[[0, 7]] = x[0, 0]
    y.flat = y.flat[::-1] * 1.0
    return y


def alias_same_array(x):
    y = x
    y[0] = x[1] ** 2
    return x * y


def alias_two_views(x):
    a, b = x[:3], x[2:]
    a[2] = a[0] * a[1]
    b[1:] += b[0]
    return np.concatenate([a, b])


def alias_view_survives_rebinding(x):
    y = x[:2]
    x = x * 2
    x[0] = 3.0
    return y * x[:2]


def alias_scalar_is_a_copy(x):
    v = x[0]
    x[0] = 5.0
    return v * x


def alias_scalar_after_writes(x):
    x[0] = x[0] * 2
    v = x[0]
    w = x[1]
    x[0] = x[0] * 3
    x[1] = v * w
    return v + w * x


def alias_copy(x):
    y = x[:3].copy()
    x[:3] = 0.0
    y[0] *= 2
    return y + x[2:]


def alias_result_of_sum(x):
    t = x.sum()
    x[0] = 100.0
    return t * x[1]


def alias_operand(x):
    y = x * 1.0
    z = y + 0.0
    y[0] = 9.0
    y[1:] *= 2
    return z * y


def alias_in_list(x):
    rows = [x[0], x[1]]
    rows[0][1] = rows[1][2] ** 2
    rows[1] *= 2
    return x


def alias_in_function(x):
    def scale(v, factor):
        v *= factor

    scale(x[1:3], x[0])
    scale(x, 2.0)
    return x


def alias_fancy_is_a_copy(x):
    y = x[[0, 1]]
    y[0] = 9.0
    y[1] += x[2]
    return np.concatenate([x, y])


def alias_element_augmented(x):
    v = x[0]
    v += x[1]
    v *= 2
    return x * v


def alias_ravel_reshape_chain(x):
    v = x.reshape(4, 3)[1:].T[:, ::-1]
    v[0] = x[0, 0] * x[0, 1]
    v[1:, 1] *= 2.0
    return x


def alias_slice_of_result(x):
    y = np.exp(x)
    y[1:3][0] = x[0]
    y[1:3][:] *= 2
    return y


def alias_real_part(x):
    y = x * 1.0
    y.real[1] = x[0] ** 2
    return y


def alias_broadcast_reads_later(x):
    y = x * 1.0
    b = np.broadcast_to(y, (2, 5))
    y[0] = x[1] * x[2]
    return b * 1.0


def alias_atleast(x):
    y = x * 1.0
    np.atleast_2d(y)[0, 1] = x[0] ** 2
    np.atleast_1d(y)[2] = 3.0
    return y


def growing_buffer(x):
    y = np.zeros_like(x)
    for i in range(5):
        y[i] = x[: i + 1].sum()
        y[0] = y[0] + y[i] * 0.1
    return y


def zero_then_add(x):
    y = np.zeros_like(x, shape=())
    for v in x:
        y = y + v**2
    return y


def augmented_broadcast(x):
    y = np.zeros_like(x)
    y += x[0]
    y -= x[:, :1]
    y *= 2
    y /= 3.0
    return y


def write_and_branch(x):
    y = np.zeros_like(x)
    for i, v in enumerate(x):
        if v > 0:
            y[i] = v**2
        else:
            y[i:] += v
    return y


WRITING = [
    Case(f.__name__.replace("_", "-"), f, x, oracle)
    for f, x, oracle in [
        (write_elements, V, STEP),
        (write_slices, V, STEP),
        (write_broadcast, M, STEP),
        (write_through_view, V, STEP),
        (write_through_view_of_view, V, STEP),
        (write_root_read_view, V, STEP),
        (write_through_transpose, M, STEP),
        (write_through_reshape, M, STEP),
        (write_through_ravel, M, STEP),
        (write_to_flatten, M, STEP),
        (write_through_diagonal, Q, STEP),
        (write_through_newaxis, V, STEP),
        (write_through_swapaxes, T, STEP),
        (write_through_squeeze, V, STEP),
        (write_through_split, V, STEP),
        (write_through_flip, V, STEP),
        (write_through_rows, M, STEP),
        (write_through_unpacked_rows, M, STEP),
        (write_mask, V, DIFF),
        (write_mask_array, M, DIFF),
        (write_mask_rows, M, STEP),
        (write_fancy, V, STEP),
        (write_fancy_duplicates, V, STEP),
        (write_fancy_duplicates_add, V, STEP),
        (write_fancy_2d, M, STEP),
        (write_fancy_separated, T, STEP),
        (write_overlap, V, STEP),
        (write_reversed, V, STEP),
        (write_self_product, V, STEP),
        (write_ellipsis, M, STEP),
        (write_0d, S0, STEP),
        (write_constants, V, STEP),
        (write_list, V, STEP),
        (write_object_array, V, STEP),
        (write_nothing, V, DIFF),
        (loop_zeros_like, V, STEP),
        (loop_empty_like, V, STEP),
        (loop_ones_full_like, V, STEP),
        (loop_full_like_active, V, STEP),
        (loop_buffer_unused, V, STEP),
        (loop_2d, M, STEP),
        (loop_shape_argument, V, STEP),
        (thomas, V, STEP),
        (cholesky_by_hand, M, STEP),
        (gauss_solve, Q, STEP),
        (runge_kutta, V[:3], STEP),
        (bubble_sort, V, DIFF),
        (copyto_and_friends, V, STEP),
        (put_along, M, STEP),
        (fill_diagonals, Q, STEP),
        (put_modes, V, STEP),
        (flat_writes, M, STEP),
        (alias_same_array, V, STEP),
        (alias_two_views, V, STEP),
        (alias_view_survives_rebinding, V, STEP),
        (alias_scalar_is_a_copy, V, STEP),
        (alias_scalar_after_writes, V, STEP),
        (alias_copy, V, STEP),
        (alias_result_of_sum, V, STEP),
        (alias_operand, V, STEP),
        (alias_in_list, M, STEP),
        (alias_in_function, V, STEP),
        (alias_fancy_is_a_copy, V, STEP),
        (alias_element_augmented, V, STEP),
        (alias_ravel_reshape_chain, M, STEP),
        (alias_slice_of_result, V, STEP),
        (alias_real_part, V, DIFF),
        (alias_broadcast_reads_later, V, STEP),
        (alias_atleast, V, STEP),
        (growing_buffer, V, STEP),
        (zero_then_add, V, STEP),
        (augmented_broadcast, M, STEP),
        (write_and_branch, V, DIFF),
    ]
]

# --- Functions met less often ---------------------------------------------------------------------


def polynomials(x):
    p = np.polymul(x[:3], x[2:])
    q = np.polyadd(p, np.polysub(x, [1.0, 2.0]))
    return np.polyder(q, 2) + np.polyint(x, k=[0.5])[1:4] * np.polyder(x)[0]


def shown(x):
    texts = np.array_str(x), np.array_repr(x), np.array2string(x, precision=2)
    return x * sum(len(text) > 5 for text in texts)


def asked_about(x):
    return (
        x * np.can_cast(x, np.float64)
        + np.ones(5, np.common_type(x, x))
        + np.ones(5, np.min_scalar_type(x)) * x[0]
        + np.may_share_memory(x, x[1:]) * x
        + np.shares_memory(x, x) * x
    )


def kinds(x):
    asked = np.iscomplexobj(x), np.isrealobj(x), np.isreal(x).all(), np.iscomplex(x).any()
    return [k * v + 0.1 * v for k, v in zip(asked, x, strict=False)]


def infinities(x):
    return x * np.isinf(x) + x * np.isposinf(x) - x * np.isneginf(x) + x


RARE = [
    Case("polynomial-arithmetic", polynomials, V),
    Case("bincount-weights", lambda x: np.bincount([0, 2, 2, 1, 0], weights=x), V, DIFF),
    Case("bincount-minlength", lambda x: np.bincount([1, 1], x[:2] ** 2, minlength=4), V, DIFF),
    Case("fftshift", lambda x: np.fft.fftshift(x) * np.fft.ifftshift(x), V),
    Case("fftshift-axes", lambda x: np.fft.fftshift(x, axes=1) + np.fft.ifftshift(x), M),
    Case(
        "sliding-window-view",
        lambda x: np.lib.stride_tricks.sliding_window_view(x, 3) @ np.array([1.0, -2.0, 0.5]),
        V,
    ),
    Case(
        "sliding-window-view-2d",
        lambda x: np.lib.stride_tricks.sliding_window_view(x, (2, 2)).sum(axis=(2, 3)),
        M,
    ),
    Case("linalg-cross", lambda x: np.linalg.cross(x, A33), Q),
    Case("linalg-matmul-outer", lambda x: np.linalg.matmul(x, np.linalg.outer(x, A5)), V),
    Case("linalg-diagonal-trace", lambda x: np.linalg.diagonal(x) * np.linalg.trace(x), Q),
    Case("linalg-matrix-transpose", lambda x: np.linalg.matrix_transpose(x) ** 2, T),
    Case("linalg-tensordot", lambda x: np.linalg.tensordot(x, A43, axes=1), M),
    Case("linalg-vecdot", lambda x: np.linalg.vecdot(x, A34), M, DIFF),
    Case("logspace-arrays", lambda x: np.logspace(x[:2], x[2:4], 3), V, DIFF),
    Case("geomspace-arrays", lambda x: np.geomspace(x[:2], x[2:4], 3), P, DIFF),
    Case("unique", lambda x: np.unique(x) * A5, V, DIFF),
    Case("unique-repeated", lambda x: np.unique(np.repeat(x, 2)), V, DIFF),
    Case("unique-values", lambda x: np.sort(np.unique_values(x)), V, DIFF),
    Case("unique-inverse", lambda x: np.unique(x, return_inverse=True)[0] ** 2, V, DIFF),
    Case("union1d", lambda x: np.union1d(x[:3], x[2:]), V, DIFF),
    Case("trim-zeros", lambda x: np.trim_zeros(x * [0, 1, 1, 1, 0]), V),
    Case("sort-complex", lambda x: np.sort_complex(x), V, DIFF),
    Case("real-if-close", lambda x: np.real_if_close(x) * np.real_if_close(x + 0j), V, DIFF),
    Case("nanargmax-nanargmin", lambda x: x[np.nanargmax(x)] * x[np.nanargmin(x)], N, DIFF),
    Case("argmin-axis", lambda x: x[np.argmin(x, axis=0), np.arange(4)], M, DIFF),
    Case("argpartition", lambda x: np.sort(x[np.argpartition(x, 1)[:2]]), V, DIFF),
    Case("np-all", lambda x: x * np.all(x > -9) * np.all(x), V, DIFF),
    Case("logical-or-xor", lambda x: x * np.logical_or(x > 0, x) + np.logical_xor(x, 0), V, DIFF),
    Case("logical-xor-reduce", lambda x: x * np.logical_xor.reduce(x), V, DIFF),
    Case(
        "logical-or-reduce",
        lambda x: x * np.logical_or.reduce(x) * np.logical_and.reduce(x),
        V,
        DIFF,
    ),
    Case("indices-from", lambda x: x[np.diag_indices_from(x)] + x[np.tril_indices_from(x, -1)], Q),
    Case("ravel-multi-index", lambda x: x[np.ravel_multi_index(([1, 0], [0, 1]), (2, 2))], V),
    Case("einsum-path", lambda x: x * len(np.einsum_path("i,i", x, x)), V, DIFF),
    Case("isin", lambda x: np.where(np.isin(x, [99.0]), 0.0, x**2), V, DIFF),
    Case("array-equiv", lambda x: x * np.array_equiv(x, x), V, DIFF),
    Case("spacing-is-flat", lambda x: x + 0 * np.spacing(x), V, DIFF),
    Case("printing", shown, V, DIFF),
    Case("questions-about-dtype", asked_about, V, DIFF),
    Case("questions-about-kind", kinds, V, DIFF),
    Case("questions-about-infinity", infinities, V, DIFF),
]

# --- Matrix functions and Fourier transforms ------------------------------------------------------

K = Q + 3.0 * np.eye(3)  # far from singular
KK = np.stack([K, K.T + 0.3 * A33])
W = spread(3, 2, low=0.3, high=1.9, seed=6)
SPD = K @ K.T / 4.0


def flattened(parts):
    """The arrays of a result one after the other, complex ones by their parts."""
    return np.concatenate([np.ravel(g(p)) for p in parts for g in _real_parts(p)])


def _real_parts(a):
    return (np.real, np.imag) if a.dtype.kind == "c" else (np.positive,)


def complex_of(x):
    return x * (1.0 + 0.5j) + x**2 * (0.3 - 0.2j)


MATRICES = [
    Case("linalg-solve", lambda x: np.linalg.solve(x, A43[:3, 0]), K),
    Case("linalg-solve-right", lambda x: np.linalg.solve(K, x), M),
    Case("linalg-solve-both", lambda x: np.linalg.solve(x, x[0] * x[1]), K),
    Case("linalg-solve-stack", lambda x: np.linalg.solve(x, A33), KK),
    Case("linalg-solve-stack-vector", lambda x: np.linalg.solve(KK, x[0]), K),
    Case("linalg-inv", lambda x: np.linalg.inv(x), K),
    Case("linalg-inv-stack", lambda x: np.linalg.inv(x), KK),
    Case("linalg-det", lambda x: np.linalg.det(x), K),
    Case("linalg-det-stack", lambda x: np.linalg.det(x), KK),
    Case("linalg-det-singular", lambda x: np.linalg.det(x), np.outer([1.0, 2, 3], [1.0, 0.4, -1])),
    Case("linalg-slogdet", lambda x: np.linalg.slogdet(x)[1], KK, DIFF),
    Case("linalg-slogdet-sign", lambda x: x * np.linalg.slogdet(-x).sign, K, DIFF),
    Case("linalg-pinv", lambda x: np.linalg.pinv(x), W, DIFF),
    Case("linalg-pinv-wide", lambda x: np.linalg.pinv(x.T), W, DIFF),
    Case("linalg-matrix_power", lambda x: np.linalg.matrix_power(x, 5) / 100.0, K),
    Case("linalg-matrix_power-negative", lambda x: np.linalg.matrix_power(x, -2), K),
    Case("linalg-multi_dot", lambda x: np.linalg.multi_dot([x[0], A33, x.T, A43]), M.T),
    Case("linalg-matrix_rank", lambda x: x * np.linalg.matrix_rank(x), K, DIFF),
    Case("linalg-tensorsolve", lambda x: np.linalg.tensorsolve(x.reshape(3, 1, 3), x[:, :1]), K),
    Case("linalg-tensorinv", lambda x: np.linalg.tensorinv(x.reshape(3, 1, 3), ind=1), K),
    Case("linalg-cholesky", lambda x: np.linalg.cholesky(x), SPD, DIFF),
    Case("linalg-cholesky-upper", lambda x: np.linalg.cholesky(x @ x.T, upper=True), K, DIFF),
    Case("linalg-qr", lambda x: flattened(np.linalg.qr(x)), W, DIFF),
    Case("linalg-qr-r", lambda x: np.linalg.qr(x.T, "r"), W, DIFF),
    Case("linalg-qr-complete", lambda x: flattened(np.linalg.qr(x, "complete")), W, DIFF),
    Case("linalg-svd", lambda x: flattened(np.linalg.svd(x)), W, DIFF),
    Case("linalg-svd-values", lambda x: np.linalg.svd(x, compute_uv=False), KK, DIFF),
    Case("linalg-svdvals", lambda x: np.linalg.svdvals(x.T), W, DIFF),
    Case("linalg-eigh", lambda x: flattened(np.linalg.eigh(x)), SPD, DIFF),
    Case("linalg-eigvalsh", lambda x: np.linalg.eigvalsh(x, "U"), KK, DIFF),
    Case("linalg-eig", lambda x: flattened(np.linalg.eig(x)), K, DIFF),
    Case("linalg-eigvals", lambda x: np.linalg.eigvals(complex_of(x)), K, DIFF),
    Case("linalg-lstsq", lambda x: np.linalg.lstsq(x, x[:, 0] ** 2)[0], W + np.eye(3, 2), DIFF),
    Case("linalg-lstsq-right", lambda x: np.linalg.lstsq(W, x)[0], M, DIFF),
    Case("linalg-cond", lambda x: np.linalg.cond(x), K, DIFF),
    Case("linalg-norm-2", lambda x: np.linalg.norm(x, 2), K, DIFF),
    Case("linalg-norm-nuc", lambda x: np.linalg.norm(x, "nuc", axis=(0, 2)), KK, DIFF),
    Case("polyfit", lambda x: np.polyfit(np.arange(5.0), x, 2), V, DIFF),
    Case("polyfit-abscissas", lambda x: np.polyfit(x, A5, 1), V, DIFF),
    Case("roots", lambda x: np.roots(x[:4]), V, DIFF),
    Case(
        "roots-of-list", lambda x: np.roots([c.reshape(()) for c in np.split(x[1:4], 3)]), V, DIFF
    ),
    Case("poly", lambda x: np.poly(x), V, DIFF),
    Case("poly-matrix", lambda x: np.poly(x), K, DIFF),
    Case("fft", lambda x: np.fft.fft(x), V, DIFF),
    Case("fft-power", lambda x: np.abs(np.fft.fft(x, 8)) ** 2, V, DIFF),
    Case("ifft-complex", lambda x: np.fft.ifft(complex_of(x), 4, axis=0, norm="ortho"), M, DIFF),
    Case("rfft", lambda x: np.fft.rfft(x, axis=0), M, DIFF),
    Case("irfft", lambda x: np.fft.irfft(complex_of(x)), M, DIFF),
    Case("rfft-filter", lambda x: np.fft.irfft(np.fft.rfft(x) * [1.0, 0.5, 0.1], 5), V, DIFF),
    Case("hfft", lambda x: np.fft.hfft(complex_of(x), 7), V, DIFF),
    Case("ihfft", lambda x: np.fft.ihfft(x), V, DIFF),
    Case("fft2", lambda x: np.fft.fft2(x), M, DIFF),
    Case("ifft2", lambda x: np.fft.ifft2(x, s=(2, 5)), M, DIFF),
    Case("fftn", lambda x: np.fft.fftn(x, axes=(0, 2)), T[:, :2, :3], DIFF),
    Case("ifftn", lambda x: np.fft.ifftn(x), M, DIFF),
    Case("rfft2", lambda x: np.fft.rfft2(x), M, DIFF),
    Case("irfft2", lambda x: np.fft.irfft2(complex_of(x)), M, DIFF),
    Case("rfftn", lambda x: np.fft.rfftn(x), M, DIFF),
    Case("irfftn", lambda x: np.fft.irfftn(complex_of(x), s=(2, 4), axes=(0, 1)), M, DIFF),
]

# Sets, histograms, quantiles in q, functions that turn complex: decided by values elsewhere.
RARER = [
    Case("setdiff1d", lambda x: np.setdiff1d(x, [7.0, -1.93]) ** 2, V, DIFF),
    Case("setdiff1d-unsorted", lambda x: np.setdiff1d(x, x[:1], assume_unique=True) ** 2, V, DIFF),
    Case("intersect1d", lambda x: np.intersect1d(x[:4], x[2:]) ** 2, V, DIFF),
    Case("setxor1d", lambda x: np.setxor1d(x[:4], x[2:]) ** 2, V, DIFF),
    Case(
        "unique_all",
        lambda x: np.unique_all(x).values ** 2 * len(np.unique_all(np.append(x, x))[0]),
        V,
        DIFF,
    ),
    Case("unique_counts", lambda x: np.unique_counts(x)[0] * np.unique_counts(x)[1], V, DIFF),
    Case("unique_inverse", lambda x: np.unique_inverse(x).values ** 3, V, DIFF),
    Case("histogram", lambda x: np.histogram(V, 3, weights=x)[0], V, DIFF),
    Case("histogram-edges", lambda x: np.histogram(x, 4)[1] ** 2, V, DIFF),
    Case("histogram-density", lambda x: np.histogram(V, 3, density=True, weights=x)[0], P, DIFF),
    Case("histogram-density-edges", lambda x: np.histogram(x, 3, density=True)[0], V, DIFF),
    Case("histogram_bin_edges", lambda x: np.histogram_bin_edges(x, "sturges"), V, DIFF),
    Case("quantile-in-q", lambda x: np.quantile(M, np.abs(np.sin(x))), V, DIFF),
    Case("quantile-of-both", lambda x: np.quantile(x, np.sin(x[0]) ** 2, axis=0), V, DIFF),
    Case(
        "quantile-in-q-axis",
        lambda x: np.quantile(M * x[1], np.sin(x) ** 2, axis=1, keepdims=True, method="weibull"),
        V,
        DIFF,
    ),
    Case("percentile-in-q", lambda x: np.percentile(V, 50 + 20 * np.sin(x)), V, DIFF),
    Case("polydiv", lambda x: np.polydiv(x, x[:3])[0], V, DIFF),
    Case("polydiv-remainder", lambda x: np.polydiv(x, [2.0, 1.0, 0.5])[1], V, DIFF),
    Case("i0", lambda x: np.i0(x), V, DIFF),
    Case("emath-sqrt", lambda x: np.emath.sqrt(x), V, DIFF),
    Case("emath-log", lambda x: np.emath.log(x) * np.emath.log2(x) + np.emath.log10(x), V, DIFF),
    Case("emath-logn", lambda x: np.emath.logn(3.0, x) + np.emath.logn(x, 5.0), V, DIFF),
    Case("emath-power", lambda x: np.emath.power(x, 1.5) + np.emath.power(2.0, x), V, DIFF),
    Case("emath-power-int", lambda x: np.emath.power(x, [-1, 2, 3, -2, 1]), V, DIFF),
    Case("emath-arcs", lambda x: np.emath.arcsin(3 * x) * np.emath.arccos(3 * x), V, DIFF),
    Case("emath-arctanh", lambda x: np.emath.arctanh(x * 0.3) + np.emath.arctanh(2 * x), V, DIFF),
]

CASES = [
    *RARER,
    *ELEMENTWISE,
    *OPTIONS,
    *OPERATORS,
    *RESULTS,
    *SELECTION,
    *REDUCTIONS,
    *LINEAR,
    *CLEANING,
    *COMPLEX,
    *UFUNC_METHODS,
    *METHODS,
    *READING,
    *WRITING,
    *RARE,
    *MATRICES,
]
