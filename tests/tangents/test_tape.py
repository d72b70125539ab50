"""The tape: what is recorded, what is swept, what is kept of arrays that change, what is freed."""

import gc
import sys
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from drawn_programs import (
    actions,
    arrays_and_keys,
    play,
    points,
    programs,
    run,
    squash,
)
from function_cases import CASES, STEP
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracles import complex_step, differences

import dualmc as dm
from dualmc.calls.request import Request
from dualmc.cotangents import sweep
from dualmc.kernels import buffers
from dualmc.passes import reverse_pass
from dualmc.tangents import tape

thorough = settings(
    deadline=None,
    derandomize=True,
    max_examples=150,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
X3 = np.array([0.5, 1.5, 2.5])


def swept(f, *args):
    """The steps of the tape that a sweep of ``f(*args)`` visits, latest first."""
    argnums = tuple(range(len(args)))
    asked = Request("swept", f, args, argnums, None, False, "numerator", False)
    return reverse_pass.Tape(asked).order


def assert_close(expected, actual, rtol=1e-10, atol=1e-13):
    """Absolute differences relative to the largest entry."""
    assert np.shape(expected) == np.shape(actual)
    scale = max(1.0, np.max(np.abs(expected), initial=0.0))
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol * scale)


def judge(f, x):
    """Against the complex step of the plain program: rows together, one by one, and forward."""
    expected = complex_step(f, x)
    value = np.asarray(f(x.copy()))
    y, J = dm.value_and_jacobian_rev(f, x)
    assert np.array_equal(value, y)
    assert_close(expected, J)
    y, J = dm.value_and_jacobian_rev(f, x, chunk_size=1)
    assert np.array_equal(value, y)
    assert_close(expected, J)
    assert_close(expected, dm.jacobian_fwd(f, x))
    weights = np.cos(np.arange(value.size)).reshape(value.shape)
    total = np.tensordot(weights, expected, axes=value.ndim)
    assert_close(total, dm.gradient(lambda x: np.sum(weights * f(x)), x))


# --- Length --------------------------------------------------------------------------------------

LONG = 100_000


def repeated(step):
    def f(x):
        y = x
        for _ in range(LONG):
            y = step(y, x)
        return y

    return f


@pytest.mark.usefixtures("_uncollected")
@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (lambda y, x: y + x, LONG + 1.0),
        (lambda y, x: -y, 1.0),
        (lambda y, x: y * 1.00001, 1.00001**LONG),
    ],
)
def test_a_long_chain_does_not_recurse(step, expected):
    limit, before = sys.getrecursionlimit(), living()
    y, pullback = dm.vjp(repeated(step), np.array([0.5, 0.25]))
    np.testing.assert_allclose(pullback([1.0, -2.0]), expected * np.array([1, -2.0]), rtol=1e-9)
    del pullback  # the whole chain is freed here
    assert limit == sys.getrecursionlimit()
    assert before == living()


@pytest.mark.usefixtures("_uncollected")
def test_a_long_chain_that_leads_nowhere_is_freed():
    def f(x):
        repeated(lambda y, x: np.sin(y))(x)
        return x * 2.0

    before = living()
    assert 2.0 == dm.gradient(f, 0.5)
    assert before == living()


def test_a_long_chain_of_views():
    def f(x):
        y = x * 1.0
        for _ in range(10_000):
            y = y[::-1]
        y[0] *= x[1]
        return y

    np.testing.assert_allclose(dm.jacobian_rev(f, [2.0, 3.0]), [[3.0, 2.0], [0.0, 1.0]])


def test_a_long_chain_of_writes():
    def f(x):
        y = np.zeros_like(x)
        for i in range(10_000):
            y[i % 2] = y[i % 2] + x[0] * x[1]
        return y

    expected = 5_000 * np.array([[3.0, 2.0], [3.0, 2.0]])
    np.testing.assert_allclose(dm.jacobian_rev(f, [2.0, 3.0]), expected, rtol=1e-12)


# --- What is swept -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "steps"),
    [
        (lambda x: x, 1),
        (lambda x: np.sin(x), 2),
        (lambda x: np.sin(x) * x, 3),
        (lambda x: (np.exp(np.cos(x)), np.sin(x))[1], 2),
        (lambda x: np.ones(3) + np.sin(np.ones(3)), 0),
        (lambda x: np.floor(x) * 3, 0),
        (lambda x: x * np.sin(np.cos(np.ones(3))), 2),
    ],
)
def test_only_what_leads_from_inputs_to_outputs_is_swept(f, steps):
    assert steps == len(swept(f, X3))


def test_an_input_that_is_not_used_is_not_swept():
    order = swept(lambda a, b: np.sin(a), X3, np.ones(5))
    assert [(3,), (3,)] == [var.shape for var in order]


def test_each_step_is_swept_once_after_all_that_used_it():
    def f(x):
        y = np.sin(x)
        for _ in range(30):  # 3**30 paths
            y = y - 0.3 * y * y
        return y

    order = swept(f, np.array([0.1, 0.2]))
    assert len(order) <= 2 + 90
    assert len({var.serial for var in order}) == len(order)
    seen = set()
    for var in order:
        assert not any(parent.serial in seen for parent in var.parents)
        seen.add(var.serial)
    assert order == sweep.reachable(order[0])


# --- Fan-out -------------------------------------------------------------------------------------


def test_a_variable_used_many_times():
    def f(x):
        y = x * 2.0
        return sum(y * k for k in range(1, 101)) + y[0] * y[1] + np.sum(y)

    # y appears with the coefficients 1 + ... + 100 = 5050.
    expected = 10_100 * np.eye(3) + 2.0
    expected[:, 0] += 4 * X3[1]
    expected[:, 1] += 4 * X3[0]
    np.testing.assert_allclose(dm.jacobian_rev(f, X3), expected, rtol=1e-14)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x + x,
        lambda x: x * x,
        lambda x: x - x * 0.5 + x,
        lambda x: x / (x + x[0]),
        lambda x: x**x,
        lambda x: np.stack([x, x, x]),
        lambda x: np.concatenate([x, x[::-1], x]),
        lambda x: np.outer(x, x) @ x,
        lambda x: np.einsum("i,j,k->ijk", x, x, x),
        lambda x: np.convolve(x, x),
        lambda x: x @ x * x,
        lambda x: x[[0, 0, 1]] * x[[2, 0, 0]],
        lambda x: np.where([True, False, True], x, x[::-1]) * x,
        lambda x: np.cumsum(x) * np.cumprod(x),
        lambda x: np.kron(x, x),
    ],
)
def test_both_operands_are_one_variable(f):
    judge(f, X3)


