"""How the tests of matrix functions judge a case: by plain NumPy only, in every mode."""

import numpy as np
from oracles import among_dummies, assert_close, differences, second_difference
from points import complex_of, spread

import dualmc as dm

STEP = 2e-3  # small against the gaps of the matrices below
DIRECTION = np.random.default_rng(5)

A3 = spread(3, 3, seed=2) + 3.0 * np.eye(3)
B3 = np.stack([A3, A3.T + 0.4 * spread(3, 3, seed=9)])
TALL = spread(5, 3, seed=11) + np.eye(5, 3)
STACK_TALL = spread(2, 3, 2, seed=12)
SYMMETRIC = A3 @ A3.T / 4.0
STACK_SYMMETRIC = B3 @ np.swapaxes(B3, -1, -2) / 4.0
VECTOR = np.array([0.7, -1.3, 2.1])


def hermitian_of(x):
    z = complex_of(x)
    return (z + np.conj(np.swapaxes(z, -1, -2))) / 4.0 + 8.0 * np.eye(x.shape[-1])


def judge_first(f, x, rtol=1e-8):
    """Value bit for bit; the Jacobian forward, reverse, and from a sparse start."""
    value = np.asarray(f(x.copy()))
    expected = differences(f, x, step=STEP)
    for value_and_jacobian in (dm.value_and_jacobian_fwd, dm.value_and_jacobian_rev):
        y, J = value_and_jacobian(f, x)
        assert value.dtype == np.asarray(y).dtype
        assert np.array_equal(value, y)
        assert_close(expected, J, rtol)
    g, z = among_dummies(f, x, 40)
    J = dm.jacobian_fwd(g, z)
    assert_close(expected, J[..., : x.size].reshape(expected.shape), rtol)
    assert not J[..., x.size :].any()


def judge_second(f, x, rtol=1e-6):
    """The second derivative along one direction, in the four orders of the two modes."""
    v = DIRECTION.normal(size=x.shape)
    expected = second_difference(f, x, v, step=4e-3)
    _, actual = dm.jvp(lambda x: dm.jvp(f, x, v)[1], x, v)
    assert_close(expected, actual, rtol)
    bar = DIRECTION.normal(size=np.shape(expected)) + 0.0
    if expected.dtype.kind == "c":
        return
    along = np.sum(bar * expected)

    def total(x):
        return np.sum(bar * f(x))

    for actual in (
        np.sum(v * dm.hvp(total, x, v)),
        np.sum(v * dm.gradient(lambda x: dm.jvp(total, x, v)[1], x)),
        np.sum(v * dm.gradient(lambda x: np.sum(v * dm.gradient(total, x)), x)),
    ):
        assert_close(along, actual, rtol)


def judge_sizes(f, mode, shapes):
    """The shape of the Jacobian at matrices of no rows, of one element, and of no matrices."""
    for shape in shapes:
        a = np.full(shape, 2.0)
        J = mode(f, a)
        assert np.shape(f(a)) + a.shape == J.shape
        assert np.isfinite(J).all()


def judge_stack(f, stack, is_scaled=False):
    """A stack of 3 x 3 matrices has a block-diagonal Jacobian, whose blocks are those of each."""
    count = len(stack)
    J = dm.jacobian_fwd(f, stack, sparse=True)
    size = f(stack)[0].size
    assert J.nnz <= count * size * 9
    J = J.toarray().reshape(count, size, count, 9)
    for i in (0, 17):
        expected = dm.jacobian_fwd(f, stack[i]).reshape(size, 9)
        scale = np.max(np.abs(expected)) if is_scaled else 1.0
        np.testing.assert_allclose(J[i, :, i], expected, rtol=1e-9, atol=1e-11 * scale)
        assert not np.delete(J[i], i, axis=1).any()


def overwriting(f):
    """`f` that writes to its argument and to its result after it has used them."""

    def overwritten(a):
        a = a * 1.0
        y = f(a)
        kept = y * 1.0
        y[...] = 7.0
        a[...] = -3.0
        return kept

    return overwritten
