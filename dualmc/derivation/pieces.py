"""The small parts that the tables of an explanation are made of."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dualmc.derivation.chain_rule import Derivation
from dualmc.derivation.notation.printer import WHOLE
from dualmc.derivation.notation.symbols import Expr, value
from dualmc.derivation.partials import Partial
from dualmc.derivation.substitution import closed, combined
from dualmc.derivation.transposing import transposed_name
from dualmc.graph.nodes import Node

# Rows of a table shown whole; of longer ones the first and the last.
ROWS = 40
ENDS = 12
# Operations of a graph whose derivative is written as one formula.
COMBINED = 200


class Pieces:
    """What every step shows: symbols, derivatives, values, and which rows of a long table."""

    def __init__(self, derivation: Derivation, jacobian: dict[Node, Any] | None) -> None:
        self.derivation = derivation
        self.graph = derivation.graph
        self.writer = derivation.writer
        self.is_denominator = self.writer.is_denominator
        self.jacobian = jacobian
        self.y = self.graph.output
        self.paths = self.graph.count_paths()
        self.is_scalar = not any(n.shape for n in (*self.graph.nodes, *self.graph.inputs))
        # A chain: one path, and one operand at every step.
        self.is_chain = len(self.graph.inputs) == 1 and all(
            len(node.operands) == 1 for node in self.graph.nodes
        )
        is_short = 0 < len(self.graph.nodes) <= COMBINED
        is_combined = is_short and self.has_partials
        self.forms = {x: combined(derivation, x) for x in self.graph.inputs} if is_combined else {}
        self.closed = closed(derivation) if is_short else None

    @property
    def has_partials(self) -> bool:
        return bool(self.derivation.partials)

    def symbol(self, node: Node) -> Expr:
        return self.writer.symbol(node)

    def by(self, y: Node, x: Node) -> Expr:
        """``dy/dx``, a total derivative."""
        return Expr("derivative", self.symbol(y), self.symbol(x))

    def name_of(self, partial: Partial) -> Expr:
        """``du2/du1``, with round d if the operation has other operands too."""
        return self.writer.derivative(partial.node, partial.operand)

    def matrix(self, a: Any, y: Node, x: Node) -> Any:
        """The value of ``dy/dx``, given as an (m, n) array: a number, a row, a column, a matrix.

        In denominator layout it is shown transposed.
        """
        a = np.asarray(a)
        a = a.T if self.is_denominator else a
        if not y.shape and not x.shape:
            return value(a.reshape(()))
        if max(a.shape) <= WHOLE:
            return value(a)
        if min(a.shape) == 1:
            kind = "row" if a.shape[0] == 1 else "column"
            return (f"{kind} ", value(a.reshape(-1)))
        return f"{a.shape[0]} x {a.shape[1]} matrix"

    def formula(self, partial: Partial) -> tuple[Any, ...]:
        form, is_known = self.writer.partial(partial)
        m, n = partial.shape
        if is_known:
            return (self.writer.jacobian(form, m == n == 1),)
        if partial.structure == "number":
            return ("by the rule of " + str(getattr(partial.node.function, "__name__", "f")),)
        return (f"{self.structure(partial)} ({self.size(m, n)})",)

    def structure(self, partial: Partial) -> str:
        """What the partial looks like in the layout that is shown."""
        name = partial.structure
        return transposed_name(name) if self.is_denominator else name

    def size(self, m: int, n: int) -> str:
        """Rows and columns of a Jacobian of m outputs and n inputs, as they are shown."""
        return f"{n} x {m}" if self.is_denominator else f"{m} x {n}"

    def partial_value(self, partial: Partial) -> Any:
        m, n = partial.shape
        if partial.structure == "identity" and m > 1:
            return f"I ({self.size(m, n)})"
        if partial.structure in ("diagonal", "scaled identity"):
            entries = partial.entries if partial.is_elementwise else np.diag(partial.entries)
            return Expr("diagonal", value(entries.reshape(-1)))
        if partial.is_elementwise and max(m, n) > WHOLE:
            kind = "diagonal" if partial.is_same_shape else self.structure(partial)
            return (f"{kind}, ", value(partial.entries.reshape(-1)))
        if max(m, n) > WHOLE and min(m, n) == 1:
            return (f"{self.structure(partial)}, ", value(partial.matrix().reshape(-1)))
        return self.matrix(partial.matrix() if max(m, n) <= WHOLE else np.empty((m, n)),
                           partial.node, partial.operand)  # fmt: skip

    def shown(self, items: Sequence[Any]) -> list[Any]:
        """The items of a table; None where the middle is left out."""
        items = list(items)
        return items if len(items) <= ROWS else [*items[:ENDS], None, *items[-ENDS:]]

    def rows(self, items: Sequence[Any], row: Callable) -> list[Any]:
        left_out = f"... {len(items) - 2 * ENDS:,} more ..."
        return [(left_out,) if item is None else row(item) for item in self.shown(items)]


def collected(op: str, items: Sequence[Expr]) -> Expr:
    """The operation on the items; one item is itself."""
    return items[0] if len(items) == 1 else Expr(op, *items)
