"""Dense blocks with the basis axis last in memory: formulas, strong zeros, chunks, memory.

Oracles are `np.einsum` and closed forms on whole arrays, and the complex step.
"""

import tracemalloc

import numpy as np
import pytest

import dualmc as dm
from dualmc.duals import levels
from dualmc.duals.dual import make
from dualmc.kernels import block_kernels
from dualmc.tangents import dense
from dualmc.tangents.dense_tangent import DenseTangent
from dualmc.tangents.slots import SparseTangent

K = 20  # more directions than those that stay first in memory
DTYPES = (np.float64, np.float32)


@pytest.mark.parametrize("k", [3, 20])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128])
def test_asking_for_the_product_leaves_block_and_factor(k, dtype):
    """Later steps round alike, whether or not somebody has asked."""
    block = dense.empty(k, (5,), dtype)
    block[...] = np.cos(np.arange(5.0 * k)).reshape(k, 5)
    scale = np.linspace(0.3, 1.7, 5).astype(dtype)[None]
    t = DenseTangent(levels.manual_level(k), block, scale)
    assert np.array_equal(t.dense(), block * scale) and np.array_equal(t.dense(), block * scale)
    assert t.block is block and t.scale is scale and t.has_factor()


def test_a_large_product_takes_the_place_of_block_and_factor():
    """Only one of the two is kept; that the block was finite says nothing of the product."""
    k, size = 256, 64  # 2**17 bytes
    block, scale = np.ones((k, size)), np.full((1, size), np.inf)
    t = DenseTangent(levels.manual_level(k), block, scale, True)
    product = t.dense()
    assert np.array_equal(product, np.full((k, size), np.inf))
    assert t.block is product is t.dense() and not t.has_factor() and not t.is_finite()


@pytest.mark.parametrize("n", [40, 200])
def test_infinite_slopes_stay_so_whoever_has_asked(n):
    """0 * inf is NaN, for large blocks too, also after a product of a matrix and the array."""
    W, x = np.eye(n), np.arange(float(n))

    def f(x, asks):
        y = np.sqrt(W @ x)  # infinite at 0
        if asks:
            W @ y
        return y * y

    first = dm.jacobian_fwd(f, x, False)
    assert np.array_equal(first, dm.jacobian_fwd(f, x, True), equal_nan=True)
    assert np.isnan(first[0, 0]) and np.isfinite(first[1:, 1:]).all()


def block_of(rng, shape, dtype=np.float64, k=K):
    """A block, and the same numbers as (k, *shape) in C order."""
    block = dense.empty(k, shape, dtype)
    plain = rng.normal(size=(k, *shape)).astype(dtype)
    block[...] = plain
    return block, plain


def shared_block(rng, shape, axis, dtype=np.float64):
    """A block that repeats itself along an axis of its elements, by a stride of 0."""
    small, _ = block_of(rng, (*shape[:axis], 1, *shape[axis + 1 :]), dtype)
    block = np.broadcast_to(small, (K, *shape))
    return block, np.array(block, order="C")


def near(dtype):
    return {"rtol": 1e-12, "atol": 1e-12} if dtype == np.float64 else {"rtol": 1e-4, "atol": 1e-4}


# --- Blocks --------------------------------------------------------------------------------------


