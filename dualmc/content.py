"""The four steps of 4.5.1 as headings, tables and formulas, from a `Derivation`."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dualmc import layout
from dualmc.blocks import Display, Heading, Paragraph, Picture, Table
from dualmc.derivation import Derivation, relative_difference
from dualmc.forms import Form
from dualmc.graph import Node
from dualmc.notation import WHOLE, digits, equals, value
from dualmc.partials import Partial
from dualmc.symbols import Expr, symbol

# Rows of a table shown whole; of longer ones the first and the last.
ROWS = 40
ENDS = 12
# Paths that are written out.
PATHS = 16
# Operations that are drawn.
DRAWN = 40
# Operations of a graph whose derivative is written as one formula.
COMBINED = 200


class Content:
    """Builds the blocks of an explanation."""

    def __init__(self, derivation: Derivation, jacobian: dict[Node, Any] | None) -> None:
        self.derivation = derivation
        self.graph = derivation.graph
        self.writer = derivation.writer
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
        self.forms = {x: derivation.combined(x) for x in self.graph.inputs} if is_combined else {}
        self.closed = derivation.closed() if is_short else None

    @property
    def has_partials(self) -> bool:
        return bool(self.derivation.partials)

    def blocks(self) -> list[Any]:
        found = [*self.introduction(), *self.first_step()]
        if not self.graph.nodes:
            return [*found, Paragraph(self._constant_text())]
        return [*found, *self.second_step(), *self.third_step(), *self.fourth_step()]

    def _constant_text(self) -> tuple[Any, ...]:
        by = [c for x in self.graph.inputs for c in (", ", self.symbol(x))][1:]
        text = "The function does not depend on "
        return (text, *by, ": its derivative is 0.")

    # --- pieces ----------------------------------------------------------------------------------

    def symbol(self, node: Node) -> Expr:
        return self.writer.symbol(node)

    def by(self, y: Node, x: Node) -> Expr:
        """``dy/dx``, a total derivative."""
        return Expr("derivative", self.symbol(y), self.symbol(x))

    def name_of(self, partial: Partial) -> Expr:
        """``du2/du1``, with round d if the operation has other operands too."""
        return self.writer.derivative(partial.node, partial.operand)

    def matrix(self, a: Any, y: Node, x: Node) -> Any:
        """The value of ``dy/dx``, given as an (m, n) array: a number, a row, a column, a matrix."""
        a = np.asarray(a)
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
            return (form.expr(m == n == 1),)
        if partial.structure == "number":
            return ("by the rule of " + str(getattr(partial.node.function, "__name__", "f")),)
        return (f"{partial.structure} ({m} x {n})",)

    def partial_value(self, partial: Partial) -> Any:
        m, n = partial.shape
        if partial.structure == "identity" and m > 1:
            return f"I ({m} x {n})"
        if partial.structure in ("diagonal", "scaled identity"):
            entries = partial.entries if partial.is_elementwise else np.diag(partial.entries)
            return Expr("diagonal", value(entries.reshape(-1)))
        if partial.is_elementwise and max(m, n) > WHOLE:
            kind = "diagonal" if partial.is_same_shape else partial.structure
            return (f"{kind}, ", value(partial.entries.reshape(-1)))
        if max(m, n) > WHOLE and min(m, n) == 1:
            return (f"{partial.structure}, ", value(partial.matrix().reshape(-1)))
        return self.matrix(partial.matrix() if max(m, n) <= WHOLE else np.empty((m, n)),
                           partial.node, partial.operand)  # fmt: skip

    def shown(self, items: Sequence[Any]) -> list[Any]:
        """The items of a table; None where the middle is left out."""
        items = list(items)
        return items if len(items) <= ROWS else [*items[:ENDS], None, *items[-ENDS:]]

    def rows(self, items: Sequence[Any], row: Any) -> list[Any]:
        left_out = f"... {len(items) - 2 * ENDS:,} more ..."
        return [(left_out,) if item is None else row(item) for item in self.shown(items)]

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

    # --- 3 ---------------------------------------------------------------------------------------

    def third_step(self) -> list[Any]:
        blocks: list[Any] = [Heading("3. Combine: multiply along each path, add the paths", 2)]
        for x in self.graph.inputs:
            blocks += self.sum_over_paths(x)
        if not self.has_partials:
            return blocks
        for x in self.graph.inputs:
            if self.paths[x]:
                blocks += self.forward_order(x)
        blocks += self.reverse_order()
        blocks.append(Paragraph(self.agreement()))
        return blocks

    def sum_over_paths(self, x: Node) -> list[Any]:
        """The chain rule as one equation, and the paths that it adds up."""
        count = self.paths[x]
        left = self.by(self.y, x)
        if count == 0:
            return [Paragraph((self.symbol(self.y), " does not depend on ", self.symbol(x), "."))]
        if count > PATHS or not self.has_partials:
            between = (f"{_count(count)} from ", self.symbol(x), " to ", self.symbol(self.y), ".")
            return [Paragraph(between)]
        paths = list(self.graph.paths(x))
        terms = [self._product(path) for path in paths]
        blocks: list[Any] = []
        short = sum(len(path) for path in paths) <= 12
        if short:
            total = terms[0] if len(terms) == 1 else Expr("total", *terms)
            sides = [left, total] if total.key != left.key else [left]
            form = self.forms.get(x)
            if form is not None:
                sides.append(form.expr(self.y.size == x.size == 1))
            if len(sides) > 1:
                blocks.append(Display((equals(*sides),)))
        if count > 1:
            blocks.append(Paragraph((f"{_count(count)} from ", self.symbol(x), " to ",
                                     self.symbol(self.y), ":")))  # fmt: skip
            blocks.append(Table(("path", "product", "value"), [self._path_row(p) for p in paths]))
        return blocks

    def _product(self, path: Sequence[tuple[Node, int]]) -> Expr:
        """A path's product as the chain rule writes it, from y to x."""
        factors = [self.name_of(self.derivation.partials[n][slot]) for n, slot in reversed(path)]
        return factors[0] if len(factors) == 1 else Expr("chain", *factors)

    def _path_row(self, path: Sequence[tuple[Node, int]]) -> tuple[Any, ...]:
        node, slot = path[0]
        x = node.operands[slot]
        names: list[Any] = [self.symbol(x)]
        for node, _ in path:
            names += [" -> ", self.symbol(node)]
        form = self.derivation.form_along(path)
        product = (equals(self._product(path), form.expr(self.y.size == x.size == 1)),)
        if max(x.size, self.y.size) > WHOLE:
            return (tuple(names), product, f"{self.y.size} x {x.size} matrix")
        return (tuple(names), product, self.matrix(self.derivation.along(path), self.y, x))

    def forward_order(self, x: Node) -> list[Any]:
        forward = self.derivation.forward
        blocks: list[Any] = [
            Heading(("Forward, from ", self.symbol(x), " to ", self.symbol(self.y)), 3)
        ]
        if forward is None:
            text = f"Too large to show: {x.size:,} columns of every intermediate."
            return [*blocks, Paragraph(text)]
        nodes = [node for node in self.graph.nodes if node in forward[x]]
        if self.is_chain and self.is_scalar and len(nodes) <= 8:
            blocks.append(self._statement(list(self._factors())))

        def row(node: Node) -> tuple[Any, ...]:
            terms, numbers = [], []
            for partial in self.derivation.partials[node]:
                if partial.operand not in forward[x]:
                    continue
                factor, so_far = self.name_of(partial), self.by(partial.operand, x)
                if partial.operand is x:
                    terms.append(factor)
                    numbers += self._figures(partial.entries)
                else:
                    # From x to y, as the document writes it, where the order does not matter.
                    both = (so_far, factor) if self.is_scalar else (factor, so_far)
                    terms.append(Expr("chain", *both))
                    numbers += self._figures(forward[x][partial.operand], partial.entries)
            return self._step_row(self.by(node, x), terms, numbers, forward[x][node], node, x)

        blocks.append(Table(self._header(), self.rows(nodes, row)))
        return blocks

    def reverse_order(self) -> list[Any]:
        reverse = self.derivation.reverse
        y, uses = self.y, self.graph.uses()
        names: list[Any] = []
        for x in self.graph.inputs:
            names += [", " if names else "", self.symbol(x)]
        blocks: list[Any] = [Heading(("Reverse, from ", self.symbol(y), " to ", *names), 3)]
        if reverse is None:
            text = f"Too large to show: {y.size:,} rows of every intermediate."
            return [*blocks, Paragraph(text)]
        nodes = [n for n in (*reversed(self.graph.nodes), *self.graph.inputs) if n in reverse]
        nodes.remove(y)
        if self.is_chain and self.is_scalar and len(nodes) <= 8:
            blocks.append(self._statement(list(self._factors())[::-1]))

        def row(node: Node) -> tuple[Any, ...]:
            terms, numbers = [], []
            for user, slot in uses[node]:
                partial = self.derivation.partials[user][slot]
                if user is y:
                    terms.append(self.name_of(partial))
                    numbers += self._figures(partial.entries)
                else:
                    terms.append(Expr("chain", self.by(y, user), self.name_of(partial)))
                    numbers += self._figures(reverse[user], partial.entries)
            return self._step_row(self.by(y, node), terms, numbers, reverse[node], y, node)

        blocks.append(Table(self._header(), self.rows(nodes, row)))
        return blocks

    def _figures(self, *factors: Any) -> list[Expr]:
        """A product of numbers, in a graph of numbers only."""
        if not self.is_scalar:
            return []
        values = [value(np.reshape(a, ())) for a in factors]
        return values if len(values) == 1 else [Expr("chain", *values)]

    def _factors(self) -> Any:
        return (self.name_of(p) for n in self.graph.nodes for p in self.derivation.partials[n])

    def _statement(self, factors: list[Expr]) -> Display:
        (x,) = self.graph.inputs
        product = factors[0] if len(factors) == 1 else Expr("chain", *factors)
        return Display((equals(self.by(self.y, x), product),))

    def _header(self) -> tuple[str, ...]:
        if self.is_scalar:
            if self.is_chain:
                return ("product so far", "factors", "in numbers", "value")
            return ("derivative", "chain rule", "in numbers", "value")
        return ("derivative", "chain rule", "value")

    def _step_row(self, left: Expr, terms: list[Expr], numbers: list[Expr], a: Any, y: Node,
                  x: Node) -> tuple[Any, ...]:  # fmt: skip
        result = self.matrix(a, y, x)
        terms, numbers = _shortened(terms), _shortened(numbers)
        total = terms[0] if len(terms) == 1 else Expr("total", *terms)
        if not self.is_scalar:
            return (left, total, result)
        figures = numbers[0] if len(numbers) == 1 else Expr("total", *numbers)
        return (left, total, figures, result)

    def agreement(self) -> str:
        """How well the two orders and `jacobian_fwd` agree, and what each multiplies."""
        orders = [o for o in ("forward", "reverse") if getattr(self.derivation, o) is not None]
        if len(orders) == 2:
            text = "Both orders agree " + _agreement(self.derivation.difference())
            text += ", and with jacobian_fwd "
        elif orders:
            text = f"The {orders[0]} order agrees with jacobian_fwd "
        if orders and self.jacobian is not None:
            worst = 0.0
            for x in self.graph.inputs:
                computed = self.derivation.jacobian(x, orders[0])
                exact = np.asarray(self.jacobian[x]).reshape(computed.shape)
                worst = max(worst, relative_difference(computed, exact))
            text += _agreement(worst) + "."
        else:
            text = ""
        forward, reverse = self.derivation.multiplications()
        if self.is_scalar and len(self.graph.inputs) == 1:
            return text
        text = text + " " if text else ""
        text += f"Forward order takes {_times(forward)}, reverse order {_times(reverse)}"
        if reverse < forward and len(self.graph.inputs) > 1:
            text += ": forward goes once for every input, reverse gets all of them at once"
        return text + "."

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


def _shortened(terms: list[Expr]) -> list[Expr]:
    return terms if len(terms) <= WHOLE else [*terms[:6], symbol("..."), terms[-1]]


def _count(count: int) -> str:
    text = f"{count:,}" if count < 10**15 else f"about 10^{len(str(count)) - 1}"
    return f"{text} path{'s lead' if count != 1 else ' leads'}"


def _agreement(difference: float) -> str:
    return (
        "exactly"
        if difference == 0
        else f"to {digits(float(f'{difference:.1e}'))} of the largest entry"
    )


def _times(count: int) -> str:
    return f"{count:,} multiplication{'s' * (count != 1)}"
