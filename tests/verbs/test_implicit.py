"""Roots are differentiated by the implicit function theorem, whatever found them."""

import numpy as np
import pytest

import dualmc as dm

optimize = pytest.importorskip("scipy.optimize")

kepler = dm.custom_root(
    lambda E, M, e: E - e * np.sin(E) - M,
    lambda M, e: optimize.brentq(lambda E: E - e * np.sin(E) - M, 0.0, 7.0, xtol=1e-14),
)


def newton(a):
    """The square root, by a loop that stops when the value has converged."""
    y = np.ones_like(a)
    while np.any(abs(y * y - a) > 1e-15 * a):
        y = 0.5 * (y + a / y)
    return y


roots = dm.custom_root(lambda y, a: y * y - a, newton)


def system(z, p):
    return np.stack([z[0] ** 2 + z[1] - p[0], z[1] ** 3 - p[1] * z[0]])


coupled = dm.custom_root(system, lambda p: optimize.fsolve(lambda z: system(z, p), [1.0, 1.0]))
P = np.array([2.3, 1.7])


@pytest.mark.parametrize("differentiate", [dm.jacobian_fwd, dm.jacobian_rev])
def test_keplers_equation(differentiate):
    """E' = 1/(1 - e cos E), and sin E/(1 - e cos E) by the eccentricity."""
    E, e = kepler(1.0, 0.3), 0.3
    slope = 1 / (1 - e * np.cos(E))
    np.testing.assert_allclose(differentiate(lambda M: kepler(M, e), 1.0), slope, rtol=1e-13)
    by_e = differentiate(lambda e: kepler(1.0, e), 0.3)
    np.testing.assert_allclose(by_e, np.sin(E) * slope, rtol=1e-13)
    both = differentiate(kepler, 1.0, 0.3, argnums=(0, 1))
    np.testing.assert_allclose(both, [slope, np.sin(E) * slope], rtol=1e-13)


def test_keplers_equation_twice():
    """E'' = -e sin E / (1 - e cos E)^3, in every order of modes."""
    e, E = 0.3, kepler(1.0, 0.3)
    expected = -e * np.sin(E) / (1 - e * np.cos(E)) ** 3
    f = lambda M: kepler(M, e)  # noqa: E731
    for second in (
        dm.hessian(f, 1.0),
        dm.jacobian_fwd(lambda M: dm.jacobian_fwd(f, M), 1.0),
        dm.jacobian_rev(lambda M: dm.jacobian_fwd(f, M), 1.0),
        dm.jacobian_rev(lambda M: dm.gradient(f, M), 1.0),
    ):
        np.testing.assert_allclose(second, expected, rtol=1e-12)


@pytest.mark.parametrize("differentiate", [dm.jacobian_fwd, dm.jacobian_rev])
@pytest.mark.parametrize("n", [1, 3, 30])
def test_a_newton_loop_of_arrays(differentiate, n):
    a = np.linspace(0.5, 3.0, n)
    np.testing.assert_allclose(differentiate(roots, a), np.diag(0.5 / np.sqrt(a)), rtol=1e-13)


@pytest.mark.parametrize("differentiate", [dm.jacobian_fwd, dm.jacobian_rev])
def test_a_system(differentiate):
    z = coupled(P)
    by_z = np.array([[2 * z[0], 1.0], [-P[1], 3 * z[1] ** 2]])
    by_p = np.array([[-1.0, 0.0], [0.0, -z[0]]])
    expected = -np.linalg.solve(by_z, by_p)
    np.testing.assert_allclose(differentiate(coupled, P), expected, rtol=1e-9)
    J = differentiate(lambda p: np.sum(coupled(p * p) ** 2), P)
    h = 1e-5
    differences = [
        (np.sum(coupled((P + d) ** 2) ** 2) - np.sum(coupled((P - d) ** 2) ** 2)) / (2 * h)
        for d in h * np.eye(2)
    ]
    np.testing.assert_allclose(J, differences, rtol=1e-6)


@pytest.mark.parametrize("differentiate", [dm.jacobian_fwd, dm.jacobian_rev])
def test_sparse_systems(differentiate):
    n = 40
    root = dm.custom_root(lambda y, a: y**3 + y - a, lambda a: solved(a), sparse=True)
    a = np.linspace(0.5, 2.0, n)
    expected = np.diag(1 / (3 * solved(a) ** 2 + 1))
    np.testing.assert_allclose(differentiate(root, a), expected, rtol=1e-12, atol=1e-15)


def solved(a):
    y = np.ones_like(a)
    for _ in range(50):
        y = y - (y**3 + y - a) / (3 * y**2 + 1)
    return y


def test_plain_numbers_go_to_the_solver():
    assert kepler(1.0, 0.0) == pytest.approx(1.0)
    assert roots(np.array([4.0])).tolist() == [2.0]


def test_errors():
    with pytest.raises(TypeError, match="custom_root needs residual to be a function"):
        dm.custom_root(3.0, newton)
    with pytest.raises(TypeError, match="custom_root needs solver to be a function"):
        dm.custom_root(system, None)
    wrong = dm.custom_root(lambda y, a: np.stack([y, y]), newton)
    with pytest.raises(ValueError, match=r"the residual has shape \(2, 3\) at a root of shape"):
        dm.jacobian_fwd(wrong, np.ones(3))
    hidden = lambda b: dm.custom_root(lambda y, a: y - a * b, lambda a: a)(2.0)  # noqa: E731
    with pytest.raises(TypeError, match="depends on a Dual that is not among its arguments"):
        dm.jacobian_fwd(hidden, 3.0)
    flat = dm.custom_root(lambda y, a: 0 * (y - a), lambda a: a)
    with pytest.raises(np.linalg.LinAlgError):
        dm.jacobian_fwd(flat, np.ones(2))