def test_the_basis_axis_is_last_in_memory_beyond_a_few_directions():
    assert dense.last(dense.empty(17, (3, 4), np.float64)).flags.c_contiguous
    assert dense.empty(16, (3, 4), np.float64).flags.c_contiguous
    assert (17,) == dense.empty(17, (), np.float64).shape
    assert 0 == np.count_nonzero(dense.zeros(17, (3, 4), np.float64))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_scaled_total_and_reduced(rng, dtype, axis):
    shape = (5, 7)
    make = block_of if axis is None else (lambda *a: shared_block(*a[:2], axis, a[2]))
    a, plain_a = make(rng, shape, dtype)
    b, plain_b = block_of(rng, shape, dtype)
    f, g = rng.normal(size=(2, 1, *shape)).astype(dtype)
    np.testing.assert_array_equal(dense.scaled(a, f), plain_a * f)
    for scale, number in ((f, f), (None, 1), (dense.unit(shape, np.dtype(dtype)), 1)):
        found = dense.total(a, scale, b, g)
        assert dtype == found.dtype
        np.testing.assert_allclose(found, plain_a * number + plain_b * g, **near(dtype))
        for axes in ((-1,), (-2,), (-2, -1)):
            expected = (plain_a * number).sum(axis=axes)
            np.testing.assert_allclose(dense.reduced(a, scale, axes), expected, **near(dtype))
    index = rng.integers(-1, 35, (3, 4))
    expected = np.where(index < 0, 0, plain_a.reshape(K, -1)[:, index])
    np.testing.assert_array_equal(dense.taken(a, index), expected)


def test_exact_zeros_stay_zero_beside_factors_that_are_not_finite():
    a = dense.zeros(K, (4,), np.float64)
    a[3] = [1.0, 2.0, -1.0, 0.5]
    scale = np.array([[np.inf, np.nan, -2.0, 0.0]])
    row = [np.inf, np.nan, 2.0, 0.0]
    for found in (
        dense.scaled(a, scale),
        dense.total(a, scale, dense.zeros(K, (4,), float), scale),
    ):
        np.testing.assert_array_equal(found[3], row)
        assert 0 == np.count_nonzero(found[[0, 1, 2, *range(4, K)]])
    assert not np.signbit(dense.scaled(a, scale)[0]).any()
    sums = dense.reduced(a[:, :1], scale[:, :1], (-1,))
    assert np.inf == sums[3]
    assert 0 == np.count_nonzero(np.delete(sums, 3))


PARTIALS = {
    np.add: lambda p, q: (np.ones(6), np.ones(6)),
    np.subtract: lambda p, q: (np.ones(6), -np.ones(6)),
    np.multiply: lambda p, q: (q, p),
    np.divide: lambda p, q: (1.0 / q, -(p / q) / q),
}


@pytest.mark.parametrize("ufunc", PARTIALS)
@pytest.mark.parametrize("kinds", [("dense", "dense"), ("dense", "slots"), ("slots", "dense")])
def test_exact_zeros_of_pairs_stay_zero(rng, ufunc, kinds):
    """A derivative that is 0 stays 0 whatever multiplies it, also beside a factor that is not."""
    level = levels.manual_level(K)
    p = np.array([0.0, np.inf, 1.0, np.nan, -2.0, 3.0])
    q = np.array([0.0, 2.0, 0.0, 1.0, np.inf, 4.0])
    duals, plain = [], []
    for kind, primal in zip(kinds, (p, q), strict=True):
        block, full = block_of(rng, (6,))
        if kind == "dense":
            block[::2] = full[::2] = 0.0
            scale = np.array([[1.0, 2.0, np.inf, 0.5, 0.0, -1.0]])
            t = DenseTangent(level, block, scale)
            with np.errstate(all="ignore"):
                full = np.where(full == 0, 0.0, full * np.where(scale == 0, 0.0, scale))
        else:
            col = np.array([[0, 1, 2, 3, 4, 18], [7, -1, 8, 9, -1, 3]], np.int32)
            coef = np.where(col < 0, 0.0, rng.normal(size=col.shape))
            coef[0, 1] = 0.0
            t = SparseTangent(level, coef, col)
            full = np.zeros((K, 6))
            for s, i in zip(*np.nonzero(col >= 0), strict=True):
                full[col[s, i], i] = coef[s, i]
        duals.append(make(primal, t, level))
        plain.append(full)
    with np.errstate(all="ignore"):
        y = ufunc(*duals)
        expected = sum(
            np.where(part == 0, 0.0, part * factor)
            for part, factor in zip(plain, PARTIALS[ufunc](p, q), strict=True)
        )
        np.testing.assert_array_equal(y.primal, ufunc(p, q))
    found = y.own_tangent()
    assert not found.is_sparse
    np.testing.assert_allclose(found.dense(), expected, rtol=1e-15)


