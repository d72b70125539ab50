"""The reverse sweep: cotangents carried from an output back along the tape.

A step of the tape is a `tape.Var`: its parents, what was kept of it, and one of the pullbacks of
`pullbacks.py`, which adds to the parents' cotangents what the step's own cotangent contributes.

A cotangent has the shape of its array, after a leading axis of k where k rows are swept at once.
For complex arrays the pairing is Re(sum(y_bar * y_dot)), without conjugate.  A cotangent that is
exactly 0 stays 0 whatever it is multiplied by.

Cotangents are ndarrays, or Duals of an outer level (a Hessian is the tangent of a sweep): the first
are added up in place, the second by the same formulas in `np.*`.
"""

import math

import numpy as np

from dualmc import buffers, kernels

# A cotangent that is not a Dual; 0-d ones are NumPy scalars where arithmetic made them.
PLAIN = (np.ndarray, np.generic)


class Sweep:
    """The cotangents on the way back."""

    __slots__ = ("lead", "width", "bars", "owned", "pieces")

    def __init__(self, lead, output):
        # The digits of the output: cotangents are narrower nowhere, so that a float32 input of a
        # float64 result keeps them, and wider only where an array is.
        self.width = np.empty(0, output.dtype).real.dtype
        self.lead = lead  # () for one cotangent, (k,) for k rows at once
        self.bars = {}  # by serial: the cotangent of that Var as far as it is known
        self.owned = set()  # serials whose cotangent may be written in place
        self.pieces = {}  # by serial: parts (index, cotangent) to be added, of Duals

    def add(self, var, bar, owned):
        """Add `bar` to the cotangent of `var`; `owned` if nothing else looks into it."""
        if bar.dtype is not var.dtype and bar.dtype != var.dtype:
            before = bar
            bar = self.fit(bar, var.dtype)
            owned = owned or bar is not before
        serial = var.serial
        have = self.bars.get(serial)
        if have is None:
            self.bars[serial] = bar
            if owned:
                self.owned.add(serial)
        elif type(have) is np.ndarray and type(bar) is np.ndarray and have.dtype == bar.dtype:
            if serial in self.owned:
                np.add(have, bar, out=have)
            else:
                self.bars[serial] = np.add(have, bar, out=bar) if owned else have + bar
                self.owned.add(serial)
        else:
            self.bars[serial] = have + bar
            self.owned.add(serial)

    def buffer(self, var, dtype):
        """The cotangent of `var` so far, as an array that parts of `dtype` may be added to."""
        serial = var.serial
        have = self.bars.get(serial)
        if have is None:
            have = np.zeros(self.lead + var.shape, np.result_type(var.dtype, dtype))
        elif (
            type(have) is np.ndarray  # not a NumPy scalar, which cannot be written to
            and serial in self.owned
            and have.flags.c_contiguous
            and np.can_cast(dtype, have.dtype)
        ):
            return have
        else:
            have = np.array(have, np.result_type(have.dtype, dtype), order="C")
        self.bars[serial] = have
        self.owned.add(serial)
        return have

    def fit(self, bar, dtype):
        """`bar` for an array of `dtype`: of a real array only the real part counts."""
        if bar.dtype is dtype is self.width:
            return bar
        if bar.dtype.kind == "c" and dtype.kind != "c":
            bar = np.real(bar)
        dtype = np.result_type(self.width, dtype)
        return bar if bar.dtype == dtype else bar.astype(dtype)

    def in_place(self, var, bar):
        """Whether `bar` can be added to parts of var's cotangent in place."""
        return isinstance(bar, PLAIN) and isinstance(self.bars.get(var.serial, bar), PLAIN)

    def add_at(self, var, index, bar):
        """Add `bar` to the elements at flat positions `index` (-1: nowhere), which may repeat."""
        bar = self.fit(bar, var.dtype)
        if self.in_place(var, bar):
            rows = self.rows(self.buffer(var, bar.dtype))
            scatter(rows, index, self.rows(bar.astype(rows.dtype, copy=False)))
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
    sweep = Sweep(lead, order[0])
    sweep.add(order[0], bar, False)
    with np.errstate(all="ignore"):
        bars, owned, pieces = sweep.bars, sweep.owned, sweep.pieces
        for node in order:
            pull = node.pull
            if pull is None:
                continue
            serial = node.serial
            if serial in pieces:
                bar, is_owned = sweep.take(node)
            else:
                bar, is_owned = bars.pop(serial, None), serial in owned
            if bar is not None:
                pull(node, bar, is_owned, sweep)
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


def narrowed(bar, dtype):
    """A result in the dtype that the caller expects."""
    return bar if dtype.kind not in "fc" or bar.dtype == dtype else bar.astype(dtype)


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
    if isinstance(bar, PLAIN):
        rows = np.zeros((math.prod(bar.shape[:-1]), size), bar.dtype)
        scatter(rows, index, np.ascontiguousarray(bar.reshape(rows.shape[0], index.size)))
        return rows.reshape(*bar.shape[:-1], size)
    used = np.flatnonzero(index >= 0)
    order = used[np.argsort(index[used], kind="stable")]
    where = index[order]
    if order.size != index.size or np.any(order[1:] != order[:-1] + 1):
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
