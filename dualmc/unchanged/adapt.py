"""Plain NumPy code, unchanged: f runs with stand-ins for what a Dual cannot reach.

`adapted(f)` is a copy of f, same code, whose global names lead to the stand-ins of `standins.py`
where they lead to the originals in f's own module, and to adapted copies of the Python functions
that f calls.  Nothing of the user's is modified: the copy has a namespace of its own, a view of the
module's that is as current as the module itself, and what f assigns to ``global`` names is handed
back to the module when the call ends.

What the copies reach: names of f's module, however imported, and of modules of the user's that they
name; imports inside functions; closures, default arguments, partials, methods (through an object
that shares the state of the one at hand), callables, compiled functions (`numba.njit`, by the
Python function they were made of).  What they cannot reach (functions kept in a list or a
dictionary, C extensions, functions of other packages) runs as it is: it refuses a Dual loudly, or
handles it rightly.
"""

import abc
import builtins
import dis
import enum
import functools
import importlib
import math
import operator
import sys
import threading
import types
import weakref

import numpy as np

# Conversions, iterating and strided fill the table of stand-ins.
from dualmc.unchanged import (  # noqa: F401
    conversions,
    foreign,
    iterating,
    listed,
    mentions,
    standins,
    strided,
    uses,
)
from dualmc.unchanged.exchanged import ClassView, FunctionCopy, FunctionTable
from dualmc.unchanged.scipy import sparse_products

# Packages whose own functions are left as they are, unless f itself is one of them.
FOREIGN = frozenset(
    """
    dualmc numpy numba llvmlite scipy pandas matplotlib sympy mpmath jax torch tensorflow autograd
    casadi sklearn statsmodels pytest _pytest hypothesis IPython pint unyt
    """.split()
)
_MARK = "__dualmc_as_is__"
# Copies that are kept at most: a function or class that its own copy leads back to is not freed
# before they are forgotten.
KEPT_FUNCTIONS, KEPT_CLASSES = 4096, 256
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, type(np.concatenate))


def as_is(function):
    """Decorator: leave this function (or class) as it is when a function that calls it is adapted.

    For functions that must run on their own module's names; a Dual that such a function cannot
    handle raises `TangentLostError`, as ever.

    Parameters
    ----------
    function : callable

    Returns
    -------
    function : the same object, marked

    Examples
    --------
    >>> import numpy as np, dualmc as dm
    >>> @dm.as_is
    ... def buffer(n):
    ...     return np.zeros(n)
    >>> def f(x):
    ...     return x + buffer(2)
    >>> dm.jacobian_fwd(f, [1.0, 2.0])
    array([[1., 0.],
           [0., 1.]])
    """
    try:
        setattr(function, _MARK, True)
    except AttributeError:
        raise TypeError(
            f"as_is needs a Python function or class, which it can mark; got "
            f"{type(function).__name__}."
        ) from None
    return function


def adapted(f):
    """The callable to run in place of `f`; `f` itself where there is nothing to adapt."""
    root = _module_of(f).partition(".")[0]
    if root == "dualmc":
        return f
    return _world(root if root in FOREIGN else "").adapt(f, is_root=True)


def arguments(f, args):
    """The arguments of f, adapted, as its adapted copy takes them.

    Constant sparse matrices look for Duals.  Classes, and functions that f knows by a name of its
    own, are those which the name leads to there, so that ``c is function`` is as true as ever.
    """
    return tuple(_argument(f, a) for a in args)


def _argument(f, a):
    if isinstance(a, type):
        return adapted(a) if a.__flags__ & _ON_HEAP else a
    if isinstance(a, _FUNCTIONS):
        return _world("").adapt(a) if mentions.is_named(f, a) else a
    return sparse_products.view_of(a)


def numpy_of_call():
    """NumPy as adapted code sees it."""
    return _world("").module(np)


def drop_under_way():
    """After an error: what it interrupted is begun anew."""
    for world in list(_worlds.values()):
        world.under_way.__init__()


def hand_back():
    """Write what adapted code assigned to its global names into the modules they belong to."""
    for world in tuple(_worlds.values()):
        for space in world.spaces:
            found = space.found
            # What adapted code did not assign to a global name stands in one order.
            if len(space) != len(found) or not all(map(_is, space.values(), found.values())):
                space.hand_back()


