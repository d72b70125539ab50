"""Reverse mode: options, how often f is called, whose memory is whose, wrong arguments."""

import functools

import numpy as np
import pytest
import scipy.sparse
from expecting import raises
from nested_functions import rosenbrock, rosenbrock_gradient
from oracles import assert_close, complex_step
from points import spread
from scipy.optimize import least_squares, minimize, root

import dualmc as dm

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
