"""Tangents of which a pass over a few columns finds most elements zero.

Oracle: the complex step.  Arrays count as large from a kilobyte on, so that small ones are packed.
"""

import numpy as np
import pytest

import dualmc as dm
from dualmc.kernels import buffers
from dualmc.tangents.packed import PackedTangent

SIDE = 20
rng = np.random.default_rng(8)
W = rng.standard_normal((SIDE, SIDE))
X = rng.standard_normal(SIDE * SIDE)
CHUNK = SIDE  # a row of the matrix


def product(x):
    """A matrix whose elements read one row of x each."""
    return x.reshape(SIDE, SIDE) @ W


def pairs(x):
    """A matrix whose elements read two rows of x each."""
    a = x.reshape(SIDE, SIDE)
    return (a @ W) @ (a @ W.T).T


def filled(y):
    out = np.zeros_like(y)
    out[1:3] = y[:2]
    out[5] = y[6] * y[7]
    out[:, 2] += y[:, 3]
    return out


def softmax(y):
    # The highest entry by the real part, so that complex steps pass.
    e = np.exp(y - np.take_along_axis(y, np.argmax(np.real(y), axis=1)[:, None], axis=1))
    return e / np.sum(e, axis=1, keepdims=True)


STEPS = {
    "itself": lambda y: y,
    "factor": lambda y: np.sin(2.5 * y) / 3,
    "constant": lambda y: y * W + W,
    "zero": lambda y: y * np.where(W > 0, 0.0, 1.0),
    "power": lambda y: y * y**2,
    "with its function": lambda y: y * np.exp(y) - np.cos(y),
    "slices": lambda y: y[::2, 3:] * y[1::2, ::-1][:, : SIDE - 3],
    "row": lambda y: y[3],
    "number": lambda y: y[3, 4] * y[5],
    "transposed": lambda y: (y.T * y).reshape(-1),
    "gathered": lambda y: y[[3, 3, 7]].T + y[[0, 1, 0], [2, 3, 3]],
    "mask": lambda y: y[W > 0],
    "where": lambda y: np.where(W > 0, y, 2 * y.T),
    "broadcast": lambda y: y - y[0] + y[:, 1:2],
    "sum": lambda y: np.sum(y, axis=0) * np.mean(y),
    "cumsum": lambda y: np.cumsum(y, axis=1),
    "joined": lambda y: np.concatenate([y, np.ones((1, SIDE)), y[2:4]]),
    "diagonal": lambda y: np.diag(y) + np.trace(y),
    "filled": filled,
    "softmax": softmax,
    "product": lambda y: y @ y.T,
    "product with a constant": lambda y: W @ (y @ W) @ W[0],
    "product with a vector": lambda y: y @ y[1],
    "product of sums": lambda y: (y + 1.0) @ np.sin(y),
    "products in a row": lambda y: np.stack([y, y.T]) @ y,
    "einsum": lambda y: np.einsum("ij,kj->ik", y, y),
    "solved": lambda y: np.linalg.solve(y + 30.0 * np.eye(SIDE), y[0]),
}


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(buffers, "LARGE", 2**10)


def steps(f):
    return np.moveaxis([f(X + 1e-30j * e).imag / 1e-30 for e in np.eye(X.size)], 0, -1)


@pytest.mark.parametrize("matrix", [product, pairs])
@pytest.mark.parametrize("name", STEPS)
def test_packed_tangents(small, name, matrix):
    def f(x):
        return STEPS[name](matrix(x))

    expected = steps(f)
    size = np.max(np.abs(expected))
    for chunk in (CHUNK, 17):
        found = dm.jacobian_fwd(f, X, chunk_size=chunk)
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13 * size)


@pytest.mark.parametrize("matrix", [product, pairs])
def test_what_is_packed(small, matrix):
    kinds = []

    def f(x):
        y = matrix(x)
        kinds.append(type(y.own_tangent()))
        assert type(np.sin(y)[1:].T.own_tangent()) is kinds[-1]
        return y

    dm.jacobian_fwd(f, X, chunk_size=CHUNK)
    assert kinds == [PackedTangent] * SIDE
    kinds.clear()
    dm.jacobian_fwd(f, X)
    assert PackedTangent not in kinds


def test_a_chunk_without_any_entry(small):
    x = np.concatenate([X, np.ones(CHUNK)])
    J = dm.jacobian_fwd(lambda x: product(x[: X.size]) @ W, x, chunk_size=CHUNK)
    expected = np.einsum("ia,bk->ikab", np.eye(SIDE), W @ W).reshape(SIDE, SIDE, -1)
    np.testing.assert_allclose(J[..., : X.size], expected, rtol=1e-12, atol=1e-12)
    assert not J[..., X.size :].any()


def test_zero_rows_stay_zero_beside_infinities(small):
    factor = np.ones((SIDE, SIDE))
    factor[4, 5] = np.inf

    def f(x):
        with np.errstate(all="ignore"):
            return (product(x) * factor) @ np.ones((SIDE, SIDE)) + product(x) @ factor

    whole = dm.jacobian_fwd(f, X)
    np.testing.assert_allclose(whole, dm.jacobian_fwd(f, X, chunk_size=CHUNK), rtol=1e-12)
    # Column 5 of the second product reads the infinity, and so does row 4 of the first.
    elsewhere = np.delete(np.delete(whole, 4, axis=0), 5, axis=1)
    assert np.isfinite(elsewhere).all() and np.isinf(whole[4, 0]).any()


def test_nested(small):
    def f(s):
        return dm.jacobian_fwd(lambda x: pairs(s * x) @ product(x), X, chunk_size=CHUNK)

    h = 1e-6
    found = dm.derivative(f, 1.5)
    np.testing.assert_allclose(found, (f(1.5 + h) - f(1.5 - h)) / (2 * h), rtol=1e-6, atol=1e-5)