def test_is_finite(rng):
    block, _ = block_of(rng, (5, 3))
    assert dense.is_finite(block)
    assert dense.is_finite(1e200 * block)  # where the sum of squares is not
    assert dense.is_finite(np.empty((K, 0)))
    for wrong in (np.inf, -np.inf, np.nan):
        block[7, 2, 1] = wrong
        assert not dense.is_finite(block)
        assert not dense.is_finite(np.broadcast_to(block[..., None], (*block.shape, 4)))


# --- Products ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "left, right",
    [
        ((1, 4), (4, 3)),
        ((5, 4), (4, 3)),
        ((5, 4), (4, 1)),
        ((2, 5, 4), (4, 3)),
        ((5, 4), (2, 4, 3)),
        ((2, 5, 4), (2, 4, 3)),
        ((3, 1, 5, 4), (2, 4, 3)),
        ((1, 5, 4), (6, 1, 4, 3)),
    ],
)
def test_product(rng, dtype, left, right):
    block, plain = block_of(rng, left, dtype)
    other = rng.normal(size=right).astype(dtype)
    batch = np.broadcast_shapes(left[:-2], right[:-2])
    aligned = np.broadcast_to(
        plain.reshape((K,) + (1,) * (len(batch) + 2 - len(left)) + left), (K, *batch, *left[-2:])
    )
    expected = np.einsum("k...mp,...pq->k...mq", aligned, other)
    found = dense.product(block, other)
    np.testing.assert_allclose(found, expected, **near(dtype))
    assert dense.last(found).flags.c_contiguous or len(left) == 2
    # The same with the rows of the block in another order in memory, as a transpose leaves them.
    if len(left) == 2:
        turned, _ = block_of(rng, left[::-1], dtype)
        turned = np.swapaxes(turned, -1, -2)
        turned[...] = plain
        np.testing.assert_allclose(dense.product(turned, other), expected, **near(dtype))


def test_image(rng):
    block, plain = block_of(rng, (4,))
    for matrix in (rng.normal(size=(3, 4)), rng.normal(size=(4, 3)).T, rng.normal(size=(0, 4))):
        np.testing.assert_allclose(dense.image(matrix, block), plain @ matrix.T, atol=1e-14)


@pytest.mark.parametrize("rows", [2, 40])
def test_images_of_scaled_blocks_keep_exact_zeros(rng, rows):
    """By few rows the lazy factor scales the matrix, which must not make NaN of the block's 0."""
    level = levels.manual_level(K)
    block, plain = block_of(rng, (3,))
    block[::2, 1] = plain[::2, 1] = 0.0
    matrix = rng.normal(size=(rows, 3))
    for factor in (1.5, 0.0, np.inf):
        scale = np.array([[2.0, factor, -1.0]])
        y = matrix @ make(np.ones(3), DenseTangent(level, block, scale), level)
        with np.errstate(all="ignore"):
            terms = plain * np.where(plain == 0, 0.0, scale)
            expected = np.where(terms[:, None] == 0, 0.0, terms[:, None] * matrix).sum(-1)
        np.testing.assert_allclose(y.own_tangent().dense(), expected, rtol=1e-13)


@pytest.mark.parametrize("seed", range(12))
def test_scatter_product(seed):
    """Any columns, those of whole seeds, and those shared by all factors of a sum."""
    rng = np.random.default_rng(seed)
    slots, rows, length, outer = (int(n) for n in rng.integers(1, 6, 4))
    kind = seed % 4
    k = length if kind == 3 else length + 4
    col = rng.integers(-1, k, (slots, rows, length)).astype(np.int32)
    if kind == 1:
        col[:] = rng.integers(0, 4) + np.arange(length)
    elif kind == 2:
        col[:] = rng.integers(0, k, (slots, rows, 1))
    elif kind == 3:
        col[:] = np.arange(length)
    coef = np.where(col < 0, 0, rng.integers(-2, 3, col.shape)).astype(float)
    matrix = rng.integers(-3, 4, (outer, length)).astype(float)
    expected = np.zeros((rows, outer, k))
    for s, i, j in np.ndindex(col.shape):
        if col[s, i, j] >= 0:
            expected[i, :, col[s, i, j]] += coef[s, i, j] * matrix[:, j]
    for a in (matrix, np.asfortranarray(matrix)):
        out = np.full((rows, outer, k), np.nan)
        block_kernels.scatter_product(col, coef, a, out, True)
        np.testing.assert_array_equal(out, expected)


