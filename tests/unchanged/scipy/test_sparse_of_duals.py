"""Sparse matrices made of Duals, against the complex step through the same numbers in dense arrays.

Where SciPy's function has no dense twin in NumPy, the dense twin is written out here.
"""

import numpy as np
import pytest
from oracles import complex_step

import dualmc as dm

sparse = pytest.importorskip("scipy.sparse")

X = np.array([1.3, -0.7, 2.1, 0.4])
ROWS, COLUMNS = [0, 1, 2, 2], [1, 0, 2, 2]  # the last two share a place
D = np.array([[1.0, 2.0, 0.0], [0.0, 3.0, 4.0], [5.0, 0.0, 6.0]])
B = sparse.csr_array(D)


def made(x, kind="csr_array"):
    return getattr(sparse, kind)((x, (ROWS, COLUMNS)), shape=(3, 3))


def dense(x):
    return np.array([[0, x[0], 0], [x[1], 0, 0], [0, 0, x[2] + x[3]]])


def element_stiffness(x, K):
    for e in range(2):
        dofs = [e, e + 1]
        K[np.ix_(dofs, dofs)] += x[e] * np.array([[1.0, -1.0], [-1.0, 1.0]])
    K[2, 0] = x[3] ** 2
    K[0, 0] += 1.5
    return K


def one_by_one(x, K):
    for i in range(3):
        K[i, i] += x[i]
        K[i, (i + 1) % 3] = 2.0
        K[i, i] += x[i] * x[0]
    return K


def rows_of(x, K):
    K[0, 0] = x[0]
    K[1, :] = x[:3]
    K[2, 1] = 7.0
    return K


def power(A, n):
    return np.linalg.matrix_power(A, n)


