"""Making, joining and reshaping arrays in compiled code."""

import numba
import numpy as np
import pytest
from compiled_judge import agrees, close, second, second_expected

import dualmc as dm

pytestmark = pytest.mark.slow

X = np.array([0.7, -1.3, 2.1, 0.4])
W = np.arange(1.0, 5.0)


@numba.njit
def made(x):
    a = np.empty_like(W)
    a[:] = x
    b = np.zeros_like(W)
    b[0] = x[1]
    c = np.ones_like(x)
    c[0] *= x[1]
    d = np.full_like(W, 2.0)
    d[3] = x[0]
    e = np.full_like(x, x[2])
    f = np.zeros(4, dtype=np.float64) + np.ones((2, 4), "float64")[0] * x
    g = np.zeros(4, x.dtype)
    g[1] = x[1]
    h = np.full((2, 2), x[0]).ravel()
    h[1] = np.float64(x[1])
    i = np.zeros_like(x, np.int64) * x + np.zeros(4, np.int64)
    j = np.empty(shape=4)
    j[...] = x.dtype.type(0) + x[:1].item()
    k = np.array([v * v for v in x])
    return np.concatenate((a, b, c, d, e, f, g, h, i, j, k))


@numba.njit
def from_sequences(x):
    a = np.array([[x[0], 1.0], [2, x[1]]])
    b = np.array(((x[0], x[1]), (x[2], 0.5)))
    d = [x[0]]
    d.append(2.0)
    d.extend([x[1], x[0] * x[2]])
    e = [1.0]
    for v in x:
        e.append(e[-1] * v)
    g = {0: x[0]}
    g[1] = x[1] * x[0]
    h = np.array(x[0]) * np.asarray(x[1]) * x
    pairs = [(v, v * 2.0) for v in x]
    p = pairs[1][0] * pairs[2][1]
    q = None if x[0] > 5.0 else x[1]
    r = q * q if q is not None else x[0]
    tail = np.array([g[0], g[1], p, r, np.float64(2), np.float64(x[3])])
    parts = (a.ravel(), b.ravel(), np.array(d), np.array(e), h, tail)
    return np.concatenate(parts)


@numba.njit
def put(out, k, part):
    j = 0
    for v in part.flat:
        out[k, j] = v
        j += 1


@numba.njit
def joined(x):
    m = x.reshape(2, 2)
    out = np.zeros((17, 16))
    put(out, 0, np.concatenate((x, W, x * x)))
    put(out, 1, np.concatenate((m, m), axis=1))
    put(out, 2, np.hstack((x, W)))
    put(out, 3, np.vstack((x, W)))
    put(out, 4, np.stack((x, x * 2.0), axis=1))
    put(out, 5, np.column_stack((x, W)))
    put(out, 6, np.append(x, x[0]))
    put(out, 7, np.append(W, x[0]))
    put(out, 8, np.append(1.0, m))
    put(out, 9, np.append(m, m, axis=0))
    put(out, 10, np.repeat(x, 2))
    put(out, 11, np.roll(x, 1))
    put(out, 12, np.flip(x))
    put(out, 13, np.diag(x))
    put(out, 14, np.diag(m))
    put(out, 15, np.diff(x))
    put(out, 16, np.ediff1d(x, to_end=x[:1]))
    return out


@numba.njit
def reshaped(x):
    m = x.reshape(2, 2)
    first, second = np.broadcast_arrays(x, x.reshape(4, 1))
    out = np.zeros((22, 16))
    put(out, 0, m.T.copy().ravel())
    put(out, 1, m.transpose().flatten())
    put(out, 2, np.ravel(m))
    put(out, 3, x[:, None] * x[None, :2])
    put(out, 4, np.expand_dims(x, 0))
    put(out, 5, np.swapaxes(m, 0, 1) * 1.0)
    put(out, 6, np.rot90(m) * 1.0)
    put(out, 7, np.fliplr(m) * 1.0)
    put(out, 8, np.broadcast_to(x, (2, 4)) * 1.0)
    put(out, 9, np.atleast_2d(x) * 1.0)
    put(out, 10, np.asarray(x) * x)
    put(out, 11, np.ascontiguousarray(x[::2]))
    put(out, 12, np.split(x, 2)[1] * x[0])
    put(out, 13, np.array_split(x, 3)[0])
    put(out, 14, np.take(x, np.array([3, 0])))
    put(out, 15, np.delete(x, 1))
    put(out, 16, np.extract(x > 0.5, x))
    put(out, 17, np.tril(m) + np.triu(m, 1))
    put(out, 18, np.trim_zeros(np.append(0.0, x)))
    put(out, 19, first * second)
    put(out, 20, np.asfortranarray(m) * 1.0)
    put(out, 21, x.size * x + x.shape[0] + x.ndim + len(x))
    return out


@numba.njit
def spaced(x):
    a = np.linspace(x[0], x[2], 4)
    b = np.linspace(x[0], 1.0, 1)
    c = np.linspace(0, x[1], num=3)
    d = np.linspace(0.0, 1.0, 4) * x + np.arange(4.0) * x + np.eye(4)[0] * x
    e = np.vander(x[:2], 3).ravel()
    g = np.vander(x, increasing=True).ravel()
    return np.concatenate((a, b, c, d, e, g, np.ldexp(x, 2)))


def test_arrays_like_others_of_constants_and_of_duals():
    agrees(made, X)


def test_arrays_from_lists_tuples_and_numbers():
    agrees(from_sequences, X)


def test_joined_and_repeated():
    agrees(joined, X)


def test_reshaped_split_and_selected():
    agrees(reshaped, X)


def test_between_numbers_and_of_powers():
    agrees(spaced, X)


def test_numbers_of_single_precision_when_called_as_a_function():
    @numba.njit
    def f(x):
        return np.float32(x[0]) * x

    y, jac = dm.jit_jacobian(f, value=True, chunk_size=4)(X)
    np.testing.assert_array_equal(y, f(X))
    rounded = np.float64(np.float32(X[0]))
    close(jac, rounded * np.eye(4) + np.outer(X, np.eye(4)[0]), 1e-15)


def test_second_derivatives():
    @numba.njit
    def f(x):
        a = np.zeros_like(W)
        a[1:] = np.append(x[:2], x[2] * x[0])
        b = np.array([x[0] * x[1], np.float64(x[2])])
        return np.concatenate((a * x, b, np.linspace(x[0] * x[0], x[1], 3)))

    close(second(f, X), second_expected(f, X))
