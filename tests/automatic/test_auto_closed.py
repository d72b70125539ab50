"""What is closed, and that everything which closed code reads is compared at every call.

The adversary changes, between two calls, whatever a function could have read; a fresh call at the
same time says what is right.
"""

import builtins
import functools
import math
import threading
import time
import types
import warnings

import numpy as np
import pytest
from automatic_judge import same

import dualmc as dm
from dualmc.automatic import allowed, repeated
from dualmc.automatic.closed import Closed, NotClosed
from dualmc.custom import REGISTERED_RULES
from dualmc.unchanged.standins import table

pytestmark = [
    pytest.mark.filterwarnings("default::RuntimeWarning"), pytest.mark.usefixtures("at_once"),
]  # fmt: skip

CALLS = repeated.FIRST_CALLS + 4 + repeated.COMPARED
X = np.array([0.5, 1.0, 2.0])

SOURCE = """
import math
import numpy as np
from numpy import cos as cosine

def helper(x, power=2):
    return x**power * b

def named(x, *, k=1.0):
    return x * k

a = 2.0
b = 3.0
w = np.array([1.0, 2.0, 3.0])
ints = np.array([1, 2, 3])
pair = (1.0, 2)

def number(x): return x * a
def array(x): return x * w
def integers(x): return x**ints
def item(x): return x * w[1]
def shape(x): return x * w.shape[0]
def of_tuple(x): return x * pair[1]
def called(x): return helper(x)
def keyword(x): return named(x)
def sine(x): return np.sin(x)
def imported(x): return cosine(x)
def of_math(x): return x * math.sin(x[0])
def pi(x): return x * np.pi
def linalg(x): return x * np.linalg.norm(x)
def total(x): return x * sum([1.0, 2.0])
def largest(x): return x * max(len(x), 2)
def default(x, k=2.0): return x * k
def only(x, *, k=2.0): return x * k
def either(x): return x * a if a > 1 else x * b
def deep(x): return number(x) + called(x)
def dtype(x): return x * np.zeros(3, dtype=np.float64) + x * a
def in_comprehension(x): return np.array([v * a for v in x])
def in_generator(x): return sum(v * a for v in x) * x
def in_lambda(x): return (lambda v: v * a + w)(x)
"""


@pytest.fixture
def module():
    made = types.ModuleType("closed_functions")
    exec(compile(SOURCE, "<closed functions>", "exec"), made.__dict__)
    return made


def replayed(f, verb=dm.value_and_jacobian_fwd):
    """f, after calls that end in a replay."""
    for k in range(CALLS):
        is_replay = same(verb, f, X + 0.01 * k)
    assert is_replay, dm.last_call()
    return f


def put(name, value):
    return lambda m, f: setattr(m, name, value)


def put_in(owner, name, value):
    def change(m, f):
        m.undo.append((owner, name, getattr(owner, name)))
        setattr(owner, name, value)

    return change


def written(m, f):
    m.w[1] = 7.0


def locked(m, f):
    m.w.flags.writeable = False
    m.w = m.w * 2


def viewed(m, f):
    m.ints = m.ints.view(np.float64)


def resized(m, f):
    m.w.resize(6, refcheck=False)


def other_code(m, f):
    f.__code__ = (lambda x: x * 5.0).__code__


def helper_code(m, f):
    m.helper.__code__ = (lambda x, power=2: x * 11.0).__code__


def attribute(name, value, owner=None):
    return lambda m, f: setattr(f if owner is None else getattr(m, owner), name, value)


