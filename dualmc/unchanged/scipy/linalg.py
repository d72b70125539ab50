"""Stand-ins for the functions of scipy.linalg: systems, factorizations, spectra, structured arrays.

SciPy converts its arguments before a Dual could speak up, so adapted code finds these in place of
its functions.  Each computes SciPy's own value; its differential is that of the matching NumPy
function (`solving.py`, `decompositions.py`, `spectral.py`) or a formula written here.  A function
that has none refuses Duals by name.
"""

import functools
import inspect
import types

import numpy as np
import scipy.linalg

from dualmc.duals.dual import Dual
from dualmc.duals.operands import as_operand, has_dual, has_tangent, level_of
from dualmc.errors import missing_case, missing_rule
from dualmc.functions.matrices import spectral
from dualmc.functions.matrices.decompositions import (
    cholesky_differential,
    completed,
    parted,
    qr_differential,
    singular_values,
    singular_vectors,
)
from dualmc.functions.matrices.differentials import (
    from_triangle,
    held,
    is_active,
    quiet,
    solved,
    turned,
)
from dualmc.functions.matrices.solving import (
    determinant_differential,
    inverse_differential,
    residual,
)
from dualmc.functions.matrices.spectral import eigensystem, values_hermitian, vectors_hermitian
from dualmc.functions.matrices.splitting import split_at
from dualmc.functions.summing.linear import applied, with_primal
from dualmc.kernels.payload import values

HANDLERS: dict = {}


def handles(*names):
    """Decorator: the function below differentiates these functions of scipy.linalg."""

    def register(handler):
        for name in names:
            original = getattr(scipy.linalg, name, None)
            if original is not None:
                HANDLERS[f"scipy.linalg.{name}"] = _standin(original, handler)
        return handler

    return register


def _standin(original, handler):
    @functools.wraps(original)
    def standin(*args, **kwargs):
        if not has_dual(args) and not has_dual(tuple(kwargs.values())):
            return original(*args, **kwargs)
        if not has_tangent((*args, *kwargs.values())):
            plain = [_plain(a) for a in args]
            return original(*plain, **{key: _plain(a) for key, a in kwargs.items()})
        return handler(*args, **kwargs)

    return standin


def _plain(a):
    """`a` with arrays for the Duals in it, none of which has a tangent."""
    if isinstance(a, (list, tuple)):
        return type(a)(_plain(item) for item in a)
    return values(a) if type(a) is Dual else a


def call(name, *args, **kwargs):
    """SciPy's function on values at one level, which may be Duals of an outer one."""
    return HANDLERS[f"scipy.linalg.{name}"](*args, **kwargs)


def one_matrix(a, name):
    if a.ndim != 2:
        raise missing_case(f"scipy.linalg.{name}", "of stacks of matrices")
    return a


# --- Systems -------------------------------------------------------------------------------------


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


def _divided(a, b, x, level):
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
    return _divided(np.swapaxes(a, -1, -2) if transposed else a, b, x, level)


@handles("solve_triangular")
def solve_triangular(a, b, trans=0, lower=False, unit_diagonal=False, overwrite_b=False,
                     check_finite=True):  # fmt: skip
    a, b = as_operand(a), as_operand(b)
    level = level_of(a, b)
    x = call("solve_triangular", held(a, level), held(b, level), trans=trans, lower=lower,
             unit_diagonal=unit_diagonal, check_finite=check_finite)  # fmt: skip
    a = _triangle(a, lower, unit_diagonal)
    if trans in (1, "T", 2, "C"):
        a = turned(a) if trans in (2, "C") else np.swapaxes(a, -1, -2)
    return _divided(a, b, x, level)


def _triangle(a, lower, unit_diagonal):
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


# --- Factorizations ------------------------------------------------------------------------------


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
    return _divided(np.matmul(t, turned(t)), b, x, level)


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
    low, up = _triangle(lu, True, True), _triangle(lu, False, False)
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
    product = np.matmul(_triangle(lu, True, True), _triangle(lu, False, False))
    a = product[np.argsort(_permutation(pivots))]
    if trans in (1, 2):
        a = turned(a) if trans == 2 else a.T
    return _divided(a, b, x, level)


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


# --- Spectra -------------------------------------------------------------------------------------


@handles("svd")
def svd(a, full_matrices=True, compute_uv=True, overwrite_a=False, check_finite=True,
        lapack_driver="gesdd"):  # fmt: skip
    level = a.level
    options = {"check_finite": check_finite, "lapack_driver": lapack_driver}
    p = held(one_matrix(a, "svd"), level)
    y = call("svd", p, full_matrices=full_matrices, compute_uv=compute_uv, **options)
    if not compute_uv:
        thin = parted(level, *call("svd", p, full_matrices=False, **options))
        u, s, vh = (held(g, level) for g in thin)
        y = y if split_at(level) is None else s
        return with_primal(y, singular_values(a, u, s, turned(vh), False))
    y = parted(level, *y)
    u, s, vh = (held(part, level) for part in y)
    k, v = min(a.shape), turned(vh)
    s_dual = singular_values(a, u[:, :k], s, v[:, :k], True)
    u_dual, v_dual = singular_vectors(a, u[:, :k], s, v[:, :k])
    u_dual, v_dual = completed(u_dual, u, a), completed(v_dual, v, a)
    return with_primal(y[0], u_dual), with_primal(y[1], s_dual), with_primal(y[2], turned(v_dual))


@handles("svdvals")
def svdvals(a, overwrite_a=False, check_finite=True):
    return svd(a, compute_uv=False, check_finite=check_finite)


