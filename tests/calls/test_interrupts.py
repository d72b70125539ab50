"""An interrupt at any line leaves nothing behind: the next call is right."""

import math
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import dualmc as dm
from dualmc.duals import levels

OWN = os.path.dirname(dm.__file__)
X = np.array([1.0, 2.0, 0.5])
calls = 0


def helper(v):
    return 2 * np.sin(v)


class Model:
    def value(self, v, scale=helper):
        return scale(v)


model = Model()


def f(x):
    global calls
    calls += 1
    out = np.zeros(3)
    out[0] = math.sin(x[0])
    out[1] = model.value(x[1])
    out[2] = np.sum(x * x)
    return out


def energy(x):
    return np.sum(f(x) ** 2)


FUNCTIONS = [f, helper, energy, Model.value]
CODES = [function.__code__ for function in FUNCTIONS]


def jacobian(x):
    return np.array([[math.cos(x[0]), 0, 0], [0, 2 * math.cos(x[1]), 0], 2 * x])


def slope(x):
    y = np.array([math.sin(x[0]), 2 * math.sin(x[1]), np.sum(x * x)])
    return 2 * y @ jacobian(x)


def curvature(x):
    J, y2 = jacobian(x), np.sum(x * x)
    second = np.diag([-(math.sin(x[0]) ** 2), -4 * math.sin(x[1]) ** 2, 0.0])
    return 2 * (J.T @ J + second + 2 * y2 * np.eye(3))


def by_pullback(x):
    y, pullback = dm.vjp(f, x)
    return np.stack([pullback(row) for row in np.eye(3)])


TASKS = {
    "jacobian_fwd": (lambda: dm.jacobian_fwd(f, X), jacobian),
    "sparse": (lambda: dm.jacobian_fwd(f, X, sparse=True).toarray(), jacobian),
    "chunks": (lambda: dm.jacobian_fwd(f, X, chunk_size=2), jacobian),
    "jacobian_rev": (lambda: dm.jacobian_rev(f, X), jacobian),
    "vjp": (lambda: by_pullback(X), jacobian),
    "gradient": (lambda: dm.gradient(energy, X), slope),
    "hessian": (lambda: dm.hessian(energy, X), curvature),
    "nested": (lambda: dm.jacobian_fwd(lambda z: dm.gradient(energy, z), X), curvature),
    "hvp": (lambda: np.stack([dm.hvp(energy, X, v) for v in np.eye(3)]), curvature),
}


@pytest.fixture(autouse=True)
def error_state():
    """A tracer can stop code between the last line of ``with numpy.errstate`` and its end, where no
    signal arrives: CPython looks for these after calls and jumps alone.
    """
    with np.errstate():
        yield


# About how many interrupts of each task: enough to meet every part of it over the tasks.
TRIED = 60


class Interrupt(KeyboardInterrupt):
    pass


def interrupted(task, at):
    """Run `task`, interrupted at the line of dualmc's code numbered `at`: how many lines it ran."""
    count = 0

    def trace(frame, event, arg):
        nonlocal count
        if event == "line" and frame.f_code.co_filename.startswith(OWN):
            count += 1
            if count == at:
                raise Interrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        task()
    except Interrupt:
        pass
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("name", TASKS)
def test_an_interrupt_at_any_line(name):
    task, formula = TASKS[name]
    right = formula(X)
    task()
    lines = interrupted(task, at=0)
    assert lines > 100
    for k in range(TRIED):
        at = 1 + k * lines // TRIED + k % 7
        interrupted(task, at)
        assert levels.current() is None
        np.testing.assert_allclose(task(), right, rtol=1e-12, atol=1e-12)
        assert calls > 0 and model.value.__func__ is Model.value
        assert [g.__code__ for g in FUNCTIONS] == CODES


@pytest.mark.parametrize(
    "part",
    [
        "duals/levels.py", "unchanged/adapt.py", "unchanged/code/exchange.py",
        "unchanged/code/plans.py", "kernels/buffers.py",
    ],
)  # fmt: skip
def test_an_interrupt_at_every_line_of_what_keeps_state(part):
    """Every line of these files once, wherever a Hessian first meets it."""
    task, formula = TASKS["hessian"]
    right, met = formula(X), set()
    task()

    def trace(frame, event, arg):
        if event == "line" and frame.f_code.co_filename == os.path.join(OWN, part):
            if (line := frame.f_lineno) not in met:
                met.add(line)
                raise Interrupt
        return trace

    for _ in range(1000):
        before, count = sys.gettrace(), len(met)
        sys.settrace(trace)
        try:
            task()
        except Interrupt:
            pass
        finally:
            sys.settrace(before)
        assert levels.current() is None
        np.testing.assert_allclose(task(), right, rtol=1e-12)
        if len(met) == count:
            break
    assert len(met) > 5


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers")
# Python itself ignores an exception that comes while it runs the callback of a weak reference.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_signals():
    task, formula = TASKS["nested"]
    right = formula(X)
    is_armed = False

    def stop(number, frame):
        if is_armed:
            raise Interrupt

    before = signal.signal(signal.SIGALRM, stop)
    try:
        for k in range(200):
            try:
                is_armed = True
                signal.setitimer(signal.ITIMER_REAL, 1e-5 * (1 + k))
                task()
                is_armed = False
                signal.setitimer(signal.ITIMER_REAL, 0)
            except Interrupt:
                is_armed = False
            assert levels.current() is None
            if k % 20 == 0:
                np.testing.assert_allclose(task(), right, rtol=1e-12)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    np.testing.assert_allclose(task(), right, rtol=1e-12)


# --- Threads --------------------------------------------------------------------------------------


def test_first_calls_from_several_threads():
    gate = threading.Barrier(8)

    def task(k):
        gate.wait(60)
        return [TASKS[name][0]() for name in list(TASKS)[k:] + list(TASKS)[:k]], k

    for _ in range(3):
        with ThreadPoolExecutor(8) as pool:
            for found, k in pool.map(task, range(8)):
                names = list(TASKS)[k:] + list(TASKS)[:k]
                for name, value in zip(names, found, strict=True):
                    np.testing.assert_allclose(value, TASKS[name][1](X), rtol=1e-12, atol=1e-12)


def test_an_array_made_in_a_thread_that_f_starts_is_refused_in_words_that_say_so():
    def rows(x, i):
        out = np.zeros(2)
        out[0] = x[i]
        return out

    def in_threads(x):
        with ThreadPoolExecutor(2) as pool:
            return np.stack(list(pool.map(lambda i: rows(x, i), range(3))))

    for go in (dm.jacobian_fwd, dm.jacobian_rev):
        with pytest.raises(dm.TangentLostError, match="thread"):
            go(in_threads, X)


def test_threads_that_f_starts_may_compute():
    def entry(x, i):
        out = np.zeros_like(x)
        out[i] = np.sin(x[i]) * x[0]
        return np.sum(out)

    def in_threads(x):
        with ThreadPoolExecutor(2) as pool:
            return np.stack(list(pool.map(lambda i: entry(x, i), range(3))))

    J = np.diag(np.cos(X)) * X[0]
    J[:, 0] += np.sin(X)
    for go in (dm.jacobian_fwd, dm.jacobian_rev):
        np.testing.assert_allclose(go(in_threads, X), J, rtol=1e-12)