# By name: the sparse function, and its dense twin.
CASES = {
    "coo": (lambda x: made(x, "coo_array").toarray(), dense),
    "csc transposed": (lambda x: made(x, "csc_matrix").T.toarray(), lambda x: dense(x).T),
    "A x": (lambda x: made(x) @ x[:3], lambda x: dense(x) @ x[:3]),
    "x A": (lambda x: x[:3] @ made(x), lambda x: x[:3] @ dense(x)),
    "A X": (lambda x: made(x) @ np.stack([x[1:], x[:3]], 1),
            lambda x: dense(x) @ np.stack([x[1:], x[:3]], 1)),
    "constant vector": (lambda x: made(x).dot(np.arange(3.0)), lambda x: dense(x) @ np.arange(3.0)),
    "A B": (lambda x: (made(x) @ B).toarray(), lambda x: dense(x) @ D),
    "B A": (lambda x: (B @ made(x)).toarray(), lambda x: D @ dense(x)),
    "A A' A": (lambda x: (made(x) @ made(x).T @ made(x)).toarray(),
               lambda x: dense(x) @ dense(x).T @ dense(x)),
    "sum": (lambda x: (made(x) + B - 2 * made(x**2)).toarray(),
            lambda x: dense(x) + D - 2 * dense(x**2)),
    "constant minus": (lambda x: (B - made(x)).toarray(), lambda x: D - dense(x)),
    "plus dense": (lambda x: D + made(x), lambda x: D + dense(x)),
    "eye": (lambda x: (x[1] * sparse.eye_array(3) - sparse.eye_array(3) * x[0]).toarray(),
            lambda x: (x[1] - x[0]) * np.eye(3)),
    "eye, old": (lambda x: (x[1] * sparse.eye(3) + sparse.csr_matrix(B)).toarray(),
                 lambda x: x[1] * np.eye(3) + D),
    "diags": (lambda x: sparse.diags([x[:3], x[2:]], [0, 1], format="csr").toarray(),
              lambda x: np.diag(x[:3]) + np.diag(x[2:], 1)),
    "one diagonal": (lambda x: sparse.diags(x).toarray(), np.diag),
    "numbers on diagonals": (
        lambda x: sparse.diags_array([1.0, x[0], x[1]], offsets=[-1, 0, 1], shape=(3, 3)).toarray(),
        lambda x: np.eye(3, k=-1) + x[0] * np.eye(3) + x[1] * np.eye(3, k=1),
    ),
    "spdiags": (lambda x: sparse.spdiags(np.stack([x, 2 * x]), [0, 1], 4, 4).toarray(),
                lambda x: np.diag(x) + 2 * np.diag(x[1:], 1)),
    "dia": (lambda x: sparse.dia_array((x.reshape(2, 2), [0, 1]), shape=(2, 2)).tocsr().toarray(),
            lambda x: np.array([[x[0], x[3]], [0, x[1]]])),
    "kron": (lambda x: sparse.kron(made(x), B).toarray(), lambda x: np.kron(dense(x), D)),
    "kronsum": (lambda x: sparse.kronsum(made(x), B).toarray(),
                lambda x: np.kron(np.eye(3), dense(x)) + np.kron(D, np.eye(3))),
    "bmat": (lambda x: sparse.bmat([[made(x), None], [B, made(x).T]]).toarray(),
             lambda x: np.block([[dense(x), np.zeros((3, 3))], [D, dense(x).T]])),
    "hstack": (lambda x: sparse.hstack([made(x), B, x[:3, None]]).toarray(),
               lambda x: np.hstack([dense(x), D, x[:3, None]])),
    "vstack": (lambda x: sparse.vstack([B, made(x)], format="csc").toarray(),
               lambda x: np.vstack([D, dense(x)])),
    "rows": (lambda x: made(x)[[2, 0]].toarray(), lambda x: dense(x)[[2, 0]]),
    "elements": (lambda x: made(x)[2, 2] * made(x)[0, 1] + made(x)[1, 1],
                 lambda x: dense(x)[2, 2] * dense(x)[0, 1]),
    "block": (lambda x: made(x)[1:, :2].toarray(), lambda x: dense(x)[1:, :2]),
    "sums": (lambda x: made(x).diagonal() * made(x).sum(axis=0) + made(x).sum() + made(x).trace(),
             lambda x: np.diag(dense(x)) * dense(x).sum(0) + dense(x).sum() + dense(x)[2, 2]),
    "mean": (lambda x: made(x).mean(axis=1), lambda x: dense(x).mean(axis=1)),
    "columns scaled": (lambda x: B.multiply(x[:3]).toarray(), lambda x: D * x[:3]),
    "by a sparse one": (lambda x: B.multiply(made(x)).toarray(), lambda x: D * dense(x)),
    "by a dense one": (lambda x: (made(x) * D / x[0]).toarray(), lambda x: dense(x) * D / x[0]),
    "powers": (lambda x: (made(x).power(2) + abs(made(x))).toarray(),
               lambda x: dense(x) ** 2 + dense(x) * np.sign(dense(x).real)),
    "matrix power": (lambda x: (made(x, "csr_matrix") ** 3).toarray(),
                     lambda x: power(dense(x), 3)),
    "of pointers": (
        lambda x: sparse.csr_array((x, [1, 0, 2, 2], [0, 1, 2, 4]), shape=(3, 3)).tocsc().toarray(),
        dense,
    ),
    "of an array": (lambda x: (sparse.csr_array(x.reshape(2, 2)) @ np.ones(2)),
                    lambda x: x.reshape(2, 2).sum(1)),
    "tril": (lambda x: sparse.tril(made(x), format="csr").toarray(), lambda x: np.tril(dense(x))),
    "lil": (lambda x: one_by_one(x, sparse.lil_array((3, 3))).tocsr() @ x[:3],
            lambda x: one_by_one(x, np.zeros((3, 3), x.dtype)) @ x[:3]),
    "dok": (lambda x: one_by_one(x, sparse.dok_array((3, 3))).tocsc() @ x[:3],
            lambda x: one_by_one(x, np.zeros((3, 3), x.dtype)) @ x[:3]),
    "elements of a mesh": (lambda x: element_stiffness(x, sparse.lil_matrix((3, 3))).toarray(),
                           lambda x: element_stiffness(x, np.zeros((3, 3), x.dtype))),
    "written csr": (lambda x: rows_of(x, B.copy()).toarray(),
                    lambda x: rows_of(x, D.astype(x.dtype))),
    "set diagonal": (lambda x: (lambda K: (K.setdiag(x[:3]), K.toarray())[1])(B.tolil()),
                     lambda x: D - np.diag(np.diag(D)) + np.diag(x[:3])),
    "numpy.matrix": (lambda x: made(x, "csr_matrix").todense().A1, lambda x: dense(x).ravel()),
}  # fmt: skip


