"""The third step of 4.5.1: multiply along each path and add the paths, in both orders."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dualmc.derivation.chain_rule import relative_difference
from dualmc.derivation.forms import Form
from dualmc.derivation.notation.blocks import Display, Heading, Paragraph, Table
from dualmc.derivation.notation.printer import WHOLE
from dualmc.derivation.notation.symbols import Expr, equals, symbol, value
from dualmc.derivation.pieces import Pieces, collected
from dualmc.derivation.substitution import form_along
from dualmc.graph.nodes import Node

# Paths that are written out.
PATHS = 16
# Factors of a product that is written on one line.
FACTORS = 8


def third_step(pieces: Pieces) -> list[Any]:
    """The blocks of the third step."""
    blocks: list[Any] = [Heading("3. Combine: multiply along each path, add the paths", 2)]
    for x in pieces.graph.inputs:
        blocks += _sum_over_paths(pieces, x)
    if not pieces.has_partials:
        return blocks
    for x in pieces.graph.inputs:
        if pieces.paths[x]:
            blocks += _forward_order(pieces, x)
    blocks += _reverse_order(pieces)
    blocks.append(Paragraph(_comparison(pieces)))
    return blocks


def _sum_over_paths(pieces: Pieces, x: Node) -> list[Any]:
    """The chain rule as one equation, and the paths that it adds up."""
    count = pieces.paths[x]
    left = pieces.by(pieces.y, x)
    if count == 0:
        return [Paragraph((pieces.symbol(pieces.y), " does not depend on ", pieces.symbol(x), "."))]
    if count > PATHS or not pieces.has_partials:
        between = (f"{_count(count)} from ", pieces.symbol(x), " to ", pieces.symbol(pieces.y), ".")
        return [Paragraph(between)]
    paths = list(pieces.graph.paths(x))
    terms = [_product_along(pieces, path) for path in paths]
    blocks: list[Any] = []
    short = sum(len(path) for path in paths) <= 12
    if short:
        total = collected("total", terms)
        sides = [left, total] if total.key != left.key else [left]
        form = pieces.forms.get(x)
        if form is not None and not _is_a_name(form):
            sides.append(pieces.writer.jacobian(form, pieces.y.size == x.size == 1))
        if len(sides) > 1:
            blocks.append(Display((equals(*sides),)))
    if count > 1:
        blocks.append(Paragraph((f"{_count(count)} from ", pieces.symbol(x), " to ",
                                 pieces.symbol(pieces.y), ":")))  # fmt: skip
        blocks.append(Table(("path", "product", "value"), [_path_row(pieces, p) for p in paths]))
    return blocks


def _is_a_name(form: Form) -> bool:
    """Whether a derivative has no formula but its name."""
    return len(form.factors) == 1 and form.factors[0].op in ("derivative", "partial")


def _product_along(pieces: Pieces, path: Sequence[tuple[Node, int]]) -> Expr:
    """A path's product as the chain rule writes it: from y to x, in denominator layout from x."""
    partials = pieces.derivation.partials
    names = [pieces.name_of(partials[n][slot]) for n, slot in path]
    return collected("chain", names if pieces.is_denominator else names[::-1])


def _path_row(pieces: Pieces, path: Sequence[tuple[Node, int]]) -> tuple[Any, ...]:
    node, slot = path[0]
    x = node.operands[slot]
    names: list[Any] = [pieces.symbol(x)]
    for node, _ in path:
        names += [" -> ", pieces.symbol(node)]
    form = form_along(pieces.derivation, path)
    product = (
        equals(
            _product_along(pieces, path), pieces.writer.jacobian(form, pieces.y.size == x.size == 1)
        ),
    )
    if max(x.size, pieces.y.size) > WHOLE:
        return (tuple(names), product, f"{pieces.size(pieces.y.size, x.size)} matrix")
    return (tuple(names), product, pieces.matrix(pieces.derivation.along(path), pieces.y, x))


def _forward_order(pieces: Pieces, x: Node) -> list[Any]:
    forward = pieces.derivation.forward
    heading = Heading(("Forward, from ", pieces.symbol(x), " to ", pieces.symbol(pieces.y)), 3)
    if forward is None:
        text = f"Too large to show: {x.size:,} columns of every intermediate."
        return [heading, Paragraph(text)]

    def row(node: Node) -> tuple[Any, ...]:
        terms, numbers = [], []
        for partial in pieces.derivation.partials[node]:
            if partial.operand not in forward[x]:
                continue
            factor, so_far = pieces.name_of(partial), pieces.by(partial.operand, x)
            if partial.operand is x:
                terms.append(factor)
                numbers += _figures(pieces, partial.entries)
            else:
                # From x to y, as the document writes it, where the order does not matter.
                is_first = pieces.is_scalar or pieces.is_denominator
                both = (so_far, factor) if is_first else (factor, so_far)
                terms.append(Expr("chain", *both))
                numbers += _figures(pieces, forward[x][partial.operand], partial.entries)
        return _step_row(pieces, pieces.by(node, x), terms, numbers, forward[x][node], node, x)

    nodes = [node for node in pieces.graph.nodes if node in forward[x]]
    return [heading, *_accumulation(pieces, nodes, row, 1)]


