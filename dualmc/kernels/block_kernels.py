"""Numba loops over the rows of dense blocks: `tangents/dense.py` says how these lie in memory.

`index` names the row of `a` that belongs to element i; an empty one stands for row i itself.  A
`scale` of one entry is that of all.  A finite factor keeps zeros zero, so that only rows with
another one are looked at entry by entry.
"""

import numpy as np
from numba.extending import register_jitable

from dualmc.kernels.compiling import on_first_call


@on_first_call
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


@on_first_call
def add_rows(a, index_a, scale_a, b, index_b, scale_b, out):
    """``out[i] = a[index_a[i]] * scale_a[i] + b[index_b[i]] * scale_b[i]`` with strong zeros."""
    for i in range(out.shape[0]):
        j = index_a[i] if index_a.size else i
        k = index_b[i] if index_b.size else i
        f = scale_a[i if scale_a.size > 1 else 0]
        g = scale_b[i if scale_b.size > 1 else 0]
        _two_rows(a[j], f, b[k], g, out[i])


@on_first_call
def pair_rows(
    code, p, at_p, a, index_a, col_a, scale_a, q, at_q, b, index_b, col_b, scale_b, y, out
):
    """The derivatives of p + q, p - q, p * q or p / q, by `code` 0 to 3, with strong zeros.

    Element i of the result y is made of elements ``at_p[i]`` of p and ``at_q[i]`` of q (i itself,
    if these are empty).  Element e of p has the row ``a[index_a[e]] * scale_a[0, e]``, or, without
    rows, the derivatives ``scale_a[s, e]`` in columns ``col_a[s, e]``; so has q.
    """
    for i in range(y.size):
        e = at_p[i] if at_p.size else i
        g = at_q[i] if at_q.size else i
        f = 1.0
        h = -1.0 if code == 1 else 1.0
        if code == 2:
            f = q[g]
            h = p[e]
        elif code == 3:
            f = 1.0 / q[g]
            h = -y[i] / q[g]
        if not a.size:
            _start_row(b, index_b, scale_b, g, h, out[i])
            _add_slots(col_a, scale_a, e, f, out[i])
            continue
        if not b.size:
            _start_row(a, index_a, scale_a, e, f, out[i])
            _add_slots(col_b, scale_b, g, h, out[i])
            continue
        s = scale_a[0, e if scale_a.size > 1 else 0]
        f = s if s == 0 else s * f
        s = scale_b[0, g if scale_b.size > 1 else 0]
        h = s if s == 0 else s * h
        j = index_a[e] if index_a.size else e
        k = index_b[g] if index_b.size else g
        _two_rows(a[j], f, b[k], h, out[i])


@register_jitable
def _two_rows(a, f, b, g, out):
    """``out[:] = a * f + b * g`` with strong zeros."""
    zero = out.dtype.type(0)  # added, it turns -0 into 0
    if np.isfinite(f) and np.isfinite(g):
        for d in range(out.size):
            out[d] = a[d] * f + b[d] * g + zero
    else:
        for d in range(out.size):
            c = a[d]
            e = b[d]
            out[d] = (c if c == 0 else c * f) + (e if e == 0 else e * g)


@register_jitable
def _start_row(a, index, scale, e, f, out):
    """``out[:] = a[index[e]] * (scale[0, e] * f)``."""
    s = scale[0, e if scale.size > 1 else 0]
    f = s if s == 0 else s * f
    j = index[e] if index.size else e
    if np.isfinite(f):
        for d in range(out.size):
            out[d] = a[j, d] * f + 0.0
    else:
        for d in range(out.size):
            c = a[j, d]
            out[d] = c if c == 0 else c * f


@register_jitable
def _add_slots(col, coef, e, f, out):
    """``out[col[s, e]] += coef[s, e] * f``."""
    for s in range(col.shape[0]):
        c = coef[s, e]
        if col[s, e] >= 0 and c != 0:
            out[col[s, e]] += c * f


@on_first_call
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


@on_first_call
def sum_middle_rows(a, index, scale, length, after, out):
    """Row (i, l) of `out`: ``sum_j a[index[e]] * scale[e]`` of the elements e = (i, j, l).

    There are `length` of them, one every `after`; strong zeros, and no -0.
    """
    for r in range(out.shape[0]):
        first = r // after * length * after + r % after
        for d in range(out.shape[1]):
            out[r, d] = 0.0
        for e in range(first, first + length * after, after):
            f = scale[e if scale.size > 1 else 0]
            j = index[e] if index.size else e
            if np.isfinite(f):
                for d in range(out.shape[1]):
                    out[r, d] += a[j, d] * f
            else:
                for d in range(out.shape[1]):
                    c = a[j, d]
                    out[r, d] += c if c == 0 else c * f


@on_first_call
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


@on_first_call
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
