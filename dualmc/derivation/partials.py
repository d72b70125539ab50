"""The Jacobian of one operation by one of its operands, and what it looks like.

They come from the one table of rules, through `jvp` and `jacobian_fwd` of the operation itself.  An
element-wise operation has a diagonal Jacobian (4.2): its n numbers are kept, never the n x n.
"""

import math
from functools import cached_property
from typing import Any

import numpy as np

from dualmc.forward import jacobian_fwd
from dualmc.graph.nodes import Node, Slot
from dualmc.kernels.payload import times
from dualmc.products import jvp
from dualmc.rules import registry
from dualmc.rules.table import RULES

# Entries of one operation's Jacobian that are still computed.
LARGEST = 2**21


class TooLarge(Exception):
    """A Jacobian has more entries than are worth showing."""


class Partial:
    """``d node / d operand``, a matrix of shape (m, n).

    Attributes
    ----------
    node, operand : Node
    slot : int
        Which use of the operand.
    entries : ndarray
        The diagonal, shape ``node.shape``, if `is_elementwise`; else the matrix.
    """

    def __init__(self, node: Node, slot: int, entries: Any, is_elementwise: bool) -> None:
        self.node = node
        self.slot = slot
        self.operand = node.operands[slot]
        self.entries = entries
        self.is_elementwise = is_elementwise

    @property
    def shape(self) -> tuple[int, int]:
        return (self.node.size, self.operand.size)

    @property
    def is_same_shape(self) -> bool:
        return self.node.shape == self.operand.shape

    @cached_property
    def structure(self) -> str:
        """What it is: a number, I, a multiple of I, diag, a row, a column, a matrix, ..."""
        m, n = self.shape
        if not self.node.shape and not self.operand.shape:
            return "number"
        if m * n > LARGEST and not (self.is_elementwise and self.is_same_shape):
            return "matrix"
        if self.is_elementwise and self.is_same_shape:
            return _kind_of_diagonal(self.entries)
        a = self.matrix()
        if m == n and m > 1 and not np.any(a - np.diag(np.diag(a))):
            return _kind_of_diagonal(np.diag(a))
        is_ones = bool(a.size) and bool((a == 1).all())
        if not self.operand.shape:
            return "ones column" if is_ones else "column"
        if not self.node.shape:
            return "ones row" if is_ones else _selection(a) or "row"
        return _selection(a) or "matrix"

    def matrix(self) -> Any:
        """The (m, n) array."""
        if not self.is_elementwise:
            return self.entries
        return self.push(np.eye(self.shape[1]))

    def full(self) -> Any:
        """The same in the shape ``node.shape + operand.shape`` of numerator layout."""
        return self.matrix().reshape(self.node.shape + self.operand.shape)

    def push(self, tangent: Any) -> Any:
        """``J @ tangent``, for a tangent of shape (n, k)."""
        if not self.is_elementwise:
            return _matmul(self.entries, tangent)
        k = tangent.shape[1]
        spread = tangent.reshape((*self.operand.shape, k))
        extra = len(self.node.shape) - len(self.operand.shape)
        spread = spread.reshape((1,) * extra + spread.shape)
        spread = np.broadcast_to(spread, (*self.node.shape, k))
        return times(spread, self.entries[..., None]).reshape(self.node.size, k)

    def pull(self, cotangent: Any) -> Any:
        """``cotangent @ J``, for a cotangent of shape (k, m)."""
        if not self.is_elementwise:
            return _matmul(cotangent, self.entries)
        k = cotangent.shape[0]
        out = times(cotangent.reshape((k, *self.node.shape)), self.entries)
        extra = len(self.node.shape) - len(self.operand.shape)
        out = out.sum(axis=tuple(range(1, extra + 1))) if extra else out
        repeated = tuple(
            i
            for i, (a, b) in enumerate(zip(out.shape[1:], self.operand.shape, strict=True), 1)
            if a != b
        )
        out = out.sum(axis=repeated, keepdims=True) if repeated else out
        return out.reshape(k, self.operand.size)

    def multiplications(self, k: int) -> int:
        """Products of numbers in ``J @ tangent``, or ``cotangent @ J``, for k of them.

        As in `compare`: a partial that is always 1 or -1 costs none, nor does moving elements.
        """
        if self.is_elementwise:
            place = place_of(self.node, self.slot)
            rule = RULES[self.node.function].partials[place]
            is_unit = not callable(rule) and abs(rule) == 1
            return 0 if is_unit else self.node.size * k
        entry = registry.FUNCTIONS.get(self.node.function)
        if entry is not None and entry.kind in ("bilinear", "composite"):
            return self.shape[0] * self.shape[1] * k
        if self.node.function is np.matmul:
            return self.shape[0] * self.shape[1] * k
        return int(np.count_nonzero(np.abs(self.entries) != 1) - np.sum(self.entries == 0)) * k


def place_of(node: Node, slot: int) -> int:
    """Which positional argument is the operand `slot` itself."""
    return next(i for i, a in enumerate(node.args) if isinstance(a, Slot) and a == slot)


def _kind_of_diagonal(entries: Any) -> str:
    if entries.size and (entries == entries.flat[0]).all():
        return "identity" if entries.flat[0] == 1 else "scaled identity"
    return "diagonal"


def _selection(a: Any) -> str | None:
    """Whether every row takes at most one element as it is."""
    if not a.size or not ((a == 0) | (a == 1)).all():
        return None
    return "selection" if (np.count_nonzero(a, axis=1) <= 1).all() and a.any() else None


def _matmul(a: Any, b: Any) -> Any:
    with np.errstate(all="ignore"):
        out = a @ b
        if np.isfinite(out).all():
            return out
        terms = a[:, :, None] * b[None, :, :]
        return np.where((a[:, :, None] == 0) | (b[None] == 0), 0.0, terms).sum(axis=1)


def is_elementwise(node: Node) -> bool:
    """Whether each element of the result reads one element of each operand (4.2)."""
    return node.function in RULES and not (set(node.options) - {"dtype", "casting", "order"})


def partials_of(node: Node) -> list[Partial]:
    """The Jacobian of `node` by each of its operands, each use of an operand apart.

    Raises
    ------
    TooLarge
        If one has more than `LARGEST` entries.
    """
    values = [operand.value for operand in node.operands]
    with np.errstate(all="ignore"):
        if is_elementwise(node):
            found = []
            for slot in range(len(values)):
                # All operands are active, so that a tie of max(u, v) is shared as in f itself.
                seeds = [np.full(v.shape, float(i == slot), v.dtype) for i, v in enumerate(values)]
                _, y_dot = jvp(node.call, tuple(values), tuple(seeds))
                found.append(Partial(node, slot, np.asarray(y_dot), True))
            return found
        if node.size * sum(v.size for v in values) > LARGEST:
            raise TooLarge
        blocks = jacobian_fwd(node.call, *values, argnums=tuple(range(len(values))))
    shapes = [(math.prod(node.shape), v.size) for v in values]
    return [
        Partial(node, slot, np.asarray(block).reshape(shape), False)
        for slot, (block, shape) in enumerate(zip(blocks, shapes, strict=True))
    ]
