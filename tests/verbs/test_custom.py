"""`custom_jvp`: functions of arrays whose derivative the user gives."""

import numpy as np
import pytest
from expecting import raises_literally as raises
from user_functions import Counted, Lens, logistic, logistic_derivative, polar, power

import dualmc as dm


def test_plain_arguments_run_the_function():
    counted = Counted()
    assert np.array_equal([2.0, 13.0], counted.f(np.array([1.0, 3.0]), 1.0, np.array([1.0, 4.0])))
    assert 4.0 == counted.f(2.0)
    assert np.array_equal([1.0, 4.0], counted.f([1.0, 2.0]))
    assert (3, 0) == (counted.function_calls, counted.rule_calls)


def test_it_keeps_the_name_and_the_documentation():
    @dm.custom_jvp
    def cubed(x):
        """x times x times x."""
        return x**3

    assert ("cubed", "x times x times x.") == (cubed.__name__, cubed.__doc__)


@pytest.mark.parametrize("n", [1, 3, 16, 17, 40])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("chunk_size", [None, 1, 4, 100])
def test_the_rule_is_called_once_per_column(n, sparse, chunk_size):
    counted = Counted()
    x = np.linspace(0.5, 1.5, n)
    J = dm.jacobian_fwd(counted.f, x, sparse=sparse, chunk_size=chunk_size)
    np.testing.assert_allclose(J.toarray() if sparse else J, np.diag(2 * x), rtol=1e-15)
    assert (0, n) == (counted.function_calls, counted.rule_calls)
    y, y_dot = dm.jvp(counted.f, x, x)
    np.testing.assert_allclose(y_dot, 2 * x**2, rtol=1e-15)
    assert (0, n + 1) == (counted.function_calls, counted.rule_calls)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 1, 9), (5, 4)])
def test_shapes(shape):
    counted = Counted()
    x = np.linspace(0.5, 1.5, int(np.prod(shape))).reshape(shape)
    y, J = dm.value_and_jacobian_fwd(counted.f, x)
    assert np.array_equal(x**2, y)
    expected = np.diag(2 * x.ravel()).reshape(shape + shape)
    np.testing.assert_allclose(J, expected, rtol=1e-15)


@pytest.mark.parametrize("padding", [0, 20])
def test_some_arguments_constant(padding):
    counted = Counted()
    x = np.linspace(0.5, 1.5, 3 + padding)
    w = np.array([2.0, -1.0, 0.5])
    a = x[:3]
    cases = [
        (lambda x: counted.f(x[:3], w, 3.0), np.diag(2 * a * w)),
        (lambda x: counted.f(w, x[:3], 1), np.diag(w**2)),
        (lambda x: counted.f(w, 2.0, x[:3]), np.eye(3)),
        (lambda x: counted.f(x[:3], x[:3], w), np.diag(3 * a**2)),
        (lambda x: counted.f(x[:3], x[:3], x[:3]), np.diag(3 * a**2 + 1)),
        (lambda x: counted.f([1.0, 2.0, 3.0], w, x[:3]), np.eye(3)),
        (lambda x: counted.f([x[0], 2.0, x[2]], 1.0, w), np.diag([2 * a[0], 0.0, 2 * a[2]])),
        (lambda x: counted.f(w, 2.0, [x[0], 1.0, x[0]]), np.outer([1.0, 0, 1.0], [1.0, 0, 0])),
    ]
    for f, expected in cases:
        J = dm.jacobian_fwd(f, x)
        np.testing.assert_allclose(J[:, :3], expected, rtol=1e-15)
        assert not J[:, 3:].any()


def test_a_dual_without_derivative_is_a_constant():
    """Nothing to differentiate: the function itself runs, and on plain arrays."""
    counted = Counted()
    J = dm.jacobian_fwd(lambda x: x * counted.f(np.floor(x)), [1.5, 2.5])
    assert np.array_equal(np.diag([1.0, 4.0]), J)
    assert (1, 0) == (counted.function_calls, counted.rule_calls)


def test_no_inputs():
    counted = Counted()
    J = dm.jacobian_fwd(counted.f, np.zeros((0,)))
    assert (0, 0) == J.shape


