"""Reverse mode through its public calls: every idiom against its oracle, options, pullbacks."""

import functools
import re

import numpy as np
import pytest
import scipy.sparse
from axes_and_shapes import ALONG, PER_AXIS, PRODUCTS, SHAPES
from function_cases import CASES, STEP, expected_jacobian
from oracles import assert_close, complex_step, differences
from points import spread
from scipy.optimize import least_squares, minimize, root
from test_errors import SIDE_DOORS

import dualmc as dm

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
every_call = pytest.mark.parametrize(
    "call",
    [
        dm.jacobian_rev,
        dm.value_and_jacobian_rev,
        dm.gradient,
        dm.value_and_gradient,
        dm.vjp,
        dm.hessian,
    ],
    ids=lambda call: call.__name__,
)
X3 = np.array([0.5, 1.5, 2.5])


def raises(error, sentence):
    """Matches `sentence` literally, except that ``...`` stands for anything."""
    return pytest.raises(error, match=".*".join(map(re.escape, sentence.split("..."))))


def rows_by_pullback(f, x):
    """The Jacobian of a real `f`, one pullback of a unit vector per row."""
    y, pullback = dm.vjp(f, x)
    shape = np.shape(y)
    units = np.eye(int(np.prod(shape))).reshape(-1, *shape)
    rows = [pullback(unit) for unit in units]
    return np.array(rows).reshape(shape + np.shape(x))


# --- Every idiom, against an oracle that knows nothing of dualmc ---------------------------------


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


@pytest.mark.parametrize("name", SIDE_DOORS)
def test_right_or_refused_never_silently_wrong(name):
    f, x = SIDE_DOORS[name], np.array([1.7, 0.9, 0.6, 2.3, 1.4])

    def numbers(x):
        y = np.asarray(f(x))
        return y.astype(float) if y.dtype == object else y

    value, expected = numbers(x.copy()), differences(numbers, x)
    try:
        y, J = dm.value_and_jacobian_rev(f, x)
    except (dm.MissingRuleError, dm.TangentLostError) as error:
        assert re.search("dualmc|derivative", str(error))
    except TypeError as error:
        # NumPy's own refusal of the object array that a list of Duals makes.
        assert re.search(r"dtype\('O'\)|not supported for the input types", str(error))
    else:
        np.testing.assert_allclose(y, value, rtol=1e-14, atol=1e-14)
        np.testing.assert_allclose(J, expected, rtol=1e-7, atol=1e-8)


def judge(f, x, oracle=differences, rtol=1e-8):
    """Rows swept together and one by one; the value bit for bit."""
    expected = oracle(f, x)
    y, J = dm.value_and_jacobian_rev(f, x)
    assert np.array_equal(f(x.copy()), y)
    assert_close(expected, J, rtol)
    assert_close(expected, rows_by_pullback(f, x), rtol)


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


# --- Options -------------------------------------------------------------------------------------


def affine(w, b, X):
    return np.tanh(X @ w + b)


def test_argnums():
    w, b, X = np.array([0.5, -0.3]), 0.2, np.array([[1.0, 2.0], [0.5, -1.0], [0.3, 0.7]])
    s = 1 / np.cosh(X @ w + b) ** 2
    by_w, by_b = s[:, None] * X, s
    by_X = s[:, None, None] * np.eye(3)[:, :, None] * w
    for argnums, expected in [
        (0, by_w),
        (1, by_b),
        (2, by_X),
        (-1, by_X),
        (-3, by_w),
        (np.int64(1), by_b),
        ((0,), (by_w,)),
        ((0, 1), (by_w, by_b)),
        ((2, 0), (by_X, by_w)),
        ([-1, 1], (by_X, by_b)),
        ((1, 2, 0), (by_b, by_X, by_w)),
    ]:
        for options in ({}, {"chunk_size": 1}, {"chunk_size": 2}):
            J = dm.jacobian_rev(affine, w, b, X, argnums=argnums, **options)
            assert type(expected) is type(J)
            pairs = zip(expected, J, strict=True) if type(J) is tuple else [(expected, J)]
            for e, a in pairs:
                assert e.shape == a.shape
                np.testing.assert_allclose(a, e, rtol=1e-13, atol=1e-15)
        g = dm.gradient(lambda *args: np.sum(affine(*args)), w, b, X, argnums=argnums)
        pairs = zip(expected, g, strict=True) if type(g) is tuple else [(expected, g)]
        for e, a in pairs:
            np.testing.assert_allclose(a, e.sum(axis=0), rtol=1e-13, atol=1e-15)


