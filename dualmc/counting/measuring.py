"""Every mode of `compare` run on one function: columns or rows of its Jacobian, seconds, bytes."""

import math
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

from dualmc.calls import seeds, watch
from dualmc.calls.calling import call_f, called
from dualmc.calls.outputs import Piece, as_output
from dualmc.calls.request import Request
from dualmc.counting import costs
from dualmc.counting.comparison import Mode, counted
from dualmc.duals.levels import guarded, open_level
from dualmc.kernels import buffers
from dualmc.passes import forward_pass
from dualmc.passes.reverse_pass import Tape
from dualmc.unchanged import adapt

# Columns per pass of the chunked mode, as ForwardDiff.jl and its kin take them.
CHUNK = 16
# Entries of a Jacobian that is compared whole; of a larger one, some rows and columns are.
WHOLE = 2**22


def recorded(request: Request) -> Tape:
    """f, recorded, where both modes have something to compute.

    Raises
    ------
    TypeError, ValueError
        If the call is inside another, or f's output is complex or does not depend on its input.
    """
    caller = request.caller
    if not all(type(x) is np.ndarray for x in request.xs):
        raise TypeError(
            f"{caller} measures at plain numbers; it was called inside another derivative call. "
            f"Call it outside, at the values."
        )
    watch.look(request)
    tape = Tape(request)
    if tape.value.dtype.kind == "c":
        raise TypeError(
            f"{caller} needs f to return real numbers; f returned complex ones. Compare its real "
            f"and imaginary parts."
        )
    n = sum(request.sizes)
    if not tape.order or n == 0 or tape.value.size == 0:
        raise ValueError(
            f"{caller} needs an output that depends on the input; f's output of shape "
            f"{tape.value.shape} does not depend on its {n} inputs, so every Jacobian is zero."
        )
    return tape


def contest(
    request: Request, tape: Tape, n: int, m: int, seconds: float
) -> tuple[float, float, bool]:
    """Seconds of `jacobian_fwd` and of `jacobian_rev`; whether the latter are extrapolated."""
    reference = _Reference(request, tape, n, m)
    forward = _timed(reference.structured, seconds / 3)
    _, reverse, is_extrapolated, _ = _reverse(request, tape, m, seconds / 3, reference)
    return forward, reverse, is_extrapolated


