"""Formulas as MathML Core, which browsers render by themselves."""

from fractions import Fraction
from html import escape
from typing import Any

from dualmc.derivation.notation.latex import GREEK, is_dotted
from dualmc.derivation.notation.symbols import Expr
from dualmc.derivation.notation.text import COMPARISONS, FUNCTIONS, Printer, digits, parts_of_name

_LETTERS = dict(
    zip(
        """
        alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau
        upsilon phi chi psi omega
        """.split(),
        "αβγδεζηθικλμνξπρστυφχψω",
        strict=True,
    )
)
_COMPARISONS = {"<=": "≤", ">=": "≥", "!=": "≠", "==": "=", "and": "∧", "or": "∨"}
_THIN = '<mspace width="0.17em"/>'


def _mi(name: str, upright: bool = False) -> str:
    variant = ' mathvariant="normal"' if upright and len(name) == 1 else ""
    return f"<mi{variant}>{escape(name)}</mi>"


def _mo(sign: str) -> str:
    return f"<mo>{escape(sign)}</mo>"


def _mrow(*parts: str) -> str:
    return "<mrow>" + "".join(parts) + "</mrow>"


def _fence(left: str, inner: str, right: str) -> str:
    """Brackets, stretched only around what is tall: Chromium leaves wide gaps beside those."""
    is_tall = "<mfrac>" in inner or "<mtable" in inner
    stretch = "" if is_tall else ' stretchy="false"'
    return _mrow(
        f'<mo fence="true" form="prefix"{stretch}>{left}</mo>',
        inner,
        f'<mo fence="true" form="postfix"{stretch}>{right}</mo>',
    )


def _matrix(rows: list[list[str]]) -> str:
    """A table in brackets: borders, because not every machine has fonts whose brackets stretch."""
    cells = ["".join(f"<mtd>{cell}</mtd>" for cell in row) for row in rows]
    body = "".join(f"<mtr>{row}</mtr>" for row in cells)
    return f'<mtable class="matrix">{body}</mtable>'


def _figures(text: str) -> str:
    mantissa, _, exponent = text.partition("e")
    sign, mantissa = ("−", mantissa[1:]) if mantissa.startswith("-") else ("", mantissa)
    body = f"<mn>{mantissa}</mn>" if mantissa[:1].isdigit() else _mi(mantissa, True)
    if exponent:
        body += _mo("×") + f"<msup><mn>10</mn>{_figures(str(int(exponent)))}</msup>"
    return _mrow(_mo(sign), body) if sign else body if not exponent else _mrow(body)


