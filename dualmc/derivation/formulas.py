"""Each operation of a graph as a formula, and its Jacobians as formulas in its operands."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from dualmc.derivation.forms import Form
from dualmc.derivation.matrix_forms import MATRICES, WITH_OPTIONS, elementwise_form, ndims
from dualmc.derivation.notation.symbols import (
    ONE,
    Expr,
    apply,
    number,
    symbol,
    transposed,
)
from dualmc.derivation.partials import Partial, is_elementwise, place_of
from dualmc.derivation.textbook import LONGEST, elementwise_formula, where
from dualmc.derivation.transposing import transposed_form
from dualmc.graph.nodes import Graph, Node, Slot, name_of_function
from dualmc.graph.returning import same, stacked, written
from dualmc.rules import registry

# --- Equations -----------------------------------------------------------------------------------

_WRITTEN: dict[Any, Callable[..., Expr]] = {
    np.add: lambda a, b: Expr("add", a, b),
    np.subtract: lambda a, b: Expr("subtract", a, b),
    np.multiply: lambda a, b: Expr("multiply", a, b),
    np.divide: lambda a, b: Expr("divide", a, b),
    np.power: lambda a, b: Expr("power", a, b),
    np.float_power: lambda a, b: Expr("power", a, b),
    np.negative: lambda a: Expr("negative", a),
    np.positive: lambda a: a,
    np.square: lambda a: Expr("power", a, number(2)),
    np.reciprocal: lambda a: Expr("divide", ONE, a),
    np.transpose: lambda a: Expr("transpose", a),
    same: lambda a: a,
    stacked: lambda *items: Expr("list", *items),
}


# Options that NumPy's methods pass on although nobody asked for them.
_USUAL = (("order", "C"), ("copy", None))
_NARY = frozenset(_WRITTEN) - {np.transpose}


class Writer:
    """Formulas for the nodes of a graph: their operands by name, constants by name or value."""

    def __init__(self, graph: Graph, is_denominator: bool = False) -> None:
        self.is_denominator = is_denominator
        self.names = {key: name for key, (name, _) in graph.constants.items()}
        self.transposes = graph.transposes
        self.taken = {*self.names.values(), *(n.name for n in (*graph.inputs, *graph.nodes))}
        self.unnamed: dict[str, Any] = {}
        self._forms: dict[tuple[Node, int], tuple[Form, bool]] = {}

    def symbol(self, node: Node) -> Expr:
        return symbol(node.name, node.shape)

    def operands(self, node: Node, values: list[Expr] | None = None) -> tuple[Expr, ...]:
        """The positional arguments as formulas; `values` stand for the operands."""
        if values is None:
            values = [self.symbol(operand) for operand in node.operands]
        return tuple(self._argument(a, values) for a in node.args)

    def _argument(self, a: Any, values: list[Expr]) -> Expr:
        if isinstance(a, Slot):
            return values[a]
        if issubclass(type(a), (bool, np.bool_)) or a is None or isinstance(a, (str, slice)):
            return symbol(_key_text(a))
        if issubclass(type(a), (int, float, np.number)) and not issubclass(type(a), complex):
            return number(a)
        if issubclass(type(a), np.ndarray) and a.dtype.kind in "biuf":
            if a.ndim == 0:
                return number(a)
            return self._array(a)
        if issubclass(type(a), (list, tuple)):
            return Expr("list", *(self._argument(item, values) for item in a))
        return symbol(name_of_function(a) if callable(a) else type(a).__name__)

    def _array(self, a: Any) -> Expr:
        """A constant array: by the name by which f finds it, else as c1, c2, ..."""
        if id(a) in self.transposes:
            return transposed(symbol(self.transposes[id(a)], a.shape[::-1]))
        name = self.names.get(id(a))
        if name is None:
            number = len(self.unnamed) + 1
            while (name := f"c{number}") in self.taken:
                number += 1
            self.taken.add(name)
            self.names[id(a)] = name
            self.unnamed[name] = a
        return symbol(name, a.shape)

    def equation(self, node: Node) -> Expr:
        """The right-hand side, as one operation."""
        e = self._equation(node)
        e.shape = node.shape
        return e

    def _equation(self, node: Node) -> Expr:
        args = self.operands(node)
        function = node.function
        if _is_conversion(node):
            return args[0]
        if function is operator.getitem:
            return Expr("index", args[0], _key_text(node.args[1]))
        if function is written:
            return Expr("written", args[0], _key_text(node.args[1]), args[2])
        if function in (np.matmul, np.dot) and not node.options and len(args) == 2:
            return Expr(_product_op(node), *args)
        write = _WRITTEN.get(function)
        if write is not None and not node.options and (len(args) == 1 or function in _NARY):
            return write(*args)
        options = []
        values = [self.symbol(operand) for operand in node.operands]
        for key, a in node.options.items():
            if (key, a) in _USUAL:
                continue
            options.append(Expr("option", key, self._argument(a, values)))
        return Expr("call", name_of_function(function), *args, *options)

    def tidy(self, node: Node, values: list[Expr]) -> Expr:
        """The same with formulas for its operands, tidied."""
        if is_elementwise(node) and not node.options:
            return apply(node.function, *self.operands(node, values))
        return _replaced(self.equation(node), node, values)

    def partial(self, partial: Partial) -> tuple[Form, bool]:
        """The partial as a formula, and whether it is one; else it is its own name."""
        found = self._forms.get((partial.node, partial.slot))
        if found is None:
            form = self._form(partial)
            is_known = form is not None and form.size <= LONGEST
            if form is None or not is_known:
                form = Form(ONE, (self.derivative(partial.node, partial.operand, partial.slot),))
            found = self._forms[partial.node, partial.slot] = (form, is_known)
        return found

    def jacobian(self, form: Form, is_scalar: bool) -> Expr:
        """A form of numerator layout as it is written in the layout that was asked for."""
        return (transposed_form(form) if self.is_denominator else form).expr(is_scalar)

    def derivative(self, node: Node, operand: Node, slot: int = 0) -> Expr:
        """Its name; those by an operand that is used twice are two, of one name."""
        op = "partial" if len(node.operands) > 1 else "derivative"
        shape = (node.size, operand.size)
        use = (str(slot),) if slot else ()
        return Expr(op, self.symbol(node), self.symbol(operand), *use, shape=shape)

    def _form(self, partial: Partial) -> Form | None:
        """The formula holds wherever the operands are: what is I only here is not written so."""
        node, operand = partial.node, partial.operand
        if node.function is same or _is_conversion(node):
            return Form(ONE)
        if is_elementwise(node):
            slot = place_of(node, partial.slot)
            e = elementwise_formula(node.function, slot, self.operands(node))
            if node.function in _EXTREMA and _is_tied(node):
                a, b = self.operands(node)
                e = where(Expr("eq", a, b), number(0.5), e)
            if e is None:
                return None
            return elementwise_form(e, node.shape, operand.shape)
        known = MATRICES.get(node.function)
        form = None
        if known is not None and (not node.options or node.function in WITH_OPTIONS):
            form = known(self, node, partial.slot)
        if form is None and _is_linear(node):
            form = _LINEAR_FORMS.get(partial.structure)
        return form


_LINEAR_FORMS = {"identity": Form(ONE), "ones row": Form(ONE, (Expr("row", ONE),))}


def _is_linear(node: Node) -> bool:
    """Whether its Jacobians do not depend on the values of its operands."""
    if node.function in (operator.getitem, written, stacked):
        return True
    entry = registry.FUNCTIONS.get(node.function)
    return entry is not None and entry.kind in ("selection", "linear", "in-place")


_EXTREMA = frozenset({np.maximum, np.minimum, np.fmax, np.fmin})


def _is_tied(node: Node) -> bool:
    """Whether two varying operands of a maximum are equal somewhere: they share the derivative."""
    if len(node.operands) < 2:
        return False
    a, b = (operand.value for operand in node.operands)
    return bool(np.any(a == b))


def _replaced(e: Expr, node: Node, values: list[Expr]) -> Expr:
    """A raw equation with its operands replaced: each symbol stands for one of them."""
    by_name = {operand.name: v for operand, v in zip(node.operands, values, strict=True)}

    def walk(e: Expr) -> Expr:
        if e.op == "symbol":
            return by_name.get(e.args[0], e)
        args = [walk(a) if isinstance(a, Expr) else a for a in e.args]
        return Expr(e.op, *args, shape=e.shape)

    return walk(e)


def _is_conversion(node: Node) -> bool:
    """Whether the value stays what it is, as in ``float(x)``."""
    if node.function is operator.getitem:
        return type(node.args[1]) is tuple and not node.args[1]
    return node.function is np.astype


def _key_text(key: Any) -> str:
    """An index as one writes it."""
    if issubclass(type(key), tuple):
        return ", ".join(map(_key_text, key))
    if isinstance(key, slice):
        parts = ["" if v is None else str(v) for v in (key.start, key.stop, key.step)]
        return ":".join(parts if parts[2] else parts[:2])
    if key is Ellipsis:
        return "..."
    if issubclass(type(key), np.ndarray) and key.size > 6:
        return f"{'mask' if key.dtype == bool else 'indices'} of {key.size}"
    if issubclass(type(key), np.ndarray):
        return str(key.tolist())
    return str(key)


def _product_op(node: Node) -> str:
    dims = ndims(node)[:2]
    return "multiply" if 0 in dims else "dot" if dims == (1, 1) else "product"
