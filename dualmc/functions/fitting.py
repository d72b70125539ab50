"""Least squares: lstsq and polyfit, with respect to the data and to the matrix."""

import warnings

import numpy as np

from dualmc.duals.dual import Dual
from dualmc.duals.operands import as_operand, level_of
from dualmc.functions.matrices.differentials import held, is_active, quiet, real, turned
from dualmc.functions.matrices.solving import pseudo_inverse
from dualmc.functions.summing.linear import with_primal
from dualmc.kernels.payload import values
from dualmc.rules.registry import handles


@handles("composite", np.linalg.lstsq)
def lstsq(a, b, rcond=None):
    """``(x, residuals, rank, s)``: x at constant rank, as `pinv`; the rank is a count."""
    a, b = as_operand(a), as_operand(b)
    level = level_of(a, b)
    rcond = values(rcond) if type(rcond) is Dual else rcond
    p, q = held(a, level), held(b, level)
    x, residuals, rank, s = np.linalg.lstsq(p, q, rcond)
    if rcond is None:
        rcond = np.finfo(s.dtype).eps * max(a.shape)
    columns = (slice(None), None) if np.ndim(b) == 1 else ...
    found, total = _solution(
        a, b[columns], p, q[columns], held(x, level)[columns], int(rank), np.asarray(rcond), level
    )
    x = with_primal(x, found[..., 0] if np.ndim(b) == 1 else found)
    if np.size(residuals):
        residuals = with_primal(residuals, total)
    if is_active(a, level):
        s = with_primal(s, np.linalg.svd(a, compute_uv=False))
    return x, residuals, rank, s


@quiet
def _solution(a, b, p, q, x, rank, rcond, level):
    """Expressions for x and for the sums of squared residuals.

    With r = b - A x and P the pseudo-inverse: dx = P (db - dA x) + P P^H dA^H r at full column
    rank.  The residuals change as if x stood still, since A^H r = 0.
    """
    misfit = b - np.matmul(a, x) if is_active(a, level) else b
    r = q - np.matmul(p, x)
    total = np.sum(real(np.conj(r) * misfit), axis=0) * 2.0
    inverse = np.linalg.pinv(p, rcond)
    if not is_active(a, level):
        return np.matmul(inverse, misfit), total
    m, n = a.shape
    if rank == n <= m:
        push = np.matmul(np.matmul(inverse, turned(inverse)), np.matmul(turned(a), r))
        return np.matmul(inverse, misfit) + push, total
    found = np.matmul(pseudo_inverse(a, p, inverse, rcond), q)
    return (found + np.matmul(inverse, b) if is_active(b, level) else found), total


@handles("composite", np.polyfit)
def polyfit(x, y, deg, rcond=None, full=False, w=None, cov=False):
    """NumPy's own steps: the matrix of powers, scaled columns, `lstsq`."""
    x, y = as_operand(x), as_operand(y)
    arguments = [x, y] if w is None else [x, y, as_operand(w)]
    level = level_of(arguments)
    plain = [held(a, level) for a in arguments]
    weights = plain[2] if w is not None else None
    primal = np.polyfit(plain[0], plain[1], deg, rcond, full, weights, cov)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # said once, for the values
        found = _fitted(arguments, int(deg) + 1, rcond, full, cov)
    if not full and not cov:
        return with_primal(primal, found)
    return tuple(with_primal(a, b) if np.ndim(a) else a for a, b in zip(primal, found, strict=True))


@quiet
def _fitted(arguments, order, rcond, full, cov):
    x, y, *w = arguments
    if rcond is None:
        rcond = len(x) * np.finfo(np.result_type(x.dtype, 1.0)).eps
    powers = np.vander(x + 0.0, order)
    if w:
        powers = powers * w[0][:, None]
        y = y * (w[0][:, None] if y.ndim == 2 else w[0])
    scale = np.sqrt(np.sum(powers * powers, axis=0))
    powers = powers / scale
    c, residuals, rank, s = np.linalg.lstsq(powers, y, rcond)
    c = np.transpose(np.transpose(c) / scale)
    if full:
        return c, residuals, rank, s, rcond
    if not cov:
        return c
    base = np.linalg.inv(np.matmul(np.transpose(powers), powers)) / np.outer(scale, scale)
    factor = 1.0 if cov == "unscaled" else residuals / (len(x) - order)
    return c, (base if y.ndim == 1 else base[:, :, None]) * factor
