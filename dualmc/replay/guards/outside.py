"""What f reads from elsewhere than its arguments: global names, closures, attributes, defaults.

f is walked as `adapt.py` walks it: its code and the code inside it, the functions that it calls,
methods, classes, modules of the user's.  Every name looked up there is a place whose value must be
what it was; by name, so that what f never mentions does not matter.  A function that is exchanged,
or its code, is another one.  Names that code makes up as it runs (``globals()[a + b]``) and the
state of C code cannot be seen.
"""

import dis
import functools
import os
import pickle
import random
import sys
import types
import warnings

import numpy as np

from dualmc.graph.events import error_state, loud_errors, warning_action
from dualmc.replay.guards.snapshot import Book, Unknown, is_foreign
from dualmc.replay.guards.values import SMALL
from dualmc.replay.recording.program import NotReplayable

_ABSENT = object()
_RUN_TEXT = frozenset({"eval", "exec"})
_ENVIRONMENT = frozenset({"environ", "environb", "getenv"})
# Methods that Python calls without their name standing anywhere.
_SPOKEN = frozenset(
    """
    __call__ __init__ __new__ __getattr__ __getattribute__ __setattr__ __getitem__ __setitem__
    __iter__ __next__ __len__ __contains__ __enter__ __exit__ __bool__ __eq__ __ne__ __lt__ __le__
    __gt__ __ge__ __hash__ __add__ __radd__ __iadd__ __sub__ __rsub__ __isub__ __mul__ __rmul__
    __imul__ __truediv__ __rtruediv__ __itruediv__ __floordiv__ __rfloordiv__ __mod__ __rmod__
    __pow__ __rpow__ __matmul__ __rmatmul__ __neg__ __pos__ __abs__ __invert__ __float__ __int__
    __index__ __complex__ __round__ __format__ __str__ __repr__ __array__ __array_ufunc__
    __array_function__ __get__ __set__ __missing__ __divmod__ __and__ __or__ __xor__ __post_init__
    """.split()
)


