"""The chain rule carried out on a recorded graph, in both orders.

Forward: ``du/dx`` for every node, from x to y.  Reverse: ``dy/du`` for every node, from y to x.
Both are the same sum over the paths; they differ in what is multiplied first.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from dualmc.derivation.formulas import Writer
from dualmc.derivation.partials import Partial, TooLarge, partials_of
from dualmc.graph.nodes import Graph, Node

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

    def __init__(self, graph: Graph, layout: str = "numerator") -> None:
        self.graph = graph
        self.writer = Writer(graph, layout == "denominator")
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
