"""A replay holds only while Python would learn the same: an adversary for every kind of event.

Every function is recorded at one point and called at another at which it learns something else, in
both directions; what is right at either is a closed form.  One list of the events is in
`dualmc/graph/events.py`.
"""

import math
import re
import warnings

import numpy as np
import pytest

import dualmc as dm


def prepared(f, *args, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dm.prepare(f, *args, **options)


def times(factor):
    """The Jacobian of x * factor."""
    return lambda x: factor * np.eye(x.size)


def squared(x):
    return np.diag(2 * x)


def row(*numbers):
    return lambda x: np.array(numbers)


def caught(error, attempt, otherwise=7.0):
    """x**2 where `attempt` succeeds, used or not; a multiple of x where it raises."""

    def f(x):
        try:
            attempt(x)
        except error:
            return otherwise * x
        return x**2

    return f


def caught_value(error, compute):
    def f(x):
        try:
            return compute(x)
        except error:
            return 7.0 * x

    return f


def counted(x):
    total = 0 * x[0]
    for k in range(len(x[x > 1])):
        total = total + (k + 1) * x[0]
    return total


def selected_twice(x):
    return np.concatenate([x[x > 0], x])


def of_nested(x):
    def inner(v):
        return [w for w in v if w > 0]

    return x * len(inner(x))


def written_by_mask(x):
    y = np.zeros(3)
    y[x > 0] = [1.0, 2.0]
    return 2 * x + y


NAN = float("nan")
INF = float("inf")

SHAPES = {
    "size-of-selection": (lambda x: x * x[x > 0].size, ([1, 2], times(2)), ([-1, 2], times(1))),
    "len-of-selection": (lambda x: x * len(x[x > 0]), ([1, 2], times(2)), ([-1, -2], times(0))),
    "selection-empty": (lambda x: np.sum(x[x > 1] ** 2) + x[0], ([2, 3], row(5, 6)),
                        ([0, 0.5], row(1, 0))),
    "in-nested-function": (of_nested, ([1, 2], times(2)), ([-1, 2], times(1))),
    "count": (counted, ([4, 2, 3], row(6, 0, 0)), ([0, 2, 0.5], row(1, 0, 0))),
    "joined": (selected_twice, ([1, 2], lambda x: np.vstack([np.eye(2)] * 2)),
               ([-1, 2], lambda x: np.array([[0, 1.0], [1, 0], [0, 1]]))),
    "rows": (lambda x: np.outer(x, x)[x > 0].sum() + x[0], ([1, 2], row(7, 6)),
             ([-1, -2], row(1, 0))),
    "like": (lambda x: (np.zeros_like(x[x > 0]) + 1).sum() * x, ([1, 2], times(2)),
             ([-1, 2], times(1))),
    "ones": (lambda x: np.ones(x[x > 0].size).sum() * x, ([1, 2], times(2)), ([-1, 2], times(1))),
    "nonzero": (lambda x: x * np.nonzero(x > 0)[0].size, ([1, 2], times(2)), ([-1, -2], times(0))),
    "where": (lambda x: x[np.where(x > 0)].sum() + x[0], ([1, 2], row(2, 1)),
              ([-1, -2], row(1, 0))),
    "argwhere": (lambda x: x * np.argwhere(x > 1).shape[0], ([3, 2], times(2)),
                 ([0.5, 2], times(1))),
    "unique": (lambda x: x * np.unique(np.round(x)).size, ([1, 3], times(2)), ([1, 1], times(1))),
    "unique-counts": (lambda x: x * len(np.unique(np.round(x), return_counts=True)[1]),
                      ([1, 3], times(2)), ([1, 1], times(1))),
    "trim": (lambda x: x * np.trim_zeros(x).size, ([1, 2, 0], times(2)), ([1, 2, 3], times(3))),
    "compress": (lambda x: np.compress(x > 0, x).sum() + x[0], ([1, 2], row(2, 1)),
                 ([-1, -2], row(1, 0))),
    "extract": (lambda x: np.extract(x > 0, x).sum() + x[1], ([1, 2], row(1, 2)),
                ([-1, -2], row(0, 1))),
    "delete": (lambda x: np.delete(x, np.flatnonzero(x > 0)).sum() + x[0], ([1, 2], row(1, 0)),
               ([-1, 2], row(2, 0))),
    "insert": (lambda x: x * np.insert(x, np.flatnonzero(x > 0), 0.0).size, ([1, 2], times(4)),
               ([-1, 2], times(3))),
    "split": (lambda x: x * len(np.split(x, np.flatnonzero(x > 0))), ([1, 2], times(3)),
              ([-1, 2], times(2))),
    "array-split": (lambda x: x * len(np.array_split(x, int(x[0]))), ([1, 2], times(1)),
                    ([2, 2], times(2))),
    "repeat": (lambda x: np.repeat(x, x.astype(int)).sum(), ([1, 2], row(1, 2)),
               ([3, 1], row(3, 1))),
    "bincount": (lambda x: x * np.bincount(x.astype(int)).size, ([1, 2], times(3)),
                 ([1, 7], times(8))),
    "set-difference": (lambda x: x * np.setdiff1d(np.round(x), [1.0]).size, ([1, 2], times(1)),
                       ([3, 2], times(2))),
    "union": (lambda x: x * np.union1d(np.round(x), [1.0, 2.0]).size, ([1, 2], times(2)),
              ([3, 2], times(3))),
    "roots": (lambda x: x * np.roots(np.round(x)).size, ([1, 2, 3], times(2)),
              ([0, 2, 3], times(1))),
    "open-mesh": (lambda x: np.outer(x, x)[np.ix_(x > 1, x > 1)].sum() + x[0],
                  ([2, 3], row(11, 10)),
                  ([0.5, 0.2], row(1, 0))),
    "largest-of-empty": (caught_value(ValueError, lambda x: x * np.max(np.floor(x[x > 1]))),
                         ([5, 0.5], times(5)), ([0.5, 0.2], times(7))),
}  # fmt: skip

VALUES = {
    "times-0": (lambda x: x if np.isnan(x * 0.0).any() else x**2, ([1, 2], squared),
                ([INF, 2], times(1))),
    "sign-of-0": (lambda x: x if np.signbit(x * 0.0).any() else x**2, ([1, 2], squared),
                  ([-1, 2], times(1))),
    "plus-0": (lambda x: x if np.signbit(x + 0.0).any() else x**2, ([-0.0, 2], squared),
               ([-3.0, 2], times(1))),
    "copied-sign": (lambda x: 3 * x if math.copysign(1.0, float(np.round(x[0]))) < 0 else x**2,
                    ([0.2, 2], squared), ([-0.2, 2], times(3))),
    "nan": (lambda x: 7 * x if math.isnan(x[0]) else x**2, ([1, 2], squared), ([NAN, 2], times(7))),
    "close": (lambda x: 7 * x if math.isclose(x[0], 1.0) else x**2, ([2, 2], squared),
              ([1, 2], times(7))),
    "key": (lambda x: x * {1: 2.0, 2: 5.0}[int(x[0])], ([1, 2], times(2)), ([2, 2], times(5))),
    "large-int": (lambda x: x * (1 + int(x[0].astype(np.int64) % 4)), ([2.0**53 + 2, 1], times(3)),
                  ([2.0**53 + 4, 1], times(1))),
    "place-in-order": (lambda x: x * max((v, i) for i, v in enumerate(x))[1], ([1, 2, 3], times(2)),
                       ([5, 4, 3], times(0))),
    "quotient": (lambda x: x * divmod(x[0], 1.0)[0], ([1.5, 2], times(1)), ([3.5, 2], times(3))),
    "exponent": (lambda x: x * int(np.frexp(x)[1][0]), ([1.5, 2], times(1)), ([9.0, 2], times(4))),
    "list": (lambda x: x * (3 if x.round().tolist()[0] == 2 else 1), ([2, 2], times(3)),
             ([1, 2], times(1))),
}  # fmt: skip

TEXTS = {
    "sign": (lambda x: x**2 + 3 * x if f"{x[0]:.1f}".startswith("-") else x**2,
             ([0.0, 1], squared), ([-0.0, 1], lambda x: np.diag(2 * x + 3))),
    "rounded": (lambda x: x**2 if f"{x[0]:+.0f}" == "-0" else 3 * x, ([0.0, 1], times(3)),
                ([-0.0, 1], squared)),
    "int": (lambda x: x * len(str(int(x[0]))), ([1, 2], times(1)), ([222, 2], times(3))),
    "array": (lambda x: x * len(np.array2string(np.round(x))), ([1, 2], times(7)),
              ([100, 2], times(11))),
    "repr": (lambda x: x * len(np.array_repr(np.floor(x))), ([1, 2], times(15)),
             ([100, 2], times(19))),
    "positional": (lambda x: x * len(np.format_float_positional(np.round(x[0]))),
                   ([1, 2], times(2)),
                   ([100, 2], times(4))),
}  # fmt: skip

LINEAR = np.linalg.LinAlgError
RAISED = {
    "cholesky": (caught(LINEAR, lambda x: np.linalg.cholesky(np.diag(x))), [1, 2], [-1, 2]),
    "inverse": (caught(LINEAR, lambda x: np.linalg.inv(np.diag(x))), [1, 2], [0, 2]),
    "solve": (caught(LINEAR, lambda x: np.linalg.solve(np.diag(x), np.ones(2))), [1, 2], [0, 2]),
    "index-of-list": (caught(IndexError, lambda x: [1.0, 2.0][int(x[0])]), [1, 2], [8, 2]),
    "index": (caught(IndexError, lambda x: x[x[0].astype(int)]), [1, 2], [8, 2]),
    "take": (caught(IndexError, lambda x: np.take(x, np.round(x).astype(int))), [1, 0], [8, 2]),
    "choose": (caught(ValueError, lambda x: np.choose(x.astype(int), [x, x])), [1, 0], [8, 0]),
    "mask-written": (caught(ValueError, written_by_mask), [1, 2, -1], [1, 2, 3]),
    "bins": (caught(ValueError, lambda x: np.digitize([1.5], x)), [1, 2, 3], [1, 3, 2]),
    "int-of-nan": (caught(ValueError, lambda x: int(x[0])), [1, 2], [NAN, 2]),
    "int-division": (caught(ZeroDivisionError, lambda x: 1 // int(x[0])), [1, 2], [0.5, 2]),
    "float-division": (caught(ZeroDivisionError, lambda x: 1 / float(np.floor(x[0]))), [1, 2],
                       [0.5, 2]),
    "finite": (caught(ValueError, lambda x: np.asarray_chkfinite(x)), [1, 2], [INF, 2]),
    "math-sqrt": (caught(ValueError, lambda x: math.sqrt(x[0])), [1, 2], [-1, 2]),
    "math-log": (caught(ValueError, lambda x: [math.log(v) for v in x]), [1, 2], [0, 2]),
    "math-log1p": (caught(ValueError, lambda x: math.log1p(x[0])), [1, 2], [-2, 2]),
    "math-exp": (caught(OverflowError, lambda x: math.exp(x[0])), [1, 2], [1e3, 2]),
    "math-acos": (caught(ValueError, lambda x: math.acos(x[0])), [0.5, 2], [2, 2]),
    "math-atanh": (caught(ValueError, lambda x: math.atanh(x[0])), [0.5, 2], [1, 2]),
    "math-sin": (caught(ValueError, lambda x: math.sin(x[0])), [1, 2], [INF, 2]),
    "math-cosh": (caught(OverflowError, lambda x: math.cosh(x[0])), [1, 2], [1e4, 2]),
    "math-pow": (caught(ValueError, lambda x: math.pow(x[0], 0.5)), [1, 2], [-1, 2]),
    "math-gamma": (caught(ValueError, lambda x: math.gamma(x[0])), [1.5, 2], [-1, 2]),
    "math-fmod": (caught(ValueError, lambda x: math.fmod(1.0, x[0])), [1.5, 2], [0, 2]),
    "math-fsum": (caught((ValueError, OverflowError), lambda x: math.fsum(list(x))), [1, 2],
                  [INF, -INF]),
}  # fmt: skip


def check(J, points, *, compare=None):
    """The Jacobian at all points in turn, twice; `points` are pairs with the right ones."""
    for x, right in (*points, *points):
        x = np.array(x, float)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = J(x)
            found = found.toarray().reshape(np.shape(right(x))) if hasattr(found, "nnz") else found
            np.testing.assert_allclose(found, right(x), rtol=1e-12)


@pytest.mark.parametrize("way", [1, -1])
@pytest.mark.parametrize("name", [*SHAPES, *VALUES])
def test_shapes_and_values_are_guarded(name, way):
    f, *points = {**SHAPES, **VALUES}[name]
    points = points[::way]
    check(prepared(f, np.array(points[0][0], float)), points)


@pytest.mark.parametrize("way", [1, -1])
@pytest.mark.parametrize("name", TEXTS)
def test_texts_are_guarded(name, way):
    f, *points = TEXTS[name]
    points = points[::way]
    check(prepared(f, np.array(points[0][0], float)), points)


@pytest.mark.parametrize("way", [1, -1])
@pytest.mark.parametrize("name", RAISED)
def test_exceptions_are_guarded(name, way):
    f, good, bad = RAISED[name]
    points = [(good, squared), (bad, times(7.0))][::way]
    J = prepared(f, np.array(points[0][0], float))
    check(J, points)
    if (name, way) == ("float-division", -1):  # begun where Python raises and NumPy gives inf
        assert J.reason == "a division or a power of Python's floats is not finite"
    else:
        assert J.reason in (None, "a fresh call is faster") or "MissingRuleError" in J.reason


@pytest.mark.parametrize("way", [1, -1])
def test_the_sparse_option_and_values(way):
    def f(x):
        return x**2 * len(x[x > 0])

    points = [([1, 2], lambda x: np.diag(4 * x)), ([-1, 2], squared)][::way]
    J = prepared(f, np.array(points[0][0], float), sparse=True)
    check(J, points)
    K = prepared(f, np.array(points[0][0], float))
    for x, right in (*points, *points):
        x = np.array(x, float)
        value, jacobian = K.value_and_jacobian(x)
        np.testing.assert_array_equal(value, f(x))
        np.testing.assert_array_equal(jacobian, right(x))


def loud(**modes):
    def f(x):
        with np.errstate(**modes):
            try:
                return 1 / x
            except FloatingPointError:
                return 7.0 * x

    return f


def warned(x):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return 1 / x
        except RuntimeWarning:
            return 7.0 * x


def noticed(x):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        y = 1 / x
    return 7.0 * x if seen else y


@pytest.mark.parametrize("way", [1, -1])
@pytest.mark.parametrize("f", [loud(all="raise"), loud(divide="raise"), warned, noticed])
def test_errors_of_arithmetic_that_f_may_see_are_not_replayed(f, way):
    points = [([1, 2], lambda x: np.diag(-1 / x**2)), ([0, 2], times(7.0))][::way]
    J = prepared(f, np.array(points[0][0], float))
    assert re.search("errstate|FloatingPointError|[Ww]arning", J.reason)
    check(J, points)


def test_quiet_arithmetic_is_replayed():
    def f(x):
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.where(x > 0, np.log(np.abs(x)), x)

    J = prepared(f, np.array([1.0, 2.0]))
    check(J, [([1, 2], lambda x: np.diag(1 / x)), ([4, -2], lambda x: np.diag([0.25, 1.0]))])
    assert J.replays == 4


def test_a_loud_caller_gets_fresh_calls():
    def f(x):
        try:
            return 1 / x
        except FloatingPointError:
            return 7.0 * x

    J = dm.prepare(f, np.array([1.0, 2.0]))
    x = np.array([4.0, 2.0])
    J(x)
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(J(x), np.diag(-1 / x**2))
        np.testing.assert_array_equal(J(np.array([0.0, 2.0])), 7 * np.eye(2))
    assert (J.replays, J.fresh_calls) == (1, 2)
    with np.errstate(all="raise"):
        assert "errstate" in prepared(f, x).reason


@pytest.mark.parametrize("way", [1, -1])
def test_warnings_that_the_caller_made_errors(way):
    def f(x):
        try:
            return 1 / x
        except RuntimeWarning:
            return 7.0 * x

    points = [([1, 2], lambda x: np.diag(-1 / x**2)), ([0, 2], times(7.0))][::way]
    later = prepared(f, np.array([1.0, 2.0]))
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        warnings.simplefilter("ignore", UserWarning)
        J = dm.prepare(f, np.array(points[0][0], float))
        for x, right in (*points, *points):
            x = np.array(x, float)
            np.testing.assert_allclose(J(x), right(x), rtol=1e-15)
            np.testing.assert_allclose(later(x), right(x), rtol=1e-15)
    assert (J.reason is None) == (way == 1)


def test_one_bad_point_spoils_no_later_call():
    def f(x):
        try:
            return np.linalg.cholesky(np.diag(x))[0]
        except LINEAR:
            return 7.0 * x

    J = prepared(f, np.array([1.0, 2.0]))
    for x, right in (([1, 2], 0.5), ([-1, 2], 7.0), ([1, 2], 0.5), ([4, 2], 0.25), ([-4, 2], 7.0)):
        np.testing.assert_allclose(J(np.array(x, float))[0, 0], right, rtol=1e-15)


def test_misses_again_and_again_are_bounded():
    def f(x):
        y = x[x > 0]
        return x * y.size if y.size % 2 else -x

    J = prepared(f, np.ones(40))
    for k in range(40):
        x = np.where(np.arange(40) < k, 1.0, -1.0)
        factor = k if k % 2 else -1
        np.testing.assert_array_equal(np.diag(J(x)), factor)
    assert J.paths <= 8


DECIDED = {
    "equal": (lambda v, t: v == t),
    "not-equal": (lambda v, t: v != t),
    "below": (lambda v, t: v < t),
    "at-least": (lambda v, t: v >= t),
    "any": (lambda v, t: np.any(v > t)),
    "whole": (lambda v, t: int(v / t * 3.0) >= 3),
}
ROUNDED = {
    "sum": np.sum,
    "squares": lambda x: np.sum(x * x),
    "product": lambda x: x @ x,
    "exponential": lambda x: np.exp(x[0]),
    "power": lambda x: x[0] ** 3.7,
}


@pytest.mark.parametrize("value", ROUNDED)
@pytest.mark.parametrize("decide", DECIDED)
def test_where_rounding_decides_f_decides(decide, value):
    """At thresholds that NumPy's own number is, or is next to."""
    decides, number = DECIDED[decide], ROUNDED[value]
    edge, away = np.full(10, 0.1), np.full(10, 0.37)
    for number_of_edge in (number(edge), np.nextafter(number(edge), 9.0)):

        def f(x, t=float(number_of_edge)):
            return 2.0 * x if decides(number(x), t) else 5.0 * x

        for first in (away, edge):
            J = prepared(f, first)
            for x in (edge, away, edge, away):
                factor = 2.0 if decides(number(x), number_of_edge) else 5.0
                np.testing.assert_array_equal(J(x), factor * np.eye(10))
