"""Derivatives of derivatives: no confusion of perturbations, closed forms, exceptions, threads."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from function_cases import CASES
from oracles import among_dummies, complex_step, differences, second_difference

import dualmc as dm

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


# --- Perturbation confusion ----------------------------------------------------------------------


def test_the_inner_derivative_ignores_the_outer_variable():
    """d/dx x * d/dy (x + y) = 1 (Siskind and Pearlmutter, 2005)."""
    d = dm.derivative
    assert 1.0 == d(lambda x: x * d(lambda y: x + y, 1.0), 1.0)


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (lambda x: x * dm.derivative(lambda y: x * y, 2.0), 3.0, 6.0),
        (lambda x: x * dm.derivative(lambda y: x * y, x), 3.0, 6.0),
        (lambda x: dm.derivative(lambda y: x, 1.0), 3.0, 0.0),
        (lambda x: dm.derivative(lambda y: y * y * x, x), 3.0, 12.0),
        (lambda x: dm.derivative(lambda y: dm.derivative(lambda z: x * y * z, x), x), 3.0, 1.0),
        (lambda x: dm.derivative(lambda y: x**2 * y**3, 2.0) + x, 3.0, 73.0),
        (lambda x: dm.derivative(lambda y: np.sin(x * y), 0.0), 3.0, 1.0),
        (lambda x: dm.derivative(lambda x: x**3, x), 3.0, 18.0),
        (lambda x: dm.derivative(lambda y: (x > 0) * y + (y > x) * x, 2.0) * x, 3.0, 1.0),
    ],
)
def test_scalar_variants(f, x, expected):
    assert expected == dm.derivative(f, x)
    assert expected == dm.jacobian_fwd(f, x)
    assert [expected] == dm.jacobian_fwd(lambda v: f(v[0]), [x])


def test_array_variants():
    x, w = np.array([1.0, 2.0, 3.0]), np.array([0.5, -1.0, 2.0])

    def f(x):
        return x * dm.jacobian_fwd(lambda y: np.sum(x * y), w)

    # The inner gradient is x itself.
    assert np.array_equal(np.diag(2 * x), dm.jacobian_fwd(f, x))


def test_array_variants_from_a_sparse_start():
    x = np.linspace(0.5, 2.5, 20)
    J = dm.jacobian_fwd(lambda x: x * dm.jacobian_fwd(lambda y: np.sum(x * y), np.ones(20)), x)
    assert np.array_equal(np.diag(2 * x), J)


def test_an_inner_function_of_both_variables_as_arrays():
    x = np.linspace(0.5, 2.5, 20)

    def f(x):
        return np.trace(dm.jacobian_fwd(lambda y: x[::-1] * y + x, x))

    # d(x_rev * y)/dy is diag(x_rev), so the trace is sum(x).
    np.testing.assert_allclose(dm.jacobian_fwd(f, x), np.ones(20), rtol=1e-15)


def test_jvp_inside_jacobian_inside_jacobian():
    x = np.array([0.3, 0.8])

    def f(x):
        return dm.jvp(lambda y: np.sum(y**4), x, np.array([1.0, 2.0]))[1]

    # sum 4 v_i x_i**3; its first and second derivatives by hand.
    v = np.array([1.0, 2.0])
    np.testing.assert_allclose(dm.jacobian_fwd(f, x), 12 * v * x**2, rtol=1e-14)
    H = dm.jacobian_fwd(lambda x: dm.jacobian_fwd(f, x), x)
    np.testing.assert_allclose(H, np.diag(24 * v * x), rtol=1e-14)


def test_jacobian_inside_jvp_with_an_active_tangent():
    """jvp's tangents may be active themselves: d/dv of J(x) v is J(x)."""
    x = np.array([0.3, 0.8])
    J = dm.jacobian_fwd(lambda v: dm.jvp(lambda y: np.array([y[0] * y[1], y[0] ** 2]), x, v)[1], x)
    np.testing.assert_allclose(J, [[0.8, 0.3], [0.6, 0.0]], rtol=1e-15)


def test_inner_argnums_and_aux_keep_the_outer_derivative():
    def f(x):
        (J_a, J_b), aux = dm.jacobian_fwd(
            lambda a, b: (a * b * x, a * x), x, 2.0, argnums=(0, 1), has_aux=True
        )
        return [J_a, J_b, aux]

    # a*b*x at a = x, b = 2: J_a = 2x, J_b = x*x, aux = x*x.
    np.testing.assert_allclose(dm.derivative(f, 3.0), [2.0, 6.0, 6.0], rtol=1e-15)


def test_inner_value_keeps_the_outer_derivative():
    def f(x):
        y, J = dm.value_and_jacobian_fwd(lambda z: x * z**2, x)
        return y * J

    # y = x**3, J = 2 x**2, product 2 x**5.
    np.testing.assert_allclose(dm.derivative(f, 2.0), 160.0, rtol=1e-15)


