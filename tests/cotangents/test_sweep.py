"""The reverse sweep: quick or careful, numbers for equal entries, rows of the identity.

Oracles are closed forms, complex steps and central differences of the plain functions.
"""

import numpy as np
import pytest
from oracles import complex_step

import dualmc as dm
from dualmc.calls.request import Request
from dualmc.cotangents import quick_sweep, sweep
from dualmc.kernels import slot_kernels, stamped
from dualmc.passes.reverse_pass import Tape

X = np.array([0.5, 1.5, 2.5, 0.25, 0.75, 1.25])
INF, NAN = np.inf, np.nan


@pytest.fixture
def sweeps(monkeypatch):
    """The list of sweeps that are run: whether each was careful."""
    found = []
    plain = sweep.run

    def run(order, bar, lead, is_careful, *more):
        found.append(is_careful)
        return plain(order, bar, lead, is_careful, *more)

    plain_single = quick_sweep.pulled

    def pulled(output, bar, inputs):
        found.append(False)
        return plain_single(output, bar, inputs)

    monkeypatch.setattr(sweep, "run", run)
    monkeypatch.setattr(quick_sweep, "pulled", pulled)
    return found


def assert_close(expected, actual, rtol=1e-11, atol=1e-14):
    assert np.shape(expected) == np.shape(actual)
    scale = max(1.0, np.max(np.abs(expected), initial=0.0))
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol * scale)


# --- Short paths ---------------------------------------------------------------------------------

