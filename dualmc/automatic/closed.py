"""Whether a function is closed: its code, and that of all functions it calls, reads nothing but its
arguments, constants, functions of NumPy's and `math`, and numbers and arrays elsewhere.

What is read elsewhere is noted, to be compared at every call: see `guard.py`.
"""

import dis
import inspect
import types

import numpy as np

from dualmc.automatic import allowed
from dualmc.custom import REGISTERED_RULES
from dualmc.unchanged.as_is import is_foreign
from dualmc.unchanged.code.exchange import code_of
from dualmc.unchanged.registered import REGISTERED_STANDINS

_ATTRIBUTE = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
_CONSTANT = frozenset({"LOAD_CONST", "RETURN_CONST", "LOAD_CONST_IMMORTAL", "LOAD_CONST_MORTAL"})
_CELL = frozenset({"LOAD_DEREF", "LOAD_CLASSDEREF"})
_KEEPING = ("STORE", "RETURN", "YIELD", "FOR_ITER", "SEND")
_GENERATOR = inspect.CO_GENERATOR
_NO_FUNCTION = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR | inspect.CO_ITERABLE_COROUTINE


class NotClosed(Exception):
    """f is not closed; the message says why, as in "f is not closed: ..."."""


class Function:
    """A function, its code, and what that reads: cells by number, globals and builtins by name."""

    def __init__(self, f):
        self.f, self.code = f, code_of(f)
        self.cells, self.globals, self.builtins = {}, {}, {}


