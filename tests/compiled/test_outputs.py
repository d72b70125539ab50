"""Where results go: out-arguments of f, Jacobians written in place, tuples of Jacobians."""

import numba
import numpy as np
import pytest
from numba.core.errors import TypingError

import dualmc as dm

pytestmark = pytest.mark.slow


@numba.njit
def rhs(t, y, dy, k):
    for i in range(y.size):
        dy[i] = -k * y[i] ** 2 + t
    dy[0] += dy[y.size - 1]


@numba.njit
def plain(t, y, k):
    dy = np.empty(y.size)
    rhs(t, y, dy, k)
    return dy


Y = np.array([1.0, -2.0, 0.5])


def exact(y, k):
    J = np.diag(-2 * k * y)
    J[0, -1] += -2 * k * y[-1]
    return J


def test_out_arguments():
    jac = dm.jit_jacobian(rhs, argnums=1, out=2, chunk_size=2)
    dy = np.full(3, 7.0)
    np.testing.assert_allclose(jac(0.5, Y, dy, 3.0), exact(Y, 3.0), rtol=1e-15)
    np.testing.assert_array_equal(dy, plain(0.5, Y, 3.0))
    by_k = dm.jit_jacobian(rhs, argnums=3, out=2)(0.5, Y, dy, 3.0)
    np.testing.assert_allclose(by_k, [-(Y[0] ** 2) - Y[2] ** 2, -(Y[1] ** 2), -(Y[2] ** 2)])
    y, J = dm.jit_jacobian(rhs, argnums=1, out=2, value=True)(0.5, Y, dy, 3.0)
    np.testing.assert_array_equal(y, dy)
    np.testing.assert_allclose(J, exact(Y, 3.0), rtol=1e-15)


def test_out_arguments_that_f_reads():
    @numba.njit
    def adds(x, out):
        out[0] += x[0] ** 2

    out = np.array([5.0])
    J = dm.jit_jacobian(adds, out=1)(np.array([3.0, 1.0]), out)
    np.testing.assert_array_equal(J, [[6.0, 0.0]])
    assert out[0] == 14.0


def test_in_place():
    jac = dm.jit_jacobian(plain, argnums=1, inplace=True)
    J = np.full((3, 3), np.nan)
    assert np.shares_memory(jac(J, 0.5, Y, 3.0), J)
    np.testing.assert_allclose(J, exact(Y, 3.0), rtol=1e-15)
    for wrong in (np.empty((3, 3), np.float32), np.empty((6, 3))[::2], np.empty((3, 3), order="F")):
        with pytest.raises(TypingError, match="C-contiguous"):
            jac(wrong, 0.5, Y, 3.0)
    read_only = np.empty((3, 3))
    read_only.flags.writeable = False
    with pytest.raises(TypingError, match="writable"):
        jac(read_only, 0.5, Y, 3.0)
    for size in (2, 4):
        with pytest.raises(ValueError, match="size"):
            jac(np.empty((size, 3)), 0.5, Y, 3.0)


def test_in_place_with_an_out_argument_in_compiled_code():
    jac = dm.jit_jacobian(rhs, argnums=1, out=2, inplace=True, chunk_size=4)

    @numba.njit
    def total(y, count):
        J, dy, found = np.empty((3, 3)), np.empty(3), 0.0
        for _ in range(count):
            jac(J, 0.5, y, dy, 3.0)
            found += J.sum() + dy.sum()
        return found

    right = exact(Y, 3.0).sum() + plain(0.5, Y, 3.0).sum()
    np.testing.assert_allclose(total(Y, 4), 4 * right)


def test_tuples_in_the_order_asked():
    @numba.njit
    def f(a, b):
        return a * b[0]

    a, b = 2.0, np.array([3.0, 4.0])
    by_b, by_a = dm.jit_jacobian(f, argnums=(1, 0))(a, b)
    assert by_a == 3.0
    np.testing.assert_array_equal(by_b, [2.0, 0.0])
    (alone,) = dm.jit_jacobian(f, argnums=(1,))(a, b)
    np.testing.assert_array_equal(alone, [2.0, 0.0])


def test_errors():
    with pytest.raises(ValueError, match="not differentiated"):
        dm.jit_jacobian(rhs, argnums=1, out=1)
    with pytest.raises(TypeError, match="position"):
        dm.jit_jacobian(rhs, argnums=1, out="dy")
    with pytest.raises(ValueError, match="inplace"):
        dm.jit_jacobian(plain, argnums=1, inplace=True, value=True)
