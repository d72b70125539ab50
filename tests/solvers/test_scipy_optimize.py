"""Solvers of scipy.optimize called by f: roots to all digits and orders; minimizers refuse."""

import numpy as np
import pytest

import dualmc as dm

optimize = pytest.importorskip("scipy.optimize")

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
    assert plain + 2 == len(seen)  # the residual with its Duals, and its slope


def test_a_root_that_does_not_depend_on_x():
    J = dm.jacobian_fwd(lambda x: x * optimize.brentq(lambda t: t * t - 4.0, 0, 9), np.ones(2))
    np.testing.assert_allclose(J, 2 * np.eye(2), rtol=1e-12)


MINIMA = {
    "golden": lambda x: optimize.golden(lambda t: (t - x[0]) ** 2),
    "brent": lambda x: optimize.brent(lambda t: (t - x[0]) ** 2),
    "fminbound": lambda x: optimize.fminbound(lambda t: (t - x[0]) ** 2, -1, 3),
    "minimize_scalar": lambda x: optimize.minimize_scalar(lambda t: (t - x[0]) ** 2).x,
    "minimize": lambda x: optimize.minimize(lambda t: np.sum((t - x) ** 2), np.zeros(2)).x,
    "least_squares": lambda x: optimize.least_squares(lambda t: t - x, np.zeros(2)).x,
    "curve_fit": lambda x: optimize.curve_fit(lambda t, a: a * t, np.arange(2.0), x)[0],
    "nnls": lambda x: optimize.nnls(np.eye(2), x)[0],
    "fixed_point": lambda x: optimize.fixed_point(lambda t: np.cos(t) * x[0], 0.7),
}


@pytest.mark.parametrize("name", MINIMA)
@pytest.mark.parametrize("mode", [dm.jacobian_fwd, dm.jacobian_rev])
def test_minimizers_refuse(mode, name):
    MINIMA[name](np.ones(2))
    with pytest.raises(dm.MissingRuleError) as caught:
        mode(MINIMA[name], np.ones(2))
    message = str(caught.value)
    assert f"does not differentiate through scipy.optimize.{name}." in message
    assert "dualmc.custom_root(residual, solver)" in message
    assert f"\n  at {__file__}" in message


def test_minimizers_of_constants_run():
    def f(x):
        return x * optimize.minimize(lambda t: np.sum((t - 1) ** 2), np.zeros(2)).x

    np.testing.assert_allclose(dm.jacobian_fwd(f, np.ones(2)), np.eye(2), rtol=1e-6)