class Closed:
    """What `f` and the functions that it calls read.

    Attributes
    ----------
    functions : dict
        `Function` by the id of the function.
    attributes : dict
        What modules have: by (module, name).

    Raises
    ------
    NotClosed
    """

    def __init__(self, f):
        self.functions, self.attributes = {}, {}
        self._function(f)

    def arrays(self):
        """The arrays that they read."""
        for read in self.functions.values():
            yield from filter(allowed.is_array, (*read.cells.values(), *read.globals.values()))

    def _function(self, f):
        if id(f) in self.functions:
            return
        if is_foreign(f.__globals__.get("__name__"), ""):
            raise NotClosed(f"it calls {f.__qualname__}, which is a library's")
        if f in REGISTERED_STANDINS:
            raise NotClosed(f"{f.__qualname__} has a stand-in")
        if type(f.__globals__) is not dict or type(f.__builtins__) is not dict:
            raise NotClosed(f"the global names of {f.__qualname__} are no dict")
        if f.__dict__:
            raise NotClosed(f"{f.__qualname__} has attributes")
        defaults = (*(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).values())
        if not all(map(allowed.is_constant, defaults)):
            raise NotClosed(f"a default of {f.__qualname__} is no number")
        read = self.functions[id(f)] = Function(f)
        self._code(read, read.code, frozenset())

    def _code(self, read, code, own):
        """Look at `code`, of `read` or inside of it; `own` are its free names that f binds."""
        allowed_here = allowed.OPERATIONS
        if code.co_flags & _NO_FUNCTION:
            raise NotClosed("it is asynchronous")
        if code.co_flags & _GENERATOR:
            if code.co_name != "<genexpr>":
                raise NotClosed("it is, or has, a generator")
            allowed_here = allowed.GENERATING
        local = own.intersection(code.co_freevars).union(code.co_cellvars)
        steps = _steps(code)
        k = 0
        while k < len(steps):
            name, argument, _ = steps[k]
            k += 1
            if name in allowed_here:
                continue
            if name in allowed.FORMATS:
                if not _is_raised(steps, k):
                    raise NotClosed("it makes a text of a number")
            elif name in _CONSTANT:
                self._constant(argument, steps, k)
            elif name == "LOAD_GLOBAL":
                k = self._attributes_of(self._global(read, argument), argument, steps, k)
            elif name in _CELL:
                if argument not in local:
                    k = self._attributes_of(self._cell(read, argument), argument, steps, k)
            elif name in ("STORE_DEREF", "DELETE_DEREF"):
                if argument not in code.co_cellvars:
                    raise NotClosed(f"it writes to {argument} of a function around it")
            elif name in _ATTRIBUTE:
                if argument not in allowed.ATTRIBUTES:
                    raise NotClosed(f"it reads an attribute {argument}")
            elif name != "IS_OP" or not _is_of_constant(steps, k - 1):
                raise NotClosed(_words(name, argument))
        for constant in code.co_consts:
            if type(constant) is types.CodeType:
                self._code(read, constant, local)

    def _constant(self, value, steps, k):
        kind = type(value)
        if kind is str and "%" in value and not _is_raised(steps, k):
            raise NotClosed("it has a text with %, which may make one of a number")
        if not (
            allowed.is_constant(value)
            or kind in (types.CodeType, slice, str)
            or kind is frozenset
            and all(map(allowed.is_constant, value))
        ):
            raise NotClosed(f"it has a constant of type {kind.__name__}")

    def _global(self, read, name):
        names = read.f.__globals__
        if name in names:
            value = read.globals[name] = names[name]
            return self._value(value, f"the global name {name}")
        value = read.f.__builtins__.get(name)
        if value is None or value is not allowed.BUILTINS.get(name):
            raise NotClosed(f"it uses {name}")
        read.builtins[name] = value
        return value

    def _cell(self, read, name):
        number = read.code.co_freevars.index(name)
        try:
            value = read.cells[number] = read.f.__closure__[number].cell_contents
        except ValueError:
            raise NotClosed(f"{name} is not there yet") from None
        return self._value(value, f"the variable {name} around it")

    def _value(self, value, label):
        """`value`, if closed code may read it."""
        if type(value) is types.ModuleType:
            if value not in allowed.MODULES:
                raise NotClosed(f"{label} is the module {value.__name__}")
        elif allowed.is_function(value):
            if type(value) is np.ufunc and value in REGISTERED_RULES:
                raise NotClosed(f"{label} has a rule of the user's")
        elif type(value) is types.FunctionType:
            self._function(value)
        elif not (allowed.is_constant(value) or allowed.is_array(value)):
            raise NotClosed(f"{label} is a {type(value).__name__}")
        return value

    def _attributes_of(self, value, label, steps, k):
        """The number of the step after those that read attributes of a module or ufunc `value`."""
        while type(value) in (types.ModuleType, np.ufunc):
            name, attribute, is_target = steps[k] if k < len(steps) else ("", None, True)
            is_read = name in _ATTRIBUTE and not is_target
            if type(value) is not types.ModuleType:
                if is_read and attribute not in allowed.UFUNC_METHODS:
                    raise NotClosed(f"it reads {label}.{attribute}")
                return k + is_read
            if not is_read:
                raise NotClosed(f"it hands on the module {value.__name__}")
            module, label = value, f"{label}.{attribute}"
            value = vars(module).get(attribute, NotClosed)
            self.attributes[module, attribute] = value
            if type(value) is types.FunctionType and not allowed.is_function(value):
                raise NotClosed(f"it calls {label}")
            self._value(value, label)
            k += 1
        return k


def _steps(code):
    """Per operation: its name, its argument, and whether something jumps there."""
    found, is_target = [], False
    for step in dis.get_instructions(code):
        is_target = is_target or step.is_jump_target
        if step.opname in ("EXTENDED_ARG", "CACHE"):
            continue
        found.append((step.opname, step.argval, is_target))
        is_target = False
    return found


def _is_of_constant(steps, k):
    """Whether step `k`, an ``is``, compares with the constant right before it."""
    name, value, _ = steps[k - 1]
    return name in _CONSTANT and (value is None or type(value) is bool) and not steps[k][2]


def _is_raised(steps, k):
    """Whether f raises, whatever comes, before it turns anywhere or keeps anything, from step k."""
    for name, _, is_target in steps[k:]:
        if is_target or "JUMP" in name or name.startswith(_KEEPING):
            return False
        if name == "RAISE_VARARGS":
            return True
    return False


def _words(name, argument):
    if name in ("PUSH_EXC_INFO", "CHECK_EXC_MATCH", "SETUP_FINALLY", "BEFORE_WITH"):
        return "it has a try or a with"
    if name in ("STORE_GLOBAL", "DELETE_GLOBAL"):
        return f"it writes to the global name {argument}"
    if name == "IMPORT_NAME":
        return f"it imports {argument}"
    if name == "STORE_ATTR":
        return f"it writes to an attribute {argument}"
    return f"it has {name} in its code"
