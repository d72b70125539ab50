"""What a prepared function reads besides x: a change of it is seen, and an old answer never given.

Every case changes something between calls; the derivative is a factor that can be told by heart.
"""

import array
import collections
import contextlib
import dataclasses
import datetime
import decimal
import enum
import functools
import itertools
import random
import types
import warnings

import numpy as np
import pytest

import dualmc as dm

X = np.array([1.0, 2.0])


def prepared(f, *args, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return dm.prepare(f, *args, **options)


def check_factor(J, factor, *args):
    """Twice: the call that notices, and one that may be a replay again."""
    for _ in range(2):
        np.testing.assert_array_equal(J(*args), factor * np.eye(2))


def test_values_are_seen_to_change_too():
    table = [2.0]
    J = prepared(lambda x: x * table[0], X)
    for k in (2.0, 5.0, 2.0):
        table[0] = k
        value, jacobian = J.value_and_jacobian(X)
        np.testing.assert_array_equal(value, k * X)
        np.testing.assert_array_equal(jacobian, k * np.eye(2))
    assert J.replays == 2


def put(undo, container, key, value):
    """``container[key] = value`` until `undo`, an ExitStack, is closed."""
    if isinstance(container, dict) and key not in container:
        undo.callback(container.pop, key)
    else:
        undo.callback(container.__setitem__, key, container[key])
    container[key] = value


def attribute(undo, owner, name, value):
    undo.callback(setattr, owner, name, getattr(owner, name))
    setattr(owner, name, value)


# --- Arguments, changed in place -----------------------------------------------------------------


class Slotted:
    __slots__ = ("k", "__private")

    def __init__(self):
        self.k = 2.0
        self.__private = 0.0

    def hide(self, value):
        self.__private = value

    def factor(self):
        return self.k + self.__private


class Model:
    rate = 2.0

    def __init__(self):
        self.extra = 0.0

    def factor(self):
        return self.rate + self.extra


class Derived(Model):
    pass


class Numbers(list):
    note = 0.0


@dataclasses.dataclass
class Settings:
    k: float
    inner: object = None


class Level(enum.Enum):
    LOW = 2.0
    HIGH = 5.0


def cyclic(k):
    a = {"k": k}
    a["self"] = a
    return a


def twice_the_same():
    inner = [1.0]
    return [inner, inner]


CHANGED = {
    "list": (lambda c: c[0], lambda: [2.0, 1.0], lambda c: c.__setitem__(0, 5.0)),
    "dict": (lambda c: c["k"], lambda: {"k": 2.0}, lambda c: c.update(k=5.0)),
    "nested": (lambda c: c["a"][0]["k"], lambda: {"a": [{"k": 2.0}]},
               lambda c: c["a"][0].update(k=5.0)),
    "order": (lambda c: next(iter(c.values())), lambda: {"a": 2.0, "b": 5.0},
              lambda c: c.update(a=c.pop("a"))),
    "set": (lambda c: float(sum(c)), lambda: {2}, lambda c: c.add(3)),
    "deque": (lambda c: c[-1], lambda: collections.deque([2.0]), lambda c: c.append(5.0)),
    "counter": (lambda c: c["a"], lambda: collections.Counter("aa"), lambda c: c.update("aaa")),
    "defaultdict": (lambda c: c["k"], lambda: collections.defaultdict(float, k=2.0),
                    lambda c: c.update(k=5.0)),
    "ordered": (lambda c: c["k"], lambda: collections.OrderedDict(k=2.0),
                lambda c: c.update(k=5.0)),
    "bytearray": (lambda c: c[0], lambda: bytearray([2]), lambda c: c.__setitem__(0, 5)),
    "array": (lambda c: c[0], lambda: array.array("d", [2.0]), lambda c: c.__setitem__(0, 5.0)),
    "memoryview": (lambda c: c[0], lambda: memoryview(bytearray([2])),
                   lambda c: c.__setitem__(0, 5)),
    "namespace": (lambda c: c.k, lambda: types.SimpleNamespace(k=2.0),
                  lambda c: setattr(c, "k", 5.0)),
    "dataclass": (lambda c: c.k, lambda: Settings(2.0), lambda c: setattr(c, "k", 5.0)),
    "dataclass-inside": (lambda c: c.inner[0], lambda: Settings(1.0, [2.0]),
                         lambda c: c.inner.__setitem__(0, 5.0)),
    "tuple-of-arrays": (lambda c: c[1][0], lambda: (np.ones(3), np.array([2.0])),
                        lambda c: c[1].__setitem__(0, 5.0)),
    "object-array": (lambda c: c[0][0], lambda: np.array([[2.0], None], object)[:1],
                     lambda c: c[0].__setitem__(0, 5.0)),
    "int-array": (lambda c: float(c[0]), lambda: np.array([2]), lambda c: c.__setitem__(0, 5)),
    "float32-array": (lambda c: float(c[0]), lambda: np.array([2.0], np.float32),
                      lambda c: c.__setitem__(0, 5.0)),
    "structured": (lambda c: float(c["k"][0]), lambda: np.array([(2.0,)], [("k", float)]),
                   lambda c: c.__setitem__(0, (5.0,))),
    "own-class": (lambda c: c.factor(), Model, lambda c: setattr(c, "extra", 3.0)),
    "shadowed-class-attribute": (lambda c: c.factor(), Model, lambda c: setattr(c, "rate", 5.0)),
    "derived-class": (lambda c: c.factor(), Derived, lambda c: setattr(c, "extra", 3.0)),
    "slots": (lambda c: c.factor(), Slotted, lambda c: setattr(c, "k", 5.0)),
    "private-slot": (lambda c: c.factor(), Slotted, lambda c: c.hide(3.0)),
    "list-subclass": (lambda c: c[0], lambda: Numbers([2.0]), lambda c: c.__setitem__(0, 5.0)),
    "list-subclass-state": (lambda c: c[0] + c.note, lambda: Numbers([2.0]),
                            lambda c: setattr(c, "note", 3.0)),
    "cycle": (lambda c: c["self"]["self"]["k"], lambda: cyclic(2.0), lambda c: c.update(k=5.0)),
    "shared": (lambda c: 2.0 if c[0] is c[1] else 5.0, twice_the_same,
               lambda c: c.__setitem__(1, [1.0])),
    "bound-method": (lambda c: c(), lambda: Model().factor,
                     lambda c: setattr(c.__self__, "extra", 3.0)),
    "partial": (lambda c: c(), lambda: functools.partial(lambda a: a[0], [2.0]),
                lambda c: c.args[0].__setitem__(0, 5.0)),
    "function-default": (lambda c: c(), lambda: lambda k=2.0: k,
                         lambda c: setattr(c, "__defaults__", (5.0,))),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGED)
def test_an_argument_changed_in_place_is_another(name):
    read, make, change = CHANGED[name]
    c = make()
    J = prepared(lambda x, c: x * read(c), X, c)
    check_factor(J, 2.0, X, c)
    assert J.replays > 0, J
    change(c)
    check_factor(J, 5.0, X, c)
    check_factor(J, 2.0, X, make())  # another object of the first content


EXCHANGED = {
    "true-for-one": (1, True, lambda c: 5.0 if c is True else 2.0),
    "one-for-float": (1.0, 1, lambda c: 5.0 if isinstance(c, int) else 2.0),
    "float-for-one": (1, 1.0, lambda c: 5.0 if isinstance(c, float) else 2.0),
    "scalar-of-numpy": (1.5, np.float64(1.5), lambda c: 5.0 if isinstance(c, np.float64) else 2.0),
    "minus-zero": ([0.0], [-0.0], lambda c: 5.0 if np.signbit(c[0]) else 2.0),
    "mask-for-index": (np.array([True]), np.array([1]), lambda c: 5.0 if c.dtype == int else 2.0),
    "wider-int": (np.array([1]), np.array([1], np.int32), lambda c: 2.0 if c.dtype == int else 5.0),
    "tuple-for-list": ([1], (1,), lambda c: 5.0 if isinstance(c, tuple) else 2.0),
    "text": ("a", "b", lambda c: 5.0 if c == "b" else 2.0),
    "enum": (Level.LOW, Level.HIGH, lambda c: c.value),
    "date": (datetime.date(2, 1, 1), datetime.date(5, 1, 1), lambda c: float(c.year)),
    "decimal": (decimal.Decimal("2.0"), decimal.Decimal("5"), lambda c: float(c)),
    "decimal-digits": (decimal.Decimal("1.0"), decimal.Decimal("1.00"),
                       lambda c: 2.0 if len(str(c)) == 3 else 5.0),
    "time-of-numpy": (np.datetime64("2000-01-02"), np.datetime64("2000-01-05"),
                      lambda c: float(c.item().day)),
    "none": (None, 5.0, lambda c: 2.0 if c is None else 5.0),
    "function": (lambda: 2.0, lambda: 5.0, lambda c: c()),
    "class": (Model, Derived, lambda c: 5.0 if c.__name__ == "Derived" else 2.0),
    "slice": (slice(0, 2), slice(0, 1), lambda c: 2.0 if c.stop == 2 else 5.0),
    "range": (range(2), range(5), lambda c: float(len(c))),
    "subclass": ([2.0], Numbers([2.0]), lambda c: 5.0 if type(c) is Numbers else 2.0),
    "longer": ([1, 2], [1, 2, 3, 4, 5], lambda c: float(len(c))),
    "key-type": ({1: 0}, {True: 0}, lambda c: 5.0 if next(iter(c)) is True else 2.0),
    "array-in-list-for-bytes": ([b"\x02"], [np.array([5], np.uint8)], lambda c: float(c[0][0])),
    "fortran-order": (np.arange(4).reshape(2, 2), np.arange(4).reshape(2, 2, order="F").T.copy().T,
                      lambda c: 5.0 if c.flags.f_contiguous else 2.0),
}  # fmt: skip


@pytest.mark.parametrize("way", [1, -1])
@pytest.mark.parametrize("name", EXCHANGED)
def test_an_argument_of_another_kind_is_another(name, way):
    first, second, read = EXCHANGED[name]
    pairs = [(first, 2.0), (second, 5.0)][::way]
    J = prepared(lambda x, c: x * read(c), X, pairs[0][0])
    for c, factor in (*pairs, *pairs):
        check_factor(J, factor, X, c)
    assert J.replays > 0, J


def test_an_equal_function_made_anew_is_the_same():
    J = prepared(lambda x, c: x * c(), X, lambda: 2.0)

    def make(k):
        return lambda: k

    for _ in range(3):
        check_factor(J, 3.0, X, make(3.0))
    assert J.paths == 2
    check_factor(J, 4.0, X, make(4.0))


def test_arguments_that_cannot_be_compared_are_read_afresh():
    def f(x, c):
        return x * next(c)

    J = prepared(f, X, itertools.repeat(2.0))
    assert "its argument 1 is or holds a repeat, which changes by being read" in J.reason
    for k in (2.0, 5.0):
        check_factor(J, k, X, itertools.repeat(k))
    draw = prepared(lambda x, c: x * c.integers(5), X, np.random.default_rng(0))
    assert "draws random numbers" in draw.reason
    held = prepared(lambda x, c: x * 2.0, X, {"a": [iter([])]})
    assert "its argument 1 is or holds" in held.reason


def test_an_argument_that_f_changes_is_changed_at_every_call():
    def f(x, c):
        c.append(0)
        return x * 2.0

    c = []
    J = prepared(f, X, c)
    assert J.reason == "it changes its argument 1"
    before = len(c)
    J(X, c)
    assert len(c) == before + 1

    def g(x, k):
        k += 1.0
        return x * k

    k = np.zeros(2)
    J = prepared(g, X, k)
    assert J.reason == "it writes into its argument 1"
    k[:] = 0.0
    np.testing.assert_array_equal(J(X, k), np.eye(2))
    np.testing.assert_array_equal(k, 1.0)


def test_floats_beside_x_raise_as_pythons_do():
    def f(x, k):
        try:
            return x * (1 / k)
        except ZeroDivisionError:
            return x * 7.0

    for points in ((0.5, 0.0, 0.25), (0.0, 0.5, 0.0)):
        J = prepared(f, X, points[0])
        for k in points:
            check_factor(J, 1 / k if k else 7.0, X, k)


# --- x -------------------------------------------------------------------------------------------


def test_the_layout_of_x_is_part_of_the_way():
    X = np.array([[1.0, 2.0], [3.0, 4.0]])
    for f, order in ((lambda X: np.ravel(X, "K") * np.arange(4.0), "K"),
                     (lambda X: X.reshape(4, order="A") * np.arange(4.0), "A")):  # fmt: skip
        J = prepared(f, X)
        in_memory = {"C": (0, 1, 2, 3), "F": (0, 2, 1, 3)}
        for layout in ("C", "F", "C", "F"):
            expected = np.zeros((4, 4))
            for k, place in enumerate(in_memory[layout]):
                expected[k, place] = k
            np.testing.assert_array_equal(J(np.array(X, order=layout)).reshape(4, 4), expected)
        assert J.replays >= 2, (order, J)


def test_what_jacobian_fwd_refuses_is_refused():
    J = prepared(lambda x: x * x, np.eye(2))
    for x in (np.ma.array(np.eye(2)), np.eye(2).view(np.matrix)):
        with pytest.raises(TypeError, match="plain array"):
            J(x)


# --- Globals, closures, attributes, defaults -----------------------------------------------------

K = 2.0
TABLE = {"k": [2.0]}
WEIGHTS = np.array([2.0])
MANY = np.full(20_000, 2.0)
OBJECT = Model()


def read_global(x):
    return x * K


def helper(x):
    return read_global(x)


def hidden_builtin(x):
    return x * len("ab")


CALLS = {"f": read_global}
OUTSIDE = types.ModuleType("users_module")
OUTSIDE.k = 2.0
OUTSIDE.inner = types.ModuleType("users_module.inner")
OUTSIDE.inner.k = 2.0


def of_module(x):
    return x * OUTSIDE.k


def of_inner_module(x):
    return x * OUTSIDE.inner.k


def by_getattr(x):
    return x * getattr(OUTSIDE, "k")  # noqa: B009


def imported(x):
    import users_module

    return x * users_module.k


OTHER = (lambda x: x * 5.0).__code__
GLOBALS = {
    "number": (read_global, lambda undo: put(undo, globals(), "K", 5.0)),
    "helper": (helper, lambda undo: put(undo, globals(), "K", 5.0)),
    "in-comprehension": (lambda x: x * sum([K for _ in range(1)]),
                         lambda undo: put(undo, globals(), "K", 5.0)),
    "in-inner-function": (lambda x: (lambda: x * K)(), lambda undo: put(undo, globals(), "K", 5.0)),
    "table-content": (lambda x: x * TABLE["k"][0], lambda undo: put(undo, TABLE["k"], 0, 5.0)),
    "table-rebound": (lambda x: x * TABLE["k"][0],
                      lambda undo: put(undo, globals(), "TABLE", {"k": [5.0]})),
    "array-content": (lambda x: x * WEIGHTS[0], lambda undo: put(undo, WEIGHTS, 0, 5.0)),
    "large-array": (lambda x: x * MANY[-1], lambda undo: put(undo, MANY, -1, 5.0)),
    "object": (lambda x: x * OBJECT.factor(), lambda undo: attribute(undo, OBJECT, "extra", 3.0)),
    "class-attribute": (lambda x: x * OBJECT.factor(),
                        lambda undo: attribute(undo, Model, "rate", 5.0)),
    "method": (lambda x: x * OBJECT.factor(),
               lambda undo: attribute(undo, Model, "factor", lambda self: 5.0)),
    "class-called": (lambda x: x * Model().factor(),
                     lambda undo: attribute(undo, Model, "rate", 5.0)),
    "function-exchanged": (helper,
                           lambda undo: put(undo, globals(), "read_global", lambda x: x * 5.0)),
    "function-in-table": (lambda x: CALLS["f"](x), lambda undo: put(undo, globals(), "K", 5.0)),
    "table-of-functions": (lambda x: CALLS["f"](x),
                           lambda undo: put(undo, CALLS, "f", lambda x: x * 5.0)),
    "module": (of_module, lambda undo: attribute(undo, OUTSIDE, "k", 5.0)),
    "inner-module": (of_inner_module, lambda undo: attribute(undo, OUTSIDE.inner, "k", 5.0)),
    "getattr": (by_getattr, lambda undo: attribute(undo, OUTSIDE, "k", 5.0)),
    "import-inside": (imported, lambda undo: attribute(undo, OUTSIDE, "k", 5.0)),
    "hidden-builtin": (hidden_builtin,
                       lambda undo: put(undo, globals(), "len", lambda a: 5.0)),
    "code": (read_global, lambda undo: attribute(undo, read_global, "__code__", OTHER)),
    "code-of-helper": (helper,
                       lambda undo: attribute(undo, read_global, "__code__", OTHER)),
    "function-of-class": (lambda x: x * Model.factor(OBJECT),
                          lambda undo: attribute(undo, OBJECT, "extra", 3.0)),
}  # fmt: skip


@pytest.mark.parametrize("name", GLOBALS)
def test_what_is_read_elsewhere_is_seen_to_change(name, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "users_module", OUTSIDE)
    f, change = GLOBALS[name]
    J = prepared(f, X)
    check_factor(J, 2.0, X)
    assert J.replays > 0, J
    with contextlib.ExitStack() as undo:
        change(undo)
        check_factor(J, 5.0, X)
    before = J.replays
    check_factor(J, 2.0, X)  # as it was: replayed again
    assert J.replays > before


def test_closures_defaults_and_attributes_of_f():
    k, table = 2.0, [2.0]

    def f(x, *, extra=table):
        return x * (k + extra[0] + f.more)

    f.more = 0.0
    J = prepared(f, X)
    check_factor(J, 4.0, X)
    k = 3.0
    check_factor(J, 5.0, X)
    table[0] = 5.0
    check_factor(J, 8.0, X)
    f.more = 1.0
    check_factor(J, 9.0, X)
    f.__kwdefaults__ = {"extra": [1.0]}
    check_factor(J, 5.0, X)
    f.__code__ = (lambda x, *, extra: x * 6.0 if k and table else x).__code__.replace(
        co_freevars=f.__code__.co_freevars
    )
    check_factor(J, 6.0, X)


def test_callable_objects_methods_and_partials():
    class Scaled:
        k = 2.0

        def __call__(self, x):
            return x * self.k

        def method(self, x):
            return x * self.k

    scaled = Scaled()
    table = [2.0]
    ways = (scaled, scaled.method, functools.partial(Scaled.method, scaled))
    found = [prepared(f, X) for f in ways]
    partial = prepared(functools.partial(lambda a, x: x * a[0], table), X)
    for k in (2.0, 5.0, 2.0, 3.0):
        scaled.k = table[0] = k
        for J in (*found, partial):
            check_factor(J, k, X)
    assert all(J.replays for J in found)


def test_what_f_changes_itself_is_named():
    calls = []

    def counting(x):
        calls.append(1)
        return x * 2.0

    assert prepared(counting, X).reason == "it changes its own state"

    def filling(x, cache={}):  # noqa: B006
        if "k" not in cache:
            cache["k"] = 2.0
        return x * cache["k"]

    J = prepared(filling, X)  # only the first time
    assert J.reason is None
    check_factor(J, 2.0, X)


def test_random_numbers_are_drawn_at_every_call():
    generator = np.random.default_rng(0)
    for f in (
        lambda x: x * random.random(),
        lambda x: x * np.random.rand(),  # noqa: NPY002
        lambda x: x * generator.random(),
    ):
        J = prepared(f, X)
        assert J.reason == "it draws random numbers"
        assert not np.array_equal(J(X), J(X))


def test_names_that_f_never_mentions_do_not_matter(monkeypatch):
    J = prepared(read_global, X)
    monkeypatch.setitem(globals(), "UNUSED", object())
    monkeypatch.setitem(TABLE, "k", [7.0])
    check_factor(J, 2.0, X)
    assert (J.paths, J.fresh_calls) == (1, 0)


def test_changes_all_the_time_are_not_all_compiled(monkeypatch):
    J = prepared(read_global, X)
    for k in range(3, 40):
        monkeypatch.setitem(globals(), "K", float(k))
        np.testing.assert_array_equal(J(X), k * np.eye(2))
    assert J.paths <= 7
    assert J.fresh_calls >= 30
