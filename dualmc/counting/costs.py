"""What the chain rule costs: multiplications and additions, counted on the recorded graph.

The graph is the tape of one call of f.  Each of its steps is linear in the derivatives; counted is
what one step does to

- one tangent, as forward mode carries it for each of n inputs;
- one cotangent, as reverse mode carries it back for each of m outputs;
- the nonzero entries of the Jacobian so far, as structured forward mode does in one pass.

A partial that is 1 or -1 costs no multiplication.  Moving elements costs nothing; an element that
receives several contributions costs an addition for each after the first.  The partials themselves
and f are not counted: they are the same in every mode.
"""

import math
from typing import NamedTuple

import numpy as np

from dualmc.cotangents import elementwise, moves, sums
from dualmc.functions.matrices.recorded_matrices import pull_cholesky, pull_solved
from dualmc.functions.products.recorded_einsum import pull_einsum

# Bytes that the pattern of one array may take before the structured count is given up.
PATTERN_BUDGET = 2**28


class Work(NamedTuple):
    """Multiplications and additions, and how many of the first are inside matrix products."""

    multiplications: int = 0
    additions: int = 0
    products: int = 0

    def __add__(self, other):
        return Work(*(a + b for a, b in zip(self, other, strict=True)))

    def __mul__(self, k):
        return Work(*(a * k for a in self))

    __rmul__ = __mul__


class Patterns:
    """Which inputs each element of each array on the tape depends on, as packed bits."""

    def __init__(self, inputs):
        self.n = sum(math.prod(var.shape) for var in inputs)
        self.bits = {}
        start = 0
        for var in inputs:
            size = math.prod(var.shape)
            rows = np.zeros((size, self.n), bool)
            rows[np.arange(size), start + np.arange(size)] = True
            self.bits[var.serial] = np.packbits(rows, axis=1)
            start += size

    def of(self, var):
        """The pattern of `var`, (*shape, bytes)."""
        bits = self.bits[var.serial]
        return bits.reshape(*var.shape, bits.shape[1])

    def flat(self, var):
        return self.bits[var.serial]

    def keep(self, var, bits):
        self.bits[var.serial] = bits.reshape(math.prod(var.shape), bits.shape[-1])


def nonzeros(bits):
    """How many entries a pattern has."""
    return int(np.bitwise_count(bits).sum())


def width(bits):
    """The entries of its fullest row."""
    return int(np.bitwise_count(bits).sum(axis=-1, dtype=np.int64).max(initial=0))


def _size(var):
    return math.prod(var.shape)


def _united(parts):
    out = parts[0]
    for part in parts[1:]:
        out = out | part
    return out


# --- Element-wise steps --------------------------------------------------------------------------


def _multiplied(node):
    """Per parent, whether its partial is something other than 1 or -1."""
    if node.pull is elementwise.pull_scaled:
        return [abs(c) != 1 for c in node.data]
    if node.pull is elementwise.pull_elementwise:
        _, partials, _, _, _, argnums = node.data
        return [callable(partials[i]) or abs(partials[i]) != 1 for i in argnums]
    if node.pull in (elementwise.pull_cast, elementwise.pull_part):
        return [False]
    return [True for _ in node.parents]


def _elementwise(node):
    size = _size(node)
    count = sum(_multiplied(node)) * size
    repeated = sum(size - _size(p) for p in node.parents)
    forward = Work(count, (len(node.parents) - 1) * size)
    return forward, Work(count, repeated)


def _elementwise_structured(node, patterns):
    parts = [
        np.broadcast_to(_aligned(patterns.of(p), len(node.shape)), (*node.shape, patterns_width))
        for p in node.parents
        for patterns_width in [patterns.flat(p).shape[1]]
    ]
    out = _united(parts)
    counts = [nonzeros(part) for part in parts]
    multiplied = sum(
        c for c, is_counted in zip(counts, _multiplied(node), strict=True) if is_counted
    )
    return out, Work(multiplied, sum(counts) - nonzeros(out))


def _aligned(bits, ndim):
    return bits.reshape((1,) * (ndim + 1 - bits.ndim) + bits.shape)


