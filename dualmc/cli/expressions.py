"""Expressions from the command line, as functions, without `eval`.

`parse` reads ``sin(x**2)`` and looks every piece up in an allow-list before anything is computed: a
function comes from the tables below, and what is written as a method is the NumPy function of that
name.  No attribute of a value is ever looked up and no function is ever a value, so the text can
neither import, nor open a file, nor call anything else.  `read_point` reads the values of the
variables in the same language.  `load` also takes ``package.module:function``, whose module it
imports, as ``python -m`` does.
"""

import ast
import difflib
import functools
import importlib
import inspect
import keyword
import operator
import os
import re
import sys
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np

from dualmc.cli import work_limit
from dualmc.rules import registry
from dualmc.rules.table import RULES

LENGTH = 10_000
DEPTH = 100  # Reading takes three Python frames per level, and 1000 are Python's own limit.

# Given the values of the variables, the value of one piece.
Step = Callable[[Mapping[str, Any]], Any]


class ExpressionError(ValueError):
    """An expression, a point or the name of a function that cannot be used.

    The message names the piece, where it is and what to write instead.
    """


# --- What is allowed -----------------------------------------------------------------------------

# Functions of functions, and those that return no numbers, what lies in memory, or take for ever.
_EXCLUDED = """
apply_along_axis apply_over_axes piecewise array2string array_repr array_str einsum_path astype
format_float_positional format_float_scientific can_cast common_type min_scalar_type result_type
may_share_memory shares_memory empty_like
""".split()
_CREATION = "arange zeros ones full eye identity tri indices".split()
_METHODS = """
sum mean std var prod cumsum cumprod max min ptp clip round take diagonal trace dot repeat argmax
argmin argsort searchsorted nonzero all any squeeze swapaxes conj conjugate copy
""".split()
# Arguments that write into an array, or make one of anything but numbers.
_REFUSED_ARGUMENTS = ("out", "overwrite_input", "copy", "dtype", "like", "subok", "casting")
# How many arguments these take before the first refused one: older NumPy does not tell.
_POSITIONAL = {np.dot: 2, np.concatenate: 2, np.zeros: 1, np.arange: 3}
# The only strings, as arguments; np.einsum has its subscripts.
_WORDS = frozenset(
    """
    C F A K ij xy fro nuc full same valid constant edge linear_ramp maximum mean median minimum
    reflect symmetric wrap even odd raise clip left right f b fb linear lower higher midpoint
    nearest inverted_cdf averaged_inverted_cdf closest_observation interpolated_inverted_cdf hazen
    weibull median_unbiased normal_unbiased stable quicksort mergesort heapsort
    """.split()
)


def _functions() -> dict[str, Callable[..., Any]]:
    """Every allowed function by its name after ``np.``; by its last name too if that is free."""
    known = set(RULES)
    for table in (registry.FUNCTIONS, registry.UFUNCS):
        known.update(f for f, entry in table.items() if entry.kind != "in-place")
    known.difference_update(getattr(np, name) for name in _EXCLUDED)
    known.update(getattr(np, name) for name in _CREATION)
    found: dict[str, Callable[..., Any]] = {}
    for prefix, module in (("", np), ("linalg.", np.linalg), ("fft.", np.fft)):
        for name, function in vars(module).items():
            if callable(function) and not isinstance(function, type) and function in known:
                found[prefix + name] = function
                found.setdefault(name, function)
    return found | {"array": _array, "asarray": _array}


def _array(a: Any) -> Any:
    return _stacked(a) if isinstance(a, (list, tuple)) else np.copy(a)


def _either(pairwise: Callable[..., Any], whole: Callable[..., Any]) -> Callable[..., Any]:
    """``max(x)`` of an array; ``max(0, z)`` element by element."""

    def either(*args: Any, **options: Any) -> Any:
        if len(args) == 1:
            return whole(args[0], **options)
        if options or not args:
            raise TypeError(f"{whole.__name__}(a, b) takes numbers or arrays only.")
        return functools.reduce(pairwise, args)

    return either


def _reshape(x: Any, *shape: Any, **options: Any) -> Any:
    return np.reshape(x, shape[0] if len(shape) == 1 else shape, **options)


