"""`Prepared.njit`: what was prepared, called from nopython code; oracles are closed forms."""

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
from numba.core.errors import NumbaWarning, TypingError
from oracles import assert_close

import dualmc as dm

X = np.array([0.5, 0.25])
RATE = 2.0


def branching(x):
    """Two ways, which x[0] decides."""
    return [x[0] ** 2 + x[1] ** 2 - 1.0, x[0] - x[1] if x[0] < 1 else -2.0 * x[0] ** 3]


def jacobian_of_branching(x):
    return [[2 * x[0], 2 * x[1]], [1.0, -1.0] if x[0] < 1 else [-6 * x[0] ** 2, 0.0]]


def value_of_branching(x):
    return [x[0] ** 2 + x[1] ** 2 - 1.0, x[0] - x[1] if x[0] < 1 else -2.0 * x[0] ** 3]


def of_several(t, u, k, name, m):
    """t: a float, u: differentiated, k: an array, name: fixed, m: a matrix."""
    scale = {"one": 1.0, "two": 2.0}[name]
    return scale * t * k * np.sin(u) + m @ u


def rated(x):
    return RATE * x**2


@pytest.fixture(scope="module")
def prepared():
    return dm.prepare(branching, X)


@pytest.fixture(scope="module")
def both(prepared):
    return prepared.njit("both")


# --- Used as one uses it -------------------------------------------------------------------------


def test_newton_runs_in_nopython_code(both):
    @numba.njit(nogil=True)
    def newton(x):
        for _ in range(8):
            y, J = both(x)
            x = x - np.linalg.solve(J, y)
        return x

    assert_close(np.full(2, math.sqrt(0.5)), newton(X), 1e-15)


def test_results_are_closed_forms_and_arrays_of_their_own(prepared, both):
    y, J = both(X)
    kept = y.copy(), J.copy()
    both(X / 2)
    np.testing.assert_array_equal(y, kept[0])
    np.testing.assert_array_equal(J, kept[1])
    assert_close(value_of_branching(X), y, 1e-15)
    assert_close(jacobian_of_branching(X), J, 1e-15)
    assert_close(jacobian_of_branching(X), prepared.njit()(X), 1e-15)
    assert_close(value_of_branching(X), prepared.njit("value")(X), 1e-15)


def test_out_is_written_and_returned(prepared, both):
    jacobian = prepared.njit()
    out = np.full((2, 2), np.nan)
    assert jacobian(X, out) is out
    assert_close(jacobian_of_branching(X), out, 1e-15)
    y = np.full(2, np.nan)
    both(X, (y, out))
    assert_close(value_of_branching(X), y, 1e-15)
    y2, J2 = both(X / 2, (None, out))
    assert_close(jacobian_of_branching(X / 2), J2, 1e-15)
    assert J2 is out and y2 is not y


def test_the_value_may_be_written_over_its_argument(prepared):
    x = X.copy()
    prepared.njit("value")(x, x)
    assert_close(value_of_branching(X), x, 1e-15)


@pytest.mark.parametrize("shift", [0, 1, -3])
def test_a_derivative_on_its_argument_is_refused(prepared, shift):
    memory = np.arange(16.0) / 20
    out = memory[6:10].reshape(2, 2)
    x = memory[6 + shift : 8 + shift]
    before = memory.copy()
    apart = shift == -3
    if apart:
        assert_close(jacobian_of_branching(x), prepared.njit()(x, out), 1e-15)
        return
    with pytest.raises(ValueError, match="shares memory"):
        prepared.njit()(x, out)
    np.testing.assert_array_equal(memory, before)


# --- Where f would do otherwise ------------------------------------------------------------------


def test_another_branch_raises_and_leaves_no_number(prepared):
    jacobian = prepared.njit()
    other = np.array([1.5, 0.25])
    out = np.zeros((2, 2))
    with pytest.raises(ValueError, match="derivative of branching: f goes another way"):
        jacobian(other, out)
    assert np.isnan(out).all()

    @numba.njit
    def caught(x):
        try:
            return jacobian(x)[0, 0]
        except Exception:
            return -1.0

    assert (caught(X), caught(other)) == (1.0, -1.0)
    assert caught(np.array([np.nan, 0.25])) == -1.0