A = np.linspace(-1.0, 1.0, 18).reshape(3, 6)
B = np.cos(np.arange(12.0)).reshape(6, 2)
C = np.array([2.0, -0.5, 1.5, 3.0, 0.1, -1.0])
GRID = np.reshape
SCALARS = [
    lambda x: np.sum(x),
    lambda x: np.mean(x),
    lambda x: np.sum(x * x[::-1]),
    lambda x: np.sum(C * x) + np.sum(x * C) - np.sum(C / x) + np.sum(x / C),
    lambda x: np.sum(x / x[::-1]) / 3.0,
    lambda x: np.sum(2.0 / x) - np.sum(x / np.float64(4.0)) + 3 * np.sum(x) * np.float64(0.5),
    lambda x: np.sum(x**3) + np.sum(x**-1.5) + np.sum(2.0**x) + np.sum(x ** x[::-1]),
    lambda x: np.sum(1 - x) + np.sum(x - 1) - np.sum(C - x) + np.sum(x - C),
    lambda x: np.sum(np.exp(x)) + np.sum(np.log(x)) + np.sum(np.log1p(x)) + np.sum(np.sqrt(x)),
    lambda x: np.sum(np.sin(x)) + np.sum(np.cos(x)) + np.sum(np.tanh(x)) + np.sum(np.square(x)),
    lambda x: np.sum(np.negative(x)) + np.sum(np.positive(x)) + np.sum(np.reciprocal(x)),
    lambda x: x[0] * x[1] + x[-1] / x[2] - 3.0 * x[3] ** 2,
    lambda x: x[..., 0] * GRID(x, (2, 3))[1, ..., 2] + GRID(x, (2, 3))[0, 1] * np.sum(x[...]),
    lambda x: np.sin(x[0]) + np.exp(x[1]) * np.log(x[2]) - np.sqrt(x[3]),
    lambda x: np.sum(x[1:] * x[:-1]) + np.sum(x[::2] ** 2),
    lambda x: np.sum(x[1:][2:] * x[1:-1][:-1]),
    lambda x: np.sum(A @ x) + np.sum(x @ B) + x @ x + C @ x + x @ C,
    lambda x: np.dot(x, x) + np.dot(C, x) + np.sum(np.dot(A, x)) + np.sum(np.dot(x, B)),
    lambda x: np.sum(GRID(x, (2, 3)) @ A[:, :3]) + np.sum(A[:, :2] @ GRID(x, (2, 3))),
    lambda x: np.sum(np.tanh(GRID(x, (2, 3)) @ GRID(x, (3, 2)))),
    lambda x: np.sum(GRID(x, (3, 2)).T @ GRID(x, (3, 2)) @ x[:2]),
    lambda x: np.sum(np.matmul(GRID(x, (2, 3, 1)), GRID(x, (2, 1, 3))) * A[:, :3]),
    lambda x: np.sum(np.sum(GRID(x, (2, 3)), axis=0) ** 2),
    lambda x: np.sum(np.sum(GRID(x, (2, 3)), axis=-1, keepdims=True) * GRID(x, (2, 3))),
    lambda x: np.sum(np.mean(GRID(x, (2, 3)), axis=1) ** 3) + np.sum(np.mean(x, keepdims=True)),
    lambda x: np.sum(np.sum(np.sum(GRID(x, (1, 2, 3)), axis=2), axis=0)),
    lambda x: np.sum(np.cumsum(x) ** 2) + np.sum(np.cumsum(GRID(x, (2, 3)), axis=0) * A[:2, :3]),
    lambda x: np.sum(np.cumsum(GRID(x, (2, 3)), axis=1) ** 2) + np.sum(np.cumsum(GRID(x, (2, 3)))),
    lambda x: np.sum(np.concatenate([x, C, x[1:]]) ** 2),
    lambda x: np.sum(np.concatenate([GRID(x, (2, 3)), A[:2, :1]], axis=1) @ A[:, :4].T),
    lambda x: np.sum(np.stack([x, C, x * x], axis=1) @ A[:, :3]),
    lambda x: np.sum(np.stack([x[0], x[3] * 2.0, x[5]]) ** 2),
    lambda x: np.sum(np.concatenate([x, x])) + np.sum(np.stack([x, x])),
    lambda x: np.sum(GRID(x, (2, 3)) + x[:3]) * np.sum(x[:3] - GRID(x, (2, 3)) * x[0]),
    lambda x: np.sum(GRID(x, (2, 3)) / x[:3]) + np.sum(GRID(x, (2, 3)) / x[1]),
    lambda x: np.sum(A[:2, :3] / (1.0 + GRID(x, (2, 3))[:, :1])) + np.sum(C / x[0]),
    lambda x: np.sum(GRID(x, (6, 1)) * GRID(x, (1, 6))) + np.sum(x[:, None] * A[0]),
    lambda x: np.sum(GRID(x, (6, 1)) / GRID(x, (1, 6))) + np.sum(C * x[2]),
    lambda x: (
        np.sum(np.ravel(GRID(x, (2, 3)) * 2.0)) + np.sum(np.transpose(GRID(x, (2, 3))) * B[:3])
    ),
    lambda x: np.sum(np.broadcast_to(x, (3, 6))) + np.sum(np.repeat(x, 2)),
    lambda x: np.sum(np.einsum("ij,kj->ki", GRID(x, (2, 3)), A[:, :3]) ** 2),
    lambda x: np.sum(np.einsum("ni,nj->nij", GRID(x, (3, 2)), GRID(x, (3, 2))) * A[:2, :2]),
    lambda x: np.einsum("ij,ij->", GRID(x, (2, 3)), GRID(x * x, (2, 3))) + np.sum(x[1:][0] * x),
    lambda x: np.sum(np.linalg.solve(A[:, 3:] + np.diag(x[:3]), GRID(x, (3, 2))) ** 2),
    lambda x: np.sum(np.linalg.solve(A[:, 3:] + 2.0 * np.eye(3), x[3:]) * x[:3]),
    lambda x: np.sum(np.linalg.solve(A[:, 3:] + np.diag(x[3:]), C[:3]) ** 2),
    lambda x: np.sum(GRID(x, (2, 3))[1][1:] * GRID(x, (2, 3))[0][::-1][:2]),
]


@pytest.mark.parametrize("f", SCALARS, ids=range(len(SCALARS)))
def test_scalar_functions_are_swept_quickly(f, sweeps):
    assert_close(complex_step(f, X), dm.gradient(f, X))
    y, pullback = dm.vjp(f, X)
    assert f(X) == y
    assert_close(-2.0 * complex_step(f, X), pullback(-2.0))
    assert sweeps == [False, False]


@pytest.mark.parametrize("n", [1, 3, 16, 100])
def test_products_of_both_sweeps_have_the_same_bits(n, rng, monkeypatch):
    x, y_bar = rng.standard_normal(n), rng.standard_normal(5)
    M = rng.standard_normal((n, 5))
    functions = [
        lambda x: x @ M, lambda x: M.T @ x, lambda x: x @ np.outer(x, x[:1] * M[0]),
        lambda x: np.outer(x[0] * M[0], x) @ x,
        lambda x: np.outer(M[0], x) @ np.outer(x, x[:1])[:, 0],
        lambda x: np.dot(x, M * x[:, None]), lambda x: (x[:, None] * M).sum(axis=0),
    ]  # fmt: skip
    quick = [dm.vjp(f, x)[1](y_bar) for f in functions]
    monkeypatch.setattr(quick_sweep, "pulled", lambda *args: NotImplemented)
    for f, expected in zip(functions, quick, strict=True):
        found = dm.vjp(f, x)[1](y_bar)
        assert np.array_equal(expected, found)
        assert_close(y_bar @ dm.jacobian_fwd(f, x), found)


