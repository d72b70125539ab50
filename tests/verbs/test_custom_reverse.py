"""`custom_jvp` in reverse mode, by its JVP and by a VJP."""

import numpy as np
import pytest
from expecting import raises_literally as raises
from user_functions import Counted, Lens, logistic, logistic_derivative, polar, power

import dualmc as dm
from dualmc.rules.table import RULES


@pytest.fixture(autouse=True)
def _rules_as_before():
    before = dict(RULES)
    yield
    RULES.clear()
    RULES.update(before)


# --- Reverse mode --------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk_size", [None, 1, 4])
@pytest.mark.parametrize("shape", [(), (1,), (5,), (2, 3), (2, 1, 9)])
def test_the_rule_is_called_once_per_element_in_reverse(shape, chunk_size):
    counted = Counted()
    n = int(np.prod(shape))
    x = np.linspace(0.5, 1.5, n).reshape(shape)
    y, J = dm.value_and_jacobian_rev(counted.f, x, chunk_size=chunk_size)
    assert np.array_equal(x**2, y)
    np.testing.assert_allclose(J, np.diag(2 * x.ravel()).reshape(shape + shape), rtol=1e-15)
    assert (0, n) == (counted.function_calls, counted.rule_calls)
    y, pullback = dm.vjp(counted.f, x)
    for k in (1.0, 2.0):
        np.testing.assert_allclose(pullback(np.full(shape, k)), 2 * k * x, rtol=1e-15)
    assert (0, 2 * n) == (counted.function_calls, counted.rule_calls)


def test_only_active_arguments_are_asked_for_in_reverse():
    counted = Counted()
    a, b = np.array([0.5, 1.0, 1.5]), np.array([2.0, -1.0, 0.5])
    J = dm.jacobian_rev(lambda a: counted.f(a, b, 3.0), a)
    np.testing.assert_allclose(J, np.diag(2 * a * b), rtol=1e-15)
    assert 3 == counted.rule_calls
    by_a, by_b, by_c = dm.jacobian_rev(counted.f, a, b, 3.0, argnums=(0, 1, 2))
    np.testing.assert_allclose(by_a, np.diag(2 * a * b), rtol=1e-15)
    np.testing.assert_allclose(by_b, np.diag(a**2), rtol=1e-15)
    np.testing.assert_allclose(by_c, np.ones(3), rtol=1e-15)
    assert 3 + 7 == counted.rule_calls
    J = dm.jacobian_rev(lambda x: counted.f(x, x, x), a)
    np.testing.assert_allclose(J, np.diag(3 * a**2 + 1), rtol=1e-15)
    J = dm.jacobian_rev(lambda x: counted.f([x[0], 2.0, x[2]], 1.0, b), a)
    np.testing.assert_allclose(J, np.diag([2 * a[0], 0.0, 2 * a[2]]), rtol=1e-15)


def test_a_constant_argument_in_reverse():
    counted = Counted()
    J = dm.jacobian_rev(lambda x: x * counted.f(np.floor(x)), [1.5, 2.5])
    assert np.array_equal(np.diag([1.0, 4.0]), J)
    assert (1, 0) == (counted.function_calls, counted.rule_calls)
    assert (0, 0) == dm.jacobian_rev(counted.f, np.zeros(0)).shape


def test_tuple_outputs_in_reverse():
    r, angle = np.linspace(1.0, 2.0, 3), np.linspace(0.0, 1.0, 3)
    c, s = np.cos(angle), np.sin(angle)

    def f(r, angle):
        x, y, total = polar(r, angle)
        return np.concatenate([x, y, [total]])

    for chunk_size in (None, 1, 2):
        Jr, Ja = dm.jacobian_rev(f, r, angle, argnums=(0, 1), chunk_size=chunk_size)
        np.testing.assert_allclose(Jr, np.vstack([np.diag(c), np.diag(s), np.ones(3)]), rtol=1e-15)
        expected = np.vstack([np.diag(-r * s), np.diag(r * c), np.zeros(3)])
        np.testing.assert_allclose(Ja, expected, rtol=1e-15)
    g = dm.gradient(lambda r: polar(r, angle)[1][2] * 2.0, r)  # the other outputs are not used
    np.testing.assert_allclose(g, [0.0, 0.0, 2 * s[2]], rtol=1e-15)


def test_methods_in_reverse():
    x = np.linspace(0.5, 1.5, 3)
    weak, strong = Lens(1.0), Lens(3.0)
    J = dm.jacobian_rev(lambda x: strong.bend(weak.bend(x, offset=1.0)), x)
    np.testing.assert_allclose(J, np.diag(6 * (x**2 + 1) * 2 * x), rtol=1e-14)


