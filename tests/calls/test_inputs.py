"""What may be passed in and returned: dtypes, shapes, layouts, containers, callables."""

import functools
import math

import numpy as np
import pytest

import dualmc as dm

# --- Dtypes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [3, 40])
@pytest.mark.parametrize("sparse", [False, True])
def test_float32_is_kept(n, sparse):
    x = np.linspace(0.5, 2.0, n, dtype=np.float32)
    y, J = dm.value_and_jacobian_fwd(lambda x: np.sin(x) * x[0] + 2 * x, x, sparse=sparse)
    assert np.float32 == y.dtype
    assert np.float32 == J.dtype
    J = J.toarray() if sparse else J
    x = x.astype(float)
    expected = np.diag(np.cos(x) * x[0] + 2)
    expected[:, 0] += np.sin(x)
    np.testing.assert_allclose(J, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    "f",
    [
        np.exp,
        lambda x: x**2,
        lambda x: x**2.5,
        lambda x: 2.0**x,
        lambda x: x * 2.0 + 1,
        lambda x: np.sum(x),
        lambda x: np.mean(x),
        lambda x: np.prod(x),
        lambda x: np.std(x),
        lambda x: x @ x,
        lambda x: x @ np.ones((4, 4), np.float32),
        lambda x: np.cumsum(x),
        lambda x: np.cumprod(x),
        lambda x: np.sort(x),
        lambda x: np.max(x),
        lambda x: np.median(x),
        lambda x: np.quantile(x, 0.3),
        lambda x: np.where(x > 0, x, 0),
        lambda x: np.concatenate([x, np.ones(1, np.float32)]),
        lambda x: np.stack([x[0], x[1]]),
        lambda x: np.clip(x, 0.0, 1.0),
        lambda x: np.diff(x),
        lambda x: np.gradient(x),
        lambda x: np.einsum("i,j->ij", x, x),
        lambda x: np.outer(x, x),
        lambda x: np.convolve(x, x),
        lambda x: np.pad(x, 1),
        lambda x: np.maximum(x, 1),
        lambda x: np.zeros_like(x) + x,
        lambda x: x[0],
        lambda x: x[[0, 1]],
        lambda x: x * np.ones(4),
        lambda x: np.float64(2.0) * x,
        lambda x: np.arange(4) * x,
        lambda x: np.interp(x, [0.0, 9.0], [1.0, 2.0]),
        lambda x: np.linspace(x[0], x[1], 3),
        lambda x: np.polyval([1.0, 2.0], x),
        lambda x: np.sinc(x),
        lambda x: x.astype(np.float64) * 2,
        lambda x: 3.0,
        lambda x: [x[0], 1.0],
        lambda x: 1j * x,
    ],
)
def test_the_dtype_of_the_jacobian_is_that_of_the_value(f):
    """As NumPy promotes the value: float32 stays, a float64 array makes float64."""
    x = np.array([0.5, 1.5, 1.25, 2.5], np.float32)
    expected = np.asarray(f(x)).dtype
    for sparse in (False, True):
        y, J = dm.value_and_jacobian_fwd(f, x, sparse=sparse)
        assert expected == np.asarray(y).dtype
        assert expected == J.dtype


def test_float32_in_a_larger_system():
    x = np.linspace(0.5, 2.0, 50, dtype=np.float32)
    A = np.random.default_rng(0).normal(size=(50, 50)).astype(np.float32)
    J = dm.jacobian_fwd(lambda x: np.tanh(A @ x), x)
    assert np.float32 == J.dtype
    exact = (1 / np.cosh(A.astype(float) @ x.astype(float)) ** 2)[:, None] * A
    np.testing.assert_allclose(J, exact, rtol=2e-4, atol=1e-5)


def test_float32_in_float64_out_through_a_constant():
    J = dm.jacobian_fwd(lambda x: x * np.array([2.0, 3.0]), np.ones(2, np.float32))
    assert np.float64 == J.dtype
    assert np.array_equal(np.diag([2.0, 3.0]), J)


@pytest.mark.parametrize("dtype", [np.float16, np.longdouble])
@pytest.mark.parametrize("n", [3, 40])
def test_other_widths(dtype, n):
    x = np.linspace(0.5, 2.0, n).astype(dtype)
    y, J = dm.value_and_jacobian_fwd(lambda x: x**2 + x[::-1] * x[0], x)
    assert dtype == y.dtype
    assert dtype == J.dtype
    x = x.astype(np.longdouble)
    expected = np.diag(2 * x) + np.eye(n)[::-1] * x[0]
    expected[:, 0] += x[::-1]
    np.testing.assert_allclose(
        J.astype(np.longdouble), expected, rtol=8 * float(np.finfo(dtype).eps), atol=0
    )


