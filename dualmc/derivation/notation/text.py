"""Formulas as text: the walk over a tree that every notation shares, and plain text itself.

`latex.py` and `mathml.py` say the same things in their own marks.
"""

import math
import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from dualmc.derivation.notation.symbols import Expr

# Arrays up to this many entries a side are printed whole.
WHOLE = 8
COMPARISONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
FUNCTIONS = {"log": "ln", "maximum": "max", "minimum": "min", "absolute": "abs"}
# How tightly an operation binds.
_TIGHTNESS = {
    "where": 0, "equals": 0, "lt": 1, "le": 1, "gt": 1, "ge": 1, "eq": 1, "ne": 1, "and": 0,
    "or": 0, "add": 2, "subtract": 2, "total": 2, "negative": 3, "scaled": 4, "multiply": 4,
    "chain": 4, "divide": 4, "product": 4, "dot": 4, "power": 6, "transpose": 6,
}  # fmt: skip
ATOM = 7


class Numbers:
    """An array as part of a formula."""

    def __init__(self, array: Any) -> None:
        self.array = np.asarray(array)

    def __str__(self) -> str:
        return f"array {id(self)}"


def value(array: Any) -> Expr:
    """The formula that is an array of plain numbers."""
    return Expr("value", Numbers(array), is_array=False)


def equals(*sides: Expr) -> Expr:
    return Expr("equals", *sides)


def digits(x: Any) -> str:
    """A number with six significant digits; whole numbers as they are."""
    x = float(x)
    if x == 0:
        return "0"
    if math.isfinite(x) and x == round(x) and abs(x) < 1e6:
        return str(int(x))
    return f"{x:.6g}"


def abbreviated(items: Sequence[Any]) -> list[Any]:
    """A long list without its middle: None stands for what is left out."""
    items = list(items)
    return items if len(items) <= WHOLE else [*items[:4], None, items[-1]]


