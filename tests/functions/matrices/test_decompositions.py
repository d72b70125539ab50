"""Cholesky, QR, singular values: against differences of NumPy's own output, and the conventions."""

import mpmath as mp
import numpy as np
import pytest
from matrix_judge import (
    A3,
    B3,
    STACK_SYMMETRIC,
    STACK_TALL,
    SYMMETRIC,
    TALL,
    hermitian_of,
    judge_first,
    judge_second,
    judge_sizes,
    judge_stack,
    overwriting,
)
from oracles import differences, flattened
from points import complex_of, spread

import dualmc as dm

la = np.linalg
LONG = spread(6, 2, seed=14)  # so long that LAPACK takes its other path
NEXT = TALL[:4]  # one row more than columns

CASES = {
    "cholesky": (la.cholesky, SYMMETRIC),
    "cholesky upper": (lambda x: la.cholesky(x, upper=True), SYMMETRIC),
    "cholesky of a product": (lambda x: la.cholesky(x @ x.T), A3),
    "cholesky stack": (la.cholesky, STACK_SYMMETRIC),
    "cholesky complex": (lambda x: la.cholesky(hermitian_of(x)), A3),
    "cholesky complex upper": (lambda x: la.cholesky(hermitian_of(x), upper=True), A3),
    "qr tall": (lambda x: flattened(la.qr(x)), TALL),
    "qr square": (lambda x: flattened(la.qr(x)), A3),
    "qr wide": (lambda x: flattened(la.qr(x.T)), TALL),
    "qr stack": (lambda x: flattened(la.qr(x)), STACK_TALL),
    "qr r": (lambda x: la.qr(x, "r"), TALL),
    "qr r wide": (lambda x: la.qr(x.T, "r"), TALL),
    "qr complete": (lambda x: flattened(la.qr(x, "complete")), LONG),
    "qr complete square": (lambda x: flattened(la.qr(x, "complete")), A3),
    "qr complete stack": (lambda x: flattened(la.qr(x, "complete")), STACK_TALL),
    "qr raw": (lambda x: flattened(la.qr(x, "raw")), TALL),
    "qr raw square": (lambda x: flattened(la.qr(x, "raw")), A3),
    "qr raw wide": (lambda x: flattened(la.qr(x.T, "raw")), TALL),
    "qr complex": (lambda x: flattened(la.qr(complex_of(x))), TALL),
    "qr complex square": (lambda x: flattened(la.qr(complex_of(x))), A3),
    "qr complex wide": (lambda x: flattened(la.qr(complex_of(x.T))), TALL),
    "qr complex complete": (lambda x: flattened(la.qr(complex_of(x), "complete")), TALL),
    "qr complex raw": (lambda x: flattened(la.qr(complex_of(x), "raw")), A3),
    "svd tall": (lambda x: flattened(la.svd(x, full_matrices=False)), TALL),
    "svd wide": (lambda x: flattened(la.svd(x.T, full_matrices=False)), TALL),
    "svd square": (lambda x: flattened(la.svd(x)), A3),
    "svd full by one": (lambda x: flattened(la.svd(x)), NEXT),
    "svd full by one, wide": (lambda x: flattened(la.svd(x.T)), NEXT),
    "svd stack": (lambda x: flattened(la.svd(x, False)), STACK_TALL),
    "svd values": (lambda x: la.svd(x, compute_uv=False), B3),
    "svdvals": (la.svdvals, TALL),
    "svd hermitian": (lambda x: flattened(la.svd(x, hermitian=True)), A3),
    "svd hermitian values": (lambda x: la.svd(x, hermitian=True, compute_uv=False), A3),
    "svd complex square": (lambda x: flattened(la.svd(complex_of(x))), A3),
    "svd complex tall": (lambda x: flattened(la.svd(complex_of(x), False)), NEXT),
    "svd complex wide": (lambda x: flattened(la.svd(complex_of(x.T), False)), NEXT),
    "svd complex long": (lambda x: flattened(la.svd(complex_of(x), False)), LONG),
    "svd complex long, wide": (lambda x: flattened(la.svd(complex_of(x.T), False)), LONG),
    "svd complex values": (lambda x: la.svd(complex_of(x), compute_uv=False), B3),
    "svd of lost rank put together": (
        lambda x: np.matmul(*(lambda u, s, vh: (u * s, vh * (1 + s[:, None] ** 2)))(*la.svd(x))),
        np.array([[1.0, 2.0], [2.0, 4.0]]),
    ),
    "norm 2": (lambda x: la.norm(x, 2), TALL),
    "norm -2": (lambda x: la.norm(x, -2, axis=(2, 0)), np.swapaxes(STACK_TALL, 0, 1)),
    "norm nuc": (lambda x: la.norm(x, "nuc", axis=(1, 2), keepdims=True), B3),
    "matrix_norm 2": (lambda x: la.matrix_norm(x, ord=2), B3),
    "cond": (la.cond, TALL),
    "cond -2": (lambda x: la.cond(x, -2), B3),
    "cond 1": (lambda x: la.cond(x, 1), B3),
    "cond -inf": (lambda x: la.cond(x, -np.inf), A3),
    "cond fro": (lambda x: la.cond(x, "fro"), A3),
    "cond nuc": (lambda x: la.cond(x, "nuc"), A3),
}  # fmt: skip
# The second derivative of vectors asks for that of the value 0 alone, which has a kink.
FIRST_ONLY = {"svd of lost rank put together"}


