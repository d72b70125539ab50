"""What is exchanged between calls is seen: the derivative is that of the code as it is now."""

import abc
import functools
import gc
import importlib
import math
import sys
import types
import weakref

import numpy as np
import pytest

import dualmc as dm
from dualmc.unchanged.code import plans

X = 1.5
MODES = [
    dm.derivative,
    lambda f, x: dm.jacobian_rev(f, x),
    lambda f, x: dm.jvp(f, x, 1.0)[1],
    lambda f, x: dm.derivative(lambda z: dm.jvp(f, z, 1.0)[0], x),
]


@pytest.fixture(params=range(len(MODES)))
def slope(request):
    return lambda f: float(MODES[request.param](f, X))


def sine(x):
    return math.sin(x)


def square(x, scale=1.0, *, shift=0.0):
    return scale * x * x + shift * x


def cosine(x):
    return math.cos(x)


SINE, COSINE = math.cos(X), -math.sin(X)


def test_code(slope):
    def f(x):
        return math.sin(x)

    assert slope(f) == pytest.approx(SINE)
    before = f.__code__
    f.__code__ = cosine.__code__
    assert slope(f) == pytest.approx(COSINE)
    f.__code__ = before
    assert slope(f) == pytest.approx(SINE)


def test_defaults(slope):
    f = types.FunctionType(square.__code__, globals(), "f", (1.0,))
    f.__kwdefaults__ = {"shift": 0.0}
    assert slope(f) == pytest.approx(2 * X)
    f.__defaults__ = (3.0,)
    assert slope(f) == pytest.approx(6 * X)
    f.__kwdefaults__ = {"shift": 5.0}
    assert slope(f) == pytest.approx(6 * X + 5)
    f.__kwdefaults__["shift"] = 7.0
    assert slope(f) == pytest.approx(6 * X + 7)


def test_defaults_that_are_functions(slope):
    def inner(x):
        return math.sin(x)

    def f(x, g=inner, *, h=inner):
        return g(x) + 2 * h(x)

    assert slope(f) == pytest.approx(3 * SINE)
    inner.__code__ = cosine.__code__
    assert slope(f) == pytest.approx(3 * COSINE)
    f.__kwdefaults__["h"] = sine
    assert slope(f) == pytest.approx(COSINE + 2 * SINE)


def helper(x):
    return math.sin(x)


def calls_helper(x):
    return 2 * helper(x)


def calls_caller(x):
    return calls_helper(x) + np.zeros(1)[0]


def test_a_helper_reached_by_a_global_name(slope, monkeypatch):
    assert slope(calls_caller) == pytest.approx(2 * SINE)
    monkeypatch.setattr(helper, "__code__", cosine.__code__)
    assert slope(calls_caller) == pytest.approx(2 * COSINE)
    monkeypatch.setattr(calls_helper, "__code__", (lambda x: 5 * helper(x)).__code__)
    assert slope(calls_caller) == pytest.approx(5 * COSINE)
    monkeypatch.undo()
    assert slope(calls_caller) == pytest.approx(2 * SINE)
    monkeypatch.setitem(globals(), "helper", square)
    assert slope(calls_caller) == pytest.approx(4 * X)


def test_a_builtin_that_is_shadowed_later(slope, monkeypatch):
    def f(x):
        return abs(x) * 1.0

    assert slope(f) == 1.0
    monkeypatch.setitem(globals(), "abs", lambda x: math.sin(x))
    assert slope(f) == pytest.approx(SINE)
    monkeypatch.delitem(globals(), "abs")
    assert slope(f) == 1.0


def decorated(function):
    @functools.wraps(function)
    def wrapper(x):
        return 2 * function(x)

    return wrapper


def inner_of_decorated(x):
    return math.sin(x)


outer = decorated(inner_of_decorated)


def calls_outer(x):
    return outer(x)


def test_what_a_decorator_wrapped(slope, monkeypatch):
    assert slope(outer) == slope(calls_outer) == pytest.approx(2 * SINE)
    monkeypatch.setattr(inner_of_decorated, "__code__", cosine.__code__)
    assert slope(outer) == slope(calls_outer) == pytest.approx(2 * COSINE)


