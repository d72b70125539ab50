"""Levels: in order, closed in time, told apart, in generators and threads."""

import itertools
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import numpy as np
import pytest

import dualmc as dm
from dualmc.calls.seeds import seed_direction
from dualmc.duals.levels import Level, finished, innermost, manual_level, open_level
from dualmc.tangents import dense_tangent


def test_serials_rise_in_order_of_opening():
    with open_level(1) as outer, open_level(2) as middle, open_level(3) as inner:
        assert 0 < outer.serial < middle.serial < inner.serial
        assert (1, 2, 3) == (outer.n, middle.n, inner.n)
    with open_level(1) as later:
        assert inner.serial < later.serial


def test_open_while_inside():
    with open_level(4) as level:
        assert level.open
        assert not level.lost
    assert not level.open


@pytest.mark.parametrize(
    "error",
    [ValueError, KeyboardInterrupt, GeneratorExit, StopIteration, SystemExit, BaseException],
)
def test_closed_after_any_exception(error):
    with pytest.raises(error):
        with open_level(1) as level:
            raise error
    assert not level.open


def test_an_inner_exception_leaves_the_outer_level_open():
    with open_level(1) as outer:
        with pytest.raises(ValueError):
            with open_level(1) as inner:
                raise ValueError
        assert (True, False) == (outer.open, inner.open)


def test_levels_close_in_any_order():
    """They are no stack: a generator may be resumed after its caller's level has closed."""
    with ExitStack() as first, ExitStack() as second:
        a = first.enter_context(open_level(1))
        b = second.enter_context(open_level(1))
        first.close()
        assert (False, True) == (a.open, b.open)
        assert b is innermost([a, b])
        second.close()
        with pytest.raises(dm.TangentLostError):
            innermost([a, b])


def test_repr():
    with open_level(3) as level:
        assert f"<Level {level.serial}, n=3>" == repr(level)
    assert "<Level 0, n=5>" == repr(manual_level(5))


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_innermost_is_the_latest_whatever_the_order(order):
    with open_level(1) as a, open_level(2) as b, open_level(3) as c:
        levels = [manual_level(2), a, b, c]
        assert c is innermost([levels[i] for i in order])
        assert c is innermost([levels[i] for i in order] * 2)
        assert b is innermost([level for level in (levels[i] for i in order) if level is not c])


def test_innermost_of_one():
    with open_level(1) as level:
        assert level is innermost([level])
    assert manual_level(3) is innermost([manual_level(3)])
    assert manual_level(3) is innermost([manual_level(3), manual_level(3)])


def test_a_finished_level_does_not_hide_a_later_open_one():
    """It is refused when the values of the finished level themselves meet."""
    with open_level(1) as outer:
        pass
    with open_level(1) as inner:
        assert inner is innermost([outer, inner])
    with pytest.raises(dm.TangentLostError) as error:
        innermost([outer, inner])
    assert str(finished()) == str(error.value)


def test_finished():
    assert str(finished()) == (
        "f used a Dual from a derivative call that has already finished. "
        "Return values from f; do not store Duals outside it."
    )
    assert isinstance(finished(), dm.TangentLostError)


def test_hand_made_levels_are_permanent_and_outermost():
    assert manual_level(7) is manual_level(7)
    assert manual_level(7) is not manual_level(8)
    assert (0, 7, True) == (manual_level(7).serial, manual_level(7).n, manual_level(7).open)
    assert dm.Dual(1.0, np.ones(7)).level is manual_level(7)
    with open_level(1) as level:
        assert level is innermost([manual_level(7), level])


@pytest.mark.parametrize("order", [(2, 4), (4, 2)])
def test_hand_made_levels_of_different_sizes(order):
    first, second = order
    with pytest.raises(
        ValueError,
        match=re.escape(
            f"Duals with different numbers of tangents met: {first} and {second}. "
            f"Give all hand-made Duals tangents with the same leading axis."
        ),
    ):
        innermost([manual_level(first), manual_level(second)])


def test_a_level_given_its_serial():
    assert 0 == Level(3, serial=0).serial
    before, after = Level(1).serial, Level(1).serial
    assert before + 1 <= after