@pytest.mark.parametrize("f", SCALARS, ids=range(len(SCALARS)))
def test_a_careful_sweep_finds_the_same(f, monkeypatch):
    monkeypatch.setattr(sweep, "is_finite", lambda bar: False)
    monkeypatch.setattr(quick_sweep, "pulled", lambda *args: None)
    assert_close(complex_step(f, X), dm.gradient(f, X))


@pytest.mark.parametrize("f", SCALARS, ids=range(len(SCALARS)))
def test_the_sweep_that_serves_every_dtype_finds_the_same(f, sweeps, monkeypatch):
    quick = dm.gradient(f, X)
    sweeps.clear()
    monkeypatch.setattr(quick_sweep, "pulled", lambda *args: NotImplemented)
    found = dm.gradient(f, X)
    assert_close(complex_step(f, X), found)
    assert np.array_equal(quick, found)  # bit for bit
    assert sweeps == [False]


@pytest.mark.parametrize("f", SCALARS, ids=range(len(SCALARS)))
def test_rows_are_swept_together(f, sweeps):
    rows = lambda x: np.stack([f(x), f(x * x), np.sum(x) * f(1.0 + x)])  # noqa: E731
    assert_close(complex_step(rows, X), dm.jacobian_rev(rows, X))
    assert_close(complex_step(rows, X), dm.jacobian_rev(rows, X, chunk_size=2))
    assert not any(sweeps)


@pytest.mark.parametrize("f", SCALARS, ids=range(len(SCALARS)))
def test_second_derivatives_of_short_paths(f):
    expected = complex_step(lambda x: dm.gradient(f, x) if x.dtype.kind == "f" else slope(f, x), X)
    assert_close(expected, dm.hessian(f, X), rtol=1e-6, atol=1e-9)


def slope(f, z):
    """The gradient along a complex step, by central differences of it in every direction."""
    found = []
    for j in range(z.size):
        h = np.zeros(z.size)
        h[j] = 1e-5
        found.append((f(z + h) - f(z - h)) / 2e-5)
    return np.array(found)


def test_arrays_without_elements():
    assert np.array_equal(np.zeros(0), dm.gradient(lambda x: np.sum(np.ones((3, 0)) * x), []))
    assert np.array_equal(np.zeros(0), dm.gradient(lambda x: np.sum(np.ones((3, 0)) + x), []))
    assert np.array_equal(np.zeros(3), dm.gradient(lambda x: np.sum(np.ones((0, 3)) / x), X[:3]))
    assert np.array_equal(np.zeros(3), dm.gradient(lambda x: np.sum(np.ones((0, 3)) @ x), X[:3]))


@pytest.mark.parametrize("function", [np.sum, np.mean])
def test_dimensions_kept_by_an_integer(function):
    f = lambda x: np.sum(function(x, axis=1, keepdims=1) * A[:, :1])  # noqa: E731
    each = A[:, :1] / (3.0 if function is np.mean else 1.0)
    assert_close(np.broadcast_to(each, (3, 3)), dm.gradient(f, A[:, :3]))


EXTREMA = [np.max, np.min]


@pytest.mark.parametrize("function", EXTREMA)
@pytest.mark.parametrize("axis", [None, 0, 1, -1])
@pytest.mark.parametrize("keepdims", [False, True])
def test_extrema_share_ties_equally(function, axis, keepdims):
    x = np.array([[1.0, 3.0, 3.0], [3.0, -1.0, -1.0]])
    y = function(x, axis=axis, keepdims=True)
    chosen = x == y
    weights = np.cos(np.arange(y.size)).reshape(y.shape)
    expected = weights * chosen / np.sum(chosen, axis=axis, keepdims=True)
    f = lambda x: np.sum(np.ravel(weights) * np.ravel(function(x, axis=axis, keepdims=keepdims)))  # noqa: E731
    assert_close(expected, dm.gradient(f, x))


