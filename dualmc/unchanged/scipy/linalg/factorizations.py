"""Factorizations: Cholesky, LU, QR, and the solutions from their factors."""

import numpy as np

from dualmc.duals.operands import as_operand, level_of
from dualmc.errors import missing_case
from dualmc.functions.matrices.differentials import from_triangle, held, quiet, turned
from dualmc.functions.matrices.factors import cholesky_differential, qr_differential
from dualmc.functions.results import with_primal
from dualmc.kernels.payload import values
from dualmc.unchanged.scipy.linalg.systems import divided, triangle
from dualmc.unchanged.scipy.linalg.table import call, handles, one_matrix


@handles("cholesky")
def cholesky(a, lower=False, overwrite_a=False, check_finite=True):
    p = held(a, a.level)
    y = call("cholesky", p, lower=lower, check_finite=check_finite)
    low = y if lower else turned(y)
    factor = cholesky_differential(from_triangle(a, "L" if lower else "U"), held(low, a.level))
    return with_primal(y, factor if lower else turned(factor))


@handles("cho_factor")
def cho_factor(a, lower=False, overwrite_a=False, check_finite=True):
    """The triangle that is not used keeps the entries of `a`, as SciPy leaves them there."""
    y, _ = call("cho_factor", held(a, a.level), lower=lower, check_finite=check_finite)
    factor = cholesky(a, lower, check_finite=check_finite)
    rest = np.triu(a, 1) if lower else np.tril(a, -1)
    return with_primal(y, factor + rest), lower


@handles("cho_solve")
def cho_solve(c_and_lower, b, overwrite_b=False, check_finite=True):
    c, lower = c_and_lower
    c, b = as_operand(c), as_operand(b)
    level = level_of(c, b)
    x = call("cho_solve", (held(c, level), lower), held(b, level), check_finite=check_finite)
    t = np.tril(c) if lower else turned(np.triu(c))
    return divided(np.matmul(t, turned(t)), b, x, level)


@handles("lu_factor")
def lu_factor(a, overwrite_a=False, check_finite=True):
    """Packed factors; the permutation is constant: ``dLU = L tril(W, -1) + triu(W) U``,

    with W = inv(L) (P dA) inv(U).
    """
    p = held(one_matrix(a, "lu_factor"), a.level)
    if p.shape[0] != p.shape[1]:
        raise missing_case("scipy.linalg.lu_factor", "of matrices that are not square")
    y, pivots = call("lu_factor", p, check_finite=check_finite)
    low, up = _lu_differential(a[_permutation(pivots)], held(y, a.level))
    return (with_primal(y, low + up), pivots)


@quiet
def _lu_differential(a, lu):
    low, up = triangle(lu, True, True), triangle(lu, False, False)
    w = np.matmul(np.matmul(np.linalg.inv(low), a), np.linalg.inv(up))
    return np.matmul(low, np.tril(w, -1)), np.matmul(np.triu(w), up)


def _permutation(pivots):
    """The rows of A in the order of L U, from LAPACK's exchanges."""
    order = np.arange(len(pivots))
    for i, j in enumerate(values(pivots)):
        order[[i, j]] = order[[j, i]]
    return order


@handles("lu_solve")
def lu_solve(lu_and_piv, b, trans=0, overwrite_b=False, check_finite=True):
    lu, pivots = lu_and_piv
    lu, b = as_operand(lu), as_operand(b)
    level = level_of(lu, b)
    x = call("lu_solve", (held(lu, level), pivots), held(b, level), trans=trans,
             check_finite=check_finite)  # fmt: skip
    product = np.matmul(triangle(lu, True, True), triangle(lu, False, False))
    a = product[np.argsort(_permutation(pivots))]
    if trans in (1, 2):
        a = turned(a) if trans == 2 else a.T
    return divided(a, b, x, level)


@handles("lu")
def lu(a, permute_l=False, overwrite_a=False, check_finite=True, p_indices=False):
    level = a.level
    p = held(one_matrix(a, "lu"), level)
    if p.shape[0] != p.shape[1]:
        raise missing_case("scipy.linalg.lu", "of matrices that are not square")
    rows, low, up = call("lu", p, check_finite=check_finite, p_indices=True)
    packed = np.tril(held(low, level), -1) + held(up, level)
    low_dual, up_dual = _lu_differential(a[np.argsort(rows)], packed)
    low, up = with_primal(low, low_dual), with_primal(up, up_dual)
    if permute_l:
        return low[rows], up
    return (rows if p_indices else np.eye(len(rows))[rows], low, up)


@handles("qr")
def qr(a, overwrite_a=False, lwork=None, mode="full", pivoting=False, check_finite=True):
    if mode not in ("economic", "r", "full"):
        raise missing_case("scipy.linalg.qr", f"with mode={mode!r}")
    level = a.level
    m, n = one_matrix(a, "qr").shape
    if m > n and mode == "full":
        raise missing_case("scipy.linalg.qr", 'of a tall matrix with mode="full"; "economic" is')
    p = held(a, level)
    y = call("qr", p, mode=mode, pivoting=pivoting, check_finite=check_finite)
    thin = call("qr", p, mode="economic", pivoting=pivoting, check_finite=check_finite)
    if pivoting:
        a, p = a[:, thin[2]], p[:, thin[2]]
    q_dual, r_dual = qr_differential(a, p, held(thin[0], level), held(thin[1], level))
    if mode == "r":
        r_dual = r_dual if m <= n else np.concatenate([r_dual, np.zeros((m - n, n))])
        return (with_primal(y[0], r_dual), *y[1:])
    return (with_primal(y[0], q_dual), with_primal(y[1], r_dual), *y[2:])
