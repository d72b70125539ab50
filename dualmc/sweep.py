"""The reverse sweep: cotangents carried from an output back along the tape.

A step of the tape is a `tape.Var`: its parents, what was kept of it, and one of the pullbacks
below, which adds to the parents' cotangents what the step's own cotangent contributes.  A pullback
is the transpose of one linear step of forward mode; the element-wise one is the same for all
functions and multiplies by the partials of `rules.py` with the very kernels of forward mode.

A cotangent has the shape of its array, after a leading axis of k where k rows are swept at once.
For complex arrays the pairing is Re(sum(y_bar * y_dot)), without conjugate.  A cotangent that is
exactly 0 stays 0 whatever it is multiplied by.

Cotangents are ndarrays, or Duals of an outer level (a Hessian is the tangent of a sweep): the first
are added up in place, the second by the same formulas in `np.*`.
"""

import math

import numpy as np

from dualmc import buffers, kernels
from dualmc.payload import FLOATS, strided, times, values, vector


class Sweep:
    """The cotangents on the way back."""

    __slots__ = ("lead", "bars", "owned", "pieces")

    def __init__(self, lead):
        self.lead = lead  # () for one cotangent, (k,) for k rows at once
        self.bars = {}  # by serial: the cotangent of that Var as far as it is known
        self.owned = set()  # serials whose cotangent may be written in place
        self.pieces = {}  # by serial: parts (index, cotangent) to be added, of Duals

    def add(self, var, bar, owned):
        """Add `bar` to the cotangent of `var`; `owned` if nothing else looks into it."""
        if bar.dtype is not var.dtype and bar.dtype != var.dtype:
            bar, owned = fit(bar, var.dtype), True
        serial = var.serial
        have = self.bars.get(serial)
        if have is None:
            self.bars[serial] = bar
            if owned:
                self.owned.add(serial)
        elif type(have) is np.ndarray and type(bar) is np.ndarray:
            if serial in self.owned:
                np.add(have, bar, out=have)
            else:
                self.bars[serial] = np.add(have, bar, out=bar) if owned else have + bar
                self.owned.add(serial)
        else:
            self.bars[serial] = have + bar
            self.owned.add(serial)

    def buffer(self, var):
        """The cotangent of `var` so far, as an array to be written to."""
        serial = var.serial
        have = self.bars.get(serial)
        if have is None:
            have = np.zeros(self.lead + var.shape, var.dtype)
        elif serial not in self.owned or not have.flags.c_contiguous:
            have = np.array(have, order="C")
        else:
            return have
        self.bars[serial] = have
        self.owned.add(serial)
        return have

    def in_place(self, var, bar):
        """Whether `bar` can be added to parts of var's cotangent in place."""
        return type(bar) is np.ndarray and type(self.bars.get(var.serial, bar)) is np.ndarray

    def add_at(self, var, index, bar):
        """Add `bar` to the elements at flat positions `index` (-1: nowhere), which may repeat."""
        if bar.dtype != var.dtype:
            bar = fit(bar, var.dtype)
        if self.in_place(var, bar):
            rows = self.rows(self.buffer(var))
            scatter(rows, index, self.rows(bar))
        else:
            flat = np.reshape(bar, (*self.lead, index.size))
            self.pieces.setdefault(var.serial, []).append((index.reshape(-1), flat))

    def take(self, var):
        """The whole cotangent of `var` (None: zero), and whether it may be written in place."""
        serial = var.serial
        bar = self.bars.pop(serial, None)
        pieces = self.pieces.pop(serial, None)
        if pieces is None:
            return bar, serial in self.owned
        index = np.concatenate([i for i, _ in pieces])
        parts = [piece for _, piece in pieces]
        part = np.concatenate(parts, axis=-1) if len(parts) > 1 else parts[0]
        part = np.reshape(scattered(part, index, math.prod(var.shape)), self.lead + var.shape)
        return part if bar is None else bar + part, True

    def rows(self, bar):
        """A plain cotangent as (k, size), contiguous."""
        k = self.lead[0] if self.lead else 1
        return buffers.contiguous(bar).reshape(k, math.prod(bar.shape[len(self.lead) :]))

    def batched(self, bar):
        """`bar` with its leading axis, of length 1 for a single cotangent."""
        return bar if self.lead else np.reshape(bar, (1, *bar.shape))

    def shaped(self, bar, shape):
        return np.reshape(bar, self.lead + shape)


def run(order, bar, lead):
    """Sweep from ``order[0]``, whose cotangent is `bar`, down the tape; the `Sweep` at the leaves.

    `order` holds the Vars that reach the output, latest first.
    """
    sweep = Sweep(lead)
    sweep.bars[order[0].serial] = bar
    with np.errstate(all="ignore"):
        for node in order:
            if node.pull is not None:
                bar, owned = sweep.take(node)
                if bar is not None:
                    node.pull(node, bar, owned, sweep)
    return sweep