def test_all_ways_that_are_known_are_served():
    prepared = dm.prepare(branching, X)
    other = np.array([1.5, 0.25])
    both = prepared.njit("both", points=[(other,)])
    assert prepared.paths == 2
    for x in (X, other, X / 3, other * 2):
        y, J = both(x)
        assert_close(value_of_branching(x), y, 1e-15)
        assert_close(jacobian_of_branching(x), J, 1e-15)
    assert prepared.njit("both", points=[(other,)]) is both  # nothing is compiled again
    assert prepared.njit("both") is both
    with pytest.raises(ValueError, match="points must have the shapes"):
        dm.prepare(np.sin, X).njit(points=[(np.ones(3),)])
    with pytest.raises(TypeError, match="points must be tuples"):
        prepared.njit(points=[other])


def test_infinite_derivatives_raise():
    root = dm.prepare(np.sqrt, X).njit("both")
    with pytest.raises(FloatingPointError, match="infinite or NaN"):
        root(np.array([0.0, 1.0]))
    assert_close(np.diag([0.5, 0.25]), root(np.array([1.0, 4.0]))[1], 1e-15)


def test_infinite_values_are_as_f_gives_them():
    value = dm.prepare(lambda x: 1.0 / x, X).njit("value")
    np.testing.assert_array_equal(value(np.array([0.0, -4.0])), [np.inf, -0.25])


def test_what_f_reads_elsewhere_is_frozen(monkeypatch):
    prepared = dm.prepare(rated, X)
    jacobian = prepared.njit()
    monkeypatch.setattr(sys.modules[__name__], "RATE", 5.0)
    assert_close(np.diag(4.0 * X), jacobian(X), 1e-15)  # as documented: as it was
    assert_close(np.diag(10.0 * X), prepared.njit()(X), 1e-15)  # asked anew, recorded anew
    assert_close(np.diag(4.0 * X), jacobian(X), 1e-15)


# --- Arguments -----------------------------------------------------------------------------------


def test_several_arguments_and_their_layouts():
    rng = np.random.default_rng(1)
    u, k, m = rng.normal(size=3), rng.normal(size=3), rng.normal(size=(3, 3))
    prepared = dm.prepare(of_several, 0.5, u, k, "two", m, argnums=1)
    jacobian = prepared.njit()  # name is frozen, and no argument

    def expected(t, u, k, m):
        return np.diag(2.0 * t * k * np.cos(u)) + m

    wide = rng.normal(size=6)
    for args in (
        (0.5, u, k, m),
        (2, u, k, m),
        (0.5, wide[::2], k[::-1], m.T),
        (0.5, np.array([1, 2, 3]), k, m),
    ):
        assert_close(expected(*args), jacobian(*args), 1e-14)
    frozen = k.copy()
    frozen.flags.writeable = False
    assert_close(expected(0.5, u, k, m), jacobian(0.5, u, frozen, m=m), 1e-14)
    with pytest.raises(ValueError, match=r"u must have the shape \(3,\)"):
        jacobian(0.5, wide, k, m)
    with pytest.raises(ValueError, match=r"m must have the shape \(3, 3\)"):
        jacobian(0.5, u, k, m[:2])


@pytest.mark.parametrize("arguments, words", [
    ((X.astype(np.float32),), r"x must be an array of float64 .* x.astype\(np.float64\)"),
    ((X > 0,), "x must be an array of float64"),
    ((X + 0j,), "x must be an array of float64"),
    ((0.5,), "x must be an array of float64 of 1 dim"),
    ((X[:, None],), "x must be an array of float64 of 1 dim"),
    ((X, np.zeros((2, 2), np.float32)), "out must be a C-ordered array of float64"),
    ((X, np.zeros((2, 2)).T), "out must be a C-ordered array of float64"),
    ((X, np.zeros(4)), "out must be a C-ordered array of float64 of 2 dim"),
])  # fmt: skip
def test_other_types_are_refused_where_they_are_compiled(prepared, arguments, words):
    with pytest.raises(TypingError, match=words):
        prepared.njit()(*arguments)


def test_out_of_another_shape_or_read_only(prepared):
    with pytest.raises(ValueError, match=r"out must have the shape \(2, 2\)"):
        prepared.njit()(X, np.zeros((3, 2)))
    out = np.zeros((2, 2))
    out.flags.writeable = False
    with pytest.raises(TypingError, match="may be written"):
        prepared.njit()(X, out)


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
    solving = dm.prepare(lambda x: np.linalg.solve(np.eye(2) + np.outer(x, x), x), X)
    for prepared, why in (
        (solving, "steps of it have no compiled form .solve."),
        (dm.prepare(lambda x: x * generator.normal(), X), "random"),
        (dm.prepare(lambda x: x["a"] * 2.0, {"a": X}), "structures"),
        (dm.prepare(np.sin, X, layout="denominator"), "layout"),
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
    other = np.array([1.5, 0.25])
    jacobian = prepared.njit(points=[(other,)])
    for x in (X, other):
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
