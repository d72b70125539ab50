"""Eigenvalues and vectors, roots and poly: differences of NumPy's own output, and conventions."""

import mpmath as mp
import numpy as np
import pytest
from matrix_judge import (
    A3,
    B3,
    STACK_SYMMETRIC,
    SYMMETRIC,
    VECTOR,
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
ROTATING = np.array([[1.0, -2.0, 0.5], [2.0, 1.5, 0.3], [0.2, -0.4, -1.0]])  # a conjugate pair
F4 = spread(4, 4, seed=21) + np.diag([1.0, 3.0, -2.0, 6.0])

CASES = {
    "eigh": (lambda x: flattened(la.eigh(x)), SYMMETRIC),
    "eigh upper": (lambda x: flattened(la.eigh(x, "U")), A3),
    "eigh lower case": (lambda x: flattened(la.eigh(x, UPLO="u")), A3),
    "eigh stack": (lambda x: flattened(la.eigh(x)), STACK_SYMMETRIC),
    "eigh complex": (lambda x: flattened(la.eigh(hermitian_of(x))), A3),
    "eigh complex upper": (lambda x: flattened(la.eigh(hermitian_of(x), "U")), F4),
    "eigh complex stack": (lambda x: flattened(la.eigh(hermitian_of(x))), B3),
    "eigvalsh": (la.eigvalsh, A3),
    "eigvalsh upper": (lambda x: la.eigvalsh(x, "U"), B3),
    "eigvalsh complex": (lambda x: la.eigvalsh(hermitian_of(x)), A3),
    "eig": (lambda x: flattened(la.eig(x)), F4),
    "eig pair": (lambda x: flattened(la.eig(x)), ROTATING),
    "eig stack": (lambda x: flattened(la.eig(x)), np.stack([ROTATING, A3])),
    "eig complex": (lambda x: flattened(la.eig(complex_of(x))), F4),
    "eigvals": (la.eigvals, F4),
    "eigvals pair": (la.eigvals, ROTATING),
    "eigvals stack": (la.eigvals, np.stack([ROTATING, A3])),
    "eigvals complex": (lambda x: la.eigvals(complex_of(x)), F4),
    "roots": (np.roots, np.array([1.0, -3.0, 1.0, 5.0, 0.3])),
    "roots real": (np.roots, np.array([2.0, -3.0, -1.0])),
    "roots complex": (lambda x: np.roots(complex_of(x)), np.array([1.0, -3.0, 0.7, 2.0])),
    "roots of a list": (lambda x: np.roots([x[0], 1.0, x[1] * x[2]]), np.array([1.0, -2.0, 0.7])),
    "poly": (np.poly, VECTOR),
    "poly double": (np.poly, np.array([2.0, 2.0, 2.0])),
    "poly complex": (lambda x: np.poly(complex_of(x)), VECTOR),
    "poly pair": (lambda x: np.poly(np.stack([x[0] + 1j * x[1], x[0] - 1j * x[1]])), VECTOR),
    "poly matrix": (np.poly, F4),
    "poly matrix pair": (np.poly, ROTATING),
    "poly matrix complex": (lambda x: np.poly(complex_of(x)), A3),
    "poly zero matrix": (np.poly, np.zeros((3, 3))),
}  # fmt: skip
every_mode = pytest.mark.parametrize("mode", [dm.jacobian_fwd, dm.jacobian_rev])


@pytest.mark.parametrize("f, x", [c for n, c in CASES.items() if "zero" not in n])
def test_first_derivative(f, x):
    judge_first(f, x)


@pytest.mark.parametrize(
    "f, x", [c for n, c in CASES.items() if "zero" not in n and "double" not in n]
)
def test_second_derivative(f, x):
    judge_second(f, x)


# --- Hermitian matrices --------------------------------------------------------------------------


@every_mode
def test_eigh_depends_on_the_triangle_that_is_read(mode):
    for uplo, unread in (("L", np.triu_indices(3, 1)), ("U", np.tril_indices(3, -1))):
        for f in (lambda a, u=uplo: la.eigh(a, u)[1], lambda a, u=uplo: la.eigvalsh(a, u)):
            J = mode(f, SYMMETRIC)
            assert not J[..., *unread].any()


def test_eigh_refuses_what_numpy_refuses():
    with pytest.raises(ValueError, match="UPLO argument must be 'L' or 'U'"):
        dm.jacobian_fwd(lambda a: la.eigh(a, "X")[0], A3)


@every_mode
def test_repeated_eigenvalues_share_their_derivative(mode):
    q = la.qr(A3)[0]
    a = q @ np.diag([2.0, 2.0, 5.0]) @ q.T
    J = mode(la.eigvalsh, a)
    J = (J + np.swapaxes(J, 1, 2)) / 2
    pair = q[:, :2] @ q[:, :2].T / 2
    np.testing.assert_allclose(J, [pair, pair, np.outer(q[:, 2], q[:, 2])], atol=1e-13)
    # sum(log(w)) is log det, smooth at the identity.
    J = mode(lambda a: np.sum(np.log(la.eigvalsh(a))), np.eye(4))
    np.testing.assert_allclose(J, np.eye(4), atol=1e-14)


@every_mode
def test_vectors_of_repeated_eigenvalues_have_no_derivative(mode):
    a = np.diag([2.0, 2.0, 5.0])
    J = mode(lambda a: la.eigh(a)[1], a)
    read = np.tril_indices(3)
    assert np.isnan(J[:, :2, *read]).all()
    assert np.isfinite(J[:, 2]).all()
    H = mode(lambda a: mode(la.eigvalsh, a), a)
    assert np.isnan(H[:2]).any()


@every_mode
def test_eigenvalues_of_the_hilbert_matrix(mode):
    n = 8
    a = 1.0 / (1.0 + np.add.outer(np.arange(n), np.arange(n)))
    J = mode(la.eigvalsh, a)
    J = (J + np.swapaxes(J, 1, 2)) / 2
    with mp.workdps(60):
        _, q = mp.eigsy(mp.matrix(a.tolist()))
        q = np.array(q.tolist(), float)
    np.testing.assert_allclose(J, np.einsum("is,js->sij", q, q), atol=1e-9)


# --- General matrices ----------------------------------------------------------------------------


@every_mode
@pytest.mark.parametrize(
    "a",
    [np.eye(3), np.zeros((2, 2)), [[1.0, 1.0], [0.0, 1.0]], [[3.0, 1.0], [-1.0, 1.0]]],
    ids=["identity", "zero", "Jordan block", "Jordan block, turned"],
)
def test_repeated_eigenvalues_of_a_general_matrix_have_no_derivative(mode, a):
    """NumPy splits the last one by 1e-8: its derivatives would be 1e8 instead of infinite."""
    a = np.array(a)
    for f in (la.eigvals, lambda a: la.eig(a)[0], lambda a: la.eig(a)[1]):
        for g in (np.real, np.imag) if np.iscomplexobj(f(a)) else (np.real,):
            assert np.isnan(mode(lambda a, f=f, g=g: g(f(a)), a)).all()


@every_mode
def test_a_repeated_eigenvalue_leaves_the_others_alone(mode):
    a = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.5, 0.0, 3.0]])
    w = la.eigvals(a)
    simple = int(np.argmax(w))
    assert 3.0 == w[simple]
    J = mode(la.eigvals, a)
    assert np.isnan(np.delete(J, simple, axis=0)).all()
    np.testing.assert_allclose(
        J[simple], differences(lambda a: np.max(np.real(la.eigvals(a))), a), rtol=1e-8, atol=1e-9
    )


