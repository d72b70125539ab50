"""Numba loops over the slots of sparse tangents: columns in order, -1 where unused and last.

They unite columns, order them for sums, move coefficients to where they belong, and write blocks
and CSR arrays.  `tangents/slots.py` says what a slot is.
"""

import numpy as np
from numba.extending import register_jitable

from dualmc.kernels.axes import as_line, as_rows
from dualmc.kernels.compiling import on_first_call

# Elements that are looked at together, in the nearest cache.
BLOCK = 512


@on_first_call
def is_same_structure(a, b):
    """Whether two column arrays hold the same slots, element by element."""
    for s in range(a.shape[0]):
        for i in range(a.shape[1]):
            if a[s, i] != b[s, i]:
                return False
    return True


@on_first_call
def merged_width(a, b):
    """Slots the fullest element needs when the columns of `a` and `b` are united."""
    width = 0
    for i in range(a.shape[1]):
        s = 0
        t = 0
        used = 0
        while True:
            p = a[s, i] if s < a.shape[0] else -1
            q = b[t, i] if t < b.shape[0] else -1
            if p < 0 and q < 0:
                break
            used += 1
            if q < 0 or (p >= 0 and p < q):
                s += 1
            elif p < 0 or q < p:
                t += 1
            else:
                s += 1
                t += 1
        width = max(width, used)
    return width


@on_first_call
def unite(coef_a, coef_b, slots, few, each, sign, out):
    """``out[r, i] = coef_a[s, i] + sign * coef_b[t, i]``, s and t as a `unions.Union` says.

    That is ``slots[:, r]`` for all i but the ``few[j]``, which take ``each[:, r, j]``; without
    slots, element i takes ``each[:, r, i]``.
    """
    zero = coef_a.dtype.type(0)
    coef_a, coef_b, out = as_rows(coef_a), as_rows(coef_b), as_rows(out)
    for r in range(slots.shape[1]):
        s = slots[0, r]
        t = slots[1, r]
        for i in range(out.shape[1]):
            c = coef_a[s, i] if s >= 0 else zero
            g = coef_b[t, i] if t >= 0 else zero
            out[r, i] = c - g if sign < 0 else c + g
    for r in range(each.shape[1]):
        for j in range(each.shape[2]):
            i = few[j] if slots.shape[1] > 0 else j
            s = each[0, r, j]
            t = each[1, r, j]
            c = coef_a[s, i] if s >= 0 else zero
            g = coef_b[t, i] if t >= 0 else zero
            out[r, i] = c - g if sign < 0 else c + g


@on_first_call
def unite_products(coef_a, factor_a, coef_b, factor_b, slots, few, each, out):
    """The same for ``factor_a[i] * coef_a[s, i] + factor_b[i] * coef_b[t, i]``, strong zeros."""
    zero = coef_a.dtype.type(0)
    coef_a, coef_b, out = as_rows(coef_a), as_rows(coef_b), as_rows(out)
    factor_a, factor_b = as_line(factor_a), as_line(factor_b)
    for r in range(slots.shape[1]):
        s = slots[0, r]
        t = slots[1, r]
        for i in range(out.shape[1]):
            c = coef_a[s, i] if s >= 0 else zero
            if c != 0:
                c = c * factor_a[i]
            g = coef_b[t, i] if t >= 0 else zero
            if g != 0:
                g = g * factor_b[i]
            out[r, i] = c + g
    for r in range(each.shape[1]):
        for j in range(each.shape[2]):
            i = few[j] if slots.shape[1] > 0 else j
            s = each[0, r, j]
            t = each[1, r, j]
            c = coef_a[s, i] if s >= 0 else zero
            if c != 0:
                c = c * factor_a[i]
            g = coef_b[t, i] if t >= 0 else zero
            if g != 0:
                g = g * factor_b[i]
            out[r, i] = c + g


@on_first_call
def pattern_exceptions(a, b, from_a, from_b, exceptions):
    """Elements where slots ``from_a[r]`` of `a` and ``from_b[r]`` of `b` do not unite in order.

    In order means: slots paired hold equal columns, and columns ascend with r (-1: no slot of that
    side).  Lists them in `exceptions` and returns how many; more than fit return the size plus 1.
    """
    found = 0
    # Block by block and row by row, as fast as memory is read; a block that does not fit as a
    # whole is looked at element by element.
    for start in range(0, a.shape[1], BLOCK):
        stop = min(start + BLOCK, a.shape[1])
        wrong = 0
        for r in range(from_a.size):
            s = from_a[r]
            t = from_b[r]
            c = a[s] if s >= 0 else b[t]
            if s >= 0 and t >= 0:
                d = b[t]
                for i in range(start, stop):
                    wrong |= c[i] ^ d[i]
            if r == 0:
                for i in range(start, stop):
                    wrong |= c[i] < 0
            else:
                e = a[from_a[r - 1]] if from_a[r - 1] >= 0 else b[from_b[r - 1]]
                for i in range(start, stop):
                    wrong |= c[i] <= e[i]
        if wrong == 0:
            continue
        for i in range(start, stop):
            last = -1
            for r in range(from_a.size):
                s = from_a[r]
                t = from_b[r]
                k = a[s, i] if s >= 0 else b[t, i]
                if k <= last or (s >= 0 and t >= 0 and b[t, i] != k):
                    if found == exceptions.size:
                        return found + 1
                    exceptions[found] = i
                    found += 1
                    break
                last = k
    return found