def test_longdouble_keeps_its_digits():
    x = np.array([np.longdouble(1) / 3])
    J = dm.jacobian_fwd(np.sqrt, x)
    assert abs(J[0, 0] - 1 / (2 * np.sqrt(x[0]))) <= 2 * np.finfo(np.longdouble).eps


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8])
def test_integers_become_float64(dtype):
    y, J = dm.value_and_jacobian_fwd(lambda x: x / 2 + x**2, np.array([1, 2, 3], dtype))
    assert np.float64 == J.dtype
    assert np.array_equal(np.diag([2.5, 4.5, 6.5]), J)
    assert np.array_equal([1.5, 5.0, 10.5], y)


def test_integers_of_python():
    assert 6.0 == dm.derivative(lambda x: x**2, 3)
    assert np.array_equal([[2.0, 0.0], [0.0, 4.0]], dm.jacobian_fwd(lambda x: x**2, [1, 2]))


# --- Shapes and containers -----------------------------------------------------------------------


def test_python_float():
    y, J = dm.value_and_jacobian_fwd(lambda x: x**3, 2.0)
    assert 8.0 == y
    assert () == np.shape(J)
    assert 12.0 == J


@pytest.mark.parametrize("x", [2.0, np.float64(2.0), np.array(2.0), np.float32(2.0), 2])
def test_0d(x):
    assert (2, 3) == dm.jacobian_fwd(lambda x: x * np.ones((2, 3)), x).shape
    assert 4.0 == dm.jacobian_fwd(lambda x: x * x, x)
    assert 4.0 == dm.derivative(lambda x: x * x, x)
    y, y_dot = dm.jvp(lambda x: x * x, x, x)
    assert (4.0, 8.0) == (y, y_dot)


def test_0d_sparse():
    J = dm.jacobian_fwd(lambda x: x * np.arange(3.0), 2.0, sparse=True)
    assert (3, 1) == J.shape
    assert np.array_equal([[0.0], [1.0], [2.0]], J.toarray())


@pytest.mark.parametrize(
    "x", [[1.0, 2.0, 3.0], (1.0, 2.0, 3.0), [1, 2.0, np.float64(3)], range(1, 4), [1, 2, 3]]
)
def test_lists(x):
    assert np.array_equal(np.diag([2.0, 4.0, 6.0]), dm.jacobian_fwd(lambda x: x**2, x))


def test_nested_lists():
    J = dm.jacobian_fwd(lambda x: x @ x, [[1.0, 2.0], [3.0, 4.0]])
    assert (2, 2, 2, 2) == J.shape
    X, E = np.array([[1.0, 2.0], [3.0, 4.0]]), np.eye(2)
    expected = np.einsum("ik,lj->ijkl", E, X) + np.einsum("ik,jl->ijkl", X, E)
    np.testing.assert_allclose(J, expected)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0)])
@pytest.mark.parametrize("sparse", [False, True])
def test_empty_input(shape, sparse):
    x = np.zeros(shape)
    for f, y_shape in [(np.sin, shape), (np.sum, ()), (lambda x: np.ones(2), (2,))]:
        y, J = dm.value_and_jacobian_fwd(f, x, sparse=sparse)
        assert y_shape == np.shape(y)
        assert ((math.prod(y_shape), 0) if sparse else y_shape + shape) == J.shape
        assert np.float64 == J.dtype


def test_empty_input_among_others():
    J_a, J_b = dm.jacobian_fwd(
        lambda a, b: b * 2 + np.sum(a), np.zeros(0), np.ones(2), argnums=(0, 1)
    )
    assert (2, 0) == J_a.shape
    assert np.array_equal(2 * np.eye(2), J_b)


def test_empty_output():
    J = dm.jacobian_fwd(lambda x: x[:0], np.ones(3))
    assert (0, 3) == J.shape
    assert (0, 3) == dm.jacobian_fwd(lambda x: x[:0], np.ones(3), sparse=True).shape
    assert (0, 3) == dm.jacobian_fwd(lambda x: [], np.ones(3)).shape


def test_empty_jvp():
    y, y_dot = dm.jvp(np.sin, np.zeros(0), np.zeros(0))
    assert (0,) == y.shape == y_dot.shape


