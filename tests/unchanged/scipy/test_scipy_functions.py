"""SciPy with dualmc: its solvers given our Jacobians, its functions called by the user's f.

Of the functions that f may call, those in Python work on Duals and are compared with closed forms;
the others must refuse, naming the user's line, the function and the way out.  What never happens
is a derivative of 0 where there is one.
"""

from functools import partial

import numpy as np
import pytest
from oracles import differences

import dualmc as dm

pytest.importorskip("scipy")

import scipy.integrate as integrate
import scipy.interpolate as interpolate
import scipy.optimize as optimize
import scipy.signal as signal
import scipy.sparse as sparse
import scipy.sparse.linalg as sparse_linalg
import scipy.spatial.distance as distance
import scipy.stats as stats

X = np.array([1.1, 1.7, 2.6])
JACOBIANS = [dm.jacobian_fwd, dm.jacobian_rev]
both_modes = pytest.mark.parametrize("mode", JACOBIANS)


# --- SciPy's own test function, and its derivatives by hand --------------------------------------


@pytest.mark.parametrize("n", [2, 5])
def test_rosen(n, rng):
    x, v = rng.standard_normal((2, n))
    slope, curvature = optimize.rosen_der(x), optimize.rosen_hess(x)
    close = partial(np.testing.assert_allclose, rtol=1e-12, atol=1e-11)
    close(dm.gradient(optimize.rosen, x), slope)
    close(dm.jacobian_fwd(optimize.rosen, x), slope)
    close(dm.hessian(optimize.rosen, x), curvature)
    close(dm.jacobian_fwd(optimize.rosen_der, x), curvature)
    close(dm.jacobian_rev(optimize.rosen_der, x), curvature)
    close(dm.hvp(optimize.rosen, x, v), optimize.rosen_hess_prod(x, v))


def test_check_grad():
    x = np.array([-1.2, 1.0, 0.7])
    error = optimize.check_grad(optimize.rosen, partial(dm.gradient, optimize.rosen), x)
    # One-sided differences: a step of 1.5e-8 times second derivatives of some 2,000.
    assert error < 1e-3


# --- Solvers given our derivatives ---------------------------------------------------------------


@pytest.mark.parametrize("method", ["BFGS", "CG", "L-BFGS-B", "SLSQP"])
def test_minimize_takes_gradients(method):
    found = optimize.minimize(
        optimize.rosen, [1.3, 0.7, 0.8], jac=partial(dm.gradient, optimize.rosen), method=method,
        options={"maxiter": 1000}, tol=1e-10,
    )  # fmt: skip
    np.testing.assert_allclose(found.x, 1, atol=1e-4)


@pytest.mark.parametrize("method", ["Newton-CG", "trust-exact", "trust-ncg"])
def test_minimize_takes_hessians(method):
    found = optimize.minimize(
        optimize.rosen, [1.3, 0.7, 0.8], jac=partial(dm.gradient, optimize.rosen),
        hess=partial(dm.hessian, optimize.rosen), method=method,
    )  # fmt: skip
    np.testing.assert_allclose(found.x, 1, atol=1e-5)


@both_modes
@pytest.mark.parametrize("method", ["hybr", "lm"])
def test_root_takes_jacobians(method, mode):
    def f(x):  # SciPy's own example, whose root it documents
        return [x[0] + 0.5 * (x[0] - x[1]) ** 3 - 1.0, 0.5 * (x[1] - x[0]) ** 3 + x[1]]

    found = optimize.root(f, [0.0, 0.0], jac=partial(mode, f), method=method)
    np.testing.assert_allclose(found.x, [0.8411639, 0.1588361], atol=1e-7)


@both_modes
def test_curve_fit_takes_jacobians(mode):
    def model(t, a, b, c):
        return a * np.exp(-b * t) + c

    def jac(t, *p):
        return mode(lambda p: model(t, *p), np.array(p))

    t = np.linspace(0.0, 4.0, 30)
    found, _ = optimize.curve_fit(model, t, model(t, 2.5, 1.3, 0.5), p0=[1, 1, 1], jac=jac)
    np.testing.assert_allclose(found, [2.5, 1.3, 0.5], rtol=1e-10)


