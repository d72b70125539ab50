"""Constant SciPy sparse matrices as arguments of f, and solves with them."""

import functools
import warnings

import numpy as np
import pytest

import dualmc as dm

sparse = pytest.importorskip("scipy.sparse")
linalg = pytest.importorskip("scipy.sparse.linalg")
optimize = pytest.importorskip("scipy.optimize")

A = np.array([[2.0, 1.0], [0.0, 3.0]])
X = np.array([2.0, 3.0])
KINDS = ["csr_array", "csc_array", "coo_array", "csr_matrix", "csc_matrix", "dia_array"]


def prepared(f, *args):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        J = dm.prepare(f, *args)
    J(*args)
    return J(*args)


MODES = {
    "forward": dm.jacobian_fwd,
    "sparse": lambda f, *args: dm.jacobian_fwd(f, *args, sparse=True).toarray(),
    "reverse": dm.jacobian_rev,
    "prepared": prepared,
}
PRODUCTS = {
    "A @ x": (lambda x, S: S @ x, A),
    "A @ x**2": (lambda x, S: S @ x**2, A * (2 * X)),
    "A.T @ x": (lambda x, S: S.T @ x, A.T),
    "x @ A": (lambda x, S: x @ S, A.T),
    "A.dot": (lambda x, S: S.dot(x), A),
    "transpose": (lambda x, S: S.transpose().dot(x), A.T),
    "2 A": (lambda x, S: (2 * S) @ x, 2 * A),
    "A A": (lambda x, S: (S @ S) @ x, A @ A),
    "matrix": (lambda x, S: (S @ np.stack([x, 2 * x], axis=1))[:, 1], 2 * A),
    "tocsc": (lambda x, S: S.tocsc() @ x, A),
    "power": (lambda x, S: S.power(2) @ x, A**2),
    "constant": (lambda x, S: x * (S @ np.ones(2))[0], 3 * np.eye(2)),
}


@pytest.mark.table(2)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", MODES)
def test_products(mode, kind):
    S = getattr(sparse, kind)(A)
    for name, (f, expected) in PRODUCTS.items():
        np.testing.assert_allclose(MODES[mode](f, X, S), expected, rtol=1e-14, err_msg=name)
        bound = functools.partial(f, S=S)
        np.testing.assert_allclose(MODES[mode](bound, X), expected, rtol=1e-14, err_msg=name)
    assert type(S) is getattr(sparse, kind)
    np.testing.assert_array_equal(A, S.toarray())


def test_second_order():
    S = sparse.csr_array(A)
    np.testing.assert_array_equal(A + A.T, dm.hessian(lambda x, S: x @ (S @ x), X, S))
    H = dm.hessian(lambda x, S: x @ (S @ x), X, S, sparse=True)
    np.testing.assert_array_equal(A + A.T, H.toarray())
    hv = dm.hvp(lambda x, S: x @ (S @ x), X, np.array([1.0, -1.0]), S)
    np.testing.assert_array_equal((A + A.T) @ [1.0, -1.0], hv)


def test_vjp_takes_a_sparse_matrix_for_a_constant():
    y, pullback = dm.vjp(lambda x, S: S.T @ x, X, sparse.csr_array(A))
    np.testing.assert_array_equal(A.T @ X, y)
    np.testing.assert_array_equal(A @ [1.0, 2.0], pullback(np.array([1.0, 2.0])))
    y, pullback = dm.vjp(lambda x, S, b: S @ x + b, X, sparse.csr_array(A), np.ones(2))
    x_bar, b_bar = pullback(np.array([1.0, 2.0]))
    np.testing.assert_array_equal(A.T @ [1.0, 2.0], x_bar)
    np.testing.assert_array_equal([1.0, 2.0], b_bar)


def test_least_squares_hands_it_over():
    S, b = sparse.csr_array(A), A @ np.array([1.0, -1.0])
    residual = lambda x, S, b: S @ x - b  # noqa: E731
    jac = functools.partial(dm.jacobian_fwd, residual)
    found = optimize.least_squares(residual, X, jac=jac, args=(S, b))
    np.testing.assert_allclose(found.x, [1.0, -1.0], atol=1e-8)


def test_explain_and_compare():
    S = sparse.csr_array(A)
    assert "u1" in str(dm.explain(lambda x: np.sin(S @ x), X))
    assert dm.compare(lambda x, S: S @ x, X, S).m == 2


# --- Solves --------------------------------------------------------------------------------------

INVERSE = np.linalg.inv(A)
SOLVES = {
    "splu": (lambda b: linalg.splu(sparse.csc_array(A)).solve(b), INVERSE),
    "splu transposed": (lambda b: linalg.splu(sparse.csc_array(A)).solve(b, "T"), INVERSE.T),
    "factorized": (lambda b: linalg.factorized(sparse.csc_array(A))(b), INVERSE),
    "spsolve": (lambda b: linalg.spsolve(sparse.csr_array(A), b), INVERSE),
    "columns": (
        lambda b: linalg.spsolve(sparse.csc_array(A), np.stack([b, 2 * b], axis=1))[:, 1],
        2 * INVERSE,
    ),
    "of squares": (lambda b: linalg.splu(sparse.csc_array(A)).solve(b**2), INVERSE * (2 * X)),
    "constant": (lambda b: linalg.spsolve(sparse.csc_array(A), np.ones(2))[1] * b, np.eye(2) / 3),
}


@pytest.mark.parametrize("mode", ["forward", "sparse", "reverse", "prepared"])
@pytest.mark.parametrize("name", SOLVES)
def test_solves(name, mode):
    f, expected = SOLVES[name]
    np.testing.assert_allclose(MODES[mode](f, X), expected, rtol=1e-14, atol=1e-15)


def test_second_derivatives_of_a_solve():
    H = dm.hessian(lambda b: np.sum(linalg.splu(sparse.csc_array(A)).solve(b**2) ** 2), X)
    M = INVERSE.T @ INVERSE  # of |A^-1 b^2|^2: 2 (2 diag(M b^2) + 4 diag(b) M diag(b))
    expected = 4 * np.diag(M @ X**2) + 8 * np.diag(X) @ M @ np.diag(X)
    np.testing.assert_allclose(H, expected, rtol=1e-13)