@pytest.mark.parametrize("n", [3, 40])
def test_nan_propagates(n):
    x = np.linspace(0.5, 1.5, n)
    x[1] = np.nan
    y, J = dm.value_and_jacobian_fwd(lambda x: x**2, x)
    assert np.array_equal(x**2, y, equal_nan=True)
    expected = np.diag(2 * x)
    expected[1, 1] = np.nan
    off_diagonal = ~np.eye(n, dtype=bool)
    assert np.isnan(J[1, 1])
    assert not J[off_diagonal].any()
    assert np.array_equal(np.diag(expected), np.diag(J), equal_nan=True)


@pytest.mark.parametrize("n", [3, 40])
def test_infinite_inputs(n):
    x = np.linspace(0.5, 1.5, n)
    x[0] = np.inf
    J = dm.jacobian_fwd(lambda x: np.exp(-x) + np.arctan(x), x)
    expected = -np.exp(-x) + 1 / (1 + x**2)
    np.testing.assert_allclose(np.diag(J), expected, rtol=1e-14)
    assert not J[~np.eye(n, dtype=bool)].any()


def test_fortran_order_reads_as_numpy_reads_it():
    """``ravel("K")`` follows the memory; the value must be that of f at this very array."""
    x = np.asfortranarray(np.arange(6.0).reshape(2, 3))

    def f(x):
        return np.ravel(x, order="K") * np.arange(6.0)

    y, J = dm.value_and_jacobian_fwd(f, x)
    assert np.array_equal(f(x), y)
    expected = np.zeros((6, 2, 3))
    for p, (i, j) in enumerate((i, j) for j in range(3) for i in range(2)):
        expected[p, i, j] = p
    assert np.array_equal(expected, J)


def test_byte_swapped_floats():
    x = np.array([1.0, 2.0], dtype=">f8")
    assert np.array_equal(np.diag([2.0, 4.0]), dm.jacobian_fwd(lambda x: x**2, x))


# --- f is called with a copy ---------------------------------------------------------------------


def mutating(x):
    x[0] = 7.0
    x[1:] *= x[0]
    x += 1
    return x * x


@pytest.mark.parametrize("n", [3, 40])
@pytest.mark.parametrize("options", [{}, {"chunk_size": 1}, {"chunk_size": 2}, {"sparse": True}])
def test_the_callers_array_never_changes(n, options):
    x = np.linspace(1.0, 2.0, n)
    before = x.copy()
    y, J = dm.value_and_jacobian_fwd(mutating, x, **options)
    assert np.array_equal(before, x)
    assert np.array_equal(mutating(before.copy()), y)
    J = J.toarray() if "sparse" in options else J
    expected = np.diag(14 * (7 * before + 1))
    expected[0, 0] = 0.0
    np.testing.assert_allclose(J, expected, rtol=1e-14)


def test_jvp_and_derivative_leave_the_callers_arrays():
    x, v = np.linspace(1.0, 2.0, 3), np.ones(3)
    dm.jvp(mutating, x, v)
    assert np.array_equal(np.linspace(1.0, 2.0, 3), x)
    assert np.array_equal(np.ones(3), v)
    x = np.array(2.0)

    def doubling(x):
        x *= 2
        return x

    assert 2.0 == dm.derivative(doubling, x)
    assert 2.0 == x


def test_the_result_does_not_share_memory():
    x = np.ones(3)
    y, J = dm.value_and_jacobian_fwd(lambda x: x, x)
    y[:] = 5.0
    J[:] = 5.0
    assert np.array_equal(np.ones(3), x)
    y, _ = dm.value_and_jacobian_fwd(lambda x: x[:2], x)
    y[:] = 5.0
    assert np.array_equal(np.ones(3), x)
    v = np.ones(3)
    y, y_dot = dm.jvp(lambda x: x, x, v)
    y_dot[:] = 5.0
    assert np.array_equal(np.ones(3), v)


def test_results_are_writable():
    for n in (3, 40):
        y, J = dm.value_and_jacobian_fwd(lambda x: np.broadcast_to(x[0], (3,)), np.ones(n))
        J[0, 0] = 2.0
        y[0] = 3.0
        assert (2.0, 3.0) == (J[0, 0], y[0])


@pytest.mark.parametrize("n", [1, 5, 16, 17, 40])
@pytest.mark.parametrize("chunk_size", [None, 1, 2, 3, 7, 16, 100])
@pytest.mark.parametrize("sparse", [False, True])
def test_number_of_calls(n, chunk_size, sparse):
    calls = []

    def f(x):
        calls.append(x.shape)
        return np.sin(x)

    dm.jacobian_fwd(f, np.ones(n), chunk_size=chunk_size, sparse=sparse)
    assert [(n,)] * math.ceil(n / (chunk_size or n)) == calls