@pytest.mark.table(2)
@pytest.mark.parametrize("f, x", CASES.values(), ids=CASES)
def test_first_derivative(f, x):
    judge_first(f, x)


@pytest.mark.table(2)
@pytest.mark.parametrize(
    "f, x", [c for n, c in CASES.items() if n not in FIRST_ONLY],
    ids=[n for n in CASES if n not in FIRST_ONLY],
)  # fmt: skip
def test_second_derivative(f, x):
    judge_second(f, x)


every_mode = pytest.mark.parametrize("mode", [dm.jacobian_fwd, dm.jacobian_rev])

# --- Cholesky ------------------------------------------------------------------------------------


@every_mode
def test_cholesky_depends_on_the_triangle_that_is_read(mode):
    J = mode(la.cholesky, SYMMETRIC)
    assert not J[:, :, *np.triu_indices(3, 1)].any()
    assert not J[*np.triu_indices(3, 1)].any()
    J = mode(lambda a: la.cholesky(a, upper=True), SYMMETRIC)
    assert not J[:, :, *np.tril_indices(3, -1)].any()


@every_mode
def test_cholesky_of_the_hilbert_matrix(mode):
    n = 6
    a = 1.0 / (1.0 + np.add.outer(np.arange(n), np.arange(n)))
    J = mode(la.cholesky, a)
    with mp.workdps(60):
        h = mp.mpf(10) ** -20
        for i, j in ((0, 0), (3, 1), (5, 5)):
            ends = []
            for step in (h, -h):
                b = mp.matrix(a.tolist())
                b[i, j] += step
                b[j, i] = b[i, j]
                ends.append(mp.cholesky(b))
            expected = np.array(((ends[0] - ends[1]) / (2 * h)).tolist(), float)
            size = np.max(np.abs(expected))
            lost = la.cond(a) * np.finfo(float).eps
            np.testing.assert_allclose(J[:, :, i, j], expected, rtol=0, atol=size * lost)


@every_mode
def test_cholesky_refuses_what_numpy_refuses(mode):
    for a in ([[1.0, 2.0], [2.0, 1.0]], [[1.0, 2.0], [2.0, 4.0]]):
        with pytest.raises(la.LinAlgError, match="not positive definite"):
            mode(la.cholesky, np.array(a))


# --- QR ------------------------------------------------------------------------------------------