def _module_of(value):
    if type(value) is types.FunctionType:
        return value.__globals__.get("__name__") or ""
    while isinstance(value, functools.partial):
        value = value.func
    if isinstance(value, types.MethodType):
        value = value.__func__
    if isinstance(value, types.FunctionType):
        return value.__globals__.get("__name__") or ""
    return getattr(type(value), "__module__", "") or ""


class Namespace(dict):
    """The global names of an adapted function: those of its module, adapted as they are looked up.

    Functions, classes and modules are remembered, together with what they were made of; data is
    looked up in the module every time.
    """

    __slots__ = ("real", "world", "sources", "found", "called", "builtins", "functions",
                 "careful")  # fmt: skip

    def __init__(self, real, world):
        self.real = real
        self.world = world
        self.sources = {}  # what names lead to in the module
        self.found = {"__builtins__": world.builtins}  # what they lead to here, builtins too
        self.called = {}  # names that code only calls, with those they were and their values
        self.builtins = []  # names that lead to builtins
        self.functions = None  # the table of `sources` whose code or defaults may be exchanged
        self.careful = ()  # names whose adapted values are looked at before every call
        self.update(self.found)

    def __missing__(self, name):
        if uses.MARK in name:
            return self._called(name)
        try:
            value = self.real[name]
        except KeyError:
            if name not in self.world.builtins:
                raise
            value = self[name] = self.found[name] = self.world.builtins[name]
            self.builtins.append(name)
            return value
        if type(value) in _DATA:
            return value
        found = self.world.adapt(value)
        if found is not value or isinstance(value, (types.FunctionType, np.ufunc)):
            self.sources[name] = value
            self[name] = self.found[name] = found
            self.functions = None
        return found

    def _called(self, name):
        """What code finds under a name that it only calls: see `uses.py`."""
        place, held = uses.split(name)
        value = self.real[place]
        self.called[name] = place, value
        found = self[name] = self.found[name] = self.world.called(value, held)
        return found

    def refresh(self):
        """Forget what no longer is what the module holds, and follow what was exchanged in it."""
        real, sources = self.real, self.sources
        if self.called:
            for name, (place, value) in list(self.called.items()):
                if real.get(place) is not value:
                    self.forget(name)
        if sources and not all(map(_is, map(real.get, sources), sources.values())):
            for name in [n for n, value in sources.items() if real.get(n) is not value]:
                self.forget(name)
        if self.builtins and not real.keys().isdisjoint(self.builtins):
            for name in [n for n in self.builtins if n in real]:
                self.builtins.remove(name)
                self.forget(name)
        if self.functions is None:
            self._tabulate()
        functions = self.functions
        if functions.functions and functions.changed():
            self._follow()
        for name in self.careful:
            found = self.found.get(name)
            if found is not None and self.world.renewed(sources[name], found) is not found:
                self.forget(name)

    def _tabulate(self):
        functions, careful = [], []
        for name, value in self.sources.items():
            found = self.found.get(name)
            if found is value or type(value) in _STEADY:
                continue
            if type(value) is types.FunctionType and not self.world.is_intricate(value):
                functions.append(value)
            else:
                careful.append(name)
        self.functions, self.careful = FunctionTable(functions), careful
        self._follow()

    def _follow(self):
        for f in self.functions.functions:
            self.world.function(f)
        self.functions.remember()

    def forget(self, name):
        if self.get(name) is self.found.get(name):  # or adapted code that runs has assigned to it
            self.pop(name, None)
        self.found.pop(name, None)
        self.sources.pop(name, None)
        self.called.pop(name, None)
        self.functions = None

    def hand_back(self):
        found = self.found
        for name in [n for n, value in self.items() if found.get(n, found) is not value]:
            value = self.pop(name)
            self.forget(name)
            self.real[name] = self.world.original(value)


class _UnderWay(threading.local):
    """Functions whose closures are being adapted, each with a copy for the time, and new cells;
    classes that are being adapted, which what their methods hold may lead back to."""

    def __init__(self):
        self.copies = {}
        self.cells = []
        self.classes = set()