def test_views_written_arrays_and_memory_orders():
    counted = Counted()

    def f(x):
        y = np.zeros_like(x)
        y[:, 0] = x[:, 1]
        y[1] += x[0]
        return counted.f(y.T[::-1])

    x = np.linspace(0.5, 1.5, 6).reshape(2, 3)
    t = np.eye(6).reshape(6, 2, 3)
    y = np.zeros_like(x)
    y[:, 0] = x[:, 1]
    y[1] += x[0]
    y_dot = np.zeros_like(t)
    y_dot[:, :, 0] = t[:, :, 1]
    y_dot[:, 1] += t[:, 0]
    expected = np.stack([(2 * y * d).T[::-1] for d in y_dot], axis=-1).reshape(3, 2, 2, 3)
    np.testing.assert_allclose(dm.jacobian_fwd(f, x), expected, rtol=1e-15)


@pytest.mark.parametrize("n", [3, 20])
def test_keyword_arguments(n):
    x = np.linspace(0.5, 1.5, n)
    J = dm.jacobian_fwd(lambda x: power(x, exponent=3.0), x)
    np.testing.assert_allclose(J, np.diag(3 * x**2), rtol=1e-15)
    J = dm.jacobian_fwd(lambda x: power(x, scale=4.0), x)
    np.testing.assert_allclose(J, np.diag(8 * x), rtol=1e-15)
    assert 16.0 == power(2.0, exponent=3.0, scale=2.0)


def test_a_dual_as_a_keyword_argument_is_refused_by_name():
    """Keyword arguments are not differentiated: their derivative must not be lost in silence."""
    with pytest.raises(TypeError, match="scale"):
        dm.jacobian_fwd(lambda x: power(x, scale=x[0]), np.ones(2))


@pytest.mark.parametrize("n", [3, 20])
def test_tuple_outputs(n):
    r, angle = np.linspace(1.0, 2.0, n), np.linspace(0.0, 1.0, n)

    def f(r, angle):
        x, y, total = polar(r, angle)
        assert (n,) == x.shape == y.shape
        assert () == total.shape
        return np.concatenate([x, y, [total]])

    y, (Jr, Ja) = dm.value_and_jacobian_fwd(f, r, angle, argnums=(0, 1))
    c, s = np.cos(angle), np.sin(angle)
    assert np.array_equal(np.concatenate([r * c, r * s, [np.sum(r)]]), y)
    np.testing.assert_allclose(Jr, np.vstack([np.diag(c), np.diag(s), np.ones(n)]), rtol=1e-15)
    expected = np.vstack([np.diag(-r * s), np.diag(r * c), np.zeros(n)])
    np.testing.assert_allclose(Ja, expected, rtol=1e-15)
    assert isinstance(polar(r, angle), tuple)


def test_an_integer_output_becomes_a_float():
    @dm.custom_jvp
    def count(x):
        return np.array([1, 2])

    @count.def_jvp
    def count_jvp(primals, tangents):
        return count(*primals), np.array([0.5, 1.5]) * np.sum(tangents[0])

    y, J = dm.value_and_jacobian_fwd(lambda x: count(x) * 1.0, np.ones(3))
    assert np.array_equal([1.0, 2.0], y)
    assert np.array_equal([[0.5] * 3, [1.5] * 3], J)
    y, J = dm.value_and_jacobian_fwd(count, np.ones(3))
    assert np.array_equal([1.0, 2.0], y)
    assert np.array_equal([[0.5] * 3, [1.5] * 3], J)


@pytest.mark.parametrize("n", [1, 3, 20])
@pytest.mark.parametrize("kind", [float, np.float64, np.asarray])
def test_a_scalar_output(kind, n):
    @dm.custom_jvp
    def total(x):
        return kind(np.sum(x**2))

    @total.def_jvp
    def total_jvp(primals, tangents):
        (x,), (x_dot,) = primals, tangents
        return total(x), kind(2 * x @ x_dot)

    x = np.linspace(0.5, 1.5, n)
    y, J = dm.value_and_jacobian_fwd(total, x)
    assert np.sum(x**2) == y
    assert (n,) == J.shape
    np.testing.assert_allclose(J, 2 * x, rtol=1e-15)
    np.testing.assert_allclose(
        dm.jacobian_fwd(lambda x: total(x) * x, x)[-1, -1], J[-1] * x[-1] + y
    )