# A 0-d array takes the place of NumPy's scalars, which arithmetic makes of it: what was used first
# adds to what a later use left behind.
ENLARGED = {
    "reshape": lambda x: np.reshape(x, (1,)),
    "newaxis": lambda x: x[None, None],
    "ellipsis": lambda x: x[...],
    "empty index": lambda x: x[()],
    "broadcast_to": lambda x: np.broadcast_to(x, (2, 3)),
    "take": lambda x: np.take(x, [0, 0, 0]),
    "repeat": lambda x: np.repeat(x, 3),
    "tile": lambda x: np.tile(x, 2),
    "ravel": lambda x: np.ravel(x),
    "atleast_2d": lambda x: np.atleast_2d(x),
    "expand_dims": lambda x: np.expand_dims(x, 0),
    "concatenate": lambda x: np.concatenate([x.reshape(1), np.ones(1)]),
    "stack": lambda x: np.stack([x, x]),
    "outer": lambda x: np.outer(x, [1.0, 2.0]),
    "pad": lambda x: np.pad(x.reshape(1), 2),
    "full": lambda x: np.full_like(x, 2.0, shape=(2,)) * x,
    "max": lambda x: np.max(x),
    "sort": lambda x: np.sort(x.reshape(1)),
    "sum": lambda x: np.sum(x),
    "where": lambda x: np.where([True, False], x, 0.0),
    "plus array": lambda x: x + np.ones(3),
    "matmul": lambda x: np.ones((2, 1)) @ x.reshape(1),
    "real": lambda x: np.real(x),
    "copy": lambda x: x.copy(),
    "mask": lambda x: x[True],
}


@pytest.mark.parametrize("name", ENLARGED)
def test_a_scalar_used_as_an_array_and_then_as_a_number(name):
    enlarge, x = ENLARGED[name], 0.7
    count = float(differences(lambda x: np.sum(enlarge(x)), np.array(x)))

    def array_first(x):
        return np.sum(enlarge(x)) + x * x * x + 2.0 * x

    def number_first(x):
        cube = x * x * x + 2.0 * x
        return np.sum(enlarge(x)) + cube

    def in_between(x):
        y = np.sin(x)
        array = enlarge(y)
        return y * y * y + np.sum(array)

    for f in (array_first, number_first):
        np.testing.assert_allclose(dm.gradient(f, x), 3 * x * x + 2 + count, rtol=1e-12)
        J = dm.jacobian_rev(lambda x, f=f: [f(x), x], x)
        np.testing.assert_allclose(J, [3 * x * x + 2 + count, 1.0], rtol=1e-12)
    expected = (3 * np.sin(x) ** 2 + count) * np.cos(x)
    np.testing.assert_allclose(dm.gradient(in_between, x), expected, rtol=1e-12)
    # The same for one element of a larger array.
    g = dm.gradient(lambda x: array_first(x[1]), [0.3, x])
    np.testing.assert_allclose(g, [0.0, 3 * x * x + 2 + count], rtol=1e-12)


# --- Broadcasting --------------------------------------------------------------------------------

SHAPES = [(), (1,), (3,), (1, 1), (2, 1), (1, 3), (2, 3), (4, 1, 3), (4, 2, 1), (1, 1, 1)]


@pytest.mark.parametrize("left", SHAPES, ids=str)
@pytest.mark.parametrize("right", SHAPES, ids=str)
def test_broadcasting(left, right):
    m, n = int(np.prod(left)), int(np.prod(right))
    x = squash(np.arange(m + n))

    def f(x):
        a, b = x[:m].reshape(left), x[m:].reshape(right)
        return (a * b + a / b - b) ** 2 + np.where(b.real > 1.5, a, b)

    judge(f, x)
    a, b = x[:m].reshape(left), x[m:].reshape(right)
    by_a, by_b = dm.gradient(lambda a, b: np.sum(np.sin(a) ** b), a, b, argnums=(0, 1))
    assert (left, right) == (np.shape(by_a), np.shape(by_b))
    assert_close(complex_step(lambda a: np.sum(np.sin(a) ** b), a), by_a)
    assert_close(complex_step(lambda b: np.sum(np.sin(a) ** b), b), by_b)


# --- Awkward points (DESIGN, section 5) ----------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        # a tangent that is exactly 0 stays 0
        (lambda x: np.where(x > 0, np.sqrt(x), 0.0), 0.0, 0.0),
        (lambda x: np.where(x > 0, np.log(x), 0.0), 0.0, 0.0),
        (lambda x: np.where(x > 0, 1 / x, x), 0.0, 1.0),
        (lambda x: np.where(x != 0, np.sin(x) / x, 1.0), 0.0, 0.0),
        (lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0)), [0.0, 4.0], [0.0, 0.25]),
        (lambda x: np.sqrt(x)[1:], [0.0, 4.0], [[0.0, 0.25]]),
        (lambda x: np.sqrt(np.where([True, False], x, 1.0))[1], [0.0, 4.0], [0.0, 0.0]),
        (lambda x: overwritten(np.sqrt(x)), [0.0, 4.0], [[0.0, 0.0], [0.0, 0.25]]),
        # a constant factor that is exactly 0 gives 0
        (lambda x: 0.0 * np.sqrt(x), 0.0, 0.0),
        (lambda x: np.sqrt(x) * 0, 0.0, 0.0),
        (lambda x: np.zeros(2) * np.sqrt(x), [0.0, 4.0], [[0.0, 0.0], [0.0, 0.0]]),
        (lambda x: np.array([0.0, 1.0]) @ np.sqrt(x), [0.0, 4.0], [0.0, 0.25]),
        (lambda x: np.array([[0.0, 1.0]]) @ np.sqrt(x), [0.0, 4.0], [[0.0, 0.25]]),
        (lambda x: np.einsum("i,i", [0.0, 1.0], np.sqrt(x)), [0.0, 4.0], [0.0, 0.25]),
        (lambda x: np.sqrt(np.array([0.0, 1.0]) * x), [0.0, 4.0], [[0.0, 0.0], [0.0, 0.25]]),
        (lambda x: np.sqrt(np.array([[0.0, 1.0]]) @ x), [4.0, 0.0], [[0.0, np.inf]]),
        # ties: the constant wins, two varying values share
        (lambda x: np.maximum(0, x), 0.0, 0.0),
        (lambda x: np.maximum(x, np.zeros(2)), [0.0, 1.0], [[0.0, 0.0], [0.0, 1.0]]),
        (lambda x: np.minimum(x, 0), 0.0, 0.0),
        (lambda x: np.clip(x, 0, 1), [0.0, 0.5, 1.0], np.diag([0.0, 1.0, 0.0])),
        (lambda x: np.maximum(x[0], x[1]), [2.0, 2.0], [0.5, 0.5]),
        (lambda x: np.minimum(x[0], x[1]), [2.0, 2.0], [0.5, 0.5]),
        (lambda x: np.maximum(x, x[::-1]), [2.0, 2.0], [[0.5, 0.5], [0.5, 0.5]]),
        (np.max, [1.0, 3.0, 3.0], [0.0, 0.5, 0.5]),
        (np.min, [1.0, 1.0, 3.0], [0.5, 0.5, 0.0]),
        (np.max, [1.0, 1.0, 1.0, 1.0], [0.25, 0.25, 0.25, 0.25]),
        # abs, powers, norms, products
        (np.abs, [0.0, -2.0], np.diag([0.0, -1.0])),
        (np.sqrt, 0.0, np.inf),
        (lambda x: x**0.3, 0.0, np.inf),
        (lambda x: x**0, 0.0, 0.0),
        (lambda x: x**0.0, [0.0, 2.0], np.zeros((2, 2))),
        (lambda y: 0.0**y, 2.0, 0.0),
        (lambda y: np.array([0.0, 1.0]) ** y, 2.0, [0.0, 0.0]),
        (np.linalg.norm, [0.0, 0.0], [0.0, 0.0]),
        (np.std, [2.0, 2.0, 2.0], [0.0, 0.0, 0.0]),
        (np.prod, [0.0, 2.0, 3.0], [6.0, 0.0, 0.0]),
        (np.prod, [0.0, 0.0, 3.0], [0.0, 0.0, 0.0]),
        # steps
        (np.floor, [0.5, 2.0], np.zeros((2, 2))),
        (lambda x: x * (x > 1) + np.sign(x) * x, [0.5, 2.0], np.diag([1.0, 2.0])),
    ],
)
def test_conventions(f, x, expected):
    """Each as the table says, whether rows are swept together, alone, or as a gradient."""
    with np.errstate(all="ignore"):
        J = dm.jacobian_rev(f, x)
        assert np.shape(expected) == J.shape
        np.testing.assert_allclose(J, expected, rtol=1e-15, atol=0)
        np.testing.assert_allclose(dm.jacobian_rev(f, x, chunk_size=1), expected, rtol=1e-15)
        rows = dm.jacobian_rev(lambda x: np.stack([f(x), f(x)]), x)
        np.testing.assert_allclose(rows, [expected, expected], rtol=1e-15)
        y, pullback = dm.vjp(f, x)
        assert not np.any(pullback(np.zeros(np.shape(y))))  # 0 stays 0 beside any partial
        np.testing.assert_allclose(dm.jacobian_fwd(f, x), expected, rtol=1e-15, atol=0)


