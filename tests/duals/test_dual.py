"""`Dual`: made by hand, looked at, converted, compared, copied."""

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


# --- Made by hand --------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (3,), (0,), (2, 3), (2, 0, 3)])
@pytest.mark.parametrize("k", [None, 0, 1, 2, 20])
def test_shapes(shape, k):
    lead = () if k is None else (k,)
    x = np.arange(np.prod(shape)).reshape(shape)
    t = np.arange(np.prod(lead + shape)).reshape(lead + shape) + 0.5
    d = dm.Dual(x, t)
    assert np.float64 == d.dtype == d.primal.dtype == d.tangent.dtype
    assert np.array_equal(x, d.primal)
    # One tangent has the shape of the primal, however it was given.
    assert (shape if k in (None, 1) else (k, *shape)) == d.tangent.shape
    assert np.array_equal(t.reshape(d.tangent.shape), d.tangent)
    assert (shape, x.ndim, x.size) == (d.shape, d.ndim, d.size)


@pytest.mark.parametrize(
    ("primal", "tangent"),
    [
        (np.ones(3), np.ones(4)),
        (np.ones(3), np.ones((3, 4))),
        (np.ones(3), 1.0),
        (np.ones(3), np.ones((2, 2, 3))),
        (1.0, np.ones((2, 2))),
        (np.ones((2, 3)), np.ones(3)),
        (np.ones((2, 3)), np.ones((3, 2))),
        (np.ones((1, 3)), np.ones((3, 3))),
    ],
)
def test_shapes_that_do_not_fit(primal, tangent):
    s, t = np.shape(primal), np.shape(tangent)
    with raises(
        ValueError,
        f"Dual: tangent has shape {t}; the primal's shape {s} needs {s} or (k, *{s}).",
    ):
        dm.Dual(primal, tangent)


@pytest.mark.parametrize(
    ("value", "dtype"),
    [("a", "<U1"), (b"a", "|S1"), (True, "bool"), (None, "object"), ([[1], None], "object")],
)
def test_values_that_are_no_floats(value, dtype):
    value = np.array(value, dtype=object if dtype == "object" else None)
    with raises(TypeError, f"Dual: primal must be an array of floats, got dtype {dtype}."):
        dm.Dual(value, 1.0)
    with raises(TypeError, f"Dual: tangent must be an array of floats, got dtype {dtype}."):
        dm.Dual(1.0, value)


@pytest.mark.parametrize(
    ("primal", "tangent", "dtype"),
    [
        (np.float32(1.0), np.float32(2.0), np.float32),
        (np.float32(1.0), np.float64(2.0), np.float64),
        (np.float64(1.0), np.float32(2.0), np.float64),
        (np.float16(1.0), np.float16(2.0), np.float16),
        (np.longdouble(1.0), 1.0, np.longdouble),
        (np.int8(1), 2, np.float64),
        (1 + 2j, 1.0, np.complex128),
        (1.0, 1j, np.complex128),
    ],
)
def test_dtypes(primal, tangent, dtype):
    d = dm.Dual(primal, tangent)
    assert dtype == d.dtype == d.primal.dtype == d.tangent.dtype
    assert (primal, tangent) == (d.primal, d.tangent)
    assert dtype == (d * d).dtype == (d * d).tangent.dtype


def neuron(w, b, x):
    """Parr and Howard's activation, the derivatives of which are in closed form below."""
    return np.maximum(0, w @ x + b)


def test_one_direction_through_a_neuron():
    w, w_dot = np.array([0.5, -2.0]), np.array([3.0, 7.0])
    x, x_dot = np.array([4.0, 0.25]), np.array([-1.0, 2.0])
    y = neuron(dm.Dual(w, w_dot), dm.Dual(1.0, 10.0), dm.Dual(x, x_dot))
    assert 0.5 * 4.0 - 2.0 * 0.25 + 1.0 == y.primal
    assert w_dot @ x + w @ x_dot + 10.0 == y.tangent
    y = neuron(dm.Dual(w, w_dot), dm.Dual(-9.0, 10.0), x)
    assert (0.0, 0.0) == (y.primal, y.tangent)


