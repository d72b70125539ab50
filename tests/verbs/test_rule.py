"""`rule`: element-wise functions with partials of the user's."""

import mpmath
import numpy as np
import pytest
from expecting import raises_literally as raises
from user_functions import exact, jacobians

import dualmc as dm
from dualmc.rules.table import RULES

sizes = pytest.mark.parametrize("n", [1, 3, 16, 17, 40])


@pytest.fixture(autouse=True)
def _rules_as_before():
    before = dict(RULES)
    yield
    RULES.clear()
    RULES.update(before)


# --- One argument --------------------------------------------------------------------------------


@sizes
def test_a_python_function(n):
    cube = np.frompyfunc(lambda x: x * x * x, 1, 1)
    dm.rule(cube, lambda x, y: 3 * x**2)
    x = np.linspace(-1.0, 2.0, n)
    for J in jacobians(cube, x):
        np.testing.assert_allclose(J, np.diag(3 * x**2), rtol=1e-15)
    y, J = dm.value_and_jacobian_fwd(lambda x: 2.0 * cube(x) + x[0], x)
    assert (np.float64, np.float64) == (y.dtype, J.dtype)
    assert np.array_equal([2.0 * (v * v * v) + x[0] for v in x], y)
    expected = np.diag(6 * x**2)
    expected[:, 0] += 1
    np.testing.assert_allclose(J, expected, rtol=1e-15)


def test_a_number():
    cube = np.frompyfunc(lambda x: x * x * x, 1, 1)
    dm.rule(cube, lambda x, y: 3 * x**2)
    assert 12.0 == dm.derivative(cube, 2.0)
    y, y_dot = dm.jvp(cube, 2.0, 0.5)
    assert (8.0, 6.0) == (y, y_dot)


def test_an_empty_array():
    cube = np.frompyfunc(lambda x: x * x * x, 1, 1)
    dm.rule(cube, lambda x, y: 3 * x**2)
    J = dm.jacobian_fwd(cube, np.zeros((0, 2)))
    assert (0, 2, 0, 2) == J.shape


def test_shapes_views_and_orders():
    cube = np.frompyfunc(lambda x: x * x * x, 1, 1)
    dm.rule(cube, lambda x, y: 3 * x**2)
    x = np.linspace(-1.0, 2.0, 24).reshape(2, 3, 4)
    for view in (lambda a: a.T, lambda a: a[:, ::-2], lambda a: a[..., None, 1], lambda a: a[1, 2]):
        taken = view(np.arange(24).reshape(x.shape)).ravel()
        expected = np.zeros((taken.size, 24))
        expected[np.arange(taken.size), taken] = 3 * x.ravel()[taken] ** 2
        y, J = dm.value_and_jacobian_fwd(lambda x, view=view: cube(view(x)), x)
        assert np.array_equal(cube(view(x)).astype(float), y)
        np.testing.assert_allclose(J.reshape(expected.shape), expected, rtol=1e-15)


@sizes
def test_a_ufunc_of_scipy(n):
    special = pytest.importorskip("scipy.special")
    dm.rule(special.erf, lambda x, y: 2 / np.sqrt(np.pi) * np.exp(-(x**2)))
    x = np.linspace(-2.0, 3.0, n)
    expected = np.diag(exact(lambda t: mpmath.diff(mpmath.erf, t), x))
    for J in jacobians(special.erf, x):
        np.testing.assert_allclose(J, expected, rtol=1e-14)
    y = dm.value_and_jacobian_fwd(special.erf, x)[0]
    assert np.array_equal(special.erf(x), y)


@sizes
def test_the_output_is_the_partials_last_argument(n):
    special = pytest.importorskip("scipy.special")
    seen = []

    def partial(x, y):
        seen.append((x, y))
        return y * (1 - y)

    dm.rule(special.expit, partial)
    x = np.linspace(-2.0, 3.0, n)
    J = dm.jacobian_fwd(special.expit, x)
    np.testing.assert_allclose(J, np.diag(1 / (2 + np.exp(x) + np.exp(-x))), rtol=1e-14)
    for seen_x, seen_y in seen:
        assert np.array_equal(x, seen_x)
        assert np.array_equal(special.expit(x), seen_y)


