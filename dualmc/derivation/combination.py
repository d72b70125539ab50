"""The third step of 4.5.1: multiply along each path and add the paths, in both orders."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from dualmc.derivation.chain_rule import relative_difference
from dualmc.derivation.notation.blocks import Display, Heading, Paragraph, Table
from dualmc.derivation.notation.symbols import Expr, symbol
from dualmc.derivation.notation.text import WHOLE, equals, value
from dualmc.derivation.pieces import Pieces
from dualmc.graph.nodes import Node

# Paths that are written out.
PATHS = 16
# Factors of a product that is written on one line.
FACTORS = 8


class Combination(Pieces):
    """Builds the blocks of the third step."""

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
        if self.is_chain and self.is_scalar and len(nodes) <= FACTORS:
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
        if self.is_chain and self.is_scalar and len(nodes) <= FACTORS:
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

    def _factors(self) -> Iterator[Expr]:
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
        claims = []
        if len(orders) == 2:
            claims.append("Both orders " + _agreement(self.derivation.difference()) + ".")
        if orders and self.jacobian is not None:
            worst = 0.0
            for x in self.graph.inputs:
                computed = self.derivation.jacobian(x, orders[0])
                exact = np.asarray(self.jacobian[x]).reshape(computed.shape)
                worst = max(worst, relative_difference(computed, exact))
            name = f"The {orders[0]} order"
            claims.append(f"{name} and jacobian_fwd {_agreement(worst)}.")
        text = " ".join(claims)
        forward, reverse = self.derivation.multiplications()
        if self.is_scalar and len(self.graph.inputs) == 1:
            return text
        text = text + " " if text else ""
        text += f"Forward order takes {_times(forward)}, reverse order {_times(reverse)}"
        if reverse < forward and len(self.graph.inputs) > 1:
            text += ": forward goes once for every input, reverse gets all of them at once"
        return text + "."


def _shortened(terms: list[Expr]) -> list[Expr]:
    return terms if len(terms) <= WHOLE else [*terms[:6], symbol("..."), terms[-1]]


def _count(count: int) -> str:
    text = f"{count:,}" if count < 10**15 else f"about 10^{len(str(count)) - 1}"
    return f"{text} path{'s lead' if count != 1 else ' leads'}"


def _agreement(difference: float) -> str:
    if difference == 0:
        return "agree exactly"
    if not math.isfinite(difference):
        return "do not agree: 0 was multiplied by an infinite derivative"
    return f"agree to {difference:.1e} of the largest entry"


def _times(count: int) -> str:
    return f"{count:,} multiplication{'s' * (count != 1)}"
