"""Closed functions that are called again are replayed, and nothing but the time tells."""

import contextlib
import gc
import itertools
import math
import os
import subprocess
import sys
import threading
import warnings
import weakref

import numpy as np
import pytest
from automatic_judge import fresh_calls, outcome, same

import dualmc as dm
from dualmc.automatic import repeated

pytestmark = [
    pytest.mark.filterwarnings("default::RuntimeWarning"), pytest.mark.usefixtures("at_once"),
]  # fmt: skip

# Calls until a function is replayed: counted, timed and recorded, compared.
CALLS = repeated.FIRST_CALLS + 3 + repeated.COMPARED
VALUES = np.array([1.0, 2.0, 0.5])
FACTOR = 3.0
ALIKE = np.array([1, 2, 3])


def points(*shapes):
    """Points without end, near which functions go the same way."""
    rng = np.random.default_rng(3)
    while True:
        yield [rng.uniform(0.6, 1.4, shape) if shape else rng.uniform(0.6, 1.4) for shape in shapes]


def is_replayed(verb, f, *shapes, **options):
    """Whether f is replayed in the end, all calls being right."""
    found = [
        same(verb, f, *args, **options) for args in itertools.islice(points(*shapes), CALLS + 3)
    ]
    assert not any(found[: repeated.FIRST_CALLS + 1])
    return all(found[CALLS:])


def scaled(x):
    return x * FACTOR


def with_helper(x):
    return np.sum(scaled(x) * VALUES) + x[0]


def recursive(x, n=3):
    return x if n == 0 else x * recursive(x, n - 1)


def local_function(x):
    def inner(v):
        return v * x[0]

    return inner(x) + sum(inner(v) for v in x)


def loops(x):
    total = 0.0
    for i, v in enumerate(x):
        total = total + (v if v > 0 else -v) * i
        if i == 2:
            break
    while total > 100.0:
        total = total / 2
    return total


def with_error(x):
    if x[0] < 0:
        raise ValueError(f"{x[0]:.3f} is negative, and %s" % x[1])
    return x * len("100 ")


def filled(x):
    y = np.zeros(3)
    y[1:] = x[:2] * x[1:]
    y[0] += x[0]
    return y


CLOSED = {
    "expression": (lambda x: np.sin(x) * x[::-1], (3,)),
    "number": (lambda x: x**2 * math.sin(x), ()),
    "global-array": (lambda x: x * VALUES, (3,)),
    "of-integers": (lambda x: x**ALIKE, (3,)),
    "helper": (with_helper, (3,)),
    "recursion": (recursive, (3,)),
    "local-function": (local_function, (3,)),
    "loops": (loops, (3,)),
    "writes": (filled, (3,)),
    "constant": (lambda x: np.ones(2), (3,)),
    "itself": (lambda x: x, (3,)),
    "view": (lambda x: x[1:], (3,)),
    "written-input": (lambda x: x.__class__ and None, None),
    "matrix": (lambda x: np.exp(x) @ x.T, (2, 3)),
    "list": (lambda x: [x[0] * x[1], x[2], 1.0], (3,)),
    "reduce": (lambda x: np.add.reduce(x * x), (3,)),
    "comprehension": (lambda x: np.array([v * i for i, v in enumerate(x)]), (3,)),
    "text-of-an-error": (with_error, (3,)),
    "none": (lambda x, k=None: x if k is None else x * k, (3,)),
    "identity": (lambda x: np.linalg.norm(x) * x, (3,)),
}  # fmt: skip
del CLOSED["written-input"]


@pytest.mark.parametrize("name", CLOSED)
@pytest.mark.parametrize("verb", [dm.jacobian_fwd, dm.value_and_jacobian_fwd, dm.jacobian_rev])
def test_closed_functions_are_replayed(verb, name):
    f, shape = CLOSED[name]
    assert is_replayed(verb, f, shape)


@pytest.mark.parametrize("verb", [dm.gradient, dm.value_and_gradient, dm.value_and_jacobian_rev])
@pytest.mark.parametrize("name", ["helper", "loops", "reduce", "number"])
def test_gradients_are_replayed(verb, name):
    f, shape = CLOSED[name]
    assert is_replayed(verb, f, shape)


def test_derivatives_are_replayed():
    assert is_replayed(dm.derivative, lambda x: np.array([x, x**3]), ())