# --- Moved elements ------------------------------------------------------------------------------


def sources(node):
    """For a step that moves elements: per parent, where its elements went (-1: not from there)."""
    if node.pull is moves.pull_joined:
        index, _ = node.data
        index = index.reshape(-1)
        found, start = [], 0
        for parent in node.parents:
            here = (index >= start) & (index < start + _size(parent))
            found.append(np.where(here, index - start, -1))
            start += _size(parent)
        return found
    if node.pull is moves.pull_parts:
        found = []
        for parent, key in zip(node.parents, node.data, strict=True):
            index = np.full(node.shape, -1)
            index[key] = np.arange(_size(parent)).reshape(parent.shape)
            found.append(index.reshape(-1))
        return found
    if node.pull is moves.pull_written:
        old, new = node.parents
        where = node.data.positions().reshape(-1)
        from_old, from_new = np.arange(_size(node)), np.full(_size(node), -1)
        from_old[where] = -1
        from_new[where] = np.arange(where.size)
        return [i for p, i in ((old, from_old), (new, from_new)) if p is not None]
    (parent,) = node.parents
    positions = np.arange(_size(parent)).reshape(parent.shape)
    if node.pull is moves.pull_gather:
        return [node.data.reshape(-1)]
    if node.pull is moves.pull_reshaped:
        return [positions.reshape(-1)]
    if node.pull is moves.pull_slice:
        return [positions[node.data].reshape(-1)]
    if node.pull is moves.pull_broadcast:
        return [np.broadcast_to(positions, node.shape).reshape(-1)]
    return [node.data(positions[None])[0].reshape(-1)]


def _moved(node):
    return Work(), Work()


def _moved_structured(node, patterns):
    parents = [p for p in node.parents if p is not None]
    parts = []
    for parent, index in zip(parents, sources(node), strict=True):
        bits = patterns.flat(parent)
        part = (
            bits[np.maximum(index, 0)]
            if bits.size
            else np.zeros((index.size, bits.shape[1]), np.uint8)
        )
        part[index < 0] = 0
        parts.append(part)
    return _united(parts), Work()


# --- Sums and products ---------------------------------------------------------------------------


def _summed(node):
    (parent,) = node.parents
    return Work(0, _size(parent) - _size(node)), Work()


def _summed_structured(node, patterns):
    (parent,) = node.parents
    bits = patterns.of(parent)
    out = np.bitwise_or.reduce(bits, axis=tuple(a - 1 for a in node.data)) if node.data else bits
    return out, Work(0, nonzeros(bits) - nonzeros(out))


def _running(node):
    lanes = _size(node) // max(1, node.shape[node.data])
    return Work(0, _size(node) - lanes), Work(0, _size(node) - lanes)


def _running_structured(node, patterns):
    bits = patterns.of(node.parents[0])
    axis = node.data - 1
    out = np.bitwise_or.accumulate(bits, axis=axis)
    last = np.take(out, [-1], axis=axis) if out.size else out
    before = nonzeros(out) - nonzeros(last)
    return out, Work(0, before + nonzeros(bits) - nonzeros(out))


def _transformed(node):
    """A linear function of whole arrays, counted as the full matrix it stands for."""
    size, columns = _size(node), _size(node.parents[0])
    count = size * columns
    return Work(count, count - size), Work(count, count - columns)


def _transformed_structured(node, patterns):
    bits = patterns.flat(node.parents[0])
    out = np.broadcast_to(np.bitwise_or.reduce(bits, axis=0), (_size(node), bits.shape[1]))
    count = _size(node) * nonzeros(bits)
    return out, Work(count, count - nonzeros(out))


def _matmul_sizes(node):
    _, _, a, b, _ = node.data
    p = a[-1]
    m = 1 if len(a) == 1 else a[-2]
    n = 1 if len(b) == 1 else b[-1]
    batch = np.broadcast_shapes(a[:-2], b[:-2])
    return math.prod(batch), m, p, n