def test_argnums_of_one_array_given_twice():
    """The two arguments are told apart although they are one object."""
    g_a, g_b = dm.gradient(lambda a, b: np.sum(a * a * b), X3, X3, argnums=(0, 1))
    assert np.array_equal(2 * X3 * X3, g_a)
    assert np.array_equal(X3 * X3, g_b)
    assert np.array_equal(2 * X3 * X3, dm.gradient(lambda a, b: np.sum(a * a * b), X3, X3))


def test_layouts():
    x = spread(2, 3)

    def f(x):
        return np.sin(x[0])[:, None] * x[1, :2]

    numerator = complex_step(f, x)
    J = dm.jacobian_rev(f, x, layout="denominator")
    assert (2, 3, 3, 2) == J.shape
    np.testing.assert_allclose(J, np.moveaxis(numerator, [0, 1], [2, 3]), rtol=1e-13, atol=1e-15)
    J = dm.jacobian_rev(f, x, layout="denominator", sparse=True)
    np.testing.assert_allclose(J.toarray(), numerator.reshape(6, 6).T, rtol=1e-13, atol=1e-15)
    _, (J_a, J_b) = dm.value_and_jacobian_rev(
        lambda a, b: a * b, X3, 2.0, argnums=(0, 1), layout="denominator"
    )
    assert np.array_equal(2 * np.eye(3), J_a)
    assert np.array_equal(X3, J_b)


@pytest.mark.parametrize("chunk_size", [None, 1, 2, 100])
def test_sparse(chunk_size):
    x = spread(3, 4)

    def f(x):
        return x[1:] * x[:-1] ** 2

    y, J = dm.value_and_jacobian_rev(f, x, sparse=True, chunk_size=chunk_size)
    assert isinstance(J, scipy.sparse.csr_array)
    assert ((8, 12), 16) == (J.shape, J.nnz)
    assert np.array_equal(f(x), y)
    assert_close(complex_step(f, x).reshape(8, 12), J.toarray(), 1e-13)
    by_a, by_b = dm.jacobian_rev(
        lambda a, b: np.sin(a) * b, X3, 2.0, argnums=(0, 1), sparse=True, chunk_size=chunk_size
    )
    assert ((3, 3), (3, 1)) == (by_a.shape, by_b.shape)
    np.testing.assert_allclose(by_a.toarray(), np.diag(2 * np.cos(X3)), rtol=1e-15)
    np.testing.assert_allclose(by_b.toarray(), np.sin(X3)[:, None], rtol=1e-15)


@pytest.mark.parametrize(
    ("f", "x", "shape"),
    [
        (np.sum, np.ones((2, 3)), (1, 6)),
        (np.sin, 0.5, (1, 1)),
        (lambda x: x[:0], np.ones(3), (0, 3)),
        (lambda x: np.ones((2, 2)), np.ones(3), (4, 3)),
        (np.sin, np.zeros(0), (0, 0)),
    ],
)
def test_sparse_shapes(f, x, shape):
    assert shape == dm.jacobian_rev(f, x, sparse=True).shape


def test_has_aux():
    def f(x):
        return x[0] * x, {"x": x, "twice": [2 * x, "label"], "n": 3}

    expected = X3[0] * np.eye(3)
    expected[:, 0] += X3
    J, aux = dm.jacobian_rev(f, X3, has_aux=True)
    (y, same), K = dm.value_and_jacobian_rev(f, X3, has_aux=True)
    v, pullback, third = dm.vjp(f, X3, has_aux=True)
    for a in (aux, same, third):
        assert type(a["x"]) is type(a["twice"][0]) is np.ndarray
        assert np.array_equal(X3, a["x"])
        assert np.array_equal(2 * X3, a["twice"][0])
        assert ("label", 3) == (a["twice"][1], a["n"])
    assert np.array_equal(expected, J)
    assert np.array_equal(expected, K)
    assert np.array_equal(X3[0] * X3, y)
    assert np.array_equal(X3[0] * X3, v)
    assert np.array_equal(np.ones(3) @ expected, pullback(np.ones(3)))
    g, aux = dm.gradient(lambda x: (np.sum(x), x), X3, has_aux=True)
    assert np.array_equal(np.ones(3), g)
    assert np.array_equal(X3, aux)
    (y, aux), g = dm.value_and_gradient(lambda x: (np.sum(x), x), X3, has_aux=True)
    assert (4.5, np.ndarray) == (y, type(aux))