@every_mode
def test_vectors_of_a_rotation(mode):
    """Both components are largest: the branch is the one that NumPy's own value is on."""
    a = np.array([[1.0, -2.0], [2.0, 1.0]])
    w, v = la.eig(a)
    J = mode(lambda a: flattened(la.eig(a)), a)
    w_dot = (J[:2] + 1j * J[2:4]).reshape(2, 4)
    v_dot = (J[4:8] + 1j * J[8:]).reshape(2, 2, 4)
    for k in range(4):
        a_dot = np.zeros(4)
        a_dot[k] = 1.0
        left = a_dot.reshape(2, 2) @ v + a @ v_dot[..., k]
        right = v_dot[..., k] * w + v * w_dot[:, k]
        np.testing.assert_allclose(left, right, atol=1e-14)
    np.testing.assert_allclose(np.einsum("ij,ijk->jk", v.conj(), v_dot).real, 0.0, atol=1e-15)
    assert not v_dot.imag[v.imag == 0].any()


# --- Polynomials ---------------------------------------------------------------------------------


@every_mode
def test_roots_of_wilkinsons_polynomial(mode):
    """d r / d c_i = -r^(n-i) / p'(r); the roots themselves have 9 digits."""
    n = 10
    c = np.poly(np.arange(1.0, n + 1))
    order = np.rint(np.roots(c)).astype(int).tolist()
    expected = [
        [
            float(-(mp.mpf(r) ** (n - i)) / mp.fprod(r - s for s in range(1, n + 1) if s != r))
            for i in range(n + 1)
        ]
        for r in order
    ]
    np.testing.assert_allclose(mode(np.roots, c), expected, rtol=1e-6)


