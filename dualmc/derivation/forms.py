"""Jacobians as formulas: a scalar times a product of matrices, multiplied and added by rules.

The factors are formulas of their own operations: ``diagonal(e)``, ``row(e)`` and ``column(e)`` of
an element-wise formula e, ``entries(...)`` a row written out, ``transpose(A)``, ``kron(A, B)``, or
a symbol.  Products of diagonals stay diagonals (4.5.3), and a row of ones times a diagonal is the
diagonal as a row.  Products of matrices keep their order.  An e of several axes is meant as
``vec(e)``, its elements row by row.
"""

from typing import NamedTuple

from dualmc.derivation.factors import (
    dims,
    flat,
    is_plain,
    joined,
    kron,
    matmul,
    ones,
    parts_of_product,
    scaled,
    unflat,
    vec,
)
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
    transposed,
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
            return scaled(self.coefficient, Expr("identity"))
        if self.is_zero:
            return ZERO
        (first, *rest) = self.factors
        if not rest and first.op == "entries":
            return Expr("entries", *(multiply(self.coefficient, e) for e in first.args))
        if not rest and first.op == "column" and len(first.args[0].shape) == 1:
            return Expr(first.op, multiply(self.coefficient, first.args[0]))
        factors = tuple(map(flat, self.factors))
        product = factors[0] if not rest else Expr("product", *factors)
        return scaled(self.coefficient, product)

    @property
    def size(self) -> int:
        return self.coefficient.size + sum(e.size for e in self.factors)


def elementwise(e: Expr, op: str) -> Form:
    """The diagonal, row or column of an element-wise formula; numbers are taken out of it."""
    if not e.is_array:
        return Form(e) if op == "diagonal" else Form(e, (Expr(op, ONE),))
    coefficient, rest = split_number(e)
    if op == "row" and rest.op == "product" and len(rest.args) == 2:
        a, b = rest.args
        if len(a.shape) == 1 and len(b.shape) == 2:  # x @ A as a row is x^T @ A
            return Form(number(coefficient), (Expr("row", a), b))
        if len(a.shape) == 2 and len(b.shape) == 1:
            return Form(number(coefficient), (Expr("row", b), transposed(a)))
    return Form(number(coefficient), (Expr(op, rest),))


def compose(a: Form, b: Form) -> Form:
    """The product of two Jacobians, ``a @ b``."""
    coefficient = multiply(a.coefficient, b.coefficient)
    factors = list(a.factors)
    for factor in b.factors:
        factors.append(factor)
        while len(factors) > 1 and (merged := _merged(*factors[-2:])) is not None:
            coefficient = multiply(coefficient, merged.coefficient)
            factors[-2:] = merged.factors
    return Form(coefficient, tuple(factors))


def _merged(a: Expr, b: Expr) -> Form | None:
    if a.op == "diagonal" and b.op in ("diagonal", "column"):
        return elementwise(multiply(*_aligned(a.args[0], b.args[0])), b.op)
    if a.op == "row" and b.op == "diagonal":
        return elementwise(multiply(*_aligned(a.args[0], b.args[0])), "row")
    if a.op == "row" and b.op == "column" and b.args[0].is_array:
        total = call("sum", multiply(*_aligned(a.args[0], b.args[0])))
        total.shape = ()
        return Form(total)
    if b.op == "total" and a.op in ("row", "kron"):
        return _of_sum(a, b)
    if a.op == "row" and len(a.args[0].shape) == 2:
        return _row_of_matrix(a.args[0], b)
    if b.op == "kron":
        return _krons(a, b) if a.op == "kron" else _before_kron(a, *b.args)
    return None


def _of_sum(a: Expr, b: Expr) -> Form | None:
    """A factor times a sum, where every product is a single factor again."""
    total = Form(ZERO)
    for term in terms_of(Form(ONE, (b,))):
        part = compose(Form(ONE, (a,)), term)
        if len(part.factors) != 1 or part.factors[0].op != a.op:
            return None
        total = plus(total, part)
    return total


def _row_of_matrix(p: Expr, b: Expr) -> Form | None:
    """vec(P)^T times (A kron B) is vec(A^T @ P @ B)^T, times K it is vec(P^T)^T."""
    if b.op == "commutation":
        return elementwise(transposed(p), "row")
    if b.op == "kron" and all(map(is_plain, b.args)):
        return elementwise(matmul(transposed(b.args[0]), p, b.args[1]), "row")
    return None