class MathPrinter(Printer):
    """Formulas in MathML; every method returns one element."""

    minus = "−"
    ellipsis = "<mo>…</mo>"

    def group(self, text: str) -> str:
        return _fence("(", text, ")")

    def row(self, *parts: str) -> str:
        return _mrow(*parts)

    def sign(self, mark: str) -> str:
        return _mo(mark)

    def word(self, text: str) -> str:
        return f"<mtext>{escape(text)}</mtext>"

    def comparison(self, op: str) -> str:
        sign = COMPARISONS.get(op, op)
        return _COMPARISONS.get(sign, sign)

    def unary_minus(self) -> str:
        return '<mo form="prefix">−</mo>'

    def tightness(self, e: Expr) -> int:
        return 5 if e.op == "divide" else super().tightness(e)

    def on_number(self, x: Fraction) -> str:
        return _figures(digits(x))

    def on_symbol(self, name: str) -> str:
        if name in ("inf", "..."):
            return _mi("∞", True) if name == "inf" else self.ellipsis
        base, index = parts_of_name(name)
        base = _LETTERS[base] if base in GREEK else base
        if not index:
            return _mi(base)
        below = f"<mn>{index}</mn>" if index.isdigit() else _mi(index)
        return f"<msub>{_mi(base)}{below}</msub>"

    def entry(self, x: Any) -> str:
        return self.ellipsis if x is None else _figures(digits(x))

    def on_value(self, numbers: Any) -> str:
        if numbers.array.ndim == 0:
            return _figures(digits(numbers.array))
        return super().on_value(numbers)

    def vector(self, entries: list[str]) -> str:
        separated = [part for entry in entries for part in ('<mo separator="true">,</mo>', entry)]
        return _fence("[", _mrow(*separated[1:]), "]")

    def matrix(self, rows: list[list[str]]) -> str:
        return _matrix([[_figures(x) for x in row] for row in rows])

    def on_multiply(self, *factors: Expr) -> str:
        parts = [self.write(factors[0], 4)]
        for before, factor in zip(factors, factors[1:], strict=False):
            if before.is_array and factor.is_array:
                parts.append(_mo("⊙"))
            else:
                parts.append(_mo("·") if is_dotted(before, factor, self) else _THIN)
            parts.append(self.write(factor, 4 if factor.op == "divide" else 5))
        return _mrow(*parts)

    def on_divide(self, a: Expr, b: Expr) -> str:
        return f"<mfrac>{self.write(a)}{self.write(b)}</mfrac>"

    def on_power(self, a: Expr, b: Expr) -> str:
        return f"<msup>{self.write(a, 7)}{self.write(b)}</msup>"

    def on_call(self, name: str, *args: Expr) -> str:
        if name == "sqrt":
            return f"<msqrt>{self.write(args[0])}</msqrt>"
        if name in ("absolute", "fabs"):
            return _fence("|", self.write(args[0]), "|")
        inner = [part for a in args for part in ('<mo separator="true">,</mo>', self.write(a))]
        body = _fence("(", _mrow(*inner[1:]), ")")
        return _mrow(_mi(FUNCTIONS.get(name, name), True), _mo("\u2061"), body)

    def on_option(self, key: str, a: Expr) -> str:
        return _mrow(_mi(key), _mo("="), self.write(a))

    def on_where(self, condition: Expr, a: Expr, b: Expr) -> str:
        if_, else_ = (f"<mtext>&#160;{word}&#160;</mtext>" for word in ("if", "else"))
        return _mrow(self.write(a, 1), if_, self.write(condition, 1), else_, self.write(b))

    def on_index(self, a: Expr, key: str) -> str:
        return _mrow(self.write(a, 7), self.word(f"[{key}]"))

    def on_written(self, a: Expr, key: str, b: Expr) -> str:
        return _mrow(self.write(a, 7), self.word(f" with [{key}] = "), self.write(b))

    def on_list(self, *items: Expr) -> str:
        return _matrix([[self.write(item)] for item in items])

    def on_derivative(self, y: Expr, x: Expr) -> str:
        return self._fraction(_mi("d"), y, x)

    def on_partial(self, y: Expr, x: Expr) -> str:
        return self._fraction(_mi("∂"), y, x)

    def _fraction(self, d: str, y: Expr, x: Expr) -> str:
        return f"<mfrac>{_mrow(d, self.write(y))}{_mrow(d, self.write(x))}</mfrac>"

    def on_chain(self, *factors: Expr) -> str:
        sign = _mo("·") if any(f.op == "value" for f in factors) else _THIN
        parts = [part for f in factors for part in (sign, self.write(f, 5))]
        return _mrow(*parts[1:])

    def on_identity(self) -> str:
        return _mi("I")

    def on_diagonal(self, e: Expr) -> str:
        return _mrow(_mi("diag"), _mo("\u2061"), self.group(self.write(e)))

    def on_column(self, e: Expr) -> str:
        return "<mi>𝟏</mi>" if e.op == "number" else self.write(e)

    def on_transpose(self, e: Expr) -> str:
        base = "<mi>𝟏</mi>" if e.op == "number" else self.write(e, 7)
        return f"<msup>{base}<mi>T</mi></msup>"

    def on_scaled(self, coefficient: Expr, matrix: Expr) -> str:
        return _mrow(self.write(coefficient, 4), _THIN, self.write(matrix, 4))

    def on_product(self, *factors: Expr) -> str:
        parts = [part for f in factors for part in (_THIN, self.write(f, 5))]
        return _mrow(*parts[1:])

    def on_dot(self, a: Expr, b: Expr) -> str:
        return _mrow(self.write(a, 5), _mo("·"), self.write(b, 5))

    def on_entries(self, *items: Expr) -> str:
        return _matrix([[self.write(item) for item in items]])

    def on_rows(self, *rows: Expr) -> str:
        return _matrix([[self.write(e) for e in row.args] for row in rows])

    def on_unit(self, k: str) -> str:
        return f"<msubsup><mi>e</mi><mn>{k}</mn><mi>T</mi></msubsup>"


def math_of(e: Expr, is_display: bool = False) -> str:
    """A formula as a ``<math>`` element."""
    attribute = ' display="block"' if is_display else ""
    return f"<math{attribute}>{MathPrinter().write(e)}</math>"
