"""Factorizations: Cholesky, QR.

Signs and phases are those of NumPy's own result: what is differentiated is the smooth branch that
goes through it.  Where there is no such branch (a matrix that lacks rank) the derivative is NaN.
"""

import numpy as np

from dualmc.errors import missing_case
from dualmc.functions.matrices.differentials import (
    eps_of,
    from_triangle,
    held,
    inverse_where,
    quiet,
    rate,
    real,
    spoiled,
    turned,
)
from dualmc.functions.matrices.recorded_matrices import record_cholesky
from dualmc.functions.results import with_primal
from dualmc.kernels.payload import values
from dualmc.rules.registry import handles


@handles("composite", np.linalg.cholesky)
def cholesky(a, /, *, upper=False):
    """``dL = L phi(inv(L) dA inv(L)^H)``, phi the lower triangle with half of its diagonal.

    NumPy reads one triangle of A and takes the other for its mirror image: so does the derivative,
    which is 0 with respect to the entries that are not read.
    """
    y = None if upper else record_cholesky(a)
    if y is not None:
        return y
    p = held(a, a.level)
    y = np.linalg.cholesky(p, upper=upper)
    low = turned(y) if upper else y
    factor = cholesky_differential(from_triangle(a, "U" if upper else "L"), held(low, a.level))
    return with_primal(y, turned(factor) if upper else factor)


@quiet
def cholesky_differential(h, low):
    w = np.linalg.inv(low)
    half = np.ones(low.shape[-2:]) - np.eye(low.shape[-1]) / 2
    inner = np.matmul(np.matmul(w, h), turned(w))
    return np.matmul(low, np.tril(inner) * half.astype(real(values(low)).dtype))


# --- QR ------------------------------------------------------------------------------------------


@handles("composite", np.linalg.qr)
def qr(a, mode="reduced"):
    """Of a matrix whose leading min(m, n) columns are independent; otherwise NaN."""
    if mode not in ("reduced", "complete", "r", "raw"):
        np.linalg.qr(values(a), mode)  # warns or raises
        raise missing_case("numpy.linalg.qr", f"with mode={mode!r}")
    p = held(a, a.level)
    y = np.linalg.qr(p, mode)
    if mode == "raw":
        packed, tau, _, _ = _reflected(a)
        return with_primal(y[0], np.swapaxes(packed, -1, -2)), with_primal(y[1], tau)
    if mode == "complete" and a.shape[-2] > a.shape[-1]:
        _, _, q, r = _reflected(a)
        return type(y)(with_primal(y.Q, q), with_primal(y.R, r))
    found = y if mode != "r" else np.linalg.qr(p)
    q, r = qr_differential(a, p, held(found[0], a.level), held(found[1], a.level))
    if mode == "r":
        return with_primal(y, r)
    return type(y)(with_primal(y.Q, q), with_primal(y.R, r))


@quiet
def qr_differential(a, p, q, r):
    m, n = a.shape[-2:]
    if m >= n:
        return _tall(a, q, r)
    q_dual, left = _tall(a[..., :m], q, r[..., :m])
    right = np.matmul(turned(q), a[..., m:]) + np.matmul(turned(q_dual), p[..., m:])
    return q_dual, np.concatenate([left, right], axis=-1)


def _tall(a, q, r):
    """``dR = (M - Omega) R`` with M = Q^H dA inv(R) and its part Omega that turns Q."""
    size = np.abs(values(r))
    pivots = np.diagonal(size, 0, -2, -1)
    limit = max(a.shape[-2:]) * eps_of(values(r)) * np.max(size, axis=(-2, -1), initial=0.0)
    is_regular = np.all(pivots > limit[..., None], axis=-1)
    w = inverse_where(r, is_regular)
    aw = np.matmul(a, w)
    m = np.matmul(turned(q), aw)
    below = np.tril(m, -1)
    omega = below - turned(below)
    if a.dtype.kind == "c":  # LAPACK keeps the diagonal of R real
        omega = omega + 1j * np.imag(m) * np.eye(m.shape[-1])
    q_dual = np.matmul(q, omega)
    if a.shape[-2] > a.shape[-1]:
        q_dual = q_dual + (aw - np.matmul(q, m))
    r_dual = np.matmul(np.triu(m - omega), r)
    if is_regular.all():
        return q_dual, r_dual
    lacks, change = ~is_regular[..., None, None], rate(a)
    return spoiled(q_dual, lacks, change), np.triu(spoiled(r_dual, lacks, change))


@quiet
def _reflected(a):
    """LAPACK's own scheme, Householder's reflections: ``(packed, tau, Q, R)``, Q square.

    The columns of Q beyond those of A are no function of A but through these.  A column that needs
    no reflection is a jump of its sign: NaN.
    """
    m, n = a.shape[-2:]
    jumps = np.zeros(a.shape[:-2], bool)
    count = min(m, n)
    q = np.broadcast_to(np.eye(m, dtype=a.dtype), (*a.shape[:-2], m, m))
    r, packed, taus, reflections = a, [], [], []
    for j in range(count):
        if j == m - 1 and a.dtype.kind != "c":  # nothing is left to reflect
            taus.append(np.zeros(a.shape[:-2], a.dtype))
            packed.append(np.zeros((*a.shape[:-2], m), a.dtype))
            break
        v, tau, is_there = _reflection(r[..., j:, j])
        jumps |= ~is_there
        tail = r[..., j:, j:]
        row = np.matmul(turned(v[..., None]), tail)
        tail = tail - np.conj(tau)[..., None, None] * np.matmul(v[..., None], row)
        top = np.concatenate([r[..., j:, :j], tail], axis=-1)
        r = np.concatenate([r[..., :j, :], top], axis=-2)
        reflections.append((j, v, tau))
        taus.append(tau)
    for j, v, tau in reversed(reflections):
        row = np.matmul(turned(v[..., None]), q[..., j:, :])
        tail = q[..., j:, :] - tau[..., None, None] * np.matmul(v[..., None], row)
        q = np.concatenate([q[..., :j, :], tail], axis=-2)
    r = np.triu(r)
    for j, v, _ in reversed(reflections):
        column = np.concatenate([np.zeros_like(r[..., : j + 1, 0]), v[..., 1:]], axis=-1)
        packed.insert(0, column)
    packed += [np.zeros((*a.shape[:-2], m), a.dtype)] * (n - count)
    found = (r + np.stack(packed, axis=-1), np.stack(taus, axis=-1), q, r)
    if not jumps.any():
        return found
    change = rate(a)
    packed, tau, q, r = (
        spoiled(part, jumps.reshape(jumps.shape + (1,) * (part.ndim - jumps.ndim)), change)
        for part in found
    )
    return packed, tau, q, np.triu(r)


def _reflection(x):
    """LAPACK's larfg: v and tau with (I - tau v v^H)^H x on the first axis; whether any is made."""
    alpha, rest = x[..., 0], x[..., 1:]
    is_there = np.any(values(rest) != 0, axis=-1) | (np.imag(values(alpha)) != 0)
    unit = np.ones((), x.dtype)
    safe = np.where(is_there[..., None], x, unit)
    length = np.linalg.norm(safe, axis=-1)
    sign = np.where(real(values(alpha)) < 0, 1.0, -1.0).astype(length.dtype)
    beta = sign * length
    tau = np.where(is_there, (beta - alpha) / beta, np.zeros((), x.dtype))
    v = rest / np.where(is_there, alpha - beta, unit)[..., None]
    return np.concatenate([np.ones_like(x[..., :1]), v], axis=-1), tau, is_there
