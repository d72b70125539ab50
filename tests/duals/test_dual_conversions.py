"""A Dual as a number, a sequence, text or an array of Python's: the value, or an error; copies."""

import contextlib
import copy
import math
import operator
import pickle
import re

import numpy as np
import pytest

import dualmc as dm


@contextlib.contextmanager
def raises(kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        yield


# --- The value alone decides ---------------------------------------------------------------------


@pytest.mark.parametrize("value", [0.0, -0.0, 2.5, -2.5, 3.5, 1e300, np.nan])
@pytest.mark.parametrize(
    "f",
    [
        bool,
        int,
        round,
        lambda x: round(x, 1),
        lambda x: round(x, -1),
        math.floor,
        math.ceil,
        math.trunc,
        lambda x: x == value_of(x),
        lambda x: 1 if x else 2,
        lambda x: not x,
    ],
)
def test_conversions_of_a_number(f, value):
    x = np.float64(value)
    for d in (dm.Dual(value, 1.0), dm.Dual([value, 1.0], np.eye(2))[0]):
        try:
            expected = f(x)
        except (ValueError, TypeError) as error:
            with raises(type(error), str(error)):
                f(d)
        else:
            actual = f(d)
            assert expected == actual or math.isnan(expected) and math.isnan(actual)
            assert isinstance(actual, (bool, int, float, np.bool_))


def value_of(x):
    return x.primal if isinstance(x, dm.Dual) else x


def test_conversions_inside_a_derivative_call():
    """Each is a constant: the derivative of ``x * c(x)`` is c, at both levels of nesting."""

    def f(x):
        return x * (int(x) + round(x) + math.floor(x) + math.ceil(x) + bool(x))  # 2 + 3 + 2 + 3 + 1

    assert 11.0 == dm.derivative(f, 2.75)
    assert 0.0 == dm.derivative(lambda x: dm.derivative(f, x), 2.75)
    assert 11.0 == dm.derivative(lambda x: dm.derivative(lambda t: f(x * t), 1.0), 2.75)


def test_trunc_inside_a_derivative_call():
    assert 2.0 == dm.derivative(lambda x: x * math.trunc(x), 2.75)


@pytest.mark.parametrize("f", [bool, int, math.floor, math.ceil, math.trunc, round, float, complex])
def test_conversions_of_an_array_are_errors_as_numpys_are(f):
    x = np.array([1.0, 2.0])
    with pytest.raises((TypeError, ValueError)):
        f(x)
    with pytest.raises((TypeError, ValueError)):
        f(dm.Dual(x, x))


def test_a_float_is_no_index():
    for x in (np.float64(1.0), dm.Dual(1.0, 1.0)):
        with pytest.raises(TypeError):
            operator.index(x)
        with pytest.raises(TypeError):
            range(x)
        with pytest.raises(TypeError):
            [1, 2, 3][x]


def test_len_and_iteration():
    x = np.arange(6.0).reshape(3, 2)
    d = dm.Dual(x, 2 * x)
    assert 3 == len(d)
    rows = list(d)
    assert 3 == len(rows)
    for row, expected in zip(rows, x, strict=True):
        assert np.array_equal(expected, row.primal)
        assert np.array_equal(2 * expected, row.tangent)
    first, *_, last = d
    assert np.array_equal(x[0], first.primal)
    assert np.array_equal(2 * x[-1], last.tangent)
    assert [10.0, 6.0, 2.0] == [float(row[1].tangent) for row in reversed(d)]
    (a, b), *_ = d
    assert (0.0, 2.0) == (a.tangent, b.tangent)
    with raises(TypeError, "len() of unsized object"):
        len(d[0, 0])
    with raises(TypeError, "iteration over a 0-d array"):
        iter(d[0, 0])


def test_iteration_sees_writes():
    d = dm.Dual([1.0, 2.0, 3.0], [1.0, 1.0, 1.0])
    seen = []
    for i, v in enumerate(d):
        seen.append(float(v.tangent))
        d[2] = d[2] * 2.0
        if i == 0:
            d[1] = 5.0
    assert [1.0, 0.0, 4.0] == seen


def test_contains():
    d = dm.Dual([1.0, 2.0], [3.0, 4.0])
    assert 2.0 in d
    assert 3.0 not in d
    assert d[0] in d
    assert dm.Dual(2.0, 9.0) in d


COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]


