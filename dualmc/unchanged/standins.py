"""Stand-ins for the functions that a Dual cannot reach by NumPy's protocols.

``np.zeros(n)`` makes a plain array that could not hold a derivative, ``np.array([a, b])`` and
``math.sin(a)`` convert to floats.  While f is differentiated, `adapt.py` lets it find these
functions in their place.  They do what the originals do; but a float array they make is a Dual
without tangent, which behaves as a plain array until a Dual is stored in it.

Outside of a derivative call they are the originals.
"""

import functools
import importlib
import math
import operator
import types

import numpy as np

from dualmc.duals import levels, subclasses, weak
from dualmc.duals.dual import Dual, make_array
from dualmc.duals.elements import opened
from dualmc.duals.operands import as_operand, has_dual, has_tangent
from dualmc.errors import MissingRuleError
from dualmc.functions.summing.linear import exact as exact_of_duals
from dualmc.graph.nodes import Recorder
from dualmc.graph.record import as_operand as as_traced
from dualmc.graph.record import constant as traced_constant
from dualmc.graph.record import has_traced, of_numbers
from dualmc.graph.traced import Traced
from dualmc.kernels.payload import values
from dualmc.rules.table import Rule
from dualmc.steps.elementwise import push
from dualmc.unchanged.attributes import plain

STANDINS: dict = {}  # by the original
MATH: dict = {}  # the functions of the module math by name
# Modules of other packages of which some functions have stand-ins.
PATCHED: set = set()


def stands_for(*originals):
    """Decorator: the function below is found in place of `originals`."""

    def register(standin):
        for original in originals:
            STANDINS[original] = standin
        return standin

    return register


def blank(y):
    """A new float array as one that may be written to; anything else as it is."""
    level = levels.current()
    if level is None or type(y) is not np.ndarray or y.dtype.kind not in "fc":
        return y
    if type(level) is Recorder:
        return traced_constant(level, y)
    return make_array(y, None, level)


def is_carrier(a):
    """Whether `a` is an array that carries its derivative or its history."""
    return type(a) is Dual or type(a) is Traced


def looked_at(a):
    """The plain value of `a`, which decides what f does next."""
    return a.look() if type(a) is Traced else values(a)


def value_of(a):
    """The plain value of `a`, for what does not depend on its numbers."""
    return a.value if type(a) is Traced else values(a)


def has_carrier(a):
    return has_dual(a) or has_traced(a) or bool(subclasses.MASKED) and subclasses.has_masked(a)


def operand(a):
    """Lists and object arrays of carriers as one of them; everything else as it is.

    Of an array that means more, the numbers alone: this is what `numpy.array` reads.
    """
    if type(a) in subclasses.MASKED:
        return a.data
    if subclasses.is_foreign(a):
        a = a.view(np.ndarray)
    return as_traced(a) if has_traced(a) else as_operand(a)


def exact(function, formula, *args):
    """`formula(*args)`, with the primal that `function` itself gives."""
    if has_traced(args):
        return of_numbers(function, formula, args)
    return exact_of_duals(function, formula, *args)


# --- New arrays ----------------------------------------------------------------------------------


def _register_makers():
    def maker(function):
        def standin(*args, **kwargs):
            return blank(function(*args, **kwargs))

        standin.__name__ = function.__name__
        standin.__doc__ = function.__doc__
        return standin

    for function in (
        np.zeros, np.ones, np.empty, np.eye, np.identity, np.tri, np.linspace, np.logspace,
        np.geomspace, np.zeros_like, np.ones_like, np.empty_like, np.full_like, np.copy,
        np.loadtxt, np.genfromtxt,
    ):  # fmt: skip
        STANDINS[function] = maker(function)


_register_makers()


@stands_for(np.frombuffer)
def frombuffer(buffer, *args, **kwargs):
    if is_carrier(buffer):
        buffer = plain(buffer, "numpy.frombuffer(array)")
    return blank(np.frombuffer(buffer, *args, **kwargs))


