"""Bases of null spaces and ranges, polar factors, and what is made of them.

A basis is determined up to a rotation of its vectors, which SciPy chooses.  Its derivative is the
one without rotation, N^H dN = 0, so that all that does not depend on the choice (projectors,
angles, solutions) comes out right, second derivatives too:

    dN = -pinv(A) dA N for the null space,  dQ = (I - Q Q^H) dA pinv(A) Q for the range.

A rank below full is taken for constant; where the derivative of A would change it, there is none.
"""

import numpy as np

from dualmc.duals.dual import Dual
from dualmc.errors import missing_case
from dualmc.functions.matrices.differentials import from_triangle, held, quiet, turned
from dualmc.functions.results import with_primal
from dualmc.kernels.payload import values
from dualmc.unchanged.scipy.linalg.table import by_formula, call, handles, on_values, one_matrix

# How small, relative to the derivative of A, the part may be that would change the rank.
NEGLIGIBLE = 1e-9


def _check_rank(outside, a, name):
    """Refuse if the part of dA that leads to another rank is not zero; a tape cannot tell."""
    part, whole = outside.own_tangent(), a.own_tangent()
    if part is None or whole is None or part.is_recorded:
        return
    part = np.abs(values(part.to_dense().dense()))
    if part.size and part.max() > NEGLIGIBLE * np.abs(values(whole.to_dense().dense())).max():
        raise missing_case(
            f"scipy.linalg.{name}", "where the rank of the matrix changes with the inputs"
        )


def _inverse(p, rank):
    """The pseudoinverse of a matrix of a known rank."""
    u, s, vh = np.linalg.svd(p, full_matrices=False)
    return np.matmul(turned(vh[:rank]), turned(u[:, :rank]) / s[:rank, None])


@handles("null_space")
def null_space(A, rcond=None, *, overwrite_a=False, check_finite=True, lapack_driver="gesdd"):
    one_matrix(A, "null_space")
    p = held(A, A.level)
    y = call("null_space", p, rcond, check_finite=check_finite, lapack_driver=lapack_driver)
    n = held(y, A.level) if type(y) is Dual else y
    rank = A.shape[1] - n.shape[1]
    return with_primal(y, _null_differential(A, p, n, rank))


@quiet
def _null_differential(a, p, n, rank):
    inverse = _pseudoinverse(p, rank)
    moved = np.matmul(a, n)
    if rank < min(a.shape):
        _check_rank(moved - np.matmul(p, np.matmul(inverse, moved)), a, "null_space")
    return -np.matmul(inverse, moved)


def _pseudoinverse(p, rank):
    """Differentiated by its own rule, where p is a Dual of an outer level."""
    if type(p) is not Dual:
        return _inverse(p, rank)
    s = np.linalg.svd(values(p), compute_uv=False)
    if rank == 0:
        return np.zeros_like(turned(p))
    bound = 0.5 * s[rank - 1] / s[0] if rank < s.size else 0.0
    return np.linalg.pinv(p, bound)


@handles("orth")
def orth(A, rcond=None):
    one_matrix(A, "orth")
    p = held(A, A.level)
    y = call("orth", p, rcond)
    q = held(y, A.level) if type(y) is Dual else y
    return with_primal(y, _range_differential(A, p, q, q.shape[1]))


@quiet
def _range_differential(a, p, q, rank):
    inverse = _pseudoinverse(p, rank)
    moved = np.matmul(a, np.matmul(inverse, q))
    if rank < min(a.shape):
        rest = a - np.matmul(a, np.matmul(inverse, p))
        _check_rank(rest - np.matmul(q, np.matmul(turned(q), rest)), a, "orth")
    return moved - np.matmul(q, np.matmul(turned(q), moved))


@by_formula("subspace_angles")
def subspace_angles(A, B):
    """By the cosines, and by the sines where those are small, as SciPy does."""
    a, b = (call("orth", one_matrix(m, "subspace_angles")) for m in (A, B))
    cross = np.matmul(turned(a), b)
    cosines = np.linalg.svd(cross, compute_uv=False)
    if a.shape[1] >= b.shape[1]:
        rest = b - np.matmul(a, cross)
    else:
        rest = a - np.matmul(b, turned(cross))
    is_small = values(cosines) ** 2 >= 0.5
    sines = np.linalg.svd(rest, compute_uv=False) if is_small.any() else 0.0 * cosines
    sines = np.clip(np.where(is_small, sines, 0.0), -1.0, 1.0)
    turned_cosines = np.clip(np.where(is_small, 0.0, cosines[::-1]), -1.0, 1.0)
    return np.where(is_small, np.arcsin(sines), np.arccos(turned_cosines))


# --- Polar factors -------------------------------------------------------------------------------


@by_formula("polar")
def polar(a, side="right"):
    """``a = u p``, p = (a^H a)^(1/2), or from the other side."""
    m, n = one_matrix(a, "polar").shape
    if (m < n) if side == "right" else (m > n):
        raise missing_case("scipy.linalg.polar", f"of a matrix {m} x {n} with side={side!r}")
    if side == "right":
        p = call("sqrtm", np.matmul(turned(a), a))
        return np.matmul(a, np.linalg.inv(p)), p
    p = call("sqrtm", np.matmul(a, turned(a)))
    return np.matmul(np.linalg.inv(p), a), p


@by_formula("orthogonal_procrustes")
def orthogonal_procrustes(A, B, check_finite=True):
    """The unitary polar factor of ``A^H B``, and the trace of the other."""
    u, p = polar(np.matmul(turned(A), B))
    return u, np.real(np.trace(p))


@by_formula("pinvh")
def pinvh(a, atol=None, rtol=None, lower=True, return_rank=False, check_finite=True):
    if atol is not None or return_rank:
        raise missing_case("scipy.linalg.pinvh", "with atol or return_rank=True")
    whole = from_triangle(one_matrix(a, "pinvh"), "L" if lower else "U")
    rcond = max(a.shape) * np.finfo(a.dtype).eps if rtol is None else rtol
    return np.linalg.pinv(whole, rcond)


for _name in ("issymmetric", "ishermitian", "bandwidth", "get_blas_funcs", "get_lapack_funcs",
              "find_best_blas_type"):  # fmt: skip
    on_values(_name)