def test_several_directions_at_once():
    x = np.array([0.5, 1.3, 2.0])
    t = np.random.default_rng(0).normal(size=(4, 3))
    y = np.log(np.sin(dm.Dual(x, t) ** 3) ** 2)
    np.testing.assert_allclose(y.primal, np.log(np.sin(x**3) ** 2), rtol=1e-15)
    np.testing.assert_allclose(y.tangent, t * 6 * x**2 / np.tan(x**3), rtol=1e-13)
    total = np.sum(y * x[::-1])
    expected = (t * 6 * x**2 / np.tan(x**3)) @ x[::-1]
    np.testing.assert_allclose(total.tangent, expected, rtol=1e-13)


def test_the_jacobian_is_the_tangent_of_the_identity():
    x = np.array([1.0, 2.0])
    d = dm.Dual(x, np.eye(2))
    y = np.stack([3 * d[0] ** 2 * d[1], 2 * d[0] + d[1] ** 8])
    assert np.array_equal([[12.0, 2.0], [3.0, 1024.0]], y.tangent)


def test_no_directions():
    d = dm.Dual([1.0, 2.0], np.zeros((0, 2)))
    y = np.sin(d) * d + d[0]
    assert (0, 2) == y.tangent.shape
    assert np.array_equal(np.sin([1.0, 2.0]) * [1.0, 2.0] + 1.0, y.primal)


