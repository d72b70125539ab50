"""The rest of scipy.linalg: equations, structured and banded matrices, bases of subspaces.

Judged by differences of SciPy's own functions, values bit for bit; what is free to rotate, by the
projector.
"""

import numpy as np
import pytest

import dualmc as dm

pytest.importorskip("scipy")

import scipy.linalg as sl
from matrix_judge import A3, judge_first, judge_second
from points import complex_of

EYE = np.eye(3)
B = np.array([[0.3, -1.2], [0.8, 0.5], [-0.6, 1.1]])


def flat(*parts):
    return np.concatenate([np.ravel(part) for part in parts])


def signed(v):
    """Vectors whose sign does not jump between neighbours."""
    return v * np.sign(v[0])


def projector(basis):
    return basis @ basis.conj().T


def lowest(w, v):
    return flat(w, signed(v))


CASES = {
    "eigh by index": lambda x: lowest(*sl.eigh(x @ x.T, subset_by_index=[0, 1])),
    "eigh by value": lambda x: sl.eigh(x @ x.T, subset_by_value=[6, 99], eigvals_only=True),
    "eigh general by index": lambda x: lowest(*sl.eigh(x, x @ x.T + EYE, subset_by_index=[1, 2])),
    "eigvalsh by index": lambda x: sl.eigvalsh(x, subset_by_index=[0, 1]),
    "solve_sylvester": lambda x: sl.solve_sylvester(x, x.T @ x + EYE, x * 2),
    "solve_continuous_lyapunov": lambda x: sl.solve_continuous_lyapunov(x, x @ x),
    "solve_lyapunov": lambda x: sl.solve_lyapunov(x, x @ x),
    "solve_discrete_lyapunov": lambda x: sl.solve_discrete_lyapunov(x / 8, x @ x),
    "solve_discrete_lyapunov bilinear": lambda x: sl.solve_discrete_lyapunov(
        x / 8, x @ x, method="bilinear"
    ),
    "solve_continuous_are": lambda x: sl.solve_continuous_are(
        x, x[:, :2] + B, x @ x.T, EYE[:2, :2] * x[0, 0]
    ),
    "solve_continuous_are e s": lambda x: sl.solve_continuous_are(
        x,
        x[:, :2] + B,
        x @ x.T + EYE,
        EYE[:2, :2] * x[0, 0],
        e=EYE * 3 + x * 0.2,
        s=0.05 * x[:, :2],
    ),
    "solve_discrete_are": lambda x: sl.solve_discrete_are(
        x / 4, x[:, :2] + B, x @ x.T, EYE[:2, :2] * x[0, 0]
    ),
    "solve_discrete_are e s": lambda x: sl.solve_discrete_are(
        x / 4,
        x[:, :2] + B,
        x @ x.T + EYE,
        EYE[:2, :2] * x[0, 0],
        e=EYE * 3 + x * 0.2,
        s=0.05 * x[:, :2],
    ),
    "solve_toeplitz symmetric": lambda x: sl.solve_toeplitz(x[0] + [4, 0, 0], x[1]),
    "solve_toeplitz columns": lambda x: sl.solve_toeplitz((x[0] + [4, 0, 0], x[1]), x),
    "matmul_toeplitz": lambda x: sl.matmul_toeplitz((x[0], x[1]), x),
    "solve_circulant": lambda x: sl.solve_circulant(x[0], x),
    "solve_circulant axes": lambda x: sl.solve_circulant(x, x[1], caxis=0, baxis=-1, outaxis=-1),
    "khatri_rao": lambda x: sl.khatri_rao(x, x[:2] ** 2),
    "solveh_banded": lambda x: sl.solveh_banded(x[:2] + [[0], [8]], x[2]),
    "solveh_banded lower": lambda x: sl.solveh_banded(x[:2] + [[8], [0]], x, lower=True),
    "cholesky_banded": lambda x: sl.cholesky_banded(x[:2] + [[0], [8]]),
    "cholesky_banded lower": lambda x: sl.cholesky_banded(x[:2] + [[8], [0]], lower=True),
    "cho_solve_banded lower": lambda x: sl.cho_solve_banded(
        (sl.cholesky_banded(x[:2] + [[8], [0]], lower=True), True), x[2]
    ),
    "cho_solve_banded": lambda x: sl.cho_solve_banded((x[:2] + [[0], [8]], False), x),
    "eigh_tridiagonal": lambda x: flat(
        sl.eigh_tridiagonal(x[0], x[1][:2])[0], signed(sl.eigh_tridiagonal(x[0], x[1][:2])[1])
    ),
    "eigh_tridiagonal by index": lambda x: flat(
        sl.eigh_tridiagonal(x[0], x[1][:2], select="i", select_range=(1, 2))[0],
        signed(sl.eigh_tridiagonal(x[0], x[1][:2], select="i", select_range=(1, 2))[1]),
    ),
    "eigh_tridiagonal by value": lambda x: sl.eigh_tridiagonal(
        x[0], x[1][:2], eigvals_only=True, select="v", select_range=(1.0, 9.0)
    ),
    "eigvalsh_tridiagonal": lambda x: sl.eigvalsh_tridiagonal(x[0], x[1][:2]),
    "eig_banded": lambda x: flat(sl.eig_banded(x[:2])[0], signed(sl.eig_banded(x[:2])[1])),
    "eigvals_banded": lambda x: sl.eigvals_banded(x[:2], lower=True),
    "null_space": lambda x: projector(sl.null_space(x[:2])),
    "null_space of two vectors": lambda x: projector(sl.null_space(x[:1])),
    "null_space of a singular matrix": lambda x: projector(
        sl.null_space(x - x.sum(axis=1, keepdims=True) * np.array([[0, 0, 1.0]]))
    ),
    "orth": lambda x: projector(sl.orth(x[:, :2])),
    "orth of a vector": lambda x: projector(sl.orth(x[:, :1])),
    "orth below full rank": lambda x: projector(sl.orth(x[:, :1] * x[:1])),
    "angles": lambda x: sl.subspace_angles(x[:, :1] + x[:, 1:2], B[:, :1]),
    "angles to a plane": lambda x: sl.subspace_angles(x[:, :2], B[:, :1]),
    "polar": lambda x: flat(*sl.polar(x)),
    "polar of a tall matrix": lambda x: flat(*sl.polar(x[:, :2])),
    "polar left": lambda x: flat(*sl.polar(x[:2], side="left")),
    "orthogonal_procrustes": lambda x: flat(
        *(lambda r: (r[0], np.atleast_1d(r[1])))(sl.orthogonal_procrustes(x, x @ x + B @ B.T))
    ),
    "pinvh": lambda x: sl.pinvh(x),
    "expm_frechet": lambda x: flat(*sl.expm_frechet(x / 3, x.T)),
    "fractional_matrix_power": lambda x: sl.fractional_matrix_power(x @ x.T + EYE, 0.4),
    "fractional_matrix_power varying": lambda x: sl.fractional_matrix_power(
        x @ x.T + EYE, x[0, 0] / 9
    ),
    "signm": lambda x: sl.signm(x - 2 * EYE),
    "companion": lambda x: sl.companion(x[0]),
    "leslie": lambda x: sl.leslie(x[0], x[1, :2]),
    "fiedler": lambda x: sl.fiedler(x[0]),
    "convolution_matrix": lambda x: flat(
        *[sl.convolution_matrix(x[0], 5, m) for m in ("full", "same", "valid")]
    ),
    "diagsvd": lambda x: sl.diagsvd(x[0], 3, 5),
}
COMPLEX = {
    "solve_sylvester": lambda x: sl.solve_sylvester(
        complex_of(x), complex_of(x.T @ x) + EYE, complex_of(x)
    ),
    "solve_continuous_lyapunov": lambda x: sl.solve_continuous_lyapunov(
        complex_of(x), complex_of(x.T)
    ),
    "solve_discrete_lyapunov": lambda x: sl.solve_discrete_lyapunov(
        complex_of(x) / 9, complex_of(x.T)
    ),
    "solve_continuous_are": lambda x: sl.solve_continuous_are(
        complex_of(x), complex_of(x)[:, :2], x @ x.T + EYE, EYE[:2, :2] * x[0, 0]
    ),
    "solve_toeplitz": lambda x: sl.solve_toeplitz(complex_of(x)[0] + 9, complex_of(x)[1]),
    "solveh_banded": lambda x: sl.solveh_banded(complex_of(x)[:2] + [[0], [8]], x[2]),
    "null_space": lambda x: projector(sl.null_space(complex_of(x)[:2])),
    "orth": lambda x: projector(sl.orth(complex_of(x)[:, :2])),
    "polar": lambda x: sl.polar(complex_of(x))[0],
}