def _reverse_order(pieces: Pieces) -> list[Any]:
    reverse = pieces.derivation.reverse
    y, uses = pieces.y, pieces.graph.uses()
    names: list[Any] = []
    for x in pieces.graph.inputs:
        names += [", " if names else "", pieces.symbol(x)]
    heading = Heading(("Reverse, from ", pieces.symbol(y), " to ", *names), 3)
    if reverse is None:
        text = f"Too large to show: {y.size:,} rows of every intermediate."
        return [heading, Paragraph(text)]

    def row(node: Node) -> tuple[Any, ...]:
        terms, numbers = [], []
        for user, slot in uses[node]:
            partial = pieces.derivation.partials[user][slot]
            if user is y:
                terms.append(pieces.name_of(partial))
                numbers += _figures(pieces, partial.entries)
            else:
                both = pieces.by(y, user), pieces.name_of(partial)
                is_last = pieces.is_denominator and not pieces.is_scalar
                terms.append(Expr("chain", *(both[::-1] if is_last else both)))
                numbers += _figures(pieces, reverse[user], partial.entries)
        return _step_row(pieces, pieces.by(y, node), terms, numbers, reverse[node], y, node)

    nodes = [n for n in (*reversed(pieces.graph.nodes), *pieces.graph.inputs) if n in reverse]
    nodes.remove(y)
    return [heading, *_accumulation(pieces, nodes, row, -1)]


def _accumulation(pieces: Pieces, nodes: list[Node], row: Callable, direction: int) -> list[Any]:
    """A row per node; before them a short chain's factors, in the order of `direction`."""
    table = Table(_header(pieces), pieces.rows(nodes, row))
    if not (pieces.is_chain and pieces.is_scalar and len(nodes) <= FACTORS):
        return [table]
    (x,) = pieces.graph.inputs
    partials = [p for n in pieces.graph.nodes for p in pieces.derivation.partials[n]]
    factors = [pieces.name_of(p) for p in partials[::direction]]
    return [Display((equals(pieces.by(pieces.y, x), collected("chain", factors)),)), table]


def _figures(pieces: Pieces, *factors: Any) -> list[Expr]:
    """A product of numbers, in a graph of numbers only."""
    if not pieces.is_scalar:
        return []
    return [collected("chain", [value(np.reshape(a, ())) for a in factors])]


def _header(pieces: Pieces) -> tuple[str, ...]:
    if pieces.is_scalar:
        if pieces.is_chain:
            return ("product so far", "factors", "in numbers", "value")
        return ("derivative", "chain rule", "in numbers", "value")
    return ("derivative", "chain rule", "value")


def _step_row(pieces: Pieces, left: Expr, terms: list[Expr], numbers: list[Expr], a: Any, y: Node,
              x: Node) -> tuple[Any, ...]:  # fmt: skip
    result = pieces.matrix(a, y, x)
    total = collected("total", _shortened(terms))
    if not pieces.is_scalar:
        return (left, total, result)
    return (left, total, collected("total", _shortened(numbers)), result)


def _comparison(pieces: Pieces) -> str:
    """How well the two orders and `jacobian_fwd` agree, and what each multiplies."""
    orders = [o for o in ("forward", "reverse") if getattr(pieces.derivation, o) is not None]
    claims = []
    if len(orders) == 2:
        claims.append("Both orders " + _agreement(pieces.derivation.difference()) + ".")
    if orders and pieces.jacobian is not None:
        worst = 0.0
        for x in pieces.graph.inputs:
            computed = pieces.derivation.jacobian(x, orders[0])
            exact = np.asarray(pieces.jacobian[x]).reshape(computed.shape)
            worst = max(worst, relative_difference(computed, exact))
        name = f"The {orders[0]} order"
        claims.append(f"{name} and jacobian_fwd {_agreement(worst)}.")
    text = " ".join(claims)
    forward, reverse = pieces.derivation.multiplications()
    if pieces.is_scalar and len(pieces.graph.inputs) == 1:
        return text
    text = text + " " if text else ""
    text += f"Forward order takes {_times(forward)}, reverse order {_times(reverse)}"
    if reverse < forward and len(pieces.graph.inputs) > 1:
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