def test_number_of_calls_for_several_arguments():
    calls = []

    def f(a, b):
        calls.append(1)
        return a.sum() * b

    dm.jacobian_fwd(f, np.ones(3), np.ones((2, 2)), argnums=(0, 1), chunk_size=2)
    assert math.ceil(7 / 2) == len(calls)
    calls.clear()
    dm.jvp(f, (np.ones(3), np.ones(2)), (np.ones(3), np.ones(2)))
    assert 1 == len(calls)
    dm.value_and_jacobian_fwd(f, np.ones(3), np.ones((2, 2)))
    assert 2 == len(calls)


# --- Callables and arguments ---------------------------------------------------------------------


class Polynomial:
    def __init__(self, *coefficients):
        self.coefficients = coefficients

    def __call__(self, x):
        return sum(c * x**k for k, c in enumerate(self.coefficients))

    def method(self, x, scale=1.0):
        return scale * self(x)

    @staticmethod
    def static(x):
        return 3 * x

    @classmethod
    def unit(cls, x):
        return cls(0.0, 0.0, 1.0)(x)


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (Polynomial(1.0, 2.0, 3.0), 14.0),
        (Polynomial(1.0, 2.0, 3.0).method, 14.0),
        (Polynomial.static, 3.0),
        (Polynomial.unit, 4.0),
        (functools.partial(Polynomial(1.0, 2.0, 3.0).method, scale=2.0), 28.0),
        (functools.partial(lambda a, x: a * x, 5.0), 5.0),
        (functools.wraps(np.sin)(lambda x: 7 * x), 7.0),
        (np.square, 4.0),
        (abs, 1.0),
    ],
)
def test_callables(f, expected):
    assert expected == dm.derivative(f, 2.0)
    assert np.array_equal([[expected]], dm.jacobian_fwd(f, [2.0]))


def test_extra_positional_arguments():
    A, b = np.array([[1.0, 2.0], [3.0, 4.0]]), "doubled"

    def f(x, A, b):
        return A @ x * (2 if b == "doubled" else 1)

    assert np.array_equal(2 * A, dm.jacobian_fwd(f, [1.0, 1.0], A, b))
    y, J = dm.value_and_jacobian_fwd(f, [1.0, 1.0], A, None)
    assert np.array_equal([3.0, 7.0], y)
    assert np.array_equal(A, J)
    assert 5.0 == dm.derivative(lambda x, a: a * x, 2.0, 5)


def test_extra_arguments_arrive_as_they_are():
    seen = []
    marker = object()
    dm.jacobian_fwd(lambda x, *rest: seen.extend(rest) or x, [1.0], 1, marker, [2])
    assert [1, marker, [2]] == seen
    assert type(seen[0]) is int


def test_argnums_of_the_second_argument():
    J = dm.jacobian_fwd(lambda t, u: np.array([u[1], -t * u[0]]), 3.0, [1.0, 2.0], argnums=1)
    assert np.array_equal([[0.0, 1.0], [-3.0, 0.0]], J)


def test_as_the_jacobian_of_scipy():
    optimize = pytest.importorskip("scipy.optimize")

    def residuals(x, t, y):
        return x[0] * np.exp(-x[1] * t) - y

    t = np.linspace(0.0, 2.0, 20)
    y = 2.5 * np.exp(-1.3 * t)
    fit = optimize.least_squares(
        residuals, [1.0, 1.0], jac=functools.partial(dm.jacobian_fwd, residuals), args=(t, y)
    )
    np.testing.assert_allclose(fit.x, [2.5, 1.3], rtol=1e-8)
    root = optimize.root(
        lambda x: np.array([x[0] ** 2 + x[1] - 3, x[0] - x[1] + 1]),
        [1.0, 1.0],
        jac=functools.partial(
            dm.jacobian_fwd, lambda x: np.array([x[0] ** 2 + x[1] - 3, x[0] - x[1] + 1])
        ),
    )
    np.testing.assert_allclose(root.x, [1.0, 2.0], rtol=1e-9)


def test_numpy_integer_options():
    expected = np.diag([2.0, 4.0])
    J = dm.jacobian_fwd(lambda a, x: x**2, 0, [1, 2], argnums=np.int64(1), chunk_size=np.int32(1))
    assert np.array_equal(expected, J)
    (J,) = dm.jacobian_fwd(lambda x: x**2, [1, 2], argnums=[0])
    assert np.array_equal(expected, J)