def _matmul(node):
    batch, m, p, n = _matmul_sizes(node)
    count = batch * m * p * n
    forward = reverse = Work()
    for parent in node.parents:
        if parent is not None:
            forward += Work(count, count - batch * m * n, count)
            # Each element of the operand is a sum over the other side, and over the batch.
            reverse += Work(count, count - _size(parent), count)
    both = all(p is not None for p in node.parents)
    return forward + Work(0, batch * m * n if both else 0), reverse


def _matmul_structured(node, patterns):
    _, _, a, b, _ = node.data
    batch, m, p, n = _matmul_sizes(node)
    lead = np.broadcast_shapes(a[:-2], b[:-2])
    t, u = node.parents
    full = (*lead, m, n)
    parts, work = [], Work()
    if t is not None:
        bits = patterns.of(t)
        bits = bits.reshape(*(a if len(a) > 1 else (1, *a)), bits.shape[-1])
        one = np.bitwise_or.reduce(bits, axis=-2)[..., :, None, :]
        parts.append(np.broadcast_to(one, (*full, bits.shape[-1])))
        copies = batch // max(1, math.prod(a[:-2]))
        count = nonzeros(bits) * copies * n
        work += Work(count, count - nonzeros(parts[-1]), count)
    if u is not None:
        bits = patterns.of(u)
        bits = bits.reshape(*(b if len(b) > 1 else (*b, 1)), bits.shape[-1])
        one = np.bitwise_or.reduce(bits, axis=-3)[..., None, :, :]
        parts.append(np.broadcast_to(one, (*full, bits.shape[-1])))
        copies = batch // max(1, math.prod(b[:-2]))
        count = nonzeros(bits) * copies * m
        work += Work(count, count - nonzeros(parts[-1]), count)
    out = _united(parts)
    return out, work + Work(0, sum(map(nonzeros, parts)) - nonzeros(out))


def _local(node):
    size = _size(node)
    sizes = [_size(p) for p in node.parents]
    count = size * sum(sizes)
    return Work(count, count - size), Work(count, count - sum(sizes))


def _local_structured(node, patterns):
    size = _size(node)
    rows = [np.bitwise_or.reduce(patterns.flat(p), axis=0) for p in node.parents]
    out = np.broadcast_to(_united(rows), (size, rows[0].size))
    count = size * sum(nonzeros(patterns.flat(p)) for p in node.parents)
    return out, Work(count, count - nonzeros(out))


def _solved(node):
    """``inv(A) (db - dA x)``, and the transposes: n products of n rows per column and operand."""
    n = node.shape[0]
    count = n * _size(node) * sum(parent is not None for parent in node.parents)
    return Work(count, count - _size(node), count), Work(count, count - _size(node), count)


def _factored(node):
    """``L phi(W dA W^T)``: three products of matrices."""
    count = 3 * node.shape[0] * _size(node)
    return Work(count, count - _size(node), count), Work(count, count - _size(node), count)


def _whole_structured(node, patterns):
    """Every element of the result depends on all that the operands do."""
    rows = [patterns.flat(p) for p in node.parents if p is not None]
    out = np.broadcast_to(
        _united([np.bitwise_or.reduce(r, axis=0) for r in rows]), (_size(node), rows[0].shape[1])
    )
    count = node.shape[0] * sum(map(nonzeros, rows))
    return out, Work(count, max(0, count - nonzeros(out)), count)


def _einsum(node):
    left, right, target, *_ = node.data
    size = dict(zip(target, node.shape, strict=True))
    forward = reverse = Work()
    for parent, term in zip(node.parents, (left, right), strict=True):
        if parent is not None:
            size.update(zip(term, parent.shape, strict=True))
    count = math.prod(size.values())
    for parent in node.parents:
        if parent is not None:
            forward += Work(count, count - _size(node), count)
            reverse += Work(count, count - _size(parent), count)
    both = all(p is not None for p in node.parents)
    return forward + Work(0, _size(node) if both else 0), reverse


