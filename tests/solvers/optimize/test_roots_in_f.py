"""Root finders of scipy.optimize called by f: derivatives to all digits and orders."""

import numpy as np
import pytest

import dualmc as dm

optimize = pytest.importorskip("scipy.optimize")
elementwise = pytest.importorskip("scipy.optimize.elementwise")

A = 4.0  # t**2 = A at t = 2: derivatives 1/4, -1/32, 3/256
ROOTS = {
    "brentq": lambda a: optimize.brentq(lambda t: t * t - a, 0.0, 9.0, xtol=1e-14),
    "brenth": lambda a: optimize.brenth(lambda t: t * t - a, 0.0, 9.0, xtol=1e-14),
    "ridder": lambda a: optimize.ridder(lambda t: t * t - a, 0.0, 9.0, xtol=1e-14),
    "bisect": lambda a: optimize.bisect(lambda t, b: t * t - b, 0.0, 9.0, (a,), xtol=1e-14),
    "full output": lambda a: optimize.brentq(lambda t: t * t - a, 0, 9, full_output=True)[0],
    "toms748": lambda a: optimize.toms748(lambda t: t * t - a, 0.0, 9.0),
    "a bracket of Duals": lambda a: optimize.brentq(lambda t: t * t - a, a / 8, a, xtol=1e-14),
    "newton": lambda a: optimize.newton(lambda t: t * t - a, 1.5, fprime=lambda t: 2 * t),
    "newton from the root": lambda a: optimize.newton(lambda t: t * t - a, 2.0),
    "halley": lambda a: optimize.newton(
        lambda t: t**2 - a, 1.5, fprime=lambda t: 2 * t, fprime2=lambda t: 2.0
    ),
    "newton of arrays": lambda a: optimize.newton(lambda t: t * t - a, np.array([1.5, 1.9]))[1],
    "root_scalar": lambda a: (
        optimize.root_scalar(lambda t, b: t * t - b, args=(a,), bracket=(0, 9), xtol=1e-14).root
    ),
    "newton with a list of args": lambda a: optimize.newton(
        lambda t, b, c: t * t - b * c, 1.5, args=[a / 2, 2.0]
    ),
    "brentq with one number for args": lambda a: optimize.brentq(
        lambda t, b: t * t - b, 0.0, 9.0, args=a, xtol=1e-14
    ),
    "root of the full output": lambda a: (
        optimize.brentq(lambda t: t * t - a, 0, 9, full_output=True)[1].root
    ),
    "fixed point": lambda a: optimize.fixed_point(lambda t: (t + a / t) / 2, 1.5, xtol=1e-14),
    "find_root": lambda a: elementwise.find_root(lambda t, b: t * t - b, (0.0, 9.0), args=(a,)).x,
    "find_root in a bracket found": lambda a: (
        elementwise.find_root(
            lambda t: t * t - a, elementwise.bracket_root(lambda t: t * t - a, 0.5, 1.0).bracket
        ).x
    ),
    "fsolve": lambda a: optimize.fsolve(lambda t: t * t - a, 1.9, xtol=1e-14)[0],
    "root": lambda a: optimize.root(lambda t: t**2 - a, np.array([1.9]), tol=1e-14).x[0],
    "root with its jac": lambda a: optimize.root(
        lambda t: (t**2 - a, np.diag(2 * t)), np.array([1.9]), jac=True, tol=1e-14
    ).x[0],
    "root df-sane": lambda a: optimize.root(
        lambda t: t**2 - a, np.array([1.9]), method="df-sane", options={"ftol": 1e-13}
    ).x[0],
}


@pytest.mark.parametrize("name", ROOTS)
def test_derivatives_of_a_square_root(name):
    f = ROOTS[name]
    y, J = dm.value_and_jacobian_fwd(f, A)
    assert float(f(A)) == y
    np.testing.assert_allclose(J, 1 / 4, rtol=1e-11)
    np.testing.assert_allclose(dm.jacobian_rev(f, A), 1 / 4, rtol=1e-11)

    def first(a):
        return dm.derivative(f, a)

    def second(a):
        return dm.derivative(first, a)

    np.testing.assert_allclose(second(A), -1 / 32, rtol=1e-10)
    np.testing.assert_allclose(dm.hessian(f, A), -1 / 32, rtol=1e-10)
    np.testing.assert_allclose(dm.derivative(second, A), 3 / 256, rtol=1e-9)


