"""scipy.linalg in code left as it is: SciPy's values, derivatives of both modes, refusals."""

import sys

import mpmath
import numpy as np
import pytest

import dualmc as dm

pytest.importorskip("scipy")

import scipy.linalg as sl
from matrix_judge import A3, SYMMETRIC, VECTOR, judge_first, judge_second
from points import complex_of
from scipy import linalg
from scipy.linalg import expm as exponential

COLUMNS = np.array([[0.3, -1.2], [0.8, 0.5], [-0.6, 1.1]])
BANDS = np.array([[0.0], [3.0], [0.0]])  # makes the middle diagonal large


def flat(*parts):
    return np.concatenate([np.ravel(part) for part in parts])


def signed(v):
    """Vectors whose sign does not jump between neighbours."""
    return v * np.sign(v[0])


CASES = {
    "solve": lambda x: sl.solve(x, x[0]),
    "solve transposed": lambda x: sl.solve(x, COLUMNS * x[0, 0], transposed=True),
    "solve pos": lambda x: sl.solve(x @ x.T, VECTOR * x[0], assume_a="pos"),
    "solve sym": lambda x: sl.solve(x, VECTOR, assume_a="sym", lower=True),
    "solve gen": lambda x: sl.solve(x, VECTOR, assume_a="gen"),
    "solve_triangular": lambda x: sl.solve_triangular(x, x[0], lower=True),
    "solve_triangular T": lambda x: sl.solve_triangular(x, x[0], trans="T", unit_diagonal=True),
    "solve_banded": lambda x: sl.solve_banded((1, 1), x + BANDS, x[0]),
    "solve_banded columns": lambda x: sl.solve_banded((1, 1), x + BANDS, x),
    "solve_banded wide": lambda x: sl.solve_banded((0, 2), x[:, ::-1] + BANDS[[1, 2, 1]], x[0]),
    "inv": sl.inv,
    "det": sl.det,
    "cholesky": lambda x: sl.cholesky(x @ x.T),
    "cholesky lower": lambda x: sl.cholesky(x @ x.T, lower=True),
    "cho_factor": lambda x: sl.cho_factor(x @ x.T)[0],
    "cho_solve": lambda x: sl.cho_solve(sl.cho_factor(x @ x.T + 0.1 * x), x[1]),
    "cho_solve lower": lambda x: sl.cho_solve(sl.cho_factor(x @ x.T, lower=True), x),
    "lu_factor": lambda x: sl.lu_factor(x[::-1])[0],
    "lu_solve": lambda x: sl.lu_solve(sl.lu_factor(x[::-1]), x[0]),
    "lu_solve transposed": lambda x: sl.lu_solve(sl.lu_factor(x[::-1]), x, trans=1),
    "lu": lambda x: np.stack(sl.lu(x[::-1])[1:]),
    "lu permuted": lambda x: np.stack(sl.lu(x[::-1], permute_l=True)),
    "lu product": lambda x: np.linalg.multi_dot(sl.lu(x[::-1])),
    "qr": lambda x: np.stack(sl.qr(x)),
    "qr economic": lambda x: flat(*sl.qr(x[:, :2], mode="economic")),
    "qr pivoting": lambda x: sl.qr(x, pivoting=True)[1],
    "qr r": lambda x: sl.qr(x[:, :2], mode="r")[0],
    "svd": lambda x: flat(*sl.svd(x)),
    "svd values": lambda x: sl.svd(x, compute_uv=False),
    "svdvals": sl.svdvals,
    "eigh": lambda x: flat(sl.eigh(x @ x.T)[0], signed(sl.eigh(x @ x.T)[1])),
    "eigh general": lambda x: flat(*sl.eigh(x @ x.T, x.T @ x + np.eye(3))),
    "eigvalsh": lambda x: sl.eigvalsh(x),
    "eigvals": lambda x: np.real(sl.eigvals(x @ x.T)),
    "eig": lambda x: np.real(signed(sl.eig(x @ x.T)[1])),
    "norm": sl.norm,
    "norm 1": lambda x: sl.norm(x, 1),
    "norm of rows": lambda x: sl.norm(x, axis=1),
    "pinv": lambda x: sl.pinv(x[:, :2]),
    "lstsq": lambda x: sl.lstsq(x[:, :2], x[:, 2])[0],
    "block_diag": lambda x: sl.block_diag(x, x[:1], x[0]),
    "toeplitz": lambda x: sl.toeplitz(x[0], x[1]),
    "toeplitz symmetric": lambda x: sl.toeplitz(x[0]),
    "hankel": lambda x: sl.hankel(x[0], x[1]),
    "hankel alone": lambda x: sl.hankel(x[0]),
    "circulant": lambda x: sl.circulant(x[0]),
    "expm": sl.expm,
    "logm": lambda x: sl.logm(x @ x.T + np.eye(3)),
    "sqrtm": lambda x: sl.sqrtm(x @ x.T + np.eye(3)),
    "sinm": sl.sinm,
    "cosm": sl.cosm,
    "sinhm": sl.sinhm,
    "tanhm": lambda x: sl.tanhm(0.1 * x),
}
COMPLEX = {
    "solve": lambda x: sl.solve(complex_of(x), VECTOR),
    "solve her": lambda x: sl.solve(complex_of(x) + 9 * np.eye(3), VECTOR, assume_a="her"),
    "inv": lambda x: sl.inv(complex_of(x)),
    "det": lambda x: sl.det(complex_of(x)),
    "cho_solve": lambda x: sl.cho_solve(sl.cho_factor(complex_of(x) + 9 * np.eye(3)), VECTOR),
    "expm": lambda x: sl.expm(0.2 * complex_of(x)),
    "sqrtm": lambda x: sl.sqrtm(complex_of(x) + 9 * np.eye(3)),
    "eigvalsh": lambda x: sl.eigvalsh(complex_of(x)),
}


