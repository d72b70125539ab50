"""The user's code wherever it is kept, and nothing of it changed when the call has ended.

Values and derivatives are closed forms.
"""

import abc
import asyncio
import contextlib
import dataclasses
import enum
import functools
import math
import sys
import threading
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import pytest

import dualmc as dm
from dualmc.unchanged.code import exchange

X = 0.7
SINE = math.cos(X)  # the derivative of sin

MODES = {
    "forward": dm.derivative,
    "reverse": lambda f, x: dm.jacobian_rev(f, x),
    "gradient": lambda f, x: dm.gradient(f, x),
    "prepared": lambda f, x: dm.prepare(f, x)(x),
    "inner": lambda f, x: dm.derivative(lambda z: dm.jvp(f, z, 1.0)[0], x),
}


# --- Where code is kept ---------------------------------------------------------------------------


class Plain:
    def f(self, x):
        return math.sin(x)


class Slotted:
    __slots__ = ("k",)

    def __init__(self, k):
        self.k = k

    def f(self, x):
        return math.sin(x) * self.k


class Abstract(abc.ABC):
    __slots__ = ()

    @abc.abstractmethod
    def f(self, x): ...


class Concrete(Abstract):
    def f(self, x):
        return math.sin(x)


T = TypeVar("T")


class Typed(Generic[T]):
    def f(self, x):
        return math.sin(x)


class Named(NamedTuple):
    k: float

    def f(self, x):
        return math.sin(x) * self.k


@dataclasses.dataclass(frozen=True, slots=True)
class Data:
    k: float = 1.0

    def f(self, x):
        return math.sin(x) * self.k


class Kind(enum.Enum):
    SINE = 1

    def f(self, x):
        return math.sin(x)


class Parent:
    def __init__(self, k):
        self.k = k

    def f(self, x):
        return self.k * math.sin(x)


class Child(Parent):
    def __init__(self):
        super(Child, self).__init__(1.0)  # noqa: UP008

    def f(self, x):
        return super(Child, self).f(x)  # noqa: UP008


class Holder:
    part = Plain()
    function = staticmethod(math.sin)
    made = functools.partial(math.sin)

    def __init__(self):
        self.own = Slotted(1.0)
        self.deep = [{"a": (Plain(),)}]
        self.act = math.sin

    @property
    def value(self):
        return lambda x: math.sin(x)

    @functools.cached_property
    def cached(self):
        return math.sin(0.0) + 1.0

    @classmethod
    def of_class(cls, x):
        return math.sin(x)

    def __getattr__(self, name):
        if name == "late":
            return Plain()
        raise AttributeError(name)

    def __call__(self, x):
        return math.sin(x)


