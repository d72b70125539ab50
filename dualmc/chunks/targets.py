"""Where the columns of a Jacobian go: an array of its own, a sparse matrix, or what the user gave.

Chunks come in any order.
"""

import math

import numpy as np

from dualmc.calls import room
from dualmc.passes.forward_pass import joined


class Whole:
    """One dense array, (*S, n), in memory."""

    def __init__(self, shape, n, dtype):
        room.need((*shape, n), dtype)
        self.columns = np.empty((*shape, n), dtype)

    def put(self, begin, end, columns):
        dtype = np.result_type(self.columns.dtype, columns.dtype)
        if dtype != self.columns.dtype:  # of inputs of several dtypes
            self.columns = self.columns.astype(dtype)
        self.columns[..., begin:end] = columns

    def all(self):
        return self.columns


class Matrix:
    """Sparse columns side by side."""

    def __init__(self):
        self.parts = {}

    def put(self, begin, end, columns):
        self.parts[begin] = columns

    def all(self):
        return joined([self.parts[begin] for begin in sorted(self.parts)], True)


class Given:
    """The user's arrays, one per argument, each of shape ``y.shape + x.shape``, or turned."""

    def __init__(self, arrays, shapes, ndim, is_turned):
        self.arrays = arrays
        self.shapes = shapes  # of the arguments
        self.ndim = ndim  # of y
        self.is_turned = is_turned

    def put(self, begin, end, columns):
        for low, high, out, box in self._places(begin, end):
            extent = tuple(s.stop - s.start for s in box)
            part = columns[..., low - begin : high - begin]
            part = part.reshape(columns.shape[:-1] + extent)
            if self.is_turned:
                part = np.moveaxis(part, range(self.ndim), range(-self.ndim, 0))
            out[self._key(box)] = part

    def get(self, begin, end):
        """What `put` has put there."""
        parts = []
        for _, _, out, box in self._places(begin, end):
            part = np.asarray(out[self._key(box)])
            if self.is_turned:
                part = np.moveaxis(part, range(-self.ndim, 0), range(self.ndim))
            parts.append(part.reshape((*part.shape[: self.ndim], -1)))
        return np.concatenate(parts, axis=-1)

    def _places(self, begin, end):
        """The columns from `begin` to `end` as boxes: (low, high, array, slices by inputs)."""
        first = 0
        for out, shape in zip(self.arrays, self.shapes, strict=True):
            size = math.prod(shape)
            low, high = max(begin, first), min(end, first + size)
            for start, stop, box in boxes(shape, low - first, high - first):
                yield first + start, first + stop, out, box
            first += size

    def _key(self, box):
        whole = (slice(None),) * self.ndim
        return (*box, *whole) if self.is_turned else (*whole, *box)


def boxes(shape, low, high):
    """The flat range [low, high) of an array as boxes of it: (low, high, slices) of each."""
    if not shape:
        return [(0, 1, ())] if low < high else []
    inner = math.prod(shape[1:])
    found = []
    while low < high:
        row, within = divmod(low, inner)
        if within == 0 and high - low >= inner:  # whole rows
            rows = (high - low) // inner
            box = (slice(row, row + rows), *(slice(0, k) for k in shape[1:]))
            found.append((low, low + rows * inner, box))
            low += rows * inner
            continue
        stop, base = min(high, (row + 1) * inner), row * inner
        for begin, end, box in boxes(shape[1:], within, stop - base):
            found.append((base + begin, base + end, (slice(row, row + 1), *box)))
        low = stop
    return found
