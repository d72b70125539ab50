"""Second order: `hessian` and `hvp` against closed forms and against plain NumPy."""

import tracemalloc

import mpmath
import numpy as np
import pytest
import scipy.sparse
from expecting import raises
from function_cases import CASES, STEP
from nested_functions import rosenbrock
from oracles import among_dummies, complex_step, differences, second_difference

import dualmc as dm

X3 = np.array([0.5, 1.5, 2.5])
A = np.random.default_rng(4).normal(size=(5, 5))


def rosenbrock_diagonals(x):
    """The main diagonal of the Hessian, and the one beside it."""
    main = np.zeros(x.size)
    main[:-1] = 1200 * x[:-1] ** 2 - 400 * x[1:] + 2
    main[1:] += 200
    return main, -400 * x[:-1]


def rosenbrock_hessian(x):
    main, beside = rosenbrock_diagonals(x)
    return np.diag(main) + np.diag(beside, 1) + np.diag(beside, -1)


# --- Closed forms --------------------------------------------------------------------------------


def softmax(x):
    return np.exp(x) / np.sum(np.exp(x))


CLOSED_FORMS = {
    "quadratic form": (lambda x: x @ A @ x / 2 + A[0] @ x, lambda x: (A + A.T) / 2),
    "log-sum-exp": (
        lambda x: np.log(np.sum(np.exp(x))),
        lambda x: np.diag(softmax(x)) - np.outer(softmax(x), softmax(x)),
    ),
    "norm": (
        lambda x: np.sqrt(x @ x),
        lambda x: np.eye(x.size) / np.sqrt(x @ x) - np.outer(x, x) / (x @ x) ** 1.5,
    ),
    "numpy's norm": (
        np.linalg.norm,
        lambda x: np.eye(x.size) / np.sqrt(x @ x) - np.outer(x, x) / (x @ x) ** 1.5,
    ),
    "variance": (np.var, lambda x: 2 / x.size * (np.eye(x.size) - 1 / x.size)),
    "sines of a matrix product": (
        lambda x: np.sum(np.sin(A @ x)),
        lambda x: -A.T @ np.diag(np.sin(A @ x)) @ A,
    ),
    "product": (
        np.prod,
        lambda x: np.prod(x) / np.outer(x, x) * (1 - np.eye(x.size)),
    ),
    "separable": (lambda x: np.sum(x**4 + np.cos(x)), lambda x: np.diag(12 * x**2 - np.cos(x))),
    "entropy": (lambda x: np.sum(x * np.log(x)), lambda x: np.diag(1 / x)),
    "linear": (lambda x: A[1] @ x, lambda x: np.zeros((x.size, x.size))),
    "constant": (lambda x: 3.0, lambda x: np.zeros((x.size, x.size))),
    "step": (lambda x: np.sum(np.floor(x)), lambda x: np.zeros((x.size, x.size))),
    "one element": (lambda x: x[1] ** 3, lambda x: np.diag([0, 6 * x[1], 0, 0, 0])),
    "rosenbrock": (rosenbrock, rosenbrock_hessian),
    "outer product": (
        lambda x: np.sum(np.outer(x, x) ** 2),
        lambda x: 4 * np.sum(x**2) * np.eye(x.size) + 8 * np.outer(x, x),
    ),
    "rectified": (
        lambda x: np.sum(np.maximum(0, x - 1.0) ** 2),
        lambda x: np.diag(2.0 * (x > 1)),
    ),
    "filled buffer": (lambda x: np.sum(filled(x)), lambda x: filled_hessian(x)),
}
X5 = np.array([0.7, 1.3, 0.4, 1.9, 1.1])


def filled(x):
    y = np.zeros_like(x)
    for i in range(x.size):
        y[i] = x[i] ** 2 * x[i - 1]
    y[0] *= 3.0
    return y