def test_views_and_writes_around_a_rule_in_reverse():
    def f(x):
        y = power(x[::-1])
        x *= 5.0
        z = power(y[1:])
        y[...] = 0.0
        z[0] += x[0]
        return np.concatenate([z, x, y])

    # y = (x1**2, x0**2): z = (x0**4 + 5 x0,)
    x = np.array([0.5, 2.0])
    expected = [[4 * x[0] ** 3 + 5, 0.0], [5.0, 0.0], [0.0, 5.0], [0.0, 0.0], [0.0, 0.0]]
    np.testing.assert_allclose(dm.jacobian_fwd(f, x), expected, rtol=1e-14)
    np.testing.assert_allclose(dm.jacobian_rev(f, x), expected, rtol=1e-14)
    np.testing.assert_allclose(dm.jacobian_rev(f, x, chunk_size=1), expected, rtol=1e-14)


def test_dtypes_in_reverse():
    x = np.linspace(0.5, 1.5, 3, dtype=np.float32)
    y, J = dm.value_and_jacobian_rev(lambda x: power(x), x)
    assert (np.float32, np.float32) == (y.dtype, J.dtype)
    assert np.float32 == dm.gradient(lambda x: np.sum(power(x)), x).dtype

    @dm.custom_jvp
    def turned(x):
        return np.exp(1j * x)

    @turned.def_jvp
    def turned_jvp(primals, tangents):
        return turned(primals[0]), 1j * turned(primals[0]) * tangents[0]

    x = np.array([0.3, 0.7])
    J = dm.jacobian_rev(turned, x)
    np.testing.assert_allclose(J, np.diag(1j * np.exp(1j * x)), rtol=1e-14, atol=1e-16)
    g = dm.gradient(lambda x: np.sum(np.real(turned(x * x))), x)
    np.testing.assert_allclose(g, -2 * x * np.sin(x * x), rtol=1e-14)

    @dm.custom_jvp
    def squared(z):
        return z * z

    @squared.def_jvp
    def squared_jvp(primals, tangents):
        return squared(primals[0]), 2 * primals[0] * tangents[0]

    g = dm.gradient(lambda x: np.sum(np.imag(squared(x + 1j * x**2))), x)  # 2 x**3
    np.testing.assert_allclose(g, 6 * x**2, rtol=1e-14)


@pytest.mark.parametrize("inner", [dm.derivative, dm.gradient])
@pytest.mark.parametrize("outer", [dm.derivative, dm.gradient])
def test_second_derivatives_in_every_order(outer, inner):
    for t in (-1.0, 0.25, 2.0):
        expected = logistic_derivative(2, [t])[0]
        np.testing.assert_allclose(outer(lambda t: inner(logistic, t), t), expected, rtol=1e-13)
    cube = np.frompyfunc(lambda x: x * x * x, 1, 1)
    dm.rule(cube, lambda x, y: 3 * x**2)
    assert 12.0 == outer(lambda t: inner(cube, t), 2.0)


def test_hessians_in_reverse():
    x, w = np.linspace(-1.0, 2.0, 3), np.linspace(1.0, 2.0, 3)
    expected = np.diag(w * logistic_derivative(2, x))
    H = dm.hessian(lambda x: logistic(x) @ w, x)
    np.testing.assert_allclose(H, expected, rtol=1e-13, atol=1e-16)
    H = dm.jacobian_rev(lambda x: dm.gradient(lambda x: logistic(x) @ w, x), x)
    np.testing.assert_allclose(H, expected, rtol=1e-13, atol=1e-16)
    Hv = dm.hvp(lambda x: logistic(x) @ w, x, np.ones(3))
    np.testing.assert_allclose(Hv, np.diag(expected), rtol=1e-13)

    def f(z):
        x, y, total = polar(z[0], z[1])
        return x * y + total  # r**2 cos sin + r

    expected = [[np.sin(0.6), 4 * np.cos(0.6)], [4 * np.cos(0.6), -8 * np.sin(0.6)]]
    np.testing.assert_allclose(dm.hessian(f, [2.0, 0.3]), expected, rtol=1e-14)