@pytest.mark.parametrize("compare", COMPARISONS)
@pytest.mark.parametrize(
    "other",
    [
        2.0,
        2,
        True,
        np.float64(2.0),
        np.int8(2),
        np.array([3.0, 2.0, 1.0]),
        np.array([[3], [2]]),
        [1.0, 2.0, 2.5],
        (3, 2, 1),
        np.nan,
        np.inf,
    ],
)
def test_comparisons_look_at_the_value(compare, other):
    x = np.array([1.0, 2.0, 3.0])
    d = dm.Dual(x, np.full(3, 7.0))
    for expected, actual in (
        (compare(x, other), compare(d, other)),
        (compare(other, x), compare(other, d)),
        (compare(x[1], other), compare(d[1], other)),
        (compare(x, np.asarray(other)), compare(d, dm.Dual(float(np.max(other)) + 0 * x, x)))
        if np.ndim(other) == 0
        else (compare(x, x[::-1]), compare(d, d[::-1])),
    ):
        assert isinstance(actual, (np.ndarray, np.bool_))
        assert np.array_equal(expected, actual)
        assert bool == actual.dtype


def test_equal_values_with_other_tangents_are_equal():
    a, b = dm.Dual(1.0, 2.0), dm.Dual(1.0, 3.0)
    assert a == b
    assert not a != b
    assert a <= b


def test_comparison_inside_nested_calls_looks_at_the_innermost_value():
    def f(x):
        return dm.derivative(lambda t: t * x if t * x > 5.0 else t, 3.0)

    assert (1.0, 0.0) == (f(1.0), dm.derivative(f, 1.0))
    assert (2.0, 1.0) == (f(2.0), dm.derivative(f, 2.0))


@pytest.mark.parametrize("other", ["auto", None, object(), "", {}])
def test_equality_with_what_is_no_number(other):
    """As NumPy's: False everywhere, so that ``if x == "auto"`` is plain code."""
    x = np.array([1.0, 2.0])
    d = dm.Dual(x, x)
    assert np.array_equal(x == other, d == other)
    assert np.array_equal(x != other, d != other)
    assert np.array_equal(other == x, other == d)
    assert not d[0] == other
    assert d[0] != other


def test_order_with_what_is_no_number_is_an_error():
    d = dm.Dual([1.0, 2.0], [1.0, 2.0])
    for other in ("a", None, object()):
        with pytest.raises(TypeError):
            d < other  # noqa: B015


def test_shapes_that_do_not_broadcast():
    with pytest.raises(ValueError, match="could not be broadcast"):
        dm.Dual(np.ones(2), np.ones(2)) < np.ones(3)  # noqa: B015


def test_python_functions_of_sequences():
    d = dm.Dual([2.0, 3.0, 1.0], np.eye(3))
    assert np.array_equal([0.0, 1.0, 0.0], max(d).tangent)
    assert np.array_equal([0.0, 0.0, 1.0], min(d).tangent)
    assert np.array_equal([1.0, 1.0, 1.0], sum(d).tangent)
    assert np.array_equal(np.eye(3)[[2, 0, 1]], [v.tangent for v in sorted(d)])
    assert np.array_equal([0.0, 1.0, 0.0], max(d[0], d[1], 0.5).tangent)
    assert 4.0 == max(d[0], 4.0)
    assert any(d > 2.5)
    assert not all(d > 2.5)
    assert np.array_equal([3.0, 2.0, 0.0], math.prod(d[:2]).tangent)


# --- Refused -------------------------------------------------------------------------------------


def test_unhashable():
    d = dm.Dual(1.0, 1.0)
    with raises(TypeError, "unhashable type: 'Dual'"):
        dict([(d, 1)])  # noqa: C406
    with raises(TypeError, "unhashable type: 'Dual'"):
        set([d])  # noqa: C405


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_no_pickling(protocol):
    message = "A Dual cannot be pickled: it belongs to a derivative call of this process."
    with raises(TypeError, message):
        pickle.dumps(dm.Dual(1.0, 1.0), protocol)
    with raises(TypeError, message):
        pickle.dumps({"x": [dm.Dual(1.0, 1.0)]}, protocol)


