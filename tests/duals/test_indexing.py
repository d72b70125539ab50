"""Views, writes and ownership: linear programs against the same programs on plain arrays.

A program of copies, scalings and sums is linear, so its derivative in a direction is the program
itself run on the direction, where the constants that it writes are 0.  All numbers are small
multiples of powers of two: every comparison is exact.
"""

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dualmc as dm

thorough = settings(
    deadline=None,
    derandomize=True,
    max_examples=120,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

# --- Random programs -----------------------------------------------------------------------------


class Play:
    """The arrays of one run: values (`one` is 1) or one tangent direction (`one` is 0)."""

    def __init__(self, x, one=1.0, scale=2.0, has_parts=False):
        self.one = one
        self.scale = scale
        self.arrays = [x, scale * x[::-1]]
        self.is_complex = [False, False]
        if has_parts:
            self.keep(x + 1j * x[::-1], True)

    def keep(self, a, is_complex):
        if a.ndim and a.ndim < 5 and 0 < a.size <= 48:
            self.arrays.append(a)
            self.is_complex.append(is_complex)
            if len(self.arrays) > 8:
                del self.arrays[0], self.is_complex[0]

    def any(self, rng):
        i = rng.integers(len(self.arrays))
        return self.arrays[i], self.is_complex[i]

    def target(self, rng):
        """An array that may be written to."""
        found = [i for i, a in enumerate(self.arrays) if a.flags.writeable]
        if not found:
            self.keep(self.arrays[-1].copy(), self.is_complex[-1])
            return self.arrays[-1], self.is_complex[-1]
        i = found[rng.integers(len(found))]
        return self.arrays[i], self.is_complex[i]

    def constant(self, rng):
        return self.one * float(rng.integers(-3, 4))

    def element(self, rng, is_complex):
        a, a_is_complex = self.any(rng)
        v = a[tuple(int(rng.integers(-n, n)) for n in a.shape)]
        return v.real if a_is_complex and not is_complex else v

    def new(self, rng, shape, is_complex):
        """What may be written to a selection of `shape`."""
        kind = rng.integers(6)
        if kind == 0:
            return self.constant(rng)
        if kind == 1:
            return self.element(rng, is_complex)
        if kind == 2:
            return self.scale * self.element(rng, is_complex)
        if kind == 3:
            fitting = [
                a if is_complex or not self.is_complex[i] else a.real
                for i, a in enumerate(self.arrays)
                if is_broadcastable(a.shape, shape)
            ]
            if fitting:
                return fitting[rng.integers(len(fitting))]
        a, a_is_complex = self.any(rng)
        a = a.real if a_is_complex and not is_complex else a
        part = tuple(n if rng.random() < 0.7 else 1 for n in shape[rng.integers(len(shape) + 1) :])
        return a.ravel()[rng.integers(0, a.size, part)]

    def last(self):
        return np.concatenate([a.reshape(-1) for a in self.arrays])


def is_broadcastable(shape, to):
    try:
        return np.broadcast_shapes(shape, to) == to
    except ValueError:
        return False


def random_slice(rng, n):
    if rng.random() < 0.3:
        return slice(None)
    bound = [None, *range(-n, n + 1)]
    step = [None, 1, 2, 3, -1, -2][rng.integers(6)]
    return slice(bound[rng.integers(len(bound))], bound[rng.integers(len(bound))], step)


def basic_key(rng, shape):
    key = [int(rng.integers(-n, n)) if rng.random() < 0.25 else random_slice(rng, n) for n in shape]
    if rng.random() < 0.3:
        key = key[: rng.integers(len(key) + 1)]
    elif rng.random() < 0.3:
        i, j = sorted(rng.integers(0, len(key) + 1, 2))
        key[i:j] = [...]
    if rng.random() < 0.2:
        key.insert(rng.integers(len(key) + 1), None)
    return key[0] if len(key) == 1 else tuple(key)


def copying_key(rng, shape):
    kind = rng.integers(5)
    n = shape[0]
    if kind == 0:
        return rng.random(shape) < 0.5
    if kind == 1:
        return rng.random(n) < 0.5
    if kind == 2:
        return rng.integers(-n, n, rng.integers(1, 4)).tolist()
    if kind == 3:
        return (..., rng.integers(-shape[-1], shape[-1], (2, 2)))
    return tuple(rng.integers(-m, m, 3) for m in shape)


def any_key(rng, shape):
    return (basic_key if rng.random() < 0.6 else copying_key)(rng, shape)


def selected(shape, key):
    return np.empty(shape)[key].shape


def take_slice(p, rng):
    a, c = p.any(rng)
    p.keep(a[basic_key(rng, a.shape)], c)


def take_transpose(p, rng):
    a, c = p.any(rng)
    p.keep(a.transpose([int(i) for i in rng.permutation(a.ndim)]), c)


def take_swapaxes(p, rng):
    a, c = p.any(rng)
    p.keep(np.swapaxes(a, 0, -1), c)


def take_flip(p, rng):
    a, c = p.any(rng)
    p.keep(np.flip(a, int(rng.integers(a.ndim))), c)


def take_reshape(p, rng):
    a, c = p.any(rng)
    ways = [(-1,), (a.size,), (1, a.size), (a.size, 1)]
    ways += [(i, a.size // i) for i in range(2, a.size) if a.size % i == 0]
    way = ways[rng.integers(len(ways))]
    p.keep(a.reshape(way, order="CFA"[rng.choice(3, p=[0.8, 0.1, 0.1])]), c)


def take_ravel(p, rng):
    a, c = p.any(rng)
    p.keep(a.ravel("CFAK"[rng.integers(4)]), c)


def take_broadcast(p, rng):
    a, c = p.any(rng)
    p.keep(np.broadcast_to(a, (2, *a.shape)), c)


def take_expand(p, rng):
    a, c = p.any(rng)
    p.keep(np.squeeze(np.expand_dims(a, 0)) if rng.random() < 0.5 else a[..., None], c)


def take_itself(p, rng):
    a, c = p.any(rng)
    p.keep([a.view(), a[...], a[()], a[:]][rng.integers(4)], c)


def take_half(p, rng):
    a, c = p.any(rng)
    if len(a) % 2 == 0:
        p.keep(np.split(a, 2)[rng.integers(2)], c)


def take_rows(p, rng):
    a, c = p.any(rng)
    if a.ndim > 1:
        for row in a:
            p.keep(row, c)


def take_part(p, rng):
    a, c = p.any(rng)
    if c:
        part = ("real", "imag")[rng.integers(2)]
        p.keep(getattr(a, part) if rng.random() < 0.5 else getattr(np, part)(a), False)


def copy_selection(p, rng):
    a, c = p.any(rng)
    p.keep(a[copying_key(rng, a.shape)], c)


def copy_plainly(p, rng):
    a, c = p.any(rng)
    p.keep([a.copy, a.flatten, lambda: np.copy(a), lambda: +a, lambda: -a][rng.integers(5)](), c)


def copy_scaled(p, rng):
    a, c = p.any(rng)
    kind = rng.integers(4)
    p.keep([p.scale * a, a * p.scale, a * 0.5, a * (2.0 ** rng.integers(-1, 2, a.shape))][kind], c)


def copy_shifted(p, rng):
    a, c = p.any(rng)
    v = p.constant(rng)
    p.keep([a + v, v + a, a - v, v - a, np.add(a, v)][rng.integers(5)], c)


def copy_sum(p, rng):
    a, c = p.any(rng)
    b, b_is_complex = p.any(rng)
    if is_broadcastable(a.shape, b.shape):
        p.keep(a + b if rng.random() < 0.5 else np.subtract(a, b), c or b_is_complex)


def copy_row_sum(p, rng):
    a, c = p.any(rng)
    p.keep(np.sum(a, axis=int(rng.integers(a.ndim)), keepdims=True), c)


def copy_joined(p, rng):
    a, c = p.any(rng)
    b, b_is_complex = p.any(rng)
    p.keep(np.concatenate([a.reshape(-1), b.reshape(-1)[::-2]]), c or b_is_complex)


def copy_where(p, rng):
    a, c = p.any(rng)
    p.keep(np.where(rng.random(a.shape) < 0.5, a, p.new(rng, a.shape, c)), c)


def copy_moved(p, rng):
    a, c = p.any(rng)
    kind = rng.integers(3)
    p.keep([np.roll(a, 1), np.repeat(a, 2), np.take(a, [0, -1], axis=0)][kind], c)


def fresh(p, rng):
    a, c = p.any(rng)
    kind = rng.integers(3)
    p.keep([np.zeros_like(a), np.full_like(a, p.constant(rng)), np.empty_like(a)][kind], c)
    p.arrays[-1][...] = p.constant(rng)


def write(p, rng):
    a, c = p.target(rng)
    key = any_key(rng, a.shape)
    a[key] = p.new(rng, selected(a.shape, key), c)


def write_one(p, rng):
    a, c = p.target(rng)
    a[tuple(int(rng.integers(-n, n)) for n in a.shape)] = p.element(rng, c)


def write_all(p, rng):
    a, c = p.target(rng)
    a[...] = p.new(rng, a.shape, c)


def write_shifted(p, rng):
    a, _ = p.target(rng)
    a[1:] = a[:-1]


def write_reversed(p, rng):
    a, _ = p.target(rng)
    a[...] = a[::-1]


def write_chosen_from_itself(p, rng):
    a, _ = p.target(rng)
    n = len(a)
    a[rng.permutation(n)] = a[::-1]


def swap(p, rng):
    a, _ = p.target(rng)
    a[0], a[-1] = a[-1], a[0]  # rows are views: NumPy's well-known half swap


def write_rows(p, rng):
    a, _ = p.target(rng)
    if a.ndim > 1:
        for row in a[::-1]:
            row[1:] = row[:1]


def augment(p, rng):
    a, c = p.target(rng)
    key = any_key(rng, a.shape)
    v = p.new(rng, selected(a.shape, key), c)
    kind = rng.integers(6)
    if kind == 0:
        a[key] += v
    elif kind == 1:
        a[key] -= v
    elif kind == 2:
        a[key] *= p.scale
    elif kind == 3:
        a[key] *= 0.5
    elif kind == 4:
        a[key] /= 2.0
    else:
        a[key] *= 2.0 ** rng.integers(-1, 2, selected(a.shape, key))


def augment_all(p, rng):
    a, c = p.target(rng)
    v = p.new(rng, a.shape, c)
    kind = rng.integers(4)
    if kind == 0:
        a += v
    elif kind == 1:
        a -= v
    elif kind == 2:
        a *= p.scale
    else:
        a /= 2.0


def augment_by_ufunc(p, rng):
    a, c = p.target(rng)
    v = p.new(rng, a.shape, c)
    kind = rng.integers(4)
    if kind == 0:
        np.add(a, v, out=a)
    elif kind == 1:
        np.subtract(v, a, out=a[...])
    elif kind == 2:
        np.negative(a, out=a[::-1])
    else:
        np.multiply(a, 0.5, out=a, where=rng.random(a.shape) < 0.5)


def write_by_function(p, rng):
    a, c = p.target(rng)
    mask = rng.random(a.shape) < 0.5
    flat = rng.integers(-a.size, a.size, 3)
    some = np.ravel(p.new(rng, (3,), c))
    kind = rng.integers(9)
    if kind == 0:
        np.copyto(a, p.new(rng, a.shape, c), where=mask)
    elif kind == 1:
        np.put(a, flat, some)
    elif kind == 2:
        a.put(flat, some)
    elif kind == 3:
        np.putmask(a, mask, some)
    elif kind == 4:
        np.place(a, mask, some)
    elif kind == 5:
        a.fill(p.element(rng, c))
    elif kind == 6:
        a.flat = some
    elif kind == 7:
        a.flat[int(flat[0])] = p.element(rng, c)
    else:
        a.flat[1::2] = p.constant(rng)


def write_part(p, rng):
    a, c = p.target(rng)
    if c:
        v = p.new(rng, a.shape, False)
        if rng.random() < 0.5:
            a.real = v
        else:
            a.imag = v


TAKES = [step for name, step in sorted(globals().items()) if name.startswith("take_")]
COPIES = [step for name, step in sorted(globals().items()) if name.startswith("copy_")]
WRITES = [
    write, write, write, write_one, write_all, write_shifted, write_reversed,
    write_chosen_from_itself, swap, write_rows, augment, augment, augment_all, augment_by_ufunc,
    write_by_function, write_part,
]  # fmt: skip
steps = st.one_of(
    *(
        st.tuples(st.sampled_from(kind), st.integers(0, 2**20))
        for kind in (TAKES, [*COPIES, fresh], WRITES)
    )
)
programs = st.lists(steps, min_size=3, max_size=25)
few = st.sampled_from([(3,), (2, 3), (2, 1, 2), (4, 4)])
many = st.sampled_from([(18,), (5, 4), (3, 2, 4)])


def play(program, x, one=1.0, scale=2.0, has_parts=False, look=None):
    p = Play(x, one, scale, has_parts)
    for number, (step, seed) in enumerate(program):
        step(p, np.random.default_rng(seed))
        if look is not None:
            look(number, p.arrays)
    return p


def start(shape):
    return np.arange(1.0, np.prod(shape) + 1).reshape(shape)


def directions(shape):
    n = int(np.prod(shape))
    return np.eye(n).reshape((n, *shape))


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


# --- Single steps --------------------------------------------------------------------------------


def check_linear(f, *shape):
    """The value, and the Jacobian column by column, of ``f(x, one)`` as a program is checked."""
    x = start(shape)
    expected_y = np.asarray(f(x.copy(), 1.0))
    expected = np.stack([f(t, 0.0) for t in directions(shape)], axis=-1)
    for sparse in (False, True):
        y, J = dm.value_and_jacobian_fwd(lambda x: f(x, 1.0), x, sparse=sparse)
        J = J.toarray() if sparse else J
        assert np.array_equal(expected_y, y)
        assert np.array_equal(expected.reshape(y.shape + shape), J.reshape(y.shape + shape))


def check_piecewise_linear(f, n):
    """As `check_linear` for an `f` that may sort: by exact differences, as the entries rise."""
    x = start((n,))
    h = 2.0**-10
    expected_y = f(x.copy())
    expected = np.stack([(f(x + h * t) - expected_y) / h for t in directions((n,))], axis=-1)
    for sparse in (False, True):
        y, J = dm.value_and_jacobian_fwd(f, x, sparse=sparse)
        assert np.array_equal(expected_y, y)
        assert np.array_equal(expected, J.toarray() if sparse else J)


sizes = pytest.mark.parametrize("n", [4, 20])

SHARERS = {
    "plus a constant": lambda a: a + 0.0,
    "constant plus": lambda a: 0.0 + a,
    "minus a constant": lambda a: a - 1.0 + 1.0,
    "positive": lambda a: +a,
    "np.positive": np.positive,
    "twice negative": lambda a: np.negative(-a),
    "times 1": lambda a: a * 1.0,
    "times 2": lambda a: 2.0 * a,
    "divided": lambda a: a / 2.0,
    "copy": lambda a: a.copy(),
    "np.copy": np.copy,
    "flatten": lambda a: a.flatten(),
    "astype": lambda a: a.astype(float),
    "astype without copy": lambda a: a.astype(float, copy=False),
    "astype complex": lambda a: a.astype(complex),
    "conj": np.conj,
    "real of complex": lambda a: (a + 0j).real,
    "view": lambda a: a[:],
    "reversed": lambda a: a[::-1],
    "tail": lambda a: a[1:],
    "reshape": lambda a: a.reshape(2, -1),
    "ravel": np.ravel,
    "transpose": lambda a: a.reshape(2, -1).T,
    "ravel of a transpose": lambda a: a.reshape(2, -1).T.ravel(),
    "ravel of a transpose along the memory": lambda a: a.reshape(2, -1).T.ravel("K"),
    "newaxis": lambda a: a[None],
    "broadcast": lambda a: np.broadcast_to(a, (2, a.size)),
    "copy of a broadcast": lambda a: np.broadcast_to(a, (2, a.size)).copy(),
    "one by one": lambda a: np.stack(list(a)),
    "elements": lambda a: np.stack([a[i] for i in range(a.size)]),
    "elements of a view": lambda a: np.stack([a[1:][i] for i in range(a.size - 1)]),
    "0-d views": lambda a: np.stack([a[i, ...] for i in range(a.size)]),
    "iteration over flat": lambda a: np.stack(list(a.flat)),
    "flat": lambda a: a.flat[:],
    "tolist": lambda a: np.stack(a.tolist()),
    "item": lambda a: np.stack([a.item(i) for i in range(a.size)]),
    "stack of two": lambda a: np.stack([a, a])[0],
    "concatenate of one": lambda a: np.concatenate([a]),
    "concatenate": lambda a: np.concatenate([a[:1], a[1:]]),
    "fancy": lambda a: a[list(range(a.size))],
    "mask": lambda a: a[np.ones(a.size, bool)],
    "empty mask and more": lambda a: a[1:][np.arange(a.size - 1) % 2 == 0],
    "take": lambda a: np.take(a, [0, 1]),
    "repeat": lambda a: np.repeat(a, 2),
    "roll": lambda a: np.roll(a, 1),
    "split": lambda a: np.split(a, 2)[0],
    "where": lambda a: np.where(np.arange(a.size) < 2, a, 0.0),
    "where all": lambda a: np.where(True, a, a),
    "sum": lambda a: a.sum(),
    "sum over nothing": lambda a: a.sum(axis=()),
    "sum of one row": lambda a: a[None].sum(axis=0),
    "cumsum": np.cumsum,
    "maximum": lambda a: np.maximum(a, -np.inf),
    "clip": lambda a: np.clip(a, None, None),
    "sort": lambda a: np.sort(a[None], axis=0)[0],
    "product": lambda a: np.eye(a.size) @ a,
    "einsum": lambda a: np.einsum("i->i", a),
    "squeeze": lambda a: np.squeeze(a[None]),
    "atleast_1d": np.atleast_1d,
    "diagonal": lambda a: np.diagonal(np.diag(a)),
    "nan_to_num": np.nan_to_num,
    "nan_to_num without copy": lambda a: np.nan_to_num(a, copy=False),
    "real of real": np.real,
    "real_if_close": lambda a: np.real_if_close(a + 0j),
    "trim_zeros": np.trim_zeros,
    "unstack": lambda a: np.unstack(a.reshape(2, -1))[1],
    "vsplit": lambda a: np.vsplit(a.reshape(2, -1), 2)[1],
    "windows": lambda a: np.lib.stride_tricks.sliding_window_view(a, 2),
    "sparse meshgrid": lambda a: np.meshgrid(a, a[:2], copy=False, sparse=True)[1],
    "atleast_3d": np.atleast_3d,
    "rot90": lambda a: np.rot90(a.reshape(2, -1)),
    "diagonal of a view": lambda a: np.diagonal(a.reshape(2, -1)),
    "diag of a view": lambda a: np.diag(a.reshape(2, -1)),
    "linalg.diagonal": lambda a: np.linalg.diagonal(a.reshape(2, -1)),
    "einsum transpose": lambda a: np.einsum("ij->ji", a.reshape(2, -1)),
    "einsum diagonal": lambda a: np.einsum("ii->i", a.reshape(2, -1)[:, :2]),
    "mT": lambda a: a.reshape(2, -1).mT,
    "moveaxis": lambda a: np.moveaxis(a.reshape(2, -1), 0, 1),
    "tile": lambda a: np.tile(a, 1),
    "resize": lambda a: np.resize(a, a.size),
    "pad": lambda a: np.pad(a, 0),
    "vstack": lambda a: np.vstack([a]),
    "delete": lambda a: np.delete(a, []),
    "append": lambda a: np.append(a, []),
    "fftshift": np.fft.fftshift,
    "partition": lambda a: np.partition(a[None], 0, axis=0)[0],
    "tril": lambda a: np.tril(np.outer(a, np.ones(2))),
    "mean over one": lambda a: np.mean(a[None], axis=0),
    "max over one": lambda a: np.max(a[None], axis=0),
    "median of one": lambda a: np.median(a[None], axis=0),
    "quantile of one": lambda a: np.quantile(a[None], 0.5, axis=0),
    "reduce over one": lambda a: np.add.reduce(a[None], axis=0),
    "reduce over one by a chain": lambda a: np.subtract.reduce(a[None], axis=0),
    "reduceat": lambda a: np.subtract.reduceat(a, np.arange(a.size)),
    "accumulate": lambda a: np.add.accumulate(a[None], axis=0)[0],
    "outer": lambda a: np.multiply.outer(1.0, a),
    "dot with 1": lambda a: np.dot(a, 1.0),
    "zero-th difference": lambda a: np.diff(a, n=0),
    "select": lambda a: np.select([np.ones(a.size, bool)], [a]),
    "compress": lambda a: np.compress(np.ones(a.size, bool), a),
    "choose": lambda a: np.choose(np.zeros(a.size, int), [a, a]),
    "nansum": lambda a: np.nansum(a[None], axis=0),
    "fabs": np.fabs,
    "round": lambda a: np.round(a) + a,
    "expand_dims": lambda a: np.expand_dims(a, 0),
    "ix_": lambda a: np.ravel(a[np.ix_([0, 1])]),
    "view method": lambda a: a.view(),
    "squeeze method": lambda a: a[None].squeeze(),
    "swapaxes method": lambda a: a[None].swapaxes(0, 1),
    "diagonal method": lambda a: a.reshape(2, -1).diagonal(),
    "item of one": lambda a: a[:1].item(),
    "tolist of one": lambda a: a[:1].tolist()[0],
    "sum of one": lambda a: np.sum(a[:1]),
    "mean of one": lambda a: a[:1].mean(),
    "product of one": lambda a: np.prod(a[:1]),
    "max of one": lambda a: a[:1].max(),
    "median of one number": lambda a: np.median(a[:1]),
    "quantile of one number": lambda a: np.quantile(a[:1], 0.5),
    "average of one": lambda a: np.average(a[:1]),
    "trace of one": lambda a: np.trace(a[None, :1]),
    "dot of one": lambda a: np.dot(a[:1], np.ones(1)),
    "matmul of one": lambda a: a[:1] @ np.ones(1),
    "take one": lambda a: np.take(a, 0),
    "take_along_axis": lambda a: np.take_along_axis(a, np.array([0]), 0),
    "reduce of one": lambda a: np.add.reduce(a[:1]),
    "unique of one": lambda a: np.unique(a[:1]),
    "where of one": lambda a: np.where(True, a[0], 0.0),
    "copy of a number": lambda a: a[0].copy(),
    "copy of a 0-d view": lambda a: a[0, ...].copy(),
    "reshape of a number": lambda a: np.reshape(a[0], (1,)),
    "atleast_1d of a number": lambda a: np.atleast_1d(a[0]),
    "ravel of a 0-d view": lambda a: a[0, ...].ravel(),
    "squeeze of one": lambda a: np.squeeze(a[:1]),
    "positive of a 0-d view": lambda a: +a[0, ...],
    "int power of a number": lambda a: a[0] ** 1,
    "element of a 0-d view": lambda a: a[0, ...][()],
    "full slice of a 0-d view": lambda a: a[0, ...][...],
    "first of unravelled": lambda a: a[np.unravel_index(0, a.shape)],
    "min of several": lambda a: min(a[0], a[1]),
    "asanyarray of a list": lambda a: np.stack([a[0, ...], a[1, ...]]),
    "flat element": lambda a: a.flat[0],
    "next of flat": lambda a: next(iter(a.flat)),
    "diagonal of one": lambda a: np.diagonal(a[None, :1]),
    "swapaxes of rows": lambda a: a.reshape(2, -1).swapaxes(0, 1)[0],
    "round trip": lambda a: (a + 1j * a).imag,
}


def write_in_parts(a, v):
    for i in range(len(a)):
        a[i] = v


CHANGES = [
    lambda a, v: a.__setitem__((-1,) * a.ndim, v),
    lambda a, v: a.__setitem__(slice(None, None, 2), v),
    lambda a, v: a.__setitem__([0, -1], v),
    lambda a, v: np.add(a, v, out=a),
    lambda a, v: a.fill(0.0),
    write_in_parts,
    lambda a, v: a[::-1].sort(axis=0),
]


@sizes
@pytest.mark.parametrize("sharer", SHARERS)
def test_a_write_reaches_what_shares_memory_and_nothing_else(sharer, n):
    """Every derivative is NumPy's own behaviour: copies keep theirs, views follow."""
    for change, is_result_changed, is_written_before in itertools.product(
        CHANGES, (False, True), (False, True)
    ):

        def f(x, change=change, options=(is_result_changed, is_written_before)):
            a = 2.0 * x
            if options[1]:
                a[1] = x[0]
            b = SHARERS[sharer](a)
            changed = b if options[0] else a
            if np.ndim(changed) and changed.flags.writeable:
                change(changed, 4.0 * x[-1])
            return np.concatenate([np.reshape(a, -1), np.reshape(b, -1)])

        check_piecewise_linear(f, n)


@sizes
@pytest.mark.parametrize(
    "f",
    [
        np.sum,
        np.max,
        np.median,
        np.trapezoid,
        np.subtract.reduce,
        np.add.reduce,
        lambda a: np.divide.reduce(a[:1]),
        lambda a: np.hypot.reduce(a[:1]),
        lambda a: np.logaddexp.reduce(a[:1]),
        lambda a: np.quantile(a, 0.5),
        lambda a: np.trace(a.reshape(2, -1)),
        lambda a: np.dot(a, np.ones(a.size)),
        lambda a: np.einsum("i->", a),
        lambda a: np.take(a, 1),
        lambda a: a[1],
        lambda a: a[1:2].item(),
        lambda a: a.flat[1],
        lambda a: a.tolist()[1],
    ],
)
def test_what_is_a_number_for_numpy_is_not_changed_in_place(f, n):
    """``total += 1`` makes a new number; who kept the old one still has it."""

    def g(x):
        total = kept = f(x)
        total += 2.0 * x[0]
        total *= 3.0
        return np.stack([kept, total, *x])

    assert not isinstance(f(start((n,))), np.ndarray)
    check_piecewise_linear(g, n)


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
