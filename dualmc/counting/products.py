"""What the steps cost that sum elements up or multiply whole arrays."""

import math

import numpy as np

from dualmc.counting.work import Work, nonzeros, size_of, united
from dualmc.functions.products.recorded_einsum import pull_einsum

# --- Sums ----------------------------------------------------------------------------------------


def summed(node):
    (parent,) = node.parents
    return Work(0, size_of(parent) - size_of(node)), Work()


def summed_structured(node, patterns):
    (parent,) = node.parents
    bits = patterns.of(parent)
    out = np.bitwise_or.reduce(bits, axis=tuple(a - 1 for a in node.data)) if node.data else bits
    return out, Work(0, nonzeros(bits) - nonzeros(out))


def running(node):
    lanes = size_of(node) // max(1, node.shape[node.data])
    return Work(0, size_of(node) - lanes), Work(0, size_of(node) - lanes)


def running_structured(node, patterns):
    bits = patterns.of(node.parents[0])
    axis = node.data - 1
    out = np.bitwise_or.accumulate(bits, axis=axis)
    last = np.take(out, [-1], axis=axis) if out.size else out
    before = nonzeros(out) - nonzeros(last)
    return out, Work(0, before + nonzeros(bits) - nonzeros(out))


# --- Functions of whole arrays -------------------------------------------------------------------


def whole(node):
    """A function of whole arrays, counted as the full matrices that it stands for."""
    size = size_of(node)
    sizes = [size_of(p) for p in node.parents]
    count = size * sum(sizes)
    return Work(count, count - size), Work(count, count - sum(sizes))


def whole_structured(node, patterns):
    out, entries = _filled(node, patterns)
    count = size_of(node) * entries
    return out, Work(count, count - nonzeros(out))


def _filled(node, patterns):
    """Every element depends on all that the operands do; and how many entries those have."""
    parts = [patterns.flat(p) for p in node.parents if p is not None]
    row = united([np.bitwise_or.reduce(bits, axis=0) for bits in parts])
    return np.broadcast_to(row, (size_of(node), row.size)), sum(map(nonzeros, parts))


def solved(node):
    """``inv(A) (db - dA x)``, and the transposes: n products of n rows per column and operand."""
    n = node.shape[0]
    count = n * size_of(node) * sum(parent is not None for parent in node.parents)
    return Work(count, count - size_of(node), count), Work(count, count - size_of(node), count)


def factored(node):
    """``L phi(W dA W^T)``: three products of matrices."""
    count = 3 * node.shape[0] * size_of(node)
    return Work(count, count - size_of(node), count), Work(count, count - size_of(node), count)


def matrix_structured(node, patterns):
    """Products of matrices of ``node.shape[0]`` rows."""
    out, entries = _filled(node, patterns)
    count = node.shape[0] * entries
    return out, Work(count, max(0, count - nonzeros(out)), count)


# --- Products of two arrays ----------------------------------------------------------------------


def _labelled(node):
    """The length of every label of a product, its labels, and each operand that varies with its.

    ``a @ b`` has the labels of ``einsum("ij,jk->ik", a, b)``; an axis of a stack along which an
    operand is repeated has no label in it.
    """
    if node.pull is pull_einsum:
        left, right, target, *_ = node.data
        length = dict(zip(target, node.shape, strict=True))
        operands = [
            (p, t) for p, t in zip(node.parents, (left, right), strict=True) if p is not None
        ]
        for parent, term in operands:
            length.update(zip(term, parent.shape, strict=True))
        return length, target, operands
    _, _, a, b, _ = node.data
    lead = np.broadcast_shapes(a[:-2], b[:-2])
    stack = tuple(range(len(lead)))
    left = (*stack[len(lead) - len(a[:-2]) :], *("row", "summed")[-len(a) :])
    right = (*stack[len(lead) - len(b[:-2]) :], *("summed", "column")[: len(b)])
    length = dict(zip((*left, *right), (*a, *b), strict=True)) | dict(zip(stack, lead, strict=True))
    target = [c for c in (*stack, "row", "column") if c in length]
    operands = [
        (parent, [c for c, n in zip(term, shape, strict=True) if n == length[c]])
        for parent, term, shape in zip(node.parents, (left, right), (a, b), strict=True)
        if parent is not None
    ]
    return length, target, operands


def product(node):
    length, _, operands = _labelled(node)
    count = math.prod(length.values())
    forward = Work(0, size_of(node) * (len(operands) - 1))
    reverse = Work()
    for parent, _ in operands:
        # Each element of an operand is a sum over the other side, and over the stack.
        forward += Work(count, count - size_of(node), count)
        reverse += Work(count, count - size_of(parent), count)
    return forward, reverse


def product_structured(node, patterns):
    length, target, operands = _labelled(node)
    parts, work = [], Work()
    for parent, term in operands:
        bits = patterns.flat(parent)
        bits = bits.reshape(*(length[c] for c in term), bits.shape[-1])
        summed = tuple(i for i, c in enumerate(term) if c not in target)
        one = np.bitwise_or.reduce(bits, axis=summed) if summed else bits
        kept = [c for c in term if c in target]
        one = np.transpose(one, [*(kept.index(c) for c in target if c in term), len(kept)])
        one = one.reshape(*(length[c] if c in term else 1 for c in target), bits.shape[-1])
        parts.append(np.broadcast_to(one, (*(length[c] for c in target), bits.shape[-1])))
        count = nonzeros(bits) * math.prod(length[c] for c in target if c not in term)
        work += Work(count, count - nonzeros(parts[-1]), count)
    out = united(parts)
    return out, work + Work(0, sum(map(nonzeros, parts)) - nonzeros(out))
