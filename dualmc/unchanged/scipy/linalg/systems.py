"""Systems of equations, inverses, determinants; least squares and norms."""

import numpy as np

from dualmc.duals.operands import as_operand, level_of
from dualmc.errors import missing_case
from dualmc.functions.matrices.determinants import determinant_differential
from dualmc.functions.matrices.differentials import from_triangle, held, is_active, solved, turned
from dualmc.functions.matrices.solving import inverse_differential, residual
from dualmc.functions.results import applied, with_primal
from dualmc.kernels.payload import values
from dualmc.unchanged.scipy.linalg.table import call, handles


def as_read(a, structure, lower):
    """The matrix that SciPy sees in `a`, of which it reads a part only."""
    if structure in ("sym", "symmetric"):
        part = np.tril(a, -1) if lower else np.triu(a, 1)
        return part + np.swapaxes(part, -1, -2) + a * np.eye(a.shape[-1])
    if structure in ("her", "hermitian", "pos", "positive definite"):
        return from_triangle(a, "L" if lower else "U")
    if structure == "diagonal":
        return a * np.eye(a.shape[-1])
    if structure in ("tridiagonal", "tri"):
        return np.tril(np.triu(a, -1), 1)
    if structure == "upper triangular":
        return np.triu(a)
    if structure == "lower triangular":
        return np.tril(a)
    return a


def divided(a, b, x, level):
    """The solution `x` of ``a @ x = b`` with its tangent, ``inv(a) (db - da x)``."""
    p = held(a, level)
    if np.ndim(b) == 1:
        x_dual = solved(p, residual(a, b[:, None], held(x, level)[..., None], level))[..., 0]
    else:
        x_dual = solved(p, residual(a, b, held(x, level), level))
    return with_primal(x, x_dual)


@handles("solve")
def solve(a, b, lower=False, overwrite_a=False, overwrite_b=False, check_finite=True,
          assume_a=None, transposed=False):  # fmt: skip
    a, b = as_operand(a), as_operand(b)
    level = level_of(a, b)
    options = {} if assume_a is None else {"assume_a": assume_a}
    x = call("solve", held(a, level), held(b, level), lower=lower, check_finite=check_finite,
             transposed=transposed, **options)  # fmt: skip
    a = as_read(a, assume_a, lower)
    return divided(np.swapaxes(a, -1, -2) if transposed else a, b, x, level)


@handles("solve_triangular")
def solve_triangular(a, b, trans=0, lower=False, unit_diagonal=False, overwrite_b=False,
                     check_finite=True):  # fmt: skip
    a, b = as_operand(a), as_operand(b)
    level = level_of(a, b)
    x = call("solve_triangular", held(a, level), held(b, level), trans=trans, lower=lower,
             unit_diagonal=unit_diagonal, check_finite=check_finite)  # fmt: skip
    a = triangle(a, lower, unit_diagonal)
    if trans in (1, "T", 2, "C"):
        a = turned(a) if trans in (2, "C") else np.swapaxes(a, -1, -2)
    return divided(a, b, x, level)


def triangle(a, lower, unit_diagonal):
    if not unit_diagonal:
        return np.tril(a) if lower else np.triu(a)
    return (np.tril(a, -1) if lower else np.triu(a, 1)) + np.eye(a.shape[-1])


@handles("solve_banded")
def solve_banded(l_and_u, ab, b, overwrite_ab=False, overwrite_b=False, check_finite=True):
    ab, b = as_operand(ab), as_operand(b)
    level = level_of(ab, b)
    p = held(ab, level)
    x = call("solve_banded", l_and_u, p, held(b, level), check_finite=check_finite)
    r = b if is_active(b, level) else None
    if is_active(ab, level):
        ax = _banded_product(l_and_u, ab, held(x, level))
        r = -ax if r is None else r - ax
    lower, upper = l_and_u
    turned_p = _banded_transpose(l_and_u, p)

    def along(l_and_u, bands):
        def rows(r):
            lead = r.shape[: r.ndim - np.ndim(x)]
            columns = np.moveaxis(np.reshape(r, (-1, *np.shape(x))), 0, -1)
            found = call("solve_banded", l_and_u, bands, np.reshape(columns, (len(columns), -1)))
            found = np.moveaxis(np.reshape(found, columns.shape), -1, 0)
            return np.reshape(found, (*lead, *np.shape(x)))

        return rows

    back = along((upper, lower), turned_p)
    return with_primal(x, applied(along(l_and_u, p), back, r, r.primal))


def _banded_product(l_and_u, ab, x):
    """``A @ x`` for the matrix whose diagonals are the rows of `ab`: ab[u + i - j, j] = a[i, j]."""
    lower, upper = l_and_u
    n = ab.shape[1]
    total = 0.0
    for row, offset in enumerate(range(upper, -lower - 1, -1)):
        first, last = max(0, offset), min(n, n + offset)
        band = ab[row, first:last]
        part = x[first:last] * (band if x.ndim == 1 else band[:, None])
        pad = ((first - offset, n - (last - offset)),) + ((0, 0),) * (x.ndim - 1)
        total = total + np.pad(part, pad)
    return total


def _banded_transpose(l_and_u, ab):
    lower, upper = l_and_u
    n = ab.shape[1]
    rows = []
    for row, offset in enumerate(range(upper, -lower - 1, -1)):
        first, last = max(0, offset), min(n, n + offset)
        rows.append(np.pad(ab[row, first:last], (first - offset, n - (last - offset))))
    return np.stack(rows[::-1])


@handles("inv")
def inv(a, overwrite_a=False, check_finite=True, **options):
    p = held(a, a.level)
    y = call("inv", p, check_finite=check_finite, **options)
    a = as_read(a, options.get("assume_a"), options.get("lower", False))
    return with_primal(y, inverse_differential(a, held(y, a.level)))


@handles("det")
def det(a, overwrite_a=False, check_finite=True):
    p = held(a, a.level)
    return with_primal(call("det", p, check_finite=check_finite), determinant_differential(a, p))


@handles("norm")
def norm(a, ord=None, axis=None, keepdims=False, check_finite=True):
    a = as_operand(a)
    y = call("norm", held(a, a.level), ord, axis, keepdims, check_finite)
    return with_primal(y, np.linalg.norm(a, ord, axis, keepdims))


@handles("pinv")
def pinv(a, *, atol=None, rtol=None, return_rank=False, check_finite=True):
    if atol is not None or return_rank:
        raise missing_case("scipy.linalg.pinv", "with atol or return_rank=True")
    y = call("pinv", held(a, a.level), rtol=rtol, check_finite=check_finite)
    rcond = max(a.shape) * np.finfo(a.dtype).eps if rtol is None else rtol
    return with_primal(y, np.linalg.pinv(a, rcond))


@handles("lstsq")
def lstsq(a, b, cond=None, overwrite_a=False, overwrite_b=False, check_finite=True,
          lapack_driver=None):  # fmt: skip
    a, b = as_operand(a), as_operand(b)
    level = level_of(a, b)
    x, squares, rank, s = call("lstsq", held(a, level), held(b, level), cond=cond,
                               check_finite=check_finite, lapack_driver=lapack_driver)  # fmt: skip
    rcond = np.finfo(values(x).dtype).eps if cond is None else cond
    found, total, _, sizes = np.linalg.lstsq(a, b, rcond)
    if np.size(squares):
        squares = with_primal(squares, np.reshape(total, np.shape(squares)))
    if s is not None and is_active(a, level):
        s = with_primal(s, sizes)
    return with_primal(x, found), squares, rank, s
