"""Functions of matrices that are smooth where eigenvalues or singular values meet.

The right values are closed forms, or those of the same function written without a factorization
(`scipy.linalg.expm`, a determinant, a trace): every mode and nesting gives them, at matrices with
repeated values, and NaN where a function is not smooth.
"""

import numpy as np
import pytest

import dualmc as dm

sl = pytest.importorskip("scipy.linalg")

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

Q, _ = np.linalg.qr(np.random.default_rng(3).standard_normal((3, 3)))
E = np.random.default_rng(4).standard_normal((3, 3))
MATRICES = {
    "identity": 1.3 * np.eye(3),
    "pair": Q @ np.diag([1.0, 1.0, 2.5]) @ Q.T,
    "single": Q @ np.diag([0.5, 1.0, 2.5]) @ Q.T,
}
SECOND = {
    "hessian": dm.hessian,
    "forward forward": lambda f, x: dm.jacobian_fwd(lambda z: dm.jacobian_fwd(f, z), x),
    "reverse reverse": lambda f, x: dm.jacobian_rev(lambda z: dm.gradient(f, z), x),
    "reverse forward": lambda f, x: dm.jacobian_rev(lambda z: dm.jacobian_fwd(f, z), x),
}
FIRST = {"forward": dm.jacobian_fwd, "reverse": dm.jacobian_rev}
every_first = pytest.mark.parametrize("mode", FIRST.values(), ids=FIRST)
every_second = pytest.mark.parametrize("mode", SECOND.values(), ids=SECOND)
every_matrix = pytest.mark.parametrize("a", MATRICES.values(), ids=MATRICES)


def hermitian(a):
    return (a + np.conj(np.swapaxes(a, -1, -2))) / 2


def spectral(g, eigh=np.linalg.eigh):
    """The matrix function of a scalar one, by eigenvectors."""

    def f(a):
        w, v = eigh(hermitian(a))
        return (v * g(w)[..., None, :]) @ np.conj(np.swapaxes(v, -1, -2))

    return f


def close(got, expected, tol=1e-11):
    expected = np.asarray(expected)
    np.testing.assert_allclose(got, expected, rtol=tol, atol=tol * np.abs(expected).max())


# --- Eigenvalues ----------------------------------------------------------------------------------

PAIRS = {  # of a function by eigenvalues, the same without
    "sum of squares": (lambda w: np.sum(w**2), lambda a: np.sum(a * a.T)),
    "cubes": (lambda w: np.sum(w**3), lambda a: np.trace(a @ a @ a)),
    "product": (np.prod, np.linalg.det),
    "log det": (lambda w: np.sum(np.log(w)), lambda a: np.linalg.slogdet(a)[1]),
    "trace of exp": (lambda w: np.sum(np.exp(w)), lambda a: np.trace(sl.expm(a))),
    "two by name": (lambda w: w[0] * w[1] * w[2], np.linalg.det),
}


@pytest.mark.table
@every_second
@every_matrix
@pytest.mark.parametrize("name", PAIRS)
def test_hessians_of_symmetric_functions(mode, a, name):
    by_values, by_matrix = PAIRS[name]
    expected = dm.hessian(lambda a: by_matrix(hermitian(a)), a)
    close(mode(lambda a: by_values(np.linalg.eigvalsh(hermitian(a))), a), expected)


@every_second
def test_hessians_by_the_functions_of_scipy(mode):
    a = MATRICES["pair"]
    expected = dm.hessian(lambda a: np.trace(sl.expm(hermitian(a))), a)
    for eigenvalues in (sl.eigvalsh, lambda a: sl.eigh(a)[0]):
        close(mode(lambda a, g=eigenvalues: np.sum(np.exp(g(hermitian(a)))), a), expected)


@every_first
@every_matrix
@pytest.mark.parametrize("eigh", [np.linalg.eigh, sl.eigh], ids=["numpy", "scipy"])
def test_matrix_functions(mode, a, eigh):
    close(mode(spectral(np.exp, eigh), a), dm.jacobian_fwd(lambda a: sl.expm(hermitian(a)), a))
    close(
        mode(spectral(lambda w: 1 / w, eigh), a),
        dm.jacobian_fwd(lambda a: np.linalg.inv(hermitian(a)), a),
    )
    close(mode(spectral(lambda w: w, eigh), a), dm.jacobian_fwd(hermitian, a))


