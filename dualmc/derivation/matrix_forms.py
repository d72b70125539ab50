"""Jacobians of functions of whole arrays as formulas, whose elements are taken row by row.

So NumPy's `reshape` reads an array, and so is vec(X) meant: vec(A @ X @ B) is
(A kron B^T) @ vec(X), where the textbooks that stack columns have (B^T kron A).
"""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from dualmc.derivation.factors import commutation, identity, kron, ones
from dualmc.derivation.forms import Form, compose, elementwise
from dualmc.derivation.notation.symbols import (
    ONE,
    ZERO,
    Expr,
    divide,
    multiply,
    negative,
    subtract,
    transposed,
)
from dualmc.graph.nodes import Node, Slot, fill
from dualmc.graph.returning import stacked

# Row vectors of up to this many entries are written out.
WRITTEN_OUT = 6


def is_operand(a: Any, slot: int) -> bool:
    return isinstance(a, Slot) and a == slot


def _sum_form(writer: Any, node: Node, slot: int) -> Form | None:
    if len(node.args) > 1:
        return None
    if not node.options:
        return Form(ONE, (Expr("row", ONE),))
    axis, shape = node.options.get("axis"), node.operands[0].shape
    if set(node.options) != {"axis"} or len(shape) != 2 or type(axis) is not int:
        return None
    m, n = shape
    if axis in (0, -2):
        return Form(ONE, (kron(Expr("row", ones(m)), identity(n)),))
    return Form(ONE, (kron(identity(m), Expr("row", ones(n))),))