def _transpose(x: Any, *axes: Any) -> Any:
    return np.transpose(x, (axes[0] if len(axes) == 1 else axes) if axes else None)


def _flatten(x: Any) -> Any:
    return np.copy(np.ravel(x))


FUNCTIONS = _functions()
# What a mathematician or a Python programmer writes without np.
SPOKEN: dict[str, Callable[..., Any]] = {
    "ln": np.log,
    "max": _either(np.maximum, np.max),
    "min": _either(np.minimum, np.min),
    "len": len,
}
METHODS = {name: FUNCTIONS[name] for name in _METHODS} | {
    "reshape": _reshape,
    "transpose": _transpose,
    "flatten": _flatten,
    "ravel": np.ravel,
}
PROPERTIES = {"T": np.transpose, "mT": np.matrix_transpose} | {
    name: getattr(np, name) for name in "shape size ndim real imag".split()
}
CONSTANTS = {"pi": np.pi, "e": np.e, "inf": np.inf, "nan": np.nan, "newaxis": None}
# Their arguments are lists of arrays, not one array.
SEQUENCES = {
    FUNCTIONS[name]
    for name in "stack concatenate hstack vstack dstack column_stack block select choose".split()
}

_PROPERTIES = ", ".join(f".{name}" for name in PROPERTIES)
_CONSTANTS = ", ".join(f"np.{name}" for name in CONSTANTS)
_REFERENCE_HINT = " For a function of a module write package.module:function."


# --- Arithmetic ----------------------------------------------------------------------------------


def _stacked(items: Sequence[Any]) -> Any:
    """What ``np.array(items)`` would be, of array-like entries too."""
    parts = [_stacked(i) if isinstance(i, (list, tuple)) else i for i in items]
    return np.stack(parts) if parts else np.array([])


def _operand(value: Any) -> Any:
    """A list as an array.  No objects: their powers are Python's, of numbers of any length."""
    if isinstance(value, (list, tuple)):
        value = _stacked(value)
    if isinstance(value, np.ndarray) and value.dtype.hasobject:
        raise TypeError("An expression computes with numbers; an array here holds something else.")
    return value


def _argument(value: Any) -> Any:
    """A list as an array if it holds arrays; NumPy would not find those inside it."""
    return _operand(value) if _holds_arrays(value) else value


def _holds_arrays(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_holds_arrays, value))
    return not isinstance(value, (int, float, complex))


def _bounded(value: Any) -> Any:
    """Python's integers as floats once they exceed 64 bits, as they would inside an array."""
    return float(value) if isinstance(value, int) and abs(value) >= 2**63 else value


def _power(a: Any, b: Any) -> Any:
    if isinstance(a, int) and isinstance(b, int) and b * (abs(a).bit_length() - 1) >= 63:
        return float(a) ** b
    if isinstance(a, (int, float)) and isinstance(b, float):
        return np.power(float(a), b)  # Python's leaves the real numbers at (-8)**0.5.
    return a**b


def _invert(a: Any) -> Any:
    return not a if isinstance(a, bool) else ~a


_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
    ast.MatMult: operator.matmul,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: _invert,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


# --- Reading an expression -----------------------------------------------------------------------


@dataclass(frozen=True)
class Expression:
    """A function of the variables in an expression; made by `parse`.

    Attributes
    ----------
    text : str
    names : tuple of str
        The variables, in order of first appearance: the arguments of the function.
    """

    text: str
    names: tuple[str, ...]
    _step: Step = field(repr=False, compare=False)

    @property
    def __name__(self) -> str:
        return self.text

    def __call__(self, *values: Any) -> Any:
        """The value at `values`, one for each of the names: numbers, arrays or Duals."""
        if len(values) != len(self.names):
            raise TypeError(
                f"{self.text} is a function of {_listed(self.names)}: {len(self.names)} values "
                f"are needed, got {len(values)}."
            )
        # Python's floats raise an error at 1/0.
        given = [np.float64(value) if type(value) is float else value for value in values]
        return self._step(dict(zip(self.names, given, strict=True)))


