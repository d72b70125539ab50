"""Systems, inverses, determinants, products: differences, closed forms, 60 digits, conventions."""

import mpmath as mp
import numpy as np
import pytest
from matrix_judge import (
    A3,
    B3,
    STACK_TALL,
    SYMMETRIC,
    TALL,
    VECTOR,
    judge_first,
    judge_second,
    judge_sizes,
    judge_stack,
    overwriting,
)
from oracles import differences, flattened
from points import complex_of

import dualmc as dm

la = np.linalg
BIG = np.arange(36.0).reshape(6, 6) % 7 + 5.0 * np.eye(6)
RANKS = {
    3: A3,
    2: np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]),
    1: np.outer([1.0, 2.0, 3.0], [1.0, 0.4, -1.0]),
    0: np.zeros((3, 3)),
}

CASES = {
    "solve": (lambda x: la.solve(x, VECTOR), A3),
    "solve right": (lambda x: la.solve(A3, x), VECTOR),
    "solve columns": (lambda x: la.solve(x, TALL.T), A3),
    "solve both": (lambda x: la.solve(x @ x + A3, x[0]), A3),
    "solve a list": (lambda x: la.solve(x, [1.0, 2, 3]), A3),
    "solve integers": (lambda x: la.solve([[2, 1, 0], [0, 3, 1], [1, 0, 4]], x), VECTOR),
    "solve stack by vector": (lambda x: la.solve(x, VECTOR), B3),
    "solve stack by stack": (lambda x: la.solve(x, x[::-1] ** 2), B3),
    "solve stack by matrix": (lambda x: la.solve(B3, x), A3),
    "solve matrix by stack": (lambda x: la.solve(A3, x), B3),
    "solve complex": (lambda x: la.solve(complex_of(x), VECTOR), A3),
    "solve no columns": (lambda x: la.solve(x, np.zeros((3, 0))), A3),
    "inv": (la.inv, A3),
    "inv stack": (la.inv, B3),
    "inv complex": (lambda x: la.inv(complex_of(x)), B3),
    "det": (la.det, A3),
    "det stack": (la.det, B3),
    "det complex": (lambda x: la.det(complex_of(x)), A3),
    "slogdet": (lambda x: la.slogdet(x)[1], A3),
    "slogdet stack": (lambda x: la.slogdet(x).logabsdet, B3),
    "slogdet complex": (lambda x: flattened(la.slogdet(complex_of(x))), A3),
    "pinv tall": (la.pinv, TALL),
    "pinv wide": (lambda x: la.pinv(x.T), TALL),
    "pinv stack": (la.pinv, STACK_TALL),
    "pinv complex": (lambda x: la.pinv(complex_of(x)), TALL),
    "pinv rtol": (lambda x: la.pinv(x, rtol=None), TALL),
    "pinv hermitian": (lambda x: la.pinv(x, hermitian=True), A3),
    "pinv cut": (lambda x: la.pinv(x, rcond=0.7), TALL),
    "pinv cut wide": (lambda x: la.pinv(x.T, rcond=0.7), TALL),
    "pinv cut complex": (lambda x: la.pinv(complex_of(x), rcond=0.5), TALL),
    "pinv lacking rank, a wide cut": (lambda x: la.pinv(x, rcond=0.1), RANKS[2]),
    "pinv of rank 1 of 2, a wide cut": (lambda x: la.pinv(x, rcond=0.1), RANKS[1][:, :2]),
    "pinv of rank 1, complex": (lambda x: la.pinv(x * (1 + 2j), rcond=0.1), RANKS[1]),
    "matrix_power 1": (lambda x: la.matrix_power(x, 1), A3),
    "matrix_power 2": (lambda x: la.matrix_power(x, 2), B3),
    "matrix_power 3": (lambda x: la.matrix_power(x, 3), A3),
    "matrix_power 6": (lambda x: la.matrix_power(x, 6) / 1e3, A3),
    "matrix_power -3": (lambda x: la.matrix_power(x, -3), SYMMETRIC),
    "multi_dot 2": (lambda x: la.multi_dot([x, x[0]]), A3),
    "multi_dot 3": (lambda x: la.multi_dot([VECTOR, x, x.T]), A3),
    "multi_dot 4": (lambda x: la.multi_dot([x, TALL.T, TALL, x.T]), A3),
    "multi_dot scalar": (lambda x: la.multi_dot([VECTOR, x.T, x, VECTOR]), A3),
    "tensorsolve": (lambda x: la.tensorsolve(x.reshape(2, 3, 6), x[:2, :3]), BIG),
    "tensorsolve axes": (lambda x: la.tensorsolve(x.reshape(6, 2, 3), x[:2, :3], axes=(0,)), BIG),
    "tensorinv": (lambda x: la.tensorinv(x.reshape(2, 3, 6)), BIG),
}  # fmt: skip


@pytest.mark.parametrize("f, x", CASES.values(), ids=CASES)
def test_first_derivative(f, x):
    judge_first(f, x)


@pytest.mark.parametrize(
    "f, x", [c for n, c in CASES.items() if "no columns" not in n],
    ids=[n for n in CASES if "no columns" not in n],
)  # fmt: skip
def test_second_derivative(f, x):
    judge_second(f, x)