@stands_for(np.full)
def full(shape, fill_value, dtype=None, order="C", **kwargs):
    if not has_carrier(fill_value):
        return blank(np.full(shape, fill_value, dtype, order, **kwargs))
    fill_value = operand(fill_value)
    y = np.empty(shape, fill_value.dtype if dtype is None else dtype, order, **kwargs)
    return np.full_like(fill_value, fill_value, dtype=y.dtype, shape=y.shape)


@stands_for(np.arange)
def arange(*args, **kwargs):
    if not has_carrier(args) and not has_carrier(tuple(kwargs.values())):
        return blank(np.arange(*args, **kwargs))
    names = ("start", "stop", "step", "dtype")
    given = dict(zip(names if len(args) > 1 else names[1:], args, strict=False)) | kwargs
    start, step = given.get("start", 0), given.get("step", 1)
    if "stop" not in given:
        start, given["stop"] = 0, start
    start, stop, step = (np.ravel(operand(given_))[0] for given_ in (start, given["stop"], step))
    count = max(0, math.ceil((float(values(stop)) - float(values(start))) / float(values(step))))
    y = start + step * np.arange(count)
    return y if given.get("dtype") is None else y.astype(given["dtype"])


@stands_for(np.fromiter)
def fromiter(iter, dtype, count=-1, **kwargs):
    items = [item for _, item in zip(range(count), iter)] if count >= 0 else list(iter)  # noqa: B905
    if has_carrier(items):
        return operand(items).astype(dtype)
    return blank(np.fromiter(items, dtype, count, **kwargs))


@stands_for(np.fromfunction)
def fromfunction(function, shape, *, dtype=float, **kwargs):
    return function(*np.indices(shape, dtype=dtype), **kwargs)


@stands_for(np.isscalar)
def isscalar(element):
    return element.is_number if is_carrier(element) else np.isscalar(element)


@stands_for(np.iscomplexobj)
def iscomplexobj(x):
    return x.dtype.kind == "c" if is_carrier(x) else np.iscomplexobj(x)


@stands_for(np.vectorize)
class vectorize:
    """``np.vectorize``, whose results keep their derivatives."""

    def __init__(self, pyfunc=None, otypes=None, doc=None, excluded=None, cache=False,
                 signature=None):  # fmt: skip
        self.pyfunc = pyfunc
        self.options = (otypes, doc, excluded, cache, signature)
        self.excluded = frozenset() if excluded is None else frozenset(excluded)
        self.signature = signature

    def __call__(self, *args, **kwargs):
        if self.pyfunc is None:  # used as a decorator with options
            return vectorize(args[0], *self.options)
        if not has_carrier(args) and not has_carrier(tuple(kwargs.values())) or self.signature:
            return np.vectorize(self.pyfunc, *self.options)(*args, **kwargs)
        fixed = {k: v for k, v in kwargs.items() if k in self.excluded}
        names = [k for k in kwargs if k not in self.excluded]
        places = [i for i in range(len(args)) if i not in self.excluded]
        for a in (*(args[i] for i in places), *(kwargs[k] for k in names)):
            subclasses.check(a)
        arrays = np.broadcast_arrays(
            *(operand(args[i]) for i in places), *(operand(kwargs[k]) for k in names)
        )
        found = []
        for index in np.ndindex(*arrays[0].shape):
            entries = [a[index] for a in arrays]
            call = list(args)
            for i, entry in zip(places, entries, strict=False):
                call[i] = entry
            found.append(
                self.pyfunc(*call, **fixed, **dict(zip(names, entries[len(places) :], strict=True)))
            )
        if isinstance(found[0], tuple):
            return tuple(self._joined(part, arrays) for part in zip(*found, strict=True))
        return self._joined(found, arrays)

    @staticmethod
    def _joined(found, arrays):
        return np.reshape(operand(list(found)), arrays[0].shape)


