"""Calls that a plan could take for another: options, kinds of constants, empty arrays.

Each row is run by plans, twice, and without, and compared bit for bit; its value with plain NumPy.
"""

import numpy as np
import pytest
from test_plans import assert_same, bits

import dualmc as dm

X = np.linspace(0.3, 1.7, 12)
MASK = np.arange(12) % 3 == 1
READ_ONLY = np.linspace(0.0, 1.0, 12)
READ_ONLY.flags.writeable = False


class Marked(np.ndarray):
    pass


def nothing(x):
    """An array of Duals that depend on no input, some with not even a slot."""
    never = np.zeros(12, bool)
    return np.where(never, x, 0.0) + np.where(never, np.sin(x) * x[::-1], 1.0)


def into_arrays(x):
    o, p, q, w = (np.zeros_like(x) for _ in range(4))
    np.sum(x.reshape(1, 12), axis=0, out=o)
    np.add(x, o, out=p, where=MASK)
    np.cumsum(x, out=q)
    np.concatenate([x[:6], x[:6]], out=w)
    np.clip(x, 0.5, 1.0, out=p[:])
    return [o + p * x + q + w]


def written_after(x):
    """Constants and arrays that change after they were read."""
    c = np.ones(12)
    y, z, j = x * c, np.where(MASK, x, c), np.concatenate([x, c])
    c[:] = 5.0
    d = x + 0.0
    e, v = np.roll(d, 1), d[2:]
    d[3] = x[0] * 7
    w = v * c[2:]
    e[0] = 1.0
    return [y, z, j, d, e, v, w]


def joined_before_read(x):
    """A block under a factor, whose join asks for the product; then views and others of it."""
    c = (x * np.sin(x[::-1])) * 0.7
    v, w, d = c[1:], c.reshape(3, 4), c + 1.0
    j = np.concatenate([c, c])
    chosen = np.where(MASK, c, x)
    c[0] = x[1]
    return [j, v * 0.3, w * 0.3, d * 0.3, chosen * 0.3, c[2:] * 0.3, c @ x]