def filled_hessian(x):
    H = np.zeros((x.size, x.size))
    for i in range(x.size):
        c = 3.0 if i == 0 else 1.0
        H[i, i] += 2 * c * x[i - 1]
        H[i, i - 1] += 2 * c * x[i]
        H[i - 1, i] += 2 * c * x[i]
    return H


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_closed_forms(name):
    f, closed_form = CLOSED_FORMS[name]
    expected = closed_form(X5)
    for chunk_size in (None, 1, 2, 4, 5, 6):
        H = dm.hessian(f, X5, chunk_size=chunk_size)
        assert (5, 5) == H.shape
        np.testing.assert_allclose(H, expected, rtol=1e-12, atol=1e-13)
    H = dm.hessian(f, X5, sparse=True)
    assert isinstance(H, scipy.sparse.csr_array)
    np.testing.assert_allclose(H.toarray(), expected, rtol=1e-12, atol=1e-13)
    H = dm.hessian(f, X5, sparse=True, chunk_size=2)
    np.testing.assert_allclose(H.toarray(), expected, rtol=1e-12, atol=1e-13)
    for v in (np.eye(5)[2], np.array([1.0, -2.0, 0.5, 0.0, 3.0])):
        np.testing.assert_allclose(dm.hvp(f, X5, v), expected @ v, rtol=1e-12, atol=1e-12)


OF_FIVE = {"quadratic form", "linear", "one element", "sines of a matrix product"}


@pytest.mark.parametrize("name", [name for name in CLOSED_FORMS if name not in OF_FIVE])
def test_closed_forms_of_many_inputs(name):
    """Sparse tangents, where five inputs are dense."""
    f, closed_form = CLOSED_FORMS[name]
    x = 0.6 + 0.8 * np.cos(np.arange(40.0)) ** 2
    expected = closed_form(x)
    scale = max(1.0, np.max(np.abs(expected)))
    for H in (dm.hessian(f, x), dm.hessian(f, x, sparse=True).toarray()):
        np.testing.assert_allclose(H, expected, rtol=1e-11, atol=1e-13 * scale)
    v = np.sin(np.arange(40.0))
    np.testing.assert_allclose(dm.hvp(f, x, v), expected @ v, rtol=1e-10, atol=1e-12 * scale)


@pytest.mark.parametrize(
    ("f", "exact"),
    [
        (lambda x: np.sin(x[0] * x[1]) * x[2], lambda a, b, c: mpmath.sin(a * b) * c),
        (lambda x: x[0] ** x[1] / x[2], lambda a, b, c: a**b / c),
        (lambda x: np.arctan2(x[0], x[1] * x[2]), lambda a, b, c: mpmath.atan2(a, b * c)),
        (lambda x: np.hypot(x[0], x[1]) * np.log(x[2]), lambda a, b, c: mpmath.hypot(a, b)
         * mpmath.log(c)),
        (lambda x: np.tanh(x[0]) ** 2 * np.exp(-x[1] * x[2]), lambda a, b, c: mpmath.tanh(a) ** 2
         * mpmath.exp(-b * c)),
        (lambda x: np.logaddexp(x[0], x[1]) / np.sqrt(x[2]), lambda a, b, c: mpmath.log(
            mpmath.exp(a) + mpmath.exp(b)) / mpmath.sqrt(c)),
        (lambda x: np.expm1(x[0]) * np.log1p(x[1]) * np.cbrt(x[2]), lambda a, b, c: mpmath.expm1(a)
         * mpmath.log1p(b) * mpmath.cbrt(c)),
    ],
)  # fmt: skip
def test_in_40_digits(f, exact):
    expected = np.empty((3, 3))
    with mpmath.workdps(40):
        point = tuple(mpmath.mpf(float(v)) for v in X3)
        for i in range(3):
            for j in range(3):
                order = tuple(int(k == i) + int(k == j) for k in range(3))
                expected[i, j] = float(mpmath.diff(exact, point, order))
    np.testing.assert_allclose(dm.hessian(f, X3), expected, rtol=1e-12, atol=1e-14)


# --- Every idiom, summed up ----------------------------------------------------------------------


def is_summable(case):
    """Not a list, nor an object array of Duals: np.sin takes neither."""
    y = case.f(case.x.copy())
    return not isinstance(y, (list, tuple)) and "object" not in case.name


