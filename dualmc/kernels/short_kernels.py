"""Numba loops of the short ways: over dense blocks of few directions, and over slots.

Blocks, (k, *S), have the basis axis first in memory.  One launch does what the general way does in
several steps: it applies the factor `scale` of every element on the way.  A derivative that is
exactly 0 stays 0 whatever multiplies it; where that costs time, a loop looks for zeros only after
a result that is not finite.
"""

import numpy as np

from dualmc.kernels.axes import as_line, as_rows
from dualmc.kernels.compiling import on_first_call


@on_first_call
def sum_middle(block, scale, out):
    """``out[s, i, l] = sum_j scale[i, j, l] * block[s, i, j, l]``."""
    length = block.shape[2]
    for s in range(block.shape[0]):
        for i in range(block.shape[1]):
            if block.shape[3] == 1:
                total = 0.0
                # Parts of some hundred terms, for the rounding of long sums.
                for start in range(0, length, 256):
                    part = 0.0
                    for j in range(start, min(start + 256, length)):
                        part += block[s, i, j, 0] * scale[i, j, 0]
                    total += part
                out[s, i, 0] = total
            else:
                for n in range(block.shape[3]):
                    out[s, i, n] = 0.0
                for j in range(length):
                    for n in range(block.shape[3]):
                        out[s, i, n] += block[s, i, j, n] * scale[i, j, n]
            for n in range(block.shape[3]):
                if not np.isfinite(out[s, i, n]):  # some zero may have met an infinity
                    total = 0.0
                    for j in range(length):
                        c = block[s, i, j, n]
                        total += c if c == 0 else c * scale[i, j, n]
                    out[s, i, n] = total


@on_first_call
def running_sum(block, scale, out):
    """``out[s, i, j, l]``: the same sum up to j."""
    for s in range(block.shape[0]):
        for i in range(block.shape[1]):
            for n in range(block.shape[3]):
                total = -0.0  # plus the first term that term, -0 too, as NumPy accumulates
                for j in range(block.shape[2]):
                    c = block[s, i, j, n]
                    total += c if c == 0 else c * scale[i, j, n]
                    out[s, i, j, n] = total


@on_first_call
def product(p, block_p, scale_p, q, block_q, scale_q, is_constant, out):
    """``out[s] = (scale_p * block_p[s]) @ q + p @ (scale_q * block_q[s])``.

    An empty block is that of an operand whose tangent is not asked for; with `is_constant` it is
    one, whose exact zeros give zeros too.
    """
    has_p = block_p.shape[0] > 0
    has_q = block_q.shape[0] > 0
    for s in range(out.shape[0]):
        for i in range(out.shape[1]):
            for n in range(out.shape[2]):
                left = 0.0
                if has_p:
                    for j in range(q.shape[0]):
                        left += block_p[s, i, j] * scale_p[i, j] * q[j, n]
                    if not np.isfinite(left):  # some zero may have met an infinity
                        left = 0.0
                        for j in range(q.shape[0]):
                            c = block_p[s, i, j]
                            c = c if c == 0 else c * scale_p[i, j]
                            if c != 0 and (q[j, n] != 0 or not is_constant):
                                left += c * q[j, n]
                right = 0.0
                if has_q:
                    for j in range(q.shape[0]):
                        right += p[i, j] * (block_q[s, j, n] * scale_q[j, n])
                    if not np.isfinite(right):
                        right = 0.0
                        for j in range(q.shape[0]):
                            c = block_q[s, j, n]
                            c = c if c == 0 else c * scale_q[j, n]
                            if c != 0 and (p[i, j] != 0 or not is_constant):
                                right += p[i, j] * c
                out[s, i, n] = left + right


# --- Slots ---------------------------------------------------------------------------------------


@on_first_call
def scatter_middle(col, coef, block):
    """``block[col[s, i, j, l], i, l] += coef[s, i, j, l]``, a sum over j."""
    for s in range(col.shape[0]):
        for i in range(col.shape[1]):
            for j in range(col.shape[2]):
                for n in range(col.shape[3]):
                    c = col[s, i, j, n]
                    if c >= 0:
                        block[c, i, n] += coef[s, i, j, n]


@on_first_call
def running_slots(col, coef, rows):
    """The running sum of elements with slots, (w, size), as dense rows, (size, k)."""
    for i in range(rows.shape[0]):
        for d in range(rows.shape[1]):
            rows[i, d] = rows[i - 1, d] if i else 0.0
        for s in range(col.shape[0]):
            if col[s, i] >= 0:
                rows[i, col[s, i]] += coef[s, i]


