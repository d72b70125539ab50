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

from typing import NamedTuple

import numpy as np

from dualmc.cotangents.moves import pull_written
from dualmc.counting.elements import sources
from dualmc.counting.kinds import KINDS, is_moved
from dualmc.counting.work import Patterns, Work, nonzeros, size_of, width

# Bytes that the pattern of one array may take before the structured count is given up.
PATTERN_BUDGET = 2**28


def forward_work(order):
    """The work of one tangent through all steps."""
    return sum((KINDS[node.pull].work(node)[0] for node in order if node.pull), Work())


def reverse_work(order):
    """The work of one cotangent through all steps, the additions where steps meet included."""
    total = Work()
    received = {order[0].serial: 1} if order else {}
    for node in order:
        received.pop(node.serial, None)
        if node.pull is None:
            continue
        total += KINDS[node.pull].work(node)[1]
        for parent, once in _contributions(node):
            before = received.get(parent.serial)
            # How often each element has received something: a number while it is the same for all.
            now = once if before is None else before + once
            received[parent.serial] = now
            had = 0 if before is None else before
            more = np.maximum(now - 1, 0) - np.maximum(np.asarray(had) - 1, 0)
            full = np.broadcast_to(more, (size_of(parent),)) if np.ndim(more) == 0 else more
            total += Work(0, int(full.sum()))
    return total


def _contributions(node):
    """Per parent, how many terms its elements receive from this step: a number, or per element."""
    if not is_moved(node):
        return [(p, 1) for p in node.parents if p is not None]
    parents = [p for p in node.parents if p is not None]
    if node.pull is pull_written:
        return [(p, 1) for p in parents]
    found = []
    for parent, index in zip(parents, sources(node), strict=True):
        counts = np.bincount(index[index >= 0], minlength=size_of(parent))
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
    n = sum(size_of(var) for var in inputs)
    largest = max((size_of(var) for var in (*order, *inputs)), default=0)
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
        bits, work = KINDS[node.pull].structured(node, patterns)
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
            while issubclass(type(owner.base), np.ndarray):
                owner = owner.base
            found[id(owner)] = owner.nbytes
    return sum(found.values())


def _arrays(data):
    if issubclass(type(data), np.ndarray):
        yield data
    elif issubclass(type(data), tuple):
        for item in data:
            yield from _arrays(item)