def _einsum_structured(node, patterns):
    left, right, target, *_ = node.data
    parts, work = [], Work()
    for parent, term in zip(node.parents, (left, right), strict=True):
        if parent is None:
            continue
        bits = patterns.of(parent)
        summed = tuple(i for i, c in enumerate(term) if c not in target)
        one = np.bitwise_or.reduce(bits, axis=summed) if summed else bits
        kept = [c for c in term if c in target]
        one = np.transpose(one, [*(kept.index(c) for c in target if c in term), len(kept)])
        shape = [n if c in term else 1 for c, n in zip(target, node.shape, strict=True)]
        one = one.reshape(*shape, bits.shape[-1])
        parts.append(np.broadcast_to(one, (*node.shape, bits.shape[-1])))
        copies = math.prod(n for c, n in zip(target, node.shape, strict=True) if c not in term)
        count = nonzeros(bits) * copies
        work += Work(count, count - nonzeros(parts[-1]), count)
    out = _united(parts)
    return out, work + Work(0, sum(map(nonzeros, parts)) - nonzeros(out))


_ELEMENTWISE = (_elementwise, _elementwise_structured)
_MOVED = (_moved, _moved_structured)
KINDS = {
    elementwise.pull_scaled: _ELEMENTWISE,
    elementwise.pull_times: _ELEMENTWISE,
    elementwise.pull_unary: _ELEMENTWISE,
    elementwise.pull_multiplied: _ELEMENTWISE,
    elementwise.pull_elementwise: _ELEMENTWISE,
    elementwise.pull_part: _ELEMENTWISE,
    elementwise.pull_cast: _ELEMENTWISE,
    moves.pull_view: _MOVED,
    moves.pull_reshaped: _MOVED,
    moves.pull_slice: _MOVED,
    moves.pull_gather: _MOVED,
    moves.pull_joined: _MOVED,
    moves.pull_parts: _MOVED,
    moves.pull_written: _MOVED,
    moves.pull_broadcast: _MOVED,
    sums.pull_sum: (_summed, _summed_structured),
    sums.pull_running_sum: (_running, _running_structured),
    sums.pull_linear: (_transformed, _transformed_structured),
    sums.pull_matmul: (_matmul, _matmul_structured),
    sums.pull_local: (_local, _local_structured),
    pull_einsum: (_einsum, _einsum_structured),
    pull_solved: (_solved, _whole_structured),
    pull_cholesky: (_factored, _whole_structured),
}


_NAMES = {
    elementwise.pull_times: "multiply",
    elementwise.pull_multiplied: "multiply",
    elementwise.pull_cast: "astype",
    moves.pull_view: "view",
    moves.pull_reshaped: "view",
    moves.pull_slice: "index",
    moves.pull_gather: "take",
    moves.pull_joined: "join",
    moves.pull_parts: "join",
    moves.pull_written: "assign",
    moves.pull_broadcast: "broadcast",
    sums.pull_sum: "sum",
    sums.pull_running_sum: "cumsum",
    sums.pull_linear: "transform",
    sums.pull_matmul: "matmul",
    sums.pull_local: "custom",
    pull_einsum: "einsum",
    pull_solved: "solve",
    pull_cholesky: "cholesky",
}


def operation(node):
    """What a step does, in a word."""
    if node.pull is elementwise.pull_scaled:
        if len(node.data) == 2:
            return "add" if node.data[1] > 0 else "subtract"
        return {1: "add", -1: "negative"}.get(node.data[0], "multiply")
    if node.pull is elementwise.pull_unary:
        return node.data[0].function.__name__
    if node.pull is elementwise.pull_elementwise:
        return node.data[0].__name__
    if node.pull is elementwise.pull_part:
        return node.data.__name__
    return _NAMES[node.pull]


def is_elementwise(node):
    return KINDS[node.pull] is _ELEMENTWISE


# --- The whole graph -----------------------------------------------------------------------------


def forward_work(order):
    """The work of one tangent through all steps."""
    return sum((KINDS[node.pull][0](node)[0] for node in order if node.pull), Work())


