"""Symmetric banded and tridiagonal matrices."""

import numpy as np

from dualmc.duals.operands import as_operand, level_of
from dualmc.errors import missing_case
from dualmc.functions.matrices.differentials import held, turned
from dualmc.functions.matrices.spectral import values_hermitian, vectors_hermitian
from dualmc.functions.results import with_primal
from dualmc.kernels.payload import values
from dualmc.unchanged.scipy.linalg.factorizations import cholesky
from dualmc.unchanged.scipy.linalg.spectra import aligned
from dualmc.unchanged.scipy.linalg.systems import divided, solve_banded
from dualmc.unchanged.scipy.linalg.table import call, handles


def _upper_bands(ab, lower):
    """The bands of the upper triangle of a Hermitian matrix, of either form of storage."""
    if not lower:
        return ab
    count, n = ab.shape
    rows = [np.pad(np.conj(ab[k, : n - k]), (k, 0)) for k in range(count)]
    return np.stack(rows[::-1])


def _all_bands(ab, lower):
    """All bands of a Hermitian matrix, as ``solve_banded((u, u), ...)`` takes them."""
    up = _upper_bands(ab, lower)
    u = up.shape[0] - 1
    below = [np.pad(np.conj(up[u - k, k:]), (0, k)) for k in range(1, u + 1)]
    middle = np.real(up[u:]) if up.dtype.kind == "c" else up[u:]
    parts = [up[:u], middle.astype(up.dtype)]
    return np.concatenate([*parts, np.stack(below)] if below else parts)


def _dense(bands, lower, upper):
    """The matrix whose diagonals are the rows of `bands`: bands[u + i - j, j] = a[i, j]."""
    n = bands.shape[1]
    i, j = np.ogrid[:n, :n]
    row = upper + i - j
    is_inside = (row >= 0) & (row <= upper + lower)
    picked = bands[np.clip(row, 0, lower + upper), np.broadcast_to(j, (n, n))]
    return np.where(is_inside, picked, np.zeros((), bands.dtype))


def _hermitian(ab, lower):
    u = ab.shape[0] - 1
    return _dense(_all_bands(ab, lower), u, u)


@handles("solveh_banded")
def solveh_banded(ab, b, overwrite_ab=False, overwrite_b=False, lower=False, check_finite=True):
    ab, b = as_operand(ab), as_operand(b)
    level = level_of(ab, b)
    x = call("solveh_banded", held(ab, level), held(b, level), lower=lower,
             check_finite=check_finite)  # fmt: skip
    u = ab.shape[0] - 1
    return with_primal(x, solve_banded((u, u), _all_bands(ab, lower), b))


@handles("cholesky_banded")
def cholesky_banded(ab, overwrite_ab=False, lower=False, check_finite=True):
    y = call("cholesky_banded", held(ab, ab.level), lower=lower, check_finite=check_finite)
    factor = cholesky(_hermitian(ab, lower), lower)
    count, n = ab.shape
    k, j = np.ogrid[:count, :n]
    i = j + k if lower else j + k - (count - 1)
    is_inside = (i >= 0) & (i < n)
    found = factor[np.clip(i, 0, n - 1), np.broadcast_to(j, i.shape)]
    return with_primal(y, np.where(is_inside, found, ab))  # whose corner is left as it is


@handles("cho_solve_banded")
def cho_solve_banded(cb_and_lower, b, overwrite_b=False, check_finite=True):
    cb, lower = cb_and_lower
    cb, b = as_operand(cb), as_operand(b)
    level = level_of(cb, b)
    x = call("cho_solve_banded", (held(cb, level), lower), held(b, level),
             check_finite=check_finite)  # fmt: skip
    u = cb.shape[0] - 1
    t = _dense(cb, u, 0) if lower else turned(_dense(cb, 0, u))
    return divided(np.matmul(t, turned(t)), b, x, level)


# --- Eigenvalues ---------------------------------------------------------------------------------


def _chosen(w, select, select_range):
    """Which of all sorted eigenvalues are asked for."""
    plain = values(w)
    if select in ("a", "all", 0):
        return slice(None)
    if select in ("i", "index", 2):
        return slice(int(select_range[0]), int(select_range[1]) + 1)
    return np.flatnonzero((plain > select_range[0]) & (plain <= select_range[1]))


def _spectrum(name, args, dense, eigvals_only, select, select_range, options):
    """The eigenvalues and vectors of the Hermitian matrix `dense`, with those of SciPy's own."""
    level = level_of(*args)
    plain = [held(a, level) for a in args]
    both = name if name.startswith("eigh_") else "eig_banded"
    w, v = call(both, *plain, **options)
    w_dual = with_primal(w, values_hermitian(dense, held(w, level), held(v, level)))
    which = _chosen(w, select, select_range)
    asked = options | {"select": select, "select_range": select_range}
    if eigvals_only:
        return with_primal(call(both, *plain, eigvals_only=True, **asked), w_dual[which])
    if dense.dtype.kind == "c":
        raise missing_case(f"scipy.linalg.{name}", "the vectors of complex matrices")
    v_dual = with_primal(v, vectors_hermitian(dense, held(w, level), held(v, level), 0))
    own_w, own_v = call(both, *plain, **asked)
    return with_primal(own_w, w_dual[which]), aligned(own_v, v_dual[:, which])


@handles("eigh_tridiagonal")
def eigh_tridiagonal(d, e, eigvals_only=False, select="a", select_range=None,
                     check_finite=True, tol=0.0, lapack_driver="auto"):  # fmt: skip
    d, e = as_operand(d), as_operand(e)
    dense = _dense(np.stack([np.pad(e, (1, 0)), d, np.pad(e, (0, 1))]), 1, 1)
    driver = lapack_driver if select in ("a", "all", 0) else "auto"
    options = {"check_finite": check_finite, "tol": tol, "lapack_driver": driver}
    return _spectrum("eigh_tridiagonal", (d, e), dense, eigvals_only, select, select_range, options)


@handles("eigvalsh_tridiagonal")
def eigvalsh_tridiagonal(d, e, select="a", select_range=None, *args, **kwargs):
    return call("eigh_tridiagonal", d, e, True, select, select_range, *args, **kwargs)


@handles("eig_banded")
def eig_banded(a_band, lower=False, eigvals_only=False, overwrite_a_band=False, select="a",
               select_range=None, max_ev=0, check_finite=True):  # fmt: skip
    ab = as_operand(a_band)
    options = {"lower": lower, "check_finite": check_finite}
    dense = _hermitian(ab, lower)
    return _spectrum("eig_banded", (ab,), dense, eigvals_only, select, select_range, options)


@handles("eigvals_banded")
def eigvals_banded(a_band, lower=False, overwrite_a_band=False, select="a", select_range=None,
                   check_finite=True):  # fmt: skip
    return call("eig_banded", a_band, lower, True, False, select, select_range, 0, check_finite)
