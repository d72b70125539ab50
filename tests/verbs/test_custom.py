"""Users' own rules: `rule` for ufuncs, `custom_jvp` for any function."""

import contextlib
import re

import mpmath
import numpy as np
import pytest

import dualmc as dm
from dualmc.rules.table import RULES

sizes = pytest.mark.parametrize("n", [1, 3, 16, 17, 40])


@pytest.fixture(autouse=True)
def _rules_as_before():
    before = dict(RULES)
    yield
    RULES.clear()
    RULES.update(before)


@contextlib.contextmanager
def raises(kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        yield


def exact(function, xs):
    """`function` of mpmath at every x, rounded once."""
    with mpmath.workdps(40):
        return np.array([float(function(mpmath.mpf(float(x)))) for x in xs])


def jacobians(f, x, **options):
    """The Jacobian by every way the driver has."""
    yield dm.jacobian_fwd(f, x, **options)
    yield dm.jacobian_fwd(f, x, chunk_size=2, **options)
    yield dm.jacobian_fwd(f, x, sparse=True, **options).toarray()
    yield dm.jacobian_fwd(f, x, sparse=True, chunk_size=5, **options).toarray()
    yield dm.jacobian_rev(f, x, **options)
    yield dm.jacobian_rev(f, x, chunk_size=1, **options)


# --- rule: one argument --------------------------------------------------------------------------


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


# --- rule: several arguments ---------------------------------------------------------------------


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


# --- rule: nested derivatives --------------------------------------------------------------------


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
    special = pytest.importorskip("scipy.special")
    # The integral of the Struve function L0, whose derivative is 2/pi + L1.
    integral = special.itmodstruve0
    dm.rule(integral, lambda x, y: special.modstruve(0.0, x))
    x = np.linspace(0.5, 4.0, 4)
    expected = exact(lambda t: mpmath.struvel(0, t), x)
    np.testing.assert_allclose(dm.jacobian_fwd(integral, x), np.diag(expected), rtol=1e-13)
    with raises(dm.MissingRuleError, "modstruve"):
        dm.jacobian_fwd(lambda x: dm.jacobian_fwd(integral, x), x)
    dm.rule(special.modstruve, np.nan, lambda v, x, y: 2 / np.pi + special.modstruve(v + 1.0, x))
    H = dm.jacobian_fwd(lambda x: dm.jacobian_fwd(lambda x: integral(x).sum(), x), x)
    expected = exact(lambda t: 2 / mpmath.pi + mpmath.struvel(1, t), x)
    np.testing.assert_allclose(H, np.diag(expected), rtol=1e-13)


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


# --- rule: errors --------------------------------------------------------------------------------


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


# --- custom_jvp ----------------------------------------------------------------------------------


class Counted:
    """``a**2 * b + c`` of arrays as C code would take them, with the calls of function and rule."""

    def __init__(self):
        self.function_calls = self.rule_calls = 0

        @dm.custom_jvp
        def f(a, b=1.0, c=0.0):
            self.function_calls += 1
            assert not any(isinstance(x, dm.Dual) for x in (a, b, c))
            return np.asarray(a) ** 2 * b + c

        @f.def_jvp
        def f_jvp(primals, tangents):
            self.rule_calls += 1
            assert len(primals) == len(tangents)
            for p, t in zip(primals, tangents, strict=True):
                assert np.shape(p) == np.shape(t)
            a, b, c = (*primals, 1.0, 0.0) if len(primals) == 1 else primals
            a_dot, b_dot, c_dot = (*tangents, 0.0, 0.0)[:3]
            return np.asarray(a) ** 2 * b + c, 2 * a * b * a_dot + a**2 * b_dot + c_dot

        self.f = f


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


@dm.custom_jvp
def power(x, exponent=2.0, scale=1.0):
    return scale * np.asarray(x) ** exponent


@power.def_jvp
def power_jvp(primals, tangents, exponent=2.0, scale=1.0):
    (x,), (x_dot,) = primals, tangents
    return power(x, exponent=exponent, scale=scale), scale * exponent * x ** (exponent - 1) * x_dot


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


@dm.custom_jvp
def polar(r, angle):
    return r * np.cos(angle), r * np.sin(angle), np.hypot(r, 0.0).sum()


@polar.def_jvp
def polar_jvp(primals, tangents):
    (r, angle), (r_dot, angle_dot) = primals, tangents
    c, s = np.cos(angle), np.sin(angle)
    return polar(r, angle), (
        c * r_dot - r * s * angle_dot,
        s * r_dot + r * c * angle_dot,
        np.sum(r_dot),
    )


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


class Lens:
    """A method and its rule."""

    def __init__(self, strength):
        self.strength = strength

    @dm.custom_jvp
    def bend(self, x, offset=0.0):
        return self.strength * np.asarray(x) ** 2 + offset

    @bend.def_jvp
    def _bend_jvp(primals, tangents, offset=0.0):
        (self, x), (_, x_dot) = primals, tangents
        return self.bend(x, offset=offset), 2 * self.strength * x * x_dot


@pytest.mark.parametrize("n", [3, 20])
def test_methods(n):
    x = np.linspace(0.5, 1.5, n)
    weak, strong = Lens(1.0), Lens(3.0)
    assert np.array_equal(3.0 * x**2, strong.bend(x))
    np.testing.assert_allclose(dm.jacobian_fwd(weak.bend, x), np.diag(2 * x), rtol=1e-15)
    J = dm.jacobian_fwd(lambda x: strong.bend(weak.bend(x, offset=1.0)), x)
    np.testing.assert_allclose(J, np.diag(6 * (x**2 + 1) * 2 * x), rtol=1e-14)
    assert isinstance(Lens.bend, dm.custom_jvp)


# --- custom_jvp: nested --------------------------------------------------------------------------


@dm.custom_jvp
def logistic(x):
    """Written with what NumPy has for plain arrays only, and a rule in terms of itself."""
    assert not isinstance(x, dm.Dual)
    return 1 / (1 + np.exp(-np.asarray(x, float)))


@logistic.def_jvp
def logistic_jvp(primals, tangents):
    (x,), (x_dot,) = primals, tangents
    y = logistic(x)
    return y, y * (1 - y) * x_dot


def logistic_derivative(order, xs):
    def f(t):
        return 1 / (1 + mpmath.exp(-t))

    return exact(lambda t: mpmath.diff(f, t, order), xs)


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


# --- custom_jvp: results are the user's own ------------------------------------------------------


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


# --- custom_jvp: errors --------------------------------------------------------------------------


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


# --- custom_jvp: transposed rules ----------------------------------------------------------------


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