def overwritten(y):
    y[0] = 0.0
    return y


@pytest.mark.parametrize("c", [0, 0.0, -0.0])
@pytest.mark.parametrize(
    "f",
    [
        lambda x, c: np.sqrt(c * x),
        lambda x, c: np.sqrt(x * c + 0.0),
        lambda x, c: np.log(c * x + 0.0),
        lambda x, c: 1 / (c * np.sin(x)),
    ],
)
def test_a_number_that_is_exactly_0_gives_0(f, c):
    """The tangent is 0 behind the factor, and 0 stays 0 beside the infinite partial."""
    with np.errstate(all="ignore"):
        assert 0.0 == dm.derivative(lambda x: f(x, c), 2.0)
        assert 0.0 == dm.gradient(lambda x: f(x, c), 2.0)
        J = dm.jacobian_rev(lambda x: f(x, c), [1.0, 2.0])
        assert np.array_equal(np.zeros((2, 2)), J)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_cotangents_that_are_not_finite(bad):
    """They reach what they belong to and nothing else."""
    y, pullback = dm.vjp(lambda x: np.sin(x) * x, X3)
    slope = np.cos(X3) * X3 + np.sin(X3)
    x_bar = pullback([1.0, bad, 0.0])
    np.testing.assert_allclose(x_bar, [slope[0], bad * slope[1], 0.0], rtol=1e-14)
    _, pullback = dm.vjp(lambda x: np.concatenate([x[::-1], x[:1] * 2]), X3)
    np.testing.assert_array_equal(pullback([bad, 1.0, 2.0, 3.0]), [8.0, 1.0, bad])
    _, pullback = dm.vjp(lambda x: np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]) @ x, X3)
    np.testing.assert_array_equal(pullback([bad, 1.0]), [bad, 1.0, 1.0])


def test_values_that_are_not_finite():
    x = np.array([1.0, np.nan, np.inf, -1.0])
    with np.errstate(all="ignore"):
        J = dm.jacobian_rev(lambda x: np.where(np.isfinite(x), np.exp(x), 0.0) * 2, x)
        np.testing.assert_allclose(J, np.diag([2 * np.e, 0, 0, 2 / np.e]), rtol=1e-15)
        assert np.array_equal([1.0, 0, 0, 1.0], dm.gradient(lambda x: np.nansum(x[[0, 1, 3]]), x))
        g = dm.gradient(lambda x: np.sum(x * x[0]), x)
        np.testing.assert_array_equal(g, [np.nan, 1.0, 1.0, 1.0])


# --- Arrays that change after they were recorded -------------------------------------------------


def element_by_element(x):
    y = np.zeros_like(x)
    for i in range(x.size):
        y[i] = x[i] ** 2 * (y[i - 1] if i else x[-1])
    return y


def operand_changed(x):
    y = x * 1.0
    z = np.sin(y)
    y[0] = 5.0
    w = np.exp(z) * y
    y[1:] *= w[:-1]
    return z * w * y


def result_changed(x):
    z = np.exp(x)
    w = z * z
    z[...] = 0.0
    z[1] = w[2]
    return z + w


def other_factor_changed(x):
    a, b = x * 2.0, x[::-1] + 1.0
    y = a * b
    a += 1.0
    b *= a
    z = y / b
    b[:] = x
    y[0] = 0.0
    return y + z * a + b


def input_changed(x):
    y = np.sin(x) * x
    x[0] = 3.0
    x[1:] += y[:-1]
    x *= 2.0
    return x + y


def plain_operand_changed(x):
    a = np.array([1.0, 2.0, 3.0, 4.0])
    y = x * a
    a *= 10.0
    z = a / x
    a[1:] = 0.5
    w = x**a
    a.fill(0.0)
    p = np.outer(a + 2.0, [1.0, 1.0, 2.0, 1.0])
    m = p @ x
    p[...] = 1.0
    return y + z + w + m + x @ p


def plain_view_changed(x):
    a = np.arange(16.0).reshape(4, 4)
    y = a[1] * x + a[:, 2] * x[::-1] + np.diag(a) * x
    a.T[...] = 7.0
    return y * a[0]


def plain_number_changed(x):
    a = np.array(2.0)
    y = x * a
    a += 1.0
    a[()] *= 2.0
    return y * a


def matmul_operands_changed(x):
    A = np.outer(x, x) + 1.0
    b = x * 2.0
    y = A @ b
    A[0] = b
    b[:] = y
    z = A.T @ b
    A *= 0.0
    b *= 0.0
    return y + z + A[1] + b


def bilinear_operands_changed(x):
    a, b = x * 2.0, x + 1.0
    p = np.convolve(a, b)
    a[0] = b[1]
    q = np.einsum("i,j->ij", a, b)
    b *= a
    r = np.kron(a, b)
    s = np.tensordot(q, b, 1)
    for v in (a, b, q):
        v[...] = 1.0
    return np.concatenate([p, r, s])


