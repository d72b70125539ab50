"""Jacobians of numerator layout as those of denominator layout: formulas and names transposed."""

from dualmc.derivation.factors import commutation, joined, kron
from dualmc.derivation.forms import Form, terms_of
from dualmc.derivation.notation.symbols import ONE, Expr, transposed


def transposed_form(a: Form) -> Form:
    """The transpose: the factors transposed, in the reverse order."""
    return Form(a.coefficient, tuple(map(_turned, reversed(a.factors))))


def _turned(e: Expr) -> Expr:
    """A factor transposed; a derivative that is called by its name keeps it."""
    if e.op in ("row", "column"):
        return Expr("column" if e.op == "row" else "row", e.args[0])
    if e.op in ("diagonal", "identity", "derivative", "partial"):
        return e
    if e.op == "kron":
        return kron(*map(_turned, e.args))
    if e.op == "commutation":
        return commutation(*map(int, reversed(e.args)))
    if e.op == "total":
        terms = terms_of(Form(ONE, (e,)))
        return Expr("total", *(transposed_form(term).expr(False) for term in terms))
    if e.op == "product":
        return joined(tuple(map(_turned, reversed(e.args))))
    if e.op == "list":
        return Expr("entries", *e.args)
    return transposed(e)


_NAMES = {"row": "column", "ones row": "ones column"}
_NAMES |= {name: other for other, name in _NAMES.items()}


def transposed_name(structure: str) -> str:
    """What the transpose of a matrix is called that is called this."""
    return _NAMES.get(structure, structure)