CHANGES = {
    "number": ("number", put("a", 5.0)),
    "number-int": ("number", put("a", 2)),
    "number-bool": ("either", put("a", True)),
    "number-float32": ("number", put("a", np.float32(2))),
    "number-float64": ("number", put("a", np.float64(2.5))),
    "number-nan": ("number", put("a", np.nan)),
    "number-array": ("number", put("a", np.array([1.0, 2, 3]))),
    "number-list": ("number", put("a", [1.0])),
    "number-gone": ("number", lambda m, f: delattr(m, "a")),
    "other-branch": ("either", put("a", 0.5)),
    "in-comprehension": ("in_comprehension", put("a", 7.0)),
    "in-generator": ("in_generator", put("a", 7.0)),
    "in-lambda": ("in_lambda", written),
    "array-written": ("array", written),
    "array-item": ("item", written),
    "array-replaced": ("array", put("w", np.array([3.0, 2, 1]))),
    "array-resized": ("array", resized),
    "array-shape": ("shape", put("w", np.ones(5))),
    "array-locked": ("array", locked),
    "array-viewed": ("integers", viewed),
    "array-float32": ("array", put("w", np.ones(3, np.float32))),
    "array-ints": ("array", put("w", np.array([1, 2, 4]))),
    "array-matrix": ("array", put("w", np.array([[1.0], [2.0]]))),
    "array-subclass": ("array", put("w", np.ma.array([1.0, 2, 3], mask=[0, 1, 0]))),
    "tuple": ("of_tuple", put("pair", (1.0, 3))),
    "tuple-true": ("of_tuple", put("pair", (1.0, True))),
    "helper": ("called", put("helper", lambda x: 9.0 * x)),
    "helper-sine": ("called", put("helper", np.sin)),
    "helper-code": ("called", helper_code),
    "helper-global": ("called", put("b", 4.0)),
    "helper-defaults": ("called", attribute("__defaults__", (3,), "helper")),
    "helper-keywords": ("keyword", attribute("__kwdefaults__", {"k": 3.0}, "named")),
    "deep-helper": ("deep", put("b", 4.0)),
    "deep-number": ("deep", put("a", 4.0)),
    "defaults": ("default", attribute("__defaults__", (3.0,))),
    "defaults-bool": ("default", attribute("__defaults__", (True,))),
    "keywords": ("only", attribute("__kwdefaults__", {"k": 3.0})),
    "code": ("number", other_code),
    "numpy-sine": ("sine", put_in(np, "sin", np.cos)),
    "numpy-sine-of-the-user": ("sine", put_in(np, "sin", lambda x: 2.0 * x)),
    "numpy-pi": ("pi", put_in(np, "pi", 3.0)),
    "numpy-float64": ("dtype", put_in(np, "float64", np.int64)),
    "imported": ("imported", put("cosine", np.sin)),
    "norm": ("linalg", put_in(np.linalg, "norm", lambda x: 2.0)),
    "linalg": ("linalg", put_in(np, "linalg", types.SimpleNamespace(norm=lambda x: 3.0))),
    "math": ("of_math", put_in(math, "sin", math.cos)),
    "math-module": ("of_math", put("math", types.SimpleNamespace(sin=lambda x: 2.0))),
    "numpy-module": ("sine", put("np", types.SimpleNamespace(sin=lambda x: 3.0 * x))),
    "builtin-hidden": ("total", put("sum", lambda v: 50.0)),
    "builtin": ("total", put_in(builtins, "sum", lambda v, s=0: 50.0)),
    "builtin-max": ("largest", put("max", min)),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_seen(module, name):
    function, change = CHANGES[name]
    f = replayed(getattr(module, function))
    module.undo = []
    try:
        change(module, f)
        is_replay = same(dm.value_and_jacobian_fwd, f, X)
        after = [same(dm.value_and_jacobian_fwd, f, X) for _ in range(4)]
    finally:
        for owner, attribute_name, value in module.undo:
            setattr(owner, attribute_name, value)
    assert not is_replay
    for _ in range(4):
        after.append(same(dm.value_and_jacobian_fwd, f, X))


@pytest.mark.parametrize("function", ["number", "array", "called", "sine", "total", "default"])
def test_a_change_of_nothing_is_none(module, function):
    f = replayed(getattr(module, function))
    module.a, module.w = 1.0 + module.a - 1.0, module.w.copy()
    module.unrelated = 3.0
    assert same(dm.value_and_jacobian_fwd, f, X)


def test_an_attribute_of_a_helper(module):
    f = replayed(module.called)
    module.helper.k = 2.0
    assert not same(dm.jacobian_fwd, f, X)


def test_closures_that_change():
    def made(k):
        def put(value):
            nonlocal k
            k = value

        def drop():
            nonlocal k
            del k

        return (lambda x: x * k), put, drop

    f, put, drop = made(2.0)
    replayed(f)
    for value in (3.0, 2, np.float32(2), True, None, [2.0], "a", np.ones(3), 2.0):
        put(value)
        is_replay = same(dm.value_and_jacobian_fwd, f, X)
        assert is_replay == (type(value) is float and value == 2.0)
    drop()
    assert not same(dm.value_and_jacobian_fwd, f, X)


def test_closures_in_closures():
    def made(k, a):
        def inner(x):
            return x * k + a

        def f(x):
            return inner(x) * 2

        return f

    w = np.array([1.0, 2.0, 3.0])
    replayed(made(2.0, w))
    assert same(dm.value_and_jacobian_fwd, made(2.0, w.copy()), X)
    assert not same(dm.value_and_jacobian_fwd, made(2.5, w), X)
    w[0] = 9.0
    assert not same(dm.value_and_jacobian_fwd, made(2.0, w), X)


def test_equal_functions_of_other_modules():
    def of(a):
        scope = {"a": a, "np": np}
        exec(CODE, scope)
        return scope["f"]

    replayed(of(2.0))
    assert not same(dm.value_and_jacobian_fwd, of(3.0), X)


CODE = compile("def f(x): return x * a", "<one code>", "exec")


# --- What is not closed --------------------------------------------------------------------------


class Holder:
    k = 2.0

    def __init__(self):
        self.k, self.calls = 2.0, 0

    def method(self, x):
        return x * self.k

    def __call__(self, x):
        self.calls += 1
        return x * self.calls


HOLDER = Holder()
LIST, DICT, COUNT = [2.0], {"k": 2.0}, 0
PERCENT = "%s"
OBJECTS = np.array([2.0, 3.0, 4.0], dtype=object)


def writes_global(x):
    global COUNT
    COUNT += 1
    return x * COUNT


def makes_nonlocal():
    k = 0

    def f(x):
        nonlocal k
        k += 1
        return x * k

    return f


def with_inner_nonlocal(x):
    k = 0

    def step():
        nonlocal k
        k += 1
        return k

    step()
    return x * step()


def catches(x):
    try:
        return x * 2.0
    except TypeError:
        return x


def finally_(x):
    try:
        return x * 2
    finally:
        pass


def imports(x):
    import math

    return x * math.pi


def generates(x):
    def inner():
        yield 2.0

    return x * next(inner())


def has_class(x):
    class Local:
        k = 2.0

    return x * Local.k


def mutable_default(x, seen=[]):  # noqa: B006
    seen.append(1)
    return x * len(seen)


def array_default(x, w=np.ones(3)):  # noqa: B008
    return x * w


def marked(x):
    return x * marked.k


marked.k = 2.0


@functools.lru_cache
def cached(k):
    return 2.0 * k


def chosen_module(x):
    return (np if x[0] > 0 else math).sin(x)


def sets(x):
    return x * len({1, 2})


NOT_CLOSED = {
    "attribute": (lambda x: x * HOLDER.k, "HOLDER"),
    "class-attribute": (lambda x: x * Holder.k, "Holder"),
    "method": (lambda x: HOLDER.method(x), "HOLDER"),
    "list": (lambda x: x * LIST[0], "LIST is a list"),
    "dict": (lambda x: x * DICT["k"], "DICT is a dict"),
    "objects": (lambda x: x * OBJECTS, "OBJECTS"),
    "global": (writes_global, "global name COUNT"),
    "nonlocal": (makes_nonlocal(), "writes to k"),
    "inner-nonlocal": (with_inner_nonlocal, "writes to k"),
    "try": (catches, "try"),
    "finally": (finally_, ""),
    "import": (imports, "imports math"),
    "generator": (generates, ""),
    "class": (has_class, ""),
    "mutable-default": (mutable_default, "default"),
    "array-default": (array_default, "default"),
    "own-attribute": (marked, "attributes"),
    "cached": (lambda x: x * cached(2.0), "cached"),
    "partial": (lambda x: PARTIAL(x), "PARTIAL"),
    "random": (lambda x: x * np.random.normal(), "random"),  # noqa: NPY002
    "time": (lambda x: x * time.time(), "time"),
    "print": (lambda x: print(end="") or x, "print"),
    "eval": (lambda x: eval("x * LIST[0]"), "eval"),
    "exec": (lambda x: exec("y = 2") or x, "exec"),
    "locals": (lambda x: x * len(locals()), "locals"),
    "globals": (lambda x: x * len(globals()["LIST"]), "globals"),
    "vars": (lambda x: x * vars(HOLDER)["k"], "vars"),
    "getattr": (lambda x: x * getattr(HOLDER, "k"), "getattr"),  # noqa: B009
    "open": (lambda x: x * len(open.__name__), "open"),
    "id": (lambda x: x * (id(x) % 2), "id"),
    "type": (lambda x: type(x)(x), "type"),
    "iter": (lambda x: x * next(iter([2.0])), "next"),
    "same": (lambda x: x * (x is X), "IS_OP"),
    "base": (lambda x: x[1:].base, "base"),
    "view": (lambda x: x.view(), "view"),
    "errstate": (lambda x: np.errstate(all="ignore") and x, "errstate"),
    "module": (lambda x: (np, x)[1], "module"),
    "chosen-module": (chosen_module, "module"),
    "verb": (lambda x: dm.gradient(lambda v: np.sum(v * v), x), "dualmc"),
    "settings": (lambda x: x * len(np.array_repr(x)), "array_repr"),
    "vectorize": (lambda x: np.vectorize(math.sin)(x), "vectorize"),
    "set": (sets, "BUILD_SET"),
    "write-attribute": (lambda x: [setattr(HOLDER, "k", 2.0), x][1], "setattr"),
    "as-is": (dm.as_is(lambda x: x * 2.0), "attributes"),
    "text": (lambda x: x * len(f"{X}"), "text of a number"),
    "text-chosen": (lambda x: x * len(f"{X}" if x[0] > 0 else ""), "text of a number"),
    "text-by-percent": (lambda x: x * len("%s" % X), "text with %"),  # noqa: UP031
    "text-elsewhere": (lambda x: x * len(PERCENT % X), "PERCENT"),
    "bytes": (lambda x: x * len(b"%a" % X), "bytes"),
    "nanmax": (lambda x: x * np.nanmax(x), "nanmax"),
    "await": (types.coroutine(lambda x: x), ""),
}  # fmt: skip
PARTIAL = functools.partial(np.multiply, 2.0)


@pytest.mark.parametrize("name", NOT_CLOSED)
def test_what_is_not_closed(name):
    f, said = NOT_CLOSED[name]
    with pytest.raises(NotClosed) as problem:
        Closed(f)
    assert said in str(problem.value)
    if name in ("random", "time", "global", "nonlocal", "mutable-default", "await", "exec"):
        return
    for _ in range(CALLS):
        assert not same(dm.jacobian_fwd, f, X)


@pytest.mark.parametrize("f", [HOLDER, HOLDER.method, functools.partial(np.multiply, 2.0), np.sin])
def test_what_is_no_function(f):
    for _ in range(CALLS):
        dm.jacobian_fwd(f, X)
        assert not dm.last_call().is_replay


def test_what_counts_its_calls_is_called():
    holder = Holder()
    for k in range(CALLS):
        before = holder.calls
        J = dm.jacobian_fwd(lambda x: holder(x), X)
        assert holder.calls > before and J[0, 0] == holder.calls, k


@pytest.mark.parametrize(
    "extra", [None, 2, "k", (1, 2.0), True, np.array([1, 2, 3]), [1.0], {"k": 1.0}, np.sin, HOLDER],
    ids=lambda a: type(a).__name__,
)  # fmt: skip
def test_arguments_beside_x(extra):
    f = lambda x, k: x * (2.0 if k is None else 3.0)  # noqa: E731
    found = [same(dm.jacobian_fwd, f, X, extra) for _ in range(CALLS)]
    is_known = allowed.is_constant(extra) or allowed.is_array(extra)
    assert found[-1] == is_known
    for other in (None, 3, "l", (1, 3.0), False, np.array([1, 2, 4]), 2.0, 1):
        if type(other) is type(extra) and other is not None:
            assert not same(dm.jacobian_fwd, f, X, other)
        same(dm.jacobian_fwd, f, X, other)


def test_arrays_beside_x_are_read():
    f = lambda x, w, n: x * w * n[0]  # noqa: E731
    w, n = np.array([1.0, 2.0, 3.0]), np.array([1, 2])
    for k in range(CALLS):
        w[0] = k
        is_replay = same(dm.jacobian_fwd, f, X, w, n)
    assert is_replay
    n[0] = 5
    assert not same(dm.jacobian_fwd, f, X, w, n)


def accumulated(x):
    TOTAL[0] += 1.0
    return x * 2.0


def accumulated_in_place(x):
    np.add(TOTAL, 1.0, out=TOTAL)
    return x * TOTAL


def counts_in_argument(x, total):
    total[0] += 1
    return x * 2.0


TOTAL = np.zeros(3)


@pytest.mark.parametrize("f", [accumulated, accumulated_in_place, counts_in_argument])
def test_f_runs_as_often_as_afresh(f):
    found = []
    count = np.zeros(2, int)
    args = (count,) if f is counts_in_argument else ()
    for total in (TOTAL, count):
        total[:] = 0
    for k in range(2 * CALLS):
        dm.jacobian_fwd(f, X + 0.01 * k, *args)
        found.append(float(TOTAL[0] + count[0]))
    assert found == list(range(1, 2 * CALLS + 1))
    assert dm.last_call().reason == "it writes to an array of others"


def test_what_another_thread_writes_stays(module, monkeypatch):
    """Also while f is recorded."""
    record, f = repeated.way.recorded, module.array

    def recorded(*args):
        monkeypatch.setattr(repeated.way, "recorded", record)
        end = threading.Event()
        other = threading.Thread(target=end.wait)
        other.start()
        try:
            with repeated.way._unwritten(repeated.way.Closed(f), ()):
                module.w[1] = 55.0
                return record(*args)
        finally:
            end.set()
            other.join()

    monkeypatch.setattr(repeated.way, "recorded", recorded)
    for _ in range(CALLS):
        dm.jacobian_fwd(f, X)
    assert module.w[1] == 55.0
    same(dm.jacobian_fwd, f, X)


def test_an_array_that_f_writes_is_no_constant():
    kept = np.zeros(3)

    def f(x):
        kept[0] = x[0] > 1.0
        return x * 2.0

    for x in (X, X + 1, X, X + 1) * 8:
        same(dm.jacobian_fwd, f, x)
        dm.jacobian_fwd(f, x)
        assert kept[0] == (x[0] > 1.0)


class Names(dict):
    """Global names of which every one is there."""

    def __missing__(self, name):
        return 2.0


def test_builtins_of_a_function_made_anew():
    scope = {}
    exec("def made(): return lambda x: x * sum((1.0, 2.0))", scope)
    code = scope["made"]().__code__
    replayed(types.FunctionType(code, scope))
    scope["__builtins__"] = {**vars(builtins), "sum": lambda v: 50.0}
    assert not same(dm.value_and_jacobian_fwd, types.FunctionType(code, scope), X)


def test_global_names_must_be_a_dict():
    scope = Names(a=2.0)
    exec(CODE, scope)
    with pytest.raises(NotClosed, match="no dict"):
        Closed(scope["f"])


def test_a_rule_of_the_user(monkeypatch):
    monkeypatch.setitem(REGISTERED_RULES, np.spacing, (1.0,))
    with pytest.raises(NotClosed, match="rule of the user's"):
        Closed(lambda x: np.spacing(x))


def test_a_stand_in_for_a_helper(module):
    f = replayed(module.called)
    dm.register_standin(module.helper, lambda x, power=2: x * 7.0)
    try:
        assert not same(dm.jacobian_fwd, f, X)
        assert dm.jacobian_fwd(f, X).tolist() == (7.0 * np.eye(3)).tolist()
        with pytest.raises(NotClosed, match="stand-in"):
            Closed(f)
    finally:
        dm.unregister_standin(module.helper)


def test_stand_ins_of_a_library_that_is_imported_change_nothing(module):
    f = replayed(module.called)
    table.changed()
    assert same(dm.value_and_jacobian_fwd, f, X)


@pytest.mark.parametrize("others", [0, 1])
def test_what_warns_is_not_recorded(others):
    def f(x):
        return x * 2.0 + np.nan_to_num(np.mean(x[:0]))

    end = threading.Event()
    threads = [threading.Thread(target=end.wait) for _ in range(others)]
    try:
        for thread in threads:
            thread.start()
        for _ in range(CALLS):
            with np.errstate(invalid="ignore"), pytest.warns(RuntimeWarning) as told:
                dm.jacobian_fwd(f, X)
            assert {str(w.message) for w in told} == {"Mean of empty slice"} and len(told) == 1
    finally:
        end.set()
        for thread in threads:
            thread.join()
    assert "it warns: " in dm.last_call().reason


def test_warnings_of_other_threads_are_heard(module):
    """While f is recorded in this one."""
    heard = []

    def f(x):
        thread = threading.Thread(target=warnings.warn, args=("of another thread",))
        thread.start()
        thread.join()
        return x

    end = threading.Event()
    other = threading.Thread(target=end.wait)
    other.start()
    try:
        with pytest.warns(UserWarning, match="of another thread"), repeated._silence() as heard:
            f(1.0)
            warnings.warn("of this one", stacklevel=1)
    finally:
        end.set()
        other.join()
    assert [str(w.message) for w in heard] == ["of this one"]


def test_unknown_operations_are_not_closed(monkeypatch):
    monkeypatch.setattr(allowed, "OPERATIONS", allowed.OPERATIONS - {"BINARY_OP"})
    with pytest.raises(NotClosed, match="BINARY_OP"):
        Closed(lambda x: x * 2.0)
