"""Reverse mode through its public calls: every idiom against its oracle."""

import numpy as np
import pytest
from axes_and_shapes import ALONG, PER_AXIS, PRODUCTS, SHAPES
from function_cases import CASES, STEP, expected_jacobian
from oracles import assert_close, complex_step, differences
from points import spread

import dualmc as dm

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


X3 = np.array([0.5, 1.5, 2.5])


def rows_by_pullback(f, x):
    """The Jacobian of a real `f`, one pullback of a unit vector per row."""
    y, pullback = dm.vjp(f, x)
    shape = np.shape(y)
    units = np.eye(int(np.prod(shape))).reshape(-1, *shape)
    rows = [pullback(unit) for unit in units]
    return np.array(rows).reshape(shape + np.shape(x))


# --- Every idiom, against an oracle that knows nothing of dualmc ---------------------------------


@pytest.mark.table
@every_case
def test_value_is_what_numpy_computes(case):
    expected = np.asarray(case.f(case.x.copy()))
    for y in (
        dm.value_and_jacobian_rev(case.f, case.x)[0],
        dm.vjp(case.f, case.x)[0],
    ):
        y = np.asarray(y)
        assert expected.shape == y.shape
        assert expected.dtype == y.dtype
        assert np.array_equal(expected, y, equal_nan=True)


@every_case
def test_jacobian_is_what_the_oracle_computes(case):
    expected = expected_jacobian(case)
    rtol = 1e-12 if case.oracle == STEP else 1e-8
    J = dm.jacobian_rev(case.f, case.x)
    assert type(J) is np.ndarray
    assert np.shape(case.f(case.x.copy())) + case.x.shape == J.shape
    assert_close(expected, J, rtol)
    m = expected.size // max(1, case.x.size)
    for chunk_size in sorted({1, 2, m - 1} - {0, -1}):
        assert_close(expected, dm.jacobian_rev(case.f, case.x, chunk_size=chunk_size), rtol)


def judge(f, x, oracle=differences, rtol=1e-8):
    """Rows swept together and one by one; the value bit for bit."""
    expected = oracle(f, x)
    y, J = dm.value_and_jacobian_rev(f, x)
    assert np.array_equal(f(x.copy()), y)
    assert_close(expected, J, rtol)
    assert_close(expected, rows_by_pullback(f, x), rtol)


@pytest.mark.table(2)
@pytest.mark.parametrize("shape", [s for s in SHAPES if len(s) > 1], ids=str)
@pytest.mark.parametrize("name", ALONG)
def test_reductions_along_every_axis(name, shape):
    function, x = ALONG[name], spread(*shape, low=0.4)
    for axis in [None, *range(len(shape)), (0, -1)]:
        lengths = [shape[a] for a in np.atleast_1d(range(len(shape)) if axis is None else axis)]
        if name in ("std", "nanvar", "var") and np.prod(lengths) == 1:
            continue  # a kink of std
        if name in ("quantile", "ptp", "average") and isinstance(axis, tuple):
            continue
        judge(lambda x, a=axis: function(x, axis=a, keepdims=True) * x, x)


@pytest.mark.parametrize("name", PER_AXIS)
def test_functions_along_every_axis(name):
    x = spread(2, 3, 2)
    for axis in range(-3, 3):
        judge(lambda x, a=axis: np.sin(PER_AXIS[name](x, axis=a)), x)


@pytest.mark.parametrize(("function", "pairs"), PRODUCTS, ids=lambda p: getattr(p, "__name__", ""))
def test_products_of_every_shape(function, pairs):
    for left, right in pairs:
        m = int(np.prod(left))
        x = spread(m + int(np.prod(right)), low=0.4, high=2.3)
        a, b = x[:m].reshape(left), x[m:].reshape(right)

        def both(x, m=m, left=left, right=right):
            x = np.sin(x) + x[0]
            return function(x[:m].reshape(left), x[m:].reshape(right) * x[1])

        judge(both, x, complex_step, 1e-12)
        judge(lambda a, b=b: function(np.exp(a) * np.sum(a), b), a, complex_step, 1e-12)
        judge(lambda b, a=a: function(a, np.exp(b) * np.sum(b)), b, complex_step, 1e-12)