@pytest.mark.parametrize("function", EXTREMA)
def test_an_extremum_that_is_nan(function):
    x = np.array([1.0, NAN, 2.0])
    assert np.array_equal([0.0, 1.0, 0.0], dm.gradient(function, x))


def test_maximum_and_minimum_with_constants():
    z = np.array([-1.0, 0.0, 2.0, NAN])
    expected = np.array([0.0, 0.0, 1.0, NAN])
    for f in (
        lambda x: np.maximum(0, x),
        lambda x: np.maximum(x, 0.0),
        lambda x: -np.minimum(-x, 0),
    ):
        assert np.array_equal(expected, dm.gradient(lambda x, f=f: np.sum(f(x)), z), equal_nan=True)
        assert np.array_equal(expected[:3], dm.gradient(lambda x, f=f: np.sum(f(x)), z[:3]))


# --- Zeros beside infinities ---------------------------------------------------------------------

# Functions whose cotangents are exactly 0 where a factor is not finite, and their gradients.
HIDDEN = [
    (lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0)), [0.0, 4.0], [0.0, 0.25]),
    (lambda x: np.sum(np.where(x > 0, np.log(x), 0.0)), [0.0, 4.0], [0.0, 0.25]),
    (lambda x: np.sum(np.where(x > 0, 1.0 / x, 0.0)), [0.0, 4.0], [0.0, -0.0625]),
    (lambda x: np.sum(np.where(x > 0, x / x, x)), [0.0, 4.0], [1.0, 0.0]),
    (lambda x: np.sum(np.where(x > 0, x**0.5, x)), [0.0, 4.0], [1.0, 0.25]),
    (lambda x: np.sum(np.where(x > 0, x * np.array([INF, 2.0]), x))[()], [0.0, 4.0], [1.0, 2.0]),
    (lambda x: (x * np.array([INF, 2.0]))[1], [1.0, 4.0], [0.0, 2.0]),
    (lambda x: (x / np.array([0.0, 2.0]))[1], [1.0, 4.0], [0.0, 0.5]),
    (lambda x: (np.array([[INF, NAN], [2.0, 3.0]]) @ x)[1], [1.0, 4.0], [2.0, 3.0]),
    (lambda x: (x @ np.array([[INF, 2.0], [NAN, 3.0]]))[1], [1.0, 4.0], [2.0, 3.0]),
    (lambda x: (np.sqrt(x) * x[::-1])[1], [0.0, 4.0], [2.0, 0.0]),
    (lambda x: np.sum(0.0 * np.sqrt(x)), [0.0, 4.0], [0.0, 0.0]),
    (lambda x: np.sum(np.maximum(np.sqrt(x), 1.0)), [0.0, 4.0], [0.0, 0.25]),
    (lambda x: np.max(np.sqrt(x)), [0.0, 4.0], [0.0, 0.25]),
    (lambda x: np.sum(np.cumsum(np.sqrt(x[::-1]))[:1]), [0.0, 4.0], [0.0, 0.25]),
    (lambda x: np.sum(np.concatenate([np.sqrt(x), x])[1:]), [0.0, 4.0], [1.0, 1.25]),
    (lambda x: np.reshape(np.sqrt(x), (2, 1))[1, 0], [0.0, 4.0], [0.0, 0.25]),
    (lambda x: np.sum(np.stack([np.sqrt(x[0]), np.sqrt(x[1])])[1:]), [0.0, 4.0], [0.0, 0.25]),
    (lambda x: np.sum(INF * x[:1]) * 0.0 + x[1] if False else x[1] + 0.0 * np.exp(1e3 * x[0]),
     [1.0, 4.0], [0.0, 1.0]),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("f", "x", "expected"), HIDDEN, ids=range(len(HIDDEN)))
def test_a_cotangent_that_is_0_stays_0(f, x, expected):
    x = np.array(x)
    assert np.array_equal(expected, dm.gradient(f, x))
    both = lambda x: np.stack([f(x), np.sum(x)])  # noqa: E731
    assert np.array_equal([expected, [1.0, 1.0]], dm.jacobian_rev(both, x))
    assert np.array_equal([expected, [1.0, 1.0]], dm.jacobian_fwd(both, x))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_only_what_is_not_finite_is_swept_with_care(sweeps):
    dm.gradient(lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0)), [0.0, 4.0])
    assert sweeps == [False, True]
    sweeps.clear()
    assert np.array_equal([INF, 0.25], dm.gradient(lambda x: np.sum(np.sqrt(x)), [0.0, 4.0]))
    assert sweeps == [False, True]
    sweeps.clear()
    dm.gradient(lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0)), [1.0, 4.0])
    assert sweeps == [False]


