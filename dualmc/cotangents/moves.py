"""Pullbacks of moved elements: views, selections, joins and writes.

A cotangent goes back to where the elements came from, and is added up where one was taken twice.
"""

import math

import numpy as np

from dualmc.cotangents.sweep import PLAIN, UNIFORM, scattered, unbroadcast
from dualmc.kernels import buffers


def pull_view(node, bar, owned, sweep):
    """A view (reshape, transpose, slice, ...): add to the same view of the parent's cotangent."""
    (parent,) = node.parents
    if sweep.in_place(parent, bar):
        bar = sweep.fit(bar, parent.dtype)
        fresh = math.prod(parent.shape) == math.prod(node.shape)
        fresh = fresh and not sweep.has(parent)
        if fresh:  # every element is written
            buffer = buffers.empty(sweep.lead + parent.shape, bar.dtype)
        else:
            buffer = sweep.buffer(parent, bar.dtype)
        view = node.data(sweep.batched(buffer))
        if is_same_memory(view, buffer):
            if fresh:
                view[...] = sweep.batched(bar)
                sweep.add(parent, buffer, True)
            else:
                view += sweep.batched(bar)
            return
    index = node.data(np.arange(math.prod(parent.shape)).reshape(1, *parent.shape))[0]
    sweep.add_at(parent, index, bar)


def pull_slice(node, bar, owned, sweep):
    """A part of an array by basic indices."""
    (parent,) = node.parents
    key = node.data
    if sweep.in_place(parent, bar):
        bar = sweep.fit(bar, parent.dtype)
        buffer = sweep.buffer(parent, bar.dtype)
        part = buffer[(slice(None), *key) if sweep.lead else key]
        part += bar
        return
    bar = sweep.full(bar, node)
    index = np.arange(math.prod(parent.shape)).reshape(parent.shape)[key]
    sweep.add_at(parent, index, bar)


def pull_reshaped(node, bar, owned, sweep):
    """The same elements in another shape."""
    (parent,) = node.parents
    stands_for_many = not bar.ndim and node.shape
    sweep.add(parent, bar if stands_for_many else sweep.shaped(bar, parent.shape), owned)


def pull_transposed(node, bar, owned, sweep):
    """The same elements, their axes in another order."""
    if bar.ndim:
        n = len(sweep.lead)
        back = bar.transpose((*range(n), *(i + n for i in node.data)))
        bar = buffers.contiguous(back) if type(back) is np.ndarray else back
        owned = owned or bar is not back
    sweep.add(node.parents[0], bar, owned)


def is_same_memory(view, buffer):
    """Whether `view` shows elements of `buffer`, none of them twice."""
    return (
        np.may_share_memory(view, buffer)
        and view.flags.writeable
        and not any(s == 0 and n > 1 for s, n in zip(view.strides, view.shape, strict=True))
    )


def pull_broadcast(node, bar, owned, sweep):
    (parent,) = node.parents
    part = unbroadcast(bar, parent.shape, sweep.lead)
    sweep.add(parent, part, owned or part is not bar)


def pull_gather(node, bar, owned, sweep):
    """Elements taken from flat positions: every selection that is not a view."""
    sweep.add_at(node.parents[0], node.data, bar)


def pull_joined(node, bar, owned, sweep):
    """Elements taken from several arrays, numbered one after the other."""
    index, total = node.data
    index = index.reshape(-1)
    flat = sweep.shaped(bar, (index.size,))
    if index.size != total or not np.array_equal(index, np.arange(total)):
        flat, owned = scattered(flat, index, total), True
    start = 0
    for parent in node.parents:
        size = math.prod(parent.shape)
        part = flat[..., start : start + size]
        sweep.add(parent, sweep.shaped(part, parent.shape), owned)
        start += size


def pull_parts(node, bar, owned, sweep):
    """Arrays joined or stacked: each has a part of the cotangent to itself."""
    lead = (slice(None),) * len(sweep.lead)
    for parent, key in zip(node.parents, node.data, strict=True):
        sweep.add(parent, bar[(*lead, *key)], owned)


def pull_chosen(node, bar, owned, sweep):
    """`np.where`: what was chosen has the cotangent, the other is exactly 0 there."""
    t, u = node.parents
    condition, zero = node.data, np.zeros((), bar.dtype)
    if t is not None:
        part = np.where(condition, bar, zero)
        sweep.add(t, unbroadcast(part, t.shape, sweep.lead), True)
    if u is not None:
        part = np.where(condition, zero, bar)
        sweep.add(u, unbroadcast(part, u.shape, sweep.lead), True)


def pull_written(node, bar, owned, sweep):
    """An array after a write: the new elements' cotangent is read out, and erased for the old."""
    old, new = node.parents
    place = node.data
    if not issubclass(type(bar), PLAIN):
        _pull_written_duals(node, bar, sweep)
        return
    if old is not None and not (owned and type(bar) is np.ndarray and bar.flags.c_contiguous):
        bar = np.array(bar, order="C")
    rows = sweep.batched(bar)
    if new is not None:
        part = place.read(rows)
        overwritten = place.overwritten()
        if overwritten is not None:
            part = np.ascontiguousarray(part)
            part.reshape(part.shape[0], overwritten.size)[:, overwritten] = 0
        sweep.add(new, sweep.shaped(part, new.shape), True)
    if old is not None:
        place.write(rows, 0)
        sweep.add(old, bar, True)


def _pull_written_duals(node, bar, sweep):
    old, new = node.parents
    place = node.data
    where = place.positions().reshape(-1)
    size = math.prod(node.shape)
    flat = sweep.shaped(bar, (size,))
    zero = np.zeros((), bar.dtype)
    if new is not None:
        part = flat[..., where]
        overwritten = place.overwritten()
        if overwritten is not None:
            part = np.where(overwritten, zero, part)
        sweep.add(new, sweep.shaped(part, new.shape), True)
    if old is not None:
        kept = np.ones(size, bool)
        kept[where] = False
        sweep.add(old, sweep.shaped(np.where(kept, flat, zero), old.shape), True)


UNIFORM.update({pull_slice, pull_reshaped, pull_transposed})
