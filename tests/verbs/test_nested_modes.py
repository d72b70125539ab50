"""Forward and reverse mode in one another, in every order."""

import itertools

import numpy as np
import pytest
from nested_functions import (
    outer_and_inner_at_once,
    outer_into_inner_argument,
    outer_into_inner_buffer,
    outer_into_inner_view,
    outer_read_through_an_older_view,
    rosenbrock,
    rosenbrock_hessian,
)
from oracles import complex_step, differences

import dualmc as dm

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


every_outer = pytest.mark.parametrize("outer", SLOPES.values(), ids=SLOPES)
every_inner = pytest.mark.parametrize("inner", SLOPES.values(), ids=SLOPES)


@pytest.mark.table
@every_inner
@every_outer
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


@pytest.mark.table
@every_inner
@every_outer
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


def test_a_pullback_of_a_finished_outer_call_is_that_of_plain_numbers():
    for outer in (dm.jacobian_fwd, dm.jacobian_rev):
        kept = []

        def f(x, kept=kept):
            kept.append(dm.vjp(lambda t: t * x, x)[1])
            return x

        outer(f, np.array([2.0, 3.0, 4.0]))
        np.testing.assert_array_equal(kept[0](np.ones(3)), [2.0, 3.0, 4.0])
        with pytest.raises(dm.TangentLostError, match="already finished"):
            outer(lambda x, kept=kept: kept[0](x), np.ones(3))


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