def test_float32_stays():
    special = pytest.importorskip("scipy.special")
    dm.rule(special.erf, lambda x, y: 2 / np.sqrt(np.pi) * np.exp(-(x**2)))
    dm.rule(special.exp10, lambda x, y: np.float64(np.log(10.0)) * y)
    dm.rule(special.round, 0)
    for n in (3, 20):
        x = np.linspace(-1.0, 1.0, n, dtype=np.float32)
        for sparse in (False, True):
            y, J = dm.value_and_jacobian_fwd(special.erf, x, sparse=sparse)
            assert (np.float32, np.float32) == (y.dtype, J.dtype)
            assert np.float32 == dm.jacobian_fwd(special.exp10, x, sparse=sparse).dtype
            assert np.float32 == dm.jacobian_fwd(special.round, x, sparse=sparse).dtype
        expected = np.diag(exact(lambda t: mpmath.diff(mpmath.erf, t), x))
        np.testing.assert_allclose(dm.jacobian_fwd(special.erf, x), expected, rtol=3e-7)


def test_a_python_function_of_float32_is_as_wide_as_its_value():
    """``np.frompyfunc`` computes with Python's floats: its results are float64."""
    cube = np.frompyfunc(lambda x: x * x * x, 1, 1)
    dm.rule(cube, lambda x, y: 3 * x**2)
    y, J = dm.value_and_jacobian_fwd(cube, np.array([1.5, 0.5], np.float32))
    assert y.dtype == J.dtype
    assert np.array_equal([3.375, 0.125], y)
    assert np.array_equal(np.diag([6.75, 0.75]), J)


@pytest.mark.parametrize("is_lazy", [False, True])
def test_a_function_of_numba(is_lazy):
    numba = pytest.importorskip("numba")

    def cube(x):
        return x * x * x

    cube = numba.vectorize(cube) if is_lazy else numba.vectorize(["float64(float64)"])(cube)
    dm.rule(cube, lambda x, y: 3 * x**2)
    x = np.linspace(-1.0, 2.0, 20)
    for n in (3, 20):
        np.testing.assert_allclose(
            dm.jacobian_fwd(cube, x[:n]), np.diag(3 * x[:n] ** 2), rtol=1e-15
        )
    assert 18.0 == dm.derivative(lambda t: dm.derivative(cube, t), 3.0)


def test_complex_numbers():
    special = pytest.importorskip("scipy.special")
    dm.rule(special.erf, lambda x, y: 2 / np.sqrt(np.pi) * np.exp(-(x**2)))
    x = np.linspace(0.5, 1.5, 3)
    # d erf(ix)/dx = 2i/sqrt(pi) exp(x**2)
    J = dm.jacobian_fwd(lambda x: special.erf(1j * x), x)
    np.testing.assert_allclose(J, np.diag(2j / np.sqrt(np.pi) * np.exp(x**2)), rtol=1e-14)


@pytest.mark.parametrize("n", [3, 20])
@pytest.mark.parametrize(
    ("partial", "slope"),
    [
        (2.5, 2.5),
        (-1, -1.0),
        (1, 1.0),
        (0, 0.0),
        (0.0, 0.0),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3.0),
        (lambda x, y: 2.5, 2.5),
        (lambda x, y: 3, 3.0),
        (lambda x, y: np.float64(1.5), 1.5),
        (lambda x, y: np.array(1.5), 1.5),
        (lambda x, y: np.full(x.shape, 2), 2.0),
        (lambda x, y: x > -np.inf, 1.0),
    ],
)
def test_numbers_as_partials(partial, slope, n):
    identity = np.frompyfunc(lambda x: x, 1, 1)
    dm.rule(identity, partial)
    x = np.linspace(-1.0, 1.0, n)
    for J in jacobians(identity, x):
        assert np.array_equal(slope * np.eye(n), J)
        assert np.float64 == J.dtype