def test_extra_arguments_arrive_as_they_are():
    seen, marker = [], object()
    dm.jacobian_rev(lambda x, *rest: seen.extend(rest) or x, [1.0], 1, marker, [2])
    assert [1, marker, [2]] == seen
    assert type(seen[0]) is int
    A, b = np.array([[1.0, 2.0], [3.0, 4.0]]), "doubled"
    J = dm.jacobian_rev(lambda x, A, b: A @ x * (2 if b == "doubled" else 1), [1.0, 1.0], A, b)
    assert np.array_equal(2 * A, J)


class Model:
    def __init__(self, scale):
        self.scale = scale

    def __call__(self, x):
        return self.scale * np.sum(x**2)

    def method(self, x, power=2):
        return self.scale * np.sum(x**power)


@pytest.mark.parametrize(
    "f",
    [
        Model(3.0),
        Model(3.0).method,
        functools.partial(Model(1.5).method, power=2),
        functools.wraps(np.sum)(lambda x: 3 * x @ x),
    ],
)
def test_callables(f):
    scale = f(np.ones(1))
    assert np.array_equal(2 * scale * X3, dm.gradient(f, X3))


# --- How often f is called, and whose memory is whose --------------------------------------------


@pytest.mark.parametrize("m", [1, 5, 40])
@pytest.mark.parametrize("chunk_size", [None, 1, 3, 100])
@pytest.mark.parametrize("sparse", [False, True])
def test_f_is_called_once(m, chunk_size, sparse):
    calls = []

    def f(x):
        calls.append(1)
        return np.outer(np.arange(1.0, m + 1), x).sum(axis=1)

    J = dm.jacobian_rev(f, X3, chunk_size=chunk_size, sparse=sparse)
    assert 1 == len(calls)
    J = J.toarray() if sparse else J
    np.testing.assert_allclose(J, np.outer(np.arange(1.0, m + 1), np.ones(3)), rtol=1e-15)


def test_f_is_called_once_by_the_others():
    calls = []

    def f(x, y=0.0):
        calls.append(1)
        return np.sum(x * x) + np.sum(y)

    dm.gradient(f, X3)
    dm.value_and_gradient(f, X3, X3, argnums=(0, 1))
    assert 2 == len(calls)
    y, pullback = dm.vjp(f, X3)
    for _ in range(5):
        pullback(1.0)
    assert 3 == len(calls)


def wild(x, w):
    """Writes into its arguments, returns one of them."""
    x *= w
    w[0] = x[0]
    x[1:] += w[1:]
    x -= 1.0
    return x


def test_the_callers_arrays_never_change():
    expected = [complex_step(lambda x: wild(x, X3.astype(complex)), X3),
                complex_step(lambda w: wild(X3.astype(complex), w), X3)]  # fmt: skip
    x, w = X3.copy(), X3.copy()
    for options in ({}, {"chunk_size": 1}, {"chunk_size": 2}):
        J = dm.jacobian_rev(wild, x, w, argnums=(0, 1), **options)
        assert_close(expected[0], J[0], 1e-14)
        assert_close(expected[1], J[1], 1e-14)
    y, pullback = dm.vjp(wild, x, w)
    y_bar = np.array([1.0, -2.0, 3.0])
    for _ in range(2):
        for e, x_bar in zip(expected, pullback(y_bar), strict=True):
            np.testing.assert_allclose(x_bar, y_bar @ e, rtol=1e-14)
    dm.gradient(lambda x, w: np.sum(wild(x, w)), x, w, argnums=(0, 1))
    assert np.array_equal(X3, x)
    assert np.array_equal(X3, w)
    assert np.array_equal([1.0, -2.0, 3.0], y_bar)


def private(*results):
    """Whether all may be written to and no two share memory."""
    for i, a in enumerate(results):
        if not a.flags.writeable or any(np.may_share_memory(a, b) for b in results[:i]):
            return False
    return True


