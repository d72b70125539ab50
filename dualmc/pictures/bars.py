"""`Comparison.plot`: a bar for every mode, and two for every factor of the chain rule."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from dualmc.pictures.figures import FORWARD, NEITHER, REVERSE, figure_for, foreground, matplotlib

CALLER = "Comparison.plot"
# Inches below which panels lie one below the other.
NARROW = 7.5
# Of a line: the part that its letters take, and the width of one of them.
FILLED, LETTER = 0.7, 0.58


class Panel(NamedTuple):
    """One measure of every mode."""

    title: str
    values: Sequence[float | None]
    """None where there is none."""
    labels: Sequence[str]
    is_hatched: Sequence[bool]


class Chain(NamedTuple):
    """Multiplications of every factor in the two orders; None where factors are left out."""

    names: Sequence[str | None]
    forward: Sequence[int | None]
    reverse: Sequence[int | None]
    totals: tuple[int, int]


def draw(
    figure: Any, title: str, modes: Sequence[str], panels: Sequence[Panel], chain: Chain | None
) -> Any:
    """Draws the panels, and the chain below; returns the Axes as an array."""
    lines = 0 if chain is None else len(chain.names)
    figure = figure_for(CALLER, figure, (10.0, 3.2 + (1.0 + 0.36 * lines if chain else 0.0)))
    width, height = figure.bbox.width / figure.dpi, figure.bbox.height / figure.dpi
    is_narrow = width < NARROW
    count = len(panels)
    # As high as its bars, and as what stands around them.
    heights = [len(modes) + 2.0] * (count if is_narrow else 1) + [1.2 * lines + 3.0] * bool(chain)
    size = min(_usual_size(), FILLED * 72 * height / (sum(heights) + 3))
    room = 0.6 * 72 * width
    grid = figure.add_gridspec(len(heights), 1 if is_narrow else count, height_ratios=heights)
    found = []
    for i, panel in enumerate(panels):
        ax = figure.add_subplot(grid[i, 0] if is_narrow else grid[0, i])
        names = modes if is_narrow or i == 0 else [""] * len(modes)
        _draw_panel(ax, panel, modes, names, size, room if is_narrow else room / count)
        found.append(ax)
    if chain is not None:
        ax = figure.add_subplot(grid[-1, :])
        _draw_chain(ax, chain, is_narrow, size, room)
        found.append(ax)
    line = max(20, int(72 * width / (LETTER * size)))
    figure.suptitle(textwrap.fill(title, line), fontsize=size)
    return np.array(found, dtype=object)


def _usual_size() -> float:
    manager = matplotlib(CALLER, ".font_manager")
    return float(manager.FontProperties(size="medium").get_size_in_points())


def _draw_panel(
    ax: Any, panel: Panel, modes: Sequence[str], names: Sequence[str], size: float, room: float
) -> None:
    """Bars with `names` beside them, in letters of `size` points, on an axis of `room` points."""
    left, right = _ends(panel.values, panel.labels, size, room)
    colours = [_colour(mode) for mode in modes]
    drawn = [left if not v else v for v in panel.values]
    bars = ax.barh(range(len(modes)), [v - left for v in drawn], left=left, color=colours)
    for bar, is_hatched in zip(bars, panel.is_hatched, strict=True):
        if is_hatched:
            bar.set(hatch="///", edgecolor=foreground(CALLER), alpha=0.7)
    for i, (value, text) in enumerate(zip(drawn, panel.labels, strict=True)):
        _write_beside(ax, value, i, text, size)
    ax.set(xscale="log", xlim=(left, right))
    ax.set_yticks(range(len(modes)), names)
    _tidy(ax, panel.title, size)


def _draw_chain(ax: Any, chain: Chain, is_narrow: bool, size: float, room: float) -> None:
    known = [k for k in (*chain.forward, *chain.reverse) if k is not None]
    left, right = _ends(known, [f"{k:,}" for k in known], size, room)
    orders = (
        ("forward, from x to y", chain.forward, FORWARD, -0.2),
        ("reverse, from y to x", chain.reverse, REVERSE, 0.2),
    )
    for (name, counts, colour, offset), total in zip(orders, chain.totals, strict=True):
        places = [(i, k) for i, k in enumerate(counts) if k is not None]
        values = [k or left for _, k in places]
        ax.barh(
            [i + offset for i, _ in places], [v - left for v in values], 0.36, left=left,
            color=colour, label=f"{name}: {total:,} in all",
        )  # fmt: skip
        for (i, k), value in zip(places, values, strict=True):
            _write_beside(ax, value, i + offset, f"{k:,}", size)
    ax.set(xscale="log", xlim=(left, right))
    ax.set_yticks(range(len(chain.names)), [name or "..." for name in chain.names])
    ax.legend(
        loc="upper right", bbox_to_anchor=(1, 0), ncols=1 if is_narrow else 2, frameon=False,
        fontsize=0.9 * size, borderaxespad=0.3,
    )  # fmt: skip
    _tidy(ax, "multiplications per factor", size)


def _colour(mode: str) -> str:
    known = {"forward": FORWARD, "reverse": REVERSE}
    return next((colour for name, colour in known.items() if mode.startswith(name)), NEITHER)


def _ends(
    values: Sequence[float | None], labels: Sequence[str], size: float, room: float
) -> tuple[float, float]:
    """The ends of a logarithmic axis, with room for the text beside the longest bar."""
    found = [v for v in values if v]
    low, high = (min(found), max(found)) if found else (1.0, 1.0)
    left = 10.0 ** math.floor(math.log10(low) - 0.3)
    text = LETTER * size * (1 + max(map(len, labels), default=0))
    return left, left * (high / left) ** (1 / (1 - min(0.7, text / room)))


def _write_beside(ax: Any, value: float, y: float, text: str, size: float) -> None:
    ax.annotate(
        text, (value, y), xytext=(3, 0), textcoords="offset points", va="center",
        fontsize=0.9 * size,
    )  # fmt: skip


def _tidy(ax: Any, title: str, size: float) -> None:
    """From the first bar down; the numbers stand beside the bars."""
    ax.invert_yaxis()
    ax.tick_params(axis="y", length=0, labelsize=size)
    ax.tick_params(axis="x", which="both", bottom=False, labelbottom=False)
    ax.set_title(title, fontsize=size, loc="left")
    for side in ("top", "right", "bottom"):
        ax.spines[side].set_visible(False)
