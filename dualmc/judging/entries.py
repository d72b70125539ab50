"""Two Jacobians entry by entry: dense ones by position, sparse ones where either has an entry."""

from typing import Any

import numpy as np

# Differences of so many units in the last place of the largest entry are rounding.
ULPS = 1e3


class Entries:
    """The entries of one Jacobian beside the exact ones.

    Attributes
    ----------
    theirs, exact : ndarray, shape (k,)
    positions : ndarray, shape (k,), or None
        Where they stand in the Jacobian, flat; None: these are all of it, in their order.
    differs : ndarray of bool, shape (k,)
    """

    def __init__(self, theirs: Any, exact: Any, rtol: float | None, atol: float) -> None:
        self.positions = None
        if hasattr(exact, "tocoo"):
            theirs, exact, self.positions = _united(theirs, exact)
        self.theirs, self.exact = np.ravel(theirs), np.ravel(exact)
        precision = exact.dtype if exact.dtype.kind in "fc" else np.dtype(float)
        self.eps = float(np.finfo(precision).eps)
        self.rtol = float(np.sqrt(self.eps)) if rtol is None else float(rtol)
        self.atol = float(atol)
        a, b = _wide(self.theirs), _wide(self.exact)
        with np.errstate(all="ignore"):
            self.gap = np.abs(a - b)
            self.size = np.abs(b)
            near = (self.gap <= self.atol + self.rtol * self.size) & np.isfinite(a)
            is_same = (a == b) | (np.isnan(a) & np.isnan(b))
            self.differs = ~(is_same | near & np.isfinite(b))

    @property
    def largest(self) -> float:
        """The largest finite exact entry."""
        return float(np.max(self.size, initial=0.0, where=np.isfinite(self.size)))

    def worst(self, count: int) -> Any:
        """The `count` entries that differ most for what is allowed, the worst first."""
        found = np.flatnonzero(self.differs)
        with np.errstate(all="ignore"):
            allowed = self.atol + self.rtol * self.size[found] + self.eps * self.largest
            excess = np.nan_to_num(self.gap[found] / allowed, nan=np.inf)
        return found[np.argsort(-excess, kind="stable")[:count]]

    def is_rounding(self) -> bool:
        """Whether all that differs differs by rounding of the largest entry."""
        gap = self.gap[self.differs]
        return bool(np.all(gap <= ULPS * self.eps * self.largest))

    def factor(self) -> Any:
        """The number that the exact one is to be multiplied with to give theirs, or None."""
        a, b = _wide(self.theirs), _wide(self.exact)
        if np.count_nonzero(b) < 2 or not (np.isfinite(a).all() and np.isfinite(b).all()):
            return None
        at = int(np.argmax(np.abs(b)))
        with np.errstate(all="ignore"):
            factor = (a[at] / b[at]).item()
            near = np.abs(a - factor * b) <= abs(factor) * (self.atol + self.rtol * self.size)
        return factor if near.all() else None


def is_transposed(theirs: Any, exact: Any, rtol: float, atol: float) -> bool:
    """Whether `theirs`, a square matrix, is the transpose of `exact`, which is not symmetric."""
    if len(exact.shape) != 2 or exact.shape[0] != exact.shape[1]:
        return False
    return not Entries(theirs.T, exact, rtol, atol).differs.any()


def _wide(a: Any) -> Any:
    """In double precision at least, where differences of float16 do not overflow."""
    return a.astype(np.result_type(a.dtype, np.float64), copy=False)


def _united(theirs: Any, exact: Any) -> tuple[Any, Any, Any]:
    """The entries that one of two sparse matrices stores, and where they stand."""
    columns = exact.shape[1]
    values, positions = [], []
    for matrix in (theirs, exact):
        coo = matrix.tocoo(copy=True)
        coo.sum_duplicates()
        values.append(coo.data)
        positions.append(coo.row.astype(np.int64) * columns + coo.col)
    union = np.union1d(*positions)
    filled = []
    for data, at in zip(values, positions, strict=True):
        filled.append(np.zeros(len(union), data.dtype))
        filled[-1][np.searchsorted(union, at)] = data
    return filled[0], filled[1], union
