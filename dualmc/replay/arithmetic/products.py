"""Steps that are sums of products: of matrices, einsum, outer, inner and cross products."""

import math

import numpy as np

from dualmc.replay.arithmetic import slots
from dualmc.replay.arithmetic.arrays import product, reduced, taken
from dualmc.replay.arithmetic.elementwise import elementwise
from dualmc.replay.arithmetic.pairs import LARGEST_STEP, Pair, filled
from dualmc.replay.recording.program import NotReplayable


def contracted(a, b, m, p, q):
    """The matrix product of two `Pair`s of (m, p) and (p, q) numbers, as a `Pair` of m*q."""
    if m * p * q <= 16:
        return _by_terms(a, b, m, p, q)
    y = product(a.array, b.array, m, p, q)
    total = None
    if b.tangent is not None:
        total = _half(a.array, b, m, p, q)
    if a.tangent is not None:  # (a @ b).T = b.T @ a.T
        flipped = Pair(_transposed(a.array, m, p), _flipped(a.tangent, m, p))
        half = _half(_transposed(b.array, p, q), flipped, q, p, m)
        total = slots.added(total, _flipped(half, q, m))
    return Pair(y, total)


def _half(a, b, m, p, q):
    t = b.tangent
    if type(t) is slots.Slots and len(t.slots) <= 2:
        i, j, r = np.indices((m, p, q)).reshape(3, -1)
        spread_t = slots.moved([t], [p * q], j * q + r)
        return slots.summed(slots.scaled(spread_t, taken(a, i * p + j)), i * q + r, m * q)
    return slots.multiplied(t, a, m, p, q)


def _by_terms(a, b, m, p, q):
    i, j, r = np.indices((m, p, q)).reshape(3, -1)
    left, right = (x.taken(at) for x, at in ((a, i * p + j), (b, j * q + r)))
    terms = elementwise(np.multiply, [left, right])
    target = i * q + r
    y = reduced("add", [(terms.array, target)], m * q)
    return Pair(y, slots.summed(terms.tangent, target, m * q))


def _transposed(a, m, p):
    return taken(a, np.arange(m * p).reshape(m, p).T.reshape(-1))


def _flipped(t, m, p):
    if t is None:
        return None
    return slots.moved([t], [m * p], np.arange(m * p).reshape(m, p).T.reshape(-1))


def _matmul(node, operands):
    a, b = (filled(x, operands).numbers() for x in node.args[:2])
    if node.options or len(node.args) > 2:
        raise NotReplayable("matmul with options")
    if len(a.shape) == 0 or len(b.shape) == 0:
        return elementwise(np.multiply, [a, b])
    if len(a.shape) > 2 or len(b.shape) > 2:
        if node.function not in (np.matmul,):
            raise NotReplayable("dot of arrays of more than two axes")
        return _batched(a, b)
    m = a.shape[0] if len(a.shape) == 2 else 1
    q = b.shape[1] if len(b.shape) == 2 else 1
    return contracted(a, b, m, a.shape[-1], q)


def _batched(a, b):
    letters = "abcdefgh"
    if len(a.shape) < 2 or len(b.shape) < 2:
        raise NotReplayable("matmul of a vector and a stack of matrices")
    lead = max(len(a.shape), len(b.shape)) - 2
    left = letters[lead - len(a.shape) + 2 : lead] + "ij"
    right = letters[lead - len(b.shape) + 2 : lead] + "jk"
    return _sum_of_products([a, b], [left, right], letters[:lead] + "ik")


def _einsum(node, operands):
    text = node.args[0]
    options = {k: v for k, v in node.options.items() if k != "optimize"}
    if not isinstance(text, str) or "." in text or options:
        raise NotReplayable("this form of einsum")
    pairs = [filled(a, operands).numbers() for a in node.args[1:]]
    left, arrow, right = text.replace(" ", "").partition("->")
    terms = left.split(",")
    if not arrow:
        letters = "".join(terms)
        right = "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    return _sum_of_products(pairs, terms, right)


def _sum_of_products(pairs, terms, result):
    """The sum, over the letters that `result` lacks, of products taken pair by pair."""
    while len(pairs) > 2:
        rest = set("".join(terms[2:]) + result)
        both = "".join(dict.fromkeys(terms[0] + terms[1]))
        kept = "".join(c for c in both if c in rest)
        first = _sum_of_products(pairs[:2], terms[:2], kept)
        pairs, terms = [first, *pairs[2:]], [kept, *terms[2:]]
    sizes: dict = {}
    for pair, term in zip(pairs, terms, strict=True):
        for c, n in zip(term, pair.shape, strict=True):
            sizes[c] = max(n, sizes.get(c, 1))
    letters = result + "".join(c for c in sizes if c not in result)
    shape = tuple(sizes[c] for c in letters)
    if math.prod(shape) > LARGEST_STEP // 8:
        raise NotReplayable(f"einsum of {math.prod(shape)} products")
    grid = np.indices(shape).reshape(len(shape), -1)
    whole = None
    for pair, term in zip(pairs, terms, strict=True):
        at = np.zeros(grid.shape[1], np.int64)
        for c, n in zip(term, pair.shape, strict=True):
            at = at * n + (grid[letters.index(c)] if n > 1 else 0)
        part = pair.taken(at)
        whole = part if whole is None else elementwise(np.multiply, [whole, part])
    kept = tuple(sizes[c] for c in result)
    target = np.repeat(np.arange(math.prod(kept)), math.prod(shape) // max(1, math.prod(kept)))
    y = reduced("add", [(whole.array, target)], math.prod(kept)).reshape(kept)
    return Pair(y, slots.summed(whole.tangent, target, math.prod(kept)))


def _outer(node, operands):
    a, b = (filled(x, operands).numbers() for x in node.args[:2])
    return elementwise(np.multiply, [a.reshape((a.array.size, 1)), b.reshape((1, b.array.size))])


def _inner(node, operands):
    a, b = (filled(x, operands).numbers() for x in node.args[:2])
    if len(a.shape) != 1 or len(b.shape) != 1:
        raise NotReplayable("inner of matrices")
    return contracted(a, b, 1, a.shape[0], 1)


def _cross(node, operands):
    a, b = (filled(x, operands).numbers() for x in node.args[:2])
    if node.options or len(node.args) > 2 or a.shape[-1] != 3 or b.shape[-1] != 3:
        raise NotReplayable("this form of cross")
    shape = np.broadcast_shapes(a.shape, b.shape)
    a, b = a.broadcast(shape), b.broadcast(shape)
    e = np.arange(a.array.size)
    i, base = e % 3, e - e % 3
    after, before = base + (i + 1) % 3, base + (i + 2) % 3
    plus = elementwise(np.multiply, [a.taken(after), b.taken(before)])
    minus = elementwise(np.multiply, [a.taken(before), b.taken(after)])
    return elementwise(np.subtract, [plus, minus])


STEPS = {
    np.matmul: _matmul,
    np.dot: _matmul,
    np.linalg.matmul: _matmul,
    np.einsum: _einsum,
    np.outer: _outer,
    np.inner: _inner,
    np.vdot: _inner,
    np.cross: _cross,
}