def reductions_changed(x):
    y = x.reshape(2, 2) + 1.0
    p = np.prod(y, axis=0)
    y[0] *= 2.0
    q = np.cumprod(y, axis=1)
    y[...] = y[::-1].copy()
    r = np.sqrt(np.sum(y**2))
    y[:, 0] = 0.0
    return np.concatenate([p, q.ravel(), y.ravel()]) * r


def views_of_views(x):
    y = np.zeros_like(x, shape=(3, 4))
    v = y[1:]
    w = v[:, ::2].T
    w[0] = x[:2]
    w[1, 0] = x[2] * x[3]
    v[1] *= x
    u = y.reshape(-1)[5:9]
    u += x
    z = np.sin(w)
    y[0] = v[0] * v[1]
    v[...] = 1.0
    return np.concatenate([y.ravel(), z.ravel(), u])


def view_read_before_and_after(x):
    y = x * 1.0
    v = y[::-1]
    p = v * v
    y[0] = x[1] * 2
    q = v * v
    v[0] = 0.5
    return p * q * y


def fancy_writes(x):
    y = np.zeros_like(x, shape=(6,))
    y[[0, 2, 4]] = x[:3]
    y[[1, 1, 3]] = x[:3] * x[1:]
    y[[5, 5, 5]] += x[:3]
    y[np.array([[0, 5], [5, 0]])] *= x.reshape(2, 2)
    return y


def repeated_positions_in_rows(x):
    y = x.reshape(2, 2) * 3.0
    y[..., [0, 0]] = np.sin(x.reshape(2, 2)) * x[0]
    y[[1, 1]] *= np.exp(y)
    z = np.zeros_like(x, shape=(2, 3, 2))
    z[:, [2, 0, 2], [1, 1, 1]] = np.stack([x[:3], x[1:]])
    z[[0, 0], :, [0, 0]] = np.stack([x[:3], x[1:]]) * y[0, 1]
    return np.concatenate([y.ravel(), z.ravel()])


def mask_writes(x):
    y = x * 2.0
    y[x.real > 1] = x[0]
    y[np.array([True, False, True, False])] += x[:2] * y[2:]
    y[~(x.real > 1)] *= y[3]
    return y


def augmented(x):
    y = x + 0.0
    y += x
    y *= x
    y -= x[::-1]
    y /= x + 2
    y **= 2
    y[1:3] **= 2
    y[0] -= y[3]
    return y


def swapped(x):
    y = x * 1.0
    y[0], y[1] = y[1], y[0]
    y[[2, 3]] = y[[3, 2]]
    y[1:] = y[:-1]
    y[:] = y[::-1]
    return y * x


def copyto_put_place(x):
    y = np.zeros_like(x)
    np.copyto(y, x * x)
    np.copyto(y, x[::-1], where=[True, False, True, False])
    z = y * y
    np.put(y, [0, 3, 0], x[1:] * 2)
    np.place(y, [False, True, True, False], x[:1])
    np.putmask(y, [True, False, False, True], z)
    np.put_along_axis(y, np.array([2, 1]), x[2:] * y[:2], 0)
    return y + z


def fill_and_diagonal(x):
    y = np.zeros_like(x, shape=(3, 3))
    z = np.empty_like(x)
    z.fill(x[0] * x[1])
    np.fill_diagonal(y, x[:3] * z[:3])
    y[0] += 1.0
    w = y @ y
    np.fill_diagonal(y, 0.0)
    z.fill(2.0)
    return w + y + z[0]


def out_and_where(x):
    y = np.zeros_like(x)
    np.sin(x, out=y)
    z = y * x
    np.multiply(y, z, out=y)
    np.exp(y, out=y, where=[True, False, True, False])
    np.add(y[1:], x[:-1], out=y[:-1])
    np.cumsum(z, out=z)
    np.matmul(np.outer(x, x), y, out=y)
    np.negative(y, y)
    return y + z


def ufunc_at(x):
    y = x * 1.0
    np.add.at(y, [0, 0, 3], x[1:])
    z = y * y
    np.multiply.at(y, [1, 1], x[:2])
    np.subtract.at(y, slice(2), z[2:])
    np.square.at(y, [0, 2])
    return y * z


def flat_and_views(x):
    y = x.reshape(2, 2) * 1.0
    y.flat[1] = x[0] * x[3]
    y.T.flat[0] = x[2]
    z = np.exp(y)
    y.reshape(-1)[2:] *= 3.0
    np.ravel(y)[0] = z[1, 1]
    y.T[0] += z[0]
    np.swapaxes(y, 0, 1)[1, 1] = 0.25
    return y * z


def work_buffer_reused(x):
    work = np.empty_like(x)
    total = np.zeros_like(x)
    for k in range(4):
        work[:] = x * (k + 1)
        work[k] *= work[k - 1]
        np.sin(work, out=work)
        total += work * x
    work[:] = 0.0
    return total


def state_in_a_loop(x):
    s = np.zeros_like(x)
    s[:] = x
    for _ in range(5):
        old = s.copy()
        s[1:-1] = old[1:-1] + 0.1 * (old[2:] - 2 * old[1:-1] + old[:-2]) * old[1:-1]
        s[0] = s[1]
    return s


def gauss_seidel(x):
    s = x * 1.0
    for _ in range(3):
        for i in range(1, s.size - 1):
            s[i] = 0.5 * (s[i - 1] + s[i + 1]) + 0.1 * s[i] ** 2
    return s


def elimination(x):
    A = np.outer(x, x) + np.diag([3.0, 4.0, 5.0, 6.0])
    b = np.exp(-x)
    for k in range(3):
        for i in range(k + 1, 4):
            m = A[i, k] / A[k, k]
            A[i, k:] -= m * A[k, k:]
            b[i] -= m * b[k]
    for i in range(3, -1, -1):
        b[i] = (b[i] - A[i, i + 1 :] @ b[i + 1 :]) / A[i, i]
    return b


def lists_of_elements(x):
    y = np.zeros_like(x)
    y[:2] = [x[0] * x[1], 3.0]
    y[2:] = (y[0], x[3])
    values = [v * v for v in y]
    y[:] = 0.0
    return values


def constants_written(x):
    y = np.sin(x)
    z = y * x
    y[0] = 1.0
    y[1:3] = [2.0, 3.0]
    w = y * z
    y[...] = 0.5
    return w + y * x


def copies_and_same_array(x):
    y = x * 2.0
    z, w, v = y.copy(), y[...], +y
    s = y * z
    y[0] = x[3]
    z[1] = w[0]
    w[2] = v[3]
    v *= 0.0
    return s + y + z + w + v


def kept_and_views_of_kept(x):
    y = np.exp(x)
    v = y[1:]
    s = v * 2.0 + np.sin(v)
    v[0] = 7.0
    t = np.sin(v) * v
    y[-1] = x[0]
    return np.concatenate([s * t, v, y])