def test_scatter_product_of_zeros_and_infinities():
    """0 * inf is 0 for a coefficient that is 0, and for an entry of a constant matrix that is."""
    matrix = np.array([[0.0, np.nan], [np.inf, 2.0]])
    for columns in ([0, 1], [1, 1], [1, 0]):
        col = np.array([[columns]], np.int32)
        for coef, is_constant, terms in [
            ([0.0, 1.0], True, [[0, np.nan], [0, 2]]),
            ([1.0, 0.0], False, [[0, 0], [np.inf, 0]]),
            ([np.inf, 0.0], True, [[0, 0], [np.inf, 0]]),
            ([np.inf, 0.0], False, [[np.nan, 0], [np.inf, 0]]),
        ]:
            expected = np.zeros((2, 2))
            for j in (0, 1):
                expected[:, columns[j]] += [row[j] for row in terms]
            out = np.full((1, 2, 2), 99.0)
            block_kernels.scatter_product(col, np.array([[coef]]), matrix, out, is_constant)
            np.testing.assert_array_equal(out[0], expected)


# --- Whole functions -----------------------------------------------------------------------------


N = 36
_RNG = np.random.default_rng(5)
A, B = _RNG.normal(size=(2, N, N)) / 6
P, Q = _RNG.normal(size=(2, 6, 6)) / 2
STACK = _RNG.normal(size=(3, 6, 6))


def matrix(x):
    return x.reshape(6, 6)


def attention(x):
    q, k, v = matrix(x) @ P, matrix(x) @ Q, matrix(x)
    e = np.exp(q @ k.T)
    return e / np.sum(e, axis=1, keepdims=True) @ v


def gates(x):
    z = A @ x
    a, b, c = np.split(z, 3)
    return np.concatenate([np.tanh(a) * b, b + c, c * x[:12]])


def flow(x):
    for _ in range(3):
        x = x + 0.1 * (x * (1.0 - A @ x)) / (2.0 + B @ x)
    return x


def stored(x):
    z = A @ x
    out = np.zeros_like(z)
    out[:10] = z[5:15]
    out[10:] = np.tanh(z[10:])
    out[3] = x[7]
    return out * 2.0


FUNCTIONS = {
    "mlp": lambda x: np.tanh(B @ np.tanh(A @ x + 0.1) - 0.2),
    "mlp-from-the-right": lambda x: np.tanh(np.tanh(x @ A) @ B),
    "softmax": lambda x: np.exp(x) / np.sum(np.exp(x)),
    "standardized": lambda x: (x - np.mean(x)) / np.sqrt(np.mean((x - np.mean(x)) ** 2)),
    "attention": attention,
    "gates": gates,
    "flow": flow,
    "stored": stored,
    "quadratic": lambda x: x @ A @ x + (A @ x) @ (B @ x),
    "matrices": lambda x: matrix(x) @ matrix(x) @ matrix(x).T,
    "stack-of-matrices": lambda x: STACK @ (matrix(x) @ P @ matrix(x)),
    "matrix-of-stack": lambda x: (matrix(x) @ P @ matrix(x)) @ STACK,
    "quadratic-forms": lambda x: np.einsum("i,kij,j->k", x[:6], STACK, x[6:12]),
    "batched-forms": lambda x: np.einsum("kij,nkj->nki", STACK, np.sin(x).reshape(2, 3, 6)),
    "sums-of-columns": lambda x: np.sum(np.exp(matrix(x) @ P @ matrix(x)), axis=0),
    "picked": lambda x: (A @ x)[[3, 3, 0, -1]] * np.max(B @ x),
    "integers": lambda x: np.arange(72).reshape(2, 36) @ np.tanh(A @ x),
    "slice": lambda x: (A @ (B @ x))[::-2],
    "transposed": lambda x: np.exp(matrix(A @ x)).T @ P,
}


