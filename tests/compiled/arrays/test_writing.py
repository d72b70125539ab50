"""Writing into arrays in compiled code: slices, masks, lists of positions, loops over elements."""

import numba
import numpy as np
import pytest
from compiled_judge import agrees, close, in_single, second, second_expected

import dualmc as dm

pytestmark = pytest.mark.slow

X = np.array([0.7, -1.3, 2.1, 0.4])
W = np.arange(1.0, 5.0)
PLACES = np.array([3, 0, 2, 1])


@numba.njit
def slices(x):
    a = np.zeros((5, 4))
    a[0] = x * x
    a[1, 1:-1] = x[:2]
    a[2:4] = x
    a[3, ::-2] = x[2:] * 2.0
    a[:, 1] = x[0]
    a[..., 2] = W[0]
    a[None, 4, :2] = 1
    a[4, 2:] = x[:1]
    a[:2, 3] *= x[1]
    a[-1] += x
    return a


@numba.njit
def overlapping(x):
    a = x * 1.0
    a[1:] = a[:-1]
    b = x * 1.0
    b[:] = b[::-1]
    c = x.reshape(2, 2) * 1.0
    c[...] = c.T
    d = x * 2.0
    d[::2], d[1::2] = d[1::2], d[::2]
    return np.concatenate((a, b, c.ravel(), d))


@numba.njit
def at_places(x):
    a = np.zeros((6, 4))
    a[0][x > 0.5] = x[1]
    mask = x < 1.0
    a[1][mask] = x[mask] * 2.0
    a[2][PLACES] = x
    a[3][PLACES[1:]] += x[1:] * x[0]
    a[4] = x[PLACES[::-1]] * x
    kept = x.copy()
    kept[PLACES > 1] *= x[0]
    kept[np.array([1])] = 0.0
    a[5] = kept
    return a


@numba.njit
def loops(x):
    a = np.zeros((5, 4))
    for i, v in np.ndenumerate(x):
        a[0, i[0]] = v * v
    for i in np.ndindex(2, 2):
        a[1, i[0] * 2 + i[1]] = x[i[0]] * x[i[1]]
    k = 0
    for v in np.nditer(x):
        a[2, k] = v.item() * v[()]
        k += 1
    k = 0
    for v, w in zip(x, x[::-1]):  # noqa: B905  Numba has no strict
        a[3, k] = v / w
        k += 1
    a.flat[16] = x[0]
    for v in a.flat:
        a[4, 1] += v
    for row in a:
        row[2] = row[0] + row[1]
    a[4].fill(x[3])
    return a


def test_slices_take_arrays_and_numbers():
    agrees(slices, X)


def test_source_and_target_may_overlap():
    agrees(overlapping, X)


def test_masks_and_lists_of_positions():
    agrees(at_places, X)


def test_loops_over_elements():
    agrees(loops, X)


def test_shapes_that_do_not_agree_raise():
    @numba.njit
    def f(x):
        a = np.zeros(4)
        a[1:] = x
        return a

    with pytest.raises(ValueError, match="broadcast"):
        dm.jit_jacobian(f, chunk_size=4)(X)


@numba.njit
def diagonal(x):
    a = x.reshape(2, 2) * 1.0
    np.fill_diagonal(a, x[1])
    b = np.ones((5, 2))
    np.fill_diagonal(b, 2.0 * x[0], True)
    c = np.ones((5, 2))
    np.fill_diagonal(c, x[3])
    return np.concatenate((a.ravel(), b.ravel(), c.ravel()))


def test_diagonals_are_filled():
    agrees(diagonal, X)


def test_precision_and_second_derivatives():
    @numba.njit
    def f(x):
        a = np.empty_like(x)
        a[1:] = x[:-1] * x[1:]
        a[:1] = x[3]
        a[a > 1.0] = 0.0
        return a

    x = X.astype(np.float32)
    y, jac = in_single(f, x)
    assert y.dtype == jac.dtype == np.float32
    np.testing.assert_array_equal(y, f(x))
    close(jac, dm.jacobian_fwd(f.py_func, x.astype(float)), 2e-6)
    close(second(f, X), second_expected(f, X))


# --- Arrays of floats from outside ---------------------------------------------------------------


def test_workspaces_of_the_caller_are_copied_in_duals():
    @numba.njit
    def f(x, w, table):
        w[0] = x[0] * x[1]
        w[1:] += x[1:]
        table[:, 1] = w[:2]
        table *= x[0]
        return np.concatenate((w, table.ravel()))

    w, table = W.copy(), np.ones((2, 3))
    y, jac = dm.jit_jacobian(f, value=True, chunk_size=3)(X, w, table)
    np.testing.assert_array_equal(w, W)
    np.testing.assert_array_equal(table, 1.0)
    np.testing.assert_array_equal(y, f(X, W.copy(), np.ones((2, 3))))
    expected = np.empty((10, 4))
    for j in range(4):
        e = 1e-200j * np.eye(4)[j]
        expected[:, j] = f.py_func(X + e, W + 0j, np.ones((2, 3)) + 0j).imag / 1e-200
    close(jac, expected)


def test_workspaces_that_share_memory_are_refused():
    @numba.njit
    def f(x, v, w):
        w[0] = x[0]
        return x * v[0]

    shared = np.zeros(6)
    jac = dm.jit_jacobian(f, chunk_size=4)
    with pytest.raises(ValueError, match="share memory"):
        jac(X, shared[:4], shared[2:])
    np.testing.assert_array_equal(jac(X, shared[:2], shared[2:]), np.zeros((4, 4)))


def test_constants_that_are_written_to_are_duals():
    @numba.njit
    def f(x):
        a = W.copy()
        a[0] = x[0]
        b = W * 2.0
        b[1] = x[1] * a[0]
        c = np.copy(W)
        c += x
        d = np.arange(4.0)
        d[1:3] = x[:2]
        e = np.eye(4, k=1)[0]
        e[0] = x[2]
        g = np.linspace(0.0, 1.0, 4)
        g *= x[0]
        h = [0.5] * 4
        h[3] = x[3]
        k = {1: 0.5, 2: 1.5}
        k[1] = x[1]
        s = 1.0
        for v in (1.5, x[0], 2.0):
            s *= v
        return np.concatenate((a, b, c, d, e, g, np.array(h), np.array([k[1] * k[2], s])))

    y, jac = dm.jit_jacobian(f, value=True, chunk_size=4)(X)
    np.testing.assert_array_equal(y, f(X))
    rows, columns = np.zeros((30, 4)), np.eye(4)
    rows[0] = columns[0]
    rows[5] = X[1] * columns[0] + X[0] * columns[1]
    rows[8:12] = columns
    rows[13:15] = columns[:2]
    rows[16] = columns[2]
    rows[20:24, 0] = np.linspace(0.0, 1.0, 4)
    rows[27] = columns[3]
    rows[28] = 1.5 * columns[1]
    rows[29] = 3.0 * columns[0]
    close(jac, rows)


def test_whole_numbers_cannot_hold_derivatives():
    @numba.njit
    def f(x, counts):
        counts[0] = x[0]
        return x * counts[0]

    @numba.njit
    def g(x, counts):
        counts[counts < 3] = x[0]
        return x

    counts = np.zeros(4, np.int64)
    for function in (f, g):
        with pytest.raises(numba.TypingError, match="array of int64 cannot hold what is written"):
            dm.jit_jacobian(function, chunk_size=4)(X, counts)