def test_what_does_not_depend_on_the_inputs_has_tangent_zero():
    d = dm.Dual([1.5, 2.5], [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    for y in (np.floor(d), np.zeros_like(d), d * 0.0, np.sign(d)):
        assert np.array_equal(np.zeros((3, 2)), y.tangent)
    assert np.array_equal([0.0, 0.0], np.floor(dm.Dual([1.5, 2.5], [1.0, 2.0])).tangent)


def pair():
    return dm.Dual(np.ones(3), np.ones((2, 3))), dm.Dual(np.full(3, 2.0), np.ones((4, 3)))


MEETINGS = {
    "sum": lambda a, b: a + b,
    "product of elements": lambda a, b: a[0] * b[0],
    "power": lambda a, b: a**b,
    "ufunc": np.hypot,
    "matmul": lambda a, b: a @ b,
    "stack": lambda a, b: np.stack([a, b]),
    "concatenate": lambda a, b: np.concatenate([a, np.ones(1), b]),
    "where": lambda a, b: np.where([True, False, True], a, b),
    "object array": lambda a, b: np.array([a[0], b[0]]).sum() + a[0],
    "einsum": lambda a, b: np.einsum("i,i", a, b),
    "out": lambda a, b: np.add(a, b, out=np.zeros_like(a)),
    "in place": lambda a, b: a.__iadd__(b),
    "element stored": lambda a, b: a.__setitem__(0, b[0]),
    "all stored": lambda a, b: a.__setitem__(..., b),
    "stored in a view": lambda a, b: a[1:].__setitem__(0, b[0]),
    "fill": lambda a, b: a.fill(b[0]),
    "copyto": np.copyto,
    "put": lambda a, b: np.put(a, [0], b[0]),
    "inside a derivative": lambda a, b: dm.jacobian_fwd(lambda x: x * a * b, np.ones(3)),
}


@pytest.mark.parametrize("meeting", MEETINGS)
def test_different_numbers_of_tangents_do_not_mix(meeting):
    a, b = pair()
    message = (
        r"Duals with different numbers of tangents met: (2 and 4|4 and 2)\. "
        r"Give all hand-made Duals tangents with the same leading axis\."
    )
    with pytest.raises(ValueError, match=message):
        MEETINGS[meeting](a, b)
    # Each is as it was.
    assert np.array_equal(np.ones(3), a.primal)
    assert np.array_equal(np.ones((2, 3)), a.tangent)
    assert np.array_equal(np.full(3, 2.0), b.primal)
    assert np.array_equal(np.ones((4, 3)), b.tangent)


def test_comparisons_need_no_common_tangents():
    a, b = pair()
    assert (a < b).all()
    assert not (a == b).any()


# --- Inside a derivative call --------------------------------------------------------------------


@pytest.mark.parametrize("n", [3, 20])
@pytest.mark.parametrize("k", [None, 1, 4])
def test_a_constant_to_a_derivative_call_that_keeps_its_own_tangent(n, k):
    rng = np.random.default_rng(n)
    x, a, a_dot = rng.normal(size=n), rng.normal(size=n), rng.normal(size=(k or 1, n))
    d = dm.Dual(a, a_dot if k else a_dot[0])

    def f(x):
        return np.sin(x) * d**2 + d[::-1]

    y, J = dm.value_and_jacobian_fwd(f, x)
    assert isinstance(y, dm.Dual)
    assert isinstance(J, dm.Dual)
    np.testing.assert_allclose(y.primal, np.sin(x) * a**2 + a[::-1], rtol=1e-15)
    np.testing.assert_allclose(J.primal, np.diag(np.cos(x) * a**2), rtol=1e-14)
    y_dot = np.sin(x) * 2 * a * a_dot + a_dot[:, ::-1]
    J_dot = np.stack([np.diag(np.cos(x) * 2 * a * t) for t in a_dot])
    if k in (None, 1):
        y_dot, J_dot = y_dot[0], J_dot[0]
    np.testing.assert_allclose(y.tangent, y_dot, rtol=1e-14)
    np.testing.assert_allclose(J.tangent, J_dot, rtol=1e-14)
    # The Dual itself is unchanged.
    assert np.array_equal(a, d.primal)
    assert np.array_equal(a_dot.reshape(d.tangent.shape), d.tangent)


def test_the_point_of_evaluation_may_be_made_by_hand():
    """The derivative of a derivative: 3 x**2 at 2 along 5 is 12, its tangent 6 x * 5."""
    slope = dm.derivative(lambda x: x**3, dm.Dual(2.0, 5.0))
    assert (12.0, 60.0) == (slope.primal, slope.tangent)
    y, y_dot = dm.jvp(lambda x: x**3, dm.Dual(2.0, 5.0), 7.0)
    assert (8.0, 60.0) == (y.primal, y.tangent)
    assert (84.0, 420.0) == (y_dot.primal, y_dot.tangent)


def test_a_result_outlives_the_call_with_its_outer_tangent():
    d = dm.Dual([2.0, 3.0], [1.0, 0.0])
    J = dm.jacobian_fwd(lambda x: x * d, [1.0, 1.0])
    dm.jacobian_fwd(lambda x: x * 2.0, np.ones(20))
    assert np.array_equal([[1.0, 0.0], [0.0, 0.0]], (J * 1.0).tangent)


# --- What it looks like --------------------------------------------------------------------------


def test_repr():
    assert "Dual(array([1., 2.]), tangent of shape (1, 2))" == repr(dm.Dual([1, 2], [3, 4]))
    d = dm.Dual(1.5, [1.0, 2.0])
    assert "Dual(array(1.5), tangent of shape (2,))" == repr(d)
    d = dm.Dual(np.zeros((1, 2)), np.zeros((3, 1, 2)))
    assert "Dual(array([[0., 0.]]), tangent of shape (3, 1, 2))" == repr(d)
    nested = []
    dm.derivative(lambda x: dm.derivative(lambda t: nested.append(repr(x * t)) or t, 1.0) + x, 2.0)
    assert [repr(np.float64(2.0))] == nested


def test_str():
    assert "Dual(1.5)" == str(dm.Dual(1.5, 1.0))
    assert "Dual([1. 2.])" == str(dm.Dual([1, 2], [3, 4]))
    assert "[Dual(array(1.), tangent of shape (1,))]" == str([dm.Dual(1.0, 1.0)])


@pytest.mark.parametrize("spec", ["", ".2f", "8.3e", "g", "+.0f", "%"])
def test_format(spec):
    assert format(1.25, spec) == format(dm.Dual(1.25, 1.0), spec)
    assert format(1.25, spec) == f"{dm.Dual([1.25], [1.0])[0]:{spec}}"


def test_format_of_an_array():
    d = dm.Dual([1.0, 2.0], [3.0, 4.0])
    assert "[1. 2.]" == f"{d}"
    with pytest.raises(TypeError, match="unsupported format string"):
        f"{d:.2f}"


def test_format_inside_nested_calls():
    seen = []

    def f(x):
        dm.derivative(lambda t: seen.append(f"{x * t:.1f}") or t, 3.0)
        return x

    dm.derivative(f, 2.0)
    assert ["6.0"] == seen


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 2)])
def test_attributes(shape, dtype):
    x = np.ones(shape, dtype)
    d = dm.Dual(x, x)
    for name in ("shape", "ndim", "size", "dtype", "nbytes", "itemsize"):
        assert getattr(x, name) == getattr(d, name)
    assert x.T.shape == d.T.shape
    if x.ndim > 1:
        assert x.mT.shape == d.mT.shape
    assert x.flags.c_contiguous == d.flags.c_contiguous
    assert x.T.flags.c_contiguous == d.T.flags.c_contiguous
    assert d.flags.writeable
    assert not np.broadcast_to(d, (2, *shape)).flags.writeable