def decorated(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        return function(*args, **kwargs)

    return inner


@decorated
def wrapped(x):
    return math.sin(x)


@functools.lru_cache
def remembered(x):
    return math.sin(x)


@functools.singledispatch
def by_type(x):
    return 5.0 * x


@by_type.register
def _(x: float):
    return math.sin(x)


@contextlib.contextmanager
def scaled(x):
    yield math.sin(x)


def steps(x):
    yield math.sin(x)
    yield 0.0


async def later(x):
    return math.sin(x)


class Descriptor:
    def __get__(self, instance, owner):
        return math.sin


class Described:
    f = Descriptor()


def with_default(x, f=math.sin):
    return f(x)


def find(name):
    return {"sin": math.sin}[name]


def buffered(x):
    y = TABLE["zeros"](3)
    y[1] = x
    return math.sin(y[1])


def in_context(x):
    with scaled(x) as y:
        return y


def by_float(x):
    return math.sin(float(x))


holder, slotted = Holder(), Slotted(1.0)
LIST, TABLE = [Plain(), math.sin], {"f": lambda x: math.sin(x), "sin": math.sin, "zeros": np.zeros}

REACHED = {
    "slots": lambda x: Slotted(1.0).f(x),
    "slots of a constant": lambda x: slotted.f(x),
    "slots that keep x": lambda x: Slotted(x).f(1.0) * math.sin(x) / (math.sin(1.0) * x),
    "ABC": lambda x: Concrete().f(x),
    "Generic": lambda x: Typed[int]().f(x),
    "NamedTuple": lambda x: Named(1.0).f(x),
    "dataclass": lambda x: Data().f(x),
    "Enum": lambda x: Kind.SINE.f(x),
    "super(Name, self)": lambda x: Child().f(x),
    "class attribute": lambda x: Holder.part.f(x),
    "builtin as class attribute": lambda x: holder.function(x),
    "partial as class attribute": lambda x: Holder.made(x),
    "attribute": lambda x: holder.own.f(x),
    "deep": lambda x: holder.deep[0]["a"][0].f(x),
    "builtin as attribute": lambda x: holder.act(x),
    "property": lambda x: holder.value(x),
    "cached_property": lambda x: holder.cached * math.sin(x),
    "classmethod": lambda x: holder.of_class(x),
    "__getattr__": lambda x: holder.late.f(x),
    "__call__": lambda x: holder(x),
    "list": lambda x: LIST[0].f(x),
    "builtin in a list": lambda x: LIST[1](x),
    "dict": lambda x: TABLE["f"](x),
    "builtin in a dict": lambda x: TABLE["sin"](x),
    "buffer of a function in a dict": buffered,
    "getattr": lambda x: getattr(math, "sin")(x),  # noqa: B009
    "returned": lambda x: find("sin")(x),
    "wraps": wrapped,
    "lru_cache": lambda x: remembered(x),
    "singledispatch": lambda x: by_type(x),
    "contextmanager": in_context,
    "generator": lambda x: next(steps(x)),
    "async": lambda x: asyncio.run(later(x)),
    "descriptor": lambda x: Described().f(x),
    "default": with_default,
    "map": lambda x: next(map(math.sin, [x])),
    "comprehension": lambda x: [f(x) for f in (math.sin, math.cos)][0],
    "imported": lambda x: __import__("math").sin(x),
    "sorted": lambda x: sorted([x, 9.0], key=math.sin)[1] * math.sin(x) / x,
    "float": by_float,
    "bound method": Plain().f,
    "partial": functools.partial(lambda k, x: k * math.sin(x), 1.0),
}  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", REACHED)
@pytest.mark.filterwarnings("ignore:prepare")
def test_reached(name, mode):
    f = REACHED[name]
    np.testing.assert_allclose(float(MODES[mode](f, X)), SINE, rtol=1e-12)
    assert f(X) == pytest.approx(math.sin(X))


# --- What is left ---------------------------------------------------------------------------------


registry = []


class Registered:
    def __init_subclass__(cls):
        registry.append(cls)

    def f(self, x):
        return math.sin(x)


class Sub(Registered):
    pass


CLASSES = [Plain, Slotted, Abstract, Concrete, Parent, Child, Holder, Registered, Sub, Data, Named]


def functions():
    found = {id(v): v for v in globals().values() if type(v) is type(steps)}
    for kind in CLASSES:
        for value in vars(kind).values():
            if type(value) is type(steps):
                found[id(value)] = value
    return list(found.values())


def state():
    """All that a call could leave a trace in."""
    return {
        "code": [(f, f.__code__, f.__defaults__, f.__globals__ is globals()) for f in functions()],
        "names": list(globals().items()),
        "classes": [(k, k.__subclasses__(), list(vars(k).items())) for k in CLASSES],
        "registry": list(registry),
        "modules": [name for name in sys.modules if not name.startswith("dualmc")],
        "objects": [dict(vars(holder)), list(LIST), dict(TABLE)],
        "profiler": sys.getprofile(),
    }


def broken(x):
    holder.own.f(x)
    raise KeyError("f's own")


def stopped(x):
    wrapped(x)
    raise KeyboardInterrupt


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.filterwarnings("ignore:prepare")
def test_no_trace(mode):
    state()
    for f in REACHED.values():  # what is imported, cached or learned is, from here on
        MODES[mode](f, X)
    before = state()
    for f in REACHED.values():
        MODES[mode](f, X)
    MODES[mode](lambda x: Sub().f(x), X)
    for f, error in ((broken, KeyError), (stopped, KeyboardInterrupt)):
        with pytest.raises(error):
            MODES[mode](f, X)
    assert state() == before
    assert not exchange._under_way
    assert not exchange.ORIGINALS
    assert not isinstance("", Abstract)
    assert issubclass(Concrete, Abstract)


def test_generators_left_open():
    left = []

    def f(x):
        left.append(steps(x))
        return next(left[-1])

    assert float(dm.derivative(f, X)) == pytest.approx(SINE)
    assert not exchange.ORIGINALS
    assert [next(g) for g in left] == [0.0] * len(left)


def test_functions_made_inside_live_on():
    kept = []

    def f(x):
        kept.append(lambda t: np.zeros(2) + math.sin(t))
        return kept[-1](x)[0]

    assert float(dm.derivative(f, X)) == pytest.approx(SINE)
    y = kept[-1](X)
    assert type(y) is np.ndarray
    np.testing.assert_array_equal(y, math.sin(X))
    assert float(dm.derivative(lambda x: kept[-1](x)[1], X)) == pytest.approx(SINE)


def test_how_often_f_is_called():
    """Once more in the first call if it meets code that no name leads to, never later."""
    count = 0

    def near(x):
        nonlocal count
        count += 1
        return wrapped(x) + holder.own.f(x)

    def far(x):
        nonlocal count
        count += 1
        return vars(sys.modules[__name__])["hid" + "den"](x)

    for f, first in ((near, 1), (far, 2)):
        count = 0
        dm.derivative(f, X)
        assert count == first
        for verb in (dm.derivative, dm.jacobian_rev, dm.gradient):
            count = 0
            verb(f, X)
            assert count == 1


MADE_OUTSIDE = np.zeros(1)


def hidden(x):
    return math.sin(x)


def test_a_refusal_is_raised_after_few_calls():
    count = 0

    def f(x):
        nonlocal count
        count += 1
        MADE_OUTSIDE[0] = x
        return MADE_OUTSIDE[0]

    for most in (3, 1):
        count = 0
        with pytest.raises(dm.TangentLostError):
            dm.derivative(f, X)
        assert count <= most


# --- Threads --------------------------------------------------------------------------------------


def test_other_threads_run_the_same_functions():
    inside, done = threading.Event(), threading.Event()

    def shared(x):
        return wrapped(x) + np.ones(2)[0] + holder.act(x)

    def f(x):
        y = shared(x)
        if not isinstance(x, int) and type(x) is float and threading.current_thread() is worker:
            inside.set()
            assert done.wait(60)
        return y

    found = []
    worker = threading.Thread(target=lambda: found.append(float(dm.derivative(f, X))))
    worker.start()
    assert inside.wait(60)
    try:
        assert shared(X) == 2 * math.sin(X) + 1.0
        assert type(np.zeros(2)) is np.ndarray
        assert type(shared(np.float64(X))) is np.float64
        assert float(dm.derivative(shared, X)) == pytest.approx(2 * SINE)
        assert wrapped.__wrapped__.__code__ is not CODE
    finally:
        done.set()
        worker.join()
    assert found == [pytest.approx(2 * SINE)]
    assert wrapped.__wrapped__.__code__ is CODE


CODE = wrapped.__wrapped__.__code__


def test_many_threads():
    def task(k):
        f = list(REACHED.values())[k % len(REACHED)]
        for _ in range(5):
            assert float(dm.derivative(f, X)) == pytest.approx(SINE)
            assert f(X) == pytest.approx(math.sin(X))

    threads = [threading.Thread(target=task, args=(k,)) for k in range(16)]
    before = state()["code"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state()["code"] == before


def test_text_that_is_run_is_refused_after_some_calls():
    """Its code is another each time, so that what was learned never serves."""
    calls = []

    def f(x):
        calls.append(x)
        return eval("math.sin(x)")

    for mode in (dm.derivative, dm.jacobian_rev):
        with pytest.raises(dm.TangentLostError, match="lose the derivative"):
            mode(f, 0.5)
    assert len(calls) < 40
    assert dm.derivative(lambda x: x * eval("math.sin(0.5)"), 2.0) == math.sin(0.5)