def complex_step(f, x, h=1e-200):
    columns = []
    for j in range(x.size):
        z = x.astype(complex)
        z[j] += 1j * h
        columns.append(np.imag(f(z)) / h)
    return np.stack(columns, axis=-1)


def point(name, dtype=np.float64):
    return np.linspace(0.2, 0.9, N).astype(dtype) ** (2 if name == "picked" else 1)


def picked(x):
    """The complex step has no maximum of its own."""
    z, w = A @ x, B @ x
    return z[[3, 3, 0, -1]] * w[np.argmax(np.real(w))]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_against_the_complex_step(name):
    f, x = FUNCTIONS[name], point(name)
    expected = complex_step(picked if name == "picked" else f, x)
    whole = dm.jacobian_fwd(f, x)
    np.testing.assert_allclose(whole, expected, rtol=1e-11, atol=1e-12)
    for chunk_size in (1, N // 3, N // 2 + 2, N):
        J = dm.jacobian_fwd(f, x, chunk_size=chunk_size)
        np.testing.assert_allclose(J, expected, rtol=1e-11, atol=1e-12)
    rows = dm.jacobian_fwd(f, x, sparse=True).toarray()
    np.testing.assert_allclose(rows, expected.reshape(-1, N), rtol=1e-11, atol=1e-12)
    assert whole.flags.writeable
    assert whole.flags.c_contiguous


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_in_single_precision(name):
    f, x = FUNCTIONS[name], point(name, np.float32)
    expected = complex_step(picked if name == "picked" else f, x.astype(np.float64))
    J = dm.jacobian_fwd(f, x)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(J, expected, rtol=2e-3, atol=2e-5 * scale)


def test_nested_levels():
    """The Hessian of log(sum(exp(A x))) is A^T (diag(s) - s s^T) A with s the softmax of A x."""
    x = np.linspace(0.2, 0.9, N)

    def f(x):
        return np.log(np.sum(np.exp(A @ x)))

    s = np.exp(A @ x) / np.exp(A @ x).sum()
    expected = A.T @ (np.diag(s) - np.outer(s, s)) @ A
    for outer, inner in ((None, None), (7, None), (None, 20)):
        H = dm.jacobian_fwd(
            lambda x, inner=inner: dm.jacobian_fwd(f, x, chunk_size=inner), x, chunk_size=outer
        )
        np.testing.assert_allclose(H, expected, rtol=1e-11, atol=1e-13)


# --- Infinite derivatives ------------------------------------------------------------------------


@pytest.mark.parametrize("chunk_size", [None, 1, N // 3, N])
def test_exact_zeros_of_constant_matrices_beside_infinite_derivatives(chunk_size):
    """sqrt has an infinite derivative at 0, which only the entries that are not 0 pass on."""
    x = np.linspace(0.0, 1.0, N)
    left = np.eye(N)
    left[3, 0] = 2.0
    right = np.eye(N)
    right[5, 3] = 1.0
    with np.errstate(divide="ignore"):
        slope = 0.5 / np.sqrt(x)
    once = np.where(left == 0, 0.0, left * np.where(left == 0, 0.0, slope))
    twice = np.zeros((N, N))
    for i in range(N):
        for j in np.flatnonzero(right[i]):
            twice[i] += right[i, j] * once[j]
    J = dm.jacobian_fwd(lambda x: left @ np.sqrt(x), x, chunk_size=chunk_size)
    np.testing.assert_allclose(J, once)
    J = dm.jacobian_fwd(lambda x: right @ (left @ np.sqrt(x)), x, chunk_size=chunk_size)
    np.testing.assert_allclose(J, twice)
    J = dm.jacobian_fwd(lambda x: (np.sqrt(x) @ left.T) @ right.T, x, chunk_size=chunk_size)
    np.testing.assert_allclose(J, twice)


@pytest.mark.parametrize("chunk_size", [None, 1, N // 3, N])
def test_exact_zeros_of_tangents_beside_infinite_matrices(chunk_size):
    x = np.linspace(0.0, 1.0, N)
    wild = np.eye(N)
    wild[4, 0] = np.inf

    def f(x):
        safe = np.where(x > 0, np.sqrt(x), 0.0)  # without derivative at 0
        return wild @ (np.eye(N) @ safe)

    with np.errstate(divide="ignore"):
        expected = np.where(x > 0, np.diag(0.5 / np.sqrt(x)), 0.0)
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(dm.jacobian_fwd(f, x, chunk_size=chunk_size), expected)


def test_overflow_is_infinite_and_not_undefined():
    J = dm.jacobian_fwd(lambda x: 1e200 * (A @ (1e200 * (B @ x))), np.zeros(N))
    np.testing.assert_array_equal(np.isinf(J), A @ B != 0)


# --- Memory and calls ----------------------------------------------------------------------------


def test_a_network_takes_one_product_per_layer_after_the_first(monkeypatch):
    counted = []
    image = dense.image

    def count(*args):
        counted.append(args[0].shape)
        return image(*args)

    monkeypatch.setattr(dense, "image", count)
    dm.jacobian_fwd(FUNCTIONS["mlp"], np.ones(N))
    assert [(N, N)] == counted


def test_a_jacobian_takes_no_more_than_three_blocks_beside_itself():
    n = 400
    W = np.ones((n, n)) / n

    def f(x):
        return np.tanh(W @ np.tanh(W @ np.tanh(W @ x)))

    dm.jacobian_fwd(f, np.ones(n))
    tracemalloc.start()
    dm.jacobian_fwd(f, np.ones(n))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4.1 * W.nbytes


def test_softmax_takes_two_blocks():
    n = 600
    x = np.linspace(0.0, 1.0, n)
    f = FUNCTIONS["softmax"]
    dm.jacobian_fwd(f, x)
    tracemalloc.start()
    J = dm.jacobian_fwd(f, x)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2.2 * J.nbytes


@pytest.mark.parametrize("n", [40, 400])
@pytest.mark.parametrize("name", ["tanh", "product", "same"])
def test_every_jacobian_has_memory_of_its_own(name, n):
    W = np.arange(n * n, dtype=float).reshape(n, n) % 7
    f = {"tanh": lambda x: np.tanh(W @ x), "product": lambda x: W @ (W @ x), "same": lambda x: x}
    x = np.linspace(0.0, 0.1, n)
    first = dm.jacobian_fwd(f[name], x)
    kept = first.copy()
    second = dm.jacobian_fwd(f[name], x)
    assert not np.shares_memory(first, second)
    second[...] = np.nan
    third = dm.jacobian_fwd(f[name], x)
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(third, kept)


def test_a_small_jacobian_does_not_keep_a_large_block():
    n = 400
    W = np.ones((n, n))
    J = dm.jacobian_fwd(lambda x: (W @ (W @ x))[:2], np.ones(n))
    root = J
    while isinstance(root.base, np.ndarray):
        root = root.base
    assert root.nbytes <= 2 * J.nbytes


def test_directions_given_to_a_rule_are_contiguous():
    @dm.custom_jvp
    def double(x):
        return 2.0 * x

    @double.def_jvp
    def rule(primals, tangents):
        assert tangents[0].flags.c_contiguous
        return 2.0 * primals[0], 2.0 * tangents[0]

    J = dm.jacobian_fwd(lambda x: double(A @ x), np.ones(N))
    np.testing.assert_allclose(J, 2.0 * A)


def test_the_unit_factor_is_not_applied(rng):
    block, plain = block_of(rng, (4,))
    unit = dense.unit((4,), block.dtype)
    level = type("Level", (), {"n": K, "serial": 1})()
    t = DenseTangent(level, block, unit)
    assert t.dense() is block
    assert t.map(lambda a: a[:, ::-1]).has_factor() is False
    assert DenseTangent(level, block, 2 * unit).has_factor()
    np.testing.assert_array_equal(unit, 1)
    np.testing.assert_array_equal(block, plain)


# --- Parts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "split",
    [
        lambda p: np.split(p, [4, 2, 9]),
        lambda p: np.split(p, [-30, 50]),
        lambda p: np.array_split(p, 5),
        lambda p: np.array_split(p.reshape(6, 6), 4, axis=-1),
        lambda p: np.split(p.reshape(6, 6), 2, 1),
        lambda p: np.hsplit(p, [5]),
        lambda p: np.hsplit(p.reshape(6, 6), 3),
        lambda p: np.vsplit(p.reshape(6, 6), [1]),
        lambda p: np.dsplit(p.reshape(3, 3, 4), 2),
        lambda p: np.split(p, indices_or_sections=4),
    ],
)
@pytest.mark.parametrize("through", [lambda x: x, lambda x: A @ x], ids=["sparse", "dense"])
def test_splits_are_the_parts_that_numpy_takes(split, through):
    x = np.linspace(0.2, 0.9, N)
    parts = split(np.arange(N))
    J = through(np.eye(N))
    for i, part in enumerate(parts):
        found = dm.jacobian_fwd(lambda x, i=i: split(through(x))[i], x)
        np.testing.assert_allclose(found, J[part], atol=1e-14)
    found = []
    dm.jacobian_fwd(lambda x: found.append(len(split(through(x)))) or x, x)
    assert [len(parts)] == found


@pytest.mark.parametrize(
    "split",
    [
        lambda p: np.split(p, 5),
        lambda p: np.split(p, 2, axis=1),
        lambda p: np.vsplit(p, 2),
        lambda p: np.dsplit(p, 2),
        lambda p: np.array_split(p, 0),
    ],
)
def test_splits_that_numpy_refuses(split):
    with pytest.raises(Exception) as plain:
        split(np.arange(N))
    with pytest.raises(type(plain.value)) as found:
        dm.jacobian_fwd(lambda x: split(x)[0], np.ones(N))
    assert str(plain.value) == str(found.value)


# --- Products that are asked for between writes ---------------------------------------------------


@pytest.mark.parametrize("n", [12, 200])  # whose blocks are remembered, and replaced
@pytest.mark.parametrize("seed", range(8))
def test_products_between_writes(n, seed):
    """Random steps that read whole blocks, and write to the array and to views, by complex step."""
    rng = np.random.default_rng(seed)
    W, x, steps = rng.normal(size=(n, n)) / n**0.5, rng.normal(size=n), rng.integers(0, 8, 12)
    places = rng.integers(0, n - 1, steps.size)

    def f(x):
        y = np.sin(W @ x)
        v, out = y, []
        for step, i in zip(steps, places, strict=True):
            if step == 0:
                out.append(W @ y)
            elif step == 1:
                y[i] = y[i + 1] * 2
            elif step == 2:
                y *= 1.1
            elif step == 3:
                y[i:] += y[: n - i]
            elif step == 4:
                v = y[::2]
                out.append(v * 3)
            elif step == 5:
                y = np.tanh(y) * np.cos(y)
            elif step == 6:
                v[...] = v * 1.5
            else:
                y = np.where(np.arange(n) % 2 == 0, y, y * y)
        return np.concatenate([*out, y])

    h = 1e-30
    expected = np.stack([np.imag(f(x + 1j * h * e)) / h for e in np.eye(n)], -1)
    size = np.abs(expected).max()
    for options in ({}, {"chunk_size": n // 3}):
        found = dm.jacobian_fwd(f, x, **options)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11 * size)
