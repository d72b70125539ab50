"""Formulas as MathML Core, which browsers render by themselves."""

from collections.abc import Iterable
from html import escape

from dualmc.derivation.notation.printer import FUNCTIONS, Printer, parts_of_name
from dualmc.derivation.notation.symbols import Expr
from dualmc.derivation.notation.typeset import GREEK, Typeset


def _mi(name: str, upright: bool = False) -> str:
    variant = ' mathvariant="normal"' if upright and len(name) == 1 else ""
    return f"<mi{variant}>{escape(name)}</mi>"


def _mo(sign: str) -> str:
    return f"<mo>{escape(sign)}</mo>"


def _mrow(*parts: str) -> str:
    return "<mrow>" + "".join(parts) + "</mrow>"


def _listed(items: Iterable[str]) -> str:
    separated = [part for item in items for part in ('<mo separator="true">,</mo>', item)]
    return _mrow(*separated[1:])


def _applied(name: str, argument: str) -> str:
    return _mrow(_mi(name, True), _mo("\u2061"), argument)


def _fraction(d: str) -> str:
    """The derivative of one thing by another, with this d."""
    return f"<mfrac><mrow><mi>{d}</mi>%s</mrow><mrow><mi>{d}</mi>%s</mrow></mfrac>"


class MathPrinter(Typeset):
    """Formulas in MathML; every method returns one element."""

    minus = "−"
    prefix_minus = '<mo form="prefix">−</mo>'
    ellipsis = "<mo>…</mo>"
    thin, dot, elementwise = '<mspace width="0.17em"/>', "<mo>·</mo>", "<mo>⊙</mo>"
    ones = "<mi>𝟏</mi>"
    transposed = "<msup>%s<mi>T</mi></msup>"
    comparisons = Printer.comparisons | {
        "le": "≤", "ge": "≥", "ne": "≠", "eq": "=", "and": "∧", "or": "∨",
    }  # fmt: skip
    templates = {
        "divide": ("<mfrac>%s%s</mfrac>", 0, 0),
        "power": ("<msup>%s%s</msup>", 7, 0),
        "derivative": (_fraction("d"), 0, 0),
        "partial": (_fraction("∂"), 0, 0),
    }
    joints = {"scaled": (thin, 4), "product": (thin, 5), "dot": (dot, 5), "kron": ("<mo>⊗</mo>", 5)}

    def row(self, *parts: str) -> str:
        return _mrow(*parts)

    def sign(self, mark: str) -> str:
        return _mo(mark)

    def word(self, text: str) -> str:
        return f"<mtext>{escape(text)}</mtext>"

    def fence(self, left: str, inner: str, right: str) -> str:
        """Stretched only around what is tall: Chromium leaves wide gaps beside such brackets."""
        is_tall = "<mfrac>" in inner or "<mtable" in inner
        stretch = "" if is_tall else ' stretchy="false"'
        return _mrow(
            f'<mo fence="true" form="prefix"{stretch}>{left}</mo>',
            inner,
            f'<mo fence="true" form="postfix"{stretch}>{right}</mo>',
        )

    def figures(self, text: str) -> str:
        mantissa, _, exponent = text.partition("e")
        sign, mantissa = ("−", mantissa[1:]) if mantissa.startswith("-") else ("", mantissa)
        body = f"<mn>{mantissa}</mn>" if mantissa[:1].isdigit() else _mi(mantissa, True)
        if exponent:
            power = self.figures(str(int(exponent)))
            body += _mo("×") + f"<msup><mn>10</mn>{power}</msup>"
        return _mrow(_mo(sign), body) if sign else body if not exponent else _mrow(body)

    def table(self, rows: list[list[str]]) -> str:
        """Its brackets are borders, because not every machine has fonts whose brackets stretch."""
        cells = ["".join(f"<mtd>{cell}</mtd>" for cell in row) for row in rows]
        body = "".join(f"<mtr>{row}</mtr>" for row in cells)
        return f'<mtable class="matrix">{body}</mtable>'

    def vector(self, entries: list[str]) -> str:
        return self.fence("[", _listed(entries), "]")

    def on_symbol(self, name: str) -> str:
        if name in ("inf", "..."):
            return _mi("∞", True) if name == "inf" else self.ellipsis
        base, index = parts_of_name(name)
        base = GREEK.get(base, base)
        if not index:
            return _mi(base)
        below = f"<mn>{index}</mn>" if index.isdigit() else _mi(index)
        return f"<msub>{_mi(base)}{below}</msub>"

    def on_call(self, name: str, *args: Expr) -> str:
        if name == "sqrt":
            return f"<msqrt>{self.write(args[0])}</msqrt>"
        if name in ("absolute", "fabs"):
            return self.fence("|", self.write(args[0]), "|")
        return _applied(FUNCTIONS.get(name, name), self.group(_listed(map(self.write, args))))

    def on_option(self, key: str, a: Expr) -> str:
        return _mrow(_mi(key), _mo("="), self.write(a))

    def on_where(self, condition: Expr, a: Expr, b: Expr) -> str:
        if_, else_ = (f"<mtext>&#160;{word}&#160;</mtext>" for word in ("if", "else"))
        return _mrow(self.write(a, 1), if_, self.write(condition, 1), else_, self.write(b))

    def on_index(self, a: Expr, key: str) -> str:
        return _mrow(self.write(a, 7), self.word(f"[{key}]"))

    def on_written(self, a: Expr, key: str, b: Expr) -> str:
        return _mrow(self.write(a, 7), self.word(f" with [{key}] = "), self.write(b))

    def on_identity(self, *size: str) -> str:
        return self.sized(_mi("I"), *size)

    def on_commutation(self, *size: str) -> str:
        return self.sized(_mi("K"), *size)

    def sized(self, name: str, *size: str) -> str:
        if not size:
            return name
        below = [f"<mn>{n}</mn>" for n in size]
        return f"<msub>{name}{below[0] if len(below) == 1 else _listed(below)}</msub>"

    def on_vec(self, e: Expr) -> str:
        return _applied("vec", self.group(self.write(e)))

    def on_diagonal(self, e: Expr) -> str:
        return _applied("diag", self.group(self.write(e)))

    def on_basis(self, k: str) -> str:
        return f"<msub><mi>e</mi><mn>{k}</mn></msub>"


def math_of(e: Expr, is_display: bool = False) -> str:
    """A formula as a ``<math>`` element."""
    attribute = ' display="block"' if is_display else ""
    return f"<math{attribute}>{MathPrinter().write(e)}</math>"
