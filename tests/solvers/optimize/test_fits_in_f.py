"""Fits of scipy.optimize called by f, against normal equations and the condition of an optimum.

Where residuals are linear in the unknowns, ``x = inv(M.T M) M.T b`` is differentiated by itself;
for others the gradient of the cost is 0 before and after the data change.
"""

import numpy as np
import pytest
from oracles import differences

import dualmc as dm

optimize = pytest.importorskip("scipy.optimize")

T = np.linspace(0.0, 3.0, 9)
SEEN = np.exp(-0.5 * T) + 0.1 * np.sin(5 * T)
P = np.array([0.7, 1.3])
TIGHT = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15}
M = np.stack([np.ones(9), T], 1)
S = np.diag(1 + T) + 0.1


def residuals(x, p):
    return x[0] * np.exp(-x[1] * T * p[0]) - SEEN * p[1]


def decay(t, a, b):
    return a * np.exp(-b * t)


def normal(p, W=None):
    """The line through the data ``p[1] * SEEN`` at ``p[0] * T``, with weights `W`."""
    A = np.stack([np.ones(9), T * p[0]], 1)
    W = np.eye(9) if W is None else W
    return np.linalg.solve(A.T @ W @ A, A.T @ W @ (SEEN * p[1]))


def line(t, a, b):
    return a + b * t


LINEAR = {
    "least_squares": lambda p: (
        optimize.least_squares(lambda x: x[0] + x[1] * T * p[0] - SEEN * p[1], [1.0, 1.0]).x
    ),
    "leastsq": lambda p: optimize.leastsq(
        lambda x: x[0] + x[1] * T * p[0] - SEEN * p[1], [1.0, 1.0]
    )[0],
    "curve_fit": lambda p: optimize.curve_fit(line, T * p[0], SEEN * p[1])[0],
    "curve_fit of lists": lambda p: optimize.curve_fit(line, list(T * p[0]), list(SEEN * p[1]))[0],
    "curve_fit trf": lambda p: optimize.curve_fit(line, T * p[0], SEEN * p[1], method="trf")[0],
    "lsq_linear": lambda p: optimize.lsq_linear(M * np.stack([1, p[0]]), SEEN * p[1]).x,
}


