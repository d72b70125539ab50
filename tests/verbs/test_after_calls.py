"""Derivatives are right after exceptions and ended calls, and between generators and threads."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from nested_functions import rosenbrock, rosenbrock_hessian

import dualmc as dm

# --- After an exception --------------------------------------------------------------------------


def test_an_exception_inside_leaves_later_calls_right():
    def broken(x):
        np.sin(x) * x
        raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        dm.jacobian_fwd(broken, np.ones(3))
    assert np.array_equal(2 * np.eye(3), dm.jacobian_fwd(lambda x: x**2, np.ones(3)))


def test_an_exception_in_an_inner_call_leaves_the_outer_one_right():
    def broken(y):
        raise ZeroDivisionError(str(y.shape))

    def f(x):
        for inner in (dm.jacobian_fwd, dm.derivative):
            try:
                inner(broken, x[0])
            except ZeroDivisionError:
                pass
        return x * dm.derivative(lambda y: y**2 * x[1], x[0])

    # x * 2*x0*x1 at (2, 3).
    np.testing.assert_allclose(dm.jacobian_fwd(f, [2.0, 3.0]), [[24.0, 8.0], [18.0, 24.0]])


def test_an_exception_after_a_missing_rule_inside():
    def f(x):
        try:
            y = np.nextafter(x, 1.0)
        except dm.MissingRuleError:
            y = x * 1.0
        return y * x

    with dm.refusals("warn"), pytest.warns(dm.RefusalSwallowedWarning, match="nextafter"):
        J = dm.jacobian_fwd(f, [2.0, 3.0])
    assert np.array_equal(np.diag([4.0, 6.0]), J)


# --- Duals that outlive their call, in another one (elsewhere: test_ended.py) --------------------


@pytest.fixture
def leaked():
    kept = []
    dm.jacobian_fwd(lambda x: kept.append(x) or x, np.array([1.0, 2.0, 3.0]))
    return kept[0]


@pytest.mark.parametrize(
    "use",
    [
        lambda x: x + 1,
        lambda x: 2.0 * x,
        lambda x: np.sin(x),
        lambda x: np.sum(x),
        lambda x: x.sum(),
        lambda x: x[0],
        lambda x: x[[0, 1]],
        lambda x: x.__setitem__(0, 1.0),
        lambda x: np.ones((2, 3)) @ x,
        lambda x: np.concatenate([x, x]),
        lambda x: np.reshape(x, (3, 1)),
        lambda x: np.where([True, False, True], x, 0.0),
        lambda x: dm.jacobian_fwd(lambda y: y * x, np.ones(3)),
        lambda x: dm.jacobian_fwd(lambda y: x, np.ones(3)),
        lambda x: dm.jacobian_fwd(lambda y: [y[0], x[0]], np.ones(3)),
    ],
)
def test_a_leaked_dual_is_an_error(leaked, use):
    with pytest.raises(
        dm.TangentLostError,
        match=r"f used a Dual from a derivative call that has already finished\. "
        r"Return values from f; do not store Duals outside it\.",
    ):
        dm.derivative(lambda t: (t * t, use(leaked))[0], 2.0)


def test_a_dual_leaked_into_the_next_pass_is_an_error():
    cache = []

    def f(x):
        cache.append(x * 2)
        return x * cache[0]

    with pytest.raises(dm.TangentLostError, match="already finished"):
        dm.jacobian_fwd(f, np.ones(3), chunk_size=1)


def test_a_dual_leaked_from_an_inner_call_is_an_error():
    def f(x):
        kept = []
        dm.derivative(lambda t: kept.append(t) or t, 1.0)
        return x * kept[0]

    with pytest.raises(dm.TangentLostError, match="already finished"):
        dm.jacobian_fwd(f, np.ones(3))


# --- Generators and threads ----------------------------------------------------------------------


def test_interleaved_generators():
    def derivatives(a):
        for k in range(1, 6):
            yield dm.derivative(lambda x, k=k: a * x**k, 2.0)

    for k, (p, q) in enumerate(zip(derivatives(1.0), derivatives(3.0), strict=True), start=1):
        assert k * 2.0 ** (k - 1) == p
        assert 3.0 * k * 2.0 ** (k - 1) == q


def test_a_generator_that_differentiates_inside_an_outer_call():
    def slopes(x):
        for k in (1, 2, 3):
            yield dm.derivative(lambda t, k=k: t**k * x[0], x[1])

    # x0 * (1 + 2 x1 + 3 x1**2) at (2, 0.5)
    J = dm.jacobian_fwd(lambda x: sum(slopes(x)), [2.0, 0.5])
    np.testing.assert_allclose(J, [2.75, 10.0], rtol=1e-15)


def differentiate_in_thread(k):
    """A Jacobian whose size, structure and value belong to this k alone."""
    n = 3 + 4 * k
    x = np.linspace(0.5, 1.5, n)
    A = np.random.default_rng(k).normal(size=(n, n))
    for _ in range(5):
        J = dm.jacobian_fwd(lambda x: np.sin(A @ x) * x[::-1] + k * x[0], x)
        expected = (
            np.cos(A @ x)[:, None] * A * x[::-1, None] + np.sin(A @ x)[:, None] * np.eye(n)[::-1]
        )
        expected[:, 0] += k
        np.testing.assert_allclose(J, expected, rtol=1e-12, atol=1e-12)
        y = np.zeros(n)
        y[1:] = 2 * x[1:]
        y[0] = x[1]

        def loop(x):
            y = np.zeros_like(x)
            for i in range(x.size):
                y[i] = x[i] ** 2
            y[0] = x[0] * x[1]
            return y

        expected = np.diag(2 * x)
        expected[0, :2] = x[1], x[0]
        J = dm.jacobian_fwd(loop, x, sparse=k % 2 == 0)
        J = J.toarray() if k % 2 == 0 else J
        np.testing.assert_allclose(J, expected, rtol=1e-14)
    return k


def differentiate_twice_in_thread(k):
    n = 3 + 4 * k
    x = np.linspace(-1.2, 1.3, n)
    for _ in range(3):
        H = dm.jacobian_fwd(lambda x: dm.jacobian_fwd(rosenbrock, x), x)
        np.testing.assert_allclose(H, rosenbrock_hessian(x), rtol=1e-12, atol=1e-10)
    return k


@pytest.mark.parametrize("work", [differentiate_in_thread, differentiate_twice_in_thread])
def test_threads(work):
    with ThreadPoolExecutor(8) as pool:
        assert list(range(16)) == list(pool.map(lambda i: work(i % 8) + i // 8 * 8, range(16)))


def test_threads_inside_f():
    """f may farm its parts out to threads; all belong to one derivative call."""

    def f(x):
        with ThreadPoolExecutor(4) as pool:
            parts = list(pool.map(lambda k: np.sum(x**k), range(1, 5)))
        return parts

    x = np.linspace(0.5, 1.5, 6)
    expected = [k * x ** (k - 1) for k in range(1, 5)]
    np.testing.assert_allclose(dm.jacobian_fwd(f, x), expected, rtol=1e-14)


def test_nested_calls_in_threads_inside_f():
    def f(x):
        def slope(k):
            return dm.derivative(lambda t: np.sum(x**k) * t**k, x[0])

        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(slope, range(1, 5)))

    x = np.linspace(0.5, 1.5, 4)
    # k * x0**(k-1) * sum(x**k)
    expected = []
    for k in range(1, 5):
        row = k * x[0] ** (k - 1) * k * x ** (k - 1)
        row[0] += k * (k - 1) * x[0] ** (k - 2) * np.sum(x**k) if k > 1 else 0.0
        expected.append(row)
    np.testing.assert_allclose(dm.jacobian_fwd(f, x), expected, rtol=1e-13)
