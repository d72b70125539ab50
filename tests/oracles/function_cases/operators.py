"""Operators and builtins on numbers and arrays, and results of every kind."""

import math
from functools import reduce
from itertools import pairwise

import numpy as np
from points import A5, A33, A34, A55, S0, M, P, Q, V

from function_cases.case import DIFF, Case

# --- Operators and builtins ----------------------------------------------------------------------


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
