"""What the matrix functions share: differentials written once for every mode.

A handler computes NumPy's own result from the values at its level, then writes the differential as
an expression that is linear in the Duals of that level, everything else held constant: the tangent
of ``-(Y @ A @ Y)`` is that of ``inv(A)``.  Forward mode pushes the tangent of A through the
expression, reverse mode sweeps back through it.  The constants are Duals of outer levels when
derivatives are nested, so that second derivatives come out by recursion.
"""

import functools
import math

import numpy as np

from dualmc.duals.dual import Dual
from dualmc.duals.operands import primal_at
from dualmc.functions.results import applied
from dualmc.kernels.payload import values
from dualmc.tangents import tape


def held(a, level):
    """The value of operand `a` at `level`, whatever is written to it later."""
    return tape.keep(a, level) if level.records else primal_at(a, level)


def is_active(a, level):
    return type(a) is Dual and a.level is level


def quiet(formula):
    """Decorator: only NumPy's own computation of the value may warn, not that of a derivative."""

    @functools.wraps(formula)
    def wrapped(*args, **kwargs):
        with np.errstate(all="ignore"):
            return formula(*args, **kwargs)

    return wrapped


def turned(a):
    """The conjugate transpose of every matrix of a stack."""
    a = np.swapaxes(a, -1, -2)
    return np.conj(a) if a.dtype.kind == "c" else a


def antisymmetric(a):
    """The part of `a` that is minus its own conjugate transpose."""
    return 0.5 * (a - turned(a))


def diagonal(a):
    return np.diagonal(a, 0, -2, -1)


def real(a):
    return np.real(a) if a.dtype.kind == "c" else a


def from_triangle(a, uplo):
    """The Hermitian matrix that LAPACK sees when it reads one triangle of `a`."""
    part = np.tril(a, -1) if uplo == "L" else np.triu(a, 1)
    return part + turned(part) + real(a) * np.eye(a.shape[-1], dtype=real(values(a)).dtype)


def eps_of(a):
    return np.finfo(a.dtype).eps


def rate(a, axes=(-2, -1)):
    """One number per matrix that changes whenever an entry of it does."""
    shape = [a.shape[axis] for axis in axes]
    weight = 1.0 + np.arange(1.0, math.prod(shape) + 1.0).reshape(shape) ** 0.5 / 7.0
    total = np.sum(a * weight.astype(real(values(a)).dtype), axis=axes)
    return total if a.dtype.kind != "c" else np.real(total) + 0.7 * np.imag(total)


def spoiled(expression, where, rate):
    """`expression` with derivative NaN wherever `where` holds, by all that its matrix depends on.

    NaN times the derivative itself would not do: what is exactly 0 stays 0.
    """
    where = np.broadcast_to(where, expression.shape)
    if not where.any():
        return expression
    nan = np.where(where, np.nan, 0.0).astype(expression.dtype)
    nan = nan * (1 + 1j) if nan.dtype.kind == "c" else nan
    lead = np.ndim(rate)
    return expression + np.reshape(rate, rate.shape + (1,) * (expression.ndim - lead)) * nan


def inverse_where(p, is_regular):
    """The inverses of a stack of matrices; the identity for those that are not regular."""
    if np.all(is_regular):
        return np.linalg.inv(p)
    mask = np.broadcast_to(np.asarray(is_regular)[..., None, None], p.shape)
    return np.linalg.inv(np.where(mask, p, np.eye(p.shape[-1], dtype=p.dtype)))


def solved(p, r):
    """A Dual with the tangent of ``inv(p) @ r``; `p` is constant, `r` a stack of columns.

    One factorization serves all directions.  In a stack of systems the solution depends on the
    inputs of its own system only: a sparse tangent stays sparse in a product with the inverse.
    """
    t = r.own_tangent()
    if t is not None and t.is_sparse and p.ndim > 2:
        return np.matmul(np.linalg.inv(p), r)
    transposed = np.swapaxes(p, -1, -2)
    ndim = r.ndim
    return applied(
        lambda rows: solve_rows(p, rows, ndim),
        lambda rows: solve_rows(transposed, rows, ndim),
        r,
        r.primal,
    )


def solve_rows(p, rows, ndim):
    """``inv(p) @ row`` for every row of an array with axes before those of the columns."""
    lead = rows.ndim - ndim
    if lead == 0:
        return np.linalg.solve(p, rows)
    if rows.size == 0:
        return np.zeros(rows.shape, rows.dtype)
    axes = tuple(range(lead))
    moved = np.moveaxis(rows, axes, tuple(range(-lead, 0)))
    shape = moved.shape
    y = np.linalg.solve(p, np.reshape(moved, (*shape[: ndim - 1], -1)))
    y = np.reshape(y, shape)
    return np.moveaxis(y, tuple(range(-lead, 0)), axes)


def phase(v_dual, v, row):
    """How fast the columns of `v_dual` turn in a row where v is real, and where that is unknown."""
    if v.shape[-2] == 0:
        return 0.0, np.zeros(v.shape[:-2] + v.shape[-1:], bool)
    reference = real(v[..., row, :])
    plain = np.abs(values(reference))
    is_free = plain <= v.shape[-2] * eps_of(plain)
    angle = np.imag(v_dual[..., row, :]) / np.where(is_free, np.ones((), plain.dtype), reference)
    return angle[..., None, :], is_free


# --- Repeated values -----------------------------------------------------------------------------


def clusters(s, rounding):
    """Labels of sorted values `s` (..., k): equal where neighbours differ by rounding only."""
    apart = np.abs(np.diff(s, axis=-1)) > rounding
    first = np.zeros((*s.shape[:-1], min(s.shape[-1], 1)), int)
    return np.concatenate([first, np.cumsum(apart, axis=-1)], axis=-1)


def shared(s_dual, labels):
    """The mean over every cluster: the derivative that does not depend on the choice of vectors."""
    if labels.size == 0 or (labels[..., -1] == labels.shape[-1] - 1).all():
        return s_dual
    same = labels[..., :, None] == labels[..., None, :]
    mean = (same / same.sum(axis=-1, keepdims=True)).astype(s_dual.dtype)
    return np.matmul(mean, s_dual[..., None])[..., 0]


def repeated(labels):
    """Which values share their label with another."""
    same = labels[..., :, None] == labels[..., None, :]
    return same.sum(axis=-1) > 1


def gaps(s, labels):
    """``1 / (s_j - s_i)``, and 0 where the two have the same label."""
    difference = s[..., None, :] - s[..., :, None]
    same = labels[..., :, None] == labels[..., None, :]
    dtype = values(difference).dtype
    inverse = 1.0 / np.where(same, np.ones((), dtype), difference)
    return np.where(same, np.zeros((), dtype), inverse)
