"""Reading and writing by index: arrays filled in loops, keys and values of all kinds, parts."""

import numpy as np
import pytest
from memory_programs import check_linear, sizes

import dualmc as dm

# --- Arrays filled in loops ----------------------------------------------------------------------


def filled_forwards(x, one):
    y = np.zeros_like(x)
    y[0] = x[0]
    for i in range(1, len(x)):
        y[i] = 0.5 * y[i - 1] + x[i]
    return y


def filled_backwards(x, one):
    y = np.empty_like(x)
    y[-1] = one
    for i in range(len(x) - 2, -1, -1):
        y[i] = y[i + 1] - x[i]
    return y


def filled_with_reads_kept(x, one):
    """What was read stays as it was read."""
    y = np.zeros_like(x)
    kept = []
    for i in range(len(x)):
        kept.append(y[i])
        kept.append(y[i - 1])
        y[i] = x[i] + y[i - 1]
        kept.append(y[i])
        y[i] += x[0]
        kept.append(y[i])
    return np.stack(kept)


def filled_with_arrays_kept(x, one):
    y = x * 1.0
    kept = []
    for i in range(len(x)):
        kept.append(y + one)
        y[i] = y[i - 1] * 2.0
        kept.append(y.copy())
        y[i] -= one * 3.0
        kept.append(-y)
    return np.stack(kept)


def filled_with_views_kept(x, one):
    """Every view shows the end state."""
    y = np.zeros_like(x)
    kept = []
    for i in range(len(x)):
        kept.append(y[i:])
        y[i] = x[-1 - i]
        kept.append(y[: i + 1][::-1])
        kept.append(y[i, ...].reshape(1))
        y[i] *= 2.0
    return np.concatenate(kept)


def filled_by_rows(x, one):
    y = np.zeros_like(x, shape=(3, len(x)))
    for i, row in enumerate(y):
        row[i:] = x[i:]
        row[:i] = y[i - 1, :i] * 0.5
        row -= y[0]
    return y


def filled_by_columns(x, one):
    y = np.zeros((len(x), 3), like=x)
    for j in range(3):
        y[:, j] = x
        y[:, j] += y[:, j - 1]
    return y


def filled_by_elements_of_rows(x, one):
    y = np.zeros_like(x, shape=(2, len(x)))
    for i in range(2):
        for j in range(len(x)):
            y[i][j] = x[j] + y[i - 1][j - 1]
    return y


def filled_then_cleared(x, one):
    y = x * 2.0
    for i in range(len(x)):
        y[i] = one * 7.0
    z = y + x[0]
    y[0] = x[1]
    return np.stack([y, z])


def filled_with_wide_elements(x, one):
    """One element that depends on everything among many that depend on little."""
    y = np.zeros_like(x)
    kept = []
    for i in range(len(x)):
        y[i] = x[i]
        if i == 2:
            y[1] = np.sum(x)
            kept.append(y * 1.0)
        if i == 3:
            y[1] = x[0]
            kept.append(y[:3])
    return np.concatenate([y, *kept])


def rotated_in_place(x, one):
    y = x.copy()
    for _ in range(3):
        last = y[-1]
        y[1:] = y[:-1]
        y[0] = last
    return y