@pytest.mark.parametrize("mode", [dm.jacobian_fwd, dm.jacobian_rev])
def test_a_system(mode):
    """y0 = x1 y1 and y0^2 + y1 = x0: at x = (2, 1) the root is (1, 1)."""

    def f(x):
        def residual(y):
            return np.array([y[0] ** 2 + y[1] - x[0], y[0] - y[1] * x[1]])

        return optimize.root(residual, np.ones(2) * 1.1, tol=1e-14).x

    # [[2, 1], [1, -1]] dy = [dx0, dx1]
    np.testing.assert_allclose(mode(f, [2.0, 1.0]), [[1 / 3, 1 / 3], [1 / 3, -2 / 3]], rtol=1e-11)


def test_the_solver_runs_on_plain_numbers_once():
    seen = []

    def f(a):
        def residual(t):
            seen.append(type(t))
            return t**3 - a

        return optimize.brentq(residual, 0.0, 9.0)

    f(8.0)
    plain = len(seen)
    seen.clear()
    dm.derivative(f, 8.0)
    assert dm.Dual not in seen[:plain]
    # At the root: the residual and its slope, twice; and slopes near it.
    assert len(seen) <= plain + 8


def test_a_loose_root_has_the_derivative_of_the_root():
    """Newton's steps go on where the solver stops; the value is the solver's."""

    def f(a):
        return optimize.brentq(lambda t: t * t - a, 0.0, 9.0, xtol=1e-3, rtol=1e-3)

    y, slope = dm.value_and_jacobian_fwd(f, A)
    assert y == f(A) and abs(y - 2) > 1e-9
    np.testing.assert_allclose(slope, 1 / 4, rtol=1e-13)


def test_elements_of_newton_and_find_root():
    x = np.array([0.5, 3.0])
    for f in (
        lambda x: optimize.newton(lambda t, a: t**3 - a, np.ones(2), args=(x,), tol=1e-14),
        lambda x: elementwise.find_root(lambda t, a: t**3 - a, (0.0, 9.0), args=(x,)).x,
    ):
        J = dm.jacobian_fwd(f, x)
        np.testing.assert_allclose(J, np.diag(x ** (-2 / 3) / 3), rtol=1e-12, atol=1e-15)


def test_a_prepared_root_is_not_replayed():
    f = ROOTS["brentq"]
    with pytest.warns(UserWarning, match="scipy.optimize.brentq is not recorded"):
        prepared = dm.prepare(f, A)
    np.testing.assert_allclose(prepared(9.0), 1 / 6, rtol=1e-12)


REFUSED = {
    "a double root": lambda a: optimize.newton(lambda t: (t - a) ** 2, 1.0),
    "a triple root": lambda a: optimize.bisect(lambda t: (t - a) ** 3, 0.0, 9.1),
    "a triple root, multiplied out": lambda a: optimize.brentq(
        lambda t: t**3 - 3 * a * t * t + 3 * a * a * t - a**3, 0.0, 9.0
    ),
    "a pole": lambda a: optimize.brentq(lambda t: 1 / (t - a), 0.0, 9.0),
    "a jump": lambda a: optimize.brentq(lambda t: a / 4 if t > a else -1.0, 0.0, 9.0),
    "no root": lambda a: optimize.root(lambda t: t * t + a, np.ones(1)).x[0],
    "a singular system": lambda a: optimize.fsolve(
        lambda t: np.array([0.1 * t[0] + 0.3 * t[1] - a, 0.2 * t[0] + 0.6 * t[1] - 2 * a]), [1, 1]
    )[0],
    "stopped early": lambda a: optimize.newton(
        lambda t: np.exp(t) - a, 9.0, maxiter=3, disp=False, full_output=True
    )[0],
    "a Jacobian of the solver's own": lambda a: (
        optimize.root(lambda t: t * t - a, np.array([1.9])).fjac[0, 0] * a
    ),
    "brackets by their beginning": lambda a: elementwise.bracket_root(
        lambda t: t**3 - 8, a, 2 * a
    ).bracket[0],
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("mode", [dm.derivative, dm.jacobian_rev])
def test_roots_without_a_derivative_are_refused(mode, name):
    REFUSED[name](3.7)
    with pytest.raises((dm.MissingRuleError, dm.TangentLostError)):
        mode(REFUSED[name], 3.7)


def test_a_root_that_does_not_depend_on_x():
    J = dm.jacobian_fwd(lambda x: x * optimize.brentq(lambda t: t * t - 4.0, 0, 9), np.ones(2))
    np.testing.assert_allclose(J, 2 * np.eye(2), rtol=1e-12)
