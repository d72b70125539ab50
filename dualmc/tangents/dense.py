"""Dense blocks, (k, *S): the derivatives of every element by all k directions.

The basis axis comes first in the shape.  With more than a few directions it comes last in memory,
so that the derivatives of one element lie side by side: a factor per element is a factor per row of
memory, a product is one BLAS call with the matrix on the left, and the Jacobian, (*S, k), is the
block itself without a transposing copy.

Elements that share their derivatives (broadcasting) share the rows too: `rows` finds them.
"""

import functools
import math

import numpy as np

from dualmc.kernels import block_kernels, buffers, short_kernels, slot_kernels
from dualmc.kernels.payload import FLOATS

# Directions up to which the basis axis is first in memory too: rows this short are not worth it.
FEW = 16

_EVERY = np.empty(0, np.int64)


def is_inner(k):
    """Whether the basis axis of a new block of k directions is last in memory."""
    return k > FEW


def empty(k, shape, dtype):
    """A block, (k, *shape), not yet written to."""
    if not is_inner(k):
        return buffers.empty((k, *shape), dtype)
    return first(buffers.empty((*shape, k), dtype))


def zeros(k, shape, dtype):
    """A block, (k, *shape), of zeros."""
    block = empty(k, shape, dtype)
    block.fill(0)
    return block


def first(a):
    """(*S, k) as (k, *S), a view."""
    n = a.ndim
    return a.transpose(n - 1, *range(n - 1))


def last(block):
    """(k, *S) as (*S, k), a view."""
    return block.transpose(*range(1, block.ndim), 0)


def fits(block, scale=None):
    """Whether the kernels for rows serve a block and its factor."""
    dtype = block.dtype
    return (
        type(block) is np.ndarray
        and dtype in FLOATS
        and block.shape[0] > FEW
        and (scale is None or type(scale) is np.ndarray and scale.dtype == dtype)
    )


class Rows:
    """What stands for a block, (k, *S): rows `base`, (r, k), and that of each element, (1, *S)."""

    __slots__ = ("base", "index", "shape", "dtype")

    def __init__(self, base, index):
        self.base = base
        self.index = index
        self.shape = (base.shape[1], *index.shape[1:])
        self.dtype = base.dtype


def unpacked(stored):
    """The block that `Rows` stand for."""
    base, index = rows(stored)
    out = empty(stored.shape[0], stored.shape[1:], stored.dtype)
    block_kernels.take_rows(base, _EVERY, index, flat(out))
    return out


def rows(block):
    """The distinct rows of a block, (r, k) contiguous, and the row of every element (empty: its
    own)."""
    if type(block) is Rows:
        return block.base, np.ascontiguousarray(block.index).reshape(-1)
    a = block.T if block.ndim == 2 else last(block)
    k = a.shape[-1]
    if a.flags.c_contiguous:
        return a.reshape(-1, k), _EVERY
    shared = [n > 1 and step == 0 for n, step in zip(a.shape[:-1], a.strides, strict=False)]
    if not any(shared):
        return buffers.contiguous(a).reshape(-1, k), _EVERY
    size, shape = a.shape[:-1], []
    for n, is_shared in zip(size, shared, strict=True):
        shape.append(1 if is_shared else n)
    a = a[tuple(slice(0, n) for n in shape)]
    index = np.array(np.broadcast_to(np.arange(math.prod(shape)).reshape(shape), size))
    return buffers.contiguous(a).reshape(-1, k), index.reshape(-1)


def flat(block):
    """A new or contiguous block as its rows, (size, k)."""
    return buffers.contiguous(last(block)).reshape(-1, block.shape[0])


def unit(shape, dtype):
    """The factor 1 for every element, (1, *shape), shared: what element-wise steps start from."""
    found = _units.get((shape, dtype))
    if found is None:
        if len(_units) > 64:
            for kept in (_units, SEEDS, SEEDED):
                kept.clear()
        found = _units[shape, dtype] = np.ones((1, *shape), dtype)
    return found


_units: dict = {}
# Blocks of seeds that are kept, by (k, shape, dtype, offset), each with the factor it starts with.
SEEDS: dict = {}
# Blocks of seeds of float64 vectors that are kept, by id: the offset, so that element i is input
# ``offset + i``, and the factor that seeds start with.
SEEDED: dict = {}


def is_unit(scale):
    """Whether a factor is the 1 of `unit`."""
    return _units.get((scale.shape[1:], scale.dtype)) is scale


def vector(scale, dtype):
    """A factor per element as a contiguous vector; one entry stands for all."""
    if scale is None or is_unit(scale):
        return unit((1,), dtype).reshape(-1)
    return np.ascontiguousarray(scale).reshape(-1)


def scaled(block, scale):
    """``scale * block`` for a factor (1, *S), an exact 0 of the block staying 0."""
    out = empty(block.shape[0], block.shape[1:], block.dtype)
    write(block, scale, flat(out))
    return out


def write(block, scale, out):
    """Write ``scale * block`` to the rows `out`, (size, k)."""
    block_kernels.scale_rows(*rows(block), vector(scale, block.dtype), out)


def total(a, scale_a, b, scale_b):
    """``scale_a * a + scale_b * b``."""
    shape, dtype = a.shape[1:], a.dtype
    out = empty(a.shape[0], shape, dtype)
    block_kernels.add_rows(
        *rows(a), vector(scale_a, dtype), *rows(b), vector(scale_b, dtype), flat(out)
    )
    return out