def reachable(output):
    """The Vars that `output` was made of, latest first: the part of the tape that is swept."""
    seen = {output.serial: output}
    stack = [output]
    while stack:
        for parent in stack.pop().parents:
            if parent is not None and parent.serial not in seen:
                seen[parent.serial] = parent
                stack.append(parent)
    return [seen[serial] for serial in sorted(seen, reverse=True)]


# --- Tools ---------------------------------------------------------------------------------------


def fit(bar, dtype):
    """`bar` in the dtype of the array it belongs to; of a real array only the real part counts."""
    if bar.dtype.kind == "c" and dtype.kind != "c":
        bar = np.real(bar)
    return bar.astype(dtype)


def unbroadcast(bar, shape, lead):
    """`bar` summed over the axes along which an array of `shape` was repeated."""
    have = bar.shape[len(lead) :]
    if have == shape:
        return bar
    extra = len(have) - len(shape)
    axes = [i - len(have) for i in range(extra)]
    axes += [i - len(shape) for i, n in enumerate(shape) if n == 1 and have[i + extra] != 1]
    return np.reshape(np.sum(bar, axis=tuple(axes)), lead + shape)


def scatter(rows, index, bar):
    """``rows[:, index[i]] += bar[:, i]`` wherever index is not -1, in place."""
    kernels.scatter_add(bar, np.ascontiguousarray(index, np.int64).reshape(-1), rows)


def scattered(bar, index, size):
    """The last axis of `bar` added up at the positions `index` of `size`, in `np.*`."""
    if type(bar) is np.ndarray:
        rows = np.zeros((math.prod(bar.shape[:-1]), size), bar.dtype)
        scatter(rows, index, np.ascontiguousarray(bar.reshape(rows.shape[0], index.size)))
        return rows.reshape(*bar.shape[:-1], size)
    used = np.flatnonzero(index >= 0)
    order = used[np.argsort(index[used], kind="stable")]
    where = index[order]
    if order.size and (np.any(order[1:] != order[:-1] + 1) or order.size != index.size):
        bar = bar[..., order]
    # Neighbours with one target are added in pairs until every target is there once.
    while True:
        first = np.concatenate([[True], where[1:] != where[:-1]])[: where.size]
        if first.all():
            break
        start = np.maximum.accumulate(np.where(first, np.arange(where.size), 0))
        left = np.flatnonzero((np.arange(where.size) - start) % 2 == 0)
        has_right = (left + 1 < where.size) & ~first[np.minimum(left + 1, where.size - 1)]
        right = bar[..., np.minimum(left + 1, where.size - 1)]
        zero = np.zeros((), bar.dtype)
        bar = bar[..., left] + np.where(has_right, right, zero)
        where = where[left]
    if where.size == size:
        return bar
    source = np.full(size, where.size)
    source[where] = np.arange(where.size)
    end = np.zeros((*bar.shape[:-1], 1), bar.dtype)
    return np.concatenate([bar, end], axis=-1)[..., source]


# --- Element-wise functions ----------------------------------------------------------------------


def pull_scaled(node, bar, owned, sweep):
    """A sum of arguments with constant coefficients: add, subtract, negative, ..."""
    for parent, c in zip(node.parents, node.data, strict=True):
        part = bar if c == 1 else -bar if c == -1 else times(bar, c)
        shared = c == 1 and part.shape == sweep.lead + parent.shape
        part = unbroadcast(part, parent.shape, sweep.lead)
        sweep.add(parent, part, not shared or owned and len(node.parents) == 1)


def pull_times(node, bar, owned, sweep):
    """Products: each parent with its factor; a constant factor that is exactly 0 gives 0."""
    factors, is_constant = node.data
    for parent, factor in zip(node.parents, factors, strict=True):
        part = _product(bar, factor, is_constant, sweep)
        sweep.add(parent, unbroadcast(part, parent.shape, sweep.lead), True)


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
        kernel = kernels.multiply_constant if is_constant else kernels.multiply
        kernel(rows, vector(factor, factor.dtype), out)
        return out.reshape(bar.shape)
    return times(bar, factor, is_constant)


def pull_elementwise(node, bar, owned, sweep):
    """Any other function of one or more arguments: ``x_bar = p y_bar`` with its partials p."""
    function, partials, variant, primals, y, argnums = node.data
    fits = (
        variant is not None
        and type(bar) is np.ndarray
        and type(y) is np.ndarray
        and y.dtype in FLOATS
        and bar.dtype == y.dtype
    )
    rows = sweep.rows(bar) if fits else None
    for parent, i in zip(node.parents, argnums, strict=True):
        partial = partials[i]
        if not callable(partial):
            part = bar if partial == 1 else times(bar, partial)
        elif fits:
            part = buffers.empty_like(rows)
            if len(primals) == 1:
                kernel = kernels.push_one(function, partial)
                kernel(vector(primals[0], y.dtype), vector(y, y.dtype), rows, part)
            else:
                a, step_a = strided(primals[0], y)
                b, step_b = strided(primals[1], y)
                kernel = kernels.push_two(function, i, partial, variant)
                kernel(a, step_a, b, step_b, vector(y, y.dtype), rows, part)
            part = part.reshape(bar.shape)
        else:
            part = times(bar, partial(*primals, y))
        shared = part is bar
        sweep.add(parent, unbroadcast(part, parent.shape, sweep.lead), not shared)


