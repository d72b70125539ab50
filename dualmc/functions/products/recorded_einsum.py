"""The short way of recording `np.einsum` of two float64 arrays: one step, its pullback an einsum.

    y = einsum("ij,jk->ik", a, b):   a_bar = einsum("ik,jk->ij", y_bar, b)

That holds where each label of an operand is a label of the result or of the other operand, and none
is twice in one: then nothing is summed over, or taken from a diagonal, within an operand.
"""

import functools
import math
from typing import NamedTuple

import numpy as np

from dualmc.duals.dual import Dual
from dualmc.duals.recorded import is_float64, kept, parts_at, recorded
from dualmc.kernels import buffers
from dualmc.kernels.payload import times, values
from dualmc.tangents.tape import keep

# The label of the rows that are swept together.
ROW = "*"


def record_einsum(y, arrays, terms, target, level):
    """The Dual for `y`, the einsum of `arrays` with the labels `terms`; None: not here."""
    if not level.records or len(arrays) != 2 or y.dtype != np.float64 or type(y) is Dual:
        return None
    (a, left), (b, right) = zip(arrays, terms, strict=True)
    p, t = parts_at(a, level)
    q, u = parts_at(b, level)
    if not is_float64(p) or not is_float64(q) or t is None and u is None:
        return None
    if not _is_product(left, right, target):
        return None
    size = dict(zip(left, p.shape, strict=True))
    if any(size.get(c, n) != n for c, n in zip(right, q.shape, strict=True)):
        return None
    held = (
        None if u is None else kept(a, p) if type(a) is Dual else keep(p, level),
        None if t is None else kept(b, q) if type(b) is Dual else keep(q, level),
    )
    data = (left, right, target, *held, t is None or u is None)
    return recorded(y, level, pull_einsum, (t, u), data)


@functools.lru_cache(maxsize=256)
def _is_product(left, right, target):
    """Whether no label is alone in an operand, or twice in a term."""
    labels = left + right
    if any(labels.count(c) < 2 and c not in target for c in labels):
        return False
    return all(len(term) == len(frozenset(term)) for term in (left, right, target))


def pull_einsum(node, bar, owned, sweep):
    left, right, target, p, q, is_constant = node.data
    t, u = node.parents
    row = ROW if sweep.lead else ""
    for parent, term, other, factor in ((t, left, right, q), (u, right, left, p)):
        if parent is not None:
            operands = (bar, row + target, factor, other, row + term)
            part = _contracted(*operands)
            if sweep.is_careful and not np.isfinite(values(part)).all():
                part = _with_strong_zeros(*operands, is_constant)
            sweep.add(parent, part, True)


class _Layout(NamedTuple):
    """How two operands are arranged for a batched matrix product."""

    batch: str
    rows: str
    summed: str
    columns: str
    left: tuple  # the order of the first operand's axes: batch, rows, summed
    right: tuple  # of the second's: batch, summed, columns
    target: tuple  # of the product's: as the result has them


@functools.lru_cache(maxsize=256)
def _layout(left, right, target):
    batch = "".join(c for c in left if c in right and c in target)
    summed = "".join(c for c in left if c in right and c not in target)
    rows = "".join(c for c in left if c not in right)
    columns = "".join(c for c in right if c not in left)
    return _Layout(
        batch, rows, summed, columns,
        tuple(left.index(c) for c in batch + rows + summed),
        tuple(right.index(c) for c in batch + summed + columns),
        tuple((batch + rows + columns).index(c) for c in target),
    )  # fmt: skip


def _contracted(a, left, b, right, target):
    """``einsum(left,right->target)`` as a batched matrix product."""
    layout = _layout(left, right, target)
    size = dict(zip(left + right, a.shape + b.shape, strict=True))
    batch, rows, summed, columns = ([size[c] for c in group] for group in layout[:4])
    m, k, n = math.prod(rows), math.prod(summed), math.prod(columns)
    x = _contiguous(a.transpose(layout.left)).reshape((*batch, m, k))
    y = _contiguous(b.transpose(layout.right)).reshape((*batch, k, n))
    if not summed:
        z = x * y
    elif type(x) is type(y) is np.ndarray:
        z = np.matmul(x, y, buffers.empty((*batch, m, n), x.dtype))
    else:
        z = np.matmul(x, y)
    return _contiguous(z.reshape((*batch, *rows, *columns)).transpose(layout.target))


def _contiguous(x):
    return buffers.contiguous(x) if type(x) is np.ndarray else x


def _with_strong_zeros(a, left, b, right, target, is_constant):
    """The same term by term, so that exact zeros of `a` stay zero beside infinities."""
    labels = target + "".join(c for c in left if c not in target)
    terms = times(_spread(a, left, labels), _spread(b, right, labels), is_constant)
    return np.sum(terms, axis=tuple(range(len(target), len(labels))))


def _spread(x, term, labels):
    """`x` with an axis for each of `labels`, of length 1 for those it has not."""
    order = [term.index(c) for c in labels if c in term]
    shape = iter(np.shape(np.transpose(values(x), order)))
    return np.reshape(np.transpose(x, order), [next(shape) if c in term else 1 for c in labels])