class Printer:
    """Writes formulas in plain text; subclasses override the marks."""

    times = "*"
    minus = "-"
    ellipsis = "..."

    def write(self, e: Expr, tightness: int = 0) -> str:
        """`e` as a string, in parentheses if it binds less tightly than asked for."""
        method = getattr(self, f"on_{e.op}", None)
        text = method(*e.args) if method else self.on_comparison(e.op, *e.args)
        return self.group(text) if self.tightness(e) < tightness else text

    def tightness(self, e: Expr) -> int:
        if e.op == "number":
            return 3 if e.args[0] < 0 else ATOM if _is_short(e.args[0]) else 4
        if e.op == "value":
            a = e.args[0].array
            return 3 if a.ndim == 0 and a < 0 else ATOM
        if e.op == "column" and not _is_one(e.args[0]):
            return self.tightness(e.args[0])
        return _TIGHTNESS.get(e.op, ATOM)

    # --- marks -----------------------------------------------------------------------------------

    def group(self, text: str) -> str:
        return f"({text})"

    def row(self, *parts: str) -> str:
        return "".join(parts)

    def sign(self, mark: str) -> str:
        """A binary operator with the space around it."""
        return f" {mark} "

    def word(self, text: str) -> str:
        return text

    # --- leaves ----------------------------------------------------------------------------------

    def on_number(self, x: Fraction) -> str:
        return digits(x)

    def on_symbol(self, name: str) -> str:
        return name

    def on_value(self, numbers: Numbers) -> str:
        a = numbers.array
        if a.ndim == 0:
            return digits(a)
        if a.ndim == 1:
            return self.vector([self.entry(x) for x in abbreviated(list(a))])
        if a.ndim == 2 and max(a.shape) <= WHOLE:
            return self.matrix([[digits(x) for x in row] for row in a])
        return self.word("array of shape " + " x ".join(map(str, a.shape)))

    def entry(self, x: Any) -> str:
        return self.ellipsis if x is None else digits(x)

    def vector(self, entries: list[str]) -> str:
        return "[" + ", ".join(entries) + "]"

    def matrix(self, rows: list[list[str]]) -> str:
        if not rows or not rows[0]:
            return "[]"
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "[" + "  ".join(x.rjust(w) for x, w in zip(row, widths, strict=True)) + "]"
            for row in rows
        ]
        return "\n".join(lines)

    # --- operations ------------------------------------------------------------------------------

    def on_add(self, *terms: Expr) -> str:
        text = self.write(terms[0], 2)
        for term in terms[1:]:
            if term.op == "negative":
                text = self.row(text, self.sign(self.minus), self.write(term.args[0], 3))
            elif term.op == "number" and term.args[0] < 0:
                text = self.row(text, self.sign(self.minus), self.on_number(-term.args[0]))
            else:
                text = self.row(text, self.sign("+"), self.write(term, 3))
        return text

    on_total = on_add

    def on_subtract(self, a: Expr, b: Expr) -> str:
        return self.row(self.write(a, 2), self.sign(self.minus), self.write(b, 4))

    def on_negative(self, a: Expr) -> str:
        return self.row(self.unary_minus(), self.write(a, 4))

    def unary_minus(self) -> str:
        return "-"

    def on_multiply(self, *factors: Expr) -> str:
        return self.times.join(
            self.write(f, 4 if i == 0 else 5) if f.op != "negative" else self.write(f, 5)
            for i, f in enumerate(factors)
        )

    def on_divide(self, a: Expr, b: Expr) -> str:
        return f"{self.write(a, 4)}/{self.write(b, 5)}"

    def on_power(self, a: Expr, b: Expr) -> str:
        return f"{self.write(a, 7)}^{self.write(b, 7)}"

    def on_call(self, name: str, *args: Expr) -> str:
        return f"{FUNCTIONS.get(name, name)}({', '.join(map(self.write, args))})"

    def on_option(self, key: str, a: Expr) -> str:
        return f"{key}={self.write(a)}"

    def on_where(self, condition: Expr, a: Expr, b: Expr) -> str:
        return f"{self.write(a, 1)} if {self.write(condition, 1)} else {self.write(b)}"

    def on_comparison(self, op: str, a: Expr, b: Expr) -> str:
        sign = self.sign(self.comparison(op))
        return self.row(self.write(a, 2), sign, self.write(b, 2))

    def comparison(self, op: str) -> str:
        return COMPARISONS.get(op, op)

    def on_index(self, a: Expr, key: str) -> str:
        return self.row(self.write(a, 7), f"[{key}]")

    def on_written(self, a: Expr, key: str, b: Expr) -> str:
        return f"{self.write(a, 7)} with [{key}] = {self.write(b)}"

    def on_list(self, *items: Expr) -> str:
        return self.vector([self.write(item) for item in items])

    def on_equals(self, *sides: Expr) -> str:
        text = self.write(sides[0], 1)
        for side in sides[1:]:
            text = self.row(text, self.sign("="), self.write(side))
        return text

    # --- derivatives and Jacobians ---------------------------------------------------------------

    def on_derivative(self, y: Expr, x: Expr) -> str:
        return f"d{self.write(y)}/d{self.write(x)}"

    def on_partial(self, y: Expr, x: Expr) -> str:
        return f"∂{self.write(y)}/∂{self.write(x)}"

    def on_chain(self, *factors: Expr) -> str:
        """Factors multiplied as the chain rule writes them, numbers or matrices."""
        return " * ".join(self.write(f, 5) for f in factors)

    def on_identity(self) -> str:
        return "I"

    def on_diagonal(self, e: Expr) -> str:
        return f"diag({self.write(e)})"

    def on_column(self, e: Expr) -> str:
        return "ones" if _is_one(e) else self.write(e)

    def on_row(self, e: Expr) -> str:
        return self.on_transpose(e)

    def on_transpose(self, e: Expr) -> str:
        return "ones^T" if _is_one(e) else f"{self.write(e, 7)}^T"

    def on_scaled(self, coefficient: Expr, matrix: Expr) -> str:
        return f"{self.write(coefficient, 4)} * {self.write(matrix, 4)}"

    def on_product(self, *factors: Expr) -> str:
        return " @ ".join(self.write(f, 5) for f in factors)

    def on_dot(self, a: Expr, b: Expr) -> str:
        return f"{self.write(a, 5)} . {self.write(b, 5)}"

    def on_entries(self, *items: Expr) -> str:
        return self.vector([self.write(item) for item in items])

    def on_unit(self, k: str) -> str:
        return f"e[{k}]^T"

    def on_rows(self, *rows: Expr) -> str:
        return self.vector([self.write(row) for row in rows])

    def on_word(self, text: str) -> str:
        return self.word(text)

    def on_at(self, operation: Expr, x: Expr) -> str:
        """``d/dx of an operation``."""
        return f"d/d{self.write(x)} {self.write(operation, 5)}"


def _is_short(x: Fraction) -> bool:
    """Whether a number prints without an exponent."""
    return "e" not in digits(x)


def _is_one(e: Expr) -> bool:
    return e.op == "number" and e.args[0] == 1


def parts_of_name(name: str) -> tuple[str, str]:
    """``u12`` as u and its subscript 12; ``w_hat`` as w and hat."""
    match = re.fullmatch(r"([^\W\d_]+?)_?(\d+|(?<=_)[^\W_]+)", name)
    return (match[1], match[2]) if match else (name, "")