def exchanged_elements(x, one):
    y = x.copy()
    for i in range(len(x) // 2):
        y[i], y[-1 - i] = y[-1 - i], y[i]
    return y


def eliminated(x, one):
    """Gauss's elimination with a constant matrix, x on the right."""
    n = len(x)
    A = np.triu(np.ones((n, n))) + np.tri(n, k=-1) * 2.0
    b = x.copy()
    for k in range(n):
        for i in range(k + 1, n):
            b[i] -= 0.5 * A[i, k] * b[k]
    return b


def argument_overwritten(x, one):
    for i in range(len(x)):
        x[i] = x[i - 1] + x[i]
    return x


def running_window(x, one):
    window = np.zeros_like(x[:3])
    kept = []
    for v in x:
        window[:-1] = window[1:]
        window[-1] = v
        kept.append(window.sum())
    return kept


@sizes
@pytest.mark.parametrize(
    "f",
    [
        filled_forwards,
        filled_backwards,
        filled_with_reads_kept,
        filled_with_arrays_kept,
        filled_with_views_kept,
        filled_by_rows,
        filled_by_columns,
        filled_by_elements_of_rows,
        filled_then_cleared,
        filled_with_wide_elements,
        rotated_in_place,
        exchanged_elements,
        eliminated,
        argument_overwritten,
        running_window,
    ],
    ids=lambda f: f.__name__,
)
def test_loops(f, n):
    check_linear(f, n)


# --- Keys and values of every kind ---------------------------------------------------------------


def written_by_its_own_mask(a, one):
    a[[2, 0, 1]] = a[::-1][:3]
    a[np.array([1, 2, 0])] = a[:3]
    a[np.arange(len(a))] = a[::-1]
    return a


def written_from_lists(a, one):
    a[:2] = [a[1], one * 5.0]
    a[2:4] = (2.0 * a[0], a[1])
    a[:4].reshape(2, 2)[...] = [[a[3], a[2]], [one, a[0]]]
    return a


def written_from_objects(a, one):
    a[:2] = np.array([a[1], one * 5.0], dtype=object)
    a[2] = np.array(a[3], dtype=object)
    return a


def written_with_leading_axes(a, one):
    a[:] = a[None, None, ::-1]
    a[[0, 1]] = a[None, 2:4]
    a[None, :2] = a[2]
    return a


def written_by_repeated_positions(a, one):
    a[[0, 0, 0]] = np.array([1.0, 2.0, 4.0]) * a[3]
    a[[1, 2, 1]] += a[:3]
    return a


def written_by_booleans(a, one):
    a[True] = a[::-1].copy()
    a[False] = a[0]
    a[np.True_, 0] = a[1]
    return a


def written_by_odd_keys(a, one):
    a[np.uint8(1)] = a[3]
    a[(0,)] = 2.0 * a[2]
    a[[0, 3],] += a[1]
    a[range(2)] = a[2:4]
    a[..., 2] = a[0]
    a[np.array(3)] = a[1]
    a[[]] = a[:0]
    a[None, 1, None] = a[0]
    return a


def read_by_odd_keys(a, one):
    parts = [a[np.uint8(1)], a[(2,)], a[np.array(3)], a[-1], a[()][0], a[..., 1][()]]
    parts += [a[True][0, 1], a[None, :, None][0, 2, 0], a[[[0, 1], [2, 3]]][1, 0]]
    parts += [a[range(3)][1], a[[True, False, True, False] + [False] * (len(a) - 4)][1]]
    return np.stack(parts)


def zero_dimensional_views(a, one):
    b = a[0, ...]
    b[...] = 2.0 * a[1]
    c = a[2:3].reshape(())
    c[()] = a[3]
    d = a[1:2].squeeze()
    d.fill(a[0])
    np.add(d, a[2], out=d)
    return np.concatenate([a, np.stack([b, c, d])])


def zero_dimensional_views_in_place(a, one):
    """``b += 1`` writes through a 0-d view, which is an array, not a number."""
    b = a[0, ...]
    b += a[1]
    c = a[2:3].reshape(())
    c *= 2.0
    d = a[3:4].squeeze()
    d /= 4.0
    d -= a[0]
    return np.concatenate([a, np.stack([b, c, d])])


def flat_reads(a, one):
    b = a.reshape(2, -1).T
    return np.stack([b.flat[1], b.flat[-1], *b.flat[:2], *b.flat[[0, 2]], *list(b.flat)[:3]])


def flat_reads_are_copies(a, one):
    b = a.flat[1:3]
    c = a.flat[:]
    a[:] = a[0] * 2.0
    return np.concatenate([a, b, c])


def flat_writes(a, one):
    b = a.reshape(2, -1).T
    b.flat[1] = a[0]
    b.flat[:2] = a[2] + one
    b.flat[[0, 3]] = a[1:3]
    b.flat[np.arange(b.size) % 3 == 2] = 2.0 * a[3]
    b.flat[-1] = one
    c = b[:, :1]
    c.flat = [a[1], a[0]]
    return a


def ravel_along_the_memory_is_a_view(a, one):
    b = a.reshape(2, 2, -1).transpose(2, 0, 1)
    b.ravel("K")[1:] = 2.0 * a[0]
    c = a.reshape(2, -1).T.ravel("A")
    c[0] = a[3]
    return a


def ravel_of_a_broadcast_along_the_memory(a, one):
    b = np.broadcast_to(a.reshape(2, 1, -1).T, (len(a) // 2, 3, 2))
    return np.concatenate([np.broadcast_to(a, (2, len(a))).ravel("K"), b.ravel("K"), b.ravel("A")])


def views_of_a_root_that_is_gone(a, one):
    b = (2.0 * a)[1:][::2]
    c = b[::-1]
    c[0] = a[0]
    return np.concatenate([b, c])


def written_in_fortran_order(a, one):
    b = np.asfortranarray(np.zeros((2, 3)), like=a) if one else np.zeros((2, 3), order="F")
    b[0] = a[:3]
    b[:, 1] += a[3]
    b.T[2] = a[0]
    return np.concatenate([b.ravel(), b.ravel("F"), b.T.ravel()])


@sizes
@pytest.mark.parametrize(
    "f",
    [
        written_by_its_own_mask,
        written_from_lists,
        written_from_objects,
        written_with_leading_axes,
        written_by_repeated_positions,
        written_by_booleans,
        written_by_odd_keys,
        read_by_odd_keys,
        zero_dimensional_views,
        zero_dimensional_views_in_place,
        flat_reads,
        flat_reads_are_copies,
        flat_writes,
        ravel_along_the_memory_is_a_view,
        ravel_of_a_broadcast_along_the_memory,
        views_of_a_root_that_is_gone,
        written_in_fortran_order,
    ],
    ids=lambda f: f.__name__,
)
def test_keys_and_values(f, n):
    check_linear(f, n)


def test_keys_computed_from_duals():
    """Masks and positions look at the value."""
    x = np.array([3.0, 1.0, 2.0, 5.0])

    def f(x):
        y = x.copy()
        y[y > x[2]] = x[1]  # 0 and 3
        y[np.argmin(x)] += x[0]
        y[int(x[2])] *= 2.0
        return np.concatenate([y, x[np.argsort(x)], x[x == x.max()]])

    expected = np.zeros((9, 4))
    expected[[0, 1, 1, 2, 3], [1, 1, 0, 2, 1]] = 1.0, 1.0, 1.0, 2.0, 1.0
    expected[range(4, 9), [1, 2, 0, 3, 3]] = 1.0
    assert np.array_equal(expected, dm.jacobian_fwd(f, x))


def store(a, key, value):
    a[key] = value(a)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (9, lambda a: a[0]),
        ((0, 0), lambda a: a[0]),
        (slice(2), lambda a: a[:3]),
        (slice(2), lambda a: [a[0], a[1], a[2]]),
        ([0, 9], lambda a: a[:2]),
        ([0, 1], lambda a: a[:3]),
        ([True, False], lambda a: a[0]),
        ("key", lambda a: a[0]),
        (1.0, lambda a: a[0]),
        (slice(None), lambda a: a.reshape(2, 2)),
        (0, lambda a: a[:2]),
        (0, lambda a: [a[1], a[2]]),
        (..., lambda a: np.stack([a, a])),
    ],
)
@pytest.mark.parametrize("is_view", [False, True])
def test_a_write_that_fails_is_numpys_error_and_changes_nothing(key, value, is_view):
    x = np.arange(1.0, 6.0)
    with pytest.raises((IndexError, ValueError)) as plain:
        store(x[1:] if is_view else x[:4].copy(), key, value)
    root = dm.Dual(x, 3.0 * x)
    a = root[1:] if is_view else root[:4].copy()
    a[3] = 2.0 * a[3]
    before = a.primal.copy(), a.tangent, root.primal.copy(), root.tangent
    with pytest.raises(plain.type) as dual:
        store(a, key, value)
    assert str(plain.value) == str(dual.value)
    after = a.primal, a.tangent, root.primal, root.tangent
    for expected, actual in zip(before, after, strict=True):
        assert np.array_equal(expected, actual)


@pytest.mark.parametrize("key", [9, (0, 0), "key", 1.0, [0, 9], [True, False], (..., ...)])
def test_a_read_that_fails_is_numpys_error(key):
    x = np.arange(4.0)
    with pytest.raises(IndexError) as plain:
        x[key]
    with pytest.raises(IndexError) as dual:
        dm.Dual(x, x)[key]
    assert str(plain.value) == str(dual.value)


def test_a_float_is_no_position():
    with pytest.raises(IndexError):
        dm.jacobian_fwd(lambda x: x[x[0]], [1.0, 2.0])
    with pytest.raises(TypeError):
        dm.jacobian_fwd(lambda x: x[: x[0]], [1.0, 2.0])


def test_elements_cannot_be_deleted():
    d = dm.Dual(np.ones(3), np.ones(3))
    with pytest.raises((ValueError, TypeError, AttributeError)):
        del d[0]
    assert (3,) == d.shape


def test_a_write_keeps_the_dtype():
    def f(x):
        y = np.zeros_like(x)
        y[0] = x[0].astype(np.float64) * (1 / 3)
        y[1:] = x[1:] * np.arange(1.0, 3.0)
        return y

    x = np.array([1.0, 2.0, 3.0], np.float32)
    for padding in (0, 20):
        x = np.concatenate([x, np.zeros(padding, np.float32)])
        y, J = dm.value_and_jacobian_fwd(lambda x: f(x[:3]), x)
        assert (np.float32, np.float32) == (y.dtype, J.dtype)
        assert np.array_equal(f(x[:3]), y)
        expected = np.diag(np.array([1 / 3, 1.0, 2.0], np.float32))
        assert np.array_equal(expected, J[:, :3])


# --- Parts of complex arrays ---------------------------------------------------------------------


def parts_written(x, one):
    z = x + 1j * x[::-1]
    z.real[0] = 2.0 * x[1]
    z.imag[1:] = x[:-1]
    z.real += z.imag
    z.imag *= 0.5
    return z


def parts_written_through_views(x, one):
    z = (x + 1j * x[::-1]).reshape(2, -1)
    z.T.real[0] = x[:2]
    z[:, ::-1].imag[:, 0] = one * 3.0
    z.real[0][1:] = x[0]
    z.imag.reshape(-1)[::2] += x[1]
    z.real.T[...] = 2.0 * z.imag.T
    np.negative(z.imag, out=z[::-1].imag)
    return z


def parts_set(x, one):
    z = x + 1j * x[::-1]
    z.real = x[::-1]
    z.imag = one * 2.0
    z[1:].imag = z.real[:-1]
    return z


def parts_follow(x, one):
    z = x + 1j * x[::-1]
    r, i, c = z.real, z.imag[1:], z.real.copy()
    z[0] = 3.0 * x[1] + 1j * x[2]
    z *= 1j
    return np.concatenate([z, r, i, c])


def parts_of_reals(x, one):
    x.real[0] = 2.0 * x[1]
    x.real = 0.5 * x.real
    return np.concatenate([x, x.imag, np.imag(x[::2])])


@sizes
@pytest.mark.parametrize(
    "f",
    [parts_written, parts_written_through_views, parts_set, parts_follow, parts_of_reals],
    ids=lambda f: f.__name__,
)
def test_parts(f, n):
    check_linear(f, n)


@pytest.mark.parametrize("part", ["real", "imag"])
@pytest.mark.parametrize("other", [np.inf, -np.inf, np.nan, -0.0])
@pytest.mark.parametrize("write", ["key", "all", "in place"])
def test_writing_one_part_keeps_the_other_as_it_is(part, other, write):
    def f(x):
        z = x + 0j
        z[...] = complex(1.0, other) if part == "real" else complex(other, 1.0)
        if write == "key":
            getattr(z, part)[0] = 3.0 * x[1]
        elif write == "all":
            setattr(z, part, 3.0 * x)
        else:
            view = getattr(z, part)
            view += 3.0 * x
        return z

    x = np.array([1.0, 2.0])
    y = dm.value_and_jacobian_fwd(f, x)[0]
    assert repr(f(x)) == repr(y)  # tells -0. from 0.


def test_a_complex_number_in_one_part_is_numpys_error():
    def f(x):
        z = x + 0j
        z.real[0] = 1j * x[1]
        return z

    with pytest.raises(TypeError):
        f(np.ones(2))
    with pytest.raises(TypeError):
        dm.jacobian_fwd(f, np.ones(2))


def test_the_imaginary_part_of_a_real_array_cannot_be_set():
    def f(x):
        x.imag = 1.0
        return x

    with pytest.raises(TypeError):
        f(np.ones(2))
    with pytest.raises(TypeError):
        dm.jacobian_fwd(f, np.ones(2))
