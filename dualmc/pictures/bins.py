"""A matrix of any size as a grid of bins, each with the largest magnitude in it.

A bin is never smaller than can be seen, so that a nonzero alone among 10^12 entries shows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

# Entries of a dense matrix that are looked at at once.
ENTRIES = 2**20


class Bins:
    """The grid of an (m, n) matrix; `grid` are its rows and columns of bins."""

    def __init__(self, shape: tuple[int, int], grid: tuple[int, int]) -> None:
        self.shape = shape
        self.grid = tuple(min(cells, size) for cells, size in zip(grid, shape, strict=True))
        self.magnitude = np.zeros(self.grid)
        """The largest finite magnitude in each bin; 0 where no entry but 0 is."""
        self.holds = {name: np.zeros(self.grid, bool) for name in ("nan", "inf", "zero")}
        """Which bins hold such an entry, ``zero`` being one that is stored."""
        self.counts = dict.fromkeys(("nan", "inf", "zero", "nonzero"), 0)

    def add(self, rows: Any, columns: Any, values: Any) -> None:
        """Entries at so many places, each once."""
        at = self._bins(rows, 0) * self.grid[1] + self._bins(columns, 1)
        is_nan, is_finite = np.isnan(values), np.isfinite(values)
        size = np.minimum(_magnitudes(values), np.finfo(float).max)
        np.maximum.at(self.magnitude.reshape(-1), at[is_finite], size[is_finite])
        kinds = {"nan": is_nan, "inf": ~is_finite & ~is_nan, "zero": values == 0}
        for name, is_kind in kinds.items():
            self.holds[name].reshape(-1)[at[is_kind]] = True
            self.counts[name] += int(np.count_nonzero(is_kind))
        self.counts["nonzero"] += int(np.count_nonzero(values))

    def _bins(self, places: Any, axis: int) -> Any:
        """The bins that the middles of these rows or columns lie in."""
        return (2 * places.astype(np.int64) + 1) * self.grid[axis] // (2 * self.shape[axis])

    def _add_finite(self, part: Any, row: int, column: int) -> bool:
        """Does for a dense part what `add` does, many times faster; not where it holds NaN, inf."""
        size = _magnitudes(part)
        if not np.isfinite(size).all():
            return False
        places = [np.arange(k) + first for k, first in zip(part.shape, (row, column), strict=True)]
        (rows, i), (columns, j) = (
            np.unique(self._bins(place, axis), return_index=True)
            for axis, place in enumerate(places)
        )
        largest = np.maximum.reduceat(np.maximum.reduceat(size, j, axis=1), i, axis=0)
        at = np.ix_(rows, columns)
        self.magnitude[at] = np.maximum(self.magnitude[at], largest)
        self.counts["nonzero"] += int(np.count_nonzero(part))
        return True

    def add_matrix(self, matrix: Any, row: int, column: int) -> None:
        """All entries of a dense or sparse matrix, whose first stands at (row, column)."""
        if hasattr(matrix, "tocoo"):
            i, j, values = _coordinates(matrix)
            self.add(i + row, j + column, values)
            return
        step = max(1, ENTRIES // max(1, matrix.shape[1]))
        for start in range(0, matrix.shape[0], step):
            part = matrix[start : start + step]
            if part.size and not self._add_finite(part, start + row, column):
                i, j = np.nonzero(part)
                self.add(i + (start + row), j + column, part[i, j])


def _magnitudes(values: Any) -> Any:
    wide = np.complex128 if values.dtype.kind == "c" else np.float64
    with np.errstate(over="ignore"):  # of a complex number near the largest
        return np.abs(values.astype(wide, copy=False))


def _coordinates(matrix: Any) -> tuple[Any, Any, Any]:
    """Rows, columns and values of what is stored; what is stored twice is added up."""
    found = matrix.tocoo()
    is_sorted = getattr(matrix, "has_canonical_format", False)
    if not is_sorted and hasattr(found, "sum_duplicates"):
        found = found.copy() if found is matrix else found
        found.sum_duplicates()
    *rows, columns = found.coords  # a sparse vector is a row
    return rows[0] if rows else np.zeros_like(columns), columns, np.asarray(found.data)
