"""Derivatives of derivatives: no confusion of perturbations, closed forms, exceptions, threads."""

import numpy as np
import pytest
from function_cases import CASES
from nested_functions import (
    outer_and_inner_at_once,
    outer_into_inner_argument,
    outer_into_inner_buffer,
    outer_into_inner_view,
    outer_read_through_an_older_view,
    rosenbrock,
    rosenbrock_gradient,
    rosenbrock_hessian,
)
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


@pytest.mark.table
@every_case
def test_second_derivative_along_a_line(case):
    v = direction(case)
    d = dm.derivative
    actual = d(lambda s: d(lambda t: case.f(case.x + t * v), s), 0.0)
    assert_second(case, v, actual)


@pytest.mark.table
@every_case
def test_jvp_of_jvp(case):
    v = direction(case)
    _, actual = dm.jvp(lambda x: dm.jvp(case.f, x, v)[1], case.x, v)
    assert_second(case, v, actual)


def sparse_start(case, v):
    """The case, its point and a direction, with enough unused inputs for a sparse start."""
    f, z = among_dummies(case.f, case.x, 17)
    return f, z, np.concatenate([v.ravel(), np.full(17, 0.5)])


@pytest.mark.table
@every_case
def test_sparse_jacobian_of_jvp(case):
    v = direction(case)
    f, z, u = sparse_start(case, v)
    for chunk_size in (None, 7):
        J = dm.jacobian_fwd(lambda z: dm.jvp(f, z, u)[1], z, chunk_size=chunk_size)
        assert not J[..., case.x.size :].any()
        assert_second(case, v, J @ u)


@pytest.mark.table
@every_case
def test_jvp_of_sparse_jacobian(case):
    v = direction(case)
    f, z, u = sparse_start(case, v)
    for chunk_size in (None, 7):
        _, J_dot = dm.jvp(lambda z, k=chunk_size: dm.jacobian_fwd(f, z, chunk_size=k), z, u)
        assert not J_dot[..., case.x.size :].any()
        assert_second(case, v, J_dot @ u)


@pytest.mark.table
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


@pytest.mark.table
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