def test_the_contents_of_a_closure_reached_by_a_name(slope, monkeypatch):
    assert slope(calls_outer) == pytest.approx(2 * SINE)
    (cell,) = outer.__closure__
    monkeypatch.setattr(cell, "cell_contents", square)
    assert slope(calls_outer) == pytest.approx(4 * X)


def test_wrapped_and_other_attributes(slope):
    def f(x):
        return f.__wrapped__(x) * f.scale

    f.__wrapped__, f.scale = np.sin, 1.0
    assert slope(f) == pytest.approx(SINE)
    f.__wrapped__ = np.cos
    assert slope(f) == pytest.approx(COSINE)
    f.scale = 3.0
    assert slope(f) == pytest.approx(3 * COSINE)


def test_attributes_that_f_writes_are_the_functions_own():
    def f(x):
        f.calls += 1
        return x * f.calls

    f.calls = 0
    assert [float(dm.derivative(f, X)) for _ in range(3)] == [1.0, 2.0, 3.0]
    assert f.calls == 3 and vars(f) == {"calls": 3}


def test_partials_and_caches(slope, monkeypatch):
    cached = functools.lru_cache(inner_of_decorated)
    monkeypatch.setitem(globals(), "held", functools.partial(square, scale=3.0))
    monkeypatch.setitem(globals(), "cached", cached)
    f = eval("lambda x: held(x) + cached(x)", globals())
    assert slope(f) == pytest.approx(6 * X + SINE)
    monkeypatch.setattr(inner_of_decorated, "__code__", cosine.__code__)
    monkeypatch.setattr(square, "__code__", (lambda x, scale=1.0, *, shift=0.0: scale * x).__code__)
    assert slope(f) == pytest.approx(3 + COSINE)


# --- Classes --------------------------------------------------------------------------------------


def classes():
    class Base:
        factor = 1.0

        def value(self, x):
            return math.sin(x)

        @staticmethod
        def static(x):
            return math.sin(x)

        @classmethod
        def of_class(cls, x):
            return cls.factor * math.sin(x)

        @property
        def doubled(self):
            return lambda x: 2 * math.sin(x)

    class Derived(Base):
        def total(self, x):
            return self.value(x) + self.static(x) + self.of_class(x) + self.doubled(x)

    return Base, Derived


def test_methods(slope):
    Base, Derived = classes()
    here = Derived()
    assert slope(here.total) == pytest.approx(5 * SINE)
    Base.value = lambda self, x: math.cos(x)
    assert slope(here.total) == pytest.approx(4 * SINE + COSINE)
    Base.static.__code__ = cosine.__code__
    assert slope(here.total) == pytest.approx(3 * SINE + 2 * COSINE)
    Base.doubled = property(lambda self: lambda x: 2 * math.cos(x))
    assert slope(here.total) == pytest.approx(SINE + 4 * COSINE)
    Base.factor = 7.0
    assert slope(here.total) == pytest.approx(7 * SINE + 4 * COSINE)
    Derived.value = lambda self, x: 10 * math.cos(x)  # now overrides that of its base
    assert slope(here.total) == pytest.approx(7 * SINE + 13 * COSINE)
    del Derived.value
    assert slope(here.total) == pytest.approx(7 * SINE + 4 * COSINE)


def test_objects_and_classes_reached_by_names(slope, monkeypatch):
    Base, Derived = classes()
    monkeypatch.setitem(globals(), "Derived", Derived)
    monkeypatch.setitem(globals(), "here", Derived())
    by_object = eval("lambda x: here.value(x)", globals())
    by_class = eval("lambda x: Derived().value(x)", globals())
    assert slope(by_object) == slope(by_class) == pytest.approx(SINE)
    Base.value.__code__ = (lambda self, x: math.cos(x)).__code__
    assert slope(by_object) == slope(by_class) == pytest.approx(COSINE)
    Base.value = lambda self, x: 3 * math.cos(x)
    assert slope(by_object) == slope(by_class) == pytest.approx(3 * COSINE)


def test_a_class_that_gets_its_first_method(slope):
    class Empty:
        pass

    here = Empty()
    f = lambda x: getattr(here, "value", math.cos)(x)  # noqa: E731
    assert slope(f) == pytest.approx(COSINE)
    Empty.value = lambda self, x: math.sin(x)
    assert slope(f) == pytest.approx(SINE)


