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
        m, n = self.shape
        # The bin that the middle of an entry lies in.
        at = (2 * rows.astype(np.int64) + 1) * self.grid[0] // (2 * m) * self.grid[1]
        at += (2 * columns.astype(np.int64) + 1) * self.grid[1] // (2 * n)
        is_nan, is_finite = np.isnan(values), np.isfinite(values)
        wide = np.complex128 if values.dtype.kind == "c" else np.float64
        with np.errstate(over="ignore"):  # of a complex number near the largest
            size = np.minimum(np.abs(values.astype(wide)), np.finfo(float).max)
        np.maximum.at(self.magnitude.reshape(-1), at[is_finite], size[is_finite])
        kinds = {"nan": is_nan, "inf": ~is_finite & ~is_nan, "zero": values == 0}
        for name, is_kind in kinds.items():
            self.holds[name].reshape(-1)[at[is_kind]] = True
            self.counts[name] += int(np.count_nonzero(is_kind))
        self.counts["nonzero"] += int(np.count_nonzero(values))

    def add_matrix(self, matrix: Any, row: int, column: int) -> None:
        """All entries of a dense or sparse matrix, whose first stands at (row, column)."""
        if hasattr(matrix, "tocoo"):
            i, j, values = _coordinates(matrix)
            self.add(i + row, j + column, values)
            return
        step = max(1, ENTRIES // max(1, matrix.shape[1]))
        for start in range(0, matrix.shape[0], step):
            part = matrix[start : start + step]
            i, j = np.nonzero(part)
            self.add(i + (start + row), j + column, part[i, j])


def _coordinates(matrix: Any) -> tuple[Any, Any, Any]:
    """Rows, columns and values of what is stored; what is stored twice is added up."""
    found = matrix.tocoo()
    is_sorted = getattr(matrix, "has_canonical_format", False)
    if not is_sorted and hasattr(found, "sum_duplicates"):
        found = found.copy() if found is matrix else found
        found.sum_duplicates()
    *rows, columns = found.coords  # a sparse vector is a row
    return rows[0] if rows else np.zeros_like(columns), columns, np.asarray(found.data)