def real_and_imaginary_parts(x):
    z = np.zeros_like(x, dtype=complex)
    z.real = x**2
    z.imag[:2] = x[2:]
    w = z * z
    z.imag *= 3.0
    z.real[1] = x[0]
    z[3] += 1j * x[1]
    v = np.exp(z / 5)
    z.real[...] = 0.0
    z[...] = 0.0
    return np.concatenate([w.real, w.imag, v.real, v.imag, z.real])


def complex_conjugated_in_place(x):
    z = x * (1 + 2j)
    w = z * z
    np.conjugate(z, out=z)
    z *= w
    z[0] = np.abs(w[0])
    return np.concatenate([np.real(z), np.imag(z), np.abs(w)])


ANALYTIC = [
    element_by_element,
    operand_changed,
    result_changed,
    other_factor_changed,
    input_changed,
    plain_operand_changed,
    plain_view_changed,
    plain_number_changed,
    matmul_operands_changed,
    bilinear_operands_changed,
    reductions_changed,
    views_of_views,
    view_read_before_and_after,
    fancy_writes,
    repeated_positions_in_rows,
    mask_writes,
    augmented,
    swapped,
    copyto_put_place,
    fill_and_diagonal,
    out_and_where,
    ufunc_at,
    flat_and_views,
    work_buffer_reused,
    state_in_a_loop,
    gauss_seidel,
    elimination,
    lists_of_elements,
    constants_written,
    copies_and_same_array,
    kept_and_views_of_kept,
]
X4 = np.array([0.7, 1.3, 0.4, 1.9])


@pytest.mark.parametrize("f", ANALYTIC, ids=lambda f: f.__name__)
def test_writes(f):
    judge(f, X4)