def outer_into_inner_buffer(x, t):
    y = np.zeros_like(t)
    y[0] = x[0] * t[0]
    y[1:] = x[1:]
    return y


def outer_into_inner_view(x, t):
    y = np.zeros_like(t)
    v = y[1:]
    v[0] = x[0] * t[0]
    v[1] = x[1] ** 2
    return y * v[0]


def outer_into_inner_argument(x, t):
    t[0] = x[0]
    t[1] *= x[1]
    t += x
    return t * x


def outer_read_through_an_older_view(x, t):
    v = t[::-1]
    t[0] = x[0] * t[1]
    v *= 2.0
    return v * t


def outer_and_inner_at_once(x, t):
    y = np.empty_like(t)
    y[...] = 1.0
    y[[0, 2]] = x[:2] * t[:2]
    y[y > 5] = 0.0
    return np.cumsum(y)


@pytest.mark.parametrize(
    "g",
    [
        outer_into_inner_buffer,
        outer_into_inner_view,
        outer_into_inner_argument,
        outer_read_through_an_older_view,
        outer_and_inner_at_once,
    ],
    ids=lambda g: g.__name__,
)
@pytest.mark.parametrize("n", [3, 20])
def test_outer_values_stored_in_inner_arrays(g, n):
    """The inner array starts from plain numbers; an outer variable is stored in it later."""
    x, t = np.linspace(0.5, 1.5, n), np.linspace(1.0, 2.0, n)

    def inner_jacobian(x):
        return complex_step(lambda t: g(x, t), t)

    y, J = dm.value_and_jacobian_fwd(lambda x: dm.jacobian_fwd(lambda t: g(x, t), t), x)
    np.testing.assert_allclose(y, inner_jacobian(x), rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(J, differences(inner_jacobian, x), rtol=1e-9, atol=1e-9)
    J = dm.jacobian_fwd(lambda x: dm.value_and_jacobian_fwd(lambda t: g(x, t), t)[0], x)
    expected = complex_step(lambda x: g(x, t.astype(complex)), x)
    np.testing.assert_allclose(J, expected, rtol=1e-13, atol=1e-14)


def test_storing_the_inner_variable_in_an_outer_array_is_refused():
    def f(x):
        y = np.zeros_like(x)

        def g(t):
            y[0] = t
            return y[0] * 2.0

        return dm.derivative(g, 1.0) * x

    with pytest.raises(dm.TangentLostError, match="inner derivative call"):
        dm.jacobian_fwd(f, np.ones(3))


# --- Closed forms --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "second", "third"),
    [
        (np.sin, lambda x: -np.sin(x), lambda x: -np.cos(x)),
        (np.exp, np.exp, np.exp),
        (np.log, lambda x: -1 / x**2, lambda x: 2 / x**3),
        (np.sqrt, lambda x: -0.25 * x**-1.5, lambda x: 0.375 * x**-2.5),
        (lambda x: x**5, lambda x: 20 * x**3, lambda x: 60 * x**2),
        (lambda x: x**2.5, lambda x: 3.75 * x**0.5, lambda x: 1.875 * x**-0.5),
        (lambda x: 1 / x, lambda x: 2 / x**3, lambda x: -6 / x**4),
        (
            np.tanh,
            lambda x: -2 * np.tanh(x) / np.cosh(x) ** 2,
            lambda x: (4 * np.sinh(x) ** 2 - 2) / np.cosh(x) ** 4,
        ),
        (
            np.arctan,
            lambda x: -2 * x / (1 + x**2) ** 2,
            lambda x: (6 * x**2 - 2) / (1 + x**2) ** 3,
        ),
        (lambda x: x**x, lambda x: x**x * ((np.log(x) + 1) ** 2 + 1 / x), None),
    ],
)
@pytest.mark.parametrize("x", [0.3, 1.7])
def test_second_and_third_derivatives(f, second, third, x):
    d = dm.derivative
    np.testing.assert_allclose(d(lambda t: d(f, t), x), second(x), rtol=1e-13)
    if third is not None:
        actual = d(lambda u: d(lambda t: d(f, t), u), x)
        np.testing.assert_allclose(actual, third(x), rtol=1e-12)


def test_sixth_derivative():
    g = np.sin
    for _ in range(6):
        g = lambda x, f=g: dm.derivative(f, x)  # noqa: E731
    np.testing.assert_allclose(g(0.7), -np.sin(0.7), rtol=1e-13)


