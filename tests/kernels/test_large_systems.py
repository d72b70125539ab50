"""Derivatives of large systems, whose arrays come from the kept buffers, against closed forms."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import dualmc as dm

SIZE = 200_000


def burgers(u, nu=0.01):
    left, right = np.roll(u, 1), np.roll(u, -1)
    return nu * (left - 2 * u + right) - u * (right - left) / 2


def check_burgers(J, u, nu=0.01):
    """Three diagonals in closed form."""
    n = u.size
    left, right = np.roll(u, 1), np.roll(u, -1)
    assert (n, n) == J.shape
    assert 3 * n == J.nnz
    i = np.arange(n)
    at = np.sort(np.stack([(i - 1) % n, i, (i + 1) % n], axis=1), axis=1)
    assert np.array_equal(at.ravel(), J.indices)
    by_column = {
        0: -2 * nu - (right - left) / 2,
        1: nu - u / 2,
        n - 1: nu + u / 2,
    }
    data = J.data.reshape(n, 3)
    offset = (at - i[:, None]) % n
    for shift, expected in by_column.items():
        np.testing.assert_allclose(data[offset == shift], expected, rtol=1e-12, atol=1e-15)


def field(k):
    return np.sin(np.linspace(0.0, 7.0, SIZE) + k) * (1 + k)


def test_large_jacobians_one_after_the_other():
    """All results are held, and none changes when more are computed."""
    pytest.importorskip("scipy")
    results = []
    for k in range(4):
        y, J = dm.value_and_jacobian_fwd(burgers, field(k), sparse=True)
        copies = y.copy(), J.data.copy(), J.indices.copy(), J.indptr.copy()
        results.append((k, y, J, copies))
    for k, y, J, copies in results:
        assert np.array_equal(burgers(field(k)), y)
        check_burgers(J, field(k))
        for expected, actual in zip(copies, (y, J.data, J.indices, J.indptr), strict=True):
            assert np.array_equal(expected, actual)


def test_large_jvps_are_held():
    u = field(0)
    directions = [np.cos(u * k) for k in range(1, 6)]
    results = [dm.jvp(burgers, u, v) for v in directions]
    for (y, y_dot), v in zip(results, directions, strict=True):
        assert np.array_equal(burgers(u), y)
        left, right = np.roll(u, 1), np.roll(u, -1)
        v_left, v_right = np.roll(v, 1), np.roll(v, -1)
        expected = 0.01 * (v_left - 2 * v + v_right) - v * (right - left) / 2
        expected -= u * (v_right - v_left) / 2
        np.testing.assert_allclose(y_dot, expected, rtol=1e-10, atol=1e-12)
    # They are the user's: writing to one changes no other.
    before = results[1][1].copy()
    results[0][1][:] = 0.0
    assert np.array_equal(before, results[1][1])


def test_a_direction_returned_as_it_is_belongs_to_the_user():
    v = np.ones(SIZE)
    results = [dm.jvp(lambda x: x, field(0), k * v)[1] for k in range(4)]
    results.append(dm.jvp(lambda x: x + 1.0, field(0), 4 * v)[1])
    for k, y_dot in enumerate(results):
        assert (y_dot == k).all()


def test_auxiliary_values_are_held():
    pytest.importorskip("scipy")
    kept = []
    for k in range(3):
        J, aux = dm.jacobian_fwd(
            lambda u: (burgers(u), [u * 2.0, np.roll(u, 1) * u]),
            field(k),
            sparse=True,
            has_aux=True,
        )
        kept.append(aux)
    for k, (twice, product) in enumerate(kept):
        u = field(k)
        assert np.array_equal(u * 2.0, twice)
        assert np.array_equal(np.roll(u, 1) * u, product)


def test_hand_made_duals_are_held_while_jacobians_are_computed():
    pytest.importorskip("scipy")
    x, t = field(1), field(2)
    y = np.sin(dm.Dual(x, t)) * 2.0
    z = y[::2] * y[1::2]
    for k in range(2):
        check_burgers(dm.jacobian_fwd(burgers, field(k), sparse=True), field(k))
    np.testing.assert_allclose(y.tangent, 2 * np.cos(x) * t, rtol=1e-14)
    s, c = np.sin(x), np.cos(x) * t
    expected = 4 * (c[::2] * s[1::2] + s[::2] * c[1::2])
    np.testing.assert_allclose(z.tangent, expected, rtol=1e-12, atol=1e-14)


def test_large_jacobians_in_threads():
    pytest.importorskip("scipy")

    def work(k):
        results = []
        for j in range(2):
            u = field(k + j)
            results.append((u, dm.jacobian_fwd(burgers, u, 0.01 * (1 + k), sparse=True)))
        for u, J in results:
            check_burgers(J, u, 0.01 * (1 + k))
        return results

    with ThreadPoolExecutor(4) as executor:
        held = list(executor.map(work, range(4)))
    for k, results in enumerate(held):
        for u, J in results:
            check_burgers(J, u, 0.01 * (1 + k))


def test_parts_of_one_function_in_threads():
    """The tangents that threads made outlive them."""
    pytest.importorskip("scipy")

    def f(u):
        with ThreadPoolExecutor(4) as executor:
            parts = list(executor.map(lambda k: np.sin(k * u) / k, range(1, 5)))
        return parts[0] + parts[1] + parts[2] + parts[3]

    u = field(0)
    for _ in range(2):
        J = dm.jacobian_fwd(f, u, sparse=True)
        assert (SIZE, SIZE) == J.shape
        expected = sum(np.cos(k * u) for k in range(1, 5))
        np.testing.assert_allclose(J.diagonal(), expected, rtol=1e-11, atol=1e-12)
        assert SIZE == J.nnz


def test_many_intermediate_arrays_alive_at_once():
    """Everything computed on the way is looked at again at the end."""
    pytest.importorskip("scipy")

    def f(u):
        kept = [u]
        for k in range(12):
            kept.append(kept[-1] * 0.5 + np.roll(kept[k // 2], 1))
            kept[-1][::2] *= 2.0
        return sum(kept)

    u = field(3)
    rows = np.arange(SIZE)
    J = dm.jacobian_fwd(f, u, sparse=True)
    # f is linear: the Jacobian applied to u is f(u), and to shifted deltas what f makes of them.
    np.testing.assert_allclose(J @ u, f(u.copy()), rtol=1e-10, atol=1e-9)
    for start in range(3):
        v = (rows % 17 == start).astype(float)
        np.testing.assert_allclose(J @ v, f(v.copy()), rtol=1e-12)


def test_a_dense_jacobian_of_many_rows():
    u = field(0)
    x = np.linspace(0.5, 1.5, 4)

    def f(x):
        return np.sin(x[0] * u) + x[1] * np.cos(x[2] * u) * x[3]

    results = [dm.jacobian_fwd(f, x + k) for k in range(3)]
    for k, J in enumerate(results):
        a, b, c, d = x + k
        expected = [np.cos(a * u) * u, np.cos(c * u) * d, -b * d * u * np.sin(c * u)]
        expected.append(b * np.cos(c * u))
        np.testing.assert_allclose(J, np.stack(expected, axis=1), rtol=1e-11, atol=1e-11)