def pull_part(node, bar, owned, sweep):
    """The real or imaginary part of a complex array, or its conjugate."""
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
        if bar.dtype != parent.dtype:
            bar = fit(bar, parent.dtype)
        fresh = math.prod(parent.shape) == math.prod(node.shape)
        fresh = fresh and parent.serial not in sweep.bars
        if fresh:  # every element is written
            buffer = buffers.empty(sweep.lead + parent.shape, parent.dtype)
        else:
            buffer = sweep.buffer(parent)
        view = node.data(sweep.batched(buffer))
        if _is_same_memory(view, buffer):
            if fresh:
                view[...] = sweep.batched(bar)
                sweep.add(parent, buffer, True)
            else:
                view += sweep.batched(bar)
            return
    index = node.data(np.arange(math.prod(parent.shape)).reshape(1, *parent.shape))[0]
    sweep.add_at(parent, index, bar)


def _is_same_memory(view, buffer):
    """Whether `view` shows elements of `buffer`, none of them twice."""
    return np.may_share_memory(view, buffer) and view.flags.writeable and not any(
        s == 0 and n > 1 for s, n in zip(view.strides, view.shape, strict=True)
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


def pull_written(node, bar, owned, sweep):
    """An array after a write: the new elements' cotangent is read out, and erased for the old."""
    old, new = node.parents
    place = node.data
    if type(bar) is not np.ndarray:
        _pull_written_duals(node, bar, sweep)
        return
    if old is not None and not (owned and bar.flags.c_contiguous):
        bar = np.array(bar, order="C")
    rows = sweep.batched(bar)
    if new is not None:
        part = place.read(rows)
        overwritten = place.overwritten()
        if overwritten is not None:
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
    shape = tuple(1 if i - len(parent.shape) in node.data else n
                  for i, n in enumerate(parent.shape))  # fmt: skip
    bar = np.broadcast_to(sweep.shaped(bar, shape), sweep.lead + parent.shape)
    sweep.add(parent, bar, False)


def pull_running_sum(node, bar, owned, sweep):
    axis = node.data
    sweep.add(node.parents[0], np.flip(np.cumsum(np.flip(bar, axis), axis), axis), True)


def pull_matmul(node, bar, owned, sweep):
    """``a @ b``: ``a_bar = y_bar b^T`` and ``b_bar = a^T y_bar``, for matrices or stacks of them."""
    a, b, shape_a, shape_b, is_constant = node.data
    t, u = node.parents
    rows = (1, *shape_a) if len(shape_a) == 1 else shape_a
    columns = (*shape_b, 1) if len(shape_b) == 1 else shape_b
    if len(columns) == 2:  # all rows of a stack at once
        rows = (math.prod(rows[:-1]), rows[-1])
    batch = np.broadcast_shapes(rows[:-2], columns[:-2])
    bar = sweep.shaped(bar, (*batch, rows[-2], columns[-1]))
    if t is not None:
        q = np.swapaxes(np.reshape(b, columns), -1, -2)
        part = product(bar, q, is_constant)
        sweep.add(t, sweep.shaped(unbroadcast(part, rows, sweep.lead), shape_a), True)
    if u is not None:
        p = np.reshape(a, rows)
        part = np.swapaxes(product(np.swapaxes(bar, -1, -2), p, is_constant), -1, -2)
        sweep.add(u, sweep.shaped(unbroadcast(part, columns, sweep.lead), shape_b), True)


def pull_local(node, bar, owned, sweep):
    """A function given by its Jacobian: ``x_bar = y_bar J``, J of shape (x.size, *y.shape)."""
    flat = sweep.shaped(bar, (math.prod(node.shape),))
    for parent, block in zip(node.parents, node.data, strict=True):
        J = np.reshape(block, (math.prod(parent.shape), -1))
        part = product(flat[..., None, :], np.swapaxes(J, 0, 1), False)[..., 0, :]
        sweep.add(parent, sweep.shaped(part, parent.shape), True)


def product(x, other, is_constant):
    """``x @ other`` where an exact zero of x stays zero beside an infinity."""
    y = np.matmul(x, other)
    if np.isfinite(values(y)).all():
        return y
    total = 0.0
    for j in range(x.shape[-1]):
        total = total + times(x[..., :, j, None], other[..., j, None, :], is_constant)
    return total
