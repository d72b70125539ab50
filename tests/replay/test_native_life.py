"""`Prepared.njit`: of other derivatives, its life, and what cannot be served."""

import gc
import math
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import pytest
from numba.core.errors import NumbaWarning
from oracles import assert_close
from two_ways import OTHER, X, branching, jacobian_of_branching, value_of_branching

import dualmc as dm

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def prepared():
    return dm.prepare(branching, X)


@pytest.fixture(scope="module")
def both(prepared):
    return prepared.njit("both")


# --- Derivatives ---------------------------------------------------------------------------------


def test_numbers_are_numbers():
    jacobian = dm.prepare(lambda t: math.sin(t) * 2.0, 0.5).njit("both")
    assert jacobian(1.0) == (2.0 * math.sin(1.0), 2.0 * math.cos(1.0))


def test_the_other_derivatives():
    def f(x):
        return np.sum(x**3)

    v = np.array([1.0, -2.0])
    y, g = dm.prepare(f, X, of="gradient").njit("both")(X)
    assert_close(np.sum(X**3), y, 1e-15)
    assert_close(3 * X**2, g, 1e-15)
    g, H = dm.prepare(f, X, of="hessian").njit("both")(X)
    assert_close(3 * X**2, g, 1e-15)
    assert_close(np.diag(6 * X), H, 1e-15)
    assert dm.prepare(f, X, v, of="jvp").njit()(X, v) == pytest.approx(3 * X**2 @ v, rel=1e-15)
    assert_close(6 * X * v, dm.prepare(f, X, v, of="hvp").njit()(X, v), 1e-15)


def test_a_sparse_jacobian_is_its_nonzeros():
    def f(x):
        return x * np.roll(x, 1)

    x = np.arange(1.0, 6.0)
    prepared = dm.prepare(f, x, sparse=True)
    data = prepared.njit()(x * 2)
    J = np.diag(np.roll(x * 2, 1)) + np.roll(np.diag(x * 2), -1, axis=1)
    pattern = prepared(x)
    np.testing.assert_array_equal(data, J[np.repeat(np.arange(5), 2), pattern.indices])


def test_by_several_arguments():
    def f(a, b):
        return a[:, None] * b

    a, b = np.array([1.0, 2.0]), np.array([3.0, 4.0, 5.0])
    both = dm.prepare(f, a, b, argnums=(0, 1)).njit("both")
    by_a = np.eye(2)[:, None, :] * b[None, :, None]
    by_b = a[:, None, None] * np.eye(3)[None]
    y, parts = both(a, b)
    assert_close(np.outer(a, b), y, 1e-15)
    outs = np.empty((2, 3)), np.empty((2, 3, 2)), np.empty((2, 3, 3))
    _, written = both(a, b, outs)
    for J, J2, expected in zip(parts, written, (by_a, by_b), strict=True):
        assert_close(expected, J, 1e-15)
        assert_close(expected, J2, 1e-15)


# --- Life ----------------------------------------------------------------------------------------


def caller_of(jacobian):
    @numba.njit
    def called(x):
        return jacobian(x)

    return called


def test_it_outlives_what_it_was_made_of():
    called = caller_of(dm.prepare(lambda x: np.sin(x) * 3.0, X).njit())
    called(X)
    gc.collect()
    for _ in range(3):
        dm.prepare(np.cos, X)  # takes memory that was given back
    assert_close(np.diag(3 * np.cos(X)), called(X), 1e-15)


@pytest.mark.parametrize("on_stack", [2**11, 0])
def test_threads_do_not_share_memory(on_stack, monkeypatch):
    monkeypatch.setattr("dualmc.replay.machine.alone.ON_STACK", on_stack)

    def f(x):
        return np.sum(np.sin(x) * np.roll(x, 1) * np.sum(x))

    gradient = dm.prepare(f, np.ones(3), of="hessian")
    gradient = gradient.njit()

    @numba.njit(nogil=True)
    def last(x, turns):
        for _ in range(turns):
            g = gradient(x)
        return g

    points = [np.linspace(0.1, 1.0 + k, 3) for k in range(4)]
    last(points[0], 1)
    barrier = threading.Barrier(4)

    def work(x):
        barrier.wait()
        return last(x, 20_000)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(work, points))
    for x, H in zip(points, found, strict=True):
        by_x = np.cos(x) * np.roll(x, 1) + np.roll(np.sin(x), -1)
        across = np.roll(np.diag(np.cos(x)), -1, axis=1)
        expected = (across + across.T - np.diag(np.sin(x) * np.roll(x, 1))) * np.sum(x)
        assert_close(expected + by_x[:, None] + by_x, H, 1e-11)