@pytest.mark.table
@every_second
@every_matrix
def test_hessians_of_matrix_functions(mode, a):
    expected = dm.hessian(lambda a: np.sum(sl.expm(hermitian(a)) * E), a)
    close(mode(lambda a: np.sum(spectral(np.exp)(a) * E), a), expected)


def test_third_derivative():
    b = np.array([[0.3, 1.0], [1.0, -0.5]])

    def third(f):
        d = dm.derivative
        return d(lambda s: d(lambda s: d(f, s), s), 0.0)

    expected = third(lambda s: np.trace(sl.expm(np.eye(2) + s * b)))
    close(third(lambda s: np.sum(np.exp(np.linalg.eigvalsh(np.eye(2) + s * b)))), expected)


@every_first
def test_complex_matrices(mode):
    h = E + 1j * E[::-1]
    u, _ = np.linalg.qr(h)
    a = u @ np.diag([1.0, 1.0, 2.0]) @ np.conj(u.T)
    directions = [hermitian(h), np.eye(3), hermitian(1j * h.T)]

    def at(t):
        return a + t[0] * directions[0] + t[1] * directions[1] + t[2] * directions[2]

    def parts(y):
        return np.stack([np.real(y), np.imag(y)])

    expected = dm.jacobian_fwd(lambda t: parts(sl.expm(at(t))), np.zeros(3))
    close(mode(lambda t: parts(spectral(np.exp)(at(t))), np.zeros(3)), expected)


@every_first
def test_stacks_of_matrices(mode):
    a = np.stack(list(MATRICES.values()))
    J = mode(spectral(np.exp), a)
    for i, one in enumerate(a):
        close(J[i, :, :, i], dm.jacobian_fwd(lambda a: sl.expm(hermitian(a)), one))
        assert not np.delete(J[i], i, axis=2).any()


def test_products_with_vectors_and_pullbacks():
    a, f = MATRICES["pair"], spectral(np.exp)
    J = dm.jacobian_fwd(lambda a: sl.expm(hermitian(a)), a)
    close(dm.jvp(f, a, E)[1], np.einsum("ijkl,kl", J, E))
    close(dm.vjp(f, a)[1](E), np.einsum("ij,ijkl", E, J))
    H = dm.hessian(lambda a: np.sum(sl.expm(hermitian(a)) * E), a)
    close(dm.hvp(lambda a: np.sum(f(a) * E), a, E), np.einsum("ijkl,kl", H, E))


def test_other_ways_to_ask():
    a, f = MATRICES["pair"], spectral(np.exp)
    J = dm.jacobian_fwd(lambda a: sl.expm(hermitian(a)), a)
    close(dm.jacobian_fwd(f, a, sparse=True).toarray(), J.reshape(9, 9))
    close(dm.jacobian_rev(f, a, sparse=True).toarray(), J.reshape(9, 9))
    close(dm.jacobian_fwd(f, a, chunk_size=2), J)
    close(dm.jacobian_rev(f, a, layout="denominator"), np.transpose(J, (2, 3, 0, 1)))
    close(dm.jacobian_fwd(lambda s, a: s * f(a), 2.0, a, argnums=1), 2 * J)
    by_two = dm.jacobian_rev(lambda s, a: s * f(a), 2.0, a, argnums=(0, 1))
    close(by_two[0], f(a))
    close(by_two[1], 2 * J)
    close(dm.prepare(f, a)(a), J)
    got = dm.jacobian_fwd(f, a.astype(np.float32))
    assert got.dtype == np.float32


@every_first
def test_generalized_problem(mode):
    b = hermitian(E) / 4 + 2 * np.eye(3)
    low = np.linalg.cholesky(b)
    a = low @ np.diag([1.0, 1.0, 3.0]) @ low.T

    def f(a):
        w, v = sl.eigh(hermitian(a), b)
        return (v * np.exp(w)) @ v.T  # exp(inv(B) A) inv(B)

    inverse = np.linalg.inv(b)
    close(mode(f, a), dm.jacobian_fwd(lambda a: sl.expm(inverse @ hermitian(a)) @ inverse, a), 1e-9)


# --- What is not smooth ---------------------------------------------------------------------------


