"""What the code of f does with names: it only calls what it finds there, or has a name for it.

``np.exp([t, 1.0])`` can be a function that looks for Duals in lists first.  Code that holds
``np.exp`` itself, to compare it (``act is np.exp``) or to hand it on, must find NumPy's own.  A
name of which the former is all is renamed in the adapted code; its bytecode stays as it is.
"""

import dis
import functools
import types

import numpy as np

from dualmc.unchanged.standins.listed import has_substitute

# What marks a renamed name: no identifier holds it.
MARK = "\u2039called\u203a"
_ATTRIBUTE = ("LOAD_ATTR", "LOAD_METHOD")


# --- Names that code only calls ------------------------------------------------------------------


def renamed(code, names):
    """`code` with those of `names`, the global ones of its module, renamed that it only calls."""
    mine, known = _Values(), []
    for n in _all_names(code):
        value = names.get(n)
        if value is not None and _may_be(value):
            mine[n] = value
            known.append((n, id(value)))
    return _renamed(code, tuple(known), mine) if known else code


class _Values(dict):
    """Global names, equal to any other: which they are, the ids beside them tell."""

    def __eq__(self, other):
        return type(other) is _Values

    def __hash__(self):
        return 0


def _may_be(value):
    """Whether `value` is of NumPy or SciPy, or leads to what is."""
    if isinstance(value, types.ModuleType):
        return value.__name__.partition(".")[0] in ("numpy", "scipy")
    return isinstance(value, np.ufunc) or (getattr(value, "__module__", None) or "").startswith(
        ("numpy", "scipy")
    )


@functools.lru_cache(256)
def _all_names(code):
    found = set(code.co_names)
    for constant in code.co_consts:
        if type(constant) is types.CodeType:
            found |= _all_names(constant)
    return frozenset(found)


@functools.lru_cache(1024)
def _renamed(code, known, names):
    mine = {n for n, _ in known if n in code.co_names}
    held = _held(code, mine, names)
    return code.replace(
        co_names=tuple(
            n if held.get(n) is None else MARK.join((n, *sorted(held[n]))) + MARK * (not held[n])
            for n in code.co_names
        ),
        co_consts=tuple(
            _renamed(c, known, names) if type(c) is types.CodeType else c for c in code.co_consts
        ),
    )


def split(name):
    """A renamed name as the name it was, and the attributes of it that the code holds."""
    name, _, held = name.partition(MARK)
    return name, frozenset(filter(None, held.split(MARK)))


def _held(code, names, values):
    """By name, the attributes of what it names that `code` holds; None where it holds that."""
    steps = _steps(code)
    held = {name: set() for name in names}
    for i, step in enumerate(steps):
        name = step.argval
        if step.opcode not in dis.hasname or name not in names or held[name] is None:
            continue
        if step.opname != "LOAD_GLOBAL":  # an attribute of the same name, a store, an import
            held[name] = None
            continue
        path = _path_held(steps, i, values[name])
        if path == "":
            held[name] = None
        elif path is not None:
            held[name].add(path)
    return held


@functools.lru_cache(1024)
def _is_closed_over_to_call(code, name, key, values):
    steps = _steps(code)
    for i, step in enumerate(steps):
        if step.argval != name or step.opname in ("LOAD_CLOSURE", "STORE_DEREF", "MAKE_CELL"):
            continue
        if step.opcode in dis.hasfree and (
            step.opname != "LOAD_DEREF" or _path_held(steps, i, values[name]) is not None
        ):
            return False
    return all(
        _is_closed_over_to_call(c, name, key, values)
        for c in code.co_consts
        if type(c) is types.CodeType and name in c.co_freevars
    )


def is_only_called(code, name, value):
    """Whether `code` only calls what it finds in its closure under `name`."""
    if not _may_be(value):
        return False
    return _is_closed_over_to_call(code, name, id(value), _Values({name: value}))


def _steps(code):
    skipped = ("PRECALL", "EXTENDED_ARG")
    return [step for step in dis.get_instructions(code) if step.opname not in skipped]


def _path_held(steps, i, value):
    """None if what instruction `i` loads is called, or asked for an attribute that is.

    Else the dotted attribute that the code holds, "" for the value itself.
    """
    is_called = "NULL" in steps[i].argrepr or i > 0 and steps[i - 1].opname == "PUSH_NULL"
    path: list = []
    while True:
        after = steps[i + 1]
        asks = after.opname in _ATTRIBUTE
        if not isinstance(value, types.ModuleType):
            used = is_called or asks or after.opname == "PUSH_NULL"
            return None if used or not has_substitute(value) else ".".join(path)
        if not asks:
            return ""
        value = getattr(value, after.argval, None)
        path.append(after.argval)
        i += 1
        is_called = is_called or after.opname == "LOAD_METHOD" or "NULL" in after.argrepr


def is_used(frame):
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


# --- Names for a function ------------------------------------------------------------------------


def is_named(f, function):
    """Whether f, or a function that it names in turn, has a name for `function`."""
    codes, seen = _codes_of(f), set()
    while codes:
        code, space, closed = codes.pop()
        if code in seen:
            continue
        seen.add(code)
        for inner in code.co_consts:
            if type(inner) is types.CodeType:
                codes.append((inner, space, closed))
        for name in (*code.co_names, *code.co_freevars):
            value = closed.get(name, space.get(name))
            if value is function:
                return True
            if type(value) is types.FunctionType:
                codes += _codes_of(value)
        if function.__name__ in code.co_names and _is_of_library(function):
            return True
    return False


def _codes_of(f):
    """The code of `f`, with its global names and what its closure holds."""
    while not isinstance(f, types.FunctionType):
        inner = getattr(f, "func", getattr(f, "__func__", None))
        if inner is None:
            inner = type(f).__dict__.get("__call__")
            if not isinstance(inner, types.FunctionType):
                return []
        f = inner
    closed = dict(zip(f.__code__.co_freevars, _contents(f), strict=True))
    return [(f.__code__, f.__globals__, closed)]


def _contents(f):
    for cell in f.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not assigned yet
            yield None


def _is_of_library(function):
    """Whether it is an attribute of a module of NumPy's or Python's, as ``np.zeros``."""
    return not isinstance(function, types.FunctionType) or hasattr(np, function.__name__)
