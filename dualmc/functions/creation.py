"""Functions that make arrays: like another, along a range, from powers; and polynomials."""

import math
import warnings

import numpy as np

from dualmc.duals.dual import Dual, make
from dualmc.duals.operands import as_operand, level_of, primal_at
from dualmc.errors import KinkWarning
from dualmc.functions.summing.linear import with_primal
from dualmc.kernels.payload import values
from dualmc.rules.registry import handles, register_one


def _filled_like(function):
    def handler(a, dtype=None, order="K", subok=True, shape=None, *, device=None):
        dtype = a.dtype if dtype is None else np.dtype(dtype)
        y = function(values(a), dtype, shape=a.shape if shape is None else shape)
        return make(y, None, a.level) if dtype.kind in "fc" else y

    return handler


def _register_filled_like():
    register_one("flat", np.zeros_like, _filled_like(np.zeros_like))
    register_one("flat", np.ones_like, _filled_like(np.ones_like))
    register_one("flat", np.empty_like, _filled_like(np.empty_like))


_register_filled_like()


@handles("selection", np.full_like)
def full_like(a, fill_value, dtype=None, order="K", subok=True, shape=None, *, device=None):
    fill_value = as_operand(fill_value)
    level = level_of(a, fill_value)
    shape = np.shape(a) if shape is None else shape
    dtype = (a.dtype if hasattr(a, "dtype") else np.asarray(a).dtype) if dtype is None else dtype
    y = make(np.zeros(shape, dtype), None, level)
    if np.dtype(dtype).kind not in "fc":
        return np.full(shape, values(fill_value), dtype)
    y[...] = fill_value
    return y


@handles("linear", np.linspace)
def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0, *, device=None):
    start, stop = as_operand(start), as_operand(stop)
    level = level_of(start, stop)
    num = int(values(num)) if type(num) is Dual else num
    p, q = primal_at(start, level), primal_at(stop, level)
    parts = num - 1 if endpoint else num
    fraction = np.arange(num) / parts if parts else np.zeros(num)
    shape = np.broadcast_shapes(np.shape(start), np.shape(stop))
    fraction = np.reshape(fraction, (-1,) + (1,) * len(shape))
    y = start * (1.0 - fraction) + stop * fraction
    if endpoint and num > 1:
        # The last point is `stop` itself.
        y[-1] = stop
    y = with_primal(np.linspace(p, q, num, endpoint), y)
    y = y if axis == 0 else np.moveaxis(y, 0, axis)
    y = y if dtype is None else y.astype(dtype)
    return (y, (stop - start) / (parts or math.nan)) if retstep else y


@handles("composite", np.logspace)
def logspace(start, stop, num=50, endpoint=True, base=10.0, dtype=None, axis=0):
    powers = np.linspace(start, stop, num, endpoint, axis=axis)
    y = np.power(base, powers)
    return y if dtype is None else y.astype(dtype)


@handles("composite", np.geomspace)
def geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    start, stop = as_operand(start), as_operand(stop)
    level = level_of(start, stop)
    y = np.geomspace(primal_at(start, level), primal_at(stop, level), num, endpoint, axis=axis)
    sign = np.sign(values(start))
    logs = np.linspace(np.log(np.absolute(start)), np.log(np.absolute(stop)), num, endpoint)
    z = sign * np.exp(logs)
    return with_primal(y, z if axis == 0 else np.moveaxis(z, 0, axis))


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
    plain = values(rest) if type(rest) is Dual else rest
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
