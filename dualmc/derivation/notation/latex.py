"""An explanation as LaTeX: a document that needs amsmath and TikZ, nothing else."""

import re
from collections.abc import Sequence
from typing import Any

from dualmc.derivation.notation.blocks import (
    Cell,
    Display,
    Heading,
    Paragraph,
    Picture,
    Table,
    flatten,
)
from dualmc.derivation.notation.layout import Layout, side
from dualmc.derivation.notation.printer import Printer, parts_of_name
from dualmc.derivation.notation.symbols import Expr
from dualmc.derivation.notation.typeset import GREEK, Typeset

_NAMED = frozenset("sin cos tan sinh cosh tanh exp ln max min arcsin arccos arctan log det".split())
_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
    "<": r"\textless{}", ">": r"\textgreater{}",
}  # fmt: skip

PREAMBLE = r"""\documentclass{article}
\usepackage[margin=2cm]{geometry}
\usepackage{amsmath}
\usepackage{longtable}
\usepackage{tikz}
\setlength{\parindent}{0pt}
\setlength{\parskip}{6pt}
\setlength{\LTleft}{0pt}
\begin{document}
"""


def escaped(text: str) -> str:
    """Plain text, safe in LaTeX."""
    parts = ["".join(_SPECIAL.get(c, c) for c in part) for part in text.split("->")]
    return re.sub(r"[^\x20-\x7e]", "?", r"$\to$".join(parts))


class LatexPrinter(Typeset):
    """Formulas in LaTeX's mathematics."""

    ellipsis = r"\dots"
    thin, dot, elementwise = r" \, ", r" \cdot ", r" \odot "
    ones = r"\mathbf{1}"
    transposed = "%s^{T}"
    comparisons = Printer.comparisons | {
        "le": r"\le", "ge": r"\ge", "ne": r"\ne", "eq": "=", "and": r"\wedge", "or": r"\vee",
    }  # fmt: skip
    templates = {
        "divide": (r"\frac{%s}{%s}", 0, 0),
        "power": ("%s^{%s}", 7, 0),
        "derivative": (r"\frac{d %s}{d %s}", 0, 0),
        "partial": (r"\frac{\partial %s}{\partial %s}", 0, 0),
        "diagonal": (r"\mathrm{diag}\left(%s\right)", 0),
        "vec": (r"\mathrm{vec}\left(%s\right)", 0),
    }
    joints = {"scaled": (thin, 4), "product": (thin, 5), "dot": (dot, 5), "kron": (r" \otimes ", 5)}

    def sized(self, name: str, *size: str) -> str:
        return f"{name}_{{{','.join(size)}}}" if size else name

    def word(self, text: str) -> str:
        return rf"\text{{{escaped(text)}}}"

    def fence(self, left: str, inner: str, right: str) -> str:
        return rf"\left{left}{inner}\right{right}"

    def figures(self, text: str) -> str:
        mantissa, _, exponent = text.partition("e")
        return rf"{mantissa} \times 10^{{{int(exponent)}}}" if exponent else text

    def table(self, rows: list[list[str]]) -> str:
        lines = r" \\ ".join(map(" & ".join, rows))
        return rf"\begin{{bmatrix}}{lines}\end{{bmatrix}}"

    def vector(self, entries: list[str]) -> str:
        return self.fence("[", r",\ ".join(entries), "]")

    def on_symbol(self, name: str) -> str:
        if name == "inf":
            return r"\infty"
        if name == "...":
            return r"\dots"
        base, index = parts_of_name(name)
        text = _name(base)
        return f"{text}_{{{index if index.isdigit() else _name(index)}}}" if index else text

    def on_call(self, name: str, *args: Expr) -> str:
        if name == "sqrt":
            return rf"\sqrt{{{self.write(args[0])}}}"
        if name in ("absolute", "fabs"):
            return self.fence("|", self.write(args[0]), "|")
        return _function(name) + self.group(r",\ ".join(map(self.write, args)))

    def on_option(self, key: str, a: Expr) -> str:
        return rf"\mathrm{{{escaped(key)}}}={self.write(a)}"

    def on_where(self, condition: Expr, a: Expr, b: Expr) -> str:
        first = rf"{self.write(a)} & \text{{if }} {self.write(condition)}"
        return rf"\begin{{cases}}{first} \\ {self.write(b)} & \text{{else}}\end{{cases}}"

    def on_index(self, a: Expr, key: str) -> str:
        inside = key if key.isdigit() else rf"\text{{{escaped(key)}}}"
        return f"{self.write(a, 7)}[{inside}]"

    def on_written(self, a: Expr, key: str, b: Expr) -> str:
        text = rf"\text{{ with }} [\text{{{escaped(key)}}}] = "
        return f"{self.write(a, 7)}{text}{self.write(b)}"

    def on_basis(self, k: str) -> str:
        return f"e_{{{k}}}"


