"""The arrays inside a tangent: ndarrays, or Duals of an outer level when derivatives are nested.

Kernels serve the first; the same formulas in `np.*` serve the second.
"""

import math

import numpy as np

from dualmc.kernels import buffers, stamped

FLOATS = (np.dtype(np.float64), np.dtype(np.float32))
# What the sparse kernels are compiled for; other widths (float16, longdouble) stay dense.
KERNEL_DTYPES = (*FLOATS, np.dtype(np.complex128), np.dtype(np.complex64))


def is_plain(*arrays):
    """Whether all are ndarrays, not Duals of an outer level."""
    return all(type(a) is np.ndarray for a in arrays)


def fits_kernel(*arrays):
    """Whether all are plain ndarrays of one real floating dtype that kernels are made for."""
    dtype = arrays[0].dtype
    return dtype in FLOATS and all(type(a) is np.ndarray and a.dtype == dtype for a in arrays)


def of_numpy(operands, integer=()):
    """`operands` with Python's numbers as NumPy's, which divide by zero; not those `integer`."""
    return [
        np.float64(a) if (type(a) is float or type(a) is int) and i not in integer else a
        for i, a in enumerate(operands)
    ]


def flat(a):
    """(w, *S) as a C-contiguous (w, size)."""
    if not a.flags.c_contiguous:
        a = buffers.copied(a)
    if a.ndim == 2:
        return a
    return a.reshape(a.shape[0], -1) if a.size else a.reshape(a.shape[0], math.prod(a.shape[1:]))


def line(a):
    """A plain array in C order, as a contiguous vector."""
    if not a.flags.c_contiguous:
        a = np.ascontiguousarray(a)
    return a if a.ndim == 1 else a.reshape(-1)


def is_zero(a):
    """Where `a` is exactly zero; a Dual is when its own tangents are too."""
    if not hasattr(a, "own_tangent"):
        return np.equal(a, 0)
    zero = is_zero(a.primal)
    t = a.own_tangent()
    return zero if t is None else zero & t.is_zero()


def values(a):
    """The plain numbers under any depth of Duals."""
    while not issubclass(type(a), np.ndarray) and hasattr(a, "own_tangent"):
        a = a.primal
    return a


def times(coef, factor, is_constant=False):
    """``coef * factor`` where a coefficient that is exactly 0 stays 0 (strong zero).

    A constant factor that is exactly 0 gives 0 too: the product does not depend on the inputs.
    A partial that happens to be 0 does not: 0 * inf is then unknown, and stays NaN.
    """
    with np.errstate(all="ignore"):
        out = coef * factor
    if not np.isfinite(values(out)).all():
        zero = is_zero(coef) | is_zero(factor) if is_constant else is_zero(coef)
        out = np.where(np.broadcast_to(zero, out.shape), np.zeros((), out.dtype), out)
    return out


def scale_rows(coef, factor, is_constant=False):
    """`times` for a factor of shape S (or ()) against (w, *S), through the kernel if it fits."""
    if fits_kernel(coef, factor) and factor.shape in ((), coef.shape[1:]):
        rows = flat(coef)
        out = buffers.empty_like(rows)
        kernel = stamped.multiply_constant if is_constant else stamped.multiply
        kernel(rows, np.ascontiguousarray(factor).reshape(-1), out)
        return out.reshape(coef.shape)
    return times(coef, factor, is_constant)


def align(a, shape):
    """(w, *S) broadcast to (w, *shape), the leading axis kept apart."""
    if a.shape[1:] == shape:
        return a
    extra = len(shape) - (a.ndim - 1)
    a = a.reshape((a.shape[0],) + (1,) * extra + a.shape[1:])
    return np.broadcast_to(a, (a.shape[0], *shape))


def gather(row, index):
    """Entries of a (1, size) payload at `index`, zero where index is -1; shape of index."""
    return gather_rows(row, index)[0]


def gather_rows(a, index):
    """(w, *S) at flat positions `index` of S, zeros where index is -1: (w, *index.shape)."""
    rows = a.reshape((a.shape[0], math.prod(a.shape[1:])))
    shape = (a.shape[0], *index.shape)
    if rows.shape[1] == 0:
        return np.zeros(shape, a.dtype)
    if type(rows) is np.ndarray:
        out = rows.take(index.reshape(-1), axis=1, mode="wrap").reshape(shape)
        if (index < 0).any():
            out[:, index < 0] = 0
        return out
    out = rows[:, np.maximum(index, 0).reshape(-1)].reshape(shape)
    if (index < 0).any():
        out = np.where(index < 0, np.zeros((), out.dtype), out)
    return out


def take_slots(coef, slots):
    """(w, *S) rearranged to (w', size): entry [r, i] is slot ``slots[r, i]`` of i, or 0."""
    size = slots.shape[1]
    index = np.where(slots < 0, -1, slots.astype(np.int64) * size + np.arange(size))
    return gather(coef.reshape((1, coef.shape[0] * size)), index)


def vector(x, dtype):
    """`x` as a contiguous vector of `dtype`."""
    if x.dtype is dtype and x.flags.c_contiguous:
        return x if x.ndim == 1 else x.reshape(-1)
    return np.ascontiguousarray(x, dtype).reshape(-1)


def strided(a, y):
    """`a` flat in y's dtype, with the step that walks it along y: 0 for one repeated number."""
    if type(a) is not np.ndarray:
        return np.array([a], y.dtype), 0
    if a.shape == y.shape:
        return vector(a, y.dtype), 1
    if a.size == 1:
        return np.asarray(a, y.dtype).reshape(-1), 0
    return vector(np.broadcast_to(a, y.shape), y.dtype), 1