def parse(text: str, variables: Iterable[str] = ()) -> Expression:
    """The function that an expression states.

    Parameters
    ----------
    text : str
        Python's and NumPy's notation: numbers, variables, operators, comparisons, indexing, lists,
        ``a if condition else b``, and calls such as ``sin(x)``, ``np.sum(x, axis=0)`` and
        ``x.sum()`` of the functions that dualmc differentiates.
    variables : iterable of str, optional
        Names that are variables although they mean something else by themselves (``e``, ``angle``).

    Returns
    -------
    f : Expression

    Raises
    ------
    ExpressionError
        If the text is no expression, or holds anything else.

    Examples
    --------
    >>> import dualmc as dm
    >>> from dualmc.cli.expressions import parse
    >>> f = parse("max(0, w @ x + b)")
    >>> f.names
    ('w', 'x', 'b')
    >>> dm.jacobian_fwd(f, [0.5, -2.0], [4.0, 0.25], 1.0)
    array([4.  , 0.25])
    """
    return _parse(text, variables, "expression")


def _parse(text: str, variables: Iterable[str], what: str) -> Expression:
    text = re.sub(r"\s", " ", text).strip()
    reader = _Reader(text, variables, what)
    step = reader.read(_tree(text, what))
    return Expression(text, tuple(reader.names), step)


