"""Which functions a call of f needs on stand-ins: those that f leads to, and those seen to run.

A plan is made once for a function's code and the kinds of what its closure holds, and serves as
long as the names that it looked up lead to what they led to.
"""

import functools
import itertools
import operator
import types
import weakref

from dualmc.duals.dual import Dual
from dualmc.graph.traced import Traced
from dualmc.unchanged.as_is import DATA, LIBRARIES, MARK, is_foreign
from dualmc.unchanged.code import exchange, rewriting, values
from dualmc.unchanged.code.rewriting import REWRITTEN
from dualmc.unchanged.code.trampolines import trampoline
from dualmc.unchanged.standins.table import CHANGES, STANDINS

KEPT = 1024
# Functions that a plan follows names to at most; others are met when they run.
FOLLOWED = 400
_plans: dict = {}  # by id of the code and kinds around it
# By id of the code of f: that code, how often code was seen to run, functions by weak reference.
_learned: dict = {}
PLAIN = DATA | {Dual, Traced}  # kinds of values that lead to no code
careful: dict = {}  # code that looks at whatever it loads, by its id


class Plan:
    """The exchanges that a call of one function needs, and what they depend on."""

    __slots__ = (
        "code", "names", "exchanges", "own", "closures", "spaces", "keys", "found", "classes",
        "names_there", "found_there", "functions", "codes", "defaults", "is_careful", "is_known",
        "tries", "version", "call",
    )  # fmt: skip

    def __init__(self, f, code):
        self.code = code
        self.names = f.__globals__
        self.exchanges = []  # of all functions but f
        self.own = code  # what f runs
        self.closures = ()  # places of f's variables that are functions with variables of their own
        self.spaces, self.keys, self.found = [], [], []  # names of modules that were looked up
        self.classes, self.names_there, self.found_there = [], [], []  # and of classes
        self.functions, self.codes, self.defaults = [], [], []  # that were followed
        self.is_careful = False  # whether code must look at whatever it loads
        self.version = CHANGES[0]
        self.is_known = False  # whether a call has shown that nothing is missing
        self.tries = 0
        self.call = None  # the latest `Call`

    def is_current(self):
        """Whether all names lead to what they led to, and all functions are what they were."""
        return (
            self.version == CHANGES[0]
            and all(map(_is, map(_of_module, self.spaces, self.keys), self.found))
            and all(map(_is, map(_of_class, self.classes, self.names_there), self.found_there))
            and (
                all(map(_is, map(_code, self.functions), self.codes))
                or all(map(_is, map(exchange.code_of, self.functions), self.codes))
            )
            and all(map(_is, map(_defaults_of, self.functions), self.defaults))
        )

    def note(self, space, key, value):
        """Note that `key` of a module or a class leads to `value`."""
        if type(space) is dict:
            self.spaces.append(space)
            self.keys.append(key)
            self.found.append(value)
        else:
            self.classes.append(space)
            self.names_there.append(key)
            self.found_there.append(value)


_is_known = operator.attrgetter("is_known")
_is, _of_module, _of_class = operator.is_, dict.get, types.MappingProxyType.get
_code, _defaults_of = operator.attrgetter("__code__"), operator.attrgetter("__defaults__")


def plan_of(f, args=()):
    """The plan of the Python function `f`, called with `args`."""
    code = f.__code__
    if id(code) in REWRITTEN:
        code = exchange.code_of(f)
    if f.__closure__ or f.__defaults__ or not PLAIN.issuperset(map(type, args)):
        key = (id(code), *_kinds(f, args))
    else:
        key = id(code)
    plan = _plans.get(key)
    if (
        plan is None
        or plan.code is not code
        or plan.names is not f.__globals__
        or not plan.is_current()
    ):
        if len(_plans) >= KEPT:
            _plans.clear()
        plan = _plans[key] = _Follower(f, code, args).plan
    return plan


def _kinds(f, args):
    """What a plan depends on beside names: the kinds of what f is given and closes over."""
    found = [_closed_kind(value) for value in contents(f)]
    for value in itertools.chain(_defaults(f), args):
        kind = type(value)
        if kind in PLAIN or kind is types.FunctionType:
            found.append(None)
        elif kind is types.BuiltinFunctionType or kind is types.ModuleType or kind is type:
            found.append(value)
        else:
            found.append(kind)
    return found


def _closed_kind(value):
    """The kind of a variable around f; itself where what stands for it is in f's new code."""
    kind = type(value)
    if kind in PLAIN or kind is types.FunctionType and value not in STANDINS:
        if kind is not types.FunctionType or values.called(value) is value:
            return None
    if values.called(value) is value and values.held(value) is value:
        return kind
    return _Itself(value)