def test_errors_in_reverse():
    @dm.custom_jvp
    def without(x):
        return x

    with raises(TypeError, "without is decorated with custom_jvp but has no derivative."):
        dm.gradient(lambda x: np.sum(without(x)), np.ones(2))

    @without.def_jvp
    def without_jvp(primals, tangents):
        return primals[0], np.ones(5)

    with raises(ValueError, "returned y of shape (2,) and y_dot of shape (5,)"):
        dm.jacobian_rev(without, np.ones(2))


def test_what_the_rule_returns_may_be_reused_by_it_in_reverse():
    buffer = np.zeros(2)

    @dm.custom_jvp
    def doubled(x):
        return 2.0 * x

    @doubled.def_jvp
    def doubled_jvp(primals, tangents):
        np.multiply(tangents[0], 2.0, out=buffer)
        return doubled(*primals), buffer

    assert np.array_equal(2.0 * np.eye(2), dm.jacobian_rev(doubled, np.ones(2)))


def test_a_rule_that_is_linear_in_the_real_numbers_only():
    """Conjugates, parts and absolute values of a complex argument, in both modes."""

    @dm.custom_jvp
    def energy(z):
        return np.real(z) ** 2 + np.imag(z) ** 2

    @energy.def_jvp
    def energy_jvp(primals, tangents):
        return energy(*primals), 2 * np.real(np.conj(primals[0]) * tangents[0])

    @dm.custom_jvp
    def mirrored(z):
        return np.conj(z)

    @mirrored.def_jvp
    def mirrored_jvp(primals, tangents):
        return mirrored(*primals), np.conj(tangents[0])

    x = np.array([1.0, 2.0, 3.0])
    for f, expected in [
        (lambda x: energy(x + 1j * x**2), np.diag(2 * x + 4 * x**3)),
        (lambda x: mirrored(x * (1 + 2j)), (1 - 2j) * np.eye(3)),
        (lambda x: np.imag(mirrored(x * (1 + 2j))), -2 * np.eye(3)),
    ]:
        np.testing.assert_allclose(dm.jacobian_fwd(f, x), expected, rtol=1e-14)
        np.testing.assert_allclose(dm.jacobian_rev(f, x), expected, rtol=1e-14)


def test_a_function_that_returns_the_same_array_each_time():
    work = np.zeros(2)

    @dm.custom_jvp
    def squared(x):
        return np.multiply(x, x, out=work)

    @squared.def_jvp
    def squared_jvp(primals, tangents):
        return squared(*primals), 2 * primals[0] * tangents[0]

    x = np.array([1.0, 2.0])

    def f(x):
        return np.sin(squared(x)) + np.sin(squared(2.0 * x))

    expected = np.diag(2 * x * np.cos(x**2) + 8 * x * np.cos(4 * x**2))
    np.testing.assert_allclose(dm.jacobian_fwd(f, x), expected, rtol=1e-14)
    np.testing.assert_allclose(dm.jacobian_rev(f, x), expected, rtol=1e-14)


def test_tangents_have_the_dtype_of_their_primals_in_reverse():
    seen = []

    @dm.custom_jvp
    def doubled(x):
        return x + x

    @doubled.def_jvp
    def doubled_jvp(primals, tangents):
        seen.append((primals[0].dtype, tangents[0].dtype))
        return doubled(*primals), doubled(*tangents)

    for jacobian in (dm.jacobian_fwd, dm.jacobian_rev):
        seen.clear()
        jacobian(doubled, np.ones(2, np.float32))
        assert {(np.dtype(np.float32), np.dtype(np.float32))} == set(seen)


# --- Transposed rules ----------------------------------------------------------------------------


def product(calls):
    """``sin(a) sum(b) scale`` and ``outer(a, b)``, by a VJP alone; `calls` counts it."""

    @dm.custom_jvp
    def f(a, b, scale=1.0):
        assert not isinstance(a, dm.Dual) or isinstance(a.primal, np.ndarray)
        return np.sin(a) * np.sum(b) * scale, np.outer(a, b)

    @f.def_vjp
    def f_vjp(primals, bars, scale=1.0):
        calls.append(1)
        (a, b), (y_bar, z_bar) = primals, bars
        b_bar = np.ones_like(b) * np.sum(y_bar * np.sin(a)) * scale + a @ z_bar
        return np.cos(a) * np.sum(b) * y_bar * scale + z_bar @ b, b_bar

    return f


def plain(a, b, scale=1.0):
    return np.sin(a) * np.sum(b) * scale, np.outer(a, b)


A, B = np.array([0.3, 0.4, 0.5]), np.array([1.0, -0.2])


def joined(f):
    def g(a, b):
        y, z = f(a, b, scale=2.0)
        return np.concatenate([y**2, np.exp(z).ravel()])

    return g


