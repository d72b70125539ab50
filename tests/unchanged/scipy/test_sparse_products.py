"""SciPy's sparse matrices in code left as it is: products, and what they cannot store."""

import numpy as np
import pytest
from adapted_judge import MODES, assert_right

import dualmc as dm

sparse = pytest.importorskip("scipy.sparse")
every_mode = pytest.mark.parametrize("mode", MODES)


def sparse_cases():
    A = sparse.random(5, 3, 0.6, format="csr", random_state=1)
    B, M = sparse.coo_array(A), sparse.csc_matrix(A)
    return [
        lambda x: A @ (x * x),
        lambda x: B @ x,
        lambda x: M * x,
        lambda x: A.dot(np.outer(x, x)),
        lambda x: (x * x) @ A.T,
        lambda x: A @ np.tanh(A.T @ (A @ x)),
        lambda x: (2 * A + A) @ x,
    ]


@pytest.mark.parametrize("number", range(7))
def test_a_sparse_matrix_times_a_dual(number):
    assert_right(sparse_cases()[number])


def test_sparse_products_stay_sparse():
    n = 500
    A = sparse.diags_array([1.0, -2.0, 1.0], offsets=[-1, 0, 1], shape=(n, n)).tocsr()
    J = dm.jacobian_fwd(lambda u: A @ u + u**2, np.ones(n), sparse=True)
    assert 3 * n - 2 == J.nnz
    assert (J != A + 2 * sparse.eye_array(n)).nnz == 0


# --- Plain arrays in other libraries -------------------------------------------------------------


@every_mode
def test_libraries_get_plain_arrays_for_buffers_without_derivative(mode):
    from scipy.interpolate import CubicSpline

    def f(x):
        knots = np.linspace(0.0, 1.0, 4)
        heights = np.zeros(4)
        heights[1:] = [1.0, 8.0, 27.0]
        D = sparse.diags_array([-np.ones(3), np.ones(2)], offsets=[0, 1])
        assert np.float64 is type(knots[1])
        return D @ x + CubicSpline(knots, heights)(0.5)

    expected = [[-1.0, 1.0, 0.0], [0.0, -1.0, 1.0], [0.0, 0.0, -1.0]]
    assert np.array_equal(expected, mode(f, np.ones(3)))
    value = dm.value_and_jacobian_fwd(f, np.ones(3))[0]
    np.testing.assert_allclose(value, np.array([0.0, 0.0, -1.0]) + 1.5**3, rtol=1e-14)


@every_mode
@pytest.mark.parametrize("through", [lambda z: z, lambda z: z[1:]])
def test_an_array_that_a_library_holds_takes_no_derivative(mode, through):
    def f(x):
        z = np.zeros(4)
        held = sparse.dia_array((through(z)[None, :], [0]), shape=(4, 4))
        z[0] = x[0]
        return held @ np.ones(held.shape[1]) + z[0]

    with pytest.raises(dm.TangentLostError, match="An array that a library holds as plain numbers"):
        mode(f, np.ones(3))

    def with_a_copy(x):
        z = np.zeros(4)
        sparse.csr_array(through(z).copy()[None, :])
        z[:3] = 1.0
        z[0] = x[0]
        return z[0]

    assert np.array_equal([1.0, 0.0, 0.0], mode(with_a_copy, np.ones(3)))


@every_mode
def test_sparse_matrices_made_inside_f(mode):
    from scipy.sparse import csr_matrix, diags, kron

    def f(x):
        A = csr_matrix(np.eye(3) * 2.0)
        assert isinstance(A, csr_matrix)
        assert isinstance(A.tocsc().tocsr(), sparse.csr_matrix)
        assert not isinstance(A, sparse.csc_matrix)
        assert not isinstance(A, sparse.csr_array)
        assert sparse.issparse(A) and not sparse.issparse(x)
        B = diags([np.arange(1.0, 4.0)], [0]).tocsr()
        C = (A + 2 * B) @ B
        return C @ x + x @ C.T + A.dot(x) + A * x + kron(A, B).tocsr()[:3, :3] @ x

    d = np.arange(1.0, 4.0)
    expected = np.diag(2 * (2 + 2 * d) * d + 4 + 2 * d)
    assert np.array_equal(expected, mode(f, np.ones(3)))


@every_mode
@pytest.mark.parametrize(
    ("name", "f"),
    [
        ("scipy.sparse.csr_array", lambda sp, x: sp.csr_array(np.diag(x)) @ x),
        ("scipy.sparse.coo_array", lambda sp, x: sp.coo_array((x, ([0, 1], [0, 1]))) @ x),
        ("scipy.sparse.diags", lambda sp, x: sp.diags([x], [0]) @ x),
        ("scipy.sparse.kron", lambda sp, x: sp.kron(x[:, None], np.eye(2)) @ x),
        ("csr_array.multiply", lambda sp, x: sp.csr_array(np.eye(2)).multiply(x) @ x),
        ("csr_array.__mul__", lambda sp, x: sp.csr_array(np.eye(2)) * x[0] @ x),
        ("csr_matrix.__mul__", lambda sp, x: sp.csr_matrix(np.eye(2)) * x[0] * x),
        ("csr_matrix.__rmul__", lambda sp, x: x[0] * sp.csr_matrix(np.eye(2)) * x),
        ("csr_array.__truediv__", lambda sp, x: sp.csr_array(np.eye(2)) / x[0] @ x),
        ("csr_array.__add__", lambda sp, x: sp.csr_array(np.eye(2)) + x),
    ],
)
def test_sparse_matrices_of_duals_are_refused(mode, name, f):
    with pytest.raises(dm.MissingRuleError) as caught:
        mode(lambda x: f(sparse, x), np.ones(2))
    message = str(caught.value)
    assert message.startswith("dualmc cannot keep the derivatives of numbers stored in a SciPy")
    assert f"({name} of a Dual)" in message
    assert f"\n  at {__file__}" in message


def test_explain_refuses_them_too():
    S = sparse.csr_array(np.eye(2))
    for f in (lambda x: S * x[0], lambda x: S.multiply(x), lambda x: sparse.diags_array(x)):
        with pytest.raises(dm.MissingRuleError, match="stored in a SciPy sparse matrix"):
            dm.explain(f, np.ones(2))