@pytest.mark.parametrize(
    "case", [c for c in CASES[::4] if is_summable(c)], ids=lambda case: case.name
)
def test_second_derivative_of_every_fourth_idiom(case):
    n = case.x.size
    size = max(1.0, np.max(np.abs(case.f(case.x.copy())), initial=0.0))

    def f(x):
        return np.sum(np.sin(np.real(case.f(x)) / size))

    v = np.random.default_rng(3).normal(size=case.x.shape)
    v /= np.max(np.abs(v))
    expected = second_difference(f, case.x, v)
    Hv = dm.hvp(f, case.x, v)
    assert case.x.shape == Hv.shape
    H = dm.hessian(f, case.x)
    assert case.x.shape * 2 == H.shape
    H = H.reshape(n, n)
    scale = max(1.0, np.max(np.abs(H), initial=0.0))
    np.testing.assert_allclose(H, H.T, rtol=1e-10, atol=1e-11 * scale)
    np.testing.assert_allclose(np.sum(Hv * v), expected, rtol=1e-6, atol=1e-7 * scale)
    np.testing.assert_allclose(Hv.ravel(), H @ v.ravel(), rtol=1e-9, atol=1e-11 * scale)
    g, z = among_dummies(f, case.x, 17)
    S = dm.hessian(g, z, sparse=True).toarray()
    np.testing.assert_allclose(S[:n, :n], H, rtol=1e-10, atol=1e-11 * scale)
    assert not S[n:].any()
    assert not S[:, n:].any()


@pytest.mark.parametrize(
    "case",
    [c for c in CASES if c.oracle == STEP and c.x.shape == (5,) and is_summable(c)][::6],
    ids=lambda case: case.name,
)
def test_every_entry_of_some_hessians(case):
    """Against differences of the complex step."""

    def f(x):
        return np.sum(np.sin(case.f(x) / 3.0))

    expected = differences(lambda x: complex_step(f, x), case.x, step=1e-3)
    scale = max(1.0, np.max(np.abs(expected), initial=0.0))
    np.testing.assert_allclose(dm.hessian(f, case.x), expected, rtol=1e-6, atol=1e-7 * scale)


# --- Structure -----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 5, 16, 17, 100, 1000])
def test_the_hessian_of_rosenbrock_is_tridiagonal(n):
    x = np.linspace(-1.2, 1.3, n)
    H = dm.hessian(rosenbrock, x, sparse=True)
    assert ((n, n), 3 * n - 2) == (H.shape, H.nnz)
    assert H.has_canonical_format
    rows, columns = H.nonzero()
    assert np.max(np.abs(rows - columns)) == 1
    main, beside = rosenbrock_diagonals(x)
    np.testing.assert_allclose(H.diagonal(), main, rtol=1e-13)
    np.testing.assert_allclose(H.diagonal(1), beside, rtol=1e-13)
    np.testing.assert_allclose(H.diagonal(-1), beside, rtol=1e-13)
    if n <= 100:
        assert np.array_equal(dm.hessian(rosenbrock, x), H.toarray())


def test_the_hessian_of_a_separable_function_is_diagonal():
    x = np.linspace(0.5, 1.5, 500)
    H = dm.hessian(lambda x: np.sum(np.exp(np.sin(x)) / x), x, sparse=True)
    assert 500 == H.nnz

    def slope(x):
        return np.exp(np.sin(x)) * (np.cos(x) / x - 1 / x**2)

    expected = complex_step(lambda t: slope(x + t), np.array(0.0))
    np.testing.assert_allclose(H.diagonal(), expected, rtol=1e-12)


def test_a_second_derivative_that_is_0_has_no_entry():
    x = np.linspace(0.5, 1.5, 100)
    H = dm.hessian(lambda x: np.sum(x) + x[3] * x[7], x, sparse=True)
    assert {(3, 7), (7, 3)} == set(zip(*H.nonzero(), strict=True))


def laplace_energy(u):
    """A grid: five points meet in the gradient, so that H has five diagonals."""
    return 0.5 * np.sum((u[1:] - u[:-1]) ** 2) + 0.5 * np.sum((u[:, 1:] - u[:, :-1]) ** 2)