@pytest.mark.parametrize("argnums", [(0,), (1,), (0, 1)])
@pytest.mark.parametrize("mode", [dm.jacobian_fwd, dm.jacobian_rev])
def test_a_vjp_serves_both_modes(mode, argnums):
    found = mode(joined(product([])), A, B, argnums=argnums)
    expected = dm.jacobian_fwd(joined(plain), A, B, argnums=argnums)
    for J, K in zip(found, expected, strict=True):
        np.testing.assert_allclose(J, K, rtol=1e-13)


def test_a_gradient_calls_the_vjp_once():
    calls = []
    f = product(calls)
    g = dm.gradient(lambda a: np.sum(f(a, B)[0]), A)
    np.testing.assert_allclose(g, np.cos(A) * B.sum(), rtol=1e-14)
    assert 1 == len(calls)


def test_a_vjp_is_differentiated_again():
    def total(f):
        return lambda a: np.sum(joined(f)(a, B) ** 2)

    f, expected = total(product([])), dm.hessian(total(plain), A)
    v = np.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(dm.hessian(f, A), expected, rtol=1e-12)
    for H in (
        dm.jacobian_fwd(lambda a: dm.jacobian_fwd(f, a), A),
        dm.jacobian_rev(lambda a: dm.jacobian_fwd(f, a), A),
        dm.jacobian_rev(lambda a: dm.gradient(f, a), A),
    ):
        np.testing.assert_allclose(H, expected, rtol=1e-12)
    np.testing.assert_allclose(dm.hvp(f, A, v), expected @ v, rtol=1e-12)


def test_jvp_and_vjp_each_serve_their_mode():
    used = []

    @dm.custom_jvp
    def norm(x):
        return np.sqrt(np.sum(x**2))

    @norm.def_jvp
    def _(primals, tangents):
        used.append("jvp")
        return norm(primals[0]), primals[0] @ tangents[0] / norm(primals[0])

    @norm.def_vjp
    def _(primals, y_bar):
        used.append("vjp")
        return (y_bar * primals[0] / norm(primals[0]),)

    x = np.array([3.0, 4.0])
    np.testing.assert_allclose(dm.jacobian_fwd(norm, x), x / 5, rtol=1e-15)
    np.testing.assert_allclose(dm.gradient(norm, x), x / 5, rtol=1e-15)
    assert ["jvp", "jvp", "vjp"] == used


def test_none_is_a_zero_cotangent():
    @dm.custom_jvp
    def f(x, data):
        return x * data

    f.def_vjp(lambda primals, y_bar: (y_bar * primals[1], None))
    assert np.array_equal(
        [2.0, 3.0], dm.gradient(lambda x: np.sum(f(x, A[:2] * 0 + [2, 3])), A[:2])
    )
    assert not dm.gradient(lambda x: np.sum(f(A, x)), A).any()


@pytest.mark.parametrize(
    ("returned", "error", "sentence"),
    [
        (None, TypeError, "must return a tuple of 1 cotangents, one per argument"),
        ((1.0, 2.0), TypeError, "must return a tuple of 1 cotangents, one per argument"),
        (("a",), TypeError, "must return numbers or arrays of numbers; its cotangent 0 is a str."),
        ((1.0,), ValueError, "returned cotangent 0 of shape () for an argument of shape (3,)"),
    ],
)  # fmt: skip
def test_results_of_a_vjp_are_checked(returned, error, sentence):
    @dm.custom_jvp
    def f(x):
        return np.sum(x)

    f.def_vjp(lambda primals, y_bar: returned)
    with raises(error, f"The VJP of f {sentence}"):
        dm.gradient(f, A)


def test_a_vjp_must_be_a_function():
    with raises(TypeError, "def_vjp needs a function, got int."):
        dm.custom_jvp(np.sin).def_vjp(1)


def test_explain_takes_a_custom_function_as_one_step():
    @dm.custom_jvp
    def norm(x):
        return np.sqrt(np.sum(x**2))

    @norm.def_jvp
    def _(primals, tangents):
        return norm(primals[0]), primals[0] @ tangents[0] / norm(primals[0])

    explanation = dm.explain(lambda x: 2.0 * norm(x), np.array([3.0, 4.0]))
    assert 2 == len(explanation.graph.nodes)
    assert "norm(x)" in explanation.text()
    np.testing.assert_allclose(explanation.jacobian["x"], [1.2, 1.6], rtol=1e-15)
