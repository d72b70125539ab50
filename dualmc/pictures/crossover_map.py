"""Which mode is faster for n inputs and m outputs: a cell for every pair of sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dualmc.pictures.figures import luminance, matplotlib, points

CALLER = "Crossover.plot"
# Forward mode in blue, reverse mode in red; the arrows say it without colour.
COLOURS = "RdBu"
ARROWS = {True: "→", False: "←"}
# Times that end the scale.
ENDS = (1e-3, 1e3)
# What the picture shows, for a title.
LEGEND = (
    "→ forward mode is faster, ← reverse mode is, by so many times",
    "line: predicted; ring: on its wrong side",
)


def draw(
    ax: Any,
    ns: Sequence[int],
    ms: Sequence[int],
    ratio: Any,
    predicted: Any,
    tie: float,
    is_estimate: Any = None,
) -> Any:
    """One map on `ax`: time of reverse mode by that of forward mode, (ms, ns); returns the image.

    `predicted` is the same ratio as predicted; a cell whose measured ratio is within `tie` of 1 is
    on no wrong side.  `is_estimate` marks cells by ~.
    """
    norm = matplotlib(CALLER, ".colors").LogNorm(*ENDS)
    image = ax.imshow(ratio, origin="lower", cmap=COLOURS, norm=norm, aspect="auto")
    width, height = points(ax)
    cell = min(width / len(ns), 1.6 * height / len(ms))
    size = min(9.0, max(4.0, cell / 3.4))
    ax.set_xticks(range(len(ns)), [f"{n:,}" for n in ns], rotation=60 if cell < 40 else 0)
    ax.set_yticks(range(len(ms)), [f"{m:,}" for m in ms])
    ax.tick_params(labelsize=size)
    for (i, j), r in np.ndenumerate(ratio):
        is_dark = luminance(CALLER, image.cmap(norm(r))) < 0.3
        about = "~" if is_estimate is not None and is_estimate[i, j] else ""
        ax.text(
            j, i, _times(r, about), ha="center", va="center", fontsize=size,
            color="white" if is_dark else "black",
        )  # fmt: skip
        if max(r, 1 / r) > tie and (r > 1) != (predicted[i, j] > 1):
            ax.plot(j, i, "o", ms=0.9 * min(cell, 28), mfc="none", mec="black", mew=1.2)
    _draw_boundary(ax, np.asarray(predicted) > 1)
    return image


def _times(ratio: float, about: str) -> str:
    times = max(ratio, 1 / ratio)
    text = f"{times:.1f}" if times < 9.95 else f"{times:.0f}"
    return text if text == "1.0" else ARROWS[ratio > 1] + about + text


def _draw_boundary(ax: Any, wins: Any) -> None:
    """Between neighbours with different predicted winners."""
    style = {"color": "black", "linewidth": 2, "solid_capstyle": "projecting"}
    for i, j in zip(*np.nonzero(wins[:, 1:] != wins[:, :-1]), strict=True):
        ax.plot([j + 0.5, j + 0.5], [i - 0.5, i + 0.5], **style)
    for i, j in zip(*np.nonzero(wins[1:] != wins[:-1]), strict=True):
        ax.plot([j - 0.5, j + 0.5], [i + 0.5, i + 0.5], **style)


def finish(ax: Any, image: Any, title: str) -> None:
    """Title, axis labels and colour bar of a map that stands alone."""
    size = min(10.0, points(ax)[0] / 32)
    ax.set_xlabel("inputs n")
    ax.set_ylabel("outputs m")
    ax.set_title("\n".join([title, *LEGEND]), fontsize=size)
    bar = ax.figure.colorbar(image, ax=ax, extend="both")
    bar.set_label("jacobian_rev / jacobian_fwd", fontsize=size)
    bar.ax.tick_params(labelsize=size)
