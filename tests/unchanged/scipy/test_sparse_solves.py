"""Solves and spectra of sparse matrices that vary, against the complex step through dense ones."""

import numpy as np
import pytest
from oracles import complex_step, differences

import dualmc as dm

sparse = pytest.importorskip("scipy.sparse")
linalg = pytest.importorskip("scipy.sparse.linalg")

X = np.array([1.3, -0.7, 2.1, 0.4])
RNG = np.random.default_rng(3)
N = 6
ROWS = np.array([0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 1, 2, 3, 4, 5, 5, 0])
COLUMNS = np.array([0, 1, 2, 3, 4, 5, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 0])
W = 0.3 * RNG.normal(size=(len(ROWS), 4))
B, G = RNG.normal(size=N), RNG.normal(size=(N, 4))
WHERE = np.where(ROWS == COLUMNS, 6.0, 0.0)


def A(x):
    return sparse.csc_array((WHERE + W @ x, (ROWS, COLUMNS)), shape=(N, N))


def dense(x):
    out = np.zeros((N, N), (W @ x).dtype)
    np.add.at(out, (ROWS, COLUMNS), WHERE + W @ x)
    return out


def b(x):
    return B + G @ x**2


def S(x):
    return A(x) + A(x).T


def symmetric(x):
    return dense(x) + dense(x).T


def tall(x):
    """9 rows, 4 columns, of full rank."""
    K = sparse.csr_array((3 + W[:9] @ x, (np.arange(9), np.arange(9) % 4)), shape=(9, 4))
    return K + sparse.csr_array(TALL)


TALL = 0.1 * np.arange(9)[:, None] ** 0.5 * np.arange(4)


def tall_dense(x):
    out = TALL.astype((W @ x).dtype)
    out[np.arange(9), np.arange(9) % 4] += 3 + W[:9] @ x
    return out


def damped(x):
    K, d = tall_dense(x), np.arange(9.0) + x[0]
    return np.linalg.solve(K.T @ K + 0.49 * np.eye(4), K.T @ d)


def unit_upper(x):
    return np.triu(dense(x), 1) + np.eye(N)


solve = np.linalg.solve
TIGHT = {"atol": 1e-14, "btol": 1e-14, "conlim": 0}
CASES = {
    "spsolve": (lambda x: linalg.spsolve(A(x), b(x)), lambda x: solve(dense(x), b(x))),
    "constant b": (lambda x: linalg.spsolve(A(x), B), lambda x: solve(dense(x), B)),
    "columns": (lambda x: linalg.spsolve(A(x).tocsr(), np.stack([b(x), B], 1)),
                lambda x: solve(dense(x), np.stack([b(x), B], 1))),
    "sparse b": (lambda x: linalg.spsolve(A(x), A(x**2)).toarray(),
                 lambda x: solve(dense(x), dense(x**2))),
    "splu transposed": (lambda x: linalg.splu(A(x)).solve(b(x), "T"),
                        lambda x: solve(dense(x).T, b(x))),
    "splu columns": (lambda x: linalg.splu(A(x)).solve(np.stack([b(x), B], 1)),
                     lambda x: solve(dense(x), np.stack([b(x), B], 1))),
    "factorized": (lambda x: linalg.factorized(A(x))(B), lambda x: solve(dense(x), B)),
    "triangular": (lambda x: linalg.spsolve_triangular(sparse.tril(A(x), format="csr"), b(x)),
                   lambda x: solve(np.tril(dense(x)), b(x))),
    "unit triangular": (
        lambda x: linalg.spsolve_triangular(
            sparse.triu(A(x), format="csr"), b(x), lower=False, unit_diagonal=True
        ),
        lambda x: solve(unit_upper(x), b(x)),
    ),
    "inv": (lambda x: linalg.inv(A(x)).toarray(), lambda x: np.linalg.inv(dense(x))),
    "norm": (lambda x: linalg.norm(A(x)), lambda x: np.sqrt(np.sum(dense(x) ** 2))),
    "expm_multiply": (
        lambda x: linalg.expm_multiply(A(x) * 0.1, b(x)), lambda x: series(0.1 * dense(x)) @ b(x)
    ),
    "expm_multiply at times": (
        lambda x: linalg.expm_multiply(A(x) * 0.1, b(x), start=0, stop=1.0, num=3),
        lambda x: np.stack([series(0.1 * t * dense(x)) @ b(x) for t in (0, 0.5, 1)]),
    ),
    "lsqr": (lambda x: linalg.lsqr(tall(x), np.arange(9.0) + x[0], damp=0.7, **TIGHT)[0], damped),
    "lsmr": (lambda x: linalg.lsmr(tall(x), np.arange(9.0) + x[0], damp=0.7, **TIGHT)[0], damped),
    "shortest": (
        lambda x: linalg.lsqr(tall(x).T, x, **TIGHT)[0],
        lambda x: tall_dense(x) @ solve(tall_dense(x).T @ tall_dense(x), x),
    ),
}  # fmt: skip
for _name in "cg cgs bicg bicgstab gmres lgmres gcrotmk minres qmr tfqmr".split():
    _K, _twin = (S, symmetric) if _name in ("cg", "minres") else (A, dense)
    CASES[_name] = (
        lambda x, name=_name, K=_K: getattr(linalg, name)(K(x), b(x), rtol=1e-12)[0],
        lambda x, twin=_twin: solve(twin(x), b(x)),
    )