class _Reader:
    """Turns a syntax tree into steps, piece by piece; refuses what it does not know."""

    def __init__(self, text: str, variables: Iterable[str], what: str) -> None:
        self.text = text
        self.variables = frozenset(variables)
        self.what = what
        self.names: dict[str, None] = {}

    def read(self, node: ast.AST) -> Step:
        reader = getattr(self, f"read_{type(node).__name__}", None)
        if reader is None:
            self.refuse(
                node,
                " is not allowed: only numbers, variables, operators, indexing, lists and calls of "
                "NumPy functions are.",
            )
        step: Step = reader(node)
        return step

    def refuse(
        self, node: Any, message: str, kind: str = "", piece: str = "", offset: int = -1
    ) -> NoReturn:
        piece = piece or ast.get_source_segment(self.text, node) or ""
        piece = piece if len(piece) <= 40 else piece[:37] + "..."
        column = self.column(node.col_offset if offset < 0 else offset)
        raise ExpressionError(f"{self.what}: {kind}'{piece}' at column {column}{message}")

    def column(self, offset: int) -> int:
        """Counted in characters from 1; the tree counts bytes."""
        return len(self.text.encode()[:offset].decode()) + 1

    def public(self, node: ast.AST, name: str) -> None:
        # The tree has names in their compatibility form: no other letters spell an underscore.
        if name.startswith("_"):
            self.refuse(
                node, " is not allowed: names may not start with an underscore.", piece=name
            )

    # Each reader below is called by the name of a node of the tree.

    def read_Constant(self, node: ast.Constant) -> Step:
        value = node.value
        if value is Ellipsis or isinstance(value, (str, bytes)):
            self.refuse(node, " is not allowed here: it is no number.")
        try:
            value = _bounded(value)
        except OverflowError:
            self.refuse(node, " is too large a number.")
        return _constant(value)

    def read_Name(self, node: ast.Name) -> Step:
        name = node.id
        self.public(node, name)
        if name not in self.variables:
            if name in CONSTANTS:
                return _constant(CONSTANTS[name])
            if name in FUNCTIONS or name in SPOKEN:
                self.refuse(
                    node,
                    f" is a function: call it, as in {name}(x), or give it a value.",
                    piece=name,
                )
            if name in ("np", "numpy"):
                self.refuse(node, " stands for NumPy: write np.sin(x), np.pi or the like.")
        self.names[name] = None
        return lambda given: given[name]

    def read_Attribute(self, node: ast.Attribute) -> Step:
        self.public(node, node.attr)
        path = self.numpy_path(node)
        if path in CONSTANTS:
            return _constant(CONSTANTS[path])
        if path in FUNCTIONS:
            self.refuse(node, f" is a function: call it, as in {path}(x).")
        if path is not None:
            self.refuse(
                node, _guess(path, CONSTANTS, ".") or f". Known are {_CONSTANTS}.", "unknown name "
            )
        if node.attr not in PROPERTIES:
            call = f" Call it: .{node.attr}()." if node.attr in METHODS else _REFERENCE_HINT
            self.refuse(node, f" is not allowed: .{node.attr} is none of {_PROPERTIES}.{call}")
        return _call(PROPERTIES[node.attr], [self.read(node.value)], {})

    def read_Call(self, node: ast.Call) -> Step:
        function, nodes = self.callee(node)
        self.check_arguments(node, function, len(nodes))
        arguments = [self.read_argument(argument, function) for argument in nodes]
        options = {k.arg: self.read_argument(k.value, function) for k in node.keywords if k.arg}
        return _call(function, arguments, options, functools.partial(self.limit, node))

    def limit(self, node: ast.AST, count: int) -> None:
        """Refuse a step that would make too many numbers."""
        if count > work_limit.LARGEST:
            self.refuse(
                node,
                f" is too large: an array of {count} elements; {work_limit.LARGEST} are computed "
                f"here at most.",
            )

    def callee(self, node: ast.Call) -> tuple[Callable[..., Any], list[ast.expr]]:
        """The function called and its arguments, of which a method's array is the first."""
        called = node.func
        if isinstance(called, ast.Name):
            self.public(called, called.id)
            if called.id in SPOKEN:
                return SPOKEN[called.id], node.args
            if called.id in FUNCTIONS:
                return FUNCTIONS[called.id], node.args
            self.refuse_function(called, called.id, [*FUNCTIONS, *SPOKEN])
        if not isinstance(called, ast.Attribute):
            self.refuse(called, " is no function: write * for a product.")
        self.public(called, called.attr)
        path = self.numpy_path(called)
        if path in FUNCTIONS:
            return FUNCTIONS[path], node.args
        if path is not None:
            self.refuse_function(called, path, FUNCTIONS)
        if called.attr not in METHODS:
            guess = _guess(called.attr, METHODS) or _REFERENCE_HINT
            self.refuse(called, f" is not allowed: .{called.attr}() is no method here.{guess}")
        return METHODS[called.attr], [called.value, *node.args]

    def refuse_function(self, node: ast.expr, name: str, known: Iterable[str]) -> NoReturn:
        allowed = ". Allowed are those of NumPy that dualmc differentiates; a product is written *."
        self.refuse(node, _guess(name, known, ".") or allowed, "unknown function ")

    def numpy_path(self, node: ast.Attribute) -> str | None:
        """What follows ``np.``; None for an attribute of a value."""
        parts: list[str] = []
        inner: ast.expr = node
        while isinstance(inner, ast.Attribute):
            parts.insert(0, inner.attr)
            inner = inner.value
        if not isinstance(inner, ast.Name):
            return None
        if inner.id in ("np", "numpy"):
            return ".".join(parts)
        path = ".".join([inner.id, *parts])
        return path if path in FUNCTIONS else None

    def check_arguments(self, node: ast.Call, function: Callable[..., Any], count: int) -> None:
        limit = _positional(function)
        if limit is not None and count > limit:
            limit -= count - len(node.args)
            self.refuse(node, f": too many arguments; at most {limit} without a name.")
        for option in node.keywords:
            name = option.arg or ""
            self.public(option, name)
            masked = name == "where" and isinstance(function, np.ufunc)
            if not name or name in _REFUSED_ARGUMENTS or masked:
                self.refuse(option, " is an argument that is not allowed here.")

    def read_argument(self, node: ast.expr, function: Callable[..., Any]) -> Step:
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            return self.read(node)
        subscripts = function is np.einsum and re.fullmatch(r"[A-Za-z,.> -]+", node.value)
        if not subscripts and node.value not in _WORDS:
            self.refuse(node, " is not allowed: it is no option of a NumPy function known here.")
        return _constant(node.value)

    def read_BinOp(self, node: ast.BinOp) -> Step:
        apply = _OPERATORS.get(type(node.op))
        left, right = self.read(node.left), self.read(node.right)
        if isinstance(node.op, ast.BitXor):
            # The tree does not place operators; between operands there are only parentheses else.
            offset = self.text.encode().index(b"^", node.left.end_col_offset)
            self.refuse(node, ": write ** for a power.", piece="^", offset=offset)
        if apply is None:
            self.refuse(node, " is not allowed: bits are not shifted here.")

        def step(given: Mapping[str, Any]) -> Any:
            a, b = _operand(left(given)), _operand(right(given))
            is_product = isinstance(node.op, ast.MatMult)
            self.limit(node, work_limit.predicted_of_operator(a, b, is_product))
            try:
                return _bounded(apply(a, b))
            except OverflowError:
                self.refuse(node, " is too large a number.")

        return step

    def read_UnaryOp(self, node: ast.UnaryOp) -> Step:
        apply = _OPERATORS.get(type(node.op))
        if apply is None:
            self.refuse(node, ": write ~ before a comparison in parentheses.")
        operand = self.read(node.operand)
        return lambda given: apply(_operand(operand(given)))

    def read_BoolOp(self, node: ast.BoolOp) -> Step:
        sign = "&" if isinstance(node.op, ast.And) else "|"
        self.refuse(node, f": write {sign} between comparisons in parentheses.")

    def read_Compare(self, node: ast.Compare) -> Step:
        if len(node.ops) > 1:
            self.refuse(
                node,
                ": comparisons are not chained; write (a < b) & (b < c), with the parentheses.",
            )
        apply = _OPERATORS.get(type(node.ops[0]))
        if apply is None:
            self.refuse(node, ": numbers are compared by <, <=, >, >=, == and != only.")
        left, right = self.read(node.left), self.read(node.comparators[0])
        return lambda given: apply(_operand(left(given)), _operand(right(given)))

    def read_IfExp(self, node: ast.IfExp) -> Step:
        body, test, other = self.read(node.body), self.read(node.test), self.read(node.orelse)
        return lambda given: body(given) if test(given) else other(given)

    def read_List(self, node: ast.List) -> Step:
        items = [self.read(item) for item in node.elts]
        return lambda given: [item(given) for item in items]

    def read_Tuple(self, node: ast.Tuple) -> Step:
        items = [self.read(item) for item in node.elts]
        return lambda given: tuple([item(given) for item in items])

    def read_Subscript(self, node: ast.Subscript) -> Step:
        value, index = self.read(node.value), self.read_index(node.slice)

        def step(given: Mapping[str, Any]) -> Any:
            array, key = value(given), index(given)
            return array[key] if isinstance(key, (int, slice)) else _operand(array)[key]

        return step

    def read_index(self, node: ast.expr) -> Step:
        if isinstance(node, ast.Constant) and node.value is Ellipsis:
            return _constant(Ellipsis)
        if isinstance(node, ast.Slice):
            bounds = [
                _constant(None) if bound is None else self.read(bound)
                for bound in (node.lower, node.upper, node.step)
            ]
            return lambda given: slice(*[bound(given) for bound in bounds])
        if isinstance(node, ast.Tuple):
            keys = [self.read_index(key) for key in node.elts]
            return lambda given: tuple([key(given) for key in keys])
        return self.read(node)