def test_a_rule_may_be_replaced():
    identity = np.frompyfunc(lambda x: x, 1, 1)
    dm.rule(identity, 2.0)
    assert 2.0 == dm.derivative(identity, 1.0)
    dm.rule(identity, lambda x, y: 3.0 * x)
    assert 6.0 == dm.derivative(identity, 2.0)
    dm.rule(identity, 4.0)
    assert np.array_equal(4.0 * np.eye(2), dm.jacobian_fwd(identity, np.ones(2)))


def test_a_ufunc_of_numpy_without_a_rule():
    """``nextafter`` is not differentiable by dualmc, but a user may say what it is worth."""
    with pytest.raises(dm.MissingRuleError):
        dm.derivative(lambda x: np.nextafter(x, 2.0), 1.0)
    dm.rule(np.nextafter, 1.0, 0.0)
    assert 1.0 == dm.derivative(lambda x: np.nextafter(x, 2.0), 1.0)
    assert 0.0 == dm.derivative(lambda x: np.nextafter(2.0, x), 1.0)


def test_infinite_and_unknown_partials():
    """As for dualmc's own: inf where the slope is, no warning, a zero tangent stays 0."""
    root = np.frompyfunc(lambda x: x**0.5, 1, 1)
    dm.rule(root, lambda x, y: 0.5 / y)
    for padding in (0, 20):
        x = np.concatenate([[0.0, 4.0], np.ones(padding)])
        J = dm.jacobian_fwd(lambda x: root(x[:2]), x)
        assert np.array_equal([[np.inf, 0.0], [0.0, 0.25]], J[:, :2])
        J = dm.jacobian_fwd(lambda x: root(x[1:3] * [0.0, 1.0] + [0.0, 3.0])[:2], x + 1.0)
        assert 0.0 == J[0, 1]
    y, y_dot = dm.jvp(root, [0.0, 4.0], [0.0, 1.0])
    assert np.array_equal([0.0, 0.25], y_dot)


def test_options_of_a_ufunc():
    special = pytest.importorskip("scipy.special")
    dm.rule(special.erf, lambda x, y: 2 / np.sqrt(np.pi) * np.exp(-(x**2)))
    x = np.array([0.5, -1.0, 2.0])
    slopes = exact(lambda t: mpmath.diff(mpmath.erf, t), x)

    def out(x):
        y = np.zeros_like(x)
        special.erf(x, out=y)
        return y

    def overwritten(x):
        special.erf(x, out=x)
        return x

    def where(x):
        return special.erf(x, out=2.0 * x, where=np.array([True, False, True]))

    for f, expected in (
        (out, slopes),
        (overwritten, slopes),
        (where, np.where([True, False, True], slopes, 2.0)),
    ):
        for padding in (0, 20):
            z = np.concatenate([x, np.zeros(padding)])
            J = dm.jacobian_fwd(lambda z, f=f: f(z[:3]), z)
            np.testing.assert_allclose(J[:, :3], np.diag(expected), rtol=1e-14)
    with pytest.raises(dm.TangentLostError, match="plain float64 array"):
        dm.jacobian_fwd(dm.as_is(lambda x: special.erf(x, out=np.zeros(3))), x)


@pytest.mark.parametrize("method", ["reduce", "accumulate"])
def test_a_method_is_right_or_refused_by_name(method):
    hypotenuse = np.frompyfunc(lambda a, b: (a * a + b * b) ** 0.5, 2, 1)
    dm.rule(hypotenuse, lambda a, b, y: a / y, lambda a, b, y: b / y)
    x = np.array([3.0, 4.0, 12.0])
    try:
        y, J = dm.value_and_jacobian_fwd(getattr(hypotenuse, method), x)
    except dm.MissingRuleError as error:
        assert "<lambda> (vectorized)" in str(error)
    else:
        assert (np.float64, np.float64) == (y.dtype, J.dtype)
        assert 13.0 == np.ravel(y)[-1]
        np.testing.assert_allclose(np.atleast_2d(J)[-1], x / 13.0, rtol=1e-15)


# --- Several arguments ---------------------------------------------------------------------------


def make_product():
    """``a**2 * b`` by a Python function."""
    ufunc = np.frompyfunc(lambda a, b: a * a * b, 2, 1)
    dm.rule(ufunc, lambda a, b, y: 2 * a * b, lambda a, b, y: a**2)
    return ufunc


