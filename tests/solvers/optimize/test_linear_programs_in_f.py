"""Linear programs, assignments and monotone regression of scipy.optimize called by f."""

import numpy as np
import pytest
from oracles import differences

import dualmc as dm

optimize = pytest.importorskip("scipy.optimize")

# max x + 2 y with x + y <= 4 and x + 3 y <= 6 is at (3, 1).
Q = np.array([1.0, 2.0, 1.0, 1.0, 1.0, 3.0, 4.0, 6.0])


def program(q, **options):
    return optimize.linprog(-q[:2], A_ub=q[2:6].reshape(2, 2), b_ub=q[6:], **options)


def vertex(q):
    return np.linalg.solve(q[2:6].reshape(2, 2), q[6:])


@pytest.mark.parametrize("method", ["highs", "highs-ds", "highs-ipm"])
@pytest.mark.parametrize("mode", [dm.jacobian_fwd, dm.jacobian_rev])
def test_a_vertex(mode, method):
    J = mode(lambda q: program(q, method=method).x, Q)
    np.testing.assert_allclose(J, differences(vertex, Q), rtol=1e-9, atol=1e-9)


def test_the_least_value_and_the_prices_of_a_program():
    def found(q):
        out = program(q)
        assert out.success
        return np.concatenate([[out.fun], out.ineqlin.marginals, out.ineqlin.residual])

    def expected(q):
        prices = np.linalg.solve(q[2:6].reshape(2, 2).T, -q[:2])
        return np.concatenate([[-q[:2] @ vertex(q)], prices, np.zeros(2)])

    np.testing.assert_allclose(found(Q), expected(Q), atol=1e-12)
    J = dm.jacobian_fwd(found, Q)
    np.testing.assert_allclose(J, differences(expected, Q), rtol=1e-9, atol=1e-9)


def test_bounds_and_equalities_of_a_program():
    """x + y + z = s, 0 <= x <= u, z >= 0, min x + 2 y - z / 2 ... y free: all but y at bounds."""

    def f(q):
        s, u, c = q
        out = optimize.linprog(
            np.stack([1.0 + 0 * c, c, 3.0 + 0 * c]), A_eq=[[1.0, 1.0, 1.0]], b_eq=np.stack([s]),
            bounds=[(0, u), (None, None), (0, None)],
        )  # fmt: skip
        return np.concatenate(
            [out.x, out.eqlin.marginals, out.upper.marginals[:1], out.lower.marginals[2:]]
        )

    def expected(q):
        s, u, c = q
        return np.array([u, s - u, 0, c, 1 - c, 3 - c])

    q = np.array([4.0, 1.3, 2.0])
    np.testing.assert_allclose(f(q), expected(q), atol=1e-12)
    J = [[0, 1, 0], [1, -1, 0], [0, 0, 0], [0, 0, 1], [0, 0, -1], [0, 0, -1]]
    np.testing.assert_allclose(dm.jacobian_fwd(f, q), J, atol=1e-13)
    np.testing.assert_allclose(dm.jacobian_rev(f, q), J, atol=1e-13)


REFUSED = {
    "an edge that is as good": lambda p: (
        optimize.linprog([-p[0], -p[0]], A_ub=[[1.0, 1.0]], b_ub=[1.0]).x
    ),
    "three lines in a point": lambda p: (
        optimize.linprog(
            [-1, -2], A_ub=[[1, 1], [1, 2], [0, 1]], b_ub=p[0] * np.array([1.0, 2.0, 1.0])
        ).x
    ),
    "no solution": lambda p: optimize.linprog([-1, -2], A_ub=[[1, 1]], b_ub=[-p[0]]).status * p,
    "integers": lambda p: optimize.linprog([-1, -2], [[1, 1]], [p[0]], integrality=1).x,
    "milp": lambda p: (
        optimize.milp(
            p * np.array([-1, -2]), constraints=optimize.LinearConstraint([[1, 1]], 0, 1)
        ).x
    ),
    "ties": lambda p: optimize.isotonic_regression(np.stack([p[0], p[0], p[1]])).x,
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("mode", [dm.jacobian_fwd, dm.jacobian_rev])
def test_programs_without_a_derivative_are_refused(mode, name):
    p = np.array([1.0, 2.0])
    REFUSED[name](p)
    with pytest.raises(dm.MissingRuleError, match="scipy.optimize"):
        mode(REFUSED[name], p)


def test_an_assignment_is_of_constant_places():
    def f(x):
        cost = x.reshape(3, 3)
        rows, columns = optimize.linear_sum_assignment(cost)
        assert columns.tolist() == [1, 0, 2]
        return np.sum(cost[rows, columns] ** 2)

    x = np.array([4.0, 1, 3, 2, 0, 5, 3, 2, 2])
    expected = np.zeros(9)
    expected[[1, 3, 8]] = 2, 4, 4
    np.testing.assert_array_equal(dm.gradient(f, x), expected)
    rows = optimize.linear_sum_assignment
    listed = dm.jacobian_fwd(lambda x: x[rows([[x[0], 9.0], [9.0, x[1]]])[1]], x[:2])
    np.testing.assert_array_equal(listed, np.eye(2))


@pytest.mark.parametrize("increasing", [True, False])
def test_blocks_of_a_monotone_regression(increasing):
    y, w = np.array([1.0, 3.0, 2.0, 4.0, 3.5, 3.4]), np.array([1.0, 2.0, 1.0, 1.0, 1.0, 0.5])
    sign = 1 if increasing else -1

    def means(z):
        blocks = [(z[6 + i : 6 + j] @ z[i:j]) / z[6 + i : 6 + j].sum() for i, j in BLOCKS]
        return np.repeat(blocks, [j - i for i, j in BLOCKS])

    BLOCKS = [(0, 1), (1, 3), (3, 6)]

    def f(z):
        return optimize.isotonic_regression(sign * z[:6], weights=z[6:], increasing=increasing).x

    z = np.concatenate([y, w])
    np.testing.assert_allclose(f(z), sign * means(z), rtol=1e-14)
    expected = sign * differences(means, z)
    np.testing.assert_allclose(dm.jacobian_fwd(f, z), expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(dm.jacobian_rev(f, z), expected, rtol=1e-9, atol=1e-9)
