"""Factorizations: Cholesky, QR, singular values.

Signs and phases are those of NumPy's own result: what is differentiated is the smooth branch that
goes through it.  Where there is no such branch (vectors of repeated singular values, a matrix that
lacks rank) the derivative is NaN.
"""

import numpy as np

from dualmc.duals import choices
from dualmc.duals.choices import meetings
from dualmc.errors import missing_case
from dualmc.functions.matrices.differentials import (
    antisymmetric,
    clusters,
    diagonal,
    eps_of,
    from_triangle,
    gaps,
    held,
    inverse_where,
    quiet,
    rate,
    real,
    repeated,
    shared,
    spoiled,
    turned,
)
from dualmc.functions.matrices.recorded_matrices import record_cholesky
from dualmc.functions.matrices.splitting import is_nested, note, split_at
from dualmc.functions.summing.linear import with_primal
from dualmc.kernels.payload import values
from dualmc.rules.kink_table import weighted
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


# --- Singular values -----------------------------------------------------------------------------


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


def phase(v_dual, v, row):
    """How fast the columns of `v_dual` turn in a row where v is real, and where that is unknown."""
    if v.shape[-2] == 0:
        return 0.0, np.zeros(v.shape[:-2] + v.shape[-1:], bool)
    reference = real(v[..., row, :])
    plain = np.abs(values(reference))
    is_free = plain <= v.shape[-2] * eps_of(plain)
    angle = np.imag(v_dual[..., row, :]) / np.where(is_free, np.ones((), plain.dtype), reference)
    return angle[..., None, :], is_free


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
