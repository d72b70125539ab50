"""`Dual`: made by hand, inside a derivative call, and what it looks like."""

import contextlib
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
    assert nested == ["2.0"]  # x and t came in as floats of Python's


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
