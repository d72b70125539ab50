"""Structures: dicts, lists, tuples, named tuples, dataclasses and namespaces, with numbers within.

A structure is taken apart into its leaves and a tree, a plain value that says how to put them
together again: a `Node` per container, the number of a leaf, or a `Constant`.  Keys keep the user's
order.  These are our own lines rather than optree's or JAX's: dualmc needs NumPy and Numba alone,
must know dataclasses without their being registered, and makes the objects that f gets by their
classes, so that what ``__post_init__`` derives from a field has the field's derivative.
"""

import collections
import copy
import dataclasses
import enum
import operator
import types
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from dualmc.duals.dual import Dual
from dualmc.duals.operands import has_dual

# What has no derivative: it is handed on as it is, and `None` stands in its place in J.
_CONSTANTS = (type(None), str, bytes, bool, np.bool_, enum.Enum, type, types.FunctionType,
              types.BuiltinFunctionType, types.MethodType, np.ufunc)  # fmt: skip
_BUILT_IN = (dict, collections.OrderedDict, collections.defaultdict)


class Structure(TypeError):
    """A structure stands where an array was expected; the verb begins anew with its leaves."""


class Node(NamedTuple):
    """A container: its class, the keys of its parts, and those parts."""

    kind: type
    keys: tuple
    factory: Any
    parts: tuple


class Constant(NamedTuple):
    """What is no number, within a structure."""

    kind: type
    value: Any


class Leaf(NamedTuple):
    """A number or an array, and where it stands: "x['a'][0].b" and ("a", 0, "b")."""

    value: Any
    name: str
    path: tuple


def is_container(a: Any) -> bool:
    """Whether `a` is a container of a structure."""
    return issubclass(type(a), (list, tuple)) or is_named(a)


def is_named(a: Any) -> bool:
    """Whether `a` is a container whose parts have names, which no array stands for."""
    kind = type(a)
    return (
        issubclass(type(a), dict)
        or issubclass(type(a), tuple) and hasattr(kind, "_fields")
        or kind is types.SimpleNamespace
        or hasattr(kind, "__dataclass_fields__")
    )  # fmt: skip


def holds_named(a: Any) -> bool:
    """Whether `a` is a container whose parts have names, or a nest of lists that holds one."""
    if type(a) is not list and type(a) is not tuple:
        return is_named(a)
    kinds = set(map(type, a))  # in C: the list may be long
    return not kinds <= _NUMBERS and any(map(holds_named, a))


_NUMBERS = frozenset({float, int, bool, complex, np.float64, np.ndarray})


def shape_of(a: Any) -> tuple | None:
    """The shape of the array that NumPy makes of `a`, a nest of lists; None: of no array."""
    if not issubclass(type(a), (list, tuple)):
        return None if a is None or is_named(a) else getattr(a, "shape", None) or np.shape(a)
    shapes = {shape_of(item) for item in a} or {()}
    shape = shapes.pop()
    return None if shapes or shape is None else (len(a), *shape)


def is_broken_array(a: Any) -> bool:
    """Whether `a` is lists of numbers and nothing else, of unequal lengths: NumPy refuses these."""
    if type(a) is list:
        return all(map(is_broken_array, a))
    return not is_container(a) and a is not None and np.shape(a) == ()


def opened(a: Any, name: str, leaves: list, is_input: bool = True) -> Any:
    """The tree of `a`, whose leaves are added to `leaves`.

    Of an input, what is no number is a `Constant`, and fields that its class computes are left out.
    """

    def walk(a: Any, name: str, path: tuple) -> Any:
        if not is_container(a):
            if a is None or is_input and issubclass(type(a), _CONSTANTS):
                return Constant(type(a), a)
            leaves.append(Leaf(a, name, path))
            return len(leaves) - 1
        keys, values, form = _parts(a, is_input)
        return Node(
            type(a),
            keys,
            getattr(a, "default_factory", None),
            tuple(
                walk(value, name + form.format(key), (*path, key))
                for key, value in zip(keys, values, strict=True)
            ),
        )

    return walk(a, name, ())


def _parts(a: Any, is_input: bool) -> tuple[tuple, list, str]:
    """Keys and values of a container, and how a key is written behind its name."""
    if issubclass(type(a), dict):
        return tuple(a), list(a.values()), "[{!r}]"
    if not is_named(a):
        return tuple(range(len(a))), list(a), "[{}]"
    if issubclass(type(a), tuple):
        return type(a)._fields, list(a), ".{}"
    if type(a) is types.SimpleNamespace:
        keys = list(vars(a))
    else:
        keys = [f.name for f in dataclasses.fields(a) if hasattr(a, f.name)]
        if is_input:
            made = {f.name for f in dataclasses.fields(a) if f.init}
            keys = [key for key in keys if key in made]
    return tuple(keys), [getattr(a, key) for key in keys], ".{}"


def text_of_index(path: tuple) -> str:
    """An index, or the way to an element of a structure, as it is written behind a name."""
    if not all(type(key) is int for key in path):
        return "".join(f"[{key!r}]" for key in path)
    return "[" + ", ".join(map(str, path)) + "]" if path else ""


