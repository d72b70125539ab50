"""Polynomials: their values, arithmetic, roots, and fits by least squares."""

import warnings

import numpy as np

from dualmc.duals.dual import Dual
from dualmc.duals.operands import as_operand, level_of
from dualmc.errors import KinkWarning
from dualmc.functions.matrices.differentials import eps_of, held, quiet, rate, spoiled
from dualmc.functions.results import with_primal
from dualmc.kernels.payload import values
from dualmc.rules.registry import handles


@handles("composite", np.vander)
def vander(x, N=None, increasing=False):
    n = len(x) if N is None else N
    columns = [np.ones_like(x)]
    for _ in range(1, n):
        columns.append(columns[-1] * x)
    y = np.stack(columns[:n], axis=-1)
    y = y if increasing else y[:, ::-1]
    return with_primal(np.vander(x.primal, N, increasing), y)


@handles("composite", np.polyval)
def polyval(p, x):
    p, x = as_operand(p), as_operand(x)
    y = np.zeros_like(x)
    for i in range(len(p)):
        y = y * x + p[i]
    return y


# --- Arithmetic of coefficients ------------------------------------------------------------------


def _polynomial(function, formula):
    @handles("composite", function)
    def handler(*args, **kwargs):
        return formula(*(np.atleast_1d(as_operand(a)) for a in args), **kwargs)


def _polyadd(a1, a2):
    n = max(a1.shape[0], a2.shape[0])
    pad = [np.concatenate([np.zeros(n - a.shape[0]), a]) for a in (a1, a2)]
    return pad[0] + pad[1]


_polynomial(np.polyadd, _polyadd)
_polynomial(np.polysub, lambda a1, a2: _polyadd(a1, -a2))


def _polymul(a1, a2):
    """Of the coefficients from the first that is not 0, as NumPy multiplies them."""
    return np.convolve(*(_trimmed(a) for a in (a1, a2)))


def _trimmed(a):
    kept = np.trim_zeros(a, "f")
    if kept.shape != a.shape and _moves(a[: a.shape[0] - kept.shape[0]]):
        warnings.warn(
            "numpy.polymul drops leading coefficients that are 0. One of them depends on the "
            "inputs: the derivative with respect to it is not in the result. numpy.convolve is "
            "the same product and keeps all coefficients.",
            KinkWarning,
            stacklevel=2,
        )
    return kept if kept.shape[0] else np.zeros(1, a.dtype)


def _moves(a):
    """Whether a derivative of `a`, at any level, is not 0 or not known yet."""
    while type(a) is Dual:
        t = a.own_tangent()
        if t is not None and (t.is_recorded or not np.all(t.is_zero())):
            return True
        a = a.primal
    return False


_polynomial(np.polymul, _polymul)


def _polydiv(u, v):
    """Long division, as NumPy does it; leading zeros of the remainder are dropped by value."""
    u, v = u + 0.0, v + 0.0
    steps = u.shape[0] - v.shape[0] + 1
    n = v.shape[0]
    quotient, rest = [], u
    for k in range(steps):
        digit = rest[k] * (1.0 / v[0])
        quotient.append(digit)
        rest = np.concatenate([rest[:k], rest[k : k + n] - digit * v, rest[k + n :]])
    y = np.stack(quotient) if quotient else np.zeros(1, rest.dtype)
    plain = values(rest)
    drop = 0
    while drop < plain.shape[0] - 1 and np.allclose(plain[drop], 0, rtol=1e-14):
        drop += 1
    return y, rest[drop:]


_polynomial(np.polydiv, _polydiv)


@handles("linear", np.polyder)
def polyder(p, m=1):
    for _ in range(m):
        n = p.shape[0] - 1
        p = p[:-1] * np.arange(n, 0, -1)
    return p


@handles("linear", np.polyint)
def polyint(p, m=1, k=None):
    k = np.zeros(m) if k is None else np.broadcast_to(k, (m,))
    for i in range(m):
        p = np.concatenate([p / np.arange(p.shape[0], 0, -1), k[i : i + 1]])
    return p


# --- Roots ---------------------------------------------------------------------------------------


@handles("composite", np.roots)
def roots(p):
    """``dr = -dp(r) / p'(r)`` by all coefficients, those that are 0 included; NaN if multiple."""
    p = np.ravel(np.atleast_1d(as_operand(p)))
    y = np.roots(held(p, p.level))
    if np.size(y) == 0:
        return y
    return with_primal(y, _roots(p, held(p, p.level), held(y, p.level)))


@quiet
def _roots(p, coefficients, r):
    degree = p.shape[0] - 1
    powers = np.vander(r, degree + 1)
    slope = np.matmul(powers[:, 1:], coefficients[:-1] * np.arange(degree, 0, -1.0))
    plain = values(r)
    terms = np.abs(values(powers)) @ np.abs(values(coefficients))
    moved = 4 * eps_of(terms) * terms / np.abs(values(slope))
    distance = np.abs(plain[:, None] - plain) + np.diag(np.full(plain.size, np.inf))
    is_multiple = (distance <= moved[:, None] + moved).any(axis=1) | ~np.isfinite(moved)
    r_dual = -np.matmul(powers, p) / np.where(is_multiple, np.ones((), plain.dtype), slope)
    return spoiled(r_dual, is_multiple, rate(p, (-1,))) if is_multiple.any() else r_dual


@handles("composite", np.poly)
def poly(seq_of_zeros):
    """The product of the factors, or the characteristic polynomial: smooth at multiple roots."""
    a = np.atleast_1d(as_operand(seq_of_zeros))
    y = np.poly(held(a, a.level))
    if a.size == 0:
        return y
    found = _from_roots(a) if a.ndim == 1 else _characteristic(a, held(a, a.level), y)
    if found.dtype.kind == "c" and y.dtype.kind != "c":
        found = np.real(found)
    return with_primal(y, found)


@quiet
def _from_roots(zeros):
    c = np.ones(1, zeros.dtype)
    for i in range(zeros.shape[0]):
        c = np.concatenate([c, c[:1] * 0]) - np.concatenate([c[:1] * 0, c * zeros[i]])
    return c


@quiet
def _characteristic(a, p, c):
    """``d det(z - A) = -tr(adj(z - A) dA)``, with the adjugate as a polynomial in z by Horner."""
    n = a.shape[-1]
    identity = np.eye(n, dtype=p.dtype)
    term, parts = identity, [np.sum(a) * 0.0]
    for k in range(1, n + 1):
        parts.append(-np.sum(np.transpose(term) * a))
        term = np.matmul(p, term) + c[k] * identity
    return np.stack(parts)


# --- Fits ----------------------------------------------------------------------------------------


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