def _unchanged(value: Any) -> Any:
    return value


def _constant(value: Any) -> Step:
    return lambda given: value


def _call(
    function: Callable[..., Any],
    arguments: Sequence[Step],
    options: Mapping[str, Step],
    limit: Callable[[int], None] = lambda count: None,
) -> Step:
    """The step that calls `function`; `limit` is told how many numbers it makes."""
    convert = _unchanged if function in SEQUENCES else _argument

    def step(given: Mapping[str, Any]) -> Any:
        values = [convert(argument(given)) for argument in arguments]
        chosen = {name: convert(o(given)) for name, o in options.items()}
        limit(work_limit.predicted(function, values, chosen))
        return function(*values, **chosen)

    return step


@functools.cache
def _positional(function: Callable[..., Any]) -> int | None:
    """How many arguments may have no name: those before the first that is refused."""
    if isinstance(function, np.ufunc):
        return function.nin
    if function in _POSITIONAL:
        return _POSITIONAL[function]
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        return None
    by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [p.name for p in parameters if p.kind in by_position]
    return min((names.index(name) for name in _REFUSED_ARGUMENTS if name in names), default=None)


def _guess(name: str, known: Iterable[str], lead: str = "") -> str:
    close = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.65)
    return f"{lead} Did you mean '{close[0]}'?" if close else ""


