"""Which functions a call of f needs on stand-ins: those that f leads to, and those seen to run.

A plan is made once for a function's code and the kinds of what its closure holds, and serves as
long as the names that it looked up lead to what they led to.
"""

import itertools
import operator
import types
import weakref

from dualmc.duals.dual import Dual
from dualmc.graph.traced import Traced
from dualmc.unchanged.as_is import DATA
from dualmc.unchanged.code import exchange, values
from dualmc.unchanged.code.bytecode import REWRITTEN
from dualmc.unchanged.code.following import around, contents, defaults_of, follow, is_adaptable
from dualmc.unchanged.standins.table import CHANGES, STANDINS

KEPT = 1024
_plans: dict = {}  # by id of the code and kinds around it
# By id of the code of f: that code, how often code was seen to run, functions by weak reference,
# and how often calls were begun again.
_learned: dict = {}
PLAIN = DATA | {Dual, Traced}  # kinds of values that lead to no code


class Plan:
    """The exchanges that a call of one function needs, and what they depend on."""

    __slots__ = (
        "code", "names", "exchanges", "own", "closures", "spaces", "keys", "found", "classes",
        "names_there", "found_there", "functions", "codes", "defaults", "is_careful", "is_known",
        "version", "call",
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
        self.call = None  # the latest `Call`

    def is_followed_right(self):
        """Whether all names of classes lead to what they led to, and all functions are what they
        were; the names of modules are looked at before.
        """
        return (
            all(map(_is, map(_of_class, self.classes, self.names_there), self.found_there))
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
    key = id(code)
    is_bare = f.__closure__ is f.__defaults__ is f.__kwdefaults__ is None
    held = args if is_bare else (*around(f), *args)
    if not PLAIN.issuperset(map(type, held)):
        key = (key, *_kinds(f, args))
    plan = _plans.get(key)
    if (
        plan is None
        or plan.code is not code
        or plan.names is not f.__globals__
        or plan.version != CHANGES[0]
        or not all(map(_is, map(_of_module, plan.spaces, plan.keys), plan.found))
        or (plan.functions or plan.classes)
        and not plan.is_followed_right()
    ):
        if len(_plans) >= KEPT:
            _plans.clear()
        plan = _plans[key] = Plan(f, code)
        follow(plan, f, code, args, _learned_by(code))
    return plan


def _kinds(f, args):
    """What a plan depends on beside names: the kinds of what f is given and closes over."""
    found = [_closed_kind(value) for value in contents(f)]
    for value in itertools.chain(defaults_of(f), args):
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


def needed(f, args=()):
    """What one call of the Python function `f` needs."""
    plan = plan_of(f, args)
    call = plan.call
    if call is not None and call.f is f:
        return call
    call = Call(f, plan)
    if f.__closure__ is f.__defaults__ is f.__kwdefaults__ is None:  # what f holds is not kept
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
        _memory(self.plan)[3][0] = 0
        self.is_known = True
        for plan in (self.plan, *self.others):
            plan.is_known = True


def _closed_over(f, plan):
    held = around(f)
    return [held[i] for i in plan.closures]


def learn(plan, functions):
    """Remember that calls of the plan's function run `functions` too."""
    known = _memory(plan)[2]
    known[:] = [r for r in known if r() is not None] + [weakref.ref(f) for f in functions]
    forget(plan)


def tried(plan):
    """By what tells code apart that was seen to run in calls of the plan's function: how often, and
    the code.
    """
    return _memory(plan)[1]


def begun_again(plan):
    """Count how often calls of the plan's function were begun again since one was complete."""
    count = _memory(plan)[3]
    count[0] += 1
    return count[0]


def _memory(plan):
    found = _learned.get(id(plan.code))
    if found is None:
        if len(_learned) >= KEPT:
            _learned.clear()
        found = _learned[id(plan.code)] = (plan.code, {}, [], [0])
    return found


def _learned_by(code):
    """The functions that calls of `code` were seen to run, those alive."""
    found = _learned.get(id(code))
    return [] if found is None else [f for f in (r() for r in found[2]) if f is not None]


def forget(plan):
    """Let the plan be made anew."""
    for key in [key for key, known in _plans.items() if known is plan]:
        _plans.pop(key, None)
