"""Reverse mode: f called once and recorded on a tape, which is swept back.

`Tape` is the one call, `swept` sweeps all rows of a Jacobian, many at a time.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from dualmc.calls import options
from dualmc.calls.calling import call_f, called
from dualmc.calls.outputs import as_output, result, scalar, sparse_rows
from dualmc.calls.request import Request, check_callable
from dualmc.calls.seeds import seed_block, seed_recorded
from dualmc.cotangents import quick_sweep, sweep
from dualmc.duals import choices, levels
from dualmc.duals.dual import Dual, make
from dualmc.duals.levels import open_level
from dualmc.kernels import buffers
from dualmc.tangents.tape import leaf
from dualmc.unchanged import adapt

# Bytes of one step's cotangents that rows are swept together for: more would leave the cache.
ROWS_BUDGET = 2**24
DIRECTIONS = 8  # that tell derivatives by different inputs apart
FLOAT64 = np.dtype(np.float64)


class Tape:
    """One recorded call of f."""

    other: Any = None  # where an inner call met a kink: the tape of another look at f

    def __init__(self, request: Request, looks_again: bool = True) -> None:
        level = None
        while level is None:
            try:
                with open_level(0, records=True) as level:
                    seeded = [seed_recorded(x, level) for x in request.xs]
                    y, aux = called(request, [dual for dual, _ in seeded], level)
                    self._hold([var for _, var in seeded], y, aux, level)
                if level.is_suspect:
                    _look_at_comparisons(request.xs, lambda xs, at: called(request, xs, at))
            except adapt.Restart:
                level = None
        if looks_again and (level.kinked or level.chosen):
            self._look_again(level, lambda: Tape(request, False))

    @classmethod
    def of_array(cls, caller: str, f: Callable, args: tuple, looks_again: bool = True) -> "Tape":
        """The tape of a call that differentiates a plain float64 array, its first argument."""
        check_callable(f, caller)
        x = args[0]
        level = None
        while level is None:
            try:
                with open_level(0, records=True) as level:
                    var = leaf(x)
                    dual = make(np.array(x), var, level)
                    dual._writes = 1  # what has no dimensions is an array here: see `make_array`
                    y = call_f(f, (dual, *args[1:]), level)
                    tape = cls.__new__(cls)
                    tape._hold([var], as_output(y, caller), None, level)
                if level.is_suspect:
                    _look_at_comparisons([x], lambda xs, at: call_f(f, (*xs, *args[1:]), at))
            except adapt.Restart:
                level = None
        if looks_again and (level.kinked or level.chosen):
            tape._look_again(level, lambda: cls.of_array(caller, f, args, False))
        return tape

    def _look_again(self, level, record):
        is_varied = choices.again(level)
        if is_varied is None:
            return
        with choices.looking(is_varied):
            other = record()
        if is_varied:
            self.other = other
        else:
            self.value, self.aux = other.value, other.aux

    def _hold(self, inputs, y, aux, level):
        self.inputs = inputs
        self.aux = aux
        if type(y) is Dual and y.level is level:
            self.value, self.output = y.primal, y.own_tangent()
        else:
            self.value, self.output = y, None

    @functools.cached_property
    def order(self) -> list:
        """The part of the tape that is swept."""
        return [] if self.output is None else sweep.reachable(self.output)

    def gradients(self) -> list:
        """The inputs' cotangents where the value is one number, of whatever shape."""
        found: Any = NotImplemented
        if self.output is not None and type(self.value) is np.ndarray:
            one = 1.0 if self.value.ndim == 0 else np.ones(self.value.shape)
            found = quick_sweep.pulled(self.output, one, self.inputs)
        if type(found) is not list:
            ones = np.ones(self.value.shape, self.value.dtype)
            found = self.swept(ones, (), None, found is None)
            found = [np.asarray(bar) if issubclass(type(bar), np.generic) else bar for bar in found]
        return found if self.other is None else _agreed(found, self.other.gradients(), ())

    def pull(self, y_bar: Any, lead: tuple, first: int | None = None) -> list:
        """The inputs' cotangents, (*lead, *x.shape) each, for `y_bar`, (*lead, *y.shape).

        With `first`, `y_bar` is the rows of the identity from that one on.
        """
        found: Any = NotImplemented
        others = None if self.other is None else self.other.pull(y_bar.copy(), lead, first)
        is_plain = type(self.value) is type(y_bar) is np.ndarray and y_bar.dtype is FLOAT64
        if is_plain and not lead and first is None and self.output is not None:
            bar = y_bar if y_bar.ndim else y_bar.item()
            found = quick_sweep.pulled(self.output, bar, self.inputs)
        if type(found) is not list:
            found = self.swept(y_bar, lead, first, found is None)
        return found if others is None else _agreed(found, others, lead)

    def swept(self, y_bar: Any, lead: tuple, first: int | None, is_careful: bool) -> list:
        """The same by the sweep that serves every dtype, many rows, and Duals."""
        if self.output is None:
            return [np.zeros(lead + var.shape, var.dtype) for var in self.inputs]
        swept = sweep.pulled(self.order, y_bar, lead, self.inputs, first, is_careful)
        found = []
        for var, (bar, is_owned) in zip(self.inputs, swept, strict=True):
            if bar is None:
                bar = np.zeros(lead + var.shape, var.dtype)
            elif not issubclass(type(bar), sweep.PLAIN):
                bar = bar if is_owned else bar.copy()
            elif is_owned and type(bar) is np.ndarray and buffers.is_tight(bar):
                np.add(bar, 0.0, bar)  # no -0 among the results
            else:  # which share memory with nothing, one another included
                bar = np.add(bar, 0.0)
            found.append(bar)
        return found

    def rows_per_sweep(self):
        """How many rows are swept together, so that the largest cotangent stays in the cache."""
        order = self.order or self.other.order
        largest = max(math.prod(var.shape) * var.dtype.itemsize for var in order)
        return max(1, ROWS_BUDGET // max(1, largest))


def _look_at_comparisons(xs, call):
    """Run f along some directions: where it finds a root by halving, that raises."""
    rng = np.random.default_rng(0)
    with open_level(DIRECTIONS) as level:
        duals = [seed_block(x, rng.standard_normal((DIRECTIONS, *x.shape)), level) for x in xs]
        call(duals, level)


def _agreed(found, others, lead):
    """The inputs' cotangents, NaN where another look at f gave others."""
    return [choices.agreed(bar, other, len(lead)) for bar, other in zip(found, others, strict=True)]


@levels.trimming
def swept(request):
    tape = Tape(request)
    y = tape.value
    dtype = y.dtype if y.dtype.kind in "fc" else np.result_type(*(x.dtype for x in request.xs))
    n, m = sum(request.sizes), math.prod(y.shape)
    if m == 1 and y.dtype.kind != "c":
        rows = [np.reshape(bar, (1, -1)).astype(dtype, copy=False) for bar in tape.gradients()]
        parts = [sparse_rows(request, r) if request.sparse else r for r in rows]
    elif not (tape.order or tape.other and tape.other.order) or m == 0 or n == 0:
        rows = [np.zeros((m, size), dtype) for size in request.sizes]
        parts = [sparse_rows(request, r) if request.sparse else r for r in rows]
    else:
        parts = _rows(request, tape, m, dtype)
    return scalar(y), result(request, parts, y.shape), tape.aux


def _rows(request, tape, m, dtype):
    """The Jacobian's rows, per argument (m, x.size), swept in chunks."""
    step = request.chunk_size or tape.rows_per_sweep()
    chunks = [[] for _ in request.xs]
    out = None
    for start in range(0, m, step):
        k = min(step, m - start)
        y_bar = np.zeros((k, m), dtype)
        y_bar[np.arange(k), start + np.arange(k)] = 1
        bars = _pulled(tape, y_bar, start)
        rows = [
            np.reshape(bar.astype(dtype, copy=False), (k, size))
            for bar, size in zip(bars, request.sizes, strict=True)
        ]
        if k < m and not request.sparse and all(type(r) is np.ndarray for r in rows):
            if out is None:
                out = [np.empty((m, size), dtype) for size in request.sizes]
            for whole, part in zip(out, rows, strict=True):
                whole[start : start + k] = part
            continue
        for found, part in zip(chunks, rows, strict=True):
            found.append(sparse_rows(request, part) if request.sparse else part)
    if out is not None:
        return out
    if request.sparse:
        stack = options.import_sparse("").vstack
        return [stack(found, format="csr") if len(found) > 1 else found[0] for found in chunks]
    return [np.concatenate(found) if len(found) > 1 else found[0] for found in chunks]


def _pulled(tape, y_bar, first):
    """The inputs' cotangents for the rows of the identity, (k, m), from the `first` on.

    One row is swept without its axis.
    """
    shape = tape.value.shape
    k = y_bar.shape[0]
    lead = () if k == 1 else (k,)
    y_bar = y_bar.reshape(lead + shape)
    first = None if y_bar.size == 1 else first
    if y_bar.dtype.kind != "c":
        return tape.pull(y_bar, lead, first)
    # Of a complex output, 1 and -i select the real and the imaginary part.
    real, imaginary = tape.pull(y_bar, lead), tape.pull(y_bar * -1j, lead)
    return [a + 1j * b for a, b in zip(real, imaginary, strict=True)]


@levels.trimming
def taped(request):
    return Tape(request)
