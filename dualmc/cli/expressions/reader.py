"""Expressions from the command line, as functions, without `eval`.

`parse` reads ``sin(x**2)`` and looks every piece up in an allow-list before anything is computed: a
function comes from the tables of `allowed.py`, and what is written as a method is the NumPy
function of that name.  No attribute of a value is ever looked up and no function is ever a value,
so the text can neither import, nor open a file, nor call anything else.
"""

import ast
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dualmc.cli.expressions import sizes
from dualmc.cli.expressions.allowed import (
    CONSTANTS,
    FUNCTIONS,
    SEQUENCES,
    SPOKEN,
    callee,
    check_arguments,
    check_word,
    numpy_path,
    property_named,
)
from dualmc.cli.expressions.arithmetic import OPERATORS, argument, bounded, operand
from dualmc.cli.expressions.source import Source

# Given the values of the variables, the value of one piece.
Step = Callable[[Mapping[str, Any]], Any]


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
                f"{self.text} is a function of {listed(self.names)}: {len(self.names)} values "
                f"are needed, got {len(values)}."
            )
        # Python's floats raise an error at 1/0.
        given = [np.float64(value) if type(value) is float else value for value in values]
        return self._step(dict(zip(self.names, given, strict=True)))


def parse(text: str, variables: Iterable[str] = (), what: str = "expression") -> Expression:
    """The function that an expression states.

    Parameters
    ----------
    text : str
        Python's and NumPy's notation: numbers, variables, operators, comparisons, indexing, lists,
        ``a if condition else b``, and calls such as ``sin(x)``, ``np.sum(x, axis=0)`` and
        ``x.sum()`` of the functions that dualmc differentiates.
    variables : iterable of str, optional
        Names that are variables although they mean something else by themselves (``e``, ``angle``).
    what : str, optional
        What a message calls the text.

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
    >>> from dualmc.cli.expressions.reader import parse
    >>> f = parse("max(0, w @ x + b)")
    >>> f.names
    ('w', 'x', 'b')
    >>> dm.jacobian_fwd(f, [0.5, -2.0], [4.0, 0.25], 1.0)
    array([4.  , 0.25])
    """
    source = Source(text, what)
    reader = _Reader(source, variables)
    step = reader.read(source.tree())
    return Expression(source.text, tuple(reader.names), step)


class _Reader:
    """Turns a syntax tree into steps, piece by piece; refuses what it does not know."""

    def __init__(self, source: Source, variables: Iterable[str]) -> None:
        self.refuse = source.refuse
        self.source = source
        self.variables = frozenset(variables)
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

    # Each reader below is called by the name of a node of the tree.

    def read_Constant(self, node: ast.Constant) -> Step:
        value = node.value
        if value is Ellipsis or isinstance(value, (str, bytes)):
            self.refuse(node, " is not allowed here: it is no number.")
        try:
            value = bounded(value)
        except OverflowError:
            self.refuse(node, " is too large a number.")
        return _constant(value)

    def read_Name(self, node: ast.Name) -> Step:
        name = node.id
        self.source.check_public(node, name)
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
        self.source.check_public(node, node.attr)
        path = numpy_path(node)
        if path in CONSTANTS:
            return _constant(CONSTANTS[path])
        return _call(property_named(self.source, node, path), [self.read(node.value)], {})

    def read_Call(self, node: ast.Call) -> Step:
        function, nodes = callee(self.source, node)
        check_arguments(self.source, node, function, len(nodes))
        arguments = [self.read_argument(a, function) for a in nodes]
        options = {k.arg: self.read_argument(k.value, function) for k in node.keywords if k.arg}
        return _call(
            function, arguments, options, functools.partial(sizes.limit, self.source, node)
        )

    def read_argument(self, node: ast.expr, function: Callable[..., Any]) -> Step:
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            return self.read(node)
        check_word(self.source, node, node.value, function)
        return _constant(node.value)

    def read_BinOp(self, node: ast.BinOp) -> Step:
        apply = OPERATORS.get(type(node.op))
        left, right = self.read(node.left), self.read(node.right)
        if isinstance(node.op, ast.BitXor):
            # The tree does not place operators; between operands there are only parentheses else.
            offset = self.source.text.encode().index(b"^", node.left.end_col_offset)
            self.refuse(node, ": write ** for a power.", piece="^", offset=offset)
        if apply is None:
            self.refuse(node, " is not allowed: bits are not shifted here.")

        def step(given: Mapping[str, Any]) -> Any:
            a, b = operand(left(given)), operand(right(given))
            is_product = isinstance(node.op, ast.MatMult)
            sizes.limit(self.source, node, sizes.predicted_of_operator(a, b, is_product))
            try:
                return bounded(apply(a, b))
            except OverflowError:
                self.refuse(node, " is too large a number.")

        return step

    def read_UnaryOp(self, node: ast.UnaryOp) -> Step:
        apply = OPERATORS.get(type(node.op))
        if apply is None:
            self.refuse(node, ": write ~ before a comparison in parentheses.")
        inner = self.read(node.operand)
        return lambda given: apply(operand(inner(given)))

    def read_BoolOp(self, node: ast.BoolOp) -> Step:
        sign = "&" if isinstance(node.op, ast.And) else "|"
        self.refuse(node, f": write {sign} between comparisons in parentheses.")

    def read_Compare(self, node: ast.Compare) -> Step:
        if len(node.ops) > 1:
            self.refuse(
                node,
                ": comparisons are not chained; write (a < b) & (b < c), with the parentheses.",
            )
        apply = OPERATORS.get(type(node.ops[0]))
        if apply is None:
            self.refuse(node, ": numbers are compared by <, <=, >, >=, == and != only.")
        left, right = self.read(node.left), self.read(node.comparators[0])
        return lambda given: apply(operand(left(given)), operand(right(given)))

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
            return array[key] if isinstance(key, (int, slice)) else operand(array)[key]

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
    convert = _unchanged if function in SEQUENCES else argument

    def step(given: Mapping[str, Any]) -> Any:
        values = [convert(a(given)) for a in arguments]
        chosen = {name: convert(o(given)) for name, o in options.items()}
        limit(sizes.predicted(function, values, chosen))
        return function(*values, **chosen)

    return step


def listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