def unbound(method):
    """A method of ``np.ndarray`` as a function, which serves Duals by their own."""
    if type(method) is not types.MethodDescriptorType:
        return method

    @functools.wraps(method, updated=())
    def function(self, *args, **kwargs):
        if is_carrier(self):
            return getattr(self, method.__name__)(*args, **kwargs)
        return method(self, *args, **kwargs)

    return function


class _ArrayType(type):
    """So that ``isinstance(x, np.ndarray)`` is as true of a Dual as of what it stands for."""

    def __instancecheck__(cls, instance):
        if is_carrier(instance):
            return not instance.is_number
        return isinstance(instance, np.ndarray)

    def __subclasscheck__(cls, subclass):
        return subclass is Dual or issubclass(subclass, np.ndarray)

    def __call__(cls, *args, **kwargs):
        return blank(np.ndarray(*args, **kwargs))

    def __getattr__(cls, name):
        return unbound(getattr(np.ndarray, name))

    def __eq__(cls, other):
        return other is cls or other is np.ndarray

    def __hash__(cls):
        return hash(np.ndarray)


@stands_for(np.ndarray)
class ndarray(metaclass=_ArrayType):
    """``np.ndarray`` as user code names it: Duals are instances too."""


def _refuse_matrix(data):
    if has_tangent(data):
        raise MissingRuleError(
            "dualmc does not differentiate numpy.matrix, which NumPy itself advises against. Use a "
            "two-dimensional array, numpy.atleast_2d(x), and @ for products."
        )


class _MatrixType(type):
    def __instancecheck__(cls, instance):
        return isinstance(instance, np.matrix)

    def __call__(cls, data, dtype=None, copy=True):
        _refuse_matrix(data)
        return np.matrix(data, dtype, copy)


@stands_for(np.matrix)
class matrix(metaclass=_MatrixType):
    """``np.matrix``, which refuses Duals."""


@stands_for(np.asmatrix)
def asmatrix(data, dtype=None):
    _refuse_matrix(data)
    return np.asmatrix(data, dtype)


def _stood_for(a):
    """What the carrier `a` stands for: a plain array, or a number."""
    if type(a) is Traced and a.is_pythons:
        return a.value.item()
    return value_of(a)[()] if a.is_number else value_of(a)


def is_instance(instance, classes):
    """``isinstance``, for which a Dual is what it stands for: an array, or 0-d a number."""
    if not is_carrier(instance):
        return isinstance(instance, classes)
    if classes is type(instance) or isinstance(classes, tuple) and type(instance) in classes:
        return True
    return isinstance(_stood_for(instance), classes)


# What is asked of Duals as such, which nothing else has.
_OF_DUALS = frozenset("primal tangent level".split())
# What an array has and a number has not.
_OF_ARRAYS = frozenset("__len__ __iter__ __contains__ __setitem__ __delitem__".split())


def has_attribute(a, name):
    """``hasattr``, for which a 0-d Dual is a number: it has no length, and a float no shape."""
    if is_carrier(a) and a.is_number and name not in _OF_DUALS and _was_float(a):
        return hasattr(float, name)
    return hasattr(_stood_for(a) if is_carrier(a) and name in _OF_ARRAYS else a, name)


def get_attribute(a, name, *default):
    """``getattr``, likewise."""
    if is_carrier(a) and a.is_number and name not in _OF_DUALS and _was_float(a):
        if not hasattr(float, name):
            return getattr(0.0, name, *default)
    if is_carrier(a) and name in _OF_ARRAYS and not hasattr(_stood_for(a), name):
        return getattr(_stood_for(a), name, *default)
    return getattr(a, name, *default)


def _of_plain(builtin):
    """A builtin that reads the bytes of arrays: of those that hold no derivative, their own."""

    @functools.wraps(builtin, updated=())
    def standin(*args, **kwargs):
        if args and is_carrier(args[0]):
            args = (plain(args[0], f"{builtin.__name__}(array)"), *args[1:])
        return builtin(*args, **kwargs)

    return standin


