"""Eigenvalues and eigenvectors.

Signs and phases are those of NumPy's own result.  Vectors of a repeated eigenvalue have derivative
NaN; a repeated eigenvalue of a Hermitian matrix has the mean of the derivatives of its copies,
which is exact in every smooth function that treats them alike.
"""

import numpy as np

from dualmc.duals.choices import meetings
from dualmc.duals.dual import make
from dualmc.functions.matrices.differentials import (
    antisymmetric,
    clusters,
    diagonal,
    eps_of,
    from_triangle,
    gaps,
    held,
    inverse_where,
    phase,
    quiet,
    rate,
    real,
    repeated,
    shared,
    spoiled,
    turned,
)
from dualmc.functions.matrices.splitting import note, split_at
from dualmc.functions.results import with_primal
from dualmc.kernels.payload import values
from dualmc.rules.registry import handles

# --- Hermitian matrices --------------------------------------------------------------------------


@handles("composite", np.linalg.eigh)
def eigh(a, UPLO="L"):
    """``dw = diag(V^H dA V)``, ``dV = V (F * V^H dA V)`` with F the reciprocal gaps.

    NumPy reads one triangle of A: the derivative is with respect to that triangle.
    """
    p = held(a, a.level)
    y = np.linalg.eigh(p, UPLO)
    y = type(y)(*parted(a.level, *y))
    w, v = held(y[0], a.level), held(y[1], a.level)
    h = from_triangle(a, UPLO.upper())
    return type(y)(
        with_primal(y[0], values_hermitian(h, w, v)),
        with_primal(y[1], vectors_hermitian(h, w, v, 0 if UPLO.upper() == "L" else -1)),
    )


@handles("composite", np.linalg.eigvalsh)
def eigvalsh(a, UPLO="L"):
    p = held(a, a.level)
    y = np.linalg.eigvalsh(p, UPLO)
    w, v = parted(a.level, *np.linalg.eigh(p, UPLO))
    y = y if split_at(a.level) is None else w
    h = from_triangle(a, UPLO.upper())
    return with_primal(y, values_hermitian(h, w, v))


def _rounding(w):
    """What rounding leaves of a gap between eigenvalues that is 0."""
    return w.shape[-1] * eps_of(w) * np.max(np.abs(w), axis=-1, keepdims=True, initial=0.0)


def parted(level, w, v):
    """Plain eigenvalues and vectors; repeated ones apart while a split is on."""
    split = split_at(level)
    if split is None or type(w) is not np.ndarray:
        return w, v
    labels = clusters(w, _rounding(w))
    if not repeated(labels).any():
        return w, v
    return split.entries(w, labels), np.matmul(v, split.mixing(labels, v.dtype))


@quiet
def values_hermitian(h, w, v):
    w_dual = np.sum(real(np.conj(v) * np.matmul(h, v)), axis=-2)
    plain = values(w)
    labels = clusters(plain, _rounding(plain))
    is_repeated = repeated(labels)
    if not is_repeated.any() or split_at(h.level) is not None:
        return w_dual
    note()
    if meetings.split is not None:  # of a matrix that comes from vectors that were split
        return spoiled(w_dual, is_repeated, rate(h))
    return shared(w_dual, labels)


@quiet
def vectors_hermitian(h, w, v, real_row):
    plain = values(w)
    labels = clusters(plain, _rounding(plain))
    is_lost = repeated(labels)
    m = np.matmul(turned(v), np.matmul(h, v))
    split = split_at(h.level) if is_lost.any() else None
    if split is None:
        v_dual = np.matmul(v, gaps(w, labels) * m)
    else:
        same = labels[..., :, None] == labels[..., None, :]
        gap = w[..., None, :] - w[..., :, None]
        turn = split.quotient(m, gap, same & ~np.eye(labels.shape[-1], dtype=bool))
        v_dual = np.matmul(v, antisymmetric(turn))
    if v.dtype.kind == "c":  # LAPACK's phases: one component of every vector is real
        angle, is_free = phase(v_dual, v, real_row)
        if split is not None:  # the phases of mixed vectors are free
            angle = np.where(is_lost[..., None, :], 0.0, angle)
        v_dual = v_dual - 1j * v * angle
        is_lost = is_lost | is_free
    if split is not None or not is_lost.any():
        return v_dual
    note()
    return spoiled(v_dual, is_lost[..., None, :], rate(h))


# --- General matrices ----------------------------------------------------------------------------


@handles("composite", np.linalg.eig)
def eig(a):
    """``dw = diag(inv(V) dA V)``; vectors of length 1 whose largest component is real."""
    p = held(a, a.level)
    y = np.linalg.eig(p)
    w, v = held(y[0], a.level), held(y[1], a.level)
    w_dual, v_dual = eigensystem(a, w, v, vectors=True)
    return type(y)(with_primal(y[0], w_dual), with_primal(y[1], v_dual))


@handles("composite", np.linalg.eigvals)
def eigvals(a):
    p = held(a, a.level)
    y = np.linalg.eigvals(p)
    w, v = np.linalg.eig(p)
    if a.shape[-1] == 0:
        return make(y, None, a.level)
    w_dual, _ = eigensystem(a, w, v, vectors=False)
    # The two routines of LAPACK may sort differently.
    order = np.argmin(np.abs(values(y)[..., :, None] - values(w)[..., None, :]), axis=-1)
    w_dual = np.take_along_axis(w_dual, order, -1)
    twice = repeated(order)
    return with_primal(y, spoiled(w_dual, twice, rate(a)) if twice.any() else w_dual)


@quiet
def eigensystem(a, w, v, vectors):
    """Expressions for eigenvalues and vectors; NaN where rounding cannot tell eigenvalues apart."""
    n = a.shape[-1]
    if n == 0:
        return np.sum(a, axis=-1), a
    plain_v = values(v)
    is_regular = np.linalg.slogdet(plain_v).sign != 0
    inverse = inverse_where(v, is_regular)
    # An eigenvalue moves by up to |u_i| per unit change of A, u_i its left vector.
    left = np.linalg.norm(values(inverse), axis=-1)
    size = np.linalg.norm(values(a), axis=(-2, -1))[..., None]
    moved = np.where(is_regular[..., None], 4 * eps_of(left) * size * left, np.inf)
    difference = w[..., None, :] - w[..., :, None]
    distance = np.abs(values(difference))
    is_near = distance <= moved[..., :, None] + moved[..., None, :]
    is_near &= ~np.eye(n, dtype=bool)
    is_repeated = is_near.any(axis=-1) | ~is_regular[..., None]
    change = rate(a) if is_repeated.any() else np.zeros(a.shape[:-2])
    m = np.matmul(inverse, np.matmul(a, v))
    w_dual = spoiled(diagonal(m), is_repeated, change)
    if not vectors:
        return w_dual, None
    unit, zero = np.ones((), w.dtype), np.zeros((), w.dtype)
    off = ~(is_near | np.eye(n, dtype=bool))
    f = np.where(off, 1.0 / np.where(off, difference, unit), zero)
    v_dual = np.matmul(v, f * m)
    v_dual = v_dual - v * np.sum(real(np.conj(v) * v_dual), axis=-2, keepdims=True)
    if v.dtype.kind == "c":
        size = np.where(np.imag(plain_v) == 0, np.abs(plain_v), -1.0)
        largest = np.argmax(size, axis=-2)[..., None, :]
        turn = np.imag(np.take_along_axis(v_dual, largest, -2))
        v_dual = v_dual - 1j * v * (turn / real(np.take_along_axis(v, largest, -2)))
    return w_dual, spoiled(v_dual, is_repeated[..., None, :], change)
