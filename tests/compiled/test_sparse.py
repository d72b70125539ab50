"""Sparse Jacobians of compiled functions, against their Python bodies' and against closed forms."""

import warnings

import numba
import numpy as np
import pytest
from scipy import sparse

import dualmc as dm

pytestmark = pytest.mark.slow


def check(f, *args, **options):
    """The sparse Jacobian of `f`, equal to the dense one of its Python body."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        J = dm.jacobian_fwd(f, *args, sparse=True, **options)
    expected = dm.jacobian_fwd(f.py_func, *args, **options)
    pairs = zip(J, expected, strict=True) if type(J) is tuple else [(J, expected)]
    for S, D in pairs:
        compare(S, D)
    return J


def compare(S, D):
    assert type(S) is sparse.csr_array and S.has_sorted_indices
    np.testing.assert_allclose(S.toarray(), D.reshape(S.shape), rtol=1e-13, atol=1e-14)


@numba.njit
def diffusion(u):
    """Row i depends on i - 1, i, i + 1."""
    n = u.size
    out = np.empty(n)
    for i in range(n):
        left = u[i - 1] if i > 0 else 0.0
        right = u[i + 1] if i < n - 1 else 0.0
        out[i] = left - 2.0 * u[i] ** 2 + right
    return out


@pytest.mark.parametrize("n", [1, 2, 3, 64, 300, 1000])
def test_stencil(n):
    u = np.random.default_rng(n).uniform(1, 2, n)
    J = dm.jacobian_fwd(diffusion, u, sparse=True)
    ones = np.ones(max(n - 1, 0))
    expected = sparse.diags_array([ones, -4 * u, ones], offsets=[-1, 0, 1], shape=(n, n))
    assert abs(J - expected).max() < 1e-15
    assert J.nnz == 3 * n - 2


def test_stencil_at_other_values_and_formats():
    start = np.linspace(1, 2, 7)
    for u in (start, -start, 0 * start, start * np.nan):
        J = dm.jacobian_fwd(diffusion, u, sparse=True)
        np.testing.assert_array_equal(J.diagonal(), -4 * u)
        assert J.nnz == 19
    for name in ("csr", "csc", "coo"):
        J = dm.jacobian_fwd(diffusion, u, sparse=name)
        assert J.format == name
    y, J = dm.value_and_jacobian_fwd(diffusion, np.ones(3), sparse=True)
    np.testing.assert_array_equal(y, diffusion(np.ones(3)))
    np.testing.assert_array_equal(J.toarray(), [[-4, 1, 0], [1, -4, 1], [0, 1, -4]])
    J = dm.jacobian_fwd(diffusion, np.ones(3, np.float32), sparse=True)
    assert J.dtype == dm.jacobian_fwd(diffusion.py_func, np.ones(3, np.float32)).dtype
    J = dm.jacobian_fwd(diffusion, np.ones(3), sparse=True, layout="denominator")
    np.testing.assert_array_equal(J.toarray(), [[-4, 1, 0], [1, -4, 1], [0, 1, -4]])


def test_results_do_not_share_memory():
    u = np.linspace(1, 2, 5)
    J = dm.jacobian_fwd(diffusion, u, sparse=True)
    J.data[:], J.indices[:], J.indptr[:] = 0, 0, 0
    assert dm.jacobian_fwd(diffusion, u, sparse=True).nnz == 13


@numba.njit
def half(x, gain):
    return x * gain if x > 0 else x


@numba.njit
def branching(x, k, t):
    out = np.empty(x.size)
    for i in range(x.size):
        if x[i] > t:
            out[i] = x[i] ** 2 * x[(i + k) % x.size]
        else:
            out[i] = np.sin(x[i]) + half(x[int(x[0])], x[1])
    return out


def test_branches_that_change_the_pattern():
    rng = np.random.default_rng(0)
    for n in (5, 300):
        for k, t in ((1, 0.0), (2, 0.0), (2, 3.0), (1, 9.0), (1, -9.0)):
            x = rng.uniform(0, 5, n)
            x[0] = rng.integers(0, 5)
            x[1:3] *= rng.choice([-1, 1], 2)
            check(branching, x, k, t)
    x = np.array([1.0, 2, 3, 4, 5])
    for j in range(5):  # the index is read from x
        x[0] = j
        check(branching, x, 1, 9.0)
        check(branching, -x, 1, 9.0)


def test_numbers_that_are_not_differentiated_decide():
    x = np.arange(1.0, 9.0)
    for t in (0.0, 4.5, 9.0, 4.5, 2.5):
        J = dm.jacobian_fwd(branching, x, 1, t, sparse=True)
        compare(J, dm.jacobian_fwd(branching.py_func, x, 1, t))


@numba.njit
def choosing(x, y):
    """Max, min and abs choose without a branch of f's own."""
    out = np.empty((2, x.size))
    for i in range(x.size):
        out[0, i] = max(x[i], y[i - 1], 1.0) * 2.0
        out[1, i] = min(np.abs(x[i]), np.maximum(y[0], x[i - 1]))
    return out


def test_choices_have_the_pattern_of_all_choices():
    x, y = np.array([3.0, -1, 2, 5]), np.array([0.5, 3.0, -2.0, 2.5])
    first = check(choosing, x, y, argnums=(0, 1))
    second = check(choosing, y, x, argnums=(0, 1))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.indices, b.indices)
    ties = np.ones(4)
    for point in ((ties, ties), (x, x), (0 * x, 0 * x)):
        check(choosing, *point, argnums=1)


@numba.njit
def steps(x):
    """Loops that end by values, and a return between them."""
    s = 1.0
    k = 0
    while s < 100.0:
        s = s * (1.0 + abs(x[k % x.size]))
        k += 1
    if x[-1] < 0:
        return np.array([s, x[0], 0.0])
    for i in range(x.size):
        if x[i] == 0.0:
            break
        s += x[i]
    return np.array([s, x[1], x[0] * 0.0])