# --- In derivative calls -------------------------------------------------------------------------


def level_seen(f, *args, **kwargs):
    seen = []

    def g(x, *rest):
        seen.append(x.level)
        return f(x, *rest)

    return g, seen


@pytest.mark.parametrize(
    ("call", "sizes"),
    [
        (lambda f: dm.jacobian_fwd(f, np.ones(5)), [5]),
        (lambda f: dm.jacobian_fwd(f, np.ones(5), chunk_size=2), [2, 2, 1]),
        (lambda f: dm.jacobian_fwd(f, np.ones(40), sparse=True, chunk_size=16), [16, 16, 8]),
        (lambda f: dm.value_and_jacobian_fwd(f, np.ones((2, 3))), [6]),
        (lambda f: dm.jvp(f, np.ones(5), np.ones(5)), [1]),
        (lambda f: dm.derivative(f, 1.0), [1]),
        (lambda f: dm.jacobian_fwd(f, np.ones(0)), [0]),
    ],
)
def test_every_pass_has_a_level_of_its_own(call, sizes):
    f, seen = level_seen(np.sin)
    call(f)
    assert sizes == [level.n for level in seen]
    assert sorted(seen, key=lambda level: level.serial) == seen
    assert len(sizes) == len({level.serial for level in seen})
    assert not any(level.open for level in seen)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize(
    "call",
    [
        lambda f: dm.jacobian_fwd(f, np.ones(5)),
        lambda f: dm.jacobian_fwd(f, np.ones(40), sparse=True, chunk_size=16),
        lambda f: dm.jvp(f, np.ones(5), np.ones(5)),
        lambda f: dm.derivative(f, 1.0),
    ],
)
def test_a_failing_call_closes_its_level(call, error):
    seen = []

    def f(x):
        seen.append(x)
        raise error

    with pytest.raises(error):
        call(f)
    # An error of f's own may be asked for once more, on plain numbers.
    assert 1 == sum(type(x) is dm.Dual for x in seen) and len(seen) < 3
    assert not seen[0].level.open
    assert type(seen[0] * 2.0) in (np.ndarray, np.float64)
    with pytest.raises(dm.TangentLostError, match="already finished"):
        seen[0].tangent  # noqa: B018
    assert np.all(seen[0].primal == 1.0)
    assert not repr(seen[0]).startswith("Dual(")


def test_a_pass_that_is_run_again_in_chunks_closes_its_level(monkeypatch):
    monkeypatch.setattr(dense_tangent, "MEMORY_BUDGET", 1000)
    f, seen = level_seen(lambda x: np.sin(np.ones((30, 30)) @ x))
    dm.jacobian_fwd(f, np.ones(30))
    assert len(seen) > 1
    assert 30 == seen[0].n
    assert not any(level.open for level in seen)


def test_a_nested_call_opens_an_inner_level():
    outer, inner = [], []

    def f(x):
        outer.append(x.level)

        def g(t):
            inner.append(t.level)
            assert (t * x).level is t.level
            assert (t * x).primal.level is x.level
            return t * x

        y = dm.derivative(g, 2.0)
        assert y.level is x.level
        return y

    assert 1.0 == dm.derivative(f, 3.0)
    assert outer[0].serial < inner[0].serial


# --- Generators ----------------------------------------------------------------------------------


def partial_sums(x, yielded):
    """Suspended inside the caller's level, resumed in others."""
    total = 0.0
    for v in x:
        total = total + v**2
        yielded.append(total)
        yield total


def test_a_generator_that_is_resumed_inside_an_inner_call():
    def f(x):
        sums = partial_sums(x, [])
        first = next(sums)

        def g(t):
            return t * next(sums) + first

        slope = dm.derivative(g, 5.0)  # x0**2 + x1**2
        return slope * next(sums)  # times x0**2 + x1**2 + x2**2

    x = np.array([1.0, 2.0, 3.0])
    a, b = 5.0, 14.0
    expected = 2 * x * (b * np.array([1.0, 1.0, 0.0]) + a)
    np.testing.assert_allclose(dm.jacobian_fwd(f, x), expected, rtol=1e-15)


