"""Seeds and assembled Jacobians: chunks, sparse rows, several arguments, the memory budget."""

import math

import numpy as np
import pytest

import dualmc as dm
from dualmc.calls import seeds
from dualmc.duals import levels
from dualmc.tangents import dense_tangent
from dualmc.tangents.dense_tangent import ChunkNeeded

sparse = pytest.importorskip("scipy.sparse")


def check_canonical(J):
    """CSR as SciPy defines it: rising row pointers, in every row rising columns, none twice."""
    assert isinstance(J, sparse.csr_array)
    assert "csr" == J.format
    m, n = J.shape
    assert (m + 1,) == J.indptr.shape
    assert 0 == J.indptr[0]
    assert J.nnz == J.indptr[-1] == J.indices.size == J.data.size
    for start, stop in zip(J.indptr, J.indptr[1:], strict=False):
        columns = J.indices[start:stop]
        assert start <= stop
        assert (np.diff(columns) > 0).all()
        assert ((columns >= 0) & (columns < n)).all()
    assert J.has_canonical_format
    assert J.has_sorted_indices
    # and not by word alone
    copy = sparse.csr_array((J.data.copy(), J.indices.copy(), J.indptr.copy()), shape=J.shape)
    assert copy.has_canonical_format


class Counter:
    """`f`, counting its calls and the columns that each saw."""

    def __init__(self, f):
        self.f = f
        self.columns = []

    def __call__(self, x, *rest):
        first = next(a for a in (x, *rest) if isinstance(a, dm.Dual))
        self.columns.append(first.level.n)
        return self.f(x, *rest)

    @property
    def calls(self):
        return len(self.columns)


# --- Seeds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_sparse", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("shape", [(), (4,), (2, 3), (0,)])
@pytest.mark.parametrize("k", [1, 3, 6, 10])
@pytest.mark.parametrize("offset", [-7, -2, 0, 1, 4, 12])
def test_a_seed_is_a_window_of_the_identity(shape, k, offset, dtype, is_sparse):
    """Entry i of x is column offset + i; columns outside [0, k) have no tangent."""
    x = np.arange(np.prod(shape), dtype=dtype).reshape(shape)
    with levels.open_level(k) as level:
        d = seeds.seed(x, level, offset, is_sparse)
        assert d.level is level
        assert (dtype, dtype) == (d.dtype, d.own_tangent().dtype)
        actual = d.tangent
        if is_sparse and d.own_tangent().is_sparse:
            assert not d.own_tangent().coef[d.own_tangent().col < 0].any()  # unused slots
    expected = np.zeros((k, x.size))
    for i in range(x.size):
        if 0 <= offset + i < k:
            expected[offset + i, i] = 1.0
    assert np.array_equal(expected.reshape(k, *shape), actual)
    assert np.array_equal(x, d.primal)
    assert not np.shares_memory(x, d.primal)


def test_a_seed_in_one_direction():
    x, v = np.array([1.0, 2.0], np.float32), np.array([3.0, 4.0])
    with levels.open_level(1) as level:
        d = seeds.seed_direction(x, v, level)
        assert np.float32 == d.dtype == d.own_tangent().dtype
        assert np.array_equal([[3.0, 4.0]], d.tangent)
        d[0] = 0.0
    assert np.array_equal([1.0, 2.0], x)
    assert np.array_equal([3.0, 4.0], v)


@pytest.mark.parametrize("n", [1, 16, 17, 40])
def test_few_inputs_start_dense_and_many_sparse(n):
    seen = []

    def f(x):
        seen.append(x.own_tangent().is_sparse)
        return x

    dm.jacobian_fwd(f, np.ones(n))
    dm.jacobian_fwd(f, np.ones(n), sparse=True)
    assert [n > 16, True] == seen
    # By all inputs together, not by the size of a chunk.
    dm.jacobian_fwd(f, np.ones(n), chunk_size=1)
    assert {n > 16} == set(seen[2:])


# --- Sparse results ------------------------------------------------------------------------------


def burgers(u):
    left, right = np.roll(u, 1), np.roll(u, -1)
    return 0.5 * (left - 2 * u + right) - u * (right - left) / 2


def burgers_by_hand(u):
    """The same Jacobian in closed form."""
    n = u.size
    left, right = np.roll(u, 1), np.roll(u, -1)
    J = np.diag(-1.0 - (right - left) / 2)
    for i in range(n):
        J[i, i - 1] += 0.5 + u[i] / 2
        J[i, (i + 1) % n] += 0.5 - u[i] / 2
    return J