def test_a_list_output_is_an_array():
    @dm.custom_jvp
    def pair(x):
        return [x[0] * x[1], x[0] + x[1]]

    @pair.def_jvp
    def pair_jvp(primals, tangents):
        (x,), (t,) = primals, tangents
        return pair(x), [x[1] * t[0] + x[0] * t[1], t[0] + t[1]]

    J = dm.jacobian_fwd(pair, [2.0, 3.0])
    assert np.array_equal([[3.0, 2.0], [1.0, 1.0]], J)


@pytest.mark.parametrize("n", [3, 20])
def test_dtypes(n):
    x = np.linspace(0.5, 1.5, n, dtype=np.float32)
    y, J = dm.value_and_jacobian_fwd(lambda x: power(x), x)
    assert (np.float32, np.float32) == (y.dtype, J.dtype)

    @dm.custom_jvp
    def turned(x):
        return 1j * x

    @turned.def_jvp
    def turned_jvp(primals, tangents):
        return 1j * primals[0], 1j * tangents[0]

    J = dm.jacobian_fwd(turned, x)
    assert np.complex64 == J.dtype
    assert np.array_equal(1j * np.eye(n), J)


@pytest.mark.parametrize("n", [3, 20])
def test_methods(n):
    x = np.linspace(0.5, 1.5, n)
    weak, strong = Lens(1.0), Lens(3.0)
    assert np.array_equal(3.0 * x**2, strong.bend(x))
    np.testing.assert_allclose(dm.jacobian_fwd(weak.bend, x), np.diag(2 * x), rtol=1e-15)
    J = dm.jacobian_fwd(lambda x: strong.bend(weak.bend(x, offset=1.0)), x)
    np.testing.assert_allclose(J, np.diag(6 * (x**2 + 1) * 2 * x), rtol=1e-14)
    assert isinstance(Lens.bend, dm.custom_jvp)


# --- Nested --------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [3, 17])
def test_hessian(n):
    x = np.linspace(-1.0, 2.0, n)
    w = np.linspace(1.0, 2.0, n)

    def gradient(x):
        return dm.jacobian_fwd(lambda x: logistic(x) @ w, x)

    np.testing.assert_allclose(gradient(x), w * logistic_derivative(1, x), rtol=1e-14)
    H = np.diag(w * logistic_derivative(2, x))
    np.testing.assert_allclose(dm.jacobian_fwd(gradient, x), H, rtol=1e-13, atol=1e-16)
    actual = dm.jacobian_fwd(gradient, x, sparse=True, chunk_size=5).toarray()
    np.testing.assert_allclose(actual, H, rtol=1e-13, atol=1e-16)


def test_third_derivative():
    def second(t):
        return dm.derivative(lambda t: dm.derivative(logistic, t), t)

    for t in (-1.0, 0.25, 2.0):
        expected = logistic_derivative(3, [t])[0]
        np.testing.assert_allclose(dm.derivative(second, t), expected, rtol=1e-12)


def test_inner_and_outer_variables():
    """``f(a, b) = a**2 b`` with each of a, b at each level."""

    @dm.custom_jvp
    def f(a, b):
        assert not isinstance(a, dm.Dual)
        assert not isinstance(b, dm.Dual)
        return a**2 * b

    @f.def_jvp
    def f_jvp(primals, tangents):
        (a, b), (a_dot, b_dot) = primals, tangents
        return f(a, b), 2 * a * b * a_dot + a**2 * b_dot

    assert 6.0 == dm.derivative(lambda b: dm.derivative(lambda a: f(a, b), 3.0), 5.0)
    assert 6.0 == dm.derivative(lambda a: dm.derivative(lambda b: f(a, b), 5.0), 3.0)
    assert 10.0 == dm.derivative(lambda x: dm.derivative(lambda a: f(a, 5.0), x), 3.0)
    # a constant to the inner call, which differentiates something else
    assert 30.0 == dm.derivative(lambda a: dm.derivative(lambda t: f(a, 5.0) * t, 1.0), 3.0)
    assert 0.0 == dm.derivative(lambda a: dm.derivative(lambda t: f(a, 5.0) + 0 * t, 1.0), 3.0)
    # x * d/dy (x + y)**2 at y = 1: 2 x (x + 1)
    actual = dm.derivative(lambda x: x * dm.derivative(lambda y: f(x + y, 1.0), 1.0), 2.0)
    assert 10.0 == actual
    # both arguments depend on both variables: ((x + y)**2 x y), d2/dxdy = 3 x**2 + 8 x y + 3 y**2
    actual = dm.derivative(lambda x: dm.derivative(lambda y: f(x + y, x * y), 2.0), 3.0)
    assert 3 * 9 + 8 * 6 + 3 * 4 == actual