class World:
    """The adapted copies of one root package ("": the user's own code)."""

    def __init__(self, root):
        self.root = root
        self.namespaces = {}  # by id of the module's dictionary, which the namespace keeps alive
        self.spaces = ()  # the same, to run through while other threads add some
        self.functions = weakref.WeakKeyDictionary()
        self.under_way = _UnderWay()
        self.modules = {}
        self.classes = {}  # views by id of the class, which they keep alive
        self.builtins = {
            **vars(builtins), **standins.BUILTINS, "__import__": self.import_module,
            "super": functools.partial(Super, self), "issubclass": self.is_subclass,
            "type": standins.TypeOf(self.adapted_class),
        }  # fmt: skip

    def namespace(self, real):
        found = self.namespaces.get(id(real))
        if found is None:
            found = self.namespaces[id(real)] = Namespace(real, self)
            self.spaces = tuple(self.namespaces.values())
        return found

    def renewed(self, value, found):
        """`found`, made of `value` before, brought up to date; None where it cannot be."""
        if type(value) is types.FunctionType:
            return self.function(value)
        if isinstance(value, type):
            return self.adapted_class(value)
        is_instance = type(found).__dict__.get("__dualmc_original__") is type(value)
        if is_instance and self.adapted_class(type(value)) is type(found):
            return found
        return None

    def is_intricate(self, f):
        """Whether more than the code and the defaults of `f` can be exchanged."""
        copy = self.functions.get(f)
        return bool(f.__closure__) or copy is None or copy.has_adapted_defaults

    def original(self, value):
        """What an adapted function or module was made of."""
        if type(value) is types.FunctionType:
            made = list(self.functions.items())
            return next((f for f, copy in made if copy.function is value), value)
        return getattr(value, "__dualmc_original__", value)

    def is_foreign(self, module):
        top = (module or "").partition(".")[0]
        if top == self.root and top:
            return False
        if top == "astropy" and module.startswith("astropy.units"):  # units are told apart by `is`
            return True
        return top in FOREIGN or top in sys.stdlib_module_names and top != "__main__"

    def adapt(self, value, is_root=False):
        """What `value` is replaced by in adapted code."""
        kind = type(value)
        if kind in _DATA:
            return value
        if kind is types.FunctionType:
            standin = standins.STANDINS.get(value)
            if standin is not None:
                return standin
            if _MARK in value.__dict__:
                return value
            if "registry" in value.__dict__ and hasattr(value, "dispatch"):
                return self.dispatcher(value)
            if not is_root and self.is_foreign(value.__globals__.get("__name__")):
                return value
            return self.function(value)
        if value is np.ndarray:  # see `Replica`
            return value
        if kind is types.BuiltinFunctionType:
            return standins.STANDINS.get(value, value)
        if kind is _DISPATCHER:  # NumPy's functions that have a C implementation of the protocol
            return standins.STANDINS.get(value, value)
        if kind is types.ModuleType:
            return self.module(value)
        if kind is types.MethodType:
            return self.method(value)
        if kind is functools.partial:
            return self.partial(value)
        if kind is np.ufunc:
            return value
        if kind is types.MethodDescriptorType and value.__objclass__ is np.ndarray:
            return standins.unbound(value)
        if kind is type or isinstance(value, type):
            return standins.STANDINS.get(value) or self.adapted_class(value)
        if kind is np.vectorize:
            return self.vectorized(value)
        inner = getattr(kind, "__module__", "")
        if inner == "functools" and hasattr(value, "__wrapped__"):  # lru_cache: Duals have no hash
            return self.adapt(value.__wrapped__)
        if inner.startswith("scipy.sparse.") and hasattr(value, "tocsr"):
            return sparse_products.view_of(value)
        if inner.startswith("numpy.ma") and callable(value):  # its ufuncs are objects
            return standins.STANDINS.get(value, value)
        if inner.startswith("numba.") and hasattr(value, "py_func"):
            return self.adapt(value.py_func)
        return self.instance(value)

    def called(self, value, held=frozenset()):
        """What `value` is replaced by where code only calls it, or what it finds in it.

        `held` names attributes of a module that are found as they are all the same.
        """
        if isinstance(value, types.ModuleType):
            key = uses.MARK.join((value.__name__, *sorted(held), ""))
            if listed.is_module_of_numpy(value):
                found = self.modules.get(key)
                if found is None:
                    found = self.modules[key] = _replica(value, self, True, held)
                return found
            found = self.adapt(value)
            if type(found) is not ModuleView:
                return found
            made = self.modules.get(key)
            if made is None or made.__dualmc_original__ is not value:
                made = self.modules[key] = CalledView(value, self, held)
            return made
        found = self.adapt(value)
        return (
            listed.substitute(value) if found is value and listed.has_substitute(value) else found
        )

    # --- Functions -------------------------------------------------------------------------------

    def function(self, f):
        """A copy of the Python function `f` that lives in an adapted namespace."""
        if isinstance(f.__globals__, Namespace):
            return f
        if not f.__closure__:
            found = self.functions.data.get(weakref.ref(f))  # `get`, without a call
            if found is None:
                return self._copied(f)
            is_current = (
                found.code is f.__code__
                and found.defaults is f.__defaults__
                and found.kwdefaults is f.__kwdefaults__
                and not found.has_adapted_defaults
            )
            return found.function if is_current else found.renewed(f, self)
        closing = self.under_way.copies
        if f in closing:  # one of several functions that call each other
            return closing[f]
        if not closing:
            found = self.functions.get(f)
            if found is not None and self._is_current(f, found.renewed(f, self), [f]):
                return found.function
        try:
            return self._closed(f)
        finally:
            if not closing:
                self.under_way.cells.clear()

    def code_of(self, f):
        """The code of `f`, with the names marked that it only calls."""
        return uses.renamed(f.__code__, f.__globals__, listed.has_substitute)

    def _copied(self, f):
        """A new copy of `f`, its defaults adapted, its closure not."""
        namespace = self.namespace(f.__globals__)
        copy = types.FunctionType(self.code_of(f), namespace, f.__name__, None, f.__closure__)
        self._remember(f, copy)
        copy.__module__ = f.__module__
        copy.__doc__ = f.__doc__
        copy.__annotations__ = f.__annotations__
        return copy

    def _remember(self, f, copy):
        """Note that `copy` is made of `f`, whose attributes it shares."""
        if len(self.functions.data) >= KEPT_FUNCTIONS:
            self.functions.clear()
        copy.__dict__ = f.__dict__
        copy.__qualname__ = f.__qualname__
        # What its defaults hold may lead back to f, which is known from here on.
        made = self.functions[f] = FunctionCopy(f, copy)
        made.take_defaults(f, self)

    def _closed(self, f):
        """A copy of `f` with adapted functions in its closure; variables stay the cells they are.

        Functions that call each other through their closures meet the copy without a closure of
        its own, which gives way to the finished one.
        """
        closing, made = self.under_way.copies, self.under_way.cells
        copy = closing[f] = self._copied(f)
        try:
            cells = [
                self._cell(f, name, cell)
                for name, cell in zip(f.__code__.co_freevars, f.__closure__, strict=True)
            ]
        finally:
            del closing[f]
        if all(a is b for a, b in zip(cells, f.__closure__, strict=True)):
            return copy
        closed = types.FunctionType(copy.__code__, copy.__globals__, f.__name__, None, tuple(cells))
        for cell in made:
            if cell.cell_contents is copy:
                cell.cell_contents = closed
        self._remember(f, closed)
        return closed

    def _cell(self, f, name, cell):
        """`cell` itself, or a new one with what its contents are replaced by."""
        try:
            value = cell.cell_contents
        except ValueError:  # not assigned yet
            return cell
        new = value if name == "__class__" else self._closed_over(f, name, value)
        if new is value:
            return cell
        made = types.CellType(new)
        self.under_way.cells.append(made)
        return made

    def _closed_over(self, f, name, value):
        """What `value` is replaced by in the closure of `f`."""
        if uses.is_only_called(f.__code__, name, value, listed.has_substitute):
            return self.called(value)
        return self.adapt(value)

    def _is_current(self, f, copy, seen):
        """Whether the copy of `f` made before has what a new one would have in its closure."""
        for name, cell, own in zip(
            f.__code__.co_freevars, f.__closure__, copy.__closure__, strict=True
        ):
            try:
                value = cell.cell_contents
            except ValueError:
                if cell is not own:
                    return False
                continue
            if type(value) in _DATA or name == "__class__":
                if cell is not own:
                    return False
                continue
            inner = own.cell_contents
            if type(value) is types.FunctionType and value.__closure__ and inner is not value:
                found = self.functions.get(value)
                if found is None or found.renewed(value, self) is not inner:
                    return False
                if value not in seen:
                    seen.append(value)
                    if not self._is_current(value, inner, seen):
                        return False
            elif self._closed_over(f, name, value) is not inner:
                return False
        return True

    def partial(self, value):
        func = self.adapt(value.func)
        args = tuple(self.adapt(a) for a in value.args)
        keywords = {k: self.adapt(v) for k, v in value.keywords.items()}
        return functools.partial(func, *args, **keywords)

    def dispatcher(self, value):
        """``functools.singledispatch``, by the type that a Dual stands for."""
        type_of = self.builtins["type"]

        @functools.wraps(value)
        def dispatching(*args, **kwargs):
            return self.adapt(value.dispatch(type_of(args[0])))(*args, **kwargs)

        return dispatching

    def vectorized(self, value):
        copy = standins.vectorize(
            self.adapt(value.pyfunc), value.otypes, None, value.excluded, value.cache,
            value.signature,
        )  # fmt: skip
        return copy

    # --- Modules ---------------------------------------------------------------------------------

    def module(self, module):
        """A module whose functions are adapted as they are looked up."""
        found = self.modules.get(module.__name__)
        if found is not None and found.__dualmc_original__ is module:
            return found
        if module is np or module is math:
            made = _replica(module, self)
        elif self.is_foreign(module.__name__) and module.__name__ not in standins.PATCHED:
            return module
        else:
            made = ModuleView(module, self)
        self.modules[module.__name__] = made
        return made

    def import_module(self, name, globals=None, locals=None, fromlist=(), level=0):
        """``import`` inside adapted code."""
        if isinstance(globals, Namespace):
            globals = globals.real
        module = importlib.__import__(name, globals, locals, fromlist, level)
        foreign.register()
        return self.adapt(module)

    # --- Methods, objects and classes ------------------------------------------------------------

    def method(self, value):
        owner = value.__self__
        if isinstance(owner, type):  # a class method
            owner = self.adapt(owner)
        else:
            owner = self.instance(owner)
        function = value.__func__
        if type(function) is types.FunctionType and not self.is_foreign(
            function.__globals__.get("__name__")
        ):
            return types.MethodType(self.function(function), owner)
        return value

    def instance(self, value):
        """An object of the same state with adapted methods; the object itself if it has none."""
        kind = type(value)
        made = self.adapted_class(kind)
        if made is kind or not hasattr(value, "__dict__"):
            return value
        try:
            copy = object.__new__(made)
            copy.__dict__ = value.__dict__
        except (TypeError, AttributeError):  # made by other means than object.__new__
            return value
        return copy

    def _is_users_class(self, kind):
        return (
            isinstance(kind, type)
            and not self.is_foreign(getattr(kind, "__module__", ""))
            and not kind.__dict__.get(_MARK, False)
            and not issubclass(kind, (BaseException, type, np.ndarray, np.generic))
            and kind.__module__ != "builtins"
            and not any("__slots__" in base.__dict__ for base in kind.__mro__[:-1])
        )

    def adapted_class(self, kind):
        """A subclass of the user's class `kind` with its methods adapted."""
        made = self.classes.get(id(kind))
        if made is None or made.kind is not kind:
            if not self._is_users_class(kind) or "__dualmc_original__" in kind.__dict__:
                return kind
            if len(self.classes) >= KEPT_CLASSES:
                self.classes.clear()
            made = self.classes[id(kind)] = ClassView(kind)
        elif kind in self.under_way.classes or made.is_current():
            return made.view
        self.under_way.classes.add(kind)
        try:
            attributes = self._adapted_attributes(kind)
            if made.view is not kind:
                made.follow(attributes)
            elif attributes:
                made.view = _derived(kind, attributes)
            made.remember(attributes)
        finally:
            self.under_way.classes.discard(kind)
        return made.view

    def _adapted_attributes(self, kind):
        """The attributes of `kind` whose adapted forms differ from them."""
        adapted = {}
        for base in reversed(kind.__mro__[:-1]):
            if self.is_foreign(base.__module__):
                continue
            for name, value in list(base.__dict__.items()):
                new = self._adapted_attribute(value)
                if new is not value:
                    adapted[name] = new
                else:
                    adapted.pop(name, None)
        return adapted

    def is_subclass(self, kind, classes):
        """``issubclass`` of the classes that adapted ones were made of."""
        if isinstance(classes, tuple):
            return any(self.is_subclass(kind, c) for c in classes)
        return standins.is_subclass(self.original(kind), self.original(classes))

    def _adapted_attribute(self, value):
        kind = type(value)
        if kind is types.FunctionType:
            return value if _MARK in value.__dict__ else self.function(value)
        if kind is staticmethod or kind is classmethod:
            inner = self.adapt(value.__func__)
            return value if inner is value.__func__ else kind(inner)
        if kind is property:
            parts = [value.fget, value.fset, value.fdel]
            new = [self.adapt(p) if type(p) is types.FunctionType else p for p in parts]
            return property(*new, value.__doc__) if value.fget is not None else value
        if kind is functools.cached_property:
            made = functools.cached_property(self.adapt(value.func))
            made.__set_name__(None, value.attrname)
            return made
        return value


