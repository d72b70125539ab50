"""The data-flow graph as boxes and arrows with their texts, before it is laid out.

Of a graph with many operations the first and the last are boxes of their own, and one box stands
for all between them; so it is with inputs.  An operation follows its operands, so that no arrow
points back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dualmc.derivation.chain_rule import Derivation
from dualmc.derivation.notation.printer import digits
from dualmc.derivation.notation.symbols import Expr
from dualmc.derivation.notation.text import Compact
from dualmc.derivation.transposing import transposed_name
from dualmc.graph.nodes import Node

# Operations that are drawn, and inputs whose derivatives are written into every box.
DRAWN = 40
INPUTS = 3
PRINTER = Compact()


@dataclass
class Box:
    """An input, an operation, or all those that are left out."""

    kind: str
    """"input", "operation", "output" or "omitted"."""
    lines: list[str]


@dataclass
class Arrow:
    """From an operand to its operation, with the partial; ends are numbers of boxes."""

    start: int
    end: int
    text: str


@dataclass
class Diagram:
    """Boxes in the order in which they are computed, and arrows."""

    boxes: list[Box] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)


def checked(most: Any, name: str) -> int:
    """How many operations are drawn, as `Explanation` is told."""
    is_whole = issubclass(type(most), (int, np.integer)) and not issubclass(type(most), bool)
    if not is_whole or most < 3:
        raise ValueError(
            f"Explanation.{name}: most must be a whole number of at least 3, got most={most!r:.60}."
        )
    return int(most)


def of_derivation(derivation: Derivation, most: int = DRAWN, with_orders: bool = False) -> Diagram:
    """The diagram of at most `most` operations; `with_orders` writes ``du/dx`` and ``dy/du`` too.

    ``du/dx`` is what forward order knows once it has come to u, ``dy/du`` what reverse order does.
    """
    graph = derivation.graph
    found = Diagram()
    number: dict[Node, int] = {}
    used = {operand for node in graph.nodes for operand in node.operands}
    inputs = [x for x in graph.inputs if x in used] or graph.inputs
    _add(found, number, inputs, most, lambda x: _box(derivation, x, with_orders), "inputs")
    nodes = graph.nodes or [graph.output]
    _add(found, number, nodes, most, lambda node: _box(derivation, node, with_orders), "operations")
    seen = set()
    for node in graph.nodes:
        for slot, operand in enumerate(node.operands):
            ends = number[operand], number[node]
            is_whole = all(found.boxes[i].kind != "omitted" for i in ends)
            if ends[0] == ends[1] or not is_whole and ends in seen:
                continue
            seen.add(ends)
            text = _partial(derivation, node, slot) if is_whole else ""
            found.arrows.append(Arrow(*ends, text))
    return found


def _add(
    found: Diagram, number: dict[Node, int], nodes: Sequence[Node], most: int, box: Any, what: str
) -> None:
    """A box for each node, or for the first and the last, and one for those between."""
    first = (most - 1) // 2 if len(nodes) > most else len(nodes)
    last = len(nodes) - (most - 1 - first) if len(nodes) > most else len(nodes)
    for node in nodes[:first]:
        number[node] = len(found.boxes)
        found.boxes.append(box(node))
    if first < last:
        number.update(dict.fromkeys(nodes[first:last], len(found.boxes)))
        found.boxes.append(Box("omitted", [f"… {last - first:,} {what} …"]))
    for node in nodes[last:]:
        number[node] = len(found.boxes)
        found.boxes.append(box(node))


def _box(derivation: Derivation, node: Node, with_orders: bool) -> Box:
    writer, graph = derivation.writer, derivation.graph
    name = PRINTER.write(writer.symbol(node))
    kind = "output" if node is graph.output else "operation"
    if node.function is None:
        lines = [name, _short(node.value)]
        kind = "input" if node in graph.inputs else "output"
    else:
        lines = [f"{name} = {PRINTER.write(writer.equation(node))}", _short(node.value)]
    return Box(kind, lines + (_orders(derivation, node) if with_orders else []))


def _orders(derivation: Derivation, node: Node) -> list[str]:
    """``du/dx`` by every input, and ``dy/du``, where they are known and not 1 by their meaning."""
    writer, graph = derivation.writer, derivation.graph
    y = graph.output
    lines = []
    for x in graph.inputs if derivation.forward and len(graph.inputs) <= INPUTS else []:
        assert derivation.forward is not None
        if node is not x and node in derivation.forward[x]:
            lines.append(_line("→", writer, node, x, derivation.forward[x][node]))
    if derivation.reverse and node is not y and node in derivation.reverse:
        lines.append(_line("←", writer, y, node, derivation.reverse[node]))
    return lines


def _line(arrow: str, writer: Any, y: Node, x: Node, value: Any) -> str:
    name = PRINTER.write(Expr("derivative", writer.symbol(y), writer.symbol(x)))
    if writer.is_denominator:
        return f"{arrow} {name} {_short(value.T.reshape((*x.shape, *y.shape)))}"
    return f"{arrow} {name} {_short(value.reshape((*y.shape, *x.shape)))}"


def _partial(derivation: Derivation, node: Node, slot: int) -> str:
    if node not in derivation.partials:
        return ""
    partial, writer = derivation.partials[node][slot], derivation.writer
    form, is_known = writer.partial(partial)
    if is_known:
        return PRINTER.write(writer.jacobian(form, max(partial.shape) == 1))
    return transposed_name(partial.structure) if writer.is_denominator else partial.structure


def _short(a: Any) -> str:
    """A few numbers, or how many there are."""
    if a.ndim == 0:
        return "= " + digits(a)
    if a.ndim == 1 and a.size <= 3:
        return "= [" + ", ".join(map(digits, a)) + "]"
    return ("×".join(map(str, a.shape)) if a.ndim > 1 else str(a.size)) + " numbers"


# --- Graphviz ------------------------------------------------------------------------------------

STYLES = {
    "input": "shape=ellipse",
    "operation": "",
    "output": "peripheries=2",
    "omitted": 'style="rounded,dashed"',
}


def dot_of(diagram: Diagram) -> str:
    """The diagram in the language of Graphviz."""
    lines = ["digraph derivation {", "  rankdir=LR;", '  node [shape=box, style="rounded"];']
    for i, box in enumerate(diagram.boxes):
        style = STYLES[box.kind] and f", {STYLES[box.kind]}"
        lines.append(f"  n{i} [label={_quoted(box.lines)}{style}];")
    for arrow in diagram.arrows:
        label = f" [label={_quoted([arrow.text])}]" if arrow.text else ""
        lines.append(f"  n{arrow.start} -> n{arrow.end}{label};")
    return "\n".join([*lines, "}"]) + "\n"


def _quoted(lines: Sequence[str]) -> str:
    """A string of Graphviz's, where a backslash begins an escape and a line ends with one."""
    escaped = [line.replace("\\", "\\\\").replace('"', '\\"') for line in lines]
    return '"' + "\\n".join(escaped) + '"'