def test_nested_tuple_outputs():
    def f(z):
        x, y, total = polar(z[0], z[1])
        return x * y + total  # r**2 cos sin + r

    H = dm.jacobian_fwd(lambda z: dm.jacobian_fwd(f, z), [2.0, 0.3])
    expected = [[np.sin(0.6), 4 * np.cos(0.6)], [4 * np.cos(0.6), -8 * np.sin(0.6)]]
    np.testing.assert_allclose(H, expected, rtol=1e-14)


def test_a_rule_that_differentiates():
    """The rule may call derivatives itself, as implicit functions do."""

    @dm.custom_jvp
    def root(a):
        return np.sqrt(np.asarray(a, float))

    @root.def_jvp
    def root_jvp(primals, tangents):
        (a,), (a_dot,) = primals, tangents
        y = root(a)
        return y, a_dot / dm.derivative(lambda y: y**2 - a, y)

    assert 0.25 == dm.derivative(root, 4.0)
    np.testing.assert_allclose(
        dm.derivative(lambda a: dm.derivative(root, a), 4.0), -1 / 32, rtol=1e-15
    )


def test_hand_made_duals_of_several_tangents():
    y = logistic(dm.Dual([0.0, 0.0], [[1.0, 0.0], [2.0, 4.0]]))
    assert np.array_equal([0.5, 0.5], y.primal)
    assert np.array_equal([[0.25, 0.0], [0.5, 1.0]], y.tangent)


def test_a_hand_made_dual_inside_a_jacobian():
    d = dm.Dual(2.0, 1.0)
    J = dm.jacobian_fwd(lambda x: logistic(x * 0.0) * d, [1.0, 2.0])
    assert np.array_equal(np.zeros((2, 2)), J.primal)
    J = dm.jacobian_fwd(lambda x: logistic(x * d), [0.0])
    np.testing.assert_allclose(J.primal, [[0.5]], rtol=1e-15)  # d s'(0)
    np.testing.assert_allclose(J.tangent, [[0.25]], rtol=1e-15)  # s'(x d) + x d s'' at x = 0


# --- Results are the user's own ------------------------------------------------------------------


def test_what_the_rule_returns_may_be_reused_by_it():
    """A rule may return the same array each time; every column is kept as it was."""
    buffer = np.zeros(2)

    @dm.custom_jvp
    def doubled(x):
        return 2.0 * x

    @doubled.def_jvp
    def doubled_jvp(primals, tangents):
        np.multiply(tangents[0], 2.0, out=buffer)
        return doubled(*primals), buffer

    assert np.array_equal(2.0 * np.eye(2), dm.jacobian_fwd(doubled, np.ones(2)))


@pytest.mark.parametrize("padding", [0, 20])
def test_the_result_may_be_written_to(padding):
    def f(x):
        y = power(x[:2])
        z = y * 1.0
        y[0] = x[1]
        y += z
        return y

    J = dm.jacobian_fwd(f, np.concatenate([[3.0, 4.0], np.zeros(padding)]))
    assert np.array_equal([[6.0, 1.0], [0.0, 16.0]], J[:, :2])


def test_a_rule_that_keeps_tangents_does_not_see_later_writes():
    kept = []

    @dm.custom_jvp
    def same(x):
        return np.array(x)

    @same.def_jvp
    def same_jvp(primals, tangents):
        kept.append(tangents[0])
        return same(*primals), tangents[0]

    def f(x):
        x[0] = x[1]
        y = same(x)
        x[1] = 5.0 * x[0]
        y[0] = 0.0
        return x + y

    J = dm.jacobian_fwd(f, [1.0, 2.0])
    assert np.array_equal([[0.0, 1.0], [0.0, 6.0]], J)
    assert np.array_equal([[0.0, 0.0], [1.0, 1.0]], kept)