@pytest.mark.parametrize("name", ["helper", "loops", "reduce"])
def test_hessians_are_replayed(name):
    f, shape = CLOSED[name]
    assert is_replayed(dm.hessian, lambda x: np.sin(f(x)) * x[1], shape)
    assert is_replayed(dm.hessian, lambda k, x: np.sin(f(x)) * k, (), shape, argnums=1)


def test_sparse_hessians_are_replayed():
    f = lambda x: np.sum((x[1:] * x[:-1]) ** 2)  # noqa: E731
    assert is_replayed(dm.hessian, f, (6,), sparse=True)
    for _ in range(CALLS):
        assert not same(dm.hessian, f, np.ones(6), sparse="banded")
        assert not same(dm.hessian, f, np.ones(6), argnums=(0,))
        assert not same(dm.hessian, f, np.ones(6), chunk_size=2)


VERBS = [
    dm.jacobian_fwd, dm.value_and_jacobian_fwd, dm.jacobian_rev, dm.value_and_jacobian_rev,
    dm.gradient, dm.value_and_gradient, dm.derivative, dm.hessian,
]  # fmt: skip


@pytest.mark.parametrize("verb", VERBS)
def test_prepare_false_is_fresh(verb):
    f = lambda x: np.sin(x) * x  # noqa: E731
    assert is_replayed(verb, f, ())
    with fresh_calls():
        expected = verb(f, 0.7)
    found = verb(f, 0.7, prepare=False)
    assert dm.last_call() == (False, "it was asked for by prepare=False")
    assert np.array(found).tobytes() == np.array(expected).tobytes()
    assert same(verb, f, 0.7)
    verb(f, 0.7, prepare=True)
    assert dm.last_call().is_replay
    for wrong in (0, None, "no", np.False_):
        with pytest.raises(TypeError, match=f"{verb.__name__}: prepare must be True or False"):
            verb(f, 0.7, prepare=wrong)


def test_prepare_false_is_not_counted():
    f = lambda x: np.sin(x) * x  # noqa: E731
    for _ in range(3 * CALLS):
        dm.derivative(f, 0.7, prepare=False)
    assert not same(dm.derivative, f, 0.7)
    assert dm.last_call().reason == repeated.FIRST


def test_sparse_jacobians_are_replayed():
    assert is_replayed(dm.jacobian_fwd, lambda x: x[1:] * x[:-1], (6,), sparse=True)


def test_several_arguments():
    f = lambda x, y, k: k * x * y[0]  # noqa: E731
    assert is_replayed(dm.jacobian_fwd, f, (3,), (2,), (), argnums=(0, 1))
    assert is_replayed(dm.value_and_jacobian_fwd, f, (3,), (2,), (), argnums=1)
    assert is_replayed(dm.gradient, lambda x, y: np.sum(x) * y, (3,), (), argnums=(1, 0))


def test_functions_made_anew_are_one():
    def made(k):
        return lambda x: scaled(x) * k

    found = [same(dm.jacobian_fwd, made(2.0), x) for (x,) in itertools.islice(points((3,)), 12)]
    assert all(found[CALLS:])
    assert not same(dm.jacobian_fwd, made(2), VALUES)
    assert not same(dm.jacobian_fwd, made(True), VALUES)
    assert not same(dm.jacobian_fwd, made(np.float32(2)), VALUES)
    assert same(dm.jacobian_fwd, made(2.0), VALUES)


def test_results_belong_to_the_caller():
    f = lambda x: x  # noqa: E731
    assert is_replayed(dm.value_and_jacobian_fwd, f, (3,))
    x = np.arange(3.0)
    y, J = dm.value_and_jacobian_fwd(f, x)
    assert dm.last_call().is_replay
    y[:], J[:] = 7.0, 7.0
    assert x.tolist() == [0.0, 1.0, 2.0]
    assert np.array_equal(dm.jacobian_fwd(f, x), np.eye(3))
    sparse = lambda x: x[1:] * x[:-1]  # noqa: E731
    assert is_replayed(dm.jacobian_fwd, sparse, (4,), sparse=True)
    J = dm.jacobian_fwd(sparse, np.ones(4), sparse=True)
    J.indices[:], J.data[:] = 0, 9.0
    assert same(dm.jacobian_fwd, sparse, np.ones(4), sparse=True)


