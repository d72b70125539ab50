"""What Jacobians are products of: identities, Kronecker products, arrays flattened to vectors.

Arrays are flattened row by row, as NumPy's `reshape` does.
"""

import math

from dualmc.derivation.notation.symbols import Expr, is_number, number


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


def dims(e: Expr) -> tuple[int, int]:
    """Rows and columns of a factor; (0, -1) if they are not known."""
    size = math.prod(e.args[0].shape) if e.op in ("row", "column", "diagonal") else 0
    if size:
        return {"row": (1, size), "column": (size, 1), "diagonal": (size, size)}[e.op]
    return (e.shape[0], e.shape[1]) if len(e.shape) == 2 else (0, -1)


def is_plain(e: Expr) -> bool:
    """Whether `e` is a matrix of the function itself, or a product of such."""
    if e.op in ("product", "transpose"):
        return all(map(is_plain, e.args))
    return e.op in ("identity", "symbol", "call") and len(e.shape) == 2


def parts_of_product(e: Expr) -> tuple[Expr, ...]:
    """The factors that a side of a Kronecker product is made of; none of an identity."""
    return () if e.op == "identity" else e.args if e.op == "product" else (e,)


def joined(factors: tuple[Expr, ...]) -> Expr:
    """The factors as a side of a Kronecker product."""
    if len(factors) == 1:
        return factors[0]
    return Expr("product", *factors, shape=(dims(factors[0])[0], dims(factors[-1])[1]))


def matmul(*matrices: Expr) -> Expr:
    """Their product, in this order."""
    flat = [e for m in matrices for e in (m.args if m.op == "product" else (m,))]
    kept = [e for e in flat if e.op != "identity"] or flat[:1]
    shape = (matrices[0].shape[0], matrices[-1].shape[-1])
    return kept[0] if len(kept) == 1 else Expr("product", *kept, shape=shape)


# --- As they are written --------------------------------------------------------------------------


def flat(e: Expr) -> Expr:
    """`e` with vec(a) in place of an array a of several axes, where a vector is needed."""
    if e.op in ("diagonal", "row", "column"):
        (a,) = e.args
        return Expr(e.op, vec(a)) if len(a.shape) > 1 else e
    if e.op in ("kron", "product"):
        return Expr(e.op, *map(flat, e.args), shape=e.shape)
    return e


def unflat(e: Expr) -> Expr:
    """What `flat` was given."""
    if e.op in ("diagonal", "row", "column") and e.args[0].op == "vec":
        return Expr(e.op, e.args[0].args[0])
    if e.op in ("kron", "product"):
        return Expr(e.op, *map(unflat, e.args), shape=e.shape)
    return e


def vec(a: Expr) -> Expr:
    return Expr("vec", a, shape=(math.prod(a.shape),))


def scaled(coefficient: Expr, matrix: Expr) -> Expr:
    if is_number(coefficient, 1):
        return matrix
    if coefficient.op == "negative":
        return Expr("negative", scaled(coefficient.args[0], matrix))
    if coefficient.op == "number" and coefficient.args[0] < 0:
        return Expr("negative", scaled(number(-coefficient.args[0]), matrix))
    return Expr("scaled", coefficient, matrix)