@pytest.mark.parametrize("n", [3, 20_000])
@pytest.mark.parametrize(
    "f",
    [np.sum, lambda x: x[1], lambda x: np.sum(x[::-1]), lambda x: np.sum(np.sin(x)), np.max],
)
def test_gradients_are_the_callers_own(f, n):
    x = np.linspace(0.1, 1.0, n)
    y, g = dm.value_and_gradient(f, x)
    _, pullback = dm.vjp(f, x)
    p, q = pullback(1.0), pullback(1.0)
    h = dm.gradient(f, x)
    assert private(x, g, h, p, q)
    p += 1.0
    assert np.array_equal(h, pullback(1.0))


@pytest.mark.parametrize(
    ("f", "shapes"),
    [
        (lambda a, b: np.sum(a + b), [(3,), (3,)]),
        (lambda a, b: np.sum(a - b), [(3,), (3,)]),
        (lambda a, b: np.sum(a * b), [(3,), (3,)]),
        (lambda a, b: np.sum(np.stack([a, b])), [(3,), (3,)]),
        (lambda a, b: np.sum(np.concatenate([a, b])), [(3,), (2,)]),
        (lambda a, b: np.sum(a + b[:, None]), [(2, 2), (2,)]),
        (lambda a, b: np.sum(np.sum(a, axis=0) + np.sum(b, axis=1)), [(2, 2), (2, 2)]),
        (lambda a, b: np.sum(np.maximum(a, b)), [(3,), (3,)]),
    ],
)
def test_the_gradients_of_two_arguments_share_nothing(f, shapes):
    a, b = (np.arange(1.0, 1 + np.prod(s)).reshape(s) for s in shapes)
    assert private(a, b, *dm.gradient(f, a, b, argnums=(0, 1)))
    assert private(a, b, *dm.jacobian_rev(f, a, b, argnums=(0, 1)))
    _, pullback = dm.vjp(f, a, b)
    assert private(a, b, *pullback(1.0), *pullback(1.0))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x,
        lambda x: x.T,
        lambda x: np.broadcast_to(x, (2, *x.shape)),
        lambda x: x[::-1],
        np.exp,
        lambda x: 1 / x,
        np.ravel,
        lambda x: [x, x],
    ],
)
@pytest.mark.parametrize("chunk_size", [None, 1])
def test_values_and_jacobians_are_the_callers_own(f, chunk_size):
    x = spread(2, 3)
    y, J = dm.value_and_jacobian_rev(f, x, chunk_size=chunk_size)
    assert private(x, y, J)
    y, pullback = dm.vjp(f, x)
    y_bar = np.ones(y.shape)
    first = pullback(y_bar)
    assert private(x, y, y_bar, first)
    before = first.copy()
    y[...] = 0.0
    first[...] = 0.0
    assert np.array_equal(before, pullback(y_bar))


# --- gradient ------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", [dm.gradient, dm.value_and_gradient], ids=lambda c: c.__name__)
@pytest.mark.parametrize(
    ("f", "what", "how"),
    [
        (np.sin, "shape (3,)", "reduce the output, e.g. with .sum()"),
        (lambda x: np.ones((2, 0)), "shape (2, 0)", "reduce the output, e.g. with .sum()"),
        (lambda x: x[0] * 1j, "a complex number", "return its real part"),
    ],
)
def test_gradient_of_what_is_no_real_scalar(call, f, what, how):
    with raises(
        ValueError,
        f"{call.__name__} needs f to return a real scalar; f returned {what}. Use jacobian_rev, or "
        f"{how}.",
    ):
        call(f, X3)


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rosenbrock_gradient(x):
    g = np.zeros(x.size)
    r = x[1:] - x[:-1] ** 2
    g[:-1] = -400 * x[:-1] * r - 2 * (1 - x[:-1])
    g[1:] += 200 * r
    return g


@pytest.mark.parametrize("n", [2, 5, 100, 5000])
def test_gradient_of_rosenbrock(n):
    x = np.linspace(-1.2, 1.3, n)
    y, g = dm.value_and_gradient(rosenbrock, x)
    assert rosenbrock(x) == y
    np.testing.assert_allclose(g, rosenbrock_gradient(x), rtol=1e-12, atol=1e-11)
    np.testing.assert_allclose(dm.gradient(rosenbrock, x), g, rtol=0)


