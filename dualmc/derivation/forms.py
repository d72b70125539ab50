"""Jacobians as formulas: a scalar times a product of matrices, multiplied and added by rules.

The factors are formulas of their own operations: ``diagonal(e)``, ``row(e)`` and ``column(e)`` of
an element-wise formula e, ``entries(...)`` a row written out, ``transpose(A)``, ``kron(A, B)``, or
a symbol.  Products of diagonals stay diagonals (4.5.3), and a row of ones times a diagonal is the
diagonal as a row.  Products of matrices keep their order.  An e of several axes is meant as
``vec(e)``, its elements row by row.
"""

import math
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
            return _scaled(self.coefficient, Expr("identity"))
        if self.is_zero:
            return ZERO
        (first, *rest) = self.factors
        if not rest and first.op == "entries":
            return Expr("entries", *(multiply(self.coefficient, e) for e in first.args))
        if not rest and first.op == "column" and not is_number(first.args[0], 1):
            return _flat(Expr(first.op, multiply(self.coefficient, first.args[0])))
        factors = tuple(map(_flat, self.factors))
        product = factors[0] if not rest else Expr("product", *factors)
        return _scaled(self.coefficient, product)

    @property
    def size(self) -> int:
        return self.coefficient.size + sum(e.size for e in self.factors)


def _flat(e: Expr) -> Expr:
    """`e` with vec(a) in place of an array a of several axes, where a vector is needed."""
    if e.op in ("diagonal", "row", "column"):
        (a,) = e.args
        return Expr(e.op, _vec(a)) if len(a.shape) > 1 else e
    if e.op == "kron":
        return Expr(e.op, *map(_flat, e.args))
    return e


def _unflat(e: Expr) -> Expr:
    """What `_flat` was given."""
    if e.op in ("diagonal", "row", "column") and e.args[0].op == "vec":
        return Expr(e.op, e.args[0].args[0])
    return kron(*map(_unflat, e.args)) if e.op == "kron" else e


def _vec(a: Expr) -> Expr:
    return Expr("vec", a, shape=(math.prod(a.shape),))


def matmul(*matrices: Expr) -> Expr:
    """Their product, in this order."""
    flat = [e for m in matrices for e in (m.args if m.op == "product" else (m,))]
    kept = [e for e in flat if e.op != "identity"] or flat[:1]
    shape = (matrices[0].shape[0], matrices[-1].shape[-1])
    return kept[0] if len(kept) == 1 else Expr("product", *kept, shape=shape)


def identity(n: int) -> Expr:
    return Expr("identity", str(n), shape=(n, n))


def ones(n: int) -> Expr:
    """A vector of n ones."""
    return Expr("ones", str(n), shape=(n,))


def commutation(m: int, n: int) -> Expr:
    """The permutation that takes vec(X) to vec(X^T), for X of m x n."""
    return Expr("commutation", str(m), str(n), shape=(m * n, m * n))


def kron(a: Expr, b: Expr) -> Expr:
    """The Kronecker product; one of two identities is an identity."""
    if a.op == b.op == "identity":
        return identity(a.shape[0] * b.shape[0])
    (m, n), (p, q) = dims(a), dims(b)
    return Expr("kron", a, b, shape=(m * p, n * q))


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
        merged = _merged(factors[-1], factor) if factors else None
        if merged is None:
            factors.append(factor)
        else:
            coefficient = multiply(coefficient, merged.coefficient)
            factors[-1:] = merged.factors
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
    if a.op == "row" and len(a.args[0].shape) == 2:
        return _row_of_matrix(a.args[0], b)
    if b.op == "kron" and a.op in ("row", "diagonal"):
        return _before_kron(a, *b.args)
    if a.op == "kron" and b.op == "kron":
        return _krons(a, b)
    return None


def _aligned(a: Expr, b: Expr) -> tuple[Expr, Expr]:
    """Two contents whose elements meet in order: of other shapes, as vectors."""
    if a.shape == b.shape or not a.shape or not b.shape:
        return a, b
    return tuple(_vec(e) if len(e.shape) > 1 else e for e in (a, b))  # type: ignore[return-value]


def _row_of_matrix(p: Expr, b: Expr) -> Form | None:
    """vec(P)^T times (A kron B) is vec(A^T @ P @ B)^T, times K it is vec(P^T)^T."""
    if b.op == "commutation":
        return elementwise(transposed(p), "row")
    if b.op == "kron" and all(len(e.shape) == 2 for e in b.args):
        return elementwise(matmul(transposed(b.args[0]), p, b.args[1]), "row")
    if b.op == "total":
        total = Form(ZERO)
        for term in terms_of(Form(ONE, (b,))):
            part = compose(Form(ONE, (Expr("row", p),)), term)
            if not _is_single(part, "row"):
                return None
            total = plus(total, part)
        return total
    return None


def _before_kron(a: Expr, p: Expr, q: Expr) -> Form | None:
    """A row or diagonal of a vector a times ``p kron q``, one of which is a single row.

    As ``a kron 1``, or ``1 kron a``, it is multiplied factor by factor.
    """
    if len(a.args[0].shape) != 1:
        return None
    if q.op == "row" and p.op in ("identity", "diagonal"):
        left = _times_square(a, p)
        return Form(left.coefficient, (kron(left.factors[0], q),))
    if p.op == "row" and q.op in ("identity", "diagonal"):
        right = _times_square(a, q)
        return Form(right.coefficient, (kron(p, right.factors[0]),))
    return None


def _times_square(a: Expr, square: Expr) -> Form:
    if square.op == "identity":
        return Form(ONE, (a,))
    return compose(Form(ONE, (a,)), Form(ONE, (square,)))


def _krons(a: Expr, b: Expr) -> Form | None:
    """(P kron Q) @ (R kron S) = (P @ R) kron (Q @ S), where that is shorter: beside identities."""
    sides, products = [], 0
    for p, r in zip(a.args, b.args, strict=True):
        if dims(p)[1] != dims(r)[0]:
            return None
        if "identity" in (p.op, r.op):
            sides.append(r if p.op == "identity" else p)
        elif len(p.shape) == len(r.shape) == 2 and not products:
            sides.append(matmul(p, r))
            products += 1
        else:
            return None
    return Form(ONE, (kron(*sides),))


def dims(e: Expr) -> tuple[int, int]:
    """Rows and columns of a factor; (0, -1) if they are not known."""
    size = math.prod(e.args[0].shape) if e.op in ("row", "column", "diagonal") else 0
    if size:
        return {"row": (1, size), "column": (size, 1), "diagonal": (size, size)}[e.op]
    return (e.shape[0], e.shape[1]) if len(e.shape) == 2 else (0, -1)


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
    return Form(ONE, tuple(map(_unflat, e.args if e.op == "product" else (e,))))


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
