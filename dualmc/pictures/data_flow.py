"""`Explanation.plot`: the data-flow graph, laid out elsewhere, on matplotlib's Axes."""

from __future__ import annotations

from typing import Any

from dualmc.pictures.figures import axes_for, foreground, matplotlib, points

CALLER = "Explanation.plot"
# Points of a letter in a figure of its own, and of one that is too small to read.
LETTER, SMALLEST = 10.0, 3.0
# Units of the layout: of a letter, of a line.
HEIGHT, LINE = 13.0, 18.0
# Inches that a figure may have.
LARGEST = 60.0
FONT = "DejaVu Sans Mono"  # which comes with matplotlib and has all signs that formulas need


def draw(layout: Any, strokes: list[list[list]], ax: Any, title: str) -> Any:
    """The graph on `ax`, or as large as its letters ask for, with the lines of its edges."""
    inch = 72 * HEIGHT / LETTER
    size = (layout.width / inch + 0.3, layout.height / inch + 0.3 + 0.25 * title.count("\n"))
    is_own = ax is None
    ax = axes_for(CALLER, ax, (min(max(size[0], 2.6), LARGEST), min(size[1] + 0.3, LARGEST)))
    width, height = points(ax)
    letter = HEIGHT * min(width / layout.width, height / layout.height)
    letter = LETTER if is_own and max(size) < LARGEST else max(letter, SMALLEST)
    ax.set(xlim=(0, layout.width), ylim=(layout.height, 0), aspect="equal")
    ax.set_axis_off()
    if title and not ax.get_title():
        ax.set_title(title, fontsize=min(letter, 10.0), family=FONT)
    for box in layout.boxes:
        _draw_box(ax, box, letter)
    for edge, pieces in zip(layout.edges, strokes, strict=True):
        _draw_edge(ax, edge, pieces, letter)
    return ax


def _draw_box(ax: Any, box: Any, letter: float) -> None:
    patches = matplotlib(CALLER, ".patches")
    colour = foreground(CALLER)
    x, y = box.x - box.width / 2, box.y - box.height / 2
    ax.add_patch(
        patches.FancyBboxPatch(
            (x, y), box.width, box.height, boxstyle="round,pad=0,rounding_size=7",
            facecolor=matplotlib(CALLER, ".colors").to_rgba(colour, 0.07),
            edgecolor=matplotlib(CALLER, ".colors").to_rgba(colour, 0.55), linewidth=letter / 10,
        )
    )  # fmt: skip
    for i, line in enumerate(box.lines):
        ax.text(
            box.x, box.y + (i - (len(box.lines) - 1) / 2) * LINE, _literal(line), ha="center",
            va="center", fontsize=letter, family=FONT, color=colour,
            weight="bold" if i == 0 else "normal",
        )  # fmt: skip


def _draw_edge(ax: Any, edge: list, pieces: list[list], letter: float) -> None:
    patches = matplotlib(CALLER, ".patches")
    path = matplotlib(CALLER, ".path").Path
    style = {"edgecolor": foreground(CALLER), "linewidth": letter / 9, "alpha": 0.6}
    for i, curves in enumerate(pieces):
        points = [curves[0][0], *(p for curve in curves for p in curve[1:])]
        codes = [path.MOVETO] + [path.CURVE4] * (len(points) - 1)
        line = path(points, codes)
        if i == len(pieces) - 1:
            ax.add_patch(
                patches.FancyArrowPatch(
                    path=line, arrowstyle="-|>", mutation_scale=letter, shrinkA=0, shrinkB=0,
                    facecolor=foreground(CALLER), fill=True, **style,
                )
            )  # fmt: skip
        else:
            ax.add_patch(patches.PathPatch(line, facecolor="none", **style))
    for item in edge:
        if item.kind == "label":
            ax.text(
                item.x, item.y, _literal(item.lines[0]), ha="center", va="center",
                fontsize=0.92 * letter, family=FONT, style="italic", color=foreground(CALLER),
            )  # fmt: skip


def _literal(text: str) -> str:
    """As it is: a dollar would begin a formula of matplotlib's."""
    return text.replace("$", r"\$")