@every_first
def test_vectors_of_repeated_eigenvalues_have_no_derivative(mode):
    assert np.isnan(mode(lambda a: np.linalg.eigh(hermitian(a))[1][0, 0], np.eye(2))).any()
    J = mode(lambda a: np.stack([spectral(np.exp)(a)[0, 0], np.linalg.eigh(a)[1][0, 0]]), np.eye(2))
    assert np.isfinite(J[0]).all()
    assert np.isnan(J[1]).any()


@every_second
def test_largest_eigenvalue_has_no_second_derivative_where_two_meet(mode):
    H = mode(lambda a: np.linalg.eigvalsh(hermitian(a))[-1] ** 2, np.eye(2))
    assert np.isnan(H).any()


@every_second
def test_unequal_weights_of_equal_eigenvalues_are_not_smooth(mode):
    weights = np.array([1.0, 2.0])
    H = mode(lambda a: np.sum(weights * np.linalg.eigvalsh(hermitian(a)) ** 2), np.eye(2))
    assert np.isnan(H).any()


def test_values_that_are_close_lose_what_the_gap_divides():
    """Eigenvalues apart by g lose eps/g of second derivatives: at 1e-9, all but 6 digits."""
    for gap, tol in ((1e-3, 1e-11), (1e-6, 1e-8), (1e-9, 1e-5)):
        a = Q @ np.diag([1.0, 1.0 + gap, 2.5]) @ Q.T
        expected = dm.hessian(lambda a: np.trace(sl.expm(hermitian(a))), a)
        got = dm.hessian(lambda a: np.sum(np.exp(np.linalg.eigvalsh(hermitian(a)))), a)
        close(got, expected, tol)


# --- Singular values ------------------------------------------------------------------------------


def product(a):
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    return (u * s[..., None, :]) @ vh


LOW_RANK = np.outer([1.0, 2.0], [1.0, 1.0, 0.0])


@every_first
@pytest.mark.parametrize(
    "a",
    [LOW_RANK, LOW_RANK.T, np.zeros((2, 2)), np.zeros((2, 3)), np.eye(3), MATRICES["pair"]],
    ids=["wide", "tall", "zero", "wide zero", "identity", "pair"],
)
def test_product_of_the_factors_is_the_matrix(mode, a):
    close(mode(product, a), np.eye(a.size).reshape(a.shape * 2))


@every_first
def test_product_of_the_factors_of_complex_matrices(mode):
    a = np.array([[1j, 0.5j], [0, 0]])
    for b in (np.diag([1.0, 0]), np.diag([0, 1.0]), np.diag([0, 1j]), np.array([[0, 1j], [2, 0]])):
        J = mode(lambda t, b=b: product(a + t * b), 0.0)
        close(J, b)
    b = np.diag([1.0, 0.0])
    with pytest.warns(UserWarning, match="not replayed"):
        prepared = dm.prepare(lambda t: np.real(product(a + t * b)[0, 0]), 1.0)
    assert prepared(2.0) == pytest.approx(1.0)


@every_first
def test_rotation_nearest_to_a_matrix(mode):
    """``U V^H``: at c I the derivative is the antisymmetric part over c."""

    def polar(a):
        u, _, vh = np.linalg.svd(a)
        return u @ vh

    J = mode(polar, 1.3 * np.eye(3))
    close(np.einsum("ijkl,kl", J, E), (E - E.T) / 2 / 1.3)


@every_second
@pytest.mark.parametrize("a", [1.3 * np.eye(3), MATRICES["pair"]], ids=["identity", "pair"])
def test_hessian_of_the_nuclear_norm(mode, a):
    expected = dm.hessian(lambda a: np.trace(sl.sqrtm(a.T @ a)), a)
    close(mode(lambda a: np.linalg.norm(a, "nuc"), a), expected)


@every_second
@pytest.mark.parametrize("a", [np.zeros((2, 3)), LOW_RANK], ids=["zero", "low rank"])
def test_sum_of_squares_where_singular_values_are_0(mode, a):
    expected = 2 * np.eye(a.size).reshape(a.shape * 2)
    close(mode(lambda a: np.sum(np.linalg.svd(a, compute_uv=False) ** 2), a), expected)


@every_second
def test_sum_of_singular_values_has_no_second_derivative_at_0(mode):
    H = mode(lambda a: np.sum(np.linalg.svd(a, compute_uv=False)), LOW_RANK)
    assert np.isnan(H).any()