def cumulative(x):
    return np.cumsum(x) * x[0]


def products(x):
    return np.stack([x[:-1] * x[1:], x[1:] ** 2 + x[-1]])


def scattered(x):
    y = np.zeros_like(x)
    y[::3] = x[1]
    y[1::3] += x[::-1][1::3] * x[0]
    return np.concatenate([y, np.ones(2), x[:3].sum()[None], x[5:0:-2]])


def product_with_matrix(x):
    n = x.size
    A = np.add.outer(np.arange(7.0), np.arange(float(n))) % 5 - 2
    return np.sin(A @ x)


def outer_product(x):
    return np.outer(x, x[:3])


FUNCTIONS = [
    burgers, cumulative, products, scattered, product_with_matrix, outer_product, np.sum
]  # fmt: skip


def jacobian_by_complex_step(f, x):
    columns = []
    for e in np.eye(x.size):
        columns.append(np.ravel(f(x + 1e-40j * e)).imag / 1e-40)
    return np.stack(columns, axis=-1)


@pytest.mark.parametrize("n", [6, 20, 33])
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("chunk_size", [None, 1, 4, 7, 32, 100])
def test_chunks_change_nothing(f, n, chunk_size):
    x = np.linspace(0.5, 1.5, n)
    expected = jacobian_by_complex_step(f, x)
    for layout in ("numerator", "denominator"):
        options = {"layout": layout, "chunk_size": chunk_size}
        J = dm.jacobian_fwd(f, x, sparse=True, **options)
        check_canonical(J)
        assert np.float64 == J.dtype
        by_layout = expected if layout == "numerator" else expected.T
        np.testing.assert_allclose(J.toarray(), by_layout, rtol=1e-13, atol=1e-14)
        dense = dm.jacobian_fwd(f, x, **options)
        np.testing.assert_allclose(dense.ravel(), by_layout.ravel(), rtol=1e-13, atol=1e-14)


def test_the_pattern_is_that_of_the_function_not_of_the_point():
    """A coefficient that happens to be 0 stays in the structure, as solvers that reuse it need."""
    u = np.linspace(-1.0, 2.0, 40)
    patterns = []
    for point in (u, np.ones(40), np.zeros(40), -np.ones(40)):
        J = dm.jacobian_fwd(burgers, point, sparse=True)
        check_canonical(J)
        np.testing.assert_allclose(J.toarray(), burgers_by_hand(point), rtol=1e-14, atol=1e-15)
        patterns.append((J.indptr, J.indices))
    assert 3 * 40 == J.nnz
    assert 40 == np.count_nonzero(J.data == 0.0)  # right neighbours: 0.5 + u/2 at u = -1
    for indptr, indices in patterns:
        assert np.array_equal(patterns[0][0], indptr)
        assert np.array_equal(patterns[0][1], indices)


def test_elements_without_derivative_have_empty_rows():
    def f(x):
        y = np.zeros_like(x)
        y[3] = x[5] * x[2]
        y[7] = 4.0
        return y

    x = np.linspace(0.5, 1.5, 20)
    J = dm.jacobian_fwd(f, x, sparse=True)
    check_canonical(J)
    assert 2 == J.nnz
    assert [2, 5] == J.indices.tolist()
    assert [x[5], x[2]] == J.data.tolist()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("chunk_size", [None, 6])
@pytest.mark.parametrize(
    ("f", "result"),
    [
        (burgers, None),
        (lambda x: np.ones(3), np.float64),
        (lambda x: np.ones(3, np.float32), np.float32),
        (lambda x: np.arange(3), None),
        (lambda x: x > 0, None),
        (lambda x: 1j * x, "c"),
        (lambda x: np.floor(x), None),
        (lambda x: np.where(np.arange(x.size) < 2, x, 0), None),
        (lambda x: np.sum(x), None),
    ],
)
def test_dtypes(f, result, chunk_size, dtype):
    """That of the value; if the value is no float, that of x."""
    x = np.linspace(0.5, 1.5, 20, dtype=dtype)
    J = dm.jacobian_fwd(f, x, sparse=True, chunk_size=chunk_size)
    check_canonical(J)
    expected = {None: dtype, "c": np.result_type(dtype, np.complex64)}.get(result, result)
    assert expected == J.dtype
    assert expected == dm.jacobian_fwd(f, x, chunk_size=chunk_size).dtype
    assert np.int32 == J.indices.dtype == J.indptr.dtype