def test_threads():
    from concurrent.futures import ThreadPoolExecutor

    def work(k):
        x = np.linspace(-1.0, 1.0, 3 + 5 * k)
        J = dm.jacobian_fwd(lambda x: logistic(k * x), x)
        y = 1 / (1 + np.exp(-k * x))
        np.testing.assert_allclose(J, np.diag(k * y * (1 - y)), rtol=1e-14)
        return k

    with ThreadPoolExecutor(4) as pool:
        assert list(range(8)) == list(pool.map(work, range(8)))


# --- Errors --------------------------------------------------------------------------------------


def test_not_a_function():
    with raises(TypeError, "custom_jvp decorates a function, got float."):
        dm.custom_jvp(1.0)
    with raises(TypeError, "def_jvp needs a function, got NoneType."):
        dm.custom_jvp(np.sin).def_jvp(None)


def test_no_rule_yet():
    @dm.custom_jvp
    def solver(x):
        return x

    assert 2.0 == solver(2.0)
    with raises(
        TypeError,
        "solver is decorated with custom_jvp but has no derivative. Define it with "
        "@solver.def_jvp or @solver.def_vjp.",
    ):
        dm.jacobian_fwd(solver, np.ones(2))


def ruled(*out):
    """A function whose rule returns `out`, and so is wrong."""

    @dm.custom_jvp
    def solver(x):
        return x

    solver.def_jvp(lambda primals, tangents: out[0])
    return solver


@pytest.mark.parametrize(
    ("out", "kind"),
    [
        (None, "NoneType"),
        (np.ones(2), "ndarray"),
        (1.0, "float"),
        ([1.0, 1.0], "list"),
        ((1.0,), "tuple"),
        ((1.0, 1.0, 1.0), "tuple"),
    ],
)
def test_a_rule_that_returns_no_pair(out, kind):
    with raises(TypeError, f"The JVP of solver must return a pair (y, y_dot); it returned {kind}."):
        dm.jacobian_fwd(ruled(out), np.ones(2))


@pytest.mark.parametrize(
    ("y", "y_dot", "shapes"),
    [
        (np.ones(2), np.ones(3), ("(2,)", "(3,)")),
        (np.ones(2), 1.0, ("(2,)", "()")),
        (1.0, np.ones(2), ("()", "(2,)")),
        (np.ones((2, 1)), np.ones(2), ("(2, 1)", "(2,)")),
        ((np.ones(2), 1.0), (np.ones(2), np.ones(1)), ("()", "(1,)")),
    ],
)
def test_a_rule_that_returns_other_shapes(y, y_dot, shapes):
    with raises(
        ValueError,
        f"The JVP of solver returned y of shape {shapes[0]} and y_dot of shape {shapes[1]}; they "
        f"must be equal.",
    ):
        dm.jacobian_fwd(ruled((y, y_dot)), np.ones(2))


@pytest.mark.parametrize("y_dot", [(1.0,), (1.0, 1.0, 1.0), 1.0])
def test_a_rule_that_returns_another_number_of_outputs(y_dot):
    """The message names the function, as all do."""
    with pytest.raises((TypeError, ValueError), match="solver"):
        dm.jacobian_fwd(ruled(((1.0, 2.0), y_dot)), np.ones(2))


def test_errors_of_the_function_and_of_the_rule_pass():
    @dm.custom_jvp
    def solver(x):
        raise ArithmeticError("diverged")

    @solver.def_jvp
    def solver_jvp(primals, tangents):
        return solver(*primals), tangents[0]

    with raises(ArithmeticError, "diverged"):
        dm.jacobian_fwd(solver, np.ones(2))
    assert np.array_equal(np.eye(2), dm.jacobian_fwd(np.positive, np.ones(2)))


def test_a_dual_of_a_finished_call():
    kept = []
    dm.jacobian_fwd(lambda x: kept.append(x) or x, np.ones(2))
    with raises(dm.TangentLostError, "already finished"):
        dm.jacobian_fwd(lambda x: power(kept[0]) * x, np.ones(2))
    with raises(dm.TangentLostError, "already finished"):
        power(kept[0])


@pytest.mark.parametrize("y", ["solved", None, {}])
def test_a_result_that_is_no_number(y):
    with pytest.raises(TypeError):
        dm.jacobian_fwd(ruled((y, 0.0)), np.ones(2))
