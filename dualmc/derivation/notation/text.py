"""Formulas as plain text, and as short text for the labels of a drawing."""

import re
from fractions import Fraction

from dualmc.derivation.notation.printer import FUNCTIONS, Printer, digits, parts_of_name
from dualmc.derivation.notation.symbols import Expr

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


class Text(Printer):
    """Plain text: ``u1 = x^3``."""

    times = "*"
    ones = "ones"
    transposed = "%s^T"
    templates = {
        "divide": ("%s/%s", 4, 5),
        "power": ("%s^%s", 7, 7),
        "derivative": ("d%s/d%s", 0, 0),
        "partial": ("∂%s/∂%s", 0, 0),
        "diagonal": ("diag(%s)", 0),
        "vec": ("vec(%s)", 0),
    }
    joints = {
        "chain": (" * ", 5),
        "scaled": (" * ", 4),
        "product": (" @ ", 5),
        "dot": (" . ", 5),
        "kron": (" kron ", 5),
    }

    def on_symbol(self, name: str) -> str:
        return name

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

    def on_multiply(self, *factors: Expr) -> str:
        return self.times.join(self.write(f, 5 if i else 4) for i, f in enumerate(factors))

    def on_call(self, name: str, *args: Expr) -> str:
        return f"{FUNCTIONS.get(name, name)}({', '.join(map(self.write, args))})"

    def on_option(self, key: str, a: Expr) -> str:
        return f"{key}={self.write(a)}"

    def on_where(self, condition: Expr, a: Expr, b: Expr) -> str:
        return f"{self.write(a, 1)} if {self.write(condition, 1)} else {self.write(b)}"

    def on_index(self, a: Expr, key: str) -> str:
        return self.row(self.write(a, 7), f"[{key}]")

    def on_written(self, a: Expr, key: str, b: Expr) -> str:
        return f"{self.write(a, 7)} with [{key}] = {self.write(b)}"

    def on_entries(self, *items: Expr) -> str:
        return self.vector([self.write(item) for item in items])

    on_list = on_rows = on_entries

    def on_basis(self, k: str) -> str:
        return f"e[{k}]"


class Compact(Text):
    """Short text for the labels of a drawing: ``u₁ = x³``."""

    times = "·"
    minus = prefix_minus = "−"
    ellipsis = "…"
    ones = "1"
    transposed = "%sᵀ"
    comparisons = Text.comparisons | {"le": "≤", "ge": "≥", "ne": "≠", "eq": "="}
    joints = Text.joints | {"product": (" ", 5), "dot": (" · ", 5), "kron": (" ⊗ ", 5)}

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
        return self.by_table("power", a, b)

    def on_multiply(self, *factors: Expr) -> str:
        if factors[0].op == "number" and len(factors) == 2 and factors[1].op != "number":
            return self.write(factors[0], 4) + self.write(factors[1], 5)
        return super().on_multiply(*factors)
