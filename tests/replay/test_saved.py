"""A saved program is the same in another process: to the bit, and with all that can be asked."""

import os
import pathlib
import subprocess
import sys
import warnings

import numpy as np
import pytest

import dualmc as dm
from dualmc.replay.saved import steps
from dualmc.unchanged.code.rewriting import is_rewritten

X = np.array([0.5, 1.5, -0.25, 2.0])


def same_bits(a, b):
    """Whether two results, of tuples, dicts or matrices, are the same to the bit."""
    if isinstance(a, dict):
        return type(a) is type(b) and list(a) == list(b) and all(same_bits(a[k], b[k]) for k in a)
    if isinstance(a, (tuple, list)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same_bits, a, b))
    if hasattr(a, "toarray"):
        return type(a) is type(b) and a.nnz == b.nnz and same_bits(a.toarray(), b.toarray())
    a, b = np.asarray(a), np.asarray(b)
    return (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())


def stencil(x):
    return np.roll(x, 1) * np.sin(x) - np.exp(np.roll(x, -1)) / (1.0 + x**2)


def scaled(x, t, power):
    return x * t**power + np.sum(x)


def number(x):
    return np.sum(np.exp(x[1:]) * x[:-1] ** 3) / (1.0 + x[0] ** 2)


def solved(x):
    return np.linalg.solve(np.diag(1.0 + x**2), np.sort(x)) * x


def factored(x):
    L = np.linalg.cholesky(np.eye(x.size) + np.outer(x, x))
    return np.linalg.solve(L, x) * np.linalg.slogdet(L)[1]


def special(x):
    scipy_special = pytest.importorskip("scipy.special")
    return scipy_special.ndtr(x) * scipy_special.xlogy(2.0, x * x)


def of_dict(p):
    return {"a": p["a"] * np.sum(p["b"]), "b": p["b"] ** 2}


def loop(x):
    out = np.zeros_like(x)
    out[0] = x[0]
    for i in range(1, x.size):
        out[i] = out[i - 1] * x[i] if x[i] > 0 else out[i - 1] + x[i]
    return out


P = {"a": 2.0, "b": np.array([1.0, 3.0])}
Q = {"a": -0.5, "b": np.array([0.25, -1.0])}
V = np.array([1.0, -2.0, 0.5, 0.125])
CASES = {
    "dense": (stencil, (X,), (X[::-1].copy(),), {}),
    "csr": (stencil, (X,), (X[::-1].copy(),), {"sparse": True}),
    "csc": (stencil, (X,), (X[::-1].copy(),), {"sparse": "csc"}),
    "banded": (np.diff, (X,), (X[::-1].copy(),), {"sparse": "banded"}),
    "coo": (stencil, (X,), (X[::-1].copy(),), {"sparse": "coo"}),
    "several": (scaled, (X, 2.0, 3), (X + 1, 1.5, 3), {"argnums": (0, 1)}),
    "denominator": (scaled, (X, 2.0, 3), (X + 1, 1.5, 3), {"layout": "denominator"}),
    "gradient": (number, (X,), (X + 1,), {"of": "gradient"}),
    "hessian": (number, (X,), (X + 1,), {"of": "hessian", "sparse": True}),
    "jvp": (stencil, (X, V), (X + 1, V[::-1].copy()), {"of": "jvp"}),
    "vjp": (stencil, (X, V), (X + 1, V[::-1].copy()), {"of": "vjp"}),
    "hvp": (number, (X, V), (X + 1, V[::-1].copy()), {"of": "hvp"}),
    "by-numpy": (solved, (X,), (X * 2,), {}),
    "factored": (factored, (X,), (X * 2,), {}),
    "special": (special, (X,), (X * 2,), {}),
    "product": (np.prod, (1.0 + 0.1 * X,), (1.1 - 0.3 * X,), {}),
    "dict": (of_dict, (P,), (Q,), {}),
    "branches": (loop, (X,), (-X,), {}),
    "scalar": (np.tanh, (0.5,), (-2.0,), {}),
    "list": (stencil, ([0.5, 1.5, 2.0],), ([1.0, 2.0, 3.0],), {}),
    "integers": (stencil, (np.arange(4),), (np.arange(4)[::-1].copy(),), {}),
}
every = pytest.mark.parametrize("name", CASES)


@pytest.fixture(autouse=True)
def _always(always_replayed):
    pass


def prepared_of(name):
    f, at, _, options = CASES[name]
    if options.get("sparse"):
        pytest.importorskip("scipy")
    J = dm.prepare(f, *at, **options)
    assert J.reason is None
    return J