class _Itself:
    """A part of a key that is equal to nothing but the same object, which it keeps."""

    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value

    def __hash__(self):
        return id(self.value)

    def __eq__(self, other):
        return type(other) is _Itself and self.value is other.value


def contents(f):
    """What the closure of `f` holds, None for what is not assigned yet."""
    found = []
    for cell in f.__closure__ or ():
        try:
            found.append(cell.cell_contents)
        except ValueError:
            found.append(None)
    return found


def needed(f, args=()):
    """What one call of the Python function `f` needs."""
    plan = plan_of(f, args)
    call = plan.call
    if call is not None and call.f is f:
        return call
    call = Call(f, plan)
    if f.__closure__ is None and f.__defaults__ is None:  # whatever f holds is not kept
        plan.call = call
    return call


class Call:
    """The plans of `f` and of the functions that its closure holds: what one call needs."""

    __slots__ = ("f", "plan", "others", "exchanges", "is_known")

    def __init__(self, f, plan):
        self.f, self.plan, self.others = f, plan, ()
        self.exchanges = plan.exchanges
        if plan.own is not plan.code:
            self.exchanges = [*plan.exchanges, (f, plan.code, plan.own)]
        if plan.closures:
            self._follow(f)
        # Whether a call has shown that nothing is missing.
        self.is_known = plan.is_known and all(map(_is_known, self.others))

    def _follow(self, f):
        """Functions that are made anew with every call come with plans of their own."""
        self.others, self.exchanges = [], list(self.exchanges)
        inner, seen = _closed_over(f, self.plan), {f}
        while inner:
            g = inner.pop()
            if type(g) is not types.FunctionType or g in seen or not is_adaptable(g):
                continue
            seen.add(g)
            other = plan_of(g)
            self.others.append(other)
            self.exchanges += other.exchanges
            if other.own is not other.code:
                self.exchanges.append((g, other.code, other.own))
            inner += _closed_over(g, other)

    def is_complete(self):
        """Note that nothing is missing."""
        tried(self.plan).clear()
        self.is_known = True
        for plan in (self.plan, *self.others):
            plan.is_known = True


def _closed_over(f, plan):
    around = _around(f)
    return [around[i] for i in plan.closures]


def _around(f):
    return [*contents(f), *_defaults(f)]


def is_adaptable(f):
    return MARK not in f.__dict__ and not is_foreign(f.__globals__.get("__name__"), "")


def learn(plan, functions):
    """Remember that calls of the plan's function run `functions` too."""
    known = _memory(plan)[2]
    known[:] = [r for r in known if r() is not None] + [weakref.ref(f) for f in functions]
    forget(plan)


def tried(plan):
    """By the id of code seen to run in calls of the plan's function: how often, and the code."""
    return _memory(plan)[1]


def _memory(plan):
    found = _learned.get(id(plan.code))
    if found is None:
        if len(_learned) >= KEPT:
            _learned.clear()
        found = _learned[id(plan.code)] = (plan.code, {}, [])
    return found


def forget(plan):
    """Let the plan be made anew."""
    for key in [key for key, known in _plans.items() if known is plan]:
        _plans.pop(key, None)


def new_code(f, is_careful=False):
    """The code that `f` runs in a derivative call."""
    code = exchange.code_of(f)
    standin = STANDINS.get(f)
    if standin is not None:
        return trampoline(f, code, standin)
    closed = dict(zip(code.co_freevars, contents(f), strict=True))
    closed.pop("__class__", None)
    is_careful = (
        is_careful
        or id(code) in careful
        or (f.__globals__.get("__name__") or "").partition(".")[0] in LIBRARIES
    )
    return rewriting.rewritten(code, f.__globals__, closed, is_careful)