# --- Empty, constant and trivial functions -------------------------------------------------------


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0)])
@pytest.mark.parametrize(
    "f",
    [
        np.sin,
        np.sum,
        np.cumsum,
        np.sort,
        np.ravel,
        np.transpose,
        lambda x: x * 2 + x,
        lambda x: np.sum(x, axis=0),
        lambda x: np.prod(x, axis=-1),
        lambda x: np.concatenate([x, x]),
        lambda x: np.where(x > 0, x, -x),
        lambda x: x[..., :0],
        lambda x: np.outer(x, x),
        lambda x: np.matmul(x.T, x),
        lambda x: np.pad(x, 1),
        lambda x: np.zeros_like(x) + x,
    ],
)
def test_empty_arrays(f, shape):
    y, J = dm.value_and_jacobian_rev(f, np.zeros(shape))
    assert np.array_equal(f(np.zeros(shape)), y)
    assert np.shape(y) + shape == J.shape
    _, pullback = dm.vjp(f, np.zeros(shape))
    assert shape == pullback(np.zeros(np.shape(y))).shape
    # The same inside a larger problem, where it is the output that is empty.
    y, J = dm.value_and_jacobian_rev(lambda z: f(z[:0].reshape(shape)), np.ones(4))
    assert np.array_equal(f(np.zeros(shape)), y)
    assert (*np.shape(y), 4) == J.shape
    assert not J.any()


@pytest.mark.parametrize(
    ("constant", "shape", "kind"),
    [
        (3.0, (), "f"),
        (3, (), "f"),
        (True, (), "f"),
        (1j, (), "c"),
        (np.float32(2.0), (), "f"),
        (np.ones(3), (3,), "f"),
        (np.arange(3), (3,), "f"),
        (np.array([True, False]), (2,), "f"),
        ([1.0, 2], (2,), "f"),
        ([[1.0, 2.0], [3.0, 4.0]], (2, 2), "f"),
        ([], (0,), "f"),
    ],
)
def test_outputs_that_do_not_depend_on_the_input(constant, shape, kind):
    for x in (0.5, X3, np.zeros(0), np.ones((2, 2))):
        y, J = dm.value_and_jacobian_rev(lambda x: constant, x)
        assert np.array_equal(constant, y)
        assert shape + np.shape(x) == J.shape
        assert kind == J.dtype.kind
        assert not J.any()
        J = dm.jacobian_rev(lambda x: constant, x, sparse=True)
        assert ((int(np.prod(shape)), np.size(x)), 0) == (J.shape, J.nnz)
        _, pullback = dm.vjp(lambda x: constant, x)
        assert np.shape(x) == np.shape(pullback(np.ones(shape)))
        assert not np.any(pullback(np.ones(shape)))


@pytest.mark.parametrize(
    "f", [np.floor, np.sign, np.argsort, lambda x: x > 1, len, lambda x: 0 * x]
)
def test_flat_results_have_zero_jacobians(f):
    y, J = dm.value_and_jacobian_rev(f, X3)
    assert np.array_equal(f(X3), y)
    assert np.shape(f(X3)) + (3,) == J.shape
    assert not J.any()


def test_an_argument_that_is_not_used_has_a_zero_gradient():
    g_a, g_b = dm.gradient(lambda a, b: np.sum(a**2), X3, np.ones((2, 2)), argnums=(0, 1))
    assert np.array_equal(2 * X3, g_a)
    assert np.array_equal(np.zeros((2, 2)), g_b)


@pytest.mark.parametrize(
    ("f", "J"),
    [
        (lambda x: x, np.eye(3)),
        (lambda x: x[:], np.eye(3)),
        (lambda x: x[::-1], np.eye(3)[::-1]),
        (lambda x: x[1], np.eye(3)[1]),
        (lambda x: x.copy(), np.eye(3)),
        (lambda x: +x, np.eye(3)),
        (lambda x: [x, x], [np.eye(3), np.eye(3)]),
        (lambda x: (x[2], 1.0, x[0]), np.eye(3)[[2, 2, 0]] * [[1], [0], [1]]),
        (lambda x: [[x[0], x[1]], [2, x[2] * 3]], [[np.eye(3)[0], np.eye(3)[1]],
                                                  [np.zeros(3), 3 * np.eye(3)[2]]]),
        (lambda x: np.broadcast_to(x, (2, 3)), [np.eye(3), np.eye(3)]),
        (lambda x: x[[0, 0, 2]], np.eye(3)[[0, 0, 2]]),
        (lambda x: np.stack([x[0] + x[0], x[0] * 1]), [[2, 0, 0], [1, 0, 0]]),
    ],
)  # fmt: skip
def test_moves_alone(f, J):
    """The output is an input, a view of it, or a list of them."""
    y, actual = dm.value_and_jacobian_rev(f, X3)
    assert np.array_equal(np.asarray(f(X3)), y)
    assert np.array_equal(J, actual)
    assert np.array_equal(J, dm.jacobian_rev(f, X3, chunk_size=1))
    assert np.array_equal(J, rows_by_pullback(f, X3))


# --- Inputs --------------------------------------------------------------------------------------


@pytest.mark.parametrize("x", [2, 2.0, np.float64(2.0), np.array(2.0), np.int8(2), np.array(2)])
def test_scalars(x):
    y, J = dm.value_and_jacobian_rev(lambda x: x**3, x)
    assert (8.0, 12.0) == (y, J)
    assert () == J.shape
    assert 12.0 == dm.gradient(lambda x: x**3, x)
    y, pullback = dm.vjp(lambda x: x**3, x)
    assert isinstance(y, float)
    assert isinstance(pullback(1.0), float)
    assert (8.0, 24.0) == (y, pullback(2))
    assert np.array_equal([12.0, 1.0], dm.jacobian_rev(lambda x: [x**3, x], x))


