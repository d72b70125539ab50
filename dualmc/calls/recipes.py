"""The call that a line makes, and the same call with a derivative of the user's: what to write.

The call is read from the source by the positions that Python keeps for every instruction, so that
what is proposed has the names of the line.
"""

import ast
import builtins
import inspect
import itertools
import linecache
import sys
import types

import numpy as np

from dualmc.duals.operands import has_dual

_ABSENT = object()
# Modules whose functions have derivatives, or are said what to use in place of.
_KNOWN = (builtins.__name__, "math", "cmath", "numpy", "dualmc")


def call_at(tb):
    """The call under way in the entry `tb` of a traceback, as a syntax tree; None if it is none."""
    code = tb.tb_frame.f_code
    place = next(itertools.islice(code.co_positions(), tb.tb_lasti // 2, None), None)
    if place is None or None in place:
        return None
    first, last, start, end = place
    lines = [linecache.getline(code.co_filename, n).encode() for n in range(first, last + 1)]
    if not all(lines):
        return None
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][start:]
    try:
        node = ast.parse(b"(" + b"".join(lines) + b"\n)", mode="eval").body
    except (SyntaxError, ValueError):
        return None
    return node if isinstance(node, ast.Call) else None


def value_of(node, frame):
    """What the name or path `node` leads to in `frame`; `_ABSENT` where code would have to run."""
    if isinstance(node, ast.Attribute):
        owner = value_of(node.value, frame)
        if isinstance(owner, types.ModuleType):
            return getattr(owner, node.attr, _ABSENT)
        return _ABSENT
    if not isinstance(node, ast.Name):
        return _ABSENT
    for names in (frame.f_locals, frame.f_globals, vars(builtins)):
        if node.id in names:
            return names[node.id]
    return _ABSENT


def public_path(function):
    """``package.module.function``, by which it can be imported; None if there is none."""
    name = getattr(function, "__name__", None)
    module = getattr(function, "__module__", None) or ""
    if name is None:
        return None
    parts = module.partition("._")[0].split(".")
    for n in range(1, len(parts) + 1):  # the shortest path there is
        path = ".".join(parts[:n])
        if getattr(sys.modules.get(path), name, None) is function:
            return None if path.startswith("_") else f"{path}.{name}"
    return None


def function_at(tb):
    """The compiled function that the entry `tb` of a traceback calls; None if that is not known."""
    node = call_at(tb)
    if node is None:
        return None
    function = value_of(node.func, tb.tb_frame)
    if isinstance(function, (types.FunctionType, type)) or _is_known(function):
        return None
    return public_path(function) or _path(node.func)


def _path(node):
    """The path that `node` is, as it is written; None if it is none."""
    inner = node
    while isinstance(inner, ast.Attribute):
        inner = inner.value
    return ast.unparse(node) if isinstance(inner, ast.Name) else None


def _last_name(node):
    """The name that is closest to the brackets of a call."""
    while not isinstance(node, (ast.Name, ast.Attribute)):
        node = getattr(node, "func", None) or getattr(node, "value", None)
        if node is None:
            return "step"
    return node.attr if isinstance(node, ast.Attribute) else node.id


def _is_known(function):
    return (getattr(function, "__module__", None) or "").partition(".")[0] in _KNOWN


def recipe(tb):
    """The lines to write for the call under way in `tb`; None if that is not known."""
    node = call_at(tb)
    if node is None:
        return None
    frame = tb.tb_frame
    function = value_of(node.func, frame)
    if _is_known(function):
        return None
    path = public_path(function)
    name = path or ast.unparse(node.func)
    short = f"my_{_last_name(node.func)}"
    if len(name) > 60 or any(isinstance(a, ast.Starred) for a in node.args):
        return None
    moved = [k for k in node.keywords if k.arg and _holds_dual(k.value, frame)]
    kept = [k for k in node.keywords if k not in moved]
    positional = _parameters(node, function)
    names = positional + [k.arg for k in moved]
    inner = positional + [f"{k.arg}={k.arg}" for k in moved]
    options = ["**options"] if kept else []
    call = [*map(ast.unparse, node.args), *(ast.unparse(k.value) for k in moved)]
    lines = [
        "@dualmc.custom_jvp",
        f"def {short}({', '.join(names + options)}):",
        f"    return {name}({', '.join(inner + options)})",
        f"@{short}.def_jvp",
        f"def {short}_jvp({', '.join(['primals', 'tangents', *options])}):",
        "    ...  # return the value, and its change along the tangents",
    ]
    if not moved and _has_name_of_its_own(function):
        lines.append(f"dualmc.register_standin({name}, {short})  # for whatever calls it")
    written = f"{short}({', '.join(call + [ast.unparse(k) for k in kept])})"
    if len(written) <= 80:
        lines.append(f"{written}  # in place of the call above")
    return lines


def _has_name_of_its_own(function):
    """Whether `register_standin` takes it: neither a class, a method, nor a ufunc."""
    if function is _ABSENT or isinstance(function, (type, types.MethodType, np.ufunc)):
        return False
    return "." not in getattr(function, "__qualname__", ".").rpartition("<locals>.")[2]


def _holds_dual(node, frame):
    return any(has_dual(value_of(inner, frame)) for inner in ast.walk(node))


def _parameters(node, function):
    """Names for the positional arguments of a call: the function's own, or the caller's."""
    try:
        own = [
            p.name
            for p in inspect.signature(function).parameters.values()
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
    except (TypeError, ValueError):
        own = []
    if len(own) >= len(node.args):
        return own[: len(node.args)]
    names = [a.id if isinstance(a, ast.Name) else f"x{i}" for i, a in enumerate(node.args, 1)]
    return names if len(set(names)) == len(names) else [f"x{i + 1}" for i in range(len(names))]
