"""`np.einsum`, operand by operand, each pair as one batched matrix product."""

import functools
import math

import numpy as np

from dualmc.duals.operands import as_operand, level_of, primal_at
from dualmc.functions.moving.by_position import result
from dualmc.functions.products.planned import product
from dualmc.functions.products.recorded_einsum import record_einsum
from dualmc.functions.results import exact, with_primal, written
from dualmc.kernels.payload import values
from dualmc.rules.registry import handles


@handles("bilinear", np.einsum)
def einsum(*operands, out=None, optimize=False, **kwargs):
    """Any subscripts NumPy takes, operand by operand, each pair as one matrix product."""
    if out is None and optimize is False and not kwargs and _is_product(operands):
        call = functools.partial(np.einsum, operands[0])
        y = product(operands[0], call, *operands[1:])
        if y is not None:
            return y
        if not level_of(list(operands[1:])).records:
            return exact(call, np.matmul, *operands[1:])
    subscripts, arrays = _einsum_arguments(operands)
    arrays = [as_operand(a) for a in arrays]
    level = level_of(arrays)
    y = np.einsum(*_rebuilt(operands, [primal_at(a, level) for a in arrays]),
                  optimize=optimize, **kwargs)  # fmt: skip
    if len(arrays) == 1 and np.may_share_memory(values(y), values(arrays[0].primal)):
        # A transpose or a diagonal: a view, as NumPy's.
        return written(out, result(y, arrays[0], lambda p: np.einsum(*_rebuilt(operands, [p]))))
    terms, target = _einsum_terms(subscripts, tuple(getattr(a, "ndim", 0) for a in arrays))
    found = record_einsum(y, arrays, terms, target, level)
    if found is not None:
        return written(out, found)
    pending = [_diagonalised(a, term) for a, term in zip(arrays, terms, strict=True)]
    while len(pending) > 1:
        (a, left), (b, right) = pending.pop(0), pending.pop(0)
        later = set(target).union(*(term for _, term in pending))
        pending.insert(0, _pair(a, left, b, right, later))
    a, term = pending[0]
    a, term = _summed_out(a, term, set(target))
    return written(out, with_primal(y, np.transpose(a, [term.index(c) for c in target])))


def _is_product(operands):
    """Whether the call is a product of two matrices or vectors, like ``"ij,jk->ik"``."""
    return len(operands) == 3 and type(operands[0]) is str and _is_matmul(operands[0])


@functools.cache
def _is_matmul(subscripts):
    inputs, arrow, target = subscripts.replace(" ", "").partition("->")
    left, comma, right = inputs.partition(",")
    if not arrow or not comma or not 0 < len(left) < 3 or not 0 < len(right) < 3:
        return False
    labels = left + right[1:]
    return (
        left[-1] == right[0]
        and labels.isalpha()
        and len(labels) == len(frozenset(labels))
        and target == left[:-1] + right[1:]
    )


def _einsum_arguments(operands):
    """Subscripts as a string, and the arrays, of either calling form."""
    if isinstance(operands[0], str):
        return operands[0].replace(" ", ""), list(operands[1:])
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

    def text(sublist):
        return "".join("..." if s is Ellipsis else letters[s] for s in sublist)

    count = len(operands) // 2
    subscripts = ",".join(text(s) for s in operands[1 : 2 * count : 2])
    if len(operands) % 2:
        subscripts += "->" + text(operands[-1])
    return subscripts, list(operands[0 : 2 * count : 2])


def _rebuilt(operands, arrays):
    if isinstance(operands[0], str):
        return [operands[0], *arrays]
    out = list(operands)
    out[0 : 2 * len(arrays) : 2] = arrays
    return out


@functools.lru_cache(maxsize=256)
def _einsum_terms(subscripts, ndims):
    """Labels of every operand and of the result, ellipses spelled out as unused letters."""
    inputs, _, target = subscripts.partition("->")
    terms = inputs.split(",")
    spare = [chr(c) for c in range(0x4E00, 0x4E00 + 64)]
    longest = 0
    for i, (term, ndim) in enumerate(zip(terms, ndims, strict=True)):
        if "..." in term:
            count = ndim - len(term.replace("...", ""))
            longest = max(longest, count)
            terms[i] = term.replace("...", "".join(spare[64 - count :]) if count else "")
    ellipsis = "".join(spare[64 - longest :]) if longest else ""
    if "->" in subscripts:
        target = target.replace("...", ellipsis)
    else:
        every = "".join(terms)
        target = ellipsis + "".join(
            sorted(c for c in set(every) if every.count(c) == 1 and c not in spare)
        )
    return tuple(terms), target


def _diagonalised(a, term):
    """`a` with repeated labels replaced by its diagonal."""
    while len(term) != len(frozenset(term)):
        label = next(c for c in term if term.count(c) > 1)
        i = term.index(label)
        j = term.index(label, i + 1)
        a = np.diagonal(a, 0, i, j)
        term = "".join(c for n, c in enumerate(term) if n not in (i, j)) + label
    return a, term


def _summed_out(a, term, needed):
    """Sum over the labels that nothing else needs."""
    axes = tuple(i for i, c in enumerate(term) if c not in needed)
    if axes:
        a = np.sum(a, axis=axes)
        term = "".join(c for c in term if c in needed)
    return a, term


def _pair(a, left, b, right, later):
    """Two operands into one, as a batched matrix product of reshaped operands."""
    a, left = _summed_out(a, left, later | set(right))
    b, right = _summed_out(b, right, later | set(left))
    size = dict(zip(left, np.shape(a), strict=True))
    for c, n in zip(right, np.shape(b), strict=True):
        # An axis of length 1 broadcasts against a longer one.
        if size.get(c, n) != n and 1 in (size[c], n):
            if n == 1:
                b = np.squeeze(b, right.index(c))
                right = right.replace(c, "")
            else:
                a = np.squeeze(a, left.index(c))
                left = left.replace(c, "")
                size[c] = n
        else:
            size[c] = n
    both = [c for c in left if c in right]
    batch = [c for c in both if c in later]
    contracted = [c for c in both if c not in later]
    rows = [c for c in left if c not in right]
    columns = [c for c in right if c not in left]

    def arranged(x, term, *groups):
        order = [term.index(c) for group in groups for c in group]
        shape = [size[c] for c in batch]
        shape += [math.prod(size[c] for c in group) for group in groups[1:]]
        return np.reshape(np.transpose(x, order), shape)

    x = arranged(a, left, batch, rows, contracted)
    y = arranged(b, right, batch, contracted, columns)
    if contracted:
        z = np.matmul(x, y)
    else:
        z = np.multiply(np.reshape(x, (*x.shape[:-1], 1)), np.reshape(y, (*y.shape[:-2], 1, -1)))
        z = np.reshape(z, (*x.shape[:-1], y.shape[-1]))
    term = "".join([*batch, *rows, *columns])
    return np.reshape(z, [size[c] for c in term]), term