@sizes
def test_two_arguments(n):
    product = make_product()
    a, b = np.linspace(0.5, 1.5, n), np.linspace(2.0, 1.0, n)
    for J in jacobians(lambda a: product(a, b), a):
        np.testing.assert_allclose(J, np.diag(2 * a * b), rtol=1e-15)
    for J in jacobians(lambda b: product(a, b), b):
        np.testing.assert_allclose(J, np.diag(a**2), rtol=1e-15)
    for J in jacobians(lambda a: product(a, a), a):
        np.testing.assert_allclose(J, np.diag(3 * a**2), rtol=1e-15)
    for J in jacobians(lambda a: product(a, 2.0), a):
        np.testing.assert_allclose(J, np.diag(4 * a), rtol=1e-15)
    for J in jacobians(lambda a: product(3, a), a):
        assert np.array_equal(9.0 * np.eye(n), J)
    for J in jacobians(lambda a: product(a, a[::-1]), a):
        expected = np.diag(2 * a * a[::-1]) + np.diag(a**2)[:, ::-1]
        np.testing.assert_allclose(J, expected, rtol=1e-15)
    Ja, Jb = dm.jacobian_fwd(product, a, b, argnums=(0, 1))
    np.testing.assert_allclose(Ja, np.diag(2 * a * b), rtol=1e-15)
    np.testing.assert_allclose(Jb, np.diag(a**2), rtol=1e-15)


@pytest.mark.parametrize("padding", [0, 20])
def test_broadcasting(padding):
    product = make_product()
    x = np.linspace(0.5, 1.5, 7 + padding)

    def f(x):
        return product(x[:3, None], x[3:7])

    a, b = x[:3, None], x[3:7]
    expected = np.zeros((3, 4, x.size))
    for i in range(3):
        expected[i, :, i] = (2 * a * b)[i]
    for j in range(4):
        expected[:, j, 3 + j] = a[:, 0] ** 2
    for J in jacobians(f, x):
        np.testing.assert_allclose(J.reshape(expected.shape), expected, rtol=1e-15)


@pytest.mark.parametrize("n", [4, 20])
def test_three_arguments(n):
    fused = np.frompyfunc(lambda a, b, c: a * b + c, 3, 1)
    dm.rule(fused, lambda a, b, c, y: b, lambda a, b, c, y: a, 1.0)
    x = np.linspace(0.5, 1.5, n)
    for J in jacobians(lambda x: fused(x, x[::-1], x[0]), x):
        expected = np.diag(x[::-1]) + np.diag(x)[:, ::-1]
        expected[:, 0] += 1.0
        np.testing.assert_allclose(J, expected, rtol=1e-15)
    for J in jacobians(lambda x: fused(2.0, x, np.ones(n)), x):
        assert np.array_equal(2.0 * np.eye(n), J)


def test_a_partial_is_evaluated_for_varying_arguments_only():
    """So an argument without a known partial may stay constant: the order of a Bessel function."""
    special = pytest.importorskip("scipy.special")

    def unknown(v, x, y):
        raise ArithmeticError("the derivative by the order")

    dm.rule(special.jv, unknown, lambda v, x, y: (special.jv(v - 1, x) - special.jv(v + 1, x)) / 2)
    x = np.linspace(0.5, 5.0, 4)
    slopes = exact(lambda t: mpmath.besselj(2, t, derivative=1), x)
    np.testing.assert_allclose(
        dm.jacobian_fwd(lambda x: special.jv(2.0, x), x), np.diag(slopes), rtol=1e-12
    )
    curvatures = exact(lambda t: mpmath.besselj(2, t, derivative=2), x)
    for t, curvature in zip(x, curvatures, strict=True):
        slope = dm.derivative(lambda t: dm.derivative(lambda t: special.jv(2.0, t), t), t)
        np.testing.assert_allclose(slope, curvature, rtol=1e-11)
    with raises(ArithmeticError, "the derivative by the order"):
        dm.jacobian_fwd(lambda x: special.jv(x, 2.0), x)