@pytest.mark.filterwarnings("ignore:logm result may be inaccurate")
@pytest.mark.parametrize("name", CASES)
def test_real(name):
    judge_first(CASES[name], A3.copy())
    judge_second(CASES[name], A3.copy())


@pytest.mark.parametrize("name", COMPLEX)
def test_complex(name):
    judge_first(COMPLEX[name], A3.copy())


def test_a_stationary_distribution():
    """Of the chain that goes 0 -> 1 at rate a and back at rate b: (b, a) / (a + b)."""

    def stationary(rates):
        a, b = rates
        v = sl.null_space(np.array([[-a, a], [b, -b]]).T)[:, 0]
        return v / np.sum(v)

    a, b = 0.3, 0.8
    expected = np.array([[-b, a], [b, -a]]) / (a + b) ** 2
    for jacobian in (dm.jacobian_fwd, dm.jacobian_rev):
        np.testing.assert_allclose(jacobian(stationary, np.array([a, b])), expected, rtol=1e-13)


@pytest.mark.parametrize("name", ["null_space", "orth"])
def test_a_rank_that_changes_has_no_derivative(name):
    singular = np.outer(A3[0], A3[1])
    with pytest.raises(dm.MissingRuleError, match="the rank of the matrix changes"):
        dm.jacobian_fwd(lambda x: getattr(sl, name)(x), singular)


def test_the_basis_does_not_turn():
    n = sl.null_space(A3[:1])
    slope = dm.jacobian_fwd(lambda x: sl.null_space(x[None]), A3[0])
    np.testing.assert_allclose(np.einsum("ij,ikl->jkl", n, slope), 0.0, atol=1e-15)


def test_questions_are_answered_by_values():
    def f(x):
        assert sl.issymmetric(x @ x.T) and not sl.issymmetric(x)
        assert sl.bandwidth(np.tril(x)) == (2, 0)
        return x * 2

    np.testing.assert_array_equal(dm.jacobian_fwd(f, A3)[0, 0], [[2, 0, 0], [0] * 3, [0] * 3])


@pytest.mark.parametrize(
    ("f", "sentence"),
    [
        (lambda x: sl.polar(x[:2])[0], "polar, but not of a matrix 2 x 3"),
        (lambda x: sl.solve_circulant(x[0], x[1], singular="lstsq"), "with singular='lstsq'"),
        (lambda x: sl.null_space(x[None]), "null_space, but not of stacks"),
    ],
)
def test_uses_without_a_rule_refuse(f, sentence):
    with pytest.raises(dm.MissingRuleError) as caught:
        dm.jacobian_fwd(f, A3)
    assert sentence in str(caught.value)
