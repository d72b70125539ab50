"""Tables of results, as text and as HTML, and numbers with units."""

import html
from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns padded to one width: the first to the left, numbers to the right."""
    lines = [list(header), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    is_text = [_is_text([row[i] for row in rows]) for i in range(len(header))]
    text = []
    for line in lines:
        cells = [
            cell.ljust(width) if left else cell.rjust(width)
            for cell, width, left in zip(line, widths, is_text, strict=True)
        ]
        text.append("  ".join(cells).rstrip())
    text.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(text)


def _is_text(cells: Sequence[str]) -> bool:
    return not any(cell and (cell[0].isdigit() or cell[0] == "~") for cell in cells)


def html_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The same as an HTML table that needs no style sheet."""
    is_text = [_is_text([row[i] for row in rows]) for i in range(len(header))]

    def cells(tag: str, line: Sequence[str]) -> str:
        return "".join(
            f'<{tag} style="text-align:{"left" if left else "right"};padding:2px 10px">'
            f"{html.escape(str(cell))}</{tag}>"
            for cell, left in zip(line, is_text, strict=True)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f"<table><thead><tr>{cells('th', header)}</tr></thead><tbody>{body}</tbody></table>"


def amount(count: float) -> str:
    """Bytes with a unit, three digits."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "B" else f"{count:.3g} {unit}"


def time_text(seconds: float) -> str:
    """Seconds with a unit, three digits."""
    for unit, factor in (("us", 1e6), ("ms", 1e3), ("s", 1.0)):
        if seconds * factor < 1000 or unit == "s":
            break
    return f"{seconds * factor:.3g} {unit}"