def test_inputs_are_not_written():
    def f(x):
        x += 1.0
        return x * x

    assert is_replayed(dm.value_and_jacobian_fwd, f, (3,))
    x = np.ones(3)
    dm.value_and_jacobian_fwd(f, x)
    assert dm.last_call().is_replay
    assert x.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    "x",
    [
        np.ones(3, np.float32), np.ones(3, int), np.ones(4), np.ones((3, 1)), [1.0, 2.0, 3.0], 2.0,
        np.ones(3, bool), np.ones(3, complex), np.array([np.nan, 1, 2]), np.array([np.inf, 1, 2]),
        np.ones(6)[::2], np.ones(3, ">f8"), np.ma.array(np.ones(3)), (1, 2, 3), "abc", None,
        np.array([0.0, -0.0, 1.0]), np.array([1e308, 1e-320, 1.0]), {"a": 1.0},
    ],
    ids=repr,
)  # fmt: skip
def test_other_inputs_are_as_they_are_afresh(x):
    f = lambda x: np.sin(x) * x / (1 + x * x)  # noqa: E731
    assert is_replayed(dm.value_and_jacobian_fwd, f, (3,))
    for _ in range(3):
        with np.errstate(all="ignore"):
            same(dm.value_and_jacobian_fwd, f, x)
    assert same(dm.value_and_jacobian_fwd, f, np.ones(3))


def test_memory_order():
    f = lambda x: np.cumsum(x * x)  # noqa: E731
    assert is_replayed(dm.jacobian_fwd, f, (2, 3))
    x = np.arange(6.0).reshape(2, 3)
    locked = x.copy()
    locked.flags.writeable = False
    for a in (np.asfortranarray(x), x[:, ::-1], x[::-1], locked, np.lib.stride_tricks.as_strided(
            x, (2, 3), (0, 8))):  # fmt: skip
        same(dm.jacobian_fwd, f, a)


def test_ways_and_errors():
    def f(x):
        if x[0] < 0:
            raise ValueError(f"a negative number: {x[0]:.1f}")
        if x[1] == 0.25:
            raise AssertionError
        return np.sqrt(x) if x[1] > 1 else x**3

    for x in ([1.0, 2.0], [1.0, 0.5], [-1.0, 2.0], [1.0, 0.25]) * 6:
        same(dm.value_and_jacobian_fwd, f, np.array(x))
    assert same(dm.value_and_jacobian_fwd, f, np.array([1.0, 2.0]))
    assert same(dm.value_and_jacobian_fwd, f, np.array([1.0, 0.5]))
    assert not same(dm.value_and_jacobian_fwd, f, np.array([-1.0, 0.5]))


@pytest.mark.parametrize("x", [-1.0, 0.0, 1000.0])
@pytest.mark.parametrize("verb", [dm.derivative, dm.value_and_jacobian_fwd])
def test_warnings_are_those_of_numpy(verb, x):
    f = lambda x: x * np.log(x) / (1 + np.exp(x))  # noqa: E731
    assert is_replayed(verb, f, ())
    for state, action in itertools.product(("warn", "raise", "ignore"), ("always", "error")):
        found = []
        for block in (fresh_calls, warnings.catch_warnings):
            with block(), np.errstate(all=state), warnings.catch_warnings(record=True) as told:
                warnings.simplefilter(action)
                try:
                    y = repr(verb(f, x))
                except Exception as error:
                    y = repr(error)
            found.append((y, {str(w.message) for w in told}))
        assert found[0] == found[1]


def test_warnings_of_steps_that_only_the_value_needs():
    f = lambda x: [x * 2.0, np.floor(np.log(x)), x**2]  # noqa: E731
    assert is_replayed(dm.jacobian_fwd, f, ())
    for x, said in ((-1.0, "invalid value"), (0.0, "divide by zero"), (1e200, "overflow")):
        with pytest.warns(RuntimeWarning, match=said):
            dm.jacobian_fwd(f, x)
    assert same(dm.jacobian_fwd, f, 1.0)


def test_underflow_is_fresh():
    """A product that is taken in another order may be 0 where that of a fresh call is not."""
    f = lambda x: ((x * 1e-150) * x[::-1]) * 1e250  # noqa: E731
    for verb in (dm.jacobian_fwd, dm.jacobian_rev):
        assert is_replayed(verb, f, (2,))
        for size in (1e-100, 1e-150, 1e-158, 1e-160, 1e-200):
            x = np.array([size, 3.0 * size])
            is_replay = same(verb, f, x)
            with fresh_calls():
                expected = verb(f, x)
            np.testing.assert_allclose(verb(f, x), expected, rtol=1e-15)
        assert not is_replay


