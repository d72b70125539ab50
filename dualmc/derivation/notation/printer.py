"""The walk over the tree of a formula that every notation shares: what binds how tightly."""

import math
import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from dualmc.derivation.notation.symbols import Expr, Numbers

# Arrays up to this many entries a side are printed whole.
WHOLE = 8
FUNCTIONS = {"log": "ln", "maximum": "max", "minimum": "min", "absolute": "abs"}
# How tightly an operation binds.
_TIGHTNESS = {
    "where": 0, "equals": 0, "lt": 1, "le": 1, "gt": 1, "ge": 1, "eq": 1, "ne": 1, "and": 0,
    "or": 0, "add": 2, "subtract": 2, "total": 2, "negative": 3, "scaled": 4, "multiply": 4,
    "chain": 4, "divide": 4, "product": 4, "dot": 4, "kron": 3, "power": 6, "transpose": 6,
}  # fmt: skip
ATOM = 7


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
    """Writes formulas; subclasses say in which marks.

    An operation is written by its method ``on_...``, else by its row of `templates` (what stands
    around its operands, and how tightly each must bind) or of `joints` (what stands between them,
    and how tightly all must bind).
    """

    minus = "-"
    prefix_minus = "-"
    ellipsis = "..."
    ones: str
    """A vector of ones; the next is what stands around a transposed matrix."""
    transposed: str
    comparisons = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
    templates: dict[str, tuple[Any, ...]]
    joints: dict[str, tuple[str, int]]

    def write(self, e: Expr, tightness: int = 0) -> str:
        """`e` as a string, in parentheses if it binds less tightly than asked for."""
        method = getattr(self, f"on_{e.op}", None)
        text = method(*e.args) if method else self.by_table(e.op, *e.args)
        return self.group(text) if self.tightness(e) < tightness else text

    def by_table(self, op: str, *operands: Expr) -> str:
        """As the row of `op` says; without one it is a comparison."""
        if op in self.templates:
            template, *tightness = self.templates[op]
            return template % tuple(map(self.write, operands, tightness))
        if op in self.joints:
            return self.joined(operands, *self.joints[op])
        return self.joined(operands, self.sign(self.comparisons.get(op, op)), 2)

    def joined(self, operands: Sequence[Expr], sign: str, tightness: int) -> str:
        parts = [part for a in operands for part in (sign, self.write(a, tightness))]
        return self.row(*parts[1:])

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

    def vector(self, entries: list[str]) -> str:
        raise NotImplementedError

    def matrix(self, rows: list[list[str]]) -> str:
        raise NotImplementedError

    # --- leaves ----------------------------------------------------------------------------------

    def on_number(self, x: Fraction) -> str:
        return digits(x)

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
        return self.row(self.prefix_minus, self.write(a, 4))

    def on_equals(self, *sides: Expr) -> str:
        text = self.write(sides[0], 1)
        for side in sides[1:]:
            text = self.row(text, self.sign("="), self.write(side))
        return text

    # --- Jacobians -------------------------------------------------------------------------------

    def on_identity(self, *size: str) -> str:
        return self.sized("I", *size)

    def on_ones(self, size: str) -> str:
        return self.sized(self.ones, size)

    def on_commutation(self, *size: str) -> str:
        return self.sized("K", *size)

    def sized(self, name: str, *size: str) -> str:
        """The name of a matrix with its size."""
        return "_".join([name, *size])

    def on_column(self, e: Expr) -> str:
        return self.ones if _is_one(e) else self.write(e)

    def on_transpose(self, e: Expr) -> str:
        return self.transposed % (self.ones if _is_one(e) else self.write(e, 7))

    on_row = on_transpose


def _is_short(x: Fraction) -> bool:
    """Whether a number prints without an exponent."""
    return "e" not in digits(x)


def _is_one(e: Expr) -> bool:
    return e.op == "number" and e.args[0] == 1


def parts_of_name(name: str) -> tuple[str, str]:
    """``u12`` as u and its subscript 12; ``w_hat`` as w and hat."""
    match = re.fullmatch(r"([^\W\d_]+?)_?(\d+|(?<=_)[^\W_]+)", name)
    return (match[1], match[2]) if match else (name, "")