class Outside:
    """What a path takes to be constant besides values: ``outside(args)`` says if it still is.

    Parameters
    ----------
    f : callable
    fixed : dict
        Arguments that are no inputs of the program, by number.

    Raises
    ------
    Unknown
        If something cannot be compared; the message says what and where.
    """

    def __init__(self, f, fixed):
        book = self._book = Book(_root(f))
        self._places = []  # (label, namespace or None, name, match)
        self.fixed = {i: _named(book, f"its argument {i}", a) for i, a in fixed.items()}
        book.lenient = True
        self._f = f
        self._match_f = _named(book, "what it is made of", f)
        self._spaces = {}  # by label: namespaces that may gain a name that f mentions
        self._names = set(_SPOKEN)
        self._seen = set()
        self.catches = False  # whether any code may catch an exception
        self._walk()
        self._states = [(_shared_state, _shared_state()), *book.states]
        self._book = None
        self.check = self._compiled()

    def __call__(self, args=()):
        """Whether everything is what it was."""
        return self.check(args)

    # --- The walk --------------------------------------------------------------------------------

    def _walk(self):
        """Follow functions, modules and classes until nothing new turns up."""
        book = self._book
        before = None
        while before != (size := (len(book.functions), len(book.classes), len(book.modules),
                                  len(self._names))):  # fmt: skip
            before = size
            for f in list(book.functions):
                if id(f) not in self._seen:
                    self._seen.add(id(f))
                    self._walk_code(f.__code__, f.__globals__)
            for kind in list(book.classes):
                for base in (*kind.__mro__, *type(kind).__mro__):
                    if not is_foreign(base.__module__, book.root):
                        self._look_up(vars(base), f"class {base.__name__}")
            for module in list(book.modules):
                if not is_foreign(module.__name__, book.root):
                    self._look_up(vars(module), f"module {module.__name__}")

    def _walk_code(self, code, names):
        self._names.update(code.co_names)
        self.catches = self.catches or bool(code.co_exceptiontable)
        for name in _RUN_TEXT.intersection(code.co_names):
            if names.get(name, _ABSENT) is _ABSENT:
                raise Unknown(f"it runs text as code ({name}), of which nobody knows what it reads")
        if not _ENVIRONMENT.isdisjoint(code.co_names):
            self._place_environment()
        for constant in code.co_consts:
            if type(constant) is types.CodeType:
                self._walk_code(constant, names)
            elif type(constant) is str and constant.isidentifier():  # getattr(a, "k")
                self._names.add(constant)
                if "globals" in code.co_names:  # globals()["k"]
                    self._place(names, constant, f"the global name {constant}")
        for step in dis.get_instructions(code):
            if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
                self._place(names, step.argval, f"the global name {step.argval}")
            elif step.opname == "IMPORT_NAME":
                module = sys.modules.get(step.argval)
                if module is not None:
                    self._book.match(module)

    def _look_up(self, namespace, where):
        self._spaces[where] = namespace
        for name in self._names.intersection(namespace):
            self._place(namespace, name, f"{name} of {where}")

    def _place(self, namespace, name, label):
        key = (id(namespace) if type(namespace) is dict else label, name)
        if key in self._seen:
            return
        self._seen.add(key)
        value = namespace.get(name, _ABSENT)
        if value is _ABSENT:  # a builtin, which a global name may hide
            self._places.append((label, namespace, name, None, None))
            return
        self._places.append((label, namespace, name, _named(self._book, label, value), value))

    def _place_environment(self):
        label = "the environment"
        if label not in self._seen:
            self._seen.add(label)
            inner = self._book.match(dict(os.environ))
            self._places.append(
                (label, vars(os), "environ", lambda v, seen: inner(dict(v), {}), os.environ)
            )

    # --- The check -------------------------------------------------------------------------------

    def _compiled(self):
        """All places as one expression: identity first where the value cannot change in place."""
        scope = {"f": self._f, "match": self._match_f, "state": error_state, "loud": loud_errors}
        scope["ndarray"] = np.ndarray
        scope["calm"] = error_state()  # NumPy's error handling as it is now, which raises nothing
        terms = ["match(f, seen)"]
        if self._is_simple(self._f):
            terms = [f"({_same_function('f', 'root', self._f, scope)} or match(f, seen))"]
        if self.catches:  # errors of arithmetic and warnings, where they are errors
            terms.append("(state() is calm or loud() is None)")
            scope["w"], scope["quiet"] = warnings, _quiet(warning_action())
            scope["filters"], scope["first"] = warnings.filters, [*warnings.filters, None][0]
            terms.append("(w.filters is filters and [*filters, None][0] is first or quiet())")
        for k, (_, namespace, name, match, value) in enumerate(self._places):
            scope[f"g{k}"] = namespace
            if match is None:
                terms.append(f"{name!r} not in g{k}")
                continue
            scope[f"c{k}"], scope[f"m{k}"] = value, match
            found = f"g{k}[{name!r}]"
            if type(value) is np.ndarray and value.nbytes <= SMALL and not value.dtype.hasobject:
                same = _same_array(f"c{k}", value, scope)
                terms.append(f"(type(v := {found}) is ndarray and {same} or m{k}(v, seen))")
            elif _is_settled(value):
                terms.append(f"((v := {found}) is c{k} or m{k}(v, seen))")
            elif self._is_simple(value):
                same = _same_function("v", f"k{k}", value, scope)
                terms.append(f"((v := {found}) is c{k} and {same} or m{k}(v, seen))")
            else:
                terms.append(f"m{k}({found}, seen)")
        scope["mentioned"] = frozenset(self._names)
        for k, namespace in enumerate(self._spaces.values()):
            scope[f"s{k}"], scope[f"n{k}"] = namespace, list(namespace)
            scope[f"h{k}"] = self._names.intersection(namespace)
            terms.append(f"([*s{k}] == n{k} or mentioned.intersection(s{k}) == h{k})")
        terms = "\n   and ".join(terms)
        scope.update({f"a{i}": match for i, match in self.fixed.items()})
        fixed = " and ".join(f"a{i}(args[{i}], seen)" for i in self.fixed)
        fixed = f" seen = {{}}\n if not ({fixed}): return False\n" if fixed else ""
        exec(
            "def check(args=()):\n"
            + fixed
            + " seen = {}\n" * ("seen" in terms)
            + f" try:\n  return ({terms})\n except (KeyError, AttributeError):\n  return False\n",
            scope,
        )
        return scope["check"]

    def _is_simple(self, value):
        """Whether a function is its code and its defaults, as far as anybody looks."""
        return (
            type(value) is types.FunctionType
            and not value.__closure__
            and not self._names.intersection(value.__dict__)
            and value.__kwdefaults__ is None
            and all(map(_is_settled, value.__defaults__ or ()))
        )

    def difference(self, args):
        """What f itself has changed since this was made, in words; None: nothing."""
        seen = {}
        for i, match in self.fixed.items():
            if not match(args[i], seen):
                return f"it changes its argument {i}"
        if not self._match_f(self._f, seen):
            return "it changes its own state"
        for label, namespace, name, match, _ in self._places:
            value = namespace.get(name, _ABSENT)
            if not (value is _ABSENT if match is None else match(value, seen)):
                return f"it changes {label}"
        if any(read() != state for read, state in self._states):
            return "it draws random numbers"
        return None


