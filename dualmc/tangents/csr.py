"""Sparse tangents as matrices in compressed row format, their entries in order without sorting."""

import functools

import numpy as np

from dualmc.kernels import buffers, slot_kernels
from dualmc.kernels.payload import KERNEL_DTYPES, flat

# Entries that int32 can number.
INT32 = np.iinfo(np.int32).max


def matrix_of(t, m, n, kind):
    """The tangent of m elements by n inputs as a `scipy.sparse.csr_array`, which `kind` is."""
    structures, key = t.level.structures, (id(t.col), "csr")
    coef = flat(t.coef)
    buffers.yield_to(t.col.nbytes + coef.nbytes)
    col = flat(t.col)
    found = structures.found.get(key)
    if found is not None:
        # What is remembered stays here: the matrix gets its own.
        indptr, indices = (a.copy() for a in found[0])
    else:
        indptr, indices = _pattern(col)
        if id(t.col) in structures.held and indptr.nbytes + indices.nbytes < structures.room:
            kept = indptr.copy(), indices.copy()
            structures.keep(key, kept, (t.col,), *kept)
    if coef.shape[0] == 1 and indices.size == m:
        data = coef[0].copy()
    else:
        data = np.empty(indices.size, coef.dtype)
        slot_kernels.fill_csr(col, coef, indptr, data)
    return matrix(kind, (m, n), indptr, indices, data)


def matrix_of_rows(rows, kind):
    """What is not 0 in dense rows, (m, n), as a `scipy.sparse.csr_array`, which `kind` is."""
    if rows.dtype not in KERNEL_DTYPES:
        return kind(rows.astype(storable(rows.dtype), copy=False))
    rows = buffers.contiguous(rows)
    count = np.count_nonzero(rows)
    index = np.int64 if max(count, rows.shape[1]) > INT32 else np.int32
    indptr, indices = np.empty(rows.shape[0] + 1, index), np.empty(count, index)
    data = np.empty(count, rows.dtype)
    slot_kernels.fill_nonzeros(rows, indptr, indices, data)
    return matrix(kind, rows.shape, indptr, indices, data)


def storable(dtype):
    """`dtype`, or the next wider one that SciPy's matrices can hold."""
    return np.dtype(np.float32) if dtype == np.float16 else dtype


def _pattern(col):
    """Row pointers and column indices."""
    indptr = np.empty(col.shape[1] + 1, np.int64 if col.size > INT32 else np.int32)
    slot_kernels.count_rows(col, indptr)
    indices = np.empty(int(indptr[-1]), indptr.dtype)
    slot_kernels.fill_csr(col, col, indptr, indices)
    return indptr, indices


def matrix(kind, shape, indptr, indices, data):
    """The matrix of arrays that are known to fit, which its constructor would check again."""
    out = kind.__new__(kind)
    out.__dict__.update(_empty(kind, shape, data.dtype).__dict__)
    out.data, out.indices, out.indptr = data, indices, indptr
    out.has_canonical_format = True
    return out


@functools.lru_cache(32)
def _empty(kind, shape, dtype):
    return kind(shape, dtype=dtype)
