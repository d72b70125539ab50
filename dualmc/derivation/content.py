"""The four steps of 4.5.1 as headings, tables and formulas, from a `Derivation`."""

from typing import Any

import numpy as np

from dualmc.derivation.combination import Combination
from dualmc.derivation.forms import Form
from dualmc.derivation.notation import layout
from dualmc.derivation.notation.blocks import Display, Heading, Paragraph, Picture, Table
from dualmc.derivation.notation.symbols import Expr, symbol
from dualmc.derivation.notation.text import equals, value
from dualmc.derivation.partials import Partial
from dualmc.derivation.pieces import ROWS
from dualmc.graph.nodes import Node

# Operations that are drawn.
DRAWN = 40


class Content(Combination):
    """Builds the blocks of an explanation."""

    def blocks(self) -> list[Any]:
        found = [*self.introduction(), *self.first_step()]
        if not self.graph.nodes:
            return [*found, Paragraph(self._constant_text())]
        return [*found, *self.second_step(), *self.third_step(), *self.fourth_step()]

    def _constant_text(self) -> tuple[Any, ...]:
        by = [c for x in self.graph.inputs for c in (", ", self.symbol(x))][1:]
        text = "The function does not depend on "
        return (text, *by, ": its derivative is 0.")

    # --- 0 and 1 ---------------------------------------------------------------------------------

    def introduction(self) -> list[Any]:
        closed = None if self.closed is None else self.closed.get(self.y.name)
        y = self.symbol(self.y)
        if closed is not None and closed.size <= 60:
            y = equals(y, closed)
        where: list[Any] = []
        for x in self.graph.inputs:
            where += [", " if where else "at ", equals(self.symbol(x), value(x.value))]
        return [Heading(("Derivation of ", y), 1), Paragraph(tuple(where))]

    def first_step(self) -> list[Any]:
        nodes = self.graph.nodes

        def row(node: Node) -> tuple[Any, ...]:
            return (
                (equals(self.symbol(node), self.writer.equation(node)),),
                value(node.value),
            )

        blocks: list[Any] = [Heading("1. Introduce an intermediate variable per operation", 2)]
        if nodes:
            header = ("equation", "value")
            blocks.append(Table(header, self.rows(nodes, row)))
        else:
            blocks.append(Display((equals(self.symbol(self.y), value(self.y.value)),)))
        used = [(name, a) for name, a in self.graph.constants.values()]
        names = [*used, *self.writer.unnamed.items()]
        if names:
            blocks.append(Paragraph("Constants:"))
            blocks.append(Display(tuple(equals(symbol(k, True), value(a)) for k, a in names)))
        if len(nodes) > ROWS:
            blocks.append(Paragraph(f"{len(nodes):,} operations in all."))
        return blocks

    # --- 2 ---------------------------------------------------------------------------------------

    def second_step(self) -> list[Any]:
        blocks: list[Any] = [
            Heading("2. Differentiate each intermediate by its operands", 2),
        ]
        if not self.has_partials:
            blocks.append(Paragraph("The Jacobians of the operations are too large to show."))
            return blocks
        partials = [p for node in self.graph.nodes for p in self.derivation.partials[node]]

        def row(partial: Partial) -> tuple[Any, ...]:
            return (self.name_of(partial), self.formula(partial), self.partial_value(partial))

        blocks.append(Table(("partial", "formula", "value"), self.rows(partials, row)))
        if len(self.graph.nodes) <= DRAWN:
            picture = layout.of_graph(self.graph, self.writer, self.derivation.partials)
            blocks.append(Picture(picture, "The data-flow graph; each edge bears its partial."))
        else:
            blocks.append(
                Paragraph(
                    f"The data-flow graph has {len(self.graph.nodes):,} operations; not drawn."
                )
            )
        return blocks

    # --- 4 ---------------------------------------------------------------------------------------

    def fourth_step(self) -> list[Any]:
        blocks: list[Any] = [Heading("4. Substitute the intermediates", 2)]
        lines = []
        for x in self.graph.inputs:
            if not self.paths[x]:
                lines.append(equals(self.by(self.y, x), symbol("0")))
                continue
            form = self.forms.get(x)
            sides = [self.by(self.y, x)]
            closed = self._substituted(form)
            if closed is not None:
                sides.append(closed.expr(self.y.size == x.size == 1))
            a = self._final(x)
            if isinstance(a, tuple):
                a = Expr("transpose", a[1]) if a[0] == "column " else a[1]
            if isinstance(a, Expr) and sides[-1].op != "number":
                sides.append(a)
            if len(sides) > 1:
                lines.append(equals(*sides))
                if closed is None:
                    name = self.by(self.y, x)
                    blocks.append(Paragraph(("The formula of ", name, " is not written out here.")))
            else:
                blocks.append(Paragraph((self.by(self.y, x), " is a ", str(a), ".")))
        if lines:
            blocks.append(Display(tuple(lines)))
        return blocks

    def _substituted(self, form: Form | None) -> Form | None:
        if form is None or self.closed is None:
            return None
        intermediates = {node.name: self.closed[node.name] for node in self.graph.nodes}
        return self.derivation.substituted(form, intermediates)

    def _final(self, x: Node) -> Any:
        if self.jacobian is not None:
            a = np.asarray(self.jacobian[x])
        elif self.derivation.reverse is not None:
            a = self.derivation.jacobian(x, "reverse")
        else:
            return f"{self.y.size} x {x.size} matrix"
        return self.matrix(a.reshape(self.y.size, x.size), self.y, x)
