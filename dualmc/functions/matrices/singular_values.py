"""Singular values and vectors.

Signs and phases are those of NumPy's own result: what is differentiated is the smooth branch that
goes through it.  Where there is no such branch (vectors of repeated singular values) the derivative
is NaN.
"""

import numpy as np

from dualmc.duals import choices
from dualmc.duals.choices import meetings
from dualmc.functions.matrices.differentials import (
    antisymmetric,
    clusters,
    diagonal,
    eps_of,
    gaps,
    held,
    phase,
    quiet,
    rate,
    real,
    repeated,
    shared,
    spoiled,
    turned,
)
from dualmc.functions.matrices.splitting import is_nested, note, split_at
from dualmc.functions.results import with_primal
from dualmc.kernels.payload import values
from dualmc.rules.kink_table import weighted
from dualmc.rules.registry import handles


@handles("composite", np.linalg.svd)
def svd(a, full_matrices=True, compute_uv=True, hermitian=False):
    """Values: u^H dA v; vectors: by the reciprocal gaps between squared values.

    A repeated value has the mean of the derivatives of its copies, as a shared maximum has.  A
    value that is 0 has derivative 0, as the modulus there, unless vectors come with it: then it may
    change its sign, so that U S V^H remains A.  Of repeated values the vectors have NaN, and so
    have those beyond min(m, n) unless they are determined up to their sign.
    """
    if hermitian:
        return _svd_hermitian(a, compute_uv)
    p = held(a, a.level)
    if not compute_uv:
        y = np.linalg.svd(p, compute_uv=False)
        is_hidden = meetings.is_hidden
        thin = parted(a.level, *np.linalg.svd(p, full_matrices=False))
        meetings.is_hidden = is_hidden  # vectors that serve the values alone hide nothing
        u, s, vh = (held(part, a.level) for part in thin)
        y = y if split_at(a.level) is None else s
        return _settled(with_primal(y, singular_values(a, u, s, turned(vh), False)), a)
    y = np.linalg.svd(p, full_matrices)
    y = type(y)(*parted(a.level, *y))
    k = min(a.shape[-2:])
    u, s, vh = (held(part, a.level) for part in y)
    v = turned(vh)
    thin_u, thin_v = u[..., :k], v[..., :k]
    values_dual = singular_values(a, thin_u, s, thin_v, True)
    u_dual, v_dual = singular_vectors(a, thin_u, s, thin_v)
    u_dual, v_dual = completed(u_dual, u, a), completed(v_dual, v, a)
    return type(y)(
        with_primal(y.U, u_dual), with_primal(y.S, values_dual), with_primal(y.Vh, turned(v_dual))
    )


def _settled(s, a):
    """Singular values `s` without vectors, of which those that are 0 have a kink, as the modulus.

    Where values are split by an infinitesimal they are not 0.
    """
    plain = values(s)
    split = split_at(a.level)
    if split is not None and split.seed:
        # Of either sign, and with a curvature of its own: the second derivative of what is even in
        # such a value does not see it, that of its modulus does.
        return s + np.where(plain == 0, 0.5 * s * s, np.zeros((), s.dtype))
    if not choices.is_nested(s) or meetings.split is not None:
        return s
    is_zero = plain <= _rounding(plain, a.shape[-2:])

    def gap():
        change = weighted(real(a - values(a)), (-2, -1))
        return np.broadcast_to(change[..., None], plain.shape)

    return choices.settled_by(np.linalg.svd, s, is_zero, gap)


@handles("composite", np.linalg.svdvals)
def svdvals(x, /):
    return np.linalg.svd(x, compute_uv=False)


def _svd_hermitian(a, compute_uv):
    """By eigenvalues, as NumPy does."""
    if not compute_uv:
        return np.sort(np.absolute(np.linalg.eigvalsh(a)))[..., ::-1]
    y = np.linalg.svd(values(a), hermitian=True)
    s, u = np.linalg.eigh(a)
    sign = np.copysign(1.0, values(s)).astype(real(values(u)).dtype)
    s = s * sign
    order = np.argsort(values(s))[..., ::-1]
    sign, s = np.take_along_axis(sign, order, -1), np.take_along_axis(s, order, -1)
    u = np.take_along_axis(u, order[..., None, :], -1)
    vh = turned(u * sign[..., None, :])
    return type(y)(u, s, vh)


def _rounding(s, shape):
    """What rounding leaves of a singular value that is 0, or of a gap that is 0."""
    return max(shape) * eps_of(s) * s[..., :1]


def parted(level, u, s, vh):
    """Plain singular values and vectors; repeated values, and zeros, apart while a split is on."""
    split = split_at(level)
    if split is None or type(s) is not np.ndarray:
        return u, s, vh
    rounding = _rounding(s, (u.shape[-2], vh.shape[-1]))
    labels, is_zero = clusters(s, rounding), s <= rounding
    if not (repeated(labels) | is_zero).any():
        return u, s, vh
    k = s.shape[-1]
    mixing = split.mixing(labels, u.dtype)
    left = mixing * split.signs(is_zero, u.dtype)[..., None, :]
    first = np.matmul(u[..., :k], left)
    second = np.matmul(turned(mixing), vh[..., :k, :])
    return (
        np.concatenate([first, u[..., k:]], axis=-1),
        split.entries(s, labels, is_zero),
        np.concatenate([second, vh[..., k:, :]], axis=-2),
    )


