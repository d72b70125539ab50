"""The most memory that a Jacobian needs at once: what bench/memory.py promises.

Bytes are counted by tracemalloc, which sees what NumPy allocates.  A first call compiles; the
buffers that it keeps are let go of.
"""

import gc
import math
import tracemalloc

import benches
import numpy as np
import pytest

import dualmc as dm
from dualmc.kernels import buffers

pytest.importorskip("scipy.sparse")

with benches.importable():
    from problems import PROBLEMS


def peak_of(call, before=1):
    """What `call` returns, and the most bytes allocated at once meanwhile, after calls `before`."""
    for _ in range(before):
        call()
    buffers.trim(0)
    gc.collect()
    tracemalloc.start()
    try:
        found = call()
        return found, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("name", "n", "chunk_size"),
    [
        ("mlp_square", 256, None),
        ("mlp_square", 256, 64),
        ("attention", 1024, None),
        ("attention", 1024, 64),
    ],
)
def test_dense_tangents_take_three_blocks_of_a_chunk_beside_the_result(name, n, chunk_size):
    case = PROBLEMS[name].build(n)
    _, own = peak_of(lambda: case.f(case.x))
    J, peak = peak_of(lambda: dm.jacobian_fwd(case.f, case.x, chunk_size=chunk_size))
    assert peak <= own + J.nbytes + 3 * 8 * n * (chunk_size or n)


@pytest.mark.parametrize(
    ("name", "n", "largest", "entries"),
    [
        ("lorenz96", 200_000, 200_000, 4),
        ("brusselator", 200_000, 200_000, 4),
        ("bundle_adjustment", 50_000, 52_000, 13),
        ("rosenbrock", 100_000, 100_000, 2),
    ],
)
def test_sparse_tangents_take_three_blocks_and_the_nonzeros_twice(name, n, largest, entries):
    case = PROBLEMS[name].build(n)
    _, own = peak_of(lambda: case.f(case.x))
    peaks = []
    for before in (1, 0, 1):  # the third keeps what it has met before
        J, peak = peak_of(lambda: dm.jacobian_fwd(case.f, case.x, sparse=True), before)
        peaks.append(peak)
    result = J.data.nbytes + J.indices.nbytes + J.indptr.nbytes
    limit = own + result + 3 * 12 * entries * largest + 24 * J.nnz
    assert max(peaks) <= 2 * limit
    assert peaks[-1] <= limit


def test_numbers_read_from_a_view_while_it_is_filled_copy_no_array():
    n = 20_000

    def f(x, steps):
        y = np.zeros(n)
        half = y[: n // 2]
        half[:] = x[: n // 2] * x[n // 2 :]
        for i in range(steps):
            half[i] += half[i + 1]
        return y

    calls = [
        lambda steps=steps: dm.jacobian_fwd(f, np.ones(n), steps, sparse=True) for steps in (1, 5)
    ]
    few, many = (peak_of(call)[1] for call in calls)
    assert many < few + 8 * n


def test_chunks_are_written_into_one_array():
    W = np.arange(1600.0).reshape(40, 40) % 7
    x = np.linspace(0.0, 0.1, 40)
    J = dm.jacobian_fwd(lambda x: np.tanh(W @ x), x, chunk_size=7)
    np.testing.assert_allclose(J, (1 - np.tanh(W @ x) ** 2)[:, None] * W, rtol=1e-12, atol=1e-15)
    assert J.flags.writeable and J.flags.c_contiguous


@pytest.mark.parametrize("chunk_size", [None, 20, 64])
@pytest.mark.parametrize("batch", [(), (3,)])
def test_both_halves_of_a_large_product(batch, chunk_size):
    p, m, q = 9, 20, 12
    rng = np.random.default_rng(3)
    x = rng.standard_normal(math.prod(batch) * m * p + p * q)
    left = math.prod(batch) * m * p

    def f(x):
        return np.sin(x[:left]).reshape(*batch, m, p) @ x[left:].reshape(p, q)

    a, b = np.sin(x[:left]).reshape(*batch, m, p), x[left:].reshape(p, q)
    da = np.zeros((*batch, m, p, x.size))
    da.reshape(left, -1)[np.arange(left), np.arange(left)] = np.cos(x[:left])
    db = np.zeros((p, q, x.size))
    db.reshape(p * q, -1)[np.arange(p * q), left + np.arange(p * q)] = 1
    expected = np.einsum("...ipk,pj->...ijk", da, b) + np.einsum("...ip,pjk->...ijk", a, db)
    found = dm.jacobian_fwd(f, x, chunk_size=chunk_size)
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-14)


def test_both_halves_of_a_large_product_keep_zeros_beside_infinities():
    n = 400
    x = np.linspace(1.0, 2.0, n)
    x[3] = np.inf

    def f(x):
        return np.outer(x[:20], x[20:60]) @ np.outer(x[60:100], x[100:])

    with np.errstate(all="ignore"):
        whole = dm.jacobian_fwd(f, x)
        # Blocks of so few columns are not added in parts.
        parts = dm.jacobian_fwd(f, x, chunk_size=20)
    np.testing.assert_array_equal(whole, parts)
    assert np.isinf(whole[3]).any() and not np.isnan(whole[4]).any()