def total_with_slots(block, scale, col, coef):
    """``scale * block`` plus sparse slots, (w, size)."""
    out = scaled(block, scale)
    slot_kernels.scatter_dense(col, coef, flat(out).T)
    return out


@functools.lru_cache
def middle(shape, axes):
    """The numbers of elements before, along and after `axes`, which count from the end; or None.

    None: other axes lie between them.
    """
    start = axes[0] if axes else 0
    if axes != tuple(range(start, start + len(axes))):
        return None
    first, stop = len(shape) + start, len(shape) + start + len(axes)
    return math.prod(shape[:first]), math.prod(shape[first:stop]), math.prod(shape[stop:])


@functools.lru_cache
def kept(shape, axes):
    """`shape` without `axes`, which count from its end."""
    return tuple(n for i, n in enumerate(shape) if i - len(shape) not in axes)


def in_the_middle(a, axes):
    """(w, *S) as (w, before, length, after) of what is summed over `axes`, as kernels take it."""
    w, shape = a.shape[0], a.shape[1:]
    parts = middle(shape, axes)
    if parts is None:
        a = np.moveaxis(a, axes, tuple(range(-len(axes), 0)))
        length = math.prod(shape[i] for i in axes)
        parts = math.prod(shape) // length, length, 1
    if not a.flags.carray:  # Numba takes a slower way into a kernel with what is read-only
        a = a.copy() if a.nbytes < buffers.LARGE else buffers.copied(a)
    return a.reshape((w, *parts))


def reduced(stored, scale, axes):
    """The sum of ``scale * block`` over `axes`, which count S from its end.

    The block is `stored` as it is or as `Rows`; of few directions it is of float64 numbers.
    """
    shape, k = stored.shape[1:], stored.shape[0]
    out = empty(k, kept(shape, axes), stored.dtype)
    if not is_inner(k):
        parts = in_the_middle(stored, axes)
        after = parts.shape[1], parts.shape[3]
        short_kernels.sum_middle(parts, in_the_middle(scale, axes)[0], out.reshape((k, *after)))
        return out
    factor, parts = vector(scale, stored.dtype), middle(shape, axes)
    if parts is not None:
        block_kernels.sum_middle_rows(*rows(stored), factor, *parts[1:], flat(out))
        return out
    wide = tuple(1 if i - len(shape) in axes else n for i, n in enumerate(shape))
    segment = np.array(
        np.broadcast_to(np.arange(math.prod(kept(shape, axes))).reshape(wide), shape)
    )
    out.fill(0)
    block_kernels.sum_rows(*rows(stored), factor, segment.reshape(-1), flat(out))
    return out


def taken(block, index):
    """Elements at flat positions `index` (any shape), zeros where it is -1."""
    base, own = rows(block)
    out = empty(block.shape[0], index.shape, block.dtype)
    index = np.ascontiguousarray(index.reshape(-1), np.int64)
    block_kernels.take_rows(base, own, index, flat(out))
    return out


def batch(a, b):
    """The shape that leading axes of shapes `a` and `b` broadcast to."""
    return np.broadcast_shapes(a, b) if a and b else a or b


def product(block, other):
    """``block @ other`` for a block (k, *B, m, p) and a plain array (*C, p, q).

    In memory the basis axis is last, so that the matrix, transposed, multiplies from the left:
    one product where p comes first in memory or alone, else one for each row.
    """
    k, m, p = block.shape[0], *block.shape[-2:]
    a = last(block)
    if block.ndim == 3 and other.ndim == 2:
        across = a.swapaxes(0, 1)
        if m == 1 or across.flags.c_contiguous:
            out = buffers.empty((other.shape[1], m, k), block.dtype)
            right = buffers.contiguous(across).reshape(p, m * k)
            with np.errstate(all="ignore"):
                np.dot(other.T, right, out=out.reshape(other.shape[1], m * k))
            return first(out.swapaxes(0, 1))
    left = np.swapaxes(other, -1, -2)
    if other.ndim > 2:
        left = left[..., None, :, :]
    out = buffers.empty((*batch(a.shape[:-3], other.shape[:-2]), m, left.shape[-2], k), block.dtype)
    with np.errstate(all="ignore"):
        np.matmul(left, buffers.contiguous(a), out=out)
    return first(out)


def image(matrix, block):
    """``matrix @ x`` for a vector with the block (k, p), and a plain matrix (m, p)."""
    out = buffers.empty((matrix.shape[0], block.shape[0]), block.dtype)
    with np.errstate(all="ignore"):
        np.dot(matrix, flat(block), out=out)
    return out.T


def is_finite(a):
    """Whether all entries are, without a temporary array where the answer is yes."""
    if not a.flags.forc:
        for axis in range(a.ndim):
            if a.strides[axis] == 0 and a.shape[axis] > 1:
                a = a.take([0], axis=axis)
    vector = a.ravel("K")
    # The squares of finite numbers may overflow: only a finite sum proves anything.
    with np.errstate(all="ignore"):
        return bool(vector.dot(vector) < math.inf or np.isfinite(vector).all())


def copied(block, dtype):
    """A copy of a block in the memory order of a new one."""
    out = empty(block.shape[0], block.shape[1:], dtype)
    out[...] = block
    return out


def columns(block):
    """The block as (*S, k), contiguous: itself, unless that would keep much more memory alive."""
    a = last(block)
    if a.flags.c_contiguous and a.flags.writeable and buffers.is_tight(a):
        return a
    return np.array(a, order="C")