@pytest.mark.parametrize(
    "f", [real_and_imaginary_parts, complex_conjugated_in_place], ids=lambda f: f.__name__
)
def test_writes_to_parts_of_complex_arrays(f):
    expected = differences(f, X4)
    for J in (dm.jacobian_rev(f, X4), dm.jacobian_rev(f, X4, chunk_size=1)):
        np.testing.assert_allclose(J, expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("f", ANALYTIC, ids=lambda f: f.__name__)
def test_writes_differentiated_again(f):
    """The Duals of an outer call are kept as they were when recorded, too."""

    scale = np.max(np.abs(f(X4.copy())))

    def total(t):
        y = np.stack(f(X4 + t * np.array([1.0, -0.5, 0.3, 0.8])))
        return np.sum(np.sin(y / scale))

    expected = differences(lambda t: complex_step(total, t), np.array(0.0))
    d, g = dm.derivative, dm.gradient
    for outer, inner in [(d, g), (g, d), (g, g), (d, d)]:
        actual = outer(lambda t, inner=inner: inner(total, t), 0.0)
        np.testing.assert_allclose(actual, expected, rtol=1e-7, atol=1e-8)


def test_sorting_in_place():
    def f(x):
        y = x * x[0]
        z = np.sin(y)
        y.sort()
        w = y * z
        y[::-1].sort()
        y.partition(2)
        return np.concatenate([w, y * w])

    assert_close(differences(f, X4), dm.jacobian_rev(f, X4), rtol=1e-8, atol=1e-9)
    assert_close(differences(f, X4), dm.jacobian_rev(f, X4, chunk_size=1), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("n", [10, 50_000])
def test_large_plain_operands_changed_between_uses(n):
    """A large constant is kept once, for as long as it stays the same."""
    a = np.linspace(1.0, 2.0, n)

    def f(x):
        b = a.copy()
        y = x * b + b / x
        b *= 2.0
        z = x * b
        b[-1] = np.nan
        c = np.full(n, 3.0)
        w = x * c
        c[0] = np.inf
        del b, c
        for k in range(3):
            d = np.full(n, float(k))  # may lie where the last one lay
            w = w + x * d
            del d
        return np.sum(y) + np.sum(z) + np.sum(w)

    x = np.linspace(0.5, 1.5, n)
    np.testing.assert_allclose(dm.gradient(f, x), 3 * a - a / x**2 + 6, rtol=1e-13)


@pytest.mark.parametrize("n", [10, 50_000])
def test_large_arrays_written_in_place(n):
    def f(x):
        y = np.zeros_like(x)
        y[:] = np.sin(x)
        y *= x
        z = y * y
        y[::2] = 0.0
        x[:] = 0.0
        return np.sum(z * y) + np.sum(x)

    x = np.linspace(0.0, 1.0, n)
    expected = 3 * (np.sin(x) * x) ** 2 * (np.sin(x) + x * np.cos(x))
    expected[::2] = 0.0
    np.testing.assert_allclose(dm.gradient(f, x), expected, rtol=1e-12, atol=1e-15)


# --- Random programs -----------------------------------------------------------------------------


@thorough
@given(programs, st.integers(3, 6).flatmap(points))
def test_any_program(program, x):
    judge(lambda x: run(program, x), x)


@thorough
@given(
    st.lists(actions, min_size=2, max_size=12), st.sampled_from([(3,), (2, 3), (2, 1, 2), (5, 4)])
)
def test_any_sequence_of_views_and_writes(steps, shape):
    x = np.cos(np.arange(np.prod(shape))).reshape(shape) + 1.5
    judge(lambda x: play(steps, x), x)


@thorough
@given(arrays_and_keys, st.booleans(), st.sampled_from(["=", "+=", "view"]))
def test_any_assignment(shape_and_key, is_scalar, operator):
    shape, key = shape_and_key
    x = np.linspace(0.5, 2.5, int(np.prod(shape))).reshape(shape)

    def f(x):
        y = 3.0 * x
        new = x[0].sum() if is_scalar else np.sin(y[key]) * x.sum()
        if operator == "=":
            y[key] = new
        elif operator == "+=":
            y[key] += new
        else:
            z = y[::-1]
            z[key] = new
            z[key] = z[key] * 2.0
        return y

    judge(f, x)


def table(v):
    return np.cos(np.outer(v, v[::-1]))


# Of two arrays of four numbers and four constants: a new one.
FUNCTIONS = {
    "add": lambda a, b, c: a + b,
    "multiply": lambda a, b, c: a * b,
    "divide": lambda a, b, c: a / squash(b),
    "power": lambda a, b, c: squash(a) ** squash(b),
    "times constants": lambda a, b, c: c * a,
    "constants over": lambda a, b, c: c / squash(a),
    "to constant powers": lambda a, b, c: squash(a) ** c,
    "constant to powers": lambda a, b, c: (c * c + 0.5) ** np.sin(a),
    "from constants": lambda a, b, c: c - a,
    "by integers": lambda a, b, c: a * np.arange(4),
    "by float32": lambda a, b, c: a * c.astype(np.float32),
    "sin": lambda a, b, c: np.sin(a),
    "gauss": lambda a, b, c: np.exp(-(squash(a) ** 2)),
    "sqrt": lambda a, b, c: np.sqrt(squash(a)),
    "negative": lambda a, b, c: -a,
    "square": lambda a, b, c: np.square(np.sin(a)),
    "dot": lambda a, b, c: np.sin(a) * (a @ b),
    "matrix": lambda a, b, c: table(c) @ a,
    "matrix from the right": lambda a, b, c: a @ table(c),
    "product of matrices": lambda a, b, c: (a.reshape(2, 2) @ b.reshape(2, 2)).ravel(),
    "inner": lambda a, b, c: np.inner(a, c) * np.sin(b),
    "convolve": lambda a, b, c: np.convolve(a, c, "same"),
    "einsum": lambda a, b, c: np.einsum("i,j,j->i", np.sin(a), b, c),
    "outer": lambda a, b, c: np.outer(a, np.cos(b)).sum(axis=0),
    "kron": lambda a, b, c: np.kron(a[:2], np.sin(b[1:3])),
    "where": lambda a, b, c: np.where(c > 0, a, b),
    "concatenate": lambda a, b, c: np.concatenate([a[1:], b])[:4],
    "stack": lambda a, b, c: np.stack([a, b]).mean(axis=0),
    "sum": lambda a, b, c: a.sum() * np.sin(b),
    "prod": lambda a, b, c: np.prod(squash(a)) * b / 8,
    "cumsum": lambda a, b, c: np.cumsum(a),
    "cumprod": lambda a, b, c: np.cumprod(squash(a) / 2),
    "roll": lambda a, b, c: np.roll(a, 1) + b,
    "take": lambda a, b, c: a[[0, 0, 3, 2]] * np.cos(b),
    "diff": lambda a, b, c: np.append(np.diff(a), b[0]),
    "elements": lambda a, b, c: a[0] * np.sin(b[1]) + c,
    "element by element": lambda a, b, c: np.stack([a[i] * np.sin(b[3 - i]) for i in range(4)]),
    "reversed view": lambda a, b, c: a[::-1],
    "reshaped view": lambda a, b, c: a.reshape(2, 2).T.reshape(-1),
    "transposed view": lambda a, b, c: a.reshape(2, 2).reshape(4),
    "whole view": lambda a, b, c: a[...],
    "copy": lambda a, b, c: a.copy(),
}


def write_some(a, b, c):
    a[1] = b[2] * c[1]
    a[::3] = np.sin(b[1:3])


def write_all(a, b, c):
    a[:] = np.cos(b)


def write_fancy(a, b, c):
    a[[0, 2, 0]] = b[[1, 2, 3]]


def write_mask(a, b, c):
    a[c > 0] = b[c > 0]


def write_constants(a, b, c):
    a[:] = c


def write_one_constant(a, b, c):
    a[2] = 0.7


def write_reshaped(a, b, c):
    a.reshape(2, 2).T[0] *= np.sin(b[:2])


def add_in_place(a, b, c):
    a += np.sin(b)


def multiply_in_place(a, b, c):
    a *= np.cos(b)


def square_in_place(a, b, c):
    a *= a
    a /= 2 + a


def add_repeated(a, b, c):
    a[[1, 1, 3]] += b[[0, 1, 2]]


def add_at(a, b, c):
    np.add.at(a, [0, 0, 2], np.sin(b[:3]))


def multiply_at(a, b, c):
    np.multiply.at(a, [1, 1], np.cos(b[:2]))


def put(a, b, c):
    np.put(a, [0, 3, 0], b[:3])


def place(a, b, c):
    np.place(a, c > 0, b[:2])


def fill(a, b, c):
    a.fill(b[0])


def sine_out(a, b, c):
    np.sin(b, out=a)


def product_out_where(a, b, c):
    np.multiply(a, c, out=a, where=c > 0)


def matmul_out(a, b, c):
    np.matmul(table(c), b, out=a)


def copy_where(a, b, c):
    np.copyto(a, b, where=c > 0)


def shift(a, b, c):
    a[1:] = a[:-1]


def reverse_in_place(a, b, c):
    a[:] = a[::-1]


def swap(a, b, c):
    a[0], a[1] = a[1], a[0]


def recur(a, b, c):
    for i in range(4):
        a[i] = np.sin(a[i - 1]) * b[i]


def scale_constants(a, b, c):
    c *= 0.9
    c[1] += 0.1


def reverse_constants(a, b, c):
    c[:] = c[::-1].copy()


EFFECTS = [
    write_some, write_all, write_fancy, write_mask, write_constants, write_one_constant,
    write_reshaped, add_in_place, multiply_in_place, square_in_place, add_repeated, add_at,
    multiply_at, put, place, fill, sine_out, product_out_where, matmul_out, copy_where, shift,
    reverse_in_place, swap, recur, scale_constants, reverse_constants,
]  # fmt: skip
lines = st.tuples(
    st.one_of(st.sampled_from(sorted(FUNCTIONS)), st.sampled_from(EFFECTS)),
    st.integers(0, 7),
    st.integers(0, 7),
    st.integers(0, 1),
)


def execute(program, x):
    """Each line makes an array of two of those so far, or writes into one of them."""
    arrays = [x, 1.5 * x[::-1]]
    constants = [np.cos(np.arange(4) ** 2.0), np.cos(np.arange(8) ** 2.0)[::2] + 0.2]
    for line, first, second, which in program:
        a, b = arrays[-1 - first % len(arrays)], arrays[-1 - second % len(arrays)]
        if callable(line):
            line(a, b, constants[which])
        else:
            arrays.append(FUNCTIONS[line](a, b, constants[which]))
    return np.concatenate([np.sin(0.1 * a) for a in arrays[-4:]])


@settings(thorough, max_examples=400)
@given(st.lists(lines, min_size=1, max_size=12))
def test_any_program_that_writes(program):
    x = np.array([0.3, -0.8, 1.1, 0.6])

    def f(x):
        return execute(program, x)

    with np.errstate(all="ignore"):
        expected = complex_step(f, x)
        if not np.max(np.abs(expected)) < 1e4:
            return  # ill-conditioned
        for options in ({}, {"chunk_size": 1}):
            y, J = dm.value_and_jacobian_rev(f, x, **options)
            assert np.array_equal(f(x.copy()), y)
            assert_close(expected, J, rtol=1e-7, atol=1e-9)
        assert_close(expected, dm.jacobian_fwd(f, x), rtol=1e-7, atol=1e-9)


# --- The two modes are each other's transposes ---------------------------------------------------


def assert_adjoint(f, x, rng):
    """<y_bar, J x_dot> = <J^T y_bar, x_dot>, up to the rounding of the terms added."""
    x_dot = rng.normal(size=x.shape)
    y, y_dot = dm.jvp(f, x, x_dot)
    y, pullback = dm.vjp(f, x)
    y_bar = rng.normal(size=np.shape(y))
    if np.asarray(y).dtype.kind == "c":
        y_bar = y_bar + 1j * rng.normal(size=np.shape(y))
    x_bar = pullback(y_bar)
    assert x.shape == np.shape(x_bar)
    left, right = np.real(y_bar * y_dot), x_bar * x_dot
    size = np.sum(np.abs(left)) + np.sum(np.abs(right))
    if np.isnan(size):
        assert np.isnan(np.sum(left)) == np.isnan(np.sum(right))
    else:
        assert abs(np.sum(left) - np.sum(right)) <= 1e-11 * max(1.0, size)


@settings(thorough, max_examples=300)
@given(st.sampled_from(CASES), st.integers(0, 2**32 - 1))
def test_adjoint_of_any_case(case, seed):
    assert_adjoint(case.f, case.x, np.random.default_rng(seed))


ANALYTIC_CASES = [case for case in CASES if case.oracle == STEP and case.x.shape == (5,)]


@thorough
@given(
    st.sampled_from(ANALYTIC_CASES),
    st.sampled_from(ANALYTIC_CASES),
    st.integers(0, 2**32 - 1),
)
def test_adjoint_and_oracle_of_any_composition(first, second, seed):
    """`second` of `first`, brought back into the domain of both."""

    def f(x):
        y = first.f(x)
        if isinstance(y, (list, tuple)):
            y = np.stack([np.sum(part) for part in y])
        y = np.resize(np.ravel(y), 5) if np.size(y) < 5 else np.ravel(y)[:5]
        return second.f(0.9 + 0.4 * np.sin(y))

    with np.errstate(all="ignore"):
        x = first.x.copy()
        assert_adjoint(f, x, np.random.default_rng(seed))
        expected = complex_step(f, x)
        if np.max(np.abs(expected), initial=0.0) < 1e6:
            J = dm.jacobian_rev(f, x)
            scale = max(1.0, np.max(np.abs(expected), initial=0.0))
            np.testing.assert_allclose(J, expected, rtol=1e-8, atol=1e-9 * scale)


def test_the_cases_of_compositions_are_many():
    assert 100 < len(ANALYTIC_CASES)


# --- What is freed -------------------------------------------------------------------------------


def living():
    """How many steps of tapes exist, garbage not collected: reference counts alone free them."""
    return sum(type(a) is tape.Var for a in gc.get_objects())


class Halt(BaseException):
    pass


@pytest.fixture
def _uncollected():
    # An expected failure, which pytest holds until the next exception, holds a tape.
    with pytest.raises(ValueError):
        raise ValueError
    gc.collect()
    gc.freeze()  # so that `living` need not look at what was there before
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


def busy(x):
    y = np.zeros_like(x)
    y[1:] = np.sin(x[:-1]) * x[1:]
    v = y[::2]
    v *= 2.0
    return np.sum(np.exp(y) * np.linspace(0.0, 1.0, x.size))


@pytest.mark.usefixtures("_uncollected")
def test_nothing_of_a_tape_survives_its_call():
    before = living()
    seen = []

    def f(x):
        y = busy(x)
        seen.append(living() - before)
        return y

    x = np.linspace(0.5, 1.5, 20)
    for call in (
        lambda: dm.gradient(f, x),
        lambda: dm.value_and_gradient(f, x),
        lambda: dm.jacobian_rev(f, x),
        lambda: dm.value_and_jacobian_rev(f, x, sparse=True),
        lambda: dm.hessian(f, x),
        lambda: dm.hvp(f, x, x),
        lambda: dm.vjp(f, x)[1](1.0),
        lambda: dm.gradient(lambda x: np.sum(dm.gradient(f, x)), x),
        lambda: dm.gradient(lambda x: (f(x), x), x, has_aux=True),
        lambda: dm.gradient(lambda x, y: f(x) * f(y), x, x, argnums=(0, 1)),
    ):
        seen.clear()
        result = call()
        assert min(seen) > 5
        assert before == living()
        del result


@pytest.mark.usefixtures("_uncollected")
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, Halt, GeneratorExit])
def test_nothing_of_a_tape_survives_an_exception(error):
    before = living()

    def broken(x):
        busy(x)
        y = np.sin(x) * x
        assert living() > before
        if y.size:
            raise error("on purpose")
        return y

    x = np.linspace(0.5, 1.5, 20)
    for call in (dm.gradient, dm.jacobian_rev, dm.vjp, dm.hessian, dm.value_and_gradient):
        with pytest.raises(error, match="on purpose") as caught:
            call(broken, x)
        del caught
        assert before == living()
    np.testing.assert_allclose(dm.gradient(lambda x: np.sum(x**2), x), 2 * x, rtol=1e-15)