def test_gradient_of_a_network():
    """Two layers with biases, by every parameter, against closed forms."""
    rng = np.random.default_rng(1)
    X, T = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    W, b, V, c = (rng.normal(size=s) for s in [(3, 4), (4,), (4, 2), (2,)])

    def loss(W, b, V, c):
        return np.mean((np.tanh(X @ W + b) @ V + c - T) ** 2)

    hidden = np.tanh(X @ W + b)
    error = 2 * (hidden @ V + c - T) / T.size
    back = error @ V.T * (1 - hidden**2)
    expected = (X.T @ back, back.sum(axis=0), hidden.T @ error, error.sum(axis=0))
    for e, g in zip(expected, dm.gradient(loss, W, b, V, c, argnums=(0, 1, 2, 3)), strict=True):
        np.testing.assert_allclose(g, e, rtol=1e-12, atol=1e-14)


# --- vjp -----------------------------------------------------------------------------------------


def product(a, b):
    return np.outer(a, b) + a[:, None] ** 2


def test_pullback_of_several_primals():
    """One, a tuple of them, or one after the other: the results follow the form."""
    a, b = np.array([0.5, 2.0]), np.array([1.0, -1.0, 3.0])
    y_bar = spread(2, 3)
    by_a = y_bar @ b + 2 * a * y_bar.sum(axis=1)
    by_b = a @ y_bar
    for y, pullback in (dm.vjp(product, (a, b)), dm.vjp(product, a, b)):
        assert np.array_equal(product(a, b), y)
        found = pullback(y_bar)
        assert tuple is type(found)
        np.testing.assert_allclose(found[0], by_a, rtol=1e-14)
        np.testing.assert_allclose(found[1], by_b, rtol=1e-14)
    _, pullback = dm.vjp(lambda a: product(a, b), (a,))
    (found,) = pullback(y_bar)
    np.testing.assert_allclose(found, by_a, rtol=1e-14)
    _, pullback = dm.vjp(lambda a: product(a, b), a)
    np.testing.assert_allclose(pullback(y_bar), by_a, rtol=1e-14)


def test_a_pullback_may_be_called_any_number_of_times():
    x, y_bar = X3.copy(), np.array([1.0, 2.0, 3.0])
    y, pullback = dm.vjp(lambda x: np.exp(np.sin(x) * x), x)
    expected = y_bar * np.exp(np.sin(X3) * X3) * (np.cos(X3) * X3 + np.sin(X3))
    for k in range(1, 6):
        np.testing.assert_allclose(pullback(k * y_bar), k * expected, rtol=1e-14)
    assert np.array_equal(np.zeros(3), pullback(np.zeros(3)))


def test_a_pullback_does_not_see_later_changes():
    """Of the primal, of the value, of the cotangent, of its results, of captured arrays."""
    x, w, y_bar = X3.copy(), np.array([2.0, 3.0, 4.0]), np.array([1.0, 2.0, 3.0])
    y, pullback = dm.vjp(lambda x: np.exp(x) * x * w, x)
    expected = y_bar * np.exp(X3) * (1 + X3) * w
    for changed in (x, w, y, pullback(y_bar)):
        changed[...] = np.nan
        np.testing.assert_allclose(pullback(y_bar), expected, rtol=1e-14)
    y_bar *= 2
    np.testing.assert_allclose(pullback(y_bar), 2 * expected, rtol=1e-14)


def test_a_pullback_does_not_see_changes_of_the_auxiliary_output():
    x = X3.copy()
    _, pullback, aux = dm.vjp(lambda x: (x * x, {"x": x, "sine": [np.sin(x)]}), x, has_aux=True)
    aux["x"][...] = np.nan
    aux["sine"][0][...] = np.nan
    assert np.array_equal(2 * X3, pullback(np.ones(3)))


def test_a_pullback_outlives_other_calls():
    """Buffers that other derivative calls reuse are none that a pullback still needs."""
    n = 3000
    x = np.linspace(0.5, 1.5, n)
    _, first = dm.vjp(lambda x: np.exp(np.sin(x)) * x, x)
    _, second = dm.vjp(lambda x: np.cos(x) / x, x)
    for _ in range(3):
        dm.gradient(lambda x: np.sum(np.exp(x) * np.tanh(x)), x)
        dm.jacobian_fwd(lambda x: np.exp(x[:40]) * np.tanh(x[1:41]), x)
        dm.jacobian_rev(lambda x: np.exp(x[:4]) * np.tanh(x[1:5]), x)
        expected = np.exp(np.sin(x)) * (1 + x * np.cos(x))
        np.testing.assert_allclose(first(np.ones(n)), expected, rtol=1e-13)
        expected = -np.sin(x) / x - np.cos(x) / x**2
        np.testing.assert_allclose(second(np.ones(n)), expected, rtol=1e-13)