def _derived(kind, attributes):
    """A subclass of `kind` with `attributes`, of which neither `kind` nor its metaclass is told.

    Made below another class of the same layout and then moved below `kind`, it meets neither
    ``__init_subclass__`` nor what the metaclass does to new classes.
    """
    if issubclass(kind, enum.Enum):
        return kind
    meta = type(kind)
    is_abstract = issubclass(meta, abc.ABCMeta)
    solid = next(base for base in kind.__mro__ if not base.__flags__ & _ON_HEAP)
    space = {"__dualmc_original__": kind, "__module__": kind.__module__,
             "__qualname__": kind.__qualname__, **attributes}  # fmt: skip
    try:
        checking = type.__new__(
            type(meta), meta.__name__, (meta,),
            {
                "__instancecheck__": lambda cls, x: isinstance(x, kind),
                "__eq__": _is_same_class, "__hash__": _hash_of_class,
                # ABCMeta asks the subclasses of `kind` in turn, which must not ask `kind` again.
                "__subclasscheck__": lambda cls, x: (
                    type.__subclasscheck__(kind, x) if is_abstract else issubclass(x, kind)
                ),
            },
        )  # fmt: skip
        view = type.__new__(checking, kind.__name__, (type("Base", (solid,), {}),), space)
        view.__bases__ = (kind,)
        if is_abstract:
            view.__abstractmethods__ = kind.__abstractmethods__
    except Exception:  # a class that cannot be derived from
        return kind
    return view