def _name(name: str) -> str:
    if name in GREEK:
        return f"\\{name}"
    return escaped(name) if len(name) == 1 else rf"\mathrm{{{escaped(name)}}}"


def _function(name: str) -> str:
    name = {"log": "ln", "maximum": "max", "minimum": "min"}.get(name, name)
    return f"\\{name}" if name in _NAMED else rf"\mathrm{{{escaped(name)}}}"


# --- Blocks --------------------------------------------------------------------------------------


def latex_of(blocks: Sequence[Any]) -> str:
    """The blocks as a LaTeX document."""
    return PREAMBLE + fragment_of(blocks) + "\n\\end{document}\n"


def fragment_of(blocks: Sequence[Any]) -> str:
    """The blocks as part of a document that loads amsmath and longtable; TikZ for a picture."""
    printer = LatexPrinter()
    return "\n\n".join(_block(block, printer) for block in blocks)


def _cell(cell: Cell, printer: LatexPrinter) -> str:
    return "".join(
        escaped(p) if isinstance(p, str) else f"${printer.write(p)}$" for p in flatten(cell)
    )


def _block(block: Any, printer: LatexPrinter) -> str:
    if isinstance(block, Heading):
        command = {1: "section*", 2: "subsection*"}.get(block.level, "paragraph*")
        return f"\\{command}{{{_cell(block.text, printer)}}}"
    if isinstance(block, Paragraph):
        return _cell(block.content, printer)
    if isinstance(block, Display):
        lines = [rf"$\displaystyle {printer.write(line)}$" for line in block.lines]
        return "\n\n".join(lines)
    if isinstance(block, Table):
        return _table(block, printer)
    assert isinstance(block, Picture)
    return _picture(block.layout) + "\n\n" + escaped(block.caption)


def _table(table: Table, printer: LatexPrinter) -> str:
    n = len(table.header)
    lines = [" & ".join(map(escaped, table.header)) + r" \\ \hline \noalign{\vskip 4pt}"]
    for row in table.rows:
        cells = [_cell(c, printer) for c in row]
        if len(cells) != n:
            cells = [rf"\multicolumn{{{n}}}{{l}}{{{cells[0]}}}"]
        lines.append(" & ".join(cells) + r" \\ \noalign{\vskip 4pt}")
    body = "\n".join(lines)
    return f"\\begin{{longtable}}{{{'l' * n}}}\n{body}\n\\end{{longtable}}"


def _picture(layout: Layout) -> str:
    scale = min(0.018, 17.0 / max(layout.width, 1.0))
    lines = [rf"\begin{{tikzpicture}}[x={scale:.5f}cm,y=-{scale:.5f}cm,font=\tiny]"]
    for box in layout.boxes:
        text = r"\\".join(escaped(ascii_of(line)) for line in box.lines)
        lines.append(
            rf"\node[draw,rounded corners,align=center,inner sep=2pt] "
            rf"at ({box.x:.0f},{box.y:.0f}) {{{text}}};"
        )
    for edge in layout.edges:
        a, b = edge[0], edge[-1]
        points = [side(a, layout.is_wide, 1), *((i.x, i.y) for i in edge[1:-1])]
        points.append(side(b, layout.is_wide, -1))
        path = " -- ".join(f"({x:.0f},{y:.0f})" for x, y in points)
        lines.append(rf"\draw[->] {path};")
        for item in edge[1:-1]:
            if item.kind == "label":
                text = escaped(ascii_of(item.lines[0]))
                lines.append(rf"\node[fill=white,inner sep=1pt] at ({item.x:.0f},{item.y:.0f})"
                             rf" {{{text}}};")  # fmt: skip
    return "\n".join([*lines, r"\end{tikzpicture}"])


_ASCII = str.maketrans(
    {**{c: str(i) for i, c in enumerate("₀₁₂₃₄₅₆₇₈₉")}, "−": "-", "·": "*", "…": "...", "×": "x",
     "ᵀ": "^T", "π": "pi", "⊗": "kron ", "≤": "<=", "≥": ">=", "≠": "!=", "∂": "d"}
)  # fmt: skip


def ascii_of(text: str) -> str:
    """A label of the drawing in plain letters."""
    powers = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"
    text = re.sub(
        f"[{powers}]+",
        lambda m: "^" + "".join("0123456789-"[powers.index(c)] for c in m[0]),
        text,
    )
    return text.translate(_ASCII)