def test_warnings_of_the_value_of_a_hessian():
    f = lambda x: np.sum(x * x * x)  # noqa: E731
    assert is_replayed(dm.hessian, f, (3,))
    with pytest.warns(RuntimeWarning, match="overflow"):
        dm.hessian(f, np.full(3, 1e120))
    assert same(dm.hessian, f, VALUES)


def test_a_point_of_overflow_is_not_the_last_word():
    f = lambda x: np.sum(np.exp(x))  # noqa: E731
    with np.errstate(all="ignore"):
        for _ in range(CALLS):
            assert not same(dm.gradient, f, np.full(3, 1000.0))
    for (x,) in itertools.islice(points((3,)), 8 * CALLS):
        is_replay = same(dm.gradient, f, x)
    assert is_replay


@pytest.mark.parametrize("name", ["nanmean", "nanmax", "nanstd", "nanmedian", "nanquantile"])
def test_warnings_that_numbers_decide(name):
    function = getattr(np, name)
    f = lambda x: function(x, *[0.5] * (name == "nanquantile"), axis=1)  # noqa: E731
    for _ in range(CALLS):
        same(dm.jacobian_fwd, f, np.arange(6.0).reshape(2, 3))
    with pytest.warns(RuntimeWarning):
        dm.jacobian_fwd(f, np.array([[1.0, 2.0, 3.0], [np.nan] * 3]))


def test_nested_calls_are_fresh():
    inner = lambda x: np.sum(x**3)  # noqa: E731
    assert is_replayed(dm.gradient, inner, (3,))
    with fresh_calls():
        expected = dm.jacobian_fwd(lambda x: dm.gradient(inner, x), VALUES)
    found = dm.jacobian_fwd(lambda x: dm.gradient(inner, x), VALUES)
    assert not dm.last_call().is_replay
    assert np.array_equal(found, expected)
    assert dm.hessian(inner, VALUES).tolist() == np.diag(6 * VALUES).tolist()
    assert dm.prepare(inner, VALUES, of="gradient")(VALUES).tolist() == (3 * VALUES**2).tolist()
    assert dm.check_jacobian(inner, VALUES)
    dm.explain(inner, VALUES)
    dm.compare(inner, VALUES, seconds=0.01)
    assert same(dm.gradient, inner, VALUES)


def test_kinks_are_reported():
    f = lambda x: np.sum(np.abs(x))  # noqa: E731
    assert is_replayed(dm.gradient, f, (3,))
    with dm.kinks("raise"), pytest.raises(dm.KinkError):
        dm.gradient(f, np.array([0.0, 1.0, 2.0]))
    same(dm.gradient, f, np.array([0.0, 1.0, -2.0]))


def test_threads():
    f = lambda x: np.sin(x) * x[::-1]  # noqa: E731
    wrong = []

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(200):
            x = rng.normal(size=4)
            J = np.diag(np.cos(x) * x[::-1]) + np.fliplr(np.diag(np.sin(x)))
            if not np.allclose(dm.jacobian_fwd(f, x), J, rtol=1e-12, atol=1e-14):
                wrong.append(x)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    dm.jacobian_fwd(f, np.ones(4))
    assert dm.last_call().is_replay


def test_an_interrupt_leaves_nothing_half_done(monkeypatch):
    f = lambda x: np.cos(x)  # noqa: E731
    record, interrupts = repeated.way.recorded, []

    def interrupted(*args):
        one = record(*args)
        if len(interrupts) < 2:
            interrupts.append(1)
            raise KeyboardInterrupt
        return one

    monkeypatch.setattr(repeated.way, "recorded", interrupted)
    for (x,) in itertools.islice(points((2,)), 400):
        with fresh_calls():
            expected = dm.jacobian_fwd(f, x)
        with contextlib.suppress(KeyboardInterrupt):
            assert np.allclose(dm.jacobian_fwd(f, x), expected, rtol=1e-12)
    assert len(interrupts) == 2
    assert dm.last_call().is_replay


def test_arrays_of_the_caller_are_not_kept():
    big = np.ones(3)
    alive = weakref.ref(big)

    def made(a):
        return lambda x: x * a

    for (x,) in itertools.islice(points((3,)), CALLS + 2):
        dm.jacobian_fwd(made(big), x)
    assert dm.last_call().is_replay
    del big
    dm.jacobian_fwd(lambda x: x, np.ones(2))  # which other calls of dualmc let go as well
    gc.collect()
    assert alive() is None