# --- Determinants, of singular matrices too -------------------------------------------------------


def cofactors(a):
    n = len(a)
    return np.array(
        [
            [
                (-1) ** (i + j) * la.det(np.delete(np.delete(a, i, 0), j, 1)) if n > 1 else 1.0
                for j in range(n)
            ]
            for i in range(n)
        ]
    )


@pytest.mark.parametrize("mode", [dm.jacobian_fwd, dm.jacobian_rev])
@pytest.mark.parametrize("rank", RANKS)
def test_derivative_of_the_determinant_is_the_adjugate_at_every_rank(rank, mode):
    a = RANKS[rank]
    np.testing.assert_allclose(mode(la.det, a), cofactors(a), rtol=1e-13, atol=1e-13)
    stack = np.stack([A3, a])
    J = mode(la.det, stack)
    np.testing.assert_allclose(J[1, 1], cofactors(a), rtol=1e-13, atol=1e-13)
    assert not J[0, 1].any()


@pytest.mark.parametrize("n, rank", [(n, r) for n in (1, 2, 4, 5) for r in range(n + 1)])
def test_second_and_third_derivatives_of_the_determinant(n, rank):
    """A polynomial: differences of high order are exact up to rounding, whatever the rank."""
    rng = np.random.default_rng(10 * n + rank)
    a = rng.normal(size=(n, rank)) @ rng.normal(size=(rank, n))
    expected = differences(cofactors, a, step=0.1) if n > 1 else np.zeros((1, 1, 1, 1))
    for H in (
        dm.hessian(la.det, a),
        dm.jacobian_fwd(lambda a: dm.jacobian_fwd(la.det, a), a),
        dm.jacobian_rev(lambda a: dm.jacobian_rev(la.det, a), a),
    ):
        np.testing.assert_allclose(H, expected, rtol=1e-11, atol=1e-11)
    v = rng.normal(size=(n, n))

    def along(t):
        return la.det(a + t * v)

    third = dm.derivative(lambda t: dm.derivative(lambda t: dm.derivative(along, t), t), 0.0)
    # The cubic coefficient of det(a + t v), from its values at n + 1 points.
    points = np.linspace(-1.0, 1.0, n + 1)
    coefficients = np.polynomial.polynomial.polyfit(points, [along(t) for t in points], n)
    cubic = coefficients[3] if n >= 3 else 0.0
    np.testing.assert_allclose(third, 6.0 * cubic, rtol=1e-8, atol=1e-9)


def test_determinant_of_huge_and_tiny_scales():
    """The factors of the cofactors over- and underflow, the cofactors do not."""
    a = np.diag([1e200, 1e-150, 1e150, 1e-200])
    np.testing.assert_allclose(
        np.diag(dm.jacobian_fwd(la.det, a)), [1e-200, 1e150, 1e-150, 1e200], rtol=1e-13
    )


# --- Ill-conditioned matrices, against 60 digits --------------------------------------------------


def hilbert(n):
    return 1.0 / (1.0 + np.add.outer(np.arange(n), np.arange(n)))


def exact(a):
    return mp.matrix(a.tolist())


def rounded(a):
    return np.array(a.tolist(), float)


def error(actual, expected):
    return np.max(np.abs(actual - expected)) / np.max(np.abs(expected))


@pytest.mark.parametrize("mode", [dm.jacobian_fwd, dm.jacobian_rev])
def test_hilbert_matrix(mode):
    """The derivatives of a matrix of condition 1.5e10 lose no more digits than the values."""
    n = 8
    a, b = hilbert(n), np.sin(np.arange(1.0, n + 1))
    with mp.workdps(60):
        w = exact(a) ** -1
        x = np.array([float(v) for v in w * exact(b)])
        determinant = mp.det(exact(a))
        adjugate = rounded(w * determinant)
    w = rounded(w)
    lost = la.cond(a) * np.finfo(float).eps
    assert error(mode(lambda a: la.solve(a, b), a), -np.einsum("ij,k->ijk", w, x)) < 0.1 * lost
    assert error(mode(lambda b: la.solve(a, b), b), w) < 0.1 * lost
    assert error(mode(la.inv, a), -np.einsum("ij,kl->iljk", w, w)) < 0.1 * lost
    assert error(mode(lambda a: la.slogdet(a)[1], a), w.T) < 0.1 * lost
    assert error(mode(la.det, a), adjugate.T) < 1e-3 * lost


def test_second_derivative_of_a_nearly_singular_determinant():
    n = 8
    a = hilbert(n)
    with mp.workdps(60):
        w = exact(a) ** -1
        d = mp.det(exact(a))
        expected = [
            [[[float(d * (w[j, i] * w[m, k] - w[j, k] * w[m, i])) for m in range(n)]
              for k in range(n)] for j in range(n)] for i in range(n)
        ]  # fmt: skip
    assert error(dm.hessian(la.det, a), np.array(expected)) < 1e-10


# --- What cannot be solved, and rank --------------------------------------------------------------

SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])