@every
def test_to_the_bit(name, tmp_path):
    _, at, other, _ = CASES[name]
    J = prepared_of(name)
    J(*other)
    J.value_and_jacobian(*at)
    J.save(tmp_path / "J")
    K = dm.load(tmp_path / "J")
    assert (K.paths, K.replays, K.fresh_calls, K.reason) == (J.paths, 0, 0, None)
    for args in (at, other):
        assert same_bits(J(*args), K(*args))
        assert same_bits(J.value_and_jacobian(*args), K.value_and_jacobian(*args))
    assert (K.replays, K.fresh_calls) == (4, 0)


@every
def test_machine_code_for_another_machine_is_compiled_of_the_programs(name, tmp_path, monkeypatch):
    _, at, other, _ = CASES[name]
    J = prepared_of(name)
    J.save(tmp_path / "J")
    versions = "dualmc.versions.of_machine"
    monkeypatch.setattr(versions, lambda: {"machine": ["another"]})
    K = dm.load(tmp_path / "J")
    for args in (at, other):
        assert same_bits(J(*args), K(*args))
        assert same_bits(J.value_and_jacobian(*args), K.value_and_jacobian(*args))
    assert K.replays >= 2


def test_arrays_have_numpys_own_dtypes():
    """By identity, which tells short ways: other ones sum up in another order."""
    for dtype in (float, bool, np.int32, "U3"):
        found = steps.loads(steps.dumps([np.zeros(3, dtype), np.dtype(dtype)]))
        assert found[0].dtype is found[1] or dtype == "U3"
        assert found[0].dtype == np.dtype(dtype)
    assert found is not None and steps.loads(steps.dumps(np.zeros(3))).dtype is np.dtype(float)


def test_no_function_is_called_and_nothing_compiled(tmp_path, monkeypatch):
    J = dm.prepare(stencil, X)
    J.save(tmp_path / "J")
    monkeypatch.setattr("dualmc.replay.path.trace_program", None)
    monkeypatch.setattr("dualmc.replay.path.coded", None)
    K = dm.load(tmp_path / "J", stencil)
    assert same_bits(J(X), K(X))


def test_further_ways_are_recorded(tmp_path):
    J = dm.prepare(loop, X)
    J.save(tmp_path / "J")
    K = dm.load(tmp_path / "J")
    for _ in range(8):
        np.testing.assert_array_equal(K(-X), dm.jacobian_fwd(loop, -X))
    assert K.paths == 2 and K.replays >= 4
    K.save(tmp_path / "J")
    assert dm.load(tmp_path / "J").paths == 2


def test_native_functions_of_what_was_loaded(tmp_path):
    J = dm.prepare(loop, X)
    J(-X)
    J.save(tmp_path / "J")
    K = dm.load(tmp_path / "J")
    native, again = J.njit("both"), K.njit("both", points=[(-X,)])
    for x in (X, -X, 2 * X):
        assert same_bits(native(x), again(x))
    one = dm.prepare(number, X, of="gradient")
    one.save(tmp_path / "one")
    plain = dm.load(tmp_path / "one").cfunc()
    out = np.zeros(4)
    assert 0 == plain.ctypes(X.ctypes.data_as(plain.ctypes.argtypes[0]),
                             out.ctypes.data_as(plain.ctypes.argtypes[1]))  # fmt: skip
    assert same_bits(out, one(X))


def test_what_is_read_outside_is_checked_after_loading_too(tmp_path):
    scope = {"np": np, "K": 2.0, "__name__": "somewhere"}
    exec("def f(x):\n    return K * x**2", scope)
    f = scope["f"]
    dm.prepare(f, X).save(tmp_path / "J")
    J = dm.load(tmp_path / "J", f)
    np.testing.assert_array_equal(J(X), np.diag(4 * X))
    assert (J.replays, J.fresh_calls) == (1, 0)
    scope["K"] = 5.0
    np.testing.assert_array_equal(J(X), np.diag(10 * X))
    assert J.fresh_calls == 1


def test_errors_of_arithmetic_are_what_they_are_to_f(tmp_path):
    def f(x):
        try:
            return x / x[0]
        except (FloatingPointError, RuntimeWarning):
            return 3 * x

    dm.prepare(f, X).save(tmp_path / "J")
    at_zero = np.zeros(4)
    with np.errstate(all="raise"):
        J = dm.load(tmp_path / "J", f)
        np.testing.assert_array_equal(J(at_zero), 3 * np.eye(4))
        assert J.replays == 0
    np.testing.assert_array_equal(J(X), dm.jacobian_fwd(f, X))
    assert J.replays == 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dm.prepare(f, X).save(tmp_path / "J")
    J = dm.load(tmp_path / "J", f)  # where warnings are errors
    np.testing.assert_array_equal(J(at_zero), 3 * np.eye(4))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.isnan(J(at_zero)[:, 0]).all()


