"""Factorizations, spectra, least squares and norms in compiled code."""

import numba
import numpy as np
import pytest
from compiled_judge import agrees, close, second, second_expected

import dualmc as dm

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
X = RNG.standard_normal(15)


@numba.njit
def factors(x):
    a, t = x[:9].reshape(3, 3), x[9:].reshape(3, 2)
    q, r = np.linalg.qr(a)
    q2, r2 = np.linalg.qr(t)
    q3, r3 = np.linalg.qr(t.T)
    orthogonal = (q.ravel(), q2.ravel(), q3.ravel())
    triangular = (r.ravel(), r2.ravel(), r3.ravel(), np.linalg.cholesky(a @ a.T).ravel())
    return np.concatenate(orthogonal + triangular)


@numba.njit
def spectra(x):
    a, t = x[:9].reshape(3, 3), x[9:].reshape(3, 2)
    w, v = np.linalg.eigh(a)
    u, s, vt = np.linalg.svd(a)
    u2, s2, vt2 = np.linalg.svd(t)
    u3, s3, vt3 = np.linalg.svd(t.T, False)
    vectors = (v.ravel(), u.ravel(), vt.ravel(), u2.ravel(), vt2.ravel(), u3.ravel(), vt3.ravel())
    return np.concatenate((w, np.linalg.eigvalsh(a), s, s2, s3) + vectors)


@numba.njit
def fitted(x, t0, b0):
    t, a = x[9:].reshape(3, 2), x[:9].reshape(3, 3)
    tall = np.linalg.lstsq(t, x[:3])
    wide = np.linalg.lstsq(t.T, x[:2])
    many = np.linalg.lstsq(t, a)
    data = np.linalg.lstsq(t0, x[:3])
    design = np.linalg.lstsq(t, b0)
    found = (tall[0], tall[1], tall[3], wide[0], wide[3], many[0].ravel(), many[1])
    given = (data[0], data[1], data[3], design[0], design[1])
    inverses = (np.linalg.pinv(t).ravel(), np.linalg.pinv(t.T).ravel())
    return np.concatenate(found + given + inverses)


@numba.njit
def norms(x):
    v, a = x[:4], x.reshape(2, 2)
    of_vectors = [np.linalg.norm(v), np.linalg.norm(v, 2), np.linalg.norm(v, 1)]
    of_vectors += [np.linalg.norm(v, np.inf), np.linalg.norm(v, -np.inf), np.linalg.norm(v, 3)]
    of_matrices = [np.linalg.norm(a), np.linalg.norm(a.T), np.linalg.norm(a, 2)]
    of_matrices += [np.linalg.norm(a, -2), np.linalg.norm(a, 1), np.linalg.norm(a, -1)]
    of_matrices += [np.linalg.norm(a, np.inf), np.linalg.norm(a, -np.inf)]
    return np.array(of_vectors + of_matrices)


@numba.njit
def conditions(x):
    a = x.reshape(2, 2)
    return np.array([np.linalg.cond(a), np.linalg.cond(a, -2), np.linalg.cond(a, 1)])


def test_qr_and_cholesky():
    agrees(factors, X)


def test_eigenvalues_singular_values_and_their_vectors():
    agrees(spectra, X)


def test_least_squares_and_pseudo_inverses():
    agrees(fitted, X, RNG.standard_normal((3, 2)), RNG.standard_normal(3))


def test_norms_and_condition_numbers():
    for x in (RNG.standard_normal(4), np.array([2.0, -2.0, 1.0, 0.0]), np.zeros(4)):
        agrees(norms, x)
    agrees(conditions, RNG.standard_normal(4))
    singular = dm.jit_jacobian(conditions, chunk_size=4)
    with pytest.raises(np.linalg.LinAlgError):
        singular(np.ones(4))


def test_dependent_columns_have_no_smooth_factors():
    x = X.copy()
    x[9:] = [1.0, 2.0, 2.0, 4.0, 3.0, 6.0]
    jac = dm.jit_jacobian(factors, chunk_size=4)(x)
    expected = dm.jacobian_fwd(factors.py_func, x)
    assert np.isnan(jac[9:15, 9:]).all()
    np.testing.assert_array_equal(np.isnan(jac), np.isnan(expected))


def test_values_that_meet_share_and_their_vectors_are_unknown():
    @numba.njit
    def f(x):
        w, v = np.linalg.eigh(x.reshape(2, 2))
        u, s, vt = np.linalg.svd(x.reshape(2, 2))
        return np.concatenate((w, s, v[0], u[0]))

    jac = dm.jit_jacobian(f, chunk_size=4)(np.array([2.0, 0.0, 0.0, 2.0]))
    close(jac[:4], np.tile([0.5, 0.0, 0.0, 0.5], (4, 1)))
    assert np.isnan(jac[4:, 0]).all()


def test_matrices_that_cannot_be_factored_raise_numbas_error():
    f = numba.njit(lambda x: np.linalg.cholesky(x.reshape(2, 2)))
    with pytest.raises(np.linalg.LinAlgError) as own:
        f(-np.ones(4))
    with pytest.raises(np.linalg.LinAlgError, match=str(own.value)):
        dm.jit_jacobian(f, chunk_size=4)(-np.ones(4))


def test_second_derivatives_of_a_likelihood():
    @numba.njit
    def f(x):
        a = x[:4].reshape(2, 2)
        low = np.linalg.cholesky(a @ a.T)
        return np.log(low[0, 0]) + np.log(low[1, 1]) + np.linalg.norm(x)

    x = np.array([2.0, 1.0, -0.5, 1.5])
    close(second(f, x), second_expected(f, x), 1e-11)


def test_general_eigenvalues_are_refused_when_compiled():
    f = numba.njit(lambda x: np.linalg.eigvals(x.reshape(2, 2)))
    with pytest.raises(Exception, match="np.linalg.eigvals has no compiled derivative"):
        dm.jit_jacobian(f, chunk_size=4)(np.ones(4))