def _mean_form(writer: Any, node: Node, slot: int) -> Form | None:
    form, size = _sum_form(writer, node, slot), node.operands[0].size
    if form is None or not size:
        return None
    return Form(divide(1, size // node.size), form.factors)


def _var_form(writer: Any, node: Node, slot: int) -> Form | None:
    """d var(x) = (2/n) (x - mean(x))^T dx."""
    deviations = _deviations(writer, node)
    return deviations and Form(divide(2, node.operands[0].size), deviations.factors)


def _std_form(writer: Any, node: Node, slot: int) -> Form | None:
    """Half of that of the variance, divided by the deviation."""
    deviations = _deviations(writer, node)
    scale = multiply(node.operands[0].size, writer.equation(node))
    return deviations and Form(divide(1, scale), deviations.factors)


def _deviations(writer: Any, node: Node) -> Form | None:
    if len(node.args) > 1 or not node.operands[0].size:
        return None
    (x,) = writer.operands(node)
    return Form(ONE, (Expr("row", subtract(x, Expr("call", "mean", x, shape=()))),))


def ndims(node: Node) -> tuple[int, ...]:
    """The numbers of axes of the positional arguments."""
    values = [operand.value for operand in node.operands]
    return tuple(np.ndim(fill(a, values)) for a in node.args)


def _product_form(writer: Any, node: Node, slot: int) -> Form | None:
    """Of ``a @ b``: by a vector b it is a, by a vector a it is b transposed; by a matrix, whose
    elements are taken row by row, a Kronecker product with an identity.
    """
    args = writer.operands(node)
    a, b = ndims(node)[:2]
    if not 1 <= a <= 2 or not 1 <= b <= 2:
        return None
    by_first = is_operand(node.args[0], slot)
    other = args[1] if by_first else args[0]
    if (a, b) == (1, 1):
        return Form(ONE, (Expr("row", other),))
    if by_first:
        turned = Expr("row", other) if b == 1 else transposed(other)
        return Form(ONE, (turned if a == 1 else kron(identity(node.shape[0]), turned),))
    turned = Expr("row", other) if a == 1 else other
    return Form(ONE, (turned if b == 1 else kron(turned, identity(node.shape[-1])),))


def _outer_form(writer: Any, node: Node, slot: int) -> Form | None:
    a, b = writer.operands(node)
    if ndims(node) != (1, 1):
        return None
    if is_operand(node.args[0], slot):
        return Form(ONE, (kron(identity(node.shape[0]), Expr("column", b)),))
    return Form(ONE, (kron(Expr("column", a), identity(node.shape[1])),))


def _transpose_form(writer: Any, node: Node, slot: int) -> Form | None:
    shape = node.operands[0].shape
    if len(node.args) > 1 or len(shape) > 2:
        return None
    return Form(ONE, (commutation(*shape),)) if len(shape) == 2 else Form(ONE)


def _trace_form(writer: Any, node: Node, slot: int) -> Form | None:
    m, n = node.operands[0].shape if len(node.operands[0].shape) == 2 else (0, 1)
    if m != n or len(node.args) > 1:
        return None
    return Form(ONE, (Expr("row", identity(n)),))


def _inv_form(writer: Any, node: Node, slot: int) -> Form | None:
    """dY = -Y dA Y, row by row: -(Y kron Y^T)."""
    if len(node.shape) != 2:
        return None
    inverse = writer.equation(node)
    return Form(negative(ONE), (kron(inverse, transposed(inverse)),))


def _det_form(writer: Any, node: Node, slot: int) -> Form | None:
    """Jacobi's formula: d det(A) = det(A) tr(A^-1 dA)."""
    if node.shape:
        return None
    (a,) = writer.operands(node)
    inverse = Expr("call", "inv", a, shape=a.shape)
    return Form(writer.equation(node), (Expr("row", transposed(inverse)),))


def _solve_form(writer: Any, node: Node, slot: int) -> Form | None:
    """y = A^-1 b: dy = A^-1 db - A^-1 dA y."""
    if len(node.operands) > 2 or max(ndims(node)) > 2:
        return None
    a, _ = writer.operands(node)
    inverse = Expr("call", "inv", a, shape=a.shape)
    y = writer.equation(node)
    if is_operand(node.args[0], slot):
        turned = Expr("row", y) if len(node.shape) == 1 else transposed(y)
        return Form(negative(ONE), (kron(inverse, turned),))
    return Form(ONE, (inverse if len(node.shape) == 1 else kron(inverse, identity(node.shape[1])),))


def _norm_form(writer: Any, node: Node, slot: int) -> Form | None:
    """The length of a vector, or of the elements of a matrix."""
    if len(node.args) > 1:
        return None
    return Form(divide(1, writer.equation(node)), (Expr("row", writer.operands(node)[0]),))


def _index_form(writer: Any, node: Node, slot: int) -> Form | None:
    key, operand = node.args[1], node.operands[0]
    if not issubclass(type(key), int) or len(operand.shape) != 1:
        return None
    n = operand.size
    entries = [ONE if i == key % n else ZERO for i in range(n)]
    if n <= WRITTEN_OUT:
        return Form(ONE, (Expr("entries", *entries),))
    return Form(ONE, (Expr("transpose", Expr("basis", str(key % n))),))


def _list_form(writer: Any, node: Node, slot: int) -> Form | None:
    if node.operands[slot].shape or len(node.args) > WRITTEN_OUT:
        return None
    entries = [ONE if is_operand(a, slot) else ZERO for a in node.args]
    return Form(ONE, (Expr("transpose", Expr("entries", *entries)),))


MATRICES: dict[Any, Callable[[Any, Node, int], Form | None]] = {
    np.sum: _sum_form,
    np.mean: _mean_form,
    np.matmul: _product_form,
    np.dot: _product_form,
    np.var: _var_form,
    np.std: _std_form,
    np.outer: _outer_form,
    np.transpose: _transpose_form,
    np.trace: _trace_form,
    np.linalg.inv: _inv_form,
    np.linalg.det: _det_form,
    np.linalg.solve: _solve_form,
    np.linalg.norm: _norm_form,
    operator.getitem: _index_form,
    stacked: _list_form,
}
# Of these, options are read.
WITH_OPTIONS = (np.sum, np.mean)


# --- Element-wise operations ----------------------------------------------------------------------


def elementwise_form(e: Expr, y: tuple[int, ...], x: tuple[int, ...]) -> Form | None:
    """Of an operation whose partial is `e`, of a result of shape y by an operand of shape x."""
    if not x and y:
        return elementwise(e, "column") if e.shape in ((), y) else None
    diagonal = _diagonal(e, y)
    if x == y or diagonal is None:
        return diagonal
    spread = _spread(x, y)
    return None if spread is None else compose(diagonal, Form(ONE, (spread,)))


def _diagonal(e: Expr, shape: tuple[int, ...]) -> Form | None:
    """diag(e) of an array of that shape, which `e` may have to be repeated for."""
    if e.shape in ((), shape):
        return elementwise(e, "diagonal")
    if len(shape) != 2 or len(e.shape) > 2:
        return None
    m, n = shape
    if e.shape in ((n,), (1, n)):
        return Form(ONE, (kron(identity(m), Expr("diagonal", e)),))
    if e.shape == (m, 1):
        return Form(ONE, (kron(Expr("diagonal", e), identity(n)),))
    return None


def _spread(x: tuple[int, ...], y: tuple[int, ...]) -> Expr | None:
    """The matrix that repeats an array of shape x, flat, to one of shape y."""
    if len(y) != 2 or len(x) > 2:
        return None
    m, n = y
    if x in ((n,), (1, n)):
        return kron(ones(m), identity(n))
    return kron(identity(m), ones(n)) if x == (m, 1) else None
