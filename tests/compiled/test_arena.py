"""Arrays of Duals on the sweep's stack: nothing outlives it, is shared by mistake, or overflows.

Oracle: the Python path of the same function; closed forms.
"""

import numba
import numpy as np
import pytest
from compiled_judge import agrees

import dualmc as dm
from dualmc.compiled import arena

pytestmark = pytest.mark.slow

X = np.array([0.3, -1.2, 2.0])


@numba.njit
def views(x):
    a = np.empty(4)
    a[:3] = x * x
    a[3] = x[0]
    b = a[1:]
    return b[::-1]


@numba.njit
def kept_in_a_list(x):
    rows = []
    for i in range(3):
        row = np.zeros(2)
        row[0] = x[i]
        row[1] = x[i] * x[0]
        rows.append(row)
    return rows[0] * rows[1] + rows[2]


@numba.njit
def many(x):
    """More arrays than there is room for."""
    total = np.zeros(3)
    before = np.zeros(3)
    for k in range(200):
        now = np.empty(3)
        for i in range(3):
            now[i] = x[i] * k + before[i]
        for i in range(3):
            total[i] += now[i] * before[i]
        before = now
    return total


@numba.njit
def of_two_dimensions(x):
    A = np.zeros((3, 3))
    for i in range(3):
        A[i, i] = x[i]
        A[i, 0] += x[0] * x[i]
    return A


@numba.njit
def scaled(x, k):
    y = np.empty(len(x))
    for i in range(len(x)):
        y[i] = k * x[i]
    return y


@numba.njit
def by_helpers(x):
    y = scaled(x, x[0])
    z = scaled(y, 2.0)
    return y * z


@numba.njit
def writes_into_x(x):
    x[0] = x[1] * x[2]
    y = np.array([x[0], x[0] * x[1], 3.0])
    x[1] = y[1]
    return y + x


@pytest.mark.parametrize(
    "f",
    [views, kept_in_a_list, many, of_two_dimensions, by_helpers],
    ids=lambda f: f.__name__,
)
def test_local_arrays(f):
    x = X.copy()
    agrees(f, x, chunk_size=2)  # two passes use the same room
    np.testing.assert_array_equal(x, X)


def test_an_input_that_is_written_to():
    # The result is (2 x1 x2, 2 x1**2 x2, 3 + x2).
    _, x1, x2 = X
    expected = [[0, 2 * x2, 2 * x1], [0, 4 * x1 * x2, 2 * x1**2], [0, 0, 1]]
    found = dm.jit_jacobian(writes_into_x, chunk_size=2)(X)
    np.testing.assert_allclose(found, expected, rtol=1e-15)


@numba.njit
def same(x):
    return x


def test_the_input_itself():
    np.testing.assert_array_equal(dm.jit_jacobian(same, chunk_size=2)(X), np.eye(3))
    np.testing.assert_array_equal(dm.jit_jacobian(same)(X.reshape(1, 3)).reshape(3, 3), np.eye(3))


@pytest.mark.parametrize("size", [-1, 2**62])
def test_shapes_that_cannot_be(size):
    @numba.njit
    def f(x, n):
        out = np.zeros((n, 8, 8))
        out[0, 0, 0] = x[0]
        return out[0, 0]

    with pytest.raises(ValueError, match="negative dimensions|too big"):
        dm.jit_jacobian(f)(X, size)


@numba.njit
def in_cells(x, n):
    out = np.zeros(n)
    for i in range(n):
        out[i] = x[i % 3] * i
    return out


def test_sizes_about_that_of_the_room():
    edge = arena.BYTES // 40  # Duals of four partials
    jac = dm.jit_jacobian(in_cells, chunk_size=4)
    for n in (0, 1, edge - 4, edge - 3, edge - 2, edge, edge + 1, 3 * edge):
        i = np.arange(n)
        expected = (i[:, None] % 3 == np.arange(3)) * i[:, None]
        np.testing.assert_array_equal(jac(X, n), expected)


def test_derivatives_of_derivatives():
    inner = dm.jit_jacobian(by_helpers, chunk_size=2)

    @numba.njit
    def outer(x):
        return inner(x)

    # by_helpers is 2 x0**2 x**2.
    x0, x1 = X[:2]
    found = dm.jit_jacobian(outer, chunk_size=2)(X)
    assert found[1, 0, 0] == pytest.approx(4 * x1**2, rel=1e-14)
    assert found[1, 0, 1] == found[1, 1, 0] == pytest.approx(8 * x0 * x1, rel=1e-14)
    assert found[0, 0, 0] == pytest.approx(24 * x0**2, rel=1e-14)


@numba.njit
def turned_in_place(x):
    frame = np.eye(3)
    c, s = np.cos(x[0]), np.sin(x[0])
    frame[:2, :2] = np.array([[c, -s], [s, c]])
    return frame


def test_rows_of_lists_where_constants_begin_in_duals():
    c, s = np.cos(0.3), np.sin(0.3)
    expected = np.zeros((3, 3, 1))
    expected[:2, :2, 0] = [[-s, -c], [c, -s]]
    found = dm.jit_jacobian(turned_in_place)(np.array([0.3]))
    np.testing.assert_allclose(found, expected, rtol=1e-15)