@pytest.mark.parametrize("n", [8, 20])
@pytest.mark.parametrize("chunk_size", [1, 3, 4, 5])
def test_chunks_that_see_no_column(n, chunk_size):
    """The value does not depend on what they seed; before, between and after others."""
    x = np.linspace(0.5, 1.5, n)
    f = Counter(lambda x: x[3:5] ** 2)
    expected = np.zeros((2, n))
    expected[[0, 1], [3, 4]] = 2 * x[3:5]
    J = dm.jacobian_fwd(f, x, sparse=True, chunk_size=chunk_size)
    check_canonical(J)
    assert 2 == J.nnz
    np.testing.assert_allclose(J.toarray(), expected, rtol=1e-15)
    J = dm.jacobian_fwd(f, x, chunk_size=chunk_size)
    np.testing.assert_allclose(J, expected, rtol=1e-15)
    assert 2 * math.ceil(n / chunk_size) == f.calls


@pytest.mark.parametrize("n", [8, 20])
def test_chunks_of_which_none_sees_a_column(n):
    for f, m in ((lambda x: np.ones(3), 3), (lambda x: np.floor(x), n), (lambda x: 2.0, 1)):
        J = dm.jacobian_fwd(f, np.linspace(0.5, 1.5, n), sparse=True, chunk_size=3)
        check_canonical(J)
        assert (m, n) == J.shape
        assert 0 == abs(J).sum()


@pytest.mark.parametrize("shape", [(0,), (2, 0)])
def test_nothing_in_or_out(shape):
    J = dm.jacobian_fwd(np.sin, np.zeros(shape), sparse=True)
    check_canonical(J)
    assert (0, 0) == J.shape
    J = dm.jacobian_fwd(lambda x: x[:0], np.ones(20), sparse=True, chunk_size=7)
    check_canonical(J)
    assert (0, 20) == J.shape
    J = dm.jacobian_fwd(lambda x: np.ones(3), np.zeros(shape), sparse=True)
    check_canonical(J)
    assert (3, 0) == J.shape


def test_the_result_is_the_users_own():
    x = np.linspace(0.5, 1.5, 20)
    J = dm.jacobian_fwd(np.sin, x, sparse=True)
    J.data[:] = 0.0
    J.indices[:] = 3
    again = dm.jacobian_fwd(np.sin, x, sparse=True)
    np.testing.assert_allclose(again.toarray(), np.diag(np.cos(x)), rtol=1e-15)


@pytest.mark.parametrize("layout", ["numerator", "denominator"])
@pytest.mark.parametrize("chunk_size", [None, 1, 5, 13])
@pytest.mark.parametrize("argnums", [(0, 1), (1, 0), (0, 1, 2, 3), (2,), [3, 1], (-1, 0)])
def test_several_arguments(argnums, chunk_size, layout):
    """``y = a[:, None] * b + t * c.sum()``: shapes (3,), (4,), () and (2, 5)."""
    a, b, t = np.arange(1.0, 4.0), np.arange(2.0, 6.0), 3.0
    c = np.linspace(0.0, 1.0, 10).reshape(2, 5)
    f = Counter(lambda a, b, t, c: np.reshape(a, (3, 1)) * b + t * np.sum(c))
    by_hand = [
        np.kron(np.eye(3), b[:, None]),
        np.kron(a[:, None], np.eye(4)),
        np.full((12, 1), c.sum()),
        np.full((12, 10), t),
    ]
    Js = dm.jacobian_fwd(
        f, a, b, t, c, argnums=argnums, sparse=True, chunk_size=chunk_size, layout=layout
    )
    assert isinstance(Js, tuple)
    assert len(argnums) == len(Js)
    total = sum(by_hand[i].shape[1] for i in argnums)
    assert (1 if chunk_size is None else math.ceil(total / chunk_size)) == f.calls
    for i, J in zip(argnums, Js, strict=True):
        check_canonical(J)
        expected = by_hand[i] if layout == "numerator" else by_hand[i].T
        np.testing.assert_allclose(J.toarray(), expected, rtol=1e-14)


def test_an_argument_that_is_not_seen():
    Ja, Jb = dm.jacobian_fwd(
        lambda a, b: 2.0 * a, np.ones(20), np.ones(3), argnums=(0, 1), sparse=True
    )
    check_canonical(Ja)
    check_canonical(Jb)
    assert ((20, 20), 20) == (Ja.shape, Ja.nnz)
    assert ((20, 3), 0) == (Jb.shape, Jb.nnz)