def test_callers_are_not_kept_on_disk(tmp_path, monkeypatch, both):
    (tmp_path / "user_of_both.py").write_text(
        "import numba\n\n\ndef made(both):\n    @numba.njit(cache=True)\n"
        "    def called(x):\n        return both(x)[0]\n\n    return called\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import user_of_both

    with pytest.warns(NumbaWarning, match="dynamic globals"):
        y = user_of_both.made(both)(X)
    assert_close(value_of_branching(X), y, 1e-15)


def test_pickled_it_is_made_again_with_all_its_ways(tmp_path):
    (tmp_path / "piecewise.py").write_text("def f(x, k):\n    return k * x**2 if x[0] < 1 else x\n")
    code = (
        "import sys, pickle, numpy as np, dualmc as dm, piecewise\n"
        "x, k = np.array([0.5, 0.25]), np.array([3.0, 4.0])\n"
    )
    there = code + (
        "g = dm.prepare(piecewise.f, x, k).njit(points=[(x + 1, k)])\n"
        "sys.stdout.buffer.write(pickle.dumps(g))\n"
    )
    here = code + (
        "g = pickle.loads(sys.stdin.buffer.read())\n"
        "assert np.array_equal(g(x, k), np.diag(2 * k * x)), g(x, k)\n"
        "assert np.array_equal(g(x + 2, k), np.eye(2))\n"
    )
    environment = {"PYTHONPATH": ":".join([str(tmp_path), *sys.path])}
    packed = subprocess.run([sys.executable, "-c", there], capture_output=True, check=True,
                            env=environment).stdout  # fmt: skip
    subprocess.run([sys.executable, "-c", here], input=packed, check=True, env=environment)


def test_a_prepared_function_with_arrays_beside_x_is_replayed_once_unpickled():
    prepared = pickle.loads(pickle.dumps(dm.prepare(np.multiply, X, X + 1.0)))
    assert_close(np.diag(X), prepared(X, X.copy()), 1e-15)
    assert (prepared.reason, prepared.replays) == (None, 1)


# --- What cannot be served -----------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:prepare. f is not replayed")
def test_refusals_say_why(always_replayed):
    generator = np.random.default_rng(0)
    sorting = dm.prepare(lambda x: np.sort(x) * x, X)
    for prepared, why in (
        (sorting, "steps of it have no compiled form .sort."),
        (dm.prepare(lambda x: x * generator.normal(), X), "random"),
        (dm.prepare(lambda x: x["a"] * 2.0, {"a": X}), "structures"),
        (dm.prepare(np.sin, X, layout="denominator"), "layout"),
        (dm.prepare(np.sin, X, sparse="csc"), 'sparse="csc" is not served'),
        (dm.prepare(np.multiply, X, X, argnums=(0, 1), sparse=True), "by several arguments"),
        (dm.prepare(lambda x, a, b: x * a + b, X, X + 1.0, X + 2.0), None),
        (dm.prepare(lambda x, a, b: x * a if a is b else b, X, *[X + 1.0] * 2), "the same array"),
    ):
        if why is None:
            prepared.njit()
            continue
        with pytest.raises(NotImplementedError, match=why):
            prepared.njit()
        with pytest.raises(NotImplementedError, match=why):
            prepared.cfunc()
    with pytest.raises(ValueError, match="what must be one of"):
        dm.prepare(np.sin, X).njit("values")


def test_functions_that_numba_compiled_are_called_themselves():
    @numba.njit
    def f(x):
        out = np.empty(2)
        for i in range(2):
            out[i] = x[i] * x[0]
        return out

    prepared = dm.prepare(f, X)
    for method in (prepared.njit, prepared.cfunc):
        with pytest.raises(NotImplementedError, match=r"dualmc.jit_jacobian\(f\)"):
            method()


def test_what_would_differentiate_it_is_refused(prepared):
    value = prepared.njit("value")
    with pytest.raises(TypeError, match="call the function itself"):
        dm.jacobian_fwd(lambda x: value(x) * 2.0, X)
    with pytest.raises(TypeError, match="call the function itself"):
        dm.gradient(lambda x: value(x)[0], X)


@pytest.mark.filterwarnings("ignore:prepare. f is not replayed")
def test_what_is_slower_than_a_fresh_call_is_served(monkeypatch):
    monkeypatch.setattr("dualmc.replay.paths.SLOWER", 0.0)
    monkeypatch.setattr("dualmc.replay.path._is_mixed", lambda plan: True)
    prepared = dm.prepare(branching, X)
    assert prepared.reason == "a fresh call is faster"
    jacobian = prepared.njit(points=[(OTHER,)])
    for x in (X, OTHER):
        assert_close(jacobian_of_branching(x), jacobian(x), 1e-15)


def test_ways_of_several_shapes_are_refused():
    prepared = dm.prepare(lambda x: x[x > 0], np.array([1.0, 2.0]))
    with pytest.raises(NotImplementedError, match="several shapes"):
        prepared.njit(points=[(np.array([1.0, -1.0]),)])


def test_ways_of_several_patterns_are_refused():
    def f(x):
        return x[::-1] * 2.0 if x[0] > 0 else x * 2.0

    prepared = dm.prepare(f, X, sparse=True)
    with pytest.raises(NotImplementedError, match="sparsity patterns"):
        prepared.njit(points=[(-X,)])