def test_transposes():
    x = np.arange(24.0).reshape(2, 3, 4)
    t = np.arange(48.0).reshape(2, 2, 3, 4)
    d = dm.Dual(x, t)
    assert np.array_equal(x.T, d.T.primal)
    assert np.array_equal(np.stack([a.T for a in t]), d.T.tangent)
    assert np.array_equal(x.mT, d.mT.primal)
    assert np.array_equal(t.mT, d.mT.tangent)
    with pytest.raises(ValueError):
        dm.Dual([1.0], [1.0]).mT  # noqa: B018


def test_no_other_attributes():
    d = dm.Dual(1.0, 1.0)
    with pytest.raises(AttributeError):
        d.gradient = 3.0
    with pytest.raises(AttributeError):
        d.size = 3
    with pytest.raises(AttributeError):
        d.tangent = 2.0


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


# --- In-place operators --------------------------------------------------------------------------

IN_PLACE = [
    operator.iadd,
    operator.isub,
    operator.imul,
    operator.itruediv,
    operator.ifloordiv,
    operator.imod,
    operator.ipow,
]


@pytest.mark.parametrize("operate", IN_PLACE)
def test_numbers_are_replaced(operate):
    """An element behaves as NumPy's scalars do: a new object, the old one as it was."""
    x = np.float64(2.5)
    array = dm.Dual([2.5, 1.0], [3.0, 4.0])
    for d in (dm.Dual(2.5, 3.0), array[0]):
        kept = d
        new = operate(d, 2.0)
        assert new is not kept
        assert operate(x, 2.0) == new.primal
        assert (2.5, 3.0) == (kept.primal, kept.tangent)
    assert np.array_equal([2.5, 1.0], array.primal)
    assert np.array_equal([3.0, 4.0], array.tangent)


