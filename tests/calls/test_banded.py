"""``sparse="banded"``: the diagonals of a Jacobian, as SciPy's banded solvers take them."""

import numba
import numpy as np
import pytest
from expecting import raises_literally

import dualmc as dm

sparse = pytest.importorskip("scipy.sparse")
linalg = pytest.importorskip("scipy.linalg")
X = np.linspace(1.0, 2.0, 7)


def stencil(u):
    """Two diagonals below the main one, one above."""
    return (
        np.concatenate([np.zeros(2), u[:-2] ** 2])
        + 3 * u
        + np.concatenate([np.sin(u[1:]), np.zeros(1)])
    )


def unpacked(J):
    """The matrix by the definition that SciPy's manual gives of `ab`."""
    n = J.ab.shape[1]
    dense = np.zeros((n, n), J.ab.dtype)
    for i in range(n):
        for j in range(max(0, i - J.lower), min(n, i + J.upper + 1)):
            dense[i, j] = J.ab[J.upper + i - j, j]
    return dense


VERBS = {
    "jacobian_fwd": dm.jacobian_fwd,
    "jacobian_rev": dm.jacobian_rev,
    "value_and_jacobian_fwd": lambda f, x, **o: dm.value_and_jacobian_fwd(f, x, **o)[1],
    "value_and_jacobian_rev": lambda f, x, **o: dm.value_and_jacobian_rev(f, x, **o)[1],
    "prepare": lambda f, x, **o: dm.prepare(f, x, **o)(x),
}
every = pytest.mark.parametrize("name", VERBS)


@every
@pytest.mark.parametrize("layout", ["numerator", "denominator"])
def test_diagonals_of_every_verb(name, layout):
    J = VERBS[name](stencil, X, sparse="banded", layout=layout)
    dense = VERBS[name](stencil, X, layout=layout)
    assert J[:2] == ((2, 1) if layout == "numerator" else (1, 2))
    np.testing.assert_array_equal(unpacked(J), dense)


@every
def test_diagonals_that_are_told(name):
    J = VERBS[name](stencil, X, sparse=("banded", 3, 2))
    assert J[:2] == (3, 2)
    assert J.ab.shape == (6, X.size)
    np.testing.assert_array_equal(unpacked(J), VERBS[name](stencil, X))


@every
@pytest.mark.parametrize("told", [("banded", 1, 1), ("banded", 2, 0), ("banded", 0, 0)])
def test_no_entry_outside_is_dropped(name, told):
    with raises_literally(ValueError, f"outside of the diagonals that sparse={told!r} tells"):
        VERBS[name](stencil, X, sparse=told)


def test_outside_zeros_go_and_nan_does_not():
    far = lambda u: u + np.append(np.zeros(6), 0.0 * u[:1])  # noqa: E731
    J = dm.jacobian_fwd(far, X, sparse=("banded", 0, 0))
    np.testing.assert_array_equal(J.ab, np.ones((1, 7)))
    broken = lambda u: u + np.append(np.zeros(6), np.nan * u[:1])  # noqa: E731
    with pytest.raises(ValueError, match=r"the entry \[6, 0\] is nan"):
        dm.jacobian_fwd(broken, X, sparse=("banded", 0, 0))


def test_solve_banded_takes_it():
    J = dm.jacobian_fwd(stencil, X, sparse="banded")
    b = np.arange(7.0)
    x = linalg.solve_banded(J[:2], J.ab, b)
    np.testing.assert_allclose(dm.jacobian_fwd(stencil, X) @ x, b, atol=1e-13)


def test_a_replay_is_packed_too():
    J = dm.prepare(stencil, X, sparse="banded")
    for x in (X, X + 1.0):
        np.testing.assert_allclose(
            unpacked(J(x)), dm.jacobian_fwd(stencil, x), rtol=1e-15, atol=1e-15
        )
    assert J.replays == 2
    with pytest.raises(NotImplementedError, match='sparse="banded" is not served'):
        J.njit()


def test_compiled_functions():
    steps = numba.njit(lambda u: u[1:] * u[:-1])
    J = dm.jacobian_fwd(steps, X, sparse="banded")
    assert J[:2] == (0, 1)
    np.testing.assert_array_equal(J.ab[1, :-1], X[1:])
    np.testing.assert_array_equal(J.ab[0, 1:], X[:-1])


def test_hessians_by_one_argument_and_by_several():
    chain = lambda u: np.sum(u[1:] * u[:-1] ** 2)  # noqa: E731
    H = dm.hessian(chain, X, sparse="banded")
    assert H[:2] == (1, 1)
    np.testing.assert_array_equal(unpacked(H), dm.hessian(chain, X))
    blocks = dm.hessian(lambda a, b: np.sum(a * b), X, X, argnums=(0, 1), sparse="banded")
    assert [[block[:2] for block in row] for row in blocks] == [[(0, 0)] * 2] * 2
    np.testing.assert_array_equal(blocks[0][1].ab, np.ones((1, 7)))


def test_structures_and_several_arguments():
    J = dm.jacobian_fwd(lambda p: {"y": p["a"] * p["b"]}, {"a": X, "b": 2 * X}, sparse="banded")
    np.testing.assert_array_equal(J["y"]["a"].ab, [2 * X])
    np.testing.assert_array_equal(J["y"]["b"].ab, [X])
    parts = dm.jacobian_fwd(lambda a, b: a * b, X, 2 * X, argnums=(0, 1), sparse="banded")
    np.testing.assert_array_equal(parts[0].ab, [2 * X])


def test_values_that_meet():
    """Where eigenvalues repeat, what is computed once more is packed like the rest."""
    eigenvalues = lambda u: np.linalg.eigvalsh(np.diag(u * u))  # noqa: E731
    x = np.array([1.0, 1.0, 2.0])
    J = dm.jacobian_fwd(eigenvalues, x, sparse="banded")
    np.testing.assert_array_equal(
        unpacked(J), dm.jacobian_fwd(eigenvalues, x, sparse=True).toarray()
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precision_and_empty_points(dtype):
    assert (
        dm.jacobian_fwd(lambda u: u * u[::-1], X.astype(dtype), sparse="banded").ab.dtype == dtype
    )
    J = dm.jacobian_fwd(lambda u: 2 * u, np.zeros(0, dtype), sparse="banded")
    assert J.ab.shape == (1, 0) and J.ab.dtype == dtype


@pytest.mark.parametrize(
    "told",
    [("banded",), ("banded", 1), ("banded", -1, 0), ("banded", 1.0, 1), ("banded", True, 1),
     ("csr", 1, 1), ["banded", 1, 1], "bands"],
)  # fmt: skip
def test_what_is_no_number_of_diagonals(told):
    with pytest.raises((TypeError, ValueError), match="sparse must be True, False or one of"):
        dm.jacobian_fwd(stencil, X, sparse=told)
