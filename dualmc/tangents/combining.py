"""Several tangents into one, sparse or dense: sums, concatenation, assignment.

`put` alone may write into an argument, when told that it owns the tangent.
"""

import math

import numpy as np

from dualmc.kernels import buffers, slot_kernels, stamped
from dualmc.kernels.payload import fits_kernel, flat, is_plain
from dualmc.tangents import dense, tape
from dualmc.tangents.dense_tangent import DenseTangent, need_block, new_block
from dualmc.tangents.packed import PackedTangent
from dualmc.tangents.slots import SparseTangent
from dualmc.tangents.structure import content_of, key_of
from dualmc.tangents.unions import merged, union_of

# Small writes to one array, and elements of it, up to which each leaves a structure of its own.
FEW_WRITES = 8
SHORT = 2**14


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
        if t.col is u.col:
            return t.like(summed_arrays(t.coef, u.coef))
        return merged(t, u)
    if t.is_sparse or u.is_sparse:
        t, u = (u, t) if t.is_sparse else (t, u)
        t = t.to_dense()
        if is_plain(u.coef) and u.dtype == t.dtype and dense.fits(t.block, t.scale):
            need_block(t.level, t.block.shape, t.dtype)
            slots = flat(u.col), flat(u.coef)
            return DenseTangent(t.level, dense.total_with_slots(t.block, t.scale, *slots))
    elif PackedTangent in (type(t), type(u)):
        if t.dtype == u.dtype and _fits_stored(t) and _fits_stored(u):
            need_block(t.level, (t.level.n, *t.shape), t.dtype)
            return DenseTangent(t.level, dense.total(t.stored(), t.scale, u.stored(), u.scale))
    t, u = t.to_dense(), u.to_dense()
    if t.block is u.block:
        return DenseTangent(t.level, t.block, t.coefficients() + u.coefficients())
    if t.dtype == u.dtype and dense.fits(t.block, t.scale) and dense.fits(u.block, u.scale):
        need_block(t.level, t.block.shape, t.dtype)
        return DenseTangent(t.level, dense.total(t.block, t.scale, u.block, u.scale))
    if (
        t.scale is not None
        and u.scale is not None
        and fits_kernel(t.block, u.block, t.scale, u.scale)
    ):
        a = flat(t.block)
        need_block(t.level, t.block.shape, t.dtype)
        out = np.empty_like(a)
        stamped.scaled_sum(
            a,
            flat(t.scale)[0],
            flat(u.block),
            flat(u.scale)[0],
            out,
        )
        out += 0.0  # turns -0 into 0
        return DenseTangent(t.level, out.reshape(t.block.shape))
    need_block(t.level, t.block.shape, t.dtype)
    return DenseTangent(t.level, t.dense() + u.dense())


def _fits_stored(t):
    """Whether the kernels for rows serve a dense tangent, packed or not."""
    if type(t) is PackedTangent:
        return type(t.scale) is np.ndarray and t.scale.dtype == t.rows.dtype
    return dense.fits(t.block, t.scale)


def are_sparse(tangents):
    """Whether all are sparse, of plain arrays."""
    return all(t.is_sparse and type(t.coef) is np.ndarray for t in tangents)


def placed(level, tangents, keys, shape, dtype):
    """The sparse tangent of an array of which `tangents` are the parts at `keys`."""
    width = max(t.coef.shape[0] for t in tangents)
    coef = np.zeros((width, *shape), dtype)
    for t, key in zip(tangents, keys, strict=True):
        coef[(slice(t.coef.shape[0]), *key)] = t.coef
    structures = level.structures
    name = ("placed", shape, *((id(t.col), key_of(k)) for t, k in zip(tangents, keys, strict=True)))
    found = structures.found.get(name)
    if found is not None:
        return SparseTangent(level, coef, found[0])
    col = np.full((width, *shape), -1, np.int32)
    for t, key in zip(tangents, keys, strict=True):
        col[(slice(t.col.shape[0]), *key)] = t.col
    structures.keep(name, col, [t.col for t in tangents], col)
    return SparseTangent(level, coef, col)


def chosen(level, condition, t, u, shape, dtype):
    """The tangent of ``np.where(condition, x, y)``; `t` or `u` is None for a constant."""
    if t is None and u is None:
        return None
    t, u = (x if x is None else x.broadcast(shape) for x in (t, u))
    if t is not None and np.all(condition):  # the same columns, whatever else they meet
        return t.like(t.coef.astype(dtype, copy=False))
    if t is not None and u is not None and t.col is u.col:
        return t.like(np.where(condition, t.coef, u.coef).astype(dtype, copy=False))
    width = max(x.coef.shape[0] for x in (t, u) if x is not None)
    coef = np.where(condition, *(_padded(x and x.coef, width, 0) for x in (t, u)))
    coef = coef.astype(dtype, copy=False)
    structures = level.structures
    key = content_of(condition)
    key = ("chosen", key, id(t and t.col), id(u and u.col))
    found = structures.found.get(key)
    if found is not None:
        return SparseTangent(level, coef, found[0])
    col = np.where(condition, *(_padded(x and x.col, width, -1) for x in (t, u)))
    if key[1] is not None:
        structures.keep(key, col, [x and x.col for x in (t, u)], col)
    return SparseTangent(level, coef, col)