@pytest.mark.parametrize("x", [[1, 2], (1.0, 2.0), np.array([1, 2]), np.array([1, 2], np.uint8)])
def test_lists_and_integers_become_float64(x):
    J = dm.jacobian_rev(lambda x: x**2, x)
    assert np.float64 == J.dtype
    assert np.array_equal([[2.0, 0.0], [0.0, 4.0]], J)
    g = dm.gradient(lambda x: x[0] * x[1], x)
    assert np.float64 == g.dtype
    assert np.array_equal([2.0, 1.0], g)


def test_nested_lists():
    g = dm.gradient(lambda x: np.sum(x @ x), [[1, 2], [3, 4]])
    A = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert np.array_equal(np.ones((2, 2)) @ A.T + A.T @ np.ones((2, 2)), g)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble])
def test_widths_are_kept(dtype):
    x = np.array([0.5, 1.5, 2.0], dtype)

    def f(x):
        return x**2 + x[::-1] * x[0]

    wide = x.astype(np.longdouble)
    expected = np.diag(2 * wide) + np.eye(3)[::-1] * wide[0]
    expected[:, 0] += wide[::-1]
    y, J = dm.value_and_jacobian_rev(f, x)
    assert (dtype, dtype) == (y.dtype, J.dtype)
    rtol = 8 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(J, expected, rtol=rtol, atol=0)
    g = dm.gradient(lambda x: np.sum(f(x)), x)
    assert dtype == g.dtype
    np.testing.assert_allclose(g, expected.sum(axis=0), rtol=rtol)
    y, pullback = dm.vjp(f, x)
    assert dtype == pullback(np.ones(3)).dtype


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x * np.float32(2),
        lambda x: x * 2.0,
        lambda x: x * np.arange(4),
        lambda x: x * np.ones(4),
        lambda x: x.astype(np.float64) * 2,
        lambda x: np.real(x * np.complex64(1 + 2j)) + np.imag(x * 1j),
        lambda x: x * np.complex64(2j),
        lambda x: x * np.ones(4, complex),
        lambda x: np.where(x > 1, x, np.zeros(4)),
        lambda x: np.concatenate([x, np.ones(2)]),
        lambda x: np.stack([x[0], x[1] * np.float64(2)]),
        lambda x: x @ np.ones((4, 2)),
        lambda x: 3.0,
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_of_the_jacobian_is_that_of_the_value(f, dtype):
    x = np.array([0.5, 1.5, 1.25, 2.5], dtype)
    value = np.asarray(f(x))
    y, J = dm.value_and_jacobian_rev(f, x)
    assert value.dtype == np.asarray(y).dtype
    assert (value.dtype if value.dtype.kind in "fc" else dtype) == J.dtype
    expected = differences(f, x.astype(float))
    np.testing.assert_allclose(J, expected, rtol=1e-6, atol=1e-6)
    _, pullback = dm.vjp(f, x)
    assert dtype == pullback(np.ones(np.shape(y))).dtype  # of the primal


def test_a_float64_jacobian_by_a_float32_input_has_the_digits_of_float64():
    x, c = np.array([1.0, 2.0], np.float32), np.array([0.1, 0.2])
    assert np.array_equal(np.diag(c), dm.jacobian_fwd(lambda x: x * c, x))
    assert np.array_equal(np.diag(c), dm.jacobian_rev(lambda x: x * c, x))
    by_a, by_b = dm.jacobian_rev(lambda a, b: a * b, np.float32(0.5), c, argnums=(0, 1))
    assert np.array_equal(c, by_a)
    assert np.array_equal(0.5 * np.eye(2), by_b)


@pytest.mark.parametrize("order", ["C", "F", "reversed", "strided", "read-only"])
def test_memory_orders(order):
    x = spread(3, 4)
    if order == "F":
        x = np.asfortranarray(x)
    elif order == "reversed":
        x = x[::-1, ::-1]
    elif order == "strided":
        x = np.repeat(np.repeat(x, 2, 0), 3, 1)[::2, ::3]
    elif order == "read-only":
        x.flags.writeable = False

    def f(x):
        x *= 2.0
        x[:, 1:] += x[:, :-1] * x[0, 1:]
        return np.sin(x) @ x.T

    expected = complex_step(lambda z: f(z.copy()), x)
    before = x.copy()
    assert_close(expected, dm.jacobian_rev(f, x), 1e-12)
    assert_close(expected, rows_by_pullback(f, x), 1e-12)
    assert np.array_equal(before, x)