def test_number_and_function_partials_together():
    ramp = np.frompyfunc(lambda a, b: 2.0 * a - b**3, 2, 1)
    dm.rule(ramp, 2, lambda a, b, y: -3 * b**2)
    x = np.linspace(0.5, 1.5, 5)
    for J in jacobians(lambda x: ramp(x, x), x):
        np.testing.assert_allclose(J, np.diag(2 - 3 * x**2), rtol=1e-15, atol=1e-15)


# --- Nested derivatives --------------------------------------------------------------------------


@pytest.mark.parametrize("n", [3, 20])
def test_hessian_through_a_rule(n):
    product = make_product()
    x = np.linspace(0.5, 1.5, n)

    def f(x):
        return np.sum(product(x, x[::-1]))

    # sum a_i**2 a_j with j = n-1-i
    r = x[::-1]
    gradient = 2 * x * r + r**2
    H = np.diag(2 * r) + np.diag(2 * x + 2 * r)[:, ::-1]
    np.testing.assert_allclose(dm.jacobian_fwd(f, x), gradient, rtol=1e-14)
    actual = dm.jacobian_fwd(lambda x: dm.jacobian_fwd(f, x), x)
    np.testing.assert_allclose(actual, H, rtol=1e-14)
    actual = dm.jacobian_fwd(lambda x: dm.jacobian_fwd(f, x), x, sparse=True)
    np.testing.assert_allclose(actual.toarray(), H, rtol=1e-14)


def test_third_derivative_through_a_rule():
    special = pytest.importorskip("scipy.special")
    dm.rule(special.erf, lambda x, y: 2 / np.sqrt(np.pi) * np.exp(-(x**2)))

    def first(t):
        return dm.derivative(special.erf, t)

    def second(t):
        return dm.derivative(first, t)

    for t in (-0.5, 0.25, 1.5):
        for order, f in ((1, first), (2, second), (3, lambda t: dm.derivative(second, t))):
            expected = exact(lambda s, order=order: mpmath.diff(mpmath.erf, s, order), [t])[0]
            np.testing.assert_allclose(f(t), expected, rtol=1e-13)


def test_a_rule_that_uses_another_rule():
    def quartic(t):
        return t**4

    def cubic(t):
        return 4 * t**3

    first, second = np.frompyfunc(quartic, 1, 1), np.frompyfunc(cubic, 1, 1)
    dm.rule(first, lambda x, y: second(x).astype(float))
    x = np.linspace(0.5, 4.0, 4)
    np.testing.assert_allclose(dm.jacobian_fwd(first, x), np.diag(4 * x**3), rtol=1e-13)
    with raises(dm.MissingRuleError, "cubic"):
        dm.jacobian_fwd(lambda x: dm.jacobian_fwd(first, x), x)
    dm.rule(second, lambda x, y: 12 * x**2)
    H = dm.jacobian_fwd(lambda x: dm.jacobian_fwd(lambda x: first(x).sum(), x), x)
    np.testing.assert_allclose(H, np.diag(12 * x**2), rtol=1e-13)


def test_inner_and_outer_variables_in_one_call():
    product = make_product()
    # d/db of d/da (a**2 b) at a = 3, b = 5
    inner = 3.0
    assert 30.0 == dm.derivative(lambda a: product(a, 5.0), inner)
    assert 6.0 == dm.derivative(lambda b: dm.derivative(lambda a: product(a, b), inner), 5.0)
    assert 10.0 == dm.derivative(lambda a: dm.derivative(lambda b: product(a * b, 5.0), 1.0) / a, 1)
    assert 6.0 == dm.derivative(lambda a: dm.derivative(lambda b: product(a, b), 5.0), inner)


def test_perturbations_do_not_mix_in_a_rule():
    product = make_product()
    # d/dx x * d/dy (x + y)**2 * 1 at y = 1: x * 2 (x + 1), at x = 2: 2 (2x + 1) = 10
    actual = dm.derivative(lambda x: x * dm.derivative(lambda y: product(x + y, 1.0), 1.0), 2.0)
    assert 10.0 == actual