def _before_kron(a: Expr, p: Expr, q: Expr) -> Form | None:
    """A matrix a times ``p kron q``, one of which is a single row: a times the other.

    For ``a = a kron 1 = 1 kron a``, and Kronecker products are multiplied factor by factor.
    """
    rows = dims(p)[0], dims(q)[0]
    if 1 not in rows or a.op not in ("row", "diagonal") and not is_plain(a):
        return None
    other = p if rows[1] == 1 else q
    parts = parts_of_product(other)
    if a.op == "row" and not a.args[0].shape:  # of ones, as many as there are rows
        is_diagonal = bool(parts) and parts[0].op == "diagonal"
        a = Expr("row", parts[0].args[0] if is_diagonal else ones(dims(other)[0]))
        parts = parts[1:] if is_diagonal else parts
    elif dims(a)[1] != dims(other)[0]:
        return None
    left = compose(Form(ONE, (a,)), Form(ONE, parts))
    if not left.factors:  # a row times a column
        return Form(left.coefficient, (q if rows[1] == 1 else p,)) if a.op == "row" else None
    matrix = joined(left.factors)
    sides = (matrix, q) if rows[1] == 1 else (p, matrix)
    return Form(left.coefficient, (kron(*sides),))


def _krons(a: Expr, b: Expr) -> Form | None:
    """(P kron Q) @ (R kron S) = (P @ R) kron (Q @ S), where that is shorter: beside identities, or
    where the result is a single row."""
    is_row = dims(a)[0] == 1
    sides, products = [], 0
    for p, r in zip(a.args, b.args, strict=True):
        if dims(p)[1] != dims(r)[0]:
            return None
        inner = compose(Form(ONE, parts_of_product(p)), Form(ONE, parts_of_product(r)))
        if not is_number(inner.coefficient, 1):
            return None
        products += "identity" not in (p.op, r.op)
        sides.append(joined(inner.factors) if inner.factors else p)
    return Form(ONE, (kron(*sides),)) if is_row or products < 2 else None


def _aligned(a: Expr, b: Expr) -> tuple[Expr, Expr]:
    """Two contents whose elements meet in order: of other shapes, as vectors."""
    a, b = (ONE if e.op == "ones" else e for e in (a, b))
    if a.shape == b.shape or not a.shape or not b.shape:
        return a, b
    return tuple(vec(e) if len(e.shape) > 1 else e for e in (a, b))  # type: ignore[return-value]


def plus(a: Form, b: Form) -> Form:
    """The sum of two Jacobians of one shape."""
    if a.is_zero or b.is_zero:
        return b if a.is_zero else a
    if _key(a.factors) == _key(b.factors):
        return Form(add(a.coefficient, b.coefficient), a.factors)
    for op in ("diagonal", "row", "column"):
        if _is_single(a, op) and _is_single(b, op):
            return elementwise(add(*_aligned(_content(a, op), _content(b, op))), op)
    if _is_single(a, "entries") and _is_single(b, "entries"):
        pairs = zip(a.factors[0].args, b.factors[0].args, strict=True)
        sums = [add(multiply(a.coefficient, p), multiply(b.coefficient, q)) for p, q in pairs]
        return Form(ONE, (Expr("entries", *sums),))
    return _total([*terms_of(a), *terms_of(b)])


def terms_of(a: Form) -> list[Form]:
    """The terms of a sum of matrices, or the one that `a` is."""
    if len(a.factors) == 1 and a.factors[0].op == "total":
        return [Form(multiply(a.coefficient, t.coefficient), t.factors)
                for e in a.factors[0].args for t in [_term(e)]]  # fmt: skip
    return [a]


def _term(e: Expr) -> Form:
    """A written term of a sum as a coefficient and factors."""
    if e.op == "negative":
        coefficient, factors = _term(e.args[0])
        return Form(multiply(-1, coefficient), factors)
    if e.op == "scaled":
        return Form(e.args[0], _term(e.args[1]).factors)
    if e.op == "identity" and not e.args:
        return Form(ONE)
    return Form(ONE, tuple(map(unflat, e.args if e.op == "product" else (e,))))


def _total(terms: list[Form]) -> Form:
    """The sum of matrices; equal ones are collected, and what all begin or end with is taken out.

    Factors keep their order: products of matrices do not commute.
    """
    found: dict[str, Form] = {}
    for term in terms:
        key = _key(term.factors)
        before = found.get(key, Form(ZERO, term.factors))
        found[key] = Form(add(before.coefficient, term.coefficient), term.factors)
    kept = [term for term in found.values() if not term.is_zero]
    if len(kept) < 2:
        return kept[0] if kept else Form(ZERO)
    for at, rest in ((0, slice(1, None)), (-1, slice(None, -1))):
        if all(term.factors and term.factors[at].key == kept[0].factors[at].key for term in kept):
            inner = Form(ZERO)
            for term in kept:
                inner = plus(inner, Form(term.coefficient, term.factors[rest]))
            outer = Form(ONE, (kept[0].factors[at],))
            return compose(outer, inner) if at == 0 else compose(inner, outer)
    return Form(ONE, (Expr("total", *(term.expr(False) for term in kept)),))


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
