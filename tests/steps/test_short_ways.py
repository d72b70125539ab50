"""Functions of small arrays by the short way: reductions, products, joins, moves, broadcasting.

Every function is differentiated on inputs few enough to be dense and many enough to be sparse, in
chunks and with a sparse result, and compared with the complex step or with extrapolated
differences of plain NumPy.  The awkward values are those of the conventions.
"""

import numpy as np
import pytest
from oracles import complex_step, differences

import dualmc as dm
from dualmc.kernels import block_kernels, compiling, short_kernels

pytest.importorskip("scipy.sparse")

A = np.cos(np.arange(100.0)).reshape(10, 10)


def matrix(x):
    side = round(x.size**0.5)
    return x.reshape(side, side)


def constant(X):
    return A[: X.shape[0], : X.shape[0]]


# Analytic functions of a vector x and the matrix X of the same elements.
ANALYTIC = {
    "sum": lambda x, X: np.sum(x**2),
    "sum-of-scaled": lambda x, X: np.sum(np.exp(X) * X, axis=0),
    "sum-last": lambda x, X: np.sum(np.sin(X), axis=-1),
    "sum-keepdims": lambda x, X: X / np.sum(np.exp(X), axis=1, keepdims=True),
    "sum-all-keepdims": lambda x, X: X * X.sum(keepdims=True),
    "sum-middle": lambda x, X: np.sum(np.exp(X)[:, :, None] * A[0], axis=1),
    "sum-of-broadcast": lambda x, X: np.sum(A * np.exp(x[:3])[:, None, None], axis=-1),
    "mean": lambda x, X: np.mean(np.sin(x)),
    "mean-axis": lambda x, X: X - X.mean(axis=0),
    "mean-method": lambda x, X: np.exp(x).mean(),
    "prod": lambda x, X: np.prod(1.0 + 0.1 * x),
    "prod-axis": lambda x, X: np.prod(1.0 + 0.1 * X, axis=1, keepdims=True),
    "matmul": lambda x, X: np.exp(X) @ X,
    "matmul-transposed": lambda x, X: X @ np.sin(X).T,
    "matmul-constants": lambda x, X: constant(X) @ np.exp(X) @ constant(X),
    "matmul-vectors": lambda x, X: np.concatenate([X[0] @ X, X @ X[1], constant(X) @ X[2]]),
    "matmul-vector-left": lambda x, X: A[0, : len(X)] @ np.exp(X),
    "dot": lambda x, X: x @ np.exp(x) + np.dot(x, np.arange(x.size)) + np.dot(np.sin(x), x),
    "dot-matrix": lambda x, X: np.dot(np.exp(X), constant(X)),
    "einsum": lambda x, X: np.einsum("ij,jk->ik", X, np.exp(X)) + np.einsum("i,i->", x, x),
    "einsum-constant": lambda x, X: np.einsum("ij,j->i", constant(X), np.exp(X[0])),
    "outer": lambda x, X: np.outer(np.exp(X[0]), X[1]) + np.outer(X, A[0, :2])[: len(X), :1],
    "row-column": lambda x, X: np.sin(X[0])[None, :] - np.exp(X[1])[:, None],
    "column-times-row": lambda x, X: X[:, :1] * np.exp(X[0]),
    "quotient-rows": lambda x, X: np.exp(X) / (2.0 + X[0]),
    "quotient-columns": lambda x, X: X[:, :2] / np.exp(X[:, 1:2]),
    "plus-number": lambda x, X: np.exp(X) + X[0, 0] - X[1, 1] * X,
    "constant-rows": lambda x, X: A[: len(X), None, 0] * X + np.exp(X) / (3.0 + A[0, : len(X)]),
    "cumsum": lambda x, X: np.cumsum(np.exp(x)) * np.cumsum(X, axis=1).ravel(),
    "cumsum-first": lambda x, X: np.cumsum(X * np.exp(X), axis=0),
    "wider-constant": lambda x, X: X[0] * A[:, : len(X)] - A[:, : len(X)] / np.exp(X[1]),
    "three-axes": lambda x, X: X[:, None, :] * np.exp(X)[None, :, :],
    "transposed": lambda x, X: np.exp(X) - X.T,
    "reversed-quotient": lambda x, X: x / (2.0 + x[::-1] ** 2),
    "concatenate": lambda x, X: np.concatenate([10.0 * x[1:], [1.0, 2.0], np.sin(x), x]),
    "concatenate-axis": lambda x, X: np.concatenate([X, np.exp(X[:, :1]), constant(X)], axis=1),
    "concatenate-sums": lambda x, X: np.concatenate([np.cumsum(np.exp(x)), x, [1.0], x * x]),
    "concatenate-rows": lambda x, X: np.concatenate([np.cumsum(np.exp(X), 0), X, constant(X)[:2]]),
    "stack": lambda x, X: np.stack([x, np.exp(x)]),
    "stack-last": lambda x, X: np.stack([np.sin(X), X], axis=-1),
    "hstack": lambda x, X: np.hstack([X, np.exp(X)]),
    "vstack": lambda x, X: np.vstack([x, np.exp(x), np.arange(x.size)]),
    "column-stack": lambda x, X: np.column_stack([x, np.exp(x)]),
    "roll": lambda x, X: np.roll(np.exp(x), 2) * x,
    "roll-axis": lambda x, X: np.roll(X, 1, 1) - np.roll(np.sin(X), -1, axis=0),
    "tile-repeat": lambda x, X: np.tile(np.exp(x), 2) * np.repeat(x, 2),
    "where": lambda x, X: np.where(np.arange(x.size) % 2 == 0, np.exp(x), x),
    "where-constant": lambda x, X: np.where(constant(X) > 0, np.exp(X), 0.0),
    "where-broadcast": lambda x, X: np.where(constant(X) > 0, X[0], X[:, :1] ** 2),
    "reshape": lambda x, X: np.exp(X.T.reshape(-1)) * X.ravel(),
    "split": lambda x, X: np.concatenate(np.split(np.exp(x[: x.size // 2 * 2]), 2)[::-1]),
    "split-axis": lambda x, X: np.split(X, len(X), axis=1)[1] * np.array_split(x, 2)[0][0],
    "take": lambda x, X: np.exp(X)[[0, 1, 1]] * np.exp(X)[[0, 0, 1]],
    "negative": lambda x, X: -np.exp(-x) * -X[0, 0],
    "cross": lambda x, X: np.cross(np.exp(X)[:, :3], X[:, -3:]),
    "cross-vectors": lambda x, X: np.cross(x[:3], A[:2, :3]),
    "swapped": lambda x, X: np.swapaxes(np.exp(X), 0, 1) @ X.T,
}  # fmt: skip


def _in_place(write):
    """A function of a matrix that writes to views of another, `write` (r, u)."""

    def f(x, X):
        r = 3.0 * X * np.sin(X)
        write(r, np.exp(X))
        return r

    return f


def _stencil(r, u):
    r[1:] -= u[:-1]
    r[:-1] -= u[1:]
    r[:, 1:] += u[:, :-1]
    r[:, :-1] += u[:, 1:] * u[:, 1:]


def _itself(r, u):
    r[1:] += r[:-1]
    r[:, 1:] -= r[:, 1:]
    r[:-1] += u[:-1] * r[1:]


def _views_of_views(r, u):
    top, inner = r[:-1], u.reshape(-1)[: -u.shape[1]].reshape(-1, u.shape[1])
    top[:, 1:] += inner[:, 1:]
    top[...] -= inner
    top[0] += u[-1]
    r.T[1:] += u.T[1:]
    r.reshape(-1)[::2] -= u.ravel()[::2]


def _of_other_shapes(r, u):
    r[1:] += u[0]
    r[:, :1] -= u[0, 0]
    r[1:] += 2.0
    r[:-1] += constant(u)[:-1]
    r[0, 0] += u[1, 1]
    r[2:3, 2:3] += u[1:2, 1:2]
    number = r[..., 0, 1]  # a view without axes
    number += u[0, 1]
    r[None, 1:] -= u[None, :-1]
    r[np.int64(1) :] += u[:-1]


def _between_reads(r, u):
    before = r[1:] * 1.0
    part = r[1:]
    part += u[1:]
    r[:-1] -= part * before
    part -= u[:-1] + r[:-1]


def _not_only_derivatives(r, u):
    blank = np.zeros_like(r)
    blank[1:] += u[1:]
    blank[:-1] += np.ones_like(u)[:-1]
    blank[1:] -= constant(u)[1:]
    r[...] += blank
    u[1:] += blank[:-1]
    r[1:] -= u[1:]


IN_PLACE = {
    f.__name__.strip("_"): _in_place(f)
    for f in (
        _stencil, _itself, _views_of_views, _of_other_shapes, _between_reads, _not_only_derivatives
    )
}  # fmt: skip
ANALYTIC |= IN_PLACE
# And others, away from kinks.
REAL = {
    "max": lambda x, X: np.max(np.exp(x)) * x,
    "max-keepdims": lambda x, X: np.exp(X - np.max(X, axis=1, keepdims=True)),
    "min-axis": lambda x, X: np.min(np.sin(3.0 * X), axis=0),
    "maximum": lambda x, X: np.maximum(0.0, np.sin(4.0 * x)),
    "minimum": lambda x, X: np.minimum(X, constant(X)),
    "clip": lambda x, X: np.clip(np.exp(x), 1.2, 1.9),
    "norm": lambda x, X: np.linalg.norm(np.exp(x)),
    "norm-axis": lambda x, X: X / np.linalg.norm(X, axis=1, keepdims=True),
    "var": lambda x, X: np.var(np.exp(x)) * x,
    "std": lambda x, X: (X - X.mean(axis=0)) / X.std(axis=0, ddof=1),
    "std-keepdims": lambda x, X: np.std(X, axis=1, keepdims=True),
    "softmax": lambda x, X: _softmax(x),
    "attention": lambda x, X: _softmax(X @ constant(X) @ X.T) @ X,
}


def _softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def points(n):
    return 0.5 + 0.4 * np.sin(1.7 * np.arange(n) ** 1.3)


def agree(f, x, oracle, rtol):
    expected = oracle(f, x)
    scale = max(1.0, np.max(np.abs(expected)))
    y, J = dm.value_and_jacobian_fwd(f, x)
    np.testing.assert_array_equal(f(x), y)
    found = [J, dm.jacobian_fwd(f, x, chunk_size=1), dm.jacobian_fwd(f, x, chunk_size=x.size - 2)]
    found.append(dm.jacobian_fwd(f, x, sparse=True).toarray().reshape(J.shape))
    for actual in found:
        np.testing.assert_allclose(actual, expected, rtol=rtol, atol=rtol * scale)


@pytest.mark.table(3)
@pytest.mark.parametrize("n", [9, 16, 36])
@pytest.mark.parametrize("name", ANALYTIC)
def test_analytic(name, n):
    agree(lambda x: ANALYTIC[name](x, matrix(x)), points(n), complex_step, 1e-13)


def close_differences(f, x):
    """In steps that reach no kink."""
    return differences(f, x, 1e-4)


@pytest.mark.table(3)
@pytest.mark.parametrize("n", [9, 16, 36])
@pytest.mark.parametrize("name", REAL)
def test_real(name, n):
    agree(lambda x: REAL[name](x, matrix(x)), points(n), close_differences, 1e-8)


@pytest.mark.table(2)
@pytest.mark.parametrize("n", [9, 36])
@pytest.mark.parametrize("name", [*ANALYTIC])
def test_second_derivatives(name, n):
    f = ANALYTIC[name]
    weights = lambda y: np.sum(y * np.cos(np.arange(np.size(y))).reshape(np.shape(y)))  # noqa: E731

    def gradient(x):
        return dm.jacobian_fwd(lambda x: weights(f(x, matrix(x))), x)

    x = points(n)
    expected = complex_step(lambda x: _directional(f, weights, x), x)
    actual = dm.jacobian_fwd(lambda x: gradient(x) @ _direction(n), x)
    scale = max(1.0, np.max(np.abs(expected)))
    np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-6 * scale)


def _direction(n):
    return np.cos(np.arange(n) + 1.0)


def _directional(f, weights, x):
    """The derivative along the direction, by central differences of a complex function."""
    values = []
    for h in (2e-3, 1e-3):
        step = h * _direction(x.size)
        ahead, behind = x + step, x - step
        values.append(
            (weights(f(ahead, matrix(ahead))) - weights(f(behind, matrix(behind)))) / (2 * h)
        )
    return (4 * values[1] - values[0]) / 3


# --- Structure -----------------------------------------------------------------------------------


@pytest.mark.parametrize("f, nonzeros", [
    (lambda x: np.sum(np.sin(x.reshape(-1, 2)), axis=1), 60),
    (lambda x: np.mean(x.reshape(2, -1), axis=0, keepdims=True), 60),
    (lambda x: x.reshape(-1, 2) @ np.array([[1.0, 2.0], [3.0, 4.0]]), 120),
    (lambda x: np.array([[1.0, 2.0]]) @ x.reshape(2, 30), 60),
    (lambda x: x.reshape(-1, 2)[:4] @ x.reshape(2, -1)[:, :3], 45),
    (lambda x: np.concatenate([x[1:], [0.0], x**2]), 119),
    (lambda x: np.stack([x, np.roll(x, 1)], axis=1), 120),
    (lambda x: np.where(np.arange(60) < 20, x, 0.0), 20),
    (lambda x: np.where(np.arange(60) < 20, x, x[::-1]), 60),
    (lambda x: x.reshape(6, 10) / np.exp(x[:10]), 110),
    (lambda x: np.maximum(x, 0.0), 60),
    (lambda x: np.max(x.reshape(-1, 3), axis=1), 20),
])  # fmt: skip
def test_few_dependencies_stay_few(f, nonzeros):
    x = points(60)
    J = dm.jacobian_fwd(f, x, sparse=True)
    assert nonzeros == J.nnz


def test_few_inputs_stay_sparse_too():
    f = lambda x: x.reshape(3, 3) @ A[:3, :3]  # noqa: E731
    assert 27 == dm.jacobian_fwd(f, points(9), sparse=True).nnz


# --- Conventions ---------------------------------------------------------------------------------

INFINITE = np.array([0.0, 4.0, 0.25, 1.0])  # where the square root has an infinite derivative


@pytest.mark.parametrize("f, expected", [
    (lambda r: np.diag([0.0, 1.0, 1.0, 0.0]) @ r, np.diag([0.0, 0.25, 1.0, 0.0])),
    (lambda r: r @ np.array([0.0, 1.0, 2.0, 0.0]), [0.0, 0.25, 2.0, 0.0]),
    (lambda r: np.dot(np.array([0.0, 1.0, 2.0, 0.0]), r), [0.0, 0.25, 2.0, 0.0]),
    (lambda r: r.reshape(2, 2) @ np.array([0.0, 1.0]), [[0, 0.25, 0, 0], [0, 0, 0, 0.5]]),
    (lambda r: np.sum(r), [np.inf, 0.25, 1.0, 0.5]),
    (lambda r: np.mean(r.reshape(2, 2), axis=1), [[np.inf, 0.125, 0, 0], [0, 0, 0.5, 0.25]]),
    (lambda r: np.max(r), [0.0, 0.25, 0.0, 0.0]),
    (lambda r: np.maximum(r, 0.75), np.diag([0.0, 0.25, 0.0, 0.5])),
    (lambda r: np.where(r > 0.0, r, 0.0), np.diag([0.0, 0.25, 1.0, 0.5])),
    (lambda r: np.roll(r, 1)[:1] * np.array([0.0, 1.0]), [[0, 0, 0, 0], [0, 0, 0, 0.5]]),
    (lambda r: (r[:2, None] * np.array([0.0, 1.0]))[0], [[0, 0, 0, 0], [np.inf, 0, 0, 0]]),
    (lambda r: np.concatenate([r[:1], r[:1]])[1:], [[np.inf, 0, 0, 0]]),
    (lambda r: r[:1] + r[2:, None], [[[np.inf, 0, 1, 0]], [[np.inf, 0, 0, 0.5]]]),
])  # fmt: skip
def test_zeros_hide_infinities(f, expected):
    expected = np.array(expected, float)
    g = lambda x: f(np.sqrt(x))  # noqa: E731
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(expected, dm.jacobian_fwd(g, INFINITE))
        np.testing.assert_array_equal(expected, dm.jacobian_fwd(g, INFINITE, chunk_size=1))
        sparse = dm.jacobian_fwd(g, INFINITE, sparse=True).toarray()
        np.testing.assert_array_equal(expected, sparse.reshape(expected.shape))
        # Among more inputs than are dense.
        many = np.concatenate([INFINITE, np.ones(30)])
        J = dm.jacobian_fwd(lambda x: g(x[:4]), many)
        np.testing.assert_array_equal(expected, J[..., :4])
        assert not J[..., 4:].any()


@pytest.mark.parametrize("x, expected", [
    ([1.0, 2.0, 2.0], [0.0, 0.5, 0.5]),
    ([np.nan, 1.0, np.nan], [0.5, 0.0, 0.5]),
    ([np.inf, np.inf, 1.0], [0.5, 0.5, 0.0]),
    ([-0.0, 0.0, -1.0], [0.5, 0.5, 0.0]),
])  # fmt: skip
def test_equal_maxima_share(x, expected):
    f = lambda x: np.max(x)  # noqa: E731
    assert expected == dm.jacobian_fwd(f, x).tolist()
    assert [expected] == dm.jacobian_fwd(f, x, sparse=True).toarray().tolist()
    g = lambda x: np.min(-x.reshape(1, -1), axis=1)  # noqa: E731
    assert [[-d for d in expected]] == (dm.jacobian_fwd(g, x) + 0.0).tolist()


def test_products_with_zeros():
    f = lambda x: np.prod(x.reshape(2, 2), axis=1)  # noqa: E731
    expected = [[3.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]
    assert expected == dm.jacobian_fwd(f, [0.0, 3.0, 0.0, 0.0]).tolist()
    assert expected == dm.jacobian_fwd(f, [0.0, 3.0, 0.0, 0.0], sparse=True).toarray().tolist()


def test_deviation_of_equal_values():
    f = lambda x: np.std(x.reshape(2, 2), axis=1)  # noqa: E731
    assert [[0, 0, 0, 0], [0, 0, -0.5, 0.5]] == dm.jacobian_fwd(f, [1.0, 1.0, 3.0, 4.0]).tolist()


def test_norm_of_zeros():
    f = lambda x: np.linalg.norm(x.reshape(2, 2), axis=1)  # noqa: E731
    assert [[0, 0, 0, 0], [0, 0, 0.6, 0.8]] == dm.jacobian_fwd(f, [0.0, 0.0, 3.0, 4.0]).tolist()


# --- Memory and options --------------------------------------------------------------------------


def test_views_write_through():
    def f(x):
        y = np.exp(x)
        y.reshape(2, 2)[0] = 0.0
        y.reshape(2, 2).T[0, 1] = x[0] ** 2
        y.ravel()[3:] *= 2.0
        return y

    x = points(4)
    expected = np.zeros((4, 4))
    expected[2, 0], expected[3, 3] = 2 * x[0], 2 * np.exp(x[3])
    for n in (4, 40):
        J = dm.jacobian_fwd(lambda x: f(x[:4]), points(n))
        np.testing.assert_allclose(J[:, :4], expected, rtol=1e-15)


@pytest.mark.parametrize("copy", [
    lambda x: np.roll(x, 0), lambda x: np.concatenate([x]), lambda x: np.where(x > -1.0, x, x),
    lambda x: np.stack([x])[0], lambda x: np.repeat(x, 1), lambda x: -1.0 * -x,
    lambda x: x[[0, 1, 2]],
])  # fmt: skip
def test_copies_do_not_write_through(copy):
    def f(x):
        y = copy(x)
        y[0] = x[1] * x[2]
        x[1] = 7.0
        return np.concatenate([x, y])

    J = dm.jacobian_fwd(f, [1.0, 2.0, 3.0])
    assert [[1, 0, 0], [0, 0, 0], [0, 0, 1], [0, 3, 2], [0, 1, 0], [0, 0, 1]] == J.tolist()
    assert J.tolist() == dm.jacobian_fwd(f, [1.0, 2.0, 3.0], sparse=True).toarray().tolist()


def test_arrays_without_derivative_take_part():
    def f(x):
        zeros, ones = np.zeros(2), np.ones((2, 2))
        return np.concatenate([zeros, ones @ x, x @ ones, np.maximum(x, zeros), zeros * x[::-1]])

    expected = [[0, 0], [0, 0], [1, 1], [1, 1], [1, 1], [1, 1], [1, 0], [0, 1], [0, 0], [0, 0]]
    assert expected == dm.jacobian_fwd(f, [3.0, 4.0]).tolist()


def test_options_keep_their_meaning():
    def f(x):
        out = np.zeros(2)
        np.sum(x.reshape(2, 2), axis=0, out=out)
        some = np.sum(x, where=np.array([True, False, True, False]), initial=x[1])
        return np.concatenate([out, [some, np.max(x, initial=2.5)], np.sum(x, dtype=float) * x[:1]])

    x = np.array([1.0, 2.0, 3.0, 0.5])
    expected = [[1, 0, 1, 0], [0, 1, 0, 1], [1, 1, 1, 0], [0, 0, 1, 0], [7.5, 1, 1, 1]]
    assert expected == dm.jacobian_fwd(f, x).tolist()


@pytest.mark.parametrize("f", [
    lambda x: np.sum(x, axis=3),
    lambda x: np.max(x, axis=2),
    lambda x: x @ np.ones(3),
    lambda x: x.reshape(2, 2) @ x,
    lambda x: x + np.ones(3) * x[0],
    lambda x: x[:3] * x,
    lambda x: np.concatenate([x, x.reshape(2, 2)]),
    lambda x: np.stack([x, x[:2]]),
    lambda x: np.split(x, 3),
    lambda x: np.roll(x, 1, axis=1),
    lambda x: np.concatenate([x, x], axis=2),
    lambda x: x.reshape(3, 2),
    lambda x: np.max(x[:0]),
    lambda x: np.einsum("ij,jk->ik", x, x),
    lambda x: np.cross(x, x),
])  # fmt: skip
def test_errors_are_numpys(f):
    x = np.arange(1.0, 5.0)
    with pytest.raises(Exception) as expected:
        f(x)
    with pytest.raises(type(expected.value)):
        dm.jacobian_fwd(f, x)


def test_a_dual_of_a_finished_call_is_refused():
    kept = []
    dm.jacobian_fwd(lambda x: kept.append(x) or x, np.ones(3))
    for f in (np.sum, np.max, np.linalg.norm, lambda x: x @ x, lambda x: np.roll(x, 1),
              lambda x: np.concatenate([x, x]), lambda x: x + x[:, None], lambda x: -x,
              lambda x: x.reshape(3, 1), lambda x: x.T,
              lambda x: np.where(True, x, 0.0)):  # fmt: skip
        with pytest.raises(dm.TangentLostError, match="already finished"):
            dm.derivative(lambda t, f=f: (t * t, f(kept[0]))[0], 2.0)


# --- Blocks of many directions -------------------------------------------------------------------

B = np.sin(1.0 + np.arange(36.0**2)).reshape(36, 36)
# What a step may have of 36 inputs: all of them, scaled or not, or a few, in several shapes.
OPERANDS = {
    "block": lambda x: B @ x,
    "scaled-block": lambda x: np.exp(B @ x / 9.0),
    "slots": lambda x: 2.0 + np.sin(x),
    "numbers-block": lambda x: 1.0 + np.sum(x**2),
    "numbers-slot": lambda x: x[3],
    "matrix-block": lambda x: (B @ x).reshape(6, 6),
    "matrix-slots": lambda x: np.exp(x).reshape(6, 6),
    "row-block": lambda x: B[:6] @ x,
    "row-slots": lambda x: x[30:],
    "column-block": lambda x: np.cos(B[:6] @ x)[:, None],
    "column-slots": lambda x: x[:6, None] * x[1:7, None],
    "fortran-block": lambda x: (B @ x).reshape(6, 6).T,
    "repeated-block": lambda x: np.broadcast_to(B[0] @ x, (6, 6)),
    "running-block": lambda x: np.cumsum(x),
}


def _fit(a, b):
    x = points(36)
    try:
        np.broadcast_shapes(np.shape(OPERANDS[a](x)), np.shape(OPERANDS[b](x)))
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("a, b", [(a, b) for a in OPERANDS for b in OPERANDS if _fit(a, b)])
def test_pairs_of_operands(a, b):
    def f(x):
        p, q = OPERANDS[a](x), OPERANDS[b](x)
        return np.stack([p + q, p - q, p * q, p / (q + 9.0)])

    agree(f, points(36), complex_step, 1e-13)


@pytest.mark.parametrize("axis", [None, 0, 1, -1, 2])
@pytest.mark.parametrize("name", ["sum", "mean"])
def test_sums_of_blocks(name, axis):
    reduce = getattr(np, name)
    mix = np.cos(np.arange(24.0 * 36.0)).reshape(24, 36)
    for f in (
        lambda x: reduce((mix @ x).reshape(2, 3, 4), axis=axis),
        lambda x: reduce(np.exp(mix @ x / 9.0).reshape(2, 3, 4), axis=axis, keepdims=True),
        lambda x: reduce(np.broadcast_to(mix[:6] @ x, (2, 5, 6)), axis=axis),
    ):
        agree(f, points(36), complex_step, 1e-13)


@pytest.mark.parametrize("order", ["C", "F"])
def test_images_of_slots(order):
    matrix = np.array(B[:5], order=order)
    agree(lambda x: matrix @ np.exp(x), points(36), complex_step, 1e-13)
    agree(lambda x: matrix[:, ::2] @ (x[::2] * x[1::2]), points(36), complex_step, 1e-13)
    agree(lambda x: np.float32(matrix) @ np.exp(x), points(36), complex_step, 1e-13)


# --- Work ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("f, launches", [
    (lambda X: np.sum(X, axis=1), {"sum_middle": 1}),
    (lambda X: np.mean(X), {"sum_middle": 1}),
    (lambda X: np.max(X, axis=0), {"chosen_index": 1}),
    (lambda X: X @ X, {"product": 1}),
    (lambda X: A[:4, :4] @ X, {"product": 1}),
    (lambda X: X * X[:1], {"pair": 1}),
])  # fmt: skip
def test_one_launch(f, launches):
    assert launches == launches_on(16, f)
    assert all(hasattr(short_kernels, name) for name in launches)


@pytest.mark.parametrize("f, launches", [
    (lambda X: np.sum(X, axis=1), {"sum_middle_rows": 1}),
    (lambda X: np.mean(X), {"sum_middle_rows": 1}),
    (lambda X: X / X[:, :1], {"pair_rows": 1}),
    (lambda X: X[0, 0] - X, {"pair_rows": 1}),
    (lambda X: X * X.T, {"pair_rows": 1}),
])  # fmt: skip
def test_one_launch_for_blocks_of_many_directions(f, launches):
    assert launches == launches_on(36, f, lambda X: (B @ X.ravel()).reshape(6, 6))
    assert all(hasattr(block_kernels, name) for name in launches)


def test_one_launch_for_a_sum_in_a_view():
    def f(X):
        r = 4.0 * X
        r[1:] -= X[:-1]
        return r

    assert {"multiply_number": 1, "multiply": 1} == launches_on(16, f)  # the lazy factor
    assert {"multiply_number": 1, "unite": 1} == launches_on(36, f)


def test_one_launch_for_slots_beside_blocks():
    divide = lambda pair: pair[0] / pair[1]  # noqa: E731
    assert {"pair_rows": 1} == launches_on(36, divide, lambda X: (X, np.sum(np.exp(X))))
    assert {"scatter_product": 1} == launches_on(36, lambda X: B @ X.ravel())


def launches_on(n, f, prepared=lambda X: X):
    """Launches of kernels for f, of what `prepared` makes of a matrix of n inputs."""
    inside = {}

    @dm.as_is
    def counting(x):
        X = prepared(matrix(x))
        f(X)
        with compiling.counted() as found:
            y = f(X)
        inside.update(found)
        return y

    dm.jacobian_fwd(counting, points(n))
    return inside