def test_third_derivative_tensor():
    x = np.array([0.5, 1.0, 2.0])

    def third(f):
        return lambda x: dm.jacobian_fwd(
            lambda y: dm.jacobian_fwd(lambda z: dm.jacobian_fwd(f, z), y), x
        )

    # x0 * x1 * x2: ones where the three indices differ.
    expected = np.abs([[[(i - j) * (j - k) * (k - i) / 2 for k in range(3)] for j in range(3)]
                       for i in range(3)])  # fmt: skip
    np.testing.assert_allclose(third(lambda x: x[0] * x[1] * x[2])(x), expected, rtol=1e-14)
    np.testing.assert_allclose(third(np.prod)(x), expected, rtol=1e-14)


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rosenbrock_gradient(x):
    g = np.zeros(x.size)
    r = x[1:] - x[:-1] ** 2
    g[:-1] = -400 * x[:-1] * r - 2 * (1 - x[:-1])
    g[1:] += 200 * r
    return g


def rosenbrock_hessian(x):
    H = np.zeros((x.size, x.size))
    i = np.arange(x.size - 1)
    H[i, i] = 1200 * x[:-1] ** 2 - 400 * x[1:] + 2
    H[i + 1, i + 1] += 200
    H[i, i + 1] = H[i + 1, i] = -400 * x[:-1]
    return H


