"""The reverse sweep: cotangents carried from an output back along the tape.

A step of the tape is a `tape.Var`: its parents, what was kept of it, and one of the pullbacks,
which adds to the parents' cotangents what the step's own cotangent contributes.

A cotangent has the shape of its array, after a leading axis of k where k rows are swept at once; a
number may stand for an array of equal ones where one row is swept.  For complex arrays the pairing
is Re(sum(y_bar * y_dot)), without conjugate.  A cotangent that is exactly 0 stays 0 whatever it is
multiplied by.

Cotangents are ndarrays, or Duals of an outer level (a Hessian is the tangent of a sweep): the first
are added up in place, the second by the same formulas in `np.*`.

Only an infinity or a NaN among the factors tells a zero that must stay 0 from any other: in plain
arithmetic the product is NaN, every pullback hands a NaN on to all that it reaches, and a finite
result has met none.  So cotangents are swept twice at most: quickly, in plain arithmetic, and once
more with care where the inputs' cotangents are not finite.
"""

import functools
import math
import operator

import numpy as np

from dualmc.errors import forget
from dualmc.kernels import buffers, slot_kernels
from dualmc.kernels.payload import values
from dualmc.kernels.quiet import quiet

# A cotangent that is not a Dual; 0-d ones are NumPy scalars where arithmetic made them.
PLAIN = (np.ndarray, np.generic)
# Pullbacks that take a number for an array of equal ones.
UNIFORM = set()


class NotQuick(Exception):
    """A quick sweep met what it cannot judge: a NaN on the way into a user's function."""