def _was_float(a):
    """Whether the carrier `a` is an argument of f that was given as a float of Python's."""
    if type(a) is Traced:
        recorder, node = a._recorder, a.node
        if node.function is None and node.name and not node.shape:
            recorder.asked_type = True
        return node.serial in recorder.floats
    return any(ref() is a for ref in a.level.floats)


class TypeOf:
    """``type``, by which a Dual is what it stands for: an array, or 0-d a number of NumPy.

    Of an object of the user's it is the class that adapted code knows by its name.
    """

    def __init__(self, adapted):
        self._adapted = adapted

    def __call__(self, *args, **kwargs):
        if len(args) == 1 and is_carrier(args[0]):
            return float if _was_float(args[0]) else type(_stood_for(args[0]))
        found = type(*args, **kwargs)
        is_users = found.__flags__ & _ON_HEAP and len(args) == 1
        return self._adapted(found) if is_users else found

    def __getattr__(self, name):
        return getattr(type, name)

    def __getitem__(self, item):
        return type[item]

    def __mro_entries__(self, bases):  # class Meta(type)
        return (type,)

    def __instancecheck__(self, instance):
        return isinstance(instance, type)

    def __subclasscheck__(self, subclass):
        return issubclass(subclass, type)

    def __eq__(self, other):
        return other is type or other is self

    def __hash__(self):
        return hash(type)


def is_subclass(subclass, classes):
    """``issubclass``, for the classes of Duals too."""
    return issubclass(np.ndarray if subclass in (Dual, Traced) else subclass, classes)


# Of the flags of a type: it was made by Python code.
_ON_HEAP = 1 << 9

# Builtins that adapted code finds in place of Python's.
BUILTINS = {
    "isinstance": is_instance, "issubclass": is_subclass,
    "hasattr": has_attribute, "getattr": get_attribute,
    "memoryview": _of_plain(memoryview), "bytearray": _of_plain(bytearray),
}  # fmt: skip


def _register_readers_of_bytes():
    """Functions of the standard library that take whatever has bytes."""
    for name in ("hashlib", "zlib"):
        try:
            module = importlib.import_module(name)
        except ImportError:  # a Python built without it
            continue
        for function in vars(module).values():
            if type(function) is types.BuiltinFunctionType:
                STANDINS[function] = _of_plain(function)
        PATCHED.add(name)


_register_readers_of_bytes()


# --- The module math -----------------------------------------------------------------------------


def _exact_float(function, formula, *args):
    """`exact`, for functions that read Python floats and return one."""
    if any(map(weak.is_narrow, args)):
        return weak.marked(exact(function, formula, *map(weak.widened, args)))
    return exact(function, formula, *args)


def _register_math(name, formula):
    original = getattr(math, name, None)
    if original is None:  # a later Python's
        return

    def standin(*args):
        args = [opened(a) for a in args]
        if not any(map(is_carrier, args)):
            return original(*args)
        for a in args:
            if np.ndim(a):
                raise TypeError(
                    f"math.{name} needs numbers; got an array of shape {np.shape(a)}. Use the "
                    f"NumPy function, which works element by element."
                )
        return _exact_float(standin, formula, *args)

    standin.__name__ = name
    standin.__doc__ = original.__doc__
    MATH[name] = STANDINS[original] = standin


def _register_math_functions():
    for name in """
        sqrt exp expm1 exp2 log1p log2 log10 sin cos tan sinh cosh tanh fabs copysign cbrt degrees
        radians fmod
    """.split():
        _register_math(name, getattr(np, name))
    for name, ufunc in {
        "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "atan2": np.arctan2,
        "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh, "pow": np.power,
    }.items():  # fmt: skip
        _register_math(name, ufunc)
    _register_math(
        "log", lambda x, base=None: np.log(x) if base is None else np.log(x) / np.log(base)
    )
    _register_math("hypot", lambda *xs: _norm(xs))
    _register_math("remainder", lambda x, y: x - y * np.rint(values(x) / values(y)))
    _register_math("ldexp", lambda x, i: np.ldexp(x, operator.index(i)))
    _register_math("erf", lambda x: push(ERF, np.frompyfunc(math.erf, 1, 1), (x,)))
    _register_math("erfc", lambda x: push(ERFC, np.frompyfunc(math.erfc, 1, 1), (x,)))
    _register_math("gamma", lambda x: _special("gamma")(x))
    _register_math("lgamma", lambda x: _special("gammaln")(x))
    _register_math("fma", lambda x, y, z: x * y + z)
    for name in ("isnan", "isinf", "isfinite"):
        _register_test(name, getattr(np, name))
    for name in ("isclose", "ulp"):
        _register_values(name)


