"""Colours of columns: those of one colour have no row in common, so that one partial does for all.

Greedy, in the order of the columns and by the number of their entries; the better of the two is
taken.  (Curtis, Powell, Reid, 1974; Coleman, Moré, 1983; Gebremedhin, Manne, Pothen, 2005.)
"""

import numpy as np

from dualmc.kernels.compiling import on_first_call

# Steps that colouring may take; beyond them every column has a colour of its own.
_MOST = 2_000_000_000


def coloured(indptr, indices, n):
    """A colour per column, int32, of a pattern in rows compressed; and how many there are."""
    widths = np.diff(indptr)
    least = int(widths.max(initial=0))
    if least >= n or int(np.sum(widths.astype(np.int64) ** 2)) > _MOST:
        return np.arange(n, dtype=np.int32), n
    starts, rows = transposed(indptr, indices, n)
    found, count = _greedy(indptr, indices, starts, rows, np.arange(n), n)
    if count > least:
        largest_first = np.argsort(-np.diff(starts), kind="stable")
        other, fewer = _greedy(indptr, indices, starts, rows, largest_first, n)
        if fewer < count:
            found, count = other, fewer
    return found, max(count, 1)


def transposed(indptr, indices, n):
    """The pattern in columns compressed."""
    starts = np.zeros(n + 1, np.int64)
    rows = np.empty(indices.size, np.int32)
    transpose(indptr, indices, starts, rows)
    return starts, rows


def _greedy(indptr, indices, starts, rows, order, n):
    colours = np.full(n, -1, np.int32)
    return colours, int(greedy(indptr, indices, starts, rows, order, colours))


@on_first_call
def transpose(indptr, indices, starts, rows):
    n = starts.size - 1
    for j in indices:
        starts[j + 1] += 1
    for j in range(n):
        starts[j + 1] += starts[j]
    at = starts[:n].copy()
    for i in range(indptr.size - 1):
        for k in range(indptr[i], indptr[i + 1]):
            j = indices[k]
            rows[at[j]] = i
            at[j] += 1


@on_first_call
def greedy(indptr, indices, starts, rows, order, colours):
    """Give each column of `order` the least colour that no column has which shares a row."""
    count = 0
    taken = np.full(colours.size + 1, -1, np.int64)
    for j in order:
        for k in range(starts[j], starts[j + 1]):
            i = rows[k]
            for q in range(indptr[i], indptr[i + 1]):
                colour = colours[indices[q]]
                if colour >= 0:
                    taken[colour] = j
        colour = 0
        while taken[colour] == j:
            colour += 1
        colours[j] = colour
        count = max(count, colour + 1)
    return count
