"""`spy`: where a Jacobian has entries, and how large they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dualmc.pictures import labels
from dualmc.pictures.bins import Bins
from dualmc.pictures.blocks import Blocks, Side, blocks_of
from dualmc.pictures.figures import axes_for, foreground, is_dark, matplotlib, points

# Points of the side of a bin: less is hard to see.
SMALLEST = 2.0
# Magnitudes that many times smaller than the largest are rounding; the scale ends there.
SPAN = 1e16
# Ends of a scale that matplotlib can draw.
LIMITS = (1e-280, 1e300)
# Sides of a matrix whose ratio is larger are not drawn to one scale.
LONGEST = 3.0
# Marks that are drawn larger than their bins.
FEW = 200
# Points of a character of a title.
CHARACTER = 5.8
# How entries without a colour are marked.
MARKS = {
    "nan": ("NaN", "x", "#D55E00"),
    "inf": ("infinite", "^", "#D55E00"),
    "zero": ("0, stored", ".", "#999999"),
}


def spy(
    J: Any,
    *,
    x: Any = None,
    rows: Sequence[str] | Mapping[str, int] | None = None,
    columns: Sequence[str] | Mapping[str, int] | None = None,
    ax: Any = None,
    aspect: str | None = None,
    cmap: Any = None,
    norm: Any = None,
    colorbar: bool = True,
) -> Any:
    """Draw where a Jacobian has entries that are not 0, coloured by their magnitude.

    Parameters
    ----------
    J : array, sparse array, or structure of them
        A matrix, (m, n); a vector is a row.  What `jacobian_fwd`, `gradient` or `hessian` return
        for structures, ``J[out][in]``, is drawn as one matrix of blocks.
    x : optional
        The point J was computed at (for several ``argnums`` the tuple of them): tells inputs from
        outputs where J is a structure, or an array of shape ``y.shape + x.shape`` with more than
        two axes.
    rows, columns : sequence of str, or mapping from str to int, optional
        A name for each row or column, or names of blocks with their sizes.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure of pyplot's.
    aspect : {"equal", "auto"}, optional
        By default "equal", as large as the longer side allows, unless one side is more than three
        times the other.
    cmap, norm : optional
        Colour map and norm of matplotlib, in place of one that grows away from the ground in
        lightness, and of a logarithmic scale.
    colorbar : bool, optional

    Returns
    -------
    ax : matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is not installed (``pip install dualmc[plot]``).
    TypeError, ValueError
        If J is no matrix of numbers, or names do not fit it.

    Notes
    -----
    A matrix with more rows or columns than can be seen is drawn in bins, each with the largest
    magnitude in it; a bin is at least two points wide, so that no entry is lost.  NaN, infinities
    and zeros that are stored have marks of their own, counted in the legend.

    Examples
    --------
    >>> import numpy as np, dualmc as dm
    >>> J = dm.jacobian_fwd(lambda x: x[1:] * x[:-1], np.arange(1.0, 6.0))
    >>> ax = dm.spy(J, columns=["a", "b", "c", "d", "e"])  # ax.figure.savefig("jacobian.png")
    >>> ax.get_title()
    '4 × 5, 8 nonzeros'
    """
    if aspect not in (None, "equal", "auto"):
        raise ValueError(f"spy: aspect must be 'equal' or 'auto', got aspect={aspect!r}.")
    blocks = blocks_of(J, x)
    m, n = blocks.rows.total, blocks.columns.total
    beside = [
        _names(rows, "rows", blocks.rows, m),
        _names(columns, "columns", blocks.columns, n),
    ]
    ax = axes_for("spy", ax)
    if aspect is None:
        aspect = "equal" if max(m, n) <= LONGEST * min(m, n) else "auto"
    size = _drawn_size(ax, m, n, aspect)
    bins = _binned(blocks, size)
    _draw(ax, bins, aspect, cmap, norm, colorbar)
    labels.label(ax, True, beside[0], m, *size)
    labels.label(ax, False, beside[1], n, *size[::-1])
    return ax


def _names(given: Any, what: str, side: Side, total: int) -> Any:
    if given is not None:
        return labels.checked(given, what, total)
    return side if any(side.names) else None


def _drawn_size(ax: Any, m: int, n: int, aspect: str) -> tuple[float, float]:
    """Height and width of the matrix on `ax`, in points."""
    width, height = points(ax)
    if aspect == "equal" and m and n:
        scale = min(width / n, height / m)
        return scale * m, scale * n
    return height, width


def _binned(blocks: Blocks, size: tuple[float, float]) -> Bins:
    grid = [max(16, int(side / SMALLEST)) for side in size]
    bins = Bins((blocks.rows.total, blocks.columns.total), (grid[0], grid[1]))
    row = 0
    for matrices, height in zip(blocks.matrices, blocks.rows.sizes, strict=True):
        column = 0
        for matrix, width in zip(matrices, blocks.columns.sizes, strict=True):
            bins.add_matrix(matrix, row, column)
            column += width
        row += height
    return bins


# --- Drawing -------------------------------------------------------------------------------------


def _draw(ax: Any, bins: Bins, aspect: str, cmap: Any, norm: Any, colorbar: bool) -> None:
    m, n = bins.shape
    ax.xaxis.tick_top()
    ax.tick_params(which="both", bottom=False, labelbottom=False)
    if not ax.get_title():
        ax.set_title(_title(bins, points(ax)[0]), fontsize="medium")
    extent = (-0.5, max(n, 1) - 0.5, max(m, 1) - 0.5, -0.5)
    ax.set(xlim=extent[:2], ylim=extent[2:], aspect=aspect if m and n else "auto")
    if m == 0 or n == 0:
        return
    # A mark stands on the bare ground, where it is seen beside any colour.
    is_marked = bins.holds["nan"] | bins.holds["inf"]
    values = np.ma.masked_array(bins.magnitude, is_marked | (bins.magnitude == 0))
    image = ax.imshow(
        values, cmap=_colours(ax) if cmap is None else cmap,
        norm=_scale(values) if norm is None else norm, extent=extent, aspect=aspect,
        interpolation="nearest",
    )  # fmt: skip
    _mark(ax, bins)
    if colorbar and values.count():
        _add_bar(ax, image, values, norm is None, aspect == "equal" and n > 1.6 * m)
        is_binned = bins.grid != bins.shape
        image.colorbar.set_label("largest magnitude in a bin" if is_binned else "magnitude")


def _title(bins: Bins, width: float) -> str:
    m, n = bins.shape
    count = bins.counts["nonzero"]
    shape, what = f"{m:,} × {n:,}, ", f"{count:,} nonzero{'s' * (count != 1)}"
    if m == 0 or n == 0:
        what = "empty"
    elif count == 0:
        what = "all zero"
    is_long = CHARACTER * len(shape + what) > width
    return shape.strip() + "\n" + what if is_long else shape + what


def _colours(ax: Any) -> Any:
    """From near the ground to far from it in lightness: the larger, the clearer, in print too."""
    viridis = matplotlib("spy").colormaps["viridis"]
    ends = (0.4, 1.0) if is_dark("spy", ax) else (0.6, 0.0)
    colors = matplotlib("spy", ".colors")
    return colors.ListedColormap(viridis(np.linspace(*ends, 256)), name="dualmc_spy")


def _ends(values: Any) -> tuple[float, float]:
    """The least and the largest magnitude on the scale."""
    low, high = (float(values.min()), float(values.max())) if values.count() else (1.0, 1.0)
    low, high = np.clip((max(low, high / SPAN), high), *LIMITS).tolist()
    return low, high


def _scale(values: Any) -> Any:
    """A logarithmic norm of the magnitudes."""
    low, high = _ends(values)
    if low == high:  # one colour, in the middle of a decade
        low, high = low / 10**0.5, high * 10**0.5
    return matplotlib("spy", ".colors").LogNorm(low, high)


def _add_bar(ax: Any, image: Any, values: Any, is_own: bool, is_flat: bool) -> None:
    """The colour bar; on a scale of ours that spans little, the ends of the scale are ticks."""
    low, high = _ends(values)
    is_below = is_own and float(values.min()) < low
    is_above = is_own and float(values.max()) > high
    extend = (("neither", "max"), ("min", "both"))[is_below][is_above]
    anchor = ax.get_anchor()
    bar = ax.figure.colorbar(
        image, ax=ax, extend=extend, fraction=0.06, pad=0.03,
        orientation="horizontal" if is_flat else "vertical",
    )  # fmt: skip
    ax.set_anchor(anchor)  # which colorbar changes, so that labels leave the figure
    if is_own and high < 100 * low:
        ticks = np.unique([low, (low * high) ** 0.5, high] if high > 1.01 * low else [high])
        bar.set_ticks(ticks, labels=[f"{tick:.3g}" for tick in ticks])
        bar.minorticks_off()


def _mark(ax: Any, bins: Bins) -> None:
    """NaN, infinite entries and stored zeros, each by a shape, with a legend."""
    (m, n), grid = bins.shape, bins.grid
    cell = min(size / cells for size, cells in zip(reversed(points(ax)), grid, strict=True))
    for kind, (name, marker, colour) in MARKS.items():
        if not bins.counts[kind]:
            continue
        # A zero gives way to a colour, a colour to NaN and infinite entries.
        i, j = np.nonzero(bins.holds[kind] & ((kind != "zero") | (bins.magnitude == 0)))
        least = 1.5 if kind == "zero" or len(i) > FEW else 4.0
        width = min(max(0.6 * cell, least), 9.0)
        ax.plot(
            (j + 0.5) * n / grid[1] - 0.5, (i + 0.5) * m / grid[0] - 0.5, linestyle="none",
            marker=marker, markersize=width, color=colour, markerfacecolor="none",
            markeredgewidth=min(1.0, width / 4), label=f"{name}: {bins.counts[kind]:,}",
        )  # fmt: skip
    if any(bins.counts[kind] for kind in MARKS):
        ax.legend(
            loc="upper left", bbox_to_anchor=(0, 0), ncols=3 if points(ax)[0] > 220 else 1,
            frameon=False, fontsize="small", handletextpad=0.2, columnspacing=1.0,
            borderaxespad=0.3, labelcolor=foreground("spy"),
        )  # fmt: skip
        for handle in ax.get_legend().legend_handles:
            handle.set(markersize=6, markeredgewidth=1)
