"""Which call is the first replay is a matter of counts: every run has the same bits."""

import gc
import os
import subprocess
import sys
import time

import numpy as np
import pytest

import dualmc as dm
from dualmc.automatic import cost, repeated

pytestmark = pytest.mark.filterwarnings("default::RuntimeWarning")

PROGRAM = """
import hashlib, sys, time
if sys.argv[1] == "mad":  # a clock that says anything
    time.perf_counter = lambda ticks=[0.0]: ticks.append(37.0 * ticks[-1] % 11.0 + 0.3) or ticks[-1]
import numpy as np
import dualmc as dm
from dualmc.automatic import cost
cost.LOADING, cost.MAKING, cost.OPERATION = 0.0, 5e-4, 1e-5  # early
cost.Counted.pace = cost.OPERATION
A = np.random.default_rng(0).normal(size=(5, 5))

def logistic(x):
    for _ in range(3):
        x = 3.7 * x * (1 - x)
    return x * np.sum(np.exp(-(x ** 2))) / np.cosh(x[::-1])

def quadratic(x):
    return np.log(1.0 + np.exp(x @ A @ x)) + np.sin(x[0] / x[1])

def sorted_(x):
    return np.sort(x) * A[0] + np.tanh(A @ x) * x if x[0] < 0.5 else x ** 3

def network(x):
    z = np.tanh(A @ np.tanh(A @ x + 0.1))
    return np.exp(z) / np.sum(np.exp(z))

def made(k):
    return lambda x: np.sum(np.sin(x) ** k) * x[0]

asked = [(dm.jacobian_fwd, logistic), (dm.gradient, quadratic), (dm.jacobian_rev, logistic),
         (dm.value_and_jacobian_fwd, sorted_), (dm.jacobian_fwd, network), (dm.gradient, None)]
rng, bits, first = np.random.default_rng(1), hashlib.sha256(), {}
with dm.auto_prepare():
    for k in range(150):
        x = rng.uniform(0.2, 0.8, 5)
        for verb, f in asked:
            found = verb(f or made(2.5), x)
            for part in found if type(found) is tuple else (found,):
                bits.update(np.asarray(part).tobytes())
            bits.update(str(dm.last_call()).encode())
            if dm.last_call().is_replay:
                first.setdefault((verb.__name__, f.__name__ if f else "made"), k)
print(bits.hexdigest(), first)
"""


def run(clock, seed):
    environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
    run = [sys.executable, "-c", PROGRAM, clock]
    return subprocess.run(run, env=environment, capture_output=True, text=True, check=True).stdout


def test_every_run_has_the_same_bits():
    found = run("right", 1)
    for name in ("logistic", "quadratic", "sorted_", "network", "made"):
        assert name in found
    assert run("mad", 2) == found


@pytest.fixture
def counted(monkeypatch):
    """Machine code that costs as much as twenty fresh calls of a function of two steps."""
    for name in ("LOADING", "RECORDED", "OPERATION"):
        monkeypatch.setattr(cost, name, 0.0)
    monkeypatch.setattr(cost, "MAKING", 20 * (cost.CALL + 2 * cost.STEP))
    monkeypatch.setattr(cost.Counted, "pace", 0.0)
    with dm.auto_prepare():
        yield


def first_replay(calls):
    """The number of the first of the `calls` that is a replay."""
    for number, call in enumerate(calls, 1):
        call()
        if dm.last_call().is_replay:
            return number
    raise AssertionError(dm.last_call())


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize("seconds", [0.0, 2e-3])
def test_calls_are_counted_not_timed(seconds):
    def calls():
        for k in range(60):
            time.sleep(seconds)
            yield lambda k=k: dm.gradient(lambda x: np.sum(np.sin(x)), np.full(3, 0.1 * k))

    recorded = repeated.FIRST_CALLS + 20
    assert first_replay(calls()) == recorded + repeated.COMPARED + 1


@pytest.mark.usefixtures("counted")
def test_many_steps_are_recorded_sooner():
    def steps(count):
        scope = {"np": np}
        exec(f"def f(x):\n for _ in range({count}): x = np.sin(x)\n return x", scope)
        calls = (lambda: dm.jacobian_fwd(scope["f"], np.ones(2)) for _ in range(60))
        return first_replay(calls)

    at = [steps(count) for count in (1, 4, 8)]
    assert None not in at and at == sorted(at, reverse=True) and at[0] > at[-1]
    assert at[-1] > repeated.FIRST_CALLS + repeated.ASKED_AFTER


def test_another_code_at_the_same_address_is_counted_anew():
    with dm.auto_prepare():
        for k in range(50):
            scope = {}
            exec(f"def f(x): return x * {k}.0", scope)
            dm.derivative(scope["f"], 1.0)
            code = scope["f"].__code__
            assert repeated._known[id(code)] == 1
            del scope, code
            gc.collect()
        assert not repeated._alive or len(repeated._alive) <= len(repeated._known)


@pytest.mark.usefixtures("counted")
def test_large_products_and_steps_of_numpy_are_left_to_fresh_calls():
    A = np.random.default_rng(0).normal(size=(200, 200))
    calls = (
        lambda: dm.jacobian_fwd(lambda x: A @ (A @ np.sin(x)), np.ones(200)) for _ in range(40)
    )
    with pytest.raises(AssertionError, match="a fresh call is faster"):
        first_replay(calls)
    calls = (lambda: dm.jacobian_fwd(lambda x: np.sort(x) * x, np.ones(3)) for _ in range(60))
    with pytest.raises(AssertionError, match="a fresh call is faster"):
        first_replay(calls)