@pytest.mark.filterwarnings("ignore:logm result may be inaccurate")
@pytest.mark.parametrize("name", CASES)
def test_real(name):
    judge_first(CASES[name], A3.copy())
    judge_second(CASES[name], A3.copy())


@pytest.mark.parametrize("name", COMPLEX)
def test_complex(name):
    judge_first(COMPLEX[name], A3.copy())


# --- Against mpmath ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["expm", "logm", "sqrtm"])
def test_functions_of_matrices_to_all_digits(name):
    """Central differences with 60 digits of mpmath's own function."""
    a = SYMMETRIC / 4.0 + np.array([[2.0, 0.1, 0.0], [0.0, 2.5, 0.2], [0.3, 0.0, 3.0]])
    exact = np.empty((3, 3, 3, 3))
    with mpmath.workdps(60):
        function, h = getattr(mpmath, name), mpmath.mpf(10) ** -20
        for i in range(3):
            for j in range(3):
                ends = []
                for step in (h, -h):
                    m = mpmath.matrix(a.tolist())
                    m[i, j] += step
                    ends.append(function(m))
                d = (ends[0] - ends[1]) / (2 * h)
                exact[:, :, i, j] = [
                    [float(mpmath.re(d[k, m])) for m in range(3)] for k in range(3)
                ]
    for mode in (dm.jacobian_fwd, dm.jacobian_rev):
        found = mode(lambda x: getattr(sl, name)(x), a)
        np.testing.assert_allclose(found, exact, rtol=1e-12, atol=1e-13 * np.abs(exact).max())


def test_the_exponential_of_a_defective_matrix():
    """exp([[t, 1], [0, t]]) = e^t [[1, 1], [0, 1]], whose eigenvalues repeat."""
    J = dm.jacobian_fwd(lambda t: exponential(np.array([[t, 1.0], [0.0, t]])), 0.7)
    np.testing.assert_allclose(J, np.exp(0.7) * np.array([[1, 1], [0, 1]]), rtol=1e-14, atol=1e-15)


