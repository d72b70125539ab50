"""Several tangents into one, sparse or dense: sums, concatenation, assignment.

`put` alone may write into an argument, when told that it owns the tangent.
"""

import math

import numpy as np

from dualmc import buffers, kernels, tape
from dualmc.merging import merged, union_of
from dualmc.payload import fits_kernel, flat, is_plain
from dualmc.slots import SparseTangent
from dualmc.tangent import DenseTangent, need_block, new_block


def summed_arrays(a, b):
    if not is_plain(a, b) or a.dtype != b.dtype or a.nbytes < buffers.LARGE:
        return a + b
    return np.add(a, b, out=buffers.empty(a.shape, a.dtype))


def is_same_slots(t, u):
    """Whether two sparse tangents of one shape have the same columns slot by slot."""
    return t.col is u.col or union_of(t.level, t.col, u.col).is_same


def add(t, u):
    """The sum of two tangents of one level and one shape."""
    if t.is_recorded:
        return t.plus(u)
    if t.is_sparse and u.is_sparse:
        if is_same_slots(t, u):
            return t.with_coef(summed_arrays(t.coef, u.coef))
        return merged(t, u)
    t, u = t.to_dense(), u.to_dense()
    if t.block is u.block and t.scale is not None and u.scale is not None:
        return DenseTangent(t.level, t.block, t.scale + u.scale)
    if (
        t.scale is not None
        and u.scale is not None
        and fits_kernel(t.block, u.block, t.scale, u.scale)
    ):
        a = flat(t.block)
        need_block(t.level, t.block.shape, t.dtype)
        out = np.empty_like(a)
        kernels.scaled_sum(
            a,
            flat(t.scale)[0],
            flat(u.block),
            flat(u.scale)[0],
            out,
        )
        return DenseTangent(t.level, out.reshape(t.block.shape))
    need_block(t.level, t.block.shape, t.dtype)
    return DenseTangent(t.level, t.dense() + u.dense())


def padded(a, width, fill):
    """(w, M) with rows of `fill` appended up to `width`."""
    if a.shape[0] == width:
        return a
    rest = np.full((width - a.shape[0], a.shape[1]), fill, a.dtype)
    return np.concatenate([a, rest])


def pool(level, parts, dtype):
    """One tangent of shape (total size,) from flattened parts, each (tangent or None, size)."""
    if level.records:
        return tape.Pool(parts, dtype)
    if len(parts) == 1:
        t, size = parts[0]
        return t.map(lambda a: a.reshape((a.shape[0], size)))
    active = [t for t, _ in parts if t is not None]
    if all(t.is_sparse for t in active):
        width = max(t.coef.shape[0] for t in active)
        coefs, cols = [], []
        for t, size in parts:
            if t is None:
                coefs.append(np.zeros((width, size), dtype))
                cols.append(np.full((width, size), -1, np.int32))
            else:
                coefs.append(padded(t.coef.reshape((t.coef.shape[0], size)), width, 0))
                cols.append(padded(flat(t.col), width, -1))
        return SparseTangent(level, np.concatenate(coefs, axis=1), np.concatenate(cols, axis=1))
    k = next(t.block.shape[0] for t in active if not t.is_sparse)
    need_block(level, (k, sum(size for _, size in parts)), dtype)
    blocks = [
        np.zeros((k, size), dtype) if t is None else t.to_dense().dense().reshape((k, size))
        for t, size in parts
    ]
    return DenseTangent(level, np.concatenate(blocks, axis=1))


def put(t, shape, place, u, level, dtype, owned):
    """`t` with the elements at `place` replaced by those of `u` (None: without derivative).

    `u` has the shape that `place` selects.  With `owned`, arrays of `t` that fit are written in
    place, so that filling an array element by element costs what it writes.
    """
    if t is None and u is None:
        return None
    if level.records:
        return tape.written(t, shape, place, u, dtype)
    if not all(is_plain(*arrays_of(x)) for x in (t, u) if x is not None):
        return _put_by_position(t, shape, place, u, level, dtype)
    is_sparse = all(x.is_sparse for x in (t, u) if x is not None)
    if not is_sparse:
        t, u = (x if x is None else x.to_dense() for x in (t, u))
    new = () if u is None else arrays_of(u)
    width = max(x.coefficient_rows() for x in (t, u) if x is not None)
    arrays = None if t is None else arrays_of(t)
    fits = owned and t is not None and width == arrays[0].shape[0] and arrays[0].dtype == dtype
    if not fits:
        arrays = _writable(level, arrays, width, shape, dtype, is_sparse)
    for number, a in enumerate(arrays):
        unused = -1 if number == 1 else 0
        if u is None:
            place.write(a, unused)
        else:
            rows = new[number].shape[0]
            place.write(a[:rows], new[number])
            if rows < width:
                place.write(a[rows:], unused)
    return SparseTangent(level, *arrays) if is_sparse else DenseTangent(level, *arrays)


def arrays_of(t):
    """The arrays a tangent is made of, the lazy factor applied."""
    return (t.coef, t.col) if t.is_sparse else (t.dense(),)


def _writable(level, arrays, width, shape, dtype, is_sparse):
    """Copies of `arrays` (None: nothing yet) with room for `width` rows."""
    if not is_sparse:
        return (
            (new_block(level, width, shape, dtype),)
            if arrays is None
            else (arrays[0].astype(dtype, order="C"),)
        )
    coef = buffers.empty((width, *shape), dtype)
    col = buffers.empty((width, *shape), np.int32)
    rows = 0
    if arrays is not None:
        rows = arrays[0].shape[0]
        coef[:rows], col[:rows] = arrays
    coef[rows:], col[rows:] = 0, -1
    return coef, col


def _put_by_position(t, shape, place, u, level, dtype):
    """The same for Duals of an outer level, which are joined and gathered."""
    size = math.prod(shape)
    where = place.positions().reshape(-1)
    index = np.arange(size)
    index[where] = size + np.arange(where.size) if u is not None else -1
    both = pool(level, [(t, size), (u, where.size)], dtype)
    return both.take(index.reshape(shape))