# --- Differentials -------------------------------------------------------------------------------


@quiet
def singular_values(a, u, s, v, is_signed):
    plain = values(s)
    rounding = _rounding(plain, a.shape[-2:])
    s_dual = np.sum(real(np.conj(u) * np.matmul(a, v)), axis=-2)
    labels = clusters(plain, rounding)
    is_zero, is_repeated = plain <= rounding, repeated(labels)
    if split_at(a.level) is not None:
        return s_dual
    if (is_repeated | is_zero).any():
        note(is_hidden=is_signed and bool(is_zero.any()) and is_nested())
        if meetings.split is not None:  # of a matrix that comes from vectors that were split
            return spoiled(s_dual, is_repeated | is_zero, rate(a))
    s_dual = shared(s_dual, labels)
    if not is_zero.any():
        return s_dual
    if is_signed:
        is_lost = is_zero & (is_repeated | (a.dtype.kind == "c"))
        return spoiled(s_dual, is_lost, rate(a)) if is_lost.any() else s_dual
    return np.where(is_zero, np.zeros((), plain.dtype), s_dual)


@quiet
def singular_vectors(a, u, s, v):
    m, n = a.shape[-2:]
    k = min(m, n)
    plain = values(s)
    rounding = _rounding(plain, (m, n))
    labels = clusters(plain, rounding)
    is_lost = repeated(labels)
    is_zero = plain <= rounding
    split = split_at(a.level) if (is_lost | is_zero).any() else None
    if split is not None:
        return _split_vectors(split, a, u, s, v, labels, is_zero)
    one = np.ones((), plain.dtype)
    av, au = np.matmul(a, v), np.matmul(turned(a), u)
    e = np.matmul(turned(u), av)
    back = turned(e)
    si, sj = s[..., :, None], s[..., None, :]
    is_none = plain[..., :, None] + plain[..., None, :] == 0
    f = gaps(s, labels) / np.where(is_none, one, si + sj)
    u_dual = np.matmul(u, f * (e * sj + si * back))
    v_dual = np.matmul(v, f * (si * e + back * sj))
    safe = np.where(is_zero, one, s)[..., None, :]
    if m > k:
        u_dual = u_dual + (av - np.matmul(u, e)) / safe
    if n > k:
        v_dual = v_dual + (au - np.matmul(v, back)) / safe
    if m != n:
        is_lost = is_lost | is_zero
    if a.dtype.kind == "c":
        turn = np.imag(diagonal(e))[..., None, :] / safe
        # LAPACK's phases: the first row of V is real, or of U where that is the smaller matrix.
        angle, is_free = phase(v_dual, v, 0) if m >= n else phase(u_dual, u, 0)
        angle_u, angle_v = (turn - angle, -angle) if m >= n else (-angle, -angle - turn)
        u_dual, v_dual = u_dual + 1j * u * angle_u, v_dual + 1j * v * angle_v
        is_lost = is_lost | is_zero | is_free
    if is_lost.any():
        note(is_hidden=a.level.records and bool((is_lost & is_zero).any()))
        change, is_lost = rate(a), is_lost[..., None, :]
        u_dual, v_dual = spoiled(u_dual, is_lost, change), spoiled(v_dual, is_lost, change)
    return u_dual, v_dual


def _split_vectors(split, a, u, s, v, labels, is_zero):
    """The same while values that meet, and zeros, are split: by sum and difference of the turns.

    The sum of E = U^H dA V and E^H is divided by s_j - s_i, their difference by s_i + s_j.
    """
    m, n = a.shape[-2:]
    k = labels.shape[-1]
    av, au = np.matmul(a, v), np.matmul(turned(a), u)
    e = np.matmul(turned(u), av)
    back = turned(e)
    si, sj = s[..., :, None], s[..., None, :]
    same = (labels[..., :, None] == labels[..., None, :]) & ~np.eye(k, dtype=bool)
    both_zero = is_zero[..., :, None] & is_zero[..., None, :]
    x = 0.5 * antisymmetric(split.quotient(e + back, sj - si, same))
    z = 0.5 * antisymmetric(split.quotient(e - back, si + sj, both_zero))
    u_dual, v_dual = np.matmul(u, x + z), np.matmul(v, x - z)
    if m > k:
        u_dual = u_dual + split.quotient(av - np.matmul(u, e), sj, is_zero[..., None, :])
    if n > k:
        v_dual = v_dual + split.quotient(au - np.matmul(v, back), sj, is_zero[..., None, :])
    if a.dtype.kind == "c":  # the phases of mixed vectors are free
        angle, _ = phase(v_dual, v, 0) if m >= n else phase(u_dual, u, 0)
        angle = np.where((repeated(labels) | is_zero)[..., None, :], 0.0, angle)
        u_dual, v_dual = u_dual - 1j * u * angle, v_dual - 1j * v * angle
    return u_dual, v_dual


@quiet
def completed(u_dual, u, a):
    """The vectors beyond the first k of a full matrix: they stay orthogonal to those."""
    k = u_dual.shape[-1]
    extra = u.shape[-1] - k
    if extra == 0:
        return u_dual
    rest = -np.matmul(u[..., :k], np.matmul(turned(u_dual), u[..., k:]))
    if extra > 1 or u.dtype.kind == "c":
        rest = spoiled(rest, True, rate(a))
    return np.concatenate([u_dual, rest], axis=-1)
