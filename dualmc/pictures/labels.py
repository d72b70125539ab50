"""What stands beside the rows and columns of a matrix: numbers, names, or names of blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dualmc.pictures.blocks import Side
from dualmc.pictures.figures import foreground, matplotlib

# Which part of the picture's other side names may take, and of how many characters at most.
SHARE = 0.35
LONGEST = 28
# Points between lines of blocks, below which they are not drawn.
CLOSEST = 4.0


def checked(given: Any, what: str, total: int) -> Any:
    """The names of `total` rows or columns: a list of them, or the `Side` that a mapping gives."""
    if isinstance(given, Mapping):
        side = Side([str(name) for name in given], [_size(what, k) for k in given.values()])
        if side.total != total:
            raise ValueError(
                f"spy: the sizes of {what} must add up to the {total:,} {what} of J; they add up "
                f"to {side.total:,}."
            )
        return side
    if isinstance(given, str) or not hasattr(given, "__len__"):
        raise TypeError(
            f"spy: {what} must be a sequence of names, one for each of the {total:,} {what}, or a "
            f"mapping from the names of blocks to their sizes; got {given!r:.60}."
        )
    if len(given) != total:
        raise ValueError(f"spy: J has {total:,} {what}; got {len(given):,} names for them.")
    return [str(name) for name in given]


def _size(what: str, size: Any) -> int:
    if not issubclass(type(size), (int, np.integer)) or issubclass(type(size), bool) or size < 0:
        raise TypeError(f"spy: the sizes of {what} must be whole numbers; got {size!r:.60}.")
    return int(size)


class Room:
    """The points along a side of a matrix, and across it; the size of its labels."""

    def __init__(self, is_row: bool, along: float, across: float) -> None:
        setting = matplotlib("spy").rcParams["ytick.labelsize" if is_row else "xtick.labelsize"]
        font = matplotlib("spy", ".font_manager").FontProperties(size=setting)
        self.along = along
        self.height = 1.4 * font.get_size_in_points()
        self.character = 0.45 * self.height
        self.longest = max(5, min(LONGEST, int(SHARE * across / self.character)))

    def cut(self, name: str) -> str:
        """A long name without its middle: names differ at either end."""
        if len(name) <= self.longest:
            return name
        end = (self.longest - 1) // 2
        return f"{name[: self.longest - 1 - end]}…{name[len(name) - end :]}"

    def width(self, name: str) -> float:
        """Points that a name takes, with room around it."""
        return self.character * (len(name) + 2)


def label(ax: Any, is_row: bool, names: Any, total: int, along: float, across: float) -> None:
    """Ticks and names of the rows or columns of `ax`: the side is so many points long."""
    room = Room(is_row, along, across)
    if isinstance(names, Side):
        _label_blocks(ax, is_row, names, room)
    else:
        _label_entries(ax.yaxis if is_row else ax.xaxis, is_row, names, total, room)


def _label_entries(
    axis: Any, is_row: bool, names: Sequence[str] | None, total: int, room: Room
) -> None:
    """A number or a name at every entry, or at as many as fit: every 2nd, 5th, 10th, ..."""
    ticker = matplotlib("spy", ".ticker")
    shown = [f"{total:,}"] if names is None else list(map(room.cut, names))
    width = max(map(room.width, shown), default=0.0)
    is_upright = not is_row and names is not None and width * total > room.along
    need = room.height if is_row or is_upright else width
    axis.set_major_locator(ticker.MultipleLocator(_step(total, room.along, need)))

    def written(at: float, _: Any = None) -> str:
        i = round(at)
        return "" if not 0 <= i < total else f"{i:,}" if names is None else room.cut(names[i])

    axis.set_major_formatter(ticker.FuncFormatter(written))
    if is_upright:
        axis.set_tick_params(labelrotation=90)


def _step(total: int, along: float, need: float) -> int:
    """Of how many entries one is labelled."""
    step, rest = 1, max(1.0, total * need / max(along, 1.0))
    while rest > 10:
        step, rest = 10 * step, rest / 10
    return step * next(k for k in (1, 2, 5, 10) if k >= rest)


def _label_blocks(ax: Any, is_row: bool, side: Side, room: Room) -> None:
    """The name of each block at its middle, the larger ones first, and lines between blocks."""
    ticker = matplotlib("spy", ".ticker")
    axis = ax.yaxis if is_row else ax.xaxis
    ends = np.cumsum([0, *side.sizes]) - 0.5
    scale = room.along / max(1, side.total)
    names = list(map(room.cut, side.names))
    lengths = [scale * size for size in side.sizes]
    is_upright = not is_row and any(
        room.height <= length < room.width(name)
        for name, length in zip(names, lengths, strict=True)
    )
    kept: list[tuple[float, float, str]] = []
    for i in sorted(range(len(names)), key=lambda i: -lengths[i]):
        middle = float(ends[i] + ends[i + 1]) / 2
        need = room.height if is_row or is_upright else room.width(names[i])
        is_free = all(abs(middle - at) * scale >= (need + other) / 2 for at, other, _ in kept)
        if lengths[i] and is_free:
            kept.append((middle, need, names[i]))
    axis.set_major_locator(ticker.FixedLocator([at for at, _, _ in kept]))
    axis.set_major_formatter(ticker.FixedFormatter([name for _, _, name in kept]))
    axis.set_tick_params(length=0, labelrotation=90 if is_upright else 0)
    if len(ends) > 2 and len(ends) * CLOSEST <= room.along:
        draw = ax.hlines if is_row else ax.vlines
        across = ax.get_xlim() if is_row else ax.get_ylim()
        draw(ends[1:-1], *across, colors=foreground("spy"), linewidth=0.8, alpha=0.5)
