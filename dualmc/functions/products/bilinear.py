"""Products of arrays: matmul, dot, inner, outer, tensordot, cross, convolve, ...

A product is contracted where its structure is cheapest: few dependencies per result are multiplied
and summed as sparse slots, a one-hot tangent against a constant matrix is a column scaling, and
only what is dense anyway goes through BLAS, basis axis first.
"""

import math

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from dualmc.duals.dual import Dual, make
from dualmc.duals.operands import as_operand, level_of, primal_at, tangent_at
from dualmc.functions.moving.selection import written
from dualmc.functions.summing.linear import exact, with_primal
from dualmc.kernels import block_kernels, buffers, slot_kernels
from dualmc.kernels.payload import FLOATS, is_plain, is_zero, values
from dualmc.rules.registry import handles
from dualmc.steps.recording import record_dot
from dualmc.steps.short import blocks as short_blocks
from dualmc.steps.short.products import product
from dualmc.tangents import dense, dense_tangent, tape
from dualmc.tangents.combining import add
from dualmc.tangents.dense_tangent import DenseTangent, need_block, new_block, rows_tangent
from dualmc.tangents.packed import PackedTangent, packed

# The second half of a product is added to the first in this many parts, of at least so many bytes.
PARTS, PART, SMALL_PART = 16, 2**19, 2**17


@handles("bilinear", np.matmul)
def matmul(a, b, /):
    """``a @ b`` with NumPy's rules: 1-D operands are rows or columns, leading axes broadcast."""
    short = (product,)
    if type(a) is np.ndarray and type(b) is Dual and b.ndim == 1:
        short = (_image, product) if b.level.n > dense.FEW else (product, _image)
    for way in short:
        y = way(a, b)
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
    p, q = _as_row(p), _as_column(q)
    total = None
    if t is not None:
        t = t.map(_row_batch) if a.ndim == 1 else t
        total = _shaped(_contracted(t, q, u is None), y)
    if u is not None:
        # a @ b_dot is the transpose of b_dot.T @ a.T.
        u = (u.map(_column_batch) if b.ndim == 1 else u).map(_swapped)
        p = np.swapaxes(p, -1, -2)
        if total is None or not _added_by_rows(total, u, p):
            half = _shaped(_contracted(u, p, t is None).map(_swapped), y)
            total = half if total is None else add(total, half)
    return make(y, total if total is None else packed(total), level)