def test_unknown_modes_of_qr():
    with pytest.raises(ValueError, match="Unrecognized mode 'thin'"):
        dm.jacobian_fwd(lambda a: la.qr(a, "thin")[0], A3)
    with pytest.warns(DeprecationWarning, match="economic"), pytest.raises(
        dm.MissingRuleError, match="numpy.linalg.qr, but not with mode='economic'"
    ):  # fmt: skip
        dm.jacobian_fwd(lambda a: la.qr(a, "economic"), A3)


@every_mode
@pytest.mark.parametrize(
    "a", [np.ones((2, 2)), np.arange(9.0).reshape(3, 3), np.zeros((3, 2)), np.ones((4, 2))],
    ids=["ones", "rank 2 of 3", "zeros", "tall"],
)  # fmt: skip
def test_qr_of_dependent_columns_has_no_derivative(mode, a):
    q, r = mode(lambda a: la.qr(a)[0], a), mode(lambda a: la.qr(a)[1], a)
    assert np.isnan(q).all()
    upper = np.triu_indices(a.shape[1])
    assert np.isnan(r[upper]).all()
    assert not r[*np.tril_indices(a.shape[1], -1)].any()


@every_mode
def test_qr_of_one_singular_matrix_in_a_stack(mode):
    stack = np.stack([np.ones((3, 3)), A3])
    J = mode(lambda a: la.qr(a)[0], stack)
    assert np.isnan(J[0, ..., 0, :, :]).all()
    assert not J[0, ..., 1, :, :].any()
    np.testing.assert_allclose(
        J[1, ..., 1, :, :], differences(lambda a: la.qr(a)[0], A3, 2e-3), rtol=1e-8, atol=1e-9
    )


@every_mode
def test_qr_complete_where_a_column_needs_no_reflection(mode):
    """LAPACK leaves such a column its sign, and gives all its neighbours the other."""
    for of in (lambda a: la.qr(a, "complete")[0], lambda a: la.qr(a, "raw")[1]):
        assert np.isnan(mode(of, np.eye(4, 2))).all()
    # The reduced form goes on along the smooth branch: an R with a positive diagonal.
    J = mode(lambda a: la.qr(a)[1], np.triu(A3))
    np.testing.assert_allclose(
        J, differences(lambda a: la.cholesky(a.T @ a).T, np.triu(A3), 2e-3), rtol=1e-8, atol=1e-9
    )


# --- Singular values ------------------------------------------------------------------------------


@every_mode
def test_repeated_singular_values_share_their_derivative(mode):
    J = mode(la.svdvals, np.diag([2.0, 2.0, 1.0]))
    expected = [np.diag([0.5, 0.5, 0.0]), np.diag([0.5, 0.5, 0.0]), np.diag([0.0, 0.0, 1.0])]
    np.testing.assert_allclose(J, expected, atol=1e-15)
    # What treats the copies alike is smooth: here sum(s^4) = |A^T A|^2.
    a = 1.5 * la.qr(A3)[0]
    J = mode(lambda a: np.sum(la.svdvals(a) ** 4), a)
    np.testing.assert_allclose(J, 4.0 * a @ a.T @ a, rtol=1e-12)


@every_mode
def test_vectors_of_repeated_singular_values_have_no_derivative(mode):
    a = np.diag([2.0, 2.0, 1.0])
    for part in (0, 2):
        J = mode(lambda a, part=part: la.svd(a)[part], a)
        J = J if part == 0 else np.swapaxes(J, 0, 1)
        assert np.isnan(J[:, :2]).all()
        assert np.isfinite(J[:, 2]).all()


@every_mode
def test_singular_values_of_zero(mode):
    a = np.outer([1.0, 2.0, 2.0], [3.0, 4.0])
    u, v = np.array([1.0, 2.0, 2.0]) / 3.0, np.array([0.6, 0.8])
    J = mode(la.svdvals, a)
    np.testing.assert_allclose(J, [np.outer(u, v), np.zeros((3, 2))], atol=1e-14)
    np.testing.assert_allclose(mode(lambda a: la.norm(a, "nuc"), a), np.outer(u, v), atol=1e-14)
    assert not mode(lambda a: la.norm(a, 2), np.zeros((2, 3))).any()
    # The vectors of the value 0 of a tall matrix are no function of it.
    J = mode(lambda a: la.svd(a, False)[0], a)
    assert np.isnan(J[:, 1]).all()
    assert np.isfinite(J[:, 0]).all()