class Sweep:
    """The cotangents on the way back, each at its step's place in the order of the sweep."""

    __slots__ = ("lead", "width", "bars", "owned", "pieces", "is_careful", "identity", "first")

    def __init__(self, order, lead, is_careful):
        # The digits of the output: cotangents are narrower nowhere, so that a float32 input of a
        # float64 result keeps them, and wider only where an array is.
        dtype = order[0].dtype
        self.width = dtype if dtype.kind == "f" else np.empty(0, dtype).real.dtype
        self.lead = lead  # () for one cotangent, (k,) for k rows at once
        self.bars = [None] * len(order)  # as far as they are known
        self.owned = [False] * len(order)  # whether the cotangent, whole, may be written in place
        self.pieces = {}  # by place: parts (index, cotangent) to be added, of Duals
        self.is_careful = is_careful  # whether zeros are kept from infinities
        self.identity = None  # the cotangent that is rows of the identity from the `first` on
        self.first = None

    def add(self, var, bar, owned):
        """Add `bar` to the cotangent of `var`; `owned` if nothing else looks into it."""
        dtype = bar.dtype
        if dtype is not var.dtype and dtype != var.dtype:
            fitted = self.fit(bar, var.dtype)
            # Of a complex cotangent the real part is a view: it is owned as far as that one is.
            owned = owned or not may_share(fitted, bar)
            bar = fitted
        place = var.place
        have = self.bars[place]
        if have is None:
            self.bars[place] = bar
            self.owned[place] = owned
        elif type(have) is np.ndarray and self.owned[place] and self._fits(bar, have):
            np.add(have, bar, have)
        elif type(bar) is np.ndarray and owned and self._fits(have, bar):
            self.bars[place] = np.add(have, bar, bar)
            self.owned[place] = True
        else:
            self.bars[place] = summed(have, bar)
            self.owned[place] = True

    def has(self, var):
        """Whether anything has been added to the cotangent of `var`."""
        return self.bars[var.place] is not None

    def _fits(self, bar, whole):
        """Whether `bar` can be added to the array `whole` in place."""
        return (
            issubclass(type(bar), PLAIN)
            and bar.dtype == whole.dtype
            and (bar.shape == whole.shape or not bar.ndim and not self.lead)
        )

    def buffer(self, var, dtype):
        """The cotangent of `var` so far, as an array that parts of `dtype` may be added to."""
        place = var.place
        have = self.bars[place]
        if have is None:
            dtype = var.dtype if dtype is var.dtype else np.result_type(var.dtype, dtype)
            have = buffers.zeros(self.lead + var.shape, dtype)
        elif (
            type(have) is np.ndarray  # not a NumPy scalar, which cannot be written to
            and self.owned[place]
            and have.flags.c_contiguous
            and (have.dtype is dtype or np.can_cast(dtype, have.dtype))
        ):
            return have
        else:
            have = np.array(self.full(have, var), np.result_type(have.dtype, dtype), order="C")
        self.bars[place] = have
        self.owned[place] = True
        return have

    def full(self, bar, var):
        """The cotangent `bar` of `var` as an array, if it is a number that stands for one."""
        if bar.ndim or not var.shape or self.lead or not issubclass(type(bar), PLAIN):
            return bar
        out = buffers.empty(var.shape, bar.dtype)
        out.fill(bar[()])
        return out

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
        have = self.bars[var.place]
        return issubclass(type(bar), PLAIN) and (have is None or issubclass(type(have), PLAIN))

    def add_at(self, var, index, bar):
        """Add `bar` to the elements at flat positions `index` (-1: nowhere), which may repeat."""
        bar = self.fit(bar, var.dtype)
        if self.in_place(var, bar):
            rows = self.rows(self.buffer(var, bar.dtype))
            scatter(rows, index, self.rows(bar.astype(rows.dtype, copy=False)))
        else:
            flat = bar.reshape((*self.lead, index.size))
            self.pieces.setdefault(var.place, []).append((index.reshape(-1), flat))

    def take(self, var):
        """The whole cotangent of `var` (None: zero), and whether it may be written in place."""
        place = var.place
        if place is None:
            return None, False
        bar, self.bars[place] = self.bars[place], None
        pieces = self.pieces.pop(place, None)
        if pieces is None:
            if bar is None or bar.ndim == len(self.lead) + len(var.shape):
                return bar, self.owned[place]
            return self.full(bar, var), True
        index = np.concatenate([i for i, _ in pieces])
        parts = [piece for _, piece in pieces]
        part = np.concatenate(parts, axis=-1) if len(parts) > 1 else parts[0]
        part = self.shaped(scattered(part, index, math.prod(var.shape)), var.shape)
        return part if bar is None else bar + part, True

    def judge(self, bar):
        """Before a function that may not hand a NaN on: a quick sweep must have met none."""
        if not self.is_careful and not is_finite(bar):
            raise NotQuick

    def rows(self, bar):
        """A plain cotangent as (k, size), contiguous."""
        k = self.lead[0] if self.lead else 1
        return buffers.contiguous(bar).reshape(k, math.prod(bar.shape[len(self.lead) :]))

    def batched(self, bar):
        """`bar` with its leading axis, of length 1 for a single cotangent."""
        return bar if self.lead else bar.reshape((1, *bar.shape))

    def shaped(self, bar, shape):
        return bar.reshape(self.lead + shape)


def pulled(order, bar, lead, inputs, first=None, is_careful=False, base=-1):
    """Sweep `bar`, the cotangent of ``order[0]``, down to `inputs`: (cotangent, owned) of each.

    `order` holds the Vars that reach the output, latest first, as `reachable` has placed them.  A
    cotangent that is 0 is None.  With `first`, `bar` is the rows of the identity from that one on.
    With `is_careful`, a quick sweep need not be tried.  The sweep ends at Vars older than `base`.
    """
    with quiet():
        if order[0].dtype.kind == "f" and not is_careful:
            try:
                found = _taken(run(order, bar, lead, False, first, base), inputs)
            except Exception as error:  # of what a NaN met: the careful sweep meets none, or again
                forget(error)
                found = None
            if found is not None and all(x_bar is None or is_finite(x_bar) for x_bar, _ in found):
                return found
        return _taken(run(order, bar, lead, True, first, base), inputs)


def _taken(sweep, inputs):
    return [sweep.take(var) for var in inputs]


def is_finite(bar):
    """Whether all of `bar` is finite; large finite numbers may be taken for infinite."""
    if not issubclass(type(bar), PLAIN):
        return bool(np.isfinite(values(bar)).all())
    if bar.dtype.kind == "f" and bar.size < 2**16:
        flat = bar if bar.ndim == 1 else bar.reshape(-1)
        return bool(flat.dot(flat) < math.inf)
    return bool(np.isfinite(bar).all())