def test_large_finite_gradients_are_right():
    assert np.array_equal([1e300, 1e300], dm.gradient(lambda x: np.sum(1e300 * x), [1.0, -3.0]))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_user_function_never_sees_a_nan_that_is_none():
    """A VJP that hides NaN of its own must not hide one that a quick sweep brought."""
    seen = []

    @dm.custom_jvp
    def double(a):
        return 2.0 * a

    @double.def_vjp
    def double_vjp(primals, y_bar):
        seen.append(np.array(y_bar))
        return (2.0 * np.nan_to_num(y_bar, nan=7.0),)

    f = lambda x: np.sum(np.where(x > 0, np.sqrt(double(x)), 0.0))  # noqa: E731
    assert_close([0.0, np.sqrt(2.0) / 4.0], dm.gradient(f, [0.0, 4.0]))
    assert len(seen) == 1
    assert np.isfinite(seen[0]).all()


def test_a_user_error_in_a_sweep_is_raised():
    @dm.custom_jvp
    def refusing(a):
        return 2.0 * a

    @refusing.def_vjp
    def refusing_vjp(primals, y_bar):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        dm.gradient(lambda x: np.sum(refusing(x)), [1.0, 2.0])


# --- Numbers that stand for arrays ---------------------------------------------------------------


def test_a_sum_is_swept_without_arrays_of_ones(monkeypatch):
    """The cotangent of a sum stays one number as far as element-wise steps go."""
    given = []
    plain = sweep.Sweep.full
    monkeypatch.setattr(
        sweep.Sweep, "full", lambda self, bar, var: given.append(var) or plain(self, bar, var)
    )
    assert_close(2 * X, dm.gradient(lambda x: np.sum(np.reshape(x, (2, 3)) ** 2), X))
    assert given == []


def test_elementwise_steps_launch_no_kernel(monkeypatch):
    def launched(*args):
        raise AssertionError("a kernel was launched")

    monkeypatch.setattr(slot_kernels, "scatter_add", launched)
    for name in ("multiply", "multiply_constant", "push_two"):
        monkeypatch.setattr(stamped, name, launched)
    f = lambda x: np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)  # noqa: E731
    assert_close(complex_step(f, X), dm.gradient(f, X))


@pytest.mark.parametrize("x", [2.0, [2.0], [[2.0, 3.0], [4.0, 5.0]]])
def test_the_input_itself_is_the_output_of_a_sum(x):
    for f in (lambda x: np.sum(x), lambda x: np.sum(x) + np.sum(x), lambda x: np.sum(2.0 * x)):
        g = dm.gradient(f, x)
        assert type(g) is np.ndarray
        assert g.flags.writeable
        scale = f(np.ones(()))
        assert np.array_equal(np.full(np.shape(x), scale), g)


def test_results_share_no_memory():
    f = lambda a, b, c: np.sum(a + b) + np.sum(c)  # noqa: E731
    parts = dm.gradient(f, X, X, X, argnums=(0, 1, 2))
    for i, part in enumerate(parts):
        part[...] = i
    assert [[float(i)] * 6 for i in range(3)] == [part.tolist() for part in parts]
    _, pullback = dm.vjp(lambda x: x, X)
    y_bar = np.ones(6)
    pullback(y_bar)[...] = 5.0
    assert np.array_equal(np.ones(6), y_bar)


def test_a_pullback_may_be_called_again():
    y, pullback = dm.vjp(lambda x: np.sin(x) * x[0] + x[::-1], X)
    first = pullback(C)
    assert np.array_equal(first, pullback(C))
    assert np.array_equal(2 * first, pullback(2 * C))


# --- Jacobians -----------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk_size", [None, 1, 2, 3])
@pytest.mark.parametrize("shift", [None, C[:3]])
def test_rows_of_the_identity_take_rows_of_a_matrix(chunk_size, shift):
    f = lambda x: A @ np.sin(x) if shift is None else A @ np.sin(x) + shift  # noqa: E731
    J = dm.jacobian_rev(f, X, chunk_size=chunk_size)
    assert np.array_equal(A * np.cos(X), J)
    J[...] = 0.0
    assert_close(complex_step(f, X), dm.jacobian_rev(f, X, chunk_size=chunk_size))