CALLS = {
    "joins": lambda x: [
        np.stack([x, x * 2], axis=-1), np.stack(arrays=[x, x * 2], axis=0), np.stack([x, x * 2], 1),
        np.concatenate([x, x], dtype=np.float32), np.concatenate([x.reshape(3, 4)] * 2, None),
        np.concatenate((x.reshape(3, 4), np.ones((3, 1))), axis=1), np.hstack([x, [1.0, 2.0]]),
        np.concatenate([x * 0.3, np.ones(3)]) * 0.7, np.vstack(tup=[x, x]),
    ],
    "indices": lambda x: [
        x[np.array([1, 2], ">i8")], x[np.array([1, 2], "<i8")], x[np.array([1, 2], np.int8)],
        x[np.array([True, False] * 6)], x[np.array([1, 0] * 6)], x[np.array([-1, -12, 11])],
        x[np.array([[1, 2], [3, 4]])], x[np.array([1, 2, 3, 4])], x[[]], x[np.zeros(12, bool)],
        x.reshape(3, 4)[np.array([[1, 0], [2, 2]])], x[np.array(3)], x[np.array(True)],
    ],
    "slices": lambda x: [
        x[True:5], x[1:5], x[np.int64(1):5], x[1:5:True], x[1:5:1], x[True], x.reshape(3, 4)[True],
        x.reshape(3, 4)[1], x.reshape(3, 4)[[True, False, True]], x.reshape(3, 4)[[1, 0, 1]],
        x.reshape(3, 4)[1, None], x.reshape(3, 4)[None, 1], x.reshape(3, 4)[..., 1],
        x.reshape(3, 4)[np.True_], x.reshape(3, 4)[1, ...], x.reshape(3, 4)[(1, slice(2, None))],
    ],
    "sums": lambda x: [
        np.sum(x.reshape(3, 4), axis=1, keepdims=1), np.sum(x.reshape(3, 4), 1, keepdims=True),
        np.sum(x.reshape(3, 4), axis=1), np.sum(x.reshape(3, 4), axis=np.int64(1)),
        np.sum(x.reshape(3, 4), axis=(0,)), np.sum(x.reshape(3, 2, 2), axis=(1, 2)),
        np.sum(x, where=MASK), np.sum(x, initial=3.0), np.max(x, initial=0.1, where=MASK),
        np.sum(x, dtype=np.float32), np.cumsum(x, dtype=np.float32), np.sum(x.reshape(3, 4), ()),
        np.var(x, ddof=0), np.var(x, ddof=1), np.var(x, ddof=True), np.var(x, ddof=1.0),
        np.var(x, ddof=-1), np.var(x, None, None, None, 1), np.std(x, ddof=1),
        np.linalg.norm(x, 1), np.linalg.norm(x), np.linalg.norm(x.reshape(3, 4), axis=0),
        np.linalg.norm(x.reshape(3, 4)), np.linalg.norm(x.reshape(3, 4), axis=1, keepdims=True),
    ],
    "where": lambda x: [
        np.where(MASK.astype(int), x, 0.5), np.where(MASK, x, 1), np.where(MASK, x, True),
        np.where(MASK, 2**60, x), np.where(list(MASK), x, 0.0), np.where(MASK[:3, None], x, 2.0),
        np.where(MASK, x, np.array(0.5)), np.where(MASK, x[0], x), np.where(True, x[0], x[1]),
        np.where(MASK, x * 0.3, 0.5) * 0.7, np.where(MASK, 0.5, np.sin(x)) * 0.7 + x,
    ],
    "copies": lambda x: [
        np.roll(x, 1), np.roll(x, True), np.roll(x, (1, 2)), np.roll(x, np.int64(1)),
        np.roll(x.reshape(3, 4), 1, 1), np.roll(x.reshape(3, 4), 1, None), np.tile(x, (2, 1)),
        np.roll(x.reshape(3, 4), (1, 1), (0, 1)), np.repeat(x, 2), np.repeat(x, [2] * 12),
        np.repeat(x.reshape(3, 4), 2, None), np.repeat(x.reshape(3, 4), 2, 0), np.tile(x, 2),
    ],
    "reshapes": lambda x: [
        x.reshape(3, -1), x.reshape((3, 4)).T, x.reshape(3, 4, order="F"),
        x.reshape([4, 3]), x.reshape(np.array([4, 3])), x.reshape(2, 3, 2).transpose(0, 2, 1),
        x.reshape(2, 3, 2).transpose((0, -1, 1)), np.transpose(x.reshape(2, 3, 2), [1, 0, 2]),
    ],
    "products": lambda x: [
        np.matmul(x.reshape(3, 4), np.ones((4, 2))), np.dot(x.reshape(3, 4), np.ones(4)), x @ x,
        np.ones((2, 2, 3)) @ x.reshape(3, 4), np.dot(x, 2.0), np.vdot(x, x), np.dot(np.ones(12), x),
        np.inner(x.reshape(3, 4), x.reshape(3, 4)), np.ones(12, np.float32) @ x,
        np.ones(12, int) @ x, np.einsum("i,i", x, x), np.einsum("i,i->", x, x),
        np.einsum("ij,j->i", x.reshape(3, 4), x[:4]), np.einsum("ij,j->j", x.reshape(3, 4), x[:4]),
    ],
    "constants": lambda x: [
        x * 1, x * 1.0, x * True, x * np.float64(1), x * np.float32(1.1), x * np.int8(3), 1 * x,
        x * np.array(1), x * np.array(1.0), x * np.array(True), x * np.array([1.0]), True * x,
        x * np.array([2]), x**1, x**True, x**1.0, x**2, x**2.0, x ** np.float64(2), x - True,
        x ** np.array(2.0), 1 - x, True - x, x * 10**20, x * 2**53, x * (2**53 + 1),
        x + np.ones(12, np.float16), x * np.ones(12, ">f8"), x * np.broadcast_to(1.5, 12),
        x * READ_ONLY, np.where(MASK, x, READ_ONLY), np.concatenate([x[:6], READ_ONLY]),
        x * np.ones(12).view(Marked), np.real(x * (1 + 2j)), np.where(MASK, x, 1j * x).imag,
    ],
    "zeros": lambda x: [
        x * 0.0, x * -0.0, 0.0 * x, -0.0 * x, x - x, x + (-0.0), x / -np.inf, (x - x) / -2.0,
        -(x * 0), np.where(MASK, -x * 0, 0.0), np.maximum(x * 0.0, -0.0), x / 0, x[0] / 0, 0 / x,
        (np.cos(x) * x * 0)[1:4] * 0.1 + (np.cos(x) * x * 0)[1:4] / 7,
    ],
    "numbers": lambda x: [
        np.abs(x.reshape(3, 4)[1, 0]) ** p for p in (1.5, 0.5, 3, -1, 2, 0, np.float64(1.3))
    ] + [np.sum(x[:3]) ** 1.5, x[0] ** 1.5, np.float64(1.5) ** x[1], np.max(x) ** -1.0],
    "no-inputs": lambda x: [
        np.max(nothing(x)), np.max(nothing(x) + X), np.min(nothing(x) * X) * x,
        np.min(nothing(x).reshape(3, 4), axis=0), np.sum(nothing(x)),
        np.sum(nothing(x).reshape(3, 4), axis=1, keepdims=True), np.cumsum(nothing(x)),
        np.roll(nothing(x), 1), nothing(x)[::2], nothing(x)[[1, 2]], np.prod(nothing(x)) * x,
        np.var(nothing(x)) + x, nothing(x) @ x * x, np.ones((3, 12)) @ nothing(x),
        nothing(x).reshape(3, 4).T, nothing(x) * nothing(x) + nothing(x), np.sin(nothing(x)),
        nothing(x) / x, nothing(x)[3] * x, np.linalg.norm(nothing(x)) + x,
    ],
    "empty": lambda x: [
        np.sin(x[:0]), np.concatenate([x[:0], x[:0]]), np.concatenate([x[:0], x, np.zeros(0)]),
        np.concatenate([x[:0], np.ones(2)]), x[:0].reshape(0, 3), x[3:3] * x[:0],
        np.where(MASK[:0], x[:0], 1.0), np.roll(x[:0], 1), np.sum(x[:0]) * x, np.cumsum(x[:0]),
        x[:0].reshape(0, 3).sum(axis=0), x[:0].reshape(3, 0).sum(axis=1), np.ones((3, 0)) @ x[:0],
        x.reshape(3, 4)[:, :0].sum(axis=1), np.prod(x[:0]) * x, x[np.array([], int)],
    ],
    "no-dimensions": lambda x: [
        x[0][()], x[..., 1], np.sum(x)[()], np.array(x[1]), x[1:2].reshape(()), np.sum(x[0]),
        np.max(x[1:2].reshape(())), np.concatenate([x[None, 0], x[1:2]]), x[2].reshape(1),
    ],
    "out": into_arrays,
    "written-after": written_after,
    "joined-before-read": joined_before_read,
}  # fmt: skip