@both_modes
@pytest.mark.parametrize("method", ["trf", "dogbox", "lm"])
def test_least_squares_takes_jacobians(method, mode):
    def f(x):
        return np.array([10 * (x[1] - x[0] ** 2), 1 - x[0]])

    found = optimize.least_squares(f, [-1.2, 1.0], jac=partial(mode, f), method=method)
    np.testing.assert_allclose(found.x, 1, rtol=1e-8)


def van_der_pol(t, y):
    return [y[1], 1000.0 * (1 - y[0] ** 2) * y[1] - y[0]]


def robertson(t, y):
    slow, fast = 0.04 * y[0], 1e4 * y[1] * y[2]
    return np.array([-slow + fast, slow - fast - 3e7 * y[1] ** 2, 3e7 * y[1] ** 2])


@pytest.mark.parametrize("method", ["Radau", "BDF"])
def test_stiff_solvers_take_jacobians(method):
    def jac_of(f):
        return lambda t, y: dm.jacobian_fwd(lambda y: f(t, y), y)

    options = {"method": method, "rtol": 1e-7, "atol": 1e-10}
    # The solutions at t = 40, and at t = 2 of the rescaled problem with epsilon = 1e-6: Hairer,
    # Wanner (1996), Solving Ordinary Differential Equations II, section IV.10.
    found = integrate.solve_ivp(
        robertson, (0, 40.0), [1.0, 0.0, 0.0], jac=jac_of(robertson), **options
    )
    expected = [0.7158270688, 9.185534765e-6, 0.2841637457]
    np.testing.assert_allclose(found.y[:, -1], expected, rtol=1e-5)
    found = integrate.solve_ivp(
        van_der_pol, (0, 2000.0), [2.0, 0.0], jac=jac_of(van_der_pol), **options
    )
    assert found.success
    np.testing.assert_allclose(found.y[0, -1], 1.706167732170469, rtol=1e-4)


# --- Functions that f calls, and that work -------------------------------------------------------

T = np.array([0.0, 1.0, 3.0])
WEIGHTS = np.array([0.5, 1.5, 1.0])  # of the trapezoidal rule on T
A = np.array([[4.0, 1, 0], [1, 3, 1], [0, 1, 2]])
BAND = np.array([[1.0, 0, 0], [2, 1, 0], [0, 2, 1], [0, 0, 2]])  # convolution with (1, 2)
GAP = X - [1.0, 2.0, 9.0]

WORKING = {
    "trapezoid": (lambda x: integrate.trapezoid(x**2, T), 2 * WEIGHTS * X),
    "trapezoid over x": (
        lambda x: integrate.trapezoid(x**2, x),
        [
            (X[1] - X[0]) * X[0] - (X[0] ** 2 + X[1] ** 2) / 2,
            (X[2] - X[0]) * X[1] + (X[0] ** 2 - X[2] ** 2) / 2,
            (X[2] - X[1]) * X[2] + (X[1] ** 2 + X[2] ** 2) / 2,
        ],
    ),
    "cumulative_trapezoid": (
        lambda x: integrate.cumulative_trapezoid(x, T, initial=0),
        [[0, 0, 0], [0.5, 0.5, 0], [0.5, 1.5, 1]],
    ),
    "simpson": (lambda x: integrate.simpson(x**2, dx=0.5), X * np.array([1, 4, 1]) / 3),
    # The parabola through 0, 1, 3: 0, 9/4, 3/4.
    "simpson over uneven steps": (lambda x: integrate.simpson(x, x=T), [0, 2.25, 0.75]),
    "romb": (lambda x: integrate.romb(x, dx=0.5), np.array([1, 4, 1]) / 6),
    "fixed_quad": (
        lambda x: integrate.fixed_quad(lambda t: t * x[0], 0, 2)[0], [2, 0, 0],
    ),
    "fixed_quad by its end": (
        lambda x: integrate.fixed_quad(lambda t: t**3, 0, x[1])[0], [0, X[1] ** 3, 0],
    ),
    "barycentric_interpolate": (
        lambda x: interpolate.barycentric_interpolate(np.arange(3.0), x, 1.5),
        [-0.125, 0.75, 0.375],
    ),
    "newton": (
        lambda x: optimize.newton(
            lambda t: t**2 - x[0], 1.5, fprime=lambda t: 2 * t, tol=1e-15
        ),
        [0.5 / np.sqrt(X[0]), 0, 0],
    ),
    "convolve": (lambda x: signal.convolve(x, [1.0, 2.0], method="direct"), BAND),
    "lfilter without feedback": (lambda x: signal.lfilter([1.0, 2.0], [1.0], x), BAND[:3]),
    "euclidean": (
        lambda x: distance.euclidean(x, [1.0, 2.0, 9.0]), GAP / np.sqrt(np.sum(GAP**2)),
    ),
    "sqeuclidean": (lambda x: distance.sqeuclidean(x, [1.0, 2.0, 9.0]), 2 * GAP),
    "cityblock": (lambda x: distance.cityblock(x, [1.0, 2.0, 9.0]), np.sign(GAP)),
    "mahalanobis": (
        lambda x: distance.mahalanobis(x, [1.0, 2.0, 9.0], A), A @ GAP / np.sqrt(GAP @ A @ GAP),
    ),
    "sparse matrix": (lambda x: sparse.csr_array(A) @ x, A),
}  # fmt: skip