def _stood_for(view):
    """The class that `view` itself, not what it derives from, was made of."""
    return view.__dict__.get("__dualmc_original__", view)


def _is_same_class(view, other):
    """In tables by class a view is the class that it stands for."""
    return other is view or other is _stood_for(view) or NotImplemented


def _hash_of_class(view):
    return type.__hash__(_stood_for(view))


# Of the flags of a type: it was made by Python code.
_ON_HEAP = 1 << 9


class Super:
    """``super()`` in adapted code: what it finds is adapted too."""

    def __init__(self, world, *args):
        if not args:  # the class and the object of the method that called, as Python finds them
            frame = sys._getframe(1)
            names = frame.f_code.co_varnames[:1] or frame.f_code.co_cellvars[:1]
            args = frame.f_locals["__class__"], frame.f_locals[names[0]]
        object.__setattr__(self, "_found", (world, super(*args)))

    def __getattribute__(self, name):
        world, found = object.__getattribute__(self, "_found")
        value = getattr(found, name)
        if type(value) is types.MethodType and type(value.__func__) is types.FunctionType:
            if world.is_foreign(value.__func__.__globals__.get("__name__")):
                return value
            return types.MethodType(world.function(value.__func__), value.__self__)
        return world.adapt(value)

    def __setattr__(self, name, value):
        setattr(object.__getattribute__(self, "_found")[1], name, value)