def made_within(f, args, key, make):
    """``make(catches)``, and the `Outside` that it is good for, of which f may change nothing.

    The first time f may have filled a cache, or imported a module: then once more.

    Raises
    ------
    NotReplayable
        If f changes what it reads, or reads what cannot be compared.
    """
    fixed = {i: args[i] for i, wanted in enumerate(key) if wanted is None}
    try:
        for _ in range(2):
            before = Outside(f, fixed)
            made = make(before.catches)
            problem = before.difference(args)
            if problem is None:
                return made, Outside(f, fixed)
    except Unknown as unknown:
        raise NotReplayable(str(unknown)) from None
    raise NotReplayable(problem)


def _quiet(recorded):
    """A function that says whether warnings are no errors now, unless they were when recorded."""
    return lambda: recorded == "error" or warning_action() != "error"


def _named(book, label, value):
    try:
        return book.match(value)
    except Unknown as problem:
        raise Unknown(f"{label} is or holds {problem}") from None


def _root(f):
    """The library that f is of, whose code then is not left out."""
    while isinstance(f, functools.partial):
        f = f.func
    f = getattr(f, "__func__", f)
    module = getattr(f, "__module__", None) or getattr(type(f), "__module__", None) or ""
    top = module.partition(".")[0]
    return top if is_foreign(top) and top != "dualmc" else ""


_SETTLED = (
    int, bool, str, bytes, float, complex, type(None), types.ModuleType, type, np.ufunc, np.generic,
    types.BuiltinFunctionType, type(np.concatenate),
)  # fmt: skip


def _is_settled(value):
    """Whether it is what it was as long as it is the same object."""
    if isinstance(value, types.BuiltinFunctionType):
        return isinstance(value.__self__, (types.ModuleType, type)) or value.__self__ is None
    if type(value) is types.FunctionType:
        return is_foreign(value.__globals__.get("__name__"))
    return isinstance(value, _SETTLED)


def _same_function(v, name, f, scope):
    """An expression: whether the function named `v`, which is `f`, has the state that it had."""
    scope[name], scope[f"{name}d"] = f.__code__, f.__defaults__
    count = len(f.__dict__)
    is_as_long = f"len({v}.__dict__) == {count}" if count else f"not {v}.__dict__"
    return (
        f"{v}.__code__ is {name} and {v}.__defaults__ is {name}d and {v}.__kwdefaults__ is None "
        f"and {is_as_long}"
    )


def _same_array(name, a, scope):
    """An expression: whether the array v has the numbers of `a`, in the same places."""
    scope[f"{name}d"], scope[f"{name}t"], scope[f"{name}s"] = a.dtype, a.strides, a.shape
    scope[f"{name}b"] = a.tobytes()
    if a.ndim == 1 and a.itemsize:  # the bytes tell the length, and there is one order of them
        return f"v.dtype is {name}d and v.ndim == 1 and v.tobytes() == {name}b"
    return (
        f"v.dtype is {name}d and v.strides == {name}t and v.shape == {name}s "
        f"and v.tobytes() == {name}b"
    )


def _shared_state():
    """Of the random generators that everybody shares."""
    return random.getstate(), pickle.dumps(np.random.get_state(legacy=False))  # noqa: NPY002