@both_modes
@pytest.mark.parametrize("name", WORKING)
def test_function_works(name, mode):
    f, expected = WORKING[name]
    np.testing.assert_allclose(mode(f, X), expected, rtol=1e-12, atol=1e-14)


# --- Python code of SciPy, and objects of its compiled code --------------------------------------

NODES = np.linspace(0.0, 3.0, 9)
SPLINE = interpolate.CubicSpline(NODES, np.sin(NODES))
STRAIGHT = interpolate.interp1d(NODES, np.sin(NODES))
FACTORS = sparse_linalg.splu(sparse.csc_array(A))
ONES = np.ones(3)


def step(x):  # whose length depends on x
    solver = integrate.RK45(lambda t, y: -y * x[0], 0, [1.0], 1)
    solver.step()
    return solver.y


ADAPTED = {
    "norm.pdf": lambda x: stats.norm.pdf(x),
    "norm.logpdf": lambda x: stats.norm.logpdf(T, x, 2.0),
    "multivariate_normal": lambda x: stats.multivariate_normal.logpdf(x, T, A),
    "gaussian_kde": lambda x: stats.gaussian_kde(x)(0.5),
    "SuperLU": lambda x: FACTORS.solve(x),
    "CubicSpline": lambda x: SPLINE(x),
    "RK45": step,
}


@both_modes
@pytest.mark.parametrize("name", ADAPTED)
def test_adapted_code(name, mode):
    J = mode(ADAPTED[name], X)
    np.testing.assert_allclose(J, differences(ADAPTED[name], X), rtol=1e-6, atol=1e-8)


def test_errors_without_a_dual_have_no_note():
    def wrong_call(x):
        return x * optimize.brentq(lambda t: t + 10, 0, 1)

    def wrong_callback(x):
        return x * integrate.quad(lambda t: {}["missing"], 0, 1)[0]

    for f, kind in ((wrong_call, ValueError), (wrong_callback, KeyError)):
        with pytest.raises(kind) as caught:
            dm.jacobian_fwd(f, X)
        assert not hasattr(caught.value, "__notes__")


@both_modes
def test_users_line_in_a_callback_is_named(mode):
    buffer = np.zeros(1)

    def f(x):
        def integrand(t):
            buffer[0] = x[0] * t  # the line
            return t

        return integrate.quad(integrand, 0, 1)[0] * x

    with pytest.raises(dm.TangentLostError) as caught:
        mode(f, X)
    message = str(caught.value)
    assert message.endswith("buffer[0] = x[0] * t  # the line")
    assert "scipy." not in message


def test_custom_root_is_the_way_out():
    root = dm.custom_root(
        lambda t, a: t**3 - a, lambda a: optimize.brentq(lambda t: t**3 - a, 0, 9, xtol=1e-14)
    )
    slope = dm.derivative(root, 8.0)
    np.testing.assert_allclose(slope, 1 / 12, rtol=1e-12)