def test_value_and_auxiliary_output():
    x = np.linspace(0.5, 1.5, 20).reshape(4, 5)
    (y, aux), J = dm.value_and_jacobian_fwd(
        lambda x: (x[1:] - x[:-1], x.sum()), x, sparse=True, has_aux=True, chunk_size=6
    )
    assert np.array_equal(x[1:] - x[:-1], y)
    assert x.sum() == aux
    check_canonical(J)
    assert np.array_equal(np.eye(20)[5:] - np.eye(20)[:-5], J.toarray())


def test_a_change_of_shape_between_chunks_is_an_error():
    lengths = iter([4, 5])
    with pytest.raises(ValueError, match=r"f returned shape \(5,\) after shape \(4,\)"):
        dm.jacobian_fwd(lambda x: x[: next(lengths)], np.ones(20), sparse=True, chunk_size=10)


# --- The memory budget ---------------------------------------------------------------------------


def dense_rows(m):
    """m functions of all inputs: a block of (k, m) float64."""

    def f(x):
        A = np.add.outer(np.arange(float(m)), np.arange(float(x.size))) % 7 - 3
        return np.sin(A @ x)

    return f


def dense_rows_by_hand(m, x):
    A = np.add.outer(np.arange(float(m)), np.arange(float(x.size))) % 7 - 3
    return np.cos(A @ x)[:, None] * A


