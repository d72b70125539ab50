"""Matrices that are made of vectors or of blocks, and systems with them."""

import numpy as np

from dualmc.duals.operands import as_operand, level_of
from dualmc.errors import missing_case
from dualmc.functions.matrices.differentials import held, is_active
from dualmc.functions.matrices.solving import residual
from dualmc.functions.results import applied, with_primal
from dualmc.unchanged.scipy.linalg.table import by_formula, call, handles


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


# --- Systems with such matrices ------------------------------------------------------------------


def _pair(c_or_cr):
    """The first column and the first row, as `toeplitz` takes them."""
    if isinstance(c_or_cr, tuple):
        return tuple(as_operand(a) for a in c_or_cr)
    return (as_operand(c_or_cr),)


@handles("solve_toeplitz")
def solve_toeplitz(c_or_cr, b, check_finite=True):
    """``A dx = db - dA x``, solved by the same recursion."""
    parts, b = _pair(c_or_cr), as_operand(b)
    level = level_of(*parts, b)
    p = tuple(np.ravel(held(a, level)) for a in parts)
    x = call("solve_toeplitz", p if len(p) > 1 else p[0], held(b, level),
             check_finite=check_finite)  # fmt: skip
    matrix = toeplitz(*parts) if any(is_active(a, level) for a in parts) else p[0]
    h = held(x, level)
    flat = np.reshape(b, (b.shape[0], -1)) if np.ndim(b) else b
    r = residual(matrix, flat, np.reshape(h, flat.shape), level)
    column, row = p[0], p[1] if len(p) > 1 else np.conj(p[0])
    row = np.concatenate([column[:1], row[1:]])

    def solving(*pair):
        def rows(r):
            lead = np.shape(r)[:-2]
            columns = np.moveaxis(np.reshape(r, (-1, *flat.shape)), 0, -1)
            if not columns.size:
                return np.zeros(np.shape(r))
            found = call("solve_toeplitz", pair, np.reshape(columns, (flat.shape[0], -1)))
            found = np.moveaxis(np.reshape(found, columns.shape), -1, 0)
            return np.reshape(found, (*lead, *flat.shape))

        return rows

    found = applied(solving(column, row), solving(row, column), r, r.primal)
    return with_primal(x, np.reshape(found, np.shape(x)))


@handles("matmul_toeplitz")
def matmul_toeplitz(c_or_cr, x, check_finite=False, workers=None):
    parts, x = _pair(c_or_cr), as_operand(x)
    level = level_of(*parts, x)
    p = tuple(held(a, level) for a in parts)
    y = call("matmul_toeplitz", p if len(p) > 1 else p[0], held(x, level),
             check_finite=check_finite, workers=workers)  # fmt: skip
    return with_primal(y, np.reshape(np.matmul(toeplitz(*parts), x), np.shape(y)))


@by_formula("solve_circulant")
def solve_circulant(c, b, singular="raise", tol=None, caxis=-1, baxis=0, outaxis=0):
    """By the quotient of the transforms."""
    c, b = np.atleast_1d(c), np.atleast_1d(b)
    if singular != "raise":
        raise missing_case("scipy.linalg.solve_circulant", f"with singular={singular!r}")
    transforms = [
        np.fft.fft(np.moveaxis(a, axis, -1), axis=-1) for a, axis in ((b, baxis), (c, caxis))
    ]
    x = np.fft.ifft(transforms[0] / transforms[1], axis=-1)
    x = x if c.dtype.kind == "c" or b.dtype.kind == "c" else np.real(x)
    return np.moveaxis(x, -1, outaxis)


# --- More matrices -------------------------------------------------------------------------------


@handles("khatri_rao")
def khatri_rao(a, b):
    a, b = as_operand(a), as_operand(b)
    if np.ndim(a) != 2 or np.ndim(b) != 2 or a.shape[1] != b.shape[1]:
        raise ValueError("khatri_rao needs two matrices with the same number of columns.")
    return np.reshape(a[:, None, :] * b[None, :, :], (a.shape[0] * b.shape[0], a.shape[1]))


@by_formula("companion")
def companion(a):
    first = -a[1:] / a[0]
    return np.concatenate([first[None], np.eye(a.size - 2, a.size - 1)])


@by_formula("leslie")
def leslie(f, s):
    below = np.concatenate([_on_diagonal(s), np.zeros((s.size, 1))], axis=1)
    return np.concatenate([f[None], below])


@by_formula("fiedler")
def fiedler(a):
    return np.abs(a[:, None] - a[None, :])


@by_formula("convolution_matrix")
def convolution_matrix(a, n, mode="full"):
    total = a.size + n - 1
    i, j = np.ogrid[:total, :n]
    is_inside = (i - j >= 0) & (i - j < a.size)
    whole = np.where(is_inside, a[np.clip(i - j, 0, a.size - 1)], 0.0)
    size = {"full": total, "same": max(a.size, n), "valid": max(a.size, n) - min(a.size, n) + 1}
    before = (total - size[mode]) // 2
    return whole[before : before + size[mode]]


@by_formula("diagsvd")
def diagsvd(s, M, N):
    whole = _on_diagonal(s)
    if s.size == M:
        return np.concatenate([whole, np.zeros((M, N - M))], axis=1)
    return np.concatenate([whole, np.zeros((M - N, N))])


def _on_diagonal(a):
    return a[:, None] * np.eye(a.size)
