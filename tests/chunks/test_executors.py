"""Jacobians by executors: the bits of the plain call with the same chunks, whoever it is."""

import functools
import multiprocessing
import os
import sys
import threading
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor

import chunk_functions as functions
import numba
import numpy as np
import pytest
from chunk_functions import CHUNK, X
from expecting import raises_literally as raises

import dualmc as dm
from dualmc.chunks import sending

SPAWN = multiprocessing.get_context("spawn")
HERE = os.path.dirname(__file__)


def pool(**options):
    return ProcessPoolExecutor(2, mp_context=SPAWN, **options)


@pytest.fixture(scope="module", autouse=True)
def importable():
    """Workers that are spawned find `chunk_functions`."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([HERE, *filter(None, [before])])
    yield
    if before is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = before


@pytest.fixture(scope="module")
def processes(importable):
    with pool() as executor:
        yield executor


@pytest.fixture(scope="module")
def threads():
    with ThreadPoolExecutor(3) as executor:
        yield executor


@pytest.fixture(params=["threads", "processes"])
def executor(request):
    return request.getfixturevalue(request.param)


class Here(Executor):
    """Computes at once, or loses what it is given from the `lost`-th task on."""

    _max_workers = 1

    def __init__(self, lost=10**9, error=None):
        self.tasks, self.lost, self.error = 0, lost, error

    def submit(self, function, *args):
        future = Future()
        if function is not eval:
            self.tasks += 1
        if self.tasks > self.lost:
            future.set_exception(self.error)
        else:
            future.set_result(function(*args))
        return future


def test_the_bits_do_not_depend_on_the_executor(executor):
    plain = dm.jacobian_fwd(functions.dense, X, chunk_size=CHUNK)
    found = dm.jacobian_fwd(functions.dense, X, chunk_size=CHUNK, executor=executor)
    np.testing.assert_array_equal(plain, found)
    np.testing.assert_allclose(found, functions.dense_jacobian(X), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("chunk_size", [1, 2, 7, 59, 60, 61, None])
def test_the_result_does_not_depend_on_the_chunks(threads, chunk_size):
    options = {"chunk_size": chunk_size}
    expected = functions.dense_jacobian(X)
    y, J = dm.value_and_jacobian_fwd(functions.dense, X, executor=threads, **options)
    np.testing.assert_array_equal(functions.dense(X), y)
    np.testing.assert_allclose(J, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(
        dm.jacobian_fwd(functions.dense, X, **options), expected, 1e-12, 1e-12
    )


def test_sparse_formats_and_layouts(executor):
    plain = dm.jacobian_fwd(functions.banded, X, sparse="csc", layout="denominator")
    options = {"sparse": "csc", "layout": "denominator", "chunk_size": CHUNK}
    found = dm.jacobian_fwd(functions.banded, X, executor=executor, **options)
    assert "csc" == found.format and plain.nnz == found.nnz
    np.testing.assert_array_equal(plain.toarray(), found.toarray())


def test_several_arguments_aux_and_structures(executor):
    a, b = np.linspace(1.0, 2.0, 6).reshape(2, 3), np.float32(2.0)
    options = {"argnums": (2, 0), "chunk_size": 2}
    plain = dm.jacobian_fwd(mixed, a, 3.0, b, has_aux=True, **options)
    found = dm.jacobian_fwd(mixed, a, 3.0, b, has_aux=True, executor=executor, **options)
    for one, other in zip(plain[0], found[0], strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype and one.shape == other.shape
    assert "seen" == found[1]
    plain = dm.jacobian_fwd(structured, {"u": a, "v": 2.0})
    found = dm.jacobian_fwd(structured, {"u": a, "v": 2.0}, executor=executor)
    for out in plain:
        for name in plain[out]:
            np.testing.assert_array_equal(plain[out][name], found[out][name])


def mixed(a, k, b):
    return a[:, :2] * b**k, "seen"


def structured(p):
    return {"sum": np.sum(p["u"]) * p["v"], "each": p["u"] ** p["v"]}


@numba.njit
def compiled(x):
    y = np.empty(x.size)
    for i in range(x.size):
        y[i] = np.sin(x[i]) * x[i - 1]
    return y


def test_compiled_functions(threads):
    expected = np.diag(np.cos(X) * np.roll(X, 1)) + np.diag(np.sin(X))[:, np.roll(range(60), -1)]
    for options in ({}, {"chunk_size": CHUNK}, {"chunk_size": 33}):
        found = dm.jacobian_fwd(compiled, X, executor=threads, **options)
        np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-15)
    S = dm.jacobian_fwd(compiled, X, executor=threads, sparse=True)
    np.testing.assert_allclose(S.toarray(), expected, rtol=1e-13, atol=1e-15)


def test_compiled_functions_of_several_arguments(threads):
    @numba.njit
    def f(a, b):
        return a * np.sum(b) + b

    a, b = X[:5], X[5:10]
    for argnums in ((0, 1), (1, 0)):
        plain = dm.jacobian_fwd(f, a, b, argnums=argnums)
        found = dm.jacobian_fwd(f, a, b, argnums=argnums, executor=threads, chunk_size=3)
        for one, other in zip(plain, found, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-14)


def test_f_is_called_once_per_chunk_and_once_more():
    calls = []

    def f(x):
        calls.append(x.size)
        return functions.dense(x)

    here = Here()
    dm.jacobian_fwd(f, X, executor=here, chunk_size=10)  # which looks at what runs, too
    calls.clear()
    dm.jacobian_fwd(f, X, executor=here, chunk_size=10)
    assert 7 == len(calls)


def test_inside_of_another_derivative_call_it_changes_nothing(threads):
    def f(x):
        return np.sum(dm.jacobian_fwd(np.sin, x, executor=threads, chunk_size=1), axis=0)

    np.testing.assert_allclose(dm.jacobian_fwd(f, X[:3]), np.diag(-np.sin(X[:3])))


def test_values_that_meet(processes):
    """Smooth functions of matrices with a repeated eigenvalue: all columns know of it."""
    found = dm.jacobian_fwd(of_matrix, np.eye(3), executor=processes, chunk_size=2)
    S = np.eye(9).reshape(3, 3, 3, 3)
    expected = np.e * (S + S.transpose(0, 1, 3, 2)) / 2  # exp(I + e S) = e (I + e S)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def of_matrix(A):
    w, v = np.linalg.eigh((A + A.T) / 2)
    return (v * np.exp(w)) @ v.T


def test_the_state_of_the_thread_goes_along(threads, processes):
    for executor in (threads, processes):
        with np.errstate(all="raise"), pytest.raises(FloatingPointError):
            dm.jacobian_fwd(divides_there, X, executor=executor, chunk_size=CHUNK)
    caller = threading.get_ident()

    def f(x):
        try:
            return np.nextafter(x, np.inf) if threading.get_ident() != caller else 1.0 * x
        except NotImplementedError:
            return 1.0 * x

    with pytest.raises(dm.MissingRuleError, match="f caught a MissingRuleError"):
        dm.jacobian_fwd(f, X, executor=threads)
    with dm.refusals("warn"), pytest.warns(dm.RefusalSwallowedWarning):
        np.testing.assert_array_equal(np.eye(60), dm.jacobian_fwd(f, X, executor=threads))


def divides_there(x):
    here = threading.main_thread() is threading.current_thread()
    return x * (1.0 if here and not functions.is_worker() else np.float64(1.0) / np.zeros(1))


# --- What goes wrong ------------------------------------------------------------------------------


def test_a_worker_that_is_killed_loses_nothing(tmp_path):
    plain = dm.jacobian_fwd(functions.dense, X, chunk_size=CHUNK)
    flag = str(tmp_path / "killed")
    with pool() as executor:
        with pytest.warns(RuntimeWarning, match="What was finished is kept; the other .* columns"):
            found = dm.jacobian_fwd(
                functions.first_is_killed, X, flag, executor=executor, chunk_size=CHUNK
            )
        np.testing.assert_array_equal(plain, found)
        assert os.path.exists(flag)
        with raises(RuntimeError, "jacobian_fwd: executor= takes no tasks ("):
            dm.jacobian_fwd(functions.dense, X, executor=executor)


@pytest.mark.parametrize("lost", [0, 1, 4])
def test_what_an_executor_loses_is_computed_here(lost):
    from concurrent.futures import BrokenExecutor, CancelledError

    plain = dm.jacobian_fwd(functions.dense, X, chunk_size=10)
    for error in (BrokenExecutor("gone"), CancelledError()):
        here = Here(lost, error)
        with pytest.warns(RuntimeWarning, match=f"the other {60 - 10 * lost} columns of dense"):
            found = dm.jacobian_fwd(functions.dense, X, executor=here, chunk_size=10)
        np.testing.assert_array_equal(plain, found)


def test_errors_of_the_executor_are_not_those_of_f():
    with pytest.raises(ConnectionError, match="no route") as caught:
        dm.jacobian_fwd(functions.dense, X, executor=Here(2, ConnectionError("no route")))
    assert "f itself did not" in caught.value.__notes__[0]


def test_executors_that_are_shut_down():
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with raises(RuntimeError, "executor= takes no tasks (cannot schedule new futures after shut"):
        dm.jacobian_fwd(functions.dense, X, executor=executor)


def test_errors_of_f(executor):
    with pytest.raises(KeyError, match="no such rate") as caught:
        f = functions.fails_there if not isinstance(executor, ThreadPoolExecutor) else fails_aside
        dm.jacobian_fwd(f, X, executor=executor, chunk_size=CHUNK)
    notes = "\n".join(caught.value.__notes__)
    assert "This was in the chunk of columns " in notes
    assert f is fails_aside or "in fails_there" in notes  # the traceback of the worker


def fails_aside(x):
    if threading.current_thread() is not threading.main_thread():
        raise KeyError("no such rate")
    return 2.0 * x


def test_errors_that_cannot_be_sent(processes):
    with pytest.raises(RuntimeError, match="f raised Unsendable in a worker") as caught:
        dm.jacobian_fwd(functions.fails_unsendably, X, executor=processes)
    assert any("Unsendable: bad" in note for note in caught.value.__notes__)
    found = dm.jacobian_fwd(functions.dense, X, executor=processes)  # which lives
    np.testing.assert_allclose(found, functions.dense_jacobian(X), rtol=1e-12, atol=1e-12)


def test_functions_that_pickle_does_not_take(processes, monkeypatch):
    k = 3.0
    pytest.importorskip("cloudpickle")
    found = dm.jacobian_fwd(lambda x: k * functions.banded(x), X, executor=processes, sparse=True)
    np.testing.assert_allclose(
        found.toarray(), 3 * dm.jacobian_fwd(functions.banded, X), rtol=1e-15
    )
    monkeypatch.setattr(sending, "BY_VALUE", ())
    with pytest.raises(Exception, match="pickle does not take .*<lambda> with its arguments"):
        dm.jacobian_fwd(lambda x: k * x, X, executor=processes)


def test_functions_that_nothing_can_send(processes, monkeypatch):
    lock = threading.Lock()
    monkeypatch.setattr(sending, "BY_VALUE", ("cloudpickle",))
    with pytest.raises(Exception, match="pickle does not take .*<lambda> .*or use threads"):
        dm.jacobian_fwd(lambda x: x if lock else x, X, executor=processes)


def without_dualmc():
    for name in [name for name in sys.modules if name.partition(".")[0] == "dualmc"]:
        del sys.modules[name]
    sys.modules["dualmc"] = None


def test_workers_without_dualmc():
    with pool(initializer=without_dualmc) as executor:
        with raises(RuntimeError, "a worker of executor= cannot import dualmc ("):
            dm.jacobian_fwd(functions.dense, X, executor=executor)


def test_workers_where_f_is_another_function(processes, monkeypatch):
    monkeypatch.setattr(functions, "scale", 5.0)  # of this process alone
    with raises(ValueError, "f has another value in the chunk of columns "):
        dm.jacobian_fwd(functions.scaled, X, executor=processes)
    zeros = np.zeros(60)  # where the value is the same, and the derivative is not
    with raises(ValueError, "f has another derivative in the chunk of columns "):
        dm.jacobian_fwd(functions.sloped, zeros, executor=processes)
    with raises(ValueError, "f has another derivative in the chunk of columns "):
        dm.jacobian_fwd(functions.sloped, zeros, executor=processes, sparse=True)
    monkeypatch.setattr(functions, "scale", 1.0)
    found = dm.jacobian_fwd(functions.sloped, zeros, executor=processes)
    np.testing.assert_array_equal(np.eye(60), found)


def test_functions_that_draw_random_numbers(threads):
    rng = np.random.default_rng(1)
    with raises(ValueError, "it draws random numbers, changes what it reads"):
        dm.jacobian_fwd(lambda x: x * rng.random(), X, executor=threads)


def test_objects_that_threads_share():
    """Another thread overwrites the Dual that f keeps: an error, not the derivative of neither."""
    model = functions.Model()
    with ThreadPoolExecutor(2) as two, pytest.raises(dm.TangentLostError):
        dm.jacobian_fwd(model, X[:2], executor=two, chunk_size=1)
    assert model.has_met


@pytest.mark.parametrize("wrong", [3, "threads", True, object()])
def test_what_is_no_executor(wrong):
    kind = type(wrong).__name__
    with raises(TypeError, "executor must be a concurrent.futures.Executor, of threads or process"):
        dm.jacobian_fwd(np.sin, X, executor=wrong)
    with raises(TypeError, f"got {kind}."):
        dm.value_and_jacobian_fwd(np.sin, X, executor=wrong)


def test_pending_chunks_are_cancelled_where_f_fails():
    begun = []
    gate = threading.Event()

    def f(x):
        if threading.current_thread() is threading.main_thread():
            return 1.0 * x
        begun.append(1)
        if len(begun) == 1:
            raise ZeroDivisionError
        gate.wait(0.2)
        return 1.0 * x

    with ThreadPoolExecutor(1) as one:
        with pytest.raises(ZeroDivisionError):
            dm.jacobian_fwd(f, X, executor=one, chunk_size=1)
        gate.set()
    assert len(begun) < 10  # of 60


def test_partial_functions_and_methods(processes):
    f = functools.partial(functions.first_is_killed, flag="/nowhere/at all")
    with pytest.raises(FileNotFoundError):
        dm.jacobian_fwd(f, X, executor=processes)


# --- loky and dask --------------------------------------------------------------------------------


def test_loky(importable):
    loky = pytest.importorskip("loky")
    executor = loky.get_reusable_executor(2)
    found = dm.jacobian_fwd(functions.dense, X, executor=executor, chunk_size=CHUNK)
    np.testing.assert_array_equal(dm.jacobian_fwd(functions.dense, X, chunk_size=CHUNK), found)
    executor.shutdown()


def test_dask(importable, tmp_path):
    distributed = pytest.importorskip("distributed")
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
    )
    flag = str(tmp_path / "killed")
    plain = dm.jacobian_fwd(functions.dense, X, chunk_size=CHUNK)
    with cluster, distributed.Client(cluster) as client:
        executor = client.get_executor()
        found = dm.jacobian_fwd(functions.dense, X, executor=executor, chunk_size=CHUNK)
        np.testing.assert_array_equal(plain, found)
        found = dm.jacobian_fwd(
            functions.first_is_killed, X, flag, executor=executor, chunk_size=CHUNK
        )
        np.testing.assert_array_equal(plain, found)
        assert os.path.exists(flag)  # and the cluster has computed that chunk again
        with pytest.raises(KeyError, match="no such rate"):
            dm.jacobian_fwd(functions.fails_there, X, executor=executor)