def check_passes(passes, n, columns):
    """Passes given up, of all and then fewer columns, before those that cover all n in order."""
    kept = [columns] * (n // columns) + ([n % columns] if n % columns else [])
    given_up = passes[: -len(kept)]
    assert kept == passes[-len(kept) :]
    assert n == given_up[0]
    assert sorted(set(given_up), reverse=True) == given_up
    assert given_up[-1] > columns
    assert len(given_up) <= 2


@pytest.mark.parametrize("n", [5, 16, 17, 40])
@pytest.mark.parametrize("columns", [1, 2, 3, 7, 15, 39])
@pytest.mark.parametrize("is_sparse", [False, True])
def test_a_block_beyond_the_budget_falls_back_to_chunks(monkeypatch, n, columns, is_sparse):
    """A pass or two are given up; then as many columns at a time as the budget holds."""
    m = 30
    monkeypatch.setattr(dense_tangent, "MEMORY_BUDGET", columns * m * 8 + 7)
    x = np.linspace(0.5, 1.5, n)
    f = Counter(dense_rows(m))
    y, J = dm.value_and_jacobian_fwd(f, x, sparse=is_sparse)
    if n <= columns or is_sparse and n <= 8:  # up to 8 inputs per element stay sparse
        assert [n] == f.columns
    else:
        check_passes(f.columns, n, columns)
    assert np.array_equal(dense_rows(m)(x), y)
    J = J.toarray() if is_sparse else J
    np.testing.assert_allclose(J, dense_rows_by_hand(m, x), rtol=1e-12, atol=1e-13)


def test_a_budget_of_less_than_one_column_still_gives_the_result(monkeypatch):
    monkeypatch.setattr(dense_tangent, "MEMORY_BUDGET", 1)
    x = np.linspace(0.5, 1.5, 6)
    f = Counter(dense_rows(4))
    J = dm.jacobian_fwd(f, x)
    np.testing.assert_allclose(J, dense_rows_by_hand(4, x), rtol=1e-13, atol=1e-14)
    assert [6, 1, 1, 1, 1, 1, 1] == f.columns
    assert 1.0 == dm.derivative(lambda x: np.sum(x * np.ones(100)) / 100, 1.0)


@pytest.mark.parametrize(
    ("chunk_size", "columns"),
    [
        (2, [2] * 10),
        (4, [4] * 5),
        (7, [7, 4, 4, 4, 4, 4]),
        (20, [20, 4, 4, 4, 4, 4]),
        (100, [20, 4, 4, 4, 4, 4]),
    ],
)
def test_a_chunk_size_beyond_the_budget_is_reduced(monkeypatch, chunk_size, columns):
    monkeypatch.setattr(dense_tangent, "MEMORY_BUDGET", 4 * 30 * 8)
    x = np.linspace(0.5, 1.5, 20)
    f = Counter(dense_rows(30))
    J = dm.jacobian_fwd(f, x, chunk_size=chunk_size)
    assert columns == f.columns
    np.testing.assert_allclose(J, dense_rows_by_hand(30, x), rtol=1e-12, atol=1e-13)


def test_a_structure_that_stays_sparse_needs_no_chunks(monkeypatch):
    """A dense block would be 40 * 40 * 8 bytes; three slots per element never ask for one."""
    monkeypatch.setattr(dense_tangent, "MEMORY_BUDGET", 2000)
    u = np.linspace(-1.0, 1.0, 40)
    f = Counter(burgers)
    for is_sparse in (True, False):
        J = dm.jacobian_fwd(f, u, sparse=is_sparse)
        J = J.toarray() if is_sparse else J
        np.testing.assert_allclose(J, burgers_by_hand(u), rtol=1e-13, atol=1e-14)
    assert [40, 40] == f.columns


def test_a_later_chunk_may_be_the_one_that_is_too_wide(monkeypatch):
    """The first half of the inputs is seen element by element, the second by every element."""
    n, m = 60, 50

    def f(x):
        y = np.zeros(m, like=x)
        y[:30] = x[:30] ** 2
        for i in range(30, 60):
            y = y + x[i] * np.cos(np.arange(m) * i)
        return y

    x = np.linspace(0.5, 1.5, n)
    expected = np.zeros((m, n))
    expected[np.arange(30), np.arange(30)] = 2 * x[:30]
    for i in range(30, 60):
        expected[:, i] = np.cos(np.arange(m) * i)
    monkeypatch.setattr(dense_tangent, "MEMORY_BUDGET", 12 * m * 8)
    for is_sparse in (False, True):
        counter = Counter(f)
        J = dm.jacobian_fwd(counter, x, chunk_size=30, sparse=is_sparse)
        J = J.toarray() if is_sparse else J
        np.testing.assert_allclose(J, expected, rtol=1e-12, atol=1e-13)
        assert 30 == counter.columns[0]
        assert 30 == counter.columns[1]  # given up
        assert 30 == sum(counter.columns[2:])
        assert max(counter.columns[2:]) <= 12


def test_a_pass_given_up_runs_finally_blocks_but_no_handlers(monkeypatch):
    monkeypatch.setattr(dense_tangent, "MEMORY_BUDGET", 10 * 30 * 8)
    left, handled = [], []

    def f(x):
        try:
            return dense_rows(30)(x)
        except Exception:
            handled.append(x)
            raise
        finally:
            left.append(x.level.n)

    x = np.linspace(0.5, 1.5, 20)
    J = dm.jacobian_fwd(f, x)
    assert [20, 10, 10] == left
    assert [] == handled
    np.testing.assert_allclose(J, dense_rows_by_hand(30, x), rtol=1e-12, atol=1e-13)


def test_a_pass_given_up_leaves_arguments_and_results_as_they_were(monkeypatch):
    """f writes into its argument before the pass is given up."""
    monkeypatch.setattr(dense_tangent, "MEMORY_BUDGET", 10 * 30 * 8)

    def f(x):
        x *= 2.0
        return dense_rows(30)(x)

    x = np.linspace(0.5, 1.5, 20)
    y, J = dm.value_and_jacobian_fwd(f, x)
    assert np.array_equal(np.linspace(0.5, 1.5, 20), x)
    assert np.array_equal(dense_rows(30)(2 * x), y)
    np.testing.assert_allclose(J, 2 * dense_rows_by_hand(30, 2 * x), rtol=1e-12, atol=1e-13)


def test_several_arguments_beyond_the_budget(monkeypatch):
    monkeypatch.setattr(dense_tangent, "MEMORY_BUDGET", 4 * 30 * 8)
    a, b = np.linspace(0.5, 1.0, 7), np.linspace(1.0, 1.5, 6)
    f = Counter(lambda a, b: dense_rows(30)(np.concatenate([a, b])))
    expected = dense_rows_by_hand(30, np.concatenate([a, b]))
    for is_sparse in (False, True):
        f.columns.clear()
        Ja, Jb = dm.jacobian_fwd(f, a, b, argnums=(0, 1), sparse=is_sparse)
        check_passes(f.columns, 13, 4)
        J = np.hstack([J.toarray() if is_sparse else J for J in (Ja, Jb)])
        np.testing.assert_allclose(J, expected, rtol=1e-12, atol=1e-13)


def test_the_auxiliary_output_of_a_pass_given_up_is_not_returned(monkeypatch):
    monkeypatch.setattr(dense_tangent, "MEMORY_BUDGET", 10 * 30 * 8)
    count = iter(range(100))

    def f(x):
        number = next(count)
        return dense_rows(30)(x), number

    J, aux = dm.jacobian_fwd(f, np.linspace(0.5, 1.5, 20), has_aux=True)
    assert 1 == aux
    assert 3 == next(count)


def test_nested_calls_beyond_the_budget(monkeypatch):
    """The inner call works in chunks by itself; the outer one is asked only for what is its own."""
    n, m = 12, 20
    x = np.linspace(0.5, 1.5, n)
    A = np.add.outer(np.arange(float(m)), np.arange(float(n))) % 7 - 3
    outer, inner = [], []

    def g(x):
        inner.append(x.level.n)
        return np.sin(A @ x).sum()

    def gradient(x):
        outer.append(x.level.n)
        return dm.jacobian_fwd(g, x)

    H = -(A.T * np.sin(A @ x)) @ A
    np.testing.assert_allclose(dm.jacobian_fwd(gradient, x), H, rtol=1e-11, atol=1e-12)
    unlimited = len(outer), len(inner)
    assert (1, 1) == unlimited
    for budget in (100_000, 10_000, 3_000, 1_000, 200, 1):
        outer.clear()
        inner.clear()
        monkeypatch.setattr(dense_tangent, "MEMORY_BUDGET", budget)
        actual = dm.jacobian_fwd(gradient, x)
        np.testing.assert_allclose(actual, H, rtol=1e-11, atol=1e-12)
        # Every outer pass is one call of the gradient; those after the last one given up cover n.
        assert outer[0] == n
        assert inner[0] == n
        if len(outer) > 1:
            assert n <= sum(outer[1:])
    assert len(outer) > n
    assert len(inner) > len(outer)


def test_jvp_and_hand_made_duals_know_no_budget(monkeypatch):
    """One direction cannot be cut into fewer; hand-made Duals have no driver to ask."""
    monkeypatch.setattr(dense_tangent, "MEMORY_BUDGET", 10)
    x = np.linspace(0.5, 1.5, 20)
    y, y_dot = dm.jvp(dense_rows(30), x, x)
    np.testing.assert_allclose(y_dot, dense_rows_by_hand(30, x) @ x, rtol=1e-12, atol=1e-12)
    d = dense_rows(30)(dm.Dual(x, np.eye(20)))
    np.testing.assert_allclose(d.tangent.T, dense_rows_by_hand(30, x), rtol=1e-12, atol=1e-13)


def test_custom_rules_beyond_the_budget(monkeypatch):
    """A rule gets dense directions: 20 columns of 20 numbers each, 10 at a time."""

    @dm.custom_jvp
    def squared(x):
        return x**2

    directions = []

    @squared.def_jvp
    def squared_jvp(primals, tangents):
        directions.append(tangents[0])
        return primals[0] ** 2, 2 * primals[0] * tangents[0]

    x = np.linspace(0.5, 1.5, 20)
    monkeypatch.setattr(dense_tangent, "MEMORY_BUDGET", 10 * 20 * 8)
    f = Counter(squared)
    J = dm.jacobian_fwd(f, x, sparse=True)
    np.testing.assert_allclose(J.toarray(), np.diag(2 * x), rtol=1e-15)
    assert [20, 10, 10] == f.columns
    assert np.array_equal(np.eye(20), directions)


def test_the_budget_is_not_an_exception_that_users_catch():
    assert not issubclass(ChunkNeeded, Exception)
    with levels.open_level(4) as level:
        need = ChunkNeeded(level, 3)
    assert (level, 3, "3 columns at a time") == (need.level, need.columns, str(need))


@pytest.mark.parametrize("differentiate", [dm.jacobian_fwd, dm.jacobian_rev])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128])
@pytest.mark.parametrize("n", [12, 40])
def test_a_dense_jacobian_as_a_sparse_one_holds_what_is_not_0(differentiate, dtype, n):
    """As SciPy's own conversion of the matrix: NaN and infinity stay, 0 and -0 go."""
    A = np.random.default_rng(n).standard_normal((5, n)).astype(dtype)
    A[1, 0], A[2] = 0.0, 0.0
    if dtype is not np.complex128:
        A[3, :3] = np.nan, np.inf, -0.0
    x = np.ones(n, np.float32 if dtype is np.float32 else np.float64)
    with np.errstate(all="ignore"):
        J = differentiate(lambda x: np.sin(A @ x) * 0 + A @ x, x, sparse=True)
        dense = differentiate(lambda x: np.sin(A @ x) * 0 + A @ x, x)
    expected = sparse.csr_array(dense)
    assert J.shape == expected.shape and J.dtype == expected.dtype and J.has_canonical_format
    for name in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(expected, name), getattr(J, name))
    J.check_format(full_check=True)