def test_the_hessian_of_an_energy_is_the_laplacian():
    n = 20
    path = scipy.sparse.diags_array([-np.ones(n - 1), np.full(n, 2.0), -np.ones(n - 1)],
                                    offsets=[-1, 0, 1]).tolil()  # fmt: skip
    path[0, 0] = path[-1, -1] = 1.0
    eye = scipy.sparse.eye_array(n)
    expected = scipy.sparse.kron(path, eye) + scipy.sparse.kron(eye, path)
    u = np.random.default_rng(0).normal(size=(n, n))
    H = dm.hessian(lambda u: laplace_energy(u) + np.sum(u**4) / 12, u, sparse=True)
    np.testing.assert_allclose(
        H.toarray(), expected.toarray() + np.diag(u.ravel() ** 2), rtol=1e-12, atol=1e-13
    )
    assert 5 * n * n >= H.nnz


def peak(call):
    call()
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_grows_with_n():
    """A dense Hessian of 10,000 inputs would take 800 MB."""
    small, large = (
        peak(lambda n=n: dm.hessian(rosenbrock, np.linspace(-1.2, 1.3, n), sparse=True))
        for n in (1000, 10_000)
    )
    assert large < 13 * small
    assert large < 1500 * 10_000
    vector = peak(lambda: dm.hvp(rosenbrock, np.ones(10_000), np.ones(10_000)))
    assert vector < 1500 * 10_000


# --- Arguments -----------------------------------------------------------------------------------


def bilinear(a, B, c):
    return np.sum(np.sin(a) @ B) * c**2


def test_blocks_of_several_arguments():
    a, B, c = np.array([0.5, 1.5, 2.5]), np.array([[1.0, -2.0], [0.5, 0.3], [0.2, 0.7]]), 1.3
    sines, cosines = np.sin(a), np.cos(a)
    ones = np.ones(2)
    expected = {
        (0, 0): np.diag(-sines * B.sum(axis=1)) * c**2,
        (0, 1): c**2 * cosines[:, None, None] * np.eye(3)[:, :, None] * ones,
        (0, 2): 2 * c * cosines * B.sum(axis=1),
        (1, 1): np.zeros((3, 2, 3, 2)),
        (1, 2): 2 * c * np.outer(sines, ones),
        (2, 2): 2 * np.sum(sines @ B),
    }
    expected[1, 0] = np.moveaxis(expected[0, 1], 0, -1)
    expected[2, 0], expected[2, 1] = expected[0, 2], expected[1, 2]
    shapes = [(3,), (3, 2), ()]
    for argnums in [(0, 1, 2), (2, 0), (1,), (-1, 1), [0, 2]]:
        numbers = [i % 3 for i in argnums]
        for options in ({}, {"chunk_size": 1}, {"chunk_size": 4}):
            H = dm.hessian(bilinear, a, B, c, argnums=argnums, **options)
            assert tuple is type(H)
            assert [len(numbers)] * len(numbers) == [len(row) for row in H]
            for i, row in zip(numbers, H, strict=True):
                for j, block in zip(numbers, row, strict=True):
                    assert shapes[i] + shapes[j] == block.shape
                    np.testing.assert_allclose(block, expected[i, j], rtol=1e-12, atol=1e-14)
        H = dm.hessian(bilinear, a, B, c, argnums=argnums, sparse=True)
        for i, row in zip(numbers, H, strict=True):
            for j, block in zip(numbers, row, strict=True):
                size = (int(np.prod(shapes[i])), int(np.prod(shapes[j])))
                assert size == block.shape
                np.testing.assert_allclose(
                    block.toarray(), np.reshape(expected[i, j], size), rtol=1e-12, atol=1e-14
                )
    for argnum in (0, 1, 2, -1):
        H = dm.hessian(bilinear, a, B, c, argnums=argnum)
        np.testing.assert_allclose(H, expected[argnum % 3, argnum % 3], rtol=1e-12, atol=1e-14)