@on_first_call
def compact_middle(coef, order, target, out):
    """`slot_kernels.compact` for the slots (s, j) of a sum over j of ``coef[s, i, j, l]``."""
    length, after = coef.shape[2], coef.shape[3]
    for s in range(out.shape[0]):
        for i in range(out.shape[1]):
            for n in range(after):
                out[s, i, n] = 0.0
    for r in range(order.shape[0]):
        for i in range(out.shape[1]):
            for n in range(after):
                e = i * after + n
                t = target[r, e]
                if t >= 0:
                    s, j = divmod(order[r, e], length)
                    out[t, i, n] += coef[s, i, j, n]


@on_first_call
def chosen_index(x, y, index):
    """The flat place of the element ``x[i, j, l]`` that equals ``y[i, l]``, or is NaN with it.

    Returns whether there is one and no other, for all i and l.
    """
    length, after = x.shape[1], x.shape[2]
    for i in range(x.shape[0]):
        for n in range(after):
            top = y[i, n]
            count = 0
            for j in range(length):
                v = x[i, j, n]
                if v == top or (v != v and top != top):
                    count += 1
                    index[i * after + n] = (i * length + j) * after + n
            if count != 1:
                return False
    return True


# --- Two operands that are broadcast -------------------------------------------------------------


@on_first_call
def pair(code, p, at_p, block_p, scale_p, q, at_q, block_q, scale_q, y, out):
    """The derivatives of p + q, p - q, p * q or p / q, by `code` 0 to 3.

    Element i of the result y is made of elements ``at_p[i]`` of p and ``at_q[i]`` of q (i itself,
    if these are empty).
    """
    p, q, y, scale_p, scale_q = (
        as_line(p),
        as_line(q),
        as_line(y),
        as_line(scale_p),
        as_line(scale_q),
    )
    block_p, block_q, out = as_rows(block_p), as_rows(block_q), as_rows(out)
    if not at_p.size:
        at_p = np.arange(y.size)
    if not at_q.size:
        at_q = np.arange(y.size)
    factor_p = np.ones(y.size)
    factor_q = np.ones(y.size)
    is_finite = True
    for i in range(y.size):
        a = at_p[i]
        b = at_q[i]
        if code == 1:
            factor_q[i] = -1.0
        elif code == 2:
            factor_p[i] = q[b]
            factor_q[i] = p[a]
        elif code == 3:
            factor_p[i] = 1.0 / q[b]
            factor_q[i] = -y[i] / q[b]
        s = scale_p[a]
        factor_p[i] = s if s == 0 else s * factor_p[i]
        s = scale_q[b]
        factor_q[i] = s if s == 0 else s * factor_q[i]
        is_finite &= np.isfinite(factor_p[i]) and np.isfinite(factor_q[i])
    for r in range(out.shape[0]):
        if is_finite:  # keeps zeros zero; adding 0 turns -0 into 0
            for i in range(y.size):
                c = block_p[r, at_p[i]] * factor_p[i]
                out[r, i] = c + block_q[r, at_q[i]] * factor_q[i] + 0.0
        else:
            for i in range(y.size):
                c = block_p[r, at_p[i]]
                if c != 0:
                    c = c * factor_p[i]
                g = block_q[r, at_q[i]]
                if g != 0:
                    g = g * factor_q[i]
                out[r, i] = c + g + 0.0


@on_first_call
def compact_product(coef, other, order, target, is_left, is_constant, out):
    """`slot_kernels.compact` for the slots (s, j) of a sum over j of
    ``coef[s, i, j, 0] * other[j, l]``, or, unless `is_left`, ``other[i, j] * coef[s, 0, j, l]``.
    """
    length, after = coef.shape[2], out.shape[2]
    for s in range(out.shape[0]):
        for i in range(out.shape[1]):
            for n in range(after):
                out[s, i, n] = 0.0
    for r in range(order.shape[0]):
        for i in range(out.shape[1]):
            for n in range(after):
                e = i * after + n
                t = target[r, e]
                if t >= 0:
                    s, j = divmod(order[r, e], length)
                    c = coef[s, i, j, 0] if is_left else coef[s, 0, j, n]
                    f = other[j, n] if is_left else other[i, j]
                    if c != 0 and (f != 0 or not is_constant):
                        out[t, i, n] += c * f


@on_first_call
def scatter_dot(col, coef, factor, is_constant, block):
    """``block[col[s, i]] += coef[s, i] * factor[i]`` with strong zeros."""
    for s in range(col.shape[0]):
        for i in range(col.shape[1]):
            c = coef[s, i]
            f = factor[i]
            if col[s, i] >= 0 and c != 0 and (f != 0 or not is_constant):
                block[col[s, i]] += c * f


@on_first_call
def others(x, out):
    """``out[i, j, l]``: the product of all ``x[i, :, l]`` but the j-th, without division."""
    for i in range(x.shape[0]):
        for n in range(x.shape[2]):
            before = 1.0
            for j in range(x.shape[1]):
                out[i, j, n] = before
                before *= x[i, j, n]
            after = 1.0
            for j in range(x.shape[1] - 1, -1, -1):
                out[i, j, n] *= after
                after *= x[i, j, n]
