"""Formulas as short text, for the labels of a drawing: ``u₁ = x³``."""

import re
from fractions import Fraction

from dualmc.derivation.notation.symbols import Expr
from dualmc.derivation.notation.text import Printer, digits, parts_of_name

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


class Compact(Printer):
    """Short text for the labels of a drawing: ``u₁ = x³``."""

    times = "·"
    minus = "−"
    ellipsis = "…"

    def unary_minus(self) -> str:
        return "−"

    def on_number(self, x: Fraction) -> str:
        return digits(x).replace("-", "−")

    def on_symbol(self, name: str) -> str:
        base, index = parts_of_name(name)
        if name == "pi":
            return "π"
        return base + index.translate(_SUBSCRIPTS) if index.isdigit() else name

    def on_power(self, a: Expr, b: Expr) -> str:
        exponent = self.write(b).replace("−", "-")
        if re.fullmatch(r"-?\d+", exponent):
            return self.write(a, 7) + exponent.translate(_SUPERSCRIPTS)
        return super().on_power(a, b)

    def on_multiply(self, *factors: Expr) -> str:
        if factors[0].op == "number" and len(factors) == 2 and factors[1].op != "number":
            return self.write(factors[0], 4) + self.write(factors[1], 5)
        return super().on_multiply(*factors)

    def on_transpose(self, e: Expr) -> str:
        return "1ᵀ" if e.op == "number" else f"{self.write(e, 7)}ᵀ"

    def on_column(self, e: Expr) -> str:
        return "1" if e.op == "number" else self.write(e)

    def on_product(self, *factors: Expr) -> str:
        return " ".join(self.write(f, 5) for f in factors)

    def on_dot(self, a: Expr, b: Expr) -> str:
        return f"{self.write(a, 5)} · {self.write(b, 5)}"

    def on_comparison(self, op: str, a: Expr, b: Expr) -> str:
        text = super().on_comparison(op, a, b)
        return text.replace("<=", "≤").replace(">=", "≥").replace("!=", "≠").replace("==", "=")

    def on_unit(self, k: str) -> str:
        return f"e[{k}]ᵀ"