def test_functions_beyond_the_limit_are_forgotten(monkeypatch):
    monkeypatch.setattr(repeated, "MOST_FUNCTIONS", 3)
    monkeypatch.setattr(repeated, "MOST_COUNTED", 50)
    for k in range(80):
        scope = {}
        exec(f"def f(x): return x * {k}.0", scope)
        for _ in range(4 if k % 10 == 0 else 1):
            dm.jacobian_fwd(scope["f"], np.ones(2))
    assert len(repeated._known) <= 60
    assert sum(type(v) is repeated.Repeats for v in repeated._known.values()) <= 3


def test_many_functions_in_many_threads(monkeypatch):
    monkeypatch.setattr(repeated, "MOST_FUNCTIONS", 2)
    monkeypatch.setattr(repeated, "MOST_COUNTED", 8)
    monkeypatch.setattr(repeated, "ASKED_AFTER", 1e9)
    wrong = []

    def work(number):
        for k in range(150):
            scope = {}
            exec(f"def f(x): return x * {k}.0", scope)
            for _ in range(4):
                try:
                    J = dm.jacobian_fwd(scope["f"], np.ones(1))
                except Exception as error:
                    wrong.append(error)
                else:
                    wrong.extend([] if J[0, 0] == k else [k])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_an_argument_that_f_reads_elsewhere_too():
    w = np.array([1.0, 2.0, 0.5])
    f = lambda x: x * w  # noqa: E731
    for _ in range(CALLS):
        is_replay = same(dm.value_and_jacobian_fwd, f, w)
    assert is_replay
    w[0] = 3.0
    assert not same(dm.value_and_jacobian_fwd, f, w)


@pytest.mark.parametrize(("value", "is_on"), [("1", True), ("0", False), ("", False)])
def test_the_environment_switches_it_on(value, is_on):
    code = "import dualmc, dualmc.calls.repeats as r; print(r.answer is not None)"
    environment = {**os.environ, "DUALMC_AUTO_PREPARE": value}
    run = [sys.executable, "-c", code]
    out = subprocess.run(run, env=environment, capture_output=True, text=True, check=True)
    assert out.stdout == f"{is_on}\n"


def test_ways_that_no_call_takes_are_given_up(monkeypatch):
    monkeypatch.setattr(repeated, "MISSES", 5)
    for k in range(40):
        same(dm.jacobian_fwd, lambda x, k=k: x * k, np.ones(2))
    assert "calls" in dm.last_call().reason


@pytest.mark.parametrize(
    "options",
    [
        {"layout": np.ones(2)}, {"layout": "denominator"}, {"chunk_size": 1}, {"has_aux": 0},
        {"argnums": True}, {"argnums": [0]}, {"argnums": 0.0}, {"argnums": -1}, {"argnums": 1},
        {"sparse": 1}, {"sparse": "csc"}, {"sparse": 0}, {"sparse": np.False_}, {"batch": True},
        {"out": np.zeros((3, 3))}, {"has_aux": True}, {"unknown": 1},
    ],
    ids=repr,
)  # fmt: skip
def test_odd_options_are_as_they_are_afresh(options):
    f = lambda x: x * x  # noqa: E731
    assert is_replayed(dm.jacobian_fwd, f, (3,))
    assert same(dm.jacobian_fwd, f, VALUES, argnums=0)  # the same as none
    for _ in range(2):
        with fresh_calls():
            expected = repr(outcome(dm.jacobian_fwd, f, (VALUES,), options))
        assert repr(outcome(dm.jacobian_fwd, f, (VALUES,), options)) == expected
    with pytest.raises(TypeError):
        dm.jacobian_fwd(f)
    assert not same(dm.jacobian_fwd, lambda p: p["a"] * 2.0, {"a": 1.0})


def test_switch():
    f = lambda x: x * x  # noqa: E731
    assert is_replayed(dm.jacobian_fwd, f, (2,))
    with dm.auto_prepare(False):
        before = dm.last_call()
        dm.jacobian_fwd(f, np.ones(2))
        assert dm.last_call() == before
    with pytest.raises(TypeError, match="must be True or False"):
        dm.auto_prepare(1)
    assert repr(dm.auto_prepare(True)) == "auto_prepare(True)"