def test_hand_made_duals():
    product = make_product()
    d = product(dm.Dual([1.0, 2.0], [1.0, 0.0]), dm.Dual([3.0, 4.0], [0.0, 1.0]))
    assert np.array_equal([3.0, 16.0], d.primal)
    assert np.array_equal([6.0, 4.0], d.tangent)


# --- Errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "kind"),
    [(lambda x: x, "function"), ("sin", "str"), (None, "NoneType"), (1.0, "float")],
)
def test_not_a_ufunc(function, kind):
    with raises(
        TypeError,
        f"rule needs a ufunc, got {kind}. For any other function use @dualmc.custom_jvp.",
    ):
        dm.rule(function, 1.0)


@pytest.mark.parametrize(
    ("ufunc", "name", "count"),
    [
        (np.sin, "numpy.sin", 1),
        (np.add, "numpy.add", 2),
        (np.floor, "numpy.floor", 1),
        (np.matmul, "numpy.matmul", 2),
        (np.modf, "numpy.modf", 1),
        (np.isnan, "numpy.isnan", 1),
    ],
)
def test_a_rule_of_dualmc_cannot_be_replaced(ufunc, name, count):
    with raises(ValueError, f"rule: dualmc has its own rule for {name}; it cannot be replaced."):
        dm.rule(ufunc, *[1.0] * count)
    x = np.array([0.5, 2.0])
    np.testing.assert_allclose(dm.jacobian_fwd(np.sin, x), np.diag(np.cos(x)), rtol=1e-15)


def test_several_outputs():
    pair = np.frompyfunc(lambda x: (x, x), 1, 2)
    with raises(
        ValueError,
        "rule needs an element-wise ufunc with one output; <lambda> (vectorized) has 2 outputs and "
        "signature None. Use @dualmc.custom_jvp.",
    ):
        dm.rule(pair, 1.0)


def test_a_generalised_ufunc():
    special = pytest.importorskip("scipy.special")
    ufuncs = [u for u in vars(special).values() if isinstance(u, np.ufunc) and u.signature]
    ufuncs += [np.linalg._umath_linalg.det]
    for ufunc in ufuncs:
        with raises(ValueError, f"and signature {ufunc.signature}. Use @dualmc.custom_jvp."):
            dm.rule(ufunc, *[1.0] * ufunc.nin)


@pytest.mark.parametrize("partials", [(), (1.0,), (1.0, 1.0, 1.0)])
def test_the_number_of_partials(partials):
    ufunc = np.frompyfunc(lambda a, b: a, 2, 1)
    with raises(
        ValueError,
        f"rule(<lambda> (vectorized), ...) needs 2 partials, one per argument; got "
        f"{len(partials)}.",
    ):
        dm.rule(ufunc, *partials)
    assert ufunc not in RULES


@pytest.mark.parametrize(
    ("partial", "kind"),
    [("x", "str"), (None, "NoneType"), ([1.0], "list"), (1j, "complex"), (np.ones(2), "ndarray")],
)
def test_the_kind_of_a_partial(partial, kind):
    ufunc = np.frompyfunc(lambda a, b: a, 2, 1)
    with raises(
        TypeError,
        f"rule(<lambda> (vectorized), ...): partial 1 must be a number or a function of the inputs "
        f"and the output, got {kind}.",
    ):
        dm.rule(ufunc, 1.0, partial)
    assert ufunc not in RULES


def test_without_a_rule():
    ufunc = np.frompyfunc(lambda x: x, 1, 1)
    with raises(
        dm.MissingRuleError, "dualmc has no derivative rule for <lambda> (vectorized). Add one with"
    ):
        dm.jacobian_fwd(ufunc, np.ones(2))


def test_an_error_in_a_partial_passes():
    ufunc = np.frompyfunc(lambda x: x, 1, 1)
    dm.rule(ufunc, lambda x: 1.0)  # forgot the output
    with pytest.raises(TypeError, match="positional argument"):
        dm.jacobian_fwd(ufunc, np.ones(2))
    assert np.array_equal(np.eye(2), dm.jacobian_fwd(np.positive, np.ones(2)))