@pytest.mark.usefixtures("_uncollected")
@pytest.mark.parametrize(
    "call",
    [
        lambda: dm.gradient(np.sin, X3),
        lambda: dm.gradient(lambda x: x[0] * 1j, X3),
        lambda: dm.jacobian_rev(lambda x: [x, x[:1]], X3),
        lambda: dm.jacobian_rev(lambda x: {"y": x * 2}, X3),
        lambda: dm.vjp(lambda x: np.nextafter(np.sin(x), 1.0), X3),
        lambda: dm.gradient(lambda x: float(np.sin(x)[0]), X3),
    ],
)
def test_nothing_of_a_tape_survives_a_refusal(call):
    before = living()
    with pytest.raises((TypeError, ValueError, NotImplementedError)) as caught:
        call()
    del caught
    assert before == living()


@pytest.mark.usefixtures("_uncollected")
def test_a_pullback_frees_its_tape_when_it_goes():
    before = living()
    y, pullback = dm.vjp(busy, np.linspace(0.5, 1.5, 20))
    assert before < living()
    pullback(1.0)
    kept = living()
    pullback(2.0)
    assert kept == living()
    del pullback
    assert before == living()


@pytest.mark.usefixtures("_uncollected")
def test_what_led_nowhere_is_freed_while_f_runs():
    counts = []

    def f(x):
        for _ in range(10):
            np.exp(np.sin(x)) * x
            counts.append(living())
        return np.sum(x)

    dm.gradient(f, X3)
    assert 1 == len(set(counts))


N = 200_000


def peak(call):
    """Bytes at the worst moment of `call`, in arrays of N numbers, and what is left after it.

    Buffers that are kept for later calls count while `call` runs, and are let go of afterwards.
    """
    call()  # kernels that stay
    buffers.trim(0)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        result = call()
        worst = tracemalloc.get_traced_memory()[1]
        del result
        buffers.trim(0)
        gc.collect()
        left = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    return (worst - before) / (8 * N), (left - before) / (8 * N)


def chained(steps, constant):
    def f(x):
        for _ in range(steps):
            x = np.sin(x) if constant is None else x * constant
        return np.sum(x)

    return f


def test_memory_of_a_chain():
    """One array per step, which its sine needs; none when the factor is the same constant."""
    x = np.linspace(0.1, 1.0, N)
    for steps in (5, 20):
        worst, left = peak(lambda steps=steps: dm.gradient(chained(steps, None), x))
        assert steps - 1 <= worst <= steps + 5
        assert left < 0.5
        worst, _ = peak(lambda steps=steps: dm.gradient(chained(steps, np.ones(N)), x))
        assert worst <= 6


