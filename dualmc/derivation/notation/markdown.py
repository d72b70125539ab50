"""An explanation as Markdown with LaTeX's mathematics between dollars, and tables with pipes."""

import re
from collections.abc import Sequence
from typing import Any

from dualmc.derivation.notation.blocks import (
    Cell,
    Display,
    Heading,
    Paragraph,
    Picture,
    Table,
    flatten,
)
from dualmc.derivation.notation.latex import LatexPrinter


def markdown_of(blocks: Sequence[Any]) -> str:
    """The blocks but for the picture."""
    printer = LatexPrinter()
    written = [_block(block, printer) for block in blocks if not isinstance(block, Picture)]
    return "\n\n".join(written) + "\n"


def _block(block: Any, printer: LatexPrinter) -> str:
    if isinstance(block, Heading):
        return f"{'#' * (block.level + 1)} {_cell(block.text, printer)}"
    if isinstance(block, Paragraph):
        return _cell(block.content, printer)
    if isinstance(block, Display):
        return "\n\n".join(f"$${printer.write(line)}$$" for line in block.lines)
    assert isinstance(block, Table)
    return _table(block, printer)


def _cell(cell: Cell, printer: LatexPrinter) -> str:
    return "".join(
        escaped(p) if isinstance(p, str) else f"${printer.write(p)}$" for p in flatten(cell)
    )


def escaped(text: str) -> str:
    """Plain text, safe in Markdown."""
    return re.sub(r"([\\`*_{}\[\]<>#|$])", r"\\\1", text.replace("->", "\u2192"))


def _table(table: Table, printer: LatexPrinter) -> str:
    n = len(table.header)
    lines = [_row(map(escaped, table.header)), _row(["---"] * n)]
    for row in table.rows:
        cells = [_cell(c, printer).replace("|", r"\vert{}") for c in row]
        lines.append(_row([*cells, *[""] * (n - len(cells))]))
    return "\n".join(lines)


def _row(cells: Any) -> str:
    return "| " + " | ".join(cells) + " |"
