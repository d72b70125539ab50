"""What a prepared function asks of later arguments besides their numbers: which array they are,
how they lie in memory, and what their classes have come to have."""

import enum
import os
import types

import numpy as np
import pytest

import dualmc as dm

X = np.array([1.5, 2.0])


def _factor(J, *args):
    found = J(X, *args)
    assert np.array_equal(found, found[0, 0] * np.eye(2))
    return found[0, 0]


A, B, LONG = np.ones(2), np.ones(2), np.arange(8.0)
READ_ONLY = np.ones(2)
READ_ONLY.flags.writeable = False
SAME = (lambda c, d: c is d, [((A, A), True), ((A, B), False), ((B, B), True)])
IN_LIST = (lambda c, d: c[0] is d[0], [(([A], [A]), True), (([A], [B]), False)])
SHARED = (
    np.shares_memory,
    [((A, A), True), ((A, B), False), ((LONG[:2], LONG[1:3]), True), ((LONG, LONG[:1]), True)],
)
STRIDES = (lambda c: c.strides[0] == 8, [((A,), True), ((LONG[:4:2],), False)])
PART = (
    lambda c: c[1:].flags.c_contiguous,
    [((np.ones(3),), True), ((np.ones(6)[::2],), False)],
)
WRITEABLE = (lambda c: c.flags.writeable, [((A,), True), ((READ_ONLY,), False)])
BASE = (lambda c: c.base is None, [((A,), True), ((LONG[:2],), False)])
ORDER = (
    lambda c: c.flags.f_contiguous,
    [((np.ones((2, 2)),), False), ((np.ones((2, 2), order="F"),), True)],
)


@pytest.mark.parametrize(
    "asked, calls",
    [SAME, IN_LIST, SHARED, STRIDES, PART, WRITEABLE, BASE, ORDER],
    ids="same in_list shared strides part writeable base order".split(),
)
@pytest.mark.filterwarnings("ignore:prepare:UserWarning")
def test_how_arguments_lie_in_memory(asked, calls):
    def f(x, *args):
        return x * (2.0 if asked(*args) else 3.0)

    for first, _ in calls:
        J = dm.prepare(f, X, *first)
        for args, answer in [*calls, *calls, *reversed(calls)]:
            assert _factor(J, *args) == (2.0 if answer else 3.0)


def test_one_array_as_two_arguments_is_replayed():
    J = dm.prepare(lambda x, c, d: x * c + d, X, A, A)
    assert J.reason is None
    assert _factor(J, A, A) == 1.0
    assert J.replays == 1


def test_an_array_without_such_questions_is_replayed_however_it_lies():
    J = dm.prepare(lambda x, c: x * c, X, A)
    for c in (LONG[2:4], LONG[2:6:2], READ_ONLY):
        assert np.array_equal(J(X, c), np.diag(c))
    assert J.replays == 3


def _classes():
    class Base:
        pass

    class Derived(Base):
        pass

    return Base, Derived


def test_an_attribute_that_a_class_comes_to_have():
    Base, Derived = _classes()
    c = Derived()
    J = dm.prepare(lambda x, c: x * getattr(c, "k", 2.0), X, c)
    assert _factor(J, c) == 2.0
    Base.k = 5.0
    assert _factor(J, c) == 5.0
    Derived.k = 7.0
    assert _factor(J, c) == 7.0
    del Derived.k
    assert _factor(J, c) == 5.0
    del Base.k
    assert _factor(J, c) == 2.0


def test_a_method_that_python_calls_and_a_class_comes_to_have():
    _, Derived = _classes()
    c = Derived()
    J = dm.prepare(lambda x, c: x * (3.0 if c else 2.0), X, c)
    Derived.__bool__ = lambda self: False
    assert _factor(J, c) == 2.0


def test_a_name_that_a_module_comes_to_have():
    module = types.ModuleType("module_of_the_test")
    J = dm.prepare(lambda x, c: x * (3.0 if hasattr(c, "k") else 2.0), X, module)
    module.k = 1
    assert _factor(J, module) == 3.0


class _Kind(type):
    k = 2.0

    @property
    def twice(cls):
        return 2 * cls.k


class _Made(metaclass=_Kind):
    pass


@pytest.mark.parametrize(
    "read, c",
    [(lambda c: c.k, _Made), (lambda c: c.twice / 2, _Made), (lambda c: type(c).k, _Made())],
    ids=["attribute", "property", "type"],
)
def test_an_attribute_of_a_metaclass(read, c, monkeypatch):
    J = dm.prepare(lambda x, c: x * read(c), X, c)
    assert _factor(J, c) == 2.0
    monkeypatch.setattr(_Kind, "k", 5.0)
    assert _factor(J, c) == 5.0


def test_what_a_member_of_an_enumeration_holds():
    class Method(enum.Enum):
        EULER = 1

        def __init__(self, number):
            self.k = 2.0

    J = dm.prepare(lambda x, c: x * c.k, X, Method.EULER)
    assert _factor(J, Method.EULER) == 2.0
    Method.EULER.k = 5.0
    assert _factor(J, Method.EULER) == 5.0


SCALE = 2.0


def test_a_global_name_read_from_the_table_of_all(monkeypatch):
    def f(x):
        return x * globals()["SCALE"]

    J = dm.prepare(f, X)
    assert _factor(J) == 2.0
    monkeypatch.setitem(globals(), "SCALE", 5.0)
    assert _factor(J) == 5.0


@pytest.mark.parametrize(
    "read",
    [
        lambda: float(os.environ.get("SCALE_OF_THE_TEST", "2")),
        lambda: float(os.getenv("SCALE_OF_THE_TEST", "2")),
    ],
    ids=["environ", "getenv"],
)
def test_a_variable_of_the_environment(read, monkeypatch):
    J = dm.prepare(lambda x: x * read(), X)
    assert _factor(J) == 2.0
    assert J.replays == 1
    monkeypatch.setenv("SCALE_OF_THE_TEST", "5")
    assert _factor(J) == 5.0


def test_text_that_is_run_as_code():
    with pytest.warns(UserWarning, match="runs text as code"):
        J = dm.prepare(lambda x: x * eval("4.0 - 2"), X)
    assert _factor(J) == 2.0


def test_a_later_way_that_is_not_replayed_is_told():
    def f(x):
        if x[0] < 2:
            return x**3
        with np.errstate(all="raise"):
            return x**2

    J = dm.prepare(f, X)
    assert np.array_equal(J([3.0, 1.0]), np.diag([6.0, 2.0]))
    assert J.reason is None
    assert "another way not replayed" in repr(J)
    assert "errstate" in repr(J)
    assert np.allclose(J(X), np.diag(3 * X**2))
    assert J.replays == 1
