"""Pullbacks: each linear step of forward mode, transposed.

A pullback is called with a step of the tape, the step's cotangent, whether that may be overwritten,
and the `sweep.Sweep` to which it adds what the cotangent contributes to the step's parents.  The
element-wise one is the same for all functions: it multiplies by the partials of `table.py` with the
very kernels of forward mode.
"""

import math

import numpy as np

from dualmc.cotangents.quick import QUICK_ALONE, QUICK_PAIRS
from dualmc.cotangents.sweep import PLAIN, UNIFORM, is_finite, scattered, unbroadcast
from dualmc.kernels import buffers, stamped
from dualmc.kernels.payload import FLOATS, strided, times, values, vector
from dualmc.rules.table import chooses

# --- Element-wise functions ----------------------------------------------------------------------


def pull_unary(node, bar, owned, sweep):
    """A function of one float64 array, its kernel at hand."""
    (parent,) = node.parents
    rule, x, y = node.data
    if rule.quick is not None and not sweep.is_careful:
        quick = rule.quick
        if bar.nbytes < buffers.LARGE and x.nbytes < buffers.LARGE:
            part = quick.small(bar, x, y)
        else:
            factor = quick.factor(x, y, buffers.empty_like(x))
            part = _met(quick.meet, bar, factor, owned, sweep)
        sweep.add(parent, part, True)
        return
    if not isinstance(bar, PLAIN) or bar.dtype != y.dtype:
        sweep.add(parent, scaled(bar, rule.partial(x, y), False, False, sweep), True)
        return
    rows = sweep.rows(sweep.full(bar, node))
    part = np.empty_like(rows) if rows.nbytes < buffers.LARGE else buffers.empty_like(rows)
    _scaled_by(lambda r, out: rule.kernel(_vector(x), _vector(y), r, out), rows, part)
    sweep.add(parent, part.reshape(sweep.lead + node.shape), True)


def _met(meet, bar, factor, owned, sweep):
    """``meet(bar, factor)`` for a multiplication or division, written over `bar` if it is owned."""
    if type(bar) is np.ndarray and bar.dtype == factor.dtype:
        if owned and bar.ndim == factor.ndim + len(sweep.lead):
            return meet(bar, factor, bar)
        if bar.nbytes >= buffers.LARGE and bar.ndim == factor.ndim + len(sweep.lead):
            return meet(bar, factor, buffers.empty_like(bar))
    return meet(bar, factor)


def _scaled_by(push, rows, out, chosen=False):
    """`push(rows, out)`, a kernel that multiplies rows by a partial; of many rows, one by one.

    The kernels go through the elements in order and through the rows at each, which suits the few
    rows of a tangent; here the partial is evaluated once and the rows are scaled along the memory.
    """
    if rows.shape[0] < 8:
        push(rows, out)
        return
    ones = np.ones((1, rows.shape[1]), rows.dtype)
    push(ones, ones)
    (stamped.multiply_constant if chosen else stamped.multiply)(rows, ones[0], out)


def _vector(a):
    return a.reshape(-1) if a.ndim != 1 or not a.flags.c_contiguous else a


def pull_multiplied(node, bar, owned, sweep):
    """A product of two float64 arrays of one shape, both active."""
    t, u = node.parents
    b, a = node.data
    sweep.add(t, scaled(bar, b, False, False, sweep), True)
    sweep.add(u, scaled(bar, a, False, owned, sweep), True)


def scaled(bar, factor, is_constant, owned, sweep):
    """The cotangent `bar` times a factor, over `bar` itself if it is `owned` and used here last."""
    if sweep.is_careful:
        return _product(bar, factor, is_constant, sweep)
    if type(bar) is np.ndarray and bar.nbytes >= buffers.LARGE and type(factor) is np.ndarray:
        return _met(np.multiply, bar, factor, owned, sweep)
    return bar * factor


def pull_scaled(node, bar, owned, sweep):
    """A sum of arguments with constant coefficients: add, subtract, negative, ..."""
    parents = node.parents
    for parent, c in zip(parents, node.data, strict=True):
        part, is_new = bar, owned and len(parents) == 1
        if sweep.is_careful and not (math.isfinite(c) and c != 0):
            part, is_new, c = times(bar, c, True), True, 1.0
        if parent.shape != node.shape:  # first, so that the smaller array is scaled
            part, is_new = unbroadcast(sweep.full(part, node), parent.shape, sweep.lead), True
        if c != 1.0:
            part, is_new = _times_number(part, c, is_new), True
        sweep.add(parent, part, is_new)