def test_memory_of_writes_by_element():
    """A write of one element keeps no copy of the whole array."""
    x = np.linspace(0.1, 1.0, N)

    def f(x):
        y = np.zeros_like(x)
        for i in range(100):
            y[i] = np.sin(x[i]) * x[i + 1]
        return np.sum(y)

    worst, _ = peak(lambda: dm.gradient(f, x))
    assert worst <= 8


def test_memory_does_not_grow_with_calls():
    x = np.linspace(0.1, 1.0, 1000)

    def many(calls):
        for _ in range(calls):
            dm.gradient(busy, x)

    many(3)
    gc.collect()
    tracemalloc.start()
    many(3)
    few = tracemalloc.get_traced_memory()[0]
    many(60)
    gc.collect()
    more = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert more - few < 16_000


# --- Duals of a tape -----------------------------------------------------------------------------


def test_a_recorded_tangent_cannot_be_looked_at():
    seen = []

    def f(x):
        y = np.sin(x)
        for a in (x, y, y[1:], y[0], np.zeros_like(x)):
            with pytest.raises(
                TypeError,
                match="In reverse mode the tangent of an array is not computed, only recorded. Use "
                "jvp or jacobian_fwd to look at tangents.",
            ):
                a.tangent  # noqa: B018
        seen.append((repr(x), str(x), f"{x[0]:.2f}"))
        return y

    dm.jacobian_rev(f, X3)
    assert [("array([0.5, 1.5, 2.5])", "[0.5 1.5 2.5]", "0.50")] == seen


USES = [
    lambda x: x + 1,
    lambda x: 2.0 * x,
    lambda x: 1.0 * x,
    lambda x: x - x,
    lambda x: x * x,
    lambda x: x**2,
    lambda x: -x,
    lambda x: np.sin(x),
    lambda x: np.sum(x),
    lambda x: x[0],
    lambda x: x[1:],
    lambda x: x[[0, 1]],
    lambda x: x[x > 1],
    lambda x: x.__setitem__(0, 1.0),
    lambda x: x.__iadd__(1.0),
    lambda x: np.ones((2, 3)) @ x,
    lambda x: np.concatenate([x, x]),
    lambda x: np.reshape(x, (3, 1)),
    lambda x: np.where([True, False, True], x, 0.0),
    lambda x: x.copy(),
    lambda x: x.tangent,
    lambda x: float(x[0]),
    lambda x: dm.jacobian_fwd(lambda y: y * x, np.ones(3)),
    lambda x: dm.jacobian_rev(lambda y: y * x, np.ones(3)),
    lambda x: dm.gradient(lambda y: x[0], 1.0),
    lambda x: dm.gradient(lambda y: np.sum(y * y), x),
]


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("made", ["input", "result", "view"])
def test_a_dual_of_a_finished_recording_is_an_error(use, made):
    kept = []

    def f(x):
        kept.append({"input": x, "result": np.sin(x), "view": (x * 2.0)[::-1]}[made])
        return x

    dm.jacobian_rev(f, X3)
    with pytest.raises(
        dm.TangentLostError,
        match=r"f used a Dual from a derivative call that has already finished\. "
        r"Return values from f; do not store Duals outside it\.",
    ):
        use(kept[0])


def test_a_dual_of_an_earlier_recording_of_the_same_function():
    cache = []

    def f(x):
        cache.append(np.sin(x))
        return np.sum(x * cache[0])

    dm.gradient(f, X3)
    with pytest.raises(dm.TangentLostError, match="already finished"):
        dm.gradient(f, X3)


# --- Threads -------------------------------------------------------------------------------------


def differentiate_in_thread(k):
    """A gradient, a Jacobian and a pullback that belong to this k alone."""
    n = 3 + 4 * k
    x = np.linspace(0.5, 1.5, n)
    A = np.random.default_rng(k).normal(size=(n, n))
    s, c = np.sin(A @ x), np.cos(A @ x)
    for _ in range(5):
        g = dm.gradient(lambda x: np.sum(np.sin(A @ x) * x), x)
        np.testing.assert_allclose(g, A.T @ (c * x) + s, rtol=1e-11, atol=1e-11)
        J = dm.jacobian_rev(lambda x: np.sin(A @ x) * x, x)
        expected = (c * x)[:, None] * A + np.diag(s)
        np.testing.assert_allclose(J, expected, rtol=1e-11, atol=1e-11)
        _, pullback = dm.vjp(lambda x: np.sin(A @ x) * x, x)
        np.testing.assert_allclose(pullback(x), x @ expected, rtol=1e-11, atol=1e-11)

        def loop(x):
            y = np.zeros_like(x)
            for i in range(n):
                y[i] = x[i] ** 2 * (y[i - 1] if i else 1.0)
            return y[-1]

        expected = np.prod(x**2) * 2 / x
        np.testing.assert_allclose(dm.gradient(loop, x), expected, rtol=1e-11)
    return k


def test_threads():
    with ThreadPoolExecutor(8) as pool:
        assert list(range(8)) == list(pool.map(differentiate_in_thread, range(8)))


def test_two_recordings_at_once():
    """Step by step in turns: neither sees anything of the other."""
    barrier = threading.Barrier(2, timeout=20)

    def work(a):
        def f(x):
            y = np.zeros_like(x)
            for i in range(x.size):
                barrier.wait()
                y[i] = np.sin(a * x[i]) * (y[i - 1] + 1.0)
                y *= 1.5
            return np.sum(y)

        return dm.gradient(f, np.linspace(0.1, 0.9, 10)), f

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(work, [1.0, 2.0]))

    class Passing:
        def wait(self):
            pass

    barrier = Passing()
    for g, f in results:
        expected = complex_step(f, np.linspace(0.1, 0.9, 10))
        np.testing.assert_allclose(g, expected, rtol=1e-12)


def test_threads_inside_f():
    """f may farm its parts out to threads; all belong to one recording."""

    def f(x):
        with ThreadPoolExecutor(4) as pool:
            return sum(pool.map(lambda k: np.sum(x**k), range(1, 5)))

    x = np.linspace(0.5, 1.5, 6)
    expected = sum(k * x ** (k - 1) for k in range(1, 5))
    np.testing.assert_allclose(dm.gradient(f, x), expected, rtol=1e-14)


def test_one_pullback_in_many_threads():
    x = np.linspace(0.5, 1.5, 6)
    _, pullback = dm.vjp(lambda x: np.sin(x) * x[0], x)
    expected = np.diag(np.cos(x) * x[0])
    expected[:, 0] += np.sin(x)
    with ThreadPoolExecutor(8) as pool:
        rows = list(pool.map(lambda i: pullback(np.eye(6)[i % 6]), range(60)))
    np.testing.assert_allclose(rows, np.tile(expected, (10, 1)), rtol=1e-14)


# --- The oracle itself ---------------------------------------------------------------------------


@pytest.mark.parametrize("f", ANALYTIC, ids=lambda f: f.__name__)
def test_the_programs_are_analytic(f):
    np.testing.assert_allclose(complex_step(f, X4), differences(f, X4), rtol=1e-7, atol=1e-8)