def test_a_generator_that_outlives_its_call():
    kept = []

    def f(x):
        kept.append(partial_sums(x, []))
        return next(kept[0]) + next(kept[0])

    assert np.array_equal([4.0, 4.0, 0.0], dm.jacobian_fwd(f, [1.0, 2.0, 3.0]))
    assert type(kept[0].gi_frame.f_locals["total"] * 1.0) is np.float64
    # A second look at f finds the generator that was refused at its end.
    with pytest.raises((dm.TangentLostError, StopIteration)):
        dm.derivative(lambda t: t * next(kept[0]), 1.0)


def derivatives_of_powers(point):
    """A generator that holds an open level between its values, its caller opening others."""
    with open_level(1) as level:
        x = y = seed_direction(np.array(point), np.array(1.0), level)
        while True:
            yield float(y.tangent[0])
            y = y * x


def test_a_generator_that_holds_a_level_open():
    powers = derivatives_of_powers(2.0)
    others = derivatives_of_powers(3.0)
    for k in range(1, 6):
        assert k * 2.0 ** (k - 1) == next(powers)
        assert k * 3.0 ** (k - 1) == next(others)
        assert 12.0 == dm.derivative(lambda x: x**3, 2.0)
    powers.close()
    assert 6 * 3.0**5 == next(others)


def test_a_level_closes_when_its_generator_does():
    levels = []

    def generator():
        with open_level(1) as level:
            levels.append(level)
            yield

    g = generator()
    next(g)
    assert levels[0].open
    g.close()
    assert not levels[0].open


def test_derivative_calls_suspended_in_turn():
    """Two derivative calls, each waiting in a thread while the other goes on, end in any order."""
    turns = [threading.Event() for _ in range(4)]

    def slow(x):
        y = x**2
        turns[0].set()
        assert turns[1].wait(10)
        return y * x

    def quick(x):
        assert turns[0].wait(10)
        y = x**3
        turns[1].set()
        return y * x

    with ThreadPoolExecutor(2) as pool:
        a = pool.submit(dm.derivative, slow, 2.0)
        b = pool.submit(dm.derivative, quick, 2.0)
        assert 12.0 == a.result(20)
        assert 32.0 == b.result(20)


# --- Threads -------------------------------------------------------------------------------------


def test_serials_are_unique_in_threads():
    def work(_):
        found = []
        for _ in range(500):
            with open_level(1) as level:
                found.append(level.serial)
        return found

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(work, range(8)))
    for serials in found:
        assert sorted(serials) == serials
    assert 4000 == len(set().union(*found))


def test_hand_made_levels_are_shared_by_threads():
    barrier = threading.Barrier(8)

    def work(k):
        barrier.wait(10)
        return dm.Dual(float(k), np.ones(1234))

    with ThreadPoolExecutor(8) as pool:
        duals = list(pool.map(work, range(8)))
    assert 1 == len({id(d.level) for d in duals})
    total = sum(duals)
    assert 28.0 == total.primal
    assert np.array_equal(np.full(1234, 8.0), total.tangent)


def test_an_exception_in_one_thread_leaves_the_others_right():
    def work(k):
        x = np.linspace(0.5, 1.5, 20)
        if k % 2:
            with pytest.raises(ZeroDivisionError):
                dm.jacobian_fwd(lambda x: 1 // 0, x)
            return True
        J = dm.jacobian_fwd(lambda x: np.sin(k * x), x)
        np.testing.assert_allclose(J, np.diag(k * np.cos(k * x)), rtol=1e-15)
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(40)))


def test_a_dual_handed_to_another_thread_after_its_call():
    kept = []
    dm.jacobian_fwd(lambda x: kept.append(x) or x, np.ones(3))
    with ThreadPoolExecutor(1) as pool:
        assert np.array_equal([2.0, 2.0, 2.0], pool.submit(lambda: kept[0] + 1.0).result())

        def f(x):
            return pool.submit(lambda: kept[0] + x).result()

        with pytest.raises(dm.TangentLostError):
            dm.jacobian_fwd(f, np.ones(3))
