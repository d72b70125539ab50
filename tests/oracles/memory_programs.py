"""Linear programs of views and writes, random or given, against themselves on plain arrays.

A program of copies, scalings and sums is linear, so its derivative in a direction is the program
itself run on the direction, where the constants that it writes are 0.  All numbers are small
multiples of powers of two: every comparison is exact.
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
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
