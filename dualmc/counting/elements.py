"""What the steps cost that treat elements one by one, or show them elsewhere."""

import numpy as np

from dualmc.cotangents.elementwise import pull_cast, pull_elementwise, pull_part, pull_scaled
from dualmc.cotangents.moves import (
    pull_broadcast,
    pull_chosen,
    pull_gather,
    pull_joined,
    pull_parts,
    pull_reshaped,
    pull_slice,
    pull_transposed,
    pull_written,
)
from dualmc.counting.work import Work, nonzeros, size_of, united

# --- Element-wise functions ----------------------------------------------------------------------


def _multiplied(node):
    """Per parent, whether its partial is something other than 1 or -1."""
    if node.pull is pull_scaled:
        return [abs(c) != 1 for c in node.data]
    if node.pull is pull_elementwise:
        _, partials, _, _, _, argnums = node.data
        return [callable(partials[i]) or abs(partials[i]) != 1 for i in argnums]
    if node.pull in (pull_cast, pull_part):
        return [False]
    return [True for _ in node.parents]


def elementwise(node):
    size = size_of(node)
    count = sum(_multiplied(node)) * size
    repeated = sum(size - size_of(p) for p in node.parents)
    forward = Work(count, (len(node.parents) - 1) * size)
    return forward, Work(count, repeated)


def elementwise_structured(node, patterns):
    parts = []
    for parent in node.parents:
        bits = patterns.of(parent)
        bits = bits.reshape((1,) * (len(node.shape) + 1 - bits.ndim) + bits.shape)
        parts.append(np.broadcast_to(bits, (*node.shape, bits.shape[-1])))
    out = united(parts)
    counts = [nonzeros(part) for part in parts]
    multiplied = sum(
        c for c, is_counted in zip(counts, _multiplied(node), strict=True) if is_counted
    )
    return out, Work(multiplied, sum(counts) - nonzeros(out))


# --- Moved elements ------------------------------------------------------------------------------


def sources(node):
    """For a step that moves elements: per parent, where its elements went (-1: not from there)."""
    if node.pull is pull_joined:
        index, _ = node.data
        index = index.reshape(-1)
        found, start = [], 0
        for parent in node.parents:
            here = (index >= start) & (index < start + size_of(parent))
            found.append(np.where(here, index - start, -1))
            start += size_of(parent)
        return found
    if node.pull is pull_parts:
        found = []
        for parent, key in zip(node.parents, node.data, strict=True):
            index = np.full(node.shape, -1)
            index[key] = np.arange(size_of(parent)).reshape(parent.shape)
            found.append(index.reshape(-1))
        return found
    if node.pull is pull_written:
        old, new = node.parents
        where = node.data.positions().reshape(-1)
        from_old, from_new = np.arange(size_of(node)), np.full(size_of(node), -1)
        from_old[where] = -1
        from_new[where] = np.arange(where.size)
        return [i for p, i in ((old, from_old), (new, from_new)) if p is not None]
    if node.pull is pull_chosen:
        condition, found = np.broadcast_to(node.data, node.shape), []
        for parent, is_first in zip(node.parents, (True, False), strict=True):
            if parent is not None:
                index = np.broadcast_to(_positions(parent), node.shape)
                found.append(np.where(condition == is_first, index, -1).reshape(-1))
        return found
    (parent,) = node.parents
    positions = _positions(parent)
    if node.pull is pull_gather:
        return [node.data.reshape(-1)]
    if node.pull is pull_reshaped:
        return [positions.reshape(-1)]
    if node.pull is pull_transposed:
        return [positions.transpose(np.argsort(node.data)).reshape(-1)]
    if node.pull is pull_slice:
        return [positions[node.data].reshape(-1)]
    if node.pull is pull_broadcast:
        return [np.broadcast_to(positions, node.shape).reshape(-1)]
    return [node.data(positions[None])[0].reshape(-1)]


def _positions(parent):
    return np.arange(size_of(parent)).reshape(parent.shape)


def moved(node):
    return Work(), Work()


def moved_structured(node, patterns):
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
    return united(parts), Work()