def _norm(xs):
    return np.linalg.norm(np.stack([operand(x) for x in xs]))


TWO_OVER_ROOT_PI = 1.1283791670955126
ERF = Rule((lambda x, y: TWO_OVER_ROOT_PI * np.exp(-x * x),), kernel=False)
ERFC = Rule((lambda x, y: -TWO_OVER_ROOT_PI * np.exp(-x * x),), kernel=False)


def _special(name):
    try:
        import scipy.special
    except ImportError:
        raise ImportError(
            f"The derivative of math.{name.replace('gammaln', 'lgamma')} needs SciPy. Install it "
            f"with: pip install dualmc[sparse]"
        ) from None
    return getattr(scipy.special, name)


def _register_values(name):
    original = getattr(math, name)

    def standin(*args, **kwargs):
        args = [looked_at(a) for a in args]
        return original(*args, **kwargs)

    MATH[name] = STANDINS[original] = standin


def _register_parts():
    """Functions of one number that give two, or its neighbour."""

    def modf(x):
        return np.modf(x) if is_carrier(x) else math.modf(x)

    def frexp(x):  # x / 2**e, and the whole number e
        if not is_carrier(x):
            return math.frexp(x)
        _, e = math.frexp(looked_at(x))
        return np.ldexp(x, -e), e

    def nextafter(x, y, **kwargs):  # moves with x
        if not is_carrier(x):
            return math.nextafter(x, looked_at(y), **kwargs)
        return exact(lambda a, b: nextafter(a, b, **kwargs), lambda a, b: a * 1.0, x, y)

    for standin in (modf, frexp, nextafter):
        MATH[standin.__name__] = STANDINS[getattr(math, standin.__name__)] = standin


def _register_test(name, ufunc):
    original = getattr(math, name)

    def standin(x):
        return bool(ufunc(x)) if type(x) is Traced and not x.ndim else original(looked_at(x))

    MATH[name] = STANDINS[original] = standin


def _register_sequences():
    def total(iterable):
        items = list(iterable)
        if not has_carrier(items):
            return math.fsum(items)
        return _exact_float(lambda *xs: total(xs), lambda *xs: sum(xs), *items)

    def product(iterable, *, start=1):
        for item in iterable:
            start = start * item
        return start

    def distance(p, q):
        p, q = list(p), list(q)
        if not has_carrier([p, q]):
            return math.dist(p, q)
        if len(p) != len(q):
            raise ValueError("both points must have the same number of dimensions")
        n = len(p)
        return _exact_float(
            lambda *both: distance(both[:n], both[n:]),
            lambda *both: _norm([a - b for a, b in zip(both[:n], both[n:], strict=True)]),
            *p, *q,
        )  # fmt: skip

    def sum_of_products(p, q, /):
        p, q = list(p), list(q)
        if not has_carrier([p, q]):
            return math.sumprod(p, q)
        n = len(p)
        return _exact_float(
            lambda *both: sum_of_products(both[:n], both[n:]),
            lambda *both: sum(a * b for a, b in zip(both[:n], both[n:], strict=True)),
            *p, *q,
        )  # fmt: skip

    for name, standin in (
        ("fsum", total), ("prod", product), ("dist", distance), ("sumprod", sum_of_products),
    ):  # fmt: skip
        if hasattr(math, name):  # some are a later Python's
            MATH[name] = STANDINS[getattr(math, name)] = standin


_register_math_functions()
_register_parts()
_register_sequences()
