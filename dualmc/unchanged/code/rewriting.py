"""Code whose names lead to stand-ins: the user's code object, with a look-up after some loads.

Where code loads a global name (or a variable of an enclosing function) that leads to something with
a stand-in, the rewritten code looks up what it has loaded, and goes on with the stand-in: whatever
the name leads to then, for f may assign to it.  What it imports is looked up likewise.  Careful
code looks at whatever it loads from objects, lists and tables too: ``TABLE["sin"](x)``.
"""

import builtins
import dis
import functools
import operator
import sys
import types

import numpy as np

from dualmc.unchanged.as_is import DATA, DISPATCHER
from dualmc.unchanged.code import bytecode, modules, uses, values
from dualmc.unchanged.code.bytecode import REWRITTEN, Step
from dualmc.unchanged.standins.table import version

_ABSENT = object()
# What is looked at as it is loaded: steps that load from objects, and what they load.
_LOADS = frozenset({"LOAD_ATTR", "CALL", "CALL_FUNCTION_EX", "CALL_KW"})
_VARIABLES = frozenset({"LOAD_FAST", "LOAD_FAST_CHECK", "LOAD_FAST_BORROW", "LOAD_DEREF"})
# Kinds of values that may have stand-ins.
_MAY_BE = frozenset(
    {types.BuiltinFunctionType, DISPATCHER, types.ModuleType, np.ufunc, type, functools.partial,
     types.MethodDescriptorType, types.MethodType, np.vectorize}
)  # fmt: skip

_made: dict = {}
KEPT = 4096


def original(code):
    """What `code` was made of; itself if it is the user's own."""
    found = REWRITTEN.get(id(code))
    return code if found is None else found[1]


def is_rewritten(code):
    return id(code) in REWRITTEN


def rewritten(code, names, closed, is_careful=False):
    """`code` on stand-ins; `code` itself where there are none.

    `names` are the global names of its module, `closed` the variables of functions around it.
    """
    mentioned = _mentioned(code)
    known = []
    for name in mentioned:
        value = names.get(name, _ABSENT)
        if value is _ABSENT:
            value = getattr(builtins, name, _ABSENT)
        if value is not _ABSENT and _leads(value):
            known.append((name, value))
    around = [(n, v) for n, v in closed.items() if _leads(v)]
    if not known and not around and not is_careful and not _imports(code):
        return code
    key = id(code), is_careful, version(), _key(known), _key(around)
    found = _made.get(key)
    if found is None:
        if len(_made) >= KEPT:
            _forget_unused()
        new = _Rewriting(code, dict(known), dict(around), is_careful).of(code, frozenset(closed))
        found = _made[key] = (new, code, known, around)  # which keeps what its key names
    return found[0]


def _forget_unused():
    """Forget code that no function has and no plan wants."""
    _made.clear()
    for key, kept in list(REWRITTEN.items()):
        if sys.getrefcount(kept[0]) == 2:  # of the tuple, and of the call
            del REWRITTEN[key]


def _key(known):
    return tuple((name, id(value)) for name, value in known)


def note(new, code):
    REWRITTEN[id(new)] = (new, code)


def names_of(code):
    """The global names that `code` loads, and the dotted attributes that it asks each for."""
    found, steps = {}, list(dis.get_instructions(code))
    for i, step in enumerate(steps):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            path = []
            for after in steps[i + 1 :]:
                if after.opname not in ("LOAD_ATTR", "LOAD_METHOD"):
                    break
                path.append(after.argval)
            found.setdefault(step.argval, set()).add(tuple(path))
    for constant in code.co_consts:
        if type(constant) is types.CodeType:
            for name, paths in names_of(constant):
                found.setdefault(name, set()).update(paths)
    return list(found.items())


def _leads(value):
    """Whether a name for `value` may lead to what has a stand-in."""
    kind = type(value)
    return kind not in DATA and (kind in _MAY_BE or values.called(value) is not value)


def _mentioned(code):
    found = {*code.co_names}
    for constant in code.co_consts:
        if type(constant) is types.CodeType:
            found |= _mentioned(constant)
    return found


def _imports(code):
    return _IMPORT in code.co_code[::2] or any(
        type(c) is types.CodeType and _imports(c) for c in code.co_consts
    )


