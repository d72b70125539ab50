"""Recursive filters along an axis, and what is made of them: `lfilter`, `sosfilt`, `filtfilt`.

A filter solves ``sum_j a_j y[n-j] = sum_j b_j x[n-j] + zi[n]``.  By x alone it is linear, and its
transpose is the filter run backwards; in general the solution is differentiated by its residual.
"""

import numpy as np
import scipy.signal

from dualmc.errors import missing_case
from dualmc.functions.matrices.differentials import quiet
from dualmc.kernels.payload import values
from dualmc.unchanged.scipy.entering import entries, floats, has_carrier, plain
from dualmc.unchanged.scipy.linear_maps import Linear, agreed, at_bottom, refined, size

HANDLERS: dict = {}
handles = entries("scipy.signal", HANDLERS)


# --- lfilter -------------------------------------------------------------------------------------


def linear_filter(b, a, axis):
    """The filter of plain coefficients along a negative axis, as a linear map."""

    def forward(x):
        return scipy.signal.lfilter(b, a, x, axis)

    def backward(bar):
        return np.flip(scipy.signal.lfilter(b, a, np.flip(bar, axis), axis), axis)

    return Linear(forward, backward)


@handles("lfilter")
def lfilter(b, a, x, axis=-1, zi=None):
    b, a, x = np.atleast_1d(floats(b)), np.atleast_1d(floats(a)), floats(x)
    zi = None if zi is None else floats(zi)
    axis = axis % x.ndim - x.ndim
    own = scipy.signal.lfilter(values(b), values(a), values(x), axis, plain(zi))
    if not has_carrier((a, b, zi)) and zi is None:
        return at_bottom(own, linear_filter(b, a, axis)(x))
    start = own if zi is None else own[0]
    y, state = _solved(b, a, np.moveaxis(x, axis, -1), zi, np.moveaxis(start, axis, -1), axis)
    y = np.moveaxis(y, -1, axis)
    if zi is None:
        return y
    scale = size(own[0]) + size(own[1])
    return y, agreed(own[1], np.moveaxis(state, -1, axis), "scipy.signal.lfilter", scale)


@quiet
def _solved(b, a, x, zi, start, axis):
    """The output and the final state, time along the last axis."""
    order = max(a.shape[0], b.shape[0])
    b, a = (_padded(c, order) / a[0] for c in (b, a))
    extra = 0.0
    if zi is not None:
        zi = np.moveaxis(zi, axis, -1)
        zi = np.broadcast_to(zi, (*x.shape[:-1], order - 1))
        extra = _padded(zi[..., : x.shape[-1]], x.shape[-1])
    source = convolved(b, x) + extra

    def residual(y):
        return source - convolved(a, y)

    inverse = linear_filter(np.ones(1), values(a), -1)
    y = refined(start, residual, inverse, "scipy.signal.lfilter")
    return y, None if zi is None else _final_state(b, a, x, y, zi)


def _padded(c, n):
    """`c` with zeros behind, n in all."""
    more = n - c.shape[-1]
    if more <= 0:
        return c
    return np.concatenate([c, np.zeros((*c.shape[:-1], more), c.dtype)], axis=-1)


def convolved(b, x):
    """``sum_j b_j x[n-j]`` for every n of x, along the last axis."""
    if not has_carrier(b):
        return linear_filter(b, np.ones(1), -1)(x)
    if not has_carrier(x):
        return np.matmul(_past(x, b.shape[0], 0), b)
    steady = plain(b)
    rest = b - steady  # of value 0
    n = x.shape[-1]
    total = linear_filter(steady, np.ones(1), -1)(x)
    for j in range(b.shape[0]):
        shifted = x[..., : n - j] if j < n else x[..., :0]
        lead = np.zeros((*x.shape[:-1], n - shifted.shape[-1]), x.dtype)
        total = total + rest[j] * np.concatenate([lead, shifted], axis=-1)
    return total


def _past(x, order, ahead):
    """``[..., n, j] = x[..., n + ahead - j]``, and 0 outside of the plain signal x."""
    n = x.shape[-1]
    index = np.arange(n)[:, None] + ahead - np.arange(order)
    inside = (index >= 0) & (index < n)
    return np.where(inside, x[..., np.where(inside, index, 0)], 0) if n else np.zeros(
        (*x.shape[:-1], 0, order)
    )  # fmt: skip


def _final_state(b, a, x, y, zi):
    """``z_i = sum_{j > i} (b_j x[n+i-j] - a_j y[n+i-j])``, and what is left of the first state."""
    n, order = x.shape[-1], b.shape[0]
    place = np.arange(order - 1)[:, None] + n - np.arange(order)
    inside = (place >= 0) & (place < n)
    at = np.where(inside, place, 0)
    if n == 0:
        return zi
    past_x = np.where(inside, x[..., at], 0.0)
    past_y = np.where(inside, y[..., at], 0.0)
    state = np.sum(past_x * b - past_y * a, axis=-1)
    return state + _padded(zi[..., n:], order - 1)