CASES["constant gmres"] = (
    lambda x: linalg.gmres(dense(X), b(x), rtol=1e-12)[0],
    lambda x: solve(dense(X), b(x)),
)


def series(M):
    total = term = np.eye(N, dtype=M.dtype)
    for k in range(1, 60):
        term = term @ M / k
        total = total + term
    return total


def flat(f):
    return lambda x: np.ravel(f(x))


@pytest.mark.parametrize("name", CASES)
def test_first_derivatives(name):
    f, twin = CASES[name]
    expected = complex_step(flat(twin), X)
    for jacobian in (dm.jacobian_fwd, dm.jacobian_rev):
        np.testing.assert_allclose(jacobian(flat(f), X), expected, rtol=1e-9, atol=1e-10)
    y, _ = dm.jvp(f, X, np.ones(4))
    np.testing.assert_array_equal(y, f(X))


@pytest.mark.parametrize("name", ["spsolve", "splu transposed", "cg", "gmres", "expm_multiply"])
def test_second_derivatives(name):
    f, twin = CASES[name]
    H = dm.hessian(lambda x: np.sum(np.sin(f(x))), X)
    slope = lambda x: complex_step(lambda z: np.sum(np.sin(twin(z))), x)  # noqa: E731
    np.testing.assert_allclose(H, differences(slope, X), rtol=1e-7, atol=1e-8)


def test_a_solver_that_stops_early_has_the_derivative_of_the_root():
    f = lambda x: linalg.cg(S(x), b(x), rtol=1e-3)[0]  # noqa: E731
    expected = complex_step(lambda x: solve(symmetric(x), b(x)), X)
    np.testing.assert_allclose(dm.jacobian_fwd(f, X), expected, rtol=1e-8, atol=1e-9)
    np.testing.assert_array_equal(dm.jvp(f, X, X)[0], f(X))


def banded_operator(x):
    d, c = 6 + x[0] + np.arange(N), 0.1 * x[1]
    return linalg.LinearOperator(
        (N, N), lambda v: d * v + c * np.roll(v, 1), lambda v: d * v + c * np.roll(v, -1),
        dtype=float,
    )  # fmt: skip


def test_operators_and_preconditioners():
    def f(x):
        K = A(x)
        rough = linalg.spilu(K)
        M = linalg.LinearOperator((N, N), rough.solve, lambda v: rough.solve(v, "T"), dtype=float)
        first = linalg.gmres(K, b(x), M=M, rtol=1e-12)[0]
        return first + linalg.bicgstab(banded_operator(x), b(x), rtol=1e-12)[0]

    def twin(x):
        shift = np.roll(np.eye(N), 1, axis=0)
        K = np.diag(6 + x[0] + np.arange(N)) + 0.1 * x[1] * shift
        return solve(dense(x), b(x)) + solve(K, b(x))

    expected = complex_step(twin, X)
    for jacobian in (dm.jacobian_fwd, dm.jacobian_rev):
        np.testing.assert_allclose(jacobian(f, X), expected, rtol=1e-9, atol=1e-10)


def test_incomplete_factors_of_a_varying_matrix_have_no_known_derivative():
    y, slope = dm.jvp(lambda x: linalg.spilu(A(x)).solve(B), X, X)
    np.testing.assert_array_equal(y, linalg.spilu(A(X)).solve(B))
    assert np.isnan(slope).all()


MASS = sparse.diags_array(1.0 + np.arange(N)).tocsc()
SPECTRA = {
    "eigsh": lambda x: linalg.eigsh(S(x), k=2, v0=np.ones(N), tol=1e-14)[0],
    "vectors": lambda x: linalg.eigsh(S(x), k=2, v0=np.ones(N), tol=1e-14)[1] ** 2,
    "generalized": lambda x: (
        linalg.eigsh(S(x), k=2, M=MASS * x[2], v0=np.ones(N), tol=1e-14)[1] ** 2
    ),
    "shifted": lambda x: linalg.eigsh(
        S(x), k=2, sigma=5.0, return_eigenvectors=False, v0=np.ones(N), tol=1e-14
    ),
    "eigs": lambda x: np.abs(linalg.eigs(A(x), k=2, v0=np.ones(N), tol=1e-14)[0]),
}


