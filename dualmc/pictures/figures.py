"""Which Axes a picture is drawn on, and in which colours: those of the user's style.

Given Axes are drawn on and nothing else is touched.  Without them the picture gets a figure of its
own from pyplot, as with pandas: notebooks and ``plt.show()`` show it, and it becomes the current
one.  No setting is changed, and nothing is shown or saved.
"""

from __future__ import annotations

import importlib
from typing import Any

# Of Okabe and Ito's eight colours, which people with any colour vision tell apart: the two that
# also differ in lightness, for what a picture sets against one another.
FORWARD, REVERSE = "#56B4E9", "#D55E00"
# For what belongs to neither.
NEITHER = "#999999"


def matplotlib(caller: str, module: str = "") -> Any:
    """The package matplotlib, or a module of it; `caller` is what needs it."""
    try:
        return importlib.import_module("matplotlib" + module)
    except ImportError as error:
        raise ImportError(
            f"{caller} needs matplotlib, which is not installed or cannot be imported ({error}). "
            f"Install it with: pip install dualmc[plot]"
        ) from error


def axes_for(caller: str, ax: Any, size: tuple[float, float] | None = None) -> Any:
    """`ax`, or the Axes of a new figure, of so many inches or of the user's usual size."""
    if ax is None:
        return new_figure(caller, size).add_subplot()
    if not isinstance(ax, matplotlib(caller, ".axes").Axes):
        raise TypeError(
            f"{caller}: ax must be Axes of matplotlib, such as plt.subplots() returns beside the "
            f"figure; got {_named(ax)}."
        )
    if ax.figure is None:
        raise ValueError(f"{caller}: ax has been removed from its figure. Give it other Axes.")
    return ax


def figure_for(caller: str, figure: Any, size: tuple[float, float] | None = None) -> Any:
    """`figure`, which may be a part of one, or a new one."""
    if figure is None:
        return new_figure(caller, size)
    if not isinstance(figure, matplotlib(caller, ".figure").FigureBase):
        raise TypeError(
            f"{caller}: figure must be a Figure or a SubFigure of matplotlib; got {_named(figure)}."
        )
    return figure


def new_figure(caller: str, size: tuple[float, float] | None) -> Any:
    matplotlib(caller)
    return matplotlib(caller, ".pyplot").figure(figsize=size, layout="constrained")


def _named(a: Any) -> str:
    kind = type(a)
    module = "" if kind.__module__ == "builtins" else kind.__module__ + "."
    return f"an object of {module}{kind.__qualname__}"


def points(ax: Any) -> tuple[float, float]:
    """Width and height of the Axes in points, 1/72 of an inch."""
    box, dpi = ax.get_window_extent(), ax.figure.dpi
    return box.width * 72 / dpi, box.height * 72 / dpi


def foreground(caller: str) -> str:
    """The colour of text in the user's style."""
    return matplotlib(caller).rcParams["text.color"]


def is_dark(caller: str, ax: Any) -> bool:
    """Whether what is drawn on `ax` has a dark ground."""
    return luminance(caller, ground(caller, ax)) < 0.2


def ground(caller: str, ax: Any) -> tuple[float, ...]:
    """The colour behind what is drawn on `ax`, whose own may be transparent."""
    to_rgba = matplotlib(caller, ".colors").to_rgba
    below = (1.0, 1.0, 1.0)
    for patch in (ax.figure.canvas.figure.patch, ax.figure.patch, ax.patch):
        *colour, alpha = to_rgba(patch.get_facecolor())
        if patch.get_visible():
            below = tuple(alpha * c + (1 - alpha) * b for c, b in zip(colour, below, strict=True))
    return below


def luminance(caller: str, colour: Any) -> float:
    """How light a colour is, from 0 to 1 (W3C, WCAG 2.2)."""
    channels = matplotlib(caller, ".colors").to_rgb(colour)
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
