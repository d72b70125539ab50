"""`prepare` of functions compiled by Numba: no recording, every branch, any number of steps."""

import copy
import gc
import pickle

import numba
import numpy as np
import pytest

import dualmc as dm

pytestmark = pytest.mark.slow


@numba.njit
def wave(t, y):
    out = np.empty(2)
    out[0] = y[1]
    out[1] = -y[0] if t < 1.0 else -2.0 * y[0] ** 2
    return out


@numba.njit
def steps(x):
    y = x.copy()
    for _ in range(10_000):
        y[0], y[1] = 0.999 * y[0] + 0.001 * y[1] ** 2, 0.999 * y[1] - 0.001 * y[0]
    return y


def test_every_branch_is_in_it():
    J = dm.prepare(wave, 0.0, np.array([1.0, 0.0]), argnums=1)
    np.testing.assert_array_equal(J(0.5, np.array([3.0, 1.0])), [[0.0, 1.0], [-1.0, 0.0]])
    np.testing.assert_array_equal(J(1.5, np.array([3.0, 1.0])), [[0.0, 1.0], [-12.0, 0.0]])
    assert J.reason is None and (J.replays, J.fresh_calls) == (2, 0) and J.paths == 1
    y, found = J.value_and_jacobian(1.5, np.array([3.0, 1.0]))
    np.testing.assert_array_equal(y, wave(1.5, np.array([3.0, 1.0])))
    np.testing.assert_array_equal(found, [[0.0, 1.0], [-12.0, 0.0]])


def test_loops_are_not_unrolled():
    x = np.array([0.3, 0.4])
    J = dm.prepare(steps, x)
    assert J.reason is None
    h = 1e-6
    for z in (x, np.array([-0.2, 0.1])):
        columns = [(steps(z + h * e) - steps(z - h * e)) / (2 * h) for e in np.eye(2)]
        np.testing.assert_allclose(J(z), np.stack(columns, 1), atol=1e-9)
    assert J.replays == 2


def test_other_sizes_and_kinds_of_argument():
    f = numba.njit(lambda x: np.sum(x * x))
    J = dm.prepare(f, np.ones(3))
    np.testing.assert_array_equal(J(np.arange(5.0)), 2 * np.arange(5.0))
    np.testing.assert_array_equal(J([1, 2]), [2.0, 4.0])
    np.testing.assert_array_equal(J(np.arange(6.0)[::2]), 2 * np.arange(6.0)[::2])
    single = J(np.ones(3, np.float32))
    assert single.dtype == np.float32


@pytest.mark.parametrize("of", ["gradient", "hessian"])
def test_other_derivatives(of):
    @numba.njit
    def f(x):
        return x[0] ** 2 * x[1]

    x = np.array([1.5, -0.5])
    right = {"gradient": [2 * x[0] * x[1], x[0] ** 2], "hessian": [[2 * x[1], 3.0], [3.0, 0.0]]}
    D = dm.prepare(f, np.ones(2), of=of)
    np.testing.assert_allclose(D(x), right[of], rtol=1e-15)


def test_copies():
    J = dm.prepare(steps, np.array([0.3, 0.4]))
    x = np.array([0.1, 0.2])
    expected = J(x)
    np.testing.assert_array_equal(copy.copy(J)(x), expected)
    np.testing.assert_array_equal(copy.deepcopy(J)(x), expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(J))(x), expected)


def test_preparing_a_function_does_not_keep_its_sweep_for_another():
    """Functions of which one is prepared and freed, and the next has its place in memory."""
    x = np.array([1.0, 2.0])
    for k in range(1, 5):
        f = numba.njit(eval(f"lambda x: x * {k}.0"))
        np.testing.assert_array_equal(dm.jacobian_fwd(f, x), k * np.eye(2))
        np.testing.assert_array_equal(dm.prepare(f, x)(x), k * np.eye(2))
        del f
        gc.collect()


def test_sparse_where_bits_cannot_be_carried():
    """Decompositions by LAPACK: the nonzeros of the dense Jacobian."""

    @numba.njit
    def f(x):
        return np.linalg.svd(np.outer(x, x) + np.diag(x))[1]

    x = np.array([1.0, 2.5, 4.0])
    J = dm.prepare(f, x, sparse=True)
    for z in (x, x[::-1].copy()):
        np.testing.assert_allclose(J(z).toarray(), dm.jacobian_fwd(f.py_func, z), rtol=1e-11)
