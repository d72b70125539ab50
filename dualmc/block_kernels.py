"""Numba loops over the rows of dense blocks: `dense.py` says how these lie in memory.

`index` names the row of `a` that belongs to element i; an empty one stands for row i itself.  A
`scale` of one entry is that of all.  A finite factor keeps zeros zero, so that only rows with
another one are looked at entry by entry.
"""

import numpy as np

from dualmc.kernels import _on_first_call


@_on_first_call
def scale_rows(a, index, scale, out):
    """``out[i] = a[index[i]] * scale[i]`` with the strong zero."""
    zero = scale.dtype.type(0)  # added, it turns the -0 of a negative factor into 0
    for i in range(out.shape[0]):
        j = index[i] if index.size else i
        f = scale[i if scale.size > 1 else 0]
        if np.isfinite(f):
            for d in range(out.shape[1]):
                out[i, d] = a[j, d] * f + zero
        else:
            for d in range(out.shape[1]):
                c = a[j, d]
                out[i, d] = c if c == 0 else c * f


@_on_first_call
def add_rows(a, index_a, scale_a, b, index_b, scale_b, out):
    """``out[i] = a[index_a[i]] * scale_a[i] + b[index_b[i]] * scale_b[i]`` with strong zeros."""
    for i in range(out.shape[0]):
        j = index_a[i] if index_a.size else i
        k = index_b[i] if index_b.size else i
        f = scale_a[i if scale_a.size > 1 else 0]
        g = scale_b[i if scale_b.size > 1 else 0]
        if np.isfinite(f) and np.isfinite(g):
            for d in range(out.shape[1]):
                out[i, d] = a[j, d] * f + b[k, d] * g
        else:
            for d in range(out.shape[1]):
                c = a[j, d]
                e = b[k, d]
                out[i, d] = (c if c == 0 else c * f) + (e if e == 0 else e * g)


@_on_first_call
def sum_rows(a, index, scale, segment, out):
    """``out[segment[i]] += a[index[i]] * scale[i]`` with the strong zero."""
    for i in range(segment.size):
        j = index[i] if index.size else i
        r = segment[i]
        f = scale[i if scale.size > 1 else 0]
        if np.isfinite(f):
            for d in range(out.shape[1]):
                out[r, d] += a[j, d] * f
        else:
            for d in range(out.shape[1]):
                c = a[j, d]
                out[r, d] += c if c == 0 else c * f


@_on_first_call
def take_rows(a, index, position, out):
    """``out[i] = a[index[position[i]]]``, 0 where the position is -1."""
    for i in range(out.shape[0]):
        j = position[i]
        if j < 0:
            for d in range(out.shape[1]):
                out[i, d] = 0
        else:
            j = index[j] if index.size else j
            for d in range(out.shape[1]):
                out[i, d] = a[j, d]


@_on_first_call
def scatter_product(col, coef, matrix, out, is_constant):
    """``out[i, r, col[s, i, j]] += coef[s, i, j] * matrix[r, j]``: seeds scale its columns.

    `out` may hold anything before.  Two kinds of columns are common.  Consecutive ones are those of
    a whole seed: a row of the matrix goes to a row of the result, factor by factor.  Equal ones are
    those of elements made of the same inputs: their products add up before they are written.
    """
    slots, rows, length = col.shape
    for i in range(rows):
        for s in range(slots):
            start = col[s, i, 0]
            is_run = is_same = start >= 0
            for j in range(length):
                c = coef[s, i, j]
                is_run &= col[s, i, j] == start + j and c != 0 and np.isfinite(c)
                is_same &= col[s, i, j] == start
            is_first = s == 0
            if is_first and not (is_run and length == out.shape[2]):
                out[i] = 0
                is_first = False
            if is_run:
                # A few columns at a time, for matrices stored by columns.
                for first in range(0, length, 128):
                    for r in range(matrix.shape[0]):
                        for j in range(first, min(first + 128, length)):
                            c = coef[s, i, j] * matrix[r, j]
                            out[i, r, start + j] = c if is_first else out[i, r, start + j] + c
                continue
            for r in range(matrix.shape[0]):
                if is_same:
                    total = coef[s, i, 0] * matrix[r, 0]
                    for j in range(1, length):
                        total += coef[s, i, j] * matrix[r, j]
                    if np.isfinite(total):
                        out[i, r, start] += total
                        continue
                for j in range(length):
                    c = coef[s, i, j]
                    d = col[s, i, j]
                    if d >= 0 and c != 0:
                        if np.isfinite(c) or not is_constant or matrix[r, j] != 0:
                            out[i, r, d] += c * matrix[r, j]
