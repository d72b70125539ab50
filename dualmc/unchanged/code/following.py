"""From f to the functions that it leads to: by names, closures, arguments, classes and objects.

What is found is written into a plan (`plans.py`): functions and their new code, and the names that
were looked up on the way.
"""

import functools
import types

from dualmc.unchanged.as_is import DATA, LIBRARIES, MARK, is_foreign
from dualmc.unchanged.code import exchange, rewriting, values
from dualmc.unchanged.code.trampolines import trampoline
from dualmc.unchanged.standins.table import STANDINS

KEPT = 1024
# Functions that are followed at most; others are met when they run.
FOLLOWED = 400
careful: dict = {}  # code that looks at whatever it loads, by its id


def contents(f):
    """What the closure of `f` holds, None for what is not assigned yet."""
    found = []
    for cell in f.__closure__ or ():
        try:
            found.append(cell.cell_contents)
        except ValueError:
            found.append(None)
    return found


def around(f):
    return [*contents(f), *defaults_of(f)]


def is_adaptable(f):
    return MARK not in f.__dict__ and not is_foreign(f.__globals__.get("__name__"), "")


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


def follow(plan, f, code, args, learned):
    """Fill the `plan` of `f`, whose code is `code`, called with `args`, which is known to run the
    functions `learned`.
    """
    _Follower(plan, f, code, args, learned)


class _Follower:
    """From f to the functions, classes and objects that it names."""

    def __init__(self, plan, f, code, args, learned):
        self.plan = plan
        self.learned = learned
        self.seen = {id(f)}
        self.waiting = []
        self.compiled = set()  # ids of functions that Numba compiles
        self._follow_code(f, code)
        plan.closures = tuple(i for i, v in enumerate(around(f)) if type(v) is types.FunctionType)
        for value in contents(f):
            if type(value) is not types.FunctionType:
                self._meet(value, 0)
        for value in (*args, *defaults_of(f)):
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
            for value in defaults_of(g):
                self._meet_kept(value, 0)
        for g in self.learned:
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
        home = str(getattr(kind, "__module__", ""))  # a descriptor, of functions of some Cythons
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


def defaults_of(f):
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