def test_rows_of_the_identity_are_results_of_their_own():
    W = A.copy()
    J = dm.jacobian_rev(lambda x: W @ x, X)
    J[...] = 0.0
    assert np.array_equal(A, W)


def test_a_matrix_that_is_not_finite_hides_nothing():
    W = np.array([[INF, 1.0], [2.0, 3.0]])
    expected = [[INF, 1.0], [2.0, 3.0]]
    for chunk_size in (None, 1):
        J = dm.jacobian_rev(lambda x: W @ x, np.array([1.0, 1.0]), chunk_size=chunk_size)
        assert np.array_equal(expected, J)


def test_identity_rows_of_a_matrix_used_twice():
    f = lambda x: (lambda y: y + y * y)(A @ x)  # noqa: E731
    assert_close(complex_step(f, X), dm.jacobian_rev(f, X))
    f = lambda x: A @ x + A[::-1] @ (x * x)  # noqa: E731
    assert_close(complex_step(f, X), dm.jacobian_rev(f, X, chunk_size=2))


def test_products_are_not_computed_with_the_identity(monkeypatch):
    calls = []
    plain = np.matmul
    tape = Tape(Request("test", lambda x: A @ x, (X,), 0, None, False, "numerator", False))
    monkeypatch.setattr(np, "matmul", lambda *args: calls.append(args) or plain(*args))
    (found,) = tape.pull(np.eye(3), (3,), 0)
    assert np.array_equal(A, found)
    assert calls == []


# --- Parts of arrays on a tape -------------------------------------------------------------------


def test_parts_read_before_and_after_a_write():
    def f(x):
        y = x * 1.0
        head, tail, first = y[:3], y[3:], y[0]
        before = np.sum(head * tail) + first
        y[1] = y[0] * y[5]
        head[0] = 2.0 * tail[0]
        return before + np.sum(head * tail) + first * y[0]

    def same(x):
        before = x[0] * x[3] + x[1] * x[4] + x[2] * x[5] + x[0]
        after = 2 * x[3] * x[3] + x[0] * x[5] * x[4] + x[2] * x[5]
        return before + after + x[0] * 2 * x[3]

    assert_close(complex_step(same, X), dm.gradient(f, X))


def test_a_part_of_what_carries_no_tangent_yet():
    def f(x):
        y = np.zeros(4)
        part, whole = y[1:3], y[:]
        y[2] = x[0] * x[1]
        return np.sum(part * whole[2]) + y[2]

    product = X[0] * X[1]
    expected = np.zeros(6)
    expected[:2] = (2 * product + 1) * X[1::-1]
    assert_close(expected, dm.gradient(f, X))


def test_a_number_written_over_itself():
    def f(x):
        y = np.empty_like(x)
        y[...] = x**2
        y[()] = y * x
        return np.sin(y)

    assert_close(3 * 0.7**2 * np.cos(0.7**3), dm.gradient(f, 0.7))
    second = 6 * 0.7 * np.cos(0.7**3) - 9 * 0.7**4 * np.sin(0.7**3)
    assert_close(second, dm.gradient(lambda x: dm.gradient(f, x), 0.7))
    assert_close(second, dm.hessian(f, 0.7))


def test_no_negative_zeros():
    J = dm.jacobian_rev(lambda x: x[0] * np.cos(x) - x[1] * 0.0, [1.0, 2.0])
    assert not np.any(np.signbit(J) & (J == 0))
    assert not np.signbit(dm.gradient(lambda x: -2.0 * np.sum(0.0 * x), [1.0])[0])


def test_numbers_are_kept_as_they_were():
    def f(x):
        y = x * 1.0
        a = y[0]
        b = np.exp(a) * a
        y[0] = 100.0
        return b + y[0] * x[1]

    expected = np.zeros(6)
    expected[0], expected[1] = np.exp(X[0]) * (1 + X[0]), 100.0
    assert_close(expected, dm.gradient(f, X))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_other_widths(dtype):
    x = X.astype(dtype)
    f = lambda x: np.sum(np.exp(x[1:]) / x[:-1]) + np.mean(np.reshape(x, (2, 3)) @ x[:3])  # noqa: E731
    g = dm.gradient(f, x)
    assert g.dtype == dtype
    assert_close(complex_step(f, X), g.astype(float), rtol=1e-5 if dtype == np.float32 else 1e-11)


