"""What the operators of an expression compute: Python's and NumPy's, on numbers and arrays."""

import ast
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def stacked(items: Sequence[Any]) -> Any:
    """What ``np.array(items)`` would be, of array-like entries too."""
    parts = [stacked(i) if isinstance(i, (list, tuple)) else i for i in items]
    return np.stack(parts) if parts else np.array([])


def operand(value: Any) -> Any:
    """A list as an array.  No objects: their powers are Python's, of numbers of any length."""
    if isinstance(value, (list, tuple)):
        value = stacked(value)
    if isinstance(value, np.ndarray) and value.dtype.hasobject:
        raise TypeError("An expression computes with numbers; an array here holds something else.")
    return value


def argument(value: Any) -> Any:
    """A list as an array if it holds arrays; NumPy would not find those inside it."""
    return operand(value) if _holds_arrays(value) else value


def _holds_arrays(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_holds_arrays, value))
    return not isinstance(value, (int, float, complex))


def bounded(value: Any) -> Any:
    """Python's integers as floats once they exceed 64 bits, as they would inside an array."""
    return float(value) if isinstance(value, int) and abs(value) >= 2**63 else value


def _power(a: Any, b: Any) -> Any:
    if isinstance(a, int) and isinstance(b, int) and b * (abs(a).bit_length() - 1) >= 63:
        return float(a) ** b
    if isinstance(a, (int, float)) and isinstance(b, float):
        return np.power(float(a), b)  # Python's leaves the real numbers at (-8)**0.5.
    return a**b


def _invert(a: Any) -> Any:
    return not a if isinstance(a, bool) else ~a


OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
    ast.MatMult: operator.matmul,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: _invert,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