def test_hvp_of_several_arguments():
    a, B, c = np.array([0.5, 1.5, 2.5]), np.array([[1.0, -2.0], [0.5, 0.3], [0.2, 0.7]]), 1.3
    v, W, d = np.array([1.0, -1.0, 0.5]), np.array([[0.3, 1.0], [0.0, 2.0], [-1.0, 0.1]]), 0.7

    def slopes(t):
        """The gradient along the line, from NumPy alone."""
        a_t, B_t, c_t = a + t * v, B + t * W, c + t * d
        return np.concatenate([
            np.cos(a_t) * B_t.sum(axis=1) * c_t**2,
            (np.sin(a_t)[:, None] * np.ones(2) * c_t**2).ravel(),
            [2 * c_t * np.sum(np.sin(a_t) @ B_t)],
        ])  # fmt: skip

    expected = complex_step(slopes, np.array(0.0))
    found = dm.hvp(bilinear, (a, B, c), (v, W, d))
    assert [(3,), (3, 2), ()] == [np.shape(part) for part in found]
    flat = np.concatenate([np.ravel(part) for part in found])
    np.testing.assert_allclose(flat, expected, rtol=1e-12, atol=1e-14)
    (alone,) = dm.hvp(lambda a: bilinear(a, B, c), (a,), (v,))
    by_a = -np.sin(a) * B.sum(axis=1) * c**2 * v
    np.testing.assert_allclose(alone, by_a, rtol=1e-13)
    np.testing.assert_allclose(dm.hvp(lambda a: bilinear(a, B, c), a, v), by_a, rtol=1e-13)


@pytest.mark.parametrize("x", [2, 2.0, np.array(2.0)])
def test_scalars(x):
    H = dm.hessian(lambda x: x**3, x)
    assert (12.0, ()) == (H, np.shape(H))
    assert 36.0 == dm.hvp(lambda x: x**3, x, 3)
    assert (1, 1) == dm.hessian(lambda x: x**3, x, sparse=True).shape


def test_lists_and_integers():
    H = dm.hessian(lambda x: x[0] ** 2 * x[1], [1, 2])
    assert np.array_equal([[4.0, 2.0], [2.0, 0.0]], H)
    assert np.float64 == H.dtype
    assert np.array_equal([4.0, 2.0], dm.hvp(lambda x: x[0] ** 2 * x[1], [1, 2], [1, 0]))


def test_arrays_of_any_shape():
    x = np.linspace(0.5, 1.6, 6).reshape(2, 3)
    H = dm.hessian(lambda x: np.sum(x @ x.T), x)
    expected = 2 * np.einsum("jl,ik->ijkl", np.eye(3), np.ones((2, 2)))
    assert (2, 3, 2, 3) == H.shape
    np.testing.assert_allclose(H, expected, rtol=1e-13, atol=1e-14)
    H = dm.hessian(lambda x: np.sum(x @ x.T), x, sparse=True)
    np.testing.assert_allclose(H.toarray(), expected.reshape(6, 6), rtol=1e-13, atol=1e-14)


def test_empty_inputs():
    assert (0, 0) == dm.hessian(np.sum, np.zeros(0)).shape
    assert (0, 2, 0, 2) == dm.hessian(np.sum, np.zeros((0, 2))).shape
    assert (0,) == dm.hvp(np.sum, np.zeros(0), np.zeros(0)).shape


def test_float32_stays():
    x = X3.astype(np.float32)
    H = dm.hessian(lambda x: np.sum(x**3) * x[0], x)
    assert np.float32 == H.dtype
    exact = np.diag(6 * X3 * X3[0])
    exact[0] += 3 * X3**2
    exact[:, 0] += 3 * X3**2
    np.testing.assert_allclose(H, exact, rtol=1e-6)
    Hv = dm.hvp(lambda x: np.sum(x**3) * x[0], x, x)
    assert np.float32 == Hv.dtype
    np.testing.assert_allclose(Hv, exact @ X3, rtol=1e-6)


def test_further_arguments_go_to_f():
    H = dm.hessian(lambda x, p, name: np.sum(x**p) * len(name), X3, 3, "ab")
    np.testing.assert_allclose(H, np.diag(12 * X3), rtol=1e-14)