@pytest.mark.parametrize("n", [2, 5, 16, 17, 30, 60])
def test_hessian_of_rosenbrock(n):
    x = np.linspace(-1.2, 1.3, n)

    def gradient(x):
        return dm.jacobian_fwd(rosenbrock, x)

    np.testing.assert_allclose(gradient(x), rosenbrock_gradient(x), rtol=1e-12, atol=1e-12)
    H = dm.jacobian_fwd(gradient, x)
    np.testing.assert_allclose(H, rosenbrock_hessian(x), rtol=1e-12, atol=1e-10)
    H = dm.jacobian_fwd(gradient, x, chunk_size=4)
    np.testing.assert_allclose(H, rosenbrock_hessian(x), rtol=1e-12, atol=1e-10)
    H = dm.jacobian_fwd(lambda x: dm.jacobian_fwd(rosenbrock, x, chunk_size=3), x)
    np.testing.assert_allclose(H, rosenbrock_hessian(x), rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("n", [5, 30])
def test_hessian_of_rosenbrock_written_by_hand(n):
    """The gradient in plain NumPy, differentiated once, sparse and dense."""
    x = np.linspace(-1.2, 1.3, n)

    def gradient(x):
        g = np.zeros_like(x)
        r = x[1:] - x[:-1] ** 2
        g[:-1] = -400 * x[:-1] * r - 2 * (1 - x[:-1])
        g[1:] += 200 * r
        return g

    H = dm.jacobian_fwd(gradient, x, sparse=True)
    np.testing.assert_allclose(H.toarray(), rosenbrock_hessian(x), rtol=1e-13, atol=1e-10)
    assert 3 * n - 2 >= H.nnz


@pytest.mark.parametrize("n", [4, 30])
def test_hessian_of_a_quadratic_form(n):
    A = np.random.default_rng(0).normal(size=(n, n))
    H = dm.jacobian_fwd(lambda x: dm.jacobian_fwd(lambda z: z @ A @ z, x), np.linspace(-1, 1, n))
    np.testing.assert_allclose(H, A + A.T, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("n", [4, 30])
def test_hessian_of_log_sum_exp(n):
    x = np.linspace(-1, 1, n)
    p = np.exp(x) / np.exp(x).sum()
    H = dm.jacobian_fwd(lambda x: dm.jacobian_fwd(lambda z: np.log(np.sum(np.exp(z))), x), x)
    np.testing.assert_allclose(H, np.diag(p) - np.outer(p, p), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("n", [4, 30])
def test_hessian_of_a_norm(n):
    x = np.linspace(0.5, 2, n)
    r = np.sqrt(x @ x)
    H = dm.jacobian_fwd(lambda x: dm.jacobian_fwd(lambda z: np.sqrt(z @ z), x), x)
    expected = np.eye(n) / r - np.outer(x, x) / r**3
    np.testing.assert_allclose(H, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("n", [5, 30])
def test_hessian_of_a_variance(n):
    x = np.linspace(0.5, 2, n) ** 2
    H = dm.jacobian_fwd(lambda x: dm.jacobian_fwd(np.var, x), x)
    expected = 2 / n * (np.eye(n) - 1 / n)
    np.testing.assert_allclose(H, expected, rtol=1e-12, atol=1e-15)


# --- Every idiom, twice --------------------------------------------------------------------------


def direction(case):
    v = np.random.default_rng(3).normal(size=case.x.shape)
    return v / np.max(np.abs(v))


def assert_second(case, v, actual):
    expected = second_difference(case.f, case.x, v)
    assert expected.shape == np.shape(actual)
    scale = max(1.0, np.max(np.abs(expected), initial=0.0))
    np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=2e-8 * scale)


@every_case
def test_second_derivative_along_a_line(case):
    v = direction(case)
    d = dm.derivative
    actual = d(lambda s: d(lambda t: case.f(case.x + t * v), s), 0.0)
    assert_second(case, v, actual)


@every_case
def test_jvp_of_jvp(case):
    v = direction(case)
    _, actual = dm.jvp(lambda x: dm.jvp(case.f, x, v)[1], case.x, v)
    assert_second(case, v, actual)


def sparse_start(case, v):
    """The case, its point and a direction, with enough unused inputs for a sparse start."""
    f, z = among_dummies(case.f, case.x, 17)
    return f, z, np.concatenate([v.ravel(), np.full(17, 0.5)])


@every_case
def test_sparse_jacobian_of_jvp(case):
    v = direction(case)
    f, z, u = sparse_start(case, v)
    for chunk_size in (None, 7):
        J = dm.jacobian_fwd(lambda z: dm.jvp(f, z, u)[1], z, chunk_size=chunk_size)
        assert not J[..., case.x.size :].any()
        assert_second(case, v, J @ u)


@every_case
def test_jvp_of_sparse_jacobian(case):
    v = direction(case)
    f, z, u = sparse_start(case, v)
    for chunk_size in (None, 7):
        _, J_dot = dm.jvp(lambda z, k=chunk_size: dm.jacobian_fwd(f, z, chunk_size=k), z, u)
        assert not J_dot[..., case.x.size :].any()
        assert_second(case, v, J_dot @ u)


@every_case
def test_second_derivative_in_every_order_of_modes(case):
    """Forward over reverse, reverse over forward, reverse over reverse, along a line."""
    v = direction(case)

    def along(J):
        return np.tensordot(J, v, axes=v.ndim)

    def forward(x):
        return dm.jvp(case.f, x, v)[1]

    def reverse(x):
        return along(dm.jacobian_rev(case.f, x))

    assert_second(case, v, dm.jvp(reverse, case.x, v)[1])
    assert_second(case, v, along(dm.jacobian_fwd(reverse, case.x)))
    assert_second(case, v, along(dm.jacobian_rev(forward, case.x)))
    assert_second(case, v, along(dm.jacobian_rev(reverse, case.x)))


def is_summable(case):
    """Not a list, nor an object array of Duals: np.sin takes neither."""
    y = case.f(case.x.copy())
    is_object = "object" in case.name or "reduce-list" in case.name
    return not isinstance(y, (list, tuple)) and not is_object


@pytest.mark.parametrize("case", [c for c in CASES if is_summable(c)], ids=lambda case: case.name)
def test_gradients_of_gradients(case):
    """``sum(sin(f(x)))``, one cotangent at a time, in the three orders with reverse mode."""
    v = direction(case)
    value = case.f(case.x.copy())
    size = max(1.0, np.max(np.abs(value), initial=0.0))

    def f(x):
        y = case.f(x) / size
        return np.sum(np.sin(y.real + 2.0 * y.imag if np.iscomplexobj(value) else y))

    expected = second_difference(f, case.x, v)
    scale = max(1.0, np.nan_to_num(np.abs(expected)))
    for actual in (
        dm.jvp(lambda x: np.sum(dm.gradient(f, x) * v), case.x, v)[1],
        np.sum(dm.gradient(lambda x: dm.jvp(f, x, v)[1], case.x) * v),
        np.sum(dm.gradient(lambda x: np.sum(dm.gradient(f, x) * v), case.x) * v),
    ):
        np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=2e-8 * scale)


# --- Forward and reverse mode in one another -----------------------------------------------------

# The derivative of a function of one number, by everything that gives one.
SLOPES = {
    "derivative": dm.derivative,
    "jacobian_fwd": dm.jacobian_fwd,
    "jvp": lambda f, x: dm.jvp(f, x, 1.0)[1],
    "gradient": dm.gradient,
    "jacobian_rev": dm.jacobian_rev,
    "value_and_gradient": lambda f, x: dm.value_and_gradient(f, x)[1],
    "vjp": lambda f, x: dm.vjp(f, x)[1](1.0),
}
pairs_of_slopes = pytest.mark.parametrize(
    ("outer", "inner"),
    [(outer, inner) for outer in SLOPES.values() for inner in SLOPES.values()],
    ids=[f"{outer} of {inner}" for outer in SLOPES for inner in SLOPES],
)


@pairs_of_slopes
def test_no_confusion_in_any_pair(outer, inner):
    assert 1.0 == outer(lambda x: x * inner(lambda y: x + y, 1.0), 1.0)
    assert 6.0 == outer(lambda x: x * inner(lambda y: x * y, 2.0), 3.0)
    assert 6.0 == outer(lambda x: x * inner(lambda y: x * y, x), 3.0)
    assert 0.0 == outer(lambda x: inner(lambda y: x, 1.0), 3.0)
    assert 12.0 == outer(lambda x: inner(lambda y: y * y * x, x), 3.0)
    assert 73.0 == outer(lambda x: inner(lambda y: x**2 * y**3, 2.0) + x, 3.0)
    assert 1.0 == outer(lambda x: inner(lambda y: np.sin(x * y), 0.0), 3.0)
    assert 18.0 == outer(lambda x: inner(lambda x: x**3, x), 3.0)
    assert 1.0 == outer(lambda x: inner(lambda y: (x > 0) * y + (y > x) * x, 2.0) * x, 3.0)
    # Two inner calls, and one inner call whose result the next one differentiates at.
    assert 11.0 == outer(lambda x: inner(lambda y: x * y, 1.0) + inner(lambda y: y**2 * x, x), 2.5)
    # z = 2 x, then 3 z**2 x = 12 x**3
    actual = outer(lambda x: inner(lambda y: y**3 * x, inner(lambda z: z**2, x)), 0.5)
    assert 9.0 == actual


@pairs_of_slopes
@pytest.mark.parametrize(
    ("f", "second"),
    [
        (np.sin, lambda x: -np.sin(x)),
        (np.log, lambda x: -1 / x**2),
        (lambda x: x**2.5, lambda x: 3.75 * x**0.5),
        (lambda x: 1 / x, lambda x: 2 / x**3),
        (lambda x: x * x * x, lambda x: 6 * x),
        (np.tanh, lambda x: -2 * np.tanh(x) / np.cosh(x) ** 2),
        (lambda x: x**x, lambda x: x**x * ((np.log(x) + 1) ** 2 + 1 / x)),
        (lambda x: np.sum(np.stack([x, x * x]) * x), lambda x: 2 + 6 * x),
        (lambda x: np.max(np.stack([x, 0.0 * x])) ** 3 + x, lambda x: 6 * x),
    ],
)
def test_second_derivatives_in_any_pair(outer, inner, f, second):
    np.testing.assert_allclose(outer(lambda t: inner(f, t), 0.7), second(0.7), rtol=1e-13)


@pytest.mark.parametrize("first", [dm.derivative, dm.gradient], ids=["f", "r"])
@pytest.mark.parametrize("second", [dm.derivative, dm.gradient], ids=["f", "r"])
@pytest.mark.parametrize("third", [dm.derivative, dm.gradient], ids=["f", "r"])
def test_third_derivatives_in_every_order_of_modes(first, second, third):
    for f, expected in [
        (np.sin, lambda x: -np.cos(x)),
        (lambda x: x**5 + x[()], lambda x: 60 * x**2),
        (lambda x: 1 / x, lambda x: -6 / x**4),
        (lambda x: np.sum(np.stack([x, x * x]) * x), lambda x: 6.0),
        (np.arctan, lambda x: (6 * x**2 - 2) / (1 + x**2) ** 3),
    ]:
        actual = first(lambda t, f=f: second(lambda s: third(f, s), t), 0.7)
        np.testing.assert_allclose(actual, expected(0.7), rtol=1e-12)
    # x y z: each variable of another call.
    actual = first(lambda x: second(lambda y: third(lambda z: x * y * z * z, 2.0), 3.0) * x, 5.0)
    assert 40.0 == actual


def in_every_order(f, x):
    """Third derivatives of a function with values of one element, by all eight orders of modes."""
    modes = [dm.jacobian_fwd, dm.jacobian_rev]
    for a, b, c in itertools.product(modes, repeat=3):
        yield a(lambda z, b=b, c=c: b(lambda y: c(f, y), z), x)


def test_third_derivative_tensor_in_every_order_of_modes():
    x = np.array([0.5, 1.0, 2.0])
    # x0 * x1 * x2: ones where the three indices differ.
    expected = np.abs([[[(i - j) * (j - k) * (k - i) / 2 for k in range(3)] for j in range(3)]
                       for i in range(3)])  # fmt: skip
    for f in (np.prod, lambda x: x[0] * x[1] * x[2], product_in_a_buffer):
        for T in in_every_order(f, x):
            np.testing.assert_allclose(T, expected, rtol=1e-14, atol=1e-15)


def product_in_a_buffer(x):
    y = np.ones_like(x)
    for i in range(x.size):
        y[:1] *= x[i]
        y[1:] = 0.0
    return y[0]


def test_sixth_derivative_in_alternating_modes():
    g = np.sin
    for k in range(6):
        d = dm.gradient if k % 2 else dm.derivative
        g = lambda x, f=g, d=d: d(f, x)  # noqa: E731
    np.testing.assert_allclose(g(0.7), -np.sin(0.7), rtol=1e-13)


@pytest.mark.parametrize("outer", [dm.jacobian_fwd, dm.jacobian_rev], ids=["forward", "reverse"])
@pytest.mark.parametrize("inner", [dm.jacobian_fwd, dm.jacobian_rev], ids=["forward", "reverse"])
class TestArraysInEveryPair:
    def test_gradient_that_is_the_outer_variable(self, outer, inner):
        for n in (3, 20):
            x, w = np.linspace(0.5, 2.5, n), np.cos(np.arange(n))
            J = outer(lambda x, w=w: x * inner(lambda y: np.sum(x * y), w), x)
            assert np.array_equal(np.diag(2 * x), J)

    @pytest.mark.parametrize(
        "g",
        [
            outer_into_inner_buffer,
            outer_into_inner_view,
            outer_into_inner_argument,
            outer_read_through_an_older_view,
            outer_and_inner_at_once,
        ],
        ids=lambda g: g.__name__,
    )
    def test_outer_values_stored_in_inner_arrays(self, outer, inner, g):
        x, t = np.linspace(0.5, 1.5, 3), np.linspace(1.0, 2.0, 3)

        def inner_jacobian(x):
            return complex_step(lambda t: g(x, t), t)

        np.testing.assert_allclose(inner(lambda t: g(x, t), t), inner_jacobian(x), rtol=1e-13)
        J = outer(lambda x: inner(lambda t: g(x, t), t), x)
        np.testing.assert_allclose(J, differences(inner_jacobian, x), rtol=1e-9, atol=1e-9)

    def test_outer_buffers_around_inner_calls(self, outer, inner):
        """A buffer of the outer call takes inner derivatives, and is changed after inner use."""

        def f(x):
            y = np.zeros_like(x)
            for i in range(x.size):
                y[i] = inner(lambda t, i=i: np.sin(t * x[i]) * t, x[i - 1])
            z = inner(lambda t: np.sum(y * t) * t[0], x)  # keeps y
            y *= 2.0
            y[0] = z[1]
            return y * z

        def by_hand(x):
            before = np.roll(x, 1)
            y = np.sin(before * x) + before * x * np.cos(before * x)
            z = y * x[0]
            z[0] += np.sum(y * x)
            y = 2 * y
            y[0] = z[1]
            return y * z

        x = np.array([0.5, 1.2, 0.8])
        np.testing.assert_allclose(f(x), by_hand(x), rtol=1e-13)
        np.testing.assert_allclose(outer(f, x), complex_step(by_hand, x), rtol=1e-12)

    def test_hessians(self, outer, inner):
        for n in (5, 20):
            x = np.linspace(-1.2, 1.3, n)
            H = outer(lambda x: inner(rosenbrock, x), x)
            np.testing.assert_allclose(H, rosenbrock_hessian(x), rtol=1e-12, atol=1e-10)
            H = outer(lambda x: inner(rosenbrock, x), x, chunk_size=3)
            np.testing.assert_allclose(H, rosenbrock_hessian(x), rtol=1e-12, atol=1e-10)

    def test_inner_value_argnums_and_aux(self, outer, inner):
        def f(x):
            (J_a, J_b), aux = inner(
                lambda a, b: (a * b * x, a * x), x, 2.0, argnums=(0, 1), has_aux=True
            )
            return [J_a, J_b, aux]

        # a*b*x at a = x, b = 2: J_a = 2x, J_b = x*x, aux = x*x.
        np.testing.assert_allclose(outer(f, 3.0), [2.0, 6.0, 6.0], rtol=1e-15)

    def test_an_exception_inside_leaves_both_right(self, outer, inner):
        def broken(y):
            y[0] = np.sum(y * y)
            raise ZeroDivisionError

        def f(x):
            y = x * 2.0
            for call in (inner, dm.jacobian_rev, dm.hessian):
                with pytest.raises(ZeroDivisionError):
                    call(broken, y)
            with pytest.raises(ValueError, match="gradient needs f to return a real scalar"):
                dm.gradient(lambda t: t * x, y)
            return x * inner(lambda t: t**2 * x[1], x[0])

        # x * 2*x0*x1 at (2, 3).
        np.testing.assert_allclose(outer(f, [2.0, 3.0]), [[24.0, 8.0], [18.0, 24.0]])
        assert np.array_equal(2 * np.eye(2), outer(lambda x: 2 * x, [2.0, 3.0]))

    def test_a_dual_leaked_from_an_inner_call(self, outer, inner):
        def f(x):
            kept = []
            inner(lambda t: kept.append(t * x) or t, x)
            return x * kept[0]

        with pytest.raises(dm.TangentLostError, match="already finished"):
            outer(f, np.ones(3))

    def test_storing_the_inner_variable_in_an_outer_array(self, outer, inner):
        def f(x):
            y = np.zeros_like(x)

            def g(t):
                y[0] = t
                return y[0] * 2.0

            return inner(g, 1.0) * x

        with pytest.raises(dm.TangentLostError, match="inner derivative call"):
            outer(f, np.ones(3))


def rotated(x):
    """y and the Jacobian of a map of three numbers to two, from NumPy alone."""
    y = np.stack([np.sin(x[0]) * x[1], x[1] * x[2] ** 2])
    zero = 0.0 * x[0]
    J = np.stack([np.stack([np.cos(x[0]) * x[1], np.sin(x[0]), zero]),
                  np.stack([zero, x[2] ** 2, 2 * x[1] * x[2]])])  # fmt: skip
    return y, J


@pytest.mark.parametrize("outer", [dm.jacobian_fwd, dm.jacobian_rev], ids=["forward", "reverse"])
def test_a_pullback_is_differentiated(outer):
    """By its cotangent, by the point, and by both at once."""
    x, w = np.array([0.5, 1.5, 2.5]), np.array([1.0, -2.0])
    _, pullback = dm.vjp(lambda x: rotated(x)[0], x)
    np.testing.assert_allclose(outer(pullback, w), rotated(x)[1].T, rtol=1e-14)
    np.testing.assert_allclose(outer(lambda w: pullback(w * w), w), rotated(x)[1].T * 2 * w)

    def at(x):
        y, pullback = dm.vjp(lambda x: rotated(x)[0], x)
        return pullback(y) + pullback(w)

    def by_hand(x):
        y, J = rotated(x)
        return y @ J + w @ J

    np.testing.assert_allclose(at(x), by_hand(x), rtol=1e-14)
    expected = complex_step(by_hand, x)
    np.testing.assert_allclose(outer(at, x), expected, rtol=1e-13, atol=1e-15)


def test_a_pullback_of_a_finished_outer_call_is_an_error():
    for outer in (dm.jacobian_fwd, dm.jacobian_rev):
        kept = []

        def f(x, kept=kept):
            kept.append(dm.vjp(lambda t: t * x, x)[1])
            return x

        outer(f, np.ones(3))
        with pytest.raises(dm.TangentLostError, match="already finished"):
            kept[0](np.ones(3))


def test_hand_made_duals_in_reverse_mode():
    x = np.array([0.5, 1.5])
    d = dm.Dual(x, [1.0, -1.0])
    g = dm.gradient(lambda y: np.sum(y**2 * d), x)  # 2 y d
    np.testing.assert_allclose(g.primal, 2 * x * x, rtol=1e-15)
    np.testing.assert_allclose(g.tangent, 2 * x * [1.0, -1.0], rtol=1e-15)
    g = dm.gradient(lambda y: np.sum(y**3), d)
    np.testing.assert_allclose(g.primal, 3 * x**2, rtol=1e-15)
    np.testing.assert_allclose(g.tangent, 6 * x * [1.0, -1.0], rtol=1e-15)
    J = dm.jacobian_rev(lambda y: y**3, d)
    np.testing.assert_allclose(J.tangent, np.diag(6 * x * [1.0, -1.0]), rtol=1e-15)


# --- After an exception --------------------------------------------------------------------------


def test_an_exception_inside_leaves_later_calls_right():
    def broken(x):
        np.sin(x) * x
        raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        dm.jacobian_fwd(broken, np.ones(3))
    assert np.array_equal(2 * np.eye(3), dm.jacobian_fwd(lambda x: x**2, np.ones(3)))


def test_an_exception_in_an_inner_call_leaves_the_outer_one_right():
    def broken(y):
        raise ZeroDivisionError(str(y.shape))

    def f(x):
        for inner in (dm.jacobian_fwd, dm.derivative):
            try:
                inner(broken, x[0])
            except ZeroDivisionError:
                pass
        return x * dm.derivative(lambda y: y**2 * x[1], x[0])

    # x * 2*x0*x1 at (2, 3).
    np.testing.assert_allclose(dm.jacobian_fwd(f, [2.0, 3.0]), [[24.0, 8.0], [18.0, 24.0]])


def test_an_exception_after_a_missing_rule_inside():
    def f(x):
        try:
            y = np.nextafter(x, 1.0)
        except dm.MissingRuleError:
            y = x * 1.0
        return y * x

    with pytest.warns(dm.RefusalSwallowedWarning, match="nextafter"):
        J = dm.jacobian_fwd(f, [2.0, 3.0])
    assert np.array_equal(np.diag([4.0, 6.0]), J)


# --- Duals that outlive their call ---------------------------------------------------------------


@pytest.fixture
def leaked():
    kept = []
    dm.jacobian_fwd(lambda x: kept.append(x) or x, np.array([1.0, 2.0, 3.0]))
    return kept[0]


@pytest.mark.parametrize(
    "use",
    [
        lambda x: x + 1,
        lambda x: 2.0 * x,
        lambda x: np.sin(x),
        lambda x: np.sum(x),
        lambda x: x.sum(),
        lambda x: x[0],
        lambda x: x[[0, 1]],
        lambda x: x.__setitem__(0, 1.0),
        lambda x: np.ones((2, 3)) @ x,
        lambda x: np.concatenate([x, x]),
        lambda x: np.reshape(x, (3, 1)),
        lambda x: np.where([True, False, True], x, 0.0),
        lambda x: dm.jacobian_fwd(lambda y: y * x, np.ones(3)),
        lambda x: dm.jacobian_fwd(lambda y: x, np.ones(3)),
        lambda x: dm.jacobian_fwd(lambda y: [y[0], x[0]], np.ones(3)),
    ],
)
def test_a_leaked_dual_is_an_error(leaked, use):
    with pytest.raises(
        dm.TangentLostError,
        match=r"f used a Dual from a derivative call that has already finished\. "
        r"Return values from f; do not store Duals outside it\.",
    ):
        use(leaked)


def test_a_dual_leaked_into_the_next_pass_is_an_error():
    cache = []

    def f(x):
        cache.append(x * 2)
        return x * cache[0]

    with pytest.raises(dm.TangentLostError, match="already finished"):
        dm.jacobian_fwd(f, np.ones(3), chunk_size=1)


def test_a_dual_leaked_from_an_inner_call_is_an_error():
    def f(x):
        kept = []
        dm.derivative(lambda t: kept.append(t) or t, 1.0)
        return x * kept[0]

    with pytest.raises(dm.TangentLostError, match="already finished"):
        dm.jacobian_fwd(f, np.ones(3))


# --- Generators and threads ----------------------------------------------------------------------


def test_interleaved_generators():
    def derivatives(a):
        for k in range(1, 6):
            yield dm.derivative(lambda x, k=k: a * x**k, 2.0)

    for k, (p, q) in enumerate(zip(derivatives(1.0), derivatives(3.0), strict=True), start=1):
        assert k * 2.0 ** (k - 1) == p
        assert 3.0 * k * 2.0 ** (k - 1) == q


def test_a_generator_that_differentiates_inside_an_outer_call():
    def slopes(x):
        for k in (1, 2, 3):
            yield dm.derivative(lambda t, k=k: t**k * x[0], x[1])

    # x0 * (1 + 2 x1 + 3 x1**2) at (2, 0.5)
    J = dm.jacobian_fwd(lambda x: sum(slopes(x)), [2.0, 0.5])
    np.testing.assert_allclose(J, [2.75, 10.0], rtol=1e-15)


def differentiate_in_thread(k):
    """A Jacobian whose size, structure and value belong to this k alone."""
    n = 3 + 4 * k
    x = np.linspace(0.5, 1.5, n)
    A = np.random.default_rng(k).normal(size=(n, n))
    for _ in range(5):
        J = dm.jacobian_fwd(lambda x: np.sin(A @ x) * x[::-1] + k * x[0], x)
        expected = (
            np.cos(A @ x)[:, None] * A * x[::-1, None] + np.sin(A @ x)[:, None] * np.eye(n)[::-1]
        )
        expected[:, 0] += k
        np.testing.assert_allclose(J, expected, rtol=1e-12, atol=1e-12)
        y = np.zeros(n)
        y[1:] = 2 * x[1:]
        y[0] = x[1]

        def loop(x):
            y = np.zeros_like(x)
            for i in range(x.size):
                y[i] = x[i] ** 2
            y[0] = x[0] * x[1]
            return y

        expected = np.diag(2 * x)
        expected[0, :2] = x[1], x[0]
        J = dm.jacobian_fwd(loop, x, sparse=k % 2 == 0)
        J = J.toarray() if k % 2 == 0 else J
        np.testing.assert_allclose(J, expected, rtol=1e-14)
    return k


def differentiate_twice_in_thread(k):
    n = 3 + 4 * k
    x = np.linspace(-1.2, 1.3, n)
    for _ in range(3):
        H = dm.jacobian_fwd(lambda x: dm.jacobian_fwd(rosenbrock, x), x)
        np.testing.assert_allclose(H, rosenbrock_hessian(x), rtol=1e-12, atol=1e-10)
    return k


@pytest.mark.parametrize("work", [differentiate_in_thread, differentiate_twice_in_thread])
def test_threads(work):
    with ThreadPoolExecutor(8) as pool:
        assert list(range(16)) == list(pool.map(lambda i: work(i % 8) + i // 8 * 8, range(16)))


def test_threads_inside_f():
    """f may farm its parts out to threads; all belong to one derivative call."""

    def f(x):
        with ThreadPoolExecutor(4) as pool:
            parts = list(pool.map(lambda k: np.sum(x**k), range(1, 5)))
        return parts

    x = np.linspace(0.5, 1.5, 6)
    expected = [k * x ** (k - 1) for k in range(1, 5)]
    np.testing.assert_allclose(dm.jacobian_fwd(f, x), expected, rtol=1e-14)


def test_nested_calls_in_threads_inside_f():
    def f(x):
        def slope(k):
            return dm.derivative(lambda t: np.sum(x**k) * t**k, x[0])

        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(slope, range(1, 5)))

    x = np.linspace(0.5, 1.5, 4)
    # k * x0**(k-1) * sum(x**k)
    expected = []
    for k in range(1, 5):
        row = k * x[0] ** (k - 1) * k * x ** (k - 1)
        row[0] += k * (k - 1) * x[0] ** (k - 2) * np.sum(x**k) if k > 1 else 0.0
        expected.append(row)
    np.testing.assert_allclose(dm.jacobian_fwd(f, x), expected, rtol=1e-13)