def stepped(f, x):
    """The Jacobian of the flattened `f`, by the complex step."""
    return complex_step(lambda z: np.ravel(f(z)), x)


MODES = {
    "forward": dm.jacobian_fwd,
    "reverse": dm.jacobian_rev,
    "sparse": lambda f, x: dm.jacobian_fwd(f, x, sparse=True).toarray(),
    "chunks": lambda f, x: dm.jacobian_fwd(f, x, chunk_size=1),
}


@pytest.mark.filterwarnings("ignore:Changing the sparsity")
@pytest.mark.parametrize("name", CASES)
def test_first_derivatives(name):
    f, twin = CASES[name]
    expected = stepped(twin, X)
    for mode, jacobian in MODES.items():
        J = jacobian(lambda x: np.ravel(f(x)), X)
        np.testing.assert_allclose(J, expected, rtol=1e-13, atol=1e-14, err_msg=mode)
    y, _ = dm.jvp(f, X, np.ones(4))
    np.testing.assert_allclose(y, twin(X), rtol=1e-15)


@pytest.mark.filterwarnings("ignore:Changing the sparsity")
@pytest.mark.parametrize("name", ["A A' A", "kron", "lil", "by a dense one", "written csr"])
def test_second_derivatives(name):
    f, twin = CASES[name]
    H = dm.hessian(lambda x: np.sum(np.sin(f(x))), X)
    slope = lambda x: stepped(lambda z: np.sum(np.sin(twin(z))), x)[0]  # noqa: E731
    columns = [(slope(X + 1e-5 * e) - slope(X - 1e-5 * e)) / 2e-5 for e in np.eye(4)]
    np.testing.assert_allclose(H, np.stack(columns), rtol=1e-7, atol=1e-7)


def test_prepared():
    f = dm.prepare(lambda x: made(x) @ (made(x).T @ x[:3]), X)
    for x in (X, 2 * X, X - 1):
        expected = stepped(lambda z: dense(z) @ (dense(z).T @ z[:3]), x)
        np.testing.assert_allclose(f(x), expected, rtol=1e-13)


def test_it_looks_like_a_matrix_of_scipy():
    def f(x):
        A = made(x)
        assert sparse.issparse(A) and isinstance(A, sparse.csr_array) and A.format == "csr"
        assert A.shape == (3, 3) and A.nnz == 3 and A.dtype == np.float64
        assert isinstance(A.T, sparse.csc_array) and isinstance(A.tocoo(), sparse.coo_array)
        assert (A > 0).nnz == 2
        return A.data * 2

    np.testing.assert_array_equal(dm.jacobian_fwd(f, X)[2], [0, 0, 2, 2])


def test_entries_of_value_zero_keep_their_derivative():
    J = dm.jacobian_fwd(
        lambda x: sparse.csr_array(np.outer(x, [1.0, 2.0])) @ np.ones(2), [0.0, 1.0]
    )
    np.testing.assert_array_equal(J, 3 * np.eye(2))


def test_a_matrix_of_the_user_is_not_written_to():
    K = sparse.lil_array(D)

    def f(x):
        K[0, 0] = x[0]
        return K @ x[:3]

    with pytest.raises(dm.TangentLostError, match=r"K = K\.copy\(\)"):
        dm.jacobian_fwd(f, X)
    assert type(K) is sparse.lil_array
    np.testing.assert_array_equal(K.toarray(), D)


def test_what_has_no_rule_refuses():
    with pytest.raises(dm.MissingRuleError, match=r"A1"):
        dm.jacobian_fwd(lambda x: np.asarray(made(x, "csr_matrix").todense()), X)
    with pytest.raises((dm.MissingRuleError, dm.TangentLostError)):
        dm.jacobian_fwd(lambda x: sparse.save_npz("unwritten.npz", made(x)), X)


def test_empty_and_float32():
    J = dm.jacobian_fwd(lambda x: sparse.csr_array((x[:0], ([], [])), shape=(2, 2)) @ x[:2], X)
    np.testing.assert_array_equal(J, np.zeros((2, 4)))
    J = dm.jacobian_fwd(lambda x: made(x) @ x[:3], X.astype(np.float32))
    assert J.dtype == np.float32
    np.testing.assert_allclose(J, stepped(lambda z: dense(z) @ z[:3], X), rtol=1e-6, atol=1e-6)
