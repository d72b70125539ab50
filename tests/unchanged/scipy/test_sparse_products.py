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


EYE = np.eye(2)


@every_mode
@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda sp, x: sp.csr_array(np.diag(x)) @ x, 2 * EYE),
        (lambda sp, x: sp.coo_array((x, ([0, 1], [0, 1]))) @ x, 2 * EYE),
        (lambda sp, x: sp.diags([x], [0]) @ x, 2 * EYE),
        (lambda sp, x: sp.kron(x[:, None], EYE) @ x, np.kron([[1], [1]], EYE)
         + np.kron(EYE, [[1], [1]])),
        (lambda sp, x: sp.csr_array(EYE).multiply(x) @ x, 2 * EYE),
        (lambda sp, x: sp.csr_array(EYE) * x[0] @ x, EYE + [[1, 0], [1, 0]]),
        (lambda sp, x: sp.csr_matrix(EYE) * x[0] * x, EYE + [[1, 0], [1, 0]]),
        (lambda sp, x: x[0] * sp.csr_matrix(EYE) * x, EYE + [[1, 0], [1, 0]]),
        (lambda sp, x: sp.csr_array(EYE) / x[0] @ x, EYE - [[1, 0], [1, 0]]),
        (lambda sp, x: (sp.csr_array(EYE) + np.diag(x)) @ x, 3 * EYE),
    ],
)  # fmt: skip
def test_constant_ones_become_matrices_of_duals(mode, f, expected):
    np.testing.assert_array_equal(mode(lambda x: f(sparse, x), np.ones(2)), expected)


def test_adding_a_number_is_the_error_of_scipy():
    S = sparse.csr_array(EYE)
    with pytest.raises(NotImplementedError, match="nonzero scalar"):
        dm.jacobian_fwd(lambda x: (S + x[0]) @ x, np.ones(2))


def test_explain_of_them():
    assert "u1" in str(dm.explain(lambda x: np.sin(sparse.diags_array(x) @ x), np.ones(2)))