def test_the_callers_arrays_never_change():
    x, v = X3.copy(), np.array([1.0, 2.0, 3.0])

    def f(x):
        x *= x[0]
        x[1] += x[2] ** 2
        return np.sum(x**2)

    expected = differences(lambda x: complex_step(f, x), X3, step=1e-3)
    np.testing.assert_allclose(dm.hessian(f, x), expected, rtol=1e-7)
    np.testing.assert_allclose(dm.hvp(f, x, v), expected @ v, rtol=1e-7)
    assert np.array_equal(X3, x)
    assert np.array_equal([1.0, 2.0, 3.0], v)


def test_results_may_be_written_to():
    H = dm.hessian(lambda x: np.sum(x), X3)
    H += 1.0
    Hv = dm.hvp(lambda x: np.sum(x**2), X3, X3)
    Hv += 1.0
    first, second = dm.hvp(lambda a, b: np.sum(a * b), (X3, X3), (X3, X3))
    assert not np.may_share_memory(first, second)
    first[...] = 0.0
    assert np.array_equal(X3, second)


def test_f_is_called_once_per_chunk():
    calls = []

    def f(x):
        calls.append(1)
        return np.sum(x**3)

    dm.hessian(f, X3)
    dm.hvp(f, X3, X3)
    assert 2 == len(calls)
    dm.hessian(f, X3, chunk_size=1)
    assert 5 == len(calls)


# --- Awkward points ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (lambda x: np.sum(np.where(x > 0, x**1.5, 0.0)), [0.0, 4.0], [[0, 0], [0, 0.375]]),
        (lambda x: np.sum(np.where(x > 0, np.log(x), 0.0)), [0.0, 2.0], [[0, 0], [0, -0.25]]),
        (lambda x: np.sum(np.maximum(0, x) ** 2), [0.0, -1.0], [[np.nan, 0], [0, 0]]),
        (lambda x: np.sum(np.abs(x) * x), [0.0, -1.0], [[np.nan, 0], [0, -2]]),
        (lambda x: np.sum(x**2), [0.0, 0.0], [[2, 0], [0, 2]]),
        (lambda x: np.sum(x * x), [0.0, 0.0], [[2, 0], [0, 2]]),
        (lambda x: x[0] * x[1], [0.0, 0.0], [[0, 1], [1, 0]]),
        (np.prod, [0.0, 0.0], [[0, 1], [1, 0]]),
        (lambda x: np.sum(x**0) + np.sum(x**1.0), [0.0, 2.0], [[0, 0], [0, 0]]),
        (lambda x: np.sum(np.sinc(x)), [0.0, 0.0], -np.eye(2) * np.pi**2 / 3),
    ],
)
def test_at_kinks_and_zeros(f, x, expected):
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(dm.hessian(f, x), expected, rtol=1e-13, atol=1e-15)
        H = dm.hessian(f, x, sparse=True)
        np.testing.assert_allclose(H.toarray(), expected, rtol=1e-13, atol=1e-15)
        v = np.array([1.0, 2.0])
        np.testing.assert_allclose(dm.hvp(f, x, v), expected @ v, rtol=1e-13, atol=1e-15)


# --- Nested further ------------------------------------------------------------------------------


def test_the_derivative_of_a_hessian():
    """x0**2 x1 x2: third derivatives by hand."""
    expected = np.zeros((3, 3, 3))
    x = X3
    for i, j, k, value in [(0, 0, 1, 2 * x[2]), (0, 0, 2, 2 * x[1]), (0, 1, 2, 2 * x[0])]:
        for p in {(i, j, k), (i, k, j), (j, i, k), (j, k, i), (k, i, j), (k, j, i)}:
            expected[p] = value
    for jacobian in (dm.jacobian_fwd, dm.jacobian_rev):
        T = jacobian(lambda x: dm.hessian(lambda z: z[0] ** 2 * z[1] * z[2], x), x)
        np.testing.assert_allclose(T, expected, rtol=1e-13, atol=1e-14)
    v = np.array([1.0, -2.0, 0.5])
    for jacobian in (dm.jacobian_fwd, dm.jacobian_rev):
        M = jacobian(lambda x: dm.hvp(lambda z: z[0] ** 2 * z[1] * z[2], x, v), x)
        np.testing.assert_allclose(M, expected @ v, rtol=1e-13, atol=1e-14)