def reverse_work(order):
    """The work of one cotangent through all steps, the additions where steps meet included."""
    total = Work()
    received = {order[0].serial: 1} if order else {}
    for node in order:
        received.pop(node.serial, None)
        if node.pull is None:
            continue
        total += KINDS[node.pull][0](node)[1]
        for parent, once in _contributions(node):
            before = received.get(parent.serial)
            # How often each element has received something: a number while it is the same for all.
            now = once if before is None else before + once
            received[parent.serial] = now
            had = 0 if before is None else before
            more = np.maximum(now - 1, 0) - np.maximum(np.asarray(had) - 1, 0)
            full = np.broadcast_to(more, (_size(parent),)) if np.ndim(more) == 0 else more
            total += Work(0, int(full.sum()))
    return total


def _contributions(node):
    """Per parent, how many terms its elements receive from this step: a number, or per element."""
    if KINDS[node.pull] is not _MOVED:
        return [(p, 1) for p in node.parents if p is not None]
    parents = [p for p in node.parents if p is not None]
    if node.pull is moves.pull_written:
        return [(p, 1) for p in parents]
    found = []
    for parent, index in zip(parents, sources(node), strict=True):
        counts = np.bincount(index[index >= 0], minlength=_size(parent))
        found.append((parent, 1 if counts.size and (counts == 1).all() else counts))
    return found


class Structured(NamedTuple):
    """The work on nonzeros, and what they were at the end and at their widest."""

    work: Work
    nonzeros: int
    widest: int


def structured_work(order, inputs, each=None):
    """The work of one pass over the nonzeros of the Jacobian; None if patterns are too large.

    `each(node, work, bits)` is called for every step.
    """
    n = sum(_size(var) for var in inputs)
    largest = max((_size(var) for var in (*order, *inputs)), default=0)
    if largest * -(-n // 8) > PATTERN_BUDGET:
        return None
    patterns = Patterns(inputs)
    uses = {}
    for node in order:
        for parent in node.parents:
            if parent is not None:
                uses[parent.serial] = uses.get(parent.serial, 0) + 1
    total, widest = Work(), 0
    for node in reversed(order):
        if node.pull is None:
            continue
        bits, work = KINDS[node.pull][1](node, patterns)
        patterns.keep(node, bits)
        total += work
        widest = max(widest, width(patterns.flat(node)))
        if each is not None:
            each(node, work, patterns.flat(node))
        for parent in node.parents:
            if parent is not None:
                uses[parent.serial] -= 1
                if not uses[parent.serial]:
                    del patterns.bits[parent.serial]
    last = patterns.bits.get(order[0].serial) if order else None
    return Structured(total, 0 if last is None else nonzeros(last), widest)


def tape_bytes(order):
    """Bytes of the arrays that the steps keep for the sweep, each counted once."""
    found = {}
    for node in order:
        for a in _arrays(node.data):
            owner = a
            while isinstance(owner.base, np.ndarray):
                owner = owner.base
            found[id(owner)] = owner.nbytes
    return sum(found.values())


def _arrays(data):
    if isinstance(data, np.ndarray):
        yield data
    elif isinstance(data, tuple):
        for item in data:
            yield from _arrays(item)


def cuts(order, inputs):
    """The arrays that every path from the inputs to the output passes, from x to y.

    Between two of them lies one factor of the chain rule ``dy/dx = dy/du du/dx``.
    """
    last_use = {}
    for node in order:
        for parent in node.parents:
            if parent is not None:
                last_use[parent.serial] = max(last_use.get(parent.serial, -1), node.serial)
    found = []
    reach = max((last_use.get(var.serial, -1) for var in inputs), default=-1)
    for node in reversed(order):
        if node.pull is None:
            continue
        if reach <= node.serial:
            found.append(node)
        reach = max(reach, last_use.get(node.serial, -1))
    return found


def between(node, source):
    """The steps from `source` (an earlier cut, or None for the inputs) to `node`, latest first."""
    seen = {node.serial: node}
    stack = [node]
    while stack:
        for parent in stack.pop().parents:
            if parent is not None and parent.serial not in seen:
                if source is None or parent.serial > source.serial:
                    seen[parent.serial] = parent
                    stack.append(parent)
    return [seen[serial] for serial in sorted(seen, reverse=True)]