@pytest.mark.parametrize("operate", IN_PLACE)
def test_arrays_are_changed(operate):
    x, t = np.array([2.5, -1.5, 4.0]), np.array([3.0, 4.0, 5.0])
    d = dm.Dual(x, t)
    view, kept = d[::-1], +d
    new = operate(d, np.array([2.0, 3.0, 2.0]))
    assert new is d
    plain = {
        operator.iadd: (x + [2, 3, 2], t),
        operator.isub: (x - [2, 3, 2], t),
        operator.imul: (x * [2, 3, 2], t * [2, 3, 2]),
        operator.itruediv: (x / [2, 3, 2], t / [2, 3, 2]),
        operator.ifloordiv: (x // [2, 3, 2], 0 * t),
        operator.imod: (x % [2, 3, 2], t),
        operator.ipow: (x ** [2, 3, 2], t * [2, 3, 2] * x ** [1, 2, 1]),
    }[operate]
    assert np.array_equal(plain[0], d.primal)
    np.testing.assert_allclose(d.tangent, plain[1], rtol=1e-15)
    assert np.array_equal(plain[0][::-1], view.primal)
    np.testing.assert_allclose(view.tangent, plain[1][::-1], rtol=1e-15)
    assert np.array_equal(x, kept.primal)
    assert np.array_equal(t, kept.tangent)


def test_matmul_in_place():
    x, t = np.arange(4.0).reshape(2, 2), np.arange(4.0, 8.0).reshape(2, 2)
    A = np.array([[1.0, 2.0], [0.0, 1.0]])
    d = dm.Dual(x, t)
    kept = d
    d @= A
    assert d is kept
    assert np.array_equal(x @ A, d.primal)
    assert np.array_equal(t @ A, d.tangent)


def test_an_in_place_operator_keeps_the_dtype():
    d = dm.Dual(np.ones(2, np.float32), np.ones(2, np.float32))
    d += np.array([0.1, 0.2])
    d *= np.float64(3.0)
    assert np.float32 == d.dtype == d.tangent.dtype
    x = np.ones(2, np.float32)
    x += np.array([0.1, 0.2])
    x *= np.float64(3.0)
    assert np.array_equal(x, d.primal)


@pytest.mark.parametrize(
    "operate", [operator.iadd, operator.isub, operator.imul, operator.itruediv]
)
def test_an_integer_array_does_not_take_a_dual(operate):
    """As ``int_array += 0.5`` is an error of NumPy's; the array is as it was."""
    for d in (dm.Dual([1.5, 2.5], [1.0, 1.0]), np.floor(dm.Dual([1.5, 2.5], [1.0, 1.0]))):
        a = np.array([1, 2])
        with pytest.raises(TypeError):
            operate(a, d)
        assert np.array_equal([1, 2], a)


def test_a_float_array_does_not_take_a_dual():
    a = np.zeros(2)
    with raises(dm.TangentLostError, "numpy.add cannot write a Dual into a plain float64 array"):
        a += dm.Dual([0.5, 1.5], [1.0, 1.0])
    assert np.array_equal([0.0, 0.0], a)
    a += np.floor(dm.Dual([0.5, 1.5], [1.0, 1.0]))
    assert np.array_equal([0.0, 1.0], a)


@pytest.mark.parametrize("other", [1j, np.array([1j, 2.0]), dm.Dual([1j, 2.0], [1.0, 1.0])])
def test_a_float_dual_does_not_take_complex_numbers(other):
    d = dm.Dual([0.5, 1.5], [1.0, 2.0])
    with pytest.raises(TypeError):
        d += other
    assert np.array_equal([0.5, 1.5], d.primal)
    assert np.array_equal([1.0, 2.0], d.tangent)


def test_an_in_place_operator_does_not_broadcast_its_left_side():
    d = dm.Dual([0.5, 1.5], [1.0, 2.0])
    with pytest.raises(ValueError):
        d += np.ones((3, 2))
    assert np.array_equal([0.5, 1.5], d.primal)
    assert np.array_equal([1.0, 2.0], d.tangent)


def test_unknown_operands():
    d = dm.Dual([0.5, 1.5], [1.0, 2.0])
    for other in (None, "x", object(), {}):
        for operate in (operator.add, operator.mul, operator.pow, operator.matmul, operator.iadd):
            with pytest.raises(TypeError):
                operate(d, other)
        with pytest.raises(TypeError):
            other - d
    for operate in (operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift):
        with pytest.raises(TypeError):
            operate(d, 1)
        with pytest.raises(TypeError):
            operate(1, d)
    with pytest.raises(TypeError):
        operator.invert(d)
    with pytest.raises(TypeError):
        pow(d, 2, 3)


def test_operands_that_know_duals_better():
    """Another class's reflected operator is asked, as Python does."""

    class Unit:
        def __radd__(self, other):
            return "added"

        def __rmatmul__(self, other):
            return "multiplied"

    d = dm.Dual([0.5, 1.5], [1.0, 2.0])
    assert "added" == d + Unit()
    assert "multiplied" == d @ Unit()