@every_mode
def test_coefficients_that_are_zero_move_the_roots_too(mode):
    """NumPy strips them before it looks for roots."""
    J = mode(np.roots, np.array([1.0, -3.0, 2.0, 0.0]))  # 2, 1, 0
    np.testing.assert_allclose(
        J, [[-4.0, -2.0, -1.0, -0.5], [1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, -0.5]], atol=1e-14
    )
    J = mode(np.roots, np.array([0.0, 1.0, -3.0, 2.0]))  # 2, 1
    np.testing.assert_allclose(J, [[-8.0, -4.0, -2.0, -1.0], [1.0, 1.0, 1.0, 1.0]], atol=1e-14)
    assert (0, 2) == mode(np.roots, np.zeros(2)).shape


@every_mode
def test_multiple_roots_have_no_derivative(mode):
    for c in ([1.0, -2.0, 1.0], [1.0, -3.0, 3.0, -1.0], [1.0, 0.0, 0.0]):
        J = mode(np.roots, np.array(c))
        assert np.isnan(np.real(J)).all()
    J = mode(np.roots, np.poly([1.0, 1.0, 3.0]))
    assert 1 == np.isfinite(J).all(axis=1).sum()


@every_mode
def test_characteristic_polynomial_is_smooth_at_repeated_eigenvalues(mode):
    J = mode(np.poly, np.zeros((3, 3)))
    np.testing.assert_allclose(J, [0 * np.eye(3), -np.eye(3), 0 * np.eye(3), 0 * np.eye(3)])
    J = mode(np.poly, np.eye(2))
    np.testing.assert_allclose(J, [0 * np.eye(2), -np.eye(2), np.eye(2)])


# --- Shapes, dtypes, writes ----------------------------------------------------------------------

ANY = {
    "eigh": lambda a: la.eigh(a)[1],
    "eigvalsh": la.eigvalsh,
    "eig": lambda a: la.eig(a)[1],
    "eigvals": la.eigvals,
}


@every_mode
@pytest.mark.parametrize("name", ANY)
def test_small_sizes_and_float32(name, mode):
    f = ANY[name]
    judge_sizes(f, mode, ((0, 0), (1, 1), (0, 2, 2)))
    single = SYMMETRIC.astype(np.float32)
    J = mode(f, single)
    assert f(single).dtype == J.dtype  # complex, for eigenvalues from NumPy 2.5 on
    assert J.real.dtype == np.float32
    np.testing.assert_allclose(np.abs(J), np.abs(mode(f, SYMMETRIC)), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ANY)
def test_stacks_have_block_diagonal_jacobians(name):
    f = ANY[name]
    stack = np.random.default_rng(3).normal(size=(30, 3, 3))
    stack = stack @ np.swapaxes(stack, -1, -2) + np.diag([1.0, 3.0, 5.0])
    judge_stack(f, stack)


@every_mode
@pytest.mark.parametrize("name", ANY)
def test_later_writes_do_not_reach_the_derivative(name, mode):
    f = ANY[name]
    overwritten = overwriting(f)
    np.testing.assert_allclose(mode(overwritten, SYMMETRIC), mode(f, SYMMETRIC), atol=1e-12)