@pytest.mark.parametrize("mode", [dm.jacobian_fwd, dm.jacobian_rev])
def test_singular_matrices(mode):
    for f in (
        la.inv,
        lambda a: la.solve(a, np.ones(2)),
        lambda a: la.matrix_power(a, -1),
        lambda a: la.tensorinv(a, 1),
    ):
        with pytest.raises(la.LinAlgError, match="Singular matrix"):
            mode(f, SINGULAR)
    J = mode(lambda a: la.slogdet(a)[1], np.stack([SINGULAR, A3[:2, :2]]))
    assert np.isnan(J[0, 0]).all()
    assert not J[0, 1].any()
    np.testing.assert_allclose(J[1, 1], la.inv(A3[:2, :2]).T, rtol=1e-13)


@pytest.mark.parametrize("mode", [dm.jacobian_fwd, dm.jacobian_rev])
def test_errors_are_numpys(mode):
    with pytest.raises(la.LinAlgError, match="must be square"):
        mode(la.inv, TALL)
    with pytest.raises(la.LinAlgError, match="must be square"):
        mode(lambda a: la.matrix_power(a, 2), TALL)
    with pytest.raises(TypeError, match="exponent must be an integer"):
        mode(lambda a: la.matrix_power(a, 0.5), A3)
    with pytest.raises(ValueError, match="Invalid ind argument"):
        mode(lambda a: la.tensorinv(a, 0), A3)
    with pytest.raises(la.LinAlgError, match="Input arrays must satisfy"):
        mode(lambda a: la.tensorsolve(a[:2], np.ones(2)), A3)
    with pytest.raises(ValueError, match="can't be both set"):
        mode(lambda a: la.pinv(a, 0.1, rtol=0.1), A3)


@pytest.mark.parametrize("mode", [dm.jacobian_fwd, dm.jacobian_rev])
def test_pseudo_inverse_along_matrices_that_keep_their_rank(mode):
    """The Laplacian of a graph is singular whatever its weights."""

    def laplacian(w):
        edges = np.array([[1.0, -1, 0, 0], [0, 1, -1, 0], [0, 0, 1, -1], [1, 0, 0, -1]])
        return edges.T @ (w[:, None] * edges)

    w = np.array([1.0, 2.0, 0.5, 3.0])
    expected = differences(lambda w: la.pinv(laplacian(w), rcond=1e-10), w)
    np.testing.assert_allclose(
        mode(lambda w: la.pinv(laplacian(w)), w), expected, rtol=1e-9, atol=1e-9
    )


def test_pseudo_inverse_of_zero_has_no_derivative():
    for mode in (dm.jacobian_fwd, dm.jacobian_rev):
        assert np.isnan(mode(la.pinv, np.zeros((3, 2)))).all()


def test_matrix_rank_is_a_count():
    assert la.matrix_rank(dm.Dual(SINGULAR, np.ones((2, 2)))) == 1
    assert not dm.jacobian_fwd(lambda a: a[0] * 0.0 + la.matrix_rank(a), SINGULAR).any()


# --- Shapes, dtypes, structure, writes ------------------------------------------------------------

SQUARE = {
    "solve": lambda a: la.solve(a, np.ones(a.shape[-1], a.dtype)),
    "inv": la.inv,
    "det": la.det,
    "slogdet": lambda a: la.slogdet(a)[1],
    "pinv": la.pinv,
    "matrix_power": lambda a: la.matrix_power(a, 2),
    "matrix_power 0": lambda a: la.matrix_power(a, 0),
}


@pytest.mark.parametrize("mode", [dm.jacobian_fwd, dm.jacobian_rev])
@pytest.mark.parametrize("name", SQUARE)
def test_small_sizes_and_float32(name, mode):
    f = SQUARE[name]
    judge_sizes(f, mode, ((0, 0), (1, 1)))
    if name != "solve":
        assert np.shape(f(np.zeros((0, 2, 2)))) + (0, 2, 2) == mode(f, np.zeros((0, 2, 2))).shape
    a = A3.astype(np.float32)
    J = mode(f, a)
    assert np.float32 == J.dtype
    np.testing.assert_allclose(J, mode(f, A3), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("name", SQUARE)
def test_stacks_have_block_diagonal_jacobians(name):
    f = SQUARE[name]
    stack = np.random.default_rng(3).normal(size=(30, 3, 3)) + 3.0 * np.eye(3)
    judge_stack(f, stack)


@pytest.mark.parametrize("mode", [dm.jacobian_fwd, dm.jacobian_rev])
@pytest.mark.parametrize("name", [n for n in SQUARE if n not in ("det", "slogdet")])
def test_later_writes_do_not_reach_the_derivative(name, mode):
    f = SQUARE[name]
    overwritten = overwriting(f)
    np.testing.assert_allclose(mode(overwritten, A3), mode(f, A3), rtol=1e-13, atol=1e-13)
    v = np.ones_like(A3)
    nested = mode(lambda a: dm.jvp(overwritten, a, v)[1], A3)
    np.testing.assert_allclose(
        nested, mode(lambda a: dm.jvp(f, a, v)[1], A3), rtol=1e-12, atol=1e-12
    )
