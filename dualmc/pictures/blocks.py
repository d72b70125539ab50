"""What `spy` is given, as matrices side by side: an array, a sparse one, or ``J[out][in]``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from dualmc.calls.banded import Banded
from dualmc.calls.structures import trees
from dualmc.duals.dual import Dual


class Side(NamedTuple):
    """The rows or the columns of a Jacobian: outputs or inputs, with so many entries each."""

    names: list[str]
    sizes: list[int]

    @property
    def total(self) -> int:
        return sum(self.sizes)


class Blocks(NamedTuple):
    """A Jacobian, a matrix for every output and input: ``matrices[out][in]``."""

    rows: Side
    columns: Side
    matrices: list[list[Any]]


def blocks_of(J: Any, x: Any) -> Blocks:
    """The matrices of `J`; `x` is the point of a structure or of arrays of several axes, or None.

    Raises
    ------
    TypeError, ValueError
        If J is nothing that can be drawn, or not a Jacobian by x.
    """
    if x is None:
        matrix = _matrix(J)
        m, n = matrix.shape if len(matrix.shape) == 2 else (1, *matrix.shape)
        return Blocks(Side([""], [m]), Side([""], [n]), [[matrix]])
    found: list[trees.Leaf] = []
    trees.opened(J, "J", found)
    for inputs in _points(x):
        count = len(inputs)
        outputs = [found[i : i + count] for i in range(0, len(found), count or 1)]
        if count and found and all(_is_row(row, inputs) for row in outputs):
            return _placed(outputs, inputs)
    raise ValueError(
        f"spy: J is no Jacobian by x: the blocks of J must be those of J[out][in], in the "
        f"structure of x, each of shape y.shape + x.shape (layout='numerator'), or sparse with "
        f"x.size columns. J has {_shapes(found)}; x has {_shapes(_points(x)[0])}."
    )


def _matrix(J: Any) -> Any:
    """J, given without x, as a dense or sparse matrix."""
    is_matrix = type(J) is Banded or hasattr(J, "tocoo")  # a dok_array is a dict, too
    if trees.is_container(J) and not is_matrix:
        if type(J) is not list or trees.holds_named(J) or trees.shape_of(J) is None:
            raise TypeError(
                f"spy: J is a {type(J).__name__}, whose outputs and inputs only the point tells "
                f"apart: spy(J, x=x), with x the structure that J was computed at, or a tuple of "
                f"the arguments that argnums names."
            )
    matrix = _numbers(_unpacked(J) if type(J) is Banded else J)
    if len(matrix.shape) > 2:
        raise ValueError(
            f"spy draws matrices; J has shape {matrix.shape}. Give the point that J was computed "
            f"at, spy(J, x=x), which tells outputs from inputs, or reshape J to (y.size, x.size)."
        )
    return matrix if hasattr(matrix, "tocoo") else np.atleast_2d(matrix)


class Entries(NamedTuple):
    """A sparse matrix, as its class in other packages would give it."""

    shape: tuple[int, int]
    dtype: Any
    coords: tuple[Any, Any]
    data: Any

    def tocoo(self) -> Entries:
        return self


def _unpacked(J: Banded) -> Any:
    """Diagonals as the square sparse matrix that they are of."""
    k, j = np.nonzero(J.ab)
    n = J.ab.shape[1]
    return Entries((n, n), J.ab.dtype, (k - J.upper + j, j), J.ab[k, j])


def _numbers(a: Any) -> Any:
    """`a` as an array, or the sparse one that it is."""
    if issubclass(type(a), Dual):
        raise TypeError(
            "spy draws plain numbers; it was called inside another derivative call. Call it "
            "outside, on what the call returns."
        )
    if issubclass(type(a), np.ma.MaskedArray):
        raise TypeError("spy: J is a masked array. Fill it first, e.g. J.filled(0).")
    a = a if hasattr(a, "tocoo") else np.asarray(a)
    if a.dtype.kind not in "biufc":
        raise TypeError(
            "spy needs J to be an array of numbers, a sparse one (of any class with tocoo), or "
            "what jacobian_fwd returns for a structure; got "
            + (f"a {type(a).__name__} of dtype {a.dtype}." if a.shape else f"{a!r:.60}.")
        )
    return a


def _points(x: Any) -> list[list[trees.Leaf]]:
    """The leaves of x, as a structure and, if it may be one, as an array."""
    opened: list[trees.Leaf] = []
    trees.opened(x, "x", opened)
    if trees.is_container(x) and not trees.holds_named(x) and trees.shape_of(x) is not None:
        return [opened, [trees.Leaf(np.asarray(x), "x", ())]]
    return [opened]


def _is_row(row: Sequence[trees.Leaf], inputs: Sequence[trees.Leaf]) -> bool:
    """Whether these are the blocks of one output."""
    if len(row) < len(inputs):
        return False
    found = {
        (_output(block, x), _height(block.value, x.value))
        for block, x in zip(row, inputs, strict=True)
    }
    return len(found) == 1 and None not in found.pop()


def _output(block: trees.Leaf, x: trees.Leaf) -> tuple | None:
    """The path of the output that `block` is of, or None if it is not by `x`."""
    length = len(block.path) - len(x.path)
    return block.path[:length] if length >= 0 and block.path[length:] == x.path else None


def _height(block: Any, x: Any) -> int | None:
    """How many outputs the rows of `block` are of, or None if its shape does not end in x's."""
    shape, point = np.shape(block), np.shape(x)
    if hasattr(block, "tocoo"):
        point = (math.prod(point),)
    length = len(shape) - len(point)
    return math.prod(shape[:length]) if length >= 0 and shape[length:] == point else None


def _placed(outputs: list[list[trees.Leaf]], inputs: Sequence[trees.Leaf]) -> Blocks:
    sizes = [math.prod(np.shape(x.value)) for x in inputs]
    columns = Side([_name(x.path) for x in inputs], sizes)
    rows = Side([], [])
    matrices = []
    for row in outputs:
        height = _height(row[0].value, inputs[0].value)
        assert height is not None
        rows.names.append(_name(_output(row[0], inputs[0]) or ()))
        rows.sizes.append(height)
        found = [_numbers(leaf.value) for leaf in row]
        matrices.append(
            [
                a if hasattr(a, "tocoo") else a.reshape(height, n)
                for a, n in zip(found, sizes, strict=True)
            ]
        )
    return Blocks(rows, columns, matrices)


def _name(path: tuple) -> str:
    return ".".join(map(str, path))


def _shapes(leaves: Sequence[trees.Leaf]) -> str:
    shown = [f"{leaf.name} of shape {tuple(np.shape(leaf.value))}" for leaf in leaves[:4]]
    more = f" and {len(leaves) - 4} more" if len(leaves) > 4 else ""
    return (", ".join(shown) or "no numbers") + more
