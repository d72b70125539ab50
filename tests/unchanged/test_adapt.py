"""Plain NumPy code, unchanged: which code is reached, and that nothing of the user's changes."""

import ast
import dataclasses
import functools
import gc
import math
import threading
import types
import weakref

import adapted_module
import numpy as np
import pytest
from adapted_judge import X, assert_right, by_element
from adapted_module import MODEL, Model, Slotted, counted, filled

import dualmc as dm
import dualmc.numpy as dnp

K = 2.5


def recursive(n, x):
    if n == 0:
        return np.zeros(3)
    out = recursive(n - 1, x)
    out[n - 1] = x[n - 1] ** n
    return out


def decorated(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


@decorated
def wrapped(x):
    out = np.zeros(2)
    out[0], out[1] = x[0], math.sin(x[1] * x[2])
    return out


@functools.lru_cache
def cached(n):
    return np.arange(n) * 1.0


@dataclasses.dataclass
class Parameters:
    a: object
    b: float = 2.0

    def values(self, x):
        out = np.zeros(2)
        out[0], out[1] = x[0] * self.b, math.exp(x[1]) * self.a
        return out


def closure():
    count, scale = 0, 2.0

    def inner(x):
        nonlocal count
        count += 1
        out = np.zeros(3)
        out[:] = x * x * scale
        return out

    return inner


def imports(x):
    import math as m

    import numpy as n
    from numpy import ones

    out = n.zeros(2) + ones(2)
    out[0] = m.sqrt(x[0])
    return out


def inner_functions(x):
    def row(i):
        out = np.zeros(3)
        out[i] = x[i] * K
        return out

    return np.stack([row(i) for i in range(3)])


def default_arguments(x, np=np, root=math.sqrt):
    out = np.zeros(1)
    out[0] = root(x[0])
    return out


FOUND = {
    "a module's function": filled,
    "through the module": lambda x: adapted_module.filled(x),
    "method": MODEL.scaled,
    "callable": MODEL,
    "an object's method": lambda x: MODEL(x),
    "an object through its module": lambda x: adapted_module.MODEL(x),
    "an object made inside": lambda x: Model(x[0])(x),
    "static method": lambda x: Model.squares(x),
    "class method": lambda x: Model.cubes(x),
    "dataclass": lambda x: Parameters(x[2]).values(x),
    "slots": lambda x: Slotted(K).times(x),
    "recursion": lambda x: recursive(3, x),
    "decorator": wrapped,
    "cache": lambda x: cached(3) * x,
    "closure": closure(),
    "imports inside": imports,
    "inner functions": inner_functions,
    "default arguments": default_arguments,
    "partial": functools.partial(lambda p, x: np.full(3, 0.0) + x * p, 2.0),
    "partial of a method": functools.partial(MODEL.scaled),
    "getattr": lambda x: by_element(getattr(np, "zeros"))(x),  # noqa: B009
    "passed as an argument": lambda x: by_element(np.zeros)(x),
    "lambda": lambda x: (lambda out: (out.__setitem__(0, x[0] * x[1]), out)[1])(np.zeros(2)),
    "inner derivative": lambda x: dm.jacobian_fwd(
        lambda y: np.array([y[0] * x[1], math.sin(y[1]) * x[0]]), x * 1.0
    ),
    "dualmc.numpy": lambda x: by_element(dnp.zeros)(x),
}


@pytest.mark.parametrize("f", FOUND.values(), ids=FOUND)
def test_code_is_reached(f):
    assert_right(f)


def test_compiled_functions_run_as_the_python_they_were_made_of():
    numba = pytest.importorskip("numba")

    @numba.njit
    def kernel(x):
        out = np.zeros(3)
        for i in range(3):
            out[i] = math.sin(x[i]) * x[0]
        return out

    assert_right(kernel)
    assert_right(lambda x: kernel(x) + 1.0)


# --- Nothing of the user's changes ---------------------------------------------------------------


def test_global_variables_are_handed_back():
    adapted_module.calls = 0
    dm.jacobian_fwd(counted, X)
    assert 1 == adapted_module.calls and type(adapted_module.calls) is int
    assert 2 == counted(X)[0] / math.sqrt(X[0])
    dm.jacobian_fwd(counted, X, chunk_size=1)
    assert 5 == adapted_module.calls


def test_global_variables_are_handed_back_after_an_error():
    source = "def f(x):\n    global seen\n    seen = 1\n    raise KeyError\n"
    module = types.ModuleType("made_up")
    code = compile(ast.parse(source), "made_up", "exec")
    exec(code, module.__dict__)
    with pytest.raises(KeyError):
        dm.jacobian_fwd(module.f, X)
    assert 1 == module.seen


def test_data_is_as_current_as_the_module(monkeypatch):
    before = dm.jacobian_fwd(filled, X)
    monkeypatch.setattr(adapted_module, "SCALE", 6.0)
    np.testing.assert_allclose(dm.jacobian_fwd(filled, X), 2 * before, rtol=1e-15)
    monkeypatch.setattr(adapted_module, "zeros", lambda n: np.ones(n + 1))
    assert (4, 3) == dm.jacobian_fwd(filled, X).shape


def test_objects_keep_their_state():
    model = Model(1.0)
    dm.jacobian_fwd(model, X)
    assert 1 == model.uses and type(model) is Model
    assert {"shift": 1.0, "uses": 1} == model.__dict__


def test_modules_and_functions_are_as_they_were():
    before = dict(vars(adapted_module)), vars(np)["zeros"], vars(math)["sin"], filled.__globals__
    for f in FOUND.values():
        dm.jacobian_fwd(f, X)
    now = dict(vars(adapted_module)), vars(np)["zeros"], vars(math)["sin"], filled.__globals__
    before[0].pop("calls"), now[0].pop("calls")
    assert before[0].keys() == now[0].keys()
    assert all(before[0][name] is now[0][name] for name in now[0])
    assert before[1:3] == now[1:3] and before[3] is now[3]


def calling_each_other(depth):
    """Two inner functions that know each other by their closures, each with a buffer of its own."""

    def ping(x, k):
        out = np.zeros(x.size)
        out[:] = x * x if k == 0 else np.sin(pong(x, k - 1))
        return out

    def pong(x, k):
        out = np.zeros(x.size)
        out[:] = x if k == 0 else 2.0 * ping(x, k - 1)
        return out

    return lambda x: ping(x, depth)


@pytest.mark.parametrize("depth", [0, 1, 2, 5])
def test_closures_that_call_each_other(depth):
    f = calling_each_other(depth)
    for _ in range(2):
        assert_right(f)


def test_a_closure_is_as_current_as_its_variables():
    """Functions and data that a closure names may change from one call to the next."""

    def build():
        scale = 1.0

        def inner(x):
            out = np.zeros(x.size)
            out[:] = scale * x * x
            return out

        def other(x):
            return np.cos(x)

        def f(x):
            return inner(x) + 0.0 * scale

        def change(value):
            nonlocal scale
            scale = value

        def swap():
            nonlocal inner
            inner = other

        return f, change, swap

    f, change, swap = build()
    for value in (1.0, 3.0, -2.0):
        change(value)
        for _ in range(2):
            np.testing.assert_allclose(dm.jacobian_fwd(f, X), np.diag(2.0 * value * X), rtol=1e-15)
    swap()
    for _ in range(2):
        np.testing.assert_allclose(dm.jacobian_fwd(f, X), np.diag(-np.sin(X)), rtol=1e-15)


def test_closures_are_freed():
    f = calling_each_other(2)
    dm.jacobian_fwd(f, X)
    alive = weakref.ref(f)
    del f
    gc.collect()
    assert alive() is None


def test_threads():
    expected = dm.jacobian_fwd(MODEL.scaled, X)
    failed = []

    def work():
        try:
            for _ in range(20):
                assert np.array_equal(expected, dm.jacobian_fwd(MODEL.scaled, X))
                assert type(np.zeros(2)) is np.ndarray
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [] == failed


# --- What cannot be reached is loud, and says where ----------------------------------------------

KEPT_ELSEWHERE = {"zeros": np.zeros}


def test_functions_kept_in_a_dictionary_are_reached():
    def f(x):
        out = KEPT_ELSEWHERE["zeros"](3)
        out[0] = x[0]
        return out

    assert_right(f, X)


def test_an_array_made_outside_is_not_written_to():
    out = np.zeros(3)

    def f(x):
        out[0] = x[0]
        return out

    with pytest.raises(dm.TangentLostError, match="Allocate with numpy.zeros_like"):
        dm.jacobian_fwd(f, X)
    assert [0.0, 0.0, 0.0] == out.tolist()


def test_float_names_the_line():
    with pytest.raises(dm.TangentLostError, match=r"test_adapt.py, line \d+: .*float\(x\[0\]\)"):
        dm.jacobian_fwd(dm.as_is(lambda x: np.array([float(x[0])])), X)


def test_a_missing_rule_names_the_line():
    with pytest.raises(dm.MissingRuleError, match=r"numpy.nextafter(.|\n)*test_adapt.py, line \d+"):
        dm.jacobian_fwd(lambda x: np.nextafter(x, 0.0), X)


def test_as_is():
    @dm.as_is
    def plain(x):
        out = np.zeros(3)
        out[:] = x
        return out

    for f in (plain, lambda x: plain(x) * 2):
        with pytest.raises(dm.TangentLostError):
            dm.jacobian_fwd(f, X)
    with pytest.raises(TypeError, match="as_is needs a Python function or class"):
        dm.as_is(3.0)


def test_objects_whose_class_does_not_say_its_module_by_a_name():
    """As those of some functions compiled by Cython."""
    members = {"__module__": property(lambda self: "m"), "__call__": lambda self, x: x * x}
    squared = type("Hidden", (), members)()
    x = np.array([1.0, 3.0])
    np.testing.assert_array_equal(dm.jacobian_fwd(lambda x: squared(x), x), np.diag(2 * x))
