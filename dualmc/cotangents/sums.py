"""Pullbacks of sums, products of matrices, and linear functions given by transpose or Jacobian."""

import math

import numpy as np

from dualmc.cotangents.sweep import PLAIN, UNIFORM, unbroadcast
from dualmc.kernels import buffers
from dualmc.kernels.payload import times, values


def pull_sum(node, bar, owned, sweep):
    (parent,) = node.parents
    shape = parent.shape
    if not bar.ndim and issubclass(type(bar), PLAIN):
        sweep.add(parent, bar, False)  # a number for an array of equal ones
        return
    kept = tuple(1 if i - len(shape) in node.data else n for i, n in enumerate(shape))
    bar = sweep.shaped(bar, kept)
    shape = sweep.lead + shape
    if issubclass(type(bar), PLAIN) and math.prod(shape) * bar.itemsize < buffers.LARGE:
        part = np.empty(shape, bar.dtype)
        part[...] = bar
        sweep.add(parent, part, True)
    else:
        sweep.add(parent, np.broadcast_to(bar, shape), False)


def pull_running_sum(node, bar, owned, sweep):
    axis = node.data
    back = (Ellipsis, slice(None, None, -1), *(slice(None),) * (-1 - axis))
    running = np.add.accumulate if issubclass(type(bar), PLAIN) else np.cumsum
    sweep.add(node.parents[0], running(bar[back], axis)[back], True)


def pull_linear(node, bar, owned, sweep):
    """A linear function given by its transpose."""
    sweep.judge(bar)
    sweep.add(node.parents[0], node.data(bar), True)


def pull_matmul(node, bar, owned, sweep):
    """``a @ b``, stacks too: ``a_bar = y_bar b^T`` and ``b_bar = a^T y_bar``."""
    a, b, shape_a, shape_b, is_constant = node.data
    t, u = node.parents
    if bar is sweep.identity and t is None and len(shape_a) == 2 and len(shape_b) == 1:
        k = sweep.lead[0] if sweep.lead else 1
        rows = a[sweep.first : sweep.first + k]
        sweep.add(u, rows.reshape(sweep.lead + shape_b), False)
        return
    if len(shape_b) == 1 and len(shape_a) <= 2 and not sweep.lead and not sweep.is_careful:
        is_row = len(shape_a) == 1
        if t is not None:
            sweep.add(t, bar * b if is_row else bar.reshape((-1, 1)) * b, True)
        if u is not None:
            sweep.add(u, bar * a if is_row else np.matmul(bar, a), True)
        return
    if len(shape_a) == 1 and len(shape_b) == 2 and not sweep.lead and not sweep.is_careful:
        if t is not None:
            sweep.add(t, np.matmul(b, bar), True)
        if u is not None:
            sweep.add(u, a.reshape((-1, 1)) * bar, True)
        return
    if len(shape_a) == len(shape_b) == 2 and not sweep.lead and not sweep.is_careful:
        if t is not None:
            sweep.add(t, np.matmul(bar, b.T), True)
        if u is not None:
            sweep.add(u, np.matmul(a.T, bar), True)
        return
    rows = (1, *shape_a) if len(shape_a) == 1 else shape_a
    columns = (*shape_b, 1) if len(shape_b) == 1 else shape_b
    if len(columns) == 2:  # all rows of a stack at once
        rows = (math.prod(rows[:-1]), rows[-1])
    batch = np.broadcast_shapes(rows[:-2], columns[:-2])
    bar = sweep.shaped(bar, (*batch, rows[-2], columns[-1]))
    if t is not None:
        q = b.reshape(columns).swapaxes(-1, -2)
        part = product(bar, q, is_constant, sweep)
        sweep.add(t, sweep.shaped(unbroadcast(part, rows, sweep.lead), shape_a), True)
    if u is not None:
        p = a.reshape(rows)
        part = product(bar.swapaxes(-1, -2), p, is_constant, sweep).swapaxes(-1, -2)
        sweep.add(u, sweep.shaped(unbroadcast(part, columns, sweep.lead), shape_b), True)


def pull_local(node, bar, owned, sweep):
    """A function given by its Jacobian: ``x_bar = y_bar J^T``, J of shape (x.size, y.size)."""
    sweep.judge(bar)
    flat = sweep.shaped(bar, (1, math.prod(node.shape)))
    for parent, block in zip(node.parents, node.data, strict=True):
        part = product(flat, block.swapaxes(0, 1), False, sweep)
        sweep.add(parent, sweep.shaped(part, parent.shape), True)


def product(x, other, is_constant, sweep):
    """``x @ other`` where an exact zero of x stays zero beside an infinity."""
    if x.ndim > 2 and other.ndim == 2:  # one product for all rows
        rows = x.reshape((math.prod(x.shape[:-1]), x.shape[-1]))
        y = np.matmul(rows, other).reshape((*x.shape[:-1], other.shape[-1]))
    else:
        y = np.matmul(x, other)
    if not sweep.is_careful or np.isfinite(values(y)).all():
        return y
    total = 0.0
    for j in range(x.shape[-1]):
        total = total + times(x[..., :, j, None], other[..., j, None, :], is_constant)
    return total


UNIFORM.add(pull_sum)