def _tree(text: str, what: str) -> ast.expr:
    """The syntax tree, of limited size: deeper ones would exhaust Python's stack."""
    if not text:
        raise ExpressionError(f"{what}: it is empty. Write one such as sin(x**2).")
    if len(text) > LENGTH:
        raise ExpressionError(
            f"{what}: {len(text)} characters are more than {LENGTH}.{_REFERENCE_HINT}"
        )
    for column, character in enumerate(text, 1):
        if character == "#" or not character.isprintable():
            raise ExpressionError(f"{what}: {character!r} at column {column} is not allowed.")
    deep = ExpressionError(
        f"{what}: it is nested more than {DEPTH} levels deep; every sign in a long sum is one."
        + _REFERENCE_HINT
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise ExpressionError(_syntax_message(text, what, error)) from None
    except (RecursionError, MemoryError):
        raise deep from None
    level: list[ast.AST] = [tree]
    for _ in range(DEPTH):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    if level:
        raise deep
    return tree


def _syntax_message(text: str, what: str, error: SyntaxError) -> str:
    column = min(max(error.offset or 1, 1), len(text) + 1)
    # What follows the first sentence guesses at Python programs, not at formulas.
    message = re.split(r"[.;] ", error.msg)[0]
    if message == "invalid decimal literal":
        message = "write * for a product, as in 2*x; invalid number"
    start = max(0, column - 41)
    return (
        f"{what}: {message} at column {column}:\n"
        f"    {text[start : start + 80]}\n    {' ' * (column - 1 - start)}^"
    )


# --- The point -----------------------------------------------------------------------------------


def given_names(settings: Sequence[str]) -> tuple[str, ...]:
    """The names in settings such as ``["x=1.2", "w=[1, 2]"]``, in their order.

    >>> given_names(["x=1.2", "w=[1, 2]"])
    ('x', 'w')
    """
    return tuple(_texts(settings))


def _texts(settings: Sequence[str]) -> dict[str, str]:
    """The text of each value by its name."""
    texts: dict[str, str] = {}
    for setting in settings:
        name, sign, text = setting.partition("=")
        # Python writes identifiers in this form, so that names in an expression have it.
        name = unicodedata.normalize("NFKC", name.strip())
        if not sign or not name.isidentifier() or keyword.iskeyword(name):
            raise ExpressionError(f"--at: '{setting}' is not name=value, such as x=1.2.")
        if name in texts:
            raise ExpressionError(f"--at: {name} is given twice.")
        texts[name] = text
    return texts


def read_point(
    settings: Sequence[str], names: Sequence[str], defaults: Mapping[str, Any] | None = None
) -> tuple[Any, ...]:
    """The values of the variables `names`, in their order.

    Parameters
    ----------
    settings : sequence of str
        ``name=value`` for each name; a value is an expression without variables.
    names : sequence of str
    defaults : mapping, optional
        Values of the names that may be left out.  The last names that are left out have no value
        in the result; those before another that is given have their default.

    Returns
    -------
    point : tuple of float and float64 ndarray

    Raises
    ------
    ExpressionError
        If a name is missing, unknown or given twice, or a value is not one of real numbers.

    Examples
    --------
    >>> from dualmc.cli.expressions import read_point
    >>> read_point(["w=[1, 2]", "x=pi/4"], ["x", "w"])
    (0.7853981633974483, array([1., 2.]))
    """
    defaults = {} if defaults is None else defaults
    texts = _texts(settings)
    needed = f"Needed: {_listed(names)}."
    for name in texts:
        if name not in names:
            raise ExpressionError(f"--at: {name} is not one of the variables. {needed}")
    missing = [name for name in names if name not in texts and name not in defaults]
    if missing:
        raise ExpressionError(f"--at: no value for {_listed(missing)}. {needed}")
    last = max((i for i, name in enumerate(names) if name in texts), default=-1)
    return tuple([_value(n, texts[n]) if n in texts else defaults[n] for n in names[: last + 1]])


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"


def _value(name: str, text: str) -> Any:
    what = f"--at {name}"
    expression = _parse(text, (), what)
    if expression.names:
        raise ExpressionError(
            f"{what}: '{expression.names[0]}' is no number: a value holds no variables."
        )
    try:
        with np.errstate(all="ignore"):
            value = np.asarray(_operand(expression()))
    except ExpressionError:
        raise
    except Exception as error:
        raise ExpressionError(f"{what}: {expression.text} cannot be computed: {error}") from None
    if value.dtype.kind not in "iuf":
        kind = {"c": "complex", "b": "true or false"}.get(value.dtype.kind, "not a number")
        raise ExpressionError(f"{what}: {expression.text} is {kind}; it must be real numbers.")
    value = value.astype(np.float64)
    return value if value.ndim else value.item()


# --- Functions of modules ------------------------------------------------------------------------


@dataclass(frozen=True)
class Target:
    """A function named on the command line.

    Attributes
    ----------
    text : str
        As it was given.
    function : callable
    names : tuple of str
        Its arguments.
    defaults : dict
        The default values of those that have one.
    """

    text: str
    function: Callable[..., Any]
    names: tuple[str, ...]
    defaults: dict[str, Any]


def load(text: str, variables: Iterable[str] = ()) -> Target:
    """The function that `text` names, as ``package.module:function``, or states.

    Parameters
    ----------
    text : str
        Modules are looked for in the current directory too; importing one runs it.
    variables : iterable of str, optional
        What `parse` takes; also the names of arguments that a function accepts without naming
        them (``*args``).

    Returns
    -------
    target : Target

    Raises
    ------
    ExpressionError
        If there is no such module or function, or the module cannot be imported.

    Examples
    --------
    >>> from dualmc.cli.expressions import load
    >>> load("dualmc.document.neuron:activation").names
    ('w', 'b', 'x')
    >>> load("sin(x**2)").function(0.0).item()
    0.0
    """
    text, variables = text.strip(), tuple(variables)
    # Outside brackets no expression has a colon.
    if not re.fullmatch(r"[^\s()\[\]{}'\"]*:[^\s()\[\]{}'\"]*", text):
        expression = parse(text, variables)
        return Target(expression.text, expression, expression.names, {})
    what = f"function '{text}'"
    module, _, path = text.partition(":")
    if not all(part.isidentifier() for part in [*module.split("."), *path.split(".")]):
        raise ExpressionError(f"{what}: write package.module:function, such as numpy:sin.")
    function = _imported(module, what)
    for name in path.split("."):
        function = _attribute(function, name, what)
    if not callable(function):
        raise ExpressionError(f"{what}: it is of type {type(function).__name__}, not a function.")
    return Target(text, function, *_parameters(function, variables, what))


def _imported(module: str, what: str) -> Any:
    directory = os.getcwd()
    if directory not in sys.path and "" not in sys.path:
        sys.path.insert(0, directory)
    try:
        return importlib.import_module(module)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and f"{module}.".startswith(f"{error.name}."):
            hint = " Leave out .py." if module.endswith(".py") else ""
            raise ExpressionError(
                f"{what}: there is no module '{error.name}' in {directory} or among those "
                f"installed.{hint}"
            ) from None
        raise ExpressionError(
            f"{what}: importing {module} failed: {type(error).__name__}: {error}"
        ) from error


def _attribute(owner: Any, name: str, what: str) -> Any:
    try:
        return getattr(owner, name)
    except AttributeError:
        where = getattr(owner, "__name__", type(owner).__name__)
        raise ExpressionError(
            f"{what}: there is no '{name}' in {where}.{_guess(name, dir(owner))}"
        ) from None


def _parameters(
    function: Callable[..., Any], variables: tuple[str, ...], what: str
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The names of the arguments, and the defaults of those that have one."""
    if isinstance(function, np.ufunc):
        n = function.nin
        return ("x",) if n == 1 else tuple(f"x{i}" for i in range(1, n + 1)), {}
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return variables, {}
    named = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    for p in parameters:
        if p.kind is p.KEYWORD_ONLY and p.default is p.empty:
            raise ExpressionError(
                f"{what}: its argument {p.name} is passed by keyword only and has no default. "
                "Write a function without it, and name that one."
            )
    names = [p.name for p in named]
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        names += [name for name in variables if name not in names]
    return tuple(names), {p.name: p.default for p in named if p.default is not p.empty}
