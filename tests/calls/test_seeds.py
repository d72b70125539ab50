"""Seeds and assembled Jacobians: chunks, sparse rows, several arguments, the memory budget."""

import math

import numpy as np
import pytest
from sparse_functions import Counter, burgers, burgers_by_hand

import dualmc as dm
from dualmc.calls import seeds
from dualmc.duals import levels

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