class ModuleView(types.ModuleType):
    """A module of the user's as adapted code sees it."""

    def __init__(self, module, world):
        super().__init__(module.__name__, module.__doc__)
        object.__setattr__(self, "__dualmc_original__", module)
        object.__setattr__(self, "__dualmc_world__", world)
        for name in ("__name__", "__doc__", "__spec__", "__loader__", "__package__"):
            self.__dict__.pop(name, None)

    def __getattribute__(self, name):
        if name.startswith("__dualmc_") or name in ("__class__", "__dict__"):
            return object.__getattribute__(self, name)
        module = object.__getattribute__(self, "__dualmc_original__")
        world = object.__getattribute__(self, "__dualmc_world__")
        namespace = world.namespaces.get(id(module.__dict__))
        if namespace is not None and name in namespace and name not in namespace.sources:
            return namespace[name]  # assigned by adapted code in this call
        return world.adapt(getattr(module, name))

    def __setattr__(self, name, value):
        module = object.__getattribute__(self, "__dualmc_original__")
        setattr(module, name, value)

    def __delattr__(self, name):
        delattr(object.__getattribute__(self, "__dualmc_original__"), name)


class CalledView(ModuleView):
    """A module of which code only calls functions, but for those `held`: see `uses.py`."""

    def __init__(self, module, world, held):
        super().__init__(module, world)
        object.__setattr__(self, "__dualmc_held__", held)

    def __getattribute__(self, name):
        found = super().__getattribute__(name)
        if name.startswith("__"):
            return found
        held = object.__getattribute__(self, "__dualmc_held__")
        if name in held:
            return found
        world = object.__getattribute__(self, "__dualmc_world__")
        found = world.original(found) if isinstance(found, ModuleView) else found
        return world.called(found, _inside(name, held))