class _Follower:
    """From f to the functions, classes and objects that it names."""

    def __init__(self, f, code, args):
        self.plan = plan = Plan(f, code)
        self.seen = {id(f)}
        self.waiting = []
        self.compiled = set()  # ids of functions that Numba compiles
        self._follow_code(f, code)
        plan.closures = tuple(i for i, v in enumerate(_around(f)) if type(v) is types.FunctionType)
        for value in contents(f):
            if type(value) is not types.FunctionType:
                self._meet(value, 0)
        for value in (*args, *_defaults(f)):
            if type(value) is not types.FunctionType or value in STANDINS:
                self._meet_kept(value, 0)
        self._run()
        self._make(f, code)

    def _run(self):
        plan = self.plan
        while self.waiting and len(plan.functions) < FOLLOWED:
            g = self.waiting.pop(0)
            code = exchange.code_of(g)
            self._add(g, code)
            self._follow_code(g, code)
            for value in contents(g):
                self._meet(value, 0)
            for value in _defaults(g):
                self._meet_kept(value, 0)
        learned = _learned[id(plan.code)][2] if id(plan.code) in _learned else ()
        for g in [reference() for reference in learned]:
            if g is not None and g not in plan.functions:
                self._add(g, exchange.code_of(g))

    def _add(self, g, code):
        self.plan.functions.append(g)
        self.plan.codes.append(code)
        self.plan.defaults.append(g.__defaults__)

    def _make(self, f, code):
        plan = self.plan
        plan.own = new_code(f, plan.is_careful)
        for g, known in zip(plan.functions, plan.codes, strict=True):
            new = new_code(g, plan.is_careful)
            if id(g) in self.compiled:
                values.python_of(g).__code__ = new
            elif new is not known:
                plan.exchanges.append((g, known, new))

    def _follow_code(self, f, code):
        """What the names of `code` lead to."""
        plan, names = self.plan, f.__globals__
        for name, paths in _names(code):
            value = names.get(name)
            if type(value) in DATA and value is not None and type(value) not in _HOLDERS:
                continue
            plan.note(names, name, value)
            if type(value) is types.ModuleType:
                if not is_foreign(value.__name__, ""):
                    for path in paths:
                        self._meet_path(value, path)
            else:
                self._meet(value, 0)

    def _meet_path(self, module, path):
        for name in path:
            if type(module) is not types.ModuleType:
                break
            space = module.__dict__
            value = space.get(name)
            self.plan.note(space, name, value)
            module = value
        if type(module) is not types.ModuleType:
            self._meet(module, 0)

    def _meet_kept(self, value, depth):
        """What is found in an object, a table or an argument, not by a name."""
        if type(value) not in DATA and values.loaded(value) is not value:
            self.plan.is_careful = True
        self._meet(value, depth)

    def _meet(self, value, depth):
        kind = type(value)
        if kind in DATA and (depth > 1 or kind not in _HOLDERS):
            return
        if id(value) in self.seen:
            return
        self.seen.add(id(value))
        if kind is types.FunctionType:
            if is_adaptable(value) and value not in STANDINS:
                self.waiting.append(value)
                inner = value.__dict__.get("__wrapped__")
                if inner is not None:
                    self._meet(inner, depth)
            if hasattr(value, "registry") and hasattr(value, "dispatch"):  # singledispatch
                for inner in value.registry.values():
                    self._meet(inner, depth)
        elif issubclass(type(value), type):
            self._meet_class(value)
        elif kind is types.MethodType:
            self._meet(value.__func__, depth)
            self._meet(value.__self__, depth)
        elif kind is functools.partial:
            for inner in (value.func, *value.args, *value.keywords.values()):
                self._meet_kept(inner, depth)
        elif kind in _HOLDERS:
            items = value.values() if kind is dict else value
            if len(items) <= _ITEMS:
                for inner in list(items):
                    self._meet_kept(inner, depth + 1)
        else:
            self._meet_object(value, kind, depth)

    def _meet_object(self, value, kind, depth):
        home = getattr(kind, "__module__", "") or ""
        if home.startswith("numba."):
            inner = getattr(getattr(value, "_dispatcher", value), "py_func", None)
            if inner is not None:
                self.compiled.add(id(inner))
                self._meet(inner, depth)
        elif kind in _WRAPPERS or home in ("functools", "numpy"):
            for name in ("__wrapped__", "pyfunc", "__func__", "fget", "fset", "func"):
                inner = getattr(value, name, None)
                if type(inner) is types.FunctionType:
                    self._meet(inner, depth)
        if is_foreign(kind.__module__, ""):
            return
        self._meet_class(kind)
        if depth < _DEPTH:
            held = getattr(value, "__dict__", None)
            for inner in list(held.values()) if type(held) is dict else ():
                self._meet_kept(inner, depth + 1)

    def _meet_class(self, kind):
        for base in kind.__mro__[:-1]:
            if is_foreign(base.__module__, "") or base.__dict__.get(MARK, False):
                continue
            if base is not kind:
                if id(base) in self.seen:
                    continue
                self.seen.add(id(base))
            for name, value in list(base.__dict__.items()):
                if type(value) in DATA:
                    continue
                self.plan.note(base.__dict__, name, value)
                self._meet_kept(value, _DEPTH)


def _defaults(f):
    return (*(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).values())


_HOLDERS = frozenset({dict, list, tuple})
_ITEMS = 64
_DEPTH = 2
_WRAPPERS = frozenset({property, staticmethod, classmethod, functools.cached_property})


def _names(code):
    """The global names that `code` mentions, with the dotted attributes asked of each."""
    found = _known_names.get(id(code))
    if found is None or found[0] is not code:
        if len(_known_names) >= KEPT:
            _known_names.clear()
        found = _known_names[id(code)] = (code, rewriting.names_of(code))
    return found[1]


_known_names: dict = {}