@pytest.mark.parametrize("y_bar", [[1, 2, 3], (1.0, 2.0, 3.0), np.array([1, 2, 3], np.float32)])
def test_cotangents_of_other_kinds(y_bar):
    _, pullback = dm.vjp(np.sin, X3)
    x_bar = pullback(y_bar)
    assert np.float64 == x_bar.dtype
    np.testing.assert_allclose(x_bar, np.cos(X3) * [1, 2, 3], rtol=1e-15)


def test_a_cotangent_that_is_not_contiguous():
    x = spread(3, 4)
    y_bar = np.repeat(spread(4, 3, seed=9), 2, axis=1)[:, ::2].T
    _, pullback = dm.vjp(lambda x: np.sin(x) * x[0], x)
    expected = y_bar * np.cos(x) * x[0]
    expected[0] += np.sum(y_bar * np.sin(x), axis=0)
    np.testing.assert_allclose(pullback(y_bar), expected, rtol=1e-13)


@pytest.mark.parametrize(
    ("y_bar", "shape"),
    [([1.0, 2.0], "(2,)"), (1.0, "()"), (np.eye(3), "(3, 3)"), (np.ones((1, 3)), "(1, 3)")],
)
def test_a_cotangent_of_the_wrong_shape(y_bar, shape):
    for f in (np.sin, lambda x: np.ones(3)):
        _, pullback = dm.vjp(f, X3)
        with raises(
            ValueError, f"pullback needs a cotangent of shape (3,) like f(x), got {shape}."
        ):
            pullback(y_bar)
        assert (3,) == pullback(np.ones(3)).shape


@pytest.mark.parametrize(
    ("y_bar", "sentence"),
    [
        (None, "pullback needs y_bar to be a float, a list or an array of floats; got NoneType."),
        ("abc", "pullback needs y_bar to be a float, a list or an array of floats; got str."),
        ([True] * 3, "pullback needs y_bar to be an array of floats; got dtype bool."),
        ([1j] * 3, "pullback needs a real y_bar; got dtype complex128."),
        ([[1.0], [1.0, 2.0]], "pullback: y_bar is not a regular array"),
    ],
)
def test_a_cotangent_of_the_wrong_kind(y_bar, sentence):
    _, pullback = dm.vjp(np.sin, X3)
    with raises((TypeError, ValueError), sentence):
        pullback(y_bar)


COMPLEX = {
    "exp(ix) x": lambda x: np.exp(1j * x) * x,
    "quotient": lambda x: (x + 1j) ** 2 / (x - 2j),
    "conj and abs": lambda x: np.conj(x * 1j) * np.abs(x + 1j),
    "parts": lambda x: np.real(x * 1j + x) * 1j + np.imag(x * (1 + 2j)),
    "angle": lambda x: np.angle(x + 1j) * np.exp(1j * x),
    "matmul": lambda x: np.outer(x + 1j, x) @ (x * 2j),
    "stack": lambda x: np.stack([x * 1j, x, x * x * (1 - 1j)]),
    "buffer": lambda x: filled(x),
    "mean and prod": lambda x: np.mean(x + 1j * x**2) * np.prod(x - 1j),
}


def filled(x):
    y = np.zeros_like(x, dtype=complex)
    y.real = x**2
    y.imag[1:] = x[:-1] * x[1:]
    y[0] *= y[2]
    y.real *= y.imag
    return y