@handles("eigh")
def eigh(a, b=None, lower=True, eigvals_only=False, check_finite=True, **options):
    """With `b` of the matrix C = inv(L) A inv(L)^H, B = L L^H, whose vectors are L^H V."""
    level = level_of(as_operand(a), b)
    given = {"lower": lower, "check_finite": check_finite}
    if options.pop("overwrite_a", None) or options.pop("overwrite_b", None) or options:
        raise missing_case("scipy.linalg.eigh", f"with {', '.join(options) or 'overwriting'}")
    a = one_matrix(as_operand(a), "eigh")
    if a.dtype.kind == "c" and not eigvals_only:
        raise missing_case("scipy.linalg.eigh", "the vectors of complex matrices")
    uplo = "L" if lower else "U"
    if b is None:
        w, v = spectral.parted(level, *call("eigh", held(a, level), **given))
        h = from_triangle(a, uplo)
        w_dual = values_hermitian(h, held(w, level), held(v, level))
        if eigvals_only and split_at(level) is None:
            w = call("eigh", held(a, level), eigvals_only=True, **given)
        if eigvals_only:
            return with_primal(w, w_dual)
        v_dual = vectors_hermitian(h, held(w, level), held(v, level), 0)
        return with_primal(w, w_dual), with_primal(v, v_dual)
    b = as_operand(b)
    w, v = spectral.parted(level, *call("eigh", held(a, level), held(b, level), **given))
    inverse = np.linalg.inv(np.linalg.cholesky(from_triangle(b, uplo)))
    c = np.matmul(np.matmul(inverse, from_triangle(a, uplo)), turned(inverse))
    q = np.linalg.solve(turned(held(inverse, level)), held(v, level))
    w_dual = values_hermitian(c, held(w, level), q)
    if eigvals_only:
        return with_primal(w, w_dual)
    q_dual = with_primal(q, vectors_hermitian(c, held(w, level), q, 0))
    return with_primal(w, w_dual), with_primal(v, np.matmul(turned(inverse), q_dual))


@handles("eigvalsh")
def eigvalsh(a, b=None, lower=True, overwrite_a=False, overwrite_b=False, check_finite=True,
             **options):  # fmt: skip
    return eigh(a, b, lower, eigvals_only=True, check_finite=check_finite, **options)


@handles("eig")
def eig(a, b=None, left=False, right=True, check_finite=True, **options):
    if b is not None or left or options.get("homogeneous_eigvals"):
        raise missing_case("scipy.linalg.eig", "with b, left=True or homogeneous_eigvals")
    p = held(one_matrix(a, "eig"), a.level)
    w, v = call("eig", p, check_finite=check_finite)
    # SciPy gives real eigenvalues as complex numbers.
    sizes = w if v.dtype.kind == "c" else np.real(w)
    w_dual, v_dual = eigensystem(a, held(sizes, a.level), held(v, a.level), vectors=right)
    w_dual = w_dual.astype(w.dtype)
    w = with_primal(w, w_dual)
    return (w, with_primal(v, v_dual)) if right else w


@handles("eigvals")
def eigvals(a, b=None, overwrite_a=False, check_finite=True, homogeneous_eigvals=False):
    return eig(a, b, right=False, check_finite=check_finite,
               homogeneous_eigvals=homogeneous_eigvals)  # fmt: skip


# --- Norms and least squares ---------------------------------------------------------------------


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


# --- Arrays of structure -------------------------------------------------------------------------


@handles("block_diag")
def block_diag(*arrays):
    arrays = [np.atleast_2d(as_operand(a)) for a in arrays]
    if any(np.ndim(a) != 2 for a in arrays):
        raise missing_case("scipy.linalg.block_diag", "of stacks of matrices")
    widths = np.cumsum([0, *(a.shape[1] for a in arrays)])
    rows = [
        np.pad(a, ((0, 0), (before, widths[-1] - after)))
        for a, before, after in zip(arrays, widths, widths[1:], strict=False)
    ]
    return np.concatenate(rows)


@handles("toeplitz")
def toeplitz(c, r=None):
    c = np.ravel(as_operand(c))
    r = np.conj(c) if r is None else np.ravel(as_operand(r))
    both = np.concatenate([c[::-1], r[1:]])
    rows, columns = np.ogrid[: c.size, : r.size]
    return both[c.size - 1 - rows + columns]


@handles("hankel")
def hankel(c, r=None):
    c = np.ravel(as_operand(c))
    r = np.zeros_like(c) if r is None else np.ravel(as_operand(r))
    rows, columns = np.ogrid[: c.size, : r.size]
    return np.concatenate([c, r[1:]])[rows + columns]


@handles("circulant")
def circulant(c):
    c = np.ravel(as_operand(c))
    rows, columns = np.ogrid[: c.size, : c.size]
    return c[(rows - columns) % c.size]


@handles("kron")
def kron(a, b):
    return np.kron(a, b)


# --- The rest refuses ----------------------------------------------------------------------------


def refuse(name):
    """A handler for a function that has no rule."""

    def handler(*args, **kwargs):
        raise missing_rule(f"scipy.linalg.{name}")

    return handler


def refuse_the_rest():
    """Register a refusing handler for every public function of scipy.linalg that has no rule."""
    for name, function in inspect.getmembers(scipy.linalg):
        if name.startswith("_") or f"scipy.linalg.{name}" in HANDLERS:
            continue
        if isinstance(function, types.FunctionType):
            handles(name)(refuse(name))


from dualmc.unchanged.scipy import matrix_functions  # noqa: E402, F401  (registers expm, logm, ...)

refuse_the_rest()