def matched(tree: Any, a: Any, name: str, like: str, caller: str, leaves: list) -> None:
    """Add to `leaves` those of `a`, which has to be structured as `tree` says."""
    if issubclass(type(tree), Constant):
        return
    if not issubclass(type(tree), Node):
        leaves.append(Leaf(a, name, ()))
        return
    keys, values, form = _parts(a, False) if is_container(a) else ((), [], "")
    parts = dict(zip(keys, values, strict=True))
    missing = [key for key in tree.keys if key not in parts]
    if missing or issubclass(type(a), (dict, list, tuple)) and len(parts) != len(tree.keys):
        of = tree.kind.__name__
        raise ValueError(
            f"{caller}: {name} must be structured as {like} is, a {of} of "
            f"{', '.join(map(repr, tree.keys))}; got "
            + (f"a {type(a).__name__} of {', '.join(map(repr, keys)) or 'nothing'}."
               if form else f"a {type(a).__name__}.")
        )  # fmt: skip
    for key, part in zip(tree.keys, tree.parts, strict=True):
        step = form.format(key)
        matched(part, parts[key], name + step, like + step, caller, leaves)


# --- Putting together -----------------------------------------------------------------------------


def built(tree: Any, leaves: Any, make: Callable, constants: bool = True) -> Any:
    """What the tree is of, with `leaves` in it; ``make(node, parts)`` makes a container.

    Without `constants`, None stands for each of them.
    """
    if issubclass(type(tree), Node):
        return make(tree, [built(part, leaves, make, constants) for part in tree.parts])
    if issubclass(type(tree), Constant):
        return tree.value if constants else None
    return leaves[tree]


def as_given(node: Node, parts: list) -> Any:
    """The container as f gets it, made by its class."""
    kind = node.kind
    if issubclass(kind, dict):
        items = zip(node.keys, parts, strict=True)
        if kind is collections.defaultdict:
            return kind(node.factory, items)
        return kind(items) if kind in _BUILT_IN else kind(dict(items))
    if hasattr(kind, "_fields"):
        return kind._make(parts)
    if issubclass(kind, (list, tuple)):
        return kind(parts)
    return kind(**dict(zip(node.keys, parts, strict=True)))


def as_result(node: Node, parts: list) -> Any:
    """The container as a result: what its class would derive or check is left out."""
    kind = node.kind
    if hasattr(kind, "__dataclass_fields__"):
        made = object.__new__(kind)
        for field in dataclasses.fields(kind):
            object.__setattr__(made, field.name, None)
        for key, part in zip(node.keys, parts, strict=True):
            object.__setattr__(made, key, part)
        return made
    try:
        return as_given(node, parts)
    except (TypeError, AttributeError):  # its class is made in a way of its own
        base = dict if issubclass(kind, dict) else list
        return base(zip(node.keys, parts, strict=True)) if base is dict else base(parts)


def carries(a: Any) -> bool:
    """Whether `a` is a container whose parts have names, and a Dual is among its leaves."""
    if not holds_named(a):
        return False
    leaves: list = []
    opened(a, "", leaves, is_input=False)
    return any(has_dual(leaf.value) for leaf in leaves)


def mapped(function: Callable, a: Any, around: tuple = ()) -> Any:
    """`a` with ``function(leaf)`` in the place of each leaf, and all else that its objects hold.

    What holds itself, `around` what is looked at, stays what it is there.
    """
    if id(a) in around:
        return a
    around = (*around, id(a))
    if issubclass(type(a), dict):
        return {key: mapped(function, value, around) for key, value in a.items()}
    if issubclass(type(a), (list, tuple)):
        items = [mapped(function, item, around) for item in a]
        return type(a)(*items) if hasattr(a, "_fields") else type(a)(items)
    if not is_named(a) or issubclass(type(a), type):
        return function(a)
    made = copy.copy(a)
    for key, value in zip(*_parts(a, False)[:2], strict=True):
        object.__setattr__(made, key, mapped(function, value, around))
    return made


def copied(a: Any) -> Any:
    """`a` with copies of the arrays in it."""
    return mapped(_copied, a)


# --- Whether an input can be made again -----------------------------------------------------------


def remade(tree: Any, a: Any, name: str) -> str | None:
    """Why f would not get what `a` is, made by the tree from numbers like its own; None: it would.

    A class may change what it is given, or be given what it does not keep: then derivatives of its
    fields would not be those of what f reads.
    """
    if not issubclass(type(tree), Node):
        return None
    keys, values, form = _parts(a, True)
    for key, part, value in zip(keys, tree.parts, values, strict=True):
        problem = remade(part, value, name + form.format(key))
        if problem is not None:
            return problem
    if tree.kind in _BUILT_IN or tree.kind in (list, tuple):
        return None
    try:
        again = as_given(tree, [_copied(value) for value in values])
    except Exception as error:
        return f"{name}, which its class does not make of its parts ({error})"
    item = operator.getitem if issubclass(type(a), (dict, list)) else getattr
    held = [(item, key, value) for key, value in zip(keys, values, strict=True)]
    held += [(getattr, key, value) for key, value in getattr(a, "__dict__", {}).items()]
    for get, key, value in held:
        try:
            is_same = _same(value, get(again, key))
        except (AttributeError, LookupError):
            is_same = False
        if not is_same:
            return f"{name}, whose class makes another {key!r} of the same parts"
    return None


def _copied(a: Any) -> Any:
    if issubclass(type(a), np.ndarray):
        return a.copy(order="K")  # f may ask how it lies in memory
    return a.copy() if issubclass(type(a), Dual) else a


def _same(a: Any, b: Any) -> bool:
    """Whether `a` and `b` are not seen to differ."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    try:
        if issubclass(type(a), (list, tuple)):
            return len(a) == len(b) and all(map(_same, a, b))
        if issubclass(type(a), dict):
            return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
        if type(a).__eq__ is object.__eq__:
            return True  # objects that are only themselves
        return bool(np.all((a == b) | ((a != a) & (b != b))))
    except Exception:
        return True
