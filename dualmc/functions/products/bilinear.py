"""Products of arrays: matmul, dot, inner, outer, tensordot, cross, convolve, ..."""

import math

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from dualmc.duals.dual import Dual, make
from dualmc.duals.operands import as_operand, level_of, primal_at, tangent_at
from dualmc.functions.products.contraction import (
    PRODUCTS,
    added_by_rows,
    contracted,
    dot_of_slots,
    image,
    is_dot_of_slots,
    swapped,
)
from dualmc.functions.results import exact, with_primal, written
from dualmc.rules.registry import handles
from dualmc.tangents import dense, tape
from dualmc.tangents.combining import add
from dualmc.tangents.packed import packed


@handles("bilinear", np.matmul)
def matmul(a, b, /):
    """``a @ b`` with NumPy's rules: 1-D operands are rows or columns, leading axes broadcast."""
    if type(a) is np.ndarray and type(b) is Dual and b.ndim == 1:
        n = b.level.n
        y = image(a, b) if n > dense.FEW or n * a.size > PRODUCTS else None
        if y is not None:
            return y
    a, b = as_operand(a), as_operand(b)
    level = level_of(a, b)
    p, q = primal_at(a, level), primal_at(b, level)
    y = np.matmul(p, q)
    y = y if type(y) is Dual else np.asarray(y)
    t, u = tangent_at(a, level), tangent_at(b, level)
    if level.records:
        if t is not None or u is not None:
            t = tape.matmul(t, u, tape.keep(a, level), tape.keep(b, level), y)
        return make(y, t, level)
    if (t is not None or u is not None) and is_dot_of_slots(p, t, q, u):
        return make(y, dot_of_slots(p, t, q, u), level)
    p, q = _as_row(p), _as_column(q)
    total = None
    if t is not None:
        t = t.map(_row_batch) if a.ndim == 1 else t
        total = _shaped(contracted(t, q, u is None), y)
    if u is not None:
        # a @ b_dot is the transpose of b_dot.T @ a.T.
        u = (u.map(_column_batch) if b.ndim == 1 else u).map(swapped)
        p = np.swapaxes(p, -1, -2)
        if total is None or not added_by_rows(total, u, p):
            half = _shaped(contracted(u, p, t is None).map(swapped), y)
            total = half if total is None else add(total, half)
    return make(y, total if total is None else packed(total), level)


def _as_row(a):
    a = a if type(a) is Dual else np.asarray(a)
    return a.reshape((1, -1)) if a.ndim == 1 else a


def _as_column(a):
    a = a if type(a) is Dual else np.asarray(a)
    return a.reshape((-1, 1)) if a.ndim == 1 else a


def _row_batch(a):
    return a.reshape((a.shape[0], 1, a.shape[1]))


def _column_batch(a):
    return a.reshape((a.shape[0], a.shape[1], 1))


def _shaped(t, y):
    """`t` with the axes of length 1 that 1-D operands were given dropped, in y's dtype."""
    shape = y.shape
    if t.shape != shape:
        t = t.reshaped(shape)
    return t if t.dtype == y.dtype else t.astype(y.dtype)


# --- Products by matmul --------------------------------------------------------------------------


def _as_array(a):
    """An operand as an array: unlike ufuncs, these functions do not treat Python numbers apart."""
    a = as_operand(a)
    return a if type(a) is Dual else np.asarray(a)


@handles("bilinear", np.dot)
def dot(a, b, out=None):
    a, b = _as_array(a), _as_array(b)
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return written(out, np.multiply(a, b))
    if np.ndim(b) == 1 or np.ndim(a) <= 2 and np.ndim(b) == 2:
        return written(out, exact(np.dot, np.matmul, a, b))
    return written(out, exact(np.dot, lambda a, b: np.tensordot(a, b, (-1, -2)), a, b))


@handles("bilinear", np.vdot)
def vdot(a, b, /):
    return exact(np.vdot, lambda a, b: np.matmul(np.conj(np.ravel(a)), np.ravel(b)), a, b)


@handles("bilinear", np.inner)
def inner(a, b, /):
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    return exact(np.inner, lambda a, b: np.tensordot(a, b, (-1, -1)), a, b)


@handles("bilinear", np.outer, np.linalg.outer)
def outer(a, b, out=None):
    a, b = as_operand(a), as_operand(b)
    b = b if np.ndim(b) == 1 else np.ravel(b)
    return written(out, np.multiply(np.reshape(a, (-1, 1)), b))


@handles("bilinear", np.vecdot)
def vecdot(x1, x2, /, axis=-1):
    def formula(a, b):
        a, b = np.conj(np.moveaxis(a, axis, -1)), np.moveaxis(b, axis, -1)
        return np.matmul(np.expand_dims(a, -2), np.expand_dims(b, -1))[..., 0, 0]

    return exact(lambda a, b: np.vecdot(a, b, axis=axis), formula, x1, x2)


@handles("bilinear", np.linalg.vecdot)
def linalg_vecdot(x1, x2, /, *, axis=-1):
    return np.vecdot(x1, x2, axis=axis)


@handles("bilinear", np.linalg.matmul)
def linalg_matmul(x1, x2, /):
    return np.matmul(x1, x2)


@handles("bilinear", np.matvec)
def matvec(x1, x2, /):
    return exact(np.matvec, lambda a, b: np.matmul(a, np.expand_dims(b, -1))[..., 0], x1, x2)


@handles("bilinear", np.vecmat)
def vecmat(x1, x2, /):
    return exact(
        np.vecmat, lambda a, b: np.matmul(np.expand_dims(np.conj(a), -2), b)[..., 0, :], x1, x2
    )


