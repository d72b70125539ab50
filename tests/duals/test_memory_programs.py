"""Views, writes and ownership: random programs, at one level and nested; views of views."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_programs import directions, few, many, play, programs, sizes, start, thorough

import dualmc as dm


@thorough
@given(programs, few, st.booleans(), st.integers(1, 4))
def test_hand_made_duals(program, shape, has_parts, every):
    """All arrays, looked at after every step, every second step, ... and at the end."""
    rng = np.random.default_rng(0)
    x = start(shape)
    ts = rng.integers(-4, 5, (3, *shape)).astype(float)
    seen = []

    def look(number, arrays):
        if number % every == 0:
            seen.append([np.array(a) for a in arrays])

    def look_at_duals(number, arrays):
        if number % every == 0:
            seen.append([(a.primal.copy(), a.tangent) for a in arrays])

    a = play(program, x.copy(), 1.0, 2.0, has_parts, look).arrays
    values, seen = [*seen, a], []
    tangents = []
    for t in ts:
        a = play(program, t.copy(), 0.0, 2.0, has_parts, look).arrays
        tangents.append([*seen, a])
        seen = []
    duals = play(program, dm.Dual(x, ts), 1.0, 2.0, has_parts, look_at_duals).arrays
    duals = [*seen, [(a.primal, a.tangent) for a in duals]]
    for i, arrays in enumerate(duals):
        assert len(values[i]) == len(arrays)
        for j, (primal, t) in enumerate(arrays):
            assert np.array_equal(values[i][j], primal)
            assert np.array_equal(np.stack([direction[i][j] for direction in tangents]), t)


def check_jacobian(program, shape, has_parts):
    x = start(shape)
    expected_y = play(program, x.copy(), 1.0, 2.0, has_parts).last()
    columns = [play(program, t, 0.0, 2.0, has_parts).last() for t in directions(shape)]
    expected = np.stack(columns, axis=-1)

    def f(x):
        return play(program, x, 1.0, 2.0, has_parts).last()

    y, J = dm.value_and_jacobian_fwd(f, x)
    assert np.array_equal(expected_y, y)
    assert np.array_equal(expected, J.reshape(expected.shape))
    y, J = dm.value_and_jacobian_fwd(f, x, sparse=True)
    assert np.array_equal(expected_y, y)
    assert np.array_equal(expected, J.toarray())
    J = dm.jacobian_fwd(f, x, sparse=True, chunk_size=5)
    assert np.array_equal(expected, J.toarray())


@thorough
@given(programs, few, st.booleans())
def test_few_inputs(program, shape, has_parts):
    check_jacobian(program, shape, has_parts)


@thorough
@given(programs, many, st.booleans())
def test_many_inputs(program, shape, has_parts):
    check_jacobian(program, shape, has_parts)


@thorough
@given(programs, st.one_of(few, many), st.booleans())
def test_nested(program, shape, is_varied):
    """The factor of every scaling, and perhaps x too, is an outer variable u, here 2.

    The derivatives by u are the program's imaginary parts for u = 2 + ih: exact, as h is so small
    a power of two.
    """
    h = 2.0**-80

    def f(u):
        x = 0.5 * u * start(shape) if is_varied else start(shape)
        return dm.value_and_jacobian_fwd(lambda x: play(program, x, 1.0, u).last(), x)

    def joined(u):
        y, J = f(u)
        return np.concatenate([np.reshape(y, -1), np.reshape(J, -1)])

    u = 2.0 + 1j * h
    x = 0.5 * u * start(shape) if is_varied else start(shape).astype(complex)
    y = play(program, x, 1.0, u).last()
    J = [play(program, t.astype(complex), 0.0, u).last() for t in directions(shape)]
    expected = np.concatenate([y, np.stack(J, axis=-1).reshape(-1)])
    out, out_dot = dm.jvp(joined, 2.0, 1.0)
    np.testing.assert_allclose(out, expected.real, rtol=0, atol=1e-20)
    np.testing.assert_allclose(out_dot, expected.imag / h, rtol=0, atol=1e-20)


# --- Hand-made Duals and nesting -----------------------------------------------------------------


def test_reading_a_tangent_takes_a_copy():
    d = dm.Dual([1.0, 2.0], [3.0, 4.0])
    t = d.tangent
    t[0] = 9.0
    assert [3.0, 4.0] == d.tangent.tolist()
    d[1] = 0.0
    assert [9.0, 4.0] == t.tolist()
    view = d[:1]
    t = view.tangent
    t[0] = 9.0
    assert [3.0] == view.tangent.tolist()


def test_a_dual_does_not_share_memory_with_what_made_it():
    x, t = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    d = dm.Dual(x, t)
    x[0], t[0] = 7.0, 7.0
    d[1] = 0.0
    assert ([1.0, 0.0], [3.0, 0.0]) == (d.primal.tolist(), d.tangent.tolist())
    assert ([7.0, 2.0], [7.0, 4.0]) == (x.tolist(), t.tolist())


@sizes
def test_outer_derivatives_of_what_was_read_before_a_write(n):
    """Both levels at once: u is the outer variable, x the inner one, all products of both."""
    w = np.linspace(1.0, 2.0, n)

    def program(x, u):
        y = np.zeros_like(x)
        kept = []
        for i in range(len(x)):
            y[i] = u * x[i] + y[i - 1]
            kept.append(y[i])
            kept.append(y[: i + 1] * u)
            y[i - 1] = u
        v = y[::-1]
        v[0] = u * u
        v[1:3] *= u
        return np.concatenate([np.stack(kept[::2]), *kept[1::2], y, v])

    def slopes(u):
        return dm.jacobian_fwd(lambda x: program(x, u), w)

    h = 2.0**-80
    u = 1.5 + 1j * h
    expected = np.stack([(program(w + 0j + t, u) - program(w + 0j, u)) for t in np.eye(n)], -1)
    J, J_dot = dm.jvp(slopes, 1.5, 1.0)
    np.testing.assert_allclose(J, expected.real, rtol=1e-13, atol=1e-13)
    one_column = np.stack([derivative_by_hand(program, w, t) for t in np.eye(n)], -1)
    np.testing.assert_allclose(J_dot, one_column, rtol=1e-12, atol=1e-12)


def derivative_by_hand(program, w, t):
    """d/du of the derivative along t: the program is linear in x but for constants."""
    h = 2.0**-80
    u = 1.5 + 1j * h
    # The difference of two runs cancels the constants; their imaginary parts are exact in h.
    return (program(w + t + 0j, u).imag - program(w + 0j, u).imag) / h


# --- Views of views of views ---------------------------------------------------------------------


def _first_products(x):
    total = 0.0
    while len(x) > 1:
        total = total + x[0] * x[1]
        x = x[1:]
    return total


def _last_squared(x):
    while len(x) > 1:
        x = x[1:]
    return x[0] ** 2


@pytest.mark.parametrize("differentiate", [dm.jacobian_fwd, dm.jacobian_rev])
def test_thousands_of_nested_views_do_not_recurse(differentiate):
    x = np.linspace(0.0, 1.0, 3000)
    neighbours = np.zeros(3000)
    neighbours[:-1] += x[1:]
    neighbours[1:] += x[:-1]
    np.testing.assert_allclose(differentiate(_first_products, x), neighbours, rtol=1e-15)
    expected = np.zeros(3000)
    expected[-1] = 2.0
    assert expected.tolist() == differentiate(_last_squared, x).tolist()


def test_numbers_read_from_views_of_an_array_that_is_being_filled():
    n = 12

    def f(x):
        y = np.zeros((2, n))
        top, back = y[0], y[1, ::-1]
        part = top[2:8]
        top[:] = x**2
        back[:] = x * x[0]
        part[1] += back[2] * top[3]  # top[3] is part[1]
        part[-1] = part[1] + top[0]
        back[5] -= part[-1] ** 2
        top[0] = back[5]
        return y

    def steps(x):
        top, back = x**2, x * x[0]
        top[3] += back[2] * top[3]
        top[7] = top[3] + top[0]
        back[5] -= top[7] ** 2
        top[0] = back[5]
        return np.stack([top, back[::-1]])

    x = np.linspace(0.5, 1.5, n)
    expected = [steps(x + 1e-30j * e).imag / 1e-30 for e in np.eye(n)]
    for count in (n, 3):
        J = dm.jacobian_fwd(f, x, chunk_size=count)
        np.testing.assert_allclose(J, np.moveaxis(expected, 0, -1), rtol=1e-13, atol=1e-15)
    wide = np.concatenate([x, np.ones(30)])  # so many inputs start sparse
    J = dm.jacobian_fwd(lambda x: f(x[:n]), wide)
    np.testing.assert_allclose(J[..., :n], np.moveaxis(expected, 0, -1), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("n", [4, 36])
def test_a_sum_that_numpy_refuses_changes_no_derivative(n):
    def f(x):
        r = 2.0 * x
        r[0] = 3.0 * x[1]  # from here on written in place
        with pytest.raises(ValueError, match="read-only"):
            view = np.broadcast_to(r, (n,))
            view += x
        return r

    expected = 2.0 * np.eye(n)
    expected[0, :2] = 0.0, 3.0
    np.testing.assert_array_equal(dm.jacobian_fwd(f, np.arange(1.0, n + 1)), expected)