def test_while_another_thread_differentiates_f(tmp_path):
    """Then f runs on stand-ins: its code is not its own."""
    from concurrent.futures import ThreadPoolExecutor
    from threading import Event

    started, go = Event(), Event()

    @dm.as_is
    def wait():
        started.set()
        assert go.wait(60)

    def waiting(x):
        wait()
        return loop(x)

    J = dm.prepare(loop, X)
    with ThreadPoolExecutor(1) as pool:
        try:
            other = pool.submit(dm.jacobian_fwd, waiting, X)
            assert started.wait(60)
            assert is_rewritten(loop.__code__)
            J.save(tmp_path / "J")
            K = dm.load(tmp_path / "J")
            assert same_bits(K(X), J(X))
            assert (K.replays, J.replays) == (1, 1)
        finally:
            go.set()
        np.testing.assert_array_equal(other.result(), J(X))
    assert dm.load(tmp_path / "J").paths == 1


def test_many_points(tmp_path):
    J = dm.prepare(stencil, X)
    J.save(tmp_path / "J")
    points = np.random.default_rng(1).normal(size=(50, 4))
    assert same_bits(J(points, batch=True), dm.load(tmp_path / "J")(points, batch=True))


def test_an_existing_file_is_replaced_and_any_name_will_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pathlib.Path("without suffix").write_text("old")
    J = dm.prepare(stencil, X)
    for path in ("without suffix", pathlib.Path("other.npz"), b"bytes".decode()):
        J.save(path)
        assert same_bits(J(X), dm.load(path)(X))
    assert {"without suffix", "other.npz", "bytes"} == {*os.listdir()}


def test_loads_at_once(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    J = dm.prepare(stencil, X)
    J.save(tmp_path / "J")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: dm.load(tmp_path / "J")(X), range(12)))
    assert all(same_bits(J(X), J_x) for J_x in found)


# --- Other processes -----------------------------------------------------------------------------

MODULE = """
import dataclasses

import numpy as np

K = {"a": 2.0, "b": np.arange(3.0)}


def inner(x):
    return np.tanh(x) * K["a"]


def f(x):
    if x[0] > 0 and "ab" in {"ab", "cd", "ef"}:
        return inner(x) + K["b"]
    return x


@dataclasses.dataclass
class Model:
    factor: float

    def __call__(self, x):
        return inner(x) * self.factor

    def method(self, x):
        return np.cumsum(x) * self.factor


OBJECTS = {"function": f, "object": Model(3.0), "method": Model(4.0).method}
"""
SAVING = """
import numpy as np, dualmc as dm, written_models
for name, f in written_models.OBJECTS.items():
    J = dm.prepare(f, np.ones(3))
    assert J.reason is None, J
    J.save(name)
    np.save(name + ".npy", J(np.array([0.25, 0.5, 2.0])))
"""
LOADING = """
import sys, numpy as np, dualmc as dm
for name in ("function", "object", "method"):
    J = dm.load(sys.argv[1] + "/" + name)
    found = J(np.array([0.25, 0.5, 2.0]))
    assert found.tobytes() == np.load(sys.argv[1] + "/" + name + ".npy").tobytes(), found
    assert (J.replays, J.fresh_calls, J.paths) == (1, 0, 1), J
print("loaded")
"""


def run(code, folder, seed, *args, cwd=None):
    paths = [str(folder), *sys.path]
    env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(paths)}
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *map(str, args)], env=env, cwd=cwd or folder,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    return found.stdout


def test_another_process(tmp_path):
    """Of another hash seed, in another folder."""
    (tmp_path / "written_models.py").write_text(MODULE)
    run(SAVING, tmp_path, "1")
    (tmp_path / "elsewhere").mkdir()
    assert "loaded\n" == run(LOADING, tmp_path, "2", tmp_path, cwd=tmp_path / "elsewhere")
    edited = MODULE.replace("np.tanh(x)", "np.sin(x)")
    (tmp_path / "written_models.py").write_text(edited)
    code = """
import sys, dualmc as dm
for name in ("function", "object"):
    try:
        dm.load(sys.argv[1] + "/" + name)
    except ValueError as problem:
        print(problem)
"""
    said = run(code, tmp_path, "3", tmp_path).splitlines()
    assert 2 == len(said)
    assert all("the global name inner differs. Prepare it again" in line for line in said)
