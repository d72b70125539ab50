"""Where f looks up what it uses: global names, attributes of classes and modules, the environment.

f is walked as `unchanged/code/` does it: its code and the code inside it, the functions that it
calls, methods, classes, modules of the user's.  Every name looked up there is a place.
"""

import dis
import os
import sys
import types
from typing import Any, NamedTuple

from dualmc.replay.guards.prints import Unknown
from dualmc.unchanged.as_is import is_foreign
from dualmc.unchanged.code.exchange import code_of

ABSENT = object()
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


def named(book, label, value):
    """The match of `value`; what is `Unknown` says where it was met."""
    try:
        with book.print_of(label):
            return book.match(value)
    except Unknown as problem:
        raise Unknown(f"{label} is or holds {problem}") from None


class Place(NamedTuple):
    """A name of a namespace, and what it stands for; a `match` of None: for nothing, so far."""

    label: str
    namespace: Any
    name: str
    match: Any
    value: Any


class Places:
    """The places that functions, classes and modules of a `Book` mention, and those they lead to.

    Attributes
    ----------
    found : list of Place
    names : set of str
        All names that are mentioned.
    spaces : dict
        By label: namespaces that may gain a name that is mentioned.
    catches : bool
        Whether any code may catch an exception.
    imported : list of str
        Modules that functions import as they run.
    """

    def __init__(self, book):
        self._book = book
        self._seen = set()
        self.found = []
        self.names = set(_SPOKEN)
        self.spaces = {}
        self.catches = False
        self.imported = []
        self._walk()

    def _walk(self):
        """Follow functions, modules and classes until nothing new turns up."""
        book = self._book
        before = None
        while before != (size := (len(book.functions), len(book.classes), len(book.modules),
                                  len(self.names))):  # fmt: skip
            before = size
            for f in list(book.functions):
                if id(f) not in self._seen:
                    self._seen.add(id(f))
                    self._walk_code(code_of(f), f.__globals__)
            for kind in list(book.classes):
                for base in (*kind.__mro__, *type(kind).__mro__):
                    if not is_foreign(base.__module__, book.root):
                        self._look_up(vars(base), f"class {base.__name__}")
            for module in list(book.modules):
                if not is_foreign(module.__name__, book.root):
                    self._look_up(vars(module), f"module {module.__name__}")

    def _walk_code(self, code, names):
        self.names.update(code.co_names)
        self.catches = self.catches or bool(code.co_exceptiontable)
        for name in _RUN_TEXT.intersection(code.co_names):
            if names.get(name, ABSENT) is ABSENT:
                raise Unknown(f"it runs text as code ({name}), of which nobody knows what it reads")
        if not _ENVIRONMENT.isdisjoint(code.co_names):
            self._place_environment()
        for constant in code.co_consts:
            if type(constant) is types.CodeType:
                self._walk_code(constant, names)
            elif type(constant) is str and constant.isidentifier():  # getattr(a, "k")
                self.names.add(constant)
                if "globals" in code.co_names:  # globals()["k"]
                    self._place(names, constant, f"the global name {constant}")
        for step in dis.get_instructions(code):
            if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
                self._place(names, step.argval, f"the global name {step.argval}")
            elif step.opname == "IMPORT_NAME":
                module = sys.modules.get(step.argval)
                if module is not None:
                    self.imported.append(step.argval)
                    named(self._book, f"the module {step.argval}", module)

    def _look_up(self, namespace, where):
        self.spaces[where] = namespace
        for name in sorted(self.names.intersection(namespace)):  # in every process in this order
            self._place(namespace, name, f"{name} of {where}")

    def _place(self, namespace, name, label):
        key = (id(namespace) if type(namespace) is dict else label, name)
        if key in self._seen:
            return
        self._seen.add(key)
        value = namespace.get(name, ABSENT)
        if value is ABSENT:  # a builtin, which a global name may hide
            self.found.append(Place(label, namespace, name, None, None))
            with self._book.print_of(label):
                return  # the print of nothing
        match = named(self._book, label, value)
        self.found.append(Place(label, namespace, name, match, value))

    def _place_environment(self):
        label = "the environment"
        if label not in self._seen:
            self._seen.add(label)
            inner = named(self._book, label, dict(os.environ))
            match = lambda v, seen: inner(dict(v), {})  # noqa: E731
            self.found.append(Place(label, vars(os), "environ", match, os.environ))