def _assigned(code, found):
    """Names that `code` assigns to beside its own."""
    for step in dis.get_instructions(code):
        if step.opname in ("STORE_GLOBAL", "STORE_DEREF", "DELETE_GLOBAL", "DELETE_DEREF"):
            found.add(step.argval)
    for constant in code.co_consts:
        if type(constant) is types.CodeType:
            _assigned(constant, found)
    return found


_IMPORT = dis.opmap["IMPORT_NAME"]


class _Rewriting:
    """One function's code, and the code inside it."""

    def __init__(self, code, known, around, is_careful):
        assigned = _assigned(code, set())
        self.known = {"LOAD_GLOBAL": known, "LOAD_DEREF": around}
        for found in self.known.values():
            for name in assigned.intersection(found):
                del found[name]
        self.is_careful = is_careful

    def of(self, code, free):
        """The new code; `free` are its variables that are those around the function."""
        steps, handlers = bytecode.steps_of(code)
        constants = list(code.co_consts)
        inner = free - frozenset(code.co_cellvars)
        for i, constant in enumerate(constants):
            if type(constant) is types.CodeType:
                constants[i] = self.of(constant, inner.intersection(constant.co_freevars))
        # What each step becomes, and the steps that follow it then.
        news = [self._replaced(steps, i, free, constants) for i in range(len(steps))]
        if not any(news) and all(map(operator.is_, constants, code.co_consts)):
            return code
        found = []
        for step, new in zip(steps, news, strict=True):
            found.append(step)
            if new is not None:
                (step.name, step.arg), *more = new
                found += [Step(name, arg, None, step.position) for name, arg in more]
        new = bytecode.code_of(code, found, handlers, tuple(constants), 4)
        note(new, code)
        return new

    def _replaced(self, steps, i, free, constants):
        """What stands in place of step i, as pairs of a name and an argument; None: itself."""
        step = steps[i]
        name, itself = step.name, (step.name, step.arg)
        if step.value in self.known.get(name, ()) and (name == "LOAD_GLOBAL" or step.value in free):
            return self._standin(steps, i, constants)
        if name == "IMPORT_NAME":
            return [itself, *_looked_at(constants, values.IMPORTED)]
        if not self.is_careful:
            return None
        if step.pushes_null:
            return _of_name(step, constants, values.TO_CALL)
        if step.is_method:  # loaded as an attribute, looked at, and then called
            arg = step.arg if name == "LOAD_METHOD" else step.arg & ~1
            null = [("PUSH_NULL", 0), ("SWAP", 2)]
            null = null[:1] if bytecode.NULL_IS_AFTER else null
            return [("LOAD_ATTR", arg), *_looked_at(constants, values.TO_CALL), *null]
        if name in _LOADS or itself == bytecode.SUBSCRIPT:
            return [itself, *_looked_at(constants, values.ANY)]
        if name in _VARIABLES and uses.is_called(steps, i, i):
            is_asked = steps[i + 1].name in ("LOAD_ATTR", "LOAD_METHOD")
            looked = _looked_at(constants, values.ANY if is_asked else values.TO_CALL)
            return [itself, *looked]
        return None

    def _standin(self, steps, i, constants):
        """The step that loads a name, and those that look up what stands for it; None: as it is."""
        step = steps[i]
        value = self.known[step.name][step.value]
        end, last = uses.path(steps, i, value)
        if isinstance(end, types.ModuleType) or not uses.is_called(steps, i, last):
            if values.held(end) is end or uses.is_compared(steps, last):
                return None
            # A module of the user's that leads there is looked into.
            replace = values.held if values.held(value) is not value else modules.looked_into
        elif end is not np.ndarray and values.called(end) is end:
            return None
        else:
            replace = values.called
        if self.is_careful:  # the name may lead to what has no hash
            return _of_name(step, constants, values.Loaded(replace))
        return _of_name(step, constants, values.named(replace, value))


def _of_name(step, constants, table):
    """A step that loads a name, and steps that look up in `table` what it has loaded."""
    if not (step.pushes_null and bytecode.NULL_IS_AFTER):
        return [(step.name, step.arg), *_looked_at(constants, table)]
    return [(step.name, step.arg & ~1), *_looked_at(constants, table), ("PUSH_NULL", 0)]


def _looked_at(constants, loaded):
    """Steps that replace the topmost value by ``loaded[value]``."""
    constants.append(loaded)
    return [("LOAD_CONST", len(constants) - 1), ("SWAP", 2), bytecode.SUBSCRIPT]