def _added_by_rows(total, t, other):
    """Add the tangent of ``(x @ other).T`` to the dense `total`, which is new; whether it was done.

    A large one comes a few rows of x at a time, so that no second block is needed.
    """
    block, rows = None if total.is_sparse else total.block, t.shape[-2]
    if (
        not is_plain(block, other, t.coefficients())
        or block.nbytes < buffers.LARGE
        or total.has_factor()
        or not block.dtype == t.dtype == other.dtype
        or block.shape[1:] != (*dense.batch(t.shape[:-2], other.shape[:-2]), other.shape[-1], rows)
        or _is_narrow(t, other)
    ):
        return False
    is_packed = type(t) is PackedTangent
    if is_packed:
        t, other = t.contracted(other)
    count = max(1, min(PARTS, rows, block.nbytes // (SMALL_PART if is_packed else PART)))
    for i in range(count):
        part = slice(i * rows // count, (i + 1) * rows // count)
        half = t.map(lambda a, part=part: a[..., part, :])
        if is_packed and half.is_empty():
            continue
        half = _contracted(half, other, False)
        here, half = dense.last(_swapped(block[..., part])), dense.last(half.dense())
        with np.errstate(all="ignore"):
            np.add(here, half, out=here)
    total.finite = None
    return True


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


def _swapped(a):
    return np.swapaxes(a, -1, -2)


def _shaped(t, y):
    """`t` with the axes of length 1 that 1-D operands were given dropped, in y's dtype."""
    shape = y.shape
    if t.shape != shape:
        t = t.reshaped(shape)
    return t if t.dtype == y.dtype else t.astype(y.dtype)


def _is_narrow(t, other):
    """Whether the elements of ``x @ other`` depend on so few inputs that they stay sparse."""
    if not t.is_sparse or 0 in t.shape or 0 in other.shape:
        return False
    return not dense_tangent.is_wide(t.coef.shape[0] * t.shape[-1], t.level.n)


def _contracted(t, other, is_constant):
    """The tangent of ``x @ other``, (*B, m, p) @ (*C, p, q), that comes from x."""
    if t.is_sparse:
        if 0 in t.shape or 0 in other.shape:
            pass
        elif _is_narrow(t, other):
            return _contracted_slots(t, other, is_constant)
        elif (
            len(t.shape) == 2 and type(other) is np.ndarray and other.ndim == 2 and is_plain(t.coef)
        ):
            return _contracted_columns(t, other, is_constant)
    if type(t) is PackedTangent:
        t, other = t.contracted(other)
    t = t.to_dense()
    if dense.fits(t.block, t.scale):
        factor = _alike(other, t.dtype)
        if factor is not None:
            return _contracted_rows(t, factor, is_constant)
    block = t.dense()
    k = block.shape[0]
    batch = dense.batch(t.shape[:-2], other.shape[:-2])
    shape = (*batch, t.shape[-2], other.shape[-1])
    dtype = np.result_type(block.dtype, other.dtype)
    need_block(t.level, (k, *shape), dtype)
    with np.errstate(all="ignore"):
        if other.ndim == 2:
            # One product for all directions and rows.
            rows = block.reshape((math.prod(block.shape[:-1]), block.shape[-1]))
            out = (rows @ other).reshape((k, *shape))
        else:
            extra = len(batch) - len(t.shape) + 2
            block = block.reshape((k,) + (1,) * extra + t.shape)
            out = np.matmul(block, other)
    if not np.isfinite(values(out)).all():
        out = _strong_zero_product(block, other, is_constant)
    return DenseTangent(t.level, out)


def _image(matrix, x):
    """``matrix @ x`` of a constant matrix and a vector, where all of it is dense; else None."""
    t = x.own_tangent()
    if t is None or t.is_recorded or matrix.ndim != 2 or type(x.primal) is not np.ndarray:
        return None
    if t.is_sparse:
        is_few = t.level.n <= dense.FEW or not dense_tangent.is_wide(
            t.coef.shape[0] * x.size, t.level.n
        )
        return None if is_few else short_blocks.image_of_slots(matrix, x, t)
    if type(t.block) is not np.ndarray or t.dtype not in FLOATS:
        return None
    factor = _alike(matrix, t.dtype)
    if factor is None:
        return None
    y = np.matmul(matrix, x.primal)
    need_block(t.level, (t.level.n, matrix.shape[0]), t.dtype)
    if dense.fits(t.block, t.scale):
        if t.has_factor() and factor.size < t.block.size:  # cheaper to scale than the block
            with np.errstate(all="ignore"):
                scaled = factor * t.scale[0]
            block = dense.image(scaled, t.block)
        else:
            block = dense.image(factor, t.dense())
    else:
        with np.errstate(all="ignore"):
            block = np.dot(t.dense(), factor.T)
    if dense.is_finite(block):
        return make(y, rows_tangent(t.level, block, True), x.level)
    block = _strong_zero_product(t.dense()[:, None], factor.T, True)[:, 0]
    return make(y, DenseTangent(t.level, block), x.level)


def _alike(a, dtype):
    """A plain array in `dtype`, if a product with it is of that dtype; else None."""
    if type(a) is not np.ndarray or a.dtype == object:
        return None
    if a.dtype == dtype:
        return a
    return a.astype(dtype) if np.result_type(a.dtype, dtype) == dtype else None


def _contracted_rows(t, other, is_constant):
    """The same for the rows of a dense block."""
    batch = dense.batch(t.shape[:-2], other.shape[:-2])
    need_block(t.level, (t.level.n, *batch, t.shape[-2], other.shape[-1]), t.dtype)
    block = dense.product(t.dense(), other)
    if dense.is_finite(block):
        return rows_tangent(t.level, block, True)
    return DenseTangent(t.level, _strong_zero_product(t.dense(), other, is_constant))


def _strong_zero_product(block, other, is_constant):
    """``block @ other`` term by term, so that exact zeros stay zero beside infinities."""
    extra = max(0, other.ndim - block.ndim + 1)
    block = block.reshape((block.shape[0],) + (1,) * extra + block.shape[1:])
    out = 0.0
    for j in range(block.shape[-1]):
        column, row = block[..., :, j, None], other[..., j, None, :]
        with np.errstate(all="ignore"):
            term = column * row
        zero = is_zero(column) | is_zero(row) if is_constant else is_zero(column)
        zero = np.broadcast_to(zero, term.shape)
        out = out + np.where(zero, np.zeros((), term.dtype), term)
    return out


def _contracted_slots(t, other, is_constant):
    """Multiply and sum: every result keeps the few slots of the elements it is made of."""
    batch = dense.batch(t.shape[:-2], other.shape[:-2])
    m, p, q = *t.shape[-2:], other.shape[-1]
    t = t.reshaped((*t.shape, 1)).broadcast((*batch, m, p, q))
    factor = np.broadcast_to(other.reshape((*other.shape[:-2], 1, p, q)), t.shape)
    return t.times(factor, is_constant).sum((-2,))


def _contracted_columns(t, other, is_constant):
    """A tangent with few slots against a constant matrix: rows of the matrix, scaled."""
    dtype = np.result_type(t.dtype, other.dtype)
    n = t.level.n
    if dense.is_inner(n) and dtype in FLOATS:
        need_block(t.level, (n, t.shape[0], other.shape[1]), dtype)
        matrix = other.astype(dtype, copy=False).T
        if not (matrix.flags.c_contiguous or matrix.flags.f_contiguous):
            matrix = np.ascontiguousarray(matrix)
        out = buffers.empty((t.shape[0], other.shape[1], n), dtype)
        coef = np.ascontiguousarray(t.coef, dtype)
        block_kernels.scatter_product(np.ascontiguousarray(t.col), coef, matrix, out, is_constant)
        return rows_tangent(t.level, dense.first(out))
    block = new_block(t.level, n, (t.shape[0], other.shape[1]), dtype)
    slot_kernels.scatter_product(
        t.col,
        t.coef.astype(dtype, copy=False),
        np.ascontiguousarray(other, dtype),
        block,
        is_constant,
    )
    return DenseTangent(t.level, block)


def _as_array(a):
    """An operand as an array: unlike ufuncs, these functions do not treat Python numbers apart."""
    a = as_operand(a)
    return a if type(a) is Dual else np.asarray(a)


@handles("bilinear", np.dot)
def dot(a, b, out=None):
    a, b = _as_array(a), _as_array(b)
    if out is None and (y := record_dot(a, b)) is not None:
        return y
    if out is None and (y := product(a, b, np.dot)) is not None:
        return y
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
    if isinstance(axes, (int, np.integer)):
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
        swap = mode == "valid" and v.shape[0] > a.shape[0]
        return (
            _sliding(a, np.conj(v)[::-1], mode) if not swap else _sliding(np.conj(v)[::-1], a, mode)
        )

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