@pytest.mark.parametrize("f", COMPLEX.values(), ids=COMPLEX)
def test_complex_outputs(f):
    """J from differences of the plain function; the pairing is Re(sum(y_bar * y_dot))."""
    expected = differences(f, X3)
    for chunk_size in (None, 1, 2):
        y, J = dm.value_and_jacobian_rev(f, X3, chunk_size=chunk_size)
        assert np.array_equal(f(X3), y)
        assert np.complex128 == J.dtype
        assert_close(expected, J, 1e-9)
    y, pullback = dm.vjp(f, X3)
    rng = np.random.default_rng(5)
    for y_bar in (
        rng.normal(size=y.shape) + 1j * rng.normal(size=y.shape),
        rng.normal(size=y.shape),
        1j * np.ones(y.shape),
    ):
        x_bar = pullback(y_bar)
        assert np.float64 == x_bar.dtype
        x_dot = rng.normal(size=3)
        paired = np.real(np.sum(y_bar * (expected @ x_dot)))
        np.testing.assert_allclose(x_bar @ x_dot, paired, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("f", COMPLEX.values(), ids=COMPLEX)
def test_complex_intermediates(f):
    def g(x):
        y = f(x)
        return np.sum(np.abs(y) ** 2 + np.real(y) * np.imag(y))

    assert_close(differences(g, X3), dm.gradient(g, X3), 1e-8)


# --- With SciPy ----------------------------------------------------------------------------------


def test_as_the_jacobian_of_scipy():
    t = np.linspace(0.0, 3.0, 12)
    data = 5 * np.exp(-t / 2)

    def residuals(p, t, y):
        return p[0] * np.exp(-p[1] * t) - y

    jac = functools.partial(dm.jacobian_rev, residuals)
    fit = least_squares(residuals, [1.0, 1.0], jac=jac, args=(t, data))
    np.testing.assert_allclose(fit.x, [5.0, 0.5], rtol=1e-8)
    found = root(lambda x: np.array([x[0] + x[1] - 3, x[0] * x[1] - 2]), [0.5, 4.0],
                 jac=functools.partial(dm.jacobian_rev, lambda x: [x[0] + x[1] - 3,
                                                                   x[0] * x[1] - 2]))  # fmt: skip
    np.testing.assert_allclose(found.x, [1.0, 2.0], rtol=1e-8)


def test_as_the_gradient_of_scipy():
    start = np.linspace(0.2, 0.9, 6)
    best = minimize(functools.partial(dm.value_and_gradient, rosenbrock), start, jac=True)
    np.testing.assert_allclose(best.x, np.ones(6), rtol=1e-4)
    best = minimize(rosenbrock, start, jac=functools.partial(dm.gradient, rosenbrock))
    np.testing.assert_allclose(best.x, np.ones(6), rtol=1e-4)
    best = minimize(
        rosenbrock,
        start,
        method="Newton-CG",
        jac=functools.partial(dm.gradient, rosenbrock),
        hessp=lambda x, v: dm.hvp(rosenbrock, x, v),
    )
    np.testing.assert_allclose(best.x, np.ones(6), rtol=1e-4)


# --- Wrong arguments, by their words -------------------------------------------------------------


def total(x, *rest):
    return np.sum(x)


@every_call
@pytest.mark.parametrize(
    ("x", "error", "sentence"),
    [
        (None, TypeError, " to be a float, a list or an array of floats; got NoneType."),
        ("1.0", TypeError, " to be a float, a list or an array of floats; got str."),
        ({"a": 1.0}, TypeError, " to be a float, a list or an array of floats; got dict."),
        (np.array([True]), TypeError, " to be an array of floats; got dtype bool."),
        (np.array(["a"]), TypeError, " to be an array of floats; got dtype <U1."),
        (np.array([1.0, None]), TypeError, " to be an array of floats; got dtype object."),
        ([1j, 2.0], TypeError, " needs a real x; got dtype complex128."),
        ([[1.0], [1.0, 2.0]], ValueError, ": x is not a regular array"),
        (np.ma.ones(3), TypeError, " to be a float, a list or a plain array of floats; got Masked"),
    ],
)
def test_a_point_of_the_wrong_kind(call, x, error, sentence):
    with raises(error, sentence):
        call(total, x)


@every_call
@pytest.mark.parametrize("f", [3, None, "sin", np.ones(2)])
def test_f_that_is_no_function(call, f):
    with raises(
        TypeError,
        f"{call.__name__} needs a function as its first argument, got {type(f).__name__}. "
        f"Call it as {call.__name__}(f, x).",
    ):
        call(f, X3)


@every_call
@pytest.mark.parametrize(
    ("y", "sentence"),
    [
        (None, "f returned None. Did f forget its return statement?"),
        (
            {},
            "needs f to return a number, an array, or a list or tuple of those; f returned a dict",
        ),
        (
            "a",
            "needs f to return a number, an array, or a list or tuple of those; f returned a str",
        ),
        (["a"], "needs f to return numbers; f returned a list that holds a str."),
        (np.array(["a"]), "needs f to return numbers; f returned an array of dtype <U1."),
    ],
)
def test_f_returns_the_wrong_kind(call, y, sentence):
    with raises(TypeError, f"{call.__name__} ...{sentence}"):
        call(lambda x: y, X3)


def test_f_returns_a_ragged_list():
    with raises(
        ValueError, "jacobian_rev needs f to return arrays of one shape; f returned a list"
    ):
        dm.jacobian_rev(lambda x: [x, x[:1]], X3)


@pytest.mark.parametrize("call", [dm.jacobian_rev, dm.gradient, dm.vjp], ids=lambda c: c.__name__)
def test_has_aux_without_a_pair(call):
    for y in (1.0, (1.0, 2.0, 3.0), [1.0, 2.0]):
        with raises(TypeError, f"{call.__name__}: with has_aux=True f must return a pair (y, aux)"):
            call(lambda x, y=y: y, X3, has_aux=True)


@pytest.mark.parametrize(
    "call", [dm.jacobian_rev, dm.gradient, dm.hessian], ids=lambda c: c.__name__
)
@pytest.mark.parametrize(
    ("argnums", "error", "sentence"),
    [
        (2, ValueError, "argnums=2 is out of range: f is called with 2 positional arguments"),
        (-3, ValueError, "argnums=-3 is out of range"),
        ((0, 5), ValueError, "argnums=(0, 5) is out of range"),
        ((0, -2), ValueError, "argnums=(0, -2) names an argument twice."),
        ((), ValueError, "argnums must name at least one argument, got ()."),
        (1.0, TypeError, "argnums must be an int or a tuple of ints, got argnums=1.0."),
        (True, TypeError, "argnums must be an int or a tuple of ints, got argnums=True."),
        ("x", TypeError, "argnums must be an int or a tuple of ints, got argnums='x'."),
        ((0, None), TypeError, "argnums must be an int or a tuple of ints, got argnums=(0, None)."),
    ],
)
def test_argnums_of_the_wrong_kind(call, argnums, error, sentence):
    with raises(error, sentence):
        call(total, X3, X3, argnums=argnums)


@pytest.mark.parametrize("call", [dm.jacobian_rev, dm.hessian], ids=lambda c: c.__name__)
@pytest.mark.parametrize(
    ("chunk_size", "error"),
    [(0, ValueError), (-1, ValueError), (2.0, TypeError), (True, TypeError)],
)
def test_chunk_size_of_the_wrong_kind(call, chunk_size, error):
    with raises(error, f"chunk_size must be a positive int, got chunk_size={chunk_size}."):
        call(total, X3, chunk_size=chunk_size)


@pytest.mark.parametrize("layout", ["columns", None, 0])
def test_layout_of_the_wrong_kind(layout):
    with raises(
        ValueError,
        f'jacobian_rev: layout must be "numerator" or "denominator", got layout={layout!r}',
    ):
        dm.jacobian_rev(total, X3, layout=layout)


@pytest.mark.parametrize(
    "call",
    [dm.jacobian_rev, dm.value_and_jacobian_rev, dm.gradient, dm.value_and_gradient, dm.hessian],
)
def test_no_point(call):
    with raises(TypeError, "needs the point of evaluation: "):
        call(total)


def test_no_primals():
    with raises(TypeError, "vjp needs the point of evaluation: vjp(f, x)."):
        dm.vjp(total, ())
    with raises(TypeError, "primals"):
        dm.vjp(total)


def test_the_argument_is_named():
    with raises(TypeError, "jacobian_rev needs argument 1 to be a float"):
        dm.jacobian_rev(lambda a, b: a, 1.0, "b", argnums=1)
    with raises(TypeError, "vjp needs argument 1 to be a float"):
        dm.vjp(lambda a, b: a, 1.0, "b")


def test_missing_rules_and_errors_of_f():
    with raises(dm.MissingRuleError, "dualmc has no derivative rule for numpy.nextafter."):
        dm.gradient(lambda x: np.sum(np.nextafter(x, 0.0)), X3)
    with raises(dm.TangentLostError, "float(dual) would lose the derivative"):
        dm.gradient(lambda x: float(x[0]), X3)
    with raises(ZeroDivisionError, "mine"):
        dm.vjp(lambda x: (_ for _ in ()).throw(ZeroDivisionError("mine")), X3)
    assert np.array_equal(2 * X3, dm.gradient(lambda x: np.sum(x**2), X3))


def test_unknown_options():
    for call in (dm.jacobian_rev, dm.gradient, dm.vjp, dm.hessian):
        with raises(TypeError, "unexpected keyword argument"):
            call(total, X3, chunks=3)
