"""The chain rule carried out on a recorded graph, in both orders, as numbers and as formulas.

Forward: ``du/dx`` for every node, from x to y.  Reverse: ``dy/du`` for every node, from y to x.
Both are the same sum over the paths; they differ in what is multiplied first.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from dualmc.derivation.forms import Form, compose, elementwise, listed, plus
from dualmc.derivation.formulas import LONGEST, Writer
from dualmc.derivation.notation.symbols import ONE, ZERO, Expr, substitute
from dualmc.derivation.partials import Partial, TooLarge, partials_of
from dualmc.graph.nodes import Graph, Node
from dualmc.graph.returning import stacked

# Numbers that one accumulation may hold.
LARGEST = 2**23


class Derivation:
    """What follows from a graph.

    Attributes
    ----------
    graph : Graph
    partials : dict
        For every node its `Partial`s, one per operand; empty if they are too large.
    reached : dict
        For every input, the nodes that depend on it.
    forward : dict
        For every input, ``du/dx`` of the nodes that depend on it, (u.size, x.size); None if too
        large.
    reverse : dict
        ``dy/du`` of every node and input, (y.size, u.size); None if too large.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.writer = Writer(graph.constants)
        self.partials: dict[Node, list[Partial]] = {}
        self.reached = {x: self._reached(x) for x in graph.inputs}
        self.forward: dict[Node, dict[Node, Any]] | None = None
        self.reverse: dict[Node, Any] | None = None
        try:
            for node in graph.nodes:
                self.partials[node] = partials_of(node)
        except TooLarge:
            self.partials = {}
        if len(self.partials) < len(graph.nodes):
            return
        sizes = sum(node.size for node in (*graph.nodes, *graph.inputs))
        if sizes * sum(x.size for x in graph.inputs) <= LARGEST:
            self.forward = {x: self._pushed(x) for x in graph.inputs}
        if sizes * graph.output.size <= LARGEST:
            self.reverse = self._pulled()

    def _reached(self, x: Node) -> set[Node]:
        """The nodes that depend on `x`, itself included."""
        found = {x}
        for node in self.graph.nodes:
            if any(operand in found for operand in node.operands):
                found.add(node)
        return found

    # --- numbers ---------------------------------------------------------------------------------

    def _pushed(self, x: Node) -> dict[Node, Any]:
        found = {x: np.eye(x.size)}
        for node in self.graph.nodes:
            total = None
            for partial in self.partials[node]:
                tangent = found.get(partial.operand)
                if tangent is not None:
                    part = partial.push(tangent)
                    total = part if total is None else total + part
            if total is not None:
                found[node] = total
        return found

    def _pulled(self) -> dict[Node, Any]:
        y = self.graph.output
        found = {y: np.eye(y.size)} if self.graph.nodes else {}
        for node in reversed(self.graph.nodes):
            for partial in self.partials[node]:
                part = partial.pull(found[node])
                before = found.get(partial.operand)
                found[partial.operand] = part if before is None else before + part
        return found

    def jacobian(self, x: Node, order: str) -> Any:
        """``dy/dx`` of shape (m, n) as "forward" or "reverse" made it; zero if x is not used."""
        zero = np.zeros((self.graph.output.size, x.size))
        if order == "forward":
            assert self.forward is not None
            return self.forward[x].get(self.graph.output, zero)
        assert self.reverse is not None
        return self.reverse.get(x, zero)

    def difference(self) -> float:
        """Largest difference of the two orders, relative to the largest entry."""
        worst = 0.0
        for x in self.graph.inputs:
            a, b = self.jacobian(x, "forward"), self.jacobian(x, "reverse")
            worst = max(worst, relative_difference(a, b))
        return worst

    def multiplications(self) -> tuple[int, int]:
        """Products of numbers in forward order, all inputs together, and in reverse order."""
        forward = reverse = 0
        for node in self.graph.nodes:
            for partial in self.partials[node]:
                # The first factor of either order is the product so far.
                if node is not self.graph.output:
                    reverse += partial.multiplications(self.graph.output.size)
                if partial.operand.function is None:
                    continue
                for x in self.graph.inputs:
                    if partial.operand in self.reached[x]:
                        forward += partial.multiplications(x.size)
        return forward, reverse

    def along(self, path: Sequence[tuple[Node, int]]) -> Any:
        """The product of the partials along one path, from x to y."""
        total = None
        for node, slot in path:
            partial = self.partials[node][slot]
            total = partial.matrix() if total is None else partial.push(total)
        return total

    # --- formulas --------------------------------------------------------------------------------

    def form_along(self, path: Sequence[tuple[Node, int]]) -> Form:
        """The same product as a formula in the intermediates."""
        total = Form(ONE)
        for node, slot in path:
            form, _ = self.writer.partial(self.partials[node][slot])
            total = compose(form, total)
        return total

    def combined(self, x: Node) -> Form | None:
        """``dy/dx`` as a formula in the intermediates, by forward accumulation."""
        found = {x: Form(ONE)}
        for node in self.graph.nodes:
            parts = self.partials[node]
            if not any(p.operand in found for p in parts):
                continue
            total = self._listed(node, parts, found)
            if total is None:
                for partial in parts:
                    if partial.operand not in found:
                        continue
                    part = compose(self.writer.partial(partial)[0], found[partial.operand])
                    total = part if total is None else plus(total, part)
            if total is None or total.size > LONGEST:
                return None
            found[node] = total
        return found.get(self.graph.output)

    def _listed(self, node: Node, parts: list[Partial], found: dict[Node, Form]) -> Form | None:
        """A list of numbers has as rows the derivatives of its entries."""
        if node.function is not stacked or any(p.operand.shape for p in parts):
            return None
        if len(node.args) != len(parts):
            return None
        none = Form(ZERO)
        return listed([found.get(p.operand, none) for p in parts])

    def closed(self) -> dict[str, Expr] | None:
        """Every intermediate as a formula in the inputs; None if one grows too long."""
        found = {x.name: self.writer.symbol(x) for x in self.graph.inputs}
        for node in self.graph.nodes:
            e = self.writer.tidy(node, [found[operand.name] for operand in node.operands])
            if e.size > LONGEST:
                return None
            found[node.name] = e
        return found

    def substituted(self, form: Form, values: dict[str, Expr]) -> Form | None:
        """A formula in the inputs alone; None if it grows too long."""
        out = Form(substitute(form.coefficient, values))
        for factor in form.factors:
            if factor.op in ("diagonal", "row", "column"):
                e = substitute(factor.args[0], values)
                next_ = (
                    elementwise(e, factor.op) if factor.args[0].is_array else Form(ONE, (factor,))
                )
            else:
                next_ = Form(ONE, (_replaced(factor, values),))
            out = compose(out, next_)
            if out.size > LONGEST:
                return None
        return out


def _replaced(e: Expr, values: dict[str, Expr]) -> Expr:
    """`substitute`, except in the names of derivatives."""
    if e.op in ("derivative", "partial"):
        return e
    if e.op in ("symbol", "entries", "rows", "list", "transpose"):
        return substitute(e, values)
    args = [_replaced(a, values) if isinstance(a, Expr) else a for a in e.args]
    return Expr(e.op, *args, is_array=e.is_array)


def relative_difference(a: Any, b: Any) -> float:
    """Largest difference, relative to the largest entry; equal infinities and NaN agree."""
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if a.shape != b.shape:
        return math.inf
    with np.errstate(invalid="ignore"):
        error = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
    finite = np.abs(b[np.isfinite(b)])
    scale = float(finite.max(initial=0.0)) or 1.0
    worst = float(np.max(error, initial=0.0))
    return worst / scale if math.isfinite(worst) else math.inf