def measured_modes(
    request: Request, tape: Tape, n: int, m: int, pattern: Any, seconds: float
) -> tuple[Mode, ...]:
    """What each mode takes for the call on `tape`, in about `seconds` in all."""
    reference = _Reference(request, tape, n, m)
    one = costs.forward_work(tape.order)
    back = costs.reverse_work(tape.order)
    chunk = min(CHUNK, n)
    dense = "jacobian_fwd(f, x, chunk_size={})"

    def columns(start: int, stop: int) -> Any:
        return _pass(request, start, stop)

    def differences(start: int, stop: int) -> Any:
        return _difference_columns(request, tape.value, start, stop)

    share = seconds / 5
    structured = _timed(reference.structured, share)
    found = [
        Mode("forward, one column at a time", dense.format(1), n, 0, one.multiplications * n,
             one.additions * n, *_measured(columns, n, 1, share, reference.column_difference)),
        Mode(f"forward, {counted(chunk, 'column')} at a time", dense.format(chunk), -(-n // chunk),
             0, one.multiplications * n, one.additions * n,
             *_measured(columns, n, chunk, share, reference.column_difference)),
        Mode("forward, structured", "jacobian_fwd(f, x)", reference.passes, 0,
             None if pattern is None else pattern.work.multiplications,
             None if pattern is None else pattern.work.additions,
             _peak(reference.structured), structured, False, 0.0),
    ]  # fmt: skip
    found.append(
        Mode("reverse", "jacobian_rev(f, x)", 1, -(-m // _rows_per_sweep(tape, m)),
             back.multiplications * m, back.additions * m,
             *_reverse(request, tape, m, share, reference))
    )  # fmt: skip
    found.append(
        Mode("finite differences", "(f(x + h e_j) - f(x)) / h", n + 1, 0, None, None,
             *_measured(differences, n, 1, share, reference.column_difference))
    )  # fmt: skip
    return tuple(found)


class _Reference:
    """The structured forward Jacobian that the others are compared with, (m, n)."""

    def __init__(self, request: Request, tape: Tape, n: int, m: int) -> None:
        self.request = request
        self.n, self.m = n, m
        self.is_sparse = n * m > WHOLE
        self.passes = 0
        self.J = self.structured()
        entries = np.abs(self.J.data if self.is_sparse else self.J)
        self.scale = float(np.max(entries, initial=0.0, where=np.isfinite(entries))) or 1.0

    def structured(self) -> Any:
        """What `jacobian_fwd` computes; a large one as `sparse=True` returns it."""
        request = self.request
        whole = Request(
            "compare", request.f, request.args, request.numbers, None, self.is_sparse, "numerator",
            False,
        )  # fmt: skip
        _, pieces, _ = forward_pass.passes(whole)
        self.passes = len(pieces)
        J = pieces[0] if len(pieces) == 1 else forward_pass.joined(pieces, self.is_sparse)
        return J if self.is_sparse else J.reshape(self.m, self.n)

    def _dense(self, part: Any) -> Any:
        return part.toarray() if self.is_sparse else part

    def column_difference(self, columns: Any, start: int, stop: int) -> float:
        return self._difference(columns, self._dense(self.J[:, start:stop]))

    def row_difference(self, rows: Any, start: int, stop: int) -> float:
        return self._difference(rows, self._dense(self.J[start:stop]))

    def _difference(self, found: Any, exact: Any) -> float:
        """The largest; infinite where one is infinite or NaN and the other is something else."""
        with np.errstate(all="ignore"):
            gap = np.nan_to_num(np.abs(found - exact), nan=np.inf, posinf=np.inf)
            is_same = (found == exact) | (np.isnan(found) & np.isnan(exact))
        return float(np.max(gap, initial=0.0, where=~is_same)) / self.scale


@adapt.restarting
def _pass(request: Request, start: int, stop: int) -> Any:
    """Columns ``start:stop`` of the Jacobian, (m, stop - start), by dense dual numbers."""
    with guarded(), open_level(stop - start) as level:
        ends = np.cumsum([0, *request.sizes]).tolist()
        inputs = [
            seeds.seed(x, level, offset - start, False)
            for x, offset in zip(request.xs, ends, strict=False)
        ]
        out, _ = called(request, inputs, level)
        columns = Piece(out, level, request.xs[0].dtype).columns()
        return columns.reshape(-1, stop - start)


def _reverse(
    request: Request, tape: Tape, m: int, share: float, reference: _Reference
) -> tuple[int, float, bool, float]:
    """Of reverse mode, recording included, what `_measured` returns."""
    rows = _rows_per_sweep(tape, m)

    def swept(start: int, stop: int) -> Any:
        return _swept(tape, m, start, stop)

    peak, seconds, is_extrapolated, difference = _measured(
        swept, m, rows, share, reference.row_difference
    )
    recording = _timed(lambda: Tape(request), share / 2)
    peak = max(peak, _peak(lambda: _swept(Tape(request), m, 0, rows)))
    return peak, recording + seconds, is_extrapolated, difference


def _rows_per_sweep(tape: Tape, m: int) -> int:
    return min(m, tape.rows_per_sweep())


def _swept(tape: Tape, m: int, start: int, stop: int) -> Any:
    """Rows ``start:stop`` of the Jacobian, (stop - start, n), by reverse sweeps."""
    k = stop - start
    y_bar = np.zeros((k, m), tape.value.dtype if tape.value.dtype.kind == "f" else np.float64)
    y_bar[np.arange(k), start + np.arange(k)] = 1
    found = tape.pull(y_bar.reshape((k, *tape.value.shape)), (k,))
    return np.concatenate([bar.reshape(k, math.prod(bar.shape[1:])) for bar in found], axis=1)


def _difference_columns(request: Request, y: Any, start: int, stop: int) -> Any:
    """Columns by the forward difference that SciPy's ``jac="2-point"`` takes by default."""
    xs = [x.astype(np.float64) for x in request.xs]
    ends = np.cumsum([0, *request.sizes]).tolist()
    columns = []
    for j in range(start, stop):
        a = next(i for i, end in enumerate(ends[1:]) if j < end)
        moved = [x.copy() for x in xs]
        flat = moved[a].reshape(-1)
        before = flat[j - ends[a]]
        flat[j - ends[a]] = before + 2**-26 * max(1.0, abs(before))
        step = flat[j - ends[a]] - before
        call = list(request.args)
        for i, x in zip(request.numbers, moved, strict=True):
            call[i] = x if x.ndim else x[()]
        out = as_output(call_f(request.f, call, None), "compare")
        columns.append((np.asarray(out, np.float64) - y).reshape(-1) / step)
    return np.stack(columns, axis=1)


def _measured(
    part: Callable, total: int, step: int, share: float, difference: Callable
) -> tuple[int, float, bool, float]:
    """Peak bytes, seconds, whether extrapolated, and the largest difference of what was computed.

    `part(start, stop)` computes that slice of `total` columns or rows, `step` at a time.
    """
    part(0, min(step, total))  # the first call compiles
    worst, spent, done = 0.0, 0.0, 0
    while done < total and (spent < share or not done):
        stop = min(done + step, total)
        start = time.perf_counter()
        values = part(done, stop)
        spent += time.perf_counter() - start
        worst = max(worst, difference(values, done, stop))
        done = stop
    one = spent * total / done
    if done == total:
        best = one
        while spent < share / 2:  # a short measurement is repeated, for its best
            again = _once(part, total, step)
            spent += again
            best = min(best, again)
        one = best
    return _peak(lambda: part(0, min(step, total))), one, done < total, worst


def _once(part: Callable, total: int, step: int) -> float:
    start = time.perf_counter()
    for first in range(0, total, step):
        part(first, min(first + step, total))
    return time.perf_counter() - start


def _timed(call: Callable, share: float) -> float:
    """Seconds of the fastest of several calls that fit `share` seconds; two at least, of short
    ones, since the first may compile."""
    best, spent, calls = math.inf, 0.0, 0
    while spent < share or calls < 2 and spent < 1.0:
        start = time.perf_counter()
        call()
        once = time.perf_counter() - start
        best, spent, calls = min(best, once), spent + once, calls + 1
    return best


def _peak(call: Callable) -> int:
    """Bytes that `call` holds at its peak."""
    buffers.trim(0)
    was_tracing = tracemalloc.is_tracing()
    if not was_tracing:
        tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        call()
        return max(0, tracemalloc.get_traced_memory()[1] - before)
    finally:
        if not was_tracing:
            tracemalloc.stop()