@every_mode
def test_full_matrices_beyond_one_more_vector_have_no_derivative(mode):
    J = mode(lambda a: la.svd(a)[0], TALL)
    assert np.isnan(J[:, 3:]).all()
    thin = mode(lambda a: la.svd(a, full_matrices=False)[0], TALL)
    np.testing.assert_allclose(J[:, :3], thin, rtol=1e-12, atol=1e-12)


@every_mode
def test_free_phases_of_complex_vectors_have_no_derivative(mode):
    a = np.diag([3.0, 2.0]).astype(complex)
    # LAPACK makes the first row real, which is 0 in one vector of either result.
    J = mode(lambda x: np.real(la.svd(x * a)[0]), np.ones((2, 2)))
    assert np.isnan(np.diag(J[0, 1])).all()
    J = mode(lambda x: np.imag(la.eigh(x * a)[1]), np.ones((2, 2)))
    assert np.isnan(np.diag(J[0, 0])).all()


@every_mode
def test_condition_of_a_singular_matrix_has_no_derivative(mode):
    for p in (None, -2, 1, "fro"):
        J = mode(lambda a, p=p: la.cond(a, p), np.ones((3, 3)))
        assert np.isnan(J).all()
    with pytest.raises(la.LinAlgError, match="empty"):
        mode(la.cond, np.zeros((0, 0)))


# --- Shapes, dtypes, structure, writes ------------------------------------------------------------

ANY = {
    "cholesky": la.cholesky,
    "qr": lambda a: la.qr(a)[0],
    "qr r": lambda a: la.qr(a, "r"),
    "svd u": lambda a: la.svd(a)[0],
    "svd vh": lambda a: la.svd(a)[2],
    "svdvals": la.svdvals,
    "norm 2": lambda a: la.norm(a, 2, axis=(-2, -1)),
    "norm nuc": lambda a: la.norm(a, "nuc", axis=(-2, -1)),
    "cond": la.cond,
}


@every_mode
@pytest.mark.parametrize("name", ANY)
def test_small_sizes_and_float32(name, mode):
    f = ANY[name]
    judge_sizes(f, mode, ((1, 1), (0, 2, 2)) if name == "cond" else ((0, 0), (1, 1), (0, 2, 2)))
    J = mode(f, SYMMETRIC.astype(np.float32))
    assert np.float32 == J.dtype
    exact = mode(f, SYMMETRIC)
    np.testing.assert_allclose(J, exact, rtol=1e-3, atol=1e-3 * np.max(np.abs(exact)))


@pytest.mark.parametrize("name", ANY)
def test_stacks_have_block_diagonal_jacobians(name):
    f = ANY[name]
    stack = np.random.default_rng(3).normal(size=(30, 3, 3))
    stack = stack @ np.swapaxes(stack, -1, -2) + np.eye(3)
    judge_stack(f, stack, is_scaled=True)


@every_mode
@pytest.mark.parametrize("name", ["cholesky", "qr", "qr r", "svd u", "svd vh", "svdvals"])
def test_later_writes_do_not_reach_the_derivative(name, mode):
    f = ANY[name]
    overwritten = overwriting(f)
    np.testing.assert_allclose(mode(overwritten, SYMMETRIC), mode(f, SYMMETRIC), atol=1e-12)
    v = np.ones_like(A3)
    nested = mode(lambda a: dm.jvp(overwritten, a, v)[1], SYMMETRIC)
    np.testing.assert_allclose(
        nested, mode(lambda a: dm.jvp(f, a, v)[1], SYMMETRIC), rtol=1e-10, atol=1e-10
    )