# --- Code left as it is --------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [dm.jacobian_fwd, dm.jacobian_rev])
def test_every_way_to_import_it(mode):
    import scipy

    expected = mode(lambda x: np.linalg.solve(x, VECTOR), A3)
    for f in (
        lambda x: sl.solve(x, VECTOR),
        lambda x: linalg.solve(x, VECTOR),
        lambda x: scipy.linalg.solve(x, VECTOR),
    ):
        np.testing.assert_allclose(mode(f, A3), expected, rtol=1e-12)
    np.testing.assert_allclose(
        mode(lambda x: exponential(x)[0, 0], A3), mode(lambda x: sl.expm(x)[0, 0], A3)
    )


def test_arrays_of_the_user_are_not_overwritten():
    a, b = A3.copy(), COLUMNS.copy()
    dm.jacobian_fwd(lambda t: sl.solve(t * a, b, overwrite_a=True, overwrite_b=True), 1.0)
    dm.jacobian_fwd(lambda t: sl.lu_factor(a * t, overwrite_a=True)[0], 1.0)
    assert np.array_equal(a, A3) and np.array_equal(b, COLUMNS)


def test_constants_go_to_scipy_itself():
    """What does not depend on x keeps every option of SciPy's."""

    def f(x):
        a = np.eye(3)
        a[0, 1] = 0.5
        t, z = sl.schur(a)
        return x @ (z @ t @ z.T)

    a = np.eye(3)
    a[0, 1] = 0.5
    np.testing.assert_allclose(dm.jacobian_fwd(f, VECTOR), a.T, atol=1e-15)


@pytest.mark.parametrize("mode", [dm.jacobian_fwd, dm.jacobian_rev])
@pytest.mark.parametrize("name", ["schur", "hessenberg", "ldl", "cossin", "qz"])
def test_functions_without_a_rule_refuse(mode, name):
    function = getattr(sl, name)
    args = (A3,) if name == "qz" else ()
    with pytest.raises(dm.MissingRuleError) as caught:
        mode(lambda x: function(x, *args), A3)
    assert str(caught.value).startswith(f"dualmc has no derivative rule for scipy.linalg.{name}.")
    assert f"\n  at {__file__}" in str(caught.value)


@pytest.mark.parametrize(
    ("f", "sentence"),
    [
        (lambda x: sl.qr(x[:, :2])[0], "scipy.linalg.qr, but not of a tall matrix with"),
        (lambda x: sl.lu_factor(x[:, :2])[0], "scipy.linalg.lu_factor, but not of matrices that"),
        (lambda x: sl.eig(x, x)[0], "scipy.linalg.eig, but not with b"),
        (lambda x: sl.pinv(x, atol=0.1), "scipy.linalg.pinv, but not with atol"),
        (lambda x: sl.expm(x[None]), "scipy.linalg.expm, but not of stacks of matrices"),
        (lambda x: sl.eigh(x, type=2)[0], "scipy.linalg.eigh, but not with type"),
    ],
)
def test_uses_without_a_rule_refuse(f, sentence):
    with pytest.raises(dm.MissingRuleError) as caught:
        dm.jacobian_fwd(f, A3)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    "f", [lambda x: sl.solve(x, VECTOR), sl.inv, lambda x: sl.cholesky(x - 2 * np.eye(3))]
)
@pytest.mark.parametrize("mode", [dm.jacobian_fwd, dm.jacobian_rev])
def test_singular_matrices_raise_scipys_error(mode, f):
    with pytest.raises(np.linalg.LinAlgError):
        mode(f, np.ones((3, 3)))


@pytest.mark.parametrize("mode", [dm.jacobian_fwd, dm.jacobian_rev])
def test_vectors_of_repeated_values_have_no_derivative(mode):
    assert np.isnan(mode(lambda x: sl.eigh(x)[1], np.eye(3))).any()
    assert np.isnan(mode(lambda x: sl.svd(x)[0], np.eye(3))).any()
    trace = mode(lambda x: np.sum(sl.eigvalsh(x)), np.eye(3))
    np.testing.assert_allclose(trace, np.eye(3), atol=1e-14)


def test_the_core_does_not_import_scipy():
    import subprocess

    # Numba looks for the bare package.
    names = {"scipy.linalg", "scipy.special", "scipy.sparse"}
    code = f"import sys, dualmc; sys.exit(bool({names} & set(sys.modules)))"
    assert 0 == subprocess.run([sys.executable, "-c", code]).returncode
