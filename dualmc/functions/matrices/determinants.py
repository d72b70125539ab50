"""Determinants.

The determinant is a polynomial: its derivative, the cofactors, is exact for singular matrices too.
"""

import numpy as np

from dualmc.duals.dual import Dual, make
from dualmc.functions.matrices.differentials import (
    held,
    inverse_where,
    quiet,
    rate,
    real,
    spoiled,
    turned,
)
from dualmc.functions.matrices.recorded_matrices import record_slogdet
from dualmc.functions.results import with_primal
from dualmc.kernels.payload import values
from dualmc.rules.registry import handles

# Condition numbers up to which det(A) inv(A)^T gives the cofactors to about 12 digits.
WELL_CONDITIONED = 1e3


@handles("composite", np.linalg.det)
def det(a):
    """``d det(A) = sum(cofactors * dA)``, Jacobi's formula."""
    p = held(a, a.level)
    y = np.linalg.det(p)
    return with_primal(y, determinant_differential(a, p))


@quiet
def determinant_differential(a, p):
    return np.sum(_cofactors(p) * a, axis=(-2, -1))


def _cofactors(a):
    """The cofactors of every matrix, which differ from det(A) inv(A)^T in being always defined."""
    if type(a) is not Dual:
        determinant = np.linalg.det(a)
        if (determinant != 0).all():
            inverse = np.linalg.inv(a)
            if (_size(a) * _size(inverse) < WELL_CONDITIONED).all():
                return determinant[..., None, None] * np.swapaxes(inverse, -1, -2)
        u, s, vh = np.linalg.svd(a)
        return _rotated(_products_without(s)[..., None] * np.eye(a.shape[-1], dtype=s.dtype), u, vh)
    p = a.primal
    if type(p) is Dual:
        return _minors(a)
    u, s, vh = np.linalg.svd(p)
    # In the singular bases dA is E, and the cofactors of diag(s) + E are, to first order,
    # c_ii = sum_j E_jj prod(s without i, j) and c_ij = -E_ji prod(s without i, j).
    e = np.matmul(np.matmul(turned(u), a), turned(vh))
    pairs = _products_without_two(s)
    across = np.matmul(pairs, np.diagonal(e, 0, -2, -1)[..., None])
    c = across * np.eye(s.shape[-1], dtype=s.dtype) - pairs * np.swapaxes(e, -1, -2)
    return with_primal(_cofactors(p), _rotated(c, u, vh))


def _size(a):
    """The largest absolute sum of a row: a bound on the norm of each matrix."""
    return np.max(np.sum(np.abs(a), axis=-1), axis=-1, initial=0.0)


def _rotated(c, u, vh):
    """The cofactors of ``u @ B @ vh``, where `c` are those of B."""
    factor = np.sign(np.linalg.det(u)) * np.sign(np.linalg.det(vh))
    return np.matmul(np.matmul(factor[..., None, None] * np.conj(u), c), np.conj(vh))


def _products_without(s):
    """For every i the product of the others, in a range where it neither over- nor underflows."""
    wide = np.where(np.eye(s.shape[-1], dtype=bool), 1.0, s.astype(np.longdouble)[..., None, :])
    return np.prod(wide, axis=-1).astype(s.dtype)


def _products_without_two(s):
    """For every i != j the product of the other elements of `s`; 0 on the diagonal."""
    n = s.shape[-1]
    wide = s.astype(np.longdouble)
    one = np.ones((*s.shape[:-1], 1), np.longdouble)
    before = np.cumprod(np.concatenate([one, wide[..., :-1]], axis=-1), axis=-1)[..., :n]
    after = np.cumprod(np.concatenate([one, wide[..., :0:-1]], axis=-1), axis=-1)
    after = after[..., ::-1][..., :n]
    upper = np.triu(np.ones((n, n), bool), 1)
    # between[i, j] is the product from i + 1 to j - 1.
    between = np.cumprod(np.where(upper, wide[..., None, :], 1.0), axis=-1)
    between = np.concatenate([np.ones((*s.shape[:-1], n, 1)), between[..., :-1]], axis=-1)
    product = np.where(upper, before[..., :, None] * between * after[..., None, :], 0.0)
    return (product + np.swapaxes(product, -1, -2)).astype(s.dtype)


def _minors(a):
    """The cofactors as determinants of n^2 minors: what the third derivative is made of."""
    n = a.shape[-1]
    others = np.array([[j for j in range(n) if j != i] for i in range(n)], int).reshape(n, -1)
    minors = a[..., others[:, None, :, None], others[None, :, None, :]]
    checker = (-1.0) ** np.add.outer(np.arange(n), np.arange(n))
    return np.linalg.det(minors) * checker.astype(real(values(a)).dtype)


@handles("composite", np.linalg.slogdet)
def slogdet(a):
    """``d log|det A| = Re tr(inv(A) dA)``: NaN for a singular matrix."""
    found = record_slogdet(a)
    if found is not None:
        return found
    p = held(a, a.level)
    y = np.linalg.slogdet(p)
    ratio = _relative(a, p, values(y.sign) == 0)
    if a.dtype.kind != "c":
        return type(y)(make(y.sign, None, a.level), with_primal(y.logabsdet, ratio))
    turn = held(y.sign, a.level) * (1j * np.imag(ratio))
    return type(y)(with_primal(y.sign, turn), with_primal(y.logabsdet, np.real(ratio)))


@quiet
def _relative(a, p, is_singular):
    inverse = inverse_where(p, ~is_singular)
    ratio = np.sum(np.swapaxes(inverse, -1, -2) * a, axis=(-2, -1))
    return spoiled(ratio, is_singular, rate(a)) if np.any(is_singular) else ratio
