"""Singular values, eigenvalues, and their vectors."""

import numpy as np

from dualmc.duals.operands import as_operand, level_of
from dualmc.errors import missing_case
from dualmc.functions.matrices import spectral
from dualmc.functions.matrices.differentials import from_triangle, held, turned
from dualmc.functions.matrices.singular_values import (
    completed,
    parted,
    singular_values,
    singular_vectors,
)
from dualmc.functions.matrices.spectral import eigensystem, values_hermitian, vectors_hermitian
from dualmc.functions.matrices.splitting import split_at
from dualmc.functions.results import with_primal
from dualmc.kernels.payload import values
from dualmc.unchanged.scipy.linalg.table import call, handles, one_matrix


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
    if options.get("subset_by_index") is not None or options.get("subset_by_value") is not None:
        return _subset(as_operand(a), b, lower, eigvals_only, check_finite, **options)
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


def _subset(a, b, lower, eigvals_only, check_finite, subset_by_index=None, subset_by_value=None,
            **options):  # fmt: skip
    """Of all eigenvalues some, by place or by value."""
    level = level_of(a, b)
    inner = [held(a, level), None if b is None else held(as_operand(b), level)]
    asked = {"subset_by_index": subset_by_index, "subset_by_value": subset_by_value}
    given = {"lower": lower, "check_finite": check_finite, "eigvals_only": eigvals_only}
    own = call("eigh", *inner, **asked, **given, **options)
    w = eigh(a, b, lower, eigvals_only=True, check_finite=check_finite)
    if subset_by_index is not None:
        which = slice(subset_by_index[0], subset_by_index[1] + 1)
    else:
        plain = values(w)
        which = np.flatnonzero((plain > subset_by_value[0]) & (plain <= subset_by_value[1]))
    if eigvals_only:
        return with_primal(own, w[which])
    _, v = eigh(a, b, lower, check_finite=check_finite)
    return with_primal(own[0], w[which]), aligned(own[1], v[:, which])


def aligned(own, v):
    """The vectors `v` with the signs of `own`, and its values."""
    sign = np.sign(np.sum(values(own) * values(v), axis=0))
    return with_primal(own, v * sign)


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