def _padded(a, width, unused):
    """`a`, (w, *S), with rows of `unused` up to `width`; None: nothing but those."""
    if a is None:
        return np.asarray(unused, np.int32 if unused else np.float32)
    if a.shape[0] == width:
        return a
    return np.concatenate([a, np.full((width - a.shape[0], *a.shape[1:]), unused, a.dtype)])


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
                coefs.append(_padded(t.coef.reshape((t.coef.shape[0], size)), width, 0))
                cols.append(_padded(flat(t.col), width, -1))
        return SparseTangent(level, np.concatenate(coefs, axis=1), np.concatenate(cols, axis=1))
    k = next(t.block.shape[0] for t in active if not t.is_sparse)
    need_block(level, (k, sum(size for _, size in parts)), dtype)
    if dense.is_inner(k) and all(_fits_rows(t, dtype) for t in active):
        return DenseTangent(level, _pooled_rows(k, parts, dtype))
    blocks = [
        np.zeros((k, size), dtype) if t is None else t.to_dense().dense().reshape((k, size))
        for t, size in parts
    ]
    return DenseTangent(level, np.concatenate(blocks, axis=1))


def _fits_rows(t, dtype):
    if t.is_sparse:
        return is_plain(t.coef) and t.dtype == dtype
    return t.dtype == dtype and dense.fits(t.block, t.scale)


def _pooled_rows(k, parts, dtype):
    """The block of all parts, each written where it belongs."""
    block = dense.empty(k, (sum(size for _, size in parts),), dtype)
    out = dense.flat(block)
    start = 0
    for t, size in parts:
        rows = out[start : start + size]
        if t is None or t.is_sparse:
            rows.fill(0)
        if t is not None and t.is_sparse:
            slot_kernels.scatter_dense(flat(t.col), flat(t.coef), rows.T)
        elif t is not None:
            dense.write(t.block, t.scale, rows)
        start += size
    return block


def put(t, shape, place, u, level, dtype, owned, is_small, writes):
    """`t` with the elements at `place` replaced by those of `u` (None: without derivative).

    `u` has the shape that `place` selects.  With `owned`, arrays of `t` that fit are written in
    place, so that filling an array element by element costs what it writes; `is_small` says that
    this write is one of such, and `writes` counts those before.
    """
    if t is None and u is None:
        return None
    if level.records:
        return tape.written(t, shape, place, u, dtype)
    if not (_is_plain(t) and _is_plain(u)):
        return _put_by_position(t, shape, place, u, level, dtype)
    if (t is None or t.is_sparse) and (u is None or u.is_sparse):
        is_filled = is_small and (writes > FEW_WRITES or math.prod(shape) > SHORT)
        return _put_sparse(t, shape, place, u, level, dtype, owned, is_filled)
    t, u = (x if x is None else x.to_dense() for x in (t, u))
    if t is None:
        block = new_block(level, u.block.shape[0], shape, dtype)
    else:
        block = t.dense()
        if not owned or block is not t.block or block.dtype != dtype:
            block = dense.copied(block, dtype)
    place.write(block, 0 if u is None else u.dense())
    return DenseTangent(level, block)


def _is_plain(t):
    """Whether a tangent, or None, is made of plain arrays."""
    if t is None:
        return True
    if t.is_sparse:
        return type(t.coef) is np.ndarray
    return is_plain(t.block) and (t.scale is None or is_plain(t.scale))


def _put_sparse(t, shape, place, u, level, dtype, owned, is_filled):
    coef, col = (None, None) if t is None else (t.coef, t.col)
    new, columns = (None, None) if u is None else (u.coef, u.col)
    width = 0 if coef is None else coef.shape[0]
    if new is not None and new.shape[0] > width:
        width = new.shape[0]
    if not (owned and coef is not None and coef.shape[0] == width and coef.dtype == dtype):
        coef = _copy(coef, width, shape, dtype, 0)
    _fill(place, coef, new, 0)
    col = _put_columns(col, columns, width, shape, place, level.structures, owned, is_filled)
    return SparseTangent(level, coef, col)


def _put_columns(col, new, width, shape, place, structures, owned, is_filled):
    """The columns after the write, remembered where what is there may not be written over.

    If the array is being filled, by many small writes, it gets a copy of its own instead.
    """
    is_shared = col is None or id(col) in structures.held
    if owned and not is_shared and col.shape[0] == width:
        _fill(place, col, new, -1)
        return col
    key = None
    if not owned or is_shared and not is_filled:
        key = place.structure_key()
    if key is not None:
        key = ("put", id(col), shape, key, id(new))
        found = structures.found.get(key)
        if found is not None:
            return found[0]
    out = _copy(col, width, shape, np.int32, -1)
    _fill(place, out, new, -1)
    if key is not None:
        structures.keep(key, out, (col, new), out)
    return out


def _copy(a, width, shape, dtype, unused):
    """A copy of `a`, (w, *S) (None: nothing yet), with room for `width` rows."""
    out = buffers.empty((width, *shape), dtype)
    rows = 0 if a is None else a.shape[0]
    if rows:
        out[:rows] = a
    if rows < width:
        out[rows:] = unused
    return out


def _fill(place, a, new, unused):
    """Write `new` (None: nothing) at `place`, and `unused` to the rows of `a` beyond it."""
    rows = 0 if new is None else new.shape[0]
    if rows:
        place.write(a[:rows], new)
    if rows < a.shape[0]:
        place.write(a[rows:], unused)


def _put_by_position(t, shape, place, u, level, dtype):
    """The same for Duals of an outer level, which are joined and gathered."""
    size = math.prod(shape)
    where = place.positions().reshape(-1)
    index = np.arange(size)
    index[where] = size + np.arange(where.size) if u is not None else -1
    both = pool(level, [(t, size), (u, where.size)], dtype)
    return both.take(index.reshape(shape))