def test_loops_that_end_by_values():
    for x in ([5.0, 1, 2, 3], [1.0, 0.5, 0, 3], [50.0, 0, 2, 3], [1.0, 2, 3, -1], [99.0, 1, 2, 3]):
        check(steps, np.array(x))


@numba.njit
def ordered(x):
    return np.sort(x * 2.0)


def test_sort():
    try:
        dm.jit_jacobian(ordered)(np.ones(2))
    except numba.core.errors.NumbaError:
        pytest.skip("np.sort of Duals")
    for x in ([3.0, 1, 2], [1.0, 2, 3], [2.0, 2, 1], [1.0, 3, 2]):
        check(ordered, np.array(x))


@numba.njit
def cancelling(x):
    out = np.zeros(3)
    out[0] = x[0] - x[0] + x[1]
    out[1] = 0.0 * x[2]
    out[2] = out[0]
    out[2] = x[1] * x[3]
    return out


def test_entries_that_are_zero_are_stored():
    J = dm.jacobian_fwd(cancelling, np.array([1.0, 2, 3, 0]), sparse=True)
    np.testing.assert_array_equal(J.indptr, [0, 2, 3, 5])
    np.testing.assert_array_equal(J.indices, [0, 1, 2, 1, 3])
    np.testing.assert_array_equal(J.data, [0, 1, 0, 0, 2])
    reference = dm.jacobian_fwd(cancelling.py_func, np.array([1.0, 2, 3, 0]), sparse=True)
    np.testing.assert_array_equal(J.toarray(), reference.toarray())
    J = dm.jacobian_fwd(cancelling, np.array([np.inf, 2, np.inf, 1]), sparse=True)
    np.testing.assert_array_equal(J.toarray(), [[0, 1, 0, 0], [0, 0, 0, 0], [0, 1, 0, 2]])


@numba.njit
def constant(x):
    return np.arange(3.0)


@numba.njit
def nothing(x):
    return np.empty(0) + x[:0]


@numba.njit
def whole(x):
    out = np.empty(2)
    s = 0.0
    for v in x.flat:
        s += v * v
    out[0], out[1] = s, np.floor(x[0, 0])
    return out


def test_empty_and_dense_patterns():
    J = dm.jacobian_fwd(constant, np.ones(4), sparse=True)
    assert J.shape == (3, 4) and J.nnz == 0
    J = dm.jacobian_fwd(diffusion, np.ones(0), sparse=True)
    assert J.shape == (0, 0)
    for shape in ((1, 1), (3, 2), (20, 5), (30, 11)):
        x = np.random.default_rng(0).normal(size=shape)
        J = dm.jacobian_fwd(whole, x, sparse=True)
        np.testing.assert_allclose(J.toarray(), np.stack([2 * x.ravel(), 0 * x.ravel()]))
        assert J.nnz == x.size


@numba.njit
def parts(x, p, y):
    a, b = x[0] * p[0] * y, x[1] + p[-1]
    return a, b, x[0] * 1.0


def test_tuples_and_several_arguments():
    x, p = np.array([2.0, 3.0]), np.arange(1.0, 5.0)
    for numbers in (0, 1, 2, (0, 1), (1, 2), (0, 2)):
        J = dm.jacobian_fwd(parts, x, p, 1.5, argnums=numbers, sparse=True)
        D = dm.jacobian_fwd(parts.py_func, x, p, 1.5, argnums=numbers)
        for S, E in zip(*((J, D) if type(J) is tuple else ((J,), (D,))), strict=True):
            np.testing.assert_allclose(S.toarray(), E.reshape(S.shape))


@numba.njit
def dividing(x):
    out = np.empty(2)
    try:
        out[0] = 1.0 / x[0]
        out[1] = x[1]
    except Exception:
        out[0] = x[1]
        out[1] = x[2]
    return out


def test_caught_errors_decide():
    for x, expected in (
        ([2.0, 1, 1], [[-0.25, 0, 0], [0, 1, 0]]), ([0.0, 1, 1], [[0, 1, 0], [0, 0, 1]]),
        ([4.0, 1, 1], [[-0.0625, 0, 0], [0, 1, 0]]),
    ):  # fmt: skip
        J = dm.jacobian_fwd(dividing, np.array(x), sparse=True)
        np.testing.assert_array_equal(J.toarray(), expected)


@numba.njit
def windowed(x, width):
    out = np.empty(x.size)
    for i in range(x.size):
        s = 0.0
        for j in range(max(i - width, 0), min(i + width + 1, x.size)):
            s += x[j] * (j + 1)
        out[i] = s * s if x[i] > 0 else s
    if x[0] > 1:
        out[-1] += x[0]
    return out


def test_several_passes():
    """More colours than partials, for plain and for marked Duals; a second pattern hides in few."""
    for n, width in ((12, 5), (60, 11), (700, 6)):
        rng = np.random.default_rng(n)
        x = rng.normal(size=n)
        x[0] = 0.5
        check(windowed, x, width)
        x[0] = 1.5
        J = check(windowed, x, width)
        assert J[n - 1, 0] != 0


def test_argnums_in_any_order():
    x, p = np.array([2.0, 3.0]), np.arange(1.0, 5.0)
    for numbers in ((1, 0), (2, 0)):
        J = dm.jacobian_fwd(parts, x, p, 1.5, argnums=numbers, sparse=True)
        D = dm.jacobian_fwd(parts.py_func, x, p, 1.5, argnums=numbers)
        for S, E in zip(J, D, strict=True):
            compare(S, E)
