"""What an explanation consists of, before it is text, LaTeX or HTML; and the text.

A cell is a piece of text, a formula, or a tuple of those.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dualmc.derivation.notation.symbols import Expr
from dualmc.derivation.notation.text import Text

Cell = Any  # str, Expr, or a tuple of them


@dataclass(frozen=True)
class Heading:
    text: Cell
    level: int


@dataclass(frozen=True)
class Paragraph:
    content: Cell


@dataclass(frozen=True)
class Display:
    """Formulas on lines of their own."""

    lines: tuple[Expr, ...]


@dataclass(frozen=True)
class Table:
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    """A row of one cell spans the table."""


@dataclass(frozen=True)
class Picture:
    """The data-flow graph."""

    layout: Any
    caption: str


def text_of(blocks: Sequence[Any]) -> str:
    """The blocks as plain text."""
    printer = Text()
    parts = [part for block in blocks if (part := _text(block, printer))]
    return "\n\n".join(parts)


def flatten(cell: Cell) -> tuple[Any, ...]:
    return cell if isinstance(cell, tuple) else (cell,)


def _cell(cell: Cell, printer: Text) -> str:
    pieces = [p if isinstance(p, str) else printer.write(p) for p in flatten(cell)]
    if not any("\n" in p for p in pieces):
        return "".join(pieces)
    return "\n".join(_beside(pieces))


def _beside(pieces: list[str]) -> list[str]:
    """Pieces of several lines side by side, each beginning on the first line."""
    blocks = [p.split("\n") for p in pieces]
    height = max(map(len, blocks))
    widths = [max(map(len, block)) for block in blocks]
    return [
        "".join(
            (b[i] if i < len(b) else "").ljust(w) for b, w in zip(blocks, widths, strict=True)
        ).rstrip()
        for i in range(height)
    ]


def _text(block: Any, printer: Text) -> str:
    if isinstance(block, Heading):
        line = _cell(block.text, printer)
        mark = {1: "=", 2: "-"}.get(block.level)
        return line if mark is None else f"{line}\n{mark * len(line)}"
    if isinstance(block, Paragraph):
        return _cell(block.content, printer)
    if isinstance(block, Display):
        return "\n".join(_indented(_cell(_sides(line), printer)) for line in block.lines)
    if isinstance(block, Table):
        return _indented(table_text(block))
    return ""


def _sides(e: Expr) -> Cell:
    """The sides of an equation apart: each may have several lines."""
    if e.op != "equals":
        return e
    return tuple(part for side in e.args for part in (" = ", side))[1:]


def _indented(text: str) -> str:
    return "\n".join("  " + line for line in text.split("\n"))


def table_text(table: Table) -> str:
    """Columns of equal width under their header; a cell may have several lines."""
    printer = Text()
    rows = [[_cell(c, printer).split("\n") for c in row] for row in table.rows]
    header = [[h] for h in table.header]
    full = [row for row in [header, *rows] if len(row) == len(header)]
    widths = [max(len(line) for row in full for line in row[i]) for i in range(len(header))]
    lines = []
    for number, row in enumerate([header, *rows]):
        if len(row) != len(header):
            lines += row[0]
            continue
        for i in range(max(map(len, row))):
            cells = [c[i] if i < len(c) else "" for c in row]
            padded = [c.ljust(w) for c, w in zip(cells, widths, strict=True)]
            lines.append("  ".join(padded).rstrip())
        if number == 0:
            lines.append("  ".join("-" * w for w in widths))
    return "\n".join(lines)