# --- Matrix functions in one step ----------------------------------------------------------------

SPD = A[:, :3] @ A[:, :3].T + 4.0 * np.eye(3)


@pytest.mark.parametrize(
    "half_log_det",
    [
        lambda x: np.sum(np.log(np.diag(np.linalg.cholesky(SPD + np.diag(x))))),
        lambda x: 0.5 * np.linalg.slogdet(SPD + np.diag(x))[1],
        lambda x: np.log(np.prod(np.diag(np.linalg.cholesky(SPD + np.diag(x))))),
    ],
)
def test_log_determinants(half_log_det, sweeps):
    x = np.array([0.5, 1.5, 0.25])
    inverse = np.linalg.inv(SPD + np.diag(x))
    assert_close(0.5 * np.diag(inverse), dm.gradient(half_log_det, x))
    assert_close(-0.5 * inverse**2, dm.hessian(half_log_det, x))
    assert not any(sweeps)


def test_only_the_lower_triangle_is_read_by_cholesky():
    f = lambda a: np.sum(np.log(np.diag(np.linalg.cholesky(a))))  # noqa: E731
    inverse = np.linalg.inv(SPD)
    expected = np.tril(inverse, -1) + 0.5 * np.diag(np.diag(inverse))
    assert_close(expected, dm.gradient(f, SPD))
    assert_close(expected, dm.jacobian_rev(f, SPD))


def test_what_is_written_after_a_matrix_function_does_not_reach_its_derivative():
    def f(x):
        a = SPD + np.diag(x)
        y = np.linalg.solve(a, x)
        a[0, 0] = 7.0
        y[1] = 0.0
        return np.sum(y * y)

    def written(x):
        y = np.linalg.solve(SPD + np.diag(x), x)
        return y[0] ** 2 + y[2] ** 2

    x = np.array([0.5, 1.5, 0.25])
    assert_close(complex_step(written, x), dm.gradient(f, x))


def test_zeros_stay_zero_beside_an_infinite_operand_of_an_einsum(sweeps):
    big = np.array([1.0, INF])
    f = lambda x: np.einsum("i,j->ij", x, big)[1, 0]  # noqa: E731
    assert [0.0, 1.0] == dm.gradient(f, [2.0, 3.0]).tolist()
    f = lambda x: np.einsum("ij,kj->ik", np.reshape(x, (1, 2)), [[1.0, 2.0], [INF, 0.0]])[0, 0]  # noqa: E731
    assert [1.0, 2.0] == dm.gradient(f, [2.0, 3.0]).tolist()
    assert sweeps == [False, True, False, True]


# --- What results share --------------------------------------------------------------------------


def test_gradients_share_memory_with_nothing():
    w = np.array([1.0, 2.0, 3.0])
    for f in (
        lambda a, b: np.sum(w * (a + b)),
        lambda a, b: w @ (a + b),
        lambda a, b: np.sum(np.concatenate([a, b]) * np.arange(6.0)),
        lambda a, b: np.sum(np.stack([a, b])[0] * w) + 0.0 * b[0],
        lambda a, b: a[0] + b[2],
    ):
        a, b = np.ones(3), np.ones(3)
        found = dm.gradient(f, a, b, argnums=(0, 1))
        assert not np.may_share_memory(*found)
        assert not any(np.may_share_memory(g, x) for g in found for x in (a, b, w))
        assert all(g.flags.writeable and g.flags.c_contiguous for g in found)


def test_a_sum_of_mixed_precisions():
    x, y = np.array([1.0, 2.0], np.float32), np.array([3.0, 4.0])
    f = lambda x, y: np.sum(x * y) + np.sum(x + y)  # noqa: E731
    for argnums in ((0, 1), (1, 0)):
        found = dict(zip(argnums, dm.gradient(f, x, y, argnums=argnums), strict=True))
        assert_close(y + 1.0, found[0])
        assert_close(x + 1.0, found[1])


def test_infinities_that_cancel_along_a_broadcast_axis_are_not_lost():
    with np.errstate(all="ignore"):
        g = lambda a: np.add(np.zeros((2, 3)), a)  # noqa: E731
        _, pullback = dm.vjp(lambda a: np.inf * g(a), np.ones(3))
        assert np.isnan(pullback(np.array([[1.0] * 3, [-1.0] * 3]))).all()