@on_first_call
def merge_positions(a, b, col, from_a, from_b):
    """The same union, but the slot numbers of either side (-1 where absent) instead of sums."""
    for i in range(a.shape[1]):
        s = 0
        t = 0
        for r in range(col.shape[0]):
            p = a[s, i] if s < a.shape[0] else -1
            q = b[t, i] if t < b.shape[0] else -1
            take_a = p >= 0 and (q < 0 or p <= q)
            take_b = q >= 0 and (p < 0 or q <= p)
            col[r, i] = p if take_a else q
            from_a[r, i] = s if take_a else -1
            from_b[r, i] = t if take_b else -1
            s += 1 if take_a else 0
            t += 1 if take_b else 0


@on_first_call
def slot_order(col, order, target):
    """Sort the slots of each element by column and number the distinct columns.

    ``order[:, i]`` lists the slots of element i by ascending column (unused ones last);
    ``target[r, i]`` is the merged slot of ``order[r, i]``, -1 when unused.  Returns the width.
    """
    width = 0
    for i in range(col.shape[1]):
        for s in range(col.shape[0]):
            c = col[s, i]
            r = s
            if c >= 0:
                while r > 0 and (col[order[r - 1, i], i] > c or col[order[r - 1, i], i] < 0):
                    order[r, i] = order[r - 1, i]
                    r -= 1
            order[r, i] = s
        used = 0
        last = -1
        for r in range(col.shape[0]):
            c = col[order[r, i], i]
            if c < 0:
                target[r, i] = -1
                continue
            if c != last:
                used += 1
                last = c
            target[r, i] = used - 1
        width = max(width, used)
    return width


@on_first_call
def compact_columns(col, order, target, out):
    """Columns of the merged slots that `slot_order` numbered."""
    for s in range(out.shape[0]):
        for i in range(out.shape[1]):
            out[s, i] = -1
    for r in range(col.shape[0]):
        for i in range(col.shape[1]):
            t = target[r, i]
            if t >= 0:
                out[t, i] = col[order[r, i], i]


@on_first_call
def compact(coef, order, target, out):
    """Coefficients of those slots; equal columns add up."""
    for s in range(out.shape[0]):
        for i in range(out.shape[1]):
            out[s, i] = 0
    for r in range(coef.shape[0]):
        for i in range(coef.shape[1]):
            t = target[r, i]
            if t >= 0:
                out[t, i] += coef[order[r, i], i]


@on_first_call
def scatter_dense(col, coef, block):
    """``block[col[s, i], i] += coef[s, i]``."""
    for s in range(col.shape[0]):
        for i in range(col.shape[1]):
            if col[s, i] >= 0:
                block[col[s, i], i] += coef[s, i]


@on_first_call
def scatter_product(col, coef, matrix, block, is_constant):
    """``block[col[s, i, j], i, :] += coef[s, i, j] * matrix[j, :]``: seeds scale its rows."""
    for s in range(col.shape[0]):
        for i in range(col.shape[1]):
            for j in range(col.shape[2]):
                c = coef[s, i, j]
                row = col[s, i, j]
                if row < 0 or c == 0:
                    continue
                if np.isfinite(c) or not is_constant:
                    for r in range(matrix.shape[1]):
                        block[row, i, r] += c * matrix[j, r]
                else:
                    for r in range(matrix.shape[1]):
                        if matrix[j, r] != 0:
                            block[row, i, r] += c * matrix[j, r]


@on_first_call
def scatter_add(rows, index, out):
    """``out[s, index[i]] += rows[s, i]`` wherever index is not -1."""
    for s in range(rows.shape[0]):
        for i in range(index.shape[0]):
            if index[i] >= 0:
                out[s, index[i]] += rows[s, i]


@on_first_call
def take_rows(rows, index, fill, out):
    """``out[s, i] = rows[s, index[i]]``, `fill` where index is -1."""
    for s in range(rows.shape[0]):
        for i in range(index.size):
            j = index[i]
            out[s, i] = fill if j < 0 else rows[s, j]


@on_first_call
def count_rows(col, indptr):
    """Row pointers of a CSR matrix whose row i holds the used slots of element i."""
    w = col.shape[0]
    indptr[0] = 0
    for start in range(0, col.shape[1], BLOCK):
        stop = min(start + BLOCK, col.shape[1])
        at = indptr[start]
        if w > 0 and _is_full(col, start, stop):
            for i in range(start, stop):
                indptr[i + 1] = at + (i + 1 - start) * w
        else:
            for i in range(start, stop):
                for s in range(w):
                    at += col[s, i] >= 0
                indptr[i + 1] = at


@register_jitable
def _is_full(col, start, stop):
    """Whether all slots of some elements are used: the last ones are."""
    signs = 0
    for i in range(start, stop):
        signs |= col[col.shape[0] - 1, i]
    return signs >= 0


@on_first_call
def fill_csr(col, rows, indptr, out):
    """The used slots of `rows`, (w, size), which hold columns or entries, row after row of it."""
    w = rows.shape[0]
    for start in range(0, col.shape[1], BLOCK):
        stop = min(start + BLOCK, col.shape[1])
        at = indptr[start]
        if indptr[stop] - at == (stop - start) * w:
            every = rows[:, start:stop]
            lines = out[at : indptr[stop]].reshape(stop - start, w)
            for s in range(w):
                for i in range(stop - start):
                    lines[i, s] = every[s, i]
        else:
            for i in range(start, stop):
                for s in range(w):
                    if col[s, i] >= 0:
                        out[at] = rows[s, i]
                        at += 1


@on_first_call
def fill_nonzeros(rows, indptr, indices, data):
    """Row pointers, column indices and values of what is not 0 in `rows`, (m, n)."""
    at = 0
    indptr[0] = 0
    for i in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            v = rows[i, j]
            if v != 0:
                indices[at] = j
                data[at] = v
                at += 1
        indptr[i + 1] = at