def _times_number(bar, c, owned):
    """``c * bar``, over `bar` itself where that is `owned` and large."""
    if type(bar) is np.ndarray and bar.nbytes >= buffers.LARGE and bar.dtype in FLOATS:
        out = bar if owned else buffers.empty(bar.shape, bar.dtype)
        return np.negative(bar, out) if c == -1.0 else np.multiply(bar, c, out)
    return -bar if c == -1.0 else bar * c


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


def pull_times(node, bar, owned, sweep):
    """Products: each parent with its factor; a constant factor that is exactly 0 gives 0."""
    factors, is_constant = node.data
    last = len(factors) - 1
    for i, (parent, factor) in enumerate(zip(node.parents, factors, strict=True)):
        if parent.shape == () and _is_dot(bar, factor, node, sweep):
            sweep.add(parent, bar.reshape(-1).dot(factor.reshape(-1)), True)
            continue
        part = scaled(bar, factor, is_constant, owned and i == last, sweep)
        if parent.shape != node.shape:
            part = unbroadcast(part, parent.shape, sweep.lead)
        sweep.add(parent, part, True)


def _is_dot(bar, factor, node, sweep):
    """Whether the sum of ``bar * factor`` is a dot product of arrays of the shape of `node`."""
    return (
        not sweep.is_careful
        and type(bar) is np.ndarray
        and type(factor) is np.ndarray
        and bar.shape == factor.shape == node.shape
    )


def _product(bar, factor, is_constant, sweep):
    if (
        type(factor) is np.ndarray
        and type(bar) is np.ndarray
        and bar.dtype in FLOATS
        and factor.dtype == bar.dtype
        and (factor.size == 1 or factor.shape == bar.shape[len(sweep.lead) :])
    ):
        rows = sweep.rows(bar)
        out = buffers.empty_like(rows)
        kernel = stamped.multiply_constant if is_constant else stamped.multiply
        kernel(rows, vector(factor, factor.dtype), out)
        return out.reshape(bar.shape)
    return times(bar, factor, is_constant)


def pull_elementwise(node, bar, owned, sweep):
    """Any other function of one or more arguments: ``x_bar = p y_bar`` with its partials p."""
    function, partials, variant, primals, y, argnums = node.data
    quick = (QUICK_ALONE if len(argnums) == 1 else QUICK_PAIRS).get(function)
    if quick is not None and not sweep.is_careful and is_finite(y):
        for parent, i in zip(node.parents, argnums, strict=True):
            if parent.shape == node.shape:
                part = quick[i](bar, *primals, y)
            elif function is np.divide and i == 1:  # one divisor for all terms of the sum
                part = unbroadcast(bar * y, parent.shape, sweep.lead) / -primals[1]
            else:
                part = unbroadcast(quick[i](bar, *primals, y), parent.shape, sweep.lead)
            sweep.add(parent, part, True)
        return
    fits = (
        variant is not None
        and type(bar) is np.ndarray
        and type(y) is np.ndarray
        and y.dtype in FLOATS
        and bar.dtype == y.dtype
    )
    rows = sweep.rows(bar) if fits else None
    chosen = chooses(function)
    for parent, i in zip(node.parents, argnums, strict=True):
        partial = partials[i]
        if not callable(partial):
            part = bar if partial == 1 else scaled(bar, partial, False, False, sweep)
        elif fits:
            part = buffers.empty_like(rows)
            if len(primals) == 1:
                kernel = stamped.push_one(function, partial)
                operands = (vector(primals[0], y.dtype), vector(y, y.dtype))
            else:
                a, step_a = strided(primals[0], y)
                b, step_b = strided(primals[1], y)
                kernel = stamped.push_two(function, i, partial, variant)
                operands = (a, step_a, b, step_b, vector(y, y.dtype))
            _scaled_by(_bound(kernel, operands), rows, part, chosen)
            part = part.reshape(bar.shape)
        else:
            part = scaled(bar, partial(*primals, y), chosen, False, sweep)
        shared = part is bar
        sweep.add(parent, unbroadcast(part, parent.shape, sweep.lead), not shared)


def _bound(kernel, operands):
    return lambda rows, out: kernel(*operands, rows, out)


