"""Formulas with fractions, subscripts and matrices: what LaTeX and MathML have in common."""

from fractions import Fraction
from itertools import pairwise
from typing import Any

from dualmc.derivation.notation.printer import Printer, digits
from dualmc.derivation.notation.symbols import Expr, Numbers

GREEK = dict(
    zip(
        """
        alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau
        upsilon phi chi psi omega
        """.split(),
        "αβγδεζηθικλμνξπρστυφχψω",
        strict=True,
    )
)


class Typeset(Printer):
    """Writes formulas in two dimensions; subclasses say in which marks."""

    thin: str
    """The space between the factors of a product; the next two are its signs."""
    dot: str
    elementwise: str

    def figures(self, text: str) -> str:
        """A number with its exponent as a power of ten."""
        raise NotImplementedError

    def table(self, rows: list[list[str]]) -> str:
        """A matrix of formulas."""
        raise NotImplementedError

    def fence(self, left: str, inner: str, right: str) -> str:
        """Brackets around `inner`."""
        raise NotImplementedError

    def tightness(self, e: Expr) -> int:
        return 5 if e.op == "divide" else super().tightness(e)

    def group(self, text: str) -> str:
        return self.fence("(", text, ")")

    def on_number(self, x: Fraction) -> str:
        return self.figures(digits(x))

    def on_value(self, numbers: Numbers) -> str:
        if numbers.array.ndim == 0:
            return self.figures(digits(numbers.array))
        return super().on_value(numbers)

    def entry(self, x: Any) -> str:
        return self.ellipsis if x is None else self.figures(digits(x))

    def matrix(self, rows: list[list[str]]) -> str:
        return self.table([[self.figures(x) for x in row] for row in rows])

    def on_multiply(self, *factors: Expr) -> str:
        parts = [self.write(factors[0], 4)]
        for before, factor in pairwise(factors):
            if before.is_array and factor.is_array:
                parts.append(self.elementwise)
            else:
                parts.append(self.dot if self._is_dotted(before, factor) else self.thin)
            parts.append(self.write(factor, 4 if factor.op == "divide" else 5))
        return self.row(*parts)

    def _is_dotted(self, a: Expr, b: Expr) -> bool:
        """Whether numbers would run together without a dot, or a name would seem to be called."""
        is_grouped = self.tightness(b) < 5
        while b.op in ("power", "multiply"):
            b = b.args[0]
        return b.op == "number" or (is_grouped and a.op in ("symbol", "power"))

    def on_chain(self, *factors: Expr) -> str:
        sign = self.dot if any(f.op == "value" for f in factors) else self.thin
        return self.joined(factors, sign, 5)

    def on_list(self, *items: Expr) -> str:
        return self.table([[self.write(item)] for item in items])

    def on_entries(self, *items: Expr) -> str:
        return self.table([[self.write(item) for item in items]])

    def on_rows(self, *rows: Expr) -> str:
        return self.table([[self.write(e) for e in row.args] for row in rows])