FLOAT_LOST = (
    "float(dual) would lose the derivative (also met as math.sin(dual) or as storing a Dual in a "
    "float array). Use the NumPy function on the Dual itself, allocate with "
    "numpy.zeros_like(dual), or build the array with numpy.stack."
)


@pytest.mark.parametrize(
    "f", [float, math.sin, math.isnan, lambda d: math.isclose(d, 1.0), lambda d: math.fsum([d])]
)
@pytest.mark.parametrize("is_active", [True, False])
def test_float(f, is_active):
    """Refused when it would lose a derivative, a plain float when there is none."""
    d = dm.Dual(0.5, 1.0)
    if is_active:
        with raises(dm.TangentLostError, FLOAT_LOST):
            f(d)
    else:
        d = np.floor(d + 0.5)
        assert f(1.0) == f(d)


def test_complex():
    with raises(
        dm.TangentLostError,
        "complex(dual) would lose the derivative. Multiply by 1j, or use NumPy functions.",
    ):
        complex(dm.Dual(1.0, 1.0))
    assert 3 + 0j == complex(np.floor(dm.Dual(3.5, 1.0)))
    assert 1j == complex(np.zeros_like(dm.Dual(1.0, 1.0)) + 1j)


@pytest.mark.parametrize(
    "convert",
    [
        lambda d: np.asarray(d, dtype=float),
        lambda d: np.array(d, dtype=np.float32),
        lambda d: np.array([d, d], dtype=float),
        lambda d: np.float64(d),
        lambda d: np.zeros(2).__setitem__(0, d[0]),
        lambda d: np.zeros(2).__setitem__(slice(None), d),
        lambda d: np.full(2, d[0], dtype=float),
        lambda d: np.fromiter(d, float),
        lambda d: memoryview(d),
        lambda d: bytes(d),
    ],
)
def test_conversion_to_a_float_array(convert):
    d = dm.Dual([1.0, 2.0], [1.0, 2.0])
    with pytest.raises((TypeError, ValueError)) as error:
        convert(d)
    cause = error.value.__cause__
    assert cause is None or isinstance(cause, dm.TangentLostError)


def test_a_dual_without_derivative_may_be_stored_in_a_float_array():
    d = np.floor(dm.Dual([1.5, 2.5], [1.0, 2.0]))
    a = np.zeros(2)
    a[:] = d
    assert np.array_equal([1.0, 2.0], a)
    a[0] = d[1]
    assert np.array_equal([2.0, 2.0], a)
    assert np.array_equal([1.0, 2.0], np.asarray(d, dtype=float))


def test_an_object_array_keeps_the_duals():
    d = dm.Dual([1.0, 2.0], [3.0, 4.0])
    a = np.asarray(d)
    assert object == a.dtype
    y = a * 2.0 + d
    assert np.array_equal([9.0, 12.0], np.stack(list(y)).tangent)


# --- Copies --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "copied",
    [
        copy.copy,
        copy.deepcopy,
        lambda d: d.copy(),
        np.copy,
        lambda d: copy.deepcopy({"a": [d]})["a"][0],
        lambda d: np.array(d, like=d),
    ],
)
@pytest.mark.parametrize("is_view", [False, True])
@pytest.mark.parametrize("is_written_before", [False, True])
def test_a_copy_is_independent(copied, is_view, is_written_before):
    root = dm.Dual([1.0, 2.0, 3.0], [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    if is_written_before:
        root[1] = 2.0 * root[0]
    d = root[::-1] if is_view else root
    before = d.primal.copy(), d.tangent
    c = copied(d)
    assert np.array_equal(before[0], c.primal)
    assert np.array_equal(before[1], c.tangent)
    c[0] = 9.0 * c[1]
    c *= 2.0
    assert np.array_equal(before[0], d.primal)
    assert np.array_equal(before[1], d.tangent)
    c = copied(d)
    d[...] = d[0]
    root += 1.0
    assert np.array_equal(before[0], c.primal)
    assert np.array_equal(before[1], c.tangent)


def test_a_shallow_copy_of_a_list_shares_its_duals():
    d = dm.Dual([1.0, 2.0], [1.0, 1.0])
    shared = copy.copy([d])
    shared[0][0] = 0.0
    assert np.array_equal([0.0, 1.0], d.tangent)