def run(order, bar, lead, is_careful, first=None, base=-1):
    """Sweep from ``order[0]``, whose cotangent is `bar`, down the tape; the `Sweep` at its end."""
    sweep = Sweep(order, lead, is_careful)
    sweep.add(order[0], bar, False)
    if first is not None:
        sweep.identity, sweep.first = bar, first
    bars, owned, pieces = sweep.bars, sweep.owned, sweep.pieces
    for place, node in enumerate(order):
        pull = node.pull
        if pull is None or node.serial < base:
            continue
        if pieces and place in pieces:
            bar, is_owned = sweep.take(node)
        else:
            bar, is_owned = bars[place], owned[place]
            if bar is None:
                continue
            bars[place] = None
        if not bar.ndim and node.shape and pull not in UNIFORM:
            bar, is_owned = sweep.full(bar, node), True
        pull(node, bar, is_owned, sweep)
    return sweep


_serial = operator.attrgetter("serial")


def reachable(output, base=-1):
    """The Vars that `output` was made of, latest first: the part of the tape that is swept.

    Of those older than `base` it is not asked what they were made of.
    """
    seen = {None, output}  # None: a parent that is constant
    stack = [output]
    while stack:
        node = stack.pop()
        for parent in node.parents if node.serial >= base else ():
            if parent not in seen:
                seen.add(parent)
                stack.append(parent)
    seen.remove(None)
    order = sorted(seen, key=_serial, reverse=True)
    for place, node in enumerate(order):
        node.place = place
    return order


# --- Tools ---------------------------------------------------------------------------------------


def may_share(a, b):
    """Whether two cotangents may show the same memory; Duals are never written to here."""
    return issubclass(type(a), PLAIN) and issubclass(type(b), PLAIN) and np.may_share_memory(a, b)


def summed(a, b):
    """The sum of two cotangents, in a kept buffer where it is large."""
    if type(a) is type(b) is np.ndarray and a.nbytes >= buffers.LARGE:
        if a.shape == b.shape and a.dtype == b.dtype:
            return np.add(a, b, buffers.empty(a.shape, a.dtype))
    return a + b


def narrowed(bar, dtype):
    """A result in the dtype that the caller expects."""
    return bar if dtype.kind not in "fc" or bar.dtype == dtype else bar.astype(dtype)


def unbroadcast(bar, shape, lead):
    """`bar` summed over the axes along which an array of `shape` was repeated."""
    have = bar.shape[len(lead) :]
    if have == shape:
        return bar
    axes, rows = _repeated(have, shape)
    if not issubclass(type(bar), PLAIN):
        return np.sum(bar, axis=axes).reshape(lead + shape)
    if lead or not rows:
        return np.add.reduce(bar, axes).reshape(lead + shape)
    if rows == bar.size:
        return np.add.reduce(bar, None).reshape(shape)
    return np.ones(rows, bar.dtype).dot(bar.reshape(rows, -1)).reshape(shape)


@functools.lru_cache(4096)
def _repeated(have, shape):
    """The axes along which `shape` is repeated in `have`; how often, if behind all of them."""
    extra = len(have) - len(shape)
    axes = [i - len(have) for i in range(extra)]
    axes += [i - len(shape) for i, n in enumerate(shape) if n == 1 and have[i + extra] != 1]
    size = math.prod(have)
    if math.prod(shape) == 1:
        return tuple(axes), size
    return tuple(axes), math.prod(have[:extra]) if have[extra:] == shape and size else 0


def scatter(rows, index, bar):
    """``rows[:, index[i]] += bar[:, i]`` wherever index is not -1, in place."""
    slot_kernels.scatter_add(bar, np.ascontiguousarray(index, np.int64).reshape(-1), rows)


def scattered(bar, index, size):
    """The last axis of `bar` added up at the positions `index` of `size`, in `np.*`."""
    if issubclass(type(bar), PLAIN):
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