def joined(call):
    return lambda x: np.concatenate([np.ravel(y) for y in call(x)])


@pytest.mark.parametrize("name", CALLS)
def test_calls_that_look_alike(name):
    f = joined(CALLS[name])
    with np.errstate(all="ignore"):
        assert bits(f(X)) == bits(dm.value_and_jacobian_fwd(f, X)[0])
    assert_same(f, X)


@pytest.mark.parametrize("name", sorted(CALLS.keys() - {"constants", "zeros", "no-inputs"}))
def test_second_derivatives_of_calls_that_look_alike(name):
    def f(x):
        return dm.jacobian_fwd(lambda x: np.sum(np.tanh(joined(CALLS[name])(x))), x)

    assert_same(f, X)


@pytest.mark.parametrize("options", [{}, {"sparse": True}], ids=["blocks", "slots"])
@pytest.mark.parametrize("order", [("<i2", ">i2"), (">i2", "<i2")])
def test_indices_of_either_byte_order(order, options):
    """The same bytes are 1 in one order and 256 in the other."""
    x = np.linspace(0.5, 1.5, 300)
    for dtype in order:
        index = np.frombuffer(b"\x00\x01", dtype)
        (i,) = index.tolist()
        J = dm.jacobian_fwd(lambda x, index=index: (x * x)[index], x, **options)
        J = J.toarray() if options else J
        assert J[0, i] == 2 * x[i] and np.count_nonzero(J) == 1


def test_a_block_under_several_factors_is_summed_alike():
    """Whatever made the block: with a factor of 1 from the start, or without one."""
    x = np.linspace(0.3, 1.1, 3)
    made = [
        lambda x: np.concatenate([x[1:], x[:1]]), lambda x: np.array([*x]), lambda x: +x,
        lambda x: x[[2, 1, 0]], lambda x: np.where([True, False, True], x, x * x),
        lambda x: written(np.zeros_like(x), x), lambda x: np.cumsum(x),
    ]  # fmt: skip
    for make in made:
        assert_same(lambda x, make=make: np.exp(-make(x) * 0.1) + (make(x) + 3.0), x)
        assert_same(lambda x, make=make: (lambda a: np.exp(-a * 0.1) + (a + 3.0))(make(x)), x)


def written(a, x):
    a[:] = x
    return a


def test_division_by_zero_of_python():
    """On arrays of an outer call too it gives infinities, as NumPy's does."""
    x = np.array([1.0, 2.0])
    with np.errstate(all="ignore"):
        H = dm.hessian(lambda x: np.sum(np.exp(-x) / 0), x)
        J = dm.jacobian_fwd(lambda x: dm.jacobian_fwd(lambda x: np.sum(np.exp(-x) / 0), x), x)
    assert np.array_equal(H, np.diag([np.inf, np.inf])) and np.array_equal(H, J)