def test_newtons_method_finds_a_minimum():
    x = np.array([0.8, 0.9, 1.1, 1.2])
    for _ in range(12):
        x = x - np.linalg.solve(dm.hessian(rosenbrock, x), dm.gradient(rosenbrock, x))
    np.testing.assert_allclose(x, np.ones(4), rtol=1e-12)


# --- Wrong arguments -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "what"),
    [
        (np.sin, "f returned shape (3,)"),
        (lambda x: [x[0], x[1]], "f returned shape (2,)"),
        (lambda x: x[0] * 1j, "f returned a complex number"),
    ],
)
def test_f_must_return_a_real_scalar(f, what):
    for argnums in (0, (0,)):
        with raises(ValueError, f"hessian needs f to return a real scalar; {what}."):
            dm.hessian(f, X3, argnums=argnums)
    with raises(ValueError, f"hvp needs f to return a real scalar; {what}."):
        dm.hvp(f, X3, X3)
    with raises(ValueError, f"hvp needs f to return a real scalar; {what}."):
        dm.hvp(f, (X3,), (X3,))


def test_f_must_be_a_function():
    with raises(TypeError, "hessian needs a function as its first argument, got int."):
        dm.hessian(3, X3)
    with raises(TypeError, "hvp needs a function as its first argument, got int."):
        dm.hvp(3, X3, X3)


@pytest.mark.parametrize(
    ("primals", "tangents", "error", "sentence"),
    [
        (X3, X3[:2], ValueError, "tangents[0] has shape (2,), but primals[0] has shape (3,)."),
        ((X3,), X3, TypeError, "primals is a tuple, but tangents is not. Give both or neither."),
        (X3, (X3,), TypeError, "tangents is a tuple, but primals is not. Give both or neither."),
        ((X3,), (X3, X3), ValueError, "one tangent per primal; got 1 primals and 2 tangents."),
        ((), (), ValueError, "one tangent per primal; got 0 primals and 0 tangents."),
        (X3, 1j * X3, TypeError, "needs a real tangents[0]; got dtype complex128."),
        (1j * X3, X3, TypeError, "needs a real primals[0]; got dtype complex128."),
        (None, X3, TypeError, "needs primals[0] to be a float, a list or an array of floats"),
        (X3, "abc", TypeError, "needs tangents[0] to be a float, a list or an array of floats"),
    ],
)
def test_vectors_that_do_not_match(primals, tangents, error, sentence):
    with raises(error, sentence):
        dm.hvp(lambda *x: np.sum(x[0] ** 2), primals, tangents)


def test_an_outer_derivative_cannot_be_sparse_inside():
    with raises(TypeError, "sparse=True cannot hold the Duals of an outer derivative call."):
        dm.jacobian_fwd(lambda x: dm.hessian(rosenbrock, x, sparse=True).sum(), X3)


def test_the_call_is_named():
    with raises(TypeError, "hessian needs the point of evaluation: hessian(f, x)."):
        dm.hessian(rosenbrock)
    with raises(ValueError, "hessian: argnums=2 is out of range"):
        dm.hessian(rosenbrock, X3, argnums=2)
    with raises(ValueError, "hessian: chunk_size must be a positive int, got chunk_size=0."):
        dm.hessian(rosenbrock, X3, chunk_size=0)
    with raises(TypeError, "hessian needs x to be a float, a list or an array of floats; got str."):
        dm.hessian(rosenbrock, "abc")
    with raises(ValueError, "hvp: tangents[0] has shape (2,), but primals[0] has shape (3,)."):
        dm.hvp(rosenbrock, X3, X3[:2])
    with raises(TypeError, "hvp: primals is a tuple, but tangents is not."):
        dm.hvp(rosenbrock, (X3,), X3)
