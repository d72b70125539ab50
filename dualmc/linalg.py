"""Matrix functions of `numpy.linalg`: so far the norms that need no singular values.

Where a 2-norm or p-norm is 0 its derivative is 0: the subgradient of least length, and what the
distance between two coinciding points should contribute.
"""

import numpy as np

from dualmc.dual import Dual, as_operand, make
from dualmc.errors import missing_case
from dualmc.linear import kept_shape, negative_axes, summed, with_primal
from dualmc.payload import values
from dualmc.registry import handles
from dualmc.tangent import part


@handles("composite", np.linalg.norm)
def norm(x, ord=None, axis=None, keepdims=False):
    x = as_operand(x)
    if axis is None and ord is None:
        axes = negative_axes(None, x.ndim)
    else:
        axes = negative_axes(axis, x.ndim)
    y = np.linalg.norm(x.primal, ord, axis, keepdims)
    if len(axes) == 2 and ord not in (None, "fro"):
        return with_primal(y, _matrix_norm(x, ord, axes, keepdims))
    if ord in (np.inf, -np.inf, 0, 1):
        return with_primal(y, _simple_norm(np.absolute(x), ord, axes, keepdims))
    y = y if type(y) is Dual else np.asarray(y)
    p = 2.0 if ord in (None, "fro", 2) else ord
    return make(y, _power_norm_tangent(x, p, axes, y), x.level)


def _power_norm_tangent(x, p, axes, y):
    """d (sum |x|^p)^(1/p) = sum conj(x)/|x| (|x|/y)^(p-1) dx, real part; 0 where y is 0."""
    t = x.own_tangent()
    if t is None:
        return None
    x = x.primal
    wide = np.reshape(y, kept_shape(x.shape, axes, True))
    is_zero = values(wide) == 0
    safe = np.where(is_zero, np.ones((), wide.dtype), wide)
    if p == 2:
        factor = np.conj(x) / safe
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = np.conj(np.sign(x)) * (np.absolute(x) / safe) ** (p - 1.0)
    factor = np.where(is_zero, np.zeros((), factor.dtype), factor)
    t = t.times(np.broadcast_to(factor, x.shape))
    if t.dtype.kind == "c":
        t = part(t, np.real)
    return summed(t, axes, y.shape, y.dtype)


def _simple_norm(size, ord, axes, keepdims):
    """The norms that are a maximum, a minimum, a count or a sum of absolute values."""
    if ord == np.inf:
        return np.max(size, axes, keepdims=keepdims)
    if ord == -np.inf:
        return np.min(size, axes, keepdims=keepdims)
    if ord == 0:
        return np.sum((size != 0).astype(size.dtype), axes, keepdims=keepdims)
    return np.sum(size, axes, keepdims=keepdims)


def _matrix_norm(x, ord, axes, keepdims):
    """Largest or smallest absolute sum of a column (1, -1) or row (inf, -inf)."""
    if ord not in (1, -1, np.inf, -np.inf):
        raise missing_case("numpy.linalg.norm", f"for matrices with ord={ord!r}")
    row, column = axes
    added, compared = (row, column) if abs(ord) == 1 else (column, row)
    sums = np.sum(np.absolute(x), added, keepdims=True)
    y = (np.max if ord > 0 else np.min)(sums, compared, keepdims=True)
    return y if keepdims else np.squeeze(y, axes)


@handles("composite", np.linalg.vector_norm)
def vector_norm(x, /, *, axis=None, keepdims=False, ord=2):
    axes = negative_axes(axis, x.ndim)
    moved = np.moveaxis(x, axes, range(-len(axes), 0))
    y = norm(np.reshape(moved, (*moved.shape[: x.ndim - len(axes)], -1)), ord, -1)
    y = np.reshape(y, kept_shape(x.shape, axes, keepdims))
    return with_primal(np.linalg.vector_norm(x.primal, axis=axis, keepdims=keepdims, ord=ord), y)


@handles("composite", np.linalg.matrix_norm)
def matrix_norm(x, /, *, keepdims=False, ord="fro"):
    return norm(x, ord, (-2, -1), keepdims)
