"""Linear systems, inverses and determinants in compiled code."""

import numba
import numpy as np
import pytest
from compiled_judge import agrees, close, in_single, second, second_expected

import dualmc as dm

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)


@numba.njit
def solved(x, c, m):
    a, b, d = x[:9].reshape(3, 3), x[9:12], x[9:].reshape(3, 2)
    systems = (np.linalg.solve(a, b), np.linalg.solve(a.T, d).ravel(), np.linalg.solve(a, c))
    powers = (np.linalg.matrix_power(a, 5).ravel(), np.linalg.matrix_power(a, -2).ravel())
    return np.concatenate(
        (*systems, np.linalg.solve(m, b), np.linalg.inv(a).ravel(), *powers)
        + (np.array([np.linalg.det(a)]),)
    )


@numba.njit
def determinants(x):
    a = x.reshape(3, 3)
    sign, log = np.linalg.slogdet(a)
    return np.array([np.linalg.det(a), np.linalg.det(a[:2, :2].copy()), log, sign])


def test_systems_inverses_and_powers():
    x, c, m = RNG.standard_normal(15), RNG.standard_normal(3), RNG.standard_normal((3, 3))
    jac = agrees(solved, x, c, m)
    step = 1e-40
    columns = [solved.py_func(x + 1j * step * e, c, m).imag / step for e in np.eye(15)]
    close(jac, np.transpose(columns), 1e-11)
    agrees(solved, x, c, np.asfortranarray(m))


def test_determinants_are_exact_for_singular_matrices():
    agrees(determinants, RNG.standard_normal(9))
    rank_two = np.array([[1.0, 2.0, 3.0], [2.0, 1.0, 1.0], [3.0, 3.0, 4.0]])
    rank_one = np.outer([1.0, 2.0, 3.0], [1.0, 1.0, 2.0])
    for a in (rank_two, rank_one, np.zeros((3, 3)), np.diag([1.0, 1e-170, 1e-170])):
        jac = dm.jit_jacobian(determinants, chunk_size=4)(a.ravel())
        close(jac[:2], dm.jacobian_fwd(determinants.py_func, a.ravel())[:2])
    cofactors = [[1.0, -5.0, 3.0], [1.0, -5.0, 3.0], [-1.0, 5.0, -3.0]]
    jac = dm.jit_jacobian(determinants, chunk_size=4)(rank_two.ravel())
    close(jac[0].reshape(3, 3), np.array(cofactors))


def test_the_logarithm_of_a_singular_determinant_has_no_derivative():
    a = np.array([[1.0, 2.0, 0.0], [2.0, 4.0, 0.0], [0.0, 0.0, 1.0]])
    jac = dm.jit_jacobian(determinants, chunk_size=4)(a.ravel())
    assert np.isnan(jac[2]).all()
    assert not jac[3].any()


@pytest.mark.parametrize("function", [np.linalg.inv, np.linalg.solve], ids=["inv", "solve"])
def test_singular_matrices_raise_numbas_error(function):
    if function is np.linalg.inv:
        f = numba.njit(lambda x: np.linalg.inv(x.reshape(2, 2)))
    else:
        f = numba.njit(lambda x: np.linalg.solve(x.reshape(2, 2), x[:2]))
    with pytest.raises(np.linalg.LinAlgError, match="Matrix is singular to machine precision"):
        f(np.ones(4))
    with pytest.raises(np.linalg.LinAlgError, match="Matrix is singular to machine precision"):
        dm.jit_jacobian(f, chunk_size=2)(np.ones(4))


def test_an_infinite_derivative_spoils_its_own_lane_only():
    @numba.njit
    def f(x):
        a = np.array([[2.0, 1.0], [1.0, 3.0]])
        b = np.array([np.sqrt(x[0]), x[1]])
        return np.linalg.solve(a, b)

    jac = dm.jit_jacobian(f, chunk_size=2)(np.array([0.0, 1.0]))
    assert np.isnan(jac[:, 0]).all()
    close(jac[:, 1], np.array([-0.2, 0.4]))


@numba.njit
def small(x):
    a = x[:4].reshape(2, 2)
    return np.concatenate(
        (np.linalg.solve(a, x[2:]), np.linalg.inv(a)[0], np.array([np.linalg.det(a)]))
    )


def test_one_by_one_nothing_and_single_precision():
    @numba.njit
    def f(x):
        a = x[:1].reshape(1, 1)
        nothing = x[:0].reshape(0, 0)
        empty = np.linalg.solve(nothing, x[:0]).size + np.linalg.inv(nothing).size
        return np.linalg.solve(a, x[1:])[0] * np.linalg.det(a) ** 2 / np.linalg.inv(a)[0, 0] + empty

    agrees(f, np.array([3.0, 5.0]))
    x = RNG.standard_normal(4).astype(np.float32)
    y, jac = in_single(small, x)
    np.testing.assert_array_equal(y, small(x).astype(np.float32))
    close(jac, dm.jacobian_fwd(small.py_func, x.astype(float)), 1e-5)


def test_second_derivatives_also_of_a_singular_determinant():
    x = np.array([2.0, 1.0, -0.5, 1.5])
    close(second(small, x), second_expected(small, x), 1e-11)

    @numba.njit
    def det(x):
        return np.linalg.det(x.reshape(2, 2))

    close(second(det, np.array([1.0, 2.0, 2.0, 4.0])), np.diag([1.0, -1.0, -1.0, 1.0])[::-1])