# --- What f may return ---------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 40])
@pytest.mark.parametrize(
    ("constant", "shape"),
    [
        (3.0, ()),
        (3, ()),
        (True, ()),
        (np.float32(2.0), ()),
        (np.ones(3), (3,)),
        (np.arange(3), (3,)),
        (np.array([True, False]), (2,)),
        ([1.0, 2], (2,)),
        ((1, 2, 3), (3,)),
        ([[1.0, 2.0], [3.0, 4.0]], (2, 2)),
        ([np.ones(2), np.zeros(2)], (2, 2)),
        ([], (0,)),
    ],
)
def test_constants_have_zero_jacobians(n, constant, shape):
    y, J = dm.value_and_jacobian_fwd(lambda x: constant, np.ones(n))
    assert np.array_equal(constant, y)
    assert np.asarray(constant).dtype == np.asarray(y).dtype
    assert (*shape, n) == J.shape
    assert "f" == J.dtype.kind
    assert not J.any()
    J = dm.jacobian_fwd(lambda x: constant, np.ones(n), sparse=True)
    assert (math.prod(shape), n) == J.shape
    assert 0 == J.nnz
    _, y_dot = dm.jvp(lambda x: constant, np.ones(n), np.ones(n))
    assert shape == np.shape(y_dot)
    assert not np.any(y_dot)


@pytest.mark.parametrize("n", [2, 40])
def test_flat_results_have_zero_jacobians(n):
    x = np.linspace(0.5, 1.5, n)
    for f in (np.floor, np.sign, np.argsort, lambda x: x > 1, lambda x: x.shape, len):
        y, J = dm.value_and_jacobian_fwd(f, x)
        assert np.array_equal(f(x), y)
        assert np.shape(f(x)) + (n,) == J.shape
        assert not J.any()


@pytest.mark.parametrize("n", [3, 40])
def test_nested_containers(n):
    x = np.linspace(0.5, 1.5, n)
    e = np.eye(n)
    J = dm.jacobian_fwd(lambda x: ([x[0], 2.0], (x[1] * 3, np.float64(1.0))), x)
    assert np.array_equal([[e[0], 0 * e[0]], [3 * e[1], 0 * e[0]]], J)
    J = dm.jacobian_fwd(lambda x: [[x[:2], [1, x[2]]]], x)
    assert np.array_equal([[[e[0], e[1]], [0 * e[0], e[2]]]], J)


def test_value_types():
    y, _ = dm.value_and_jacobian_fwd(lambda x: x[0] * x[1], [1.0, 2.0])
    assert isinstance(y, float)
    y, _ = dm.value_and_jacobian_fwd(lambda x: [x[0], 1.0], [1.0, 2.0])
    assert type(y) is np.ndarray
    y, y_dot = dm.jvp(np.sum, np.ones(3), np.ones(3))
    assert isinstance(y, float)
    assert isinstance(y_dot, float)
    assert isinstance(dm.derivative(np.sin, 1.0), float)
    assert type(dm.derivative(lambda x: x * np.ones(2), 1.0)) is np.ndarray


def test_jvp_of_several_arguments():
    y, y_dot = dm.jvp(lambda a, b: a * b, (np.array([1.0, 2.0]), 3.0), (np.array([1.0, 0.0]), 2.0))
    assert np.array_equal([3.0, 6.0], y)
    assert np.array_equal([3.0 + 2.0, 4.0], y_dot)


def test_jvp_of_integers_and_lists():
    y, y_dot = dm.jvp(lambda x: x**2, [1, 2], [1, 1])
    assert np.array_equal([1.0, 4.0], y)
    assert np.array_equal([2.0, 4.0], y_dot)


def test_jvp_keeps_float32():
    y, y_dot = dm.jvp(lambda x: x**2, np.ones(2, np.float32), np.ones(2))
    assert np.float32 == y.dtype == y_dot.dtype


def test_aux_is_free_of_duals():
    def f(x):
        y = x * 2
        aux = {"list": [y, y[0]], "tuple": (y, "text"), "objects": np.array([y[0], y[1]])}
        return y, aux

    _, aux = dm.jacobian_fwd(f, [1.0, 2.0], has_aux=True)
    assert np.array_equal([2.0, 4.0], aux["list"][0])
    assert 2.0 == aux["list"][1]
    assert "text" == aux["tuple"][1]
    assert np.array_equal([2.0, 4.0], aux["objects"])
    for a in (*aux["list"], aux["tuple"][0], aux["objects"]):
        assert not isinstance(a, dm.Dual)