@handles("lfilter_zi")
def lfilter_zi(b, a):
    """The state of the step response at rest: ``(I - companion(a)^T) zi = b_1.. - a_1.. b_0``."""
    own = scipy.signal.lfilter_zi(plain(b), plain(a))
    b, a = np.atleast_1d(floats(b)), np.atleast_1d(floats(a))
    lead = int(np.argmax(values(a) != 0))
    a = a[lead:]
    order = max(a.shape[0], b.shape[0])
    b, a = (_padded(c, order) / a[0] for c in (b, a))
    matrix = np.eye(order - 1) - np.eye(order - 1, k=1)
    first = np.zeros(order - 1)
    first[0] = 1.0
    matrix = matrix + a[1:, None] * first
    return at_bottom(own, np.linalg.solve(matrix, b[1:] - a[1:] * b[0]))


@handles("lfiltic")
def lfiltic(b, a, y, x=None):
    raise missing_case("scipy.signal.lfiltic", "yet: filter from rest, or give zi to lfilter")


# --- Sections in a row ---------------------------------------------------------------------------


@handles("sosfilt")
def sosfilt(sos, x, axis=-1, zi=None):
    sos, x = floats(sos), floats(x)
    zi = None if zi is None else floats(zi)
    axis = axis % x.ndim - x.ndim
    own = scipy.signal.sosfilt(values(sos), values(x), axis, plain(zi))
    if not has_carrier((sos, zi)) and zi is None:

        def forward(x):
            return scipy.signal.sosfilt(sos, x, axis)

        return at_bottom(
            own, Linear(forward, lambda bar: np.flip(forward(np.flip(bar, axis)), axis))(x)
        )
    states = []
    for i, section in enumerate(sos):
        if zi is None:
            x = filtered(section[:3], section[3:], x, axis)
        else:
            x, state = filtered(section[:3], section[3:], x, axis, zi[i])
            states.append(state)
    if zi is None:
        return at_bottom(own, x)
    return at_bottom(own[0], x), at_bottom(own[1], np.stack(states))


def filtered(b, a, x, axis=-1, zi=None):
    """`lfilter` of what may or may not be carriers."""
    return HANDLERS["scipy.signal.lfilter"](b, a, x, axis, zi)


@handles("sosfilt_zi")
def sosfilt_zi(sos):
    own = scipy.signal.sosfilt_zi(plain(sos))
    scale, found = 1.0, []
    for section in floats(sos):
        found.append(scale * HANDLERS["scipy.signal.lfilter_zi"](section[:3], section[3:]))
        scale = scale * np.sum(section[:3]) / np.sum(section[3:])
    return at_bottom(own, np.stack(found))


# --- Forwards and backwards ----------------------------------------------------------------------


@handles("filtfilt")
def filtfilt(b, a, x, axis=-1, padtype="odd", padlen=None, method="pad", irlen=None):
    if method != "pad":
        raise missing_case("scipy.signal.filtfilt", f"with method={method!r}")
    own = scipy.signal.filtfilt(plain(b), plain(a), plain(x), axis, padtype, padlen)
    b, a, x = np.atleast_1d(floats(b)), np.atleast_1d(floats(a)), floats(x)
    edge = 3 * max(a.shape[0], b.shape[0]) if padlen is None else padlen
    zi = HANDLERS["scipy.signal.lfilter_zi"](b, a)
    y = _both_ways(lambda x, scale: filtered(b, a, x, -1, zi * scale)[0], x, axis, padtype, edge)
    return agreed(own, y, "scipy.signal.filtfilt", size(x))


@handles("sosfiltfilt")
def sosfiltfilt(sos, x, axis=-1, padtype="odd", padlen=None):
    own = scipy.signal.sosfiltfilt(plain(sos), plain(x), axis, padtype, padlen)
    sos, x = floats(sos), floats(x)
    plain_sos = values(sos)
    taps = 2 * plain_sos.shape[0] + 1
    taps -= min((plain_sos[:, 2] == 0).sum(), (plain_sos[:, 5] == 0).sum())
    edge = 3 * taps if padlen is None else padlen
    zi = HANDLERS["scipy.signal.sosfilt_zi"](sos)
    zi = np.reshape(zi, (plain_sos.shape[0], *(1,) * (x.ndim - 1), 2))

    def run(x, scale):
        return HANDLERS["scipy.signal.sosfilt"](sos, x, -1, zi * scale)[0]

    y = _both_ways(run, x, axis, padtype, edge)
    return agreed(own, y, "scipy.signal.sosfiltfilt", size(x))


def _both_ways(run, x, axis, padtype, edge):
    """Filter an extended signal forwards, then backwards, each from the rest at its first value."""
    x = np.moveaxis(x, axis, -1)
    edge = 0 if padtype is None else edge
    y = extended(x, edge, padtype) if edge else x
    for _ in range(2):
        y = np.flip(run(y, y[..., :1]), -1)
    y = y[..., edge : y.shape[-1] - edge] if edge else y
    return np.moveaxis(y, -1, axis)


def extended(x, n, kind):
    """`x` continued by n values at both ends: odd, even or constant, as SciPy's `padtype` says."""
    left, right = np.flip(x[..., 1 : n + 1], -1), np.flip(x[..., -n - 1 : -1], -1)
    first, last = x[..., :1], x[..., -1:]
    if kind == "odd":
        left, right = 2 * first - left, 2 * last - right
    elif kind == "constant":
        left, right = first + 0 * left, last + 0 * right
    elif kind != "even":
        raise missing_case("scipy.signal.filtfilt", f"with padtype={kind!r}")
    return np.concatenate([left, x, right], axis=-1)
