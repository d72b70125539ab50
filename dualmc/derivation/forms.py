"""Jacobians as formulas: a scalar times a product of matrices, multiplied and added by rules.

The factors are formulas of their own operations: ``diagonal(e)``, ``row(e)`` and ``column(e)`` of
an element-wise formula e, ``entries(...)`` a row written out, ``transpose(A)``, or a symbol.
Products of diagonals stay diagonals (4.5.3), and a row of ones times a diagonal is the diagonal as
a row.
"""

from typing import NamedTuple

from dualmc.derivation.notation.symbols import (
    ONE,
    ZERO,
    Expr,
    add,
    call,
    is_number,
    multiply,
    number,
    split_number,
)


class Form(NamedTuple):
    """``coefficient * factors[0] @ factors[1] @ ...``; without factors a number, or it times I."""

    coefficient: Expr
    factors: tuple[Expr, ...] = ()

    @property
    def is_zero(self) -> bool:
        return is_number(self.coefficient, 0)

    def expr(self, is_scalar: bool) -> Expr:
        """The formula; `is_scalar` says whether the Jacobian is 1 x 1."""
        if not self.factors:
            if is_scalar or self.is_zero:
                return self.coefficient
            return _scaled(self.coefficient, Expr("identity"))
        if self.is_zero:
            return ZERO
        (first, *rest) = self.factors
        if not rest and first.op == "entries":
            return Expr("entries", *(multiply(self.coefficient, e) for e in first.args))
        if not rest and first.op == "column" and not is_number(first.args[0], 1):
            return Expr(first.op, multiply(self.coefficient, first.args[0]))
        product = first if not rest else Expr("product", *self.factors)
        return _scaled(self.coefficient, product)

    @property
    def size(self) -> int:
        return self.coefficient.size + sum(e.size for e in self.factors)


def _scaled(coefficient: Expr, matrix: Expr) -> Expr:
    if is_number(coefficient, 1):
        return matrix
    if coefficient.op == "negative":
        return Expr("negative", _scaled(coefficient.args[0], matrix))
    if coefficient.op == "number" and coefficient.args[0] < 0:
        return Expr("negative", _scaled(number(-coefficient.args[0]), matrix))
    return Expr("scaled", coefficient, matrix)


def elementwise(e: Expr, op: str) -> Form:
    """The diagonal, row or column of an element-wise formula; numbers are taken out of it."""
    if not e.is_array:
        return Form(e) if op == "diagonal" else Form(e, (Expr(op, ONE),))
    coefficient, rest = split_number(e)
    return Form(number(coefficient), (Expr(op, rest),))


def compose(a: Form, b: Form) -> Form:
    """The product of two Jacobians, ``a @ b``."""
    coefficient = multiply(a.coefficient, b.coefficient)
    factors = list(a.factors)
    for factor in b.factors:
        merged = _merged(factors[-1], factor) if factors else None
        if merged is None:
            factors.append(factor)
        else:
            coefficient = multiply(coefficient, merged.coefficient)
            factors[-1:] = merged.factors
    return Form(coefficient, tuple(factors))


def _merged(a: Expr, b: Expr) -> Form | None:
    if a.op == "diagonal" and b.op in ("diagonal", "column"):
        return elementwise(multiply(a.args[0], b.args[0]), b.op)
    if a.op == "row" and b.op == "diagonal":
        return elementwise(multiply(a.args[0], b.args[0]), "row")
    if a.op == "row" and b.op == "column" and b.args[0].is_array:
        total = call("sum", multiply(a.args[0], b.args[0]))
        total.is_array = False
        return Form(total)
    return None


def plus(a: Form, b: Form) -> Form:
    """The sum of two Jacobians of one shape."""
    if a.is_zero or b.is_zero:
        return b if a.is_zero else a
    if _key(a.factors) == _key(b.factors):
        return Form(add(a.coefficient, b.coefficient), a.factors)
    for op in ("diagonal", "row", "column"):
        if _is_single(a, op) and _is_single(b, op):
            return elementwise(add(_content(a, op), _content(b, op)), op)
    if _is_single(a, "entries") and _is_single(b, "entries"):
        pairs = zip(a.factors[0].args, b.factors[0].args, strict=True)
        sums = [add(multiply(a.coefficient, p), multiply(b.coefficient, q)) for p, q in pairs]
        return Form(ONE, (Expr("entries", *sums),))
    terms = (*_summands(a), *_summands(b))
    return Form(ONE, (Expr("total", *terms),))


def _summands(a: Form) -> tuple[Expr, ...]:
    if is_number(a.coefficient, 1) and len(a.factors) == 1 and a.factors[0].op == "total":
        return a.factors[0].args
    return (a.expr(False),)


def _key(factors: tuple[Expr, ...]) -> str:
    return " ".join(e.key for e in factors)


def _is_single(a: Form, op: str) -> bool:
    if not a.factors:
        return op == "diagonal"
    return len(a.factors) == 1 and a.factors[0].op == op


def _content(a: Form, op: str) -> Expr:
    return multiply(a.coefficient, a.factors[0].args[0]) if a.factors else a.coefficient


def listed(parts: list[Form]) -> Form | None:
    """The Jacobian of a list of numbers from those of its entries; None if it has no short form."""
    if all(not part.factors for part in parts):
        return Form(ONE, (Expr("list", *(part.coefficient for part in parts)),))
    if all(_is_single(part, "entries") or part.is_zero for part in parts):
        n = next(len(part.factors[0].args) for part in parts if not part.is_zero)
        rows = [
            Expr("entries", *[ZERO] * n) if part.is_zero else part.expr(False) for part in parts
        ]
        return Form(ONE, (Expr("rows", *rows),))
    return None