def test_the_class_of_an_object(slope, monkeypatch):
    Base, Derived = classes()

    class Other:
        def value(self, x):
            return math.cos(x)

    monkeypatch.setitem(globals(), "here", Derived())
    f = eval("lambda x: here.value(x)", globals())
    assert slope(f) == pytest.approx(SINE)
    here.__class__ = Other  # noqa: F821
    assert slope(f) == pytest.approx(COSINE)


def test_the_bases_of_a_class(slope):
    Base, Derived = classes()

    class Other(Base):
        def value(self, x):
            return math.cos(x)

    here = Derived()
    assert slope(here.value) == pytest.approx(SINE)
    Derived.__bases__ = (Other,)
    assert slope(here.value) == pytest.approx(COSINE)


# --- Modules --------------------------------------------------------------------------------------


@pytest.fixture
def edited(tmp_path, monkeypatch):
    """A module and how to edit it."""
    path = tmp_path / "edited_module.py"

    def write(text):
        path.write_text("import math\nfrom math import sin as sine_of_math\n" + text)
        importlib.invalidate_caches()
        for cache in tmp_path.glob("__pycache__/*"):
            cache.unlink()

    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    write("def g(x):\n    return math.sin(x)\nclass C:\n    def m(self, x):\n        return g(x)\n")
    module = importlib.import_module("edited_module")
    yield module, write
    sys.modules.pop("edited_module", None)


def test_a_reloaded_module(slope, edited):
    module, write = edited
    f = lambda x: module.g(x) + module.C().m(x)  # noqa: E731
    assert slope(f) == slope(module.g) + slope(module.C().m) == pytest.approx(2 * SINE)
    write(
        "def g(x):\n    return math.cos(x)\nclass C:\n    def m(self, x):\n        return 2*g(x)\n"
    )
    importlib.reload(module)
    assert slope(f) == pytest.approx(3 * COSINE)
    assert slope(module.g) == pytest.approx(COSINE)


def test_what_autoreload_does(slope, edited):
    module, write = edited
    g, C, here = module.g, module.C, module.C()
    f = lambda x: g(x) + here.m(x)  # noqa: E731
    assert slope(f) == pytest.approx(2 * SINE)
    write(
        "def g(x):\n    return math.cos(x)\n"
        "class C:\n    def m(self, x):\n        return 2 * sine_of_math(x)\n"
    )
    importlib.reload(module)
    # Old functions get the new code, old classes the new attributes.
    g.__code__, g.__defaults__ = module.g.__code__, module.g.__defaults__
    C.m.__code__ = module.C.m.__code__
    assert slope(f) == pytest.approx(COSINE + 2 * SINE)


# --- What adapted code assigns, and the user's classes afterwards ---------------------------------


def set_helper():
    global helper
    previous, helper = helper, square
    return previous


def assigns_a_function(x):
    y = helper(x)
    set_helper()
    return y + helper(x)


def test_a_function_assigned_to_a_global_name_after_it_was_looked_up(slope, monkeypatch):
    monkeypatch.setitem(globals(), "helper", sine)
    assert slope(assigns_a_function) == pytest.approx(SINE + 2 * X)
    assert helper is square


# --- What is dropped is freed ---------------------------------------------------------------------


def grown(make, count=300):
    """Objects that live on for each of `count` more calls of what `make` gives."""
    for _ in range(50):
        dm.derivative(make(), X)
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(count):
        dm.derivative(make(), X)
    gc.collect()
    return (len(gc.get_objects()) - before) / count


def new_closure():
    scale = 2.0

    def inner(x):
        return scale * math.sin(x)

    def f(x):
        return inner(x) * scale

    return f


def new_closure_that_holds_itself():
    table = {}

    def f(x):
        return math.sin(x) if table else x

    table["f"] = f
    return f


def new_class():
    class Made:
        def value(self, x):
            return math.sin(x)

        def other(self, x):
            return self.value(x)

    return Made().other


def new_object():
    return Held().value


class Held:
    def value(self, x):
        return math.sin(x)


@pytest.mark.parametrize("make", [new_closure, new_object, lambda: lambda x: math.sin(x)])
def test_nothing_is_kept(make):
    assert grown(make) < 0.1


