"""An explanation as HTML: a page of its own, or a fragment for a notebook.

Nothing is loaded from anywhere: formulas are MathML, the graph is SVG, the style is inline.
"""

from collections.abc import Sequence
from html import escape
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
from dualmc.derivation.notation.layout import Curve, Item, Layout, strokes
from dualmc.derivation.notation.mathml import math_of

STYLE = """
.dualmc { font: 16px/1.5 system-ui, sans-serif; }
.dualmc h2 { font-size: 1.5em; line-height: 1.3; margin: 0 0 0.4em; font-weight: 600; }
.dualmc h3 { font-size: 1.15em; margin: 1.8em 0 0.6em; padding-bottom: 0.2em;
  border-bottom: 1px solid color-mix(in srgb, currentColor 25%, transparent); font-weight: 600; }
.dualmc h4 { font-size: 1em; margin: 1.4em 0 0.4em; font-weight: 600; }
.dualmc p { margin: 0.5em 0; }
.dualmc .wide { overflow-x: auto; overflow-y: hidden; max-width: 100%; }
.dualmc table { border-collapse: collapse; margin: 0.5em 0; font-size: inherit; }
.dualmc th, .dualmc td { text-align: left; vertical-align: middle; padding: 0.4em 1.4em 0.4em 0.2em;
  border-bottom: 1px solid color-mix(in srgb, currentColor 12%, transparent); white-space: nowrap;
  background: none; }
.dualmc th { font-weight: 600; font-size: 0.85em; opacity: 0.7; }
.dualmc td.all { opacity: 0.6; }
.dualmc math { font-size: 1.08em; }
.dualmc math[display="block"] { text-align: left; width: max-content; margin: 0.6em 0 0.6em 1.2em;
  display: block math; }
.dualmc td math, .dualmc p math { math-style: normal; }
.dualmc mtable.matrix { --tick: linear-gradient(currentColor, currentColor);
  border: solid currentColor; border-width: 0 1.5px;
  background: var(--tick) 0 0 / 4px 1.5px, var(--tick) 100% 0 / 4px 1.5px,
    var(--tick) 0 100% / 4px 1.5px, var(--tick) 100% 100% / 4px 1.5px;
  background-repeat: no-repeat;
  border-collapse: separate; border-spacing: 0; margin: 0 0.15em; padding: 0.1em 0.2em;
  math-style: normal; math-depth: 0; }
.dualmc mtable.matrix mtd { text-align: -webkit-right; text-align: right; padding: 0.2em 0.45em; }
.dualmc mtable.matrix mtd > * { justify-content: end; }
.dualmc svg { display: block; max-width: 100%; height: auto; }
@media (max-width: 48em) {
  .dualmc th, .dualmc td { padding-right: 0.8em; }
}
.dualmc .caption { font-size: 0.85em; opacity: 0.7; }
"""

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ max-width: 60em; margin: 2em auto; padding: 0 1.2em;
  background: Canvas; color: CanvasText; }}
</style>
</head>
<body>
{body}
</body>
</html>
"""


def page_of(blocks: Sequence[Any], title: str) -> str:
    """The blocks as a page."""
    return PAGE.format(title=escape(title), body=fragment_of(blocks))


def fragment_of(blocks: Sequence[Any]) -> str:
    """The blocks as an element of a page, with their style."""
    body = "\n".join(_block(block) for block in blocks)
    return f'<div class="dualmc">\n<style>{STYLE}</style>\n{body}\n</div>'


def _cell(cell: Cell) -> str:
    text = "".join(escape(p) if isinstance(p, str) else math_of(p) for p in flatten(cell))
    return text.replace("-&gt;", "→")


def _block(block: Any) -> str:
    if isinstance(block, Heading):
        tag = f"h{block.level + 1}"
        return f"<{tag}>{_cell(block.text)}</{tag}>"
    if isinstance(block, Paragraph):
        return f"<p>{_cell(block.content)}</p>"
    if isinstance(block, Display):
        lines = "\n".join(math_of(line, True) for line in block.lines)
        return f'<div class="wide">{lines}</div>'
    if isinstance(block, Table):
        return _table(block)
    assert isinstance(block, Picture)
    caption = f'<p class="caption">{escape(block.caption)}</p>'
    return f'<div class="wide">{svg_of(block.layout)}</div>\n{caption}'


def _table(table: Table) -> str:
    header = "".join(f"<th>{escape(h)}</th>" for h in table.header)
    rows = []
    for row in table.rows:
        if len(row) == len(table.header):
            rows.append("<tr>" + "".join(f"<td>{_cell(c)}</td>" for c in row) + "</tr>")
        else:
            cell = f'<td class="all" colspan="{len(table.header)}">{_cell(row[0])}</td>'
            rows.append(f"<tr>{cell}</tr>")
    body = "\n".join(rows)
    return (
        f'<div class="wide"><table>\n<thead><tr>{header}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table></div>"
    )


# --- The graph -----------------------------------------------------------------------------------


def svg_of(layout: Layout) -> str:
    """The data-flow graph; it takes the colour of the text around it."""
    w, h = layout.width, layout.height
    least = min(w, max(560.0, 0.78 * w))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w:.0f} {h:.0f}" width="{w:.0f}" '
        f'height="{h:.0f}" style="min-width:{least:.0f}px" role="img" '
        f'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" fill="currentColor">',
        "<title>Data-flow graph</title>",
        '<defs><marker id="dualmc-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="currentColor"/></marker>'
        "</defs>",
        *(_edge(edge, layout.is_wide) for edge in layout.edges),
        *(_box(box) for box in layout.boxes),
        "</svg>",
    ]
    return "\n".join(parts)


def _box(box: Item) -> str:
    x, y = box.x - box.width / 2, box.y - box.height / 2
    parts = [
        f"<g><title>{escape(box.full)}</title>",
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="7" '
        f'fill="currentColor" fill-opacity="0.07" stroke="currentColor" stroke-opacity="0.55"/>',
    ]
    for i, line in enumerate(box.lines):
        base = box.y + (i - (len(box.lines) - 1) / 2) * 18 + 4.5
        weight = ' font-weight="600"' if i == 0 else ' opacity="0.75"'
        parts.append(
            f'<text x="{box.x:.1f}" y="{base:.1f}" text-anchor="middle" font-size="13"{weight}>'
            f"{escape(line)}</text>"
        )
    return "".join([*parts, "</g>"])


def _edge(edge: list[Item], is_wide: bool) -> str:
    pieces = [_path(piece) for piece in strokes(edge, is_wide)]
    text = "".join(
        f'<text x="{item.x:.1f}" y="{item.y + 4:.1f}" text-anchor="middle" font-size="12" '
        f'font-style="italic"><title>{escape(item.full)}</title>'
        f"{escape(item.lines[0])}</text>"
        for item in edge
        if item.kind == "label"
    )
    lines = "".join(
        f'<path d="{piece}" fill="none" stroke="currentColor" stroke-opacity="0.6" '
        f'stroke-width="1.3"{_arrow(piece is pieces[-1])}/>'
        for piece in pieces
    )
    return f"<g>{lines}{text}</g>"


def _arrow(is_last: bool) -> str:
    return ' marker-end="url(#dualmc-arrow)"' if is_last else ""


def _path(curves: list[Curve]) -> str:
    """A line of several curves, each of which begins where the last one ended."""
    x, y = curves[0][0]
    path = f"M{x:.1f} {y:.1f}"
    for _, *points in curves:
        path += "C" + " ".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return path