class Replica(types.ModuleType):
    """numpy or math with stand-ins in place: a plain dictionary, so that lookups cost nothing.

    The class `numpy.ndarray` is itself where code compares with it (``type(v) is np.ndarray``), and
    its stand-in where code calls it, asks it for a method or matches it.
    """

    def __getattr__(self, name):
        value = getattr(self.__dualmc_original__, name)
        if name in ("ma", "testing") and self.__dualmc_original__ is np:  # imported here, by NumPy
            foreign.register()
            return self.__dualmc_world__.module(value)
        if value is np.ndarray and _is_used(sys._getframe(1)):
            return standins.STANDINS[value]
        return value


def _is_used(frame):
    """Whether what `frame` loads just now is called, asked for an attribute or matched."""
    return _is_used_at(frame.f_code, frame.f_lasti)


@functools.lru_cache(256)
def _is_used_at(code, offset):
    steps = list(dis.get_instructions(code))
    i = next(i for i, step in enumerate(steps) if step.offset == offset)
    before, after = steps[i - 1 : i + 1], [step.opname for step in steps[i + 1 : i + 3]]
    is_called = any("NULL" in step.argrepr or step.opname == "PUSH_NULL" for step in before)
    used = ("LOAD_ATTR", "LOAD_METHOD", "PUSH_NULL")
    return is_called or after[0] in used or after[1:] == ["MATCH_CLASS"]


def _inside(name, held):
    """Those of the dotted attributes `held` that are below `name`."""
    return frozenset(h[len(name) + 1 :] for h in held if h.startswith(name + "."))


def _replica(module, world, is_called=False, held=frozenset()):
    """`module` with stand-ins; where code only calls what it finds, functions look into lists."""
    made = Replica(module.__name__, module.__doc__)
    names = dict(vars(module))
    for name, value in names.items():
        try:
            found = standins.STANDINS.get(value)
        except TypeError:  # not hashable
            continue
        if type(value) is types.ModuleType and value.__name__ in standins.PATCHED:
            found = world.module(value)
        if found is not None:
            names[name] = found
        elif is_called and name not in held and listed.has_substitute(value):
            names[name] = listed.substitute(value)
        elif is_called and module is np and name in listed.modules():
            names[name] = world.called(value, _inside(name, held))
    for name in ("ma", "testing", "ndarray", "__getattr__"):  # see `Replica.__getattr__`
        names.pop(name, None)
    names["__dualmc_original__"] = module
    names["__dualmc_world__"] = world
    made.__dict__.update(names)
    return made


_DISPATCHER = type(np.concatenate)
_DATA = frozenset(
    {
        int, float, complex, bool, str, bytes, type(None), list, tuple, dict, set, frozenset, range,
        slice, np.ndarray, np.float64, np.float32, np.int64, np.dtype, type(Ellipsis),
    }
)  # fmt: skip
# Kinds of values whose adapted forms are never exchanged.
_STEADY = frozenset({types.BuiltinFunctionType, types.ModuleType, np.ufunc, _DISPATCHER})
_worlds: dict = {}
_is = operator.is_


def _world(root):
    found = _worlds.get(root)
    if found is None:
        found = _worlds[root] = World(root)
    foreign.register()
    for space in found.spaces:  # copies are of what the modules hold now
        space.refresh()
    return found
