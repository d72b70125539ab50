"""The four steps of 4.5.1 as headings, tables and formulas, from a `Derivation`."""

from typing import Any

import numpy as np

from dualmc.derivation.chain_rule import Derivation
from dualmc.derivation.combination import third_step
from dualmc.derivation.forms import Form
from dualmc.derivation.notation import diagram, layout
from dualmc.derivation.notation.blocks import Display, Heading, Paragraph, Picture, Table
from dualmc.derivation.notation.replacing import ops_of
from dualmc.derivation.notation.symbols import Expr, equals, symbol, value
from dualmc.derivation.partials import Partial
from dualmc.derivation.pieces import ROWS, Pieces
from dualmc.derivation.substitution import substituted
from dualmc.graph.nodes import Node


def blocks_of(derivation: Derivation, jacobian: dict[Node, Any] | None) -> list[Any]:
    """The blocks of an explanation; `jacobian` is what `jacobian_fwd` returns, by input."""
    pieces = Pieces(derivation, jacobian)
    found = [*_introduction(pieces), *_first_step(pieces)]
    if not pieces.graph.nodes:
        return [*found, Paragraph(_constant_text(pieces))]
    return [*found, *_second_step(pieces), *third_step(pieces), *_fourth_step(pieces)]


def _constant_text(pieces: Pieces) -> tuple[Any, ...]:
    by = [c for x in pieces.graph.inputs for c in (", ", pieces.symbol(x))][1:]
    text = "The function does not depend on "
    return (text, *by, ": its derivative is 0.")


# --- 0 and 1 --------------------------------------------------------------------------------------


def _introduction(pieces: Pieces) -> list[Any]:
    closed = None if pieces.closed is None else pieces.closed.get(pieces.y.name)
    y = pieces.symbol(pieces.y)
    if closed is not None and closed.size <= 60:
        y = equals(y, closed)
    where: list[Any] = []
    for x in pieces.graph.inputs:
        where += [", " if where else "at ", pieces.symbol(x), " = ", value(x.value)]
    blocks: list[Any] = [Heading(("Derivation of ", y), 1), Paragraph(tuple(where))]
    if pieces.is_denominator:
        text = "In denominator layout: a row for each input, a column for each output."
        blocks.append(Paragraph(text))
    return blocks


def _first_step(pieces: Pieces) -> list[Any]:
    nodes = pieces.graph.nodes

    def row(node: Node) -> tuple[Any, ...]:
        return (
            (equals(pieces.symbol(node), pieces.writer.equation(node)),),
            value(node.value),
        )

    blocks: list[Any] = [Heading("1. Introduce an intermediate variable per operation", 2)]
    if nodes:
        header = ("equation", "value")
        blocks.append(Table(header, pieces.rows(nodes, row)))
    else:
        blocks.append(Display((equals(pieces.symbol(pieces.y), value(pieces.y.value)),)))
    used = [(name, a) for name, a in pieces.graph.constants.values()]
    names = [*used, *pieces.writer.unnamed.items()]
    if names:
        blocks.append(Paragraph("Constants:"))
        blocks.append(Display(tuple(equals(symbol(k, np.shape(a)), value(a)) for k, a in names)))
    if len(nodes) > ROWS:
        blocks.append(Paragraph(f"{len(nodes):,} operations in all."))
    return blocks


# --- 2 --------------------------------------------------------------------------------------------


def _second_step(pieces: Pieces) -> list[Any]:
    blocks: list[Any] = [
        Heading("2. Differentiate each intermediate by its operands", 2),
    ]
    if not pieces.has_partials:
        blocks.append(Paragraph("The Jacobians of the operations are too large to show."))
        return blocks
    partials = [p for node in pieces.graph.nodes for p in pieces.derivation.partials[node]]

    def row(partial: Partial) -> tuple[Any, ...]:
        return (pieces.name_of(partial), pieces.formula(partial), pieces.partial_value(partial))

    blocks.append(Table(("partial", "formula", "value"), pieces.rows(partials, row)))
    blocks += _meaning(pieces, partials)
    picture = layout.of_diagram(diagram.of_derivation(pieces.derivation))
    caption = "The data-flow graph; each edge bears its partial."
    if len(pieces.graph.nodes) > diagram.DRAWN:
        caption += f" Of its {len(pieces.graph.nodes):,} operations the first and the last."
    blocks.append(Picture(picture, caption))
    return blocks


def _meaning(pieces: Pieces, partials: list[Partial]) -> list[Any]:
    """What the signs of matrices mean that stand in the formulas."""
    formulas = [pieces.formula(partial) for partial in partials]
    found = {op for formula in formulas for e in formula if isinstance(e, Expr) for op in ops_of(e)}
    said: list[Any] = []
    if found & {"vec", "kron", "commutation"}:
        said.append("Arrays are flattened row by row, as NumPy's reshape does")
    if "vec" in found:
        x = symbol("X")
        said += [": ", Expr("vec", x), " are the elements of ", x, " so"]
    if "kron" in found:
        p, q = symbol("P"), symbol("Q")
        said += ["; ", Expr("kron", p, q), " has the blocks ", Expr("index", p, "i,j"), " ", q]
    if "commutation" in found:
        x = symbol("X")
        k = Expr("commutation", "m", "n")
        said += ["; ", k, " takes the elements of ", x, ", m x n, to those of ",
                 Expr("transpose", x)]  # fmt: skip
    return [Paragraph((*said, "."))] if said else []


# --- 4 --------------------------------------------------------------------------------------------


def _fourth_step(pieces: Pieces) -> list[Any]:
    blocks: list[Any] = [Heading("4. Substitute the intermediates", 2)]
    lines = []
    for x in pieces.graph.inputs:
        if not pieces.paths[x]:
            lines.append(equals(pieces.by(pieces.y, x), symbol("0")))
            continue
        form = pieces.forms.get(x)
        sides = [pieces.by(pieces.y, x)]
        closed = substituted_form(pieces, form)
        if closed is not None:
            sides.append(pieces.writer.jacobian(closed, pieces.y.size == x.size == 1))
        a = _final(pieces, x)
        if issubclass(type(a), tuple):
            a = Expr("transpose", a[1]) if a[0] == "column " else a[1]
        if isinstance(a, Expr) and sides[-1].op != "number":
            sides.append(a)
        if len(sides) > 1 and sides[1].op in ("derivative", "partial"):
            del sides[1]  # the derivative by its own name
        if len(sides) > 1:
            lines.append(equals(*sides))
            if closed is None:
                name = pieces.by(pieces.y, x)
                blocks.append(Paragraph(("The formula of ", name, " is not written out here.")))
        else:
            blocks.append(Paragraph((pieces.by(pieces.y, x), " is a ", str(a), ".")))
    if lines:
        blocks.append(Display(tuple(lines)))
    return blocks


def substituted_form(pieces: Pieces, form: Form | None) -> Form | None:
    if form is None or pieces.closed is None:
        return None
    intermediates = {node.name: pieces.closed[node.name] for node in pieces.graph.nodes}
    return substituted(form, intermediates)


def _final(pieces: Pieces, x: Node) -> Any:
    if pieces.jacobian is not None:
        a = np.asarray(pieces.jacobian[x])
    elif pieces.derivation.reverse is not None:
        a = pieces.derivation.jacobian(x, "reverse")
    else:
        return f"{pieces.size(pieces.y.size, x.size)} matrix"
    return pieces.matrix(a.reshape(pieces.y.size, x.size), pieces.y, x)