@pytest.mark.parametrize("make", [new_class, new_closure_that_holds_itself])
def test_what_is_kept_has_a_bound(make, monkeypatch):
    monkeypatch.setattr(plans, "KEPT", 20)
    assert grown(make) < 1


def test_a_dropped_class_is_freed_when_others_come(monkeypatch):
    monkeypatch.setattr(plans, "KEPT", 3)
    method = new_class()
    dropped = weakref.ref(type(method.__self__))
    dm.derivative(method, X)
    del method
    for _ in range(8):
        dm.derivative(new_class(), X)
    gc.collect()
    assert dropped() is None


# --- The user's classes are what they were --------------------------------------------------------


class Shape(metaclass=abc.ABCMeta):
    def measure(self):
        return self.area()

    @abc.abstractmethod
    def area(self): ...


class Disc(Shape):
    def __init__(self, r):
        self.r = r

    def area(self):
        return math.pi * self.r**2


class Quacking(metaclass=abc.ABCMeta):  # noqa: B024
    @classmethod
    def __subclasshook__(cls, other):
        return hasattr(other, "quack") or NotImplemented


class Duck(Quacking):
    def __init__(self, r):
        self.r = r

    def quack(self):
        return math.sin(self.r)


class Virtual:
    def measure(self):
        return 0.0


Shape.register(Virtual)


def test_abstract_classes(slope):
    def f(r):
        here = Disc(r)
        assert isinstance(here, Shape) and issubclass(Disc, Shape) and issubclass(Virtual, Shape)
        assert isinstance(Virtual(), Shape) and not isinstance(3.0, Shape)
        assert issubclass(type(here), Shape) and not issubclass(Duck, (Shape, Virtual))
        with pytest.raises(TypeError, match="abstract"):
            Shape()
        return here.measure() + Duck(r).quack()

    assert slope(f) == pytest.approx(2 * math.pi * X + SINE)
    assert not isinstance("", Shape) and isinstance(Disc(1.0), Shape) and issubclass(Disc, Shape)
    assert isinstance(Virtual(), Shape) and not issubclass(str, Disc)
    assert isinstance(Duck(1.0), Quacking) and not isinstance(1.0, Quacking)


REGISTRY: dict = {}
MADE: list = []


class Plugin:
    def __init_subclass__(cls, **options):
        assert cls.__name__ not in REGISTRY
        REGISTRY[cls.__name__] = cls


class Sine(Plugin):
    def go(self, x):
        return math.sin(x)


class NeedsKeyword:
    def __init_subclass__(cls, /, code):
        cls.code = code


class Keyword(NeedsKeyword, code=7):
    def go(self, x):
        return self.code * math.sin(x)


class Meta(type):
    def __new__(mcs, name, bases, space, **options):
        MADE.append(name)
        return super().__new__(mcs, name, bases, space)

    def __init__(cls, name, bases, space, **options):
        MADE.append(cls)
        super().__init__(name, bases, space)


class WithMeta(metaclass=Meta):
    def go(self, x):
        return math.sin(x)


class OfDict(dict):
    def go(self, x):
        return math.sin(x) * self["scale"]


def test_no_class_is_told_of_its_adapted_one(slope):
    registry, made = dict(REGISTRY), list(MADE)
    f = lambda x: (  # noqa: E731
        Sine().go(x) + Keyword().go(x) + WithMeta().go(x) + OfDict(scale=2.0).go(x)
    )
    assert slope(f) == pytest.approx(11 * SINE)
    assert registry == REGISTRY and made == MADE


def test_a_function_that_returns_structures_is_known_by_its_own_code():
    """The table of `structures` is asked while a call of the same function runs, nested in it."""

    def f(x):
        return {"a": np.exp(x), "b": np.zeros(2) + x}

    def total(x):
        inner = dm.jacobian_fwd(f, x)
        return inner["a"] @ x + inner["b"] @ x

    x = np.array([0.3, 0.7])
    dm.jacobian_fwd(f, x)
    expected = np.diag(np.exp(x) * (1 + x) + 1)
    np.testing.assert_allclose(dm.jacobian_fwd(total, x), expected)
    np.testing.assert_allclose(
        dm.jacobian_fwd(lambda z: dm.jacobian_fwd(f, z)["a"], x)[0, 0, 0], np.exp(0.3)
    )