@handles("bilinear", np.tensordot, np.linalg.tensordot)
def tensordot(a, b, axes=2):
    a, b = as_operand(a), as_operand(b)
    if issubclass(type(axes), (int, np.integer)):
        axes_a, axes_b = range(a.ndim - axes, a.ndim), range(axes)
    else:
        axes_a, axes_b = axes
    axes_a = normalize_axis_tuple(axes_a, a.ndim)
    axes_b = normalize_axis_tuple(axes_b, b.ndim)
    free_a = [i for i in range(a.ndim) if i not in axes_a]
    free_b = [i for i in range(b.ndim) if i not in axes_b]
    shape = [a.shape[i] for i in free_a] + [b.shape[i] for i in free_b]

    def formula(a, b):
        length = math.prod(a.shape[i] for i in axes_a)
        left = np.transpose(a, (*free_a, *axes_a))
        right = np.transpose(b, (*axes_b, *free_b))
        left = np.reshape(left, (math.prod(a.shape[i] for i in free_a), length))
        right = np.reshape(right, (length, math.prod(b.shape[i] for i in free_b)))
        return np.reshape(np.matmul(left, right), shape)

    return exact(lambda a, b: np.tensordot(a, b, (axes_a, axes_b)), formula, a, b)


@handles("bilinear", np.kron)
def kron(a, b):
    a, b = _as_array(a), _as_array(b)
    ndim = max(a.ndim, b.ndim)
    a = np.reshape(a, (1,) * (ndim - a.ndim) + a.shape)
    b = np.reshape(b, (1,) * (ndim - b.ndim) + b.shape)
    left = np.reshape(a, tuple(n for m in a.shape for n in (m, 1)))
    right = np.reshape(b, tuple(n for m in b.shape for n in (1, m)))
    shape = tuple(m * n for m, n in zip(a.shape, b.shape, strict=True))
    y = np.multiply(left, right)
    return np.reshape(y, shape) if shape else y


_NEXT, _LAST = np.array([1, 2, 0]), np.array([2, 0, 1])


@handles("bilinear", np.cross)
def cross(a, b, axisa=-1, axisb=-1, axisc=-1, axis=None):
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = as_operand(a), as_operand(b)
    a = a if axisa == -1 else np.moveaxis(a, axisa, -1)
    b = b if axisb == -1 else np.moveaxis(b, axisb, -1)
    if a.shape[-1] not in (2, 3) or b.shape[-1] not in (2, 3):
        raise ValueError(
            f"Both input arrays must be (arrays of) 3-dimensional vectors, but they are "
            f"{a.shape[-1]} and {b.shape[-1]} dimensional instead."
        )
    if a.shape[-1] == b.shape[-1] == 3 and axisc == -1 and not level_of(a, b).records:
        return a[..., _NEXT] * b[..., _LAST] - a[..., _LAST] * b[..., _NEXT]
    a2 = a[..., 2] if a.shape[-1] == 3 else 0.0
    b2 = b[..., 2] if b.shape[-1] == 3 else 0.0
    a0, a1, b0, b1 = a[..., 0], a[..., 1], b[..., 0], b[..., 1]
    last = a0 * b1 - a1 * b0
    if a.shape[-1] == 2 and b.shape[-1] == 2:
        return last
    parts = (a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, last)
    if not parts[0].shape == parts[1].shape == last.shape:
        parts = np.broadcast_arrays(*parts)
    y = np.stack(parts, axis=-1)
    return y if axisc in (-1, y.ndim - 1) else np.moveaxis(y, -1, axisc)


@handles("bilinear", np.linalg.cross)
def linalg_cross(x1, x2, /, *, axis=-1):
    return np.cross(x1, x2, axis=axis)


@handles("bilinear", np.trace)
def trace(a, offset=0, axis1=0, axis2=1, dtype=None, out=None):
    y = np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)
    return written(out, with_primal(np.trace(a.primal, offset, axis1, axis2, dtype), y))


@handles("bilinear", np.linalg.trace)
def linalg_trace(x, /, *, offset=0, dtype=None):
    return np.trace(x, offset, -2, -1, dtype)


# --- Convolution ---------------------------------------------------------------------------------


@handles("bilinear", np.convolve)
def convolve(a, v, mode="full"):
    a, v = np.ravel(as_operand(a)), np.ravel(as_operand(v))
    return exact(lambda a, v: np.convolve(a, v, mode), lambda a, v: _sliding(a, v, mode), a, v)


@handles("bilinear", np.correlate)
def correlate(a, v, mode="valid"):
    def formula(a, v):
        # Where v is the longer one NumPy swaps the operands and reverses the result.
        if v.shape[0] > a.shape[0]:
            return _sliding(np.conj(v), a[::-1], mode)[::-1]
        return _sliding(a, np.conj(v)[::-1], mode)

    return exact(lambda a, v: np.correlate(a, v, mode), formula, a, v)


def _sliding(a, v, mode):
    """``y[i] = sum_j a[i - j] v[j]``, by windows of the longer operand."""
    if v.shape[0] > a.shape[0]:
        a, v = v, a
    n, m = a.shape[0], v.shape[0]
    first, count = {"full": (0, n + m - 1), "same": ((m - 1) // 2, n), "valid": (m - 1, n - m + 1)}[
        mode
    ]
    window = np.arange(first, first + count)[:, None] - np.arange(m)
    padded = np.concatenate([a, np.zeros(1, a.dtype)])
    rows = padded[np.where((window >= 0) & (window < n), window, n)]
    return np.sum(rows * v, axis=-1)