@pytest.mark.parametrize("name", SPECTRA)
def test_spectra(name):
    f = flat(SPECTRA[name])
    expected = differences(f, X, 1e-2)
    for jacobian in (dm.jacobian_fwd, dm.jacobian_rev):
        np.testing.assert_allclose(jacobian(f, X), expected, rtol=1e-7, atol=1e-8)


def test_repeated_eigenvalues_refuse():
    f = lambda x: linalg.eigsh(sparse.diags_array(x[[0, 0, 1, 2]]).tocsc(), k=2)[0]  # noqa: E731
    with pytest.raises(dm.MissingRuleError, match="repeated"):
        dm.jacobian_fwd(f, np.array([3.0, 1.0, 2.0]))


def test_norms_and_estimates_of_lsqr():
    def f(x):
        found = linalg.lsqr(tall(x), np.arange(9.0) + x[0], damp=0.7, **TIGHT)
        return np.stack([found[3], found[4], found[8]])

    def twin(x):
        y = damped(x)
        r = np.arange(9.0) + x[0] - tall_dense(x) @ y
        return np.sqrt(np.stack([r @ r, r @ r + 0.49 * y @ y, y @ y]))

    np.testing.assert_allclose(dm.jacobian_fwd(f, X), complex_step(twin, X), rtol=1e-9, atol=1e-9)
    estimate = lambda x: linalg.lsqr(tall(x), np.arange(9.0), **TIGHT)[5]  # noqa: E731
    assert np.isnan(dm.gradient(estimate, X)).all()


def test_what_has_no_rule_refuses():
    with pytest.raises(dm.MissingRuleError, match="svds"):
        dm.jacobian_fwd(lambda x: linalg.svds(A(x), k=2)[1], X)
    with pytest.raises(dm.MissingRuleError, match="shift"):
        dm.jacobian_fwd(lambda x: linalg.minres(S(x), B, shift=x[0])[0], X)


PREPARED = ["spsolve", "columns", "splu transposed", "factorized", "triangular", "cg", "gmres"]


@pytest.mark.parametrize("name", PREPARED)
def test_prepared_solves_are_one_step_of_a_replay(name):
    f, twin = CASES[name]
    J = dm.prepare(flat(f), X)
    for x in (X, X + 0.5, X[::-1], X + 0.5):
        np.testing.assert_allclose(J(x), complex_step(flat(twin), x), rtol=1e-9, atol=1e-10)


def test_float32_and_complex_right_hand_sides():
    x = X.astype(np.float32)
    J = dm.jacobian_fwd(lambda x: linalg.spsolve(A(x).astype(np.float32), b(x)), x)
    expected = complex_step(lambda x: solve(dense(x), b(x)), X)
    np.testing.assert_allclose(J, expected, rtol=1e-4, atol=1e-5)

    def f(x):
        y = linalg.spsolve(A(x), b(x) + 1j * x[0])
        return np.concatenate([y.real, y.imag])

    def twin(x):
        return np.concatenate([solve(dense(x), b(x)), solve(dense(x), np.full(N, x[0]))])

    for jacobian in (dm.jacobian_fwd, dm.jacobian_rev):
        np.testing.assert_allclose(jacobian(f, X), complex_step(twin, X), rtol=1e-10, atol=1e-12)


class Held:
    """A solver that was factored once, in an object of the user's."""

    def __init__(self, K):
        self.matrix, self.factors, self.table = K, linalg.splu(K), {"K": K}

    def solve(self, b):
        return self.factors.solve(b) + self.matrix @ b + self.table["K"].T @ b


FACTORS = linalg.splu(A(X))


def test_factors_and_matrices_that_objects_hold():
    held, K = Held(A(X)), dense(X)
    for jacobian in (dm.jacobian_fwd, dm.jacobian_rev):
        expected = np.linalg.inv(K) + K + K.T
        np.testing.assert_allclose(jacobian(held.solve, B), expected, rtol=1e-12, atol=1e-13)
        J = jacobian(lambda b: FACTORS.solve(b, "T"), B)
        np.testing.assert_allclose(J, np.linalg.inv(K).T, rtol=1e-12, atol=1e-13)
    assert type(held.factors).__name__ == "SuperLU" and type(held.matrix) is sparse.csc_array
