"""What is freed of a tape and when, what memory one takes, long tapes, and tapes in threads."""

import gc
import sys
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from oracles import complex_step

import dualmc as dm
from dualmc.kernels import buffers
from dualmc.passes.reverse_pass import Tape
from dualmc.tangents import tape

X3 = np.array([0.5, 1.5, 2.5])


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
        lambda: dm.jacobian_rev(lambda x: [x * 2, "text"], X3),
        lambda: dm.jacobian_rev(lambda x: print(end=str(x * 2)[:0]), X3),
        lambda: dm.vjp(lambda x: np.nextafter(np.sin(x), 1.0), X3),
        lambda: dm.gradient(lambda x: np.sin(x).view(np.int64), X3),
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


def test_a_sweep_holds_no_more_than_the_steps_that_wait():
    """Of a long chain of numbers, whose cotangents are used up one by one."""

    def f(x):
        total = 0.0
        for i in range(999):
            total = total + 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
        return total

    x = np.linspace(0.5, 1.5, 1000)
    recorded = Tape.of_array("gradient", f, (x,))
    recorded.gradients()
    gc.collect()
    tracemalloc.start()
    recorded.gradients()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5 * x.nbytes