@pytest.mark.parametrize("name", LINEAR)
def test_a_line(name):
    f = LINEAR[name]
    expected = differences(normal, P)
    np.testing.assert_array_equal(dm.value_and_jacobian_fwd(f, P)[0], f(P))
    np.testing.assert_allclose(dm.jacobian_fwd(f, P), expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(dm.jacobian_rev(f, P), expected, rtol=1e-9, atol=1e-9)
    # The slope is c p1 / p0.
    H = normal(P)[1] * np.array([[2 / P[0] ** 2, -1 / np.prod(P)], [-1 / np.prod(P), 0]])
    np.testing.assert_allclose(dm.hessian(lambda p: f(p)[1], P), H, rtol=1e-10, atol=1e-11)


WEIGHTED = {
    "sigma": (1 + T, np.diag((1 + T) ** -2.0)),
    "a covariance": (S, np.linalg.inv(S)),
}


@pytest.mark.parametrize("name", WEIGHTED)
def test_weights_of_curve_fit(name):
    sigma, W = WEIGHTED[name]

    def f(p):
        return optimize.curve_fit(line, T * p[0], SEEN * p[1], sigma=sigma * p[1])[0]

    expected = differences(lambda p: normal(p, W), P)
    np.testing.assert_allclose(dm.jacobian_fwd(f, P), expected, rtol=1e-9, atol=1e-9)


def covariance(p, absolute):
    A = np.stack([np.ones(9), T * p[0]], 1)
    r = A @ normal(p) - SEEN * p[1]
    return np.linalg.inv(A.T @ A) * (1.0 if absolute else r @ r / 7)


@pytest.mark.parametrize("absolute", [False, True])
def test_the_covariance_of_curve_fit(absolute):
    def f(p):
        return optimize.curve_fit(
            line, T * p[0], SEEN * p[1], sigma=np.ones(9), absolute_sigma=absolute
        )[1]

    expected = differences(lambda p: covariance(p, absolute), P)
    np.testing.assert_allclose(dm.jacobian_fwd(f, P), expected, rtol=1e-8, atol=1e-8)


def test_full_output_of_leastsq_and_curve_fit():
    def covariance_and_residuals(p):
        _, cov, info, _, _ = optimize.leastsq(
            lambda x: x[0] + x[1] * T * p[0] - SEEN * p[1], [1.0, 1.0], full_output=True
        )
        return np.concatenate([cov.ravel(), info["fvec"]])

    def expected(p):
        A = np.stack([np.ones(9), T * p[0]], 1)
        return np.concatenate([np.linalg.inv(A.T @ A).ravel(), A @ normal(p) - SEEN * p[1]])

    J = dm.jacobian_fwd(covariance_and_residuals, P)
    np.testing.assert_allclose(J, differences(expected, P), rtol=1e-8, atol=1e-8)

    def of_curve_fit(p):
        return optimize.curve_fit(line, T * p[0], SEEN * p[1], full_output=True)[2]["fvec"]

    np.testing.assert_allclose(dm.jacobian_fwd(of_curve_fit, P), J[4:], rtol=1e-8, atol=1e-8)
    with pytest.raises(dm.TangentLostError, match="'qtf'"):
        dm.jacobian_fwd(
            lambda p: optimize.curve_fit(line, T, SEEN * p[1], full_output=True)[2]["qtf"] + p, P
        )


RHO = {
    "linear": lambda z: z,
    "soft_l1": lambda z: 2 * ((1 + z) ** 0.5 - 1),
    "huber": lambda z: np.where(z <= 1, z, 2 * np.abs(z) ** 0.5 - 1),
    "cauchy": lambda z: np.log(1 + z),
    "arctan": np.arctan,
}


def least(p, loss, **options):
    return optimize.least_squares(
        residuals, [1.0, 0.5], "3-point", args=(p,), loss=loss, f_scale=0.06, **TIGHT, **options
    )


@pytest.mark.parametrize("loss", RHO)
def test_the_gradient_of_the_cost_stays_0(loss):
    """d/dp of ``cost_x(x(p), p) = 0``: ``cost_xx dx + cost_xp dp = 0``, by differences."""
    x, J = dm.value_and_jacobian_fwd(lambda p: least(p, loss).x, P)
    scale = 1.0 if loss == "linear" else 0.06

    def cost(z):
        return np.array(0.5 * scale**2 * np.sum(RHO[loss]((residuals(z[:2], z[2:]) / scale) ** 2)))

    z = np.concatenate([x, P])
    H = differences(lambda z: differences(cost, z, 1e-3), z, 1e-3)
    np.testing.assert_allclose(J, -np.linalg.solve(H[:2, :2], H[:2, 2:]), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(J, dm.jacobian_rev(lambda p: least(p, loss).x, P), atol=1e-12)
    # The least cost changes as the cost does where x stays.
    slope = dm.gradient(lambda p: least(p, loss).cost, P)
    np.testing.assert_allclose(slope, differences(cost, z, 1e-3)[2:], rtol=1e-6, atol=1e-8)


def test_a_loss_of_the_users_own():
    def loss(z):
        return np.stack([np.log(1 + z), 1 / (1 + z), -1 / (1 + z) ** 2])

    J = dm.jacobian_fwd(lambda p: least(p, loss).x, P)
    np.testing.assert_allclose(J, dm.jacobian_fwd(lambda p: least(p, "cauchy").x, P), atol=1e-9)


def test_bounds_of_a_fit():
    """The rate at its bound b, the amplitude is that of a linear fit."""

    def f(p, b):
        return optimize.least_squares(
            residuals, [1.0, 0.2], bounds=([0, 0], np.stack([np.inf + 0 * b, b])), args=(p,)
        ).x

    def amplitude(q):
        e = np.exp(-q[2] * T * q[0])
        return np.array([e @ (SEEN * q[1]) / (e @ e), q[2]])

    expected = differences(amplitude, np.array([*P, 0.3]))
    J_p, J_b = dm.jacobian_fwd(f, P, 0.3, argnums=(0, 1))
    np.testing.assert_allclose(np.column_stack([J_p, J_b]), expected, rtol=1e-8, atol=1e-9)
    assert (J_p[1] == 0).all()


def test_fields_of_a_fit():
    def f(p):
        out = least(p, "linear")
        return np.concatenate([out.fun, out.jac.ravel(), 1 + out.grad])

    def expected(z):
        e = np.exp(-z[1] * T * z[2])
        return np.concatenate(
            [residuals(z[:2], z[2:]), np.column_stack([e, -z[0] * T * z[2] * e]).ravel()]
        )

    x, J = dm.value_and_jacobian_fwd(lambda p: least(p, "linear").x, P)
    total = differences(expected, np.concatenate([x, P])) @ np.vstack([J, np.eye(2)])
    np.testing.assert_allclose(
        dm.jacobian_fwd(f, P), np.vstack([total, np.zeros((2, 2))]), rtol=1e-7, atol=1e-8
    )
    with pytest.raises(dm.TangentLostError, match="'jac'"):
        dm.jacobian_fwd(lambda p: least(p, "cauchy").jac @ p, P)


A = np.random.default_rng(0).normal(size=(5, 3))
B = A @ [1.0, -1.0, 2.0] + 0.3 * np.random.default_rng(1).normal(size=5)


def test_nnls_by_the_columns_that_are_used():
    x, _ = optimize.nnls(A, B)
    assert (x > 0).tolist() == [True, False, True]
    J = dm.jacobian_fwd(lambda b: optimize.nnls(A, b)[0], B)
    np.testing.assert_allclose(J[[0, 2]], np.linalg.pinv(A[:, [0, 2]]), rtol=1e-12, atol=1e-14)
    assert (J[1] == 0).all()

    def used(a):
        return np.linalg.lstsq(a.reshape(5, 3)[:, [0, 2]], B, rcond=None)[0]

    by_A = dm.jacobian_rev(lambda a: optimize.nnls(a.reshape(5, 3), B)[0], A.ravel())
    np.testing.assert_allclose(by_A[[0, 2]], differences(used, A.ravel()), rtol=1e-8, atol=1e-9)
    slope = dm.gradient(lambda b: optimize.nnls(A, b)[1], B)
    r = A @ x - B
    np.testing.assert_allclose(slope, -r / np.linalg.norm(r), rtol=1e-12)


REFUSED = {
    "a residual of 0": lambda p: optimize.nnls(np.eye(2), p)[1] * p,
    "a component of 0 without force": lambda p: optimize.nnls(
        np.eye(2), np.stack([0 * p[0], p[0]])
    ),
    "columns that are the same": lambda p: optimize.nnls(np.ones((2, 2)), p)[0],
    "unknowns that are the same": lambda p: (
        optimize.least_squares(lambda x: (x[0] + x[1]) * np.ones(3) - p[0], [0.0, 0.0]).x
    ),
    "data without a number": lambda p: optimize.curve_fit(
        line, T, np.where(T == 0, np.nan, SEEN * p[0]), nan_policy="omit"
    )[0],
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("mode", [dm.jacobian_fwd, dm.jacobian_rev])
def test_fits_without_a_derivative_are_refused(mode, name):
    REFUSED[name](P)
    with pytest.raises((dm.MissingRuleError, dm.TangentLostError)):
        mode(REFUSED[name], P)
