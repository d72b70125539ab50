"""Matrices that are made of vectors or of blocks."""

import numpy as np

from dualmc.duals.operands import as_operand
from dualmc.errors import missing_case
from dualmc.unchanged.scipy.linalg.table import handles


@handles("block_diag")
def block_diag(*arrays):
    arrays = [np.atleast_2d(as_operand(a)) for a in arrays]
    if any(np.ndim(a) != 2 for a in arrays):
        raise missing_case("scipy.linalg.block_diag", "of stacks of matrices")
    widths = np.cumsum([0, *(a.shape[1] for a in arrays)])
    rows = [
        np.pad(a, ((0, 0), (before, widths[-1] - after)))
        for a, before, after in zip(arrays, widths, widths[1:], strict=False)
    ]
    return np.concatenate(rows)


@handles("toeplitz")
def toeplitz(c, r=None):
    c = np.ravel(as_operand(c))
    r = np.conj(c) if r is None else np.ravel(as_operand(r))
    both = np.concatenate([c[::-1], r[1:]])
    rows, columns = np.ogrid[: c.size, : r.size]
    return both[c.size - 1 - rows + columns]


@handles("hankel")
def hankel(c, r=None):
    c = np.ravel(as_operand(c))
    r = np.zeros_like(c) if r is None else np.ravel(as_operand(r))
    rows, columns = np.ogrid[: c.size, : r.size]
    return np.concatenate([c, r[1:]])[rows + columns]


@handles("circulant")
def circulant(c):
    c = np.ravel(as_operand(c))
    rows, columns = np.ogrid[: c.size, : c.size]
    return c[(rows - columns) % c.size]


@handles("kron")
def kron(a, b):
    return np.kron(a, b)