def pull_part(node, bar, owned, sweep):
    """The real or imaginary part of a complex array, or its conjugate."""
    sweep.judge(bar)
    function = node.data
    if function is np.imag:
        bar = bar * -1j
    elif function is np.conj:
        bar = np.conj(bar)
    sweep.add(node.parents[0], bar, function is not np.real)


def pull_cast(node, bar, owned, sweep):
    sweep.add(node.parents[0], bar, owned)


# --- Moved elements ------------------------------------------------------------------------------


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


def pull_reshaped(node, bar, owned, sweep):
    """The same elements in another shape."""
    (parent,) = node.parents
    stands_for_many = not bar.ndim and node.shape
    sweep.add(parent, bar if stands_for_many else sweep.shaped(bar, parent.shape), owned)


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


def pull_written(node, bar, owned, sweep):
    """An array after a write: the new elements' cotangent is read out, and erased for the old."""
    old, new = node.parents
    place = node.data
    if not isinstance(bar, PLAIN):
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


# --- Sums and products ---------------------------------------------------------------------------


def pull_sum(node, bar, owned, sweep):
    (parent,) = node.parents
    shape = parent.shape
    if not bar.ndim and isinstance(bar, PLAIN):
        sweep.add(parent, bar, False)  # a number for an array of equal ones
        return
    kept = tuple(1 if i - len(shape) in node.data else n for i, n in enumerate(shape))
    bar = sweep.shaped(bar, kept)
    shape = sweep.lead + shape
    if isinstance(bar, PLAIN) and math.prod(shape) * bar.itemsize < buffers.LARGE:
        part = np.empty(shape, bar.dtype)
        part[...] = bar
        sweep.add(parent, part, True)
    else:
        sweep.add(parent, np.broadcast_to(bar, shape), False)


def pull_running_sum(node, bar, owned, sweep):
    axis = node.data
    back = (Ellipsis, slice(None, None, -1), *(slice(None),) * (-1 - axis))
    running = np.add.accumulate if isinstance(bar, PLAIN) else np.cumsum
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
        sweep.add(u, np.reshape(rows, sweep.lead + shape_b), False)
        return
    if len(shape_b) == 1 and len(shape_a) <= 2 and not sweep.lead and not sweep.is_careful:
        is_row = len(shape_a) == 1
        if t is not None:
            sweep.add(t, bar * b if is_row else np.multiply(np.reshape(bar, (-1, 1)), b), True)
        if u is not None:
            sweep.add(u, bar * a if is_row else np.matmul(bar, a), True)
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
        q = np.swapaxes(np.reshape(b, columns), -1, -2)
        part = product(bar, q, is_constant, sweep)
        sweep.add(t, sweep.shaped(unbroadcast(part, rows, sweep.lead), shape_a), True)
    if u is not None:
        p = np.reshape(a, rows)
        part = np.swapaxes(product(np.swapaxes(bar, -1, -2), p, is_constant, sweep), -1, -2)
        sweep.add(u, sweep.shaped(unbroadcast(part, columns, sweep.lead), shape_b), True)


def pull_local(node, bar, owned, sweep):
    """A function given by its Jacobian: ``x_bar = y_bar J^T``, J of shape (x.size, y.size)."""
    sweep.judge(bar)
    flat = sweep.shaped(bar, (1, math.prod(node.shape)))
    for parent, block in zip(node.parents, node.data, strict=True):
        part = product(flat, np.swapaxes(block, 0, 1), False, sweep)
        sweep.add(parent, sweep.shaped(part, parent.shape), True)


def product(x, other, is_constant, sweep):
    """``x @ other`` where an exact zero of x stays zero beside an infinity."""
    if x.ndim > 2 and other.ndim == 2:  # one product for all rows
        rows = np.reshape(x, (math.prod(x.shape[:-1]), x.shape[-1]))
        y = np.reshape(np.matmul(rows, other), (*x.shape[:-1], other.shape[-1]))
    else:
        y = np.matmul(x, other)
    if not sweep.is_careful or np.isfinite(values(y)).all():
        return y
    total = 0.0
    for j in range(x.shape[-1]):
        total = total + times(x[..., :, j, None], other[..., j, None, :], is_constant)
    return total


UNIFORM.update(
    {pull_unary, pull_multiplied, pull_scaled, pull_cast, pull_slice, pull_reshaped, pull_sum}
)
